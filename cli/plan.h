/* plan.h -- where the replicas of a broker go that is to leave for good. Pure. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/moves.h"

/* A plan (moves.h) after which the broker holds nothing. Each replica goes to a broker that serves
 * and is not drained: on a rack that the partition's others are not on, where there is one, and
 * then to whoever holds the fewest bytes (or replicas, where sizes are not known).
 *
 * NULL: some partitions would have fewer replicas than now; their rows are in `left_over`. */
json_t *plan_removal(const struct view *v, const json_t *brokers, const json_t *sizes,
                     json_int_t broker, json_t *left_over);

#endif
