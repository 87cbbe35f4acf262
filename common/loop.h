/* loop.h -- one thread's wait for descriptors, for a deadline and for its bell. Over libevent.
 *
 *   Owns:     the wait. Knows nothing of connections or shells.
 *   Used by:  one thread; only loop_ring() and the clocks are for everybody.
 *
 * The bell is an eventfd: other threads ring it after they have put something into a mailbox. The
 * deadline is a timerfd on the clock of deadlines, re-armed only when an earlier one is asked for:
 * a deadline that moves away costs nothing, and one that passes is never noticed early.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct watch;

#define LOOP_RING_WORK 1ull         /* Look into your mailboxes. */
#define LOOP_RING_STOP (1ull << 32) /* The process is asked to stop. */

enum watch_kind { WATCH_READ, WATCH_WRITE };
typedef void watch_fn(void *arg);

struct loop *loop_open(void);
void loop_close(struct loop *loop);

/* Waits until a watched descriptor is ready, the bell rings, or `until_ms` is reached, and calls
 * what is ready. 0 does not wait. It may return early. */
void loop_wait(struct loop *loop, uint64_t until_ms);

/* True once after LOOP_RING_STOP. */
bool loop_take_stop(struct loop *loop);

int loop_bell(const struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Rings a bell: loop_bell()'s, or any other eventfd. */
void loop_ring(int bell, uint64_t what);

/* A watch is off at first. Its function is called from loop_wait() as long as it is on and the
 * descriptor is ready; it may close the watch. */
struct watch *watch_open(struct loop *loop, int fd, enum watch_kind kind, watch_fn *fn, void *arg);
void watch_set(struct watch *w, bool on);
void watch_close(struct watch *w); /* NULL is allowed. */

uint64_t loop_clock_ms(void);
int64_t loop_wall_ms(void);

#endif
