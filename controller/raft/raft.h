/* raft.h -- the Raft consensus algorithm as a pure function of events.
 *
 * raft_step() takes one event and appends effects to a list. It does no I/O, reads no clock,
 * allocates nothing and cannot fail. Time comes in with the event, randomness from the seed in the
 * configuration. One thread owns a struct raft; the struct knows nothing of sockets, files, or of
 * what entries say.
 *
 * The contract with the shell:
 *
 *  1. EFFECTS are carried out in the order in which they are listed.
 *  2. WRITES (RAFT_PERSIST_VOTE, RAFT_TRUNCATE, RAFT_APPEND, RAFT_INSTALL) are numbered from 1
 *     on in `seq` and reach the disk in that order. RAFT_PERSISTED(seq) says that all writes up to
 *     `seq` are durable. A write is visible to the shell's own reads at once, durable later.
 *  3. A MESSAGE goes out only when the write that it names in `after` is durable (0: at once).
 *     Messages may be lost, delayed, doubled, reordered; a crash loses those that wait.
 *  4. ENTRIES have dense indexes from 1 and a term. The core knows only the term trail
 *     (raft_trail.h); messages and effects name ranges [first, last] and the shell supplies the
 *     bytes. All entries of one RAFT_MSG_APPEND have one term. The shell may send a large one in
 *     pieces (raft_append_split), for its own bound on bytes.
 *  5. PROPOSE: if raft_can_propose(), the shell steps RAFT_PROPOSE(count); the RAFT_APPEND effect
 *     says which indexes the entries got. A leader's first entry is a no-op that the core asks for
 *     (`noop` in the effect).
 *  6. MEMBERSHIP is in the log: the set in force is that of the last entry that holds one, whether
 *     it is committed or not (thesis §4.1). The shell, which can read entries, passes in sets with
 *     the events that bring them: with RAFT_PROPOSE (one entry that is the set, and
 *     raft_can_change_members()), with RAFT_RECV of an append (the last two sets within the
 *     message, by rising index), with RAFT_SNAPSHOT_RECEIVED, and with raft_init.
 *  7. COMPACTION: having a durable snapshot, the shell may drop entries up to any committed index
 *     that the snapshot covers, keep a tail for slow followers, and step it
 *     (RAFT_SNAPSHOT_TAKEN). It should do so when raft_wants_snapshot() says so, whatever the
 *     log's size: the last paragraph says why.
 *  8. SNAPSHOTS are pulled. A leader without the entries that a follower needs sends it
 *     RAFT_MSG_SNAPSHOT; the follower's core answers with RAFT_WANT_SNAPSHOT, and its shell fetches
 *     a snapshot at or past the index named, from that peer, by its own means (the effect repeats
 *     while the leader waits: the shell ignores it while it is fetching). When the snapshot is
 *     stored durably beside the log, the shell steps RAFT_SNAPSHOT_RECEIVED. If that emits
 *     RAFT_INSTALL, it becomes the state, as a write among writes; if not, it is thrown away.
 *  9. RESTART: raft_init() is given what is *durable*: the shell syncs what it found on disk first.
 *     If the log does not hold the snapshot's (index, term), the shell discards the log.
 *
 * States, and the function per edge (raft_election.c, raft_state.c, raft_replicate.c):
 *
 *              timeout: become_precandidate       majority: become_candidate
 *   FOLLOWER ----------------------------> PRECANDIDATE --------------> CANDIDATE
 *    ^  | ^                                     |   ^      timeout:         |
 *    |  | +--- raft_become_follower <-----------+   +-- become_precandidate-+
 *    |  |      (higher term, or a leader of this term)                      |
 *    |  +-- TIMEOUT_NOW: become_candidate (leader transfer, no pre-vote) -> | majority:
 *    +--- raft_become_follower <------------------- LEADER <----------------+ become_leader
 *         (higher term, lost its quorum, or was removed)
 *
 * The trail holds RAFT_RUNS_MAX runs, one per term that left entries behind. It cannot overflow: a
 * node whose trail is full does not campaign, and a follower does not take entries that need
 * another run; both go on once a snapshot (RAFT_SNAPSHOT_TAKEN) has dropped runs, which
 * raft_wants_snapshot() asks for at three quarters. A follower never starves: every run it has
 * beyond its leader's is below the leader's start, hence committed, and heartbeats say so.
 */
#ifndef CONTROLLER_RAFT_RAFT_H
#define CONTROLLER_RAFT_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/prng.h"
#include "controller/raft/raft_members.h"
#include "controller/raft/raft_trail.h"

