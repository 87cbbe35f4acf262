#include "journal/contents.h"

#include "common/check.h"

struct contents contents_of(int64_t base)
{
    return (struct contents){.base = base,
                             .end_offset = base,
                             .first_timestamp = -1,
                             .max_timestamp = -1,
                             .max_timestamp_offset = -1};
}

/* Entries must rise; the newest timestamp is noted once. */
static void note_time(struct contents *c)
{
    if (c->max_timestamp < 0) return;

    struct time_entry entry = {.timestamp_ms = c->max_timestamp,
                               .offset = (int32_t)(c->max_timestamp_offset - c->base)};
    uint32_t count = index_time_count(&c->times);
    if (count > 0) {
        struct time_entry last = index_time_at(&c->times, count - 1);
        if (last.timestamp_ms >= entry.timestamp_ms || last.offset >= entry.offset) return;
    }
    index_time_add(&c->times, entry);
}

void contents_add(struct contents *c, const struct record_batch_header *header, uint64_t size,
                  uint32_t index_interval_bytes)
{
    int64_t last = batch_last_offset(header);
    CHECK(header->base_offset >= c->end_offset);
    CHECK(last - c->base <= INT32_MAX);

    if (c->size == 0) c->first_timestamp = header->max_timestamp;
    /* What compaction left of a batch may be its header: nothing of its time is there. */
    if (header->record_count > 0 && header->max_timestamp > c->max_timestamp) {
        c->max_timestamp = header->max_timestamp;
        c->max_timestamp_offset = last;
    }
    uint32_t count = index_offset_count(&c->offsets);
    uint64_t indexed = count == 0 ? 0 : index_offset_at(&c->offsets, count - 1).at;
    if (c->size - indexed > index_interval_bytes) {
        index_offset_add(&c->offsets, (struct offset_entry){.offset = (int32_t)(last - c->base),
                                                            .at = (uint32_t)c->size});
        note_time(c);
    }
    c->size += size;
    c->end_offset = last + 1;
}

bool contents_must_roll(const struct contents *c, const struct segment_limits *limits,
                        const struct record_batch_header *header, uint64_t size)
{
    if (batch_last_offset(header) - c->base > INT32_MAX) return true;
    if (c->size == 0) return false;
    if (c->size + size > limits->segment_bytes || c->size + size > SEGMENT_BYTES_MAX) return true;
    if (index_offset_count(&c->offsets) >= limits->segment_index_bytes / INDEX_OFFSET_SIZE) {
        return true;
    }
    /* One entry is kept for contents_seal(). */
    if (index_time_count(&c->times) + 1 >= limits->segment_index_bytes / INDEX_TIME_SIZE) {
        return true;
    }
    if (c->first_timestamp < 0 || header->max_timestamp < c->first_timestamp) return false;
    return header->max_timestamp - c->first_timestamp > limits->segment_ms;
}

void contents_seal(struct contents *c)
{
    note_time(c);
}

uint64_t contents_rewind(struct contents *c, int64_t offset)
{
    CHECK(offset >= c->base);
    int64_t relative = offset - c->base;
    index_offset_cut(&c->offsets, relative);
    index_time_cut(&c->times, relative);

    /* A time entry covers everything up to the offset entry that was made with it, but one that was
     * made when the segment was sealed may lie past the last offset entry: it is made again. */
    uint32_t count = index_offset_count(&c->offsets);
    struct offset_entry last = {.offset = -1};
    if (count > 0) last = index_offset_at(&c->offsets, count - 1);
    index_time_cut(&c->times, (int64_t)last.offset + 1);

    struct contents fresh = contents_of(c->base);
    fresh.offsets = c->offsets;
    fresh.times = c->times;
    uint32_t times = index_time_count(&c->times);
    if (times > 0) {
        struct time_entry newest = index_time_at(&c->times, times - 1);
        fresh.max_timestamp = newest.timestamp_ms;
        fresh.max_timestamp_offset = c->base + newest.offset;
    }
    if (count > 0) {
        /* The indexed batch itself is scanned again; it makes the same entry, so that goes first.
         */
        fresh.first_timestamp = c->first_timestamp;
        fresh.size = last.at;
        index_offset_cut(&fresh.offsets, last.offset);
        uint32_t left = index_offset_count(&fresh.offsets);
        fresh.end_offset =
            left == 0 ? c->base : c->base + index_offset_at(&fresh.offsets, left - 1).offset + 1;
    }
    *c = fresh;
    return c->size;
}

struct contents_mark contents_mark(const struct contents *c)
{
    return (struct contents_mark){.then = *c};
}

void contents_go_back(struct contents *c, const struct contents_mark *mark)
{
    CHECK(mark->then.base == c->base);
    CHECK(mark->then.offsets.size <= c->offsets.size);
    CHECK(mark->then.times.size <= c->times.size);

    struct index offsets = c->offsets;
    struct index times = c->times;
    offsets.size = mark->then.offsets.size;
    times.size = mark->then.times.size;
    *c = mark->then;
    c->offsets = offsets;
    c->times = times;
}

void contents_close(struct contents *c)
{
    index_close(&c->offsets);
    index_close(&c->times);
    *c = (struct contents){0};
}
