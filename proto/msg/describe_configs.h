/* describe_configs.h -- API 32, DescribeConfigs: versions 1 to 4, flexible from 4.
 *
 * Resource types, sources and types of a configuration are Kafka's numbers, shared by the three
 * APIs that deal with configurations.
 */
#ifndef PROTO_MSG_DESCRIBE_CONFIGS_H
#define PROTO_MSG_DESCRIBE_CONFIGS_H

#include "proto/kafka_schema.h"

enum config_resource_type {
    CONFIG_RESOURCE_UNKNOWN = 0,
    CONFIG_RESOURCE_TOPIC = 2,
    CONFIG_RESOURCE_BROKER = 4,
    CONFIG_RESOURCE_BROKER_LOGGER = 8,
    CONFIG_RESOURCE_CLIENT_METRICS = 16,
    CONFIG_RESOURCE_GROUP = 32,
};

enum config_source {
    CONFIG_SOURCE_UNKNOWN = 0,
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_DYNAMIC_BROKER = 2,
    CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    CONFIG_SOURCE_STATIC_BROKER = 4,
    CONFIG_SOURCE_DEFAULT = 5,
    CONFIG_SOURCE_DYNAMIC_BROKER_LOGGER = 6,
    CONFIG_SOURCE_CLIENT_METRICS = 7,
    CONFIG_SOURCE_GROUP = 8,
};

enum config_type {
    CONFIG_TYPE_UNKNOWN = 0,
    CONFIG_TYPE_BOOLEAN = 1,
    CONFIG_TYPE_STRING = 2,
    CONFIG_TYPE_INT = 3,
    CONFIG_TYPE_SHORT = 4,
    CONFIG_TYPE_LONG = 5,
    CONFIG_TYPE_DOUBLE = 6,
    CONFIG_TYPE_LIST = 7,
    CONFIG_TYPE_CLASS = 8,
    CONFIG_TYPE_PASSWORD = 9,
};

/* clang-format off */
#define DESCRIBE_CONFIGS_REQUEST_RESOURCE(T, F, A, P, S, N) \
    F(T, I8,  resource_type,      0, ANY, 0)                \
    F(T, STR, resource_name,      0, ANY, 0)                \
    P(T, STR, configuration_keys, 0, ANY, NULLABLE(0))

#define DESCRIBE_CONFIGS_REQUEST(T, F, A, P, S, N)                            \
    A(T, describe_configs_request_resource, resources,             0, ANY)    \
    F(T, BOOL,                              include_synonyms,      1, ANY, 0) \
    F(T, BOOL,                              include_documentation, 3, ANY, 0)

#define DESCRIBE_CONFIGS_RESPONSE_SYNONYM(T, F, A, P, S, N) \
    F(T, STR,  name,   1, ANY, 0)                           \
    F(T, NSTR, value,  1, ANY, 0)                           \
    F(T, I8,   source, 1, ANY, 0)

#define DESCRIBE_CONFIGS_RESPONSE_CONFIG(T, F, A, P, S, N)                        \
    F(T, STR,                               name,          0, ANY, 0)             \
    F(T, NSTR,                              value,         0, ANY, 0)             \
    F(T, BOOL,                              read_only,     0, ANY, 0)             \
    F(T, I8,                                config_source, 1, ANY, -1, IGNORABLE) \
    F(T, BOOL,                              is_sensitive,  0, ANY, 0)             \
    A(T, describe_configs_response_synonym, synonyms,      1, ANY, IGNORABLE)     \
    F(T, I8,                                config_type,   3, ANY, 0, IGNORABLE)  \
    F(T, NSTR,                              documentation, 3, ANY, 0, IGNORABLE)

#define DESCRIBE_CONFIGS_RESPONSE_RESULT(T, F, A, P, S, N)           \
    F(T, I16,                              error_code,    0, ANY, 0) \
    F(T, NSTR,                             error_message, 0, ANY, 0) \
    F(T, I8,                               resource_type, 0, ANY, 0) \
    F(T, STR,                              resource_name, 0, ANY, 0) \
    A(T, describe_configs_response_config, configs,       0, ANY)

#define DESCRIBE_CONFIGS_RESPONSE(T, F, A, P, S, N)                     \
    F(T, I32,                              throttle_time_ms, 0, ANY, 0) \
    A(T, describe_configs_response_result, results,          0, ANY)
/* clang-format on */

DECLARE(DESCRIBE_CONFIGS_REQUEST_RESOURCE, describe_configs_request_resource);
DECLARE(DESCRIBE_CONFIGS_REQUEST, describe_configs_request);
DECLARE(DESCRIBE_CONFIGS_RESPONSE_SYNONYM, describe_configs_response_synonym);
DECLARE(DESCRIBE_CONFIGS_RESPONSE_CONFIG, describe_configs_response_config);
DECLARE(DESCRIBE_CONFIGS_RESPONSE_RESULT, describe_configs_response_result);
DECLARE(DESCRIBE_CONFIGS_RESPONSE, describe_configs_response);

#endif
