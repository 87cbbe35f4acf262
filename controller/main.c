/* jackdaw-controller: a voter of the quorum, over the real world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/world.h"
#include "controller/configure.h"
#include "controller/controller.h"
#include "proto/node_config.h"

static const struct node_program PROGRAM = {
    .name = "jackdaw-controller",
    .usage =
        "usage: jackdaw-controller [--config FILE] [--set KEY=VALUE]...\n"
        "\n"
        "  --config FILE      a properties file with Kafka's keys (server.properties)\n"
        "  --set KEY=VALUE    a key, over what the file and the environment say\n"
        "  --help-config      print the reference page of all keys and exit\n"
        "  --version          print the version and exit\n"
        "  --recover-quorum   the majority of the quorum is gone for good: do not serve, say what "
        "this node's disk would go on from\n"
        "  --yes              with --recover-quorum: make this node the only voter, and exit\n"
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
    (void)fputs(controller_report(c), stdout);
    controller_close(c, false);
    world_close(world);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Takes a flag out of the arguments, wherever it stands. */
static bool take_flag(int *argc, char **argv, const char *name)
{
    bool is_there = false;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        bool is_it = strcmp(argv[i], name) == 0;
        is_there |= is_it;
        if (!is_it) argv[kept++] = argv[i];
    }
    *argc = kept;
    argv[kept] = NULL;
    return is_there;
}

/* A folder that was mistyped is not made. */
static bool has_folder(const struct controller_options *o)
{
    char path[FS_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/meta.properties", o->log_dir);
    if (access(path, R_OK) == 0) return true;
    (void)fprintf(stderr, "%s: log.dirs %s is no controller's: it has no meta.properties\n",
                  PROGRAM.name, o->log_dir);
    return false;
}

int main(int argc, char **argv)
{
    static struct server_config config;
    static struct controller_options options;
    int status;
    bool is_recovery = take_flag(&argc, argv, "--recover-quorum");
    bool is_meant = is_recovery && take_flag(&argc, argv, "--yes");
    if (!node_begin(&PROGRAM, argc, argv, environ, &config, &status)) return status;
    if (controller_configure(&config, &options) != 0) return node_refused(&PROGRAM, &config);

    if (is_recovery) {
        options.recover = is_meant ? CONTROLLER_RECOVER_DO : CONTROLLER_RECOVER_PLAN;
        status = has_folder(&options) ? run(&options) : EXIT_FAILURE;
        config_close(&config);
        return status;
    }
    warn(&config, &options);
    status = run(&options);
    config_close(&config);
    return status;
}
