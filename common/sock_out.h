/* sock_out.h -- what is queued to connections, and how it leaves: at the end of the turn, with as
 * few calls as there can be, memory by sendmsg and files by sendfile. */
#ifndef COMMON_SOCK_OUT_H
#define COMMON_SOCK_OUT_H

#include "common/sock.h"

/* Takes the references over. */
void sock_out_add(struct socks *s, uint64_t conn, const struct env_piece *pieces, uint32_t count);

/* Sends what was queued during this turn. */
void sock_out_flush(struct socks *s);

/* Closes for the shell: at once, or when what is queued has gone. */
void sock_out_close(struct conn *c, bool flush_first);

/* Closes the connections to which bytes of the file are queued; the shell hears of it. */
void sock_out_revoke(struct socks *s, const struct file *file);

/* True if nothing is queued to any connection. */
bool sock_out_is_idle(const struct socks *s);

#endif
