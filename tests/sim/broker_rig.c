#include "tests/sim/broker_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/posts.h"
#include "broker/state.h"
#include "proto/kafka_batch.h"
#include "proto/meta.h"
#include "proto/msg/fetch.h"
#include "proto/msg/produce.h"

#define PORT 9092
#define ARENA_BYTES (4u * 1024 * 1024)
#define OUT_MAX_BYTES (64u * 1024 * 1024)
#define FRAME_MAX_BYTES (64u * 1024 * 1024)
#define SESSION_EACH_MS 100
#define LIMIT_US (60ull * 1000 * 1000)
#define TOPIC "t"
#define CLUSTER_ID "0123456789012345678901"

/* ---- The link. ---- */

struct any_post {
    union {
        struct post post;
        struct post_session session;
        struct post_snapshot snapshot;
        struct post_stop stop;
        struct post_end end;
    };
    TAILQ_ENTRY(any_post) link;
};

static void apply(struct meta_image *image, struct meta_record *records, uint32_t count)
{
    struct meta_batch batch = {.level = 1, .count = count, .records = records};
    const char *why = NULL;
    cr_assert_eq(meta_try(image, image->index + 1, 1, &batch, &why), 0, "%s", why);
}

static void apply_move(struct meta_image *image, const struct rig *r, int32_t to, int32_t epoch)
{
    struct meta_record move = {.kind = META_PARTITION};
    move.partition.topic_id = r->topic_id;
    move.partition.partition = r->moved;
    bool is_here = to == r->options.id; /* Nobody runs where it is moved to. */
    move.partition.leader = is_here ? to : META_NOBODY;
    move.partition.leader_epoch = epoch;
    move.partition.partition_epoch = epoch;
    move.partition.replicas = (struct id_set){.count = 1, .ids = {to}};
    if (is_here) move.partition.isr = move.partition.replicas;
    if (is_here && r->comes_back_unled) {
        move.partition.leader = META_NOBODY;
        move.partition.last_known_elr = move.partition.isr;
        move.partition.isr = (struct id_set){0};
    }
    apply(image, &move, 1);
}

/* One broker, one topic, whose partition `moved` was moved so many times. */
static struct buf *make_image(const struct rig *r, uint32_t moves)
{
    struct meta_image image = {0};
    struct meta_record cluster = {.kind = META_CLUSTER};
    cluster.cluster.cluster_id = slice_of_text(CLUSTER_ID);
    apply(&image, &cluster, 1);
    struct meta_record both[2];
    struct meta_record broker = {.kind = META_BROKER};
    broker.broker.id = 1;
    broker.broker.epoch = (int64_t)image.index + 1;
    broker.broker.incarnation.bytes[0] = 1;
    broker.broker.secret.bytes[0] = 2;
    broker.broker.shard_count = r->options.shard_count;
    broker.broker.listener_count = 1;
    broker.broker.listeners[0] = (struct meta_listener){.name = slice_of_text("PLAINTEXT"),
                                                        .host = slice_of_text("broker"),
                                                        .port = PORT,
                                                        .protocol = slice_of_text("PLAINTEXT")};
    broker.broker.replication_listener = slice_of_text("PLAINTEXT");
    broker.broker.version = slice_of_text("test");
    both[0] = both[1] = broker;
    both[1].broker.id = 2; /* It is not there, and nobody expects it to be. */
    both[1].broker.incarnation.bytes[0] = 3;
    apply(&image, both, 2);
    struct meta_record state = {.kind = META_BROKER_STATE};
    state.broker_state.id = 1;
    state.broker_state.epoch = (int64_t)image.index;
    apply(&image, &state, 1);
    struct meta_record topic[1 + RIG_PARTITIONS] = {{.kind = META_TOPIC}};
    topic[0].topic.id = r->topic_id;
    topic[0].topic.name = slice_of_text(TOPIC);
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        struct meta_record *p = &topic[1 + i];
        p->kind = META_PARTITION;
        p->partition.topic_id = r->topic_id;
        p->partition.partition = i;
        p->partition.leader = 1;
        p->partition.replicas = p->partition.isr = (struct id_set){.count = 1, .ids = {1}};
    }
    apply(&image, topic, 1 + RIG_PARTITIONS);
    for (uint32_t i = 1; i <= moves; i++) apply_move(&image, r, i % 2 == 1 ? 2 : 1, (int32_t)i);
    struct writer out = writer_with(OUT_MAX_BYTES);
    meta_snapshot_write(&image, &out);
    struct buf *bytes = buf_of(writer_slice(&out));
    writer_close(&out);
    meta_image_close(&image);
    return bytes;
}

