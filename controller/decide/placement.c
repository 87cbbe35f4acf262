#include "controller/decide/placement.h"

#include <string.h>

#include "common/check.h"
#include "controller/decide/partitions.h"

static struct placement_broker *find(struct placement *p, int32_t id)
{
    uint32_t low = 0;
    uint32_t high = p->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->brokers[middle].id == id) return &p->brokers[middle];
        if (p->brokers[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void placement_count(struct placement *p, const struct id_set *replicas)
{
    for (uint32_t i = 0; i < replicas->count; i++) {
        struct placement_broker *broker = find(p, replicas->ids[i]);
        if (broker == NULL) continue;
        broker->holds++;
        broker->topic_holds++;
        if (i == 0) broker->leads++;
        if (i == 0) broker->topic_leads++;
    }
}

static void insert(struct placement *p, const struct meta_broker *broker, bool is_drained)
{
    uint32_t at = p->count++;
    for (; at > 0 && p->brokers[at - 1].id > broker->id; at--) p->brokers[at] = p->brokers[at - 1];
    p->brokers[at] =
        (struct placement_broker){.id = broker->id, .rack = broker->rack, .is_drained = is_drained};
}

bool placement_begin(struct placement *p, const struct meta_image *image, struct decision *d)
{
    uint32_t count = HASH_COUNT(image->brokers);
    *p = (struct placement){.brokers = decision_take(d, count, sizeof *p->brokers),
                            .rack_used = decision_take(d, count, sizeof *p->rack_used)};
    if (p->brokers == NULL || p->rack_used == NULL) return false;

    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next) {
        if (broker_is_usable(image, b->id)) insert(p, b, broker_is_drained(image, b->id));
    }
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++)
            placement_count(p, &t->partitions[i].replicas);
    }
    placement_topic(p, NULL);
    return true;
}

void placement_topic(struct placement *p, const struct meta_topic *topic)
{
    for (uint32_t i = 0; i < p->count; i++) {
        p->brokers[i].topic_leads = 0;
        p->brokers[i].topic_holds = 0;
    }
    if (topic == NULL) return;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        const struct id_set *replicas = &topic->partitions[i].replicas;
        for (uint32_t j = 0; j < replicas->count; j++) {
            struct placement_broker *broker = find(p, replicas->ids[j]);
            if (broker == NULL) continue;
            broker->topic_holds++;
            if (j == 0) broker->topic_leads++;
        }
    }
}

static uint32_t pick_leader(const struct placement *p)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < p->count; i++) {
        const struct placement_broker *a = &p->brokers[i];
        const struct placement_broker *b = &p->brokers[best];
        if (a->is_drained != b->is_drained) {
            if (!a->is_drained) best = i;
        } else if (a->topic_leads != b->topic_leads) {
            if (a->topic_leads < b->topic_leads) best = i;
        } else if (a->leads != b->leads) {
            if (a->leads < b->leads) best = i;
        } else if (a->holds < b->holds) {
            best = i;
        }
    }
    return best;
}

/* Of two candidates of equal load the one that comes sooner after the leader, a step further on
 * with each round of partitions: so followers of one leader are not always the same brokers. */
static uint32_t distance(const struct placement *p, uint32_t leader, uint32_t shift, uint32_t at)
{
    return (at + 2 * p->count - leader - 1 - shift % p->count) % p->count;
}

static bool is_better(const struct placement *p, uint32_t a, uint32_t b, uint32_t leader,
                      uint32_t shift)
{
    const struct placement_broker *x = &p->brokers[a];
    const struct placement_broker *y = &p->brokers[b];
    if (x->is_drained != y->is_drained) return !x->is_drained;
    if (p->rack_used[a] != p->rack_used[b]) return p->rack_used[a] < p->rack_used[b];
    if (x->topic_holds != y->topic_holds) return x->topic_holds < y->topic_holds;
    if (x->holds != y->holds) return x->holds < y->holds;
    return distance(p, leader, shift, a) < distance(p, leader, shift, b);
}

static void use_rack(struct placement *p, uint32_t at)
{
    const char *rack = p->brokers[at].rack;
    for (uint32_t i = 0; i < p->count; i++) {
        bool is_same = i == at || (rack[0] != 0 && strcmp(rack, p->brokers[i].rack) == 0);
        if (is_same) p->rack_used[i]++;
    }
}

struct id_set placement_next(struct placement *p, uint32_t replica_count, uint32_t number)
{
    CHECK(replica_count > 0 && replica_count <= p->count);
    CHECK(replica_count <= META_REPLICAS_MAX);

    struct id_set replicas = {0};
    memset(p->rack_used, 0, p->count * sizeof *p->rack_used);
    uint32_t leader = pick_leader(p);
    uint32_t at = leader;
    uint32_t shift = number / p->count;

    while (true) {
        (void)id_set_add(&replicas, p->brokers[at].id);
        use_rack(p, at);
        if (replicas.count == replica_count) break;

        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < p->count; i++) {
            if (id_set_has(&replicas, p->brokers[i].id)) continue;
            if (best == UINT32_MAX || is_better(p, i, best, leader, shift)) best = i;
        }
        CHECK(best != UINT32_MAX);
        at = best;
    }
    placement_count(p, &replicas);
    return replicas;
}
