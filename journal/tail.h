/* tail.h -- exactly where the newest batches lie, so that those who read at the end of a journal
 * need no disk. Pure.
 *
 *   Owns:     a ring that begins small and grows only when somebody has missed what fell out of it.
 */
#ifndef JOURNAL_TAIL_H
#define JOURNAL_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#define TAIL_FIRST 16u
#define TAIL_MAX 1024u

struct tail_batch {
    int64_t base_offset;
    int64_t segment_base;
    uint32_t at; /* In the segment's file. */
    uint32_t size;
    int32_t last_offset_delta;
};

/* Zeroed is empty. */
struct tail {
    struct tail_batch *items;
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
};

static inline const struct tail_batch *tail_at(const struct tail *t, uint32_t i)
{
    return &t->items[(t->first + i) & (t->capacity - 1)];
}

static inline int64_t tail_batch_end(const struct tail_batch *b)
{
    return b->base_offset + b->last_offset_delta + 1;
}

/* The oldest falls out if there is no room. */
void tail_push(struct tail *t, struct tail_batch batch);

/* The first batch that ends past `offset`; false if that may have fallen out or is not there. */
bool tail_find(const struct tail *t, int64_t offset, uint32_t *i);

/* Somebody missed what fell out: hold more from now on. */
void tail_grow(struct tail *t);

/* Drops batches that reach past `offset`. */
void tail_cut(struct tail *t, int64_t offset);

/* Drops batches that begin below `offset`. */
void tail_cut_head(struct tail *t, int64_t offset);

void tail_close(struct tail *t);

#endif
