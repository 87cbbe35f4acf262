#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/net/router.h"
#include "broker/partition/producers.h"
#include "proto/kafka_errors.h"
#include "proto/msg/delete_records.h"
#include "proto/msg/describe_producers.h"
#include "proto/msg/list_offsets.h"
#include "proto/msg/offset_for_leader_epoch.h"
#include "proto/topic_names.h"

#define WAIT_MS 30000
#define FIRST_VERSION_WITH_NOT_AVAILABLE 5

/* Answers name topics as the request did, so the request is decoded once more. */
static bool reopen(struct shard *s, struct request *r, void *request)
{
    struct kafka_request_header h;
    struct slice body;
    s->scratch.used = 0;
    if (kafka_request_open(buf_slice(r->frame), &h, &body) != FRAME_OK) return false;
    return request_decode(s, r, body, request) == 0;
}

static void too_large(struct shard *s, struct request *r)
{
    log_error(s->env, "the answer to %s is larger than the scratch memory", r->api->name);
    request_answer_nothing(s, r, true);
}

/* A new op for a partition that a request names; with its error if there is no such partition. */
static struct op *add_op(struct shard *s, struct route *route, struct slice name, int32_t partition)
{
    const struct meta_topic *topic = meta_topic_by_name(&s->image, name);
    struct op *op = route_add(route, topic != NULL ? topic->id : (struct uuid){0}, partition);
    bool exists = topic != NULL && partition >= 0 && (uint32_t)partition < topic->partition_count;
    if (!exists) op->error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return op;
}

/* ---- ListOffsets ---- */

static bool fill_list_topic(struct shard *s, struct request *r,
                            const struct list_offsets_request_topic *asked, uint32_t *slot,
                            struct list_offsets_response_topic *out)
{
    int32_t count = asked->partitions.count;
    struct list_offsets_response_partition *parts =
        arena_take(&s->scratch, (size_t)count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        const struct op *op = route_op(r, (*slot)++);
        kafka_defaults(&schema_list_offsets_response_partition, &parts[i]);
        parts[i].partition_index = op->partition;
        parts[i].error_code = op->error;
        if (op->error == KAFKA_OFFSET_NOT_AVAILABLE &&
            r->version.number < FIRST_VERSION_WITH_NOT_AVAILABLE) {
            parts[i].error_code = KAFKA_LEADER_NOT_AVAILABLE;
        }
        if (op->error != KAFKA_NONE) continue;
        parts[i].offset = op->list.offset;
        parts[i].timestamp = op->list.found_ms;
        parts[i].leader_epoch = op->list.epoch;
    }
    *out = (struct list_offsets_response_topic){.name = asked->name, .partitions = {parts, count}};
    return true;
}

static void join_list(struct shard *s, struct request *r)
{
    struct list_offsets_request q;
    struct list_offsets_response answer;
    kafka_defaults(&schema_list_offsets_response, &answer);
    struct list_offsets_response_topic *topics = NULL;
    bool ok = reopen(s, r, &q);
    if (ok) topics = arena_take(&s->scratch, (size_t)q.topics.count, sizeof *topics);
    ok = ok && (topics != NULL || q.topics.count == 0);
    const struct list_offsets_request_topic *asked = ok ? q.topics.items : NULL;
    uint32_t slot = 0;
    for (int32_t i = 0; ok && i < q.topics.count; i++) {
        ok = fill_list_topic(s, r, &asked[i], &slot, &topics[i]);
    }
    if (!ok) {
        too_large(s, r);
        return;
    }
    answer.topics = (struct array){topics, q.topics.count};
    request_answer(s, r, &answer);
}

static uint32_t count_all(struct array topics, size_t item_size, size_t partitions_at)
{
    uint32_t count = 0;
    for (int32_t i = 0; i < topics.count; i++) {
        const uint8_t *item = (const uint8_t *)topics.items + (size_t)i * item_size;
        const struct array *partitions = (const struct array *)(const void *)(item + partitions_at);
        if (partitions->count > 0) count += (uint32_t)partitions->count;
    }
    return count;
}

