#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/groups/asks.h"
#include "broker/groups/coordinator.h"
#include "common/check.h"
#include "common/zeroed.h"
#include "proto/kafka_errors.h"
#include "proto/msg/consumer_group_describe.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "proto/msg/delete_groups.h"
#include "proto/msg/describe_groups.h"
#include "proto/msg/find_coordinator.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/list_groups.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_delete.h"
#include "proto/msg/offset_fetch.h"
#include "proto/msg/sync_group.h"

static const char NO_TRANSACTIONS[] = "transactions are not supported yet";
static const char NOT_MADE_YET[] = "the topic of the offsets is being made";
static const char NO_SUCH_KIND[] = "coordinators are of groups (0) and of transactions (1)";
static const char NO_LEADER[] = "the group's partition has no leader at the moment";

static const struct meta_topic *offsets_topic(const struct shard *s)
{
    return meta_topic_by_name(&s->image, slice_of_text(OFFSETS_TOPIC));
}

/* ---- FindCoordinator ---- */

static void find_group(struct shard *s, struct request *r, struct slice group_id,
                       struct find_coordinator_response_coordinator *out)
{
    out->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    const struct meta_topic *topic = offsets_topic(s);
    if (topic == NULL || topic->partition_count == 0) {
        forward_create_offsets_topic(s);
        out->error_message = slice_of_text(NOT_MADE_YET);
        return;
    }
    int32_t number = group_partition(group_id, topic->partition_count);
    const struct meta_broker *leader =
        meta_broker_find(&s->image, topic->partitions[number].leader);
    if (leader == NULL || leader->fenced ||
        !broker_endpoint(s, r, leader, &out->host, &out->port)) {
        out->host = slice_of_text("");
        out->error_message = slice_of_text(NO_LEADER);
        return;
    }
    out->error_code = KAFKA_NONE;
    out->error_message = slice_of_text("NONE"); /* As Kafka. */
    out->node_id = leader->id;
}

static void find(struct shard *s, struct request *r, int8_t key_type, struct slice key,
                 struct find_coordinator_response_coordinator *out)
{
    *out = (struct find_coordinator_response_coordinator){.key = key, .node_id = -1, .port = -1};
    switch (key_type) {
    case COORDINATOR_GROUP: find_group(s, r, key, out); return;
    case COORDINATOR_TRANSACTION:
        out->error_code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        out->error_message = slice_of_text(NO_TRANSACTIONS);
        return;
    default:
        out->error_code = KAFKA_INVALID_REQUEST;
        out->error_message = slice_of_text(NO_SUCH_KIND);
        return;
    }
}

bool handle_find_coordinator(struct shard *s, struct request *r, struct slice body)
{
    struct find_coordinator_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    struct find_coordinator_response answer;
    kafka_defaults(&schema_find_coordinator_response, &answer);
    if (r->version.number < 4) {
        struct find_coordinator_response_coordinator one;
        find(s, r, q.key_type, q.key, &one);
        answer.error_code = one.error_code;
        answer.error_message = one.error_message;
        answer.node_id = one.node_id;
        answer.host = one.host;
        answer.port = one.port;
    } else {
        const struct slice *keys = q.coordinator_keys.items;
        int32_t count = q.coordinator_keys.count;
        struct find_coordinator_response_coordinator *items =
            arena_take(&s->scratch, (size_t)count, sizeof *items);
        if (items == NULL) return false;
        for (int32_t i = 0; i < count; i++) find(s, r, q.key_type, keys[i], &items[i]);
        answer.coordinators = (struct array){items, count};
    }
    request_answer(s, r, &answer);
    return true;
}

/* ---- To the owners. ---- */

/* What a request is about, for its way to the shards. */
struct about {
    bool is_of_all;      /* Every shard is asked. */
    struct array groups; /* struct slice: their ids. */
    struct slice one;
};

static bool copy_ids(struct shard *s, const struct offset_fetch_request *q, struct array *out)
{
    const struct offset_fetch_request_group *groups = q->groups.items;
    struct slice *ids = arena_take(&s->scratch, (size_t)q->groups.count, sizeof *ids);
    if (ids == NULL) return false;
    for (int32_t i = 0; i < q->groups.count; i++) ids[i] = groups[i].group_id;
    *out = (struct array){ids, q->groups.count};
    return true;
}

