/* steps.h -- a group's core is fed here, and what it wants is carried out; writes come to their
 * end. */
#ifndef BROKER_GROUPS_STEPS_H
#define BROKER_GROUPS_STEPS_H

#include "broker/groups/types.h"

/* Feeds the core one event (its times are set here). The entry may be gone afterwards if nothing is
 * left of it. */
void entry_step(struct group_entry *e, struct group_event *event);

/* Appends what is queued and does what is committed. */
void coordinator_writes_turn(struct coordinator *c);

/* What was appended beyond `end` is lost: all who wait for it are told. */
void coordinator_lose_writes(struct coordinator *c, int64_t end, int16_t error);

/* We do not lead any more: whoever waits for a write is told, and nothing comes of it here. */
void coordinator_drop_writes(struct coordinator *c, int16_t error);

#endif
