/* describe_quorum.h -- API 55, DescribeQuorum: versions 0 to 2, all flexible.
 *
 * Kafka does not let nodes and replica_directory_id be dropped from an answer; here they may be,
 * so that one answer serves every version.
 */
#ifndef PROTO_MSG_DESCRIBE_QUORUM_H
#define PROTO_MSG_DESCRIBE_QUORUM_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_QUORUM_REQUEST_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)

#define DESCRIBE_QUORUM_REQUEST_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                               topic_name, 0, ANY, 0) \
    A(T, describe_quorum_request_partition, partitions, 0, ANY)

#define DESCRIBE_QUORUM_REQUEST(T, F, A, P, S, N)       \
    A(T, describe_quorum_request_topic, topics, 0, ANY)

#define DESCRIBE_QUORUM_RESPONSE_REPLICA(T, F, A, P, S, N)      \
    F(T, I32,  replica_id,               0, ANY, 0)             \
    F(T, UUID, replica_directory_id,     2, ANY, 0, IGNORABLE)  \
    F(T, I64,  log_end_offset,           0, ANY, 0)             \
    F(T, I64,  last_fetch_timestamp,     1, ANY, -1, IGNORABLE) \
    F(T, I64,  last_caught_up_timestamp, 1, ANY, -1, IGNORABLE)

#define DESCRIBE_QUORUM_RESPONSE_PARTITION(T, F, A, P, S, N)                      \
    F(T, I32,                              partition_index, 0, ANY, 0)            \
    F(T, I16,                              error_code,      0, ANY, 0)            \
    F(T, NSTR,                             error_message,   2, ANY, 0, IGNORABLE) \
    F(T, I32,                              leader_id,       0, ANY, 0)            \
    F(T, I32,                              leader_epoch,    0, ANY, 0)            \
    F(T, I64,                              high_watermark,  0, ANY, 0)            \
    A(T, describe_quorum_response_replica, current_voters,  0, ANY)               \
    A(T, describe_quorum_response_replica, observers,       0, ANY)

#define DESCRIBE_QUORUM_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                topic_name, 0, ANY, 0) \
    A(T, describe_quorum_response_partition, partitions, 0, ANY)

#define DESCRIBE_QUORUM_RESPONSE_LISTENER(T, F, A, P, S, N) \
    F(T, STR, name, 2, ANY, 0)                              \
    F(T, STR, host, 2, ANY, 0)                              \
    F(T, U16, port, 2, ANY, 0)

#define DESCRIBE_QUORUM_RESPONSE_NODE(T, F, A, P, S, N)           \
    F(T, I32,                               node_id,   2, ANY, 0) \
    A(T, describe_quorum_response_listener, listeners, 2, ANY)

#define DESCRIBE_QUORUM_RESPONSE(T, F, A, P, S, N)                            \
    F(T, I16,                            error_code,    0, ANY, 0)            \
    F(T, NSTR,                           error_message, 2, ANY, 0, IGNORABLE) \
    A(T, describe_quorum_response_topic, topics,        0, ANY)               \
    A(T, describe_quorum_response_node,  nodes,         2, ANY, IGNORABLE)
/* clang-format on */

DECLARE(DESCRIBE_QUORUM_REQUEST_PARTITION, describe_quorum_request_partition);
DECLARE(DESCRIBE_QUORUM_REQUEST_TOPIC, describe_quorum_request_topic);
DECLARE(DESCRIBE_QUORUM_REQUEST, describe_quorum_request);
DECLARE(DESCRIBE_QUORUM_RESPONSE_REPLICA, describe_quorum_response_replica);
DECLARE(DESCRIBE_QUORUM_RESPONSE_PARTITION, describe_quorum_response_partition);
DECLARE(DESCRIBE_QUORUM_RESPONSE_TOPIC, describe_quorum_response_topic);
DECLARE(DESCRIBE_QUORUM_RESPONSE_LISTENER, describe_quorum_response_listener);
DECLARE(DESCRIBE_QUORUM_RESPONSE_NODE, describe_quorum_response_node);
DECLARE(DESCRIBE_QUORUM_RESPONSE, describe_quorum_response);

#endif
