/* options.h -- what a broker is told when it starts. Filled in by main.c or by the simulator. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "proto/meta.h"
#include "proto/node_config.h"

#define BROKER_VOTERS_MAX META_VOTERS_MAX
#define BROKER_SEEDS_MAX NODE_SEEDS_MAX
#define GROUP_ASSIGNORS_MAX 2 /* There are no more. */
#define BROKER_DIRS_MAX 10 /* Each has I/O threads of its own. */

struct broker_listener {
    char name[64];
    char host[ENV_HOST_MAX]; /* Bound to this. */
    uint16_t port;
    char advertised_host[ENV_HOST_MAX]; /* "": the address by which the client reached us. */
    uint16_t advertised_port;
};

struct groups_options {
    uint32_t topic_partitions;    /* offsets.topic.num.partitions: 50 */
    uint32_t topic_replication;   /* offsets.topic.replication.factor: 3 */
    uint32_t topic_segment_bytes; /* offsets.topic.segment.bytes: 100 MiB */
    uint32_t metadata_max_bytes;  /* offset.metadata.max.bytes: 4096 */
    uint32_t commit_timeout_ms;   /* offsets.commit.timeout.ms: 5000 */
    uint32_t retention_minutes;   /* offsets.retention.minutes: 7 days */
    uint32_t retention_check_ms;  /* offsets.retention.check.interval.ms: 10 minutes */
    uint32_t initial_delay_ms;    /* group.initial.rebalance.delay.ms: 3000 */
    uint32_t session_min_ms;      /* group.min.session.timeout.ms: 6000 */
    uint32_t session_max_ms;      /* group.max.session.timeout.ms: 30 minutes */
    uint32_t size_max;            /* group.max.size: no limit */
    uint32_t canary;              /* enum group_canary; the simulator only. */
    struct {                      /* group.consumer. ... */
        uint32_t session_ms;      /* session.timeout.ms: 45000 */
        uint32_t session_min_ms;  /* min.session.timeout.ms: 45000 */
        uint32_t session_max_ms;  /* max.session.timeout.ms: 60000 */
        uint32_t heartbeat_ms;    /* heartbeat.interval.ms: 5000 */
        uint32_t heartbeat_min_ms; /* min.heartbeat.interval.ms: 5000 */
        uint32_t heartbeat_max_ms; /* max.heartbeat.interval.ms: 15000 */
        uint32_t size_max;         /* max.size: no limit */
        uint32_t policy;           /* migration.policy: bidirectional */
        uint32_t assignor_count;   /* assignors: uniform, range */
        uint32_t assignors[GROUP_ASSIGNORS_MAX];
        bool is_off; /* group.coordinator.rebalance.protocols does not name it. */
    } consumer;
};

struct server_config;

struct broker_options {
    int32_t id;
    const struct server_config *config; /* What they were made of, to be told; NULL: nothing. */
    uint32_t shard_count;
    char rack[64];
    char cluster_id[23]; /* Of the log folder; "" if it is new. Checked by the controllers. */
    uint32_t listener_count;
    struct broker_listener listeners[META_LISTENERS_MAX];
    char replication_listener[64]; /* inter.broker.listener.name */
    uint32_t voter_count;
    struct node_voter voters[BROKER_VOTERS_MAX];
    char http_host[ENV_HOST_MAX];
    uint16_t http_port; /* 0: none. */
    uint32_t log_dir_count;
    char log_dirs[BROKER_DIRS_MAX][FS_PATH_MAX / 2];
    uint32_t open_files_max; /* log.open.files.max: of segments, of all shards; 16384 */
    uint64_t reserve_bytes; /* log.reserve.bytes: 64 MiB, or a twentieth of a small disk */
    uint32_t seed_count; /* "key=value", the cluster's defaults at its birth (DESIGN 11). */
    char seeds[BROKER_SEEDS_MAX][NODE_SEED_SIZE];

