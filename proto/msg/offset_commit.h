/* offset_commit.h -- API 8, OffsetCommit: versions 2 to 10, flexible from 8. Version 10 names
 * topics by their ids.
 *
 * Versions 0 and 1 are known here but not offered: they stored in ZooKeeper, and without a group's
 * generation. generation_id_or_member_epoch is the generation of a member of the classic protocol,
 * the epoch of one of KIP-848, or -1 of nobody.
 */
#ifndef PROTO_MSG_OFFSET_COMMIT_H
#define PROTO_MSG_OFFSET_COMMIT_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define OFFSET_COMMIT_REQUEST_PARTITION(T, F, A, P, S, N)     \
    F(T, I32,  partition_index,        0, ANY, 0)             \
    F(T, I64,  committed_offset,       0, ANY, 0)             \
    F(T, I32,  committed_leader_epoch, 6, ANY, -1, IGNORABLE) \
    F(T, NSTR, committed_metadata,     0, ANY, 0)

#define OFFSET_COMMIT_REQUEST_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                             name,       0, 9, 0, IGNORABLE)    \
    F(T, UUID,                            topic_id,   10, ANY, 0, IGNORABLE) \
    A(T, offset_commit_request_partition, partitions, 0, ANY)

#define OFFSET_COMMIT_REQUEST(T, F, A, P, S, N)                                             \
    F(T, STR,                         group_id,                      0, ANY, 0)             \
    F(T, I32,                         generation_id_or_member_epoch, 1, ANY, -1, IGNORABLE) \
    F(T, STR,                         member_id,                     1, ANY, 0, IGNORABLE)  \
    F(T, NSTR,                        group_instance_id,             7, ANY, NIL)           \
    F(T, I64,                         retention_time_ms,             2, 4, -1, IGNORABLE)   \
    A(T, offset_commit_request_topic, topics,                        0, ANY)

#define OFFSET_COMMIT_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                  \
    F(T, I16, error_code,      0, ANY, 0)

#define OFFSET_COMMIT_RESPONSE_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                              name,       0, 9, 0, IGNORABLE)    \
    F(T, UUID,                             topic_id,   10, ANY, 0, IGNORABLE) \
    A(T, offset_commit_response_partition, partitions, 0, ANY)

#define OFFSET_COMMIT_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                          throttle_time_ms, 3, ANY, 0, IGNORABLE) \
    A(T, offset_commit_response_topic, topics,           0, ANY)
/* clang-format on */

DECLARE(OFFSET_COMMIT_REQUEST_PARTITION, offset_commit_request_partition);
DECLARE(OFFSET_COMMIT_REQUEST_TOPIC, offset_commit_request_topic);
DECLARE(OFFSET_COMMIT_REQUEST, offset_commit_request);
DECLARE(OFFSET_COMMIT_RESPONSE_PARTITION, offset_commit_response_partition);
DECLARE(OFFSET_COMMIT_RESPONSE_TOPIC, offset_commit_response_topic);
DECLARE(OFFSET_COMMIT_RESPONSE, offset_commit_response);

#endif
