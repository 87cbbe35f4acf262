/* ConsumerGroupHeartbeat and ConsumerGroupDescribe: KIP-848. */
#include "broker/groups/asks.h"
#include "broker/groups/consumer_answers.h"
#include "broker/groups/consumer_settings.h"
#include "broker/groups/entries.h"
#include "broker/groups/own.h"
#include "broker/groups/requests.h"
#include "broker/groups/steps.h"
#include "common/check.h"
#include "proto/acl_operations.h"
#include "proto/kafka_errors.h"
#include "proto/msg/consumer_group_describe.h"
#include "proto/msg/consumer_group_heartbeat.h"

#define MEMBER_ID_IS_THE_CLIENTS 1 /* From this version of the heartbeat on (KIP-1082). */

static const char NO_SUCH_GROUP[] = "There is no such consumer group.";

/* ---- ConsumerGroupHeartbeat ---- */

static void fill_owned(const struct consumer_group_heartbeat_request *q, struct part_set *out)
{
    const struct consumer_group_heartbeat_partitions *topics = q->topic_partitions.items;
    for (int32_t i = 0; i < q->topic_partitions.count; i++) {
        const int32_t *numbers = topics[i].partitions.items;
        for (int32_t n = 0; n < topics[i].partitions.count; n++) {
            (void)part_set_add(out, (struct part){topics[i].topic_id, numbers[n]});
        }
    }
}

static void fill_heartbeat(struct groups *gs, const struct group_ask *ask,
                           const struct consumer_group_heartbeat_request *q,
                           struct consumer_event *e)
{
    *e = (struct consumer_event){.kind = CONSUMER_HEARTBEAT};
    e->heartbeat.member_id = q->member_id;
    e->heartbeat.member_epoch = q->member_epoch;
    e->heartbeat.instance_id = q->instance_id;
    e->heartbeat.rack_id = q->rack_id;
    e->heartbeat.client_id = slice_or_empty(ask->client_id);
    e->heartbeat.client_host = slice_of_text(ask->client_host);
    e->heartbeat.rebalance_timeout_ms = q->rebalance_timeout_ms;
    e->heartbeat.has_topics = q->subscribed_topic_names.count >= 0;
    if (e->heartbeat.has_topics) {
        e->heartbeat.topic_count = (uint32_t)q->subscribed_topic_names.count;
        e->heartbeat.topics = q->subscribed_topic_names.items;
    }
    e->heartbeat.pattern = q->subscribed_topic_regex;
    e->heartbeat.assignor = q->server_assignor;
    e->heartbeat.has_owned = q->topic_partitions.count >= 0;
    fill_owned(q, &e->heartbeat.owned);
    e->heartbeat.needs_member_id = ask->version.number >= MEMBER_ID_IS_THE_CLIENTS;
    env_random(gs->env, &e->heartbeat.new_uuid, sizeof e->heartbeat.new_uuid);
}

/* Kafka answers them REBALANCE_IN_PROGRESS. They would only join again, or, as kcat does, give
 * up. */
static void join_again(struct groups *gs, struct joiner *joiners, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        request_join_as(gs, joiners[i].ask, joiners[i].member_id);
        own_free(&joiners[i].member_id);
    }
    free(joiners);
}

/* The entry becomes one of the consumer protocol, if it is not. Kafka's error. */
static int16_t become_consumer(struct group_entry *entry, struct consumer_event *e,
                               struct consumer_effects *fx, struct joiner **joiners,
                               uint32_t *joiner_count)
{
    if (entry_is_consumer(entry)) return KAFKA_NONE;
    entry_fill_event(entry, e);
    int16_t error = consumer_may_upgrade(e, fx);
    if (error != KAFKA_NONE) return error;
    bool had_members = entry->group->member_count > 0;
    *joiners = entry_take_joiners(entry, joiner_count);
    if (entry->consumer == NULL) entry->consumer = consumer_new(entry->group->id);
    consumer_upgrade(entry->consumer, e);
    if (!had_members) return KAFKA_NONE;
    log_info(entry->at->host->env, "group %.*s: speaks the consumer protocol from now on",
             (int)entry->group->id.size, (const char *)entry->group->id.at);
    return KAFKA_NONE;
}

