#include "cli/import/copy.h"

#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include "cli/import/image.h"
#include "common/check.h"
#include "common/crc32c.h"
#include "common/text.h"
#include "journal/contents.h"
#include "journal/files.h"
#include "journal/scan.h"

#define COPY_BYTES ((size_t)1 << 20)
#define SNAPSHOT_MAX_BYTES ((size_t)1 << 30)
#define INDEX_INTERVAL_BYTES 4096
#define CHECKPOINT_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* One replica on its way. */
struct copying {
    struct plan *p;
    struct fs *fs;
    const struct topic_plan *topic;
    const struct replica_plan *r;
    char from[FS_PATH_MAX];
    char to[FS_PATH_MAX];
    char *why;
};

static int fail_at(char why[SOURCE_WHY_SIZE], int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail_at(char why[SOURCE_WHY_SIZE], int rc, const char *format, ...)
{
    char what[SOURCE_WHY_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)snprintf(why, SOURCE_WHY_SIZE, "%.900s: %s", what, err_text(rc));
    return rc;
}

/* ---- One segment ---- */

static int copy_bytes(struct copying *c, struct file *from, struct file *to, uint64_t size)
{
    struct fs *fs = c->fs;
    /* Shares the blocks, where that can be. */
    if (ioctl(to->fd, FICLONE, from->fd) == 0) return fs->ops->truncate(fs, to, size);

    uint8_t *room = malloc(COPY_BYTES);
    CHECK(room != NULL);
    int rc = 0;
    for (uint64_t at = 0; rc == 0 && at < size;) {
        size_t want = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES, got = 0;
        rc = fs->ops->pread(fs, from, room, want, at, &got);
        if (rc == 0 && got < want) rc = -ERR_CORRUPT;
        struct iovec part = {.iov_base = room, .iov_len = got};
        if (rc == 0) rc = fs->ops->pwritev(fs, to, &part, 1, at);
        at += got;
    }
    free(room);
    return rc;
}

/* Compaction in Kafka may leave offsets at the end of a segment unused. Here a segment ends where
 * the next one begins: an empty batch says that they were used. */
static int fill_hole(struct copying *c, struct file *to, struct replica_segment *x,
                     int64_t next_base)
{
    if (x->end >= next_base || next_base - x->base > INT32_MAX) return 0;
    uint8_t batch[BATCH_HEADER_SIZE];
    struct writer w = writer_with(sizeof batch);
    write_i64(&w, x->end);
    write_i32(&w, BATCH_HEADER_SIZE - BATCH_PREFIX_SIZE);
    write_i32(&w, x->epoch < 0 ? 0 : x->epoch);
    write_i8(&w, 2);
    write_i32(&w, 0);
    write_i16(&w, 0);
    write_i32(&w, (int32_t)(next_base - 1 - x->end));
    write_i64(&w, -1);
    write_i64(&w, -1);
    write_i64(&w, -1);
    write_i16(&w, -1);
    write_i32(&w, -1);
    write_i32(&w, 0);
    CHECK(writer_ok(&w) && w.size == sizeof batch);
    writer_patch_i32(&w, 17, (int32_t)crc32c(w.base + 21, w.size - 21));
    memcpy(batch, w.base, sizeof batch);
    writer_close(&w);
    struct iovec part = {.iov_base = batch, .iov_len = sizeof batch};
    int rc = c->fs->ops->pwritev(c->fs, to, &part, 1, x->size);
    x->size += sizeof batch;
    x->end = next_base;
    return rc;
}

/* Reads what was written, and makes its indexes. */
static int check_copy(struct copying *c, struct file *to, const struct replica_segment *x,
                      bool is_last)
{
    struct contents contents = contents_of(x->base);
    struct scan_source source = {.fs = c->fs, .file = to};
    struct scan s = scan_of(source, x->base, 0, x->size, x->base);
    s.is_whole = true;
    int rc;
    while ((rc = scan_next(&s)) == 1) {
        if (kafka_batch_check_crc(s.batch) != BATCH_OK) {
            rc = -ERR_CORRUPT;
            break;
        }
        contents_add(&contents, &s.header, s.batch_bytes, INDEX_INTERVAL_BYTES);
    }
    scan_close(&s);
    if (rc == 0 && contents.end_offset != x->end) rc = -ERR_CORRUPT;
    if (rc == 0 && !is_last) {
        contents_seal(&contents);
        rc = files_store_indexes(c->fs, c->to, &contents, false);
    }
    contents_close(&contents);
    return rc;
}

/* next_base: -1 for the last. */
static int copy_segment(struct copying *c, struct replica_segment x, int64_t next_base)
{
    struct fs *fs = c->fs;
    struct path from = files_segment(c->from, x.base, ".log");
    struct path to = files_segment(c->to, x.base, ".log");
    struct file *in = NULL, *out = NULL;
    int rc = fs->ops->open(fs, from.text, FS_READ, &in);
    if (rc != 0) return fail_at(c->why, rc, "%s", from.text);
    rc = fs->ops->open(fs, to.text, FS_READ | FS_WRITE | FS_CREATE | FS_EXCL, &out);
    if (rc == 0) rc = copy_bytes(c, in, out, x.size);
    if (rc == 0 && next_base >= 0) rc = fill_hole(c, out, &x, next_base);
    if (rc == 0) rc = check_copy(c, out, &x, next_base < 0);
    fs->ops->close(fs, in);
    if (out != NULL) fs->ops->close(fs, out);
    if (rc != 0) return fail_at(c->why, rc, "%s", to.text);
    if (c->p->progress != NULL) c->p->progress(c->p->progress_arg, to.text, x.size);
    return 0;
}

/* ---- What stands beside the segments ---- */

static void see_snapshot(void *arg, const struct fs_entry *entry)
{
    int64_t at = 0;
    bool is_one = strlen(entry->name) > 20 && files_parse_as(entry->name, ".snapshot", &at);
    if (is_one && !entry->is_dir) bases_add(arg, at);
}

static bool begins_segment(const struct replica *look, int64_t offset)
{
    for (uint32_t i = 0; i < look->count; i++) {
        if (look->segments[i].base == offset) return true;
    }
    return offset == look->end;
}

/* Producers' states, as of offsets that are there. One that cannot be read here is of no harm: a
 * start finds out again what it says. */
static int copy_snapshots(struct copying *c)
{
    struct bases all = {0};
    int rc = c->fs->ops->list(c->fs, c->from, see_snapshot, &all);
    for (uint32_t i = 0; rc == 0 && i < all.count; i++) {
        if (!begins_segment(&c->r->look, all.items[i])) continue;
        struct path from = files_segment(c->from, all.items[i], ".snapshot");
        struct path to = files_segment(c->to, all.items[i], ".snapshot");
        uint8_t *bytes = NULL;
        size_t size = 0;
        rc = fs_read_file(c->fs, from.text, SNAPSHOT_MAX_BYTES, &bytes, &size);
        if (rc == 0) rc = files_store(c->fs, &to, bytes, size, false);
        free(bytes);
    }
    bases_close(&all);
    return rc;
}

static int copy_epochs(struct copying *c)
{
    struct epochs e = {0};
    int rc = files_load_epochs(c->fs, c->from, &e);
    if (rc == -ERR_ABSENT || rc == -ERR_CORRUPT) {
        epochs_close(&e);
        return 0; /* The batches say it, too. */
    }
    epochs_cut_tail(&e, c->r->look.end);
    struct writer text = writer_with(CHECKPOINT_MAX_BYTES);
    char line[48];
    int size = snprintf(line, sizeof line, "0\n%u\n", e.count);
    write_bytes(&text, line, (size_t)size);
    for (uint32_t i = 0; i < e.count; i++) {
        const struct epoch_start *at = &e.items[i];
        size = snprintf(line, sizeof line, "%d %" PRId64 "\n", at->epoch, at->start_offset);
        write_bytes(&text, line, (size_t)size);
    }
    struct path path = files_named(c->to, CHECKPOINT_NAME);
    if (rc == 0) rc = files_store(c->fs, &path, text.base, text.size, false);
    writer_close(&text);
    epochs_close(&e);
    return rc;
}

static int write_identity(struct copying *c)
{
    char id[UUID_TEXT_SIZE], text[128];
    uuid_to_text(c->topic->kafka->id, id);
    int size = snprintf(text, sizeof text, "version: 0\ntopic_id: %s\n", id);
    struct path path = files_named(c->to, "partition.metadata");
    return files_store(c->fs, &path, text, (size_t)size, false);
}

static int copy_replica(struct plan *p, const struct topic_plan *t, const struct replica_plan *r,
                        char why[SOURCE_WHY_SIZE])
{
    struct copying c = {.p = p, .fs = p->fs, .topic = t, .r = r, .why = why};
    int a = snprintf(c.from, sizeof c.from, "%s/%s", r->source->path, r->folder->name);
    int b = snprintf(c.to, sizeof c.to, "%s/%s", r->source->to, r->folder->name);
    if (a >= (int)sizeof c.from || b >= (int)sizeof c.to)
        return fail_at(why, -ERR_LIMIT, "%s: too long a path", c.to);
    int rc = p->fs->ops->mkdir(p->fs, c.to);
    if (rc != 0) return fail_at(why, rc, "%s", c.to);
    const struct replica *look = &r->look;
    for (uint32_t i = 0; i < look->count; i++) {
        int64_t next_base = i + 1 < look->count ? look->segments[i + 1].base : -1;
        rc = copy_segment(&c, look->segments[i], next_base);
        if (rc != 0) return rc;
    }
    rc = copy_snapshots(&c);
    if (rc == 0) rc = copy_epochs(&c);
    if (rc == 0) rc = write_identity(&c);
    return rc == 0 ? 0 : fail_at(why, rc, "%s", c.to);
}

/* ---- Folders of brokers ---- */

enum { WATERMARKS, RECOVERY_POINTS, STARTS, CLEANED, CHECKPOINTS };

static const char *const checkpoint_names[CHECKPOINTS] = {
    [WATERMARKS] = "replication-offset-checkpoint",
    [RECOVERY_POINTS] = "recovery-point-offset-checkpoint",
    [STARTS] = "log-start-offset-checkpoint",
    [CLEANED] = "cleaner-offset-checkpoint",
};

/* What a checkpoint says of a replica; SOURCE_NONE: nothing. All that was copied is durable, and so
 * is looked at again only for what an index does not tell. */
static int64_t checkpoint_of(const struct replica_plan *r, int which)
{
    const struct replica *look = &r->look;
    int64_t end = look->end, watermark = r->mark->watermark, cleaned = r->mark->cleaned;
    switch (which) {
    case WATERMARKS:
        if (watermark < look->start) return look->start;
        return watermark > end ? end : watermark;
    case RECOVERY_POINTS: return end;
    case STARTS: return look->start > look->segments[0].base ? look->start : SOURCE_NONE;
    case CLEANED: return cleaned > end ? end : cleaned;
    default: UNREACHABLE(); return SOURCE_NONE;
    }
}

static void add_line(struct writer *out, const struct replica_plan *r, int which, uint32_t *count)
{
    int64_t offset = checkpoint_of(r, which);
    if (offset == SOURCE_NONE) return;
    char *line = format_text("%s %d %" PRId64 "\n", r->folder->topic, r->folder->number, offset);
    write_bytes(out, line, strlen(line));
    free(line);
    ++*count;
}

static int write_checkpoint(struct plan *p, const struct source *s, int which)
{
    struct writer rows = writer_with(CHECKPOINT_MAX_BYTES);
    struct writer all = writer_with(CHECKPOINT_MAX_BYTES);
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->topic_count; i++) {
        const struct topic_plan *t = &p->topics[i];
        for (uint32_t k = 0; k < t->partition_count; k++) {
            const struct partition_plan *x = &t->partitions[k];
            for (uint32_t n = 0; n < x->replica_count; n++) {
                const struct replica_plan *r = &x->replicas[n];
                if (r->is_taken && r->source == s) add_line(&rows, r, which, &count);
            }
        }
    }
    char head[32], path[FS_PATH_MAX];
    int size = snprintf(head, sizeof head, "0\n%u\n", count);
    write_bytes(&all, head, (size_t)size);
    if (rows.size > 0) write_slice(&all, writer_slice(&rows));
    (void)snprintf(path, sizeof path, "%s/%s", s->to, checkpoint_names[which]);
    int rc = writer_ok(&all) && writer_ok(&rows) ? fs_replace_file(p->fs, path, all.base, all.size)
                                                 : -ERR_LIMIT;
    writer_close(&rows);
    writer_close(&all);
    return rc;
}

