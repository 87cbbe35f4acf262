#include "tests/sim/group_requests.h"

#include <string.h>

#include "common/check.h"

#define SINCE_FIND_BATCHED 4
#define SINCE_FETCH_BATCHED 8

static bool finds_batched(const struct client *c)
{
    return client_version(c, KAFKA_API_FIND_COORDINATOR) >= SINCE_FIND_BATCHED;
}

static bool fetches_batched(const struct client *c)
{
    return client_version(c, KAFKA_API_OFFSET_FETCH) >= SINCE_FETCH_BATCHED;
}

const struct client_topic *group_topic(const struct client *c)
{
    for (uint32_t i = 0; i < c->topic_count; i++) {
        if (strcmp(c->topics[i].name, GROUP_TOPIC) == 0) return &c->topics[i];
    }
    return NULL;
}

bool group_ask_coordinator(struct client *c, const char *group_id)
{
    struct find_coordinator_request q;
    kafka_defaults(&schema_find_coordinator_request, &q);
    struct slice key = slice_of_text(group_id);
    if (finds_batched(c)) {
        q.coordinator_keys = (struct array){&key, 1};
    } else {
        q.key = key;
    }
    return client_send(c, client_any_broker(c), KAFKA_API_FIND_COORDINATOR, &q, NULL, true);
}

int16_t group_take_coordinator(const struct client *c, const struct find_coordinator_response *a,
                               uint32_t *broker)
{
    int16_t error = a->error_code;
    int32_t node = a->node_id;
    if (finds_batched(c)) {
        const struct find_coordinator_response_coordinator *one = a->coordinators.items;
        CHECK(a->coordinators.count == 1);
        error = one->error_code;
        node = one->node_id;
    }
    if (error != KAFKA_NONE) return error;
    CHECK(node >= 1 && node <= (int32_t)c->cluster->options.broker_count);
    *broker = (uint32_t)node - 1;
    return KAFKA_NONE;
}

bool group_ask_commit(const struct group_asker *who, const struct client_topic *topic,
                      uint32_t share, int64_t offset)
{
    struct offset_commit_request_partition part;
    kafka_defaults(&schema_offset_commit_request_partition, &part);
    part.partition_index = (int32_t)share;
    part.committed_offset = offset;
    part.committed_metadata = slice_of_text(who->c->name);
    struct offset_commit_request_topic one = {
        .name = slice_of_text(GROUP_TOPIC), .topic_id = topic->id, .partitions = {&part, 1}};
    struct offset_commit_request q;
    kafka_defaults(&schema_offset_commit_request, &q);
    q.group_id = slice_of_text(who->group_id);
    q.generation_id_or_member_epoch = who->generation;
    q.member_id = slice_of_text(who->member_id);
    if (who->instance[0] != '\0') q.group_instance_id = slice_of_text(who->instance);
    q.topics = (struct array){&one, 1};
    return client_send(who->c, who->coordinator, KAFKA_API_OFFSET_COMMIT, &q, NULL, true);
}

int16_t group_take_commit(const struct offset_commit_response *a)
{
    const struct offset_commit_response_topic *topics = a->topics.items;
    const struct offset_commit_response_partition *parts = topics[0].partitions.items;
    return parts[0].error_code;
}

bool group_ask_fetch(const struct group_asker *who, const struct client_topic *topic,
                     struct array shares)
{
    struct offset_fetch_request q;
    kafka_defaults(&schema_offset_fetch_request, &q);
    struct offset_fetch_request_topic old = {.name = slice_of_text(GROUP_TOPIC),
                                             .partition_indexes = shares};
    struct offset_fetch_request_group_topic one = {
        .name = slice_of_text(GROUP_TOPIC), .topic_id = topic->id, .partition_indexes = shares};
    struct offset_fetch_request_group group;
    kafka_defaults(&schema_offset_fetch_request_group, &group);
    group.group_id = slice_of_text(who->group_id);
    group.topics = (struct array){&one, 1};
    if (who->member_id != NULL) {
        group.member_id = slice_of_text(who->member_id);
        group.member_epoch = who->generation;
    }
    if (fetches_batched(who->c)) {
        q.groups = (struct array){&group, 1};
    } else {
        q.group_id = group.group_id;
        q.topics = (struct array){&old, 1};
    }
    return client_send(who->c, who->coordinator, KAFKA_API_OFFSET_FETCH, &q, NULL, true);
}

static struct group_offset offset_of(int32_t number, int64_t offset, int16_t error)
{
    CHECK(number >= 0 && number < GROUPS_SHARES_MAX);
    return (struct group_offset){
        .share = (uint32_t)number, .offset = offset < 0 ? 0 : offset, .error = error};
}

static int16_t take_batched(const struct offset_fetch_response *a,
                            struct group_offset out[GROUPS_SHARES_MAX], uint32_t *count)
{
    const struct offset_fetch_response_group *group = a->groups.items;
    CHECK(a->groups.count == 1);
    if (group->error_code != KAFKA_NONE) return group->error_code;
    const struct offset_fetch_response_group_topic *topics = group->topics.items;
    const struct offset_fetch_response_group_partition *parts = topics[0].partitions.items;
    for (int32_t i = 0; i < topics[0].partitions.count; i++)
        out[(*count)++] =
            offset_of(parts[i].partition_index, parts[i].committed_offset, parts[i].error_code);
    return KAFKA_NONE;
}

int16_t group_take_offsets(const struct client *c, const struct offset_fetch_response *a,
                           struct group_offset out[GROUPS_SHARES_MAX], uint32_t *count)
{
    *count = 0;
    if (fetches_batched(c)) return take_batched(a, out, count);
    if (a->error_code != KAFKA_NONE) return a->error_code;
    const struct offset_fetch_response_topic *topics = a->topics.items;
    const struct offset_fetch_response_partition *parts = topics[0].partitions.items;
    for (int32_t i = 0; i < topics[0].partitions.count; i++)
        out[(*count)++] =
            offset_of(parts[i].partition_index, parts[i].committed_offset, parts[i].error_code);
    return KAFKA_NONE;
}
