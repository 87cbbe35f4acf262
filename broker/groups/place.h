/* place.h -- which partition of __consumer_offsets a group lives in. Pure. */
#ifndef BROKER_GROUPS_PLACE_H
#define BROKER_GROUPS_PLACE_H

#include <stdint.h>

#include "common/bytes.h"

#define OFFSETS_TOPIC "__consumer_offsets"

/* Kafka's choice: abs(String.hashCode()) % partitions, over the UTF-16 units of the id. */
int32_t group_partition(struct slice group_id, uint32_t partition_count);

#endif
