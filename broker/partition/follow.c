#include "broker/partition/follow.h"

#include "broker/partition/loans.h"
#include "broker/partition/room.h"
#include "broker/partition/rot.h"
#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

struct partition_position partition_position(const struct partition *p)
{
    CHECK(p->state == PARTITION_READY);

    const struct epochs *epochs = journal_epochs(p->journal);
    int64_t offset = replica_fetch_offset(&p->replica), rot = rot_wanted(p);
    if (offset < journal_start(p->journal)) offset = journal_start(p->journal);
    if (rot >= 0 && rot < offset) offset = rot;
    return (struct partition_position){
        .offset = offset,
        .log_start = journal_start(p->journal),
        .last_epoch = offset > 0 ? epochs_of(epochs, offset - 1) : -1,
        .leader_epoch = p->replica.leader_epoch,
    };
}

void partition_claim(struct partition *p, const struct partition_position *at)
{
    if (p->claimed_epoch != at->leader_epoch) p->claimed_end = 0;
    p->claimed_epoch = at->leader_epoch;
    if (at->offset > p->claimed_end) p->claimed_end = at->offset;
}

bool partition_owes(const struct partition *p)
{
    bool follows = (p->state == PARTITION_READY || p->state == PARTITION_TRUNCATING) &&
                   p->replica.role == REPLICA_FOLLOWER;
    if (!follows || !p->has_fallen_back) return false;
    return p->replica.leader_epoch == p->claimed_epoch &&
           journal_written(p->journal) < p->claimed_end;
}

/* Rules 2 and 3: truncate to where both logs have the same epoch for the last time, as far as one
 * answer tells. If that is not far enough, the next fetch says so. False: ask again, other shards
 * still send bytes of ours. */
static bool on_divergence(struct partition *p, const struct partition_answer *answer)
{
    p->claimed_end = 0; /* It is not believed. */
    if (answer->diverging_epoch < 0) {
        partition_reset(p, answer->log_start >= 0 ? answer->log_start : 0);
        return true;
    }
    if (!loans_revoke(p)) return false;
    int32_t epoch = -1;
    int64_t end = journal_start(p->journal);
    (void)epochs_end_of(journal_epochs(p->journal), answer->diverging_epoch,
                        journal_assigned(p->journal), &epoch, &end);
    if (answer->diverging_end < end) end = answer->diverging_end;
    if (end < journal_start(p->journal)) {
        partition_reset(p, end);
        return true;
    }
    if (end < journal_assigned(p->journal)) partition_truncate(p, end);
    return true;
}

/* The log is empty and begins within this batch: DeleteRecords knows no batches, and a leader sends
 * whole ones. It is to begin where the batch does; its start rises again when that is committed. */
static bool begins_within(struct partition *p, const struct record_batch_header *header)
{
    int64_t start = journal_start(p->journal);
    return start == journal_assigned(p->journal) && header->base_offset < start;
}

static void begin_with(struct partition *p, struct slice batch, struct buf *frame,
                       const struct record_batch_header *header)
{
    partition_reset(p, header->base_offset);
    p->first_frame = buf_ref(frame);
    p->first_at = (uint32_t)(batch.at - frame->data);
    p->first_size = (uint32_t)batch.size;
}

static void note_producer(struct partition *p, const struct record_batch_header *header)
{
    bool forgets = (p->host->options->broker_canary & BROKER_CANARY_FORGET_PRODUCERS) != 0;
    if (!forgets) producers_note(&p->producers, header);
}

void partition_append_first(struct partition *p)
{
    if (p->first_frame == NULL) return;

    struct slice batch = slice_of(p->first_frame->data + p->first_at, p->first_size);
    struct record_batch_header header;
    CHECK(kafka_batch_peek(batch, &header) == BATCH_OK);
    if (p->replica.role == REPLICA_FOLLOWER && journal_assigned(p->journal) == header.base_offset) {
        journal_append(p->journal, p->first_frame, p->first_at, p->first_size, &header);
        note_producer(p, &header);
        partition_appended(p);
    }
    buf_unref(p->first_frame);
    p->first_frame = NULL;
}

