/* http_get.h -- one GET over a connection of its own, for the health and the status of a node. */
#ifndef CLI_HTTP_GET_H
#define CLI_HTTP_GET_H

#include <stdint.h>

#include "common/err.h"

/* Asks `address` ("host:port", with or without "http://") for `path`. Returns the HTTP status, or
 * -ERR_ABSENT (nobody there, or the name is not known), -ERR_AGAIN (no answer in time),
 * -ERR_MALFORMED. *body, if asked for, is zero terminated and the caller's to free; NULL on error.
 */
MUST_USE int http_get(const char *address, const char *path, uint32_t timeout_ms, char **body);

/* Connects to "host:port" within the time allowed: a blocking descriptor whose reads and writes
 * give up after the same time, or -ERR_ABSENT, -ERR_AGAIN. */
MUST_USE int tcp_dial(const char *address, uint32_t timeout_ms);

#endif
