/* retired_topics.h -- our own API 10000, RetiredTopics: topics whose deletion is not final yet.
 *
 * Any client may ask; it is listed to none in ApiVersions. `action` says what is to be done with
 * those that are named, each by its name (of several of one name, the one that was deleted last) or
 * by its id.
 */
#ifndef PROTO_MSG_RETIRED_TOPICS_H
#define PROTO_MSG_RETIRED_TOPICS_H

#include "proto/kafka_schema.h"

enum retired_action {
    RETIRED_LIST = 0,    /* All of them, if none is named. */
    RETIRED_RESTORE = 1, /* They are topics again, with their ids, configurations and records. */
    RETIRED_DROP = 2,    /* Their deletion is final at once. */
};

/* clang-format off */
#define RETIRED_TOPICS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, NSTR, name,     0, ANY, NIL)                  \
    F(T, UUID, topic_id, 0, ANY, 0)

#define RETIRED_TOPICS_REQUEST(T, F, A, P, S, N)          \
    F(T, I8,                           action, 0, ANY, 0) \
    A(T, retired_topics_request_topic, topics, 0, ANY)    \
    F(T, I32,                          timeout_ms, 0, ANY, 0)

#define RETIRED_TOPICS_RESPONSE_TOPIC(T, F, A, P, S, N) \
    F(T, NSTR, name,            0, ANY, 0)              \
    F(T, UUID, topic_id,        0, ANY, 0)              \
    F(T, I32,  partition_count, 0, ANY, 0)              \
    F(T, I64,  deleted_ms,      0, ANY, 0)              \
    F(T, I64,  left_ms,         0, ANY, 0)              \
    F(T, I16,  error_code,      0, ANY, 0)              \
    F(T, NSTR, error_message,   0, ANY, NIL)

#define RETIRED_TOPICS_RESPONSE(T, F, A, P, S, N)                   \
    F(T, I32,                           throttle_time_ms, 0, ANY, 0) \
    F(T, I16,                           error_code, 0, ANY, 0)      \
    F(T, NSTR,                          error_message, 0, ANY, NIL) \
    A(T, retired_topics_response_topic, topics, 0, ANY)
/* clang-format on */

DECLARE(RETIRED_TOPICS_REQUEST_TOPIC, retired_topics_request_topic);
DECLARE(RETIRED_TOPICS_REQUEST, retired_topics_request);
DECLARE(RETIRED_TOPICS_RESPONSE_TOPIC, retired_topics_response_topic);
DECLARE(RETIRED_TOPICS_RESPONSE, retired_topics_response);

#endif