static void heartbeat(struct groups *gs, struct group_ask *ask,
                      const struct consumer_group_heartbeat_request *q, struct consumer_event *e)
{
    int16_t error = KAFKA_NONE;
    struct consumer_effects fx;
    settings_of(gs, q->group_id, &gs->settings);
    e->settings = &gs->settings;
    if (!consumer_is_sound(q->group_id, e, &fx)) {
        consumer_refuse_heartbeat(gs, ask, fx.answer.error, fx.answer.message);
        return;
    }
    struct coordinator *c = ask_coordinator(gs, ask, q->group_id, &error);
    if (c == NULL) {
        consumer_refuse_heartbeat(gs, ask, error, "");
        return;
    }
    if (meta_feature_level(gs->image, META_FEATURE_GROUPS) < META_GROUPS_LEVEL) {
        consumer_refuse_heartbeat(gs, ask, KAFKA_UNSUPPORTED_VERSION,
                                  META_FEATURE_GROUPS " is less than 1");
        return;
    }
    struct group_entry *entry = entry_find(c, q->group_id);
    bool joins = q->member_epoch == CONSUMER_JOIN_EPOCH;
    if (entry != NULL && entry->is_deleting) {
        consumer_refuse_heartbeat(gs, ask, KAFKA_COORDINATOR_NOT_AVAILABLE, "");
        return;
    }
    if (!joins && (entry == NULL || !entry_is_consumer(entry))) {
        consumer_refuse_heartbeat(gs, ask, KAFKA_GROUP_ID_NOT_FOUND, NO_SUCH_GROUP);
        return;
    }
    if (entry == NULL) entry = entry_find_or_add(c, q->group_id);
    struct joiner *joiners = NULL;
    uint32_t joiner_count = 0;
    error = become_consumer(entry, e, &fx, &joiners, &joiner_count);
    if (error == KAFKA_NONE) {
        entry_consumer_step(entry, ask, e);
        join_again(gs, joiners, joiner_count);
    } else {
        consumer_refuse_heartbeat(gs, ask, error, fx.answer.message);
    }
}

void request_consumer_heartbeat(struct groups *gs, struct group_ask *ask)
{
    struct consumer_group_heartbeat_request q;
    struct consumer_event e;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    if (gs->options->groups.consumer.is_off) {
        consumer_refuse_heartbeat(gs, ask, KAFKA_UNSUPPORTED_VERSION, "");
        return;
    }
    fill_heartbeat(gs, ask, &q, &e);
    heartbeat(gs, ask, &q, &e);
    part_set_close(&e.heartbeat.owned);
}

/* ---- ConsumerGroupDescribe ---- */

static bool describe_parts(struct groups *gs, const struct part_set *parts, struct array *out)
{
    const struct topic_table *t = topics_now(gs);
    struct consumer_group_describe_partitions *items =
        arena_take(&gs->arena, part_set_topics(parts) + 1, sizeof *items);
    if (items == NULL) return false;
    int32_t count = 0;
    for (uint32_t at = 0; at < parts->count; at += part_set_run(parts, at)) {
        const struct known_topic *topic = topic_table_by_id(t, parts->items[at].topic);
        if (topic == NULL) continue; /* It has been deleted. */
        uint32_t run = part_set_run(parts, at);
        int32_t *numbers = arena_take(&gs->arena, run, sizeof *numbers);
        if (numbers == NULL) return false;
        for (uint32_t i = 0; i < run; i++) numbers[i] = parts->items[at + i].number;
        items[count++] = (struct consumer_group_describe_partitions){
            .topic_id = topic->id,
            .topic_name = topic->name,
            .partitions = {numbers, (int32_t)run},
        };
    }
    *out = (struct array){items, count};
    return true;
}

