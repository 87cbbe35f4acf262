#include "broker/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define INTERVAL_MS 5000 /* replica.high.watermark.checkpoint.interval.ms */
#define FILE_MAX_BYTES (64u * 1024 * 1024)
#define FILES_MAX RPC_SHARDS_MAX

/* One line of the file. */
struct watermark_entry {
    char key[META_NAME_MAX + 16]; /* "topic partition" */
    int64_t offset;
    UT_hash_handle hh;
};

struct watermark_job {
    struct job job;
    bool is_load;
    uint32_t stale_from; /* Files from this number on are of shards that are no more; 0: none. */
    char path[FS_PATH_MAX];    /* Of this shard's file. */
    uint8_t *texts[FILES_MAX]; /* Loaded: one per shard of the last run. */
    struct writer text;        /* To be written. */
};

/* A shard's own file; the first one's has Kafka's name. */
static void path_of(const struct shard *s, uint32_t number, char *out, size_t size)
{
    if (number == 1) {
        (void)snprintf(out, size, "%s/replication-offset-checkpoint", s->options->log_dir);
    } else {
        (void)snprintf(out, size, "%s/replication-offset-checkpoint.%u", s->options->log_dir,
                       number);
    }
}

static void run_load(struct fs *fs, struct job *job)
{
    struct watermark_job *w = (struct watermark_job *)(void *)job;
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        char path[FS_PATH_MAX + 16];
        if (i == 0) {
            (void)snprintf(path, sizeof path, "%s", w->path);
        } else {
            (void)snprintf(path, sizeof path, "%s.%u", w->path, i + 1);
        }
        size_t size = 0;
        /* A file that cannot be read is as good as none: watermarks are found out again. */
        if (fs_read_file(fs, path, FILE_MAX_BYTES, &w->texts[i], &size) != 0) w->texts[i] = NULL;
    }
    job->rc = 0;
}

static void run_write(struct fs *fs, struct job *job)
{
    struct watermark_job *w = (struct watermark_job *)(void *)job;
    job->rc = fs_replace_file(fs, w->path, w->text.base, w->text.size);
    /* A topic that is made anew under its name must not find its namesake's watermarks. */
    for (uint32_t n = w->stale_from; n != 0 && n <= FILES_MAX; n++) {
        char path[FS_PATH_MAX + 16];
        (void)snprintf(path, sizeof path, "%s.%u", w->path, n);
        (void)fs->ops->unlink(fs, path);
    }
}

static struct watermark_job *new_job(struct shard *s, bool is_load)
{
    struct watermark_job *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->job.link.kind = CHECKPOINT_JOB_KIND;
    w->job.run = is_load ? run_load : run_write;
    w->job.lane = s->number;
    w->is_load = is_load;
    path_of(s, is_load ? 1 : s->number, w->path, sizeof w->path);
    s->watermark_job = w;
    return w;
}

void checkpoint_load(struct shard *s)
{
    CHECK(s->watermark_job == NULL);

    env_submit(s->env, &new_job(s, true)->job);
}

static void note(struct shard *s, const char *topic, int partition, int64_t offset)
{
    char key[META_NAME_MAX + 16];
    (void)snprintf(key, sizeof key, "%s %d", topic, partition);
    struct watermark_entry *entry = NULL;
    HASH_FIND_STR(s->watermarks, key, entry);
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        CHECK(entry != NULL);
        memcpy(entry->key, key, sizeof key);
        HASH_ADD_STR(s->watermarks, key, entry);
    }
    if (offset > entry->offset) entry->offset = offset;
}

static void parse(struct shard *s, const char *text)
{
    char topic[META_NAME_MAX + 1];
    for (const char *line = text; line != NULL && *line != '\0';) {
        int partition = 0;
        int64_t offset = 0;
        if (sscanf(line, "%249s %d %" SCNd64, topic, &partition, &offset) == 3) {
            note(s, topic, partition, offset);
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
}

int64_t checkpoint_of(const struct shard *s, const char *topic, int32_t partition)
{
    char key[META_NAME_MAX + 16];
    (void)snprintf(key, sizeof key, "%s %d", topic, partition);
    struct watermark_entry *entry = NULL;
    HASH_FIND_STR(s->watermarks, key, entry);
    return entry == NULL ? 0 : entry->offset;
}

void checkpoint_write(struct shard *s)
{
    if (s->watermark_job != NULL || !s->watermarks_loaded) return;

    struct watermark_job *w = new_job(s, false);
    /* Each shard has read all files when it began; the first write is seconds later. */
    if (s->number == 1 && !s->is_stale_removed) w->stale_from = s->options->shard_count + 1;
    s->is_stale_removed = true;
    w->text = writer_with(FILE_MAX_BYTES);
    uint32_t count = 0;
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next) count += p->journal != NULL && p->replica.role != 0;
    char line[META_NAME_MAX + 64];
    int size = snprintf(line, sizeof line, "0\n%u\n", count);
    write_bytes(&w->text, line, (size_t)size);
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (p->journal == NULL || p->replica.role == 0) continue;
        size = snprintf(line, sizeof line, "%s %d %" PRId64 "\n", p->topic, p->key.partition,
                        p->replica.high_watermark);
        write_bytes(&w->text, line, (size_t)size);
    }
    env_submit(s->env, &w->job);
}

uint64_t checkpoint_turn(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (s->partition_count == 0) return ENV_NEVER;
    if (s->next_checkpoint_ms == 0) s->next_checkpoint_ms = now_ms + INTERVAL_MS;
    if (s->next_checkpoint_ms <= now_ms) {
        s->next_checkpoint_ms = now_ms + INTERVAL_MS;
        checkpoint_write(s);
    }
    return s->next_checkpoint_ms;
}

static void free_job(struct watermark_job *w)
{
    if (w == NULL) return;
    for (uint32_t i = 0; i < FILES_MAX; i++) free(w->texts[i]);
    writer_close(&w->text);
    free(w);
}

void checkpoint_on_job(struct shard *s, struct job *job)
{
    struct watermark_job *w = s->watermark_job;
    CHECK(job == &w->job);

    s->watermark_job = NULL;
    if (w->is_load) {
        for (uint32_t i = 0; i < FILES_MAX; i++) {
            if (w->texts[i] != NULL) parse(s, (const char *)w->texts[i]);
        }
        s->watermarks_loaded = true;
    } else if (job->rc != 0) {
        log_warn(s->env, "%s: %s", w->path, err_text(job->rc));
    }
    free_job(w);
}

bool checkpoint_is_idle(const struct shard *s)
{
    return s->watermark_job == NULL;
}

void checkpoint_close(struct shard *s)
{
    free_job(s->watermark_job);
    s->watermark_job = NULL;
    struct watermark_entry *entry, *next;
    HASH_ITER(hh, s->watermarks, entry, next)
    {
        HASH_DEL(s->watermarks, entry);
        free(entry);
    }
}
