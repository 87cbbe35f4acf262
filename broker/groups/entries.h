/* entries.h -- the groups of a coordinator as a table, and by the time at which they want a look.
 */
#ifndef BROKER_GROUPS_ENTRIES_H
#define BROKER_GROUPS_ENTRIES_H

#include "broker/groups/types.h"

/* NULL: no such group. */
struct group_entry *entry_find(const struct coordinator *c, struct slice group_id);
struct group_entry *entry_find_or_add(struct coordinator *c, struct slice group_id);
void entry_remove(struct group_entry *e);

/* Is it of the consumer protocol? */
bool entry_is_consumer(const struct group_entry *e);
bool entry_is_empty(const struct group_entry *e); /* No members: it may be deleted. */
uint32_t entry_member_count(const struct group_entry *e);
uint64_t entry_deadline(const struct group_entry *e);

/* Frees a group of which nothing is left: no members, no offsets, nothing in the log. */
void entry_drop_if_void(struct group_entry *e);

/* Its group's deadline has changed. */
void entry_set_timer(struct group_entry *e);
struct group_entry *timers_first(const struct groups *gs); /* NULL: none. */

#endif
