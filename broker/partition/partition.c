#include "broker/partition/partition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/config.h"
#include "broker/partition/fetch.h"
#include "broker/partition/folder.h"
#include "broker/partition/follow.h"
#include "broker/partition/loans.h"
#include "broker/partition/lookups.h"
#include "broker/partition/mover.h"
#include "broker/partition/produce.h"
#include "broker/partition/record.h"
#include "broker/partition/rot.h"
#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define ISR_RETRY_MS 50
#define HANDOVER_CLOSED_MAX_MS 500
#define FULL_SAID_MS 10000
#define FULL_RETRY_MS 500
#define AGAIN_MS 2000

void partition_host_init(struct partition_host *host, struct env *env,
                         const struct broker_options *options, const struct meta_image *image)
{
    *host = (struct partition_host){.env = env,
                                    .options = options,
                                    .image = image,
                                    .leading = {.rate = THROTTLE_NONE},
                                    .following = {.rate = THROTTLE_NONE},
                                    .moving = {.rate = THROTTLE_NONE}};
    descriptors_init(&host->descriptors, options->open_files_max / options->shard_count + 1);
    TAILQ_INIT(&host->dirty);
    TAILQ_INIT(&host->proposals);
    TAILQ_INIT(&host->moved);
    TAILQ_INIT(&host->finished);
    TAILQ_INIT(&host->woken);
    TAILQ_INIT(&host->loans);
}

static struct meta_partition *image_state(const struct partition *p)
{
    return meta_partition_find(p->host->image, p->key.topic_id, p->key.partition);
}

static void log_role(const struct partition *p)
{
    const struct replica *r = &p->replica;
    log_info(
        p->host->env, "%s-%d: %s, leader %d, leader epoch %d, partition epoch %d, log end %lld",
        p->topic, p->key.partition,
        r->role == REPLICA_LEADER     ? "leads"
        : r->role == REPLICA_FOLLOWER ? "follows"
                                      : "waits for a leader",
        r->leader, r->leader_epoch, r->partition_epoch, (long long)journal_assigned(p->journal));
}

static void count_isr(struct partition *p, uint32_t before)
{
    uint32_t after = p->replica.isr.count;
    if (after > before) p->host->isr_expands++;
    if (after < before) p->host->isr_shrinks++;
}

void partition_assign(struct partition *p)
{
    if (p->state == PARTITION_PREPARING || p->state == PARTITION_OPENING) return;
    if (p->state == PARTITION_TRUNCATING) {
        p->assign_is_due = true;
        return;
    }
    if (p->state != PARTITION_READY) return;

    const struct meta_partition *state = image_state(p);
    if (state == NULL) return; /* Its deletion is under way. */
    partition_config_read(p->host->image, p->topic, p->key.partition, p->host->options->id,
                          &p->config);
    struct journal_options options = {0};
    partition_journal_options(&p->config, &options);
    journal_set_options(p->journal, &options);
    partition_sync_rest(p);
    int32_t epoch_before = p->replica.leader_epoch;
    int32_t leader_before = p->replica.leader;
    uint32_t isr_before = p->replica.isr.count;
    struct replica_event event = {.kind = REPLICA_ASSIGN};
    event.assign.state = state;
    event.assign.min_isr = p->config.min_isr;
    event.assign.counts_durable = p->config.flush_each;
    event.assign.term = p->host->image->term;
    partition_step(p, &event);
    if (p->replica.role == REPLICA_LEADER) count_isr(p, isr_before);
    if (p->replica.leader_epoch != epoch_before || p->replica.leader != leader_before) {
        log_role(p);
        if (p->replica.role == REPLICA_FOLLOWER &&
            (p->host->options->broker_canary & BROKER_CANARY_TRUNCATE_TO_WATERMARK) != 0) {
            partition_truncate(p, p->replica.high_watermark);
        }
    }
}

/* ---- Opening. ---- */

void partition_fail(struct partition *p, const char *why)
{
    if (p->state == PARTITION_FAILED || p->state == PARTITION_GONE) return;

    log_error(p->host->env, "%s-%d: out of service: %s", p->topic, p->key.partition, why);
    if (p->state == PARTITION_PREPARING || p->state == PARTITION_OPENING) {
        p->host->opening_count--;
    }
    p->state = PARTITION_FAILED;
    p->host->failed_count++;
    p->waits_for_folder = false;
    waiters_fail_all(p, KAFKA_KAFKA_STORAGE_ERROR);
    if (p->journal != NULL) journal_abandon(p->journal, why);
    mover_stop(p);
    partition_mark_moved(p);
}

