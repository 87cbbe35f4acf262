/* room.h -- how much of a disk is left, and whether that is the broker's own reserve already
 * (log.reserve.bytes). The disk is asked now and then; what was appended since is counted. */
#ifndef BROKER_PARTITION_ROOM_H
#define BROKER_PARTITION_ROOM_H

#include "broker/partition/types.h"

/* So much was appended there. Producers may be faster than the disk is asked. */
void room_take(struct partition_host *host, uint32_t dir, uint64_t size_bytes);

/* Something about it is known anew: sets is_short, and says so when that changes. */
void room_look(struct partition_host *host, uint32_t dir);

#endif
