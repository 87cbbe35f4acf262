/* preferences.h -- where an operator wants replicas that are not here yet (AlterReplicaLogDirs
 * before a reassignment, as Kafka's tools do): in memory, until the broker ends. */
#ifndef BROKER_PREFERENCES_H
#define BROKER_PREFERENCES_H

#include "broker/state.h"

#define PREFERENCES_MAX 100000u /* Of a shard; more are forgotten at once. */

void preferences_note(struct shard *s, struct uuid topic_id, int32_t partition, uint32_t dir);

/* Which of log.dirs, and forgets it. DIR_NONE: nobody has said. */
uint32_t preferences_take(struct shard *s, struct uuid topic_id, int32_t partition);

void preferences_close(struct shard *s);

#endif
