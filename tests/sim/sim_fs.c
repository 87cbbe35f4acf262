/* struct fs over the disk of a host, for one process or for the harness. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/sim_inside.h"

static struct sim_fs *fs_of(struct fs *fs)
{
    return (struct sim_fs *)fs;
}

static struct sim_disk *disk_of(struct sim_fs *fs)
{
    return &fs->node->host->disk;
}

static bool is_broken(const struct sim_host *host, const char *path)
{
    if (host->broken == NULL) return false;
    size_t size = strlen(host->broken);
    if (size > 0 && host->broken[size - 1] == '/') size--;
    return strncmp(path, host->broken, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* Every call passes here: the disk may fail, and the process may be dead by now. *is_last: it dies
 * in the middle of this one. */
static int gate(struct sim_fs *fs, const char *path, bool *is_last)
{
    struct sim *sim = fs->node->sim;
    *is_last = false;
    if (fs->is_outside) return 0;
    if (fs->calls_left == 0) return -ERR_IO;

    if (fs->calls_left > 0) *is_last = --fs->calls_left == 0;
    fs->cost_us += prng_range(&sim->disk, 1, 20);
    bool fails = sim_chance(&sim->disk, fs->node->host->io_error_ppm);
    if (!fails && !is_broken(fs->node->host, path)) return 0;
    sim->counts.io_errors++;
    return -ERR_IO;
}

static int gated(struct sim_fs *fs, const char *path)
{
    bool is_last;
    return gate(fs, path, &is_last);
}

static int count_full(struct sim_fs *fs, int rc)
{
    if (rc == -ERR_FULL) fs->node->sim->counts.fulls++;
    return rc;
}

/* ---- Files. ---- */

static int op_open(struct fs *base, const char *path, unsigned mode, struct file **out)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;

    struct sim_inode *inode = sim_disk_find(disk_of(fs), path);
    if (inode != NULL && (mode & FS_CREATE) != 0 && (mode & FS_EXCL) != 0) return -ERR_EXISTS;
    if (inode == NULL && (mode & FS_CREATE) == 0) return -ERR_ABSENT;
    if (inode == NULL) rc = count_full(fs, sim_disk_create(disk_of(fs), path, false, &inode));
    if (rc != 0) return rc;
    if (inode->is_dir) return -ERR_INVALID;
    if ((mode & FS_TRUNC) != 0) rc = sim_disk_resize(disk_of(fs), inode, 0);
    if (rc != 0) return rc;

    struct sim_open_file *open = calloc(1, sizeof *open);
    CHECK(open != NULL);
    open->file = (struct file){.refs = 1, .fd = -1, .node = open};
    open->fs = fs;
    open->inode = sim_inode_ref(inode);
    open->path = strdup(path);
    CHECK(open->path != NULL);
    open->mode = mode;
    open->next = fs->files;
    if (fs->files != NULL) fs->files->previous = open;
    fs->files = open;
    *out = &open->file;
    return 0;
}

static void open_file_close(struct sim_open_file *open)
{
    struct sim_fs *fs = open->fs;
    if (open->next != NULL) open->next->previous = open->previous;
    if (open->previous != NULL) {
        open->previous->next = open->next;
    } else {
        fs->files = open->next;
    }
    sim_inode_unref(disk_of(fs), open->inode);
    free(open->path);
    free(open);
}

static struct sim_open_file *open_of(struct sim_fs *fs, struct file *file)
{
    struct sim_open_file *open = file->node;
    CHECK(open != NULL);
    CHECK(IMPLIES(file->loan == NULL, &open->file == file));
    CHECK(open->fs == fs); /* A file of another process, or of an earlier life. */
    return open;
}

static void op_close(struct fs *base, struct file *file)
{
    if (file == NULL) return;
    open_file_close(open_of(fs_of(base), file));
}

static int op_pwritev(struct fs *base, struct file *file, const struct iovec *iov, int iov_count,
                      uint64_t at)
{
    struct sim_fs *fs = fs_of(base);
    struct sim_open_file *open = open_of(fs, file);
    bool is_last;
    int rc = gate(fs, open->path, &is_last);
    if (rc != 0) return rc;
    if ((open->mode & FS_WRITE) == 0) return -ERR_DENIED;

    uint64_t size_max = UINT64_MAX;
    if (is_last) {
        /* Killed inside the call: a part of the bytes has been copied. */
        uint64_t size = 0;
        for (int i = 0; i < iov_count; i++) size += iov[i].iov_len;
        size_max = prng_range(&fs->node->sim->disk, 0, size);
    }
    rc = sim_disk_write(disk_of(fs), open->inode, iov, iov_count, at, size_max);
    return is_last ? -ERR_IO : count_full(fs, rc);
}

static int op_pread(struct fs *base, struct file *file, void *to, size_t size, uint64_t at,
                    size_t *got)
{
    struct sim_fs *fs = fs_of(base);
    const struct sim_open_file *open = open_of(fs, file);
    *got = 0;
    int rc = gated(fs, open_of(fs, file)->path);
    if (rc != 0) return rc;
    if ((open->mode & FS_READ) == 0) return -ERR_DENIED;

    *got = sim_disk_read(open->inode, to, size, at);
    return 0;
}