static void post(struct rig *r, uint32_t to, const struct any_post *what)
{
    struct any_post *copy = malloc(sizeof *copy);
    *copy = *what;
    TAILQ_INSERT_TAIL(&r->posts, copy, link);
    env_post(r->link_env, to, &copy->post);
}

static void tell_session(struct rig *r)
{
    for (uint32_t n = 1; n <= r->options.shard_count; n++) {
        struct any_post p = {.session = {.broker_epoch = 2,
                                         .answered_ms = env_now_ms(r->link_env),
                                         .term = 1,
                                         .dirs = r->dirs}};
        p.post.link.kind = POST_SESSION;
        post(r, n, &p);
    }
}

static void tell_metadata(struct rig *r, uint32_t moves)
{
    for (uint32_t n = 1; n <= r->options.shard_count; n++) {
        struct any_post p = {
            .snapshot = {.shard = n, .index = 4 + moves, .image = make_image(r, moves)}};
        p.post.link.kind = POST_SNAPSHOT;
        post(r, n, &p);
    }
}

static void begin_link(struct rig *r)
{
    r->link_has_begun = true;
    tell_session(r);
    tell_metadata(r, 0);
}

void rig_move_away_and_back(struct rig *r, int32_t partition)
{
    r->moves_away_and_back = true;
    r->moved = partition;
}

static void on_home(struct rig *r, struct any_post *p)
{
    if (p->post.link.kind == POST_SNAPSHOT) buf_unref(p->snapshot.image);
    if (p->post.link.kind == POST_STOP) r->stops_out--;
    if (p->post.link.kind == POST_END) r->ends_out--;
    TAILQ_REMOVE(&r->posts, p, link);
    free(p);
}

static void on_question(struct rig *r, struct post *question)
{
    if (question->link.kind == POST_ISR) ((struct post_isr *)(void *)question)->is_lost = true;
    if (question->link.kind == POST_ENDS) r->log_ends_heard++;
    env_give_back(r->link_env, question);
}

static void say_all(struct rig *r, enum post_kind kind, uint32_t *out)
{
    for (uint32_t n = 1; n <= r->options.shard_count; n++) {
        struct any_post p = {.stop = {.shard = n}};
        p.post.link.kind = kind;
        (*out)++;
        post(r, n, &p);
    }
}

static uint64_t link_of_rig(void *actor, const struct env_event *events, uint32_t count)
{
    struct rig *r = actor;
    if (!r->link_has_begun) begin_link(r);
    for (uint32_t moves = 1; r->moves_away_and_back && moves <= 2; moves++) tell_metadata(r, moves);
    r->moves_away_and_back = false;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind == ENV_STOP) {
            r->is_stopping = true;
            say_all(r, POST_STOP, &r->stops_out);
        }
        if (events[i].kind != ENV_POSTED) continue;
        if (events[i].post->is_back) {
            on_home(r, (struct any_post *)(void *)events[i].post);
        } else {
            on_question(r, events[i].post);
        }
    }
    if (r->is_stopping && r->stops_out == 0 && !r->has_ended) {
        r->has_ended = true;
        say_all(r, POST_END, &r->ends_out);
    } else if (r->has_ended && r->ends_out == 0) {
        env_stop(r->link_env);
        return ENV_NEVER;
    }
    if (r->is_stopping) return ENV_NEVER;
    tell_session(r);
    return env_now_ms(r->link_env) + SESSION_EACH_MS;
}

