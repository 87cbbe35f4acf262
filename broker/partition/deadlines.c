#include "broker/partition/deadlines.h"

#include <stdlib.h>

#include "common/check.h"

static bool is_before(const struct op_group *a, const struct op_group *b)
{
    if (a->deadline_ms != b->deadline_ms) return a->deadline_ms < b->deadline_ms;
    return a->heap_order < b->heap_order;
}

static void place(struct deadlines *d, uint32_t at, struct op_group *group)
{
    d->items[at] = group;
    group->heap_index = at;
}

static void sift_up(struct deadlines *d, uint32_t at)
{
    struct op_group *group = d->items[at];
    for (; at > 1 && is_before(group, d->items[at / 2]); at /= 2) place(d, at, d->items[at / 2]);
    place(d, at, group);
}

static void sift_down(struct deadlines *d, uint32_t at)
{
    struct op_group *group = d->items[at];
    for (uint32_t child; (child = at * 2) <= d->count; at = child) {
        if (child < d->count && is_before(d->items[child + 1], d->items[child])) child++;
        if (!is_before(d->items[child], group)) break;
        place(d, at, d->items[child]);
    }
    place(d, at, group);
}

void deadlines_add(struct deadlines *d, struct op_group *group)
{
    CHECK(group->heap_index == 0);

    if (d->count + 1 >= d->capacity) {
        d->capacity = d->capacity == 0 ? 16 : d->capacity * 2;
        d->items = realloc(d->items, d->capacity * sizeof *d->items);
        CHECK(d->items != NULL);
    }
    group->heap_order = d->next_order++;
    d->items[++d->count] = group;
    sift_up(d, d->count);
}

void deadlines_remove(struct deadlines *d, struct op_group *group)
{
    uint32_t at = group->heap_index;
    if (at == 0) return;
    CHECK(at <= d->count && d->items[at] == group);

    group->heap_index = 0;
    struct op_group *last = d->items[d->count--];
    if (last == group) return;
    place(d, at, last);
    sift_up(d, at);
    sift_down(d, last->heap_index);
}

struct op_group *deadlines_first(const struct deadlines *d)
{
    return d->count == 0 ? NULL : d->items[1];
}

bool deadlines_hold(const struct deadlines *d, const struct op_group *group)
{
    for (uint32_t i = 1; i <= d->count; i++) {
        if (d->items[i] == group) return true;
    }
    return false;
}

void deadlines_close(struct deadlines *d)
{
    free(d->items);
    *d = (struct deadlines){0};
}
