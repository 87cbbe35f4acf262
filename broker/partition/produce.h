/* produce.h -- a leader takes a producer's batch. */
#ifndef BROKER_PARTITION_PRODUCE_H
#define BROKER_PARTITION_PRODUCE_H

#include "broker/partition/types.h"

/* Checks the batch, gives it its offsets, hands it to the journal, and finishes the op now (an
 * error, acks=0) or lists it until it is written (acks=1) or committed (acks=all). */
void partition_produce(struct partition *p, struct op *op);

/* What was held back while leadership was being handed over is looked at, if it goes on here. */
void partition_resume(struct partition *p);

#endif
