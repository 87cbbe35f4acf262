/* unregister_broker.h -- API 64, UnregisterBroker (KIP-631): version 0, flexible. */
#ifndef PROTO_MSG_UNREGISTER_BROKER_H
#define PROTO_MSG_UNREGISTER_BROKER_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define UNREGISTER_BROKER_REQUEST(T, F, A, P, S, N) \
    F(T, I32, broker_id, 0, ANY, 0)

#define UNREGISTER_BROKER_RESPONSE(T, F, A, P, S, N) \
    F(T, I32,  throttle_time_ms, 0, ANY, 0)          \
    F(T, I16,  error_code,       0, ANY, 0)          \
    F(T, NSTR, error_message,    0, ANY, 0)
/* clang-format on */

DECLARE(UNREGISTER_BROKER_REQUEST, unregister_broker_request);
DECLARE(UNREGISTER_BROKER_RESPONSE, unregister_broker_response);

#endif
