/* list_offsets.h -- API 2, ListOffsets: versions 1 to 11, flexible from 6.
 *
 * Version 0 answered with a list of segment starts; it is not offered. Kafka does not let
 * leader_epoch be dropped from an answer; here it may be, a client too old to read it has no use
 * for it.
 */
#ifndef PROTO_MSG_LIST_OFFSETS_H
#define PROTO_MSG_LIST_OFFSETS_H

#include "proto/kafka_schema.h"

/* Values of timestamp that ask for a place in the log and not for a point in time. */
#define LIST_OFFSETS_LATEST (-1)
#define LIST_OFFSETS_EARLIEST (-2)
#define LIST_OFFSETS_MAX_TIMESTAMP (-3)
#define LIST_OFFSETS_EARLIEST_LOCAL (-4)
#define LIST_OFFSETS_LATEST_TIERED (-5)
#define LIST_OFFSETS_EARLIEST_PENDING_UPLOAD (-6)

/* clang-format off */
#define LIST_OFFSETS_REQUEST_PARTITION(T, F, A, P, S, N)   \
    F(T, I32, partition_index,      0, ANY, 0)             \
    F(T, I32, current_leader_epoch, 4, ANY, -1, IGNORABLE) \
    F(T, I64, timestamp,            0, ANY, 0)

#define LIST_OFFSETS_REQUEST_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                            name,       0, ANY, 0) \
    A(T, list_offsets_request_partition, partitions, 0, ANY)

#define LIST_OFFSETS_REQUEST(T, F, A, P, S, N)                               \
    F(T, I32,                        replica_id,      0, ANY, 0)             \
    F(T, I8,                         isolation_level, 2, ANY, 0)             \
    A(T, list_offsets_request_topic, topics,          0, ANY)                \
    F(T, I32,                        timeout_ms,      10, ANY, 0, IGNORABLE)

#define LIST_OFFSETS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                 \
    F(T, I16, error_code,      0, ANY, 0)                 \
    F(T, I64, timestamp,       1, ANY, -1)                \
    F(T, I64, offset,          1, ANY, -1)                \
    F(T, I32, leader_epoch,    4, ANY, -1, IGNORABLE)

#define LIST_OFFSETS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                             name,       0, ANY, 0) \
    A(T, list_offsets_response_partition, partitions, 0, ANY)

#define LIST_OFFSETS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                         throttle_time_ms, 2, ANY, 0, IGNORABLE) \
    A(T, list_offsets_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(LIST_OFFSETS_REQUEST_PARTITION, list_offsets_request_partition);
DECLARE(LIST_OFFSETS_REQUEST_TOPIC, list_offsets_request_topic);
DECLARE(LIST_OFFSETS_REQUEST, list_offsets_request);
DECLARE(LIST_OFFSETS_RESPONSE_PARTITION, list_offsets_response_partition);
DECLARE(LIST_OFFSETS_RESPONSE_TOPIC, list_offsets_response_topic);
DECLARE(LIST_OFFSETS_RESPONSE, list_offsets_response);

#endif
