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
#define FENCED_HEARTBEAT_MS 10
#define RETRY_MAX_MS 200
#define OUTSTANDING_MAX 64
#define WAIT_FOR_SESSION_MS 2000
#define STOP_WITHOUT_SESSION_MS 5000

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
    l->voter = (uint32_t)prng_range(&l->prng, 0, options->voter_count - 1);
    l->shards = calloc(options->shard_count + 1, sizeof *l->shards);
    l->scratch = (struct arena){.base = malloc(SCRATCH_BYTES), .size = SCRATCH_BYTES};
    CHECK(l->shards != NULL && l->scratch.base != NULL);
    TAILQ_INIT(&l->asked);
    l->boot = boot_begin(env, options);
    return l;
}

static void halt(struct link *l, const char *why)
{
    l->is_halted = true;
    env_halt(l->env, why);
}

/* ---- To the shards. ---- */

static void tell_session(struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_session *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_SESSION;
        post->broker_epoch = l->epoch;
        post->answered_ms = l->answered_ms;
        post->term = l->leader_term;
        post->fenced = l->is_fenced;
        post->is_log_whole = l->is_log_whole;
        env_post(l->env, n, &post->post);
    }
}

/* The bytes are copied once per shard: a buffer has one owner, and these are small. */
static void post_records(struct link *l, uint64_t first_index, struct slice batches)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_records *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_RECORDS;
        post->first_index = first_index;
        post->batches = buf_of(batches);
        post->last_index = l->received_index;
        post->shard = n;
        l->shards[n].outstanding++;
        env_post(l->env, n, &post->post);
    }
}

static void post_snapshot(struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_snapshot *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_SNAPSHOT;
        post->index = l->chunks_index;
        post->image = buf_of(buf_slice(l->chunks));
        post->shard = n;
        l->shards[n].outstanding++;
        env_post(l->env, n, &post->post);
    }
}

static bool has_room(const struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (l->shards[n].outstanding >= OUTSTANDING_MAX) return false;
    }
    return true;
}

/* ---- To the controllers. ---- */

static void send(struct link *l, uint64_t conn, const struct rpc_msg *msg)
{
    struct buf *frame = rpc_encode(msg);
    CHECK(frame != NULL); /* Our own messages, bounded by what made them. */
    env_send(l->env, conn, &(struct env_piece){.buf = frame, .size = frame->size}, 1);
}

static uint64_t dial(struct link *l, uint32_t tag)
{
    const struct broker_voter *voter = &l->options->voters[l->voter];
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
    msg.register_broker.is_log_whole = l->is_log_whole;
    msg.register_broker.applied_index = link_applied(l);
    msg.register_broker.cluster_id = slice_of_text(l->cluster_id);
    msg.register_broker.version = slice_of_text(JACKDAW_VERSION);
    msg.register_broker.seed_count = o->seed_count;
    for (uint32_t i = 0; i < o->seed_count; i++) {
        msg.register_broker.seeds[i] = slice_of_text(o->seeds[i]);
    }
    send(l, l->session, &msg);
}

static void say_heartbeat(struct link *l)
{
    uint64_t now_ms = env_now_ms(l->env);
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
    /* A fenced broker asks often: it is about to serve. */
    l->heartbeat_due_ms = now_ms + (l->is_fenced ? FENCED_HEARTBEAT_MS : l->options->heartbeat_ms);
    if (l->heartbeat_sent_ms == 0) l->heartbeat_sent_ms = now_ms;
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
    if (was_behind && applied >= l->registered_index) {
        say_heartbeat(l);
        /* Every partition is open: what recovery found is synced, then the mark may say so. */
        if (l->notes[0] == NULL) l->notes[0] = note_begin(l->env, l->options, "", true);
    }
}

/* ---- Questions of the shards. ---- */

static void give_up(struct link *l, struct asked *a, int16_t error)
{
    switch (a->post->link.kind) {
    case POST_ADMIN: ((struct post_admin *)(void *)a->post)->error = error; break;
    case POST_ISR: ((struct post_isr *)(void *)a->post)->is_lost = true; break;
    case POST_PRODUCER_IDS: ((struct post_producer_ids *)(void *)a->post)->error = error; break;
    default: UNREACHABLE();
    }
    TAILQ_REMOVE(&l->asked, a, link);
    env_give_back(l->env, a->post);
    free(a);
}

