/* sim_inside.h -- what the files of the simulated world know of each other. Not for the harness.
 *
 * sim_sched.c: the heap's dispatch, processes, turns, jobs, posts.   sim_net.c: connections.
 * sim_fs.c: struct fs over a host's disk.   sim_base.c: options, log, trace, the rest.
 *
 *   (1) An item of the heap names the life of the process it is for; of an earlier life, it is
 *       dropped without looking at what it points to.
 *   (2) A connection is freed when both ends are closed and no item of the heap points to it.
 *   (3) A pipe's arrivals never go back in time: frames stay in order.
 */
#ifndef TESTS_SIM_SIM_INSIDE_H
#define TESTS_SIM_SIM_INSIDE_H

#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

#define SIM_LOG_LINES 200
#define SIM_LISTENERS_MAX 64

/* ---- The heap. ---- */

enum sim_item_kind {
    ITEM_TURN,         /* who: actor, number: its turn_serial */
    ITEM_PIPE,         /* who: pipe */
    ITEM_SYN,          /* who: conn */
    ITEM_SYN_ACK,      /* who: conn */
    ITEM_DIAL_FAILED,  /* who: conn, number: reason */
    ITEM_DIAL_TIMEOUT, /* who: conn */
    ITEM_TCP_TIMEOUT,  /* who: pipe, number: its block_serial */
    ITEM_LANE,         /* who: node, number: lane */
    ITEM_JOB_DONE,     /* who: actor, what: job */
    ITEM_POST,         /* who: actor, what: post */
    ITEM_CALL,         /* call, what: its argument */
};

struct sim_item {
    uint64_t time_us;
    uint64_t serial; /* Equal times: in the order they were put. */
    enum sim_item_kind kind;
    uint32_t life;
    void *who;
    void *what;
    void (*call)(void *arg);
    uint64_t number;
};

/* ---- Hosts. ---- */

struct sim_listener {
    struct sim_node *node;
    uint32_t actor;
    uint32_t tag;
    uint32_t frame_max_bytes;
    uint16_t port;
    bool first_alone;
    bool is_http;
    bool is_loopback;
    bool is_dying; /* Its process was killed; the kernel closes it at closes_at. */
    uint64_t closes_at_us;
};

struct sim_lock {
    char *path;
    struct sim_node *node;
};

struct sim_host {
    uint32_t index;
    char name[ENV_ADDRESS_MAX - 8];
    bool is_up;
    uint32_t boot;
    uint32_t device; /* Another one after a wipe. */
    uint32_t next_port;
    int64_t wall_skew_ms;
    struct sim_disk disk;
    uint32_t io_error_ppm;
    char *broken; /* Everything below this path fails; NULL: nothing does. */
    uint64_t stalled_until_us;
    struct sim_lock locks[SIM_NODES_MAX];
    uint32_t lock_count;
    struct sim_listener listeners[SIM_LISTENERS_MAX];
    uint32_t listener_count;
};

struct sim_link {
    bool is_cut;
    uint64_t extra_us;
};

/* ---- Files of a process. ---- */

struct sim_open_file {
    struct file file; /* First: what the production code holds. */
    struct sim_fs *fs;
    struct sim_inode *inode;
    char *path; /* By which it was opened. */
    unsigned mode;
    struct sim_open_file *next;
    struct sim_open_file *previous;
};

struct sim_fs {
    struct fs fs; /* First. */
    struct sim_node *node;
    bool is_outside;    /* The harness's own: no faults, no cost. */
    uint64_t cost_us;   /* Of the job that runs. */
    int64_t calls_left; /* Until the process is dead, in its last job; negative: no end. */
    struct sim_open_file *files;
};

/* ---- Processes. ---- */

struct sim_actor {
    struct env env; /* First. */
    struct sim_node *node;
    env_turn_fn *turn;
    void *shell;
    struct env_event *inbox; /* A ring. */
    uint32_t inbox_head;
    uint32_t inbox_count;
    uint32_t inbox_capacity;
    uint64_t turn_at_us; /* The next turn that is in the heap; ENV_NEVER: none. */
    uint64_t turn_serial;
    uint64_t deadline_us; /* What the last turn asked for. */
    uint64_t ahead_us;    /* Frozen for so long in this turn. */
    uint32_t idle_turns;  /* In a row, with nothing to do and no wish to wait. */
    bool is_stopped;
};

struct sim_work {
    struct sim_work *next;
    struct sim_actor *actor;
    struct job *job;
    uint64_t not_before_us;
};

struct sim_lane {
    uint32_t lane;
    struct sim_work *first;
    struct sim_work *last;
    uint64_t free_at_us; /* The job before is at work until then. */
    uint64_t done_at_us; /* Completions of a lane come in order. */
    bool is_scheduled;   /* An ITEM_LANE is in the heap. */
};

struct sim_http {
    uint64_t id;
    void (*done)(void *arg, int status, struct slice body);
    void *arg;
};

