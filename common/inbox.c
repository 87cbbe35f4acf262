#include "common/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/* A burst may need many; an idle actor does not keep them. */
#define KEPT_CAPACITY (4 * ENV_EVENTS_MAX)

static void release(struct env_event *event)
{
    if (event->kind == ENV_FRAME) buf_unref(event->buf);
}

struct env_event *inbox_add(struct inbox *in, enum env_event_kind kind)
{
    struct inbox_list *list = &in->filling;
    CHECK(list->first == 0);
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        CHECK(capacity > list->capacity);
        list->items = realloc(list->items, capacity * sizeof *list->items);
        CHECK(list->items != NULL);
        list->capacity = capacity;
    }
    struct env_event *event = &list->items[list->count++];
    memset(event, 0, sizeof *event);
    event->kind = kind;
    return event;
}

const struct env_event *inbox_take(struct inbox *in, uint32_t *count)
{
    if (in->delivering.first == in->delivering.count) {
        struct inbox_list emptied = in->delivering;
        if (emptied.capacity > KEPT_CAPACITY) {
            free(emptied.items);
            emptied = (struct inbox_list){0};
        }
        in->delivering = in->filling;
        in->filling = emptied;
        in->filling.first = 0;
        in->filling.count = 0;
    }
    struct inbox_list *list = &in->delivering;
    uint32_t left = list->count - list->first;
    *count = left < ENV_EVENTS_MAX ? left : ENV_EVENTS_MAX;
    const struct env_event *taken = list->items == NULL ? NULL : list->items + list->first;
    list->first += *count;
    return taken;
}

static void forget_in(struct inbox_list *list, uint64_t conn)
{
    uint32_t kept = list->first;
    for (uint32_t i = list->first; i < list->count; i++) {
        if (list->items[i].conn == conn) {
            release(&list->items[i]);
        } else {
            if (kept != i) list->items[kept] = list->items[i];
            kept++;
        }
    }
    list->count = kept;
}

void inbox_forget(struct inbox *in, uint64_t conn)
{
    CHECK(conn != 0);

    forget_in(&in->delivering, conn);
    forget_in(&in->filling, conn);
}

bool inbox_is_empty(const struct inbox *in)
{
    return in->filling.count == 0 && in->delivering.first == in->delivering.count;
}

bool inbox_is_full(const struct inbox *in)
{
    uint32_t left = in->delivering.count - in->delivering.first;
    return in->filling.count + left >= ENV_EVENTS_MAX;
}

static void close_list(struct inbox_list *list)
{
    for (uint32_t i = list->first; i < list->count; i++) release(&list->items[i]);
    free(list->items);
    *list = (struct inbox_list){0};
}

void inbox_close(struct inbox *in)
{
    close_list(&in->delivering);
    close_list(&in->filling);
}
