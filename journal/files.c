#include "journal/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"

#define BASE_DIGITS 20
#define CHECKPOINT_MAX ((size_t)16 * 1024 * 1024)

struct path files_segment(const char *dir, int64_t base, const char *extension)
{
    CHECK(base >= 0);
    struct path path;
    int n = snprintf(path.text, sizeof path.text, "%s/%020" PRId64 "%s", dir, base, extension);
    CHECK(n > 0 && (size_t)n < sizeof path.text);
    return path;
}

struct path files_named(const char *dir, const char *name)
{
    struct path path;
    int n = snprintf(path.text, sizeof path.text, "%s/%s", dir, name);
    CHECK(n > 0 && (size_t)n < sizeof path.text);
    return path;
}

#define BASES_FIRST 8u

void bases_add(struct bases *b, int64_t base)
{
    if (b->count == b->capacity) {
        b->capacity = b->capacity == 0 ? BASES_FIRST : b->capacity * 2;
        b->items = realloc(b->items, b->capacity * sizeof *b->items);
        CHECK(b->items != NULL);
    }
    b->items[b->count++] = base;
}

static int compare_bases(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y); /* Never equal: they are names of one folder. */
}

void bases_sort(struct bases *b)
{
    if (b->count > 0) qsort(b->items, b->count, sizeof(int64_t), compare_bases);
}

bool bases_have(const struct bases *b, int64_t base)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->items[i] == base) return true;
    }
    return false;
}

void bases_close(struct bases *b)
{
    free(b->items);
    *b = (struct bases){0};
}

bool files_parse_as(const char *name, const char *extension, int64_t *base)
{
    uint64_t value = 0;
    for (size_t d = 0; d < BASE_DIGITS; d++) {
        if (name[d] < '0' || name[d] > '9') return false;
        uint64_t digit = (uint64_t)(name[d] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (strcmp(name + BASE_DIGITS, extension) != 0) return false;
    *base = (int64_t)value;
    return true;
}

int files_parse(const char *name, int64_t *base, const char **extension)
{
    static const char *const known[] = {".log", ".index", ".timeindex", ".txnindex"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t tail = strlen(known[i]);
        if (size < tail || strcmp(name + size - tail, known[i]) != 0) continue;

        if (!files_parse_as(name, known[i], base)) return -ERR_INVALID;
        *extension = known[i];
        return 0;
    }
    return -ERR_ABSENT;
}

int files_store(struct fs *fs, const struct path *path, const void *bytes, size_t size, bool sync)
{
    struct file *file = NULL;
    int rc = fs->ops->open(fs, path->text, FS_WRITE | FS_CREATE | FS_TRUNC, &file);
    if (rc < 0) return rc;

    if (size > 0) {
        /* The call takes what it does not change through a pointer that could. */
        struct iovec part = {.iov_len = size};
        memcpy(&part.iov_base, &bytes, sizeof bytes);
        rc = fs->ops->pwritev(fs, file, &part, 1, 0);
    }
    if (rc == 0 && sync) rc = fs->ops->sync(fs, file);
    fs->ops->close(fs, file);
    return rc;
}

int files_store_indexes(struct fs *fs, const char *dir, const struct contents *c, bool sync)
{
    struct path path = files_segment(dir, c->base, ".index");
    int rc = files_store(fs, &path, c->offsets.bytes, c->offsets.size, sync);
    if (rc < 0) return rc;
    path = files_segment(dir, c->base, ".timeindex");
    return files_store(fs, &path, c->times.bytes, c->times.size, sync);
}

static int remove_if_there(struct fs *fs, const struct path *path)
{
    int rc = fs->ops->unlink(fs, path->text);
    return rc == -ERR_ABSENT ? 0 : rc;
}

int files_remove_indexes(struct fs *fs, const char *dir, int64_t base)
{
    static const char *const extensions[] = {".index", ".timeindex", ".txnindex"};
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        struct path path = files_segment(dir, base, extensions[i]);
        int rc = remove_if_there(fs, &path);
        if (rc < 0) return rc;
    }
    return 0;
}

int files_sync(struct fs *fs, const struct path *path)
{
    struct file *file = NULL;
    int rc = fs->ops->open(fs, path->text, FS_READ | FS_WRITE, &file);
    if (rc == -ERR_ABSENT) return 0;
    if (rc < 0) return rc;
    rc = fs->ops->sync(fs, file);
    fs->ops->close(fs, file);
    return rc;
}

static const char *const segment_extensions[] = {".log", ".index", ".timeindex", ".txnindex",
                                                 ".snapshot"}; /* That one last. */
#define EXTENSIONS (sizeof segment_extensions / sizeof segment_extensions[0])

static struct path retired(const char *dir, int64_t base, const char *extension)
{
    struct path path = files_segment(dir, base, extension);
    size_t size = strlen(path.text);
    CHECK(size + sizeof ".deleted" <= sizeof path.text);
    memcpy(path.text + size, ".deleted", sizeof ".deleted");
    return path;
}

int files_retire_segment(struct fs *fs, const char *dir, int64_t base, bool keeps_snapshot)
{
    for (size_t i = 0; i < EXTENSIONS - (keeps_snapshot ? 1 : 0); i++) {
        struct path from = files_segment(dir, base, segment_extensions[i]);
        struct path to = retired(dir, base, segment_extensions[i]);
        int rc = fs->ops->rename(fs, from.text, to.text);
        if (rc < 0 && rc != -ERR_ABSENT) return rc;
    }
    return 0;
}

int files_sweep_segment(struct fs *fs, const char *dir, int64_t base)
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        struct path path = retired(dir, base, segment_extensions[i]);
        int rc = remove_if_there(fs, &path);
        if (rc < 0) return rc;
    }
    return 0;
}

