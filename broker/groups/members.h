/* members.h -- the members of a group as a table: who is there, what all of them can do. Pure but
 * for memory; group.c decides. */
#ifndef BROKER_GROUPS_MEMBERS_H
#define BROKER_GROUPS_MEMBERS_H

#include "broker/groups/group.h"

/* What a static member was before another took its place: put back if that cannot be stored. */
struct group_swap {
    uint64_t store;
    struct slice old_id;
    struct slice told_leader; /* Who led when it joined; those who cannot skip are told so. */
    uint32_t session_timeout_ms;
    uint32_t rebalance_timeout_ms;
    uint32_t protocol_count;
    struct group_protocol *protocols;
    bool may_skip;
};

/* A member that is not there yet; it leads if it is the first. */
struct group_member *members_add(struct group *g, struct slice id, struct slice instance_id);

/* Frees it. Its asks must have been answered. If it led, the first of the others does. */
void members_remove(struct group *g, struct group_member *m);
void members_remove_all(struct group *g);

/* The member goes on under another id, in another place of the order. */
void members_rename(struct group *g, struct group_member *m, struct slice new_id);

/* What it was is of no use any more. */
void members_end_swap(struct group_member *m);

struct group_member *members_find_static(const struct group *g, struct slice instance_id);

/* Could somebody of that type with one of these protocols join them? */
bool members_accept(const struct group *g, struct slice type,
                    const struct group_protocol *protocols, uint32_t count);

/* Of the protocols that all members have, the one that most of them like best. */
struct slice members_select(const struct group *g);

uint32_t members_rebalance_timeout_ms(const struct group *g);

/* ---- Ids that were given out and not joined with. ---- */

struct group_pending *members_pending_find(const struct group *g, struct slice id);
struct group_pending *members_pending_add(struct group *g, struct slice id, uint64_t expires_ms);
void members_pending_remove(struct group *g, struct group_pending *p);

#endif
