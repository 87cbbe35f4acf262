#include "common/shard.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/admission.h"
#include "common/check.h"
#include "common/sock_open.h"
#include "common/sock_out.h"

#define FLUSH_MS 1000
#define RETRY_MS 1 /* After a lane to another actor was full. */
#define HANDED_KIND UINT32_MAX /* Of a message between the actors' worlds, not their shells. */

/* ---- What the actors share. ---- */

struct listening {
    struct listening *next;
    char host[ENV_HOST_MAX];
    uint16_t port;
    int fd;
    uint64_t actors; /* Bit i: actor i has it. */
};

struct shared {
    pthread_mutex_t lock;
    struct listening *listening;
    struct admission admission;
    uint32_t connections[ENV_ACTORS_MAX]; /* Of each actor, of those that were accepted. */
};

struct shared *shared_open(uint32_t connection_max, uint32_t connection_max_per_address,
                           uint64_t seed)
{
    struct shared *shared = calloc(1, sizeof *shared);
    CHECK(shared != NULL);
    CHECK(pthread_mutex_init(&shared->lock, NULL) == 0);
    shared->admission.max = connection_max;
    shared->admission.max_per_address = connection_max_per_address;
    shared->admission.seed = seed;
    return shared;
}

void shared_close(struct shared *shared)
{
    while (shared->listening != NULL) {
        struct listening *l = shared->listening;
        shared->listening = l->next;
        (void)close(l->fd);
        free(l);
    }
    admission_close(&shared->admission);
    (void)pthread_mutex_destroy(&shared->lock);
    free(shared);
}

static struct listening *find_listening(const struct shared *shared, const struct env_endpoint *at)
{
    struct listening *l = shared->listening;
    while (l != NULL && (l->port != at->port || strcmp(l->host, at->host) != 0)) l = l->next;
    return l;
}

static int share_listener(struct shared *shared, uint32_t actor, const struct env_endpoint *at,
                          int *fd, const struct listening **place)
{
    struct listening *l = find_listening(shared, at);
    if (l != NULL && (l->actors & 1ull << actor) != 0) return -ERR_BUSY;
    if (l == NULL) {
        int bound = -1;
        int rc = sock_bind(at, &bound);
        if (rc != 0) return rc;
        l = calloc(1, sizeof *l);
        CHECK(l != NULL);
        memcpy(l->host, at->host, sizeof l->host);
        l->port = at->port;
        l->fd = bound;
        l->next = shared->listening;
        shared->listening = l;
    }
    *fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    if (*fd < 0) return -ERR_LIMIT;
    l->actors |= 1ull << actor;
    *place = l;
    return 0;
}

int shared_listener(struct shared *shared, uint32_t actor, const struct env_endpoint *at, int *fd,
                    const struct listening **place)
{
    CHECK(pthread_mutex_lock(&shared->lock) == 0);
    int rc = share_listener(shared, actor, at, fd, place);
    CHECK(pthread_mutex_unlock(&shared->lock) == 0);
    return rc;
}

static uint32_t least_busy(const struct shared *shared, const struct listening *place)
{
    uint32_t least = ENV_ACTORS_MAX;
    for (uint64_t rest = place->actors; rest != 0; rest &= rest - 1) {
        uint32_t actor = (uint32_t)__builtin_ctzll(rest);
        if (least == ENV_ACTORS_MAX || shared->connections[actor] < shared->connections[least]) {
            least = actor;
        }
    }
    CHECK(least < ENV_ACTORS_MAX);
    return least;
}

int shared_enter(struct shared *shared, const struct listening *place, const uint8_t ip[16])
{
    CHECK(pthread_mutex_lock(&shared->lock) == 0);
    int rc = admission_enter(&shared->admission, ip);
    if (rc == 0) {
        rc = (int)least_busy(shared, place);
        shared->connections[rc]++;
    }
    CHECK(pthread_mutex_unlock(&shared->lock) == 0);
    return rc;
}

void shared_leave(struct shared *shared, uint32_t actor, const uint8_t ip[16])
{
    CHECK(pthread_mutex_lock(&shared->lock) == 0);
    CHECK(shared->connections[actor] > 0);
    shared->connections[actor]--;
    admission_leave(&shared->admission, ip);
    CHECK(pthread_mutex_unlock(&shared->lock) == 0);
}

/* ---- A turn. ---- */

struct closing_file {
    struct job job;
    struct file *file;
};

static void run_close(struct fs *fs, struct job *job)
{
    struct closing_file *c = (struct closing_file *)(void *)job;
    fs->ops->close(fs, c->file);
    c->file = NULL;
}

