/* isr.h -- leaders propose who is in sync, and hand over to whom they are asked to; each claim is
 * looked at. */
#ifndef CONTROLLER_DECIDE_ISR_H
#define CONTROLLER_DECIDE_ISR_H

#include "controller/decide/decision.h"
#include "proto/rpc.h"

/* One request, one decision. `results` has room for one per change. Accepted ones get the index 0:
 * the caller fills in the batch's. A refusal names a code of Kafka's:
 *   STALE_BROKER_EPOCH      the sender is not the broker's present incarnation
 *   UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION
 *   INVALID_REQUEST         the sender does not lead it; the ISR is not within the replicas, has
 *                           somebody twice, or lacks the leader
 *   FENCED_LEADER_EPOCH     an old leader epoch
 *   INVALID_UPDATE_VERSION  based on an old state of the partition
 *   NOT_CONTROLLER          based on a newer state than this controller has: ask the present leader
 *   INELIGIBLE_REPLICA      a member is fenced, stopping, or of another incarnation (KIP-841,
 *                           KIP-903); a successor is none, or not fit to lead (any more)
 * A handover of another term is refused with NOT_CONTROLLER.
 */
void decide_alter_isr(const struct meta_image *image, const struct rpc_msg *request,
                      struct decision *d, struct rpc_isr_result *results);

#endif