/* Nothing is wrong with the disk itself: with no room on it, or with a batch. */
static void fail_for_now(struct partition *p, int rc, const char *why)
{
    partition_fail(p, why);
    p->lacks_space = rc == -ERR_FULL;
    p->has_bad_batch = rc == -ERR_CORRUPT;
    p->again_ms = env_now_ms(p->host->env) + AGAIN_MS;
    p->host->fares_changed = true;
}

bool partition_is_idle(const struct partition *p)
{
    return (p->journal == NULL || journal_is_idle(p->journal)) && mover_is_gone(p);
}

/* The name of its folder says that it is to be deleted, whatever is wrong in it. */
static bool maybe_bury(struct partition *p)
{
    if (!p->delete_is_due || p->puts_away || p->dir == DIR_NONE) return false;
    if (p->host->dirs[p->dir].is_dead) return false;
    p->puts_away = true;
    p->prepare = folder_bury(p);
    env_submit(p->host->env, &p->prepare->job);
    return true;
}

static void warn_not_renamed(const struct partition *p, const struct prepare_job *put)
{
    if (put->job.rc == 0) return;
    log_warn(p->host->env, "%s-%d: folder %s cannot be renamed: %s", p->topic, p->key.partition,
             put->dir, err_text(put->job.rc));
}

/* One that has failed needs nothing but that its jobs come home. */
static void maybe_leave(struct partition *p)
{
    if (p->state != PARTITION_FAILED || p->prepare != NULL) return;
    if (!p->delete_is_due && !p->host->is_stopping) return;
    if (!partition_is_idle(p) || maybe_bury(p)) return;
    p->host->failed_count--;
    p->state = PARTITION_GONE;
    partition_mark_moved(p);
}

static void on_prepared(struct partition *p)
{
    struct prepare_job *prepare = p->prepare;
    p->prepare = NULL;
    int rc = prepare->job.rc;
    if (p->state == PARTITION_FAILED) {
        if (p->puts_away) warn_not_renamed(p, prepare);
        free(prepare);
        maybe_leave(p);
        return;
    }
    if (rc != 0) {
        char why[FS_PATH_MAX + 64];
        (void)snprintf(why, sizeof why, "folder %s: %s", prepare->dir, err_text(rc));
        free(prepare);
        fail_for_now(p, rc == -ERR_FULL ? rc : 0, why);
        return;
    }
    if (prepare->stray) {
        log_warn(p->host->env, "%s-%d: a folder of another topic of that name was moved aside",
                 p->topic, p->key.partition);
    }
    if (prepare->returned) {
        log_info(p->host->env, "%s-%d: the topic's deletion was undone: its folder is back",
                 p->topic, p->key.partition);
    }
    /* Then what the files say is of a replica that was here once. */
    if (prepare->created) p->checkpoint = PARTITION_CHECKPOINT_NONE;
    partition_config_read(p->host->image, p->topic, p->key.partition, p->host->options->id,
                          &p->config);
    struct journal_options options = {
        .lane = prepare->job.lane,
        .create_only = false, /* partition.metadata lies in it already. */
        .background = p->dir,
        .is_whole = p->host->log_dirs->dirs[p->dir].is_whole,
        .cuts_rot = p->cuts_rot || (p->host->options->broker_canary & BROKER_CANARY_CUT_ROT) != 0,
        /* Unknown: nothing is known to be whole. */
        .recovery_point = p->checkpoint.recovery_point < 0 ? 0 : p->checkpoint.recovery_point,
        .start_offset = p->checkpoint.log_start,
        .first_offset = 0,
        .observe = producers_observe,
        .observer = &p->producers,
        .restore = producers_restore,
        .save = producers_save,
        .needs = producers_needs,
        .cleaned = p->checkpoint.cleaned,
        .descriptors = &p->host->descriptors,
        .owner = p,
        .canary = (p->host->options->broker_canary & BROKER_CANARY_REMOVE_BEYOND) != 0
                      ? JOURNAL_CANARY_REMOVE_BEYOND
                      : 0,
    };
    partition_journal_options(&p->config, &options);
    (void)snprintf(options.dir, sizeof options.dir, "%s", prepare->dir);
    free(prepare);
    p->state = PARTITION_OPENING;
    p->journal = journal_open(p->host->env, &options);
}

