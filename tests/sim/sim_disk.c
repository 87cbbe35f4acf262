#include "tests/sim/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static void *grown(void *at, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) return at;

    *capacity = *capacity == 0 ? 8 : *capacity * 2;
    void *moved = realloc(at, *capacity * size);
    CHECK(moved != NULL);
    return moved;
}

/* ---- Names of a folder. ---- */

/* Where the name is, or where it would be. */
static uint32_t names_place(const struct sim_names *names, const char *name, bool *found)
{
    uint32_t low = 0;
    uint32_t high = names->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(names->at[middle].name, name);
        if (order == 0) *found = true;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct sim_inode *names_get(const struct sim_names *names, const char *name)
{
    bool found;
    uint32_t place = names_place(names, name, &found);
    return found ? names->at[place].inode : NULL;
}

static void names_remove(struct sim_disk *disk, struct sim_names *names, const char *name)
{
    bool found;
    uint32_t place = names_place(names, name, &found);
    if (!found) return;

    struct sim_name gone = names->at[place];
    names->count--;
    memmove(&names->at[place], &names->at[place + 1], (names->count - place) * sizeof names->at[0]);
    free(gone.name);
    sim_inode_unref(disk, gone.inode);
}

/* inode NULL: removes the name. */
static void names_set(struct sim_disk *disk, struct sim_names *names, const char *name,
                      struct sim_inode *inode)
{
    if (inode != NULL) (void)sim_inode_ref(inode); /* First: it may be the one that is there. */
    names_remove(disk, names, name);
    if (inode == NULL) return;

    bool found;
    uint32_t place = names_place(names, name, &found);
    CHECK(!found);
    names->at = grown(names->at, names->count, &names->capacity, sizeof names->at[0]);
    memmove(&names->at[place + 1], &names->at[place], (names->count - place) * sizeof names->at[0]);
    names->at[place] = (struct sim_name){.name = strdup(name), .inode = inode};
    names->count++;
}

static void names_close(struct sim_disk *disk, struct sim_names *names)
{
    while (names->count > 0) {
        struct sim_name last = names->at[--names->count];
        free(last.name);
        sim_inode_unref(disk, last.inode);
    }
    free(names->at);
    *names = (struct sim_names){0};
}

/* ---- Inodes. ---- */

static struct sim_inode *inode_new(bool is_dir)
{
    struct sim_inode *inode = calloc(1, sizeof *inode);
    CHECK(inode != NULL);
    inode->refs = 1;
    inode->is_dir = is_dir;
    return inode;
}

struct sim_inode *sim_inode_ref(struct sim_inode *inode)
{
    CHECK(inode->refs > 0);

    inode->refs++;
    return inode;
}

void sim_inode_unref(struct sim_disk *disk, struct sim_inode *inode)
{
    CHECK(inode->refs > 0);
    if (--inode->refs > 0) return;

    names_close(disk, &inode->now);
    names_close(disk, &inode->durable);
    free(inode->bytes);
    free(inode->undo);
    free(inode);
}

static void inode_link(struct sim_disk *disk, struct sim_inode *inode)
{
    if (inode->links++ == 0) disk->used_bytes += inode->size;
}

static void inode_unlink(struct sim_disk *disk, struct sim_inode *inode)
{
    CHECK(inode->links > 0);

    if (--inode->links == 0) disk->used_bytes -= inode->size;
}

/* Where the sector's old bytes are, or would be. */
static uint32_t undo_place(const struct sim_inode *inode, uint64_t sector, bool *found)
{
    uint32_t low = 0;
    uint32_t high = inode->undo_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (inode->undo[middle].sector < sector) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < inode->undo_count && inode->undo[low].sector == sector;
    return low;
}

/* Keeps the synced bytes of [from, to) before they change. */
static void inode_save(struct sim_inode *inode, uint64_t from, uint64_t to)
{
    if (to > inode->durable_size) to = inode->durable_size;
    if (from >= to) return;

    uint64_t last = (to - 1) / SIM_SECTOR_BYTES;
    for (uint64_t sector = from / SIM_SECTOR_BYTES; sector <= last; sector++) {
        bool found;
        uint32_t low = undo_place(inode, sector, &found);
        if (found) continue;

        inode->undo =
            grown(inode->undo, inode->undo_count, &inode->undo_capacity, sizeof inode->undo[0]);
        memmove(&inode->undo[low + 1], &inode->undo[low],
                (inode->undo_count - low) * sizeof inode->undo[0]);
        inode->undo_count++;
        struct sim_undo *undo = &inode->undo[low];
        *undo = (struct sim_undo){.sector = sector};
        uint64_t start = sector * SIM_SECTOR_BYTES;
        uint64_t size = inode->durable_size - start;
        if (size > SIM_SECTOR_BYTES) size = SIM_SECTOR_BYTES;
        CHECK(start + size <= inode->size); /* Invariant (2). */
        memcpy(undo->bytes, inode->bytes + start, size);
    }
}

static void inode_dirty(struct sim_disk *disk, struct sim_inode *inode)
{
    if (inode->is_dirty) return;

    inode->is_dirty = true;
    disk->dirty =
        grown(disk->dirty, disk->dirty_count, &disk->dirty_capacity, sizeof disk->dirty[0]);
    disk->dirty[disk->dirty_count++] = sim_inode_ref(inode);
    /* Files that were synced long ago or removed are swept out when the list would grow. */
    if (disk->dirty_count < 256 || disk->dirty_count < disk->dirty_capacity) return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->dirty_count; i++) {
        struct sim_inode *d = disk->dirty[i];
        if (d->undo_count > 0 || d->size != d->durable_size || d == inode) {
            disk->dirty[kept++] = d;
        } else {
            d->is_dirty = false;
            sim_inode_unref(disk, d);
        }
    }
    disk->dirty_count = kept;
}

