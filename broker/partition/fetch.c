#include "broker/partition/fetch.h"

#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

static bool is_follower(const struct op *op)
{
    return op->group->replica_id >= 0;
}

/* Rule 4: whoever speaks of another epoch is fenced, both ways. */
static int16_t check_epoch(const struct partition *p, const struct op *op)
{
    if (!partition_leads(p) || p->state != PARTITION_READY) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (op->current_leader_epoch == -1 && !is_follower(op)) return KAFKA_NONE;
    if ((p->host->options->broker_canary & BROKER_CANARY_NO_EPOCH_FENCE) != 0) return KAFKA_NONE;
    if (op->current_leader_epoch < p->replica.leader_epoch) return KAFKA_FENCED_LEADER_EPOCH;
    if (op->current_leader_epoch > p->replica.leader_epoch) return KAFKA_UNKNOWN_LEADER_EPOCH;
    /* It has read from a later leader than we are: we would tell it that the logs part. */
    if (op->fetch.last_epoch > p->replica.leader_epoch) return KAFKA_UNKNOWN_LEADER_EPOCH;
    return KAFKA_NONE;
}

/* KIP-320, rule 3: the logs part where the last epoch that the other has read ends here. */
static bool diverges(const struct partition *p, struct op *op)
{
    if (op->fetch.last_epoch < 0) return false;
    uint32_t canary = p->host->options->broker_canary;
    bool is_served = (canary & BROKER_CANARY_NO_EPOCH_FENCE) != 0 &&
                     op->current_leader_epoch != p->replica.leader_epoch;
    if (is_served || (canary & BROKER_CANARY_NO_DIVERGENCE) != 0) return false;

    int32_t epoch = -1;
    int64_t end = journal_start(p->journal);
    (void)epochs_end_of(journal_epochs(p->journal), op->fetch.last_epoch,
                        journal_assigned(p->journal), &epoch, &end);
    if (epoch == op->fetch.last_epoch && end >= op->fetch.offset) return false;
    /* Everything that it has lies before our log's start: its copy is old, not another. */
    if (epoch < 0 && op->fetch.offset <= journal_start(p->journal)) return false;

    op->fetch.diverging_epoch = epoch;
    op->fetch.diverging_end = end;
    return true;
}

static int64_t visible_end(const struct partition *p, const struct op *op)
{
    if (is_follower(op)) return p->replica.written;
    if ((p->host->options->broker_canary & BROKER_CANARY_FETCH_UNCOMMITTED) != 0) {
        return p->replica.written;
    }
    return p->replica.high_watermark;
}

static void note_follower(struct partition *p, const struct op *op)
{
    const struct meta_broker *broker = meta_broker_find(p->host->image, op->group->replica_id);
    struct replica_event event = {.kind = REPLICA_FETCHED};
    event.fetched.id = op->group->replica_id;
    event.fetched.broker_epoch = op->group->replica_epoch;
    event.fetched.is_eligible = broker != NULL && !broker->fenced && !broker->stopping &&
                                broker->epoch == op->group->replica_epoch;
    event.fetched.alive_ms = op->group->replica_alive_ms;
    event.fetched.offset = op->fetch.offset;
    event.fetched.log_start = op->fetch.log_start;
    partition_step(p, &event);
    waiters_on_follower(p);
}

static void fill_state(const struct partition *p, struct op *op)
{
    op->fetch.high_watermark = p->replica.high_watermark;
    op->fetch.start = journal_start(p->journal);
    if (op->fetch.told_watermark >= 0 && op->fetch.told_watermark != op->fetch.high_watermark) {
        op->fetch.says_something = true;
    }
    if (op->fetch.told_start >= 0 && op->fetch.told_start != op->fetch.start) {
        op->fetch.says_something = true;
    }
}

static void say_error(struct partition *p, struct op *op, int16_t error)
{
    op->fetch.says_something = true;
    op->group->has_news = true;
    op->fetch.high_watermark = -1;
    op->fetch.start = -1;
    if (error == KAFKA_OFFSET_OUT_OF_RANGE) fill_state(p, op);
    op_refuse(p->host, op, error);
}

static bool holds_lease(const struct partition *p)
{
    return replica_may_ack_early(&p->replica, p->host->session_ms, env_clock_ms(p->host->env));
}

void partition_watch(struct partition *p, struct op *op)
{
    op->fetch.diverging_epoch = -1;
    op->fetch.diverging_end = -1;
    int16_t error = check_epoch(p, op);
    if (error != KAFKA_NONE) {
        say_error(p, op, error);
        return;
    }
    if (is_follower(op) && !id_set_has(&p->replica.replicas, op->group->replica_id)) {
        say_error(p, op, KAFKA_UNKNOWN_LEADER_EPOCH); /* It knows more, or less, than we do. */
        return;
    }
    if (diverges(p, op)) {
        /* What a consumer has read is committed. If the logs part there, we are a leader of the
         * past, unless there was an unclean election: then our lease holds. */
        if (!is_follower(op) && !holds_lease(p)) {
            say_error(p, op, KAFKA_NOT_LEADER_OR_FOLLOWER);
            return;
        }
        op->group->has_news = true;
        fill_state(p, op);
        op->fetch.says_something = true;
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    int64_t end = is_follower(op) ? journal_assigned(p->journal) : journal_written(p->journal);
    if (op->fetch.offset < journal_start(p->journal) || op->fetch.offset > end) {
        say_error(p, op, KAFKA_OFFSET_OUT_OF_RANGE);
        return;
    }
    if (is_follower(op)) note_follower(p, op);
    if (!partition_leads(p)) {
        say_error(p, op, KAFKA_NOT_LEADER_OR_FOLLOWER); /* Taking note changed our role. */
        return;
    }
    fill_state(p, op);
    waiters_watch(p, op);
}

enum journal_read partition_read(struct op *op, uint64_t max_bytes, bool at_least_one)
{
    CHECK(op->is_waiting);
    struct partition *p = op->at;

    fill_state(p, op);
    op->fetch.range = (struct journal_range){0};
    int64_t end = visible_end(p, op);
    bool is_throttled = waiters_is_throttled(p, op);
    uint64_t now_ms = env_now_ms(p->host->env);
    bool is_shut = is_throttled && !throttle_is_open(&p->host->leading, now_ms);
    enum journal_read result = JOURNAL_READ_OK;
    if (op->fetch.offset < end && !is_shut && (max_bytes > 0 || at_least_one)) {
        uint64_t wanted = op->fetch.max_bytes < max_bytes ? op->fetch.max_bytes : max_bytes;
        result = journal_read(p->journal, op->fetch.offset, end, (uint32_t)wanted, at_least_one,
                              &op->fetch.range);
    }
    if (result == JOURNAL_READ_WAIT) return result;

    if (is_throttled) throttle_spend(&p->host->leading, op->fetch.range.size, now_ms);
    waiters_remove(op);
    int16_t error = result == JOURNAL_READ_OK       ? KAFKA_NONE
                    : result == JOURNAL_READ_BEYOND ? KAFKA_OFFSET_OUT_OF_RANGE
                                                    : KAFKA_KAFKA_STORAGE_ERROR;
    if (error != KAFKA_NONE) op->fetch.says_something = true;
    op_finish(p->host, op, error);
    return result;
}
