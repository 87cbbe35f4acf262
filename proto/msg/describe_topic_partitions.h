/* describe_topic_partitions.h -- API 75, DescribeTopicPartitions: version 0, all flexible.
 *
 * Tags from 10000 on are ours; clients that do not know them pass over them.
 */
#ifndef PROTO_MSG_DESCRIBE_TOPIC_PARTITIONS_H
#define PROTO_MSG_DESCRIBE_TOPIC_PARTITIONS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, name, 0, ANY, 0)

#define DESCRIBE_TOPIC_PARTITIONS_CURSOR(T, F, A, P, S, N) \
    F(T, STR, topic_name,      0, ANY, 0)                  \
    F(T, I32, partition_index, 0, ANY, 0)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST(T, F, A, P, S, N)                               \
    A(T, describe_topic_partitions_request_topic, topics,                   0, ANY)       \
    F(T, I32,                                     response_partition_limit, 0, ANY, 2000) \
    N(T, describe_topic_partitions_cursor,        cursor,                   0, ANY)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION(T, F, A, P, S, N)     \
    F(T, I16, error_code,               0, ANY, 0)                         \
    F(T, I32, partition_index,          0, ANY, 0)                         \
    F(T, I32, leader_id,                0, ANY, 0)                         \
    F(T, I32, leader_epoch,             0, ANY, -1, IGNORABLE)             \
    P(T, I32, replica_nodes,            0, ANY)                            \
    P(T, I32, isr_nodes,                0, ANY)                            \
    P(T, I32, eligible_leader_replicas, 0, ANY, NULLABLE(0), NULL_DEFAULT) \
    P(T, I32, last_known_elr,           0, ANY, NULLABLE(0), NULL_DEFAULT) \
    P(T, I32, offline_replicas,         0, ANY, IGNORABLE)                 \
    P(T, I32, adding_replicas,          0, ANY, TAG(10000))                \
    P(T, I32, removing_replicas,        0, ANY, TAG(10001))                \
    P(T, I32, successor,                0, ANY, TAG(10002))

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC(T, F, A, P, S, N)         \
    F(T, I16,  error_code, 0, ANY, 0)                                      \
    F(T, NSTR, name, 0, ANY, 0)                                            \
    F(T, UUID, topic_id, 0, ANY, 0, IGNORABLE)                             \
    F(T, BOOL, is_internal, 0, ANY, 0, IGNORABLE)                          \
    A(T, describe_topic_partitions_response_partition, partitions, 0, ANY) \
    F(T, I32,  topic_authorized_operations, 0, ANY, INT32_MIN)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                                      throttle_time_ms, 0, ANY, 0, IGNORABLE) \
    A(T, describe_topic_partitions_response_topic, topics,           0, ANY)               \
    N(T, describe_topic_partitions_cursor,         next_cursor,      0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC, describe_topic_partitions_request_topic);
DECLARE(DESCRIBE_TOPIC_PARTITIONS_CURSOR, describe_topic_partitions_cursor);
DECLARE(DESCRIBE_TOPIC_PARTITIONS_REQUEST, describe_topic_partitions_request);
DECLARE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION, describe_topic_partitions_response_partition);
DECLARE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC, describe_topic_partitions_response_topic);
DECLARE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE, describe_topic_partitions_response);

#endif
