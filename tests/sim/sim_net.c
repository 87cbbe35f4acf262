/* Listeners, dials, and the calls of env.h that name a connection. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/sim_inside.h"

#define DIAL_TIMEOUT_MS 1000u
#define SYN_AGAIN_US 1000000u /* Linux sends its first SYN again after a second. */

static struct sim_actor *actor_of(struct env *env)
{
    return (struct sim_actor *)env;
}

/* ---- Names and listeners. ---- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static struct sim_host *host_of_name(struct sim *sim, struct sim_host *self, const char *name)
{
    if (is_loopback(name)) return self;

    for (uint32_t i = 0; i < sim->host_count; i++) {
        if (strcmp(sim->hosts[i]->name, name) == 0) return sim->hosts[i];
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (strcmp(sim->nodes[i]->name, name) == 0) return sim->nodes[i]->host;
    }
    return NULL;
}

static void listeners_sweep(struct sim_host *host, uint64_t now_us)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < host->listener_count; i++) {
        const struct sim_listener *l = &host->listeners[i];
        if (!l->is_dying || l->closes_at_us > now_us) host->listeners[kept++] = *l;
    }
    host->listener_count = kept;
}

int sim_listen_op(struct env *env, const struct env_endpoint *at)
{
    struct sim_actor *actor = actor_of(env);
    struct sim_node *node = actor->node;
    struct sim_host *host = node->host;
    if (node->is_deaf) return 0;
    bool is_any =
        at->host[0] == '\0' || strcmp(at->host, "0.0.0.0") == 0 || strcmp(at->host, "::") == 0;
    if (!is_any && host_of_name(node->sim, host, at->host) != host) return -ERR_ABSENT;
    if (at->port == 0) return -ERR_INVALID;

    listeners_sweep(host, node->sim->now_us);
    for (uint32_t i = 0; i < host->listener_count; i++) {
        const struct sim_listener *l = &host->listeners[i];
        if (l->port == at->port && l->node != node) return -ERR_BUSY;
    }
    CHECK(host->listener_count < SIM_LISTENERS_MAX);
    host->listeners[host->listener_count++] =
        (struct sim_listener){.node = node,
                              .actor = env->actor,
                              .tag = at->tag,
                              .frame_max_bytes = at->frame_max_bytes,
                              .first_alone = at->first_alone,
                              .port = at->port,
                              .is_http = at->is_http,
                              .is_loopback = !is_any && is_loopback(at->host)};
    return 0;
}

/* One of the actors that listen there; NULL: nobody. */
static const struct sim_listener *find_listener(struct sim *sim, struct sim_host *host,
                                                uint16_t port, bool may_loopback)
{
    listeners_sweep(host, sim->now_us);
    const struct sim_listener *found[SIM_LISTENERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < host->listener_count; i++) {
        const struct sim_listener *l = &host->listeners[i];
        if (l->port != port || l->is_http || (l->is_loopback && !may_loopback)) continue;
        found[count++] = l;
    }
    if (count == 0) return NULL;
    return found[count == 1 ? 0 : prng_range(&sim->net, 0, count - 1)];
}

/* ---- Dials. ---- */

static void conn_put(struct sim_conn *conn, enum sim_item_kind kind, uint64_t at_us,
                     uint64_t number)
{
    conn->pending++;
    sim_put(conn->sim,
            (struct sim_item){.time_us = at_us, .kind = kind, .who = conn, .number = number});
}

static struct sim_conn *conn_new(struct sim *sim)
{
    struct sim_conn *conn = calloc(1, sizeof *conn);
    CHECK(conn != NULL);
    if (sim->conn_count == sim->conn_capacity) {
        sim->conn_capacity = sim->conn_capacity == 0 ? 64 : sim->conn_capacity * 2;
        sim->conns = realloc(sim->conns, sim->conn_capacity * sizeof sim->conns[0]);
        CHECK(sim->conns != NULL);
    }
    if (sim->conn_count == 0) sim->conns[sim->conn_count++] = NULL; /* 0 is nobody's id. */
    conn->sim = sim;
    conn->number = sim->conn_count;
    sim->conns[sim->conn_count++] = conn;
    for (uint32_t i = 0; i < 2; i++) {
        conn->ends[i].conn = conn;
        conn->pipes[i].conn = conn;
        conn->pipes[i].side = i;
    }
    return conn;
}

