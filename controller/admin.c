#include "controller/admin.h"

#include <stdio.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/decide/configs.h"
#include "controller/decide/features.h"
#include "controller/decide/leaders.h"
#include "controller/decide/reassign.h"
#include "controller/decide/retired.h"
#include "controller/decide/topics.h"
#include "controller/members.h"
#include "controller/propose.h"
#include "controller/quorum.h"
#include "controller/voters.h"
#include "controller/waiters.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_quorum.h"
#include "proto/msg/raft_voters.h"

#define REPLY_MAX_BYTES (12u * 1024 * 1024)
/* Answers are larger than what asks for them: CreateTopics tells every configuration. */
#define WORK_BYTES(size) ((size_t)(size)*256 + 1024 * 1024)

/* One request on its way: decoded, decided, answered. */
struct call {
    struct controller *c;
    const void *request;
    void *response;
    struct decision d;
    int16_t version;
    int32_t timeout_ms; /* The client's; 0: it has none. */
    uint32_t learner;   /* The answer waits until this one votes; 0: nobody. */
};

/* ---- One function per API: 0 or -ERR_X. ---- */

static int create_topics(struct call *call)
{
    const struct create_topics_request *request = call->request;
    uint32_t count = request->topics.count < 0 ? 0 : (uint32_t)request->topics.count;
    struct uuid *ids = decision_take(&call->d, count, sizeof *ids);
    if (ids == NULL) return -ERR_LIMIT;
    for (uint32_t i = 0; i < count; i++) {
        env_random(call->c->env, ids[i].bytes, sizeof ids[i].bytes);
        /* Version 4 of RFC 4122, as Kafka's. And no id begins with a dash on a command line. */
        ids[i].bytes[6] = (uint8_t)((ids[i].bytes[6] & 0x0f) | 0x40);
        ids[i].bytes[8] = (uint8_t)((ids[i].bytes[8] & 0x3f) | 0x80);
        if (ids[i].bytes[0] >> 2 == 62) ids[i].bytes[0] = 0;
    }
    call->timeout_ms = request->timeout_ms;
    return decide_create_topics(decision_image(call->c), request, ids, &call->d, call->response);
}

static int delete_topics(struct call *call)
{
    const struct delete_topics_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_delete_topics(decision_image(call->c), request, env_wall_ms(call->c->env),
                                &call->d, call->response);
}

static int retired_topics(struct call *call)
{
    const struct retired_topics_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_retired_topics(decision_image(call->c), request, env_wall_ms(call->c->env),
                                 &call->d, call->response);
}

static int create_partitions(struct call *call)
{
    const struct create_partitions_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_create_partitions(decision_image(call->c), request, &call->d, call->response);
}

static int incremental_alter_configs(struct call *call)
{
    return decide_incremental_alter_configs(decision_image(call->c), &call->c->options.groups,
                                            call->request, &call->d, call->response);
}

static int alter_configs(struct call *call)
{
    return decide_alter_configs(decision_image(call->c), &call->c->options.groups, call->request,
                                &call->d, call->response);
}

static int elect_leaders(struct call *call)
{
    const struct elect_leaders_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_elect_leaders(decision_image(call->c), &call->c->ends, request, &call->d,
                                call->response);
}

static int alter_reassignments(struct call *call)
{
    const struct alter_reassignments_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_alter_reassignments(decision_image(call->c), request, &call->d, call->response);
}

static int unregister_broker(struct call *call)
{
    decide_unregister(decision_image(call->c), call->request, &call->d, call->response);
    return 0;
}

static int update_features(struct call *call)
{
    const struct update_features_request *request = call->request;
    call->timeout_ms = request->timeout_ms;
    return decide_update_features(decision_image(call->c), request, call->version, &call->d,
                                  call->response);
}

static int16_t check_cluster(struct call *call, struct slice id, struct slice *why)
{
    bool is_ours = id.at == NULL || slice_equal(id, slice_of_text(call->c->cluster_id));
    if (!is_ours) *why = decision_say(&call->d, "this is cluster %s", call->c->cluster_id);
    return is_ours ? KAFKA_NONE : KAFKA_INCONSISTENT_CLUSTER_ID;
}

