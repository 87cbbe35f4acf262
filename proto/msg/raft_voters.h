/* raft_voters.h -- APIs 80 and 81, AddRaftVoter (versions 0 and 1) and RemoveRaftVoter (version 0),
 * flexible from 0 (KIP-853). */
#ifndef PROTO_MSG_RAFT_VOTERS_H
#define PROTO_MSG_RAFT_VOTERS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define ADD_RAFT_VOTER_REQUEST_LISTENER(T, F, A, P, S, N) \
    F(T, STR, name, 0, ANY, 0)                            \
    F(T, STR, host, 0, ANY, 0)                            \
    F(T, U16, port, 0, ANY, 0)

#define ADD_RAFT_VOTER_REQUEST(T, F, A, P, S, N)                                    \
    F(T, NSTR,                            cluster_id,         0, ANY, NIL)          \
    F(T, I32,                             timeout_ms,         0, ANY, 0)            \
    F(T, I32,                             voter_id,           0, ANY, 0)            \
    F(T, UUID,                            voter_directory_id, 0, ANY, 0)            \
    A(T, add_raft_voter_request_listener, listeners,          0, ANY)               \
    F(T, BOOL,                            ack_when_committed, 1, ANY, 1, IGNORABLE)

#define ADD_RAFT_VOTER_RESPONSE(T, F, A, P, S, N) \
    F(T, I32,  throttle_time_ms, 0, ANY, 0)       \
    F(T, I16,  error_code,       0, ANY, 0)       \
    F(T, NSTR, error_message,    0, ANY, 0)

#define REMOVE_RAFT_VOTER_REQUEST(T, F, A, P, S, N) \
    F(T, NSTR, cluster_id,         0, ANY, NIL)     \
    F(T, I32,  voter_id,           0, ANY, 0)       \
    F(T, UUID, voter_directory_id, 0, ANY, 0)

#define REMOVE_RAFT_VOTER_RESPONSE(T, F, A, P, S, N) \
    F(T, I32,  throttle_time_ms, 0, ANY, 0)          \
    F(T, I16,  error_code,       0, ANY, 0)          \
    F(T, NSTR, error_message,    0, ANY, 0)
/* clang-format on */

DECLARE(ADD_RAFT_VOTER_REQUEST_LISTENER, add_raft_voter_request_listener);
DECLARE(ADD_RAFT_VOTER_REQUEST, add_raft_voter_request);
DECLARE(ADD_RAFT_VOTER_RESPONSE, add_raft_voter_response);
DECLARE(REMOVE_RAFT_VOTER_REQUEST, remove_raft_voter_request);
DECLARE(REMOVE_RAFT_VOTER_RESPONSE, remove_raft_voter_response);

#endif
