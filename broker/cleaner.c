#include "broker/cleaner.h"

#include "common/check.h"

static struct journal_cleaning cleaning_of(const struct shard *s, const struct partition *p)
{
    return (struct journal_cleaning){
        .wall_ms = env_wall_ms(s->env),
        .delete_retention_ms = p->config.delete_retention_ms,
        .min_lag_ms = p->config.compaction_lag_min_ms,
        .max_lag_ms = p->config.compaction_lag_max_ms,
        .limit = p->replica.high_watermark,
        .map_bytes = s->options->cleaner_map_bytes / s->options->shard_count,
    };
}

/* How much of it is new, in parts per 10,000; 0: it need not be looked at. */
static uint32_t need_of(const struct shard *s, const struct partition *p)
{
    if (p->state != PARTITION_READY || !p->config.is_compacted || p->is_swapping) return 0;
    struct journal_cleaning how = cleaning_of(s, p);
    struct journal_dirt dirt = journal_dirt(p->journal, &how);
    return journal_dirt_need(&dirt, p->config.dirty_part_min);
}

static bool begin(struct shard *s)
{
    struct partition *best = NULL;
    uint32_t most = 0;
    for (struct partition *p = s->partitions; p != NULL; p = p->hh.next) {
        uint32_t need = need_of(s, p);
        if (need <= most) continue;
        best = p;
        most = need;
    }
    if (best == NULL) return false;
    struct journal_cleaning how = cleaning_of(s, best);
    if (!journal_clean(best->journal, &how)) return false;
    s->cleaning = best;
    s->cleaning_from = journal_cleaned(best->journal);
    return true;
}

/* A pass is over. True: it has got further. */
static bool end(struct shard *s)
{
    const struct partition *p = s->cleaning;
    s->cleaning = NULL;
    bool got_on = journal_cleaned(p->journal) > s->cleaning_from;
    env_log(s->env, got_on ? LOG_INFO : LOG_WARN, "%s-%d: %s", p->topic, p->key.partition,
            journal_clean_report(p->journal));
    return got_on;
}

uint64_t cleaner_turn(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (!s->options->cleaner_enabled || s->host.is_stopping) return ENV_NEVER;
    if (s->cleaning != NULL) {
        if (journal_is_cleaning(s->cleaning->journal)) return ENV_NEVER; /* A job comes home. */
        /* What does not get on is not tried again at once. */
        s->next_clean_ms = end(s) ? now_ms : now_ms + s->options->cleaner_backoff_ms;
    }
    if (s->partition_count == 0) return ENV_NEVER;
    if (s->host.clean_is_due) s->next_clean_ms = now_ms;
    s->host.clean_is_due = false;
    if (s->next_clean_ms <= now_ms) {
        s->next_clean_ms = now_ms + s->options->cleaner_backoff_ms;
        if (begin(s)) return ENV_NEVER;
    }
    return s->next_clean_ms;
}

void cleaner_forget(struct shard *s, const struct partition *p)
{
    if (s->cleaning == p) s->cleaning = NULL;
}
