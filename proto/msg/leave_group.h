/* leave_group.h -- API 13, LeaveGroup: versions 0 to 5, flexible from 4. Version 3 leaves for
 * several members at once, each named by its id or by its group.instance.id. */
#ifndef PROTO_MSG_LEAVE_GROUP_H
#define PROTO_MSG_LEAVE_GROUP_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define LEAVE_GROUP_REQUEST_MEMBER(T, F, A, P, S, N) \
    F(T, STR,  member_id,         3, ANY, 0)         \
    F(T, NSTR, group_instance_id, 3, ANY, NIL)       \
    F(T, NSTR, reason,            5, ANY, NIL, IGNORABLE)

#define LEAVE_GROUP_REQUEST(T, F, A, P, S, N)              \
    F(T, STR,                        group_id,  0, ANY, 0) \
    F(T, STR,                        member_id, 0, 2, 0)   \
    A(T, leave_group_request_member, members,   3, ANY)

#define LEAVE_GROUP_RESPONSE_MEMBER(T, F, A, P, S, N) \
    F(T, STR,  member_id,         3, ANY, 0)          \
    F(T, NSTR, group_instance_id, 3, ANY, 0)          \
    F(T, I16,  error_code,        3, ANY, 0)

#define LEAVE_GROUP_RESPONSE(T, F, A, P, S, N)                                \
    F(T, I32,                         throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    F(T, I16,                         error_code,       0, ANY, 0)            \
    A(T, leave_group_response_member, members,          3, ANY)
/* clang-format on */

DECLARE(LEAVE_GROUP_REQUEST_MEMBER, leave_group_request_member);
DECLARE(LEAVE_GROUP_REQUEST, leave_group_request);
DECLARE(LEAVE_GROUP_RESPONSE_MEMBER, leave_group_response_member);
DECLARE(LEAVE_GROUP_RESPONSE, leave_group_response);

#endif
