/* textlog.h -- the log that people read: one line, one write(2), to standard error.
 *
 *   2026-01-01T00:00:00.123Z INFO  [broker-1] text
 *
 * Any thread may write: a line shorter than PIPE_BUF arrives whole, so there is no lock.
 */
#ifndef COMMON_TEXTLOG_H
#define COMMON_TEXTLOG_H

#include <stdint.h>

#include "common/env.h"

/* Control characters in `text` (it may quote a stranger) are written as '?'. */
void textlog_write(enum log_level level, const char *prefix, int64_t wall_ms, const char *text);

/* "FATAL: why": the last line of a process that ends itself. */
void textlog_fatal(const char *why);

#endif
