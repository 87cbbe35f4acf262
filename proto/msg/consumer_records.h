/* consumer_records.h -- the records of __consumer_offsets that are about groups of the consumer
 * protocol (KIP-848), in Kafka's own formats.
 *
 * A key is a number (3 to 8, and 16) and one of the structs below; all values are version 0 and
 * flexible. Key 4 is of Kafka 4.0 only: a hash in the group's own record has replaced it
 * (KIP-1101).
 */
#ifndef PROTO_MSG_CONSUMER_RECORDS_H
#define PROTO_MSG_CONSUMER_RECORDS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define CONSUMER_GROUP_KEY(T, F, A, P, S, N) \
    F(T, STR, group, 0, ANY, 0)

#define CONSUMER_MEMBER_KEY(T, F, A, P, S, N) \
    F(T, STR, group,  0, ANY, 0)              \
    F(T, STR, member, 0, ANY, 0)

#define CONSUMER_PATTERN_KEY(T, F, A, P, S, N) \
    F(T, STR, group,   0, ANY, 0)              \
    F(T, STR, pattern, 0, ANY, 0)

#define CONSUMER_EPOCH_VALUE(T, F, A, P, S, N) \
    F(T, I32, epoch,         0, ANY, 0)        \
    F(T, I64, metadata_hash, 0, ANY, 0, TAG(0))

#define CONSUMER_CLASSIC_PROTOCOL(T, F, A, P, S, N) \
    F(T, STR,   name,     0, ANY, 0)                \
    F(T, BYTES, metadata, 0, ANY, 0)

#define CONSUMER_CLASSIC_METADATA(T, F, A, P, S, N) \
    F(T, I32, session_timeout_ms, 0, ANY, 0)        \
    A(T, consumer_classic_protocol, protocols, 0, ANY)

#define CONSUMER_MEMBER_VALUE(T, F, A, P, S, N)      \
    F(T, NSTR, instance_id,            0, ANY, NIL)  \
    F(T, NSTR, rack_id,                0, ANY, NIL)  \
    F(T, STR,  client_id,              0, ANY, 0)    \
    F(T, STR,  client_host,            0, ANY, 0)    \
    P(T, STR,  subscribed_topic_names, 0, ANY)       \
    F(T, NSTR, subscribed_topic_regex, 0, ANY, NIL)  \
    F(T, I32,  rebalance_timeout_ms,   0, ANY, -1)   \
    F(T, NSTR, server_assignor,        0, ANY, NIL)  \
    N(T, consumer_classic_metadata, classic, 0, ANY, TAG(0))

#define CONSUMER_TARGET_EPOCH_VALUE(T, F, A, P, S, N) \
    F(T, I32, epoch,        0, ANY, 0)                \
    F(T, I64, timestamp_ms, 0, ANY, 0, TAG(0))

#define CONSUMER_TARGET_PARTITIONS(T, F, A, P, S, N) \
    F(T, UUID, topic_id,   0, ANY, 0)                \
    P(T, I32,  partitions, 0, ANY)

#define CONSUMER_TARGET_VALUE(T, F, A, P, S, N) \
    A(T, consumer_target_partitions, topics, 0, ANY)

#define CONSUMER_CURRENT_PARTITIONS(T, F, A, P, S, N) \
    F(T, UUID, topic_id,          0, ANY, 0)          \
    P(T, I32,  partitions,        0, ANY)             \
    P(T, I32,  assignment_epochs, 0, ANY, NULLABLE(0), NULL_DEFAULT, TAG(0))

#define CONSUMER_CURRENT_VALUE(T, F, A, P, S, N)            \
    F(T, I32, member_epoch,          0, ANY, 0)             \
    F(T, I32, previous_member_epoch, 0, ANY, 0)             \
    F(T, I8,  state,                 0, ANY, 0)             \
    A(T, consumer_current_partitions, assigned, 0, ANY)     \
    A(T, consumer_current_partitions, revoking, 0, ANY)

#define CONSUMER_PATTERN_VALUE(T, F, A, P, S, N) \
    P(T, STR, topics,       0, ANY)              \
    F(T, I64, version,      0, ANY, 0)           \
    F(T, I64, timestamp_ms, 0, ANY, 0)
/* clang-format on */

DECLARE(CONSUMER_GROUP_KEY, consumer_group_key);
DECLARE(CONSUMER_MEMBER_KEY, consumer_member_key);
DECLARE(CONSUMER_PATTERN_KEY, consumer_pattern_key);
DECLARE(CONSUMER_EPOCH_VALUE, consumer_epoch_value);
DECLARE(CONSUMER_CLASSIC_PROTOCOL, consumer_classic_protocol);
DECLARE(CONSUMER_CLASSIC_METADATA, consumer_classic_metadata);
DECLARE(CONSUMER_MEMBER_VALUE, consumer_member_value);
DECLARE(CONSUMER_TARGET_EPOCH_VALUE, consumer_target_epoch_value);
DECLARE(CONSUMER_TARGET_PARTITIONS, consumer_target_partitions);
DECLARE(CONSUMER_TARGET_VALUE, consumer_target_value);
DECLARE(CONSUMER_CURRENT_PARTITIONS, consumer_current_partitions);
DECLARE(CONSUMER_CURRENT_VALUE, consumer_current_value);
DECLARE(CONSUMER_PATTERN_VALUE, consumer_pattern_value);

#endif
