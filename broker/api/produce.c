#include "proto/msg/produce.h"
#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/net/router.h"
#include "broker/partition/keys.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define FIRST_VERSION_WITH_IDS 13
#define FIRST_VERSION_WITH_LEADERS 10
#define FIRST_VERSION_WITH_ZSTD 7

static int16_t unknown_topic(const struct request *r)
{
    return r->version.number >= FIRST_VERSION_WITH_IDS ? KAFKA_UNKNOWN_TOPIC_ID
                                                       : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static const struct meta_topic *find_topic(const struct shard *s, const struct request *r,
                                           const struct produce_request_topic *t)
{
    if (r->version.number >= FIRST_VERSION_WITH_IDS)
        return meta_topic_by_id(&s->image, t->topic_id);
    return meta_topic_by_name(&s->image, t->name);
}

static void set_leader(struct produce_response_partition *out, const struct op *op)
{
    out->current_leader.leader_id = -1;
    out->current_leader.leader_epoch = -1;
    if (op->error != KAFKA_NOT_LEADER_OR_FOLLOWER) return;
    out->current_leader.leader_id = op->leader_id;
    out->current_leader.leader_epoch = op->leader_epoch;
}

/* KIP-467: which records of the batch are at fault. The client may send the others again. */
static void name_records(struct shard *s, const struct op *op,
                         struct produce_response_partition *out)
{
    int32_t most = op->produce.keyless;
    if (op->error != KAFKA_INVALID_RECORD || most <= 0) return;
    int32_t *places = arena_take(&s->scratch, (size_t)most, sizeof *places);
    struct produce_response_record_error *errors =
        arena_take(&s->scratch, (size_t)most, sizeof *errors);
    if (places == NULL || errors == NULL) return;

    int32_t count = batch_keyless(op->produce.records, places, most);
    for (int32_t i = 0; i < count; i++) {
        errors[i] = (struct produce_response_record_error){
            .batch_index = places[i],
            .batch_index_error_message = slice_of_text(op->produce.why),
        };
    }
    out->record_errors = (struct array){errors, count > 0 ? count : 0};
}

static void fill_partition(struct shard *s, struct produce_response_partition *out,
                           const struct op *op)
{
    kafka_defaults(&schema_produce_response_partition, out);
    out->index = op->partition;
    out->error_code = op->error;
    out->base_offset = op->error == 0 ? op->produce.base_offset : -1;
    out->log_append_time_ms = op->error == 0 ? op->produce.log_append_ms : -1;
    out->log_start_offset = op->error == 0 ? op->produce.log_start : -1;
    if (op->produce.why != NULL) out->error_message = slice_of_text(op->produce.why);
    name_records(s, op, out);
    set_leader(out, op);
}

/* The answer names topics as the request did, so the request is decoded once more: it is in memory,
 * and nothing of it has to be kept while the records are on their way. */
static bool fill_answer(struct shard *s, struct request *r, struct produce_response *answer,
                        bool *any_error)
{
    struct kafka_request_header h;
    struct slice body;
    struct produce_request request;
    s->scratch.used = 0;
    if (kafka_request_open(buf_slice(r->frame), &h, &body) != FRAME_OK) return false;
    if (request_decode(s, r, body, &request) != 0) return false;
    kafka_defaults(&schema_produce_response, answer);
    int32_t topic_count = request.topic_data.count;
    struct produce_response_topic *topics =
        arena_take(&s->scratch, (size_t)topic_count, sizeof *topics);
    if (topics == NULL && topic_count > 0) return false;
    const struct produce_request_topic *asked = request.topic_data.items;
    uint32_t slot = 0;
    for (int32_t i = 0; i < topic_count; i++) {
        int32_t count = asked[i].partition_data.count;
        struct produce_response_partition *parts =
            arena_take(&s->scratch, (size_t)count, sizeof *parts);
        if (parts == NULL && count > 0) return false;
        for (int32_t j = 0; j < count; j++) {
            const struct op *op = route_op(r, slot++);
            fill_partition(s, &parts[j], op);
            *any_error |= op->error != 0;
        }
        topics[i] = (struct produce_response_topic){.name = asked[i].name,
                                                    .topic_id = asked[i].topic_id,
                                                    .partition_responses = {parts, count}};
    }
    answer->responses = (struct array){topics, topic_count};
    if (*any_error && r->version.number >= FIRST_VERSION_WITH_LEADERS) {
        answer->node_endpoints = leader_endpoints(s, r);
    }
    return true;
}

static void join_produce(struct shard *s, struct request *r)
{
    if (r->has_no_answer) {
        bool wrong = false;
        for (uint32_t i = 0; i < r->group_count; i++) {
            for (uint32_t j = 0; j < r->groups[i]->count; j++) {
                wrong |= r->groups[i]->ops[j].error != 0;
            }
        }
        request_answer_nothing(s, r, wrong);
        return;
    }
    struct produce_response answer;
    bool any_error = false;
    if (!fill_answer(s, r, &answer, &any_error)) {
        log_error(s->env, "the answer to a Produce request is larger than the scratch memory");
        request_answer_nothing(s, r, true);
        return;
    }
    request_answer(s, r, &answer);
}

static uint32_t count_partitions(const struct produce_request *request)
{
    const struct produce_request_topic *topics = request->topic_data.items;
    uint32_t count = 0;
    for (int32_t i = 0; i < request->topic_data.count; i++) {
        count += topics[i].partition_data.count > 0 ? (uint32_t)topics[i].partition_data.count : 0;
    }
    return count;
}

/* What is wrong with all of the request, whatever its partitions are. */
static int16_t check_request(const struct produce_request *request)
{
    if (request->acks < -1 || request->acks > 1) return KAFKA_INVALID_REQUIRED_ACKS;
    if (request->transactional_id.at != NULL) return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    return KAFKA_NONE;
}

/* KIP-110: such a client could not read what it wrote. */
static bool has_early_zstd(const struct request *r, struct slice records)
{
    struct record_batch_header header;
    return r->version.number < FIRST_VERSION_WITH_ZSTD &&
           kafka_batch_peek(records, &header) == BATCH_OK &&
           batch_codec(&header) == BATCH_CODEC_ZSTD;
}

/* What is wrong with one partition of it, as far as the metadata and the client tell. */
static int16_t check_partition(const struct request *r, const struct meta_topic *topic,
                               struct op *op)
{
    if (topic == NULL) return unknown_topic(r);
    if (op->partition < 0 || (uint32_t)op->partition >= topic->partition_count) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (topic_is_internal(topic->name)) {
        op->produce.why = "the cluster itself writes this topic, and nobody else";
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    if (has_early_zstd(r, op->produce.records)) {
        op->produce.why = "zstd needs Produce version 7 or later";
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    }
    return KAFKA_NONE;
}

bool handle_produce(struct shard *s, struct request *r, struct slice body)
{
    struct produce_request request;
    if (request_decode(s, r, body, &request) != 0) return false;
    s->numbers.produce_requests++;
    struct route route;
    if (!route_begin(s, r, OP_PRODUCE, count_partitions(&request), &route)) return false;

    int16_t error = check_request(&request);
    const struct produce_request_topic *topics = request.topic_data.items;
    for (int32_t i = 0; i < request.topic_data.count; i++) {
        const struct meta_topic *topic = find_topic(s, r, &topics[i]);
        const struct produce_request_partition *parts = topics[i].partition_data.items;
        for (int32_t j = 0; j < topics[i].partition_data.count; j++) {
            struct uuid id = topic != NULL ? topic->id : topics[i].topic_id;
            struct op *op = route_add(&route, id, parts[j].index);
            op->produce.records = slice_of(parts[j].records.at, parts[j].records.size_bytes);
            op->produce.base_offset = -1;
            op->produce.log_append_ms = -1;
            op->produce.log_start = -1;
            op->produce.keyless = 0;
            op->error = error != 0 ? error : check_partition(r, topic, op);
        }
    }
    r->join = join_produce;
    r->has_no_answer = request.acks == 0;
    route_go(s, &route,
             &(struct route_limits){
                 .wait_ms = request.timeout_ms > 0 ? (uint64_t)request.timeout_ms : 0,
                 .acks = request.acks,
                 .replica_id = -1,
             });
    return true;
}
