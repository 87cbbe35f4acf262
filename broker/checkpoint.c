#include "broker/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/partition.h"
#include "broker/partition/steps.h"
#include "common/check.h"
#include "common/crc32c.h"
#include "common/text.h"

#define INTERVAL_MS 5000 /* replica.high.watermark.checkpoint.interval.ms */
#define FILE_MAX_BYTES (64u * 1024 * 1024)
#define SHARDS_MAX RPC_SHARDS_MAX
#define KEY_SIZE (META_NAME_MAX + 16)
#define LINE_SIZE (META_NAME_MAX + 128)

enum { OURS, WATERMARKS, RECOVERY_POINTS, STARTS, CLEANED, FILES };

static const char *const file_names[FILES] = {
    [OURS] = "offset-checkpoint",
    [WATERMARKS] = "replication-offset-checkpoint",
    [RECOVERY_POINTS] = "recovery-point-offset-checkpoint",
    [STARTS] = "log-start-offset-checkpoint",
    [CLEANED] = "cleaner-offset-checkpoint",
};

/* What the last run's files say of one partition. */
struct checkpoint_entry {
    char key[KEY_SIZE]; /* "topic-id partition"; where ours never was, "topic partition". */
    struct partition_checkpoint said;
    bool is_own;   /* Of this shard's own file. */
    bool is_taken; /* The partition has it now. */
    bool is_kept;  /* The partition was put away in this run (graves.h). */
    UT_hash_handle hh;
};

struct checkpoint_job {
    struct job job;
    uint32_t number; /* Of the folder. */
    bool is_load;
    bool removes_stale;
    const char *dir;
    uint32_t shard;
    uint32_t shard_count;
    uint8_t *loaded[FILES][SHARDS_MAX]; /* One per shard of the last run. */
    struct writer texts[FILES];         /* To be written. */
    uint32_t crc;
};

struct checkpoint_path {
    char text[FS_PATH_MAX + 64];
};

/* A shard's own file; the first one's has the plain name. */
static struct checkpoint_path path_of(const char *dir, int file, uint32_t shard)
{
    struct checkpoint_path path;
    int size = snprintf(path.text, sizeof path.text, "%s/%s", dir, file_names[file]);
    CHECK(size > 0 && (size_t)size + 16 < sizeof path.text);
    if (shard != 1) (void)snprintf(path.text + size, 16, ".%u", shard);
    return path;
}

/* ---- The jobs ---- */

static void run_load(struct fs *fs, struct job *job)
{
    struct checkpoint_job *x = (struct checkpoint_job *)(void *)job;
    bool has_ours = false;
    for (int file = OURS; file < FILES; file++) {
        for (uint32_t i = 0; i < SHARDS_MAX && (file == OURS || !has_ours); i++) {
            struct checkpoint_path path = path_of(x->dir, file, i + 1);
            size_t size = 0;
            /* A file that cannot be read is as good as none: what it says is found out again. */
            int rc = fs_read_file(fs, path.text, FILE_MAX_BYTES, &x->loaded[file][i], &size);
            if (rc != 0) x->loaded[file][i] = NULL;
            has_ours = has_ours || (file == OURS && rc == 0);
        }
    }
    job->rc = 0;
}

static void run_write(struct fs *fs, struct job *job)
{
    struct checkpoint_job *x = (struct checkpoint_job *)(void *)job;
    int rc = 0;
    for (int file = OURS; rc == 0 && file < FILES; file++) {
        struct checkpoint_path path = path_of(x->dir, file, x->shard);
        rc = fs_replace_file(fs, path.text, x->texts[file].base, x->texts[file].size);
        /* What it says may be too much by now; to know nothing costs time after a power cut. */
        if (rc == -ERR_FULL) rc = fs->ops->unlink(fs, path.text);
        if (rc == -ERR_ABSENT) rc = 0;
    }
    for (uint32_t i = x->shard_count + 1; rc == 0 && x->removes_stale && i <= SHARDS_MAX; i++) {
        for (int file = OURS; file < FILES; file++) {
            struct checkpoint_path path = path_of(x->dir, file, i);
            (void)fs->ops->unlink(fs, path.text);
        }
    }
    job->rc = rc;
}

