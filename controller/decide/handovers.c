#include "controller/decide/handovers.h"

#include "common/check.h"
#include "controller/decide/partitions.h"

void decide_give_up(const struct meta_image *image, const struct meta_topic *topic, int32_t number,
                    struct decision *d)
{
    CHECK(d->count == 0);
    struct partition_change c = partition_change_of(image, topic, number);
    int32_t leader = c.to.leader;
    CHECK(leader != META_NOBODY && partition_is_on_the_move(image, &c.to));

    const struct meta_broker *broker = meta_broker_find(image, leader);
    bool is_leaving = broker == NULL || broker->stopping;
    if (c.to.successor.count == 0) {
        decision_cause(d, "%s-%d: no follower of broker %d was in sync in time, and it leaves",
                       topic->name, number, leader);
    } else {
        decision_cause(d, "%s-%d: broker %d did not hand over to broker %d in time, %s",
                       topic->name, number, leader, c.to.successor.ids[0],
                       is_leaving ? "and is replaced" : "and goes on leading");
    }
    c.to.successor = (struct id_set){0};
    if (is_leaving) {
        c.gone = leader;
        partition_drop(&c, leader, true);
        partition_elect(&c, d->canary);
    }
    /* A replica that has to leave is asked again: the new epoch is news to it. */
    partition_change_end(d, &c, true);
}

/* Could it be handed over to its preferred leader? */
static bool is_astray(const struct meta_image *image, const struct meta_partition *p)
{
    int32_t preferred = p->replicas.ids[0];
    return p->leader != META_NOBODY && p->leader != preferred && p->successor.count == 0 &&
           id_set_has(&p->isr, preferred) && broker_is_usable(image, preferred) &&
           !broker_is_drained(image, preferred);
}

static bool is_out_of_balance(const struct meta_image *image, int32_t id, int64_t percentage)
{
    int64_t preferred = 0;
    int64_t elsewhere = 0;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->replicas.ids[0] != id) continue;
            preferred++;
            elsewhere += p->leader != id;
        }
    }
    return elsewhere * 100 > preferred * percentage;
}

static void bring_home(const struct meta_image *image, int32_t id, struct decision *d)
{
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count && d->count < DECIDE_BALANCE_MAX; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->replicas.ids[0] != id || !is_astray(image, p)) continue;

            struct partition_change c = partition_change_of(image, t, (int32_t)i);
            (void)partition_hand_over(&c, id);
            partition_change_end(d, &c, false);
        }
    }
}

void decide_balance(const struct meta_image *image, int64_t percentage, struct decision *d)
{
    CHECK(d->count == 0);
    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next) {
        if (!broker_is_usable(image, b->id) || !is_out_of_balance(image, b->id, percentage))
            continue;
        bring_home(image, b->id, d);
    }
    decision_cause(d, "leaders are balanced: %u partitions go back to their preferred leader",
                   d->count);
}
