/* The real world: actors, sockets over the loopback, I/O threads. Every test waits for conditions;
 * a test that hangs is ended by its watchdog. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/prng.h"
#include "common/world.h"
#include "tests/unit/free_port.h"

#define WATCHDOG_MS 90000
#define ACTORS_MAX 3
#define LISTENER 7 /* Tags. */
#define DIALER 8

/* A shell whose behaviour is a function of one event. */
struct shell {
    struct env *env;
    void (*on)(struct shell *, const struct env_event *);
    void (*each_turn)(struct shell *);
    uint64_t give_up_ms;
    uint64_t wake_ms;
    uint16_t port;
    uint64_t server; /* Connections: the accepted one and the dialed one. */
    uint64_t client;
    uint32_t count;
    uint32_t count2;
    uint64_t sum;
    enum env_reason reason;
    void *own;
};

static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct shell *s = actor;
    uint64_t now_ms = env_now_ms(s->env);
    if (s->give_up_ms == 0) s->give_up_ms = now_ms + WATCHDOG_MS;
    CHECK(now_ms < s->give_up_ms);
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind == ENV_ACCEPTED) s->server = events[i].conn;
        if (s->on != NULL) s->on(s, &events[i]);
        if (events[i].kind == ENV_FRAME) buf_unref(events[i].buf);
    }
    if (s->each_turn != NULL) s->each_turn(s);
    return s->wake_ms != 0 && s->wake_ms < s->give_up_ms ? s->wake_ms : s->give_up_ms;
}

static struct env_endpoint endpoint(const char *host, uint16_t port, uint32_t tag)
{
    struct env_endpoint e = {.port = port, .tag = tag, .frame_max_bytes = 16 * 1024 * 1024};
    snprintf(e.host, sizeof e.host, "%s", host);
    return e;
}

static struct world *open_world(struct shell *shells, uint32_t count)
{
    struct world_options options = {
        .actor_count = count, .log_prefix = "test", .log_min = LOG_ERROR};
    struct world *w = world_open(&options);
    for (uint32_t i = 0; i < count; i++) shells[i].env = world_env(w, i);
    return w;
}

/* One actor, which listens. */
static struct world *open_listening(struct shell *s, struct env_endpoint *at)
{
    struct world *w = open_world(s, 1);
    *at = endpoint("127.0.0.1", free_port(), LISTENER);
    CHECK(env_listen(s->env, at) == 0);
    return w;
}

static void run(struct world *w, struct shell *shells, uint32_t count)
{
    env_turn_fn *turns[ACTORS_MAX];
    void *actors[ACTORS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        turns[i] = turn;
        actors[i] = &shells[i];
    }
    cr_assert_eq(world_run(w, turns, actors), 0);
}

/* One shell that listens to itself and dials itself. */
static struct world *open_pair(struct shell *s)
{
    struct world *w = open_world(s, 1);
    s->port = free_port();
    struct env_endpoint at = endpoint("127.0.0.1", s->port, LISTENER);
    cr_assert_eq(env_listen(s->env, &at), 0);
    struct env_endpoint to = endpoint("127.0.0.1", s->port, DIALER);
    s->client = env_dial(s->env, &to);
    return w;
}

static void send_bytes(struct shell *s, uint64_t conn, const void *bytes, size_t size)
{
    struct env_piece piece = {.buf = buf_of(slice_of(bytes, size)), .size = size};
    env_send(s->env, conn, &piece, 1);
}

static uint8_t pattern(uint64_t frame, uint64_t at)
{
    return (uint8_t)(frame * 7 + at * 31 + at / 251);
}

static struct buf *pattern_frame(uint64_t number, uint32_t size)
{
    struct buf *b = buf_new(4 + size);
    uint32_t raw = htobe32(size);
    memcpy(b->data, &raw, 4);
    for (uint32_t i = 0; i < size; i++) b->data[4 + i] = pattern(number, i);
    b->size = 4 + size;
    return b;
}

static void send_frame(struct shell *s, uint64_t conn, uint64_t number, uint32_t size)
{
    struct env_piece piece = {.buf = pattern_frame(number, size), .size = 4 + size};
    env_send(s->env, conn, &piece, 1);
}

static void check_frame(const struct buf *b, uint64_t number, uint32_t size)
{
    cr_assert_eq(b->size, size);
    for (uint32_t i = 0; i < size; i++) cr_assert_eq(b->data[i], pattern(number, i));
}

/* ---- Frames. ---- */

#define FRAMES 3000

static uint32_t frame_size_of(uint32_t number)
{
    if (number % 500 == 250) return 700000 + number;
    return number % 10 == 3 ? 20000 + number : number % 97;
}

