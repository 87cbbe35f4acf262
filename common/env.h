/* env.h -- the seam between the program and the world. Everything that is not deterministic is
 * here.
 *
 * An *actor* is a thread of the real world, or something that takes turns in the simulated one. It
 * owns one `struct env`, and no other actor may use it. A process has one or more actors (a broker:
 * one that talks to the controllers, and one per shard), numbered from 0.
 *
 * A shell has one entry: turn(x, events, count), which returns its next deadline. Events are plain
 * data. Whatever a shell wants of the world it says through the calls below; none of them blocks,
 * none of them calls back. What is asked for during a turn may be carried out at its end.
 *
 *   (1) A connection's id is never used again. Events of a connection that the shell has closed do
 *       not arrive.
 *   (2) Frames of one connection arrive in the order in which they were sent, whole, or not at all.
 *   (3) Jobs of one lane run one after the other in the order of their submission.
 *   (4) A message comes back to the actor that made it, and is freed there.
 *   (5) After env_halt() nothing that the node asks for has an effect.
 */
#ifndef COMMON_ENV_H
#define COMMON_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/env_counters.h"
#include "common/fs.h"
#include "common/mailbox.h"

#define ENV_NEVER UINT64_MAX
#define ENV_ADDRESS_MAX 64
#define ENV_HOST_MAX 256
#define ENV_ACTORS_MAX 64  /* Of one process: sets of them are the bits of a word. */
#define ENV_EVENTS_MAX 512 /* Per turn; more wait for the next one. */

/* ---- Jobs: disk work, done elsewhere. ---- */

/* Long work that nobody waits for: lanes with threads of their own, so that nothing waits for it:
 * this one, and those just below it where there are several disks. */
#define ENV_LANE_BACKGROUND UINT32_MAX
#define ENV_BACKGROUNDS_MAX 16

struct job {
    struct message link; /* link.kind is the submitter's own: what sort of job this is. */
    /* Runs on an I/O thread. Touches the job and what the job refers to, and nothing else. */
    void (*run)(struct fs *fs, struct job *job);
    uint32_t lane; /* Jobs of equal lane are first in, first out. */
    int rc;        /* Set by run(): 0 or -ERR_X. */
};

/* ---- Messages between the actors of one process (boomerangs, mailbox.h). ---- */

struct post {
    struct message link; /* link.kind says what it is. */
    uint32_t home;       /* Set by env_post(): the actor that made it. */
    bool is_back;        /* False on the way there, true on the way home. */
};

/* ---- Events. ---- */

enum env_event_kind {
    ENV_ACCEPTED,  /* conn, tag (of the listener), address (of the peer) */
    ENV_CONNECTED, /* conn, tag (of the dial) */
    ENV_FRAME,     /* conn, tag, buf: the bytes after the length; the receiver's reference */
    ENV_CLOSED,    /* conn, tag, reason: the peer or the world closed it */
    ENV_DRAINED,   /* conn: what was queued to it has fallen below ENV_LOW_WATER_BYTES */
    ENV_JOB_DONE,  /* job */
    ENV_POSTED,    /* post */
    ENV_HTTP,      /* http_id, tag, address: the path asked for, without its query */
    ENV_STOP,      /* The process is asked to stop in order. Each actor gets it. */
};

enum env_reason {
    ENV_REASON_NONE,
    ENV_REASON_EOF,       /* The peer closed it in order. */
    ENV_REASON_RESET,     /* The peer's process died, or the network said so. */
    ENV_REASON_REFUSED,   /* Dial: there is nobody at that address; a process there is dead. */
    ENV_REASON_SILENT,    /* Dial: no answer within the time allowed. */
    ENV_REASON_NAME,      /* Dial: the host name is not known. */
    ENV_REASON_TOO_LARGE, /* A frame's length is above the connection's bound, or negative. */
    ENV_REASON_HTTP,      /* The first bytes are an HTTP request. */
    ENV_REASON_TLS,       /* The first bytes are a TLS hello. */
    ENV_REASON_LOCAL,     /* This node's own descriptors or memory ran out. */
};

struct env_event {
    enum env_event_kind kind;
    enum env_reason reason;
    uint64_t conn;
    uint64_t http_id;
    uint32_t tag;
    char address[ENV_ADDRESS_MAX]; /* "127.0.0.1:40312", or the path of an ENV_HTTP. */
    union {
        struct buf *buf;
        struct job *job;
        struct post *post;
    };
};

/* One pass of a shell. Returns when it wants to be called even if nothing happens: a time on
 * env_now_ms()'s clock, or ENV_NEVER. */
typedef uint64_t env_turn_fn(void *actor, const struct env_event *events, uint32_t count);

/* ---- What is sent: bytes in memory, or a range of a file (which need never enter this process).
 * -- */

