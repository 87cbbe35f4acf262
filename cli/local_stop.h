/* local_stop.h -- stopping local nodes in order, and removing what `up` made. */
#ifndef CLI_LOCAL_STOP_H
#define CLI_LOCAL_STOP_H

#include "cli/local_shape.h"

/* Asks every one of the nodes to stop, then waits; kills what has not stopped in time, and says so.
 * An exit status: EXIT_FAILED if one was killed or could not be. */
MUST_USE int nodes_stop(const struct node *const *nodes, size_t count, uint32_t timeout_ms);

/* Removes what `up` and its nodes made, and nothing else; names what stays. Every node is down. */
MUST_USE int cluster_wipe(const struct cluster *c);

#endif