static void inode_set_size(struct sim_disk *disk, struct sim_inode *inode, uint64_t size)
{
    if (size > inode->capacity) {
        uint64_t capacity = inode->capacity == 0 ? 4096 : inode->capacity * 2;
        if (capacity < size) capacity = size;
        inode->bytes = realloc(inode->bytes, capacity);
        CHECK(inode->bytes != NULL);
        inode->capacity = capacity;
    }
    if (size > inode->size) memset(inode->bytes + inode->size, 0, size - inode->size);
    if (inode->links > 0) disk->used_bytes = disk->used_bytes - inode->size + size;
    inode->size = size;
}

/* ---- Changes of names. ---- */

static void slot_close(struct sim_disk *disk, struct sim_slot *slot)
{
    free(slot->name);
    if (slot->inode != NULL) sim_inode_unref(disk, slot->inode);
    sim_inode_unref(disk, slot->dir);
}

static void change_close(struct sim_disk *disk, struct sim_change *change)
{
    for (uint32_t i = 0; i < change->slot_count; i++) slot_close(disk, &change->slots[i]);
}

static void change_apply_durable(struct sim_disk *disk, struct sim_change *change)
{
    for (uint32_t i = 0; i < change->slot_count; i++) {
        struct sim_slot *slot = &change->slots[i];
        names_set(disk, &slot->dir->durable, slot->name, slot->inode);
    }
}

static bool changes_touch(const struct sim_change *a, const struct sim_change *b)
{
    for (uint32_t i = 0; i < a->slot_count; i++) {
        for (uint32_t k = 0; k < b->slot_count; k++) {
            if (a->slots[i].dir != b->slots[k].dir) continue;
            if (strcmp(a->slots[i].name, b->slots[k].name) == 0) return true;
        }
    }
    return false;
}

/* Sets names in the page cache and notes it. */
static void disk_change(struct sim_disk *disk, const struct sim_slot *slots, uint32_t count)
{
    disk->changes =
        grown(disk->changes, disk->change_count, &disk->change_capacity, sizeof disk->changes[0]);
    struct sim_change *change = &disk->changes[disk->change_count++];
    *change = (struct sim_change){.slot_count = count};
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_slot *slot = &slots[i];
        change->slots[i] = (struct sim_slot){
            .dir = sim_inode_ref(slot->dir), .name = strdup(slot->name), .inode = slot->inode};
        if (slot->inode != NULL) (void)sim_inode_ref(slot->inode);
    }
    /* The slots of the change hold everything alive while the names move. */
    for (uint32_t i = 0; i < count; i++) {
        struct sim_slot *slot = &change->slots[i];
        struct sim_inode *before = names_get(&slot->dir->now, slot->name);
        if (slot->inode != NULL) inode_link(disk, slot->inode);
        if (before != NULL) inode_unlink(disk, before);
        names_set(disk, &slot->dir->now, slot->name, slot->inode);
    }
}

/* ---- Paths. ---- */

/* Cuts the next name off the path. False at its end. */
static bool path_next(const char **path, char name[SIM_NAME_MAX])
{
    while (**path == '/') (*path)++;
    size_t size = strcspn(*path, "/");
    if (size == 0) return false;

    CHECK(size < SIM_NAME_MAX);
    memcpy(name, *path, size);
    name[size] = '\0';
    *path += size;
    return true;
}

