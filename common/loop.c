#include "common/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/env.h"
#include "common/textlog.h"

struct watch {
    struct event event;
    watch_fn *fn;
    void *arg;
    bool is_on;
};

struct loop {
    struct event_base *base;
    int bell;
    int timer;
    uint64_t armed_ms; /* When the timer will fire; ENV_NEVER if it will not. */
    bool is_stop_asked;
    struct watch *bell_watch;
    struct watch *timer_watch;
};

uint64_t loop_clock_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t loop_wall_ms(void)
{
    struct timespec t;
    CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (int64_t)t.tv_sec * 1000 + (int64_t)t.tv_nsec / 1000000;
}

void loop_ring(int bell, uint64_t what)
{
    ssize_t rc;
    do {
        rc = write(bell, &what, sizeof what);
    } while (rc < 0 && errno == EINTR);
    /* EAGAIN: it has been rung four billion times and nobody has looked; it is ringing. */
    CHECK(rc == sizeof what || errno == EAGAIN);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct watch *w = arg;
    w->fn(w->arg);
}

struct watch *watch_open(struct loop *loop, int fd, enum watch_kind kind, watch_fn *fn, void *arg)
{
    CHECK(fd >= 0);
    CHECK(fn != NULL);

    struct watch *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->fn = fn;
    w->arg = arg;
    short what = (short)((kind == WATCH_READ ? EV_READ : EV_WRITE) | EV_PERSIST);
    CHECK(event_assign(&w->event, loop->base, fd, what, on_event, w) == 0);
    return w;
}

void watch_set(struct watch *w, bool on)
{
    if (w->is_on == on) return;
    w->is_on = on;
    CHECK((on ? event_add(&w->event, NULL) : event_del(&w->event)) == 0);
}

void watch_close(struct watch *w)
{
    if (w == NULL) return;
    watch_set(w, false);
    (void)event_del(&w->event); /* It may be active, though it is not waited for. */
    free(w);
}

static void on_bell(void *arg)
{
    struct loop *loop = arg;
    uint64_t what = 0;
    ssize_t rc = read(loop->bell, &what, sizeof what);
    MAYBE(rc < 0); /* EAGAIN: it was silenced already. */
    if (rc == sizeof what && what >= LOOP_RING_STOP) loop->is_stop_asked = true;
}

static void on_timer(void *arg)
{
    struct loop *loop = arg;
    uint64_t fired;
    ssize_t rc = read(loop->timer, &fired, sizeof fired);
    MAYBE(rc < 0);
    loop->armed_ms = ENV_NEVER;
}

static void arm(struct loop *loop, uint64_t until_ms)
{
    CHECK(until_ms > 0);

    loop->armed_ms = until_ms;
    struct itimerspec when = {.it_value.tv_sec = (time_t)(until_ms / 1000),
                              .it_value.tv_nsec = (long)(until_ms % 1000) * 1000000};
    CHECK(timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

/* What libevent has to say goes where everything else goes. */
static void on_libevent_log(int severity, const char *text)
{
    if (severity == EVENT_LOG_DEBUG) return;
    textlog_write(severity == EVENT_LOG_ERR ? LOG_ERROR : LOG_WARN, "libevent", loop_wall_ms(),
                  text);
}

struct loop *loop_open(void)
{
    event_set_log_callback(on_libevent_log);
    struct loop *loop = calloc(1, sizeof *loop);
    CHECK(loop != NULL);
    struct event_config *config = event_config_new();
    CHECK(config != NULL);
    /* One thread per base, so no locks. */
    CHECK(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    CHECK(loop->base != NULL);
    loop->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(loop->bell >= 0);
    loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(loop->timer >= 0);
    loop->armed_ms = ENV_NEVER;
    loop->bell_watch = watch_open(loop, loop->bell, WATCH_READ, on_bell, loop);
    loop->timer_watch = watch_open(loop, loop->timer, WATCH_READ, on_timer, loop);
    watch_set(loop->bell_watch, true);
    watch_set(loop->timer_watch, true);
    return loop;
}

void loop_close(struct loop *loop)
{
    if (loop == NULL) return;
    watch_close(loop->bell_watch);
    watch_close(loop->timer_watch);
    event_base_free(loop->base);
    (void)close(loop->bell);
    (void)close(loop->timer);
    free(loop);
}

void loop_wait(struct loop *loop, uint64_t until_ms)
{
    if (until_ms != 0 && until_ms < loop->armed_ms) arm(loop, until_ms);
    int rc = event_base_loop(loop->base, EVLOOP_ONCE | (until_ms == 0 ? EVLOOP_NONBLOCK : 0));
    CHECK(rc == 0);
}

bool loop_take_stop(struct loop *loop)
{
    bool asked = loop->is_stop_asked;
    loop->is_stop_asked = false;
    return asked;
}

int loop_bell(const struct loop *loop)
{
    return loop->bell;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}
