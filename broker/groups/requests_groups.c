#include <strings.h>

#include "broker/groups/asks.h"
#include "broker/groups/entries.h"
#include "broker/groups/parts.h"
#include "broker/groups/requests.h"
#include "broker/groups/writes.h"
#include "common/check.h"
#include "proto/acl_operations.h"
#include "proto/kafka_errors.h"
#include "proto/msg/delete_groups.h"
#include "proto/msg/describe_groups.h"
#include "proto/msg/list_groups.h"

#define DESCRIBE_SAYS_NOT_FOUND 6

static const char NOT_CLASSIC[] = "it is not a group of the classic protocol";

/* ---- ListGroups ---- */

/* An empty list lets everything through; words may be written in capitals or not. */
static bool passes(const struct array *filter, const char *word)
{
    const struct slice *words = filter->items;
    for (int32_t i = 0; i < filter->count; i++) {
        bool is_it = words[i].size == strlen(word) &&
                     strncasecmp((const char *)words[i].at, word, words[i].size) == 0;
        if (is_it) return true;
    }
    return filter->count <= 0;
}

static size_t count_groups(const struct groups *gs)
{
    size_t count = 0;
    const struct coordinator *c;
    for (c = gs->coordinators; c != NULL; c = c->hh.next) count += HASH_COUNT(c->entries);
    return count;
}

static const char *state_of(const struct group_entry *e)
{
    return entry_is_consumer(e) ? consumer_state_text(consumer_state_of(e->consumer))
                                : group_state_text(e->group->state);
}

static const char *type_of(const struct group_entry *e)
{
    return entry_is_consumer(e) ? "consumer" : "classic";
}

void request_list_groups(struct groups *gs, struct group_ask *ask)
{
    struct list_groups_request q;
    struct list_groups_response answer;
    kafka_defaults(&schema_list_groups_response, &answer);
    struct list_groups_response_group *items = NULL;
    if (ask_decode(gs, ask, &q)) items = arena_take(&gs->arena, count_groups(gs), sizeof *items);
    if (items == NULL) {
        ask_answer_nothing(gs, ask);
        return;
    }
    int32_t count = 0;
    const struct coordinator *c;
    for (c = gs->coordinators; c != NULL; c = c->hh.next) {
        if (c->state == COORDINATOR_LOADING) {
            answer.error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
        }
        const struct group_entry *e;
        for (e = c->entries; e != NULL; e = e->hh.next) {
            const char *state = state_of(e), *type = type_of(e);
            if (!passes(&q.states_filter, state) || !passes(&q.types_filter, type)) continue;
            items[count++] = (struct list_groups_response_group){
                .group_id = e->group->id,
                .protocol_type = entry_is_consumer(e) ? slice_of_text("consumer")
                                                      : slice_or_empty(e->group->protocol_type),
                .group_state = slice_of_text(state),
                .group_type = slice_of_text(type),
            };
        }
    }
    if (answer.error_code == KAFKA_NONE) answer.groups = (struct array){items, count};
    ask_answer(gs, ask, &answer);
}

/* ---- DescribeGroups ---- */

static bool describe_members(struct groups *gs, const struct group *g, struct array *out)
{
    struct describe_groups_response_member *items =
        arena_take(&gs->arena, g->member_count, sizeof *items);
    if (items == NULL) return false;
    *out = (struct array){items, (int32_t)g->member_count};
    bool is_stable = g->state == GROUP_STABLE;
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        *items++ = (struct describe_groups_response_member){
            .member_id = m->id,
            .group_instance_id = m->instance_id,
            .client_id = slice_or_empty(m->client_id),
            .client_host = slice_or_empty(m->client_host),
            .member_metadata = is_stable ? group_metadata_of(g, m) : slice_of_text(""),
            .member_assignment =
                slice_or_empty(m->assignment), /* While they rebalance, the old one. */
        };
    }
    return true;
}

static void describe_why(const struct groups *gs, const struct group *g,
                         struct describe_groups_response_group *out)
{
    bool is_rebalancing = g->state == GROUP_PREPARING || g->state == GROUP_COMPLETING;
    out->generation = g->generation;
    out->why = slice_of_text(g->why);
    if (g->why[0] == '\0') return; /* Not since it is coordinated here. */
    int64_t age_ms = env_wall_ms(gs->env) - g->why_wall_ms;
    out->why_age_ms = age_ms > 0 ? age_ms : 0;
    if (!is_rebalancing) out->rebalance_took_ms = (int64_t)g->rebalance_took_ms;
}

static bool describe(struct groups *gs, const struct group_ask *ask, struct slice group_id,
                     const struct describe_groups_request *q,
                     struct describe_groups_response_group *out)
{
    kafka_defaults(&schema_describe_groups_response_group, out);
    out->group_id = group_id;
    if (q->include_authorized_operations) out->authorized_operations = ACL_OF_GROUP;
    const struct coordinator *c = ask_coordinator(gs, ask, group_id, &out->error_code);
    if (c == NULL) return true;
    const struct group_entry *e = entry_find(c, group_id);
    if (e == NULL || entry_is_consumer(e)) {
        out->group_state = slice_of_text(group_state_text(GROUP_DEAD));
        if (ask->version.number >= DESCRIBE_SAYS_NOT_FOUND) {
            out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
            out->authorized_operations = INT32_MIN; /* Not known. */
            out->error_message =
                e == NULL ? ask_not_found_text(gs, group_id) : slice_of_text(NOT_CLASSIC);
        }
        return true;
    }
    const struct group *g = e->group;
    out->group_state = slice_of_text(group_state_text(g->state));
    out->protocol_type = slice_or_empty(g->protocol_type);
    out->protocol_data = g->state == GROUP_STABLE ? slice_or_empty(g->protocol) : slice_of_text("");
    if (q->include_why) describe_why(gs, g, out);
    return describe_members(gs, g, &out->members);
}

void request_describe_groups(struct groups *gs, struct group_ask *ask)
{
    struct describe_groups_request q;
    struct describe_groups_response answer = {0};
    bool ok = ask_decode(gs, ask, &q);
    struct describe_groups_response_group *items = NULL;
    if (ok) items = arena_take(&gs->arena, (size_t)q.groups.count, sizeof *items);
    ok = items != NULL;
    int32_t count = 0;
    for (int32_t i = 0; ok && i < q.groups.count; i++) {
        struct slice id = ((const struct slice *)q.groups.items)[i];
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

/* ---- DeleteGroups ---- */

static int16_t delete_group(const struct groups *gs, struct group_ask *ask, struct slice group_id,
                            uint32_t index)
{
    int16_t error = KAFKA_NONE;
    struct coordinator *c = ask_coordinator(gs, ask, group_id, &error);
    if (c == NULL) return error;
    struct group_entry *e = entry_find(c, group_id);
    if (e == NULL) return KAFKA_GROUP_ID_NOT_FOUND;
    if (e->is_deleting) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (!entry_is_empty(e)) return KAFKA_NON_EMPTY_GROUP;

    write_queue_group_deletion(e, ask, index);
    return KAFKA_NONE;
}

void request_delete_groups(struct groups *gs, struct group_ask *ask)
{
    struct delete_groups_request q;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    const struct slice *names = q.groups_names.items;
    parts_begin(ask, (uint32_t)q.groups_names.count);
    for (int32_t i = 0; i < q.groups_names.count; i++) {
        ask->errors[i] = ask_is_about(gs, ask, names[i])
                             ? delete_group(gs, ask, names[i], (uint32_t)i)
                             : PART_NOT_OURS;
    }
    if (ask->pending == 0) parts_answer(gs, ask);
}
