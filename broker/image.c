#include "broker/image.h"

#include <stdio.h>
#include <string.h>

#include "broker/checkpoint.h"
#include "broker/graves.h"
#include "broker/groups/coordinator.h"
#include "broker/partition/partition.h"
#include "broker/preferences.h"
#include "common/check.h"
#include "proto/kafka_batch.h"

#define STRANGERS_NAMED 5u

static void halt(struct shard *s, const char *what, int rc)
{
    char why[256];
    (void)snprintf(
        why, sizeof why,
        "%s of the metadata at index %llu cannot be read: %s. Is this program older than "
        "the controllers?",
        what, (unsigned long long)s->image.index + 1, err_text(rc));
    s->is_halted = true;
    env_halt(s->env, why);
}

/* Raft never takes back what was committed; an operator may (controller/recover.h). */
static void halt_recovered(struct shard *s, const struct meta_image *image)
{
    char why[256];
    (void)snprintf(why, sizeof why,
                   "the controllers' quorum was recovered at decision %llu of term %llu, and this "
                   "broker knows later ones, up to %llu: start it again, and it takes the metadata "
                   "as they are now",
                   (unsigned long long)image->index, (unsigned long long)image->term,
                   (unsigned long long)s->image.index);
    s->is_halted = true;
    env_halt(s->env, why);
}

bool image_is_folder_taken(const struct shard *s, const char *topic, int32_t number,
                           const struct partition *by)
{
    if (s->host.leaving_count == 0) return false;

    /* In the order in which they came: one that is to be deleted as well waits for those before. */
    const struct partition *p;
    for (p = s->partitions; p != NULL && p != by; p = p->hh.next) {
        if (!p->delete_is_due || p->state == PARTITION_FAILED) continue;
        if (p->key.partition == number && strcmp(p->topic, topic) == 0) return true;
    }
    return false;
}

/* Of those that have room, if any has. */
static uint32_t fewest_replicas(const struct shard *s)
{
    uint32_t best = DIR_NONE;
    uint64_t fewest = UINT64_MAX;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        const struct host_dir *d = &s->host.dirs[i];
        uint64_t replicas = count_get(&s->host.log_dirs->dirs[i].replicas);
        if (d->is_short) replicas += UINT32_MAX;
        if (d->is_dead || replicas >= fewest) continue;
        fewest = replicas;
        best = i;
    }
    return best;
}

/* Where a replica lies, or is to lie: where it was when the broker began; else, as in Kafka, where
 * an operator wants it, or where the fewest are. DIR_NONE: it may be on a disk that is dead. */
static uint32_t choose_dir(struct shard *s, const struct meta_topic *t, int32_t number,
                           const char **why)
{
    struct log_dirs *dirs = s->host.log_dirs;
    struct dir_entry *entry = log_dirs_find(dirs, t->name, number);
    *why = "it may lie on a disk that is out of service";
    uint32_t grave = graves_find(s, t->id, t->name, number);
    if (grave != DIR_NONE && s->host.dirs[grave].is_dead) return DIR_NONE;
    if (grave != DIR_NONE) {
        (void)count_add(&dirs->dirs[grave].replicas, 1);
        return grave;
    }
    if (entry != NULL && entry->dir != DIR_NONE && !entry->is_taken) {
        entry->is_taken = true;
        *why = "two of log.dirs hold a replica of it, and nothing tells which is the right one";
        return entry->twin == DIR_NONE ? entry->dir : DIR_NONE;
    }
    for (uint32_t i = 0; i < dirs->count; i++) {
        bool is_old = s->is_becoming_current || s->is_restoring;
        if (is_old && s->host.dirs[i].is_dead) return DIR_NONE;
    }
    uint32_t dir = preferences_take(s, t->id, number);
    if (dir == DIR_NONE || s->host.dirs[dir].is_dead) dir = fewest_replicas(s);
    *why = "no disk is left";
    if (dir != DIR_NONE) (void)count_add(&dirs->dirs[dir].replicas, 1);
    return dir;
}

static struct partition *open_partition(struct shard *s, const struct meta_topic *topic,
                                        int32_t number)
{
    bool waits = image_is_folder_taken(s, topic->name, number, NULL);
    const char *why;
    uint32_t dir = choose_dir(s, topic, number, &why);
    struct partition *p =
        partition_open(&s->host, topic->id, topic->name, number, dir,
                       checkpoint_of(s, dir, topic->id, topic->name, number), waits);
    HASH_ADD(hh, s->partitions, key, sizeof p->key, p);
    s->partition_count++;
    if (dir == DIR_NONE) partition_fail(p, why);
    return p;
}

