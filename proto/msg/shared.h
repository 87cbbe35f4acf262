/* shared.h -- structs that more than one API carries.
 *
 * They have no versions of their own: the field that holds one says from which version on it does.
 */
#ifndef PROTO_MSG_SHARED_H
#define PROTO_MSG_SHARED_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define LEADER_ID_AND_EPOCH(T, F, A, P, S, N) \
    F(T, I32, leader_id,    0, ANY, -1)       \
    F(T, I32, leader_epoch, 0, ANY, -1)

#define NODE_ENDPOINT(T, F, A, P, S, N) \
    F(T, I32,  node_id, 0, ANY, 0)      \
    F(T, STR,  host,    0, ANY, 0)      \
    F(T, I32,  port,    0, ANY, 0)      \
    F(T, NSTR, rack,    0, ANY, NIL)

/* What became of a resource whose configuration was to be altered. */
#define ALTERED_RESOURCE(T, F, A, P, S, N) \
    F(T, I16,  error_code,    0, ANY, 0)   \
    F(T, NSTR, error_message, 0, ANY, 0)   \
    F(T, I8,   resource_type, 0, ANY, 0)   \
    F(T, STR,  resource_name, 0, ANY, 0)
/* clang-format on */

DECLARE(LEADER_ID_AND_EPOCH, leader_id_and_epoch);
DECLARE(NODE_ENDPOINT, node_endpoint);
DECLARE(ALTERED_RESOURCE, altered_resource);

#endif
