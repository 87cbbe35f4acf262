/* find_coordinator.h -- API 10, FindCoordinator: versions 0 to 6, flexible from 3. */
#ifndef PROTO_MSG_FIND_COORDINATOR_H
#define PROTO_MSG_FIND_COORDINATOR_H

#include "proto/kafka_schema.h"

enum coordinator_key_type {
    COORDINATOR_GROUP = 0,
    COORDINATOR_TRANSACTION = 1,
    COORDINATOR_SHARE = 2,
};

/* clang-format off */
#define FIND_COORDINATOR_REQUEST(T, F, A, P, S, N) \
    F(T, STR, key,              0, 3, 0)           \
    F(T, I8,  key_type,         1, ANY, 0)         \
    P(T, STR, coordinator_keys, 4, ANY)

#define FIND_COORDINATOR_RESPONSE_COORDINATOR(T, F, A, P, S, N) \
    F(T, STR,  key,           4, ANY, 0)                        \
    F(T, I32,  node_id,       4, ANY, 0)                        \
    F(T, STR,  host,          4, ANY, 0)                        \
    F(T, I32,  port,          4, ANY, 0)                        \
    F(T, I16,  error_code,    4, ANY, 0)                        \
    F(T, NSTR, error_message, 4, ANY, 0, IGNORABLE)

#define FIND_COORDINATOR_RESPONSE(T, F, A, P, S, N)                                     \
    F(T, I32,                                   throttle_time_ms, 1, ANY, 0, IGNORABLE) \
    F(T, I16,                                   error_code,       0, 3, 0)              \
    F(T, NSTR,                                  error_message,    1, 3, 0, IGNORABLE)   \
    F(T, I32,                                   node_id,          0, 3, 0)              \
    F(T, STR,                                   host,             0, 3, 0)              \
    F(T, I32,                                   port,             0, 3, 0)              \
    A(T, find_coordinator_response_coordinator, coordinators,     4, ANY)
/* clang-format on */

DECLARE(FIND_COORDINATOR_REQUEST, find_coordinator_request);
DECLARE(FIND_COORDINATOR_RESPONSE_COORDINATOR, find_coordinator_response_coordinator);
DECLARE(FIND_COORDINATOR_RESPONSE, find_coordinator_response);

#endif