static struct checkpoint_job *new_job(struct shard *s, uint32_t dir, bool is_load)
{
    struct checkpoint_job *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->job.link.kind = CHECKPOINT_JOB_KIND;
    x->job.run = is_load ? run_load : run_write;
    x->job.lane = dir_lane(s->options, dir, s->number);
    x->number = dir;
    x->is_load = is_load;
    x->dir = s->options->log_dirs[dir];
    x->shard = s->number;
    x->shard_count = s->options->shard_count;
    /* Each shard has read all files when it began; the first write is seconds later. */
    x->removes_stale = s->number == 1 && !s->checkpoints[dir].is_stale_removed;
    CHECK(s->checkpoints[dir].job == NULL);
    s->checkpoints[dir].job = x;
    return x;
}

/* ---- Reading ---- */

static void note_loaded(struct shard *s)
{
    s->checkpoints_loaded = true;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        bool is_loaded = s->checkpoints[i].is_loaded || s->host.dirs[i].is_dead;
        s->checkpoints_loaded = s->checkpoints_loaded && is_loaded;
    }
}

void checkpoint_load(struct shard *s)
{
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        if (!s->host.dirs[i].is_dead) env_submit(s->env, &new_job(s, i, true)->job);
    }
}

static void key_of(const char *name, int32_t partition, char key[KEY_SIZE])
{
    (void)snprintf(key, KEY_SIZE, "%s %d", name, partition);
}

/* A partition may have moved from one shard's file to another's, and both may be there. If none is
 * this shard's own: the newer one has the higher watermark and start; of recovery points the lower
 * one is safe. */
static void note(struct partition_checkpoint *said, const struct partition_checkpoint *more,
                 bool knows_cleaned)
{
    if (knows_cleaned && more->cleaned > said->cleaned) said->cleaned = more->cleaned;
    if (more->watermark > said->watermark) said->watermark = more->watermark;
    if (more->log_start > said->log_start) said->log_start = more->log_start;
    bool is_lower = said->recovery_point < 0 || more->recovery_point < said->recovery_point;
    if (more->recovery_point >= 0 && is_lower) said->recovery_point = more->recovery_point;
}

static bool parse_line(int file, const char *line, char key[KEY_SIZE],
                       struct partition_checkpoint *out)
{
    char name[META_NAME_MAX + 1];
    int partition = 0;
    int64_t n[4] = {0};
    int got = sscanf(line, "%249s %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, name,
                     &partition, &n[0], &n[1], &n[2], &n[3]);
    *out = PARTITION_CHECKPOINT_NONE;
    if (got != 3 && got != 5 && got != 6) return false;
    if ((file == OURS) == (got == 3)) return false; /* Before there was compaction: five. */
    if (file == OURS || file == WATERMARKS) out->watermark = n[0];
    if (file == OURS || file == RECOVERY_POINTS) out->recovery_point = n[file == OURS ? 1 : 0];
    if (file == OURS || file == STARTS) out->log_start = n[file == OURS ? 2 : 0];
    if (file == OURS || file == CLEANED) out->cleaned = n[file == OURS ? 3 : 0];
    key_of(name, partition, key);
    return partition >= 0 && out->watermark >= 0 && out->log_start >= 0 && out->cleaned >= 0;
}

