/* join_group.h -- API 11, JoinGroup: versions 0 to 9, flexible from 6.
 *
 * A version without rebalance_timeout_ms means the session timeout by it. A client too old to read
 * protocol_type, skip_assignment or a member's group_instance_id has no use for them.
 */
#ifndef PROTO_MSG_JOIN_GROUP_H
#define PROTO_MSG_JOIN_GROUP_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define JOIN_GROUP_REQUEST_PROTOCOL(T, F, A, P, S, N) \
    F(T, STR,   name,     0, ANY, 0)                  \
    F(T, BYTES, metadata, 0, ANY, 0)

#define JOIN_GROUP_REQUEST(T, F, A, P, S, N)                                       \
    F(T, STR,                         group_id,             0, ANY, 0)             \
    F(T, I32,                         session_timeout_ms,   0, ANY, 0)             \
    F(T, I32,                         rebalance_timeout_ms, 1, ANY, -1, IGNORABLE) \
    F(T, STR,                         member_id,            0, ANY, 0)             \
    F(T, NSTR,                        group_instance_id,    5, ANY, NIL)           \
    F(T, STR,                         protocol_type,        0, ANY, 0)             \
    A(T, join_group_request_protocol, protocols,            0, ANY)                \
    F(T, NSTR,                        reason,               8, ANY, NIL, IGNORABLE)

#define JOIN_GROUP_RESPONSE_MEMBER(T, F, A, P, S, N)       \
    F(T, STR,   member_id,         0, ANY, 0)              \
    F(T, NSTR,  group_instance_id, 5, ANY, NIL, IGNORABLE) \
    F(T, BYTES, metadata,          0, ANY, 0)

#define JOIN_GROUP_RESPONSE(T, F, A, P, S, N)                                    \
    F(T, I32,                        throttle_time_ms, 2, ANY, 0, IGNORABLE)     \
    F(T, I16,                        error_code,       0, ANY, 0)                \
    F(T, I32,                        generation_id,    0, ANY, -1)               \
    F(T, NSTR,                       protocol_type,    7, ANY, NIL, IGNORABLE)   \
    F(T, NSTR,                       protocol_name,    0, ANY, 0, NULL_SINCE(7)) \
    F(T, STR,                        leader,           0, ANY, 0)                \
    F(T, BOOL,                       skip_assignment,  9, ANY, 0)                \
    F(T, STR,                        member_id,        0, ANY, 0)                \
    A(T, join_group_response_member, members,          0, ANY)
/* clang-format on */

DECLARE(JOIN_GROUP_REQUEST_PROTOCOL, join_group_request_protocol);
DECLARE(JOIN_GROUP_REQUEST, join_group_request);
DECLARE(JOIN_GROUP_RESPONSE_MEMBER, join_group_response_member);
DECLARE(JOIN_GROUP_RESPONSE, join_group_response);

#endif
