/* steps.h -- a group's core is fed here, and what it wants is carried out; writes come to their
 * end. */
#ifndef BROKER_GROUPS_STEPS_H
#define BROKER_GROUPS_STEPS_H

#include "broker/groups/types.h"

/* Feeds the core one event (its times are set here). The entry may be gone afterwards if nothing is
 * left of it. */
void entry_step(struct group_entry *e, struct group_event *event);

/* The same of a group of the consumer protocol, which the entry is. The ask (NULL: nobody's) is
 * answered when what has come of it is committed. */
void entry_consumer_step(struct group_entry *e, struct group_ask *ask,
                         struct consumer_event *event);

/* What an event of the consumer protocol says beside the request: times, settings, topics. */
void entry_fill_event(struct group_entry *e, struct consumer_event *event);

/* The entry's group of the consumer protocol, which is empty, is one of the classic protocol. */
void entry_make_way(struct group_entry *e);

/* The group, of the classic protocol, is dead for all who wait for something of it. */
void entry_kill_waiters(struct group_entry *e, int16_t error);

/* A JoinGroup that waited, and what the member is called. */
struct joiner {
    struct group_ask *ask;
    struct slice member_id; /* Its own copy. */
};

/* The same before the group changes its protocol; but whoever waits in JoinGroup is not answered:
 * it is to join what the group becomes. The caller's to free; NULL: nobody waits. */
struct joiner *entry_take_joiners(struct group_entry *e, uint32_t *count);

/* Appends what is queued and does what is committed. */
void coordinator_writes_turn(struct coordinator *c);

/* What was appended beyond `end` is lost: all who wait for it are told. */
void coordinator_lose_writes(struct coordinator *c, int64_t end, int16_t error);

/* We do not lead any more: whoever waits for a write is told, and nothing comes of it here. */
void coordinator_drop_writes(struct coordinator *c, int16_t error);

#endif
