/* part_set.h -- a set of partitions, each named by the id of its topic and its number. Pure but for
 * memory.
 *
 *   Owns:     its items, in order of topic and number, each once.
 *   Used by:  the core of groups of the consumer protocol, and its assignors.
 */
#ifndef BROKER_GROUPS_CONSUMER_PART_SET_H
#define BROKER_GROUPS_CONSUMER_PART_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

struct part {
    struct uuid topic;
    int32_t number;
};

/* Zeroed is empty. */
struct part_set {
    uint32_t count;
    uint32_t capacity;
    struct part *items;
};

int part_compare(struct part a, struct part b);

bool part_set_has(const struct part_set *s, struct part p);
bool part_set_add(struct part_set *s, struct part p); /* False: it was there. */
bool part_set_equal(const struct part_set *a, const struct part_set *b);
bool part_set_within(const struct part_set *inner, const struct part_set *outer);

/* Do they have a member in common? */
bool part_set_meets(const struct part_set *a, const struct part_set *b);

/* Of `from` into `out`, which is emptied before: those that are in `mask`, or those that are not.
 */
void part_set_keep(const struct part_set *from, const struct part_set *mask, struct part_set *out);
void part_set_drop(const struct part_set *from, const struct part_set *mask, struct part_set *out);

void part_set_copy(struct part_set *to, const struct part_set *from);
void part_set_move(struct part_set *to, struct part_set *from); /* Leaves `from` empty. */
void part_set_clear(struct part_set *s);                        /* Keeps the memory. */
void part_set_close(struct part_set *s);

/* How many items from `at` on are of the same topic. */
uint32_t part_set_run(const struct part_set *s, uint32_t at);

/* How many topics. */
uint32_t part_set_topics(const struct part_set *s);

#endif
