#include "broker/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/link_state.h"
#include "common/check.h"
#include "proto/kafka_batch.h"
#include "proto/kafka_errors.h"

#define SCRATCH_BYTES (8u * 1024 * 1024)
#define TAG_SESSION 1u
#define TAG_STREAM 2u
#define TAG_HTTP 3u
#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 200
#define STOP_WITHOUT_SESSION_MS 5000
#define STOP_ASK_MS 20 /* "May I stop?" */
#define COMPLAIN_MS 10000

uint64_t link_applied(const struct link *l)
{
    uint64_t applied = UINT64_MAX;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (l->shards[n].applied_index < applied) applied = l->shards[n].applied_index;
    }
    return applied == UINT64_MAX ? 0 : applied;
}

struct link *link_open(struct env *env, const struct broker_options *options)
{
    CHECK(env->actor == BROKER_LINK_ACTOR);
    CHECK(options->voter_count > 0);

    struct link *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->env = env;
    l->options = options;
    l->epoch = -1;
    l->is_fenced = true;
    uint64_t seed = 0;
    env_random(env, &seed, sizeof seed);
    env_random(env, &l->incarnation, sizeof l->incarnation);
    env_random(env, &l->secret, sizeof l->secret);
    l->prng = prng_from_seed(seed);
    l->complain_due_ms = env_now_ms(env) + COMPLAIN_MS;
    l->voter_count = options->voter_count;
    memcpy(l->voters, options->voters, options->voter_count * sizeof l->voters[0]);
    l->voter = (uint32_t)prng_range(&l->prng, 0, options->voter_count - 1);
    l->shards = calloc(options->shard_count + 1, sizeof *l->shards);
    l->scratch = (struct arena){.base = malloc(SCRATCH_BYTES), .size = SCRATCH_BYTES};
    CHECK(l->shards != NULL && l->scratch.base != NULL);
    TAILQ_INIT(&l->asked);
    TAILQ_INIT(&l->sent);
    l->boot = boot_begin(env, options);
    return l;
}

static void halt(struct link *l, const char *why)
{
    l->is_halted = true;
    env_halt(l->env, why);
}

/* ---- To the controllers. ---- */

bool link_send(struct link *l, uint64_t conn, const struct rpc_msg *msg)
{
    CHECK(conn != 0);
    struct buf *frame = rpc_encode(msg);
    if (frame == NULL) return false;

    env_send(l->env, conn, &(struct env_piece){.buf = frame, .size = frame->size}, 1);
    return true;
}

/* Messages of which every part has a bound fit. */
static void send(struct link *l, uint64_t conn, const struct rpc_msg *msg)
{
    CHECK(link_send(l, conn, msg));
}

static uint64_t dial(struct link *l, uint32_t tag)
{
    const struct node_voter *voter = &l->voters[l->voter];
    struct env_endpoint to = {.port = voter->port,
                              .tag = tag,
                              .frame_max_bytes = RPC_FRAME_MAX_BYTES,
                              .dial_timeout_ms = l->options->session_ms};
    (void)snprintf(to.host, sizeof to.host, "%s", voter->host);
    return env_dial(l->env, &to);
}

static void say_hello(struct link *l, uint64_t conn, enum rpc_role role)
{
    struct rpc_msg msg = {.kind = RPC_HELLO};
    msg.hello.role = role;
    msg.hello.node_id = (uint32_t)l->options->id;
    msg.hello.incarnation = l->incarnation;
    msg.hello.cluster_id = slice_of_text(l->cluster_id);
    msg.hello.version = slice_of_text(JACKDAW_VERSION);
    send(l, conn, &msg);
}

