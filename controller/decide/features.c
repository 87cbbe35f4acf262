#include "controller/decide/features.h"

#include "common/check.h"
#include "controller/decide/refusal.h"
#include "proto/kafka_errors.h"

#define SINCE_UPGRADE_TYPE 1 /* Before it, a flag said whether levels may fall. */

static int8_t upgrade_type(const struct update_features_request_feature *f, int16_t version)
{
    if (version >= SINCE_UPGRADE_TYPE) return f->upgrade_type;
    return f->allow_downgrade ? FEATURE_SAFE_DOWNGRADE : FEATURE_UPGRADE;
}

/* Why that is no level for the feature; NULL: it is one. */
static const char *fault_of(const struct meta_image *image,
                            const struct update_features_request_feature *f, int8_t type)
{
    if (!slice_equal(f->feature, slice_of_text(META_FEATURE_GROUPS)))
        return "The controllers do not know this feature.";
    if (type < FEATURE_UPGRADE || type > FEATURE_UNSAFE_DOWNGRADE)
        return "The controllers do not know this type of upgrade.";
    if (f->max_version_level < 0) return "A feature's version is not less than 0.";
    if (f->max_version_level > META_GROUPS_LEVEL)
        return "The controllers support the versions 0 and 1 only.";
    bool falls = f->max_version_level < meta_feature_level(image, META_FEATURE_GROUPS);
    if (falls && type == FEATURE_UPGRADE)
        return "A version is lowered by a safe or an unsafe downgrade only.";
    return NULL;
}

static struct refusal update(const struct meta_image *image,
                             const struct update_features_request_feature *f, int16_t version,
                             struct decision *d)
{
    const char *fault = fault_of(image, f, upgrade_type(f, version));
    if (fault != NULL)
        return REFUSE(d, KAFKA_INVALID_UPDATE_VERSION,
                      "The update failed for all features since the following feature had an "
                      "error: Invalid update version %d for feature %.*s. %s",
                      f->max_version_level, (int)f->feature.size, (const char *)f->feature.at,
                      fault);

    if (f->max_version_level == meta_feature_level(image, META_FEATURE_GROUPS)) return GRANTED;
    struct meta_record *r = decision_add(d, META_FEATURE);
    r->feature.name = slice_of_text(META_FEATURE_GROUPS);
    r->feature.level = f->max_version_level;
    decision_cause(d, "an operator sets " META_FEATURE_GROUPS " to %d", f->max_version_level);
    return GRANTED;
}

int decide_update_features(const struct meta_image *image,
                           const struct update_features_request *request, int16_t version,
                           struct decision *d, struct update_features_response *reply)
{
    CHECK(d->count == 0);
    const struct update_features_request_feature *asked = request->feature_updates.items;
    int32_t count = request->feature_updates.count < 0 ? 0 : request->feature_updates.count;
    struct update_features_response_result *results =
        decision_take(d, (uint32_t)count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;

    *reply = (struct update_features_response){.results = {.items = results, .count = count}};
    for (int32_t i = 0; i < count; i++) {
        struct refusal refusal = update(image, &asked[i], version, d);
        results[i].feature = asked[i].feature;
        if (refusal.error == KAFKA_NONE) continue;
        *reply = (struct update_features_response){.error_code = refusal.error,
                                                   .error_message = refusal.text};
        decision_cut(d, 0);
        break;
    }
    if (request->validate_only) decision_cut(d, 0);
    return 0;
}
