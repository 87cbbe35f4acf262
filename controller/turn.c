/* The turn: events in, and what follows from them. */
#include "controller/controller.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/files.h"
#include "controller/handovers.h"
#include "controller/inside.h"
#include "controller/peers.h"
#include "controller/quorum.h"
#include "controller/record.h"
#include "controller/recover.h"
#include "controller/sessions.h"
#include "controller/snapshot.h"
#include "controller/status.h"
#include "controller/stream.h"
#include "controller/voters.h"
#include "controller/waiters.h"
#include "controller/watch.h"

#define JOURNAL_SEGMENT_BYTES (16u * 1024 * 1024)
#define RECOVER_TERMS 1000
#define JOURNAL_SEGMENT_MS ((int64_t)7 * 24 * 3600 * 1000)

void controller_options_default(struct controller_options *o)
{
    *o = (struct controller_options){
        .raft_heartbeat_ms = 50,
        .election_timeout_min_ms = 300,
        .election_timeout_max_ms = 600,
        .broker_session_timeout_ms = 1500,
        .broker_heartbeat_interval_ms = 300,
        .hang_ms = 1500,
        .reply_max_ms = 5000,
        .handover_max_ms = 8000,
        .balance_interval_ms = 300000,
        .balance_percentage = 10,
        .groups = group_limits_default,
        .stop_max_ms = 2000,
        .snapshot_bytes = 8u * 1024 * 1024,
        .snapshot_entries = 20000,
    };
}

struct controller *controller_open(struct env *env, const struct controller_options *options)
{
    CHECK(options->node_id != RAFT_NOBODY);
    CHECK(options->voter_count > 0 && options->voter_count <= CONTROLLER_VOTERS_MAX);

    struct controller *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->env = env;
    c->options = *options;
    STAILQ_INIT(&c->writes);
    STAILQ_INIT(&c->held);
    TAILQ_INIT(&c->waiters);
    TAILQ_INIT(&c->handovers);
    LIST_INIT(&c->jobs);
    c->log.first_index = 1;
    struct ring_label label = {.owner = RING_CONTROLLER,
                               .node_id = options->node_id,
                               .program = JACKDAW_VERSION,
                               .run = (uint64_t)env_wall_ms(env)};
    ring_open(&c->ring, &label, options->ring_bytes);
    ring_file_open(&c->ring_file, options->log_dir, 0, options->ring_flush_ms, JOB_RING, RING_LANE);
    c->boot = boot_new(c);
    env_submit(env, &c->boot->job);
    return c;
}

/* ---- Booting: the folder, the journal, what of it counts. ---- */

static void close_journal(struct controller *c)
{
    c->phase = PHASE_CLOSING;
    journal_stop(c->journal);
}

/* Nobody is listened to: it takes a decision at most, and stops. */
static void go_on_alone(struct controller *c, struct raft_vote vote)
{
    if (!recover_plan(c, vote.term)) return;
    if (c->options.recover == CONTROLLER_RECOVER_PLAN) {
        close_journal(c);
        return;
    }
    c->report[0] = 0;
    c->may_vote = true;
    files_write_properties(c);
    /* Above whatever term the others may still come to among themselves. */
    vote = (struct raft_vote){.term = vote.term + RECOVER_TERMS};
    struct raft_membership alone = recover_membership(c);
    if (!quorum_start(c, &vote, &alone)) return;
    c->phase = PHASE_UP;
    peers_open(c);
}

