/* An admin: makes the topics of the run, and then changes things while everybody works. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/create_partitions.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/delete_records.h"
#include "proto/msg/delete_topics.h"
#include "proto/msg/elect_leaders.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/retired_topics.h"
#include "proto/topic_configs.h"
#include "tests/sim/admin_moves.h"
#include "tests/sim/admin_quorum.h"
#include "tests/sim/clients.h"

#define RETRY_MS 200
#define VOLATILE_MAX 2 /* Topics v0, v1 come and go. */
#define CONFIGS_MAX 4
#define DELETED_MAX 4

struct admin_client {
    struct client c;  /* First. */
    uint32_t created; /* Of the run's own topics. */
    bool is_out;
    uint64_t next_ms;
    struct admin_voter gone;
    uint32_t deleted_count; /* So far; the last few of them are in `deleted`. */
    struct uuid deleted[DELETED_MAX];
    uint64_t undeleted; /* And it was granted. */
    uint64_t done[DEED_COUNT];
};

static struct admin_client *admin_of(struct client *c)
{
    return (struct admin_client *)c;
}

/* ---- Deeds. ---- */

static void create_topic(struct admin_client *a, const char *name, uint32_t partitions,
                         uint32_t factor, uint32_t min_isr, bool flushes, const char *delay_ms)
{
    struct create_topics_request_config configs[CONFIGS_MAX];
    int32_t config_count = 0;
    char min[16];
    (void)snprintf(min, sizeof min, "%u", min_isr);
    if (min_isr > 0) {
        configs[config_count++] = (struct create_topics_request_config){
            .name = slice_of_text("min.insync.replicas"), .value = slice_of_text(min)};
    }
    if (flushes) {
        configs[config_count++] = (struct create_topics_request_config){
            .name = slice_of_text("flush.messages"), .value = slice_of_text("1")};
    }
    if (delay_ms != NULL) {
        configs[config_count++] = (struct create_topics_request_config){
            .name = slice_of_text("file.delete.delay.ms"), .value = slice_of_text(delay_ms)};
    }
    configs[config_count++] = (struct create_topics_request_config){
        .name = slice_of_text("index.interval.bytes"), .value = slice_of_text("300")};
    CHECK(config_count <= CONFIGS_MAX);
    struct create_topics_request_topic topic;
    kafka_defaults(&schema_create_topics_request_topic, &topic);
    topic.name = slice_of_text(name);
    topic.num_partitions = (int32_t)partitions;
    topic.replication_factor = (int16_t)factor;
    topic.configs = (struct array){configs, config_count};
    struct create_topics_request q;
    kafka_defaults(&schema_create_topics_request, &q);
    q.topics = (struct array){&topic, 1};
    q.timeout_ms = 3000;
    a->is_out =
        client_send(&a->c, client_any_broker(&a->c), KAFKA_API_CREATE_TOPICS, &q, NULL, true);
}

static const struct client_topic *topic_named(const struct client *c, const char *name)
{
    for (uint32_t i = 0; i < c->topic_count; i++) {
        if (strcmp(c->topics[i].name, name) == 0) return &c->topics[i];
    }
    return NULL;
}

static void create_own(struct admin_client *a)
{
    const struct cluster_options *o = &a->c.cluster->options;
    char name[16];
    uint32_t n = a->created;
    (void)snprintf(name, sizeof name, "t%u", n);
    if (topic_named(&a->c, name) != NULL) {
        a->created++;
        return;
    }
    create_topic(a, name, o->partition_count[n], o->replication_factor[n], o->topic_min_isr[n],
                 o->topic_flushes[n], NULL);
}

static void create_volatile(struct admin_client *a)
{
    struct prng *p = &a->c.prng;
    const struct cluster_options *o = &a->c.cluster->options;
    char name[16];
    (void)snprintf(name, sizeof name, "v%u", (uint32_t)prng_range(p, 0, VOLATILE_MAX - 1));
    uint32_t factor = o->broker_count < 3 ? o->broker_count : 3;
    static const char *const delays_ms[] = {NULL, "0", "3000", "20000"};
    uint32_t partitions = (uint32_t)prng_range(p, 1, 2);
    bool flushes = prng_chance(p, 1, 6) || o->power == POWER_ANY;
    create_topic(a, name, partitions, factor, 0, flushes, delays_ms[prng_range(p, 0, 3)]);
}

static const struct client_topic *any_topic(struct admin_client *a)
{
    struct client *c = &a->c;
    return c->topic_count == 0 ? NULL : &c->topics[prng_range(&c->prng, 0, c->topic_count - 1)];
}

