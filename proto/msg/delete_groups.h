/* delete_groups.h -- API 42, DeleteGroups: versions 0 to 2, flexible from 2. */
#ifndef PROTO_MSG_DELETE_GROUPS_H
#define PROTO_MSG_DELETE_GROUPS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DELETE_GROUPS_REQUEST(T, F, A, P, S, N) \
    P(T, STR, groups_names, 0, ANY)

#define DELETE_GROUPS_RESPONSE_RESULT(T, F, A, P, S, N) \
    F(T, STR, group_id,   0, ANY, 0)                    \
    F(T, I16, error_code, 0, ANY, 0)

#define DELETE_GROUPS_RESPONSE(T, F, A, P, S, N)                     \
    F(T, I32,                           throttle_time_ms, 0, ANY, 0) \
    A(T, delete_groups_response_result, results,          0, ANY)
/* clang-format on */

DECLARE(DELETE_GROUPS_REQUEST, delete_groups_request);
DECLARE(DELETE_GROUPS_RESPONSE_RESULT, delete_groups_response_result);
DECLARE(DELETE_GROUPS_RESPONSE, delete_groups_response);

#endif
