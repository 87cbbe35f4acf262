/* handovers.h -- what a planned change of leaders promises (DESIGN 6.12), seen from outside. */
#ifndef TESTS_SIM_HANDOVERS_H
#define TESTS_SIM_HANDOVERS_H

#include "tests/sim/oracles_state.h"

/* A leader that says that somebody else has everything appends nothing from then on. So what was
 * sent after its handover was decided is acknowledged by its successor, or by nobody. */
void handovers_check_ack(struct history *h, uint64_t id, int32_t broker);

/* Has the leader itself said that somebody has everything? One that stops, and whose followers all
 * fell behind meanwhile, only leaves: whoever is eligible follows it. */
bool handovers_was_proposed(const struct oracles *o, uint32_t part, const struct reign *from);

/* A handover has been decided: what the old leader has is what the new one has, to the last record.
 * (Neither moves before they hear of it.) */
void handovers_check_decision(const struct oracles *o, uint32_t part, const struct reign *from,
                              const struct reign *to);

/* Did this decision come about because a leader has handed over? `cause` is the decision's. */
bool handovers_is_one(struct slice cause);

#endif
