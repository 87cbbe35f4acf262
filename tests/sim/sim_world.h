/* sim_world.h -- a simulated world behind common/env.h: hosts, processes, a network, disks, one
 * seed.
 *
 * One thread. What happens next is the earliest of a heap of (time, serial) items; nothing ticks.
 * Time is in microseconds since the world began. The same seed and the same calls give the same
 * trace (sim_trace_hash), byte for byte.
 *
 *   sim_open -> sim_node_add ... -> sim_node_start ... -> sim_run_until ... -> sim_close
 *
 * A *node* is a process slot: a name, a host (network identity and disk; nodes of equal host share
 * both) and, while it runs, actors with an env each. The harness makes the production objects in
 * its open function and frees them in close(), which is called when the process has ended for
 * whatever reason, never during one of its turns. In close() only env_file_unref() and env_log()
 * still have an effect. Jobs, posts and open files that were in flight belong to the production
 * objects: the world has dropped every pointer to them when close() is called, and frees files that
 * are still open after it.
 */
#ifndef TESTS_SIM_SIM_WORLD_H
#define TESTS_SIM_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/env.h"
#include "common/prng.h"

#define SIM_ACTORS_MAX 16
#define SIM_NODES_MAX 64

struct sim;
struct sim_node;

struct sim_range {
    uint64_t min_us;
    uint64_t max_us;
};

/* Chances are in parts per million. All times in microseconds. */
struct sim_options {
    uint64_t seed;

    struct sim_range latency;       /* One way, between hosts. */
    struct sim_range latency_local; /* One way, within a host. */
    uint32_t tail_ppm;              /* A send takes longer by `tail`. */
    struct sim_range tail;
    uint32_t loss_ppm; /* A send is lost and sent again by TCP: `retransmit` later. */
    struct sim_range retransmit;
    uint32_t reset_ppm;    /* A send makes the network reset the connection. */
    uint32_t bytes_per_ms; /* Bandwidth of a connection; 0: without bound. */
    uint32_t window_bytes; /* What the kernels hold; more is queued in the sender's process. */
    struct sim_range tcp_timeout; /* Unacknowledged data for so long: the connection is reset. */
    uint32_t heal_reset_ppm;      /* A connection that a cut held up is reset when it heals. */

    struct sim_range turn_delay; /* From an event, or a deadline, to the turn that sees it. */
    uint32_t freeze_ppm;         /* The process stops in the middle of a turn, at env_clock_ms(). */
    struct sim_range freeze;
    struct sim_range post_delay; /* A message from one actor to another. */
    struct sim_range die_delay;  /* A killed process's descriptors close one by one. */

    struct sim_range job_delay;      /* From the submission (or the job before it) to the run. */
    struct sim_range job_done_delay; /* From the run to the completion. */
    struct sim_range sync_cost;      /* Per sync of a file or folder. */
    uint32_t read_again_ppm;         /* env_read_now(): not in memory. */
    uint32_t io_error_ppm;           /* Per call that touches the disk. */
    uint64_t disk_bytes;             /* Of each host. */
    int64_t wall_skew_max_ms;        /* Each host's wall clock is off by up to this. */

    enum log_level log_min;
    bool verbose; /* Log lines go to standard error as they come. */

    /* Hooks; each may be NULL. */
    void *arg;
    void (*after_turn)(void *arg, struct sim_node *node, uint32_t actor);
    void (*on_down)(void *arg, struct sim_node *node, const char *why); /* After close(). */
};

/* Quick and faultless, except for delays. */
struct sim_options sim_options_default(uint64_t seed);

/* All of it drawn from the seed, faults too. */
struct sim_options sim_options_draw(uint64_t seed);

void sim_options_print(const struct sim_options *options, FILE *to);

/* How often each thing happened. */
/* clang-format off */
#define SIM_COUNTS(X)                                                                   \
    X(turns) X(events) X(frames) X(dials) X(refused) X(silent) X(accepted)              \
    X(net_resets) X(net_losses) X(heal_resets) X(tcp_timeouts) X(cuts) X(heals)         \
    X(starts) X(kills) X(power_cuts) X(halts) X(stops) X(pauses) X(freezes)             \
    X(jobs) X(jobs_dropped) X(jobs_torn) X(stalls) X(read_agains) X(io_errors) X(fulls) \
    X(files_torn) X(names_dropped) X(bits_flipped) X(wall_jumps)
/* clang-format on */

struct sim_counts {
#define X(name) uint64_t name;
    SIM_COUNTS(X)
#undef X
};

/* ---- The world. ---- */

struct sim *sim_open(const struct sim_options *options);
void sim_close(struct sim *sim); /* Ends every process first. NULL is allowed. */

uint64_t sim_now_us(const struct sim *sim);
uint64_t sim_trace_hash(const struct sim *sim);
const struct sim_counts *sim_counts(const struct sim *sim);

/* Mixes a fact of the harness's own into the trace. */
void sim_trace(struct sim *sim, uint64_t fact);

/* A generator for the harness's own draws, seeded from the world's seed and `salt`. */
struct prng sim_prng(const struct sim *sim, uint64_t salt);

/* Does the next thing. False if nothing will ever happen, or there is a violation. */
bool sim_step(struct sim *sim);

/* Goes on until that time has come, at which sim_now_us() then stands. False on a violation. */
bool sim_run_until(struct sim *sim, uint64_t time_us);
bool sim_run_for_ms(struct sim *sim, uint64_t ms);

