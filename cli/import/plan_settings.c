/* Which settings are taken: those that this program knows, with values that it takes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import/plan.h"
#include "proto/topic_configs.h"

/* NULL: there is no such key here. */
static const struct config_key *key_of(const struct kafka_config *c)
{
    struct slice key = slice_of_text(c->key);
    const struct config_key *found = NULL;
    switch (c->type) {
    case CONFIG_RESOURCE_TOPIC: return topic_config_find(key);
    case CONFIG_RESOURCE_GROUP: return group_config_find(key);
    case CONFIG_RESOURCE_BROKER:
        if (c->name[0] == '\0') found = cluster_config_find(key);
        return found == NULL ? broker_config_find(key) : found;
    default: return NULL;
    }
}

static const char *owner_of(const struct kafka_config *c)
{
    switch (c->type) {
    case CONFIG_RESOURCE_TOPIC: return "topic ";
    case CONFIG_RESOURCE_GROUP: return "group ";
    case CONFIG_RESOURCE_BROKER: return c->name[0] == '\0' ? "the cluster" : "broker ";
    default: return "resource ";
    }
}

static bool is_of_left_out_topic(const struct plan *p, const struct kafka_config *c)
{
    if (c->type != CONFIG_RESOURCE_TOPIC) return false;
    for (uint32_t i = 0; i < p->topic_count; i++) {
        const struct topic_plan *t = &p->topics[i];
        if (strcmp(t->kafka->name, c->name) == 0) return t->left_out != NULL;
    }
    return true;
}

static void plan_setting(struct plan *p, const struct kafka_config *c)
{
    const struct config_key *key = key_of(c);
    char why[CONFIG_WHY_SIZE] = "there is no such key here";
    struct slice value = slice_of_text(c->value);
    char *room = get_memory(value.size + 1);
    /* A value may be a secret. */
    const char *shown = c->type == CONFIG_RESOURCE_TOPIC ? c->value : "...";
    if (key != NULL) value = config_normal(key, value, room);
    bool fits = value.size <= META_VALUE_MAX && strlen(c->key) <= META_KEY_MAX &&
                strlen(c->name) <= META_NAME_MAX;
    if (key == NULL || !fits || config_check(key, value, why) != 0) {
        plan_say(&p->left_out, "setting %s=%s of %s%s: %s", c->key, shown, owner_of(c), c->name,
                 why);
        free(room);
        return;
    }
    p->settings = grow_memory(p->settings, (p->setting_count + 1) * sizeof *p->settings);
    struct setting_plan *s = &p->settings[p->setting_count++];
    s->kafka = c;
    s->value = get_memory(value.size + 1);
    memcpy(s->value, value.at, value.size);
    s->value[value.size] = '\0';
    free(room);
}

void plan_settings(struct plan *p)
{
    for (const struct kafka_config *c = p->metadata.configs; c != NULL; c = c->hh.next) {
        if (!is_of_left_out_topic(p, c)) plan_setting(p, c);
    }
}