uint64_t sim_dial_op(struct env *env, const struct env_endpoint *to)
{
    struct sim_actor *actor = actor_of(env);
    struct sim *sim = actor->node->sim;
    struct sim_conn *conn = conn_new(sim);
    struct sim_host *from = actor->node->host;
    uint64_t id = conn->number * 2;
    if (actor->node->is_deaf) {
        sim_conn_maybe_free(conn);
        return id;
    }
    conn->ends[0] = (struct sim_end){.state = END_DIALING,
                                     .conn = conn,
                                     .host = from,
                                     .actor = actor,
                                     .tag = to->tag,
                                     .frame_max_bytes = to->frame_max_bytes};
    sim_end_list(&conn->ends[0]);
    conn->pipes[0].is_held = true;
    conn->port = to->port;
    conn->from_port = (uint16_t)(32768 + from->next_port++ % 28000);
    conn->target = host_of_name(sim, from, to->host);
    conn->is_loopback = is_loopback(to->host);
    conn->ends[1].host = conn->target;
    sim->counts.dials++;

    uint64_t now = sim_actor_now(actor);
    uint64_t timeout_ms = to->dial_timeout_ms == 0 ? DIAL_TIMEOUT_MS : to->dial_timeout_ms;
    conn->give_up_at_us = now + timeout_ms * 1000;
    conn_put(conn, ITEM_DIAL_TIMEOUT, conn->give_up_at_us, 0);
    if (conn->target == NULL) {
        conn_put(conn, ITEM_DIAL_FAILED, now + sim_draw(&sim->net, sim->options.latency),
                 ENV_REASON_NAME);
    } else {
        conn_put(conn, ITEM_SYN, now + sim_latency(sim, from, conn->target), 0);
    }
    return id;
}

static void conn_accepted(struct sim_conn *conn, const struct sim_listener *listener)
{
    struct sim *sim = conn->sim;
    struct sim_actor *actor = &listener->node->actors[listener->actor];
    conn->ends[1] = (struct sim_end){.state = END_OPEN,
                                     .conn = conn,
                                     .host = conn->target,
                                     .actor = actor,
                                     .tag = listener->tag,
                                     .frame_max_bytes = listener->frame_max_bytes,
                                     .first_alone = listener->first_alone};
    sim_end_list(&conn->ends[1]);
    sim->counts.accepted++;
    struct env_event event = {
        .kind = ENV_ACCEPTED, .conn = conn->number * 2 + 1, .tag = listener->tag};
    (void)snprintf(event.address, sizeof event.address, "%s:%u", conn->ends[0].host->name,
                   conn->from_port);
    sim_actor_event(actor, &event);
}

static void on_syn(struct sim_conn *conn)
{
    struct sim *sim = conn->sim;
    struct sim_host *from = conn->ends[0].host;
    struct sim_host *to = conn->target;
    if (conn->ends[0].state != END_DIALING) return;
    if (!sim_link_works(sim, from, to) || !sim_link_works(sim, to, from)) {
        uint64_t again = sim->now_us + SYN_AGAIN_US;
        if (again < conn->give_up_at_us) conn_put(conn, ITEM_SYN, again, 0);
        return;
    }

    uint64_t back = sim->now_us + sim_latency(sim, to, from);
    const struct sim_listener *listener = find_listener(sim, to, conn->port, from == to);
    if (listener == NULL) {
        conn_put(conn, ITEM_DIAL_FAILED, back, ENV_REASON_REFUSED);
        return;
    }
    /* What the other side sends must not overtake its consent. */
    conn->pipes[1].arrived_at_us = back;
    conn_put(conn, ITEM_SYN_ACK, back, 0);
    if (listener->is_dying) {
        /* A dying process: its kernel still accepts, and breaks it when it gets there. */
        conn->ends[1].state = END_CLOSED;
        sim_pipe_finish(&conn->pipes[1], ENV_REASON_RESET, listener->closes_at_us);
    } else {
        conn_accepted(conn, listener);
    }
}

