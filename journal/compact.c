#include "journal/compact.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "journal/scan.h"
#include "proto/kafka_compress.h"
#include "proto/kafka_rebatch.h"

#define CHUNK_BYTES (8u * 1024 * 1024) /* What one job reads. */
#define WRITE_BYTES (1024u * 1024)
#define UNPACKED_MAX ((size_t)256 * 1024 * 1024)

/* ---- Batches ---- */

/* One source, scanned on from where the last job came to. */
struct stretch {
    struct fs *fs;
    struct file *file;
    struct scan s;
    uint64_t begin;
};

static int stretch_open(struct stretch *t, struct compaction *x, struct fs *fs)
{
    const struct compact_source *source = &x->sources[x->source];
    struct path path = files_segment(x->dir, source->base, ".log");
    *t = (struct stretch){.fs = fs, .begin = x->at};
    int rc = fs->ops->open(fs, path.text, FS_READ, &t->file);
    if (rc < 0) return rc;
    if (x->at == 0) x->offset_min = source->base;
    struct scan_source from = {.fs = fs, .file = t->file};
    t->s = scan_of(from, source->base, x->at, source->size, x->offset_min);
    t->s.is_whole = true;
    return 0;
}

/* 1: a sound batch. 0: the source ends here. */
static int stretch_next(struct stretch *t, struct compaction *x)
{
    int rc = scan_next(&t->s);
    if (rc == 1 && kafka_batch_check_crc(t->s.batch) != BATCH_OK) rc = -ERR_CORRUPT;
    if (rc < 0) return rc;
    x->at = t->s.at;
    x->offset_min = t->s.offset_min;
    return rc;
}

static bool stretch_is_long(const struct stretch *t)
{
    return t->s.at - t->begin >= CHUNK_BYTES;
}

static void stretch_close(struct stretch *t)
{
    scan_close(&t->s);
    if (t->file != NULL) t->fs->ops->close(t->fs, t->file);
}

/* Whether records of this batch may go, or make others go. Of a transaction nobody knows here
 * whether it was committed. */
static bool counts(const struct record_batch_header *h)
{
    return !batch_is_control(h) && !batch_is_transactional(h) && h->record_count > 0;
}

/* The records of a batch, unpacked. False: they cannot be read, or their offsets do not rise within
 * the batch: nobody may have looked inside it when it was written. */
static bool open_records(struct compaction *x, const struct record_batch_header *h,
                         struct slice batch, struct slice *records)
{
    struct slice packed = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    *records = packed;
    if (batch_codec(h) != BATCH_CODEC_NONE) {
        writer_close(&x->scratch);
        x->scratch = writer_with(UNPACKED_MAX);
        if (!kafka_unpack(batch_codec(h), packed, &x->scratch)) return false;
        *records = writer_slice(&x->scratch);
    }
    struct record_cursor cursor = kafka_records_of(*records, h);
    struct record record;
    int32_t last = -1;
    while (kafka_record_next(&cursor, &record)) {
        if (record.offset_delta <= last || record.offset_delta > h->last_offset_delta) return false;
        last = record.offset_delta;
    }
    return record_cursor_ok(&cursor);
}

/* ---- The map ---- */

/* False: there is no room for this batch. */
static bool add_to_map(struct compaction *x, const struct record_batch_header *h,
                       struct slice batch)
{
    struct slice records;
    if (!counts(h) || !open_records(x, h, batch, &records)) return true;
    uint64_t count = (uint64_t)h->record_count;
    if (keymap_left(&x->map) < count && x->map.count > 0) return false;
    if (keymap_left(&x->map) < count) {
        /* One batch at least, or there would be no getting on. */
        uint8_t secret[KEYMAP_SECRET_SIZE];
        memcpy(secret, x->map.secret, sizeof secret);
        keymap_close(&x->map);
        keymap_open(&x->map, UINT64_MAX, count, secret);
    }
    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (record.key.at != NULL) keymap_put(&x->map, record.key, record.offset);
    }
    return true;
}

