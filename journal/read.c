#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "journal/state.h"

/* What a reader asks for. */
struct want {
    int64_t offset;
    int64_t limit;
    uint32_t max_bytes;
    bool at_least_one;
};

/* Batches are added while they fit. Returns false for the first that does not. */
static bool admit(const struct want *want, uint64_t size_so_far, uint64_t size, int64_t end_offset)
{
    if (end_offset > want->limit) return false;
    if (size_so_far == 0 && want->at_least_one) return true;
    return size_so_far + size <= want->max_bytes;
}

static enum journal_read give(struct journal *j, struct segment *s, struct journal_range *out)
{
    if (out->size == 0) return JOURNAL_READ_OK;
    CHECK(s->file != NULL);
    CHECK(out->at + out->size <= journal_segment_written(j, s));
    segment_used(j, s);
    out->file = file_ref(s->file);
    return JOURNAL_READ_OK;
}

/* ---- Remembered positions ---- */

void lookups_clear(struct journal *j)
{
    if (j->lookups == NULL) return;
    for (uint32_t i = 0; i < LOOKUPS_MAX; i++) j->lookups[i] = (struct lookup){.offset = -1};
}

static struct lookup *lookup_find(struct journal *j, int64_t offset)
{
    if (j->lookups == NULL) return NULL;
    for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
        if (j->lookups[i].offset == offset) return &j->lookups[i];
    }
    return NULL;
}

/* Over the one for the same offset, over `instead`, or over the one used longest ago. */
static void lookup_put(struct journal *j, struct lookup found, struct lookup *instead)
{
    if (j->lookups == NULL) {
        j->lookups = calloc(LOOKUPS_MAX, sizeof *j->lookups);
        CHECK(j->lookups != NULL);
        lookups_clear(j);
    }
    struct lookup *to = lookup_find(j, found.offset);
    if (to == NULL) to = instead;
    if (to == NULL) {
        to = &j->lookups[0];
        for (uint32_t i = 1; i < LOOKUPS_MAX; i++) {
            if (j->lookups[i].used < to->used) to = &j->lookups[i];
        }
    }
    found.used = ++j->read_count;
    *to = found;
}

/* ---- The work: find where it lies, and have it in memory ---- */

struct read_work {
    struct work w;
    struct want want;
    int64_t base;
    struct file *file; /* A reference, or opened by the job. */
    bool is_opened;
    bool is_active;
    uint64_t end;   /* Of what is written of the segment. */
    uint64_t from;  /* A position at or before what is wanted. */
    bool use_index; /* `from` may be improved by the index file. */
    struct lookup found;
    int64_t rot; /* What ends below is sound, as far as it was looked at. */
};

