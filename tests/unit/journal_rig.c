#include "tests/unit/journal_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/fs_real.h"

/* ---- The disk ---- */

static struct rig_fs *disk_of(struct fs *fs)
{
    return (struct rig_fs *)fs;
}

static int rig_fs_open(struct fs *fs, const char *path, unsigned mode, struct file **out)
{
    disk_of(fs)->opens++;
    bool may_make = (mode & FS_CREATE) != 0 && strstr(path, ".log") != NULL;
    if (may_make && disk_of(fs)->create_rc != 0) return disk_of(fs)->create_rc;
    return disk_of(fs)->real->ops->open(disk_of(fs)->real, path, mode, out);
}

static void rig_fs_close(struct fs *fs, struct file *file)
{
    disk_of(fs)->real->ops->close(disk_of(fs)->real, file);
}

static int rig_fs_pwritev(struct fs *fs, struct file *file, const struct iovec *iov, int count,
                          uint64_t at)
{
    struct rig_fs *d = disk_of(fs);
    d->writes++;
    if (d->write_rc != 0) {
        /* Some of it is there: the journal must not leave it there. */
        struct iovec half = iov[0];
        half.iov_len = half.iov_len / 2;
        if (half.iov_len > 0) (void)d->real->ops->pwritev(d->real, file, &half, 1, at);
        return d->write_rc;
    }
    return d->real->ops->pwritev(d->real, file, iov, count, at);
}

static int rig_fs_pread(struct fs *fs, struct file *file, void *to, size_t size, uint64_t at,
                        size_t *got)
{
    return disk_of(fs)->real->ops->pread(disk_of(fs)->real, file, to, size, at, got);
}

static int rig_fs_size(struct fs *fs, struct file *file, uint64_t *size)
{
    return disk_of(fs)->real->ops->size(disk_of(fs)->real, file, size);
}

static int rig_fs_truncate(struct fs *fs, struct file *file, uint64_t size)
{
    return disk_of(fs)->real->ops->truncate(disk_of(fs)->real, file, size);
}

static int rig_fs_sync(struct fs *fs, struct file *file)
{
    (void)file; /* No power is cut here. */
    disk_of(fs)->syncs++;
    return disk_of(fs)->sync_rc;
}

static int rig_fs_write_out_begin(struct fs *fs, struct file *file, uint64_t at, uint64_t size)
{
    struct rig_fs *d = disk_of(fs);
    if (d->write_out_rc != 0) return d->write_out_rc;
    d->out_bytes += size;
    return d->real->ops->write_out_begin(d->real, file, at, size);
}

static int rig_fs_write_out_end(struct fs *fs, struct file *file, uint64_t at, uint64_t size)
{
    struct rig_fs *d = disk_of(fs);
    if (d->write_out_rc != 0) return d->write_out_rc;
    d->dropped_bytes += size;
    CHECK(d->dropped_bytes <= d->out_bytes);
    return d->real->ops->write_out_end(d->real, file, at, size);
}

static int rig_fs_sync_path(struct fs *fs, const char *path)
{
    (void)path;
    disk_of(fs)->syncs++;
    disk_of(fs)->is_moved = false;
    return 0;
}

static int rig_fs_rename(struct fs *fs, const char *from, const char *to)
{
    disk_of(fs)->is_moved = strstr(to, "-delete") != NULL;
    return disk_of(fs)->real->ops->rename(disk_of(fs)->real, from, to);
}

static int rig_fs_unlink(struct fs *fs, const char *path)
{
    disk_of(fs)->unlinks++;
    disk_of(fs)->early_unlinks += disk_of(fs)->is_moved;
    return disk_of(fs)->real->ops->unlink(disk_of(fs)->real, path);
}

static int rig_fs_mkdir(struct fs *fs, const char *path)
{
    return disk_of(fs)->real->ops->mkdir(disk_of(fs)->real, path);
}

static int rig_fs_rmdir(struct fs *fs, const char *path)
{
    return disk_of(fs)->real->ops->rmdir(disk_of(fs)->real, path);
}

static int rig_fs_list(struct fs *fs, const char *path,
                       void (*visit)(void *arg, const struct fs_entry *), void *arg)
{
    return disk_of(fs)->real->ops->list(disk_of(fs)->real, path, visit, arg);
}

