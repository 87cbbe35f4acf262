#include "broker/net/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/net/router.h"
#include "common/check.h"
#include "common/zeroed.h"
#include "proto/kafka_errors.h"
#include "proto/msg/api_versions.h"

#define COMPLAINTS_WINDOW_MS 10000
#define COMPLAINTS_MAX 10

static struct conn *find_conn(struct shard *s, uint64_t id)
{
    struct conn *found = NULL;
    HASH_FIND(hh, s->conns, &id, sizeof id, found);
    return found;
}

void conn_on_accepted(struct shard *s, const struct env_event *e)
{
    CHECK(e->tag < s->options->listener_count);
    if (s->host.is_stopping) {
        env_close(s->env, e->conn, false);
        return;
    }

    struct conn *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->id = e->conn;
    c->listener = e->tag;
    c->replica_id = -1;
    (void)snprintf(c->address, sizeof c->address, "%s", e->address);
    char *port = strrchr(c->address, ':');
    if (port != NULL) *port = '\0';
    TAILQ_INIT(&c->requests);
    TAILQ_INIT(&c->backlog);
    HASH_ADD(hh, s->conns, id, sizeof c->id, c);
    s->conn_count++;
}

/* ---- Back-pressure. ---- */

static uint64_t frame_bytes_max(const struct shard *s)
{
    return s->options->queued_request_max_bytes / s->options->shard_count;
}

static void pause_conn(struct shard *s, struct conn *c, enum conn_pause why)
{
    if ((c->pauses & why) != 0) return;
    if (c->pauses == 0 && TAILQ_EMPTY(&c->backlog)) env_pause(s->env, c->id, true);
    if (why == CONN_PAUSE_MEMORY) TAILQ_INSERT_TAIL(&s->starved, c, starved_link);
    c->pauses |= why;
}

/* Nothing is handled here: whoever calls is in the middle of something. */
static void resume_conn(struct shard *s, struct conn *c, enum conn_pause why)
{
    if ((c->pauses & why) == 0) return;
    if (why == CONN_PAUSE_MEMORY) TAILQ_REMOVE(&s->starved, c, starved_link);
    c->pauses &= ~(uint32_t)why;
    if (c->pauses != 0 || c->is_ready) return;
    c->is_ready = true;
    TAILQ_INSERT_TAIL(&s->ready, c, ready_link);
}

/* Its request is over. */
static void forget_bytes(struct shard *s, const struct buf *frame)
{
    CHECK(s->frame_bytes >= frame->size);

    s->frame_bytes -= frame->size;
    if (s->frame_bytes > frame_bytes_max(s) / 2) return;
    struct conn *c;
    while ((c = TAILQ_FIRST(&s->starved)) != NULL) resume_conn(s, c, CONN_PAUSE_MEMORY);
}

static struct buf *take_waiting(struct shard *s, struct conn *c)
{
    struct waiting_frame *w = TAILQ_FIRST(&c->backlog);
    if (w == NULL) return NULL;

    struct buf *frame = w->frame;
    TAILQ_REMOVE(&c->backlog, w, link);
    free(w);
    s->kept_bytes -= frame->size;
    return frame;
}

static void keep_back(struct shard *s, struct conn *c, struct buf *frame)
{
    struct waiting_frame *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->frame = frame;
    s->kept_bytes += frame->size;
    TAILQ_INSERT_TAIL(&c->backlog, w, link);
}

/* It is out of every list, and its frames are given up. */
static void leave_lists(struct shard *s, struct conn *c)
{
    if ((c->pauses & CONN_PAUSE_MEMORY) != 0) TAILQ_REMOVE(&s->starved, c, starved_link);
    if (c->is_ready) TAILQ_REMOVE(&s->ready, c, ready_link);
    struct buf *frame;
    while ((frame = take_waiting(s, c)) != NULL) buf_unref(frame);
}

