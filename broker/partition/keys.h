/* keys.h -- the records of a batch that have no key. A compacted topic keeps the last record of
 * each key, so there is no place for them in it (KIP-467 names them in the answer). Pure. */
#ifndef BROKER_PARTITION_KEYS_H
#define BROKER_PARTITION_KEYS_H

#include "proto/kafka_batch.h"

#define KEYS_UNREADABLE (-1)

/* How many records of the batch, which is whole, have no key; the places of the first `max` of them
 * within the batch go to `places`. KEYS_UNREADABLE: it cannot be unpacked. Allocates what the
 * records unpack to, 64 MiB at most, for the time of the call. */
int32_t batch_keyless(struct slice batch, int32_t *places, int32_t max);

#endif
