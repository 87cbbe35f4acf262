/* api_versions.h -- API 18, ApiVersions: versions 0 to 4, flexible from 3.
 *
 * The answer's header is always version 0, and an unknown version of the request is answered in
 * the layout of version 0: the client cannot know better before it has this answer.
 */
#ifndef PROTO_MSG_API_VERSIONS_H
#define PROTO_MSG_API_VERSIONS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define API_VERSIONS_REQUEST(T, F, A, P, S, N)               \
    F(T, STR, client_software_name,    3, ANY, 0, IGNORABLE) \
    F(T, STR, client_software_version, 3, ANY, 0, IGNORABLE)

#define API_VERSIONS_RESPONSE_API_KEY(T, F, A, P, S, N) \
    F(T, I16, api_key,     0, ANY, 0)                   \
    F(T, I16, min_version, 0, ANY, 0)                   \
    F(T, I16, max_version, 0, ANY, 0)

#define API_VERSIONS_RESPONSE_SUPPORTED_FEATURE(T, F, A, P, S, N) \
    F(T, STR, name,        3, ANY, 0)                             \
    F(T, I16, min_version, 3, ANY, 0)                             \
    F(T, I16, max_version, 3, ANY, 0)

#define API_VERSIONS_RESPONSE_FINALIZED_FEATURE(T, F, A, P, S, N) \
    F(T, STR, name,              3, ANY, 0)                       \
    F(T, I16, max_version_level, 3, ANY, 0)                       \
    F(T, I16, min_version_level, 3, ANY, 0)

#define API_VERSIONS_RESPONSE(T, F, A, P, S, N)                                                  \
    F(T, I16,  error_code, 0, ANY, 0)                                                            \
    A(T, api_versions_response_api_key, api_keys, 0, ANY)                                        \
    F(T, I32,  throttle_time_ms, 1, ANY, 0, IGNORABLE)                                           \
    A(T, api_versions_response_supported_feature, supported_features, 3, ANY, TAG(0), IGNORABLE) \
    F(T, I64,  finalized_features_epoch, 3, ANY, -1, TAG(1), IGNORABLE)                          \
    A(T, api_versions_response_finalized_feature, finalized_features, 3, ANY, TAG(2), IGNORABLE) \
    F(T, BOOL, zk_migration_ready, 3, ANY, 0, TAG(3), IGNORABLE)
/* clang-format on */

DECLARE(API_VERSIONS_REQUEST, api_versions_request);
DECLARE(API_VERSIONS_RESPONSE_API_KEY, api_versions_response_api_key);
DECLARE(API_VERSIONS_RESPONSE_SUPPORTED_FEATURE, api_versions_response_supported_feature);
DECLARE(API_VERSIONS_RESPONSE_FINALIZED_FEATURE, api_versions_response_finalized_feature);
DECLARE(API_VERSIONS_RESPONSE, api_versions_response);

#endif
