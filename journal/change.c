#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/kept.h"
#include "journal/state.h"

#define NAME_KEPT 200 /* Of a folder that is renamed: the rest of 255 is the suffix. */

/* ---- Truncation and reset ---- */

struct change_work {
    struct work w;
    struct change change;
    int64_t *gone; /* Segments that disappear, the newest first: what is left never has a hole. */
    uint32_t gone_count;
    struct contents c; /* Of the segment that is the active one then. */
    bool is_indexed;   /* Its indexes are in memory. */
    uint64_t size;     /* Bytes of its file before. */
    uint32_t interval;
    struct file *file; /* Its file, open for writing: a reference, or opened by the job. */
    struct epochs epochs;
    struct observer observer;
    struct observed_log *kept; /* The segments that stay. */
    uint32_t kept_count;
    bool sync;
    bool sync_parent;
    uint64_t kept_bytes; /* Of what was cut off. */
    int kept_rc;
    bool lacks_room; /* For the first segment of a log that begins anew; nothing else is wrong. */
};

/* A checkpoint that tells of epochs that the log does not hold would mislead the next recovery;
 * with none at all it asks the batches. So a full disk does not keep a replica from truncating. */
static int store_epochs(struct work *w, struct fs *fs, const struct epochs *epochs)
{
    struct path path = files_named(w->dir, CHECKPOINT_NAME);
    int rc = files_store_epochs(fs, w->dir, epochs);
    if (rc == -ERR_FULL) rc = fs->ops->unlink(fs, path.text);
    if (rc == 0 || rc == -ERR_ABSENT) return 0;
    return work_fail(w, rc, "cannot write %s", path.text);
}

static int remove_gone(struct change_work *x, struct fs *fs)
{
    for (uint32_t i = 0; i < x->gone_count; i++) {
        int rc = files_remove_segment(fs, x->w.dir, x->gone[i]);
        if (rc < 0) return work_fail(&x->w, rc, "cannot remove a segment of %s", x->w.dir);
    }
    if (x->gone_count == 0 && !x->sync) return 0;
    /* None may come back after a power cut, behind what is going to be written. */
    int rc = files_sync_names(fs, x->w.dir, x->sync_parent);
    return rc < 0 ? work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir) : 0;
}

/* x->c becomes what is left of the segment. */
static int find_cut(struct change_work *x, struct fs *fs)
{
    int64_t base = x->c.base;
    int rc = -ERR_CORRUPT;
    if (!x->is_indexed) {
        x->is_indexed = contents_load(fs, x->w.dir, &x->c, x->size, x->c.end_offset) == 0;
    }
    if (x->is_indexed) {
        (void)contents_rewind(&x->c, x->change.offset);
        rc = contents_scan(fs, x->file, &x->c, x->size, x->change.offset, x->interval);
    }
    if (rc != -ERR_CORRUPT) return rc;
    /* There was no index, or it led astray. */
    contents_close(&x->c);
    x->c = contents_of(base);
    return contents_scan(fs, x->file, &x->c, x->size, x->change.offset, x->interval);
}

static int cut_snapshots(struct change_work *x, struct fs *fs)
{
    int64_t end = x->change.kind == CHANGE_RESET ? -1 : x->c.end_offset;
    uint32_t count = 0;
    if (!observer_is_saved(&x->observer)) return 0;
    int rc = snapshots_cut(fs, x->w.dir, end, &count);
    /* None may come back after a power cut: the log will hold something else there. */
    if (rc == 0 && count > 0) rc = files_sync_names(fs, x->w.dir, false);
    return rc < 0 ? work_fail(&x->w, rc, "cannot remove the snapshots of %s", x->w.dir) : 0;
}

/* The observer forgets what is gone. */
static int observe_again(struct change_work *x, struct fs *fs)
{
    if (!observer_is_saved(&x->observer)) return 0;
    if (x->change.kind == CHANGE_TRUNCATE) x->kept[x->kept_count - 1].size = x->c.size;
    int rc = snapshots_observe(fs, x->w.dir, &x->observer, x->kept, x->kept_count, x->c.end_offset);
    return rc < 0 ? work_fail(&x->w, rc, "cannot read %s again", x->w.dir) : 0;
}

