#include "tests/sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/msg/metadata.h"

#define ARENA_BYTES (1024u * 1024)
#define OUT_MAX_BYTES (4u * 1024 * 1024)
#define FRAME_MAX_BYTES (64u * 1024 * 1024)
#define REDIAL_MS 30
#define METADATA_PAUSE_MS 50
#define METADATA_AGE_MS 3000

/* ---- Requests and answers. ---- */

bool client_is_free(const struct client *c, uint32_t broker)
{
    const struct client_conn *to = &c->conns[broker];
    if (to->conn == 0 && env_now_ms(c->env) < to->retry_ms) return false;
    return to->count < CLIENT_PENDING_MAX;
}

static void dial(struct client *c, uint32_t broker)
{
    struct env_endpoint at = {
        .port = CLUSTER_KAFKA_PORT, .tag = broker, .frame_max_bytes = FRAME_MAX_BYTES};
    (void)snprintf(at.host, sizeof at.host, "%s", cluster_broker_host(broker));
    c->conns[broker].conn = env_dial(c->env, &at);
}

bool client_send(struct client *c, uint32_t broker, int16_t key, const void *message, void *context,
                 bool needs_answer)
{
    if (!client_is_free(c, broker)) return false;

    const struct kafka_api *api = kafka_api_find(key);
    int16_t version = client_version(c, key);
    int32_t correlation = c->next_correlation++;
    writer_reset(&c->out);
    size_t start = kafka_request_begin(&c->out, api, version, correlation, slice_of_text(c->name));
    int rc = kafka_encode(api->request, kafka_api_version(api, version), message, &c->out);
    if (rc == 0) rc = kafka_frame_end(&c->out, start, NULL, 0);
    CHECK(rc == 0);

    struct client_conn *to = &c->conns[broker];
    if (to->conn == 0) dial(c, broker);
    struct buf *frame = buf_of(writer_slice(&c->out));
    env_send(c->env, to->conn, &(struct env_piece){.buf = frame, .size = frame->size}, 1);
    if (!needs_answer) return true;
    to->pending[to->count++] = (struct pending){
        .correlation = correlation,
        .api = key,
        .version = version,
        .deadline_ms = env_now_ms(c->env) + c->request_timeout_ms,
        .context = context,
    };
    return true;
}

static void on_metadata(struct client *c, const struct metadata_response *m);

static void answer(struct client *c, uint32_t broker, const struct pending *p, const void *message)
{
    if (p->api == KAFKA_API_METADATA) {
        c->metadata_is_out = false;
        if (message != NULL) on_metadata(c, message);
        if (message == NULL) client_suspect(c);
        return;
    }
    c->kind->on_answer(c, broker, p->api, message, p->context);
}

/* The connection is over: nothing that waits on it will be answered. */
static void lose(struct client *c, uint32_t broker, uint32_t pause_ms)
{
    struct client_conn lost = c->conns[broker];
    c->conns[broker].conn = 0;
    c->conns[broker].count = 0;
    c->conns[broker].retry_ms = env_now_ms(c->env) + pause_ms;
    if (lost.count > 0) client_suspect(c);
    for (uint32_t i = 0; i < lost.count; i++) answer(c, broker, &lost.pending[i], NULL);
}

static void on_frame(struct client *c, uint32_t broker, struct buf *frame)
{
    struct client_conn *from = &c->conns[broker];
    if (from->count == 0) {
        sim_violation(c->cluster->sim,
                      "[answers] %s got one from broker-%u that it did not ask for", c->name,
                      broker + 1);
        return;
    }
    struct pending p = from->pending[0];
    from->count--;
    memmove(&from->pending[0], &from->pending[1], from->count * sizeof from->pending[0]);

    const struct kafka_api *api = kafka_api_find(p.api);
    _Alignas(16) uint8_t message[1024];
    CHECK(api->response->size <= sizeof message);
    int32_t correlation = -1;
    struct slice body;
    c->arena.used = 0;
    int rc = kafka_response_open(buf_slice(frame), api, p.version, &correlation, &body);
    if (rc == 0) {
        rc = kafka_decode(api->response, kafka_api_version(api, p.version), body, &c->arena,
                          message);
    }
    if (rc != 0 || correlation != p.correlation) {
        sim_violation(
            c->cluster->sim,
            "[answers] %s cannot read the answer of broker-%u to %s %d, or it is another's",
            c->name, broker + 1, api->name, p.version);
        return;
    }
    answer(c, broker, &p, message);
}