static void ask_isr(struct rpc_msg *msg, const struct link *l, struct post_isr *post)
{
    msg->kind = RPC_ALTER_ISR;
    msg->alter_isr.id = l->options->id;
    msg->alter_isr.epoch = l->epoch;
    msg->alter_isr.count = post->count;
    msg->alter_isr.changes = post->changes;
}

static void send_question(struct link *l, struct asked *a)
{
    struct rpc_msg msg = {0};
    a->correlation = ++l->next_correlation;
    if (a->post->link.kind == POST_ADMIN) {
        struct post_admin *post = (struct post_admin *)(void *)a->post;
        msg.kind = RPC_ADMIN;
        msg.admin.correlation = a->correlation;
        msg.admin.api_key = post->api_key;
        msg.admin.api_version = post->api_version;
        msg.admin.listener = slice_of_text(post->listener);
        msg.admin.body = buf_slice(post->body);
    } else if (a->post->link.kind == POST_ISR) {
        ask_isr(&msg, l, (struct post_isr *)(void *)a->post);
        msg.alter_isr.correlation = a->correlation;
    } else {
        msg.kind = RPC_PRODUCER_IDS;
        msg.producer_ids.correlation = a->correlation;
        msg.producer_ids.id = l->options->id;
        msg.producer_ids.epoch = l->epoch;
        msg.producer_ids.wanted = ((struct post_producer_ids *)(void *)a->post)->wanted;
    }
    send(l, l->session, &msg);
}

static void on_question(struct link *l, struct post *post)
{
    struct asked *a = calloc(1, sizeof *a);
    CHECK(a != NULL);
    a->post = post;
    uint64_t wait_ms = post->link.kind == POST_ADMIN
                           ? ((struct post_admin *)(void *)post)->timeout_ms
                           : WAIT_FOR_SESSION_MS;
    a->deadline_ms = env_now_ms(l->env) + wait_ms;
    TAILQ_INSERT_TAIL(&l->asked, a, link);
    if (l->phase == LINK_SERVING) {
        send_question(l, a);
    } else if (post->link.kind == POST_ISR) {
        give_up(l, a, 0); /* The leader makes it again when there is a session. */
    }
}

static struct asked *find_question(struct link *l, uint64_t correlation)
{
    struct asked *a;
    TAILQ_FOREACH(a, &l->asked, link)
    {
        if (a->correlation == correlation && correlation != 0) return a;
    }
    return NULL;
}

static void finish_question(struct link *l, struct asked *a)
{
    TAILQ_REMOVE(&l->asked, a, link);
    env_give_back(l->env, a->post);
    free(a);
}

/* What was sent and has no answer is lost with the session; what was not sent waits for the next.
 */
static void lose_questions(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->correlation != 0) give_up(l, a, KAFKA_NOT_CONTROLLER);
    }
}

static void send_waiting(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->correlation == 0) send_question(l, a);
    }
}

/* ---- The session. ---- */

static void disconnect(struct link *l, bool at_once)
{
    if (l->session != 0) env_close(l->env, l->session, false);
    if (l->stream != 0) env_close(l->env, l->stream, false);
    l->session = l->stream = 0;
    l->stream_is_paused = false;
    buf_unref(l->chunks);
    l->chunks = NULL;
    l->heartbeat_sent_ms = 0;
    l->phase = LINK_DIALING;
    lose_questions(l);
    uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << (l->refusals < 5 ? l->refusals : 5);
    if (wait_ms > RETRY_MAX_MS) wait_ms = RETRY_MAX_MS;
    l->retry_at_ms = env_now_ms(l->env) + (at_once ? 0 : wait_ms);
}

static void try_next_voter(struct link *l)
{
    l->voter = (l->voter + 1) % l->options->voter_count;
    l->refusals++;
    /* One round through all of them without a pause: one of three may be dead. */
    disconnect(l, l->refusals < l->options->voter_count);
}

