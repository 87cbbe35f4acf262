/* clock.h -- the time, for a program at a terminal: how long things took, and short waits.
 *
 *   Used by:  the command line and the tools beside it. Daemons take the time from env.h.
 */
#ifndef CLI_CLOCK_H
#define CLI_CLOCK_H

#include <stdint.h>

/* On a clock that never goes back. */
uint64_t clock_ns(void);
uint64_t clock_ms(void);

/* By the wall clock, milliseconds since 1970: for the age of records. */
int64_t clock_wall_ms(void);

void pause_us(uint32_t us);

#endif
