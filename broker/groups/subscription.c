#include "broker/groups/subscription.h"

bool subscription_has(struct slice metadata, struct slice topic, bool *is_sound)
{
    struct reader in = reader_of(metadata);
    int16_t version = read_i16(&in);
    int32_t count = read_i32(&in);
    bool found = false;
    *is_sound = metadata.at != NULL && reader_ok(&in) && version >= 0 && count >= 0;
    for (int32_t i = 0; *is_sound && i < count; i++) {
        int16_t size = read_i16(&in);
        struct slice name = size >= 0 ? read_slice(&in, (size_t)size) : (struct slice){0};
        *is_sound = reader_ok(&in) && size >= 0;
        found |= *is_sound && slice_equal(name, topic);
    }
    return *is_sound && found;
}
