#include "broker/groups/coordinator.h"

#include <stdlib.h>
#include <string.h>

#include "broker/groups/asks.h"
#include "broker/groups/entries.h"
#include "broker/groups/expiry.h"
#include "broker/groups/load.h"
#include "broker/groups/requests.h"
#include "broker/groups/steps.h"
#include "broker/groups/writes.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define ARENA_BYTES (16u << 20) /* Touched only as far as it is used. */
#define ANSWER_MAX_BYTES (128u << 20)
#define NEW_JOIN_MS 300000 /* As Kafka. */

static struct arena new_arena(void)
{
    struct arena arena = {.base = malloc(ARENA_BYTES), .size = ARENA_BYTES};
    CHECK(arena.base != NULL);
    return arena;
}

void groups_init(struct groups *gs, struct env *env, const struct broker_options *options,
                 const struct meta_image *image)
{
    *gs = (struct groups){.env = env, .options = options, .image = image};
    gs->group_options = (struct group_options){
        .initial_delay_ms = options->groups.initial_delay_ms,
        .new_join_ms = NEW_JOIN_MS,
        .size_max = options->groups.size_max,
        .canary = options->groups.canary,
    };
    gs->arena = new_arena();
    gs->answers = new_arena();
    gs->out = writer_with(ANSWER_MAX_BYTES);
    TAILQ_INIT(&gs->finished);
}

static struct coordinator *find(const struct groups *gs, const struct partition_key *key)
{
    struct coordinator *c = NULL;
    HASH_FIND(hh, gs->coordinators, key, sizeof *key, c);
    return c;
}

/* ---- Beginning and ending. ---- */

static void begin(struct groups *gs, struct partition *p)
{
    struct coordinator *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->host = gs;
    c->partition = p;
    c->key = p->key;
    c->leader_epoch = p->replica.leader_epoch;
    c->load_at = journal_start(p->journal);
    c->load_end = journal_assigned(p->journal);
    c->load_began_ms = env_now_ms(gs->env);
    TAILQ_INIT(&c->queued);
    TAILQ_INIT(&c->appended);
    HASH_ADD(hh, gs->coordinators, key, sizeof c->key, c);
}

static void activate_entry(struct group_entry *e)
{
    struct group_event classic = {.kind = GROUP_LOADED};
    struct consumer_event consumer = {.kind = CONSUMER_LOADED};
    if (e->consumer != NULL) consumer_end_replay(e->consumer);
    if (entry_is_consumer(e)) {
        entry_consumer_step(e, NULL, &consumer);
    } else {
        entry_step(e, &classic);
    }
}

static void activate(struct coordinator *c)
{
    struct groups *gs = c->host;
    c->state = COORDINATOR_ACTIVE;
    c->next_cleanup_ms = env_now_ms(gs->env) + gs->options->groups.retention_check_ms;
    uint32_t count = 0;
    struct group_entry *e, *next;
    HASH_ITER(hh, c->entries, e, next)
    {
        activate_entry(e);
        count++;
    }
    if (count == 0 && c->loaded_records == 0) return;
    log_info(gs->env, "%s-%d: %u groups, of %llu records, in %llu ms", OFFSETS_TOPIC,
             c->key.partition, count, (unsigned long long)c->loaded_records,
             (unsigned long long)(env_now_ms(gs->env) - c->load_began_ms));
}

static void free_coordinator(struct coordinator *c)
{
    load_cancel(c);
    struct group_entry *e, *next;
    HASH_ITER(hh, c->entries, e, next)
    {
        e->write_count = 0;
        entry_remove(e);
    }
    HASH_DEL(c->host->coordinators, c);
    free(c);
}

static void end(struct coordinator *c)
{
    coordinator_drop_writes(c, KAFKA_NOT_COORDINATOR);
    struct group_entry *e, *next;
    HASH_ITER(hh, c->entries, e, next)
    {
        entry_kill_waiters(e, KAFKA_NOT_COORDINATOR);
    }
    free_coordinator(c);
}

void groups_on_moved(struct groups *gs, struct partition *p)
{
    if (strcmp(p->topic, OFFSETS_TOPIC) != 0) return;

    struct coordinator *c = find(gs, &p->key);
    bool leads = partition_leads(p);
    if (c != NULL && (!leads || c->leader_epoch != p->replica.leader_epoch)) {
        end(c);
        c = NULL;
    }
    if (!leads) return;
    if (c == NULL) {
        begin(gs, p);
    } else {
        coordinator_lose_writes(c, journal_assigned(p->journal), KAFKA_KAFKA_STORAGE_ERROR);
    }
}

void groups_on_topics_changed(struct groups *gs)
{
    gs->topics_are_stale = true;
}

void groups_on_topic_deleted(struct groups *gs, struct uuid topic_id)
{
    gs->topics_are_stale = true;
    struct coordinator *c;
    for (c = gs->coordinators; c != NULL; c = c->hh.next) {
        if (c->state == COORDINATOR_ACTIVE) expiry_forget_topic(c, topic_id);
    }
}

