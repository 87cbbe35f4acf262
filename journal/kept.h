/* kept.h -- what a truncation cuts off is kept beside the log, as it lay there: record batches in a
 * file of their own, named after the offset where they began and the leader epoch of the last of
 * them. After an unclean election that is all there is of what only this replica had. `jackdaw log
 * dump` reads it. Nothing else does; the folder takes it along when the topic is deleted.
 *
 *   Used by:  jobs only: every call blocks.
 */
#ifndef JOURNAL_KEPT_H
#define JOURNAL_KEPT_H

#include "journal/files.h"

#define KEPT_EXTENSION ".kept"
#define KEPT_FILES_MAX 16 /* In one folder; then the one with the lowest offset goes. */

/* Where the tail lies: from `at` on in `file`, and all of the segments that go, the newest first.
 */
struct kept_tail {
    int64_t offset;
    int32_t epoch;
    struct file *file;
    uint64_t at;
    uint64_t size; /* Of `file`. */
    const int64_t *gone;
    uint32_t gone_count;
};

/* 0 and how many bytes were kept; an error, and none are. */
MUST_USE int kept_write(struct fs *fs, const char *dir, const struct kept_tail *tail,
                        uint64_t *bytes);

#endif
