#include <stdlib.h>
#include <string.h>

#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/partition/partition.h"
#include "proto/acl_operations.h"
#include "proto/kafka_errors.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/metadata.h"
#include "proto/topic_names.h"

#define HOLD_SUSPECT_MS 100
#define HOLD_CREATE_MS 2000
#define COMPLAIN_MS 10000
#define HOLD_BEHIND_MS 2000
#define AUTO_CREATE_MAX 100
#define FIRST_VERSION_BY_ID 12

/* A leader whose connection broke, and of whom the metadata say nothing new yet. */
static bool is_suspect(const struct shard *s, int32_t broker_id)
{
    const struct meta_broker *broker = meta_broker_find(&s->image, broker_id);
    if (broker == NULL || broker->fenced) return false;
    for (uint32_t i = 0; i < s->suspect_count; i++) {
        const struct suspect *x = &s->suspects[i];
        if (x->broker_id == broker_id && x->broker_epoch == broker->epoch) return true;
    }
    return false;
}

/* We lead it as far as we know, and may have slept or been cut off for so long that others know
 * better: what we said now could be older than what the client has heard already, and librdkafka
 * 2.0 loses its way when a leader moves back and forth. */
static bool doubts_itself(const struct shard *s, const struct meta_topic *topic, uint32_t number,
                          bool is_late)
{
    if (topic->partitions[number].leader != s->options->id) return false;
    if (s->is_fenced) return true;

    uint64_t now_ms = env_clock_ms(s->env);
    const struct partition *p = shard_partition(s, topic->id, (int32_t)number);
    if (p != NULL && partition_leads(p))
        return !replica_may_ack_early(&p->replica, s->host.session_ms, now_ms);
    /* Another shard's: it may have followers that fetch. */
    return !is_late && now_ms - s->host.session_ms > s->options->lease_ms;
}

static bool is_in_doubt(const struct shard *s, const struct meta_topic *topic, uint32_t number,
                        bool is_late)
{
    return is_suspect(s, topic->partitions[number].leader) ||
           doubts_itself(s, topic, number, is_late);
}

static bool fill_partition(struct shard *s, const struct meta_topic *topic, uint32_t number,
                           bool is_late, struct metadata_response_partition *out)
{
    const struct meta_partition *p = &topic->partitions[number];
    kafka_defaults(&schema_metadata_response_partition, out);
    out->partition_index = (int32_t)number;
    bool has_leader = p->leader != META_NOBODY && is_serving(s, p->leader);
    if (is_late && is_in_doubt(s, topic, number, true)) has_leader = false;
    out->leader_id = has_leader ? p->leader : -1;
    out->leader_epoch = p->leader_epoch;
    out->error_code = has_leader ? KAFKA_NONE : KAFKA_LEADER_NOT_AVAILABLE;
    struct id_set offline = offline_replicas(s, p);
    return array_of_ids(s, &p->replicas, &out->replica_nodes) &&
           array_of_ids(s, &p->isr, &out->isr_nodes) &&
           array_of_ids(s, &offline, &out->offline_replicas);
}

static bool fill_topic(struct shard *s, const struct meta_topic *topic, bool is_late,
                       struct metadata_response_topic *out)
{
    kafka_defaults(&schema_metadata_response_topic, out);
    out->name = slice_of_text(topic->name);
    out->topic_id = topic->id;
    out->is_internal = topic_is_internal(topic->name);
    struct metadata_response_partition *parts =
        arena_take(&s->scratch, topic->partition_count, sizeof *parts);
    if (parts == NULL && topic->partition_count > 0) return false;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        if (!fill_partition(s, topic, i, is_late, &parts[i])) return false;
    }
    out->partitions = (struct array){parts, (int32_t)topic->partition_count};
    return true;
}

static bool fill_brokers(struct shard *s, struct request *r, struct metadata_response *answer)
{
    uint32_t capacity = HASH_COUNT(s->image.brokers);
    struct metadata_response_broker *items = arena_take(&s->scratch, capacity, sizeof *items);
    if (items == NULL && capacity > 0) return false;
    int32_t count = 0;
    struct meta_broker *broker, *next;
    HASH_ITER(hh, s->image.brokers, broker, next)
    {
        struct metadata_response_broker *out = &items[count];
        kafka_defaults(&schema_metadata_response_broker, out);
        if (broker->fenced || !broker_endpoint(s, r, broker, &out->host, &out->port)) continue;
        out->node_id = broker->id;
        if (broker->rack[0] != '\0') out->rack = slice_of_text(broker->rack);
        /* What is for the controller may be sent to any broker, and who answers here is alive. */
        bool is_self = broker->id == s->options->id;
        if (answer->controller_id < 0 || is_self) answer->controller_id = broker->id;
        count++;
    }
    answer->brokers = (struct array){items, count};
    return true;
}

