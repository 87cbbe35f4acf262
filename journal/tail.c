#include "journal/tail.h"

#include <stdlib.h>

#include "common/check.h"

_Static_assert((TAIL_FIRST & (TAIL_FIRST - 1)) == 0, "positions wrap by masking");
_Static_assert((TAIL_MAX & (TAIL_MAX - 1)) == 0, "positions wrap by masking");

static void resize(struct tail *t, uint32_t capacity)
{
    struct tail_batch *items = malloc(capacity * sizeof *items);
    CHECK(items != NULL);
    CHECK(t->count <= capacity);
    for (uint32_t i = 0; i < t->count; i++) items[i] = *tail_at(t, i);
    free(t->items);
    t->items = items;
    t->first = 0;
    t->capacity = capacity;
}

void tail_push(struct tail *t, struct tail_batch batch)
{
    CHECK(batch.last_offset_delta >= 0);
    if (t->capacity == 0) resize(t, TAIL_FIRST);
    if (t->count > 0) CHECK(tail_batch_end(tail_at(t, t->count - 1)) <= batch.base_offset);

    if (t->count == t->capacity) {
        t->first = (t->first + 1) & (t->capacity - 1);
        t->count--;
    }
    t->items[(t->first + t->count) & (t->capacity - 1)] = batch;
    t->count++;
}

bool tail_find(const struct tail *t, int64_t offset, uint32_t *i)
{
    if (t->count == 0 || offset < tail_at(t, 0)->base_offset) return false;

    uint32_t low = 0;
    uint32_t high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tail_batch_end(tail_at(t, middle)) <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *i = low;
    return low < t->count;
}

void tail_grow(struct tail *t)
{
    if (t->count < t->capacity || t->capacity == 0 || t->capacity >= TAIL_MAX) return;
    resize(t, t->capacity * 2);
}

void tail_cut(struct tail *t, int64_t offset)
{
    while (t->count > 0 && tail_batch_end(tail_at(t, t->count - 1)) > offset) t->count--;
}

void tail_cut_head(struct tail *t, int64_t offset)
{
    while (t->count > 0 && tail_at(t, 0)->base_offset < offset) {
        t->first = (t->first + 1) & (t->capacity - 1);
        t->count--;
    }
}

void tail_close(struct tail *t)
{
    free(t->items);
    *t = (struct tail){0};
}
