/* controller.h -- one controller of the quorum: Raft, the metadata, the brokers' sessions.
 *
 *   Used by:  main.c over the real world, tests/sim over the simulated one. One actor, one thread.
 *   Owns:     the folder `log_dir`, its connections, two images (committed and tentative).
 *   Knows:    what the cluster is. Not what is inside partitions.
 *
 * A turn: events in; requests become decisions on the tentative image (decide/), decisions become
 * entries of the metadata log (quorum.c), committed entries change the committed image; then
 * answers go out, brokers' streams move on, clocks are looked at.
 */
#ifndef CONTROLLER_CONTROLLER_H
#define CONTROLLER_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "common/ring.h"
#include "controller/raft/raft.h"
#include "proto/meta.h"
#include "proto/node_config.h"
#include "proto/topic_configs.h"

#define CONTROLLER_VOTERS_MAX RAFT_VOTERS_MAX
#define CONTROLLER_SEEDS_MAX NODE_SEEDS_MAX

/* Rules broken on purpose; only the simulator sets any, to see that its oracles notice. */
enum controller_canary {
    CONTROLLER_CANARY_DECIDE_ON_COMMITTED = 1u << 0,  /* Not on the tentative image. */
    CONTROLLER_CANARY_ISR_ANY_BROKER_EPOCH = 1u << 1, /* Old incarnations may join an ISR. */
    CONTROLLER_CANARY_SEND_BEFORE_DURABLE = 1u << 2,  /* Raft messages do not wait for writes. */
    CONTROLLER_CANARY_ELECT_OUTSIDE_ISR = 1u << 3,    /* Any living replica may lead. */
    CONTROLLER_CANARY_NO_LEADER_EPOCH_BUMP = 1u << 4, /* Back from a restart: the old epoch. */
    CONTROLLER_CANARY_SNAPSHOT_FORGETS_ELR = 1u << 5, /* Snapshots carry no ELR. */
    CONTROLLER_CANARY_ISR_FENCED = 1u << 6,           /* Fenced brokers may join an ISR. */
    CONTROLLER_CANARY_REGISTER_KEEPS = 1u << 7,       /* A new incarnation keeps its places. */
    CONTROLLER_CANARY_ANY_LAST_HOPE = 1u << 8,        /* LastKnownELR: whoever is there first. */
    CONTROLLER_CANARY_PUSH_UNCOMMITTED = 1u << 9,     /* Brokers are told what may yet change. */
    CONTROLLER_CANARY_PUSH_SKIPS = 1u << 10,          /* The stream leaves decisions out. */
    CONTROLLER_CANARY_SHORTEST = 1u << 11,            /* Who reaches furthest? The other one. */
};

/* A quorum that lost its majority for good (recover.h). */
enum controller_recover { CONTROLLER_RECOVER_NO, CONTROLLER_RECOVER_PLAN, CONTROLLER_RECOVER_DO };

struct controller_options {
    uint32_t node_id;
    uint32_t voter_count;
    struct node_voter voters[CONTROLLER_VOTERS_MAX]; /* controller.quorum.voters */
    char listen_host[ENV_HOST_MAX];
    uint16_t listen_port;
    char http_host[ENV_HOST_MAX];
    uint16_t http_port; /* 0: none. */
    char log_dir[FS_PATH_MAX / 2];

    uint32_t raft_heartbeat_ms;            /* 50 */
    uint32_t election_timeout_min_ms;      /* 300 */
    uint32_t election_timeout_max_ms;      /* 600 */
    uint32_t broker_session_timeout_ms;    /* broker.session.timeout.ms: 1500 */
    uint32_t broker_heartbeat_interval_ms; /* broker.heartbeat.interval.ms: 300 */
    uint32_t hang_ms;                      /* broker.hang.timeout.ms: 1500 */
    uint32_t reply_max_ms;                 /* "Done everywhere" waits no longer than this: 5000 */
    uint32_t handover_max_ms; /* A leader that does not hand over for so long is replaced: 8000 */
    uint32_t balance_interval_ms; /* leader.imbalance.check.interval.seconds: 300000; 0: never. */
    uint32_t balance_percentage;  /* leader.imbalance.per.broker.percentage: 10 */
    struct group_limits groups;   /* Of what groups ask for: group.consumer.min... and max... */
    uint32_t stop_max_ms;         /* An orderly stop gives up waiting after this: 2000 */
    uint32_t connection_max;      /* max.connections; the real world only. */
    uint32_t connection_max_per_address; /* max.connections.per.ip */
    uint64_t snapshot_bytes;   /* Log in memory past the last snapshot, before the next: 8 MiB */
    uint64_t snapshot_entries; /* The same in entries: 20000 */
    uint32_t seed_count;       /* "key=value": the cluster's defaults at its birth (DESIGN 11). */
    char seeds[CONTROLLER_SEEDS_MAX][NODE_SEED_SIZE];

    uint64_t ring_bytes;    /* ring.bytes: memory for the last events; 0: none are kept. */
    uint32_t ring_flush_ms; /* From there to a file this often; 0: never. */

    enum controller_recover recover; /* Not to serve, but to go on alone. */

    uint32_t canary;      /* A set of enum controller_canary; the simulator only. */
    uint32_t raft_canary; /* A set of enum raft_canary; the simulator only. */
};

/* Every default in the text above. */
void controller_options_default(struct controller_options *o);

struct controller;

/* Begins to boot. Never fails at once; a folder that cannot be used halts the node, with the reason
 * in the log. */
struct controller *controller_open(struct env *env, const struct controller_options *options);

/* env_turn_fn. */
uint64_t controller_turn(void *controller, const struct env_event *events, uint32_t count);

/* Frees everything. world_is_gone: jobs in flight will never come back (the simulator's crash). */
void controller_close(struct controller *controller, bool world_is_gone);

/* What a node that was started to recover has to say: lines of text. */
const char *controller_report(const struct controller *c);

/* ---- For oracles, status pages and tests: read only. ---- */

bool controller_is_up(const struct controller *c); /* It has booted and listens. */
bool controller_is_leader(const struct controller *c);
uint64_t controller_term(const struct controller *c);
uint64_t controller_commit_index(const struct controller *c);
const struct meta_image *controller_image(const struct controller *c);     /* Committed. */
const struct meta_image *controller_tentative(const struct controller *c); /* NULL: not leading. */
const struct raft *controller_raft(const struct controller *c);            /* NULL: not up. */

/* The bytes of entry `index` of the metadata log as it stands in memory (one record batch); absent
 * if it is not there. */
struct slice controller_entry(const struct controller *c, uint64_t index);

/* Its last events (replay.h); off without options.ring_bytes. */
const struct ring *controller_ring(const struct controller *c);

/* Why this node can no longer be right: a committed decision that the image refuses. Only a canary
 * can bring that about. NULL: all is well. */
const char *controller_fault(const struct controller *c);

#endif