/* Timestamps below zero have meanings, of which later versions have more. */
static bool has_meaning(int64_t timestamp_ms, int16_t version)
{
    static const int16_t since[] = {0, 1, 1, 7, 8, 9, 11}; /* Of -1, -2, -3, ... */
    if (timestamp_ms >= 0) return true;
    if (timestamp_ms <= -(int64_t)(sizeof since / sizeof since[0])) return false;
    return version >= since[-timestamp_ms];
}

static int compare_ops(const void *a, const void *b)
{
    const struct op *x = *(struct op *const *)a, *y = *(struct op *const *)b;
    int order = memcmp(&x->topic_id, &y->topic_id, sizeof x->topic_id);
    if (order != 0) return order;
    return x->partition < y->partition ? -1 : x->partition > y->partition;
}

/* A partition that is named twice is asked for nothing, as in Kafka. False: no memory. */
static bool refuse_repeated(struct shard *s, const struct route *route)
{
    if (route->count < 2) return true;
    struct op **sorted = arena_take(&s->scratch, route->count, sizeof *sorted);
    if (sorted == NULL) return false;
    for (uint32_t i = 0; i < route->count; i++) sorted[i] = &route->ops[i];
    qsort(sorted, route->count, sizeof *sorted, compare_ops);
    for (uint32_t i = 1; i < route->count; i++) {
        /* Topics that are not have no id, and are not one. */
        bool has_topic = !uuid_is_zero(sorted[i]->topic_id);
        if (!has_topic || compare_ops(&sorted[i - 1], &sorted[i]) != 0) continue;
        sorted[i - 1]->error = KAFKA_INVALID_REQUEST;
        sorted[i]->error = KAFKA_INVALID_REQUEST;
    }
    return true;
}

bool handle_list_offsets(struct shard *s, struct request *r, struct slice body)
{
    struct list_offsets_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    uint32_t count = count_all(q.topics, sizeof(struct list_offsets_request_topic),
                               offsetof(struct list_offsets_request_topic, partitions));
    struct route route;
    if (!route_begin(s, r, OP_LIST_OFFSETS, count, &route)) return false;
    bool is_follower = q.replica_id >= 0 && q.replica_id == r->conn->replica_id;
    const struct list_offsets_request_topic *topics = q.topics.items;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct list_offsets_request_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            struct op *op = add_op(s, &route, topics[i].name, parts[j].partition_index);
            op->current_leader_epoch = parts[j].current_leader_epoch;
            op->list.timestamp_ms = parts[j].timestamp;
            op->list.is_follower = is_follower;
            if (op->error == KAFKA_NONE && !has_meaning(parts[j].timestamp, r->version.number)) {
                op->error = KAFKA_UNSUPPORTED_VERSION;
            }
        }
    }
    if (!refuse_repeated(s, &route)) return false;
    r->join = join_list;
    route_go(s, &route, &(struct route_limits){.wait_ms = WAIT_MS, .replica_id = -1});
    return true;
}

/* ---- OffsetForLeaderEpoch ---- */

static bool fill_epoch_topic(struct shard *s, struct request *r,
                             const struct offset_for_leader_epoch_request_topic *asked,
                             uint32_t *slot, struct offset_for_leader_epoch_response_topic *out)
{
    int32_t count = asked->partitions.count;
    struct offset_for_leader_epoch_response_partition *parts =
        arena_take(&s->scratch, (size_t)count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        const struct op *op = route_op(r, (*slot)++);
        kafka_defaults(&schema_offset_for_leader_epoch_response_partition, &parts[i]);
        parts[i].partition = op->partition;
        parts[i].error_code = op->error;
        if (op->error != KAFKA_NONE) continue;
        parts[i].leader_epoch = op->epoch_end.epoch;
        parts[i].end_offset = op->epoch_end.end_offset;
    }
    *out = (struct offset_for_leader_epoch_response_topic){.topic = asked->topic,
                                                           .partitions = {parts, count}};
    return true;
}

