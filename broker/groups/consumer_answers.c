#include "broker/groups/consumer_answers.h"

#include "broker/groups/asks.h"
#include "broker/groups/consumer/embedded.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/sync_group.h"

/* ---- ConsumerGroupHeartbeat ---- */

void consumer_refuse_heartbeat(struct groups *gs, struct group_ask *ask, int16_t error,
                               const char *message)
{
    struct consumer_group_heartbeat_response answer;
    kafka_defaults(&schema_consumer_group_heartbeat_response, &answer);
    answer.error_code = error;
    answer.error_message = slice_of_text(message[0] != '\0' ? message : kafka_error_text(error));
    ask_answer(gs, ask, &answer);
}

static bool fill_assignment(struct groups *gs, const struct part_set *parts,
                            struct consumer_group_heartbeat_response *out)
{
    struct consumer_group_heartbeat_assignment *assignment =
        arena_take(&gs->answers, 1, sizeof *assignment);
    struct consumer_group_heartbeat_partitions *topics =
        arena_take(&gs->answers, part_set_topics(parts) + 1, sizeof *topics);
    if (assignment == NULL || topics == NULL) return false;
    int32_t count = 0;
    for (uint32_t at = 0; at < parts->count; at += part_set_run(parts, at)) {
        uint32_t run = part_set_run(parts, at);
        int32_t *numbers = arena_take(&gs->answers, run, sizeof *numbers);
        if (numbers == NULL) return false;
        for (uint32_t i = 0; i < run; i++) numbers[i] = parts->items[at + i].number;
        topics[count++] = (struct consumer_group_heartbeat_partitions){
            .topic_id = parts->items[at].topic, .partitions = {numbers, (int32_t)run}};
    }
    assignment->topic_partitions = (struct array){topics, count};
    out->assignment = assignment;
    return true;
}

static void prepare_heartbeat(struct groups *gs, struct group_ask *ask,
                              const struct consumer_event *event, const struct consumer_answer *a)
{
    struct consumer_group_heartbeat_response answer;
    kafka_defaults(&schema_consumer_group_heartbeat_response, &answer);
    gs->answers.used = 0;
    if (a->error != KAFKA_NONE) {
        answer.error_code = a->error;
        answer.error_message = slice_of_text(a->message);
    } else if (a->member == NULL) {
        answer.member_id = event->heartbeat.member_id;
        answer.member_epoch = event->heartbeat.member_epoch;
    } else {
        answer.member_id = a->member->id;
        answer.member_epoch = a->member->epoch;
        answer.heartbeat_interval_ms = (int32_t)event->settings->heartbeat_ms;
        bool fits = !a->has_assignment || fill_assignment(gs, &a->member->assigned, &answer);
        CHECK(fits); /* It came in a request, or from the log, and is smaller than both may be. */
    }
    ask_prepare(gs, ask, &answer);
}

/* ---- JoinGroup, SyncGroup ---- */

static void prepare_join(struct groups *gs, struct group_ask *ask, const struct consumer_answer *a)
{
    if (a->error != KAFKA_NONE) {
        ask_prepare_join_refusal(gs, ask, a->error, slice_of_text(a->member_id));
        return;
    }
    struct join_group_response answer;
    kafka_defaults(&schema_join_group_response, &answer);
    answer.generation_id = a->member->epoch;
    answer.protocol_type = slice_of_text("consumer");
    answer.protocol_name = a->member->protocols[0].name;
    answer.member_id = a->member->id;
    answer.leader = slice_of_text(""); /* The coordinator shares out. */
    ask_prepare(gs, ask, &answer);
}

static void prepare_sync(struct groups *gs, struct group_ask *ask,
                         const struct consumer_event *event, const struct consumer_answer *a)
{
    struct sync_group_response answer;
    kafka_defaults(&schema_sync_group_response, &answer);
    answer.error_code = a->error;
    struct writer out = writer_with(SIZE_MAX / 2);
    if (a->error == KAFKA_NONE) {
        struct reader in = reader_of(a->member->protocols[0].metadata);
        embedded_write_assignment(&a->member->assigned, event->topics, read_i16(&in), &out);
        answer.protocol_type = slice_of_text("consumer");
        answer.protocol_name = a->member->protocols[0].name;
        answer.assignment = writer_slice(&out);
    }
    ask_prepare(gs, ask, &answer);
    writer_close(&out);
}

void consumer_prepare_answer(struct groups *gs, struct group_ask *ask, const struct group_entry *e,
                             const struct consumer_event *event, const struct consumer_effects *fx)
{
    (void)e;
    const struct consumer_answer *a = &fx->answer;
    switch (event->kind) {
    case CONSUMER_HEARTBEAT: prepare_heartbeat(gs, ask, event, a); return;
    case CONSUMER_JOIN: prepare_join(gs, ask, a); return;
    case CONSUMER_SYNC: prepare_sync(gs, ask, event, a); return;
    case CONSUMER_CLASSIC_HEARTBEAT: ask_prepare_refusal(gs, ask, a->error); return;
    case CONSUMER_LEAVE:
        ask_prepare_leave(gs, ask, event->leave.count, event->leave.leavers, event->leave.errors);
        return;
    case CONSUMER_TICK:
    case CONSUMER_LOADED: break;
    }
    UNREACHABLE();
}
