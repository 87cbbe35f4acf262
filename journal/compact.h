/* compact.h -- compaction, as jobs do it: which records stay, and how the result takes the place of
 * what it was made of.
 *
 *   compact_map    the newest offset of each key of the part that is new    (chunks)
 *   compact_copy   what stays of a group of segments, into .cleaned files   (chunks; synced)
 *   compact_swap   .cleaned -> .swap -> the segment's own name              (one job)
 *
 * Kafka's rules: of each key the newest record below map_end stays, a tombstone until its delete
 * horizon; control batches, batches of transactions and what lies past map_end stay as they are. A
 * batch that a producer's last sequence needs stays, as a bare header if need be, and so does the
 * last one of a group: a segment ends where the next one begins, cleaned or not.
 *
 * Crash: until .log.swap is there nothing has happened; from then on the next start finishes it
 * (compact_finish). Each step is in the folder before the next one begins.
 *
 *   Used by:  jobs. A `struct compaction` belongs to the job that is under way, else to clean.c.
 */
#ifndef JOURNAL_COMPACT_H
#define JOURNAL_COMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fs.h"
#include "journal/contents.h"
#include "journal/files.h"
#include "journal/keymap.h"

/* A segment that is cleaned; sealed, with all that it holds below the watermark. */
struct compact_source {
    int64_t base;
    int64_t end_offset;
    uint64_t size;
};

struct compaction {
    const char *dir;
    int64_t wall_ms;
    int64_t delete_retention_ms;
    int64_t from; /* What lies below has been cleaned before. */
    uint32_t interval;
    uint64_t group_bytes_max;
    bool syncs_not;    /* Canary: what is swapped in was never synced. */
    bool drops_early;  /* Canary: tombstones go at once. */
    struct bases ends; /* Last offsets of batches that must not disappear, rising. */
    struct compact_source *sources;
    uint32_t source_count;

    struct keymap map;
    int64_t map_end; /* The map knows all from `from` to here. */

    /* Where the job before this one came to. */
    uint32_t source;
    uint64_t at;
    int64_t offset_min;

    /* The group that is being copied, or swapped. */
    uint32_t group_first;
    uint32_t group_count;
    struct contents c;
    bool has_changed; /* It is not what it was made of. */
    struct writer out;
    struct writer scratch;

    uint64_t bytes_before, bytes_after, records_before, records_after;
    uint64_t unreadable; /* Batches that could not be opened; they stay. */
};

/* At home: which sources the next group is. False: there is none. */
bool compact_next_group(struct compaction *x);

/* All three: 0 or -ERR_X. *done: false if there is more for another job. */
MUST_USE int compact_map(struct compaction *x, struct fs *fs, bool *done);
MUST_USE int compact_copy(struct compaction *x, struct fs *fs, bool *done);
MUST_USE int compact_swap(struct compaction *x, struct fs *fs);

/* Removes the .cleaned files of the group. */
MUST_USE int compact_drop(struct compaction *x, struct fs *fs);

/* When a folder is opened: finishes the swaps of which the log is there. `logs` are those that are
 * in the folder, and become those that are then. *at: the one that failed. */
MUST_USE int compact_finish(struct fs *fs, const char *dir, const struct bases *swaps,
                            struct bases *logs, int64_t *at);

void compact_close(struct compaction *x);

#endif
