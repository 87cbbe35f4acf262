/* Several actors that listen on one port: each gets its share of the connections, whoever accepts
 * them. Run under ThreadSanitizer too. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/world.h"

#define ACTORS 3u
#define CONNECTIONS 30u
#define TAG_LISTEN 1u
#define TAG_DIAL 2u

/* The first dials all of them; each of the others is told by a frame that it may end. */
struct actor {
    struct env *env;
    uint16_t port;
    bool has_begun;
    uint32_t accepted;
    uint32_t echoed; /* The first's: answers that came back. */
    struct post ends[ACTORS];
    uint32_t ends_out;
    bool is_ending;
};

static void send_one(struct env *env, uint64_t conn)
{
    static const uint8_t frame[5] = {0, 0, 0, 1, '!'};
    struct buf *bytes = buf_of(slice_of(frame, sizeof frame));
    env_send(env, conn, &(struct env_piece){.buf = bytes, .size = bytes->size}, 1);
}

static struct env_endpoint at_port(uint16_t port, uint32_t tag)
{
    struct env_endpoint at = {.port = port, .tag = tag, .frame_max_bytes = 1000};
    (void)snprintf(at.host, sizeof at.host, "127.0.0.1");
    return at;
}

static void on_event(struct actor *a, const struct env_event *e)
{
    if (e->kind == ENV_ACCEPTED) a->accepted++;
    if (e->kind == ENV_CONNECTED) send_one(a->env, e->conn);
    if (e->kind == ENV_FRAME && e->tag == TAG_LISTEN) send_one(a->env, e->conn);
    if (e->kind == ENV_FRAME && e->tag == TAG_DIAL) a->echoed++;
    if (e->kind == ENV_FRAME) buf_unref(e->buf);
    if (e->kind != ENV_POSTED) return;
    if (e->post->is_back) {
        a->ends_out--;
    } else {
        env_give_back(a->env, e->post);
        env_stop(a->env);
    }
}

static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct actor *a = actor;
    for (uint32_t i = 0; i < count; i++) on_event(a, &events[i]);
    if (a->env->actor > 0) return ENV_NEVER;

    struct env_endpoint to = at_port(a->port, TAG_DIAL);
    for (uint32_t i = 0; i < CONNECTIONS && !a->has_begun; i++) (void)env_dial(a->env, &to);
    a->has_begun = true;
    if (a->echoed < CONNECTIONS) return ENV_NEVER;
    for (uint32_t i = 1; i < ACTORS && !a->is_ending; i++) {
        a->ends_out++;
        env_post(a->env, i, &a->ends[i]);
    }
    a->is_ending = true;
    if (a->ends_out == 0) env_stop(a->env);
    return ENV_NEVER;
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (void *)&at, sizeof at), 0);
    cr_assert_eq(getsockname(fd, (void *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

Test(spread, connections_are_shared_out_evenly)
{
    struct world *w = world_open(&(struct world_options){.actor_count = ACTORS});
    struct actor actors[ACTORS] = {0};
    env_turn_fn *turns[ACTORS];
    void *all[ACTORS];
    uint16_t port = free_port();
    struct env_endpoint at = at_port(port, TAG_LISTEN);
    for (uint32_t i = 0; i < ACTORS; i++) {
        actors[i].env = world_env(w, i);
        actors[i].port = port;
        cr_assert_eq(env_listen(actors[i].env, &at), 0);
        turns[i] = turn;
        all[i] = &actors[i];
    }
    cr_assert_eq(world_run(w, turns, all), 0);
    for (uint32_t i = 0; i < ACTORS; i++) cr_assert_eq(actors[i].accepted, CONNECTIONS / ACTORS);
    world_close(w);
}
