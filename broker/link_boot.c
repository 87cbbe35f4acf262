/* What the folders of log.dirs say when the broker begins. A folder that is somebody else's stops
 * the broker; one that cannot be used is named and left out, as long as another one can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/link_state.h"
#include "common/check.h"
#include "common/text.h"

#define SMALL_FILE_MAX 4096
#define KNOWN_FILE_MAX (64u * 1024)
#define MARK_MAX 256

static int refuse(struct boot_job *b, const struct log_dir *d, int rc, const char *what)
{
    (void)snprintf(b->why, sizeof b->why, "log.dirs %.200s: %s: %s", d->path, what, err_text(rc));
    return rc;
}

/* It cannot be used now. That is for the others to judge. */
static void leave_out(struct log_dir *d, int rc, const char *what)
{
    char text[sizeof d->why];
    (void)snprintf(text, sizeof text, "log.dirs %.200s: %s: %s", d->path, what, err_text(rc));
    d->is_dead = true;
    d->is_whole = false;
    memcpy(d->why, text, sizeof text);
}

/* Is that the folder's fault, and no other's? */
static bool is_of_disk(int rc)
{
    return rc == -ERR_IO || rc == -ERR_DENIED || rc == -ERR_FULL || rc == -ERR_ABSENT ||
           rc == -ERR_EXISTS;
}

/* ---- meta.properties ---- */

static int check_node(struct boot_job *b, const struct log_dir *d, const char *text)
{
    char value[128];
    int64_t node = -1, version = -1;
    bool has_version = folder_property(text, "version", value, sizeof value);
    if (has_version && (!text_to_i64(slice_of_text(value), &version) || version > 1)) {
        (void)snprintf(
            b->why, sizeof b->why,
            "log.dirs %.200s: meta.properties has version %.32s, and this program knows 0 "
            "and 1: is it older than the one that wrote it?",
            d->path, value);
        return -ERR_UNSUPPORTED;
    }
    /* Kafka wrote broker.id before it wrote node.id. */
    bool has_node = (folder_property(text, "node.id", value, sizeof value) ||
                     folder_property(text, "broker.id", value, sizeof value)) &&
                    text_to_i64(slice_of_text(value), &node);
    if (has_node && node == b->node_id) return 0;
    if (!has_node) return refuse(b, d, -ERR_CORRUPT, "meta.properties says no node.id");
    (void)snprintf(
        b->why, sizeof b->why,
        "log.dirs %.200s belongs to node.id %lld, and this broker has node.id %d: give it "
        "its own folder, or set node.id=%lld",
        d->path, (long long)node, b->node_id, (long long)node);
    return -ERR_INVALID;
}

static int check_cluster(struct boot_job *b, const struct log_dir *d, const char *text)
{
    char id[sizeof b->cluster_id];
    if (!folder_property(text, "cluster.id", id, sizeof id)) return 0;
    if (b->cluster_id[0] == '\0') {
        memcpy(b->cluster_id, id, sizeof id);
        b->cluster_of = d;
        return 0;
    }
    if (strcmp(b->cluster_id, id) == 0) return 0;
    (void)snprintf(
        b->why, sizeof b->why,
        "log.dirs %.200s belongs to cluster %.22s, and %.200s to cluster %.22s: a broker "
        "is of one cluster",
        b->cluster_of->path, b->cluster_id, d->path, id);
    return -ERR_INVALID;
}

static int check_id(struct boot_job *b, struct log_dir *d, const char *text)
{
    char value[128];
    bool known = folder_property(text, "directory.id", value, sizeof value) &&
                 strlen(value) == UUID_TEXT_SIZE - 1 && uuid_from_text(value, &d->id);
    if (!known) d->id = (struct uuid){0}; /* Kafka wrote none before it had KRaft. */
    for (const struct log_dir *other = b->dirs->dirs; known && other < d; other++) {
        if (other->is_dead || !uuid_equal(other->id, d->id)) continue;
        (void)snprintf(
            b->why, sizeof b->why,
            "log.dirs %.200s and %.200s have the same directory.id: one is a copy of the "
            "other",
            other->path, d->path);
        return -ERR_INVALID;
    }
    return 0;
}

static int read_meta(struct fs *fs, struct boot_job *b, struct log_dir *d)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/meta.properties", d->path);
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs, path, SMALL_FILE_MAX, &text, &size);
    d->is_new = rc == -ERR_ABSENT;
    if (d->is_new) return 0;
    if (is_of_disk(rc)) {
        leave_out(d, rc, "meta.properties cannot be read");
        return 0;
    }
    if (rc != 0) return refuse(b, d, rc, "meta.properties cannot be read");
    rc = check_node(b, d, (const char *)text);
    if (rc == 0) rc = check_cluster(b, d, (const char *)text);
    if (rc == 0) rc = check_id(b, d, (const char *)text);
    free(text);
    return rc;
}

/* ---- What lies in it ---- */

struct looking {
    struct boot_job *b;
    uint32_t dir;
    bool has_folders;
};

