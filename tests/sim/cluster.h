/* cluster.h -- a whole cluster of the production objects in the simulated world, and its options.
 *
 *   Owns:     the world (sim_world.h), one node per controller, broker and client.
 *   Knows:    how main.c of each program puts its objects together, and what can be broken.
 *
 * Everything that a run is made of is drawn from its seed and printed. Rank of the files:
 * sim_world < cluster, history < oracles, client < producer, consumer, admin, nemesis < run < main.
 */
#ifndef TESTS_SIM_CLUSTER_H
#define TESTS_SIM_CLUSTER_H

#include "broker/options.h"
#include "controller/controller.h"
#include "tests/sim/sim_world.h"

#define CLUSTER_BROKERS_MAX 5
#define CLUSTER_CONTROLLERS_MAX 5
#define CLUSTER_SHARDS_MAX 4
#define CLUSTER_TOPICS_MAX 4 /* At the start. */
#define CLUSTER_PARTITIONS_MAX 8
#define CLUSTER_LOG_DIR "/data"
#define CLUSTER_LOG_DIR_2 "/more" /* Of brokers that have two. */
#define CLUSTER_ROTS_MAX 64
#define CLUSTER_KAFKA_PORT 9092
#define CLUSTER_RAFT_PORT 9093
#define CLUSTER_CONTROLLER_ID(index) (101 + (index))

struct run;

/* What the nemesis may do; a run draws which of them it does, and how often. */
/* clang-format off */
#define FAULT_KINDS(X)                                                          \
    X(kill_broker,      "one broker is killed and started again")               \
    X(kill_controller,  "one controller is killed and started again")           \
    X(kill_leader,      "the broker that leads most is killed")                 \
    X(kill_active,      "the active controller is killed")                      \
    X(kill_several,     "several processes are killed at once")                 \
    X(kill_all,         "every process is killed at once")                      \
    X(pause_broker,     "a broker is stopped for a while (SIGSTOP)")            \
    X(pause_controller, "a controller is stopped for a while")                  \
    X(cut_one_way,      "nothing gets from one node to another")                \
    X(cut_both_ways,    "two nodes cannot reach each other")                    \
    X(isolate,          "a node cannot reach any other")                        \
    X(isolate_leader,   "a broker reaches clients, and neither brokers nor controllers") \
    X(slow_link,        "what one node sends to another takes longer")          \
    X(reset,            "connections between two nodes are reset")              \
    X(stall_disk,       "a disk does nothing for a while")                      \
    X(wall_jump,        "a wall clock jumps")                                   \
    X(stop_broker,      "a broker is asked to stop in order, and started again") \
    X(power_cut,        "a broker's host loses its power, when every copy is whole")    \
    X(power_cut_any,    "hosts lose their power, some or all, where every topic is flushed") \
    X(power_cut_controller, "a controller's host loses its power")              \
    X(power_cut_quorum, "the controllers' disks stall, then all of them lose their power") \
    X(wipe_broker,      "a broker is back with an empty disk, when every copy is whole") \
    X(wipe_controller,  "a controller is back with an empty disk, when all are voters") \
    X(stop_controller,  "a controller is asked to stop in order, and started again")    \
    X(wipe_joining,     "a follower loses its disk while it is proposed as in sync") \
    X(kill_in_handover, "the active controller is killed in the middle of a handover")  \
    X(cut_in_handover,  "a leader hands over, and cannot hear the answer")      \
    X(fill_broker,      "a broker's disk is full for a while")                  \
    X(fill_controller,  "a controller's disk is full for a while")              \
    X(dead_dir,         "one of a broker's log.dirs, or its only one, answers with errors (EIO)") \
    X(dead_controller,  "a controller's log.dirs answers with errors (EIO)")    \
    X(rot,              "a bit below a replica's watermark turns over, and another one is sound")

enum fault_kind {
#define X(name, text) FAULT_##name,
    FAULT_KINDS(X)
#undef X
    FAULT_KIND_COUNT
};
/* clang-format on */

/* From there on they are of disks: they have a schedule of their own (disk_faults.h). */
#define FAULT_DISK_FIRST FAULT_fill_broker

/* Which brokers' hosts may lose their power so that acks=all keeps its promise (DESIGN 6.10). Those
 * of controllers always may. */
enum power {
    POWER_STAYS, /* None; acks=all needs no second copy. */
    POWER_ONE,   /* One at a time: two copies at least, and as many wait for each other. */
    POWER_ANY,   /* Any, and all at once: every topic has flush.messages=1. */
};

const char *fault_name(enum fault_kind kind);
const char *fault_text(enum fault_kind kind);

struct cluster_options {
    uint64_t seed;
    struct sim_options world;

