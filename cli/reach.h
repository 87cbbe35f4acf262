/* reach.h -- is a broker there? Asked before librdkafka is, which waits without a word. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include <stdint.h>

#include "cli/where.h"

/* How a verb waits for a cluster that nobody answers for. */
enum patience {
    REACH_STARTING, /* It may be about to start: waits for it. */
    REACH_STANDING, /* That every broker refuses is an answer. */
};

/* The brokers' addresses (where.h), when one of them has answered. After three seconds says what it
 * is waiting for; after `timeout_s` (never more than half a minute) gives up: NULL, and it has been
 * said why. Caller frees. */
char *reach_bootstrap(const struct where *where, int64_t timeout_s, enum patience patience);

#endif
