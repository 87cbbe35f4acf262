/* handovers.h -- the clocks of handovers that have been asked for: whoever does not hand over in
 * time is replaced, or left in peace (decide/handovers.h). The leading controller only. */
#ifndef CONTROLLER_HANDOVERS_H
#define CONTROLLER_HANDOVERS_H

#include "controller/decide/decision.h"
#include "controller/inside.h"

/* Leadership begins: what is under way gets its time from now on. And it ends. */
void handovers_begin(struct controller *c);
void handovers_end(struct controller *c);

/* A decision was proposed at `index`: its successors are waited for. */
void handovers_note(struct controller *c, const struct decision *d, uint64_t index);

/* Is one that decision `index` has asked for still under way? */
bool handovers_are_pending(const struct controller *c, uint64_t index);

/* The next partition whose time is up, if it still has its successor; NULL: there is none now. */
const struct meta_topic *handovers_next_late(struct controller *c, int32_t *number);
void handovers_drop_first(struct controller *c);

uint64_t handovers_deadline_ms(const struct controller *c);

#endif
