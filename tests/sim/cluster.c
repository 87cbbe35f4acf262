#include "tests/sim/cluster.h"

#include <string.h>

#include "broker/link.h"
#include "broker/shard.h"
#include "common/check.h"
#include "controller/controller.h"

const char *fault_name(enum fault_kind kind)
{
    static const char *const names[] = {
#define X(name, text) #name,
        FAULT_KINDS(X)
#undef X
    };
    CHECK(kind < FAULT_KIND_COUNT);
    return names[kind];
}

const char *fault_text(enum fault_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) text,
        FAULT_KINDS(X)
#undef X
    };
    CHECK(kind < FAULT_KIND_COUNT);
    return texts[kind];
}

const char *cluster_broker_host(uint32_t index)
{
    static const char *const hosts[CLUSTER_BROKERS_MAX] = {"broker-1", "broker-2", "broker-3",
                                                           "broker-4", "broker-5"};
    CHECK(index < CLUSTER_BROKERS_MAX);
    return hosts[index];
}

static const char *controller_host(uint32_t index)
{
    static const char *const hosts[CLUSTER_CONTROLLERS_MAX] = {
        "controller-1", "controller-2", "controller-3", "controller-4", "controller-5"};
    CHECK(index < CLUSTER_CONTROLLERS_MAX);
    return hosts[index];
}

static const char *dir_of(uint32_t index)
{
    return index == 0 ? CLUSTER_LOG_DIR : CLUSTER_LOG_DIR_2;
}

/* ---- Processes: what main.c of each program does, over the simulated world. ---- */

static void close_controller(void *process)
{
    struct cluster_node *n = process;
    controller_close(n->controller, true);
    n->controller = NULL;
}

static void open_controller(void *arg, struct sim_node *node, struct env *const *envs,
                            uint32_t actor_count, struct sim_process *out)
{
    struct cluster_node *n = arg;
    const struct cluster_options *o = &n->cluster->options;
    CHECK(actor_count == 1);
    CHECK(n->node == node);

    struct controller_options options = o->controller;
    options.node_id = CLUSTER_CONTROLLER_ID(n->index);
    (void)snprintf(options.listen_host, sizeof options.listen_host, "%s",
                   controller_host(n->index));
    options.listen_port = CLUSTER_RAFT_PORT;
    (void)snprintf(options.log_dir, sizeof options.log_dir, "%s", CLUSTER_LOG_DIR);
    n->controller = controller_open(envs[0], &options);
    *out = (struct sim_process){.turns = {controller_turn},
                                .actors = {n->controller},
                                .process = n,
                                .close = close_controller};
}

static void close_broker(void *process)
{
    struct cluster_node *n = process;
    for (uint32_t i = 0; i < n->cluster->options.shard_count; i++) {
        shard_close(n->broker.shards[i], true);
        n->broker.shards[i] = NULL;
    }
    link_close(n->broker.link, true);
    n->broker.link = NULL;
}

static void open_broker(void *arg, struct sim_node *node, struct env *const *envs,
                        uint32_t actor_count, struct sim_process *out)
{
    struct cluster_node *n = arg;
    const struct cluster_options *o = &n->cluster->options;
    CHECK(actor_count == o->shard_count + 1);
    CHECK(n->node == node);

    struct broker_options *options = &n->broker.options;
    *options = o->broker;
    options->id = (int32_t)n->index + 1;
    options->shard_count = o->shard_count;
    options->listener_count = 1;
    struct broker_listener *l = &options->listeners[0];
    (void)snprintf(l->name, sizeof l->name, "PLAINTEXT");
    (void)snprintf(l->host, sizeof l->host, "%s", cluster_broker_host(n->index));
    memcpy(l->advertised_host, l->host, sizeof l->host);
    l->port = CLUSTER_KAFKA_PORT;
    l->advertised_port = CLUSTER_KAFKA_PORT;
    (void)snprintf(options->replication_listener, sizeof options->replication_listener, "%s",
                   l->name);
    options->log_dir_count = o->log_dir_count;
    for (uint32_t i = 0; i < o->log_dir_count; i++) {
        (void)snprintf(options->log_dirs[i], sizeof options->log_dirs[i], "%s", dir_of(i));
    }

    *out = (struct sim_process){.process = n, .close = close_broker};
    n->broker.link = link_open(envs[0], options);
    out->turns[0] = link_turn;
    out->actors[0] = n->broker.link;
    for (uint32_t i = 0; i < o->shard_count; i++) {
        n->broker.shards[i] = shard_open(envs[i + 1], options);
        out->turns[i + 1] = shard_turn;
        out->actors[i + 1] = n->broker.shards[i];
    }
}