static void on_syn_ack(struct sim_conn *conn)
{
    struct sim_end *end = &conn->ends[0];
    if (end->state == END_DIALING) {
        end->state = END_OPEN;
        const struct env_event event = {
            .kind = ENV_CONNECTED, .conn = conn->number * 2, .tag = end->tag};
        sim_actor_event(end->actor, &event);
    }
    sim_pipe_release(&conn->pipes[0]);
}

static void on_dial_failed(struct sim_conn *conn, enum env_reason reason)
{
    struct sim_end *end = &conn->ends[0];
    if (end->state != END_DIALING) return;

    if (reason == ENV_REASON_REFUSED) conn->sim->counts.refused++;
    if (reason == ENV_REASON_SILENT) conn->sim->counts.silent++;
    /* If the other side has accepted after all, it learns that nobody is here. */
    sim_pipe_clear(&conn->pipes[0]);
    sim_pipe_finish(&conn->pipes[0], ENV_REASON_RESET, conn->sim->now_us);
    sim_end_gone(end, reason);
}

void sim_on_net_item(struct sim *sim, const struct sim_item *item)
{
    struct sim_pipe *pipe = item->who;
    bool is_pipe = item->kind == ITEM_PIPE || item->kind == ITEM_TCP_TIMEOUT;
    struct sim_conn *conn = is_pipe ? pipe->conn : item->who;
    CHECK(conn->pending > 0);
    CHECK(conn->sim == sim);

    conn->pending--;
    if (item->kind == ITEM_PIPE) {
        pipe->is_scheduled = false;
        if (!pipe->is_blocked) sim_pipe_arrive(pipe);
    } else if (item->kind == ITEM_TCP_TIMEOUT) {
        if (pipe->is_blocked && pipe->block_serial == item->number) sim_pipe_timeout(pipe);
    } else if (item->kind == ITEM_SYN) {
        on_syn(conn);
    } else if (item->kind == ITEM_SYN_ACK) {
        on_syn_ack(conn);
    } else if (item->kind == ITEM_DIAL_FAILED) {
        on_dial_failed(conn, (enum env_reason)item->number);
    } else {
        CHECK(item->kind == ITEM_DIAL_TIMEOUT);
        on_dial_failed(conn, ENV_REASON_SILENT);
    }
    sim_conn_maybe_free(conn);
}

/* ---- Calls that name a connection. ---- */

/* The caller's end; NULL if it is over, or was never the caller's. */
static struct sim_end *end_of(struct sim_actor *actor, uint64_t id)
{
    struct sim_conn *conn = sim_conn_of(actor->node->sim, id);
    if (conn == NULL || actor->node->is_deaf) return NULL;

    struct sim_end *end = &conn->ends[id & 1];
    if (end->state == END_NONE || end->state == END_CLOSED) return NULL;
    return end->actor == actor ? end : NULL;
}

/* The bytes of a range of a file go out as they are now. */
static void send_file(struct sim_end *end, struct sim_pipe *pipe, const struct env_piece *piece,
                      uint64_t at_us)
{
    const struct sim_open_file *open = piece->file->node;
    uint8_t *bytes = malloc(piece->size == 0 ? 1 : piece->size);
    CHECK(bytes != NULL);
    size_t got = sim_disk_read(open->inode, bytes, piece->size, piece->at);
    sim_pipe_write(pipe, bytes, got, at_us);
    free(bytes);
    if (got == piece->size) return;

    /* The rest of the frame does not exist: sendfile ends, and so must the connection. */
    sim_world_line(end->actor->node, "a piece of a file lies behind its end: %llu of %llu bytes",
                   (unsigned long long)got, (unsigned long long)piece->size);
    sim_conn_reset(end->conn);
}

