/* One direction of a connection: bytes are cut into frames where they are sent, and arrive as whole
 * frames, in order, each after a latency of its own. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/sim_inside.h"

/* Above this no frame can be meant; its bytes are not even collected. */
#define FRAME_SANE_MAX (512u * 1024 * 1024)
#define SEGMENT_OVERHEAD 4u

bool sim_link_works(struct sim *sim, const struct sim_host *from, const struct sim_host *to)
{
    if (!to->is_up) return false;
    return !sim->links[from->index][to->index].is_cut;
}

uint64_t sim_latency(struct sim *sim, const struct sim_host *from, const struct sim_host *to)
{
    const struct sim_options *o = &sim->options;
    if (from == to) return sim_draw(&sim->net, o->latency_local);

    uint64_t us = sim_draw(&sim->net, o->latency) + sim->links[from->index][to->index].extra_us;
    if (sim_chance(&sim->net, o->tail_ppm)) us += sim_draw(&sim->net, o->tail);
    if (sim_chance(&sim->net, o->loss_ppm)) {
        us += sim_draw(&sim->net, o->retransmit);
        sim->counts.net_losses++;
    }
    return us;
}

/* ---- Connections and their ends. ---- */

struct sim_conn *sim_conn_of(struct sim *sim, uint64_t id)
{
    uint64_t number = id >> 1;
    return number < sim->conn_count ? sim->conns[number] : NULL;
}

static bool end_is_live(const struct sim_end *end)
{
    return end->state == END_DIALING || end->state == END_OPEN;
}

void sim_end_list(struct sim_end *end)
{
    CHECK(!end->is_listed);

    struct sim_node *node = end->actor->node;
    end->is_listed = true;
    end->previous = NULL;
    end->next = node->ends;
    if (node->ends != NULL) node->ends->previous = end;
    node->ends = end;
}

static void end_unlist(struct sim_end *end)
{
    if (!end->is_listed) return;

    struct sim_node *node = end->actor->node;
    if (end->next != NULL) end->next->previous = end->previous;
    if (end->previous != NULL) {
        end->previous->next = end->next;
    } else {
        node->ends = end->next;
    }
    end->is_listed = false;
}

/* The world closes it. */
void sim_end_gone(struct sim_end *end, enum env_reason reason)
{
    CHECK(end_is_live(end));

    end->state = END_GONE;
    struct sim_conn *conn = end->conn;
    uint32_t side = (uint32_t)(end - conn->ends);
    const struct env_event event = {
        .kind = ENV_CLOSED, .reason = reason, .conn = conn->number * 2 + side, .tag = end->tag};
    sim_actor_event(end->actor, &event);
}

/* The shell, or the end of its process, closes it. */
void sim_end_closed(struct sim_end *end)
{
    end_unlist(end);
    end->state = END_CLOSED;
}

static void pipe_unlist(struct sim_pipe *pipe)
{
    if (!pipe->is_blocked) return;

    struct sim *sim = pipe->conn->sim;
    if (pipe->next_blocked != NULL) {
        pipe->next_blocked->previous_blocked = pipe->previous_blocked;
    } else {
        sim->blocked_last = pipe->previous_blocked;
    }
    if (pipe->previous_blocked != NULL) {
        pipe->previous_blocked->next_blocked = pipe->next_blocked;
    } else {
        sim->blocked_first = pipe->next_blocked;
    }
    pipe->next_blocked = NULL;
    pipe->previous_blocked = NULL;
    pipe->is_blocked = false;
}

void sim_conn_maybe_free(struct sim_conn *conn)
{
    if (conn->pending > 0) return;
    for (uint32_t i = 0; i < 2; i++) {
        if (conn->ends[i].state != END_NONE && conn->ends[i].state != END_CLOSED) return;
    }

    for (uint32_t i = 0; i < 2; i++) {
        pipe_unlist(&conn->pipes[i]);
        sim_pipe_clear(&conn->pipes[i]);
        buf_unref(conn->pipes[i].body);
    }
    conn->sim->conns[conn->number] = NULL;
    free(conn);
}

void sim_conn_reset(struct sim_conn *conn)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct sim_pipe *pipe = &conn->pipes[i];
        if (!pipe->is_finished) sim_pipe_clear(pipe);
        /* It is the network that speaks, and not the host that has lost its power. */
        if (pipe->is_dead) pipe->is_finished = false;
        pipe->is_dead = false;
        sim_pipe_finish(pipe, ENV_REASON_RESET, conn->sim->now_us);
    }
}

