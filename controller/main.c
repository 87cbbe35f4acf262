/* jackdaw-controller: a voter of the quorum, over the real world. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/world.h"
#include "controller/configure.h"
#include "controller/controller.h"
#include "proto/node_config.h"

static const struct node_program PROGRAM = {
    .name = "jackdaw-controller",
    .usage = "usage: jackdaw-controller [--config FILE] [--set KEY=VALUE]...\n"
             "\n"
             "  --config FILE      a properties file with Kafka's keys (server.properties)\n"
             "  --set KEY=VALUE    a key, over what the file and the environment say\n"
             "  --help-config      print the reference page of all keys and exit\n"
             "  --version          print the version and exit\n"
             "\n"
             "  jackdaw-controller --config controller.properties --set node.id=101\n",
};

static void warn(const struct server_config *c, const struct controller_options *o)
{
    node_say_no_effect(&PROGRAM, c);
    node_warn_open(&PROGRAM, "the listener", o->listen_host, "can change the cluster");
    if (o->http_port != 0)
        node_warn_open(&PROGRAM, "http.listeners", o->http_host, "sees this node's state");
}

static int run(const struct controller_options *o)
{
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "controller-%u", o->node_id);
    struct world *world = world_open(
        &(struct world_options){.actor_count = 1,
                                .log_prefix = prefix,
                                .log_min = LOG_INFO,
                                .connection_max = o->connection_max,
                                .connection_max_per_address = o->connection_max_per_address});
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
    static struct server_config config;
    static struct controller_options options;
    int status;
    if (!node_begin(&PROGRAM, argc, argv, environ, &config, &status)) return status;
    if (controller_configure(&config, &options) != 0) return node_refused(&PROGRAM, &config);

    warn(&config, &options);
    status = run(&options);
    config_close(&config);
    return status;
}
