/* import: adopts what Apache Kafka has stored. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/import/copy.h"
#include "cli/import/image.h"
#include "cli/import/report.h"
#include "cli/local_shape.h"
#include "cli/verbs.h"

#define IMAGE_MAX_BYTES ((size_t)1 << 30)
#define PROGRESS_MS 2000
#define PORT_DEFAULT 9092

struct import {
    struct import_options options;
    struct shape shape;
    char to[LOCAL_PATH_SIZE];
    bool does;
    bool is_dry;
    bool json;
    const char *doing;
    uint64_t total;
    uint64_t done;
    uint64_t told_ms;
};

/* Every two seconds a line, so that nobody thinks that it hangs. */
static void progress(void *arg, const char *what, uint64_t bytes)
{
    struct import *x = arg;
    char done[32], total[32];
    x->done += bytes;
    if (x->told_ms == 0) x->told_ms = clock_ms();
    if (clock_ms() - x->told_ms < PROGRESS_MS) return;
    x->told_ms = clock_ms();
    report_bytes(x->done, done);
    report_bytes(x->total, total);
    fprintf(stderr, "%s: %s%s%s, at %s\n", x->doing, done, x->total > 0 ? " of " : "",
            x->total > 0 ? total : "", what);
}

/* As a path from the root, so that it can be compared with others. */
static int find_target(struct import *x, const char *to)
{
    char here[PATH_MAX];
    if (to[0] == '/')
        path_of(x->to, "%s", to);
    else if (getcwd(here, sizeof here) != NULL)
        path_of(x->to, "%s/%s", here, to);
    else
        return fail("the present folder: %s", strerror(errno));
    char resolved[PATH_MAX];
    if (realpath(x->to, resolved) != NULL) path_of(x->to, "%s", resolved);
    x->options.to = x->to;

    DIR *d = opendir(x->to);
    x->shape.made_dir = d == NULL;
    if (d == NULL) return errno == ENOENT ? EXIT_OK : fail("%s: %s", x->to, strerror(errno));
    bool is_empty = true;
    for (const struct dirent *e = readdir(d); e != NULL && is_empty; e = readdir(d))
        is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(d);
    return is_empty ? EXIT_OK : fail("%s is not empty: an import goes into a new folder", x->to);
}

/* ---- Doing it ---- */

/* `jackdaw up` starts it if the ids of the brokers follow each other, and leave room for ports. */
static bool fits_shape(struct import *x, const struct plan *p)
{
    uint32_t count;
    int32_t *ids = plan_brokers(p, &count);
    bool fits = count > 0 && ids[count - 1] <= LOCAL_NODES_MAX &&
                ids[count - 1] - ids[0] == (int32_t)count - 1;
    x->shape.brokers = count;
    x->shape.first_id = fits ? ids[0] : 0;
    free(ids);
    return fits;
}

static int set_log_dirs(const struct plan *p, const struct node *n)
{
    char *all = copy_text("");
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (!n->is_broker || !s->is_broker || s->node_id != n->id) continue;
        char *more = format_text("%s%s%s", all, count > 0 ? "," : "", s->to);
        free(all);
        all = more;
        count++;
    }
    int rc = count > 1 ? node_set(n, "log.dirs", all) : 0;
    free(all);
    return rc;
}

/* The last step: from here on it is a cluster that can be started. */
static int make_cluster(struct import *x, const struct plan *p)
{
    if (!fits_shape(x, p)) {
        if (!x->json)
            printf(
                "done. The brokers' ids do not follow each other, so `jackdaw up` cannot start "
                "them: give each\nbroker its folder under %s as log.dirs, and controllers 101 to "
                "%" PRId64 " theirs\n",
                x->to, 100 + x->options.controllers);
        return EXIT_OK;
    }
    struct cluster c = {0};
    int rc = cluster_create(&c, x->to, &x->shape);
    for (size_t i = 0; rc == 0 && i < c.node_count; i++) rc = set_log_dirs(p, &c.nodes[i]);
    cluster_close(&c);
    if (rc != 0) return fail("the nodes' server.properties in %s: %s", x->to, err_text(rc));
    if (!x->json) printf("done. Start it with: jackdaw up --dir %s\n", x->to);
    return EXIT_OK;
}

/* ---- Room ---- */

/* The folder in which the new one will be. */
static void parent_of(const char *path, char out[FS_PATH_MAX])
{
    struct stat st;
    (void)snprintf(out, FS_PATH_MAX, "%s", path);
    for (char *slash = strrchr(out, '/'); stat(out, &st) != 0 && slash != NULL && slash > out;
         slash = strrchr(out, '/'))
        *slash = '\0';
}

/* Copies on the file system of what they are made of may share its blocks: what these need is not
 * known before. */
static bool may_share(const struct plan *p, const char *folder)
{
    struct stat to, from;
    if (stat(folder, &to) != 0) return true;
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (s->is_broker && stat(s->path, &from) == 0 && from.st_dev == to.st_dev) return true;
    }
    return false;
}

