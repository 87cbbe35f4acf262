/* http_in.h -- a small HTTP/1.1 server for /metrics and /health. Over libevent's evhttp.
 *
 * GET and HEAD only, no bodies, small headers, short timeouts. A request waits here until the shell
 * answers it; a client that has gone meanwhile makes no difference to the shell.
 */
#ifndef COMMON_HTTP_IN_H
#define COMMON_HTTP_IN_H

#include "common/env.h"
#include "common/env_counters.h"
#include "common/inbox.h"
#include "common/loop.h"

struct http_in;

struct http_in *http_in_open(struct loop *loop, struct inbox *inbox, struct env_counters *counters);
void http_in_close(struct http_in *h); /* NULL is allowed. */

/* Takes over a descriptor that listens. */
void http_in_listen(struct http_in *h, int fd, uint32_t tag);

/* An id that is not waiting any more is ignored. */
void http_in_answer(struct http_in *h, uint64_t http_id, int status, const char *content_type,
                    struct slice body);

#endif