/* ---- Segments. ---- */

static void segment_free(struct sim_segment *segment)
{
    buf_unref(segment->buf);
    free(segment);
}

void sim_pipe_clear(struct sim_pipe *pipe)
{
    while (pipe->first != NULL) {
        struct sim_segment *segment = pipe->first;
        pipe->first = segment->next;
        segment_free(segment);
    }
    pipe->last = NULL;
    pipe->bytes = 0;
}

void sim_pipe_trim(struct sim_pipe *pipe)
{
    struct sim *sim = pipe->conn->sim;
    uint64_t bytes = 0;
    struct sim_segment **link = &pipe->first;
    pipe->last = NULL;
    while (*link != NULL) {
        struct sim_segment *segment = *link;
        bytes += segment->size;
        if (bytes > sim->options.window_bytes || segment->leave_at_us > sim->now_us) break;
        pipe->last = segment;
        link = &segment->next;
    }
    while (*link != NULL) {
        struct sim_segment *segment = *link;
        *link = segment->next;
        pipe->bytes -= segment->size;
        segment_free(segment);
    }
    buf_unref(pipe->body);
    pipe->body = NULL;
}

/* When it arrives, never before what was sent earlier. */
static void pipe_plan(struct sim_pipe *pipe, struct sim_segment *segment)
{
    struct sim_conn *conn = pipe->conn;
    struct sim *sim = conn->sim;
    uint64_t at = segment->leave_at_us;
    if (sim->options.bytes_per_ms > 0) {
        if (pipe->busy_until_us > at) at = pipe->busy_until_us;
        at += segment->size * 1000 / sim->options.bytes_per_ms;
        pipe->busy_until_us = at;
    }
    at += sim_latency(sim, conn->ends[pipe->side].host, conn->ends[1 - pipe->side].host);
    if (at < pipe->arrived_at_us) at = pipe->arrived_at_us;
    pipe->arrived_at_us = at;
    segment->arrive_at_us = at;
}

static struct sim_segment *pipe_push(struct sim_pipe *pipe, enum sim_segment_kind kind,
                                     uint64_t size, uint64_t at_us)
{
    CHECK(!pipe->is_finished);

    struct sim_segment *segment = calloc(1, sizeof *segment);
    CHECK(segment != NULL);
    segment->kind = kind;
    segment->size = size;
    segment->leave_at_us = at_us;
    segment->is_first = !pipe->has_sent;
    memcpy(segment->head, pipe->head, sizeof pipe->head);
    pipe->has_sent = true;
    pipe->bytes += size;
    if (pipe->last != NULL) {
        pipe->last->next = segment;
    } else {
        pipe->first = segment;
    }
    pipe->last = segment;
    if (!pipe->is_held) pipe_plan(pipe, segment);
    return segment;
}

void sim_pipe_schedule(struct sim_pipe *pipe)
{
    if (pipe->is_held || pipe->is_scheduled || pipe->is_blocked || pipe->first == NULL) return;

    uint64_t at = pipe->first->arrive_at_us;
    if (at < pipe->not_before_us) at = pipe->not_before_us;
    if (at < pipe->conn->sim->now_us) at = pipe->conn->sim->now_us;
    pipe->is_scheduled = true;
    pipe->conn->pending++;
    sim_put(pipe->conn->sim, (struct sim_item){.time_us = at, .kind = ITEM_PIPE, .who = pipe});
}

void sim_pipe_release(struct sim_pipe *pipe)
{
    if (!pipe->is_held) return;

    pipe->is_held = false;
    uint64_t now = pipe->conn->sim->now_us;
    for (struct sim_segment *s = pipe->first; s != NULL; s = s->next) {
        if (s->leave_at_us < now) s->leave_at_us = now;
        pipe_plan(pipe, s);
    }
    sim_pipe_schedule(pipe);
}

void sim_pipe_finish(struct sim_pipe *pipe, enum env_reason reason, uint64_t at_us)
{
    if (pipe->is_finished || pipe->is_dead) return;

    struct sim_segment *segment = pipe_push(pipe, SEGMENT_CLOSE, 0, at_us);
    segment->reason = reason;
    pipe->is_finished = true;
    sim_pipe_schedule(pipe);
}

