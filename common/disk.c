#include "common/disk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/check.h"
#include "common/fs_real.h"
#include "common/loop.h"

#define STACK_BYTES (1024 * 1024)
#define RETRY_MS 1

struct io_thread {
    struct disk *disk;
    pthread_t id;
    int bell;
    bool is_running;
    struct mailbox *boxes; /* One per actor. */
};

struct disk {
    struct io_thread *threads; /* The last ones: for background jobs, and one for odd jobs. */
    uint32_t thread_count;
    uint32_t background_count;
    uint32_t actor_count;
    const int *bells;
};

static struct job *job_of(struct message *m)
{
    return (struct job *)(void *)m; /* The link is its first member. */
}

/* One job of each actor, so that none starves. True if there was any. */
static bool run_round(struct io_thread *t)
{
    bool did = false;
    for (uint32_t actor = 0; actor < t->disk->actor_count; actor++) {
        struct message *m = lane_get(&t->boxes[actor].there);
        if (m == NULL) continue;
        struct job *job = job_of(m);
        job->run(fs_real(), job);
        lane_put(&t->boxes[actor].back, m);
        loop_ring(t->disk->bells[actor], LOOP_RING_WORK);
        did = true;
    }
    return did;
}

/* True if an actor has not taken enough for everything to fit. */
static bool flush_back(struct io_thread *t)
{
    bool waiting = false;
    for (uint32_t actor = 0; actor < t->disk->actor_count; actor++) {
        struct lane *lane = &t->boxes[actor].back;
        if (lane->waiting_first == NULL) continue;
        if (!lane_flush(lane)) waiting = true;
        loop_ring(t->disk->bells[actor], LOOP_RING_WORK);
    }
    return waiting;
}

static void *thread_main(void *arg)
{
    struct io_thread *t = arg;
    bool stop = false;
    for (;;) {
        while (run_round(t)) MAYBE(stop);
        if (stop) return NULL;
        bool waiting = flush_back(t);
        struct pollfd p = {.fd = t->bell, .events = POLLIN};
        int rc = poll(&p, 1, waiting ? RETRY_MS : -1);
        CHECK(rc >= 0 || errno == EINTR);
        uint64_t what = 0;
        ssize_t n = read(t->bell, &what, sizeof what);
        if (n == sizeof what && what >= LOOP_RING_STOP) stop = true;
    }
}

struct disk *disk_open(uint32_t thread_count, uint32_t background_count, uint32_t actor_count,
                       const int *bells)
{
    CHECK(thread_count > 0 && background_count > 0);
    CHECK(background_count <= ENV_BACKGROUNDS_MAX);
    CHECK(thread_count + background_count + 1 <= DISK_THREADS_MAX);
    CHECK(actor_count > 0);

    struct disk *d = calloc(1, sizeof *d);
    CHECK(d != NULL);
    d->thread_count = thread_count + background_count + 1;
    d->background_count = background_count;
    d->actor_count = actor_count;
    d->bells = bells;
    d->threads = calloc(d->thread_count, sizeof *d->threads);
    CHECK(d->threads != NULL);
    for (uint32_t i = 0; i < d->thread_count; i++) {
        struct io_thread *t = &d->threads[i];
        t->disk = d;
        t->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK(t->bell >= 0);
        t->boxes = aligned_alloc(64, actor_count * sizeof *t->boxes);
        CHECK(t->boxes != NULL);
        memset(t->boxes, 0, actor_count * sizeof *t->boxes);
    }
    return d;
}

void disk_start(struct disk *d)
{
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setstacksize(&attr, STACK_BYTES) == 0);
    for (uint32_t i = 0; i < d->thread_count; i++) {
        struct io_thread *t = &d->threads[i];
        CHECK(!t->is_running);
        CHECK(pthread_create(&t->id, &attr, thread_main, t) == 0);
        char name[24];
        (void)snprintf(name, sizeof name, "io-%u", i);
        (void)pthread_setname_np(t->id, name);
        t->is_running = true;
    }
    (void)pthread_attr_destroy(&attr);
}

void disk_stop(struct disk *d)
{
    for (uint32_t i = 0; i < d->thread_count; i++) {
        if (d->threads[i].is_running) loop_ring(d->threads[i].bell, LOOP_RING_STOP);
    }
    for (uint32_t i = 0; i < d->thread_count; i++) {
        if (!d->threads[i].is_running) continue;
        CHECK(pthread_join(d->threads[i].id, NULL) == 0);
        d->threads[i].is_running = false;
    }
}

void disk_close(struct disk *d)
{
    if (d == NULL) return;
    disk_stop(d);
    for (uint32_t i = 0; i < d->thread_count; i++) {
        (void)close(d->threads[i].bell);
        free(d->threads[i].boxes);
    }
    free(d->threads);
    free(d);
}

uint32_t disk_thread_of(const struct disk *d, uint32_t lane)
{
    uint32_t background = d->thread_count - 1 - d->background_count;
    uint32_t number = ENV_LANE_BACKGROUND - lane;
    if (number < ENV_BACKGROUNDS_MAX) return background + number % d->background_count;
    return lane % background;
}

uint32_t disk_odd_thread(const struct disk *d)
{
    return d->thread_count - 1;
}

void disk_put(struct disk *d, uint32_t actor, uint32_t thread, struct job *job)
{
    CHECK(actor < d->actor_count);
    CHECK(thread < d->thread_count);
    CHECK(job->run != NULL);

    lane_put(&d->threads[thread].boxes[actor].there, &job->link);
}

void disk_ring(struct disk *d, uint32_t thread)
{
    CHECK(thread < d->thread_count);

    loop_ring(d->threads[thread].bell, LOOP_RING_WORK);
}

uint64_t disk_flush(struct disk *d, uint32_t actor)
{
    uint64_t moved = 0;
    for (uint32_t i = 0; i < d->thread_count; i++) {
        struct lane *lane = &d->threads[i].boxes[actor].there;
        if (lane->waiting_first == NULL) continue;
        (void)lane_flush(lane);
        moved |= 1ull << i;
    }
    return moved;
}

struct job *disk_get(struct disk *d, uint32_t actor)
{
    for (uint32_t i = 0; i < d->thread_count; i++) {
        struct message *m = lane_get(&d->threads[i].boxes[actor].back);
        if (m != NULL) return job_of(m);
    }
    return NULL;
}

struct job *disk_get_stopped(struct disk *d, uint32_t actor)
{
    for (uint32_t i = 0; i < d->thread_count; i++) {
        CHECK(!d->threads[i].is_running);
        (void)lane_flush(&d->threads[i].boxes[actor].back);
    }
    return disk_get(d, actor);
}
