/* A producer: batches per partition, with or without an idempotent producer's sequences. Retries as
 * Apache's does: what was sent before is sent again only when nothing of its partition is before
 * it. Each partition has a producer id of its own, which is replaced when a batch is given up. */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/check.h"
#include "proto/msg/init_producer_id.h"
#include "proto/msg/produce.h"
#include "tests/sim/clients.h"
#include "tests/sim/handovers.h"

#define QUEUES_MAX 64
#define QUEUE_MAX 12 /* Batches of one partition; then nothing new is made for it. */
#define RECORDS_MAX 12
#define RETRY_MS 40
#define SLOWER 10
#define QUEUE_IS_NEW INT64_MIN
#define GRACE_US 4900000 /* Less than the brokers grant: answers take their time. */

struct queue;

struct out_batch {
    TAILQ_ENTRY(out_batch) link;
    struct queue *queue;
    uint64_t first_id;
    uint32_t count;
    bool is_out; /* An answer is awaited. */
    uint32_t attempts;
    uint64_t give_up_ms;
    int64_t producer_id; /* -1: none, or not yet. */
    int32_t sequence;
    uint8_t *bytes;
    size_t size;
};
TAILQ_HEAD(out_list, out_batch);

/* One partition. */
struct queue {
    struct uuid topic_id;
    char topic[32];
    int32_t number;
    uint32_t part;
    struct out_list batches;
    uint32_t batch_count;
    uint32_t out_count;
    int64_t producer_id; /* -1: to be asked for. */
    bool asks_id;
    int32_t next_sequence;
    uint64_t retry_ms;
    int32_t refused_by;  /* The broker that had too few in sync, the last time; 0: none. */
    uint64_t refused_us; /* That was not before. */
};

struct producer_client {
    struct client c; /* First. */
    int8_t acks;
    bool is_idempotent;
    bool retries;
    uint32_t in_flight_max;
    uint32_t pause_ms;
    uint32_t delivery_ms;
    uint32_t records_max;
    uint64_t next_ms;
    uint32_t rounds; /* Batches made since it is slow. */
    uint32_t queue_count;
    struct queue queues[QUEUES_MAX];
};

static struct producer_client *producer_of(struct client *c)
{
    return (struct producer_client *)c;
}

/* ---- Batches. ---- */

static void build(const struct producer_client *p, struct out_batch *b)
{
    uint8_t values[RECORDS_MAX][256];
    struct record_spec specs[RECORDS_MAX];
    int64_t now = env_wall_ms(p->c.env);
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t id = b->first_id + i;
        history_value(id, values[i]);
        specs[i] = (struct record_spec){.value = slice_of(values[i], history_value_size(id)),
                                        .timestamp_ms = now};
        if (id % 3 == 0) specs[i].key = slice_of(values[i], 8);
    }
    struct batch_spec spec = batch_spec_of(specs, (int32_t)b->count);
    if (b->producer_id >= 0) {
        spec.producer_id = b->producer_id;
        spec.producer_epoch = 0;
        spec.base_sequence = b->sequence;
    }
    struct writer w = writer_with(64 * 1024);
    kafka_batch_build(&spec, &w);
    CHECK(writer_ok(&w));
    free(b->bytes);
    b->bytes = writer_take(&w, &b->size);
}

static void batch_drop(struct out_batch *b)
{
    struct queue *queue = b->queue;
    TAILQ_REMOVE(&queue->batches, b, link);
    queue->batch_count--;
    free(b->bytes);
    free(b);
}

/* It may be in the log or not. The sequences behind it are in doubt: a new id, and what was sent
 * with the old one is given up as well. */
static void give_up(struct producer_client *p, struct out_batch *b)
{
    struct queue *queue = b->queue;
    history_given_up(p->c.history, b->first_id, b->count);
    batch_drop(b);
    if (!p->is_idempotent) return;

    queue->producer_id = -1;
    queue->next_sequence = 0;
    struct out_batch *next;
    for (b = TAILQ_FIRST(&queue->batches); b != NULL; b = next) {
        next = TAILQ_NEXT(b, link);
        b->producer_id = -1;
        if (b->attempts == 0 || b->is_out) continue; /* Those end when they are answered. */
        history_given_up(p->c.history, b->first_id, b->count);
        batch_drop(b);
    }
}

/* A place for one more partition; topics that are gone make room. NULL: all are in use. */
static struct queue *new_queue(struct producer_client *p)
{
    struct queue *queue = NULL;
    if (p->queue_count < QUEUES_MAX) queue = &p->queues[p->queue_count++];
    for (uint32_t i = 0; i < p->queue_count && queue == NULL; i++) {
        struct queue *old = &p->queues[i];
        bool is_idle = old->batch_count == 0 && !old->asks_id;
        if (is_idle && client_topic_of(&p->c, old->topic_id) == NULL) queue = old;
    }
    if (queue != NULL) queue->producer_id = QUEUE_IS_NEW;
    return queue;
}

