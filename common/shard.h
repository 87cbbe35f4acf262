/* shard.h -- the actors of a process: their threads, their turns, and what they share.
 *
 *   a turn:  wait -> drain mailboxes -> deadlines -> the shell's turn() -> send -> ring bells
 *
 * Each actor's part is its own thread's only. Shared, and behind one lock: which sockets listen,
 * and how many connections there are (touched per connection, never per request). Everything else
 * goes through mailboxes.
 */
#ifndef COMMON_SHARD_H
#define COMMON_SHARD_H

#include "common/disk.h"
#include "common/http_in.h"
#include "common/sock.h"

struct shard {
    struct env env; /* First: an env of the real world is a shard. */
    struct world *world;
    struct loop *loop;
    struct inbox inbox;
    struct socks socks;
    struct http_in *http;
    struct env_counters counters;
    struct handed_list handed; /* On their way to others, or back. */
    uint64_t deadline_ms;     /* What the shell's last turn said. */
    uint64_t ring_actors;     /* Whose bells are rung at the end of the turn. */
    uint64_t ring_io_threads; /* The same. */
    bool is_more;             /* Mailboxes were left with something in them. */
    bool is_stop_told;
    bool is_stopped;
    bool is_buffered_only; /* The file system cannot tell what is in memory (RWF_NOWAIT). */
    env_turn_fn *turn;
    void *actor;
};

struct shared;

struct world {
    char log_prefix[64];
    uint32_t actor_count;
    struct shard *shards;
    int *bells;
    struct mailbox *boxes; /* boxes[home * actor_count + owner] */
    struct disk *disk;
    struct shared *shared;
};

static inline struct shard *shard_of(struct env *env)
{
    return (struct shard *)(void *)env;
}

static inline struct mailbox *shard_box(const struct world *w, uint32_t home, uint32_t owner)
{
    return &w->boxes[home * w->actor_count + owner];
}

struct shared *shared_open(uint32_t connection_max, uint32_t connection_max_per_address,
                           uint64_t seed);
void shared_close(struct shared *shared);

/* A descriptor of the socket that listens at `at`, which is bound by the first actor that asks.
 * The same actor cannot have it twice. 0 or -ERR_X. */
MUST_USE int shared_listener(struct shared *shared, uint32_t actor, const struct env_endpoint *at,
                             int *fd, const struct listening **place);

/* Counts a connection that was accepted there: the actor which is to have it, of those that listen
 * the one with the fewest; or -ERR_LIMIT. */
MUST_USE int shared_enter(struct shared *shared, const struct listening *place,
                          const uint8_t ip[16]);
void shared_leave(struct shared *shared, uint32_t actor, const uint8_t ip[16]);

/* Sends it on its way; and frees what is still on it when all actors have ended. */
void shard_hand_over(struct shard *s, uint32_t actor, struct handed *handed);
void shard_drop_handed(struct shard *s);

/* The job that closes a file; it is freed when it comes home. */
void shard_close_file(struct shard *s, struct file *file);

/* After the shells are closed: runs what was still put into the lanes (files to close), and frees
 * the jobs that are this house's own. A shell's own jobs are its own affair. */
void shard_finish_jobs(struct world *w);

int shard_run_all(struct world *w, env_turn_fn *const turns[], void *const actors[]);

#endif
