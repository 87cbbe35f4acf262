#include "tests/unit/decide_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/decide/brokers.h"
#include "controller/decide/configs.h"
#include "controller/decide/handovers.h"
#include "controller/decide/isr.h"
#include "controller/decide/leaders.h"
#include "controller/decide/seeds.h"

#define ARENA_BYTES (8u * 1024 * 1024)

struct fixture *fixture_open(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->arena = (struct arena){.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    CHECK(f->arena.base != NULL);
    f->d.arena = &f->arena;
    decide_birth(&f->image, "AAAAAAAAAAAAAAAAAAAAAA", NULL, 0, &f->d);
    (void)fixture_commit(f);
    return f;
}

struct fixture *fixture_with(int32_t brokers, const char *replicas)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, brokers);
    (void)fixture_topic(f, "t", replicas);
    return f;
}

void fixture_close(struct fixture *f)
{
    decision_close(&f->d);
    meta_image_close(&f->image);
    free(f->arena.base);
    free(f);
}

void fixture_drop(struct fixture *f)
{
    decision_cut(&f->d, 0);
    f->arena.used = 0;
}

uint64_t fixture_commit(struct fixture *f)
{
    const char *why = NULL;
    struct meta_batch batch = {.level = META_LEVEL,
                               .cause = slice_of_text(f->d.cause),
                               .count = f->d.count,
                               .records = f->d.records};
    uint64_t index = f->image.index + 1;
    if (meta_try(&f->image, index, 1, &batch, &why) != 0)
        check_failed(__FILE__, __LINE__, __func__, why);
    meta_image_check(&f->image);
    fixture_drop(f);
    return index;
}

int16_t fixture_register(struct fixture *f, int32_t id, uint8_t incarnation, const char *rack,
                         bool is_log_whole)
{
    struct rpc_msg m = {.kind = RPC_REGISTER};
    struct slice why;
    m.register_broker.id = id;
    m.register_broker.incarnation.bytes[0] = incarnation;
    m.register_broker.rack = rack == NULL ? (struct slice){0} : slice_of_text(rack);
    m.register_broker.shard_count = 1;
    m.register_broker.listener_count = 1;
    m.register_broker.listeners[0].name = slice_of_text("INTERNAL");
    m.register_broker.listeners[0].host = slice_of_text("localhost");
    m.register_broker.listeners[0].port = (uint16_t)(9000 + id);
    m.register_broker.listeners[0].protocol = slice_of_text("PLAINTEXT");
    m.register_broker.replication_listener = slice_of_text("INTERNAL");
    m.register_broker.is_log_whole = is_log_whole;
    m.register_broker.cluster_id = slice_of_text("");
    m.register_broker.version = slice_of_text("1");
    return decide_register(&f->image, &m, f->image.index + 1, &f->d, &why);
}

void fixture_broker(struct fixture *f, int32_t id, const char *rack)
{
    CHECK(fixture_register(f, id, 1, rack, true) == 0);
    (void)fixture_commit(f);
    fixture_unfence(f, id);
}

void fixture_brokers(struct fixture *f, int32_t count)
{
    for (int32_t id = 1; id <= count; id++) fixture_broker(f, id, NULL);
}

void fixture_fence(struct fixture *f, int32_t id)
{
    decide_fence(&f->image, id, "a test", &f->d);
    (void)fixture_commit(f);
}

void fixture_unfence(struct fixture *f, int32_t id)
{
    decide_unfence(&f->image, id, "a test", &f->d);
    (void)fixture_commit(f);
}

void fixture_stop(struct fixture *f, int32_t id)
{
    decide_stop(&f->image, id, &f->d);
    (void)fixture_commit(f);
}

struct id_set fixture_ids(const char *text)
{
    struct id_set set = {0};
    while (*text != 0) {
        char *end;
        CHECK(id_set_add(&set, (int32_t)strtol(text, &end, 10)));
        text = *end == ',' ? end + 1 : end;
    }
    return set;
}

struct uuid fixture_topic(struct fixture *f, const char *name, const char *replicas)
{
    struct uuid id = {{0}};
    (void)snprintf((char *)id.bytes, sizeof id.bytes, "id-%.12s", name);
    struct meta_record *r = decision_add(&f->d, META_TOPIC);
    r->topic.id = id;
    r->topic.name = slice_of_text(name);

    struct id_set set = fixture_ids(replicas);
    r = decision_add(&f->d, META_PARTITION);
    r->partition.topic_id = id;
    r->partition.replicas = set;
    for (uint32_t i = 0; i < set.count; i++) {
        if (!meta_broker_find(&f->image, set.ids[i])->fenced)
            (void)id_set_add(&r->partition.isr, set.ids[i]);
    }
    r->partition.leader = r->partition.isr.ids[0];
    (void)fixture_commit(f);
    return id;
}

void fixture_config(struct fixture *f, int8_t type, const char *name, const char *key,
                    const char *value)
{
    struct meta_record *r = decision_add(&f->d, META_CONFIG);
    r->config.type = type;
    r->config.name = slice_of_text(name);
    r->config.key = slice_of_text(key);
    r->config.value = value == NULL ? (struct slice){0} : slice_of_text(value);
    (void)fixture_commit(f);
}

const struct meta_partition *fixture_partition(const struct fixture *f, const char *topic,
                                               int32_t number)
{
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text(topic));
    CHECK(t != NULL);
    return meta_partition_find(&f->image, t->id, number);
}

