#include "broker/groups/asks.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/partition/folder.h"
#include "common/check.h"
#include "common/zeroed.h"
#include "proto/kafka_errors.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/sync_group.h"

#define JOIN_WITH_NULL_PROTOCOL 7
#define LEAVE_OF_SEVERAL 3

uint32_t group_owner(const struct broker_options *o, struct slice group_id,
                     uint32_t partition_count)
{
    int32_t number = group_partition(group_id, partition_count);
    return 1 + folder_hash(OFFSETS_TOPIC, number) % o->shard_count;
}

bool ask_is_about(const struct groups *gs, const struct group_ask *ask, struct slice group_id)
{
    if (ask->partition_count == 0) return true;
    return group_owner(gs->options, group_id, ask->partition_count) == ask->owner;
}

/* Without its lease another may lead the partition already, and have taken commits (DESIGN
 * 6.13). */
static bool holds_lease(const struct groups *gs, const struct coordinator *c)
{
    const struct partition *p = c->partition;
    return replica_may_ack_early(&p->replica, p->host->session_ms, env_clock_ms(gs->env));
}

struct coordinator *ask_coordinator(const struct groups *gs, const struct group_ask *ask,
                                    struct slice group_id, int16_t *error)
{
    struct coordinator *c = NULL;
    *error = KAFKA_NOT_COORDINATOR;
    if (ask->partition_count == 0) return NULL;
    struct partition_key key = {.topic_id = ask->topic_id,
                                .partition = group_partition(group_id, ask->partition_count)};
    HASH_FIND(hh, gs->coordinators, &key, sizeof key, c);
    if (c == NULL || !holds_lease(gs, c)) return NULL;
    *error = c->state == COORDINATOR_ACTIVE ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    return *error == KAFKA_NONE ? c : NULL;
}

struct slice ask_not_found_text(struct groups *gs, struct slice group_id)
{
    static const char form[] = "Group %.*s not found.";
    size_t size = sizeof form + group_id.size;
    char *text = arena_take(&gs->arena, size, sizeof *text);
    if (text == NULL) return slice_of_text(kafka_error_text(KAFKA_GROUP_ID_NOT_FOUND));
    (void)snprintf(text, size, form, (int)group_id.size, (const char *)group_id.at);
    return slice_of_text(text);
}

static struct waiting_ask *find_waiting(const struct groups *gs, uint64_t number)
{
    struct waiting_ask *w = NULL;
    HASH_FIND(hh, gs->waiting, &number, sizeof number, w);
    CHECK(w != NULL);
    return w;
}

uint64_t ask_wait(struct groups *gs, struct group_ask *ask)
{
    CHECK(ask->number == 0);

    struct waiting_ask *w = zeroed(sizeof *w);
    ask->number = ++gs->last_ask;
    w->number = ask->number;
    w->ask = ask;
    HASH_ADD(hh, gs->waiting, number, sizeof w->number, w);
    return ask->number;
}

struct group_ask *ask_wait_no_more(struct groups *gs, uint64_t number)
{
    struct waiting_ask *w = find_waiting(gs, number);
    struct group_ask *ask = w->ask;
    HASH_DEL(gs->waiting, w);
    free(w);
    ask->number = 0;
    return ask;
}

void ask_finish(struct groups *gs, struct group_ask *ask)
{
    CHECK(ask->pending == 0);

    if (ask->number != 0) (void)ask_wait_no_more(gs, ask->number);
    TAILQ_INSERT_TAIL(&gs->finished, ask, link);
}

void ask_answer_nothing(struct groups *gs, struct group_ask *ask)
{
    ask->answer = NULL;
    ask_finish(gs, ask);
}

void ask_prepare(struct groups *gs, struct group_ask *ask, const void *message)
{
    buf_unref(ask->answer);
    ask->answer = NULL;
    writer_reset(&gs->out);
    int rc = kafka_encode(ask->api->response, ask->version, message, &gs->out);
    if (rc == 0 && !writer_ok(&gs->out)) rc = -ERR_LIMIT;
    if (rc != 0) {
        log_error(gs->env, "the answer to %s version %d cannot be encoded: %s", ask->api->name,
                  ask->version.number, err_text(rc));
        return;
    }
    ask->answer = buf_of(writer_slice(&gs->out));
}

void ask_answer(struct groups *gs, struct group_ask *ask, const void *message)
{
    ask_prepare(gs, ask, message);
    ask_finish(gs, ask);
}

bool ask_decode(struct groups *gs, const struct group_ask *ask, void *out)
{
    gs->arena.used = 0;
    return kafka_decode(ask->api->request, ask->version, ask->body, &gs->arena, out) == 0;
}

void ask_prepare_join_refusal(struct groups *gs, struct group_ask *ask, int16_t error,
                              struct slice member)
{
    struct join_group_response answer;
    kafka_defaults(&schema_join_group_response, &answer);
    answer.error_code = error;
    answer.member_id = member;
    answer.protocol_name =
        ask->version.number >= JOIN_WITH_NULL_PROTOCOL ? (struct slice){0} : slice_of_text("");
    ask_prepare(gs, ask, &answer);
}

void ask_refuse_join(struct groups *gs, struct group_ask *ask, int16_t error, struct slice member)
{
    ask_prepare_join_refusal(gs, ask, error, member);
    ask_finish(gs, ask);
}

