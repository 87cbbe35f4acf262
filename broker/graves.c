#include "broker/graves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/checkpoint.h"
#include "broker/partition/folder.h"
#include "common/check.h"
#include "common/text.h"

#define FOUND_MAX 100000 /* Of one look; another start finds the rest. */

/* Folders of one topic that go, or all that look deleted. */
struct grave_job {
    struct job job; /* First. */
    LIST_ENTRY(grave_job) link;
    char dir[FS_PATH_MAX / 2]; /* Of log.dirs. */
    uint32_t dir_index;
    struct uuid topic_id;
    char topic[META_NAME_MAX + 1]; /* "": looks for what there is. */
    uint32_t count;
    int32_t *numbers; /* Of its partitions. */
    uint32_t removed;
    char **found; /* Names of folders. */
    uint32_t found_count;
    uint32_t found_capacity;
    char failed[FS_PATH_MAX]; /* What could not be removed. */
};

bool graves_is_final(const struct shard *s, struct uuid topic_id)
{
    return meta_topic_by_id(&s->image, topic_id) == NULL &&
           meta_retired_find(&s->image, topic_id) == NULL;
}

/* ---- In the jobs. ---- */

static void remove_folder(struct fs *fs, struct grave_job *x, const char *path)
{
    int rc = fs_remove_tree(fs, path);
    if (rc == 0) x->removed++;
    if (rc == 0 || rc == -ERR_ABSENT) return;
    x->job.rc = rc;
    (void)snprintf(x->failed, sizeof x->failed, "%s", path);
}

static void run_remove(struct fs *fs, struct job *job)
{
    struct grave_job *x = (struct grave_job *)(void *)job;
    job->rc = 0;
    for (uint32_t i = 0; i < x->count; i++) {
        int32_t number = x->numbers[i];
        char path[FS_PATH_MAX];
        struct uuid whose;
        folder_grave(x->dir, x->topic, number, x->topic_id, path);
        if (folder_identity(fs, path, &whose) != -ERR_ABSENT) remove_folder(fs, x, path);
    }
}

/* In the lane of whoever opens a folder of that name: nobody does meanwhile. */
static void run_bury(struct fs *fs, struct job *job)
{
    struct grave_job *x = (struct grave_job *)(void *)job;
    char path[FS_PATH_MAX], grave[FS_PATH_MAX];
    struct uuid whose = {0};
    CHECK(x->count == 1);
    folder_path(x->dir, x->topic, x->numbers[0], path);
    folder_grave(x->dir, x->topic, x->numbers[0], x->topic_id, grave);
    bool is_its = folder_identity(fs, path, &whose) == 0 && uuid_equal(whose, x->topic_id);
    job->rc = is_its ? fs->ops->rename(fs, path, grave) : 0;
    if (job->rc != 0) (void)snprintf(x->failed, sizeof x->failed, "%s", path);
}

