/* env_counters.h -- what an actor's world has counted since it began. For metrics only. */
#ifndef COMMON_ENV_COUNTERS_H
#define COMMON_ENV_COUNTERS_H

#include <stdint.h>

#define ENV_COUNTED_REASONS 16 /* At least as many as enum env_reason has. */

struct env_counters {
    uint64_t turns;
    uint64_t accepted;                    /* Connections taken in. */
    uint64_t rejected;                    /* Connections beyond a limit, closed at once. */
    uint64_t dialed;                      /* Dials that were begun. */
    uint64_t open;                        /* Connections that are open or under way now. */
    uint64_t closed[ENV_COUNTED_REASONS]; /* By enum env_reason; NONE: this side closed it. */
    uint64_t frames_in;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t reads; /* System calls that read from connections. */
    uint64_t sends; /* System calls that wrote to connections. */
    uint64_t jobs;
    uint64_t posts;
    uint64_t http_connections; /* Whatever came over them: HTTP, a TLS hello, noise, nothing. */
    uint64_t http_requests;
};

#endif
