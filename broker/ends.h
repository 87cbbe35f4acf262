/* ends.h -- what the replicas here have of partitions that nobody leads, told to the controllers:
 * when no replica is known to have everything, the one that has most is to lead (DESIGN 6.10). */
#ifndef BROKER_ENDS_H
#define BROKER_ENDS_H

#include "broker/state.h"

/* Tells it when something may be new, and again every second: who leads the controllers, and
 * whether they have heard, is not known here. Returns the next deadline. */
uint64_t ends_turn(struct shard *s, bool is_news);

#endif