static void go_up(struct controller *c)
{
    struct raft_vote vote = c->boot->vote;
    boot_free(c->boot);
    c->boot = NULL;
    if (c->options.recover != CONTROLLER_RECOVER_NO) {
        go_on_alone(c, vote);
        return;
    }
    if (!quorum_start(c, &vote, NULL)) return;

    struct env_endpoint at = {.port = c->options.listen_port,
                              .tag = TAG_LISTENER,
                              .frame_max_bytes = STRANGER_FRAME_MAX_BYTES,
                              .first_alone = true};
    (void)snprintf(at.host, sizeof at.host, "%s", c->options.listen_host);
    int rc = env_listen(c->env, &at);
    if (rc != 0) {
        controller_halt(c, "cannot listen on %s:%u: %s", at.host, at.port, err_text(rc));
        return;
    }
    struct env_endpoint http = {.port = c->options.http_port, .tag = TAG_HTTP, .is_http = true};
    (void)snprintf(http.host, sizeof http.host, "%s", c->options.http_host);
    rc = http.port == 0 ? 0 : env_listen(c->env, &http);
    if (rc != 0) {
        controller_halt(c, "cannot listen for HTTP on %s:%u: %s", http.host, http.port,
                        err_text(rc));
        return;
    }
    c->phase = PHASE_UP;
    peers_open(c);
    log_info(c->env, "controller %u listens on %s:%u; metadata up to %llu, snapshot at %llu",
             c->options.node_id, at.host, at.port, (unsigned long long)(metalog_next(&c->log) - 1),
             (unsigned long long)c->snapshot_index);
}

/* Goes up when all that is there is durable. */
static void maybe_go_up(struct controller *c)
{
    if (c->boot->is_resetting) return;
    if (journal_durable(c->journal) >= journal_written(c->journal)) go_up(c);
}

static void on_journal_opened(struct controller *c)
{
    struct boot *b = c->boot;
    uint64_t snapshot = c->committed.index;
    if (journal_state_of(c->journal) != JOURNAL_OPEN) {
        controller_halt(c, "the metadata log: %s", journal_why(c->journal));
        return;
    }
    c->log = b->log;
    b->log = (struct metalog){0};
    c->phase = PHASE_SYNC;

    /* A log that ends before the snapshot, or has another entry where it ends, is from a time
     * before the snapshot came (raft.h, 9). */
    bool is_useless = b->is_other_log || journal_assigned(c->journal) <= (int64_t)snapshot;
    if (is_useless) {
        metalog_reset(&c->log, snapshot + 1);
        journal_reset(c->journal, (int64_t)snapshot + 1);
        b->is_resetting = true;
        return;
    }
    if (b->gap_at == 0 && journal_start(c->journal) > (int64_t)snapshot + 1)
        b->gap_at = snapshot + 1;
    if (b->gap_at != 0) {
        controller_halt(c, "the metadata log in %s lacks entry %llu", c->options.log_dir,
                        (unsigned long long)b->gap_at);
        return;
    }
    if (journal_durable(c->journal) < journal_written(c->journal)) journal_sync(c->journal);
    maybe_go_up(c);
}

static void on_boot_read(struct controller *c)
{
    struct boot *b = c->boot;
    if (b->job.rc != 0) {
        controller_halt(c, "%s", b->why);
        return;
    }
    c->disk = b->disk;
    c->may_vote = b->may_vote;
    (void)snprintf(c->cluster_id, sizeof c->cluster_id, "%s", b->cluster_id);
    c->committed = b->image;
    /* The observer needs to know where the snapshot ends. */
    b->image = (struct meta_image){.index = c->committed.index, .term = c->committed.term};
    b->log.first_index = c->committed.index + 1;
    c->phase = PHASE_JOURNAL;

    struct journal_options o = {.lane = JOURNAL_LANE,
                                .segment_bytes = JOURNAL_SEGMENT_BYTES,
                                .segment_ms = JOURNAL_SEGMENT_MS,
                                .index_interval_bytes = 4096,
                                .segment_index_bytes = 1024 * 1024,
                                .sync_writes = true,
                                .recovery_point = -1,
                                .first_offset = (int64_t)c->committed.index + 1,
                                .snapshot_end = (int64_t)c->committed.index + 1,
                                .observe = boot_observe,
                                .observer = b,
                                .observe_from = (int64_t)c->committed.index,
                                .owner = c};
    (void)snprintf(o.dir, sizeof o.dir, "%s/%s", c->options.log_dir, JOURNAL_FOLDER);
    c->journal = journal_open(c->env, &o);
}

/* ---- Jobs. ---- */

