/* oracles.h -- what must be true after every turn, whatever the faults. Each stands outside of what
 * it judges: it looks at roles, ends, watermarks and bytes on the disk, never at their reasons.
 *
 * [term]       One Raft leader per term.
 * [metadata]   What is committed at an index is the same on every controller, for ever.
 * [image]      Every image (controllers, shards) of an index is the fold of the log up to it.
 * [isr]        ISR and ELR lie within the replicas and are disjoint; the leader is in the ISR; a
 *              fenced broker is in none; a leader was in sync or eligible before it was elected;
 *              the leader epoch rises with every change of the leader.
 * [epoch]      Who leads in an epoch is whom the metadata name; so there is one.
 * [watermark]  log start <= high watermark <= log end; it never falls while the process lives.
 * [complete]   Whoever leads, or is in the committed ISR, has all that was ever committed.
 * [join]       Whoever is taken into an ISR has all that was committed, as it is registered now.
 * [lag]        No leader proposes that a follower leaves before it can have been silent for long.
 * [handover]   Whom a leader hands over to has everything; nothing is appended from then on.
 * [ring]       What a node decided can be decided anew from the ring of its events (rings.h).
 * [committed]  Below high watermarks all logs are the same, at all times (history.h).
 */
#ifndef TESTS_SIM_ORACLES_H
#define TESTS_SIM_ORACLES_H

#include "tests/sim/oracles_state.h"

void oracles_open(struct oracles *o, struct cluster *cluster, struct history *history);
void oracles_close(struct oracles *o);

/* The hook of the world. */
void oracles_after_turn(struct oracles *o, struct sim_node *node, uint32_t actor);

/* A process has ended; with its disk as it was synced, if the power was cut. */
void oracles_on_down(struct oracles *o, struct sim_node *node, bool is_power_cut);
void oracles_on_wiped(struct oracles *o, struct sim_node *node);

/* The state of a partition in the fold of all that was committed; NULL: it does not exist. */
const struct meta_partition *oracles_partition(const struct oracles *o, uint32_t part);

#endif
