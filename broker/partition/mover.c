#include "broker/partition/mover.h"
#include "broker/partition/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/config.h"
#include "broker/partition/folder.h"
#include "broker/partition/steps.h"
#include "broker/partition/waiters.h"
#include "common/check.h"
#include "common/text.h"
#include "proto/kafka_errors.h"

#define COPY_BYTES (1024u * 1024)
#define UNIQUE_SIZE 16
#define HELD_MAX_MS 2000
#define NAME_KEPT 200 /* Of the partition's, in that of the copy: both fit into a file name. */

enum move_phase {
    MOVE_PREPARING,
    MOVE_OPENING,
    MOVE_COPYING,
    MOVE_RESETTING,
    MOVE_HOLDING,
    MOVE_SWAPPING,
};

struct dir_move {
    enum move_phase phase;
    uint32_t dir;
    bool is_off;     /* What comes home is only freed. */
    bool is_checked; /* It holds nothing that the replica does not. */
    bool is_ending;  /* The replica stops, or has failed: what is copied stays for the next run. */
    uint32_t cuts;   /* Of the replica's, when it was checked. */
    struct journal *journal;
    struct producers producers;
    struct move_job *job; /* In flight, or NULL. */
    uint64_t began_ms;
    uint64_t held_ms; /* HOLDING: since when. */
    char folder[FS_PATH_MAX];
};

/* Reads a range, or makes the folder, or swaps. */
struct move_job {
    struct job job;
    struct partition *owner;
    struct dir_move *move;
    /* A range. */
    struct file *file;
    uint64_t at;
    uint32_t size;
    struct buf *bytes;
    /* Folders. */
    struct uuid topic_id;
    char from[FS_PATH_MAX];
    char to[FS_PATH_MAX];
    char old[FS_PATH_MAX];
};

/* A journal that was the replica's, or was to be, until its last job is home. */
struct leaving {
    struct journal *journal;
    struct producers producers;
    struct leaving *next;
};

/* ---- Jobs ---- */

static struct move_job *job_new(struct partition *p, void (*run)(struct fs *, struct job *),
                                uint32_t dir)
{
    struct move_job *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->job.link.kind = PARTITION_JOB_MOVE;
    x->job.run = run;
    x->job.lane = dir_lane(p->host->options, dir, folder_hash(p->topic, p->key.partition));
    x->owner = p;
    x->move = p->move;
    x->topic_id = p->key.topic_id;
    CHECK(p->move->job == NULL);
    p->move->job = x;
    return x;
}

static void job_free(struct partition *p, struct move_job *x)
{
    if (x == NULL) return;
    if (x->file != NULL) env_file_unref(p->host->env, x->file);
    buf_unref(x->bytes);
    free(x);
}

static void run_read(struct fs *fs, struct job *job)
{
    struct move_job *x = (struct move_job *)(void *)job;
    size_t got = 0;
    job->rc = fs->ops->pread(fs, x->file, x->bytes->data, x->size, x->at, &got);
    if (job->rc == 0 && got < x->size) job->rc = -ERR_CORRUPT;
    x->bytes->size = (uint32_t)got;
}

static void run_prepare(struct fs *fs, struct job *job)
{
    struct move_job *x = (struct move_job *)(void *)job;
    job->rc = folder_identify(fs, x->to, x->topic_id);
}

/* The old one says no more that it is anybody's place; the copy says so, and gets the name. */
static void run_swap(struct fs *fs, struct job *job)
{
    struct move_job *x = (struct move_job *)(void *)job;
    char mark[FS_PATH_MAX + 32], parent[FS_PATH_MAX];
    (void)snprintf(mark, sizeof mark, "%s/" DIR_MOVED_FILE, x->old);
    int rc = fs->ops->unlink(fs, mark);
    if (rc == 0) rc = fs->ops->sync_dir(fs, x->old);
    if (rc == -ERR_ABSENT) rc = 0;
    (void)snprintf(mark, sizeof mark, "%s/" DIR_MOVED_FILE, x->from);
    if (rc == 0) rc = fs_replace_file(fs, mark, "", 0);
    if (rc == 0) rc = fs->ops->rename(fs, x->from, x->to);
    (void)snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(x->to, '/') - x->to), x->to);
    if (rc == 0) rc = fs->ops->sync_dir(fs, parent);
    job->rc = rc;
}

/* ---- Ending ---- */

static void leave(struct partition *p, struct journal *journal, struct producers *producers)
{
    struct leaving *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->journal = journal;
    if (producers != NULL) l->producers = *producers;
    journal_set_observer(journal, &l->producers);
    l->next = p->leaving;
    p->leaving = l;
}

