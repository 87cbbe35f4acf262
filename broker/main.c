#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/link.h"
#include "broker/shard.h"
#include "common/world.h"
#include "proto/config.h"

#define USAGE_STATUS 2

static const char USAGE[] =
    "usage: jackdaw-broker [--config FILE] [--set KEY=VALUE]... [--shards N]\n"
    "\n"
    "  --config FILE      a properties file with Kafka's keys (server.properties)\n"
    "  --set KEY=VALUE    a key, over what the file and the environment say\n"
    "  --shards N         threads that own partitions (num.shards)\n"
    "  --version          print the version and exit\n"
    "\n"
    "  jackdaw-broker --config server.properties --set node.id=1\n";

static int refuse(const char *what, const char *why)
{
    (void)fprintf(stderr, "jackdaw-broker: %s%s\n", what, why);
    return -ERR_INVALID;
}

/* ---- From properties to options. ---- */

static int fill_listeners(const struct server_config *c, struct broker_options *o)
{
    const char *rest = config_text(c, "listeners");
    int rc;
    struct broker_listener *l = &o->listeners[0];
    while ((rc = config_next_address(&rest, "://", l->name, sizeof l->name, l->host, sizeof l->host,
                                     &l->port)) == 1) {
        if (++o->listener_count == META_LISTENERS_MAX) break;
        l = &o->listeners[o->listener_count];
    }
    if (rc < 0 || o->listener_count == 0) {
        return refuse("listeners: expected NAME://host:port,... and not ", rest);
    }
    rest = config_text(c, "advertised.listeners");
    struct broker_listener a;
    while (rest != NULL && (rc = config_next_address(&rest, "://", a.name, sizeof a.name, a.host,
                                                     sizeof a.host, &a.port)) != 0) {
        if (rc < 0)
            return refuse("advertised.listeners: expected NAME://host:port,... before ", rest);
        uint32_t i = 0;
        while (i < o->listener_count && strcmp(o->listeners[i].name, a.name) != 0) i++;
        if (i == o->listener_count)
            return refuse("advertised.listeners: no such listener: ", a.name);
        memcpy(o->listeners[i].advertised_host, a.host, sizeof a.host);
        o->listeners[i].advertised_port = a.port;
    }
    return 0;
}

/* A host that is one of this machine's own and no other's may be told to clients as it is. */
static void advertise(struct broker_options *o)
{
    for (uint32_t i = 0; i < o->listener_count; i++) {
        struct broker_listener *l = &o->listeners[i];
        bool is_any = l->host[0] == '\0' || strcmp(l->host, "0.0.0.0") == 0;
        bool is_loopback = strncmp(l->host, "127.", 4) == 0 || strcmp(l->host, "localhost") == 0 ||
                           strcmp(l->host, "::1") == 0;
        if (!is_loopback) {
            (void)fprintf(stderr,
                          "jackdaw-broker: listener %s is open to %s: there is no authentication "
                          "yet, whoever reaches it can read and write everything\n",
                          l->name, is_any ? "every network of this host" : l->host);
        }
        if (l->advertised_host[0] == '\0' && !is_any && !is_loopback) {
            memcpy(l->advertised_host, l->host, sizeof l->host);
        }
    }
}

static int fill_voters(const struct server_config *c, struct broker_options *o)
{
    const char *rest = config_text(c, "controller.quorum.voters");
    if (rest == NULL) return refuse("controller.quorum.voters is not set: ", "id@host:port,...");
    char id[32];
    int rc = 0;
    while (o->voter_count < BROKER_VOTERS_MAX) {
        struct broker_voter *v = &o->voters[o->voter_count];
        rc = config_next_address(&rest, "@", id, sizeof id, v->host, sizeof v->host, &v->port);
        if (rc != 1) break;
        v->id = (uint32_t)strtoul(id, NULL, 10);
        o->voter_count++;
    }
    if (rc < 0 || o->voter_count == 0) {
        return refuse("controller.quorum.voters: expected id@host:port,...", "");
    }
    return 0;
}

static int fill_folder(const struct server_config *c, struct broker_options *o)
{
    const char *dirs =
        config_is_set(c, "log.dirs") ? config_text(c, "log.dirs") : config_text(c, "log.dir");
    if (strchr(dirs, ',') != NULL) {
        return refuse("log.dirs: one folder is supported, name only one of ", dirs);
    }
    int size = snprintf(o->log_dir, sizeof o->log_dir, "%s", dirs);
    return size < (int)sizeof o->log_dir ? 0 : refuse("log.dirs is too long: ", dirs);
}

static int fill_http(const struct server_config *c, struct broker_options *o)
{
    const char *rest = config_text(c, "http.listeners");
    char scheme[16];
    if (rest == NULL) return 0;
    int rc = config_next_address(&rest, "://", scheme, sizeof scheme, o->http_host,
                                 sizeof o->http_host, &o->http_port);
    return rc == 1 ? 0 : refuse("http.listeners: expected http://host:port and not ", rest);
}

