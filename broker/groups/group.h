/* group.h -- one group of the classic protocol: who its members are, and when they rebalance. Pure
 * but for memory.
 *
 *   Owns:     members with what they said of themselves, and the assignments.
 *   Used by:  the coordinator of the group's partition (coordinator.h), on its shard.
 *   Knows:    the time of an event, and requests by a number (ask; 0: none). No log, no offsets,
 *             no connections. Metadata and assignments are the members' own business.
 *
 *               join (prepare)             all joined, or time is up (complete_join)
 *      EMPTY -------------------> PREPARING -------------------------------------> COMPLETING
 *        ^                         |  ^  ^                                          |  |
 *        |       nobody is left    |  |  |       join, leave, expiry (prepare)      |  |
 *        +-------------------------+  |  +------------------------------------------+  |
 *                                     |                                                |
 *                                     |  join, leave, expiry      the leader's assignments
 *                                     |  (prepare)                are stored (on_stored)
 *                                     +------------------- STABLE <--------------------+
 *
 *      any --> DEAD: deleted, or no longer ours (group_kill)
 *
 * Invariants (group_check):
 *   (1) EMPTY has no members; the leader is one of the members, and there is one if there are any.
 *   (2) Who waits for the end of a rebalance waits in PREPARING; who waits for an assignment waits
 *       in COMPLETING.
 *   (3) joined_count is the number of members that wait for the end of the rebalance.
 *   (4) Two members never have the same group.instance.id.
 */
#ifndef BROKER_GROUPS_GROUP_H
#define BROKER_GROUPS_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/arena.h"
#include "common/bytes.h"
#include "proto/msg/group_records.h"

#define GROUP_NEVER UINT64_MAX
#define GROUP_WHY_SIZE 256
#define GROUP_PENDING_MAX 10000             /* Member ids given out that nobody has joined with. */
#define GROUP_METADATA_MAX_BYTES (1u << 20) /* All protocols of a member: more fits no record. */

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE, GROUP_DEAD };

/* "Empty", "PreparingRebalance" ...: Kafka's words. */
const char *group_state_text(enum group_state state);

/* Rules that the simulator breaks on purpose. */
enum group_canary {
    GROUP_CANARY_COMMIT_EARLY = 1u << 0,    /* A write counts when it is appended (writes.c). */
    GROUP_CANARY_NO_FENCE = 1u << 1,        /* Commits of another generation are taken. */
    GROUP_CANARY_SAME_GENERATION = 1u << 2, /* A rebalance does not raise the generation. */
    GROUP_CANARY_NO_EXPIRY = 1u << 3,       /* Members that are silent stay. */
};

struct group_options {
    uint32_t initial_delay_ms; /* group.initial.rebalance.delay.ms */
    uint32_t new_join_ms;      /* A new member's first JoinGroup waits no longer than this. */
    uint32_t size_max;         /* group.max.size */
    uint32_t canary;           /* enum group_canary; the simulator only. */
};

/* How a member could share out what the group consumes, in order of preference. */
struct group_protocol {
    struct slice name;
    struct slice metadata;
};

struct group_member {
    struct slice id;
    struct slice instance_id; /* Absent: a dynamic member. */
    struct slice client_id;
    struct slice client_host;
    uint32_t session_timeout_ms;
    uint32_t rebalance_timeout_ms;
    uint32_t protocol_count;
    struct group_protocol *protocols;
    struct slice assignment;
    struct slice next_assignment; /* The leader's, while it is being stored. */
    uint64_t join_ask;            /* The request that waits for the end of the rebalance. */
    uint64_t sync_ask;            /* The request that waits for the assignment. */
    uint64_t expires_ms;          /* 0: no clock runs. */
    bool is_new;                  /* Has not been told of any generation yet. */
    bool must_sync;               /* Was told of this generation, and has not asked for its part. */
    struct group_swap *swap;      /* Has taken over from a static member; being stored. */
    UT_hash_handle hh;
};

/* A member id that was given out and must be joined with (KIP-394). */
struct group_pending {
    struct slice id;
    uint64_t expires_ms;
    UT_hash_handle hh;
};

struct group {
    const struct group_options *options;
    struct slice id;
    enum group_state state;
    enum group_state before; /* The state that this one followed. */
    int64_t state_wall_ms;   /* When it came to be EMPTY, STABLE ... */
    int32_t generation;
    struct slice protocol_type; /* Absent: nobody has ever joined. */
    struct slice protocol;      /* Absent: none is selected. */
    struct group_member *leader;
    struct group_member *members; /* uthash, by id; in the order in which they came. */
    uint32_t member_count;
    uint32_t joined_count;
    struct group_pending *pending; /* uthash, by id. */
    uint32_t pending_count;

    uint64_t join_deadline_ms; /* PREPARING: who has not joined by then is out. 0: none. */
    uint64_t initial_left_ms;  /* What is left of the rebalance timeout after the first delay. */
    bool is_delayed;           /* The first rebalance: wait for others, even if all are there. */
    bool has_grown;            /* During that delay. */
    uint64_t sync_deadline_ms; /* Who has not asked for its part by then is out. 0: none. */

