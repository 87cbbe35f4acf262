#include "broker/groups/consumer/inside.h"
#include "broker/groups/members.h"
#include "broker/groups/protocols.h"
#include "proto/kafka_errors.h"

/* ---- From the classic protocol: with what its members have said and been given. ---- */

/* Of the protocol that the group has selected, or will. */
static struct slice metadata_of(const struct group_member *m, struct slice protocol)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (slice_equal(m->protocols[i].name, protocol)) return m->protocols[i].metadata;
    }
    return (struct slice){0};
}

static bool can_be_read(const struct group *g, struct slice protocol, const struct topic_table *t)
{
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        struct embedded said;
        struct part_set assigned = {0};
        bool ok = embedded_read(metadata_of(m, protocol), t, &said) &&
                  embedded_read_assignment(m->assignment, t, &assigned);
        embedded_close(&said);
        part_set_close(&assigned);
        if (!ok) return false;
    }
    return true;
}

static void take_member(struct consumer_group *c, const struct consumer_event *e,
                        const struct group_member *from, struct slice protocol)
{
    struct embedded said;
    struct part_set assigned = {0}, free_ones = {0}, none = {0};
    (void)embedded_read(metadata_of(from, protocol), e->topics, &said);
    (void)embedded_read_assignment(from->assignment, e->topics, &assigned);
    struct consumer_member *m = consumer_member_add(c, from->id);
    m->instance_id = own_copy(from->instance_id);
    m->rack_id = own_copy(said.rack_id);
    m->client_id = own_copy(slice_or_empty(from->client_id));
    m->client_host = own_copy(slice_or_empty(from->client_host));
    m->rebalance_timeout_ms = from->rebalance_timeout_ms;
    (void)consumer_set_topics(m, said.topics, said.topic_count);
    consumer_set_classic(c, m, true);
    m->session_timeout_ms = from->session_timeout_ms;
    consumer_set_protocols(c, m, from->protocols, from->protocol_count);
    m->epoch = c->epoch;
    m->previous_epoch = c->epoch;
    /* A leader that shares out badly may have given one partition to two. */
    for (uint32_t i = 0; i < assigned.count; i++) {
        if (consumer_holder_of(c, assigned.items[i]) == NULL) {
            (void)part_set_add(&free_ones, assigned.items[i]);
        }
    }
    part_set_copy(&m->target, &free_ones);
    consumer_hold(c, m, &free_ones, &none);
    consumer_touch(m, e);
    part_set_close(&assigned);
    embedded_close(&said);
}

static int16_t refuse(struct consumer_effects *fx, const struct group *g, const char *why)
{
    consumer_say(fx, KAFKA_GROUP_ID_NOT_FOUND, "Group %.*s is not a consumer group%s.", WHO(g->id),
                 why);
    return KAFKA_GROUP_ID_NOT_FOUND;
}

static void begin(struct consumer_group *c, int32_t epoch)
{
    CHECK(!c->is_alive);
    CHECK(c->members == NULL);

    c->is_alive = true;
    c->epoch = epoch;
    c->target_epoch = epoch;
    c->metadata_hash = 0;
    c->topics_version = 0;
    c->rebalance_began_ms = 0;
    c->deadline_ms = GROUP_NEVER;
    consumer_mark_group(c, CONSUMER_MARK_EPOCH | CONSUMER_MARK_TARGET_EPOCH);
}

int16_t consumer_may_upgrade(const struct consumer_event *e, struct consumer_effects *fx)
{
    const struct group *g = e->classic;
    fx->answer = (struct consumer_answer){0};
    if (g->member_count == 0) return KAFKA_NONE;
    if ((e->settings->policy & CONSUMER_POLICY_UPGRADE) == 0) {
        return refuse(fx, g, ", and group.consumer.migration.policy does not let it become one");
    }
    if (!slice_equal(g->protocol_type, slice_of_text("consumer"))) return refuse(fx, g, "");
    if (g->member_count > e->settings->size_max) {
        return refuse(fx, g, ", and has more members than group.consumer.max.size");
    }
    struct slice protocol = g->protocol.at != NULL ? g->protocol : members_select(g);
    if (!can_be_read(g, protocol, e->topics)) {
        return refuse(fx, g, ": what its members say of themselves is malformed");
    }
    return KAFKA_NONE;
}

