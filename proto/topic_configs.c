/* The table of topic configurations, and where a value comes from. */
#include "proto/topic_configs.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"

#define DAY_MS "86400000"
#define WEEK_MS "604800000"
#define MAX_I64 "9223372036854775807"

/* What a list of throttled replicas may consist of, for people; whose key has it is such a list. */
static const char REPLICAS[] = "PARTITION:BROKER or *";

/* clang-format off */
/*    name, type, default, min, max, words allowed, synonym, obeyed, text */
#define TOPIC_CONFIGS(X) \
    X("cleanup.policy", LIST, "delete", 0, 0, "compact,delete", "log.cleanup.policy", true, \
      "delete: old segments go. compact: only the last record of each key stays.") \
    X("compression.gzip.level", INT, "-1", -1, 9, NULL, "compression.gzip.level", true, \
      "level of gzip when batches are compressed anew; -1 is zlib's own choice") \
    X("compression.lz4.level", INT, "9", 1, 17, NULL, "compression.lz4.level", true, \
      "level of lz4 when batches are compressed anew") \
    X("compression.type", STRING, "producer", 0, 0, "uncompressed,zstd,lz4,snappy,gzip,producer", \
      "compression.type", true, "how batches are stored; producer: as they came") \
    X("compression.zstd.level", INT, "3", -131072, 22, NULL, "compression.zstd.level", true, \
      "level of zstd when batches are compressed anew") \
    X("delete.retention.ms", LONG, DAY_MS, 0, INT64_MAX, NULL, "log.cleaner.delete.retention.ms", \
      true, "how long a compacted topic keeps tombstones") \
    X("file.delete.delay.ms", LONG, "60000", 0, INT64_MAX, NULL, "log.segment.delete.delay.ms", \
      true, "how long the file of a deleted segment stays") \
    X("flush.messages", LONG, MAX_I64, 1, INT64_MAX, NULL, "log.flush.interval.messages", true, \
      "so many records wait for a sync at the most; 1: every write is synced before it counts") \
    X("flush.ms", LONG, MAX_I64, 0, INT64_MAX, NULL, "log.flush.interval.ms", true, \
      "what is written is synced after so long, to a tenth of a second") \
    X("follower.replication.throttled.replicas", LIST, "", 0, 0, REPLICAS, NULL, true, \
      "replicas that fetch no faster than follower.replication.throttled.rate until they are in " \
      "sync: PARTITION:BROKER,... or *") \
    X("index.interval.bytes", INT, "4096", 0, INT32_MAX, NULL, "log.index.interval.bytes", true, \
      "an entry of the offset index for each so many bytes") \
    X("leader.replication.throttled.replicas", LIST, "", 0, 0, REPLICAS, NULL, true, \
      "replicas that are read no faster than leader.replication.throttled.rate by followers that " \
      "are not in sync: PARTITION:BROKER,... or *") \
    X("max.compaction.lag.ms", LONG, MAX_I64, 1, INT64_MAX, NULL, \
      "log.cleaner.max.compaction.lag.ms", true, "compaction waits for a record no longer") \
    X("max.message.bytes", INT, "1048588", 0, INT32_MAX, NULL, "message.max.bytes", true, \
      "the largest batch that a producer may send") \
    X("message.timestamp.after.max.ms", LONG, "3600000", 0, INT64_MAX, NULL, \
      "log.message.timestamp.after.max.ms", true, "how far in the future a timestamp may be") \
    X("message.timestamp.before.max.ms", LONG, MAX_I64, 0, INT64_MAX, NULL, \
      "log.message.timestamp.before.max.ms", true, "how far in the past a timestamp may be") \
    X("message.timestamp.type", STRING, "CreateTime", 0, 0, "CreateTime,LogAppendTime", \
      "log.message.timestamp.type", true, "whose clock stamps records: the producer's or ours") \
    X("min.cleanable.dirty.ratio", DOUBLE, "0.5", 0, 1, NULL, "log.cleaner.min.cleanable.ratio", \
      true, "compaction begins when so much of the log is new") \
    X("min.compaction.lag.ms", LONG, "0", 0, INT64_MAX, NULL, "log.cleaner.min.compaction.lag.ms", \
      true, "records younger than this are not compacted") \
    X("min.insync.replicas", INT, "2", 1, INT32_MAX, NULL, "min.insync.replicas", true, \
      "acks=all needs so many in-sync replicas (or all, where there are fewer)") \
    X("preallocate", BOOLEAN, "false", 0, 1, "false", "log.preallocate", true, \
      "segment files grow as they are written, and never get their full size at once") \
    X("retention.bytes", LONG, "-1", -1, INT64_MAX, NULL, "log.retention.bytes", true, \
      "a partition keeps no more than this; -1: as much as there is") \
    X("retention.ms", LONG, WEEK_MS, -1, INT64_MAX, NULL, "log.retention.ms", true, \
      "records are kept for so long; -1: for ever") \
    X("segment.bytes", INT, "1073741824", 14, INT32_MAX, NULL, "log.segment.bytes", true, \
      "a segment file that has grown to this is closed") \
    X("segment.index.bytes", INT, "10485760", 4, INT32_MAX, NULL, "log.index.size.max.bytes",  \
      true,                                                                                       \
      "a segment whose index has grown to this is closed") \
    X("segment.jitter.ms", LONG, "0", 0, INT64_MAX, NULL, "log.roll.jitter.ms", true, \
      "segment.ms is shortened at random by up to this") \
    X("segment.ms", LONG, WEEK_MS, 1, INT64_MAX, NULL, "log.roll.ms", true, \
      "a segment file that is older than this is closed") \
    X("unclean.leader.election.enable", BOOLEAN, "false", 0, 1, "false", \
      "unclean.leader.election.enable", true, \
      "a replica that lacks acknowledged records leads only when asked for: jackdaw partitions " \
      "recover, or an unclean election by kafka-leader-election")

