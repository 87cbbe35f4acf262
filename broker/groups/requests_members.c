#include "broker/groups/asks.h"
#include "broker/groups/entries.h"
#include "broker/groups/requests.h"
#include "broker/groups/steps.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/sync_group.h"

#define JOIN_NEEDS_KNOWN_ID 4
#define JOIN_MAY_SKIP 9
#define SYNC_SAYS_PROTOCOL 5
#define LEAVE_OF_SEVERAL 3
#define PROTOCOLS_MAX 100 /* Of one member. */

/* ---- JoinGroup ---- */

static int16_t check_join(const struct groups *gs, const struct join_group_request *q)
{
    const struct groups_options *o = &gs->options->groups;
    if (q->group_id.size == 0) return KAFKA_INVALID_GROUP_ID;
    if (q->session_timeout_ms < 0 || (uint32_t)q->session_timeout_ms < o->session_min_ms ||
        (uint32_t)q->session_timeout_ms > o->session_max_ms) {
        return KAFKA_INVALID_SESSION_TIMEOUT;
    }
    return q->protocols.count > PROTOCOLS_MAX ? KAFKA_INVALID_REQUEST : KAFKA_NONE;
}

static bool fill_join(struct groups *gs, struct group_ask *ask, const struct join_group_request *q,
                      struct group_event *e)
{
    int32_t count = q->protocols.count;
    const struct join_group_request_protocol *from = q->protocols.items;
    struct group_protocol *protocols = arena_take(&gs->arena, (size_t)count, sizeof *protocols);
    if (protocols == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        protocols[i] = (struct group_protocol){.name = from[i].name, .metadata = from[i].metadata};
    }
    *e = (struct group_event){.kind = GROUP_JOIN};
    e->join.member_id = q->member_id;
    e->join.instance_id = q->group_instance_id;
    e->join.client_id = slice_or_empty(ask->client_id);
    e->join.client_host = slice_of_text(ask->client_host);
    e->join.session_timeout_ms = (uint32_t)q->session_timeout_ms;
    e->join.rebalance_timeout_ms =
        (uint32_t)(q->rebalance_timeout_ms >= 0 ? q->rebalance_timeout_ms : q->session_timeout_ms);
    e->join.protocol_type = q->protocol_type;
    e->join.protocols = protocols;
    e->join.protocol_count = (uint32_t)count;
    e->join.reason = q->reason.at != NULL ? q->reason : slice_of_text("no reason given");
    e->join.needs_known_id =
        ask->version.number >= JOIN_NEEDS_KNOWN_ID && q->group_instance_id.at == NULL;
    e->join.may_skip = ask->version.number >= JOIN_MAY_SKIP;
    env_random(gs->env, &e->join.new_uuid, sizeof e->join.new_uuid);
    return true;
}

/* To a group of the consumer protocol: what its members do there is the same. */
static void join_consumers(struct group_entry *entry, struct group_ask *ask,
                           const struct group_event *e)
{
    struct consumer_event to = {.kind = CONSUMER_JOIN};
    to.join.member_id = e->join.member_id;
    to.join.instance_id = e->join.instance_id;
    to.join.client_id = e->join.client_id;
    to.join.client_host = e->join.client_host;
    to.join.session_timeout_ms = e->join.session_timeout_ms;
    to.join.rebalance_timeout_ms = e->join.rebalance_timeout_ms;
    to.join.protocol_type = e->join.protocol_type;
    to.join.protocol_count = e->join.protocol_count;
    to.join.protocols = e->join.protocols;
    to.join.needs_known_id = e->join.needs_known_id;
    to.join.new_uuid = e->join.new_uuid;
    entry_consumer_step(entry, ask, &to);
}

static void sync_consumers(struct group_entry *entry, struct group_ask *ask,
                           const struct group_event *e)
{
    struct consumer_event to = {.kind = CONSUMER_SYNC};
    to.sync.member_id = e->sync.member_id;
    to.sync.instance_id = e->sync.instance_id;
    to.sync.generation = e->sync.generation;
    to.sync.protocol_type = e->sync.protocol_type;
    to.sync.protocol = e->sync.protocol;
    entry_consumer_step(entry, ask, &to);
}

