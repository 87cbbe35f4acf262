#include "broker/configure.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "proto/node_config.h"
#include "proto/rpc.h"

#define QUEUED_MIN_BYTES (1024 * 1024)

_Static_assert(BROKER_SEEDS_MAX <= RPC_SEEDS_MAX, "all of them are sent");
_Static_assert(sizeof(((struct broker_listener *)0)->name) == NODE_NAME_SIZE, "names");

static void fill_groups(const struct server_config *c, struct groups_options *g)
{
    g->topic_partitions = config_u32_of(c, "offsets.topic.num.partitions");
    g->topic_replication = config_u32_of(c, "offsets.topic.replication.factor");
    g->topic_segment_bytes = config_u32_of(c, "offsets.topic.segment.bytes");
    g->metadata_max_bytes = config_u32_of(c, "offset.metadata.max.bytes");
    g->commit_timeout_ms = config_u32_of(c, "offsets.commit.timeout.ms");
    g->retention_minutes = config_u32_of(c, "offsets.retention.minutes");
    g->retention_check_ms = config_u32_of(c, "offsets.retention.check.interval.ms");
    g->initial_delay_ms = config_u32_of(c, "group.initial.rebalance.delay.ms");
    g->session_min_ms = config_u32_of(c, "group.min.session.timeout.ms");
    g->session_max_ms = config_u32_of(c, "group.max.session.timeout.ms");
    g->size_max = config_u32_of(c, "group.max.size");
    g->consumer.session_ms = config_u32_of(c, "group.consumer.session.timeout.ms");
    g->consumer.session_min_ms = config_u32_of(c, "group.consumer.min.session.timeout.ms");
    g->consumer.session_max_ms = config_u32_of(c, "group.consumer.max.session.timeout.ms");
    g->consumer.heartbeat_ms = config_u32_of(c, "group.consumer.heartbeat.interval.ms");
    g->consumer.heartbeat_min_ms = config_u32_of(c, "group.consumer.min.heartbeat.interval.ms");
    g->consumer.heartbeat_max_ms = config_u32_of(c, "group.consumer.max.heartbeat.interval.ms");
    g->consumer.size_max = config_u32_of(c, "group.consumer.max.size");
}

static bool is_one_of(struct slice word, const char *const *names, uint32_t count, uint32_t *which)
{
    for (*which = 0; *which < count; ++*which) {
        if (slice_equal(word, slice_of_text(names[*which]))) return true;
    }
    return false;
}

/* By their names, or by those of Apache's classes. */
static int fill_assignors(struct server_config *c, struct groups_options *g)
{
    static const char key[] = "group.consumer.assignors";
    static const char *const names[] = {
        "uniform", "range", "org.apache.kafka.coordinator.group.assignor.UniformAssignor",
        "org.apache.kafka.coordinator.group.assignor.RangeAssignor"};
    const char *rest = config_text(c, key);
    struct slice word;
    g->consumer.assignor_count = 0;
    while (config_next_word(&rest, &word)) {
        uint32_t which;
        if (!is_one_of(word, names, sizeof names / sizeof names[0], &which)) {
            return config_refuse(c, "%s: there is no assignor %.*s; there are uniform and range",
                                 key, SLICE_TEXT(word));
        }
        bool is_there = g->consumer.assignor_count > 0 && g->consumer.assignors[0] == which % 2;
        if (is_there || g->consumer.assignor_count == GROUP_ASSIGNORS_MAX) continue;
        g->consumer.assignors[g->consumer.assignor_count++] = which % 2;
    }
    if (g->consumer.assignor_count > 0) return 0;
    return config_refuse(c, "%s names no assignor", key);
}

static int fill_protocols(struct server_config *c, struct groups_options *g)
{
    static const char *const policies[] = {"disabled", "upgrade", "downgrade", "bidirectional"};
    static const char *const protocols[] = {"classic", "consumer", "share", "streams"};
    const char *policy = config_text(c, "group.consumer.migration.policy");
    if (!is_one_of(slice_of_text(policy), policies, 4, &g->consumer.policy)) {
        return config_refuse(c,
                             "group.consumer.migration.policy=%s: it is bidirectional, upgrade, "
                             "downgrade or disabled",
                             policy);
    }
    const char *rest = config_text(c, "group.coordinator.rebalance.protocols");
    struct slice word;
    uint32_t which;
    g->consumer.is_off = true;
    while (config_next_word(&rest, &word)) {
        if (!is_one_of(word, protocols, 4, &which)) {
            return config_refuse(c,
                                 "group.coordinator.rebalance.protocols: there is no protocol %.*s",
                                 SLICE_TEXT(word));
        }
        if (which == 1) g->consumer.is_off = false;
    }
    return 0;
}

#define CONSUMER_TIMES(name) \
    "group.consumer." name, "group.consumer.min." name, "group.consumer.max." name