static void say_register(struct link *l)
{
    const struct broker_options *o = l->options;
    struct rpc_msg msg = {.kind = RPC_REGISTER};
    msg.register_broker.id = o->id;
    msg.register_broker.incarnation = l->incarnation;
    msg.register_broker.secret = l->secret;
    if (o->rack[0] != '\0') msg.register_broker.rack = slice_of_text(o->rack);
    msg.register_broker.shard_count = o->shard_count;
    msg.register_broker.listener_count = o->listener_count;
    for (uint32_t i = 0; i < o->listener_count; i++) {
        const struct broker_listener *from = &o->listeners[i];
        msg.register_broker.listeners[i] = (struct meta_listener){
            .name = slice_of_text(from->name),
            .host = slice_of_text(from->advertised_host),
            .port = from->advertised_port != 0 ? from->advertised_port : from->port,
            .protocol = slice_of_text("PLAINTEXT"),
        };
    }
    msg.register_broker.replication_listener = slice_of_text(o->replication_listener);
    /* A broker that the metadata know and that has nothing has lost everything. */
    bool claims = (l->options->broker_canary & BROKER_CANARY_ALWAYS_WHOLE) != 0;
    msg.register_broker.is_log_whole = claims || (l->is_log_whole && !l->is_log_new);
    msg.register_broker.applied_index = link_applied(l);
    msg.register_broker.cluster_id = slice_of_text(l->cluster_id);
    msg.register_broker.version = slice_of_text(JACKDAW_VERSION);
    msg.register_broker.seed_count = o->seed_count;
    for (uint32_t i = 0; i < o->seed_count; i++) {
        msg.register_broker.seeds[i] = slice_of_text(o->seeds[i]);
    }
    send(l, l->session, &msg);
    l->is_registering = true;
}

static void say_heartbeat(struct link *l)
{
    uint64_t now_ms = env_now_ms(l->env);
    l->heartbeat_due_ms = now_ms + (l->is_stopping ? STOP_ASK_MS : l->options->heartbeat_ms);
    if (l->heartbeat_count == LINK_HEARTBEATS_MAX) return; /* Nobody answers: no use in more. */

    struct rpc_msg msg = {.kind = RPC_HEARTBEAT};
    msg.heartbeat.id = l->options->id;
    msg.heartbeat.epoch = l->epoch;
    msg.heartbeat.applied_index = link_applied(l);
    msg.heartbeat.wants_stop = l->is_stopping;
    msg.heartbeat.shard_count = l->options->shard_count;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        const struct link_shard *s = &l->shards[n];
        msg.heartbeat.shard_quiet_ms[n - 1] = now_ms - s->heard_ms;
        if (s->numbers.disk_oldest_job_ms > msg.heartbeat.disk_quiet_ms) {
            msg.heartbeat.disk_quiet_ms = s->numbers.disk_oldest_job_ms;
        }
    }
    send(l, l->session, &msg);
    l->heartbeats_ms[l->heartbeat_count++] = now_ms;
}

static void say_applied(struct link *l)
{
    uint64_t applied = link_applied(l);
    if (l->stream == 0 || l->phase != LINK_SERVING || applied <= l->reported_index) return;

    struct rpc_msg msg = {.kind = RPC_APPLIED};
    msg.applied.id = l->options->id;
    msg.applied.epoch = l->epoch;
    msg.applied.index = applied;
    send(l, l->stream, &msg);
    bool was_behind = l->reported_index < l->registered_index;
    l->reported_index = applied;
    /* Fenced, any news may be that it is not any more: the answer says so at once. */
    if (applied >= l->registered_index && (was_behind || l->is_fenced)) {
        say_heartbeat(l);
        /* Every partition is open: what recovery found is synced, then the mark may say so. */
        if (!l->is_marked) {
            link_note(l, NOTE_MARK);
            link_note(l, NOTE_KNOWN);
        }
        l->is_marked = true;
    }
}

/* ---- The session. ---- */

static void close_stream(struct link *l)
{
    if (l->stream != 0) env_close(l->env, l->stream, false);
    l->stream = 0;
    l->stream_is_paused = false;
    buf_unref(l->chunks);
    l->chunks = NULL;
}

static void disconnect(struct link *l, bool at_once)
{
    if (l->session != 0) env_close(l->env, l->session, false);
    l->session = 0;
    close_stream(l);
    if (l->phase == LINK_SERVING) l->complain_due_ms = env_now_ms(l->env) + COMPLAIN_MS;
    l->heartbeat_count = 0;
    l->is_registering = false;
    l->phase = LINK_DIALING;
    link_lose_questions(l);
    uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << (l->refusals < 5 ? l->refusals : 5);
    if (wait_ms > RETRY_MAX_MS) wait_ms = RETRY_MAX_MS;
    l->retry_at_ms = env_now_ms(l->env) + (at_once ? 0 : wait_ms);
}

static const char *controller_name(struct link *l)
{
    const struct node_voter *v = &l->voters[l->voter];
    if (v->id != 0)
        (void)snprintf(l->voter_name, sizeof l->voter_name, "controller %u", v->id);
    else
        (void)snprintf(l->voter_name, sizeof l->voter_name, "the controller at %s:%u", v->host,
                       v->port);
    return l->voter_name;
}

