/* request.h -- connections and requests: from a frame to a handler, from an answer to the wire.
 *
 *   Used by:  the shard that accepted the connection.
 *   A connection admits requests in wire order, up to a bound in flight, and answers in that order.
 */
#ifndef BROKER_NET_REQUEST_H
#define BROKER_NET_REQUEST_H

#include "broker/state.h"

/* A handler reads the body (in r->frame), and answers now or later. Unless it returns false: the
 * body does not parse, and the connection is closed. */
typedef bool request_handler(struct shard *s, struct request *r, struct slice body);

/* NULL: the API is not offered. */
typedef request_handler *handler_finder(int16_t api_key);

/* Takes the frame over. */
void request_on_frame(struct shard *s, uint64_t conn, struct buf *frame,
                      handler_finder *handler_of);

/* Of answers that a client has not taken: past it no more of its requests are read. */
#define CONN_QUEUED_MAX_BYTES (1024u * 1024)

/* Goes on with requests that were kept back. Returns true if there were any. */
bool conns_turn(struct shard *s, handler_finder *handler_of);

/* The client has taken what was queued to it. */
void conn_on_drained(struct shard *s, uint64_t id);

void conn_on_accepted(struct shard *s, const struct env_event *e);
void conn_on_closed(struct shard *s, uint64_t id, enum env_reason reason);

/* May a line about what a stranger has sent be logged? Ten in ten seconds; how many were held back
 * is said then, for a million of them must not fill the disk that the logs lie on. */
bool conn_may_complain(struct shard *s);

/* When this answer was sent on the connection, the first being 1. 0: not yet, or too long ago. */
uint64_t conn_answered_ms(const struct conn *c, int32_t number);

/* Decodes a body by the API's table into `out`, in the shard's scratch arena. */
MUST_USE int request_decode(struct shard *s, struct request *r, struct slice body, void *out);

/* Encodes and queues the answer: `message` is of the API's response table. */
void request_answer(struct shard *s, struct request *r, const void *message);

/* The same with records that lie in files: ranges[i] belongs to the splice whose cookie it is.
 * Takes the ranges' file references over. */
void request_answer_spliced(struct shard *s, struct request *r, const void *message,
                            uint32_t splices_max);

/* The answer's bytes after the header, as the controller encoded them. */
void request_answer_body(struct shard *s, struct request *r, struct slice body);

/* acks=0: nothing is said; or the connection is closed because something went wrong. */
void request_answer_nothing(struct shard *s, struct request *r, bool went_wrong);

/* A parked fetch was called home, and that call is home itself. */
void request_on_cancel_back(struct shard *s, struct post *cancel);

/* Closes every connection. What still works for their requests comes home and is dropped. */
void conns_close_all(struct shard *s);

/* Frees what has not come home: the world is gone, or the shard ends. */
void requests_destroy_all(struct shard *s);

#endif
