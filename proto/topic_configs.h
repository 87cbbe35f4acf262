/* topic_configs.h -- the keys that topics can be configured with, and where their values come from.
 *
 *   Used by:  controllers (checking what is set), brokers (obeying it, DescribeConfigs).
 *   Knows:    nothing but an image. Pure.
 *
 * A topic's value is the first of: what is set on the topic; what is set as the cluster's default
 * under the key's name on brokers (its synonym; several with different units, the finest first);
 * the built-in default of the table. The cluster's defaults live in the replicated image only,
 * under resource type 4 with the empty name: brokers that disagreed about them would lose data
 * (DESIGN 6.6).
 *
 * A few keys are each broker's own: what is set on the broker, then the cluster's default, then the
 * built-in one.
 */
#ifndef PROTO_TOPIC_CONFIGS_H
#define PROTO_TOPIC_CONFIGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/err.h"
#include "proto/meta.h"

#define CONFIG_RESOURCE_TOPIC 2
#define CONFIG_RESOURCE_BROKER 4
#define CONFIG_RESOURCE_GROUP META_CONFIG_GROUP

/* Kafka's numbers, as DescribeConfigs tells them. */
enum config_type {
    CONFIG_BOOLEAN = 1,
    CONFIG_STRING = 2,
    CONFIG_INT = 3,
    CONFIG_LONG = 5,
    CONFIG_DOUBLE = 6,
    CONFIG_LIST = 7,
};

enum config_source {
    CONFIG_FROM_TOPIC = 1,
    CONFIG_FROM_BROKER = 2,
    CONFIG_FROM_CLUSTER = 3, /* Kafka's DYNAMIC_DEFAULT_BROKER_CONFIG. */
    CONFIG_FROM_DEFAULT = 5,
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *otherwise; /* The built-in default. */
    int64_t min;           /* Of numbers. */
    int64_t max;
    const char *valid;   /* Of strings and lists: the words allowed, with commas; NULL: any. */
    const char *synonym; /* Topic keys: the name as the cluster's default; NULL: there is none. */
    int64_t scale;   /* Cluster keys of another unit: the topic's value is this many times it. */
    bool has_effect; /* False: accepted and shown, and nothing obeys it yet. */
    const char *doc;
};

/* Keys of topics, in the order of their names. */
uint32_t topic_config_count(void);
const struct config_key *topic_config_at(uint32_t index);
const struct config_key *topic_config_find(struct slice name); /* NULL: no such key. */

/* Keys that exist as the cluster's default only (num.partitions ...). */
uint32_t cluster_config_count(void);
const struct config_key *cluster_config_at(uint32_t index);

/* What may be set as the cluster's default: those, and every synonym (then the topic's row is
 * returned). NULL: no such key. */
const struct config_key *cluster_config_find(struct slice name);

/* Ours: that broker leads only where nobody else can. */
#define BROKER_DRAINED "broker.drained"

/* Keys of which each broker may have a value of its own: under its id as the name, or under the
 * empty one for all brokers that have none. NULL: no such key. */
uint32_t broker_config_count(void);
const struct config_key *broker_config_at(uint32_t index);
const struct config_key *broker_config_find(struct slice name);

/* Keys of groups: without a value of its own, a group has what its coordinator was started with. */
uint32_t group_config_count(void);
const struct config_key *group_config_at(uint32_t index);
const struct config_key *group_config_find(struct slice name); /* NULL: no such key. */

/* What a group may be given: group.consumer.min.session.timeout.ms and its fellows. */
struct group_limits {
    uint32_t session_min_ms;   /* 45000 */
    uint32_t session_max_ms;   /* 60000 */
    uint32_t heartbeat_min_ms; /* 5000 */
    uint32_t heartbeat_max_ms; /* 15000 */
};
extern const struct group_limits group_limits_default;

/* The value as it is kept: as ConfigDef in Kafka reads it, without white space around it (nor
 * around the commas of a list), and a boolean in small letters. Lies in `room`, which has
 * value.size bytes; NULL: as it came. */
struct slice config_normal(const struct config_key *key, struct slice value, char *room);

/* Is this a value of that key? 0 or -ERR_INVALID, and then `why` holds a sentence. */
#define CONFIG_WHY_SIZE 256
MUST_USE int config_check(const struct config_key *key, struct slice value,
                          char why[CONFIG_WHY_SIZE]);

/* Of a value that config_check() took: is it within the limits of a group's key? The same. */
MUST_USE int group_config_check(const struct group_limits *limits, const struct config_key *key,
                                struct slice value, char why[CONFIG_WHY_SIZE]);

/* The same of the two keys of a topic that are about each other; 0 <= both. */
#define CONFIG_MIN_LAG "min.compaction.lag.ms"
#define CONFIG_MAX_LAG "max.compaction.lag.ms"
MUST_USE int config_check_lags(int64_t min_ms, int64_t max_ms, char why[CONFIG_WHY_SIZE]);

/* Of a value that config_check() took: is it within the limits of a group's key? The same. */
MUST_USE int group_config_check(const struct group_limits *limits, const struct config_key *key,
                                struct slice value, char why[CONFIG_WHY_SIZE]);

struct config_value {
    const char *text; /* Of the image, of the table, or in `scratch`: do not copy the struct. */
    enum config_source source;
    const char *from_key; /* The name under which it was found. */
    char scratch[24];
};

/* The value in force. `topic` may be NULL: for a topic that has nothing set of its own. */
void topic_config_value(const struct meta_image *image, const char *topic,
                        const struct config_key *key, struct config_value *out);
void cluster_config_value(const struct meta_image *image, const struct config_key *key,
                          struct config_value *out);
void broker_config_value(const struct meta_image *image, int32_t broker,
                         const struct config_key *key, struct config_value *out);

/* The same for keys that the caller knows to exist. Booleans are 0 and 1. */
int64_t topic_config_number(const struct meta_image *image, const char *topic, const char *name);
int64_t cluster_config_number(const struct meta_image *image, const char *name);
int64_t broker_config_number(const struct meta_image *image, int32_t broker, const char *name);

/* Does a list of throttled replicas ("*", or PARTITION:BROKER with commas) name this one? */
bool throttled_replicas_have(const char *list, int32_t partition, int32_t broker);

/* The number in a value that config_check() has let through. */
int64_t config_number(const struct config_key *key, const char *text);

/* How many in-sync replicas the partition needs before anything is committed (DESIGN 6.6): no more
 * than it has replicas. */
uint32_t topic_min_isr(const struct meta_image *image, const char *topic, uint32_t replica_count);

#endif