#define RAFT_INFLIGHT_MAX 8     /* Appends on their way to one follower. */
#define RAFT_WRITES_MAX 64      /* Appends on their way to the disk that are told apart. */
#define RAFT_MEMBERSHIPS_KEPT 2 /* The set in force, and the one before, for a truncation. */
/* To every member a heartbeat and a window of appends; writes, commit, role. */
#define RAFT_EFFECTS_MAX (RAFT_MEMBERS_MAX * (RAFT_INFLIGHT_MAX + 1) + 8)

_Static_assert(RAFT_VOTERS_MAX <= RAFT_MEMBERS_MAX, "voters are members");

enum raft_role { RAFT_FOLLOWER, RAFT_PRECANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

/* Rules to break on purpose; only the simulator sets any, to see that its oracles notice. */
enum raft_canary {
    RAFT_CANARY_VOTE_BLINDLY = 1,    /* Vote without comparing logs. */
    RAFT_CANARY_COMMIT_OLD_TERM = 2, /* Commit entries of older terms by counting. */
    RAFT_CANARY_FORGET_VOTE = 4,     /* Vote again in the same term. */
    RAFT_CANARY_COUNT_UNDURABLE = 8, /* The leader counts its own entries too early. */
    RAFT_CANARY_NEVER_TRUNCATE = 16, /* A follower keeps conflicting entries. */
    RAFT_CANARY_SKIP_PREVOTE = 32,   /* Campaign at once. */
    RAFT_CANARY_LEAD_UNVOTED = 128,  /* A candidate leads at once. */
    RAFT_CANARY_IGNORE_PREV = 64,    /* Take entries whatever comes before them. */
};

struct raft_config {
    uint32_t self_id;
    uint8_t disk[RAFT_DISK_ID_SIZE]; /* Of this node's disk, made when the disk was first used. */
    bool may_vote; /* The shell vouches that this disk holds whatever the node has promised: it was
                      there at the cluster's birth, or raft_is_vouched() was once true and the shell
                      has kept a note of that on the disk. False for a disk found empty later. */
    uint64_t heartbeat_ms;            /* 50 */
    uint64_t election_timeout_min_ms; /* 300 */
    uint64_t election_timeout_max_ms; /* 600; also how long a leader lives without a majority. */
    uint64_t early_min_ms;            /* 10; see RAFT_PEER_CONNECTED. */
    uint64_t early_max_ms;            /* 30 */
    uint64_t retry_ms; /* 200: until an append without an answer is sent again; doubles. */
    uint32_t append_entries_max; /* Entries per append message. */
    uint32_t inflight_max;       /* 1..RAFT_INFLIGHT_MAX appends on their way to a follower. */
    uint64_t uncommitted_max;    /* raft_can_propose() is false with so many entries in flight. */
    uint64_t seed;
    uint32_t canaries;
};

/* The timers and bounds above; ids, disk, may_vote (true) and seed are the caller's. */
struct raft_config raft_config_default(uint32_t self_id, uint64_t seed);

/* What survives a crash, beside the log. */
struct raft_vote {
    uint64_t term;
    uint32_t voted_for;
};

/* A set of members, and the entry that set it (0: configuration, before the first such entry). */
struct raft_membership {
    uint64_t index;
    struct raft_members members;
};

/* What a restart finds on disk. */
struct raft_restart {
    struct raft_vote vote;
    uint64_t start_index; /* Entries at or below are in the snapshot only; committed. */
    uint64_t start_term;
    uint64_t commit_index; /* Known committed: at least the snapshot's index; 0: start_index. */
    uint64_t last_index;
    uint32_t run_count;
    const struct raft_run *runs;
    uint32_t membership_count; /* 1 or 2: the last ones at or below last_index, by rising index. */
    struct raft_membership memberships[RAFT_MEMBERSHIPS_KEPT];
};

/* Bytes from a disk are not to be trusted: the shell asks this before raft_init. */
bool raft_restart_is_sane(const struct raft_restart *restart);

/* clang-format off */
#define RAFT_MSG_KINDS(X)                                                                        \
    X(PREVOTE,         "would you vote for me in `term`? (term, last_index, last_term)")         \
    X(PREVOTE_REPLY,   "granted: term is the one asked for; else the voter's own")               \
    X(VOTE,            "vote for me (last_index, last_term, transfer)")                          \
    X(VOTE_REPLY,      "granted")                                                                \
    X(APPEND,          "prev_index, prev_term, last_index, entries_term, commit_index")          \
    X(APPEND_REPLY,    "granted: match_index; else prev_index, hint_index, hint_term")           \
    X(HEARTBEAT,       "I lead (commit_index within what you acknowledged, and its commit_term)") \
    X(HEARTBEAT_REPLY, "I follow; or, with a higher term: you lead no more")                     \
    X(SNAPSHOT,        "I have no entries up to last_index (last_term): get a snapshot from me") \
    X(TIMEOUT_NOW,     "campaign at once, I step aside (thesis 3.10)")

enum raft_msg_kind {
#define X(name, text) RAFT_MSG_##name,
    RAFT_MSG_KINDS(X)
#undef X
    /* Must be last. */
    RAFT_MSG_KIND_COUNT
};
/* clang-format on */

/* A message is plain numbers; fields that its kind does not list are zero. */
struct raft_msg {
    enum raft_msg_kind kind;
    uint32_t from;
    uint32_t to;
    uint64_t term;
    uint64_t last_index; /* VOTE, PREVOTE, SNAPSHOT; APPEND: prev_index if it holds no entries. */
    uint64_t last_term;
    uint64_t
        prev_index; /* APPEND: entries are [prev_index + 1, last_index]. Echoed by a refusal. */
    uint64_t prev_term;
    uint64_t entries_term; /* APPEND: of every entry in it. */
    uint64_t commit_index;
    uint64_t commit_term; /* HEARTBEAT: of the entry at commit_index. */
    uint64_t match_index; /* Durable here and equal to the leader's, up to this. */
    uint64_t hint_index;  /* A refused append: no entry past this can match ... */
    uint64_t hint_term;   /* ... and this is its term. */
    bool granted;
    bool transfer; /* VOTE: the leader wants this election; stickiness does not apply. */
};

/* Could a correct peer have sent this? The RPC layer asks before RAFT_RECV, which CHECKs it. */
bool raft_msg_is_sane(const struct raft_msg *m);
const char *raft_msg_kind_text(enum raft_msg_kind kind);

/* Cuts an APPEND in two: `m` keeps entries up to `last_index`, the rest is returned, to be sent
 * after it. */
struct raft_msg raft_append_split(struct raft_msg *m, uint64_t last_index);

enum raft_event_kind {
    RAFT_TICK,              /* Time passed; due at raft_deadline_ms(), harmless before. */
    RAFT_RECV,              /* msg, and memberships within the entries of an APPEND. */
    RAFT_PERSISTED,         /* seq. */
    RAFT_PROPOSE,           /* count; or count = 1 and one membership (its index is ignored). */
    RAFT_PEER_CONNECTED,    /* peer: reachable now. The first majority after the start makes a voter
                               campaign early; a leader starts afresh with this follower. */
    RAFT_PEER_DISCONNECTED, /* peer: its connection broke. If it led, campaign early. */
    RAFT_TRANSFER,          /* peer: hand leadership over. Ignored if not leading, or no voter. */
    RAFT_SNAPSHOT_TAKEN,    /* index: the shell has dropped entries up to it. */
    RAFT_SNAPSHOT_RECEIVED, /* index, term; one membership: the set in force at index. */
    RAFT_VOUCHED,           /* The shell has noted on the disk that config.may_vote is so now. */
};

struct raft_event {
    enum raft_event_kind kind;
    uint64_t now_ms; /* Monotonic. */
    union {
        struct raft_msg msg;
        uint64_t seq;
        uint32_t count;
        uint32_t peer;
        struct {
            uint64_t index;
            uint64_t term;
        };
    };
    uint32_t membership_count;
    struct raft_membership memberships[RAFT_MEMBERSHIPS_KEPT];
};

enum raft_effect_kind {
    RAFT_PERSIST_VOTE,  /* seq, vote: write it.                                          */
    RAFT_TRUNCATE,      /* seq, first: drop entries from `first` on.                     */
    RAFT_APPEND,        /* seq, first, last, term: append these entries. Their bytes are those of
                           the proposal, or of the message being stepped, or a no-op (`noop`). */
    RAFT_INSTALL,       /* seq, last, term: the snapshot received is the state now. Drop the log up
                           to `last` if `keep_tail`, else all of it.                     */
    RAFT_SEND,          /* after, msg.                                                   */
    RAFT_WANT_SNAPSHOT, /* peer, last, term: fetch a snapshot at or past `last` from it. */
    RAFT_COMMIT,        /* last: entries up to it are committed; apply them.             */
    RAFT_ROLE_CHANGED,  /* role, term, peer (the leader, or RAFT_NOBODY).                */
};

struct raft_effect {
    enum raft_effect_kind kind;
    uint64_t seq;
    uint64_t after;
    uint64_t first;
    uint64_t last;
    uint64_t term;
    uint32_t peer;
    bool noop;
    bool keep_tail;
    enum raft_role role;
    struct raft_vote vote;
    struct raft_msg msg;
};

struct raft_effects {
    uint32_t count;
    struct raft_effect items[RAFT_EFFECTS_MAX];
};

enum raft_peer_state {
    RAFT_PROBE,     /* Looking for where its log meets ours: one append at a time. */
    RAFT_REPLICATE, /* `next` runs ahead of `match`, up to inflight_max appends.   */
    RAFT_SNAPSHOT,  /* It needs entries that we no longer have; it was told.       */
};

/* What is known of another member. Kept by all roles for `connected` and `granted`. */
struct raft_peer {
    uint32_t id;
    bool connected;
    bool granted; /* Its (pre-)vote, in the present campaign. */

