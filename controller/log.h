/* log.h -- the part of the metadata log that is in memory: everything past the last snapshot, and a
 * tail before it for those who are a little behind. Followers and brokers are served from here; the
 * disk is only read at the start.
 *
 * Invariants: entries are dense from `first_index` on; `bytes` is their sum.
 */
#ifndef CONTROLLER_LOG_H
#define CONTROLLER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct metalog_entry {
    struct buf *buf; /* One record batch, base offset and epoch in place. One reference. */
    uint64_t term;
};

struct metalog {
    uint64_t first_index; /* Of the first entry, or of the next one if there is none. */
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /* A power of two, or 0. */
    uint64_t bytes;
    struct metalog_entry *ring;
};

/* Takes the reference over. The entry's index is metalog_next(). */
void metalog_push(struct metalog *log, struct buf *buf, uint64_t term);

/* NULL: not in memory. */
const struct metalog_entry *metalog_at(const struct metalog *log, uint64_t index);

static inline uint64_t metalog_next(const struct metalog *log)
{
    return log->first_index + log->count;
}

/* Bytes of the entries [first, last], all of which must be there. */
uint64_t metalog_bytes(const struct metalog *log, uint64_t first, uint64_t last);

/* The last index from `first` on, up to `last`, so that the entries have no more than `bytes_max`
 * bytes together; at least `first`. */
uint64_t metalog_cut(const struct metalog *log, uint64_t first, uint64_t last, uint64_t bytes_max);

/* The entries [first, last] back to back, in a new buffer. */
struct buf *metalog_join(const struct metalog *log, uint64_t first, uint64_t last);

void metalog_truncate(struct metalog *log, uint64_t from_index); /* Drops it and all behind. */
void metalog_drop(struct metalog *log, uint64_t up_to_index);    /* Drops it and all before. */
void metalog_reset(struct metalog *log, uint64_t first_index);   /* Empty. */
void metalog_close(struct metalog *log);

#endif
