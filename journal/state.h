/* state.h -- the inside of a journal: for the files of this folder only.
 *
 *   append.c    appending, news, the order in which works follow each other
 *   open.c      the work that recovers a folder          (a job)
 *   write.c     the works that write and sync            (jobs)
 *   read.c      reading, and the work that looks up what is not in memory
 *   drop_behind.c  the work that takes what nobody reads off the page cache (a job)
 *   find.c      the work that looks up by time           (a job)
 *   change.c    the works that truncate, reset, remove, stop and delete (jobs)
 *   clean.c     the works that compact (jobs; compact.h)
 *
 * A *work* is a job and what it needs. What a work refers to does not change while it is under way:
 * its own memory, files under a reference, the folder's name, and the indexes of sealed segments
 * that a write work stores (which go only when it comes back). Works of a journal share a lane, so
 * they follow each other in the order of submission and never meet on the disk.
 *
 * Exclusion: a change (truncation, reset), a stop and a deletion begin only when nothing is pending
 * and no write is in flight, and nothing is appended until they are done. Compaction goes on beside
 * all that in the background; only while it swaps files (a work of the journal's lane) nothing else
 * changes names, and what it was made of is looked at once more before that.
 */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#include "journal/compact.h"
#include "journal/contents.h"
#include "journal/descriptors.h"
#include "journal/files.h"
#include "journal/journal.h"
#include "journal/scan.h"
#include "journal/snapshots.h"
#include "journal/tail.h"

#define CLOSED_FILES_MAX 2u            /* Open files of segments that are not active. */
#define LOOKUPS_MAX 16u                /* Remembered positions in old data. */
#define READ_WORKS_MAX 4u              /* Look-ups in flight. */
#define READ_WORK_BYTES (1024u * 1024) /* What one of them reads ahead at the most. */
#define INLINE_READS_MAX 256u          /* In one turn, for one read. */
#define WORK_WHY_MAX 512u
#define TAIL_SEEDS 16u

struct work;

struct work_kind {
    const char *name;
    unsigned (*finish)(struct journal *j, struct work *w); /* At home, before it is freed. */
    void (*dispose)(struct journal *j, struct work *w);    /* What it holds, finished or not. */
    bool outlives_failure; /* finish() is called although the journal has failed. */
};

struct work {
    struct job job; /* First: the env knows nothing else. */
    const struct work_kind *kind;
    struct journal *journal; /* Not for the job. */
    struct work *next;
    struct work *previous;
    const char *dir;
    uint32_t generation; /* Of the journal, when it was submitted. */
    uint32_t layout;
    char why[WORK_WHY_MAX];
};

struct segment {
    struct contents c; /* With what is assigned and not written. */
    struct file *file; /* NULL if it is not open. */
    struct journal *journal; /* While it is: for descriptors.h. */
    TAILQ_ENTRY(segment) used_link;
    uint64_t used;     /* When it was read last, in reads. */
    bool is_indexed;   /* c.offsets and c.times are in memory. True for the active one. */
    bool log_dirty;    /* Not synced since it was written. */
    bool index_dirty;
    struct snapshot_bytes snapshot; /* As of its base, until it is written. */
    int64_t looked_ms; /* The wall clock when retention first looked at it; 0: never. */
};

/* One batch that waits to be written. */
struct piece {
    struct buf *buf;
    uint32_t at;
    uint32_t size;
    int64_t segment_base;
};

struct pieces {
    struct piece *items;
    uint32_t count;
    uint32_t capacity;
};

/* What everything was when the newest written byte was the newest one. */
struct written_mark {
    struct contents_mark contents;
    int64_t end_offset;
};

/* Where a batch of old data lies. */
struct lookup {
    int64_t offset; /* What was asked for; -1: nothing here. */
    int64_t segment_base;
    uint64_t at;          /* The first batch that ends past `offset` begins here or further on. */
    int64_t first_offset; /* Its base offset, and all that follows is known if first_size > 0. */
    uint32_t first_size;
    int64_t first_end;
    uint32_t size; /* Batches from `at` on that were looked at, and where they end. */
    int64_t end_offset;
    uint64_t used;
};

enum change_kind { CHANGE_NONE, CHANGE_TRUNCATE, CHANGE_RESET };

struct change {
    enum change_kind kind;
    int64_t offset;
    int32_t last_epoch; /* Of the log before it is truncated. */
    bool keeps_not;     /* What is cut off is not kept in a file beside it. */
};

/* A segment whose files have been renamed. */
struct retired {
    int64_t base;
    uint64_t due_ms; /* When they go. */
};

struct found_node {
    struct found_node *next;
    struct journal_found found;
};

struct journal {
    struct env *env;
    char *dir;
    uint32_t lane;
    uint32_t background_lane;
    struct segment_limits limits; /* segment_ms of the active segment: jitter makes it shorter. */
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int64_t delete_delay_ms;
    bool sync_writes;
    void *owner;
    struct observer observer;
    struct descriptors *descriptors; /* NULL: there is no bound. */

    enum journal_state state;
    char *why;

    struct segment **segments;
    uint32_t segment_count;
    uint32_t segment_capacity;
    int64_t start;
    int64_t forgotten; /* Segments below may be removed (journal_forget_below()). */
    int64_t assigned;
    int64_t written;
    int64_t durable;
    struct epochs epochs;
    bool epochs_dirty; /* The checkpoint says something else. */
    bool names_dirty;  /* Names in the folder that a power cut would lose. */
    bool parent_dirty; /* And the folder's own. */
    struct tail tail;
    struct lookup *lookups; /* LOOKUPS_MAX, made on the first use. */
    uint64_t read_count;

