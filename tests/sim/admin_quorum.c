#include "tests/sim/admin_quorum.h"

#include <stdio.h>

#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/raft_voters.h"
#include "proto/topic_configs.h"

#define REMOVAL_MAX_US 20000000u /* What was asked for has come true by then, or never will. */

static const struct meta_image_voter *find_voter(const struct meta_image *image, uint32_t id)
{
    for (uint32_t i = 0; i < image->voter_count; i++) {
        if (image->voters[i].id == id) return &image->voters[i];
    }
    return NULL;
}

static bool add_voter(struct client *c, uint32_t index, const struct admin_voter *gone)
{
    if (gone->id != CLUSTER_CONTROLLER_ID(index)) return false;

    struct add_raft_voter_request_listener listener = {
        .name = slice_of_text("CONTROLLER"),
        .host = slice_of_text(sim_node_host(c->cluster->controllers[index].node)),
        .port = CLUSTER_RAFT_PORT,
    };
    struct add_raft_voter_request q;
    kafka_defaults(&schema_add_raft_voter_request, &q);
    q.timeout_ms = 3000;
    q.voter_id = (int32_t)gone->id;
    q.voter_directory_id = gone->disk;
    q.listeners = (struct array){&listener, 1};
    return client_send(c, client_any_broker(c), KAFKA_API_ADD_RAFT_VOTER, &q, NULL, true);
}

/* As a careful operator does it: when all others are there, with the disks that the log names. */
static bool may_remove(const struct cluster *c, const struct meta_image *image)
{
    for (uint32_t i = 0; i < c->options.controller_count; i++) {
        const struct cluster_node *node = &c->controllers[i];
        const struct meta_image_voter *v = find_voter(image, CLUSTER_CONTROLLER_ID(i));
        if (node->busy > 0 || sim_node_state(node->node) != SIM_RUNNING) return false;
        if (v == NULL || v->is_learner || uuid_is_zero(v->disk)) return false;
        if (uuid_equal(v->disk, node->wiped)) return false;
    }
    return true;
}

bool admin_change_voters(struct client *c, struct admin_voter *gone, bool removes)
{
    uint32_t count = c->cluster->options.controller_count;
    const struct controller *active = cluster_active(c->cluster);
    if (active == NULL || count < 3) return false;
    const struct meta_image *image = controller_image(active);
    if (image->voter_count == 0) return false;

    for (uint32_t i = 0; i < count; i++) {
        if (find_voter(image, CLUSTER_CONTROLLER_ID(i)) == NULL) return add_voter(c, i, gone);
    }
    uint64_t now_us = sim_now_us(c->cluster->sim);
    if (!removes || now_us < gone->settled_us || !may_remove(c->cluster, image)) return false;
    c->cluster->is_quorum_changing = false;
    if (prng_chance(&c->prng, 1, 2)) return false;

    c->cluster->is_quorum_changing = true;

    const struct meta_image_voter *one =
        find_voter(image, CLUSTER_CONTROLLER_ID((uint32_t)prng_range(&c->prng, 0, count - 1)));
    *gone = (struct admin_voter){
        .id = one->id, .disk = one->disk, .settled_us = now_us + REMOVAL_MAX_US};
    struct remove_raft_voter_request q;
    kafka_defaults(&schema_remove_raft_voter_request, &q);
    q.voter_id = (int32_t)one->id;
    q.voter_directory_id = one->disk;
    return client_send(c, client_any_broker(c), KAFKA_API_REMOVE_RAFT_VOTER, &q, NULL, true);
}

bool admin_drain(struct client *c)
{
    char name[16];
    uint32_t id = (uint32_t)prng_range(&c->prng, 1, c->cluster->options.broker_count);
    (void)snprintf(name, sizeof name, "%u", id);
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text("broker.drained"),
        .config_operation = CONFIG_OP_SET,
        .value = slice_of_text(prng_chance(&c->prng, 1, 2) ? "true" : "false"),
    };
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = CONFIG_RESOURCE_BROKER,
        .resource_name = slice_of_text(name),
        .configs = {&config, 1},
    };
    struct incremental_alter_configs_request q = {.resources = {&resource, 1}};
    return client_send(c, client_any_broker(c), KAFKA_API_INCREMENTAL_ALTER_CONFIGS, &q, NULL,
                       true);
}
