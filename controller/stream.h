/* stream.h -- the metadata on its way to brokers: each reads the log at its own cursor.
 *
 * Nothing is queued for a broker but what its connection takes: past a bound the cursor waits, and
 * goes on when the connection has drained.
 */
#ifndef CONTROLLER_STREAM_H
#define CONTROLLER_STREAM_H

#include "controller/inside.h"

/* "I have applied up to here; go on." Places the cursor and pushes. */
void stream_on_follow(struct controller *c, struct conn *conn, const struct rpc_msg *msg);
void stream_on_applied(struct controller *c, const struct conn *conn, const struct rpc_msg *msg);

/* Sends what is committed and fits. */
void stream_push(struct controller *c, struct conn *conn);
void stream_push_all(struct controller *c);

#endif
