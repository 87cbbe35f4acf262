#include "controller/sessions.h"

#include "common/check.h"
#include "controller/admin.h"
#include "controller/conns.h"
#include "controller/decide/brokers.h"
#include "controller/decide/disks.h"
#include "controller/decide/ends.h"
#include "controller/decide/isr.h"
#include "controller/decide/seeds.h"
#include "controller/propose.h"
#include "controller/quorum.h"
#include "controller/record.h"
#include "controller/waiters.h"
#include "proto/kafka_errors.h"

#define RETRY_MS 20
#define PRODUCER_IDS_BLOCK 1000

/* The session that speaks for the broker; NULL: none does. */
static struct conn *holder_of(struct controller *c, uint32_t id)
{
    for (struct conn *s = c->conns; s != NULL; s = s->hh.next) {
        if (s->kind == CONN_SESSION && s->node_id == id && s->epoch != 0) return s;
    }
    return NULL;
}

/* From now on this session speaks for its broker. */
static void bind(struct controller *c, struct conn *conn, int64_t epoch)
{
    struct conn *old = holder_of(c, conn->node_id);
    if (old != NULL && old != conn) conn_close(c, old, false);
    struct conn *probe = conn_of(c, CONN_PROBE, conn->node_id);
    if (probe != NULL) conn_close(c, probe, false);

    conn->epoch = epoch;
    liveness_on_session(&c->liveness, (int32_t)conn->node_id, env_now_ms(c->env));
}

void sessions_on_hello(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct slice cluster = msg->hello.cluster_id;
    if (cluster.size > 0 && c->cluster_id[0] != 0 &&
        !slice_equal(cluster, slice_of_text(c->cluster_id))) {
        send_refused(c, conn, KAFKA_INCONSISTENT_CLUSTER_ID,
                     "broker %u at %s is of cluster %.*s, and controller %u of cluster %s",
                     msg->hello.node_id, conn->address, (int)cluster.size, (const char *)cluster.at,
                     c->options.node_id, c->cluster_id);
        return;
    }
    if (msg->hello.node_id > INT32_MAX || uuid_is_zero(msg->hello.incarnation)) {
        send_refused(c, conn, KAFKA_INVALID_REGISTRATION, "a broker at %s has no id",
                     conn->address);
        return;
    }
    if (!c->is_leading || c->phase != PHASE_UP) {
        send_not_leader(c, conn);
        return;
    }
    conn->kind = msg->hello.role == RPC_ROLE_STREAM ? CONN_STREAM : CONN_SESSION;
    conn->node_id = msg->hello.node_id;
    conn->incarnation = msg->hello.incarnation;
}

/* ---- Registration. ---- */

enum claim { CLAIM_FREE, CLAIM_TAKEN, CLAIM_UNCLEAR };

static const struct meta_image_listener *address_of(const struct meta_broker *b)
{
    return meta_listener_find(b, b->replication_listener);
}

/* Does the new process listen where the old one did? Then the old one is not there any more. */
static bool is_same_address(const struct meta_broker *b, const struct rpc_msg *msg)
{
    const struct meta_image_listener *old = address_of(b);
    for (uint32_t i = 0; i < msg->register_broker.listener_count; i++) {
        const struct meta_listener *l = &msg->register_broker.listeners[i];
        if (!slice_equal(l->name, msg->register_broker.replication_listener)) continue;
        return old != NULL && old->port == l->port &&
               slice_equal(l->host, slice_of_text(old->host));
    }
    return false;
}

/* Is the id this process's to have? A holder that still speaks a session timeout after the claim
 * has it. Until then it may be a dead process whose last words are on their way (its host
 * lost its power, and is back), or whose own registration was waiting when it died. */
static enum claim judge_claim(struct controller *c, const struct conn *conn,
                              const struct rpc_msg *msg)
{
    const struct meta_broker *b = meta_broker_find(&c->tentative, msg->register_broker.id);
    if (b == NULL || uuid_equal(b->incarnation, msg->register_broker.incarnation))
        return CLAIM_FREE;

    const struct liveness_broker *seen = liveness_find(&c->liveness, b->id);
    const struct conn *holder = holder_of(c, conn->node_id);
    uint64_t now_ms = env_now_ms(c->env);
    if (holder == NULL || holder == conn) {
        return b->fenced || is_same_address(b, msg) ? CLAIM_FREE : CLAIM_UNCLEAR;
    }
    CHECK(seen != NULL);
    if (now_ms >= seen->heard_ms + c->options.broker_session_timeout_ms) return CLAIM_FREE;
    uint64_t alive_ms = conn->registration_ms + c->options.broker_session_timeout_ms;
    return holder->heard_ms >= alive_ms ? CLAIM_TAKEN : CLAIM_UNCLEAR;
}

