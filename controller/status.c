#include "controller/status.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/decide/partitions.h"

#define METRICS_MAX_BYTES (1024u * 1024)

static bool is_healthy(const struct controller *c)
{
    return c->phase == PHASE_UP && known_leader(c) != RAFT_NOBODY;
}

static const char *role_text(const struct controller *c)
{
    if (c->phase < PHASE_UP) return "starting";
    switch (c->raft.role) {
    case RAFT_LEADER: return "leader";
    case RAFT_FOLLOWER: return "follower";
    case RAFT_PRECANDIDATE:
    case RAFT_CANDIDATE: return "candidate";
    }
    return "?";
}

static bool is_peer_connected(const struct controller *c, uint32_t id)
{
    if (id == c->options.node_id) return true;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (c->peers[i].id == id) return c->peers[i].is_connected;
    }
    return false;
}

static uint64_t match_index_of(const struct controller *c, uint32_t id)
{
    if (id == c->options.node_id) return raft_last_index(&c->raft);
    const struct raft_peer *peer = raft_peer(&c->raft, id);
    return peer == NULL || !c->is_leading ? 0 : peer->match_index;
}

static uint32_t isr_short_count(const struct meta_image *image, int32_t leader)
{
    uint32_t count = 0;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->leader == leader && p->isr.count < p->replicas.count) count++;
        }
    }
    return count;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *voters_json(const struct controller *c)
{
    json_t *voters = json_array();
    const struct raft_members *set = raft_members(&c->raft);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t id = set->items[i].id;
        json_t *v = json_object();
        (void)json_object_set_new(v, "id", number(id));
        (void)json_object_set_new(v, "votes", json_boolean(set->items[i].voter));
        (void)json_object_set_new(v, "match_index", number(match_index_of(c, id)));
        (void)json_object_set_new(v, "connected", json_boolean(is_peer_connected(c, id)));
        (void)json_array_append_new(voters, v);
    }
    return voters;
}

/* Where clients reach it, if they have a listener of their own. */
static const struct meta_image_listener *client_listener(const struct meta_broker *b)
{
    for (uint32_t i = 0; i < b->listener_count; i++) {
        if (strcmp(b->listeners[i].name, b->replication_listener) != 0) return &b->listeners[i];
    }
    return &b->listeners[0];
}

static json_t *brokers_json(const struct controller *c)
{
    json_t *brokers = json_array();
    for (const struct meta_broker *b = c->committed.brokers; b != NULL; b = b->hh.next) {
        const struct liveness_broker *seen = liveness_find(&c->liveness, b->id);
        const struct meta_image_listener *at = client_listener(b);
        json_t *o = json_object();
        (void)json_object_set_new(o, "id", json_integer(b->id));
        (void)json_object_set_new(o, "epoch", json_integer(b->epoch));
        (void)json_object_set_new(o, "fenced", json_boolean(b->fenced));
        (void)json_object_set_new(o, "stopping", json_boolean(b->stopping));
        (void)json_object_set_new(o, "drained",
                                  json_boolean(broker_is_drained(&c->committed, b->id)));
        (void)json_object_set_new(o, "host", json_string(at->host));
        (void)json_object_set_new(o, "port", json_integer(at->port));
        (void)json_object_set_new(o, "rack", json_string(b->rack));
        (void)json_object_set_new(o, "applied_index",
                                  number(seen == NULL ? 0 : seen->applied_index));
        (void)json_object_set_new(o, "leaders", number(b->leader_count));
        (void)json_object_set_new(o, "isr_short", number(isr_short_count(&c->committed, b->id)));
        (void)json_array_append_new(brokers, o);
    }
    return brokers;
}

static void answer_status(struct controller *c, uint64_t http_id)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "node_id", number(c->options.node_id));
    (void)json_object_set_new(o, "role", json_string(role_text(c)));
    (void)json_object_set_new(o, "leader_id", number(known_leader(c)));
    (void)json_object_set_new(o, "term", number(c->raft.vote.term));
    (void)json_object_set_new(o, "commit_index", number(c->commit_target));
    (void)json_object_set_new(o, "last_index", number(raft_last_index(&c->raft)));
    (void)json_object_set_new(o, "applied_index", number(c->committed.index));
    (void)json_object_set_new(o, "snapshot_index", number(c->snapshot_index));
    (void)json_object_set_new(o, "cluster_id", json_string(c->committed.cluster_id));
    (void)json_object_set_new(o, "voters", voters_json(c));
    (void)json_object_set_new(o, "brokers", brokers_json(c));
    (void)json_object_set_new(o, "topics", number(c->committed.topic_count));
    (void)json_object_set_new(o, "partitions", number(c->committed.partition_count));

    char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(o);
    CHECK(text != NULL);
    env_http_answer(c->env, http_id, 200, "application/json", slice_of_text(text));
    free(text);
}

