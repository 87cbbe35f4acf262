#include "broker/groups/expiry.h"

#include "broker/groups/entries.h"
#include "broker/groups/writes.h"

#define NEVER INT64_MIN

/* Since when nobody has needed this offset, as far as the group's state says; NEVER: it is needed.
 */
static int64_t unused_since(const struct group_entry *e, struct slice topic,
                            const struct offset_value *v)
{
    const struct group *g = e->group;
    if (entry_is_consumer(e)) {
        return consumer_subscribes(e->consumer, topic) ? NEVER : v->commit_wall_ms;
    }
    if (g->protocol_type.at == NULL) return v->commit_wall_ms; /* Somebody without membership. */
    if (g->state == GROUP_EMPTY) {
        return g->state_wall_ms >= 0 ? g->state_wall_ms : v->commit_wall_ms;
    }
    bool is_known = true;
    if (g->state != GROUP_STABLE || group_subscribes(g, topic, &is_known)) return NEVER;
    return is_known ? v->commit_wall_ms : NEVER;
}

static bool is_expired(const struct groups *gs, const struct group_entry *e, struct slice topic,
                       const struct offset_value *v)
{
    int64_t now_ms = env_wall_ms(gs->env);
    int64_t since_ms = unused_since(e, topic, v);
    if (since_ms == NEVER) return false;
    if (v->expire_wall_ms >= 0) return now_ms >= v->expire_wall_ms;

    return now_ms - since_ms >= (int64_t)gs->options->groups.retention_minutes * 60000;
}

static bool is_of_no_use(const struct groups *gs, const struct group_entry *e, struct slice topic,
                         const struct offset_entry *o)
{
    if (!o->is_there || o->under_way > 0) return false;
    /* A deleted topic that can come back finds its groups where they were. */
    bool is_gone = !uuid_is_zero(o->value.topic_id) &&
                   meta_topic_by_id(gs->image, o->value.topic_id) == NULL &&
                   meta_retired_find(gs->image, o->value.topic_id) == NULL;
    return is_gone || is_expired(gs, e, topic, &o->value);
}

/* Of one group; false: something is left. */
static bool clean_offsets(const struct groups *gs, struct group_entry *e)
{
    struct group_write *w = write_new(e, NULL);
    bool is_left = e->offsets.under_way > 0;
    const struct offset_topic *t;
    for (t = e->offsets.topics; t != NULL; t = t->hh.next) {
        const struct offset_entry *o;
        for (o = t->partitions; o != NULL; o = o->hh.next) {
            if (is_of_no_use(gs, e, t->name, o)) {
                write_add_deletion(w, t->name, o->partition);
            } else {
                is_left = true;
            }
        }
    }
    bool goes =
        !is_left && entry_is_empty(e) && e->group->pending_count == 0 && e->write_count == 0;
    if (goes || w->record_count == 0) {
        write_free(w);
    } else {
        write_queue(w);
    }
    return goes;
}

void expiry_clean(struct coordinator *c)
{
    struct group_entry *e, *next;
    HASH_ITER(hh, c->entries, e, next)
    {
        if (e->is_deleting || !clean_offsets(c->host, e)) continue;
        log_info(c->host->env, "group %.*s: nothing is left of it", (int)e->group->id.size,
                 (const char *)e->group->id.at);
        write_queue_group_deletion(e, NULL, 0);
    }
}

void expiry_forget_topic(struct coordinator *c, struct uuid topic_id)
{
    struct group_entry *e, *next;
    HASH_ITER(hh, c->entries, e, next)
    {
        if (e->is_deleting) continue;
        struct group_write *w = write_new(e, NULL);
        const struct offset_topic *t;
        for (t = e->offsets.topics; t != NULL; t = t->hh.next) {
            const struct offset_entry *o;
            for (o = t->partitions; o != NULL; o = o->hh.next) {
                bool is_of_it = o->is_there && uuid_equal(o->value.topic_id, topic_id);
                if (is_of_it && o->under_way == 0) write_add_deletion(w, t->name, o->partition);
            }
        }
        if (w->record_count > 0) {
            write_queue(w);
        } else {
            write_free(w);
        }
    }
}
