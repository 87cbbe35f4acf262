/* replay: the last events of a node, carried out anew by the same cores. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/partition/replica_replay.h"
#include "cli/args.h"
#include "cli/local_shape.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "common/fs_real.h"
#include "controller/replay.h"

#define FILES_MAX 64
#define SUFFIX ".ring"

struct files {
    size_t count;
    char paths[FILES_MAX][LOCAL_PATH_SIZE];
};

/* Being replayed; a core that fails a CHECK ends the process, and this says where. */
static struct ring_replay replay;

static void on_abort(int number)
{
    (void)number;
    (void)printf("the core stops in this step, with the CHECK that is named above: %s\n"
                 "If the node died of it, this is why.\n",
                 replay.at);
    (void)fflush(stdout);
    _exit(EXIT_FAILED);
}

/* ---- Which files. ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_folder(struct files *files, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    size_t first = files->count;
    while (dir != NULL && (entry = readdir(dir)) != NULL && files->count < FILES_MAX) {
        size_t size = strlen(entry->d_name);
        size_t suffix = sizeof SUFFIX - 1;
        if (size <= suffix || strcmp(entry->d_name + size - suffix, SUFFIX) != 0) continue;
        path_of(files->paths[files->count++], "%s/%s", folder, entry->d_name);
    }
    if (dir != NULL) (void)closedir(dir);
    qsort(files->paths[first], files->count - first, sizeof files->paths[0], by_name);
}

/* A file; or a node of the local cluster, which has one for each of its shards. */
static int add(struct files *files, const char *name, const char *cluster_dir)
{
    if (access(name, F_OK) == 0 || strchr(name, '/') != NULL) {
        if (files->count < FILES_MAX) path_of(files->paths[files->count++], "%s", name);
        return EXIT_OK;
    }
    struct cluster c;
    const struct node *node;
    int status = cluster_need(&c, cluster_dir);
    if (status != EXIT_OK) return status;
    status = cluster_need_node(&c, name, &node);
    if (status == EXIT_OK) {
        char folder[LOCAL_PATH_SIZE];
        size_t before = files->count;
        path_of(folder, "%s/data", node->home);
        add_folder(files, folder);
        if (files->count == before)
            status = fail("%s: there is no events-*.ring in %s: has it started, and is ring.bytes "
                          "not 0?",
                          name, folder);
    }
    cluster_close(&c);
    return status;
}

/* ---- One file. ---- */

static void print_tail(const char *text, int64_t lines)
{
    const char *at = text + strlen(text);
    while (at > text && lines >= 0) {
        at--;
        if (*at == '\n') lines--;
    }
    (void)fputs(lines < 0 ? at + 1 : text, stdout);
}

static void print_result(const struct ring_label *label, const struct ring_replay *r)
{
    char span[64];
    unsigned long long ms = r->now_ms - r->from_ms;
    (void)snprintf(span, sizeof span, "over %llu.%03llu s", ms / 1000, ms % 1000);
    if (label->owner == RING_CONTROLLER) {
        (void)printf("controller %u: %llu steps of Raft and %llu decisions %s", label->node_id,
                     (unsigned long long)r->steps, (unsigned long long)r->decisions, span);
    } else {
        (void)printf("broker %u, shard %u: %llu steps of its replicas %s", label->node_id,
                     label->actor, (unsigned long long)r->steps, span);
    }
    (void)printf(", %llu states compared", (unsigned long long)r->checkpoints);
    if (r->shown > 0) (void)printf("; %llu decisions shown only", (unsigned long long)r->shown);
    if (r->differences == 0)
        (void)printf(": decided as they were then\n");
    else
        (void)printf(": NOT decided as then: %s\n", r->first_difference);
    if (r->differences > 0 && strcmp(label->program, JACKDAW_VERSION) != 0)
        (void)printf("(the node ran version %s, this is %s)\n", label->program, JACKDAW_VERSION);
}

static int replay_bytes(const char *path, struct slice bytes, bool is_quiet, int64_t last)
{
    struct ring_reader reader;
    const char *why = NULL;
    char *text = NULL;
    size_t size = 0;
    if (ring_reader_open(&reader, bytes, &why) != 0) return fail("%s: %s", path, why);

    FILE *kept = last > 0 && !is_quiet ? open_memstream(&text, &size) : NULL;
    replay = (struct ring_replay){.to = is_quiet ? NULL : kept != NULL ? kept : stdout};
    int rc = reader.label.owner == RING_CONTROLLER ? controller_replay(&reader, &replay, &why)
                                                   : replica_replay(&reader, &replay, &why);
    if (kept != NULL) {
        (void)fclose(kept);
        print_tail(text, last);
        free(text);
    }
    if (rc != 0) return fail("%s: %s (step %llu)", path, why, (unsigned long long)replay.steps);
    if (replay.steps + replay.decisions == 0) return fail("%s: it holds no event", path);
    print_result(&reader.label, &replay);
    return replay.differences == 0 ? EXIT_OK : EXIT_FAILED;
}

static int replay_file(const char *path, bool is_quiet, int64_t last)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs_real(), path, RING_MAX_BYTES, &bytes, &size);
    if (rc != 0) return fail("%s: %s", path, err_text(rc));
    int status = replay_bytes(path, slice_of(bytes, size), is_quiet, last);
    free(bytes);
    return status;
}

int verb_replay(int argc, char **argv)
{
    struct strings operands = {0};
    const char *dir = LOCAL_DIR_DEFAULT;
    bool is_quiet = false;
    int64_t last = 0;
    struct option_row rows[] = {
        OPT_TEXT("dir", 'd', &dir, "DIR", "the local cluster's folder, for names of nodes"),
        OPT_FLAG("quiet", 'q', &is_quiet, "say only whether all was decided as it was then"),
        OPT_NUMBER("last", 'n', &last, "N", 1, INT32_MAX, "print the last N steps only"),
    };
    struct usage usage = {
        .verb = "replay",
        .operands = "FILE|NODE...",
        .operand_min = 1,
        .operand_max = SIZE_MAX,
        .summary =
            "Carries out the last events of a controller or broker anew, step by step, with the\n"
            "same code, and says whether it decides as the node did. FILE is an events-N.ring of\n"
            "the node's log folder: it is written all the time, and survives kill -9. NODE is one\n"
            "of the local cluster. Changes nothing. The file holds names, addresses and secrets\n"
            "of brokers, and no records.",
        ROWS(rows),
        .example = "jackdaw replay --last 20 controller-1\n"
                   "  jackdaw replay /var/lib/jackdaw/events-1.ring",
        .statuses = "0 decided as then, 1 not, or a file cannot be read, 2 misused",
    };
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? EXIT_OK : args_status(result);
    struct files *files = calloc(1, sizeof *files);
    for (size_t i = 0; result == ARGS_RUN && i < operands.count && status == EXIT_OK; i++) {
        status = add(files, operands.at[i], dir);
    }
    (void)signal(SIGABRT, on_abort);
    for (size_t i = 0; result == ARGS_RUN && status != EXIT_USAGE && i < files->count; i++) {
        int one = replay_file(files->paths[i], is_quiet, last);
        if (one != EXIT_OK) status = one;
    }
    free(files);
    strings_close(&operands);
    return status;
}