void conn_on_drained(struct shard *s, uint64_t id)
{
    struct conn *c = find_conn(s, id);
    if (c != NULL) resume_conn(s, c, CONN_PAUSE_QUEUED);
}

/* ---- Requests end. ---- */

static void destroy_request(struct shard *s, struct request *r)
{
    forget_bytes(s, r->frame);
    TAILQ_REMOVE(&s->requests, r, all_link);
    if (r->free_state != NULL) r->free_state(s, r->state);
    route_free(r);
    buf_unref(r->frame);
    buf_unref(r->created);
    if (r->pieces != &r->one_piece) free(r->pieces);
    free(r);
}

static void free_request(struct shard *s, struct request *r)
{
    CHECK(r->groups_pending == 0);
    CHECK(!r->is_over);

    if (r->is_held) TAILQ_REMOVE(&s->held, r, held_link);
    if (r->wants_ids) TAILQ_REMOVE(&s->wanting_producer_ids, r, ids_link);
    r->is_over = true;
    if (r->cancels_out == 0) destroy_request(s, r);
}

void request_on_cancel_back(struct shard *s, struct post *cancel)
{
    struct request *r = router_on_cancel_back(cancel);
    if (r->is_over && r->cancels_out == 0) destroy_request(s, r);
}

/* What was not sent. When the world is gone it has the files back, and the loans of other shards
 * may be freed already. */
static void drop_pieces(struct shard *s, struct request *r)
{
    for (uint32_t i = 0; i < r->piece_count; i++) {
        buf_unref(r->pieces[i].buf);
        if (!s->world_is_gone) env_file_unref(s->env, r->pieces[i].file);
    }
    r->piece_count = 0;
}

/* The request will not be answered. If other shards or partitions still work on it, it goes when
 * they are done. */
static void drop_request(struct shard *s, struct request *r)
{
    r->conn = NULL;
    if (r->is_done) drop_pieces(s, r);
    if (r->groups_pending > 0) {
        route_cancel(s, r);
    } else if (r->is_done || r->is_held || r->wants_ids) {
        free_request(s, r);
    }
    /* Otherwise it is on its way to the link and back, which frees it (request_is_dropped). */
}

static void forget_conn(struct shard *s, struct conn *c)
{
    struct request *r;
    while ((r = TAILQ_FIRST(&c->requests)) != NULL) {
        TAILQ_REMOVE(&c->requests, r, link);
        drop_request(s, r);
    }
    leave_lists(s, c);
    HASH_DEL(s->conns, c);
    s->conn_count--;
    free(c);
}

static const char *reason_text(enum env_reason reason)
{
    switch (reason) {
    case ENV_REASON_TOO_LARGE:
        return "a request longer than socket.request.max.bytes; is this a Kafka client?";
    case ENV_REASON_HTTP:
        return "an HTTP request; metrics and health have a listener of their own (http.listeners)";
    case ENV_REASON_TLS:
        return "a TLS hello; this listener speaks plaintext: set security.protocol=PLAINTEXT";
    case ENV_REASON_NONE:
    case ENV_REASON_EOF:
    case ENV_REASON_RESET:
    case ENV_REASON_REFUSED:
    case ENV_REASON_SILENT:
    case ENV_REASON_NAME:
    case ENV_REASON_LOCAL: return NULL;
    }
    UNREACHABLE();
}

bool conn_may_complain(struct shard *s)
{
    struct complaints *c = &s->complaints;
    uint64_t now_ms = env_now_ms(s->env);
    if (now_ms - c->since_ms >= COMPLAINTS_WINDOW_MS) {
        if (c->held_back > 0) {
            log_warn(s->env,
                     "%u more lines about what clients sent were held back; /metrics counts them",
                     c->held_back);
        }
        *c = (struct complaints){.since_ms = now_ms};
    }
    bool may = c->said < COMPLAINTS_MAX;
    c->said += may;
    c->held_back += !may;
    return may;
}

