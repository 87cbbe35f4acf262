/* assignment.h -- replicas that somebody names by hand. */
#ifndef CONTROLLER_DECIDE_ASSIGNMENT_H
#define CONTROLLER_DECIDE_ASSIGNMENT_H

#include "controller/decide/refusal.h"
#include "proto/kafka_schema.h"

/* Brokers that exist, none twice, at least one alive; `replica_count` of them (0: as many as there
 * are). INVALID_REPLICA_ASSIGNMENT, with the reason. */
struct refusal assignment_take(const struct meta_image *image, const struct array *broker_ids,
                               uint32_t replica_count, struct id_set *out, struct decision *d);

#endif