static void parse(struct dir_checkpoint *c, int file, const char *text, bool is_own)
{
    char key[KEY_SIZE];
    for (const char *line = text; line != NULL && *line != '\0';) {
        struct partition_checkpoint said;
        if (parse_line(file, line, key, &said)) {
            struct checkpoint_entry *entry = NULL;
            HASH_FIND_STR(c->entries, key, entry);
            if (entry == NULL) {
                entry = calloc(1, sizeof *entry);
                CHECK(entry != NULL);
                memcpy(entry->key, key, sizeof key);
                entry->said = PARTITION_CHECKPOINT_NONE;
                entry->is_own = is_own;
                HASH_ADD_STR(c->entries, key, entry);
            }
            /* Of a file that is not its own, it may have been before a truncation. */
            if (is_own || !entry->is_own) note(&entry->said, &said, is_own || file != OURS);
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
}

static void on_loaded(struct shard *s, const struct checkpoint_job *x)
{
    struct dir_checkpoint *c = &s->checkpoints[x->number];
    uint32_t own = s->number - 1;
    for (int file = OURS; file < FILES; file++) {
        const char *text = (const char *)x->loaded[file][own];
        if (text != NULL) parse(c, file, text, true);
    }
    for (int file = OURS; file < FILES; file++) {
        for (uint32_t i = 0; i < SHARDS_MAX; i++) {
            const char *text = (const char *)x->loaded[file][i];
            if (text != NULL && i != own) parse(c, file, text, false);
        }
    }
    c->is_loaded = true;
}

static struct checkpoint_entry *find(const struct dir_checkpoint *c, struct uuid topic_id,
                                     const char *topic, int32_t partition)
{
    char key[KEY_SIZE], id[UUID_TEXT_SIZE];
    uuid_to_text(topic_id, id);
    struct checkpoint_entry *entry = NULL;
    key_of(id, partition, key);
    HASH_FIND_STR(c->entries, key, entry);
    if (entry != NULL) return entry;
    key_of(topic, partition, key);
    HASH_FIND_STR(c->entries, key, entry);
    return entry;
}

struct partition_checkpoint checkpoint_of(struct shard *s, uint32_t dir, struct uuid topic_id,
                                          const char *topic, int32_t partition)
{
    struct partition_checkpoint said = PARTITION_CHECKPOINT_NONE;
    if (dir == DIR_NONE) return said;
    struct checkpoint_entry *entry = find(&s->checkpoints[dir], topic_id, topic, partition);
    if (entry != NULL) {
        entry->is_taken = true;
        return entry->said;
    }
    /* It came from another folder a moment before the end: of what is durable here, and compacted,
     * nothing is known. */
    for (uint32_t i = 0; entry == NULL && i < s->options->log_dir_count; i++) {
        entry = find(&s->checkpoints[i], topic_id, topic, partition);
    }
    if (entry == NULL) return said;
    said.watermark = entry->said.watermark;
    said.log_start = entry->said.log_start;
    return said;
}

static struct checkpoint_entry *own_entry(struct dir_checkpoint *c, const char *key)
{
    struct checkpoint_entry *entry = NULL;
    HASH_FIND_STR(c->entries, key, entry);
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        CHECK(entry != NULL);
        (void)snprintf(entry->key, sizeof entry->key, "%s", key);
        HASH_ADD_STR(c->entries, key, entry);
    }
    entry->is_own = true;
    return entry;
}

void checkpoint_keep(struct shard *s, const struct partition *p)
{
    char key[KEY_SIZE], id[UUID_TEXT_SIZE];
    struct partition_checkpoint now;
    if (p->dir == DIR_NONE || !partition_checkpoint_now(p, &now)) return;

    uuid_to_text(p->key.topic_id, id);
    key_of(id, p->key.partition, key);
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        struct checkpoint_entry *other = NULL;
        HASH_FIND_STR(s->checkpoints[i].entries, key, other);
        if (other != NULL) other->is_kept = false;
    }
    struct checkpoint_entry *entry = own_entry(&s->checkpoints[p->dir], key);
    entry->said = now;
    entry->is_kept = true;
}

uint32_t checkpoint_dir_of(const struct shard *s, struct uuid topic_id, int32_t partition)
{
    char key[KEY_SIZE], id[UUID_TEXT_SIZE];
    uuid_to_text(topic_id, id);
    key_of(id, partition, key);
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        struct checkpoint_entry *entry = NULL;
        HASH_FIND_STR(s->checkpoints[i].entries, key, entry);
        if (entry != NULL && entry->is_kept) return i;
    }
    return DIR_NONE;
}