static bool read_about(struct shard *s, struct request *r, struct slice body, struct about *out)
{
    union {
        struct join_group_request join;
        struct sync_group_request sync;
        struct heartbeat_request heartbeat;
        struct leave_group_request leave;
        struct offset_commit_request commit;
        struct offset_fetch_request fetch;
        struct offset_delete_request offset_delete;
        struct list_groups_request list;
        struct describe_groups_request describe;
        struct delete_groups_request delete;
        struct consumer_group_heartbeat_request beat;
        struct consumer_group_describe_request consumers;
    } q;
    *out = (struct about){0};
    if (request_decode(s, r, body, &q) != 0) return false;
    switch (r->api->key) {
    case KAFKA_API_JOIN_GROUP: out->one = q.join.group_id; break;
    case KAFKA_API_SYNC_GROUP: out->one = q.sync.group_id; break;
    case KAFKA_API_HEARTBEAT: out->one = q.heartbeat.group_id; break;
    case KAFKA_API_LEAVE_GROUP: out->one = q.leave.group_id; break;
    case KAFKA_API_OFFSET_COMMIT: out->one = q.commit.group_id; break;
    case KAFKA_API_OFFSET_DELETE: out->one = q.offset_delete.group_id; break;
    case KAFKA_API_LIST_GROUPS: out->is_of_all = true; return true;
    case KAFKA_API_DESCRIBE_GROUPS: out->groups = q.describe.groups; return true;
    case KAFKA_API_CONSUMER_GROUP_HEARTBEAT: out->one = q.beat.group_id; break;
    case KAFKA_API_CONSUMER_GROUP_DESCRIBE: out->groups = q.consumers.group_ids; return true;
    case KAFKA_API_DELETE_GROUPS: out->groups = q.delete.groups_names; return true;
    case KAFKA_API_OFFSET_FETCH:
        if (r->version.number >= 8) return copy_ids(s, &q.fetch, &out->groups);
        out->one = q.fetch.group_id;
        break;
    default: UNREACHABLE();
    }
    out->groups = (struct array){&out->one, 1};
    return true;
}

/* The asks of a request, in its state. */
struct asks {
    uint32_t count;
    uint32_t pending;
    struct group_ask items[];
};

static void free_asks(struct shard *s, void *state)
{
    (void)s;
    struct asks *asks = state;
    for (uint32_t i = 0; i < asks->count; i++) {
        buf_unref(asks->items[i].answer);
        free(asks->items[i].errors);
    }
    free(asks);
}

static void fill_ask(struct shard *s, struct request *r, const struct kafka_request_header *h,
                     struct slice body, uint32_t owner, struct group_ask *out)
{
    const struct meta_topic *topic = offsets_topic(s);
    out->post.link.kind = POST_GROUP_ASK;
    out->post.home = s->number;
    out->request = r;
    out->api = r->api;
    out->version = r->version;
    out->body = body;
    out->client_id = h->client_id;
    (void)snprintf(out->client_host, sizeof out->client_host, "/%.60s", r->conn->address);
    out->owner = owner;
    if (topic == NULL) return;
    out->topic_id = topic->id;
    out->partition_count = topic->partition_count;
}

static uint32_t mark_owners(struct shard *s, const struct about *about,
                            bool owners[RPC_SHARDS_MAX + 1])
{
    const struct meta_topic *topic = offsets_topic(s);
    const struct slice *ids = about->groups.items;
    for (uint32_t n = 1; about->is_of_all && n <= s->options->shard_count; n++) owners[n] = true;
    for (int32_t i = 0; topic != NULL && i < about->groups.count; i++) {
        owners[group_owner(s->options, ids[i], topic->partition_count)] = true;
    }
    uint32_t count = 0;
    for (uint32_t n = 1; n <= s->options->shard_count; n++) count += owners[n];
    if (count > 0) return count;
    owners[s->number] = true; /* Somebody must say that there is nothing. */
    return 1;
}

