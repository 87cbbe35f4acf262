/* raft_election.h -- who leads: timeouts, pre-votes, votes, and the leader's own end.
 *
 * Private to this folder.
 */
#ifndef CONTROLLER_RAFT_RAFT_ELECTION_H
#define CONTROLLER_RAFT_RAFT_ELECTION_H

#include "controller/raft/raft_state.h"

void raft_on_tick(struct raft *r, struct raft_effects *effects);

/* Handles what the terms of the two sides say. True: the message is dealt with. */
bool raft_compare_terms(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);

void raft_on_prevote(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_prevote_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_vote(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_vote_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);
void raft_on_timeout_now(struct raft *r, const struct raft_msg *m, struct raft_effects *effects);

/* Something became durable: perhaps our own vote. */
void raft_maybe_win(struct raft *r, struct raft_effects *effects);

void raft_on_vouched(struct raft *r);
void raft_on_peer_connected(struct raft *r, uint32_t id, struct raft_effects *effects);
void raft_on_peer_disconnected(struct raft *r, uint32_t id);

/* A leader whose removal is committed steps down, and tells whoever knows most to take over. */
void raft_maybe_step_down(struct raft *r, struct raft_effects *effects);

#endif
