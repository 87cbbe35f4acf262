/* raft_replicate.h -- the log: how a leader spreads it, how a follower takes it, what is committed.
 *
 * Private to this folder. A leader's view of a follower (struct raft_peer) moves so:
 *
 *   PROBE --- accepted ---> REPLICATE --- refused, or silence for retry_ms ---> PROBE
 *   PROBE, REPLICATE --- its next entry is below our start ---> SNAPSHOT
 *   SNAPSHOT --- match >= start ---> REPLICATE
 */
#ifndef CONTROLLER_RAFT_RAFT_REPLICATE_H
#define CONTROLLER_RAFT_RAFT_REPLICATE_H

#include "controller/raft/raft_state.h"

/* Leader. */
void raft_start_replication(struct raft *r, struct raft_effects *effects);
void raft_append_own(struct raft *r, uint32_t count, bool noop,
                     const struct raft_membership *membership, struct raft_effects *effects);
void raft_on_heartbeat_due(struct raft *r, struct raft_effects *effects);
void raft_restart_peer(struct raft *r, struct raft_peer *peer, struct raft_effects *effects);
void raft_on_append_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_heartbeat_reply(struct raft *r, const struct raft_msg *m);
void raft_maybe_commit(struct raft *r);
void raft_start_transfer(struct raft *r, uint32_t target, struct raft_effects *effects);

/* Has a majority of the voters answered within an election timeout? */
bool raft_has_quorum(const struct raft *r);

/* Follower. The event's sets are those within the entries. */
void raft_on_append(struct raft *r, const struct raft_event *event, struct raft_effects *effects);
void raft_on_heartbeat(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_snapshot_offer(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_snapshot_received(struct raft *r, const struct raft_event *event,
                               struct raft_effects *effects);

#endif
