/* What can be configured, or is: topics and brokers as they are, groups that have keys of their
 * own. */
#include <stdio.h>
#include <string.h>

#include "broker/api/handlers.h"
#include "broker/state.h"
#include "proto/kafka_errors.h"
#include "proto/msg/list_config_resources.h"
#include "proto/topic_configs.h"

/* Kafka's numbers, of what has no configurations here. */
#define CONFIG_RESOURCE_BROKER_LOGGER 8
#define CONFIG_RESOURCE_CLIENT_METRICS 16
#define NUMBER_SIZE 12

struct listing {
    struct shard *s;
    struct list_config_resources_response_resource *items;
    int32_t count;
};

static const int8_t everything[] = {CONFIG_RESOURCE_TOPIC, CONFIG_RESOURCE_BROKER,
                                    CONFIG_RESOURCE_BROKER_LOGGER, CONFIG_RESOURCE_CLIENT_METRICS,
                                    CONFIG_RESOURCE_GROUP};
static const int8_t of_version_0[] = {CONFIG_RESOURCE_CLIENT_METRICS};

static bool is_asked(const struct array *types, int8_t type)
{
    for (int32_t i = 0; i < types->count; i++) {
        if (((const int8_t *)types->items)[i] == type) return true;
    }
    return false;
}

static void add(struct listing *l, int8_t type, const char *name)
{
    l->items[l->count++] = (struct list_config_resources_response_resource){
        .resource_type = type, .resource_name = slice_of_text(name)};
}

static void add_topics(struct listing *l)
{
    const struct meta_topic *t;
    for (t = l->s->image.topics_by_name; t != NULL; t = t->by_name.next)
        add(l, CONFIG_RESOURCE_TOPIC, t->name);
}

/* False: the scratch memory is full. */
static bool add_brokers(struct listing *l, int8_t type)
{
    for (const struct meta_broker *b = l->s->image.brokers; b != NULL; b = b->hh.next) {
        char *id = arena_take(&l->s->scratch, NUMBER_SIZE, 1);
        if (id == NULL) return false;
        (void)snprintf(id, NUMBER_SIZE, "%d", b->id);
        add(l, type, id);
    }
    return true;
}

/* Of the keys that a group has the first one stands for all. */
static bool stands_for_all(const struct meta_image *image, const struct meta_config *config)
{
    for (uint32_t i = 0; i < group_config_count(); i++) {
        const char *key = group_config_at(i)->name;
        if (meta_config_find(image, CONFIG_RESOURCE_GROUP, config->name, key) == NULL) continue;
        return strcmp(config->key, key) == 0;
    }
    return false;
}

static void add_groups(struct listing *l)
{
    const struct meta_image *image = &l->s->image;
    for (const struct meta_config *c = image->configs; c != NULL; c = c->hh.next) {
        bool is_groups = c->type == CONFIG_RESOURCE_GROUP;
        if (is_groups && stands_for_all(image, c)) add(l, CONFIG_RESOURCE_GROUP, c->name);
    }
}

static bool list(struct listing *l, const struct array *types)
{
    const struct meta_image *image = &l->s->image;
    size_t room = image->topic_count + HASH_COUNT(image->configs);
    room += 2 * (size_t)HASH_COUNT(image->brokers);
    l->items = arena_take(&l->s->scratch, room + 1, sizeof *l->items);
    if (l->items == NULL) return false;
    if (is_asked(types, CONFIG_RESOURCE_GROUP)) add_groups(l);
    if (is_asked(types, CONFIG_RESOURCE_BROKER_LOGGER) &&
        !add_brokers(l, CONFIG_RESOURCE_BROKER_LOGGER))
        return false;
    if (is_asked(types, CONFIG_RESOURCE_BROKER) && !add_brokers(l, CONFIG_RESOURCE_BROKER))
        return false;
    if (is_asked(types, CONFIG_RESOURCE_TOPIC)) add_topics(l);
    return true;
}

bool handle_list_config_resources(struct shard *s, struct request *r, struct slice body)
{
    struct list_config_resources_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    bool is_old = r->version.number == 0;
    struct array known = {(void *)(uintptr_t)everything, sizeof everything};
    if (is_old) known = (struct array){(void *)(uintptr_t)of_version_0, sizeof of_version_0};
    struct array wanted = q.resource_types.count > 0 ? q.resource_types : known;
    struct list_config_resources_response answer;
    kafka_defaults(&schema_list_config_resources_response, &answer);
    for (int32_t i = 0; i < wanted.count; i++) {
        bool is_known = is_asked(&known, ((const int8_t *)wanted.items)[i]);
        if (!is_known) answer.error_code = KAFKA_UNSUPPORTED_VERSION;
    }
    struct listing l = {.s = s};
    if (answer.error_code == KAFKA_NONE && !list(&l, &wanted)) return false;
    answer.config_resources = (struct array){l.items, l.count};
    request_answer(s, r, &answer);
    return true;
}
