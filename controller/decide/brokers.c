#include "controller/decide/brokers.h"

#include "common/check.h"
#include "controller/decide/partitions.h"
#include "controller/decide/seeds.h"
#include "proto/kafka_errors.h"

/* Does a leader on its way out wait for whoever comes in sync, maybe for that one? */
static bool is_waited_for(const struct meta_image *image, const struct meta_partition *p,
                          int32_t id)
{
    return id_set_has(&p->replicas, id) && p->successor.count == 0 &&
           partition_is_on_the_move(image, p);
}

/* Every partition in whose ISR, ELR or leadership the broker has a part, or may have. is_new: it is
 * another incarnation, which tells anew how its disks fare. */
static void drop_everywhere(const struct meta_image *image, int32_t id, bool keep, bool is_new,
                            struct decision *d)
{
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            bool is_out_already =
                !id_set_has(&p->isr, id) && p->leader != id && (keep || !id_set_has(&p->elr, id));
            bool has_news = is_new && id_set_has(&p->offline, id);
            if (is_out_already && !has_news && !is_waited_for(image, p, id)) continue;

            struct partition_change c = partition_change_of(image, t, (int32_t)i);
            c.gone = id;
            if (has_news) (void)id_set_remove(&c.to.offline, id);
            partition_drop(&c, id, keep);
            partition_elect(&c, d->canary);
            partition_change_end(d, &c, false);
        }
    }
}

static void add_state(const struct meta_broker *broker, bool fenced, bool stopping,
                      struct decision *d)
{
    struct meta_record *r = decision_add(d, META_BROKER_STATE);
    r->broker_state.id = broker->id;
    r->broker_state.epoch = broker->epoch;
    r->broker_state.fenced = fenced;
    r->broker_state.stopping = stopping;
}

static void add_broker(const struct rpc_msg *request, uint64_t index, struct decision *d)
{
    struct meta_record *r = decision_add(d, META_BROKER);
    r->broker.id = request->register_broker.id;
    r->broker.epoch = (int64_t)index;
    r->broker.incarnation = request->register_broker.incarnation;
    r->broker.secret = request->register_broker.secret;
    r->broker.rack = request->register_broker.rack;
    r->broker.shard_count = request->register_broker.shard_count;
    r->broker.listener_count = request->register_broker.listener_count;
    for (uint32_t i = 0; i < request->register_broker.listener_count; i++)
        r->broker.listeners[i] = request->register_broker.listeners[i];
    r->broker.replication_listener = request->register_broker.replication_listener;
    r->broker.version = request->register_broker.version;
}

int16_t decide_register(const struct meta_image *image, const struct rpc_msg *request,
                        uint64_t index, struct decision *d, struct slice *text)
{
    CHECK(request->kind == RPC_REGISTER);

    int32_t id = request->register_broker.id;
    struct slice cluster = request->register_broker.cluster_id;
    if (cluster.size > 0 && !slice_equal(cluster, slice_of_text(image->cluster_id))) {
        *text =
            decision_say(d, "broker %d has the log folder of cluster %.*s, and this is cluster %s",
                         id, SLICE_TEXT(cluster), image->cluster_id);
        return KAFKA_INCONSISTENT_CLUSTER_ID;
    }
    bool is_whole = request->register_broker.is_log_whole;
    decision_cause(d, "broker %d registers, its log %s", id,
                   is_whole ? "is whole" : "may lack what it had");

    if (image->brokers == NULL)
        decide_seeds(image, request->register_broker.seeds, request->register_broker.seed_count, d);
    bool keeps = (d->canary & DECIDE_CANARY_REGISTER_KEEPS) != 0;
    if (meta_broker_find(image, id) != NULL && !keeps)
        drop_everywhere(image, id, is_whole, true, d);
    add_broker(request, index, d);

    /* What a stranger has sent may be illegal in itself. */
    const char *why = NULL;
    struct meta_image nothing = {.index = index - 1};
    if (meta_check(&nothing, &d->records[d->count - 1], &why) != 0) {
        *text = decision_say(d, "%s", why);
        decision_cut(d, 0);
        return KAFKA_INVALID_REGISTRATION;
    }
    return KAFKA_NONE;
}

void decide_fence(const struct meta_image *image, int32_t id, const char *why, struct decision *d)
{
    const struct meta_broker *broker = meta_broker_find(image, id);
    CHECK(broker != NULL && !broker->fenced);

    decision_cause(d, "broker %d fenced: %s", id, why);
    drop_everywhere(image, id, true, false, d);
    add_state(broker, true, broker->stopping, d);
}

void decide_unfence(const struct meta_image *image, int32_t id, const char *why, struct decision *d)
{
    const struct meta_broker *broker = meta_broker_find(image, id);
    CHECK(broker != NULL && broker->fenced);

    decision_cause(d, "broker %d unfenced: %s", id, why);
    add_state(broker, false, broker->stopping, d);
    if (broker->stopping) return;

    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->leader != META_NOBODY || !id_set_has(&p->replicas, id)) continue;

            struct partition_change c = partition_change_of(image, t, (int32_t)i);
            c.back = id;
            partition_elect(&c, d->canary);
            partition_change_end(d, &c, false);
        }
    }
}

/* Its partitions are handed over where somebody can take them, or will be able to before long; the
 * rest it leaves. */
static void leave(const struct meta_image *image, const struct meta_topic *t, int32_t number,
                  int32_t id, struct decision *d)
{
    const struct meta_partition *p = &t->partitions[number];
    bool is_out_already = !id_set_has(&p->isr, id) && p->leader != id;
    if (is_out_already && !is_waited_for(image, p, id)) return;

    struct partition_change c = partition_change_of(image, t, number);
    c.stopping = id;
    if (p->leader != id) {
        c.gone = id;
        partition_drop(&c, id, true);
        partition_elect(&c, d->canary);
    }
    /* Its time runs from here, also if it only waits. */
    partition_change_end(d, &c, p->leader == id);
}

void decide_stop(const struct meta_image *image, int32_t id, struct decision *d)
{
    const struct meta_broker *broker = meta_broker_find(image, id);
    CHECK(broker != NULL && !broker->stopping);

    decision_cause(d, "broker %d asks for a controlled shutdown", id);
    add_state(broker, broker->fenced, true, d);
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) leave(image, t, (int32_t)i, id, d);
    }
}
