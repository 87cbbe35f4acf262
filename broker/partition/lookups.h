/* lookups.h -- questions about a leader's log: offsets by time, where epochs end; and
 * DeleteRecords. */
#ifndef BROKER_PARTITION_LOOKUPS_H
#define BROKER_PARTITION_LOOKUPS_H

#include "broker/partition/types.h"

void partition_list_offsets(struct partition *p, struct op *op);
void partition_epoch_end(struct partition *p, struct op *op);

/* Finished when every in-sync replica has dropped what lies below (or the request times out). */
void partition_delete_records(struct partition *p, struct op *op);

#endif
