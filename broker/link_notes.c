/* What is written into the folders of log.dirs beside the logs: whose they are, the mark of this
 * boot, and which folders there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/link_state.h"
#include "common/check.h"
#include "common/text.h"

#define SMALL_FILE_MAX 4096
#define MARK_MAX 256

bool folder_property(const char *text, const char *key, char *out, size_t size)
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

int folder_write_meta(struct fs *fs, const char *dir, int32_t node_id, const char *cluster_id,
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

/* Only when all that is there has reached the disk may a mark say that this boot's page cache holds
 * the whole log. */
static int write_mark(struct fs *fs, const char *dir)
{
    char path[FS_PATH_MAX + 32], now[MARK_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/" MARK_FILE, dir);
    int rc = fs->ops->sync_all(fs, dir);
    if (rc == 0) rc = fs->ops->boot_mark(fs, dir, now, sizeof now);
    if (rc != 0) return rc;

    bool says_so = fs_read_file(fs, path, sizeof now, &text, &size) == 0 &&
                   slice_equal(slice_of(text, size), slice_of_text(now));
    free(text);
    if (says_so) return 0;
    /* All is synced: a full disk costs the mark. The one that is there is of another boot, and
     * makes the next start look for itself. */
    rc = fs_replace_file(fs, path, now, strlen(now));
    return rc == -ERR_FULL ? 0 : rc;
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
    bool known = folder_property((const char *)text, "directory.id", value, sizeof value) &&
                 strlen(value) == UUID_TEXT_SIZE - 1 && uuid_from_text(value, &directory);
    free(text);
    return known ? folder_write_meta(fs, n->dir, n->node_id, n->cluster_id, directory)
                 : -ERR_CORRUPT;
}

static int write_known(struct fs *fs, const struct note_job *n)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/" NEW_DISK_FILE, n->dir);
    (void)fs->ops->unlink(fs, path);
    (void)snprintf(path, sizeof path, "%s/" KNOWN_FILE, n->dir);
    return fs_replace_file(fs, path, n->text, strlen(n->text));
}

static void run_note(struct fs *fs, struct job *job)
{
    struct note_job *n = (struct note_job *)(void *)job;
    switch (n->kind) {
    case NOTE_MARK: job->rc = write_mark(fs, n->dir); return;
    case NOTE_CLUSTER: job->rc = add_cluster_id(fs, n); return;
    case NOTE_KNOWN: job->rc = write_known(fs, n); return;
    case NOTE_KINDS: break;
    }
    UNREACHABLE();
}

static void add_known(const struct link *l, struct note_job *n)
{
    size_t used = 0;
    for (uint32_t i = 0; i < l->dirs->count; i++) {
        const struct log_dir *d = &l->dirs->dirs[i];
        if (uuid_is_zero(d->id)) continue; /* It was dead from the first, and stays unknown. */
        char id[UUID_TEXT_SIZE];
        uuid_to_text(d->id, id);
        int size = snprintf(n->text + used, sizeof n->text - used, "%s %s %s\n", id,
                            l->is_dir_dead[i] ? "failed" : "ok", d->path);
        CHECK(size > 0 && used + (size_t)size < sizeof n->text);
        used += (size_t)size;
    }
}

static void begin(struct link *l, uint32_t dir, enum note_kind kind)
{
    struct note_job *n = calloc(1, sizeof *n);
    CHECK(n != NULL);
    n->job.link.kind = LINK_JOB_NOTE;
    n->job.run = run_note;
    n->job.lane = dir_background_lane(dir);
    n->node_id = l->options->id;
    n->kind = kind;
    n->number = dir;
    (void)snprintf(n->dir, sizeof n->dir, "%s", l->dirs->dirs[dir].path);
    (void)snprintf(n->cluster_id, sizeof n->cluster_id, "%s", l->cluster_id);
    if (kind == NOTE_KNOWN) add_known(l, n);
    l->notes[kind][dir] = n;
    env_submit(l->env, &n->job);
}

void link_note(struct link *l, enum note_kind kind)
{
    for (uint32_t i = 0; i < l->dirs->count; i++) {
        if (l->is_dir_dead[i]) continue;
        if (l->notes[kind][i] == NULL) {
            begin(l, i, kind);
        } else {
            l->notes[kind][i]->is_stale = true;
        }
    }
}

bool link_has_notes(const struct link *l)
{
    if (l->dirs == NULL) return false;
    for (uint32_t kind = 0; kind < NOTE_KINDS; kind++) {
        for (uint32_t i = 0; i < l->dirs->count; i++) {
            if (l->notes[kind][i] != NULL) return true;
        }
    }
    return false;
}

void link_on_noted(struct link *l, struct note_job *n)
{
    const char *path = l->dirs->dirs[n->number].path;
    enum note_kind kind = n->kind;
    uint32_t dir = n->number;
    bool again = n->is_stale && !l->is_dir_dead[dir];
    l->notes[kind][dir] = NULL;
    if (n->job.rc != 0 && kind == NOTE_MARK && !l->is_dir_dead[dir]) {
        char why[DIR_WHY_SIZE];
        (void)snprintf(why, sizeof why,
                       "log.dirs %.200s: syncing it failed (%s): what was acknowledged may not "
                       "survive a power cut",
                       path, err_text(n->job.rc));
        link_lose_dir(l, dir, why);
    } else if (n->job.rc != 0) {
        log_warn(l->env, "%s in %s cannot be updated: %s",
                 kind == NOTE_CLUSTER ? "meta.properties" : "what is known of log.dirs", path,
                 err_text(n->job.rc));
    }
    free(n);
    if (again) begin(l, dir, kind);
}

void link_notes_close(struct link *l)
{
    for (uint32_t kind = 0; kind < NOTE_KINDS; kind++) {
        for (uint32_t i = 0; i < BROKER_DIRS_MAX; i++) free(l->notes[kind][i]);
    }
}
