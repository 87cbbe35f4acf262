/* What is legal: of a record by itself, of a record on an image, of an image. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "proto/meta.h"
#include "proto/meta_internal.h"

/* The one variable outside of any object: a sentence has no owner who could free it, and each
 * thread has its own. Nothing is decided by what is in it. */
static _Thread_local char sentence[512];

__attribute__((format(printf, 1, 2))) static const char *say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return sentence;
}

/* For "%.*s". Names are printed before they have been found to be short, so this cuts. */
#define TEXT(s) (int)((s).size > META_NAME_MAX ? META_NAME_MAX : (s).size), (const char *)(s).at

struct id_text {
    char at[2 * sizeof(struct uuid) + 1];
};

static struct id_text id_text(const struct uuid *id)
{
    struct id_text text = {0};
    for (size_t i = 0; i < sizeof id->bytes; i++)
        (void)snprintf(text.at + 2 * i, 3, "%02x", id->bytes[i]);
    return text;
}

/* ---- Of a record by itself. ---- */

static const char *text_fault(const char *what, struct slice s, size_t min, size_t max)
{
    if (s.size < min) return say("%s is empty", what);
    if (s.size > max) return say("%s has %zu bytes, and %zu is the most", what, s.size, max);
    if (s.size > 0 && memchr(s.at, 0, s.size) != NULL) return say("%s contains a NUL", what);
    return NULL;
}

static bool is_all(struct slice s, const char *allowed)
{
    for (size_t i = 0; i < s.size; i++) {
        if (!isalnum(s.at[i]) && (s.at[i] == 0 || strchr(allowed, s.at[i]) == NULL)) return false;
    }
    return true;
}

static const char *cluster_fault(const struct meta_record *r)
{
    struct slice id = r->cluster.cluster_id;
    if (id.size != META_CLUSTER_ID_SIZE)
        return say("cluster id has %zu characters instead of %d", id.size, META_CLUSTER_ID_SIZE);
    if (!is_all(id, "-_")) return say("cluster id %.*s is not base64url", TEXT(id));
    return NULL;
}

static const char *listeners_fault(const struct meta_record *r)
{
    uint32_t count = r->broker.listener_count;
    if (count == 0 || count > META_LISTENERS_MAX)
        return say("broker %d has %u listeners", r->broker.id, count);

    bool is_named = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct meta_listener *l = &r->broker.listeners[i];
        const char *fault = text_fault("listener name", l->name, 1, META_TEXT_MAX);
        if (fault == NULL) fault = text_fault("listener host", l->host, 0, META_HOST_MAX);
        if (fault == NULL) fault = text_fault("listener protocol", l->protocol, 1, META_WORD_MAX);
        if (fault != NULL) return fault;
        if (l->port == 0)
            return say("listener %.*s of broker %d has port 0", TEXT(l->name), r->broker.id);

        for (uint32_t j = 0; j < i; j++) {
            struct slice other = r->broker.listeners[j].name;
            if (slice_equal(other, l->name))
                return say("broker %d has two listeners %.*s", r->broker.id, TEXT(other));
        }
        if (slice_equal(l->name, r->broker.replication_listener)) is_named = true;
    }
    if (!is_named)
        return say("broker %d has no listener %.*s, by which it is to be replicated", r->broker.id,
                   TEXT(r->broker.replication_listener));
    return NULL;
}

static const char *broker_fault(const struct meta_record *r)
{
    if (r->broker.id < 0) return say("broker id %d is negative", r->broker.id);
    if (uuid_is_zero(r->broker.incarnation))
        return say("broker %d has no incarnation", r->broker.id);
    if (r->broker.shard_count == 0) return say("broker %d has no shard", r->broker.id);

    const char *fault = text_fault("rack", r->broker.rack, 0, META_TEXT_MAX);
    if (fault == NULL) fault = text_fault("version", r->broker.version, 0, META_WORD_MAX);
    if (fault == NULL) fault = listeners_fault(r);
    return fault;
}

static const char *topic_fault(const struct meta_record *r)
{
    if (uuid_is_zero(r->topic.id)) return say("topic %.*s has no id", TEXT(r->topic.name));

    struct slice name = r->topic.name;
    const char *fault = text_fault("topic name", name, 1, META_NAME_MAX);
    if (fault != NULL) return fault;
    if (!is_all(name, "._-"))
        return say("topic name %.*s has characters other than letters, digits, '.', '_' and '-'",
                   TEXT(name));
    if (slice_equal(name, slice_of_text(".")) || slice_equal(name, slice_of_text("..")))
        return say("topic name %.*s means a directory", TEXT(name));
    return NULL;
}