void conn_on_closed(struct shard *s, uint64_t id, enum env_reason reason)
{
    struct conn *c = find_conn(s, id);
    if (c == NULL) return;

    const char *text = reason_text(reason);
    if (text != NULL) {
        s->numbers.connections_closed_hostile++;
        if (conn_may_complain(s))
            log_warn(s->env, "connection from %s closed: it sent %s", c->address, text);
    }
    forget_conn(s, c);
}

static void close_conn(struct shard *s, struct conn *c, const char *why)
{
    s->numbers.requests_refused++;
    if (why != NULL && conn_may_complain(s))
        log_warn(s->env, "connection from %s closed: %s", c->address, why);
    env_close(s->env, c->id, true);
    forget_conn(s, c);
}

static void send_answer(struct shard *s, struct conn *c, struct request *r)
{
    c->answer_count = c->answer_count == INT32_MAX ? 0 : c->answer_count + 1;
    c->answers_ms[c->answer_count % CONN_ANSWERS_KEPT] = env_now_ms(s->env);
    env_send(s->env, c->id, r->pieces, r->piece_count);
}

uint64_t conn_answered_ms(const struct conn *c, int32_t number)
{
    if (number <= 0 || number > c->answer_count) return 0;
    if (number <= c->answer_count - CONN_ANSWERS_KEPT) return 0;
    return c->answers_ms[number % CONN_ANSWERS_KEPT];
}

/* Sends what is answered, in order. May forget the connection. */
static void flush_conn(struct shard *s, struct conn *c)
{
    struct request *r;
    while ((r = TAILQ_FIRST(&c->requests)) != NULL && r->is_done) {
        TAILQ_REMOVE(&c->requests, r, link);
        c->in_flight--;
        if (r->close_after) {
            free_request(s, r);
            close_conn(s, c, NULL);
            return;
        }
        for (uint32_t i = 0; i < r->piece_count; i++) s->numbers.bytes_out += r->pieces[i].size;
        if (r->piece_count > 0) send_answer(s, c, r);
        r->piece_count = 0;
        free_request(s, r);
    }
    if (env_queued_bytes(s->env, c->id) > CONN_QUEUED_MAX_BYTES) {
        pause_conn(s, c, CONN_PAUSE_QUEUED);
    }
    if (c->in_flight < s->options->requests_in_flight_max) {
        resume_conn(s, c, CONN_PAUSE_IN_FLIGHT);
    }
}

static void finish(struct shard *s, struct request *r)
{
    CHECK(!r->is_done);

    r->is_done = true;
    if (r->conn == NULL) {
        drop_pieces(s, r);
        free_request(s, r);
        return;
    }
    flush_conn(s, r->conn);
}

int request_decode(struct shard *s, struct request *r, struct slice body, void *out)
{
    return kafka_decode(r->api->request, r->version, body, &s->scratch, out);
}

static void fail_answer(struct shard *s, struct request *r, int rc)
{
    log_error(s->env, "the answer to %s version %d cannot be encoded: %s", r->api->name,
              r->version.number, err_text(rc));
    r->close_after = true;
    finish(s, r);
}

static void answer_bytes(struct shard *s, struct request *r)
{
    struct buf *bytes = buf_of(writer_slice(&s->out));
    r->pieces = &r->one_piece;
    r->piece_count = 1;
    r->one_piece = (struct env_piece){.buf = bytes, .size = bytes->size};
    finish(s, r);
}

void request_answer(struct shard *s, struct request *r, const void *message)
{
    writer_reset(&s->out);
    size_t start = kafka_response_begin(&s->out, r->api, r->version.number, r->correlation);
    int rc = kafka_encode(r->api->response, r->version, message, &s->out);
    if (rc == 0) rc = kafka_frame_end(&s->out, start, NULL, 0);
    if (rc != 0) {
        fail_answer(s, r, rc);
        return;
    }
    answer_bytes(s, r);
}

