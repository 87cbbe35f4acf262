/* oracles_state.h -- what the oracles remember. For oracles*.c, and read by the nemesis. */
#ifndef TESTS_SIM_ORACLES_STATE_H
#define TESTS_SIM_ORACLES_STATE_H

#include "tests/sim/chronicle.h"
#include "tests/sim/disk_log.h"
#include "tests/sim/history.h"

/* What the oracles remember of one replica. */
struct replica_view {
    uint32_t life; /* Of the broker's process; 0: never seen. */
    int64_t watermark;
    int64_t read_up_to; /* The log is compared below it. */
    int32_t leader_epoch;
    bool is_rotten; /* It knew a batch that is bad, or cannot be read: what follows may be cut. */
    struct disk_log log;
};

/* What the n-th partition of a shard was when it was looked at last. Every turn looks at all of
 * them; what they are called here and what was decided of them changes seldom. */
struct place_note {
    struct uuid topic_id;
    int32_t number;
    uint32_t part;
    uint64_t decision_count; /* Until more is decided, `state` is what the metadata say. */
    const struct meta_partition *state;
};

/* What they remember of one process. */
struct node_view {
    uint32_t life;
    uint64_t commit_index; /* Compared so far. */
    uint64_t image_index[CLUSTER_SHARDS_MAX];
    uint32_t view_count;
    struct replica_view *views; /* By part. */
    uint32_t place_count[CLUSTER_SHARDS_MAX];
    struct place_note *places[CLUSTER_SHARDS_MAX];
};

struct term_note {
    uint64_t term;
    uint32_t leader;
};

struct decision_note {
    uint32_t crc;
    uint32_t size;
    uint64_t image_hash;
};

struct oracles {
    struct cluster *cluster;
    struct history *history;
    uint32_t term_count;
    uint32_t term_capacity;
    struct term_note *terms;
    struct meta_image truth; /* The fold of everything that was ever committed. */
    uint64_t decision_count; /* decisions[i] is that of index i + 1. */
    uint64_t decision_capacity;
    struct decision_note *decisions;
    struct arena scratch;
    struct node_view controllers[CLUSTER_CONTROLLERS_MAX];
    struct node_view brokers[CLUSTER_BROKERS_MAX];
    uint32_t lives[2][CLUSTER_BROKERS_MAX]; /* Counted by oracles_on_start(). */
    struct chronicle chronicle; /* For the story of a run that fails. */
    uint64_t partition_checks;
    uint64_t image_checks;
};

#endif
