#include <stdio.h>
#include <string.h>

#include "broker/api/handlers.h"
#include "common/check.h"
#include "proto/config.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_configs.h"
#include "proto/topic_names.h"

/* The wire's header and the table's both tag an enum with each of these names. The numbers are the
 * same; the table's get other tags here. */
#define config_type table_config_type
#define config_source table_config_source
#include "proto/topic_configs.h"
#undef config_type
#undef config_source

#define SYNONYMS_MAX 3
#define MADE_MAX 6 /* Rows that are made of the options. */

/* The rows of one resource as they are collected. */
struct rows {
    struct shard *s;
    const struct describe_configs_request *request;
    const struct describe_configs_request_resource *resource;
    struct describe_configs_response_config *items;
    int32_t count;
    int32_t capacity;
    bool is_full; /* The scratch memory is. */
};

/* A list without keys asks for all of them, as a null list does: some clients send it so. */
static bool is_wanted(const struct rows *rows, const char *name)
{
    const struct slice *keys = rows->resource->configuration_keys.items;
    int32_t count = rows->resource->configuration_keys.count;
    for (int32_t i = 0; i < count; i++) {
        if (slice_equal(keys[i], slice_of_text(name))) return true;
    }
    return count <= 0;
}

static bool rows_begin(struct rows *rows, uint32_t capacity)
{
    rows->items = arena_take(&rows->s->scratch, capacity, sizeof *rows->items);
    rows->capacity = (int32_t)capacity;
    rows->is_full = rows->items == NULL;
    return !rows->is_full;
}

static struct describe_configs_response_config *add_row(struct rows *rows, const char *name,
                                                        const char *value, int8_t source)
{
    if (rows->count == rows->capacity) rows->is_full = true;
    if (rows->is_full) return NULL;

    struct describe_configs_response_config *row = &rows->items[rows->count++];
    kafka_defaults(&schema_describe_configs_response_config, row);
    row->name = slice_of_text(name);
    row->value = slice_of_text(value);
    row->config_source = source;
    row->documentation = (struct slice){0};
    return row;
}

static void add_synonym(struct describe_configs_response_config *row, const char *name,
                        const char *value, int8_t source)
{
    struct describe_configs_response_synonym *items = row->synonyms.items;
    items[row->synonyms.count++] = (struct describe_configs_response_synonym){
        .name = slice_of_text(name), .value = slice_of_text(value), .source = source};
}

static bool begin_synonyms(struct rows *rows, struct describe_configs_response_config *row)
{
    if (!rows->request->include_synonyms) return false;

    row->synonyms.items = arena_take(&rows->s->scratch, SYNONYMS_MAX,
                                     sizeof(struct describe_configs_response_synonym));
    row->synonyms.count = 0;
    rows->is_full |= row->synonyms.items == NULL;
    return row->synonyms.items != NULL;
}

static void describe_key(const struct rows *rows, const struct config_key *key,
                         struct describe_configs_response_config *row)
{
    row->config_type = (int8_t)key->type;
    if (rows->request->include_documentation) row->documentation = slice_of_text(key->doc);
}

/* Values live as long as the answer: a converted one is text inside of the struct itself. */
static struct config_value *new_value(struct rows *rows)
{
    struct config_value *value = arena_take(&rows->s->scratch, 1, sizeof *value);
    rows->is_full |= value == NULL;
    return value;
}

/* ---- Topics ---- */

static void add_topic_row(struct rows *rows, const char *topic, const struct config_key *key)
{
    struct config_value *value = new_value(rows);
    struct config_value *below = new_value(rows);
    if (rows->is_full) return;
    topic_config_value(&rows->s->image, topic, key, value);
    topic_config_value(&rows->s->image, NULL, key, below);

    struct describe_configs_response_config *row =
        add_row(rows, key->name, value->text, (int8_t)value->source);
    if (row == NULL) return;
    describe_key(rows, key, row);
    if (!begin_synonyms(rows, row)) return;
    if (value->source == CONFIG_FROM_TOPIC) {
        add_synonym(row, key->name, value->text, CONFIG_SOURCE_TOPIC);
    }
    if (below->source == CONFIG_FROM_CLUSTER) {
        add_synonym(row, below->from_key, below->text, CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER);
    }
    add_synonym(row, key->synonym != NULL ? key->synonym : key->name, key->otherwise,
                CONFIG_SOURCE_DEFAULT);
}