static const struct config_key topic_keys[] = {
#define X(name_, type_, default_, min_, max_, valid_, synonym_, obeyed_, doc_) \
    {.name = name_, .type = CONFIG_##type_, .otherwise = default_, .min = min_, .max = max_, \
     .valid = valid_, .synonym = synonym_, .scale = 1, .has_effect = obeyed_, .doc = doc_},
    TOPIC_CONFIGS(X)
#undef X
};

/* Of the same quantity the finer unit stands before the coarser one, and wins. */
static const struct config_key cluster_keys[] = {
    {"auto.create.topics.enable", CONFIG_BOOLEAN, "true", 0, 1, NULL, NULL, 1, true,
     "a topic that a client asks for comes into being"},
    {"default.replication.factor", CONFIG_INT, "3", 1, META_REPLICAS_MAX, NULL, NULL, 1, true,
     "replicas of a topic whose creator does not say how many"},
    {"log.retention.minutes", CONFIG_LONG, "-1", -1, INT64_MAX / 60000, NULL, "retention.ms", 60000,
     true, "retention.ms in minutes; log.retention.ms wins"},
    {"log.retention.hours", CONFIG_LONG, "168", -1, INT64_MAX / 3600000, NULL, "retention.ms",
     3600000, true, "retention.ms in hours; log.retention.ms and .minutes win"},
    {"log.roll.hours", CONFIG_LONG, "168", 1, INT64_MAX / 3600000, NULL, "segment.ms", 3600000,
     true,
     "segment.ms in hours; log.roll.ms wins"},
    {"log.roll.jitter.hours", CONFIG_LONG, "0", 0, INT64_MAX / 3600000, NULL, "segment.jitter.ms",
     3600000, true, "segment.jitter.ms in hours; log.roll.jitter.ms wins"},
    {"num.partitions", CONFIG_INT, "1", 1, INT32_MAX, NULL, NULL, 1, true,
     "partitions of a topic whose creator does not say how many"},
};

static const struct config_key broker_keys[] = {
    {BROKER_DRAINED, CONFIG_BOOLEAN, "false", 0, 1, NULL, NULL, 1, true,
     "the broker goes on as a follower and leads only where nobody else can"},
    {"follower.replication.throttled.rate", CONFIG_LONG, MAX_I64, 0, INT64_MAX, NULL, NULL, 1, true,
     "bytes per second that this broker fetches for replicas that are throttled"},
    {"leader.replication.throttled.rate", CONFIG_LONG, MAX_I64, 0, INT64_MAX, NULL, NULL, 1, true,
     "bytes per second that this broker sends of replicas that are throttled"},
    {"replica.alter.log.dirs.io.max.bytes.per.second", CONFIG_LONG, MAX_I64, 0, INT64_MAX, NULL,
     NULL, 1, true, "bytes per second of replicas that move from one of log.dirs to another"},
};

static const struct config_key group_keys[] = {
    {"consumer.heartbeat.interval.ms", CONFIG_INT, "5000", 1, INT32_MAX, NULL,
     "group.consumer.heartbeat.interval.ms", 1, true,
     "between heartbeats of members of the consumer protocol, within the broker's bounds"},
    {"consumer.session.timeout.ms", CONFIG_INT, "45000", 1, INT32_MAX, NULL,
     "group.consumer.session.timeout.ms", 1, true,
     "a member of the consumer protocol that is silent for so long is out, within the broker's "
     "bounds"},
};
/* clang-format on */