static bool describe_members(struct groups *gs, const struct consumer_group *c, struct array *out)
{
    struct consumer_group_describe_member *items =
        arena_take(&gs->arena, c->member_count + 1, sizeof *items);
    if (items == NULL) return false;
    *out = (struct array){items, (int32_t)c->member_count};
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next, items++) {
        *items = (struct consumer_group_describe_member){
            .member_id = m->id,
            .instance_id = m->instance_id,
            .rack_id = m->rack_id,
            .member_epoch = m->epoch,
            .client_id = slice_or_empty(m->client_id),
            .client_host = slice_or_empty(m->client_host),
            .subscribed_topic_names = {m->topics, (int32_t)m->topic_count},
            .subscribed_topic_regex = slice_or_empty(m->pattern),
            .member_type = m->is_classic ? 0 : 1,
        };
        bool ok = describe_parts(gs, &m->assigned, &items->assignment.topic_partitions) &&
                  describe_parts(gs, &m->target, &items->target_assignment.topic_partitions);
        if (!ok) return false;
    }
    return true;
}

static void describe_why(const struct groups *gs, const struct consumer_group *c,
                         struct consumer_group_describe_group *out)
{
    out->why = slice_of_text(c->why);
    if (c->why[0] == '\0') return; /* Not since it is coordinated here. */
    int64_t age_ms = env_wall_ms(gs->env) - c->why_wall_ms;
    out->why_age_ms = age_ms > 0 ? age_ms : 0;
    if (c->rebalance_began_ms == 0) out->rebalance_took_ms = (int64_t)c->rebalance_took_ms;
}

static bool describe(struct groups *gs, const struct group_ask *ask, struct slice group_id,
                     const struct consumer_group_describe_request *q,
                     struct consumer_group_describe_group *out)
{
    kafka_defaults(&schema_consumer_group_describe_group, out);
    out->group_id = group_id;
    if (q->include_authorized_operations) out->authorized_operations = ACL_OF_GROUP;
    if (group_id.size == 0) {
        out->error_code = KAFKA_INVALID_GROUP_ID;
        return true;
    }
    const struct coordinator *c = ask_coordinator(gs, ask, group_id, &out->error_code);
    if (c == NULL) return true;
    const struct group_entry *e = entry_find(c, group_id);
    if (e == NULL || !entry_is_consumer(e)) {
        out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
        out->error_message =
            e == NULL ? ask_not_found_text(gs, group_id) : slice_of_text(NO_SUCH_GROUP);
        return true;
    }
    const struct consumer_group *g = e->consumer;
    struct consumer_settings settings;
    settings_of(gs, group_id, &settings);
    out->group_state = slice_of_text(consumer_state_text(consumer_state_of(g)));
    out->group_epoch = g->epoch;
    out->assignment_epoch = g->target_epoch;
    out->assignor_name = slice_of_text(assignor_name(consumer_assignor(g, &settings)));
    if (q->include_why) describe_why(gs, g, out);
    return describe_members(gs, g, &out->members);
}

void request_consumer_describe(struct groups *gs, struct group_ask *ask)
{
    struct consumer_group_describe_request q;
    struct consumer_group_describe_response answer = {0};
    bool ok = ask_decode(gs, ask, &q);
    struct consumer_group_describe_group *items = NULL;
    if (ok) items = arena_take(&gs->arena, (size_t)q.group_ids.count + 1, sizeof *items);
    ok = items != NULL;
    int32_t count = 0;
    for (int32_t i = 0; ok && i < q.group_ids.count; i++) {
        struct slice id = ((const struct slice *)q.group_ids.items)[i];
        if (!ask_is_about(gs, ask, id)) continue;
        ok = describe(gs, ask, id, &q, &items[count++]);
    }
    if (!ok) {
        ask_answer_nothing(gs, ask);
        return;
    }
    answer.groups = (struct array){items, count};
    ask_answer(gs, ask, &answer);
}
