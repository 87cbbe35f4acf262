#include "broker/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/fetch_sessions.h"
#include "broker/api/handlers.h"
#include "broker/checkpoint.h"
#include "broker/cleaner.h"
#include "broker/disks.h"
#include "broker/ends.h"
#include "broker/graves.h"
#include "broker/groups/coordinator.h"
#include "broker/image.h"
#include "broker/net/request.h"
#include "broker/net/router.h"
#include "broker/partition/loans.h"
#include "broker/partition/partition.h"
#include "broker/partition/produce.h"
#include "broker/preferences.h"
#include "broker/replication/fetcher.h"
#include "broker/scrubber.h"
#include "broker/throttles.h"
#include "common/check.h"

#define SCRATCH_BYTES (16u * 1024 * 1024) /* Touched only as far as it is used. */
#define ANSWER_MAX_BYTES (128u * 1024 * 1024)
#define TICK_MS 100
#define PROGRESS_MS 2000
/* Of many partitions a share is looked at each time, so that ten thousand that idle cost nothing.
 */
#define TICK_SHARE 10
#define TICK_AT_LEAST 500

struct shard *shard_open(struct env *env, const struct broker_options *options)
{
    CHECK(env->actor >= 1);
    CHECK(options->shard_count >= 1 && options->shard_count <= RPC_SHARDS_MAX);

    struct shard *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->env = env;
    s->options = options;
    s->number = env->actor;
    s->broker_epoch = -1;
    s->is_fenced = true;
    partition_host_init(&s->host, env, options, &s->image);
    groups_init(&s->groups, env, options, &s->image);
    TAILQ_INIT(&s->applied);
    TAILQ_INIT(&s->incoming);
    TAILQ_INIT(&s->ready);
    TAILQ_INIT(&s->starved);
    TAILQ_INIT(&s->requests);
    TAILQ_INIT(&s->held);
    TAILQ_INIT(&s->wanting_producer_ids);
    LIST_INIT(&s->graves);
    uint64_t seed = 0;
    env_random(env, &seed, sizeof seed);
    s->prng = prng_from_seed(seed);
    s->scratch = (struct arena){.base = malloc(SCRATCH_BYTES), .size = SCRATCH_BYTES};
    CHECK(s->scratch.base != NULL);
    s->out = writer_with(ANSWER_MAX_BYTES);
    struct ring_label label = {.owner = RING_SHARD,
                               .node_id = (uint32_t)options->id,
                               .actor = env->actor,
                               .program = JACKDAW_VERSION,
                               .run = (uint64_t)env_wall_ms(env)};
    ring_open(&s->host.ring, &label, options->ring_bytes);
    ring_file_open(&s->ring_file, options->log_dirs[0], env->actor, options->ring_flush_ms,
                   RING_JOB_KIND, dir_lane(options, 0, s->number));
    return s;
}

static void listen_all(struct shard *s)
{
    for (uint32_t i = 0; i < s->options->listener_count; i++) {
        const struct broker_listener *l = &s->options->listeners[i];
        struct env_endpoint at = {
            .port = l->port, .tag = i, .frame_max_bytes = s->options->request_max_bytes};
        (void)snprintf(at.host, sizeof at.host, "%s", l->host);
        int rc = env_listen(s->env, &at);
        if (rc == 0) continue;
        char why[ENV_HOST_MAX + 256];
        (void)snprintf(
            why, sizeof why,
            "cannot listen on %s://%s:%u: %s. Is another broker running there? See listeners=",
            l->name, l->host, l->port, err_text(rc));
        s->is_halted = true;
        env_halt(s->env, why);
        return;
    }
}

/* ---- Posts of the link. ---- */

static void on_session(struct shard *s, struct post_session *post)
{
    if (!s->has_session) {
        s->has_session = true;
        disks_begin(s, post->dirs);
        checkpoint_load(s);
        listen_all(s);
    }
    if (s->broker_epoch != post->broker_epoch) fetchers_on_epoch(s);
    s->broker_epoch = post->broker_epoch;
    s->registered_index = post->registered_index;
    if (post->answered_ms > s->host.session_ms) s->host.session_ms = post->answered_ms;
    s->is_fenced = post->fenced;
    s->metadata_ready = true; /* Held answers are looked at again. */
    env_give_back(s->env, &post->post);
}

