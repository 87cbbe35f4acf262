#include "cli/log_dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "common/crc32c.h"
#include "common/fs_real.h"
#include "journal/index.h"
#include "journal/kept.h"
#include "journal/scan.h"

#define FILE_BYTES_MAX ((size_t)2 * 1024 * 1024 * 1024)
#define SNAPSHOT_HEAD 10
#define SNAPSHOT_ENTRY 46
#define SHOWN_BYTES_MAX 200

static void wrong(struct log_dump *d, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(struct log_dump *d, const char *path, const char *format, ...)
{
    d->wrong++;
    va_list args;
    va_start(args, format);
    printf("WRONG %s: ", path);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* ---- .log ---- */

static void print_bytes(const char *name, struct slice s)
{
    if (s.at == NULL) {
        printf(" %s: null", name);
        return;
    }
    printf(" %s: ", name);
    for (size_t i = 0; i < s.size && i < SHOWN_BYTES_MAX; i++) {
        bool is_plain = s.at[i] >= ' ' && s.at[i] < 0x7f && s.at[i] != '\\';
        if (is_plain) {
            putchar(s.at[i]);
        } else {
            printf("\\x%02x", s.at[i]);
        }
    }
    if (s.size > SHOWN_BYTES_MAX) printf("... (%zu bytes)", s.size);
}

static void dump_batch(const struct scan *s)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd", "?", "?", "?"};
    const struct record_batch_header *h = &s->header;
    printf("baseOffset: %" PRId64 " lastOffset: %" PRId64 " count: %d baseSequence: %d "
           "producerId: %" PRId64 " producerEpoch: %d partitionLeaderEpoch: %d "
           "isTransactional: %s isControl: %s position: %" PRIu64 " maxTimestamp: %" PRId64
           " size: %" PRIu64 " compresscodec: %s crc: %u\n",
           h->base_offset, batch_last_offset(h), h->record_count, h->base_sequence, h->producer_id,
           h->producer_epoch, h->partition_leader_epoch,
           batch_is_transactional(h) ? "true" : "false", batch_is_control(h) ? "true" : "false",
           s->batch_at, h->max_timestamp, s->batch_bytes, codecs[batch_codec(h)], h->crc);
}

static void dump_records(struct log_dump *d, const char *path, const struct scan *s)
{
    if (batch_codec(&s->header) != BATCH_CODEC_NONE) return;
    struct record_cursor cursor = kafka_batch_records(s->batch);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (!d->prints_records) continue;
        printf("| offset: %" PRId64 " timestamp: %" PRId64 " headers: %d", record.offset,
               record.timestamp_ms, record.header_count);
        print_bytes("key", record.key);
        print_bytes("payload", record.value);
        putchar('\n');
    }
    if (!record_cursor_ok(&cursor)) {
        wrong(d, path, "byte %" PRIu64 ", offset %" PRId64 ": a record does not parse", s->batch_at,
              s->header.base_offset);
    }
}

static void dump_log(struct log_dump *d, const char *path, int64_t base)
{
    struct fs *fs = fs_real();
    struct scan_source source = {.fs = fs};
    uint64_t size = 0;
    int rc = fs->ops->open(fs, path, FS_READ, &source.file);
    if (rc == 0) rc = fs->ops->size(fs, source.file, &size);
    if (rc != 0) {
        wrong(d, path, "%s", err_text(rc));
        if (source.file != NULL) fs->ops->close(fs, source.file);
        return;
    }
    struct scan s = scan_of(source, base, 0, size, base);
    s.is_whole = true;
    uint64_t batches = 0, records = 0;
    while ((rc = scan_next(&s)) == 1) {
        batches++;
        records += (uint64_t)s.header.record_count;
        if (d->prints_batches) dump_batch(&s);
        if (kafka_batch_check_crc(s.batch) != BATCH_OK) {
            wrong(d, path, "byte %" PRIu64 ", offset %" PRId64 ": the checksum does not match",
                  s.batch_at, s.header.base_offset);
            continue;
        }
        dump_records(d, path, &s);
    }
    if (rc == -ERR_CORRUPT) {
        wrong(d, path, "byte %" PRIu64 " of %" PRIu64 ", after offset %" PRId64 ": %s", s.at, size,
              s.offset_min - 1, batch_fault_text(s.fault));
    } else if (rc < 0) {
        wrong(d, path, "byte %" PRIu64 ": %s", s.at, err_text(rc));
    }
    printf("%s: %" PRIu64 " batches, %" PRIu64 " records, offsets %" PRId64 " to %" PRId64
           ", %" PRIu64 " bytes\n",
           path, batches, records, base, s.offset_min, size);
    scan_close(&s);
    fs->ops->close(fs, source.file);
}