/* Of a partition of this shard, whose topic was deleted and can come back. */
static bool is_put_away(const struct shard *s, const struct checkpoint_entry *e)
{
    char id[UUID_TEXT_SIZE];
    struct uuid topic_id;
    size_t size = strcspn(e->key, " ");
    if (s->image.retired == NULL || size != sizeof id - 1) return false;
    memcpy(id, e->key, size);
    id[size] = '\0';
    if (!uuid_from_text(id, &topic_id)) return false;
    const struct meta_retired *x = meta_retired_find(&s->image, topic_id);
    if (x == NULL) return false;
    return shard_of_partition(s->options, x->topic->name, atoi(e->key + size)) == s->number;
}

/* ---- Writing ---- */

struct lines {
    struct writer out[FILES];
    uint32_t count[FILES];
};

static void add_line(struct lines *lines, int file, const char *line, int size)
{
    CHECK(size > 0 && size < LINE_SIZE);
    write_bytes(&lines->out[file], line, (size_t)size);
    lines->count[file]++;
}

static void add_ours(struct lines *lines, const char *key, const struct partition_checkpoint *now)
{
    char line[LINE_SIZE];
    int size =
        snprintf(line, sizeof line, "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", key,
                 now->watermark, now->recovery_point, now->log_start, now->cleaned);
    add_line(lines, OURS, line, size);
}

static void add_kafkas(struct lines *lines, int file, const char *key, int64_t offset)
{
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, "%s %" PRId64 "\n", key, offset);
    add_line(lines, file, line, size);
}

static void collect_one(struct partition *p, struct lines *lines)
{
    struct partition_checkpoint now;
    p->in_checkpoint = partition_checkpoint_now(p, &now);
    if (!p->in_checkpoint) return;

    p->checkpoint_writing = now;
    /* Until it is written, either may be what the file says. */
    if (now.recovery_point > p->checkpoint.recovery_point) {
        p->checkpoint.recovery_point = now.recovery_point;
    }
    if (now.log_start > p->checkpoint.log_start) p->checkpoint.log_start = now.log_start;
    if (now.cleaned > p->checkpoint.cleaned) p->checkpoint.cleaned = now.cleaned;

    char key[KEY_SIZE], id[UUID_TEXT_SIZE];
    uuid_to_text(p->key.topic_id, id);
    key_of(id, p->key.partition, key);
    add_ours(lines, key, &now);
    key_of(p->topic, p->key.partition, key);
    add_kafkas(lines, WATERMARKS, key, now.watermark);
    if (now.recovery_point >= 0) add_kafkas(lines, RECOVERY_POINTS, key, now.recovery_point);
    if (now.log_start > 0) add_kafkas(lines, STARTS, key, now.log_start);
    if (now.cleaned > 0) add_kafkas(lines, CLEANED, key, now.cleaned);
}

/* "version, count" and the lines. */
static void finish_text(struct checkpoint_job *x, int file, struct lines *lines)
{
    struct writer *out = &x->texts[file];
    char head[32];
    int size = snprintf(head, sizeof head, "0\n%u\n", lines->count[file]);
    *out = writer_with(FILE_MAX_BYTES);
    write_bytes(out, head, (size_t)size);
    write_slice(out, writer_slice(&lines->out[file]));
    writer_close(&lines->out[file]);
}

static void write_now(struct shard *s, uint32_t dir)
{
    struct dir_checkpoint *c = &s->checkpoints[dir];
    struct host_dir *d = &s->host.dirs[dir];
    struct lines lines = {0};
    for (int file = OURS; file < FILES; file++) lines.out[file] = writer_with(FILE_MAX_BYTES);
    for (struct partition *p = s->partitions; p != NULL; p = p->hh.next) {
        if (p->dir == dir) collect_one(p, &lines);
    }
    /* What the metadata have not mentioned yet is not forgotten. */
    for (const struct checkpoint_entry *e = c->entries; e != NULL; e = e->hh.next) {
        bool is_unmentioned = !s->is_current && e->is_own && !e->is_taken;
        if (is_unmentioned || is_put_away(s, e)) add_ours(&lines, e->key, &e->said);
    }
    struct checkpoint_job *x = new_job(s, dir, false);
    for (int file = OURS; file < FILES; file++) finish_text(x, file, &lines);
    x->crc = crc32c(x->texts[OURS].base, x->texts[OURS].size);
    bool is_said = x->crc == c->crc && !d->checkpoint_is_due && !x->removes_stale;
    d->checkpoint_is_due = false;
    if (is_said) {
        c->job = NULL;
        for (int file = OURS; file < FILES; file++) writer_close(&x->texts[file]);
        free(x);
    } else {
        env_submit(s->env, &x->job);
    }
}

