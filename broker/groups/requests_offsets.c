#include "broker/groups/asks.h"
#include "broker/groups/entries.h"
#include "broker/groups/parts.h"
#include "broker/groups/requests.h"
#include "broker/groups/writes.h"
#include "common/check.h"
#include "common/text.h"
#include "proto/kafka_errors.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_delete.h"
#include "proto/msg/offset_fetch.h"

#define COMMIT_WITH_IDS 10
#define COMMIT_SAYS_NOT_FOUND 9
#define FETCH_OF_SEVERAL 8
#define FETCH_WITH_IDS 10
#define NO_OFFSET (-1)

/* ---- OffsetCommit ---- */

static uint32_t count_commits(const struct offset_commit_request *q)
{
    const struct offset_commit_request_topic *topics = q->topics.items;
    uint32_t count = 0;
    for (int32_t i = 0; i < q->topics.count; i++) count += (uint32_t)topics[i].partitions.count;
    return count;
}

/* May whoever asks commit to this group? Makes a group of somebody without membership. */
static int16_t check_commit(struct groups *gs, const struct group_ask *ask,
                            const struct offset_commit_request *q, struct group_entry **out)
{
    int16_t error = KAFKA_NONE;
    struct coordinator *c = ask_coordinator(gs, ask, q->group_id, &error);
    if (c == NULL) return error;
    struct group_entry *e = entry_find(c, q->group_id);
    bool is_member = q->generation_id_or_member_epoch >= 0;
    if (e == NULL && is_member) {
        return ask->version.number >= COMMIT_SAYS_NOT_FOUND ? KAFKA_GROUP_ID_NOT_FOUND
                                                            : KAFKA_ILLEGAL_GENERATION;
    }
    if (e != NULL && e->is_deleting) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (e == NULL) e = entry_find_or_add(c, q->group_id);
    *out = e;
    if (entry_is_consumer(e)) {
        struct consumer_commit of_consumer = {
            .member_id = q->member_id,
            .epoch = q->generation_id_or_member_epoch,
            .version = ask->version.number,
        };
        return consumer_check_commit(e->consumer, &of_consumer);
    }
    struct group_commit commit = {
        .member_id = q->member_id,
        .instance_id = q->group_instance_id,
        .generation = q->generation_id_or_member_epoch,
        .now_ms = env_now_ms(gs->env),
    };
    return group_commit(e->group, &commit);
}

/* One partition: into the write, or the error. */
static int16_t add_commit(struct groups *gs, const struct group_ask *ask, struct group_write *w,
                          const struct offset_commit_request *q,
                          const struct offset_commit_request_topic *t,
                          const struct offset_commit_request_partition *p)
{
    bool by_id = ask->version.number >= COMMIT_WITH_IDS;
    const struct meta_topic *topic =
        by_id ? meta_topic_by_id(gs->image, t->topic_id) : meta_topic_by_name(gs->image, t->name);
    if (topic == NULL) return by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (p->partition_index < 0 || (uint32_t)p->partition_index >= topic->partition_count) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (text_utf16_units(p->committed_metadata) > gs->options->groups.metadata_max_bytes) {
        return KAFKA_OFFSET_METADATA_TOO_LARGE;
    }
    int64_t now_ms = env_wall_ms(gs->env);
    struct offset_value value = {
        .offset = p->committed_offset,
        .leader_epoch = p->committed_leader_epoch,
        .metadata = p->committed_metadata,
        .commit_wall_ms = now_ms,
        .expire_wall_ms = q->retention_time_ms >= 0 ? now_ms + q->retention_time_ms : -1,
        .topic_id = topic->id,
    };
    write_add_commit(w, slice_of_text(topic->name), p->partition_index, &value);
    return KAFKA_NONE;
}

void request_offset_commit(struct groups *gs, struct group_ask *ask)
{
    struct offset_commit_request q;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    uint32_t count = count_commits(&q);
    struct group_entry *e = NULL;
    int16_t error = check_commit(gs, ask, &q, &e);
    if (error != KAFKA_NONE) {
        if (e != NULL) entry_drop_if_void(e);
        parts_refuse(gs, ask, count, error);
        return;
    }
    entry_set_timer(e);
    struct group_write *w = write_new(e, ask);
    parts_begin(ask, count);
    w->error_count = count;
    const struct offset_commit_request_topic *topics = q.topics.items;
    uint32_t at = 0;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct offset_commit_request_partition *parts = topics[i].partitions.items;
        for (int32_t n = 0; n < topics[i].partitions.count; n++) {
            ask->errors[at++] = add_commit(gs, ask, w, &q, &topics[i], &parts[n]);
        }
    }
    if (w->record_count > 0) {
        ask->pending = 1;
        write_queue(w);
        return;
    }
    write_free(w);
    entry_drop_if_void(e);
    parts_answer(gs, ask);
}

