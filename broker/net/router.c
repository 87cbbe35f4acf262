#include "broker/net/router.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/fetch.h"
#include "broker/partition/loans.h"
#include "broker/partition/partition.h"
#include "broker/partition/waiters.h"
#include "broker/preferences.h"
#include "common/check.h"
#include "common/zeroed.h"
#include "proto/kafka_errors.h"

#define ROUTE_OPS_MAX 100000

bool route_begin(struct shard *s, struct request *r, enum op_kind kind, uint32_t capacity,
                 struct route *out)
{
    if (capacity > ROUTE_OPS_MAX) return false;

    struct op *ops = arena_take(&s->scratch, capacity, sizeof *ops);
    if (ops == NULL && capacity > 0) return false;
    *out = (struct route){.request = r, .kind = kind, .ops = ops, .capacity = capacity};
    return true;
}

struct op *route_add(struct route *route, struct uuid topic_id, int32_t partition)
{
    CHECK(route->count < route->capacity);

    struct op *op = &route->ops[route->count];
    op->topic_id = topic_id;
    op->partition = partition;
    op->current_leader_epoch = -1;
    op->leader_id = META_NOBODY;
    op->leader_epoch = -1;
    op->slot = route->count++;
    return op;
}

static struct op_group *new_group(struct shard *s, const struct route *route, uint32_t owner,
                                  uint32_t count, const struct route_limits *limits)
{
    struct op_group *g = zeroed(sizeof *g + count * sizeof g->ops[0]);
    g->post.link.kind = POST_OPS;
    g->post.home = s->number;
    g->cancel.link.kind = POST_CANCEL;
    g->owner = owner;
    g->kind = route->kind;
    g->request = route->request;
    g->frame = buf_ref(route->request->frame);
    g->acks = limits->acks;
    g->replica_id = limits->replica_id;
    g->replica_epoch = limits->replica_epoch;
    g->replica_alive_ms = limits->replica_alive_ms;
    g->min_bytes = limits->min_bytes;
    g->max_bytes = limits->max_bytes;
    g->deadline_ms = env_now_ms(s->env) + limits->wait_ms;
    return g;
}

static uint32_t owner_of(const struct shard *s, const struct op *op)
{
    if (op->error != 0) return s->number; /* It goes nowhere. */
    if (s->options->shard_count == 1) return s->number;
    const struct meta_topic *topic = meta_topic_by_id(&s->image, op->topic_id);
    /* Nobody has what is not there any more. */
    return topic == NULL ? s->number : shard_of_partition(s->options, topic->name, op->partition);
}

/* Counts first, so that each group is one allocation of the right size. */
static void split(struct shard *s, const struct route *route, const struct route_limits *limits,
                  struct op_group *groups[RPC_SHARDS_MAX + 1])
{
    uint32_t counts[RPC_SHARDS_MAX + 1] = {0};
    for (uint32_t i = 0; i < route->count; i++) counts[owner_of(s, &route->ops[i])]++;
    for (uint32_t n = 1; n <= s->options->shard_count; n++) {
        bool is_wanted = counts[n] > 0 || (route->count == 0 && n == s->number);
        groups[n] = is_wanted ? new_group(s, route, n, counts[n], limits) : NULL;
    }
    for (uint32_t i = 0; i < route->count; i++) {
        struct op_group *g = groups[owner_of(s, &route->ops[i])];
        g->ops[g->count] = route->ops[i];
        g->ops[g->count].group = g;
        g->count++;
    }
}

void route_go(struct shard *s, struct route *route, const struct route_limits *limits)
{
    struct request *r = route->request;
    CHECK(r->groups == NULL);
    CHECK(s->options->shard_count <= RPC_SHARDS_MAX);

    struct op_group *groups[RPC_SHARDS_MAX + 1];
    split(s, route, limits, groups);
    r->groups = calloc(s->options->shard_count, sizeof *r->groups);
    CHECK(r->groups != NULL);
    for (uint32_t n = 1; n <= s->options->shard_count; n++) {
        if (groups[n] == NULL) continue;
        r->groups[r->group_count++] = groups[n];
        groups[n]->all_ready = &r->groups[0]->ready;
    }
    r->groups_pending = r->group_count;
    for (uint32_t n = 1; n <= s->options->shard_count; n++) {
        if (groups[n] != NULL && n != s->number) shard_post(s, n, &groups[n]->post);
    }
    if (groups[s->number] != NULL) router_start_group(s, groups[s->number]);
}