static void heartbeat_consumers(struct group_entry *entry, struct group_ask *ask,
                                const struct heartbeat_request *q)
{
    struct consumer_event to = {.kind = CONSUMER_CLASSIC_HEARTBEAT};
    to.sync.member_id = q->member_id;
    to.sync.instance_id = q->group_instance_id;
    to.sync.generation = q->generation_id;
    entry_consumer_step(entry, ask, &to);
}

void request_join_group(struct groups *gs, struct group_ask *ask)
{
    request_join_as(gs, ask, (struct slice){0});
}

/* `member_id`: as which it has waited until now, whether it knows its id or not; absent: as it
 * says. */
void request_join_as(struct groups *gs, struct group_ask *ask, struct slice member_id)
{
    struct join_group_request q;
    struct group_event e;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    if (member_id.at != NULL) q.member_id = member_id;
    int16_t error = check_join(gs, &q);
    struct coordinator *c = NULL;
    if (error == KAFKA_NONE) c = ask_coordinator(gs, ask, q.group_id, &error);
    if (c == NULL) {
        ask_refuse_join(gs, ask, error, q.member_id);
        return;
    }
    if (!fill_join(gs, ask, &q, &e)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    struct group_entry *entry = entry_find(c, q.group_id);
    if (entry == NULL && q.member_id.size > 0) {
        ask_refuse_join(gs, ask, KAFKA_UNKNOWN_MEMBER_ID, q.member_id);
        return;
    }
    if (entry != NULL && entry->is_deleting) {
        ask_refuse_join(gs, ask, KAFKA_COORDINATOR_NOT_AVAILABLE, q.member_id);
        return;
    }
    if (entry == NULL) entry = entry_find_or_add(c, q.group_id);
    if (entry_is_consumer(entry) && !entry_is_empty(entry)) {
        join_consumers(entry, ask, &e);
        return;
    }
    if (entry_is_consumer(entry)) entry_make_way(entry);
    e.ask = ask_wait(gs, ask);
    entry_step(entry, &e);
}

/* ---- SyncGroup ---- */

static bool fill_sync(struct groups *gs, const struct sync_group_request *q, struct group_event *e)
{
    int32_t count = q->assignments.count;
    const struct sync_group_request_assignment *from = q->assignments.items;
    struct group_protocol *assignments = arena_take(&gs->arena, (size_t)count, sizeof *assignments);
    if (assignments == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        assignments[i] =
            (struct group_protocol){.name = from[i].member_id, .metadata = from[i].assignment};
    }
    *e = (struct group_event){.kind = GROUP_SYNC};
    e->sync.member_id = q->member_id;
    e->sync.instance_id = q->group_instance_id;
    e->sync.generation = q->generation_id;
    e->sync.protocol_type = q->protocol_type;
    e->sync.protocol = q->protocol_name;
    e->sync.assignments = assignments;
    e->sync.assignment_count = (uint32_t)count;
    return true;
}

void request_sync_group(struct groups *gs, struct group_ask *ask)
{
    struct sync_group_request q;
    struct group_event e;
    if (!ask_decode(gs, ask, &q) || !fill_sync(gs, &q, &e)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    int16_t error = KAFKA_NONE;
    bool says_protocol = q.protocol_type.at != NULL && q.protocol_name.at != NULL;
    if (ask->version.number >= SYNC_SAYS_PROTOCOL && !says_protocol) {
        error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    }
    if (q.group_id.size == 0) error = KAFKA_INVALID_GROUP_ID;
    struct coordinator *c = NULL;
    if (error == KAFKA_NONE) c = ask_coordinator(gs, ask, q.group_id, &error);
    struct group_entry *entry = c != NULL ? entry_find(c, q.group_id) : NULL;
    if (c != NULL && entry == NULL) error = KAFKA_UNKNOWN_MEMBER_ID;
    if (entry == NULL) {
        ask_refuse_sync(gs, ask, error);
        return;
    }
    if (entry_is_consumer(entry)) {
        sync_consumers(entry, ask, &e);
        return;
    }
    e.ask = ask_wait(gs, ask);
    entry_step(entry, &e);
}

/* ---- Heartbeat ---- */

void request_heartbeat(struct groups *gs, struct group_ask *ask)
{
    struct heartbeat_request q;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    int16_t error = q.group_id.size == 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_NONE;
    struct coordinator *c = NULL;
    if (error == KAFKA_NONE) c = ask_coordinator(gs, ask, q.group_id, &error);
    struct group_entry *entry = c != NULL ? entry_find(c, q.group_id) : NULL;
    if (c != NULL && entry == NULL) error = KAFKA_UNKNOWN_MEMBER_ID;
    /* As Kafka: whether it is a member is not known yet, so it is not told that it is none. */
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) error = KAFKA_NONE;
    if (entry == NULL) {
        ask_answer_heartbeat(gs, ask, error);
        return;
    }
    if (entry_is_consumer(entry)) {
        heartbeat_consumers(entry, ask, &q);
        return;
    }
    struct group_event e = {.kind = GROUP_HEARTBEAT};
    e.heartbeat.member_id = q.member_id;
    e.heartbeat.instance_id = q.group_instance_id;
    e.heartbeat.generation = q.generation_id;
    e.ask = ask_wait(gs, ask);
    entry_step(entry, &e);
}

/* ---- LeaveGroup ---- */

static void fill_leavers(const struct group_ask *ask, const struct leave_group_request *q,
                         struct group_leaver *leavers)
{
    if (ask->version.number < LEAVE_OF_SEVERAL) {
        leavers[0] = (struct group_leaver){.member_id = q->member_id,
                                           .reason = slice_of_text("no reason given")};
        return;
    }
    const struct leave_group_request_member *from = q->members.items;
    for (int32_t i = 0; i < q->members.count; i++) {
        leavers[i] = (struct group_leaver){
            .member_id = from[i].member_id,
            .instance_id = from[i].group_instance_id,
            .reason = from[i].reason.at != NULL ? from[i].reason : slice_of_text("no reason given"),
        };
    }
}

void request_leave_group(struct groups *gs, struct group_ask *ask)
{
    struct leave_group_request q;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    bool is_one = ask->version.number < LEAVE_OF_SEVERAL;
    uint32_t count = is_one ? 1 : (uint32_t)q.members.count;
    struct group_leaver *leavers = arena_take(&gs->arena, count, sizeof *leavers);
    int16_t *errors = arena_take(&gs->arena, count, sizeof *errors);
    if (count > 0 && (leavers == NULL || errors == NULL)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    fill_leavers(ask, &q, leavers);
    int16_t error = q.group_id.size == 0 ? KAFKA_INVALID_GROUP_ID : KAFKA_NONE;
    struct coordinator *c = NULL;
    if (error == KAFKA_NONE) c = ask_coordinator(gs, ask, q.group_id, &error);
    struct group_entry *entry = c != NULL ? entry_find(c, q.group_id) : NULL;
    for (uint32_t i = 0; i < count; i++) errors[i] = KAFKA_UNKNOWN_MEMBER_ID;
    if (error != KAFKA_NONE) {
        ask_prepare_refusal(gs, ask, error);
        ask_finish(gs, ask);
        return;
    }
    if (entry != NULL && entry_is_consumer(entry) && count > 0) {
        struct consumer_event to_consumers = {.kind = CONSUMER_LEAVE};
        to_consumers.leave.count = count;
        to_consumers.leave.leavers = leavers;
        to_consumers.leave.errors = errors;
        entry_consumer_step(entry, ask, &to_consumers);
        return;
    }
    if (entry == NULL || count == 0) {
        ask_prepare_leave(gs, ask, count, leavers, errors);
        ask_finish(gs, ask);
        return;
    }
    struct group_event e = {.kind = GROUP_LEAVE};
    e.leave.count = count;
    e.leave.leavers = leavers;
    e.leave.errors = errors;
    entry_step(entry, &e);
    ask_prepare_leave(gs, ask, count, leavers, errors);
    ask_finish(gs, ask);
}