static void let_go(struct shard *s, struct partition *p)
{
    if (!p->delete_is_due && meta_retired_find(&s->image, p->key.topic_id) != NULL)
        checkpoint_keep(s, p);
    partition_delete(p);
}

/* The metadata say something of a partition: is a replica of it to be here? */
static void sync_partition(struct shard *s, const struct meta_topic *topic, int32_t number)
{
    if (shard_of_partition(s->options, topic->name, number) != s->number) return;

    const struct meta_partition *state = &topic->partitions[number];
    struct partition *p = shard_partition(s, topic->id, number);
    bool is_here = id_set_has(&state->replicas, s->options->id);
    if (is_here && p == NULL) {
        (void)open_partition(s, topic, number);
    } else if (is_here) {
        partition_assign(p);
    } else if (p != NULL) {
        let_go(s, p);
    }
}

void image_on_left(struct shard *s, struct uuid topic_id, int32_t number)
{
    const struct meta_topic *topic = meta_topic_by_id(&s->image, topic_id);
    if (topic != NULL && s->is_current) sync_partition(s, topic, number);
}

static void sync_topic(struct shard *s, const struct meta_topic *topic)
{
    for (uint32_t i = 0; i < topic->partition_count; i++) sync_partition(s, topic, (int32_t)i);
}

static void sync_all(struct shard *s)
{
    /* What is gone first: another one of its name may be there. */
    struct partition *p, *after;
    HASH_ITER(hh, s->partitions, p, after)
    {
        if (meta_topic_by_id(&s->image, p->key.topic_id) == NULL) let_go(s, p);
    }
    struct meta_topic *topic, *next;
    HASH_ITER(by_id, s->image.topics_by_id, topic, next) sync_topic(s, topic);
}

/* DESIGN 6.15: what nobody knows is named, and left alone. */
static void name_strangers(const struct shard *s)
{
    uint32_t count = 0;
    const struct dir_entry *e;
    for (e = s->host.log_dirs->entries; e != NULL; e = e->hh.next) {
        char topic[META_NAME_MAX + 1];
        int32_t number;
        if (!dir_name_parse(e->name, topic, &number)) continue;
        if (shard_of_partition(s->options, topic, number) != s->number) continue;
        if (e->is_taken) continue; /* By us: only its owner writes that. */
        if (count++ >= STRANGERS_NAMED) continue;
        uint32_t dir = e->dir == DIR_NONE ? e->future : e->dir;
        log_warn(s->env, "log.dirs %s: %s is no replica of this broker's: it is left alone",
                 s->host.log_dirs->dirs[dir].path, e->dir == DIR_NONE ? e->future_name : e->name);
    }
    if (count > STRANGERS_NAMED)
        log_warn(s->env, "and %u more folders that are no replicas of this broker's",
                 count - STRANGERS_NAMED);
}

/* After a start the metadata come from their beginning, with topics that were deleted since. Acting
 * on those would take the folders of their namesakes away: partitions follow the image from the
 * decision on by which this broker was registered. True: this was the moment, and all is done. */
static bool become_current(struct shard *s)
{
    if (s->is_current || s->image.index < s->registered_index) return false;

    s->is_current = true;
    groups_on_topics_changed(&s->groups);
    s->is_becoming_current = true;
    graves_sweep(s);
    sync_all(s);
    s->is_becoming_current = false;
    name_strangers(s);
    return true;
}

static void note_self(struct shard *s)
{
    const struct meta_broker *self = meta_broker_find(&s->image, s->options->id);
    if (self == NULL || self->epoch != s->broker_epoch) return;
    s->is_fenced = self->fenced;
}

static void let_go_of(struct shard *s, struct uuid topic_id)
{
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (uuid_equal(p->key.topic_id, topic_id)) let_go(s, p);
    }
}

/* Before a batch is applied: after it nobody knows what was there. */
static void before_records(struct shard *s, const struct meta_batch *batch)
{
    for (uint32_t i = 0; s->is_current && i < batch->count; i++) {
        if (batch->records[i].kind != META_TOPIC_DELETED) continue;
        struct uuid id = batch->records[i].topic_deleted.id;
        const struct meta_retired *x = meta_retired_find(&s->image, id);
        if (x != NULL) graves_remove(s, id, x->topic->name, 0, x->topic->partition_count);
    }
}

