#include "common/ring_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

/* After a write that failed. */
#define AGAIN_MS 10000
#define SPARE_PART 20 /* Of the disk must be free beside a new file. */

void ring_file_open(struct ring_file *f, const char *folder, uint32_t actor, uint32_t flush_ms,
                    uint32_t kind, uint32_t lane)
{
    *f = (struct ring_file){.flush_ms = flush_ms};
    f->job.link.kind = kind;
    f->job.lane = lane;
    (void)snprintf(f->path, sizeof f->path, "%s/" RING_FILE_NAME_FORMAT, folder, actor);
    (void)snprintf(f->before, sizeof f->before, "%s/" RING_FILE_BEFORE_FORMAT, folder, actor);
}

void ring_file_close(struct ring_file *f, struct env *env)
{
    if (f->is_known) env_rescue(env, f->path, NULL, 0);
    free(f->bytes);
    *f = (struct ring_file){0};
}

/* ---- On an I/O thread. ---- */

/* The file of the run before gets its other name; the one before that is written over, since its
 * place on the disk is there already. */
static void change_names(struct fs *fs, const struct ring_file *f)
{
    char spare[FS_PATH_MAX + 8];
    (void)snprintf(spare, sizeof spare, "%s.tmp", f->before);
    (void)fs->ops->rename(fs, f->before, spare); /* There may be none of either. */
    (void)fs->ops->rename(fs, f->path, f->before);
    (void)fs->ops->rename(fs, spare, f->path);
}

static int write_at(struct fs *fs, struct file *file, const void *bytes, size_t size, uint64_t at)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    return fs->ops->pwritev(fs, file, &iov, 1, at);
}

/* All of its place is taken at once, and only of a disk that has some to spare: whoever is short of
 * space needs it for other things. What it held has no meaning from now on. */
static int make_room(struct fs *fs, const struct ring_file *f, struct file *file)
{
    static const uint8_t zeros[65536];
    struct fs_space space;
    uint64_t size = 0;
    int rc = fs->ops->size(fs, file, &size);
    if (rc == 0 && size < f->size) {
        rc = fs->ops->space(fs, f->path, &space);
        if (rc == 0 && space.free_bytes < f->size + space.total_bytes / SPARE_PART) rc = -ERR_FULL;
    }
    /* Of one that is whole nothing but its head and those of the banks has to go. */
    if (rc == 0 && size >= f->size) {
        rc = write_at(fs, file, zeros, RING_HEADER_BYTES, 0);
        for (uint32_t i = 0; rc == 0 && i < 2; i++)
            rc = write_at(fs, file, zeros, RING_BANK_BYTES, f->banks[i]);
        return rc;
    }
    for (uint64_t at = 0; rc == 0 && at < f->size; at += sizeof zeros) {
        uint64_t left = f->size - at;
        rc = write_at(fs, file, zeros, left < sizeof zeros ? left : sizeof zeros, at);
    }
    return rc;
}

static void run_write(struct fs *fs, struct job *job)
{
    struct ring_file *f = (struct ring_file *)(void *)job;
    struct file *file = NULL;
    const uint8_t *from = f->bytes;
    if (!f->is_renamed) change_names(fs, f);
    f->is_renamed = true;
    job->rc = fs->ops->open(fs, f->path, FS_WRITE | FS_CREATE, &file);
    if (job->rc == 0 && !f->is_begun) job->rc = make_room(fs, f, file);
    f->is_begun = job->rc == 0;
    for (uint32_t i = 0; job->rc == 0 && i < f->range_count; i++) {
        job->rc = write_at(fs, file, from, f->ranges[i].size, f->ranges[i].at);
        from += f->ranges[i].size;
    }
    if (file != NULL) fs->ops->close(fs, file);
}

/* ---- In the actor's turns. ---- */

static void add_range(struct ring_file *f, uint64_t at, size_t size)
{
    if (size == 0) return;

    CHECK(f->range_count < RING_FILE_RANGES);
    f->ranges[f->range_count++] = (struct ring_range){.at = at, .size = size};
}

static void find_ranges(struct ring_file *f, const struct ring *r)
{
    uint64_t now = ring_bank_at(r, r->generation);
    f->range_count = 0;
    if (f->generation == r->generation) {
        add_range(f, now + f->used, r->used - f->used);
    } else if (f->generation + 1 == r->generation && f->generation > 0) {
        add_range(f, ring_bank_at(r, f->generation) + f->used, r->used_before - f->used);
        add_range(f, now, r->used);
    } else {
        add_range(f, 0, RING_HEADER_BYTES);
        if (r->generation > r->first_generation + 1)
            add_range(f, ring_bank_at(r, r->generation - 1), r->used_before);
        add_range(f, now, r->used);
    }
}

static void copy_ranges(struct ring_file *f, const struct ring *r)
{
    size_t size = 0;
    for (uint32_t i = 0; i < f->range_count; i++) size += f->ranges[i].size;
    if (size > f->capacity) {
        free(f->bytes);
        f->capacity = size < 4096 ? 4096 : size;
        f->bytes = malloc(f->capacity);
        CHECK(f->bytes != NULL);
    }
    size = 0;
    for (uint32_t i = 0; i < f->range_count; i++) {
        memcpy(f->bytes + size, r->base + f->ranges[i].at, f->ranges[i].size);
        size += f->ranges[i].size;
    }
}

void ring_file_turn(struct ring_file *f, struct env *env, struct ring *ring)
{
    if (f->flush_ms == 0 || !ring_is_on(ring) || f->is_out) return;
    if (f->generation == ring->generation && f->used == ring->used) return;
    bool is_urgent = ring->is_urgent && !f->is_failing;
    if (env_now_ms(env) < f->due_ms && !is_urgent) return;

    f->size = ring->size;
    for (uint32_t i = 0; i < 2; i++) f->banks[i] = ring_bank_at(ring, i);
    find_ranges(f, ring);
    copy_ranges(f, ring);
    f->generation = ring->generation;
    f->used = ring->used;
    f->is_out = true;
    ring->is_urgent = false;
    f->due_ms = env_now_ms(env) + f->flush_ms;
    f->job.run = run_write;
    env_submit(env, &f->job);
}

void ring_file_on_job(struct ring_file *f, struct env *env, const struct ring *ring)
{
    CHECK(f->is_out);

    f->is_out = false;
    if (f->job.rc == 0 && !f->is_known) {
        env_rescue(env, f->path, ring->base, ring->size);
        f->is_known = true;
    }
    if (f->job.rc != 0) {
        if (!f->is_failing)
            log_warn(env, "the last events cannot be kept in %s: %s", f->path, err_text(f->job.rc));
        f->generation = 0; /* All of it, then. */
        f->used = 0;
        f->due_ms = env_now_ms(env) + AGAIN_MS;
    }
    f->is_failing = f->job.rc != 0;
}

bool ring_file_finish(struct ring_file *f, struct env *env, struct ring *ring)
{
    if (!f->is_failing) {
        f->due_ms = 0;
        ring_file_turn(f, env, ring);
    }
    return !f->is_out;
}
