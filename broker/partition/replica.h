/* replica.h -- one replica of one partition: who leads, who is in sync, what is committed. Pure.
 *
 *   Used by:  the partition that owns it (partition.h), on its shard.
 *   Knows:    offsets and epochs. It has no records, no files, no connections and no clock.
 *
 * Role, ISR and configuration reach it only through REPLICA_ASSIGN, which comes from the committed
 * metadata, in order. What it wants of the controller leaves as REPLICA_PROPOSE_ISR; the answer
 * says only "accepted" or "refused" and changes no ISR.
 *
 *                 ASSIGN leader == self                        ASSIGN leader != self
 *     NONE ----------------------------> LEADER <--------------------------------------> FOLLOWER
 *       |         (become_leader)               (become_leader / become_follower)            ^
 *       +------------------------------------------------------------------------------------+
 *
 * Invariants (replica_check), by their numbers in the rules of replication:
 *   (1) log_start <= high_watermark <= local end: KAFKA-9491.
 *   (5) The high watermark of a leader counts the maximal ISR: committed and proposed (KIP-497).
 *   (6) It does not move while the committed ISR is smaller than min(replicas, min.insync...).
 *   (7) A follower is proposed for the ISR only if its end >= high watermark, >= the start of the
 *       epoch, and it has fetched in this epoch.
 *   (9) The lag clock of a follower starts at its first fetch in the epoch, or at the epoch's
 *       start.
 */
#ifndef BROKER_PARTITION_REPLICA_H
#define BROKER_PARTITION_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/meta.h"

/* Rules that the simulator breaks on purpose, one at a time. Nothing else sets them. */
enum replica_canary {
    REPLICA_CANARY_COMMITTED_ISR = 1u << 0,    /* The watermark counts the committed ISR only. */
    REPLICA_CANARY_JOIN_EARLY = 1u << 1,       /* A follower joins below the watermark. */
    REPLICA_CANARY_UNDER_MIN_ISR = 1u << 2,    /* The watermark moves below min.insync.replicas. */
    REPLICA_CANARY_NO_LEASE = 1u << 3,         /* acks=1 without a session and without followers. */
    REPLICA_CANARY_IGNORE_FOLLOWER = 1u << 4,  /* The watermark is the leader's own end. */
    REPLICA_CANARY_HAND_OVER_EARLY = 1u << 5,  /* To a successor that lacks the last records. */
    REPLICA_CANARY_REOPEN_EARLY = 1u << 6,     /* Goes on appending when the answer is lost. */
    REPLICA_CANARY_JOIN_BELOW_EPOCH = 1u << 7, /* A follower joins below the epoch's start. */
    REPLICA_CANARY_FORGET_WATERMARK = 1u << 8, /* A new role begins with the start as watermark. */
    REPLICA_CANARY_LEAD_ON = 1u << 9,          /* Leads on in an epoch that has no leader. */
    REPLICA_CANARY_EARLY_CLOCK = 1u << 10,     /* Lag clocks start before the epoch. */
};

/* A leader that is asked to hand over (DESIGN 6.12):
 *
 *   NONE --asked--> CHASING --successor is close--> CLOSED --it has all--> PROPOSED --> follows
 *                      ^                               |                      |
 *                      +--- it stays behind too long --+                      |
 *                      +--- refused, or a later controller term --------------+
 *
 * While CLOSED or PROPOSED nothing is appended; PROPOSED ends only by what the stream shows, or by
 * a refusal of the only copy that was ever sent. */
enum replica_handover { HANDOVER_NONE, HANDOVER_CHASING, HANDOVER_CLOSED, HANDOVER_PROPOSED };

enum replica_role { REPLICA_NONE, REPLICA_LEADER, REPLICA_FOLLOWER };

struct replica_options {
    int32_t self;           /* The broker's id. */
    uint32_t hang_ms;       /* No fetch at all for this long: out of the ISR. */
    uint32_t lag_max_ms;    /* Fetching, but never at the end: replica.lag.time.max.ms. */
    uint32_t lease_ms;      /* DESIGN 6.13 */
    uint32_t retry_ms;      /* A refused or lost proposal is made again after this. */
    uint32_t closed_max_ms; /* A handover keeps producers waiting no longer than this. */
    uint32_t canary;
};

/* What a leader knows of a follower. */
struct replica_peer {
    int32_t id;
    bool has_fetched; /* In this leader epoch. */
    bool is_eligible; /* Unfenced, not stopping, of the incarnation that fetches: at its last fetch.
                       */
    int64_t broker_epoch;
    int64_t end;           /* It has everything below this. */
    int64_t start;         /* Its log start. */
    uint64_t fetch_ms;     /* Its last fetch came, or the epoch began. */
    uint64_t alive_ms;     /* It followed this epoch at this moment or later. */
    uint64_t caught_up_ms; /* When it last had all that the leader had. */
    int64_t leader_end_at_fetch;
};

