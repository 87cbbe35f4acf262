#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/state.h"

#define NAME_KEPT 200 /* Of a folder that is renamed: the rest of 255 is the suffix. */

/* ---- Truncation and reset ---- */

struct change_work {
    struct work w;
    struct change change;
    int64_t *gone; /* Segments that disappear, the newest first. */
    uint32_t gone_count;
    struct contents c; /* Of the segment that is the active one then. */
    uint64_t size;     /* Bytes of its file before. */
    uint32_t interval;
    struct file *file; /* Its file: a reference, or opened by the job. */
    struct epochs epochs;
    bool sync;
    bool sync_parent;
};

static int cut(struct change_work *x, struct fs *fs)
{
    struct path path = files_segment(x->w.dir, x->c.base, ".log");
    int rc = 0;
    if (x->file == NULL) {
        rc = fs->ops->open(fs, path.text, FS_READ | FS_WRITE | FS_CREATE, &x->file);
        if (rc < 0) return work_fail(&x->w, rc, "cannot open %s", path.text);
    }
    if (x->change.kind == CHANGE_TRUNCATE) {
        rc = contents_scan(fs, x->file, &x->c, x->size, x->change.offset, x->interval);
        if (rc < 0) return work_fail(&x->w, rc, "cannot read %s", path.text);
    }
    /* An index that says more than its log would be believed: it goes first. */
    rc = files_remove_indexes(fs, x->w.dir, x->c.base);
    if (rc == 0) rc = fs->ops->truncate(fs, x->file, x->c.size);
    if (rc == 0 && x->sync) rc = fs->ops->sync(fs, x->file);
    return rc < 0 ? work_fail(&x->w, rc, "cannot truncate %s", path.text) : 0;
}

static void change_run(struct fs *fs, struct job *job)
{
    struct change_work *x = (struct change_work *)job;
    /* The checkpoint before the bytes: it must never name an epoch that the log does not hold. */
    int rc = files_store_epochs(fs, x->w.dir, &x->epochs);
    if (rc < 0) (void)work_fail(&x->w, rc, "cannot write %s/%s", x->w.dir, CHECKPOINT_NAME);
    for (uint32_t i = 0; rc == 0 && i < x->gone_count; i++) {
        rc = files_remove_segment(fs, x->w.dir, x->gone[i]);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot remove a segment of %s", x->w.dir);
    }
    if (rc == 0) rc = cut(x, fs);
    if (rc == 0 && x->sync) {
        rc = files_sync_names(fs, x->w.dir, x->sync_parent);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir);
    }
    job->rc = rc;
}

/* The segments become what the job made of the files. */
static void adopt(struct journal *j, struct change_work *x)
{
    if (x->change.kind == CHANGE_RESET) {
        journal_drop_segments(j, 0, j->segment_count);
        (void)journal_push_segment(j, x->c);
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
    if (active->file == NULL) {
        active->file = x->file;
        x->file = NULL;
    }
    active->log_dirty = !x->sync;
}

static unsigned change_finish(struct journal *j, struct work *w)
{
    struct change_work *x = (struct change_work *)w;
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));

    adopt(j, x);
    int64_t end = journal_active(j)->c.end_offset;
    if (x->change.kind == CHANGE_RESET) j->start = x->change.offset;
    if (end < j->start) end = j->start; /* All that is left lies below the start. */
    j->assigned = end;
    if (x->change.kind == CHANGE_RESET) j->durable = end;
    if (j->durable > end) j->durable = end;
    if (x->change.kind == CHANGE_RESET) tail_close(&j->tail);
    tail_cut(&j->tail, end);
    lookups_clear(j);
    j->generation++;
    j->changing = (struct change){0};
    j->names_dirty = j->names_dirty || !x->sync;
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
    epochs_copy(&x->epochs, &j->epochs);
    j->epochs_dirty = false;
    uint32_t keep = 0;
    if (x->change.kind == CHANGE_TRUNCATE) {
        uint32_t at = journal_segment_index(j, x->change.offset);
        const struct segment *s = j->segments[at];
        x->c = contents_of(s->c.base);
        x->size = journal_segment_written(j, s);
        if (s->file != NULL) x->file = file_ref(s->file);
        keep = at + 1;
    } else {
        x->c = contents_of(x->change.offset);
    }
    x->gone = calloc(j->segment_count + 1, sizeof *x->gone);
    CHECK(x->gone != NULL);
    for (uint32_t i = j->segment_count; i > keep; i--) {
        x->gone[x->gone_count++] = j->segments[i - 1]->c.base;
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
        rc = files_remove_segment(fs, x->w.dir, x->gone[i]);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot remove a segment of %s", x->w.dir);
    }
    job->rc = rc;
}

static unsigned remove_finish(struct journal *j, struct work *w)
{
    j->is_removing = false;
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));
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
    while (count + 1 < j->segment_count && j->segments[count + 1]->c.base <= j->start &&
           j->segments[count]->c.base < j->mark.contents.then.base) {
        count++;
    }
    if (count == 0) return;
    struct remove_work *x = work_new(j, &kind, sizeof *x, remove_run);
    x->gone = calloc(count, sizeof *x->gone);
    CHECK(x->gone != NULL);
    for (uint32_t i = 0; i < count; i++) x->gone[x->gone_count++] = j->segments[i]->c.base;
    journal_drop_segments(j, 0, count);
    lookups_clear(j);
    j->names_dirty = true;
    j->is_removing = true;
    work_submit(j, &x->w);
}

/* ---- Stopping ---- */

struct stop_work {
    struct work w;
    struct contents active; /* Shares the memory of the segment's: nothing is appended any more. */
    int64_t *dirty;
    uint32_t dirty_count;
    struct epochs epochs;
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

static void stop_run(struct fs *fs, struct job *job)
{
    struct stop_work *x = (struct stop_work *)job;
    int rc = files_store_indexes(fs, x->w.dir, &x->active, false);
    if (rc < 0) (void)work_fail(&x->w, rc, "cannot write the indexes of %s", x->w.dir);
    for (uint32_t i = 0; rc == 0 && i < x->dirty_count; i++) {
        rc = sync_segment(x, fs, x->dirty[i]);
    }
    if (rc == 0) {
        rc = files_store_epochs(fs, x->w.dir, &x->epochs);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot write %s/%s", x->w.dir, CHECKPOINT_NAME);
    }
    if (rc == 0) {
        rc = files_sync_names(fs, x->w.dir, x->sync_parent);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir);
    }
    job->rc = rc;
}

static void close_files(struct journal *j)
{
    for (uint32_t i = 0; i < j->segment_count; i++) {
        env_file_unref(j->env, j->segments[i]->file);
        j->segments[i]->file = NULL;
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
    free(x->dirty);
}

void stop_begin(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "stop", .finish = stop_finish, .dispose = stop_dispose};
    struct stop_work *x = work_new(j, &kind, sizeof *x, stop_run);
    x->active = journal_active(j)->c;
    x->dirty = calloc(j->segment_count, sizeof *x->dirty);
    CHECK(x->dirty != NULL);
    for (uint32_t i = 0; i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];
        bool is_last = i + 1 == j->segment_count;
        if (s->log_dirty || s->index_dirty || is_last) x->dirty[x->dirty_count++] = s->c.base;
    }
    epochs_copy(&x->epochs, &j->epochs);
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
