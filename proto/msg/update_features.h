/* update_features.h -- API 57, UpdateFeatures (KIP-584): versions 0 to 2, flexible. */
#ifndef PROTO_MSG_UPDATE_FEATURES_H
#define PROTO_MSG_UPDATE_FEATURES_H

#include "proto/kafka_schema.h"

enum feature_upgrade_type {
    FEATURE_UPGRADE = 1,
    FEATURE_SAFE_DOWNGRADE = 2,
    FEATURE_UNSAFE_DOWNGRADE = 3,
};

/* clang-format off */
#define UPDATE_FEATURES_REQUEST_FEATURE(T, F, A, P, S, N) \
    F(T, STR,  feature,           0, ANY, 0)              \
    F(T, I16,  max_version_level, 0, ANY, 0)              \
    F(T, BOOL, allow_downgrade,   0, 0,   0)              \
    F(T, I8,   upgrade_type,      1, ANY, 1)

#define UPDATE_FEATURES_REQUEST(T, F, A, P, S, N)                      \
    F(T, I32,                             timeout_ms,      0, ANY, 60000) \
    A(T, update_features_request_feature, feature_updates, 0, ANY)     \
    F(T, BOOL,                            validate_only,   1, ANY, 0)

#define UPDATE_FEATURES_RESPONSE_RESULT(T, F, A, P, S, N) \
    F(T, STR,  feature,       0, ANY, 0)                  \
    F(T, I16,  error_code,    0, ANY, 0)                  \
    F(T, NSTR, error_message, 0, ANY, 0)

#define UPDATE_FEATURES_RESPONSE(T, F, A, P, S, N)                   \
    F(T, I32,  throttle_time_ms,             0, ANY, 0)              \
    F(T, I16,  error_code,                   0, ANY, 0)              \
    F(T, NSTR, error_message,                0, ANY, 0)              \
    A(T, update_features_response_result, results, 0, 1, IGNORABLE)
/* clang-format on */

DECLARE(UPDATE_FEATURES_REQUEST_FEATURE, update_features_request_feature);
DECLARE(UPDATE_FEATURES_REQUEST, update_features_request);
DECLARE(UPDATE_FEATURES_RESPONSE_RESULT, update_features_response_result);
DECLARE(UPDATE_FEATURES_RESPONSE, update_features_response);

#endif
