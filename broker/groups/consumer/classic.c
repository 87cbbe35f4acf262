/* Members that speak the classic protocol, in a group of the consumer protocol: their member epoch
 * is their generation, and they follow the same target as all others. */
#include "broker/groups/consumer/inside.h"
#include "common/text.h"
#include "proto/kafka_errors.h"

/* ---- JoinGroup ---- */

static bool is_supported(const struct consumer_group *c, const struct group_protocol *p)
{
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        bool has_it = !m->is_classic;
        for (uint32_t i = 0; i < m->protocol_count; i++) {
            has_it |= slice_equal(m->protocols[i].name, p->name);
        }
        if (!has_it) return false;
    }
    return true;
}

static bool fits(const struct consumer_group *c, const struct consumer_event *e)
{
    if (!slice_equal(e->join.protocol_type, slice_of_text("consumer"))) return false;
    for (uint32_t i = 0; i < e->join.protocol_count; i++) {
        if (is_supported(c, &e->join.protocols[i])) return true;
    }
    return false;
}

static struct consumer_member *find_or_add(struct consumer_group *c, const struct consumer_event *e,
                                           struct consumer_effects *fx, struct slice id,
                                           bool *is_new)
{
    struct slice instance = e->join.instance_id;
    struct consumer_member *m = consumer_member_find(c, id);
    struct consumer_member *before = consumer_static_find(c, instance);
    *is_new = false;
    if (instance.at != NULL && e->join.member_id.size > 0 && before != m) {
        consumer_say(fx, before == NULL ? KAFKA_UNKNOWN_MEMBER_ID : KAFKA_FENCED_INSTANCE_ID,
                     "another member is %.*s", WHO(instance));
        return NULL;
    }
    if (before != NULL && before != m) {
        consumer_member_rename(c, before, id);
        before->epoch = 0;
        before->previous_epoch = 0;
        return before;
    }
    if (m != NULL) return m;
    *is_new = true;
    return consumer_member_add(c, id);
}

/* True: it subscribes to other topics than before. */
static bool take_news(struct consumer_group *c, struct consumer_member *m,
                      const struct consumer_event *e, const struct embedded *said)
{
    bool others = consumer_set_topics(m, said->topics, said->topic_count);
    if (m->pattern.size > 0) {
        consumer_set_pattern(c, m, (struct slice){0}, e);
        others = true;
    }
    bool any = others;
    if (e->join.instance_id.at != NULL)
        any |= consumer_set_text(&m->instance_id, e->join.instance_id);
    if (said->rack_id.at != NULL) any |= consumer_set_text(&m->rack_id, said->rack_id);
    any |= consumer_set_text(&m->client_id, e->join.client_id);
    any |= consumer_set_text(&m->client_host, e->join.client_host);
    any |= m->rebalance_timeout_ms != e->join.rebalance_timeout_ms;
    any |= !m->is_classic || m->session_timeout_ms != e->join.session_timeout_ms;
    consumer_set_classic(c, m, true);
    m->rebalance_timeout_ms = e->join.rebalance_timeout_ms;
    m->session_timeout_ms = e->join.session_timeout_ms;
    consumer_set_protocols(c, m, e->join.protocols, e->join.protocol_count);
    if (any) consumer_mark(c, m, CONSUMER_MARK_MEMBER);
    return others;
}

static void join(struct consumer_group *c, const struct consumer_event *e,
                 struct consumer_effects *fx, struct slice id, const struct embedded *said)
{
    bool is_new;
    bool was_mixed = c->classic_count < c->member_count;
    struct consumer_member *m = find_or_add(c, e, fx, id, &is_new);
    if (m == NULL) return;
    bool others = take_news(c, m, e, said);
    if (is_new || others) {
        consumer_note(c, e, "member %.*s (client %.*s at %.*s, classic protocol) %s", WHO(m->id),
                      WHO(m->client_id), WHO(m->client_host),
                      is_new ? "joined" : "subscribes to other topics");
    }
    consumer_follow(c, e, fx, is_new || others);
    (void)consumer_reconcile(c, m, e, &said->owned);
    m->join_ms = 0;
    m->sync_ms = e->now_ms + m->rebalance_timeout_ms;
    consumer_touch(m, e);
    fx->answer.member = m;
    if (!was_mixed || !consumer_may_downgrade(c, e, NULL)) return;
    /* It has taken the place of the last one that spoke the consumer protocol. */
    consumer_note(c, e, "all members speak the classic protocol");
    consumer_downgrade(c, e, fx);
    consumer_say(fx, KAFKA_REBALANCE_IN_PROGRESS, "the group has changed its protocol");
}

void consumer_on_join(struct consumer_group *c, const struct consumer_event *e,
                      struct consumer_effects *fx)
{
    char text[UUID_TEXT_SIZE];
    struct slice id = e->join.member_id;
    if (id.size == 0) {
        uuid_to_text(e->join.new_uuid, text);
        id = slice_of_text(text);
    }
    bool is_member = consumer_member_find(c, id) != NULL;
    if (c->member_count >= e->settings->size_max && !is_member) {
        consumer_say(fx, KAFKA_GROUP_MAX_SIZE_REACHED, "the group has as many members as it may");
        return;
    }
    if (e->join.protocol_count == 0 || !fits(c, e)) {
        consumer_say(fx, KAFKA_INCONSISTENT_GROUP_PROTOCOL, "its protocols are not supported");
        return;
    }
    if (e->join.member_id.size == 0 && e->join.needs_known_id) {
        consumer_say(fx, KAFKA_MEMBER_ID_REQUIRED, "join with the id");
        memcpy(fx->answer.member_id, text, sizeof text);
        return;
    }
    struct embedded said;
    if (embedded_read(e->join.protocols[0].metadata, e->topics, &said)) {
        join(c, e, fx, id, &said);
    } else {
        consumer_say(fx, KAFKA_INCONSISTENT_GROUP_PROTOCOL, "its metadata cannot be read");
    }
    embedded_close(&said);
}

