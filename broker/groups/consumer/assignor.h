/* assignor.h -- who is to have which partitions: Kafka's server-side assignors. Pure but for
 * memory.
 *
 *   uniform   as many for each as for the others, give or take one, and as few moves as that allows
 *   range     a contiguous range of each topic, the same for all topics of the same size
 *
 * Every partition of every topic that somebody subscribes to gets exactly one owner, who subscribes
 * to its topic. The same spec gives the same result.
 */
#ifndef BROKER_GROUPS_CONSUMER_ASSIGNOR_H
#define BROKER_GROUPS_CONSUMER_ASSIGNOR_H

#include <stdint.h>

#include "broker/groups/consumer/part_set.h"
#include "common/bytes.h"

struct assign_topic {
    struct uuid id;
    uint32_t partition_count;
};

struct assign_member {
    struct slice id;
    struct slice instance_id; /* Absent: a dynamic member. */
    uint32_t topic_count;
    const uint32_t *topics;        /* Places in the spec's topics, rising. */
    const struct part_set *before; /* Its target so far. */
    struct part_set after;         /* The result. */
};

struct assign_spec {
    uint32_t topic_count;
    const struct assign_topic *topics; /* In order of their ids. */
    uint32_t member_count;
    struct assign_member *members; /* In order of their ids. */
};

enum assignor_kind { ASSIGNOR_UNIFORM, ASSIGNOR_RANGE, ASSIGNOR_COUNT };

const char *assignor_name(enum assignor_kind kind);

/* False: no such assignor here. */
bool assignor_find(struct slice name, enum assignor_kind *out);

void assign(enum assignor_kind kind, struct assign_spec *spec);

#endif