void request_answer_body(struct shard *s, struct request *r, struct slice body)
{
    writer_reset(&s->out);
    size_t start = kafka_response_begin(&s->out, r->api, r->version.number, r->correlation);
    write_slice(&s->out, body);
    int rc = kafka_frame_end(&s->out, start, NULL, 0);
    if (rc != 0) {
        fail_answer(s, r, rc);
        return;
    }
    answer_bytes(s, r);
}

/* Pieces of memory and of files in turn. Every range that has a splice is used up. */
static void cut_pieces(struct request *r, struct buf *bytes, const struct splices *splices)
{
    r->pieces = calloc(2 * (size_t)splices->count + 1, sizeof *r->pieces);
    CHECK(r->pieces != NULL);
    size_t at = 0;
    for (uint32_t i = 0; i <= splices->count; i++) {
        size_t end = i < splices->count ? splices->items[i].out_offset : bytes->size;
        if (end > at) {
            r->pieces[r->piece_count++] =
                (struct env_piece){.buf = buf_ref(bytes), .at = at, .size = end - at};
        }
        at = end;
        if (i == splices->count) break;
        const struct journal_range *range = splices->items[i].cookie;
        r->pieces[r->piece_count++] =
            (struct env_piece){.file = range->file, .at = range->at, .size = range->size};
    }
    buf_unref(bytes);
}

void request_answer_spliced(struct shard *s, struct request *r, const void *message,
                            uint32_t splices_max)
{
    struct splices splices = {.count_max = splices_max};
    splices.items = arena_take(&s->scratch, splices_max, sizeof *splices.items);
    writer_reset(&s->out);
    size_t start = kafka_response_begin(&s->out, r->api, r->version.number, r->correlation);
    int rc = splices.items == NULL && splices_max > 0 ? -ERR_LIMIT : 0;
    if (rc == 0) {
        rc = kafka_encode_spliced(r->api->response, r->version, message, &s->out, &splices);
    }
    if (rc == 0) rc = kafka_frame_end(&s->out, start, &splices, 0);
    if (rc != 0) {
        fail_answer(s, r, rc);
        return;
    }
    cut_pieces(r, buf_of(writer_slice(&s->out)), &splices);
    finish(s, r);
}

void request_answer_nothing(struct shard *s, struct request *r, bool went_wrong)
{
    r->has_no_answer = true;
    r->close_after = went_wrong;
    finish(s, r);
}

/* ---- Frames. ---- */

/* KIP-511: whatever version is asked for, the answer tells which ones there are. */
static void answer_unknown_api_versions(struct shard *s, struct request *r)
{
    struct api_versions_response answer;
    kafka_defaults(&schema_api_versions_response, &answer);
    struct api_versions_response_api_key only = {.api_key = KAFKA_API_API_VERSIONS,
                                                 .min_version = r->api->version_min,
                                                 .max_version = r->api->version_max};
    answer.error_code = KAFKA_UNSUPPORTED_VERSION;
    answer.api_keys = (struct array){.items = &only, .count = 1};
    r->version = kafka_api_version(r->api, 0);
    request_answer(s, r, &answer);
}

/* "A parked fetch is answered at once when the same connection sends its next request." */
static void call_back_parked(struct shard *s, struct conn *c)
{
    struct request *r;
    TAILQ_FOREACH(r, &c->requests, link)
    {
        if (r->api->key == KAFKA_API_FETCH && r->groups_pending > 0) route_cancel(s, r);
    }
}

static struct request *admit(struct shard *s, struct conn *c, struct buf *frame,
                             const struct kafka_request_header *h)
{
    call_back_parked(s, c);
    struct request *r = zeroed(sizeof *r);
    r->conn = c;
    r->api = h->api;
    r->version = h->version;
    r->correlation = h->correlation_id;
    r->frame = frame;
    s->frame_bytes += frame->size;
    r->came_ms = env_now_ms(s->env);
    TAILQ_INSERT_TAIL(&c->requests, r, link);
    TAILQ_INSERT_TAIL(&s->requests, r, all_link);
    s->numbers.requests++;
    if (++c->in_flight >= s->options->requests_in_flight_max) {
        pause_conn(s, c, CONN_PAUSE_IN_FLIGHT);
    }
    return r;
}

