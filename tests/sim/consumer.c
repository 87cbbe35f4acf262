/* A consumer by assignment: reads every partition from its beginning, with fetch sessions where its
 * version has them (KIP-227), and judges what it is given. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/msg/fetch.h"
#include "proto/msg/list_offsets.h"
#include "tests/sim/clients.h"

#define READS_MAX 96
#define RETRY_MS 50
#define SESSION_VERSION 7
#define CATCH_UP_BYTES (1u << 20) /* When the faults are over. */

/* What the session at a broker knows of a partition. */
struct told {
    bool is_known;
    int64_t position;
    int32_t epoch;
};

/* One partition that is read. */
struct read {
    struct uuid topic_id;
    char topic[32];
    int32_t number;
    uint32_t part;
    int64_t position;
    int32_t last_epoch;   /* Of the last batch that was read; -1: none. */
    int32_t leader_epoch; /* The newest that the metadata told of; -1: none yet. */
    bool asks_start;      /* ListOffsets is out. */
    uint64_t retry_ms;
    struct told told[CLUSTER_BROKERS_MAX];
};

struct session {
    bool is_out;
    int32_t id;
    int32_t epoch;
};

/* A request that is being made; only what is counted is valid. */
struct ask {
    struct fetch_request q;
    struct fetch_request_topic topics[READS_MAX];
    struct fetch_request_partition parts[READS_MAX];
    struct fetch_request_forgotten_topic forgotten[READS_MAX];
    int32_t numbers[READS_MAX];
    int32_t topic_count;
    int32_t forgotten_count;
    bool reads_anything;
};

struct consumer_client {
    struct client c; /* First. */
    bool says_epoch;
    uint32_t wait_ms;
    uint32_t max_bytes;
    uint32_t partition_max_bytes;
    uint64_t records;
    struct session sessions[CLUSTER_BROKERS_MAX];
    uint32_t read_count;
    struct read reads[READS_MAX];
    struct ask ask;
};

static struct consumer_client *consumer_of(struct client *c)
{
    return (struct consumer_client *)c;
}

/* ---- What is read. ---- */

static struct read *find_read(struct consumer_client *s, uint32_t part)
{
    for (uint32_t i = 0; i < s->read_count; i++) {
        if (s->reads[i].part == part) return &s->reads[i];
    }
    return NULL;
}

static void assign_all(struct consumer_client *s)
{
    struct client *c = &s->c;
    for (uint32_t t = 0; t < c->topic_count; t++) {
        const struct client_topic *topic = &c->topics[t];
        if (topic->name[0] == 'v' && client_version(c, KAFKA_API_FETCH) < 13) continue;
        for (uint32_t i = 0; i < topic->partition_count; i++) {
            uint32_t part = history_part(c->history, topic->id, topic->name, (int32_t)i);
            if (find_read(s, part) != NULL || s->read_count == READS_MAX) continue;
            struct read *r = &s->reads[s->read_count++];
            *r = (struct read){.topic_id = topic->id,
                               .number = (int32_t)i,
                               .part = part,
                               .last_epoch = -1,
                               .leader_epoch = -1};
            memcpy(r->topic, topic->name, sizeof r->topic);
        }
    }
}

/* The index of the broker that leads it, as far as this client knows; -1: nobody. Metadata that are
 * older than what it knew already come from a broker that is behind (KIP-320). */
static int32_t leader_of(struct consumer_client *s, struct read *r, int32_t *epoch)
{
    const struct client_topic *t = client_topic_of(&s->c, r->topic_id);
    if (t == NULL || t->partitions[r->number].leader < 1) return -1;
    *epoch = t->partitions[r->number].leader_epoch;
    if (s->says_epoch && *epoch < r->leader_epoch) return -1;
    r->leader_epoch = *epoch;
    return t->partitions[r->number].leader - 1;
}

