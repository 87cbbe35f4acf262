/* What nobody reads here leaves the page cache: written out early, dropped when that is done. */
#include "common/check.h"
#include "journal/state.h"

#define PAGE_BYTES 4096u
#define CHUNK_MAX_BYTES (4u * 1024 * 1024)
#define JOB_MAX_BYTES (4u * CHUNK_MAX_BYTES) /* Others wait in the lane. */

struct drop_work {
    struct work w;
    int64_t base;
    struct file *file; /* A reference, or opened by the job. */
    uint64_t from;     /* Being written out since the job before: dropped ... */
    uint64_t middle;   /* ... up to here; written out from here ... */
    uint64_t to;       /* ... to here. */
};

static void drop_run(struct fs *fs, struct job *job)
{
    struct drop_work *x = (struct drop_work *)job;
    struct path path = files_segment(x->w.dir, x->base, ".log");
    job->rc = 0;
    if (x->file == NULL) {
        int opened = fs->ops->open(fs, path.text, FS_READ, &x->file);
        if (opened == -ERR_ABSENT) return; /* Retention was quicker. */
        if (opened < 0) {
            job->rc = work_fail(&x->w, opened, "cannot open %s", path.text);
            return;
        }
    }
    if (x->middle > x->from) {
        job->rc = fs->ops->write_out_end(fs, x->file, x->from, x->middle - x->from);
    }
    if (job->rc == 0 && x->to > x->middle) {
        job->rc = fs->ops->write_out_begin(fs, x->file, x->middle, x->to - x->middle);
    }
    if (job->rc < 0) (void)work_fail(&x->w, job->rc, "cannot write %s out", path.text);
}

static unsigned drop_finish(struct journal *j, struct work *w)
{
    struct drop_work *x = (struct drop_work *)w;
    j->is_dropping = false;
    /* As after a failed sync: which of the bytes are lost nobody can say. */
    if (w->job.rc < 0) return journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));
    if (!work_is_current(j, w) || j->behind.base != x->base) return 0;
    j->behind.dropped = x->middle;
    j->behind.out = x->to;
    return 0;
}

static void drop_dispose(struct journal *j, struct work *w)
{
    struct drop_work *x = (struct drop_work *)w;
    env_file_unref(j->env, x->file);
}

void journal_keep_cached(struct journal *j)
{
    j->behind.base = j->mark.contents.then.base;
    j->behind.out = j->mark.contents.then.size & ~(uint64_t)(PAGE_BYTES - 1);
    j->behind.dropped = j->behind.out;
}

/* The segment that the position is in, or the one after it if that is done with. NULL: it is none
 * of ours any more. */
static const struct segment *segment_behind(struct journal *j)
{
    const struct segment *s = journal_segment_of_base(j, j->behind.base);
    if (s == NULL || j->behind.out > journal_segment_written(j, s)) return NULL;
    if (s->c.base == j->mark.contents.then.base || j->behind.dropped < s->c.size) return s;

    s = j->segments[journal_segment_index(j, s->c.base) + 1];
    j->behind.base = s->c.base;
    j->behind.out = j->behind.dropped = 0;
    return s;
}

/* A job is for so much, or up to JOB_MAX_BYTES where it lags. */
static uint64_t chunk_bytes(uint64_t keep_bytes)
{
    uint64_t chunk = keep_bytes / 2;
    if (chunk > CHUNK_MAX_BYTES) chunk = CHUNK_MAX_BYTES;
    return chunk < PAGE_BYTES ? PAGE_BYTES : chunk;
}

void journal_drop_behind(struct journal *j, uint64_t keep_bytes)
{
    static const struct work_kind kind = {
        .name = "drop_behind", .finish = drop_finish, .dispose = drop_dispose};
    bool may = j->state == JOURNAL_OPEN && !j->is_dropping && !j->is_swapping &&
               j->changing.kind == CHANGE_NONE && j->change_wanted.kind == CHANGE_NONE;
    if (!may) return;
    const struct segment *s = segment_behind(j);
    if (s == NULL) {
        journal_keep_cached(j);
        return;
    }

    uint64_t end = journal_segment_written(j, s);
    if (s->c.base == j->mark.contents.then.base) {
        end = end > keep_bytes ? (end - keep_bytes) & ~(uint64_t)(PAGE_BYTES - 1) : 0;
        if (end < j->behind.out + chunk_bytes(keep_bytes)) return;
    }
    if (end - j->behind.out > JOB_MAX_BYTES) end = j->behind.out + JOB_MAX_BYTES;
    struct drop_work *x = work_new(j, &kind, sizeof *x, drop_run);
    x->w.job.lane = j->background_lane;
    x->base = s->c.base;
    x->from = j->behind.dropped;
    x->middle = j->behind.out;
    x->to = end;
    if (s->file != NULL) x->file = file_ref(s->file);
    j->is_dropping = true;
    work_submit(j, &x->w);
}
