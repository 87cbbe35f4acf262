/* list_config_resources.h -- API 74, ListConfigResources (KIP-1142): versions 0 and 1, flexible.
 * Version 0 was ListClientMetricsResources: it asks for those only. */
#ifndef PROTO_MSG_LIST_CONFIG_RESOURCES_H
#define PROTO_MSG_LIST_CONFIG_RESOURCES_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define LIST_CONFIG_RESOURCES_REQUEST(T, F, A, P, S, N) \
    P(T, I8, resource_types, 1, ANY)

#define LIST_CONFIG_RESOURCES_RESPONSE_RESOURCE(T, F, A, P, S, N) \
    F(T, STR, resource_name, 0, ANY, 0)                           \
    F(T, I8,  resource_type, 1, ANY, 16, IGNORABLE)

#define LIST_CONFIG_RESOURCES_RESPONSE(T, F, A, P, S, N)                           \
    F(T, I32,                                     throttle_time_ms, 0, ANY, 0)     \
    F(T, I16,                                     error_code,       0, ANY, 0)     \
    A(T, list_config_resources_response_resource, config_resources, 0, ANY)
/* clang-format on */

DECLARE(LIST_CONFIG_RESOURCES_REQUEST, list_config_resources_request);
DECLARE(LIST_CONFIG_RESOURCES_RESPONSE_RESOURCE, list_config_resources_response_resource);
DECLARE(LIST_CONFIG_RESOURCES_RESPONSE, list_config_resources_response);

#endif
