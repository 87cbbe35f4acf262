/* Partitions that move: answered from the image, which follows every decision. */
#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/list_partition_reassignments.h"

static bool is_moving(const struct meta_partition *p)
{
    return p->adding.count > 0 || p->removing.count > 0;
}

static bool add_partition(struct shard *s, const struct meta_topic *topic, int32_t number,
                          struct list_reassignments_response_topic *out)
{
    if (number < 0 || (uint32_t)number >= topic->partition_count) return true;
    const struct meta_partition *p = &topic->partitions[number];
    if (!is_moving(p)) return true;

    struct list_reassignments_response_partition *parts = out->partitions.items;
    struct list_reassignments_response_partition *part = &parts[out->partitions.count++];
    part->partition_index = number;
    return array_of_ids(s, &p->replicas, &part->replicas) &&
           array_of_ids(s, &p->adding, &part->adding_replicas) &&
           array_of_ids(s, &p->removing, &part->removing_replicas);
}

/* `numbers` NULL: all of them. False: the scratch memory is full. */
static bool add_topic(struct shard *s, const struct meta_topic *topic, const int32_t *numbers,
                      uint32_t count, struct list_reassignments_response *answer)
{
    struct list_reassignments_response_topic *topics = answer->topics.items;
    struct list_reassignments_response_topic *out = &topics[answer->topics.count];
    struct list_reassignments_response_partition *parts =
        arena_take(&s->scratch, count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    *out = (struct list_reassignments_response_topic){.name = slice_of_text(topic->name),
                                                      .partitions = {.items = parts}};
    for (uint32_t i = 0; i < count; i++) {
        if (!add_partition(s, topic, numbers == NULL ? (int32_t)i : numbers[i], out)) return false;
    }
    if (out->partitions.count > 0) answer->topics.count++;
    return true;
}

static bool add_all(struct shard *s, struct list_reassignments_response *answer)
{
    for (const struct meta_topic *t = s->image.topics_by_name; t != NULL; t = t->by_name.next) {
        uint32_t moving = 0;
        for (uint32_t i = 0; i < t->partition_count; i++) moving += is_moving(&t->partitions[i]);
        if (moving > 0 && !add_topic(s, t, NULL, t->partition_count, answer)) return false;
    }
    return true;
}

bool handle_list_reassignments(struct shard *s, struct request *r, struct slice body)
{
    struct list_reassignments_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    struct list_reassignments_response answer;
    kafka_defaults(&schema_list_reassignments_response, &answer);
    uint32_t topic_count = q.topics.count < 0 ? s->image.topic_count : (uint32_t)q.topics.count;
    answer.topics.items =
        arena_take(&s->scratch, topic_count, sizeof(struct list_reassignments_response_topic));
    bool fits = answer.topics.items != NULL || topic_count == 0;
    if (fits && q.topics.count < 0) fits = add_all(s, &answer);

    const struct list_reassignments_request_topic *asked = q.topics.items;
    for (int32_t i = 0; fits && i < q.topics.count; i++) {
        const struct meta_topic *topic = meta_topic_by_name(&s->image, asked[i].name);
        int32_t count = asked[i].partition_indexes.count;
        if (topic == NULL || count <= 0) continue;
        fits = add_topic(s, topic, asked[i].partition_indexes.items, (uint32_t)count, &answer);
    }
    if (!fits) {
        answer.topics.count = 0;
        answer.error_code = KAFKA_INVALID_REQUEST;
        answer.error_message = slice_of_text("too many partitions for one answer: name some");
    }
    request_answer(s, r, &answer);
    return true;
}
