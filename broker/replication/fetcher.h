/* fetcher.h -- a follower's side of replication: one fetcher per leader that this shard follows.
 *
 *   Owns:     one connection to the leader's inter-broker listener, one fetch session on it.
 *   Used by:  the shard that owns the partitions.
 *
 *   IDLE --dial--> HELLO (who we are is proven) --> READY <--> one or two fetches in flight
 *    ^               |                                |
 *    +---------------+---- connection lost, refused --+   (again after a pause)
 *
 * One fetch is in flight at a time, and the next one leaves when what the last one brought is
 * written: its offsets are our acknowledgement. A partition that is new, or whose epoch is, does
 * not wait for a fetch that is parked at the leader: a second one is sent, and the leader then
 * answers the first.
 */
#ifndef BROKER_REPLICATION_FETCHER_H
#define BROKER_REPLICATION_FETCHER_H

#include "broker/state.h"

/* Whom the partition follows may have changed, or what it has written. */
void fetcher_on_moved(struct shard *s, struct partition *p);

/* The partition is about to be freed. */
void fetcher_forget(struct shard *s, struct partition *p);

/* Events of connections that fetchers dialled. True: it was one of theirs. */
bool fetcher_on_event(struct shard *s, const struct env_event *e);

/* This broker is registered anew: leaders know its connections by the epoch with which they began,
 * and an older one is in no ISR again (KIP-903). */
void fetchers_on_epoch(struct shard *s);

/* The metadata have changed: leaders may have other addresses or epochs. */
void fetchers_on_image(struct shard *s);

/* Sends what is due; returns the next time at which something is. */
uint64_t fetchers_turn(struct shard *s);

/* Another shard has noticed one, or has reached it again. */
void fetcher_on_suspect(struct shard *s, struct post_suspect *post);

/* Is the connection to this broker broken, while the metadata still say that it is alive? */
bool fetcher_suspects(const struct shard *s, int32_t broker_id);

void fetchers_close_all(struct shard *s);

#define FETCHER_DIAL_TAG 0x46000000u

#endif
