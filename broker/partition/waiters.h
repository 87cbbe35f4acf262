/* waiters.h -- the requests that wait for a partition, and the moments at which they are answered.
 */
#ifndef BROKER_PARTITION_WAITERS_H
#define BROKER_PARTITION_WAITERS_H

#include "broker/partition/types.h"

/* The op is answered. When it was the last of its group, the group is in host->finished. */
void op_finish(struct partition_host *host, struct op *op, int16_t error);

/* Not here, or not leading: with the leader, where it is known (KIP-951). */
void op_refuse(struct partition_host *host, struct op *op, int16_t error);

/* Lists an op; `list` is one of p's, and op leaves it when it is finished or expires. */
void waiters_add(struct partition *p, struct op_list *list, struct op *op);

/* The batch of a produce is not in the log, and its client is told to send it again. */
void waiters_note_refusal(struct partition *p, const struct op *op);

/* Its request has run out of time or its connection is gone. */
void waiters_expire(struct partition_host *host, struct op *op, int16_t error);
void waiters_remove(struct op *op);

void waiters_on_written(struct partition *p);   /* acks=1 */
void waiters_on_assigned(struct partition *p);  /* A canary's: before the write is done. */
void waiters_on_watermark(struct partition *p); /* acks=all */
void waiters_on_follower(struct partition *p);  /* DeleteRecords */
void waiters_on_found(struct partition *p);     /* ListOffsets by time */
void waiters_fail_all(struct partition *p, int16_t error);
void waiters_fail_beyond(struct partition *p, int64_t end, int16_t error);

/* Fetches: count what there is for each of them and wake the groups that have enough. */
void waiters_watch(struct partition *p, struct op *op);
void waiters_recount(struct partition *p);
void waiters_wake(struct partition *p);
void waiters_wake_group(struct partition_host *host, struct op_group *group);

/* Is this a fetch of a follower that catches up, of a replica that throttles those (KIP-73)? */
bool waiters_is_throttled(const struct partition *p, const struct op *op);

#endif
