#include "common/sock_in.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/check.h"

/* Counts what the frame under assembly takes. False if that was too much for this actor: rather
 * than let strangers fill the memory with beginnings of frames, the one that asks for more goes. */
static bool account(struct conn *c)
{
    struct socks *s = c->socks;
    size_t held = frame_in_held(&c->in);
    CHECK(s->in_held >= c->in_held);
    s->in_held = s->in_held - c->in_held + held;
    bool grew = held > c->in_held;
    c->in_held = held;
    return !(grew && s->in_held_max > 0 && s->in_held > s->in_held_max);
}

/* Makes events of what has been read. False if the connection is gone. */
static bool cut(struct conn *c, struct slice bytes)
{
    struct socks *s = c->socks;
    enum frame_in_result result;
    struct buf *frame = NULL;
    while ((result = frame_in_next(&c->in, &bytes, &frame)) == FRAME_IN_WHOLE) {
        struct env_event *event = inbox_add(s->inbox, ENV_FRAME);
        event->conn = c->id;
        event->tag = c->tag;
        event->buf = frame;
        s->counters->frames_in++;
        if (c->first_alone) sock_in_pause(c, true);
        c->first_alone = false;
    }
    if (result == FRAME_IN_MORE) {
        if (account(c)) return true;
        conn_fail(c, ENV_REASON_LOCAL);
        return false;
    }
    CHECK(result >= FRAME_IN_TOO_LARGE);
    enum env_reason reason = ENV_REASON_TOO_LARGE;
    if (result == FRAME_IN_HTTP) reason = ENV_REASON_HTTP;
    if (result == FRAME_IN_TLS) reason = ENV_REASON_TLS;
    conn_fail(c, reason);
    return false;
}

/* The end of what the peer says. */
static void end(struct conn *c, ssize_t n)
{
    enum env_reason reason = n < 0 ? sock_reason_of(errno) : ENV_REASON_EOF;
    if (c->is_broken) reason = ENV_REASON_RESET; /* The error was told to a write before. */
    conn_fail(c, reason);
}

/* One read. Returns how much, or 0 if that is all for now or the connection is gone. */
static size_t read_once(struct conn *c, bool *is_all)
{
    struct socks *s = c->socks;
    struct iovec iov[2];
    int count = 0;
    size_t room = 0;
    bool is_rest = true;
    uint8_t *at = frame_in_room(&c->in, &room, &is_rest);
    if (at != NULL) iov[count++] = (struct iovec){.iov_base = at, .iov_len = room};
    /* The scratch comes after the rest of a frame only: bytes of this frame are not copied. */
    size_t more = is_rest ? SOCK_SCRATCH_BYTES : 0;
    if (c->first_alone) more = at == NULL ? sizeof c->in.head - c->in.head_size : 0;
    if (more > 0) iov[count++] = (struct iovec){s->scratch, more};
    size_t wanted = room + more;

    ssize_t n;
    do {
        /* Most are of one piece, which costs the kernel less so. */
        n = count == 1 ? recv(c->fd, iov[0].iov_base, iov[0].iov_len, 0) : readv(c->fd, iov, count);
    } while (n < 0 && errno == EINTR);
    s->counters->reads++;
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) {
        end(c, n);
        return 0;
    }

    size_t got = (size_t)n;
    s->counters->bytes_in += got;
    size_t direct = got < room ? got : room;
    if (at != NULL) frame_in_filled(&c->in, direct);
    /* A short read means that the socket is empty; asking again would cost a call to hear so. */
    *is_all = got < wanted;
    return cut(c, slice_of(s->scratch, got - direct)) ? got : 0;
}

static void on_readable(void *arg)
{
    struct conn *c = arg;
    struct socks *s = c->socks;
    CHECK(c->state == CONN_OPEN);

    size_t got = 0;
    bool is_all = false;
    while (got < SOCK_READ_BUDGET_BYTES && !is_all && !c->is_paused && !inbox_is_full(s->inbox)) {
        size_t n = read_once(c, &is_all);
        if (n == 0) return; /* `c` may be gone. */
        got += n;
    }
}

static void on_discardable(void *arg)
{
    struct conn *c = arg;
    ssize_t n = read(c->fd, c->socks->scratch, SOCK_SCRATCH_BYTES);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
    if (c->out_count == 0 || n < 0) {
        conn_drop(c);
    } else {
        c->is_peer_done = true; /* It has said all; it may still be listening. */
        watch_set(c->readable, false);
    }
}

void sock_in_start(struct conn *c, uint32_t frame_max_bytes)
{
    CHECK(c->state == CONN_OPEN);
    CHECK(c->readable == NULL);

    if (frame_max_bytes > 0) c->in.frame_max = frame_max_bytes;
    c->readable = watch_open(c->socks->loop, c->fd, WATCH_READ, on_readable, c);
    watch_set(c->readable, !c->is_paused);
}

void sock_in_pause(struct conn *c, bool pause)
{
    c->is_paused = pause;
    if (c->readable != NULL) watch_set(c->readable, !pause);
}

void sock_in_discard(struct conn *c)
{
    CHECK(c->state == CONN_CLOSING);

    struct socks *s = c->socks;
    watch_close(c->readable);
    c->readable = watch_open(s->loop, c->fd, WATCH_READ, on_discardable, c);
    watch_set(c->readable, true);
    frame_in_close(&c->in);
    s->in_held -= c->in_held;
    c->in_held = 0;
}
