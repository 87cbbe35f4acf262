#include "broker/groups/consumer_settings.h"

#include <stdio.h>

#include "common/text.h"

const struct topic_table *topics_now(struct groups *gs)
{
    const struct meta_image *image = gs->image;
    bool is_current = !gs->topics_are_stale && gs->topics.version != 0 &&
                      gs->topics_partitions == image->partition_count;
    if (is_current) return &gs->topics;

    topic_table_begin(&gs->topics);
    const struct meta_topic *t;
    for (t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        if (t->partition_count == 0) continue; /* Its partitions are about to come. */
        topic_table_add(&gs->topics, slice_of_text(t->name), t->id, t->partition_count);
    }
    topic_table_end(&gs->topics, image->index + 1);
    gs->topics_are_stale = false;
    gs->topics_partitions = image->partition_count;
    return &gs->topics;
}

/* The group's own value, within what the broker allows; else the broker's. */
static uint32_t number_of(const struct groups *gs, const char *group_id, const char *key,
                          uint32_t otherwise, uint32_t min, uint32_t max)
{
    int64_t value = otherwise;
    const char *text =
        group_id[0] != '\0' ? meta_config_find(gs->image, META_CONFIG_GROUP, group_id, key) : NULL;
    if (text != NULL) (void)text_to_i64(slice_of_text(text), &value);
    if (value < min) return min;
    return value > max ? max : (uint32_t)value;
}

void settings_of(const struct groups *gs, struct slice group_id, struct consumer_settings *out)
{
    const struct groups_options *o = &gs->options->groups;
    char name[META_GROUP_MAX + 1] = "";
    if (group_id.size < sizeof name) {
        (void)snprintf(name, sizeof name, "%.*s", (int)group_id.size, (const char *)group_id.at);
    }
    *out = (struct consumer_settings){
        .session_ms = number_of(gs, name, "consumer.session.timeout.ms", o->consumer.session_ms,
                                o->consumer.session_min_ms, o->consumer.session_max_ms),
        .heartbeat_ms =
            number_of(gs, name, "consumer.heartbeat.interval.ms", o->consumer.heartbeat_ms,
                      o->consumer.heartbeat_min_ms, o->consumer.heartbeat_max_ms),
        .size_max = o->consumer.size_max,
        .classic_size_max = o->size_max,
        .policy = (enum consumer_policy)o->consumer.policy,
        .assignor_count = o->consumer.assignor_count,
        .canary = o->canary,
    };
    for (uint32_t i = 0; i < o->consumer.assignor_count; i++) {
        out->assignors[i] = (enum assignor_kind)o->consumer.assignors[i];
    }
}
