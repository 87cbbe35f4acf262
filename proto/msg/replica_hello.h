/* replica_hello.h -- our own API 20000: a follower proves to a leader which incarnation it is.
 *
 * It is served on the inter-broker listener only and never listed in ApiVersions. The secret is the
 * one that the controller gave to this incarnation of the broker and published to the others; until
 * a connection has shown it, Fetch takes it for a consumer, whatever replica id it claims.
 */
#ifndef PROTO_MSG_REPLICA_HELLO_H
#define PROTO_MSG_REPLICA_HELLO_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define REPLICA_HELLO_REQUEST(T, F, A, P, S, N) \
    F(T, I32,   broker_id,    0, ANY, 0)        \
    F(T, I64,   broker_epoch, 0, ANY, 0)        \
    F(T, UUID,  incarnation,  0, ANY, 0)        \
    F(T, BYTES, secret,       0, ANY, 0)

#define REPLICA_HELLO_RESPONSE(T, F, A, P, S, N) \
    F(T, I16, error_code, 0, ANY, 0)
/* clang-format on */

DECLARE(REPLICA_HELLO_REQUEST, replica_hello_request);
DECLARE(REPLICA_HELLO_RESPONSE, replica_hello_response);

#endif