/* The entry in the index file, by halving; the entry must then prove itself. False: none. */
static bool floor_on_disk(struct read_work *x, struct fs *fs, struct offset_entry *out)
{
    struct path path = files_segment(x->w.dir, x->base, ".index");
    struct file *index = NULL;
    if (fs->ops->open(fs, path.text, FS_READ, &index) < 0) return false;

    uint64_t bytes = 0;
    bool found = false;
    if (fs->ops->size(fs, index, &bytes) < 0) bytes = 0;
    uint64_t low = 0;
    uint64_t high = bytes / INDEX_OFFSET_SIZE;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint8_t raw[INDEX_OFFSET_SIZE];
        size_t got = 0;
        int rc = fs->ops->pread(fs, index, raw, sizeof raw, middle * sizeof raw, &got);
        if (rc < 0 || got < sizeof raw) break;
        struct offset_entry entry = index_offset_read(raw);
        if (entry.offset >= 0 && entry.offset <= x->want.offset - x->base) {
            *out = entry;
            found = true;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    fs->ops->close(fs, index);
    return found && out->at < x->end;
}

/* Whether a batch that ends at the entry's offset begins where it says. */
static bool proves(struct read_work *x, struct fs *fs, struct offset_entry entry)
{
    struct scan_source source = {.fs = fs, .file = x->file};
    struct scan s = scan_of(source, x->base, entry.at, x->end, x->base);
    bool ok = scan_next(&s) == 1 && batch_last_offset(&s.header) == x->base + entry.offset;
    scan_close(&s);
    return ok;
}

/* Walks to the batch, and on over what will be sent, so that sending it waits for no disk. */
static int walk(struct read_work *x, struct fs *fs)
{
    struct scan_source source = {.fs = fs, .file = x->file};
    struct scan s = scan_of(source, x->base, x->from, x->end, x->base);
    struct lookup *f = &x->found;
    int64_t before = x->base;
    x->rot = x->base;
    int rc;
    while ((rc = scan_next(&s)) == 1) {
        int64_t end = batch_last_offset(&s.header) + 1;
        before = x->rot;
        x->rot = end;
        if (end <= x->want.offset) {
            f->at = s.at;
            continue;
        }
        if (!s.is_whole) {
            /* From here on whole: that is what brings it into memory. */
            s.is_whole = true;
            s.at = s.batch_at;
            s.offset_min = s.header.base_offset;
            x->rot = before;
            continue;
        }
        if (!admit(&x->want, f->size, s.batch_bytes, end) && f->first_size > 0) break;
        if (f->first_size == 0) {
            f->at = s.batch_at;
            f->first_offset = s.header.base_offset;
            f->first_size = (uint32_t)s.batch_bytes;
            f->first_end = end;
        }
        f->size += (uint32_t)s.batch_bytes;
        f->end_offset = end;
        if (f->size >= READ_WORK_BYTES || end >= x->want.limit) break;
    }
    uint64_t at = s.at;
    /* Where offsets do not rise, it may be the batch before whose offset is bad. */
    if (s.fault == BATCH_BAD_DELTA) x->rot = before;
    scan_close(&s);
    if (rc >= 0 || f->first_size > 0) return 0;
    struct path path = files_segment(x->w.dir, x->base, ".log");
    return work_fail(&x->w, rc, "cannot find offset %" PRId64 " in %s at byte %" PRIu64,
                     x->want.offset, path.text, at);
}

static void read_run(struct fs *fs, struct job *job)
{
    struct read_work *x = (struct read_work *)job;
    if (x->file == NULL) {
        struct path path = files_segment(x->w.dir, x->base, ".log");
        /* The active one is written through the same descriptor. */
        unsigned mode = x->is_active ? FS_READ | FS_WRITE : FS_READ;
        job->rc = fs->ops->open(fs, path.text, mode, &x->file);
        x->is_opened = job->rc == 0;
        if (job->rc < 0) {
            (void)work_fail(&x->w, job->rc, "cannot open %s", path.text);
            return;
        }
    }
    struct offset_entry entry;
    if (x->use_index && floor_on_disk(x, fs, &entry) && entry.at > x->from &&
        proves(x, fs, entry)) {
        x->from = entry.at;
    }
    x->found.at = x->from;
    job->rc = walk(x, fs);
}

static unsigned read_finish(struct journal *j, struct work *w)
{
    struct read_work *x = (struct read_work *)w;
    j->read_works--;
    /* The file, and what was found in it, may have been cut since. */
    if (!work_is_current(j, w)) return JOURNAL_NEWS_READ;
    if (w->job.rc == -ERR_ABSENT && journal_segment_of_base(j, x->base) == NULL) {
        return JOURNAL_NEWS_READ; /* It was removed meanwhile. */
    }
    if (w->job.rc == -ERR_CORRUPT) {
        /* This batch is not sound, and nothing is known against the disk. */
        return JOURNAL_NEWS_READ | journal_note_rot(j, x->rot, x->want.offset, w->why);
    }
    if (w->job.rc < 0) {
        return JOURNAL_NEWS_READ | journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));
    }
    if (x->is_opened) {
        struct file *file = x->file;
        x->file = NULL;
        journal_take_file(j, x->base, file);
    }
    lookup_put(j, x->found, NULL);
    return JOURNAL_NEWS_READ;
}

static void read_dispose(struct journal *j, struct work *w)
{
    struct read_work *x = (struct read_work *)w;
    env_file_unref(j->env, x->file);
}

static const struct work_kind read_kind = {
    .name = "read", .finish = read_finish, .dispose = read_dispose};

static enum journal_read wait_for(struct journal *j, const struct segment *s,
                                  const struct want *want, uint64_t from, bool use_index)
{
    for (const struct work *w = j->works; w != NULL; w = w->next) {
        if (w->kind != &read_kind || !work_is_current(j, w)) continue;
        const struct read_work *other = (const struct read_work *)w;
        if (other->want.offset == want->offset && other->base == s->c.base) {
            return JOURNAL_READ_WAIT;
        }
    }
    if (j->read_works >= READ_WORKS_MAX) return JOURNAL_READ_WAIT;

    struct read_work *x = work_new(j, &read_kind, sizeof *x, read_run);
    x->want = *want;
    x->base = s->c.base;
    x->from = from;
    x->use_index = use_index;
    x->end = journal_segment_written(j, s);
    x->found = (struct lookup){.offset = want->offset, .segment_base = s->c.base};
    x->is_active = s == journal_active(j);
    if (s->file != NULL) x->file = file_ref(s->file);
    j->read_works++;
    work_submit(j, &x->w);
    return JOURNAL_READ_WAIT;
}

