/* journal_rig.h -- a journal on real files in a world that moves only when the test says so: jobs
 * wait in a queue, and the disk can be full, broken or slow. */
#ifndef TESTS_UNIT_JOURNAL_RIG_H
#define TESTS_UNIT_JOURNAL_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "journal/journal.h"

struct rig_fs {
    struct fs fs;
    struct fs *real;
    int write_rc;  /* What the next writes of records fail with, half done. 0: they succeed. */
    int sync_rc;   /* What every sync of a file fails with. */
    int create_rc; /* What opening a segment fails with if it may have to be made. */
    int write_out_rc;       /* What writing out early fails with. */
    uint64_t out_bytes;     /* Begun to be written out, ... */
    uint64_t dropped_bytes; /* ... and dropped after that. */
    uint32_t writes;
    uint32_t syncs;
    uint32_t opens;
    uint32_t unlinks;
    bool is_moved;          /* A folder has another name, and its folder is not synced since. */
    uint32_t early_unlinks; /* So many then. */
};

struct rig {
    struct env env; /* First. */
    struct rig_fs disk;
    char root[64];
    struct journal_options options;
    struct journal *j;
    struct job *queue[256];
    uint32_t queued;
    unsigned news; /* All that have come since rig_news() was asked. */
    bool is_cold;  /* Nothing is in the page cache. */
    uint32_t inline_reads;
    uint32_t open_files;
    char last_log[1024];
};

void rig_init(struct rig *r);
void rig_close(struct rig *r);

/* Of the suite, if it needs no more than one: TestSuite(journal, .init = rig_begin, .fini =
 * rig_end). */
extern struct rig suite_rig;
void rig_begin(void);
void rig_end(void);

/* Opens with r->options and runs until it is open or has failed. */
void rig_open(struct rig *r);
/* Stops in order. */
void rig_stop(struct rig *r);
/* The process is gone, and what it had not yet written. */
void rig_kill(struct rig *r);

/* Runs the oldest job and takes it home. False if there is none. */
bool rig_run_one(struct rig *r);
void rig_run_all(struct rig *r);
unsigned rig_news(struct rig *r);

/* One batch of `count` records, the first at `offset`. */
struct rig_batch {
    int64_t offset;
    int32_t count;
    int32_t epoch;
    int64_t timestamp_ms; /* Of the first record; each is a millisecond after the one before. */
    uint32_t value_bytes;
    int16_t attributes;
};
struct buf *rig_build(struct rig_batch spec, struct record_batch_header *header);
/* Appends it and gives its size. */
uint32_t rig_append(struct rig *r, struct rig_batch spec);
/* Appends `batches` of three records each from the present end on, flushes and runs. */
void rig_fill(struct rig *r, uint32_t batches, int32_t epoch, uint32_t value_bytes);

/* Reads with as many jobs as it takes; the bytes are malloc'd. */
enum journal_read rig_read(struct rig *r, int64_t offset, int64_t limit, uint32_t max_bytes,
                           bool at_least_one, struct journal_range *range, uint8_t **bytes);

/* Files, by their names in the journal's folder. */
const char *rig_path(const struct rig *r, const char *name);
uint8_t *rig_load(const struct rig *r, const char *name, size_t *size);
void rig_store(const struct rig *r, const char *name, const void *bytes, size_t size);
void rig_cut(const struct rig *r, const char *name, size_t size);
bool rig_exists(const struct rig *r, const char *name);

#endif