struct env_piece {
    struct buf *buf;   /* Either this ... */
    struct file *file; /* ... or this. The env takes the reference over. */
    uint64_t at;       /* Where in it. */
    uint64_t size;     /* Bytes. */
};

#define ENV_LOW_WATER_BYTES (256u * 1024)

/* Options of a listener or a dial. */
struct env_endpoint {
    char host[ENV_HOST_MAX]; /* A name or an address. */
    uint16_t port;
    uint32_t tag;             /* Comes back in the events of its connections. */
    uint32_t frame_max_bytes; /* A longer frame closes the connection (ENV_REASON_TOO_LARGE). */
    bool is_http;             /* Listener: events are ENV_HTTP and nothing else. */
    bool first_alone;         /* Listener: after its first frame a connection is paused, so that
                               * env_frame_max() can say what may follow before it is read. */
    uint32_t dial_timeout_ms; /* Dial: ENV_REASON_SILENT after this; 0 means 1000. */
};

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct env;

struct env_ops {
    uint64_t (*clock_ms)(struct env *env);
    int64_t (*wall_ms)(struct env *env);
    void (*random)(struct env *env, void *to, size_t size);
    int (*listen)(struct env *env, const struct env_endpoint *at);
    uint64_t (*dial)(struct env *env, const struct env_endpoint *to);
    void (*send)(struct env *env, uint64_t conn, const struct env_piece *pieces, uint32_t count);
    uint64_t (*queued_bytes)(struct env *env, uint64_t conn);
    void (*pause)(struct env *env, uint64_t conn, bool pause);
    void (*frame_max)(struct env *env, uint64_t conn, uint32_t frame_max_bytes);
    void (*local_address)(struct env *env, uint64_t conn, char *host, size_t size);
    void (*close)(struct env *env, uint64_t conn, bool flush_first);
    void (*http_answer)(struct env *env, uint64_t http_id, int status, const char *content_type,
                        struct slice body);
    void (*submit)(struct env *env, struct job *job);
    int (*read_now)(struct env *env, struct file *file, void *to, size_t size, uint64_t at);
    void (*file_unref)(struct env *env, struct file *file);
    void (*revoke)(struct env *env, const struct file *file); /* NULL: sent is sent, and copied. */
    void (*post)(struct env *env, uint32_t to, struct post *post);
    void (*give_back)(struct env *env, struct post *post);
    void (*log)(struct env *env, enum log_level level, const char *text);
    void (*halt)(struct env *env, const char *why);
    void (*stop)(struct env *env);
    void (*counters)(struct env *env, struct env_counters *out); /* NULL: it counts nothing. */
    /* NULL: whoever ends it keeps the memory. */
    void (*rescue)(struct env *env, const char *path, const void *base, size_t size);
};

struct env {
    const struct env_ops *ops;
    uint32_t actor;       /* Which actor of its process this is. */
    uint32_t actor_count; /* Of this process. */
    uint64_t now_ms;      /* When this turn began. */
    enum log_level log_min;
};

/* Milliseconds on a clock that never goes back and counts while the host sleeps. now: when this
 * turn began. clock: this very moment (the lease of a leader needs it, DESIGN 6.13). */
static inline uint64_t env_now_ms(const struct env *env)
{
    return env->now_ms;
}
static inline uint64_t env_clock_ms(struct env *env)
{
    return env->ops->clock_ms(env);
}

/* Milliseconds since 1970 by the wall clock. For timestamps and retention only: it can jump. */
static inline int64_t env_wall_ms(struct env *env)
{
    return env->ops->wall_ms(env);
}

/* Bytes that nobody can guess: ids, secrets, the seeds of a prng. */
static inline void env_random(struct env *env, void *to, size_t size)
{
    env->ops->random(env, to, size);
}

/* Accepts connections from now on. 0, -ERR_BUSY (the address is in use), -ERR_DENIED, -ERR_ABSENT
 * (the host is not one of ours). Every shard may listen on the same address. */
MUST_USE static inline int env_listen(struct env *env, const struct env_endpoint *at)
{
    return env->ops->listen(env, at);
}

/* Begins to connect; ENV_CONNECTED or ENV_CLOSED follows. Sending may begin at once. */
static inline uint64_t env_dial(struct env *env, const struct env_endpoint *to)
{
    return env->ops->dial(env, to);
}

/* Queues pieces behind what is queued already. The caller writes frames' lengths itself. The env
 * takes over the references in the pieces, also if the connection is gone. */
static inline void env_send(struct env *env, uint64_t conn, const struct env_piece *pieces,
                            uint32_t count)
{
    env->ops->send(env, conn, pieces, count);
}

