#include "controller/decide/configs.h"

#include <stdio.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/decide/drain.h"
#include "controller/decide/partitions.h"
#include "controller/decide/refusal.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"

#define MIN_ISR "min.insync.replicas"

struct resource {
    const struct meta_image *image;
    const struct group_limits *limits;
    struct decision *d;
    int8_t type;
    struct slice name; /* As sent: "" is all brokers. */
    char text[META_NAME_MAX + 1];
};

static struct refusal check_resource(struct resource *r)
{
    if (r->name.at == NULL) r->name = slice_of("", 0);
    if (r->type != CONFIG_RESOURCE_TOPIC && r->type != CONFIG_RESOURCE_BROKER &&
        r->type != CONFIG_RESOURCE_GROUP)
        return REFUSE(r->d, KAFKA_INVALID_REQUEST,
                      "resources of type %d have no configuration here", r->type);
    if (r->name.size > META_NAME_MAX)
        return REFUSE(r->d, KAFKA_INVALID_REQUEST, "the resource's name is too long");
    (void)snprintf(r->text, sizeof r->text, "%.*s", SLICE_TEXT(r->name));

    if (r->type == CONFIG_RESOURCE_GROUP && r->name.size == 0)
        return REFUSE(r->d, KAFKA_INVALID_REQUEST, "Default group resources are not allowed.");
    if (r->type == CONFIG_RESOURCE_TOPIC && meta_topic_by_name(r->image, r->name) == NULL)
        return REFUSE(r->d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "topic %s does not exist", r->text);
    return GRANTED;
}

/* What is wrong with a broker's key or its value is a bad request to Kafka's brokers. */
static int16_t bad_config(const struct resource *r)
{
    return r->type == CONFIG_RESOURCE_BROKER ? KAFKA_INVALID_REQUEST : KAFKA_INVALID_CONFIG;
}

/* Kafka's rule, and a number is written in one way only: no broker has two configurations. */
static struct refusal check_broker_name(const struct resource *r)
{
    int64_t id;
    if (r->name.size == 0) return GRANTED;
    bool is_id = text_to_i64(r->name, &id) && id >= 0 && id <= INT32_MAX;
    if (!is_id || (r->name.size > 1 && r->name.at[0] == '0'))
        return REFUSE(r->d, KAFKA_INVALID_REQUEST, "%s is not the id of a broker", r->text);
    return GRANTED;
}

static struct refusal find_key(const struct resource *r, struct slice name,
                               const struct config_key **out)
{
    if (r->type == CONFIG_RESOURCE_TOPIC) {
        *out = topic_config_find(name);
        if (*out == NULL)
            return REFUSE(r->d, KAFKA_INVALID_CONFIG, "Unknown topic config name: %.*s",
                          SLICE_TEXT(name));
        return GRANTED;
    }
    if (r->type == CONFIG_RESOURCE_GROUP) {
        *out = group_config_find(name);
        if (*out == NULL)
            return REFUSE(r->d, KAFKA_INVALID_CONFIG, "Unknown group config name: %.*s",
                          SLICE_TEXT(name));
        return GRANTED;
    }
    *out = broker_config_find(name);
    if (*out != NULL) return check_broker_name(r);
    *out = cluster_config_find(name);
    if (*out == NULL)
        return REFUSE(r->d, bad_config(r), "%.*s cannot be changed while brokers run",
                      SLICE_TEXT(name));
    if (r->name.size > 0)
        return REFUSE(r->d, bad_config(r),
                      "%.*s is the same on all brokers: set it with an empty broker name",
                      SLICE_TEXT(name));
    return GRANTED;
}

static void add_config(const struct resource *r, struct slice key, struct slice value)
{
    struct meta_record *record = decision_add(r->d, META_CONFIG);
    record->config.type = r->type;
    record->config.name = r->name;
    record->config.key = key;
    record->config.value = value;
}

/* ---- Lists. ---- */

/* The list that APPEND and SUBTRACT change: what holds now. */
static struct slice list_now(const struct resource *r, const struct config_key *key)
{
    struct config_value value;
    if (r->type == CONFIG_RESOURCE_TOPIC)
        topic_config_value(r->image, r->text, key, &value);
    else
        topic_config_value(r->image, NULL, key, &value);
    CHECK(value.text != value.scratch); /* Lists have no units. */
    return slice_of_text(value.text);
}

