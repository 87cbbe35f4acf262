#include <stdio.h>

#include "broker/groups/consumer/inside.h"
#include "common/check.h"
#include "common/pattern.h"
#include "common/text.h"
#include "proto/kafka_errors.h"

/* ---- Is the request sound? ---- */

/* Like Java's trim(): of blanks alone is empty. */
static bool is_blank(struct slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.at[i] > ' ') return false;
    }
    return true;
}

static bool is_given_and_blank(struct slice s)
{
    return s.at != NULL && is_blank(s);
}

static const char *what_is_wrong_with_join(const struct consumer_event *e)
{
    if (e->heartbeat.rebalance_timeout_ms == -1) {
        return "RebalanceTimeoutMs must be provided in first request.";
    }
    if (!e->heartbeat.has_owned || e->heartbeat.owned.count > 0) {
        return "TopicPartitions must be empty when (re-)joining.";
    }
    if (!e->heartbeat.has_topics && e->heartbeat.pattern.at == NULL) {
        return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
               "(re-)joining.";
    }
    return NULL;
}

static const char *what_is_wrong(struct slice group_id, const struct consumer_event *e)
{
    int32_t epoch = e->heartbeat.member_epoch;
    bool needs_id = e->heartbeat.needs_member_id || epoch > 0 || epoch == CONSUMER_LEAVE_EPOCH ||
                    epoch == CONSUMER_STATIC_LEAVE_EPOCH;
    if (needs_id && is_blank(e->heartbeat.member_id)) return "MemberId can't be empty.";
    if (is_blank(group_id)) return "GroupId can't be empty.";
    if (is_given_and_blank(e->heartbeat.instance_id)) return "InstanceId can't be empty.";
    if (is_given_and_blank(e->heartbeat.rack_id)) return "RackId can't be empty.";
    if (epoch == CONSUMER_JOIN_EPOCH) return what_is_wrong_with_join(e);
    if (epoch == CONSUMER_STATIC_LEAVE_EPOCH && e->heartbeat.instance_id.at == NULL) {
        return "InstanceId can't be null.";
    }
    return epoch < CONSUMER_STATIC_LEAVE_EPOCH ? "MemberEpoch is invalid." : NULL;
}

static bool is_known_assignor(const struct consumer_event *e)
{
    enum assignor_kind kind;
    if (e->heartbeat.assignor.at == NULL) return true;
    if (!assignor_find(e->heartbeat.assignor, &kind)) return false;
    for (uint32_t i = 0; i < e->settings->assignor_count; i++) {
        if (e->settings->assignors[i] == kind) return true;
    }
    return false;
}

static void refuse_assignor(const struct consumer_event *e, struct consumer_effects *fx)
{
    char known[64] = "";
    size_t size = 0;
    for (uint32_t i = 0; i < e->settings->assignor_count; i++) {
        const char *name = assignor_name(e->settings->assignors[i]);
        int more = snprintf(known + size, sizeof known - size, "%s%s", i > 0 ? ", " : "", name);
        CHECK(more > 0);
        size += (size_t)more;
        CHECK(size < sizeof known);
    }
    consumer_say(fx, KAFKA_UNSUPPORTED_ASSIGNOR,
                 "ServerAssignor %.*s is not supported. Supported assignors: %s.",
                 WHO(e->heartbeat.assignor), known);
}

static bool is_sound_pattern(const struct consumer_event *e, struct consumer_effects *fx)
{
    struct slice text = e->heartbeat.pattern;
    char why[128] = "it is too long";
    if (text.size == 0) return true;
    struct pattern *p =
        text.size > CONSUMER_PATTERN_MAX ? NULL : pattern_new(text.at, text.size, why, sizeof why);
    if (p == NULL) {
        consumer_say(fx, KAFKA_INVALID_REGULAR_EXPRESSION,
                     "SubscribedTopicRegex `%.*s` is not a valid regular expression: %s.",
                     WHO(text), why);
    }
    pattern_free(p);
    return p != NULL;
}

bool consumer_is_sound(struct slice group_id, const struct consumer_event *e,
                       struct consumer_effects *fx)
{
    fx->answer = (struct consumer_answer){0};
    const char *wrong = what_is_wrong(group_id, e);
    if (wrong != NULL) {
        consumer_say(fx, KAFKA_INVALID_REQUEST, "%s", wrong);
        return false;
    }
    if (!is_known_assignor(e)) {
        refuse_assignor(e, fx);
        return false;
    }
    return is_sound_pattern(e, fx);
}

/* ---- Who is it? ---- */

static bool is_its_epoch(const struct consumer_member *m, const struct consumer_event *e,
                         struct consumer_effects *fx)
{
    int32_t said = e->heartbeat.member_epoch;
    if (said == m->epoch) return true;
    /* The answer that told it of its epoch may have been lost. */
    bool is_behind = said < m->epoch && said == m->previous_epoch && e->heartbeat.has_owned &&
                     part_set_within(&e->heartbeat.owned, &m->assigned);
    if (is_behind) return true;
    consumer_say(fx, KAFKA_FENCED_MEMBER_EPOCH,
                 "The consumer group member has a %s member epoch (%d) than the one known by the "
                 "group coordinator (%d). The member must abandon all its partitions and rejoin.",
                 said > m->epoch ? "greater" : "smaller", said, m->epoch);
    return false;
}

