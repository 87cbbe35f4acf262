/* Members of many groups, each on a connection of its own, and nothing but members: they join, take
 * an assignment, and send heartbeats. One thread, one epoll, no client library: what is measured is
 * what the brokers make of it. "steady" is printed when every member has its assignment; one JSON
 * object at the end. Exit status 1 if not every heartbeat was answered as it should be. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/text.h"
#include "common/bytes.h"
#include "common/check.h"

#define NS_PER_MS 1000000ull
#define FRAME_MAX 65536
#define NAME_MAX 64
#define ID_MAX 128
#define IN_GROUP_MAX 64
#define SESSION_MS 45000
#define REBALANCE_MS 60000
#define RETRY_MS 100
#define LATENCIES_MAX (1u << 22)
#define FIND_COORDINATOR 10
#define JOIN_GROUP 11
#define HEARTBEAT 12
#define SYNC_GROUP 14
#define REBALANCE_IN_PROGRESS 27

enum state { JOINING, SYNCING, STEADY, BEATING, LOST };

struct member {
    int fd;
    int group;
    enum state state;
    int32_t generation;
    char id[ID_MAX];
    uint64_t due_ns; /* STEADY: the next heartbeat. JOINING: not before; 0: it is on its way. */
    uint64_t sent_ns;
    uint8_t in[FRAME_MAX / 16];
    size_t in_size;
};

struct driver {
    int64_t groups, members, interval_ms, seconds;
    const char *bootstrap;
    const char *prefix;
    struct member *all;
    size_t count;
    size_t steady_count;
    bool is_measuring;
    struct writer out;
    int epoll;
    uint32_t *latencies_us;
    size_t latency_count;
    uint64_t beats, wrong, rejoined;
};

/* ---- The wire. ---- */

static void write_text(struct writer *w, const char *text)
{
    write_i16(w, (int16_t)strlen(text));
    write_bytes(w, text, strlen(text));
}

static void write_octets(struct writer *w, const char *text)
{
    write_i32(w, (int32_t)strlen(text));
    write_bytes(w, text, strlen(text));
}

static void begin(struct writer *w, int16_t api, int16_t version)
{
    writer_reset(w);
    write_i32(w, 0);
    write_i16(w, api);
    write_i16(w, version);
    write_i32(w, 1);
    write_text(w, "members");
}

/* Requests are small, and a connection has one on its way: the socket takes them whole. */
static bool flush(struct writer *w, int fd)
{
    CHECK(writer_ok(w));
    writer_patch_i32(w, 0, (int32_t)(w->size - sizeof(int32_t)));
    return send(fd, w->base, w->size, MSG_NOSIGNAL) == (ssize_t)w->size;
}

static struct slice read_text(struct reader *r)
{
    int16_t size = read_i16(r);
    return size < 0 ? (struct slice){0} : read_slice(r, (size_t)size);
}

static int dial(const char *host, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    (void)close(fd);
    return -1;
}

static bool receive_all(int fd, uint8_t *to, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, to, size, 0);
        if (n <= 0) return false;
        to += n;
        size -= (size_t)n;
    }
    return true;
}

/* ---- Where a group is coordinated. ---- */

/* True: the host and the port are filled in. */
static bool find(struct driver *d, int fd, const char *group, char host[NAME_MAX], int *port)
{
    static uint8_t frame[FRAME_MAX];
    uint8_t raw[sizeof(int32_t)];
    begin(&d->out, FIND_COORDINATOR, 0);
    write_text(&d->out, group);
    if (!flush(&d->out, fd) || !receive_all(fd, raw, sizeof raw)) return false;
    struct reader head = reader_of(slice_of(raw, sizeof raw));
    size_t size = read_u32(&head);
    if (size > sizeof frame || !receive_all(fd, frame, size)) return false;
    struct reader r = reader_of(slice_of(frame, size));
    (void)read_i32(&r);
    int16_t error = read_i16(&r);
    (void)read_i32(&r);
    struct slice name = read_text(&r);
    *port = read_i32(&r);
    if (error != 0 || !reader_ok(&r) || name.size >= NAME_MAX) return false;
    memcpy(host, name.at, name.size);
    host[name.size] = '\0';
    return true;
}

static void name_group(const struct driver *d, int group, char out[NAME_MAX])
{
    (void)snprintf(out, NAME_MAX, "%s-%d", d->prefix, group);
}

/* ---- A member's life. ---- */

static void lose(struct driver *d, struct member *m, const char *why)
{
    fprintf(stderr, "members: a member of group %d: %s\n", m->group, why);
    if (m->state == STEADY || m->state == BEATING) d->steady_count--;
    m->state = LOST;
    d->wrong++;
    (void)close(m->fd);
}

static void send_join(struct driver *d, struct member *m)
{
    char group[NAME_MAX];
    name_group(d, m->group, group);
    begin(&d->out, JOIN_GROUP, 3); /* The last version that does not ask for a second request. */
    write_text(&d->out, group);
    write_i32(&d->out, SESSION_MS);
    write_i32(&d->out, REBALANCE_MS);
    write_text(&d->out, m->id);
    write_text(&d->out, "consumer");
    write_i32(&d->out, 1);
    write_text(&d->out, "range");
    write_octets(&d->out, "");
    m->state = JOINING;
    m->due_ns = 0;
    if (!flush(&d->out, m->fd)) lose(d, m, "cannot send");
}

