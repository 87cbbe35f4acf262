/* replay.h -- the last events of a controller, carried out anew by the same cores.
 *
 *   Used by:  `jackdaw replay`, the simulator's oracle of rings.
 *   Knows:    what record.h writes. It touches nothing but what it is given.
 *
 * Raft: every event of the ring is stepped into a core that starts from the ring's checkpoint; its
 * effects and state must be those that were. Decisions: each is decided anew (decide/) on the image
 * of the ring, from the request that it was made from, and must be the same bytes; of kinds whose
 * request is not kept the batch is applied and shown.
 *
 * A CHECK of the core that fails ends the process: if the node died of it, that is the answer.
 */
#ifndef CONTROLLER_REPLAY_H
#define CONTROLLER_REPLAY_H

#include "common/ring_replay.h"

/* 0, or -ERR_CORRUPT: an entry makes no sense, *why says which. */
MUST_USE int controller_replay(struct ring_reader *ring, struct ring_replay *out, const char **why);

#endif
