#include "common/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/check.h"
#include "common/loop.h"
#include "common/rescue.h"
#include "common/shard.h"
#include "common/sock_in.h"
#include "common/sock_open.h"
#include "common/sock_out.h"
#include "common/textlog.h"

#define INBOUND_BYTES_MAX (1024ull * 1024 * 1024)

/* ---- The operations of struct env. ---- */

static uint64_t real_clock_ms(struct env *env)
{
    (void)env;
    return loop_clock_ms();
}

static int64_t real_wall_ms(struct env *env)
{
    (void)env;
    return loop_wall_ms();
}

static void fill_random(void *to, size_t size)
{
    uint8_t *at = to;
    while (size > 0) {
        ssize_t n = getrandom(at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        CHECK(n > 0);
        at += n;
        size -= (size_t)n;
    }
}

static void real_random(struct env *env, void *to, size_t size)
{
    (void)env;
    fill_random(to, size);
}

static int real_listen(struct env *env, const struct env_endpoint *at)
{
    struct shard *s = shard_of(env);
    if (!at->is_http) return sock_listen(&s->socks, at);
    int fd = -1;
    const struct listening *place;
    int rc = shared_listener(s->world->shared, env->actor, at, &fd, &place);
    if (rc != 0) return rc;
    if (s->http == NULL) s->http = http_in_open(s->loop, &s->inbox, &s->counters);
    http_in_listen(s->http, fd, at->tag);
    return 0;
}

static uint64_t real_dial(struct env *env, const struct env_endpoint *to)
{
    return sock_dial(&shard_of(env)->socks, to);
}

static void real_send(struct env *env, uint64_t conn, const struct env_piece *pieces,
                      uint32_t count)
{
    sock_out_add(&shard_of(env)->socks, conn, pieces, count);
}

static uint64_t real_queued_bytes(struct env *env, uint64_t conn)
{
    const struct conn *c = sock_find(&shard_of(env)->socks, conn);
    return c == NULL ? 0 : c->out_bytes;
}

static void real_pause(struct env *env, uint64_t conn, bool pause)
{
    struct conn *c = sock_find(&shard_of(env)->socks, conn);
    if (c != NULL) sock_in_pause(c, pause);
}

static void real_frame_max(struct env *env, uint64_t conn, uint32_t frame_max_bytes)
{
    struct conn *c = sock_find(&shard_of(env)->socks, conn);
    if (c != NULL) c->in.frame_max = frame_max_bytes;
}

static void real_local_address(struct env *env, uint64_t conn, char *host, size_t size)
{
    CHECK(size > 0);

    host[0] = '\0';
    const struct conn *c = sock_find(&shard_of(env)->socks, conn);
    if (c == NULL || c->fd < 0) return;
    struct sockaddr_storage here = {0};
    socklen_t here_size = sizeof here;
    if (getsockname(c->fd, (void *)&here, &here_size) != 0) return;
    sock_address_text(&here, false, host, size);
}

static void real_close(struct env *env, uint64_t conn, bool flush_first)
{
    struct conn *c = sock_find(&shard_of(env)->socks, conn);
    if (c != NULL) sock_out_close(c, flush_first);
}

static void real_http_answer(struct env *env, uint64_t http_id, int status,
                             const char *content_type, struct slice body)
{
    struct shard *s = shard_of(env);
    if (s->http != NULL) http_in_answer(s->http, http_id, status, content_type, body);
}

static void submit_to(struct shard *s, uint32_t thread, struct job *job)
{
    disk_put(s->world->disk, s->env.actor, thread, job);
    s->ring_io_threads |= 1ull << thread;
}

static void real_submit(struct env *env, struct job *job)
{
    struct shard *s = shard_of(env);
    submit_to(s, disk_thread_of(s->world->disk, job->lane), job);
}

static int real_read_now(struct env *env, struct file *file, void *to, size_t size, uint64_t at)
{
    struct shard *s = shard_of(env);
    struct iovec iov = {.iov_base = to, .iov_len = size};
    while (iov.iov_len > 0) {
        int flags = s->is_buffered_only ? 0 : RWF_NOWAIT;
        ssize_t n = preadv2(file->fd, &iov, 1, (off_t)at, flags);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return -ERR_AGAIN;
        if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) && !s->is_buffered_only) {
            /* Then it waits sometimes; that is better than never reading. */
            s->is_buffered_only = true;
            continue;
        }
        if (n <= 0) return -ERR_IO;
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

static void real_file_unref(struct env *env, struct file *file)
{
    CHECK(file->refs > 0);

    /* Closing may wait for a disk. */
    if (--file->refs == 0) shard_close_file(shard_of(env), file);
}

static void real_revoke(struct env *env, const struct file *file)
{
    sock_out_revoke(&shard_of(env)->socks, file);
}

static void send_post(struct shard *s, uint32_t to, struct lane *lane, struct post *post)
{
    if (to == s->env.actor) {
        s->counters.posts++;
        inbox_add(&s->inbox, ENV_POSTED)->post = post;
        return;
    }
    lane_put(lane, &post->link);
    s->ring_actors |= 1ull << to;
}

static void real_post(struct env *env, uint32_t to, struct post *post)
{
    struct shard *s = shard_of(env);
    CHECK(to < env->actor_count);

    post->home = env->actor;
    post->is_back = false;
    send_post(s, to, &shard_box(s->world, env->actor, to)->there, post);
}

static void real_give_back(struct env *env, struct post *post)
{
    struct shard *s = shard_of(env);
    CHECK(post->home < env->actor_count);
    CHECK(!post->is_back);

    post->is_back = true;
    send_post(s, post->home, &shard_box(s->world, post->home, env->actor)->back, post);
}

static void real_log(struct env *env, enum log_level level, const char *text)
{
    textlog_write(level, shard_of(env)->world->log_prefix, loop_wall_ms(), text);
}

static void real_halt(struct env *env, const char *why)
{
    (void)env;
    textlog_fatal(why);
    rescue_write();
    _exit(WORLD_HALT_STATUS);
}

static void real_stop(struct env *env)
{
    shard_of(env)->is_stopped = true;
}

static void real_counters(struct env *env, struct env_counters *out)
{
    *out = shard_of(env)->counters;
}

static void real_rescue(struct env *env, const char *path, const void *base, size_t size)
{
    (void)env;
    rescue_add(path, base, size);
}

static const struct env_ops real_ops = {
    .clock_ms = real_clock_ms,
    .wall_ms = real_wall_ms,
    .random = real_random,
    .listen = real_listen,
    .dial = real_dial,
    .send = real_send,
    .queued_bytes = real_queued_bytes,
    .pause = real_pause,
    .frame_max = real_frame_max,
    .local_address = real_local_address,
    .close = real_close,
    .http_answer = real_http_answer,
    .submit = real_submit,
    .read_now = real_read_now,
    .file_unref = real_file_unref,
    .revoke = real_revoke,
    .post = real_post,
    .give_back = real_give_back,
    .log = real_log,
    .halt = real_halt,
    .stop = real_stop,
    .counters = real_counters,
    .rescue = real_rescue,
};

/* ---- What the connections ask of the process. ---- */

static int hook_listener(void *arg, const struct env_endpoint *at, int *fd,
                         const struct listening **place)
{
    struct shard *s = arg;
    return shared_listener(s->world->shared, s->env.actor, at, fd, place);
}

static int hook_enter(void *arg, const struct listening *place, const uint8_t ip[16])
{
    struct shard *s = arg;
    return shared_enter(s->world->shared, place, ip);
}

static void hook_leave(void *arg, const uint8_t ip[16])
{
    struct shard *s = arg;
    shared_leave(s->world->shared, s->env.actor, ip);
}

static void hook_hand_over(void *arg, uint32_t actor, struct handed *handed)
{
    shard_hand_over(arg, actor, handed);
}

static void hook_submit_odd(void *arg, struct job *job)
{
    struct shard *s = arg;
    submit_to(s, disk_odd_thread(s->world->disk), job);
}

/* ---- The process. ---- */

/* Each connection and each open segment is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

uint32_t world_descriptors_max(void)
{
    struct rlimit limit;
    raise_descriptor_limit();
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    return limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur;
}

static void open_shard(struct world *w, uint32_t actor, const struct world_options *options)
{
    struct shard *s = &w->shards[actor];
    s->env = (struct env){.ops = &real_ops,
                          .actor = actor,
                          .actor_count = w->actor_count,
                          .now_ms = loop_clock_ms(),
                          .log_min = options->log_min};
    s->world = w;
    TAILQ_INIT(&s->handed);
    s->loop = loop_open();
    w->bells[actor] = loop_bell(s->loop);
    const struct sock_hooks hooks = {.arg = s,
                                     .listener = hook_listener,
                                     .enter = hook_enter,
                                     .leave = hook_leave,
                                     .hand_over = hook_hand_over,
                                     .submit_odd = hook_submit_odd};
    socks_init(&s->socks, &s->env, s->loop, &s->inbox, &s->counters, &hooks);
    s->socks.in_held_max =
        options->inbound_bytes_max > 0 ? options->inbound_bytes_max : INBOUND_BYTES_MAX;
}

struct world *world_open(const struct world_options *options)
{
    CHECK(options->actor_count <= ENV_ACTORS_MAX);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
    raise_descriptor_limit();
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    (void)snprintf(w->log_prefix, sizeof w->log_prefix, "%s",
                   options->log_prefix == NULL ? "jackdaw" : options->log_prefix);
    w->actor_count = options->actor_count == 0 ? 1 : options->actor_count;
    uint64_t seed;
    fill_random(&seed, sizeof seed);
    w->shared = shared_open(options->connection_max, options->connection_max_per_address, seed);
    size_t box_count = (size_t)w->actor_count * w->actor_count;
    w->boxes = aligned_alloc(64, box_count * sizeof *w->boxes);
    w->bells = calloc(w->actor_count, sizeof *w->bells);
    w->shards = calloc(w->actor_count, sizeof *w->shards);
    CHECK(w->boxes != NULL && w->bells != NULL && w->shards != NULL);
    memset(w->boxes, 0, box_count * sizeof *w->boxes);
    for (uint32_t i = 0; i < w->actor_count; i++) open_shard(w, i, options);
    uint32_t io_thread_count = options->io_thread_count == 0 ? 2 : options->io_thread_count;
    uint32_t background_count = options->background_count == 0 ? 1 : options->background_count;
    w->disk = disk_open(io_thread_count, background_count, w->actor_count, w->bells);
    return w;
}

struct env *world_env(struct world *world, uint32_t actor)
{
    CHECK(actor < world->actor_count);

    return &world->shards[actor].env;
}

int world_run(struct world *world, env_turn_fn *const turns[], void *const actors[])
{
    return shard_run_all(world, turns, actors);
}

void world_close(struct world *world)
{
    if (world == NULL) return;
    /* Connections first: they give files up, which the I/O threads close. */
    for (uint32_t i = 0; i < world->actor_count; i++) {
        struct shard *s = &world->shards[i];
        shard_drop_handed(s);
        http_in_close(s->http);
        sock_listeners_close(&s->socks);
        inbox_close(&s->inbox);
        socks_close(&s->socks);
    }
    shard_finish_jobs(world);
    for (uint32_t i = 0; i < world->actor_count; i++) loop_close(world->shards[i].loop);
    disk_close(world->disk);
    shared_close(world->shared);
    free(world->bells);
    free(world->boxes);
    free(world->shards);
    free(world);
}
