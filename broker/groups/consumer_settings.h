/* consumer_settings.h -- what a group of the consumer protocol is told beside requests: the topics
 * that there are, and what configurations say of it.
 */
#ifndef BROKER_GROUPS_CONSUMER_SETTINGS_H
#define BROKER_GROUPS_CONSUMER_SETTINGS_H

#include "broker/groups/types.h"

/* As the image has them now; good until the image changes. */
const struct topic_table *topics_now(struct groups *gs);

/* Of the broker, and of the group itself where it has configurations of its own. */
void settings_of(const struct groups *gs, struct slice group_id, struct consumer_settings *out);

#endif
