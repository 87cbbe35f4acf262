/* coordinator.h -- the groups of a shard: those whose partition of __consumer_offsets it leads.
 *
 *   Owns:     a coordinator per such partition: groups, their offsets, what is being written.
 *   Used by:  the shard, which feeds it partitions, requests and turns.
 *   Knows:    its partitions and the image. Not connections; requests are boomerangs (group_ask).
 *
 *                  leads (begin)           all is read and committed (activate)
 *        (none) ------------------> LOADING ----------------------------> ACTIVE
 *           ^                          |                                     |
 *           +--------------------------+-------------------------------------+
 *                    leads no more, or in another epoch (end): NOT_COORDINATOR
 */
#ifndef BROKER_GROUPS_COORDINATOR_H
#define BROKER_GROUPS_COORDINATOR_H

#include "broker/groups/types.h"

void groups_init(struct groups *gs, struct env *env, const struct broker_options *options,
                 const struct meta_image *image);

/* A partition's role, epoch or state has changed, or its disk was full. Any partition. */
void groups_on_moved(struct groups *gs, struct partition *p);

/* There is another topic, or the metadata have come anew. */
void groups_on_topics_changed(struct groups *gs);
void groups_on_topic_deleted(struct groups *gs, struct uuid topic_id);

/* A request begins; it is answered now or later (groups_next_answered). */
void groups_start(struct groups *gs, struct group_ask *ask);

void groups_on_job(struct job *job);

/* Loads, lets time pass, appends, does what is committed. Returns when it wants the next turn. */
uint64_t groups_turn(struct groups *gs);

/* The next ask that is answered; NULL: none. The caller sends it home. */
struct group_ask *groups_next_answered(struct groups *gs);

/* For the numbers of the shard. */
void groups_count(const struct groups *gs, uint64_t *group_count, uint64_t *member_count);

void groups_close(struct groups *gs);

#endif