static void try_next_voter(struct link *l)
{
    l->voter = (l->voter + 1) % l->voter_count;
    l->refusals++;
    /* One round through all of them without a pause: one of three may be dead. */
    disconnect(l, l->refusals < l->voter_count);
}

/* Where a controller is in our list; voter_count: nowhere. */
static uint32_t find_voter(const struct link *l, const struct node_voter *v)
{
    uint32_t at = 0;
    for (; at < l->voter_count; at++) {
        const struct node_voter *w = &l->voters[at];
        bool is_there = w->port == v->port && strcmp(w->host, v->host) == 0;
        if (w->id == 0 ? is_there : w->id == v->id) break;
    }
    return at;
}

static uint32_t add_voter(struct link *l, const struct node_voter *v)
{
    uint32_t at = find_voter(l, v);
    if (at < l->voter_count || v->port == 0 || v->host[0] == 0) return at;
    /* The last place is for whoever comes after the others. */
    if (l->voter_count == BROKER_VOTERS_MAX + LINK_HINTS_MAX) l->voter_count--;
    l->voters[l->voter_count] = *v;
    return l->voter_count++;
}

void link_know_voters(struct link *l, const struct post_voters *voters)
{
    struct node_voter dialled = l->voters[l->voter];
    l->voter_count = l->options->voter_count; /* How to reach these is the operator's word. */
    for (uint32_t i = 0; i < voters->count; i++) (void)add_voter(l, &voters->items[i]);
    l->voter = add_voter(l, &dialled);
}

/* The leader that another controller names, with its address: it may have joined after our
 * configuration was written. Its index; voter_count: it is not known. */
static uint32_t take_hint(struct link *l, const struct rpc_msg *msg)
{
    struct slice host = msg->not_leader.host;
    struct node_voter v = {.id = msg->not_leader.leader_id, .port = msg->not_leader.port};
    if (v.id == 0) return l->voter_count;
    if (host.size > 0 && host.size < sizeof v.host) memcpy(v.host, host.at, host.size);
    return add_voter(l, &v);
}

static void on_not_leader(struct link *l, uint64_t conn, const struct rpc_msg *msg)
{
    /* A leader says so on both connections, and on the session after its last answers: those count.
     */
    if (conn == l->stream && l->session != 0) {
        close_stream(l);
        return;
    }
    l->refusals++;
    uint32_t leader_id = msg->not_leader.leader_id;
    uint32_t at = take_hint(l, msg);
    if (at < l->voter_count && at != l->voter) {
        l->voter = at;
        disconnect(l, l->refusals <= l->voter_count);
        return;
    }
    /* Where ids are not known, somebody leads all the same: one round without a pause. */
    bool is_lost = leader_id == 0 || l->voters[0].id != 0;
    l->voter = (l->voter + 1) % l->voter_count;
    disconnect(l, !is_lost && l->refusals < l->voter_count);
}

/* This controller leads and knows us by our epoch. */
static void become_serving(struct link *l)
{
    l->phase = LINK_SERVING;
    l->refusals = 0;
    l->reported_index = 0;
    /* A registration made anew has another epoch: the old stream speaks for the old one. */
    close_stream(l);
    l->stream = dial(l, TAG_STREAM);
    link_send_waiting(l);
}

static void on_registered(struct link *l, const struct rpc_msg *msg)
{
    if (!l->is_registering) return;

    l->is_registering = false;
    bool is_first = l->epoch != msg->registered.epoch;
    l->epoch = msg->registered.epoch;
    l->registered_index = msg->registered.index;
    if (is_first) l->is_fenced = true;
    if (l->cluster_id[0] == '\0' && msg->registered.cluster_id.size == META_CLUSTER_ID_SIZE) {
        memcpy(l->cluster_id, msg->registered.cluster_id.at, META_CLUSTER_ID_SIZE);
        l->cluster_id[META_CLUSTER_ID_SIZE] = '\0';
        link_note(l, NOTE_CLUSTER);
    }
    if (is_first) {
        log_info(l->env, "registered with %s: broker epoch %" PRId64, controller_name(l), l->epoch);
    }
    link_tell_session(l);
    become_serving(l);
    say_heartbeat(l);
}