static void see_folder(void *arg, const struct fs_entry *entry)
{
    struct looking *l = arg;
    if (!entry->is_dir || strcmp(entry->name, "lost+found") == 0) return;
    l->has_folders = true;
    (void)log_dirs_note(l->b->dirs, l->dir, entry->name);
}

/* DESIGN 6.10: on the boot on which it was written, the log is whole. */
static bool bears_mark(struct fs *fs, const struct log_dir *d)
{
    char path[FS_PATH_MAX + 32], now[MARK_MAX];
    (void)snprintf(path, sizeof path, "%s/" MARK_FILE, d->path);
    uint8_t *text = NULL;
    size_t size = 0;
    if (fs->ops->boot_mark(fs, d->path, now, sizeof now) != 0) return false;
    if (fs_read_file(fs, path, MARK_MAX, &text, &size) != 0) return false;
    bool is_same = strcmp((const char *)text, now) == 0;
    free(text);
    return is_same;
}

static int look_into(struct fs *fs, struct boot_job *b, uint32_t dir)
{
    struct log_dir *d = &b->dirs->dirs[dir];
    int rc = fs_make_folders(fs, d->path);
    if (rc == 0) rc = fs->ops->lock(fs, d->path);
    if (rc == -ERR_BUSY) {
        (void)snprintf(
            b->why, sizeof b->why,
            "log.dirs %.200s is in use by another process: is this broker running already?",
            d->path);
        return rc;
    }
    if (rc != 0) {
        leave_out(d, rc, "the folder cannot be made or locked");
        return 0;
    }
    rc = read_meta(fs, b, d);
    if (rc != 0 || d->is_dead) return rc;
    struct looking l = {.b = b, .dir = dir};
    rc = fs->ops->list(fs, d->path, see_folder, &l);
    if (rc != 0) {
        leave_out(d, rc, "the folder cannot be listed");
        return 0;
    }
    /* Without meta.properties there may still be partitions: somebody took it away. */
    d->is_whole = bears_mark(fs, d) || (d->is_new && !l.has_folders);
    d->is_new = d->is_new && !l.has_folders;
    b->has_no_meta[dir] = uuid_is_zero(d->id);
    return 0;
}

/* ---- What the others know of it ---- */

static struct log_dir *dir_by_id(struct log_dirs *dirs, struct uuid id)
{
    for (uint32_t i = 0; i < dirs->count; i++) {
        if (!dirs->dirs[i].is_dead && uuid_equal(dirs->dirs[i].id, id)) return &dirs->dirs[i];
    }
    return NULL;
}

static struct log_dir *dir_by_path(struct log_dirs *dirs, const char *path)
{
    for (uint32_t i = 0; i < dirs->count; i++) {
        if (strcmp(dirs->dirs[i].path, path) == 0) return &dirs->dirs[i];
    }
    return NULL;
}

/* One line of KNOWN_FILE: "id state path", from when the broker ran last. */
static void take_known(struct fs *fs, struct boot_job *b, const char *line)
{
    char id_text[UUID_TEXT_SIZE], state[8], path[FS_PATH_MAX];
    struct uuid id;
    if (sscanf(line, "%22s %7s %1023[^\n]", id_text, state, path) != 3) return;
    if (!uuid_from_text(id_text, &id)) return;
    struct log_dir *here = dir_by_id(b->dirs, id);
    if (here != NULL) {
        /* What it lost when it failed, nobody knows. */
        if (strcmp(state, "failed") == 0) {
            here->is_whole = false;
            here->has_failed = true;
        }
        return;
    }
    struct log_dir *place = dir_by_path(b->dirs, path);
    if (place != NULL && place->is_dead) {
        if (uuid_is_zero(place->id)) place->id = id; /* So that it is not forgotten. */
        return;
    }
    char allowed[FS_PATH_MAX + 32];
    (void)snprintf(allowed, sizeof allowed, "%s/" NEW_DISK_FILE, path);
    struct file *file = NULL;
    bool is_replaced = fs->ops->open(fs, allowed, FS_READ, &file) == 0;
    if (is_replaced) fs->ops->close(fs, file);
    b->has_missing = true;
    if (place == NULL || !place->is_new || is_replaced) return;
    char text[sizeof place->why];
    (void)snprintf(text, sizeof text,
                   "log.dirs %.200s is empty, and held directory.id %s before: is its disk "
                   "mounted? If it was replaced by an empty one, create the file %.200s/%s",
                   place->path, id_text, place->path, NEW_DISK_FILE);
    place->is_dead = true;
    place->is_whole = false;
    memcpy(place->why, text, sizeof text);
}

static void read_known(struct fs *fs, struct boot_job *b, const struct log_dir *d)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/" KNOWN_FILE, d->path);
    uint8_t *text = NULL;
    size_t size = 0;
    if (fs_read_file(fs, path, KNOWN_FILE_MAX, &text, &size) != 0) return;
    for (const char *line = (const char *)text; line != NULL && *line != '\0';) {
        take_known(fs, b, line);
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    free(text);
}

/* ---- All of them ---- */

