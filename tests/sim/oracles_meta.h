/* oracles_meta.h -- the oracles' part that judges controllers and images. For oracles.c only. */
#ifndef TESTS_SIM_ORACLES_META_H
#define TESTS_SIM_ORACLES_META_H

#include "tests/sim/oracles_state.h"

void oracles_check_controller(struct oracles *o, struct cluster_node *n);

/* *seen: the index of the last image of this owner that was looked at. */
void oracles_check_image(struct oracles *o, const struct meta_image *image, uint64_t *seen,
                         const char *who);

#endif
