/* record.h -- the shard's ring of its last events (common/ring.h): what each replica core was told,
 * and what it made of it.
 *
 *   Used by:  steps.c, where events enter the core; partition.c, which makes cores and ends them.
 *
 * Ticks that change nothing are left out: there are thousands of them.
 *
 * A replica's state goes into the ring before the first event that a bank has of it: partitions in
 * which nothing happens cost nothing. replica_replay.h reads it back.
 */
#ifndef BROKER_PARTITION_RECORD_H
#define BROKER_PARTITION_RECORD_H

#include "broker/partition/types.h"

/* Around each step of the core. */
void partition_record_before(struct partition *p, const struct replica_event *event);
void partition_record_step(struct partition *p, const struct replica_event *event,
                           const struct replica_effects *effects);

/* The core was made anew, or changed by other means than a step. */
void partition_record_begun(struct partition *p);

#endif
