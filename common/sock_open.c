#include "common/sock_open.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/check.h"
#include "common/sock_in.h"

#define BACKLOG 1024
#define ACCEPTS_PER_WAKE 16
#define ACCEPT_PAUSE_MS 100
#define WARN_EACH_MS 10000
#define DIAL_TIMEOUT_MS 1000
#define FRAME_MAX_BYTES (100u * 1024 * 1024)
/* A host that has vanished without a word is noticed after about 60 + 3 * 10 seconds. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 3

struct sock_listener {
    struct sock_listener *next;
    struct socks *socks;
    struct watch *watch;
    const struct listening *place;
    int fd;
    uint32_t tag;
    uint32_t frame_max;
    bool first_alone;
    uint64_t resume_ms; /* When accepting goes on after descriptors ran out; else ENV_NEVER. */
};

/* A name that is being looked up, on an I/O thread. */
struct lookup {
    struct job job;
    uint64_t conn;
    uint16_t port;
    char host[ENV_HOST_MAX];
    struct dial found;
};

static void set_option(int fd, int level, int name, int value)
{
    /* Options make things better; where one is missing, things still work. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

/* "localhost" and what ends in ".localhost": this host (RFC 6761), though no /etc/hosts may say so.
 */
static bool is_localhost(const char *host)
{
    static const char word[] = "localhost";
    size_t size = strlen(host), tail = sizeof word - 1;
    if (size < tail || strcasecmp(host + size - tail, word) != 0) return false;
    return size == tail || host[size - tail - 1] == '.';
}

/* Adds what a name or an address stands for. getaddrinfo() blocks unless `flags` forbid names. */
static bool look_up(const char *host, uint16_t port, int flags, int family, struct dial *found)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0 && (flags & AI_NUMERICHOST) == 0 && is_localhost(host)) {
        rc = getaddrinfo(family == AF_INET6 ? "::1" : "127.0.0.1", service, &hints, &list);
    }
    if (rc != 0) return false;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (found->count == SOCK_DIAL_ADDRESSES) break;
        if (a->ai_addrlen > sizeof found->addresses[0]) continue;
        memcpy(&found->addresses[found->count++], a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return found->count > 0;
}

