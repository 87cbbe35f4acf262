/* list_groups.h -- API 16, ListGroups: versions 0 to 5, flexible from 3. An empty filter lets
 * everything through. */
#ifndef PROTO_MSG_LIST_GROUPS_H
#define PROTO_MSG_LIST_GROUPS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define LIST_GROUPS_REQUEST(T, F, A, P, S, N) \
    P(T, STR, states_filter, 4, ANY)          \
    P(T, STR, types_filter,  5, ANY)

#define LIST_GROUPS_RESPONSE_GROUP(T, F, A, P, S, N) \
    F(T, STR, group_id,      0, ANY, 0)              \
    F(T, STR, protocol_type, 0, ANY, 0)              \
    F(T, STR, group_state,   4, ANY, 0, IGNORABLE)   \
    F(T, STR, group_type,    5, ANY, 0, IGNORABLE)

#define LIST_GROUPS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                        throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    F(T, I16,                        error_code,       0, ANY, 0)            \
    A(T, list_groups_response_group, groups,           0, ANY)
/* clang-format on */

DECLARE(LIST_GROUPS_REQUEST, list_groups_request);
DECLARE(LIST_GROUPS_RESPONSE_GROUP, list_groups_response_group);
DECLARE(LIST_GROUPS_RESPONSE, list_groups_response);

#endif