struct op *route_op(const struct request *r, uint32_t slot)
{
    /* Within a group slots rise. */
    for (uint32_t i = 0; i < r->group_count; i++) {
        struct op_group *g = r->groups[i];
        uint32_t low = 0, high = g->count;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (g->ops[middle].slot < slot) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low < g->count && g->ops[low].slot == slot) return &g->ops[low];
    }
    return NULL;
}

void route_drop_ranges(struct shard *s, const struct request *r)
{
    for (uint32_t i = 0; i < r->group_count; i++) {
        const struct op_group *g = r->groups[i];
        CHECK(g->is_home && g->kind == OP_FETCH);
        for (uint32_t j = 0; j < g->count; j++) env_file_unref(s->env, g->ops[j].fetch.range.file);
    }
}

void route_free(struct request *r)
{
    for (uint32_t i = 0; i < r->group_count; i++) {
        struct op_group *g = r->groups[i];
        for (uint32_t j = 0; j < g->count && g->kind == OP_PRODUCERS; j++)
            free(g->ops[j].producers.states);
        buf_unref(g->frame);
        free(g);
    }
    free(r->groups);
    r->groups = NULL;
    r->group_count = 0;
}

static void call_back(struct shard *s, struct op_group *g)
{
    g->is_due = true;
    if (g->is_parked) waiters_wake_group(&s->host, g);
}

void route_cancel(struct shard *s, struct request *r)
{
    for (uint32_t i = 0; i < r->group_count; i++) {
        struct op_group *g = r->groups[i];
        if (g->kind != OP_FETCH || g->is_home) continue;
        if (g->owner == s->number) {
            call_back(s, g);
        } else if (!g->is_called_back) {
            g->is_called_back = true;
            r->cancels_out++;
            shard_post(s, g->owner, &g->cancel);
        }
    }
}

static struct op_group *group_of_cancel(struct post *cancel)
{
    return (struct op_group *)(void *)((char *)cancel - offsetof(struct op_group, cancel));
}

void router_on_cancel(struct shard *s, struct post *cancel)
{
    /* It may be on its way home already, but it is not freed there before this is home too. */
    call_back(s, group_of_cancel(cancel));
    env_give_back(s->env, cancel);
}

struct request *router_on_cancel_back(struct post *cancel)
{
    struct request *r = group_of_cancel(cancel)->request;
    CHECK(r->cancels_out > 0);

    r->cancels_out--;
    return r;
}

/* ---- The owner's side. ---- */

static void start_op(struct shard *s, struct op *op)
{
    if (op->error != 0) {
        if (op->group->kind == OP_FETCH) op->fetch.says_something = true;
        op->group->has_news = true;
        op_finish(&s->host, op, op->error);
        return;
    }
    struct partition *p = shard_partition(s, op->topic_id, op->partition);
    bool is_canary = (s->options->broker_canary & BROKER_CANARY_ANY_PARTITION) != 0;
    if (is_canary && op->group->kind == OP_PRODUCE && p != NULL) {
        struct partition *other = shard_partition(s, op->topic_id, op->partition ^ 1);
        if (other != NULL && partition_leads(other)) p = other;
    }
    if (p != NULL) {
        partition_start_op(p, op);
        return;
    }
    if (op->group->kind == OP_MOVE_DIR) {
        preferences_note(s, op->topic_id, op->partition, op->move_dir.dir);
        op_finish(&s->host, op, KAFKA_REPLICA_NOT_AVAILABLE);
        return;
    }
    if (op->group->kind == OP_FETCH) {
        op->fetch.says_something = true;
        op->group->has_news = true;
        op->fetch.high_watermark = -1;
        op->fetch.start = -1;
        op->fetch.diverging_epoch = -1;
        op->fetch.diverging_end = -1;
    }
    op_refuse(&s->host, op, KAFKA_NOT_LEADER_OR_FOLLOWER);
}