/* A recovery point past the end would be believed once the log has grown again, and so would a
 * start: nothing is appended until the files have been put right. */
static bool awaits_checkpoint(struct partition *p)
{
    p->awaits_checkpoint = p->checkpoint.recovery_point > journal_assigned(p->journal) ||
                           p->checkpoint.log_start > journal_start(p->journal) ||
                           p->checkpoint.cleaned > journal_assigned(p->journal);
    if (p->awaits_checkpoint) p->host->dirs[p->dir].checkpoint_is_due = true;
    return p->awaits_checkpoint;
}

static void on_opened(struct partition *p)
{
    p->cuts_rot = false;
    if (journal_state_of(p->journal) == JOURNAL_FAILED) {
        fail_for_now(p, journal_fail_rc(p->journal), journal_why(p->journal));
        return;
    }
    p->host->opening_count--;
    p->state = PARTITION_READY;
    p->host->fares_changed = true;
    const struct broker_options *o = p->host->options;
    struct replica_options options = {
        .self = o->id,
        .hang_ms = o->replica_hang_ms,
        .lag_max_ms = o->replica_lag_max_ms,
        .lease_ms = o->lease_ms,
        .retry_ms = ISR_RETRY_MS,
        .closed_max_ms = HANDOVER_CLOSED_MAX_MS,
        .canary = o->replica_canary,
    };
    replica_init(&p->replica, &options, journal_start(p->journal), journal_written(p->journal),
                 p->checkpoint.watermark);
    p->replica.durable = journal_durable(p->journal) < p->replica.log_start
                             ? p->replica.log_start
                             : journal_durable(p->journal);
    partition_record_begun(p);
    if (p->delete_is_due) {
        partition_delete(p);
    } else if (p->host->is_stopping) {
        partition_stop(p);
    } else if (p->checkpoint.log_start > journal_assigned(p->journal)) {
        /* A power cut took what followed the start; what came before is not to come back. */
        p->assign_is_due = true;
        partition_reset(p, p->checkpoint.log_start);
    } else if (awaits_checkpoint(p)) {
        p->assign_is_due = true;
        p->state = PARTITION_TRUNCATING;
    } else {
        partition_assign(p);
        partition_mark_moved(p);
    }
}

void partition_enter(struct partition *p)
{
    CHECK(p->state == PARTITION_PREPARING);
    CHECK(p->prepare == NULL);

    p->waits_for_folder = false;
    p->prepare = folder_prepare(p);
    env_submit(p->host->env, &p->prepare->job);
}

struct partition *partition_open(struct partition_host *host, struct uuid topic_id,
                                 const char *topic, int32_t number, uint32_t dir,
                                 struct partition_checkpoint checkpoint, bool waits)
{
    struct partition *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->key.topic_id = topic_id;
    p->key.partition = number;
    (void)snprintf(p->topic, sizeof p->topic, "%s", topic);
    p->host = host;
    p->dir = dir;
    p->is_own = strncmp(topic, "__", 2) == 0; /* __consumer_offsets, __transaction_state. */
    p->checkpoint = checkpoint;
    p->following = META_NOBODY;
    p->replica.leader = META_NOBODY;
    p->replica.leader_epoch = -1;
    p->replica.partition_epoch = -1;
    TAILQ_INIT(&p->held);
    TAILQ_INIT(&p->waiting_written);
    TAILQ_INIT(&p->waiting_committed);
    TAILQ_INIT(&p->watchers);
    TAILQ_INIT(&p->finding);
    TAILQ_INIT(&p->deleting);
    host->opening_count++;
    p->waits_for_folder = waits;
    if (!waits && dir != DIR_NONE) partition_enter(p);
    return p;
}

/* ---- What comes home from the disk. ---- */

