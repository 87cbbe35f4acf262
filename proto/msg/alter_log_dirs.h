/* alter_log_dirs.h -- API 34, AlterReplicaLogDirs: versions 1 and 2, flexible from 2. */
#ifndef PROTO_MSG_ALTER_LOG_DIRS_H
#define PROTO_MSG_ALTER_LOG_DIRS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define ALTER_LOG_DIRS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, name,       0, ANY, 0)                   \
    P(T, I32, partitions, 0, ANY)

#define ALTER_LOG_DIRS_REQUEST_DIR(T, F, A, P, S, N)           \
    F(T, STR,                          path,   0, ANY, 0)      \
    A(T, alter_log_dirs_request_topic, topics, 0, ANY)

#define ALTER_LOG_DIRS_REQUEST(T, F, A, P, S, N) \
    A(T, alter_log_dirs_request_dir, dirs, 0, ANY)

#define ALTER_LOG_DIRS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32, partition_index, 0, ANY, 0)                   \
    F(T, I16, error_code,      0, ANY, 0)

#define ALTER_LOG_DIRS_RESPONSE_TOPIC(T, F, A, P, S, N)            \
    F(T, STR,                               name,       0, ANY, 0) \
    A(T, alter_log_dirs_response_partition, partitions, 0, ANY)

#define ALTER_LOG_DIRS_RESPONSE(T, F, A, P, S, N)                    \
    F(T, I32,                           throttle_time_ms, 0, ANY, 0) \
    A(T, alter_log_dirs_response_topic, results,          0, ANY)
/* clang-format on */

DECLARE(ALTER_LOG_DIRS_REQUEST_TOPIC, alter_log_dirs_request_topic);
DECLARE(ALTER_LOG_DIRS_REQUEST_DIR, alter_log_dirs_request_dir);
DECLARE(ALTER_LOG_DIRS_REQUEST, alter_log_dirs_request);
DECLARE(ALTER_LOG_DIRS_RESPONSE_PARTITION, alter_log_dirs_response_partition);
DECLARE(ALTER_LOG_DIRS_RESPONSE_TOPIC, alter_log_dirs_response_topic);
DECLARE(ALTER_LOG_DIRS_RESPONSE, alter_log_dirs_response);

#endif