bool handle_group(struct shard *s, struct request *r, struct slice body)
{
    struct about about;
    struct kafka_request_header h;
    struct slice again;
    if (!read_about(s, r, body, &about)) return false;
    if (kafka_request_open(buf_slice(r->frame), &h, &again) != FRAME_OK) return false;

    bool owners[RPC_SHARDS_MAX + 1] = {0};
    uint32_t count = mark_owners(s, &about, owners);
    struct asks *asks = zeroed(sizeof *asks + count * sizeof asks->items[0]);
    for (uint32_t n = 1; n <= s->options->shard_count; n++) {
        if (owners[n]) fill_ask(s, r, &h, body, n, &asks->items[asks->count++]);
    }
    CHECK(asks->count == count);
    asks->pending = count;
    r->state = asks;
    r->free_state = free_asks;
    struct group_ask *own = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct group_ask *ask = &asks->items[i];
        if (ask->owner == s->number) {
            own = ask;
        } else {
            shard_post(s, ask->owner, &ask->post);
        }
    }
    if (own != NULL) groups_start(&s->groups, own);
    return true;
}

/* ---- And home again. ---- */

/* Appends one answer's list to another's. */
static bool append(struct shard *s, struct array *to, const struct array *from, size_t item_size)
{
    if (from->count <= 0) return true;
    uint8_t *items = arena_take(&s->scratch, (size_t)to->count + (size_t)from->count, item_size);
    if (items == NULL) return false;
    if (to->count > 0) memcpy(items, to->items, (size_t)to->count * item_size);
    memcpy(items + (size_t)to->count * item_size, from->items, (size_t)from->count * item_size);
    *to = (struct array){items, to->count + from->count};
    return true;
}

/* Which list of an answer is made of several shards' parts. */
static struct array *list_of(const struct request *r, void *answer, size_t *item_size)
{
    switch (r->api->key) {
    case KAFKA_API_LIST_GROUPS:
        *item_size = sizeof(struct list_groups_response_group);
        return &((struct list_groups_response *)answer)->groups;
    case KAFKA_API_DESCRIBE_GROUPS:
        *item_size = sizeof(struct describe_groups_response_group);
        return &((struct describe_groups_response *)answer)->groups;
    case KAFKA_API_CONSUMER_GROUP_DESCRIBE:
        *item_size = sizeof(struct consumer_group_describe_group);
        return &((struct consumer_group_describe_response *)answer)->groups;
    case KAFKA_API_DELETE_GROUPS:
        *item_size = sizeof(struct delete_groups_response_result);
        return &((struct delete_groups_response *)answer)->results;
    case KAFKA_API_OFFSET_FETCH:
        *item_size = sizeof(struct offset_fetch_response_group);
        return &((struct offset_fetch_response *)answer)->groups;
    default: UNREACHABLE();
    }
    return NULL;
}

union joint {
    struct list_groups_response list;
    struct describe_groups_response describe;
    struct consumer_group_describe_response consumers;
    struct delete_groups_response delete;
    struct offset_fetch_response fetch;
};

static bool join(struct shard *s, struct request *r, const struct asks *asks, union joint *out)
{
    s->scratch.used = 0;
    kafka_defaults(r->api->response, out);
    size_t item_size = 0;
    struct array *list = list_of(r, out, &item_size);
    for (uint32_t i = 0; i < asks->count; i++) {
        union joint part;
        int rc = kafka_decode(r->api->response, r->version, buf_slice(asks->items[i].answer),
                              &s->scratch, &part);
        if (rc != 0) return false;
        if (!append(s, list, list_of(r, &part, &item_size), item_size)) return false;
        if (r->api->key == KAFKA_API_LIST_GROUPS && part.list.error_code != KAFKA_NONE) {
            out->list.error_code = part.list.error_code;
        }
    }
    return true;
}

static void answer(struct shard *s, struct request *r, const struct asks *asks)
{
    for (uint32_t i = 0; i < asks->count; i++) {
        if (asks->items[i].answer != NULL) continue;
        request_answer_nothing(s, r, true);
        return;
    }
    if (asks->count == 1) {
        request_answer_body(s, r, buf_slice(asks->items[0].answer));
        return;
    }
    union joint whole;
    if (join(s, r, asks, &whole)) {
        request_answer(s, r, &whole);
    } else {
        request_answer_nothing(s, r, true);
    }
}

void groups_on_ask_back(struct shard *s, struct group_ask *ask)
{
    struct request *r = ask->request;
    struct asks *asks = r->state;
    CHECK(asks->pending > 0);

    ask->is_home = true;
    if (--asks->pending == 0) answer(s, r, asks);
}
