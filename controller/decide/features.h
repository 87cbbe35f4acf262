/* features.h -- finalized features, which clients know by name, are raised and lowered. Pure.
 *
 * Of those there is one: group.version (1: the consumer protocol). metadata.version is ours, and no
 * client's business.
 */
#ifndef CONTROLLER_DECIDE_FEATURES_H
#define CONTROLLER_DECIDE_FEATURES_H

#include "controller/decide/decision.h"
#include "proto/msg/update_features.h"

/* All of what is asked for, or nothing. `version` is the request's. 0, or -ERR_LIMIT: the arena is
 * too small. */
MUST_USE int decide_update_features(const struct meta_image *image,
                                    const struct update_features_request *request, int16_t version,
                                    struct decision *d, struct update_features_response *reply);

#endif
