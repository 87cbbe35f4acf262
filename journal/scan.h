/* scan.h -- walks over the batches of a segment file, from whatever the bytes are read with.
 *
 *   Trusts:   nothing. A length never leads past `end`; offsets must rise.
 *   Used by:  jobs (with a fs) and turns (with env_read_now).
 */
#ifndef JOURNAL_SCAN_H
#define JOURNAL_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "proto/kafka_batch.h"

struct scan_source {
    struct env *env; /* Either this ... */
    struct fs *fs;   /* ... or this. */
    struct file *file;
};

struct scan {
    struct scan_source source;
    int64_t segment_base;
    uint64_t at;         /* Where the next batch begins. */
    uint64_t end;        /* Nothing is read from here on. */
    int64_t offset_min;  /* The next batch may not begin below. */
    bool is_whole;       /* Batches whole, not only their headers. */
    uint32_t read_count; /* Reads so far, for who must not take long. */
    uint32_t read_ahead; /* Bytes per read where batches are small. */
    uint8_t *window;     /* What was read last ... */
    uint64_t window_at;  /* ... where it lies in the file ... */
    size_t window_size;  /* ... and how much of it there is. */
    size_t window_capacity;
    /* The batch that scan_next() found. */
    struct record_batch_header header;
    struct slice batch; /* If is_whole. */
    uint64_t batch_at;
    uint64_t batch_bytes;
    /* After -ERR_CORRUPT. */
    enum batch_fault fault;
    bool is_torn; /* What is there would reach past the end. */
};

/* Batches from `at` to `end`, none below `offset_min`, none that the segment could not index. */
struct scan scan_of(struct scan_source source, int64_t segment_base, uint64_t at, uint64_t end,
                    int64_t offset_min);

/* 1: a batch. 0: the end. -ERR_CORRUPT: not a batch; scan->at stays there. -ERR_AGAIN, -ERR_IO. */
MUST_USE int scan_next(struct scan *s);

void scan_close(struct scan *s);

#endif
