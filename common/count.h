/* count.h -- a number that more than one thread changes: references of a buffer, bytes that several
 * shards have ready for one request. What is counted is owned and worked on by one thread at a time
 * all the same; only the number is shared.
 */
#ifndef COMMON_COUNT_H
#define COMMON_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct count {
    _Atomic uint64_t n;
};

static inline uint64_t count_get(const struct count *c)
{
    return atomic_load_explicit(&c->n, memory_order_acquire);
}

/* For a count that nobody else can see yet. */
static inline void count_init(struct count *c, uint64_t n)
{
    atomic_init(&c->n, n);
}

/* Adds; a difference below zero is added as its two's complement. Returns the new value. */
static inline uint64_t count_add(struct count *c, uint64_t difference)
{
    return atomic_fetch_add_explicit(&c->n, difference, memory_order_acq_rel) + difference;
}

/* One more reference, made by a holder of one. */
static inline void count_up(struct count *c)
{
    (void)atomic_fetch_add_explicit(&c->n, 1, memory_order_relaxed);
}

/* One reference less. True for the last: everything that the others did has happened before. */
static inline bool count_down(struct count *c)
{
    /* The only holder: nobody else can make another reference, and no bus is locked for it. */
    if (count_get(c) == 1) return true;
    return atomic_fetch_sub_explicit(&c->n, 1, memory_order_acq_rel) == 1;
}

#endif
