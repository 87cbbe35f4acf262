#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/state.h"

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif

/* What one write does to one segment. */
struct part {
    int64_t base;
    struct file *file; /* A reference; made by the job if is_new, or if it was closed. */
    bool is_new;
    bool was_closed;
    bool is_sealed; /* Its indexes are stored, too. */
    struct contents
        sealed; /* Shares the memory of the segment's, which does not change any more. */
    uint32_t iov_first;
    uint32_t iov_count;
    uint64_t at; /* Where the segment was written up to. */
    struct snapshot_bytes snapshot; /* If is_new: the observer's, as of its base. */
    bool was_touched;
};

struct write_work {
    struct work w;
    bool sync;
    bool sync_parent;
    struct part *parts;
    uint32_t part_count;
    struct iovec *iov;
    struct pieces pieces; /* The references that keep the bytes. */
    bool has_epochs;
    struct epochs epochs;
    int64_t begin_offset;
    struct written_mark mark; /* What it will have been when this is done. */
    bool must_fail; /* Even if it was for want of space: nobody knows what is on the disk. */
};

/* ---- The job ---- */

static int write_part(struct write_work *x, struct fs *fs, struct part *p)
{
    const char *dir = x->w.dir;
    struct path path = files_segment(dir, p->base, ".log");
    if (p->is_new) {
        unsigned mode = FS_READ | FS_WRITE | FS_CREATE | FS_EXCL;
        int made = fs->ops->open(fs, path.text, mode, &p->file);
        if (made < 0) return work_fail(&x->w, made, "cannot create %s", path.text);
    }
    if (p->was_closed) {
        int opened = fs->ops->open(fs, path.text, FS_READ | FS_WRITE, &p->file);
        if (opened < 0) return work_fail(&x->w, opened, "cannot open %s", path.text);
    }
    p->was_touched = true;
    int rc = snapshots_store(fs, dir, p->base, &p->snapshot);
    if (rc < 0) return work_fail(&x->w, rc, "cannot write the snapshot of %s", path.text);
    uint64_t at = p->at;
    for (uint32_t done = 0; done < p->iov_count;) {
        uint32_t count = p->iov_count - done;
        if (count > IOV_MAX) count = IOV_MAX;
        const struct iovec *iov = x->iov + p->iov_first + done;
        rc = fs->ops->pwritev(fs, p->file, iov, (int)count, at);
        if (rc < 0) return work_fail(&x->w, rc, "cannot write %s at byte %" PRIu64, path.text, at);
        for (uint32_t i = 0; i < count; i++) at += iov[i].iov_len;
        done += count;
    }
    if (x->sync && p->iov_count > 0) {
        rc = fs->ops->sync(fs, p->file);
        x->must_fail = rc < 0;
        if (rc < 0) return work_fail(&x->w, rc, "cannot sync %s", path.text);
    }
    if (!p->is_sealed) return 0;
    rc = files_store_indexes(fs, dir, &p->sealed, false);
    return rc < 0 ? work_fail(&x->w, rc, "cannot write the indexes of %s", path.text) : 0;
}

/* No space: the files become what they were. */
static int undo(struct write_work *x, struct fs *fs)
{
    for (uint32_t i = x->part_count; i > 0; i--) {
        struct part *p = &x->parts[i - 1];
        if (!p->was_touched) continue;
        struct path path = files_segment(x->w.dir, p->base, ".log");
        int rc = 0;
        if (p->is_sealed) rc = files_remove_indexes(fs, x->w.dir, p->base);
        if (rc == 0 && p->is_new) {
            fs->ops->close(fs, p->file);
            p->file = NULL;
            rc = fs->ops->unlink(fs, path.text);
            if (rc == 0) rc = snapshots_remove(fs, x->w.dir, p->base);
        } else if (rc == 0) {
            rc = fs->ops->truncate(fs, p->file, p->at);
        }
        if (rc < 0) return work_fail(&x->w, rc, "cannot cut %s back after a full disk", path.text);
    }
    return 0;
}

