/* asks.h -- requests at their owner: those that wait, and what they are answered. */
#ifndef BROKER_GROUPS_ASKS_H
#define BROKER_GROUPS_ASKS_H

#include "broker/groups/types.h"

/* Which shard's groups it is among. */
uint32_t group_owner(const struct broker_options *o, struct slice group_id,
                     uint32_t partition_count);

/* Is the group among those that this ask is about? Others are asked elsewhere. */
bool ask_is_about(const struct groups *gs, const struct group_ask *ask, struct slice group_id);

/* The group's coordinator, if it serves: else NULL and Kafka's error. */
struct coordinator *ask_coordinator(const struct groups *gs, const struct group_ask *ask,
                                    struct slice group_id, int16_t *error);

/* Kafka's words for a group that is not there, which its tools show; in the arena. */
struct slice ask_not_found_text(struct groups *gs, struct slice group_id);

/* What the cores may call it from now on. */
uint64_t ask_wait(struct groups *gs, struct group_ask *ask);

/* They do not any more: as if it had just been asked. */
struct group_ask *ask_wait_no_more(struct groups *gs, uint64_t number);

/* `message` is of the API's response table. The ask is finished: in gs->finished. */
void ask_answer(struct groups *gs, struct group_ask *ask, const void *message);

/* The same in two steps: what is prepared (again) is told when it is finished. */
void ask_prepare(struct groups *gs, struct group_ask *ask, const void *message);
void ask_finish(struct groups *gs, struct group_ask *ask);

/* The answer that one of the cores gives. */
void ask_answer_of_group(struct groups *gs, const struct group *g, const struct group_answer *a);

/* An error that concerns all of the request; each API says it in its own way. */
void ask_refuse_join(struct groups *gs, struct group_ask *ask, int16_t error, struct slice member);
void ask_refuse_sync(struct groups *gs, struct group_ask *ask, int16_t error);
void ask_answer_heartbeat(struct groups *gs, struct group_ask *ask, int16_t error);

void ask_prepare_join_refusal(struct groups *gs, struct group_ask *ask, int16_t error,
                              struct slice member);
void ask_prepare_leave(struct groups *gs, struct group_ask *ask, uint32_t count,
                       const struct group_leaver *leavers, const int16_t *errors);

/* As an answer that is prepared says that nothing has come of the request. */
void ask_prepare_refusal(struct groups *gs, struct group_ask *ask, int16_t error);

/* Decodes the body again, or for the first time, into the groups' arena. False: it does not parse,
 * or is too large. */
MUST_USE bool ask_decode(struct groups *gs, const struct group_ask *ask, void *out);

/* Nothing can be said: the connection is closed. */
void ask_answer_nothing(struct groups *gs, struct group_ask *ask);

#endif