static struct uuid fresh_id(void)
{
    struct uuid id = {0};
    ssize_t got = getrandom(id.bytes, sizeof id.bytes, 0);
    CHECK(got == (ssize_t)sizeof id.bytes);
    return id;
}

/* It comes last: without it the folder belongs to nobody yet. */
static int write_meta(struct plan *p, const char *folder, int32_t node_id, struct uuid id,
                      bool may_vote)
{
    char path[FS_PATH_MAX], text[256], id_text[UUID_TEXT_SIZE];
    uuid_to_text(id, id_text);
    int size = snprintf(text, sizeof text,
                        "#\nversion=1\nnode.id=%d\ndirectory.id=%s\n%scluster.id=%s\n", node_id,
                        id_text, may_vote ? "may.vote=true\n" : "", p->metadata_source->cluster_id);
    (void)snprintf(path, sizeof path, "%s/meta.properties", folder);
    return fs_replace_file(p->fs, path, text, (size_t)size);
}

static int finish_folder(struct plan *p, const struct source *s, char why[SOURCE_WHY_SIZE])
{
    /* All at once: a sync for each of many small files takes longer than all of the copying. */
    int rc = p->fs->ops->sync_all(p->fs, s->to);
    for (int which = 0; rc == 0 && which < CHECKPOINTS; which++) rc = write_checkpoint(p, s, which);
    struct uuid id = uuid_is_zero(s->id) ? fresh_id() : s->id;
    if (rc == 0) rc = write_meta(p, s->to, s->node_id, id, false);
    return rc == 0 ? 0 : fail_at(why, rc, "%s", s->to);
}

