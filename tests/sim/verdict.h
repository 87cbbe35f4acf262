/* verdict.h -- the end of a run: what is in the logs, against what was promised (README.md). */
#ifndef TESTS_SIM_VERDICT_H
#define TESTS_SIM_VERDICT_H

#include "tests/sim/nemesis.h"

void verdict(struct cluster *cluster, struct history *history, const struct oracles *oracles,
             const struct nemesis *nemesis);

#endif
