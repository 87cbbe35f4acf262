#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/state.h"

/* How much at the end of a log that survived its process is checked against checksums: more than
 * one write can have left half done is not needed, and this is cheap. */
#define FINAL_BYTES (256u * 1024)

#define NAME_MAX_BYTES 256
#define NAMES_FIRST 8u

struct found_segment {
    struct contents c;
    bool is_indexed;
};

/* Names that are to be removed: their number is small but not known. */
struct names {
    char (*items)[NAME_MAX_BYTES];
    uint32_t count;
    uint32_t capacity;
};

struct open_work {
    struct work w;
    struct journal_options options;
    struct segment_limits limits;
    struct observer observer;

    /* What the folder holds. */
    struct bases logs;
    struct bases forgotten; /* Below what the owner knows to be the start: not looked at. */
    struct bases indexes;   /* Perhaps without a log. */
    struct bases swaps;     /* Cleaned logs that have not taken their place yet. */
    struct names leftovers;
    uint32_t entry_count;
    char strange[NAME_MAX_BYTES]; /* The first name that must not be there. */

    struct epochs checkpoint;

    /* What comes home. */
    struct found_segment *segments;
    uint32_t segment_count;
    struct file *active;
    struct epochs epochs;
    bool epochs_dirty;
    bool names_dirty;
    bool parent_dirty;
    struct tail tail;
    int64_t durable;
    char report[WORK_WHY_MAX]; /* What was cut off, if anything. */
};

/* One segment, while it is looked at. */
struct inspection {
    struct open_work *o;
    struct fs *fs;
    struct file *file;
    struct contents *c;
    int64_t next_base; /* INT64_MAX for the last. */
    uint64_t size;
    bool is_last;
    bool is_loaded;     /* Its indexes came from the disk. */
    bool is_cut;        /* The segment ends earlier than its file did. */
    int64_t index_last; /* The batch at which the scan begins must end there; -1: any. */
    bool must_restart;  /* The index or the checkpoint contradicts the log: scan from the front. */
};

/* ---- The folder ---- */

static bool ends_with(const char *name, const char *tail)
{
    size_t a = strlen(name);
    size_t b = strlen(tail);
    return a >= b && strcmp(name + a - b, tail) == 0;
}

static void copy_name(char *to, const char *name)
{
    (void)snprintf(to, NAME_MAX_BYTES, "%s", name);
}

static void visit(void *arg, const struct fs_entry *entry)
{
    struct open_work *o = arg;
    o->entry_count++;

    int64_t base = 0;
    const char *extension = NULL;
    int rc = files_parse(entry->name, &base, &extension);
    if (rc == 0 && !entry->is_dir) {
        bases_add(strcmp(extension, ".log") == 0 ? &o->logs : &o->indexes, base);
        return;
    }
    bool is_segment = strspn(entry->name, "0123456789") == 20;
    bool is_ours =
        is_segment || strncmp(entry->name, CHECKPOINT_NAME, strlen(CHECKPOINT_NAME)) == 0;
    if (rc == -ERR_INVALID || rc == 0) {
        if (o->strange[0] == 0) copy_name(o->strange, entry->name);
        return;
    }
    if (!is_ours || entry->is_dir) return; /* The owner's, or a stranger's who does no harm. */
    if (files_parse_as(entry->name, ".log.swap", &base)) {
        bases_add(&o->swaps, base);
        return;
    }
    if (!ends_with(entry->name, ".deleted") && !ends_with(entry->name, ".cleaned") &&
        !ends_with(entry->name, ".swap") && !ends_with(entry->name, ".tmp")) {
        return;
    }
    struct names *n = &o->leftovers;
    if (n->count == n->capacity) {
        n->capacity = n->capacity == 0 ? NAMES_FIRST : n->capacity * 2;
        n->items = realloc(n->items, n->capacity * sizeof *n->items);
        CHECK(n->items != NULL);
    }
    copy_name(n->items[n->count++], entry->name);
}

