/* offset_for_leader_epoch.h -- API 23, OffsetForLeaderEpoch: versions 0 to 4, flexible from 4. */
#ifndef PROTO_MSG_OFFSET_FOR_LEADER_EPOCH_H
#define PROTO_MSG_OFFSET_FOR_LEADER_EPOCH_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define OFFSET_FOR_LEADER_EPOCH_REQUEST_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition,            0, ANY, 0)                      \
    F(T, I32, current_leader_epoch, 2, ANY, -1, IGNORABLE)          \
    F(T, I32, leader_epoch,         0, ANY, 0)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                       topic,      0, ANY, 0) \
    A(T, offset_for_leader_epoch_request_partition, partitions, 0, ANY)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST(T, F, A, P, S, N)                          \
    F(T, I32,                                   replica_id, 3, ANY, -2, IGNORABLE) \
    A(T, offset_for_leader_epoch_request_topic, topics,     0, ANY)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I16, error_code,   0, ANY, 0)                               \
    F(T, I32, partition,    0, ANY, 0)                               \
    F(T, I32, leader_epoch, 1, ANY, -1, IGNORABLE)                   \
    F(T, I64, end_offset,   0, ANY, -1)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                        topic,      0, ANY, 0) \
    A(T, offset_for_leader_epoch_response_partition, partitions, 0, ANY)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                                    throttle_time_ms, 2, ANY, 0, IGNORABLE) \
    A(T, offset_for_leader_epoch_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(OFFSET_FOR_LEADER_EPOCH_REQUEST_PARTITION, offset_for_leader_epoch_request_partition);
DECLARE(OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC, offset_for_leader_epoch_request_topic);
DECLARE(OFFSET_FOR_LEADER_EPOCH_REQUEST, offset_for_leader_epoch_request);
DECLARE(OFFSET_FOR_LEADER_EPOCH_RESPONSE_PARTITION, offset_for_leader_epoch_response_partition);
DECLARE(OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC, offset_for_leader_epoch_response_topic);
DECLARE(OFFSET_FOR_LEADER_EPOCH_RESPONSE, offset_for_leader_epoch_response);

#endif
