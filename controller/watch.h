/* watch.h -- the leader's clockwork: the cluster's birth, and what liveness.h finds.
 *
 * Everything here ends with leadership and begins anew with the next.
 */
#ifndef CONTROLLER_WATCH_H
#define CONTROLLER_WATCH_H

#include "controller/inside.h"

void watch_begin(struct controller *c);
void watch_end(struct controller *c);

/* Dials, fences, unfences. Once per turn. */
void watch_look(struct controller *c);
uint64_t watch_deadline_ms(const struct controller *c);

/* Of a dial to a broker's listener. `on_closed` forgets `conn`. */
void watch_on_connected(struct controller *c, struct conn *conn);
void watch_on_closed(struct controller *c, struct conn *conn, enum env_reason reason);

#endif
