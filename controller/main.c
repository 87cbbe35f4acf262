/* jackdaw-controller: a voter of the quorum, over the real world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/world.h"
#include "controller/controller.h"
#include "proto/config.h"

#define USAGE_STATUS 2

static const char USAGE[] =
    "usage: jackdaw-controller [--config FILE] [--set KEY=VALUE]...\n"
    "\n"
    "  --config FILE      a properties file with Kafka's keys (server.properties)\n"
    "  --set KEY=VALUE    a key, over what the file and the environment say\n"
    "  --version          print the version and exit\n"
    "\n"
    "  jackdaw-controller --config controller.properties --set node.id=101\n";

static int refuse(const char *what, const char *why)
{
    (void)fprintf(stderr, "jackdaw-controller: %s%s\n", what, why);
    return -ERR_INVALID;
}

static int fill_voters(const struct server_config *c, struct controller_options *o)
{
    const char *rest = config_text(c, "controller.quorum.voters");
    if (rest == NULL) return refuse("controller.quorum.voters is not set: ", "id@host:port,...");

    char id[32];
    int rc = 0;
    while (o->voter_count < CONTROLLER_VOTERS_MAX) {
        struct controller_voter *v = &o->voters[o->voter_count];
        rc = config_next_address(&rest, "@", id, sizeof id, v->host, sizeof v->host, &v->port);
        if (rc != 1) break;
        v->id = (uint32_t)strtoul(id, NULL, 10);
        if (v->id == 0) return refuse("controller.quorum.voters: not a node id above 0: ", id);
        for (uint32_t i = 0; i < o->voter_count; i++) {
            if (o->voters[i].id == v->id)
                return refuse("controller.quorum.voters names a node twice: ", id);
        }
        o->voter_count++;
    }
    if (rc == 1 && *rest != 0)
        return refuse("controller.quorum.voters: too many voters, 7 is the most, before ", rest);
    if (rc < 0 || o->voter_count == 0)
        return refuse("controller.quorum.voters: expected id@host:port,... and not ", rest);
    return 0;
}

/* The listener that controller.listener.names names; without any listeners, the voters' entry. */
static int fill_listener(const struct server_config *c, struct controller_options *o)
{
    const struct controller_voter *own = NULL;
    for (uint32_t i = 0; i < o->voter_count; i++) {
        if (o->voters[i].id == o->node_id) own = &o->voters[i];
    }
    if (own == NULL)
        return refuse("controller.quorum.voters does not name this node: node.id=",
                      config_text(c, "node.id"));
    (void)snprintf(o->listen_host, sizeof o->listen_host, "%s", own->host);
    o->listen_port = own->port;
    if (!config_is_set(c, "listeners")) return 0;

    const char *wanted = config_text(c, "controller.listener.names");
    const char *rest = config_text(c, "listeners");
    char name[64], host[ENV_HOST_MAX];
    uint16_t port;
    int rc;
    while ((rc = config_next_address(&rest, "://", name, sizeof name, host, sizeof host, &port)) ==
           1) {
        if (strcmp(name, wanted) != 0) continue;
        (void)snprintf(o->listen_host, sizeof o->listen_host, "%s",
                       host[0] == 0 ? "0.0.0.0" : host);
        o->listen_port = port;
        return 0;
    }
    if (rc < 0) return refuse("listeners: expected NAME://host:port,... and not ", rest);
    return refuse("listeners: there is none of the name in controller.listener.names, ", wanted);
}

static int fill_http(const struct server_config *c, struct controller_options *o)
{
    const char *rest = config_text(c, "http.listeners");
    char scheme[16];
    if (rest == NULL) return 0;
    int rc = config_next_address(&rest, "://", scheme, sizeof scheme, o->http_host,
                                 sizeof o->http_host, &o->http_port);
    return rc == 1 ? 0 : refuse("http.listeners: expected http://host:port and not ", rest);
}

static int fill_folder(const struct server_config *c, struct controller_options *o)
{
    const char *dir = config_is_set(c, "metadata.log.dir") ? config_text(c, "metadata.log.dir")
                      : config_is_set(c, "log.dirs")       ? config_text(c, "log.dirs")
                                                           : config_text(c, "log.dir");
    /* As Kafka does: of several folders the first one has the metadata. */
    int size = snprintf(o->log_dir, sizeof o->log_dir, "%.*s", (int)strcspn(dir, ","), dir);
    return size < (int)sizeof o->log_dir ? 0 : refuse("log.dirs is too long: ", dir);
}

