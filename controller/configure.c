#include "controller/configure.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "proto/node_config.h"

/* In a file that serves both programs: where the broker's logs are, but not among them. */
#define COMBINED_FOLDER "/controller"

static int fill_numbers(struct server_config *c, struct controller_options *o)
{
    o->election_timeout_min_ms = config_u32_of(c, "controller.quorum.election.timeout.ms");
    o->election_timeout_max_ms = 2 * o->election_timeout_min_ms;
    CHECK(o->election_timeout_min_ms >= 2 * o->raft_heartbeat_ms);
    o->broker_session_timeout_ms = config_u32_of(c, "broker.session.timeout.ms");
    o->broker_heartbeat_interval_ms = config_u32_of(c, "broker.heartbeat.interval.ms");
    o->hang_ms = config_u32_of(c, "broker.hang.timeout.ms");
    o->connection_max = config_u32_of(c, "max.connections");
    o->connection_max_per_address = config_u32_of(c, "max.connections.per.ip");
    o->snapshot_bytes = config_u32_of(c, "metadata.log.max.record.bytes.between.snapshots");
    bool is_balanced = config_flag(c, "auto.leader.rebalance.enable");
    o->balance_interval_ms =
        is_balanced ? config_u32_of(c, "leader.imbalance.check.interval.seconds") * 1000 : 0;
    o->balance_percentage = config_u32_of(c, "leader.imbalance.per.broker.percentage");
    o->groups = (struct group_limits){
        .session_min_ms = config_u32_of(c, "group.consumer.min.session.timeout.ms"),
        .session_max_ms = config_u32_of(c, "group.consumer.max.session.timeout.ms"),
        .heartbeat_min_ms = config_u32_of(c, "group.consumer.min.heartbeat.interval.ms"),
        .heartbeat_max_ms = config_u32_of(c, "group.consumer.max.heartbeat.interval.ms"),
    };
    if (node_ring(c, &o->ring_bytes, &o->ring_flush_ms) != 0) return -ERR_INVALID;
    return config_need_above(c, "broker.session.timeout.ms", "broker.heartbeat.interval.ms");
}

/* Addresses without ids name the only controller, which is this one, or nothing that a quorum could
 * begin with. */
static int take_bootstrap(struct server_config *c, struct controller_options *o)
{
    const char *servers = config_text(c, "controller.quorum.bootstrap.servers");
    if (o->voter_count > 1)
        return config_refuse(c,
                             "controller.quorum.bootstrap.servers=%.200s: several controllers "
                             "need their ids too: say controller.quorum.voters=id@host:port,...",
                             servers);
    if (config_is_set(c, "listeners") && o->listen_port != o->voters[0].port)
        return config_refuse(c,
                             "controller.quorum.bootstrap.servers=%.200s is not this controller, "
                             "which listens on port %u: say controller.quorum.voters="
                             "id@host:port,...",
                             servers, o->listen_port);
    o->voters[0].id = o->node_id;
    return 0;
}

/* The listener that controller.listener.names names. */
static int take_listener(struct server_config *c, struct controller_options *o)
{
    struct node_listener all[NODE_LISTENERS_MAX];
    uint32_t count;
    if (!config_is_set(c, "listeners")) return 0;
    if (node_listeners(c, all, &count) != 0) return -ERR_INVALID;
    for (uint32_t i = 0; i < count; i++) {
        if (!all[i].is_controllers) continue;
        memcpy(o->listen_host, all[i].host, sizeof o->listen_host);
        o->listen_port = all[i].port;
        return 0;
    }
    return config_refuse(c, "listeners has none of the name in controller.listener.names, %.60s",
                         config_text(c, "controller.listener.names"));
}

static int fill_voters(struct server_config *c, struct controller_options *o)
{
    int rc = take_listener(c, o);
    if (rc == 0) rc = node_voters(c, o->voters, CONTROLLER_VOTERS_MAX, &o->voter_count);
    if (rc == 0 && o->voters[0].id == 0) rc = take_bootstrap(c, o);
    if (rc != 0) return rc;

    const struct node_voter *own = NULL;
    bool is_local = true;
    for (uint32_t i = 0; i < o->voter_count; i++) {
        if (o->voters[i].id == o->node_id) own = &o->voters[i];
        if (!node_host_is_loopback(o->voters[i].host)) is_local = false;
    }
    /* It waits to be added to a quorum that runs (jackdaw quorum add). */
    if (own == NULL && o->listen_port == 0)
        return config_refuse(c,
                             "controller.quorum.voters does not name this node, node.id=%u: name "
                             "it, or, to join a quorum that runs, say listeners=CONTROLLER://"
                             "host:port",
                             o->node_id);
    if (own == NULL) return 0;
    if (o->listen_port == 0) {
        memcpy(o->listen_host, own->host, sizeof o->listen_host);
        o->listen_port = own->port;
    }
    if (is_local || node_host_is_any(o->listen_host) || !node_host_is_loopback(o->listen_host))
        return 0;
    return config_refuse(c,
                         "listeners: %.100s is only for this machine, and controller.quorum."
                         "voters names others: say CONTROLLER://%.100s:%u",
                         o->listen_host, own->host, o->listen_port);
}

static int fill_folder(struct server_config *c, struct controller_options *o, bool is_combined)
{
    bool is_own = config_is_set(c, "metadata.log.dir");
    const char *key = is_own ? "metadata.log.dir" : node_folders_key(c);
    const char *folder = config_text(c, key);
    if (strcspn(folder, ",") == 0) return config_refuse(c, "%s names no folder", key);
    /* As Kafka does: of several folders the first one has the metadata. */
    int size = snprintf(o->log_dir, sizeof o->log_dir, "%.*s%s", (int)strcspn(folder, ","), folder,
                        is_combined && !is_own ? COMBINED_FOLDER : "");
    if (size < (int)sizeof o->log_dir) return 0;
    return config_refuse(c, "log.dirs is longer than %zu bytes", sizeof o->log_dir - 1);
}

int controller_configure(struct server_config *c, struct controller_options *o)
{
    controller_options_default(o);
    bool is_combined;
    int32_t id = 0;
    int rc = node_role(c, "controller", &is_combined);
    if (rc == 0) rc = node_id(c, 1, &id);
    o->node_id = (uint32_t)id;
    if (rc == 0) rc = fill_numbers(c, o);
    if (rc == 0) rc = fill_voters(c, o);
    if (rc == 0) rc = node_http(c, o->http_host, &o->http_port);
    if (rc == 0) rc = fill_folder(c, o, is_combined);
    if (rc == 0) rc = node_seeds(c, o->seeds, &o->seed_count);
    return rc;
}