static void sweep_leaving(struct partition *p)
{
    for (struct leaving **at = &p->leaving; *at != NULL;) {
        struct leaving *l = *at;
        enum journal_state state = journal_state_of(l->journal);
        bool is_over = state == JOURNAL_STOPPED || state == JOURNAL_FAILED;
        if (!is_over || !journal_is_idle(l->journal)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        journal_close(l->journal, false);
        producers_close(&l->producers);
        free(l);
    }
}

static void release(struct partition *p)
{
    if (!p->is_swapping) return;
    p->is_swapping = false;
    partition_mark_moved(p); /* What was held is looked at then. */
}

/* The move is over: nothing of it is in flight. */
static void end(struct partition *p)
{
    struct dir_move *m = p->move;
    CHECK(m->job == NULL);
    p->move = NULL;
    if (m->journal == NULL) producers_close(&m->producers);
    free(m);
    release(p);
    partition_mark_moved(p);
}

static void give_up(struct partition *p, bool deletes)
{
    struct dir_move *m = p->move;
    m->is_off = true;
    release(p);
    if (m->job != NULL) return; /* It comes home, and calls again. */
    if (m->journal != NULL) {
        /* The observer may be in a job's hands until the journal is open. */
        if (journal_state_of(m->journal) == JOURNAL_RECOVERING) return;
        struct journal *journal = m->journal;
        leave(p, journal, &m->producers);
        if (p->host->dirs[m->dir].is_dead) journal_abandon(journal, "its disk is out of service");
        if (deletes && journal_state_of(journal) != JOURNAL_FAILED) journal_delete(journal);
        if (!deletes) journal_stop(journal);
    }
    end(p);
    sweep_leaving(p);
}

void mover_call_off(struct partition *p, const char *why)
{
    if (p->move == NULL || p->move->is_off) return;
    log_warn(p->host->env, "%s-%d: it does not move to log.dirs %s: %s", p->topic, p->key.partition,
             p->host->options->log_dirs[p->move->dir], why);
    give_up(p, true);
}

void mover_stop(struct partition *p)
{
    if (p->move == NULL) return;
    p->move->is_ending = true;
    /* A swap that is under way is done, or not: both are whole. */
    if (!p->move->is_off) give_up(p, false);
}

bool mover_is_gone(const struct partition *p)
{
    return p->move == NULL && p->leaving == NULL;
}

void mover_close(struct partition *p, bool world_is_gone)
{
    CHECK(IMPLIES(!world_is_gone, mover_is_gone(p)));
    if (p->move != NULL) {
        job_free(p, p->move->job);
        if (p->move->journal != NULL) journal_close(p->move->journal, true);
        producers_close(&p->move->producers);
        free(p->move);
        p->move = NULL;
    }
    while (p->leaving != NULL) {
        struct leaving *l = p->leaving;
        p->leaving = l->next;
        journal_close(l->journal, true);
        producers_close(&l->producers);
        free(l);
    }
}

/* ---- Beginning ---- */

static void prepare(struct partition *p, uint32_t dir, const char *name)
{
    struct dir_move *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->dir = dir;
    m->began_ms = env_now_ms(p->host->env);
    (void)snprintf(m->folder, sizeof m->folder, "%s/%s", p->host->options->log_dirs[dir], name);
    p->move = m;
    struct move_job *x = job_new(p, run_prepare, dir);
    memcpy(x->to, m->folder, sizeof x->to);
    env_submit(p->host->env, &x->job);
}

int16_t mover_begin(struct partition *p, uint32_t dir)
{
    const struct host_dir *to = &p->host->dirs[dir];
    if (to->is_dead || to->is_short || p->state == PARTITION_FAILED)
        return KAFKA_KAFKA_STORAGE_ERROR;
    if (p->state != PARTITION_READY && p->state != PARTITION_TRUNCATING)
        return KAFKA_REPLICA_NOT_AVAILABLE;
    if (p->move != NULL && p->move->dir == dir && !p->move->is_off) return KAFKA_NONE;
    if (p->move != NULL) mover_call_off(p, "it is wanted elsewhere");
    if (p->dir == dir) return KAFKA_NONE;
    if (p->move != NULL) return KAFKA_REPLICA_NOT_AVAILABLE; /* Not over yet: ask again. */

    uint8_t unique[UNIQUE_SIZE];
    char name[NAME_KEPT + 2 * UNIQUE_SIZE + 32], hex[2 * UNIQUE_SIZE + 1] = "";
    env_random(p->host->env, unique, sizeof unique);
    for (size_t i = 0; i < sizeof unique; i++) (void)snprintf(hex + 2 * i, 3, "%02x", unique[i]);
    (void)snprintf(name, sizeof name, "%.*s-%d.%s-future", NAME_KEPT, p->topic, p->key.partition,
                   hex);
    log_info(p->host->env, "%s-%d: moving from log.dirs %s to %s", p->topic, p->key.partition,
             p->host->options->log_dirs[p->dir], p->host->options->log_dirs[dir]);
    prepare(p, dir, name);
    return KAFKA_NONE;
}

void mover_resume(struct partition *p)
{
    const struct dir_entry *e = log_dirs_find(p->host->log_dirs, p->topic, p->key.partition);
    if (e == NULL || e->future == DIR_NONE || p->has_looked_for_copy) return;
    p->has_looked_for_copy = true;
    if (e->future == p->dir || p->host->dirs[e->future].is_dead || p->move != NULL) return;
    log_info(p->host->env, "%s-%d: goes on moving from log.dirs %s to %s", p->topic,
             p->key.partition, p->host->options->log_dirs[p->dir],
             p->host->options->log_dirs[e->future]);
    prepare(p, e->future, e->future_name);
}

static void on_prepared(struct partition *p, const struct move_job *x)
{
    struct dir_move *m = p->move;
    if (x->job.rc != 0) {
        mover_call_off(p, err_text(x->job.rc));
        return;
    }
    struct journal_options options = {
        .lane = x->job.lane,
        .background = m->dir,
        .is_whole = p->host->log_dirs->dirs[m->dir].is_whole,
        .observe = producers_observe,
        .observer = &m->producers,
        .restore = producers_restore,
        .save = producers_save,
        .needs = producers_needs,
        .descriptors = &p->host->descriptors,
        .owner = p,
    };
    partition_journal_options(&p->config, &options);
    options.sync_writes = false; /* Once, at the end. */
    (void)snprintf(options.dir, sizeof options.dir, "%s", m->folder);
    m->phase = MOVE_OPENING;
    m->journal = journal_open(p->host->env, &options);
}

/* ---- Copying ---- */

static void reset(struct partition *p, int64_t offset)
{
    p->move->phase = MOVE_RESETTING;
    p->move->is_checked = true; /* There is nothing in it. */
    p->move->cuts = p->cut_count;
    journal_reset(p->move->journal, offset);
}

/* What the last run copied may be of a log that has been truncated since. The same epoch at the
 * same offset: the same log up to there (KIP-101). */
static bool agrees(const struct partition *p)
{
    const struct journal *copy = p->move->journal;
    int64_t end = journal_assigned(copy);
    if (end > journal_written(p->journal) || journal_start(copy) > journal_start(p->journal))
        return false;
    if (end <= journal_start(p->journal)) return false; /* All of it has been deleted since. */
    return end == 0 || epochs_of(journal_epochs(copy), end - 1) ==
                           epochs_of(journal_epochs(p->journal), end - 1);
}

static void read_range(struct partition *p, struct journal_range *range)
{
    /* From where the replica lies: its disk does the work. */
    struct move_job *x = job_new(p, run_read, p->dir);
    x->file = range->file;
    x->at = range->at;
    x->size = range->size;
    x->bytes = buf_new(range->size);
    throttle_spend(&p->host->moving, range->size, env_now_ms(p->host->env));
    env_submit(p->host->env, &x->job);
}

static void copy_more(struct partition *p, int64_t from, int64_t to)
{
    uint64_t now_ms = env_now_ms(p->host->env);
    /* The last bytes are not waited for: producers would wait, too. */
    if (!p->is_swapping && p->host->dirs[p->move->dir].is_short) return; /* It goes on by itself. */
    if (!p->is_swapping && !throttle_is_open(&p->host->moving, now_ms)) return;

    struct journal_range range = {0};
    switch (journal_read(p->journal, from, to, COPY_BYTES, true, &range)) {
    case JOURNAL_READ_OK:
        if (range.size > 0) read_range(p, &range);
        return;
    case JOURNAL_READ_WAIT: return;
    case JOURNAL_READ_BEYOND: reset(p, journal_start(p->journal)); return;
    case JOURNAL_READ_FAILED: mover_call_off(p, "the replica cannot be read"); return;
    }
    UNREACHABLE();
}

static void on_read(struct partition *p, struct move_job *x)
{
    struct dir_move *m = p->move;
    if (x->job.rc != 0) {
        mover_call_off(p, err_text(x->job.rc));
        return;
    }
    struct slice rest = buf_slice(x->bytes);
    struct slice batch;
    struct record_batch_header header;
    bool any = false;
    while (kafka_batch_next(&rest, &batch, &header)) {
        int64_t end = journal_assigned(m->journal);
        if (batch_last_offset(&header) < end) continue;
        if (kafka_batch_check_crc(batch) != BATCH_OK) {
            mover_call_off(p, "the replica holds a batch that is not sound");
            return;
        }
        if (header.base_offset < end) {
            /* The log starts within this batch (DeleteRecords); the copy, with it. */
            reset(p, header.base_offset);
            return;
        }
        uint32_t at = (uint32_t)(batch.at - x->bytes->data);
        journal_append(m->journal, x->bytes, at, (uint32_t)batch.size, &header);
        producers_note(&m->producers, &header);
        any = true;
    }
    room_take(p->host, m->dir, x->bytes->size);
    if (any) journal_flush(m->journal);
}

/* Its own compaction works on files that are about to go; a look-up would be lost. */
static bool may_hold(const struct partition *p)
{
    return !journal_is_cleaning(p->journal) && TAILQ_EMPTY(&p->finding) && !p->awaits_checkpoint;
}

static void swap(struct partition *p)
{
    struct dir_move *m = p->move;
    m->phase = MOVE_SWAPPING;
    struct move_job *x = job_new(p, run_swap, m->dir);
    memcpy(x->from, m->folder, sizeof x->from);
    (void)snprintf(x->old, sizeof x->old, "%s/%s-%d", p->host->options->log_dirs[p->dir], p->topic,
                   p->key.partition);
    (void)snprintf(x->to, sizeof x->to, "%s/%s-%d", p->host->options->log_dirs[m->dir], p->topic,
                   p->key.partition);
    env_submit(p->host->env, &x->job);
}

void mover_turn(struct partition *p)
{
    struct dir_move *m = p->move;
    if (m == NULL || m->is_off || m->job != NULL || p->state != PARTITION_READY) return;
    if (m->phase != MOVE_COPYING && m->phase != MOVE_HOLDING) return;
    struct journal *copy = m->journal;
    if (journal_written(copy) < journal_assigned(copy)) return;
    bool is_checked = m->is_checked && m->cuts == p->cut_count;
    int64_t from = journal_assigned(copy), to = journal_written(p->journal);
    if (from > to || (!is_checked && from > 0 && !agrees(p))) {
        reset(p, journal_start(p->journal));
        return;
    }
    m->is_checked = true;
    m->cuts = p->cut_count;
    if (from < to) {
        /* The start may lie within the batch with which an empty copy begins. */
        bool is_empty = journal_start(copy) == from;
        if (is_empty && from < journal_start(p->journal)) from = journal_start(p->journal);
        copy_more(p, from, to);
        return;
    }
    if (journal_durable(copy) < from) {
        journal_sync(copy);
        return;
    }
    if (!p->is_swapping) {
        if (!may_hold(p)) return;
        p->is_swapping = true;
        m->phase = MOVE_HOLDING;
        m->held_ms = env_now_ms(p->host->env);
    }
    bool is_quiet = journal_assigned(p->journal) == from && journal_is_idle(p->journal);
    if (is_quiet && journal_is_idle(copy)) swap(p);
}

void mover_tick(struct partition *p)
{
    struct dir_move *m = p->move;
    if (m == NULL) return;
    if (m->phase == MOVE_HOLDING && env_now_ms(p->host->env) - m->held_ms > HELD_MAX_MS) {
        /* Producers do not wait for a disk that is slow: another time. */
        m->phase = MOVE_COPYING;
        release(p);
        return;
    }
    mover_turn(p);
}

/* ---- The swap ---- */

static void lie_in(struct partition *p, uint32_t dir)
{
    struct log_dir *dirs = p->host->log_dirs->dirs;
    (void)count_add(&dirs[p->dir].replicas, (uint64_t)-1);
    (void)count_add(&dirs[dir].replicas, 1);
    p->dir = dir;
}

static void on_swapped(struct partition *p, const struct move_job *x)
{
    struct dir_move *m = p->move;
    if (x->job.rc != 0) {
        char why[DIR_WHY_SIZE];
        (void)snprintf(why, sizeof why, "%s-%d: its copy in %.900s cannot be put in place: %s",
                       p->topic, p->key.partition, m->folder, err_text(x->job.rc));
        /* Whether the copy is the replica now, the next start finds out: until then, it is. */
        lie_in(p, m->dir);
        host_dir_died(p->host, m->dir, why);
        return;
    }
    struct journal *old = p->journal;
    p->journal = m->journal;
    m->journal = NULL;
    journal_rehome(p->journal, x->to, &p->producers);
    lie_in(p, m->dir);
    /* The other folder's files say what they say until they are written anew. */
    struct partition_checkpoint before = p->checkpoint;
    p->checkpoint = PARTITION_CHECKPOINT_NONE;
    p->checkpoint.watermark = before.watermark;
    p->checkpoint.log_start = before.log_start;
    p->in_checkpoint = false;
    p->host->dirs[p->dir].checkpoint_is_due = true;
    journal_set_start(p->journal, journal_start(old));
    leave(p, old, NULL);
    journal_delete(old);
    log_info(p->host->env, "%s-%d: lies in log.dirs %s now, after %llu ms", p->topic,
             p->key.partition, p->host->options->log_dirs[p->dir],
             (unsigned long long)(env_now_ms(p->host->env) - m->began_ms));
    end(p);
    struct journal_options options = {0};
    partition_journal_options(&p->config, &options);
    journal_set_options(p->journal, &options);
    partition_ends_moved(p);
    waiters_wake(p);
}

/* ---- What comes home ---- */

static void on_move_job(struct partition *p, struct move_job *x)
{
    struct dir_move *m = p->move;
    CHECK(m != NULL && m->job == x);
    m->job = NULL;
    bool is_swap = x->job.run == run_swap;
    bool is_replica = is_swap && x->job.rc == 0 && p->state == PARTITION_READY;
    if (m->is_off && !is_replica) {
        if (is_swap && x->job.rc == 0) journal_rehome(m->journal, x->to, &m->producers);
        give_up(p, !m->is_ending);
    } else if (is_swap) {
        on_swapped(p, x);
    } else if (x->job.run == run_prepare) {
        on_prepared(p, x);
    } else {
        on_read(p, x);
    }
    job_free(p, x);
    mover_turn(p);
}

static void on_copy_job(struct partition *p, struct job *job)
{
    struct dir_move *m = p->move;
    unsigned news = journal_on_job(m->journal, job);
    if (m->is_off) {
        give_up(p, !m->is_ending);
        return;
    }
    if (journal_state_of(m->journal) == JOURNAL_FAILED) {
        char why[DIR_WHY_SIZE];
        (void)snprintf(why, sizeof why, "%s-%d: %s", p->topic, p->key.partition,
                       journal_why(m->journal));
        bool was_open = m->phase != MOVE_OPENING;
        uint32_t dir = m->dir;
        mover_call_off(p, why);
        if (was_open) host_dir_died(p->host, dir, why);
        return;
    }
    if ((news & JOURNAL_NEWS_FULL) != 0) {
        mover_call_off(p, "no space is left there");
        return;
    }
    if ((news & JOURNAL_NEWS_OPENED) != 0) {
        m->phase = MOVE_COPYING;
        if (journal_assigned(m->journal) == 0 && journal_start(p->journal) > 0) {
            reset(p, journal_start(p->journal));
        }
    }
    if ((news & JOURNAL_NEWS_TRUNCATED) != 0 && m->phase == MOVE_RESETTING)
        m->phase = p->is_swapping ? MOVE_HOLDING : MOVE_COPYING;
    mover_turn(p);
}

bool mover_on_job(struct partition *p, struct job *job)
{
    if (job->link.kind == PARTITION_JOB_MOVE) {
        on_move_job(p, (struct move_job *)(void *)job);
        return true;
    }
    if (job->link.kind != JOURNAL_JOB_KIND) return false;
    struct journal *j = journal_of_job(job);
    if (j == p->journal) return false;
    if (p->move != NULL && j == p->move->journal) {
        on_copy_job(p, job);
        return true;
    }
    (void)journal_on_job(j, job);
    sweep_leaving(p);
    partition_mark_moved(p);
    return true;
}

struct partition *mover_owner(const struct job *job)
{
    return ((const struct move_job *)(const void *)job)->owner;
}

bool mover_progress(const struct partition *p, uint32_t *dir, int64_t *size_bytes, int64_t *lag)
{
    const struct dir_move *m = p->move;
    if (m == NULL || m->is_off) return false;
    /* It is on its way from the moment in which it was asked for. */
    bool is_open = m->journal != NULL && journal_state_of(m->journal) == JOURNAL_OPEN;
    int64_t end = is_open ? journal_assigned(m->journal) : journal_start(p->journal);
    *dir = m->dir;
    *size_bytes = is_open ? (int64_t)journal_size_bytes(m->journal) : 0;
    int64_t behind = journal_written(p->journal) - end;
    *lag = behind > 0 ? behind : 0;
    return true;
}

bool mover_uses(const struct partition *p, uint32_t dir)
{
    return p->move != NULL && p->move->dir == dir;
}
