/* files.h -- the names in a journal's folder, and what jobs do with single files of it.
 *
 *   Used by:  jobs only: every call blocks.
 */
#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fs.h"
#include "journal/contents.h"
#include "journal/epochs.h"

#define SEGMENT_NAME_MAX 64
#define CHECKPOINT_NAME "leader-epoch-checkpoint"

struct path {
    char text[FS_PATH_MAX + SEGMENT_NAME_MAX];
};

/* "dir/00000000000000000042.log" */
struct path files_segment(const char *dir, int64_t base, const char *extension);
struct path files_named(const char *dir, const char *name);

/* A growing list of offsets that are in names. Zeroed is empty. */
struct bases {
    int64_t *items;
    uint32_t count;
    uint32_t capacity;
};
void bases_add(struct bases *b, int64_t base);
void bases_sort(struct bases *b);
bool bases_have(const struct bases *b, int64_t base);
void bases_close(struct bases *b);

/* Whether `name` is 20 digits, which are returned, and the extension. */
bool files_parse_as(const char *name, const char *extension, int64_t *base);

/* 0 and the base offset if `name` is 20 digits and a known extension, which is returned, too;
 * -ERR_INVALID if it ends like a segment's file but is none; -ERR_ABSENT if it is something else.
 */
int files_parse(const char *name, int64_t *base, const char **extension);

/* Replaces a file by `size` bytes. It can be rebuilt, so it need not be atomic. */
MUST_USE int files_store(struct fs *fs, const struct path *path, const void *bytes, size_t size,
                         bool sync);

/* Both indexes of a segment. */
MUST_USE int files_store_indexes(struct fs *fs, const char *dir, const struct contents *c,
                                 bool sync);
MUST_USE int files_remove_indexes(struct fs *fs, const char *dir, int64_t base);

/* Syncs a file by name; one that is not there needs nothing. */
MUST_USE int files_sync(struct fs *fs, const struct path *path);

/* The segment disappears: first its log, by one rename; and the snapshot that it begins with.
 * Absent is fine. */
MUST_USE int files_remove_segment(struct fs *fs, const char *dir, int64_t base);

/* The same in two steps: the files get another name (".deleted", Kafka's), again the log first; and
 * they go. */
MUST_USE int files_retire_segment(struct fs *fs, const char *dir, int64_t base,
                                  bool keeps_snapshot);
MUST_USE int files_sweep_segment(struct fs *fs, const char *dir, int64_t base);

/* leader-epoch-checkpoint, version 0. Reading: -ERR_ABSENT, -ERR_CORRUPT; *e is empty then. */
MUST_USE int files_store_epochs(struct fs *fs, const char *dir, const struct epochs *e);
MUST_USE int files_load_epochs(struct fs *fs, const char *dir, struct epochs *e);

/* The names in a folder, and the folder's own if its parent is synced, too: without that they may
 * not be there after a power cut. */
MUST_USE int files_sync_parent(struct fs *fs, const char *dir);
MUST_USE int files_sync_names(struct fs *fs, const char *dir, bool parent_too);

#endif
