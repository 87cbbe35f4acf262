#include "broker/groups/offsets.h"

#include "broker/groups/own.h"

struct offset_topic *offsets_find_topic(const struct offsets *o, struct slice topic)
{
    struct offset_topic *found = NULL;
    HASH_FIND(hh, o->topics, topic.at, topic.size, found);
    return found;
}

static struct offset_entry *find_in(const struct offset_topic *t, int32_t partition)
{
    struct offset_entry *found = NULL;
    HASH_FIND(hh, t->partitions, &partition, sizeof partition, found);
    return found;
}

struct offset_entry *offsets_find(const struct offsets *o, struct slice topic, int32_t partition)
{
    const struct offset_topic *t = offsets_find_topic(o, topic);
    return t == NULL ? NULL : find_in(t, partition);
}

static struct offset_entry *find_or_add(struct offsets *o, struct slice topic, int32_t partition)
{
    struct offset_topic *t = offsets_find_topic(o, topic);
    if (t == NULL) {
        t = calloc(1, sizeof *t);
        CHECK(t != NULL);
        t->name = own_copy(topic);
        HASH_ADD_KEYPTR(hh, o->topics, t->name.at, t->name.size, t);
    }
    struct offset_entry *e = find_in(t, partition);
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        CHECK(e != NULL);
        e->partition = partition;
        HASH_ADD(hh, t->partitions, partition, sizeof e->partition, e);
    }
    return e;
}

static void drop_if_empty(struct offsets *o, struct slice topic, int32_t partition)
{
    struct offset_topic *t = offsets_find_topic(o, topic);
    struct offset_entry *e = t == NULL ? NULL : find_in(t, partition);
    if (e == NULL || e->is_there || e->under_way > 0) return;

    HASH_DEL(t->partitions, e);
    own_free(&e->value.metadata);
    free(e);
    if (t->partitions != NULL) return;
    HASH_DEL(o->topics, t);
    own_free(&t->name);
    free(t);
}

void offsets_begin(struct offsets *o, struct slice topic, int32_t partition)
{
    find_or_add(o, topic, partition)->under_way++;
    o->under_way++;
}

void offsets_apply(struct offsets *o, struct slice topic, int32_t partition,
                   const struct offset_value *value, bool is_begun)
{
    struct offset_entry *e = find_or_add(o, topic, partition);
    if (is_begun) {
        CHECK(e->under_way > 0);
        CHECK(o->under_way > 0);
        e->under_way--;
        o->under_way--;
    }
    if (value != NULL && !e->is_there) o->count++;
    if (value == NULL && e->is_there) o->count--;
    e->is_there = value != NULL;
    own_free(&e->value.metadata);
    if (value != NULL) {
        e->value = *value;
        struct slice metadata = slice_or_empty(value->metadata);
        e->value.metadata = own_copy(metadata);
    }
    drop_if_empty(o, topic, partition);
}

void offsets_give_up(struct offsets *o, struct slice topic, int32_t partition)
{
    struct offset_entry *e = offsets_find(o, topic, partition);
    CHECK(e != NULL && e->under_way > 0);

    e->under_way--;
    o->under_way--;
    drop_if_empty(o, topic, partition);
}

void offsets_close(struct offsets *o)
{
    struct offset_topic *t, *next_topic;
    HASH_ITER(hh, o->topics, t, next_topic)
    {
        struct offset_entry *e, *next;
        HASH_ITER(hh, t->partitions, e, next)
        {
            HASH_DEL(t->partitions, e);
            own_free(&e->value.metadata);
            free(e);
        }
        HASH_DEL(o->topics, t);
        own_free(&t->name);
        free(t);
    }
    *o = (struct offsets){0};
}
