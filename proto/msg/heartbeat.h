/* heartbeat.h -- API 12, Heartbeat: versions 0 to 4, flexible from 4. */
#ifndef PROTO_MSG_HEARTBEAT_H
#define PROTO_MSG_HEARTBEAT_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define HEARTBEAT_REQUEST(T, F, A, P, S, N)  \
    F(T, STR,  group_id,          0, ANY, 0) \
    F(T, I32,  generation_id,     0, ANY, 0) \
    F(T, STR,  member_id,         0, ANY, 0) \
    F(T, NSTR, group_instance_id, 3, ANY, NIL)

#define HEARTBEAT_RESPONSE(T, F, A, P, S, N)          \
    F(T, I32, throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    F(T, I16, error_code,       0, ANY, 0)
/* clang-format on */

DECLARE(HEARTBEAT_REQUEST, heartbeat_request);
DECLARE(HEARTBEAT_RESPONSE, heartbeat_response);

#endif