static void delete_topic(struct admin_client *a)
{
    const struct client_topic *t = any_topic(a);
    if (t == NULL || t->name[0] != 'v') return;

    (void)history_part(a->c.history, t->id, t->name, 0);
    history_topic(a->c.history, t->id)->is_deleted = true;
    a->deleted[a->deleted_count++ % DELETED_MAX] = t->id;
    struct delete_topics_request_topic topic = {.topic_id = t->id};
    struct delete_topics_request q;
    kafka_defaults(&schema_delete_topics_request, &q);
    q.topics = (struct array){&topic, 1};
    q.timeout_ms = 3000;
    a->is_out =
        client_send(&a->c, client_any_broker(&a->c), KAFKA_API_DELETE_TOPICS, &q, NULL, true);
}

/* One of those that went last; or it is too late, or never was asked for. */
static void undelete_topic(struct admin_client *a)
{
    uint32_t count = a->deleted_count < DELETED_MAX ? a->deleted_count : DELETED_MAX;
    if (count == 0) return;

    struct retired_topics_request_topic topic;
    kafka_defaults(&schema_retired_topics_request_topic, &topic);
    topic.topic_id = a->deleted[prng_range(&a->c.prng, 0, count - 1)];
    struct retired_topics_request q = {
        .action = RETIRED_RESTORE, .topics = {&topic, 1}, .timeout_ms = 3000};
    a->is_out =
        client_send(&a->c, client_any_broker(&a->c), KAFKA_API_RETIRED_TOPICS, &q, NULL, true);
}

static void grow_topic(struct admin_client *a)
{
    const struct client_topic *t = any_topic(a);
    if (t == NULL || t->partition_count >= CLUSTER_PARTITIONS_MAX) return;

    struct create_partitions_request_topic topic = {
        .name = slice_of_text(t->name),
        .count = (int32_t)t->partition_count + 1,
        .assignments = {.count = -1},
    };
    struct create_partitions_request q;
    kafka_defaults(&schema_create_partitions_request, &q);
    q.topics = (struct array){&topic, 1};
    q.timeout_ms = 3000;
    a->is_out =
        client_send(&a->c, client_any_broker(&a->c), KAFKA_API_CREATE_PARTITIONS, &q, NULL, true);
}

static void change_config(struct admin_client *a)
{
    const struct client_topic *t = any_topic(a);
    if (t == NULL) return;

    struct prng *p = &a->c.prng;
    const struct cluster_options *o = &a->c.cluster->options;
    static const char *const keys[] = {"min.insync.replicas", "segment.bytes", "flush.messages"};
    uint32_t which = (uint32_t)prng_range(p, 0, o->power == POWER_ANY ? 1 : 2);
    uint32_t low = o->power == POWER_ONE ? 2 : 1;
    uint64_t number = which == 0   ? prng_range(p, low, 3)
                      : which == 1 ? prng_range(p, 1000, 100000)
                                   : prng_range(p, 1, 2);
    char value[24];
    (void)snprintf(value, sizeof value, "%llu", (unsigned long long)number);
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text(keys[which]),
        .config_operation = CONFIG_OP_SET,
        .value = slice_of_text(value),
    };
    if (prng_chance(p, 1, 3)) {
        config.config_operation = CONFIG_OP_DELETE;
        config.value = (struct slice){0};
    }
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = CONFIG_RESOURCE_TOPIC,
        .resource_name = slice_of_text(t->name),
        .configs = {&config, 1},
    };
    struct incremental_alter_configs_request q = {.resources = {&resource, 1}};
    a->is_out = client_send(&a->c, client_any_broker(&a->c), KAFKA_API_INCREMENTAL_ALTER_CONFIGS,
                            &q, NULL, true);
}

static void delete_records(struct admin_client *a)
{
    const struct client_topic *t = any_topic(a);
    /* By name: of a topic that comes and goes it could be another one's. */
    if (t == NULL || t->partition_count == 0 || t->name[0] == 'v') return;

    struct history *h = a->c.history;
    int32_t number = (int32_t)prng_range(&a->c.prng, 0, t->partition_count - 1);
    uint32_t part = history_part(h, t->id, t->name, number);
    int32_t leader = t->partitions[number].leader;
    struct part_note *note = &h->parts[part];
    if (leader < 1 || note->committed_end == 0) return;
    /* Half of what there is, at the most: the rest is still to be judged. */
    int64_t before = (int64_t)prng_range(&a->c.prng, 0, (uint64_t)note->committed_end / 2);
    if (before > note->delete_before) note->delete_before = before;
    struct delete_records_request_partition partition = {.partition_index = number,
                                                         .offset = before};
    struct delete_records_request_topic topic = {.name = slice_of_text(t->name),
                                                 .partitions = {&partition, 1}};
    struct delete_records_request q = {.topics = {&topic, 1}, .timeout_ms = 3000};
    a->is_out = client_send(&a->c, (uint32_t)leader - 1, KAFKA_API_DELETE_RECORDS, &q, NULL, true);
}