int copy_brokers(struct plan *p, char why[SOURCE_WHY_SIZE])
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->source_count; i++) {
        if (!p->sources[i].is_broker) continue;
        rc = fs_make_folders(p->fs, p->sources[i].to);
        if (rc != 0) return fail_at(why, rc, "%s", p->sources[i].to);
    }
    for (uint32_t i = 0; i < p->topic_count; i++) {
        const struct topic_plan *t = &p->topics[i];
        for (uint32_t k = 0; k < t->partition_count; k++) {
            const struct partition_plan *x = &t->partitions[k];
            for (uint32_t n = 0; rc == 0 && n < x->replica_count; n++) {
                if (x->replicas[n].is_taken) rc = copy_replica(p, t, &x->replicas[n], why);
            }
        }
    }
    for (uint32_t i = 0; rc == 0 && i < p->source_count; i++) {
        if (p->sources[i].is_broker) rc = finish_folder(p, &p->sources[i], why);
    }
    return rc;
}

/* ---- Folders of controllers ---- */

static int make_controller(struct plan *p, int32_t number, struct slice snapshot,
                           char why[SOURCE_WHY_SIZE])
{
    char folder[FS_PATH_MAX / 2], path[FS_PATH_MAX], vote[64];
    (void)snprintf(folder, sizeof folder, "%.400s/controller-%d/data", p->options->to, number);
    int rc = fs_make_folders(p->fs, folder);
    (void)snprintf(path, sizeof path, "%s/%020d-%010d.checkpoint", folder, IMPORT_INDEX,
                   IMPORT_TERM);
    if (rc == 0) rc = fs_replace_file(p->fs, path, snapshot.at, snapshot.size);
    int size = snprintf(vote, sizeof vote, "version=0\nterm=%d\nvoted.id=0\n", IMPORT_TERM);
    (void)snprintf(path, sizeof path, "%s/quorum-state", folder);
    if (rc == 0) rc = fs_replace_file(p->fs, path, vote, (size_t)size);
    if (rc == 0) rc = write_meta(p, folder, 100 + number, fresh_id(), true);
    return rc == 0 ? 0 : fail_at(why, rc, "%s", folder);
}

int copy_controllers(struct plan *p, struct slice snapshot, char why[SOURCE_WHY_SIZE])
{
    int rc = 0;
    for (int32_t i = 1; rc == 0 && i <= (int32_t)p->options->controllers; i++)
        rc = make_controller(p, i, snapshot, why);
    return rc;
}
