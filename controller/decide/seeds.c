#include "controller/decide/seeds.h"

#include <stdio.h>

#include "common/check.h"
#include "proto/topic_configs.h"

static bool split(struct slice seed, struct slice *key, struct slice *value)
{
    const uint8_t *equals = seed.at == NULL ? NULL : memchr(seed.at, '=', seed.size);
    if (equals == NULL) return false;
    *key = slice_of(seed.at, (size_t)(equals - seed.at));
    *value = slice_of(equals + 1, seed.size - key->size - 1);
    return key->size <= META_KEY_MAX;
}

static const char *cluster_value(const struct meta_image *image, struct slice key)
{
    char name[META_KEY_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)key.size, (const char *)key.at);
    return meta_config_find(image, CONFIG_RESOURCE_BROKER, "", name);
}

/* Is it a legal default of the cluster? */
static bool is_default(struct slice key, struct slice value)
{
    char why[CONFIG_WHY_SIZE];
    const struct config_key *known = cluster_config_find(key);
    return known != NULL && config_check(known, value, why) == 0;
}

void decide_seeds(const struct meta_image *image, const struct slice *seeds, uint32_t seed_count,
                  struct decision *d)
{
    for (uint32_t i = 0; i < seed_count; i++) {
        struct slice key, value;
        if (!split(seeds[i], &key, &value) || !is_default(key, value)) continue;
        if (cluster_value(image, key) != NULL) continue;

        struct meta_record *r = decision_add(d, META_CONFIG);
        r->config.type = CONFIG_RESOURCE_BROKER;
        r->config.name = slice_of("", 0);
        r->config.key = key;
        r->config.value = value;
    }
}

bool seed_differs(const struct meta_image *image, struct slice seed, struct slice *key,
                  struct slice *value, const char **ours)
{
    if (!split(seed, key, value) || !is_default(*key, *value)) return false;

    *ours = cluster_value(image, *key);
    if (*ours == NULL) {
        const struct config_key *known = cluster_config_find(*key);
        /* A synonym in another unit than the one that is set cannot be compared word for word. */
        if (known->scale != 1) return false;
        *ours = known->otherwise;
    }
    return !slice_equal(*value, slice_of_text(*ours));
}

void decide_birth(const struct meta_image *image, const char *cluster_id, const struct slice *seeds,
                  uint32_t seed_count, struct decision *d)
{
    CHECK(image->cluster_id[0] == 0);
    decision_cause(d, "the cluster is born");

    struct meta_record *cluster = decision_add(d, META_CLUSTER);
    cluster->cluster.cluster_id = slice_of_text(cluster_id);

    struct meta_record *feature = decision_add(d, META_FEATURE);
    feature->feature.name = slice_of_text("metadata.version");
    feature->feature.level = META_LEVEL;

    struct meta_record *groups = decision_add(d, META_FEATURE);
    groups->feature.name = slice_of_text(META_FEATURE_GROUPS);
    groups->feature.level = META_GROUPS_LEVEL;

    decide_seeds(image, seeds, seed_count, d);
}
