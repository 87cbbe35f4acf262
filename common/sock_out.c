#include "common/sock_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/sock_in.h"

#define IOV_MAX_PER_SEND 128
#define OUT_KEPT 16 /* An idle connection keeps room for so many pieces. */

static void give_up(struct env *env, const struct env_piece *piece)
{
    buf_unref(piece->buf);
    env_file_unref(env, piece->file);
}

static void append(struct conn *c, const struct env_piece *piece)
{
    if (c->out_first + c->out_count == c->out_capacity && c->out_first > c->out_capacity / 2) {
        memmove(c->out, c->out + c->out_first, c->out_count * sizeof *c->out);
        c->out_first = 0;
    }
    if (c->out_first + c->out_count == c->out_capacity) {
        c->out_capacity = c->out_capacity == 0 ? 8 : c->out_capacity * 2;
        c->out = realloc(c->out, c->out_capacity * sizeof *c->out);
        CHECK(c->out != NULL);
    }
    c->out[c->out_first + c->out_count++] = *piece;
    c->out_bytes += piece->size;
}

void sock_out_add(struct socks *s, uint64_t conn, const struct env_piece *pieces, uint32_t count)
{
    struct conn *c = sock_find(s, conn);
    for (uint32_t i = 0; i < count; i++) {
        const struct env_piece *piece = &pieces[i];
        CHECK((piece->buf == NULL) != (piece->file == NULL));
        CHECK(IMPLIES(piece->buf != NULL, piece->at <= piece->buf->size));
        CHECK(IMPLIES(piece->buf != NULL, piece->size <= piece->buf->size - piece->at));
        if (c == NULL || c->is_broken || piece->size == 0) {
            give_up(s->env, piece);
        } else {
            append(c, piece);
        }
    }
    if (c == NULL || c->out_count == 0) return;
    if (c->out_bytes >= ENV_LOW_WATER_BYTES) c->is_above_low_water = true;
    if (c->state == CONN_OPEN) conn_make_dirty(c);
}

/* `size` bytes of what is queued have left. */
static void consume(struct conn *c, uint64_t size)
{
    CHECK(size <= c->out_bytes);

    struct socks *s = c->socks;
    s->counters->bytes_out += size;
    c->out_bytes -= size;
    while (size > 0) {
        struct env_piece *piece = &c->out[c->out_first];
        if (size < piece->size) {
            piece->at += size;
            piece->size -= size;
            return;
        }
        size -= piece->size;
        give_up(s->env, piece);
        c->out_first++;
        c->out_count--;
    }
}

/* Memory pieces up to the next file. */
static ssize_t send_memory(struct conn *c, uint64_t *wanted)
{
    struct iovec iov[IOV_MAX_PER_SEND];
    uint32_t count = 0;
    *wanted = 0;
    while (count < c->out_count && count < IOV_MAX_PER_SEND) {
        const struct env_piece *piece = &c->out[c->out_first + count];
        if (piece->buf == NULL) break;
        iov[count].iov_base = piece->buf->data + piece->at;
        iov[count].iov_len = (size_t)piece->size;
        *wanted += piece->size;
        count++;
    }
    CHECK(count > 0);

    /* More follows at once: the head of a response and its file share their first segment. */
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (count < c->out_count ? MSG_MORE : 0);
    if (count == 1) return send(c->fd, iov[0].iov_base, iov[0].iov_len, flags);
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
    return sendmsg(c->fd, &message, flags);
}

static ssize_t send_file(struct conn *c, uint64_t *wanted)
{
    const struct env_piece *piece = &c->out[c->out_first];
    *wanted = piece->size < SOCK_SEND_BUDGET_BYTES ? piece->size : SOCK_SEND_BUDGET_BYTES;
    off_t at = (off_t)piece->at;
    return sendfile(c->fd, piece->file->fd, &at, (size_t)*wanted);
}

static void wait_writable(struct conn *c, watch_fn *fn)
{
    if (c->writable == NULL) {
        c->writable = watch_open(c->socks->loop, c->fd, WATCH_WRITE, fn, c);
    }
    watch_set(c->writable, true);
    c->is_blocked = true;
}

/* Writing has failed: nothing more will reach the peer. What it said before is still read, and
 * ends in the event; a paused connection would not be read, so it ends here. */
