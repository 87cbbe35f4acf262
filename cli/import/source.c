#include "cli/import/source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/import/metadata.h"
#include "common/check.h"
#include "common/text.h"

#define SMALL_MAX_BYTES 4096
#define CHECKPOINT_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define META_VERSION_MAX 1

static int refuse(char why[SOURCE_WHY_SIZE], int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char why[SOURCE_WHY_SIZE], int rc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, SOURCE_WHY_SIZE, format, args);
    va_end(args);
    return rc;
}

/* ---- Whose it is ---- */

/* Writes the value of "key=" into `out`. */
static bool property(const char *text, const char *key, char *out, size_t size)
{
    size_t key_size = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, key_size) == 0 && line[key_size] == '=') {
            const char *value = line + key_size + 1;
            (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return true;
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    return false;
}

static int take_properties(struct source *s, const char *text, char why[SOURCE_WHY_SIZE])
{
    char value[128];
    int64_t node = -1, version = -1;
    if (property(text, "may.vote", value, sizeof value)) s->is_jackdaws = true;
    if (!property(text, "version", value, sizeof value) ||
        !text_to_i64(slice_of_text(value), &version) || version > META_VERSION_MAX)
        return refuse(why, -ERR_UNSUPPORTED,
                      "%s: meta.properties is not of version 0 or 1: a newer Kafka wrote it",
                      s->path);
    bool has_node = property(text, "node.id", value, sizeof value) ||
                    property(text, "broker.id", value, sizeof value);
    if (!has_node || !text_to_i64(slice_of_text(value), &node) || node < 0 || node > INT32_MAX)
        return refuse(why, -ERR_INVALID, "%s: meta.properties says no node.id", s->path);
    s->node_id = (int32_t)node;
    bool has_cluster = property(text, "cluster.id", value, sizeof value);
    if (!has_cluster || strlen(value) != META_CLUSTER_ID_SIZE)
        return refuse(why, -ERR_INVALID, "%s: meta.properties says no cluster.id of %d characters",
                      s->path, META_CLUSTER_ID_SIZE);
    memcpy(s->cluster_id, value, sizeof s->cluster_id);
    bool has_id = property(text, "directory.id", value, sizeof value);
    if (has_id && !uuid_from_text(value, &s->id)) s->id = (struct uuid){0};
    return 0;
}

static int read_properties(struct source *s, struct fs *fs, char why[SOURCE_WHY_SIZE])
{
    char path[FS_PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/meta.properties", s->path);
    int rc = fs_read_file(fs, path, SMALL_MAX_BYTES, &text, &size);
    if (rc == -ERR_ABSENT)
        return refuse(why, rc,
                      "%s has no meta.properties: it is none of Kafka's log.dirs (or a folder "
                      "above or below one)",
                      s->path);
    if (rc != 0) return refuse(why, rc, "%s cannot be read: %s", path, err_text(rc));
    rc = take_properties(s, (const char *)text, why);
    free(text);
    return rc;
}

/* Kafka holds a lock on it as long as it runs. */
static int check_lock(const struct source *s, char why[SOURCE_WHY_SIZE])
{
    char path[FS_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/.lock", s->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int rc = fcntl(fd, F_GETLK, &lock);
    close(fd);
    if (rc != 0 || lock.l_type == F_UNLCK) return 0;
    return refuse(why, -ERR_BUSY, "%s is in use by process %ld: stop node %d first", s->path,
                  (long)lock.l_pid, s->node_id);
}

/* ---- What lies in it ---- */

static bool folder_name(const char *name, struct source_folder *out)
{
    const char *dash = strrchr(name, '-');
    int64_t number = -1;
    if (dash == NULL || dash == name || (size_t)(dash - name) > META_NAME_MAX) return false;
    if (!isdigit((unsigned char)dash[1]) || !text_to_i64(slice_of_text(dash + 1), &number))
        return false;
    if (number > INT32_MAX || strlen(dash + 1) > 10) return false;
    *out = (struct source_folder){.number = (int32_t)number};
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    (void)snprintf(out->topic, sizeof out->topic, "%.*s", (int)(dash - name), name);
    return true;
}

static void see(void *arg, const struct fs_entry *entry)
{
    struct source *s = arg;
    struct source_folder f;
    if (strcmp(entry->name, ".kafka_cleanshutdown") == 0) s->was_stopped = true;
    if (strncmp(entry->name, ".jackdaw-", strlen(".jackdaw-")) == 0) s->is_jackdaws = true;
    if (!entry->is_dir || strcmp(entry->name, "lost+found") == 0) return;
    if (strcmp(entry->name, METADATA_FOLDER) == 0) {
        s->has_metadata = true;
        return;
    }
    if (!folder_name(entry->name, &f)) {
        strings_add(&s->others, entry->name);
        return;
    }
    s->folders = grow_memory(s->folders, (s->folder_count + 1) * sizeof *s->folders);
    s->folders[s->folder_count++] = f;
}

static int identify(struct source *s, struct fs *fs, struct source_folder *f,
                    char why[SOURCE_WHY_SIZE])
{
    char path[FS_PATH_MAX + META_NAME_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/%s/partition.metadata", s->path, f->name);
    int rc = fs_read_file(fs, path, SMALL_MAX_BYTES, &text, &size);
    if (rc == -ERR_ABSENT) return 0;
    if (rc != 0) return refuse(why, rc, "%s cannot be read: %s", path, err_text(rc));
    int version = -1;
    char id[64] = "";
    int got = sscanf((const char *)text, "version: %d topic_id: %63s", &version, id);
    free(text);
    if (got == 2 && version == 0 && uuid_from_text(id, &f->id)) return 0;
    return refuse(why, -ERR_UNSUPPORTED, "%s does not say a topic's id in version 0", path);
}

/* ---- What its checkpoints say ---- */

static struct source_mark *mark_of(struct source *s, const char *topic, int32_t number)
{
    char key[META_NAME_MAX + 16];
    struct source_mark *m = NULL;
    (void)snprintf(key, sizeof key, "%s %d", topic, number);
    HASH_FIND_STR(s->marks, key, m);
    if (m != NULL) return m;
    m = get_memory(sizeof *m);
    *m = (struct source_mark){
        .watermark = SOURCE_NONE, .log_start = SOURCE_NONE, .cleaned = SOURCE_NONE};
    memcpy(m->key, key, sizeof key);
    HASH_ADD_STR(s->marks, key, m);
    return m;
}

static int read_marks(struct source *s, struct fs *fs, const char *name, size_t field,
                      char why[SOURCE_WHY_SIZE])
{
    char path[FS_PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/%s", s->path, name);
    int rc = fs_read_file(fs, path, CHECKPOINT_MAX_BYTES, &text, &size);
    if (rc == -ERR_ABSENT) return 0;
    if (rc != 0) return refuse(why, rc, "%s cannot be read: %s", path, err_text(rc));
    if (size == 0) { /* Kafka makes the file when it starts, and writes to it later. */
        free(text);
        return 0;
    }

    int version = -1;
    int64_t count = -1, seen = 0;
    const char *line = (const char *)text;
    bool good = sscanf(line, "%d %" SCNd64, &version, &count) == 2 && version == 0;
    for (int skip = 0; skip < 2 && line != NULL; skip++) {
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    while (good && line != NULL && *line != '\0') {
        char topic[META_NAME_MAX + 1];
        int32_t number;
        int64_t offset;
        good = sscanf(line, "%249s %d %" SCNd64, topic, &number, &offset) == 3 && offset >= 0;
        if (good) memcpy((uint8_t *)mark_of(s, topic, number) + field, &offset, sizeof offset);
        seen++;
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    free(text);
    if (good && seen == count) return 0;
    return refuse(why, -ERR_CORRUPT, "%s does not parse as a checkpoint of version 0", path);
}

static const struct source_mark none = {
    .watermark = SOURCE_NONE, .log_start = SOURCE_NONE, .cleaned = SOURCE_NONE};

const struct source_mark *source_mark_of(const struct source *s, const char *topic, int32_t number)
{
    char key[META_NAME_MAX + 16];
    struct source_mark *m = NULL;
    (void)snprintf(key, sizeof key, "%s %d", topic, number);
    HASH_FIND_STR(s->marks, key, m);
    return m == NULL ? &none : m;
}

static int by_name(const void *a, const void *b)
{
    const struct source_folder *x = a, *y = b;
    return strcmp(x->name, y->name); /* No two are equal. */
}

const struct source_folder *source_folder_of(const struct source *s, const char *topic,
                                             int32_t number)
{
    struct source_folder key;
    (void)snprintf(key.name, sizeof key.name, "%s-%d", topic, number);
    if (s->folder_count == 0) return NULL;
    return bsearch(&key, s->folders, s->folder_count, sizeof key, by_name);
}

/* ---- All of it ---- */

int source_open(struct source *s, struct fs *fs, const char *path, char why[SOURCE_WHY_SIZE])
{
    char resolved[PATH_MAX];
    struct stat st;
    if (realpath(path, resolved) == NULL || stat(resolved, &st) != 0)
        return refuse(why, -ERR_ABSENT, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return refuse(why, -ERR_INVALID, "%s is not a folder", path);
    if (strlen(resolved) >= sizeof s->path)
        return refuse(why, -ERR_LIMIT, "%s: the path is too long", path);
    memcpy(s->path, resolved, strlen(resolved) + 1);

    int rc = read_properties(s, fs, why);
    if (rc == 0) rc = check_lock(s, why);
    if (rc != 0) return rc;
    rc = fs->ops->list(fs, s->path, see, s);
    if (rc != 0) return refuse(why, rc, "%s cannot be listed: %s", s->path, err_text(rc));
    if (s->is_jackdaws)
        return refuse(why, -ERR_INVALID, "%s is a folder of Jackdaw, and not of Kafka", s->path);
    if (s->folder_count > 0) qsort(s->folders, s->folder_count, sizeof *s->folders, by_name);
    for (uint32_t i = 0; rc == 0 && i < s->folder_count; i++)
        rc = identify(s, fs, &s->folders[i], why);

    static const struct {
        const char *name;
        size_t field;
    } files[] = {
        {"replication-offset-checkpoint", offsetof(struct source_mark, watermark)},
        {"log-start-offset-checkpoint", offsetof(struct source_mark, log_start)},
        {"cleaner-offset-checkpoint", offsetof(struct source_mark, cleaned)},
    };
    for (size_t i = 0; rc == 0 && i < sizeof files / sizeof files[0]; i++)
        rc = read_marks(s, fs, files[i].name, files[i].field, why);
    return rc;
}

void source_close(struct source *s)
{
    struct source_mark *m, *next;
    HASH_ITER(hh, s->marks, m, next)
    {
        HASH_DEL(s->marks, m);
        free(m);
    }
    strings_close(&s->others);
    free(s->folders);
    *s = (struct source){0};
}
