/* describe_cluster.h -- API 60, DescribeCluster: versions 0 to 2, all flexible.
 *
 * Tags from 10000 on are ours; clients that do not know them pass over them. A broker elsewhere has
 * no listener of the name by which it is asked: its host is empty.
 */
#ifndef PROTO_MSG_DESCRIBE_CLUSTER_H
#define PROTO_MSG_DESCRIBE_CLUSTER_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_CLUSTER_REQUEST(T, F, A, P, S, N)               \
    F(T, BOOL, include_cluster_authorized_operations, 0, ANY, 0) \
    F(T, I8,   endpoint_type,                         1, ANY, 1) \
    F(T, BOOL, include_fenced_brokers,                2, ANY, 0) \
    F(T, BOOL, include_brokers_elsewhere,             2, ANY, 0, TAG(10000))

#define DESCRIBE_CLUSTER_RESPONSE_BROKER(T, F, A, P, S, N) \
    F(T, I32,  broker_id, 0, ANY, 0)                       \
    F(T, STR,  host,      0, ANY, 0)                       \
    F(T, I32,  port,      0, ANY, 0)                       \
    F(T, NSTR, rack,      0, ANY, NIL)                     \
    F(T, BOOL, is_fenced, 2, ANY, 0)                       \
    F(T, I64,  epoch,     2, ANY, -1, TAG(10000))          \
    F(T, BOOL, stopping,  2, ANY, 0, TAG(10001))           \
    F(T, BOOL, drained,   2, ANY, 0, TAG(10002))

#define DESCRIBE_CLUSTER_RESPONSE(T, F, A, P, S, N)                                          \
    F(T, I32,                              throttle_time_ms,              0, ANY, 0)         \
    F(T, I16,                              error_code,                    0, ANY, 0)         \
    F(T, NSTR,                             error_message,                 0, ANY, NIL)       \
    F(T, I8,                               endpoint_type,                 1, ANY, 1)         \
    F(T, STR,                              cluster_id,                    0, ANY, 0)         \
    F(T, I32,                              controller_id,                 0, ANY, -1)        \
    A(T, describe_cluster_response_broker, brokers,                       0, ANY)            \
    F(T, I32,                              cluster_authorized_operations, 0, ANY, INT32_MIN)
/* clang-format on */

DECLARE(DESCRIBE_CLUSTER_REQUEST, describe_cluster_request);
DECLARE(DESCRIBE_CLUSTER_RESPONSE_BROKER, describe_cluster_response_broker);
DECLARE(DESCRIBE_CLUSTER_RESPONSE, describe_cluster_response);

#endif
