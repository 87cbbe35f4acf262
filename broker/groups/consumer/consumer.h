/* consumer.h -- one group of the consumer protocol (KIP-848): who its members are, what each is to
 * have, and what each has. Pure but for memory.
 *
 *   Owns:     members, what they subscribe to, targets, who holds which partition.
 *   Used by:  the coordinator of the group's partition (coordinator.h), on its shard.
 *   Knows:    the time of an event, and the topics that there are. No log, no connections.
 *
 * Three steps, each at its own pace. The *group epoch* rises when members or what they subscribe to
 * change. The *target* is computed for that epoch. Each member is then *reconciled* with its
 * target, by its own heartbeats: it gives up what it is not to have any more, and gets the rest as
 * soon as nobody else holds it; then it is at the target's epoch.
 *
 *       something it holds is not in its target           it does not hold it any more
 *      STABLE ------------------------------> UNREVOKED ------------------------------+
 *        ^                                                                            |
 *        |        all of its target is its own                something of its target v
 *        +------------------------------------------ UNRELEASED <---- is held by others
 *
 * What has changed is stored before anybody hears of it: a step leaves marks at what has to be
 * stored, consumer_next_record() turns them into records, and the caller answers when those are
 * committed. When they are not, and never will be, all is marked again (consumer_store_failed):
 * what nobody has heard of may be stored later, and a member whose answer was lost says the same
 * again.
 *
 * Invariants (consumer_check):
 *   (1) A partition is held (assigned, or being revoked) by one member at the most.
 *   (2) What a member is to revoke it is not assigned.
 *   (3) target_epoch <= epoch; no member is at a later epoch.
 *   (4) Two members never have the same instance id.
 *   (5) A group that is not alive has no members.
 */
#ifndef BROKER_GROUPS_CONSUMER_CONSUMER_H
#define BROKER_GROUPS_CONSUMER_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "broker/groups/consumer/assignor.h"
#include "broker/groups/consumer/part_set.h"
#include "broker/groups/consumer/topic_table.h"
#include "broker/groups/group.h"
#include "common/arena.h"
#include "common/bytes.h"
#include "proto/group_records.h"

#define CONSUMER_JOIN_EPOCH 0
#define CONSUMER_LEAVE_EPOCH (-1)
#define CONSUMER_STATIC_LEAVE_EPOCH (-2)
#define CONSUMER_MESSAGE_SIZE 320
#define CONSUMER_PATTERN_MAX 32767 /* Bytes of an expression: of a key in the log. */
#define CONSUMER_COMMIT_VERSION 9  /* Of OffsetCommit: knows of member epochs. */

enum consumer_state {
    CONSUMER_EMPTY,
    CONSUMER_ASSIGNING,
    CONSUMER_RECONCILING,
    CONSUMER_STABLE,
    CONSUMER_DEAD
};

/* "Empty", "Assigning" ...: Kafka's words. */
const char *consumer_state_text(enum consumer_state state);

/* The numbers are Kafka's, in the log. */
enum consumer_member_state {
    CONSUMER_MEMBER_STABLE = 0,
    CONSUMER_MEMBER_UNREVOKED = 1,
    CONSUMER_MEMBER_UNRELEASED = 2,
};

/* Rules that the simulator breaks on purpose. */
enum consumer_canary {
    CONSUMER_CANARY_NO_WAIT = 1u << 8,   /* A partition is assigned though another has it. */
    CONSUMER_CANARY_NO_EXPIRY = 1u << 9, /* Members that are silent stay. */
};

enum consumer_policy {
    CONSUMER_POLICY_DISABLED = 0,
    CONSUMER_POLICY_UPGRADE = 1,
    CONSUMER_POLICY_DOWNGRADE = 2,
    CONSUMER_POLICY_BIDIRECTIONAL = 3,
};

/* What configurations say, of the broker and of the group; per step. */
struct consumer_settings {
    uint32_t session_ms;
    uint32_t heartbeat_ms;
    uint32_t size_max;
    uint32_t classic_size_max;
    enum consumer_policy policy;
    uint32_t assignor_count;
    enum assignor_kind assignors[ASSIGNOR_COUNT]; /* The first one is the default. */
    uint32_t canary;
};

/* Something that has to be stored. */
enum consumer_mark {
    CONSUMER_MARK_MEMBER = 1u << 0,
    CONSUMER_MARK_TARGET = 1u << 1,
    CONSUMER_MARK_CURRENT = 1u << 2,
    CONSUMER_MARK_EPOCH = 1u << 3,
    CONSUMER_MARK_TARGET_EPOCH = 1u << 4,
    CONSUMER_MARK_CLASSIC = 1u << 5,   /* The record of the classic group that this one was. */
    CONSUMER_MARK_TOPICS = 1u << 6,    /* A record of Kafka 4.0 that is not needed. */
    CONSUMER_MARK_SOMETHING = 1u << 7, /* There is a mark somewhere in the group. */
};
#define CONSUMER_MARKS_OF_MEMBER \
    (CONSUMER_MARK_MEMBER | CONSUMER_MARK_TARGET | CONSUMER_MARK_CURRENT)

