/* throttles.h -- how fast replicas of this broker may catch up, as the metadata say (KIP-73). */
#ifndef BROKER_THROTTLES_H
#define BROKER_THROTTLES_H

#include "broker/state.h"

/* After the image has changed. The rates are the broker's, and shards share nothing: each takes the
 * part that its partitions are of all those that are throttled and catch up. */
void throttles_on_image(struct shard *s);

#endif
