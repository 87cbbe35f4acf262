#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/link_state.h"
#include "common/check.h"
#include "common/text.h"

#define SMALL_FILE_MAX 4096
#define MARK_MAX 256
#define MARK_FILE ".jackdaw-boot-mark"

/* The value of `key=` in a properties text, without its line feed. False: there is none. */
static bool property(const char *text, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            const char *value = line + length + 1;
            size_t end = strcspn(value, "\r\n");
            if (end >= size) return false;
            memcpy(out, value, end);
            out[end] = '\0';
            return true;
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    return false;
}

static int refuse(struct boot_job *b, int rc, const char *what)
{
    (void)snprintf(b->why, sizeof b->why, "log.dirs %.200s: %s: %s", b->dir, what, err_text(rc));
    return rc;
}

static int write_meta(struct fs *fs, const char *dir, int32_t node_id, const char *cluster_id,
                      struct uuid directory)
{
    char path[FS_PATH_MAX + 32], text[512], id[UUID_TEXT_SIZE];
    uuid_to_text(directory, id);
    int size = snprintf(text, sizeof text, "#\nversion=1\nnode.id=%d\ndirectory.id=%s\n%s%s%s",
                        node_id, id, cluster_id[0] != '\0' ? "cluster.id=" : "", cluster_id,
                        cluster_id[0] != '\0' ? "\n" : "");
    CHECK(size > 0 && (size_t)size < sizeof text);
    (void)snprintf(path, sizeof path, "%s/meta.properties", dir);
    return fs_replace_file(fs, path, text, (size_t)size);
}

static void see_folder(void *arg, const struct fs_entry *entry)
{
    bool *has_folders = arg;
    if (entry->is_dir && strcmp(entry->name, "lost+found") != 0) *has_folders = true;
}

static int read_meta(struct fs *fs, struct boot_job *b, bool *is_new)
{
    char path[FS_PATH_MAX + 32], value[128];
    (void)snprintf(path, sizeof path, "%s/meta.properties", b->dir);
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs, path, SMALL_FILE_MAX, &text, &size);
    *is_new = rc == -ERR_ABSENT;
    if (*is_new) {
        rc = write_meta(fs, b->dir, b->node_id, "", b->fresh_id);
        return rc != 0 ? refuse(b, rc, "meta.properties cannot be written") : 0;
    }
    if (rc != 0) return refuse(b, rc, "meta.properties cannot be read");

    int64_t node = -1;
    /* Kafka wrote broker.id before it wrote node.id. */
    bool has_node = (property((const char *)text, "node.id", value, sizeof value) ||
                     property((const char *)text, "broker.id", value, sizeof value)) &&
                    text_to_i64(slice_of_text(value), &node);
    if (!property((const char *)text, "cluster.id", b->cluster_id, sizeof b->cluster_id)) {
        b->cluster_id[0] = '\0';
    }
    free(text);
    if (has_node && node == b->node_id) return 0;
    if (!has_node) return refuse(b, -ERR_CORRUPT, "meta.properties says no node.id");
    (void)snprintf(
        b->why, sizeof b->why,
        "log.dirs %.200s belongs to node.id %lld, and this broker has node.id %d: give it "
        "its own folder, or set node.id=%lld",
        b->dir, (long long)node, b->node_id, (long long)node);
    return -ERR_INVALID;
}

/* DESIGN 6.10: on the boot on which it was written, the log is whole. */
static void read_mark(struct fs *fs, struct boot_job *b, bool is_new)
{
    char path[FS_PATH_MAX + 32], now[MARK_MAX];
    (void)snprintf(path, sizeof path, "%s/" MARK_FILE, b->dir);
    /* Without meta.properties there may still be partitions: somebody took it away. */
    bool has_folders = false;
    int rc = fs->ops->list(fs, b->dir, see_folder, &has_folders);
    b->is_log_new = is_new && rc == 0 && !has_folders;
    b->is_log_whole = b->is_log_new;
    uint8_t *text = NULL;
    size_t size = 0;
    if (fs->ops->boot_mark(fs, b->dir, now, sizeof now) != 0) return;
    if (fs_read_file(fs, path, MARK_MAX, &text, &size) != 0) return;
    b->is_log_whole = strcmp((const char *)text, now) == 0;
    free(text);
}

static int boot(struct fs *fs, struct boot_job *b)
{
    int rc = fs_make_folders(fs, b->dir);
    if (rc != 0) return refuse(b, rc, "the folder cannot be made");
    rc = fs->ops->lock(fs, b->dir);
    if (rc == -ERR_BUSY) {
        (void)snprintf(
            b->why, sizeof b->why,
            "log.dirs %.200s is in use by another process: is this broker running already?",
            b->dir);
        return rc;
    }
    if (rc != 0) return refuse(b, rc, "the folder cannot be locked");
    bool is_new = false;
    rc = read_meta(fs, b, &is_new);
    if (rc == 0) read_mark(fs, b, is_new);
    return rc;
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
    (void)snprintf(b->dir, sizeof b->dir, "%s", options->log_dir);
    env_random(env, &b->fresh_id, sizeof b->fresh_id);
    env_submit(env, &b->job);
    return b;
}

/* Only when all that is there has reached the disk may a mark say that this boot's page cache holds
 * the whole log. */
static int write_mark(struct fs *fs, const char *dir)
{
    char path[FS_PATH_MAX + 32], now[MARK_MAX];
    (void)snprintf(path, sizeof path, "%s/" MARK_FILE, dir);
    int rc = fs->ops->sync_all(fs, dir);
    if (rc == 0) rc = fs->ops->boot_mark(fs, dir, now, sizeof now);
    return rc != 0 ? rc : fs_replace_file(fs, path, now, strlen(now));
}

static int add_cluster_id(struct fs *fs, const struct note_job *n)
{
    char path[FS_PATH_MAX + 32], value[128];
    (void)snprintf(path, sizeof path, "%s/meta.properties", n->dir);
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs, path, SMALL_FILE_MAX, &text, &size);
    if (rc != 0) return rc;
    struct uuid directory = {0};
    bool known = property((const char *)text, "directory.id", value, sizeof value) &&
                 strlen(value) == UUID_TEXT_SIZE - 1 && uuid_from_text(value, &directory);
    free(text);
    return known ? write_meta(fs, n->dir, n->node_id, n->cluster_id, directory) : -ERR_CORRUPT;
}

static void run_note(struct fs *fs, struct job *job)
{
    struct note_job *n = (struct note_job *)(void *)job;
    job->rc = n->is_mark ? write_mark(fs, n->dir) : add_cluster_id(fs, n);
}

struct note_job *note_begin(struct env *env, const struct broker_options *options,
                            const char *cluster_id, bool is_mark)
{
    struct note_job *n = calloc(1, sizeof *n);
    CHECK(n != NULL);
    n->job.link.kind = LINK_JOB_NOTE;
    n->job.run = run_note;
    n->node_id = options->id;
    n->is_mark = is_mark;
    (void)snprintf(n->dir, sizeof n->dir, "%s", options->log_dir);
    (void)snprintf(n->cluster_id, sizeof n->cluster_id, "%s", cluster_id);
    env_submit(env, &n->job);
    return n;
}
