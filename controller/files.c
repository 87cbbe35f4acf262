#include "controller/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"

#define SMALL_FILE_MAX_BYTES 4096
#define SNAPSHOT_MAX_BYTES ((size_t)1 << 30)
#define SNAPSHOT_NAME_SIZE 64
#define SNAPSHOTS_KEPT 2

/* ---- Texts. ---- */

static void properties_text(char *out, size_t size, uint32_t node_id, struct uuid disk,
                            const char *cluster_id, bool may_vote)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(disk, id);
    int n = snprintf(out, size, "#\nversion=1\nnode.id=%u\ndirectory.id=%s\n%s", node_id, id,
                     may_vote ? "may.vote=true\n" : "");
    CHECK(n > 0 && (size_t)n < size);
    if (cluster_id[0] != 0)
        (void)snprintf(out + n, size - (size_t)n, "cluster.id=%s\n", cluster_id);
}

/* The value of "key=" in a text of lines; NULL if it is not there. Ends at the line feed. */
static const char *find_line(const char *text, const char *key)
{
    size_t size = strlen(key);
    while (text != NULL && *text != 0) {
        if (strncmp(text, key, size) == 0 && text[size] == '=') return text + size + 1;
        text = strchr(text, '\n');
        if (text != NULL) text++;
    }
    return NULL;
}

static bool line_number(const char *text, const char *key, uint64_t *out)
{
    const char *at = find_line(text, key);
    int64_t number;
    if (at == NULL || !text_to_i64(slice_of(at, strcspn(at, "\r\n")), &number)) return false;
    *out = (uint64_t)number;
    return number >= 0;
}

/* ---- The first job. ---- */

static int fail(struct boot *b, int rc, const char *what)
{
    if (b->why[0] == 0)
        (void)snprintf(b->why, sizeof b->why, "log.dirs %.300s: %s: %s", b->dir, what,
                       err_text(rc));
    return rc;
}

static int read_properties(struct fs *fs, struct boot *b)
{
    char path[FS_PATH_MAX];
    char text[512];
    uint8_t *bytes = NULL;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/meta.properties", b->dir);

    int rc = fs_read_file(fs, path, SMALL_FILE_MAX_BYTES, &bytes, &size);
    if (rc == -ERR_ABSENT) {
        properties_text(text, sizeof text, b->node_id, b->disk, "", false);
        rc = fs_replace_file(fs, path, text, strlen(text));
        return rc == 0 ? 0 : fail(b, rc, "cannot write meta.properties");
    }
    if (rc != 0) return fail(b, rc, "cannot read meta.properties");

    uint64_t node_id, version = 0;
    const char *file = (const char *)bytes;
    const char *disk = find_line(file, "directory.id");
    const char *cluster = find_line(file, "cluster.id");
    const char *may_vote = find_line(file, "may.vote");
    b->may_vote = may_vote != NULL && strncmp(may_vote, "true", 4) == 0;
    if (line_number(file, "version", &version) && version > 1) {
        (void)snprintf(b->why, sizeof b->why,
                       "log.dirs %.300s: meta.properties has version %" PRIu64
                       ", and this program knows 0 and 1: is it older than the one that wrote it?",
                       b->dir, version);
        rc = -ERR_UNSUPPORTED;
    } else if (!line_number(file, "node.id", &node_id) || disk == NULL ||
               !uuid_from_text(disk, &b->disk)) {
        rc = fail(b, -ERR_CORRUPT, "meta.properties lacks node.id or directory.id");
    } else if (node_id != b->node_id) {
        (void)snprintf(b->why, sizeof b->why,
                       "log.dirs %.300s belongs to node %" PRIu64
                       ", and this is node %u: give each node a folder of its own",
                       b->dir, node_id, b->node_id);
        rc = -ERR_INVALID;
    } else if (cluster != NULL) {
        (void)snprintf(b->cluster_id, sizeof b->cluster_id, "%.*s", (int)strcspn(cluster, "\r\n"),
                       cluster);
    }
    free(bytes);
    return rc;
}

static int read_vote(struct fs *fs, struct boot *b)
{
    char path[FS_PATH_MAX];
    uint8_t *bytes = NULL;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/quorum-state", b->dir);

    int rc = fs_read_file(fs, path, SMALL_FILE_MAX_BYTES, &bytes, &size);
    if (rc == -ERR_ABSENT) return 0;
    if (rc != 0) return fail(b, rc, "cannot read quorum-state");

    uint64_t voted = 0;
    if (!line_number((const char *)bytes, "term", &b->vote.term) ||
        !line_number((const char *)bytes, "voted.id", &voted) || voted > UINT32_MAX)
        rc = fail(b, -ERR_CORRUPT, "quorum-state does not parse");
    b->vote.voted_for = (uint32_t)voted;
    free(bytes);
    return rc;
}

struct snapshots {
    uint32_t count;
    char names[64][SNAPSHOT_NAME_SIZE]; /* In byte order, which is the order of their indexes. */
};

static void see_entry(void *arg, const struct fs_entry *entry)
{
    struct snapshots *found = arg;
    const char *dot = strchr(entry->name, '.');
    if (entry->is_dir || dot == NULL || strcmp(dot, ".checkpoint") != 0) return;
    if (strlen(entry->name) >= SNAPSHOT_NAME_SIZE) return;

    if (found->count == 64) {
        memmove(found->names[0], found->names[1], sizeof found->names - SNAPSHOT_NAME_SIZE);
        found->count--;
    }
    (void)snprintf(found->names[found->count++], SNAPSHOT_NAME_SIZE, "%.63s", entry->name);
}