static int add_raft_voter(struct call *call)
{
    const struct add_raft_voter_request *request = call->request;
    const struct add_raft_voter_request_listener *listeners = request->listeners.items;
    struct add_raft_voter_response *response = call->response;
    struct node_voter at = {.id = (uint32_t)request->voter_id};
    struct slice why = {0};
    bool fits = request->listeners.count > 0 && listeners[0].host.size < sizeof at.host;
    if (fits) {
        (void)snprintf(at.host, sizeof at.host, "%.*s", (int)listeners[0].host.size,
                       (const char *)listeners[0].host.at);
        at.port = listeners[0].port;
    }
    int16_t error = check_cluster(call, request->cluster_id, &why);
    if (error == KAFKA_NONE)
        error = voters_add(call->c, &at, request->voter_directory_id, &call->d, &why);
    if (error == KAFKA_NONE && request->ack_when_committed) call->learner = at.id;
    call->timeout_ms = request->timeout_ms;
    *response = (struct add_raft_voter_response){.error_code = error, .error_message = why};
    return 0;
}

static int remove_raft_voter(struct call *call)
{
    const struct remove_raft_voter_request *request = call->request;
    struct remove_raft_voter_response *response = call->response;
    struct slice why = {0};
    int16_t error = check_cluster(call, request->cluster_id, &why);
    if (error == KAFKA_NONE)
        error = voters_remove(call->c, (uint32_t)request->voter_id, request->voter_directory_id,
                              &call->d, &why);
    *response = (struct remove_raft_voter_response){.error_code = error, .error_message = why};
    return 0;
}

/* ---- DescribeQuorum changes nothing and knows Raft. ---- */

static int64_t wall_of(struct controller *c, uint64_t then_ms)
{
    uint64_t now_ms = env_now_ms(c->env);
    if (then_ms == 0 || then_ms > now_ms) return -1;
    return env_wall_ms(c->env) - (int64_t)(now_ms - then_ms);
}

static void describe_member(struct controller *c, const struct raft_member *member,
                            struct describe_quorum_response_replica *out)
{
    const struct raft_peer *peer = raft_peer(&c->raft, member->id);
    uint64_t last = raft_last_index(&c->raft);

    out->replica_id = (int32_t)member->id;
    /* As the log has it: a wiped disk counts when it is in the set. */
    memcpy(out->replica_directory_id.bytes, member->disk, sizeof member->disk);
    if (member->id == c->options.node_id) {
        out->log_end_offset = (int64_t)last + 1;
        out->last_fetch_timestamp = env_wall_ms(c->env);
        out->last_caught_up_timestamp = out->last_fetch_timestamp;
        return;
    }
    out->last_caught_up_timestamp = -1;
    if (peer == NULL) return;
    out->log_end_offset = (int64_t)peer->match_index + 1;
    out->last_fetch_timestamp = wall_of(c, peer->heard_ms);
    if (peer->match_index == last) out->last_caught_up_timestamp = out->last_fetch_timestamp;
}

static int describe_replicas(struct call *call, struct describe_quorum_response_partition *out)
{
    struct controller *c = call->c;
    const struct raft_members *set = raft_members(&c->raft);
    struct describe_quorum_response_replica *voters =
        decision_take(&call->d, set->count, sizeof *voters);
    struct describe_quorum_response_replica *observers =
        decision_take(&call->d, HASH_COUNT(c->committed.brokers) + set->count, sizeof *observers);
    if (voters == NULL || observers == NULL) return -ERR_LIMIT;

    int32_t voter_count = 0;
    int32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        bool is_voter = set->items[i].voter;
        describe_member(c, &set->items[i], is_voter ? &voters[voter_count++] : &observers[count++]);
    }
    for (const struct meta_broker *b = c->committed.brokers; b != NULL; b = b->hh.next) {
        const struct liveness_broker *seen = liveness_find(&c->liveness, b->id);
        struct describe_quorum_response_replica *o = &observers[count++];
        o->replica_id = b->id;
        o->log_end_offset = seen == NULL ? 0 : (int64_t)seen->applied_index + 1;
        o->last_fetch_timestamp = seen == NULL ? -1 : wall_of(c, seen->heard_ms);
        o->last_caught_up_timestamp = -1;
    }
    out->current_voters = (struct array){.items = voters, .count = voter_count};
    out->observers = (struct array){.items = observers, .count = count};
    out->leader_id = (int32_t)c->options.node_id;
    out->leader_epoch = (int32_t)c->raft.vote.term;
    out->high_watermark = (int64_t)c->committed.index + 1;
    return 0;
}

