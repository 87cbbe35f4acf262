#include "broker/preferences.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

struct preference {
    struct partition_key key;
    uint32_t dir;
    UT_hash_handle hh;
};

static struct preference *find(const struct shard *s, struct uuid topic_id, int32_t partition)
{
    struct partition_key key = {.topic_id = topic_id, .partition = partition};
    struct preference *found = NULL;
    HASH_FIND(hh, s->preferences, &key, sizeof key, found);
    return found;
}

void preferences_note(struct shard *s, struct uuid topic_id, int32_t partition, uint32_t dir)
{
    struct preference *p = find(s, topic_id, partition);
    if (p == NULL) {
        if (HASH_COUNT(s->preferences) >= PREFERENCES_MAX) return;
        p = calloc(1, sizeof *p);
        CHECK(p != NULL);
        p->key.topic_id = topic_id;
        p->key.partition = partition;
        HASH_ADD(hh, s->preferences, key, sizeof p->key, p);
    }
    p->dir = dir;
}

uint32_t preferences_take(struct shard *s, struct uuid topic_id, int32_t partition)
{
    struct preference *p = find(s, topic_id, partition);
    if (p == NULL) return DIR_NONE;
    uint32_t dir = p->dir;
    HASH_DEL(s->preferences, p);
    free(p);
    return dir;
}

void preferences_close(struct shard *s)
{
    struct preference *p, *next;
    HASH_ITER(hh, s->preferences, p, next)
    {
        HASH_DEL(s->preferences, p);
        free(p);
    }
}