static void on_ordered(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_CLOSED) cr_assert_fail("closed for %d", e->reason);
    if (e->kind != ENV_FRAME) return;
    if (e->tag == LISTENER) { /* Sent back as it came. */
        cr_assert_eq(e->conn, s->server);
        send_frame(s, s->server, s->count, e->buf->size);
        s->count++;
        return;
    }
    cr_assert_eq(e->conn, s->client);
    check_frame(e->buf, s->count2, frame_size_of(s->count2));
    if (++s->count2 == FRAMES) env_stop(s->env);
}

Test(world, frames_come_whole_and_in_order)
{
    struct shell s = {.on = on_ordered};
    struct world *w = open_pair(&s);
    for (uint32_t i = 0; i < FRAMES; i++) send_frame(&s, s.client, i, frame_size_of(i));
    cr_assert_gt(env_queued_bytes(s.env, s.client), 0, "sending may begin at once");
    run(w, &s, 1);
    cr_assert_eq(s.count, FRAMES);
    cr_assert_eq(s.count2, FRAMES);
    struct env_counters c;
    env_counters(s.env, &c);
    cr_assert_eq(c.frames_in, 2 * FRAMES);
    cr_assert_eq(c.bytes_in, c.bytes_out);
    cr_assert_eq(c.accepted, 1);
    cr_assert_lt(c.sends, FRAMES, "many frames share a call");
    world_close(w);
}

static void on_reason(struct shell *s, const struct env_event *e)
{
    cr_assert_neq(e->kind, ENV_FRAME);
    if (e->kind != ENV_CLOSED || e->tag != LISTENER) return;
    s->reason = e->reason;
    env_stop(s->env);
}

static enum env_reason reason_of(const void *bytes, size_t size)
{
    struct shell s = {.on = on_reason};
    struct world *w = open_pair(&s);
    send_bytes(&s, s.client, bytes, size);
    run(w, &s, 1);
    world_close(w);
    return s.reason;
}

Test(world, strangers_are_closed_with_a_reason)
{
    cr_expect_eq(reason_of("\x7f\xff\xff\xff....", 8), ENV_REASON_TOO_LARGE);
    cr_expect_eq(reason_of("\x80\x00\x00\x00", 4), ENV_REASON_TOO_LARGE);
    cr_expect_eq(reason_of("GET /metrics HTTP/1.1\r\n\r\n", 25), ENV_REASON_HTTP);
    cr_expect_eq(reason_of("\x16\x03\x01\x02\x00\x01", 6), ENV_REASON_TLS);
    static uint8_t noise[1 << 20];
    struct prng prng = prng_from_seed(1);
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)prng_next(&prng);
    noise[0] = 0xee;
    cr_expect_eq(reason_of(noise, sizeof noise), ENV_REASON_TOO_LARGE);
}

#define HELLO_MAX_BYTES 100u
#define BEHIND_BYTES 50000u

/* Reads what stands behind the first frame only when its listener has said how large it may be. */
static void on_first_alone(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_CLOSED) cr_assert_fail("closed for %d", e->reason);
    if (e->kind != ENV_FRAME) return;
    cr_assert_eq(e->buf->size, s->count++ == 0 ? HELLO_MAX_BYTES : BEHIND_BYTES);
    if (s->count == 3) env_stop(s->env);
    if (s->count > 1) return;
    env_frame_max(s->env, e->conn, BEHIND_BYTES);
    env_pause(s->env, e->conn, false);
}

Test(world, a_hello_is_heard_before_what_stands_behind_it_is_judged)
{
    struct shell s = {.on = on_first_alone, .port = free_port()};
    struct world *w = open_world(&s, 1);
    struct env_endpoint at = endpoint("127.0.0.1", s.port, LISTENER);
    at.frame_max_bytes = HELLO_MAX_BYTES;
    at.first_alone = true;
    cr_assert_eq(env_listen(s.env, &at), 0);
    struct env_endpoint to = endpoint("127.0.0.1", s.port, DIALER);
    s.client = env_dial(s.env, &to);
    for (uint32_t i = 0; i < 3; i++) /* They leave as one, when it is connected. */
        send_frame(&s, s.client, i, i == 0 ? HELLO_MAX_BYTES : BEHIND_BYTES);
    run(w, &s, 1);
    cr_assert_eq(s.count, 3);
    world_close(w);
}

/* ---- Dials. ---- */