static int op_size(struct fs *base, struct file *file, uint64_t *size_bytes)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, open_of(fs, file)->path);
    if (rc != 0) return rc;

    *size_bytes = open_of(fs, file)->inode->size;
    return 0;
}

static int op_truncate(struct fs *base, struct file *file, uint64_t size_bytes)
{
    struct sim_fs *fs = fs_of(base);
    struct sim_open_file *open = open_of(fs, file);
    int rc = gated(fs, open_of(fs, file)->path);
    if (rc != 0) return rc;
    if ((open->mode & FS_WRITE) == 0) return -ERR_DENIED;

    return count_full(fs, sim_disk_resize(disk_of(fs), open->inode, size_bytes));
}

static void pay_sync(struct sim_fs *fs)
{
    struct sim *sim = fs->node->sim;
    if (!fs->is_outside) fs->cost_us += sim_draw(&sim->disk, sim->options.sync_cost);
}

static int op_sync(struct fs *base, struct file *file)
{
    struct sim_fs *fs = fs_of(base);
    struct sim_open_file *open = open_of(fs, file);
    int rc = gated(fs, open_of(fs, file)->path);
    if (rc != 0) return rc;

    pay_sync(fs);
    sim_disk_sync_file(open->inode);
    return 0;
}

/* There is no page cache to take it off, and what a power cut leaves is drawn as before. */
static int op_write_out(struct fs *base, struct file *file, uint64_t at, uint64_t size)
{
    (void)at;
    CHECK(size > 0);
    struct sim_fs *fs = fs_of(base);
    return gated(fs, open_of(fs, file)->path);
}

static int op_sync_all(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    if (sim_disk_find(disk_of(fs), path) == NULL) return -ERR_ABSENT;

    pay_sync(fs);
    sim_disk_sync_all(disk_of(fs));
    return 0;
}

/* ---- Names. ---- */

static int op_rename(struct fs *base, const char *from, const char *to)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, from);
    return rc != 0 ? rc : sim_disk_rename(disk_of(fs), from, to);
}

static int op_unlink(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    return rc != 0 ? rc : sim_disk_remove(disk_of(fs), path, false);
}

static int op_mkdir(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;

    struct sim_inode *inode = sim_disk_find(disk_of(fs), path);
    if (inode != NULL) return inode->is_dir ? 0 : -ERR_EXISTS;
    return count_full(fs, sim_disk_create(disk_of(fs), path, true, &inode));
}

static int op_rmdir(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    return rc != 0 ? rc : sim_disk_remove(disk_of(fs), path, true);
}

static int op_sync_dir(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    struct sim_inode *dir = sim_disk_find(disk_of(fs), path);
    if (dir == NULL) return -ERR_ABSENT;
    if (!dir->is_dir) return -ERR_INVALID;

    pay_sync(fs);
    sim_disk_sync_dir(disk_of(fs), dir);
    return 0;
}

static int op_list(struct fs *base, const char *path,
                   void (*visit)(void *arg, const struct fs_entry *), void *arg)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    struct sim_inode *dir = sim_disk_find(disk_of(fs), path);
    if (dir == NULL) return -ERR_ABSENT;
    if (!dir->is_dir) return -ERR_INVALID;

    /* The visitor may remove what it is shown: it sees a copy. */
    uint32_t count = dir->now.count;
    struct fs_entry *entries = calloc(count + 1u, sizeof entries[0]);
    char(*names)[SIM_NAME_MAX] = calloc(count + 1u, sizeof names[0]);
    CHECK(entries != NULL);
    CHECK(names != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_name *name = &dir->now.at[i];
        (void)snprintf(names[i], sizeof names[i], "%s", name->name);
        entries[i] = (struct fs_entry){
            .name = names[i], .is_dir = name->inode->is_dir, .size_bytes = name->inode->size};
    }
    for (uint32_t i = 0; i < count; i++) visit(arg, &entries[i]);
    free(names);
    free(entries);
    return 0;
}

/* ---- The rest. ---- */

static int op_space(struct fs *base, const char *path, struct fs_space *out)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    const struct sim_disk *disk = disk_of(fs);
    if (sim_disk_find(disk_of(fs), path) == NULL) return -ERR_ABSENT;

    uint64_t used = disk->used_bytes;
    out->total_bytes = disk->limit_bytes;
    out->free_bytes = used < disk->limit_bytes ? disk->limit_bytes - used : 0;
    return 0;
}

static int op_lock(struct fs *base, const char *path)
{
    struct sim_fs *fs = fs_of(base);
    struct sim_host *host = fs->node->host;
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    for (uint32_t i = 0; i < host->lock_count; i++) {
        if (strcmp(host->locks[i].path, path) == 0) return -ERR_BUSY;
    }

    char name[FS_PATH_MAX];
    (void)snprintf(name, sizeof name, "%s/.lock", path);
    struct sim_inode *inode = sim_disk_find(&host->disk, name);
    if (inode == NULL) rc = count_full(fs, sim_disk_create(&host->disk, name, false, &inode));
    if (rc != 0) return rc;
    CHECK(host->lock_count < SIM_NODES_MAX);
    host->locks[host->lock_count++] = (struct sim_lock){.path = strdup(path), .node = fs->node};
    return 0;
}

