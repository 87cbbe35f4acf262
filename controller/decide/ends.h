/* ends.h -- how far the logs of partitions that nobody leads reach, as their brokers tell. Pure.
 *
 *   Owns:     a table; an entry is good as long as its broker's epoch is.
 *   Used by:  the leading controller; begun anew with each leadership.
 */
#ifndef CONTROLLER_DECIDE_ENDS_H
#define CONTROLLER_DECIDE_ENDS_H

#include "controller/decide/decision.h"
#include "proto/rpc.h"

struct log_end_key {
    struct uuid topic_id;
    int32_t partition;
    int32_t broker;
};

struct log_end {
    struct log_end_key key;
    int64_t broker_epoch;
    int32_t epoch; /* Of its last record; -1: it has none. */
    int64_t end;
    UT_hash_handle hh;
};

/* Zeroed is empty. */
struct log_ends {
    struct log_end *all;
};

void ends_note(struct log_ends *ends, int32_t broker, int64_t broker_epoch,
               const struct rpc_log_end *told);
void ends_close(struct log_ends *ends);

/* NULL: the present incarnation of that broker has not told. */
const struct log_end *ends_find(const struct log_ends *ends, const struct meta_image *image,
                                struct uuid topic_id, int32_t number, int32_t broker);

/* Whose log reaches furthest: the highest epoch, then the highest end, then the first in order of
 * preference. Epochs tell who wrote: of two logs whose last epoch is the same, one is the beginning
 * of the other. Any replica that is fit to lead may be it; nobody is (META_NOBODY) unless all of
 * those have told, and all `required` replicas are among them (NULL: none is).
 * `canary`: a set of enum decide_canary. */
int32_t ends_best(const struct log_ends *ends, const struct meta_image *image,
                  const struct meta_topic *topic, int32_t number, const struct id_set *required,
                  uint32_t canary);

/* It is decided: what was told of the partition is of no use any more. */
void ends_forget(struct log_ends *ends, struct uuid topic_id, int32_t number);

/* A partition of which no replica is known to have everything: when all that last had it
 * (last_known_elr) have told, the one that reaches furthest leads. Nothing is decided before. */
void decide_recover(const struct meta_image *image, const struct log_ends *ends,
                    const struct meta_topic *topic, int32_t number, struct decision *d);

#endif
