/* sock.h -- an actor's connections: the table of them, and their end.
 *
 *   Owns:     descriptors, frames under assembly, what is queued to be sent.
 *   Used by:  one actor. What connections share with other actors' is behind struct sock_hooks.
 *   Parts:    sock_in reads, sock_out writes, sock_open listens and dials; this file is below them.
 *
 *   (dial a name) RESOLVING -> DIALING -> OPEN -> CLOSING (env_close with flush_first) -> gone
 *   (dial an address) ---------^           ^
 *   (accept) ------------------------------
 *
 * An id is generation << 32 | slot. A slot's generation rises with each use and the slot is retired
 * before it would wrap, so no id is ever used again, and none is 0. An idle connection has no
 * buffers: this struct, and a watch.
 */
#ifndef COMMON_SOCK_H
#define COMMON_SOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/env.h"
#include "common/env_counters.h"
#include "common/frame_in.h"
#include "common/inbox.h"
#include "common/loop.h"

#define SOCK_SCRATCH_BYTES (128u * 1024)
#define SOCK_READ_BUDGET_BYTES (1024u * 1024)     /* Of one connection, per turn. */
#define SOCK_SEND_BUDGET_BYTES (4u * 1024 * 1024) /* To one connection, per turn. */
#define SOCK_LINGER_MS 5000                       /* For what an env_close() flushes. */
#define SOCK_DIAL_ADDRESSES 4

/* What the connections of an actor ask of their process. */
struct listening; /* A socket that listens, the process's. */

/* An accepted connection that another actor is to have: whoever accepts is whoever was awake, and
 * that would be the same one nearly always. */
struct handed {
    struct post post;
    const struct listening *place;
    int fd;
    bool is_taken; /* The descriptor is the other's. */
    TAILQ_ENTRY(handed) link;
    struct sockaddr_storage peer;
};

TAILQ_HEAD(handed_list, handed);

struct sock_hooks {
    void *arg;
    /* A descriptor of the process's one socket that listens at `at`: 0 or -ERR_X. */
    int (*listener)(void *arg, const struct env_endpoint *at, int *fd,
                    const struct listening **place);
    /* Which actor is to have a connection that was accepted there; or -ERR_LIMIT. */
    int (*enter)(void *arg, const struct listening *place, const uint8_t ip[16]);
    void (*leave)(void *arg, const uint8_t ip[16]); /* One that this actor has. */
    void (*hand_over)(void *arg, uint32_t actor, struct handed *handed);
    void (*submit_odd)(void *arg, struct job *job);
};

enum conn_state { CONN_RESOLVING, CONN_DIALING, CONN_OPEN, CONN_CLOSING };

struct dial {
    struct sockaddr_storage addresses[SOCK_DIAL_ADDRESSES];
    uint32_t count;
    uint32_t next; /* The one to try when this one fails. */
};

struct conn {
    uint64_t id;
    struct socks *socks;
    int fd; /* -1 while its name is looked up. */
    uint32_t tag;
    enum conn_state state;
    bool is_paused;
    bool first_alone;        /* Nothing behind its first frame may be read yet. */
    bool is_admitted;        /* Counted against the limits of accepted connections. */
    bool is_dirty;           /* In socks->dirty. */
    bool is_above_low_water; /* ENV_DRAINED is owed. */
    bool is_broken;          /* Writing failed; what can still be read is read. */
    bool is_blocked;         /* The peer takes no more; its watch will say when it does. */
    bool is_peer_done;       /* CLOSING: the peer has closed its end too. */
    uint8_t ip[16];          /* Of the peer, if is_admitted. */
    uint64_t deadline_ms;    /* Of a dial or of a linger; else ENV_NEVER. */
    struct frame_in in;
    size_t in_held; /* frame_in_held(), as counted in socks->in_held. */
    struct env_piece *out;
    uint32_t out_first;
    uint32_t out_count;
    uint32_t out_capacity;
    uint64_t out_bytes;
    struct watch *readable;
    struct watch *writable; /* Made when the peer is first slower than we are. */
    struct dial *dial;      /* While it is under way. */
};

struct conn_slot {
    struct conn *conn; /* NULL if free. */
    uint32_t generation;
    uint32_t next_free; /* Index + 1. */
};

struct id_list {
    uint64_t *ids;
    uint32_t count;
    uint32_t capacity;
};

struct sock_listener;

struct socks {
    struct env *env;
    struct loop *loop;
    struct inbox *inbox;
    struct env_counters *counters;
    struct sock_hooks hooks;
    struct conn_slot *slots;
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t slot_free;     /* Index + 1 of the first free one. */
    struct id_list dirty;   /* Have something new to send. */
    struct id_list timed;   /* Have a deadline. */
    uint64_t timed_next_ms; /* No deadline is earlier. */
    struct sock_listener *listeners;
    uint64_t warned_ms;   /* When a limit was last complained about. */
    uint64_t in_held;     /* Bytes of frames under assembly ... */
    uint64_t in_held_max; /* ... and their bound; 0: none. */
    uint8_t *scratch;
};

void socks_init(struct socks *s, struct env *env, struct loop *loop, struct inbox *inbox,
                struct env_counters *counters, const struct sock_hooks *hooks);

/* Closes every connection without a word. Listeners: sock_open.h. */
void socks_close(struct socks *s);

struct conn *conn_new(struct socks *s, int fd, enum conn_state state, uint32_t tag);

/* Any connection; and one that the shell has not closed. NULL if it is gone. */
struct conn *conn_any(const struct socks *s, uint64_t id);
struct conn *sock_find(const struct socks *s, uint64_t id);

void conn_set_deadline(struct conn *c, uint64_t deadline_ms);

/* Puts the connection on the list of those that are flushed at the end of the turn. */
void conn_make_dirty(struct conn *c);

/* Gives up what is queued to be sent. */
void conn_clear_out(struct conn *c);

/* Ends a connection: with an event if the shell has not closed it, and without. */
void conn_fail(struct conn *c, enum env_reason reason);
void conn_drop(struct conn *c);

void id_list_add(struct id_list *list, uint64_t id);

/* The address as IPv6, and as text: "127.0.0.1" or "127.0.0.1:9092". */
void sock_ip_of(const struct sockaddr_storage *from, uint8_t ip[16]);
void sock_address_text(const struct sockaddr_storage *from, bool with_port, char *out, size_t size);

enum env_reason sock_reason_of(int error);

#endif
