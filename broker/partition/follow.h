/* follow.h -- a follower's copy: where it stands, and what to do with the leader's answer. */
#ifndef BROKER_PARTITION_FOLLOW_H
#define BROKER_PARTITION_FOLLOW_H

#include "broker/partition/types.h"

/* Valid while READY and following. */
struct partition_position partition_position(const struct partition *p);

/* The leader of this epoch is to know that the log here ends there. */
void partition_claim(struct partition *p, const struct partition_position *at);

/* The log here ends before what its leader was told: a bad batch was cut away, or it was begun
 * anew, and what was there is still being fetched again. The leader may believe for a while that it
 * has it and propose it as in sync, so it is told to be lost until it has it again, or somebody
 * else leads (DESIGN 6: who joins has all that is committed). */
bool partition_owes(const struct partition *p);

/* Takes the leader's answer. False: something was wrong; ask again after a pause. */
bool partition_on_answer(struct partition *p, const struct partition_answer *answer);

/* A reset is complete: the batch that made it necessary is the first of the log. */
void partition_append_first(struct partition *p);

#endif
