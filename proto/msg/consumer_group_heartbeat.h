/* consumer_group_heartbeat.h -- API 68, ConsumerGroupHeartbeat: versions 0 and 1, flexible from 0.
 *
 * What is null has not changed since the member last said it. member_epoch is 0 of who joins, -1 of
 * who leaves, -2 of a static member that will be back.
 */
#ifndef PROTO_MSG_CONSUMER_GROUP_HEARTBEAT_H
#define PROTO_MSG_CONSUMER_GROUP_HEARTBEAT_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define CONSUMER_GROUP_HEARTBEAT_PARTITIONS(T, F, A, P, S, N) \
    F(T, UUID, topic_id,   0, ANY, 0)                         \
    P(T, I32,  partitions, 0, ANY)

#define CONSUMER_GROUP_HEARTBEAT_REQUEST(T, F, A, P, S, N)             \
    F(T, STR,  group_id,               0, ANY, 0)                      \
    F(T, STR,  member_id,              0, ANY, 0)                      \
    F(T, I32,  member_epoch,           0, ANY, 0)                      \
    F(T, NSTR, instance_id,            0, ANY, NIL)                    \
    F(T, NSTR, rack_id,                0, ANY, NIL)                    \
    F(T, I32,  rebalance_timeout_ms,   0, ANY, -1)                     \
    P(T, STR,  subscribed_topic_names, 0, ANY, NULLABLE(0), NULL_DEFAULT) \
    F(T, NSTR, subscribed_topic_regex, 1, ANY, NIL)                    \
    F(T, NSTR, server_assignor,        0, ANY, NIL)                    \
    A(T, consumer_group_heartbeat_partitions, topic_partitions, 0, ANY, NULLABLE(0), NULL_DEFAULT)

#define CONSUMER_GROUP_HEARTBEAT_ASSIGNMENT(T, F, A, P, S, N) \
    A(T, consumer_group_heartbeat_partitions, topic_partitions, 0, ANY)

#define CONSUMER_GROUP_HEARTBEAT_RESPONSE(T, F, A, P, S, N)  \
    F(T, I32,  throttle_time_ms,      0, ANY, 0)             \
    F(T, I16,  error_code,            0, ANY, 0)             \
    F(T, NSTR, error_message,         0, ANY, NIL)           \
    F(T, NSTR, member_id,             0, ANY, NIL)           \
    F(T, I32,  member_epoch,          0, ANY, 0)             \
    F(T, I32,  heartbeat_interval_ms, 0, ANY, 0)             \
    N(T, consumer_group_heartbeat_assignment, assignment, 0, ANY)
/* clang-format on */

DECLARE(CONSUMER_GROUP_HEARTBEAT_PARTITIONS, consumer_group_heartbeat_partitions);
DECLARE(CONSUMER_GROUP_HEARTBEAT_REQUEST, consumer_group_heartbeat_request);
DECLARE(CONSUMER_GROUP_HEARTBEAT_ASSIGNMENT, consumer_group_heartbeat_assignment);
DECLARE(CONSUMER_GROUP_HEARTBEAT_RESPONSE, consumer_group_heartbeat_response);

#endif
