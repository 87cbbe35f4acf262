/* sync_group.h -- API 14, SyncGroup: versions 0 to 5, flexible from 4. */
#ifndef PROTO_MSG_SYNC_GROUP_H
#define PROTO_MSG_SYNC_GROUP_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define SYNC_GROUP_REQUEST_ASSIGNMENT(T, F, A, P, S, N) \
    F(T, STR,   member_id,  0, ANY, 0)                  \
    F(T, BYTES, assignment, 0, ANY, 0)

#define SYNC_GROUP_REQUEST(T, F, A, P, S, N)                                       \
    F(T, STR,                           group_id,          0, ANY, 0)              \
    F(T, I32,                           generation_id,     0, ANY, 0)              \
    F(T, STR,                           member_id,         0, ANY, 0)              \
    F(T, NSTR,                          group_instance_id, 3, ANY, NIL)            \
    F(T, NSTR,                          protocol_type,     5, ANY, NIL, IGNORABLE) \
    F(T, NSTR,                          protocol_name,     5, ANY, NIL, IGNORABLE) \
    A(T, sync_group_request_assignment, assignments,       0, ANY)

#define SYNC_GROUP_RESPONSE(T, F, A, P, S, N)             \
    F(T, I32,   throttle_time_ms, 1, ANY, 0, IGNORABLE)   \
    F(T, I16,   error_code,       0, ANY, 0)              \
    F(T, NSTR,  protocol_type,    5, ANY, NIL, IGNORABLE) \
    F(T, NSTR,  protocol_name,    5, ANY, NIL, IGNORABLE) \
    F(T, BYTES, assignment,       0, ANY, 0)
/* clang-format on */

DECLARE(SYNC_GROUP_REQUEST_ASSIGNMENT, sync_group_request_assignment);
DECLARE(SYNC_GROUP_REQUEST, sync_group_request);
DECLARE(SYNC_GROUP_RESPONSE, sync_group_response);

#endif
