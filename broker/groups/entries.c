#include "broker/groups/entries.h"

#include <stdlib.h>

#include "common/check.h"

bool entry_is_consumer(const struct group_entry *e)
{
    return e->consumer != NULL && e->consumer->is_alive;
}

bool entry_is_empty(const struct group_entry *e)
{
    return entry_is_consumer(e) ? e->consumer->member_count == 0 : e->group->state == GROUP_EMPTY;
}

uint32_t entry_member_count(const struct group_entry *e)
{
    return entry_is_consumer(e) ? e->consumer->member_count : e->group->member_count;
}

uint64_t entry_deadline(const struct group_entry *e)
{
    return entry_is_consumer(e) ? e->consumer->deadline_ms : e->group->deadline_ms;
}

/* ---- Timers: a binary heap. ---- */

static void place(struct groups *gs, uint32_t at, struct group_entry *e)
{
    gs->timers[at] = e;
    e->heap_index = at;
}

static bool is_before(const struct group_entry *a, const struct group_entry *b)
{
    return entry_deadline(a) < entry_deadline(b);
}

static void sift_up(struct groups *gs, uint32_t at)
{
    struct group_entry *e = gs->timers[at];
    for (; at > 1 && is_before(e, gs->timers[at / 2]); at /= 2) place(gs, at, gs->timers[at / 2]);
    place(gs, at, e);
}

static void sift_down(struct groups *gs, uint32_t at)
{
    struct group_entry *e = gs->timers[at];
    for (uint32_t child; (child = at * 2) <= gs->timer_count; at = child) {
        if (child < gs->timer_count && is_before(gs->timers[child + 1], gs->timers[child])) child++;
        if (!is_before(gs->timers[child], e)) break;
        place(gs, at, gs->timers[child]);
    }
    place(gs, at, e);
}

static void remove_timer(struct groups *gs, struct group_entry *e)
{
    uint32_t at = e->heap_index;
    if (at == 0) return;
    CHECK(gs->timers[at] == e);

    e->heap_index = 0;
    struct group_entry *last = gs->timers[gs->timer_count--];
    if (last == e) return;
    place(gs, at, last);
    sift_up(gs, at);
    sift_down(gs, last->heap_index);
}

void entry_set_timer(struct group_entry *e)
{
    struct groups *gs = e->at->host;
    if (entry_deadline(e) == GROUP_NEVER) {
        remove_timer(gs, e);
        return;
    }
    if (e->heap_index == 0) {
        if (gs->timer_count + 1 >= gs->timer_capacity) {
            gs->timer_capacity = gs->timer_capacity == 0 ? 64 : gs->timer_capacity * 2;
            gs->timers = realloc(gs->timers, gs->timer_capacity * sizeof(struct group_entry *));
            CHECK(gs->timers != NULL);
        }
        place(gs, ++gs->timer_count, e);
    }
    sift_up(gs, e->heap_index);
    sift_down(gs, e->heap_index);
}

struct group_entry *timers_first(const struct groups *gs)
{
    return gs->timer_count == 0 ? NULL : gs->timers[1];
}

/* ---- The table. ---- */

struct group_entry *entry_find(const struct coordinator *c, struct slice group_id)
{
    struct group_entry *found = NULL;
    HASH_FIND(hh, c->entries, group_id.at, group_id.size, found);
    return found;
}

struct group_entry *entry_find_or_add(struct coordinator *c, struct slice group_id)
{
    struct group_entry *e = entry_find(c, group_id);
    if (e != NULL) return e;

    e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    e->at = c;
    e->group = group_new(&c->host->group_options, group_id);
    HASH_ADD_KEYPTR(hh, c->entries, e->group->id.at, e->group->id.size, e);
    return e;
}

void entry_remove(struct group_entry *e)
{
    CHECK(e->write_count == 0);

    remove_timer(e->at->host, e);
    HASH_DEL(e->at->entries, e);
    offsets_close(&e->offsets);
    group_free(e->group);
    consumer_free(e->consumer);
    free(e);
}

/* What is left of it, and what the log has still to be told. */
static void drop_consumer_if_void(struct group_entry *e)
{
    const struct consumer_group *c = e->consumer;
    if (c == NULL || e->write_count > 0 || c->member_count > 0) return;
    bool is_void = c->is_alive ? !e->is_stored : c->marks == 0 && c->gone == NULL;
    if (!is_void) return;
    consumer_free(e->consumer);
    e->consumer = NULL;
}

void entry_drop_if_void(struct group_entry *e)
{
    drop_consumer_if_void(e);
    const struct group *g = e->group;
    bool is_void = e->consumer == NULL && g->member_count == 0 && g->pending_count == 0 &&
                   !e->is_stored && e->write_count == 0 && e->offsets.topics == NULL;
    if (is_void && g->state != GROUP_PREPARING) entry_remove(e);
}