void sim_send_op(struct env *env, uint64_t conn, const struct env_piece *pieces, uint32_t count)
{
    struct sim_actor *actor = actor_of(env);
    struct sim *sim = actor->node->sim;
    struct sim_end *end = end_of(actor, conn);
    if (end != NULL && end->state == END_GONE) end = NULL;
    struct sim_pipe *pipe = end == NULL ? NULL : &end->conn->pipes[conn & 1];
    if (pipe != NULL && !pipe->is_held && sim_chance(&sim->net, sim->options.reset_ppm)) {
        sim->counts.net_resets++;
        sim_conn_reset(end->conn);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct env_piece *piece = &pieces[i];
        CHECK((piece->buf == NULL) != (piece->file == NULL));
        if (piece->buf != NULL) {
            CHECK(piece->at + piece->size <= piece->buf->size);
            if (pipe != NULL) {
                sim_pipe_write(pipe, piece->buf->data + piece->at, piece->size,
                               sim_actor_now(actor));
            }
            buf_unref(piece->buf);
        } else {
            if (pipe != NULL) send_file(end, pipe, piece, sim_actor_now(actor));
            env_file_unref(env, piece->file);
        }
    }
    if (pipe != NULL && sim_pipe_queued(pipe) >= ENV_LOW_WATER_BYTES) pipe->wants_drained = true;
}

uint64_t sim_queued_op(struct env *env, uint64_t conn)
{
    const struct sim_end *end = end_of(actor_of(env), conn);
    if (end == NULL || end->state == END_GONE) return 0;
    return sim_pipe_queued(&end->conn->pipes[conn & 1]);
}

/* The reader is back: what has waited arrives. */
static void end_reads_again(struct sim_end *end)
{
    struct sim_conn *conn = end->conn;
    struct sim_pipe *pipe = &conn->pipes[1 - (end - conn->ends)];
    if (!pipe->waits_for_reader) return;

    pipe->waits_for_reader = false;
    sim_pipe_schedule(pipe);
}

void sim_pause_op(struct env *env, uint64_t conn, bool pause)
{
    struct sim_end *end = end_of(actor_of(env), conn);
    if (end == NULL) return;

    end->is_paused = pause;
    if (!pause) end_reads_again(end);
}

void sim_frame_max_op(struct env *env, uint64_t conn, uint32_t frame_max_bytes)
{
    struct sim_end *end = end_of(actor_of(env), conn);
    if (end != NULL) end->frame_max_bytes = frame_max_bytes;
}

void sim_local_address_op(struct env *env, uint64_t conn, char *host, size_t size)
{
    const struct sim_end *end = end_of(actor_of(env), conn);
    const char *name = end == NULL ? "" : end->host->name;
    if (end != NULL && end->conn->is_loopback) name = "127.0.0.1";
    (void)snprintf(host, size, "%s", name);
}

void sim_close_op(struct env *env, uint64_t conn_id, bool flush_first)
{
    struct sim_actor *actor = actor_of(env);
    struct sim_end *end = end_of(actor, conn_id);
    if (end == NULL) return;

    struct sim_conn *conn = end->conn;
    struct sim_pipe *out = &conn->pipes[conn_id & 1];
    if (end->state != END_GONE) {
        if (!flush_first) sim_pipe_trim(out);
        /* Unread bytes make the kernel say RST where it would say FIN. */
        bool is_unread = conn->pipes[1 - (conn_id & 1)].waits_for_reader;
        sim_pipe_finish(out, is_unread ? ENV_REASON_RESET : ENV_REASON_EOF, sim_actor_now(actor));
    }
    sim_end_closed(end);
    sim_conn_maybe_free(conn);
}

