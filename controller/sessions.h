/* sessions.h -- brokers: they register, say that they are alive, and propose.
 *
 * Only the leader serves them. A session speaks for a broker once its registration is proposed, or
 * once it has sent a heartbeat with the epoch and as the incarnation that the image knows: a broker
 * keeps its epoch when the leader changes.
 */
#ifndef CONTROLLER_SESSIONS_H
#define CONTROLLER_SESSIONS_H

#include "controller/inside.h"

/* A broker says hello, on a session or on a stream. `conn` may be gone afterwards. */
void sessions_on_hello(struct controller *c, struct conn *conn, const struct rpc_msg *msg);

/* Any other frame of a session, as decoded and as it came. `conn` may be gone afterwards. */
void sessions_on_frame(struct controller *c, struct conn *conn, const struct rpc_msg *msg,
                       struct buf *frame);

/* A session was closed by the other side. Does not forget `conn`. */
void sessions_on_closed(struct controller *c, struct conn *conn);

/* Registrations that wait. Once per turn. */
void sessions_retry(struct controller *c);

/* Leadership is lost, or the process stops: everybody is told whom to ask. */
void sessions_end(struct controller *c);

#endif