/* What a crash in the middle of a removal has left. */
static int sweep(struct open_work *o, struct fs *fs)
{
    for (uint32_t i = 0; i < o->leftovers.count; i++) {
        const char *name = o->leftovers.items[i];
        int64_t base = 0;
        bool is_index = files_parse_as(name, ".index.swap", &base) ||
                        files_parse_as(name, ".timeindex.swap", &base);
        if (is_index && bases_have(&o->swaps, base)) continue;
        struct path path = files_named(o->w.dir, name);
        int rc = fs->ops->unlink(fs, path.text);
        if (rc < 0 && rc != -ERR_ABSENT) {
            return work_fail(&o->w, rc, "cannot remove %s", path.text);
        }
    }
    for (uint32_t i = 0; i < o->indexes.count; i++) {
        if (bases_have(&o->logs, o->indexes.items[i])) continue;
        int rc = files_remove_indexes(fs, o->w.dir, o->indexes.items[i]);
        if (rc < 0) return work_fail(&o->w, rc, "cannot remove old indexes in %s", o->w.dir);
    }
    return 0;
}

/* They were removed, perhaps, and a power cut has brought some of them back: between them may be
 * holes, and in them anything. */
static void set_forgotten_aside(struct open_work *o)
{
    const struct journal_options *options = &o->options;
    int64_t below = options->start_offset > options->snapshot_end ? options->start_offset
                                                                  : options->snapshot_end;
    uint32_t count = 0;
    while (count + 1 < o->logs.count && o->logs.items[count + 1] <= below) count++;
    for (uint32_t i = 0; i < count; i++) bases_add(&o->forgotten, o->logs.items[i]);
    o->logs.count -= count;
    if (count > 0) memmove(o->logs.items, &o->logs.items[count], o->logs.count * sizeof(int64_t));
}

static int list_folder(struct open_work *o, struct fs *fs)
{
    const char *dir = o->w.dir;
    int rc = fs->ops->list(fs, dir, visit, o);
    if (rc == -ERR_ABSENT) {
        rc = fs->ops->mkdir(fs, dir);
    }
    if (rc < 0) return work_fail(&o->w, rc, "cannot open the folder %s", dir);
    if (o->options.create_only && o->entry_count > 0) {
        return work_fail(&o->w, -ERR_EXISTS, "the folder %s should be new but is not empty", dir);
    }
    if (o->strange[0] != 0) {
        return work_fail(&o->w, -ERR_INVALID,
                         "%s/%s is no segment's file that can be read here; nothing was changed",
                         dir, o->strange);
    }
    bases_sort(&o->logs);
    bases_sort(&o->swaps);
    rc = sweep(o, fs);
    if (rc < 0) return rc;
    int64_t at = 0;
    rc = compact_finish(fs, dir, &o->swaps, &o->logs, &at);
    if (rc < 0) {
        struct path path = files_segment(dir, at, ".log.swap");
        return work_fail(&o->w, rc, "cannot finish a compaction with %s", path.text);
    }
    set_forgotten_aside(o);
    return 0;
}

/* ---- One segment ---- */

int contents_load(struct fs *fs, const char *dir, struct contents *c, uint64_t size,
                  int64_t offset_end)
{
    uint8_t *bytes = NULL;
    size_t got = 0;
    struct path path = files_segment(dir, c->base, ".index");
    int rc = fs_read_file(fs, path.text, INT32_MAX, &bytes, &got);
    if (rc == 0 && !index_load_offsets(&c->offsets, bytes, got, size, offset_end - c->base)) {
        rc = -ERR_CORRUPT;
    }
    free(bytes);
    if (rc < 0) return rc;

    bytes = NULL;
    path = files_segment(dir, c->base, ".timeindex");
    rc = fs_read_file(fs, path.text, INT32_MAX, &bytes, &got);
    if (rc == 0 && !index_load_times(&c->times, bytes, got, offset_end - c->base)) {
        rc = -ERR_CORRUPT;
    }
    free(bytes);
    return rc;
}

