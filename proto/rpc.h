/* rpc.h -- what controllers say to each other, and brokers and controllers to each other.
 *
 * A frame is (numbers are 4 bytes, big endian):
 *
 *   length | CRC32C | size of the head | head | bulk
 *
 * The length and the CRC32C are of all that follows them. The head is one protobuf message
 * (cluster.proto). The bulk are the bytes that a message carries without looking at them
 * (raft.entries, snapshot_chunk.bytes, admin.body, admin_reply.body, records.batches): outside the
 * head, so that nobody copies them to decode the rest, and a small arena is enough. This header is
 * the plain-C view of a frame: no protobuf type leaves rpc.c.
 *
 * Connections, each dialled by the first named:
 *   voter  -> voter        RPC_HELLO, then RPC_RAFT and RPC_SNAPSHOT_CHUNK in both directions.
 *   broker -> controller   session: RPC_HELLO, RPC_REGISTER, RPC_HEARTBEAT, RPC_ALTER_ISR,
 *                          RPC_ADMIN, RPC_PRODUCER_IDS and their answers, RPC_LOG_ENDS, RPC_DISKS.
 *                          Any controller accepts; one that does not lead answers RPC_NOT_LEADER.
 *   broker -> controller   stream: RPC_HELLO, RPC_FOLLOW, then RPC_SNAPSHOT_CHUNK and RPC_RECORDS
 *                          one way, RPC_APPLIED the other.
 */
#ifndef PROTO_RPC_H
#define PROTO_RPC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/meta.h"

#define RPC_FRAME_MAX_BYTES (16u * 1024 * 1024)
#define RPC_CHUNK_MAX_BYTES (1024u * 1024)
#define RPC_SHARDS_MAX 63 /* With the link, the actors of a process are the bits of a word. */
#define RPC_SEEDS_MAX 32
#define RPC_RAFT_NUMBERS 8
#define RPC_TEXT_MAX 1024 /* Of a refusal; a longer one is cut off. */

enum rpc_kind {
    RPC_HELLO = 1,
    RPC_REFUSED,    /* Answer to a hello or a registration: never, and why. Then it is closed. */
    RPC_NOT_LEADER, /* Ask `leader_id` (0: not known). */
    RPC_RAFT,
    RPC_SNAPSHOT_CHUNK,
    RPC_REGISTER,
    RPC_REGISTERED,
    RPC_HEARTBEAT,
    RPC_HEARTBEAT_REPLY,
    RPC_ALTER_ISR,
    RPC_ALTER_ISR_REPLY,
    RPC_ADMIN, /* A client's admin request, as it came, to be answered in Kafka's bytes. */
    RPC_ADMIN_REPLY,
    RPC_PRODUCER_IDS,
    RPC_PRODUCER_IDS_REPLY,
    RPC_FOLLOW,
    RPC_RECORDS,
    RPC_APPLIED,
    RPC_LOG_ENDS, /* How far the logs of partitions reach that nobody leads. No answer. */
    RPC_DISKS,    /* Replicas whose disk is lost, stands still, or is well again. No answer. */
};

enum rpc_role { RPC_ROLE_VOTER = 1, RPC_ROLE_SESSION = 2, RPC_ROLE_STREAM = 3 };

/* One replica's claim to a place in an ISR: the broker epoch fences old incarnations (KIP-903). */
struct rpc_isr_member {
    int32_t id;
    int64_t broker_epoch;
};

struct rpc_isr_change {
    struct uuid topic_id;
    int32_t partition;
    int32_t leader_epoch;
    int32_t partition_epoch; /* The one this proposal is based on. */
    uint32_t isr_count;
    struct rpc_isr_member isr[META_REPLICAS_MAX];
    /* Not empty: no ISR is proposed. The leader has stopped to append, this member has all that it
     * has, and is to lead. Valid in this term only (DESIGN 6.12). */
    struct id_set successor;
    uint64_t term;
};

struct rpc_isr_result {
    struct uuid topic_id;
    int32_t partition;
    int16_t error; /* Kafka's code; 0: accepted at `index`. */
    uint64_t index;
    int32_t partition_epoch; /* Accepted: the new one. Refused: the controller's. */
};

struct rpc_log_end {
    struct uuid topic_id;
    int32_t partition;
    int32_t epoch; /* Of its last record; -1: it has none. */
    int64_t end;
};

/* How the disk of a replica fares. */
enum rpc_disk {
    RPC_DISK_WELL = 0,
    RPC_DISK_SLOW = 1, /* It stands still: what it holds is whole, and may come back. */
    RPC_DISK_LOST = 2, /* It has failed: what it holds may lack something when it comes back. */
};

struct rpc_replica_disk {
    struct uuid topic_id;
    int32_t partition;
    enum rpc_disk disk;
};