static void session_forget(struct consumer_client *s, uint32_t broker)
{
    s->sessions[broker].id = 0;
    s->sessions[broker].epoch = FETCH_EPOCH_INITIAL;
    for (uint32_t i = 0; i < s->read_count; i++) s->reads[i].told[broker].is_known = false;
}

/* ---- Asking. ---- */

static void ask_for(struct consumer_client *s, struct ask *a, struct read *r, uint32_t broker,
                    int32_t epoch)
{
    struct fetch_request_partition *p = &a->parts[a->topic_count];
    kafka_defaults(&schema_fetch_request_partition, p);
    p->partition = r->number;
    p->current_leader_epoch = s->says_epoch ? epoch : -1;
    p->fetch_offset = r->position;
    if (client_version(&s->c, KAFKA_API_FETCH) >= 12 && s->says_epoch) {
        p->last_fetched_epoch = r->last_epoch;
    }
    p->partition_max_bytes = (int32_t)(s->c.is_slow ? CATCH_UP_BYTES : s->partition_max_bytes);
    struct fetch_request_topic *t = &a->topics[a->topic_count++];
    kafka_defaults(&schema_fetch_request_topic, t);
    t->topic = slice_of_text(r->topic);
    t->topic_id = r->topic_id;
    t->partitions = (struct array){p, 1};
    r->told[broker] = (struct told){
        .is_known = client_version(&s->c, KAFKA_API_FETCH) >= SESSION_VERSION,
        .position = r->position,
        .epoch = epoch,
    };
}

static void forget(struct ask *a, struct read *r, uint32_t broker)
{
    a->numbers[a->forgotten_count] = r->number;
    struct fetch_request_forgotten_topic *t = &a->forgotten[a->forgotten_count];
    kafka_defaults(&schema_fetch_request_forgotten_topic, t);
    t->topic = slice_of_text(r->topic);
    t->topic_id = r->topic_id;
    t->partitions = (struct array){&a->numbers[a->forgotten_count++], 1};
    r->told[broker].is_known = false;
}

static void fill_ask(struct consumer_client *s, uint32_t broker, struct ask *a)
{
    uint64_t now = env_now_ms(s->c.env);
    for (uint32_t i = 0; i < s->read_count; i++) {
        struct read *r = &s->reads[i];
        const struct told *told = &r->told[broker];
        int32_t epoch = -1;
        bool is_here =
            leader_of(s, r, &epoch) == (int32_t)broker && !r->asks_start && now >= r->retry_ms;
        if (!is_here && told->is_known) forget(a, r, broker);
        if (!is_here) continue;
        a->reads_anything = true;
        if (told->is_known && told->position == r->position && told->epoch == epoch) continue;
        ask_for(s, a, r, broker, epoch);
    }
}

static void fetch(struct consumer_client *s, uint32_t broker)
{
    struct session *session = &s->sessions[broker];
    if (session->is_out || !client_is_free(&s->c, broker)) return;

    bool has_sessions = client_version(&s->c, KAFKA_API_FETCH) >= SESSION_VERSION;
    struct ask *a = &s->ask;
    a->topic_count = 0;
    a->forgotten_count = 0;
    a->reads_anything = false;
    kafka_defaults(&schema_fetch_request, &a->q);
    fill_ask(s, broker, a);
    if (!a->reads_anything && a->forgotten_count == 0) return;

    a->q.max_wait_ms = (int32_t)s->wait_ms;
    a->q.min_bytes = 1;
    a->q.max_bytes = (int32_t)(s->c.is_slow ? CATCH_UP_BYTES : s->max_bytes);
    a->q.topics = (struct array){a->topics, a->topic_count};
    if (has_sessions) {
        a->q.session_id = session->id;
        a->q.session_epoch = session->epoch;
        a->q.forgotten_topics_data =
            (struct array){a->forgotten, session->id == 0 ? 0 : a->forgotten_count};
    }
    session->is_out = client_send(&s->c, broker, KAFKA_API_FETCH, &a->q, NULL, true);
    if (!session->is_out) session_forget(s, broker);
}

