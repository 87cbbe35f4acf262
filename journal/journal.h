/* journal.h -- an append-only sequence of record batches in segment files: partitions and the
 * metadata log alike, in Kafka's own file formats (DESIGN 8).
 *
 *   Owns:     the files of one folder, and the jobs that work on them.
 *   Used by:  exactly one shard. Its owner hands every ENV_JOB_DONE whose job says so back to it.
 *   Knows:    batches (offsets, epochs, sizes, timestamps). Not who leads, nor what is committed.
 *
 * Three ends: `assigned` (handed to us; in flight) >= `written` (in the page cache: survives the
 * process) >= `durable` (synced: survives the power). Offsets are those after the last record.
 *
 * Invariants (journal_check):
 *   (1) start <= durable' where durable' = max(start, durable); durable <= written <= assigned.
 *   (2) Segments are contiguous and in order; the last one is the active one.
 *   (3) At most one write job is in flight; what arrives meanwhile shares the next one.
 *   (4) What is below `written` changes only by truncation, retention or compaction.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "journal/descriptors.h"
#include "journal/epochs.h"
#include "proto/kafka_batch.h"

/* link.kind of every job of every journal, so that a shell can tell them from its own. */
#define JOURNAL_JOB_KIND 0x4a4f0000u

/* Bits of journal_options.canary. */
#define JOURNAL_CANARY_WRITTEN_EARLY 1u /* `written` moves before the write is done. */
#define JOURNAL_CANARY_SWAP_UNSYNCED 2u /* Cleaned segments are swapped in without a sync. */
#define JOURNAL_CANARY_DROP_EARLY 4u    /* Tombstones go the first time that they are seen. */
#define JOURNAL_CANARY_RETIRE_PAST 8u   /* Retention goes past the limit that its owner gives. */
#define JOURNAL_CANARY_INDEX_BEYOND 16u /* After a power cut an index is believed past its log. */
#define JOURNAL_CANARY_REMOVE_BEYOND 32u /* A segment more goes than lies below the start. */

struct journal_options {
    char dir[FS_PATH_MAX]; /* Made if it does not exist. */
    uint32_t lane;
    uint32_t background; /* Which of the background's lanes is its disk's (env.h); 0: the first. */
    uint64_t segment_bytes; /* segment.bytes */
    int64_t segment_ms;     /* segment.ms: a segment is rolled this long after its first record */
    int64_t segment_jitter_ms; /* segment.jitter.ms: up to so much earlier */
    int64_t delete_delay_ms;   /* file.delete.delay.ms: removed files stay, renamed, for so long */
    uint32_t index_interval_bytes; /* index.interval.bytes */
    uint32_t segment_index_bytes;  /* segment.index.bytes */
    bool sync_writes; /* Every write job syncs before it is done (metadata; flush.messages=1). */
    bool create_only; /* The folder must be new or empty: nothing to recover. */
    bool is_whole; /* Same boot and device (DESIGN 6.10): trust what lies below the last batch. */
    bool cuts_rot; /* Others have it all: at the first batch that is not sound it is cut. */
    int64_t recovery_point; /* All below is known to be whole; -1: scan everything. */
    int64_t first_offset;   /* Of an empty journal. Partitions: 0; the metadata log: 1. */
    int64_t start_offset;   /* What journal_set_start() had said last; it may be past the end. */
    int64_t snapshot_end;   /* The owner has a durable snapshot of all below; 0: it has none. */
    /* Called in the recovery job for each batch whose base offset is >= observe_from, in order.
     * Touches `observer` only, which belongs to the job until the journal is open. */
    void (*observe)(void *observer, const struct record_batch_header *header, struct slice batch);
    void *observer;
    int64_t observe_from;
    /* An observer that can be saved need not see everything again (observe_from is not asked, and
     * `batch` is absent but for control batches): its state as of the beginning of each segment and
     * of an orderly stop lies in Kafka's .snapshot files. It also belongs to the journal from
     * journal_truncate() or journal_reset() until TRUNCATED, when it is what the log then says.
     * restore: in a job; an absent snapshot means that nothing has been seen; false: not sound.
     * save: at home, when all below journal_assigned() has been seen. */
    bool (*restore)(void *observer, struct slice snapshot);
    void (*save)(void *observer, struct writer *out);
    /* Compaction: names the last offsets of batches that must not disappear, in any order. At home.
     * May be NULL. */
    void (*needs)(void *observer, void (*add)(void *arg, int64_t last_offset), void *arg);
    int64_t cleaned; /* What journal_cleaned() said last; 0: nothing has been compacted. */
    struct descriptors *descriptors; /* A bound on open files; NULL: there is none. */
    void *owner;     /* The owner's, for journal_owner(). */
    uint32_t canary; /* The simulator's: rules to break, so that its checkers must notice. */
};