void shard_close_file(struct shard *s, struct file *file)
{
    struct closing_file *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->job.run = run_close;
    c->file = file;
    s->socks.hooks.submit_odd(s->socks.hooks.arg, &c->job);
}

static void take_jobs(struct shard *s)
{
    while (!inbox_is_full(&s->inbox)) {
        struct job *job = disk_get(s->world->disk, s->env.actor);
        if (job == NULL) return;
        if (job->run == run_close) {
            free(job);
        } else if (!sock_on_job(&s->socks, job)) {
            s->counters.jobs++;
            inbox_add(&s->inbox, ENV_JOB_DONE)->job = job;
        }
    }
    s->is_more = true;
}

void shard_hand_over(struct shard *s, uint32_t actor, struct handed *handed)
{
    handed->post.link.kind = HANDED_KIND;
    handed->post.home = s->env.actor;
    TAILQ_INSERT_TAIL(&s->handed, handed, link);
    lane_put(&shard_box(s->world, s->env.actor, actor)->there, &handed->post.link);
    s->ring_actors |= 1ull << actor;
}

static void on_handed(struct shard *s, struct handed *handed)
{
    uint32_t home = handed->post.home;
    if (home == s->env.actor) {
        TAILQ_REMOVE(&s->handed, handed, link);
        free(handed);
        return;
    }
    sock_take(&s->socks, handed);
    handed->is_taken = true;
    lane_put(&shard_box(s->world, home, s->env.actor)->back, &handed->post.link);
    s->ring_actors |= 1ull << home;
}

void shard_drop_handed(struct shard *s)
{
    struct handed *handed;
    while ((handed = TAILQ_FIRST(&s->handed)) != NULL) {
        TAILQ_REMOVE(&s->handed, handed, link);
        if (!handed->is_taken) (void)close(handed->fd);
        free(handed);
    }
}

static void take_posts(struct shard *s, struct lane *lane)
{
    while (!inbox_is_full(&s->inbox)) {
        struct message *m = lane_get(lane);
        if (m == NULL) return;
        if (m->kind == HANDED_KIND) {
            on_handed(s, (struct handed *)(void *)m);
            continue;
        }
        s->counters.posts++;
        inbox_add(&s->inbox, ENV_POSTED)->post = (struct post *)(void *)m;
    }
    s->is_more = true;
}

static void take_mail(struct shard *s)
{
    const struct world *w = s->world;
    uint32_t me = s->env.actor;
    s->is_more = false;
    take_jobs(s);
    for (uint32_t other = 0; other < w->actor_count; other++) {
        if (other == me) continue;
        take_posts(s, &shard_box(w, other, me)->there);
        take_posts(s, &shard_box(w, me, other)->back);
    }
}

void shard_finish_jobs(struct world *w)
{
    uint64_t moved = 0;
    do {
        disk_start(w->disk);
        disk_stop(w->disk);
        moved = 0;
        for (uint32_t i = 0; i < w->actor_count; i++) {
            struct job *job;
            while ((job = disk_get_stopped(w->disk, i)) != NULL) {
                if (job->run == run_close) {
                    free(job);
                } else {
                    MAYBE(sock_on_job(&w->shards[i].socks, job));
                }
            }
            moved |= disk_flush(w->disk, i);
        }
    } while (moved != 0);
}

/* True if it moved something, or tried to and there is more. */
static bool move_along(struct lane *lane, bool *waiting)
{
    if (lane->waiting_first == NULL) return false;
    if (!lane_flush(lane)) *waiting = true;
    return true;
}

/* Moves along what did not fit into a lane. True if an actor's lane is still full. */
static bool flush_mail(struct shard *s)
{
    const struct world *w = s->world;
    uint32_t me = s->env.actor;
    bool waiting = false;
    s->ring_io_threads |= disk_flush(w->disk, me);
    for (uint32_t other = 0; other < w->actor_count; other++) {
        if (other == me) continue;
        bool moved = move_along(&shard_box(w, me, other)->there, &waiting);
        moved = move_along(&shard_box(w, other, me)->back, &waiting) || moved;
        if (moved) s->ring_actors |= 1ull << other;
    }
    return waiting;
}