static void on_refused(struct link *l, const struct rpc_msg *msg)
{
    char why[512];
    (void)snprintf(why, sizeof why, "the controllers refuse this broker: %.*s",
                   (int)msg->refused.text.size, (const char *)msg->refused.text.at);
    if (msg->refused.error == KAFKA_DUPLICATE_BROKER_REGISTRATION ||
        msg->refused.error == KAFKA_INCONSISTENT_CLUSTER_ID) {
        halt(l, why);
        return;
    }
    if (l->refusal_said_ms + COMPLAIN_MS <= env_now_ms(l->env)) log_warn(l->env, "%s", why);
    l->refusal_said_ms = env_now_ms(l->env);
    l->refusals++;
    disconnect(l, false);
}

static void on_heartbeat_reply(struct link *l, const struct rpc_msg *msg)
{
    if (l->heartbeat_count == 0) return; /* Nothing was asked. */

    /* Answers come in the order of the questions: this one answers the oldest. Nothing younger may
     * count, or a leader would believe in a lease that it does not have (DESIGN 6.13). */
    uint64_t sent_ms = l->heartbeats_ms[0];
    l->heartbeat_count--;
    memmove(l->heartbeats_ms, l->heartbeats_ms + 1, l->heartbeat_count * sizeof sent_ms);
    if (l->is_registering) return; /* It answers for an epoch that is to be replaced. */
    if (msg->heartbeat_reply.epoch == 0) {
        log_info(l->env, "%s does not know this broker: registering again", controller_name(l));
        l->phase = LINK_GREETING;
        l->dialed_ms = env_now_ms(l->env);
        say_register(l);
        return;
    }
    if (l->phase == LINK_GREETING) {
        log_info(l->env, "%s goes on with this broker", controller_name(l));
        become_serving(l);
    }
    l->answered_ms = sent_ms;
    l->leader_term = msg->heartbeat_reply.term;
    if (l->is_fenced && !msg->heartbeat_reply.fenced) log_info(l->env, "serving");
    l->is_fenced = msg->heartbeat_reply.fenced;
    link_tell_session(l);
    if (!l->is_stopping) return;

    uint64_t longer_ms = env_now_ms(l->env) + STOP_WITHOUT_SESSION_MS;
    l->stop_by_ms = longer_ms < l->stop_last_ms ? longer_ms : l->stop_last_ms;
    if (msg->heartbeat_reply.may_stop) l->stop_by_ms = 0;
}

/* ---- The stream. ---- */

static void on_records(struct link *l, const struct rpc_msg *msg)
{
    struct slice rest = msg->records.batches;
    struct slice batch;
    struct record_batch_header h;
    uint64_t last = 0;
    uint64_t term = 0;
    while (kafka_batch_next(&rest, &batch, &h)) {
        last = (uint64_t)h.base_offset;
        term = (uint64_t)h.partition_leader_epoch;
    }
    if (last <= l->received_index) return; /* Nothing, or nothing new. */
    if (msg->records.first_index > l->received_index + 1) {
        log_warn(l->env, "the stream of the metadata has a gap at index %" PRIu64 ": asking anew",
                 l->received_index + 1);
        disconnect(l, false);
        return;
    }
    l->received_index = last;
    l->received_term = term;
    link_post_records(l, msg->records.first_index, msg->records.batches);
}

static void on_chunk(struct link *l, const struct rpc_msg *msg)
{
    struct slice bytes = msg->snapshot_chunk.bytes;
    if (msg->snapshot_chunk.at == 0) {
        buf_unref(l->chunks);
        l->chunks = buf_new((uint32_t)bytes.size);
        l->chunks_index = msg->snapshot_chunk.last_index;
        l->chunks_term = msg->snapshot_chunk.last_term;
        l->chunks_total = msg->snapshot_chunk.total;
    }
    if (l->chunks == NULL || msg->snapshot_chunk.at != l->chunks->size ||
        l->chunks_total > UINT32_MAX || l->chunks->size + bytes.size > l->chunks_total) {
        disconnect(l, false);
        return;
    }
    uint32_t size = l->chunks->size + (uint32_t)bytes.size;
    l->chunks = buf_grow(l->chunks, size);
    if (bytes.size > 0) memcpy(l->chunks->data + l->chunks->size, bytes.at, bytes.size);
    l->chunks->size = size;
    if (size < l->chunks_total) return;

    l->received_index = l->chunks_index;
    l->received_term = l->chunks_term;
    link_post_snapshot(l);
    buf_unref(l->chunks);
    l->chunks = NULL;
}

