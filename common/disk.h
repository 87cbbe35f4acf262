/* disk.h -- the I/O threads: they run jobs, one after the other, and give them back.
 *
 *   actor -> disk_put() -> [there lane] -> thread runs the job
 *   actor <- disk_get() <- [back lane]  <----+
 *
 * A thread is first in, first out for each actor, so lanes are kept in order by always going to the
 * same thread. ENV_LANE_BACKGROUND and those just below it have threads of their own. And another
 * one does what may take seconds and concerns no disk (names of hosts) or whose time nobody waits
 * for (closing files): a slow name server must not hold up a write.
 */
#ifndef COMMON_DISK_H
#define COMMON_DISK_H

#include <stdint.h>

#include "common/env.h"

#define DISK_THREADS_MAX 32

struct disk;

/* bells[actor] is rung when a job of that actor is done. The array must outlive the disk. */
struct disk *disk_open(uint32_t thread_count, uint32_t background_count, uint32_t actor_count,
                       const int *bells);

/* Jobs may be put before the start; they run after it. */
void disk_start(struct disk *d);

/* Runs what has been put, and ends the threads. */
void disk_stop(struct disk *d);
void disk_close(struct disk *d);

/* The thread of a lane, and the one for odd jobs. */
uint32_t disk_thread_of(const struct disk *d, uint32_t lane);
uint32_t disk_odd_thread(const struct disk *d);

/* Called by the actor only. The thread must be rung afterwards, once for many jobs. */
void disk_put(struct disk *d, uint32_t actor, uint32_t thread, struct job *job);
void disk_ring(struct disk *d, uint32_t thread);

/* Moves along what did not fit. The result has bit i set if thread i must be rung. */
uint64_t disk_flush(struct disk *d, uint32_t actor);

/* A job of the actor's that is done, or NULL. */
struct job *disk_get(struct disk *d, uint32_t actor);

/* The same after disk_stop(): also those that did not fit into the lanes. */
struct job *disk_get_stopped(struct disk *d, uint32_t actor);

#endif
