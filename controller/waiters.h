/* waiters.h -- answers that wait for their decision: until it is committed, or until all brokers
 * that serve have applied it ("done means done everywhere", DESIGN 5), or leadership is lost.
 */
#ifndef CONTROLLER_WAITERS_H
#define CONTROLLER_WAITERS_H

#include "controller/inside.h"

/* Sends `msg` to the connection when the decision `index` is committed. */
void wait_for_commit(struct controller *c, const struct conn *conn, uint64_t index,
                     const struct rpc_msg *msg);

/* The same when everybody has applied it, or after `wait_ms`. */
void wait_for_everybody(struct controller *c, const struct conn *conn, uint64_t index,
                        uint64_t wait_ms, const struct rpc_msg *msg);

/* The same, when the handovers that the decision asks for are done, too. If they are not in time,
 * the answer is REQUEST_TIMED_OUT. */
void wait_for_handovers(struct controller *c, const struct conn *conn, uint64_t index,
                        uint64_t wait_ms, const struct rpc_msg *msg);

/* The same, when that learner has become a voter (or has left). */
void wait_for_learner(struct controller *c, const struct conn *conn, uint64_t index,
                      uint64_t wait_ms, uint32_t learner, const struct rpc_msg *msg);

/* Sends what need not wait any longer. */
void waiters_settle(struct controller *c);
uint64_t waiters_deadline_ms(const struct controller *c);

/* Leadership is lost: what is committed is answered so; whether other decisions stand is the next
 * leader's to say. */
void waiters_fail(struct controller *c);
void waiters_close(struct controller *c);

#endif
