#include "controller/decide/decision.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

#define RECORDS_MIN 16

struct meta_record *decision_add(struct decision *d, enum meta_kind kind)
{
    CHECK(d->count <= d->capacity);

    if (d->count == d->capacity) {
        uint32_t capacity = d->capacity == 0 ? RECORDS_MIN : d->capacity * 2;
        struct meta_record *records = realloc(d->records, capacity * sizeof *records);
        CHECK(records != NULL);
        d->records = records;
        d->capacity = capacity;
    }
    struct meta_record *record = &d->records[d->count++];
    *record = (struct meta_record){.kind = kind};
    return record;
}

void decision_cut(struct decision *d, uint32_t count)
{
    CHECK(count <= d->count);
    d->count = count;
}

void decision_cause(struct decision *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(d->cause, sizeof d->cause, format, args);
    va_end(args);
}

void *decision_take(struct decision *d, uint32_t count, size_t item_size)
{
    void *items = arena_take(d->arena, count == 0 ? 1 : count, item_size);
    if (items != NULL) memset(items, 0, (count == 0 ? 1 : count) * item_size);
    return items;
}

struct slice decision_say(struct decision *d, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);

    size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    char *to = arena_take(d->arena, kept + 1, 1);
    if (to == NULL) return slice_of("", 0);
    memcpy(to, text, kept);
    return slice_of(to, kept);
}

void decision_close(struct decision *d)
{
    free(d->records);
    *d = (struct decision){0};
}