    struct slice told_leader; /* In an answer of the last step. */
    uint64_t last_store;
    uint64_t sync_store; /* The store that makes the group STABLE; 0: none is under way. */

    uint64_t deadline_ms;     /* GROUP_TICK is due then, or not yet; GROUP_NEVER. */
    char why[GROUP_WHY_SIZE]; /* Why it last rebalanced. */
    int64_t why_wall_ms;
    uint64_t rebalance_began_ms;
    uint64_t rebalance_took_ms; /* The last one that is complete. */

    UT_hash_handle hh; /* The coordinator's. */
};

enum group_event_kind {
    GROUP_JOIN,
    GROUP_SYNC,
    GROUP_HEARTBEAT,
    GROUP_LEAVE,
    GROUP_STORED,  /* What a step wanted stored is committed, or it cannot be. */
    GROUP_TICK,    /* The time has come (deadline_ms). */
    GROUP_LOADED,  /* It is whole again: its members' clocks start. */
    GROUP_RESHARE, /* It was of the consumer protocol until now. */
    GROUP_KILL,    /* Not ours any more, or deleted: all who wait are told `error`. */
};

struct group_leaver {
    struct slice member_id; /* Empty: the one with that instance id. */
    struct slice instance_id;
    struct slice reason;
};

struct group_event {
    enum group_event_kind kind;
    uint64_t now_ms;
    int64_t wall_ms;
    uint64_t ask; /* Of the requests. */
    union {
        struct {
            struct slice member_id; /* Empty: a new member. */
            struct slice instance_id;
            struct slice client_id;
            struct slice client_host;
            uint32_t session_timeout_ms;
            uint32_t rebalance_timeout_ms;
            struct slice protocol_type;
            uint32_t protocol_count;
            const struct group_protocol *protocols;
            struct slice reason;
            bool needs_known_id;  /* JoinGroup 4 and later, dynamic members. */
            bool may_skip;        /* JoinGroup 9 and later: may be told to skip the assignment. */
            struct uuid new_uuid; /* Random: for a new member's id. */
        } join;
        struct {
            struct slice member_id;
            struct slice instance_id;
            int32_t generation;
            struct slice protocol_type; /* Absent: not said. */
            struct slice protocol;
            uint32_t assignment_count;                /* The leader's. */
            const struct group_protocol *assignments; /* Of member `name`: `metadata`. */
        } sync;
        struct {
            struct slice member_id;
            struct slice instance_id;
            int32_t generation;
        } heartbeat;
        struct {
            uint32_t count;
            const struct group_leaver *leavers;
            int16_t *errors; /* Filled in, one per leaver. */
        } leave;
        struct {
            uint64_t number;
            int16_t error; /* As JoinGroup and SyncGroup are to say it. */
        } stored;
        struct {
            int16_t error;
        } kill;
    };
};

/* The answer to a request; read together with the group before its next step. */
struct group_answer {
    uint64_t ask;
    enum group_event_kind to; /* GROUP_JOIN, GROUP_SYNC or GROUP_HEARTBEAT. */
    int16_t error;
    const struct group_member *member; /* NULL with most errors. */
    struct slice member_id;            /* JoinGroup: what the member is called. */
    struct slice leader;               /* JoinGroup: who leads. */
    bool has_members;                  /* JoinGroup: the leader gets to know all. */
    bool skip_assignment;
};

/* Zeroed is empty. The caller's, used for one step after the other. */
struct group_effects {
    uint32_t answer_count;
    uint32_t answer_capacity;
    struct group_answer *answers;
    uint64_t store;      /* Not 0: store group_value(), and say GROUP_STORED with this number. */
    bool store_is_next;  /* With the assignments that the leader has just made. */
    bool has_rebalanced; /* A rebalance began: group->why says why. */
};

struct group *group_new(const struct group_options *options, struct slice id);
void group_free(struct group *g);

void group_step(struct group *g, const struct group_event *event, struct group_effects *effects);

/* May this member commit offsets, or somebody without membership (generation -1, no ids)? Kafka's
 * error, or 0; a commit counts as a heartbeat. */
struct group_commit {
    struct slice member_id;
    struct slice instance_id;
    int32_t generation;
    uint64_t now_ms;
};
int16_t group_commit(struct group *g, const struct group_commit *commit);

/* What is stored of it, in `arena`; slices point into the group. False: the arena is full. */
bool group_value(const struct group *g, bool with_next, struct arena *arena,
                 struct group_metadata_value *out);

/* A group as it was stored; GROUP_LOADED must follow when all is read. */
void group_restore(struct group *g, const struct group_metadata_value *value);

/* A member's metadata for the protocol that is selected; empty if it has none. */
struct slice group_metadata_of(const struct group *g, const struct group_member *m);

/* Does a member subscribe to the topic? Known of consumers only: *is_known. */
bool group_subscribes(const struct group *g, struct slice topic, bool *is_known);

bool group_is_consumer(const struct group *g); /* protocol_type is "consumer" */

struct group_member *group_member_find(const struct group *g, struct slice id);

void group_check(const struct group *g);

void group_effects_close(struct group_effects *effects);

#endif
