/* world.h -- the real world behind env.h: one process, its actors' threads and its I/O threads.
 *
 *   struct world *w = world_open(&options);
 *   ... make the shells with world_env(w, i); they may already listen, dial, submit and post ...
 *   int rc = world_run(w, turns, shells);      until every actor has called env_stop()
 *   ... close the shells ...
 *   world_close(w);
 *
 * Only main programs and tests know of this file. SIGTERM and SIGINT become ENV_STOP, once, in
 * every actor; SIGPIPE is ignored. env_halt() ends the process with status 70 (EX_SOFTWARE).
 */
#ifndef COMMON_WORLD_H
#define COMMON_WORLD_H

#include <stdint.h>

#include "common/env.h"

#define WORLD_HALT_STATUS 70

struct world;

struct world_options {
    uint32_t actor_count;                /* 0 means 1; at most ENV_ACTORS_MAX. */
    uint32_t io_thread_count;            /* 0 means 2. One more does odd jobs. */
    uint32_t background_count;           /* Threads of the lanes in the background; 0 means 1. */
    const char *log_prefix;              /* NULL means "jackdaw". */
    enum log_level log_min;              /* LOG_DEBUG is 0. */
    uint32_t connection_max;             /* Accepted ones of all actors; 0: no bound. */
    uint32_t connection_max_per_address; /* 0: no bound. */
    uint64_t inbound_bytes_max; /* Of frames that are not whole yet, per actor; 0: 1 GiB. */
};

struct world *world_open(const struct world_options *options);

/* How many descriptors this process may have. */
uint32_t world_descriptors_max(void);

struct env *world_env(struct world *world, uint32_t actor);

/* Takes turns until every actor has called env_stop(). Actor 0's are taken on the calling thread.
 * Before the first event each actor has one turn with none, to say its deadline. An actor that has
 * stopped takes no more turns; what it has queued to connections still leaves, for a second. */
int world_run(struct world *world, env_turn_fn *const turns[], void *const actors[]);

void world_close(struct world *world);

#endif
