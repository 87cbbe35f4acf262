/* A group to what is stored of it and back; what a coordinator asks of it beside its steps. */
#include "broker/groups/group.h"
#include "broker/groups/members.h"
#include "broker/groups/own.h"
#include "broker/groups/protocols.h"
#include "broker/groups/subscription.h"

struct slice group_metadata_of(const struct group *g, const struct group_member *m)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (slice_equal(m->protocols[i].name, g->protocol)) {
            return slice_or_empty(m->protocols[i].metadata);
        }
    }
    return slice_of_text("");
}

bool group_is_consumer(const struct group *g)
{
    return slice_equal(g->protocol_type, slice_of_text("consumer"));
}

bool group_subscribes(const struct group *g, struct slice topic, bool *is_known)
{
    *is_known = group_is_consumer(g) && g->protocol.at != NULL;
    if (!*is_known) return false;

    bool found = false;
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        bool is_sound;
        found |= subscription_has(group_metadata_of(g, m), topic, &is_sound);
        *is_known &= is_sound;
    }
    return found;
}

bool group_value(const struct group *g, bool with_next, struct arena *arena,
                 struct group_metadata_value *out)
{
    struct group_metadata_value_member *members =
        arena_take(arena, g->member_count, sizeof *members);
    if (members == NULL && g->member_count > 0) return false;

    *out = (struct group_metadata_value){
        .protocol_type = slice_or_empty(g->protocol_type),
        .generation = g->generation,
        .protocol = g->protocol,
        .leader = g->leader != NULL ? g->leader->id : (struct slice){0},
        .current_state_timestamp_ms = g->state_wall_ms,
        .members = {.items = members, .count = (int32_t)g->member_count},
    };
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        *members++ = (struct group_metadata_value_member){
            .member_id = m->id,
            .group_instance_id = m->instance_id,
            .client_id = slice_or_empty(m->client_id),
            .client_host = slice_or_empty(m->client_host),
            .rebalance_timeout_ms = (int32_t)m->rebalance_timeout_ms,
            .session_timeout_ms = (int32_t)m->session_timeout_ms,
            .subscription = group_metadata_of(g, m),
            .assignment = slice_or_empty(with_next ? m->next_assignment : m->assignment),
        };
    }
    return true;
}

static void restore_member(struct group *g, const struct group_metadata_value_member *from,
                           struct slice protocol)
{
    /* Two of one name cannot be in a sound record; the first one counts. */
    if (from->member_id.size == 0 || group_member_find(g, from->member_id) != NULL) return;
    if (members_find_static(g, from->group_instance_id) != NULL) return;

    struct group_member *m = members_add(g, from->member_id, from->group_instance_id);
    m->client_id = own_copy(from->client_id);
    m->client_host = own_copy(from->client_host);
    m->session_timeout_ms = from->session_timeout_ms > 0 ? (uint32_t)from->session_timeout_ms : 0;
    m->rebalance_timeout_ms = from->rebalance_timeout_ms >= 0 ? (uint32_t)from->rebalance_timeout_ms
                                                              : m->session_timeout_ms;
    struct group_protocol only = {.name = protocol, .metadata = from->subscription};
    protocols_set(&m->protocols, &m->protocol_count, &only, 1);
    m->assignment = own_copy(from->assignment);
}

void group_restore(struct group *g, const struct group_metadata_value *value)
{
    members_remove_all(g);
    g->generation = value->generation;
    own_free(&g->protocol_type);
    if (value->protocol_type.size > 0) g->protocol_type = own_copy(value->protocol_type);
    own_set(&g->protocol, value->protocol);
    g->state_wall_ms = value->current_state_timestamp_ms;
    const struct group_metadata_value_member *members = value->members.items;
    for (int32_t i = 0; i < value->members.count; i++) {
        restore_member(g, &members[i], slice_or_empty(value->protocol));
    }
    struct group_member *leader =
        value->leader.at != NULL ? group_member_find(g, value->leader) : NULL;
    if (leader != NULL) g->leader = leader;
    g->state = g->member_count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    g->before = g->state;
}

void group_free(struct group *g)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        m->join_ask = 0; /* Whoever waits still is gone with the world. */
        m->sync_ask = 0;
    }
    members_remove_all(g);
    own_free(&g->id);
    own_free(&g->protocol_type);
    own_free(&g->protocol);
    own_free(&g->told_leader);
    free(g);
}
