/* checkpoint.h -- what is known of a shard's partitions beside their logs, on disk: of each its
 * high watermark, its recovery point (what lies below is durable, and not looked at after a power
 * cut), its start (what lies below is deleted, though its segment may be there), and up to where it
 * has been compacted.
 *
 * Kafka's files (replication-offset-checkpoint, recovery-point-offset-checkpoint,
 * log-start-offset-checkpoint, cleaner-offset-checkpoint) name topics, and a topic that was deleted
 * and created again under its name is another one: it must not begin with a watermark of the first.
 * So ours (offset-checkpoint) goes by topic ids, and Kafka's are written for whoever adopts the
 * folder, and read only where ours never was.
 *
 *   Used by:  the shard. Each has files of its own (the first one's have the plain names), and
 *             reads those of all: the number of shards may be another one than at the last run.
 *   Rule:     a recovery point is never above what was synced, also when a log has been truncated
 *             and has grown again: the file says so before the log grows.
 */
#ifndef BROKER_CHECKPOINT_H
#define BROKER_CHECKPOINT_H

#include "broker/state.h"

#define CHECKPOINT_JOB_KIND 0x43500000u

/* Reads what the last run wrote; shard->checkpoints_loaded when it has. */
void checkpoint_load(struct shard *s);

/* What the files said of a partition that lies in that folder. */
struct partition_checkpoint checkpoint_of(struct shard *s, uint32_t dir, struct uuid topic_id,
                                          const char *topic, int32_t partition);

/* The partition goes, and may come back with its topic: what is known of it is remembered until
 * then.
 */
void checkpoint_keep(struct shard *s, const struct partition *p);
/* Where such a one lay, as far as this run knows; or DIR_NONE. */
uint32_t checkpoint_dir_of(const struct shard *s, struct uuid topic_id, int32_t partition);

/* Writes if it is time; returns when it will be. */
uint64_t checkpoint_turn(struct shard *s);

/* Every partition has stopped: writes once more. False: that is done, or there is no need. */
bool checkpoint_write_last(struct shard *s);

void checkpoint_on_job(struct shard *s, struct job *job);
bool checkpoint_is_idle(const struct shard *s);
void checkpoint_close(struct shard *s);

#endif
