/* alter_partition_reassignments.h -- API 45, AlterPartitionReassignments (KIP-455): versions 0 and
 * 1, flexible from 0. */
#ifndef PROTO_MSG_ALTER_PARTITION_REASSIGNMENTS_H
#define PROTO_MSG_ALTER_PARTITION_REASSIGNMENTS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define ALTER_REASSIGNMENTS_REQUEST_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                       \
    P(T, I32, replicas,        0, ANY, NULLABLE(0), NULL_DEFAULT)

#define ALTER_REASSIGNMENTS_REQUEST_TOPIC(T, F, A, P, S, N)      \
    F(T, STR,                                   name,       0, ANY, 0) \
    A(T, alter_reassignments_request_partition, partitions, 0, ANY)

#define ALTER_REASSIGNMENTS_REQUEST(T, F, A, P, S, N)                                   \
    F(T, I32,                               timeout_ms,                      0, ANY, 60000) \
    F(T, BOOL,                              allow_replication_factor_change, 1, ANY, 1) \
    A(T, alter_reassignments_request_topic, topics,                          0, ANY)

#define ALTER_REASSIGNMENTS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32,  partition_index, 0, ANY, 0)                       \
    F(T, I16,  error_code,      0, ANY, 0)                       \
    F(T, NSTR, error_message,   0, ANY, 0)

#define ALTER_REASSIGNMENTS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                    name,       0, ANY, 0) \
    A(T, alter_reassignments_response_partition, partitions, 0, ANY)

#define ALTER_REASSIGNMENTS_RESPONSE(T, F, A, P, S, N)                                          \
    F(T, I32,                                throttle_time_ms,                0, ANY, 0)        \
    F(T, BOOL, allow_replication_factor_change, 1, ANY, 1, IGNORABLE)                           \
    F(T, I16,                                error_code,                      0, ANY, 0)        \
    F(T, NSTR,                               error_message,                   0, ANY, 0)        \
    A(T, alter_reassignments_response_topic, responses,                       0, ANY)
/* clang-format on */

DECLARE(ALTER_REASSIGNMENTS_REQUEST_PARTITION, alter_reassignments_request_partition);
DECLARE(ALTER_REASSIGNMENTS_REQUEST_TOPIC, alter_reassignments_request_topic);
DECLARE(ALTER_REASSIGNMENTS_REQUEST, alter_reassignments_request);
DECLARE(ALTER_REASSIGNMENTS_RESPONSE_PARTITION, alter_reassignments_response_partition);
DECLARE(ALTER_REASSIGNMENTS_RESPONSE_TOPIC, alter_reassignments_response_topic);
DECLARE(ALTER_REASSIGNMENTS_RESPONSE, alter_reassignments_response);

#endif
