/* rescue.h -- pieces of memory that are written to files when the process crashes or halts.
 *
 *   Used by:  world.c, for env_rescue() (env.h).
 *
 * The one place of the real world with a global: a signal's handler has no argument. It calls only
 * what a handler may call. Pieces may be half changed by the thread that owns them when they are
 * written: their format bears it (ring.h).
 */
#ifndef COMMON_RESCUE_H
#define COMMON_RESCUE_H

#include <stddef.h>

/* `base` NULL: the file of that path is not written any more. */
void rescue_add(const char *path, const void *base, size_t size);

/* Before the process ends by its own will, though not in order. */
void rescue_write(void);

#endif
