#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/json.h"
#include "cli/local_process.h"
#include "cli/local_shape.h"
#include "cli/local_start.h"
#include "cli/local_stop.h"
#include "cli/verbs.h"
#include "proto/config.h"
#include "proto/rpc.h"

#define START_TIMEOUT_S 60
#define STOP_TIMEOUT_S 60
#define GONE_TIMEOUT_MS 10000
#define TAKE_BACK_TIMEOUT_MS 20000
#define HTTP_PORT_SPAN 500 /* How far above --port the last port of a cluster may lie. */
#define ROW_DIR(to) \
    OPT_TEXT("dir", 0, to, "DIR", "the cluster's folder (default: " LOCAL_DIR_DEFAULT ")")
#define ROW_TIMEOUT(to, what) OPT_NUMBER("timeout", 0, to, "SECONDS", 0, 3600, what)
#define ROW_JSON(to) OPT_FLAG("json", 0, to, "print JSON")

struct up_options {
    const char *dir;
    struct shape shape;
    int64_t timeout_s;
    bool brokers_given, controllers_given, port_given, first_id_given;
};

/* 0: absent or empty. 1: a cluster. 2: something else, which has been said. */
static int look_at_dir(const char *dir, struct cluster *c)
{
    int rc = cluster_open(c, dir);
    if (rc == 0) return 1;
    if (rc == -ERR_CORRUPT) {
        fail("%s/cluster.properties cannot be read; restore it, or remove %s", dir, dir);
        return 2;
    }
    DIR *d = opendir(dir);
    if (d == NULL && errno == ENOENT) return 0;
    if (d == NULL) {
        fail("%s: %s", dir, strerror(errno));
        return 2;
    }
    bool is_empty = true;
    for (const struct dirent *e = readdir(d); e != NULL && is_empty; e = readdir(d)) {
        is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    }
    closedir(d);
    if (is_empty) return 0;
    fail("%s is not empty, and no cluster of `jackdaw up`; choose another --dir", dir);
    return 2;
}

static bool same_sets(const struct strings *a, const struct strings *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->at[i], b->at[i]) != 0) return false;
    }
    return true;
}

/* What was asked for in so many words must be what stands there. */
static int check_same_shape(const struct up_options *o, const struct cluster *c)
{
    const struct shape *is = &c->shape, *asked = &o->shape;
    const struct {
        const char *name;
        bool given;
        int64_t is, asked;
    } rows[] = {
        {"--brokers", o->brokers_given, is->brokers, asked->brokers},
        {"--controllers", o->controllers_given, is->controllers, asked->controllers},
        {"--port", o->port_given, is->port, asked->port},
        {"--first-id", o->first_id_given, is->first_id, asked->first_id},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].given || rows[i].is == rows[i].asked) continue;
        return fail("the cluster in %s was made with %s %lld, not %lld; leave the option out, use "
                    "another --dir, or `jackdaw down --wipe` first",
                    o->dir, rows[i].name, (long long)rows[i].is, (long long)rows[i].asked);
    }
    if (asked->sets.count > 0 && !same_sets(&asked->sets, &is->sets)) {
        return fail("the cluster in %s was made with other keys (--set); edit its "
                    "*/server.properties, use another --dir, or `jackdaw down --wipe` first",
                    o->dir);
    }
    return EXIT_OK;
}

/* A key that no node knows, or a value that it does not take, is said before anything is made. */
static int check_set(const char *set)
{
    struct server_config *c = get_memory(sizeof *c);
    char *text = copy_text(set), *key = NULL, *value = NULL;
    int status = EXIT_OK;
    memset(c, 0, sizeof *c);
    if (!split_pair(text, '=', &key, &value) || strchr(text, '\n') != NULL)
        status = misuse("up: --set wants key=value, not %s", set);
    else if (config_set(c, trim(key), trim(value)) != 0)
        status = misuse("up: --set %s: %s", set, c->error);
    config_close(c);
    free(text);
    free(c);
    return status;
}

