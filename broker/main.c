/* jackdaw-broker: the data plane of one node, over the real world. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/configure.h"
#include "broker/dirs.h"
#include "broker/link.h"
#include "broker/shard.h"
#include "common/world.h"
#include "proto/node_config.h"

static const struct node_program PROGRAM = {
    .name = "jackdaw-broker",
    .usage = "usage: jackdaw-broker [--config FILE] [--set KEY=VALUE]... [--shards N]\n"
             "\n"
             "  --config FILE      a properties file with Kafka's keys (server.properties)\n"
             "  --set KEY=VALUE    a key, over what the file and the environment say\n"
             "  --shards N         threads that own partitions (num.shards)\n"
             "  --help-config      print the reference page of all keys and exit\n"
             "  --version          print the version and exit\n"
             "\n"
             "  jackdaw-broker --config server.properties --set node.id=1\n",
};

static void warn(const struct server_config *c, const struct broker_options *o)
{
    node_say_no_effect(&PROGRAM, c);
    for (uint32_t i = 0; i < o->listener_count; i++) {
        char what[NODE_NAME_SIZE + 16];
        (void)snprintf(what, sizeof what, "listener %s", o->listeners[i].name);
        node_warn_open(&PROGRAM, what, o->listeners[i].host, "can read and write everything");
    }
    if (o->http_port != 0)
        node_warn_open(&PROGRAM, "http.listeners", o->http_host, "sees this node's state");
}

static int run(const struct broker_options *o)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "broker-%d", o->id);
    _Static_assert(RPC_SHARDS_MAX + 1 <= ENV_ACTORS_MAX, "the link is an actor too");
    uint32_t actor_count = o->shard_count + 1;
    struct world *world = world_open(
        &(struct world_options){.actor_count = actor_count,
                                .io_thread_count = o->log_dir_count * DIR_LANES,
                                .background_count = o->log_dir_count,
                                .log_prefix = prefix,
                                .log_min = LOG_INFO,
                                .connection_max = o->connection_max,
                                .connection_max_per_address = o->connection_max_per_address});
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
    static struct server_config config;
    static struct broker_options options;
    int status;
    if (!node_begin(&PROGRAM, argc, argv, environ, &config, &status)) return status;
    if (broker_configure(&config, &options) != 0) return node_refused(&PROGRAM, &config);

    uint32_t half = world_descriptors_max() / 2;
    if (options.open_files_max > half) options.open_files_max = half;
    warn(&config, &options);
    status = run(&options);
    config_close(&config);
    return status;
}