struct sim_line {
    uint64_t time_us;
    uint64_t serial;
    enum log_level level;
    char *text;
};

struct sim_node {
    struct sim *sim;
    struct sim_host *host;
    uint32_t index;
    char name[64];
    struct prng prng; /* For env_random(). */
    enum sim_state state;
    uint32_t life;
    bool is_deaf;   /* Halted or closing: what it asks for has no effect. */
    bool is_halted; /* Ends after this turn. */
    bool is_in_turn;
    char why[256];
    uint64_t frozen_until_us;
    uint32_t actor_count;
    struct sim_actor actors[SIM_ACTORS_MAX];
    uint64_t post_at_us[SIM_ACTORS_MAX][SIM_ACTORS_MAX];
    struct sim_process process;
    struct sim_lane **lanes; /* By number. */
    uint32_t lane_count;
    uint32_t lane_capacity;
    struct sim_fs fs;
    struct sim_fs outside;
    struct sim_end *ends; /* Of its connections that are open. */
    struct sim_http https[16];
    uint32_t http_count;
    struct sim_line lines[SIM_LOG_LINES];
    uint64_t line_count;
};

/* ---- Connections. ---- */

/*   NONE -> DIALING -> OPEN -> GONE -> CLOSED       GONE: the world closed it and ENV_CLOSED is on
 *     \________________^                             its way. Each goes to CLOSED by env_close()
 *      (the accepting end)                           and by the end of its process. */
enum sim_end_state { END_NONE, END_DIALING, END_OPEN, END_GONE, END_CLOSED };

struct sim_end {
    enum sim_end_state state;
    struct sim_conn *conn;
    struct sim_host *host;
    struct sim_actor *actor;
    uint32_t tag;
    uint32_t frame_max_bytes;
    bool first_alone; /* It is paused when its first frame has come. */
    bool is_paused;
    bool is_listed;
    struct sim_end *next; /* Of its node. */
    struct sim_end *previous;
};

enum sim_segment_kind {
    SEGMENT_FRAME,
    SEGMENT_HEAD, /* The length of a frame that is not all there: it may be too large. */
    SEGMENT_CLOSE,
};

struct sim_segment {
    struct sim_segment *next;
    enum sim_segment_kind kind;
    enum env_reason reason;
    struct buf *buf;
    uint64_t leave_at_us;
    uint64_t arrive_at_us;
    uint64_t size; /* On the wire; what the window counts. */
    uint8_t head[4];
    bool is_first; /* Of the connection. */
};

struct sim_pipe {
    struct sim_conn *conn;
    uint32_t side; /* From ends[side] to the other. */
    struct sim_segment *first;
    struct sim_segment *last;
    uint64_t bytes;
    uint64_t arrived_at_us; /* The last arrival that was planned. */
    uint64_t busy_until_us; /* Bandwidth. */
    uint64_t not_before_us;
    bool is_held;      /* The connection is not established at the sender. */
    bool is_scheduled; /* An ITEM_PIPE is in the heap. */
    bool is_finished;  /* Nothing follows what is in it. */
    bool is_dead;      /* Its sender cannot send anything again: its host lost its power. */
    bool waits_for_reader;
    bool wants_drained;
    bool is_blocked; /* In the list of the sim. */
    uint64_t block_serial;
    struct sim_pipe *next_blocked;
    struct sim_pipe *previous_blocked;
    /* The frame that is being written. */
    uint8_t head[4];
    uint32_t head_size;
    uint32_t body_size;
    struct buf *body;
    bool is_garbage; /* A length that cannot be; what follows has no meaning. */
    bool has_sent;
};

struct sim_conn {
    struct sim *sim;
    uint64_t number;
    struct sim_end ends[2]; /* 0 dialled, 1 accepted. Ids are 2 * number + side. */
    struct sim_pipe pipes[2];
    uint32_t pending; /* Items of the heap that point here. */
    struct sim_host *target;
    uint16_t port;
    bool is_loopback;
    uint16_t from_port;
    uint64_t give_up_at_us;
};

/* ---- The world. ---- */

struct sim {
    struct sim_options options;
    uint64_t now_us;
    struct sim_item *heap;
    uint32_t heap_count;
    uint32_t heap_capacity;
    uint64_t serial;
    uint64_t hash;
    uint64_t http_id;
    uint64_t line_serial;
    struct prng sched; /* Each part draws from its own, so that one does not disturb another. */
    struct prng net;
    struct prng disk;
    struct sim_counts counts;
    struct sim_host *hosts[SIM_NODES_MAX];
    uint32_t host_count;
    struct sim_node *nodes[SIM_NODES_MAX];
    uint32_t node_count;
    struct sim_link links[SIM_NODES_MAX][SIM_NODES_MAX];
    struct sim_conn **conns; /* By number; NULL: over. */
    uint64_t conn_count;
    uint64_t conn_capacity;
    struct sim_pipe *blocked_first;
    struct sim_pipe *blocked_last;
    uint64_t block_serial;
    char violation[1024];
    struct env_event events[ENV_EVENTS_MAX]; /* Of the turn that runs. */
};