struct consumer_member {
    struct slice id;
    struct slice instance_id; /* Absent: a dynamic member. */
    struct slice rack_id;
    struct slice client_id;
    struct slice client_host;
    struct slice assignor; /* Absent: it does not mind. */
    uint32_t topic_count;
    struct slice *topics; /* That it names, in order, each once. */
    struct slice pattern; /* Absent or empty: none. */
    uint32_t rebalance_timeout_ms;

    bool is_classic; /* Speaks the classic protocol. */
    uint32_t session_timeout_ms;
    uint32_t protocol_count;
    struct group_protocol *protocols;

    int32_t epoch;
    int32_t previous_epoch;
    enum consumer_member_state state;
    struct part_set assigned;
    struct part_set revoking;
    struct part_set target;

    uint64_t session_ms; /* These clocks: 0 is stopped. */
    uint64_t rebalance_ms;
    int32_t rebalance_epoch; /* It is out if it is still at this epoch then. */
    uint64_t join_ms;        /* Of the classic protocol. */
    uint64_t sync_ms;
    uint32_t marks;
    bool is_untold; /* What it is assigned may not have reached it. */
    UT_hash_handle hh;
};

/* What a regular expression stands for at the moment. */
struct consumer_pattern {
    struct slice text;
    uint32_t topic_count;
    struct slice *topics; /* In order. */
    uint64_t version;     /* Of the topics that it was held against. */
    int64_t wall_ms;
    uint32_t users; /* Members. */
    bool is_marked;
    UT_hash_handle hh;
};

/* Something that the log may still have a record of: a member, or an expression. */
struct consumer_gone {
    struct slice id;
    bool is_pattern;
    uint64_t store; /* The store that deletes it; 0: to be deleted by the next one. */
    struct consumer_gone *next;
};

/* Who holds a partition. */
struct consumer_holder {
    struct part part;
    struct consumer_member *member;
    UT_hash_handle hh;
};

struct consumer_group {
    struct slice id;
    bool is_alive; /* Else the group is of the classic protocol, and this may go. */
    int32_t epoch;
    int32_t target_epoch;
    uint64_t metadata_hash;          /* Of the topics that are subscribed to. */
    uint64_t topics_version;         /* That the hash was made of. */
    struct consumer_member *members; /* uthash, by id; in the order in which they came. */
    uint32_t member_count;
    uint32_t classic_count;
    struct consumer_pattern *patterns; /* uthash, by text. */
    struct consumer_holder *holders;   /* uthash, by partition. */
    struct consumer_gone *gone;
    uint32_t marks;
    uint64_t last_store;

    uint64_t deadline_ms;     /* CONSUMER_TICK is due then, or not yet; GROUP_NEVER. */
    char why[GROUP_WHY_SIZE]; /* Why the group epoch last rose. */
    int64_t why_wall_ms;
    uint64_t rebalance_began_ms; /* 0: it is over. */
    uint64_t rebalance_took_ms;
    bool has_topics_record; /* In the log: of Kafka 4.0. */
};

enum consumer_event_kind {
    CONSUMER_HEARTBEAT,
    CONSUMER_JOIN, /* This and the next three: of a member that speaks the classic protocol. */
    CONSUMER_SYNC,
    CONSUMER_CLASSIC_HEARTBEAT,
    CONSUMER_LEAVE,
    CONSUMER_TICK,   /* The time has come (deadline_ms). */
    CONSUMER_LOADED, /* It is whole again: its members' clocks start. */
};

struct consumer_event {
    enum consumer_event_kind kind;
    uint64_t now_ms;
    int64_t wall_ms;
    const struct consumer_settings *settings;
    const struct topic_table *topics;
    struct group *classic; /* Where the members go when all speak the classic protocol. */
    union {
        struct {
            struct slice member_id; /* Empty: a new one; then the uuid is its id. */
            int32_t member_epoch;
            struct slice instance_id;
            struct slice rack_id;
            struct slice client_id;
            struct slice client_host;
            int32_t rebalance_timeout_ms; /* -1: as before. */
            bool has_topics;
            uint32_t topic_count;
            const struct slice *topics;
            struct slice pattern; /* Absent: as before. Empty: none. */
            struct slice assignor;
            bool has_owned;
            struct part_set owned; /* The caller's. */
            bool needs_member_id;  /* Version 1 and later. */
            struct uuid new_uuid;
        } heartbeat;
        struct {
            struct slice member_id;
            struct slice instance_id;
            struct slice client_id;
            struct slice client_host;
            uint32_t session_timeout_ms;
            uint32_t rebalance_timeout_ms;
            struct slice protocol_type;
            uint32_t protocol_count;
            const struct group_protocol *protocols;
            bool needs_known_id;
            struct uuid new_uuid;
        } join;
        struct {
            struct slice member_id;
            struct slice instance_id;
            int32_t generation;
            struct slice protocol_type;
            struct slice protocol;
        } sync; /* Also of the heartbeat, without the protocols. */
        struct {
            uint32_t count;
            const struct group_leaver *leavers;
            int16_t *errors; /* Filled in, one per leaver. */
        } leave;
    };
};

