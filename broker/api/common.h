/* common.h -- what several APIs need: names of topics, endpoints of brokers. */
#ifndef BROKER_API_COMMON_H
#define BROKER_API_COMMON_H

#include "broker/state.h"
#include "proto/msg/shared.h"

/* Where clients of this request's listener find a broker. False: it has no such listener. `host` is
 * a slice of the image, of the request's scratch memory or of static memory. */
bool broker_endpoint(struct shard *s, const struct request *r, const struct meta_broker *broker,
                     struct slice *host, int32_t *port);

/* KIP-951: the endpoints of the leaders that an answer names, each once. */
struct array leader_endpoints(struct shard *s, const struct request *r);

/* Registered and not fenced. */
bool is_serving(const struct shard *s, int32_t broker_id);

/* The replicas of a partition that are not served. */
struct id_set offline_replicas(const struct shard *s, const struct meta_partition *p);

/* The members of a set, in the request's scratch memory. False: it is full. */
bool array_of_ids(struct shard *s, const struct id_set *set, struct array *out);

/* A name is the slice of the image's, so that it lives while the image does not change. */
struct slice topic_name(const struct shard *s, struct uuid topic_id);

/* The topics that the cluster itself writes: clients may read them, and no more. */
bool topic_is_internal(const char *name);

#endif