static const char *set_fault(const char *what, const struct id_set *s)
{
    if (s->count > META_REPLICAS_MAX)
        return say("%s has %u members, and %d is the most", what, s->count, META_REPLICAS_MAX);
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->ids[i] < 0) return say("%s has the negative id %d", what, s->ids[i]);
        for (uint32_t j = 0; j < i; j++) {
            if (s->ids[i] == s->ids[j]) return say("%s has %d twice", what, s->ids[i]);
        }
    }
    return NULL;
}

static const char *overlap(const char *what, const struct id_set *a, const struct id_set *b)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (id_set_has(b, a->ids[i])) return say("broker %d is in %s", a->ids[i], what);
    }
    return NULL;
}

/* Invariant (6). */
static const char *successor_fault(const struct meta_partition *p)
{
    if (p->successor.count == 0) return NULL;

    int32_t id = p->successor.ids[0];
    if (p->successor.count > 1) return say("it has %u successors", p->successor.count);
    if (p->leader == META_NOBODY) return say("successor %d of nobody", id);
    if (p->leader == id) return say("successor %d leads already", id);
    return id_set_has(&p->isr, id) ? NULL : say("successor %d is not in the isr", id);
}

/* Invariants (1), (2), (6) and (7), as far as the partition alone can tell. */
static const char *partition_sets_fault(const struct meta_partition *p)
{
    /* clang-format off */
    const struct {
        const char *name;
        const struct id_set *set;
        bool is_part; /* Of the replicas. Those last known may have been moved away. */
    } sets[] = {
        {"replicas",       &p->replicas,       true},
        {"isr",            &p->isr,            true},
        {"elr",            &p->elr,            true},
        {"last known elr", &p->last_known_elr, false},
        {"adding",         &p->adding,         true},
        {"removing",       &p->removing,       true},
        {"successor",      &p->successor,      true},
        {"offline",        &p->offline,        true},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const char *fault = set_fault(sets[i].name, sets[i].set);
        if (fault != NULL) return fault;
        if (sets[i].is_part && !id_set_within(sets[i].set, &p->replicas))
            return say("%s is not within the replicas", sets[i].name);
    }
    if (p->replicas.count == 0) return say("it has no replicas");
    if (p->leader != META_NOBODY && !id_set_has(&p->isr, p->leader))
        return say("leader %d is not in the isr", p->leader);

    const char *fault = overlap("isr and elr", &p->isr, &p->elr);
    if (fault == NULL) fault = overlap("adding and removing", &p->adding, &p->removing);
    if (fault == NULL) fault = overlap("isr and offline", &p->isr, &p->offline);
    if (fault == NULL) fault = successor_fault(p);
    return fault;
}

static const char *partition_fault(const struct meta_record *r)
{
    if (uuid_is_zero(r->partition.topic_id)) return say("a partition has no topic id");
    if (r->partition.partition < 0)
        return say("partition number %d is negative", r->partition.partition);
    if (r->partition.leader_epoch < 0)
        return say("leader epoch %d is negative", r->partition.leader_epoch);
    if (r->partition.partition_epoch < 0)
        return say("partition epoch %d is negative", r->partition.partition_epoch);

    struct meta_partition p = meta_partition_of(r, 0);
    return partition_sets_fault(&p);
}

static const char *config_fault(const struct meta_record *r)
{
    struct slice name = r->config.name;
    const char *fault = text_fault("configuration key", r->config.key, 1, META_KEY_MAX);
    if (fault == NULL) fault = text_fault("configuration name", name, 0, META_NAME_MAX);
    if (fault == NULL) fault = text_fault("value", r->config.value, 0, META_VALUE_MAX);
    if (fault != NULL) return fault;

    switch (r->config.type) {
    case META_CONFIG_TOPIC:
        if (name.size == 0) return say("configuration of a topic without a name");
        return NULL;
    case META_CONFIG_BROKER:
        for (size_t i = 0; i < name.size; i++) {
            if (!isdigit(name.at[i])) return say("broker %.*s is not a number", TEXT(name));
        }
        return NULL;
    case META_CONFIG_GROUP:
        if (name.size == 0) return say("configuration of a group without a name");
        return NULL;
    default: return say("configuration of the unknown resource type %d", r->config.type);
    }
}

