/* The image: what is in it, how to find it, and how records change it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/meta.h"
#include "proto/meta_internal.h"

/* ---- Sets of broker ids. ---- */

bool id_set_has(const struct id_set *s, int32_t id)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->ids[i] == id) return true;
    }
    return false;
}

bool id_set_add(struct id_set *s, int32_t id)
{
    CHECK(s->count <= META_REPLICAS_MAX);

    if (s->count == META_REPLICAS_MAX || id_set_has(s, id)) return false;
    s->ids[s->count++] = id;
    return true;
}

bool id_set_remove(struct id_set *s, int32_t id)
{
    CHECK(s->count <= META_REPLICAS_MAX);

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->ids[i] != id) continue;
        s->count--;
        memmove(&s->ids[i], &s->ids[i + 1], (s->count - i) * sizeof s->ids[0]);
        s->ids[s->count] = 0;
        return true;
    }
    return false;
}

bool id_set_within(const struct id_set *part, const struct id_set *whole)
{
    for (uint32_t i = 0; i < part->count; i++) {
        if (!id_set_has(whole, part->ids[i])) return false;
    }
    return true;
}

bool id_set_equal(const struct id_set *a, const struct id_set *b)
{
    return a->count == b->count && id_set_within(a, b);
}

/* ---- Finding. ---- */

struct meta_broker *meta_broker_find(const struct meta_image *image, int32_t id)
{
    struct meta_broker *broker = NULL;
    HASH_FIND(hh, image->brokers, &id, sizeof id, broker);
    return broker;
}

struct meta_topic *meta_topic_by_name(const struct meta_image *image, struct slice name)
{
    if (name.size == 0 || name.size > META_NAME_MAX) return NULL;

    struct meta_topic *topic = NULL;
    HASH_FIND(by_name, image->topics_by_name, name.at, name.size, topic);
    return topic;
}

struct meta_retired *meta_retired_find(const struct meta_image *image, struct uuid topic_id)
{
    struct meta_retired *retired = NULL;
    HASH_FIND(hh, image->retired, &topic_id, sizeof topic_id, retired);
    return retired;
}

int32_t meta_feature_level(const struct meta_image *image, const char *name)
{
    struct meta_feature *feature = NULL;
    HASH_FIND_STR(image->features, name, feature);
    return feature == NULL ? 0 : feature->level;
}

struct meta_topic *meta_topic_by_id(const struct meta_image *image, struct uuid id)
{
    struct meta_topic *topic = NULL;
    HASH_FIND(by_id, image->topics_by_id, &id, sizeof id, topic);
    return topic;
}

struct meta_partition *meta_partition_find(const struct meta_image *image, struct uuid topic_id,
                                           int32_t partition)
{
    struct meta_topic *topic = meta_topic_by_id(image, topic_id);
    if (topic == NULL || partition < 0) return NULL;
    return (uint32_t)partition < topic->partition_count ? &topic->partitions[partition] : NULL;
}

#define CONFIG_ID_MAX (4 + 1 + META_NAME_MAX + 1 + META_KEY_MAX)

static struct meta_config *find_config(const struct meta_image *image, int8_t type,
                                       struct slice name, struct slice key)
{
    if (name.size > META_NAME_MAX || key.size > META_KEY_MAX) return NULL;

    char id[CONFIG_ID_MAX + 1];
    int size = snprintf(id, sizeof id, "%d/%.*s/%.*s", type, (int)name.size, (const char *)name.at,
                        (int)key.size, (const char *)key.at);
    CHECK(size > 0);
    CHECK((size_t)size < sizeof id);

    struct meta_config *config = NULL;
    HASH_FIND(hh, image->configs, id, (size_t)size, config);
    return config;
}

const char *meta_config_find(const struct meta_image *image, int8_t type, const char *name,
                             const char *key)
{
    const struct meta_config *config =
        find_config(image, type, slice_of_text(name), slice_of_text(key));
    return config == NULL ? NULL : config->value;
}

const struct meta_image_listener *meta_listener_find(const struct meta_broker *broker,
                                                     const char *name)
{
    for (uint32_t i = 0; i < broker->listener_count; i++) {
        if (strcmp(broker->listeners[i].name, name) == 0) return &broker->listeners[i];
    }
    return NULL;
}

/* ---- Folding. One function per kind; each may assume that the record fits. ---- */

static void *take_zeroed(size_t size)
{
    void *at = calloc(1, size);
    CHECK(at != NULL); /* The image is as large as the cluster; out of memory is the end. */
    return at;
}

