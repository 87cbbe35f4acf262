#include "broker/partition/rot.h"

#include "common/check.h"

void rot_look(struct partition *p)
{
    const struct journal_rot *rot = p->journal == NULL ? NULL : journal_rot(p->journal);
    if (p->is_rotten == (rot != NULL)) return;

    p->is_rotten = rot != NULL;
    p->host->fares_changed = true;
    if (rot != NULL) {
        p->host->rot_found++;
        log_error(p->host->env, "%s-%d: a bad batch: %s", p->topic, p->key.partition, rot->why);
    } else {
        p->host->rot_gone++;
        log_info(p->host->env, "%s-%d: the bad batch is gone", p->topic, p->key.partition);
    }
}

static const struct meta_partition *state_of(const struct partition *p)
{
    return meta_partition_find(p->host->image, p->key.topic_id, p->key.partition);
}

static uint32_t others_in_sync(const struct partition *p, const struct meta_partition *state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->isr.count; i++) {
        const struct meta_broker *b = meta_broker_find(p->host->image, state->isr.ids[i]);
        count += state->isr.ids[i] != p->host->options->id && b != NULL && !b->fenced;
    }
    return count;
}

bool rot_gives_up(const struct partition *p)
{
    const struct meta_partition *state = p->is_rotten ? state_of(p) : NULL;
    if (state == NULL || state->replicas.count < 2) return false;

    /* Who leads with a bad batch keeps readers, and whoever is to catch up, from it: then, and once
     * the metadata count on it no more, one other that has everything is enough. */
    bool is_counted = id_set_has(&state->isr, p->host->options->id);
    if (state->leader == p->host->options->id || !is_counted) return others_in_sync(p, state) > 0;

    uint32_t others = state->replicas.count - 1;
    uint32_t min = p->config.min_isr < 1 ? 1 : (uint32_t)p->config.min_isr;
    return others_in_sync(p, state) >= (min < others ? min : others);
}

int64_t rot_wanted(const struct partition *p)
{
    if (!p->is_rotten || p->replica.role != REPLICA_FOLLOWER || !rot_gives_up(p)) return -1;
    const struct meta_partition *state = state_of(p);
    if (id_set_has(&state->isr, p->host->options->id)) return -1;
    if (!id_set_has(&state->offline, p->host->options->id)) return -1;

    int64_t offset = journal_rot(p->journal)->offset;
    return offset < journal_start(p->journal) ? journal_start(p->journal) : offset;
}

int64_t rot_sent(const struct partition *p, const struct partition_answer *answer)
{
    int64_t wanted = rot_wanted(p);
    struct slice rest = answer->records, batch;
    struct record_batch_header header;
    if (wanted < 0) return -1;
    /* Who leads was in sync, and has all that is committed; its watermark may be behind ours for as
     * long as there are too few in sync, which is until we are back. */
    if (!kafka_batch_next(&rest, &batch, &header)) return -1;
    if (header.base_offset > wanted || batch_last_offset(&header) < wanted) return -1;
    return kafka_batch_check_crc(batch) == BATCH_OK ? wanted : -1;
}