static void fill_topic(struct rows *rows, struct describe_configs_response_result *out)
{
    const struct meta_topic *topic =
        meta_topic_by_name(&rows->s->image, rows->resource->resource_name);
    if (topic == NULL) {
        const char *fault = topic_name_fault(rows->resource->resource_name);
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        if (fault != NULL) out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        out->error_message =
            slice_of_text(fault != NULL ? fault : kafka_error_text(out->error_code));
        return;
    }
    uint32_t count = topic_config_count();
    if (!rows_begin(rows, count)) return;
    for (uint32_t i = 0; i < count; i++) {
        const struct config_key *key = topic_config_at(i);
        if (is_wanted(rows, key->name)) add_topic_row(rows, topic->name, key);
    }
}

/* ---- Brokers ---- */

/* What holds for topics that say nothing of their own, under its name as the cluster's default. */
static void add_cluster_row(struct rows *rows, const struct config_key *key, const char *name,
                            bool only_if_set)
{
    const struct meta_image *image = &rows->s->image;
    const char *set = meta_config_find(image, CONFIG_RESOURCE_BROKER, "", name);
    if ((only_if_set && set == NULL) || !is_wanted(rows, name)) return;

    struct config_value *value = new_value(rows);
    if (rows->is_full) return;
    if (strcmp(name, key->name) == 0) {
        cluster_config_value(image, key, value);
    } else {
        topic_config_value(image, NULL, key, value);
    }
    struct describe_configs_response_config *row =
        add_row(rows, name, set != NULL ? set : value->text, (int8_t)value->source);
    if (row == NULL) return;
    describe_key(rows, key, row);
    if (!begin_synonyms(rows, row)) return;
    if (value->source == CONFIG_FROM_CLUSTER) {
        add_synonym(row, value->from_key, value->text, CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER);
    }
    add_synonym(row, name, key->otherwise, CONFIG_SOURCE_DEFAULT);
}

/* What each broker may have of its own. */
static void add_broker_row(struct rows *rows, const struct config_key *key, bool only_if_set)
{
    const struct meta_image *image = &rows->s->image;
    const char *of_all = meta_config_find(image, CONFIG_RESOURCE_BROKER, "", key->name);
    if ((only_if_set && of_all == NULL) || !is_wanted(rows, key->name)) return;

    struct config_value *value = new_value(rows);
    if (rows->is_full) return;
    if (only_if_set) {
        cluster_config_value(image, key, value);
    } else {
        broker_config_value(image, rows->s->options->id, key, value);
    }
    struct describe_configs_response_config *row =
        add_row(rows, key->name, value->text, (int8_t)value->source);
    if (row == NULL) return;
    describe_key(rows, key, row);
    if (!begin_synonyms(rows, row)) return;
    if (value->source == CONFIG_FROM_BROKER) {
        add_synonym(row, key->name, value->text, CONFIG_SOURCE_DYNAMIC_BROKER);
    }
    if (of_all != NULL) {
        add_synonym(row, key->name, of_all, CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER);
    }
    add_synonym(row, key->name, key->otherwise, CONFIG_SOURCE_DEFAULT);
}

static void add_cluster_rows(struct rows *rows, bool only_if_set)
{
    for (uint32_t i = 0; i < topic_config_count(); i++) {
        const struct config_key *key = topic_config_at(i);
        if (key->synonym != NULL) add_cluster_row(rows, key, key->synonym, only_if_set);
    }
    for (uint32_t i = 0; i < cluster_config_count(); i++) {
        const struct config_key *key = cluster_config_at(i);
        add_cluster_row(rows, key, key->name, only_if_set);
    }
    for (uint32_t i = 0; i < broker_config_count(); i++) {
        add_broker_row(rows, broker_config_at(i), only_if_set);
    }
}

/* ---- What the broker was started with: nobody changes it while it runs. ---- */

static bool has_row(const struct rows *rows, const char *name)
{
    struct slice wanted = slice_of_text(name);
    for (int32_t i = 0; i < rows->count; i++) {
        if (slice_equal(rows->items[i].name, wanted)) return true;
    }
    return false;
}

/* Of the keys that are text to us, those that are lists to Kafka's clients. */
static bool is_list(const char *name)
{
    static const char *const lists[] = {
        "advertised.listeners",
        "controller.listener.names",
        "controller.quorum.voters",
        "group.consumer.assignors",
        "listeners",
        "log.dir",
        "log.dirs",
        "process.roles",
        "controller.quorum.bootstrap.servers",
        "group.coordinator.rebalance.protocols",
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(name, lists[i]) == 0) return true;
    }
    return false;
}

