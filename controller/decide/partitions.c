#include "controller/decide/partitions.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "proto/topic_configs.h"

struct partition_change partition_change_of(const struct meta_image *image,
                                            const struct meta_topic *topic, int32_t number)
{
    CHECK(number >= 0 && (uint32_t)number < topic->partition_count);
    return (struct partition_change){
        .image = image,
        .topic = topic,
        .number = number,
        .to = topic->partitions[number],
        .back = META_NOBODY,
        .gone = META_NOBODY,
        .stopping = META_NOBODY,
        .draining = META_NOBODY,
    };
}

bool broker_is_usable(const struct meta_image *image, int32_t id)
{
    const struct meta_broker *broker = meta_broker_find(image, id);
    return broker != NULL && !broker->fenced && !broker->stopping;
}

bool partition_is_on_the_move(const struct meta_image *image, const struct meta_partition *p)
{
    if (p->successor.count > 0) return true;
    const struct meta_broker *leader = meta_broker_find(image, p->leader);
    return leader != NULL && leader->stopping;
}

bool broker_is_drained(const struct meta_image *image, int32_t id)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", id);
    const char *text = meta_config_find(image, CONFIG_RESOURCE_BROKER, name, BROKER_DRAINED);
    return text != NULL && strcmp(text, "true") == 0;
}

static bool is_alive(const struct partition_change *c, int32_t id)
{
    if (id == c->gone) return false;
    if (id == c->back) return true;
    const struct meta_broker *broker = meta_broker_find(c->image, id);
    return broker != NULL && !broker->fenced;
}

static bool is_stopping(const struct partition_change *c, int32_t id)
{
    if (id == c->stopping) return true;
    const struct meta_broker *broker = meta_broker_find(c->image, id);
    return broker != NULL && broker->stopping && id != c->back;
}

static bool is_drained(const struct partition_change *c, int32_t id)
{
    return id == c->draining || broker_is_drained(c->image, id);
}

/* With enough members in the ISR nobody else is eligible. */
static void settle(struct partition_change *c)
{
    uint32_t min = topic_min_isr(c->image, c->topic->name, c->to.replicas.count);
    if (c->to.isr.count < min) return;
    c->to.elr = (struct id_set){0};
    c->to.last_known_elr = (struct id_set){0};
}

void partition_drop(struct partition_change *c, int32_t id, bool keep)
{
    struct meta_partition *p = &c->to;
    bool was_in_sync = id_set_remove(&p->isr, id);
    bool was_eligible = id_set_has(&p->elr, id);

    if (was_in_sync && keep) (void)id_set_add(&p->elr, id);
    if (was_eligible && !keep) (void)id_set_remove(&p->elr, id);
    if (p->leader == id) p->leader = META_NOBODY;

    if ((was_in_sync || was_eligible) && !keep) (void)id_set_add(&p->last_known_elr, id);
}

/* Who may lead: one is better than the next, and the last is better than nobody. */
enum fitness { FIT, FIT_BUT_DRAINED, FIT_BUT_STOPPING };

/* The first of the replicas, in order of preference, that is in the set and alive. */
static int32_t first_alive(const struct partition_change *c, const struct id_set *set,
                           enum fitness least)
{
    for (uint32_t i = 0; i < c->to.replicas.count; i++) {
        int32_t id = c->to.replicas.ids[i];
        if (!id_set_has(set, id) || !is_alive(c, id) || id_set_has(&c->to.offline, id)) continue;
        if (least < FIT_BUT_STOPPING && is_stopping(c, id)) continue;
        if (least < FIT_BUT_DRAINED && is_drained(c, id)) continue;
        return id;
    }
    return META_NOBODY;
}

static int32_t best_alive(const struct partition_change *c, const struct id_set *set,
                          enum fitness least)
{
    int32_t id = META_NOBODY;
    for (enum fitness f = FIT; f <= least && id == META_NOBODY; f++) id = first_alive(c, set, f);
    return id;
}