/* The last thing: nothing is on its way to the disk any more. */
static void maybe_stop(struct controller *c)
{
    enum journal_state state = journal_state_of(c->journal);
    if (c->phase != PHASE_CLOSING || !LIST_EMPTY(&c->jobs)) return;
    if (!ring_file_finish(&c->ring_file, c->env, &c->ring)) return;
    if (state != JOURNAL_STOPPED && state != JOURNAL_FAILED) return;
    if (!journal_is_idle(c->journal)) return;
    c->phase = PHASE_STOPPED;
    env_stop(c->env);
}

static void on_journal_job(struct controller *c, struct job *job)
{
    unsigned news = journal_on_job(c->journal, job);
    if (is_halted(c)) return;

    switch (c->phase) {
    case PHASE_JOURNAL:
        if (news & (JOURNAL_NEWS_OPENED | JOURNAL_NEWS_FAILED)) on_journal_opened(c);
        return;
    case PHASE_SYNC:
        if (news & JOURNAL_NEWS_FAILED)
            controller_halt(c, "the metadata log: %s", journal_why(c->journal));
        if (news & JOURNAL_NEWS_TRUNCATED) c->boot->is_resetting = false;
        if (!is_halted(c)) maybe_go_up(c);
        return;
    case PHASE_UP:
    case PHASE_STOPPING: quorum_on_journal(c, news); return;
    case PHASE_CLOSING: maybe_stop(c); return;
    case PHASE_FOLDER:
    case PHASE_STOPPED:
    case PHASE_HALTED: return;
    }
}

static void on_file_written(struct controller *c, struct file_job *f)
{
    enum job_kind kind = (enum job_kind)f->job.link.kind;
    bool is_up = c->phase == PHASE_UP || c->phase == PHASE_STOPPING;
    if (f->job.rc != 0 && !is_halted(c)) {
        controller_halt(c, "cannot write %.300s: %s", f->path, err_text(f->job.rc));
    } else if (is_up && kind == JOB_VOTE) {
        quorum_on_vote_written(c);
    } else if (is_up && kind == JOB_SNAPSHOT) {
        snapshot_on_written(c, f);
    } else if (is_up && kind == JOB_SNAPSHOT_PULLED) {
        snapshot_on_pulled(c);
    } else if (is_up && kind == JOB_PROPERTIES) {
        voters_on_noted(c);
    }
    file_job_free(f);
    maybe_stop(c);
}

static void on_job(struct controller *c, struct job *job)
{
    if (job->link.kind == JOURNAL_JOB_KIND) {
        on_journal_job(c, job);
    } else if (job->link.kind == JOB_RING) {
        ring_file_on_job(&c->ring_file, c->env, &c->ring);
        maybe_stop(c);
    } else if (job->link.kind == JOB_BOOT) {
        CHECK(&c->boot->job == job);
        if (!is_halted(c)) on_boot_read(c);
    } else {
        on_file_written(c, (struct file_job *)job);
    }
}

/* ---- Connections. ---- */

static void on_hello(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    uint64_t id = conn->id;
    if (msg->kind != RPC_HELLO) {
        log_warn(c->env, "%s begins with %s instead of a hello", conn->address,
                 rpc_kind_name(msg->kind));
        conn_close(c, conn, false);
        return;
    }
    conn->claimed_id = msg->hello.node_id;
    if (msg->hello.role == RPC_ROLE_VOTER)
        (void)peers_on_hello(c, conn, msg);
    else
        sessions_on_hello(c, conn, msg);
    if (conn_find(c, id) == NULL) return;
    /* What it sent behind its hello has waited: that may be all of a metadata log. */
    env_frame_max(c->env, id, RPC_FRAME_MAX_BYTES);
    env_pause(c->env, id, false);
}

static void on_stream_frame(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    if (!c->is_leading) return; /* It will be told at the end of the turn. */
    if (msg->kind == RPC_FOLLOW)
        stream_on_follow(c, conn, msg);
    else if (msg->kind == RPC_APPLIED)
        stream_on_applied(c, conn, msg);
}