/* Appends the batches that we do not have. False: one of them is not sound. */
static bool append_batches(struct partition *p, const struct partition_answer *answer)
{
    struct slice rest = answer->records;
    struct slice batch;
    struct record_batch_header header;
    bool any = false;
    while (kafka_batch_next(&rest, &batch, &header)) {
        if (batch_last_offset(&header) < journal_assigned(p->journal)) continue;
        enum batch_fault fault = kafka_batch_check_crc(batch);
        if (fault == BATCH_OK && header.partition_leader_epoch <= p->replica.leader_epoch &&
            begins_within(p, &header)) {
            begin_with(p, batch, answer->frame, &header);
            return true;
        }
        if (fault != BATCH_OK || header.base_offset < journal_assigned(p->journal) ||
            header.partition_leader_epoch > p->replica.leader_epoch) {
            log_warn(p->host->env, "%s-%d: the leader sent a batch at %lld that is not sound: %s",
                     p->topic, p->key.partition, (long long)header.base_offset,
                     fault != BATCH_OK ? batch_fault_text(fault) : "offset or epoch out of order");
            if (any) partition_appended(p); /* What came before it is to be written. */
            return false;
        }
        size_t at = (size_t)(batch.at - answer->frame->data);
        journal_append(p->journal, answer->frame, (uint32_t)at, (uint32_t)batch.size, &header);
        note_producer(p, &header);
        room_take(p->host, p->dir, batch.size);
        any = true;
    }
    if (any) partition_appended(p);
    return true;
}

static void follow_start(struct partition *p, int64_t leader_start)
{
    int64_t start = leader_start;
    if (start > journal_written(p->journal)) start = journal_written(p->journal);
    if (start > p->replica.high_watermark) start = p->replica.high_watermark;
    partition_set_start(p, start);
}

/* The leader does not have the offset we asked for. */
static bool on_out_of_range(struct partition *p, const struct partition_answer *answer)
{
    if (answer->log_start < 0) return false;

    if (replica_fetch_offset(&p->replica) < answer->log_start) {
        partition_reset(p, answer->log_start); /* Retention was faster than we were. */
        return true;
    }
    if (rot_wanted(p) >= 0) follow_start(p, answer->log_start); /* The bad batch may go with it. */
    return false;
}

/* A bad batch, which the leader has, goes, and with it all that follows: it is fetched again. */
static bool cut_rot(struct partition *p, const struct partition_answer *answer)
{
    int64_t offset = rot_sent(p, answer);
    if (offset < 0 || !loans_revoke(p)) return false;
    p->has_fallen_back = true;
    /* It begins before the log does: a cut at the start would leave it where it is. */
    if (journal_rot(p->journal)->offset < journal_start(p->journal)) {
        partition_reset(p, journal_start(p->journal));
        return true;
    }

    log_warn(p->host->env, "%s-%d: cut at %lld, where a batch is bad: broker %d has sent it",
             p->topic, p->key.partition, (long long)offset, p->replica.leader);
    p->cut_count++;
    (void)journal_cut(p->journal, offset);
    p->state = PARTITION_TRUNCATING;
    partition_ends_moved(p);
    return true;
}

bool partition_on_answer(struct partition *p, const struct partition_answer *answer)
{
    if (p->state != PARTITION_READY || p->replica.role != REPLICA_FOLLOWER) return true;
    if (p->is_swapping) return true; /* It is asked for once more. */
    if (answer->leader_epoch != p->replica.leader_epoch)
        return true; /* Of an epoch that is over. */
    if (answer->error == KAFKA_OFFSET_OUT_OF_RANGE) return on_out_of_range(p, answer);
    if (answer->error != KAFKA_NONE) return false;
    if (answer->diverging_end >= 0) {
        return on_divergence(p, answer);
    }

    if (cut_rot(p, answer)) return true;
    bool sound = append_batches(p, answer);
    if (p->state != PARTITION_READY) return sound;
    if (answer->high_watermark >= 0) {
        struct replica_event event = {.kind = REPLICA_FOLLOWED};
        event.followed.high_watermark = answer->high_watermark;
        partition_step(p, &event);
    }
    if (answer->log_start >= 0) follow_start(p, answer->log_start);
    return sound;
}