struct sim_inode *sim_disk_find(struct sim_disk *disk, const char *path)
{
    struct sim_inode *at = disk->root;
    char name[SIM_NAME_MAX];
    while (at != NULL && path_next(&path, name)) {
        if (strcmp(name, ".") != 0) at = at->is_dir ? names_get(&at->now, name) : NULL;
    }
    return at;
}

struct sim_inode *sim_disk_find_parent(struct sim_disk *disk, const char *path,
                                       char name[SIM_NAME_MAX])
{
    struct sim_inode *at = disk->root;
    if (!path_next(&path, name)) return NULL;

    char next[SIM_NAME_MAX];
    while (path_next(&path, next)) {
        if (strcmp(name, ".") != 0) at = names_get(&at->now, name);
        if (at == NULL || !at->is_dir) return NULL;
        memcpy(name, next, sizeof next);
    }
    return at;
}

/* ---- What the world asks for. ---- */

void sim_disk_init(struct sim_disk *disk, uint64_t limit_bytes)
{
    *disk = (struct sim_disk){.root = inode_new(true), .limit_bytes = limit_bytes};
}

void sim_disk_close(struct sim_disk *disk)
{
    if (disk->root == NULL) return;

    for (uint32_t i = 0; i < disk->change_count; i++) change_close(disk, &disk->changes[i]);
    for (uint32_t i = 0; i < disk->dirty_count; i++) sim_inode_unref(disk, disk->dirty[i]);
    sim_inode_unref(disk, disk->root);
    free(disk->changes);
    free(disk->dirty);
    *disk = (struct sim_disk){0};
}

int sim_disk_create(struct sim_disk *disk, const char *path, bool is_dir, struct sim_inode **out)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *dir = sim_disk_find_parent(disk, path, name);
    if (dir == NULL) return -ERR_ABSENT;
    if (names_get(&dir->now, name) != NULL) return -ERR_EXISTS;
    if (disk->used_bytes >= disk->limit_bytes) return -ERR_FULL;

    struct sim_inode *inode = inode_new(is_dir);
    disk_change(disk, &(struct sim_slot){.dir = dir, .name = name, .inode = inode}, 1);
    sim_inode_unref(disk, inode); /* The names hold it now. */
    *out = inode;
    return 0;
}

int sim_disk_remove(struct sim_disk *disk, const char *path, bool is_dir)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *dir = sim_disk_find_parent(disk, path, name);
    struct sim_inode *inode = dir == NULL ? NULL : names_get(&dir->now, name);
    if (inode == NULL) return -ERR_ABSENT;
    if (inode->is_dir != is_dir) return -ERR_INVALID;
    if (is_dir && inode->now.count > 0) return -ERR_EXISTS;

    disk_change(disk, &(struct sim_slot){.dir = dir, .name = name}, 1);
    return 0;
}

int sim_disk_rename(struct sim_disk *disk, const char *from, const char *to)
{
    char from_name[SIM_NAME_MAX];
    char to_name[SIM_NAME_MAX];
    struct sim_inode *from_dir = sim_disk_find_parent(disk, from, from_name);
    struct sim_inode *to_dir = sim_disk_find_parent(disk, to, to_name);
    struct sim_inode *inode = from_dir == NULL ? NULL : names_get(&from_dir->now, from_name);
    if (inode == NULL || to_dir == NULL) return -ERR_ABSENT;
    struct sim_inode *over = names_get(&to_dir->now, to_name);
    if (over == inode) return 0;
    if (over != NULL && over->is_dir != inode->is_dir) return -ERR_INVALID;
    if (over != NULL && over->is_dir && over->now.count > 0) return -ERR_EXISTS;

    const struct sim_slot slots[2] = {{.dir = to_dir, .name = to_name, .inode = inode},
                                      {.dir = from_dir, .name = from_name}};
    disk_change(disk, slots, 2);
    return 0;
}

/* Writes at most size_max bytes of what is given: a call that is cut short by a crash. */
int sim_disk_write(struct sim_disk *disk, struct sim_inode *inode, const struct iovec *iov,
                   int iov_count, uint64_t at, uint64_t size_max)
{
    CHECK(!inode->is_dir);

    uint64_t size = 0;
    for (int i = 0; i < iov_count; i++) size += iov[i].iov_len;
    if (size > size_max) size = size_max;
    if (size == 0) return 0;
    uint64_t end = at + size;
    uint64_t growth = end > inode->size ? end - inode->size : 0;
    if (growth > 0 && disk->used_bytes + growth > disk->limit_bytes) return -ERR_FULL;

    inode_save(inode, at, end);
    if (growth > 0) inode_set_size(disk, inode, end);
    inode_dirty(disk, inode);
    for (int i = 0; i < iov_count && size > 0; i++) {
        uint64_t part = iov[i].iov_len < size ? iov[i].iov_len : size;
        if (part > 0) memcpy(inode->bytes + at, iov[i].iov_base, part);
        at += part;
        size -= part;
    }
    return 0;
}