static void warn_of_seeds(struct controller *c, const struct rpc_msg *msg)
{
    if (c->tentative.brokers == NULL) return;
    for (uint32_t i = 0; i < msg->register_broker.seed_count; i++) {
        struct slice key, value;
        const char *ours;
        if (seed_differs(&c->tentative, msg->register_broker.seeds[i], &key, &value, &ours))
            log_warn(c->env,
                     "broker %d's file says %.*s=%.*s, the cluster has %s; change it by command",
                     msg->register_broker.id, SLICE_TEXT(key), SLICE_TEXT(value), ours);
    }
}

static void send_registered(struct controller *c, struct conn *conn, uint64_t index)
{
    struct rpc_msg reply = {.kind = RPC_REGISTERED};
    reply.registered.epoch = (int64_t)index;
    reply.registered.index = index;
    reply.registered.cluster_id = slice_of_text(c->tentative.cluster_id);
    wait_for_commit(c, conn, index, &reply);
}

static uint16_t claimed_port(const struct rpc_msg *msg)
{
    for (uint32_t i = 0; i < msg->register_broker.listener_count; i++) {
        const struct meta_listener *l = &msg->register_broker.listeners[i];
        if (slice_equal(l->name, msg->register_broker.replication_listener)) return l->port;
    }
    return 0;
}

/* Who advertises no host is on loopback. */
static void refuse_taken(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    const struct meta_broker *b = meta_broker_find(&c->tentative, (int32_t)conn->node_id);
    const struct meta_image_listener *at = address_of(b);
    send_refused(c, conn, KAFKA_DUPLICATE_BROKER_REGISTRATION,
                 "broker id %d is in use: by the broker at %s:%u, and by this one, which comes "
                 "from %s and listens on port %u; give one of them another node.id",
                 b->id, at == NULL || at->host[0] == 0 ? "127.0.0.1" : at->host,
                 at == NULL ? 0 : at->port, conn->address, claimed_port(msg));
}

/* True: settled, one way or the other, and `conn` may be gone. False: ask again later. */
static bool try_register(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    if (c->tentative.cluster_id[0] == 0) return false; /* It is being born. */
    switch (judge_claim(c, conn, msg)) {
    case CLAIM_UNCLEAR: return false;
    case CLAIM_TAKEN: refuse_taken(c, conn, msg); return true;
    case CLAIM_FREE: break;
    }
    struct decision d = decision_begin(c, 0);
    struct slice why;
    uint64_t index = c->tentative.index + 1;
    int16_t error = decide_register(decision_image(c), msg, index, &d, &why);
    if (error != KAFKA_NONE) {
        send_refused(c, conn, error, "%.*s", (int)why.size, (const char *)why.at);
        decision_close(&d);
        return true;
    }
    warn_of_seeds(c, msg);
    record_message(c, RECORD_REGISTER, msg);
    int rc = quorum_propose(c, &d, &index);
    decision_close(&d);
    if (rc == -ERR_AGAIN) return false;
    if (rc != 0) {
        send_refused(c, conn, KAFKA_INVALID_REGISTRATION, "the registration is not legal: %s",
                     err_text(rc));
        return true;
    }
    bind(c, conn, (int64_t)index);
    liveness_on_registered(&c->liveness, msg->register_broker.id, index, env_now_ms(c->env));
    send_registered(c, conn, index);
    return true;
}

static void on_register(struct controller *c, struct conn *conn, const struct rpc_msg *msg,
                        struct buf *frame)
{
    bool is_its_own = msg->register_broker.id == (int32_t)conn->node_id &&
                      uuid_equal(msg->register_broker.incarnation, conn->incarnation);
    if (!is_its_own) {
        send_refused(c, conn, KAFKA_INVALID_REGISTRATION,
                     "the hello of broker %u and its registration differ", conn->node_id);
        return;
    }
    uint64_t id = conn->id;
    conn->registration_ms = env_now_ms(c->env);
    if (try_register(c, conn, msg)) return;
    CHECK(conn_find(c, id) == conn);
    buf_unref(conn->registration);
    conn->registration = buf_ref(frame);
    c->retry_ms = env_now_ms(c->env) + RETRY_MS;
}

/* The first one that can be settled now; false: none can. */
static bool retry_one(struct controller *c)
{
    for (struct conn *s = c->conns; s != NULL; s = s->hh.next) {
        if (s->registration == NULL) continue;
        struct rpc_msg msg;
        struct buf *frame = buf_ref(s->registration);
        struct arena *arena = scratch(c, SCRATCH_FRAME, RPC_DECODE_BYTES(frame->size));
        uint64_t id = s->id;
        CHECK(rpc_decode(buf_slice(frame), arena, &msg) == 0);
        bool is_settled = try_register(c, s, &msg);
        buf_unref(frame);
        if (is_halted(c)) return false;
        if (!is_settled) {
            c->retry_ms = env_now_ms(c->env) + RETRY_MS;
            continue;
        }
        s = conn_find(c, id);
        if (s != NULL) {
            buf_unref(s->registration);
            s->registration = NULL;
        }
        return true;
    }
    return false;
}