static const char *voters_fault(const struct meta_record *r)
{
    if (r->voters.count > META_VOTERS_MAX) return say("%u voters", r->voters.count);

    uint32_t voter_count = 0;
    for (uint32_t i = 0; i < r->voters.count; i++) {
        const struct meta_voter *v = &r->voters.voters[i];
        const char *fault = text_fault("voter host", v->host, 1, META_HOST_MAX);
        if (fault != NULL) return fault;
        if (v->port == 0) return say("voter %u has port 0", v->id);

        for (uint32_t j = 0; j < i; j++) {
            if (r->voters.voters[j].id == v->id) return say("voter %u is there twice", v->id);
        }
        if (!v->is_learner) voter_count++;
    }
    return voter_count == 0 ? say("nobody in the voter set may vote") : NULL;
}

const char *meta_record_fault(const struct meta_record *r)
{
    switch (r->kind) {
    case META_NOOP: return NULL;
    case META_CLUSTER: return cluster_fault(r);
    case META_FEATURE:
        if (r->feature.level < 0) return say("feature level %d is negative", r->feature.level);
        return text_fault("feature name", r->feature.name, 1, META_TEXT_MAX);
    case META_BROKER: return broker_fault(r);
    case META_BROKER_STATE:
    case META_BROKER_REMOVED: return NULL;
    case META_TOPIC: return topic_fault(r);
    case META_TOPIC_DELETED:
    case META_TOPIC_RESTORED: return NULL;
    case META_TOPIC_RETIRED:
        if (r->topic_retired.due_ms >= r->topic_retired.wall_ms) return NULL;
        return say("a topic is retired until a time before its deletion");
    case META_PARTITION: return partition_fault(r);
    case META_CONFIG: return config_fault(r);
    case META_PRODUCER_IDS:
        if (r->producer_ids.next < 0)
            return say("producer id %lld is negative", (long long)r->producer_ids.next);
        return NULL;
    case META_VOTERS: return voters_fault(r);
    }
    return say("a record of the unknown kind %d", (int)r->kind);
}

/* ---- Of a record on an image. ---- */

const char *meta_misfit(const struct meta_image *image, const struct meta_record *r)
{
    const struct meta_topic *topic;
    const struct meta_retired *retired;

    switch (r->kind) {
    case META_BROKER_STATE:
        if (meta_broker_find(image, r->broker_state.id) != NULL) return NULL;
        return say("broker %d is not registered", r->broker_state.id);
    case META_BROKER_REMOVED:
        if (meta_broker_find(image, r->broker_removed.id) != NULL) return NULL;
        return say("broker %d is not registered", r->broker_removed.id);
    case META_TOPIC:
        if (meta_topic_by_name(image, r->topic.name) != NULL)
            return say("topic %.*s exists already", TEXT(r->topic.name));
        topic = meta_topic_by_id(image, r->topic.id);
        retired = meta_retired_find(image, r->topic.id);
        if (topic == NULL && retired != NULL) topic = retired->topic;
        if (topic == NULL) return NULL;
        return say("topic %s has the id %s already", topic->name, id_text(&r->topic.id).at);
    case META_TOPIC_RETIRED:
        if (meta_topic_by_id(image, r->topic_retired.id) != NULL) return NULL;
        return say("no topic has the id %s", id_text(&r->topic_retired.id).at);
    case META_TOPIC_RESTORED:
        retired = meta_retired_find(image, r->topic_restored.id);
        if (retired == NULL)
            return say("no deleted topic has the id %s", id_text(&r->topic_restored.id).at);
        if (meta_topic_by_name(image, slice_of_text(retired->topic->name)) == NULL) return NULL;
        return say("topic %s exists already", retired->topic->name);
    case META_TOPIC_DELETED:
        if (meta_topic_by_id(image, r->topic_deleted.id) != NULL) return NULL;
        if (meta_retired_find(image, r->topic_deleted.id) != NULL) return NULL;
        return say("no topic has the id %s", id_text(&r->topic_deleted.id).at);
    case META_PARTITION:
        topic = meta_topic_by_id(image, r->partition.topic_id);
        if (topic == NULL) return say("no topic has the id %s", id_text(&r->partition.topic_id).at);
        if ((uint32_t)r->partition.partition <= topic->partition_count) return NULL;
        return say("partition %s-%d does not come next: there are %u", topic->name,
                   r->partition.partition, topic->partition_count);
    case META_CONFIG:
        if (r->config.type != META_CONFIG_TOPIC) return NULL;
        if (meta_topic_by_name(image, r->config.name) != NULL) return NULL;
        return say("topic %.*s does not exist", TEXT(r->config.name));
    case META_NOOP:
    case META_CLUSTER:
    case META_FEATURE:
    case META_BROKER:
    case META_PRODUCER_IDS:
    case META_VOTERS: return NULL;
    }
    UNREACHABLE(); /* meta_record_fault() has seen to it. */
}

