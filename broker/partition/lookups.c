#include "broker/partition/lookups.h"

#include "broker/partition/mover.h"
#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/list_offsets.h"

static int16_t check_leader(const struct partition *p, const struct op *op)
{
    if (!partition_leads(p) || p->state != PARTITION_READY) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (op->current_leader_epoch == -1) return KAFKA_NONE;
    if (op->current_leader_epoch < p->replica.leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (op->current_leader_epoch > p->replica.leader_epoch) return KAFKA_UNKNOWN_LEADER_EPOCH;
    return KAFKA_NONE;
}

void partition_list_offsets(struct partition *p, struct op *op)
{
    op->list.offset = -1;
    op->list.found_ms = -1;
    op->list.epoch = -1;
    int16_t error = check_leader(p, op);
    if (error != KAFKA_NONE) {
        op_refuse(p->host, op, error);
        return;
    }
    const struct epochs *epochs = journal_epochs(p->journal);
    const struct replica *r = &p->replica;
    int64_t end = op->list.is_follower ? r->written : r->high_watermark;
    if (op->list.timestamp_ms == LIST_OFFSETS_EARLIEST ||
        op->list.timestamp_ms == LIST_OFFSETS_EARLIEST_LOCAL) {
        op->list.offset = journal_start(p->journal);
        /* Where nothing is yet, what comes is of this epoch. */
        bool is_empty = op->list.offset == r->written;
        op->list.epoch = is_empty ? r->leader_epoch : epochs_of(epochs, op->list.offset);
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    /* KIP-207: until the new leader's watermark has reached the start of its epoch, "latest" would
     * go back in time. */
    if (!op->list.is_follower && r->high_watermark < r->epoch_start) {
        op_finish(p->host, op, KAFKA_OFFSET_NOT_AVAILABLE);
        return;
    }
    if (op->list.timestamp_ms == LIST_OFFSETS_LATEST) {
        op->list.offset = end;
        op->list.epoch = r->leader_epoch;
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    if (op->list.timestamp_ms < 0 && op->list.timestamp_ms != LIST_OFFSETS_MAX_TIMESTAMP) {
        /* Tiered storage does not exist here: nothing is remote. */
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    op->list.found_ms = (int64_t)++p->next_cookie; /* Until it is found. */
    waiters_add(p, &p->finding, op);
    journal_find_time(p->journal, op->list.timestamp_ms, end, p->next_cookie);
}

void partition_epoch_end(struct partition *p, struct op *op)
{
    op->epoch_end.epoch = -1;
    op->epoch_end.end_offset = -1;
    int16_t error = check_leader(p, op);
    if (error != KAFKA_NONE) {
        op_refuse(p->host, op, error);
        return;
    }
    if (op->epoch_end.asked == p->replica.leader_epoch) {
        op->epoch_end.epoch = p->replica.leader_epoch;
        op->epoch_end.end_offset = journal_written(p->journal);
    } else if (op->epoch_end.asked < p->replica.leader_epoch) {
        (void)epochs_end_of(journal_epochs(p->journal), op->epoch_end.asked,
                            journal_written(p->journal), &op->epoch_end.epoch,
                            &op->epoch_end.end_offset);
    }
    op_finish(p->host, op, KAFKA_NONE);
}

void partition_delete_records(struct partition *p, struct op *op)
{
    op->delete_records.log_start = -1;
    if (!partition_leads(p) || p->state != PARTITION_READY) {
        op_refuse(p->host, op, KAFKA_NOT_LEADER_OR_FOLLOWER);
        return;
    }
    if (!p->config.is_deleted) { /* Compaction alone may let records of such a topic go. */
        op_finish(p->host, op, KAFKA_POLICY_VIOLATION);
        return;
    }
    int64_t before = op->delete_records.before;
    if (before == -1) before = p->replica.high_watermark;
    if (before < 0 || before > p->replica.high_watermark) {
        op_finish(p->host, op, KAFKA_OFFSET_OUT_OF_RANGE);
        return;
    }
    partition_set_start(p, before);
    op->delete_records.log_start = journal_start(p->journal);
    waiters_add(p, &p->deleting, op);
    /* Followers learn of it with their next answer, which must not wait. */
    struct op *watcher;
    TAILQ_FOREACH(watcher, &p->watchers, wait)
    {
        if (watcher->group->replica_id < 0) continue;
        watcher->fetch.says_something = true;
        watcher->group->has_news = true;
    }
    waiters_wake(p);
    waiters_on_follower(p);
}

void partition_log_size(struct partition *p, struct op *op)
{
    if (p->state != PARTITION_READY && p->state != PARTITION_TRUNCATING) {
        op_finish(p->host, op, KAFKA_KAFKA_STORAGE_ERROR);
        return;
    }
    const struct replica *r = &p->replica;
    int64_t committed =
        r->leader_watermark > r->high_watermark ? r->leader_watermark : r->high_watermark;
    int64_t lag = committed - journal_written(p->journal);
    op->log_size.dir = p->dir;
    if (!mover_progress(p, &op->log_size.future_dir, &op->log_size.future_bytes,
                        &op->log_size.future_lag))
        op->log_size.future_dir = DIR_NONE;
    op->log_size.size_bytes = (int64_t)journal_size_bytes(p->journal);
    op->log_size.lag = lag > 0 ? lag : 0;
    op->log_size.epoch = epochs_last(journal_epochs(p->journal));
    op->log_size.start = journal_start(p->journal);
    op->log_size.end = journal_written(p->journal);
    op->log_size.high_watermark = r->high_watermark;
    op_finish(p->host, op, KAFKA_NONE);
}

void partition_producers(struct partition *p, struct op *op)
{
    if (p->state != PARTITION_READY) {
        op_refuse(p->host, op, KAFKA_NOT_LEADER_OR_FOLLOWER);
        return;
    }
    op->producers.states = producers_list(&p->producers, &op->producers.count);
    op_finish(p->host, op, KAFKA_NONE);
}
