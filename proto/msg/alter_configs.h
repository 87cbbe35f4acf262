/* alter_configs.h -- API 33, AlterConfigs: versions 0 to 2, flexible from 2. */
#ifndef PROTO_MSG_ALTER_CONFIGS_H
#define PROTO_MSG_ALTER_CONFIGS_H

#include "proto/kafka_schema.h"
#include "proto/msg/shared.h"

/* clang-format off */
#define ALTER_CONFIGS_REQUEST_CONFIG(T, F, A, P, S, N) \
    F(T, STR,  name,  0, ANY, 0)                       \
    F(T, NSTR, value, 0, ANY, 0)

#define ALTER_CONFIGS_REQUEST_RESOURCE(T, F, A, P, S, N)         \
    F(T, I8,                           resource_type, 0, ANY, 0) \
    F(T, STR,                          resource_name, 0, ANY, 0) \
    A(T, alter_configs_request_config, configs,       0, ANY)

#define ALTER_CONFIGS_REQUEST(T, F, A, P, S, N)                    \
    A(T, alter_configs_request_resource, resources,     0, ANY)    \
    F(T, BOOL,                           validate_only, 0, ANY, 0)

#define ALTER_CONFIGS_RESPONSE(T, F, A, P, S, N)        \
    F(T, I32,              throttle_time_ms, 0, ANY, 0) \
    A(T, altered_resource, responses,        0, ANY)
/* clang-format on */

DECLARE(ALTER_CONFIGS_REQUEST_CONFIG, alter_configs_request_config);
DECLARE(ALTER_CONFIGS_REQUEST_RESOURCE, alter_configs_request_resource);
DECLARE(ALTER_CONFIGS_REQUEST, alter_configs_request);
DECLARE(ALTER_CONFIGS_RESPONSE, alter_configs_response);

#endif