    struct pieces pending;
    struct pieces spare;
    struct written_mark mark;

    struct work *works; /* In flight. */
    uint32_t work_count;
    uint32_t read_works;
    bool is_writing;
    bool is_syncing;
    bool is_syncing_sealed;
    int64_t sealed_durable; /* While that is under way: more than this is not durable, ... */
    int64_t synced_beyond;  /* ... although what follows is synced up to here. */
    bool is_ending; /* The last work, a stop or a deletion, is under way. */
    bool is_removing;
    struct change changing; /* In flight. */
    struct change change_wanted;
    bool flush_wanted;
    bool sync_wanted;
    bool sealed_sync_wanted;
    bool remove_wanted;
    bool stop_wanted;
    bool delete_wanted;
    struct retired *retired; /* In the order in which they go. */
    uint32_t retired_count;
    uint32_t retired_capacity;
    bool is_sweeping;
    uint32_t canary;
    uint32_t generation; /* Of what there is: a change makes a new one. */
    uint32_t layout;     /* Of what lies where: a cleaned segment, too. */

    struct compaction *cleaning; /* NULL: none is under way. */
    int64_t cleaned;             /* What lies below has been. */
    bool is_swapping;
    int fail_rc;         /* Why it could not be opened; -ERR_FULL: or begun anew. */
    bool is_uncleanable; /* A batch in it is not sound: compaction keeps away from it. */
    char *clean_report;

    bool is_dropping;
    struct {
        int64_t base;     /* Of the segment that pages are being dropped of, ... */
        uint64_t dropped; /* ... up to here, ... */
        uint64_t out;     /* ... and being written out up to here. */
    } behind;

    bool is_scrubbing;
    struct {
        int64_t base; /* The pass has come to here: this segment, that byte, that offset. */
        uint64_t at;
        int64_t offset;
        int64_t limit;  /* The pass ends there. */
        uint64_t bytes; /* Of all passes. */
    } scrub;
    struct journal_rot *rot; /* NULL: none is known. */

    struct found_node *found_first;
    struct found_node *found_last;
};

/* ---- append.c ---- */

void *work_new(struct journal *j, const struct work_kind *kind, size_t size,
               void (*run)(struct fs *, struct job *));
void work_submit(struct journal *j, struct work *w);

/* What it was told of the journal's files is still so. */
bool work_is_current(const struct journal *j, const struct work *w);

/* For jobs: remembers why. Returns rc. */
int work_fail(struct work *w, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The journal has failed. Returns JOURNAL_NEWS_FAILED the first time. */
unsigned journal_fail(struct journal *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct segment *journal_active(const struct journal *j);
/* The segment that `offset` belongs to: the last that begins at or below it. */
uint32_t journal_segment_index(const struct journal *j, int64_t offset);
struct segment *journal_segment_of_base(const struct journal *j, int64_t base);
struct segment *journal_push_segment(struct journal *j, struct contents contents);
void journal_drop_segments(struct journal *j, uint32_t from, uint32_t count);
/* The segment has its file open from now on; closes it, if it is open; it is being used. */
void segment_take_file(struct journal *j, struct segment *s, struct file *file);
void segment_close_file(struct journal *j, struct segment *s);
void segment_used(struct journal *j, struct segment *s);
/* Bytes of it that are written. */
uint64_t journal_segment_written(const struct journal *j, const struct segment *s);
/* A work has opened the file of a segment; the journal takes the reference. */
void journal_take_file(struct journal *j, int64_t base, struct file *file);
/* Closes what is too much. */
void journal_trim_files(struct journal *j);
/* Remembers it; returns JOURNAL_NEWS_ROTTEN, or 0 where that is known already. */
unsigned journal_note_rot(struct journal *j, int64_t offset, int64_t blocked_from, const char *why);
void journal_forget_rot(struct journal *j);
/* The log begins further on: a bad batch may have gone with what is below. */
void journal_rot_leaves(struct journal *j);
/* A segment is not what it was: a pass that is in it reads it from its beginning. */
void journal_scrub_again(struct journal *j, int64_t base);
/* Something was appended, or a segment begun, that is not being written yet. */
bool journal_has_unwritten(const struct journal *j);
/* What is written is all there is. */
void journal_settle(struct journal *j);

/* ---- The works ---- */

void open_begin(struct journal *j, const struct journal_options *options);
void write_begin(struct journal *j);
void sync_begin(struct journal *j);
void sync_sealed_begin(struct journal *j);
void change_begin(struct journal *j);
void remove_begin(struct journal *j);
void sweep_begin(struct journal *j);
/* Removes renamed files at once; takes over `bases`. */
void sweep_now(struct journal *j, int64_t *bases, uint32_t count);
void stop_begin(struct journal *j);
void delete_begin(struct journal *j);
void lookups_clear(struct journal *j);

/* ---- Shared by jobs ---- */

/* Adds the batches in [at, end) of the file to `c`. end_offset: a batch that ends past it is not
 * taken. Returns 0, or as scan_next() does. */
MUST_USE int contents_scan(struct fs *fs, struct file *file, struct contents *c, uint64_t end,
                           int64_t end_offset, uint32_t interval);

/* Fills in c->offsets, c->times from their files, for a log of `size` bytes that ends below
 * offset_end. -ERR_ABSENT, -ERR_CORRUPT: they must be rebuilt. */
MUST_USE int contents_load(struct fs *fs, const char *dir, struct contents *c, uint64_t size,
                           int64_t offset_end);

#endif
