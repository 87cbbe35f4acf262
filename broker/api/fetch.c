#include <stdlib.h>
#include <string.h>

#include "broker/api/common.h"
#include "broker/api/fetch_sessions.h"
#include "broker/api/handlers.h"
#include "broker/net/router.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/fetch.h"

#define FIRST_VERSION_WITH_IDS 13
#define FIRST_VERSION_WITH_LEADERS 16
#define CONSUMER_MAX_BYTES (50u * 1024 * 1024)
#define SMALL_RANGE_BYTES (32u * 1024)
#define WAIT_MAX_MS (5u * 60 * 1000)

/* What a parked fetch needs for its answer. */
struct fetch_state {
    int32_t session_id;  /* 0: none. */
    bool is_incremental; /* Only what is new goes into the answer. */
    uint32_t name_count;
    char **names; /* By slot; NULL where the image knows the topic by its id. */
};

static void free_fetch_state(struct shard *s, void *state)
{
    (void)s;
    struct fetch_state *fetch = state;
    for (uint32_t i = 0; i < fetch->name_count; i++) free(fetch->names[i]);
    free(fetch->names);
    free(fetch);
}

static bool has_ids(const struct request *r)
{
    return r->version.number >= FIRST_VERSION_WITH_IDS;
}

/* ---- The answer. ---- */

static void answer_error(struct shard *s, struct request *r, int16_t error)
{
    struct fetch_response answer;
    kafka_defaults(&schema_fetch_response, &answer);
    answer.error_code = error;
    request_answer(s, r, &answer);
}

static bool is_worth_saying(const struct fetch_state *state, const struct op *op)
{
    if (!state->is_incremental) return true;
    return op->error != 0 || op->fetch.says_something || op->fetch.range.size > 0;
}

/* Small records are copied into the answer, large ones leave from their file. */
static void set_records(struct shard *s, struct fetch_response_partition *out, struct op *op)
{
    struct journal_range *range = &op->fetch.range;
    out->records = (struct records){.at = (const uint8_t *)"", .size_bytes = 0};
    if (range->size == 0) return;

    if (range->size <= SMALL_RANGE_BYTES) {
        uint8_t *copy = arena_take(&s->scratch, range->size, 1);
        if (copy != NULL && env_read_now(s->env, range->file, copy, range->size, range->at) == 0) {
            out->records = (struct records){.at = copy, .size_bytes = range->size};
            env_file_unref(s->env, range->file);
            range->file = NULL;
            return;
        }
    }
    out->records = (struct records){.size_bytes = range->size, .cookie = range};
}

static void fill_partition(struct shard *s, struct fetch_response_partition *out, struct op *op)
{
    kafka_defaults(&schema_fetch_response_partition, out);
    out->partition_index = op->partition;
    out->error_code = op->error;
    out->high_watermark = op->fetch.high_watermark;
    out->last_stable_offset = op->fetch.high_watermark;
    out->log_start_offset = op->fetch.start;
    out->aborted_transactions = (struct array){.count = -1};
    if (op->error == KAFKA_NOT_LEADER_OR_FOLLOWER || op->error == KAFKA_FENCED_LEADER_EPOCH) {
        out->current_leader.leader_id = op->leader_id;
        out->current_leader.leader_epoch = op->leader_epoch;
    }
    if (op->fetch.diverging_end >= 0) {
        out->diverging_epoch.epoch = op->fetch.diverging_epoch;
        out->diverging_epoch.end_offset = op->fetch.diverging_end;
    }
    set_records(s, out, op);
}

static void remember_told(struct shard *s, const struct fetch_state *state, const struct op *op)
{
    if (state->session_id == 0) return;
    struct fetch_session *session = NULL;
    HASH_FIND_INT(s->sessions, &state->session_id, session);
    if (session == NULL) return;
    struct fetch_part *part = fetch_session_find_part(session, op->topic_id, op->partition);
    if (part == NULL) return;

    part->told_watermark = op->error == 0 ? op->fetch.high_watermark : -1;
    part->told_start = op->error == 0 ? op->fetch.start : -1;
    /* What max_bytes leaves nothing for must come first some time. */
    if (op->fetch.range.size > 0) fetch_session_give_way(session, part);
}