static void say_follow(struct link *l)
{
    say_hello(l, l->stream, RPC_ROLE_STREAM);
    struct rpc_msg msg = {.kind = RPC_FOLLOW};
    msg.follow.id = l->options->id;
    msg.follow.epoch = l->epoch;
    msg.follow.applied_index = l->received_index;
    msg.follow.applied_term = l->received_term;
    send(l, l->stream, &msg);
}

/* ---- Events. ---- */

static void on_message(struct link *l, uint64_t conn, const struct rpc_msg *msg)
{
    switch (msg->kind) {
    case RPC_REFUSED: on_refused(l, msg); return;
    case RPC_NOT_LEADER: on_not_leader(l, conn, msg); return;
    case RPC_REGISTERED: on_registered(l, msg); return;
    case RPC_HEARTBEAT_REPLY: on_heartbeat_reply(l, msg); return;
    case RPC_ALTER_ISR_REPLY: link_on_isr_reply(l, msg); return;
    case RPC_ADMIN_REPLY: link_on_admin_reply(l, msg); return;
    case RPC_PRODUCER_IDS_REPLY: link_on_producer_ids_reply(l, msg); return;
    case RPC_RECORDS: on_records(l, msg); return;
    case RPC_SNAPSHOT_CHUNK: on_chunk(l, msg); return;
    case RPC_HELLO:
    case RPC_RAFT:
    case RPC_REGISTER:
    case RPC_HEARTBEAT:
    case RPC_ALTER_ISR:
    case RPC_ADMIN:
    case RPC_PRODUCER_IDS:
    case RPC_FOLLOW:
    case RPC_APPLIED:
    case RPC_LOG_ENDS:
    case RPC_DISKS: break;
    }
    log_warn(l->env, "a controller sent %s, which is not for brokers", rpc_kind_name(msg->kind));
    disconnect(l, false);
}

static void on_frame(struct link *l, const struct env_event *e)
{
    if (e->conn == l->session || e->conn == l->stream) {
        struct rpc_msg msg;
        l->scratch.used = 0;
        int rc = rpc_decode(buf_slice(e->buf), &l->scratch, &msg);
        if (rc == 0) {
            on_message(l, e->conn, &msg);
        } else {
            log_warn(l->env, "a controller's message cannot be read: %s", err_text(rc));
            disconnect(l, false);
        }
    }
    buf_unref(e->buf);
}

static void on_connected(struct link *l, const struct env_event *e)
{
    if (e->conn == l->session) {
        say_hello(l, l->session, RPC_ROLE_SESSION);
        /* The epoch outlives the session: with a new one, this broker would leave every ISR. */
        if (l->epoch < 0) {
            say_register(l);
        } else {
            say_heartbeat(l);
        }
        l->dialed_ms = env_now_ms(l->env);
    } else if (e->conn == l->stream) {
        say_follow(l);
        say_applied(l);
    }
}

static void on_closed(struct link *l, const struct env_event *e)
{
    if (e->conn == l->session) {
        l->session = 0;
    } else if (e->conn == l->stream) {
        l->stream = 0;
    } else {
        return;
    }
    if (l->phase == LINK_SERVING) {
        log_info(l->env, "lost %s", controller_name(l));
    }
    try_next_voter(l);
}

static void on_booted(struct link *l, struct boot_job *b)
{
    l->boot = NULL;
    l->dirs = b->dirs;
    if (b->job.rc != 0) {
        halt(l, b->why);
        free(b);
        return;
    }
    for (uint32_t i = 0; i < l->dirs->count; i++) {
        l->is_dir_dead[i] = l->dirs->dirs[i].is_dead;
        if (l->is_dir_dead[i])
            log_error(l->env, "%s: what lies there is offline", l->dirs->dirs[i].why);
    }
    if (b->stray_count > 0) {
        log_warn(l->env,
                 "%u replicas lay on two of log.dirs: those on a disk that had failed are kept as "
                 "*.failed-stray, and may be deleted",
                 b->stray_count);
    }
    memcpy(l->cluster_id, b->cluster_id, sizeof l->cluster_id);
    l->is_log_whole = b->is_log_whole;
    l->is_log_new = b->is_log_new;
    free(b);
    if (l->options->http_port != 0) {
        struct env_endpoint at = {.port = l->options->http_port, .tag = TAG_HTTP, .is_http = true};
        (void)snprintf(at.host, sizeof at.host, "%s", l->options->http_host);
        int rc = env_listen(l->env, &at);
        if (rc != 0) {
            char why[ENV_HOST_MAX + 128];
            (void)snprintf(why, sizeof why, "http.listeners: cannot listen on %s:%u: %s", at.host,
                           at.port, err_text(rc));
            halt(l, why);
            return;
        }
    }
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        l->shards[n].heard_ms = env_now_ms(l->env);
    }
    link_tell_session(l);
    l->phase = LINK_DIALING;
    l->retry_at_ms = env_now_ms(l->env);
}