/* Takes the next word off a list. */
static bool next_word(struct slice *list, struct slice *word)
{
    if (list->size == 0) return false;
    const uint8_t *comma = memchr(list->at, ',', list->size);
    size_t size = comma == NULL ? list->size : (size_t)(comma - list->at);
    *word = slice_of(list->at, size);
    size_t taken = size + (comma == NULL ? 0 : 1);
    *list = slice_of(list->at + taken, list->size - taken);
    return true;
}

static bool list_has(struct slice list, struct slice word)
{
    struct slice each;
    while (next_word(&list, &each)) {
        if (slice_equal(each, word)) return true;
    }
    return false;
}

static void add_word(uint8_t *to, size_t *size, struct slice word)
{
    if (*size > 0) to[(*size)++] = ',';
    if (word.size > 0) memcpy(to + *size, word.at, word.size);
    *size += word.size;
}

/* Absent if the arena is full. */
static struct slice change_list(const struct resource *r, const struct config_key *key,
                                struct slice words, bool add)
{
    struct slice old = list_now(r, key);
    uint8_t *to = arena_take(r->d->arena, old.size + words.size + 2, 1);
    if (to == NULL) return (struct slice){0};

    size_t size = 0;
    struct slice rest = old, word;
    while (next_word(&rest, &word)) {
        if (add || !list_has(words, word)) add_word(to, &size, word);
    }
    rest = words;
    while (add && next_word(&rest, &word)) {
        if (!list_has(slice_of(to, size), word)) add_word(to, &size, word);
    }
    return slice_of(to, size);
}

/* ---- One key. ---- */

static struct refusal maybe_drain(const struct resource *r, const struct config_key *key,
                                  struct slice value)
{
    if (strcmp(key->name, BROKER_DRAINED) != 0 || !slice_equal(value, slice_of_text("true")))
        return GRANTED;
    int64_t id;
    if (r->name.size == 0 || !text_to_i64(r->name, &id))
        return REFUSE(r->d, KAFKA_INVALID_REQUEST, "brokers are drained one by one, by their id");
    return decide_drain(r->image, (int32_t)id, r->d);
}

static struct refusal change(struct resource *r, int8_t operation, struct slice name,
                             struct slice value)
{
    const struct config_key *key;
    struct refusal refusal = find_key(r, name, &key);
    /* As Kafka does: a topic has none of a key that nobody knows. */
    bool is_nothing = r->type == CONFIG_RESOURCE_TOPIC && operation == CONFIG_OP_DELETE;
    if (refusal.error != 0) return is_nothing ? GRANTED : refusal;

    value = config_normal(key, value, arena_take(r->d->arena, value.size, 1));
    switch (operation) {
    case CONFIG_OP_DELETE: add_config(r, name, (struct slice){0}); return GRANTED;
    case CONFIG_OP_SET: break;
    case CONFIG_OP_APPEND:
    case CONFIG_OP_SUBTRACT:
        if (key->type != CONFIG_LIST)
            return REFUSE(r->d, bad_config(r),
                          "%.*s is not a list: nothing can be added to it or taken from it",
                          SLICE_TEXT(name));
        if (value.at != NULL) value = change_list(r, key, value, operation == CONFIG_OP_APPEND);
        break;
    default: return REFUSE(r->d, KAFKA_INVALID_REQUEST, "unknown operation %d", operation);
    }
    if (value.at == NULL)
        return REFUSE(r->d, KAFKA_INVALID_REQUEST, "Null value not supported for %.*s",
                      SLICE_TEXT(name));
    char why[CONFIG_WHY_SIZE];
    int rc = config_check(key, value, why);
    if (rc == 0 && r->type == CONFIG_RESOURCE_GROUP)
        rc = group_config_check(r->limits, key, value, why);
    if (rc != 0) return REFUSE(r->d, bad_config(r), "%s", why);
    add_config(r, name, value);
    return maybe_drain(r, key, value);
}

/* ---- What a change of min.insync.replicas means for the eligible. ---- */

static bool touches_min_isr(const struct decision *d, uint32_t from)
{
    for (uint32_t i = from; i < d->count; i++) {
        if (d->records[i].kind != META_CONFIG) continue;
        if (slice_equal(d->records[i].config.key, slice_of_text(MIN_ISR))) return true;
    }
    return false;
}

static bool is_partition_changed(const struct decision *d, const struct meta_topic *t, int32_t n)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->kind == META_PARTITION && r->partition.partition == n &&
            uuid_equal(r->partition.topic_id, t->id))
            return true;
    }
    return false;
}