static bool same_topic(const struct fetch_state *state, const struct op *a, const struct op *b)
{
    if (!uuid_equal(a->topic_id, b->topic_id)) return false;
    const char *x = state->names[a->slot], *y = state->names[b->slot];
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* Neighbours of one topic share its entry. The ops stand in the order of the request. */
static bool fill_topics(struct shard *s, struct request *r, struct fetch_response *answer,
                        uint32_t total, uint32_t *said)
{
    struct fetch_state *state = r->state;
    struct fetch_response_topic *topics = arena_take(&s->scratch, total, sizeof *topics);
    struct fetch_response_partition *parts = arena_take(&s->scratch, total, sizeof *parts);
    if ((topics == NULL || parts == NULL) && total > 0) return false;
    const struct op *last = NULL;
    int32_t topic_count = 0;
    uint32_t used = 0;
    for (uint32_t slot = 0; slot < total; slot++) {
        struct op *op = route_op(r, slot);
        if (!is_worth_saying(state, op)) continue;
        if (last == NULL || !same_topic(state, last, op)) {
            const char *name = state->names[slot];
            topics[topic_count++] = (struct fetch_response_topic){
                .topic = name != NULL ? slice_of_text(name) : topic_name(s, op->topic_id),
                .topic_id = op->topic_id,
                .partitions = {.items = &parts[used]},
            };
        }
        topics[topic_count - 1].partitions.count++;
        fill_partition(s, &parts[used++], op);
        remember_told(s, state, op);
        last = op;
    }
    answer->responses = (struct array){topics, topic_count};
    *said = used;
    return true;
}

/* Each owner has read as if the answer were its own. What the request may have in all is spent in
 * its order; a range that does not fit ends in a part of a batch, as Kafka's do, but never in a
 * part of its first one. */
static void spend_max_bytes(struct shard *s, const struct request *r, uint32_t total)
{
    if (r->group_count == 1) return;
    uint64_t left = r->groups[0]->max_bytes;
    bool is_first = true;
    for (uint32_t slot = 0; slot < total; slot++) {
        struct journal_range *range = &route_op(r, slot)->fetch.range;
        if (range->size == 0) continue;
        if (!is_first && range->size > left) {
            range->size = left >= range->first_size ? (uint32_t)left : 0;
            if (range->size == 0) {
                env_file_unref(s->env, range->file);
                range->file = NULL;
            }
        }
        left -= range->size < left ? range->size : left;
        is_first = false;
    }
}

static uint32_t count_ops(const struct request *r)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < r->group_count; i++) total += r->groups[i]->count;
    return total;
}

static void join_fetch(struct shard *s, struct request *r)
{
    const struct fetch_state *state = r->state;
    struct fetch_response answer;
    kafka_defaults(&schema_fetch_response, &answer);
    answer.session_id = state->session_id;
    uint32_t said = 0;
    s->scratch.used = 0;
    if (r->conn != NULL) spend_max_bytes(s, r, count_ops(r));
    if (r->conn == NULL || !fill_topics(s, r, &answer, count_ops(r), &said)) {
        route_drop_ranges(s, r);
        request_answer_nothing(s, r, true);
        return;
    }
    if (r->version.number >= FIRST_VERSION_WITH_LEADERS) {
        answer.node_endpoints = leader_endpoints(s, r);
    }
    request_answer_spliced(s, r, &answer, said);
}

/* ---- The request. ---- */

/* Where a request's topic is now. A zero id: it is not known. */
static struct uuid resolve(const struct shard *s, const struct request *r, struct uuid id,
                           struct slice name)
{
    const struct meta_topic *topic =
        has_ids(r) ? meta_topic_by_id(&s->image, id) : meta_topic_by_name(&s->image, name);
    if (topic != NULL) return topic->id;
    return has_ids(r) ? id : (struct uuid){0};
}

