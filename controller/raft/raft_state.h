/* raft_state.h -- what elections and replication share: effects, the vote, the set in force.
 *
 * Private to this folder. Rank: raft_state < raft_replicate < raft_election < raft_step.
 */
#ifndef CONTROLLER_RAFT_RAFT_STATE_H
#define CONTROLLER_RAFT_RAFT_STATE_H

#include "controller/raft/raft.h"

struct raft_effect *raft_emit(struct raft_effects *effects, enum raft_effect_kind kind);

/* Fills in `from`, `to` and `kind`; the term is ours unless the caller changes it. */
struct raft_msg *raft_emit_send(const struct raft *r, struct raft_effects *effects,
                                enum raft_msg_kind kind, uint32_t to, uint64_t after);

bool raft_has_canary(const struct raft *r, enum raft_canary canary);
struct raft_peer *raft_find_peer(struct raft *r, uint32_t id);

/* Is (last_term, last_index) at least as up-to-date as our log? (thesis §3.6.1) */
bool raft_is_up_to_date(const struct raft *r, uint64_t last_index, uint64_t last_term);

void raft_set_vote(struct raft *r, uint64_t term, uint32_t voted_for, struct raft_effects *effects);
void raft_reset_deadline(struct raft *r);
void raft_become_follower(struct raft *r, uint32_t leader_id);

/* Would `count` of all voters in force be a majority? */
bool raft_is_majority(const struct raft *r, uint32_t count);

void raft_add_membership(struct raft *r, const struct raft_membership *membership);

/* Numbers a write that makes our log end durable at `last_index`. */
uint64_t raft_add_write(struct raft *r, uint64_t last_index);

/* Drops entries from `from_index` on. Never at or below the commit index. */
void raft_truncate(struct raft *r, uint64_t from_index, struct raft_effects *effects);

/* The write that a promise about our log up to `index` waits for. */
uint64_t raft_after_log(const struct raft *r, uint64_t index);

/* A snapshot at (index, term) replaces the log, or its head if the log holds that entry. */
void raft_install(struct raft *r, uint64_t index, uint64_t term,
                  const struct raft_membership *membership, struct raft_effects *effects);

void raft_check(const struct raft *r);

#endif