/* In the end each has its turn, or chance would pass one by. */
static struct client_topic *choose_topic(struct producer_client *p)
{
    struct client *c = &p->c;
    if (!c->is_slow) return &c->topics[prng_range(&c->prng, 0, c->topic_count - 1)];
    return &c->topics[++p->rounds % c->topic_count];
}

static void make_batch(struct producer_client *p)
{
    struct client *c = &p->c;
    if (c->topic_count == 0) return;
    struct client_topic *t = choose_topic(p);
    if (t->partition_count == 0) return;
    /* Topics that come and go under one name are spoken of by id only. */
    if (t->name[0] == 'v' && client_version(c, KAFKA_API_PRODUCE) < 13) return;
    int32_t number = c->is_slow ? (int32_t)(p->rounds / c->topic_count % t->partition_count)
                                : (int32_t)prng_range(&c->prng, 0, t->partition_count - 1);
    uint32_t part = history_part(c->history, t->id, t->name, number);

    struct queue *queue = NULL;
    for (uint32_t i = 0; i < p->queue_count && queue == NULL; i++) {
        if (p->queues[i].part == part) queue = &p->queues[i];
    }
    if (queue == NULL) queue = new_queue(p);
    if (queue == NULL) return;
    if (queue->producer_id == QUEUE_IS_NEW) {
        *queue =
            (struct queue){.topic_id = t->id, .number = number, .part = part, .producer_id = -1};
        (void)memcpy(queue->topic, t->name, sizeof queue->topic);
        TAILQ_INIT(&queue->batches);
    }
    if (queue->batch_count == QUEUE_MAX) return;

    struct out_batch *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->queue = queue;
    b->count = (uint32_t)prng_range(&c->prng, 1, p->records_max);
    b->first_id =
        history_new_records(c->history, c->number, part, p->acks, p->is_idempotent, b->count);
    b->producer_id = -1;
    b->give_up_ms = env_now_ms(c->env) + p->delivery_ms;
    TAILQ_INSERT_TAIL(&queue->batches, b, link);
    queue->batch_count++;
}

/* ---- Sending. ---- */

static bool send_batch(struct producer_client *p, struct out_batch *b, int32_t leader)
{
    struct queue *queue = b->queue;
    if (b->bytes == NULL || (p->is_idempotent && b->producer_id < 0)) {
        if (p->is_idempotent) {
            b->producer_id = queue->producer_id;
            b->sequence = queue->next_sequence;
        }
        build(p, b);
    }
    struct produce_request_partition part = {
        .index = queue->number, .records = {.at = b->bytes, .size_bytes = (uint32_t)b->size}};
    struct produce_request_topic topic;
    kafka_defaults(&schema_produce_request_topic, &topic);
    topic.name = slice_of_text(queue->topic);
    topic.topic_id = queue->topic_id;
    topic.partition_data = (struct array){&part, 1};
    struct produce_request q;
    kafka_defaults(&schema_produce_request, &q);
    q.acks = p->acks;
    q.timeout_ms = (int32_t)p->c.request_timeout_ms;
    q.topic_data = (struct array){&topic, 1};
    if (!client_send(&p->c, (uint32_t)leader - 1, KAFKA_API_PRODUCE, &q, b, p->acks != 0)) {
        if (p->is_idempotent && b->attempts == 0) b->producer_id = -1;
        return false;
    }
    if (p->is_idempotent && b->attempts == 0) queue->next_sequence += (int32_t)b->count;
    b->attempts++;
    history_attempt(p->c.history, b->first_id, b->count);
    return true;
}

static void ask_producer_id(struct producer_client *p, struct queue *queue)
{
    if (queue->asks_id) return;

    struct init_producer_id_request q;
    kafka_defaults(&schema_init_producer_id_request, &q);
    q.transactional_id = (struct slice){0};
    queue->asks_id =
        client_send(&p->c, client_any_broker(&p->c), KAFKA_API_INIT_PRODUCER_ID, &q, queue, true);
}

