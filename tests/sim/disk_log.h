/* disk_log.h -- the batches of a partition as they lie on a simulated disk: for oracles, past the
 * journal that wrote them. Needs nothing of the process that owns them; it may be down. */
#ifndef TESTS_SIM_DISK_LOG_H
#define TESTS_SIM_DISK_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/kafka_batch.h"
#include "tests/sim/sim_world.h"

/* Where a reader of one partition's files stands. Zeroed: at the beginning. */
struct disk_log {
    int64_t segment; /* Its base offset; valid if is_placed. */
    uint64_t at;     /* Bytes. */
    int64_t next;    /* The offset that the next batch begins with, or -1. */
    bool is_placed;
};

/* Called for each batch, in order; returns false to stop. `header` and `batch` are valid until it
 * returns. */
typedef bool disk_log_visit(void *arg, struct slice batch,
                            const struct record_batch_header *header);

/* Reads on from where it stands, whole batches that end at or below `limit`. Segments that are gone
 * by now are skipped. Returns false if there is no such folder. */
bool disk_log_read(struct disk_log *log, struct fs *fs, const char *dir, int64_t limit,
                   disk_log_visit *visit, void *arg);

#endif
