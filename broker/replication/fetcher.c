#include "broker/replication/fetcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/follow.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/fetch.h"
#include "proto/msg/replica_hello.h"

#define FETCH_VERSION 17
#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 200
#define IN_FLIGHT_MAX 2
#define SILENT_FACTOR 4 /* No answer for this many waits: the connection is dead. */

enum fetcher_state { FETCHER_IDLE, FETCHER_HELLO, FETCHER_READY };

struct fetcher {
    int32_t leader;
    int64_t leader_epoch; /* The broker epoch that we dialled. */
    enum fetcher_state state;
    uint64_t conn;
    int32_t correlation;
    int32_t session_id;
    int32_t session_epoch;
    uint32_t in_flight;
    int32_t answers_seen; /* On this connection, the hello's included. */
    uint64_t sent_ms;
    bool is_urgent; /* A partition came or its epoch changed since the last fetch. */
    uint64_t retry_at_ms;
    uint32_t failures;
    struct partition_list partitions;
    uint32_t partition_count;
    uint32_t session_count; /* So many of them are in the leader's session. */
    /* To be taken out of the leader's session with the next fetch. */
    struct partition_key *forgotten;
    uint32_t forgotten_count;
    uint32_t forgotten_capacity;
    UT_hash_handle hh;
};

/* ---- Suspects. ---- */

bool fetcher_suspects(const struct shard *s, int32_t broker_id)
{
    const struct meta_broker *broker = meta_broker_find(&s->image, broker_id);
    for (uint32_t i = 0; i < s->suspect_count; i++) {
        const struct suspect *x = &s->suspects[i];
        if (x->broker_id != broker_id) continue;
        return broker != NULL && !broker->fenced && broker->epoch == x->broker_epoch;
    }
    return false;
}

/* True if it was one. */
static bool forget_suspect(struct shard *s, int32_t broker_id)
{
    for (uint32_t i = 0; i < s->suspect_count; i++) {
        if (s->suspects[i].broker_id != broker_id) continue;
        s->suspects[i] = s->suspects[--s->suspect_count];
        return true;
    }
    return false;
}

static void note_suspect(struct shard *s, int32_t broker_id, int64_t broker_epoch)
{
    (void)forget_suspect(s, broker_id);
    if (s->suspect_count == SUSPECTS_MAX) return;
    s->suspects[s->suspect_count++] = (struct suspect){broker_id, broker_epoch, env_now_ms(s->env)};
}

/* A client asks any shard; the one that follows the leader is the one that notices. */
static void tell_others(struct shard *s, const struct fetcher *f, bool is_suspect)
{
    for (uint32_t n = 1; n <= s->options->shard_count; n++) {
        if (n == s->number || s->host.is_stopping) continue;
        struct post_suspect *post = calloc(1, sizeof *post);
        CHECK(post != NULL);
        post->post.link.kind = POST_SUSPECT;
        post->broker_id = f->leader;
        post->broker_epoch = f->leader_epoch;
        post->is_suspect = is_suspect;
        shard_post(s, n, &post->post);
    }
}

static void clear_suspect(struct shard *s, const struct fetcher *f)
{
    if (forget_suspect(s, f->leader)) tell_others(s, f, false);
}

static void add_suspect(struct shard *s, const struct fetcher *f)
{
    note_suspect(s, f->leader, f->leader_epoch);
    tell_others(s, f, true);
}

void fetcher_on_suspect(struct shard *s, struct post_suspect *post)
{
    if (post->is_suspect) {
        note_suspect(s, post->broker_id, post->broker_epoch);
    } else {
        (void)forget_suspect(s, post->broker_id);
    }
    env_give_back(s->env, &post->post);
}

/* ---- Which partitions. ---- */

static struct fetcher *find(struct shard *s, int32_t leader)
{
    struct fetcher *found = NULL;
    HASH_FIND_INT(s->fetchers, &leader, found);
    return found;
}

static struct fetcher *find_or_make(struct shard *s, int32_t leader)
{
    struct fetcher *f = find(s, leader);
    if (f != NULL) return f;

    f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->leader = leader;
    TAILQ_INIT(&f->partitions);
    HASH_ADD_INT(s->fetchers, leader, f);
    return f;
}

