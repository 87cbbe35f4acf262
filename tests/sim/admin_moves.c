/* What an admin does to where replicas lie. */
#include "tests/sim/admin_moves.h"
#include "proto/msg/alter_partition_reassignments.h"

#define CANCEL_ONE_IN 5

/* Any brokers, in any order, dead ones too. */
static void draw_replicas(struct client *c, uint32_t count, int32_t *out)
{
    uint32_t brokers = c->cluster->options.broker_count;
    int32_t all[CLUSTER_BROKERS_MAX];
    for (uint32_t i = 0; i < brokers; i++) all[i] = (int32_t)i + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)prng_range(&c->prng, i, brokers - 1);
        out[i] = all[at];
        all[at] = all[i];
    }
}

static uint32_t factor_of(const struct client *c, const struct client_topic *t)
{
    const struct cluster_options *o = &c->cluster->options;
    uint32_t n = (uint32_t)(t->name[1] - '0');
    if (t->name[0] == 't' && n < o->topic_count) return o->replication_factor[n];
    return o->broker_count < 3 ? o->broker_count : 3;
}

bool admin_move(struct client *c, const struct client_topic *t)
{
    if (t == NULL || t->partition_count == 0) return false;

    int32_t replicas[CLUSTER_BROKERS_MAX];
    uint32_t count = factor_of(c, t);
    draw_replicas(c, count, replicas);
    bool cancels = prng_chance(&c->prng, 1, CANCEL_ONE_IN);
    struct alter_reassignments_request_partition partition = {
        .partition_index = (int32_t)prng_range(&c->prng, 0, t->partition_count - 1),
        .replicas = {replicas, cancels ? -1 : (int32_t)count},
    };
    struct alter_reassignments_request_topic topic = {.name = slice_of_text(t->name),
                                                      .partitions = {&partition, 1}};
    struct alter_reassignments_request q;
    kafka_defaults(&schema_alter_reassignments_request, &q);
    q.timeout_ms = 3000;
    q.topics = (struct array){&topic, 1};
    return client_send(c, client_any_broker(c), KAFKA_API_ALTER_PARTITION_REASSIGNMENTS, &q, NULL,
                       true);
}