void router_start_group(struct shard *s, struct op_group *g)
{
    g->pending = g->count;
    g->is_parked = g->kind == OP_FETCH;
    for (uint32_t i = 0; i < g->count; i++) start_op(s, &g->ops[i]);
    if (g->kind == OP_FETCH) {
        bool is_ready = g->pending == 0 || g->has_news || op_group_has_enough(g) ||
                        g->deadline_ms <= env_now_ms(s->env);
        deadlines_add(&s->deadlines, g);
        if (is_ready) call_back(s, g);
    } else if (g->count == 0) {
        g->is_finished = true;
        TAILQ_INSERT_TAIL(&s->host.finished, g, link);
    } else if (!g->is_finished && (g->kind != OP_PRODUCE || g->acks != 0)) {
        deadlines_add(&s->deadlines, g); /* acks=0 waits for as long as it takes: nobody waits. */
    }
}

/* False: it must wait for the disk. */
static bool read_range(struct shard *s, struct op *op, uint64_t max_bytes, bool at_least_one)
{
    struct partition *p = op->at;
    if (partition_read(op, max_bytes, at_least_one) == JOURNAL_READ_WAIT) return false;

    struct journal_range *range = &op->fetch.range;
    uint32_t home = op->group->post.home;
    if (range->file != NULL && home != s->number) range->file = loan_make(p, range->file, home);
    return true;
}

/* Reads what the ops of a fetch are to get, in their order. A read that must wait for the disk
 * leaves the rest of them listed; the group is woken when it can go on. */
static void complete_fetch(struct shard *s, struct op_group *g)
{
    bool is_due = g->is_due || g->has_news || op_group_has_enough(g);
    if (!is_due) return;

    g->is_due = true;
    uint64_t used = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        struct op *op = &g->ops[i];
        if (!op->is_done) {
            uint64_t left = g->max_bytes > used ? g->max_bytes - used : 0;
            /* The first batch comes whatever its size; to a follower, that of each partition, or
             * one that is behind in several would be in sync with none. */
            bool at_least_one = used == 0 || (g->replica_id >= 0 && left > 0);
            if (!read_range(s, op, left, at_least_one)) return;
        }
        used += op->fetch.range.size;
    }
    CHECK(g->pending == 0);
    g->is_parked = false;
    g->is_finished = true;
    TAILQ_INSERT_TAIL(&s->host.finished, g, link);
}

static void expire(struct shard *s, struct op_group *g)
{
    if (g->kind == OP_FETCH) {
        call_back(s, g);
        return;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        struct op *op = &g->ops[i];
        if (op->is_waiting) waiters_expire(&s->host, op, KAFKA_REQUEST_TIMED_OUT);
    }
}

/* All groups of the request are home: it is answered, or dropped if nobody waits any more. */
static void group_home(struct shard *s, struct op_group *g)
{
    struct request *r = g->request;
    CHECK(r->groups_pending > 0);

    g->is_home = true;
    if (--r->groups_pending > 0) {
        if (g->kind == OP_FETCH) route_cancel(s, r);
        return;
    }
    r->join(s, r);
}

void router_on_post_back(struct shard *s, struct op_group *g)
{
    group_home(s, g);
}

static void send_home(struct shard *s, struct op_group *g)
{
    if (g->post.home == s->number) {
        group_home(s, g);
    } else {
        env_give_back(s->env, &g->post);
    }
}

bool router_turn(struct shard *s)
{
    bool any = false;
    struct op_group *g;
    while ((g = deadlines_first(&s->deadlines)) != NULL && g->deadline_ms <= env_now_ms(s->env)) {
        deadlines_remove(&s->deadlines, g);
        expire(s, g);
        any = true;
    }
    while ((g = TAILQ_FIRST(&s->host.woken)) != NULL) {
        TAILQ_REMOVE(&s->host.woken, g, link);
        g->is_woken = false;
        complete_fetch(s, g);
        any = true;
    }
    while ((g = TAILQ_FIRST(&s->host.finished)) != NULL) {
        TAILQ_REMOVE(&s->host.finished, g, link);
        deadlines_remove(&s->deadlines, g);
        send_home(s, g);
        any = true;
    }
    return any;
}