int contents_scan(struct fs *fs, struct file *file, struct contents *c, uint64_t end,
                  int64_t end_offset, uint32_t interval)
{
    struct scan_source source = {.fs = fs, .file = file};
    struct scan s = scan_of(source, c->base, c->size, end, c->end_offset);
    int rc = 0;
    /* What follows the end is not looked at: it may be why there is one. */
    while (c->end_offset < end_offset && (rc = scan_next(&s)) == 1) {
        if (batch_last_offset(&s.header) >= end_offset) break;
        contents_add(c, &s.header, s.batch_bytes, interval);
    }
    scan_close(&s);
    return rc < 0 ? rc : 0;
}

/* Whether this batch's bytes are looked at, and not only its header. */
static bool wants_checksum(const struct inspection *x, const struct scan *s)
{
    const struct journal_options *options = &x->o->options;
    if (options->cuts_rot) return true;
    if (!options->is_whole) return batch_last_offset(&s->header) >= options->recovery_point;
    return x->is_last && s->batch_at + s->batch_bytes + FINAL_BYTES > x->size;
}

static bool wants_observing(const struct inspection *x, const struct scan *s)
{
    const struct journal_options *options = &x->o->options;
    return options->observe != NULL && s->header.base_offset >= options->observe_from;
}

/* And handed over. */
static bool wants_bytes(const struct inspection *x, const struct scan *s)
{
    if (!wants_observing(x, s)) return false;
    return !observer_is_saved(&x->o->observer) || batch_is_control(&s->header);
}

/* What the checkpoint says of the batches that were not looked at, up to the first that was. */
static void note_prefix(struct open_work *o, int64_t offset)
{
    int64_t log_start = o->logs.items[0];
    for (uint32_t i = 0; i < o->checkpoint.count; i++) {
        const struct epoch_start *e = &o->checkpoint.items[i];
        if (e->start_offset > offset) break;
        epochs_note(&o->epochs, e->epoch,
                    e->start_offset > log_start ? e->start_offset : log_start);
    }
}

/* An epoch that begins with this batch, as far as the log tells. Where compaction has removed its
 * first batches, or all of an epoch before it, the checkpoint knows better, if it agrees so far. */
static void note_epoch(struct inspection *x, const struct record_batch_header *h)
{
    struct open_work *o = x->o;
    if (h->partition_leader_epoch <= epochs_last(&o->epochs)) return;
    bool agrees = epochs_of(&o->checkpoint, h->base_offset) == h->partition_leader_epoch;
    for (uint32_t i = 0; agrees && i < o->checkpoint.count; i++) {
        const struct epoch_start *e = &o->checkpoint.items[i];
        if (e->start_offset > h->base_offset) break;
        int64_t seen = x->c->end_offset;
        epochs_note(&o->epochs, e->epoch, e->start_offset > seen ? e->start_offset : seen);
    }
}

/* A batch is whole: take it. */
static void take(struct inspection *x, const struct scan *s)
{
    struct open_work *o = x->o;
    note_epoch(x, &s->header);
    epochs_note(&o->epochs, s->header.partition_leader_epoch, s->header.base_offset);
    if (wants_observing(x, s)) {
        CHECK(IMPLIES(wants_bytes(x, s), s->is_whole));
        o->observer.observe(o->observer.self, &s->header,
                            s->is_whole ? s->batch : (struct slice){0});
    }
    if (x->is_last) {
        tail_push(&o->tail, (struct tail_batch){.base_offset = s->header.base_offset,
                                                .segment_base = x->c->base,
                                                .at = (uint32_t)s->batch_at,
                                                .size = (uint32_t)s->batch_bytes,
                                                .last_offset_delta = s->header.last_offset_delta});
    }
    contents_add(x->c, &s->header, s->batch_bytes, o->limits.index_interval_bytes);
}

/* The first batch that is looked at in a segment that was not scanned from its front. */
static bool contradicts(const struct inspection *x, const struct record_batch_header *first)
{
    if (x->index_last < 0) return false;
    if (batch_last_offset(first) != x->index_last) return true;
    return epochs_of(&x->o->checkpoint, first->base_offset) != first->partition_leader_epoch;
}

