/* seeds.h -- a cluster is born, and what properties files say of its defaults. */
#ifndef CONTROLLER_DECIDE_SEEDS_H
#define CONTROLLER_DECIDE_SEEDS_H

#include "controller/decide/decision.h"

/* The first decision of all: the cluster's id, the feature level, the defaults from `seeds`
 * ("key=value"). */
void decide_birth(const struct meta_image *image, const char *cluster_id, const struct slice *seeds,
                  uint32_t seed_count, struct decision *d);

/* Seeds become the cluster's defaults where none are set. Those that are no defaults of the
 * cluster, or whose value is not legal, are passed over: whoever reads the file has said so. */
void decide_seeds(const struct meta_image *image, const struct slice *seeds, uint32_t seed_count,
                  struct decision *d);

/* Does the seed say otherwise than the cluster does? Then *key and *value are what it says, and
 * *ours what holds here. */
bool seed_differs(const struct meta_image *image, struct slice seed, struct slice *key,
                  struct slice *value, const char **ours);

#endif