static int8_t type_of(const struct server_key *key)
{
    switch (key->kind) {
    case CONFIG_NUMBER: return key->max > INT32_MAX ? CONFIG_TYPE_LONG : CONFIG_TYPE_INT;
    case CONFIG_FLAG: return CONFIG_TYPE_BOOLEAN;
    case CONFIG_RATIO: return CONFIG_TYPE_DOUBLE;
    case CONFIG_TEXT: return is_list(key->name) ? CONFIG_TYPE_LIST : CONFIG_TYPE_STRING;
    }
    UNREACHABLE();
}

/* `value` is NULL where a key has neither a value nor a default. */
static void add_static(struct rows *rows, const char *name, const char *value, bool is_set)
{
    if (!is_wanted(rows, name) || has_row(rows, name)) return;
    const struct server_key *key = config_key_find(name);
    const char *otherwise = key != NULL ? key->otherwise : NULL;
    struct describe_configs_response_config *row =
        add_row(rows, name, value != NULL ? value : "",
                is_set ? CONFIG_SOURCE_STATIC_BROKER : CONFIG_SOURCE_DEFAULT);
    if (row == NULL) return;
    if (value == NULL) row->value = (struct slice){0};
    row->read_only = true;
    row->config_type = key != NULL ? type_of(key) : CONFIG_TYPE_STRING;
    if (key != NULL && rows->request->include_documentation) {
        row->documentation = slice_of_text(key->text);
    }
    if (!begin_synonyms(rows, row)) return;
    if (is_set) add_synonym(row, name, value, CONFIG_SOURCE_STATIC_BROKER);
    if (otherwise != NULL) add_synonym(row, name, otherwise, CONFIG_SOURCE_DEFAULT);
}

/* Values that are made here live as long as the answer. */
static void add_made(struct rows *rows, const char *name, const char *value, bool is_set)
{
    size_t size = strlen(value) + 1;
    char *copy = arena_take(&rows->s->scratch, size, 1);
    rows->is_full |= copy == NULL;
    if (copy == NULL) return;
    memcpy(copy, value, size);
    add_static(rows, name, copy, is_set);
}

static void add_listeners(struct rows *rows, const char *name, bool advertised)
{
    const struct broker_options *o = rows->s->options;
    char text[META_LISTENERS_MAX * (sizeof o->listeners[0].name + ENV_HOST_MAX + 16)];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < o->listener_count; i++) {
        const struct broker_listener *l = &o->listeners[i];
        int size = snprintf(text + used, sizeof text - used, "%s%s://%s:%u", i > 0 ? "," : "",
                            l->name, advertised ? l->advertised_host : l->host,
                            advertised ? l->advertised_port : l->port);
        if (size < 0 || (size_t)size >= sizeof text - used) break;
        used += (size_t)size;
    }
    const struct server_config *config = o->config;
    add_made(rows, name, text, config == NULL || config_is_set(config, name));
}

/* The keys that a broker obeys. Of those that it was not started with, the default holds. */
static void add_own_keys(struct rows *rows, const struct server_config *config)
{
    const struct server_key *key;
    for (uint32_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        bool is_prefix = key->name[strlen(key->name) - 1] == '*';
        if (is_prefix || key->verdict != CONFIG_HONOURED || key->who == CONFIG_CONTROLLER) continue;
        add_static(rows, key->name, config_text(config, key->name),
                   config_is_set(config, key->name));
    }
}

static uint32_t own_key_count(void)
{
    uint32_t count = 0;
    while (config_key_at(count) != NULL) count++;
    return count;
}

static void add_static_rows(struct rows *rows)
{
    const struct broker_options *o = rows->s->options;
    char id[16];
    (void)snprintf(id, sizeof id, "%d", o->id);
    add_made(rows, "node.id", id, true);
    add_made(rows, "broker.id", id, true);
    char dirs[sizeof o->log_dirs];
    size_t used = 0;
    for (uint32_t i = 0; i < o->log_dir_count; i++)
        used += (size_t)snprintf(dirs + used, sizeof dirs - used, "%s%s", i == 0 ? "" : ",",
                                 o->log_dirs[i]);
    add_made(rows, "log.dirs", dirs, true);
    add_listeners(rows, "listeners", false);
    add_listeners(rows, "advertised.listeners", true);
    add_made(rows, "inter.broker.listener.name", o->replication_listener, true);
    if (o->config != NULL) add_own_keys(rows, o->config);
}

