#include "broker/groups/consumer/topic_table.h"

#include <stdlib.h>

#include "broker/groups/own.h"
#include "common/check.h"

void topic_table_begin(struct topic_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) own_free(&t->topics[i].name);
    t->count = 0;
}

void topic_table_add(struct topic_table *t, struct slice name, struct uuid id,
                     uint32_t partition_count)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 16 : t->capacity * 2;
        t->topics = realloc(t->topics, t->capacity * sizeof *t->topics);
        t->by_id = realloc(t->by_id, t->capacity * sizeof *t->by_id);
        CHECK(t->topics != NULL && t->by_id != NULL);
    }
    t->topics[t->count++] =
        (struct known_topic){.name = own_copy(name), .id = id, .partition_count = partition_count};
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(((const struct known_topic *)a)->name,
                         ((const struct known_topic *)b)->name);
}

static int by_id(const void *a, const void *b, void *table)
{
    const struct topic_table *t = table;
    return memcmp(t->topics[*(const uint32_t *)a].id.bytes,
                  t->topics[*(const uint32_t *)b].id.bytes, sizeof t->topics[0].id.bytes);
}

void topic_table_end(struct topic_table *t, uint64_t version)
{
    t->version = version;
    if (t->count == 0) return;
    qsort(t->topics, t->count, sizeof *t->topics, by_name);
    for (uint32_t i = 0; i < t->count; i++) t->by_id[i] = i;
    qsort_r(t->by_id, t->count, sizeof *t->by_id, by_id, t);
}

const struct known_topic *topic_table_by_name(const struct topic_table *t, struct slice name)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = slice_compare(t->topics[middle].name, name);
        if (order == 0) return &t->topics[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct known_topic *topic_table_by_id(const struct topic_table *t, struct uuid id)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct known_topic *topic = &t->topics[t->by_id[middle]];
        int order = memcmp(topic->id.bytes, id.bytes, sizeof id.bytes);
        if (order == 0) return topic;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

void topic_table_close(struct topic_table *t)
{
    topic_table_begin(t);
    free(t->topics);
    free(t->by_id);
    *t = (struct topic_table){0};
}
