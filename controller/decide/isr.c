#include "controller/decide/isr.h"

#include <stdio.h>

#include "common/check.h"
#include "controller/decide/partitions.h"
#include "proto/kafka_errors.h"

/* The same partition twice in one request: the second is based on an old state. */
static bool was_changed_already(const struct decision *d, const struct rpc_isr_change *change)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->partition.partition == change->partition &&
            uuid_equal(r->partition.topic_id, change->topic_id))
            return true;
    }
    return false;
}

static int16_t check_members(const struct meta_image *image, const struct meta_partition *p,
                             const struct rpc_isr_change *change, uint32_t canary)
{
    struct id_set set = {0};
    if (change->isr_count == 0 || change->isr_count > META_REPLICAS_MAX)
        return KAFKA_INVALID_REQUEST;
    for (uint32_t i = 0; i < change->isr_count; i++) {
        if (!id_set_add(&set, change->isr[i].id)) return KAFKA_INVALID_REQUEST;
    }
    if (!id_set_within(&set, &p->replicas)) return KAFKA_INVALID_REQUEST;
    if (!id_set_has(&set, p->leader)) return KAFKA_INVALID_REQUEST;

    for (uint32_t i = 0; i < change->isr_count; i++) {
        const struct rpc_isr_member *member = &change->isr[i];
        const struct meta_broker *broker = meta_broker_find(image, member->id);
        bool is_joining = !id_set_has(&p->isr, member->id);
        bool is_fence_checked = !(canary & DECIDE_CANARY_ISR_FENCED);
        if (broker == NULL || (broker->fenced && is_fence_checked)) return KAFKA_INELIGIBLE_REPLICA;
        if (id_set_has(&p->offline, member->id)) return KAFKA_INELIGIBLE_REPLICA;
        if (is_joining && broker->stopping) return KAFKA_INELIGIBLE_REPLICA;
        bool is_epoch_checked = !(canary & DECIDE_CANARY_ISR_ANY_BROKER_EPOCH);
        if (is_epoch_checked && broker->epoch != member->broker_epoch)
            return KAFKA_INELIGIBLE_REPLICA;
    }
    return KAFKA_NONE;
}

/* DESIGN 6.12. The term: an older proposal of the leader's that was lost on the way must not come
 * true when it has gone on to append. */
static int16_t check_successor(const struct meta_image *image, const struct meta_partition *p,
                               const struct rpc_isr_change *change)
{
    if (change->term != image->term) return KAFKA_NOT_CONTROLLER;
    if (change->successor.count != 1) return KAFKA_INVALID_REQUEST;

    int32_t id = change->successor.ids[0];
    if (!id_set_has(&p->successor, id)) return KAFKA_INELIGIBLE_REPLICA;
    bool is_fit = broker_is_usable(image, id) && !id_set_has(&p->offline, id);
    return is_fit ? KAFKA_NONE : KAFKA_INELIGIBLE_REPLICA;
}