/* The empty name is the cluster: only what is set there. A broker tells all that holds on it. */
static void fill_broker(struct rows *rows, struct describe_configs_response_result *out)
{
    char own[16];
    (void)snprintf(own, sizeof own, "%d", rows->s->options->id);
    bool is_cluster = rows->resource->resource_name.size == 0;
    if (!is_cluster && !slice_equal(rows->resource->resource_name, slice_of_text(own))) {
        out->error_code = KAFKA_INVALID_REQUEST;
        out->error_message = slice_of_text(
            "a broker describes itself only: send this to the broker that it names, or leave the "
            "name empty for the cluster's defaults");
        return;
    }
    if (!rows_begin(rows, topic_config_count() + cluster_config_count() + broker_config_count() +
                              own_key_count() + MADE_MAX))
        return;
    add_cluster_rows(rows, is_cluster);
    if (!is_cluster) add_static_rows(rows);
}

/* ---- Groups ---- */

/* What the broker was started with holds where nothing is set, and bounds what is set. */
static void add_group_row(struct rows *rows, const char *group, const struct config_key *key)
{
    if (!is_wanted(rows, key->name)) return;
    const struct server_config *config = rows->s->options->config;
    const char *below = config != NULL ? config_text(config, key->synonym) : key->otherwise;
    bool is_static = config != NULL && config_is_set(config, key->synonym);
    int8_t source = is_static ? CONFIG_SOURCE_STATIC_BROKER : CONFIG_SOURCE_DEFAULT;
    const char *set = meta_config_find(&rows->s->image, CONFIG_RESOURCE_GROUP, group, key->name);
    struct describe_configs_response_config *row = add_row(
        rows, key->name, set != NULL ? set : below, set != NULL ? CONFIG_SOURCE_GROUP : source);
    if (row == NULL) return;
    describe_key(rows, key, row);
    if (!begin_synonyms(rows, row)) return;
    if (set != NULL) add_synonym(row, key->name, set, CONFIG_SOURCE_GROUP);
    add_synonym(row, key->synonym, below, source);
}

static void fill_group(struct rows *rows, struct describe_configs_response_result *out)
{
    struct slice name = rows->resource->resource_name;
    char group[META_GROUP_MAX + 1];
    if (name.size == 0 || name.size > META_GROUP_MAX) {
        out->error_code = KAFKA_INVALID_REQUEST;
        out->error_message = slice_of_text("Group name must not be empty, nor longer than 249.");
        return;
    }
    (void)snprintf(group, sizeof group, "%.*s", (int)name.size, (const char *)name.at);
    uint32_t count = group_config_count();
    if (!rows_begin(rows, count)) return;
    for (uint32_t i = 0; i < count; i++) add_group_row(rows, group, group_config_at(i));
}

bool handle_describe_configs(struct shard *s, struct request *r, struct slice body)
{
    struct describe_configs_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    int32_t count = q.resources.count;
    const struct describe_configs_request_resource *asked = q.resources.items;
    struct describe_configs_response_result *results =
        arena_take(&s->scratch, (size_t)count, sizeof *results);
    if (results == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        struct describe_configs_response_result *out = &results[i];
        kafka_defaults(&schema_describe_configs_response_result, out);
        out->error_message = (struct slice){0};
        out->resource_type = asked[i].resource_type;
        out->resource_name = asked[i].resource_name;
        struct rows rows = {.s = s, .request = &q, .resource = &asked[i]};
        if (asked[i].resource_type == CONFIG_RESOURCE_TOPIC) {
            fill_topic(&rows, out);
        } else if (asked[i].resource_type == CONFIG_RESOURCE_BROKER) {
            fill_broker(&rows, out);
        } else if (asked[i].resource_type == CONFIG_RESOURCE_GROUP) {
            fill_group(&rows, out);
        } else {
            out->error_code = KAFKA_INVALID_REQUEST;
            out->error_message =
                slice_of_text("only topics, brokers and groups have a configuration here");
        }
        if (rows.is_full) return false;
        out->configs = (struct array){rows.items, rows.count};
    }
    struct describe_configs_response answer;
    kafka_defaults(&schema_describe_configs_response, &answer);
    answer.results = (struct array){results, count};
    request_answer(s, r, &answer);
    return true;
}
