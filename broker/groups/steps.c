#include "broker/groups/steps.h"

#include "broker/groups/asks.h"
#include "broker/groups/consumer_answers.h"
#include "broker/groups/consumer_settings.h"
#include "broker/groups/entries.h"
#include "broker/groups/own.h"
#include "broker/groups/parts.h"
#include "broker/groups/writes.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

/* A group that was of the consumer protocol goes with the first write that can tell the log. */
static void add_leftovers(struct group_write *w)
{
    struct consumer_group *c = w->entry->consumer;
    bool is_left = c != NULL && !c->is_alive && c->marks != 0;
    if (is_left) write_add_consumer(w, ++c->last_store);
}

void entry_step(struct group_entry *e, struct group_event *event)
{
    struct groups *gs = e->at->host;
    struct group *g = e->group;
    struct group_effects *fx = &gs->effects;
    event->now_ms = env_now_ms(gs->env);
    event->wall_ms = env_wall_ms(gs->env);
    group_step(g, event, fx);
    for (uint32_t i = 0; i < fx->answer_count; i++) {
        ask_answer_of_group(gs, g, &fx->answers[i]);
    }
    if (fx->store != 0) {
        struct group_write *w = write_new(e, NULL);
        write_add_group(w, fx->store, fx->store_is_next);
        add_leftovers(w);
        write_queue(w);
    }
    if (fx->has_rebalanced) {
        log_info(gs->env, "group %.*s: rebalances after generation %d: %s", (int)g->id.size,
                 (const char *)g->id.at, g->generation, g->why);
    }
    entry_set_timer(e);
    entry_drop_if_void(e);
}

static void kill_group(struct group_entry *e, int16_t error)
{
    struct groups *gs = e->at->host;
    struct group_event event = {
        .kind = GROUP_KILL, .now_ms = env_now_ms(gs->env), .wall_ms = env_wall_ms(gs->env)};
    event.kill.error = error;
    group_step(e->group, &event, &gs->effects);
}

void entry_kill_waiters(struct group_entry *e, int16_t error)
{
    struct groups *gs = e->at->host;
    kill_group(e, error);
    for (uint32_t i = 0; i < gs->effects.answer_count; i++) {
        ask_answer_of_group(gs, e->group, &gs->effects.answers[i]);
    }
}

struct joiner *entry_take_joiners(struct group_entry *e, uint32_t *count)
{
    struct groups *gs = e->at->host;
    struct joiner *joiners = NULL;
    *count = 0;
    if (e->group->joined_count > 0) {
        joiners = calloc(e->group->joined_count, sizeof *joiners);
        CHECK(joiners != NULL);
    }
    kill_group(e, KAFKA_REBALANCE_IN_PROGRESS);
    for (uint32_t i = 0; i < gs->effects.answer_count; i++) {
        const struct group_answer *a = &gs->effects.answers[i];
        if (a->to == GROUP_JOIN) {
            joiners[(*count)++] =
                (struct joiner){ask_wait_no_more(gs, a->ask), own_copy(a->member->id)};
        } else {
            ask_answer_of_group(gs, e->group, a);
        }
    }
    return joiners;
}

/* ---- The consumer protocol. ---- */

void entry_fill_event(struct group_entry *e, struct consumer_event *event)
{
    struct groups *gs = e->at->host;
    event->now_ms = env_now_ms(gs->env);
    event->wall_ms = env_wall_ms(gs->env);
    settings_of(gs, e->group->id, &gs->settings);
    event->settings = &gs->settings;
    event->topics = topics_now(gs);
    event->classic = e->group;
}

/* Tells it at once, or when the last change that it may speak of is in the log for good. */
static void tell_or_hold(struct group_entry *e, struct group_ask *ask, bool is_error)
{
    struct groups *gs = e->at->host;
    if (e->last_change == NULL || is_error) {
        ask_finish(gs, ask);
    } else if (e->last_change->is_late) {
        /* It may never be. Whoever has waited for it was told so, and who comes is told as well. */
        ask_prepare_refusal(gs, ask, write_error(KAFKA_REQUEST_TIMED_OUT, false));
        ask_finish(gs, ask);
    } else {
        TAILQ_INSERT_TAIL(&e->last_change->held, ask, link);
    }
}

