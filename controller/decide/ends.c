#include "controller/decide/ends.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "controller/decide/partitions.h"

static struct log_end_key key_of(struct uuid topic_id, int32_t number, int32_t broker)
{
    struct log_end_key key;
    memset(&key, 0, sizeof key); /* It is hashed, padding and all. */
    key.topic_id = topic_id;
    key.partition = number;
    key.broker = broker;
    return key;
}

void ends_note(struct log_ends *ends, int32_t broker, int64_t broker_epoch,
               const struct rpc_log_end *told)
{
    struct log_end_key key = key_of(told->topic_id, told->partition, broker);
    struct log_end *e = NULL;
    HASH_FIND(hh, ends->all, &key, sizeof key, e);
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        CHECK(e != NULL);
        e->key = key;
        HASH_ADD(hh, ends->all, key, sizeof key, e);
    }
    e->broker_epoch = broker_epoch;
    e->epoch = told->epoch;
    e->end = told->end;
}

void ends_close(struct log_ends *ends)
{
    struct log_end *e, *next;
    HASH_ITER(hh, ends->all, e, next)
    {
        HASH_DEL(ends->all, e);
        free(e);
    }
}

const struct log_end *ends_find(const struct log_ends *ends, const struct meta_image *image,
                                struct uuid topic_id, int32_t number, int32_t broker)
{
    struct log_end_key key = key_of(topic_id, number, broker);
    struct log_end *e = NULL;
    HASH_FIND(hh, ends->all, &key, sizeof key, e);
    const struct meta_broker *b = meta_broker_find(image, broker);
    return e != NULL && b != NULL && b->epoch == e->broker_epoch ? e : NULL;
}

static bool reaches_further(const struct log_end *a, const struct log_end *b)
{
    if (b == NULL) return true;
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->end > b->end;
}

int32_t ends_best(const struct log_ends *ends, const struct meta_image *image,
                  const struct meta_topic *topic, int32_t number, const struct id_set *required,
                  uint32_t canary)
{
    const struct id_set *replicas = &topic->partitions[number].replicas;
    const struct id_set *offline = &topic->partitions[number].offline;
    const struct log_end *best = NULL;
    for (uint32_t i = 0; i < replicas->count; i++) {
        int32_t id = replicas->ids[i];
        if (!broker_is_usable(image, id) || id_set_has(offline, id)) {
            if (required != NULL && id_set_has(required, id)) return META_NOBODY;
            continue;
        }
        const struct log_end *e = ends_find(ends, image, topic->id, number, id);
        if (e == NULL) return META_NOBODY;
        bool is_better = reaches_further(e, best);
        if (best != NULL && (canary & DECIDE_CANARY_SHORTEST) != 0) is_better = !is_better;
        if (is_better) best = e;
    }
    return best == NULL ? META_NOBODY : best->key.broker;
}

void ends_forget(struct log_ends *ends, struct uuid topic_id, int32_t number)
{
    struct log_end *e, *next;
    HASH_ITER(hh, ends->all, e, next)
    {
        if (e->key.partition != number || !uuid_equal(e->key.topic_id, topic_id)) continue;
        HASH_DEL(ends->all, e);
        free(e);
    }
}

void decide_recover(const struct meta_image *image, const struct log_ends *ends,
                    const struct meta_topic *topic, int32_t number, struct decision *d)
{
    CHECK(d->count == 0);
    struct partition_change c = partition_change_of(image, topic, number);
    struct meta_partition *p = &c.to;
    if (p->leader != META_NOBODY || p->isr.count > 0 || p->elr.count > 0) return;
    if (p->last_known_elr.count == 0) return;

    bool waits = !(d->canary & DECIDE_CANARY_ANY_LAST_HOPE);
    int32_t id =
        ends_best(ends, image, topic, number, waits ? &p->last_known_elr : NULL, d->canary);
    if (id == META_NOBODY) return;
    const struct log_end *e = ends_find(ends, image, topic->id, number, id);
    decision_cause(d,
                   "%s-%d: no replica is known to have everything, and broker %d reaches furthest "
                   "(epoch %d, end %lld)",
                   topic->name, number, id, e->epoch, (long long)e->end);
    partition_lead_alone(&c, id);
    partition_change_end(d, &c, false);
}