/* ---- The processes. ---- */

static void close_broker(void *process)
{
    struct rig *r = process;
    for (uint32_t i = 0; i < r->options.shard_count; i++) {
        shard_close(r->shards[i], !r->has_ended);
        r->shards[i] = NULL;
    }
    struct any_post *p;
    while ((p = TAILQ_FIRST(&r->posts)) != NULL) on_home(r, p);
}

static void open_broker(void *arg, struct sim_node *node, struct env *const *envs, uint32_t count,
                        struct sim_process *out)
{
    struct rig *r = arg;
    cr_assert_not_null(node);
    cr_assert_eq(count, r->options.shard_count + 1);
    r->link_env = envs[0];
    *out = (struct sim_process){
        .turns = {link_of_rig}, .actors = {r}, .process = r, .close = close_broker};
    for (uint32_t i = 1; i < count; i++) {
        r->shards[i - 1] = shard_open(envs[i], &r->options);
        out->turns[i] = shard_turn;
        out->actors[i] = r->shards[i - 1];
    }
}

static void dial(struct rig_client *c)
{
    struct env_endpoint at = {.host = "broker", .port = PORT, .frame_max_bytes = FRAME_MAX_BYTES};
    c->conn = env_dial(c->env, &at);
}

uint64_t rig_dial(struct rig *r)
{
    uint64_t before = r->client.conn;
    dial(&r->client);
    return before;
}

static uint64_t client_turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct rig_client *c = actor;
    if (c->conn == 0) dial(c);
    for (uint32_t i = 0; i < count; i++) {
        const struct env_event *e = &events[i];
        if (e->kind == ENV_CONNECTED) c->is_connected = true;
        if (e->kind == ENV_CLOSED) c->is_closed = true;
        if (e->kind != ENV_FRAME) continue;
        cr_assert_lt(c->frame_count, RIG_FRAMES_MAX);
        c->frames[c->frame_count++] = e->buf;
    }
    return ENV_NEVER;
}

static void open_client(void *arg, struct sim_node *node, struct env *const *envs, uint32_t count,
                        struct sim_process *out)
{
    struct rig_client *c = arg;
    cr_assert_not_null(node);
    cr_assert_eq(count, 1);
    c->env = envs[0];
    *out = (struct sim_process){.turns = {client_turn}, .actors = {c}};
}

static bool serves(void *arg)
{
    const struct rig *r = arg;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < r->options.shard_count; i++) {
        const struct partition *p = r->shards[i]->partitions;
        for (; p != NULL; p = p->hh.next) ready += partition_leads(p);
    }
    return ready == RIG_PARTITIONS;
}

static bool is_connected(void *arg)
{
    return ((const struct rig *)arg)->client.is_connected;
}