static const struct fs_ops disk_ops = {
    .open = rig_fs_open,
    .close = rig_fs_close,
    .pwritev = rig_fs_pwritev,
    .pread = rig_fs_pread,
    .size = rig_fs_size,
    .truncate = rig_fs_truncate,
    .sync = rig_fs_sync,
    .write_out_begin = rig_fs_write_out_begin,
    .write_out_end = rig_fs_write_out_end,
    .sync_all = rig_fs_sync_path,
    .rename = rig_fs_rename,
    .unlink = rig_fs_unlink,
    .mkdir = rig_fs_mkdir,
    .rmdir = rig_fs_rmdir,
    .sync_dir = rig_fs_sync_path,
    .list = rig_fs_list,
};

/* ---- The world ---- */

static struct rig *rig_of(struct env *env)
{
    return (struct rig *)env;
}

static void rig_random(struct env *env, void *to, size_t size)
{
    (void)env;
    memset(to, 0x5a, size);
}

static void rig_submit(struct env *env, struct job *job)
{
    struct rig *r = rig_of(env);
    CHECK(r->queued < sizeof r->queue / sizeof r->queue[0]);
    r->queue[r->queued++] = job;
}

static int rig_read_now(struct env *env, struct file *file, void *to, size_t size, uint64_t at)
{
    struct rig *r = rig_of(env);
    if (r->is_cold) return -ERR_AGAIN;
    r->inline_reads++;
    size_t got = 0;
    int rc = r->disk.fs.ops->pread(&r->disk.fs, file, to, size, at, &got);
    if (rc < 0) return rc;
    return got == size ? 0 : -ERR_IO;
}

static void rig_file_unref(struct env *env, struct file *file)
{
    CHECK(file->refs > 0);
    if (--file->refs == 0) rig_of(env)->disk.fs.ops->close(&rig_of(env)->disk.fs, file);
}

static void rig_log(struct env *env, enum log_level level, const char *text)
{
    (void)level;
    snprintf(rig_of(env)->last_log, sizeof rig_of(env)->last_log, "%s", text);
}

static const struct env_ops world_ops = {.random = rig_random,
                                         .submit = rig_submit,
                                         .read_now = rig_read_now,
                                         .file_unref = rig_file_unref,
                                         .log = rig_log};

void rig_init(struct rig *r)
{
    memset(r, 0, sizeof *r);
    r->env.ops = &world_ops;
    r->disk.fs.ops = &disk_ops;
    r->disk.real = fs_real();
    snprintf(r->root, sizeof r->root, "/tmp/test_journal.XXXXXX");
    CHECK(mkdtemp(r->root) != NULL);
    struct journal_options *o = &r->options;
    snprintf(o->dir, sizeof o->dir, "%s/topic-0", r->root);
    o->lane = 3;
    o->segment_bytes = 1024 * 1024;
    o->segment_ms = INT64_MAX;
    o->index_interval_bytes = 4096;
    o->segment_index_bytes = 1024 * 1024;
    o->is_whole = true;
    o->recovery_point = -1;
    o->owner = r;
}

void rig_close(struct rig *r)
{
    if (r->j != NULL) rig_kill(r);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", r->root);
    CHECK(system(command) == 0);
}

struct rig suite_rig;

void rig_begin(void)
{
    rig_init(&suite_rig);
}

void rig_end(void)
{
    rig_close(&suite_rig);
}

void rig_open(struct rig *r)
{
    CHECK(r->j == NULL);
    r->j = journal_open(&r->env, &r->options);
    CHECK(journal_owner(r->j) == r);
    rig_run_all(r);
    r->news = 0;
}

void rig_stop(struct rig *r)
{
    journal_stop(r->j);
    rig_run_all(r);
    CHECK(journal_state_of(r->j) == JOURNAL_STOPPED);
    journal_close(r->j, false);
    r->j = NULL;
}

void rig_kill(struct rig *r)
{
    journal_close(r->j, true);
    r->j = NULL;
    r->queued = 0;
}

bool rig_run_one(struct rig *r)
{
    if (r->queued == 0) return false;
    struct job *job = r->queue[0];
    r->queued--;
    memmove(r->queue, r->queue + 1, r->queued * sizeof r->queue[0]);
    CHECK(job->lane == r->options.lane || job->lane == ENV_LANE_BACKGROUND);
    job->run(&r->disk.fs, job);
    CHECK(journal_of_job(job) == r->j);
    r->news |= journal_on_job(r->j, job);
    journal_check(r->j);
    return true;
}

void rig_run_all(struct rig *r)
{
    while (rig_run_one(r)) continue;
}

unsigned rig_news(struct rig *r)
{
    unsigned news = r->news;
    r->news = 0;
    return news;
}

