#include "broker/throttles.h"

#include "proto/topic_configs.h"

struct side {
    struct throttle *throttle;
    const char *rate_key;
    const char *replicas_key;
    bool leads;
};

static bool is_catching_up(const struct meta_partition *p, int32_t self, bool leads)
{
    if (!leads) return id_set_has(&p->replicas, self) && !id_set_has(&p->isr, self);
    return p->leader == self && p->isr.count < p->replicas.count;
}

static void count_topic(const struct shard *s, const struct side *side,
                        const struct meta_topic *topic, uint32_t *mine, uint32_t *all)
{
    const char *list =
        meta_config_find(&s->image, CONFIG_RESOURCE_TOPIC, topic->name, side->replicas_key);
    if (list == NULL) return;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        int32_t number = (int32_t)i;
        if (!is_catching_up(&topic->partitions[i], s->options->id, side->leads)) continue;
        if (!throttled_replicas_have(list, number, s->options->id)) continue;
        (*all)++;
        *mine += shard_of_partition(s->options, topic->name, number) == s->number;
    }
}

static void set_one(struct shard *s, const struct side *side)
{
    int64_t configured = broker_config_number(&s->image, s->options->id, side->rate_key);
    uint64_t rate = configured == INT64_MAX ? THROTTLE_NONE : (uint64_t)configured;
    uint32_t mine = 0, all = 0;
    const struct meta_topic *t = rate == THROTTLE_NONE ? NULL : s->image.topics_by_name;
    for (; t != NULL; t = t->by_name.next) count_topic(s, side, t, &mine, &all);
    if (mine > 0 && mine < all && rate > 0) rate = (rate / all + 1) * mine;
    throttle_set(side->throttle, rate, env_now_ms(s->env));
}

void throttles_on_image(struct shard *s)
{
    const struct side sides[] = {
        {&s->host.leading, "leader.replication.throttled.rate",
         "leader.replication.throttled.replicas", true},
        {&s->host.following, "follower.replication.throttled.rate",
         "follower.replication.throttled.replicas", false},
    };
    for (uint32_t i = 0; i < 2; i++) set_one(s, &sides[i]);
    int64_t moving = broker_config_number(&s->image, s->options->id,
                                          "replica.alter.log.dirs.io.max.bytes.per.second");
    uint64_t rate = moving == INT64_MAX ? THROTTLE_NONE : (uint64_t)moving;
    if (rate != THROTTLE_NONE && rate > 0) rate = rate / s->options->shard_count + 1;
    throttle_set(&s->host.moving, rate, env_now_ms(s->env));
}