/* Copies text into an array, which must have room for it and for the NUL. */
#define KEEP(to, from) keep((to), sizeof(to), (from))

static void keep(char *to, size_t room, struct slice from)
{
    CHECK(from.size < room);

    if (from.size > 0) memcpy(to, from.at, from.size);
    memset(to + from.size, 0, room - from.size);
}

static char *keep_new(struct slice from)
{
    char *to = take_zeroed(from.size + 1);
    if (from.size > 0) memcpy(to, from.at, from.size);
    return to;
}

static void fold_feature(struct meta_image *image, const struct meta_record *r)
{
    struct meta_feature *feature = NULL;
    HASH_FIND(hh, image->features, r->feature.name.at, r->feature.name.size, feature);
    if (feature == NULL) {
        feature = take_zeroed(sizeof *feature);
        KEEP(feature->name, r->feature.name);
        HASH_ADD_KEYPTR(hh, image->features, feature->name, r->feature.name.size, feature);
    }
    feature->level = r->feature.level;
}

static void fold_broker(struct meta_image *image, const struct meta_record *r)
{
    struct meta_broker *broker = meta_broker_find(image, r->broker.id);
    if (broker == NULL) {
        broker = take_zeroed(sizeof *broker);
        broker->id = r->broker.id;
        HASH_ADD(hh, image->brokers, id, sizeof broker->id, broker);
    }
    CHECK(broker->isr_count == 0);
    CHECK(broker->leader_count == 0);

    broker->epoch = r->broker.epoch;
    broker->incarnation = r->broker.incarnation;
    broker->secret = r->broker.secret;
    broker->fenced = true;
    broker->stopping = false;
    broker->shard_count = r->broker.shard_count;
    KEEP(broker->rack, r->broker.rack);
    KEEP(broker->replication_listener, r->broker.replication_listener);
    KEEP(broker->version, r->broker.version);

    memset(broker->listeners, 0, sizeof broker->listeners);
    broker->listener_count = r->broker.listener_count;
    for (uint32_t i = 0; i < r->broker.listener_count; i++) {
        const struct meta_listener *from = &r->broker.listeners[i];
        struct meta_image_listener *to = &broker->listeners[i];
        KEEP(to->name, from->name);
        KEEP(to->host, from->host);
        to->port = from->port;
        KEEP(to->protocol, from->protocol);
    }
}

static void fold_broker_removed(struct meta_image *image, const struct meta_record *r)
{
    struct meta_broker *broker = meta_broker_find(image, r->broker_removed.id);
    HASH_DELETE(hh, image->brokers, broker);
    free(broker);
}

static void fold_topic(struct meta_image *image, uint64_t index, const struct meta_record *r)
{
    struct meta_topic *topic = take_zeroed(sizeof *topic);
    topic->id = r->topic.id;
    KEEP(topic->name, r->topic.name);
    topic->created_index = index;
    HASH_ADD(by_id, image->topics_by_id, id, sizeof topic->id, topic);
    HASH_ADD_KEYPTR(by_name, image->topics_by_name, topic->name, r->topic.name.size, topic);
    image->topic_count++;
}

/* Keeps the counts of the brokers that are in the ISR or lead. `step` is 1 or -1. */
static void count_places(struct meta_image *image, const struct meta_partition *p, int step)
{
    for (uint32_t i = 0; i < p->isr.count; i++) {
        struct meta_broker *broker = meta_broker_find(image, p->isr.ids[i]);
        if (broker == NULL) continue; /* Only in a snapshot that is about to be refused. */

        broker->isr_count += (uint32_t)step;
        if (p->leader == broker->id) broker->leader_count += (uint32_t)step;
    }
}

struct meta_partition meta_partition_of(const struct meta_record *r, uint64_t index)
{
    CHECK(r->kind == META_PARTITION);

    return (struct meta_partition){
        .leader = r->partition.leader,
        .leader_epoch = r->partition.leader_epoch,
        .partition_epoch = r->partition.partition_epoch,
        .replicas = r->partition.replicas,
        .isr = r->partition.isr,
        .elr = r->partition.elr,
        .last_known_elr = r->partition.last_known_elr,
        .adding = r->partition.adding,
        .removing = r->partition.removing,
        .successor = r->partition.successor,
        .offline = r->partition.offline,
        .changed_index = index,
    };
}