/* A batch that is not one: cut here, or give up if that would lose what must be there. */
static int on_corrupt(struct inspection *x, const struct scan *s, uint64_t at, bool reaches_end,
                      const char *what)
{
    struct open_work *o = x->o;
    const struct journal_options *options = &o->options;
    struct path path = files_segment(o->w.dir, x->c->base, ".log");
    /* A log that begins so is none of ours; further on it is whatever a power cut left there. */
    bool is_old = at == 0 && s->fault == BATCH_OLD_MAGIC;
    bool may_cut = (!options->is_whole || (x->is_last && reaches_end)) &&
                   x->c->end_offset >= options->recovery_point;
    if (!options->cuts_rot && (!may_cut || is_old)) {
        return work_fail(&o->w, -ERR_CORRUPT,
                         "%s: byte %" PRIu64 ", offset %" PRId64 ": %s; nothing was changed",
                         path.text, at, x->c->end_offset, what);
    }
    (void)snprintf(o->report, sizeof o->report,
                   "%.380s: cut at byte %" PRIu64 " of %" PRIu64 ", offset %" PRId64 ": %.60s",
                   path.text, at, x->size, x->c->end_offset, what);
    x->is_cut = true;
    return 0;
}

/* Reads on from where x->c ends. */
static int scan_on(struct inspection *x)
{
    struct scan_source source = {.fs = x->fs, .file = x->file};
    struct scan s = scan_of(source, x->c->base, x->c->size, x->size, x->c->end_offset);
    bool is_first = true;
    int rc;
    while ((rc = scan_next(&s)) == 1) {
        if (is_first && x->index_last >= 0) {
            x->must_restart = contradicts(x, &s.header);
            if (x->must_restart) break;
            note_prefix(x->o, s.header.base_offset);
        }
        bool checksum = wants_checksum(x, &s);
        if (!s.is_whole && (checksum || wants_bytes(x, &s))) {
            /* Once more, with its bytes. */
            s.is_whole = true;
            s.at = s.batch_at;
            s.offset_min = s.header.base_offset;
            continue;
        }
        if (checksum && kafka_batch_check_crc(s.batch) != BATCH_OK) {
            /* A process that dies leaves a part of a batch, and never a whole one that is not what
             * it says: in a log that is whole this is no torn end, and may be committed. */
            rc = on_corrupt(x, &s, s.batch_at, false, "the checksum does not match");
            break;
        }
        take(x, &s);
        is_first = false;
        if (!checksum && observer_is_saved(&x->o->observer)) s.is_whole = false;
    }
    if (rc == -ERR_CORRUPT && x->o->w.why[0] == 0) {
        bool suspect = is_first && x->index_last >= 0;
        x->must_restart = suspect;
        rc = suspect ? 0 : on_corrupt(x, &s, s.at, s.is_torn, batch_fault_text(s.fault));
    } else if (rc < 0 && x->o->w.why[0] == 0) {
        struct path path = files_segment(x->o->w.dir, x->c->base, ".log");
        rc = work_fail(&x->o->w, rc, "cannot read %s at byte %" PRIu64, path.text, s.at);
    }
    scan_close(&s);
    return rc < 0 ? rc : 0;
}

/* The first batch's header tells the clock for rolling and must agree with the checkpoint. */
static bool look_at_front(struct inspection *x)
{
    if (x->size == 0) return true;
    struct scan_source source = {.fs = x->fs, .file = x->file};
    struct scan s = scan_of(source, x->c->base, 0, x->size, x->c->base);
    bool ok = scan_next(&s) == 1;
    if (ok) {
        x->c->first_timestamp = s.header.max_timestamp;
        ok = epochs_of(&x->o->checkpoint, s.header.base_offset) == s.header.partition_leader_epoch;
    }
    scan_close(&s);
    return ok;
}

