#include "controller/conns.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/members.h"

struct conn *conn_add(struct controller *c, uint64_t id, enum conn_kind kind, const char *address)
{
    CHECK(id != 0);
    CHECK(conn_find(c, id) == NULL);

    struct conn *conn = calloc(1, sizeof *conn);
    CHECK(conn != NULL);
    conn->id = id;
    conn->kind = kind;
    (void)snprintf(conn->address, sizeof conn->address, "%s", address);
    HASH_ADD(hh, c->conns, id, sizeof conn->id, conn);
    return conn;
}

struct conn *conn_find(struct controller *c, uint64_t id)
{
    struct conn *conn;
    HASH_FIND(hh, c->conns, &id, sizeof id, conn);
    return conn;
}

struct conn *conn_of(struct controller *c, enum conn_kind kind, uint32_t node_id)
{
    for (struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        if (conn->kind == kind && conn->node_id == node_id) return conn;
    }
    return NULL;
}

void conn_forget(struct controller *c, struct conn *conn)
{
    HASH_DEL(c->conns, conn);
    buf_unref(conn->registration);
    buf_unref(conn->cursor.snapshot);
    free(conn);
}

void conn_close(struct controller *c, struct conn *conn, bool flush_first)
{
    env_close(c->env, conn->id, flush_first);
    conn_forget(c, conn);
}

void conns_close(struct controller *c)
{
    while (c->conns != NULL) conn_forget(c, c->conns);
}

void send_frame(struct controller *c, uint64_t conn, struct buf *frame)
{
    struct env_piece piece = {.buf = frame, .size = frame->size};
    env_send(c->env, conn, &piece, 1);
}

void send_msg(struct controller *c, uint64_t conn, const struct rpc_msg *msg)
{
    struct buf *frame = rpc_encode(msg);
    if (frame == NULL) {
        log_error(c->env, "a message %s is too large for a frame", rpc_kind_name(msg->kind));
        return;
    }
    send_frame(c, conn, frame);
}

void send_not_leader(struct controller *c, struct conn *conn)
{
    struct rpc_msg msg = {.kind = RPC_NOT_LEADER};
    /* A leader that stops names nobody: the next one is not known yet. */
    bool is_self = known_leader(c) == c->options.node_id;
    msg.not_leader.leader_id = is_self ? RAFT_NOBODY : known_leader(c);
    msg.not_leader.term = c->raft.vote.term;
    /* It may have joined after the broker's configuration was written. */
    const struct node_voter *at = members_address(c, msg.not_leader.leader_id);
    if (at != NULL) {
        msg.not_leader.host = slice_of_text(at->host);
        msg.not_leader.port = at->port;
    }
    send_msg(c, conn->id, &msg);
    conn_close(c, conn, true);
}

/* Whoever is refused comes again each second: what was said just now is not said again. */
static bool is_news(struct controller *c, int16_t error, uint32_t id)
{
    uint64_t now_ms = env_now_ms(c->env);
    struct complaint *place = &c->complaints[0];
    for (uint32_t i = 0; i < COMPLAINTS_MAX; i++) {
        struct complaint *x = &c->complaints[i];
        bool is_same = x->error == error && x->id == id;
        if (is_same && now_ms - x->said_ms < COMPLAIN_MS) return false;
        if (is_same || x->said_ms < place->said_ms) place = x;
        if (is_same) break;
    }
    *place = (struct complaint){.error = error, .id = id, .said_ms = now_ms};
    return true;
}

void send_refused(struct controller *c, struct conn *conn, int16_t error, const char *format, ...)
{
    char text[RPC_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    if (is_news(c, error, conn->claimed_id))
        log_warn(c->env, "refused %s: %s", conn->address, text);
    struct rpc_msg msg = {.kind = RPC_REFUSED};
    msg.refused.error = error;
    msg.refused.text = slice_of_text(text);
    send_msg(c, conn->id, &msg);
    conn_close(c, conn, true);
}
