/* describe_log_dirs.h -- API 35, DescribeLogDirs: versions 1 to 5, flexible from 2.
 *
 * Tags from 10000 on are ours; clients that do not know them pass over them.
 */
#ifndef PROTO_MSG_DESCRIBE_LOG_DIRS_H
#define PROTO_MSG_DESCRIBE_LOG_DIRS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_LOG_DIRS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, topic,      0, ANY, 0)                      \
    P(T, I32, partitions, 0, ANY)

#define DESCRIBE_LOG_DIRS_REQUEST(T, F, A, P, S, N) \
    A(T, describe_log_dirs_request_topic, topics, 0, ANY, NULLABLE(0))

#define DESCRIBE_LOG_DIRS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32,  partition_index, 0, ANY, 0)                     \
    F(T, I64,  partition_size,  0, ANY, 0)                     \
    F(T, I64,  offset_lag,      0, ANY, 0)                     \
    F(T, BOOL, is_future_key,   0, ANY, 0)                     \
    F(T, I32,  last_epoch,      4, ANY, 0, TAG(10000))        \
    F(T, I64,  log_start,       4, ANY, 0, TAG(10001))        \
    F(T, I64,  log_end,         4, ANY, 0, TAG(10002))        \
    F(T, I64,  high_watermark,  4, ANY, 0, TAG(10003))

#define DESCRIBE_LOG_DIRS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                                  name,       0, ANY, 0) \
    A(T, describe_log_dirs_response_partition, partitions, 0, ANY)

#define DESCRIBE_LOG_DIRS_RESPONSE_RESULT(T, F, A, P, S, N)                        \
    F(T, I16,                              error_code,   0, ANY, 0)                \
    F(T, STR,                              log_dir,      0, ANY, 0)                \
    A(T, describe_log_dirs_response_topic, topics,       0, ANY)                   \
    F(T, I64,                              total_bytes,  4, ANY, -1, IGNORABLE)    \
    F(T, I64,                              usable_bytes, 4, ANY, -1, IGNORABLE)    \
    F(T, BOOL,                             is_cordoned,  5, ANY, 0, IGNORABLE)

#define DESCRIBE_LOG_DIRS_RESPONSE(T, F, A, P, S, N)                               \
    F(T, I32,                               throttle_time_ms, 0, ANY, 0)           \
    F(T, I16,                               error_code,       3, ANY, 0, IGNORABLE) \
    A(T, describe_log_dirs_response_result, results,          0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_LOG_DIRS_REQUEST_TOPIC, describe_log_dirs_request_topic);
DECLARE(DESCRIBE_LOG_DIRS_REQUEST, describe_log_dirs_request);
DECLARE(DESCRIBE_LOG_DIRS_RESPONSE_PARTITION, describe_log_dirs_response_partition);
DECLARE(DESCRIBE_LOG_DIRS_RESPONSE_TOPIC, describe_log_dirs_response_topic);
DECLARE(DESCRIBE_LOG_DIRS_RESPONSE_RESULT, describe_log_dirs_response_result);
DECLARE(DESCRIBE_LOG_DIRS_RESPONSE, describe_log_dirs_response);

#endif
