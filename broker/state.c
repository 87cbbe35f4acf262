#include "broker/state.h"

#include "broker/partition/folder.h"

uint32_t shard_of_partition(const struct broker_options *o, const char *topic, int32_t number)
{
    return 1 + folder_hash(topic, number) % o->shard_count;
}

void shard_post(struct shard *s, uint32_t to, struct post *post)
{
    s->posts_out++;
    env_post(s->env, to, post);
}

struct partition *shard_partition(const struct shard *s, struct uuid topic_id, int32_t number)
{
    struct partition_key key = {.topic_id = topic_id, .partition = number};
    struct partition *found = NULL;
    HASH_FIND(hh, s->partitions, &key, sizeof key, found);
    return found;
}