void partition_elect(struct partition_change *c, uint32_t canary)
{
    struct meta_partition *p = &c->to;
    if (p->leader != META_NOBODY) return;

    int32_t id = META_NOBODY;
    if (canary & DECIDE_CANARY_ELECT_OUTSIDE_ISR) {
        id = best_alive(c, &p->replicas, FIT_BUT_DRAINED);
    }
    if (id == META_NOBODY) id = best_alive(c, &p->isr, FIT_BUT_STOPPING);
    if (id == META_NOBODY && p->isr.count == 0) id = best_alive(c, &p->elr, FIT_BUT_DRAINED);
    if (id == META_NOBODY) return;

    if (id_set_has(&p->isr, id)) {
        p->leader = id;
        return;
    }
    partition_lead_alone(c, id);
    if (canary & DECIDE_CANARY_ELECT_OUTSIDE_ISR) p->elr = (struct id_set){0};
}

void partition_lead_alone(struct partition_change *c, int32_t id)
{
    struct meta_partition *p = &c->to;
    p->leader = id;
    p->isr = (struct id_set){.count = 1, .ids = {id}};
    (void)id_set_remove(&p->elr, id);
    /* What it has is what there is: whoever was remembered is a follower like others. */
    if (p->elr.count == 0) p->last_known_elr = (struct id_set){0};
}

/* The first in order of preference that is in sync and could lead as well. Only whoever stops needs
 * to hand over to one that is drained. */
static int32_t other_than_the_leader(const struct partition_change *c)
{
    struct id_set others = c->to.isr;
    (void)id_set_remove(&others, c->to.leader);
    return best_alive(c, &others, is_stopping(c, c->to.leader) ? FIT_BUT_DRAINED : FIT);
}

bool partition_hand_over(struct partition_change *c, int32_t to)
{
    struct meta_partition *p = &c->to;
    CHECK(p->leader != META_NOBODY && p->leader != to);

    if (to == META_NOBODY) to = other_than_the_leader(c);
    p->successor = (struct id_set){0};
    if (to == META_NOBODY) return false;

    CHECK(id_set_has(&p->isr, to));
    (void)id_set_add(&p->successor, to);
    return true;
}

static bool same_set(const struct id_set *a, const struct id_set *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->ids[i] != b->ids[i]) return false;
    }
    return true;
}

static bool is_changed(const struct meta_partition *a, const struct meta_partition *b)
{
    return a->leader != b->leader || !same_set(&a->isr, &b->isr) || !same_set(&a->elr, &b->elr) ||
           !same_set(&a->last_known_elr, &b->last_known_elr) ||
           !same_set(&a->replicas, &b->replicas) || !same_set(&a->adding, &b->adding) ||
           !same_set(&a->removing, &b->removing) || !same_set(&a->successor, &b->successor) ||
           !same_set(&a->offline, &b->offline);
}

/* Whoever was to take over has died, left the ISR, or leads. */
static void settle_successor(struct partition_change *c)
{
    struct meta_partition *p = &c->to;
    if (p->successor.count == 0) return;

    int32_t id = p->successor.ids[0];
    int32_t old = c->topic->partitions[c->number].leader;
    bool is_over = p->leader == META_NOBODY || p->leader != old || p->leader == id;
    bool is_fit = id_set_has(&p->isr, id) && is_alive(c, id) && !is_stopping(c, id);
    if (is_over || !is_fit || id == c->draining) p->successor = (struct id_set){0};
}

/* Is there a follower that is not in sync, and may be before long? */
static bool may_be_joined(const struct partition_change *c)
{
    const struct meta_partition *p = &c->to;
    for (uint32_t i = 0; i < p->replicas.count; i++) {
        int32_t id = p->replicas.ids[i];
        if (id_set_has(&p->isr, id) || id_set_has(&p->removing, id)) continue;
        if (id_set_has(&p->offline, id)) continue;
        if (is_alive(c, id) && !is_stopping(c, id)) return true;
    }
    return false;
}

