/* inside.h -- what the files of the controller's shell share. Nobody else includes it.
 *
 * Rank: log, liveness < inside < record, members, conns < files < peers < quorum < voters,
 * snapshot, sessions, stream, admin, watch, status < turn. Calls go down only: what a lower file
 * learns that a higher one must act on stands in a field (commit_target, role_changed), and the
 * turn looks at it.
 */
#ifndef CONTROLLER_INSIDE_H
#define CONTROLLER_INSIDE_H

#include <sys/queue.h>
#include <uthash.h>

#include "common/ring_file.h"
#include "controller/controller.h"
#include "controller/decide/ends.h"
#include "controller/liveness.h"
#include "controller/log.h"
#include "controller/record_format.h"
#include "journal/journal.h"
#include "proto/rpc.h"

#define ADDRESSES_MAX 32                          /* Of members that there are and were. */
#define STREAM_QUEUE_MAX_BYTES (2u * 1024 * 1024) /* Queued to a follower, then it has to wait. */
#define STRANGER_FRAME_MAX_BYTES (64u * 1024)     /* Before a hello. */
#define ADMIN_BODY_MAX_BYTES (4u * 1024 * 1024)
#define COMPLAINTS_MAX 8  /* Different refusals that are remembered. */
#define COMPLAIN_MS 60000 /* Between two lines that say the same. */

enum phase {
    PHASE_FOLDER,  /* The first job reads the folder. */
    PHASE_JOURNAL, /* The journal recovers. */
    PHASE_SYNC,    /* What it found becomes durable; what does not fit the snapshot is dropped. */
    PHASE_UP,
    PHASE_STOPPING, /* Asked to stop: hands leadership over. */
    PHASE_CLOSING,  /* The journal closes. */
    PHASE_STOPPED,
    PHASE_HALTED, /* env_halt() was called: nothing counts any more. */
};

enum tag { TAG_LISTENER = 1, TAG_HTTP, TAG_PEER, TAG_PROBE };

/* Of jobs that are not the journal's. */
enum job_kind {
    JOB_BOOT = 1,
    JOB_VOTE,
    JOB_PROPERTIES,
    JOB_SNAPSHOT,
    JOB_SNAPSHOT_PULLED,
    JOB_RING
};

/* ---- Connections. ---- */

enum conn_kind {
    CONN_STRANGER,  /* Accepted, no hello yet. */
    CONN_VOTER_IN,  /* A voter's: it speaks, we listen, and send pieces of snapshots. */
    CONN_VOTER_OUT, /* Ours to a voter: we speak. */
    CONN_SESSION,
    CONN_STREAM,
    CONN_PROBE, /* Ours to a broker's listener, to see whether somebody is there. */
};

/* A place in the log that a broker reads at, or in a snapshot while the log begins later. */
struct cursor {
    uint64_t next_index;
    struct buf *snapshot; /* NULL: reading the log. */
    uint64_t snapshot_index;
    uint64_t snapshot_term;
    uint64_t snapshot_at;
};

struct conn {
    uint64_t id;
    enum conn_kind kind;
    char address[ENV_ADDRESS_MAX];
    uint32_t node_id;         /* The voter's or the broker's. */
    uint32_t claimed_id;      /* As its hello has it, admitted or not. */
    struct uuid incarnation;  /* Brokers, by their hello; voters: the disk. */
    int64_t epoch;            /* Sessions: the broker epoch that it speaks for; 0: none yet. */
    struct buf *registration; /* Waits until it is clear whether the id is in use. */
    uint64_t registration_ms;
    uint64_t heard_ms;    /* Sessions, voters: when something was read from it last. */
    struct cursor cursor; /* Streams. */
    UT_hash_handle hh;
};

struct peer {
    uint32_t id;
    struct node_voter at;
    uint64_t conn; /* Ours to it; 0: none. */
    bool is_connected;
    uint64_t dial_ms; /* When to dial again. */
    uint32_t pause_ms;
    int16_t refused_error;    /* As it refused us last; 0: it has not. */
    uint64_t refused_said_ms; /* When that was logged. */
    uint64_t foreign_ms;      /* When it last said that it is of another cluster; 0: never. */
};

/* A refusal that was logged, so that the same one is not logged again at once. */
struct complaint {
    int16_t error; /* 0: this place is free. */
    uint32_t id;
    uint64_t said_ms;
};

/* ---- Writes and what waits for them. ---- */

enum write_kind { WRITE_VOTE, WRITE_TRUNCATE, WRITE_APPEND, WRITE_INSTALL };

struct write {
    STAILQ_ENTRY(write) link;
    uint64_t seq;
    enum write_kind kind;
    uint64_t first;
    uint64_t last;
    struct raft_vote vote;
    bool keep_tail;
    bool is_started;
    bool is_done;
    struct buf **bufs; /* APPEND: last - first + 1 of them, a reference each. */
};
STAILQ_HEAD(write_list, write);

/* A Raft message that waits until the write `after` is durable. */
struct held {
    STAILQ_ENTRY(held) link;
    uint64_t after;
    struct raft_msg msg;
};
STAILQ_HEAD(held_list, held);

/* An answer that waits for a decision: until it is committed, or (everywhere) applied by all. */
struct waiter {
    TAILQ_ENTRY(waiter) link;
    uint64_t index;
    uint64_t conn;
    uint64_t deadline_ms; /* everywhere: then it is sent anyway. */
    bool everywhere;
    bool handed_over;   /* And until the handovers that it asks for are done, or given up. */
    uint32_t learner;   /* And until this one is a voter, or gone; 0: nobody. */
    enum rpc_kind kind; /* Of the answer; with `correlation` for the other one: lost leadership. */
    uint64_t correlation;
    struct buf *frame;
};
TAILQ_HEAD(waiter_list, waiter);

