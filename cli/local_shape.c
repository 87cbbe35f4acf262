#include "cli/local_shape.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"

#define HOST "127.0.0.1"

enum port_kind {
    PORT_CONTROLLER = 100,
    PORT_INTERNAL = 200,
    PORT_BROKER_HTTP = 300,
    PORT_CONTROLLER_HTTP = 400,
};

/* Keys and their values, each key once: the last word counts. */
struct pairs {
    struct strings keys;
    struct strings values;
};

void path_of(char out[LOCAL_PATH_SIZE], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(out, LOCAL_PATH_SIZE, format, args);
    va_end(args);
    if (size < 0 || size >= LOCAL_PATH_SIZE) {
        fail("the folder's name is too long: %s", out);
        exit(EXIT_FAILED);
    }
}

static void pairs_close(struct pairs *p)
{
    strings_close(&p->keys);
    strings_close(&p->values);
}

static void pairs_set(struct pairs *p, const char *key, const char *value)
{
    for (size_t i = 0; i < p->keys.count; i++) {
        if (strcmp(p->keys.at[i], key) != 0) continue;
        free(p->values.at[i]);
        p->values.at[i] = copy_text(value);
        return;
    }
    strings_add(&p->keys, key);
    strings_add(&p->values, value);
}

static void pairs_setf(struct pairs *p, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void pairs_setf(struct pairs *p, const char *key, const char *format, ...)
{
    char *value = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&value, format, args);
    va_end(args);
    CHECK(size >= 0);
    pairs_set(p, key, value);
    free(value);
}

static const char *pairs_get(const struct pairs *p, const char *key)
{
    for (size_t i = 0; i < p->keys.count; i++) {
        if (strcmp(p->keys.at[i], key) == 0) return p->values.at[i];
    }
    return NULL;
}

/* With `all`, keys that stand more than once are kept more than once ("set" in our own file). */
static int pairs_read(struct pairs *p, const char *path, bool all)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) return -ERR_ABSENT;

    char *line = NULL, *key = NULL, *value = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) > 0) {
        char *text = trim(line);
        if (*text == '#' || *text == '!' || !split_pair(text, '=', &key, &value)) continue;
        if (all) {
            strings_add(&p->keys, trim(key));
            strings_add(&p->values, trim(value));
        } else {
            pairs_set(p, trim(key), trim(value));
        }
    }
    free(line);
    fclose(f);
    return 0;
}

/* Whole or not at all: the file gets its name when everything is in it. */
static int pairs_write(const struct pairs *p, const char *path, const char *comment)
{
    char fresh[LOCAL_PATH_SIZE];
    path_of(fresh, "%s.new", path);
    FILE *f = fopen(fresh, "we");
    if (f == NULL) return -ERR_IO;

    fprintf(f, "# %s\n", comment);
    for (size_t i = 0; i < p->keys.count; i++) {
        fprintf(f, "%s=%s\n", p->keys.at[i], p->values.at[i]);
    }
    bool bad = ferror(f) != 0;
    bad |= fclose(f) != 0;
    if (bad || rename(fresh, path) != 0) {
        unlink(fresh);
        return -ERR_IO;
    }
    return 0;
}

static int64_t port_of(const struct shape *s, enum port_kind kind, int64_t i)
{
    return s->port + (int64_t)kind + i;
}

/* The first client listener's "host:port" in a list such as INTERNAL://a:1,PLAINTEXT://b:2. */
static void listener_address(const char *listeners, char out[LOCAL_ADDRESS_SIZE])
{
    struct strings parts = {0};
    strings_split(&parts, listeners, ',');
    for (size_t i = 0; i < parts.count; i++) {
        const char *at = strstr(parts.at[i], "://");
        if (at == NULL || strncmp(parts.at[i], "INTERNAL:", 9) == 0) continue;
        snprintf(out, LOCAL_ADDRESS_SIZE, "%.*s", LOCAL_ADDRESS_SIZE - 1, at + 3);
        break;
    }
    strings_close(&parts);
}

