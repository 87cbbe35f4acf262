/* expiry.h -- what groups have left behind: offsets that nobody has asked for since
 * offsets.retention.minutes, offsets of topics that are gone, groups of which nothing is left. */
#ifndef BROKER_GROUPS_EXPIRY_H
#define BROKER_GROUPS_EXPIRY_H

#include "broker/groups/types.h"

/* Looks at all groups of a coordinator. */
void expiry_clean(struct coordinator *c);

/* A topic was deleted: nobody's offsets of it are of use. */
void expiry_forget_topic(struct coordinator *c, struct uuid topic_id);

#endif
