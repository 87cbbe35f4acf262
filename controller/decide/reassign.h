/* reassign.h -- partitions move to other brokers (KIP-455), and brokers leave for good.
 *
 *   asked for   here: the new replicas are added, the old ones stay until they are not needed.
 *   completed   by any change of the partition after which all that were added are in sync, and as
 *               many as min.insync.replicas asks for (partitions.h). A leader that is to go hands
 *               over first (handovers.h).
 *   cancelled   here: what was added goes, and nothing else.
 */
#ifndef CONTROLLER_DECIDE_REASSIGN_H
#define CONTROLLER_DECIDE_REASSIGN_H

#include "controller/decide/decision.h"
#include "proto/msg/alter_partition_reassignments.h"
#include "proto/msg/unregister_broker.h"

/* Partition by partition: what can be done is. 0 or -ERR_LIMIT. */
MUST_USE int decide_alter_reassignments(const struct meta_image *image,
                                        const struct alter_reassignments_request *request,
                                        struct decision *d,
                                        struct alter_reassignments_response *reply);

/* Only a broker that is down and holds no replica: its data has moved first. */
void decide_unregister(const struct meta_image *image,
                       const struct unregister_broker_request *request, struct decision *d,
                       struct unregister_broker_response *reply);

#endif
