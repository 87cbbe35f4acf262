/* rings.h -- [ring] The last events of every node, carried out anew by the same cores, are decided
 * as they were: nothing but what is recorded enters the cores, and all of it is recorded. */
#ifndef TESTS_SIM_RINGS_H
#define TESTS_SIM_RINGS_H

#include "tests/sim/cluster.h"

struct rings {
    uint64_t steps;
    uint64_t decisions;
    uint64_t checkpoints;
};

/* Those of the processes that run now. */
void rings_check(struct rings *rings, struct cluster *cluster);

#endif
