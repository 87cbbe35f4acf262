#include "cli/local_start.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/http_get.h"
#include "cli/local_process.h"
#include "common/check.h"

#define LOG_TAIL_SIZE 4096
#define LOG_TAIL_LINES 12
#define HEALTH_TIMEOUT_MS 500
#define POLL_US 2000

struct waiting {
    const struct node *node;
    pid_t child; /* 0: it ran already. */
    off_t log_from;
    bool is_ready;
    char answer[160]; /* What /health last said. */
};

static bool is_free(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return true;

    /* A port in TIME_WAIT is free in this sense, one that is listened on is not. */
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool free_port = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return free_port;
}

int ports_need_free(const struct cluster *c, const struct node *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t ports[3];
        if (process_look(nodes[i]).state != PROCESS_DOWN) continue;
        size_t port_count = node_ports(c, nodes[i], ports);
        for (size_t j = 0; j < port_count; j++) {
            if (is_free(ports[j])) continue;
            return fail("port %u, which %s needs, is in use by another program (another cluster?); "
                        "choose other ports with `up --port`",
                        ports[j], nodes[i]->name);
        }
    }
    return EXIT_OK;
}

static off_t log_size(const struct node *n)
{
    char path[LOCAL_PATH_SIZE];
    struct stat st;
    path_of(path, "%s/log", n->home);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* The last lines that the node has logged since it was started this time. */
static void print_log_tail(const struct waiting *w)
{
    char path[LOCAL_PATH_SIZE], text[LOG_TAIL_SIZE + 1];
    path_of(path, "%s/log", w->node->home);
    off_t end = log_size(w->node);
    off_t from = end - w->log_from > LOG_TAIL_SIZE ? end - LOG_TAIL_SIZE : w->log_from;
    FILE *f = fopen(path, "re");
    if (f == NULL) return;

    size_t size = fseeko(f, from, SEEK_SET) == 0 ? fread(text, 1, LOG_TAIL_SIZE, f) : 0;
    fclose(f);
    while (size > 0 && text[size - 1] == '\n') size--;
    text[size] = 0;
    if (size == 0) {
        fprintf(stderr, "  (it logged nothing to %s)\n", path);
        return;
    }
    const char *at = text + size;
    for (int lines = 0; at > text && lines < LOG_TAIL_LINES; at--) {
        if (at[-1] == '\n' && ++lines == LOG_TAIL_LINES) break;
    }
    fprintf(stderr, "The last lines of %s:\n", path);
    struct strings lines = {0};
    strings_split(&lines, at, '\n');
    for (size_t i = 0; i < lines.count; i++) fprintf(stderr, "  %s\n", lines.at[i]);
    strings_close(&lines);
}

/* Whether the node's process is no more; says how it ended. */
static bool has_died(struct waiting *w)
{
    int status = 0;
    if (w->child != 0 && waitpid(w->child, &status, WNOHANG) == w->child) {
        if (WIFSIGNALED(status)) {
            fail("%s was killed by signal %d (%s)", w->node->name, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        } else {
            fail("%s ended with exit status %d", w->node->name, WEXITSTATUS(status));
        }
    } else if (process_look(w->node).state == PROCESS_DOWN) {
        fail("%s is down", w->node->name);
    } else {
        return false;
    }
    print_log_tail(w);
    return true;
}

/* A broker serves when it is registered and not fenced. A controller serves when it answers at all:
 * whether there is a leader depends on its peers, which may be about to be started. */
static void ask_health(struct waiting *w)
{
    char *body = NULL;
    if (w->node->http_address[0] == 0) {
        w->is_ready = true;
        return;
    }
    int status = http_get(w->node->http_address, "/health", HEALTH_TIMEOUT_MS, &body);
    w->is_ready = status == 200 || (!w->node->is_broker && status > 0);
    if (body != NULL) {
        body[strcspn(body, "\n")] = 0;
        snprintf(w->answer, sizeof w->answer, "%.*s", (int)sizeof w->answer - 1, body);
    }
    free(body);
}

/* Controllers of the cluster that run, in `up`; true if they are a majority. */
static bool have_quorum(const struct cluster *c, int64_t *up)
{
    *up = 0;
    for (size_t i = (size_t)c->shape.brokers; i < c->node_count; i++) {
        *up += process_look(&c->nodes[i]).state == PROCESS_UP;
    }
    return *up * 2 > c->shape.controllers;
}

/* Why a node that runs does not serve. */
static int say_late(const struct cluster *c, const struct waiting *w, uint32_t timeout_ms)
{
    int64_t up = 0;
    if (!have_quorum(c, &up)) {
        return fail("%s runs, but cannot serve before more controllers do: %lld of %lld are up",
                    w->node->name, (long long)up, (long long)c->shape.controllers);
    }
    fail("%s runs, but has not served within %u s%s%s", w->node->name, timeout_ms / 1000,
         w->answer[0] ? ": " : "", w->answer);
    print_log_tail(w);
    return EXIT_FAILED;
}

static int wait_ready(const struct cluster *c, struct waiting *all, size_t count,
                      uint32_t timeout_ms)
{
    uint64_t end = clock_ms() + timeout_ms;
    int64_t ignored = 0;
    for (;;) {
        struct waiting *late = NULL;
        for (size_t i = 0; i < count; i++) {
            if (has_died(&all[i])) return EXIT_FAILED;
            if (!all[i].is_ready) ask_health(&all[i]);
            if (!all[i].is_ready) late = &all[i];
        }
        if (late == NULL) return EXIT_OK;
        bool hopeless = late->node->is_broker && !have_quorum(c, &ignored);
        if (clock_ms() >= end || hopeless) return say_late(c, late, timeout_ms);
        pause_us(POLL_US);
    }
}

int nodes_start(const struct cluster *c, const struct node *const *nodes, size_t count,
                uint32_t timeout_ms, int lock_fd)
{
    struct waiting *all = get_memory(count * sizeof *all);
    int status = EXIT_OK;
    /* Controllers stand behind the brokers in the list, and start before them. */
    for (size_t i = count; i-- > 0 && status == EXIT_OK;) {
        struct process p = process_look(nodes[i]);
        all[i] = (struct waiting){.node = nodes[i], .log_from = log_size(nodes[i])};
        if (p.state == PROCESS_DOWN) status = process_launch(nodes[i], &all[i].child);
        if (p.state == PROCESS_STOPPED) (void)!process_signal(nodes[i], SIGCONT);
    }
    close(lock_fd);
    if (status == EXIT_OK) status = wait_ready(c, all, count, timeout_ms);
    free(all);
    return status;
}
