#include <stdlib.h>
#include <string.h>

#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "proto/acl_operations.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_cluster.h"
#include "proto/msg/describe_topic_partitions.h"
#include "proto/topic_configs.h"
#include "proto/topic_names.h"

#define ENDPOINTS_OF_BROKERS 1
#define ENDPOINTS_OF_CONTROLLERS 2
#define PARTITIONS_MAX 2000 /* In one answer, whatever the client asks for. */

static void fill_state(const struct shard *s, const struct meta_broker *broker,
                       struct describe_cluster_response_broker *out)
{
    struct config_value drained;
    broker_config_value(&s->image, broker->id, broker_config_find(slice_of_text(BROKER_DRAINED)),
                        &drained);
    out->is_fenced = broker->fenced;
    out->epoch = broker->epoch;
    out->stopping = broker->stopping;
    out->drained = strcmp(drained.text, "true") == 0;
}

static bool fill_brokers(struct shard *s, struct request *r,
                         const struct describe_cluster_request *q,
                         struct describe_cluster_response *answer)
{
    uint32_t capacity = HASH_COUNT(s->image.brokers);
    struct describe_cluster_response_broker *items =
        arena_take(&s->scratch, capacity, sizeof *items);
    if (items == NULL && capacity > 0) return false;
    int32_t count = 0;
    struct meta_broker *broker, *next;
    HASH_ITER(hh, s->image.brokers, broker, next)
    {
        struct describe_cluster_response_broker *out = &items[count];
        kafka_defaults(&schema_describe_cluster_response_broker, out);
        if (broker->fenced && !q->include_fenced_brokers) continue;
        bool is_here = broker_endpoint(s, r, broker, &out->host, &out->port);
        if (!is_here && !q->include_brokers_elsewhere) continue;
        out->broker_id = broker->id;
        if (broker->rack[0] != '\0') out->rack = slice_of_text(broker->rack);
        if (r->version.number >= 2) fill_state(s, broker, out);
        bool is_better = answer->controller_id < 0 || broker->id == s->options->id;
        if (is_better && is_here && !broker->fenced) answer->controller_id = broker->id;
        count++;
    }
    answer->brokers = (struct array){items, count};
    return true;
}

bool handle_describe_cluster(struct shard *s, struct request *r, struct slice body)
{
    struct describe_cluster_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    struct describe_cluster_response answer;
    kafka_defaults(&schema_describe_cluster_response, &answer);
    answer.cluster_id = slice_of_text(s->image.cluster_id);
    if (q.include_cluster_authorized_operations)
        answer.cluster_authorized_operations = ACL_OF_CLUSTER;
    if (q.endpoint_type != ENDPOINTS_OF_BROKERS) {
        answer.error_code = q.endpoint_type == ENDPOINTS_OF_CONTROLLERS
                                ? KAFKA_MISMATCHED_ENDPOINT_TYPE
                                : KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        answer.error_message =
            slice_of_text("ask a broker for brokers; controllers speak to brokers only");
        answer.endpoint_type = q.endpoint_type;
    } else if (!fill_brokers(s, r, &q, &answer)) {
        return false;
    }
    request_answer(s, r, &answer);
    return true;
}

/* ---- DescribeTopicPartitions ---- */

/* An answer as it is filled, topic after topic in the order of their names. */
struct pages {
    struct shard *s;
    struct describe_topic_partitions_response answer;
    struct describe_topic_partitions_response_topic *topics;
    int32_t room; /* For partitions. */
};