/* A leader was asked to hand a partition over. */
struct handover {
    TAILQ_ENTRY(handover) link; /* In order of deadlines. */
    struct uuid topic_id;
    int32_t partition;
    int32_t partition_epoch; /* With which it was asked. */
    uint64_t index;          /* The decision; 0: before this leadership. */
    uint64_t deadline_ms;
};
TAILQ_HEAD(handover_list, handover);

/* A job of ours that writes one small file whole. */
struct file_job {
    struct job job; /* First. */
    LIST_ENTRY(file_job) link;
    char path[FS_PATH_MAX];
    char
        dir[FS_PATH_MAX / 2]; /* Of the snapshots that are to go when this one is written; or "". */
    struct buf *bytes;
    uint64_t index; /* Of the snapshot. */
    uint64_t term;
};
LIST_HEAD(file_job_list, file_job);

struct boot;

/* A snapshot on its way here, from a leader whose log begins later than ours ends. */
struct pull {
    uint32_t peer; /* 0: none under way. */
    uint64_t index;
    uint64_t term;
    uint64_t deadline_ms;
    struct buf *bytes;
    bool is_whole;  /* All of it is here. */
    bool is_stored; /* It is read, and its file is being written. */
    struct meta_image image;
};

enum scratch_use { SCRATCH_FRAME, SCRATCH_WORK, SCRATCH_BATCH, SCRATCH_COUNT };

struct controller {
    struct env *env;
    struct controller_options options;
    enum phase phase;
    char fault[512];
    char report[4096];        /* recover.h */
    uint64_t recovered_index; /* The decision that this node votes alone; 0: not taken yet. */

    /* The folder. */
    struct boot *boot; /* NULL once it has been read. */
    struct uuid disk;
    char cluster_id[META_CLUSTER_ID_SIZE + 1]; /* As the folder has it; "": not yet. */
    struct file_job_list jobs;
    struct journal *journal;
    struct metalog log;
    bool flush_journal; /* Something was appended in this turn. */

    /* The quorum. */
    struct raft raft;
    struct raft_effects effects;
    bool is_stepping;
    struct metalog_entry *arriving; /* Entries of the message or proposal being stepped ... */
    uint64_t arriving_first;        /* ... from this index on. */
    uint32_t arriving_count;
    struct write_list writes;
    struct held_list held;
    uint64_t commit_target; /* Committed, perhaps not yet applied. */
    bool role_changed;
    uint64_t
        told_term; /* The term of our leadership that the shell knows of; 0: it knows of none. */
    uint32_t wanted_from; /* A follower's core wants a snapshot from this peer; 0: it does not. */
    uint64_t led_since_index; /* The log's end when this leadership began. */
    uint32_t peer_count;
    struct peer peers[RAFT_MEMBERS_MAX];
    uint64_t peers_key; /* Of the set that they are of. */
    struct complaint complaints[COMPLAINTS_MAX];
    uint32_t address_count;
    struct node_voter addresses[ADDRESSES_MAX]; /* As the log has them (members.h). */
    bool may_vote;                              /* As the folder says. */
    bool is_noting;                             /* The folder is about to say so. */
    bool is_born;                               /* Somebody knows of a cluster. */
    uint32_t unborn_mask; /* Seeds, by their place in the options, that know of none. */
    uint64_t voters_due_ms;

    /* The metadata. */
    struct meta_image committed;
    struct meta_image tentative; /* Valid while is_leading. */
    bool is_leading;

    /* Snapshots. */
    uint64_t snapshot_index; /* The last one on the disk. */
    uint64_t bytes_since_snapshot;
    bool is_snapshotting;
    uint64_t compact_to; /* A durable snapshot covers entries up to this one: they may go. */
    struct buf *shared_snapshot; /* For those who need one; dropped when nobody reads it. */
    uint64_t shared_index;
    uint64_t shared_term;
    uint64_t shared_used_ms;
    struct pull pull;

    /* Brokers and other connections. */
    struct conn *conns;
    struct liveness liveness;
    struct waiter_list waiters;
    struct handover_list handovers;
    struct log_ends ends;
    uint64_t balance_due_ms;
    uint64_t retry_ms;         /* A decision could not be proposed: look again then. */
    uint64_t stop_deadline_ms; /* 0: nobody has asked for a stop. */
    uint64_t decision_count;
    uint64_t refused_count;
    uint64_t malformed_count;

    struct arena scratch[SCRATCH_COUNT];

    /* The last events (record.h). */
    struct ring ring;
    struct ring_file ring_file;
    struct record_decision deciding; /* What the decision being proposed is made from. */
    struct buf *deciding_frame;
};

/* ---- Scratch memory: grows to the largest use, reset by the next of the same use. ---- */

struct arena *scratch(struct controller *c, enum scratch_use use, size_t size);
void scratch_close(struct controller *c);

/* This node cannot go on: one line, and the end of it. */
void controller_halt(struct controller *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool is_halted(const struct controller *c)
{
    return c->phase == PHASE_HALTED;
}

/* The image that decisions are made on. */
static inline const struct meta_image *decision_image(const struct controller *c)
{
    bool is_canary = c->options.canary & CONTROLLER_CANARY_DECIDE_ON_COMMITTED;
    return is_canary ? &c->committed : &c->tentative;
}

/* 0: not known. */
static inline uint32_t known_leader(const struct controller *c)
{
    return c->raft.leader_id;
}

#endif