/* From which offset on batches must be looked at, whatever the index says. */
static int64_t needed_from(const struct inspection *x)
{
    const struct journal_options *options = &x->o->options;
    int64_t from = x->next_base;
    if (!options->is_whole && options->recovery_point < from) from = options->recovery_point;
    if (options->cuts_rot) from = x->c->base;
    if (options->observe != NULL && options->observe_from < from) from = options->observe_from;
    return from < x->c->base ? x->c->base : from;
}

/* What a power cut has left of the log is not looked at, as if the index were a witness. */
static bool believe_index(struct inspection *x)
{
    if ((x->o->options.canary & JOURNAL_CANARY_INDEX_BEYOND) == 0) return false;
    int rc = contents_load(x->fs, x->o->w.dir, x->c, UINT64_MAX, x->next_base);
    uint32_t count = index_offset_count(&x->c->offsets);
    if (rc < 0 || count == 0) return false;
    struct offset_entry last = index_offset_at(&x->c->offsets, count - 1);
    (void)contents_rewind(x->c, x->c->base + last.offset + 1);
    x->index_last = -1;
    if (x->size < x->c->size) x->size = x->c->size;
    return true;
}

/* Uses the index to leave out what need not be looked at. False: begin at the front. */
static bool skip_by_index(struct inspection *x)
{
    if (believe_index(x)) return true;
    int rc = contents_load(x->fs, x->o->w.dir, x->c, x->size, x->next_base);
    /* What a power cut may have touched is written again even if it looks right. */
    const struct journal_options *options = &x->o->options;
    x->is_loaded = rc == 0 && (options->is_whole || x->next_base <= options->recovery_point);
    if (rc < 0 || !look_at_front(x)) return false;

    int64_t from = needed_from(x);
    struct offset_entry entry;
    if (x->is_last && options->is_whole && x->size > FINAL_BYTES &&
        index_offset_floor_at(&x->c->offsets, x->size - FINAL_BYTES, &entry)) {
        int64_t final = x->c->base + entry.offset + 1;
        if (final < from) from = final;
    }
    if (from == x->c->base || !index_offset_floor(&x->c->offsets, from - x->c->base - 1, &entry)) {
        return false;
    }
    (void)contents_rewind(x->c, from);
    CHECK(x->c->size == entry.at);
    x->index_last = x->c->base + entry.offset;
    return true;
}

static int inspect_contents(struct inspection *x)
{
    int64_t base = x->c->base;
    x->index_last = -1;
    struct epochs before = {0};
    epochs_copy(&before, &x->o->epochs);
    bool skipped = skip_by_index(x);
    int rc = 0;
    if (skipped) rc = scan_on(x);
    if (rc == 0 && (!skipped || x->must_restart)) {
        if (x->must_restart) x->is_loaded = false;
        CHECK(IMPLIES(x->must_restart, !x->is_cut));
        contents_close(x->c);
        *x->c = contents_of(base);
        x->index_last = -1;
        x->must_restart = false;
        epochs_copy(&x->o->epochs, &before);
        rc = scan_on(x);
    }
    epochs_close(&before);
    return rc;
}

/* The segment's indexes, on the disk or in memory, say what its log says. */
static int mend_indexes(struct inspection *x, struct found_segment *out)
{
    struct open_work *o = x->o;
    if (x->is_last) {
        /* Entries past a cut would look right again when the log has grown past them. */
        out->is_indexed = true;
        if (x->is_loaded && !x->is_cut) return 0;
        int rc = files_remove_indexes(x->fs, o->w.dir, x->c->base);
        return rc < 0 ? work_fail(&o->w, rc, "cannot remove old indexes in %s", o->w.dir) : 0;
    }
    contents_seal(x->c);
    if (!x->is_loaded || x->is_cut) {
        int rc = files_store_indexes(x->fs, o->w.dir, x->c, false);
        out->is_indexed = rc == -ERR_FULL; /* Then they stay in memory. */
        if (rc < 0 && rc != -ERR_FULL) {
            return work_fail(&o->w, rc, "cannot write the indexes of segment %" PRId64 " in %s",
                             x->c->base, o->w.dir);
        }
    }
    if (!out->is_indexed) {
        index_close(&x->c->offsets);
        index_close(&x->c->times);
    }
    return 0;
}

