/* disks.h -- how a shard's disks get on, one for each of log.dirs: which stand still, which are
 * dead, how much room is left; and what the controllers are told of the replicas on them
 * (RPC_DISKS).
 *
 *   WELL --a job takes too long--> SLOW --it is done--> WELL
 *   WELL, SLOW --a job fails--> DEAD, until the broker begins anew
 *
 * A shard that notices a dead one tells the link, which tells the others. The replicas there have
 * failed. The controllers are told until the metadata say so, too, and told otherwise when a disk
 * is well again.
 */
#ifndef BROKER_DISKS_H
#define BROKER_DISKS_H

#include "broker/state.h"

/* Asks every disk anew. How long the one that gets on best has stood still. */
uint64_t disks_probe(struct shard *s);
void disks_on_probe(struct shard *s, struct job *job);

/* The link knows what boot found out. */
void disks_begin(struct shard *s, struct log_dirs *dirs);
/* Another shard has found a dead one. */
void disks_on_dead(struct shard *s, struct post_dead_dir *post);

/* Carries on; returns when there is more to do. */
uint64_t disks_turn(struct shard *s, bool image_changed);

#endif
