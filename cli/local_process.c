#include "cli/local_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/clock.h"
#include "common/check.h"

#define PROGRAM_NAME_SIZE 32

/* What /proc says of a process, and what a pid file says of a node. */
struct identity {
    pid_t pid;
    unsigned long long start_time; /* Ticks since boot: proc(5), field 22. */
    char boot_id[40];
    char program[LOCAL_PATH_SIZE];
};

const char *process_state_text(enum process_state state)
{
    switch (state) {
    case PROCESS_DOWN: return "down";
    case PROCESS_UP: return "up";
    case PROCESS_STOPPED: return "stopped";
    }
    UNREACHABLE();
}

static bool read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;

    ssize_t got = read(fd, out, size - 1);
    close(fd);
    out[got > 0 ? got : 0] = 0;
    return got > 0;
}

static void read_boot_id(char out[40])
{
    if (!read_text("/proc/sys/kernel/random/boot_id", out, 40)) snprintf(out, 40, "unknown");
    out[strcspn(out, "\n")] = 0;
}

/* False if there is no such process. Its first thread is a zombie as soon as it has ended, while
 * others may still hold ports and locks. */
static bool read_stat(pid_t pid, char *state, int *thread_count, unsigned long long *start_time)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_text(path, text, sizeof text)) return false;

    /* The name in parentheses may itself hold blanks and parentheses. */
    const char *at = strrchr(text, ')');
    if (at == NULL) return false;
    return sscanf(at + 1,
                  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
                  state, thread_count, start_time) == 3;
}