/* Cuts the log to what is sound and syncs it if nobody can know that it is. */
static int mend_log(struct inspection *x)
{
    struct open_work *o = x->o;
    struct fs *fs = x->fs;
    int rc = 0;
    if (x->is_cut) rc = fs->ops->truncate(fs, x->file, x->c->size);
    bool unsure = o->options.sync_writes || !o->options.is_whole;
    bool past_point = x->next_base > o->options.recovery_point;
    if (rc == 0 && (x->is_cut || (unsure && past_point))) rc = fs->ops->sync(fs, x->file);
    if (rc < 0) {
        struct path path = files_segment(o->w.dir, x->c->base, ".log");
        return work_fail(&o->w, rc, "cannot cut and sync %s", path.text);
    }
    return 0;
}

/* Opens and inspects the segment `i`. *cut: what follows it must go. */
static int inspect(struct open_work *o, struct fs *fs, uint32_t i, bool *cut)
{
    struct found_segment *out = &o->segments[i];
    out->c = contents_of(o->logs.items[i]);
    o->segment_count = i + 1;
    struct inspection x = {.o = o, .fs = fs, .c = &out->c, .next_base = INT64_MAX};
    x.is_last = i + 1 == o->logs.count;
    if (!x.is_last) x.next_base = o->logs.items[i + 1];

    struct path path = files_segment(o->w.dir, out->c.base, ".log");
    int rc = fs->ops->open(fs, path.text, FS_READ | FS_WRITE, &x.file);
    if (rc == 0) rc = fs->ops->size(fs, x.file, &x.size);
    if (rc == 0 && x.size > SEGMENT_BYTES_MAX) rc = -ERR_LIMIT;
    if (rc < 0) {
        rc = work_fail(&o->w, rc, "cannot open %s", path.text);
        goto out;
    }
    rc = inspect_contents(&x);
    if (rc < 0) goto out;

    /* Who appends leaves a hole only where one segment cannot span it. */
    bool hole = out->c.end_offset < x.next_base && x.next_base - out->c.base <= INT32_MAX;
    bool overlap = out->c.end_offset > x.next_base;
    bool may_cut = o->options.cuts_rot;
    may_cut = may_cut || (!o->options.is_whole && o->options.recovery_point >= 0 &&
                          out->c.end_offset >= o->options.recovery_point);
    if (overlap || (hole && !x.is_cut && !may_cut)) {
        rc = work_fail(&o->w, -ERR_CORRUPT,
                       "%s ends at offset %" PRId64 " but the next segment begins at %" PRId64
                       "; nothing was changed",
                       path.text, out->c.end_offset, x.next_base);
        goto out;
    }
    if (hole && !x.is_cut) {
        (void)snprintf(o->report, sizeof o->report,
                       "%.380s: ends at offset %" PRId64 "; what followed it from %" PRId64
                       " on was removed",
                       path.text, out->c.end_offset, x.next_base);
        x.is_cut = true;
    }
    /* Nothing may follow a cut: it is the active segment now. */
    x.is_last = x.is_last || x.is_cut;
    *cut = x.is_cut;
    rc = mend_log(&x);
    if (rc == 0) rc = mend_indexes(&x, out);
out:
    if (x.file != NULL && rc == 0 && x.is_last) {
        o->active = x.file;
    } else if (x.file != NULL) {
        fs->ops->close(fs, x.file);
    }
    return rc;
}

/* ---- All of it ---- */

static int begin_empty(struct open_work *o, struct fs *fs)
{
    int64_t base = o->options.first_offset;
    struct path path = files_segment(o->w.dir, base, ".log");
    int rc = fs->ops->open(fs, path.text, FS_READ | FS_WRITE | FS_CREATE | FS_EXCL, &o->active);
    if (rc < 0) return work_fail(&o->w, rc, "cannot create %s", path.text);

    o->segments = calloc(1, sizeof *o->segments);
    CHECK(o->segments != NULL);
    o->segments[0] = (struct found_segment){.c = contents_of(base), .is_indexed = true};
    o->segment_count = 1;
    o->names_dirty = true;
    return 0;
}

