/* disks.h -- a broker's disk is lost, stands still, or is well again: what becomes of the replicas
 * on it, while the broker and its other disks go on. */
#ifndef CONTROLLER_DECIDE_DISKS_H
#define CONTROLLER_DECIDE_DISKS_H

#include "controller/decide/decision.h"
#include "proto/rpc.h"

/* request: RPC_DISKS of a broker of the image. A replica that is lost leaves the ISR, the ELR and
 * leadership, whoever is left. One that stands still leaves only where others are in sync: it has
 * what it has, and to wait for it is better than to have nobody. Both take part in nothing until
 * they are said to be well. Nothing is decided where nothing changes. */
void decide_disks(const struct meta_image *image, const struct rpc_msg *request,
                  struct decision *d);

#endif