/* Bytes queued to the connection that the peer has not taken; 0 if it is gone. */
static inline uint64_t env_queued_bytes(struct env *env, uint64_t conn)
{
    return env->ops->queued_bytes(env, conn);
}

/* Back-pressure: stop reading from the connection, or go on. Frames in this turn still arrive. */
static inline void env_pause(struct env *env, uint64_t conn, bool pause)
{
    env->ops->pause(env, conn, pause);
}

static inline void env_frame_max(struct env *env, uint64_t conn, uint32_t frame_max_bytes)
{
    env->ops->frame_max(env, conn, frame_max_bytes);
}

/* The address, without the port, by which the peer reached us ("127.0.0.1"). */
static inline void env_local_address(struct env *env, uint64_t conn, char *host, size_t size)
{
    env->ops->local_address(env, conn, host, size);
}

/* Closes a connection; no event follows. With flush_first, after what is queued has gone out. */
static inline void env_close(struct env *env, uint64_t conn, bool flush_first)
{
    env->ops->close(env, conn, flush_first);
}

static inline void env_http_answer(struct env *env, uint64_t http_id, int status,
                                   const char *content_type, struct slice body)
{
    env->ops->http_answer(env, http_id, status, content_type, body);
}

/* Runs a job elsewhere; ENV_JOB_DONE brings it back. It must stay where it is until then. */
static inline void env_submit(struct env *env, struct job *job)
{
    env->ops->submit(env, job);
}

/* Reads without waiting for a disk: 0 if all of it was in memory, -ERR_AGAIN if it was not (then
 * read in a job), or -ERR_IO. */
MUST_USE static inline int env_read_now(struct env *env, struct file *file, void *to, size_t size,
                                        uint64_t at)
{
    return env->ops->read_now(env, file, to, size, at);
}

static inline struct file *file_ref(struct file *file)
{
    file->refs++;
    return file;
}

/* The file's bytes are about to be changed: connections that still have to send some of them are
 * closed (ENV_REASON_LOCAL). */
static inline void env_revoke(struct env *env, const struct file *file)
{
    if (env->ops->revoke != NULL) env->ops->revoke(env, file);
}

/* Sends a message to another actor of this process (or to itself), and gives one back. */
static inline void env_post(struct env *env, uint32_t to, struct post *post)
{
    env->ops->post(env, to, post);
}
static inline void env_give_back(struct env *env, struct post *post)
{
    env->ops->give_back(env, post);
}

/* Gives a reference up; the last one closes the file, or gives it back to the actor that lent it.
 * NULL is allowed. */
static inline void env_file_unref(struct env *env, struct file *file)
{
    if (file == NULL) return;
    if (file->loan == NULL || file->refs > 1) {
        env->ops->file_unref(env, file);
    } else {
        file->refs = 0;
        env_give_back(env, file->loan);
    }
}

/* Lends a file of this actor's to another one, which gets `lent` in some message, with one
 * reference, and counts for itself. When it has given up all of them, `post` comes home as if it
 * had been posted. Until then a reference to `file` must be kept. */
static inline void file_lend(struct env *env, const struct file *file, struct file *lent,
                             struct post *post)
{
    *lent = (struct file){.refs = 1, .fd = file->fd, .node = file->node, .loan = post};
    post->home = env->actor;
    post->is_back = false;
}

/* Ends this node at once: what it was told to acknowledge and has not stays so. In the real world
 * it does not return. In the simulated one it does, and nothing the node does afterwards counts. */
static inline void env_halt(struct env *env, const char *why)
{
    env->ops->halt(env, why);
}

/* The actor has finished an orderly stop. The process ends when all of its actors have. */
static inline void env_stop(struct env *env)
{
    env->ops->stop(env);
}

/* What this actor's world has counted: connections, bytes, calls. */
static inline void env_counters(struct env *env, struct env_counters *out)
{
    *out = (struct env_counters){0};
    if (env->ops->counters != NULL) env->ops->counters(env, out);
}

/* If this process crashes or halts, the memory is written to that file as it stands then. base
 * NULL: no more; and before the memory is freed. */
static inline void env_rescue(struct env *env, const char *path, const void *base, size_t size)
{
    if (env->ops->rescue != NULL) env->ops->rescue(env, path, base, size);
}

/* One line of the log, without a line feed. Levels below env->log_min cost nothing. */
void env_log(struct env *env, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(env, ...)                                                      \
    do {                                                                         \
        if ((env)->log_min <= LOG_DEBUG) env_log((env), LOG_DEBUG, __VA_ARGS__); \
    } while (0)
#define log_info(env, ...) env_log((env), LOG_INFO, __VA_ARGS__)
#define log_warn(env, ...) env_log((env), LOG_WARN, __VA_ARGS__)
#define log_error(env, ...) env_log((env), LOG_ERROR, __VA_ARGS__)

#endif