static void fill_seeds(const struct server_config *c, struct broker_options *o)
{
    for (uint32_t i = 0; i < c->count && o->seed_count < BROKER_SEEDS_MAX; i++) {
        const struct server_value *v = &c->values[i];
        if (v->key->verdict != CONFIG_SEED) continue;
        (void)snprintf(o->seeds[o->seed_count++], sizeof o->seeds[0], "%s=%s", v->key->name,
                       v->text);
    }
}

static void fill_numbers(const struct server_config *c, struct broker_options *o)
{
    o->shard_count = (uint32_t)config_number_of(c, "num.shards");
    o->heartbeat_ms = (uint32_t)config_number_of(c, "broker.heartbeat.interval.ms");
    o->session_ms = (uint32_t)config_number_of(c, "broker.session.timeout.ms");
    o->lease_ms = (uint32_t)config_number_of(c, "leader.lease.ms");
    o->replica_hang_ms = (uint32_t)config_number_of(c, "replica.hang.time.max.ms");
    o->replica_lag_max_ms = (uint32_t)config_number_of(c, "replica.lag.time.max.ms");
    o->replica_fetch_wait_ms = (uint32_t)config_number_of(c, "replica.fetch.wait.max.ms");
    o->replica_fetch_max_bytes = (uint32_t)config_number_of(c, "replica.fetch.max.bytes");
    o->replica_fetch_response_max_bytes =
        (uint32_t)config_number_of(c, "replica.fetch.response.max.bytes");
    o->request_max_bytes = (uint32_t)config_number_of(c, "socket.request.max.bytes");
    o->queued_request_max_bytes = (uint64_t)config_number_of(c, "queued.max.request.bytes");
    o->fetch_sessions_max =
        (uint32_t)config_number_of(c, "max.incremental.fetch.session.cache.slots");
    o->auto_create_topics = config_flag(c, "auto.create.topics.enable");
}

static int fill_options(const struct server_config *c, struct broker_options *o)
{
    broker_options_default(o);
    const char *id = config_is_set(c, "node.id") ? "node.id" : "broker.id";
    if (!config_is_set(c, id)) return refuse("node.id is not set: ", "each broker needs its own");
    o->id = (int32_t)config_number_of(c, id);
    if (o->id < 0) return refuse("node.id must not be negative: ", config_text(c, id));
    fill_numbers(c, o);
    if (o->shard_count < 1 || o->shard_count > RPC_SHARDS_MAX) {
        return refuse("num.shards must be 1 to 63, not ", config_text(c, "num.shards"));
    }
    const char *rack = config_text(c, "broker.rack");
    if (rack != NULL) (void)snprintf(o->rack, sizeof o->rack, "%s", rack);
    int rc = fill_listeners(c, o);
    if (rc == 0) rc = fill_voters(c, o);
    if (rc == 0) rc = fill_folder(c, o);
    if (rc == 0) rc = fill_http(c, o);
    if (rc != 0) return rc;
    advertise(o);
    fill_seeds(c, o);
    const char *inner = config_text(c, "inter.broker.listener.name");
    (void)snprintf(o->replication_listener, sizeof o->replication_listener, "%s",
                   inner != NULL ? inner : o->listeners[0].name);
    for (uint32_t i = 0; i < o->listener_count; i++) {
        if (strcmp(o->listeners[i].name, o->replication_listener) == 0) return 0;
    }
    return refuse("inter.broker.listener.name: no such listener: ", o->replication_listener);
}

/* ---- Running. ---- */

static void say_no_effect(const struct server_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct server_key *key = c->values[i].key;
        if (key->verdict != CONFIG_NO_EFFECT) continue;
        (void)fprintf(stderr, "jackdaw-broker: %s has no effect: %s\n", key->name, key->text);
    }
}

static int run(const struct broker_options *o)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "broker-%d", o->id);
    _Static_assert(RPC_SHARDS_MAX + 1 <= ENV_ACTORS_MAX, "the link is an actor too");
    uint32_t actor_count = o->shard_count + 1;
    struct world *world = world_open(&(struct world_options){
        .actor_count = actor_count, .log_prefix = prefix, .log_min = LOG_INFO});
    env_turn_fn *turns[RPC_SHARDS_MAX + 1];
    void *actors[RPC_SHARDS_MAX + 1];
    turns[0] = link_turn;
    actors[0] = link_open(world_env(world, 0), o);
    for (uint32_t n = 1; n < actor_count; n++) {
        turns[n] = shard_turn;
        actors[n] = shard_open(world_env(world, n), o);
    }
    int rc = world_run(world, turns, actors);
    for (uint32_t n = 1; n < actor_count; n++) shard_close(actors[n], false);
    link_close(actors[0], false);
    world_close(world);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(USAGE, stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("jackdaw-broker " JACKDAW_VERSION);
        return EXIT_SUCCESS;
    }
    static struct server_config config;
    static struct broker_options options;
    if (config_load_command_line(&config, argc, argv, environ) != 0) {
        (void)refuse("", config.error);
        return USAGE_STATUS;
    }
    if (fill_options(&config, &options) != 0) return USAGE_STATUS;
    say_no_effect(&config);
    int status = run(&options);
    config_close(&config);
    return status;
}
