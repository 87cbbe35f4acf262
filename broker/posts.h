/* posts.h -- what the actors of one broker say to each other. Boomerangs all: made by one actor,
 * worked on by another, given back, freed where they were made (mailbox.h).
 *
 * Actor 0 is the *link*: it talks to the controllers, serves HTTP and owns no partition, so that no
 * partition's work delays a heartbeat. Actors 1..N are the *shards*.
 */
#ifndef BROKER_POSTS_H
#define BROKER_POSTS_H

#include "broker/dirs.h"
#include "common/env.h"
#include "proto/rpc.h"

#define BROKER_LINK_ACTOR 0

enum post_kind {
    POST_RECORDS = 1, /* link -> every shard: decisions, in order. Back: applied. */
    POST_SNAPSHOT,    /* link -> every shard: an image to start from. Back: applied. */
    POST_SESSION,     /* link -> every shard: how the session with the controllers stands.
                         The first post a shard gets: before it, the log folder is not ours yet. */
    POST_PROBE,       /* link -> every shard: are you alive? Back: at once, with its numbers. */
    POST_STOP,        /* link -> every shard: sync and close everything. Back: done, and all that
                         it sent to others is home. */
    POST_END,   /* link -> every shard, when all of them have stopped: nobody says any more. */
    POST_ADMIN, /* shard -> link: a client's admin request. Back: the answer. */
    POST_ISR,   /* shard -> link: ISR proposals. Back: answered or lost. */
    POST_PRODUCER_IDS,  /* shard -> link: a block of producer ids. Back: the block, or an error. */
    POST_ENDS,          /* shard -> link: how far logs reach that nobody leads. Back: at once. */
    POST_REPLICA_DISKS, /* shard -> link: how the disks of replicas fare. Back: at once. */
    POST_DEAD_DIR,      /* shard -> link, link -> every shard: a folder can be used no more. */
    POST_OPS,           /* shard -> shard: operations on partitions that the other owns (op.h). */
    POST_GROUP_ASK,     /* shard -> shard: what is about groups of the other (groups/types.h). */
    POST_CANCEL,        /* shard -> shard: finish a parked fetch that was sent as POST_OPS. */
    POST_LOAN,    /* owner -> shard, inside POST_OPS: a range of a file. Back: sent (loans.h). */
    POST_REVOKE,  /* owner -> shard: give a loan back now. */
    POST_SUSPECT, /* shard -> shard: a leader's connection broke, or serves again. */
};

/* Filled in by shard 1, when it has applied what came: the quorum that the metadata names. */
struct post_voters {
    uint32_t count;
    struct node_voter items[META_VOTERS_MAX];
};

/* The bytes belong to the post; whoever works on it only reads them. */
struct post_records {
    struct post post;
    uint32_t shard; /* To which it was sent; the link's. */
    uint64_t first_index;
    uint64_t last_index;
    struct buf *batches; /* Record batches, back to back, one decision each. */
    struct post_voters voters;
};

struct post_snapshot {
    struct post post;
    uint32_t shard;
    uint64_t index;
    struct buf *image;
    struct post_voters voters;
};

struct post_session {
    struct post post;
    int64_t broker_epoch; /* -1: not registered. */
    uint64_t answered_ms; /* When the last heartbeat that was answered had been sent. */
    uint64_t term;        /* Of the controller that answered. */
    /* The decision by which this broker was registered. What the metadata said before it is
     * history: topics that are long gone, whose folders are others' by now. */
    uint64_t registered_index;
    bool fenced;
    struct log_dirs *dirs; /* What boot found out (dirs.h); the link's. */
};

/* What a shard says of itself for /status and /metrics. */
struct shard_numbers {
    uint64_t partitions;
    uint64_t leaders;
    uint64_t under_replicated;
    uint64_t under_min_isr;
    uint64_t offline; /* Replicas here whose journal has failed. */
    uint64_t connections;
    uint64_t requests;
    uint64_t requests_refused;           /* Malformed, unknown or not understood. */
    uint64_t connections_closed_hostile; /* TLS, HTTP, too large. */
    uint64_t records_in;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t produce_requests;
    uint64_t fetch_requests;
    uint64_t duplicate_batches;
    uint64_t isr_shrinks;
    uint64_t rotten; /* Replicas here that have a bad batch. */
    uint64_t rot_found;
    uint64_t rot_gone;
    uint64_t scrubbed_bytes;
    uint64_t isr_expands;
    uint64_t memory_frames_bytes;
    uint64_t disk_oldest_job_ms; /* Age of the oldest unfinished job; 0: none. */
};

struct post_probe {
    struct post post;
    uint32_t shard;
    uint64_t sent_ms;
    struct shard_numbers numbers; /* Filled in by the shard. */
};

struct post_stop {
    struct post post;
    uint32_t shard;
};

/* Whoever has partitions to follow notices first; every shard answers Metadata (DESIGN 7). */
struct post_suspect {
    struct post post;
    int32_t broker_id;
    int64_t broker_epoch;
    bool is_suspect; /* False: it serves again. */
};

struct post_end {
    struct post post;
};

struct post_admin {
    struct post post;
    void *request;   /* The shard's. */
    uint64_t create; /* The shard's: what a Metadata request waits for; or 0. */
    int16_t api_key;
    int16_t api_version;
    char listener[64];
    struct buf *body;    /* The shard's. */
    uint64_t timeout_ms; /* From now. */
    /* Filled in by the link. */
    int16_t error;      /* Not 0: there is no answer (COORDINATOR/NOT_CONTROLLER/TIMED_OUT). */
    struct buf *answer; /* Freed by the shard when it has come home. */
};

#define POST_ISR_MAX 64

struct post_isr {
    struct post post;
    uint32_t count;
    bool is_lost;                     /* No answer: try again. */
    uint64_t proposals[POST_ISR_MAX]; /* Which of its partition's each change is (replica.h). */
    struct rpc_isr_change changes[POST_ISR_MAX];
    struct rpc_isr_result results[POST_ISR_MAX]; /* In the order of the changes. */
};

#define POST_ENDS_MAX 64
#define POST_DISKS_MAX 512

struct post_ends {
    struct post post;
    uint32_t count;
    struct rpc_log_end ends[POST_ENDS_MAX];
};

struct post_replica_disks {
    struct post post;
    uint32_t count;
    struct rpc_replica_disk replicas[POST_DISKS_MAX];
};

struct post_dead_dir {
    struct post post;
    uint32_t dir;
    char why[DIR_WHY_SIZE]; /* A shard's. */
};

struct post_producer_ids {
    struct post post;
    uint32_t wanted;
    int16_t error;
    int64_t first;
    uint32_t count;
};

#endif