static bool has_moved(struct fs *fs, const struct log_dir *d, const char *name)
{
    char path[FS_PATH_MAX + 32];
    struct file *file = NULL;
    (void)snprintf(path, sizeof path, "%s/%s/" DIR_MOVED_FILE, d->path, name);
    if (fs->ops->open(fs, path, FS_READ, &file) != 0) return false;
    fs->ops->close(fs, file);
    return true;
}

/* Out of the way under another name, `aside`, which nobody looks for. */
static int set_aside(struct fs *fs, const struct log_dir *d, const char *name, const char *suffix,
                     char aside[FS_PATH_MAX + META_NAME_MAX + 16])
{
    char path[FS_PATH_MAX + META_NAME_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", d->path, name);
    (void)snprintf(aside, sizeof path + 16, "%s%s", path, suffix);
    int rc = fs_remove_tree(fs, aside);
    if (rc == 0 || rc == -ERR_ABSENT) rc = fs->ops->rename(fs, path, aside);
    return rc;
}

/* Two folders hold a replica. It was copied from one to the other, and the broker ended before the
 * first one was gone: the copy says that it is whole. Or a disk had failed, its replica was told to
 * be lost and begun anew on another one, and now it is back: what it holds is kept aside. */
static void settle_twin(struct fs *fs, struct boot_job *b, struct dir_entry *e)
{
    if (e->twin == DIR_NONE) return;
    struct log_dir *first = &b->dirs->dirs[e->dir], *second = &b->dirs->dirs[e->twin];
    bool is_first = has_moved(fs, first, e->name), is_second = has_moved(fs, second, e->name);
    bool is_copied = is_first != is_second;
    /* Whose it is nobody can tell: its partition says so. */
    if (!is_copied && first->has_failed == second->has_failed) return;

    if (!is_copied) is_second = first->has_failed;
    const struct log_dir *loser = is_second ? first : second;
    char aside[FS_PATH_MAX + META_NAME_MAX + 16];
    int rc = set_aside(fs, loser, e->name, is_copied ? ".moved-delete" : ".failed-stray", aside);
    if (rc == 0) rc = is_copied ? fs_remove_tree(fs, aside) : fs->ops->sync_dir(fs, loser->path);
    if (rc != 0 && !is_copied) return;
    if (!is_copied) b->stray_count++;
    if (is_second) e->dir = e->twin;
    e->twin = DIR_NONE;
    /* Then it is there the next time, and the copy still says that it takes its place. */
    MAYBE(rc != 0);
}

static int begin_new(struct fs *fs, struct boot_job *b, uint32_t dir)
{
    struct log_dir *d = &b->dirs->dirs[dir];
    if (d->is_dead || !b->has_no_meta[dir]) return 0;
    d->id = b->fresh_ids[dir];
    int rc = folder_write_meta(fs, d->path, b->node_id, b->cluster_id, d->id);
    if (rc == 0) return 0;
    if (!is_of_disk(rc)) return refuse(b, d, rc, "meta.properties cannot be written");
    leave_out(d, rc, "meta.properties cannot be written");
    return 0;
}

static void sum_up(struct boot_job *b)
{
    b->is_log_whole = !b->has_missing;
    b->is_log_new = true;
    for (uint32_t i = 0; i < b->dirs->count; i++) {
        const struct log_dir *d = &b->dirs->dirs[i];
        if (!d->is_dead && !d->is_whole) b->is_log_whole = false;
        if (d->is_dead || !d->is_new) b->is_log_new = false;
    }
}

static int boot(struct fs *fs, struct boot_job *b)
{
    int rc = 0;
    struct log_dirs *dirs = b->dirs;
    for (uint32_t i = 0; rc == 0 && i < dirs->count; i++) rc = look_into(fs, b, i);
    for (uint32_t i = 0; rc == 0 && i < dirs->count; i++) {
        if (!dirs->dirs[i].is_dead && !dirs->dirs[i].is_new) read_known(fs, b, &dirs->dirs[i]);
    }
    for (uint32_t i = 0; rc == 0 && i < dirs->count; i++) rc = begin_new(fs, b, i);
    if (rc != 0) return rc;

    struct dir_entry *e, *next;
    HASH_ITER(hh, dirs->entries, e, next) settle_twin(fs, b, e);
    sum_up(b);
    for (uint32_t i = 0; i < dirs->count; i++) {
        if (!dirs->dirs[i].is_dead) return 0;
    }
    (void)snprintf(b->why, sizeof b->why, "%s", dirs->dirs[0].why);
    return -ERR_IO;
}

static void run_boot(struct fs *fs, struct job *job)
{
    job->rc = boot(fs, (struct boot_job *)(void *)job);
}

struct boot_job *boot_begin(struct env *env, const struct broker_options *options)
{
    struct boot_job *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->job.link.kind = LINK_JOB_BOOT;
    b->job.run = run_boot;
    b->node_id = options->id;
    b->dirs = log_dirs_open(options);
    env_random(env, b->fresh_ids, b->dirs->count * sizeof b->fresh_ids[0]);
    env_submit(env, &b->job);
    return b;
}