static void forget_in_session(struct fetcher *f, struct partition *p)
{
    if (!p->in_session) return;

    p->in_session = false;
    f->session_count--;
    if (f->forgotten_count == f->forgotten_capacity) {
        f->forgotten_capacity = f->forgotten_capacity == 0 ? 16 : f->forgotten_capacity * 2;
        f->forgotten = realloc(f->forgotten, f->forgotten_capacity * sizeof *f->forgotten);
        CHECK(f->forgotten != NULL);
    }
    f->forgotten[f->forgotten_count++] = p->key;
}

/* It is asked for again: a leader that read both would forget what it was just told. */
static void remember_in_session(struct fetcher *f, const struct partition *p)
{
    for (uint32_t i = 0; i < f->forgotten_count; i++) {
        const struct partition_key *key = &f->forgotten[i];
        if (key->partition != p->key.partition) continue;
        if (!uuid_equal(key->topic_id, p->key.topic_id)) continue;
        f->forgotten[i] = f->forgotten[--f->forgotten_count];
        return;
    }
}

void fetcher_forget(struct shard *s, struct partition *p)
{
    if (p->following == META_NOBODY) return;
    struct fetcher *f = find(s, p->following);
    CHECK(f != NULL);

    forget_in_session(f, p);
    TAILQ_REMOVE(&f->partitions, p, follow_link);
    f->partition_count--;
    p->following = META_NOBODY;
}

static int32_t wanted_leader(const struct partition *p)
{
    bool follows = (p->state == PARTITION_READY || p->state == PARTITION_TRUNCATING) &&
                   p->replica.role == REPLICA_FOLLOWER;
    return follows ? p->replica.leader : META_NOBODY;
}

void fetcher_on_moved(struct shard *s, struct partition *p)
{
    int32_t wanted = wanted_leader(p);
    if (p->following != wanted) {
        fetcher_forget(s, p);
        if (wanted != META_NOBODY) {
            struct fetcher *f = find_or_make(s, wanted);
            TAILQ_INSERT_TAIL(&f->partitions, p, follow_link);
            f->partition_count++;
            p->following = wanted;
            p->in_session = false;
            p->follow_after_ms = 0;
            p->follow_failures = 0;
            f->is_urgent = true;
        }
    } else if (wanted != META_NOBODY && p->sent_epoch != p->replica.leader_epoch) {
        find(s, wanted)->is_urgent = true;
        p->follow_after_ms = 0;
    }
}

/* ---- The connection. ---- */

static void pause_fetcher(struct shard *s, struct fetcher *f)
{
    uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << (f->failures < 5 ? f->failures : 5);
    f->failures++;
    f->retry_at_ms = env_now_ms(s->env) + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
}

/* The session went with the connection: everything is said anew on the next one. */
static void reset(struct fetcher *f)
{
    f->state = FETCHER_IDLE;
    f->conn = 0;
    f->session_id = 0;
    f->session_epoch = 0;
    f->in_flight = 0;
    f->answers_seen = 0;
    f->forgotten_count = 0;
    struct partition *p;
    TAILQ_FOREACH(p, &f->partitions, follow_link) p->in_session = false;
    f->session_count = 0;
}

static void drop_conn(struct shard *s, struct fetcher *f)
{
    if (f->conn != 0) env_close(s->env, f->conn, false);
    reset(f);
    pause_fetcher(s, f);
}

static void dial(struct shard *s, struct fetcher *f)
{
    const struct meta_broker *broker = meta_broker_find(&s->image, f->leader);
    const struct meta_image_listener *listener =
        broker == NULL ? NULL : meta_listener_find(broker, broker->replication_listener);
    if (listener == NULL) {
        pause_fetcher(s, f);
        return;
    }
    struct env_endpoint to = {
        .port = listener->port,
        .tag = FETCHER_DIAL_TAG,
        .frame_max_bytes = s->options->request_max_bytes,
        .dial_timeout_ms = s->options->session_ms,
    };
    /* A broker that advertises nothing is on this machine. */
    (void)snprintf(to.host, sizeof to.host, "%s",
                   listener->host[0] != '\0' ? listener->host : "127.0.0.1");
    f->leader_epoch = broker->epoch;
    f->state = FETCHER_HELLO;
    f->conn = env_dial(s->env, &to);
    f->sent_ms = env_now_ms(s->env);
}

