#include "broker/partition/folder.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

#define METADATA_MAX_BYTES 256

uint32_t folder_hash(const char *topic, int32_t number)
{
    uint32_t h = 2166136261u ^ (uint32_t)number;
    for (const char *at = topic; *at != '\0'; at++) h = (h ^ (uint8_t)*at) * 16777619u;
    /* Its low bits alone choose a shard. */
    return h ^ h >> 15;
}

void folder_path(const char *log_dir, const char *topic, int32_t number, char out[FS_PATH_MAX])
{
    int size = snprintf(out, FS_PATH_MAX, "%s/%s-%d", log_dir, topic, number);
    CHECK(size > 0 && size < FS_PATH_MAX);
}

void folder_grave(const char *log_dir, const char *topic, int32_t number, struct uuid topic_id,
                  char out[FS_PATH_MAX])
{
    char name[DIR_GRAVE_SIZE];
    dir_grave_name(topic, number, topic_id, name);
    int size = snprintf(out, FS_PATH_MAX, "%s/%s", log_dir, name);
    CHECK(size > 0 && size < FS_PATH_MAX);
}

/* Writes partition.metadata as Kafka does. */
static int write_identity(struct fs *fs, const char *path, struct uuid topic_id)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(topic_id, id);
    char text[METADATA_MAX_BYTES];
    int size = snprintf(text, sizeof text, "version: 0\ntopic_id: %s\n", id);
    CHECK(size > 0 && (size_t)size < sizeof text);
    return fs_replace_file(fs, path, text, (size_t)size);
}

/* Whose folder is it? -ERR_ABSENT: it does not say. */
static int read_identity(struct fs *fs, const char *path, struct uuid *topic_id)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs, path, METADATA_MAX_BYTES, &text, &size);
    if (rc != 0) return rc;

    const char *at = strstr((const char *)text, "topic_id: ");
    bool found = at != NULL && uuid_from_text(at + strlen("topic_id: "), topic_id);
    free(text);
    return found ? 0 : -ERR_CORRUPT;
}

int folder_identity(struct fs *fs, const char *dir, struct uuid *topic_id)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/partition.metadata", dir);
    return read_identity(fs, path, topic_id);
}

static void count_entry(void *arg, const struct fs_entry *entry)
{
    (void)entry;
    (*(uint32_t *)arg)++;
}

/* How a folder is called that stood in the way of another topic's: topic-partition.ID-stray, with
 * the topic cut where the name would be too long. */
static void name_stray(const char *dir, struct uuid whose, char out[FS_PATH_MAX])
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(whose, id);
    const char *slash = strrchr(dir, '/');
    const char *name = slash == NULL ? dir : slash + 1;
    const char *number = strrchr(name, '-');
    CHECK(number != NULL);
    size_t room = NAME_MAX - strlen(number) - strlen(id) - strlen(".-stray");
    size_t topic = (size_t)(number - name);
    if (topic > room) topic = room;
    int size = snprintf(out, FS_PATH_MAX, "%.*s%s.%s-stray", (int)(name - dir + (ptrdiff_t)topic),
                        dir, number, id);
    CHECK(size > 0 && size < FS_PATH_MAX);
}

static int move_aside(struct fs *fs, struct prepare_job *prepare, struct uuid found)
{
    char aside[FS_PATH_MAX];
    name_stray(prepare->dir, found, aside);
    prepare->stray = true;
    return fs->ops->rename(fs, prepare->dir, aside);
}

static int sync_parent(struct fs *fs, const char *path)
{
    char parent[FS_PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    CHECK(slash != NULL && slash != parent);
    *slash = '\0';
    return fs->ops->sync_dir(fs, parent);
}

/* Its topic was deleted, and is back. -ERR_ABSENT: nothing of it is there. */
static int bring_back(struct fs *fs, struct prepare_job *prepare)
{
    char stray[FS_PATH_MAX];
    name_stray(prepare->dir, prepare->topic_id, stray);
    const char *names[] = {prepare->grave, stray};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct uuid whose = {0};
        int rc = folder_identity(fs, names[i], &whose);
        if (rc == -ERR_ABSENT || (rc == 0 && !uuid_equal(whose, prepare->topic_id))) continue;
        if (rc == 0) rc = fs->ops->rename(fs, names[i], prepare->dir);
        if (rc == 0) rc = sync_parent(fs, prepare->dir);
        prepare->returned = rc == 0;
        return rc;
    }
    return -ERR_ABSENT;
}

