/* snapshot.h -- the image as a file, instead of the log that led to it; and as bytes for others.
 *
 * A voter that needs one pulls it: it sends RPC_SNAPSHOT_CHUNK without bytes ("from `at` on,
 * please": total is 0) on the connection that it dialled, and is answered there with one chunk.
 * Brokers' streams are fed from the same bytes.
 */
#ifndef CONTROLLER_SNAPSHOT_H
#define CONTROLLER_SNAPSHOT_H

#include "controller/inside.h"

/* Writes one if the log has grown enough, and drops what a written one covers. Once per turn. */
void snapshot_take(struct controller *c);
void snapshot_on_written(struct controller *c, const struct file_job *job);

/* The committed image as bytes, from which the log in memory goes on: a new reference. */
struct buf *snapshot_share(struct controller *c, uint64_t *index, uint64_t *term);

/* Starts or repeats what c->wanted_from asks for. Once per turn. */
void snapshot_pull(struct controller *c);
void snapshot_on_request(struct controller *c, struct conn *conn, const struct rpc_msg *msg);
void snapshot_on_chunk(struct controller *c, const struct conn *conn, const struct rpc_msg *msg);
void snapshot_on_pulled(struct controller *c);

void snapshot_close(struct controller *c);

#endif
