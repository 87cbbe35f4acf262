/* graves.h -- what becomes of the folders of deleted topics.
 *
 * A topic that was deleted can come back for a while (controller/decide/retired.h). Its partitions
 * stop, and their folders are renamed to Kafka's form for what is to be deleted,
 * TOPIC-PARTITION.ID-delete, where ID is the topic's. When the metadata say that the deletion is
 * final they are removed, and not before; when the topic comes back, whoever opens its partitions
 * finds them (partition/folder.h). What a broker missed while it was down is made up for when it
 * has heard everything.
 *
 *   Used by:  the shard. Each one removes what it owned; the first one looks for what is left over.
 */
#ifndef BROKER_GRAVES_H
#define BROKER_GRAVES_H

#include "broker/state.h"

#define GRAVES_JOB_KIND 0x47520000u

/* Is its deletion final: neither a topic nor one that can come back? */
bool graves_is_final(const struct shard *s, struct uuid topic_id);

/* The folders that this shard owned go, but for those of partitions that are still leaving them:
 * each of them says so when it has. */
void graves_remove(struct shard *s, struct uuid topic_id, const char *topic, int32_t first,
                   uint32_t count);

/* Which of log.dirs holds it; DIR_NONE: nothing is known of it. */
uint32_t graves_find(const struct shard *s, struct uuid topic_id, const char *topic,
                     int32_t number);

/* The metadata are known as they are now: folders of topics that are gone for good go. */
void graves_sweep(struct shard *s);

void graves_on_job(struct shard *s, struct job *job);
void graves_close(struct shard *s);

#endif
