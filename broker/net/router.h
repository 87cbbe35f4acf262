/* router.h -- splits a request's work by the shard that owns each partition, and joins it again. */
#ifndef BROKER_NET_ROUTER_H
#define BROKER_NET_ROUTER_H

#include "broker/state.h"

/* A request's ops before they are split: an array in the scratch arena, slot = index. */
struct route {
    struct request *request;
    enum op_kind kind;
    struct op *ops;
    uint32_t count;
    uint32_t capacity;
};

/* False: more partitions than one request may name. */
MUST_USE bool route_begin(struct shard *s, struct request *r, enum op_kind kind, uint32_t capacity,
                          struct route *out);

/* The next op. An op with an error set is answered with it and goes nowhere. */
struct op *route_add(struct route *route, struct uuid topic_id, int32_t partition);

/* What all groups get; the rest of the group is set by the router. */
struct route_limits {
    uint64_t wait_ms; /* From now. */
    int16_t acks;
    int32_t replica_id;
    int64_t replica_epoch;
    uint64_t replica_alive_ms;
    uint64_t min_bytes;
    uint64_t max_bytes;
};

/* Splits and starts. r->join is called when all is done: maybe before this returns. */
void route_go(struct shard *s, struct route *route, const struct route_limits *limits);

/* Ops of a request by slot: NULL if the request has none there. For join. */
struct op *route_op(const struct request *r, uint32_t slot);

/* Gives up what a fetch that will not be answered has read here. */
void route_drop_ranges(struct shard *s, const struct request *r);

/* The request is finished or dropped: frees its groups. */
void route_free(struct request *r);

/* Its connection is gone, or its next request has come: a parked fetch ends now. */
void route_cancel(struct shard *s, struct request *r);

/* ---- The owner's side. ---- */

/* Starts a group of this shard or another one's, on the partitions here. */
void router_start_group(struct shard *s, struct op_group *group);

/* After everything else in a turn: completes woken fetches, ends what is out of time, sends
 * finished groups home. Returns true if something happened. */
bool router_turn(struct shard *s);

void router_on_post_back(struct shard *s, struct op_group *group);

void router_on_cancel(struct shard *s, struct post *cancel);

/* Home again: returns whose it is. The request may be freed when none of its own is out. */
struct request *router_on_cancel_back(struct post *cancel);

#endif
