/* produce.h -- a leader takes a producer's batch. */
#ifndef BROKER_PARTITION_PRODUCE_H
#define BROKER_PARTITION_PRODUCE_H

#include "broker/partition/types.h"

/* Checks the batch, gives it its offsets, hands it to the journal, and finishes the op now (an
 * error, acks=0) or lists it until it is written (acks=1) or committed (acks=all). */
void partition_produce(struct partition *p, struct op *op);

/* What was held back while leadership was being handed over is looked at, if it goes on here. */
void partition_resume(struct partition *p);

/* The shard's own records (a coordinator's): one batch that it has built itself, with acks=all. 0
 * and the offset that the high watermark must reach, or Kafka's error. Not while leadership is
 * being handed over (replica_is_open). */
int16_t partition_append_own(struct partition *p, struct buf *batch, int64_t *end_offset);

#endif
