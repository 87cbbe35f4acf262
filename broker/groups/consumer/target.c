#include <stdlib.h>

#include "broker/groups/consumer/inside.h"

/* ---- Which topics are subscribed to. ---- */

/* Places in the table, rising, each once. */
struct places {
    uint32_t count;
    uint32_t capacity;
    uint32_t *items;
};

static void add_place(struct places *p, const struct topic_table *t, struct slice name)
{
    const struct known_topic *topic = topic_table_by_name(t, name);
    if (topic == NULL) return;

    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 16 : p->capacity * 2;
        p->items = realloc(p->items, p->capacity * sizeof *p->items);
        CHECK(p->items != NULL);
    }
    p->items[p->count++] = (uint32_t)(topic - t->topics);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_places(struct places *p)
{
    if (p->count == 0) return;
    qsort(p->items, p->count, sizeof *p->items, by_number);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < p->count; i++) {
        if (p->items[i] != p->items[kept - 1]) p->items[kept++] = p->items[i];
    }
    p->count = kept;
}

static void add_places_of(struct places *p, const struct consumer_group *c,
                          const struct consumer_member *m, const struct topic_table *t)
{
    for (uint32_t i = 0; i < m->topic_count; i++) add_place(p, t, m->topics[i]);
    const struct consumer_pattern *pattern = consumer_pattern_find(c, m->pattern);
    for (uint32_t i = 0; pattern != NULL && i < pattern->topic_count; i++) {
        add_place(p, t, pattern->topics[i]);
    }
}

/* FNV-1a. Only ever compared with what the same function has made of other topics. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

uint64_t consumer_metadata_hash(const struct consumer_group *c, const struct topic_table *t)
{
    struct places all = {0};
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) add_places_of(&all, c, m, t);
    sort_places(&all);
    uint64_t hash = all.count == 0 ? 0 : 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < all.count; i++) {
        const struct known_topic *topic = &t->topics[all.items[i]];
        hash = mix(hash, topic->id.bytes, sizeof topic->id.bytes);
        hash = mix(hash, topic->name.at, topic->name.size);
        hash = mix(hash, &topic->partition_count, sizeof topic->partition_count);
    }
    free(all.items);
    return hash;
}

/* ---- The spec. ---- */

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct assign_topic *)a)->id.bytes,
                  ((const struct assign_topic *)b)->id.bytes, sizeof(struct uuid));
}

static int by_member_id(const void *a, const void *b)
{
    return slice_compare((*(struct consumer_member *const *)a)->id,
                         (*(struct consumer_member *const *)b)->id);
}

struct work {
    struct assign_spec spec;
    struct consumer_member **members; /* Of the spec's, in its order. */
    struct assign_topic *topics;
    struct places *subscriptions; /* By member. */
};

static void *take(size_t count, size_t size)
{
    void *items = calloc(count > 0 ? count : 1, size);
    CHECK(items != NULL);
    return items;
}

static uint32_t place_in(const struct work *w, struct uuid id)
{
    struct assign_topic key = {.id = id};
    const struct assign_topic *found =
        bsearch(&key, w->topics, w->spec.topic_count, sizeof *w->topics, by_id);
    CHECK(found != NULL);
    return (uint32_t)(found - w->topics);
}

static void open_members(struct work *w, struct consumer_group *c, const struct topic_table *t,
                         struct places *all)
{
    w->spec.member_count = c->member_count;
    w->spec.members = take(c->member_count, sizeof *w->spec.members);
    w->members = take(c->member_count, sizeof(struct consumer_member *));
    w->subscriptions = take(c->member_count, sizeof *w->subscriptions);
    uint32_t count = 0;
    struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) w->members[count++] = m;
    qsort(w->members, count, sizeof(struct consumer_member *), by_member_id);
    for (uint32_t i = 0; i < count; i++) {
        add_places_of(&w->subscriptions[i], c, w->members[i], t);
        sort_places(&w->subscriptions[i]);
        for (uint32_t n = 0; n < w->subscriptions[i].count; n++) {
            add_place(all, t, t->topics[w->subscriptions[i].items[n]].name);
        }
    }
    sort_places(all);
}

static void open_work(struct work *w, struct consumer_group *c, const struct topic_table *t)
{
    *w = (struct work){0};
    struct places all = {0};
    open_members(w, c, t, &all);
    w->topics = take(all.count, sizeof *w->topics);
    for (uint32_t i = 0; i < all.count; i++) {
        const struct known_topic *topic = &t->topics[all.items[i]];
        w->topics[i] = (struct assign_topic){topic->id, topic->partition_count};
    }
    qsort(w->topics, all.count, sizeof *w->topics, by_id);
    w->spec.topics = w->topics;
    w->spec.topic_count = all.count;
    free(all.items);
    for (uint32_t i = 0; i < w->spec.member_count; i++) {
        struct places *p = &w->subscriptions[i];
        for (uint32_t n = 0; n < p->count; n++)
            p->items[n] = place_in(w, t->topics[p->items[n]].id);
        sort_places(p);
        w->spec.members[i] = (struct assign_member){
            .id = w->members[i]->id,
            .instance_id = w->members[i]->instance_id,
            .topic_count = p->count,
            .topics = p->items,
            .before = &w->members[i]->target,
        };
    }
}

static void close_work(struct work *w)
{
    for (uint32_t i = 0; i < w->spec.member_count; i++) free(w->subscriptions[i].items);
    free(w->subscriptions);
    free(w->topics);
    free(w->members);
    free(w->spec.members);
}

/* ---- The target. ---- */

enum assignor_kind consumer_assignor(const struct consumer_group *c,
                                     const struct consumer_settings *settings)
{
    uint32_t votes[ASSIGNOR_COUNT] = {0};
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        enum assignor_kind kind;
        if (m->assignor.at != NULL && assignor_find(m->assignor, &kind)) votes[kind]++;
    }
    CHECK(settings->assignor_count > 0);
    enum assignor_kind best = settings->assignors[0];
    for (uint32_t i = 1; i < settings->assignor_count; i++) {
        if (votes[settings->assignors[i]] > votes[best]) best = settings->assignors[i];
    }
    return best;
}

void consumer_compute_target(struct consumer_group *c, const struct consumer_event *e)
{
    struct work w;
    open_work(&w, c, e->topics);
    assign(consumer_assignor(c, e->settings), &w.spec);
    for (uint32_t i = 0; i < w.spec.member_count; i++) {
        struct consumer_member *m = w.members[i];
        if (part_set_equal(&m->target, &w.spec.members[i].after)) {
            part_set_close(&w.spec.members[i].after);
            continue;
        }
        part_set_move(&m->target, &w.spec.members[i].after);
        consumer_mark(c, m, CONSUMER_MARK_TARGET);
    }
    close_work(&w);
    c->target_epoch = c->epoch;
    consumer_mark_group(c, CONSUMER_MARK_TARGET_EPOCH);
}