static void elect(struct admin_client *a)
{
    struct elect_leaders_request q;
    kafka_defaults(&schema_elect_leaders_request, &q);
    q.election_type = ELECTION_PREFERRED;
    q.topic_partitions = (struct array){.count = -1};
    q.timeout_ms = 3000;
    a->is_out =
        client_send(&a->c, client_any_broker(&a->c), KAFKA_API_ELECT_LEADERS, &q, NULL, true);
}

static void move(struct admin_client *a)
{
    a->is_out = admin_move(&a->c, any_topic(a));
}

static void change_voters(struct admin_client *a)
{
    a->is_out = admin_change_voters(&a->c, &a->gone, true);
}

static void drain(struct admin_client *a)
{
    a->is_out = admin_drain(&a->c);
}

static void do_something(struct admin_client *a)
{
    static void (*const deeds[DEED_COUNT])(struct admin_client *) = {
        [DEED_create] = create_volatile,
        [DEED_delete] = delete_topic,
        [DEED_grow] = grow_topic,
        [DEED_config] = change_config,
        [DEED_delete_records] = delete_records,
        [DEED_elect] = elect,
        [DEED_move] = move,
        [DEED_voters] = change_voters,
        [DEED_drain] = drain,
        [DEED_undelete] = undelete_topic,
    };
    enum admin_deed deed = (enum admin_deed)prng_range(&a->c.prng, 0, DEED_COUNT - 1);
    deeds[deed](a);
    a->done[deed] += a->is_out;
}

/* ---- The turn. ---- */

static void on_answer(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context)
{
    (void)broker;
    (void)context;
    if (api == KAFKA_API_RETIRED_TOPICS && message != NULL) {
        const struct retired_topics_response *answer = message;
        const struct retired_topics_response_topic *topics = answer->topics.items;
        bool is_back = answer->topics.count == 1 && topics[0].error_code == KAFKA_NONE;
        admin_of(c)->undeleted += is_back;
    }
    admin_of(c)->is_out = false;
    client_suspect(c);
}

/* Whom it took out of the quorum it puts back. */
static uint64_t quiet_turn(struct admin_client *a, uint64_t now)
{
    if (a->gone.id == 0) return ENV_NEVER;
    if (!a->is_out && now >= a->next_ms) {
        a->is_out = admin_change_voters(&a->c, &a->gone, false);
        a->next_ms = now + RETRY_MS;
    }
    return a->next_ms > now ? a->next_ms : now + RETRY_MS;
}

static uint64_t turn(struct client *c)
{
    struct admin_client *a = admin_of(c);
    const struct cluster_options *o = &c->cluster->options;
    uint64_t now = env_now_ms(c->env);
    bool is_making = a->created < o->topic_count;
    if (c->is_quiet) return quiet_turn(a, now);
    if (!is_making && o->admin_pause_ms == 0) return ENV_NEVER;
    if (a->is_out || now < a->next_ms) return a->next_ms > now ? a->next_ms : now + RETRY_MS;

    if (is_making) {
        create_own(a);
        a->next_ms = now + RETRY_MS;
    } else {
        do_something(a);
        a->next_ms = now + prng_range(&c->prng, o->admin_pause_ms / 2, o->admin_pause_ms * 3 / 2);
    }
    return a->next_ms;
}

static void close_admin(struct client *c)
{
    free(admin_of(c));
}

static const struct client_kind kind = {.on_answer = on_answer, .turn = turn, .close = close_admin};

bool admin_is_ready(const struct client *c)
{
    const struct admin_client *a = (const struct admin_client *)(const void *)c;
    return a->created == c->cluster->options.topic_count;
}

const uint64_t *admin_deeds(const struct client *c)
{
    return ((const struct admin_client *)(const void *)c)->done;
}

void admin_print(const struct client *c, FILE *to)
{
    const struct admin_client *a = (const struct admin_client *)(const void *)c;
    static const char *const names[] = {
#define X(name) #name,
        ADMIN_DEEDS(X)
#undef X
    };
    (void)fprintf(to, "%s:", c->name);
    for (uint32_t i = 0; i < DEED_COUNT; i++) {
        (void)fprintf(to, " %s %llu", names[i], (unsigned long long)a->done[i]);
    }
    (void)fprintf(to, " (undeleted %llu)\n", (unsigned long long)a->undeleted);
}

struct client *admin_open(struct cluster *cluster, struct history *history)
{
    struct admin_client *a = calloc(1, sizeof *a);
    CHECK(a != NULL);
    a->c.kind = &kind;
    client_open(&a->c, cluster, history, "admin", 7000);
    a->c.request_timeout_ms = 8000;
    return &a->c;
}
