#include "controller/decide/reassign.h"

#include <stdio.h>

#include "common/check.h"
#include "controller/decide/assignment.h"
#include "controller/decide/partitions.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"

static struct id_set less(const struct id_set *set, const struct id_set *without)
{
    struct id_set rest = {0};
    for (uint32_t i = 0; i < set->count; i++) {
        if (!id_set_has(without, set->ids[i])) (void)id_set_add(&rest, set->ids[i]);
    }
    return rest;
}

static bool is_moving(const struct meta_partition *p)
{
    return p->adding.count > 0 || p->removing.count > 0;
}

/* Back to what it was. Whoever was added and is the only one in sync must stay. */
static struct refusal cancel(struct partition_change *c, struct decision *d)
{
    struct meta_partition *p = &c->to;
    if (!is_moving(p))
        return REFUSE(d, KAFKA_NO_REASSIGNMENT_IN_PROGRESS, "no reassignment is under way");

    struct id_set isr = less(&p->isr, &p->adding);
    if (p->isr.count > 0 && isr.count == 0)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "none of the replicas that it would go back to is in sync");
    p->replicas = less(&p->replicas, &p->adding);
    p->isr = isr;
    p->elr = less(&p->elr, &p->adding);
    if (p->leader != META_NOBODY && !id_set_has(&p->replicas, p->leader)) p->leader = META_NOBODY;
    p->adding = p->removing = (struct id_set){0};
    partition_elect(c, d->canary);
    return GRANTED;
}

static struct refusal move_to(struct partition_change *c, const struct id_set *target,
                              bool may_change_count, struct decision *d)
{
    struct meta_partition *p = &c->to;
    struct id_set before = less(&p->replicas, &p->adding);
    if (!may_change_count && before.count != target->count)
        return REFUSE(d, KAFKA_INVALID_REPLICATION_FACTOR,
                      "the replication factor would change from %u to %u", before.count,
                      target->count);

    struct id_set removing = less(&before, target);
    /* What an earlier move had added and this one does not want goes at once. */
    struct id_set unwanted = less(&p->adding, target);
    if (target->count + removing.count > META_REPLICAS_MAX)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "%u replicas while it moves, and %d is the most",
                      target->count + removing.count, META_REPLICAS_MAX);
    struct id_set isr = less(&p->isr, &unwanted);
    if (p->isr.count > 0 && isr.count == 0)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "none of its replicas would be in sync any more");

    p->adding = less(target, &before);
    p->removing = removing;
    p->isr = isr;
    p->elr = less(&p->elr, &unwanted);
    p->replicas = *target;
    for (uint32_t i = 0; i < removing.count; i++) (void)id_set_add(&p->replicas, removing.ids[i]);
    if (p->leader != META_NOBODY && !id_set_has(&p->replicas, p->leader)) p->leader = META_NOBODY;
    partition_elect(c, d->canary);
    return GRANTED;
}

static struct refusal alter(const struct meta_image *image, const struct meta_topic *topic,
                            const struct alter_reassignments_request_partition *asked,
                            bool may_change_count, struct decision *d)
{
    int32_t number = asked->partition_index;
    if (topic == NULL || number < 0 || (uint32_t)number >= topic->partition_count)
        return REFUSE(d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "there is no such partition");
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->partition.partition == number && uuid_equal(r->partition.topic_id, topic->id))
            return REFUSE(d, KAFKA_INVALID_REQUEST, "the partition is in the request twice");
    }

    struct partition_change c = partition_change_of(image, topic, number);
    struct refusal refusal;
    if (asked->replicas.count < 0) {
        refusal = cancel(&c, d);
    } else {
        struct id_set target;
        refusal = assignment_take(image, &asked->replicas, 0, &target, d);
        if (refusal.error == KAFKA_NONE) refusal = move_to(&c, &target, may_change_count, d);
    }
    if (refusal.error == KAFKA_NONE) partition_change_end(d, &c, false);
    return refusal;
}

int decide_alter_reassignments(const struct meta_image *image,
                               const struct alter_reassignments_request *request,
                               struct decision *d, struct alter_reassignments_response *reply)
{
    CHECK(d->count == 0);
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    const struct alter_reassignments_request_topic *topics = request->topics.items;
    struct alter_reassignments_response_topic *results =
        decision_take(d, (uint32_t)count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;
    bool may_change_count = request->allow_replication_factor_change;
    *reply =
        (struct alter_reassignments_response){.allow_replication_factor_change = may_change_count,
                                              .responses = {.items = results, .count = count}};

    for (int32_t i = 0; i < count; i++) {
        const struct alter_reassignments_request_partition *asked = topics[i].partitions.items;
        int32_t asked_count = topics[i].partitions.count < 0 ? 0 : topics[i].partitions.count;
        struct alter_reassignments_response_partition *parts =
            decision_take(d, (uint32_t)asked_count, sizeof *parts);
        if (parts == NULL) return -ERR_LIMIT;
        const struct meta_topic *topic = meta_topic_by_name(image, topics[i].name);
        for (int32_t j = 0; j < asked_count; j++) {
            struct refusal refusal = alter(image, topic, &asked[j], may_change_count, d);
            parts[j] = (struct alter_reassignments_response_partition){
                .partition_index = asked[j].partition_index,
                .error_code = refusal.error,
                .error_message = refusal.text};
        }
        results[i] = (struct alter_reassignments_response_topic){
            .name = topics[i].name, .partitions = {.items = parts, .count = asked_count}};
    }
    decision_cause(d, "a reassignment of %u partitions is asked for", d->count);
    return 0;
}

/* ---- A broker leaves for good. ---- */

static uint32_t count_replicas(const struct meta_image *image, int32_t id)
{
    uint32_t count = 0;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++)
            count += id_set_has(&t->partitions[i].replicas, id);
    }
    return count;
}

static void forget_configs(const struct meta_image *image, int32_t id, struct decision *d)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", id);
    for (const struct meta_config *c = image->configs; c != NULL; c = c->hh.next) {
        if (c->type != CONFIG_RESOURCE_BROKER || strcmp(c->name, name) != 0) continue;
        struct meta_record *r = decision_add(d, META_CONFIG);
        r->config.type = c->type;
        r->config.name = decision_say(d, "%s", name);
        r->config.key = decision_say(d, "%s", c->key); /* The image's goes with the decision. */
        r->config.value = (struct slice){0};
    }
}

static struct refusal unregister(const struct meta_image *image, int32_t id, struct decision *d)
{
    const struct meta_broker *broker = meta_broker_find(image, id);
    if (broker == NULL)
        return REFUSE(d, KAFKA_BROKER_ID_NOT_REGISTERED, "no broker %d is registered", id);

    uint32_t count = count_replicas(image, id);
    if (count > 0)
        return REFUSE(d, KAFKA_INVALID_REQUEST,
                      "broker %d holds replicas of %u partitions: move them first "
                      "(jackdaw brokers remove %d does)",
                      id, count, id);
    if (!broker->fenced)
        return REFUSE(d, KAFKA_INVALID_REQUEST, "broker %d is alive: stop it first", id);

    decision_cause(d, "broker %d is removed", id);
    forget_configs(image, id, d);
    decision_add(d, META_BROKER_REMOVED)->broker_removed.id = id;
    return GRANTED;
}

void decide_unregister(const struct meta_image *image,
                       const struct unregister_broker_request *request, struct decision *d,
                       struct unregister_broker_response *reply)
{
    CHECK(d->count == 0);
    struct refusal refusal = unregister(image, request->broker_id, d);
    *reply = (struct unregister_broker_response){.error_code = refusal.error,
                                                 .error_message = refusal.text};
}