int sim_disk_resize(struct sim_disk *disk, struct sim_inode *inode, uint64_t size)
{
    CHECK(!inode->is_dir);
    if (size > inode->size && disk->used_bytes + (size - inode->size) > disk->limit_bytes) {
        return -ERR_FULL;
    }

    if (size < inode->size) inode_save(inode, size, inode->size);
    inode_set_size(disk, inode, size);
    inode_dirty(disk, inode);
    return 0;
}

size_t sim_disk_read(const struct sim_inode *inode, void *to, size_t size, uint64_t at)
{
    if (at >= inode->size) return 0;

    if (size > inode->size - at) size = (size_t)(inode->size - at);
    memcpy(to, inode->bytes + at, size);
    return size;
}

/* ---- Durability. ---- */

void sim_disk_sync_file(struct sim_inode *inode)
{
    inode->undo_count = 0;
    inode->durable_size = inode->size;
}

void sim_disk_sync_dir(struct sim_disk *disk, struct sim_inode *dir)
{
    if (disk->change_count == 0) return;

    bool *is_kept = calloc(disk->change_count, sizeof is_kept[0]);
    CHECK(is_kept != NULL);
    for (uint32_t i = disk->change_count; i-- > 0;) {
        const struct sim_change *change = &disk->changes[i];
        for (uint32_t s = 0; s < change->slot_count; s++) {
            if (change->slots[s].dir == dir) is_kept[i] = true;
        }
        /* Invariant (3): a change takes along the earlier ones of its names. */
        for (uint32_t later = i + 1; later < disk->change_count && !is_kept[i]; later++) {
            is_kept[i] = is_kept[later] && changes_touch(change, &disk->changes[later]);
        }
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < disk->change_count; i++) {
        struct sim_change change = disk->changes[i];
        if (is_kept[i]) {
            change_apply_durable(disk, &change);
            change_close(disk, &change);
        } else {
            disk->changes[left++] = change;
        }
    }
    disk->change_count = left;
    free(is_kept);
}

void sim_disk_sync_all(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->change_count; i++) {
        change_apply_durable(disk, &disk->changes[i]);
        change_close(disk, &disk->changes[i]);
    }
    disk->change_count = 0;
    for (uint32_t i = 0; i < disk->dirty_count; i++) {
        disk->dirty[i]->is_dirty = false;
        sim_disk_sync_file(disk->dirty[i]);
        sim_inode_unref(disk, disk->dirty[i]);
    }
    disk->dirty_count = 0;
}

/* ---- The power cut. ---- */

enum cut_mode {
    CUT_DROPS,   /* Nothing but what was synced. */
    CUT_KEEPS,   /* The cache had just been written out. */
    CUT_PREFIX,  /* Up to a point. */
    CUT_SCATTER, /* Each by itself. */
    CUT_MODES
};

/* The bytes that a sector has if its change did not reach the disk. */
static void sector_before(const struct sim_inode *inode, uint64_t sector,
                          uint8_t out[SIM_SECTOR_BYTES])
{
    memset(out, 0, SIM_SECTOR_BYTES);
    bool found;
    uint32_t place = undo_place(inode, sector, &found);
    if (found) {
        memcpy(out, inode->undo[place].bytes, SIM_SECTOR_BYTES);
        return;
    }
    uint64_t start = sector * SIM_SECTOR_BYTES;
    if (start >= inode->durable_size) return;
    uint64_t size = inode->durable_size - start;
    memcpy(out, inode->bytes + start, size < SIM_SECTOR_BYTES ? size : SIM_SECTOR_BYTES);
}

static uint64_t cut_size(const struct sim_inode *inode, struct prng *prng, enum cut_mode mode)
{
    uint64_t low = inode->size < inode->durable_size ? inode->size : inode->durable_size;
    uint64_t high = inode->size < inode->durable_size ? inode->durable_size : inode->size;
    if (mode == CUT_DROPS) return inode->durable_size;
    if (mode == CUT_KEEPS) return inode->size;
    if (low == high) return low;

    /* A file that shrank is one or the other; one that grew may have got anywhere. */
    if (inode->size < inode->durable_size || prng_chance(prng, 1, 2)) {
        return prng_chance(prng, 1, 2) ? low : high;
    }
    return prng_range(prng, low, high);
}

