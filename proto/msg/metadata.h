/* metadata.h -- API 3, Metadata: versions 0 to 13, flexible from 9.
 *
 * A null list of topics asks for all of them, and so does an empty one in version 0, which has no
 * null.
 */
#ifndef PROTO_MSG_METADATA_H
#define PROTO_MSG_METADATA_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define METADATA_REQUEST_TOPIC(T, F, A, P, S, N)    \
    F(T, UUID, topic_id, 10, ANY, 0, IGNORABLE)     \
    F(T, NSTR, name,     0, ANY, 0, NULL_SINCE(10))

#define METADATA_REQUEST(T, F, A, P, S, N)                                                   \
    A(T, metadata_request_topic, topics,                                0, ANY, NULLABLE(1)) \
    F(T, BOOL,                   allow_auto_topic_creation,             4, ANY, 1)           \
    F(T, BOOL,                   include_cluster_authorized_operations, 8, 10, 0)            \
    F(T, BOOL,                   include_topic_authorized_operations,   8, ANY, 0)

#define METADATA_RESPONSE_BROKER(T, F, A, P, S, N) \
    F(T, I32,  node_id, 0, ANY, 0)                 \
    F(T, STR,  host,    0, ANY, 0)                 \
    F(T, I32,  port,    0, ANY, 0)                 \
    F(T, NSTR, rack,    1, ANY, NIL, IGNORABLE)

#define METADATA_RESPONSE_PARTITION(T, F, A, P, S, N)  \
    F(T, I16, error_code,       0, ANY, 0)             \
    F(T, I32, partition_index,  0, ANY, 0)             \
    F(T, I32, leader_id,        0, ANY, 0)             \
    F(T, I32, leader_epoch,     7, ANY, -1, IGNORABLE) \
    P(T, I32, replica_nodes,    0, ANY)                \
    P(T, I32, isr_nodes,        0, ANY)                \
    P(T, I32, offline_replicas, 5, ANY, IGNORABLE)

#define METADATA_RESPONSE_TOPIC(T, F, A, P, S, N)                                             \
    F(T, I16,                         error_code,                  0, ANY, 0)                 \
    F(T, NSTR,                        name,                        0, ANY, 0, NULL_SINCE(12)) \
    F(T, UUID,                        topic_id,                    10, ANY, 0, IGNORABLE)     \
    F(T, BOOL,                        is_internal,                 1, ANY, 0, IGNORABLE)      \
    A(T, metadata_response_partition, partitions,                  0, ANY)                    \
    F(T, I32,                         topic_authorized_operations, 8, ANY, INT32_MIN)

#define METADATA_RESPONSE(T, F, A, P, S, N)                                               \
    F(T, I32,                      throttle_time_ms,              3, ANY, 0, IGNORABLE)   \
    A(T, metadata_response_broker, brokers,                       0, ANY)                 \
    F(T, NSTR,                     cluster_id,                    2, ANY, NIL, IGNORABLE) \
    F(T, I32,                      controller_id,                 1, ANY, -1, IGNORABLE)  \
    A(T, metadata_response_topic,  topics,                        0, ANY)                 \
    F(T, I32,                      cluster_authorized_operations, 8, 10, INT32_MIN)       \
    F(T, I16,                      error_code,                    13, ANY, 0, IGNORABLE)
/* clang-format on */

DECLARE(METADATA_REQUEST_TOPIC, metadata_request_topic);
DECLARE(METADATA_REQUEST, metadata_request);
DECLARE(METADATA_RESPONSE_BROKER, metadata_response_broker);
DECLARE(METADATA_RESPONSE_PARTITION, metadata_response_partition);
DECLARE(METADATA_RESPONSE_TOPIC, metadata_response_topic);
DECLARE(METADATA_RESPONSE, metadata_response);

#endif