static void fold_partition(struct meta_image *image, uint64_t index, const struct meta_record *r)
{
    struct meta_topic *topic = meta_topic_by_id(image, r->partition.topic_id);
    uint32_t number = (uint32_t)r->partition.partition;
    CHECK(number <= topic->partition_count);

    if (number == topic->partition_count) {
        if (number == topic->partition_capacity) {
            uint32_t capacity = number == 0 ? 1 : number * 2;
            struct meta_partition *partitions =
                realloc(topic->partitions, capacity * sizeof *partitions);
            CHECK(partitions != NULL);
            topic->partitions = partitions;
            topic->partition_capacity = capacity;
        }
        topic->partition_count++;
        image->partition_count++;
    } else {
        count_places(image, &topic->partitions[number], -1);
    }
    topic->partitions[number] = meta_partition_of(r, index);
    count_places(image, &topic->partitions[number], 1);
}

static void free_config(struct meta_config **configs, struct meta_config *config)
{
    HASH_DELETE(hh, *configs, config);
    free(config->id);
    free(config->name);
    free(config->key);
    free(config->value);
    free(config);
}

static void free_topic(struct meta_topic *topic)
{
    free(topic->partitions);
    free(topic);
}

/* Out of all tables and counts; its configuration goes into a table of its own. */
static void take_topic(struct meta_image *image, struct meta_topic *topic,
                       struct meta_config **configs)
{
    for (uint32_t i = 0; i < topic->partition_count; i++)
        count_places(image, &topic->partitions[i], -1);

    struct meta_config *config, *next;
    HASH_ITER(hh, image->configs, config, next)
    {
        bool is_its = config->type == META_CONFIG_TOPIC && strcmp(config->name, topic->name) == 0;
        if (!is_its) continue;
        HASH_DELETE(hh, image->configs, config);
        HASH_ADD_KEYPTR(hh, *configs, config->id, strlen(config->id), config);
    }
    image->topic_count--;
    image->partition_count -= topic->partition_count;
    HASH_DELETE(by_id, image->topics_by_id, topic);
    HASH_DELETE(by_name, image->topics_by_name, topic);
}

static void free_retired(struct meta_image *image, struct meta_retired *retired)
{
    struct meta_config *config, *next;
    HASH_ITER(hh, retired->configs, config, next)
    free_config(&retired->configs, config);
    HASH_DELETE(hh, image->retired, retired);
    if (retired->topic != NULL) free_topic(retired->topic);
    free(retired);
}

static void fold_topic_deleted(struct meta_image *image, const struct meta_record *r)
{
    struct meta_retired *retired = meta_retired_find(image, r->topic_deleted.id);
    if (retired != NULL) {
        free_retired(image, retired);
        return;
    }
    struct meta_topic *topic = meta_topic_by_id(image, r->topic_deleted.id);
    struct meta_config *configs = NULL, *config, *next;
    take_topic(image, topic, &configs);
    HASH_ITER(hh, configs, config, next)
    free_config(&configs, config);
    free_topic(topic);
}

static void fold_topic_retired(struct meta_image *image, uint64_t index,
                               const struct meta_record *r)
{
    struct meta_retired *retired = take_zeroed(sizeof *retired);
    retired->id = r->topic_retired.id;
    retired->index = index;
    retired->wall_ms = r->topic_retired.wall_ms;
    retired->due_ms = r->topic_retired.due_ms;
    retired->topic = meta_topic_by_id(image, retired->id);
    take_topic(image, retired->topic, &retired->configs);
    HASH_ADD(hh, image->retired, id, sizeof retired->id, retired);
}

static void add_all(struct id_set *to, const struct id_set *from)
{
    for (uint32_t i = 0; i < from->count; i++) (void)id_set_add(to, from->ids[i]);
}

static void fold_topic_restored(struct meta_image *image, uint64_t index,
                                const struct meta_record *r)
{
    struct meta_retired *retired = meta_retired_find(image, r->topic_restored.id);
    struct meta_topic *topic = retired->topic;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        struct meta_partition *p = &topic->partitions[i];
        struct id_set known = p->isr;
        add_all(&known, &p->elr);
        add_all(&known, &p->last_known_elr);
        p->last_known_elr = known;
        p->isr = p->elr = p->successor = (struct id_set){0};
        p->leader = META_NOBODY;
        p->changed_index = index;
    }
    image->topic_count++;
    image->partition_count += topic->partition_count;
    HASH_ADD(by_id, image->topics_by_id, id, sizeof topic->id, topic);
    HASH_ADD_KEYPTR(by_name, image->topics_by_name, topic->name, strlen(topic->name), topic);

    struct meta_config *config, *next;
    HASH_ITER(hh, retired->configs, config, next)
    {
        HASH_DELETE(hh, retired->configs, config);
        HASH_ADD_KEYPTR(hh, image->configs, config->id, strlen(config->id), config);
    }
    retired->topic = NULL;
    free_retired(image, retired);
}