int16_t fixture_alter_config(struct fixture *f, int8_t type, const char *name, int8_t operation,
                             const char *key, const char *value, char *why)
{
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text(key),
        .config_operation = operation,
        .value = value == NULL ? (struct slice){0} : slice_of_text(value)};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = type,
        .resource_name = slice_of_text(name),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    struct incremental_alter_configs_response reply;
    CHECK(decide_incremental_alter_configs(&f->image, &group_limits_default, &request, &f->d,
                                           &reply) == 0);
    const struct altered_resource *r = reply.responses.items;
    int16_t error = r->error_code;
    CHECK(r->resource_type == type);
    CHECK(IMPLIES(error != 0, f->d.count == 0)); /* What is refused changes nothing. */
    if (why != NULL)
        (void)snprintf(why, 512, "%.*s", (int)r->error_message.size,
                       (const char *)r->error_message.at);
    if (f->d.count > 0) (void)fixture_commit(f);
    fixture_drop(f);
    return error;
}

int16_t fixture_elect(struct fixture *f, const struct log_ends *ends, const char *topic,
                      int8_t type)
{
    int32_t number = 0;
    struct elect_leaders_request_topic asked = {.topic = slice_of_text(topic),
                                                .partitions = {.items = &number, .count = 1}};
    struct elect_leaders_request request = {.election_type = type,
                                            .topic_partitions = {.items = &asked, .count = 1}};
    struct elect_leaders_response reply;
    CHECK(decide_elect_leaders(&f->image, ends, &request, &f->d, &reply) == 0);
    const struct elect_leaders_response_topic *t = reply.replica_election_results.items;
    const struct elect_leaders_response_partition *p = t->partition_result.items;
    int16_t error = p->error_code;
    if (f->d.count > 0) (void)fixture_commit(f);
    fixture_drop(f);
    return error;
}

void fixture_give_up(struct fixture *f, const char *topic)
{
    decide_give_up(&f->image, meta_topic_by_name(&f->image, slice_of_text(topic)), 0, &f->d);
    (void)fixture_commit(f);
}

static size_t write_ids(char *out, size_t size, const char *name, const struct id_set *set)
{
    size_t used = (size_t)snprintf(out, size, " %s ", name);
    for (uint32_t i = 0; i < set->count; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%d", i == 0 ? "" : ",", set->ids[i]);
    if (set->count == 0) used += (size_t)snprintf(out + used, size - used, "-");
    return used;
}

const char *fixture_text(const struct fixture *f, const char *topic)
{
    static char text[512];
    const struct meta_partition *p = fixture_partition(f, topic, 0);
    size_t used =
        (size_t)snprintf(text, sizeof text, "leader %d epoch %d", p->leader, p->leader_epoch);
    used += write_ids(text + used, sizeof text - used, "isr", &p->isr);
    used += write_ids(text + used, sizeof text - used, "elr", &p->elr);
    if (p->adding.count > 0)
        used += write_ids(text + used, sizeof text - used, "adding", &p->adding);
    if (p->removing.count > 0)
        used += write_ids(text + used, sizeof text - used, "removing", &p->removing);
    if (p->successor.count > 0)
        used += write_ids(text + used, sizeof text - used, "successor", &p->successor);
    if (p->last_known_elr.count > 0)
        used += write_ids(text + used, sizeof text - used, "last", &p->last_known_elr);
    if (p->offline.count > 0)
        (void)write_ids(text + used, sizeof text - used, "offline", &p->offline);
    return text;
}

static int16_t propose(struct fixture *f, int32_t sender, struct rpc_isr_change *change)
{
    struct rpc_msg m = {.kind = RPC_ALTER_ISR};
    m.alter_isr.id = sender;
    m.alter_isr.epoch = meta_broker_find(&f->image, sender)->epoch;
    m.alter_isr.count = 1;
    m.alter_isr.changes = change;

    struct rpc_isr_result result;
    decide_alter_isr(&f->image, &m, &f->d, &result);
    if (result.error == 0) (void)fixture_commit(f);
    fixture_drop(f);
    return result.error;
}

int16_t fixture_hand_over(struct fixture *f, const char *topic, int32_t sender, int32_t to,
                          uint64_t term_less)
{
    const struct meta_partition *p = fixture_partition(f, topic, 0);
    struct rpc_isr_change change = {.topic_id =
                                        meta_topic_by_name(&f->image, slice_of_text(topic))->id,
                                    .leader_epoch = p->leader_epoch,
                                    .partition_epoch = p->partition_epoch,
                                    .successor = {.count = 1, .ids = {to}},
                                    .term = f->image.term - term_less};
    return propose(f, sender, &change);
}

int16_t fixture_alter_isr(struct fixture *f, const char *topic, int32_t sender, const char *isr)
{
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text(topic));
    const struct meta_partition *p = &t->partitions[0];
    struct id_set set = fixture_ids(isr);
    struct rpc_isr_change change = {.topic_id = t->id,
                                    .leader_epoch = p->leader_epoch,
                                    .partition_epoch = p->partition_epoch,
                                    .isr_count = set.count};
    for (uint32_t i = 0; i < set.count; i++) {
        const struct meta_broker *b = meta_broker_find(&f->image, set.ids[i]);
        change.isr[i] = (struct rpc_isr_member){set.ids[i], b == NULL ? 0 : b->epoch};
    }
    return propose(f, sender, &change);
}