void sim_fs_unlock(struct sim_node *node)
{
    struct sim_host *host = node->host;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < host->lock_count; i++) {
        if (host->locks[i].node == node) {
            free(host->locks[i].path);
        } else {
            host->locks[kept++] = host->locks[i];
        }
    }
    host->lock_count = kept;
}

static int op_boot_mark(struct fs *base, const char *path, char *out, size_t out_size)
{
    struct sim_fs *fs = fs_of(base);
    int rc = gated(fs, path);
    if (rc != 0) return rc;
    if (sim_disk_find(disk_of(fs), path) == NULL) return -ERR_ABSENT;

    const struct sim_host *host = fs->node->host;
    (void)snprintf(out, out_size, "boot-%u dev-%u", host->boot, host->device);
    return 0;
}

static const struct fs_ops ops = {
    .open = op_open,
    .close = op_close,
    .pwritev = op_pwritev,
    .pread = op_pread,
    .size = op_size,
    .truncate = op_truncate,
    .sync = op_sync,
    .write_out_begin = op_write_out,
    .write_out_end = op_write_out,
    .sync_all = op_sync_all,
    .rename = op_rename,
    .unlink = op_unlink,
    .mkdir = op_mkdir,
    .rmdir = op_rmdir,
    .sync_dir = op_sync_dir,
    .list = op_list,
    .space = op_space,
    .lock = op_lock,
    .boot_mark = op_boot_mark,
};

void sim_fs_init(struct sim_fs *fs, struct sim_node *node, bool is_outside)
{
    *fs = (struct sim_fs){
        .fs = {.ops = &ops}, .node = node, .is_outside = is_outside, .calls_left = -1};
}

void sim_fs_drop(struct sim_fs *fs)
{
    while (fs->files != NULL) open_file_close(fs->files);
}

/* ---- The two calls of env.h that touch a file. ---- */

int sim_read_now_op(struct env *env, struct file *file, void *to, size_t size, uint64_t at)
{
    struct sim_node *node = ((struct sim_actor *)env)->node;
    const struct sim_open_file *open = open_of(&node->fs, file);
    struct sim *sim = node->sim;
    if (node->is_deaf) return -ERR_AGAIN;
    if (sim_chance(&sim->disk, sim->options.read_again_ppm)) {
        sim->counts.read_agains++;
        return -ERR_AGAIN;
    }
    /* What the page cache still has of a broken disk is for a job to find out. */
    if (is_broken(node->host, open->path)) return -ERR_AGAIN;
    /* A read behind the end is the caller's mistake; it must not try again for ever. */
    return sim_disk_read(open->inode, to, size, at) == size ? 0 : -ERR_IO;
}

void sim_file_unref_op(struct env *env, struct file *file)
{
    struct sim_node *node = ((struct sim_actor *)env)->node;
    CHECK(file->refs > 0);

    if (--file->refs == 0) open_file_close(open_of(&node->fs, file));
}

/* ---- The harness. ---- */

struct fs *sim_node_fs(struct sim_node *node)
{
    return &node->outside.fs;
}

void sim_disk_stall(struct sim_node *node, uint64_t for_us)
{
    uint64_t until = node->sim->now_us + for_us;
    if (node->host->stalled_until_us < until) node->host->stalled_until_us = until;
    node->sim->counts.stalls++;
}

void sim_disk_limit(struct sim_node *node, uint64_t bytes)
{
    node->host->disk.limit_bytes = bytes;
}

uint64_t sim_disk_used(const struct sim_node *node)
{
    return node->host->disk.used_bytes;
}

void sim_disk_errors(struct sim_node *node, uint32_t io_error_ppm)
{
    node->host->io_error_ppm = io_error_ppm;
}

void sim_disk_break(struct sim_node *node, const char *path)
{
    free(node->host->broken);
    node->host->broken = path == NULL ? NULL : strdup(path);
}

void sim_disk_wipe(struct sim_node *node)
{
    struct sim_host *host = node->host;
    for (uint32_t i = 0; i < node->sim->node_count; i++) {
        struct sim_node *other = node->sim->nodes[i];
        if (other->host != host) continue;
        CHECK(other->state == SIM_DOWN);
        sim_fs_drop(&other->outside);
    }
    uint64_t limit = host->disk.limit_bytes;
    sim_disk_close(&host->disk);
    sim_disk_init(&host->disk, limit);
    host->device++;
}

int sim_disk_flip(struct sim_node *node, const char *path, uint64_t at, uint32_t bit)
{
    CHECK(bit < 8);
    struct sim_inode *inode = sim_disk_find(&node->host->disk, path);
    if (inode == NULL || inode->is_dir || at >= inode->size) return -ERR_ABSENT;

    inode->bytes[at] = (uint8_t)(inode->bytes[at] ^ (1u << bit));
    node->sim->counts.bits_flipped++;
    return 0;
}
