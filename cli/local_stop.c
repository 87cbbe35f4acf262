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
#define LEFT_SAID_MAX 10u

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

/* ---- What nodes make, by its name. ---- */

/* Segments and what goes with them, what was cut off or is going, snapshots: 20 digits, and more.
 */
static bool is_numbered(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits == 20 && (name[digits] == '.' || name[digits] == '-');
}

/* A word, and behind it nothing, or the number of the shard whose it is, or what is not whole. */
static bool is_word(const char *name, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(name, word, size) != 0) return false;
    if (name[size] == '.') size += 1 + strspn(name + size + 1, "0123456789");
    return name[size] == 0 || strcmp(name + size, "tmp") == 0 || strcmp(name + size, ".tmp") == 0;
}

static bool is_ring(const char *name)
{
    if (strncmp(name, "events-", 7) != 0) return false;
    const char *rest = name + 7 + strspn(name + 7, "0123456789");
    return rest > name + 7 && (strcmp(rest, ".ring") == 0 || strcmp(rest, ".before.ring") == 0);
}

static bool is_file_of_node(const char *name)
{
    static const char *const words[] = {"meta.properties",
                                        "quorum-state",
                                        ".lock",
                                        "partition.metadata",
                                        "leader-epoch-checkpoint",
                                        "offset-checkpoint",
                                        "replication-offset-checkpoint",
                                        "recovery-point-offset-checkpoint",
                                        "log-start-offset-checkpoint",
                                        "cleaner-offset-checkpoint",
                                        "moved-here",
                                        ".jackdaw-boot-mark",
                                        ".jackdaw-directories",
                                        "jackdaw-new-disk"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(name, words[i])) return true;
    }
    return is_numbered(name) || is_ring(name);
}

/* TOPIC-NUMBER, and behind it nothing, or what becomes of it: .ID-delete, .ID-future ... */
static bool is_folder_of_node(const char *name)
{
    for (const char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash + 1, '-')) {
        size_t digits = strspn(dash + 1, "0123456789");
        char next = dash[1 + digits];
        if (dash > name && digits > 0 && (next == 0 || next == '.')) return true;
    }
    return false;
}

/* What a wipe leaves behind, since nftw() takes nothing with it. */
static uint32_t left_count;

static void leave(const char *path)
{
    if (left_count++ < LEFT_SAID_MAX)
        fprintf(stderr, "jackdaw: %s stays: it is not the cluster's\n", path);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    const char *name = path + where->base;
    bool is_folder = kind == FTW_DP;
    bool is_ours = where->level == 0 || (is_folder && is_folder_of_node(name)) ||
                   (kind == FTW_F && is_file_of_node(name));
    if (!is_ours) {
        leave(path);
        return 0;
    }
    int rc = is_folder ? rmdir(path) : unlink(path);
    bool is_kept = rc != 0 && is_folder && (errno == ENOTEMPTY || errno == EEXIST);
    return rc == 0 || errno == ENOENT || is_kept ? 0 : -1;
}

/* A folder that was replaced by a link is a link, and what it points to is not ours. */
static int remove_tree(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : -1;
    left_count = 0;
    int rc = nftw(path, remove_entry, TREE_DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (left_count > LEFT_SAID_MAX)
        fprintf(stderr, "jackdaw: ... and %u more in %s\n", left_count - LEFT_SAID_MAX, path);
    return rc;
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
