#include "controller/watch.h"

#include <stdio.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/conns.h"
#include "controller/decide/brokers.h"
#include "controller/decide/handovers.h"
#include "controller/decide/retired.h"
#include "controller/decide/seeds.h"
#include "controller/handovers.h"
#include "controller/propose.h"
#include "controller/quorum.h"
#include "controller/record.h"

/* When a decision could not be proposed, because too much is in flight. */
#define AGAIN_MS 10
#define LOOK_AGAIN_MS 1000

void watch_begin(struct controller *c)
{
    handovers_begin(c);
    c->balance_due_ms = env_now_ms(c->env) + c->options.balance_interval_ms;
    liveness_begin(&c->liveness, c->options.broker_session_timeout_ms, c->options.hang_ms,
                   &c->tentative, env_now_ms(c->env));
}

void watch_end(struct controller *c)
{
    struct conn *conn, *next;
    for (conn = c->conns; conn != NULL; conn = next) {
        next = conn->hh.next;
        if (conn->kind == CONN_PROBE) conn_close(c, conn, false);
    }
    liveness_close(&c->liveness);
    handovers_end(c);
    ends_close(&c->ends);
}

/* The first leader of an empty log. */
static void give_birth(struct controller *c)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    env_random(c->env, id.bytes, sizeof id.bytes);
    uuid_to_text(id, text);
    if (text[0] == '-') text[0] = 'A';

    struct slice seeds[CONTROLLER_SEEDS_MAX];
    for (uint32_t i = 0; i < c->options.seed_count; i++)
        seeds[i] = slice_of_text(c->options.seeds[i]);
    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_birth(&c->tentative, text, seeds, c->options.seed_count, &d);
    if (quorum_propose(c, &d, &index) == 0) log_info(c->env, "the cluster is %s", text);
    decision_close(&d);
}

static void dial(struct controller *c, int32_t id)
{
    const struct meta_broker *b = meta_broker_find(&c->tentative, id);
    const struct meta_image_listener *at =
        b == NULL ? NULL : meta_listener_find(b, b->replication_listener);
    if (at == NULL) return;

    /* Nothing advertised: it listens on loopback. */
    struct env_endpoint to = {.port = at->port,
                              .tag = TAG_PROBE,
                              .frame_max_bytes = STRANGER_FRAME_MAX_BYTES,
                              .dial_timeout_ms = c->options.broker_session_timeout_ms};
    (void)snprintf(to.host, sizeof to.host, "%s", at->host[0] == 0 ? "127.0.0.1" : at->host);
    struct conn *old = conn_of(c, CONN_PROBE, (uint32_t)id);
    if (old != NULL) conn_close(c, old, false);
    struct conn *conn = conn_add(c, env_dial(c->env, &to), CONN_PROBE, to.host);
    conn->node_id = (uint32_t)id;
}

static bool act(struct controller *c, const struct liveness_verdict *verdict)
{
    const struct meta_image *image = decision_image(c);
    const struct meta_broker *b = meta_broker_find(image, verdict->id);
    struct decision d = decision_begin(c, 0);
    uint64_t index = 0;
    struct record_decision from = {.broker = verdict->id, .why = slice_of_text(verdict->why)};
    CHECK(b != NULL);

    switch (verdict->action) {
    case LIVENESS_DIAL: dial(c, verdict->id); return true;
    case LIVENESS_FENCE:
        decide_fence(image, verdict->id, verdict->why, &d);
        from.request = RECORD_FENCE;
        break;
    case LIVENESS_UNFENCE:
        decide_unfence(image, verdict->id, verdict->why, &d);
        from.request = RECORD_UNFENCE;
        break;
    }
    record_request(c, &from);
    int rc = quorum_propose(c, &d, &index);
    decision_close(&d);
    if (rc != 0) return false;
    if (verdict->action == LIVENESS_FENCE) liveness_on_fenced(&c->liveness, verdict->id, index);
    return true;
}