/* After a batch has been applied: what of it concerns the partitions here. */
static void on_record(struct shard *s, const struct meta_record *record)
{
    const struct meta_topic *topic = NULL;
    switch (record->kind) {
    case META_PARTITION:
        topic = meta_topic_by_id(&s->image, record->partition.topic_id);
        if (topic != NULL) sync_partition(s, topic, record->partition.partition);
        return;
    case META_CONFIG:
        if (record->config.type == 4) {
            sync_all(s); /* A default of the cluster: it may concern every topic. */
            return;
        }
        topic = meta_topic_by_name(&s->image, record->config.name);
        if (topic != NULL) sync_topic(s, topic);
        return;
    case META_TOPIC_DELETED:
        groups_on_topic_deleted(&s->groups, record->topic_deleted.id);
        let_go_of(s, record->topic_deleted.id);
        return;
    case META_TOPIC_RETIRED: let_go_of(s, record->topic_retired.id); return;
    case META_TOPIC_RESTORED:
        topic = meta_topic_by_id(&s->image, record->topic_restored.id);
        s->is_restoring = true;
        if (topic != NULL) sync_topic(s, topic);
        s->is_restoring = false;
        return;
    case META_NOOP:
    case META_CLUSTER:
    case META_FEATURE:
    case META_BROKER:
    case META_BROKER_STATE:
    case META_BROKER_REMOVED:
    case META_TOPIC: groups_on_topics_changed(&s->groups); return;
    case META_PRODUCER_IDS:
    case META_VOTERS: return;
    }
    UNREACHABLE();
}

static bool apply_one(struct shard *s, struct slice bytes, const struct record_batch_header *h)
{
    struct record_cursor cursor = kafka_batch_records(bytes);
    struct record record;
    struct meta_batch batch;
    s->scratch.used = 0;
    if (!kafka_record_next(&cursor, &record)) {
        halt(s, "a decision", -ERR_CORRUPT);
        return false;
    }
    int rc = meta_batch_decode(record.value, &s->scratch, &batch);
    if (rc != 0) {
        halt(s, "a decision", rc);
        return false;
    }
    bool leaves_out = (s->options->broker_canary & BROKER_CANARY_FOLD_DIFFERENTLY) != 0;
    if (leaves_out && batch.count > 1 && batch.records[batch.count - 1].kind == META_PARTITION)
        batch.count--;
    before_records(s, &batch);
    meta_apply(&s->image, (uint64_t)h->base_offset, (uint64_t)h->partition_leader_epoch, &batch);
    if (become_current(s) || !s->is_current) return true;
    for (uint32_t i = 0; i < batch.count; i++) on_record(s, &batch.records[i]);
    return true;
}

static void note_term(struct shard *s, uint64_t before)
{
    if (s->image.term == before) return;

    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next) partition_on_term(p, s->image.term);
}

/* The link finds controllers that joined after this broker was configured. */
static void name_voters(const struct shard *s, struct post_voters *out)
{
    if (s->number != 1) return;
    for (uint32_t i = 0; i < s->image.voter_count; i++) {
        const struct meta_image_voter *from = &s->image.voters[i];
        struct node_voter *to = &out->items[out->count++];
        to->id = from->id;
        to->port = from->port;
        (void)snprintf(to->host, sizeof to->host, "%s", from->host);
    }
}

void image_on_records(struct shard *s, struct post_records *post)
{
    uint64_t term = s->image.term;
    struct slice rest = buf_slice(post->batches);
    struct slice bytes;
    struct record_batch_header h;
    while (kafka_batch_next(&rest, &bytes, &h)) {
        if ((uint64_t)h.base_offset <= s->image.index) continue;
        CHECK((uint64_t)h.base_offset == s->image.index + 1);
        if (!apply_one(s, bytes, &h)) return;
    }
    note_term(s, term);
    note_self(s);
    name_voters(s, &post->voters);
    s->image_changes++;
}

void image_on_snapshot(struct shard *s, struct post_snapshot *post)
{
    struct meta_image image = {0};
    int rc = meta_snapshot_read(buf_slice(post->image), &image);
    if (rc != 0) {
        halt(s, "a snapshot", rc);
        return;
    }
    if (image.index < s->image.index) {
        if (image.term > s->image.term) halt_recovered(s, &image);
        /* Else it is older than what we have: a leader that is behind for a moment. */
        meta_image_close(&image);
        return;
    }
    uint64_t term = s->image.term;
    meta_image_close(&s->image);
    s->image = image;
    if (!become_current(s) && s->is_current) {
        graves_sweep(s);
        sync_all(s);
    }
    note_term(s, term);
    note_self(s);
    name_voters(s, &post->voters);
    s->image_changes++;
}