#define GROUP_COUNT (uint32_t)(sizeof group_keys / sizeof group_keys[0])
#define BROKER_COUNT (uint32_t)(sizeof broker_keys / sizeof broker_keys[0])
#define TOPIC_COUNT (uint32_t)(sizeof topic_keys / sizeof topic_keys[0])
#define CLUSTER_COUNT (uint32_t)(sizeof cluster_keys / sizeof cluster_keys[0])

static const struct config_key *find(const struct config_key *keys, uint32_t count,
                                     struct slice name)
{
    if (name.at == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(name, slice_of_text(keys[i].name))) return &keys[i];
    }
    return NULL;
}

uint32_t topic_config_count(void)
{
    return TOPIC_COUNT;
}

const struct config_key *topic_config_at(uint32_t index)
{
    CHECK(index < TOPIC_COUNT);
    return &topic_keys[index];
}

uint32_t cluster_config_count(void)
{
    return CLUSTER_COUNT;
}

const struct config_key *cluster_config_at(uint32_t index)
{
    CHECK(index < CLUSTER_COUNT);
    return &cluster_keys[index];
}

const struct config_key *topic_config_find(struct slice name)
{
    return find(topic_keys, TOPIC_COUNT, name);
}

const struct config_key *cluster_config_find(struct slice name)
{
    const struct config_key *key = find(cluster_keys, CLUSTER_COUNT, name);
    if (key != NULL || name.at == NULL) return key;

    for (uint32_t i = 0; i < TOPIC_COUNT; i++) {
        const char *synonym = topic_keys[i].synonym;
        if (synonym != NULL && slice_equal(name, slice_of_text(synonym))) return &topic_keys[i];
    }
    return NULL;
}

uint32_t broker_config_count(void)
{
    return BROKER_COUNT;
}

const struct config_key *broker_config_at(uint32_t index)
{
    CHECK(index < BROKER_COUNT);
    return &broker_keys[index];
}

const struct config_key *broker_config_find(struct slice name)
{
    return find(broker_keys, BROKER_COUNT, name);
}

uint32_t group_config_count(void)
{
    return GROUP_COUNT;
}

const struct config_key *group_config_at(uint32_t index)
{
    CHECK(index < GROUP_COUNT);
    return &group_keys[index];
}

const struct config_key *group_config_find(struct slice name)
{
    return find(group_keys, GROUP_COUNT, name);
}

/* ---- Values. ---- */

static bool has_word(const char *words, struct slice word)
{
    while (*words != 0) {
        size_t size = strcspn(words, ",");
        if (slice_equal(word, slice_of(words, size))) return true;
        words += size + (words[size] == ',');
    }
    return false;
}

/* Takes a number off a text. False: it does not begin with one. */
static bool take_number(struct slice *text, int64_t *number)
{
    size_t size = 0;
    while (size < text->size && text->at[size] >= '0' && text->at[size] <= '9') size++;
    if (!text_to_i64(slice_of(text->at, size), number) || *number > INT32_MAX) return false;

    *text = slice_of(text->at + size, text->size - size);
    return true;
}

static bool take_char(struct slice *text, char c)
{
    if (text->size == 0 || text->at[0] != (uint8_t)c) return false;

    *text = slice_of(text->at + 1, text->size - 1);
    return true;
}

static bool take_replica(struct slice *list, int64_t *partition, int64_t *broker)
{
    return take_number(list, partition) && take_char(list, ':') && take_number(list, broker);
}

static bool replicas_are_valid(struct slice list)
{
    if (slice_equal(list, slice_of_text("*"))) return true;

    int64_t partition, broker;
    while (take_replica(&list, &partition, &broker)) {
        if (list.size == 0) return true;
        if (!take_char(&list, ',')) return false;
    }
    return false;
}

bool throttled_replicas_have(const char *list, int32_t partition, int32_t broker)
{
    struct slice rest = slice_of_text(list);
    if (slice_equal(rest, slice_of_text("*"))) return true;

    int64_t p, b;
    while (take_replica(&rest, &p, &b)) {
        if (p == partition && b == broker) return true;
        if (!take_char(&rest, ',')) return false;
    }
    return false;
}

static bool list_is_valid(const char *words, struct slice list)
{
    if (words == NULL || list.size == 0) return true;
    if (words == REPLICAS) return replicas_are_valid(list);
    while (true) {
        const uint8_t *comma = memchr(list.at, ',', list.size);
        size_t size = comma == NULL ? list.size : (size_t)(comma - list.at);
        if (!has_word(words, slice_of(list.at, size))) return false;
        if (comma == NULL) return true;
        list = slice_of(comma + 1, list.size - size - 1);
    }
}