/* ---- OffsetFetch ---- */

/* A topic that was deleted and made again never gets its predecessor's offsets; one that was
 * deleted has none, though they are kept while it can come back. */
static bool is_current(const struct offset_entry *e, const struct meta_topic *topic)
{
    if (e == NULL || !e->is_there) return false;
    if (uuid_is_zero(e->value.topic_id)) return true;
    return topic != NULL && uuid_equal(topic->id, e->value.topic_id);
}

static struct offset_fetch_response_group_partition
fetched(int32_t partition, const struct offset_entry *e, int16_t error)
{
    struct offset_fetch_response_group_partition out = {
        .partition_index = partition,
        .committed_offset = NO_OFFSET,
        .committed_leader_epoch = -1,
        .metadata = slice_of_text(""),
        .error_code = error,
    };
    if (e == NULL) return out;
    out.committed_offset = e->value.offset;
    out.committed_leader_epoch = e->value.leader_epoch;
    out.metadata = e->value.metadata;
    return out;
}

/* What one group is asked, in the form of the newest version. */
static bool fetch_named(struct groups *gs, const struct group_entry *e, bool by_id,
                        const struct offset_fetch_request_group_topic *asked,
                        struct offset_fetch_response_group_topic *out)
{
    const struct meta_topic *topic = by_id ? meta_topic_by_id(gs->image, asked->topic_id)
                                           : meta_topic_by_name(gs->image, asked->name);
    struct slice name = asked->name;
    if (by_id) name = topic != NULL ? slice_of_text(topic->name) : slice_of_text("");
    int16_t error = by_id && topic == NULL ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_NONE;
    const int32_t *numbers = asked->partition_indexes.items;
    int32_t count = asked->partition_indexes.count;
    struct offset_fetch_response_group_partition *parts =
        arena_take(&gs->arena, (size_t)count, sizeof *parts);
    if (parts == NULL) return false;
    for (int32_t i = 0; i < count; i++) {
        const struct offset_entry *at =
            e != NULL && error == 0 ? offsets_find(&e->offsets, name, numbers[i]) : NULL;
        parts[i] = fetched(numbers[i], is_current(at, topic) ? at : NULL, error);
    }
    *out = (struct offset_fetch_response_group_topic){
        .name = asked->name, .topic_id = asked->topic_id, .partitions = {parts, count}};
    return true;
}

static bool fetch_topic(struct groups *gs, const struct offset_topic *t,
                        struct offset_fetch_response_group_topic *out)
{
    const struct meta_topic *topic = meta_topic_by_name(gs->image, t->name);
    struct offset_fetch_response_group_partition *parts =
        arena_take(&gs->arena, HASH_COUNT(t->partitions), sizeof *parts);
    if (parts == NULL) return false;
    int32_t count = 0;
    struct offset_entry *at;
    for (at = t->partitions; at != NULL; at = at->hh.next) {
        if (is_current(at, topic)) parts[count++] = fetched(at->partition, at, KAFKA_NONE);
    }
    *out =
        (struct offset_fetch_response_group_topic){.name = t->name, .partitions = {parts, count}};
    if (topic != NULL) out->topic_id = topic->id;
    return true;
}

static bool fetch_all(struct groups *gs, const struct group_entry *e, bool by_id,
                      struct offset_fetch_response_group *out)
{
    if (e == NULL) return true;
    struct offset_fetch_response_group_topic *topics =
        arena_take(&gs->arena, HASH_COUNT(e->offsets.topics), sizeof *topics);
    if (topics == NULL) return false;
    int32_t count = 0;
    struct offset_topic *t;
    for (t = e->offsets.topics; t != NULL; t = t->hh.next) {
        if (!fetch_topic(gs, t, &topics[count])) return false;
        bool is_named = !by_id || !uuid_is_zero(topics[count].topic_id);
        if (topics[count].partitions.count > 0 && is_named) count++;
    }
    out->topics = (struct array){topics, count};
    return true;
}

/* A member of the consumer protocol says who it is, and is told if it is so no more. */
static int16_t check_fetch(const struct group_entry *e, const struct offset_fetch_request_group *q)
{
    if (q->member_id.at == NULL && q->member_epoch < 0) return KAFKA_NONE;
    if (e == NULL) return KAFKA_GROUP_ID_NOT_FOUND;
    if (!entry_is_consumer(e)) return KAFKA_NONE;
    return consumer_check_fetch(e->consumer, q->member_id, q->member_epoch);
}