struct replica {
    struct replica_options options;
    enum replica_role role;
    int32_t leader; /* META_NOBODY: none. */
    int32_t leader_epoch;
    int32_t partition_epoch;
    struct id_set replicas;
    struct id_set isr; /* Committed. */
    struct id_set elr;
    uint32_t min_isr;    /* min(replicas, min.insync.replicas) */
    bool counts_durable; /* flush.messages=1: the watermark counts what is synced. */

    int64_t log_start;
    int64_t written;
    int64_t durable;
    int64_t high_watermark;
    int64_t leader_watermark; /* Follower: as the leader of this epoch last told it. */

    /* Leader only. */
    int64_t epoch_start; /* The log's end when this leader epoch began. */
    bool is_proposing;
    uint64_t proposal; /* Its number: an answer names the one that it speaks of. */
    struct id_set proposed;
    uint64_t proposed_ms;
    uint64_t retry_at_ms;
    uint32_t peer_count;
    struct replica_peer peers[META_REPLICAS_MAX];
    enum replica_handover handover;
    int32_t successor;
    uint64_t term;          /* The controllers', as far as the stream has shown. */
    uint64_t proposed_term; /* PROPOSED: the proposal is good in this one only. */
    bool was_lost;          /* A copy of the proposal may still be accepted. */
    bool retreats;          /* What is sent is the committed ISR; `proposed` still counts. */
    uint64_t closed_ms;
    uint64_t close_after_ms; /* CHASING: not before. */
};

enum replica_event_kind {
    REPLICA_ASSIGN,   /* The committed metadata say so. */
    REPLICA_ENDS,     /* The local log has moved. */
    REPLICA_FETCHED,  /* Leader: a follower asks for records from `offset` on, so has all before. */
    REPLICA_FOLLOWED, /* Follower: the leader's answer carried its watermark and log start. */
    REPLICA_TICK,
    REPLICA_ANSWERED, /* Leader: the answer to its proposal. */
    REPLICA_TERM,     /* The stream shows another controller's term. */
};

struct replica_event {
    enum replica_event_kind kind;
    uint64_t now_ms;
    int64_t assigned; /* The end of what the journal was given, written or not. */
    union {
        struct {
            const struct meta_partition *state;
            uint32_t min_isr; /* As configured. */
            bool counts_durable;
            uint64_t term; /* The image's. */
        } assign;
        struct {
            int64_t log_start;
            int64_t written;
            int64_t durable;
        } ends;
        struct {
            int32_t id;
            int64_t broker_epoch;
            bool is_eligible;
            int64_t offset;
            int64_t log_start;
            uint64_t alive_ms; /* The fetch was sent no earlier, however late it came. */
        } fetched;
        struct {
            int64_t high_watermark;
        } followed;
        struct {
            uint64_t proposal;
            bool accepted; /* Otherwise refused, or lost. */
            bool is_lost;  /* It is not known which. */
            bool is_final; /* Refused, and this copy was certainly not accepted. */
        } answered;
        uint64_t term;
    };
};

struct replica_effects {
    bool role_changed; /* Or the epoch: what waits for the old one must end. */
    bool isr_changed;
    bool watermark_moved;
    bool propose_isr; /* replica.proposed, based on partition_epoch and leader_epoch; or, PROPOSED,
                       * the handover. */
    bool opened;      /* Appending goes on after all. */
};

void replica_init(struct replica *r, const struct replica_options *options, int64_t log_start,
                  int64_t log_end, int64_t high_watermark);

void replica_step(struct replica *r, const struct replica_event *event,
                  struct replica_effects *effects);

/* What this replica may count of its own: written, or durable where the topic asks for it. */
int64_t replica_local_end(const struct replica *r);

/* The end that followers of this replica must show as their fetch offset. Same thing, by its use.
 */
int64_t replica_fetch_offset(const struct replica *r);

/* DESIGN 6.13: may this leader acknowledge something that no follower has yet? session_ms: when the
 * last heartbeat that a controller answered was sent; now_ms: a clock read this moment. */
bool replica_may_ack_early(const struct replica *r, uint64_t session_ms, uint64_t now_ms);

/* May records be appended? Of a leader that hands over: not now, and nobody knows yet who leads. */
bool replica_is_open(const struct replica *r);

bool replica_has_min_isr(const struct replica *r);

/* What its proposal of an ISR says. */
const struct id_set *replica_proposal(const struct replica *r);

const struct replica_peer *replica_peer_find(const struct replica *r, int32_t id);

/* The partition goes away: it neither leads nor follows any more. */
void replica_resign(struct replica *r);

void replica_check(const struct replica *r);

#endif
