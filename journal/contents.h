/* contents.h -- what is known of one segment's content, batch by batch: the same arithmetic whether
 * a batch is being appended or found again on the disk, so that a rebuilt index equals the first.
 * Pure.
 */
#ifndef JOURNAL_CONTENTS_H
#define JOURNAL_CONTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/index.h"
#include "proto/kafka_batch.h"

/* Positions in Kafka's indexes are signed and of 32 bits. */
#define SEGMENT_BYTES_MAX ((uint64_t)INT32_MAX)

/* The bounds that a segment keeps. */
struct segment_limits {
    uint64_t segment_bytes;
    int64_t segment_ms;
    uint32_t index_interval_bytes;
    uint32_t segment_index_bytes;
};

struct contents {
    int64_t base;            /* The offset in the file's name. */
    int64_t end_offset;      /* After the last record; base if there is none. */
    uint64_t size;           /* Bytes. */
    int64_t first_timestamp; /* The newest of the first batch, which is Kafka's clock for rolling;
                                -1. */
    int64_t max_timestamp;   /* -1 if there is none. */
    int64_t max_timestamp_offset; /* The last offset of the first batch that has it. */
    struct index offsets;
    struct index times;
};

struct contents contents_of(int64_t base);

/* A batch of `size` bytes follows. */
void contents_add(struct contents *c, const struct record_batch_header *header, uint64_t size,
                  uint32_t index_interval_bytes);

/* Whether a segment of such content must end before a batch of `size` bytes. */
bool contents_must_roll(const struct contents *c, const struct segment_limits *limits,
                        const struct record_batch_header *header, uint64_t size);

/* The segment takes no more: its newest timestamp gets its entry. */
void contents_seal(struct contents *c);

/* Goes back to the last index entry below `offset`; what follows it, up to the new end, must be
 * added again (the caller scans it). Returns where to scan from. */
uint64_t contents_rewind(struct contents *c, int64_t offset);

/* What a segment's content was at some moment. Going back is possible while nothing but
 * contents_add() and contents_seal() came between. */
struct contents_mark {
    struct contents then; /* Its indexes' bytes are not looked at, their sizes are. */
};
struct contents_mark contents_mark(const struct contents *c);
void contents_go_back(struct contents *c, const struct contents_mark *mark);

void contents_close(struct contents *c);

#endif
