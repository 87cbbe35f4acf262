/* elect_leaders.h -- API 43, ElectLeaders: versions 0 to 2, flexible from 2. */
#ifndef PROTO_MSG_ELECT_LEADERS_H
#define PROTO_MSG_ELECT_LEADERS_H

#include "proto/kafka_schema.h"

enum election_type {
    ELECTION_PREFERRED = 0,
    ELECTION_UNCLEAN = 1,
};

/* clang-format off */
#define ELECT_LEADERS_REQUEST_TOPIC(T, F, A, P, S, N) \
    F(T, STR, topic,      0, ANY, 0)                  \
    P(T, I32, partitions, 0, ANY)

#define ELECT_LEADERS_REQUEST(T, F, A, P, S, N)                              \
    F(T, I8,                          election_type,    1, ANY, 0)           \
    A(T, elect_leaders_request_topic, topic_partitions, 0, ANY, NULLABLE(0)) \
    F(T, I32,                         timeout_ms,       0, ANY, 60000)

#define ELECT_LEADERS_RESPONSE_PARTITION(T, F, A, P, S, N) \
    F(T, I32,  partition_id,  0, ANY, 0)                   \
    F(T, I16,  error_code,    0, ANY, 0)                   \
    F(T, NSTR, error_message, 0, ANY, 0)

#define ELECT_LEADERS_RESPONSE_TOPIC(T, F, A, P, S, N)                  \
    F(T, STR,                              topic,            0, ANY, 0) \
    A(T, elect_leaders_response_partition, partition_result, 0, ANY)

#define ELECT_LEADERS_RESPONSE(T, F, A, P, S, N)                            \
    F(T, I32,                          throttle_time_ms,         0, ANY, 0) \
    F(T, I16,                          error_code,               1, ANY, 0) \
    A(T, elect_leaders_response_topic, replica_election_results, 0, ANY)
/* clang-format on */

DECLARE(ELECT_LEADERS_REQUEST_TOPIC, elect_leaders_request_topic);
DECLARE(ELECT_LEADERS_REQUEST, elect_leaders_request);
DECLARE(ELECT_LEADERS_RESPONSE_PARTITION, elect_leaders_response_partition);
DECLARE(ELECT_LEADERS_RESPONSE_TOPIC, elect_leaders_response_topic);
DECLARE(ELECT_LEADERS_RESPONSE, elect_leaders_response);

#endif