static int16_t check_known(const struct shard *s, const struct request *r, struct uuid id,
                           int32_t partition)
{
    const struct meta_topic *topic = meta_topic_by_id(&s->image, id);
    if (topic == NULL) {
        return has_ids(r) ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    bool exists = partition >= 0 && (uint32_t)partition < topic->partition_count;
    return exists ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static struct op *add_op(struct shard *s, struct request *r, struct route *route, struct uuid id,
                         struct slice name, int32_t partition)
{
    struct fetch_state *state = r->state;
    struct op *op = route_add(route, id, partition);
    op->error = check_known(s, r, id, partition);
    op->fetch.told_watermark = -1;
    op->fetch.told_start = -1;
    op->fetch.high_watermark = -1;
    op->fetch.start = -1;
    op->fetch.diverging_epoch = -1;
    op->fetch.diverging_end = -1;
    state->names[op->slot] = NULL;
    if (meta_topic_by_id(&s->image, id) == NULL && name.size > 0) {
        state->names[op->slot] = strndup((const char *)name.at, name.size);
    }
    return op;
}

static void op_of_request(struct op *op, const struct fetch_request_partition *p)
{
    op->current_leader_epoch = p->current_leader_epoch;
    op->fetch.offset = p->fetch_offset;
    op->fetch.last_epoch = p->last_fetched_epoch;
    op->fetch.log_start = p->log_start_offset;
    op->fetch.max_bytes = p->partition_max_bytes > 0 ? (uint32_t)p->partition_max_bytes : 0;
}

static void op_of_part(struct op *op, const struct fetch_part *part)
{
    op->current_leader_epoch = part->leader_epoch;
    op->fetch.offset = part->offset;
    op->fetch.last_epoch = part->last_epoch;
    op->fetch.log_start = part->log_start;
    op->fetch.max_bytes = part->max_bytes;
    op->fetch.told_watermark = part->told_watermark;
    op->fetch.told_start = part->told_start;
}

static uint32_t count_partitions(const struct fetch_request *q)
{
    const struct fetch_request_topic *topics = q->topics.items;
    uint32_t count = 0;
    for (int32_t i = 0; i < q->topics.count; i++) {
        if (topics[i].partitions.count > 0) count += (uint32_t)topics[i].partitions.count;
    }
    return count;
}

/* False: it would have to remember more than sessions may. */
static bool update_session(struct shard *s, const struct request *r, struct fetch_session *session,
                           const struct fetch_request *q)
{
    fetch_session_follow_image(s, session);
    const struct fetch_request_topic *topics = q->topics.items;
    for (int32_t i = 0; i < q->topics.count; i++) {
        struct uuid id = resolve(s, r, topics[i].topic_id, topics[i].topic);
        const struct fetch_request_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            struct slice name = has_ids(r) ? (struct slice){0} : topics[i].topic;
            struct fetch_part *part = fetch_session_part(s, session, id, name, parts[j].partition);
            if (part == NULL) return false;
            part->leader_epoch = parts[j].current_leader_epoch;
            part->last_epoch = parts[j].last_fetched_epoch;
            part->offset = parts[j].fetch_offset;
            part->log_start = parts[j].log_start_offset;
            part->max_bytes =
                parts[j].partition_max_bytes > 0 ? (uint32_t)parts[j].partition_max_bytes : 0;
        }
    }
    const struct fetch_request_forgotten_topic *gone = q->forgotten_topics_data.items;
    for (int32_t i = 0; i < q->forgotten_topics_data.count; i++) {
        struct uuid id = resolve(s, r, gone[i].topic_id, gone[i].topic);
        const int32_t *numbers = gone[i].partitions.items;
        for (int32_t j = 0; j < gone[i].partitions.count; j++) {
            struct slice name = has_ids(r) ? (struct slice){0} : gone[i].topic;
            fetch_session_drop_part(s, session, id, name, numbers[j]);
        }
    }
    return true;
}

static struct fetch_state *new_state(struct request *r, uint32_t count)
{
    struct fetch_state *state = calloc(1, sizeof *state);
    CHECK(state != NULL);
    state->names = calloc(count + 1, sizeof *state->names);
    CHECK(state->names != NULL);
    state->name_count = count;
    r->state = state;
    r->free_state = free_fetch_state;
    return state;
}

static bool add_all_of_session(struct shard *s, struct request *r, struct fetch_session *session,
                               struct route *route)
{
    uint32_t count = HASH_COUNT(session->parts);
    if (!route_begin(s, r, OP_FETCH, count, route)) return false;

    new_state(r, count)->session_id = session->id;
    struct fetch_part *part, *next;
    HASH_ITER(hh, session->parts, part, next)
    {
        struct slice name = part->name != NULL ? slice_of_text(part->name) : (struct slice){0};
        op_of_part(add_op(s, r, route, part->key.topic_id, name, part->key.partition), part);
    }
    return true;
}

static bool add_all_of_request(struct shard *s, struct request *r, const struct fetch_request *q,
                               struct route *route)
{
    uint32_t count = count_partitions(q);
    if (!route_begin(s, r, OP_FETCH, count, route)) return false;

    (void)new_state(r, count);
    const struct fetch_request_topic *topics = q->topics.items;
    for (int32_t i = 0; i < q->topics.count; i++) {
        struct uuid id = resolve(s, r, topics[i].topic_id, topics[i].topic);
        const struct fetch_request_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            op_of_request(add_op(s, r, route, id, topics[i].topic, parts[j].partition), &parts[j]);
        }
    }
    return true;
}

