#include <stdarg.h>
#include <stdio.h>

#include "broker/groups/consumer/inside.h"
#include "proto/kafka_errors.h"

void consumer_say(struct consumer_effects *fx, int16_t error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fx->answer.message, sizeof fx->answer.message, format, arguments);
    va_end(arguments);
    fx->answer.error = error;
    fx->answer.member = NULL;
}

void consumer_note(struct consumer_group *c, const struct consumer_event *e, const char *format,
                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(c->why, sizeof c->why, format, arguments);
    va_end(arguments);
    c->why_wall_ms = e->wall_ms;
}

void consumer_bump(struct consumer_group *c, const struct consumer_event *e,
                   struct consumer_effects *fx)
{
    CHECK(c->epoch < INT32_MAX);

    c->epoch++;
    consumer_mark_group(c, CONSUMER_MARK_EPOCH);
    if (c->rebalance_began_ms == 0) c->rebalance_began_ms = e->now_ms;
    fx->has_rebalanced = true;
}

static bool has_new_topics(struct consumer_group *c, const struct consumer_event *e)
{
    consumer_patterns_refresh(c, e);
    uint64_t hash = consumer_metadata_hash(c, e->topics);
    c->topics_version = e->topics->version;
    if (hash == c->metadata_hash) return false;

    c->metadata_hash = hash;
    consumer_mark_group(c, CONSUMER_MARK_EPOCH);
    return true;
}

void consumer_follow(struct consumer_group *c, const struct consumer_event *e,
                     struct consumer_effects *fx, bool has_changed)
{
    if (has_changed || c->topics_version != e->topics->version) {
        bool has_others = has_new_topics(c, e);
        if (has_others && !has_changed) {
            consumer_note(c, e, "the topics that it subscribes to have changed");
        }
        if (has_changed || has_others) consumer_bump(c, e, fx);
    }
    if (c->epoch > c->target_epoch) consumer_compute_target(c, e);
}

void consumer_touch(struct consumer_member *m, const struct consumer_event *e)
{
    m->session_ms = e->now_ms + (m->is_classic ? m->session_timeout_ms : e->settings->session_ms);
}

/* The target follows with the next member's heartbeat. */
void consumer_follow_loss(struct consumer_group *c, const struct consumer_event *e,
                          struct consumer_effects *fx)
{
    (void)has_new_topics(c, e);
    consumer_bump(c, e, fx);
}

void consumer_fence(struct consumer_group *c, const struct consumer_event *e,
                    struct consumer_effects *fx, struct consumer_member *m)
{
    bool is_last = consumer_may_downgrade(c, e, m);
    consumer_member_remove(c, m);
    consumer_follow_loss(c, e, fx);
    if (is_last) consumer_downgrade(c, e, fx);
}
