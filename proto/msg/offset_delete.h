/* offset_delete.h -- API 47, OffsetDelete: version 0, never flexible. */
#ifndef PROTO_MSG_OFFSET_DELETE_H
#define PROTO_MSG_OFFSET_DELETE_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define OFFSET_DELETE_REQUEST_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)

#define OFFSET_DELETE_REQUEST_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                             name,       0, ANY, 0) \
    A(T, offset_delete_request_partition, partitions, 0, ANY)

#define OFFSET_DELETE_REQUEST(T, F, A, P, S, N)            \
    F(T, STR,                         group_id, 0, ANY, 0) \
    A(T, offset_delete_request_topic, topics,   0, ANY)

#define OFFSET_DELETE_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                  \
    F(T, I16, error_code,      0, ANY, 0)

#define OFFSET_DELETE_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                              name,       0, ANY, 0) \
    A(T, offset_delete_response_partition, partitions, 0, ANY)

#define OFFSET_DELETE_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I16,                          error_code,       0, ANY, 0)            \
    F(T, I32,                          throttle_time_ms, 0, ANY, 0, IGNORABLE) \
    A(T, offset_delete_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(OFFSET_DELETE_REQUEST_PARTITION, offset_delete_request_partition);
DECLARE(OFFSET_DELETE_REQUEST_TOPIC, offset_delete_request_topic);
DECLARE(OFFSET_DELETE_REQUEST, offset_delete_request);
DECLARE(OFFSET_DELETE_RESPONSE_PARTITION, offset_delete_response_partition);
DECLARE(OFFSET_DELETE_RESPONSE_TOPIC, offset_delete_response_topic);
DECLARE(OFFSET_DELETE_RESPONSE, offset_delete_response);

#endif