static void ask_start(struct consumer_client *s, struct read *r, uint32_t broker)
{
    struct list_offsets_request_partition part;
    kafka_defaults(&schema_list_offsets_request_partition, &part);
    part.partition_index = r->number;
    part.timestamp = LIST_OFFSETS_EARLIEST;
    struct list_offsets_request_topic topic = {.name = slice_of_text(r->topic),
                                               .partitions = {&part, 1}};
    struct list_offsets_request q;
    kafka_defaults(&schema_list_offsets_request, &q);
    q.replica_id = -1;
    q.topics = (struct array){&topic, 1};
    r->asks_start = client_send(&s->c, broker, KAFKA_API_LIST_OFFSETS, &q, r, true);
}

/* ---- Answers. ---- */

static void take_batches(struct consumer_client *s, struct read *r, struct slice bytes)
{
    struct slice batch;
    struct record_batch_header header;
    while (kafka_batch_next(&bytes, &batch, &header)) {
        int64_t last = batch_last_offset(&header);
        if (last < r->position) continue;
        /* A consumer looks at the checksum, and asks again: somebody else leads soon. */
        if (s->c.cluster->has_rotten && kafka_batch_check_crc(batch) != BATCH_OK) {
            r->retry_ms = env_now_ms(s->c.env) + RETRY_MS;
            client_suspect(&s->c);
            return;
        }
        if (header.base_offset > r->position) {
            sim_violation(s->c.cluster->sim,
                          "[contiguous] %s asked for offset %lld of %s and was given %lld",
                          s->c.name, (long long)r->position,
                          history_part_name(s->c.history, r->part), (long long)header.base_offset);
            return;
        }
        history_read(s->c.history, r->part, batch, &header, s->c.name);
        s->records += (uint64_t)(last + 1 - r->position);
        r->position = last + 1;
        r->last_epoch = header.partition_leader_epoch;
    }
}

static void take_partition(struct consumer_client *s, struct read *r, uint32_t broker,
                           const struct fetch_response_partition *p)
{
    struct client *c = &s->c;
    if (p->diverging_epoch.end_offset >= 0) {
        /* It had read what was committed, and is told to go back. */
        sim_violation(c->cluster->sim,
                      "[contiguous] broker-%u tells %s, which has read %s up to %lld (epoch %d), "
                      "that the log parts at %lld (epoch %d)",
                      broker + 1, c->name, history_part_name(c->history, r->part),
                      (long long)r->position, r->last_epoch,
                      (long long)p->diverging_epoch.end_offset, p->diverging_epoch.epoch);
        return;
    }
    if (p->error_code == KAFKA_NONE) {
        if (p->records.at != NULL)
            take_batches(s, r, slice_of(p->records.at, p->records.size_bytes));
        return;
    }
    r->retry_ms = env_now_ms(c->env) + RETRY_MS;
    if (p->error_code == KAFKA_OFFSET_OUT_OF_RANGE && r->topic[0] != 'v') {
        ask_start(s, r, broker);
    } else {
        client_suspect(c);
    }
}

static struct read *read_of(struct consumer_client *s, const struct fetch_response_topic *topic,
                            int32_t number)
{
    bool has_ids = client_version(&s->c, KAFKA_API_FETCH) >= 13;
    for (uint32_t i = 0; i < s->read_count; i++) {
        struct read *r = &s->reads[i];
        if (r->number != number) continue;
        if (has_ids ? uuid_equal(r->topic_id, topic->topic_id)
                    : slice_equal(slice_of_text(r->topic), topic->topic)) {
            return r;
        }
    }
    return NULL;
}