static void on_truncated(struct partition *p)
{
    CHECK(p->state == PARTITION_TRUNCATING);

    if (awaits_checkpoint(p)) return;
    p->state = PARTITION_READY;
    partition_ends_moved(p);
    if (p->delete_is_due) {
        partition_delete(p);
    } else if (p->host->is_stopping) {
        partition_stop(p);
    } else {
        if (p->assign_is_due) {
            p->assign_is_due = false;
            partition_assign(p);
        }
        if (p->state == PARTITION_READY) partition_append_first(p);
        partition_mark_moved(p);
    }
}

bool partition_checkpoint_now(const struct partition *p, struct partition_checkpoint *out)
{
    enum partition_state state = p->state;
    *out = p->checkpoint;
    if (state == PARTITION_DELETING) return false;
    if (p->delete_is_due && !p->awaits_checkpoint) return false;
    if (state == PARTITION_PREPARING || state == PARTITION_OPENING || state == PARTITION_FAILED) {
        return true; /* As it was. */
    }
    /* It may have failed before there was one, and be gone by now. */
    if (p->journal == NULL || journal_state_of(p->journal) == JOURNAL_FAILED) return true;
    *out = (struct partition_checkpoint){
        .watermark = p->replica.high_watermark,
        .recovery_point = journal_durable(p->journal),
        .log_start = journal_start(p->journal),
        .cleaned = journal_cleaned(p->journal),
    };
    return true;
}

void partition_on_checkpointed(struct partition *p)
{
    if (p->in_checkpoint) {
        p->checkpoint = p->checkpoint_writing;
        if (p->journal != NULL) journal_forget_below(p->journal, p->checkpoint.log_start);
    }
    p->in_checkpoint = false;
    if (p->awaits_checkpoint && p->state == PARTITION_TRUNCATING) on_truncated(p);
}

static void on_full(struct partition *p)
{
    if ((p->host->options->broker_canary & BROKER_CANARY_FULL_HALTS) != 0) {
        env_halt(p->host->env, "no space left on the device");
        return;
    }
    int64_t end = journal_assigned(p->journal);
    uint64_t now_ms = env_now_ms(p->host->env);
    /* Clients try again, and so does whoever follows; it is said once in a while. */
    if (p->full_said_ms == 0 || now_ms - p->full_said_ms >= FULL_SAID_MS) {
        p->full_said_ms = now_ms;
        log_error(p->host->env,
                  "%s-%d: no space left on the device: nothing is appended until there is",
                  p->topic, p->key.partition);
    }
    p->follow_after_ms = now_ms + FULL_RETRY_MS;
    p->refused_ms = now_ms;
    waiters_fail_beyond(p, end, KAFKA_KAFKA_STORAGE_ERROR);
    if (p->state == PARTITION_READY) {
        /* What never was had been noted: the producers become again what the log says. */
        (void)journal_truncate(p->journal, end);
        p->state = PARTITION_TRUNCATING;
    }
    partition_mark_moved(p);
}

/* Its disk is taken for dead; what the others hold goes on. The last one ends the node. */
static void on_failed(struct partition *p)
{
    struct partition_host *host = p->host;
    char why[DIR_WHY_SIZE];
    (void)snprintf(why, sizeof why, "%s-%d: %s", p->topic, p->key.partition,
                   journal_why(p->journal));
    if (journal_fail_rc(p->journal) == -ERR_FULL) {
        fail_for_now(p, -ERR_FULL, why); /* Begun anew, with no room for its first segment. */
        return;
    }
    host_dir_died(host, p->dir, why);
    partition_fail(p, why); /* Also where the node ends: this turn is not over. */
}

static void on_stopped(struct partition *p)
{
    if (p->puts_away) {
        CHECK(p->prepare == NULL);
        p->prepare = folder_put_away(p);
        env_submit(p->host->env, &p->prepare->job);
        return;
    }
    p->state = PARTITION_GONE;
    partition_mark_moved(p);
}

static void on_put_away(struct partition *p)
{
    CHECK(p->puts_away);
    warn_not_renamed(p, p->prepare);
    free(p->prepare);
    p->prepare = NULL;
    p->state = PARTITION_GONE;
    partition_mark_moved(p);
}

struct partition *partition_of_job(const struct job *job)
{
    if (job->link.kind == PARTITION_JOB_PREPARE) {
        return ((const struct prepare_job *)(const void *)job)->owner;
    }
    if (job->link.kind == PARTITION_JOB_MOVE) return mover_owner(job);
    return journal_owner(journal_of_job(job));
}