static int compare_names(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The names that the request asks for, sorted, each once. None given: all that there are. */
static struct slice *collect_names(struct shard *s,
                                   const struct describe_topic_partitions_request *q, size_t *count)
{
    bool all = q->topics.count <= 0;
    size_t capacity = all ? s->image.topic_count : (size_t)q->topics.count;
    struct slice *names = arena_take(&s->scratch, capacity + 1, sizeof *names);
    if (names == NULL) return NULL;
    size_t total = 0;
    struct meta_topic *topic, *next;
    if (all) {
        HASH_ITER(by_name, s->image.topics_by_name, topic, next)
        {
            names[total++] = slice_of_text(topic->name);
        }
    }
    const struct describe_topic_partitions_request_topic *asked = q->topics.items;
    for (int32_t i = 0; !all && i < q->topics.count; i++) names[total++] = asked[i].name;
    qsort(names, total, sizeof *names, compare_names);
    *count = 0;
    for (size_t i = 0; i < total; i++) {
        bool is_new = *count == 0 || compare_names(&names[i], &names[*count - 1]) != 0;
        if (is_new) names[(*count)++] = names[i];
    }
    return names;
}

static bool fill_partition(struct shard *s, const struct meta_partition *p, int32_t number,
                           struct describe_topic_partitions_response_partition *out)
{
    kafka_defaults(&schema_describe_topic_partitions_response_partition, out);
    bool has_leader = p->leader != META_NOBODY && is_serving(s, p->leader);
    out->partition_index = number;
    out->leader_id = has_leader ? p->leader : META_NOBODY;
    out->leader_epoch = p->leader_epoch;
    out->error_code = has_leader ? KAFKA_NONE : KAFKA_LEADER_NOT_AVAILABLE;
    struct id_set offline = offline_replicas(s, p);
    return array_of_ids(s, &p->replicas, &out->replica_nodes) &&
           array_of_ids(s, &p->isr, &out->isr_nodes) &&
           array_of_ids(s, &p->elr, &out->eligible_leader_replicas) &&
           array_of_ids(s, &p->last_known_elr, &out->last_known_elr) &&
           array_of_ids(s, &p->adding, &out->adding_replicas) &&
           array_of_ids(s, &p->removing, &out->removing_replicas) &&
           array_of_ids(s, &p->successor, &out->successor) &&
           array_of_ids(s, &offline, &out->offline_replicas);
}

static bool set_next_cursor(struct pages *pages, struct slice name, uint32_t partition)
{
    struct describe_topic_partitions_cursor *next = arena_take(&pages->s->scratch, 1, sizeof *next);
    if (next == NULL) return false;
    *next = (struct describe_topic_partitions_cursor){.topic_name = name,
                                                      .partition_index = (int32_t)partition};
    pages->answer.next_cursor = next;
    return true;
}

/* The topic's partitions from `first` on, as far as there is room. */
static bool fill_pages_topic(struct pages *pages, struct slice name, int32_t first)
{
    struct shard *s = pages->s;
    const struct meta_topic *topic = meta_topic_by_name(&s->image, name);
    if (topic != NULL && pages->room == 0) return set_next_cursor(pages, name, (uint32_t)first);

    struct describe_topic_partitions_response_topic *out =
        &pages->topics[pages->answer.topics.count++];
    kafka_defaults(&schema_describe_topic_partitions_response_topic, out);
    out->name = name;
    out->topic_authorized_operations = ACL_OF_TOPIC;
    if (topic == NULL) {
        out->error_code = topic_name_fault(name) != NULL ? KAFKA_INVALID_TOPIC_EXCEPTION
                                                         : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return true;
    }
    out->topic_id = topic->id;
    out->is_internal = topic_is_internal(topic->name);
    uint32_t from =
        (uint32_t)first < topic->partition_count ? (uint32_t)first : topic->partition_count;
    uint32_t count = topic->partition_count - from;
    if (count > (uint32_t)pages->room) count = (uint32_t)pages->room;
    struct describe_topic_partitions_response_partition *parts =
        arena_take(&s->scratch, count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = from + i;
        if (!fill_partition(s, &topic->partitions[number], (int32_t)number, &parts[i]))
            return false;
    }
    out->partitions = (struct array){parts, (int32_t)count};
    pages->room -= (int32_t)count;
    if (from + count == topic->partition_count) return true;
    return set_next_cursor(pages, name, from + count);
}

/* The error of the request has no place of its own in the answer: each topic has it. */
static void refuse_each(struct pages *pages, const struct slice *names, size_t count, int16_t error)
{
    for (size_t i = 0; i < count; i++) {
        struct describe_topic_partitions_response_topic *out = &pages->topics[i];
        kafka_defaults(&schema_describe_topic_partitions_response_topic, out);
        out->name = names[i];
        out->error_code = error;
    }
    pages->answer.topics.count = (int32_t)count;
}

/* A cursor is one of an answer before: it names one of the topics that were asked for, if any
 * were. */
static bool is_cursor_legal(const struct describe_topic_partitions_request *q,
                            const struct slice *names, size_t count)
{
    if (q->cursor == NULL) return true;
    if (q->cursor->partition_index < 0) return false;
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(names[i], q->cursor->topic_name)) return true;
    }
    return q->topics.count <= 0;
}

bool handle_describe_topic_partitions(struct shard *s, struct request *r, struct slice body)
{
    struct describe_topic_partitions_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    size_t count = 0;
    const struct slice *names = collect_names(s, &q, &count);
    if (names == NULL) return false;
    struct pages pages = {.s = s, .room = q.response_partition_limit};
    if (pages.room < 1) pages.room = 1;
    if (pages.room > PARTITIONS_MAX) pages.room = PARTITIONS_MAX;
    kafka_defaults(&schema_describe_topic_partitions_response, &pages.answer);
    pages.topics = arena_take(&s->scratch, count, sizeof *pages.topics);
    if (pages.topics == NULL && count > 0) return false;
    pages.answer.topics = (struct array){pages.topics, 0};
    bool is_legal = is_cursor_legal(&q, names, count);
    if (!is_legal) refuse_each(&pages, names, count, KAFKA_INVALID_REQUEST);
    for (size_t i = 0; is_legal && i < count && pages.answer.next_cursor == NULL; i++) {
        int order = q.cursor != NULL ? compare_names(&names[i], &q.cursor->topic_name) : 1;
        if (order < 0) continue;
        if (!fill_pages_topic(&pages, names[i], order == 0 ? q.cursor->partition_index : 0))
            return false;
    }
    request_answer(s, r, &pages.answer);
    return true;
}