uint64_t checkpoint_turn(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (s->partition_count == 0 || !s->checkpoints_loaded) return ENV_NEVER;
    if (s->next_checkpoint_ms == 0) s->next_checkpoint_ms = now_ms + INTERVAL_MS;
    bool is_time = s->next_checkpoint_ms <= now_ms;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        const struct host_dir *d = &s->host.dirs[i];
        if (s->checkpoints[i].job != NULL || d->is_dead) continue;
        if (is_time || d->checkpoint_is_due) write_now(s, i);
    }
    if (is_time) s->next_checkpoint_ms = now_ms + INTERVAL_MS;
    return s->next_checkpoint_ms;
}

bool checkpoint_write_last(struct shard *s)
{
    if (!s->checkpoints_loaded || s->partition_count == 0) return false;

    bool any = false;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        struct dir_checkpoint *c = &s->checkpoints[i];
        if (c->has_last || s->host.dirs[i].is_dead) continue;
        CHECK(c->job == NULL);
        c->has_last = true;
        write_now(s, i);
        any = any || c->job != NULL;
    }
    return any;
}

/* ---- At home ---- */

static void free_job(struct checkpoint_job *x)
{
    if (x == NULL) return;
    for (int file = OURS; file < FILES; file++) {
        for (uint32_t i = 0; i < SHARDS_MAX; i++) free(x->loaded[file][i]);
        writer_close(&x->texts[file]);
    }
    free(x);
}

static void on_written(struct shard *s, const struct checkpoint_job *x)
{
    struct dir_checkpoint *c = &s->checkpoints[x->number];
    c->crc = x->job.rc == 0 ? x->crc : 0;
    if (s->host.dirs[x->number].is_dead) return;
    if (x->job.rc != 0) {
        char why[DIR_WHY_SIZE];
        (void)snprintf(why, sizeof why, "the checkpoints in %s: %s", x->dir, err_text(x->job.rc));
        bool is_last = s->options->log_dir_count == 1 || x->job.rc == -ERR_FULL;
        if (is_last) log_warn(s->env, "%s", why);
        if (!is_last) host_dir_died(&s->host, x->number, why);
        return;
    }
    c->is_stale_removed = c->is_stale_removed || x->removes_stale;
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (p->dir == x->number) partition_on_checkpointed(p);
    }
}

void checkpoint_on_job(struct shard *s, struct job *job)
{
    struct checkpoint_job *x = (struct checkpoint_job *)(void *)job;
    CHECK(s->checkpoints[x->number].job == x);

    s->checkpoints[x->number].job = NULL;
    if (x->is_load) {
        on_loaded(s, x);
        note_loaded(s);
    } else {
        on_written(s, x);
    }
    free_job(x);
}

bool checkpoint_is_idle(const struct shard *s)
{
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        if (s->checkpoints[i].job != NULL) return false;
    }
    return true;
}

void checkpoint_close(struct shard *s)
{
    for (uint32_t i = 0; i < BROKER_DIRS_MAX; i++) {
        struct dir_checkpoint *c = &s->checkpoints[i];
        free_job(c->job);
        c->job = NULL;
        struct checkpoint_entry *entry, *next;
        HASH_ITER(hh, c->entries, entry, next)
        {
            HASH_DEL(c->entries, entry);
            free(entry);
        }
    }
}