static bool read_program(pid_t pid, char out[LOCAL_PATH_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t size = readlink(path, out, LOCAL_PATH_SIZE - 1);
    if (size <= 0) return false;

    /* A program that was built again while it ran. */
    static const char gone[] = " (deleted)";
    size_t length = (size_t)size, tail = sizeof gone - 1;
    if (length > tail && memcmp(out + length - tail, gone, tail) == 0) length -= tail;
    out[length] = 0;
    return true;
}

static bool read_pid_file(const struct node *n, struct identity *id)
{
    char path[LOCAL_PATH_SIZE], text[LOCAL_PATH_SIZE + 128];
    int pid = 0, used = 0;
    path_of(path, "%s/pid", n->home);
    if (!read_text(path, text, sizeof text)) return false;
    if (sscanf(text, "%d %llu %39s %n", &pid, &id->start_time, id->boot_id, &used) != 3)
        return false;
    if (pid <= 1 || used == 0) return false;

    id->pid = pid;
    text[strcspn(text, "\n")] = 0;
    path_of(id->program, "%s", text + used);
    return true;
}

/* The state of the process that the pid file names, if it is the very same process. */
static enum process_state state_of(const struct identity *id)
{
    char boot_id[40], program[LOCAL_PATH_SIZE], letter = 0;
    unsigned long long start_time = 0;
    int thread_count = 0;
    read_boot_id(boot_id);
    if (strcmp(boot_id, id->boot_id) != 0) return PROCESS_DOWN;
    if (!read_stat(id->pid, &letter, &thread_count, &start_time)) return PROCESS_DOWN;
    if (start_time != id->start_time || letter == 'X') return PROCESS_DOWN;
    if (letter == 'Z') return thread_count > 1 ? PROCESS_UP : PROCESS_DOWN; /* Without a program. */
    /* One that is ending has no program any more, and still has its files, and the lock of its
     * folder. */
    if (!read_program(id->pid, program)) return PROCESS_UP;
    if (strcmp(program, id->program) != 0) return PROCESS_DOWN;

    return letter == 'T' || letter == 't' ? PROCESS_STOPPED : PROCESS_UP;
}

struct process process_look(const struct node *n)
{
    struct identity id = {0};
    if (!read_pid_file(n, &id)) return (struct process){0};

    enum process_state state = state_of(&id);
    return (struct process){.state = state, .pid = state == PROCESS_DOWN ? 0 : id.pid};
}

bool process_program(const char *kind, char out[LOCAL_PATH_SIZE])
{
    char self[LOCAL_PATH_SIZE], path[LOCAL_PATH_SIZE];
    if (!read_program(getpid(), self)) return false;

    *strrchr(self, '/') = 0;
    for (int i = 0; i < 3; i++) {
        if (i == 0) path_of(path, "%s/../%s/jackdaw-%s", self, kind, kind);
        if (i == 1) path_of(path, "%s/jackdaw-%s", self, kind);
        if (i == 2) path_of(path, "%s/../libexec/jackdaw/jackdaw-%s", self, kind);
        char *resolved = access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
        if (resolved == NULL) continue;
        path_of(out, "%s", resolved);
        free(resolved);
        return true;
    }
    return false;
}

static bool write_pid_file(const struct node *n, const char *program)
{
    char path[LOCAL_PATH_SIZE], fresh[LOCAL_PATH_SIZE], boot_id[40], letter = 0;
    unsigned long long start_time = 0;
    int thread_count = 0;
    read_boot_id(boot_id);
    if (!read_stat(getpid(), &letter, &thread_count, &start_time)) return false;

    path_of(path, "%s/pid", n->home);
    path_of(fresh, "%s/pid.new", n->home);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    bool written = dprintf(fd, "%d %llu %s %s\n", (int)getpid(), start_time, boot_id, program) > 0;
    close(fd);
    return written && rename(fresh, path) == 0;
}

/* In the child. The pid file is written here, before the program runs: there is never a daemon that
 * no file names, whenever the parent may die. Returns only if something failed. */
static void become_daemon(const struct node *n, const char *program)
{
    char log_path[LOCAL_PATH_SIZE], config[LOCAL_PATH_SIZE];
    path_of(log_path, "%s/log", n->home);
    path_of(config, "%s/server.properties", n->home);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (null < 0 || log < 0 || setsid() < 0) return;
    if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) return;
    if (chdir(n->home) != 0 || !write_pid_file(n, program)) return;

    /* What the caller ignored or blocked, and its descriptors, are no inheritance. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < 32; s++) (void)signal(s, SIG_DFL);
    (void)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);

    char *const argv[] = {copy_text(program), copy_text("--config"), copy_text(config), NULL};
    execv(program, argv);
}

int process_launch(const struct node *n, pid_t *pid)
{
    char program[LOCAL_PATH_SIZE];
    int ends[2], error = 0;
    if (!process_program(n->is_broker ? "broker" : "controller", program)) {
        return fail("jackdaw-%s is neither beside this program nor in ../libexec/jackdaw; is it "
                    "built? (ninja -C build)",
                    n->is_broker ? "broker" : "controller");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) return fail("no pipe: %s", strerror(errno));

    *pid = fork();
    if (*pid == 0) {
        become_daemon(n, program);
        error = errno;
        if (write(ends[1], &error, sizeof error) < 0) _exit(126);
        _exit(127);
    }
    close(ends[1]);
    /* Nothing comes through the pipe if exec succeeds: it closes it. */
    ssize_t got = *pid < 0 ? -1 : read(ends[0], &error, sizeof error);
    close(ends[0]);
    if (*pid < 0) return fail("%s: no new process: %s", n->name, strerror(errno));
    if (got > 0) return fail("%s could not be started: %s", n->name, strerror(error));
    return EXIT_OK;
}

int process_signal(const struct node *n, int signal_number)
{
    struct identity id = {0};
    if (!read_pid_file(n, &id)) return -ERR_ABSENT;

    int fd = (int)syscall(SYS_pidfd_open, id.pid, 0);
    bool has_pidfd = fd >= 0;
    if (!has_pidfd && errno != ENOSYS && errno != EPERM) return -ERR_ABSENT;

    int rc = -ERR_ABSENT;
    if (state_of(&id) != PROCESS_DOWN) {
        long done = has_pidfd ? syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0)
                              : kill(id.pid, signal_number);
        rc = done == 0 ? 0 : (errno == EPERM ? -ERR_DENIED : -ERR_ABSENT);
    }
    if (has_pidfd) close(fd);
    return rc;
}

bool process_wait_gone(const struct node *n, uint32_t timeout_ms)
{
    uint64_t end = clock_ms() + timeout_ms;
    while (process_look(n).state != PROCESS_DOWN) {
        if (clock_ms() >= end) return false;
        pause_us(1000);
    }
    return true;
}

int cluster_lock(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -fail("%s: %s", dir, strerror(errno));
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        close(fd);
        return -fail("%s: no lock: %s", dir, strerror(errno));
    }
    return fd;
}
