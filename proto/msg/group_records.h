/* group_records.h -- the records of the topic __consumer_offsets, in Kafka's own formats.
 *
 * A key is a number that says what kind of record it is (group_records.h above this folder), and
 * one of the structs below. A value is the number of its version, and the struct at that version;
 * both values are flexible from 4 on. A record without a value deletes what its key names.
 *
 * topic_id is Kafka's (KAFKA-19141): a topic made again under its old name is another one.
 */
#ifndef PROTO_MSG_GROUP_RECORDS_H
#define PROTO_MSG_GROUP_RECORDS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define OFFSET_COMMIT_KEY(T, F, A, P, S, N) \
    F(T, STR, group,     0, ANY, 0)         \
    F(T, STR, topic,     0, ANY, 0)         \
    F(T, I32, partition, 0, ANY, 0)

#define OFFSET_COMMIT_VALUE(T, F, A, P, S, N)              \
    F(T, I64,  offset,              0, ANY, 0)             \
    F(T, I32,  leader_epoch,        3, ANY, -1, IGNORABLE) \
    F(T, STR,  metadata,            0, ANY, 0)             \
    F(T, I64,  commit_timestamp_ms, 0, ANY, 0)             \
    F(T, I64,  expire_timestamp_ms, 1, 1, -1, IGNORABLE)   \
    F(T, UUID, topic_id,            4, ANY, 0, IGNORABLE, TAG(0))

#define GROUP_METADATA_KEY(T, F, A, P, S, N) \
    F(T, STR, group, 0, ANY, 0)

#define GROUP_METADATA_VALUE_MEMBER(T, F, A, P, S, N)         \
    F(T, STR,   member_id,            0, ANY, 0)              \
    F(T, NSTR,  group_instance_id,    3, ANY, NIL, IGNORABLE) \
    F(T, STR,   client_id,            0, ANY, 0)              \
    F(T, STR,   client_host,          0, ANY, 0)              \
    F(T, I32,   rebalance_timeout_ms, 1, ANY, -1, IGNORABLE)  \
    F(T, I32,   session_timeout_ms,   0, ANY, 0)              \
    F(T, BYTES, subscription,         0, ANY, 0)              \
    F(T, BYTES, assignment,           0, ANY, 0)

#define GROUP_METADATA_VALUE(T, F, A, P, S, N)                                           \
    F(T, STR,                         protocol_type,              0, ANY, 0)             \
    F(T, I32,                         generation,                 0, ANY, 0)             \
    F(T, NSTR,                        protocol,                   0, ANY, 0)             \
    F(T, NSTR,                        leader,                     0, ANY, 0)             \
    F(T, I64,                         current_state_timestamp_ms, 2, ANY, -1, IGNORABLE) \
    A(T, group_metadata_value_member, members,                    0, ANY)
/* clang-format on */

DECLARE(OFFSET_COMMIT_KEY, offset_commit_key);
DECLARE(OFFSET_COMMIT_VALUE, offset_commit_value);
DECLARE(GROUP_METADATA_KEY, group_metadata_key);
DECLARE(GROUP_METADATA_VALUE_MEMBER, group_metadata_value_member);
DECLARE(GROUP_METADATA_VALUE, group_metadata_value);

#endif
