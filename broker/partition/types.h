/* types.h -- a partition's data, and what a shard gives its partitions and takes from them.
 *
 * Functions live in the files of this folder, each of which sees the ones before it:
 * types < config, folder, waiters, record < steps < produce, fetch, lookups, follow < partition.
 *
 *   PREPARING --folder checked--> OPENING --journal recovered--> READY <--> TRUNCATING
 *       |                            |                             |
 *       +----------------------------+-----------------------------+--> DELETING, FAILED, STOPPING
 *
 * The committed metadata are looked up in the host's image when it becomes READY, and whenever the
 * shard says that they have changed (partition_assign).
 */
#ifndef BROKER_PARTITION_TYPES_H
#define BROKER_PARTITION_TYPES_H

#include <sys/queue.h>
#include <uthash.h>

#include "broker/dirs.h"
#include "broker/options.h"
#include "broker/partition/op.h"
#include "broker/partition/producers.h"
#include "broker/partition/replica.h"
#include "broker/partition/throttle.h"
#include "common/ring.h"
#include "journal/journal.h"
#include "proto/meta.h"

#define PARTITION_JOB_PREPARE 0x50010000u
#define PARTITION_JOB_MOVE 0x50020000u

enum partition_state {
    PARTITION_PREPARING,
    PARTITION_OPENING,
    PARTITION_READY,
    PARTITION_TRUNCATING,
    PARTITION_STOPPING,
    PARTITION_DELETING,
    PARTITION_FAILED, /* Its journal has failed; why is in the log and in journal_why(). */
    PARTITION_GONE,   /* Nothing is left but the struct: partition_close() it. */
};

/* What the topic's configuration says, resolved. */
struct partition_config {
    uint32_t max_message_bytes;
    uint32_t min_isr;
    bool is_log_append_time;
    int8_t codec;           /* compression.type: what batches are stored in; -1: as they come. */
    int32_t pack_level;     /* Of that codec. */
    int64_t flush_ms;       /* flush.ms: what is written is durable after so long. */
    int64_t flush_messages; /* So many records are never written and not durable for long. */
    bool is_compacted;
    bool flush_each;          /* flush.messages == 1 */
    bool throttles_leading;   /* The replica here is named in leader.replication.throttled ... */
    bool throttles_following; /* ... in follower.replication.throttled.replicas. */
    int64_t timestamp_before_max_ms;
    int64_t timestamp_after_max_ms;
    uint64_t segment_bytes;
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int64_t file_delete_delay_ms;
    bool is_deleted; /* cleanup.policy has "delete" in it: retention applies. */
    int64_t delete_retention_ms;
    int64_t compaction_lag_min_ms;
    int64_t compaction_lag_max_ms;
    uint32_t dirty_part_min; /* min.cleanable.dirty.ratio, in parts per 10,000. */
    int64_t retention_ms;    /* -1: for ever. */
    int64_t retention_bytes; /* -1: as much as there is. */
    uint32_t index_interval_bytes;
    uint32_t segment_index_bytes;
};

/* What the checkpoint files say of a partition (checkpoint.h). */
struct partition_checkpoint {
    int64_t watermark;      /* High watermark. */
    int64_t recovery_point; /* All below is durable; -1: nobody knows. */
    int64_t log_start;
    int64_t cleaned; /* All below has been compacted. */
};

#define PARTITION_CHECKPOINT_NONE \
    ((struct partition_checkpoint){.watermark = 0, .recovery_point = -1, .log_start = 0})

struct partition_key {
    struct uuid topic_id;
    int32_t partition;
};

TAILQ_HEAD(partition_list, partition);
TAILQ_HEAD(loan_list, loan);

struct partition {
    struct partition_key key;
    char topic[META_NAME_MAX + 1];
    struct partition_host *host;
    enum partition_state state;
    uint32_t dir; /* Which of log.dirs it lies in; DIR_NONE: nobody knows. */
    bool is_own;  /* Of a topic that the brokers keep for themselves: the reserve is for it. */
    struct partition_config config;
    struct prepare_job *prepare; /* While PREPARING, or when its folder is put away. */
    struct journal *journal;     /* NULL while PREPARING. */
    struct replica replica;      /* Valid from READY on. */
    struct producers producers;
    /* The files' of this or the last run. Its recovery point and start are never below theirs. */
    struct partition_checkpoint checkpoint;
    struct partition_checkpoint checkpoint_writing; /* What the write under way says of it. */
    bool in_checkpoint;                             /* That write does say something of it. */
    bool awaits_checkpoint; /* TRUNCATING until the files claim no more than there is. */

    struct op_list held;              /* Produce, while leadership is being handed over. */
    struct op_list waiting_written;   /* acks=1, in order of their end. */
    struct op_list waiting_committed; /* acks=all, in order of their end. */
    struct op_list watchers;          /* Fetches. */
    struct op_list finding;           /* ListOffsets by time. */
    struct op_list deleting;          /* DeleteRecords, until every replica has followed. */
    uint64_t full_said_ms;            /* When it was last said that the disk is full. */
    uint64_t role_ms;                 /* When the role or the epoch last changed. */
    uint64_t gap_said_ms;
    uint64_t unsynced_ms; /* Since when something is written and not durable; 0: no. */
    uint64_t refused_ms;  /* When a batch was last refused that is to come again. */
    uint64_t next_cookie;
    uint32_t loan_count; /* Ranges that other shards send (loans.h). */