static void say_unknown(struct consumer_effects *fx, const struct consumer_group *c,
                        struct slice id)
{
    consumer_say(fx, KAFKA_UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.", WHO(id),
                 WHO(c->id));
}

/* A member joins under the id that it has already. */
static void join_again(struct consumer_group *c, struct consumer_member *m)
{
    if (m->epoch == CONSUMER_STATIC_LEAVE_EPOCH) {
        m->epoch = 0; /* It is back, and what it had waits for it. */
        m->previous_epoch = 0;
        consumer_mark(c, m, CONSUMER_MARK_CURRENT);
    }
    /* The answer to its joining may have been lost. */
    if (m->epoch == 0 || m->previous_epoch == 0) return;

    /* It says itself that it has nothing. */
    struct part_set none[2] = {{0}, {0}};
    consumer_hold(c, m, &none[0], &none[1]);
    m->epoch = 0;
    m->previous_epoch = 0;
    m->state = CONSUMER_MEMBER_STABLE;
    m->rebalance_ms = 0;
    consumer_mark(c, m, CONSUMER_MARK_CURRENT);
}

static struct consumer_member *
known_static(struct consumer_group *c, const struct consumer_event *e, struct consumer_effects *fx)
{
    struct slice instance = e->heartbeat.instance_id, id = e->heartbeat.member_id;
    struct consumer_member *m = consumer_static_find(c, instance);
    if (m == NULL) {
        consumer_say(fx, KAFKA_UNKNOWN_MEMBER_ID, "Instance id %.*s is unknown.", WHO(instance));
        return NULL;
    }
    if (slice_equal(m->id, id)) return m;
    consumer_say(fx, KAFKA_FENCED_INSTANCE_ID,
                 "Static member %.*s with instance id %.*s was fenced by member %.*s.", WHO(id),
                 WHO(instance), WHO(m->id));
    return NULL;
}

/* A static member that joins: a new one, or one that takes the place of who it was. */
static struct consumer_member *join_static(struct consumer_group *c, const struct consumer_event *e,
                                           struct consumer_effects *fx, struct slice id,
                                           bool *is_new)
{
    struct slice instance = e->heartbeat.instance_id;
    struct consumer_member *m = consumer_static_find(c, instance);
    if (m == NULL) {
        m = consumer_member_find(c, id);
        *is_new = m == NULL;
        return m != NULL ? m : consumer_member_add(c, id);
    }
    if (slice_equal(m->id, id)) {
        join_again(c, m);
        return m;
    }
    if (!m->is_classic && m->epoch != CONSUMER_STATIC_LEAVE_EPOCH) {
        consumer_say(fx, KAFKA_UNRELEASED_INSTANCE_ID,
                     "Static member %.*s with instance id %.*s cannot join the group because the "
                     "instance id is owned by %.*s member.",
                     WHO(id), WHO(instance), WHO(m->id));
        return NULL;
    }
    struct consumer_member *other = consumer_member_find(c, id);
    if (other != NULL) {
        consumer_say(fx, KAFKA_INVALID_REQUEST, "MemberId %.*s is another member's.", WHO(id));
        return NULL;
    }
    consumer_member_rename(c, m, id);
    m->epoch = 0;
    m->previous_epoch = 0;
    return m;
}

static struct consumer_member *find_or_add(struct consumer_group *c, const struct consumer_event *e,
                                           struct consumer_effects *fx, struct slice id,
                                           bool *is_new)
{
    bool joins = e->heartbeat.member_epoch == CONSUMER_JOIN_EPOCH;
    struct consumer_member *m;
    if (e->heartbeat.instance_id.at != NULL) {
        m = joins ? join_static(c, e, fx, id, is_new) : known_static(c, e, fx);
        if (m == NULL) return NULL;
        return joins || is_its_epoch(m, e, fx) ? m : NULL;
    }
    m = consumer_member_find(c, id);
    if (m == NULL && !joins) {
        say_unknown(fx, c, id);
        return NULL;
    }
    if (m == NULL) {
        *is_new = true;
        return consumer_member_add(c, id);
    }
    if (!joins) return is_its_epoch(m, e, fx) ? m : NULL;
    join_again(c, m);
    return m;
}

/* ---- What it says. ---- */

static bool take_pattern(struct consumer_group *c, struct consumer_member *m,
                         const struct consumer_event *e)
{
    struct slice text = e->heartbeat.pattern;
    if (text.at == NULL || slice_equal(text, m->pattern)) return false;
    if (text.size == 0 && m->pattern.size == 0) return false;
    consumer_set_pattern(c, m, text, e);
    return true;
}

