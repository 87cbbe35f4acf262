#include "common/fs_real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/check.h"

#define IOV_STEP 64

static int err_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return -ERR_ABSENT;
    case EEXIST:
    case ENOTEMPTY: return -ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return -ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return -ERR_FULL;
    case EWOULDBLOCK:
    case EBUSY: return -ERR_BUSY;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return -ERR_LIMIT;
    case EINVAL:
    case ENAMETOOLONG: return -ERR_INVALID;
    default: return -ERR_IO;
    }
}

static int err_now(void)
{
    CHECK(errno != 0);
    return err_of(errno);
}

static int open_retrying(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0644);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int real_open(struct fs *fs, const char *path, unsigned mode, struct file **out)
{
    (void)fs;
    CHECK((mode & (FS_READ | FS_WRITE)) != 0);

    int flags = O_RDONLY;
    if (mode & FS_WRITE) flags = mode & FS_READ ? O_RDWR : O_WRONLY;
    if (mode & FS_CREATE) flags |= O_CREAT;
    if (mode & FS_EXCL) flags |= O_EXCL;
    if (mode & FS_TRUNC) flags |= O_TRUNC;
    int fd = open_retrying(path, flags);
    if (fd < 0) return err_now();

    struct file *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->refs = 1;
    file->fd = fd;
    *out = file;
    return 0;
}

static void real_close(struct fs *fs, struct file *file)
{
    (void)fs;
    if (file == NULL) return;
    CHECK(file->fd >= 0);

    /* What close() reports was reported by the sync before, or was never promised. */
    (void)close(file->fd);
    free(file);
}

static int real_pwritev(struct fs *fs, struct file *file, const struct iovec *iov, int iov_count,
                        uint64_t at)
{
    (void)fs;
    int index = 0;
    size_t done = 0; /* Of iov[index]. */
    while (index < iov_count) {
        struct iovec step[IOV_STEP];
        step[0].iov_base = (uint8_t *)iov[index].iov_base + done;
        step[0].iov_len = iov[index].iov_len - done;
        int count = 1;
        while (index + count < iov_count && count < IOV_STEP) {
            step[count] = iov[index + count];
            count++;
        }
        ssize_t n = pwritev(file->fd, step, count, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_now();

        size_t wanted = 0;
        for (int i = 0; i < count; i++) wanted += step[i].iov_len;
        if (n == 0 && wanted > 0) return -ERR_IO;
        at += (uint64_t)n;
        size_t left = done + (size_t)n;
        int last = index + count;
        while (index < last && left >= iov[index].iov_len) left -= iov[index++].iov_len;
        done = left;
    }
    return 0;
}

static int real_pread(struct fs *fs, struct file *file, void *to, size_t size, uint64_t at,
                      size_t *got)
{
    (void)fs;
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(file->fd, (uint8_t *)to + *got, size - *got, (off_t)(at + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_now();
        if (n == 0) break;
        *got += (size_t)n;
    }
    return 0;
}

static int real_size(struct fs *fs, struct file *file, uint64_t *size_bytes)
{
    (void)fs;
    struct stat st;
    if (fstat(file->fd, &st) != 0) return err_now();
    *size_bytes = (uint64_t)st.st_size;
    return 0;
}

static int real_truncate(struct fs *fs, struct file *file, uint64_t size_bytes)
{
    (void)fs;
    int rc;
    do {
        rc = ftruncate(file->fd, (off_t)size_bytes);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : err_now();
}

static int real_sync(struct fs *fs, struct file *file)
{
    (void)fs;
    /* No retry: after a failed sync the kernel has forgotten what it could not write, and the next
     * one would report success. */
    return fdatasync(file->fd) == 0 ? 0 : err_now();
}

static int write_out(struct file *file, uint64_t at, uint64_t size, unsigned flags)
{
    int rc;
    do {
        rc = sync_file_range(file->fd, (off_t)at, (off_t)size, flags);
    } while (rc != 0 && errno == EINTR);
    /* Where the file system or a sandbox has no such call, the kernel does it in its own time. */
    return rc == 0 || errno == ENOSYS || errno == ESPIPE || errno == EPERM ? 0 : err_now();
}

static int real_write_out_begin(struct fs *fs, struct file *file, uint64_t at, uint64_t size)
{
    (void)fs;
    return write_out(file, at, size, SYNC_FILE_RANGE_WRITE);
}

static int real_write_out_end(struct fs *fs, struct file *file, uint64_t at, uint64_t size)
{
    (void)fs;
    int rc =
        write_out(file, at, size,
                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    if (rc == 0) (void)posix_fadvise(file->fd, (off_t)at, (off_t)size, POSIX_FADV_DONTNEED);
    return rc;
}

static int real_sync_all(struct fs *fs, const char *path)
{
    (void)fs;
    int fd = open_retrying(path, O_RDONLY);
    if (fd < 0) return err_now();
    int rc = syncfs(fd) == 0 ? 0 : err_now();
    (void)close(fd);
    return rc;
}

static int real_rename(struct fs *fs, const char *from, const char *to)
{
    (void)fs;
    return rename(from, to) == 0 ? 0 : err_now();
}

static int real_unlink(struct fs *fs, const char *path)
{
    (void)fs;
    return unlink(path) == 0 ? 0 : err_now();
}

static int real_mkdir(struct fs *fs, const char *path)
{
    (void)fs;
    if (mkdir(path, 0755) == 0) return 0;
    if (errno != EEXIST) return err_now();
    struct stat st;
    if (stat(path, &st) != 0) return err_now();
    return S_ISDIR(st.st_mode) ? 0 : -ERR_EXISTS;
}

static int real_rmdir(struct fs *fs, const char *path)
{
    (void)fs;
    return rmdir(path) == 0 ? 0 : err_now();
}

static int real_sync_dir(struct fs *fs, const char *path)
{
    (void)fs;
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return err_now();
    int rc = fsync(fd) == 0 ? 0 : err_now();
    (void)close(fd);
    return rc;
}

/* The entries of a folder before they are visited: the visitor may remove them. */
struct listing {
    char **names;
    size_t count;
    size_t capacity;
};

static void listing_add(struct listing *l, const char *name)
{
    if (l->count == l->capacity) {
        l->capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        l->names = realloc(l->names, l->capacity * sizeof *l->names);
        CHECK(l->names != NULL);
    }
    l->names[l->count] = strdup(name);
    CHECK(l->names[l->count] != NULL);
    l->count++;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *dir, struct listing *l)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) return errno == 0 ? 0 : err_now();
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        listing_add(l, entry->d_name);
    }
}

static int real_list(struct fs *fs, const char *path,
                     void (*visit)(void *arg, const struct fs_entry *), void *arg)
{
    (void)fs;
    /* Opened as everything else is: a signal does not end it, and checkers of threads see it. */
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return err_now();
    DIR *dir = fdopendir(fd);
    CHECK(dir != NULL);

    struct listing l = {0};
    int rc = read_names(dir, &l);
    if (l.count > 0) qsort(l.names, l.count, sizeof *l.names, by_bytes);
    for (size_t i = 0; rc == 0 && i < l.count; i++) {
        struct stat st;
        if (fstatat(dirfd(dir), l.names[i], &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) rc = err_now(); /* ENOENT: somebody removed it meanwhile. */
            continue;
        }
        struct fs_entry entry = {.name = l.names[i],
                                 .is_dir = S_ISDIR(st.st_mode),
                                 .size_bytes = S_ISDIR(st.st_mode) ? 0 : (uint64_t)st.st_size};
        visit(arg, &entry);
    }
    for (size_t i = 0; i < l.count; i++) free(l.names[i]);
    free(l.names);
    (void)closedir(dir);
    return rc;
}

static int real_space(struct fs *fs, const char *path, struct fs_space *out)
{
    (void)fs;
    struct statvfs st;
    if (statvfs(path, &st) != 0) return err_now();
    out->total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
    out->free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return 0;
}

static int real_lock(struct fs *fs, const char *path)
{
    (void)fs;
    char name[FS_PATH_MAX];
    int printed = snprintf(name, sizeof name, "%s/.lock", path);
    if (printed < 0 || (size_t)printed >= sizeof name) return -ERR_INVALID;
    int fd = open_retrying(name, O_RDWR | O_CREAT);
    if (fd < 0) return err_now();

    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int rc = err_now();
        (void)close(fd);
        return rc;
    }
    /* Never closed: the lock ends with the process, however it ends. */
    return 0;
}