static void on_dial_end(struct shell *s, const struct env_event *e)
{
    if (e->tag != DIALER) return;
    cr_assert_eq(e->conn, s->client);
    if (e->kind == ENV_CONNECTED) s->count++;
    if (e->kind == ENV_CLOSED) s->reason = e->reason;
    env_stop(s->env);
}

Test(world, a_dial_says_how_it_ended)
{
    static const struct {
        const char *host;
        enum env_reason reason;
    } cases[] = {
        {"127.0.0.1", ENV_REASON_REFUSED},
        {"localhost", ENV_REASON_REFUSED},
        {"Broker-1.LocalHost", ENV_REASON_REFUSED},
        {"notlocalhost", ENV_REASON_NAME},
        {"no-such-host.invalid", ENV_REASON_NAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shell s = {.on = on_dial_end};
        struct world *w = open_world(&s, 1);
        struct env_endpoint to = endpoint(cases[i].host, free_port(), DIALER);
        to.dial_timeout_ms = WATCHDOG_MS;
        s.client = env_dial(s.env, &to);
        cr_assert_neq(s.client, 0);
        send_frame(&s, s.client, 1, 10);
        run(w, &s, 1);
        cr_expect_eq(s.reason, cases[i].reason, "%s: %d", cases[i].host, s.reason);
        cr_expect_eq(env_queued_bytes(s.env, s.client), 0);
        world_close(w);
    }
}

Test(world, a_dial_without_an_answer_is_silent)
{
    /* A listener whose backlog is full drops what comes. */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int full = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(full, (void *)&at, sizeof at), 0);
    cr_assert_eq(listen(full, 0), 0);
    cr_assert_eq(getsockname(full, (void *)&at, &size), 0);
    for (int i = 0; i < 4; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fd, (void *)&at, sizeof at);
    }
    struct shell s = {.on = on_dial_end};
    struct world *w = open_world(&s, 1);
    struct env_endpoint to = endpoint("127.0.0.1", ntohs(at.sin_port), DIALER);
    to.dial_timeout_ms = 30;
    uint64_t began_ms = env_clock_ms(s.env);
    s.client = env_dial(s.env, &to);
    run(w, &s, 1);
    cr_assert_eq(s.reason, ENV_REASON_SILENT);
    cr_assert_geq(env_clock_ms(s.env) - began_ms, 29);
    world_close(w);
}

Test(world, a_name_is_resolved_and_dialed)
{
    struct shell s = {.on = on_dial_end};
    struct world *w = open_world(&s, 1);
    struct env_endpoint at = endpoint("localhost", free_port(), LISTENER);
    cr_assert_eq(env_listen(s.env, &at), 0);
    at.tag = DIALER;
    s.client = env_dial(s.env, &at);
    run(w, &s, 1);
    cr_assert_eq(s.count, 1);
    char host[64];
    env_local_address(s.env, s.client, host, sizeof host);
    cr_assert_str_eq(host, "127.0.0.1");
    world_close(w);
}

Test(world, a_killed_peer_is_noticed)
{
    struct shell s = {.on = on_reason};
    struct env_endpoint at;
    struct world *w = open_listening(&s, &at);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(at.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)!connect(fd, (void *)&to, sizeof to);
        raise(SIGKILL);
    }
    run(w, &s, 1);
    cr_assert(s.reason == ENV_REASON_EOF || s.reason == ENV_REASON_RESET);
    waitpid(child, NULL, 0);
    world_close(w);
}

/* ---- Listeners and limits. ---- */

Test(world, a_port_is_listened_on_by_one_process_and_all_of_its_actors)
{
    struct shell a[2] = {0};
    struct shell b = {0};
    struct world *wa = open_world(a, 2);
    struct world *wb = open_world(&b, 1);
    struct env_endpoint at = endpoint("127.0.0.1", free_port(), LISTENER);
    cr_expect_eq(env_listen(a[0].env, &at), 0);
    cr_expect_eq(env_listen(a[1].env, &at), 0);
    cr_expect_eq(env_listen(a[1].env, &at), -ERR_BUSY, "the same actor twice");
    cr_expect_eq(env_listen(b.env, &at), -ERR_BUSY, "another process");
    struct env_endpoint elsewhere = endpoint("192.0.2.1", at.port, LISTENER);
    cr_expect_eq(env_listen(b.env, &elsewhere), -ERR_ABSENT);
    world_close(wa);
    cr_expect_eq(env_listen(b.env, &at), 0, "it is free again");
    world_close(wb);
}