static void join_epoch_end(struct shard *s, struct request *r)
{
    struct offset_for_leader_epoch_request q;
    struct offset_for_leader_epoch_response answer;
    kafka_defaults(&schema_offset_for_leader_epoch_response, &answer);
    struct offset_for_leader_epoch_response_topic *topics = NULL;
    bool ok = reopen(s, r, &q);
    if (ok) topics = arena_take(&s->scratch, (size_t)q.topics.count, sizeof *topics);
    ok = ok && (topics != NULL || q.topics.count == 0);
    const struct offset_for_leader_epoch_request_topic *asked = ok ? q.topics.items : NULL;
    uint32_t slot = 0;
    for (int32_t i = 0; ok && i < q.topics.count; i++) {
        ok = fill_epoch_topic(s, r, &asked[i], &slot, &topics[i]);
    }
    if (!ok) {
        too_large(s, r);
        return;
    }
    answer.topics = (struct array){topics, q.topics.count};
    request_answer(s, r, &answer);
}

bool handle_epoch_end(struct shard *s, struct request *r, struct slice body)
{
    struct offset_for_leader_epoch_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    uint32_t count = count_all(q.topics, sizeof(struct offset_for_leader_epoch_request_topic),
                               offsetof(struct offset_for_leader_epoch_request_topic, partitions));
    struct route route;
    if (!route_begin(s, r, OP_EPOCH_END, count, &route)) return false;
    const struct offset_for_leader_epoch_request_topic *topics = q.topics.items;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct offset_for_leader_epoch_request_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            struct op *op = add_op(s, &route, topics[i].topic, parts[j].partition);
            op->current_leader_epoch = parts[j].current_leader_epoch;
            op->epoch_end.asked = parts[j].leader_epoch;
        }
    }
    r->join = join_epoch_end;
    route_go(s, &route, &(struct route_limits){.wait_ms = WAIT_MS, .replica_id = -1});
    return true;
}

/* ---- DeleteRecords ---- */

static bool fill_delete_topic(struct shard *s, struct request *r,
                              const struct delete_records_request_topic *asked, uint32_t *slot,
                              struct delete_records_response_topic *out)
{
    int32_t count = asked->partitions.count;
    struct delete_records_response_partition *parts =
        arena_take(&s->scratch, (size_t)count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        const struct op *op = route_op(r, (*slot)++);
        parts[i] = (struct delete_records_response_partition){
            .partition_index = op->partition,
            .low_watermark = op->error == KAFKA_NONE ? op->delete_records.log_start : -1,
            .error_code = op->error,
        };
    }
    *out =
        (struct delete_records_response_topic){.name = asked->name, .partitions = {parts, count}};
    return true;
}

static void join_delete(struct shard *s, struct request *r)
{
    struct delete_records_request q;
    struct delete_records_response answer;
    kafka_defaults(&schema_delete_records_response, &answer);
    struct delete_records_response_topic *topics = NULL;
    bool ok = reopen(s, r, &q);
    if (ok) topics = arena_take(&s->scratch, (size_t)q.topics.count, sizeof *topics);
    ok = ok && (topics != NULL || q.topics.count == 0);
    const struct delete_records_request_topic *asked = ok ? q.topics.items : NULL;
    uint32_t slot = 0;
    for (int32_t i = 0; ok && i < q.topics.count; i++) {
        ok = fill_delete_topic(s, r, &asked[i], &slot, &topics[i]);
    }
    if (!ok) {
        too_large(s, r);
        return;
    }
    answer.topics = (struct array){topics, q.topics.count};
    request_answer(s, r, &answer);
}