static void break_off(struct conn *c, enum env_reason reason)
{
    conn_clear_out(c);
    if (c->state != CONN_OPEN || c->is_paused || reason == ENV_REASON_LOCAL) {
        conn_fail(c, reason);
        return;
    }
    c->is_broken = true;
    if (c->writable != NULL) watch_set(c->writable, false);
    (void)shutdown(c->fd, SHUT_RDWR); /* So that reading comes to an end in any case. */
}

/* All that was queued has left. A connection that was to be closed then may be gone. */
static void on_sent(struct conn *c)
{
    CHECK(c->out_bytes == 0);

    c->out_first = 0;
    if (c->out_capacity > OUT_KEPT) conn_clear_out(c);
    if (c->writable != NULL) watch_set(c->writable, false);
    /* Closing at once would turn what the peer has sent meanwhile into a reset, which destroys
     * what we have just sent. So: our end is closed, and the rest is read until its end is. */
    if (c->state != CONN_CLOSING) return;
    if (c->is_peer_done) {
        conn_drop(c);
    } else {
        (void)shutdown(c->fd, SHUT_WR);
    }
}

static void flush(struct conn *c);

static void on_writable(void *arg)
{
    flush(arg);
}

static void flush(struct conn *c)
{
    struct socks *s = c->socks;
    uint64_t sent = 0;
    c->is_blocked = false;
    bool is_slow = false; /* The peer takes no more for now, or others want their turn. */
    while (c->out_count > 0 && !is_slow) {
        bool is_file = c->out[c->out_first].file != NULL;
        uint64_t wanted = 0;
        ssize_t n = is_file ? send_file(c, &wanted) : send_memory(c, &wanted);
        s->counters->sends++;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET || !is_file)) {
            break_off(c, sock_reason_of(errno));
            return;
        }
        if (n <= 0) {
            /* The file ends early or cannot be read: what was announced cannot be sent. */
            log_error(s->env, "sending from a file failed: %s",
                      n == 0 ? "it is shorter than it was" : strerror(errno));
            break_off(c, ENV_REASON_LOCAL);
            return;
        }
        consume(c, (uint64_t)n);
        sent += (uint64_t)n;
        is_slow = (uint64_t)n < wanted || sent >= SOCK_SEND_BUDGET_BYTES;
    }
    if (c->is_above_low_water && c->out_bytes < ENV_LOW_WATER_BYTES) {
        c->is_above_low_water = false;
        if (c->state == CONN_OPEN) inbox_add(s->inbox, ENV_DRAINED)->conn = c->id;
    }
    if (c->out_count == 0) {
        on_sent(c);
    } else {
        wait_writable(c, on_writable);
    }
}

void sock_out_flush(struct socks *s)
{
    for (uint32_t i = 0; i < s->dirty.count; i++) {
        struct conn *c = conn_any(s, s->dirty.ids[i]);
        if (c == NULL) continue;
        c->is_dirty = false;
        if (c->state < CONN_OPEN || c->is_blocked) continue;
        flush(c);
    }
    s->dirty.count = 0;
}

void sock_out_close(struct conn *c, bool flush_first)
{
    struct socks *s = c->socks;
    CHECK(c->state != CONN_CLOSING);

    inbox_forget(s->inbox, c->id);
    s->counters->closed[ENV_REASON_NONE]++;
    if (!flush_first || c->state != CONN_OPEN || c->is_broken) {
        conn_drop(c);
        return;
    }
    c->state = CONN_CLOSING;
    c->is_above_low_water = false;
    conn_set_deadline(c, s->env->now_ms + SOCK_LINGER_MS);
    sock_in_discard(c);
    conn_make_dirty(c); /* Also with nothing queued: that is what closes our end. */
}

static bool has_piece_of(const struct conn *c, const struct file *file)
{
    for (uint32_t i = 0; i < c->out_count; i++) {
        if (c->out[c->out_first + i].file == file) return true;
    }
    return false;
}

void sock_out_revoke(struct socks *s, const struct file *file)
{
    CHECK(file != NULL);

    for (uint32_t i = 0; i < s->slot_count; i++) {
        struct conn *c = s->slots[i].conn;
        if (c != NULL && has_piece_of(c, file)) conn_fail(c, ENV_REASON_LOCAL);
    }
}

bool sock_out_is_idle(const struct socks *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct conn *c = s->slots[i].conn;
        if (c != NULL && c->state >= CONN_OPEN && c->out_count > 0) return false;
    }
    return true;
}