static bool fetch_group(struct groups *gs, const struct group_ask *ask,
                        const struct offset_fetch_request_group *asked,
                        struct offset_fetch_response_group *out)
{
    bool by_id = ask->version.number >= FETCH_WITH_IDS;
    *out = (struct offset_fetch_response_group){.group_id = asked->group_id};
    const struct coordinator *c = ask_coordinator(gs, ask, asked->group_id, &out->error_code);
    if (c == NULL) return true;
    const struct group_entry *e = entry_find(c, asked->group_id);
    out->error_code = check_fetch(e, asked);
    if (out->error_code != KAFKA_NONE) return true;
    if (asked->topics.count < 0) return fetch_all(gs, e, by_id, out);

    const struct offset_fetch_request_group_topic *from = asked->topics.items;
    struct offset_fetch_response_group_topic *topics =
        arena_take(&gs->arena, (size_t)asked->topics.count, sizeof *topics);
    if (topics == NULL) return false;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        if (!fetch_named(gs, e, by_id, &from[i], &topics[i])) return false;
    }
    out->topics = (struct array){topics, asked->topics.count};
    return true;
}

/* Versions before 8 ask for one group. */
static bool upgrade(struct groups *gs, const struct offset_fetch_request *q,
                    struct offset_fetch_request_group *out)
{
    *out = (struct offset_fetch_request_group){.group_id = q->group_id, .member_epoch = -1};
    out->topics.count = q->topics.count;
    if (q->topics.count < 0) return true;
    const struct offset_fetch_request_topic *from = q->topics.items;
    struct offset_fetch_request_group_topic *topics =
        arena_take(&gs->arena, (size_t)q->topics.count, sizeof *topics);
    if (topics == NULL) return false;
    for (int32_t i = 0; i < q->topics.count; i++) {
        topics[i].name = from[i].name;
        topics[i].partition_indexes = from[i].partition_indexes;
    }
    out->topics.items = topics;
    return true;
}

static bool downgrade(struct groups *gs, const struct group_ask *ask,
                      const struct offset_fetch_request *q,
                      const struct offset_fetch_response_group *group,
                      struct offset_fetch_response *out)
{
    out->error_code = group->error_code;
    const struct offset_fetch_response_group_topic *from = group->topics.items;
    struct offset_fetch_response_topic *topics =
        arena_take(&gs->arena, (size_t)group->topics.count, sizeof *topics);
    if (topics == NULL) return false;
    for (int32_t i = 0; i < group->topics.count; i++) {
        int32_t count = from[i].partitions.count;
        const struct offset_fetch_response_group_partition *p = from[i].partitions.items;
        struct offset_fetch_response_partition *parts =
            arena_take(&gs->arena, (size_t)count, sizeof *parts);
        if (parts == NULL) return false;
        for (int32_t n = 0; n < count; n++) {
            parts[n] = (struct offset_fetch_response_partition){
                .partition_index = p[n].partition_index,
                .committed_offset = p[n].committed_offset,
                .committed_leader_epoch = p[n].committed_leader_epoch,
                .metadata = p[n].metadata,
                .error_code = p[n].error_code,
            };
        }
        topics[i] = (struct offset_fetch_response_topic){.name = from[i].name,
                                                         .partitions = {parts, count}};
    }
    out->topics = (struct array){topics, group->topics.count};
    /* Version 1 has no place for the group's error but the partitions. */
    if (group->error_code == KAFKA_NONE || ask->version.number >= 2) return true;
    struct offset_fetch_request_group asked;
    if (!upgrade(gs, q, &asked)) return false;
    const struct offset_fetch_request_group_topic *wanted = asked.topics.items;
    topics = arena_take(&gs->arena, (size_t)asked.topics.count, sizeof *topics);
    if (topics == NULL) return false;
    for (int32_t i = 0; i < asked.topics.count; i++) {
        int32_t count = wanted[i].partition_indexes.count;
        const int32_t *numbers = wanted[i].partition_indexes.items;
        struct offset_fetch_response_partition *parts =
            arena_take(&gs->arena, (size_t)count, sizeof *parts);
        if (parts == NULL) return false;
        for (int32_t n = 0; n < count; n++) {
            parts[n] = (struct offset_fetch_response_partition){.partition_index = numbers[n],
                                                                .committed_offset = NO_OFFSET,
                                                                .metadata = slice_of_text(""),
                                                                .error_code = group->error_code};
        }
        topics[i] = (struct offset_fetch_response_topic){.name = wanted[i].name,
                                                         .partitions = {parts, count}};
    }
    out->topics = (struct array){topics, asked.topics.count};
    return true;
}