static void on_spread(struct shell *s, const struct env_event *e)
{
    struct shell *first = s->own;
    if (e->kind == ENV_POSTED) { /* The other actor has all that it should; or we are home. */
        env_stop(s->env);
        return;
    }
    if (e->kind == ENV_FRAME && e->tag == LISTENER) send_frame(s, e->conn, 0, e->buf->size);
    if (e->kind != ENV_FRAME || e->tag != DIALER) return;
    CHECK(s == first);
    if (++s->count < 200) return;
    static struct post done;
    env_post(s->env, 1, &done);
    env_stop(s->env);
}

Test(world, actors_share_a_listener)
{
    struct shell s[2] = {{.on = on_spread, .own = s}, {.on = on_spread, .own = s}};
    struct world *w = open_world(s, 2);
    struct env_endpoint at = endpoint("127.0.0.1", free_port(), LISTENER);
    cr_assert_eq(env_listen(s[0].env, &at), 0);
    cr_assert_eq(env_listen(s[1].env, &at), 0);
    at.tag = DIALER;
    for (int i = 0; i < 200; i++) send_frame(&s[0], env_dial(s[0].env, &at), 0, 10);
    run(w, s, 2);
    struct env_counters a;
    struct env_counters b;
    env_counters(s[0].env, &a);
    env_counters(s[1].env, &b);
    cr_assert_eq(a.accepted + b.accepted, 200);
    world_close(w);
}

static void on_limited(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED) s->count++;
    if (e->kind != ENV_CLOSED) return;
    cr_assert_eq(e->tag, DIALER);
    if (++s->count2 == 3) env_stop(s->env);
}

Test(world, limits_of_connections_hold)
{
    for (uint32_t per_address = 0; per_address < 2; per_address++) {
        struct shell s = {.on = on_limited};
        struct world_options options = {.log_min = LOG_ERROR};
        if (per_address) options.connection_max_per_address = 2;
        if (!per_address) options.connection_max = 2;
        struct world *w = world_open(&options);
        s.env = world_env(w, 0);
        struct env_endpoint at = endpoint("127.0.0.1", free_port(), LISTENER);
        cr_assert_eq(env_listen(s.env, &at), 0);
        at.tag = DIALER;
        for (int i = 0; i < 5; i++) (void)env_dial(s.env, &at);
        run(w, &s, 1);
        struct env_counters c;
        env_counters(s.env, &c);
        cr_expect_eq(c.accepted, 2);
        cr_expect_eq(c.rejected, 3);
        world_close(w);
    }
}

static void on_hoarder(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_CLOSED && e->tag == LISTENER) {
        s->reason = e->reason;
        env_stop(s->env);
    }
}

Test(world, beginnings_of_frames_cannot_fill_the_memory)
{
    struct shell s = {.on = on_hoarder};
    struct world_options options = {.log_min = LOG_ERROR, .inbound_bytes_max = 1024 * 1024};
    struct world *w = world_open(&options);
    s.env = world_env(w, 0);
    struct env_endpoint at = endpoint("127.0.0.1", free_port(), LISTENER);
    cr_assert_eq(env_listen(s.env, &at), 0);
    at.tag = DIALER;
    for (int i = 0; i < 4; i++) { /* Each announces 8 MiB and sends 300 KiB of them. */
        struct buf *b = pattern_frame(0, 8 * 1024 * 1024);
        struct env_piece piece = {.buf = b, .size = 300 * 1024};
        env_send(s.env, env_dial(s.env, &at), &piece, 1);
    }
    run(w, &s, 1);
    cr_assert_eq(s.reason, ENV_REASON_LOCAL);
    world_close(w);
}

#define IDLE 500

static void on_idle(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED || e->kind == ENV_CONNECTED) s->count++;
    if (s->count == 2 * IDLE) env_stop(s->env);
}

Test(world, an_idle_connection_is_small)
{
    struct shell s = {.on = on_idle};
    struct env_endpoint at;
    struct world *w = open_listening(&s, &at);
    at.tag = DIALER;
    struct mallinfo2 before = mallinfo2(); /* A sanitizer's allocator says 0 to both. */
    for (int i = 0; i < IDLE; i++) (void)env_dial(s.env, &at);
    run(w, &s, 1);
    struct mallinfo2 after = mallinfo2();
    cr_assert_lt((after.uordblks - before.uordblks) / (2 * IDLE), 2048);
    world_close(w);
}

/* ---- Sending. ---- */

#define FILE_BYTES 3000000u
#define MIXED 40

static void make_file(struct file *file)
{
    char path[] = "/tmp/test_world.XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    unlink(path);
    uint8_t *bytes = malloc(FILE_BYTES);
    for (uint32_t i = 0; i < FILE_BYTES; i++) bytes[i] = pattern(99, i);
    CHECK(write(fd, bytes, FILE_BYTES) == FILE_BYTES);
    free(bytes);
    *file = (struct file){.refs = 1, .fd = fd};
}