/* A length is complete. False if no frame can follow it. */
static bool pipe_begin_frame(struct sim_pipe *pipe, uint64_t left, uint64_t at_us)
{
    uint32_t size = (uint32_t)pipe->head[0] << 24 | (uint32_t)pipe->head[1] << 16 |
                    (uint32_t)pipe->head[2] << 8 | pipe->head[3];
    const struct sim_end *to = &pipe->conn->ends[1 - pipe->side];
    bool is_sane = size <= FRAME_SANE_MAX;
    /* The receiver judges a length when it sees it, long before the frame is complete. */
    if (!is_sane || (left < size && (to->state == END_NONE || size > to->frame_max_bytes))) {
        (void)pipe_push(pipe, SEGMENT_HEAD, 0, at_us);
    }
    pipe->is_garbage = !is_sane;
    pipe->body_size = size;
    return is_sane;
}

void sim_pipe_write(struct sim_pipe *pipe, const uint8_t *bytes, uint64_t size, uint64_t at_us)
{
    if (pipe->is_finished) return;

    const uint8_t *end = bytes + size;
    while (bytes < end && !pipe->is_garbage) {
        if (pipe->head_size < 4) {
            pipe->head[pipe->head_size++] = *bytes++;
            if (pipe->head_size < 4) continue;
            if (!pipe_begin_frame(pipe, (uint64_t)(end - bytes), at_us)) break;
            CHECK(pipe->body == NULL);
            uint64_t there = (uint64_t)(end - bytes);
            pipe->body = buf_new(there < pipe->body_size ? (uint32_t)there : pipe->body_size);
        }
        struct buf *body = pipe->body;
        uint64_t part = pipe->body_size - body->size;
        if (part > (uint64_t)(end - bytes)) part = (uint64_t)(end - bytes);
        if (body->size + part > body->capacity) {
            uint64_t room = (body->size + part) * 2;
            body = buf_grow(body, room < pipe->body_size ? (uint32_t)room : pipe->body_size);
            pipe->body = body;
        }
        if (part > 0) memcpy(body->data + body->size, bytes, part);
        body->size += (uint32_t)part;
        bytes += part;
        if (body->size < pipe->body_size) break;

        struct sim_segment *segment =
            pipe_push(pipe, SEGMENT_FRAME, (uint64_t)body->size + SEGMENT_OVERHEAD, at_us);
        segment->buf = body;
        pipe->body = NULL;
        pipe->head_size = 0;
    }
    sim_pipe_schedule(pipe);
}

uint64_t sim_pipe_queued(const struct sim_pipe *pipe)
{
    uint64_t bytes = pipe->bytes + (pipe->body != NULL ? pipe->body->size : 0);
    uint64_t window = pipe->is_held ? 0 : pipe->conn->sim->options.window_bytes;
    return bytes > window ? bytes - window : 0;
}

/* ---- Arrival. ---- */

static void pipe_block(struct sim_pipe *pipe)
{
    struct sim *sim = pipe->conn->sim;
    if (pipe->is_dead) {
        sim_pipe_clear(pipe);
        return;
    }
    pipe->is_blocked = true;
    pipe->block_serial = ++sim->block_serial;
    pipe->previous_blocked = sim->blocked_last;
    if (sim->blocked_last != NULL) {
        sim->blocked_last->next_blocked = pipe;
    } else {
        sim->blocked_first = pipe;
    }
    sim->blocked_last = pipe;
    pipe->conn->pending++;
    sim_put(sim, (struct sim_item){.time_us =
                                       sim->now_us + sim_draw(&sim->net, sim->options.tcp_timeout),
                                   .kind = ITEM_TCP_TIMEOUT,
                                   .who = pipe,
                                   .number = pipe->block_serial});
}

/* The way is open again: TCP sends once more, after a while that has grown. */
void sim_pipe_unblock(struct sim_pipe *pipe)
{
    struct sim *sim = pipe->conn->sim;
    pipe_unlist(pipe);
    if (sim_chance(&sim->net, sim->options.heal_reset_ppm)) {
        sim->counts.heal_resets++;
        sim_conn_reset(pipe->conn);
    }
    pipe->not_before_us = sim->now_us + sim_draw(&sim->net, sim->options.retransmit);
    sim_pipe_schedule(pipe);
}

/* Nobody has acknowledged anything for too long. The peer does not learn of it. */
void sim_pipe_timeout(struct sim_pipe *pipe)
{
    struct sim_end *from = &pipe->conn->ends[pipe->side];
    pipe_unlist(pipe);
    sim_pipe_clear(pipe);
    pipe->is_finished = true;
    pipe->conn->sim->counts.tcp_timeouts++;
    if (end_is_live(from)) sim_end_gone(from, ENV_REASON_RESET);
}

