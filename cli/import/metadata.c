#include "cli/import/metadata.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"
#include "journal/files.h"
#include "journal/scan.h"
#include "proto/kafka_compress.h"

#define SNAPSHOT_MAX_BYTES ((size_t)1 << 30)
#define UNPACKED_MAX ((size_t)64 * 1024 * 1024)
#define SNAPSHOT_FOOTER 4 /* The type of the control record that ends a snapshot. */
#define NAME_SIZE 48

struct reading {
    struct fs *fs;
    const char *folder;
    struct kafka_metadata *m;
    struct metadata_reach *reach;
    struct bases logs;
    char snapshot[NAME_SIZE]; /* The newest one's name; "": there is none. */
    int64_t snapshot_end;
};

static int fail_at(struct reading *r, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail_at(struct reading *r, int rc, const char *format, ...)
{
    char what[sizeof r->m->why];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)snprintf(r->m->why, sizeof r->m->why, "%.250s: %.250s", r->folder, what);
    return rc;
}

bool metadata_reaches_further(const struct metadata_reach *a, const struct metadata_reach *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->end > b->end;
}

/* "END-EPOCH.checkpoint", twenty and ten digits. */
static bool snapshot_name(const char *name, int64_t *end)
{
    char digits[32];
    if (strlen(name) != 31 + strlen(".checkpoint")) return false;
    if (name[20] != '-' || strcmp(name + 31, ".checkpoint") != 0) return false;
    (void)snprintf(digits, sizeof digits, "%.20s", name);
    return strspn(name + 21, "0123456789") == 10 && files_parse_as(digits, "", end);
}

static void see(void *arg, const struct fs_entry *entry)
{
    struct reading *r = arg;
    int64_t at = 0;
    if (entry->is_dir) return;
    if (strlen(entry->name) > 20 && files_parse_as(entry->name, ".log", &at))
        bases_add(&r->logs, at);
    if (!snapshot_name(entry->name, &at) || (r->snapshot[0] != 0 && at < r->snapshot_end)) return;
    (void)snprintf(r->snapshot, sizeof r->snapshot, "%s", entry->name);
    r->snapshot_end = at;
}

/* ---- Batches ---- */

/* -1: the batch has no control record that can be read. */
static int32_t control_type(struct slice batch)
{
    struct record record;
    struct record_cursor cursor = kafka_batch_records(batch);
    if (!kafka_record_next(&cursor, &record)) return -1;
    struct reader key = reader_of(record.key);
    (void)read_i16(&key);
    int16_t type = read_i16(&key);
    return reader_ok(&key) ? type : -1;
}

static int fold_batch(struct reading *r, const struct record_batch_header *h, struct slice batch)
{
    if (batch_is_control(h)) return 0;
    struct slice records = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    struct writer plain = writer_with(UNPACKED_MAX);
    int rc = 0;
    if (batch_codec(h) != BATCH_CODEC_NONE) {
        if (!kafka_unpack(batch_codec(h), records, &plain)) rc = -ERR_CORRUPT;
        records = writer_slice(&plain);
    }
    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    while (rc == 0 && kafka_record_next(&cursor, &record)) {
        rc = kafka_fold(r->m, record.value);
        if (rc == 0) continue;
        char why[256];
        (void)snprintf(why, sizeof why, "%.255s", r->m->why);
        rc = fail_at(r, rc, "offset %lld: %s", (long long)record.offset, why);
    }
    if (rc == 0 && !record_cursor_ok(&cursor)) rc = -ERR_CORRUPT;
    if (rc == -ERR_CORRUPT)
        rc = fail_at(r, rc, "offset %lld: a batch that cannot be read", (long long)h->base_offset);
    writer_close(&plain);
    return rc;
}

static int read_snapshot(struct reading *r)
{
    struct path path = files_named(r->folder, r->snapshot);
    uint8_t *bytes = NULL;
    size_t size = 0;
    int rc = fs_read_file(r->fs, path.text, SNAPSHOT_MAX_BYTES, &bytes, &size);
    if (rc != 0) return fail_at(r, rc, "%s cannot be read: %s", r->snapshot, err_text(rc));

    struct slice rest = slice_of(bytes, size), batch;
    struct record_batch_header h = {0};
    bool has_footer = false;
    while (rc == 0 && kafka_batch_next(&rest, &batch, &h)) {
        if (kafka_batch_check_crc(batch) != BATCH_OK) break;
        has_footer = batch_is_control(&h) && control_type(batch) == SNAPSHOT_FOOTER;
        rc = fold_batch(r, &h, batch);
        r->reach->epoch = h.partition_leader_epoch;
    }
    free(bytes);
    if (rc == 0 && (!has_footer || rest.size > 0))
        rc = fail_at(r, -ERR_CORRUPT, "%s is not whole: it lacks its end", r->snapshot);
    int64_t epoch = 0;
    if (rc == 0 && text_to_i64(slice_of(r->snapshot + 21, 10), &epoch))
        r->reach->epoch = (int32_t)epoch;
    r->reach->snapshot = r->reach->end = r->snapshot_end;
    return rc;
}