static int check_shape(const struct shape *s)
{
    if (s->port + HTTP_PORT_SPAN > 65535) return misuse("up: --port may be at most 65035");
    if (s->first_id + s->brokers > 100) {
        return misuse("up: broker ids must stay below 100 (controllers have 101 and up)");
    }
    for (size_t i = 0; i < s->sets.count; i++) {
        int status = check_set(s->sets.at[i]);
        if (status != EXIT_OK) return status;
    }
    return EXIT_OK;
}

static const struct node **all_nodes(const struct cluster *c)
{
    const struct node **nodes = get_memory(c->node_count * sizeof *nodes);
    for (size_t i = 0; i < c->node_count; i++) nodes[i] = &c->nodes[i];
    return nodes;
}

/* Opens the cluster, or makes it where there is none: then its ports must be free first, so that
 * a refusal leaves nothing behind. Leaves the folder locked. */
static int open_or_create(struct up_options *o, struct cluster *c, int *lock_fd, bool *is_new)
{
    int kind = look_at_dir(o->dir, c);
    if (kind == 2) return EXIT_FAILED;
    if (kind == 1) {
        int status = check_same_shape(o, c);
        if (status == EXIT_OK && (*lock_fd = cluster_lock(c->dir)) < 0) status = -*lock_fd;
        return status;
    }
    o->shape.made_dir = access(o->dir, F_OK) != 0;
    cluster_plan(c, o->dir, &o->shape);
    const struct node **nodes = all_nodes(c);
    int status = ports_need_free(c, nodes, c->node_count);
    free(nodes);
    cluster_close(c);
    if (status != EXIT_OK) return status;

    *is_new = true;
    if (cluster_create(c, o->dir, &o->shape) != 0) {
        return fail("the cluster cannot be made in %s: %s", o->dir, strerror(errno));
    }
    *lock_fd = cluster_lock(c->dir);
    return *lock_fd < 0 ? -*lock_fd : EXIT_OK;
}

/* Brokers first: they hand over and say goodbye to controllers that still listen. */
static int stop_all(const struct cluster *c, uint32_t timeout_ms)
{
    const struct node **nodes = all_nodes(c);
    size_t broker_count = (size_t)c->shape.brokers;
    (void)!nodes_stop(nodes, broker_count, timeout_ms);
    (void)!nodes_stop(nodes + broker_count, c->node_count - broker_count, timeout_ms);
    free(nodes);
    for (size_t i = 0; i < c->node_count; i++) {
        if (process_look(&c->nodes[i]).state == PROCESS_DOWN) continue;
        return fail("%s still runs", c->nodes[i].name);
    }
    return EXIT_OK;
}

/* The first `up` of a cluster has failed: what it made goes again, unless all of it runs. */
static void take_back(const struct cluster *c, const char *dir)
{
    bool runs = c->node_count > 0;
    for (size_t i = 0; i < c->node_count; i++)
        runs &= process_look(&c->nodes[i]).state == PROCESS_UP;
    if (runs) {
        fprintf(stderr,
                "jackdaw: its nodes run on: `jackdaw up --dir %s` waits for them again, "
                "`jackdaw down --dir %s --wipe` takes all of it back\n",
                dir, dir);
        return;
    }
    int lock_fd = c->node_count > 0 ? cluster_lock(c->dir) : -1;
    if (lock_fd < 0) return;
    int status = stop_all(c, TAKE_BACK_TIMEOUT_MS);
    if (status == EXIT_OK) status = cluster_wipe(c);
    close(lock_fd);
    if (status == EXIT_OK)
        fprintf(stderr, "jackdaw: nothing of it is left in %s: mend that, and `up` again\n", dir);
}

