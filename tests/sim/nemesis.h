/* nemesis.h -- what breaks, when, and for how long: drawn from the seed, and remembered, since the
 * promise of acks=1 depends on it. */
#ifndef TESTS_SIM_NEMESIS_H
#define TESTS_SIM_NEMESIS_H

#include "tests/sim/nemesis_state.h"

/* Begins at once. */
void nemesis_open(struct nemesis *n, struct cluster *cluster, struct oracles *oracles);
/* Everything works again, and every process runs. */
void nemesis_end(struct nemesis *n);
void nemesis_close(struct nemesis *n);

/* After each turn: has the moment come that a kind of fault waits for? */
void nemesis_after_turn(struct nemesis *n, struct sim_node *node, uint32_t actor);

/* Was this broker, or any controller, in trouble at any time between the two? */
bool nemesis_excuses(const struct nemesis *n, int32_t broker, uint64_t from_us, uint64_t to_us);

#endif
