/* propose.h -- a decision with the shell's scratch memory and the canaries it was started with. */
#ifndef CONTROLLER_PROPOSE_H
#define CONTROLLER_PROPOSE_H

#include "controller/decide/decision.h"
#include "controller/inside.h"

/* Empty, over the work scratch, which has at least `arena_bytes`. One at a time. */
struct decision decision_begin(struct controller *c, size_t arena_bytes);

#endif