static void fold_config(struct meta_image *image, const struct meta_record *r)
{
    struct meta_config *config = find_config(image, r->config.type, r->config.name, r->config.key);

    if (r->config.value.at == NULL) {
        if (config != NULL) free_config(&image->configs, config);
        return;
    }
    if (config == NULL) {
        config = take_zeroed(sizeof *config);
        config->type = r->config.type;
        config->name = keep_new(r->config.name);
        config->key = keep_new(r->config.key);
        config->id = take_zeroed(CONFIG_ID_MAX + 1);
        int size = snprintf(config->id, CONFIG_ID_MAX + 1, "%d/%s/%s", config->type, config->name,
                            config->key);
        HASH_ADD_KEYPTR(hh, image->configs, config->id, (size_t)size, config);
    }
    free(config->value);
    config->value = keep_new(r->config.value);
}

static void fold_voters(struct meta_image *image, const struct meta_record *r)
{
    memset(image->voters, 0, sizeof image->voters);
    image->voter_count = r->voters.count;
    for (uint32_t i = 0; i < r->voters.count; i++) {
        const struct meta_voter *from = &r->voters.voters[i];
        struct meta_image_voter *to = &image->voters[i];
        to->id = from->id;
        to->disk = from->disk;
        KEEP(to->host, from->host);
        to->port = from->port;
        to->is_learner = from->is_learner;
    }
}

void meta_fold(struct meta_image *image, uint64_t index, const struct meta_record *r)
{
    struct meta_broker *broker;

    switch (r->kind) {
    case META_NOOP: return;
    case META_CLUSTER: KEEP(image->cluster_id, r->cluster.cluster_id); return;
    case META_FEATURE: fold_feature(image, r); return;
    case META_BROKER: fold_broker(image, r); return;
    case META_BROKER_STATE:
        broker = meta_broker_find(image, r->broker_state.id);
        broker->fenced = r->broker_state.fenced;
        broker->stopping = r->broker_state.stopping;
        return;
    case META_BROKER_REMOVED: fold_broker_removed(image, r); return;
    case META_TOPIC: fold_topic(image, index, r); return;
    case META_TOPIC_DELETED: fold_topic_deleted(image, r); return;
    case META_TOPIC_RETIRED: fold_topic_retired(image, index, r); return;
    case META_TOPIC_RESTORED: fold_topic_restored(image, index, r); return;
    case META_PARTITION: fold_partition(image, index, r); return;
    case META_CONFIG: fold_config(image, r); return;
    case META_PRODUCER_IDS: image->next_producer_id = r->producer_ids.next; return;
    case META_VOTERS: fold_voters(image, r); return;
    }
    UNREACHABLE();
}

int meta_try(struct meta_image *image, uint64_t index, uint64_t term,
             const struct meta_batch *batch, const char **why)
{
    CHECK(index == image->index + 1);
    CHECK(term >= image->term);
    CHECK(batch->level <= META_LEVEL);

    *why = NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        int rc = meta_check(image, &batch->records[i], why);
        if (rc < 0) return rc;
        meta_fold(image, index, &batch->records[i]);
    }
    image->index = index;
    image->term = term;
    return 0;
}

void meta_apply(struct meta_image *image, uint64_t index, uint64_t term,
                const struct meta_batch *batch)
{
    const char *why;
    int rc = meta_try(image, index, term, batch, &why);
    if (rc < 0) check_failed(__FILE__, __LINE__, __func__, why);
}

void meta_image_close(struct meta_image *image)
{
    struct meta_broker *broker, *next_broker;
    HASH_ITER(hh, image->brokers, broker, next_broker)
    {
        HASH_DELETE(hh, image->brokers, broker);
        free(broker);
    }
    struct meta_topic *topic, *next_topic;
    HASH_ITER(by_id, image->topics_by_id, topic, next_topic)
    {
        HASH_DELETE(by_id, image->topics_by_id, topic);
        HASH_DELETE(by_name, image->topics_by_name, topic);
        free_topic(topic);
    }
    struct meta_retired *retired, *next_retired;
    HASH_ITER(hh, image->retired, retired, next_retired)
    free_retired(image, retired);

    struct meta_config *config, *next_config;
    HASH_ITER(hh, image->configs, config, next_config)
    free_config(&image->configs, config);

    struct meta_feature *feature, *next_feature;
    HASH_ITER(hh, image->features, feature, next_feature)
    {
        HASH_DELETE(hh, image->features, feature);
        free(feature);
    }
    *image = (struct meta_image){0};
}
