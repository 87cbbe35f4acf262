/* kafka_rebatch.h -- a batch that is left with fewer of its records: what compaction writes.
 *
 *   rebatch_begin -> rebatch_add for each record that stays -> rebatch_write -> rebatch_close
 *
 * It keeps the base offset, the last offset, the producer's id, epoch and sequence, the leader
 * epoch, the codec and the offsets and timestamps of the records that stay, as Kafka's does. One
 * with no record left is a bare header: it says that its offsets were used, and by whom.
 */
#ifndef PROTO_KAFKA_REBATCH_H
#define PROTO_KAFKA_REBATCH_H

#include "common/err.h"
#include "proto/kafka_batch.h"

struct rebatch {
    struct record_batch_header header;
    struct writer records;
    int32_t count;
    int64_t max_timestamp;
    int32_t level; /* Of its codec (kafka_pack()). */
};

/* When a tombstone of this batch may go; -1: nobody has said. */
static inline int64_t batch_delete_horizon(const struct record_batch_header *h)
{
    return (h->attributes & BATCH_DELETE_HORIZON) != 0 ? h->base_timestamp : -1;
}

/* delete_horizon_ms: a new one, in the place of the base timestamp; -1: what the batch says. */
struct rebatch rebatch_begin(const struct record_batch_header *header, int64_t delete_horizon_ms,
                             size_t size_max);

/* A record as kafka_record_next() gave it. */
void rebatch_add(struct rebatch *r, const struct record *record);

/* Appends the batch. False: it is too large. */
MUST_USE bool rebatch_write(struct rebatch *r, struct writer *out);

void rebatch_close(struct rebatch *r);

#endif
