#include "broker/groups/parts.h"

#include <stdlib.h>

#include "broker/groups/asks.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/delete_groups.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_delete.h"

void parts_begin(struct group_ask *ask, uint32_t count)
{
    CHECK(ask->errors == NULL);

    ask->errors = calloc(count > 0 ? count : 1, sizeof *ask->errors);
    CHECK(ask->errors != NULL);
    ask->error_count = count;
}

/* Each fills the answer from the request, which is decoded once more: it is in memory, and nothing
 * of it had to be kept. False: the arena is too small. */

static bool answer_commit(struct groups *gs, struct group_ask *ask)
{
    struct offset_commit_request q;
    if (!ask_decode(gs, ask, &q)) return false;
    const struct offset_commit_request_topic *asked = q.topics.items;
    struct offset_commit_response_topic *topics =
        arena_take(&gs->arena, (size_t)q.topics.count, sizeof *topics);
    if (topics == NULL && q.topics.count > 0) return false;
    uint32_t at = 0;
    int32_t topic_count = 0;
    for (int32_t i = 0; i < q.topics.count; i++) {
        int32_t count = asked[i].partitions.count;
        if (count == 0) continue; /* As Kafka: nothing is said of it. */
        const struct offset_commit_request_partition *from = asked[i].partitions.items;
        struct offset_commit_response_partition *to =
            arena_take(&gs->arena, (size_t)count, sizeof *to);
        if (to == NULL) return false;
        for (int32_t n = 0; n < count; n++) {
            to[n] = (struct offset_commit_response_partition){
                .partition_index = from[n].partition_index, .error_code = ask->errors[at++]};
        }
        topics[topic_count++] = (struct offset_commit_response_topic){
            .name = asked[i].name, .topic_id = asked[i].topic_id, .partitions = {to, count}};
    }
    struct offset_commit_response answer = {.topics = {topics, topic_count}};
    ask_answer(gs, ask, &answer);
    return true;
}

static bool answer_delete(struct groups *gs, struct group_ask *ask)
{
    struct offset_delete_request q;
    if (!ask_decode(gs, ask, &q)) return false;
    const struct offset_delete_request_topic *asked = q.topics.items;
    struct offset_delete_response_topic *topics =
        arena_take(&gs->arena, (size_t)q.topics.count, sizeof *topics);
    if (topics == NULL && q.topics.count > 0) return false;
    uint32_t at = 0;
    for (int32_t i = 0; i < q.topics.count; i++) {
        int32_t count = asked[i].partitions.count;
        const struct offset_delete_request_partition *from = asked[i].partitions.items;
        struct offset_delete_response_partition *to =
            arena_take(&gs->arena, (size_t)count, sizeof *to);
        if (to == NULL && count > 0) return false;
        for (int32_t n = 0; n < count; n++) {
            to[n] = (struct offset_delete_response_partition){
                .partition_index = from[n].partition_index, .error_code = ask->errors[at++]};
        }
        topics[i] =
            (struct offset_delete_response_topic){.name = asked[i].name, .partitions = {to, count}};
    }
    struct offset_delete_response answer = {.topics = {topics, q.topics.count}};
    ask_answer(gs, ask, &answer);
    return true;
}

static bool answer_delete_groups(struct groups *gs, struct group_ask *ask)
{
    struct delete_groups_request q;
    if (!ask_decode(gs, ask, &q)) return false;
    const struct slice *names = q.groups_names.items;
    struct delete_groups_response_result *results =
        arena_take(&gs->arena, (size_t)q.groups_names.count, sizeof *results);
    if (results == NULL && q.groups_names.count > 0) return false;
    int32_t count = 0;
    for (int32_t i = 0; i < q.groups_names.count; i++) {
        if (ask->errors[i] == PART_NOT_OURS) continue;
        results[count++] = (struct delete_groups_response_result){.group_id = names[i],
                                                                  .error_code = ask->errors[i]};
    }
    struct delete_groups_response answer = {.results = {results, count}};
    ask_answer(gs, ask, &answer);
    return true;
}

void parts_answer(struct groups *gs, struct group_ask *ask)
{
    CHECK(ask->pending == 0);

    bool is_said = false;
    switch (ask->api->key) {
    case KAFKA_API_OFFSET_COMMIT: is_said = answer_commit(gs, ask); break;
    case KAFKA_API_OFFSET_DELETE: is_said = answer_delete(gs, ask); break;
    case KAFKA_API_DELETE_GROUPS: is_said = answer_delete_groups(gs, ask); break;
    default: UNREACHABLE();
    }
    free(ask->errors);
    ask->errors = NULL;
    if (!is_said) ask_answer_nothing(gs, ask);
}

void parts_refuse(struct groups *gs, struct group_ask *ask, uint32_t count, int16_t error)
{
    parts_begin(ask, count);
    for (uint32_t i = 0; i < count; i++) ask->errors[i] = error;
    parts_answer(gs, ask);
}
