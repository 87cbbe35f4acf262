/* describe_groups.h -- API 15, DescribeGroups: versions 0 to 6, flexible from 5.
 *
 * error_message may be dropped here, unlike in Kafka: the code beside it says as much.
 *
 * Tags from 10000 on are ours: `jackdaw why group` asks for them, and only who asks gets them. */
#ifndef PROTO_MSG_DESCRIBE_GROUPS_H
#define PROTO_MSG_DESCRIBE_GROUPS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_GROUPS_REQUEST(T, F, A, P, S, N)        \
    P(T, STR,  groups,                        0, ANY)    \
    F(T, BOOL, include_authorized_operations, 3, ANY, 0) \
    F(T, BOOL, include_why,                   5, ANY, 0, TAG(10000))

#define DESCRIBE_GROUPS_RESPONSE_MEMBER(T, F, A, P, S, N)  \
    F(T, STR,   member_id,         0, ANY, 0)              \
    F(T, NSTR,  group_instance_id, 4, ANY, NIL, IGNORABLE) \
    F(T, STR,   client_id,         0, ANY, 0)              \
    F(T, STR,   client_host,       0, ANY, 0)              \
    F(T, BYTES, member_metadata,   0, ANY, 0)              \
    F(T, BYTES, member_assignment, 0, ANY, 0)

#define DESCRIBE_GROUPS_RESPONSE_GROUP(T, F, A, P, S, N)                                 \
    F(T, I16,                             error_code,            0, ANY, 0)              \
    F(T, NSTR,                            error_message,         6, ANY, NIL, IGNORABLE) \
    F(T, STR,                             group_id,              0, ANY, 0)              \
    F(T, STR,                             group_state,           0, ANY, 0)              \
    F(T, STR,                             protocol_type,         0, ANY, 0)              \
    F(T, STR,                             protocol_data,         0, ANY, 0)              \
    A(T, describe_groups_response_member, members,               0, ANY)                 \
    F(T, I32,                             authorized_operations, 3, ANY, INT32_MIN)      \
    F(T, NSTR,                            why,                   5, ANY, NIL, TAG(10000)) \
    F(T, I64,                             why_age_ms,            5, ANY, -1, TAG(10001)) \
    F(T, I64,                             rebalance_took_ms,     5, ANY, -1, TAG(10002)) \
    F(T, I32,                             generation,            5, ANY, -1, TAG(10003))

#define DESCRIBE_GROUPS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                            throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    A(T, describe_groups_response_group, groups,           0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_GROUPS_REQUEST, describe_groups_request);
DECLARE(DESCRIBE_GROUPS_RESPONSE_MEMBER, describe_groups_response_member);
DECLARE(DESCRIBE_GROUPS_RESPONSE_GROUP, describe_groups_response_group);
DECLARE(DESCRIBE_GROUPS_RESPONSE, describe_groups_response);

#endif