static void send_frame(struct shard *s, struct fetcher *f, int16_t api_key, int16_t version,
                       const void *message)
{
    const struct kafka_api *api = kafka_api_find(api_key);
    writer_reset(&s->out);
    size_t start =
        kafka_request_begin(&s->out, api, version, ++f->correlation, slice_of_text("replica"));
    int rc = kafka_encode(api->request, kafka_api_version(api, version), message, &s->out);
    if (rc == 0) rc = kafka_frame_end(&s->out, start, NULL, 0);
    CHECK(rc == 0); /* Our own request, of a size that we bound. */
    struct buf *bytes = buf_of(writer_slice(&s->out));
    env_send(s->env, f->conn, &(struct env_piece){.buf = bytes, .size = bytes->size}, 1);
    f->sent_ms = env_now_ms(s->env);
}

static void say_hello(struct shard *s, struct fetcher *f)
{
    const struct meta_broker *self = meta_broker_find(&s->image, s->options->id);
    if (self == NULL || self->epoch != s->broker_epoch) {
        drop_conn(s, f); /* Not registered, or the metadata are behind: soon. */
        return;
    }
    struct replica_hello_request hello = {
        .broker_id = s->options->id,
        .broker_epoch = self->epoch,
        .incarnation = self->incarnation,
        .secret = slice_of(self->secret.bytes, sizeof self->secret.bytes),
    };
    send_frame(s, f, KAFKA_API_REPLICA_HELLO, 0, &hello);
}

/* ---- Fetches. ---- */

/* KIP-73. A member of the ISR never is: the watermark would wait for it. */
static bool is_throttled(const struct shard *s, const struct partition *p)
{
    return p->config.throttles_following && !id_set_has(&p->replica.isr, s->options->id);
}

static bool is_due(struct shard *s, const struct partition *p)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (p->state != PARTITION_READY || p->follow_after_ms > now_ms) return false;
    if (p->is_swapping) return false;
    if (p->host->dirs[p->dir].is_short && !p->is_own) return false; /* The reserve is not for it. */

    return !is_throttled(s, p) || throttle_is_open(&s->host.following, now_ms);
}

/* Everything that was brought is written (or synced, where that is what counts). */
static bool is_settled(const struct partition *p)
{
    return replica_fetch_offset(&p->replica) >= journal_assigned(p->journal);
}

static bool is_news(const struct partition *p, const struct partition_position *at)
{
    return !p->in_session || p->sent_offset != at->offset || p->sent_start != at->log_start ||
           p->sent_epoch != at->leader_epoch || p->sent_last_epoch != at->last_epoch;
}

static void fill_partition(struct shard *s, struct partition *p,
                           const struct partition_position *at, struct fetch_request_topic *topic,
                           struct fetch_request_partition *out)
{
    kafka_defaults(&schema_fetch_request_partition, out);
    out->partition = p->key.partition;
    out->current_leader_epoch = at->leader_epoch;
    out->fetch_offset = at->offset;
    out->last_fetched_epoch = at->last_epoch;
    out->log_start_offset = at->log_start;
    out->partition_max_bytes = (int32_t)s->options->replica_fetch_max_bytes;
    *topic = (struct fetch_request_topic){.topic_id = p->key.topic_id,
                                          .partitions = {.items = out, .count = 1}};
    partition_claim(p, at);
    p->sent_offset = at->offset;
    p->sent_start = at->log_start;
    p->sent_epoch = at->leader_epoch;
    p->sent_last_epoch = at->last_epoch;
    p->in_session = true;
}