static void send_queue(struct producer_client *p, struct queue *queue)
{
    struct client *c = &p->c;
    uint64_t now = env_now_ms(c->env);
    if (TAILQ_EMPTY(&queue->batches) || now < queue->retry_ms) return;
    const struct client_topic *t = client_topic_of(c, queue->topic_id);
    int32_t leader = t == NULL ? -1 : t->partitions[queue->number].leader;
    if (leader < 1) {
        client_suspect(c);
        return;
    }
    struct out_batch *b, *next;
    for (b = TAILQ_FIRST(&queue->batches); b != NULL; b = next) {
        next = TAILQ_NEXT(b, link);
        if (b->is_out) continue;
        if (queue->out_count >= p->in_flight_max) return;
        if (b->attempts > 0 && b != TAILQ_FIRST(&queue->batches)) return;
        if (p->is_idempotent && queue->producer_id < 0) {
            /* What went out with the old id is to be answered first. */
            if (queue->out_count == 0) ask_producer_id(p, queue);
            return;
        }
        if (!send_batch(p, b, leader)) return;
        if (p->acks == 0) {
            history_given_up(c->history, b->first_id, b->count);
            batch_drop(b);
            continue;
        }
        b->is_out = true;
        queue->out_count++;
    }
}

/* ---- Answers. ---- */

static void on_acked(struct producer_client *p, struct out_batch *b, uint32_t broker,
                     int64_t base_offset)
{
    history_acked(p->c.history, b->first_id, b->count, base_offset, (int32_t)broker + 1);
    handovers_check_ack(p->c.history, b->first_id, (int32_t)broker + 1);
    batch_drop(b);
}

static bool may_retry(int16_t error)
{
    switch (error) {
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_UNKNOWN_TOPIC_ID:
    case KAFKA_LEADER_NOT_AVAILABLE:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_REQUEST_TIMED_OUT:
    case KAFKA_NETWORK_EXCEPTION:
    case KAFKA_KAFKA_STORAGE_ERROR: return true;
    default: return false;
    }
}

/* It was refused, or nobody will ever say what became of it. */
static void on_failed(struct producer_client *p, struct out_batch *b, int16_t error)
{
    struct queue *queue = b->queue;
    client_suspect(&p->c);
    bool is_first = b == TAILQ_FIRST(&queue->batches);
    bool was_replaced = p->is_idempotent && (queue->producer_id < 0 || b->producer_id < 0 ||
                                             b->producer_id != queue->producer_id);
    bool again = may_retry(error) || (error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER && !is_first);
    if (!p->retries || was_replaced || !again || env_now_ms(p->c.env) >= b->give_up_ms) {
        give_up(p, b);
        return;
    }
    queue->retry_ms = env_now_ms(p->c.env) + RETRY_MS;
}

/* DESIGN 6.14: a leader that has refused what came before, or has just begun to lead, says so when
 * it finds a gap, and does not call the sequence wrong: librdkafka would send what is in flight
 * under another epoch, doubled. */
static void check_gap(struct producer_client *p, uint32_t broker, const struct out_batch *b)
{
    struct history *h = p->c.history;
    const struct queue *queue = b->queue;
    const struct part_note *part = &h->parts[queue->part];
    int32_t id = (int32_t)broker + 1;
    uint64_t since_us = 0;
    if (queue->refused_by == id) since_us = queue->refused_us;
    if (part->reign_count > 0) {
        const struct reign *last = &part->reigns[part->reign_count - 1];
        if (last->leader == id && last->since_us > since_us) since_us = last->since_us;
    }
    uint64_t passed_us = sim_now_us(h->sim) - since_us;
    if (since_us == 0 || passed_us >= GRACE_US) return;
    sim_violation(h->sim,
                  "[gap] broker %d calls the sequence of record %llu in %s wrong, not %llu ms "
                  "after it had begun to lead or had refused what came before",
                  id, (unsigned long long)b->first_id, history_part_name(h, queue->part),
                  (unsigned long long)(passed_us / 1000));
}

static void note_error(struct producer_client *p, uint32_t broker, const struct out_batch *b,
                       int16_t error)
{
    if (!p->is_idempotent) return;
    if (error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER) check_gap(p, broker, b);
    if (error != KAFKA_NOT_ENOUGH_REPLICAS) return;
    b->queue->refused_by = (int32_t)broker + 1;
    b->queue->refused_us = p->c.history->records[b->first_id].last_us;
}

static void on_produced(struct producer_client *p, uint32_t broker,
                        const struct produce_response *m, struct out_batch *b)
{
    b->is_out = false;
    b->queue->out_count--;
    if (m == NULL) {
        on_failed(p, b, KAFKA_NETWORK_EXCEPTION);
        return;
    }
    const struct produce_response_topic *topics = m->responses.items;
    CHECK(m->responses.count == 1);
    const struct produce_response_partition *parts = topics[0].partition_responses.items;
    CHECK(topics[0].partition_responses.count == 1);
    CHECK(parts[0].index == b->queue->number);
    int16_t error = parts[0].error_code;
    if (error == KAFKA_NONE) {
        on_acked(p, b, broker, parts[0].base_offset);
    } else if (error == KAFKA_DUPLICATE_SEQUENCE_NUMBER) {
        on_acked(p, b, broker, -1);
    } else {
        note_error(p, broker, b, error);
        on_failed(p, b, error);
    }
}

