/* cleaner.h -- which of a shard's compacted partitions is compacted next (journal/compact.h).
 *
 * One pass at a time per shard, of the partition of which most is new, as Kafka's cleaner does:
 * when more than min.cleanable.dirty.ratio of it is, or something waits longer than
 * max.compaction.lag.ms. Leaders and followers alike, each its own copy, below its own watermark.
 * Looked at is what has closed a segment, as soon as that is durable and committed, and everything
 * each log.cleaner.backoff.ms.
 *
 *   Used by:  the shard, each turn.
 */
#ifndef BROKER_CLEANER_H
#define BROKER_CLEANER_H

#include "broker/state.h"

/* Begins and ends passes. Returns when it wants to be called again. */
uint64_t cleaner_turn(struct shard *s);

/* The partition goes. */
void cleaner_forget(struct shard *s, const struct partition *p);

#endif
