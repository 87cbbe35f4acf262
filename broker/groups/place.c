#include "broker/groups/place.h"

#include "common/check.h"

static uint32_t add(uint32_t hash, uint32_t unit)
{
    return hash * 31 + unit;
}

/* The next character of UTF-8; bytes that are none count as U+FFFD, as Java decodes them. */
static uint32_t next_character(const uint8_t **at, const uint8_t *end)
{
    uint32_t first = *(*at)++;
    if (first < 0x80) return first;

    uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    if (more == 0 || first > 0xf4) return 0xfffd;
    uint32_t value = first & (0x3fu >> more);
    for (uint32_t i = 0; i < more; i++) {
        if (*at == end || (**at & 0xc0) != 0x80) return 0xfffd;
        value = value << 6 | (*(*at)++ & 0x3fu);
    }
    return value;
}

int32_t group_partition(struct slice id, uint32_t partition_count)
{
    CHECK(partition_count > 0);

    uint32_t hash = 0;
    const uint8_t *at = id.at, *end = id.at + id.size;
    while (id.size > 0 && at < end) {
        uint32_t c = next_character(&at, end);
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