/* ---- Batches ---- */

struct buf *rig_build(struct rig_batch spec, struct record_batch_header *header)
{
    struct record_spec *records = calloc((size_t)spec.count, sizeof *records);
    uint8_t *value = malloc(spec.value_bytes + 1);
    CHECK(records != NULL && value != NULL);
    for (uint32_t i = 0; i < spec.value_bytes; i++) value[i] = (uint8_t)(spec.offset * 7 + i);
    for (int32_t i = 0; i < spec.count; i++) {
        records[i].value = slice_of(value, spec.value_bytes);
        records[i].timestamp_ms = spec.timestamp_ms + i;
    }
    struct batch_spec batch = batch_spec_of(records, spec.count);
    batch.base_offset = spec.offset;
    batch.partition_leader_epoch = spec.epoch;
    batch.attributes = spec.attributes;
    struct writer out = writer_with(64 * 1024 * 1024);
    kafka_batch_build(&batch, &out);
    CHECK(writer_ok(&out));
    struct buf *buf = buf_of(writer_slice(&out));
    CHECK(kafka_batch_peek(buf_slice(buf), header) == BATCH_OK);
    CHECK(batch_size(header) == buf->size);
    writer_close(&out);
    free(records);
    free(value);
    return buf;
}

uint32_t rig_append(struct rig *r, struct rig_batch spec)
{
    struct record_batch_header header;
    struct buf *buf = rig_build(spec, &header);
    uint32_t size = buf->size;
    journal_append(r->j, buf, 0, size, &header);
    buf_unref(buf);
    return size;
}

void rig_fill(struct rig *r, uint32_t batches, int32_t epoch, uint32_t value_bytes)
{
    for (uint32_t i = 0; i < batches; i++) {
        int64_t end = journal_assigned(r->j);
        rig_append(r, (struct rig_batch){.offset = end,
                                         .count = 3,
                                         .epoch = epoch,
                                         .timestamp_ms = 1000 + end * 10,
                                         .value_bytes = value_bytes});
    }
    journal_flush(r->j);
    rig_run_all(r);
}

enum journal_read rig_read(struct rig *r, int64_t offset, int64_t limit, uint32_t max_bytes,
                           bool at_least_one, struct journal_range *range, uint8_t **bytes)
{
    *bytes = NULL;
    for (int tries = 0; tries < 50; tries++) {
        enum journal_read result =
            journal_read(r->j, offset, limit, max_bytes, at_least_one, range);
        if (result == JOURNAL_READ_WAIT) {
            CHECK(r->queued > 0);
            while (rig_run_one(r) && (r->news & JOURNAL_NEWS_READ) == 0) continue;
            CHECK((r->news & (JOURNAL_NEWS_READ | JOURNAL_NEWS_FAILED)) != 0);
            r->news &= ~(unsigned)JOURNAL_NEWS_READ;
            continue;
        }
        if (result != JOURNAL_READ_OK || range->size == 0) {
            CHECK(range->file == NULL);
            return result;
        }
        *bytes = malloc(range->size);
        CHECK(*bytes != NULL);
        size_t got = 0;
        int rc = r->disk.fs.ops->pread(&r->disk.fs, range->file, *bytes, range->size, range->at,
                                       &got);
        CHECK(rc == 0 && got == range->size);
        env_file_unref(&r->env, range->file);
        range->file = NULL;
        return result;
    }
    CHECK(!"a read must not wait for ever");
    return JOURNAL_READ_FAILED;
}

/* ---- Files ---- */

const char *rig_path(const struct rig *r, const char *name)
{
    static char paths[4][FS_PATH_MAX + 64];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", r->options.dir, name);
    return path;
}

uint8_t *rig_load(const struct rig *r, const char *name, size_t *size)
{
    uint8_t *bytes = NULL;
    int rc = fs_read_file(fs_real(), rig_path(r, name), SIZE_MAX / 2, &bytes, size);
    CHECK(rc == 0);
    return bytes;
}

void rig_store(const struct rig *r, const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(rig_path(r, name), "wb");
    CHECK(f != NULL);
    CHECK(fwrite(bytes, 1, size, f) == size);
    CHECK(fclose(f) == 0);
}

void rig_cut(const struct rig *r, const char *name, size_t size)
{
    CHECK(truncate(rig_path(r, name), (off_t)size) == 0);
}

bool rig_exists(const struct rig *r, const char *name)
{
    return access(rig_path(r, name), F_OK) == 0;
}