enum journal_state {
    JOURNAL_RECOVERING,
    JOURNAL_OPEN,
    JOURNAL_STOPPING,
    JOURNAL_STOPPED, /* Everything is synced and closed; only journal_close() may follow. */
    JOURNAL_FAILED,  /* See journal_why(). A failed write or sync other than "full" is final. */
};

struct journal;

/* Begins to open; the recovery job runs. Never fails at once. */
struct journal *journal_open(struct env *env, const struct journal_options *options);

/* The journal that a job of JOURNAL_JOB_KIND belongs to, and its owner. */
struct journal *journal_of_job(const struct job *job);
void *journal_owner(const struct journal *j);

/* What a finished job changed: a set. */
enum journal_news {
    JOURNAL_NEWS_OPENED = 1,    /* Or failed: see journal_state_of(). */
    JOURNAL_NEWS_WRITTEN = 2,   /* written and/or durable have moved. */
    JOURNAL_NEWS_READ = 4,      /* A read that had to wait can be tried again. */
    JOURNAL_NEWS_TRUNCATED = 8, /* A truncation or reset is complete. */
    JOURNAL_NEWS_FULL = 16, /* No space: what was assigned and not written is gone (assigned fell
                               back to written). */
    JOURNAL_NEWS_FAILED = 32,
    JOURNAL_NEWS_STOPPED = 64,
    JOURNAL_NEWS_FOUND = 128,    /* A look-up by time is done (journal_found_time). */
    JOURNAL_NEWS_CLEANED = 256,  /* A compaction is over, done or not (journal_cleaned). */
    JOURNAL_NEWS_SCRUBBED = 512, /* A piece has been scrubbed. */
    JOURNAL_NEWS_ROTTEN = 1024,  /* A batch is not sound (journal_rot). */
};

/* Takes a finished job back. Returns a set of enum journal_news. Frees the job if it is spent. */
unsigned journal_on_job(struct journal *j, struct job *job);

enum journal_state journal_state_of(const struct journal *j);
const char *journal_why(const struct journal *j); /* One line that names file and offset. */
int journal_fail_rc(
    const struct journal *j); /* Why it cannot be opened; -ERR_FULL: or begun anew. */

int64_t journal_start(const struct journal *j);
int64_t journal_assigned(const struct journal *j);
int64_t journal_written(const struct journal *j);
int64_t journal_durable(const struct journal *j);
uint64_t journal_size_bytes(const struct journal *j);
const struct epochs *journal_epochs(const struct journal *j);

/* Takes one whole batch, its base offset and leader epoch already in place: the bytes
 * buf->data[at, at + size). A reference is taken. header->base_offset >= assigned (CHECKed).
 * Notes the leader epoch. Legal while open and not being truncated. */
void journal_append(struct journal *j, struct buf *buf, uint32_t at, uint32_t size,
                    const struct record_batch_header *header);

/* Submits what was appended, once per turn. */
void journal_flush(struct journal *j);

/* Wants everything that is written to be durable; JOURNAL_NEWS_WRITTEN follows. */
void journal_sync(struct journal *j);

/* ---- Reading. ---- */

struct journal_range {
    struct file *file; /* One reference, the caller's; NULL if size is 0. */
    uint64_t at;
    uint32_t size;
    uint32_t first_size;  /* Of the first batch. */
    int64_t first_offset; /* Base offset of the first batch. */
    int64_t end_offset;   /* After the last record of the last whole batch, where known; else -1. */
};

