/* The scrub: what is written is read, so that what has rotted is found before a reader finds it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "journal/state.h"

#define WINDOW_BYTES (256u * 1024)

struct scrub_work {
    struct work w;
    int64_t base;
    struct file *file; /* A reference, or opened by the job. */
    uint64_t from;
    uint64_t end;       /* Of what is written of the segment. */
    int64_t offset_min; /* What ends below has been read before. */
    int64_t offset_max; /* The next segment begins there. */
    uint64_t max_bytes;
    /* What came of it. */
    uint64_t at;
    int64_t next_offset;
    bool is_rotten;
    int64_t blocked_from; /* Where the next batch begins is not known. */
};

/* What was read last, so that batches of any size, or what claims to be one, take bounded memory.
 */
struct window {
    uint8_t *bytes;
    uint64_t at;
    size_t size;
};

static int window_fill(struct scrub_work *x, struct fs *fs, struct window *v, uint64_t at)
{
    if (v->bytes == NULL) v->bytes = malloc(WINDOW_BYTES);
    CHECK(v->bytes != NULL);
    uint64_t left = x->end - at;
    v->at = at;
    v->size = 0;
    int rc = fs->ops->pread(fs, x->file, v->bytes,
                            left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES, at, &v->size);
    return rc == 0 && v->size == 0 ? -ERR_CORRUPT : rc; /* Somebody has cut the file. */
}

/* The checksum of a batch whose header is known. BATCH_OK, a fault, or an error. */
static int check(struct scrub_work *x, struct fs *fs, const struct scan *s, struct window *v)
{
    uint64_t at = s->batch_at + BATCH_CHECKED_FROM, end = s->batch_at + s->batch_bytes;
    uint32_t crc = 0;
    while (at < end) {
        if (at < v->at || at >= v->at + v->size) {
            int rc = window_fill(x, fs, v, at);
            if (rc < 0) return rc;
        }
        uint64_t size = v->at + v->size - at;
        if (size > end - at) size = end - at;
        crc = crc32c_more(crc, v->bytes + (at - v->at), (size_t)size);
        at += size;
    }
    return crc == s->header.crc ? BATCH_OK : BATCH_BAD_CRC;
}

/* From there on it is not sound; what lies before is. */
static void note_rot(struct scrub_work *x, uint64_t at, int64_t offset, const char *what)
{
    struct path path = files_segment(x->w.dir, x->base, ".log");
    x->is_rotten = true;
    x->next_offset = offset;
    (void)work_fail(&x->w, -ERR_CORRUPT, "%s, byte %" PRIu64 ", offset %" PRId64 ": %s", path.text,
                    at, offset, what);
}

static void walk(struct scrub_work *x, struct fs *fs, struct scan *s, struct window *v)
{
    uint64_t last_at = x->from;
    int64_t last_offset = x->offset_min;
    while (x->at - x->from < x->max_bytes && x->at < x->end) {
        int rc = scan_next(s);
        bool is_batch = rc == 1;
        enum batch_fault fault = is_batch ? BATCH_OK : s->fault;
        if (is_batch) rc = check(x, fs, s, v);
        if (rc > 0) fault = (enum batch_fault)rc;
        if (fault == BATCH_BAD_DELTA) {
            /* Offsets do not rise: it may be the batch before whose offset is bad. */
            x->blocked_from = last_offset;
            note_rot(x, last_at, last_offset, "the offsets do not rise");
            return;
        }
        if (is_batch && s->offset_min > x->offset_max) {
            x->blocked_from = x->next_offset;
            note_rot(x, x->at, x->next_offset, "its offset is one of the next segment");
            return;
        }
        if (rc < 0 || fault != BATCH_OK) {
            if (rc < 0) x->blocked_from = x->next_offset;
            const char *what = rc == -ERR_IO       ? "it cannot be read"
                               : fault == BATCH_OK ? "the file is shorter than it was"
                                                   : batch_fault_text(fault);
            note_rot(x, x->at, x->next_offset, what);
            return;
        }
        last_at = x->at;
        last_offset = x->next_offset;
        x->at = s->at;
        x->next_offset = s->offset_min;
    }
}

static void scrub_run(struct fs *fs, struct job *job)
{
    struct scrub_work *x = (struct scrub_work *)job;
    job->rc = 0;
    if (x->file == NULL) {
        struct path path = files_segment(x->w.dir, x->base, ".log");
        job->rc = fs->ops->open(fs, path.text, FS_READ, &x->file);
        if (job->rc == -ERR_ABSENT) {
            job->rc = 0;
            x->blocked_from = x->base;
            note_rot(x, 0, x->base, "the file is gone");
        }
        if (x->file == NULL) return;
    }
    struct scan s = scan_of((struct scan_source){.fs = fs, .file = x->file}, x->base, x->from,
                            x->end, x->offset_min);
    struct window v = {0};
    walk(x, fs, &s, &v);
    free(v.bytes);
    scan_close(&s);
}