static const char *placed_fault(const struct meta_broker *broker)
{
    CHECK(broker->leader_count <= broker->isr_count);

    if (broker->isr_count == 0) return NULL;
    return say("broker %d is in the isr of %u partitions and leads %u of them", broker->id,
               broker->isr_count, broker->leader_count);
}

static const char *check_broker(const struct meta_image *image, const struct meta_record *r)
{
    int64_t epoch = r->broker.epoch;
    if (epoch != (int64_t)image->index + 1)
        return say("broker %d has epoch %lld, but the decision has index %llu", r->broker.id,
                   (long long)epoch, (unsigned long long)image->index + 1);

    /* A new incarnation begins in no ISR: it may have lost what the old one had (KIP-903). */
    const struct meta_broker *old = meta_broker_find(image, r->broker.id);
    return old == NULL ? NULL : placed_fault(old);
}

static const char *check_broker_state(const struct meta_image *image, const struct meta_record *r)
{
    const struct meta_broker *broker = meta_broker_find(image, r->broker_state.id);
    if (r->broker_state.epoch != broker->epoch)
        return say("broker %d has epoch %lld and not %lld", broker->id, (long long)broker->epoch,
                   (long long)r->broker_state.epoch);
    return r->broker_state.fenced ? placed_fault(broker) : NULL;
}

static const char *check_broker_removed(const struct meta_image *image, const struct meta_record *r)
{
    const struct meta_broker *broker = meta_broker_find(image, r->broker_removed.id);
    return broker->fenced ? NULL : say("broker %d is not fenced", broker->id);
}

/* Invariant (3), and with it the second half of (2). */
static const char *isr_fault(const struct meta_image *image, const struct meta_partition *p)
{
    for (uint32_t i = 0; i < p->isr.count; i++) {
        const struct meta_broker *broker = meta_broker_find(image, p->isr.ids[i]);
        if (broker == NULL) return say("broker %d in the isr is not registered", p->isr.ids[i]);
        if (broker->fenced) return say("broker %d in the isr is fenced", broker->id);
    }
    return NULL;
}

/* Invariant (4). */
static const char *epochs_fault(const struct meta_partition *old, const struct meta_partition *new)
{
    if (new->partition_epoch != (int64_t)old->partition_epoch + 1)
        return say("partition epoch %d does not follow %d", new->partition_epoch,
                   old->partition_epoch);
    if (new->leader_epoch < old->leader_epoch)
        return say("leader epoch falls from %d to %d", old->leader_epoch, new->leader_epoch);
    if (new->leader != old->leader &&new->leader_epoch == old->leader_epoch)
        return say("leader changes from %d to %d, but leader epoch %d stays", old->leader,
                   new->leader, old->leader_epoch);
    return NULL;
}

static const char *check_partition(const struct meta_image *image, const struct meta_record *r)
{
    static const struct meta_partition nothing = {.partition_epoch = -1, .leader_epoch = -1};
    const struct meta_partition *old =
        meta_partition_find(image, r->partition.topic_id, r->partition.partition);
    if (old == NULL) old = &nothing;

    struct meta_partition new = meta_partition_of(r, 0);
    const char *fault = epochs_fault(old, &new);
    if (fault == NULL) fault = isr_fault(image, &new);
    if (fault != NULL) return fault;

    for (uint32_t i = 0; i < new.replicas.count; i++) {
        int32_t id = new.replicas.ids[i];
        const struct meta_broker *broker = meta_broker_find(image, id);
        if (broker == NULL && !id_set_has(&old->replicas, id))
            return say("broker %d in the replicas is not registered", id);

        /* A broker in a controlled shutdown joins nothing any more (KIP-841). */
        bool is_joining = id_set_has(&new.isr, id) && !id_set_has(&old->isr, id);
        if (is_joining && broker->stopping) return say("broker %d is stopping", id);
    }
    return NULL;
}