static void on_job(struct link *l, struct job *job)
{
    if (job->link.kind == LINK_JOB_BOOT) {
        on_booted(l, (struct boot_job *)(void *)job);
    } else {
        link_on_noted(l, (struct note_job *)(void *)job);
    }
}

/* Without a session it is in vain: it will be said again. */
static void say(struct link *l, const struct rpc_msg *msg, struct post *post)
{
    if (l->phase == LINK_SERVING) send(l, l->session, msg);
    env_give_back(l->env, post);
}

static void say_log_ends(struct link *l, struct post_ends *post)
{
    struct rpc_msg msg = {.kind = RPC_LOG_ENDS};
    msg.log_ends.id = l->options->id;
    msg.log_ends.epoch = l->epoch;
    msg.log_ends.count = post->count;
    msg.log_ends.ends = post->ends;
    say(l, &msg, &post->post);
}

static void say_disks(struct link *l, struct post_replica_disks *post)
{
    struct rpc_msg msg = {.kind = RPC_DISKS};
    msg.disks.id = l->options->id;
    msg.disks.epoch = l->epoch;
    msg.disks.count = post->count;
    msg.disks.replicas = post->replicas;
    say(l, &msg, &post->post);
}

void link_lose_dir(struct link *l, uint32_t dir, const char *why)
{
    if (l->is_dir_dead[dir]) return;

    l->is_dir_dead[dir] = true;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < l->dirs->count; i++) alive += !l->is_dir_dead[i];
    if (alive == 0) {
        halt(l, why);
        return;
    }
    log_error(l->env, "%s: log.dirs %s is out of service, the other %u go on", why,
              l->dirs->dirs[dir].path, alive);
    link_note(l, NOTE_KNOWN);
    link_tell_dead_dir(l, dir);
}

static void on_dead_dir(struct link *l, struct post_dead_dir *post)
{
    link_lose_dir(l, post->dir, post->why);
    env_give_back(l->env, &post->post);
}

static void on_post(struct link *l, struct post *post)
{
    if (post->is_back) {
        if (link_on_post_back(l, post)) say_applied(l);
    } else if (post->link.kind == POST_ENDS) {
        say_log_ends(l, (struct post_ends *)(void *)post);
    } else if (post->link.kind == POST_REPLICA_DISKS) {
        say_disks(l, (struct post_replica_disks *)(void *)post);
    } else if (post->link.kind == POST_DEAD_DIR) {
        on_dead_dir(l, (struct post_dead_dir *)(void *)post);
    } else {
        link_on_question(l, post);
    }
}

static void on_stop(struct link *l)
{
    if (l->is_stopping) return;
    l->is_stopping = true;
    l->stop_by_ms = env_now_ms(l->env) + STOP_WITHOUT_SESSION_MS;
    l->stop_last_ms = env_now_ms(l->env) + l->options->stop_max_ms;
    if (l->stop_by_ms > l->stop_last_ms) l->stop_by_ms = l->stop_last_ms;
    l->heartbeat_due_ms = 0;
    log_info(l->env, "stopping in order");
}

static void on_event(struct link *l, const struct env_event *e)
{
    switch (e->kind) {
    case ENV_CONNECTED: on_connected(l, e); return;
    case ENV_FRAME: on_frame(l, e); return;
    case ENV_CLOSED: on_closed(l, e); return;
    case ENV_JOB_DONE: on_job(l, e->job); return;
    case ENV_POSTED: on_post(l, e->post); return;
    case ENV_HTTP: link_on_http(l, e); return;
    case ENV_STOP: on_stop(l); return;
    case ENV_ACCEPTED:
    case ENV_DRAINED: return;
    }
    UNREACHABLE();
}

/* ---- After the events. ---- */

