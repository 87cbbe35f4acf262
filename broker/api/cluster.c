#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_cluster.h"

#define ENDPOINTS_OF_BROKERS 1

static bool fill_brokers(struct shard *s, struct request *r, bool include_fenced,
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
        if (broker->fenced && !include_fenced) continue;
        if (!broker_endpoint(s, r, broker, &out->host, &out->port)) continue;
        out->broker_id = broker->id;
        if (broker->rack[0] != '\0') out->rack = slice_of_text(broker->rack);
        if (r->version.number >= 2) out->is_fenced = broker->fenced;
        if (answer->controller_id < 0 && !broker->fenced) answer->controller_id = broker->id;
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
    if (q.endpoint_type != ENDPOINTS_OF_BROKERS) {
        answer.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        answer.error_message =
            slice_of_text("ask a broker for brokers; controllers speak to brokers only");
        answer.endpoint_type = q.endpoint_type;
    } else if (!fill_brokers(s, r, q.include_fenced_brokers, &answer)) {
        return false;
    }
    request_answer(s, r, &answer);
    return true;
}