/* The segment that stays, and where in it the cut is. */
static int open_cut(struct change_work *x, struct fs *fs)
{
    struct path path = files_segment(x->w.dir, x->c.base, ".log");
    int rc = 0;
    if (x->file == NULL) {
        rc = fs->ops->open(fs, path.text, FS_READ | FS_WRITE | FS_CREATE, &x->file);
        x->lacks_room = rc == -ERR_FULL && x->change.kind == CHANGE_RESET;
        if (rc < 0) return work_fail(&x->w, rc, "cannot open %s", path.text);
    }
    if (x->change.kind == CHANGE_TRUNCATE) {
        rc = find_cut(x, fs);
        if (rc < 0) return work_fail(&x->w, rc, "cannot read %s", path.text);
    }
    return 0;
}

/* What cannot be kept is cut off all the same: a replica that stands still is worse. */
static void keep_tail(struct change_work *x, struct fs *fs)
{
    struct kept_tail tail = {.offset = x->c.end_offset,
                             .epoch = x->change.last_epoch,
                             .file = x->file,
                             .at = x->c.size,
                             .size = x->size,
                             .gone = x->gone,
                             .gone_count = x->gone_count};
    x->kept_rc = kept_write(fs, x->w.dir, &tail, &x->kept_bytes);
}

static int cut(struct change_work *x, struct fs *fs)
{
    struct path path = files_segment(x->w.dir, x->c.base, ".log");
    int rc = cut_snapshots(x, fs);
    if (rc < 0) return rc;
    /* An index that says more than its log would be believed once the log has grown past it. */
    rc = files_remove_indexes(fs, x->w.dir, x->c.base);
    if (rc == 0) rc = fs->ops->truncate(fs, x->file, x->c.size);
    /* Always: batches of a deposed leader must not come back behind those of the next one. */
    if (rc == 0) rc = fs->ops->sync(fs, x->file);
    if (rc == 0 && x->sync) rc = files_sync_names(fs, x->w.dir, false);
    return rc < 0 ? work_fail(&x->w, rc, "cannot truncate %s", path.text) : 0;
}

static void change_run(struct fs *fs, struct job *job)
{
    struct change_work *x = (struct change_work *)job;
    int rc = 0;
    if (x->change.kind == CHANGE_TRUNCATE) {
        rc = open_cut(x, fs);
        if (rc == 0 && !x->change.keeps_not) keep_tail(x, fs);
    }
    /* The checkpoint before the bytes: it must never name an epoch that the log does not hold. */
    if (rc == 0) rc = store_epochs(&x->w, fs, &x->epochs);
    if (rc == 0) rc = remove_gone(x, fs);
    /* Only now: the segment that a reset begins with may have the name of one that goes. */
    if (rc == 0 && x->change.kind == CHANGE_RESET) rc = open_cut(x, fs);
    if (rc == 0) rc = cut(x, fs);
    if (rc == 0) rc = observe_again(x, fs);
    job->rc = rc;
}

/* The segments become what the job made of the files. */
static void adopt(struct journal *j, struct change_work *x)
{
    if (x->change.kind == CHANGE_RESET) {
        journal_drop_segments(j, 0, j->segment_count);
        (void)journal_push_segment(j, x->c);
        j->names_dirty = j->names_dirty || !x->sync;
    } else {
        uint32_t keep = journal_segment_index(j, x->c.base) + 1;
        journal_drop_segments(j, keep, j->segment_count - keep);
        struct segment *s = journal_active(j);
        CHECK(s->c.base == x->c.base);
        contents_close(&s->c);
        s->c = x->c;
        s->is_indexed = true;
    }
    x->c = (struct contents){0};
    struct segment *active = journal_active(j);
    if (active->file != x->file) {
        segment_close_file(j, active);
        segment_take_file(j, active, x->file);
        x->file = NULL;
    }
    active->log_dirty = false;
    active->index_dirty = false;
}

