/* broker_rig.h -- one broker of several shards in a simulated world, without controllers: a link
 * that the test plays, and clients that send what the test says and keep what they hear.
 *
 * It leads every partition of one topic, each with one replica. Raw: no client's cleverness lies
 * between the test and the bytes.
 */
#ifndef TESTS_SIM_BROKER_RIG_H
#define TESTS_SIM_BROKER_RIG_H

#include <sys/queue.h>

#include "broker/shard.h"
#include "common/arena.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_frame.h"
#include "tests/sim/sim_world.h"

#define RIG_SHARDS_MAX 4
#define RIG_PARTITIONS 8
#define RIG_FRAMES_MAX 8192
#define RIG_FETCH_VERSION 12
#define RIG_PRODUCE_VERSION 9

struct rig_client {
    struct env *env;
    uint64_t conn;
    bool is_connected;
    bool is_closed;
    uint32_t sent;        /* Requests; their correlation ids count from 0. */
    uint32_t frame_count; /* Answers, in order. */
    struct buf *frames[RIG_FRAMES_MAX];
};

struct any_post;
TAILQ_HEAD(any_post_list, any_post);

struct rig {
    struct sim *sim;
    struct sim_node *broker;
    struct sim_node *client_node;
    struct log_dirs *dirs;
    struct broker_options options;
    struct env *link_env;
    bool link_has_begun;
    bool moves_away_and_back; /* The link's next turn does so, with the partition `moved`. */
    int32_t moved;
    bool comes_back_unled;   /* Then nobody leads it, and this broker is its last hope. */
    uint32_t log_ends_heard; /* How often the link was told of logs that nobody leads. */
    int64_t producer_id; /* Of what rig_produce() sends; -1: no producer's. */
    int32_t sequence;
    struct any_post_list posts; /* Of the link, away from home. */
    bool is_stopping;
    uint32_t stops_out, ends_out;
    bool has_ended;
    struct shard *shards[RIG_SHARDS_MAX]; /* From 0: actor 1's. */
    struct uuid topic_id;
    struct rig_client client;
    struct arena arena;
    struct writer out;
};

/* The world runs until the broker serves and the client is connected. */
void rig_open(struct rig *r, uint32_t shard_count, uint64_t seed);

/* Stops the broker in order: fails the test if it does not end. Then everything is freed. */
void rig_close(struct rig *r);

void rig_run_ms(struct rig *r, uint64_t ms);

/* Which shard owns a partition, and the first partition of a shard. */
uint32_t rig_owner(const struct rig *r, int32_t partition);
int32_t rig_partition_of(const struct rig *r, uint32_t shard);

/* In one turn the metadata say that another broker has the partition now, and that this one has. */
void rig_move_away_and_back(struct rig *r, int32_t partition);

/* Another connection; requests go there from now on. Returns the one until then. */
uint64_t rig_dial(struct rig *r);

/* A request as it is. Returns its correlation id. */
uint32_t rig_send(struct rig *r, int16_t api, int16_t version, const void *message);

/* Runs until the answer is there (or fails the test) and decodes it; valid until the next one. */
const void *rig_answer(struct rig *r, uint32_t correlation, int16_t api, int16_t version);

/* One batch of `size` bytes of value to each of the partitions. acks=0 has no answer. */
uint32_t rig_produce(struct rig *r, int16_t acks, const int32_t *partitions, uint32_t count,
                     uint32_t size);

struct rig_fetch {
    uint32_t wait_ms;
    uint32_t min_bytes;
    uint32_t max_bytes;
    uint32_t partition_max_bytes;
    const int32_t *partitions;
    uint32_t count;
    int64_t offset;   /* In each of them. */
    bool has_session; /* Then: of this id, at this epoch; 0 and 0 begin one. */
    int32_t session_id;
    int32_t session_epoch;
};
uint32_t rig_fetch(struct rig *r, const struct rig_fetch *fetch);

/* Sums over an answer to Fetch. */
uint64_t rig_fetched_bytes(const void *answer);

/* Groups, calls and loans of one shard that are away from home. */
uint64_t rig_away(const struct rig *r, uint32_t shard);

#endif
