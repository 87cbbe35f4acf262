/* local_process.h -- the process of a local node: starting it, looking at it, signalling it.
 *
 * A pid alone proves nothing: the number may belong to a stranger by now. DIR/NAME/pid therefore
 * holds the pid, the process's start time, the id of this host's boot and the program's path; only
 * a process that agrees in all of them is ours, and it is signalled through a pidfd that was opened
 * before they were compared.
 */
#ifndef CLI_LOCAL_PROCESS_H
#define CLI_LOCAL_PROCESS_H

#include <sys/types.h>

#include "cli/local_shape.h"

enum process_state {
    PROCESS_DOWN,
    PROCESS_UP,
    PROCESS_STOPPED, /* SIGSTOP */
};

struct process {
    enum process_state state;
    pid_t pid; /* 0 when down. */
};

struct process process_look(const struct node *n);

const char *process_state_text(enum process_state state);

/* The path of jackdaw-KIND beside this program: as it is built, or as it is installed. False: there
 * is none. */
bool process_program(const char *kind, char out[LOCAL_PATH_SIZE]);

/* Starts the node's daemon, detached, its output appended to the node's log. It must be down. The
 * caller holds cluster_lock(). Returns 0 and *pid, or says what is wrong: an exit status. */
MUST_USE int process_launch(const struct node *n, pid_t *pid);

/* 0, -ERR_ABSENT if the node is down, -ERR_DENIED. */
MUST_USE int process_signal(const struct node *n, int signal_number);

/* True once the node is down; false when the time is over. */
bool process_wait_gone(const struct node *n, uint32_t timeout_ms);

/* One command at a time starts processes in a folder. Returns a descriptor to close, or an exit
 * status, negated, after saying why. */
int cluster_lock(const char *dir);

#endif