/* A plain decimal number in [0, 1]: no floating point takes part in a decision. */
static bool is_ratio(struct slice text)
{
    size_t dots = 0;
    size_t digits = 0;
    bool is_fraction_zero = true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.at[i];
        if (c == '.') {
            dots++;
        } else if (c >= '0' && c <= '9') {
            digits++;
            if (dots > 0 && c != '0') is_fraction_zero = false;
        } else {
            return false;
        }
    }
    if (dots > 1 || digits == 0) return false;
    if (text.at[0] == '0' || text.at[0] == '.') return text.size == 1 || dots == 1;
    return text.at[0] == '1' && is_fraction_zero && (text.size == 1 || text.at[1] == '.');
}

static bool value_fits(const struct config_key *key, struct slice value)
{
    int64_t number;
    switch (key->type) {
    case CONFIG_BOOLEAN: return has_word(key->valid != NULL ? key->valid : "true,false", value);
    case CONFIG_INT:
    case CONFIG_LONG:
        if (!text_to_i64(value, &number)) return false;
        return number >= key->min && number <= key->max;
    case CONFIG_DOUBLE: return is_ratio(value);
    case CONFIG_LIST: return list_is_valid(key->valid, value);
    case CONFIG_STRING: return key->valid == NULL || has_word(key->valid, value);
    }
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice config_normal(const struct config_key *key, struct slice value, char *room)
{
    if (value.at == NULL || room == NULL) return value;

    while (value.size > 0 && is_space(value.at[0])) value = slice_of(value.at + 1, value.size - 1);
    while (value.size > 0 && is_space(value.at[value.size - 1])) value.size--;
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++) {
        char c = (char)value.at[i];
        if (key->type == CONFIG_LIST && is_space((uint8_t)c)) continue;
        if (key->type == CONFIG_BOOLEAN && c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        room[size++] = c;
    }
    return slice_of(room, size);
}

int config_check(const struct config_key *key, struct slice value, char why[CONFIG_WHY_SIZE])
{
    if (value.at != NULL && value.size <= META_VALUE_MAX && value_fits(key, value)) return 0;

    int size = (int)(value.size > 60 ? 60 : value.size);
    const char *at = value.at == NULL ? "" : (const char *)value.at;
    if (key->type == CONFIG_BOOLEAN && key->valid != NULL)
        (void)snprintf(why, CONFIG_WHY_SIZE, "%s=%.*s is refused: %s", key->name, size, at,
                       key->doc);
    else if (key->valid != NULL || key->type == CONFIG_BOOLEAN)
        (void)snprintf(why, CONFIG_WHY_SIZE, "Invalid value %.*s for configuration %s: it is %s %s",
                       size, at, key->name, key->type == CONFIG_LIST ? "a list of" : "one of",
                       key->valid != NULL ? key->valid : "true,false");
    else if (key->type == CONFIG_INT || key->type == CONFIG_LONG)
        (void)snprintf(why, CONFIG_WHY_SIZE,
                       "Invalid value %.*s for configuration %s: it is a number from %lld to %lld",
                       size, at, key->name, (long long)key->min, (long long)key->max);
    else
        (void)snprintf(why, CONFIG_WHY_SIZE, "Invalid value %.*s for configuration %s", size, at,
                       key->name);
    return -ERR_INVALID;
}

const struct group_limits group_limits_default = {45000, 60000, 5000, 15000};

int group_config_check(const struct group_limits *limits, const struct config_key *key,
                       struct slice value, char why[CONFIG_WHY_SIZE])
{
    bool is_session = strcmp(key->name, "consumer.session.timeout.ms") == 0;
    const char *what = is_session ? "session.timeout.ms" : "heartbeat.interval.ms";
    uint32_t min = is_session ? limits->session_min_ms : limits->heartbeat_min_ms;
    uint32_t max = is_session ? limits->session_max_ms : limits->heartbeat_max_ms;
    int64_t number = 0;
    bool is_number = text_to_i64(value, &number);
    CHECK(is_number);
    if (number >= min && number <= max) return 0;

    /* As Kafka says it. */
    bool is_low = number < min;
    (void)snprintf(why, CONFIG_WHY_SIZE, "%s must be %s than or equal to group.consumer.%s.%s (%u)",
                   key->name, is_low ? "greater" : "less", is_low ? "min" : "max", what,
                   is_low ? min : max);
    return -ERR_INVALID;
}

int config_check_lags(int64_t min_ms, int64_t max_ms, char why[CONFIG_WHY_SIZE])
{
    if (min_ms <= max_ms) return 0;
    (void)snprintf(why, CONFIG_WHY_SIZE,
                   CONFIG_MIN_LAG " (%lld) > " CONFIG_MAX_LAG
                                  " (%lld): a record would have to stay and to go",
                   (long long)min_ms, (long long)max_ms);
    return -ERR_INVALID;
}

int64_t config_number(const struct config_key *key, const char *text)
{
    if (key->type == CONFIG_BOOLEAN) return strcmp(text, "true") == 0;
    CHECK(key->type == CONFIG_INT || key->type == CONFIG_LONG);

    int64_t number = 0;
    CHECK(text_to_i64(slice_of_text(text), &number));
    return number;
}

/* ---- Where they come from. ---- */

static bool take_cluster_default(const struct meta_image *image, const struct config_key *key,
                                 const char *name, struct config_value *out)
{
    const char *text = meta_config_find(image, CONFIG_RESOURCE_BROKER, "", name);
    if (text == NULL) return false;

    *out = (struct config_value){.text = text, .source = CONFIG_FROM_CLUSTER, .from_key = name};
    int64_t number;
    if (key->scale != 1 && text_to_i64(slice_of_text(text), &number) && number > 0) {
        (void)snprintf(out->scratch, sizeof out->scratch, "%lld", (long long)(number * key->scale));
        out->text = out->scratch;
    }
    return true;
}

void topic_config_value(const struct meta_image *image, const char *topic,
                        const struct config_key *key, struct config_value *out)
{
    const char *own = topic == NULL || topic[0] == 0
                          ? NULL
                          : meta_config_find(image, CONFIG_RESOURCE_TOPIC, topic, key->name);
    if (own != NULL) {
        *out =
            (struct config_value){.text = own, .source = CONFIG_FROM_TOPIC, .from_key = key->name};
        return;
    }
    if (key->synonym != NULL && take_cluster_default(image, key, key->synonym, out)) return;
    for (uint32_t i = 0; i < CLUSTER_COUNT; i++) {
        const struct config_key *other = &cluster_keys[i];
        if (other->synonym == NULL || strcmp(other->synonym, key->name) != 0) continue;
        if (take_cluster_default(image, other, other->name, out)) return;
    }
    *out = (struct config_value){
        .text = key->otherwise, .source = CONFIG_FROM_DEFAULT, .from_key = key->name};
}

void cluster_config_value(const struct meta_image *image, const struct config_key *key,
                          struct config_value *out)
{
    const char *text = meta_config_find(image, CONFIG_RESOURCE_BROKER, "", key->name);
    *out = (struct config_value){.text = text != NULL ? text : key->otherwise,
                                 .source = text != NULL ? CONFIG_FROM_CLUSTER : CONFIG_FROM_DEFAULT,
                                 .from_key = key->name};
}

void broker_config_value(const struct meta_image *image, int32_t broker,
                         const struct config_key *key, struct config_value *out)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", broker);
    const char *own = meta_config_find(image, CONFIG_RESOURCE_BROKER, name, key->name);
    if (own == NULL) {
        cluster_config_value(image, key, out);
        return;
    }
    *out = (struct config_value){.text = own, .source = CONFIG_FROM_BROKER, .from_key = key->name};
}

int64_t broker_config_number(const struct meta_image *image, int32_t broker, const char *name)
{
    const struct config_key *key = broker_config_find(slice_of_text(name));
    CHECK(key != NULL);

    struct config_value value;
    broker_config_value(image, broker, key, &value);
    return config_number(key, value.text);
}

int64_t topic_config_number(const struct meta_image *image, const char *topic, const char *name)
{
    const struct config_key *key = topic_config_find(slice_of_text(name));
    CHECK(key != NULL);

    struct config_value value;
    topic_config_value(image, topic, key, &value);
    return config_number(key, value.text);
}

int64_t cluster_config_number(const struct meta_image *image, const char *name)
{
    const struct config_key *key = cluster_config_find(slice_of_text(name));
    CHECK(key != NULL && strcmp(key->name, name) == 0);

    struct config_value value;
    cluster_config_value(image, key, &value);
    return config_number(key, value.text);
}

uint32_t topic_min_isr(const struct meta_image *image, const char *topic, uint32_t replica_count)
{
    int64_t wanted = topic_config_number(image, topic, "min.insync.replicas");
    CHECK(wanted >= 1);
    return wanted < (int64_t)replica_count ? (uint32_t)wanted : replica_count;
}