static void write_run(struct fs *fs, struct job *job)
{
    struct write_work *x = (struct write_work *)job;
    int rc = 0;
    bool made_names = false;
    for (uint32_t i = 0; rc == 0 && i < x->part_count; i++) {
        rc = write_part(x, fs, &x->parts[i]);
        made_names = made_names || x->parts[i].is_new;
    }
    if (rc == 0 && x->sync && (made_names || x->sync_parent)) {
        rc = files_sync_names(fs, x->w.dir, x->sync_parent);
        x->must_fail = rc < 0;
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir);
    }
    if (rc == 0 && x->has_epochs) {
        /* For the next recovery's sake only: the batches say it, too. */
        rc = files_store_epochs(fs, x->w.dir, &x->epochs);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot write %s/%s", x->w.dir, CHECKPOINT_NAME);
    }
    if (rc == -ERR_FULL && !x->must_fail) {
        int undone = undo(x, fs);
        x->must_fail = undone < 0;
        if (undone < 0) rc = undone;
    }
    job->rc = rc;
}

/* ---- At home ---- */

/* No space: what was assigned and is not written never was. */
static unsigned forget_unwritten(struct journal *j)
{
    uint32_t keep = journal_segment_index(j, j->mark.contents.then.base) + 1;
    journal_drop_segments(j, keep, j->segment_count - keep);
    contents_go_back(&journal_active(j)->c, &j->mark.contents);
    for (uint32_t i = 0; i < j->pending.count; i++) buf_unref(j->pending.items[i].buf);
    j->pending.count = 0;
    j->flush_wanted = false;
    j->assigned = j->mark.end_offset;
    j->written = j->assigned;
    if (j->durable > j->written) j->durable = j->written;
    tail_cut(&j->tail, j->assigned);
    epochs_cut_tail(&j->epochs, j->assigned);
    j->epochs_dirty = true;
    return JOURNAL_NEWS_FULL;
}

static void adopt_part(struct journal *j, const struct write_work *x, struct part *p)
{
    struct segment *s = journal_segment_of_base(j, p->base);
    CHECK(s != NULL);
    if (p->is_new) {
        CHECK(s->file == NULL);
        segment_take_file(j, s, p->file);
        p->file = NULL;
        if (!x->sync) j->names_dirty = true;
    } else if (p->was_closed && s->file == NULL) {
        segment_take_file(j, s, p->file);
        p->file = NULL;
    }
    segment_used(j, s);
    if (!x->sync && p->iov_count > 0) s->log_dirty = true;
    if (p->is_sealed) {
        s->index_dirty = true;
        s->is_indexed = false;
        index_close(&s->c.offsets);
        index_close(&s->c.times);
        j->names_dirty = true;
    }
}

static unsigned write_finish(struct journal *j, struct work *w)
{
    struct write_work *x = (struct write_work *)w;
    j->is_writing = false;
    /* Whoever appends will try again, perhaps often: it is for the owner to say so, once. */
    if (w->job.rc == -ERR_FULL && !x->must_fail) return forget_unwritten(j);
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));

    for (uint32_t i = 0; i < x->part_count; i++) adopt_part(j, x, &x->parts[i]);
    if (x->sync && x->sync_parent) j->parent_dirty = false;
    j->mark = x->mark;
    j->written = x->mark.end_offset;
    if (x->sync) {
        if (j->durable >= x->begin_offset) {
            j->durable = j->written;
        } else {
            j->sync_wanted = true; /* Something older is not durable yet. */
        }
    }
    /* What is full is synced in the background: it need not be looked at after a power cut. */
    if (x->part_count > 1 && !x->sync) j->sealed_sync_wanted = true;
    if (j->segment_count > 1 && j->segments[1]->c.base <= j->forgotten) j->remove_wanted = true;
    journal_trim_files(j);
    return JOURNAL_NEWS_WRITTEN;
}