static void on_voter_frame(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    bool is_sound = true;
    conn->heard_ms = env_now_ms(c->env);
    if (msg->kind == RPC_RAFT)
        is_sound = msg->raft.from == conn->node_id && quorum_on_frame(c, msg);
    else if (msg->kind == RPC_SNAPSHOT_CHUNK)
        snapshot_on_request(c, conn, msg);
    if (is_sound || is_halted(c)) return;
    log_warn(c->env, "controller %u sends a message that does not parse", conn->node_id);
    conn_close(c, conn, false);
}

static void on_message(struct controller *c, struct conn *conn, const struct rpc_msg *msg,
                       struct buf *frame)
{
    switch (conn->kind) {
    case CONN_STRANGER: on_hello(c, conn, msg); return;
    case CONN_VOTER_IN: on_voter_frame(c, conn, msg); return;
    case CONN_VOTER_OUT:
        if (msg->kind == RPC_SNAPSHOT_CHUNK) snapshot_on_chunk(c, conn, msg);
        if (msg->kind == RPC_REFUSED) peers_on_refused(c, conn, msg);
        return;
    case CONN_SESSION: sessions_on_frame(c, conn, msg, frame); return;
    case CONN_STREAM: on_stream_frame(c, conn, msg); return;
    case CONN_PROBE: return; /* A broker does not speak first. */
    }
}

static void on_closed(struct controller *c, struct conn *conn, enum env_reason reason);

static void on_frame(struct controller *c, struct conn *conn, struct buf *frame)
{
    struct rpc_msg msg;
    struct arena *arena = scratch(c, SCRATCH_FRAME, RPC_DECODE_BYTES(frame->size));
    int rc = conn->kind == CONN_PROBE ? 0 : rpc_decode(buf_slice(frame), arena, &msg);
    if (rc == 0 && conn->kind != CONN_PROBE) on_message(c, conn, &msg, frame);
    if (rc == 0) return;

    c->malformed_count++;
    log_warn(c->env, "a frame of %s is refused: %s", conn->address, err_text(rc));
    env_close(c->env, conn->id, false);
    on_closed(c, conn, ENV_REASON_RESET);
}

static void on_closed(struct controller *c, struct conn *conn, enum env_reason reason)
{
    uint32_t lost = 0;
    switch (conn->kind) {
    case CONN_VOTER_OUT: lost = peers_on_closed(c, conn, reason); break;
    case CONN_PROBE: watch_on_closed(c, conn, reason); break;
    case CONN_SESSION:
        sessions_on_closed(c, conn);
        conn_forget(c, conn);
        break;
    case CONN_STRANGER:
        if (reason == ENV_REASON_TOO_LARGE || reason == ENV_REASON_HTTP || reason == ENV_REASON_TLS)
            log_warn(c->env, "%s does not speak the controllers' protocol", conn->address);
        conn_forget(c, conn);
        break;
    case CONN_VOTER_IN:
    case CONN_STREAM: conn_forget(c, conn); break;
    }
    if (lost == 0) return;
    struct raft_event event = {.kind = RAFT_PEER_DISCONNECTED, .peer = lost};
    quorum_step(c, &event);
}

static void on_connected(struct controller *c, struct conn *conn)
{
    if (conn->kind == CONN_PROBE) watch_on_connected(c, conn);
    if (conn->kind != CONN_VOTER_OUT) return;
    struct raft_event event = {.kind = RAFT_PEER_CONNECTED, .peer = peers_on_connected(c, conn)};
    quorum_step(c, &event);
}

/* ---- Stopping. ---- */

static void on_stop(struct controller *c)
{
    if (c->stop_deadline_ms != 0) return;
    c->stop_deadline_ms = env_now_ms(c->env) + c->options.stop_max_ms;
    if (c->phase != PHASE_UP) return;
    c->phase = PHASE_STOPPING;
    if (!c->is_leading) return;

    /* To the one whose log is the longest: it need not wait for anything. */
    const struct raft_peer *best = NULL;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        const struct raft_peer *peer = raft_peer(&c->raft, c->peers[i].id);
        if (peer == NULL || !c->peers[i].is_connected) continue;
        if (best == NULL || peer->match_index > best->match_index) best = peer;
    }
    if (best == NULL) return;
    log_info(c->env, "stopping: hands leadership to controller %u", best->id);
    struct raft_event event = {.kind = RAFT_TRANSFER, .peer = best->id};
    quorum_step(c, &event);
}