static void join_again(struct driver *d, struct member *m)
{
    if (m->state == STEADY || m->state == BEATING) {
        d->steady_count--;
        d->rejoined += d->is_measuring;
    }
    send_join(d, m);
}

static void join_later(struct member *m)
{
    m->state = JOINING;
    m->due_ns = clock_ns() + RETRY_MS * NS_PER_MS;
}

static void send_beat(struct driver *d, struct member *m)
{
    char group[NAME_MAX];
    name_group(d, m->group, group);
    begin(&d->out, HEARTBEAT, 1);
    write_text(&d->out, group);
    write_i32(&d->out, m->generation);
    write_text(&d->out, m->id);
    m->state = BEATING;
    m->sent_ns = clock_ns();
    if (!flush(&d->out, m->fd)) lose(d, m, "cannot send");
}

/* The leader gives every member something. */
static void on_joined(struct driver *d, struct member *m, struct reader *r)
{
    char group[NAME_MAX];
    name_group(d, m->group, group);
    (void)read_i32(r);
    int16_t error = read_i16(r);
    m->generation = read_i32(r);
    (void)read_text(r);
    (void)read_text(r);
    struct slice id = read_text(r);
    if (error != 0 || id.size == 0 || id.size >= ID_MAX) {
        m->id[0] = '\0';
        join_later(m);
        return;
    }
    memcpy(m->id, id.at, id.size);
    m->id[id.size] = '\0';
    int32_t count = read_i32(r);
    begin(&d->out, SYNC_GROUP, 1);
    write_text(&d->out, group);
    write_i32(&d->out, m->generation);
    write_text(&d->out, m->id);
    write_i32(&d->out, count);
    for (int32_t i = 0; i < count; i++) {
        struct slice other = read_text(r);
        (void)read_slice(r, read_u32(r));
        write_i16(&d->out, (int16_t)other.size);
        write_slice(&d->out, other);
        write_octets(&d->out, "an assignment");
    }
    m->state = SYNCING;
    if (!reader_ok(r) || !flush(&d->out, m->fd)) lose(d, m, "cannot sync");
}

static void on_synced(struct driver *d, struct member *m, struct reader *r)
{
    (void)read_i32(r);
    if (read_i16(r) != 0) {
        join_again(d, m);
        return;
    }
    /* Spread over the interval, as members are that came at different times. */
    uint64_t interval_ns = (uint64_t)d->interval_ms * NS_PER_MS;
    m->due_ns = clock_ns() + interval_ns * (uint64_t)(m - d->all) / d->count;
    m->state = STEADY;
    d->steady_count++;
}

static void on_beaten(struct driver *d, struct member *m, struct reader *r)
{
    (void)read_i32(r);
    int16_t error = read_i16(r);
    uint64_t took_ns = clock_ns() - m->sent_ns;
    d->beats++;
    if (d->is_measuring && d->latency_count < LATENCIES_MAX) {
        d->latencies_us[d->latency_count++] = (uint32_t)(took_ns / 1000);
    }
    if (error != 0) {
        d->wrong += error != REBALANCE_IN_PROGRESS;
        if (error != REBALANCE_IN_PROGRESS) m->id[0] = '\0';
        join_again(d, m);
        return;
    }
    m->state = STEADY;
    m->due_ns += (uint64_t)d->interval_ms * NS_PER_MS;
}

static void on_answer(struct driver *d, struct member *m, struct slice frame)
{
    struct reader r = reader_of(frame);
    (void)read_i32(&r);
    switch (m->state) {
    case JOINING: on_joined(d, m, &r); break;
    case SYNCING: on_synced(d, m, &r); break;
    case BEATING: on_beaten(d, m, &r); break;
    case STEADY:
    case LOST: lose(d, m, "an answer to nothing"); break;
    }
}

static void on_bytes(struct driver *d, struct member *m)
{
    ssize_t n = recv(m->fd, m->in + m->in_size, sizeof m->in - m->in_size, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lose(d, m, "the connection is closed");
        return;
    }
    m->in_size += (size_t)n;
    struct reader head = reader_of(slice_of(m->in, m->in_size));
    size_t size = read_u32(&head);
    if (!reader_ok(&head) || m->in_size < size + sizeof(int32_t)) return;
    m->in_size = 0; /* One request is on its way: one answer is all there is. */
    on_answer(d, m, slice_of(m->in + sizeof(int32_t), size));
}

/* ---- All of them. ---- */

static void open_one(struct driver *d, struct member *m, const char *host, int port)
{
    m->fd = dial(host, port);
    if (m->fd < 0) fail("cannot connect to %s:%d", host, port);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = m};
    CHECK(m->fd >= 0 && epoll_ctl(d->epoll, EPOLL_CTL_ADD, m->fd, &e) == 0);
    send_join(d, m);
}