static bool answer_fetch(struct groups *gs, struct group_ask *ask)
{
    struct offset_fetch_request q;
    struct offset_fetch_response answer;
    if (!ask_decode(gs, ask, &q)) return false;
    kafka_defaults(&schema_offset_fetch_response, &answer);
    if (ask->version.number < FETCH_OF_SEVERAL) {
        struct offset_fetch_request_group asked;
        struct offset_fetch_response_group group;
        if (!upgrade(gs, &q, &asked) || !fetch_group(gs, ask, &asked, &group)) return false;
        if (!downgrade(gs, ask, &q, &group, &answer)) return false;
        ask_answer(gs, ask, &answer);
        return true;
    }
    const struct offset_fetch_request_group *asked = q.groups.items;
    struct offset_fetch_response_group *groups =
        arena_take(&gs->arena, (size_t)q.groups.count, sizeof *groups);
    if (groups == NULL) return false;
    int32_t count = 0;
    for (int32_t i = 0; i < q.groups.count; i++) {
        if (!ask_is_about(gs, ask, asked[i].group_id)) continue;
        if (!fetch_group(gs, ask, &asked[i], &groups[count++])) return false;
    }
    answer.groups = (struct array){groups, count};
    ask_answer(gs, ask, &answer);
    return true;
}

void request_offset_fetch(struct groups *gs, struct group_ask *ask)
{
    if (!answer_fetch(gs, ask)) ask_answer_nothing(gs, ask);
}

/* ---- OffsetDelete ---- */

static void refuse_delete(struct groups *gs, struct group_ask *ask, int16_t error)
{
    struct offset_delete_response answer = {.error_code = error};
    ask_answer(gs, ask, &answer);
}

static int16_t check_delete(struct groups *gs, const struct group_ask *ask, struct slice group_id,
                            struct group_entry **out)
{
    int16_t error = KAFKA_NONE;
    if (group_id.size == 0) return KAFKA_INVALID_GROUP_ID;
    struct coordinator *c = ask_coordinator(gs, ask, group_id, &error);
    if (c == NULL) return error;
    *out = entry_find(c, group_id);
    if (*out == NULL) return KAFKA_GROUP_ID_NOT_FOUND;
    if ((*out)->is_deleting) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (entry_is_consumer(*out)) return KAFKA_NONE;
    /* Of members of another type we cannot know what they consume. */
    bool is_empty = (*out)->group->state == GROUP_EMPTY;
    return is_empty || group_is_consumer((*out)->group) ? KAFKA_NONE : KAFKA_NON_EMPTY_GROUP;
}

static int16_t delete_one(struct groups *gs, struct group_write *w,
                          const struct offset_delete_request_topic *t, int32_t partition)
{
    const struct meta_topic *topic = meta_topic_by_name(gs->image, t->name);
    const struct group *g = w->entry->group;
    bool is_there = offsets_find(&w->entry->offsets, t->name, partition) != NULL;
    bool is_partition =
        topic != NULL && partition >= 0 && (uint32_t)partition < topic->partition_count;
    if (!is_partition && !is_there) return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    bool is_known = true;
    bool subscribes = entry_is_consumer(w->entry) ? consumer_subscribes(w->entry->consumer, t->name)
                                                  : group_subscribes(g, t->name, &is_known);
    if (entry_member_count(w->entry) > 0 && (subscribes || !is_known))
        return KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
    if (is_there) write_add_deletion(w, t->name, partition);
    return KAFKA_NONE;
}

void request_offset_delete(struct groups *gs, struct group_ask *ask)
{
    struct offset_delete_request q;
    if (!ask_decode(gs, ask, &q)) {
        ask_answer_nothing(gs, ask);
        return;
    }
    struct group_entry *e = NULL;
    int16_t error = check_delete(gs, ask, q.group_id, &e);
    if (error != KAFKA_NONE) {
        refuse_delete(gs, ask, error);
        return;
    }
    const struct offset_delete_request_topic *topics = q.topics.items;
    uint32_t count = 0;
    for (int32_t i = 0; i < q.topics.count; i++) count += (uint32_t)topics[i].partitions.count;
    parts_begin(ask, count);
    struct group_write *w = write_new(e, ask);
    w->error_count = count;
    uint32_t at = 0;
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct offset_delete_request_partition *parts = topics[i].partitions.items;
        for (int32_t n = 0; n < topics[i].partitions.count; n++) {
            ask->errors[at++] = delete_one(gs, w, &topics[i], parts[n].partition_index);
        }
    }
    if (w->record_count > 0) {
        ask->pending = 1;
        write_queue(w);
        return;
    }
    write_free(w);
    parts_answer(gs, ask);
}
