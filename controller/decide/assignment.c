#include "controller/decide/assignment.h"

#include "controller/decide/partitions.h"
#include "proto/kafka_errors.h"

struct refusal assignment_take(const struct meta_image *image, const struct array *broker_ids,
                               uint32_t replica_count, struct id_set *out, struct decision *d)
{
    const int32_t *ids = broker_ids->items;
    bool is_anyone_alive = false;
    *out = (struct id_set){0};

    if (broker_ids->count <= 0)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT, "a partition has no replicas");
    if (broker_ids->count > META_REPLICAS_MAX)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT, "%d replicas, and %d is the most",
                      broker_ids->count, META_REPLICAS_MAX);
    for (int32_t i = 0; i < broker_ids->count; i++) {
        if (meta_broker_find(image, ids[i]) == NULL)
            return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "the assignment names broker %d, which is not registered", ids[i]);
        if (!id_set_add(out, ids[i]))
            return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "the assignment names broker %d twice for one partition", ids[i]);
        is_anyone_alive = is_anyone_alive || broker_is_usable(image, ids[i]);
    }
    if (replica_count != 0 && out->count != replica_count)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "partitions of one topic have %u and %u replicas", replica_count, out->count);
    if (!is_anyone_alive)
        return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "no broker of the assignment of a partition is alive");
    return GRANTED;
}