static void run_found(struct fs *fs, struct job *job)
{
    struct grave_job *x = (struct grave_job *)(void *)job;
    job->rc = 0;
    for (uint32_t i = 0; i < x->found_count; i++) {
        char path[FS_PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", x->dir, x->found[i]);
        remove_folder(fs, x, path);
    }
}

static void note_entry(void *arg, const struct fs_entry *entry)
{
    struct grave_job *x = arg;
    struct uuid id;
    if (!entry->is_dir || !dir_name_is_grave(entry->name, &id)) return;
    if (x->found_count == FOUND_MAX) return;
    if (x->found_count == x->found_capacity) {
        x->found_capacity = x->found_capacity == 0 ? 16 : x->found_capacity * 2;
        x->found = realloc(x->found, x->found_capacity * sizeof *x->found);
        CHECK(x->found != NULL);
    }
    size_t size = strlen(entry->name) + 1;
    char *name = malloc(size);
    CHECK(name != NULL);
    memcpy(name, entry->name, size);
    x->found[x->found_count++] = name;
}

static void run_look(struct fs *fs, struct job *job)
{
    struct grave_job *x = (struct grave_job *)(void *)job;
    job->rc = fs->ops->list(fs, x->dir, note_entry, x);
    if (job->rc != 0) (void)snprintf(x->failed, sizeof x->failed, "%s", x->dir);
}

/* ---- At home. ---- */

static struct grave_job *new_job(struct shard *s, uint32_t dir,
                                 void (*run)(struct fs *, struct job *))
{
    struct grave_job *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->job.link.kind = GRAVES_JOB_KIND;
    x->job.run = run;
    x->job.lane = dir_background_lane(dir);
    x->dir_index = dir;
    memcpy(x->dir, s->options->log_dirs[dir], sizeof x->dir);
    LIST_INSERT_HEAD(&s->graves, x, link);
    return x;
}

static void free_job(struct grave_job *x)
{
    for (uint32_t i = 0; i < x->found_count; i++) free(x->found[i]);
    free(x->found);
    free(x->numbers);
    LIST_REMOVE(x, link);
    free(x);
}

static void submit(struct shard *s, struct grave_job *x)
{
    s->jobs_out++;
    env_submit(s->env, &x->job);
}

static void remove_from(struct shard *s, uint32_t dir, struct uuid topic_id, const char *topic,
                        int32_t first, uint32_t count)
{
    struct grave_job *x = new_job(s, dir, run_remove);
    x->topic_id = topic_id;
    (void)snprintf(x->topic, sizeof x->topic, "%s", topic);
    x->numbers = calloc(count, sizeof *x->numbers);
    CHECK(x->numbers != NULL);
    for (int32_t number = first; number < first + (int32_t)count; number++) {
        bool is_ours = shard_of_partition(s->options, topic, number) == s->number;
        if (is_ours && shard_partition(s, topic_id, number) == NULL)
            x->numbers[x->count++] = number;
    }
    if (x->count == 0) {
        free_job(x);
        return;
    }
    submit(s, x);
}

void graves_remove(struct shard *s, struct uuid topic_id, const char *topic, int32_t first,
                   uint32_t count)
{
    if (s->host.is_stopping || count == 0) return; /* The next start does it. */

    for (uint32_t dir = 0; dir < s->options->log_dir_count; dir++) {
        if (!s->host.dirs[dir].is_dead) remove_from(s, dir, topic_id, topic, first, count);
    }
}

uint32_t graves_find(const struct shard *s, struct uuid topic_id, const char *topic, int32_t number)
{
    uint32_t kept = checkpoint_dir_of(s, topic_id, number);
    return kept != DIR_NONE ? kept : log_dirs_grave(s->host.log_dirs, topic, number, topic_id);
}

/* Topics that were deleted while this broker was down have their folders under their names. */
static void bury(struct shard *s, uint32_t dir, const struct meta_retired *retired)
{
    const struct meta_topic *topic = retired->topic;
    for (int32_t number = 0; number < (int32_t)topic->partition_count; number++) {
        if (!id_set_has(&topic->partitions[number].replicas, s->options->id)) continue;
        if (shard_of_partition(s->options, topic->name, number) != s->number) continue;
        if (shard_partition(s, retired->id, number) != NULL) continue;

        struct grave_job *x = new_job(s, dir, run_bury);
        x->job.lane = dir_lane(s->options, dir, folder_hash(topic->name, number));
        x->topic_id = retired->id;
        (void)snprintf(x->topic, sizeof x->topic, "%s", topic->name);
        x->numbers = calloc(1, sizeof *x->numbers);
        CHECK(x->numbers != NULL);
        x->numbers[x->count++] = number;
        submit(s, x);
    }
}

void graves_sweep(struct shard *s)
{
    if (s->host.is_stopping) return;
    for (uint32_t dir = 0; dir < s->options->log_dir_count; dir++) {
        if (s->host.dirs[dir].is_dead) continue;
        const struct meta_retired *x;
        for (x = s->image.retired; x != NULL; x = x->hh.next) bury(s, dir, x);
        if (s->number == 1) submit(s, new_job(s, dir, run_look));
    }
}

/* What was found: of topics that can come back, or have, it stays. */
static void on_looked(struct shard *s, const struct grave_job *looked)
{
    struct grave_job *x = new_job(s, looked->dir_index, run_found);
    for (uint32_t i = 0; i < looked->found_count; i++) {
        struct uuid id;
        struct fs_entry entry = {.name = looked->found[i], .is_dir = true};
        if (dir_name_is_grave(entry.name, &id) && graves_is_final(s, id)) note_entry(x, &entry);
    }
    if (x->found_count == 0 || s->host.is_stopping) {
        free_job(x);
        return;
    }
    submit(s, x);
}

void graves_on_job(struct shard *s, struct job *job)
{
    struct grave_job *x = (struct grave_job *)(void *)job;
    CHECK(s->jobs_out > 0);
    s->jobs_out--;
    if (job->rc != 0) {
        log_warn(s->env, "deleted topics: %s: %s; the next start tries again", x->failed,
                 err_text(job->rc));
    }
    if (x->removed > 0 && x->topic[0] != 0) {
        log_info(s->env, "topic %s: its deletion is final: %u folders removed", x->topic,
                 x->removed);
    } else if (x->removed > 0) {
        log_info(s->env, "deleted topics: %u folders that were left over removed", x->removed);
    }
    if (job->run == run_look && job->rc == 0) on_looked(s, x);
    free_job(x);
}

void graves_close(struct shard *s)
{
    while (!LIST_EMPTY(&s->graves)) free_job(LIST_FIRST(&s->graves));
}