static void count_partition(const struct partition *p, struct shard_numbers *n)
{
    n->partitions++;
    n->rotten += p->is_rotten;
    if (p->journal != NULL) n->scrubbed_bytes += journal_scrubbed_bytes(p->journal);
    n->offline += p->state == PARTITION_FAILED;
    if (!partition_leads(p)) return;
    n->leaders++;
    n->under_replicated += p->replica.isr.count < p->replica.replicas.count;
    n->under_min_isr += !replica_has_min_isr(&p->replica);
}

static void on_probe(struct shard *s, struct post_probe *post)
{
    struct shard_numbers *n = &s->numbers;
    n->partitions = n->leaders = n->under_replicated = n->under_min_isr = n->offline = 0;
    n->rotten = n->scrubbed_bytes = 0;
    const struct partition *p;
    for (p = s->partitions; p != NULL; p = p->hh.next) count_partition(p, n);
    n->connections = s->conn_count;
    n->memory_frames_bytes = s->frame_bytes + s->kept_bytes;
    n->records_in = s->host.records_in;
    n->bytes_in = s->host.bytes_in;
    n->duplicate_batches = s->host.duplicates;
    n->isr_shrinks = s->host.isr_shrinks;
    n->rot_found = s->host.rot_found;
    n->rot_gone = s->host.rot_gone;
    n->isr_expands = s->host.isr_expands;
    n->disk_oldest_job_ms = disks_probe(s);
    post->numbers = *n;
    env_give_back(s->env, &post->post);
}

static void enqueue(struct post_queue *queue, struct post *post)
{
    struct held_post *held = calloc(1, sizeof *held);
    CHECK(held != NULL);
    held->post = post;
    TAILQ_INSERT_TAIL(queue, held, link);
}

static struct post *dequeue(struct post_queue *queue)
{
    struct held_post *held = TAILQ_FIRST(queue);
    if (held == NULL) return NULL;

    struct post *post = held->post;
    TAILQ_REMOVE(queue, held, link);
    free(held);
    return post;
}

static void on_stop(struct shard *s, struct post *post)
{
    s->stop_post = post;
    s->host.is_stopping = true;
    conns_close_all(s);
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next) partition_stop(p);
}

/* Every shard has stopped: none asks us for anything any more. */
static void on_end(struct shard *s, struct post *post)
{
    CHECK(s->posts_out == 0);

    env_give_back(s->env, post);
    env_stop(s->env);
}

static void on_isr_back(struct shard *s, struct post_isr *post)
{
    for (uint32_t i = 0; i < post->count; i++) {
        struct partition *p =
            shard_partition(s, post->changes[i].topic_id, post->changes[i].partition);
        if (p == NULL) continue;
        if (post->changes[i].leader_epoch != p->replica.leader_epoch) continue;
        partition_on_proposal(p, post->proposals[i], post->is_lost,
                              post->is_lost ? 0 : post->results[i].error);
    }
    free(post);
}

static void on_post_back(struct shard *s, struct post *post)
{
    if (post->link.kind == POST_LOAN) {
        loan_on_back(&s->host, post); /* It was not posted: it went inside another one. */
        return;
    }
    if (post->link.kind == POST_REVOKE) {
        loan_on_revoke_back(&s->host, post);
        return;
    }
    CHECK(s->posts_out > 0);
    s->posts_out--;
    switch (post->link.kind) {
    case POST_ADMIN: forward_on_back(s, (struct post_admin *)(void *)post); return;
    case POST_ISR: on_isr_back(s, (struct post_isr *)(void *)post); return;
    case POST_PRODUCER_IDS:
        producer_ids_on_back(s, (struct post_producer_ids *)(void *)post);
        return;
    case POST_OPS: router_on_post_back(s, (struct op_group *)(void *)post); return;
    case POST_GROUP_ASK: groups_on_ask_back(s, (struct group_ask *)(void *)post); return;
    case POST_CANCEL: request_on_cancel_back(s, post); return;
    case POST_ENDS:
    case POST_REPLICA_DISKS:
    case POST_DEAD_DIR:
    case POST_SUSPECT: free(post); return;
    default: UNREACHABLE();
    }
}

