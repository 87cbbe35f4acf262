/* scrubber.h -- the segments that nobody writes to any more are read in the background, so that
 * what has rotted on the disk is found before a reader finds it. What becomes of it:
 * partition/rot.h.
 *
 *   Used by:  the shard, once a turn. One piece is under way at a time.
 */
#ifndef BROKER_SCRUBBER_H
#define BROKER_SCRUBBER_H

#include "broker/state.h"

/* Reads the next piece, if it is time. Returns when it will be. */
uint64_t scrubber_turn(struct shard *s);

/* The partition goes. */
void scrubber_forget(struct shard *s, const struct partition *p);

#endif