void cluster_start(struct cluster_node *n)
{
    if (sim_node_state(n->node) != SIM_DOWN) return;

    uint32_t actors = n->is_broker ? n->cluster->options.shard_count + 1 : 1;
    sim_node_start(n->node, actors, n->is_broker ? open_broker : open_controller, n);
}

void cluster_start_all(struct cluster *c)
{
    for (uint32_t i = 0; i < c->options.controller_count; i++) cluster_start(&c->controllers[i]);
    for (uint32_t i = 0; i < c->options.broker_count; i++) cluster_start(&c->brokers[i]);
}

static void fill_voters(struct cluster_options *o)
{
    o->controller.voter_count = o->controller_count;
    o->broker.voter_count = o->controller_count;
    for (uint32_t i = 0; i < o->controller_count; i++) {
        struct node_voter *v = &o->controller.voters[i];
        v->id = CLUSTER_CONTROLLER_ID(i);
        v->port = CLUSTER_RAFT_PORT;
        (void)snprintf(v->host, sizeof v->host, "%s", controller_host(i));
        struct node_voter *b = &o->broker.voters[i];
        b->id = v->id;
        b->port = v->port;
        memcpy(b->host, v->host, sizeof b->host);
    }
}

void cluster_open(struct cluster *c, const struct cluster_options *options)
{
    *c = (struct cluster){.options = *options};
    fill_voters(&c->options);
    c->sim = sim_open(&c->options.world);
    for (uint32_t i = 0; i < options->controller_count; i++) {
        const char *host = controller_host(i);
        c->controllers[i] = (struct cluster_node){
            .cluster = c, .node = sim_node_add(c->sim, host, host), .index = i};
    }
    for (uint32_t i = 0; i < options->broker_count; i++) {
        const char *host = cluster_broker_host(i);
        c->brokers[i] = (struct cluster_node){
            .cluster = c, .node = sim_node_add(c->sim, host, host), .is_broker = true, .index = i};
    }
}

void cluster_close(struct cluster *c)
{
    sim_close(c->sim);
    c->sim = NULL;
}

struct cluster_node *cluster_node_of(struct cluster *c, const struct sim_node *node)
{
    for (uint32_t i = 0; i < c->options.controller_count; i++) {
        if (c->controllers[i].node == node) return &c->controllers[i];
    }
    for (uint32_t i = 0; i < c->options.broker_count; i++) {
        if (c->brokers[i].node == node) return &c->brokers[i];
    }
    return NULL;
}

const struct controller *cluster_active(const struct cluster *c)
{
    const struct controller *active = NULL;
    for (uint32_t i = 0; i < c->options.controller_count; i++) {
        const struct controller *one = c->controllers[i].controller;
        if (one == NULL || !controller_is_up(one) || !controller_is_leader(one)) continue;
        if (active == NULL || controller_term(one) > controller_term(active)) active = one;
    }
    return active;
}

static void ignore_entry(void *arg, const struct fs_entry *entry)
{
    (void)arg;
    (void)entry;
}

void cluster_folder(const struct cluster_node *n, const char *topic, int32_t number, char *out,
                    size_t size)
{
    struct fs *fs = sim_node_fs(n->node);
    for (uint32_t i = n->cluster->options.log_dir_count; i-- > 0;) {
        (void)snprintf(out, size, "%s/%s-%d", dir_of(i), topic, number);
        if (i == 0 || fs->ops->list(fs, out, ignore_entry, NULL) == 0) return;
    }
}

bool cluster_is_rotten(const struct cluster *c, const struct cluster_node *n, const char *topic,
                       int32_t number)
{
    for (uint32_t i = 0; i < c->rot_count; i++) {
        const struct cluster_rot *r = &c->rots[i];
        if (n == NULL) return true;
        if (r->broker == n->index && r->number == number && strcmp(r->topic, topic) == 0) {
            return true;
        }
    }
    return false;
}
