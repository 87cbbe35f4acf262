#include <string.h>

#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "proto/kafka_errors.h"
#include "proto/msg/api_versions.h"
#include "proto/msg/describe_acls.h"
#include "proto/msg/replica_hello.h"

#define FIRST_VERSION_WITH_SOFTWARE 3

static bool is_switched_off(const struct shard *s, int16_t api_key)
{
    bool is_of_consumers = api_key == KAFKA_API_CONSUMER_GROUP_HEARTBEAT ||
                           api_key == KAFKA_API_CONSUMER_GROUP_DESCRIBE;
    return is_of_consumers && s->options->groups.consumer.is_off;
}

/* What clients know by name. metadata.version is ours, and its levels are not Kafka's. False: none
 * is finalized. */
static bool fill_features(const struct shard *s,
                          struct api_versions_response_supported_feature *supported,
                          struct api_versions_response_finalized_feature *finalized)
{
    int16_t level = (int16_t)meta_feature_level(&s->image, META_FEATURE_GROUPS);
    *supported = (struct api_versions_response_supported_feature){
        .name = slice_of_text(META_FEATURE_GROUPS), .max_version = META_GROUPS_LEVEL};
    *finalized = (struct api_versions_response_finalized_feature){
        .name = supported->name, .max_version_level = level, .min_version_level = level};
    return level > 0;
}

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* KIP-511: letters, digits, dots and dashes; the first and the last one a letter or digit. */
static bool is_software(struct slice s)
{
    if (s.size == 0 || !is_letter_or_digit(s.at[0]) || !is_letter_or_digit(s.at[s.size - 1]))
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (!is_letter_or_digit(s.at[i]) && s.at[i] != '.' && s.at[i] != '-') return false;
    }
    return true;
}

bool handle_api_versions(struct shard *s, struct request *r, struct slice body)
{
    struct api_versions_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    struct api_versions_response answer;
    kafka_defaults(&schema_api_versions_response, &answer);
    if (r->version.number >= FIRST_VERSION_WITH_SOFTWARE &&
        !(is_software(q.client_software_name) && is_software(q.client_software_version))) {
        answer.error_code = KAFKA_INVALID_REQUEST;
        request_answer(s, r, &answer);
        return true;
    }
    struct api_versions_response_api_key *keys =
        arena_take(&s->scratch, kafka_api_count, sizeof *keys);
    if (keys == NULL) return false;
    int32_t count = 0;
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = kafka_api_at(i);
        if (!kafka_api_is_listed(api) || handler_of(api->key) == NULL) continue;
        if (is_switched_off(s, api->key)) continue;
        keys[count++] = (struct api_versions_response_api_key){
            .api_key = api->key, .min_version = api->version_min, .max_version = api->version_max};
    }
    answer.api_keys = (struct array){keys, count};
    answer.finalized_features_epoch = (int64_t)s->image.index;
    struct api_versions_response_supported_feature supported;
    struct api_versions_response_finalized_feature finalized;
    bool is_finalized = fill_features(s, &supported, &finalized);
    bool is_off = s->options->groups.consumer.is_off;
    if (!is_off) answer.supported_features = (struct array){&supported, 1};
    if (!is_off && is_finalized) answer.finalized_features = (struct array){&finalized, 1};
    request_answer(s, r, &answer);
    return true;
}

bool handle_describe_acls(struct shard *s, struct request *r, struct slice body)
{
    struct describe_acls_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    struct describe_acls_response answer;
    kafka_defaults(&schema_describe_acls_response, &answer);
    answer.error_code = KAFKA_SECURITY_DISABLED;
    answer.error_message = slice_of_text("no authorizer is configured on this broker");
    request_answer(s, r, &answer);
    return true;
}

static bool proves(const struct meta_broker *broker, const struct replica_hello_request *q)
{
    if (broker == NULL || broker->epoch != q->broker_epoch) return false;
    if (q->secret.size != sizeof broker->secret.bytes) return false;
    uint8_t difference = 0; /* In constant time. */
    for (size_t i = 0; i < sizeof broker->secret.bytes; i++) {
        difference |= (uint8_t)(broker->secret.bytes[i] ^ q->secret.at[i]);
    }
    return difference == 0 && uuid_equal(broker->incarnation, q->incarnation);
}

bool handle_replica_hello(struct shard *s, struct request *r, struct slice body)
{
    struct replica_hello_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    const struct meta_broker *broker = meta_broker_find(&s->image, q.broker_id);
    struct replica_hello_response answer = {.error_code = KAFKA_NONE};
    if (broker == NULL || broker->epoch < q.broker_epoch) {
        answer.error_code = KAFKA_BROKER_NOT_AVAILABLE; /* We have not heard of it yet: again. */
    } else if (!proves(broker, &q)) {
        answer.error_code = KAFKA_STALE_BROKER_EPOCH;
    } else {
        r->conn->replica_id = q.broker_id;
        r->conn->replica_epoch = q.broker_epoch;
    }
    request_answer(s, r, &answer);
    return true;
}