static void ring_bells(struct shard *s)
{
    while (s->ring_actors != 0) {
        int actor = __builtin_ctzll(s->ring_actors);
        s->ring_actors &= s->ring_actors - 1;
        loop_ring(s->world->bells[actor], LOOP_RING_WORK);
    }
    while (s->ring_io_threads != 0) {
        int thread = __builtin_ctzll(s->ring_io_threads);
        s->ring_io_threads &= s->ring_io_threads - 1;
        disk_ring(s->world->disk, (uint32_t)thread);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait_for_events(struct shard *s)
{
    bool is_stuck = flush_mail(s);
    ring_bells(s);
    uint64_t now_ms = s->env.now_ms;
    uint64_t until_ms = earlier(s->deadline_ms, sock_on_time(&s->socks, now_ms));
    /* A full lane is emptied by its reader, which does not tell. (Those of the I/O threads do: they
     * give the jobs back.) */
    if (is_stuck) until_ms = earlier(until_ms, now_ms + RETRY_MS);
    if (s->is_more || !inbox_is_empty(&s->inbox) || until_ms <= now_ms) until_ms = 0;
    loop_wait(s->loop, until_ms);
    s->env.now_ms = loop_clock_ms();
}

static void take_turn(struct shard *s)
{
    wait_for_events(s);
    if (loop_take_stop(s->loop) && !s->is_stop_told) {
        s->is_stop_told = true;
        inbox_add(&s->inbox, ENV_STOP);
    }
    take_mail(s);
    (void)sock_on_time(&s->socks, s->env.now_ms);
    if (inbox_is_empty(&s->inbox) && s->env.now_ms < s->deadline_ms) return;

    uint32_t count = 0;
    const struct env_event *events = inbox_take(&s->inbox, &count);
    CHECK(count <= ENV_EVENTS_MAX);
    s->counters.turns++;
    s->deadline_ms = s->turn(s->actor, events, count);
    sock_out_flush(&s->socks);
}

/* What the shell has said last should still leave. */
static void say_goodbye(struct shard *s)
{
    uint64_t until_ms = loop_clock_ms() + FLUSH_MS;
    while (!sock_out_is_idle(&s->socks) && s->env.now_ms < until_ms) {
        sock_out_flush(&s->socks);
        uint32_t count = ENV_EVENTS_MAX;
        while (count > 0) { /* Nobody is there to see them. */
            const struct env_event *events = inbox_take(&s->inbox, &count);
            for (uint32_t i = 0; i < count; i++) {
                if (events[i].kind == ENV_FRAME) buf_unref(events[i].buf);
            }
        }
        if (sock_out_is_idle(&s->socks)) break;
        loop_wait(s->loop, until_ms);
        s->env.now_ms = loop_clock_ms();
    }
    (void)flush_mail(s);
    ring_bells(s);
}

static void *shard_main(void *arg)
{
    struct shard *s = arg;
    s->env.now_ms = loop_clock_ms();
    s->deadline_ms = 0; /* The first turn comes at once. */
    while (!s->is_stopped) take_turn(s);
    say_goodbye(s);
    return NULL;
}

/* ---- The process. ---- */

struct signals {
    struct world *world;
    int fd;
};

static void on_signal(void *arg)
{
    struct signals *signals = arg;
    struct signalfd_siginfo info;
    ssize_t n = read(signals->fd, &info, sizeof info);
    if (n != sizeof info) return;
    for (uint32_t i = 0; i < signals->world->actor_count; i++) {
        loop_ring(signals->world->bells[i], LOOP_RING_STOP);
    }
}

int shard_run_all(struct world *w, env_turn_fn *const turns[], void *const actors[])
{
    /* Blocked in every thread that is made from here on; the first actor reads them. */
    sigset_t stop;
    sigset_t before;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    CHECK(pthread_sigmask(SIG_BLOCK, &stop, &before) == 0);
    struct signals signals = {.world = w, .fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC)};
    CHECK(signals.fd >= 0);
    struct watch *watch =
        watch_open(w->shards[0].loop, signals.fd, WATCH_READ, on_signal, &signals);
    watch_set(watch, true);

    pthread_t threads[ENV_ACTORS_MAX];
    disk_start(w->disk);
    for (uint32_t i = 0; i < w->actor_count; i++) {
        w->shards[i].turn = turns[i];
        w->shards[i].actor = actors[i];
        if (i == 0) continue;
        CHECK(pthread_create(&threads[i], NULL, shard_main, &w->shards[i]) == 0);
        char name[24];
        (void)snprintf(name, sizeof name, "actor-%u", i);
        (void)pthread_setname_np(threads[i], name);
    }
    (void)shard_main(&w->shards[0]);
    for (uint32_t i = 1; i < w->actor_count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    disk_stop(w->disk);

    watch_close(watch);
    (void)close(signals.fd);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return 0;
}
