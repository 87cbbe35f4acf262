#include "cli/import/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/fs_real.h"
#include "common/text.h"

void plan_say(struct strings *to, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    CHECK(size >= 0);
    strings_add(to, text);
    free(text);
}

/* ---- The folders ---- */

/* Does `path` lie in `folder`, or is it the same? */
static bool lies_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static void check_pair(struct plan *p, const struct source *a, const struct source *b)
{
    if (strcmp(a->cluster_id, b->cluster_id) != 0)
        plan_say(&p->refused, "%s belongs to cluster %s, and %s to cluster %s: one at a time",
                 a->path, a->cluster_id, b->path, b->cluster_id);
    if (strcmp(a->path, b->path) == 0) {
        plan_say(&p->refused, "%s is given twice", a->path);
    } else if (!uuid_is_zero(a->id) && uuid_equal(a->id, b->id)) {
        plan_say(&p->refused, "%s and %s have the same directory.id: one is a copy of the other",
                 a->path, b->path);
    }
}

static void open_sources(struct plan *p)
{
    const struct strings *dirs = &p->options->dirs;
    p->sources = get_memory((dirs->count + 1) * sizeof *p->sources);
    for (size_t i = 0; i < dirs->count; i++) {
        char why[SOURCE_WHY_SIZE] = "";
        struct source *s = &p->sources[p->source_count];
        *s = (struct source){0};
        int rc = source_open(s, p->fs, dirs->at[i], why);
        if (rc != 0) {
            plan_say(&p->refused, "%s", why);
            source_close(s);
            continue;
        }
        /* A Kafka that was stopped leaves its mark where it has partitions only. */
        for (uint32_t k = 0; k < p->source_count; k++) check_pair(p, &p->sources[k], s);
        if (lies_in(p->options->to, s->path))
            plan_say(&p->refused, "%s lies in %s: nothing is written there", p->options->to,
                     s->path);
        p->source_count++;
    }
}

/* Of all copies of the metadata log the one that reaches furthest: it has what was decided last. */
static void read_metadata(struct plan *p)
{
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (!s->has_metadata) continue;
        char folder[FS_PATH_MAX];
        (void)snprintf(folder, sizeof folder, "%s/%s", s->path, METADATA_FOLDER);
        struct kafka_metadata m = {0};
        struct metadata_reach reach;
        if (p->progress != NULL) p->progress(p->progress_arg, folder, 0);
        int rc = metadata_read(p->fs, folder, &m, &reach);
        if (rc != 0) plan_say(&p->refused, "%s", m.why);
        bool is_better = p->metadata_source == NULL || metadata_reaches_further(&reach, &p->reach);
        if (rc != 0 || !is_better) {
            kafka_metadata_close(&m);
            continue;
        }
        kafka_metadata_close(&p->metadata);
        p->metadata = m;
        p->reach = reach;
        p->metadata_source = s;
    }
    if (p->metadata_source == NULL && p->refused.count == 0)
        plan_say(&p->refused, "none of the folders has " METADATA_FOLDER
                              ": give a controller's metadata.log.dir, or its log.dirs");
}

/* ---- Brokers ---- */

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int32_t *plan_brokers(const struct plan *p, uint32_t *count)
{
    *count = HASH_COUNT(p->metadata.brokers);
    int32_t *ids = get_memory((*count + 1) * sizeof *ids);
    uint32_t at = 0;
    for (const struct kafka_broker *b = p->metadata.brokers; b != NULL; b = b->hh.next)
        ids[at++] = b->id;
    if (*count > 0) qsort(ids, *count, sizeof *ids, by_id);
    return ids;
}

static bool is_lost(const struct plan *p, int32_t id)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", id);
    return strings_have(&p->options->lost, text);
}

static bool has_dir(const struct plan *p, int32_t broker, struct uuid id)
{
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (s->node_id == broker && uuid_equal(s->id, id)) return true;
    }
    return false;
}

static void name_missing_dirs(struct plan *p, const struct kafka_broker *b)
{
    for (uint32_t i = 0; i < b->dir_count; i++) {
        char id[UUID_TEXT_SIZE];
        if (has_dir(p, b->id, b->dirs[i])) continue;
        uuid_to_text(b->dirs[i], id);
        plan_say(&p->refused,
                 "broker %d registered with the directory.id %s, which is not given: give it, or "
                 "say --lost %d",
                 b->id, id, b->id);
    }
}