static int map_source(struct compaction *x, struct fs *fs, bool *is_full, bool *is_long)
{
    struct stretch t;
    int rc = stretch_open(&t, x, fs);
    while (rc >= 0 && !*is_full && !*is_long && (rc = stretch_next(&t, x)) == 1) {
        int64_t end = batch_last_offset(&t.s.header) + 1;
        if (end > x->from && !add_to_map(x, &t.s.header, t.s.batch)) {
            *is_full = true;
            break;
        }
        if (end > x->map_end) x->map_end = end;
        *is_long = stretch_is_long(&t);
    }
    stretch_close(&t);
    return rc < 0 ? rc : 0;
}

int compact_map(struct compaction *x, struct fs *fs, bool *done)
{
    bool is_full = false;
    bool is_long = false;
    *done = false;
    while (x->source < x->source_count) {
        const struct compact_source *source = &x->sources[x->source];
        if (source->end_offset > x->from) {
            int rc = map_source(x, fs, &is_full, &is_long);
            if (rc < 0) return rc;
            if (is_full) break;
            if (is_long) return 0;
            if (source->end_offset > x->map_end) x->map_end = source->end_offset;
        }
        x->source++;
        x->at = 0;
    }
    *done = true;
    x->source = 0;
    x->at = 0;
    return 0;
}

/* ---- What stays ---- */

bool compact_next_group(struct compaction *x)
{
    uint32_t first = x->group_first + x->group_count;
    if (first >= x->source_count || x->sources[first].base >= x->map_end) return false;

    x->group_first = first;
    x->group_count = 1;
    uint64_t size = x->sources[first].size;
    for (uint32_t i = first + 1; i < x->source_count; i++) {
        const struct compact_source *s = &x->sources[i];
        size += s->size;
        if (size > x->group_bytes_max || s->base >= x->map_end || s->size == 0) break;
        if (s->end_offset - x->sources[first].base > INT32_MAX) break;
        x->group_count++;
    }
    contents_close(&x->c);
    x->c = contents_of(x->sources[first].base);
    x->has_changed = x->group_count > 1;
    x->source = first;
    x->at = 0;
    writer_reset(&x->out);
    return true;
}

static bool stays(const struct compaction *x, const struct record_batch_header *h,
                  const struct record *record)
{
    if (record->key.at == NULL || keymap_get(&x->map, record->key) > record->offset) return false;
    if (record->value.at != NULL) return true;
    int64_t horizon_ms = batch_delete_horizon(h);
    return !x->drops_early && (horizon_ms < 0 || x->wall_ms < horizon_ms);
}

struct tally {
    int32_t staying;
    int32_t tombstones; /* Of those. */
};

static struct tally count_staying(const struct compaction *x, const struct record_batch_header *h,
                                  struct slice records)
{
    struct tally tally = {0};
    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (!stays(x, h, &record)) continue;
        tally.staying++;
        tally.tombstones += record.value.at == NULL;
    }
    return tally;
}

static int put(struct compaction *x, struct slice batch)
{
    struct record_batch_header h;
    CHECK(kafka_batch_peek(batch, &h) == BATCH_OK);
    if (x->c.size + batch.size > SEGMENT_BYTES_MAX) return -ERR_LIMIT;
    contents_add(&x->c, &h, batch.size, x->interval);
    x->records_after += (uint64_t)h.record_count;
    x->bytes_after += batch.size;
    return 0;
}

static int put_as_it_is(struct compaction *x, struct slice batch)
{
    write_slice(&x->out, batch);
    return writer_ok(&x->out) ? put(x, batch) : -ERR_LIMIT;
}

static int put_rest(struct compaction *x, const struct record_batch_header *h, struct slice records,
                    int64_t horizon_ms)
{
    struct rebatch r = rebatch_begin(h, horizon_ms, UNPACKED_MAX);
    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (stays(x, h, &record)) rebatch_add(&r, &record);
    }
    size_t before = x->out.size;
    int rc = -ERR_LIMIT;
    if (rebatch_write(&r, &x->out)) {
        rc = put(x, slice_of(x->out.base + before, x->out.size - before));
    }
    rebatch_close(&r);
    x->has_changed = true;
    return rc;
}