static void on_post(struct shard *s, struct post *post)
{
    if (post->is_back) {
        on_post_back(s, post);
        return;
    }
    switch (post->link.kind) {
    case POST_SESSION: on_session(s, (struct post_session *)(void *)post); return;
    case POST_PROBE: on_probe(s, (struct post_probe *)(void *)post); return;
    case POST_STOP: on_stop(s, post); return;
    case POST_RECORDS:
    case POST_SNAPSHOT: enqueue(&s->incoming, post); return;
    case POST_OPS: router_start_group(s, (struct op_group *)(void *)post); return;
    case POST_GROUP_ASK: groups_start(&s->groups, (struct group_ask *)(void *)post); return;
    case POST_CANCEL: router_on_cancel(s, post); return;
    case POST_REVOKE: loan_on_revoke(s->env, post); return;
    case POST_SUSPECT: fetcher_on_suspect(s, (struct post_suspect *)(void *)post); return;
    case POST_END: on_end(s, post); return;
    case POST_DEAD_DIR: disks_on_dead(s, (struct post_dead_dir *)(void *)post); return;
    default: UNREACHABLE();
    }
}

/* ---- Events. ---- */

static void on_job(struct shard *s, struct job *job)
{
    if (job->link.kind == CHECKPOINT_JOB_KIND) {
        checkpoint_on_job(s, job);
    } else if (job->link.kind == DISK_PROBE_JOB_KIND) {
        disks_on_probe(s, job);
    } else if (job->link.kind == RING_JOB_KIND) {
        ring_file_on_job(&s->ring_file, s->env, &s->host.ring);
    } else if (job->link.kind == GRAVES_JOB_KIND) {
        graves_on_job(s, job);
    } else if (job->link.kind == GROUPS_JOB_LOAD) {
        groups_on_job(job);
    } else {
        partition_on_job(partition_of_job(job), job);
    }
}

static void on_event(struct shard *s, const struct env_event *e)
{
    switch (e->kind) {
    case ENV_ACCEPTED: conn_on_accepted(s, e); return;
    case ENV_CONNECTED: (void)fetcher_on_event(s, e); return;
    case ENV_FRAME:
        if (!fetcher_on_event(s, e)) request_on_frame(s, e->conn, e->buf, handler_of);
        return;
    case ENV_CLOSED:
        if (!fetcher_on_event(s, e)) conn_on_closed(s, e->conn, e->reason);
        return;
    case ENV_JOB_DONE: on_job(s, e->job); return;
    case ENV_POSTED: on_post(s, e->post); return;
    case ENV_DRAINED: conn_on_drained(s, e->conn); return;
    case ENV_HTTP:
    case ENV_STOP: return; /* The link stops a broker; it tells us (POST_STOP). */
    }
    UNREACHABLE();
}

/* ---- After the events. ---- */

static bool apply_incoming(struct shard *s)
{
    /* What is stopped is not opened again. */
    if (!s->checkpoints_loaded || s->host.is_stopping) return false;

    bool any = false;
    struct post *post;
    while (!s->is_halted && (post = dequeue(&s->incoming)) != NULL) {
        if (post->link.kind == POST_RECORDS) {
            image_on_records(s, (struct post_records *)(void *)post);
        } else {
            image_on_snapshot(s, (struct post_snapshot *)(void *)post);
        }
        enqueue(&s->applied, post);
        any = true;
    }
    return any;
}

static void free_partition(struct shard *s, struct partition *p, bool world_is_gone)
{
    fetcher_forget(s, p);
    cleaner_forget(s, p);
    scrubber_forget(s, p);
    if (s->tick_at == p) s->tick_at = p->hh.next;
    HASH_DEL(s->partitions, p);
    s->partition_count--;
    partition_close(p, world_is_gone);
}

/* It is gone: one of its name that has waited may have the folder. */
static void remove_partition(struct shard *s, struct partition *p)
{
    bool has_left = p->delete_is_due;
    bool has_put_away = p->puts_away;
    struct partition_key key = p->key;
    char topic[META_NAME_MAX + 1];
    memcpy(topic, p->topic, sizeof topic);
    free_partition(s, p, false);
    /* Meanwhile it was decided that nobody will want it again. */
    if (has_put_away && graves_is_final(s, key.topic_id))
        graves_remove(s, key.topic_id, topic, key.partition, 1);
    struct partition *next;
    for (next = s->partitions; has_left && next != NULL; next = next->hh.next) {
        if (!next->waits_for_folder) continue;
        if (image_is_folder_taken(s, next->topic, next->key.partition, next)) continue;
        partition_enter(next);
    }
    if (has_left && !s->host.is_stopping) image_on_left(s, key.topic_id, key.partition);
}