enum journal_read {
    JOURNAL_READ_OK,     /* Maybe of size 0: offset == limit. */
    JOURNAL_READ_WAIT,   /* A job looks it up; JOURNAL_NEWS_READ follows. */
    JOURNAL_READ_BEYOND, /* offset < start or > written. */
    JOURNAL_READ_FAILED, /* This journal has failed. */
};

/* Batches from the one that holds `offset` on, from one segment: none that ends past `limit` (<=
 * written), and not more than max_bytes, except that with at_least_one the first batch is whole
 * whatever its size. May end in a part of a batch where boundaries are not in memory (old data),
 * never beyond the limit. */
enum journal_read journal_read(struct journal *j, int64_t offset, int64_t limit, uint32_t max_bytes,
                               bool at_least_one, struct journal_range *out);

/* Bytes between two offsets, roughly, from memory: for a fetch's min_bytes. */
uint64_t journal_bytes_between(const struct journal *j, int64_t from, int64_t to);

/* The first record whose timestamp is >= timestamp_ms: starts a look-up whose result comes with
 * JOURNAL_NEWS_FOUND; several may be under way, told apart by `cookie` (not 0). timestamp -3 asks
 * for the record with the largest timestamp (KIP-734). Only records below `limit` count. */
struct journal_found {
    uint64_t cookie;
    int64_t offset; /* -1: there is none. */
    int64_t timestamp_ms;
    int32_t leader_epoch;
    int rc;
};
void journal_find_time(struct journal *j, int64_t timestamp_ms, int64_t limit, uint64_t cookie);
/* The next finished look-up, in order; false if there is none. */
bool journal_found_time(struct journal *j, struct journal_found *out);

/* ---- Changing what is there. ---- */

/* Everything at and past `offset` goes, at once for readers; the files follow (TRUNCATED). Appends
 * may follow only after that. offset is a batch boundary or lies inside a batch, which then goes
 * too: returns the new end. (If only the disk knows that batch, journal_assigned() tells the end
 * when TRUNCATED comes.) */
int64_t journal_truncate(struct journal *j, int64_t offset);
/* The same, and what is cut off is not kept: somebody else has it. */
int64_t journal_cut(struct journal *j, int64_t offset);

/* Everything goes; the journal is empty and starts at `offset` (TRUNCATED follows). */
void journal_reset(struct journal *j, int64_t offset);

/* The log starts at `offset` from now on (never falls; <= written). */
void journal_set_start(struct journal *j, int64_t offset);

/* The start is at least `offset` for whoever opens the journal next, even after a power cut:
 * segments that lie wholly below are removed in the background. Removals reach the disk in any
 * order, so what a power cut brings back may have a hole; only who knows the start can tell it from
 * a lost segment. */
void journal_forget_below(struct journal *j, int64_t offset);

/* Retention: which whole segments at the beginning may go. */
struct journal_retention {
    int64_t wall_ms;
    int64_t retention_ms;     /* Its newest record is older than this; negative: does not matter. */
    uint64_t retention_bytes; /* As much as this is left without it; UINT64_MAX: does not matter. */
    int64_t limit;            /* Nothing at or past this offset goes. */
};
/* Where the log may start now: for journal_set_start(). A record from the future is taken for one
 * of the moment in which this was first asked. If all may go, a new segment is begun. */
int64_t journal_retire(struct journal *j, const struct journal_retention *retention);

/* Removes renamed files whose time has come. To be called now and then; costs nothing if there are
 * none. */
void journal_sweep(struct journal *j);

/* ---- Compaction (compact.h): of each key the newest record stays. ---- */

struct journal_cleaning {
    int64_t wall_ms;
    int64_t delete_retention_ms; /* delete.retention.ms */
    int64_t min_lag_ms;          /* min.compaction.lag.ms: younger segments stay as they are. */
    int64_t max_lag_ms;          /* max.compaction.lag.ms */
    int64_t limit;      /* Nothing at or past this offset is touched, nor what is not durable. */
    uint64_t map_bytes; /* Memory for keys; more keys take more passes. */
};

/* How much there is to do. */
struct journal_dirt {
    uint64_t clean_bytes;
    uint64_t dirty_bytes;
    bool is_overdue; /* Something waits longer than max_lag_ms. */
};
struct journal_dirt journal_dirt(struct journal *j, const struct journal_cleaning *how);