/* must_stay: if not with records, then as a header. */
static int put_batch(struct compaction *x, const struct record_batch_header *h, struct slice batch,
                     bool must_stay)
{
    struct slice records = {0};
    bool is_empty = h->record_count == 0 && !batch_is_control(h);
    x->records_before += (uint64_t)h->record_count;
    x->bytes_before += batch.size;
    if (batch_last_offset(h) >= x->map_end) return put_as_it_is(x, batch);
    if (!is_empty && !counts(h)) return put_as_it_is(x, batch);
    if (!is_empty && !open_records(x, h, batch, &records)) {
        x->unreadable++;
        return put_as_it_is(x, batch);
    }
    struct tally tally = {0};
    if (!is_empty) tally = count_staying(x, h, records);
    if (tally.staying == 0 && !must_stay) {
        x->has_changed = true;
        return 0;
    }
    /* KIP-534: from the first time that it has passed here a tombstone is kept for so long. */
    int64_t horizon_ms = -1;
    if (tally.tombstones > 0 && batch_delete_horizon(h) < 0) {
        bool is_ever = x->delete_retention_ms > INT64_MAX - x->wall_ms;
        horizon_ms = is_ever ? INT64_MAX : x->wall_ms + x->delete_retention_ms;
    }
    if (tally.staying == h->record_count && horizon_ms < 0) return put_as_it_is(x, batch);
    return put_rest(x, h, records, horizon_ms);
}

/* A producer's last sequence is known by this batch. */
static bool is_needed(const struct compaction *x, int64_t end)
{
    uint32_t low = 0;
    uint32_t high = x->ends.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->ends.items[middle] < end) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < x->ends.count && x->ends.items[low] == end;
}

/* ---- The files ---- */

static const char *const extensions[] = {".log", ".index", ".timeindex"};
#define EXTENSIONS (sizeof extensions / sizeof extensions[0])

static struct path named(const char *dir, int64_t base, size_t i, const char *suffix)
{
    char extension[32];
    int size = snprintf(extension, sizeof extension, "%s%s", extensions[i], suffix);
    CHECK(size > 0 && (size_t)size < sizeof extension);
    return files_segment(dir, base, extension);
}

/* Appends what has been collected to the .cleaned log. */
static int write_out(struct compaction *x, struct fs *fs, bool sync)
{
    uint64_t at = x->c.size - x->out.size;
    struct path path = named(x->dir, x->c.base, 0, ".cleaned");
    struct file *file = NULL;
    unsigned mode = FS_READ | FS_WRITE | FS_CREATE | (at == 0 ? FS_TRUNC : 0u);
    int rc = fs->ops->open(fs, path.text, mode, &file);
    if (rc < 0) return rc;
    struct iovec part = {.iov_base = x->out.base, .iov_len = x->out.size};
    if (part.iov_len > 0) rc = fs->ops->pwritev(fs, file, &part, 1, at);
    if (rc == 0 && sync && !x->syncs_not) rc = fs->ops->sync(fs, file);
    fs->ops->close(fs, file);
    writer_reset(&x->out);
    return rc;
}

static int store_index(struct compaction *x, struct fs *fs, size_t i, const struct index *index)
{
    struct path path = named(x->dir, x->c.base, i, ".cleaned");
    return files_store(fs, &path, index->bytes, index->size, !x->syncs_not);
}

static int finish_group(struct compaction *x, struct fs *fs)
{
    const struct compact_source *last = &x->sources[x->group_first + x->group_count - 1];
    CHECK(x->c.end_offset == last->end_offset);
    contents_seal(&x->c);
    if (!x->has_changed) return compact_drop(x, fs);
    int rc = write_out(x, fs, true);
    if (rc == 0) rc = store_index(x, fs, 1, &x->c.offsets);
    if (rc == 0) rc = store_index(x, fs, 2, &x->c.times);
    return rc;
}

/* One source of the group. *is_long: it was not all. */
static int copy_source(struct compaction *x, struct fs *fs, bool *is_long)
{
    struct stretch t;
    bool is_last = x->source + 1 == x->group_first + x->group_count;
    int rc = stretch_open(&t, x, fs);
    while (rc >= 0 && !*is_long && (rc = stretch_next(&t, x)) == 1) {
        const struct record_batch_header *h = &t.s.header;
        bool must_stay = is_needed(x, batch_last_offset(h)) || (is_last && t.s.at == t.s.end);
        rc = put_batch(x, h, t.s.batch, must_stay);
        if (rc == 0 && x->out.size >= WRITE_BYTES) rc = write_out(x, fs, false);
        *is_long = stretch_is_long(&t);
    }
    stretch_close(&t);
    return rc < 0 ? rc : 0;
}