static bool may_use(const struct shard *s, const struct conn *c, const struct kafka_api *api)
{
    if (!kafka_api_is_private(api)) return true;

    return strcmp(s->options->listeners[c->listener].name, s->options->replication_listener) == 0;
}

static void handle_frame(struct shard *s, struct conn *c, struct buf *frame,
                         handler_finder *handler_of)
{
    struct kafka_request_header h;
    struct slice body;
    enum frame_fault fault = kafka_request_open(buf_slice(frame), &h, &body);
    if (fault == FRAME_UNSUPPORTED_VERSION && h.api->key == KAFKA_API_API_VERSIONS) {
        s->scratch.used = 0;
        answer_unknown_api_versions(s, admit(s, c, frame, &h));
        return;
    }
    request_handler *handler = fault == FRAME_OK ? handler_of(h.api_key) : NULL;
    if (handler == NULL || !may_use(s, c, h.api)) {
        if (conn_may_complain(s)) {
            log_warn(s->env,
                     "connection from %s closed: request with API key %d version %d refused: %s",
                     c->address, h.api_key, h.version.number,
                     fault != FRAME_OK ? frame_fault_text(fault) : "it is not offered here");
        }
        buf_unref(frame);
        close_conn(s, c, NULL);
        return;
    }

    struct request *r = admit(s, c, frame, &h);
    s->scratch.used = 0;
    if (!handler(s, r, body)) {
        if (conn_may_complain(s)) {
            log_warn(s->env, "connection from %s closed: a %s request of version %d does not parse",
                     c->address, h.api->name, h.version.number);
        }
        r->close_after = true;
        finish(s, r);
    }
}

/* A follower is always read: what is kept here may be waiting for what it says. */
static void maybe_starve(struct shard *s, uint64_t conn)
{
    if (s->frame_bytes <= frame_bytes_max(s)) return;
    struct conn *c = find_conn(s, conn);
    if (c != NULL && c->replica_id < 0) pause_conn(s, c, CONN_PAUSE_MEMORY);
}

void request_on_frame(struct shard *s, uint64_t conn, struct buf *frame, handler_finder *handler_of)
{
    struct conn *c = find_conn(s, conn);
    if (c == NULL) {
        buf_unref(frame);
        return;
    }
    if (c->pauses != 0 || c->is_ready) {
        keep_back(s, c, frame); /* It was on its way before we stopped reading. */
        return;
    }
    handle_frame(s, c, frame, handler_of);
    maybe_starve(s, conn);
}

/* As many of what was kept back as it may have now; then it is read from again. */
static void go_on(struct shard *s, uint64_t conn, handler_finder *handler_of)
{
    struct conn *c;
    while ((c = find_conn(s, conn)) != NULL && c->pauses == 0) {
        struct buf *frame = take_waiting(s, c);
        if (frame == NULL) {
            env_pause(s->env, conn, false);
            return;
        }
        handle_frame(s, c, frame, handler_of);
        maybe_starve(s, conn);
    }
}

bool conns_turn(struct shard *s, handler_finder *handler_of)
{
    bool any = false;
    struct conn *c;
    while ((c = TAILQ_FIRST(&s->ready)) != NULL) {
        TAILQ_REMOVE(&s->ready, c, ready_link);
        c->is_ready = false;
        go_on(s, c->id, handler_of);
        any = true;
    }
    return any;
}

void conns_close_all(struct shard *s)
{
    struct conn *c, *next;
    HASH_ITER(hh, s->conns, c, next)
    {
        env_close(s->env, c->id, false);
        forget_conn(s, c);
    }
}

void requests_destroy_all(struct shard *s)
{
    CHECK(s->conns == NULL);

    struct request *r;
    while ((r = TAILQ_FIRST(&s->requests)) != NULL) destroy_request(s, r);
}
