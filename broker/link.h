/* link.h -- the broker's link to the controller quorum: the actor that no partition can delay.
 *
 *   Owns:     two connections to the leading controller (session and stream), the heartbeats, the
 *             HTTP listener.
 *   Used by:  actor 0 of a broker (posts.h).
 *   Knows:    which index every shard has applied. It has no image and no partition.
 *
 *   DIALING --hello, register--> REGISTERED (fenced) --applied, heartbeat--> SERVING
 *      ^                              |                                        |
 *      +------ connection lost, RPC_NOT_LEADER, silence for session timeout ---+
 *
 * The broker's epoch survives a lost session: the same incarnation goes on with it when it finds a
 * leader again. Only heartbeat_reply.epoch == 0 makes it register anew (still the same
 * incarnation).
 */
#ifndef BROKER_LINK_H
#define BROKER_LINK_H

#include "broker/options.h"
#include "common/env.h"

struct link;

struct link *link_open(struct env *env, const struct broker_options *options);

/* The turn of actor 0. */
uint64_t link_turn(void *link, const struct env_event *events, uint32_t count);

void link_close(struct link *link, bool world_is_gone);

#endif
