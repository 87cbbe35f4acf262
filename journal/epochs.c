#include "journal/epochs.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

void epochs_note(struct epochs *e, int32_t epoch, int64_t offset)
{
    CHECK(offset >= 0);
    if (epoch < 0 || epoch <= epochs_last(e)) return;

    /* An epoch in which nothing was written never was, as far as the records tell. */
    while (e->count > 0 && e->items[e->count - 1].start_offset >= offset) e->count--;
    if (e->count == e->capacity) {
        e->capacity = e->capacity == 0 ? 2 : e->capacity * 2;
        e->items = realloc(e->items, e->capacity * sizeof *e->items);
        CHECK(e->items != NULL);
    }
    e->items[e->count++] = (struct epoch_start){.epoch = epoch, .start_offset = offset};
}

int32_t epochs_last(const struct epochs *e)
{
    return e->count == 0 ? -1 : e->items[e->count - 1].epoch;
}

int32_t epochs_of(const struct epochs *e, int64_t offset)
{
    /* Asked about the newest records nearly always. */
    for (uint32_t i = e->count; i > 0; i--) {
        if (e->items[i - 1].start_offset <= offset) return e->items[i - 1].epoch;
    }
    return -1;
}

bool epochs_end_of(const struct epochs *e, int32_t asked, int64_t log_end, int32_t *epoch,
                   int64_t *end_offset)
{
    /* KIP-279: an epoch that is not known here is answered with the largest one below it. */
    for (uint32_t i = e->count; i > 0; i--) {
        if (e->items[i - 1].epoch > asked) continue;
        *epoch = e->items[i - 1].epoch;
        *end_offset = i < e->count ? e->items[i].start_offset : log_end;
        return true;
    }
    return false;
}

void epochs_cut_tail(struct epochs *e, int64_t end_offset)
{
    while (e->count > 0 && e->items[e->count - 1].start_offset >= end_offset) e->count--;
}

void epochs_cut_head(struct epochs *e, int64_t start_offset)
{
    uint32_t below = 0;
    while (below < e->count && e->items[below].start_offset <= start_offset) below++;
    if (below == 0) return;

    uint32_t drop = below - 1;
    memmove(e->items, e->items + drop, (e->count - drop) * sizeof *e->items);
    e->count -= drop;
    e->items[0].start_offset = start_offset;
}

void epochs_copy(struct epochs *to, const struct epochs *from)
{
    CHECK(to != from);
    if (to->capacity < from->count) {
        to->items = realloc(to->items, from->count * sizeof *to->items);
        CHECK(to->items != NULL);
        to->capacity = from->count;
    }
    if (from->count > 0) memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
}

void epochs_close(struct epochs *e)
{
    free(e->items);
    *e = (struct epochs){0};
}