int files_remove_segment(struct fs *fs, const char *dir, int64_t base)
{
    struct path path = files_segment(dir, base, ".log");
    struct path deleted = files_segment(dir, base, ".log.deleted");
    int rc = fs->ops->rename(fs, path.text, deleted.text);
    if (rc < 0 && rc != -ERR_ABSENT) return rc;
    rc = files_remove_indexes(fs, dir, base);
    if (rc < 0) return rc;
    path = files_segment(dir, base, ".snapshot");
    rc = remove_if_there(fs, &path);
    if (rc < 0) return rc;
    return remove_if_there(fs, &deleted);
}

int files_store_epochs(struct fs *fs, const char *dir, const struct epochs *e)
{
    struct writer out = writer_with(CHECKPOINT_MAX);
    char line[64];
    int n = snprintf(line, sizeof line, "0\n%" PRIu32 "\n", e->count);
    write_bytes(&out, line, (size_t)n);
    for (uint32_t i = 0; i < e->count; i++) {
        n = snprintf(line, sizeof line, "%" PRId32 " %" PRId64 "\n", e->items[i].epoch,
                     e->items[i].start_offset);
        write_bytes(&out, line, (size_t)n);
    }
    int rc = -ERR_LIMIT;
    if (writer_ok(&out)) {
        struct path path = files_named(dir, CHECKPOINT_NAME);
        rc = fs_replace_file(fs, path.text, out.base, out.size);
    }
    writer_close(&out);
    return rc;
}

/* A number and the character after it. */
static bool take_number(const char **at, char after, int64_t max, int64_t *out)
{
    int64_t value = 0;
    const char *p = *at;
    if (*p < '0' || *p > '9') return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        int64_t digit = *p - '0';
        if (value > (max - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (*p != after && !(after == '\n' && *p == 0)) return false;
    *at = *p == 0 ? p : p + 1;
    *out = value;
    return true;
}

int files_load_epochs(struct fs *fs, const char *dir, struct epochs *e)
{
    struct path path = files_named(dir, CHECKPOINT_NAME);
    uint8_t *bytes = NULL;
    size_t size = 0;
    e->count = 0;
    int rc = fs_read_file(fs, path.text, CHECKPOINT_MAX, &bytes, &size);
    if (rc < 0) return rc;

    const char *at = (const char *)bytes;
    int64_t version = -1;
    int64_t count = -1;
    bool ok = take_number(&at, '\n', INT32_MAX, &version) && version == 0 &&
              take_number(&at, '\n', INT32_MAX, &count);
    for (int64_t i = 0; ok && i < count; i++) {
        int64_t epoch = -1;
        int64_t offset = -1;
        ok = take_number(&at, ' ', INT32_MAX, &epoch) &&
             take_number(&at, '\n', INT64_MAX, &offset) && epoch > epochs_last(e) &&
             (e->count == 0 || offset > e->items[e->count - 1].start_offset);
        if (ok) epochs_note(e, (int32_t)epoch, offset);
    }
    free(bytes);
    if (!ok) e->count = 0;
    return ok ? 0 : -ERR_CORRUPT;
}

int files_sync_parent(struct fs *fs, const char *dir)
{
    struct path parent;
    (void)snprintf(parent.text, sizeof parent.text, "%s", dir);
    char *slash = strrchr(parent.text, '/');
    if (slash == NULL) return fs->ops->sync_dir(fs, ".");
    slash[slash == parent.text ? 1 : 0] = 0;
    return fs->ops->sync_dir(fs, parent.text);
}

int files_sync_names(struct fs *fs, const char *dir, bool parent_too)
{
    int rc = fs->ops->sync_dir(fs, dir);
    return rc < 0 || !parent_too ? rc : files_sync_parent(fs, dir);
}