/* Names the partition in front of what is wrong with it. */
static const char *say_of_partition(const struct meta_topic *topic, int32_t number,
                                    const char *fault)
{
    char what[256];
    (void)snprintf(what, sizeof what, "%s", fault);
    return say("partition %s-%d: %s", topic->name, number, what);
}

static const char *check_next(const struct meta_image *image, const struct meta_record *r)
{
    const char *fault;

    switch (r->kind) {
    case META_CLUSTER:
        if (image->cluster_id[0] == 0) return NULL;
        return say("the cluster has the id %s already", image->cluster_id);
    case META_BROKER: return check_broker(image, r);
    case META_BROKER_STATE: return check_broker_state(image, r);
    case META_BROKER_REMOVED: return check_broker_removed(image, r);
    case META_PARTITION:
        fault = check_partition(image, r);
        if (fault == NULL) return NULL;
        return say_of_partition(meta_topic_by_id(image, r->partition.topic_id),
                                r->partition.partition, fault);
    case META_PRODUCER_IDS:
        if (r->producer_ids.next > image->next_producer_id) return NULL;
        return say("producer ids below %lld were handed out already",
                   (long long)image->next_producer_id);
    case META_NOOP:
    case META_FEATURE:
    case META_TOPIC:
    case META_TOPIC_DELETED:
    case META_TOPIC_RETIRED:
    case META_TOPIC_RESTORED:
    case META_CONFIG:
    case META_VOTERS: return NULL;
    }
    UNREACHABLE(); /* meta_record_fault() has seen to it. */
}

int meta_check(const struct meta_image *image, const struct meta_record *record, const char **why)
{
    const char *fault = meta_record_fault(record);
    if (fault == NULL) fault = meta_misfit(image, record);
    if (fault == NULL) fault = check_next(image, record);

    *why = fault;
    return fault == NULL ? 0 : -ERR_INVALID;
}

/* ---- Of an image. ---- */

static const char *counts_fault(const struct meta_image *image)
{
    const struct meta_broker *broker, *next;
    for (broker = image->brokers; broker != NULL; broker = next) {
        next = broker->hh.next;
        uint32_t isr_count = 0;
        uint32_t leader_count = 0;
        for (const struct meta_topic *t = image->topics_by_id; t != NULL; t = t->by_id.next) {
            for (uint32_t i = 0; i < t->partition_count; i++) {
                if (id_set_has(&t->partitions[i].isr, broker->id)) isr_count++;
                if (t->partitions[i].leader == broker->id) leader_count++;
            }
        }
        if (isr_count != broker->isr_count || leader_count != broker->leader_count)
            return say("broker %d counts %u isrs and %u leaders, but has %u and %u", broker->id,
                       broker->isr_count, broker->leader_count, isr_count, leader_count);
    }
    return NULL;
}

const char *meta_image_fault(const struct meta_image *image)
{
    uint32_t partition_count = 0;
    uint32_t topic_count = 0;

    for (const struct meta_topic *t = image->topics_by_id; t != NULL; t = t->by_id.next) {
        topic_count++;
        partition_count += t->partition_count;
        if (meta_topic_by_name(image, slice_of_text(t->name)) != t)
            return say("topic %s is not found by its name", t->name);
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            const char *fault = partition_sets_fault(p);
            if (fault == NULL) fault = isr_fault(image, p);
            if (fault == NULL && p->leader_epoch < 0) fault = "leader epoch is negative";
            if (fault == NULL && p->partition_epoch < 0) fault = "partition epoch is negative";
            if (fault == NULL && p->changed_index > image->index) fault = "changed in the future";
            if (fault != NULL) return say_of_partition(t, (int32_t)i, fault);
        }
    }
    if (topic_count != image->topic_count ||
        topic_count != HASH_CNT(by_name, image->topics_by_name))
        return say("%u topics are counted as %u", topic_count, image->topic_count);
    if (partition_count != image->partition_count)
        return say("%u partitions are counted as %u", partition_count, image->partition_count);
    return counts_fault(image);
}

void meta_image_check(const struct meta_image *image)
{
    const char *fault = meta_image_fault(image);
    if (fault != NULL) check_failed(__FILE__, __LINE__, __func__, fault);
}
