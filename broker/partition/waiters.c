#include "broker/partition/waiters.h"

#include "common/check.h"
#include "proto/kafka_errors.h"

void op_finish(struct partition_host *host, struct op *op, int16_t error)
{
    struct op_group *group = op->group;
    CHECK(!op->is_done);
    CHECK(!op->is_waiting);
    CHECK(group->pending > 0);

    op->is_done = true;
    op->error = error;
    if (--group->pending > 0 || group->kind == OP_FETCH) return;
    CHECK(!group->is_finished);
    group->is_finished = true;
    TAILQ_INSERT_TAIL(&host->finished, group, link);
}

void op_refuse(struct partition_host *host, struct op *op, int16_t error)
{
    const struct meta_partition *state =
        meta_partition_find(host->image, op->topic_id, op->partition);
    op->leader_id = state != NULL ? state->leader : META_NOBODY;
    op->leader_epoch = state != NULL ? state->leader_epoch : -1;
    op_finish(host, op, error);
}

void waiters_add(struct partition *p, struct op_list *list, struct op *op)
{
    CHECK(!op->is_waiting);

    op->is_waiting = true;
    op->at = p;
    TAILQ_INSERT_TAIL(list, op, wait);
}

static struct op_list *list_of(const struct op *op)
{
    struct partition *p = op->at;
    switch (op->group->kind) {
    case OP_PRODUCE:
        if (op->produce.is_held) return &p->held;
        return op->group->acks >= 0 ? &p->waiting_written : &p->waiting_committed;
    case OP_FETCH: return &p->watchers;
    case OP_LIST_OFFSETS: return &p->finding;
    case OP_DELETE_RECORDS: return &p->deleting;
    case OP_EPOCH_END:
    case OP_LOG_SIZE:
    case OP_PRODUCERS:
    case OP_MOVE_DIR: break;
    }
    UNREACHABLE();
}

void waiters_remove(struct op *op)
{
    CHECK(op->is_waiting);

    TAILQ_REMOVE(list_of(op), op, wait);
    op->is_waiting = false;
}

void waiters_note_refusal(struct partition *p, const struct op *op)
{
    struct record_batch_header header;
    p->refused_ms = env_now_ms(p->host->env);
    if (kafka_batch_peek(op->produce.records, &header) == BATCH_OK)
        producers_refused(&p->producers, &header);
}

static void finish(struct partition *p, struct op *op, int16_t error)
{
    waiters_remove(op);
    if (error != KAFKA_NONE && op->group->kind == OP_PRODUCE) waiters_note_refusal(p, op);
    if (error == KAFKA_NOT_LEADER_OR_FOLLOWER) {
        op_refuse(p->host, op, error);
    } else {
        op_finish(p->host, op, error);
    }
}

void waiters_expire(struct partition_host *host, struct op *op, int16_t error)
{
    bool is_held = op->group->kind == OP_PRODUCE && op->produce.is_held;
    if (is_held) waiters_note_refusal(op->at, op); /* It was not appended. */
    waiters_remove(op);
    op_finish(host, op, error);
}

static void finish_produced(struct partition *p, struct op_list *list, int64_t end, int16_t error)
{
    struct op *op;
    while ((op = TAILQ_FIRST(list)) != NULL && op->produce.end_offset <= end) finish(p, op, error);
}

void waiters_on_written(struct partition *p)
{
    waiters_recount(p);
    if (TAILQ_EMPTY(&p->waiting_written)) return;

    /* DESIGN 6.13: the clock is read now, so that a process woken from a stop says nothing stale.
     */
    bool may = p->replica.role == REPLICA_LEADER &&
               replica_may_ack_early(&p->replica, p->host->session_ms, env_clock_ms(p->host->env));
    finish_produced(p, &p->waiting_written, journal_written(p->journal),
                    may ? KAFKA_NONE : KAFKA_NOT_LEADER_OR_FOLLOWER);
}

void waiters_on_assigned(struct partition *p)
{
    finish_produced(p, &p->waiting_written, INT64_MAX, KAFKA_NONE);
    finish_produced(p, &p->waiting_committed, INT64_MAX, KAFKA_NONE);
}

void waiters_on_watermark(struct partition *p)
{
    finish_produced(p, &p->waiting_committed, p->replica.high_watermark, KAFKA_NONE);
    waiters_recount(p);
}

/* Has every replica that is alive dropped what was deleted? */
static bool have_all_started_at(const struct partition *p, int64_t log_start)
{
    for (uint32_t i = 0; i < p->replica.peer_count; i++) {
        const struct replica_peer *peer = &p->replica.peers[i];
        if (!id_set_has(&p->replica.isr, peer->id)) continue;
        if (!peer->has_fetched || peer->start < log_start) return false;
    }
    return true;
}

