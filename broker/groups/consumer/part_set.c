#include "broker/groups/consumer/part_set.h"

#include <stdlib.h>

#include "common/check.h"

int part_compare(struct part a, struct part b)
{
    int order = memcmp(a.topic.bytes, b.topic.bytes, sizeof a.topic.bytes);
    if (order != 0) return order;
    return a.number < b.number ? -1 : a.number > b.number;
}

/* Where it is, or would be. */
static uint32_t place_of(const struct part_set *s, struct part p)
{
    uint32_t low = 0, high = s->count;
    /* Sets are mostly built in order. */
    if (high > 0 && part_compare(s->items[high - 1], p) < 0) return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (part_compare(s->items[middle], p) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void make_room(struct part_set *s, uint32_t count)
{
    if (count <= s->capacity) return;

    uint32_t capacity = s->capacity == 0 ? 8 : s->capacity;
    while (capacity < count) capacity *= 2;
    s->items = realloc(s->items, capacity * sizeof *s->items);
    CHECK(s->items != NULL);
    s->capacity = capacity;
}

bool part_set_has(const struct part_set *s, struct part p)
{
    uint32_t at = place_of(s, p);
    return at < s->count && part_compare(s->items[at], p) == 0;
}

bool part_set_add(struct part_set *s, struct part p)
{
    uint32_t at = place_of(s, p);
    if (at < s->count && part_compare(s->items[at], p) == 0) return false;

    make_room(s, s->count + 1);
    memmove(s->items + at + 1, s->items + at, (s->count - at) * sizeof *s->items);
    s->items[at] = p;
    s->count++;
    return true;
}

bool part_set_equal(const struct part_set *a, const struct part_set *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (part_compare(a->items[i], b->items[i]) != 0) return false;
    }
    return true;
}

bool part_set_within(const struct part_set *inner, const struct part_set *outer)
{
    for (uint32_t i = 0; i < inner->count; i++) {
        if (!part_set_has(outer, inner->items[i])) return false;
    }
    return true;
}

bool part_set_meets(const struct part_set *a, const struct part_set *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (part_set_has(b, a->items[i])) return true;
    }
    return false;
}

static void pick(const struct part_set *from, const struct part_set *mask, bool wanted,
                 struct part_set *out)
{
    CHECK(out != from && out != mask);

    out->count = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        if (part_set_has(mask, from->items[i]) == wanted) (void)part_set_add(out, from->items[i]);
    }
}

void part_set_keep(const struct part_set *from, const struct part_set *mask, struct part_set *out)
{
    pick(from, mask, true, out);
}

void part_set_drop(const struct part_set *from, const struct part_set *mask, struct part_set *out)
{
    pick(from, mask, false, out);
}

void part_set_copy(struct part_set *to, const struct part_set *from)
{
    CHECK(to != from);

    make_room(to, from->count);
    if (from->count > 0) memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
}

void part_set_move(struct part_set *to, struct part_set *from)
{
    part_set_close(to);
    *to = *from;
    *from = (struct part_set){0};
}

void part_set_clear(struct part_set *s)
{
    s->count = 0;
}

void part_set_close(struct part_set *s)
{
    free(s->items);
    *s = (struct part_set){0};
}

uint32_t part_set_run(const struct part_set *s, uint32_t at)
{
    CHECK(at < s->count);

    uint32_t end = at + 1;
    while (end < s->count && uuid_equal(s->items[end].topic, s->items[at].topic)) end++;
    return end - at;
}

uint32_t part_set_topics(const struct part_set *s)
{
    uint32_t topics = 0;
    for (uint32_t at = 0; at < s->count; at += part_set_run(s, at)) topics++;
    return topics;
}