/* ---- From memory ---- */

static enum journal_read read_tail(struct journal *j, uint32_t i, const struct want *want,
                                   struct journal_range *out)
{
    const struct tail_batch *first = tail_at(&j->tail, i);
    struct segment *s = journal_segment_of_base(j, first->segment_base);
    CHECK(s != NULL);
    if (s->file == NULL) return wait_for(j, s, want, first->at, false);

    out->at = first->at;
    out->first_offset = first->base_offset;
    for (; i < j->tail.count; i++) {
        const struct tail_batch *b = tail_at(&j->tail, i);
        if (b->segment_base != first->segment_base) break;
        if (!admit(want, out->size, b->size, tail_batch_end(b))) break;
        if (out->size == 0) out->first_size = b->size;
        out->size += b->size;
        out->end_offset = tail_batch_end(b);
    }
    return give(j, s, out);
}

/* What a work has found: used once, so that a reader gets on even if nothing is ever in memory. */
static enum journal_read read_found(struct journal *j, struct segment *s, struct lookup *f,
                                    const struct want *want, struct journal_range *out)
{
    out->at = f->at;
    out->first_offset = f->first_offset;
    out->first_size = f->first_size;
    if (admit(want, 0, f->first_size, f->first_end)) {
        bool whole = f->end_offset <= want->limit && f->size <= want->max_bytes;
        out->size = whole ? f->size : f->first_size;
        out->end_offset = whole ? f->end_offset : f->first_end;
    }
    f->first_size = 0;
    f->used = ++j->read_count;
    return give(j, s, out);
}

/* ---- From the page cache, without waiting ---- */

/* Where to begin in a segment, from memory. False: only the disk knows. */
static bool floor_in_memory(const struct segment *s, const struct lookup *known, int64_t offset,
                            uint64_t *from)
{
    *from = 0;
    if (known != NULL && known->segment_base == s->c.base) {
        *from = known->at;
        return true;
    }
    if (offset <= s->c.base) return true;
    if (!s->is_indexed) return false;
    struct offset_entry entry;
    if (index_offset_floor(&s->c.offsets, offset - s->c.base, &entry)) *from = entry.at;
    return true;
}

/* Scans for the batches; *ended: the segment has none that ends past the offset. */
static int scan_inline(struct journal *j, struct segment *s, const struct want *want,
                       uint64_t *from, struct journal_range *out, bool *ended)
{
    struct scan_source source = {.env = j->env, .file = s->file};
    uint64_t end = journal_segment_written(j, s);
    struct scan scan = scan_of(source, s->c.base, *from, end, s->c.base);
    *ended = false;
    int rc;
    while ((rc = scan_next(&scan)) == 1) {
        int64_t end_offset = batch_last_offset(&scan.header) + 1;
        if (end_offset <= want->offset) {
            *from = scan.at;
            if (scan.read_count < INLINE_READS_MAX) continue;
            rc = -ERR_AGAIN;
            break;
        }
        if (!admit(want, out->size, scan.batch_bytes, end_offset)) break;
        if (out->size == 0) {
            out->at = scan.batch_at;
            out->first_offset = scan.header.base_offset;
            out->first_size = (uint32_t)scan.batch_bytes;
        }
        out->size += (uint32_t)scan.batch_bytes;
        out->end_offset = end_offset;
        if (scan.read_count >= INLINE_READS_MAX || out->size >= want->max_bytes) break;
    }
    *ended = rc == 0 && out->size == 0;
    scan_close(&scan);
    /* What is there is worth more than what would have to be waited for. */
    return rc < 0 && out->size == 0 ? rc : 0;
}

