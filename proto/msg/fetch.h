/* fetch.h -- API 1, Fetch: versions 4 to 18, flexible from 12.
 *
 * A table is used for reading and for writing. Topics are named up to version 12 and identified
 * from version 13 on; both are ignorable, so a caller may fill in both and let the version choose.
 *
 * `answers_seen` is our own, from follower to leader: how many answers the follower had had on this
 * connection when it sent this. It tells the leader that the fetch is younger than the last of
 * them, however long it lay in a socket (DESIGN 6.13). Kafka's brokers skip tags they do not know.
 */
#ifndef PROTO_MSG_FETCH_H
#define PROTO_MSG_FETCH_H

#include "proto/kafka_schema.h"
#include "proto/msg/shared.h"

enum fetch_isolation_level {
    FETCH_READ_UNCOMMITTED = 0,
    FETCH_READ_COMMITTED = 1,
};

/* Values of session_epoch that are not counting (KIP-227). */
#define FETCH_EPOCH_INITIAL 0
#define FETCH_EPOCH_FINAL (-1)

/* clang-format off */
#define FETCH_REQUEST_REPLICA_STATE(T, F, A, P, S, N) \
    F(T, I32, replica_id,    15, ANY, -1)             \
    F(T, I64, replica_epoch, 15, ANY, -1)

#define FETCH_REQUEST_PARTITION(T, F, A, P, S, N)                           \
    F(T, I32,  partition,            0, ANY, 0)                             \
    F(T, I32,  current_leader_epoch, 9, ANY, -1, IGNORABLE)                 \
    F(T, I64,  fetch_offset,         0, ANY, 0)                             \
    F(T, I32,  last_fetched_epoch,   12, ANY, -1)                           \
    F(T, I64,  log_start_offset,     5, ANY, -1, IGNORABLE)                 \
    F(T, I32,  partition_max_bytes,  0, ANY, 0)                             \
    F(T, UUID, replica_directory_id, 17, ANY, 0, TAG(0), IGNORABLE)         \
    F(T, I64,  high_watermark,       18, ANY, INT64_MAX, TAG(1), IGNORABLE)

#define FETCH_REQUEST_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                     topic,      0, 12, 0, IGNORABLE)   \
    F(T, UUID,                    topic_id,   13, ANY, 0, IGNORABLE) \
    A(T, fetch_request_partition, partitions, 0, ANY)

#define FETCH_REQUEST_FORGOTTEN_TOPIC(T, F, A, P, S, N) \
    F(T, STR,  topic,      7, 12, 0, IGNORABLE)         \
    F(T, UUID, topic_id,   13, ANY, 0, IGNORABLE)       \
    P(T, I32,  partitions, 7, ANY)

#define FETCH_REQUEST(T, F, A, P, S, N)                                                         \
    F(T, NSTR,                          cluster_id,            12, ANY, NIL, TAG(0), IGNORABLE) \
    F(T, I32,                           replica_id,            0, 14, -1)                       \
    S(T, fetch_request_replica_state,   replica_state,         15, ANY, TAG(1))                 \
    F(T, I32,                           max_wait_ms,           0, ANY, 0)                       \
    F(T, I32,                           min_bytes,             0, ANY, 0)                       \
    F(T, I32,                           max_bytes,             3, ANY, INT32_MAX, IGNORABLE)    \
    F(T, I8,                            isolation_level,       4, ANY, 0, IGNORABLE)            \
    F(T, I32,                           session_id,            7, ANY, 0, IGNORABLE)            \
    F(T, I32,                           session_epoch,         7, ANY, -1, IGNORABLE)           \
    A(T, fetch_request_topic,           topics,                0, ANY)                          \
    A(T, fetch_request_forgotten_topic, forgotten_topics_data, 7, ANY)                          \
    F(T, STR,                           rack_id,               11, ANY, 0, IGNORABLE)           \
    F(T, I32,                           answers_seen,          17, ANY, 0, TAG(20000), IGNORABLE)

#define FETCH_RESPONSE_EPOCH_END_OFFSET(T, F, A, P, S, N) \
    F(T, I32, epoch,      12, ANY, -1)                    \
    F(T, I64, end_offset, 12, ANY, -1)

#define FETCH_RESPONSE_SNAPSHOT_ID(T, F, A, P, S, N) \
    F(T, I64, end_offset, 0, ANY, -1)                \
    F(T, I32, epoch,      0, ANY, -1)

#define FETCH_RESPONSE_ABORTED_TRANSACTION(T, F, A, P, S, N) \
    F(T, I64, producer_id,  4, ANY, 0)                       \
    F(T, I64, first_offset, 4, ANY, 0)

#define FETCH_RESPONSE_PARTITION(T, F, A, P, S, N)                                                 \
    F(T, I32,  partition_index, 0, ANY, 0)                                                         \
    F(T, I16,  error_code, 0, ANY, 0)                                                              \
    F(T, I64,  high_watermark, 0, ANY, 0)                                                          \
    F(T, I64,  last_stable_offset, 4, ANY, -1, IGNORABLE)                                          \
    F(T, I64,  log_start_offset, 5, ANY, -1, IGNORABLE)                                            \
    S(T, fetch_response_epoch_end_offset, diverging_epoch, 12, ANY, TAG(0))                        \
    S(T, leader_id_and_epoch, current_leader, 12, ANY, TAG(1), IGNORABLE)                          \
    S(T, fetch_response_snapshot_id, snapshot_id, 12, ANY, TAG(2))                                 \
    A(T, fetch_response_aborted_transaction, aborted_transactions, 4, ANY, IGNORABLE, NULLABLE(0)) \
    F(T, I32,  preferred_read_replica, 11, ANY, -1)                                                \
    F(T, RECORDS, records, 0, ANY, 0)

#define FETCH_RESPONSE_TOPIC(T, F, A, P, S, N)                        \
    F(T, STR,                      topic,      0, 12, 0, IGNORABLE)   \
    F(T, UUID,                     topic_id,   13, ANY, 0, IGNORABLE) \
    A(T, fetch_response_partition, partitions, 0, ANY)

#define FETCH_RESPONSE(T, F, A, P, S, N)                                     \
    F(T, I32,                  throttle_time_ms, 1, ANY, 0, IGNORABLE)       \
    F(T, I16,                  error_code,       7, ANY, 0, IGNORABLE)       \
    F(T, I32,                  session_id,       7, ANY, 0)                  \
    A(T, fetch_response_topic, responses,        0, ANY)                     \
    A(T, node_endpoint,        node_endpoints,   16, ANY, TAG(0), IGNORABLE)
/* clang-format on */

DECLARE(FETCH_REQUEST_REPLICA_STATE, fetch_request_replica_state);
DECLARE(FETCH_REQUEST_PARTITION, fetch_request_partition);
DECLARE(FETCH_REQUEST_TOPIC, fetch_request_topic);
DECLARE(FETCH_REQUEST_FORGOTTEN_TOPIC, fetch_request_forgotten_topic);
DECLARE(FETCH_REQUEST, fetch_request);
DECLARE(FETCH_RESPONSE_EPOCH_END_OFFSET, fetch_response_epoch_end_offset);
DECLARE(FETCH_RESPONSE_SNAPSHOT_ID, fetch_response_snapshot_id);
DECLARE(FETCH_RESPONSE_ABORTED_TRANSACTION, fetch_response_aborted_transaction);
DECLARE(FETCH_RESPONSE_PARTITION, fetch_response_partition);
DECLARE(FETCH_RESPONSE_TOPIC, fetch_response_topic);
DECLARE(FETCH_RESPONSE, fetch_response);

#endif