bool sim_net_admits(struct sim_actor *actor, const struct env_event *event)
{
    struct sim_end *end = end_of(actor, event->conn);
    if (end == NULL) {
        if (event->kind == ENV_FRAME) buf_unref(event->buf);
        return false;
    }
    if (event->kind == ENV_CLOSED) {
        sim_end_closed(end);
        sim_conn_maybe_free(end->conn);
    }
    return true;
}

/* ---- Nodes and links. ---- */

static void end_dies(struct sim_end *end, bool is_power_cut, bool in_order)
{
    struct sim_conn *conn = end->conn;
    struct sim *sim = conn->sim;
    uint32_t side = (uint32_t)(end - conn->ends);
    struct sim_pipe *out = &conn->pipes[side];
    if (is_power_cut) {
        /* What was on the wire may still get there; no word will ever follow it. */
        if (prng_chance(&sim->net, 1, 2)) sim_pipe_clear(out);
        sim_pipe_trim(out);
        out->is_dead = true;
        out->is_finished = true;
    } else if (end->state != END_GONE) {
        /* An orderly end has flushed what it wanted to; a kill leaves it in the process. */
        if (!in_order) sim_pipe_trim(out);
        bool is_reset = !in_order && prng_chance(&sim->net, 1, 2);
        uint64_t at = sim->now_us;
        if (!in_order) at += sim_draw(&sim->net, sim->options.die_delay);
        sim_pipe_finish(out, is_reset ? ENV_REASON_RESET : ENV_REASON_EOF, at);
    }
    sim_end_closed(end);
    sim_conn_maybe_free(conn);
}

void sim_net_node_down(struct sim_node *node, bool is_power_cut, bool in_order)
{
    struct sim *sim = node->sim;
    while (node->ends != NULL) end_dies(node->ends, is_power_cut, in_order);
    struct sim_host *host = node->host;
    for (uint32_t i = 0; i < host->listener_count; i++) {
        struct sim_listener *l = &host->listeners[i];
        if (l->node != node) continue;
        l->is_dying = true;
        l->closes_at_us = sim->now_us;
        if (!is_power_cut && !in_order) {
            l->closes_at_us += sim_draw(&sim->net, sim->options.die_delay);
        }
    }
    listeners_sweep(host, sim->now_us);
}

/* The process that follows does not start before the one before is gone for good. */
void sim_net_listeners_drop(struct sim_node *node)
{
    struct sim_host *host = node->host;
    for (uint32_t i = 0; i < host->listener_count; i++) {
        if (host->listeners[i].node == node) host->listeners[i].closes_at_us = 0;
    }
    listeners_sweep(host, node->sim->now_us);
}

void sim_net_node_resumed(struct sim_node *node)
{
    for (struct sim_end *end = node->ends; end != NULL; end = end->next) {
        if (!end->is_paused) end_reads_again(end);
    }
}

void sim_net_links_changed(struct sim *sim)
{
    struct sim_pipe *next;
    for (struct sim_pipe *pipe = sim->blocked_first; pipe != NULL; pipe = next) {
        next = pipe->next_blocked;
        const struct sim_end *ends = pipe->conn->ends;
        if (sim_link_works(sim, ends[pipe->side].host, ends[1 - pipe->side].host)) {
            sim_pipe_unblock(pipe);
        }
    }
}

void sim_reset_connections(struct sim_node *a, struct sim_node *b)
{
    for (struct sim_end *end = a->ends; end != NULL; end = end->next) {
        const struct sim_end *other = &end->conn->ends[1 - (end - end->conn->ends)];
        if (end->state != END_OPEN || other->actor == NULL || other->actor->node != b) continue;
        sim_conn_reset(end->conn);
    }
}

/* Every process has ended; what is left was on the wire. */
void sim_net_close(struct sim *sim)
{
    for (uint64_t i = 0; i < sim->conn_count; i++) {
        struct sim_conn *conn = sim->conns[i];
        if (conn == NULL) continue;
        conn->pending = 0;
        sim_conn_maybe_free(conn);
    }
    free(sim->conns);
    sim->conns = NULL;
}