static void handle_moved(struct shard *s)
{
    struct partition *p;
    while ((p = TAILQ_FIRST(&s->host.moved)) != NULL) {
        TAILQ_REMOVE(&s->host.moved, p, moved_link);
        p->moved = false;
        fetcher_on_moved(s, p);
        groups_on_moved(&s->groups, p);
        partition_resume(p);
        /* In an orderly stop the last checkpoint still needs them, unless they were deleted. */
        bool is_done =
            p->state == PARTITION_GONE && (p->journal == NULL || journal_is_idle(p->journal));
        if (is_done && (p->delete_is_due || !s->host.is_stopping)) remove_partition(s, p);
    }
}

static void send_proposals(struct shard *s)
{
    struct post_isr *post = NULL;
    struct partition *p;
    while ((p = TAILQ_FIRST(&s->host.proposals)) != NULL) {
        TAILQ_REMOVE(&s->host.proposals, p, proposal_link);
        p->wants_isr = false;
        if (!partition_leads(p) || !p->replica.is_proposing) continue;
        if (post == NULL) {
            post = calloc(1, sizeof *post);
            CHECK(post != NULL);
            post->post.link.kind = POST_ISR;
        }
        post->proposals[post->count] = p->replica.proposal;
        partition_fill_proposal(p, &post->changes[post->count++]);
        if (post->count == POST_ISR_MAX) {
            shard_post(s, BROKER_LINK_ACTOR, &post->post);
            post = NULL;
        }
    }
    if (post != NULL) shard_post(s, BROKER_LINK_ACTOR, &post->post);
}

static void flush_dirty(struct shard *s)
{
    struct partition *p;
    while ((p = TAILQ_FIRST(&s->host.dirty)) != NULL) {
        TAILQ_REMOVE(&s->host.dirty, p, dirty_link);
        p->is_dirty = false;
        partition_flush(p);
    }
}

/* What the link sent is in effect when every partition that it made is open. */
static void give_back_applied(struct shard *s)
{
    if (s->host.opening_count > 0) return;

    struct post *post;
    while ((post = dequeue(&s->applied)) != NULL) env_give_back(s->env, post);
}

/* What has waited longest to be looked at. */
static void look_at_some(struct shard *s)
{
    uint32_t count = s->partition_count / TICK_SHARE;
    if (count < TICK_AT_LEAST) count = TICK_AT_LEAST;
    if (count > s->partition_count) count = s->partition_count;
    for (uint32_t i = 0; i < count; i++) {
        struct partition *p = s->tick_at == NULL ? s->partitions : s->tick_at;
        s->tick_at = p->hh.next;
        partition_tick(p);
    }
}

/* Recovery that takes long says how far it is. */
static void say_progress(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (s->host.opening_count == 0) {
        s->progress_due_ms = 0;
        return;
    }
    if (s->progress_due_ms == 0) s->progress_due_ms = now_ms + PROGRESS_MS;
    if (s->progress_due_ms > now_ms) return;

    s->progress_due_ms = now_ms + PROGRESS_MS;
    log_info(s->env, "opening logs: %u of %u are done", s->partition_count - s->host.opening_count,
             s->partition_count);
}

static void tick(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (s->next_tick_ms > now_ms) return;
    say_progress(s);

    s->next_tick_ms = now_ms + TICK_MS;
    look_at_some(s);
    if (s->next_retention_ms > now_ms) return;

    uint64_t interval_ms = s->options->retention_check_ms;
    bool is_first = s->next_retention_ms == 0;
    uint64_t first_ms = s->options->retention_first_ms;
    if (first_ms > interval_ms) first_ms = interval_ms;
    s->next_retention_ms = now_ms + (is_first ? first_ms : interval_ms);
    if (is_first) return;
    for (struct partition *p = s->partitions; p != NULL; p = p->hh.next) partition_retain(p);
}

/* Stopped: nothing of ours is away, and nobody has anything of ours. Others may still ask; they are
 * answered that nothing is here, until the link says that all have stopped (POST_END). */
