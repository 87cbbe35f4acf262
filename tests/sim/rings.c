#include "tests/sim/rings.h"

#include "broker/partition/replica_replay.h"
#include "broker/shard.h"
#include "broker/state.h"
#include "controller/controller.h"
#include "controller/replay.h"

static void check(struct rings *rings, struct cluster_node *n, const struct ring *ring)
{
    struct ring_reader reader;
    struct ring_replay out = {0};
    const char *why = NULL;
    if (!ring_is_on(ring) || sim_violated(n->cluster->sim) != NULL) return;

    int rc = ring_reader_open(&reader, ring_bytes(ring), &why);
    if (rc == 0 && n->is_broker) rc = replica_replay(&reader, &out, &why);
    if (rc == 0 && !n->is_broker) rc = controller_replay(&reader, &out, &why);
    rings->steps += out.steps;
    rings->decisions += out.decisions;
    rings->checkpoints += out.checkpoints;
    if (rc == 0 && out.differences == 0) return;
    sim_violation(n->cluster->sim, "[ring] of %s: %s", sim_node_name(n->node),
                  rc != 0 ? why : out.first_difference);
}

void rings_check(struct rings *rings, struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->options.controller_count; i++) {
        struct cluster_node *n = &cluster->controllers[i];
        if (n->controller != NULL) check(rings, n, controller_ring(n->controller));
    }
    for (uint32_t i = 0; i < cluster->options.broker_count; i++) {
        struct cluster_node *n = &cluster->brokers[i];
        for (uint32_t k = 0; k < cluster->options.shard_count; k++) {
            const struct shard *s = n->broker.shards[k];
            if (s != NULL) check(rings, n, &s->host.ring);
        }
    }
}