/* What the node's own file says wins over what `up` planned: a person may have edited it. */
static void read_addresses(struct node *n)
{
    struct pairs p = {0};
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/server.properties", n->home);
    if (pairs_read(&p, path, false) == 0) {
        const char *listeners = pairs_get(&p, "listeners");
        const char *http = pairs_get(&p, "http.listeners");
        if (listeners != NULL) listener_address(listeners, n->address);
        n->http_address[0] = 0;
        if (http != NULL) listener_address(http, n->http_address);
    }
    pairs_close(&p);
}

static void plan_node(const struct cluster *c, struct node *n, size_t index)
{
    const struct shape *s = &c->shape;
    size_t broker_count = (size_t)s->brokers;
    n->is_broker = index < broker_count;
    int64_t i = n->is_broker ? s->first_id + (int64_t)index : (int64_t)(index - broker_count) + 1;
    int64_t port = n->is_broker ? s->port + (int64_t)index : port_of(s, PORT_CONTROLLER, i);
    int64_t http = port_of(s, n->is_broker ? PORT_BROKER_HTTP : PORT_CONTROLLER_HTTP, i);

    n->id = (int)(n->is_broker ? i : 100 + i);
    snprintf(n->name, sizeof n->name, "%s-%lld", n->is_broker ? "broker" : "controller",
             (long long)i);
    path_of(n->home, "%s/%s", c->dir, n->name);
    snprintf(n->address, sizeof n->address, HOST ":%lld", (long long)port);
    snprintf(n->http_address, sizeof n->http_address, HOST ":%lld", (long long)http);
}

static void copy_shape(struct shape *to, const struct shape *from)
{
    *to = *from;
    to->sets = (struct strings){0};
    for (size_t i = 0; i < from->sets.count; i++) strings_add(&to->sets, from->sets.at[i]);
}

void cluster_plan(struct cluster *c, const char *dir, const struct shape *shape)
{
    char resolved[PATH_MAX];
    *c = (struct cluster){0};
    if (realpath(dir, resolved) != NULL) {
        path_of(c->dir, "%s", resolved);
    } else if (dir[0] == '/' || getcwd(resolved, sizeof resolved) == NULL) {
        path_of(c->dir, "%s", dir);
    } else {
        path_of(c->dir, "%s/%s", resolved, dir);
    }
    copy_shape(&c->shape, shape);
    c->node_count = (size_t)(shape->brokers + shape->controllers);
    c->nodes = get_memory(c->node_count * sizeof *c->nodes);
    for (size_t i = 0; i < c->node_count; i++) plan_node(c, &c->nodes[i], i);
}

static bool read_shape(struct shape *s, const char *path)
{
    struct pairs p = {0};
    const char *keys[] = {"brokers", "controllers", "port", "first.id", "made.dir"};
    int64_t values[5];
    bool good = pairs_read(&p, path, true) == 0;
    for (size_t i = 0; i < 5; i++) {
        const char *text = pairs_get(&p, keys[i]);
        good = good && text != NULL && number_of(text, 0, 65535, &values[i]);
    }
    if (good) {
        *s = (struct shape){.brokers = values[0],
                            .controllers = values[1],
                            .port = values[2],
                            .first_id = values[3],
                            .made_dir = values[4] != 0};
        for (size_t i = 0; i < p.keys.count; i++) {
            if (strcmp(p.keys.at[i], "set") == 0) strings_add(&s->sets, p.values.at[i]);
        }
        good = s->brokers <= LOCAL_NODES_MAX && s->controllers <= LOCAL_NODES_MAX;
    }
    pairs_close(&p);
    return good;
}

