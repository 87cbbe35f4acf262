#include "broker/partition/folder.h"

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

static void count_entry(void *arg, const struct fs_entry *entry)
{
    (void)entry;
    (*(uint32_t *)arg)++;
}

static int move_aside(struct fs *fs, struct prepare_job *prepare, struct uuid found)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(found, id);
    char aside[FS_PATH_MAX + 64];
    (void)snprintf(aside, sizeof aside, "%s.%s-stray", prepare->dir, id);
    prepare->stray = true;
    return fs->ops->rename(fs, prepare->dir, aside);
}

static int prepare_folder(struct fs *fs, struct prepare_job *prepare)
{
    char path[FS_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/partition.metadata", prepare->dir);
    struct uuid found = {0};
    int rc = read_identity(fs, path, &found);
    if (rc == 0 && uuid_equal(found, prepare->topic_id)) return 0;
    if (rc == 0) rc = move_aside(fs, prepare, found);
    if (rc != 0 && rc != -ERR_ABSENT) return rc;

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
    int size = snprintf(prepare->dir, sizeof prepare->dir, "%s/%s-%d", o->log_dirs[p->dir],
                        p->topic, p->key.partition);
    CHECK(size > 0 && (size_t)size < sizeof prepare->dir);
    return prepare;
}
