/* recover.h -- a quorum whose majority is gone for good goes on from one controller's disk.
 *
 *   Used by:  turn.c, when the node was started for this alone (controller_options.recover).
 *
 * The node listens to nobody. With CONTROLLER_RECOVER_PLAN it reads its folder, says what would
 * come of it, and stops. With CONTROLLER_RECOVER_DO it takes itself for the only voter, so that
 * Raft itself commits all that the log holds, decides that it votes alone, and stops. Decisions
 * that only the lost controllers held are lost: that is why an operator has to say so.
 */
#ifndef CONTROLLER_RECOVER_H
#define CONTROLLER_RECOVER_H

#include "controller/inside.h"

/* What is there, and what would be: into c->report. False: there is nothing to go on from, and the
 * node has been halted. */
bool recover_plan(struct controller *c, uint64_t term);

/* The set with which Raft starts: this node alone. */
struct raft_membership recover_membership(const struct controller *c);

/* Once per turn. True: all is done and durable, and the node may stop. */
bool recover_look(struct controller *c);

#endif
