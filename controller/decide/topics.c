#include "controller/decide/topics.h"

#include "common/check.h"
#include "common/text.h"
#include "controller/decide/assignment.h"
#include "controller/decide/partitions.h"
#include "controller/decide/placement.h"
#include "controller/decide/refusal.h"
#include "controller/decide/retired.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"
#include "proto/topic_names.h"

/* ---- What both ways of making partitions share. ---- */

static void add_partition(const struct meta_image *image, struct uuid topic_id, int32_t number,
                          const struct id_set *replicas, struct decision *d)
{
    struct meta_record *r = decision_add(d, META_PARTITION);
    r->partition.topic_id = topic_id;
    r->partition.partition = number;
    r->partition.replicas = *replicas;
    for (uint32_t i = 0; i < replicas->count; i++) {
        if (broker_is_usable(image, replicas->ids[i]))
            (void)id_set_add(&r->partition.isr, replicas->ids[i]);
    }
    CHECK(r->partition.isr.count > 0);
    r->partition.leader = r->partition.isr.ids[0];
    for (uint32_t i = r->partition.isr.count; i > 0; i--) {
        int32_t id = r->partition.isr.ids[i - 1];
        if (!broker_is_drained(image, id)) r->partition.leader = id;
    }
}

static struct refusal too_many(struct decision *d)
{
    return REFUSE(d, KAFKA_POLICY_VIOLATION,
                  "more than %d new partitions in one request; send several",
                  DECIDE_PARTITIONS_MAX);
}

static struct refusal too_few_brokers(struct decision *d, int64_t wanted, uint32_t usable)
{
    return REFUSE(d, KAFKA_INVALID_REPLICATION_FACTOR,
                  "the replication factor is %lld, but only %u broker%s can take replicas",
                  (long long)wanted, usable, usable == 1 ? "" : "s");
}

/* ---- CreateTopics. ---- */

struct creation {
    const struct meta_image *image;
    const struct create_topics_request *request;
    struct decision *d;
    struct placement placement;
    uint32_t partition_count; /* Of the request so far. */
};

static struct refusal check_name(struct creation *c, int32_t index)
{
    const struct create_topics_request_topic *topics = c->request->topics.items;
    struct slice name = topics[index].name;

    const char *fault = topic_name_fault(name);
    /* As Kafka says it: the name is fine, and taken for good. */
    if (topic_name_is_metadata(name)) return REFUSE(c->d, KAFKA_INVALID_REQUEST, "%s", fault);
    if (fault != NULL) return REFUSE(c->d, KAFKA_INVALID_TOPIC_EXCEPTION, "%s", fault);
    if (meta_topic_by_name(c->image, name) != NULL)
        return REFUSE(c->d, KAFKA_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                      SLICE_TEXT(name));
    const struct meta_topic *rival = topic_name_rival(c->image, name);
    if (rival != NULL)
        return REFUSE(c->d, KAFKA_INVALID_TOPIC_EXCEPTION,
                      "topic %.*s collides with %s: they differ in '.' and '_' only",
                      SLICE_TEXT(name), rival->name);
    for (int32_t i = 0; i < c->request->topics.count; i++) {
        if (i != index && slice_equal(name, topics[i].name))
            return REFUSE(c->d, KAFKA_INVALID_REQUEST, "topic %.*s is in the request twice",
                          SLICE_TEXT(name));
        if (i < index && topic_names_collide(name, topics[i].name))
            return REFUSE(c->d, KAFKA_INVALID_TOPIC_EXCEPTION,
                          "topic %.*s collides with %.*s: they differ in '.' and '_' only",
                          SLICE_TEXT(name), SLICE_TEXT(topics[i].name));
    }
    return GRANTED;
}

/* Of a known key. */
static struct slice normal(const struct creation *c,
                           const struct create_topics_request_config *config)
{
    char *room = arena_take(c->d->arena, config->value.size, 1);
    return config_normal(topic_config_find(config->name), config->value, room);
}

/* The number that will hold; of what is given, which is sound, else the cluster's default. */
static int64_t lag_of(const struct creation *c, const struct create_topics_request_topic *topic,
                      const char *name, bool *is_given)
{
    int64_t lag_ms = topic_config_number(c->image, NULL, name);
    const struct create_topics_request_config *configs = topic->configs.items;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        if (!slice_equal(configs[i].name, slice_of_text(name))) continue;
        *is_given = true;
        CHECK(text_to_i64(normal(c, &configs[i]), &lag_ms));
    }
    return lag_ms;
}