static void write_dispose(struct journal *j, struct work *w)
{
    struct write_work *x = (struct write_work *)w;
    for (uint32_t i = 0; i < x->part_count; i++) {
        env_file_unref(j->env, x->parts[i].file);
        snapshots_free(&x->parts[i].snapshot);
    }
    for (uint32_t i = 0; i < x->pieces.count; i++) buf_unref(x->pieces.items[i].buf);
    x->pieces.count = 0;
    if (j->spare.capacity == 0 && x->pieces.capacity <= 64) {
        j->spare = x->pieces;
    } else {
        free(x->pieces.items);
    }
    epochs_close(&x->epochs);
    free(x->parts);
    free(x->iov);
}

/* The parts: from the segment that was written last to the active one. */
static void make_parts(struct journal *j, struct write_work *x)
{
    uint32_t first = journal_segment_index(j, j->mark.contents.then.base);
    x->part_count = j->segment_count - first;
    x->parts = calloc(x->part_count, sizeof *x->parts);
    CHECK(x->parts != NULL);
    uint32_t next = 0;
    for (uint32_t i = 0; i < x->part_count; i++) {
        struct part *p = &x->parts[i];
        struct segment *s = j->segments[first + i];
        p->base = s->c.base;
        p->is_new = i > 0;
        p->at = i == 0 ? j->mark.contents.then.size : 0;
        p->was_closed = !p->is_new && s->file == NULL;
        if (!p->is_new && s->file != NULL) p->file = file_ref(s->file);
        p->is_sealed = i + 1 < x->part_count;
        if (p->is_sealed) p->sealed = s->c;
        p->snapshot = s->snapshot;
        s->snapshot = (struct snapshot_bytes){0};
        p->iov_first = next;
        while (next < x->pieces.count && x->pieces.items[next].segment_base == p->base) next++;
        p->iov_count = next - p->iov_first;
    }
    CHECK(next == x->pieces.count);
}

void write_begin(struct journal *j)
{
    static const struct work_kind kind = {
        .name = "write", .finish = write_finish, .dispose = write_dispose};
    CHECK(!j->is_writing);
    CHECK(journal_has_unwritten(j));

    struct write_work *x = work_new(j, &kind, sizeof *x, write_run);
    x->sync = j->sync_writes;
    x->sync_parent = x->sync && j->parent_dirty;
    x->pieces = j->pending;
    j->pending = (struct pieces){0};
    x->iov = calloc(x->pieces.count + 1, sizeof *x->iov);
    CHECK(x->iov != NULL);
    for (uint32_t i = 0; i < x->pieces.count; i++) {
        struct piece *p = &x->pieces.items[i];
        x->iov[i] = (struct iovec){.iov_base = p->buf->data + p->at, .iov_len = p->size};
    }
    make_parts(j, x);
    /* Sealing a segment is the moment for what can wait. */
    x->has_epochs = x->part_count > 1 && j->epochs_dirty;
    if (x->has_epochs) {
        epochs_copy(&x->epochs, &j->epochs);
        j->epochs_dirty = false;
    }
    x->begin_offset = j->written;
    x->mark.contents = contents_mark(&journal_active(j)->c);
    x->mark.end_offset = j->assigned;
    j->is_writing = true;
    if ((j->canary & JOURNAL_CANARY_WRITTEN_EARLY) != 0) j->written = j->assigned;
    work_submit(j, &x->w);
}

/* ---- Syncing ---- */

struct sync_item {
    int64_t base;
    struct file *file; /* NULL: by name. */
    bool log;
    bool index;
};

struct sync_work {
    struct work w;
    struct sync_item *items;
    uint32_t item_count;
    bool names;
    bool parent;
    bool is_sealed; /* Segments that are not written any more, in the background. */
    int64_t target;
};

