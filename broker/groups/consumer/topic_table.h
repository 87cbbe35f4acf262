/* topic_table.h -- the topics that there are, as groups of the consumer protocol see them: names,
 * ids and numbers of partitions. Pure but for memory.
 *
 *   Owns:     copies of the names.
 *   Used by:  the core of those groups; the coordinators of a shard share one.
 *
 * The version rises whenever something in it has changed.
 */
#ifndef BROKER_GROUPS_CONSUMER_TOPIC_TABLE_H
#define BROKER_GROUPS_CONSUMER_TOPIC_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

struct known_topic {
    struct slice name; /* Owned by the table. */
    struct uuid id;
    uint32_t partition_count;
};

/* Zeroed is empty. */
struct topic_table {
    uint64_t version;
    uint32_t count;
    uint32_t capacity;
    struct known_topic *topics; /* In order of their names. */
    uint32_t *by_id;            /* Places in `topics`, in order of ids. */
};

/* Empties it; topics are added in any order; what was added is found after topic_table_end(). */
void topic_table_begin(struct topic_table *t);
void topic_table_add(struct topic_table *t, struct slice name, struct uuid id,
                     uint32_t partition_count);
void topic_table_end(struct topic_table *t, uint64_t version);

const struct known_topic *topic_table_by_name(const struct topic_table *t, struct slice name);
const struct known_topic *topic_table_by_id(const struct topic_table *t, struct uuid id);

void topic_table_close(struct topic_table *t);

#endif
