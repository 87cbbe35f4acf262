#include "journal/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define COPY_BYTES (256u * 1024)

static struct path kept_path(const char *dir, const struct kept_tail *tail)
{
    char name[SEGMENT_NAME_MAX];
    (void)snprintf(name, sizeof name, "%020" PRId64 "-%" PRId32 KEPT_EXTENSION, tail->offset,
                   tail->epoch);
    return files_named(dir, name);
}

/* Appends what `from` has from `at` on. */
static int copy(struct fs *fs, struct file *from, uint64_t at, uint64_t size, struct file *to,
                uint64_t *written)
{
    uint8_t *bytes = malloc(COPY_BYTES);
    CHECK(bytes != NULL);
    int rc = 0;
    while (rc == 0 && at < size) {
        uint64_t left = size - at;
        size_t got = 0;
        rc = fs->ops->pread(fs, from, bytes, left < COPY_BYTES ? (size_t)left : COPY_BYTES, at,
                            &got);
        if (rc == 0 && got == 0) break;
        struct iovec piece = {.iov_base = bytes, .iov_len = got};
        if (rc == 0) rc = fs->ops->pwritev(fs, to, &piece, 1, *written);
        if (rc != 0) break;
        at += got;
        *written += got;
    }
    free(bytes);
    return rc;
}

static int copy_segment(struct fs *fs, const char *dir, int64_t base, struct file *to,
                        uint64_t *written)
{
    struct path path = files_segment(dir, base, ".log");
    struct file *from = NULL;
    uint64_t size = 0;
    int rc = fs->ops->open(fs, path.text, FS_READ, &from);
    if (rc == -ERR_ABSENT) return 0; /* Nothing was written to it yet. */
    if (rc == 0) rc = fs->ops->size(fs, from, &size);
    if (rc == 0) rc = copy(fs, from, 0, size, to, written);
    if (from != NULL) fs->ops->close(fs, from);
    return rc;
}

struct census {
    uint32_t count;
    char first[SEGMENT_NAME_MAX];
};

static void see_entry(void *arg, const struct fs_entry *entry)
{
    struct census *c = arg;
    size_t size = strlen(entry->name), tail = sizeof KEPT_EXTENSION - 1;
    if (size < tail || size >= sizeof c->first) return;
    if (strcmp(entry->name + size - tail, KEPT_EXTENSION) != 0) return;
    if (c->count++ == 0) (void)snprintf(c->first, sizeof c->first, "%s", entry->name);
}

static int make_room(struct fs *fs, const char *dir)
{
    struct census c = {0};
    int rc = fs->ops->list(fs, dir, see_entry, &c);
    if (rc != 0 || c.count < KEPT_FILES_MAX) return rc;
    struct path path = files_named(dir, c.first);
    return fs->ops->unlink(fs, path.text);
}

int kept_write(struct fs *fs, const char *dir, const struct kept_tail *tail, uint64_t *bytes)
{
    CHECK(tail->at <= tail->size);
    *bytes = 0;
    if (tail->at == tail->size && tail->gone_count == 0) return 0;

    struct path path = kept_path(dir, tail);
    struct file *to = NULL;
    int rc = make_room(fs, dir);
    if (rc == 0) rc = fs->ops->open(fs, path.text, FS_READ | FS_WRITE | FS_CREATE, &to);
    if (rc != 0) return rc;

    rc = fs->ops->truncate(fs, to, 0);
    if (rc == 0) rc = copy(fs, tail->file, tail->at, tail->size, to, bytes);
    for (uint32_t i = tail->gone_count; i > 0 && rc == 0; i--) {
        rc = copy_segment(fs, dir, tail->gone[i - 1], to, bytes);
    }
    if (rc == 0) rc = fs->ops->sync(fs, to);
    fs->ops->close(fs, to);
    if (rc != 0 || *bytes == 0) {
        *bytes = 0;
        (void)fs->ops->unlink(fs, path.text);
        return rc;
    }
    return files_sync_names(fs, dir, false);
}