/* ---- The rest ---- */

/* The header of the batch at a byte of the segment's log. */
static bool batch_at(const char *log, uint64_t at, struct record_batch_header *h)
{
    struct fs *fs = fs_real();
    struct file *file = NULL;
    uint8_t bytes[BATCH_HEADER_SIZE];
    size_t got = 0;
    if (fs->ops->open(fs, log, FS_READ, &file) != 0) return false;
    int rc = fs->ops->pread(fs, file, bytes, sizeof bytes, at, &got);
    fs->ops->close(fs, file);
    return rc == 0 && got == sizeof bytes && kafka_batch_peek(slice_of(bytes, got), h) == BATCH_OK;
}

static char *log_of(const char *path, const char *extension)
{
    return format_text("%.*s.log", (int)(strlen(path) - strlen(extension)), path);
}

static void dump_index(struct log_dump *d, const char *path, int64_t base, struct slice bytes)
{
    struct index x = {0};
    char *log = log_of(path, ".index");
    if (!index_load_offsets(&x, bytes.at, bytes.size, UINT64_MAX, INT64_MAX)) {
        wrong(d, path, "entries do not rise, or the size is no multiple of %d", INDEX_OFFSET_SIZE);
    }
    for (uint32_t i = 0; i < index_offset_count(&x); i++) {
        struct offset_entry entry = index_offset_at(&x, i);
        struct record_batch_header h;
        if (d->prints_batches) {
            printf("offset: %" PRId64 " position: %u\n", base + entry.offset, entry.at);
        }
        if (!batch_at(log, entry.at, &h) || batch_last_offset(&h) != base + entry.offset) {
            wrong(d, path, "entry %u: no batch that ends with offset %" PRId64 " lies at byte %u",
                  i, base + entry.offset, entry.at);
        }
    }
    printf("%s: %u entries\n", path, index_offset_count(&x));
    index_close(&x);
    free(log);
}

static void dump_times(struct log_dump *d, const char *path, int64_t base, struct slice bytes)
{
    struct index x = {0};
    if (!index_load_times(&x, bytes.at, bytes.size, INT64_MAX)) {
        wrong(d, path, "entries do not rise, or the size is no multiple of %d", INDEX_TIME_SIZE);
    }
    for (uint32_t i = 0; d->prints_batches && i < index_time_count(&x); i++) {
        struct time_entry entry = index_time_at(&x, i);
        printf("timestamp: %" PRId64 " offset: %" PRId64 "\n", entry.timestamp_ms,
               base + entry.offset);
    }
    printf("%s: %u entries\n", path, index_time_count(&x));
    index_close(&x);
}

