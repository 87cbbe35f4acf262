#include "broker/ends.h"

#include <stdlib.h>

#include "broker/partition/partition.h"
#include "common/check.h"

#define AGAIN_MS 1000

static bool is_wanted(const struct partition *p)
{
    return p->state == PARTITION_READY && p->replica.leader == META_NOBODY &&
           p->replica.partition_epoch >= 0;
}

/* Its log is not open yet, or is being put right, or one of the past is still going: nothing says
 * when that is over. */
static bool may_be_wanted(const struct partition *p)
{
    return p->state != PARTITION_READY && p->state != PARTITION_FAILED;
}

uint64_t ends_turn(struct shard *s, bool is_news)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (!is_news && now_ms < s->ends_due_ms) return s->ends_due_ms;

    s->ends_due_ms = ENV_NEVER;
    struct post_ends *post = NULL;
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (is_wanted(p) || may_be_wanted(p)) s->ends_due_ms = now_ms + AGAIN_MS;
        if (!is_wanted(p)) continue;
        if (post == NULL) {
            post = calloc(1, sizeof *post);
            CHECK(post != NULL);
            post->post.link.kind = POST_ENDS;
        }
        post->ends[post->count++] = (struct rpc_log_end){
            .topic_id = p->key.topic_id,
            .partition = p->key.partition,
            .epoch = epochs_last(journal_epochs(p->journal)),
            .end = journal_written(p->journal),
        };
        if (post->count < POST_ENDS_MAX) continue;
        shard_post(s, BROKER_LINK_ACTOR, &post->post);
        post = NULL;
    }
    if (post != NULL) shard_post(s, BROKER_LINK_ACTOR, &post->post);
    return s->ends_due_ms;
}