/* ---- The log ---- */

/* An end that is torn is where the log ends; anything else that is not sound is an error. */
static int on_bad(struct reading *r, const struct scan *s, bool is_last, int64_t base)
{
    if (is_last && s->offset_min >= r->reach->snapshot) {
        r->reach->is_torn = true;
        return 0;
    }
    return fail_at(r, -ERR_CORRUPT, "%020lld.log: byte %llu: no sound batch", (long long)base,
                   (unsigned long long)s->at);
}

static int read_segment(struct reading *r, int64_t base, bool is_last)
{
    struct path path = files_segment(r->folder, base, ".log");
    struct scan_source source = {.fs = r->fs};
    uint64_t size = 0;
    int rc = r->fs->ops->open(r->fs, path.text, FS_READ, &source.file);
    if (rc != 0)
        return fail_at(r, rc, "%020lld.log cannot be read: %s", (long long)base, err_text(rc));
    rc = r->fs->ops->size(r->fs, source.file, &size);
    struct scan s = scan_of(source, base, 0, size, base);
    s.is_whole = true;
    while (rc == 0 && (rc = scan_next(&s)) == 1) {
        bool is_sound = kafka_batch_check_crc(s.batch) == BATCH_OK;
        bool is_next = s.header.base_offset <= r->reach->end || r->reach->end == 0;
        if (!is_sound || !is_next) {
            s.at = s.batch_at;
            s.offset_min = s.header.base_offset;
            rc = -ERR_CORRUPT;
            break;
        }
        rc = 0;
        if (batch_last_offset(&s.header) < r->reach->end) continue;
        if (s.header.base_offset < r->reach->snapshot) {
            rc = fail_at(r, -ERR_INVALID, "the snapshot %s ends within a batch", r->snapshot);
            break;
        }
        rc = fold_batch(r, &s.header, s.batch);
        r->reach->epoch = s.header.partition_leader_epoch;
        r->reach->end = batch_last_offset(&s.header) + 1;
    }
    if (rc == -ERR_CORRUPT && r->m->why[0] == 0) rc = on_bad(r, &s, is_last, base);
    if (rc < 0 && r->m->why[0] == 0)
        rc = fail_at(r, rc, "%020lld.log cannot be read: %s", (long long)base, err_text(rc));
    scan_close(&s);
    r->fs->ops->close(r->fs, source.file);
    return rc;
}

static int read_log(struct reading *r)
{
    const struct bases *logs = &r->logs;
    if (logs->count == 0 && r->snapshot[0] == 0)
        return fail_at(r, -ERR_ABSENT, "no snapshot and no log is there");
    if (logs->count > 0 && logs->items[0] > r->reach->end)
        return fail_at(r, -ERR_CORRUPT, "what lies between offset %lld and %lld is missing",
                       (long long)r->reach->end, (long long)logs->items[0]);
    for (uint32_t i = 0; i < logs->count; i++) {
        bool is_last = i + 1 == logs->count;
        if (!is_last && logs->items[i + 1] <= r->reach->snapshot) continue;
        int rc = read_segment(r, logs->items[i], is_last);
        if (rc != 0) return rc;
    }
    return 0;
}

int metadata_read(struct fs *fs, const char *folder, struct kafka_metadata *m,
                  struct metadata_reach *reach)
{
    *reach = (struct metadata_reach){.epoch = -1};
    struct reading r = {.fs = fs, .folder = folder, .m = m, .reach = reach};
    int rc = fs->ops->list(fs, folder, see, &r);
    bases_sort(&r.logs);
    if (rc != 0) {
        rc = fail_at(&r, rc, "%s", err_text(rc));
    } else {
        if (r.snapshot[0] != 0) rc = read_snapshot(&r);
        if (rc == 0) rc = read_log(&r);
    }
    bases_close(&r.logs);
    if (rc == 0 && m->metadata_version == 0)
        rc = fail_at(&r, -ERR_UNSUPPORTED, "it says no metadata.version: that is older than 3.3");
    return rc;
}