/* As Kafka: each value is within its bounds, and members beat more often than they expire. */
static int check_consumer_times(struct server_config *c)
{
    int rc = config_need_within(c, CONSUMER_TIMES("session.timeout.ms"));
    if (rc == 0) rc = config_need_within(c, CONSUMER_TIMES("heartbeat.interval.ms"));
    if (rc != 0) return rc;
    return config_need_above(c, "group.consumer.session.timeout.ms",
                             "group.consumer.heartbeat.interval.ms");
}

static int fill_consumers(struct server_config *c, struct groups_options *g)
{
    int rc = fill_assignors(c, g);
    if (rc == 0) rc = fill_protocols(c, g);
    return rc == 0 ? check_consumer_times(c) : rc;
}

static int fill_numbers(struct server_config *c, struct broker_options *o)
{
    o->shard_count = config_u32_of(c, "num.shards");
    o->heartbeat_ms = config_u32_of(c, "broker.heartbeat.interval.ms");
    o->session_ms = config_u32_of(c, "broker.session.timeout.ms");
    o->lease_ms = config_u32_of(c, "leader.lease.ms");
    o->replica_hang_ms = config_u32_of(c, "replica.hang.time.max.ms");
    o->replica_lag_max_ms = config_u32_of(c, "replica.lag.time.max.ms");
    o->retention_check_ms = (uint64_t)config_number_of(c, "log.retention.check.interval.ms");
    o->retention_first_ms = (uint64_t)config_number_of(c, "log.initial.task.delay.ms");
    o->producer_expiry_ms = (uint64_t)config_number_of(c, "producer.id.expiration.ms");
    o->cleaner_enabled = config_flag(c, "log.cleaner.enable");
    o->cleaner_backoff_ms = (uint64_t)config_number_of(c, "log.cleaner.backoff.ms");
    o->scrub_bytes_per_s = (uint64_t)config_number_of(c, "log.scrub.bytes.per.second");
    o->replica_cache_bytes = config_number_of(c, "replica.page.cache.bytes");
    o->scrub_interval_ms = (uint64_t)config_number_of(c, "log.scrub.interval.ms");
    o->cleaner_map_bytes = (uint64_t)config_number_of(c, "log.cleaner.dedupe.buffer.size");
    o->open_files_max = config_u32_of(c, "log.open.files.max");
    o->reserve_bytes = (uint64_t)config_number_of(c, "log.reserve.bytes");
    o->replica_fetch_wait_ms = config_u32_of(c, "replica.fetch.wait.max.ms");
    o->replica_fetch_max_bytes = config_u32_of(c, "replica.fetch.max.bytes");
    o->replica_fetch_response_max_bytes = config_u32_of(c, "replica.fetch.response.max.bytes");
    o->request_max_bytes = config_u32_of(c, "socket.request.max.bytes");
    int64_t queued = config_number_of(c, "queued.max.request.bytes");
    if (queued >= 0)
        o->queued_request_max_bytes =
            queued < QUEUED_MIN_BYTES ? QUEUED_MIN_BYTES : (uint64_t)queued;
    o->fetch_sessions_max = config_u32_of(c, "max.incremental.fetch.session.cache.slots");
    o->connection_max = config_u32_of(c, "max.connections");
    o->connection_max_per_address = config_u32_of(c, "max.connections.per.ip");
    o->auto_create_topics = config_flag(c, "auto.create.topics.enable");
    fill_groups(c, &o->groups);
    int rc = fill_consumers(c, &o->groups);
    if (rc != 0) return rc;
    CHECK(o->shard_count <= RPC_SHARDS_MAX);
    if (node_ring(c, &o->ring_bytes, &o->ring_flush_ms) != 0) return -ERR_INVALID;
    return config_need_above(c, "broker.session.timeout.ms", "broker.heartbeat.interval.ms");
}

/* Those of the controllers are not ours: the file may serve both programs. */
static int fill_listeners(struct server_config *c, struct broker_options *o)
{
    struct node_listener all[NODE_LISTENERS_MAX];
    uint32_t count;
    int rc = node_listeners(c, all, &count);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        if (all[i].is_controllers) continue;
        if (o->listener_count == META_LISTENERS_MAX)
            return config_refuse(c, "listeners: a broker has %d at most", META_LISTENERS_MAX);
        struct broker_listener *l = &o->listeners[o->listener_count++];
        memcpy(l->name, all[i].name, sizeof l->name);
        memcpy(l->host, all[i].host, sizeof l->host);
        l->port = all[i].port;
    }
    if (rc == 0 && o->listener_count == 0)
        return config_refuse(c, "listeners has none but the controllers': add one for clients, "
                                "PLAINTEXT://host:port");
    return rc;
}

static struct broker_listener *find_listener(struct broker_options *o, const char *name)
{
    for (uint32_t i = 0; i < o->listener_count; i++) {
        if (strcmp(o->listeners[i].name, name) == 0) return &o->listeners[i];
    }
    return NULL;
}