static void forget_eligible(const struct resource *r)
{
    for (const struct meta_topic *t = r->image->topics_by_name; t != NULL; t = t->by_name.next) {
        bool is_meant =
            r->type == CONFIG_RESOURCE_TOPIC
                ? slice_equal(r->name, slice_of_text(t->name))
                : meta_config_find(r->image, CONFIG_RESOURCE_TOPIC, t->name, MIN_ISR) == NULL;
        if (!is_meant) continue;
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->isr.count == 0 || p->elr.count == 0) continue;
            if (is_partition_changed(r->d, t, (int32_t)i)) continue;
            struct partition_change c = partition_change_of(r->image, t, (int32_t)i);
            c.to.elr = (struct id_set){0};
            partition_change_end(r->d, &c, false);
        }
    }
}

/* ---- The two requests: resources, and of each the keys to change. ---- */

struct asked {
    int8_t type;
    struct slice name;
    const struct array *configs; /* As that request has them. */
};

struct alteration {
    const struct meta_image *image;
    const struct group_limits *limits;
    struct decision *d;
    bool is_whole; /* What it does not name goes back to its default. */
    int32_t count;
    const struct asked *asked;
};

struct wish {
    struct slice name;
    struct slice value;
    int8_t operation;
};

static struct wish wish_of(const struct array *configs, bool is_whole, int32_t number)
{
    if (is_whole) {
        const struct alter_configs_request_config *all = configs->items, *c = &all[number];
        return (struct wish){c->name, c->value,
                             c->value.at == NULL ? CONFIG_OP_DELETE : CONFIG_OP_SET};
    }
    const struct incremental_alter_configs_request_config *all = configs->items, *c = &all[number];
    return (struct wish){c->name, c->value, c->config_operation};
}

/* Is it among the first `count`? */
static bool is_wished(const struct array *configs, bool is_whole, int32_t count, struct slice name)
{
    for (int32_t i = 0; i < count; i++) {
        if (slice_equal(wish_of(configs, is_whole, i).name, name)) return true;
    }
    return false;
}

static void forget_others(const struct resource *r, const struct array *configs)
{
    for (const struct meta_config *old = r->image->configs; old != NULL; old = old->hh.next) {
        if (old->type != r->type || strcmp(old->name, r->text) != 0) continue;
        if (is_wished(configs, true, configs->count, slice_of_text(old->key))) continue;
        /* The image's own text is freed when the decision is tried on it. */
        add_config(r, decision_say(r->d, "%s", old->key), (struct slice){0});
    }
}

/* What will hold of a lag of the resource. */
static int64_t lag_of(const struct resource *r, const char *name, uint32_t from, bool *is_changed)
{
    const struct config_key *key = topic_config_find(slice_of_text(name));
    bool is_topic = r->type == CONFIG_RESOURCE_TOPIC;
    const char *said = is_topic ? key->name : key->synonym;
    int64_t lag_ms = topic_config_number(r->image, is_topic ? r->text : NULL, name);
    for (uint32_t i = from; i < r->d->count; i++) {
        const struct meta_record *record = &r->d->records[i];
        if (record->kind != META_CONFIG || !slice_equal(record->config.key, slice_of_text(said)))
            continue;
        *is_changed = true;
        if (record->config.value.at != NULL)
            CHECK(text_to_i64(record->config.value, &lag_ms));
        else
            lag_ms = is_topic ? topic_config_number(r->image, NULL, name)
                              : config_number(key, key->otherwise);
    }
    return lag_ms;
}

static struct refusal check_lags(const struct resource *r, uint32_t from)
{
    char why[CONFIG_WHY_SIZE];
    bool is_default = r->type == CONFIG_RESOURCE_BROKER && r->name.size == 0;
    if (r->type != CONFIG_RESOURCE_TOPIC && !is_default) return GRANTED;
    bool is_changed = false;
    int64_t min_ms = lag_of(r, CONFIG_MIN_LAG, from, &is_changed);
    int64_t max_ms = lag_of(r, CONFIG_MAX_LAG, from, &is_changed);
    if (!is_changed || config_check_lags(min_ms, max_ms, why) == 0) return GRANTED;
    return REFUSE(r->d, bad_config(r), "%s", why);
}

