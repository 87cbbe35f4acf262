#include "cli/local_stop.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/local_process.h"

#define KILLED_WAIT_MS 10000
#define TREE_DESCRIPTORS_MAX 16

int nodes_stop(const struct node *const *nodes, size_t count, uint32_t timeout_ms)
{
    int status = EXIT_OK;
    uint64_t end = clock_ms() + timeout_ms;
    for (size_t i = 0; i < count; i++) {
        int rc = process_signal(nodes[i], SIGTERM);
        if (rc == -ERR_DENIED) status = fail("%s belongs to another user", nodes[i]->name);
        /* A node that hangs in SIGSTOP hears nothing before it is continued. */
        if (rc == 0) (void)!process_signal(nodes[i], SIGCONT);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t now = clock_ms();
        if (process_wait_gone(nodes[i], now < end ? (uint32_t)(end - now) : 0)) continue;

        status =
            fail("%s did not stop within %u s and was killed", nodes[i]->name, timeout_ms / 1000);
        int rc = process_signal(nodes[i], SIGKILL);
        if (rc == 0 && !process_wait_gone(nodes[i], KILLED_WAIT_MS)) {
            fail("%s does not die: its disk hangs?", nodes[i]->name);
        }
    }
    return status;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)where;
    if (kind == FTW_DP) return rmdir(path) == 0 || errno == ENOENT ? 0 : -1;
    return unlink(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* A folder that was replaced by a link is a link, and what it points to is not ours. */
static int remove_tree(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : -1;
    return nftw(path, remove_entry, TREE_DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int wipe_node(const struct node *n)
{
    static const char *const files[] = {"server.properties", "server.properties.new", "log", "pid",
                                        "pid.new"};
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/data", n->home);
    if (remove_tree(path) != 0) return fail("%s: %s", path, strerror(errno));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        path_of(path, "%s/%s", n->home, files[i]);
        if (unlink(path) != 0 && errno != ENOENT) return fail("%s: %s", path, strerror(errno));
    }
    if (rmdir(n->home) != 0 && errno != ENOENT) {
        fprintf(stderr, "jackdaw: %s stays: there is something in it that is not the cluster's\n",
                n->home);
    }
    return EXIT_OK;
}

int cluster_wipe(const struct cluster *c)
{
    for (size_t i = 0; i < c->node_count; i++) {
        int status = wipe_node(&c->nodes[i]);
        if (status != EXIT_OK) return status;
    }
    /* The mark goes last: a wipe that was interrupted can be repeated. */
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/cluster.properties", c->dir);
    if (unlink(path) != 0 && errno != ENOENT) return fail("%s: %s", path, strerror(errno));
    if (c->shape.made_dir && rmdir(c->dir) != 0 && errno != ENOENT) {
        fprintf(stderr, "jackdaw: %s stays: there is something in it that is not the cluster's\n",
                c->dir);
    }
    return EXIT_OK;
}
