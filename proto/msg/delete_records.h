/* delete_records.h -- API 21, DeleteRecords: versions 0 to 2, flexible from 2. */
#ifndef PROTO_MSG_DELETE_RECORDS_H
#define PROTO_MSG_DELETE_RECORDS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DELETE_RECORDS_REQUEST_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                  \
    F(T, I64, offset,          0, ANY, 0)

#define DELETE_RECORDS_REQUEST_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                              name,       0, ANY, 0) \
    A(T, delete_records_request_partition, partitions, 0, ANY)

#define DELETE_RECORDS_REQUEST(T, F, A, P, S, N)              \
    A(T, delete_records_request_topic, topics,     0, ANY)    \
    F(T, I32,                          timeout_ms, 0, ANY, 0)

#define DELETE_RECORDS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                   \
    F(T, I64, low_watermark,   0, ANY, 0)                   \
    F(T, I16, error_code,      0, ANY, 0)

#define DELETE_RECORDS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                               name,       0, ANY, 0) \
    A(T, delete_records_response_partition, partitions, 0, ANY)

#define DELETE_RECORDS_RESPONSE(T, F, A, P, S, N)                    \
    F(T, I32,                           throttle_time_ms, 0, ANY, 0) \
    A(T, delete_records_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(DELETE_RECORDS_REQUEST_PARTITION, delete_records_request_partition);
DECLARE(DELETE_RECORDS_REQUEST_TOPIC, delete_records_request_topic);
DECLARE(DELETE_RECORDS_REQUEST, delete_records_request);
DECLARE(DELETE_RECORDS_RESPONSE_PARTITION, delete_records_response_partition);
DECLARE(DELETE_RECORDS_RESPONSE_TOPIC, delete_records_response_topic);
DECLARE(DELETE_RECORDS_RESPONSE, delete_records_response);

#endif
