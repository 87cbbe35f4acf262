/* op.h -- one request's work on one partition, and the group of them that one shard owns.
 *
 * A request is split by owner: one group per owning shard. A group is a boomerang: made and freed
 * by the request's home shard, worked on by the owner. On the home shard's own partitions the same
 * group is worked on without being sent.
 *
 *   Produce, look-ups:  the group is finished when each of its ops is.
 *   Fetch:              the ops are *watched* until the group has enough bytes, an op has something
 *                       to say at once, or the time is up; then all are read together.
 */
#ifndef BROKER_PARTITION_OP_H
#define BROKER_PARTITION_OP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/count.h"
#include "common/env.h"
#include "journal/journal.h"
#include "proto/kafka_batch.h"

enum op_kind {
    OP_PRODUCE,
    OP_FETCH,
    OP_LIST_OFFSETS,
    OP_EPOCH_END,
    OP_DELETE_RECORDS,
    OP_LOG_SIZE,  /* Of leaders and followers alike. */
    OP_PRODUCERS, /* The same. */
    OP_MOVE_DIR,  /* The same: to another of log.dirs. */
};

struct op_group;
struct partition;
struct producer_state; /* producers.h */

struct op {
    struct op_group *group;
    struct uuid topic_id;
    int32_t partition;
    int32_t current_leader_epoch; /* -1: not said. */
    uint32_t slot;                /* Where its answer goes; the home shard's. */
    int16_t error;                /* Kafka's code. */
    bool is_done;
    bool is_waiting; /* In one of the partition's lists. */
    /* KIP-951: who leads, where error says that it is not us. -1: not known. */
    int32_t leader_id;
    int32_t leader_epoch;
    TAILQ_ENTRY(op) wait;
    struct partition *at; /* The owner's; valid while is_waiting. */
    union {
        struct {
            struct slice records; /* Inside group->frame. Patched in place when appended. */
            /* Answers. */
            int64_t base_offset;
            int64_t end_offset; /* Acknowledged when the log has come as far as this. */
            int64_t log_append_ms;
            int64_t log_start;
            const char *why; /* A sentence for error_message; NULL: none. Static text. */
            int32_t keyless; /* Records that have no key, and need one. */
            bool is_held;    /* Not looked at yet: it is in the partition's `held`. */
        } produce;
        struct {
            int64_t offset;
            int64_t log_start;  /* A follower's; -1 for consumers. */
            int32_t last_epoch; /* -1: not said. */
            uint32_t max_bytes;
            uint64_t ready_bytes; /* Counted in group->all_ready. */
            bool says_something;  /* An error, a divergence, or a watermark the other does not know.
                                   */
            /* What a session already told its client; -1: nothing. */
            int64_t told_watermark;
            int64_t told_start;
            /* Answers. */
            int64_t high_watermark;
            int64_t start;
            int32_t diverging_epoch; /* -1: the logs agree. */
            int64_t diverging_end;
            struct journal_range range;
        } fetch;
        struct {
            int64_t timestamp_ms;
            bool is_follower;
            /* Answers. */
            int64_t offset;
            int64_t found_ms;
            int32_t epoch;
        } list;
        struct {
            int32_t asked;
            int32_t epoch;
            int64_t end_offset;
        } epoch_end;
        struct {
            int64_t before; /* -1: the high watermark. */
            int64_t log_start;
        } delete_records;
        struct {
            /* Answers. */
            uint32_t dir;
            int64_t size_bytes;
            int64_t lag; /* Committed records that are not here yet, as far as it knows. */
            int32_t epoch; /* Of the last record; -1: there is none. */
            int64_t start;
            int64_t end;
            int64_t high_watermark;
            uint32_t future_dir; /* DIR_NONE: it stays where it is. */
            int64_t future_bytes;
            int64_t future_lag;
        } log_size;
        struct {
            /* The answer, which the home shard frees. */
            uint32_t count;
            struct producer_state *states;
        } producers;
        struct {
            uint32_t dir;
        } move_dir;
    };
};

TAILQ_HEAD(op_list, op);

/* Over a list whose current op may be removed on the way. */
#define OP_LIST_EACH_SAFE(op, list, next)                                              \
    for ((op) = TAILQ_FIRST(list); (op) != NULL && ((next) = TAILQ_NEXT(op, wait), 1); \
         (op) = (next))

struct op_group {
    struct post post;
    struct post cancel; /* Calls a parked fetch home; away on its own. */
    enum op_kind kind;
    uint32_t owner;          /* The shard that works on it. */
    struct request *request; /* The home shard's; the owner never looks. */
    struct buf *frame;       /* What produce.records point into. One reference. */
    uint32_t count;
    uint32_t pending; /* Ops that are not done. */
    bool is_finished;
    bool is_home;        /* The home shard's: it has come back. */
    bool is_called_back; /* The home shard's: `cancel` is away, or has been. */
    bool is_woken;       /* In the owner's list of groups to look at. */
    bool is_parked;      /* A fetch that is watched. */
    bool is_due;         /* Its time is up, or it was called back: read now. */
    int16_t acks;
    /* Fetch. */
    int32_t replica_id; /* -1: a consumer. */
    int64_t replica_epoch;
    uint64_t replica_alive_ms; /* It sent this no earlier. 0: nobody knows. */
    uint64_t min_bytes;
    uint64_t max_bytes;
    struct count ready; /* Bytes; in the request's first group: those of all its groups. */
    struct count *all_ready;
    uint64_t deadline_ms;
    bool has_news;        /* An op says something: do not wait. */
    uint32_t heap_index;  /* In the owner's heap of deadlines; 0: not there. */
    uint64_t heap_order;
    TAILQ_ENTRY(op_group) link;
    struct op ops[];
};

TAILQ_HEAD(op_group_list, op_group);

/* All groups of the request together have what it waits for. */
static inline bool op_group_has_enough(const struct op_group *group)
{
    return count_get(group->all_ready) >= group->min_bytes;
}

#endif
