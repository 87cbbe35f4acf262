#include "common/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define TREE_LEVELS_MAX 2

/* "a/b" of "a" and "b". */
static int path_join(char *out, const char *folder, const char *name)
{
    int printed = snprintf(out, FS_PATH_MAX, "%s/%s", folder, name);
    return printed >= 0 && printed < FS_PATH_MAX ? 0 : -ERR_INVALID;
}

/* The folder that holds the name of `path`. */
static int path_folder(char *out, const char *path)
{
    size_t size = strlen(path);
    if (size >= FS_PATH_MAX) return -ERR_INVALID;
    memcpy(out, path, size + 1);
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        memcpy(out, ".", 2);
    } else if (slash == out) {
        slash[1] = '\0';
    } else {
        *slash = '\0';
    }
    return 0;
}

int fs_read_file(struct fs *fs, const char *path, size_t size_max, uint8_t **out, size_t *size)
{
    *out = NULL;
    *size = 0;
    struct file *file = NULL;
    int rc = fs->ops->open(fs, path, FS_READ, &file);
    if (rc != 0) return rc;

    uint8_t *bytes = NULL;
    uint64_t there = 0;
    size_t got = 0;
    rc = fs->ops->size(fs, file, &there);
    if (rc != 0) goto out;
    if (there > size_max) {
        rc = -ERR_LIMIT;
        goto out;
    }
    bytes = malloc((size_t)there + 1);
    CHECK(bytes != NULL);
    rc = fs->ops->pread(fs, file, bytes, (size_t)there, 0, &got);
    if (rc != 0) goto out;
    CHECK(got <= there);
    bytes[got] = 0;
    *out = bytes;
    *size = got;
    bytes = NULL;
out:
    free(bytes);
    fs->ops->close(fs, file);
    return rc;
}

static int write_synced(struct fs *fs, const char *path, const void *bytes, size_t size)
{
    struct file *file = NULL;
    int rc = fs->ops->open(fs, path, FS_WRITE | FS_CREATE | FS_TRUNC, &file);
    if (rc != 0) return rc;
    struct iovec iov = {.iov_len = size};
    memcpy(&iov.iov_base, &bytes, sizeof bytes); /* An iovec has no const; nothing writes to it. */
    if (size > 0) rc = fs->ops->pwritev(fs, file, &iov, 1, 0);
    if (rc == 0) rc = fs->ops->sync(fs, file);
    fs->ops->close(fs, file);
    return rc;
}

int fs_replace_file(struct fs *fs, const char *path, const void *bytes, size_t size)
{
    char folder[FS_PATH_MAX];
    char tmp[FS_PATH_MAX];
    int printed = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (printed < 0 || (size_t)printed >= sizeof tmp) return -ERR_INVALID;
    int rc = path_folder(folder, path);
    if (rc != 0) return rc;

    /* The new bytes are durable before the name says that they are the file. */
    rc = write_synced(fs, tmp, bytes, size);
    if (rc == 0) rc = fs->ops->rename(fs, tmp, path);
    if (rc == 0) rc = fs->ops->sync_dir(fs, folder);
    return rc;
}

int fs_make_folders(struct fs *fs, const char *path)
{
    char above[FS_PATH_MAX];
    int rc = path_folder(above, path);
    if (rc != 0) return rc;
    rc = fs->ops->mkdir(fs, path);
    if (rc == -ERR_ABSENT && strlen(above) < strlen(path)) {
        rc = fs_make_folders(fs, above);
        if (rc == 0) rc = fs->ops->mkdir(fs, path);
    }
    if (rc != 0) return rc;
    /* Also if it was there: whoever made it may not have come so far. A folder that only others may
     * write to is theirs to sync. */
    rc = fs->ops->sync_dir(fs, above);
    return rc == -ERR_IO ? rc : 0;
}

struct tree_entry {
    struct tree_entry *next;
    bool is_dir;
    char name[];
};

static void collect(void *arg, const struct fs_entry *entry)
{
    struct tree_entry **list = arg;
    size_t size = strlen(entry->name) + 1;
    struct tree_entry *e = malloc(sizeof *e + size);
    CHECK(e != NULL);
    memcpy(e->name, entry->name, size);
    e->is_dir = entry->is_dir;
    e->next = *list;
    *list = e;
}

static int remove_level(struct fs *fs, const char *path, uint32_t levels_left)
{
    /* Collected first: what happens to a listing whose entries vanish is not defined. */
    struct tree_entry *list = NULL;
    int rc = fs->ops->list(fs, path, collect, &list);
    while (list != NULL) {
        struct tree_entry *e = list;
        list = e->next;
        char inner[FS_PATH_MAX];
        if (rc == 0) rc = path_join(inner, path, e->name);
        if (rc == 0 && e->is_dir) {
            rc = levels_left == 0 ? -ERR_LIMIT : remove_level(fs, inner, levels_left - 1);
        } else if (rc == 0) {
            rc = fs->ops->unlink(fs, inner);
        }
        free(e);
    }
    return rc == 0 ? fs->ops->rmdir(fs, path) : rc;
}

int fs_remove_tree(struct fs *fs, const char *path)
{
    return remove_level(fs, path, TREE_LEVELS_MAX - 1);
}