/* Writes what is marked in the entry's `consumer`, if anything. */
static void store_consumer(struct group_entry *e)
{
    struct consumer_group *c = e->consumer;
    if (c == NULL || c->marks == 0) return;
    struct group_write *w = write_new(e, NULL);
    write_add_consumer(w, ++c->last_store);
    if (w->record_count > 0) {
        write_queue(w);
    } else {
        write_free(w);
    }
}

/* It is a classic group from now on: the log has that, and nothing else of it, at once. */
static void store_as_classic(struct group_entry *e)
{
    struct group_write *w = write_new(e, NULL);
    write_add_group(w, ++e->group->last_store, false);
    add_leftovers(w);
    write_queue(w);
}

void entry_make_way(struct group_entry *e)
{
    consumer_make_way(e->consumer, e->group);
    store_as_classic(e);
}

/* Its members are those of a classic group now, which has to share out anew. */
static void downgrade(struct group_entry *e)
{
    store_as_classic(e);
    log_info(e->at->host->env, "group %.*s: all members speak the classic protocol, and so does it",
             (int)e->group->id.size, (const char *)e->group->id.at);
}

void entry_consumer_step(struct group_entry *e, struct group_ask *ask, struct consumer_event *event)
{
    struct groups *gs = e->at->host;
    struct consumer_group *c = e->consumer;
    struct consumer_effects fx;
    entry_fill_event(e, event);
    consumer_step(c, event, &fx);
    if (ask != NULL) consumer_prepare_answer(gs, ask, e, event, &fx);
    if (fx.has_rebalanced) {
        log_info(gs->env, "group %.*s: rebalances, epoch %d: %s", (int)c->id.size,
                 (const char *)c->id.at, c->epoch, c->why);
    }
    if (fx.has_downgraded) {
        downgrade(e);
    } else {
        store_consumer(e);
    }
    if (ask != NULL) tell_or_hold(e, ask, fx.answer.error != KAFKA_NONE);
    if (fx.has_downgraded) {
        struct group_event begin = {.kind = GROUP_RESHARE};
        entry_step(e, &begin);
        return;
    }
    entry_set_timer(e);
    entry_drop_if_void(e);
}

/* ---- The end of writes. ---- */

static void tell_held(struct groups *gs, struct group_write *w, int16_t error)
{
    struct group_ask *ask;
    while ((ask = TAILQ_FIRST(&w->held)) != NULL) {
        TAILQ_REMOVE(&w->held, ask, link);
        if (error != KAFKA_NONE) ask_prepare_refusal(gs, ask, write_error(error, false));
        ask_finish(gs, ask);
    }
}

/* What it has changed in the group is in the log (error: KAFKA_NONE), or never will be. */
static void end_change(struct groups *gs, struct group_write *w, int16_t error)
{
    struct group_entry *e = w->entry;
    tell_held(gs, w, error);
    if (w->change == 0) return;
    if (e->last_change == w) e->last_change = NULL;
    if (error == KAFKA_NONE) {
        consumer_store_done(e->consumer, w->change);
        e->is_stored = e->consumer->is_alive || w->store != 0;
    } else {
        consumer_store_failed(e->consumer);
    }
}

/* Whoever waits for the write hears what became of it. */
static void tell(struct groups *gs, struct group_write *w, int16_t error)
{
    struct group_ask *ask = w->ask;
    w->ask = NULL;
    if (ask == NULL) return;

    int16_t said = write_error(error, ask->api->key == KAFKA_API_OFFSET_COMMIT);
    for (uint32_t i = 0; i < w->error_count; i++) {
        int16_t *at = &ask->errors[w->error_first + i];
        if (*at == KAFKA_NONE) *at = said;
    }
    CHECK(ask->pending > 0);
    if (--ask->pending == 0) parts_answer(gs, ask);
}