/* The partitions whose position the leader's session does not know. -1: not enough memory. */
static int32_t fill_topics(struct shard *s, struct fetcher *f, struct array *out)
{
    struct fetch_request_topic *topics =
        arena_take(&s->scratch, f->partition_count, sizeof *topics);
    struct fetch_request_partition *parts =
        arena_take(&s->scratch, f->partition_count, sizeof *parts);
    if (topics == NULL || parts == NULL) return -1;

    int32_t count = 0;
    struct partition *p;
    TAILQ_FOREACH(p, &f->partitions, follow_link)
    {
        if (!is_due(s, p)) {
            forget_in_session(f, p);
            continue;
        }
        struct partition_position at = partition_position(p);
        if (!is_news(p, &at)) continue;
        remember_in_session(f, p);
        f->session_count += !p->in_session;
        fill_partition(s, p, &at, &topics[count], &parts[count]);
        count++;
    }
    *out = (struct array){topics, count};
    return count;
}

static bool fill_forgotten(struct shard *s, struct fetcher *f, struct array *out)
{
    struct fetch_request_forgotten_topic *items =
        arena_take(&s->scratch, f->forgotten_count, sizeof *items);
    if (items == NULL && f->forgotten_count > 0) return false;

    for (uint32_t i = 0; i < f->forgotten_count; i++) {
        items[i] = (struct fetch_request_forgotten_topic){
            .topic_id = f->forgotten[i].topic_id,
            .partitions = {.items = &f->forgotten[i].partition, .count = 1},
        };
    }
    *out = (struct array){items, (int32_t)f->forgotten_count};
    return true;
}

static bool may_fetch(struct shard *s, const struct fetcher *f)
{
    if (f->state != FETCHER_READY || f->partition_count == 0) return false;
    /* Without a session a second fetch would begin another one, and the first would be forgotten.
     */
    uint32_t in_flight_max = f->is_urgent && f->session_epoch > 0 ? IN_FLIGHT_MAX : 1;
    if (f->in_flight >= in_flight_max) return false;

    bool any = false;
    const struct partition *p;
    TAILQ_FOREACH(p, &f->partitions, follow_link)
    {
        if (!is_due(s, p)) continue;
        if (!is_settled(p)) return false;
        any = true;
    }
    return any;
}

static void fetch(struct shard *s, struct fetcher *f)
{
    struct fetch_request q;
    s->scratch.used = 0;
    kafka_defaults(&schema_fetch_request, &q);
    if (fill_topics(s, f, &q.topics) < 0 || !fill_forgotten(s, f, &q.forgotten_topics_data)) {
        log_error(s->env, "too many partitions of broker %d for one fetch", f->leader);
        pause_fetcher(s, f);
        return;
    }
    q.replica_state.replica_id = s->options->id;
    q.replica_state.replica_epoch = s->broker_epoch;
    /* The fetch that begins the session is answered at once: others may be waiting for it. */
    q.max_wait_ms = f->session_epoch > 0 ? (int32_t)s->options->replica_fetch_wait_ms : 0;
    q.min_bytes = 1;
    q.max_bytes = (int32_t)s->options->replica_fetch_response_max_bytes;
    q.session_id = f->session_id;
    q.session_epoch = f->session_epoch;
    q.answers_seen = f->answers_seen;
    send_frame(s, f, KAFKA_API_FETCH, FETCH_VERSION, &q);
    f->forgotten_count = 0;
    f->is_urgent = false;
    f->in_flight++;
    if (f->session_epoch > 0) {
        f->session_epoch = f->session_epoch == INT32_MAX ? 1 : f->session_epoch + 1;
    }
}

/* ---- Answers. ---- */

static void back_off(struct shard *s, struct fetcher *f, struct partition *p)
{
    uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << (p->follow_failures < 4 ? p->follow_failures : 4);
    p->follow_failures++;
    p->follow_after_ms = env_now_ms(s->env) + wait_ms;
    forget_in_session(f, p);
}

static void on_partition(struct shard *s, struct fetcher *f, struct uuid topic_id,
                         const struct fetch_response_partition *a, struct buf *frame)
{
    struct partition *p = shard_partition(s, topic_id, a->partition_index);
    if (p == NULL || p->following != f->leader || p->state != PARTITION_READY) return;

    if (is_throttled(s, p)) {
        throttle_spend(&s->host.following, a->records.size_bytes, env_now_ms(s->env));
    }
    struct partition_answer answer = {
        .error = a->error_code,
        .high_watermark = a->high_watermark,
        .log_start = a->log_start_offset,
        .diverging_epoch = a->diverging_epoch.epoch,
        .diverging_end = a->diverging_epoch.end_offset,
        .records = slice_of(a->records.at, a->records.size_bytes),
        .frame = frame,
        .leader_epoch = p->sent_epoch,
    };
    if (partition_on_answer(p, &answer)) {
        p->follow_failures = 0;
    } else {
        back_off(s, f, p);
    }
}