static enum journal_read read_old(struct journal *j, const struct want *want,
                                  struct journal_range *out)
{
    for (uint32_t i = journal_segment_index(j, want->offset); i < j->segment_count; i++) {
        struct segment *s = j->segments[i];
        if (s->c.base >= want->limit) break;
        struct lookup *known = lookup_find(j, want->offset);
        if (known != NULL && known->segment_base > s->c.base) continue;
        uint64_t from = 0;
        bool knows = floor_in_memory(s, known, want->offset, &from);
        if (!knows || s->file == NULL) return wait_for(j, s, want, from, !knows);
        bool here = known != NULL && known->segment_base == s->c.base;
        if (here && known->first_size > 0) return read_found(j, s, known, want, out);

        bool ended = false;
        int rc = scan_inline(j, s, want, &from, out, &ended);
        /* What is wrong, if anything is, is found out by a job, whose news the owner gets. */
        if (rc < 0) return wait_for(j, s, want, from, false);
        if (ended) continue;
        if (out->size > 0 && out->at + out->size < journal_segment_written(j, s)) {
            struct lookup next = {
                .offset = out->end_offset, .segment_base = s->c.base, .at = out->at + out->size};
            lookup_put(j, next, here ? known : NULL);
        }
        return give(j, s, out);
    }
    return JOURNAL_READ_OK;
}

/* A ring of twice the size would have held it: a reader of the tail, not one of history. */
static bool missed_narrowly(const struct journal *j, int64_t offset)
{
    if (j->tail.count == 0) return false;
    int64_t oldest = tail_at(&j->tail, 0)->base_offset;
    return offset < oldest && oldest - offset <= j->assigned - oldest;
}

enum journal_read journal_read(struct journal *j, int64_t offset, int64_t limit, uint32_t max_bytes,
                               bool at_least_one, struct journal_range *out)
{
    *out = (struct journal_range){.first_offset = offset, .end_offset = offset};
    if (j->state != JOURNAL_OPEN) return JOURNAL_READ_FAILED;

    int64_t written = journal_written(j);
    if (offset < journal_start(j) || offset > written) return JOURNAL_READ_BEYOND;
    if (limit > written) limit = written;
    if (limit > j->mark.end_offset)
        limit = j->mark.end_offset; /* A canary's `written` is no file's. */
    if (offset >= limit) return JOURNAL_READ_OK;
    if (j->rot != NULL && offset >= j->rot->blocked_from &&
        j->segments[journal_segment_index(j, offset)]->c.base == j->rot->segment_base)
        return JOURNAL_READ_FAILED;

    struct want want = {
        .offset = offset, .limit = limit, .max_bytes = max_bytes, .at_least_one = at_least_one};
    if (want.max_bytes > INT32_MAX) want.max_bytes = INT32_MAX;
    /* While files are being cut nobody looks anything up; TRUNCATED comes with READ. */
    if (j->changing.kind != CHANGE_NONE) return JOURNAL_READ_WAIT;

    uint32_t i = 0;
    if (tail_find(&j->tail, offset, &i)) return read_tail(j, i, &want, out);
    if (missed_narrowly(j, offset)) tail_grow(&j->tail);
    return read_old(j, &want, out);
}

/* ---- Roughly ---- */

/* Bytes of its segment that lie before `offset`. */
static uint64_t position(const struct journal *j, const struct segment *s, int64_t offset)
{
    uint32_t i = 0;
    if (offset >= s->c.end_offset) return s->c.size;
    if (offset <= s->c.base) return 0;
    if (tail_find(&j->tail, offset, &i) && tail_at(&j->tail, i)->segment_base == s->c.base) {
        return tail_at(&j->tail, i)->at;
    }
    struct offset_entry entry;
    if (s->is_indexed) {
        return index_offset_floor(&s->c.offsets, offset - s->c.base, &entry) ? entry.at : 0;
    }
    uint64_t span = (uint64_t)(s->c.end_offset - s->c.base);
    return s->c.size * (uint64_t)(offset - s->c.base) / span;
}

uint64_t journal_bytes_between(const struct journal *j, int64_t from, int64_t to)
{
    if (from < journal_start(j)) from = journal_start(j);
    if (to > journal_assigned(j)) to = journal_assigned(j);
    if (from >= to || j->segment_count == 0 || j->changing.kind != CHANGE_NONE) return 0;
    uint32_t first = journal_segment_index(j, from);
    uint32_t last = journal_segment_index(j, to);
    uint64_t bytes = 0;
    for (uint32_t i = first; i < last; i++) bytes += j->segments[i]->c.size;
    bytes += position(j, j->segments[last], to);
    uint64_t before = position(j, j->segments[first], from);
    return bytes > before ? bytes - before : 1;
}
