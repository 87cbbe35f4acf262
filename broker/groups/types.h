/* types.h -- a coordinator's data: what one shard knows of the groups whose partitions of
 * __consumer_offsets it leads.
 *
 * Functions live in the files of this folder, each of which sees the ones before it:
 * types < entries < writes < load, answers (members, consumers, offsets, admin) < coordinator.
 *
 *   request   home shard: group_ask -> owner: coordinator_start() -> step -> [write] -> answer
 *   write     queued -> appended (one batch per turn) -> committed (the high watermark) -> done
 */
#ifndef BROKER_GROUPS_TYPES_H
#define BROKER_GROUPS_TYPES_H

#include <sys/queue.h>
#include <uthash.h>

#include "broker/groups/consumer/consumer.h"
#include "broker/groups/group.h"
#include "broker/groups/offsets.h"
#include "broker/groups/place.h"
#include "broker/options.h"
#include "broker/partition/types.h"
#include "common/arena.h"
#include "common/env.h"
#include "proto/group_records.h"
#include "proto/kafka_apis.h"

#define GROUPS_JOB_LOAD 0x47500000u

struct coordinator;
struct request;

/* A request, or the part of it that is about groups of one shard. A boomerang; the home shard's. */
struct group_ask {
    struct post post;
    struct request *request; /* The home shard's; the owner never looks. */
    const struct kafka_api *api;
    struct kafka_version version;
    struct slice body; /* In the request's frame, which the home shard holds. */
    struct slice client_id;
    char client_host[ENV_ADDRESS_MAX];
    struct uuid topic_id;     /* Of __consumer_offsets, as the home shard knows it. */
    uint32_t partition_count; /* 0: there is no such topic. */
    uint32_t owner;           /* Which shard is asked. */
    bool is_home;
    /* The owner's. */
    uint64_t number;  /* What the cores call it. 0: not waiting. */
    uint32_t pending; /* Writes that must be done before it is answered. */
    int16_t *errors;  /* Per partition or group of the request, in its order; NULL: none kept. */
    uint32_t error_count;
    /* The answer's bytes after the header; NULL: there is none that could be said. */
    struct buf *answer;
    TAILQ_ENTRY(group_ask) link; /* In groups->finished, or held by a write. */
};

/* What the cores call an ask, and which it is. */
struct waiting_ask {
    uint64_t number;
    struct group_ask *ask;
    UT_hash_handle hh; /* In groups->waiting. */
};

TAILQ_HEAD(group_ask_list, group_ask);

/* A group with its offsets. */
struct group_entry {
    struct coordinator *at;
    struct group *group;             /* Of the classic protocol; empty while the next is alive. */
    struct consumer_group *consumer; /* Of the consumer protocol, or what is left of one; NULL. */
    struct offsets offsets;
    uint32_t write_count;            /* Under way. */
    struct group_write *last_change; /* Under way: the last one that changes `consumer`; NULL. */
    bool is_stored;                  /* The log has a record of the group itself, ... */
    bool is_stored_classic;          /* ... of the classic protocol. While it is loaded. */
    bool is_deleting;                /* Its last write is under way. */
    uint32_t heap_index;             /* In groups->timers; 0: not there. */
    UT_hash_handle hh;               /* In its coordinator, by group id. */
};

/* What a write changes when it is committed. */
struct group_change {
    struct slice topic; /* Owned. */
    int32_t partition;
    bool is_commit; /* Otherwise a deletion. */
    struct offset_value value;
};

struct group_write {
    struct group_entry *entry;
    struct group_ask *ask; /* Waits for it; NULL: nobody, or it has been told already. */
    uint64_t store;        /* A group's own record: the number that its core gave it. 0: not. */
    uint64_t change;       /* Records of `consumer`: the number of its store. 0: none. */
    struct group_ask_list held; /* Their answers are there, and are told when it is done. */
    bool is_group_deletion;     /* The entry goes when it is done. */
    uint32_t error_first;       /* ask->errors[first, first + count) say what became of it. */
    uint32_t error_count;
    uint32_t change_count;
    struct group_change *changes;
    uint32_t record_count;
    struct writer bytes; /* Keys and values, back to back. */
    struct {
        uint32_t key_size;
        int32_t value_size; /* -1: a tombstone. */
    } * records;
    uint64_t deadline_ms;
    bool is_late;       /* Whoever waited was told so. */
    int64_t end_offset; /* -1: not appended. */
    TAILQ_ENTRY(group_write) link;
};

TAILQ_HEAD(group_write_list, group_write);

enum coordinator_state { COORDINATOR_LOADING, COORDINATOR_ACTIVE };

/* One partition of __consumer_offsets that this broker leads. */
struct coordinator {
    struct groups *host;
    struct partition *partition;
    struct partition_key key;
    enum coordinator_state state;
    int32_t leader_epoch;
    struct group_entry *entries; /* uthash, by group id. */
    struct group_write_list queued;
    struct group_write_list appended;
    uint64_t next_cleanup_ms;
    /* LOADING */
    int64_t load_at;
    int64_t load_end; /* The log's end when this leader began. */
    uint64_t load_began_ms;
    struct load_job *load_job; /* A read that had to wait for the disk. */
    uint64_t loaded_records;
    UT_hash_handle hh; /* In groups->coordinators, by key. */
};

/* All of a shard's. */
struct groups {
    struct env *env;
    const struct broker_options *options;
    const struct meta_image *image;
    struct group_options group_options;
    struct coordinator *coordinators; /* uthash, by key. */
    struct waiting_ask *waiting;      /* uthash, by number. */
    uint64_t last_ask;
    struct group_ask_list finished;
    struct group_entry **timers; /* A heap by deadline, from 1. */
    uint32_t timer_count;
    uint32_t timer_capacity;
    struct group_effects effects;
    struct consumer_settings settings; /* Of the group that is fed at the moment. */
    struct topic_table topics; /* For groups of the consumer protocol; made when it is needed. */
    bool topics_are_stale;
    uint32_t topics_partitions; /* In the image, when it was made. */
    struct arena arena;         /* Reset before each request. */
    struct arena answers;       /* Reset before each answer that a core gives. */
    struct writer out;
    bool is_loading; /* Something more can be loaded at once. */
};

#endif
