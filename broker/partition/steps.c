#include "broker/partition/steps.h"

#include <stdio.h>

#include "broker/partition/record.h"
#include "broker/partition/rot.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

void partition_mark_moved(struct partition *p)
{
    if (p->moved) return;

    p->moved = true;
    TAILQ_INSERT_TAIL(&p->host->moved, p, moved_link);
}

void partition_mark_dirty(struct partition *p)
{
    if (p->is_dirty) return;

    p->is_dirty = true;
    TAILQ_INSERT_TAIL(&p->host->dirty, p, dirty_link);
}

/* Says what was seen of whoever is to leave the ISR. */
static void tell_who_leaves(const struct partition *p)
{
    const struct replica *r = &p->replica;
    const struct id_set *to = replica_proposal(r);
    uint64_t now_ms = env_now_ms(p->host->env);
    for (uint32_t i = 0; i < r->isr.count && r->handover != HANDOVER_PROPOSED; i++) {
        const struct replica_peer *peer = replica_peer_find(r, r->isr.ids[i]);
        if (peer == NULL || id_set_has(to, peer->id)) continue;
        log_info(p->host->env,
                 "%s-%d: broker %d leaves the ISR: it last fetched %llu ms ago, and was caught up "
                 "%llu ms ago",
                 p->topic, p->key.partition, peer->id,
                 (unsigned long long)(now_ms - peer->fetch_ms),
                 (unsigned long long)(now_ms - peer->caught_up_ms));
    }
}

/* A compacted log that has closed a segment is looked at as soon as that can be compacted: how
 * large it becomes does not depend on how often somebody looks. */
static void tell_cleaner(struct partition *p)
{
    if (!p->config.is_compacted || p->state != PARTITION_READY) return;
    int64_t base = journal_active_base(p->journal);
    if (base < p->told_cleaner) p->told_cleaner = base; /* It was cut. */
    if (base == p->told_cleaner) return;
    if (journal_durable(p->journal) < base) {
        journal_sync_sealed(p->journal);
    } else if (p->replica.high_watermark >= base) {
        p->told_cleaner = base;
        p->host->clean_is_due = true;
    }
}

/* Carries out what a step of the core wants. */
static void carry_out(struct partition *p, const struct replica_effects *effects)
{
    if (effects->role_changed) {
        p->role_ms = env_now_ms(p->host->env);
        waiters_fail_all(p, KAFKA_NOT_LEADER_OR_FOLLOWER);
        partition_mark_moved(p);
    }
    if (effects->propose_isr && !p->wants_isr) {
        tell_who_leaves(p);
        p->wants_isr = true;
        TAILQ_INSERT_TAIL(&p->host->proposals, p, proposal_link);
    }
    if (effects->opened) partition_mark_moved(p); /* What was held is looked at then. */
    if (effects->watermark_moved) {
        waiters_on_watermark(p);
        tell_cleaner(p);
    }
}

void partition_step(struct partition *p, struct replica_event *event)
{
    struct replica_effects effects = {0};
    event->now_ms = env_now_ms(p->host->env);
    event->assigned = journal_assigned(p->journal);
    partition_record_before(p, event);
    replica_step(&p->replica, event, &effects);
    partition_record_step(p, event, &effects);
    carry_out(p, &effects);
}

void partition_ends_moved(struct partition *p)
{
    struct replica_event event = {.kind = REPLICA_ENDS};
    event.ends.log_start = journal_start(p->journal);
    event.ends.written = journal_written(p->journal);
    event.ends.durable = journal_durable(p->journal);
    if (event.ends.durable < event.ends.log_start) event.ends.durable = event.ends.log_start;
    partition_step(p, &event);
    waiters_on_written(p);
    partition_sync_rest(p);
    tell_cleaner(p);
    rot_look(p);
}

void partition_sync_rest(struct partition *p)
{
    if (p->state != PARTITION_READY) return;

    int64_t durable = journal_durable(p->journal), start = journal_start(p->journal);
    int64_t unsynced = journal_written(p->journal) - (durable < start ? start : durable);
    if (unsynced >= p->config.flush_messages) journal_sync(p->journal);
}

void partition_truncate(struct partition *p, int64_t offset)
{
    CHECK(p->state == PARTITION_READY);

    p->cut_count++;
    if (offset < p->replica.high_watermark) {
        log_error(p->host->env,
                  "%s-%d: truncating to %lld, below the high watermark %lld: the "
                  "leader of epoch %d does not have what was committed",
                  p->topic, p->key.partition, (long long)offset,
                  (long long)p->replica.high_watermark, p->replica.leader_epoch);
    } else {
        log_info(p->host->env, "%s-%d: truncating from %lld to %lld", p->topic, p->key.partition,
                 (long long)journal_assigned(p->journal), (long long)offset);
    }
    (void)journal_truncate(p->journal, offset);
    p->state = PARTITION_TRUNCATING;
    partition_ends_moved(p);
}

void partition_reset(struct partition *p, int64_t offset)
{
    CHECK(p->state == PARTITION_READY);
    log_warn(p->host->env, "%s-%d: starting anew at %lld (had %lld to %lld)", p->topic,
             p->key.partition, (long long)offset, (long long)journal_start(p->journal),
             (long long)journal_assigned(p->journal));

    p->cut_count++;
    buf_unref(p->first_frame);
    p->first_frame = NULL;
    journal_reset(p->journal, offset);
    p->state = PARTITION_TRUNCATING;
    partition_ends_moved(p);
}

void partition_set_start(struct partition *p, int64_t offset)
{
    if (offset <= journal_start(p->journal)) return;

    journal_set_start(p->journal, offset);
    p->host->dirs[p->dir].checkpoint_is_due = true;
    partition_ends_moved(p);
}

void partition_appended(struct partition *p)
{
    partition_mark_dirty(p);
    if ((p->host->options->broker_canary & BROKER_CANARY_ACK_UNWRITTEN) != 0) {
        waiters_on_assigned(p);
    }
}

void host_dir_died(struct partition_host *host, uint32_t dir, const char *why)
{
    struct host_dir *d = &host->dirs[dir];
    if (d->is_dead) return;

    d->is_dead = true;
    (void)snprintf(d->why, sizeof d->why, "%s", why);
    for (uint32_t i = 0; i < host->options->log_dir_count; i++) {
        if (!host->dirs[i].is_dead) return;
    }
    host->halted = 1;
    env_halt(host->env, why);
}