static int real_boot_mark(struct fs *fs, const char *path, char *out, size_t out_size)
{
    (void)fs;
    int fd = open_retrying("/proc/sys/kernel/random/boot_id", O_RDONLY);
    if (fd < 0) return err_now();
    char boot[64] = {0};
    ssize_t n = read(fd, boot, sizeof boot - 1);
    int rc = n > 0 ? 0 : -ERR_IO;
    (void)close(fd);
    if (rc != 0) return rc;

    boot[strcspn(boot, "\n")] = '\0';
    struct stat st;
    if (stat(path, &st) != 0) return err_now();
    int printed = snprintf(out, out_size, "%s:%llx", boot, (unsigned long long)st.st_dev);
    return printed > 0 && (size_t)printed < out_size ? 0 : -ERR_LIMIT;
}

struct fs *fs_real(void)
{
    static const struct fs_ops ops = {
        .open = real_open,
        .close = real_close,
        .pwritev = real_pwritev,
        .pread = real_pread,
        .size = real_size,
        .truncate = real_truncate,
        .sync = real_sync,
        .write_out_begin = real_write_out_begin,
        .write_out_end = real_write_out_end,
        .sync_all = real_sync_all,
        .rename = real_rename,
        .unlink = real_unlink,
        .mkdir = real_mkdir,
        .rmdir = real_rmdir,
        .sync_dir = real_sync_dir,
        .list = real_list,
        .space = real_space,
        .lock = real_lock,
        .boot_mark = real_boot_mark,
    };
    static struct fs real = {.ops = &ops}; /* Never written. */
    return &real;
}