/* ---- SyncGroup, Heartbeat ---- */

static struct consumer_member *find_member(const struct consumer_group *c, struct slice id,
                                           struct slice instance, struct consumer_effects *fx)
{
    struct consumer_member *m = consumer_member_find(c, id);
    if (instance.at != NULL) {
        m = consumer_static_find(c, instance);
        if (m != NULL && !slice_equal(m->id, id)) {
            consumer_say(fx, KAFKA_FENCED_INSTANCE_ID, "another member is %.*s", WHO(instance));
            return NULL;
        }
    }
    if (m == NULL) consumer_say(fx, KAFKA_UNKNOWN_MEMBER_ID, "it is no member");
    return m;
}

static struct consumer_member *check_member(const struct consumer_group *c, struct slice id,
                                            struct slice instance, struct consumer_effects *fx)
{
    struct consumer_member *m = find_member(c, id, instance, fx);
    if (m == NULL || m->is_classic) return m;
    consumer_say(fx, KAFKA_UNKNOWN_MEMBER_ID, "it is no member of this protocol");
    return NULL;
}

static struct consumer_member *check_generation(const struct consumer_group *c,
                                                const struct consumer_event *e,
                                                struct consumer_effects *fx)
{
    struct consumer_member *m = check_member(c, e->sync.member_id, e->sync.instance_id, fx);
    if (m == NULL || m->epoch == e->sync.generation) return m;
    consumer_say(fx, KAFKA_ILLEGAL_GENERATION, "its generation is %d", m->epoch);
    return NULL;
}

static void must_join(struct consumer_member *m, const struct consumer_event *e,
                      struct consumer_effects *fx)
{
    if (m->join_ms == 0) m->join_ms = e->now_ms + m->rebalance_timeout_ms;
    consumer_say(fx, KAFKA_REBALANCE_IN_PROGRESS, "join again");
}

void consumer_on_sync(struct consumer_group *c, const struct consumer_event *e,
                      struct consumer_effects *fx)
{
    struct consumer_member *m = check_generation(c, e, fx);
    if (m == NULL) return;
    struct slice type = e->sync.protocol_type, protocol = e->sync.protocol;
    bool is_other = (type.at != NULL && !slice_equal(type, slice_of_text("consumer"))) ||
                    (protocol.at != NULL && !slice_equal(protocol, m->protocols[0].name));
    if (is_other) {
        consumer_say(fx, KAFKA_INCONSISTENT_GROUP_PROTOCOL, "it joined with another protocol");
        return;
    }
    if (c->epoch > m->epoch && m->state != CONSUMER_MEMBER_UNREVOKED) {
        must_join(m, e, fx);
        return;
    }
    m->sync_ms = 0;
    consumer_touch(m, e);
    fx->answer.member = m;
}

/* Could it get something by joining again? */
static bool waits_for_others(const struct consumer_group *c, const struct consumer_member *m)
{
    for (uint32_t i = 0; i < m->target.count; i++) {
        struct part p = m->target.items[i];
        if (!part_set_has(&m->assigned, p) && consumer_holder_of(c, p) != NULL) return true;
    }
    return false;
}

void consumer_on_classic_heartbeat(struct consumer_group *c, const struct consumer_event *e,
                                   struct consumer_effects *fx)
{
    struct consumer_member *m = check_generation(c, e, fx);
    if (m == NULL) return;
    consumer_touch(m, e);
    fx->answer.member = m;
    bool can_have_more = m->state == CONSUMER_MEMBER_UNRELEASED && !waits_for_others(c, m);
    if (m->epoch < c->epoch || m->state == CONSUMER_MEMBER_UNREVOKED || can_have_more) {
        must_join(m, e, fx);
    }
}

/* ---- LeaveGroup ---- */

static int16_t leave_one(struct consumer_group *c, const struct consumer_event *e,
                         const struct group_leaver *leaver, struct consumer_effects *fx)
{
    struct consumer_member *m;
    if (leaver->member_id.size == 0 && leaver->instance_id.at != NULL) {
        /* An administrator removes a static member by its name. */
        m = consumer_static_find(c, leaver->instance_id);
        if (m == NULL) return KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        /* As Kafka: of either protocol. */
        m = find_member(c, leaver->member_id, leaver->instance_id, fx);
        if (m == NULL) return fx->answer.error;
    }
    consumer_note(c, e, "member %.*s left: %.*s", WHO(m->id), WHO(leaver->reason));
    consumer_member_remove(c, m);
    return KAFKA_NONE;
}

void consumer_on_leave(struct consumer_group *c, const struct consumer_event *e,
                       struct consumer_effects *fx)
{
    uint32_t before = c->member_count;
    bool was_mixed = c->classic_count < before;
    for (uint32_t i = 0; i < e->leave.count; i++) {
        e->leave.errors[i] = leave_one(c, e, &e->leave.leavers[i], fx);
    }
    fx->answer = (struct consumer_answer){0};
    if (c->member_count == before) return;
    consumer_follow_loss(c, e, fx);
    if (was_mixed && consumer_may_downgrade(c, e, NULL)) consumer_downgrade(c, e, fx);
}