static struct refusal check_lags(const struct creation *c,
                                 const struct create_topics_request_topic *topic)
{
    char why[CONFIG_WHY_SIZE];
    bool is_given = false;
    int64_t min_ms = lag_of(c, topic, CONFIG_MIN_LAG, &is_given);
    int64_t max_ms = lag_of(c, topic, CONFIG_MAX_LAG, &is_given);
    if (!is_given || config_check_lags(min_ms, max_ms, why) == 0) return GRANTED;
    return REFUSE(c->d, KAFKA_INVALID_CONFIG, "%s", why);
}

static struct refusal check_configs(struct creation *c,
                                    const struct create_topics_request_topic *topic)
{
    const struct create_topics_request_config *configs = topic->configs.items;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        const struct config_key *key = topic_config_find(configs[i].name);
        if (key == NULL)
            return REFUSE(c->d, KAFKA_INVALID_CONFIG, "Unknown topic config name: %.*s",
                          SLICE_TEXT(configs[i].name));
        if (configs[i].value.at == NULL)
            return REFUSE(c->d, KAFKA_INVALID_CONFIG,
                          "Null value not supported for topic config %s", key->name);
        char why[CONFIG_WHY_SIZE];
        if (config_check(key, normal(c, &configs[i]), why) != 0)
            return REFUSE(c->d, KAFKA_INVALID_CONFIG, "%s", why);
        for (int32_t j = 0; j < i; j++) {
            if (slice_equal(configs[i].name, configs[j].name))
                return REFUSE(c->d, KAFKA_INVALID_CONFIG, "%s is set twice", key->name);
        }
    }
    return check_lags(c, topic);
}

/* Given in order, as everybody does, the first look finds it. NULL: the number is missing. */
static const struct create_topics_request_assignment *
find_assignment(const struct array *assignments, int32_t number)
{
    const struct create_topics_request_assignment *given = assignments->items;
    for (int32_t i = 0; i < assignments->count; i++) {
        int32_t at = (int32_t)(((int64_t)number + i) % assignments->count);
        if (given[at].partition_index == number) return &given[at];
    }
    return NULL;
}

static struct refusal place_by_hand(struct creation *c,
                                    const struct create_topics_request_topic *topic, struct uuid id,
                                    struct create_topics_response_topic *out)
{
    int32_t count = topic->assignments.count;
    uint32_t replica_count = 0;

    if (topic->num_partitions != -1)
        return REFUSE(c->d, KAFKA_INVALID_REQUEST,
                      "the request has both an assignment and a number of partitions");
    if (topic->replication_factor != -1)
        return REFUSE(c->d, KAFKA_INVALID_REQUEST,
                      "the request has both an assignment and a replication factor");
    if (count > DECIDE_PARTITIONS_MAX - (int32_t)c->partition_count) return too_many(c->d);

    for (int32_t number = 0; number < count; number++) {
        const struct create_topics_request_assignment *found =
            find_assignment(&topic->assignments, number);
        if (found == NULL)
            return REFUSE(c->d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "the assignment has %d partitions, but none of them is number %d", count,
                          number);
        struct id_set replicas;
        struct refusal refusal =
            assignment_take(c->image, &found->broker_ids, replica_count, &replicas, c->d);
        if (refusal.error != 0) return refusal;
        replica_count = replicas.count;
        placement_count(&c->placement, &replicas);
        add_partition(c->image, id, number, &replicas, c->d);
    }
    out->num_partitions = count;
    out->replication_factor = (int16_t)replica_count;
    return GRANTED;
}

static struct refusal place_by_load(struct creation *c,
                                    const struct create_topics_request_topic *topic, struct uuid id,
                                    struct create_topics_response_topic *out)
{
    int64_t partitions = topic->num_partitions;
    int64_t replicas = topic->replication_factor;
    if (partitions == -1) partitions = cluster_config_number(c->image, "num.partitions");
    if (replicas == -1) replicas = cluster_config_number(c->image, "default.replication.factor");

    if (partitions <= 0)
        return REFUSE(c->d, KAFKA_INVALID_PARTITIONS,
                      "the number of partitions is %lld; it must be at least 1, or -1",
                      (long long)partitions);
    if (replicas <= 0)
        return REFUSE(c->d, KAFKA_INVALID_REPLICATION_FACTOR,
                      "the replication factor is %lld; it must be at least 1, or -1",
                      (long long)replicas);
    if (replicas > c->placement.count) return too_few_brokers(c->d, replicas, c->placement.count);
    if (replicas > META_REPLICAS_MAX)
        return REFUSE(c->d, KAFKA_INVALID_REPLICATION_FACTOR,
                      "the replication factor is %lld, and %d is the most", (long long)replicas,
                      META_REPLICAS_MAX);
    if (partitions > DECIDE_PARTITIONS_MAX - (int64_t)c->partition_count) return too_many(c->d);

