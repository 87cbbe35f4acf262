/* ring_replay.h -- what comes of the replay of a ring (ring.h): the same in controllers and
 * brokers. */
#ifndef COMMON_RING_REPLAY_H
#define COMMON_RING_REPLAY_H

#include <stdarg.h>
#include <stdio.h>

#include "common/ring.h"

struct ring_replay {
    FILE *to; /* Every step in words; NULL: only the result. */

    uint64_t steps;       /* Carried out anew, and compared with what was remembered. */
    uint64_t decisions;   /* The same, of the controller's decisions. */
    uint64_t checkpoints; /* States that were reached, and compared with what was remembered. */
    uint64_t shown;       /* Told, and not decided anew: the ring does not hold what it needs. */
    uint64_t differences;
    char first_difference[1024];

    char at[512]; /* The step being carried out, in words: a core may end the process in it. */

    /* The clock of the entries: milliseconds, and the wall clock at some moment. */
    uint64_t from_ms;
    uint64_t now_ms;
    uint64_t clock_ms;
    int64_t wall_ms;
};

/* The time of day by the node's wall clock, and the words. */
static inline void ring_replay_line(struct ring_replay *r, const char *mark, const char *format,
                                    ...) __attribute__((format(printf, 3, 4)));

static inline void ring_replay_line(struct ring_replay *r, const char *mark, const char *format,
                                    ...)
{
    if (r->to == NULL) return;
    int64_t wall_ms = r->wall_ms + (int64_t)(r->now_ms - r->clock_ms);
    unsigned long long of_day = (unsigned long long)(wall_ms < 0 ? 0 : wall_ms) % 86400000;
    (void)fprintf(r->to, "%s%02llu:%02llu:%02llu.%03llu ", mark, of_day / 3600000,
                  of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
    va_list args;
    va_start(args, format);
    (void)vfprintf(r->to, format, args);
    va_end(args);
    (void)fputc('\n', r->to);
}

static inline void ring_replay_time(struct ring_replay *r, uint64_t now_ms)
{
    if (r->from_ms == 0) r->from_ms = now_ms;
    r->now_ms = now_ms;
}

/* Of an entry of kind RING_CLOCK, behind that. */
static inline bool ring_replay_clock(struct ring_replay *r, struct reader *in)
{
    struct pack p = pack_from(in);
    pack_u64(&p, &r->clock_ms);
    pack_i64(&p, &r->wall_ms);
    ring_replay_time(r, r->clock_ms);
    return reader_ok(in);
}

static inline void ring_replay_at(struct ring_replay *r, const char *who, const char *what)
{
    (void)snprintf(r->at, sizeof r->at, "%.250s: %.250s", who, what);
}

/* It is not as it was then. */
static inline void ring_replay_differs(struct ring_replay *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void ring_replay_differs(struct ring_replay *r, const char *format, ...)
{
    char text[sizeof r->first_difference];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->differences++ == 0) memcpy(r->first_difference, text, sizeof text);
    ring_replay_line(r, "! ", "DIFFERS: %s", text);
}

#endif