void sessions_retry(struct controller *c)
{
    if (c->retry_ms == 0 || env_now_ms(c->env) < c->retry_ms) return;
    c->retry_ms = 0;
    /* A registration that succeeds may close connections: from the start again. */
    while (retry_one(c)) {
    }
}

/* ---- Heartbeats. ---- */

static uint64_t standstill_ms(const struct rpc_msg *msg)
{
    uint64_t quiet = msg->heartbeat.disk_quiet_ms;
    for (uint32_t i = 0; i < msg->heartbeat.shard_count; i++) {
        if (msg->heartbeat.shard_quiet_ms[i] > quiet) quiet = msg->heartbeat.shard_quiet_ms[i];
    }
    return quiet;
}

static void begin_stop(struct controller *c, int32_t id)
{
    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_stop(decision_image(c), id, &d);
    record_request(c, &(struct record_decision){.request = RECORD_STOP, .broker = id});
    /* If it cannot be proposed now, the next heartbeat asks again. */
    (void)!quorum_propose(c, &d, &index);
    decision_close(&d);
}

/* The broker of the image that this session may speak for. */
static const struct meta_broker *speaks_for(struct controller *c, const struct conn *conn,
                                            int32_t id, int64_t epoch)
{
    const struct meta_broker *b = meta_broker_find(&c->tentative, id);
    bool is_its_own = b != NULL && id == (int32_t)conn->node_id && b->epoch == epoch &&
                      uuid_equal(b->incarnation, conn->incarnation);
    return is_its_own ? b : NULL;
}

static void on_heartbeat(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct rpc_msg reply = {.kind = RPC_HEARTBEAT_REPLY};
    reply.heartbeat_reply.term = c->raft.vote.term;
    reply.heartbeat_reply.commit_index = c->committed.index;
    reply.heartbeat_reply.fenced = true;

    int32_t id = msg->heartbeat.id;
    const struct meta_broker *b = speaks_for(c, conn, id, msg->heartbeat.epoch);
    if (b != NULL) {
        if (conn->epoch != b->epoch) bind(c, conn, b->epoch);
        liveness_on_heartbeat(&c->liveness, id, msg->heartbeat.applied_index, standstill_ms(msg),
                              msg->heartbeat.wants_stop, env_now_ms(c->env));
        if (msg->heartbeat.wants_stop && !b->stopping) begin_stop(c, id);

        reply.heartbeat_reply.epoch = msg->heartbeat.epoch;
        const struct meta_broker *known = meta_broker_find(&c->committed, id);
        if (known != NULL && known->epoch == msg->heartbeat.epoch) {
            reply.heartbeat_reply.fenced = known->fenced;
            reply.heartbeat_reply.may_stop =
                known->stopping && known->isr_count == 0 && known->leader_count == 0;
        }
    }
    send_msg(c, conn->id, &reply);
}

/* ---- Proposals. ---- */

static void on_alter_isr(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct decision d =
        decision_begin(c, msg->alter_isr.count * sizeof(struct rpc_isr_result) + 4096);
    struct rpc_isr_result *results = decision_take(&d, msg->alter_isr.count, sizeof *results);
    CHECK(results != NULL);
    struct rpc_msg reply = {.kind = RPC_ALTER_ISR_REPLY};
    reply.alter_isr_reply.correlation = msg->alter_isr.correlation;
    reply.alter_isr_reply.term = c->raft.vote.term;
    reply.alter_isr_reply.count = msg->alter_isr.count;
    reply.alter_isr_reply.results = results;

    uint64_t index = 0;
    decide_alter_isr(decision_image(c), msg, &d, results);
    if (d.count > 0) record_message(c, RECORD_ALTER_ISR, msg);
    int rc = d.count == 0 ? 0 : quorum_propose(c, &d, &index);
    for (uint32_t i = 0; i < msg->alter_isr.count; i++) {
        if (results[i].error != KAFKA_NONE) continue;
        if (rc == 0)
            results[i].index = index;
        else
            results[i].error = KAFKA_NOT_CONTROLLER;
    }
    if (index != 0)
        wait_for_commit(c, conn, index, &reply);
    else
        send_msg(c, conn->id, &reply);
    decision_close(&d);
}

/* ---- Partitions that nobody leads. ---- */