    placement_topic(&c->placement, NULL);
    for (int32_t number = 0; number < (int32_t)partitions; number++) {
        struct id_set set = placement_next(&c->placement, (uint32_t)replicas, (uint32_t)number);
        add_partition(c->image, id, number, &set, c->d);
    }
    out->num_partitions = (int32_t)partitions;
    out->replication_factor = (int16_t)replicas;
    return GRANTED;
}

static struct slice given_config(const struct create_topics_request_topic *topic, const char *name)
{
    const struct create_topics_request_config *configs = topic->configs.items;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        if (slice_equal(configs[i].name, slice_of_text(name))) return configs[i].value;
    }
    return (struct slice){0};
}

/* Every key with the value that will hold: what the answer from version 5 on tells. */
static bool list_configs(struct creation *c, const struct create_topics_request_topic *topic,
                         struct create_topics_response_topic *out)
{
    uint32_t count = topic_config_count();
    struct create_topics_response_config *configs = decision_take(c->d, count, sizeof *configs);
    if (configs == NULL) return false;

    for (uint32_t i = 0; i < count; i++) {
        const struct config_key *key = topic_config_at(i);
        struct slice given = given_config(topic, key->name);
        struct config_value value;
        topic_config_value(c->image, NULL, key, &value);

        configs[i].name = slice_of_text(key->name);
        configs[i].value = given.at != NULL ? given : decision_say(c->d, "%s", value.text);
        configs[i].config_source =
            given.at != NULL ? (int8_t)CONFIG_FROM_TOPIC : (int8_t)value.source;
    }
    out->configs = (struct array){.items = configs, .count = (int32_t)count};
    return true;
}

static void add_configs(struct creation *c, const struct create_topics_request_topic *topic)
{
    const struct create_topics_request_config *configs = topic->configs.items;
    for (int32_t i = 0; i < topic->configs.count; i++) {
        struct meta_record *r = decision_add(c->d, META_CONFIG);
        r->config.type = CONFIG_RESOURCE_TOPIC;
        r->config.name = topic->name;
        r->config.key = configs[i].name;
        r->config.value = normal(c, &configs[i]);
    }
}

static struct refusal create_topic(struct creation *c, int32_t index, struct uuid id,
                                   struct create_topics_response_topic *out)
{
    const struct create_topics_request_topic *topics = c->request->topics.items;
    const struct create_topics_request_topic *topic = &topics[index];

    struct refusal refusal = check_name(c, index);
    if (refusal.error == 0) refusal = check_configs(c, topic);
    if (refusal.error != 0) return refusal;

    struct meta_record *r = decision_add(c->d, META_TOPIC);
    r->topic.id = id;
    r->topic.name = topic->name;
    refusal = topic->assignments.count > 0 ? place_by_hand(c, topic, id, out)
                                           : place_by_load(c, topic, id, out);
    if (refusal.error == 0) add_configs(c, topic);
    return refusal;
}

/* A name that is in the request several times is answered once. */
static bool is_repeated(const struct create_topics_request_topic *topics, int32_t index)
{
    for (int32_t i = 0; i < index; i++) {
        if (slice_equal(topics[i].name, topics[index].name)) return true;
    }
    return false;
}

/* True: there is a topic more. */
static bool answer_creation(struct creation *c, int32_t index, struct uuid id,
                            struct create_topics_response_topic *out)
{
    uint32_t before = c->d->count;
    struct refusal refusal = create_topic(c, index, id, out);
    out->error_code = refusal.error;
    out->error_message = refusal.text;
    if (refusal.error == 0) {
        if (!c->request->validate_only) out->topic_id = id;
        c->partition_count += (uint32_t)out->num_partitions;
        return true;
    }
    decision_cut(c->d, before);
    out->num_partitions = -1;
    out->replication_factor = -1;
    return false;
}

int decide_create_topics(const struct meta_image *image,
                         const struct create_topics_request *request, const struct uuid *ids,
                         struct decision *d, struct create_topics_response *reply)
{
    CHECK(d->count == 0);
    const struct create_topics_request_topic *topics = request->topics.items;
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    struct creation c = {.image = image, .request = request, .d = d};
    struct create_topics_response_topic *results =
        decision_take(d, (uint32_t)count, sizeof *results);
    if (results == NULL || !placement_begin(&c.placement, image, d)) return -ERR_LIMIT;