    struct dir_move *move;    /* Between disks (mover.h); NULL: it stays where it is. */
    struct leaving *leaving;  /* Journals that a move has left behind. */
    uint32_t cut_count;       /* Truncations, so far. */
    bool is_swapping;         /* Nothing is appended: a copy takes its place. */
    bool has_looked_for_copy; /* That the last run has left. */
    bool lacks_space;         /* FAILED for want of space: begun again when there is some. */
    bool has_bad_batch;       /* FAILED for that: begun again when another one leads. */
    uint64_t again_ms;        /* Not before then. */
    bool cuts_rot;            /* Where a batch of it is bad, it is to be cut. */
    bool waits_for_folder;    /* PREPARING: one of the same name is still leaving it. */
    bool assign_is_due;       /* The metadata changed while it could not be looked at. */
    bool delete_is_due;
    int64_t told_cleaner; /* Segments that begin below, the cleaner has been told of. */
    bool is_rotten;       /* Its journal has a bad batch (journal_rot). */
    bool has_fallen_back; /* It may end before what it has told its leader (follow.h). */
    bool puts_away;       /* DELETING: the topic may come back, so its files stay. */
    bool is_dirty;        /* In host->dirty. */
    bool wants_isr;       /* In host->proposals. */
    bool moved; /* In host->moved: whom it follows may have changed, or that it appends. */
    TAILQ_ENTRY(partition) dirty_link;
    TAILQ_ENTRY(partition) proposal_link;
    TAILQ_ENTRY(partition) moved_link;

    /* The fetcher's, while it follows (fetcher.h). */
    int32_t following; /* The leader whose fetcher has it; META_NOBODY: none. */
    uint64_t follow_after_ms;
    uint32_t follow_failures;
    TAILQ_ENTRY(partition) follow_link;
    struct partition *follow_session_next;
    int64_t sent_offset, sent_start; /* As the leader's session knows them. */
    int32_t sent_epoch, sent_last_epoch;
    int64_t claimed_end; /* The furthest that it has told the leader of this epoch. */
    int32_t claimed_epoch;
    bool in_session;
    /* The batch that its log begins within; it is the first to be appended after a reset. */
    struct buf *first_frame; /* Counted; NULL: none. */
    uint32_t first_at;
    uint32_t first_size;

    /* Of the shard's ring (record.h). */
    uint64_t ring_generation; /* The bank that has its state; 0: none. */
    uint32_t ring_slot;       /* Its number in that bank. */
    bool ring_begun;          /* What stands in earlier banks is of another core. */

    UT_hash_handle hh; /* In the shard's table, by key. */
};

/* What a shard knows of one of log.dirs. */
struct host_dir {
    bool is_dead;
    bool is_told;            /* Dead: its partitions have failed and the link knows. */
    bool is_slow;            /* It stands still (disks.h). */
    bool is_short;           /* Only the reserve is left of it. */
    bool checkpoint_is_due;  /* Something that must not wait for its time. */
    uint64_t quiet_ms;       /* How long its slowest lane has been at what it does. */
    struct fs_space space;   /* As it was when it was asked last; 0: nobody knows. */
    uint64_t appended_bytes; /* Here, by this shard, ever. */
    uint64_t known_bytes;    /* Of them, what it had been when the disk was asked. */
    char why[DIR_WHY_SIZE];  /* Dead. */
};

/* What a shard gives its partitions and takes from them. */
struct partition_host {
    struct env *env;
    const struct broker_options *options;
    const struct meta_image *image;
    uint64_t session_ms; /* When the last heartbeat that was answered had been sent. */
    bool is_stopping;
    struct log_dirs *log_dirs; /* NULL before the first POST_SESSION. */
    struct host_dir dirs[BROKER_DIRS_MAX];
    uint32_t failed_count;  /* Partitions that are FAILED. */
    uint32_t opening_count; /* Partitions that are PREPARING or OPENING. */
    uint32_t leaving_count; /* Partitions that are to be deleted and are not gone. */
    struct partition_list dirty;
    struct partition_list proposals;
    struct partition_list moved;
    struct op_group_list finished;
    struct op_group_list woken;
    struct loan_list loans;
    struct descriptors descriptors; /* Open files of all its journals. */
    bool clean_is_due;              /* A segment of a compacted log was closed (cleaner.h). */
    bool fares_changed;             /* A replica is not what it was to its disk (disks.h). */
    uint64_t rot_found, rot_gone;   /* Bad batches (rot.h). */
    uint64_t records_in, bytes_in, duplicates, isr_shrinks, isr_expands;
    struct throttle leading;    /* What followers that catch up read here (KIP-73) ... */
    struct throttle following;  /* ... and what is fetched here. This shard's part. */
    struct throttle moving;     /* Between disks. The same. */
    uint32_t halted;            /* The node is going down; say nothing more. */
    struct ring ring;           /* The last events of the replicas (record.h). */
    uint32_t ring_slots;        /* Given out in its bank. */
    struct replica ring_before; /* The replica that ticks, before it did. */
};

static inline bool partition_is_ready(const struct partition *p)
{
    return p->state == PARTITION_READY;
}

static inline bool partition_leads(const struct partition *p)
{
    return (p->state == PARTITION_READY || p->state == PARTITION_TRUNCATING) &&
           p->replica.role == REPLICA_LEADER;
}

/* Where a follower's copy stands: what it asks its leader with. */
struct partition_position {
    int64_t offset;
    int64_t log_start;
    int32_t last_epoch;
    int32_t leader_epoch;
};
/* One partition's part of a leader's answer. `records` lie in `frame`. Returns false if it must be
 * asked again later (backoff). */
struct partition_answer {
    int16_t error;
    int64_t high_watermark;
    int64_t log_start;
    int32_t diverging_epoch;
    int64_t diverging_end;
    struct slice records;
    struct buf *frame;
    int32_t leader_epoch; /* The one that was asked with. */
};

#endif
