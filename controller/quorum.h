/* quorum.h -- Raft's shell: its effects become writes, messages and a growing commit index.
 *
 * Writes go to the disk in the order of their numbers. Appends are handed to the journal as they
 * come; a vote, a truncation or an installed snapshot waits until everything before it is durable,
 * and everything behind it waits for it. Messages that name a write wait in `held`.
 */
#ifndef CONTROLLER_QUORUM_H
#define CONTROLLER_QUORUM_H

#include "controller/decide/decision.h"
#include "controller/inside.h"

/* Everything that was recovered is durable; from here on the core runs. False: what is on the disk
 * does not fit together, and the node has been halted. `forced`: the set in force, whatever the log
 * says (recover.h); or NULL. */
bool quorum_start(struct controller *c, const struct raft_vote *vote,
                  const struct raft_membership *forced);
void quorum_close(struct controller *c);

/* Steps the core and carries out what it says. `now_ms` is filled in. */
void quorum_step(struct controller *c, struct raft_event *event);

/* A frame of a voter's. False: malformed; the connection is to be closed. */
bool quorum_on_frame(struct controller *c, const struct rpc_msg *msg);

/* Makes a decision: tries it on the tentative image, and if that takes it, proposes it. 0, and
 * *index; -ERR_AGAIN (not leading, or too much in flight), -ERR_INVALID (the image refuses it,
 * which has been logged), -ERR_LIMIT (too large for one entry). */
MUST_USE int quorum_propose(struct controller *c, const struct decision *d, uint64_t *index);

/* A vote, or a term, is not on the disk yet. */
bool quorum_is_vote_pending(const struct controller *c);
void quorum_on_vote_written(struct controller *c);
void quorum_on_journal(struct controller *c, unsigned news);

/* Starts what writes can be started, and flushes the journal. At the end of each turn. */
void quorum_flush(struct controller *c);

/* The next committed entry into the committed image. False: there is none. */
bool quorum_apply_next(struct controller *c);

/* The snapshot at (index, term), which is stored and read (c->pull), is offered to the core. */
void quorum_offer_snapshot(struct controller *c);

#endif