/* Nobody but the cleaner reads a follower's copy: the pages are of more use for what is led. */
static void leave_page_cache(struct partition *p)
{
    int64_t keep_bytes = p->host->options->replica_cache_bytes;
    bool is_read = p->following == META_NOBODY || p->config.is_compacted;
    if (keep_bytes >= 0 && !is_read) {
        journal_drop_behind(p->journal, (uint64_t)keep_bytes);
    } else {
        journal_keep_cached(p->journal);
    }
}

static void on_journal_job(struct partition *p, struct job *job)
{
    unsigned news = journal_on_job(p->journal, job);
    if (p->state == PARTITION_FAILED) {
        maybe_leave(p);
        return;
    }
    if ((news & JOURNAL_NEWS_FAILED) != 0 && p->state != PARTITION_OPENING) {
        on_failed(p);
        return;
    }
    if ((news & JOURNAL_NEWS_OPENED) != 0) on_opened(p);
    if (p->state == PARTITION_FAILED) return;
    if ((news & JOURNAL_NEWS_STOPPED) != 0) {
        on_stopped(p);
        return;
    }
    if (p->state != PARTITION_READY && p->state != PARTITION_TRUNCATING) return;
    if ((news & JOURNAL_NEWS_FULL) != 0) on_full(p);
    if ((news & (JOURNAL_NEWS_WRITTEN | JOURNAL_NEWS_FULL)) != 0) {
        partition_ends_moved(p);
        partition_mark_dirty(p); /* What arrived meanwhile is the next write. */
        if (p->following != META_NOBODY) partition_mark_moved(p);
        leave_page_cache(p);
        if (p->has_fallen_back && p->replica.role != REPLICA_NONE && !partition_owes(p)) {
            p->has_fallen_back = false;
            p->host->fares_changed = true;
        }
    }
    if ((news & JOURNAL_NEWS_ROTTEN) != 0) rot_look(p);
    if ((news & JOURNAL_NEWS_READ) != 0) waiters_wake(p);
    if ((news & JOURNAL_NEWS_FOUND) != 0) waiters_on_found(p);
    if ((news & JOURNAL_NEWS_TRUNCATED) != 0) on_truncated(p);
    if (p->state == PARTITION_READY && (news & JOURNAL_NEWS_OPENED) != 0) mover_resume(p);
    mover_turn(p);
}

void partition_on_job(struct partition *p, struct job *job)
{
    if (job->link.kind == PARTITION_JOB_PREPARE && p->state == PARTITION_DELETING) {
        on_put_away(p);
    } else if (job->link.kind == PARTITION_JOB_PREPARE) {
        on_prepared(p);
    } else if (mover_on_job(p, job)) {
        maybe_leave(p);
    } else {
        on_journal_job(p, job);
    }
}

void partition_start_op(struct partition *p, struct op *op)
{
    switch (op->group->kind) {
    case OP_PRODUCE: partition_produce(p, op); return;
    case OP_FETCH: partition_watch(p, op); return;
    case OP_LIST_OFFSETS: partition_list_offsets(p, op); return;
    case OP_EPOCH_END: partition_epoch_end(p, op); return;
    case OP_DELETE_RECORDS: partition_delete_records(p, op); return;
    case OP_LOG_SIZE: partition_log_size(p, op); return;
    case OP_PRODUCERS: partition_producers(p, op); return;
    case OP_MOVE_DIR: op_finish(p->host, op, mover_begin(p, op->move_dir.dir)); return;
    }
    UNREACHABLE();
}

void partition_flush(struct partition *p)
{
    if (p->state == PARTITION_READY) journal_flush(p->journal);
}

void partition_on_term(struct partition *p, uint64_t term)
{
    if (!partition_leads(p) || p->state != PARTITION_READY) return;

    struct replica_event event = {.kind = REPLICA_TERM, .term = term};
    partition_step(p, &event);
}

static void forget_producers(struct partition *p)
{
    producers_forget(&p->producers, &(struct producers_age){
                                        .log_start = journal_start(p->journal),
                                        .now_ms = env_now_ms(p->host->env),
                                        .wall_ms = env_wall_ms(p->host->env),
                                        .expiry_ms = p->host->options->producer_expiry_ms,
                                    });
}