void ask_refuse_sync(struct groups *gs, struct group_ask *ask, int16_t error)
{
    struct sync_group_response answer;
    kafka_defaults(&schema_sync_group_response, &answer);
    answer.error_code = error;
    ask_answer(gs, ask, &answer);
}

void ask_answer_heartbeat(struct groups *gs, struct group_ask *ask, int16_t error)
{
    struct heartbeat_response answer = {.error_code = error};
    ask_answer(gs, ask, &answer);
}

void ask_prepare_leave(struct groups *gs, struct group_ask *ask, uint32_t count,
                       const struct group_leaver *leavers, const int16_t *errors)
{
    struct leave_group_response answer;
    kafka_defaults(&schema_leave_group_response, &answer);
    if (ask->version.number < LEAVE_OF_SEVERAL) {
        answer.error_code = errors[0];
        ask_prepare(gs, ask, &answer);
        return;
    }
    struct leave_group_response_member *members = arena_take(&gs->arena, count, sizeof *members);
    for (uint32_t i = 0; members != NULL && i < count; i++) {
        members[i] = (struct leave_group_response_member){
            .member_id = leavers[i].member_id,
            .group_instance_id = leavers[i].instance_id,
            .error_code = errors[i],
        };
    }
    answer.members = (struct array){members, members != NULL ? (int32_t)count : 0};
    ask_prepare(gs, ask, &answer);
}

/* All four begin alike, and say no more with an error. */
static void prepare_plain_refusal(struct groups *gs, struct group_ask *ask, int16_t error)
{
    union {
        struct consumer_group_heartbeat_response beat;
        struct heartbeat_response heartbeat;
        struct leave_group_response leave;
        struct sync_group_response sync;
    } answer;
    kafka_defaults(ask->api->response, &answer);
    switch (ask->api->key) {
    case KAFKA_API_CONSUMER_GROUP_HEARTBEAT: answer.beat.error_code = error; break;
    case KAFKA_API_HEARTBEAT: answer.heartbeat.error_code = error; break;
    case KAFKA_API_LEAVE_GROUP: answer.leave.error_code = error; break;
    case KAFKA_API_SYNC_GROUP: answer.sync.error_code = error; break;
    default: UNREACHABLE();
    }
    ask_prepare(gs, ask, &answer);
}

void ask_prepare_refusal(struct groups *gs, struct group_ask *ask, int16_t error)
{
    if (ask->api->key == KAFKA_API_JOIN_GROUP) {
        ask_prepare_join_refusal(gs, ask, error, slice_of_text(""));
    } else {
        prepare_plain_refusal(gs, ask, error);
    }
}

static bool fill_members(struct groups *gs, const struct group *g, struct array *out)
{
    struct join_group_response_member *items =
        arena_take(&gs->answers, g->member_count, sizeof *items);
    if (items == NULL) return false;
    *out = (struct array){items, (int32_t)g->member_count};
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        *items++ = (struct join_group_response_member){.member_id = m->id,
                                                       .group_instance_id = m->instance_id,
                                                       .metadata = group_metadata_of(g, m)};
    }
    return true;
}

static void answer_join(struct groups *gs, struct group_ask *ask, const struct group *g,
                        const struct group_answer *a)
{
    if (a->error != KAFKA_NONE) {
        ask_refuse_join(gs, ask, a->error, slice_or_empty(a->member_id));
        return;
    }
    struct join_group_response answer;
    kafka_defaults(&schema_join_group_response, &answer);
    answer.generation_id = g->generation;
    answer.protocol_type = g->protocol_type;
    answer.protocol_name = slice_or_empty(g->protocol);
    answer.leader = a->leader;
    answer.skip_assignment = a->skip_assignment;
    answer.member_id = a->member_id;
    gs->answers.used = 0;
    if (a->has_members && !fill_members(gs, g, &answer.members)) {
        log_error(gs->env, "group %.*s: too many members for one answer", (int)g->id.size,
                  (const char *)g->id.at);
        ask_answer_nothing(gs, ask);
        return;
    }
    ask_answer(gs, ask, &answer);
}

static void answer_sync(struct groups *gs, struct group_ask *ask, const struct group *g,
                        const struct group_answer *a)
{
    if (a->error != KAFKA_NONE) {
        ask_refuse_sync(gs, ask, a->error);
        return;
    }
    struct sync_group_response answer;
    kafka_defaults(&schema_sync_group_response, &answer);
    answer.protocol_type = g->protocol_type;
    answer.protocol_name = g->protocol;
    answer.assignment = slice_or_empty(a->member->assignment);
    ask_answer(gs, ask, &answer);
}

void ask_answer_of_group(struct groups *gs, const struct group *g, const struct group_answer *a)
{
    struct group_ask *ask = find_waiting(gs, a->ask)->ask;
    switch (a->to) {
    case GROUP_JOIN: answer_join(gs, ask, g, a); return;
    case GROUP_SYNC: answer_sync(gs, ask, g, a); return;
    case GROUP_HEARTBEAT: ask_answer_heartbeat(gs, ask, a->error); return;
    case GROUP_LEAVE:
    case GROUP_STORED:
    case GROUP_TICK:
    case GROUP_LOADED:
    case GROUP_RESHARE:
    case GROUP_KILL: break;
    }
    UNREACHABLE();
}
