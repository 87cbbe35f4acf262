#include "common/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"

_Static_assert(ENV_REASON_LOCAL < ENV_COUNTED_REASONS, "every reason has a counter");
_Static_assert(sizeof(struct conn) <= 512, "an idle connection is small");

enum env_reason sock_reason_of(int error)
{
    switch (error) {
    case ECONNREFUSED: return ENV_REASON_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return ENV_REASON_RESET;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN: return ENV_REASON_SILENT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL:
    case EAGAIN: return ENV_REASON_LOCAL;
    default: return ENV_REASON_RESET;
    }
}

void sock_ip_of(const struct sockaddr_storage *from, uint8_t ip[16])
{
    memset(ip, 0, 16);
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)from;
        memcpy(ip, &in6->sin6_addr, 16);
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const void *)from;
        ip[10] = 0xff;
        ip[11] = 0xff;
        memcpy(ip + 12, &in4->sin_addr, 4);
    }
}

void sock_address_text(const struct sockaddr_storage *from, bool with_port, char *out, size_t size)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t ip[16];
    char text[INET6_ADDRSTRLEN] = "?";
    sock_ip_of(from, ip);
    bool is_v4 = memcmp(ip, mapped, sizeof mapped) == 0;
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip + 12 : ip, text, sizeof text);
    uint16_t port = from->ss_family == AF_INET6
                        ? ((const struct sockaddr_in6 *)(const void *)from)->sin6_port
                        : ((const struct sockaddr_in *)(const void *)from)->sin_port;
    if (!with_port) {
        (void)snprintf(out, size, "%s", text);
    } else {
        (void)snprintf(out, size, is_v4 ? "%s:%u" : "[%s]:%u", text, (unsigned)ntohs(port));
    }
}

void id_list_add(struct id_list *list, uint64_t id)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->ids = realloc(list->ids, list->capacity * sizeof *list->ids);
        CHECK(list->ids != NULL);
    }
    list->ids[list->count++] = id;
}

void socks_init(struct socks *s, struct env *env, struct loop *loop, struct inbox *inbox,
                struct env_counters *counters, const struct sock_hooks *hooks)
{
    *s = (struct socks){.env = env,
                        .loop = loop,
                        .inbox = inbox,
                        .counters = counters,
                        .hooks = *hooks,
                        .timed_next_ms = ENV_NEVER};
    s->scratch = malloc(SOCK_SCRATCH_BYTES);
    CHECK(s->scratch != NULL);
}

static void free_slot(struct socks *s, uint32_t index)
{
    s->slots[index].conn = NULL;
    if (s->slots[index].generation == UINT32_MAX) return; /* Retired. */
    s->slots[index].next_free = s->slot_free;
    s->slot_free = index + 1;
}

static uint32_t take_slot(struct socks *s)
{
    if (s->slot_free != 0) {
        uint32_t index = s->slot_free - 1;
        s->slot_free = s->slots[index].next_free;
        return index;
    }
    if (s->slot_count == s->slot_capacity) {
        s->slot_capacity = s->slot_capacity == 0 ? 64 : s->slot_capacity * 2;
        s->slots = realloc(s->slots, s->slot_capacity * sizeof *s->slots);
        CHECK(s->slots != NULL);
    }
    s->slots[s->slot_count] = (struct conn_slot){0};
    return s->slot_count++;
}

struct conn *conn_new(struct socks *s, int fd, enum conn_state state, uint32_t tag)
{
    struct conn *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    uint32_t index = take_slot(s);
    struct conn_slot *slot = &s->slots[index];
    CHECK(slot->conn == NULL);
    CHECK(slot->generation < UINT32_MAX);

    slot->generation++;
    slot->conn = c;
    c->id = (uint64_t)slot->generation << 32 | index;
    c->socks = s;
    c->fd = fd;
    c->state = state;
    c->tag = tag;
    c->deadline_ms = ENV_NEVER;
    s->counters->open++;
    return c;
}

struct conn *conn_any(const struct socks *s, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= s->slot_count) return NULL;
    const struct conn_slot *slot = &s->slots[index];
    return slot->generation == id >> 32 ? slot->conn : NULL;
}

struct conn *sock_find(const struct socks *s, uint64_t id)
{
    struct conn *c = conn_any(s, id);
    return c != NULL && c->state != CONN_CLOSING ? c : NULL;
}

void conn_set_deadline(struct conn *c, uint64_t deadline_ms)
{
    struct socks *s = c->socks;
    /* One that had a deadline is on the list already. */
    if (c->deadline_ms == ENV_NEVER && deadline_ms != ENV_NEVER) id_list_add(&s->timed, c->id);
    c->deadline_ms = deadline_ms;
    if (deadline_ms < s->timed_next_ms) s->timed_next_ms = deadline_ms;
}

void conn_make_dirty(struct conn *c)
{
    if (c->is_dirty) return;
    c->is_dirty = true;
    id_list_add(&c->socks->dirty, c->id);
}

void conn_clear_out(struct conn *c)
{
    struct env *env = c->socks->env;
    for (uint32_t i = 0; i < c->out_count; i++) {
        struct env_piece *piece = &c->out[c->out_first + i];
        buf_unref(piece->buf);
        env_file_unref(env, piece->file);
    }
    free(c->out);
    c->out = NULL;
    c->out_first = 0;
    c->out_count = 0;
    c->out_capacity = 0;
    c->out_bytes = 0;
}

void conn_drop(struct conn *c)
{
    struct socks *s = c->socks;
    uint32_t index = (uint32_t)c->id;
    CHECK(s->slots[index].conn == c);
    CHECK(s->in_held >= c->in_held);
    CHECK(s->counters->open > 0);

    watch_close(c->readable);
    watch_close(c->writable);
    if (c->fd >= 0) (void)close(c->fd);
    if (c->is_admitted) s->hooks.leave(s->hooks.arg, c->ip);
    conn_clear_out(c);
    frame_in_close(&c->in);
    s->in_held -= c->in_held;
    s->counters->open--;
    free(c->dial);
    free(c);
    free_slot(s, index);
}

void conn_fail(struct conn *c, enum env_reason reason)
{
    CHECK(reason != ENV_REASON_NONE);

    struct socks *s = c->socks;
    if (c->state != CONN_CLOSING) {
        struct env_event *event = inbox_add(s->inbox, ENV_CLOSED);
        event->conn = c->id;
        event->tag = c->tag;
        event->reason = reason;
        s->counters->closed[reason]++;
    }
    conn_drop(c);
}

void socks_close(struct socks *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].conn != NULL) conn_drop(s->slots[i].conn);
    }
    free(s->slots);
    free(s->dirty.ids);
    free(s->timed.ids);
    free(s->scratch);
    s->slots = NULL;
    s->slot_count = 0;
    s->dirty = (struct id_list){0};
    s->timed = (struct id_list){0};
    s->scratch = NULL;
}