void partition_retain(struct partition *p)
{
    if (p->state != PARTITION_READY) return;
    forget_producers(p);
    if (!partition_leads(p)) return; /* Others follow the leader. */
    if (p->is_swapping) return;

    const struct partition_config *c = &p->config;
    bool by_size = c->is_deleted && c->retention_bytes >= 0;
    struct journal_retention retention = {
        .wall_ms = env_wall_ms(p->host->env),
        .retention_ms = c->is_deleted ? c->retention_ms : -1,
        .retention_bytes = by_size ? (uint64_t)c->retention_bytes : UINT64_MAX,
        .limit = p->replica.high_watermark,
    };
    int64_t before = journal_start(p->journal);
    int64_t start = journal_retire(p->journal, &retention);
    if (start <= before) return;
    log_info(p->host->env, "%s-%d: retention: the log starts at %lld now, and no longer at %lld",
             p->topic, p->key.partition, (long long)start, (long long)before);
    partition_set_start(p, start);
}

/* flush.ms, as exact as the ticks are. */
static void sync_in_time(struct partition *p)
{
    if (p->state != PARTITION_READY || p->config.flush_ms == INT64_MAX) return;

    bool is_durable = journal_durable(p->journal) >= journal_written(p->journal);
    uint64_t now_ms = env_now_ms(p->host->env);
    if (is_durable || p->unsynced_ms == 0) p->unsynced_ms = is_durable ? 0 : now_ms;
    if (is_durable || now_ms - p->unsynced_ms < (uint64_t)p->config.flush_ms) return;
    journal_sync(p->journal);
    p->unsynced_ms = now_ms;
}

/* The metadata do not count on what is here, and another one leads, which has everything. */
static bool is_dispensable(const struct partition *p)
{
    const struct meta_partition *state = image_state(p);
    int32_t id = p->host->options->id;
    if (state == NULL || state->leader == META_NOBODY || state->leader == id) return false;
    return id_set_has(&state->offline, id) && !id_set_has(&state->isr, id);
}

/* What it could not be opened for may be over, or can be mended. */
static void maybe_begin_again(struct partition *p)
{
    struct partition_host *host = p->host;
    if (p->state != PARTITION_FAILED || p->delete_is_due || host->is_stopping) return;
    const struct host_dir *d = &host->dirs[p->dir];
    bool has_room = p->lacks_space && !d->is_short;
    bool may_cut = p->has_bad_batch && is_dispensable(p);
    if (d->is_dead || (!has_room && !may_cut)) return;
    if (env_now_ms(host->env) < p->again_ms || p->prepare != NULL || !partition_is_idle(p)) return;

    if (p->journal != NULL) journal_close(p->journal, false);
    p->journal = NULL;
    producers_close(&p->producers);
    p->lacks_space = p->has_bad_batch = false;
    p->cuts_rot = may_cut;
    p->has_fallen_back = true;
    p->state = PARTITION_PREPARING;
    host->failed_count--;
    host->opening_count++;
    partition_enter(p);
}

void partition_tick(struct partition *p)
{
    maybe_begin_again(p);
    sync_in_time(p);
    if (p->state == PARTITION_READY) journal_sweep(p->journal);
    mover_tick(p);
    if (!partition_leads(p)) return;

    /* Alone there is nobody to wait for; ten thousand of these are looked at ten times a second. */
    struct replica_event event = {.kind = REPLICA_TICK};
    if (p->replica.replicas.count > 1 || p->replica.is_proposing) partition_step(p, &event);
    if (p->config.throttles_leading) waiters_recount(p); /* It may be open again. */
}

/* ---- Ending. ---- */

/* Its topic can come back, or has. */
static bool is_kept(const struct partition *p)
{
    if ((p->host->options->broker_canary & BROKER_CANARY_BURY_EARLY) != 0) return false;
    if (meta_retired_find(p->host->image, p->key.topic_id) != NULL) return true;
    const struct meta_partition *state = image_state(p);
    return state != NULL && id_set_has(&state->replicas, p->host->options->id);
}

