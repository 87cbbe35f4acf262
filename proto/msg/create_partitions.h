/* create_partitions.h -- API 37, CreatePartitions: versions 0 to 3, flexible from 2. */
#ifndef PROTO_MSG_CREATE_PARTITIONS_H
#define PROTO_MSG_CREATE_PARTITIONS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define CREATE_PARTITIONS_REQUEST_ASSIGNMENT(T, F, A, P, S, N) \
    P(T, I32, broker_ids, 0, ANY)

#define CREATE_PARTITIONS_REQUEST_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                                  name,        0, ANY, 0)           \
    F(T, I32,                                  count,       0, ANY, 0)           \
    A(T, create_partitions_request_assignment, assignments, 0, ANY, NULLABLE(0))

#define CREATE_PARTITIONS_REQUEST(T, F, A, P, S, N)                 \
    A(T, create_partitions_request_topic, topics,        0, ANY)    \
    F(T, I32,                             timeout_ms,    0, ANY, 0) \
    F(T, BOOL,                            validate_only, 0, ANY, 0)

#define CREATE_PARTITIONS_RESPONSE_TOPIC(T, F, A, P, S, N) \
    F(T, STR,  name,          0, ANY, 0)                   \
    F(T, I16,  error_code,    0, ANY, 0)                   \
    F(T, NSTR, error_message, 0, ANY, NIL)

#define CREATE_PARTITIONS_RESPONSE(T, F, A, P, S, N)                    \
    F(T, I32,                              throttle_time_ms, 0, ANY, 0) \
    A(T, create_partitions_response_topic, results,          0, ANY)
/* clang-format on */

DECLARE(CREATE_PARTITIONS_REQUEST_ASSIGNMENT, create_partitions_request_assignment);
DECLARE(CREATE_PARTITIONS_REQUEST_TOPIC, create_partitions_request_topic);
DECLARE(CREATE_PARTITIONS_REQUEST, create_partitions_request);
DECLARE(CREATE_PARTITIONS_RESPONSE_TOPIC, create_partitions_response_topic);
DECLARE(CREATE_PARTITIONS_RESPONSE, create_partitions_response);

#endif
