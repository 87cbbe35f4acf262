/* init_producer_id.h -- API 22, InitProducerId: versions 0 to 5, flexible from 2.
 *
 * The layout of version 6 (two-phase commit) is known here; Kafka keeps it unstable, so it is not
 * offered.
 */
#ifndef PROTO_MSG_INIT_PRODUCER_ID_H
#define PROTO_MSG_INIT_PRODUCER_ID_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define INIT_PRODUCER_ID_REQUEST(T, F, A, P, S, N) \
    F(T, NSTR, transactional_id,       0, ANY, 0)  \
    F(T, I32,  transaction_timeout_ms, 0, ANY, 0)  \
    F(T, I64,  producer_id,            3, ANY, -1) \
    F(T, I16,  producer_epoch,         3, ANY, -1) \
    F(T, BOOL, enable_2pc,             6, ANY, 0)  \
    F(T, BOOL, keep_prepared_txn,      6, ANY, 0)

#define INIT_PRODUCER_ID_RESPONSE(T, F, A, P, S, N)             \
    F(T, I32, throttle_time_ms,           0, ANY, 0, IGNORABLE) \
    F(T, I16, error_code,                 0, ANY, 0)            \
    F(T, I64, producer_id,                0, ANY, -1)           \
    F(T, I16, producer_epoch,             0, ANY, 0)            \
    F(T, I64, ongoing_txn_producer_id,    6, ANY, -1)           \
    F(T, I16, ongoing_txn_producer_epoch, 6, ANY, -1)
/* clang-format on */

DECLARE(INIT_PRODUCER_ID_REQUEST, init_producer_id_request);
DECLARE(INIT_PRODUCER_ID_RESPONSE, init_producer_id_response);

#endif