static int up(struct up_options *o)
{
    struct cluster c = {0};
    int lock_fd = -1;
    bool is_new = false;
    uint64_t began = clock_ms();
    int status = open_or_create(o, &c, &lock_fd, &is_new);
    if (status == EXIT_OK) {
        const struct node **nodes = all_nodes(&c);
        /* Makes again what an interrupted `up` has not. */
        bool whole = cluster_repair(&c) == 0;
        status = whole ? ports_need_free(&c, nodes, c.node_count)
                       : fail("%s: %s", c.dir, strerror(errno));
        if (status == EXIT_OK) {
            status = nodes_start(&c, nodes, c.node_count, (uint32_t)o->timeout_s * 1000, lock_fd);
        } else {
            close(lock_fd);
        }
        free(nodes);
    }
    if (status == EXIT_OK) {
        char *bootstrap = cluster_bootstrap(&c);
        printf("bootstrap %s (start took %.3f s)\n", bootstrap, (double)(clock_ms() - began) / 1e3);
        free(bootstrap);
    } else if (is_new) {
        take_back(&c, o->dir);
    }
    cluster_close(&c);
    return status;
}

int verb_up(int argc, char **argv)
{
    struct up_options o = {
        .dir = LOCAL_DIR_DEFAULT,
        .shape = {.brokers = 3, .controllers = 3, .port = 9092, .first_id = 1},
        .timeout_s = START_TIMEOUT_S,
    };
    struct shape *s = &o.shape;
    int64_t shards = 1;
    bool shards_given = false;
    const struct option_row rows[] = {
        ROW_DIR(&o.dir),
        OPT_GIVEN("brokers", &s->brokers, "N", 1, LOCAL_NODES_MAX, &o.brokers_given,
                  "how many brokers (default: 3)"),
        OPT_GIVEN("controllers", &s->controllers, "N", 1, LOCAL_NODES_MAX, &o.controllers_given,
                  "how many controllers (default: 3)"),
        OPT_GIVEN("port", &s->port, "PORT", 1, 65535, &o.port_given,
                  "of the first broker (default: 9092)"),
        OPT_GIVEN("first-id", &s->first_id, "ID", 0, 99, &o.first_id_given,
                  "node id of the first broker (default: 1)"),
        OPT_GIVEN("shards", &shards, "N", 1, RPC_SHARDS_MAX, &shards_given,
                  "threads of each broker that own partitions: --set num.shards=N (default: 1)"),
        OPT_LIST("set", 0, &s->sets, "KEY=VALUE", "give every node a key of Kafka's name"),
        ROW_TIMEOUT(&o.timeout_s, "give up when a broker does not serve (default: 60)"),
    };
    const struct usage usage = {
        .verb = "up",
        .summary =
            "Makes a local cluster if DIR is absent or empty, starts what does not run, and "
            "returns\n"
            "when every broker serves. A cluster that is there keeps the shape it was made with.",
        ROWS(rows),
        .example = "jackdaw up --brokers 3 --set log.retention.hours=1",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    if (result == ARGS_RUN && shards_given) {
        char *set = format_text("num.shards=%lld", (long long)shards);
        strings_add(&s->sets, set);
        free(set);
    }
    int status = result == ARGS_RUN ? check_shape(s) : args_status(result);
    if (result == ARGS_RUN && status == EXIT_OK) status = up(&o);
    strings_close(&operands);
    strings_close(&s->sets);
    return status;
}

static void print_node(const struct node *n, bool fancy)
{
    static const char *const colours[] = {"\033[31m", "\033[32m", "\033[33m"};
    struct process p = process_look(n);
    printf("%-14s %s%-8s%s %-7d %s\n", n->name, fancy ? colours[p.state] : "",
           process_state_text(p.state), fancy ? "\033[0m" : "", (int)p.pid, n->address);
}

static json_t *node_json(const struct node *n)
{
    struct process p = process_look(n);
    return json_pack("{s:s, s:i, s:s, s:i, s:s, s:s}", "name", n->name, "node_id", n->id, "state",
                     process_state_text(p.state), "pid", (int)p.pid, "address", n->address, "http",
                     n->http_address);
}

int verb_ps(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT;
    bool json = false;
    const struct option_row rows[] = {ROW_DIR(&dir), ROW_JSON(&json)};
    const struct usage usage = {
        .verb = "ps",
        .summary = "Lists the nodes of a local cluster, one per line: name, state (up, down, "
                   "stopped), pid (0\n"
                   "when down), address. A header and colour only on a terminal.",
        ROWS(rows),
        .example = "jackdaw ps",
    };
    enum args_result result = args_parse_alone(&usage, argc, argv);
    if (result != ARGS_RUN) return args_status(result);

    struct cluster c = {0};
    int status = cluster_need(&c, dir);
    bool fancy = isatty(STDOUT_FILENO);
    json_t *list = json_array();
    if (status == EXIT_OK && fancy && !json) puts("NAME           STATE    PID     ADDRESS");
    for (size_t i = 0; i < c.node_count; i++) {
        if (json) json_array_append_new(list, node_json(&c.nodes[i]));
        if (!json) print_node(&c.nodes[i], fancy);
    }
    if (status == EXIT_OK && json) json_print(list);
    json_decref(list);
    cluster_close(&c);
    return status;
}

int verb_bootstrap(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT;
    const struct option_row rows[] = {ROW_DIR(&dir)};
    const struct usage usage = {
        .verb = "bootstrap",
        .summary = "Prints the addresses of a local cluster's brokers, as clients want them.",
        ROWS(rows),
        .example = "kcat -b $(jackdaw bootstrap) -L",
    };
    enum args_result result = args_parse_alone(&usage, argc, argv);
    if (result != ARGS_RUN) return args_status(result);

    struct cluster c = {0};
    int status = cluster_need(&c, dir);
    if (status == EXIT_OK) {
        char *text = cluster_bootstrap(&c);
        puts(text);
        free(text);
    }
    cluster_close(&c);
    return status;
}

/* "KILL", "SIGKILL", "kill" and "9" are the same. 0: no such signal. */
static int signal_of(const char *text)
{
    int64_t number = 0;
    if (number_of(text, 1, NSIG - 1, &number)) return (int)number;
    if (strncasecmp(text, "SIG", 3) == 0) text += 3;
    for (int s = 1; s < NSIG; s++) {
        const char *name = sigabbrev_np(s);
        if (name != NULL && strcasecmp(name, text) == 0) return s;
    }
    return 0;
}

/* The verbs about one node: what each does with it, with the value of its own option. */
typedef int node_fn(const struct cluster *c, const struct node *n, const void *value);

static int with_node(const struct usage *usage, int argc, char **argv, const char *const *dir,
                     node_fn *fn, const void *value)
{
    struct strings operands = {0};
    enum args_result result = args_parse(usage, argc, argv, &operands);
    struct cluster c = {0};
    const struct node *n = NULL;
    int status = result == ARGS_RUN ? cluster_need(&c, *dir) : args_status(result);
    if (result == ARGS_RUN && status == EXIT_OK) status = cluster_need_node(&c, operands.at[0], &n);
    if (n != NULL) status = fn(&c, n, value);
    cluster_close(&c);
    strings_close(&operands);
    return status;
}

static int kill_node(const struct cluster *c, const struct node *n, const void *value)
{
    (void)c;
    const char *name = *(const char *const *)value;
    int signal_number = signal_of(name);
    if (signal_number == 0) return misuse("kill: no such signal: %s", name);
    int rc = process_signal(n, signal_number);
    if (rc == -ERR_DENIED) return fail("%s belongs to another user", n->name);
    if (rc != 0) return fail("%s is down", n->name);

    /* So that `start` right after it finds the node down. */
    if (signal_number == SIGKILL && !process_wait_gone(n, GONE_TIMEOUT_MS)) {
        return fail("%s does not die: its disk hangs?", n->name);
    }
    return EXIT_OK;
}

int verb_kill(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT, *signal_name = "KILL";
    const struct option_row rows[] = {
        ROW_DIR(&dir),
        OPT_TEXT("signal", 's', &signal_name, "SIGNAL",
                 "KILL, STOP, CONT, TERM ... (default: KILL)"),
    };
    const struct usage usage = {
        .verb = "kill",
        .operands = "NAME",
        .operand_min = 1,
        .operand_max = 1,
        .summary = "Sends a node a signal. After KILL, returns when its process is gone.",
        ROWS(rows),
        .example = "jackdaw kill broker-2 -s STOP",
    };
    return with_node(&usage, argc, argv, &dir, kill_node, &signal_name);
}

static int stop_node(const struct cluster *c, const struct node *n, const void *value)
{
    (void)c;
    if (process_look(n).state != PROCESS_DOWN)
        return nodes_stop(&n, 1, (uint32_t) * (const int64_t *)value * 1000);
    printf("%s is down already\n", n->name);
    return EXIT_OK;
}

int verb_stop(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT;
    int64_t timeout_s = STOP_TIMEOUT_S;
    const struct option_row rows[] = {
        ROW_DIR(&dir),
        ROW_TIMEOUT(&timeout_s, "then kill it (default: 60)"),
    };
    const struct usage usage = {
        .verb = "stop",
        .operands = "NAME",
        .operand_min = 1,
        .operand_max = 1,
        .summary = "Shuts a node down in order (a broker hands its leaderships over), and returns "
                   "when it is\n"
                   "gone. Stopping a node that is down is fine.",
        ROWS(rows),
        .example = "jackdaw stop broker-2",
        .statuses = "0 it is down, 1 it had to be killed or could not be stopped, 2 misused",
    };
    return with_node(&usage, argc, argv, &dir, stop_node, &timeout_s);
}

static int start_node(const struct cluster *c, const struct node *n, const void *value)
{
    int lock_fd = cluster_lock(c->dir);
    if (lock_fd < 0) return -lock_fd;

    struct process p = process_look(n);
    if (p.state == PROCESS_UP) {
        close(lock_fd);
        printf("%s is running already (pid %d)\n", n->name, (int)p.pid);
        return EXIT_OK;
    }
    int status = ports_need_free(c, &n, 1);
    if (status != EXIT_OK) {
        close(lock_fd);
        return status;
    }
    return nodes_start(c, &n, 1, (uint32_t) * (const int64_t *)value * 1000, lock_fd);
}

int verb_start(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT;
    int64_t timeout_s = START_TIMEOUT_S;
    const struct option_row rows[] = {
        ROW_DIR(&dir),
        ROW_TIMEOUT(&timeout_s, "give up when it does not serve (default: 60)"),
    };
    const struct usage usage = {
        .verb = "start",
        .operands = "NAME",
        .operand_min = 1,
        .operand_max = 1,
        .summary = "Starts a node again (or continues one that was stopped by a signal), and "
                   "returns when it\n"
                   "serves. Starting a node that runs is fine.",
        ROWS(rows),
        .example = "jackdaw start broker-2",
    };
    return with_node(&usage, argc, argv, &dir, start_node, &timeout_s);
}

int verb_down(int argc, char **argv)
{
    const char *dir = LOCAL_DIR_DEFAULT;
    bool wipe = false;
    int64_t timeout_s = 20;
    const struct option_row rows[] = {
        ROW_DIR(&dir),
        OPT_FLAG("wipe", 0, &wipe, "remove what `up` made, and nothing else"),
        ROW_TIMEOUT(&timeout_s, "then kill what still runs (default: 20)"),
    };
    const struct usage usage = {
        .verb = "down",
        .summary =
            "Stops every node of a local cluster. Where there is none, there is nothing to do.",
        ROWS(rows),
        .example = "jackdaw down --wipe",
        .statuses = "0 everything is down (and wiped), 1 something could not be, 2 misused",
    };
    enum args_result result = args_parse_alone(&usage, argc, argv);
    if (result != ARGS_RUN) return args_status(result);

    struct cluster c = {0};
    int rc = cluster_open(&c, dir);
    if (rc == -ERR_ABSENT) return EXIT_OK;
    if (rc != 0) return fail("%s/cluster.properties cannot be read", dir);

    int status = EXIT_OK, lock_fd = cluster_lock(c.dir);
    if (lock_fd < 0) status = -lock_fd;
    if (status == EXIT_OK) status = stop_all(&c, (uint32_t)timeout_s * 1000);
    if (status == EXIT_OK && wipe) status = cluster_wipe(&c);
    if (lock_fd >= 0) close(lock_fd);
    cluster_close(&c);
    return status;
}
