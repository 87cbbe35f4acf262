/* replica.h -- a partition's folder that Kafka wrote, read to its end: which segments, up to which
 * offset they are sound, and what of them cannot be taken over as it is.
 *
 *   Used by:  the import. Changes nothing.
 *   Trusts:   checksums, and offsets that rise.
 */
#ifndef CLI_IMPORT_REPLICA_H
#define CLI_IMPORT_REPLICA_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/fs.h"

#define REPLICA_WHY_SIZE 512

struct replica_segment {
    int64_t base;
    uint64_t size;       /* Of its sound batches. */
    int64_t end;         /* After the last record. */
    int32_t epoch;       /* Of the last batch; -1: it has none. */
    uint64_t file_bytes; /* What the file has. */
};

struct open_producer {
    int64_t id;
    UT_hash_handle hh;
};

/* Zeroed is empty. */
struct replica {
    struct replica_segment *segments;
    uint32_t count;
    int64_t start; /* Of the first segment that is looked at. */
    int64_t end;
    int32_t epoch; /* Of the last batch; -1: there is none. */
    uint64_t bytes;
    uint64_t batches;
    int64_t records;    /* That are there; not those of control batches. */
    int64_t holes;      /* Batch boundaries at which offsets are missing. */
    uint64_t packed;    /* Batches that are compressed. */
    int64_t committed;  /* Ends of transactions that were committed. */
    int64_t aborted;    /* Ends of transactions whose records are there, and do not count. */
    int64_t open_count; /* Transactions without an end. */
    bool is_torn;       /* The last segment does not end with a sound batch. */
    bool is_broken;     /* Something else than its last segment is not sound. */
    char why[REPLICA_WHY_SIZE]; /* What is not sound, and where. */
    struct open_producer *producers;
};

/* Reads the folder. Segments below `log_start` (-1: unknown) were deleted, and are not looked at.
 * 0: what is wrong is in *r. -ERR_X: it cannot be read, and r->why is a sentence. */
MUST_USE int replica_look(struct replica *r, struct fs *fs, const char *folder, int64_t log_start);
void replica_close(struct replica *r);

#endif