static int describe_nodes(struct call *call, struct describe_quorum_response *response)
{
    struct controller *c = call->c;
    const struct raft_members *set = raft_members(&c->raft);
    struct describe_quorum_response_node *nodes =
        decision_take(&call->d, set->count, sizeof *nodes);
    struct describe_quorum_response_listener *listeners =
        decision_take(&call->d, set->count, sizeof *listeners);
    if (nodes == NULL || listeners == NULL) return -ERR_LIMIT;

    int32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct node_voter *at = members_address(c, set->items[i].id);
        if (at == NULL) continue;
        listeners[count].name = slice_of_text("CONTROLLER");
        listeners[count].host = slice_of_text(at->host);
        listeners[count].port = at->port;
        nodes[count].node_id = (int32_t)at->id;
        nodes[count].listeners = (struct array){.items = &listeners[count], .count = 1};
        count++;
    }
    response->nodes = (struct array){.items = nodes, .count = count};
    return 0;
}

static int describe_quorum(struct call *call)
{
    const struct describe_quorum_request *request = call->request;
    struct describe_quorum_response *response = call->response;
    const struct describe_quorum_request_topic *topics = request->topics.items;
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    struct describe_quorum_response_topic *results =
        decision_take(&call->d, (uint32_t)count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;
    *response = (struct describe_quorum_response){.topics = {.items = results, .count = count}};

    for (int32_t i = 0; i < count; i++) {
        const struct describe_quorum_request_partition *asked = topics[i].partitions.items;
        int32_t asked_count = topics[i].partitions.count < 0 ? 0 : topics[i].partitions.count;
        struct describe_quorum_response_partition *partitions =
            decision_take(&call->d, (uint32_t)asked_count, sizeof *partitions);
        if (partitions == NULL) return -ERR_LIMIT;
        results[i].topic_name = topics[i].topic_name;
        results[i].partitions = (struct array){.items = partitions, .count = asked_count};
        bool is_ours = slice_equal(topics[i].topic_name, slice_of_text("__cluster_metadata"));
        for (int32_t j = 0; j < asked_count; j++) {
            partitions[j].partition_index = asked[j].partition_index;
            int rc = 0;
            if (is_ours && asked[j].partition_index == 0)
                rc = describe_replicas(call, &partitions[j]);
            else
                partitions[j].error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            if (rc != 0) return rc;
        }
    }
    return describe_nodes(call, response);
}

/* ---- What they share. ---- */

static const struct {
    int16_t key;
    int (*decide)(struct call *call);
} HANDLERS[] = {
    {KAFKA_API_CREATE_TOPICS, create_topics},
    {KAFKA_API_DELETE_TOPICS, delete_topics},
    {KAFKA_API_RETIRED_TOPICS, retired_topics},
    {KAFKA_API_CREATE_PARTITIONS, create_partitions},
    {KAFKA_API_INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs},
    {KAFKA_API_ALTER_CONFIGS, alter_configs},
    {KAFKA_API_ELECT_LEADERS, elect_leaders},
    {KAFKA_API_ALTER_PARTITION_REASSIGNMENTS, alter_reassignments},
    {KAFKA_API_UNREGISTER_BROKER, unregister_broker},
    {KAFKA_API_UPDATE_FEATURES, update_features},
    {KAFKA_API_ADD_RAFT_VOTER, add_raft_voter},
    {KAFKA_API_REMOVE_RAFT_VOTER, remove_raft_voter},
    {KAFKA_API_DESCRIBE_QUORUM, describe_quorum},
};

static int (*find_handler(int16_t key))(struct call *call)
{
    for (size_t i = 0; i < sizeof HANDLERS / sizeof HANDLERS[0]; i++) {
        if (HANDLERS[i].key == key) return HANDLERS[i].decide;
    }
    return NULL;
}

/* Decodes, decides, and encodes the answer, which is for when the decision is done. A Kafka code.
 */
static int16_t decide(struct call *call, const struct rpc_msg *msg, struct writer *body)
{
    const struct kafka_api *api = kafka_api_find(msg->admin.api_key);
    int (*handler)(struct call *) = find_handler(msg->admin.api_key);
    if (api == NULL || handler == NULL || !kafka_api_offers(api, msg->admin.api_version))
        return KAFKA_UNSUPPORTED_VERSION;
    if (msg->admin.body.size > ADMIN_BODY_MAX_BYTES) return KAFKA_INVALID_REQUEST;

    struct kafka_version version = kafka_api_version(api, msg->admin.api_version);
    void *request = decision_take(&call->d, 1, api->request->size);
    call->response = decision_take(&call->d, 1, api->response->size);
    CHECK(request != NULL && call->response != NULL);
    call->request = request;
    call->version = msg->admin.api_version;

    int rc = kafka_decode(api->request, version, msg->admin.body, call->d.arena, request);
    if (rc == 0) rc = handler(call);
    if (rc != 0) {
        log_warn(call->c->env, "a request %s is refused: %s", api->name, err_text(rc));
        return KAFKA_INVALID_REQUEST;
    }
    rc = kafka_encode(api->response, version, call->response, body);
    if (rc == 0 && writer_ok(body)) return KAFKA_NONE;
    log_error(call->c->env, "the answer to %s version %d cannot be encoded: %s", api->name,
              version.number, err_text(rc));
    return KAFKA_UNKNOWN_SERVER_ERROR;
}

static uint64_t wait_ms(const struct call *call)
{
    uint64_t most = call->c->options.reply_max_ms;
    bool is_shorter = call->timeout_ms > 0 && (uint64_t)call->timeout_ms < most;
    return is_shorter ? (uint64_t)call->timeout_ms : most;
}

void admin_on_request(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct writer body = writer_with(REPLY_MAX_BYTES);
    struct rpc_msg reply = {.kind = RPC_ADMIN_REPLY};
    size_t size =
        msg->admin.body.size > ADMIN_BODY_MAX_BYTES ? 0 : WORK_BYTES(msg->admin.body.size);
    struct call call = {.c = c, .d = decision_begin(c, size)};

    reply.admin_reply.correlation = msg->admin.correlation;
    reply.admin_reply.error = decide(&call, msg, &body);
    uint64_t index = 0;
    if (reply.admin_reply.error == KAFKA_NONE && call.d.count > 0) {
        int rc = quorum_propose(c, &call.d, &index);
        if (rc == -ERR_AGAIN)
            reply.admin_reply.error = KAFKA_NOT_CONTROLLER;
        else if (rc != 0)
            reply.admin_reply.error = KAFKA_INVALID_REQUEST;
    }
    if (reply.admin_reply.error == KAFKA_NONE) reply.admin_reply.body = writer_slice(&body);
    if (index != 0 && call.learner != 0)
        wait_for_learner(c, conn, index, wait_ms(&call), call.learner, &reply);
    else if (index != 0 && msg->admin.api_key == KAFKA_API_ELECT_LEADERS)
        wait_for_handovers(c, conn, index, wait_ms(&call), &reply);
    else if (index != 0)
        wait_for_everybody(c, conn, index, wait_ms(&call), &reply);
    else
        send_msg(c, conn->id, &reply);
    decision_close(&call.d);
    writer_close(&body);
}
