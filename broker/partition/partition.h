/* partition.h -- one replica of one partition with everything that it does: its journal, its
 * replica core, its producers, and the requests that wait for it.
 *
 *   Owns:     the journal and its folder, the lists of waiting ops (not the ops).
 *   Used by:  the one shard that owns it; every function of this folder is that shard's.
 *   Knows:    its host (types.h). Not connections, not requests, not other partitions.
 */
#ifndef BROKER_PARTITION_PARTITION_H
#define BROKER_PARTITION_PARTITION_H

#include "broker/partition/types.h"
#include "proto/rpc.h"

void partition_host_init(struct partition_host *host, struct env *env,
                         const struct broker_options *options, const struct meta_image *image);

/* Begins to open it, unless it waits: its folder is still that of an older one of its name, and
 * partition_enter() follows. A folder that is new takes nothing from the checkpoint. DIR_NONE: it
 * cannot be opened, and partition_fail() follows. */
struct partition *partition_open(struct partition_host *host, struct uuid topic_id,
                                 const char *topic, int32_t number, uint32_t dir,
                                 struct partition_checkpoint checkpoint, bool waits);
void partition_enter(struct partition *p);

/* No job of it is in flight. */
bool partition_is_idle(const struct partition *p);

/* Out of service until the broker begins anew. */
void partition_fail(struct partition *p, const char *why);

/* The image holds something new about it, or its configuration. */
void partition_assign(struct partition *p);

/* Its topic is gone, or this broker is no replica any more: folder and all, in the background. */
void partition_delete(struct partition *p);

/* Syncs and closes in order; GONE when done. */
void partition_stop(struct partition *p);

/* A job of PARTITION_JOB_PREPARE or JOURNAL_JOB_KIND has come home. */
void partition_on_job(struct partition *p, struct job *job);
struct partition *partition_of_job(const struct job *job);

/* What the checkpoint files are to say of it now. False: nothing. */
bool partition_checkpoint_now(const struct partition *p, struct partition_checkpoint *out);
/* They say it. */
void partition_on_checkpointed(struct partition *p);

/* Once per turn for what is in host->dirty: one write for all that was appended. */
void partition_flush(struct partition *p);

/* The stream shows another controller's term. */
void partition_on_term(struct partition *p, uint64_t term);

/* Every log.retention.check.interval.ms: what has been kept long enough goes, if it leads. */
void partition_retain(struct partition *p);

/* A few times per second: lag clocks, lost proposals. */
void partition_tick(struct partition *p);

/* Begins an op of any kind. It finishes at once or is listed until it can. Fetches are watched
 * (fetch.h) until their group is due. */
void partition_start_op(struct partition *p, struct op *op);

/* Frees it. GONE or FAILED with nothing in flight; or anything if world_is_gone. */
void partition_close(struct partition *p, bool world_is_gone);

/* ---- The proposal of its replica, as the controller wants it; and the answer. ---- */

void partition_fill_proposal(const struct partition *p, struct rpc_isr_change *out);
void partition_on_proposal(struct partition *p, uint64_t proposal, bool is_lost, int16_t error);

#endif