static int inspect_all(struct open_work *o, struct fs *fs)
{
    o->segments = calloc(o->logs.count, sizeof *o->segments);
    CHECK(o->segments != NULL);
    bool cut = false;
    for (uint32_t i = 0; i < o->logs.count && !cut; i++) {
        int rc = inspect(o, fs, i, &cut);
        if (rc < 0) return rc;
    }
    /* What lies past a cut goes, the newest first, so that a crash leaves no hole. */
    for (uint32_t i = o->logs.count; i > o->segment_count; i--) {
        int rc = files_remove_segment(fs, o->w.dir, o->logs.items[i - 1]);
        if (rc < 0)
            return work_fail(&o->w, rc, "cannot remove a segment past a cut in %s", o->w.dir);
        o->names_dirty = true;
    }
    for (uint32_t i = 0; i < o->forgotten.count; i++) {
        int rc = files_remove_segment(fs, o->w.dir, o->forgotten.items[i]);
        if (rc < 0)
            return work_fail(&o->w, rc, "cannot remove a segment below the start in %s", o->w.dir);
        o->names_dirty = true;
    }
    return 0;
}

/* Snapshots say nothing of what the log does not hold, and those that no segment begins with serve
 * for one start only. */
static int mend_snapshots(struct open_work *o, struct fs *fs)
{
    const char *dir = o->w.dir;
    int64_t end = o->segments[o->segment_count - 1].c.end_offset;
    uint32_t cut_count = 0;
    int rc = snapshots_cut(fs, dir, o->logs.count == 0 ? -1 : end, &cut_count);
    if (rc == 0 && cut_count > 0) rc = files_sync_names(fs, dir, false);
    if (rc == 0 && o->options.observe_from > end) {
        struct observed_log *logs = calloc(o->segment_count, sizeof *logs);
        CHECK(logs != NULL);
        for (uint32_t i = 0; i < o->segment_count; i++) {
            const struct contents *c = &o->segments[i].c;
            logs[i] = (struct observed_log){.base = c->base, .size = c->size};
        }
        rc = snapshots_observe(fs, dir, &o->observer, logs, o->segment_count, end);
        free(logs);
    }
    struct bases all = {0};
    if (rc == 0) rc = snapshots_list(fs, dir, &all);
    for (uint32_t i = 0; rc == 0 && i + 1 < all.count; i++) {
        if (!bases_have(&o->logs, all.items[i])) rc = snapshots_remove(fs, dir, all.items[i]);
    }
    bases_close(&all);
    return rc < 0 ? work_fail(&o->w, rc, "cannot look through the snapshots in %s", dir) : 0;
}

static bool same_epochs(const struct epochs *a, const struct epochs *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->items[i].epoch != b->items[i].epoch) return false;
        if (a->items[i].start_offset != b->items[i].start_offset) return false;
    }
    return true;
}

static void settle_durable(struct open_work *o, struct fs *fs)
{
    int64_t start = o->segments[0].c.base;
    int64_t end = o->segments[o->segment_count - 1].c.end_offset;
    o->durable = end;
    if (o->options.is_whole && !o->options.sync_writes) {
        o->durable = o->options.recovery_point;
        if (o->durable < start) o->durable = start;
        if (o->durable > end) o->durable = end;
        return;
    }
    if (o->options.create_only && !o->options.sync_writes) return;
    int rc = files_sync_names(fs, o->w.dir, o->parent_dirty);
    if (rc < 0) {
        o->w.job.rc = work_fail(&o->w, rc, "cannot sync the folder %s", o->w.dir);
        return;
    }
    o->names_dirty = false;
    o->parent_dirty = false;
}