/* Leaders that were asked to hand over and have not. False: too much is in flight. */
static bool look_at_handovers(struct controller *c)
{
    const struct meta_topic *topic;
    int32_t number;
    while (c->is_leading && !is_halted(c) && (topic = handovers_next_late(c, &number)) != NULL) {
        struct decision d = decision_begin(c, 0);
        uint64_t index;
        decide_give_up(decision_image(c), topic, number, &d);
        record_request(c, &(struct record_decision){.request = RECORD_GIVE_UP,
                                                    .topic_id = topic->id,
                                                    .partition = number});
        int rc = quorum_propose(c, &d, &index);
        decision_close(&d);
        if (rc != 0) return false;
        handovers_drop_first(c);
    }
    return true;
}

static bool maybe_balance(struct controller *c)
{
    uint64_t now_ms = env_now_ms(c->env);
    if (c->options.balance_interval_ms == 0 || now_ms < c->balance_due_ms) return true;

    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_balance(decision_image(c), c->options.balance_percentage, &d);
    if (d.count > 0) {
        record_request(c, &(struct record_decision){.request = RECORD_BALANCE,
                                                    .percentage = c->options.balance_percentage});
    }
    int rc = d.count == 0 ? 0 : quorum_propose(c, &d, &index);
    decision_close(&d);
    if (rc == 0) c->balance_due_ms = now_ms + c->options.balance_interval_ms;
    return rc == 0;
}

/* Deletions that can be undone no longer. */
static bool maybe_drop(struct controller *c)
{
    if (c->tentative.retired == NULL) return true;

    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_drop_due(decision_image(c), env_wall_ms(c->env), &d);
    int rc = d.count == 0 ? 0 : quorum_propose(c, &d, &index);
    decision_close(&d);
    return rc == 0;
}

void watch_look(struct controller *c)
{
    if (c->tentative.cluster_id[0] == 0) give_birth(c);
    if (!look_at_handovers(c) || !maybe_balance(c) || !maybe_drop(c)) {
        if (c->retry_ms == 0) c->retry_ms = env_now_ms(c->env) + AGAIN_MS;
        return;
    }

    uint32_t from = 0;
    struct liveness_verdict verdict;
    uint64_t now_ms = env_now_ms(c->env);
    while (c->is_leading && !is_halted(c) &&
           liveness_look(&c->liveness, decision_image(c), now_ms, &from, &verdict)) {
        if (act(c, &verdict)) continue;
        if (c->retry_ms == 0) c->retry_ms = now_ms + AGAIN_MS;
        return;
    }
}

uint64_t watch_deadline_ms(const struct controller *c)
{
    uint64_t deadline = liveness_deadline_ms(&c->liveness, &c->tentative);
    uint64_t handover = handovers_deadline_ms(c);
    if (handover < deadline) deadline = handover;
    int64_t drop_ms = retired_next_ms(&c->tentative, env_wall_ms(c->env));
    /* By the wall clock, which may be set: looked at now and then. */
    if (drop_ms >= 0 && drop_ms < AGAIN_MS) drop_ms = AGAIN_MS;
    if (drop_ms > LOOK_AGAIN_MS) drop_ms = LOOK_AGAIN_MS;
    if (drop_ms >= 0 && env_now_ms(c->env) + (uint64_t)drop_ms < deadline)
        deadline = env_now_ms(c->env) + (uint64_t)drop_ms;
    bool is_balanced = c->options.balance_interval_ms != 0;
    return is_balanced && c->balance_due_ms < deadline ? c->balance_due_ms : deadline;
}

void watch_on_connected(struct controller *c, struct conn *conn)
{
    liveness_on_dial(&c->liveness, (int32_t)conn->node_id, DIAL_CONNECTED, env_now_ms(c->env));
}

void watch_on_closed(struct controller *c, struct conn *conn, enum env_reason reason)
{
    enum liveness_dial outcome = DIAL_BROKE;
    if (reason == ENV_REASON_REFUSED) outcome = DIAL_REFUSED;
    if (reason == ENV_REASON_SILENT || reason == ENV_REASON_NAME || reason == ENV_REASON_LOCAL)
        outcome = DIAL_SILENT;
    log_info(c->env, "broker %u, dialled because its session ended: %s", conn->node_id,
             outcome == DIAL_REFUSED  ? "refused"
             : outcome == DIAL_SILENT ? "no answer"
                                      : "the connection broke");
    liveness_on_dial(&c->liveness, (int32_t)conn->node_id, outcome, env_now_ms(c->env));
    conn_forget(c, conn);
}