int compact_copy(struct compaction *x, struct fs *fs, bool *done)
{
    *done = false;
    while (x->source < x->group_first + x->group_count) {
        bool is_long = false;
        int rc = copy_source(x, fs, &is_long);
        if (rc < 0) return rc;
        if (is_long) return 0;
        x->source++;
        x->at = 0;
    }
    *done = true;
    return finish_group(x, fs);
}

int compact_drop(struct compaction *x, struct fs *fs)
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        struct path path = named(x->dir, x->c.base, i, ".cleaned");
        int rc = fs->ops->unlink(fs, path.text);
        if (rc < 0 && rc != -ERR_ABSENT) return rc;
    }
    return 0;
}

/* .x -> .y, the log last: with it everything else is there. */
static int rename_all(struct fs *fs, const char *dir, int64_t base, const char *from,
                      const char *to)
{
    for (size_t i = EXTENSIONS; i > 0; i--) {
        struct path a = named(dir, base, i - 1, from);
        struct path b = named(dir, base, i - 1, to);
        int rc = fs->ops->rename(fs, a.text, b.text);
        bool may_lack = i > 1 && rc == -ERR_ABSENT; /* An index can be made again. */
        if (rc < 0 && !may_lack) return rc;
    }
    return fs->ops->sync_dir(fs, dir);
}

int compact_swap(struct compaction *x, struct fs *fs)
{
    int64_t base = x->c.base;
    int rc = rename_all(fs, x->dir, base, ".cleaned", ".swap");
    for (uint32_t i = x->group_count; rc == 0 && i > 0; i--) {
        int64_t source = x->sources[x->group_first + i - 1].base;
        rc = files_retire_segment(fs, x->dir, source, source == base);
    }
    /* Else a power cut might bring an old one back, beside the new one. */
    if (rc == 0) rc = fs->ops->sync_dir(fs, x->dir);
    if (rc == 0) rc = rename_all(fs, x->dir, base, ".swap", "");
    return rc;
}

/* ---- After a crash ---- */

/* Where the log of a swap ends. */
static int end_of_swap(struct fs *fs, const char *dir, int64_t base, int64_t *end)
{
    struct path path = named(dir, base, 0, ".swap");
    struct scan_source source = {.fs = fs};
    uint64_t size = 0;
    int rc = fs->ops->open(fs, path.text, FS_READ, &source.file);
    if (rc == 0) rc = fs->ops->size(fs, source.file, &size);
    if (rc == 0) {
        struct scan s = scan_of(source, base, 0, size, base);
        while ((rc = scan_next(&s)) == 1) continue;
        *end = s.offset_min;
        scan_close(&s);
    }
    if (source.file != NULL) fs->ops->close(fs, source.file);
    return rc;
}

static int finish_one(struct fs *fs, const char *dir, int64_t base, struct bases *logs)
{
    int64_t end = base;
    int rc = end_of_swap(fs, dir, base, &end);
    struct bases left = {0};
    for (uint32_t i = 0; rc == 0 && i < logs->count; i++) {
        int64_t log = logs->items[i];
        bool goes = log == base || (log > base && log < end);
        if (goes) rc = files_retire_segment(fs, dir, log, log == base);
        if (goes && rc == 0) rc = files_sweep_segment(fs, dir, log);
        if (!goes) bases_add(&left, log);
    }
    if (rc == 0) rc = fs->ops->sync_dir(fs, dir);
    if (rc == 0) rc = rename_all(fs, dir, base, ".swap", "");
    if (rc < 0) {
        bases_close(&left);
        return rc;
    }
    bases_add(&left, base);
    bases_sort(&left);
    bases_close(logs);
    *logs = left;
    return 0;
}

int compact_finish(struct fs *fs, const char *dir, const struct bases *swaps, struct bases *logs,
                   int64_t *at)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < swaps->count; i++) {
        *at = swaps->items[i];
        rc = finish_one(fs, dir, swaps->items[i], logs);
    }
    return rc;
}

void compact_close(struct compaction *x)
{
    bases_close(&x->ends);
    free(x->sources);
    keymap_close(&x->map);
    contents_close(&x->c);
    writer_close(&x->out);
    writer_close(&x->scratch);
    *x = (struct compaction){0};
}
