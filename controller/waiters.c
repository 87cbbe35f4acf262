#include "controller/waiters.h"

#include <stdlib.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/handovers.h"
#include "controller/voters.h"
#include "proto/kafka_errors.h"

static struct waiter *add(struct controller *c, const struct conn *conn, uint64_t index,
                          const struct rpc_msg *msg)
{
    struct buf *frame = rpc_encode(msg);
    if (frame == NULL) {
        log_error(c->env, "an answer %s is too large for a frame", rpc_kind_name(msg->kind));
        return NULL;
    }
    struct waiter *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->index = index;
    w->conn = conn->id;
    w->kind = msg->kind;
    w->frame = frame;
    w->deadline_ms = ENV_NEVER;
    if (msg->kind == RPC_ADMIN_REPLY) w->correlation = msg->admin_reply.correlation;
    if (msg->kind == RPC_PRODUCER_IDS_REPLY) w->correlation = msg->producer_ids_reply.correlation;
    /* Decisions are made in order, and so are their waiters. */
    const struct waiter *last = TAILQ_LAST(&c->waiters, waiter_list);
    CHECK(last == NULL || last->index <= index);
    TAILQ_INSERT_TAIL(&c->waiters, w, link);
    return w;
}

void wait_for_commit(struct controller *c, const struct conn *conn, uint64_t index,
                     const struct rpc_msg *msg)
{
    (void)add(c, conn, index, msg);
}

void wait_for_everybody(struct controller *c, const struct conn *conn, uint64_t index,
                        uint64_t wait_ms, const struct rpc_msg *msg)
{
    struct waiter *w = add(c, conn, index, msg);
    if (w == NULL) return;
    w->everywhere = true;
    w->deadline_ms = env_now_ms(c->env) + wait_ms;
}

void wait_for_handovers(struct controller *c, const struct conn *conn, uint64_t index,
                        uint64_t wait_ms, const struct rpc_msg *msg)
{
    CHECK(msg->kind == RPC_ADMIN_REPLY);
    struct waiter *w = add(c, conn, index, msg);
    if (w == NULL) return;
    w->everywhere = true;
    w->handed_over = true;
    w->deadline_ms = env_now_ms(c->env) + wait_ms;
}

void wait_for_learner(struct controller *c, const struct conn *conn, uint64_t index,
                      uint64_t wait_ms, uint32_t learner, const struct rpc_msg *msg)
{
    CHECK(msg->kind == RPC_ADMIN_REPLY);
    struct waiter *w = add(c, conn, index, msg);
    if (w == NULL) return;
    w->learner = learner;
    w->deadline_ms = env_now_ms(c->env) + wait_ms;
}

static void drop(struct controller *c, struct waiter *w)
{
    TAILQ_REMOVE(&c->waiters, w, link);
    buf_unref(w->frame);
    free(w);
}

static void answer(struct controller *c, struct waiter *w)
{
    if (conn_find(c, w->conn) != NULL) send_frame(c, w->conn, buf_ref(w->frame));
    drop(c, w);
}

/* What every serving broker has applied, and who has applied least. */
static uint64_t applied_by_all(const struct controller *c, int32_t *laggard)
{
    uint64_t least = UINT64_MAX;
    for (const struct meta_broker *b = c->committed.brokers; b != NULL; b = b->hh.next) {
        if (b->fenced) continue;
        const struct liveness_broker *seen = liveness_find(&c->liveness, b->id);
        uint64_t applied = seen == NULL ? 0 : seen->applied_index;
        if (applied >= least) continue;
        least = applied;
        *laggard = b->id;
    }
    return least;
}

static void answer_late(struct controller *c, struct waiter *w)
{
    struct rpc_msg msg = {.kind = RPC_ADMIN_REPLY};
    msg.admin_reply.correlation = w->correlation;
    msg.admin_reply.error = KAFKA_REQUEST_TIMED_OUT;
    if (conn_find(c, w->conn) != NULL) send_msg(c, w->conn, &msg);
    drop(c, w);
}

/* True: what it waits for beyond its decision has come about; from now on it waits until everybody
 * knows. */
static bool is_come_about(struct controller *c, struct waiter *w)
{
    if (w->learner != 0) return !voters_is_learning(c, w->learner);
    if (!w->handed_over) return true;
    if (handovers_are_pending(c, w->index)) return false;

    w->handed_over = false;
    w->index = c->committed.index;
    return true;
}

void waiters_settle(struct controller *c)
{
    int32_t laggard = META_NOBODY;
    uint64_t everywhere = applied_by_all(c, &laggard);
    uint64_t now_ms = env_now_ms(c->env);
    struct waiter *w, *next;

    for (w = TAILQ_FIRST(&c->waiters); w != NULL; w = next) {
        next = TAILQ_NEXT(w, link);
        if (w->index > c->committed.index) return;
        if (!is_come_about(c, w)) {
            if (now_ms >= w->deadline_ms) answer_late(c, w);
            continue;
        }
        bool is_late = w->everywhere && w->index > everywhere;
        if (is_late && now_ms < w->deadline_ms) continue;
        if (is_late)
            log_warn(c->env, "decision %llu is done, but broker %d has not applied it yet",
                     (unsigned long long)w->index, laggard);
        answer(c, w);
    }
}

uint64_t waiters_deadline_ms(const struct controller *c)
{
    uint64_t deadline = ENV_NEVER;
    const struct waiter *w;
    TAILQ_FOREACH(w, &c->waiters, link)
    {
        if (w->index <= c->committed.index && w->deadline_ms < deadline) deadline = w->deadline_ms;
    }
    return deadline;
}

void waiters_fail(struct controller *c)
{
    struct waiter *w;
    while ((w = TAILQ_FIRST(&c->waiters)) != NULL) {
        struct rpc_msg msg = {.kind = w->kind};
        bool can_say = conn_find(c, w->conn) != NULL;
        bool is_done = w->index <= c->committed.index && !w->handed_over && w->learner == 0;
        if (is_done) {
            answer(c, w);
            continue;
        }
        if (w->kind == RPC_ADMIN_REPLY) {
            msg.admin_reply.correlation = w->correlation;
            msg.admin_reply.error = KAFKA_NOT_CONTROLLER;
        } else if (w->kind == RPC_PRODUCER_IDS_REPLY) {
            msg.producer_ids_reply.correlation = w->correlation;
            msg.producer_ids_reply.error = KAFKA_NOT_CONTROLLER;
        } else {
            can_say = false; /* The end of the session says it. */
        }
        if (can_say) send_msg(c, w->conn, &msg);
        drop(c, w);
    }
}

void waiters_close(struct controller *c)
{
    struct waiter *w;
    while ((w = TAILQ_FIRST(&c->waiters)) != NULL) drop(c, w);
}