void rig_open(struct rig *r, uint32_t shard_count, uint64_t seed)
{
    *r = (struct rig){.producer_id = -1};
    TAILQ_INIT(&r->posts);
    struct sim_options options = sim_options_default(seed);
    r->sim = sim_open(&options);
    struct broker_options *o = &r->options;
    broker_options_default(o);
    o->id = 1;
    o->shard_count = shard_count;
    o->listener_count = 1;
    (void)snprintf(o->listeners[0].name, sizeof o->listeners[0].name, "PLAINTEXT");
    (void)snprintf(o->listeners[0].host, sizeof o->listeners[0].host, "broker");
    o->listeners[0].port = PORT;
    (void)snprintf(o->replication_listener, sizeof o->replication_listener, "INTERNAL");
    o->log_dir_count = 1;
    (void)snprintf(o->log_dirs[0], sizeof o->log_dirs[0], "/log");
    r->dirs = log_dirs_open(o);
    r->topic_id.bytes[15] = 1;
    r->arena = (struct arena){.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    r->out = writer_with(OUT_MAX_BYTES);
    r->broker = sim_node_add(r->sim, "broker", "broker");
    r->client_node = sim_node_add(r->sim, "client", "client");
    cr_assert_eq(sim_node_fs(r->broker)->ops->mkdir(sim_node_fs(r->broker), "/log"), 0);
    sim_node_start(r->broker, shard_count + 1, open_broker, r);
    cr_assert(sim_run_while_not(r->sim, serves, r, LIMIT_US), "it does not serve: %s",
              sim_violated(r->sim));
    sim_node_start(r->client_node, 1, open_client, &r->client);
    cr_assert(sim_run_while_not(r->sim, is_connected, r, sim_now_us(r->sim) + LIMIT_US));
}

static bool is_down(void *arg)
{
    return sim_node_state(((const struct rig *)arg)->broker) == SIM_DOWN;
}

void rig_close(struct rig *r)
{
    if (sim_node_state(r->broker) != SIM_DOWN) {
        sim_node_stop(r->broker);
        bool down = sim_run_while_not(r->sim, is_down, r, sim_now_us(r->sim) + LIMIT_US);
        cr_assert(down, "it does not stop");
    }
    cr_assert_null(sim_violated(r->sim));
    sim_close(r->sim);
    log_dirs_close(r->dirs);
    for (uint32_t i = 0; i < r->client.frame_count; i++) buf_unref(r->client.frames[i]);
    free(r->arena.base);
    writer_close(&r->out);
}

void rig_run_ms(struct rig *r, uint64_t ms)
{
    cr_assert(sim_run_for_ms(r->sim, ms), "%s", sim_violated(r->sim));
}

/* ---- Requests. ---- */

uint32_t rig_owner(const struct rig *r, int32_t partition)
{
    return shard_of_partition(&r->options, TOPIC, partition);
}

int32_t rig_partition_of(const struct rig *r, uint32_t shard)
{
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        if (rig_owner(r, i) == shard) return i;
    }
    cr_assert_fail("shard %u owns nothing", shard);
    return -1;
}

uint32_t rig_send(struct rig *r, int16_t key, int16_t version, const void *message)
{
    const struct kafka_api *api = kafka_api_find(key);
    writer_reset(&r->out);
    uint32_t correlation = r->client.sent++;
    size_t start =
        kafka_request_begin(&r->out, api, version, (int32_t)correlation, slice_of_text("rig"));
    cr_assert_eq(kafka_encode(api->request, kafka_api_version(api, version), message, &r->out), 0);
    cr_assert_eq(kafka_frame_end(&r->out, start, NULL, 0), 0);
    struct buf *frame = buf_of(writer_slice(&r->out));
    env_send(r->client.env, r->client.conn, &(struct env_piece){.buf = frame, .size = frame->size},
             1);
    return correlation;
}

struct awaited {
    const struct rig *rig;
    uint32_t correlation;
};

static const struct buf *find_frame(const struct rig *r, uint32_t correlation)
{
    for (uint32_t i = 0; i < r->client.frame_count; i++) {
        uint32_t raw;
        memcpy(&raw, r->client.frames[i]->data, sizeof raw);
        if (be32toh(raw) == correlation) return r->client.frames[i];
    }
    return NULL;
}

static bool is_answered(void *arg)
{
    const struct awaited *a = arg;
    return find_frame(a->rig, a->correlation) != NULL;
}

const void *rig_answer(struct rig *r, uint32_t correlation, int16_t key, int16_t version)
{
    struct awaited awaited = {.rig = r, .correlation = correlation};
    bool is = sim_run_while_not(r->sim, is_answered, &awaited, sim_now_us(r->sim) + LIMIT_US);
    cr_assert(is, "request %u has no answer", correlation);
    const struct kafka_api *api = kafka_api_find(key);
    static _Alignas(16) uint8_t message[1024];
    cr_assert_leq(api->response->size, sizeof message);
    int32_t got = -1;
    struct slice body;
    r->arena.used = 0;
    const struct buf *frame = find_frame(r, correlation);
    cr_assert_eq(kafka_response_open(buf_slice(frame), api, version, &got, &body), 0);
    cr_assert_eq(
        kafka_decode(api->response, kafka_api_version(api, version), body, &r->arena, message), 0);
    return message;
}

