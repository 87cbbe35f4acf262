/* protocols.h -- what a member of the classic protocol offers: names and metadata, in its order of
 * preference. Whoever has such a list owns the bytes.
 */
#ifndef BROKER_GROUPS_PROTOCOLS_H
#define BROKER_GROUPS_PROTOCOLS_H

#include "broker/groups/group.h"

/* A copy takes the place of the list. */
void protocols_set(struct group_protocol **list, uint32_t *list_count,
                   const struct group_protocol *from, uint32_t count);

/* None are left. */
void protocols_clear(struct group_protocol **list, uint32_t *list_count);

/* The same names with the same metadata, in the same order. */
bool protocols_equal(const struct group_protocol *a, uint32_t a_count,
                     const struct group_protocol *b, uint32_t b_count);

#endif
