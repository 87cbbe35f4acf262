/* describe_acls.h -- API 29, DescribeAcls: versions 1 to 3, flexible from 2. */
#ifndef PROTO_MSG_DESCRIBE_ACLS_H
#define PROTO_MSG_DESCRIBE_ACLS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define DESCRIBE_ACLS_REQUEST(T, F, A, P, S, N) \
    F(T, I8,   resource_type_filter, 0, ANY, 0) \
    F(T, NSTR, resource_name_filter, 0, ANY, 0) \
    F(T, I8,   pattern_type_filter,  1, ANY, 3) \
    F(T, NSTR, principal_filter,     0, ANY, 0) \
    F(T, NSTR, host_filter,          0, ANY, 0) \
    F(T, I8,   operation,            0, ANY, 0) \
    F(T, I8,   permission_type,      0, ANY, 0)

#define DESCRIBE_ACLS_RESPONSE_ACL(T, F, A, P, S, N) \
    F(T, STR, principal,       0, ANY, 0)            \
    F(T, STR, host,            0, ANY, 0)            \
    F(T, I8,  operation,       0, ANY, 0)            \
    F(T, I8,  permission_type, 0, ANY, 0)

#define DESCRIBE_ACLS_RESPONSE_RESOURCE(T, F, A, P, S, N)      \
    F(T, I8,                         resource_type, 0, ANY, 0) \
    F(T, STR,                        resource_name, 0, ANY, 0) \
    F(T, I8,                         pattern_type,  1, ANY, 3) \
    A(T, describe_acls_response_acl, acls,          0, ANY)

#define DESCRIBE_ACLS_RESPONSE(T, F, A, P, S, N)                       \
    F(T, I32,                             throttle_time_ms, 0, ANY, 0) \
    F(T, I16,                             error_code,       0, ANY, 0) \
    F(T, NSTR,                            error_message,    0, ANY, 0) \
    A(T, describe_acls_response_resource, resources,        0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_ACLS_REQUEST, describe_acls_request);
DECLARE(DESCRIBE_ACLS_RESPONSE_ACL, describe_acls_response_acl);
DECLARE(DESCRIBE_ACLS_RESPONSE_RESOURCE, describe_acls_response_resource);
DECLARE(DESCRIBE_ACLS_RESPONSE, describe_acls_response);

#endif