/* ---- Prometheus. ---- */

struct gauge {
    const char *name;
    const char *type;
    const char *help;
    uint64_t value;
};

static void write_text(struct writer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_text(struct writer *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    CHECK(size >= 0 && (size_t)size < sizeof line);
    write_bytes(out, line, (size_t)size);
}

struct partition_counts {
    uint64_t offline;
    uint64_t isr_short;
};

static struct partition_counts count_partitions(const struct meta_image *image)
{
    struct partition_counts n = {0};
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->leader == META_NOBODY) n.offline++;
            if (p->isr.count < p->replicas.count) n.isr_short++;
        }
    }
    return n;
}

static uint32_t count_fenced(const struct meta_image *image)
{
    uint32_t count = 0;
    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next)
        count += b->fenced;
    return count;
}

static void answer_metrics(struct controller *c, uint64_t http_id)
{
    struct partition_counts n = count_partitions(&c->committed);
    struct env_counters world;
    env_counters(c->env, &world);
    /* clang-format off */
    const struct gauge gauges[] = {
        {"leader", "gauge", "1 if this controller leads the quorum", c->is_leading},
        {"term", "counter", "Raft's term", c->raft.vote.term},
        {"commit_index", "counter", "the last committed decision", c->commit_target},
        {"last_index", "counter", "the last entry of the log", raft_last_index(&c->raft)},
        {"applied_index", "counter", "the last decision in the image", c->committed.index},
        {"snapshot_index", "counter", "the last decision in a snapshot", c->snapshot_index},
        {"log_bytes", "gauge", "of the metadata log in memory", c->log.bytes},
        {"brokers", "gauge", "registered brokers", HASH_COUNT(c->committed.brokers)},
        {"brokers_fenced", "gauge", "of them, fenced", count_fenced(&c->committed)},
        {"topics", "gauge", "topics", c->committed.topic_count},
        {"partitions", "gauge", "partitions", c->committed.partition_count},
        {"partitions_offline", "gauge", "of them, without a leader", n.offline},
        {"partitions_isr_short", "gauge", "of them, with fewer in sync than replicas", n.isr_short},
        {"connections", "gauge", "open connections", HASH_COUNT(c->conns)},
        {"decisions", "counter", "decisions made here", c->decision_count},
        {"decisions_refused", "counter", "that the image refused: a defect", c->refused_count},
        {"connections_accepted", "counter", "connections taken in", world.accepted},
        {"connections_rejected", "counter", "connections beyond a limit", world.rejected},
        {"connections_too_large", "counter", "closed: a frame was too long",
         world.closed[ENV_REASON_TOO_LARGE]},
        {"connections_http", "counter", "closed: they spoke HTTP", world.closed[ENV_REASON_HTTP]},
        {"connections_tls", "counter", "closed: they spoke TLS", world.closed[ENV_REASON_TLS]},
        {"frames_malformed", "counter", "frames that did not parse", c->malformed_count},
        {"http_connections", "counter", "connections to http.listeners", world.http_connections},
        {"http_requests", "counter", "of them, HTTP that parsed", world.http_requests},
        {"received_bytes", "counter", "from connections", world.bytes_in},
        {"sent_bytes", "counter", "to connections", world.bytes_out},
    };
    /* clang-format on */
    struct writer out = writer_with(METRICS_MAX_BYTES);
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        const struct gauge *g = &gauges[i];
        const char *suffix = strcmp(g->type, "counter") == 0 ? "_total" : "";
        write_text(&out, "# HELP jackdaw_controller_%s%s %s\n# TYPE jackdaw_controller_%s%s %s\n",
                   g->name, suffix, g->help, g->name, suffix, g->type);
        write_text(&out, "jackdaw_controller_%s%s %llu\n", g->name, suffix,
                   (unsigned long long)g->value);
    }
    env_http_answer(c->env, http_id, 200, "text/plain; version=0.0.4", writer_slice(&out));
    writer_close(&out);
}

void status_answer(struct controller *c, const struct env_event *event)
{
    if (strcmp(event->address, "/health") == 0) {
        const char *text = is_healthy(c) ? "ok\n" : "no leader is known\n";
        env_http_answer(c->env, event->http_id, is_healthy(c) ? 200 : 503, "text/plain",
                        slice_of_text(text));
    } else if (strcmp(event->address, "/status") == 0) {
        answer_status(c, event->http_id);
    } else if (strcmp(event->address, "/metrics") == 0) {
        answer_metrics(c, event->http_id);
    } else {
        env_http_answer(c->env, event->http_id, 404, "text/plain",
                        slice_of_text("/health, /metrics or /status\n"));
    }
}