void consumer_upgrade(struct consumer_group *c, const struct consumer_event *e)
{
    struct group *g = e->classic;
    bool was_stored = g->protocol_type.at != NULL;
    struct slice protocol = {0};
    if (g->member_count > 0) protocol = g->protocol.at != NULL ? g->protocol : members_select(g);
    begin(c, g->generation > 0 ? g->generation : 0);
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) take_member(c, e, m, protocol);
    if (was_stored) consumer_mark_group(c, CONSUMER_MARK_CLASSIC);
    static const struct group_metadata_value nothing = {.current_state_timestamp_ms = -1};
    group_restore(g, &nothing);
}

/* ---- And back. ---- */

bool consumer_may_downgrade(const struct consumer_group *c, const struct consumer_event *e,
                            const struct consumer_member *except)
{
    uint32_t left = c->member_count - (except != NULL ? 1 : 0);
    if (except != NULL && except->is_classic) return false;
    return left > 0 && c->classic_count == left &&
           (e->settings->policy & CONSUMER_POLICY_DOWNGRADE) != 0 &&
           left <= e->settings->classic_size_max;
}

static void give_member(const struct consumer_member *from, const struct consumer_event *e)
{
    struct group_member *m = members_add(e->classic, from->id, from->instance_id);
    m->client_id = own_copy(from->client_id);
    m->client_host = own_copy(from->client_host);
    m->session_timeout_ms = from->session_timeout_ms;
    m->rebalance_timeout_ms = from->rebalance_timeout_ms;
    protocols_set(&m->protocols, &m->protocol_count, from->protocols, from->protocol_count);
    struct reader in = reader_of(m->protocols[0].metadata);
    int16_t version = read_i16(&in);
    struct writer out = writer_with(SIZE_MAX / 2);
    embedded_write_assignment(&from->assigned, e->topics, version, &out);
    m->assignment = own_copy(writer_slice(&out));
    writer_close(&out);
}

uint64_t consumer_bury(struct consumer_group *c)
{
    while (c->members != NULL) consumer_member_remove(c, c->members);
    while (c->patterns != NULL) consumer_pattern_drop(c, c->patterns->text);
    c->is_alive = false;
    c->deadline_ms = GROUP_NEVER;
    consumer_mark_group(c, CONSUMER_MARK_EPOCH | CONSUMER_MARK_TARGET_EPOCH);
    return ++c->last_store;
}

void consumer_make_way(struct consumer_group *c, struct group *classic)
{
    CHECK(c->is_alive && c->member_count == 0);
    CHECK(classic->member_count == 0);

    classic->generation = c->epoch;
    (void)consumer_bury(c);
    c->marks &= ~(uint32_t)CONSUMER_MARK_CLASSIC; /* There is a classic group again. */
}

void consumer_downgrade(struct consumer_group *c, const struct consumer_event *e,
                        struct consumer_effects *fx)
{
    struct group *g = e->classic;
    CHECK(g->member_count == 0);

    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) give_member(m, e);
    g->generation = c->epoch;
    own_set(&g->protocol_type, slice_of_text("consumer"));
    own_set(&g->protocol, members_select(g));
    g->before = GROUP_STABLE;
    g->state = GROUP_STABLE;
    g->state_wall_ms = e->wall_ms;
    fx->has_downgraded = true;
    (void)consumer_bury(c);
    c->marks &= ~(uint32_t)CONSUMER_MARK_CLASSIC; /* There is a classic group again. */
}