static void dump_snapshot(struct log_dump *d, const char *path, struct slice bytes)
{
    struct reader in = reader_of(bytes);
    int16_t version = read_i16(&in);
    uint32_t crc = read_u32(&in);
    struct slice covered = slice_of(in.at, reader_left(&in));
    int32_t count = read_i32(&in);
    size_t size = reader_left(&in), entries = (size_t)count * SNAPSHOT_ENTRY;
    /* Behind Kafka's entries, brokers keep the first sequence of each. */
    size_t firsts = (size_t)count * sizeof(int32_t);
    bool has_all = reader_ok(&in) && version == 1 && count >= 0 &&
                   (size == entries || size == entries + firsts);
    if (!has_all) {
        wrong(d, path, "%zu bytes that are no snapshot of version 1", bytes.size);
        return;
    }
    if (crc != crc32c(covered.at, covered.size)) wrong(d, path, "the checksum does not match");
    for (int32_t i = 0; i < count; i++) {
        int64_t id = read_i64(&in);
        int16_t epoch = read_i16(&in);
        int32_t sequence = read_i32(&in);
        int64_t offset = read_i64(&in);
        int32_t delta = read_i32(&in);
        int64_t timestamp = read_i64(&in);
        int32_t coordinator = read_i32(&in);
        int64_t txn = read_i64(&in);
        if (!d->prints_batches) continue;
        printf("producerId: %" PRId64 " producerEpoch: %d lastSequence: %d lastOffset: %" PRId64
               " offsetDelta: %d lastTimestamp: %" PRId64 " coordinatorEpoch: %d "
               "currentTxnFirstOffset: %" PRId64 "\n",
               id, epoch, sequence, offset, delta, timestamp, coordinator, txn);
    }
    printf("%s: %d producers\n", path, count);
}

static void dump_epochs(struct log_dump *d, const char *path, const char *folder)
{
    struct epochs e = {0};
    int rc = files_load_epochs(fs_real(), folder, &e);
    if (rc != 0) wrong(d, path, "%s", err_text(rc));
    for (uint32_t i = 0; d->prints_batches && i < e.count; i++) {
        printf("epoch: %d startOffset: %" PRId64 "\n", e.items[i].epoch, e.items[i].start_offset);
    }
    printf("%s: %u epochs\n", path, e.count);
    epochs_close(&e);
}

/* "00000000000000000042-7.kept": what was cut off at 42. */
static bool is_kept(const char *name, int64_t *base)
{
    size_t size = strlen(name), tail = sizeof KEPT_EXTENSION - 1;
    if (size <= tail || strcmp(name + size - tail, KEPT_EXTENSION) != 0) return false;
    char *end = NULL;
    *base = strtoll(name, &end, 10);
    return end != name && *end == '-';
}

/* A file by its name. False: it is none of those known here. */
static bool dump_file(struct log_dump *d, const char *folder, const char *name)
{
    static const char *const others[] = {".index", ".timeindex", ".snapshot"};
    char *path = format_text("%s/%s", folder, name);
    int64_t base = 0;
    bool known = true;
    if (strcmp(name, CHECKPOINT_NAME) == 0) {
        dump_epochs(d, path, folder);
    } else if (files_parse_as(name, ".log", &base) || is_kept(name, &base)) {
        dump_log(d, path, base);
    } else {
        size_t i = 0;
        while (i < 3 && !(files_parse_as(name, others[i], &base))) i++;
        uint8_t *bytes = NULL;
        size_t size = 0;
        known = i < 3;
        int rc = known ? fs_read_file(fs_real(), path, FILE_BYTES_MAX, &bytes, &size) : 0;
        if (rc != 0) {
            wrong(d, path, "%s", err_text(rc));
        } else if (known) {
            struct slice content = slice_of(bytes, size);
            if (i == 0) dump_index(d, path, base, content);
            if (i == 1) dump_times(d, path, base, content);
            if (i == 2) dump_snapshot(d, path, content);
        }
        free(bytes);
    }
    d->files += known;
    free(path);
    return known;
}

static void add_name(void *arg, const struct fs_entry *entry)
{
    if (!entry->is_dir) strings_add(arg, entry->name);
}

bool log_dump_path(struct log_dump *d, const char *path)
{
    struct strings names = {0};
    struct fs *fs = fs_real();
    bool ok = true;
    if (fs->ops->list(fs, path, add_name, &names) == 0) {
        for (size_t i = 0; i < names.count; i++) (void)dump_file(d, path, names.at[i]);
        ok = d->files > 0;
    } else {
        const char *slash = strrchr(path, '/');
        char *folder =
            slash == NULL ? copy_text(".") : format_text("%.*s", (int)(slash - path), path);
        ok = dump_file(d, folder, slash == NULL ? path : slash + 1);
        free(folder);
    }
    strings_close(&names);
    return ok;
}
