/* describe_producers.h -- API 61, DescribeProducers: version 0, flexible (KIP-664). */
#ifndef PROTO_MSG_DESCRIBE_PRODUCERS_H
#define PROTO_MSG_DESCRIBE_PRODUCERS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_PRODUCERS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, name,              0, ANY, 0)                \
    P(T, I32, partition_indexes, 0, ANY)

#define DESCRIBE_PRODUCERS_REQUEST(T, F, A, P, S, N) \
    A(T, describe_producers_request_topic, topics, 0, ANY)

#define DESCRIBE_PRODUCERS_RESPONSE_PRODUCER(T, F, A, P, S, N) \
    F(T, I64, producer_id,              0, ANY, 0)             \
    F(T, I32, producer_epoch,           0, ANY, 0)             \
    F(T, I32, last_sequence,            0, ANY, -1)            \
    F(T, I64, last_timestamp,           0, ANY, -1)            \
    F(T, I32, coordinator_epoch,        0, ANY, 0)             \
    F(T, I64, current_txn_start_offset, 0, ANY, -1)

#define DESCRIBE_PRODUCERS_RESPONSE_PARTITION(T, F, A, P, S, N)                 \
    F(T, I32,                                  partition_index,  0, ANY, 0)     \
    F(T, I16,                                  error_code,       0, ANY, 0)     \
    F(T, NSTR,                                 error_message,    0, ANY, NIL)   \
    A(T, describe_producers_response_producer, active_producers, 0, ANY)

#define DESCRIBE_PRODUCERS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                   name,       0, ANY, 0) \
    A(T, describe_producers_response_partition, partitions, 0, ANY)

#define DESCRIBE_PRODUCERS_RESPONSE(T, F, A, P, S, N)                    \
    F(T, I32,                               throttle_time_ms, 0, ANY, 0) \
    A(T, describe_producers_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_PRODUCERS_REQUEST_TOPIC, describe_producers_request_topic);
DECLARE(DESCRIBE_PRODUCERS_REQUEST, describe_producers_request);
DECLARE(DESCRIBE_PRODUCERS_RESPONSE_PRODUCER, describe_producers_response_producer);
DECLARE(DESCRIBE_PRODUCERS_RESPONSE_PARTITION, describe_producers_response_partition);
DECLARE(DESCRIBE_PRODUCERS_RESPONSE_TOPIC, describe_producers_response_topic);
DECLARE(DESCRIBE_PRODUCERS_RESPONSE, describe_producers_response);

#endif