static int sync_item(struct sync_work *x, struct fs *fs, const struct sync_item *item)
{
    struct path path = files_segment(x->w.dir, item->base, ".log");
    int rc = 0;
    if (item->log) {
        rc = item->file != NULL ? fs->ops->sync(fs, item->file) : files_sync(fs, &path);
    }
    if (rc == 0 && item->index) {
        path = files_segment(x->w.dir, item->base, ".index");
        rc = files_sync(fs, &path);
        if (rc == 0) {
            path = files_segment(x->w.dir, item->base, ".timeindex");
            rc = files_sync(fs, &path);
        }
    }
    return rc < 0 ? work_fail(&x->w, rc, "cannot sync %s", path.text) : 0;
}

static void sync_run(struct fs *fs, struct job *job)
{
    struct sync_work *x = (struct sync_work *)job;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->item_count; i++) rc = sync_item(x, fs, &x->items[i]);
    if (rc == 0 && x->names) {
        rc = files_sync_names(fs, x->w.dir, x->parent);
        if (rc < 0) (void)work_fail(&x->w, rc, "cannot sync the folder %s", x->w.dir);
    }
    job->rc = rc;
}

static unsigned sync_finish(struct journal *j, struct work *w)
{
    struct sync_work *x = (struct sync_work *)w;
    if (x->is_sealed) {
        j->is_syncing_sealed = false;
    } else {
        j->is_syncing = false;
    }
    /* Which of the bytes are lost nobody can say any more. */
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));

    /* What was synced may have been truncated since. */
    int64_t target = w->generation == j->generation ? x->target : 0;
    if (j->is_syncing_sealed && target > j->sealed_durable) {
        if (target > j->synced_beyond) j->synced_beyond = target;
        target = j->sealed_durable;
    } else if (x->is_sealed && j->synced_beyond > target) {
        target = j->synced_beyond;
    }
    if (x->is_sealed) j->synced_beyond = 0;
    if (target > j->written) target = j->written;
    if (target > j->durable) j->durable = target;
    return JOURNAL_NEWS_WRITTEN;
}

static void sync_dispose(struct journal *j, struct work *w)
{
    struct sync_work *x = (struct sync_work *)w;
    for (uint32_t i = 0; i < x->item_count; i++) env_file_unref(j->env, x->items[i].file);
    free(x->items);
}

/* What is dirty of the first `count` segments. */
static struct sync_work *sync_work_new(struct journal *j, uint32_t count)
{
    static const struct work_kind kind = {
        .name = "sync", .finish = sync_finish, .dispose = sync_dispose};
    struct sync_work *x = work_new(j, &kind, sizeof *x, sync_run);
    x->items = calloc(count + 1, sizeof *x->items);
    CHECK(x->items != NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct segment *s = j->segments[i];
        if (!s->log_dirty && !s->index_dirty) continue;
        struct sync_item *item = &x->items[x->item_count++];
        *item = (struct sync_item){.base = s->c.base, .log = s->log_dirty, .index = s->index_dirty};
        if (s->file != NULL) item->file = file_ref(s->file);
        s->log_dirty = false;
        s->index_dirty = false;
    }
    x->names = j->names_dirty;
    x->parent = j->parent_dirty;
    j->names_dirty = false;
    j->parent_dirty = false;
    return x;
}

void sync_begin(struct journal *j)
{
    CHECK(!j->is_syncing);
    struct sync_work *x = sync_work_new(j, j->segment_count);
    x->target = j->mark.end_offset; /* Not `written`, which a canary may have moved. */
    j->is_syncing = true;
    j->sync_wanted = false;
    work_submit(j, &x->w);
}

void sync_sealed_begin(struct journal *j)
{
    CHECK(!j->is_syncing_sealed);
    j->sealed_sync_wanted = false;
    /* Those at and past the mark are being written. */
    int64_t base = j->mark.contents.then.base;
    uint32_t count = journal_segment_index(j, base);
    if (base <= j->durable || count == 0) return;

    struct sync_work *x = sync_work_new(j, count);
    x->w.job.lane = j->background_lane;
    x->is_sealed = true;
    x->target = base;
    j->is_syncing_sealed = true;
    j->sealed_durable = j->durable;
    work_submit(j, &x->w);
}
