#include "journal/index.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define INDEX_CAPACITY_FIRST 96 /* A multiple of both entry sizes. */

static void reserve(struct index *x, uint32_t size)
{
    if (size <= x->capacity) return;

    uint32_t capacity = x->capacity == 0 ? INDEX_CAPACITY_FIRST : x->capacity * 2;
    if (capacity < size) capacity = size;
    x->bytes = realloc(x->bytes, capacity);
    CHECK(x->bytes != NULL);
    x->capacity = capacity;
}

struct offset_entry index_offset_read(const uint8_t *bytes)
{
    uint32_t raw[2];
    memcpy(raw, bytes, sizeof raw);
    return (struct offset_entry){.offset = (int32_t)be32toh(raw[0]), .at = be32toh(raw[1])};
}

struct time_entry index_time_read(const uint8_t *bytes)
{
    uint64_t time;
    uint32_t offset;
    memcpy(&time, bytes, sizeof time);
    memcpy(&offset, bytes + sizeof time, sizeof offset);
    return (struct time_entry){.timestamp_ms = (int64_t)be64toh(time),
                               .offset = (int32_t)be32toh(offset)};
}

struct offset_entry index_offset_at(const struct index *x, uint32_t i)
{
    CHECK(i < index_offset_count(x));
    return index_offset_read(x->bytes + (size_t)i * INDEX_OFFSET_SIZE);
}

struct time_entry index_time_at(const struct index *x, uint32_t i)
{
    CHECK(i < index_time_count(x));
    return index_time_read(x->bytes + (size_t)i * INDEX_TIME_SIZE);
}

void index_offset_add(struct index *x, struct offset_entry entry)
{
    CHECK(entry.offset >= 0);
    CHECK(entry.at <= INT32_MAX);
    reserve(x, x->size + INDEX_OFFSET_SIZE);

    uint32_t raw[2] = {htobe32((uint32_t)entry.offset), htobe32(entry.at)};
    memcpy(x->bytes + x->size, raw, sizeof raw);
    x->size += INDEX_OFFSET_SIZE;
}

void index_time_add(struct index *x, struct time_entry entry)
{
    CHECK(entry.offset >= 0);
    reserve(x, x->size + INDEX_TIME_SIZE);

    uint64_t time = htobe64((uint64_t)entry.timestamp_ms);
    uint32_t offset = htobe32((uint32_t)entry.offset);
    memcpy(x->bytes + x->size, &time, sizeof time);
    memcpy(x->bytes + x->size + sizeof time, &offset, sizeof offset);
    x->size += INDEX_TIME_SIZE;
}

/* How many entries at the front satisfy `within`, which once false stays false. */
static uint32_t count_within(const struct index *x, uint32_t count, int64_t bound,
                             bool (*within)(const struct index *, uint32_t, int64_t))
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (within(x, middle, bound)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool offset_up_to(const struct index *x, uint32_t i, int64_t offset)
{
    return index_offset_at(x, i).offset <= offset;
}

static bool at_up_to(const struct index *x, uint32_t i, int64_t at)
{
    return (int64_t)index_offset_at(x, i).at <= at;
}

static bool time_below(const struct index *x, uint32_t i, int64_t timestamp_ms)
{
    return index_time_at(x, i).timestamp_ms < timestamp_ms;
}

static bool time_offset_below(const struct index *x, uint32_t i, int64_t offset)
{
    return index_time_at(x, i).offset < offset;
}

bool index_offset_floor(const struct index *x, int64_t offset, struct offset_entry *out)
{
    uint32_t n = count_within(x, index_offset_count(x), offset, offset_up_to);
    if (n > 0) *out = index_offset_at(x, n - 1);
    return n > 0;
}

bool index_offset_floor_at(const struct index *x, uint64_t at, struct offset_entry *out)
{
    int64_t bound = at > INT64_MAX ? INT64_MAX : (int64_t)at;
    uint32_t n = count_within(x, index_offset_count(x), bound, at_up_to);
    if (n > 0) *out = index_offset_at(x, n - 1);
    return n > 0;
}

bool index_time_floor(const struct index *x, int64_t timestamp_ms, struct time_entry *out)
{
    uint32_t n = count_within(x, index_time_count(x), timestamp_ms, time_below);
    if (n > 0) *out = index_time_at(x, n - 1);
    return n > 0;
}

bool index_time_floor_offset(const struct index *x, int64_t offset, struct time_entry *out)
{
    uint32_t n = count_within(x, index_time_count(x), offset, time_offset_below);
    if (n > 0) *out = index_time_at(x, n - 1);
    return n > 0;
}

void index_offset_cut(struct index *x, int64_t offset)
{
    if (offset <= 0) {
        x->size = 0;
        return;
    }
    x->size = count_within(x, index_offset_count(x), offset - 1, offset_up_to) * INDEX_OFFSET_SIZE;
}

void index_time_cut(struct index *x, int64_t offset)
{
    x->size = count_within(x, index_time_count(x), offset, time_offset_below) * INDEX_TIME_SIZE;
}

static void take(struct index *x, const uint8_t *bytes, size_t size)
{
    x->size = 0;
    reserve(x, (uint32_t)size);
    if (size > 0) memcpy(x->bytes, bytes, size);
    x->size = (uint32_t)size;
}

bool index_load_offsets(struct index *x, const uint8_t *bytes, size_t size, uint64_t log_bytes,
                        int64_t offset_end)
{
    x->size = 0;
    if (size % INDEX_OFFSET_SIZE != 0 || size > INT32_MAX) return false;

    struct offset_entry last = {.offset = -1};
    for (size_t i = 0; i < size; i += INDEX_OFFSET_SIZE) {
        struct offset_entry entry = index_offset_read(bytes + i);
        if (entry.offset <= last.offset || entry.offset >= offset_end) return false;
        if (i > 0 && entry.at <= last.at) return false;
        if (entry.at >= log_bytes || entry.at > INT32_MAX) return false;
        last = entry;
    }
    take(x, bytes, size);
    return true;
}

bool index_load_times(struct index *x, const uint8_t *bytes, size_t size, int64_t offset_end)
{
    x->size = 0;
    if (size % INDEX_TIME_SIZE != 0 || size > INT32_MAX) return false;

    struct time_entry last = {.offset = -1};
    for (size_t i = 0; i < size; i += INDEX_TIME_SIZE) {
        struct time_entry entry = index_time_read(bytes + i);
        if (entry.offset <= last.offset || entry.offset >= offset_end) return false;
        if (i > 0 && entry.timestamp_ms <= last.timestamp_ms) return false;
        last = entry;
    }
    take(x, bytes, size);
    return true;
}

void index_close(struct index *x)
{
    free(x->bytes);
    *x = (struct index){0};
}