    /* Only a leader keeps these. Invariant: match_index < next_index. */
    enum raft_peer_state state;
    bool waiting; /* PROBE, SNAPSHOT: sent, no answer yet. */
    uint32_t retries;
    uint32_t inflight_count;
    uint64_t inflight_last[RAFT_INFLIGHT_MAX]; /* Of each append on its way, its last index. */
    uint64_t match_index;
    uint64_t next_index;
    uint64_t heard_ms;    /* Last answer of any kind: check-quorum. */
    uint64_t progress_ms; /* Last append sent into silence, or answered. */
};

struct raft_write {
    uint64_t seq;
    uint64_t last_index;
};

struct raft {
    struct raft_config config;
    struct prng prng;
    uint64_t now_ms;
    uint64_t deadline_ms; /* Leader: next heartbeat. Others: start an election. */

    struct raft_vote vote;
    enum raft_role role;
    uint32_t leader_id; /* RAFT_NOBODY: unknown. */
    uint64_t leader_heard_ms;
    bool fresh; /* Just started, no leader heard of, not yet campaigned early. */

    struct raft_trail trail;
    uint64_t commit_index;  /* trail.start_index <= commit_index <= trail.last_index */
    uint64_t durable_index; /* Our own log is on disk up to here. */

    uint64_t persist_seq;
    uint64_t durable_seq; /* <= persist_seq */
    uint64_t vote_seq;    /* Of the last RAFT_PERSIST_VOTE. */
    uint32_t write_count;
    struct raft_write writes[RAFT_WRITES_MAX]; /* Appends not yet durable, by rising seq. */

