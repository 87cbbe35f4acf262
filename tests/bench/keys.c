/* keys [KEYS] [MIB] -- compacts a log with so many distinct keys (10,000,000), of which a fifth is
 * written twice, with so many MiB for the map (16): how many passes that takes, how much
 * memory at the most, and whether the log then says of each key what was written last. Exit
 * status 1 if it does not, or if it took more memory than it may. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/files.h"
#include "journal/scan.h"
#include "tests/unit/journal_rig.h"

#define BATCH 500
#define KEY_SIZE 12
#define MIB ((uint64_t)1024 * 1024)
#define SEGMENT_BYTES (64 * MIB)
/* Beside the map: a batch, what is read and written in one go, indexes, and what malloc keeps. */
#define BESIDE_BYTES (16 * MIB)

/* Which key the record at an offset has: each once, and then some of them again. */
static uint64_t key_at(uint64_t offset, uint64_t keys)
{
    return offset < keys ? offset * 7919 % keys : offset * 104729 % keys;
}

/* ---- Memory ---- */

static uint64_t memory_bytes(const char *which)
{
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f != NULL);
    char line[256];
    uint64_t kib = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, which, strlen(which)) == 0)
            kib = strtoull(line + strlen(which), NULL, 10);
    }
    (void)fclose(f);
    return kib * 1024;
}

/* The most that was resident is counted anew. */
static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f == NULL) return;
    (void)fputs("5", f);
    (void)fclose(f);
}

/* ---- Writing ---- */

static void append(struct rig *r, uint64_t offset, uint64_t keys, struct writer *out)
{
    struct record_spec specs[BATCH] = {0};
    char names[BATCH][24], values[BATCH][24];
    for (uint32_t i = 0; i < BATCH; i++) {
        (void)snprintf(names[i], sizeof names[i], "%012" PRIu64, key_at(offset + i, keys));
        (void)snprintf(values[i], sizeof values[i], "%020" PRIu64, offset + i);
        specs[i].key = slice_of(names[i], KEY_SIZE);
        specs[i].value = slice_of(values[i], strlen(values[i]));
        specs[i].timestamp_ms = 1;
    }
    struct batch_spec spec = batch_spec_of(specs, BATCH);
    spec.base_offset = (int64_t)offset;
    writer_reset(out);
    kafka_batch_build(&spec, out);
    struct record_batch_header header;
    CHECK(kafka_batch_peek(writer_slice(out), &header) == BATCH_OK);
    struct buf *buf = buf_of(writer_slice(out));
    journal_append(r->j, buf, 0, buf->size, &header);
    buf_unref(buf);
}

static void fill(struct rig *r, uint64_t records, uint64_t keys)
{
    struct writer out = writer_with(MIB);
    for (uint64_t offset = 0; offset < records; offset += BATCH) {
        append(r, offset, keys, &out);
        journal_flush(r->j);
        rig_run_all(r);
    }
    writer_close(&out);
    journal_roll(r->j);
    journal_sync(r->j);
    rig_run_all(r);
}

/* ---- Reading ---- */

static void note_file(struct rig *r, int64_t base, int64_t *newest, uint64_t *records)
{
    struct fs *fs = &r->disk.fs;
    struct path path = files_segment(r->options.dir, base, ".log");
    struct scan_source source = {.fs = fs};
    uint64_t size = 0;
    CHECK(fs->ops->open(fs, path.text, FS_READ, &source.file) == 0);
    CHECK(fs->ops->size(fs, source.file, &size) == 0);
    struct scan s = scan_of(source, base, 0, size, base);
    s.is_whole = true;
    while (scan_next(&s) == 1) {
        CHECK(kafka_batch_check_crc(s.batch) == BATCH_OK);
        struct record_cursor cursor = kafka_batch_records(s.batch);
        struct record record;
        while (kafka_record_next(&cursor, &record)) {
            char name[KEY_SIZE + 1] = "";
            CHECK(record.key.size == KEY_SIZE);
            memcpy(name, record.key.at, KEY_SIZE);
            newest[strtoull(name, NULL, 10)] = record.offset;
            ++*records;
        }
    }
    CHECK(s.at == size);
    scan_close(&s);
    fs->ops->close(fs, source.file);
}

static void add_log(void *arg, const struct fs_entry *entry)
{
    int64_t base = 0;
    if (files_parse_as(entry->name, ".log", &base)) bases_add(arg, base);
}

/* How many keys it says something else of than what was written last. */
static uint64_t differences(struct rig *r, uint64_t records, uint64_t keys, uint64_t *left)
{
    int64_t *newest = malloc(keys * sizeof *newest);
    int64_t *expected = malloc(keys * sizeof *expected);
    CHECK(newest != NULL && expected != NULL);
    for (uint64_t i = 0; i < keys; i++) newest[i] = -1;
    struct bases logs = {0};
    CHECK(r->disk.fs.ops->list(&r->disk.fs, r->options.dir, add_log, &logs) == 0);
    bases_sort(&logs);
    for (uint32_t i = 0; i < logs.count; i++) note_file(r, logs.items[i], newest, left);
    for (uint64_t i = 0; i < records; i++) expected[key_at(i, keys)] = (int64_t)i;
    uint64_t different = 0;
    for (uint64_t i = 0; i < keys; i++) different += newest[i] != expected[i];
    bases_close(&logs);
    free(newest);
    free(expected);
    return different;
}

int main(int count, char **words)
{
    uint64_t keys = count > 1 ? strtoull(words[1], NULL, 10) : 10000000;
    uint64_t map_bytes = (count > 2 ? strtoull(words[2], NULL, 10) : 16) * MIB;
    keys -= keys % BATCH;
    CHECK(keys > 0 && keys % 7919 != 0);
    uint64_t records = keys + keys / 5 / BATCH * BATCH, left = 0;
    static struct rig rig;
    struct rig *r = &rig;
    rig_init(r);
    r->options.segment_bytes = SEGMENT_BYTES;
    r->options.segment_index_bytes = 10 * MIB;
    rig_open(r);
    fill(r, records, keys);
    printf("%" PRIu64 " records of %" PRIu64 " keys, %" PRIu64 " MiB\n", records, keys,
           journal_size_bytes(r->j) / MIB);

    struct journal_cleaning how = {.wall_ms = 2,
                                   .max_lag_ms = INT64_MAX,
                                   .limit = journal_written(r->j),
                                   .map_bytes = map_bytes};
    forget_peak();
    uint64_t before = memory_bytes("VmRSS:"), passes = 0;
    while (journal_dirt(r->j, &how).dirty_bytes > 0 && journal_clean(r->j, &how)) {
        rig_run_all(r);
        passes++;
        printf("%s\n", journal_clean_report(r->j));
    }
    uint64_t peak = memory_bytes("VmHWM:");
    uint64_t more = peak > before ? peak - before : 0;
    uint64_t different = differences(r, records, keys, &left);
    printf("%" PRIu64 " passes with %" PRIu64 " MiB for keys, %" PRIu64
           " MiB of memory more than before at the most; %" PRIu64 " records are left, %" PRIu64
           " keys differ from what was written last\n",
           passes, map_bytes / MIB, more / MIB, left, different);
    rig_close(r);
    bool is_well = different == 0 && left == keys && more <= map_bytes + BESIDE_BYTES;
    return is_well ? 0 : 1;
}
