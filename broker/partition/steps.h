/* steps.h -- a partition's replica core is fed here, and what it wants is carried out. */
#ifndef BROKER_PARTITION_STEPS_H
#define BROKER_PARTITION_STEPS_H

#include "broker/partition/types.h"

/* Feeds the core one event (its time is set here) and carries the effects out. */
void partition_step(struct partition *p, struct replica_event *event);

/* The journal's ends are others than the core knows. */
void partition_ends_moved(struct partition *p);

/* The log starts at `offset` from now on, if it does not start later already. */
void partition_set_start(struct partition *p, int64_t offset);

/* flush.messages: as many as that do not wait for a sync. Where only what is synced counts, what
 * was written before that was so is synced as well: nothing else would do it, and neither this
 * replica nor those that wait for it would move on. */
void partition_sync_rest(struct partition *p);

/* A batch was handed to the journal. */
void partition_appended(struct partition *p);

/* Everything at and past `offset` goes, or everything: then it starts anew at `offset`. It is
 * TRUNCATING until the files have followed. */
void partition_truncate(struct partition *p, int64_t offset);
void partition_reset(struct partition *p, int64_t offset);

/* Puts it into the host's lists. */
void partition_mark_moved(struct partition *p);
void partition_mark_dirty(struct partition *p);

/* A job of the folder has come to grief: whatever lies in it is out of service (disks.h follows).
 */
void host_dir_died(struct partition_host *host, uint32_t dir, const char *why);

#endif
