/* fs.h -- files, as an I/O thread sees them: plain calls that block.
 *
 *   Used by:  jobs only (env.h), never by a shard's own turn. A job runs on an I/O thread in the
 *             real world and at a moment that the seed draws in the simulated one.
 *   Errors:   every call returns 0 or -ERR_X. -ERR_IO: the disk failed. -ERR_FULL: no space.
 *             -ERR_ABSENT: no such path. -ERR_DENIED: permission or a read-only file system.
 *
 * A write is whole or an error. What was written survives the process; what was synced survives the
 * power cut. A new, renamed or removed name survives a power cut only after fs_sync_dir().
 */
#ifndef COMMON_FS_H
#define COMMON_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"

struct post;

/* An open file, counted. Made by a job and handed home in it; counted by its home shard only (a job
 * that uses it travels under a reference of the shard). */
struct file {
    uint32_t refs;
    int32_t fd; /* The real world's; -1 in the simulated one. */
    void *node; /* The simulated world's. */
    /* Lent by another actor (file_lend): what the last reference gives back. NULL: our own. */
    struct post *loan;
};

enum fs_mode {
    FS_READ = 1,
    FS_WRITE = 2,
    FS_CREATE = 4, /* Create if absent. */
    FS_EXCL = 8,   /* With FS_CREATE: fail with -ERR_EXISTS if it is there. */
    FS_TRUNC = 16,
};

struct fs_space {
    uint64_t total_bytes;
    uint64_t free_bytes;
};

/* One entry of a folder. `name` is valid until the visitor returns. */
struct fs_entry {
    const char *name;
    bool is_dir;
    uint64_t size_bytes;
};

struct fs;

struct fs_ops {
    int (*open)(struct fs *fs, const char *path, unsigned mode, struct file **out);
    void (*close)(struct fs *fs, struct file *file); /* Whatever its count. */
    int (*pwritev)(struct fs *fs, struct file *file, const struct iovec *iov, int iov_count,
                   uint64_t at);
    int (*pread)(struct fs *fs, struct file *file, void *to, size_t size, uint64_t at,
                 size_t *got); /* *got < size only at the end of the file. */
    int (*size)(struct fs *fs, struct file *file, uint64_t *size_bytes);
    int (*truncate)(struct fs *fs, struct file *file, uint64_t size_bytes);
    int (*sync)(struct fs *fs, struct file *file);    /* fdatasync */
    /* Begins to write a range out, and does not wait for the disk unless its queue is full. It
     * promises nothing about a power cut. */
    int (*write_out_begin)(struct fs *fs, struct file *file, uint64_t at, uint64_t size);
    /* Waits until that is done and, if it went well, takes the range's whole pages off the page
     * cache. */
    int (*write_out_end)(struct fs *fs, struct file *file, uint64_t at, uint64_t size);
    int (*sync_all)(struct fs *fs, const char *path); /* syncfs of the file system of `path` */
    int (*rename)(struct fs *fs, const char *from, const char *to);
    int (*unlink)(struct fs *fs, const char *path);
    int (*mkdir)(struct fs *fs, const char *path); /* One level; existing is fine. */
    int (*rmdir)(struct fs *fs, const char *path); /* Must be empty. */
    int (*sync_dir)(struct fs *fs, const char *path);
    /* Entries in byte order of their names. */
    int (*list)(struct fs *fs, const char *path, void (*visit)(void *arg, const struct fs_entry *),
                void *arg);
    int (*space)(struct fs *fs, const char *path, struct fs_space *out);
    /* Takes the folder's lock file for this process, until it ends. -ERR_BUSY: somebody has it. */
    int (*lock)(struct fs *fs, const char *path);
    /* Names the boot of this host and the device of `path`: while both are the same, everything
     * that was ever written is still there (the page cache survived). */
    int (*boot_mark)(struct fs *fs, const char *path, char *out, size_t out_size);
};

struct fs {
    const struct fs_ops *ops;
};

#define FS_PATH_MAX 1024

/* Conveniences over the above; the same rules. */

/* Reads a small file whole into malloc'd memory, zero terminated (not counted in *size). */
MUST_USE int fs_read_file(struct fs *fs, const char *path, size_t size_max, uint8_t **out,
                          size_t *size);

/* Replaces `path` atomically: writes path.tmp, syncs it, renames it, syncs the folder. */
MUST_USE int fs_replace_file(struct fs *fs, const char *path, const void *bytes, size_t size);

/* Makes a folder and those above it, as `mkdir -p`, and syncs the one above: it is still there
 * after a power cut. Existing is fine. */
MUST_USE int fs_make_folders(struct fs *fs, const char *path);

/* Removes a folder and what is in it, two levels deep at the most (a partition's folder). */
MUST_USE int fs_remove_tree(struct fs *fs, const char *path);

#endif
