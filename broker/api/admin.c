#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/handlers.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/alter_partition_reassignments.h"
#include "proto/msg/create_partitions.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/delete_topics.h"
#include "proto/msg/elect_leaders.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/retired_topics.h"
#include "proto/msg/unregister_broker.h"
#include "proto/msg/update_features.h"

#define FORWARD_TIMEOUT_MS 30000
#define CREATE_VERSION 7
#define CREATE_AGAIN_MS 1000
#define ELECT_VERSION_WITH_ERROR 1
#define CREATE_MAX_BYTES (1024u * 1024)

/* What is asked of the cluster goes to the leading controller as it came, and its answer comes back
 * in Kafka's own bytes. */
static struct post_admin *forward(struct shard *s, struct request *r, int16_t api_key,
                                  int16_t version, const char *listener, struct buf *body)
{
    struct post_admin *post = calloc(1, sizeof *post);
    CHECK(post != NULL);
    post->post.link.kind = POST_ADMIN;
    post->request = r;
    post->api_key = api_key;
    post->api_version = version;
    (void)snprintf(post->listener, sizeof post->listener, "%s", listener);
    post->body = body;
    post->timeout_ms = FORWARD_TIMEOUT_MS;
    shard_post(s, BROKER_LINK_ACTOR, &post->post);
    return post;
}

bool handle_forward(struct shard *s, struct request *r, struct slice body)
{
    (void)forward(s, r, r->api->key, r->version.number,
                  s->options->listeners[r->conn->listener].name, buf_of(body));
    return true;
}

static struct post_admin *forward_create(struct shard *s,
                                         struct create_topics_request_topic *topics, uint32_t count)
{
    struct post_admin *post = NULL;
    const struct kafka_api *api = kafka_api_find(KAFKA_API_CREATE_TOPICS);
    struct create_topics_request q;
    kafka_defaults(api->request, &q);
    q.topics = (struct array){topics, (int32_t)count};
    struct writer out = writer_with(CREATE_MAX_BYTES);
    if (kafka_encode(api->request, kafka_api_version(api, CREATE_VERSION), &q, &out) == 0) {
        post = forward(s, NULL, api->key, CREATE_VERSION, s->options->listeners[0].name,
                       buf_of(writer_slice(&out)));
    }
    writer_close(&out);
    return post;
}

uint64_t forward_auto_create(struct shard *s, const struct slice *names, uint32_t count)
{
    struct create_topics_request_topic *topics = arena_take(&s->scratch, count, sizeof *topics);
    if (topics == NULL) return 0;
    for (uint32_t i = 0; i < count; i++) {
        kafka_defaults(&schema_create_topics_request_topic, &topics[i]);
        topics[i].name = names[i];
        topics[i].num_partitions = -1;
        topics[i].replication_factor = -1;
    }
    struct post_admin *post = forward_create(s, topics, count);
    if (post == NULL) return 0;
    post->create = ++s->creates;
    return post->create;
}

struct array forward_created(struct shard *s, const struct buf *answer)
{
    const struct kafka_api *api = kafka_api_find(KAFKA_API_CREATE_TOPICS);
    struct create_topics_response created;
    if (answer == NULL) return (struct array){0};
    int rc = kafka_decode(api->response, kafka_api_version(api, CREATE_VERSION), buf_slice(answer),
                          &s->scratch, &created);
    return rc == 0 && created.topics.count > 0 ? created.topics : (struct array){0};
}

void forward_create_offsets_topic(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    bool is_asked = s->offsets_topic_asked_ms != 0 &&
                    now_ms - s->offsets_topic_asked_ms < CREATE_AGAIN_MS;
    if (is_asked) return;

    s->offsets_topic_asked_ms = now_ms;
    char segment_bytes[24];
    (void)snprintf(segment_bytes, sizeof segment_bytes, "%u",
                   s->options->groups.topic_segment_bytes);
    struct create_topics_request_config configs[] = {
        {.name = slice_of_text("cleanup.policy"), .value = slice_of_text("compact")},
        {.name = slice_of_text("compression.type"), .value = slice_of_text("producer")},
        {.name = slice_of_text("segment.bytes"), .value = slice_of_text(segment_bytes)},
    };
    struct create_topics_request_topic topic;
    kafka_defaults(&schema_create_topics_request_topic, &topic);
    topic.name = slice_of_text(OFFSETS_TOPIC);
    topic.num_partitions = (int32_t)s->options->groups.topic_partitions;
    topic.replication_factor = (int16_t)s->options->groups.topic_replication;
    topic.configs = (struct array){configs, sizeof configs / sizeof configs[0]};
    (void)forward_create(s, &topic, 1);
}

