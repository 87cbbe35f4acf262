/* rot.h -- what becomes of a replica that has a bad batch (journal_rot), whoever found it.
 *
 *   found --enough others are in sync--> the controllers are told that the replica here is lost
 *         (disks.h): it leaves the ISR and leadership
 *     --it asks the leader for that batch, and gets it--> cut there, and fetched again
 *     --cut, and as long again as the leader was told--> well: it joins the ISR when it has caught
 * up
 *
 * Enough are min.insync.replicas, or all others where there are not so many: as long as there are
 * fewer a follower stays what it is, since a bad batch is better than too few good ones. For a
 * leader, whom the others read from, one other is enough.
 *
 *   Used by:  the partition's shell; disks.c tells.
 */
#ifndef BROKER_PARTITION_ROT_H
#define BROKER_PARTITION_ROT_H

#include "broker/partition/types.h"

/* A bad batch may have been found, or have gone. */
void rot_look(struct partition *p);

/* Is the replica here to be given up? */
bool rot_gives_up(const struct partition *p);

/* The metadata count on it no more, so the bad batch is asked for. Which offset, or -1: it is not
 * so. */
int64_t rot_wanted(const struct partition *p);

/* The leader's answer is the batch that is bad here, and sound: where to cut. -1: it is not. */
int64_t rot_sent(const struct partition *p, const struct partition_answer *answer);

#endif