static void check_room(struct plan *p)
{
    char folder[FS_PATH_MAX], need[32], free_text[32];
    struct fs_space space;
    parent_of(p->options->to, folder);
    if (p->fs->ops->space(p->fs, folder, &space) != 0 || space.free_bytes >= p->bytes) return;

    report_bytes(p->bytes, need);
    report_bytes(space.free_bytes, free_text);
    if (may_share(p, folder))
        plan_say(&p->notes,
                 "%s has %s free, and %s are to be copied: it needs a file system whose "
                 "copies share blocks",
                 folder, free_text, need);
    else
        plan_say(&p->refused,
                 "%s has %s free, and %s are to be copied: make room, or say --to "
                 "another disk",
                 folder, free_text, need);
}

static int carry_out(struct import *x, struct plan *p)
{
    char why[SOURCE_WHY_SIZE] = "";
    struct writer image = writer_with(IMAGE_MAX_BYTES);
    int rc = import_image(p, &image, why);
    x->doing = "copying";
    x->total = p->bytes;
    x->done = 0;
    if (rc == 0) rc = copy_brokers(p, why);
    if (rc == 0) rc = copy_controllers(p, writer_slice(&image), why);
    writer_close(&image);
    if (rc == 0) return make_cluster(x, p);
    return fail("%s\nnothing of Kafka's was changed; what is in %s is not whole: remove it before "
                "you try again",
                why, x->to);
}

static int run(struct import *x)
{
    struct plan p = {.progress = progress, .progress_arg = x};
    char size[32];
    x->doing = "reading";
    plan_make(&p, &x->options);
    if (p.refused.count == 0) check_room(&p);
    bool may = p.refused.count == 0;
    bool does = x->does && may;
    if (!x->json) {
        report_text(&p);
        report_bytes(p.bytes, size);
        if (may) printf("to copy: %s\n", size);
        fflush(stdout);
    }
    int status = may ? EXIT_OK : EXIT_FAILED;
    if (does) status = carry_out(x, &p);
    if (x->json) report_json(&p, does && status == EXIT_OK);
    if (!may) {
        fail("%s%s", p.refused.at[0],
             p.refused.count > 1 ? " (and more: see above). Nothing was done"
                                 : ". Nothing was done");
    } else if (!does && !x->json) {
        puts("nothing was done: this was only the plan. --yes does it");
    }
    plan_close(&p);
    return status;
}

int verb_import(int argc, char **argv)
{
    struct import x = {.options.controllers = 3, .shape.port = PORT_DEFAULT};
    const char *to = LOCAL_DIR_DEFAULT;
    const struct option_row rows[] = {
        OPT_TEXT("to", 0, &to, "DIR", "the new cluster's folder (default: " LOCAL_DIR_DEFAULT ")"),
        OPT_FLAG("yes", 'y', &x.does, "do it; without this the plan is shown and nothing is done"),
        OPT_FLAG("dry-run", 'n', &x.is_dry, "show the plan, as without --yes"),
        OPT_LIST("without", 0, &x.options.without, "TOPIC", "leave that topic out"),
        OPT_LIST("lost", 0, &x.options.lost, "ID",
                 "go on without (some of) the log.dirs of that broker: they are gone for good"),
        OPT_NUMBER("controllers", 0, &x.options.controllers, "N", 1, 9, "how many (default 3)"),
        OPT_NUMBER("port", 0, &x.shape.port, "PORT", 1, 65000,
                   "of the first broker, for `jackdaw up` (default 9092)"),
        OPT_LIST("set", 0, &x.shape.sets, "KEY=VALUE", "a key for every node, for `jackdaw up`"),
        OPT_FLAG("json", 0, &x.json, "print JSON"),
    };
    const struct usage usage = {
        .verb = "import",
        .operands = "DIR...",
        .operand_min = 1,
        .operand_max = SIZE_MAX,
        .summary =
            "Makes a cluster of what Apache Kafka (3.3 to 4.3, KRaft) has stored: the log.dirs of "
            "all\n"
            "brokers, and of a controller (or all) for the metadata. Cluster id, topics with "
            "their\n"
            "ids, partitions, replicas, leader epochs, settings, records, the state of idempotent\n"
            "producers and the offsets of groups are the same. Stop all nodes of Kafka first: "
            "their\n"
            "folders are read and never changed, the new cluster's is a copy.",
        ROWS(rows),
        .example = "jackdaw import /var/kafka/*/data --to jackdaw-data        # what it would do\n"
                   "  jackdaw import /var/kafka/*/data --to jackdaw-data --yes && jackdaw up",
        .statuses = "0 it is done, or could be; 1 something stands in the way; 2 misused",
    };
    enum args_result result = args_parse(&usage, argc, argv, &x.options.dirs);
    int status = EXIT_OK;
    if (result != ARGS_RUN) {
        status = args_status(result);
    } else {
        x.shape.controllers = x.options.controllers;
        status =
            x.does && x.is_dry ? misuse("import: either --yes or --dry-run") : find_target(&x, to);
        if (status == EXIT_OK) status = run(&x);
    }
    strings_close(&x.options.dirs);
    strings_close(&x.options.without);
    strings_close(&x.options.lost);
    strings_close(&x.shape.sets);
    return status;
}
