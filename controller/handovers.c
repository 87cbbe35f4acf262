#include "controller/handovers.h"

#include <stdlib.h>

#include "common/check.h"
#include "controller/decide/partitions.h"

static void add(struct controller *c, struct uuid topic_id, int32_t number, int32_t epoch,
                uint64_t index)
{
    struct handover *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->topic_id = topic_id;
    h->partition = number;
    h->partition_epoch = epoch;
    h->index = index;
    h->deadline_ms = env_now_ms(c->env) + c->options.handover_max_ms;
    TAILQ_INSERT_TAIL(&c->handovers, h, link);
}

void handovers_begin(struct controller *c)
{
    CHECK(TAILQ_EMPTY(&c->handovers));
    const struct meta_image *image = &c->tentative;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (partition_is_on_the_move(image, p))
                add(c, t->id, (int32_t)i, p->partition_epoch, 0);
        }
    }
}

void handovers_drop_first(struct controller *c)
{
    struct handover *h = TAILQ_FIRST(&c->handovers);
    TAILQ_REMOVE(&c->handovers, h, link);
    free(h);
}

void handovers_end(struct controller *c)
{
    while (!TAILQ_EMPTY(&c->handovers)) handovers_drop_first(c);
}

void handovers_note(struct controller *c, const struct decision *d, uint64_t index)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->kind != META_PARTITION) continue;
        struct uuid id = r->partition.topic_id;
        const struct meta_partition *p =
            meta_partition_find(&c->tentative, id, r->partition.partition);
        if (p == NULL || !partition_is_on_the_move(&c->tentative, p)) continue;
        add(c, id, r->partition.partition, r->partition.partition_epoch, index);
    }
}

/* Any change of a partition settles what was asked of it before. */
static bool is_under_way(const struct meta_image *image, const struct handover *h)
{
    const struct meta_partition *p = meta_partition_find(image, h->topic_id, h->partition);
    return p != NULL && p->partition_epoch <= h->partition_epoch &&
           partition_is_on_the_move(image, p);
}

bool handovers_are_pending(const struct controller *c, uint64_t index)
{
    const struct handover *h;
    TAILQ_FOREACH(h, &c->handovers, link)
    {
        if (h->index == index && is_under_way(&c->committed, h)) return true;
    }
    return false;
}

const struct meta_topic *handovers_next_late(struct controller *c, int32_t *number)
{
    struct handover *h;
    while ((h = TAILQ_FIRST(&c->handovers)) != NULL && h->deadline_ms <= env_now_ms(c->env)) {
        if (is_under_way(&c->tentative, h)) {
            *number = h->partition;
            return meta_topic_by_id(&c->tentative, h->topic_id);
        }
        handovers_drop_first(c);
    }
    return NULL;
}

uint64_t handovers_deadline_ms(const struct controller *c)
{
    const struct handover *h = TAILQ_FIRST(&c->handovers);
    return h == NULL ? ENV_NEVER : h->deadline_ms;
}