void partition_delete(struct partition *p)
{
    if (!p->delete_is_due) p->host->leaving_count++;
    p->delete_is_due = true;
    mover_call_off(p, "its replica is deleted");
    maybe_leave(p);
    if (p->state == PARTITION_READY) {
        waiters_fail_all(p, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        p->state = PARTITION_DELETING;
        replica_resign(&p->replica);
        partition_record_begun(p);
        partition_mark_moved(p);
        p->puts_away = is_kept(p);
        if (p->puts_away) {
            journal_stop(p->journal);
        } else {
            journal_delete(p->journal);
        }
    }
}

void partition_stop(struct partition *p)
{
    if (p->state == PARTITION_READY) {
        mover_stop(p);
        waiters_fail_all(p, KAFKA_NOT_LEADER_OR_FOLLOWER);
        p->state = PARTITION_STOPPING;
        replica_resign(&p->replica);
        partition_record_begun(p);
        partition_mark_moved(p);
        journal_stop(p->journal);
    } else {
        maybe_leave(p);
    }
}

void partition_close(struct partition *p, bool world_is_gone)
{
    struct partition_host *host = p->host;
    if (p->delete_is_due) host->leaving_count--;
    if (p->state == PARTITION_FAILED) host->failed_count--;
    if (p->dir != DIR_NONE && host->log_dirs != NULL && !world_is_gone)
        (void)count_add(&host->log_dirs->dirs[p->dir].replicas, (uint64_t)-1);
    if (p->is_dirty) TAILQ_REMOVE(&host->dirty, p, dirty_link);
    if (p->wants_isr) TAILQ_REMOVE(&host->proposals, p, proposal_link);
    if (p->moved) TAILQ_REMOVE(&host->moved, p, moved_link);
    loans_orphan(p);
    mover_close(p, world_is_gone);
    if (p->journal != NULL) journal_close(p->journal, world_is_gone);
    CHECK(IMPLIES(p->prepare != NULL, world_is_gone));
    free(p->prepare);
    buf_unref(p->first_frame);
    producers_close(&p->producers);
    free(p);
}

/* ---- ISR proposals. ---- */

void partition_fill_proposal(const struct partition *p, struct rpc_isr_change *out)
{
    const struct replica *r = &p->replica;
    CHECK(r->is_proposing);

    *out = (struct rpc_isr_change){
        .topic_id = p->key.topic_id,
        .partition = p->key.partition,
        .leader_epoch = r->leader_epoch,
        .partition_epoch = r->partition_epoch,
    };
    if (r->handover == HANDOVER_PROPOSED) {
        (void)id_set_add(&out->successor, r->successor);
        out->term = r->proposed_term;
        return;
    }
    const struct id_set *isr = replica_proposal(r);
    for (uint32_t i = 0; i < isr->count; i++) {
        int32_t id = isr->ids[i];
        const struct replica_peer *peer = replica_peer_find(r, id);
        const struct meta_broker *broker = meta_broker_find(p->host->image, id);
        /* A member that has fetched is vouched for with the epoch it fetched with; one that is in
         * the committed ISR already, and ourselves, with the one the metadata know. */
        int64_t epoch = peer != NULL && peer->has_fetched ? peer->broker_epoch
                        : broker != NULL                  ? broker->epoch
                                                          : -1;
        out->isr[out->isr_count++] = (struct rpc_isr_member){.id = id, .broker_epoch = epoch};
    }
}

void partition_on_proposal(struct partition *p, uint64_t proposal, bool is_lost, int16_t error)
{
    if (!partition_leads(p)) return;

    struct replica_event event = {.kind = REPLICA_ANSWERED};
    event.answered.proposal = proposal;
    event.answered.accepted = !is_lost && error == KAFKA_NONE;
    event.answered.is_lost = is_lost;
    /* Of a handover, a refusal is final unless the stream has something to show for it. */
    bool is_handover = p->replica.handover == HANDOVER_PROPOSED;
    bool is_shown = error == KAFKA_INVALID_UPDATE_VERSION || error == KAFKA_FENCED_LEADER_EPOCH;
    event.answered.is_final =
        !is_lost && (error == KAFKA_INELIGIBLE_REPLICA || (is_handover && !is_shown));
    partition_step(p, &event);
    if (error != KAFKA_NONE && !is_lost) {
        log_info(p->host->env, "%s-%d: the controller refused the %s: %s", p->topic,
                 p->key.partition, is_handover ? "handover" : "ISR proposal",
                 kafka_error_name(error));
    }
}