/* What the first bytes of a connection are, if they are not the length of a frame. */
static enum env_reason reason_of_head(const struct sim_segment *segment)
{
    if (segment->is_first) {
        static const char *const verbs[] = {"GET ", "POST", "HEAD", "PUT "};
        for (uint32_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
            if (memcmp(segment->head, verbs[i], 4) == 0) return ENV_REASON_HTTP;
        }
        if (segment->head[0] == 0x16 && segment->head[1] == 0x03) return ENV_REASON_TLS;
    }
    return ENV_REASON_TOO_LARGE;
}

/* The receiver's world does not like what it reads. */
static void end_fail(struct sim_end *end, enum env_reason reason)
{
    struct sim_conn *conn = end->conn;
    struct sim_pipe *out = &conn->pipes[end - conn->ends];
    sim_end_gone(end, reason);
    sim_pipe_trim(out);
    sim_pipe_finish(out, ENV_REASON_RESET, conn->sim->now_us);
}

static void pipe_deliver(struct sim_pipe *pipe, struct sim_segment *segment)
{
    struct sim_conn *conn = pipe->conn;
    struct sim_end *to = &conn->ends[1 - pipe->side];
    uint32_t size = (uint32_t)segment->head[0] << 24 | (uint32_t)segment->head[1] << 16 |
                    (uint32_t)segment->head[2] << 8 | segment->head[3];
    if (segment->kind == SEGMENT_CLOSE) {
        /* Nobody is left to read the other direction; unless the network has broken both, and each
         * has its own end on the way. */
        if (!end_is_live(&conn->ends[pipe->side])) sim_pipe_clear(&conn->pipes[1 - pipe->side]);
        conn->pipes[1 - pipe->side].is_finished = true;
        sim_end_gone(to, segment->reason);
    } else if (size > to->frame_max_bytes) {
        end_fail(to, reason_of_head(segment));
    } else if (segment->kind == SEGMENT_FRAME) {
        const struct env_event event = {.kind = ENV_FRAME,
                                        .conn = conn->number * 2 + (1 - pipe->side),
                                        .tag = to->tag,
                                        .buf = segment->buf};
        segment->buf = NULL;
        if (to->first_alone) to->is_paused = true;
        to->first_alone = false;
        conn->sim->counts.frames++;
        sim_actor_event(to->actor, &event);
    }
}

static void pipe_drained(struct sim_pipe *pipe)
{
    if (!pipe->wants_drained || sim_pipe_queued(pipe) >= ENV_LOW_WATER_BYTES) return;

    pipe->wants_drained = false;
    struct sim_end *from = &pipe->conn->ends[pipe->side];
    if (!end_is_live(from)) return;
    const struct env_event event = {
        .kind = ENV_DRAINED, .conn = pipe->conn->number * 2 + pipe->side, .tag = from->tag};
    sim_actor_event(from->actor, &event);
}

/* What is due arrives, unless something is in the way. */
void sim_pipe_arrive(struct sim_pipe *pipe)
{
    struct sim_conn *conn = pipe->conn;
    struct sim *sim = conn->sim;
    struct sim_end *from = &conn->ends[pipe->side];
    struct sim_end *to = &conn->ends[1 - pipe->side];
    while (pipe->first != NULL && pipe->first->arrive_at_us <= sim->now_us) {
        if (!sim_link_works(sim, from->host, to->host)) {
            pipe_block(pipe);
            return;
        }
        if (!end_is_live(to)) {
            /* There is no such connection over there: its kernel says so, even after a boot. */
            bool is_news = pipe->first->kind != SEGMENT_CLOSE;
            struct sim_pipe *back = &conn->pipes[1 - pipe->side];
            sim_pipe_clear(pipe);
            if (back->is_dead) back->is_finished = false;
            back->is_dead = false;
            if (is_news && from->is_paused && end_is_live(from)) {
                /* It does not read what the kernel says; its next write tells it. */
                sim_pipe_clear(back);
                back->is_finished = true;
                sim_end_gone(from, ENV_REASON_RESET);
            } else if (is_news) {
                sim_pipe_finish(back, ENV_REASON_RESET, sim->now_us);
            }
            return;
        }
        if (to->is_paused || to->actor->node->state == SIM_PAUSED) {
            pipe->waits_for_reader = true;
            return;
        }
        struct sim_segment *segment = pipe->first;
        pipe->first = segment->next;
        if (pipe->first == NULL) pipe->last = NULL;
        pipe->bytes -= segment->size;
        pipe_deliver(pipe, segment);
        segment_free(segment);
        pipe_drained(pipe);
    }
    sim_pipe_schedule(pipe);
}