static void on_not_leader(struct link *l, uint32_t leader_id)
{
    l->refusals++;
    for (uint32_t i = 0; i < l->options->voter_count; i++) {
        if (l->options->voters[i].id != leader_id || i == l->voter) continue;
        l->voter = i;
        disconnect(l, l->refusals <= l->options->voter_count);
        return;
    }
    l->voter = (l->voter + 1) % l->options->voter_count;
    disconnect(l, false);
}

static void on_registered(struct link *l, const struct rpc_msg *msg)
{
    bool is_first = l->epoch != msg->registered.epoch;
    l->epoch = msg->registered.epoch;
    l->registered_index = msg->registered.index;
    l->phase = LINK_SERVING;
    l->refusals = 0;
    if (is_first) l->is_fenced = true;
    if (l->cluster_id[0] == '\0' && msg->registered.cluster_id.size == META_CLUSTER_ID_SIZE) {
        memcpy(l->cluster_id, msg->registered.cluster_id.at, META_CLUSTER_ID_SIZE);
        l->cluster_id[META_CLUSTER_ID_SIZE] = '\0';
        if (l->notes[1] == NULL) l->notes[1] = note_begin(l->env, l->options, l->cluster_id, false);
    }
    if (is_first) {
        log_info(l->env, "registered with controller %u: broker epoch %" PRId64,
                 l->options->voters[l->voter].id, l->epoch);
    }
    tell_session(l);
    l->reported_index = 0;
    l->stream = dial(l, TAG_STREAM);
    say_heartbeat(l);
    send_waiting(l);
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
    log_warn(l->env, "%s", why);
    disconnect(l, false);
}

static void on_heartbeat_reply(struct link *l, const struct rpc_msg *msg)
{
    if (msg->heartbeat_reply.epoch == 0) {
        say_register(l); /* It does not know us: a new registration of this incarnation. */
        return;
    }
    if (l->heartbeat_sent_ms != 0) l->answered_ms = l->heartbeat_sent_ms;
    l->heartbeat_sent_ms = 0;
    l->leader_term = msg->heartbeat_reply.term;
    if (l->is_fenced && !msg->heartbeat_reply.fenced) log_info(l->env, "serving");
    l->is_fenced = msg->heartbeat_reply.fenced;
    tell_session(l);
    if (l->is_stopping && msg->heartbeat_reply.may_stop) l->stop_by_ms = 0;
}

static void on_admin_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find_question(l, msg->admin_reply.correlation);
    if (a == NULL || a->post->link.kind != POST_ADMIN) return;
    struct post_admin *post = (struct post_admin *)(void *)a->post;
    post->error = msg->admin_reply.error;
    if (post->error == 0) post->answer = buf_of(msg->admin_reply.body);
    finish_question(l, a);
}

static void on_isr_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find_question(l, msg->alter_isr_reply.correlation);
    if (a == NULL || a->post->link.kind != POST_ISR) return;
    struct post_isr *post = (struct post_isr *)(void *)a->post;
    post->is_lost = msg->alter_isr_reply.count != post->count;
    for (uint32_t i = 0; i < post->count && !post->is_lost; i++) {
        post->results[i] = msg->alter_isr_reply.results[i];
    }
    finish_question(l, a);
}

static void on_producer_ids_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find_question(l, msg->producer_ids_reply.correlation);
    if (a == NULL || a->post->link.kind != POST_PRODUCER_IDS) return;
    struct post_producer_ids *post = (struct post_producer_ids *)(void *)a->post;
    post->error = msg->producer_ids_reply.error;
    post->first = msg->producer_ids_reply.first;
    post->count = msg->producer_ids_reply.count;
    finish_question(l, a);
}

/* ---- The stream. ---- */