    uint32_t membership_count;
    struct raft_membership memberships[RAFT_MEMBERSHIPS_KEPT]; /* The last one is in force. */
    uint32_t peer_count;
    struct raft_peer peers[RAFT_MEMBERS_MAX]; /* All members but ourselves. */

    uint32_t transfer_to; /* RAFT_NOBODY: no transfer under way. */
    uint64_t transfer_deadline_ms;
};

void raft_init(struct raft *r, const struct raft_config *config, const struct raft_restart *restart,
               uint64_t now_ms);

/* `effects` must be empty. */
void raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *effects);

/* When to step RAFT_TICK. */
uint64_t raft_deadline_ms(const struct raft *r);

bool raft_can_propose(const struct raft *r);

/* One change at a time: the last one is committed, and so is an entry of this leader's term (the
 * 2015 correction of thesis §4.1). */
bool raft_can_change_members(const struct raft *r);
/* The leader: have enough voters of this set answered of late for it to decide anything? A set is
 * in force at once: one that has no living majority can not even be taken back. */
bool raft_would_have_quorum(const struct raft *r, const struct raft_members *set);
bool raft_wants_snapshot(const struct raft *r);

/* Has a committed set named this node with this disk? A disk that was wiped has forgotten votes and
 * entries, and must not vote before this is so. */
bool raft_is_vouched(const struct raft *r);

/* May this node grant votes? Whoever asks knows whether they count: a set newer than ours may make
 * us a voter (thesis §4.1). */
bool raft_can_vote(const struct raft *r);

/* Does this node campaign? */
bool raft_is_voter(const struct raft *r);

const struct raft_members *raft_members(const struct raft *r);
uint64_t raft_last_index(const struct raft *r);

/* For status pages, and to promote a learner that has caught up. NULL: not a member, or self. */
const struct raft_peer *raft_peer(const struct raft *r, uint32_t id);
const char *raft_role_text(enum raft_role role);

#endif
