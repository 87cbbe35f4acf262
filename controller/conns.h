/* conns.h -- the table of connections, and how a message is put on one.
 *
 * A struct conn lives until conn_forget(). Its id is the environment's and is never used again.
 */
#ifndef CONTROLLER_CONNS_H
#define CONTROLLER_CONNS_H

#include "controller/inside.h"

struct conn *conn_add(struct controller *c, uint64_t id, enum conn_kind kind, const char *address);
struct conn *conn_find(struct controller *c, uint64_t id);

/* The one of that kind and node; of several the first that came. NULL: there is none. */
struct conn *conn_of(struct controller *c, enum conn_kind kind, uint32_t node_id);

/* Frees what is known of it; closes nothing. */
void conn_forget(struct controller *c, struct conn *conn);

/* Closes it and forgets it. */
void conn_close(struct controller *c, struct conn *conn, bool flush_first);

void conns_close(struct controller *c);

/* Encodes and queues; a message too large for a frame is logged and dropped. */
void send_msg(struct controller *c, uint64_t conn, const struct rpc_msg *msg);
void send_frame(struct controller *c, uint64_t conn, struct buf *frame); /* Takes the reference. */

/* "Ask that one", and the end. */
void send_not_leader(struct controller *c, struct conn *conn);

/* "Never", with the reason, which is logged here too (once a minute, however often its node comes
 * again); and the end. */
void send_refused(struct controller *c, struct conn *conn, int16_t error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