static void on_records(struct link *l, const struct rpc_msg *msg)
{
    struct slice rest = msg->records.batches;
    struct slice batch;
    struct record_batch_header h;
    uint64_t last = 0;
    while (kafka_batch_next(&rest, &batch, &h)) {
        last = (uint64_t)h.base_offset;
        l->received_term = (uint64_t)h.partition_leader_epoch;
    }
    if (last <= l->received_index) return; /* Nothing, or nothing new. */
    if (msg->records.first_index > l->received_index + 1) {
        log_warn(l->env, "the stream of the metadata has a gap at index %" PRIu64 ": asking anew",
                 l->received_index + 1);
        disconnect(l, false);
        return;
    }
    l->received_index = last;
    post_records(l, msg->records.first_index, msg->records.batches);
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
    post_snapshot(l);
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

static void on_message(struct link *l, const struct rpc_msg *msg)
{
    switch (msg->kind) {
    case RPC_REFUSED: on_refused(l, msg); return;
    case RPC_NOT_LEADER: on_not_leader(l, msg->not_leader.leader_id); return;
    case RPC_REGISTERED: on_registered(l, msg); return;
    case RPC_HEARTBEAT_REPLY: on_heartbeat_reply(l, msg); return;
    case RPC_ALTER_ISR_REPLY: on_isr_reply(l, msg); return;
    case RPC_ADMIN_REPLY: on_admin_reply(l, msg); return;
    case RPC_PRODUCER_IDS_REPLY: on_producer_ids_reply(l, msg); return;
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
    case RPC_APPLIED: break;
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
            on_message(l, &msg);
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
        say_register(l);
        l->dialed_ms = env_now_ms(l->env);
    } else if (e->conn == l->stream) {
        say_follow(l);
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
        log_info(l->env, "lost controller %u", l->options->voters[l->voter].id);
    }
    try_next_voter(l);
}

static void on_booted(struct link *l, struct boot_job *b)
{
    l->boot = NULL;
    if (b->job.rc != 0) {
        halt(l, b->why);
        free(b);
        return;
    }
    memcpy(l->cluster_id, b->cluster_id, sizeof l->cluster_id);
    l->is_log_whole = b->is_log_whole;
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
    tell_session(l);
    l->phase = LINK_DIALING;
    l->retry_at_ms = env_now_ms(l->env);
}

static void on_noted(struct link *l, struct note_job *n)
{
    if (n->job.rc != 0 && n->is_mark) {
        halt(l, "syncing the log folder failed: what was acknowledged may not survive a power cut");
    } else if (n->job.rc != 0) {
        log_warn(l->env, "meta.properties cannot be updated: %s", err_text(n->job.rc));
    }
    l->notes[n->is_mark ? 0 : 1] = NULL;
    free(n);
}

static void on_job(struct link *l, struct job *job)
{
    if (job->link.kind == LINK_JOB_BOOT) {
        on_booted(l, (struct boot_job *)(void *)job);
    } else {
        on_noted(l, (struct note_job *)(void *)job);
    }
}

static void on_applied_by(struct link *l, uint32_t number, uint64_t index)
{
    struct link_shard *s = &l->shards[number];
    CHECK(s->outstanding > 0);
    s->outstanding--;
    if (index > s->applied_index) s->applied_index = index;
    say_applied(l);
}

static void on_post_back(struct link *l, struct post *post)
{
    if (post->link.kind == POST_RECORDS) {
        struct post_records *p = (struct post_records *)(void *)post;
        on_applied_by(l, p->shard, p->last_index);
        buf_unref(p->batches);
    } else if (post->link.kind == POST_SNAPSHOT) {
        struct post_snapshot *p = (struct post_snapshot *)(void *)post;
        on_applied_by(l, p->shard, p->index);
        buf_unref(p->image);
    } else if (post->link.kind == POST_PROBE) {
        struct post_probe *p = (struct post_probe *)(void *)post;
        struct link_shard *s = &l->shards[p->shard];
        s->probe_is_out = false;
        s->heard_ms = env_now_ms(l->env);
        s->numbers = p->numbers;
    } else if (post->link.kind == POST_STOP) {
        l->shards[((struct post_stop *)(void *)post)->shard].is_stopped = true;
    }
    free(post);
}

static void on_post(struct link *l, struct post *post)
{
    if (post->is_back) {
        on_post_back(l, post);
    } else {
        on_question(l, post);
    }
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
    case ENV_STOP:
        l->is_stopping = true;
        l->stop_by_ms = env_now_ms(l->env) + STOP_WITHOUT_SESSION_MS;
        l->heartbeat_due_ms = 0;
        log_info(l->env, "stopping in order");
        return;
    case ENV_ACCEPTED:
    case ENV_DRAINED: return;
    }
    UNREACHABLE();
}

