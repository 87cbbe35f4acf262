/* configs.h -- configurations of topics, brokers and groups, and the cluster's defaults. */
#ifndef CONTROLLER_DECIDE_CONFIGS_H
#define CONTROLLER_DECIDE_CONFIGS_H

#include "controller/decide/decision.h"
#include "proto/msg/alter_configs.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/topic_configs.h"

/* A resource is changed as a whole or not at all; others of the request are not touched by its
 * refusal. With min.insync.replicas other than before, who was eligible is no longer known to have
 * what is committed next: where there is an ISR, the ELR is emptied in the same batch (KIP-966).
 * 0 or -ERR_LIMIT. */
MUST_USE int
decide_incremental_alter_configs(const struct meta_image *image, const struct group_limits *limits,
                                 const struct incremental_alter_configs_request *request,
                                 struct decision *d,
                                 struct incremental_alter_configs_response *reply);

/* The old way: what the request does not name goes back to its default. */
MUST_USE int decide_alter_configs(const struct meta_image *image, const struct group_limits *limits,
                                  const struct alter_configs_request *request, struct decision *d,
                                  struct alter_configs_response *reply);

#endif
