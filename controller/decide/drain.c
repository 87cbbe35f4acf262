#include "controller/decide/drain.h"

#include <stdio.h>

#include "common/check.h"
#include "controller/decide/partitions.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"

#define LIST_BYTES 4096

/* Names of partitions, as many as fit. */
struct names {
    char text[LIST_BYTES];
    size_t used;
    uint32_t count;
    uint32_t left_out;
};

static void add_name(struct names *n, const struct meta_topic *topic, int32_t number)
{
    size_t room = sizeof n->text - n->used;
    int size =
        snprintf(n->text + n->used, room, "%s%s-%d", n->count > 0 ? ", " : "", topic->name, number);
    n->count++;
    if (size < 0 || (size_t)size >= room) {
        n->text[n->used] = '\0';
        n->left_out++;
        return;
    }
    n->used += (size_t)size;
}

static struct refusal refuse(struct decision *d, int32_t id, const char *why,
                             const struct names *names)
{
    size_t size = sizeof names->text + 256;
    char *text = arena_take(d->arena, size, 1);
    if (text == NULL) return REFUSE(d, KAFKA_INVALID_REQUEST, "broker %d: %s", id, why);

    char more[32] = "";
    if (names->left_out > 0) (void)snprintf(more, sizeof more, " and %u more", names->left_out);
    (void)snprintf(text, size, "broker %d cannot be drained: %s: %s%s", id, why, names->text, more);
    return (struct refusal){KAFKA_INVALID_REQUEST, slice_of_text(text)};
}

/* Members of the ISR that are there to stay. */
static uint32_t others_in_sync(const struct meta_image *image, const struct meta_partition *p,
                               int32_t id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->isr.count; i++)
        count += p->isr.ids[i] != id && broker_is_usable(image, p->isr.ids[i]);
    return count;
}

static struct refusal check_others(const struct meta_image *image, int32_t id, struct decision *d)
{
    struct names alone = {0};
    struct names few = {0};
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (!id_set_has(&p->isr, id)) continue;
            uint32_t others = others_in_sync(image, p, id);
            if (others == 0)
                add_name(&alone, t, (int32_t)i);
            else if (others < topic_min_isr(image, t->name, p->replicas.count))
                add_name(&few, t, (int32_t)i);
        }
    }
    if (alone.count > 0) return refuse(d, id, "nobody else is in sync", &alone);
    if (few.count > 0)
        return refuse(d, id, "without it fewer than min.insync.replicas would be in sync", &few);
    return GRANTED;
}

struct refusal decide_drain(const struct meta_image *image, int32_t id, struct decision *d)
{
    if (meta_broker_find(image, id) == NULL)
        return REFUSE(d, KAFKA_BROKER_ID_NOT_REGISTERED, "no broker %d is registered", id);
    if (broker_is_drained(image, id)) return GRANTED;
    struct refusal refusal = check_others(image, id, d);
    if (refusal.error != KAFKA_NONE) return refusal;

    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->leader != id && !id_set_has(&p->successor, id)) continue;
            struct partition_change c = partition_change_of(image, t, (int32_t)i);
            c.draining = id;
            partition_change_end(d, &c, false);
        }
    }
    return GRANTED;
}
