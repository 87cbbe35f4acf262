/* snapshots.h -- the observer's state as of some offsets, in files (Kafka's .snapshot).
 *
 *   Used by:  jobs, but for snapshots_save().
 *   Rule:     a snapshot says what the batches below the offset in its name say. So those above a
 *             cut go before the log is cut, and one that is there and sound can be believed. It
 * need not be synced: one that a power cut tore is not sound, and then an older one serves.
 */
#ifndef JOURNAL_SNAPSHOTS_H
#define JOURNAL_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "journal/files.h"
#include "journal/journal.h"

#define SNAPSHOT_BYTES_MAX ((size_t)1024 * 1024 * 1024)

struct observer {
    void (*observe)(void *self, const struct record_batch_header *header, struct slice batch);
    bool (*restore)(void *self, struct slice snapshot);
    void (*save)(void *self, struct writer *out);
    void (*needs)(void *self, void (*add)(void *arg, int64_t last_offset), void *arg);
    void *self;
};

static inline bool observer_is_saved(const struct observer *o)
{
    return o->restore != NULL;
}

/* Bytes for a file; none if the observer is not saved or there are too many. */
struct snapshot_bytes {
    uint8_t *bytes;
    size_t size;
};
struct snapshot_bytes snapshots_save(const struct observer *o);
void snapshots_free(struct snapshot_bytes *s);
MUST_USE int snapshots_store(struct fs *fs, const char *dir, int64_t offset,
                             const struct snapshot_bytes *s);

/* Their offsets, rising. */
MUST_USE int snapshots_list(struct fs *fs, const char *dir, struct bases *out);

/* Those past `end_offset` go; *count says how many that were. */
MUST_USE int snapshots_cut(struct fs *fs, const char *dir, int64_t end_offset, uint32_t *count);
int snapshots_remove(struct fs *fs, const char *dir, int64_t offset);

/* Restores the newest one that is sound and not above `end_offset`; returns its offset, or -1 if
 * there is none and the observer has seen nothing. Those that are not sound are removed. */
int64_t snapshots_restore(struct fs *fs, const char *dir, const struct observer *o,
                          int64_t end_offset);

/* A part of a log. */
struct observed_log {
    int64_t base;
    uint64_t size;
};

/* The observer becomes what the segments, of which the last ends at end_offset, say. */
MUST_USE int snapshots_observe(struct fs *fs, const char *dir, const struct observer *o,
                               const struct observed_log *logs, uint32_t count, int64_t end_offset);

#endif