static void maybe_close(struct controller *c)
{
    if (c->phase != PHASE_STOPPING) return;
    bool may_wait = c->is_leading && c->peer_count > 0;
    if (may_wait && env_now_ms(c->env) < c->stop_deadline_ms) return;

    waiters_fail(c);
    sessions_end(c);
    close_journal(c);
}

/* ---- The turn. ---- */

static void on_event(struct controller *c, const struct env_event *e)
{
    struct conn *conn = NULL;
    bool is_up = c->phase == PHASE_UP || c->phase == PHASE_STOPPING;
    if (e->kind == ENV_JOB_DONE) {
        on_job(c, e->job);
        return;
    }
    if (e->kind == ENV_STOP) on_stop(c);
    if (e->kind == ENV_HTTP && !is_halted(c)) status_answer(c, e);
    if (is_up && e->kind == ENV_ACCEPTED) (void)conn_add(c, e->conn, CONN_STRANGER, e->address);
    bool is_of_conn = e->kind == ENV_CONNECTED || e->kind == ENV_FRAME || e->kind == ENV_CLOSED ||
                      e->kind == ENV_DRAINED;
    if (is_up && is_of_conn) conn = conn_find(c, e->conn);
    if (conn != NULL) {
        if (e->kind == ENV_CONNECTED) on_connected(c, conn);
        if (e->kind == ENV_FRAME) on_frame(c, conn, e->buf);
        if (e->kind == ENV_CLOSED) on_closed(c, conn, e->reason);
        if (e->kind == ENV_DRAINED && conn->kind == CONN_STREAM) stream_push(c, conn);
    }
    if (e->kind == ENV_FRAME) buf_unref(e->buf);
}

/* The folder learns which cluster it belongs to. */
static void adopt_cluster(struct controller *c)
{
    if (c->committed.cluster_id[0] == 0 || strcmp(c->cluster_id, c->committed.cluster_id) == 0)
        return;
    if (c->cluster_id[0] != 0) {
        controller_halt(c, "log.dirs %s belongs to cluster %s, but the metadata is of cluster %s",
                        c->options.log_dir, c->cluster_id, c->committed.cluster_id);
        return;
    }
    (void)snprintf(c->cluster_id, sizeof c->cluster_id, "%s", c->committed.cluster_id);
    files_write_properties(c);
}

static void apply_committed(struct controller *c)
{
    uint64_t before = c->committed.index;
    while (quorum_apply_next(c)) {
    }
    if (is_halted(c) || c->committed.index == before) return;
    adopt_cluster(c);
    if (!is_halted(c)) stream_push_all(c);
}

/* The rest of the shell learns that leadership has come, gone, or come anew. */
static void settle_leadership(struct controller *c)
{
    c->role_changed = false;
    uint64_t term = c->is_leading ? c->raft.vote.term : 0;
    if (term == c->told_term) return;

    if (c->told_term != 0) {
        /* A leader that was removed steps down when that is committed: it can still say so. */
        apply_committed(c);
        if (is_halted(c)) return;
        waiters_fail(c);
        sessions_end(c);
        watch_end(c);
        c->retry_ms = 0;
    }
    if (term != 0) watch_begin(c);
    c->told_term = term;
}