static int prepare_folder(struct fs *fs, struct prepare_job *prepare)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/partition.metadata", prepare->dir);
    struct uuid found = {0};
    int rc = read_identity(fs, path, &found);
    bool is_any = (prepare->owner->host->options->broker_canary & BROKER_CANARY_ANY_FOLDER) != 0;
    if (rc == 0 && (is_any || uuid_equal(found, prepare->topic_id))) return 0;
    if (rc == 0) rc = move_aside(fs, prepare, found);
    if (rc != 0 && rc != -ERR_ABSENT) return rc;
    rc = bring_back(fs, prepare);
    if (rc != -ERR_ABSENT) return rc;

    uint32_t entries = 0;
    rc = fs->ops->list(fs, prepare->dir, count_entry, &entries);
    prepare->created = rc == -ERR_ABSENT || (rc == 0 && entries == 0);
    rc = fs->ops->mkdir(fs, prepare->dir);
    return rc != 0 ? rc : write_identity(fs, path, prepare->topic_id);
}

int folder_identify(struct fs *fs, const char *dir, struct uuid topic_id)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/partition.metadata", dir);
    struct uuid found = {0};
    int rc = read_identity(fs, path, &found);
    if (rc == 0) return uuid_equal(found, topic_id) ? 0 : -ERR_EXISTS;
    if (rc != -ERR_ABSENT) return rc;
    rc = fs->ops->mkdir(fs, dir);
    return rc != 0 ? rc : write_identity(fs, path, topic_id);
}

static void run(struct fs *fs, struct job *job)
{
    job->rc = prepare_folder(fs, (struct prepare_job *)(void *)job);
}

/* After a crash it is there under either name. */
static void run_put_away(struct fs *fs, struct job *job)
{
    const struct prepare_job *prepare = (const struct prepare_job *)(const void *)job;
    job->rc = fs->ops->rename(fs, prepare->dir, prepare->grave);
    if (job->rc == 0) job->rc = sync_parent(fs, prepare->grave);
}

/* The same where nobody knows what stands there: it may be another topic's by now. */
static void run_bury(struct fs *fs, struct job *job)
{
    const struct prepare_job *prepare = (const struct prepare_job *)(const void *)job;
    struct uuid whose = {0};
    job->rc = folder_identity(fs, prepare->dir, &whose);
    if (job->rc == 0 && uuid_equal(whose, prepare->topic_id)) {
        run_put_away(fs, job);
    } else if (job->rc == -ERR_ABSENT) {
        job->rc = 0;
    }
}

struct prepare_job *folder_prepare(struct partition *p)
{
    CHECK(p->dir != DIR_NONE);
    const struct broker_options *o = p->host->options;
    struct prepare_job *prepare = calloc(1, sizeof *prepare);
    CHECK(prepare != NULL);
    prepare->job.link.kind = PARTITION_JOB_PREPARE;
    prepare->job.run = run;
    prepare->job.lane = dir_lane(o, p->dir, folder_hash(p->topic, p->key.partition));
    prepare->owner = p;
    prepare->topic_id = p->key.topic_id;
    folder_path(o->log_dirs[p->dir], p->topic, p->key.partition, prepare->dir);
    folder_grave(o->log_dirs[p->dir], p->topic, p->key.partition, p->key.topic_id, prepare->grave);
    return prepare;
}

struct prepare_job *folder_put_away(struct partition *p)
{
    struct prepare_job *put = folder_prepare(p);
    put->job.run = run_put_away;
    return put;
}

struct prepare_job *folder_bury(struct partition *p)
{
    struct prepare_job *put = folder_prepare(p);
    put->job.run = run_bury;
    return put;
}