static bool cut_file(struct sim_disk *disk, struct sim_inode *inode, struct prng *prng,
                     enum cut_mode mode)
{
    if (inode->undo_count == 0 && inode->size == inode->durable_size) return false;

    uint64_t size = cut_size(inode, prng, mode);
    uint8_t *bytes = calloc(1, size == 0 ? 1 : size);
    CHECK(bytes != NULL);
    uint64_t sectors = (size + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES;
    uint64_t prefix = prng_range(prng, 0, sectors);
    for (uint64_t s = 0; s < sectors; s++) {
        uint64_t start = s * SIM_SECTOR_BYTES;
        uint8_t before[SIM_SECTOR_BYTES];
        sector_before(inode, s, before);
        uint8_t after[SIM_SECTOR_BYTES] = {0};
        (void)sim_disk_read(inode, after, SIM_SECTOR_BYTES, start);
        bool is_new = mode == CUT_KEEPS || (mode == CUT_PREFIX && s < prefix) ||
                      (mode == CUT_SCATTER && prng_chance(prng, 1, 2));
        uint64_t part = size - start < SIM_SECTOR_BYTES ? size - start : SIM_SECTOR_BYTES;
        memcpy(bytes + start, is_new ? after : before, part);
    }
    if (inode->links > 0) disk->used_bytes = disk->used_bytes - inode->size + size;
    free(inode->bytes);
    inode->bytes = bytes;
    inode->size = size;
    inode->capacity = size == 0 ? 1 : size;
    sim_disk_sync_file(inode);
    return true;
}

static uint64_t cut_names(struct sim_disk *disk, struct prng *prng, enum cut_mode mode)
{
    uint64_t dropped = 0;
    uint64_t prefix = prng_range(prng, 0, disk->change_count);
    bool *is_dropped = calloc(disk->change_count + 1u, sizeof is_dropped[0]);
    CHECK(is_dropped != NULL);
    for (uint32_t i = 0; i < disk->change_count; i++) {
        struct sim_change *change = &disk->changes[i];
        is_dropped[i] = mode == CUT_DROPS || (mode == CUT_PREFIX && i >= prefix) ||
                        (mode == CUT_SCATTER && prng_chance(prng, 1, 2));
        for (uint32_t k = 0; k < i && !is_dropped[i]; k++) {
            is_dropped[i] = is_dropped[k] && changes_touch(change, &disk->changes[k]);
        }
        if (!is_dropped[i]) change_apply_durable(disk, change);
        dropped += is_dropped[i];
    }
    for (uint32_t i = 0; i < disk->change_count; i++) change_close(disk, &disk->changes[i]);
    disk->change_count = 0;
    free(is_dropped);
    return dropped;
}

/* What is seen becomes what is on the disk, from the root down. */
static void reload(struct sim_disk *disk, struct sim_inode *dir)
{
    names_close(disk, &dir->now);
    for (uint32_t i = 0; i < dir->durable.count; i++) {
        struct sim_name *entry = &dir->durable.at[i];
        names_set(disk, &dir->now, entry->name, entry->inode);
        entry->inode->links = 0;
    }
    for (uint32_t i = 0; i < dir->now.count; i++) {
        inode_link(disk, dir->now.at[i].inode);
        if (dir->now.at[i].inode->is_dir) reload(disk, dir->now.at[i].inode);
    }
}

struct sim_cut_result sim_disk_power_cut(struct sim_disk *disk, struct prng *prng)
{
    struct sim_cut_result result = {0};
    enum cut_mode mode = (enum cut_mode)prng_range(prng, 0, CUT_MODES - 1);
    result.names_dropped = cut_names(disk, prng, mode);
    for (uint32_t i = 0; i < disk->dirty_count; i++) {
        struct sim_inode *inode = disk->dirty[i];
        /* One cut may leave one file whole and another one torn. */
        enum cut_mode own = mode;
        if (mode == CUT_SCATTER) own = (enum cut_mode)prng_range(prng, 0, CUT_MODES - 1);
        result.files_torn += cut_file(disk, inode, prng, own);
        inode->is_dirty = false;
        sim_inode_unref(disk, inode);
    }
    disk->dirty_count = 0;
    disk->used_bytes = 0;
    reload(disk, disk->root);
    return result;
}