static void on_mixed(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_CLOSED) cr_assert_fail("closed for %d", e->reason);
    if (e->kind != ENV_FRAME) return;
    uint32_t number = s->count++;
    uint32_t at = number * 1000;
    uint32_t size = number % 3 == 0 ? 100 : 50000 * (number + 1);
    cr_assert_eq(e->buf->size, size + 6);
    cr_assert_eq(memcmp(e->buf->data, "<<", 2), 0);
    for (uint32_t i = 0; i < size; i++) cr_assert_eq(e->buf->data[2 + i], pattern(99, at + i));
    cr_assert_eq(memcmp(e->buf->data + 2 + size, ">>>>", 4), 0);
    if (s->count == MIXED) env_stop(s->env);
}

Test(world, files_and_memory_arrive_in_one_stream)
{
    struct shell s = {.on = on_mixed};
    struct world *w = open_pair(&s);
    struct file *file = malloc(sizeof *file);
    make_file(file);
    for (uint32_t i = 0; i < MIXED; i++) {
        uint32_t size = i % 3 == 0 ? 100 : 50000 * (i + 1);
        uint32_t raw = htobe32(size + 6);
        uint8_t head[6] = {0, 0, 0, 0, '<', '<'};
        memcpy(head, &raw, 4);
        struct env_piece pieces[3] = {
            {.buf = buf_of(slice_of(head, 6)), .size = 6},
            {.file = file_ref(file), .at = i * 1000, .size = size},
            {.buf = buf_of(slice_of_text("..>>>>..")), .at = 2, .size = 4},
        };
        env_send(s.env, s.client, pieces, 3);
    }
    env_file_unref(s.env, file);
    run(w, &s, 1);
    world_close(w);
}

static void on_short_file(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_CLOSED || e->tag != DIALER) return;
    s->reason = e->reason;
    env_stop(s->env);
}

Test(world, a_file_that_has_become_shorter_ends_the_connection)
{
    struct shell s = {.on = on_short_file};
    struct world_options options = {.log_min = LOG_ERROR + 1};
    struct world *w = world_open(&options);
    s.env = world_env(w, 0);
    struct env_endpoint at = endpoint("127.0.0.1", free_port(), LISTENER);
    cr_assert_eq(env_listen(s.env, &at), 0);
    at.tag = DIALER;
    s.client = env_dial(s.env, &at);
    struct file *file = malloc(sizeof *file);
    make_file(file);
    struct env_piece piece = {.file = file, .at = FILE_BYTES - 10, .size = 11};
    env_send(s.env, s.client, &piece, 1);
    run(w, &s, 1);
    cr_assert_eq(s.reason, ENV_REASON_LOCAL);
    world_close(w);
}

#define SLOW_FRAMES 200u
#define SLOW_SIZE 100000u

static void on_slow(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED) env_pause(s->env, s->server, true);
    if (e->kind == ENV_CONNECTED) {
        for (uint32_t i = 0; i < SLOW_FRAMES; i++) send_frame(s, s->client, i, SLOW_SIZE);
        s->wake_ms = env_now_ms(s->env) + 20;
    }
    if (e->kind == ENV_DRAINED) {
        cr_assert_eq(e->conn, s->client);
        cr_assert_gt(s->count, 0, "nobody was reading");
        cr_assert_lt(env_queued_bytes(s->env, s->client), ENV_LOW_WATER_BYTES);
        s->count2++;
    }
    if (e->kind == ENV_FRAME) check_frame(e->buf, s->count++, SLOW_SIZE);
    if (s->count == SLOW_FRAMES && s->count2 == 1) env_stop(s->env);
}

static void unpause_later(struct shell *s)
{
    if (s->wake_ms == 0 || env_now_ms(s->env) < s->wake_ms) return;
    s->wake_ms = 0;
    cr_assert_eq(s->count, 0);
    cr_assert_gt(env_queued_bytes(s->env, s->client), ENV_LOW_WATER_BYTES);
    env_pause(s->env, s->server, false);
}

Test(world, what_a_slow_peer_does_not_take_is_queued_and_drains)
{
    struct shell s = {.on = on_slow, .each_turn = unpause_later};
    struct world *w = open_pair(&s);
    run(w, &s, 1);
    cr_assert_eq(s.count2, 1);
    world_close(w);
}

