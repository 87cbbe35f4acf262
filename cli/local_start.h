/* local_start.h -- starting local nodes and waiting until they serve. */
#ifndef CLI_LOCAL_START_H
#define CLI_LOCAL_START_H

#include "cli/local_shape.h"

/* Which ports of the cluster's nodes that are down somebody else listens on: says so. An exit
 * status. */
MUST_USE int ports_need_free(const struct cluster *c, const struct node *const *nodes,
                             size_t count);

/* Starts those of the nodes that are down, continues those that are stopped, and waits until every
 * one serves. If a process dies, or the time is over, says so with the end of its log. An exit
 * status. The caller holds the lock `lock_fd`, which is given up before the waiting begins. */
MUST_USE int nodes_start(const struct cluster *c, const struct node *const *nodes, size_t count,
                         uint32_t timeout_ms, int lock_fd);

#endif