static bool on_fetch_answer(struct shard *s, struct fetcher *f, struct slice body,
                            struct buf *frame)
{
    const struct kafka_api *api = kafka_api_find(KAFKA_API_FETCH);
    struct fetch_response a;
    int rc =
        kafka_decode(api->response, kafka_api_version(api, FETCH_VERSION), body, &s->scratch, &a);
    if (rc != 0 || a.error_code != KAFKA_NONE) {
        log_info(s->env, "broker %d refuses our fetch: %s", f->leader,
                 rc != 0 ? err_text(rc) : kafka_error_name(a.error_code));
        return false;
    }
    if (f->session_epoch == 0) f->session_epoch = 1;
    f->session_id = a.session_id;
    f->failures = 0;
    const struct fetch_response_topic *topics = a.responses.items;
    for (int32_t i = 0; i < a.responses.count; i++) {
        const struct fetch_response_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            on_partition(s, f, topics[i].topic_id, &parts[j], frame);
        }
    }
    return true;
}

static bool on_hello_answer(struct shard *s, struct fetcher *f, struct slice body)
{
    const struct kafka_api *api = kafka_api_find(KAFKA_API_REPLICA_HELLO);
    struct replica_hello_response a;
    int rc = kafka_decode(api->response, kafka_api_version(api, 0), body, &s->scratch, &a);
    if (rc != 0 || a.error_code != KAFKA_NONE) {
        log_debug(s->env, "broker %d does not know us yet: %s", f->leader,
                  rc != 0 ? err_text(rc) : kafka_error_name(a.error_code));
        return false;
    }
    f->state = FETCHER_READY;
    f->failures = 0;
    clear_suspect(s, f);
    return true;
}

static void on_frame(struct shard *s, struct fetcher *f, struct buf *frame)
{
    bool is_hello = f->state == FETCHER_HELLO;
    f->answers_seen = f->answers_seen == INT32_MAX ? 0 : f->answers_seen + 1;
    const struct kafka_api *api =
        kafka_api_find(is_hello ? KAFKA_API_REPLICA_HELLO : KAFKA_API_FETCH);
    int32_t correlation;
    struct slice body;
    s->scratch.used = 0;
    int rc = kafka_response_open(buf_slice(frame), api, is_hello ? 0 : FETCH_VERSION, &correlation,
                                 &body);
    bool ok = rc == 0;
    if (ok && is_hello) {
        ok = on_hello_answer(s, f, body);
    } else if (ok) {
        ok = f->in_flight > 0 && on_fetch_answer(s, f, body, frame);
        if (f->in_flight > 0) f->in_flight--;
    }
    if (!ok) drop_conn(s, f);
    buf_unref(frame);
}

static struct fetcher *find_conn(struct shard *s, uint64_t conn)
{
    struct fetcher *f, *next;
    HASH_ITER(hh, s->fetchers, f, next)
    {
        if (f->conn == conn) return f;
    }
    return NULL;
}

bool fetcher_on_event(struct shard *s, const struct env_event *e)
{
    if (e->tag != FETCHER_DIAL_TAG) return false;

    struct fetcher *f = find_conn(s, e->conn);
    if (f == NULL) {
        if (e->kind == ENV_FRAME) buf_unref(e->buf);
        return true;
    }
    if (e->kind == ENV_CONNECTED) {
        say_hello(s, f);
    } else if (e->kind == ENV_FRAME) {
        on_frame(s, f, e->buf);
    } else if (e->kind == ENV_CLOSED) {
        add_suspect(s, f);
        reset(f);
        pause_fetcher(s, f);
    }
    return true;
}