static unsigned scrub_finish(struct journal *j, struct work *w)
{
    struct scrub_work *x = (struct scrub_work *)w;
    j->is_scrubbing = false;
    j->scrub.bytes += x->at - x->from;
    /* The file, and what was found in it, may have been cut or compacted since. */
    const struct segment *s = journal_segment_of_base(j, x->base);
    if (!work_is_current(j, w) || s == NULL || w->job.rc < 0) return JOURNAL_NEWS_SCRUBBED;
    if (j->state != JOURNAL_OPEN || x->offset_max <= journal_start(j)) return JOURNAL_NEWS_SCRUBBED;
    if (x->is_rotten) {
        return JOURNAL_NEWS_SCRUBBED | journal_note_rot(j, x->next_offset, x->blocked_from, w->why);
    }
    j->scrub.base = x->base;
    j->scrub.at = x->at;
    j->scrub.offset = x->next_offset;
    return JOURNAL_NEWS_SCRUBBED;
}

static void scrub_dispose(struct journal *j, struct work *w)
{
    struct scrub_work *x = (struct scrub_work *)w;
    env_file_unref(j->env, x->file);
}

/* The next bytes that are written: NULL, there are none left in this pass. */
static const struct segment *next_segment(const struct journal *j, int64_t *next_base)
{
    for (uint32_t i = 0; i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];
        uint64_t size = journal_segment_written(j, s);
        bool is_last = i + 1 == j->segment_count;
        *next_base = is_last ? j->mark.end_offset : j->segments[i + 1]->c.base;
        if (s->c.base < j->scrub.base) continue;
        /* What comes while a pass goes on is for the next one, or it would never end. */
        if (s->c.base >= j->scrub.limit) return NULL;
        if (s->c.base == j->scrub.base && j->scrub.offset >= j->scrub.limit) return NULL;
        if (*next_base <= journal_start(j)) continue; /* It is about to go. */
        if (s->c.base == j->scrub.base && j->scrub.at >= size) continue;
        if (size > 0) return s;
    }
    return NULL;
}

uint64_t journal_scrub(struct journal *j, uint64_t max_bytes)
{
    static const struct work_kind kind = {
        .name = "scrub", .finish = scrub_finish, .dispose = scrub_dispose};
    CHECK(max_bytes > 0);
    bool may = j->state == JOURNAL_OPEN && !j->is_scrubbing && j->rot == NULL &&
               j->changing.kind == CHANGE_NONE && j->change_wanted.kind == CHANGE_NONE;
    int64_t next_base = 0;
    const struct segment *s = may ? next_segment(j, &next_base) : NULL;
    if (s == NULL) return 0;

    bool goes_on = s->c.base == j->scrub.base;
    struct scrub_work *x = work_new(j, &kind, sizeof *x, scrub_run);
    x->w.job.lane = j->background_lane;
    x->base = s->c.base;
    x->from = x->at = goes_on ? j->scrub.at : 0;
    x->offset_min = x->next_offset = goes_on ? j->scrub.offset : s->c.base;
    x->offset_max = next_base;
    x->blocked_from = INT64_MAX;
    x->end = journal_segment_written(j, s);
    x->max_bytes = max_bytes;
    if (s->file != NULL) x->file = file_ref(s->file);
    j->is_scrubbing = true;
    work_submit(j, &x->w);
    return x->end - x->from < max_bytes ? x->end - x->from : max_bytes;
}

bool journal_is_scrubbing(const struct journal *j)
{
    return j->is_scrubbing;
}

void journal_scrub_again(struct journal *j, int64_t base)
{
    if (j->scrub.base != base) return;
    j->scrub.at = 0;
    j->scrub.offset = base;
}

void journal_scrub_anew(struct journal *j)
{
    j->scrub.limit = j->mark.end_offset;
    j->scrub.base = -1;
    j->scrub.at = 0;
}

uint64_t journal_scrubbed_bytes(const struct journal *j)
{
    return j->scrub.bytes;
}

/* ---- What was found ---- */

unsigned journal_note_rot(struct journal *j, int64_t offset, int64_t blocked_from, const char *why)
{
    uint32_t at = journal_segment_index(j, offset);
    struct journal_rot *rot = j->rot;
    bool is_known = rot != NULL && rot->offset <= offset;
    if (rot != NULL && rot->segment_base == j->segments[at]->c.base &&
        blocked_from > rot->blocked_from) {
        blocked_from = rot->blocked_from;
    }
    if (is_known) {
        if (rot->segment_base == j->segments[at]->c.base) rot->blocked_from = blocked_from;
        return 0;
    }
    if (rot == NULL) rot = calloc(1, sizeof *rot);
    CHECK(rot != NULL);
    j->rot = rot;
    rot->offset = offset;
    rot->blocked_from = blocked_from;
    rot->segment_base = j->segments[at]->c.base;
    (void)snprintf(rot->why, sizeof rot->why, "%s", why);
    return JOURNAL_NEWS_ROTTEN;
}

void journal_rot_leaves(struct journal *j)
{
    if (j->rot == NULL) return;
    uint32_t at = journal_segment_index(j, j->rot->offset);
    bool is_last = at + 1 == j->segment_count;
    if (!is_last && j->segments[at + 1]->c.base <= journal_start(j)) journal_forget_rot(j);
}

void journal_forget_rot(struct journal *j)
{
    free(j->rot);
    j->rot = NULL;
}

const struct journal_rot *journal_rot(const struct journal *j)
{
    return j->rot;
}