/* ---- No controller answered: the error, said of each thing that was asked for. ----
 * Each returns false if nothing is answered: the scratch memory is too small for it. */

static bool fail_create_topics(struct shard *s, struct request *r, struct slice body, int16_t error)
{
    struct create_topics_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    const struct create_topics_request_topic *asked = q.topics.items;
    struct create_topics_response_topic *items =
        arena_take(&s->scratch, (size_t)q.topics.count, sizeof *items);
    if (items == NULL && q.topics.count > 0) return false;
    for (int32_t i = 0; i < q.topics.count; i++) {
        kafka_defaults(&schema_create_topics_response_topic, &items[i]);
        items[i].name = asked[i].name;
        items[i].error_code = error;
        items[i].error_message = slice_of_text(kafka_error_text(error));
    }
    struct create_topics_response answer;
    kafka_defaults(&schema_create_topics_response, &answer);
    answer.topics = (struct array){items, q.topics.count};
    request_answer(s, r, &answer);
    return true;
}

static bool fail_delete_topics(struct shard *s, struct request *r, struct slice body, int16_t error)
{
    struct delete_topics_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    /* Which of the two lists there is depends on the version. */
    const struct delete_topics_request_topic *topics = q.topics.items;
    const struct slice *names = q.topic_names.items;
    int32_t topic_count = q.topics.count > 0 ? q.topics.count : 0;
    int32_t count = topic_count + (q.topic_names.count > 0 ? q.topic_names.count : 0);
    struct delete_topics_response_topic *items =
        arena_take(&s->scratch, (size_t)count, sizeof *items);
    if (items == NULL && count > 0) return false;
    for (int32_t i = 0; i < count; i++) {
        kafka_defaults(&schema_delete_topics_response_topic, &items[i]);
        items[i].name = i < topic_count ? topics[i].name : names[i - topic_count];
        if (i < topic_count) items[i].topic_id = topics[i].topic_id;
        items[i].error_code = error;
        items[i].error_message = slice_of_text(kafka_error_text(error));
    }
    struct delete_topics_response answer;
    kafka_defaults(&schema_delete_topics_response, &answer);
    answer.responses = (struct array){items, count};
    request_answer(s, r, &answer);
    return true;
}

static bool fail_create_partitions(struct shard *s, struct request *r, struct slice body,
                                   int16_t error)
{
    struct create_partitions_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    const struct create_partitions_request_topic *asked = q.topics.items;
    struct create_partitions_response_topic *items =
        arena_take(&s->scratch, (size_t)q.topics.count, sizeof *items);
    if (items == NULL && q.topics.count > 0) return false;
    for (int32_t i = 0; i < q.topics.count; i++) {
        items[i] = (struct create_partitions_response_topic){
            .name = asked[i].name,
            .error_code = error,
            .error_message = slice_of_text(kafka_error_text(error)),
        };
    }
    struct create_partitions_response answer;
    kafka_defaults(&schema_create_partitions_response, &answer);
    answer.results = (struct array){items, q.topics.count};
    request_answer(s, r, &answer);
    return true;
}