/* ---- Metadata. ---- */

void client_suspect(struct client *c)
{
    uint64_t soon = env_now_ms(c->env) + METADATA_PAUSE_MS;
    if (c->metadata_ms > soon) c->metadata_ms = soon;
}

uint32_t client_any_broker(struct client *c)
{
    return (uint32_t)prng_range(&c->prng, 0, c->cluster->options.broker_count - 1);
}

struct client_topic *client_topic_of(struct client *c, struct uuid id)
{
    for (uint32_t i = 0; i < c->topic_count; i++) {
        if (uuid_equal(c->topics[i].id, id)) return &c->topics[i];
    }
    return NULL;
}

/* As clients do: what a broker says that has heard less than another did is not believed. */
static void keep_newer(const struct client_topic *old, struct client_topic *to, int32_t number)
{
    if (old == NULL || old->partitions[number].leader_epoch <= to->partitions[number].leader_epoch)
        return;
    to->partitions[number] = old->partitions[number];
}

static const struct client_topic *find_in(const struct client_topic *topics, uint32_t count,
                                          const struct client_topic *like)
{
    for (uint32_t i = 0; i < count; i++) {
        bool is_it = uuid_equal(topics[i].id, like->id) && strcmp(topics[i].name, like->name) == 0;
        if (is_it) return &topics[i];
    }
    return NULL;
}

static void take_topic(struct client *c, const struct metadata_response_topic *from,
                       const struct client_topic *olds, uint32_t old_count)
{
    if (from->error_code != KAFKA_NONE || c->topic_count == CLIENT_TOPICS_MAX) return;
    if (from->is_internal) return; /* The brokers' own business. */

    struct client_topic *to = &c->topics[c->topic_count++];
    *to = (struct client_topic){.id = from->topic_id};
    (void)snprintf(to->name, sizeof to->name, "%.*s", (int)from->name.size,
                   (const char *)from->name.at);
    const struct client_topic *old = find_in(olds, old_count, to);
    const struct metadata_response_partition *parts = from->partitions.items;
    for (int32_t i = 0; i < from->partitions.count; i++) {
        int32_t number = parts[i].partition_index;
        if (number < 0 || number >= CLUSTER_PARTITIONS_MAX) continue;
        to->partitions[number] = (struct client_partition){.leader = parts[i].leader_id,
                                                           .leader_epoch = parts[i].leader_epoch};
        keep_newer(old, to, number);
        if (to->partition_count <= (uint32_t)number) to->partition_count = (uint32_t)number + 1;
    }
}

static void on_metadata(struct client *c, const struct metadata_response *m)
{
    struct client_topic olds[CLIENT_TOPICS_MAX];
    uint32_t old_count = c->topic_count;
    memcpy(olds, c->topics, sizeof olds);
    c->topic_count = 0;
    const struct metadata_response_topic *topics = m->topics.items;
    for (int32_t i = 0; i < m->topics.count; i++) take_topic(c, &topics[i], olds, old_count);
    c->metadata_ms = env_now_ms(c->env) + METADATA_AGE_MS;
}

static void ask_metadata(struct client *c)
{
    uint64_t now = env_now_ms(c->env);
    if (!c->wants_metadata || c->metadata_is_out || now < c->metadata_ms) return;

    struct metadata_request q;
    kafka_defaults(&schema_metadata_request, &q);
    q.topics = (struct array){.count = -1};
    q.allow_auto_topic_creation = false;
    c->metadata_ms = now + METADATA_PAUSE_MS;
    c->metadata_is_out = client_send(c, client_any_broker(c), KAFKA_API_METADATA, &q, NULL, true);
}

