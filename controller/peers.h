/* peers.h -- the other voters: each dials all others and speaks on the connection that it dialled.
 *
 * So two voters share two connections, one per direction of speech. That one broke says at once
 * that the process at its other end is gone.
 */
#ifndef CONTROLLER_PEERS_H
#define CONTROLLER_PEERS_H

#include "controller/inside.h"

void peers_open(struct controller *c);
struct peer *peers_find(struct controller *c, uint32_t id);

/* Dials whom it is time to dial. */
void peers_dial(struct controller *c);
uint64_t peers_deadline_ms(const struct controller *c);

/* A dial of ours came through; says hello. The peer's id. */
uint32_t peers_on_connected(struct controller *c, struct conn *conn);

/* A connection of ours is gone. The peer's id if it had come through, else 0. Forgets `conn`. */
uint32_t peers_on_closed(struct controller *c, struct conn *conn, enum env_reason reason);

/* A voter says hello. False: it was refused, and the connection is gone. */
bool peers_on_hello(struct controller *c, struct conn *conn, const struct rpc_msg *msg);

/* The peer refuses us. */
void peers_on_refused(struct controller *c, struct conn *conn, const struct rpc_msg *msg);

/* Sends a Raft message, with the entries that it names; drops it if there is no connection. */
void peers_send(struct controller *c, const struct raft_msg *m);

/* The Raft message in a frame. False: no correct voter has sent it to us. */
bool peers_take(const struct controller *c, const struct rpc_msg *from, struct raft_msg *out);

#endif