static void on_reset(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED) env_pause(s->env, s->server, true);
    if (e->kind == ENV_CONNECTED) {
        env_pause(s->env, s->client, s->count == 1);
        for (uint32_t i = 0; i < SLOW_FRAMES; i++) send_frame(s, s->client, i, SLOW_SIZE);
        s->wake_ms = env_now_ms(s->env) + 5;
    }
    if (e->kind != ENV_CLOSED) return;
    cr_assert_eq(e->conn, s->client);
    s->reason = e->reason;
    env_stop(s->env);
}

static void cut_later(struct shell *s)
{
    if (s->wake_ms == 0 || env_now_ms(s->env) < s->wake_ms) return;
    s->wake_ms = 0;
    env_close(s->env, s->server, false);
}

Test(world, a_peer_that_leaves_in_the_middle_is_a_reset)
{
    for (uint32_t is_paused = 0; is_paused < 2; is_paused++) {
        struct shell s = {.on = on_reset, .each_turn = cut_later, .count = is_paused};
        struct world *w = open_pair(&s);
        run(w, &s, 1);
        cr_expect_eq(s.reason, ENV_REASON_RESET);
        world_close(w);
    }
}

static void on_flushed(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED) {
        for (uint32_t i = 0; i < 50; i++) send_frame(s, s->server, i, SLOW_SIZE);
        env_close(s->env, s->server, true);
        cr_assert_eq(env_queued_bytes(s->env, s->server), 0, "it is gone for us");
        send_frame(s, s->server, 51, 10);
        return;
    }
    if (e->kind == ENV_FRAME) {
        cr_assert_eq(e->tag, DIALER, "no events of a connection that was closed");
        check_frame(e->buf, s->count++, SLOW_SIZE);
        send_frame(s, s->client, 0, 1000); /* Must not turn into a reset. */
    }
    if (e->kind == ENV_CLOSED) {
        cr_assert_eq(e->tag, DIALER);
        cr_assert_eq(e->reason, ENV_REASON_EOF);
        cr_assert_eq(s->count, 50);
        env_stop(s->env);
    }
}

Test(world, a_close_may_flush_first)
{
    struct shell s = {.on = on_flushed};
    struct world *w = open_pair(&s);
    run(w, &s, 1);
    cr_assert_eq(s.count, 50);
    world_close(w);
}

static void on_cut_off(struct shell *s, const struct env_event *e)
{
    if (e->kind == ENV_FRAME) {
        cr_assert_eq(e->conn, s->server);
        if (++s->count == 5) {
            env_close(s->env, s->server, false);
            s->wake_ms = env_now_ms(s->env);
        }
    }
    if (e->kind == ENV_CLOSED && e->tag == DIALER) s->count2 = 1;
    if (e->kind == ENV_CLOSED) cr_assert_eq(e->tag, DIALER);
}

static void stop_when_told(struct shell *s)
{
    if (s->count2 == 1) env_stop(s->env);
}

Test(world, no_event_of_a_closed_connection_arrives)
{
    struct shell s = {.on = on_cut_off, .each_turn = stop_when_told};
    struct world *w = open_pair(&s);
    for (uint32_t i = 0; i < 5000; i++) send_frame(&s, s.client, i, 3);
    run(w, &s, 1);
    /* Frames of the turn itself are the shell's to ignore; those of later turns are ours. */
    cr_assert_leq(s.count, ENV_EVENTS_MAX);
    world_close(w);
}

static void say_last_words(struct shell *s)
{
    if (s->server == 0) return;
    send_frame(s, s->server, 5, 300000);
    env_stop(s->env);
}

Test(world, last_words_leave_before_an_actor_ends)
{
    struct shell s = {.each_turn = say_last_words};
    struct env_endpoint at;
    struct world *w = open_listening(&s, &at);
    int out[2];
    cr_assert_eq(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(at.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&to, sizeof to) != 0) _exit(1);
        uint32_t got = 0;
        uint8_t bytes[1000];
        ssize_t n;
        while ((n = read(fd, bytes, sizeof bytes)) > 0) got += (uint32_t)n;
        _exit(write(out[1], &got, sizeof got) == sizeof got ? 0 : 1);
    }
    run(w, &s, 1);
    world_close(w);
    uint32_t got = 0;
    cr_assert_eq(read(out[0], &got, sizeof got), (ssize_t)sizeof got);
    cr_assert_eq(got, 300004);
    waitpid(child, NULL, 0);
}

/* ---- Jobs and files. ---- */

#define JOBS 3000u
#define LANES 5u

static uint32_t lane_next[LANES]; /* Touched by the lane's thread, and at the end by the test. */

struct numbered {
    struct job job;
    uint32_t number;
};