static int16_t check_change(const struct meta_image *image, int32_t sender,
                            const struct rpc_isr_change *change, const struct decision *d)
{
    if (meta_topic_by_id(image, change->topic_id) == NULL) return KAFKA_UNKNOWN_TOPIC_ID;
    const struct meta_partition *p =
        meta_partition_find(image, change->topic_id, change->partition);
    if (p == NULL) return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;

    if (change->leader_epoch > p->leader_epoch) return KAFKA_NOT_CONTROLLER;
    if (change->leader_epoch < p->leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (p->leader != sender) return KAFKA_INVALID_REQUEST;
    if (change->partition_epoch > p->partition_epoch) return KAFKA_NOT_CONTROLLER;
    if (change->partition_epoch < p->partition_epoch) return KAFKA_INVALID_UPDATE_VERSION;
    if (was_changed_already(d, change)) return KAFKA_INVALID_UPDATE_VERSION;
    if (change->successor.count > 0) return check_successor(image, p, change);
    return check_members(image, p, change, d->canary);
}

static void accept_successor(const struct meta_image *image, const struct rpc_isr_change *change,
                             struct decision *d)
{
    const struct meta_topic *topic = meta_topic_by_id(image, change->topic_id);
    struct partition_change c = partition_change_of(image, topic, change->partition);
    const struct meta_broker *old = meta_broker_find(image, c.to.leader);

    if (old != NULL && old->stopping) partition_drop(&c, old->id, true);
    c.to.leader = change->successor.ids[0];
    partition_change_end(d, &c, true);
}

static void accept(const struct meta_image *image, const struct rpc_isr_change *change,
                   struct decision *d)
{
    const struct meta_topic *topic = meta_topic_by_id(image, change->topic_id);
    struct partition_change c = partition_change_of(image, topic, change->partition);
    struct id_set old = c.to.isr;

    /* Members that the leader throws out first: they are eligible if too few are left. */
    for (uint32_t i = 0; i < old.count; i++) {
        bool stays = false;
        for (uint32_t j = 0; j < change->isr_count; j++)
            stays = stays || change->isr[j].id == old.ids[i];
        if (!stays) partition_drop(&c, old.ids[i], true);
    }
    for (uint32_t j = 0; j < change->isr_count; j++) {
        (void)id_set_add(&c.to.isr, change->isr[j].id);
        (void)id_set_remove(&c.to.elr, change->isr[j].id);
    }
    /* The leader waits for a new partition epoch in the stream, also if it asked for what is. */
    partition_change_end(d, &c, true);
}

/* "orders-0: in sync are 1,2,3 (broker 1 proposes it)". */
static void name_cause(const struct meta_image *image, int32_t sender, struct decision *d)
{
    if (d->count != 1) {
        uint32_t handed_over = 0;
        for (uint32_t i = 0; i < d->count; i++)
            handed_over += d->records[i].partition.leader != sender;
        decision_cause(d,
                       "broker %d has handed over %u partitions, and proposes the in-sync "
                       "replicas of %u",
                       sender, handed_over, d->count - handed_over);
        return;
    }
    const struct meta_record *r = &d->records[0];
    const struct meta_topic *topic = meta_topic_by_id(image, r->partition.topic_id);
    if (r->partition.leader != sender) {
        decision_cause(d, "%s-%d: broker %d has handed over to broker %d", topic->name,
                       r->partition.partition, sender, r->partition.leader);
        return;
    }
    char ids[META_REPLICAS_MAX * 12 + 1] = "";
    for (uint32_t i = 0; i < r->partition.isr.count; i++) {
        size_t used = strlen(ids);
        (void)snprintf(ids + used, sizeof ids - used, "%s%d", i == 0 ? "" : ",",
                       r->partition.isr.ids[i]);
    }
    decision_cause(d, "%s-%d: in sync are %s (broker %d proposes it)", topic->name,
                   r->partition.partition, ids, sender);
}

void decide_alter_isr(const struct meta_image *image, const struct rpc_msg *request,
                      struct decision *d, struct rpc_isr_result *results)
{
    CHECK(request->kind == RPC_ALTER_ISR);
    CHECK(d->count == 0);

    int32_t sender = request->alter_isr.id;
    const struct meta_broker *broker = meta_broker_find(image, sender);
    bool is_present = broker != NULL && broker->epoch == request->alter_isr.epoch;

    for (uint32_t i = 0; i < request->alter_isr.count; i++) {
        const struct rpc_isr_change *change = &request->alter_isr.changes[i];
        struct rpc_isr_result *result = &results[i];
        *result = (struct rpc_isr_result){.topic_id = change->topic_id,
                                          .partition = change->partition,
                                          .error = KAFKA_STALE_BROKER_EPOCH};
        if (is_present) result->error = check_change(image, sender, change, d);

        const struct meta_partition *p =
            meta_partition_find(image, change->topic_id, change->partition);
        result->partition_epoch = p == NULL ? -1 : p->partition_epoch;
        if (result->error != KAFKA_NONE) continue;
        if (change->successor.count > 0)
            accept_successor(image, change, d);
        else
            accept(image, change, d);
        result->partition_epoch++;
    }
    name_cause(image, sender, d);
}
