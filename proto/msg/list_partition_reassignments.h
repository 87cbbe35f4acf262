/* list_partition_reassignments.h -- API 46, ListPartitionReassignments (KIP-455): version 0,
 * flexible. */
#ifndef PROTO_MSG_LIST_PARTITION_REASSIGNMENTS_H
#define PROTO_MSG_LIST_PARTITION_REASSIGNMENTS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define LIST_REASSIGNMENTS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, name,              0, ANY, 0)                \
    P(T, I32, partition_indexes, 0, ANY)

#define LIST_REASSIGNMENTS_REQUEST(T, F, A, P, S, N)               \
    F(T, I32,                              timeout_ms, 0, ANY, 60000) \
    A(T, list_reassignments_request_topic, topics,     0, ANY, NULLABLE(0), NULL_DEFAULT)

#define LIST_REASSIGNMENTS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index,   0, ANY, 0)                     \
    P(T, I32, replicas,          0, ANY)                        \
    P(T, I32, adding_replicas,   0, ANY)                        \
    P(T, I32, removing_replicas, 0, ANY)

#define LIST_REASSIGNMENTS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                   name,       0, ANY, 0) \
    A(T, list_reassignments_response_partition, partitions, 0, ANY)

#define LIST_REASSIGNMENTS_RESPONSE(T, F, A, P, S, N)                        \
    F(T, I32,                               throttle_time_ms, 0, ANY, 0)     \
    F(T, I16,                               error_code,       0, ANY, 0)     \
    F(T, NSTR,                              error_message,    0, ANY, 0)     \
    A(T, list_reassignments_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(LIST_REASSIGNMENTS_REQUEST_TOPIC, list_reassignments_request_topic);
DECLARE(LIST_REASSIGNMENTS_REQUEST, list_reassignments_request);
DECLARE(LIST_REASSIGNMENTS_RESPONSE_PARTITION, list_reassignments_response_partition);
DECLARE(LIST_REASSIGNMENTS_RESPONSE_TOPIC, list_reassignments_response_topic);
DECLARE(LIST_REASSIGNMENTS_RESPONSE, list_reassignments_response);

#endif