int cluster_open(struct cluster *c, const char *dir)
{
    *c = (struct cluster){0};
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/cluster.properties", dir);
    if (access(path, F_OK) != 0) return -ERR_ABSENT;

    struct shape shape = {0};
    bool good = read_shape(&shape, path);
    if (good) {
        cluster_plan(c, dir, &shape);
        for (size_t i = 0; i < c->node_count; i++) read_addresses(&c->nodes[i]);
    }
    strings_close(&shape.sets);
    return good ? 0 : -ERR_CORRUPT;
}

static int write_shape(const struct cluster *c)
{
    const struct shape *s = &c->shape;
    struct pairs p = {0};
    char path[LOCAL_PATH_SIZE];
    pairs_setf(&p, "brokers", "%lld", (long long)s->brokers);
    pairs_setf(&p, "controllers", "%lld", (long long)s->controllers);
    pairs_setf(&p, "port", "%lld", (long long)s->port);
    pairs_setf(&p, "first.id", "%lld", (long long)s->first_id);
    pairs_setf(&p, "made.dir", "%d", s->made_dir);
    for (size_t i = 0; i < s->sets.count; i++) {
        strings_add(&p.keys, "set");
        strings_add(&p.values, s->sets.at[i]);
    }
    path_of(path, "%s/cluster.properties", c->dir);
    int rc =
        pairs_write(&p, path, "What `jackdaw up` was asked for. `jackdaw down --wipe` removes it.");
    pairs_close(&p);
    return rc;
}

static void set_voters(struct pairs *p, const struct cluster *c)
{
    char *voters = copy_text("");
    for (size_t i = (size_t)c->shape.brokers; i < c->node_count; i++) {
        char *more = format_text("%s%s%d@%s", voters, *voters ? "," : "", c->nodes[i].id,
                                 c->nodes[i].address);
        free(voters);
        voters = more;
    }
    pairs_set(p, "controller.quorum.voters", voters);
    free(voters);
}

/* Safe by default means three replicas; where there are fewer brokers, nothing that the cluster
 * makes by itself may wait for brokers that will never come. */
static void set_replication(struct pairs *p, const struct shape *s)
{
    if (s->brokers >= 3) return;

    static const char *const factors[] = {"default.replication.factor",
                                          "offsets.topic.replication.factor",
                                          "transaction.state.log.replication.factor"};
    for (size_t i = 0; i < 3; i++) pairs_setf(p, factors[i], "%lld", (long long)s->brokers);
    if (s->brokers < 2) {
        pairs_set(p, "min.insync.replicas", "1");
        pairs_set(p, "transaction.state.log.min.isr", "1");
    }
}

static int write_node(const struct cluster *c, const struct node *n)
{
    struct pairs p = {0};
    char path[LOCAL_PATH_SIZE];
    pairs_set(&p, "process.roles", n->is_broker ? "broker" : "controller");
    pairs_setf(&p, "node.id", "%d", n->id);
    if (n->is_broker) {
        pairs_setf(&p, "listeners", "INTERNAL://" HOST ":%lld,PLAINTEXT://%s",
                   (long long)port_of(&c->shape, PORT_INTERNAL, n->id), n->address);
        pairs_set(&p, "listener.security.protocol.map",
                  "INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
        pairs_set(&p, "inter.broker.listener.name", "INTERNAL");
    } else {
        pairs_setf(&p, "listeners", "CONTROLLER://%s", n->address);
        pairs_set(&p, "listener.security.protocol.map", "CONTROLLER:PLAINTEXT");
    }
    pairs_set(&p, "controller.listener.names", "CONTROLLER");
    set_voters(&p, c);
    pairs_setf(&p, "log.dirs", "%s/data", n->home);
    pairs_setf(&p, "http.listeners", "http://%s", n->http_address);
    set_replication(&p, &c->shape);
    for (size_t i = 0; i < c->shape.sets.count; i++) {
        char *text = copy_text(c->shape.sets.at[i]), *key = NULL, *value = NULL;
        if (split_pair(text, '=', &key, &value)) pairs_set(&p, trim(key), trim(value));
        free(text);
    }
    path_of(path, "%s/server.properties", n->home);
    int rc = access(path, F_OK) == 0 ? 0 : pairs_write(&p, path, "Written by `jackdaw up`.");
    pairs_close(&p);
    return rc;
}

int node_set(const struct node *n, const char *key, const char *value)
{
    struct pairs p = {0};
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/server.properties", n->home);
    int rc = pairs_read(&p, path, false);
    pairs_set(&p, key, value);
    if (rc == 0) rc = pairs_write(&p, path, "Written by `jackdaw import`.");
    pairs_close(&p);
    return rc;
}

/* As `mkdir -p`. */
static int make_dirs(const char *dir)
{
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s", dir);
    for (char *at = path + 1; *at != 0; at++) {
        if (*at != '/') continue;
        *at = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST) return -ERR_IO;
        *at = '/';
    }
    return mkdir(path, 0755) != 0 && errno != EEXIST ? -ERR_IO : 0;
}