static void open_run(struct fs *fs, struct job *job)
{
    struct open_work *o = (struct open_work *)job;
    job->rc = list_folder(o, fs);
    if (job->rc < 0) return;

    int rc = files_load_epochs(fs, o->w.dir, &o->checkpoint);
    if (rc == -ERR_IO) {
        job->rc = work_fail(&o->w, rc, "cannot read %s/%s", o->w.dir, CHECKPOINT_NAME);
        return;
    }
    if (observer_is_saved(&o->observer)) {
        int64_t offset = o->logs.count == 0 ? -1 : INT64_MAX;
        o->options.observe_from = snapshots_restore(fs, o->w.dir, &o->observer, offset);
    }
    job->rc = o->logs.count == 0 ? begin_empty(o, fs) : inspect_all(o, fs);
    if (job->rc == 0 && observer_is_saved(&o->observer)) job->rc = mend_snapshots(o, fs);
    if (job->rc < 0) return;

    CHECK(o->active != NULL);
    o->epochs_dirty = rc == -ERR_CORRUPT || !same_epochs(&o->epochs, &o->checkpoint);
    settle_durable(o, fs);
}

static unsigned open_finish(struct journal *j, struct work *w)
{
    struct open_work *o = (struct open_work *)w;
    if (w->job.rc < 0) {
        j->fail_rc = w->job.rc;
        (void)journal_fail(j, "%s (%s)", w->why, err_text(w->job.rc));
        return JOURNAL_NEWS_OPENED;
    }
    if (o->report[0] != 0) log_warn(j->env, "journal: %s", o->report);
    for (uint32_t i = 0; i < o->segment_count; i++) {
        struct segment *s = journal_push_segment(j, o->segments[i].c);
        s->is_indexed = o->segments[i].is_indexed;
        o->segments[i].c = (struct contents){0};
        bool is_durable = s->c.end_offset <= o->durable;
        s->log_dirty = !is_durable;
        s->index_dirty = !is_durable;
    }
    struct segment *active = journal_active(j);
    if (o->active != NULL) segment_take_file(j, active, o->active);
    o->active = NULL;
    j->epochs = o->epochs;
    o->epochs = (struct epochs){0};
    j->tail = o->tail;
    o->tail = (struct tail){0};
    j->assigned = active->c.end_offset;
    j->start = o->options.start_offset < j->assigned ? o->options.start_offset : j->assigned;
    if (j->start <= j->segments[0]->c.base) {
        j->start = j->segments[0]->c.base;
    } else {
        epochs_cut_head(&j->epochs, j->start);
        o->epochs_dirty = true;
    }
    j->forgotten = j->start;
    j->durable = o->durable;
    j->cleaned = o->options.cleaned < j->assigned ? o->options.cleaned : j->assigned;
    j->epochs_dirty = o->epochs_dirty;
    j->names_dirty = o->names_dirty;
    j->parent_dirty = o->parent_dirty;
    j->state = j->stop_wanted || j->delete_wanted ? JOURNAL_STOPPING : JOURNAL_OPEN;
    journal_settle(j);
    journal_keep_cached(j);
    return JOURNAL_NEWS_OPENED;
}

static void open_dispose(struct journal *j, struct work *w)
{
    struct open_work *o = (struct open_work *)w;
    for (uint32_t i = 0; i < o->segment_count; i++) contents_close(&o->segments[i].c);
    free(o->segments);
    bases_close(&o->logs);
    bases_close(&o->forgotten);
    bases_close(&o->indexes);
    bases_close(&o->swaps);
    free(o->leftovers.items);
    env_file_unref(j->env, o->active);
    epochs_close(&o->checkpoint);
    epochs_close(&o->epochs);
    tail_close(&o->tail);
}

void open_begin(struct journal *j, const struct journal_options *options)
{
    static const struct work_kind kind = {
        .name = "open", .finish = open_finish, .dispose = open_dispose};
    struct open_work *o = work_new(j, &kind, sizeof *o, open_run);
    o->options = *options;
    /* Whoever made the names may not have come to syncing them. */
    o->names_dirty = true;
    o->parent_dirty = true;
    o->limits = j->limits;
    o->observer = j->observer;
    work_submit(j, &o->w);
}
