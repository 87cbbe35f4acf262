/* subscription.h -- what a consumer's metadata say, as far as a coordinator must look: topics. */
#ifndef BROKER_GROUPS_SUBSCRIPTION_H
#define BROKER_GROUPS_SUBSCRIPTION_H

#include <stdbool.h>

#include "common/bytes.h"

/* Is the topic in this ConsumerProtocolSubscription, of any version? *is_sound: it could be read.
 */
bool subscription_has(struct slice metadata, struct slice topic, bool *is_sound);

#endif
