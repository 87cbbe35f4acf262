/* mover.h -- a replica moves from one of log.dirs to another (AlterReplicaLogDirs, KIP-113), while
 * it leads or follows as before.
 *
 *   PREPARING --folder made--> OPENING --recovered--> COPYING <--> RESETTING
 *                                                        | all is there, and synced
 *                                                     HOLDING   nothing is appended for a moment
 *                                                        | the last of it is there, too
 *                                                     SWAPPING  the copy is the replica now
 *
 * The copy (topic-0.UNIQUE-future, as Kafka's) is a journal of its own, fed with batches of the
 * replica's. It takes the replica's place in one step: its folder gets the replica's name, after a
 * file in it (DIR_MOVED_FILE) says that it is whole; then the old folder is deleted. So a crash
 * leaves either a replica with a copy that is not done, which goes on, or a copy that says that it
 * is the replica, and perhaps what it replaced, which goes (link_boot.c).
 *
 *   Used by:  the partition. Whatever journal leaves, by a swap or because a move was called off,
 *             is kept in p->leaving until its jobs are home.
 */
#ifndef BROKER_PARTITION_MOVER_H
#define BROKER_PARTITION_MOVER_H

#include "broker/partition/types.h"

/* To that folder. Where it lies already: a move that is under way is called off. Kafka's code. */
int16_t mover_begin(struct partition *p, uint32_t dir);

/* What a copy that the last run began is to become. */
void mover_resume(struct partition *p);

/* Something was written, read, or is due: goes on if it can. Costs nothing if nothing moves. */
void mover_turn(struct partition *p);

/* A few times per second. */
void mover_tick(struct partition *p);

/* Is this job one of the mover's, or of a journal that leaves? Then it is taken back. */
bool mover_on_job(struct partition *p, struct job *job);

/* The replica ends (keeps the copy for the next run), or is deleted with its copy. */
void mover_stop(struct partition *p);
void mover_call_off(struct partition *p, const char *why);

struct partition *mover_owner(const struct job *job);
bool mover_uses(const struct partition *p, uint32_t dir);

/* Nothing of it is under way, and nothing is left. */
bool mover_is_gone(const struct partition *p);
void mover_close(struct partition *p, bool world_is_gone);

/* For DescribeLogDirs. False: nothing moves. */
bool mover_progress(const struct partition *p, uint32_t *dir, int64_t *size_bytes, int64_t *lag);

#endif