/* The id counts, whatever name stands beside it (Java's AdminClient sends an empty one). */
static bool is_by_id(const struct metadata_request_topic *asked)
{
    return asked->name.at == NULL || !uuid_is_zero(asked->topic_id);
}

/* Versions 10 and 11 have the field for an id, and no meaning for it (KIP-516). */
static bool is_legal(const struct request *r, const struct metadata_request_topic *asked)
{
    return r->version.number >= FIRST_VERSION_BY_ID || !is_by_id(asked);
}

static const struct meta_topic *find_topic(const struct shard *s,
                                           const struct metadata_request_topic *asked)
{
    if (!is_by_id(asked)) return meta_topic_by_name(&s->image, asked->name);
    return meta_topic_by_id(&s->image, asked->topic_id);
}

/* To ask again, as LEADER_NOT_AVAILABLE has clients do, would not help. */
static bool is_final(int16_t error)
{
    return error == KAFKA_INVALID_TOPIC_EXCEPTION || error == KAFKA_INVALID_PARTITIONS ||
           error == KAFKA_INVALID_REPLICATION_FACTOR || error == KAFKA_INVALID_CONFIG ||
           error == KAFKA_POLICY_VIOLATION;
}

/* The final error with which the controllers refused to make that topic, or 0. */
static int16_t why_refused(const struct array *created, struct slice name)
{
    const struct create_topics_response_topic *topics = created->items;
    for (int32_t i = 0; i < created->count; i++) {
        if (slice_equal(topics[i].name, name))
            return is_final(topics[i].error_code) ? topics[i].error_code : KAFKA_NONE;
    }
    return KAFKA_NONE;
}

