#include "broker/groups/place.h"

#include "common/check.h"
#include "common/text.h"

static uint32_t add(uint32_t hash, uint32_t unit)
{
    return hash * 31 + unit;
}

int32_t group_partition(struct slice id, uint32_t partition_count)
{
    CHECK(partition_count > 0);

    uint32_t hash = 0;
    const uint8_t *at = id.at, *end = id.at + id.size;
    while (id.size > 0 && at < end) {
        uint32_t c = text_next_character(&at, end);
        if (c >= 0x10000) {
            hash = add(hash, 0xd800 + ((c - 0x10000) >> 10));
            hash = add(hash, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            hash = add(hash, c);
        }
    }
    int64_t value = (int32_t)hash;
    if (value == INT32_MIN) value = 0;
    return (int32_t)((value < 0 ? -value : value) % partition_count);
}