static void fill_seeds(const struct server_config *c, struct controller_options *o)
{
    for (uint32_t i = 0; i < c->count && o->seed_count < CONTROLLER_SEEDS_MAX; i++) {
        const struct server_value *v = &c->values[i];
        if (v->key->verdict != CONFIG_SEED) continue;
        (void)snprintf(o->seeds[o->seed_count++], CONTROLLER_SEED_SIZE, "%s=%s", v->key->name,
                       v->text);
    }
}

static int fill_options(const struct server_config *c, struct controller_options *o)
{
    controller_options_default(o);
    if (!config_is_set(c, "node.id"))
        return refuse("node.id is not set: ", "each controller needs its own");
    int64_t id = config_number_of(c, "node.id");
    if (id < 1 || id > INT32_MAX)
        return refuse("node.id of a controller must be 1 or more, not ", config_text(c, "node.id"));
    o->node_id = (uint32_t)id;

    const char *roles = config_text(c, "process.roles");
    if (roles != NULL && strcmp(roles, "controller") != 0)
        return refuse("process.roles is controller for this program, and jackdaw-broker is the "
                      "other one; not ",
                      roles);
    o->election_timeout_min_ms =
        (uint32_t)config_number_of(c, "controller.quorum.election.timeout.ms");
    if (o->election_timeout_min_ms < 2 * o->raft_heartbeat_ms)
        return refuse("controller.quorum.election.timeout.ms must be at least 100, not ",
                      config_text(c, "controller.quorum.election.timeout.ms"));
    o->election_timeout_max_ms = 2 * o->election_timeout_min_ms;
    o->broker_session_timeout_ms = (uint32_t)config_number_of(c, "broker.session.timeout.ms");
    o->broker_heartbeat_interval_ms = (uint32_t)config_number_of(c, "broker.heartbeat.interval.ms");
    if (o->broker_session_timeout_ms <= o->broker_heartbeat_interval_ms)
        return refuse("broker.session.timeout.ms must be above broker.heartbeat.interval.ms, not ",
                      config_text(c, "broker.session.timeout.ms"));

    int64_t seconds = config_number_of(c, "leader.imbalance.check.interval.seconds");
    if (seconds < 1 || seconds > 4000000)
        return refuse("leader.imbalance.check.interval.seconds must be 1 to 4000000, not ",
                      config_text(c, "leader.imbalance.check.interval.seconds"));
    bool is_balanced = config_flag(c, "auto.leader.rebalance.enable");
    o->balance_interval_ms = is_balanced ? (uint32_t)seconds * 1000 : 0;
    o->balance_percentage = (uint32_t)config_number_of(c, "leader.imbalance.per.broker.percentage");

    int rc = fill_voters(c, o);
    if (rc == 0) rc = fill_listener(c, o);
    if (rc == 0) rc = fill_http(c, o);
    if (rc == 0) rc = fill_folder(c, o);
    if (rc == 0) fill_seeds(c, o);
    return rc;
}

static void warn(const struct server_config *c, const struct controller_options *o)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct server_key *key = c->values[i].key;
        if (key->verdict == CONFIG_NO_EFFECT)
            (void)fprintf(stderr, "jackdaw-controller: %s has no effect: %s\n", key->name,
                          key->text);
    }
    bool is_loopback = strncmp(o->listen_host, "127.", 4) == 0 ||
                       strcmp(o->listen_host, "localhost") == 0 ||
                       strcmp(o->listen_host, "::1") == 0;
    if (!is_loopback)
        (void)fprintf(stderr,
                      "jackdaw-controller: the listener is open to %s: there is no authentication "
                      "yet, whoever reaches it can change the cluster\n",
                      o->listen_host);
}

static int run(const struct controller_options *o)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "controller-%u", o->node_id);
    struct world *world = world_open(
        &(struct world_options){.actor_count = 1, .log_prefix = prefix, .log_min = LOG_INFO});
    struct controller *c = controller_open(world_env(world, 0), o);
    env_turn_fn *turns[] = {controller_turn};
    void *actors[] = {c};
    int rc = world_run(world, turns, actors);
    controller_close(c, false);
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
        (void)puts("jackdaw-controller " JACKDAW_VERSION);
        return EXIT_SUCCESS;
    }
    static struct server_config config;
    static struct controller_options options;
    if (config_load_command_line(&config, argc, argv, environ) != 0) {
        (void)refuse("", config.error);
        return USAGE_STATUS;
    }
    if (fill_options(&config, &options) != 0) return USAGE_STATUS;
    warn(&config, &options);
    int status = run(&options);
    config_close(&config);
    return status;
}