static unsigned change_finish(struct journal *j, struct work *w)
{
    struct change_work *x = (struct change_work *)w;
    if (w->job.rc < 0) {
        if (x->lacks_room) j->fail_rc = w->job.rc;
        return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));
    }
    if (x->kept_rc < 0) {
        log_error(j->env, "%s: what is cut off at %lld cannot be kept: %s", j->dir,
                  (long long)x->c.end_offset, err_text(x->kept_rc));
    } else if (x->kept_bytes > 0) {
        log_info(j->env, "%s: what is cut off is kept in %020lld-%d" KEPT_EXTENSION " (%llu bytes)",
                 j->dir, (long long)x->c.end_offset, x->change.last_epoch,
                 (unsigned long long)x->kept_bytes);
    }
    adopt(j, x);
    struct contents *c = &journal_active(j)->c;
    if (x->change.kind == CHANGE_RESET) j->start = x->change.offset;
    if (j->forgotten > j->start) j->forgotten = j->start;
    /* The start may lie inside the batch that went: then the log is empty and begins there. */
    if (c->end_offset < j->start) c->end_offset = j->start;
    int64_t end = c->end_offset;
    j->assigned = end;
    if (x->change.kind == CHANGE_RESET) j->durable = end;
    if (j->cleaned > end || x->change.kind == CHANGE_RESET) j->cleaned = end;
    if (j->rot != NULL && (j->rot->offset >= end || x->change.kind == CHANGE_RESET)) {
        journal_forget_rot(j);
        j->is_uncleanable = false;
    }
    journal_scrub_anew(j);
    if (j->durable > end) j->durable = end;
    if (x->change.kind == CHANGE_RESET) tail_close(&j->tail);
    tail_cut(&j->tail, end);
    /* More may have gone than was asked for: the offset was inside a batch that only the disk knew.
     */
    epochs_cut_tail(&j->epochs, end);
    if (j->epochs.count != x->epochs.count) j->epochs_dirty = true;
    lookups_clear(j);
    j->synced_beyond = 0;
    j->generation++;
    j->changing = (struct change){0};
    journal_settle(j);
    return JOURNAL_NEWS_TRUNCATED | JOURNAL_NEWS_WRITTEN | JOURNAL_NEWS_READ;
}

static void change_dispose(struct journal *j, struct work *w)
{
    struct change_work *x = (struct change_work *)w;
    env_file_unref(j->env, x->file);
    contents_close(&x->c);
    epochs_close(&x->epochs);
    free(x->gone);
    free(x->kept);
}

/* Hands the last segment that stays over to the job, with its indexes: they come back cut. Returns
 * how many stay. */
static uint32_t lend_last(struct journal *j, struct change_work *x)
{
    uint32_t at = journal_segment_index(j, x->change.offset);
    struct segment *s = j->segments[at];
    x->size = journal_segment_written(j, s);
    x->is_indexed = s->is_indexed;
    x->c = s->c;
    s->c.offsets = (struct index){0};
    s->c.times = (struct index){0};
    /* Whoever still sends from it must not send what will be written over it. */
    if (s->file != NULL) env_revoke(j->env, s->file);
    /* Others may be open for reading only. */
    if (s == journal_active(j) && s->file != NULL) x->file = file_ref(s->file);
    return at + 1;
}