static void on_fetched(struct consumer_client *s, uint32_t broker, const struct fetch_response *m)
{
    struct session *session = &s->sessions[broker];
    session->is_out = false;
    if (m == NULL || m->error_code != KAFKA_NONE) {
        session_forget(s, broker);
        return;
    }
    if (m->session_id == 0) {
        session_forget(s, broker);
    } else {
        session->id = m->session_id;
        session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
    }
    const struct fetch_response_topic *topics = m->responses.items;
    for (int32_t i = 0; i < m->responses.count; i++) {
        const struct fetch_response_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            struct read *r = read_of(s, &topics[i], parts[j].partition_index);
            int32_t epoch;
            /* Not of a leader that was left while it answered. */
            if (r == NULL || leader_of(s, r, &epoch) != (int32_t)broker) continue;
            take_partition(s, r, broker, &parts[j]);
        }
    }
}

static void on_start(struct consumer_client *s, struct read *r,
                     const struct list_offsets_response *m)
{
    r->asks_start = false;
    r->retry_ms = env_now_ms(s->c.env) + RETRY_MS;
    client_suspect(&s->c);
    if (m == NULL) return;
    const struct list_offsets_response_topic *topics = m->topics.items;
    const struct list_offsets_response_partition *parts = topics[0].partitions.items;
    if (parts[0].error_code != KAFKA_NONE) return;

    const struct part_note *note = &s->c.history->parts[r->part];
    if (parts[0].offset > note->delete_before) {
        sim_violation(s->c.cluster->sim,
                      "[contiguous] %s begins at %lld, and was deleted up to %lld",
                      history_part_name(s->c.history, r->part), (long long)parts[0].offset,
                      (long long)note->delete_before);
    }
    if (parts[0].offset <= r->position) return; /* A leader that is behind, for now. */
    r->position = parts[0].offset;
    r->last_epoch = -1;
}

static void on_answer(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context)
{
    if (api == KAFKA_API_FETCH) {
        on_fetched(consumer_of(c), broker, message);
    } else {
        CHECK(api == KAFKA_API_LIST_OFFSETS);
        on_start(consumer_of(c), context, message);
    }
}

/* ---- The turn. ---- */

static uint64_t turn(struct client *c)
{
    struct consumer_client *s = consumer_of(c);
    assign_all(s);
    for (uint32_t i = 0; i < c->cluster->options.broker_count; i++) fetch(s, i);
    return env_now_ms(c->env) + RETRY_MS;
}

static void close_consumer(struct client *c)
{
    free(consumer_of(c));
}

static const struct client_kind kind = {
    .on_answer = on_answer, .turn = turn, .close = close_consumer};

int64_t consumer_position(const struct client *c, uint32_t part)
{
    const struct consumer_client *s = (const struct consumer_client *)(const void *)c;
    for (uint32_t i = 0; i < s->read_count; i++) {
        if (s->reads[i].part == part) return s->reads[i].position;
    }
    return -1;
}

void consumer_print(const struct client *c, FILE *to)
{
    const struct consumer_client *s = (const struct consumer_client *)(const void *)c;
    (void)fprintf(to, "%s: wait %u ms, <= %u bytes, <= %u of a partition%s, Fetch %d\n", c->name,
                  s->wait_ms, s->max_bytes, s->partition_max_bytes,
                  s->says_epoch ? ", says the epoch" : "", client_version(c, KAFKA_API_FETCH));
}

struct client *consumer_open(struct cluster *cluster, struct history *history, uint32_t number)
{
    struct consumer_client *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->c.kind = &kind;
    s->c.number = number;
    char name[32];
    (void)snprintf(name, sizeof name, "consumer-%u", number + 1);
    client_open(&s->c, cluster, history, name, 6000 + number);
    struct prng *prng = &s->c.prng;
    static const uint32_t sizes[] = {1, 500, 10000, 1u << 20};
    s->says_epoch = prng_chance(prng, 3, 4);
    s->wait_ms = (uint32_t)prng_range(prng, 20, 500);
    s->max_bytes = sizes[prng_range(prng, 1, 3)];
    s->partition_max_bytes = sizes[prng_range(prng, 0, 3)];
    return &s->c;
}