static void run_numbered(struct fs *fs, struct job *job)
{
    struct numbered *n = (void *)job;
    CHECK(fs != NULL);
    job->rc = lane_next[job->lane] == n->number ? 0 : -ERR_INVALID;
    lane_next[job->lane]++;
}

static void on_job(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_JOB_DONE) return;
    cr_assert_eq(e->job->rc, 0);
    free(e->job);
    if (++s->count == JOBS) env_stop(s->env);
}

Test(world, jobs_of_a_lane_run_in_order)
{
    struct shell s = {.on = on_job};
    struct world *w = open_world(&s, 1);
    for (uint32_t i = 0; i < JOBS; i++) {
        struct numbered *n = calloc(1, sizeof *n);
        n->job.run = run_numbered;
        n->job.lane = i % LANES;
        n->number = i / LANES;
        env_submit(s.env, &n->job);
    }
    run(w, &s, 1);
    for (uint32_t i = 0; i < LANES; i++) cr_assert_eq(lane_next[i], JOBS / LANES);
    world_close(w);
}

struct opening {
    struct job job;
    char path[64];
    struct file *file;
};

static void run_opening(struct fs *fs, struct job *job)
{
    struct opening *o = (void *)job;
    job->rc = fs->ops->open(fs, o->path, FS_READ | FS_WRITE | FS_CREATE, &o->file);
    static char digits[] = "0123456789";
    struct iovec iov = {digits, 10};
    if (job->rc == 0) job->rc = fs->ops->pwritev(fs, o->file, &iov, 1, 0);
}

static void on_opened(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_JOB_DONE) return;
    struct opening *o = (void *)e->job;
    cr_assert_eq(o->job.rc, 0);
    char back[11] = "";
    int rc = env_read_now(s->env, o->file, back, 6, 4);
    cr_assert(rc == 0 || rc == -ERR_AGAIN);
    if (rc == 0) cr_assert_str_eq(back, "456789");
    cr_assert_eq(env_read_now(s->env, o->file, back, 7, 4), -ERR_IO, "the file ends before");
    s->sum = (uint64_t)o->file->fd;
    env_file_unref(s->env, o->file);
    env_stop(s->env);
}

Test(world, a_file_comes_home_and_its_last_reference_closes_it)
{
    struct shell s = {.on = on_opened};
    struct world *w = open_world(&s, 1);
    struct opening o = {.job.run = run_opening, .path = "/tmp/test_world.XXXXXX"};
    close(mkstemp(o.path));
    env_submit(s.env, &o.job);
    run(w, &s, 1);
    world_close(w);
    unlink(o.path);
    cr_assert_gt(s.sum, 2);
    cr_assert_eq(fcntl((int)s.sum, F_GETFD), -1, "it is closed");
}

/* ---- Actors. ---- */

#define POSTS 2000u

struct ball {
    struct post post;
    uint32_t number;
};

static void on_ball(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_POSTED) return;
    struct ball *ball = (void *)e->post;
    if (!e->post->is_back) {
        if (e->post->link.kind == 1) { /* All is done. */
            env_give_back(s->env, e->post);
            env_stop(s->env);
            return;
        }
        cr_assert_eq(e->post->home, 0);
        ball->number += 1000000 * s->env->actor;
        env_give_back(s->env, e->post);
        return;
    }
    cr_assert_eq(s->env->actor, 0);
    if (e->post->link.kind == 1) {
        free(ball);
        if (++s->count2 == 2) env_stop(s->env);
        return;
    }
    s->sum += ball->number / 1000000;
    free(ball);
    if (++s->count < 3 * POSTS) return;
    for (uint32_t to = 1; to < 3; to++) {
        struct ball *last = calloc(1, sizeof *last);
        last->post.link.kind = 1;
        env_post(s->env, to, &last->post);
    }
}

Test(world, posts_come_home_from_every_actor)
{
    struct shell s[3] = {{.on = on_ball}, {.on = on_ball}, {.on = on_ball}};
    struct world *w = open_world(s, 3);
    for (uint32_t i = 0; i < POSTS; i++) {
        for (uint32_t to = 0; to < 3; to++) { /* To itself too. */
            struct ball *ball = calloc(1, sizeof *ball);
            ball->number = i;
            env_post(s[0].env, to, &ball->post);
        }
    }
    run(w, s, 3);
    cr_assert_eq(s[0].count, 3 * POSTS);
    cr_assert_eq(s[0].sum, POSTS * (1 + 2));
    world_close(w);
}