void change_begin(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "change", .finish = change_finish, .dispose = change_dispose};
    CHECK(j->changing.kind == CHANGE_NONE);
    CHECK(j->pending.count == 0 && !j->is_writing);

    j->changing = j->change_wanted;
    j->change_wanted = (struct change){0};
    struct change_work *x = work_new(j, &kind, sizeof *x, change_run);
    x->change = j->changing;
    x->interval = j->limits.index_interval_bytes;
    x->sync = j->sync_writes;
    x->sync_parent = x->sync && j->parent_dirty;
    x->observer = j->observer;
    epochs_copy(&x->epochs, &j->epochs);
    j->epochs_dirty = false;
    uint32_t keep = 0;
    if (x->change.kind == CHANGE_TRUNCATE) {
        keep = lend_last(j, x);
    } else {
        x->c = contents_of(x->change.offset);
    }
    x->gone = calloc(j->segment_count + 1, sizeof *x->gone);
    CHECK(x->gone != NULL);
    for (uint32_t i = j->segment_count; i > keep; i--) {
        x->gone[x->gone_count++] = j->segments[i - 1]->c.base;
    }
    x->kept = calloc(keep + 1, sizeof *x->kept);
    CHECK(x->kept != NULL);
    for (; x->kept_count < keep; x->kept_count++) {
        const struct segment *s = j->segments[x->kept_count];
        x->kept[x->kept_count] =
            (struct observed_log){.base = s->c.base, .size = journal_segment_written(j, s)};
    }
    work_submit(j, &x->w);
}

/* ---- Segments below the start ---- */

struct remove_work {
    struct work w;
    int64_t *gone; /* The oldest first. */
    uint32_t gone_count;
};

static void remove_run(struct fs *fs, struct job *job)
{
    struct remove_work *x = (struct remove_work *)job;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->gone_count; i++) {
        rc = files_retire_segment(fs, x->w.dir, x->gone[i], false);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot rename a segment of %s", x->w.dir);
    }
    job->rc = rc;
}

static unsigned remove_finish(struct journal *j, struct work *w)
{
    const struct remove_work *x = (const struct remove_work *)w;
    j->is_removing = false;
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));

    if (j->retired_count + x->gone_count > j->retired_capacity) {
        j->retired_capacity = j->retired_count + x->gone_count;
        j->retired = realloc(j->retired, j->retired_capacity * sizeof *j->retired);
        CHECK(j->retired != NULL);
    }
    uint64_t due_ms = env_now_ms(j->env) + (uint64_t)j->delete_delay_ms;
    if (due_ms < (uint64_t)j->delete_delay_ms) due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < x->gone_count; i++) {
        j->retired[j->retired_count++] = (struct retired){.base = x->gone[i], .due_ms = due_ms};
    }
    journal_sweep(j);
    return 0;
}

static void remove_dispose(struct journal *j, struct work *w)
{
    (void)j;
    free(((struct remove_work *)w)->gone);
}

void remove_begin(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "remove", .finish = remove_finish, .dispose = remove_dispose};
    CHECK(!j->is_removing);

    j->remove_wanted = false;
    uint32_t count = 0;
    /* Those at and past the mark are being written; the active one always stays. */
    while (count + 1 < j->segment_count && j->segments[count + 1]->c.base <= j->forgotten &&
           j->segments[count]->c.base < j->mark.contents.then.base) {
        count++;
    }
    if (count == 0) return;
    struct remove_work *x = work_new(j, &kind, sizeof *x, remove_run);
    x->gone = calloc(count + 1, sizeof *x->gone);
    CHECK(x->gone != NULL);
    for (uint32_t i = 0; i < count; i++) x->gone[x->gone_count++] = j->segments[i]->c.base;
    journal_drop_segments(j, 0, count);
    bool goes_on = (j->canary & JOURNAL_CANARY_REMOVE_BEYOND) != 0 && j->segment_count > 1 &&
                   j->segments[0]->c.base < j->mark.contents.then.base;
    if (goes_on) x->gone[x->gone_count++] = j->segments[0]->c.base;
    lookups_clear(j);
    j->names_dirty = true;
    j->is_removing = true;
    work_submit(j, &x->w);
}

static void sweep_run(struct fs *fs, struct job *job)
{
    struct remove_work *x = (struct remove_work *)job;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->gone_count; i++) {
        rc = files_sweep_segment(fs, x->w.dir, x->gone[i]);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot remove a segment of %s", x->w.dir);
    }
    job->rc = rc;
}

