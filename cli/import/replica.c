#include "cli/import/replica.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "common/check.h"
#include "journal/files.h"
#include "journal/scan.h"

#define MARKER_ABORT 0
#define MARKER_COMMIT 1

struct looking {
    struct replica *r;
    struct fs *fs;
    const char *folder;
    struct bases logs;
    char swap[64]; /* A file of a compaction that was interrupted. */
};

static int fault(struct replica *r, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first one counts. */
static int fault(struct replica *r, int rc, const char *format, ...)
{
    if (r->why[0] != 0) return rc;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
    return rc;
}

static void see(void *arg, const struct fs_entry *entry)
{
    struct looking *l = arg;
    int64_t base = 0;
    size_t size = strlen(entry->name);
    if (entry->is_dir || size <= 20 || strspn(entry->name, "0123456789") != 20) return;
    if (files_parse_as(entry->name, ".log", &base)) bases_add(&l->logs, base);
    if (strcmp(entry->name + size - strlen(".swap"), ".swap") == 0)
        (void)snprintf(l->swap, sizeof l->swap, "%.63s", entry->name);
}

/* ---- Transactions ---- */

static struct open_producer *find_open(const struct replica *r, int64_t id)
{
    struct open_producer *p = NULL;
    HASH_FIND(hh, r->producers, &id, sizeof id, p);
    return p;
}

static void close_open(struct replica *r, struct open_producer *p)
{
    HASH_DEL(r->producers, p);
    free(p);
    r->open_count--;
}

static void note_marker(struct replica *r, const struct record_batch_header *h, struct slice batch)
{
    struct record record;
    struct record_cursor cursor = kafka_batch_records(batch);
    if (!kafka_record_next(&cursor, &record)) return; /* Compaction has left its header. */
    struct reader key = reader_of(record.key);
    (void)read_i16(&key);
    int16_t type = read_i16(&key);
    struct open_producer *p = find_open(r, h->producer_id);
    if (!reader_ok(&key) || (type != MARKER_ABORT && type != MARKER_COMMIT)) return;
    if (type == MARKER_COMMIT) r->committed++;
    /* One that ends nothing here aborts records that are gone, or were elsewhere. */
    if (type == MARKER_ABORT && p != NULL) r->aborted++;
    if (p != NULL) close_open(r, p);
}

static void note_transaction(struct replica *r, const struct record_batch_header *h,
                             struct slice batch)
{
    if (batch_is_control(h)) {
        note_marker(r, h, batch);
        return;
    }
    if (!batch_is_transactional(h) || h->record_count == 0) return;
    if (find_open(r, h->producer_id) != NULL) return;
    struct open_producer *p = get_memory(sizeof *p);
    *p = (struct open_producer){.id = h->producer_id};
    HASH_ADD(hh, r->producers, id, sizeof p->id, p);
    r->open_count++;
}

/* ---- Segments ---- */

static void note_batch(struct replica *r, struct replica_segment *x, const struct scan *s)
{
    const struct record_batch_header *h = &s->header;
    if (h->base_offset > r->end) r->holes++;
    r->batches++;
    r->bytes += s->batch_bytes;
    if (!batch_is_control(h)) r->records += h->record_count;
    if (batch_codec(h) != BATCH_CODEC_NONE) r->packed++;
    note_transaction(r, h, s->batch);
    x->size = s->at;
    x->epoch = r->epoch = h->partition_leader_epoch;
    x->end = r->end = batch_last_offset(h) + 1;
}

/* Reads one segment as far as it is sound. */
static int look_at(struct looking *l, int64_t base, int64_t next_base)
{
    struct replica *r = l->r;
    struct replica_segment *x = &r->segments[r->count++];
    *x = (struct replica_segment){.base = base, .end = base, .epoch = -1};
    struct path path = files_segment(l->folder, base, ".log");
    struct scan_source source = {.fs = l->fs};
    int rc = l->fs->ops->open(l->fs, path.text, FS_READ, &source.file);
    if (rc == 0) rc = l->fs->ops->size(l->fs, source.file, &x->file_bytes);
    if (rc != 0) {
        if (source.file != NULL) l->fs->ops->close(l->fs, source.file);
        return fault(r, rc, "%s cannot be read: %s", path.text, err_text(rc));
    }
    struct scan s = scan_of(source, base, 0, x->file_bytes, base > r->end ? base : r->end);
    s.is_whole = true;
    const char *what = NULL;
    while ((rc = scan_next(&s)) == 1) {
        if (kafka_batch_check_crc(s.batch) != BATCH_OK) {
            what = batch_fault_text(BATCH_BAD_CRC);
            break;
        }
        note_batch(r, x, &s);
    }
    if (rc == -ERR_CORRUPT) what = batch_fault_text(s.fault);
    if (what != NULL) {
        (void)fault(r, 0, "%s: byte %" PRIu64 " of %" PRIu64 ", offset %" PRId64 ": %s", path.text,
                    x->size, x->file_bytes, r->end, what);
        bool is_last = next_base < 0;
        r->is_torn = is_last;
        r->is_broken = !is_last || s.fault == BATCH_OLD_MAGIC;
        rc = 0;
    } else if (rc < 0) {
        (void)fault(r, rc, "%s cannot be read: %s", path.text, err_text(rc));
    }
    scan_close(&s);
    l->fs->ops->close(l->fs, source.file);
    if (rc == 0 && what == NULL && next_base >= 0 && x->end > next_base) {
        r->is_broken = true;
        (void)fault(r, 0, "%s ends at offset %" PRId64 ", and the next segment begins at %" PRId64,
                    path.text, x->end, next_base);
    }
    return rc;
}

static int look_at_all(struct looking *l, int64_t log_start)
{
    struct replica *r = l->r;
    uint32_t first = 0;
    while (first + 1 < l->logs.count && l->logs.items[first + 1] <= log_start) first++;
    if (l->logs.count == 0) return 0;
    r->segments = get_memory((l->logs.count - first) * sizeof *r->segments);
    r->start = r->end = l->logs.items[first];
    for (uint32_t i = first; i < l->logs.count && !r->is_broken; i++) {
        bool is_last = i + 1 == l->logs.count;
        int rc = look_at(l, l->logs.items[i], is_last ? -1 : l->logs.items[i + 1]);
        if (rc != 0) return rc;
        /* Offsets that an empty segment begins with were used, and compacted away. */
        if (r->end < l->logs.items[i]) r->end = l->logs.items[i];
    }
    if (r->start < log_start) r->start = log_start < r->end ? log_start : r->end;
    return 0;
}

int replica_look(struct replica *r, struct fs *fs, const char *folder, int64_t log_start)
{
    struct looking l = {.r = r, .fs = fs, .folder = folder};
    r->epoch = -1;
    int rc = fs->ops->list(fs, folder, see, &l);
    bases_sort(&l.logs);
    if (rc != 0) {
        (void)fault(r, rc, "%s cannot be listed: %s", folder, err_text(rc));
    } else if (l.swap[0] != 0) {
        r->is_broken = true;
        (void)fault(r, 0,
                    "%s/%s: Kafka was interrupted in a compaction; start and stop its broker once",
                    folder, l.swap);
    } else {
        rc = look_at_all(&l, log_start);
    }
    bases_close(&l.logs);
    return rc;
}

void replica_close(struct replica *r)
{
    struct open_producer *p, *next;
    HASH_ITER(hh, r->producers, p, next)
    {
        HASH_DEL(r->producers, p);
        free(p);
    }
    free(r->segments);
    *r = (struct replica){0};
}