/* The answer to a request; read together with the group before its next step. */
struct consumer_answer {
    int16_t error;
    char message[CONSUMER_MESSAGE_SIZE];  /* With an error; "" is none. */
    const struct consumer_member *member; /* NULL with errors, and for one that has left. */
    char member_id[64];                   /* MEMBER_ID_REQUIRED: what it is to be called. */
    bool has_assignment;
};

struct consumer_effects {
    struct consumer_answer answer;
    uint64_t store;      /* Not 0: store what is marked, under this number. */
    bool has_rebalanced; /* The group epoch has risen: why says why. */
    bool has_downgraded; /* Its members are in event->classic now, which must rebalance. */
};

struct consumer_group *consumer_new(struct slice id);
void consumer_free(struct consumer_group *c);

/* Is the heartbeat of a form that can be answered at all? False: the answer is in fx. To be asked
 * before there need be a group. */
bool consumer_is_sound(struct slice group_id, const struct consumer_event *e,
                       struct consumer_effects *fx);

void consumer_step(struct consumer_group *c, const struct consumer_event *e,
                   struct consumer_effects *fx);

/* May event->classic become a group of this protocol? Kafka's error, with its text in fx. */
int16_t consumer_may_upgrade(const struct consumer_event *e, struct consumer_effects *fx);

/* It does, with its members; event->classic is empty afterwards. Its waiters must have been
 * answered. */
void consumer_upgrade(struct consumer_group *c, const struct consumer_event *e);

/* All of it goes; what the log has of it is marked to be deleted. The store to do that under. */
uint64_t consumer_bury(struct consumer_group *c);

/* So that an empty group may be one of the classic protocol: of which the generations go on where
 * the epochs end, as the other way round. No number is used twice. */
void consumer_make_way(struct consumer_group *c, struct group *classic);

enum consumer_state consumer_state_of(const struct consumer_group *c);

struct consumer_member *consumer_member_find(const struct consumer_group *c, struct slice id);
struct consumer_member *consumer_static_find(const struct consumer_group *c,
                                             struct slice instance_id);

/* May this member commit, or fetch, offsets? Kafka's error, or 0. */
struct consumer_commit {
    struct slice member_id;
    int32_t epoch;
    int16_t version; /* Of OffsetCommit. */
};
int16_t consumer_check_commit(const struct consumer_group *c, const struct consumer_commit *q);
int16_t consumer_check_fetch(const struct consumer_group *c, struct slice member_id, int32_t epoch);

bool consumer_subscribes(const struct consumer_group *c, struct slice topic);

/* Which assignor the group uses. */
enum assignor_kind consumer_assignor(const struct consumer_group *c,
                                     const struct consumer_settings *settings);

/* ---- The log. ---- */

/* Where consumer_next_record() is. Zeroed is the beginning. */
struct consumer_cursor {
    uint32_t stage;
    uint32_t part;
    bool is_inside;
    struct consumer_gone *gone;
    struct consumer_member *member;
    struct consumer_pattern *pattern;
};

/* The next record of what is marked, for the store of this number; its mark goes. Slices point into
 * the group, arrays into the arena, which must be large enough. False: that was all. */
bool consumer_next_record(struct consumer_group *c, uint64_t store, struct consumer_cursor *at,
                          struct arena *arena, struct group_record *out);

void consumer_store_done(struct consumer_group *c, uint64_t store);

/* Nothing of it is in the log: all must be stored again. */
void consumer_store_failed(struct consumer_group *c);

/* A record of the log, in its order; when all is read, the end, and CONSUMER_LOADED if it is alive.
 */
void consumer_replay(struct consumer_group *c, const struct group_record *r);
void consumer_end_replay(struct consumer_group *c);

void consumer_check(const struct consumer_group *c);

/* Slower, and more: that of every partition. holds_once: (1) is not broken on purpose. */
void consumer_check_all(const struct consumer_group *c, bool holds_once);

#endif