static void say_stored(struct group_entry *e, uint64_t number, int16_t error)
{
    struct group_event event = {.kind = GROUP_STORED};
    event.stored.number = number;
    event.stored.error = write_error(error, false);
    entry_step(e, &event);
}

/* It is in the log for good. */
static void on_done(struct coordinator *c, struct group_write *w)
{
    struct group_entry *e = w->entry;
    tell(c->host, w, KAFKA_NONE);
    for (uint32_t i = 0; i < w->change_count; i++) {
        const struct group_change *change = &w->changes[i];
        offsets_apply(&e->offsets, change->topic, change->partition,
                      change->is_commit ? &change->value : NULL, true);
    }
    e->write_count--;
    end_change(c->host, w, KAFKA_NONE);
    uint64_t number = w->is_late ? 0 : w->store;
    if (w->store != 0) e->is_stored = true;
    if (w->is_group_deletion) {
        e->is_stored = false;
        entry_remove(e);
    } else if (number != 0) {
        say_stored(e, number, KAFKA_NONE);
    } else {
        entry_drop_if_void(e);
    }
    write_free(w);
}

/* It is not in the log, and never will be. */
static void on_failed(struct coordinator *c, struct group_write *w, int16_t error)
{
    struct group_entry *e = w->entry;
    tell(c->host, w, error);
    for (uint32_t i = 0; i < w->change_count; i++) {
        offsets_give_up(&e->offsets, w->changes[i].topic, w->changes[i].partition);
    }
    e->write_count--;
    end_change(c->host, w, error);
    if (w->is_group_deletion) e->is_deleting = false;
    uint64_t number = w->is_late ? 0 : w->store;
    write_free(w);
    if (number != 0) {
        say_stored(e, number, error);
    } else {
        entry_drop_if_void(e);
    }
}

static void on_late(struct coordinator *c, struct group_write *w)
{
    struct group_entry *e = w->entry;
    uint64_t number = w->store;
    log_warn(c->host->env, "group %.*s: a write to %s-%d is not committed in time",
             (int)e->group->id.size, (const char *)e->group->id.at, OFFSETS_TOPIC,
             c->key.partition);
    tell(c->host, w, KAFKA_REQUEST_TIMED_OUT);
    tell_held(c->host, w, KAFKA_REQUEST_TIMED_OUT);
    if (number != 0) say_stored(e, number, KAFKA_REQUEST_TIMED_OUT);
}

void coordinator_writes_turn(struct coordinator *c)
{
    struct group_write *w;
    while ((w = writes_next_done(c)) != NULL) on_done(c, w);
    /* What is refused may have its core want another write, which is refused as well: once only. */
    struct group_write_list refused = TAILQ_HEAD_INITIALIZER(refused);
    int16_t error = KAFKA_NONE;
    writes_append(c, &refused, &error);
    while ((w = TAILQ_FIRST(&refused)) != NULL) {
        TAILQ_REMOVE(&refused, w, link);
        on_failed(c, w, error);
    }
    while ((w = writes_next_late(c)) != NULL) on_late(c, w);
}

void coordinator_lose_writes(struct coordinator *c, int64_t end, int16_t error)
{
    struct group_write_list lost = TAILQ_HEAD_INITIALIZER(lost);
    struct group_write *w, *next;
    for (w = TAILQ_FIRST(&c->appended); w != NULL; w = next) {
        next = TAILQ_NEXT(w, link);
        if (w->end_offset <= end) continue;
        TAILQ_REMOVE(&c->appended, w, link);
        TAILQ_INSERT_TAIL(&lost, w, link);
    }
    while ((w = TAILQ_FIRST(&lost)) != NULL) {
        TAILQ_REMOVE(&lost, w, link);
        on_failed(c, w, error);
    }
}

void coordinator_drop_writes(struct coordinator *c, int16_t error)
{
    TAILQ_CONCAT(&c->appended, &c->queued, link);
    struct group_write *w;
    while ((w = TAILQ_FIRST(&c->appended)) != NULL) {
        TAILQ_REMOVE(&c->appended, w, link);
        tell(c->host, w, error);
        tell_held(c->host, w, error);
        w->entry->write_count--;
        write_free(w);
    }
}