    uint32_t heartbeat_ms;                     /* broker.heartbeat.interval.ms: 300 */
    uint32_t session_ms;                       /* broker.session.timeout.ms: 1500 */
    uint32_t lease_ms;                         /* 1000 (DESIGN 6.13) */
    uint32_t replica_hang_ms;                  /* 1000 (DESIGN 7) */
    uint64_t retention_check_ms;               /* log.retention.check.interval.ms: 300000 */
    uint64_t producer_expiry_ms;               /* producer.id.expiration.ms: a day */
    bool cleaner_enabled;        /* log.cleaner.enable: true */
    uint64_t cleaner_backoff_ms; /* log.cleaner.backoff.ms: 15000 */
    uint64_t scrub_bytes_per_s;  /* log.scrub.bytes.per.second: 1 MiB; 0: nothing is scrubbed */
    int64_t replica_cache_bytes; /* replica.page.cache.bytes: 8 MiB; -1: the kernel decides */
    uint64_t scrub_interval_ms;  /* log.scrub.interval.ms: a day from one pass to the next */
    uint64_t cleaner_map_bytes;  /* Of all shards. log.cleaner.dedupe.buffer.size: 128 MiB */
    uint64_t retention_first_ms; /* After the start. log.initial.task.delay.ms: 30000 */
    uint32_t replica_lag_max_ms;               /* replica.lag.time.max.ms: 30000 */
    uint32_t replica_fetch_wait_ms;            /* replica.fetch.wait.max.ms: 500 */
    uint32_t replica_fetch_max_bytes;          /* replica.fetch.max.bytes, per partition: 1 MiB */
    uint32_t replica_fetch_response_max_bytes; /* 10 MiB */
    uint32_t request_max_bytes;                /* socket.request.max.bytes: 100 MiB */
    uint32_t requests_in_flight_max;           /* Per connection. */
    uint64_t queued_request_max_bytes; /* queued.max.request.bytes: 256 MiB, of all shards */
    uint32_t fetch_sessions_max;               /* max.incremental.fetch.session.cache.slots: 1000 */
    uint32_t connection_max;                   /* max.connections; the real world only. */
    uint32_t connection_max_per_address;       /* max.connections.per.ip */
    uint32_t fetch_session_parts_max;          /* In the sessions of a shard: 1,000,000 */
    bool auto_create_topics;                   /* auto.create.topics.enable: true */
    struct groups_options groups;
    uint32_t stop_max_ms; /* An orderly stop gives up waiting after this. */
    uint64_t ring_bytes;  /* ring.bytes: each shard's, for its last events; 0: none are kept. */
    uint32_t ring_flush_ms; /* From there to a file this often; 0: never. */

    uint32_t replica_canary; /* enum replica_canary; the simulator only. */
    uint32_t broker_canary;  /* enum broker_canary; the simulator only. */
};

/* Rules of the shell that the simulator breaks on purpose. */
enum broker_canary {
    BROKER_CANARY_ACK_UNWRITTEN = 1u << 0,         /* Acknowledges before the write is done. */
    BROKER_CANARY_TRUNCATE_TO_WATERMARK = 1u << 1, /* A new follower truncates by watermark. */
    BROKER_CANARY_NO_EPOCH_FENCE = 1u << 2,        /* Fetches of another epoch are served. */
    BROKER_CANARY_NO_DEDUPE = 1u << 3,             /* Producers' sequences are not looked at. */
    BROKER_CANARY_FETCH_UNCOMMITTED = 1u << 4,     /* Consumers read past the watermark. */
    BROKER_CANARY_RING_FORGETS = 1u << 5,          /* Followers' fetches are not recorded. */
    BROKER_CANARY_ALWAYS_WHOLE = 1u << 6,          /* The log is whole, whatever happened to it. */
    BROKER_CANARY_NO_DIVERGENCE = 1u << 7,         /* Nobody is told that the logs part. */
    BROKER_CANARY_FORGET_PRODUCERS = 1u << 8,      /* Followers note no producers. */
    BROKER_CANARY_FOLD_DIFFERENTLY = 1u << 9,      /* The image leaves a record out. */
    BROKER_CANARY_APPEND_TWICE = 1u << 11,  /* Some batches of nobody's are appended twice. */
    BROKER_CANARY_ACK_UNSTORED = 1u << 12,  /* Some batches are acknowledged and not appended. */
    BROKER_CANARY_ANY_PARTITION = 1u << 13, /* Some batches end in another partition. */
    BROKER_CANARY_FULL_HALTS = 1u << 14,    /* A full disk ends the broker. */
    BROKER_CANARY_CUT_ROT = 1u << 15,       /* A start cuts at a bad batch, and says nothing. */
    BROKER_CANARY_ANY_FOLDER = 1u << 16,    /* A folder of that name is taken for the topic's. */
    BROKER_CANARY_NO_GAP_GRACE = 1u << 17,  /* A gap that a refusal has made is told at once. */
    BROKER_CANARY_REMOVE_BEYOND = 1u << 18, /* A segment more goes than lies below the start. */
    BROKER_CANARY_BURY_EARLY = 1u << 10,    /* A deleted topic's files go while it may come back. */
};

/* Every default in the text above. */
void broker_options_default(struct broker_options *o);

#endif
