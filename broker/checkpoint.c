#include "broker/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

#define INTERVAL_MS 5000 /* replica.high.watermark.checkpoint.interval.ms */
#define FILE_MAX_BYTES (64u * 1024 * 1024)
#define FILES_MAX RPC_SHARDS_MAX

/* One line of the file. */
struct watermark_entry {
    char key[META_NAME_MAX + 16]; /* "topic partition", or "=topic-id partition". */
    int64_t offset;
    UT_hash_handle hh;
};

struct watermark_job {
    struct job job;
    bool is_load;
    uint32_t stale_from; /* Files from this number on are of shards that are no more; 0: none. */
    char paths[2][FS_PATH_MAX];   /* Of this shard's files: ours, and Kafka's. */
    uint8_t *texts[2][FILES_MAX]; /* Loaded: one per shard of the last run. */
    struct writer text[2];        /* To be written. */
};

enum { OURS, KAFKAS };

/* A shard's own file; the first one's has the plain name. */
static void path_of(const struct shard *s, uint32_t number, int which, char *out, size_t size)
{
    const char *name = which == OURS ? "high-watermarks" : "replication-offset-checkpoint";
    if (number == 1) {
        (void)snprintf(out, size, "%s/%s", s->options->log_dir, name);
    } else {
        (void)snprintf(out, size, "%s/%s.%u", s->options->log_dir, name, number);
    }
}

static void load(struct fs *fs, const char *first, uint8_t *texts[FILES_MAX])
{
    for (uint32_t i = 0; i < FILES_MAX; i++) {
        char path[FS_PATH_MAX + 16];
        if (i == 0) {
            (void)snprintf(path, sizeof path, "%s", first);
        } else {
            (void)snprintf(path, sizeof path, "%s.%u", first, i + 1);
        }
        size_t size = 0;
        /* A file that cannot be read is as good as none: watermarks are found out again. */
        if (fs_read_file(fs, path, FILE_MAX_BYTES, &texts[i], &size) != 0) texts[i] = NULL;
    }
}

static void run_load(struct fs *fs, struct job *job)
{
    struct watermark_job *w = (struct watermark_job *)(void *)job;
    load(fs, w->paths[OURS], w->texts[OURS]);
    load(fs, w->paths[KAFKAS], w->texts[KAFKAS]);
    job->rc = 0;
}

static void run_write(struct fs *fs, struct job *job)
{
    struct watermark_job *w = (struct watermark_job *)(void *)job;
    job->rc = 0;
    for (int i = OURS; i <= KAFKAS && job->rc == 0; i++) {
        job->rc = fs_replace_file(fs, w->paths[i], w->text[i].base, w->text[i].size);
        for (uint32_t n = w->stale_from; n != 0 && n <= FILES_MAX; n++) {
            char path[FS_PATH_MAX + 16];
            (void)snprintf(path, sizeof path, "%s.%u", w->paths[i], n);
            (void)fs->ops->unlink(fs, path);
        }
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
    for (int i = OURS; i <= KAFKAS; i++) {
        path_of(s, is_load ? 1 : s->number, i, w->paths[i], sizeof w->paths[i]);
    }
    s->watermark_job = w;
    return w;
}

void checkpoint_load(struct shard *s)
{
    CHECK(s->watermark_job == NULL);

    env_submit(s->env, &new_job(s, true)->job);
}

static void key_of(char *key, size_t size, int which, const char *topic, int32_t partition)
{
    /* No topic has such a name. */
    (void)snprintf(key, size, "%s%s %d", which == OURS ? "=" : "", topic, partition);
}

static void note(struct shard *s, int which, const char *topic, int partition, int64_t offset)
{
    char key[META_NAME_MAX + 16];
    key_of(key, sizeof key, which, topic, partition);
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

static void parse(struct shard *s, int which, const char *text)
{
    char topic[META_NAME_MAX + 1];
    for (const char *line = text; line != NULL && *line != '\0';) {
        int partition = 0;
        int64_t offset = 0;
        if (sscanf(line, "%249s %d %" SCNd64, topic, &partition, &offset) == 3) {
            note(s, which, topic, partition, offset);
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
}

int64_t checkpoint_of(const struct shard *s, struct uuid topic_id, const char *topic,
                      int32_t partition)
{
    char key[META_NAME_MAX + 16], id[UUID_TEXT_SIZE];
    uuid_to_text(topic_id, id);
    struct watermark_entry *entry = NULL;
    key_of(key, sizeof key, OURS, id, partition);
    HASH_FIND_STR(s->watermarks, key, entry);
    if (entry == NULL) {
        key_of(key, sizeof key, KAFKAS, topic, partition);
        HASH_FIND_STR(s->watermarks, key, entry);
    }
    return entry == NULL ? 0 : entry->offset;
}

/* Both files have Kafka's form; ours has ids for names. */
static void write_text(const struct shard *s, int which, struct writer *out)
{
    *out = writer_with(FILE_MAX_BYTES);
    uint32_t count = 0;
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next) count += p->journal != NULL && p->replica.role != 0;
    char line[META_NAME_MAX + 64], id[UUID_TEXT_SIZE];
    int size = snprintf(line, sizeof line, "0\n%u\n", count);
    write_bytes(out, line, (size_t)size);
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (p->journal == NULL || p->replica.role == 0) continue;
        uuid_to_text(p->key.topic_id, id);
        size = snprintf(line, sizeof line, "%s %d %" PRId64 "\n", which == OURS ? id : p->topic,
                        p->key.partition, p->replica.high_watermark);
        write_bytes(out, line, (size_t)size);
    }
}

void checkpoint_write(struct shard *s)
{
    if (s->watermark_job != NULL || !s->watermarks_loaded) return;

    struct watermark_job *w = new_job(s, false);
    /* Each shard has read all files when it began; the first write is seconds later. */
    if (s->number == 1 && !s->is_stale_removed) w->stale_from = s->options->shard_count + 1;
    s->is_stale_removed = true;
    write_text(s, OURS, &w->text[OURS]);
    write_text(s, KAFKAS, &w->text[KAFKAS]);
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
    for (int which = OURS; which <= KAFKAS; which++) {
        for (uint32_t i = 0; i < FILES_MAX; i++) free(w->texts[which][i]);
        writer_close(&w->text[which]);
    }
    free(w);
}

void checkpoint_on_job(struct shard *s, struct job *job)
{
    struct watermark_job *w = s->watermark_job;
    CHECK(job == &w->job);

    s->watermark_job = NULL;
    if (w->is_load) {
        bool has_ours = false;
        for (uint32_t i = 0; i < FILES_MAX; i++) has_ours |= w->texts[OURS][i] != NULL;
        int which = has_ours ? OURS : KAFKAS;
        for (uint32_t i = 0; i < FILES_MAX; i++) {
            if (w->texts[which][i] != NULL) parse(s, which, (const char *)w->texts[which][i]);
        }
        s->watermarks_loaded = true;
    } else if (job->rc != 0) {
        log_warn(s->env, "%s: %s", w->paths[OURS], err_text(job->rc));
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