static void on_answer(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context)
{
    struct producer_client *p = producer_of(c);
    if (api == KAFKA_API_PRODUCE) {
        on_produced(p, broker, message, context);
        return;
    }
    CHECK(api == KAFKA_API_INIT_PRODUCER_ID);
    struct queue *queue = context;
    const struct init_producer_id_response *m = message;
    queue->asks_id = false;
    if (m == NULL || m->error_code != KAFKA_NONE) {
        queue->retry_ms = env_now_ms(c->env) + RETRY_MS;
        return;
    }
    queue->producer_id = m->producer_id;
    queue->next_sequence = 0;
}

/* ---- The turn. ---- */

static uint64_t turn(struct client *c)
{
    struct producer_client *p = producer_of(c);
    uint64_t now = env_now_ms(c->env);
    if (!c->is_quiet && now >= p->next_ms) {
        make_batch(p);
        uint64_t pause_ms = (uint64_t)p->pause_ms * (c->is_slow ? SLOWER : 1);
        p->next_ms = now + prng_range(&c->prng, 1, 2 * pause_ms);
    }
    bool waits = false;
    for (uint32_t i = 0; i < p->queue_count; i++) {
        struct queue *queue = &p->queues[i];
        struct out_batch *first = TAILQ_FIRST(&queue->batches);
        if (first != NULL && !first->is_out && now >= first->give_up_ms) give_up(p, first);
        send_queue(p, queue);
        waits |= queue->batch_count > queue->out_count;
    }
    uint64_t next = c->is_quiet ? ENV_NEVER : p->next_ms;
    if (waits && next > now + RETRY_MS) next = now + RETRY_MS;
    return next;
}

static void close_producer(struct client *c)
{
    struct producer_client *p = producer_of(c);
    for (uint32_t i = 0; i < p->queue_count; i++) {
        while (!TAILQ_EMPTY(&p->queues[i].batches)) batch_drop(TAILQ_FIRST(&p->queues[i].batches));
    }
    free(p);
}

static const struct client_kind kind = {
    .on_answer = on_answer, .turn = turn, .close = close_producer};

bool producer_is_idle(const struct client *c)
{
    const struct producer_client *p = (const struct producer_client *)(const void *)c;
    for (uint32_t i = 0; i < p->queue_count; i++) {
        if (p->queues[i].batch_count > 0) return false;
    }
    return true;
}

void producer_print(const struct client *c, FILE *to)
{
    const struct producer_client *p = (const struct producer_client *)(const void *)c;
    (void)fprintf(to,
                  "%s: acks=%d%s%s, %u in flight, <= %u records each <= %u ms, delivery %u ms, "
                  "request %u ms, Produce %d\n",
                  c->name, p->acks, p->is_idempotent ? ", idempotent" : "",
                  p->retries ? ", retries" : "", p->in_flight_max, p->records_max, 2 * p->pause_ms,
                  p->delivery_ms, c->request_timeout_ms, client_version(c, KAFKA_API_PRODUCE));
}

struct client *producer_open(struct cluster *cluster, struct history *history, uint32_t number)
{
    struct producer_client *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->c.kind = &kind;
    p->c.number = number;
    char name[32];
    (void)snprintf(name, sizeof name, "producer-%u", number + 1);
    client_open(&p->c, cluster, history, name, 5000 + number);
    struct prng *prng = &p->c.prng;
    /* The first is always idempotent, as Java's is by default, and the second one leads the acks=1.
     */
    p->is_idempotent = number == 0 || prng_chance(prng, 1, 3);
    p->acks = number == 1 ? 1 : prng_chance(prng, 1, 4) ? 0 : -1;
    if (number > 1 && prng_chance(prng, 1, 4)) p->acks = 1;
    if (p->is_idempotent) p->acks = -1;
    p->retries = p->acks != 0 && (p->is_idempotent || prng_chance(prng, 1, 2));
    p->in_flight_max = (uint32_t)prng_range(prng, 1, 5);
    p->pause_ms = (uint32_t)prng_range(prng, 20, 120);
    p->delivery_ms = (uint32_t)prng_range(prng, 3000, 60000);
    p->records_max = (uint32_t)prng_range(prng, 1, RECORDS_MAX);
    return &p->c;
}