void fetchers_on_epoch(struct shard *s)
{
    struct fetcher *f, *next;
    HASH_ITER(hh, s->fetchers, f, next)
    {
        if (f->state != FETCHER_IDLE) drop_conn(s, f);
        f->retry_at_ms = 0;
        f->failures = 0;
    }
}

void fetchers_on_image(struct shard *s)
{
    struct fetcher *f, *next;
    HASH_ITER(hh, s->fetchers, f, next)
    {
        const struct meta_broker *broker = meta_broker_find(&s->image, f->leader);
        if (broker == NULL || broker->epoch == f->leader_epoch) continue;
        if (f->state != FETCHER_IDLE) drop_conn(s, f); /* Another incarnation: dial it anew. */
        f->retry_at_ms = 0;
        f->failures = 0;
    }
}

static uint64_t patience_ms(const struct shard *s)
{
    return (uint64_t)s->options->replica_fetch_wait_ms * SILENT_FACTOR;
}

static bool is_silent(const struct shard *s, const struct fetcher *f)
{
    if (f->state == FETCHER_IDLE) return false;
    if (f->state == FETCHER_READY && f->in_flight == 0) return false;
    return env_now_ms(s->env) - f->sent_ms > patience_ms(s);
}

/* What was held back, by a throttle or after an error, may go on: it does not wait for the answer
 * that is being waited for, which on a quiet leader takes replica.fetch.wait.max.ms. */
static void hurry(struct shard *s, struct fetcher *f)
{
    const struct partition *p;
    TAILQ_FOREACH(p, &f->partitions, follow_link)
    {
        if (!p->in_session && is_due(s, p)) f->is_urgent = true;
    }
}

static uint64_t turn_one(struct shard *s, struct fetcher *f)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (is_silent(s, f)) {
        add_suspect(s, f);
        drop_conn(s, f);
    }
    if (f->partition_count == 0) {
        if (f->state != FETCHER_IDLE) drop_conn(s, f);
        return ENV_NEVER;
    }
    if (f->state == FETCHER_IDLE) {
        if (f->retry_at_ms > now_ms) return f->retry_at_ms;
        dial(s, f);
        return f->state == FETCHER_IDLE ? f->retry_at_ms : now_ms + s->options->session_ms;
    }
    CHECK(f->session_count <= f->partition_count);
    /* In a turn like most nothing is held back, and there may be thousands of partitions. */
    if (f->in_flight > 0 && f->session_count < f->partition_count) hurry(s, f);
    if (may_fetch(s, f)) fetch(s, f);
    /* Without anything in flight it is a write's end that goes on here, not the time. */
    bool is_waiting = f->state != FETCHER_READY || f->in_flight > 0;
    uint64_t next_ms = is_waiting ? f->sent_ms + patience_ms(s) + 1 : ENV_NEVER;
    if (f->in_flight > 0 && f->session_count == f->partition_count) return next_ms;
    const struct partition *p;
    TAILQ_FOREACH(p, &f->partitions, follow_link)
    {
        uint64_t due_ms = p->follow_after_ms;
        if (due_ms <= now_ms && p->state == PARTITION_READY && is_throttled(s, p)) {
            due_ms = throttle_opens_ms(&s->host.following, now_ms);
        }
        if (due_ms > now_ms && due_ms < next_ms) next_ms = due_ms;
    }
    return next_ms;
}

uint64_t fetchers_turn(struct shard *s)
{
    uint64_t next_ms = ENV_NEVER;
    struct fetcher *f, *next;
    HASH_ITER(hh, s->fetchers, f, next)
    {
        uint64_t due_ms = turn_one(s, f);
        if (due_ms < next_ms) next_ms = due_ms;
    }
    return next_ms;
}

void fetchers_close_all(struct shard *s)
{
    struct fetcher *f, *next;
    HASH_ITER(hh, s->fetchers, f, next)
    {
        if (f->conn != 0) env_close(s->env, f->conn, false);
        struct partition *p;
        while ((p = TAILQ_FIRST(&f->partitions)) != NULL) {
            TAILQ_REMOVE(&f->partitions, p, follow_link);
            p->following = META_NOBODY;
        }
        HASH_DEL(s->fetchers, f);
        free(f->forgotten);
        free(f);
    }
}