static void open_all(struct driver *d)
{
    char host[NAME_MAX], group[NAME_MAX];
    int port = 0;
    CHECK(sscanf(d->bootstrap, "%63[^:]:%d", host, &port) == 2);
    int fd = dial(host, port);
    CHECK(fd >= 0);
    for (int g = 0; g < d->groups; g++) {
        name_group(d, g, group);
        while (!find(d, fd, group, host, &port)) pause_us(RETRY_MS * 1000);
        for (int64_t i = 0; i < d->members; i++) {
            struct member *m = &d->all[g * d->members + i];
            m->group = g;
            open_one(d, m, host, port);
        }
    }
    (void)close(fd);
}

/* What is due. The members are looked through every few milliseconds: the driver's time is not what
 * is measured. */
static void let_time_pass(struct driver *d)
{
    uint64_t now_ns = clock_ns();
    for (size_t i = 0; i < d->count; i++) {
        struct member *m = &d->all[i];
        if (m->state == STEADY && m->due_ns <= now_ns) send_beat(d, m);
        if (m->state == JOINING && m->due_ns != 0 && m->due_ns <= now_ns) send_join(d, m);
    }
}

static void run_until(struct driver *d, uint64_t end_ns, bool until_steady)
{
    struct epoll_event events[512];
    while (clock_ns() < end_ns && !(until_steady && d->steady_count == d->count)) {
        int n = epoll_wait(d->epoll, events, 512, 5);
        for (int i = 0; i < n; i++) {
            struct member *m = events[i].data.ptr;
            if (m->state != LOST) on_bytes(d, m);
        }
        let_time_pass(d);
    }
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static uint32_t percentile(const struct driver *d, double part)
{
    if (d->latency_count == 0) return 0;
    return d->latencies_us[(size_t)((double)(d->latency_count - 1) * part)];
}

static int tell(struct driver *d, uint64_t joined_ms)
{
    qsort(d->latencies_us, d->latency_count, sizeof *d->latencies_us, compare);
    printf("{\"members\": %zu, \"joined_ms\": %llu, \"heartbeats\": %zu, \"per_s\": %.0f, "
           "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"wrong\": %llu, \"rejoined\": %llu}\n",
           d->count, (unsigned long long)joined_ms, d->latency_count,
           (double)d->latency_count / (double)d->seconds, percentile(d, 0.5), percentile(d, 0.99),
           percentile(d, 1), (unsigned long long)d->wrong, (unsigned long long)d->rejoined);
    return d->wrong == 0 && d->steady_count == d->count ? 0 : 1;
}

static int drive(struct driver *d)
{
    struct rlimit files = {0};
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    d->count = (size_t)(d->groups * d->members);
    d->all = calloc(d->count, sizeof *d->all);
    d->latencies_us = calloc(LATENCIES_MAX, sizeof *d->latencies_us);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    d->out = writer_with(FRAME_MAX);
    CHECK(d->all != NULL && d->latencies_us != NULL && d->epoll >= 0);
    uint64_t began_ms = clock_ms();
    open_all(d);
    run_until(d, clock_ns() + 300000 * NS_PER_MS, true);
    uint64_t joined_ms = clock_ms() - began_ms;
    if (d->steady_count < d->count) return fail("%zu members are steady", d->steady_count);
    printf("steady\n");
    (void)fflush(stdout);
    run_until(d, clock_ns() + (uint64_t)d->interval_ms * NS_PER_MS, false);
    d->is_measuring = true;
    run_until(d, clock_ns() + (uint64_t)d->seconds * 1000 * NS_PER_MS, false);
    return tell(d, joined_ms);
}

int main(int argc, char **argv)
{
    struct driver d = {.groups = 100, .members = 10, .interval_ms = 3000, .seconds = 10};
    d.prefix = "members";
    const struct option_row rows[] = {
        {"bootstrap", 'b', OPTION_TEXT, &d.bootstrap, "HOST:PORT", "a broker", 0, 0, NULL},
        {"prefix", 'p', OPTION_TEXT, &d.prefix, "TEXT", "of the groups' names", 0, 0, NULL},
        {"groups", 'g', OPTION_NUMBER, &d.groups, "N", "groups (100)", 1, 100000, NULL},
        {"members", 'm', OPTION_NUMBER, &d.members, "N", "of each (10)", 1, IN_GROUP_MAX, NULL},
        {"interval", 'i', OPTION_NUMBER, &d.interval_ms, "MS", "heartbeats (3000)", 10, 60000,
         NULL},
        {"seconds", 's', OPTION_NUMBER, &d.seconds, "S", "how long (10)", 1, 3600, NULL},
    };
    const struct usage usage = {
        .verb = "members",
        .summary = "Joins groups with members on connections of their own, and sends heartbeats.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .example = "members --bootstrap 127.0.0.1:9092 --groups 1000",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    if (result != ARGS_RUN) return args_status(result);
    if (d.bootstrap == NULL) return misuse("members: --bootstrap is needed");
    return drive(&d);
}