/* ---- Requests. ---- */

void groups_start(struct groups *gs, struct group_ask *ask)
{
    CHECK(ask->owner == gs->env->actor);

    switch (ask->api->key) {
    case KAFKA_API_JOIN_GROUP: request_join_group(gs, ask); return;
    case KAFKA_API_SYNC_GROUP: request_sync_group(gs, ask); return;
    case KAFKA_API_HEARTBEAT: request_heartbeat(gs, ask); return;
    case KAFKA_API_LEAVE_GROUP: request_leave_group(gs, ask); return;
    case KAFKA_API_CONSUMER_GROUP_HEARTBEAT: request_consumer_heartbeat(gs, ask); return;
    case KAFKA_API_CONSUMER_GROUP_DESCRIBE: request_consumer_describe(gs, ask); return;
    case KAFKA_API_OFFSET_COMMIT: request_offset_commit(gs, ask); return;
    case KAFKA_API_OFFSET_FETCH: request_offset_fetch(gs, ask); return;
    case KAFKA_API_OFFSET_DELETE: request_offset_delete(gs, ask); return;
    case KAFKA_API_LIST_GROUPS: request_list_groups(gs, ask); return;
    case KAFKA_API_DESCRIBE_GROUPS: request_describe_groups(gs, ask); return;
    case KAFKA_API_DELETE_GROUPS: request_delete_groups(gs, ask); return;
    default: UNREACHABLE();
    }
}

struct group_ask *groups_next_answered(struct groups *gs)
{
    struct group_ask *ask = TAILQ_FIRST(&gs->finished);
    if (ask != NULL) TAILQ_REMOVE(&gs->finished, ask, link);
    return ask;
}

/* ---- Turns. ---- */

void groups_on_job(struct job *job)
{
    load_on_job(job);
}

static void let_time_pass(struct groups *gs)
{
    struct group_entry *e;
    while ((e = timers_first(gs)) != NULL && entry_deadline(e) <= env_now_ms(gs->env)) {
        struct group_event classic = {.kind = GROUP_TICK};
        struct consumer_event consumer = {.kind = CONSUMER_TICK};
        if (entry_is_consumer(e)) {
            entry_consumer_step(e, NULL, &consumer);
        } else {
            entry_step(e, &classic);
        }
    }
}

static void earlier(uint64_t *at_ms, uint64_t other_ms)
{
    if (other_ms < *at_ms) *at_ms = other_ms;
}

static void turn_of(struct coordinator *c, uint64_t *next_ms)
{
    struct groups *gs = c->host;
    if (c->state == COORDINATOR_LOADING) {
        if (!load_go_on(c)) return;
        activate(c);
    }
    if (c->next_cleanup_ms <= env_now_ms(gs->env)) {
        c->next_cleanup_ms = env_now_ms(gs->env) + gs->options->groups.retention_check_ms;
        expiry_clean(c);
    }
    coordinator_writes_turn(c);
    earlier(next_ms, c->next_cleanup_ms);
    earlier(next_ms, writes_deadline(c));
}

uint64_t groups_turn(struct groups *gs)
{
    uint64_t next_ms = ENV_NEVER;
    gs->is_loading = false;
    let_time_pass(gs);
    struct coordinator *c, *next;
    HASH_ITER(hh, gs->coordinators, c, next) turn_of(c, &next_ms);
    const struct group_entry *first = timers_first(gs);
    if (first != NULL) earlier(&next_ms, entry_deadline(first));
    if (gs->is_loading) earlier(&next_ms, env_now_ms(gs->env));
    return next_ms;
}

void groups_count(const struct groups *gs, uint64_t *group_count, uint64_t *member_count)
{
    *group_count = 0;
    *member_count = 0;
    const struct coordinator *c;
    for (c = gs->coordinators; c != NULL; c = c->hh.next) {
        const struct group_entry *e;
        for (e = c->entries; e != NULL; e = e->hh.next) {
            ++*group_count;
            *member_count += entry_member_count(e);
        }
    }
}

void groups_close(struct groups *gs)
{
    while (gs->coordinators != NULL) {
        struct coordinator *c = gs->coordinators;
        TAILQ_CONCAT(&c->appended, &c->queued, link);
        struct group_write *write;
        while ((write = TAILQ_FIRST(&c->appended)) != NULL) {
            TAILQ_REMOVE(&c->appended, write, link);
            write_free(write);
        }
        free_coordinator(c);
    }
    struct waiting_ask *w, *next;
    HASH_ITER(hh, gs->waiting, w, next)
    {
        HASH_DEL(gs->waiting, w);
        free(w); /* The ask itself is its home shard's to free. */
    }
    group_effects_close(&gs->effects);
    topic_table_close(&gs->topics);
    free(gs->timers);
    free(gs->arena.base);
    free(gs->answers.base);
    writer_close(&gs->out);
    *gs = (struct groups){0};
}
