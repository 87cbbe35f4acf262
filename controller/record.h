/* record.h -- the controller's ring of its last events (common/ring.h): what the Raft core was told
 * and what it made of it, and what was decided, on which image, for which reason.
 *
 *   Used by:  the files of the shell where events enter the pure cores: quorum.c, and those that
 *             decide. replay.c reads it back.
 */
#ifndef CONTROLLER_RECORD_H
#define CONTROLLER_RECORD_H

#include "controller/inside.h"

/* From now on there is a Raft core. */
void record_begin(struct controller *c);

/* Around each step of the core. */
void record_before_step(struct controller *c);
void record_step(struct controller *c, const struct raft_event *event);

/* The tentative image was made anew, or is no more. */
void record_image(struct controller *c);

/* What the decision that is proposed next is made from; of what it points to a copy is taken. */
void record_request(struct controller *c, const struct record_decision *d);
void record_message(struct controller *c, enum record_request request, const struct rpc_msg *msg);
void record_proposed(struct controller *c, const struct decision *d, uint64_t index, uint64_t term,
                     const struct buf *entry);

#endif
