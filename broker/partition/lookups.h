/* lookups.h -- questions about a log: offsets by time, where epochs end, its size; and
 * DeleteRecords. */
#ifndef BROKER_PARTITION_LOOKUPS_H
#define BROKER_PARTITION_LOOKUPS_H

#include "broker/partition/types.h"

void partition_list_offsets(struct partition *p, struct op *op);
void partition_epoch_end(struct partition *p, struct op *op);

/* Finished when every in-sync replica has dropped what lies below (or the request times out). */
void partition_delete_records(struct partition *p, struct op *op);

/* Whatever its role: how large the log is here, and how far behind. */
void partition_log_size(struct partition *p, struct op *op);

/* Whatever its role, as in Kafka: who has written to it with sequences. */
void partition_producers(struct partition *p, struct op *op);

#endif