static struct refusal alter_keys(struct resource *r, const struct array *configs, bool is_whole)
{
    uint32_t from = r->d->count;
    for (int32_t i = 0; i < configs->count; i++) {
        struct wish w = wish_of(configs, is_whole, i);
        if (is_wished(configs, is_whole, i, w.name))
            return REFUSE(r->d, KAFKA_INVALID_REQUEST, "%.*s is in the request twice",
                          SLICE_TEXT(w.name));
        struct refusal refusal = change(r, w.operation, w.name, w.value);
        if (refusal.error != 0) return refusal;
    }
    if (is_whole) forget_others(r, configs);
    return check_lags(r, from);
}

/* Of a resource that is named twice nothing is changed: which one would count? */
static struct refusal begin_resource(const struct alteration *a, struct resource *r, int32_t number)
{
    for (int32_t i = 0; i < a->count; i++) {
        if (i != number && a->asked[i].type == r->type && slice_equal(a->asked[i].name, r->name))
            return REFUSE(r->d, KAFKA_INVALID_REQUEST, "a resource is in the request twice");
    }
    return check_resource(r);
}

static void end_resource(struct resource *r, struct refusal refusal, uint32_t before)
{
    if (refusal.error != 0) decision_cut(r->d, before);
    if (r->d->count == before) return;

    if (touches_min_isr(r->d, before)) forget_eligible(r);
    if (r->type == CONFIG_RESOURCE_TOPIC)
        decision_cause(r->d, "configuration of topic %s changed", r->text);
    else if (r->type == CONFIG_RESOURCE_GROUP)
        decision_cause(r->d, "configuration of group %s changed", r->text);
    else if (r->name.size > 0)
        decision_cause(r->d, "configuration of broker %s changed", r->text);
    else
        decision_cause(r->d, "defaults of the cluster changed");
}

static struct refusal alter_resource(const struct alteration *a, int32_t number)
{
    const struct asked *asked = &a->asked[number];
    struct resource r = {.image = a->image,
                         .limits = a->limits,
                         .d = a->d,
                         .type = asked->type,
                         .name = asked->name};
    uint32_t before = a->d->count;
    struct refusal refusal = begin_resource(a, &r, number);
    if (refusal.error == 0) refusal = alter_keys(&r, asked->configs, a->is_whole);
    end_resource(&r, refusal, before);
    return refusal;
}

static int alter_all(const struct alteration *a, bool validate_only, struct array *responses)
{
    CHECK(a->d->count == 0);
    struct altered_resource *results = decision_take(a->d, (uint32_t)a->count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;

    for (int32_t i = 0; i < a->count; i++) {
        struct refusal refusal = alter_resource(a, i);
        results[i] = (struct altered_resource){refusal.error, refusal.text, a->asked[i].type,
                                               a->asked[i].name};
    }
    if (validate_only) decision_cut(a->d, 0);
    *responses = (struct array){.items = results, .count = a->count};
    return 0;
}

int decide_incremental_alter_configs(const struct meta_image *image,
                                     const struct group_limits *limits,
                                     const struct incremental_alter_configs_request *request,
                                     struct decision *d,
                                     struct incremental_alter_configs_response *reply)
{
    const struct incremental_alter_configs_request_resource *resources = request->resources.items;
    int32_t count = request->resources.count < 0 ? 0 : request->resources.count;
    struct asked *asked = decision_take(d, (uint32_t)count, sizeof *asked);
    if (asked == NULL) return -ERR_LIMIT;

    for (int32_t i = 0; i < count; i++)
        asked[i] = (struct asked){resources[i].resource_type, resources[i].resource_name,
                                  &resources[i].configs};
    const struct alteration a = {image, limits, d, false, count, asked};
    *reply = (struct incremental_alter_configs_response){0};
    return alter_all(&a, request->validate_only, &reply->responses);
}

int decide_alter_configs(const struct meta_image *image, const struct group_limits *limits,
                         const struct alter_configs_request *request, struct decision *d,
                         struct alter_configs_response *reply)
{
    const struct alter_configs_request_resource *resources = request->resources.items;
    int32_t count = request->resources.count < 0 ? 0 : request->resources.count;
    struct asked *asked = decision_take(d, (uint32_t)count, sizeof *asked);
    if (asked == NULL) return -ERR_LIMIT;

    for (int32_t i = 0; i < count; i++)
        asked[i] = (struct asked){resources[i].resource_type, resources[i].resource_name,
                                  &resources[i].configs};
    const struct alteration a = {image, limits, d, true, count, asked};
    *reply = (struct alter_configs_response){0};
    return alter_all(&a, request->validate_only, &reply->responses);
}
