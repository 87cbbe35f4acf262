/* offset_fetch.h -- API 9, OffsetFetch: versions 1 to 10, flexible from 6. Version 8 asks for
 * several groups at once, version 10 names topics by their ids.
 *
 * Null topics mean all that the group has. Version 0 read from ZooKeeper; it is not offered.
 */
#ifndef PROTO_MSG_OFFSET_FETCH_H
#define PROTO_MSG_OFFSET_FETCH_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define OFFSET_FETCH_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, name,              0, 7, 0)            \
    P(T, I32, partition_indexes, 0, 7)

#define OFFSET_FETCH_REQUEST_GROUP_TOPIC(T, F, A, P, S, N) \
    F(T, STR,  name,              8, 9, 0, IGNORABLE)      \
    F(T, UUID, topic_id,          10, ANY, 0, IGNORABLE)   \
    P(T, I32,  partition_indexes, 8, ANY)

#define OFFSET_FETCH_REQUEST_GROUP(T, F, A, P, S, N)                             \
    F(T, STR,                              group_id,     8, ANY, 0)              \
    F(T, NSTR,                             member_id,    9, ANY, NIL, IGNORABLE) \
    F(T, I32,                              member_epoch, 9, ANY, -1, IGNORABLE)  \
    A(T, offset_fetch_request_group_topic, topics,       8, ANY, NULLABLE(8))

#define OFFSET_FETCH_REQUEST(T, F, A, P, S, N)                          \
    F(T, STR,                        group_id,       0, 7, 0)           \
    A(T, offset_fetch_request_topic, topics,         0, 7, NULLABLE(2)) \
    A(T, offset_fetch_request_group, groups,         8, ANY)            \
    F(T, BOOL,                       require_stable, 7, ANY, 0)

#define OFFSET_FETCH_RESPONSE_PARTITION(T, F, A, P, S, N)   \
    F(T, I32,  partition_index,        0, 7, 0)             \
    F(T, I64,  committed_offset,       0, 7, 0)             \
    F(T, I32,  committed_leader_epoch, 5, 7, -1, IGNORABLE) \
    F(T, NSTR, metadata,               0, 7, 0)             \
    F(T, I16,  error_code,             0, 7, 0)

#define OFFSET_FETCH_RESPONSE_TOPIC(T, F, A, P, S, N)          \
    F(T, STR,                             name,       0, 7, 0) \
    A(T, offset_fetch_response_partition, partitions, 0, 7)

#define OFFSET_FETCH_RESPONSE_GROUP_PARTITION(T, F, A, P, S, N) \
    F(T, I32,  partition_index,        8, ANY, 0)               \
    F(T, I64,  committed_offset,       8, ANY, 0)               \
    F(T, I32,  committed_leader_epoch, 8, ANY, -1, IGNORABLE)   \
    F(T, NSTR, metadata,               8, ANY, 0)               \
    F(T, I16,  error_code,             8, ANY, 0)

#define OFFSET_FETCH_RESPONSE_GROUP_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                                   name,       8, 9, 0, IGNORABLE)    \
    F(T, UUID,                                  topic_id,   10, ANY, 0, IGNORABLE) \
    A(T, offset_fetch_response_group_partition, partitions, 8, ANY)

#define OFFSET_FETCH_RESPONSE_GROUP(T, F, A, P, S, N)              \
    F(T, STR,                               group_id,   8, ANY, 0) \
    A(T, offset_fetch_response_group_topic, topics,     8, ANY)    \
    F(T, I16,                               error_code, 8, ANY, 0)

#define OFFSET_FETCH_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                         throttle_time_ms, 3, ANY, 0, IGNORABLE) \
    A(T, offset_fetch_response_topic, topics,           0, 7)                 \
    F(T, I16,                         error_code,       2, 7, 0, IGNORABLE)   \
    A(T, offset_fetch_response_group, groups,           8, ANY)
/* clang-format on */

DECLARE(OFFSET_FETCH_REQUEST_TOPIC, offset_fetch_request_topic);
DECLARE(OFFSET_FETCH_REQUEST_GROUP_TOPIC, offset_fetch_request_group_topic);
DECLARE(OFFSET_FETCH_REQUEST_GROUP, offset_fetch_request_group);
DECLARE(OFFSET_FETCH_REQUEST, offset_fetch_request);
DECLARE(OFFSET_FETCH_RESPONSE_PARTITION, offset_fetch_response_partition);
DECLARE(OFFSET_FETCH_RESPONSE_TOPIC, offset_fetch_response_topic);
DECLARE(OFFSET_FETCH_RESPONSE_GROUP_PARTITION, offset_fetch_response_group_partition);
DECLARE(OFFSET_FETCH_RESPONSE_GROUP_TOPIC, offset_fetch_response_group_topic);
DECLARE(OFFSET_FETCH_RESPONSE_GROUP, offset_fetch_response_group);
DECLARE(OFFSET_FETCH_RESPONSE, offset_fetch_response);

#endif