static bool is_internal(struct slice name)
{
    char text[META_NAME_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s", SLICE_TEXT(name));
    return topic_is_internal(text);
}

bool handle_delete_records(struct shard *s, struct request *r, struct slice body)
{
    struct delete_records_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    uint32_t count = count_all(q.topics, sizeof(struct delete_records_request_topic),
                               offsetof(struct delete_records_request_topic, partitions));
    struct route route;
    if (!route_begin(s, r, OP_DELETE_RECORDS, count, &route)) return false;
    const struct delete_records_request_topic *topics = q.topics.items;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct delete_records_request_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            struct op *op = add_op(s, &route, topics[i].name, parts[j].partition_index);
            op->delete_records.before = parts[j].offset;
            if (op->error == KAFKA_NONE && is_internal(topics[i].name))
                op->error = KAFKA_INVALID_TOPIC_EXCEPTION;
        }
    }
    r->join = join_delete;
    uint64_t wait_ms = q.timeout_ms > 0 ? (uint64_t)q.timeout_ms : 0;
    route_go(s, &route, &(struct route_limits){.wait_ms = wait_ms, .replica_id = -1});
    return true;
}

/* ---- DescribeProducers ---- */

static bool fill_producers(struct shard *s, const struct op *op, struct slice topic,
                           struct describe_producers_response_partition *out)
{
    kafka_defaults(&schema_describe_producers_response_partition, out);
    out->partition_index = op->partition;
    out->error_code = op->error;
    const char *fault = topic_name_fault(topic);
    if (fault != NULL) {
        out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        out->error_message = slice_of_text(fault);
    }
    uint32_t count = out->error_code == KAFKA_NONE ? op->producers.count : 0;
    struct describe_producers_response_producer *items =
        arena_take(&s->scratch, count, sizeof *items);
    if (items == NULL && count > 0) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct producer_state *from = &op->producers.states[i];
        kafka_defaults(&schema_describe_producers_response_producer, &items[i]);
        items[i].producer_id = from->id;
        items[i].producer_epoch = from->epoch;
        items[i].last_sequence = from->last_sequence;
        items[i].last_timestamp = from->last_timestamp_ms;
        items[i].coordinator_epoch = -1; /* Of transactions, which do not exist here yet. */
    }
    out->active_producers = (struct array){items, (int32_t)count};
    return true;
}

static bool fill_producers_topic(struct shard *s, struct request *r,
                                 const struct describe_producers_request_topic *asked,
                                 uint32_t *slot, struct describe_producers_response_topic *out)
{
    int32_t count = asked->partition_indexes.count;
    struct describe_producers_response_partition *parts =
        arena_take(&s->scratch, (size_t)count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        if (!fill_producers(s, route_op(r, (*slot)++), asked->name, &parts[i])) return false;
    }
    *out = (struct describe_producers_response_topic){.name = asked->name,
                                                      .partitions = {parts, count}};
    return true;
}

static void join_producers(struct shard *s, struct request *r)
{
    struct describe_producers_request q;
    struct describe_producers_response answer;
    kafka_defaults(&schema_describe_producers_response, &answer);
    struct describe_producers_response_topic *topics = NULL;
    bool ok = reopen(s, r, &q);
    if (ok) topics = arena_take(&s->scratch, (size_t)q.topics.count, sizeof *topics);
    ok = ok && (topics != NULL || q.topics.count == 0);
    const struct describe_producers_request_topic *asked = ok ? q.topics.items : NULL;
    uint32_t slot = 0;
    for (int32_t i = 0; ok && i < q.topics.count; i++) {
        ok = fill_producers_topic(s, r, &asked[i], &slot, &topics[i]);
    }
    if (!ok) {
        too_large(s, r);
        return;
    }
    answer.topics = (struct array){topics, q.topics.count};
    request_answer(s, r, &answer);
}

bool handle_producers(struct shard *s, struct request *r, struct slice body)
{
    struct describe_producers_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    uint32_t count =
        count_all(q.topics, sizeof(struct describe_producers_request_topic),
                  offsetof(struct describe_producers_request_topic, partition_indexes));
    struct route route;
    if (!route_begin(s, r, OP_PRODUCERS, count, &route)) return false;
    const struct describe_producers_request_topic *topics = q.topics.items;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const int32_t *numbers = topics[i].partition_indexes.items;
        for (int32_t j = 0; j < topics[i].partition_indexes.count; j++)
            (void)add_op(s, &route, topics[i].name, numbers[j]);
    }
    r->join = join_producers;
    route_go(s, &route, &(struct route_limits){.wait_ms = WAIT_MS, .replica_id = -1});
    return true;
}