static socklen_t address_size(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* ---- Listening. ---- */

static int bind_one(const struct sockaddr_storage *at, int *out)
{
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno == EMFILE || errno == ENFILE ? -ERR_LIMIT : -ERR_ABSENT;

    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (at->ss_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_options(fd); /* Accepted sockets inherit them. */
    if (bind(fd, (const void *)at, address_size(at)) == 0 && listen(fd, BACKLOG) == 0) {
        *out = fd;
        return 0;
    }
    int error = errno;
    (void)close(fd);
    if (error == EADDRINUSE) return -ERR_BUSY;
    return error == EACCES || error == EPERM ? -ERR_DENIED : -ERR_ABSENT;
}

int sock_bind(const struct env_endpoint *at, int *fd)
{
    struct dial places = {0};
    if (at->host[0] == '\0') { /* All of the host's addresses; without IPv6, the others. */
        (void)look_up("::", at->port, AI_NUMERICHOST, AF_INET6, &places);
        (void)look_up("0.0.0.0", at->port, AI_NUMERICHOST, AF_INET, &places);
    } else if (!look_up(at->host, at->port, AI_PASSIVE, AF_INET, &places)) {
        /* "localhost" should be 127.0.0.1, which is what everybody dials. */
        (void)look_up(at->host, at->port, AI_PASSIVE, AF_INET6, &places);
    }
    int rc = -ERR_ABSENT;
    for (uint32_t i = 0; i < places.count; i++) {
        rc = bind_one(&places.addresses[i], fd);
        if (rc != -ERR_ABSENT) return rc;
    }
    return rc;
}

static void warn_limit(struct socks *s, const char *what)
{
    uint64_t now_ms = s->env->now_ms;
    if (s->warned_ms != 0 && now_ms < s->warned_ms + WARN_EACH_MS) return;
    s->warned_ms = now_ms;
    log_warn(s->env, "connections are refused: %s", what);
}

static void begin(struct sock_listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct socks *s = l->socks;
    struct conn *c = conn_new(s, fd, CONN_OPEN, l->tag);
    c->is_admitted = true;
    sock_ip_of(peer, c->ip);
    s->counters->accepted++;
    struct env_event *event = inbox_add(s->inbox, ENV_ACCEPTED);
    event->conn = c->id;
    event->tag = c->tag;
    sock_address_text(peer, true, event->address, sizeof event->address);
    c->first_alone = l->first_alone;
    sock_in_start(c, l->frame_max);
}

static void admit(struct sock_listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct socks *s = l->socks;
    uint8_t ip[16];
    sock_ip_of(peer, ip);
    int actor = s->hooks.enter(s->hooks.arg, l->place, ip);
    if (actor < 0) {
        s->counters->rejected++;
        warn_limit(s, "the limit of connections is reached");
        (void)close(fd);
    } else if ((uint32_t)actor == s->env->actor) {
        begin(l, fd, peer);
    } else {
        struct handed *handed = calloc(1, sizeof *handed);
        CHECK(handed != NULL);
        handed->place = l->place;
        handed->fd = fd;
        handed->peer = *peer;
        s->hooks.hand_over(s->hooks.arg, (uint32_t)actor, handed);
    }
}

void sock_take(struct socks *s, const struct handed *handed)
{
    struct sock_listener *l = s->listeners;
    while (l != NULL && l->place != handed->place) l = l->next;
    CHECK(l != NULL); /* Nobody ceases to listen before he ends. */
    begin(l, handed->fd, &handed->peer);
}

static void on_acceptable(void *arg)
{
    struct sock_listener *l = arg;
    struct socks *s = l->socks;
    for (int i = 0; i < ACCEPTS_PER_WAKE && !inbox_is_full(s->inbox); i++) {
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof peer;
        int fd = accept4(l->fd, (void *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(l, fd, &peer);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The connection stays in the backlog and would wake us at once again. */
            warn_limit(s, "this process has no file descriptors left");
            watch_set(l->watch, false);
            l->resume_ms = loop_clock_ms() + ACCEPT_PAUSE_MS;
            if (l->resume_ms < s->timed_next_ms) s->timed_next_ms = l->resume_ms;
        }
        return; /* EAGAIN too: there are no more, or another actor was faster. */
    }
}

int sock_listen(struct socks *s, const struct env_endpoint *at)
{
    int fd = -1;
    const struct listening *place = NULL;
    int rc = s->hooks.listener(s->hooks.arg, at, &fd, &place);
    if (rc != 0) return rc;
    CHECK(fd >= 0);

    struct sock_listener *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->socks = s;
    l->fd = fd;
    l->place = place;
    l->tag = at->tag;
    l->frame_max = at->frame_max_bytes > 0 ? at->frame_max_bytes : FRAME_MAX_BYTES;
    l->first_alone = at->first_alone;
    l->resume_ms = ENV_NEVER;
    l->watch = watch_open(s->loop, fd, WATCH_READ, on_acceptable, l);
    watch_set(l->watch, true);
    l->next = s->listeners;
    s->listeners = l;
    return 0;
}

void sock_listeners_close(struct socks *s)
{
    while (s->listeners != NULL) {
        struct sock_listener *l = s->listeners;
        s->listeners = l->next;
        watch_close(l->watch);
        (void)close(l->fd);
        free(l);
    }
}

/* ---- Dialing. ---- */

static void become_open(struct conn *c)
{
    struct socks *s = c->socks;
    watch_set(c->writable, false);
    watch_close(c->writable); /* It called on_connect(); the next one will call for sending. */
    c->writable = NULL;
    free(c->dial);
    c->dial = NULL;
    c->state = CONN_OPEN;
    conn_set_deadline(c, ENV_NEVER);
    struct env_event *event = inbox_add(s->inbox, ENV_CONNECTED);
    event->conn = c->id;
    event->tag = c->tag;
    sock_in_start(c, 0);
    if (c->out_count > 0) conn_make_dirty(c);
}

/* Linux lets a socket that dials a free port of the ephemeral range reach itself, if it happened to
 * be given that very port. There is nobody there; and the port must be free for its owner. */
static bool is_connected_to_itself(int fd)
{
    struct sockaddr_storage here = {0};
    struct sockaddr_storage there = {0};
    socklen_t here_size = sizeof here;
    socklen_t there_size = sizeof there;
    if (getsockname(fd, (void *)&here, &here_size) != 0) return false;
    if (getpeername(fd, (void *)&there, &there_size) != 0) return false;
    return here_size == there_size && memcmp(&here, &there, here_size) == 0;
}

static void try_next(struct conn *c, int last_error);

static void on_connect(void *arg)
{
    struct conn *c = arg;
    CHECK(c->state == CONN_DIALING);

    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0 && is_connected_to_itself(c->fd)) error = ECONNREFUSED;
    if (error == 0) {
        become_open(c);
    } else {
        try_next(c, error);
    }
}

/* 0 if it is under way. */
static int begin_connect(struct conn *c, const struct sockaddr_storage *to)
{
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    set_options(fd);
    if (connect(fd, (const void *)to, address_size(to)) != 0 && errno != EINPROGRESS) {
        int error = errno;
        (void)close(fd);
        return error;
    }
    c->fd = fd;
    c->writable = watch_open(c->socks->loop, fd, WATCH_WRITE, on_connect, c);
    watch_set(c->writable, true);
    return 0;
}

/* Goes on to the host's next address, or gives up. */
static void try_next(struct conn *c, int last_error)
{
    CHECK(c->dial != NULL);

    watch_close(c->writable);
    c->writable = NULL;
    if (c->fd >= 0) (void)close(c->fd);
    c->fd = -1;
    c->state = CONN_DIALING;
    while (c->dial->next < c->dial->count) {
        last_error = begin_connect(c, &c->dial->addresses[c->dial->next++]);
        if (last_error == 0) return;
    }
    conn_fail(c, sock_reason_of(last_error));
}

static void run_lookup(struct fs *fs, struct job *job)
{
    (void)fs;
    struct lookup *lookup = (struct lookup *)(void *)job;
    bool found = look_up(lookup->host, lookup->port, AI_ADDRCONFIG, AF_UNSPEC, &lookup->found);
    /* With no network but the loopback, AI_ADDRCONFIG finds nothing; "localhost" is still there. */
    if (!found) found = look_up(lookup->host, lookup->port, 0, AF_UNSPEC, &lookup->found);
    job->rc = found ? 0 : -ERR_ABSENT;
}

bool sock_on_job(struct socks *s, struct job *job)
{
    if (job->run != run_lookup) return false;
    struct lookup *lookup = (struct lookup *)(void *)job;
    struct conn *c = sock_find(s, lookup->conn);
    if (c != NULL) {
        CHECK(c->state == CONN_RESOLVING);
        *c->dial = lookup->found;
        if (job->rc == 0) {
            try_next(c, 0);
        } else {
            conn_fail(c, ENV_REASON_NAME);
        }
    }
    free(lookup);
    return true;
}

uint64_t sock_dial(struct socks *s, const struct env_endpoint *to)
{
    struct conn *c = conn_new(s, -1, CONN_RESOLVING, to->tag);
    uint64_t id = c->id;
    uint32_t timeout_ms = to->dial_timeout_ms > 0 ? to->dial_timeout_ms : DIAL_TIMEOUT_MS;
    s->counters->dialed++;
    conn_set_deadline(c, s->env->now_ms + timeout_ms);
    c->in.frame_max = to->frame_max_bytes > 0 ? to->frame_max_bytes : FRAME_MAX_BYTES;
    c->dial = calloc(1, sizeof *c->dial);
    CHECK(c->dial != NULL);
    if (look_up(to->host, to->port, AI_NUMERICHOST, AF_UNSPEC, c->dial)) {
        try_next(c, 0);
        return id;
    }
    struct lookup *lookup = calloc(1, sizeof *lookup);
    CHECK(lookup != NULL);
    lookup->job.run = run_lookup;
    lookup->conn = id;
    lookup->port = to->port;
    (void)snprintf(lookup->host, sizeof lookup->host, "%s", to->host);
    s->hooks.submit_odd(s->hooks.arg, &lookup->job);
    return id;
}

/* ---- Deadlines. ---- */

static void on_deadline(struct conn *c)
{
    if (c->state == CONN_CLOSING) {
        conn_drop(c); /* The peer has not taken in time what was queued to it. */
    } else {
        CHECK(c->state == CONN_RESOLVING || c->state == CONN_DIALING);
        conn_fail(c, ENV_REASON_SILENT);
    }
}

uint64_t sock_on_time(struct socks *s, uint64_t now_ms)
{
    if (now_ms < s->timed_next_ms) return s->timed_next_ms;

    s->timed_next_ms = ENV_NEVER;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->timed.count; i++) {
        uint64_t id = s->timed.ids[i];
        struct conn *c = conn_any(s, id);
        if (c == NULL || c->deadline_ms == ENV_NEVER) continue;
        if (c->deadline_ms <= now_ms) {
            on_deadline(c);
            continue;
        }
        if (c->deadline_ms < s->timed_next_ms) s->timed_next_ms = c->deadline_ms;
        s->timed.ids[kept++] = id;
    }
    s->timed.count = kept;
    for (struct sock_listener *l = s->listeners; l != NULL; l = l->next) {
        if (l->resume_ms == ENV_NEVER) continue;
        if (l->resume_ms <= now_ms) {
            l->resume_ms = ENV_NEVER;
            watch_set(l->watch, true);
        } else if (l->resume_ms < s->timed_next_ms) {
            s->timed_next_ms = l->resume_ms;
        }
    }
    return s->timed_next_ms;
}