static int read_snapshot(struct fs *fs, struct boot *b)
{
    struct snapshots found = {0};
    int rc = fs->ops->list(fs, b->dir, see_entry, &found);
    if (rc != 0) return fail(b, rc, "cannot list the folder");
    if (found.count == 0) return 0;

    char path[FS_PATH_MAX];
    uint8_t *bytes = NULL;
    size_t size;
    const char *name = found.names[found.count - 1];
    (void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
    rc = fs_read_file(fs, path, SNAPSHOT_MAX_BYTES, &bytes, &size);
    if (rc == 0) rc = meta_snapshot_read(slice_of(bytes, size), &b->image);
    free(bytes);
    return rc == 0 ? 0 : fail(b, rc, name);
}

static void run_boot(struct fs *fs, struct job *job)
{
    struct boot *b = (struct boot *)job;
    int rc = fs_make_folders(fs, b->dir);
    if (rc != 0) rc = fail(b, rc, "cannot make the folder");
    if (rc == 0) {
        rc = fs->ops->lock(fs, b->dir);
        if (rc != 0) rc = fail(b, rc, "cannot lock the folder (is this node running already?)");
    }
    if (rc == 0) rc = read_properties(fs, b);
    if (rc == 0) rc = read_vote(fs, b);
    if (rc == 0) rc = read_snapshot(fs, b);
    job->rc = rc;
}

struct boot *boot_new(struct controller *c)
{
    struct boot *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->job = (struct job){.link.kind = JOB_BOOT, .run = run_boot, .lane = FILES_LANE};
    (void)snprintf(b->dir, sizeof b->dir, "%s", c->options.log_dir);
    b->node_id = c->options.node_id;
    env_random(c->env, b->disk.bytes, sizeof b->disk.bytes);
    return b;
}

void boot_free(struct boot *boot)
{
    if (boot == NULL) return;
    meta_image_close(&boot->image);
    metalog_close(&boot->log);
    free(boot);
}

void boot_observe(void *observer, const struct record_batch_header *header, struct slice batch)
{
    struct boot *b = observer;
    uint64_t index = (uint64_t)header->base_offset;
    uint64_t term = (uint64_t)header->partition_leader_epoch;
    uint64_t snapshot = b->image.index;

    if (b->log.first_index == 0) b->log.first_index = snapshot + 1;
    if (index == snapshot && term != b->image.term) b->is_other_log = true;
    if (index <= snapshot || b->is_other_log) return;
    if (index != metalog_next(&b->log) && b->gap_at == 0) b->gap_at = metalog_next(&b->log);
    if (b->gap_at == 0) metalog_push(&b->log, buf_of(batch), term);
}

/* ---- Files that are written whole. ---- */

static void remove_old_snapshots(struct fs *fs, const char *dir)
{
    struct snapshots found = {0};
    if (fs->ops->list(fs, dir, see_entry, &found) != 0) return;
    for (uint32_t i = 0; i + SNAPSHOTS_KEPT < found.count; i++) {
        char path[FS_PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", dir, found.names[i]);
        /* One that stays is in nobody's way; the next snapshot tries again. */
        (void)fs->ops->unlink(fs, path);
    }
}

static void run_file(struct fs *fs, struct job *job)
{
    struct file_job *f = (struct file_job *)job;
    job->rc = fs_replace_file(fs, f->path, f->bytes->data, f->bytes->size);
    if (job->rc == 0 && f->dir[0] != 0) remove_old_snapshots(fs, f->dir);
}

static struct file_job *new_job(struct controller *c, enum job_kind kind, uint32_t lane,
                                const char *name, struct buf *bytes)
{
    struct file_job *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->job = (struct job){.link.kind = kind, .run = run_file, .lane = lane};
    (void)snprintf(f->path, sizeof f->path, "%s/%s", c->options.log_dir, name);
    f->bytes = bytes;
    LIST_INSERT_HEAD(&c->jobs, f, link);
    return f;
}

void files_write_vote(struct controller *c, const struct raft_vote *vote)
{
    char text[128];
    (void)snprintf(text, sizeof text, "version=0\nterm=%" PRIu64 "\nvoted.id=%u\n", vote->term,
                   vote->voted_for);
    struct file_job *f =
        new_job(c, JOB_VOTE, FILES_LANE, "quorum-state", buf_of(slice_of_text(text)));
    env_submit(c->env, &f->job);
}

void files_write_properties(struct controller *c)
{
    char text[512];
    properties_text(text, sizeof text, c->options.node_id, c->disk, c->cluster_id,
                    c->may_vote || c->is_noting);
    struct file_job *f =
        new_job(c, JOB_PROPERTIES, FILES_LANE, "meta.properties", buf_of(slice_of_text(text)));
    env_submit(c->env, &f->job);
}

void files_write_snapshot(struct controller *c, enum job_kind kind, struct buf *bytes,
                          uint64_t index, uint64_t term)
{
    char name[SNAPSHOT_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%020" PRIu64 "-%010" PRIu64 ".checkpoint", index, term);
    struct file_job *f = new_job(c, kind, SNAPSHOT_LANE, name, bytes);
    (void)snprintf(f->dir, sizeof f->dir, "%s", c->options.log_dir);
    f->index = index;
    f->term = term;
    env_submit(c->env, &f->job);
}

void file_job_free(struct file_job *job)
{
    LIST_REMOVE(job, link);
    buf_unref(job->bytes);
    free(job);
}