/* Kafka can keep the metadata in a folder of their own, which is none of log.dirs. */
static bool is_for_metadata_only(const struct source *s, const struct kafka_broker *b)
{
    if (!s->has_metadata || s->folder_count > 0 || b->dir_count == 0) return false;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        if (uuid_equal(b->dirs[i], s->id)) return false;
    }
    return true;
}

static void check_broker(struct plan *p, const struct kafka_broker *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->source_count; i++) {
        struct source *s = &p->sources[i];
        if (s->node_id != b->id || is_for_metadata_only(s, b)) continue;
        s->is_broker = true;
        count++;
        char suffix[16] = "";
        if (count > 1) (void)snprintf(suffix, sizeof suffix, "-%u", count);
        int size =
            snprintf(s->to, sizeof s->to, "%s/broker-%d/data%s", p->options->to, b->id, suffix);
        if (size >= (int)sizeof s->to) plan_say(&p->refused, "%s: too long a path", s->to);
        if (!s->was_stopped)
            plan_say(&p->notes, "broker %d, %s: Kafka was not stopped in order", b->id, s->path);
    }
    if (is_lost(p, b->id)) {
        plan_say(&p->left_out, "broker %d: what is not given of it is lost, by --lost", b->id);
    } else if (count == 0) {
        plan_say(&p->refused,
                 "none of the log.dirs of broker %d is given: give them, or say --lost %d", b->id,
                 b->id);
    } else {
        name_missing_dirs(p, b);
    }
}

static void check_brokers(struct plan *p)
{
    for (const struct kafka_broker *b = p->metadata.brokers; b != NULL; b = b->hh.next)
        check_broker(p, b);
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (s->is_broker || s->has_metadata) continue;
        plan_say(&p->refused,
                 "%s belongs to node %d, which is no broker of this cluster, and has no metadata",
                 s->path, s->node_id);
    }
    for (size_t i = 0; i < p->options->lost.count; i++) {
        int64_t id = -1;
        const char *text = p->options->lost.at[i];
        bool is_known = number_of(text, 0, INT32_MAX, &id) &&
                        kafka_broker_find(&p->metadata, (int32_t)id) != NULL;
        if (!is_known) plan_say(&p->refused, "--lost %s: no broker has that id", text);
    }
}

static void name_left_out(struct plan *p)
{
    static const struct {
        uint32_t kind;
        const char *what;
    } kinds[] = {
        {KRAFT_ACL, "access control lists: there is no authorizer here yet"},
        {KRAFT_SCRAM, "SCRAM credentials: there is no SASL here yet"},
        {KRAFT_DELEGATION_TOKEN, "delegation tokens: there are none here yet"},
        {KRAFT_CLIENT_QUOTA, "changes of client quotas: there are none here yet"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t count = p->metadata.left_out[kinds[i].kind];
        if (count > 0) plan_say(&p->left_out, "%lld %s", (long long)count, kinds[i].what);
    }
}

/* ---- All of it ---- */

void plan_make(struct plan *p, const struct import_options *options)
{
    p->fs = fs_real();
    p->options = options;
    open_sources(p);
    if (p->refused.count > 0) return;
    read_metadata(p);
    if (p->refused.count > 0) return;
    if (p->reach.is_torn)
        plan_say(&p->notes, "the metadata log of %s has a torn end, which is not counted",
                 p->metadata_source->path);
    check_brokers(p);
    name_left_out(p);
    if (p->refused.count > 0) return;
    plan_topics(p);
    plan_settings(p);
}

static void close_topic(struct topic_plan *t)
{
    for (uint32_t i = 0; i < t->partition_count; i++) {
        for (uint32_t k = 0; k < t->partitions[i].replica_count; k++)
            replica_close(&t->partitions[i].replicas[k].look);
    }
    free(t->partitions);
}

void plan_close(struct plan *p)
{
    for (uint32_t i = 0; i < p->topic_count; i++) close_topic(&p->topics[i]);
    free(p->topics);
    for (uint32_t i = 0; i < p->setting_count; i++) free(p->settings[i].value);
    free(p->settings);
    for (uint32_t i = 0; i < p->source_count; i++) source_close(&p->sources[i]);
    free(p->sources);
    kafka_metadata_close(&p->metadata);
    strings_close(&p->refused);
    strings_close(&p->left_out);
    strings_close(&p->notes);
    *p = (struct plan){0};
}
