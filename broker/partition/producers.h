/* producers.h -- what a partition remembers of its idempotent producers (KIP-98). Pure but for
 * memory.
 *
 *   Owns:     an entry per producer id: its epoch and its last five batches.
 *   Used by:  the partition; rebuilt when it is opened or truncated, from the newest snapshot and
 *             the log's batches since.
 *
 * A producer whose batch is still in the log is never forgotten (rule 14), so a repeated batch
 * among the last five is always recognised; one whose last batch has left the log is, in time. Any
 * sequence may be the first that we see of a
 * producer, as in Kafka: its topic may have been made again under it. But not while an earlier
 * batch of it was refused here and is to come again: the two would change places.
 */
#ifndef BROKER_PARTITION_PRODUCERS_H
#define BROKER_PARTITION_PRODUCERS_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/bytes.h"
#include "proto/kafka_batch.h"

#define PRODUCERS_BATCHES 5
#define PRODUCERS_REFUSALS 8

struct producer_batch {
    int32_t first_sequence;
    int32_t last_sequence;
    int64_t first_offset;
    int64_t last_offset;
    int64_t timestamp_ms;
};

struct producer {
    int64_t id;
    int16_t epoch;
    int32_t first_sequence; /* All from this one on are in the log; -1: a snapshot does not say. */
    uint8_t count;
    uint64_t gone_ms; /* Since when its last batch is known to have left the log; 0: it has not. */
    struct producer_batch batches[PRODUCERS_BATCHES]; /* Oldest first. */
    UT_hash_handle hh;
};

/* The first batch of a producer that is not here, and is to come again. */
struct producer_refusal {
    int64_t id;
    int16_t epoch;
    int32_t sequence;
};

/* Zeroed is empty. */
struct producers {
    struct producer *by_id;
    struct producer_refusal refusals[PRODUCERS_REFUSALS]; /* The last ones: a ring. */
    uint32_t refusal_count;                               /* Ever. */
};

/* What is told of a producer (KIP-664). */
struct producer_state {
    int64_t id;
    int16_t epoch;
    int32_t last_sequence;
    int64_t last_timestamp_ms;
};

/* All of them, in the order in which they were seen first. malloc'd; NULL: there are none. */
struct producer_state *producers_list(const struct producers *p, uint32_t *count);

enum producers_verdict {
    PRODUCERS_NEXT,          /* Append it. Also a batch of no producer. */
    PRODUCERS_DUPLICATE,     /* It is in the log: *found. */
    PRODUCERS_OUT_OF_ORDER,  /* OUT_OF_ORDER_SEQUENCE_NUMBER */
    PRODUCERS_OLD_DUPLICATE, /* DUPLICATE_SEQUENCE_NUMBER: older than what is remembered */
    PRODUCERS_FENCED,        /* INVALID_PRODUCER_EPOCH */
};

enum producers_verdict producers_check(const struct producers *p,
                                       const struct record_batch_header *batch,
                                       struct producer_batch *found);

/* The batch was refused with an error after which clients send it again. */
void producers_refused(struct producers *p, const struct record_batch_header *batch);

/* The batch is in the log (its base offset is set). */
void producers_note(struct producers *p, const struct record_batch_header *batch);

/* For what left the log: now, and for how long it has been remembered when it is forgotten. */
struct producers_age {
    int64_t log_start;
    uint64_t now_ms; /* Not zero. */
    int64_t wall_ms;
    uint64_t expiry_ms;
};

/* Forgets those whose last batch lies below the start of the log, is older than expiry_ms by its
 * own time (which may be the past's, or the future's), and has been gone for a while at least: it
 * might be sent again. Or it has been gone for all of expiry_ms. */
void producers_forget(struct producers *p, const struct producers_age *age);

/* For struct journal_options: `producers` is a struct producers. */
void producers_observe(void *producers, const struct record_batch_header *header,
                       struct slice batch);

/* Kafka's .snapshot, version 1: of each producer its last batch. Behind the entries, where Kafka
 * does not look, the first sequence of each (i32) in the same order; a snapshot without is Kafka's.
 *
 *      0  version  i16     then per producer: id i64, epoch i16, last sequence i32,
 *      2  crc      u32     last offset i64, offset delta i32, timestamp i64,
 *      6  count    i32     coordinator epoch i32 (-1),
 *                          first offset of its transaction i64 (-1: none)
 *
 * The checksum, a CRC32C, covers what follows it. */
void producers_save(void *producers, struct writer *out);

/* Compaction must leave something of the last batch of each. */
void producers_needs(void *producers, void (*add)(void *arg, int64_t last_offset), void *arg);

/* Everything becomes what the snapshot says; nothing, if it is absent. False: it is not sound, and
 * nothing is remembered. */
bool producers_restore(void *producers, struct slice snapshot);

void producers_close(struct producers *p);

#endif
