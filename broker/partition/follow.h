/* follow.h -- a follower's copy: where it stands, and what to do with the leader's answer. */
#ifndef BROKER_PARTITION_FOLLOW_H
#define BROKER_PARTITION_FOLLOW_H

#include "broker/partition/types.h"

/* Valid while READY and following. */
struct partition_position partition_position(const struct partition *p);

/* Takes the leader's answer. False: something was wrong; ask again after a pause. */
bool partition_on_answer(struct partition *p, const struct partition_answer *answer);

/* A reset is complete: the batch that made it necessary is the first of the log. */
void partition_append_first(struct partition *p);

#endif