    *reply = (struct create_topics_response){.topics = {.items = results}};
    uint32_t created = 0;
    for (int32_t i = 0; i < count; i++) {
        if (is_repeated(topics, i)) continue;
        struct create_topics_response_topic *out = &results[reply->topics.count++];
        *out = (struct create_topics_response_topic){
            .name = topics[i].name, .num_partitions = -1, .replication_factor = -1};
        if (!answer_creation(&c, i, ids[i], out)) continue;
        if (!list_configs(&c, &topics[i], out)) return -ERR_LIMIT;
        if (created++ == 0) decision_cause(d, "topic %.*s created", SLICE_TEXT(topics[i].name));
    }
    if (created > 1) decision_cause(d, "%u topics created", created);
    if (request->validate_only) decision_cut(d, 0);
    return 0;
}

/* ---- DeleteTopics. ---- */

/* How a request names a topic: by name up to version 5, by name or by id from 6 on. */
struct doomed {
    struct slice name;
    struct uuid id;
    const struct meta_topic *topic; /* NULL: there is none. */
};

static bool is_same(const struct doomed *a, const struct doomed *b)
{
    if (a->topic != NULL || b->topic != NULL) return a->topic == b->topic;
    return uuid_equal(a->id, b->id) && slice_equal(a->name, b->name);
}

/* Among the first `count`. */
static bool is_among(const struct doomed *all, uint32_t count, uint32_t index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i != index && is_same(&all[i], &all[index])) return true;
    }
    return false;
}

static struct refusal delete_topic(const struct meta_image *image, const struct doomed *x,
                                   int64_t wall_ms, struct decision *d,
                                   struct delete_topics_response_topic *out)
{
    bool by_name = x->name.at != NULL;
    if (by_name && !uuid_is_zero(x->id))
        return REFUSE(d, KAFKA_INVALID_REQUEST, "a topic is named both by name and by id");
    if (!by_name && uuid_is_zero(x->id))
        return REFUSE(d, KAFKA_INVALID_REQUEST, "a topic is named neither by name nor by id");
    if (x->topic == NULL && by_name)
        return REFUSE(d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "topic %.*s does not exist",
                      SLICE_TEXT(x->name));
    if (x->topic == NULL) return REFUSE(d, KAFKA_UNKNOWN_TOPIC_ID, "no topic has this id");

    out->name = decision_say(d, "%s", x->topic->name);
    out->topic_id = x->topic->id;
    decide_retire(image, x->topic, wall_ms, d);
    decision_cause(d, "topic %s deleted", x->topic->name);
    return GRANTED;
}

static struct doomed *take_doomed(const struct meta_image *image,
                                  const struct delete_topics_request *request, struct decision *d,
                                  uint32_t *count)
{
    const struct delete_topics_request_topic *topics = request->topics.items;
    const struct slice *names = request->topic_names.items;
    uint32_t topic_count = request->topics.count < 0 ? 0 : (uint32_t)request->topics.count;
    uint32_t name_count = request->topic_names.count < 0 ? 0 : (uint32_t)request->topic_names.count;
    struct doomed *all = decision_take(d, topic_count + name_count, sizeof *all);
    if (all == NULL) return NULL;

    *count = topic_count + name_count;
    for (uint32_t i = 0; i < *count; i++) {
        bool is_name = i >= topic_count;
        struct doomed *x = &all[i];
        x->name = is_name ? names[i - topic_count] : topics[i].name;
        x->id = is_name ? (struct uuid){0} : topics[i].topic_id;
        if (x->name.at == NULL)
            x->topic = meta_topic_by_id(image, x->id);
        else if (uuid_is_zero(x->id))
            x->topic = meta_topic_by_name(image, x->name);
    }
    return all;
}

/* Of a topic that is named twice nothing is deleted, and it is answered once, as Kafka does. */
int decide_delete_topics(const struct meta_image *image,
                         const struct delete_topics_request *request, int64_t wall_ms,
                         struct decision *d, struct delete_topics_response *reply)
{
    CHECK(d->count == 0);
    uint32_t count = 0;
    const struct doomed *all = take_doomed(image, request, d, &count);
    struct delete_topics_response_topic *results = decision_take(d, count, sizeof *results);
    if (all == NULL || results == NULL) return -ERR_LIMIT;