static int16_t why_unknown(const struct metadata_request_topic *asked, const struct array *created,
                           bool may_create)
{
    if (is_by_id(asked)) return KAFKA_UNKNOWN_TOPIC_ID;
    if (topic_name_fault(asked->name) != NULL) return KAFKA_INVALID_TOPIC_EXCEPTION;
    int16_t refused = why_refused(created, asked->name);
    if (refused != KAFKA_NONE) return refused;
    return may_create ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* By what they ask for; of equals, the one that stands first. */
static int compare_asked(const void *a, const void *b)
{
    const struct metadata_request_topic *x = *(const struct metadata_request_topic *const *)a;
    const struct metadata_request_topic *y = *(const struct metadata_request_topic *const *)b;
    bool by_id = is_by_id(x);
    if (by_id != is_by_id(y)) return by_id ? -1 : 1;
    int order = by_id ? memcmp(&x->topic_id, &y->topic_id, sizeof x->topic_id)
                      : slice_compare(x->name, y->name);
    if (order != 0) return order;
    return x < y ? -1 : x > y;
}

static bool ask_the_same(const struct metadata_request_topic *x,
                         const struct metadata_request_topic *y)
{
    if (is_by_id(x) != is_by_id(y)) return false;
    return is_by_id(x) ? uuid_equal(x->topic_id, y->topic_id) : slice_equal(x->name, y->name);
}

/* What is asked for twice is told once, as in Kafka. NULL: the scratch memory is full. */
static const bool *find_repeated(struct shard *s, const struct metadata_request *q)
{
    const struct metadata_request_topic *asked = q->topics.items;
    size_t count = q->topics.count > 0 ? (size_t)q->topics.count : 0;
    bool *repeated = arena_take(&s->scratch, count + 1, sizeof *repeated);
    const struct metadata_request_topic **sorted =
        arena_take(&s->scratch, count + 1, sizeof *sorted);
    if (repeated == NULL || sorted == NULL) return NULL;
    for (size_t i = 0; i < count; i++) sorted[i] = &asked[i];
    qsort(sorted, count, sizeof *sorted, compare_asked);
    for (size_t i = 1; i < count; i++) {
        repeated[sorted[i] - asked] = ask_the_same(sorted[i - 1], sorted[i]);
    }
    return repeated;
}

static bool wants_all(const struct request *r, const struct metadata_request *q)
{
    return q->topics.count < 0 || (q->topics.count == 0 && r->version.number == 0);
}

static bool may_create(const struct shard *s, const struct metadata_request *q)
{
    return q->allow_auto_topic_creation && s->options->auto_create_topics;
}

static bool fill_topics(struct shard *s, struct request *r, const struct metadata_request *q,
                        bool is_late, struct metadata_response *answer)
{
    bool all = wants_all(r, q);
    size_t capacity = all ? s->image.topic_count : (size_t)q->topics.count;
    struct metadata_response_topic *items = arena_take(&s->scratch, capacity, sizeof *items);
    if (items == NULL && capacity > 0) return false;
    int32_t count = 0;
    if (all) {
        struct meta_topic *topic, *next;
        HASH_ITER(by_name, s->image.topics_by_name, topic, next)
        {
            if (!fill_topic(s, topic, is_late, &items[count++])) return false;
        }
    }
    const struct metadata_request_topic *asked = q->topics.items;
    const struct array created = forward_created(s, r->created);
    const bool *repeated = find_repeated(s, q);
    if (repeated == NULL) return false;
    for (int32_t i = 0; !all && i < q->topics.count; i++) {
        if (repeated[i]) continue;
        bool legal = is_legal(r, &asked[i]);
        const struct meta_topic *topic = legal ? find_topic(s, &asked[i]) : NULL;
        struct metadata_response_topic *out = &items[count++];
        if (topic != NULL) {
            if (!fill_topic(s, topic, is_late, out)) return false;
            continue;
        }
        kafka_defaults(&schema_metadata_response_topic, out);
        out->error_code =
            legal ? why_unknown(&asked[i], &created, may_create(s, q)) : KAFKA_INVALID_REQUEST;
        out->name = legal || asked[i].name.at != NULL ? asked[i].name : slice_of_text("");
        out->topic_id = asked[i].topic_id;
    }
    for (int32_t i = 0; i < count && q->include_topic_authorized_operations; i++) {
        items[i].topic_authorized_operations = ACL_OF_TOPIC;
    }
    answer->topics = (struct array){items, count};
    return true;
}

static bool answer_now(struct shard *s, struct request *r, const struct metadata_request *q,
                       bool is_late)
{
    struct metadata_response answer;
    kafka_defaults(&schema_metadata_response, &answer);
    if (q->include_cluster_authorized_operations)
        answer.cluster_authorized_operations = ACL_OF_CLUSTER;
    answer.cluster_id = slice_of_text(s->image.cluster_id);
    if (!fill_brokers(s, r, &answer) || !fill_topics(s, r, q, is_late, &answer)) {
        log_error(s->env, "the answer to a Metadata request is larger than the scratch memory");
        request_answer_nothing(s, r, true);
        return true;
    }
    request_answer(s, r, &answer);
    return true;
}

/* Does the request name a topic whose leader may just have died, or be another by now? */
static bool names_suspect(const struct shard *s, const struct metadata_request *q)
{
    const struct metadata_request_topic *asked = q->topics.items;
    for (int32_t i = 0; i < q->topics.count; i++) {
        const struct meta_topic *topic = find_topic(s, &asked[i]);
        for (uint32_t n = 0; topic != NULL && n < topic->partition_count; n++) {
            if (is_in_doubt(s, topic, n, false)) return true;
        }
    }
    return false;
}

static uint32_t unknown_names(const struct shard *s, const struct metadata_request *q,
                              struct slice names[AUTO_CREATE_MAX])
{
    uint32_t count = 0;
    const struct metadata_request_topic *asked = q->topics.items;
    for (int32_t i = 0; i < q->topics.count && count < AUTO_CREATE_MAX; i++) {
        if (is_by_id(&asked[i]) || find_topic(s, &asked[i]) != NULL) continue;
        if (topic_name_fault(asked[i].name) == NULL) names[count++] = asked[i].name;
    }
    return count;
}

static void hold(struct shard *s, struct request *r, uint64_t wait_ms)
{
    r->is_held = true;
    r->held_until_ms = env_now_ms(s->env) + wait_ms;
    TAILQ_INSERT_TAIL(&s->held, r, held_link);
}

bool handle_metadata(struct shard *s, struct request *r, struct slice body)
{
    struct metadata_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    /* Just started: topics that it has not heard of yet would be said to be gone. */
    if (!s->is_current) {
        hold(s, r, HOLD_BEHIND_MS);
        return true;
    }
    struct slice names[AUTO_CREATE_MAX];
    uint32_t unknown = may_create(s, &q) ? unknown_names(s, &q, names) : 0;
    if (unknown > 0) {
        r->waits_for_create = forward_auto_create(s, names, unknown);
        hold(s, r, HOLD_CREATE_MS);
        return true;
    }
    if (names_suspect(s, &q)) {
        hold(s, r, HOLD_SUSPECT_MS);
        return true;
    }
    return answer_now(s, r, &q, false);
}

/* Does it still wait for a topic that the controllers have not refused to make? */
static bool is_being_created(struct shard *s, const struct request *r,
                             const struct metadata_request *q)
{
    struct slice names[AUTO_CREATE_MAX];
    uint32_t count = unknown_names(s, q, names);
    const struct array created = forward_created(s, r->created);
    for (uint32_t i = 0; i < count; i++) {
        if (why_refused(&created, names[i]) == KAFKA_NONE) return true;
    }
    return false;
}

/* Looks at a held request again. True: it is answered, and gone. */
static bool retry(struct shard *s, struct request *r)
{
    struct kafka_request_header h;
    struct slice body;
    struct metadata_request q;
    s->scratch.used = 0;
    bool ok = kafka_request_open(buf_slice(r->frame), &h, &body) == FRAME_OK &&
              request_decode(s, r, body, &q) == 0;
    bool is_late = r->held_until_ms <= env_now_ms(s->env);
    if (ok && !is_late) {
        if (r->waits_for_create != 0 || !s->is_current) return false;
        bool waits = (may_create(s, &q) && is_being_created(s, r, &q)) || names_suspect(s, &q);
        if (waits) return false;
    }
    TAILQ_REMOVE(&s->held, r, held_link);
    r->is_held = false;
    if (ok) return answer_now(s, r, &q, is_late);
    request_answer_nothing(s, r, true);
    return true;
}

static void complain(struct shard *s, const struct buf *answer)
{
    s->scratch.used = 0;
    const struct array created = forward_created(s, answer);
    const struct create_topics_response_topic *topics = created.items;
    for (int32_t i = 0; i < created.count; i++) {
        bool is_news = env_now_ms(s->env) >= s->create_refused_said_ms + COMPLAIN_MS;
        if (!is_final(topics[i].error_code) || !is_news) continue;
        s->create_refused_said_ms = env_now_ms(s->env);
        log_warn(s->env, "topic %.*s was asked for and cannot be created: %.*s",
                 SLICE_TEXT(topics[i].name), SLICE_TEXT(topics[i].error_message));
    }
}

void metadata_on_created(struct shard *s, uint64_t create, struct buf *answer)
{
    struct request *r;
    complain(s, answer);
    TAILQ_FOREACH(r, &s->held, held_link)
    {
        if (r->waits_for_create != create) continue;
        r->waits_for_create = 0;
        r->created = answer == NULL ? NULL : buf_ref(answer);
        s->metadata_ready = true; /* This turn looks at it again. */
    }
}

void metadata_turn(struct shard *s, bool image_changed)
{
    struct request *r;
    uint32_t left = 0;
    bool is_new = image_changed || s->metadata_ready;
    s->metadata_ready = false;
    TAILQ_FOREACH(r, &s->held, held_link) left++;
    /* An answer may close its connection, and free other held requests with it: so none is
     * remembered across an answer. Each moves to the end before it is looked at. */
    while (left-- > 0 && (r = TAILQ_FIRST(&s->held)) != NULL) {
        TAILQ_REMOVE(&s->held, r, held_link);
        TAILQ_INSERT_TAIL(&s->held, r, held_link);
        if (is_new || r->held_until_ms <= env_now_ms(s->env)) (void)retry(s, r);
    }
}

uint64_t metadata_deadline(const struct shard *s)
{
    uint64_t next_ms = ENV_NEVER;
    const struct request *r;
    TAILQ_FOREACH(r, &s->held, held_link)
    {
        if (r->held_until_ms < next_ms) next_ms = r->held_until_ms;
    }
    return next_ms;
}
