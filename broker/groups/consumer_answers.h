/* consumer_answers.h -- what is answered to members of groups of the consumer protocol. */
#ifndef BROKER_GROUPS_CONSUMER_ANSWERS_H
#define BROKER_GROUPS_CONSUMER_ANSWERS_H

#include "broker/groups/types.h"

/* Prepares the answer to the request that the event was made of, as the group is now. */
void consumer_prepare_answer(struct groups *gs, struct group_ask *ask, const struct group_entry *e,
                             const struct consumer_event *event, const struct consumer_effects *fx);

/* Of a heartbeat that has come to no group. */
void consumer_refuse_heartbeat(struct groups *gs, struct group_ask *ask, int16_t error,
                               const char *message);

#endif