static void tick(struct shell *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    if (s->wake_ms != 0) {
        cr_assert_geq(now_ms, s->wake_ms, "never early without an event");
        cr_assert_lt(now_ms, s->wake_ms + 5000);
        s->count++;
    }
    s->wake_ms = now_ms + s->count % 4;
    if (s->count == 40) env_stop(s->env);
}

Test(world, a_deadline_is_kept)
{
    struct shell s = {.each_turn = tick};
    struct world *w = open_world(&s, 1);
    uint64_t began_ms = env_clock_ms(s.env);
    run(w, &s, 1);
    cr_assert_geq(env_clock_ms(s.env) - began_ms, 40 * 6 / 4 - 2);
    struct env_counters c;
    env_counters(s.env, &c);
    cr_assert_eq(c.turns, 41, "no turn without a reason");
    world_close(w);
}

static void on_stop(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_STOP) return;
    cr_assert_eq(s->count, 0, "only once");
    s->count++;
    raise(SIGINT); /* A second one while stopping. */
    s->wake_ms = env_now_ms(s->env) + 20;
}

static void stop_later(struct shell *s)
{
    if (s->count == 0 && s->env->actor == 0 && s->count2++ == 0) raise(SIGTERM);
    if (s->wake_ms != 0 && env_now_ms(s->env) >= s->wake_ms) env_stop(s->env);
}

Test(world, a_signal_asks_every_actor_to_stop)
{
    struct shell s[3];
    for (int i = 0; i < 3; i++) s[i] = (struct shell){.on = on_stop, .each_turn = stop_later};
    struct world *w = open_world(s, 3);
    run(w, s, 3);
    for (int i = 0; i < 3; i++) cr_assert_eq(s[i].count, 1);
    world_close(w);
}

static void halt_now(struct shell *s)
{
    log_error(s->env, "the line before, of a %s", "stranger\nwith lines");
    env_halt(s->env, "the disk is gone");
}

Test(world, a_halt_ends_the_process_and_says_why)
{
    int out[2];
    cr_assert_eq(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        struct shell s[2] = {{0}, {.each_turn = halt_now}};
        struct world *w = open_world(s, 2);
        run(w, s, 2);
        _exit(0);
    }
    close(out[1]);
    char text[1000] = "";
    size_t size = 0;
    ssize_t n;
    while ((n = read(out[0], text + size, sizeof text - 1 - size)) > 0) size += (size_t)n;
    int status = 0;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), WORLD_HALT_STATUS);
    const char *line = strstr(text, "ERROR [test] the line before, of a stranger?with lines\n");
    cr_assert_not_null(line, "%s", text);
    cr_assert_eq(text[10], 'T');
    cr_assert_eq(text[23], 'Z');
    cr_assert_str_eq(strchr(line, '\n') + 1, "FATAL: the disk is gone\n");
}

/* ---- HTTP. ---- */

static void on_http(struct shell *s, const struct env_event *e)
{
    if (e->kind != ENV_HTTP) return;
    s->count++;
    cr_assert_eq(e->tag, LISTENER);
    cr_assert_str_eq(e->address, "/health");
    env_http_answer(s->env, e->http_id, 200, "text/plain", slice_of_text("in health\n"));
    env_http_answer(s->env, e->http_id, 500, "text/plain", slice_of_text("twice\n"));
}

static void ask_http(struct shell *s)
{
    int *fd = s->own;
    static char text[2000];
    s->wake_ms = env_now_ms(s->env) + 1;
    if (*fd < 0) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(s->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        *fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(*fd, (void *)&to, sizeof to), 0);
        const char *request = "GET /health?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        cr_assert_eq(write(*fd, request, strlen(request)), (ssize_t)strlen(request));
    }
    ssize_t n = recv(*fd, text + s->sum, sizeof text - 1 - s->sum, MSG_DONTWAIT);
    if (n > 0) s->sum += (uint64_t)n;
    if (n != 0) return;
    cr_assert_eq(strncmp(text, "HTTP/1.1 200", 12), 0, "%s", text);
    cr_assert_not_null(strstr(text, "\r\n\r\nin health\n"));
    env_stop(s->env);
}

Test(world, http_requests_are_events)
{
    int fd = -1;
    struct shell s = {.on = on_http, .each_turn = ask_http, .own = &fd, .port = free_port()};
    struct world *w = open_world(&s, 1);
    struct env_endpoint at = endpoint("127.0.0.1", s.port, LISTENER);
    at.is_http = true;
    cr_assert_eq(env_listen(s.env, &at), 0);
    run(w, &s, 1);
    cr_assert_eq(s.count, 1);
    world_close(w);
    close(fd);
}