void waiters_on_follower(struct partition *p)
{
    struct op *op, *next;
    OP_LIST_EACH_SAFE(op, &p->deleting, next)
    {
        if (have_all_started_at(p, op->delete_records.log_start)) finish(p, op, KAFKA_NONE);
    }
}

void waiters_on_found(struct partition *p)
{
    struct journal_found found;
    while (journal_found_time(p->journal, &found)) {
        struct op *op, *next;
        OP_LIST_EACH_SAFE(op, &p->finding, next)
        {
            if ((uint64_t)op->list.found_ms != found.cookie) continue;
            op->list.offset = found.offset;
            op->list.found_ms = found.offset < 0 ? -1 : found.timestamp_ms;
            op->list.epoch = found.leader_epoch;
            finish(p, op, found.rc == 0 ? KAFKA_NONE : KAFKA_KAFKA_STORAGE_ERROR);
            break;
        }
    }
}

static void fail_list(struct partition *p, struct op_list *list, int16_t error)
{
    struct op *op;
    while ((op = TAILQ_FIRST(list)) != NULL) finish(p, op, error);
}

void waiters_fail_all(struct partition *p, int16_t error)
{
    fail_list(p, &p->held, error);
    fail_list(p, &p->waiting_written, error);
    fail_list(p, &p->waiting_committed, error);
    fail_list(p, &p->finding, error);
    fail_list(p, &p->deleting, error);
    /* A fetch finds out by itself when it is looked at again. */
    struct op *op;
    while ((op = TAILQ_FIRST(&p->watchers)) != NULL) {
        op->fetch.says_something = true;
        waiters_remove(op);
        op->group->has_news = true;
        waiters_wake_group(p->host, op->group);
        op_refuse(p->host, op, error);
    }
}

void waiters_fail_beyond(struct partition *p, int64_t end, int16_t error)
{
    struct op_list *lists[] = {&p->waiting_written, &p->waiting_committed};
    for (uint32_t i = 0; i < 2; i++) {
        struct op *op, *next;
        OP_LIST_EACH_SAFE(op, lists[i], next)
        {
            if (op->produce.end_offset > end) finish(p, op, error);
        }
    }
}

/* ---- Fetches. ---- */

void waiters_wake_group(struct partition_host *host, struct op_group *group)
{
    if (group->is_woken || !group->is_parked) return;

    group->is_woken = true;
    TAILQ_INSERT_TAIL(&host->woken, group, link);
}

/* A member of the ISR never is: it would hold the watermark back. */
bool waiters_is_throttled(const struct partition *p, const struct op *op)
{
    int32_t id = op->group->replica_id;
    return id >= 0 && p->config.throttles_leading && !id_set_has(&p->replica.isr, id);
}

static bool must_wait(struct partition *p, const struct op *op)
{
    return waiters_is_throttled(p, op) &&
           !throttle_is_open(&p->host->leading, env_now_ms(p->host->env));
}

/* What a fetch of this op could have now, in bytes; and whether it has something to hear. */
static void recount(struct partition *p, struct op *op)
{
    struct op_group *group = op->group;
    const struct replica *r = &p->replica;
    bool is_consumer = group->replica_id < 0;
    bool sees_all = (p->host->options->broker_canary & BROKER_CANARY_FETCH_UNCOMMITTED) != 0;
    int64_t limit = is_consumer && !sees_all ? r->high_watermark : r->written;
    uint64_t ready =
        op->fetch.offset < limit ? journal_bytes_between(p->journal, op->fetch.offset, limit) : 0;
    if (op->fetch.offset < limit && ready == 0) ready = 1; /* An estimate, but something. */
    if (ready > 0 && must_wait(p, op)) ready = 0;
    if (ready == op->fetch.ready_bytes) return;
    (void)count_add(group->all_ready, ready - op->fetch.ready_bytes);
    op->fetch.ready_bytes = ready;
}

void waiters_watch(struct partition *p, struct op *op)
{
    waiters_add(p, &p->watchers, op);
    recount(p, op);
}

void waiters_recount(struct partition *p)
{
    struct op *op;
    TAILQ_FOREACH(op, &p->watchers, wait)
    {
        recount(p, op);
        if (op->fetch.ready_bytes > 0 && op_group_has_enough(op->group)) {
            waiters_wake_group(p->host, op->group);
        }
    }
}

void waiters_wake(struct partition *p)
{
    struct op *op;
    TAILQ_FOREACH(op, &p->watchers, wait) waiters_wake_group(p->host, op->group);
}