/* ---- After the events. ---- */

static void send_probes(struct link *l)
{
    l->probe_due_ms = env_now_ms(l->env) + l->options->heartbeat_ms;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (l->shards[n].probe_is_out || l->stop_was_sent) continue;
        struct post_probe *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_PROBE;
        post->sent_ms = env_now_ms(l->env);
        post->shard = n;
        l->shards[n].probe_is_out = true;
        env_post(l->env, n, &post->post);
    }
}

static void send_stop(struct link *l)
{
    l->stop_was_sent = true;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_stop *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_STOP;
        post->shard = n;
        env_post(l->env, n, &post->post);
    }
}

/* Heartbeats with wants_stop until we may, or for so long; then the shards sync and close. */
static void maybe_stop(struct link *l)
{
    if (!l->is_stopping) return;
    bool may = l->stop_by_ms <= env_now_ms(l->env) || l->epoch < 0;
    if (may && !l->stop_was_sent && l->phase != LINK_BOOTING) send_stop(l);
    if (!l->stop_was_sent) return;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (!l->shards[n].is_stopped) return;
    }
    if (l->notes[0] != NULL || l->notes[1] != NULL) return;
    if (l->session != 0) env_close(l->env, l->session, true);
    if (l->stream != 0) env_close(l->env, l->stream, true);
    l->session = l->stream = 0;
    l->is_halted = true;
    log_info(l->env, "stopped");
    env_stop(l->env);
}

static void check_questions(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->deadline_ms <= env_now_ms(l->env)) give_up(l, a, KAFKA_REQUEST_TIMED_OUT);
    }
}

static void check_clocks(struct link *l)
{
    uint64_t now_ms = env_now_ms(l->env);
    if (l->probe_due_ms <= now_ms && l->phase != LINK_BOOTING) send_probes(l);
    check_questions(l);
    if (l->phase == LINK_DIALING && l->retry_at_ms <= now_ms) {
        l->phase = LINK_GREETING;
        l->dialed_ms = now_ms;
        l->session = dial(l, TAG_SESSION);
    }
    bool is_silent =
        l->phase == LINK_GREETING && now_ms - l->dialed_ms > 2 * l->options->session_ms;
    bool is_unanswered = l->phase == LINK_SERVING && l->heartbeat_sent_ms != 0 &&
                         now_ms - l->heartbeat_sent_ms > l->options->session_ms;
    if (is_silent || is_unanswered) {
        log_warn(l->env, "controller %u does not answer", l->options->voters[l->voter].id);
        try_next_voter(l);
    }
    if (l->phase == LINK_SERVING && l->heartbeat_due_ms <= now_ms) say_heartbeat(l);
    if (l->stream != 0 && l->stream_is_paused == has_room(l)) {
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
    if (l->is_stopping && l->stop_by_ms < next_ms && !l->stop_was_sent) next_ms = l->stop_by_ms;
    return next_ms;
}

uint64_t link_turn(void *link, const struct env_event *events, uint32_t count)
{
    struct link *l = link;
    for (uint32_t i = 0; i < count && !l->is_halted; i++) on_event(l, &events[i]);
    if (!l->is_halted) check_clocks(l);
    if (!l->is_halted) maybe_stop(l);
    return l->is_halted ? ENV_NEVER : next_deadline(l);
}

void link_close(struct link *l, bool world_is_gone)
{
    CHECK(IMPLIES(l->boot != NULL, world_is_gone));
    struct asked *a;
    while ((a = TAILQ_FIRST(&l->asked)) != NULL) {
        TAILQ_REMOVE(&l->asked, a, link);
        free(a);
    }
    buf_unref(l->chunks);
    free(l->boot);
    free(l->notes[0]);
    free(l->notes[1]);
    free(l->shards);
    free(l->scratch.base);
    free(l);
}
