/* sim_disk.h -- a disk under a page cache, in memory. Knows what a power cut may leave behind.
 *
 * Every file has the bytes that a read sees, and enough of the old ones to go back to what was
 * synced last. Every change of a name is in a list until a sync of its folder makes it durable.
 * At a power cut the generator decides, sector by sector and name by name, what had reached the
 * disk.
 *
 *   (1) A sector below `durable_size` that is not in `undo` reads as it was synced.
 *   (2) If size < durable_size, every sector of [size, durable_size) is in `undo`.
 *   (3) A change of names persists only if all earlier ones that touch the same names do.
 *   (4) Of a sector that was written twice since the sync, the first version is never left behind.
 *       (Real disks may; nothing that reads our files can tell, since it must expect either.)
 */
#ifndef TESTS_SIM_SIM_DISK_H
#define TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/err.h"
#include "common/prng.h"

#define SIM_SECTOR_BYTES 512u
#define SIM_NAME_MAX 256

struct sim_inode;

struct sim_name {
    char *name;
    struct sim_inode *inode; /* Counted. */
};

/* In byte order of the names. */
struct sim_names {
    struct sim_name *at;
    uint32_t count;
    uint32_t capacity;
};

struct sim_undo {
    uint64_t sector;
    uint8_t bytes[SIM_SECTOR_BYTES];
};

struct sim_inode {
    uint32_t refs;
    uint32_t links; /* Names in `now` that lead here. */
    bool is_dir;
    /* A file. */
    uint8_t *bytes;
    uint64_t size;
    uint64_t capacity;
    uint64_t durable_size;
    struct sim_undo *undo; /* By sector. */
    uint32_t undo_count;
    uint32_t undo_capacity;
    bool is_dirty; /* In the disk's list of dirty files. */
    /* A folder. */
    struct sim_names now;
    struct sim_names durable;
};

/* A name that leads to `inode`, or to nothing if that is NULL. */
struct sim_slot {
    struct sim_inode *dir;
    char *name;
    struct sim_inode *inode;
};

struct sim_change {
    struct sim_slot slots[2];
    uint32_t slot_count;
};

struct sim_disk {
    struct sim_inode *root;
    struct sim_change *changes; /* Not durable yet, in the order they were made. */
    uint32_t change_count;
    uint32_t change_capacity;
    struct sim_inode **dirty; /* Counted. Perhaps clean by now. */
    uint32_t dirty_count;
    uint32_t dirty_capacity;
    uint64_t used_bytes;
    uint64_t limit_bytes;
};

struct sim_cut_result {
    uint64_t files_torn;
    uint64_t names_dropped;
};

void sim_disk_init(struct sim_disk *disk, uint64_t limit_bytes);
void sim_disk_close(struct sim_disk *disk);

struct sim_inode *sim_inode_ref(struct sim_inode *inode);
void sim_inode_unref(struct sim_disk *disk, struct sim_inode *inode);

/* The inode at a path, not counted; NULL: there is none. */
struct sim_inode *sim_disk_find(struct sim_disk *disk, const char *path);
/* The folder that holds the last name of the path, and that name. NULL: there is no such folder. */
struct sim_inode *sim_disk_find_parent(struct sim_disk *disk, const char *path,
                                       char name[SIM_NAME_MAX]);

MUST_USE int sim_disk_create(struct sim_disk *disk, const char *path, bool is_dir,
                             struct sim_inode **out);
MUST_USE int sim_disk_remove(struct sim_disk *disk, const char *path, bool is_dir);
MUST_USE int sim_disk_rename(struct sim_disk *disk, const char *from, const char *to);
MUST_USE int sim_disk_write(struct sim_disk *disk, struct sim_inode *inode, const struct iovec *iov,
                            int iov_count, uint64_t at, uint64_t size_max);
MUST_USE int sim_disk_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size);
size_t sim_disk_read(const struct sim_inode *inode, void *to, size_t size, uint64_t at);

void sim_disk_sync_file(struct sim_inode *inode);
void sim_disk_sync_dir(struct sim_disk *disk, struct sim_inode *dir);
void sim_disk_sync_all(struct sim_disk *disk);

struct sim_cut_result sim_disk_power_cut(struct sim_disk *disk, struct prng *prng);

#endif