struct rpc_msg {
    enum rpc_kind kind;
    union {
        struct {
            enum rpc_role role;
            uint32_t node_id;
            struct uuid disk;        /* Voters. */
            struct slice cluster_id; /* "": not known yet. */
            struct uuid incarnation; /* Brokers. */
            struct slice version;
        } hello;
        struct {
            int16_t error; /* Kafka's code that fits best. */
            struct slice text;
        } refused;
        struct {
            uint32_t leader_id;
            uint64_t term;
            struct slice host; /* Where it listens; empty: not known. */
            uint16_t port;
        } not_leader;
        struct {
            /* raft.h's message, field by field; see controller/peers.c. */
            uint32_t kind;
            uint32_t from;
            uint32_t to;
            uint64_t term;
            uint64_t numbers[RPC_RAFT_NUMBERS]; /* In the order in which raft_msg declares them. */
            uint64_t flags;
            struct slice entries; /* Record batches, back to back. */
        } raft;
        struct {
            uint64_t last_index;
            uint64_t last_term;
            uint64_t term; /* The sender's (voters). */
            uint64_t at;   /* Bytes. */
            uint64_t total;
            struct slice bytes;
        } snapshot_chunk;
        struct {
            int32_t id;
            struct uuid incarnation;
            struct uuid secret;
            struct slice rack;
            uint32_t shard_count;
            uint32_t listener_count;
            struct meta_listener listeners[META_LISTENERS_MAX];
            struct slice replication_listener;
            bool is_log_whole; /* Same boot and device as when it was written (DESIGN 6.10). */
            uint64_t applied_index;
            struct slice cluster_id;
            struct slice version;
            uint32_t seed_count; /* Cluster defaults of its properties file (DESIGN 11), k=v. */
            struct slice seeds[RPC_SEEDS_MAX];
        } register_broker;
        struct {
            int64_t epoch;
            uint64_t index; /* Unfenced once it has applied this. */
            struct slice cluster_id;
        } registered;
        struct {
            int32_t id;
            int64_t epoch;
            uint64_t applied_index;
            bool wants_stop; /* Controlled shutdown. */
            uint32_t shard_count;
            uint64_t shard_quiet_ms[RPC_SHARDS_MAX]; /* Since its last turn or finished probe. */
            uint64_t disk_quiet_ms;                  /* Age of the oldest unfinished job. */
        } heartbeat;
        struct {
            int64_t epoch; /* 0: not known here, register again. */
            bool fenced;
            bool may_stop; /* It leads nothing and is in no ISR any more. */
            uint64_t term;
            uint64_t commit_index;
        } heartbeat_reply;
        struct {
            int32_t id;
            int64_t epoch;
            uint64_t correlation;
            uint32_t count;
            struct rpc_isr_change *changes; /* In the arena. */
        } alter_isr;
        struct {
            uint64_t correlation;
            uint64_t term;
            uint32_t count;
            struct rpc_isr_result *results; /* In the arena. */
        } alter_isr_reply;
        struct {
            uint64_t correlation;
            int16_t api_key;
            int16_t api_version;
            struct slice listener; /* On which the client asked: answers name brokers by it. */
            struct slice body;     /* The request without its header. */
        } admin;
        struct {
            uint64_t correlation;
            int16_t error; /* 0, or the code for every part of it (NOT_CONTROLLER...). */
            struct slice body;
        } admin_reply;
        struct {
            uint64_t correlation;
            int32_t id;
            int64_t epoch;
            uint32_t wanted;
        } producer_ids;
        struct {
            uint64_t correlation;
            int16_t error;
            int64_t first;
            uint32_t count;
        } producer_ids_reply;
        struct {
            int32_t id;
            int64_t epoch;
            uint64_t applied_index; /* 0: nothing; send a snapshot or everything. */
            uint64_t applied_term;  /* Of that decision; another one there means: start anew. */
        } follow;
        struct {
            uint64_t term; /* The leader's. */
            uint64_t first_index;
            uint64_t commit_index; /* All of these are committed. */
            struct slice batches;  /* Record batches, back to back; may be empty. */
        } records;
        struct {
            int32_t id;
            int64_t epoch;
            uint64_t index;
        } applied;
        struct {
            int32_t id;
            int64_t epoch;
            uint32_t count;
            struct rpc_log_end *ends; /* In the arena. */
        } log_ends;
        struct {
            int32_t id;
            int64_t epoch;
            uint32_t count;
            struct rpc_replica_disk *replicas; /* In the arena. */
        } disks;
    };
};

/* A frame that is ready to be sent, in one buffer with one reference; NULL if the message is too
 * large (its caller bounds it: a CHECK in debug, a closed connection in production). */
struct buf *rpc_encode(const struct rpc_msg *msg);

/* An arena of so many bytes holds any head that rpc_encode() has written into a frame of `size`. */
#define RPC_DECODE_BYTES(size) ((size_t)(size)*32 + 64 * 1024)

/* Decodes what ENV_FRAME brought (everything after the length). The bulk points into `in`; all else
 * lives in `arena`. 0, -ERR_CORRUPT (the checksum), -ERR_MALFORMED, -ERR_LIMIT (the arena is full,
 * or something is longer than its bound), -ERR_UNSUPPORTED (a kind that this program does not
 * know). */
MUST_USE int rpc_decode(struct slice in, struct arena *arena, struct rpc_msg *out);

const char *rpc_kind_name(enum rpc_kind kind);

#endif
