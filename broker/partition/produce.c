#include "broker/partition/produce.h"

#include "broker/partition/keys.h"
#include "broker/partition/repack.h"
#include "broker/partition/room.h"
#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define ACKS_ALL (-1)
#define GAP_SAID_MS 10000
#define GAP_GRACE_MS 5000 /* Clients wait a second before they send again. */

static bool has_canary(const struct partition *p, uint32_t canary)
{
    return (p->host->options->broker_canary & canary) != 0;
}

/* May this leader take anything at all? */
static int16_t check_leader(struct partition *p, const struct op *op)
{
    if (!partition_leads(p) || p->state != PARTITION_READY) return KAFKA_NOT_LEADER_OR_FOLLOWER;

    if (p->host->dirs[p->dir].is_short && !p->is_own) return KAFKA_KAFKA_STORAGE_ERROR;
    bool is_all = op->group->acks == ACKS_ALL;
    if (is_all && !replica_has_min_isr(&p->replica)) return KAFKA_NOT_ENOUGH_REPLICAS;
    if (is_all && p->replica.isr.count < 2) return KAFKA_NONE;
    /* acks=all is safe without a lease, but nobody would acknowledge it. Refused at once, a
     * producer looks for the leader, and never hears from an old one that its sequences have a gap,
     * which librdkafka takes for its end. */
    bool may = replica_may_ack_early(&p->replica, p->host->session_ms, env_clock_ms(p->host->env));
    return may ? KAFKA_NONE : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

static int16_t refuse(struct op *op, int16_t error, const char *why)
{
    op->produce.why = why;
    return error;
}

static int16_t check_time(const struct partition *p, struct op *op, const struct batch_facts *facts)
{
    if (p->config.is_log_append_time) return KAFKA_NONE;

    int64_t now_ms = env_wall_ms(p->host->env);
    bool too_late = facts->timestamp_max > now_ms &&
                    facts->timestamp_max - now_ms > p->config.timestamp_after_max_ms;
    bool too_early = facts->timestamp_min >= 0 && facts->timestamp_min < now_ms &&
                     now_ms - facts->timestamp_min > p->config.timestamp_before_max_ms;
    if (too_late) {
        return refuse(op, KAFKA_INVALID_TIMESTAMP,
                      "a timestamp is further in the future than message.timestamp.after.max.ms");
    }
    if (too_early) {
        return refuse(op, KAFKA_INVALID_TIMESTAMP,
                      "a timestamp is older than message.timestamp.before.max.ms allows");
    }
    return KAFKA_NONE;
}

static int16_t check_keys(struct op *op)
{
    op->produce.keyless = batch_keyless(op->produce.records, NULL, 0);
    if (op->produce.keyless == 0) return KAFKA_NONE;

    const char *why =
        op->produce.keyless == KEYS_UNREADABLE
            ? "the records of a batch for a compacted topic cannot be unpacked, or are not "
              "as its header says"
            : "a compacted topic takes no record without a key";
    return refuse(op, KAFKA_INVALID_RECORD, why);
}

static int16_t check_batch(const struct partition *p, struct op *op, struct batch_facts *facts)
{
    struct slice batch = op->produce.records;
    if (batch.at == NULL || batch.size == 0) {
        return refuse(op, KAFKA_INVALID_RECORD, "the request holds no record batch");
    }
    struct record_batch_header first;
    if (kafka_batch_peek(batch, &first) == BATCH_OK && batch_size(&first) < batch.size) {
        return refuse(op, KAFKA_INVALID_RECORD,
                      "a request holds one batch per partition, not more");
    }
    if (batch.size > p->config.max_message_bytes) {
        return refuse(op, KAFKA_MESSAGE_TOO_LARGE,
                      "the batch is larger than max.message.bytes of the topic");
    }
    enum batch_fault fault = kafka_batch_check(batch, facts);
    if (fault != BATCH_OK) return refuse(op, batch_fault_error(fault), batch_fault_text(fault));
    if (batch_is_control(&facts->header)) {
        return refuse(op, KAFKA_INVALID_RECORD, "clients may not write control batches");
    }
    if (batch_is_transactional(&facts->header)) {
        return refuse(op, KAFKA_INVALID_TXN_STATE, "transactions are not supported yet");
    }
    int16_t error = p->config.is_compacted ? check_keys(op) : KAFKA_NONE;
    return error != KAFKA_NONE ? error : check_time(p, op, facts);
}

/* A gap has a cause where a batch was refused before: because leadership had just begun, too few
 * were in sync, the lease was over, the disk was full. The whole pipeline is to come again, in
 * order, and nothing of it to be given up. OUT_OF_ORDER_SEQUENCE_NUMBER would be the end of
 * librdkafka's producer, or make it send what it has in flight under a new epoch: doubled, where it
 * is here. */
static int16_t gap_error(struct partition *p, const struct record_batch_header *header)
{
    uint64_t since_ms = p->role_ms > p->refused_ms ? p->role_ms : p->refused_ms;
    uint64_t now_ms = env_now_ms(p->host->env);
    bool is_excused = now_ms - since_ms < GAP_GRACE_MS;
    if (is_excused && !has_canary(p, BROKER_CANARY_NO_GAP_GRACE))
        return KAFKA_NOT_LEADER_OR_FOLLOWER;

    if (now_ms - p->gap_said_ms >= GAP_SAID_MS) {
        p->gap_said_ms = now_ms;
        log_warn(p->host->env,
                 "%s-%d: producer %lld sends sequence %d, and what comes before it is not here",
                 p->topic, p->key.partition, (long long)header->producer_id, header->base_sequence);
    }
    return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/* True if the op has its answer's offsets: the batch is in the log already. */
static int16_t check_producer(struct partition *p, struct op *op,
                              const struct record_batch_header *header, bool *is_duplicate)
{
    struct producer_batch found;
    *is_duplicate = false;
    if (has_canary(p, BROKER_CANARY_NO_DEDUPE)) return KAFKA_NONE;
    switch (producers_check(&p->producers, header, &found)) {
    case PRODUCERS_NEXT: return KAFKA_NONE;
    case PRODUCERS_DUPLICATE:
        *is_duplicate = true;
        op->produce.base_offset = found.first_offset;
        op->produce.end_offset = found.last_offset + 1;
        p->host->duplicates++;
        return KAFKA_NONE;
    case PRODUCERS_OUT_OF_ORDER: return gap_error(p, header);
    case PRODUCERS_OLD_DUPLICATE: return KAFKA_DUPLICATE_SEQUENCE_NUMBER;
    case PRODUCERS_FENCED: return KAFKA_INVALID_PRODUCER_EPOCH;
    }
    UNREACHABLE();
}

/* Offsets and epoch are set where the bytes lie. Returns the time of the append, or -1 if the topic
 * keeps the producers'. */
static int64_t append_batch(struct partition *p, struct buf *buf, size_t at, size_t size,
                            struct record_batch_header *header)
{
    CHECK(at + size <= buf->size);

    uint8_t *batch = buf->data + at;
    header->base_offset = journal_assigned(p->journal);
    header->partition_leader_epoch = p->replica.leader_epoch;
    kafka_batch_set_base_offset(batch, header->base_offset);
    kafka_batch_set_leader_epoch(batch, header->partition_leader_epoch);
    int64_t log_append_ms = -1;
    if (p->config.is_log_append_time) {
        log_append_ms = env_wall_ms(p->host->env);
        kafka_batch_set_log_append_time(batch, size, log_append_ms);
        (void)kafka_batch_peek(slice_of(batch, size), header);
    }
    journal_append(p->journal, buf, (uint32_t)at, (uint32_t)size, header);
    producers_note(&p->producers, header);
    p->host->records_in += (uint64_t)header->record_count;
    p->host->bytes_in += size;
    room_take(p->host, p->dir, size);
    return log_append_ms;
}

/* The batch as the topic stores it: in another codec than the client's, where it has one of its own
 * (compression.type). *again: NULL if it stays what it is; else the caller's. */
static int16_t repack(const struct partition *p, struct op *op, struct record_batch_header *header,
                      struct buf **again)
{
    *again = NULL;
    if (p->config.codec < 0 || (enum batch_codec)p->config.codec == batch_codec(header))
        return KAFKA_NONE;

    *again = batch_repack(op->produce.records, header, (enum batch_codec)p->config.codec,
                          p->config.pack_level);
    if (*again == NULL) {
        return refuse(
            op, KAFKA_INVALID_RECORD,
            "the records of the batch cannot be unpacked, which compression.type wants, or "
            "are not as its header says");
    }
    if ((*again)->size > p->config.max_message_bytes) {
        buf_unref(*again);
        return refuse(op, KAFKA_MESSAGE_TOO_LARGE,
                      "the batch, stored as compression.type says, is larger than "
                      "max.message.bytes of the topic");
    }
    CHECK(kafka_batch_peek(buf_slice(*again), header) == BATCH_OK);
    return KAFKA_NONE;
}

/* `buf` is the op's frame, which is ours while the op is, or the batch packed again. */
static void append(struct partition *p, struct op *op, struct buf *buf, size_t at, size_t size,
                   struct record_batch_header *header)
{
    op->produce.log_append_ms = append_batch(p, buf, at, size, header);
    op->produce.base_offset = header->base_offset;
    op->produce.end_offset = batch_last_offset(header) + 1;
}

/* Lists the op until the log has come as far as its end. With acks=0 too, though nobody is told:
 * what clients send must not pile up before a slow disk (the request counts until it is written).
 */
static void await(struct partition *p, struct op *op)
{
    bool waits_for_all = op->group->acks == ACKS_ALL;
    waiters_add(p, waits_for_all ? &p->waiting_committed : &p->waiting_written, op);
}

/* A repeated batch whose first copy is through already, or still on its way. Lists are in order of
 * ends, and its end is not the last one: it goes where it belongs. */
static void await_duplicate(struct partition *p, struct op *op)
{
    int64_t end =
        op->group->acks == ACKS_ALL ? p->replica.high_watermark : journal_written(p->journal);
    if (op->produce.end_offset <= end) {
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    struct op_list *list =
        op->group->acks == ACKS_ALL ? &p->waiting_committed : &p->waiting_written;
    struct op *after;
    TAILQ_FOREACH(after, list, wait)
    {
        if (after->produce.end_offset < op->produce.end_offset) continue;
        op->is_waiting = true;
        op->at = p;
        TAILQ_INSERT_BEFORE(after, op, wait);
        return;
    }
    waiters_add(p, list, op);
}

/* DESIGN 6.12: nothing is appended while leadership is handed over, which takes the time of a fetch
 * and a decision. Whoever waits learns who leads then. Nor while the log changes its disk. */
static bool hold(struct partition *p, struct op *op)
{
    bool is_handing_over = partition_leads(p) && (!replica_is_open(&p->replica) || p->is_swapping);
    if (!is_handing_over && TAILQ_EMPTY(&p->held)) return false;

    op->produce.is_held = true;
    waiters_add(p, &p->held, op);
    return true;
}

void partition_resume(struct partition *p)
{
    if (TAILQ_EMPTY(&p->held) || !replica_is_open(&p->replica) || p->is_swapping) return;

    struct op_list held = TAILQ_HEAD_INITIALIZER(held);
    TAILQ_CONCAT(&held, &p->held, wait);
    struct op *op;
    while ((op = TAILQ_FIRST(&held)) != NULL) {
        TAILQ_REMOVE(&held, op, wait);
        op->is_waiting = false;
        op->produce.is_held = false;
        partition_produce(p, op);
    }
}

/* Once in a while, for canaries. */
static bool is_unlucky(const struct partition *p)
{
    return journal_assigned(p->journal) % 16 == 5;
}

static void append_twice(struct partition *p, const struct op *op,
                         struct record_batch_header *header)
{
    struct buf *copy = buf_new((uint32_t)op->produce.records.size);
    memcpy(copy->data, op->produce.records.at, op->produce.records.size);
    copy->size = (uint32_t)op->produce.records.size;
    (void)append_batch(p, copy, 0, copy->size, header);
    buf_unref(copy);
}

/* What the header says of its records' times is what look-ups by time and retention go by: as in
 * Kafka, it is made true where the records were looked at. */
static void correct_time(const struct partition *p, struct op *op, struct batch_facts *facts)
{
    if (p->config.is_log_append_time) return;
    struct record_batch_header *h = &facts->header;
    int64_t latest = facts->walked ? facts->timestamp_max : h->max_timestamp;
    if (latest == h->max_timestamp && (h->attributes & BATCH_LOG_APPEND_TIME) == 0) return;

    uint8_t *batch = op->group->frame->data + (op->produce.records.at - op->group->frame->data);
    kafka_batch_set_create_time(batch, op->produce.records.size, latest);
    CHECK(kafka_batch_peek(op->produce.records, h) == BATCH_OK);
}

void partition_produce(struct partition *p, struct op *op)
{
    op->produce.base_offset = -1;
    op->produce.log_append_ms = -1;
    op->produce.log_start = -1;
    if (hold(p, op)) return;
    int16_t error = check_leader(p, op);
    if (error != KAFKA_NONE) {
        waiters_note_refusal(p, op);
        op_refuse(p->host, op, error);
        return;
    }
    op->produce.log_start = journal_start(p->journal);
    struct batch_facts facts;
    error = check_batch(p, op, &facts);
    bool is_duplicate = false;
    if (error == KAFKA_NONE) error = check_producer(p, op, &facts.header, &is_duplicate);
    if (error == KAFKA_NOT_LEADER_OR_FOLLOWER) {
        op_refuse(p->host, op, error);
        return;
    }
    if (error != KAFKA_NONE) {
        op_finish(p->host, op, error);
        return;
    }
    if (is_duplicate) {
        await_duplicate(p, op);
        return;
    }

    if (has_canary(p, BROKER_CANARY_ACK_UNSTORED) && op->group->acks == 1 && is_unlucky(p)) {
        op->produce.base_offset = journal_assigned(p->journal);
        op_finish(p->host, op, KAFKA_NONE);
        return;
    }
    correct_time(p, op, &facts);
    struct buf *again;
    error = repack(p, op, &facts.header, &again);
    if (error != KAFKA_NONE) {
        op_finish(p->host, op, error);
        return;
    }
    struct buf *frame = op->group->frame;
    if (again != NULL)
        append(p, op, again, 0, again->size, &facts.header);
    else
        append(p, op, frame, (size_t)(op->produce.records.at - frame->data),
               op->produce.records.size, &facts.header);
    if (has_canary(p, BROKER_CANARY_APPEND_TWICE) && again == NULL && is_unlucky(p) &&
        facts.header.producer_id < 0)
        append_twice(p, op, &facts.header);
    buf_unref(again);
    await(p, op);
    partition_appended(p);
}

int16_t partition_append_own(struct partition *p, struct buf *batch, int64_t *end_offset)
{
    CHECK(IMPLIES(partition_leads(p), replica_is_open(&p->replica)));

    if (!partition_leads(p) || p->state != PARTITION_READY) return KAFKA_NOT_LEADER_OR_FOLLOWER;
    if (!replica_has_min_isr(&p->replica)) return KAFKA_NOT_ENOUGH_REPLICAS;
    if (batch->size > p->config.max_message_bytes) return KAFKA_MESSAGE_TOO_LARGE;

    struct record_batch_header header;
    enum batch_fault fault = kafka_batch_peek(buf_slice(batch), &header);
    CHECK(fault == BATCH_OK);
    CHECK(batch_size(&header) == batch->size);
    (void)append_batch(p, batch, 0, batch->size, &header);
    *end_offset = batch_last_offset(&header) + 1;
    partition_appended(p);
    return KAFKA_NONE;
}