static unsigned sweep_finish(struct journal *j, struct work *w)
{
    j->is_sweeping = false;
    /* They are nobody's any more; the next start tries again. */
    if (w->job.rc < 0) log_warn(j->env, "%s (%s)", w->why, err_text(w->job.rc));
    return 0;
}

static struct remove_work *sweep_new(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "sweep", .finish = sweep_finish, .dispose = remove_dispose};
    struct remove_work *x = work_new(j, &kind, sizeof *x, sweep_run);
    x->w.job.lane = j->background_lane; /* A large file takes its time. */
    return x;
}

void sweep_now(struct journal *j, int64_t *bases, uint32_t count)
{
    struct remove_work *x = sweep_new(j);
    x->gone = bases;
    x->gone_count = count;
    j->is_sweeping = true;
    work_submit(j, &x->w);
}

void sweep_begin(struct journal *j)
{
    CHECK(!j->is_sweeping);

    struct remove_work *x = sweep_new(j);
    x->gone = calloc(j->retired_count, sizeof *x->gone);
    CHECK(x->gone != NULL);
    uint64_t now_ms = env_now_ms(j->env);
    while (x->gone_count < j->retired_count && j->retired[x->gone_count].due_ms <= now_ms) {
        x->gone[x->gone_count] = j->retired[x->gone_count].base;
        x->gone_count++;
    }
    j->retired_count -= x->gone_count;
    memmove(j->retired, j->retired + x->gone_count, j->retired_count * sizeof *j->retired);
    j->is_sweeping = true;
    work_submit(j, &x->w);
}

/* ---- Stopping ---- */

struct stop_work {
    struct work w;
    struct contents active; /* Shares the memory of the segment's: nothing is appended any more. */
    int64_t *dirty;
    uint32_t dirty_count;
    struct snapshot_bytes snapshot;
    bool has_epochs;
    struct epochs epochs;
    bool sync_names;
    bool sync_parent;
};

static int sync_segment(struct stop_work *x, struct fs *fs, int64_t base)
{
    static const char *const extensions[] = {".log", ".index", ".timeindex"};
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        struct path path = files_segment(x->w.dir, base, extensions[i]);
        int rc = files_sync(fs, &path);
        if (rc < 0) return work_fail(&x->w, rc, "cannot sync %s", path.text);
    }
    return 0;
}

/* What there is no space for, the next recovery makes again. */
static int store_spare(struct stop_work *x, struct fs *fs)
{
    int64_t end = x->active.end_offset;
    int rc = files_store_indexes(fs, x->w.dir, &x->active, false);
    if (rc == -ERR_FULL) rc = files_remove_indexes(fs, x->w.dir, x->active.base);
    if (rc < 0) return work_fail(&x->w, rc, "cannot write the indexes of %s", x->w.dir);
    rc = snapshots_store(fs, x->w.dir, end, &x->snapshot);
    if (rc == -ERR_FULL) rc = snapshots_remove(fs, x->w.dir, end);
    return rc < 0 ? work_fail(&x->w, rc, "cannot write the snapshot of %s", x->w.dir) : 0;
}

static void stop_run(struct fs *fs, struct job *job)
{
    struct stop_work *x = (struct stop_work *)job;
    int rc = store_spare(x, fs);
    for (uint32_t i = 0; rc == 0 && i < x->dirty_count; i++) {
        rc = sync_segment(x, fs, x->dirty[i]);
    }
    if (rc == 0 && x->has_epochs) rc = store_epochs(&x->w, fs, &x->epochs);
    if (rc == 0 && x->sync_names) {
        rc = files_sync_names(fs, x->w.dir, x->sync_parent);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir);
    }
    job->rc = rc;
}

static void close_files(struct journal *j)
{
    for (uint32_t i = 0; i < j->segment_count; i++) {
        segment_close_file(j, j->segments[i]);
    }
}

static unsigned stop_finish(struct journal *j, struct work *w)
{
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));

    close_files(j);
    j->durable = j->written;
    j->state = JOURNAL_STOPPED;
    return JOURNAL_NEWS_STOPPED;
}

