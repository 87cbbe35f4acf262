/* create_topics.h -- API 19, CreateTopics: versions 2 to 7, flexible from 5.
 *
 * The layouts of versions 0 and 1 are known here; Kafka 4 no longer offers them, and neither do
 * we.
 */
#ifndef PROTO_MSG_CREATE_TOPICS_H
#define PROTO_MSG_CREATE_TOPICS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define CREATE_TOPICS_REQUEST_ASSIGNMENT(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                  \
    P(T, I32, broker_ids,      0, ANY)

#define CREATE_TOPICS_REQUEST_CONFIG(T, F, A, P, S, N) \
    F(T, STR,  name,  0, ANY, 0)                       \
    F(T, NSTR, value, 0, ANY, 0)

#define CREATE_TOPICS_REQUEST_TOPIC(T, F, A, P, S, N)                     \
    F(T, STR,                              name,               0, ANY, 0) \
    F(T, I32,                              num_partitions,     0, ANY, 0) \
    F(T, I16,                              replication_factor, 0, ANY, 0) \
    A(T, create_topics_request_assignment, assignments,        0, ANY)    \
    A(T, create_topics_request_config,     configs,            0, ANY)

#define CREATE_TOPICS_REQUEST(T, F, A, P, S, N)                     \
    A(T, create_topics_request_topic, topics,        0, ANY)        \
    F(T, I32,                         timeout_ms,    0, ANY, 60000) \
    F(T, BOOL,                        validate_only, 1, ANY, 0)

#define CREATE_TOPICS_RESPONSE_CONFIG(T, F, A, P, S, N) \
    F(T, STR,  name,          5, ANY, 0)                \
    F(T, NSTR, value,         5, ANY, 0)                \
    F(T, BOOL, read_only,     5, ANY, 0)                \
    F(T, I8,   config_source, 5, ANY, -1, IGNORABLE)    \
    F(T, BOOL, is_sensitive,  5, ANY, 0)

#define CREATE_TOPICS_RESPONSE_TOPIC(T, F, A, P, S, N)                                           \
    F(T, STR,                           name,                    0, ANY, 0)                      \
    F(T, UUID,                          topic_id,                7, ANY, 0, IGNORABLE)           \
    F(T, I16,                           error_code,              0, ANY, 0)                      \
    F(T, NSTR,                          error_message,           1, ANY, 0, IGNORABLE)           \
    F(T, I16,                           topic_config_error_code, 5, ANY, 0, TAG(0), IGNORABLE)   \
    F(T, I32,                           num_partitions,          5, ANY, -1, IGNORABLE)          \
    F(T, I16,                           replication_factor,      5, ANY, -1, IGNORABLE)          \
    A(T, create_topics_response_config, configs,                 5, ANY, IGNORABLE, NULLABLE(0))

#define CREATE_TOPICS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                          throttle_time_ms, 2, ANY, 0, IGNORABLE) \
    A(T, create_topics_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(CREATE_TOPICS_REQUEST_ASSIGNMENT, create_topics_request_assignment);
DECLARE(CREATE_TOPICS_REQUEST_CONFIG, create_topics_request_config);
DECLARE(CREATE_TOPICS_REQUEST_TOPIC, create_topics_request_topic);
DECLARE(CREATE_TOPICS_REQUEST, create_topics_request);
DECLARE(CREATE_TOPICS_RESPONSE_CONFIG, create_topics_response_config);
DECLARE(CREATE_TOPICS_RESPONSE_TOPIC, create_topics_response_topic);
DECLARE(CREATE_TOPICS_RESPONSE, create_topics_response);

#endif