/* A leader on its way out hands over, waits for somebody who can take over, or leaves. Not at once
 * because all have fallen behind: what it alone has acknowledged would be lost. */
static void settle_stopping(struct partition_change *c, uint32_t canary)
{
    const struct meta_partition *p = &c->to;
    if (p->leader == META_NOBODY || p->successor.count > 0 || !is_stopping(c, p->leader)) return;
    if (partition_hand_over(c, META_NOBODY) || may_be_joined(c)) return;

    partition_drop(c, p->leader, true);
    partition_elect(c, canary);
}

static void take_all(struct id_set *from, const struct id_set *away)
{
    for (uint32_t i = 0; i < away->count; i++) (void)id_set_remove(from, away->ids[i]);
}

/* KIP-455: when all that were added are in sync, those that are to go may. */
static void settle_reassignment(struct partition_change *c)
{
    struct meta_partition *p = &c->to;
    if (p->adding.count == 0 && p->removing.count == 0) return;

    struct id_set target = p->replicas;
    struct id_set in_sync = p->isr;
    take_all(&target, &p->removing);
    take_all(&in_sync, &p->removing);
    uint32_t min = topic_min_isr(c->image, c->topic->name, target.count);
    if (!id_set_within(&p->adding, &in_sync)) return;
    if (in_sync.count == 0 || in_sync.count < min) return;

    if (p->leader != META_NOBODY && id_set_has(&p->removing, p->leader)) {
        int32_t next = best_alive(c, &in_sync, FIT_BUT_DRAINED);
        bool is_asked = p->successor.count > 0 && id_set_has(&in_sync, p->successor.ids[0]);
        if (next != META_NOBODY && !is_asked) (void)partition_hand_over(c, next);
        return;
    }
    p->replicas = target;
    p->isr = in_sync;
    take_all(&p->elr, &p->removing);
    p->adding = p->removing = (struct id_set){0};
}

static void settle_drained(struct partition_change *c)
{
    const struct meta_partition *p = &c->to;
    if (p->leader == META_NOBODY || p->successor.count > 0 || !is_drained(c, p->leader)) return;
    (void)partition_hand_over(c, META_NOBODY);
}

void partition_write(struct decision *d, struct uuid topic_id, int32_t number,
                     const struct meta_partition *p)
{
    struct meta_record *r = decision_add(d, META_PARTITION);
    r->partition.topic_id = topic_id;
    r->partition.partition = number;
    r->partition.leader = p->leader;
    r->partition.leader_epoch = p->leader_epoch;
    r->partition.partition_epoch = p->partition_epoch;
    r->partition.replicas = p->replicas;
    r->partition.isr = p->isr;
    r->partition.elr = p->elr;
    r->partition.last_known_elr = p->last_known_elr;
    r->partition.adding = p->adding;
    r->partition.removing = p->removing;
    r->partition.successor = p->successor;
    r->partition.offline = p->offline;
}

/* Who is no replica any more has no disk that matters. */
static void settle_offline(struct meta_partition *p)
{
    for (uint32_t i = p->offline.count; i > 0; i--) {
        int32_t id = p->offline.ids[i - 1];
        if (!id_set_has(&p->replicas, id)) (void)id_set_remove(&p->offline, id);
    }
}

void partition_change_end(struct decision *d, struct partition_change *c, bool even_if_equal)
{
    const struct meta_partition *from = &c->topic->partitions[c->number];
    settle_reassignment(c);
    settle_successor(c);
    settle_stopping(c, d->canary);
    settle_drained(c);
    settle_offline(&c->to);
    settle(c);
    if (!even_if_equal && !is_changed(from, &c->to)) return;

    struct meta_partition *to = &c->to;
    to->partition_epoch = from->partition_epoch + 1;
    to->leader_epoch = from->leader_epoch;
    if (to->leader != from->leader && !(d->canary & DECIDE_CANARY_NO_LEADER_EPOCH_BUMP))
        to->leader_epoch++;
    partition_write(d, c->topic->id, c->number, to);
}
