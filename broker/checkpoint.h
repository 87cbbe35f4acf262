/* checkpoint.h -- the high watermarks of a shard's partitions, on disk: where a replica's watermark
 * begins after a restart.
 *
 * Kafka's file (replication-offset-checkpoint) names topics, and a topic that was deleted and
 * created again under its name is another one: it must not begin with a watermark of the first. So
 * ours (high-watermarks) goes by topic ids, and Kafka's is written for whoever adopts the folder,
 * and read only where ours never was.
 *
 *   Used by:  the shard. Each has a file of its own (the first one's has Kafka's name), and reads
 *             those of all: the number of shards may be another one than at the last run. Losing a
 *             file costs nothing but a short wait after a restart.
 */
#ifndef BROKER_CHECKPOINT_H
#define BROKER_CHECKPOINT_H

#include "broker/state.h"

#define CHECKPOINT_JOB_KIND 0x43500000u

/* Reads what the last run wrote; shard->watermarks_loaded when it has. */
void checkpoint_load(struct shard *s);

/* What the file said of a partition, or 0. */
int64_t checkpoint_of(const struct shard *s, struct uuid topic_id, const char *topic,
                      int32_t partition);

/* Writes if it is time; returns when it will be. */
uint64_t checkpoint_turn(struct shard *s);

/* Writes now (an orderly stop). */
void checkpoint_write(struct shard *s);

void checkpoint_on_job(struct shard *s, struct job *job);
bool checkpoint_is_idle(const struct shard *s);
void checkpoint_close(struct shard *s);

#endif
