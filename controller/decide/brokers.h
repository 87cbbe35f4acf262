/* brokers.h -- a broker comes, goes, comes back, and leaves in order. */
#ifndef CONTROLLER_DECIDE_BROKERS_H
#define CONTROLLER_DECIDE_BROKERS_H

#include "controller/decide/decision.h"
#include "proto/rpc.h"

/* A new incarnation (or the same one, registering again): one batch that takes the broker out of
 * every ISR and of every leadership and gives it a new epoch, which is `index`, the batch's own. If
 * it is the first broker of a new cluster, its seeds become the cluster's defaults where none are
 * set. 0, or a Kafka code and then *text says why. */
int16_t decide_register(const struct meta_image *image, const struct rpc_msg *request,
                        uint64_t index, struct decision *d, struct slice *text);

/* The broker is taken for dead, or hangs. It stays eligible where it was: its log is on its disk.
 */
void decide_fence(const struct meta_image *image, int32_t id, const char *why, struct decision *d);

/* It is alive and has applied the metadata: it may lead where nobody does and it is eligible. */
void decide_unfence(const struct meta_image *image, int32_t id, const char *why,
                    struct decision *d);

/* A controlled shutdown begins: it leaves every ISR of others, and hands over what it leads. Where
 * nobody is fit to take over, it leaves at once. */
void decide_stop(const struct meta_image *image, int32_t id, struct decision *d);

#endif
