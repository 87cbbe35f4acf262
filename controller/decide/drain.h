/* drain.h -- a broker that goes on as a follower and leads nothing, so that it can be taken away.
 *
 * It is drained while its own configuration BROKER_DRAINED is true: that outlives its incarnations,
 * as an operator expects. Its replicas stay in their ISRs; others lead wherever one of them can
 * (partitions.h), now and whenever a replica comes into sync.
 */
#ifndef CONTROLLER_DECIDE_DRAIN_H
#define CONTROLLER_DECIDE_DRAIN_H

#include "controller/decide/refusal.h"

/* Asks its leaders to hand over; the configuration itself is the caller's to set. Refused, with the
 * partitions by name, where nobody else is in sync, or where too few would be for
 * min.insync.replicas if the broker went down next. */
struct refusal decide_drain(const struct meta_image *image, int32_t id, struct decision *d);

#endif
