#include "broker/api/common.h"

#include <string.h>

#include "broker/net/router.h"

bool broker_endpoint(struct shard *s, const struct request *r, const struct meta_broker *broker,
                     struct slice *host, int32_t *port)
{
    if (r->conn == NULL) return false;
    const char *name = s->options->listeners[r->conn->listener].name;
    const struct meta_image_listener *listener = meta_listener_find(broker, name);
    if (listener == NULL) return false;

    *port = listener->port;
    *host = slice_of_text(listener->host);
    if (host->size > 0) return true;

    /* Nothing is advertised: brokers of one machine are reached as this one was. */
    char *reached = arena_take(&s->scratch, ENV_HOST_MAX, 1);
    if (reached == NULL) return false;
    env_local_address(s->env, r->conn->id, reached, ENV_HOST_MAX);
    *host = slice_of_text(reached);
    return true;
}

struct array leader_endpoints(struct shard *s, const struct request *r)
{
    struct array none = {0};
    struct node_endpoint *items = NULL;
    int32_t count = 0;
    uint32_t capacity = HASH_COUNT(s->image.brokers);
    for (uint32_t i = 0; i < r->group_count; i++) {
        const struct op_group *g = r->groups[i];
        for (uint32_t j = 0; j < g->count; j++) {
            int32_t id = g->ops[j].error != 0 ? g->ops[j].leader_id : META_NOBODY;
            const struct meta_broker *broker = meta_broker_find(&s->image, id);
            bool is_new = broker != NULL;
            for (int32_t k = 0; k < count && is_new; k++) is_new = items[k].node_id != id;
            if (!is_new) continue;
            if (items == NULL) items = arena_take(&s->scratch, capacity, sizeof *items);
            if (items == NULL || (uint32_t)count == capacity) return none;
            struct node_endpoint *e = &items[count];
            if (!broker_endpoint(s, r, broker, &e->host, &e->port)) continue;
            e->node_id = id;
            e->rack = broker->rack[0] != '\0' ? slice_of_text(broker->rack) : (struct slice){0};
            count++;
        }
    }
    return (struct array){.items = items, .count = count};
}

struct slice topic_name(const struct shard *s, struct uuid topic_id)
{
    const struct meta_topic *topic = meta_topic_by_id(&s->image, topic_id);
    return topic == NULL ? slice_of_text("") : slice_of_text(topic->name);
}

bool is_serving(const struct shard *s, int32_t broker_id)
{
    const struct meta_broker *broker = meta_broker_find(&s->image, broker_id);
    return broker != NULL && !broker->fenced;
}

struct id_set offline_replicas(const struct shard *s, const struct meta_partition *p)
{
    struct id_set offline = {0};
    for (uint32_t i = 0; i < p->replicas.count; i++) {
        int32_t id = p->replicas.ids[i];
        if (!is_serving(s, id) || id_set_has(&p->offline, id)) (void)id_set_add(&offline, id);
    }
    return offline;
}

bool array_of_ids(struct shard *s, const struct id_set *set, struct array *out)
{
    int32_t *ids = arena_take(&s->scratch, set->count, sizeof *ids);
    if (ids == NULL && set->count > 0) return false;
    for (uint32_t i = 0; i < set->count; i++) ids[i] = set->ids[i];
    *out = (struct array){ids, (int32_t)set->count};
    return true;
}

bool topic_is_internal(const char *name)
{
    return strcmp(name, OFFSETS_TOPIC) == 0 || strcmp(name, "__transaction_state") == 0;
}