static void stop_dispose(struct journal *j, struct work *w)
{
    (void)j;
    struct stop_work *x = (struct stop_work *)w;
    epochs_close(&x->epochs);
    snapshots_free(&x->snapshot);
    free(x->dirty);
}

void stop_begin(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "stop", .finish = stop_finish, .dispose = stop_dispose};
    struct stop_work *x = work_new(j, &kind, sizeof *x, stop_run);
    contents_seal(&journal_active(j)->c);
    x->active = journal_active(j)->c;
    /* An empty segment begins with one, or with nothing. */
    if (x->active.size > 0) x->snapshot = snapshots_save(&j->observer);
    x->dirty = calloc(j->segment_count, sizeof *x->dirty);
    CHECK(x->dirty != NULL);
    for (uint32_t i = 0; i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];
        if (s->log_dirty || s->index_dirty) x->dirty[x->dirty_count++] = s->c.base;
    }
    x->has_epochs = j->epochs_dirty;
    if (x->has_epochs) epochs_copy(&x->epochs, &j->epochs);
    x->sync_names = j->names_dirty;
    x->sync_parent = j->parent_dirty;
    j->is_ending = true;
    work_submit(j, &x->w);
}

/* ---- Deletion ---- */

struct delete_work {
    struct work w;
    char renamed[FS_PATH_MAX + SEGMENT_NAME_MAX];
};

static void delete_run(struct fs *fs, struct job *job)
{
    struct delete_work *x = (struct delete_work *)job;
    /* One rename: whoever comes after a crash sees a partition or something to be removed. */
    int rc = fs->ops->rename(fs, x->w.dir, x->renamed);
    /* Else a power cut may leave, under the old name, a log without the file that says whose it is.
     */
    if (rc == 0) rc = files_sync_parent(fs, x->renamed);
    if (rc == 0) rc = fs_remove_tree(fs, x->renamed);
    if (rc == -ERR_ABSENT) rc = 0;
    if (rc < 0) (void)work_fail(&x->w, rc, "cannot remove %s", x->w.dir);
    job->rc = rc;
}

static unsigned delete_finish(struct journal *j, struct work *w)
{
    if (w->job.rc < 0) log_warn(j->env, "%s (%s)", w->why, err_text(w->job.rc));
    j->state = JOURNAL_STOPPED;
    return JOURNAL_NEWS_STOPPED;
}

static void delete_dispose(struct journal *j, struct work *w)
{
    (void)j;
    (void)w;
}

/* Kafka's form: topic-partition.UNIQUE-delete, with the topic cut where the name would be too long.
 */
static void name_deleted(struct journal *j, struct delete_work *x)
{
    uint8_t unique[16];
    env_random(j->env, unique, sizeof unique);
    const char *name = strrchr(j->dir, '/');
    size_t folder = name == NULL ? 0 : (size_t)(name + 1 - j->dir);
    size_t kept = strlen(j->dir + folder);
    if (kept > NAME_KEPT) kept = NAME_KEPT;
    int size = snprintf(x->renamed, sizeof x->renamed, "%.*s.", (int)(folder + kept), j->dir);
    CHECK(size > 0 && (size_t)size + 2 * sizeof unique + sizeof "-delete" <= sizeof x->renamed);
    for (size_t i = 0; i < sizeof unique; i++) {
        size += snprintf(x->renamed + size, 3, "%02x", unique[i]);
    }
    memcpy(x->renamed + size, "-delete", sizeof "-delete");
}

void delete_begin(struct journal *j)
{
    static const struct work_kind kind = {.name = "delete",
                                          .finish = delete_finish,
                                          .dispose = delete_dispose,
                                          .outlives_failure = true};
    struct delete_work *x = work_new(j, &kind, sizeof *x, delete_run);
    name_deleted(j, x);
    close_files(j);
    j->is_ending = true;
    work_submit(j, &x->w);
}
