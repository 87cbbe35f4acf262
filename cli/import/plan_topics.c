/* Which topics and which replicas are taken. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import/plan.h"
#include "common/check.h"
#include "common/text.h"

/* ---- One replica ---- */

static void say_why(struct replica_plan *r, const char *why)
{
    (void)snprintf(r->why, sizeof r->why, "%s", why);
}

/* Where it lies: of several log.dirs of a broker one has it. */
static void find_folder(struct plan *p, const struct topic_plan *t, int32_t number,
                        struct replica_plan *r)
{
    const char *topic = t->kafka->name;
    for (uint32_t i = 0; i < p->source_count; i++) {
        struct source *s = &p->sources[i];
        if (!s->is_broker || s->node_id != r->broker) continue;
        const struct source_folder *f = source_folder_of(s, topic, number);
        if (f == NULL) continue;
        if (!uuid_is_zero(f->id) && !uuid_equal(f->id, t->kafka->id)) continue;
        if (r->folder != NULL) {
            plan_say(&p->refused, "%s-%d lies in %s and in %s: one of them is not its broker's",
                     topic, number, r->source->path, s->path);
            return;
        }
        r->source = s;
        r->folder = f;
        r->mark = source_mark_of(s, topic, number);
    }
}

/* Is it what Kafka said that it is? */
static bool is_sound(struct replica_plan *r)
{
    struct replica *look = &r->look;
    int64_t watermark = r->mark->watermark;
    if (look->is_broken || look->count == 0) {
        say_why(r, look->count == 0 ? "its folder has no segment" : look->why);
        return false;
    }
    if (look->end < watermark) {
        (void)snprintf(r->why, sizeof r->why,
                       "it ends at offset %" PRId64 ", below its watermark %" PRId64
                       ": records are missing%s%.380s",
                       look->end, watermark, look->why[0] == 0 ? "" : ": ", look->why);
        return false;
    }
    if (look->is_torn) say_why(r, look->why);
    return true;
}

static void look_at_replica(struct plan *p, const struct topic_plan *t, struct replica_plan *r)
{
    if (r->folder == NULL) {
        say_why(r, "it has no folder for it");
        return;
    }
    char folder[FS_PATH_MAX];
    int size = snprintf(folder, sizeof folder, "%s/%s", r->source->path, r->folder->name);
    if (size >= (int)sizeof folder) {
        plan_say(&p->refused, "%s: the path is too long", folder);
        return;
    }
    int rc = replica_look(&r->look, p->fs, folder, r->mark->log_start);
    if (rc != 0) {
        plan_say(&p->refused, "%s", r->look.why);
        return;
    }
    if (p->progress != NULL) p->progress(p->progress_arg, folder, r->look.bytes);
    r->is_taken = is_sound(r);
    if (!t->is_compacted && r->is_taken && r->look.holes > 0)
        plan_say(&p->notes,
                 "%s: offsets are missing in %" PRId64 " places; only compaction leaves such",
                 folder, r->look.holes);
}

/* ---- One partition ---- */

static bool is_in_sync(const struct kafka_partition *k, int32_t broker)
{
    if (k->isr.count > 0 || k->elr.count > 0)
        return id_set_has(&k->isr, broker) || id_set_has(&k->elr, broker);
    return k->last_known_elr.count == 0 || id_set_has(&k->last_known_elr, broker);
}

static bool is_lost(const struct plan *p, int32_t broker)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", broker);
    return strings_have(&p->options->lost, text);
}

/* Why nobody who should have everything is sound. */
static const char *first_fault(const struct partition_plan *x)
{
    for (uint32_t i = 0; i < x->replica_count; i++) {
        const struct replica_plan *r = &x->replicas[i];
        if (r->is_in_sync && r->folder != NULL && r->why[0] != 0) return r->why;
    }
    return "none of them has a folder for it";
}

/* Nobody who was in sync can lead. */
static void despair(struct plan *p, struct topic_plan *t, struct partition_plan *x)
{
    int32_t number = x->kafka->number;
    bool any_lost = false, any_folder = false;
    for (uint32_t i = 0; i < x->replica_count; i++) {
        const struct replica_plan *r = &x->replicas[i];
        any_lost = any_lost || (r->is_in_sync && is_lost(p, r->broker));
        any_folder = any_folder || r->folder != NULL;
        if (r->is_taken || r->folder == NULL) (void)id_set_add(&x->hopes, r->broker);
    }
    if (!any_folder) {
        /* Made a moment before the end: Kafka makes the folder later. */
        plan_say(&p->notes, "%s-%d: no broker has a folder for it: it begins empty", t->kafka->name,
                 number);
        return;
    }
    if (any_lost) {
        plan_say(&p->notes, "%s-%d: who was in sync is lost: it may lack records", t->kafka->name,
                 number);
        return;
    }
    t->is_refused = true;
    plan_say(&p->refused,
             "%s-%d: no in-sync replica can be taken: %s; leave the topic out with "
             "--without %s",
             t->kafka->name, number, first_fault(x), t->kafka->name);
}

static void refuse_transactions(struct plan *p, struct topic_plan *t, const struct replica_plan *r)
{
    const struct replica *look = &r->look;
    if (t->is_refused || (look->aborted == 0 && look->open_count == 0)) return;
    t->is_refused = true;
    plan_say(&p->refused,
             "topic %s has transactions, %" PRId64 " of them aborted and %" PRId64
             " without an end: there are none here yet, and readers would see their records; leave "
             "it out with --without %s",
             t->kafka->name, look->aborted, look->open_count, t->kafka->name);
}