/* True: it subscribes to other topics than before. */
static bool take_news(struct consumer_group *c, struct consumer_member *m,
                      const struct consumer_event *e)
{
    bool others = e->heartbeat.has_topics &&
                  consumer_set_topics(m, e->heartbeat.topics, e->heartbeat.topic_count);
    others |= take_pattern(c, m, e);
    bool any = others;
    if (e->heartbeat.instance_id.at != NULL) {
        any |= consumer_set_text(&m->instance_id, e->heartbeat.instance_id);
    }
    if (e->heartbeat.rack_id.at != NULL)
        any |= consumer_set_text(&m->rack_id, e->heartbeat.rack_id);
    if (e->heartbeat.assignor.at != NULL) {
        any |= consumer_set_text(&m->assignor, e->heartbeat.assignor);
    }
    any |= consumer_set_text(&m->client_id, e->heartbeat.client_id);
    any |= consumer_set_text(&m->client_host, e->heartbeat.client_host);
    int32_t timeout_ms = e->heartbeat.rebalance_timeout_ms;
    if (timeout_ms >= 0 && (uint32_t)timeout_ms != m->rebalance_timeout_ms) {
        m->rebalance_timeout_ms = (uint32_t)timeout_ms;
        any = true;
    }
    any |= m->is_classic;
    consumer_set_classic(c, m, false);
    if (any) consumer_mark(c, m, CONSUMER_MARK_MEMBER);
    return others;
}

/* ---- Leaving. ---- */

static void leave_for_a_while(struct consumer_group *c, struct consumer_member *m)
{
    struct part_set assigned = {0}, none = {0};
    part_set_copy(&assigned, &m->assigned);
    consumer_hold(c, m, &assigned, &none);
    m->epoch = CONSUMER_STATIC_LEAVE_EPOCH;
    m->rebalance_ms = 0;
    consumer_mark(c, m, CONSUMER_MARK_CURRENT);
}

static void leave(struct consumer_group *c, const struct consumer_event *e,
                  struct consumer_effects *fx)
{
    bool is_static = e->heartbeat.instance_id.at != NULL;
    struct consumer_member *m =
        is_static ? known_static(c, e, fx) : consumer_member_find(c, e->heartbeat.member_id);
    if (m == NULL) {
        if (!is_static) say_unknown(fx, c, e->heartbeat.member_id);
        return;
    }
    if (is_static && e->heartbeat.member_epoch == CONSUMER_STATIC_LEAVE_EPOCH) {
        leave_for_a_while(c, m);
        return;
    }
    consumer_note(c, e, "member %.*s (client %.*s at %.*s) left", WHO(m->id), WHO(m->client_id),
                  WHO(m->client_host));
    consumer_fence(c, e, fx, m);
}

/* ---- The whole. ---- */

static bool is_full(const struct consumer_group *c, const struct consumer_event *e)
{
    return c->member_count >= e->settings->size_max &&
           consumer_member_find(c, e->heartbeat.member_id) == NULL;
}

static void beat(struct consumer_group *c, const struct consumer_event *e,
                 struct consumer_effects *fx)
{
    if (is_full(c, e)) {
        consumer_say(fx, KAFKA_GROUP_MAX_SIZE_REACHED,
                     "The consumer group has reached its maximum capacity of %u members.",
                     e->settings->size_max);
        return;
    }
    char text[UUID_TEXT_SIZE];
    struct slice id = e->heartbeat.member_id;
    if (id.size == 0) {
        uuid_to_text(e->heartbeat.new_uuid, text);
        id = slice_of_text(text);
    }
    bool is_new = false;
    struct consumer_member *m = find_or_add(c, e, fx, id, &is_new);
    if (m == NULL) return;
    bool others = take_news(c, m, e);
    if (is_new || others) {
        consumer_note(c, e, "member %.*s (client %.*s at %.*s) %s", WHO(m->id), WHO(m->client_id),
                      WHO(m->client_host), is_new ? "joined" : "subscribes to other topics");
    }
    consumer_follow(c, e, fx, is_new || others);
    /* An answer that was lost, or was a refusal because it could not be stored. */
    bool is_behind = m->is_untold || e->heartbeat.member_epoch != m->epoch;
    const struct part_set *owned = e->heartbeat.has_owned ? &e->heartbeat.owned : NULL;
    bool is_moved = consumer_reconcile(c, m, e, owned);
    consumer_touch(m, e);
    bool is_whole = e->heartbeat.rebalance_timeout_ms != -1 && e->heartbeat.has_owned &&
                    (e->heartbeat.has_topics || e->heartbeat.pattern.at != NULL);
    fx->answer.member = m;
    fx->answer.has_assignment = is_moved || is_whole || is_behind;
    if (fx->answer.has_assignment) m->is_untold = false;
}

void consumer_on_heartbeat(struct consumer_group *c, const struct consumer_event *e,
                           struct consumer_effects *fx)
{
    if (e->heartbeat.member_epoch < 0) {
        leave(c, e, fx);
    } else {
        beat(c, e, fx);
    }
}
