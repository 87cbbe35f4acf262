/* requests.h -- what groups are asked: one function per API, at the shard that owns them. Each
 * answers the ask, now or when what it wrote is committed. */
#ifndef BROKER_GROUPS_REQUESTS_H
#define BROKER_GROUPS_REQUESTS_H

#include "broker/groups/types.h"

/* requests_members.c */
void request_join_group(struct groups *gs, struct group_ask *ask);
void request_join_as(struct groups *gs, struct group_ask *ask, struct slice member_id);
void request_sync_group(struct groups *gs, struct group_ask *ask);
void request_heartbeat(struct groups *gs, struct group_ask *ask);
void request_leave_group(struct groups *gs, struct group_ask *ask);

/* requests_consumers.c */
void request_consumer_heartbeat(struct groups *gs, struct group_ask *ask);
void request_consumer_describe(struct groups *gs, struct group_ask *ask);

/* requests_offsets.c */
void request_offset_commit(struct groups *gs, struct group_ask *ask);
void request_offset_fetch(struct groups *gs, struct group_ask *ask);
void request_offset_delete(struct groups *gs, struct group_ask *ask);

/* requests_groups.c */
void request_list_groups(struct groups *gs, struct group_ask *ask);
void request_describe_groups(struct groups *gs, struct group_ask *ask);
void request_delete_groups(struct groups *gs, struct group_ask *ask);

#endif