    uint32_t controller_count;
    uint32_t broker_count;
    uint32_t shard_count;                 /* Of each broker. */
    struct controller_options controller; /* What all have in common. */
    struct broker_options broker;
    uint32_t min_isr; /* The cluster's default. */
    uint32_t segment_bytes;

    uint32_t topic_count; /* That exist all the time; others come and go. */
    uint32_t partition_count[CLUSTER_TOPICS_MAX];
    uint32_t replication_factor[CLUSTER_TOPICS_MAX];
    uint32_t topic_min_isr[CLUSTER_TOPICS_MAX];
    bool topic_flushes[CLUSTER_TOPICS_MAX];

    uint32_t producer_count;
    uint32_t consumer_count;
    uint32_t group_count;    /* 0: there are none. */
    uint32_t member_count;   /* Of all groups together. */
    uint32_t consumer_groups; /* A bit for each group: it speaks the consumer protocol, */
    uint32_t mixed_groups;    /* but every other member of it the classic one. */
    uint32_t admin_pause_ms; /* Between two things that the admin does; 0: it does nothing. */

    enum power power;
    uint32_t fault_pause_ms;            /* Between two faults, on average; 0: there are none. */
    uint32_t fault_length_ms;           /* At most. */
    uint32_t weights[FAULT_KIND_COUNT]; /* 0: never in this run. */
    uint32_t disk_pause_ms; /* Between two faults of disks, on average; 0: there are none. */
    uint32_t log_dir_count; /* Of each broker. */

    uint64_t duration_ms;     /* Of the safety phase. */
    uint64_t duration_max_ms; /* It goes on until this for the records that are wanted. */
    uint64_t acked_min;       /* Records that are acknowledged before the run ends. */
};

/* All of it drawn from the seed. */
struct cluster_options cluster_options_draw(uint64_t seed);
void cluster_options_print(const struct cluster_options *o, FILE *to);

/* ---- The nodes. ---- */

/* What runs in a broker's process; all NULL: it is down. */
struct broker_process {
    struct link *link;
    struct shard *shards[CLUSTER_SHARDS_MAX];
    struct broker_options options;
};

struct cluster_node {
    struct cluster *cluster;
    struct sim_node *node;
    bool is_broker;
    uint32_t index;
    uint32_t busy;       /* Faults that have this node in their hands. */
    bool has_lost;       /* A broker: what it had, and the metadata may not say so yet. */
    bool is_full;        /* Its disk has no room now, */
    bool is_broken;      /* or fails: then it may end by itself. */
    uint64_t full_until_us; /* While it has none it is UINT64_MAX / 2. */
    struct uuid wiped;   /* A controller: the disk that it had and lost last. */
    uint64_t cut_off_us; /* Since then no other broker and no controller was reached; 0: not so. */
    struct controller *controller; /* NULL: down, or a broker. */
    struct broker_process broker;
};

/* A bit of a replica's log that was turned over. */
struct cluster_rot {
    uint32_t broker; /* By index. */
    char topic[32];
    int32_t number;
    char path[192];
    uint64_t at;
    uint8_t byte; /* What is there since. */
};

struct cluster {
    struct cluster_options options;
    struct sim *sim;
    struct cluster_node controllers[CLUSTER_CONTROLLERS_MAX];
    struct cluster_node brokers[CLUSTER_BROKERS_MAX];
    bool is_quorum_changing; /* Somebody is asked out of it: no other member loses its disk. */
    uint32_t rot_count;      /* That may be there still. */
    struct cluster_rot rots[CLUSTER_ROTS_MAX];
    bool has_rotten; /* Some were, in this run. */
};

/* The world's hooks must be set in options->world. Nobody runs yet. */
void cluster_open(struct cluster *c, const struct cluster_options *options);
void cluster_close(struct cluster *c);

/* Does nothing if it runs. */
void cluster_start(struct cluster_node *n);
void cluster_start_all(struct cluster *c);

/* Broker ids are 1, 2, ...; controller ids 101, 102, ... NULL: it is a client's. */
struct cluster_node *cluster_node_of(struct cluster *c, const struct sim_node *node);
const char *cluster_broker_host(uint32_t index);

/* Where the replica lies on its disk, or would. */
void cluster_folder(const struct cluster_node *n, const char *topic, int32_t number, char *out,
                    size_t size);

/* Is a bit of this replica wrong, as far as the nemesis knows? NULL: of any replica at all. */
bool cluster_is_rotten(const struct cluster *c, const struct cluster_node *n, const char *topic,
                       int32_t number);

/* The controller that leads with the highest term; NULL: none that runs believes so. */
const struct controller *cluster_active(const struct cluster *c);

#endif
