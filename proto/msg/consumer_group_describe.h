/* consumer_group_describe.h -- API 69, ConsumerGroupDescribe: versions 0 and 1, flexible from 0.
 *
 * Tags from 10000 on are ours: `jackdaw why group` asks for them, and only who asks gets them. */
#ifndef PROTO_MSG_CONSUMER_GROUP_DESCRIBE_H
#define PROTO_MSG_CONSUMER_GROUP_DESCRIBE_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define CONSUMER_GROUP_DESCRIBE_REQUEST(T, F, A, P, S, N) \
    P(T, STR,  group_ids,                     0, ANY)     \
    F(T, BOOL, include_authorized_operations, 0, ANY, 0)  \
    F(T, BOOL, include_why,                   0, ANY, 0, TAG(10000))

#define CONSUMER_GROUP_DESCRIBE_PARTITIONS(T, F, A, P, S, N) \
    F(T, UUID, topic_id,   0, ANY, 0)                        \
    F(T, STR,  topic_name, 0, ANY, 0)                        \
    P(T, I32,  partitions, 0, ANY)

#define CONSUMER_GROUP_DESCRIBE_ASSIGNMENT(T, F, A, P, S, N) \
    A(T, consumer_group_describe_partitions, topic_partitions, 0, ANY)

#define CONSUMER_GROUP_DESCRIBE_MEMBER(T, F, A, P, S, N)                        \
    F(T, STR,  member_id,              0, ANY, 0)                               \
    F(T, NSTR, instance_id,            0, ANY, NIL)                             \
    F(T, NSTR, rack_id,                0, ANY, NIL)                             \
    F(T, I32,  member_epoch,           0, ANY, 0)                               \
    F(T, STR,  client_id,              0, ANY, 0)                               \
    F(T, STR,  client_host,            0, ANY, 0)                               \
    P(T, STR,  subscribed_topic_names, 0, ANY)                                  \
    F(T, NSTR, subscribed_topic_regex, 0, ANY, NIL)                             \
    S(T, consumer_group_describe_assignment, assignment,        0, ANY)         \
    S(T, consumer_group_describe_assignment, target_assignment, 0, ANY)         \
    F(T, I8,   member_type,            1, ANY, -1, IGNORABLE)

#define CONSUMER_GROUP_DESCRIBE_GROUP(T, F, A, P, S, N)                   \
    F(T, I16,  error_code,            0, ANY, 0)                          \
    F(T, NSTR, error_message,         0, ANY, NIL)                        \
    F(T, STR,  group_id,              0, ANY, 0)                          \
    F(T, STR,  group_state,           0, ANY, 0)                          \
    F(T, I32,  group_epoch,           0, ANY, 0)                          \
    F(T, I32,  assignment_epoch,      0, ANY, 0)                          \
    F(T, STR,  assignor_name,         0, ANY, 0)                          \
    A(T, consumer_group_describe_member, members, 0, ANY)                 \
    F(T, I32,  authorized_operations, 0, ANY, INT32_MIN)                  \
    F(T, NSTR, why,                   0, ANY, NIL, TAG(10000))            \
    F(T, I64,  why_age_ms,            0, ANY, -1, TAG(10001))             \
    F(T, I64,  rebalance_took_ms,     0, ANY, -1, TAG(10002))

#define CONSUMER_GROUP_DESCRIBE_RESPONSE(T, F, A, P, S, N) \
    F(T, I32, throttle_time_ms, 0, ANY, 0)                 \
    A(T, consumer_group_describe_group, groups, 0, ANY)
/* clang-format on */

DECLARE(CONSUMER_GROUP_DESCRIBE_REQUEST, consumer_group_describe_request);
DECLARE(CONSUMER_GROUP_DESCRIBE_PARTITIONS, consumer_group_describe_partitions);
DECLARE(CONSUMER_GROUP_DESCRIBE_ASSIGNMENT, consumer_group_describe_assignment);
DECLARE(CONSUMER_GROUP_DESCRIBE_MEMBER, consumer_group_describe_member);
DECLARE(CONSUMER_GROUP_DESCRIBE_GROUP, consumer_group_describe_group);
DECLARE(CONSUMER_GROUP_DESCRIBE_RESPONSE, consumer_group_describe_response);

#endif