/* How urgent that is: what part of it is new, in parts per 10,000, if that is more than part_min;
 * more than 10,000 if it is overdue; else 0. */
uint32_t journal_dirt_need(const struct journal_dirt *dirt, uint32_t part_min);

/* Where the segment begins that is appended to. What lies below can be compacted when it is
 * durable, for which journal_sync_sealed() asks. */
int64_t journal_active_base(const struct journal *j);
void journal_sync_sealed(struct journal *j);

/* Begins one pass, in the background; JOURNAL_NEWS_CLEANED follows. False: there is nothing to do,
 * or it cannot be done now. */
bool journal_clean(struct journal *j, const struct journal_cleaning *how);
bool journal_is_cleaning(const struct journal *j);

/* All below has been compacted. */
int64_t journal_cleaned(const struct journal *j);

/* One line on how the last pass ended. */
const char *journal_clean_report(const struct journal *j);

/* ---- The page cache. ---- */

/* For who appends what nobody reads here: takes what is written off the page cache, all but
 * keep_bytes and as much again at the end, in the background, once it is on the disk. To be called
 * after JOURNAL_NEWS_WRITTEN. What was written under journal_keep_cached() stays. A write-out that
 * fails is a failed sync. */
void journal_drop_behind(struct journal *j, uint64_t keep_bytes);

/* For who appends what others read: it is left to the kernel. */
void journal_keep_cached(struct journal *j);

/* ---- The scrub: what is written is read again, and its checksums looked at. ---- */

/* Reads the next max_bytes or a little more, in the background; JOURNAL_NEWS_SCRUBBED follows. How
 * many they are; 0: this pass has seen all that was there when it began, or it cannot be done now.
 */
uint64_t journal_scrub(struct journal *j, uint64_t max_bytes);
bool journal_is_scrubbing(const struct journal *j);
void journal_scrub_anew(struct journal *j);
uint64_t journal_scrubbed_bytes(const struct journal *j);

/* A batch that is not sound, found by a scrub or by a reader: what lies below the offset is.
 * NULL: none is known. It is forgotten when a truncation, a reset or the start of the log has taken
 * it away. Where not even its length can be believed, reading that segment from `blocked_from` on
 * fails; all else goes on. */
struct journal_rot {
    int64_t offset;
    int64_t segment_base;
    int64_t blocked_from; /* INT64_MAX: from nowhere. */
    char why[512];        /* One line that names file, place and offset. */
};
const struct journal_rot *journal_rot(const struct journal *j);

/* Ends the active segment, unless it is empty, and begins another. */
void journal_roll(struct journal *j);

/* A bound on open files for journal_options.descriptors. turn: closes what is too many; to be
 * called once per turn, it costs nothing below the bound. */
void descriptors_init(struct descriptors *d, uint32_t max);
void descriptors_turn(struct descriptors *d);

/* New values of segment_* and of index_interval_bytes, for segments to come, of delete_delay_ms and
 * sync_writes. The rest of the options is not looked at. */
void journal_set_options(struct journal *j, const struct journal_options *options);

/* Syncs, writes the indexes of the active segment and the epoch checkpoint, closes (STOPPED). */
void journal_stop(struct journal *j);

/* Renames the folder to `dir` + ".HEX-delete" style (Kafka's) and removes it in the background; the
 * journal is STOPPED then. */
void journal_delete(struct journal *j);

/* The owner has moved the folder, or the observer. Nothing may be in flight; for the observer
 * alone, nothing that uses it. */
void journal_rehome(struct journal *j, const char *dir, void *observer);
void journal_set_observer(struct journal *j, void *observer);

/* Its disk is gone: the journal has failed. What is under way comes home and counts for nothing. */
void journal_abandon(struct journal *j, const char *why);

/* Frees everything at once, also with jobs in flight if `world_is_gone` (the simulator's crash:
 * they will never come back). Otherwise legal only when STOPPED or FAILED with nothing in flight.
 */
void journal_close(struct journal *j, bool world_is_gone);
bool journal_is_idle(const struct journal *j); /* No job in flight. */

void journal_check(const struct journal *j);

#endif
