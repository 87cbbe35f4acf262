/* delete_topics.h -- API 20, DeleteTopics: versions 1 to 6, flexible from 4. */
#ifndef PROTO_MSG_DELETE_TOPICS_H
#define PROTO_MSG_DELETE_TOPICS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DELETE_TOPICS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, NSTR, name,     6, ANY, NIL)                 \
    F(T, UUID, topic_id, 6, ANY, 0)

#define DELETE_TOPICS_REQUEST(T, F, A, P, S, N)                     \
    A(T, delete_topics_request_topic, topics,      6, ANY)          \
    P(T, STR,                         topic_names, 0, 5, IGNORABLE) \
    F(T, I32,                         timeout_ms,  0, ANY, 0)

#define DELETE_TOPICS_RESPONSE_TOPIC(T, F, A, P, S, N)  \
    F(T, NSTR, name,          0, ANY, 0, NULL_SINCE(6)) \
    F(T, UUID, topic_id,      6, ANY, 0, IGNORABLE)     \
    F(T, I16,  error_code,    0, ANY, 0)                \
    F(T, NSTR, error_message, 5, ANY, NIL, IGNORABLE)

#define DELETE_TOPICS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                          throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    A(T, delete_topics_response_topic, responses,        0, ANY)
/* clang-format on */

DECLARE(DELETE_TOPICS_REQUEST_TOPIC, delete_topics_request_topic);
DECLARE(DELETE_TOPICS_REQUEST, delete_topics_request);
DECLARE(DELETE_TOPICS_RESPONSE_TOPIC, delete_topics_response_topic);
DECLARE(DELETE_TOPICS_RESPONSE, delete_topics_response);

#endif