static inline uint64_t sim_draw(struct prng *prng, struct sim_range range)
{
    return prng_range(prng, range.min_us, range.max_us);
}
static inline bool sim_chance(struct prng *prng, uint32_t ppm)
{
    return ppm > 0 && prng_chance(prng, ppm, 1000000);
}

/* The moment at which a running turn does what it does. */
static inline uint64_t sim_actor_now(const struct sim_actor *actor)
{
    return actor->node->sim->now_us + actor->ahead_us;
}

/* sim_world.c */
void sim_put(struct sim *sim, struct sim_item item);
struct sim_item sim_take(struct sim *sim);
void sim_mix(struct sim *sim, uint64_t fact);
void sim_log_op(struct env *env, enum log_level level, const char *text);
void sim_world_line(struct sim_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_http_answer_op(struct env *env, uint64_t http_id, int status, const char *content_type,
                        struct slice body);
void sim_http_drop(struct sim_node *node);

/* sim_sched.c */
void sim_actor_event(struct sim_actor *actor, const struct env_event *event);
void sim_actor_wake(struct sim_actor *actor, uint64_t at_us);
/* sim_jobs.c */
void sim_submit_op(struct env *env, struct job *job);
void sim_on_lane(struct sim_node *node, uint32_t lane);
void sim_lanes_kick(struct sim_node *node);
void sim_lanes_drop(struct sim_node *node, bool may_run);
void sim_post_op(struct env *env, uint32_t to, struct post *post);
void sim_give_back_op(struct env *env, struct post *post);

/* sim_fs.c */
void sim_fs_init(struct sim_fs *fs, struct sim_node *node, bool is_outside);
void sim_fs_drop(struct sim_fs *fs); /* Closes what is open. */
void sim_fs_unlock(struct sim_node *node);
int sim_read_now_op(struct env *env, struct file *file, void *to, size_t size, uint64_t at);
void sim_file_unref_op(struct env *env, struct file *file);

/* sim_net.c */
int sim_listen_op(struct env *env, const struct env_endpoint *at);
uint64_t sim_dial_op(struct env *env, const struct env_endpoint *to);
void sim_send_op(struct env *env, uint64_t conn, const struct env_piece *pieces, uint32_t count);
uint64_t sim_queued_op(struct env *env, uint64_t conn);
void sim_pause_op(struct env *env, uint64_t conn, bool pause);
void sim_frame_max_op(struct env *env, uint64_t conn, uint32_t frame_max_bytes);
void sim_local_address_op(struct env *env, uint64_t conn, char *host, size_t size);
void sim_close_op(struct env *env, uint64_t conn, bool flush_first);
void sim_on_net_item(struct sim *sim, const struct sim_item *item);
/* True if a turn may see the event; a closed connection's events are dropped here. */
bool sim_net_admits(struct sim_actor *actor, const struct env_event *event);
void sim_net_node_down(struct sim_node *node, bool is_power_cut, bool in_order);
void sim_net_node_resumed(struct sim_node *node);
void sim_net_links_changed(struct sim *sim);
void sim_net_listeners_drop(struct sim_node *node);
void sim_net_close(struct sim *sim);

/* sim_pipe.c: one direction of a connection. */
bool sim_link_works(struct sim *sim, const struct sim_host *from, const struct sim_host *to);
uint64_t sim_latency(struct sim *sim, const struct sim_host *from, const struct sim_host *to);
struct sim_conn *sim_conn_of(struct sim *sim, uint64_t id);
void sim_conn_maybe_free(struct sim_conn *conn);
void sim_conn_reset(struct sim_conn *conn); /* By the network. */
void sim_end_gone(struct sim_end *end, enum env_reason reason);
void sim_end_closed(struct sim_end *end);
void sim_end_list(struct sim_end *end);
void sim_pipe_write(struct sim_pipe *pipe, const uint8_t *bytes, uint64_t size, uint64_t at_us);
void sim_pipe_finish(struct sim_pipe *pipe, enum env_reason reason, uint64_t at_us);
void sim_pipe_trim(struct sim_pipe *pipe); /* What had not left the sender's process is gone. */
void sim_pipe_clear(struct sim_pipe *pipe);
void sim_pipe_release(struct sim_pipe *pipe); /* The connection is established. */
void sim_pipe_schedule(struct sim_pipe *pipe);
void sim_pipe_arrive(struct sim_pipe *pipe);
void sim_pipe_unblock(struct sim_pipe *pipe);
void sim_pipe_timeout(struct sim_pipe *pipe);
uint64_t sim_pipe_queued(const struct sim_pipe *pipe);

#endif