static bool fail_incremental_alter(struct shard *s, struct request *r, struct slice body,
                                   int16_t error)
{
    struct incremental_alter_configs_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    const struct incremental_alter_configs_request_resource *asked = q.resources.items;
    struct altered_resource *items =
        arena_take(&s->scratch, (size_t)q.resources.count, sizeof *items);
    if (items == NULL && q.resources.count > 0) return false;
    for (int32_t i = 0; i < q.resources.count; i++) {
        items[i] = (struct altered_resource){
            .error_code = error,
            .error_message = slice_of_text(kafka_error_text(error)),
            .resource_type = asked[i].resource_type,
            .resource_name = asked[i].resource_name,
        };
    }
    struct incremental_alter_configs_response answer;
    kafka_defaults(&schema_incremental_alter_configs_response, &answer);
    answer.responses = (struct array){items, q.resources.count};
    request_answer(s, r, &answer);
    return true;
}

/* Of these the answer has one code for all. */
static bool fail_whole(struct shard *s, struct request *r, const struct post_admin *post)
{
    struct elect_leaders_response elect;
    struct alter_reassignments_response moves;
    struct unregister_broker_response unregister;
    struct retired_topics_response retired;
    struct update_features_response features;
    switch (post->api_key) {
    case KAFKA_API_ELECT_LEADERS:
        if (r->version.number < ELECT_VERSION_WITH_ERROR) return false;
        kafka_defaults(&schema_elect_leaders_response, &elect);
        elect.error_code = post->error;
        request_answer(s, r, &elect);
        return true;
    case KAFKA_API_ALTER_PARTITION_REASSIGNMENTS:
        kafka_defaults(&schema_alter_reassignments_response, &moves);
        moves.error_code = post->error;
        moves.error_message = slice_of_text(kafka_error_text(post->error));
        request_answer(s, r, &moves);
        return true;
    case KAFKA_API_RETIRED_TOPICS:
        kafka_defaults(&schema_retired_topics_response, &retired);
        retired.error_code = post->error;
        retired.error_message = slice_of_text(kafka_error_text(post->error));
        request_answer(s, r, &retired);
        return true;
    case KAFKA_API_UPDATE_FEATURES:
        kafka_defaults(&schema_update_features_response, &features);
        features.error_code = post->error;
        features.error_message = slice_of_text(kafka_error_text(post->error));
        request_answer(s, r, &features);
        return true;
    case KAFKA_API_ADD_RAFT_VOTER:
    case KAFKA_API_REMOVE_RAFT_VOTER:
    case KAFKA_API_UNREGISTER_BROKER: /* Three answers of one shape. */
        kafka_defaults(&schema_unregister_broker_response, &unregister);
        unregister.error_code = post->error;
        unregister.error_message = slice_of_text(kafka_error_text(post->error));
        request_answer(s, r, &unregister);
        return true;
    default: return false;
    }
}

static bool fail_each(struct shard *s, struct request *r, const struct post_admin *post)
{
    struct slice body = buf_slice(post->body);
    s->scratch.used = 0;
    switch (post->api_key) {
    case KAFKA_API_CREATE_TOPICS: return fail_create_topics(s, r, body, post->error);
    case KAFKA_API_DELETE_TOPICS: return fail_delete_topics(s, r, body, post->error);
    case KAFKA_API_CREATE_PARTITIONS: return fail_create_partitions(s, r, body, post->error);
    case KAFKA_API_INCREMENTAL_ALTER_CONFIGS:
        return fail_incremental_alter(s, r, body, post->error);
    default: return fail_whole(s, r, post);
    }
}

void forward_on_back(struct shard *s, struct post_admin *post)
{
    struct request *r = post->request;
    if (post->create != 0) metadata_on_created(s, post->create, post->answer);
    if (r != NULL && post->answer != NULL) {
        request_answer_body(s, r, buf_slice(post->answer));
    } else if (r != NULL) {
        log_warn(s->env, "%s cannot be answered: %s. Is a majority of the controllers up?",
                 r->api->name, kafka_error_name(post->error));
        /* Of the other APIs, and of a body that does not parse, there is nothing to say in the
         * client's format: a closed connection makes it ask again. */
        bool is_said = post->error != KAFKA_NONE && fail_each(s, r, post);
        if (!is_said) request_answer_nothing(s, r, true);
    }
    buf_unref(post->body);
    buf_unref(post->answer);
    free(post);
}