/* ---- The turn. ---- */

static void check_timeouts(struct client *c)
{
    for (uint32_t i = 0; i < CLUSTER_BROKERS_MAX; i++) {
        struct client_conn *to = &c->conns[i];
        if (to->count == 0 || env_now_ms(c->env) < to->pending[0].deadline_ms) continue;
        env_close(c->env, to->conn, false);
        lose(c, i, 0);
    }
}

static void on_event(struct client *c, const struct env_event *e)
{
    switch (e->kind) {
    case ENV_FRAME:
        if (c->conns[e->tag].conn == e->conn) on_frame(c, e->tag, e->buf);
        buf_unref(e->buf);
        return;
    case ENV_CLOSED:
        if (c->conns[e->tag].conn == e->conn) lose(c, e->tag, REDIAL_MS);
        return;
    case ENV_STOP: env_stop(c->env); return;
    case ENV_ACCEPTED:
    case ENV_CONNECTED:
    case ENV_DRAINED:
    case ENV_JOB_DONE:
    case ENV_POSTED:
    case ENV_HTTP: return;
    }
}

static uint64_t client_turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct client *c = actor;
    for (uint32_t i = 0; i < count; i++) on_event(c, &events[i]);
    check_timeouts(c);
    ask_metadata(c);
    uint64_t next = c->kind->turn(c);
    if (c->wants_metadata && !c->metadata_is_out && c->metadata_ms < next) next = c->metadata_ms;
    for (uint32_t i = 0; i < CLUSTER_BROKERS_MAX; i++) {
        const struct client_conn *to = &c->conns[i];
        if (to->count > 0 && to->pending[0].deadline_ms < next) next = to->pending[0].deadline_ms;
    }
    return next;
}

static void open_process(void *arg, struct sim_node *node, struct env *const *envs,
                         uint32_t actor_count, struct sim_process *out)
{
    struct client *c = arg;
    CHECK(actor_count == 1);
    c->node = node;
    c->env = envs[0];
    *out = (struct sim_process){.turns = {client_turn}, .actors = {c}, .process = c};
}

/* Old clients and new ones: each speaks one version of each API. Versions before `since` carry
 * what is sent here, but not topic ids. */
static int16_t draw_version(struct client *c, const struct kafka_api *api)
{
    int16_t low = api->version_min;
    if (api->key == KAFKA_API_PRODUCE) low = c->may_speak_of_names ? 3 : 13;
    if (api->key == KAFKA_API_FETCH && !c->may_speak_of_names) low = 13;
    if (api->key == KAFKA_API_METADATA) low = 10; /* With topic ids: the history goes by them. */
    if (api->key == KAFKA_API_DELETE_TOPICS || api->key == KAFKA_API_ELECT_LEADERS) {
        low = api->version_max;
    }
    return (int16_t)prng_range(&c->prng, (uint64_t)low, (uint64_t)api->version_max);
}

void client_open(struct client *c, struct cluster *cluster, struct history *history,
                 const char *name, uint64_t salt)
{
    c->cluster = cluster;
    c->history = history;
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->prng = sim_prng(cluster->sim, salt);
    c->may_speak_of_names = prng_chance(&c->prng, 1, 2);
    c->request_timeout_ms = (uint32_t)prng_range(&c->prng, 1000, 6000);
    c->arena = (struct arena){.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    CHECK(c->arena.base != NULL);
    c->out = writer_with(OUT_MAX_BYTES);
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = kafka_api_at(i);
        if (api->key < CLIENT_APIS_MAX) c->versions[api->key] = draw_version(c, api);
    }
    c->wants_metadata = true;
    sim_node_start(sim_node_add(cluster->sim, name, name), 1, open_process, c);
}

void client_close(struct client *c)
{
    if (c == NULL) return;

    free(c->arena.base);
    writer_close(&c->out);
    c->kind->close(c);
}