/* Goes on until done(arg) is true (asked after each step) or the time has come. True if it is. */
bool sim_run_while_not(struct sim *sim, bool (*done)(void *arg), void *arg, uint64_t limit_us);

/* Calls the harness at a time: its schedule of faults, its checks. */
void sim_at(struct sim *sim, uint64_t time_us, void (*call)(void *arg), void *arg);

/* The first violation is kept and ends the run. Oracles call this; so does the world when a node
 * takes turns without end. */
void sim_violation(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *sim_violated(const struct sim *sim); /* NULL if there is none. */

/* The last lines of every node's log, in the order of time. */
void sim_print_logs(const struct sim *sim, FILE *to);

/* The last `most` of the lines that are wanted. */
typedef bool sim_wants_line(void *arg, const struct sim_node *node, const char *text);
void sim_print_lines(const struct sim *sim, uint64_t most, sim_wants_line *wants, void *arg,
                     FILE *to);

/* ---- Processes. ---- */

/* What the harness's open function fills in. */
struct sim_process {
    env_turn_fn *turns[SIM_ACTORS_MAX];
    void *actors[SIM_ACTORS_MAX]; /* First argument of the turns. */
    void *process;                /* Argument of close(). */
    void (*close)(void *process); /* May be NULL. */
};
/* envs[i] is actor i's; they may be used at once. */
typedef void sim_open_fn(void *arg, struct sim_node *node, struct env *const *envs,
                         uint32_t actor_count, struct sim_process *out);

enum sim_state { SIM_DOWN, SIM_RUNNING, SIM_PAUSED };

struct sim_node *sim_node_add(struct sim *sim, const char *name, const char *host);
void sim_node_start(struct sim_node *node, uint32_t actor_count, sim_open_fn *open, void *arg);

/* SIGKILL. A job that was about to run may still do so, whole or in part. */
void sim_node_kill(struct sim_node *node);

/* The host loses its power: every process on it ends, its peers hear nothing, and what was not
 * synced is lost, kept or torn. The host is down until sim_node_boot() or a start. */
void sim_node_power_cut(struct sim_node *node);
void sim_node_boot(struct sim_node *node); /* Without a process yet: dials are refused. */

void sim_node_pause(struct sim_node *node); /* SIGSTOP */
void sim_node_resume(struct sim_node *node);
void sim_node_stop(struct sim_node *node); /* SIGTERM: ENV_STOP to each actor. */

enum sim_state sim_node_state(const struct sim_node *node);
const char *sim_node_name(const struct sim_node *node);
const char *sim_node_host(const struct sim_node *node);
struct sim *sim_node_sim(const struct sim_node *node);
const char *sim_node_why_down(const struct sim_node *node); /* "killed", env_halt()'s reason, ... */
const char *sim_in_turn(const struct sim *sim); /* Whose turn it is now; NULL: nobody's. */
struct env *sim_node_env(struct sim_node *node, uint32_t actor); /* Of a running process. */
void *sim_node_process(const struct sim_node *node); /* sim_process.process, NULL if down. */

void sim_node_wall_jump(struct sim_node *node, int64_t ms);

/* Asks the node's HTTP listener. done() is called once: with the answer, or with status 0 if the
 * process ends first or has no listener. `body` is valid until it returns. */
void sim_http_get(struct sim_node *node, const char *path,
                  void (*done)(void *arg, int status, struct slice body), void *arg);

/* ---- The network. Links lead from a host to a host; each direction is set by itself. ---- */

void sim_cut(struct sim_node *from, struct sim_node *to, bool is_cut);
void sim_cut_both(struct sim_node *a, struct sim_node *b, bool is_cut);
bool sim_is_cut(const struct sim_node *from, const struct sim_node *to);
void sim_isolate(struct sim_node *node, bool is_cut); /* From and to every other host. */
void sim_heal_all(struct sim *sim);
void sim_link_delay(struct sim_node *from, struct sim_node *to, uint64_t extra_us);
void sim_reset_connections(struct sim_node *a, struct sim_node *b); /* All between two nodes. */

/* Rates of random faults can be turned off for a liveness phase. */
void sim_set_net_faults(struct sim *sim, uint32_t loss_ppm, uint32_t reset_ppm, uint32_t tail_ppm);
void sim_set_freeze(struct sim *sim, uint32_t freeze_ppm);

/* ---- Disks. ---- */

/* The disk as the harness sees it: no faults, no cost, no time. Also while the process is down. */
struct fs *sim_node_fs(struct sim_node *node);

void sim_disk_stall(struct sim_node *node, uint64_t for_us); /* No job runs until then. */
void sim_disk_limit(struct sim_node *node, uint64_t bytes);  /* Full from there on. */
uint64_t sim_disk_used(const struct sim_node *node);
void sim_disk_errors(struct sim_node *node, uint32_t io_error_ppm);
/* Every call for something at or below the path fails (EIO); NULL: none does any more. */
void sim_disk_break(struct sim_node *node, const char *path);
void sim_disk_wipe(struct sim_node *node); /* A new disk; the process must be down. */
/* Turns one bit over, on the disk and in memory. -ERR_ABSENT: no such byte. */
MUST_USE int sim_disk_flip(struct sim_node *node, const char *path, uint64_t at, uint32_t bit);

#endif