    *reply = (struct delete_topics_response){.responses = {.items = results}};
    for (uint32_t i = 0; i < count; i++) {
        if (is_among(all, i, i)) continue;
        struct delete_topics_response_topic *out = &results[reply->responses.count++];
        *out = (struct delete_topics_response_topic){.name = all[i].name, .topic_id = all[i].id};
        struct refusal refusal =
            is_among(all, count, i)
                ? REFUSE(d, KAFKA_INVALID_REQUEST, "a topic is in the request twice")
                : delete_topic(image, &all[i], wall_ms, d, out);
        out->error_code = refusal.error;
        out->error_message = refusal.text;
    }
    if (d->count > 1) decision_cause(d, "%u topics deleted", d->count);
    return 0;
}

/* ---- CreatePartitions. ---- */

struct growth {
    const struct meta_image *image;
    struct decision *d;
    struct placement placement;
    uint32_t partition_count; /* New ones, of the request so far. */
};

static struct refusal grow_by_hand(struct growth *g, const struct meta_topic *topic,
                                   const struct create_partitions_request_topic *wish)
{
    const struct create_partitions_request_assignment *given = wish->assignments.items;
    int32_t first = (int32_t)topic->partition_count;
    if (wish->assignments.count != wish->count - first)
        return REFUSE(g->d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "%d assignments for %d new partitions", wish->assignments.count,
                      wish->count - first);

    for (int32_t i = 0; i < wish->assignments.count; i++) {
        struct id_set replicas;
        struct refusal refusal = assignment_take(
            g->image, &given[i].broker_ids, topic->partitions[0].replicas.count, &replicas, g->d);
        if (refusal.error != 0) return refusal;
        placement_count(&g->placement, &replicas);
        add_partition(g->image, topic->id, first + i, &replicas, g->d);
    }
    return GRANTED;
}

static struct refusal grow(struct growth *g, const struct create_partitions_request_topic *wish)
{
    const struct meta_topic *topic = meta_topic_by_name(g->image, wish->name);
    if (topic == NULL || topic->partition_count == 0)
        return REFUSE(g->d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "topic %.*s does not exist",
                      SLICE_TEXT(wish->name));

    int32_t first = (int32_t)topic->partition_count;
    if (wish->count <= first)
        return REFUSE(g->d, KAFKA_INVALID_PARTITIONS,
                      "topic %s has %d partitions already, and %d were asked for", topic->name,
                      first, wish->count);
    if (wish->count - first > DECIDE_PARTITIONS_MAX - (int32_t)g->partition_count)
        return too_many(g->d);
    /* An empty list is one; that there is none is said by a null. */
    if (wish->assignments.count >= 0) return grow_by_hand(g, topic, wish);

    uint32_t replica_count = topic->partitions[0].replicas.count;
    if (replica_count > g->placement.count)
        return too_few_brokers(g->d, replica_count, g->placement.count);
    placement_topic(&g->placement, topic);
    for (int32_t number = first; number < wish->count; number++) {
        struct id_set set = placement_next(&g->placement, replica_count, (uint32_t)number);
        add_partition(g->image, topic->id, number, &set, g->d);
    }
    return GRANTED;
}

static bool is_named_twice(const struct array *wishes, int32_t index)
{
    const struct create_partitions_request_topic *topics = wishes->items;
    for (int32_t j = 0; j < wishes->count; j++) {
        if (j != index && slice_equal(topics[index].name, topics[j].name)) return true;
    }
    return false;
}

int decide_create_partitions(const struct meta_image *image,
                             const struct create_partitions_request *request, struct decision *d,
                             struct create_partitions_response *reply)
{
    CHECK(d->count == 0);
    const struct create_partitions_request_topic *topics = request->topics.items;
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    struct growth g = {.image = image, .d = d};
    struct create_partitions_response_topic *results =
        decision_take(d, (uint32_t)count, sizeof *results);
    if (results == NULL || !placement_begin(&g.placement, image, d)) return -ERR_LIMIT;

    for (int32_t i = 0; i < count; i++) {
        uint32_t before = d->count;
        struct refusal refusal =
            is_named_twice(&request->topics, i)
                ? REFUSE(d, KAFKA_INVALID_REQUEST, "topic %.*s is in the request twice",
                         SLICE_TEXT(topics[i].name))
                : grow(&g, &topics[i]);
        if (refusal.error != 0) decision_cut(d, before);
        results[i] = (struct create_partitions_response_topic){
            .name = topics[i].name, .error_code = refusal.error, .error_message = refusal.text};
        g.partition_count += d->count - before;
        if (d->count > before)
            decision_cause(d, "topic %.*s gets %u partitions more", SLICE_TEXT(topics[i].name),
                           d->count - before);
    }
    if (request->validate_only) decision_cut(d, 0);
    *reply = (struct create_partitions_response){.results = {.items = results, .count = count}};
    return 0;
}