static void maybe_finish_stop(struct shard *s)
{
    if (s->stop_post == NULL || !checkpoint_is_idle(s)) return;
    if (s->posts_out > 0 || s->jobs_out > 0 || !TAILQ_EMPTY(&s->host.loans)) return;

    struct partition *p, *next;
    for (p = s->partitions; p != NULL; p = p->hh.next) {
        if (p->state != PARTITION_GONE || !partition_is_idle(p)) return;
    }
    if (checkpoint_write_last(s)) return;
    if (!ring_file_finish(&s->ring_file, s->env, &s->host.ring)) return;
    HASH_ITER(hh, s->partitions, p, next) remove_partition(s, p);
    fetchers_close_all(s);
    struct post *post = s->stop_post;
    s->stop_post = NULL;
    env_give_back(s->env, post);
}

/* True if there were any: connections may have room for another request now. */
static bool send_group_answers(struct shard *s)
{
    struct group_ask *ask;
    bool any = false;
    while ((ask = groups_next_answered(&s->groups)) != NULL) {
        if (ask->post.home == s->number) {
            groups_on_ask_back(s, ask);
        } else {
            env_give_back(s->env, &ask->post);
        }
        any = true;
    }
    return any;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline(struct shard *s, uint64_t fetchers_ms)
{
    if (!TAILQ_EMPTY(&s->ready)) return env_now_ms(s->env); /* What held them up has ended since. */

    uint64_t next_ms = fetchers_ms;
    const struct op_group *first = deadlines_first(&s->deadlines);
    if (first != NULL) next_ms = earlier(next_ms, first->deadline_ms);
    if (s->partition_count > 0) next_ms = earlier(next_ms, s->next_tick_ms);
    next_ms = earlier(next_ms, metadata_deadline(s));
    next_ms = earlier(next_ms, cleaner_turn(s));
    next_ms = earlier(next_ms, scrubber_turn(s));
    return earlier(next_ms, checkpoint_turn(s));
}

uint64_t shard_turn(void *shard, const struct env_event *events, uint32_t count)
{
    struct shard *s = shard;
    if (s->is_halted) return ENV_NEVER;

    for (uint32_t i = 0; i < count && !s->is_halted; i++) on_event(s, &events[i]);
    bool image_changed = apply_incoming(s);
    if (image_changed) {
        throttles_on_image(s);
        fetchers_on_image(s);
    }
    tick(s);
    uint64_t groups_ms;
    do {
        do {
            handle_moved(s);
        } while (router_turn(s) || conns_turn(s, handler_of));
        groups_ms = groups_turn(&s->groups);
    } while (send_group_answers(s));
    metadata_turn(s, image_changed);
    uint64_t ends_ms = earlier(ends_turn(s, image_changed), disks_turn(s, image_changed));
    if (!TAILQ_EMPTY(&s->host.moved)) handle_moved(s);
    uint64_t fetchers_ms = fetchers_turn(s);
    flush_dirty(s);
    descriptors_turn(&s->host.descriptors);
    send_proposals(s);
    give_back_applied(s);
    if (!s->host.is_stopping) ring_file_turn(&s->ring_file, s->env, &s->host.ring);
    maybe_finish_stop(s);
    s->is_halted = s->is_halted || s->host.halted != 0;
    return earlier(next_deadline(s, earlier(fetchers_ms, ends_ms)), groups_ms);
}

static void close_queue(struct post_queue *queue)
{
    while (dequeue(queue) != NULL) continue;
}

void shard_close(struct shard *s, bool world_is_gone)
{
    s->world_is_gone = world_is_gone;
    groups_close(&s->groups);
    fetchers_close_all(s);
    conns_close_all(s);
    CHECK(IMPLIES(!world_is_gone, TAILQ_EMPTY(&s->requests)));
    requests_destroy_all(s);
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next) free_partition(s, p, world_is_gone);
    loans_close(&s->host);
    fetch_sessions_close_all(s);
    checkpoint_close(s);
    preferences_close(s);
    graves_close(s);
    deadlines_close(&s->deadlines);
    close_queue(&s->applied);
    close_queue(&s->incoming);
    meta_image_close(&s->image);
    ring_file_close(&s->ring_file, s->env);
    ring_close(&s->host.ring);
    writer_close(&s->out);
    free(s->scratch.base);
    free(s);
}