static int take_advertised(struct server_config *c, struct broker_options *o)
{
    const char *rest = config_text(c, "advertised.listeners");
    char name[NODE_NAME_SIZE], host[ENV_HOST_MAX];
    uint16_t port;
    int rc = 0;
    while (rest != NULL && (rc = config_next_address(&rest, "://", name, sizeof name, host,
                                                     sizeof host, &port)) == 1) {
        struct broker_listener *l = find_listener(o, name);
        if (l == NULL && node_is_of_controllers(c, name)) continue;
        if (l == NULL) return config_refuse(c, "advertised.listeners: listeners has no %s", name);
        if (host[0] != '\0' && node_host_is_any(host))
            return config_refuse(c,
                                 "advertised.listeners: nobody can connect to %s: name this "
                                 "host, %s://host:%u",
                                 host, name, port);
        memcpy(l->advertised_host, host, sizeof host);
        l->advertised_port = port;
    }
    if (rc == 0) return 0;
    return config_refuse(c,
                         "advertised.listeners: NAME://host:port,... is expected, and not "
                         "%.200s",
                         rest);
}

/* A host that others can use as it is may be told to them as it is. */
static int advertise(struct server_config *c, struct broker_options *o)
{
    int rc = take_advertised(c, o);
    if (rc != 0) return rc;
    for (uint32_t i = 0; i < o->listener_count; i++) {
        struct broker_listener *l = &o->listeners[i];
        if (l->advertised_port != 0) continue;
        l->advertised_port = l->port;
        if (!node_host_is_any(l->host) && !node_host_is_loopback(l->host))
            memcpy(l->advertised_host, l->host, sizeof l->host);
    }
    return 0;
}

/* Clients are told the address by which they came, if nothing is advertised. Brokers and
 * controllers on other machines need to know it before. */
static int choose_replication_listener(struct server_config *c, struct broker_options *o)
{
    const char *name = config_is_set(c, "inter.broker.listener.name")
                           ? config_text(c, "inter.broker.listener.name")
                           : o->listeners[0].name;
    const struct broker_listener *l = find_listener(o, name);
    if (l == NULL)
        return config_refuse(c, "inter.broker.listener.name: listeners has no %.60s", name);
    (void)snprintf(o->replication_listener, sizeof o->replication_listener, "%s", name);
    if (l->advertised_host[0] != '\0') return 0;

    for (uint32_t i = 0; i < o->voter_count; i++) {
        if (node_host_is_loopback(o->voters[i].host)) continue;
        return config_refuse(
            c,
            "advertised.listeners: other machines, as %.100s, cannot know where listener %s is, "
            "which is bound to %s: say advertised.listeners=%s://this-host:%u",
            o->voters[i].host, name,
            node_host_is_any(l->host) ? "every address of this one" : l->host, name, l->port);
    }
    return 0;
}

static int fill_folders(struct server_config *c, struct broker_options *o)
{
    const char *key = node_folders_key(c);
    const char *rest = config_text(c, key);
    struct slice folder;
    while (config_next_word(&rest, &folder)) {
        /* As "/a" and "/a/" are the same. */
        while (folder.size > 1 && folder.at[folder.size - 1] == '/') folder.size--;
        if (folder.size >= sizeof o->log_dirs[0])
            return config_refuse(c, "%s: a folder is longer than %zu bytes", key,
                                 sizeof o->log_dirs[0] - 1);
        if (o->log_dir_count == BROKER_DIRS_MAX)
            return config_refuse(c, "%s names more than %d folders", key, BROKER_DIRS_MAX);
        char *to = o->log_dirs[o->log_dir_count];
        memcpy(to, folder.at, folder.size);
        to[folder.size] = '\0';
        for (uint32_t i = 0; i < o->log_dir_count; i++) {
            if (strcmp(o->log_dirs[i], to) == 0)
                return config_refuse(c, "%s names %.200s twice", key, to);
        }
        o->log_dir_count++;
    }
    return o->log_dir_count > 0 ? 0 : config_refuse(c, "%s names no folder", key);
}

int broker_configure(struct server_config *c, struct broker_options *o)
{
    broker_options_default(o);
    o->config = c;
    bool is_combined;
    int rc = node_role(c, "broker", &is_combined);
    if (rc == 0) rc = node_id(c, 0, &o->id);
    if (rc == 0) rc = fill_numbers(c, o);
    if (rc == 0) rc = fill_listeners(c, o);
    if (rc == 0) rc = node_voters(c, o->voters, BROKER_VOTERS_MAX, &o->voter_count);
    if (rc == 0) rc = advertise(c, o);
    if (rc == 0) rc = choose_replication_listener(c, o);
    if (rc == 0) rc = fill_folders(c, o);
    if (rc == 0) rc = node_http(c, o->http_host, &o->http_port);
    if (rc == 0) rc = node_seeds(c, o->seeds, &o->seed_count);
    const char *rack = config_text(c, "broker.rack");
    if (rc != 0 || rack == NULL) return rc;
    int size = snprintf(o->rack, sizeof o->rack, "%s", rack);
    if (size < (int)sizeof o->rack) return 0;
    return config_refuse(c, "broker.rack is longer than %zu bytes", sizeof o->rack - 1);
}
