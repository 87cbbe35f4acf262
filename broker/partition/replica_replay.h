/* replica_replay.h -- the last events of a shard's replicas, carried out anew by the same core.
 *
 *   Used by:  `jackdaw replay`, the simulator's oracle of rings.
 *   Knows:    what record.h writes. A CHECK of the core that fails ends the process: if the node
 *             died of it, that is the answer.
 */
#ifndef BROKER_PARTITION_REPLICA_REPLAY_H
#define BROKER_PARTITION_REPLICA_REPLAY_H

#include "common/ring_replay.h"

/* 0, or -ERR_CORRUPT: an entry makes no sense, *why says which. */
MUST_USE int replica_replay(struct ring_reader *ring, struct ring_replay *out, const char **why);

#endif