uint32_t rig_produce(struct rig *r, int16_t acks, const int32_t *partitions, uint32_t count,
                     uint32_t size)
{
    uint8_t *value = malloc(size + 1);
    memset(value, 'v', size);
    struct record_spec record = {.value = slice_of(value, size)};
    struct batch_spec spec = batch_spec_of(&record, 1);
    if (r->producer_id >= 0) {
        spec.producer_id = r->producer_id;
        spec.producer_epoch = 0;
        spec.base_sequence = r->sequence;
    }
    struct writer batch = writer_with(OUT_MAX_BYTES);
    kafka_batch_build(&spec, &batch);
    struct produce_request_partition parts[RIG_PARTITIONS];
    for (uint32_t i = 0; i < count; i++) {
        kafka_defaults(&schema_produce_request_partition, &parts[i]);
        parts[i].index = partitions[i];
        parts[i].records = (struct records){.at = batch.base, .size_bytes = batch.size};
    }
    struct produce_request_topic topic;
    kafka_defaults(&schema_produce_request_topic, &topic);
    topic.name = slice_of_text(TOPIC);
    topic.partition_data = (struct array){parts, (int32_t)count};
    struct produce_request q;
    kafka_defaults(&schema_produce_request, &q);
    q.acks = acks;
    q.timeout_ms = 60000;
    q.topic_data = (struct array){&topic, 1};
    uint32_t correlation = rig_send(r, KAFKA_API_PRODUCE, RIG_PRODUCE_VERSION, &q);
    writer_close(&batch);
    free(value);
    return correlation;
}

uint32_t rig_fetch(struct rig *r, const struct rig_fetch *fetch)
{
    struct fetch_request_partition parts[RIG_PARTITIONS];
    for (uint32_t i = 0; i < fetch->count; i++) {
        kafka_defaults(&schema_fetch_request_partition, &parts[i]);
        parts[i].partition = fetch->partitions[i];
        parts[i].fetch_offset = fetch->offset;
        parts[i].partition_max_bytes = (int32_t)fetch->partition_max_bytes;
    }
    struct fetch_request_topic topic;
    kafka_defaults(&schema_fetch_request_topic, &topic);
    topic.topic = slice_of_text(TOPIC);
    topic.partitions = (struct array){parts, (int32_t)fetch->count};
    struct fetch_request q;
    kafka_defaults(&schema_fetch_request, &q);
    q.max_wait_ms = (int32_t)fetch->wait_ms;
    q.min_bytes = (int32_t)fetch->min_bytes;
    q.max_bytes = (int32_t)fetch->max_bytes;
    q.topics = (struct array){&topic, fetch->count > 0};
    if (fetch->has_session) {
        q.session_id = fetch->session_id;
        q.session_epoch = fetch->session_epoch;
    }
    return rig_send(r, KAFKA_API_FETCH, RIG_FETCH_VERSION, &q);
}

uint64_t rig_fetched_bytes(const void *answer)
{
    const struct fetch_response *a = answer;
    const struct fetch_response_topic *topics = a->responses.items;
    uint64_t bytes = 0;
    for (int32_t i = 0; i < a->responses.count; i++) {
        const struct fetch_response_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            cr_assert_eq(parts[j].error_code, 0);
            bytes += parts[j].records.size_bytes;
        }
    }
    return bytes;
}

uint64_t rig_away(const struct rig *r, uint32_t shard)
{
    const struct shard *s = r->shards[shard - 1];
    return s->posts_out + !TAILQ_EMPTY(&s->host.loans);
}
