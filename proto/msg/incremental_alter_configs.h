/* incremental_alter_configs.h -- API 44, IncrementalAlterConfigs: versions 0 to 1, flexible from
 * 1. */
#ifndef PROTO_MSG_INCREMENTAL_ALTER_CONFIGS_H
#define PROTO_MSG_INCREMENTAL_ALTER_CONFIGS_H

#include "proto/kafka_schema.h"
#include "proto/msg/shared.h"

enum config_operation {
    CONFIG_OP_SET = 0,
    CONFIG_OP_DELETE = 1,
    CONFIG_OP_APPEND = 2,
    CONFIG_OP_SUBTRACT = 3,
};

/* clang-format off */
#define INCREMENTAL_ALTER_CONFIGS_REQUEST_CONFIG(T, F, A, P, S, N) \
    F(T, STR,  name,             0, ANY, 0)                        \
    F(T, I8,   config_operation, 0, ANY, 0)                        \
    F(T, NSTR, value,            0, ANY, 0)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE(T, F, A, P, S, N)         \
    F(T, I8,                                       resource_type, 0, ANY, 0) \
    F(T, STR,                                      resource_name, 0, ANY, 0) \
    A(T, incremental_alter_configs_request_config, configs,       0, ANY)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST(T, F, A, P, S, N)                    \
    A(T, incremental_alter_configs_request_resource, resources,     0, ANY)    \
    F(T, BOOL,                                       validate_only, 0, ANY, 0)

#define INCREMENTAL_ALTER_CONFIGS_RESPONSE(T, F, A, P, S, N) \
    F(T, I32,              throttle_time_ms, 0, ANY, 0)      \
    A(T, altered_resource, responses,        0, ANY)
/* clang-format on */

DECLARE(INCREMENTAL_ALTER_CONFIGS_REQUEST_CONFIG, incremental_alter_configs_request_config);
DECLARE(INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE, incremental_alter_configs_request_resource);
DECLARE(INCREMENTAL_ALTER_CONFIGS_REQUEST, incremental_alter_configs_request);
DECLARE(INCREMENTAL_ALTER_CONFIGS_RESPONSE, incremental_alter_configs_response);

#endif
