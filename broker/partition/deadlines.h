/* deadlines.h -- the groups that wait, by the time at which they stop waiting. Pure but for memory.
 */
#ifndef BROKER_PARTITION_DEADLINES_H
#define BROKER_PARTITION_DEADLINES_H

#include "broker/partition/op.h"

/* A binary heap; zeroed is empty. Equal deadlines end in the order in which they were added. */
struct deadlines {
    struct op_group **items; /* From 1. */
    uint32_t count;
    uint32_t capacity;
    uint64_t next_order;
};

void deadlines_add(struct deadlines *d, struct op_group *group);
void deadlines_remove(struct deadlines *d,
                      struct op_group *group);               /* Not there: nothing happens. */
struct op_group *deadlines_first(const struct deadlines *d); /* NULL: none. */

/* Is this very group among them? Looks at no group: it may be gone already. */
bool deadlines_hold(const struct deadlines *d, const struct op_group *group);
void deadlines_close(struct deadlines *d);

#endif