/* KIP-227. Sets *error when the session is not what the client believes. NULL without one: the
 * request is answered by itself. */
static struct fetch_session *find_session(struct shard *s, struct request *r,
                                          const struct fetch_request *q, int16_t *error)
{
    uint64_t now_ms = env_now_ms(s->env);
    *error = KAFKA_NONE;
    if (q->session_epoch == FETCH_EPOCH_INITIAL || q->session_epoch == FETCH_EPOCH_FINAL) {
        struct fetch_session *old = fetch_session_find(s, q->session_id, now_ms);
        if (old != NULL) fetch_session_close(s, old);
        if (q->session_epoch == FETCH_EPOCH_FINAL) return NULL;
        return fetch_session_new(s, r->conn->replica_id >= 0, now_ms);
    }
    struct fetch_session *session = fetch_session_find(s, q->session_id, now_ms);
    if (session == NULL) {
        *error = KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    } else if (session->epoch != q->session_epoch) {
        *error = KAFKA_INVALID_FETCH_SESSION_EPOCH;
    } else {
        session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
    }
    return session;
}

static void go(struct shard *s, struct request *r, const struct fetch_request *q,
               struct route *route)
{
    const struct conn *c = r->conn;
    bool is_replica = c->replica_id >= 0;
    uint64_t wait_ms = q->max_wait_ms > 0 ? (uint64_t)q->max_wait_ms : 0;
    uint64_t min_bytes = q->min_bytes > 0 ? (uint64_t)q->min_bytes : 0;
    uint64_t max_bytes = q->max_bytes > 0 ? (uint64_t)q->max_bytes : 0;
    if (!is_replica && max_bytes > CONSUMER_MAX_BYTES) max_bytes = CONSUMER_MAX_BYTES;
    if (min_bytes > max_bytes) min_bytes = max_bytes; /* More will not come, however it waits. */
    r->join = join_fetch;
    route_go(s, route,
             &(struct route_limits){
                 .wait_ms = wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS,
                 .replica_id = c->replica_id,
                 .replica_epoch = c->replica_epoch,
                 .replica_alive_ms = conn_answered_ms(c, q->answers_seen),
                 .min_bytes = min_bytes,
                 .max_bytes = max_bytes,
             });
}

bool handle_fetch(struct shard *s, struct request *r, struct slice body)
{
    struct fetch_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    s->numbers.fetch_requests++;
    int32_t claimed = q.replica_id >= 0 ? q.replica_id : q.replica_state.replica_id;
    if (claimed >= 0 && claimed != r->conn->replica_id) {
        /* Nobody may pose as a replica: it would move the high watermark. */
        if (conn_may_complain(s)) {
            log_warn(s->env,
                     "a Fetch that claims to be of broker %d on a connection that has not proven "
                     "it is refused",
                     claimed);
        }
        s->numbers.requests_refused++;
        answer_error(s, r, KAFKA_CLUSTER_AUTHORIZATION_FAILED);
        return true;
    }

    bool wants_session = q.session_id != 0 || q.session_epoch != FETCH_EPOCH_FINAL;
    int16_t error = KAFKA_NONE;
    struct fetch_session *session = wants_session ? find_session(s, r, &q, &error) : NULL;
    if (error != KAFKA_NONE) {
        answer_error(s, r, error);
        return true;
    }
    struct route route;
    if (session == NULL) {
        if (!add_all_of_request(s, r, &q, &route)) return false;
    } else {
        if (!update_session(s, r, session, &q)) {
            fetch_session_close(s, session);
            return false;
        }
        if (!add_all_of_session(s, r, session, &route)) return false;
        struct fetch_state *state = r->state;
        state->is_incremental = q.session_epoch != FETCH_EPOCH_INITIAL;
    }
    go(s, r, &q, &route);
    return true;
}