/* Heartbeats with wants_stop until we may, or for so long; then the shards sync and close. */
static void maybe_stop(struct link *l)
{
    if (!l->is_stopping) return;
    bool may = l->stop_by_ms <= env_now_ms(l->env) || l->epoch < 0;
    if (may && !l->stop_was_sent && l->phase != LINK_BOOTING) {
        link_refuse_questions(l);
        link_send_stop(l);
    }
    if (!l->stop_was_sent) return;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (!l->shards[n].is_stopped) return;
    }
    if (!l->end_was_sent) link_send_end(l);
    if (l->ends_out > 0 || l->dead_dirs_out > 0 || link_has_notes(l)) return;
    if (l->session != 0) env_close(l->env, l->session, true);
    if (l->stream != 0) env_close(l->env, l->stream, true);
    l->session = l->stream = 0;
    l->is_halted = true;
    log_info(l->env, "stopped");
    env_stop(l->env);
}

static void complain(struct link *l)
{
    uint64_t now_ms = env_now_ms(l->env);
    if (l->phase == LINK_BOOTING || l->phase == LINK_SERVING) return;
    if (l->complain_due_ms > now_ms) return;

    l->complain_due_ms = now_ms + COMPLAIN_MS;
    const struct node_voter *v = &l->voters[l->voter];
    log_warn(l->env,
             "no controller that leads has been reached yet; going on through the %u of "
             "them (now at %s:%u)",
             l->voter_count, v->host, v->port);
}

static void check_clocks(struct link *l)
{
    uint64_t now_ms = env_now_ms(l->env);
    complain(l);
    if (l->probe_due_ms <= now_ms && l->phase != LINK_BOOTING) link_send_probes(l);
    link_check_questions(l);
    if (l->phase == LINK_DIALING && l->retry_at_ms <= now_ms) {
        l->phase = LINK_GREETING;
        l->dialed_ms = now_ms;
        l->session = dial(l, TAG_SESSION);
    }
    bool is_silent =
        l->phase == LINK_GREETING && now_ms - l->dialed_ms > 2 * l->options->session_ms;
    bool is_unanswered = l->phase == LINK_SERVING && l->heartbeat_count > 0 &&
                         now_ms - l->heartbeats_ms[0] > l->options->session_ms;
    if (is_silent || is_unanswered) {
        log_warn(l->env, "%s does not answer", controller_name(l));
        try_next_voter(l);
    }
    if (l->phase == LINK_SERVING && l->heartbeat_due_ms <= now_ms) say_heartbeat(l);
    if (l->stream != 0 && l->stream_is_paused == link_has_room(l)) {
        l->stream_is_paused = !l->stream_is_paused;
        env_pause(l->env, l->stream, l->stream_is_paused);
    }
}

static uint64_t next_deadline(const struct link *l)
{
    uint64_t next_ms = l->phase == LINK_BOOTING ? ENV_NEVER : l->probe_due_ms;
    uint64_t due_ms = ENV_NEVER;
    if (l->phase == LINK_DIALING) due_ms = l->retry_at_ms;
    if (l->phase == LINK_GREETING) due_ms = l->dialed_ms + 2 * l->options->session_ms + 1;
    if (l->phase == LINK_SERVING) due_ms = l->heartbeat_due_ms;
    if (due_ms < next_ms) next_ms = due_ms;
    if (link_questions_deadline(l) < next_ms) next_ms = link_questions_deadline(l);
    if (l->is_stopping && l->stop_by_ms < next_ms && !l->stop_was_sent) next_ms = l->stop_by_ms;
    return next_ms;
}

uint64_t link_turn(void *link, const struct env_event *events, uint32_t count)
{
    struct link *l = link;
    for (uint32_t i = 0; i < count; i++) {
        if (!l->is_halted) {
            on_event(l, &events[i]);
        } else if (events[i].kind == ENV_FRAME) {
            buf_unref(events[i].buf);
        }
    }
    if (!l->is_halted) check_clocks(l);
    if (!l->is_halted) maybe_stop(l);
    return l->is_halted ? ENV_NEVER : next_deadline(l);
}

void link_close(struct link *l, bool world_is_gone)
{
    CHECK(IMPLIES(l->boot != NULL, world_is_gone));
    link_questions_close(l);
    link_posts_close(l);
    buf_unref(l->chunks);
    if (l->boot != NULL) log_dirs_close(l->boot->dirs);
    free(l->boot);
    link_notes_close(l);
    log_dirs_close(l->dirs);
    free(l->shards);
    free(l->scratch.base);
    free(l);
}