static void plan_partition(struct plan *p, struct topic_plan *t, struct partition_plan *x)
{
    x->watermark = SOURCE_NONE;
    for (uint32_t i = 0; i < x->kafka->replicas.count; i++) {
        struct replica_plan *r = &x->replicas[x->replica_count++];
        *r = (struct replica_plan){.broker = x->kafka->replicas.ids[i]};
        r->is_in_sync = is_in_sync(x->kafka, r->broker);
        find_folder(p, t, x->kafka->number, r);
        look_at_replica(p, t, r);
        if (r->mark != NULL && r->mark->watermark > x->watermark) x->watermark = r->mark->watermark;
        if (!r->is_taken) continue;
        p->bytes += r->look.bytes;
        refuse_transactions(p, t, r);
        if (r->is_in_sync) (void)id_set_add(&x->hopes, r->broker);
    }
    if (x->hopes.count == 0) despair(p, t, x);
}

/* ---- One topic ---- */

static const char *why_left_out(const struct plan *p, const struct kafka_topic *t)
{
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
        {"__transaction_state", "there are no transactions here yet"},
        {"__share_group_state", "there are no share groups here yet"},
        {"__remote_log_metadata", "there is no tiered storage here yet"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(t->name, rows[i].name) == 0) return rows[i].why;
    }
    return strings_have(&p->options->without, t->name) ? "by --without" : NULL;
}

static bool is_tiered(const struct plan *p, const struct kafka_topic *t)
{
    const char *value = kafka_config_find(&p->metadata, 2, t->name, "remote.storage.enable");
    return value != NULL && strcmp(value, "true") == 0;
}

static void plan_topic(struct plan *p, struct topic_plan *t)
{
    const char *name = t->kafka->name;
    const char *policy = kafka_config_find(&p->metadata, 2, name, "cleanup.policy");
    t->is_compacted = policy != NULL && strstr(policy, "compact") != NULL;
    t->left_out = why_left_out(p, t->kafka);
    if (t->left_out != NULL) {
        plan_say(&p->left_out, "topic %s: %s", name, t->left_out);
        return;
    }
    if (is_tiered(p, t->kafka)) {
        t->is_refused = true;
        plan_say(&p->refused,
                 "topic %s has remote.storage.enable=true, and its older records lie "
                 "elsewhere; leave it out with --without %s",
                 name, name);
        return;
    }
    uint32_t count = HASH_COUNT(t->kafka->partitions);
    t->partitions = get_memory((count + 1) * sizeof *t->partitions);
    for (uint32_t i = 0; i < count; i++) {
        struct partition_plan *x = &t->partitions[t->partition_count++];
        x->kafka = kafka_partition_find(t->kafka, (int32_t)i);
        if (x->kafka == NULL) {
            t->partition_count--;
            plan_say(&p->refused, "topic %s has %u partitions, and none of them is %u", name, count,
                     i);
            return;
        }
        plan_partition(p, t, x);
    }
    if (strcmp(name, "__consumer_offsets") == 0) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct partition_plan *x = &t->partitions[i];
            if (x->replica_count == 0 || x->replicas[0].look.packed == 0) continue;
            plan_say(&p->notes, "%s-%u has compressed batches: their offsets are not read here",
                     name, i);
        }
    }
}

/* ---- What no topic claims ---- */

static bool is_claimed(const struct plan *p, const struct source *s, const struct source_folder *f)
{
    for (uint32_t i = 0; i < p->topic_count; i++) {
        const struct topic_plan *t = &p->topics[i];
        if (strcmp(t->kafka->name, f->topic) != 0) continue;
        if (t->left_out != NULL || t->is_refused) return true;
        if ((uint32_t)f->number >= t->partition_count) return false;
        const struct partition_plan *x = &t->partitions[f->number];
        for (uint32_t k = 0; k < x->replica_count; k++) {
            if (x->replicas[k].source == s && x->replicas[k].folder == f) return true;
        }
    }
    return false;
}

static void name_strangers(struct plan *p)
{
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (!s->is_broker) continue;
        for (uint32_t k = 0; k < s->folder_count; k++) {
            const struct source_folder *f = &s->folders[k];
            if (is_claimed(p, s, f)) continue;
            plan_say(&p->left_out,
                     "%s/%s: by the metadata no replica of broker %d, or of a topic "
                     "that is deleted",
                     s->path, f->name, s->node_id);
        }
        for (size_t k = 0; k < s->others.count; k++)
            plan_say(&p->left_out, "%s/%s: no living replica's", s->path, s->others.at[k]);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct topic_plan *x = a, *y = b;
    return strcmp(x->kafka->name, y->kafka->name); /* No two are equal. */
}

void plan_topics(struct plan *p)
{
    uint32_t count = HASH_CNT(by_id, p->metadata.by_id);
    p->topics = get_memory((count + 1) * sizeof *p->topics);
    for (struct kafka_topic *t = p->metadata.by_id; t != NULL; t = t->by_id.next)
        p->topics[p->topic_count++] = (struct topic_plan){.kafka = t};
    CHECK(p->topic_count == count);
    if (count > 0) qsort(p->topics, count, sizeof *p->topics, by_name);
    for (uint32_t i = 0; i < count; i++) plan_topic(p, &p->topics[i]);
    for (size_t i = 0; i < p->options->without.count; i++) {
        const char *name = p->options->without.at[i];
        if (kafka_topic_by_name(&p->metadata, name) == NULL)
            plan_say(&p->refused, "--without %s: there is no such topic", name);
    }
    name_strangers(p);
}