/* What follows from a turn's events, and from time. */
static void work(struct controller *c)
{
    peers_dial(c);
    if (env_now_ms(c->env) >= raft_deadline_ms(&c->raft)) {
        struct raft_event event = {.kind = RAFT_TICK};
        quorum_step(c, &event);
    }
    voters_settle(c);
    settle_leadership(c);
    if (c->options.recover == CONTROLLER_RECOVER_DO) {
        if (recover_look(c)) on_stop(c);
    } else if (c->is_leading && c->phase == PHASE_UP) {
        sessions_retry(c);
        watch_look(c);
        voters_look(c);
    }
    quorum_flush(c);
    if (is_halted(c)) return;
    apply_committed(c);
    if (is_halted(c)) return;
    settle_leadership(c);
    if (c->is_leading) waiters_settle(c);
    snapshot_pull(c);
    snapshot_take(c);
    quorum_flush(c);
    maybe_close(c);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline(const struct controller *c)
{
    if (c->phase != PHASE_UP && c->phase != PHASE_STOPPING) return ENV_NEVER;
    uint64_t deadline = sooner(raft_deadline_ms(&c->raft), peers_deadline_ms(c));
    if (c->phase == PHASE_STOPPING) deadline = sooner(deadline, c->stop_deadline_ms);
    if (!c->is_leading) return deadline;
    deadline = sooner(deadline, waiters_deadline_ms(c));
    if (c->phase == PHASE_STOPPING) return deadline; /* The rest is not looked after any more. */
    deadline = sooner(deadline, watch_deadline_ms(c));
    deadline = sooner(deadline, voters_deadline_ms(c));
    if (c->retry_ms != 0) deadline = sooner(deadline, c->retry_ms);
    return deadline;
}

uint64_t controller_turn(void *controller, const struct env_event *events, uint32_t count)
{
    struct controller *c = controller;
    for (uint32_t i = 0; i < count; i++) {
        settle_leadership(c);
        on_event(c, &events[i]);
    }
    if (c->phase == PHASE_UP && c->stop_deadline_ms != 0) c->phase = PHASE_STOPPING;
    if (c->phase == PHASE_UP || c->phase == PHASE_STOPPING) work(c);
    if (c->phase == PHASE_UP || c->phase == PHASE_STOPPING)
        ring_file_turn(&c->ring_file, c->env, &c->ring);
    return next_deadline(c);
}

void controller_close(struct controller *c, bool world_is_gone)
{
    if (c == NULL) return;
    waiters_close(c);
    handovers_end(c);
    ends_close(&c->ends);
    conns_close(c);
    snapshot_close(c);
    quorum_close(c);
    liveness_close(&c->liveness);
    while (!LIST_EMPTY(&c->jobs)) file_job_free(LIST_FIRST(&c->jobs));
    if (c->journal != NULL) journal_close(c->journal, world_is_gone);
    boot_free(c->boot);
    metalog_close(&c->log);
    meta_image_close(&c->committed);
    meta_image_close(&c->tentative);
    scratch_close(c);
    buf_unref(c->deciding_frame);
    ring_file_close(&c->ring_file, c->env);
    ring_close(&c->ring);
    free(c);
}

/* ---- Read only. ---- */

const char *controller_report(const struct controller *c)
{
    return c->report;
}

bool controller_is_up(const struct controller *c)
{
    return c->phase == PHASE_UP;
}

bool controller_is_leader(const struct controller *c)
{
    return c->is_leading;
}

uint64_t controller_term(const struct controller *c)
{
    return c->raft.vote.term;
}

uint64_t controller_commit_index(const struct controller *c)
{
    return c->commit_target;
}

const struct meta_image *controller_image(const struct controller *c)
{
    return &c->committed;
}

const struct meta_image *controller_tentative(const struct controller *c)
{
    return c->is_leading ? &c->tentative : NULL;
}

const struct raft *controller_raft(const struct controller *c)
{
    return c->phase >= PHASE_UP && c->phase != PHASE_HALTED ? &c->raft : NULL;
}

struct slice controller_entry(const struct controller *c, uint64_t index)
{
    const struct metalog_entry *e = metalog_at(&c->log, index);
    return e == NULL ? (struct slice){0} : buf_slice(e->buf);
}

const struct ring *controller_ring(const struct controller *c)
{
    return &c->ring;
}

const char *controller_fault(const struct controller *c)
{
    return c->fault[0] == 0 ? NULL : c->fault;
}
