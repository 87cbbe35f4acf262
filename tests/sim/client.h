/* client.h -- what the simulated clients share: connections to brokers, Kafka's bytes, metadata.
 *
 *   Used by:  producer.c, consumer.c, admin.c, each the only actor of a process of its own.
 *   Knows:    where brokers listen. Who leads, it learns from Metadata and from errors, as any
 *             client.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "common/arena.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/kafka_frame.h"
#include "tests/sim/cluster.h"
#include "tests/sim/history.h"

#define CLIENT_PENDING_MAX 64
#define CLIENT_TOPICS_MAX 32
#define CLIENT_APIS_MAX 96 /* Keys below this have a version of their own. */

struct client;

/* A request that waits for its answer. */
struct pending {
    int32_t correlation;
    int16_t api;
    int16_t version;
    uint64_t deadline_ms;
    void *context;
};

struct client_conn {
    uint64_t conn;     /* 0: none. */
    uint64_t retry_ms; /* No dial before this. */
    uint32_t count;
    struct pending pending[CLIENT_PENDING_MAX]; /* In order. */
};

struct client_partition {
    int32_t leader; /* -1: none. */
    int32_t leader_epoch;
};

struct client_topic {
    struct uuid id;
    char name[32];
    uint32_t partition_count;
    struct client_partition partitions[CLUSTER_PARTITIONS_MAX];
};

/* What a kind of client does. */
struct client_kind {
    /* `message` is the decoded answer, valid until this returns; NULL: it will never come. */
    void (*on_answer)(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context);
    uint64_t (*turn)(struct client *c); /* Returns its next deadline. */
    void (*close)(struct client *c);    /* Frees all of it. */
};

struct client {
    const struct client_kind *kind;
    struct env *env; /* NULL before its process is open. */
    struct cluster *cluster;
    struct history *history;
    struct sim_node *node;
    uint32_t number; /* Among its kind. */
    char name[32];
    struct prng prng;
    bool may_speak_of_names; /* Else only versions that name topics by id, where there are any. */
    uint32_t request_timeout_ms;
    int16_t versions[CLIENT_APIS_MAX];
    struct client_conn conns[CLUSTER_BROKERS_MAX];
    int32_t next_correlation;
    struct arena arena;
    struct writer out;
    bool is_slow;  /* Less is begun: who is behind must be able to catch up. */
    bool is_quiet; /* The run is over: nothing new is begun. */

    uint32_t topic_count;
    struct client_topic topics[CLIENT_TOPICS_MAX];
    bool wants_metadata;
    bool metadata_is_out;
    uint64_t metadata_ms; /* When it is asked for next, at the latest. */
};

/* Fills in what is common; `kind` and the rest are the caller's. Its process starts at once. */
void client_open(struct client *c, struct cluster *cluster, struct history *history,
                 const char *name, uint64_t salt);
void client_close(struct client *c); /* The process must have ended. */

/* Sends a request. False: nothing can be sent to this broker now. `needs_answer` false: acks=0. */
bool client_send(struct client *c, uint32_t broker, int16_t api, const void *message, void *context,
                 bool needs_answer);
bool client_is_free(const struct client *c, uint32_t broker);

/* Metadata may be old: asks for them soon. */
void client_suspect(struct client *c);
struct client_topic *client_topic_of(struct client *c, struct uuid id);
uint32_t client_any_broker(struct client *c);

static inline int16_t client_version(const struct client *c, int16_t api)
{
    return api < CLIENT_APIS_MAX ? c->versions[api] : 0; /* Our own APIs have one. */
}

#endif
