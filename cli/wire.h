/* wire.h -- a small blocking client of the Kafka protocol, for the requests that librdkafka lacks.
 *
 * It keeps one connection, to whichever of the brokers answers; when that breaks it goes on to the
 * next. One request at a time.
 */
#ifndef CLI_WIRE_H
#define CLI_WIRE_H

#include <stdint.h>

#include "cli/text.h"
#include "common/arena.h"
#include "common/err.h"

struct wire {
    struct strings servers;
    size_t next; /* The server to dial next. */
    int fd;      /* Plus one; 0 when not connected. */
    int32_t correlation_id;
    uint32_t timeout_ms; /* For each step: connecting, sending, receiving. */
    struct arena arena;
    uint8_t *answer;
};

void wire_init(struct wire *w, const char *bootstrap, uint32_t timeout_ms);

/* Sends the request and decodes the answer; what `response` points to lives until the next call.
 * 0, -ERR_ABSENT (no broker can be reached), -ERR_AGAIN (none answered in time), -ERR_MALFORMED,
 * -ERR_LIMIT, -ERR_UNSUPPORTED. Tries each broker once. */
MUST_USE int wire_call(struct wire *w, int16_t api_key, int16_t version, const void *request,
                       void *response);

/* What such an error means here, after "no broker at X answers: ". */
const char *wire_why(int rc);

void wire_close(struct wire *w);

#endif