int cluster_repair(struct cluster *c)
{
    int rc = 0;
    for (size_t i = 0; i < c->node_count && rc == 0; i++) {
        if (mkdir(c->nodes[i].home, 0755) != 0 && errno != EEXIST) rc = -ERR_IO;
        if (rc == 0) rc = write_node(c, &c->nodes[i]);
        read_addresses(&c->nodes[i]);
    }
    return rc;
}

int cluster_create(struct cluster *c, const char *dir, const struct shape *shape)
{
    int rc = make_dirs(dir);
    if (rc != 0) return rc;

    cluster_plan(c, dir, shape);
    /* The mark comes first: whatever stops us half way, the folder is known to be ours. */
    rc = write_shape(c);
    return rc == 0 ? cluster_repair(c) : rc;
}

void cluster_close(struct cluster *c)
{
    strings_close(&c->shape.sets);
    free(c->nodes);
    *c = (struct cluster){0};
}

const struct node *cluster_find(const struct cluster *c, const char *name)
{
    for (size_t i = 0; i < c->node_count; i++) {
        if (strcmp(c->nodes[i].name, name) == 0) return &c->nodes[i];
    }
    return NULL;
}

int cluster_need(struct cluster *c, const char *dir)
{
    int rc = cluster_open(c, dir);
    if (rc == -ERR_ABSENT)
        return fail("no cluster in %s; `jackdaw up --dir %s` makes one", dir, dir);
    if (rc != 0) return fail("%s/cluster.properties cannot be read", dir);
    return EXIT_OK;
}

int cluster_need_node(const struct cluster *c, const char *name, const struct node **out)
{
    *out = cluster_find(c, name);
    if (*out != NULL) return EXIT_OK;

    char *names = copy_text("");
    for (size_t i = 0; i < c->node_count; i++) {
        char *more = format_text("%s%s%s", names, *names ? ", " : "", c->nodes[i].name);
        free(names);
        names = more;
    }
    fail("no node %s in %s; there are %s", name, c->dir, names);
    free(names);
    return EXIT_FAILED;
}

char *cluster_bootstrap(const struct cluster *c)
{
    char *text = copy_text("");
    for (size_t i = 0; i < (size_t)c->shape.brokers; i++) {
        char *more = format_text("%s%s%s", text, *text ? "," : "", c->nodes[i].address);
        free(text);
        text = more;
    }
    return text;
}

static uint16_t port_in(const char *address)
{
    const char *colon = strrchr(address, ':');
    int64_t port = 0;
    if (colon == NULL || !number_of(colon + 1, 1, 65535, &port)) return 0;
    return (uint16_t)port;
}

size_t node_ports(const struct cluster *c, const struct node *n, uint16_t out[3])
{
    uint16_t internal = 0;
    if (n->is_broker) internal = (uint16_t)port_of(&c->shape, PORT_INTERNAL, n->id);
    uint16_t all[3] = {port_in(n->address), port_in(n->http_address), internal};
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        if (all[i] != 0) out[count++] = all[i];
    }
    return count;
}
