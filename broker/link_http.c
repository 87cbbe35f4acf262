#include <inttypes.h>
#include <string.h>

#include "broker/link_state.h"
#include "common/words.h"

#define TEXT_MAX (32 * 1024)

static const char *not_serving(const struct link *l)
{
    if (l->is_stopping) return "stopping";
    if (l->epoch < 0) return "not registered with the controllers";
    if (link_applied(l) < l->registered_index) return "catching up with the metadata";
    if (l->is_fenced) return "fenced by the controllers";
    return NULL;
}

static struct shard_numbers sum(const struct link *l)
{
    struct shard_numbers all = {0};
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        const struct shard_numbers *s = &l->shards[n].numbers;
        all.partitions += s->partitions;
        all.leaders += s->leaders;
        all.under_replicated += s->under_replicated;
        all.under_min_isr += s->under_min_isr;
        all.offline += s->offline;
        all.connections += s->connections;
        all.memory_frames_bytes += s->memory_frames_bytes;
        all.requests += s->requests;
        all.requests_refused += s->requests_refused;
        all.connections_closed_hostile += s->connections_closed_hostile;
        all.records_in += s->records_in;
        all.bytes_in += s->bytes_in;
        all.bytes_out += s->bytes_out;
        all.produce_requests += s->produce_requests;
        all.fetch_requests += s->fetch_requests;
        all.duplicate_batches += s->duplicate_batches;
        all.isr_shrinks += s->isr_shrinks;
        all.rotten += s->rotten;
        all.rot_found += s->rot_found;
        all.rot_gone += s->rot_gone;
        all.scrubbed_bytes += s->scrubbed_bytes;
        all.isr_expands += s->isr_expands;
    }
    return all;
}

/* clang-format off */
#define NUMBERS(X)                                                                    \
    X(partitions, "gauge", "Replicas on this broker.")                                \
    X(leaders, "gauge", "Partitions that this broker leads.")                         \
    X(under_replicated, "gauge", "Led partitions with replicas out of sync.")         \
    X(under_min_isr, "gauge", "Led partitions below min.insync.replicas.")            \
    X(offline, "gauge", "Replicas here that are out of service.")                     \
    X(connections, "gauge", "Open client and replica connections.")                   \
    X(memory_frames_bytes, "gauge", "Bytes of requests that are not answered yet.")    \
    X(requests, "counter", "Requests admitted.")                                      \
    X(requests_refused, "counter", "Requests that were malformed, unknown, not allowed.") \
    X(connections_closed_hostile, "counter", "Connections closed: TLS, HTTP, too large.") \
    X(records_in, "counter", "Records written by producers.")                         \
    X(bytes_in, "counter", "Bytes of record batches written by producers.")           \
    X(bytes_out, "counter", "Bytes of answers.")                                      \
    X(produce_requests, "counter", "Produce requests.")                               \
    X(fetch_requests, "counter", "Fetch requests of consumers and followers.")        \
    X(duplicate_batches, "counter", "Batches of idempotent producers seen again.")    \
    X(rotten, "gauge", "Replicas here that have a bad batch.")                        \
    X(rot_found, "counter", "Bad batches found, by the scrub or by a reader.")        \
    X(rot_gone, "counter", "Of those, fetched again from another broker, or gone.")   \
    X(scrubbed_bytes, "gauge", "Bytes that the scrub has read, of replicas here.")    \
    X(isr_shrinks, "counter", "Times that an ISR became smaller.")                    \
    X(isr_expands, "counter", "Times that an ISR became larger.")
/* clang-format on */

/* How evenly the work lies on the shards. */
static void add_by_shard(struct words *w, const struct link *l)
{
#define X(name, type)                                                                 \
    words_add(w, "# TYPE jackdaw_broker_shard_" #name " " type "\n");                 \
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {                         \
        words_add(w, "jackdaw_broker_shard_" #name "{shard=\"%u\"} %" PRIu64 "\n", n, \
                  l->shards[n].numbers.name);                                         \
    }
    X(partitions, "gauge")
    X(connections, "gauge")
    X(requests, "counter")
#undef X
}

static void answer_metrics(struct link *l, uint64_t http_id)
{
    struct shard_numbers all = sum(l);
    char text[TEXT_MAX];
    struct words w = {.to = text, .size = sizeof text};
#define X(name, type, text)                                                                     \
    words_add(&w,                                                                               \
              "# HELP jackdaw_broker_" #name " " text "\n# TYPE jackdaw_broker_" #name " " type \
              "\njackdaw_broker_" #name " %" PRIu64 "\n",                                       \
              all.name);
    NUMBERS(X)
#undef X
    add_by_shard(&w, l);
    words_add(&w, "# TYPE jackdaw_broker_fenced gauge\njackdaw_broker_fenced %d\n", l->is_fenced);
    words_add(
        &w, "# TYPE jackdaw_broker_applied_index gauge\njackdaw_broker_applied_index %" PRIu64 "\n",
        link_applied(l));
    struct env_counters c;
    env_counters(l->env, &c);
    words_add(&w, "# TYPE jackdaw_link_turns counter\njackdaw_link_turns %" PRIu64 "\n", c.turns);
    words_add(
        &w,
        "# TYPE jackdaw_broker_http_connections counter\njackdaw_broker_http_connections %" PRIu64
        "\n# TYPE jackdaw_broker_http_requests counter\njackdaw_broker_http_requests %" PRIu64 "\n",
        c.http_connections, c.http_requests);
    env_http_answer(l->env, http_id, 200, "text/plain; version=0.0.4", slice_of(text, w.used));
}

/* Numbers and words of our own only: nothing in it needs escaping. */
static void answer_status(struct link *l, uint64_t http_id)
{
    struct shard_numbers all = sum(l);
    uint32_t id = l->voters[l->voter].id; /* 0: only its address is known. */
    char text[TEXT_MAX];
    struct words w = {.to = text, .size = sizeof text};
    words_add(
        &w, "{\"node_id\": %d, \"epoch\": %" PRId64 ", \"fenced\": %s, \"applied_index\": %" PRIu64,
        l->options->id, l->epoch, l->is_fenced ? "true" : "false", link_applied(l));
    words_add(&w, ", \"controller_id\": %" PRId64,
              l->phase == LINK_SERVING && id != 0 ? (int64_t)id : -1);
#define X(name, type, text) words_add(&w, ", \"" #name "\": %" PRIu64, all.name);
    NUMBERS(X)
#undef X
    words_add(&w, "}\n");
    env_http_answer(l->env, http_id, 200, "application/json", slice_of(text, w.used));
}

void link_on_http(struct link *l, const struct env_event *e)
{
    if (strcmp(e->address, "/metrics") == 0) {
        answer_metrics(l, e->http_id);
    } else if (strcmp(e->address, "/status") == 0) {
        answer_status(l, e->http_id);
    } else if (strcmp(e->address, "/health") == 0) {
        const char *why = not_serving(l);
        env_http_answer(l->env, e->http_id, why == NULL ? 200 : 503, "text/plain",
                        slice_of_text(why == NULL ? "serving\n" : why));
    } else {
        env_http_answer(l->env, e->http_id, 404, "text/plain",
                        slice_of_text("there are /health, /metrics and /status\n"));
    }
}
