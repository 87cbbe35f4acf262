/* index.h -- the two sparse indexes of a segment, as bytes of Kafka's own formats. Pure.
 *
 *   .index      8 bytes: last offset of a batch (relative, i32), where that batch begins (i32).
 *   .timeindex 12 bytes: a timestamp (i64), the last offset of the batch that has it (relative,
 * i32); nothing up to that offset is newer.
 *
 *   Owns:     a growing piece of memory that is the file's content, so that storing it is one write
 *             and loading it is one read.
 *   Rule:     entries rise strictly in every column (a time's offsets as well). index_load_*() says
 *             whether that holds of bytes from a disk; nothing else here trusts them further than
 *             their size.
 */
#ifndef JOURNAL_INDEX_H
#define JOURNAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_OFFSET_SIZE 8
#define INDEX_TIME_SIZE 12

/* Zeroed is empty. */
struct index {
    uint8_t *bytes;
    uint32_t size;
    uint32_t capacity;
};

struct offset_entry {
    int32_t offset; /* Relative to the segment's base. */
    uint32_t at;
};

struct time_entry {
    int64_t timestamp_ms;
    int32_t offset;
};

static inline uint32_t index_offset_count(const struct index *x)
{
    return x->size / INDEX_OFFSET_SIZE;
}
static inline uint32_t index_time_count(const struct index *x)
{
    return x->size / INDEX_TIME_SIZE;
}

struct offset_entry index_offset_read(const uint8_t *bytes);
struct time_entry index_time_read(const uint8_t *bytes);
struct offset_entry index_offset_at(const struct index *x, uint32_t i);
struct time_entry index_time_at(const struct index *x, uint32_t i);

void index_offset_add(struct index *x, struct offset_entry entry);
void index_time_add(struct index *x, struct time_entry entry);

/* The last entry whose offset is not above `offset`; false if there is none. */
bool index_offset_floor(const struct index *x, int64_t offset, struct offset_entry *out);

/* The last entry that begins at or below `at`. */
bool index_offset_floor_at(const struct index *x, uint64_t at, struct offset_entry *out);

/* The last entry that is older than `timestamp_ms`: what is not older lies past its offset. */
bool index_time_floor(const struct index *x, int64_t timestamp_ms, struct time_entry *out);

/* The last entry whose offset is below `offset`: the newest timestamp up to there. */
bool index_time_floor_offset(const struct index *x, int64_t offset, struct time_entry *out);

/* Drops entries whose offset is `offset` or more. */
void index_offset_cut(struct index *x, int64_t offset);
void index_time_cut(struct index *x, int64_t offset);

/* Takes a copy of a file's bytes. False, and empty, if they cannot be the index of a segment with
 * so many bytes and relative offsets below `offset_end`. */
bool index_load_offsets(struct index *x, const uint8_t *bytes, size_t size, uint64_t log_bytes,
                        int64_t offset_end);
bool index_load_times(struct index *x, const uint8_t *bytes, size_t size, int64_t offset_end);

void index_close(struct index *x);

#endif