static void maybe_recover(struct controller *c, const struct rpc_log_end *told)
{
    const struct meta_topic *topic = meta_topic_by_id(&c->tentative, told->topic_id);
    if (topic == NULL || (uint32_t)told->partition >= topic->partition_count) return;

    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_recover(decision_image(c), &c->ends, topic, told->partition, &d);
    /* What cannot be proposed now is told again in a second. */
    bool is_done = d.count > 0 && quorum_propose(c, &d, &index) == 0;
    decision_close(&d);
    if (is_done) ends_forget(&c->ends, told->topic_id, told->partition);
}

static void on_log_ends(struct controller *c, const struct conn *conn, const struct rpc_msg *msg)
{
    int32_t id = msg->log_ends.id;
    if (speaks_for(c, conn, id, msg->log_ends.epoch) == NULL) return;

    for (uint32_t i = 0; i < msg->log_ends.count; i++) {
        const struct rpc_log_end *told = &msg->log_ends.ends[i];
        const struct meta_partition *p =
            meta_partition_find(&c->tentative, told->topic_id, told->partition);
        if (p == NULL || p->leader != META_NOBODY || !id_set_has(&p->replicas, id)) continue;
        ends_note(&c->ends, id, msg->log_ends.epoch, told);
        maybe_recover(c, told);
        if (is_halted(c)) return;
    }
}

static void on_disks(struct controller *c, const struct conn *conn, const struct rpc_msg *msg)
{
    if (speaks_for(c, conn, msg->disks.id, msg->disks.epoch) == NULL) return;

    struct decision d = decision_begin(c, 0);
    uint64_t index;
    decide_disks(decision_image(c), msg, &d);
    /* If it cannot be proposed now, the broker says it again. */
    if (d.count > 0) (void)!quorum_propose(c, &d, &index);
    decision_close(&d);
}

static void on_producer_ids(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct rpc_msg reply = {.kind = RPC_PRODUCER_IDS_REPLY};
    reply.producer_ids_reply.correlation = msg->producer_ids.correlation;
    if (speaks_for(c, conn, msg->producer_ids.id, msg->producer_ids.epoch) == NULL) {
        reply.producer_ids_reply.error = KAFKA_STALE_BROKER_EPOCH;
        send_msg(c, conn->id, &reply);
        return;
    }
    struct decision d = decision_begin(c, 0);
    int64_t first = decision_image(c)->next_producer_id;
    decision_cause(&d, "broker %d gets producer ids from %lld on", msg->producer_ids.id,
                   (long long)first);
    decision_add(&d, META_PRODUCER_IDS)->producer_ids.next = first + PRODUCER_IDS_BLOCK;

    uint64_t index;
    int rc = quorum_propose(c, &d, &index);
    decision_close(&d);
    if (rc != 0) {
        reply.producer_ids_reply.error = KAFKA_NOT_CONTROLLER;
        send_msg(c, conn->id, &reply);
        return;
    }
    reply.producer_ids_reply.first = first;
    reply.producer_ids_reply.count = PRODUCER_IDS_BLOCK;
    wait_for_commit(c, conn, index, &reply);
}

void sessions_on_frame(struct controller *c, struct conn *conn, const struct rpc_msg *msg,
                       struct buf *frame)
{
    CHECK(conn->kind == CONN_SESSION);
    if (!c->is_leading) return; /* It will be told at the end of the turn. */

    conn->heard_ms = env_now_ms(c->env);
    switch ((int)msg->kind) {
    case RPC_REGISTER: on_register(c, conn, msg, frame); return;
    case RPC_HEARTBEAT: on_heartbeat(c, conn, msg); return;
    case RPC_ALTER_ISR: on_alter_isr(c, conn, msg); return;
    case RPC_ADMIN: admin_on_request(c, conn, msg); return;
    case RPC_PRODUCER_IDS: on_producer_ids(c, conn, msg); return;
    case RPC_LOG_ENDS: on_log_ends(c, conn, msg); return;
    case RPC_DISKS: on_disks(c, conn, msg); return;
    default:
        log_warn(c->env, "broker %u sends %s on a session, which makes no sense there",
                 conn->node_id, rpc_kind_name(msg->kind));
        sessions_on_closed(c, conn);
        conn_close(c, conn, false);
    }
}

void sessions_on_closed(struct controller *c, struct conn *conn)
{
    if (conn->epoch == 0 || !c->is_leading) return;
    log_info(c->env, "the session of broker %u has ended", conn->node_id);
    liveness_on_session_end(&c->liveness, (int32_t)conn->node_id, env_now_ms(c->env));
}

void sessions_end(struct controller *c)
{
    struct conn *s, *next;
    for (s = c->conns; s != NULL; s = next) {
        next = s->hh.next;
        if (s->kind == CONN_SESSION || s->kind == CONN_STREAM) send_not_leader(c, s);
    }
}
