/* sim: runs whole clusters from seeds. See --help. */
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/sim/canaries.h"
#include "tests/sim/raft_sim.h"
#include "tests/sim/run.h"

#define JOBS_MAX 64
#define TALLIES_MAX 24
#define CANARY_SEEDS_MAX 1000
#define RAFT_DURATION_MS (10 * 1000)
#define STATUS_VIOLATION 1
#define STATUS_USAGE 2
#define KEPT_MAX_BYTES (32 * 1024 * 1024) /* The most that mallopt() takes. */
#define STORY_MAX_BYTES 32768             /* Fits into a pipe, behind the result. */

static const char USAGE[] =
    "usage: sim [--seed N] [--count K] [--seeds FILE] [--until-failure] [--canary NAME] ...\n"
    "\n"
    "Runs clusters of brokers and controllers in a simulated world, each from a seed: the same "
    "seed\n"
    "is the same run, byte for byte.\n"
    "\n"
    "  --seed N          the seed, or the first of several (1)\n"
    "  --count K         so many seeds, one after the other; prints totals\n"
    "  --seeds FILE      the seeds in a file, one a line, # begins a comment; before those of "
    "--count\n"
    "  --until-failure   goes on until a seed fails (with --count: not beyond it)\n"
    "  --report          failures are told, and are no failure of this program\n"
    "  --all-faults      it is a failure if a kind of fault never occurred\n"
    "  --canary NAME     breaks a rule on purpose (--list-canaries)\n"
    "  --protocols       groups are of the classic or of the consumer protocol, as the seed says;\n"
    "                    without this, of the classic one\n"
    "  --whole           with --canary: its run, and nothing is broken\n"
    "  --canaries        each canary with the seed that catches it; fails if one is not caught\n"
    "  --table           with --count: how many of so many seeds catch each canary, and which "
    "oracle\n"
    "                    speaks first how often\n"
    "  --same-trace      runs each seed twice and compares\n"
    "  --seconds S       simulated seconds of the safety phase (60)\n"
    "  --jobs J          so many processes at once (1)\n"
    "  --verbose         log lines go to standard error as they come\n"
    "  --logs            a run that fails prints the last lines of every node\n"
    "\n"
    "  sim --seed 42 --verbose\n"
    "  sim --seed 1000 --count 200 --until-failure\n";

struct flags {
    uint64_t seed;
    uint64_t count;
    uint32_t listed_count;
    uint64_t *listed;
    const char *seeds_file;
    bool has_count;
    bool until_failure;
    bool reports;
    bool wants_all_faults;
    bool runs_canaries;
    bool has_protocols;
    bool makes_table;
    bool compares;
    bool verbose;
    bool prints_logs;
    uint64_t seconds;
    uint32_t jobs;
    enum canary canary;
    bool is_whole; /* As with the canary, and nothing is broken. */
};

/* ---- One seed. ---- */

static struct cluster_options options_of(const struct flags *f, uint64_t seed)
{
    struct cluster_options o = cluster_options_draw(seed);
    o.world.verbose = f->verbose;
    if (!f->has_protocols) o.consumer_groups = 0;
    if (f->seconds > 0) o.duration_ms = f->seconds * 1000;
    if (f->canary < CANARY_COUNT) canary_set(f->canary, !f->is_whole, &o);
    return o;
}

static struct run_result run_raft(const struct flags *f, uint64_t seed, FILE *story)
{
    struct raft_sim_options o = {.seed = seed,
                                 .duration_ms = RAFT_DURATION_MS,
                                 .canaries = f->is_whole ? 0 : canary_raft(f->canary)};
    struct raft_sim_result r = raft_sim_run(&o);
    struct run_result out = {.seed = seed,
                             .trace_hash = r.history_hash,
                             .simulated_ms = o.duration_ms,
                             .terms = r.leaders,
                             .decisions = r.commits};
    if (r.violation == NULL) return out;
    (void)snprintf(out.violation, sizeof out.violation, "[raft] %s", r.violation);
    if (story != NULL) (void)fprintf(story, "violation: %s\n", out.violation);
    return out;
}

static struct run_result run_any(const struct flags *f, uint64_t seed,
                                 const struct run_print *print)
{
    if (f->canary < CANARY_COUNT && canary_raft(f->canary) != 0)
        return run_raft(f, seed, print->story);

    struct cluster_options o = options_of(f, seed);
    return run_seed(&o, print);
}

static void print_replay(const struct flags *f, uint64_t seed, FILE *to)
{
    (void)fprintf(to, "replay: build/sim --seed %llu%s%s%s", (unsigned long long)seed,
                  f->has_protocols ? " --protocols" : "",
                  f->canary < CANARY_COUNT ? " --canary " : "",
                  f->canary < CANARY_COUNT ? canary_name(f->canary) : "");
    if (f->seconds > 0) (void)fprintf(to, " --seconds %llu", (unsigned long long)f->seconds);
    (void)fprintf(to, "\n");
}

static void print_result(const struct run_result *r, FILE *to)
{
    (void)fprintf(to, "simulated %llu.%03llu s: ", (unsigned long long)(r->simulated_ms / 1000),
                  (unsigned long long)(r->simulated_ms % 1000));
    (void)fprintf(
        to, "%llu records acknowledged, %llu of them with acks=1; %llu sent with acks=0; ",
        (unsigned long long)r->acked, (unsigned long long)r->acked1, (unsigned long long)r->sent0);
    (void)fprintf(to, "%llu given up; %llu read; %llu acks=1 lost with a reason\n",
                  (unsigned long long)r->given_up, (unsigned long long)r->read,
                  (unsigned long long)r->lost_explained);
    (void)fprintf(to, "%llu leader changes, %llu terms, %llu decisions\nfaults:",
                  (unsigned long long)r->leader_changes, (unsigned long long)r->terms,
                  (unsigned long long)r->decisions);
    for (uint32_t i = 0; i < FAULT_KIND_COUNT; i++) {
        (void)fprintf(to, " %s %llu", fault_name((enum fault_kind)i),
                      (unsigned long long)r->faults[i]);
    }
    static const char *const deeds[] = {
#define X(name) #name,
        ADMIN_DEEDS(X)
#undef X
    };
    (void)fprintf(to, "\nadmin:");
    for (uint32_t i = 0; i < DEED_COUNT; i++)
        (void)fprintf(to, " %s %llu", deeds[i], (unsigned long long)r->deeds[i]);
    (void)fprintf(to, "\nworld:");
#define X(name) (void)fprintf(to, " %s %llu", #name, (unsigned long long)r->world.name);
    SIM_COUNTS(X)
#undef X
    (void)fprintf(to, "\n");
}

/* What a failure has to say, in memory until it is its turn. */
struct telling {
    char *text;
    size_t size;
    FILE *to;
};

static void telling_open(struct telling *t)
{
    t->to = open_memstream(&t->text, &t->size);
    CHECK(t->to != NULL);
}

static void telling_close(struct telling *t)
{
    if (t->to == NULL) return;
    (void)fclose(t->to);
    t->to = NULL;
    if (t->size > STORY_MAX_BYTES) t->size = STORY_MAX_BYTES;
}

/* The one run of this process, if there is one. */
static struct {
    const struct flags *flags;
    uint64_t seed;
    int to; /* A pipe for the result; -1: it is printed. */
} running;

static void report(const struct run_result *r, struct telling *story)
{
    const struct flags *f = running.flags;
    telling_close(story);
    if (running.to >= 0) {
        bool ok = write(running.to, r, sizeof *r) == (ssize_t)sizeof *r &&
                  write(running.to, story->text, story->size) == (ssize_t)story->size;
        _exit(ok ? 0 : STATUS_USAGE);
    }
    print_result(r, stdout);
    (void)printf("trace %016llx\n", (unsigned long long)r->trace_hash);
    (void)fwrite(story->text, 1, story->size, stdout);
    free(story->text);
    if (r->violation[0] != '\0') print_replay(f, running.seed, stdout);
    (void)fflush(stdout);
}

/* The program under test has failed a CHECK or worse; the story may explain it. */
static void on_crash(int signal)
{
    (void)signal;
    struct run_result r = {.seed = running.seed};
    struct telling story = {0};
    telling_open(&story);
    FILE *logs = running.flags->prints_logs ? stdout : NULL;
    run_tell_crash(r.violation, sizeof r.violation, logs, story.to);
    report(&r, &story);
    _exit(STATUS_VIOLATION);
}

static int run_one(const struct flags *f)
{
    running.flags = f;
    running.seed = f->seed;
    running.to = -1;
    (void)signal(SIGABRT, on_crash);
    struct telling story = {0};
    telling_open(&story);
    struct run_result r =
        run_any(f, f->seed,
                &(struct run_print){
                    .out = stdout, .logs = f->prints_logs ? stdout : NULL, .story = story.to});
    report(&r, &story);
    return r.violation[0] == '\0' ? EXIT_SUCCESS : STATUS_VIOLATION;
}

/* ---- Many seeds, each in a process of its own: a crash is a result. ---- */

struct worker {
    pid_t pid;
    int from; /* A pipe. */
    uint64_t seed;
};

static _Noreturn void run_in_worker(const struct flags *f, uint64_t seed)
{
    struct telling story = {0};
    telling_open(&story);
    running.flags = f;
    running.seed = seed;
    (void)signal(SIGABRT, on_crash);
    struct run_result r = run_any(f, seed, &(struct run_print){.story = story.to});
    struct run_result again = r;
    if (f->compares) again = run_any(f, seed, &(struct run_print){0});
    if (r.violation[0] == '\0' && again.trace_hash != r.trace_hash) {
        (void)snprintf(r.violation, sizeof r.violation,
                       "[trace] the same seed made two runs: %016llx and %016llx",
                       (unsigned long long)r.trace_hash, (unsigned long long)again.trace_hash);
    }
    report(&r, &story);
    UNREACHABLE();
}

static void worker_start(const struct flags *f, uint64_t seed, struct worker *w)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    (void)fflush(stdout);
    w->pid = fork();
    CHECK(w->pid >= 0);
    if (w->pid == 0) {
        (void)close(ends[0]);
        running.to = ends[1];
        run_in_worker(f, seed);
    }
    (void)close(ends[1]);
    w->from = ends[0];
    w->seed = seed;
}

/* `story` has STORY_MAX_BYTES + 1 of room, or is NULL. */
static struct run_result worker_wait(struct worker *w, char *story)
{
    struct run_result r = {0};
    size_t got = 0;
    ssize_t part;
    while (got < sizeof r && (part = read(w->from, (uint8_t *)&r + got, sizeof r - got)) > 0) {
        got += (size_t)part;
    }
    size_t told = 0;
    while (story != NULL && told < STORY_MAX_BYTES &&
           (part = read(w->from, story + told, STORY_MAX_BYTES - told)) > 0) {
        told += (size_t)part;
    }
    if (story != NULL) story[told] = '\0';
    int status = 0;
    (void)waitpid(w->pid, &status, 0);
    (void)close(w->from);
    if (got < sizeof r) {
        r = (struct run_result){0};
        (void)snprintf(r.violation, sizeof r.violation,
                       "[crash] the program under test has crashed (status %d)", status);
    }
    r.seed = w->seed;
    w->pid = 0;
    return r;
}

/* The run that had the least of something. */
struct least {
    uint64_t value;
    uint64_t seed;
};

static void take_least(struct least *least, uint64_t value, uint64_t seed, bool is_first)
{
    if (is_first || value < least->value) *least = (struct least){.value = value, .seed = seed};
}

static void add_up(struct run_result *sum, const struct run_result *r)
{
    sum->simulated_ms += r->simulated_ms;
    sum->sent0 += r->sent0;
    sum->acked1 += r->acked1;
    sum->acked += r->acked;
    sum->given_up += r->given_up;
    sum->read += r->read;
    sum->lost_explained += r->lost_explained;
    sum->leader_changes += r->leader_changes;
    sum->terms += r->terms;
    sum->decisions += r->decisions;
    for (uint32_t i = 0; i < FAULT_KIND_COUNT; i++) sum->faults[i] += r->faults[i];
    for (uint32_t i = 0; i < DEED_COUNT; i++) sum->deeds[i] += r->deeds[i];
#define X(name) sum->world.name += r->world.name;
    SIM_COUNTS(X)
#undef X
}

struct tally {
    char tag[24];
    uint64_t count;
};

struct many {
    const struct flags *f;
    struct run_result sum;
    struct least simulated_ms;
    struct least acked;
    uint64_t done;
    uint64_t failed;
    uint64_t first_failed;
    char violation[RUN_VIOLATION_SIZE]; /* Of the first that failed. */
    struct tally tallies[TALLIES_MAX];
};

/* Which oracle spoke. */
static void count_tag(struct many *m, const char *violation)
{
    int size = (int)strcspn(violation, " ");
    for (uint32_t i = 0; i < TALLIES_MAX; i++) {
        struct tally *t = &m->tallies[i];
        if (t->count == 0) (void)snprintf(t->tag, sizeof t->tag, "%.*s", size, violation);
        if (strncmp(t->tag, violation, (size_t)size) != 0 || t->tag[size] != '\0') continue;
        t->count++;
        return;
    }
}

/* A seed that fails without the canary as well proves nothing. */
static bool fails_anyway(const struct flags *f, uint64_t seed)
{
    struct flags plain = *f;
    plain.is_whole = true;
    struct worker w;
    worker_start(&plain, seed, &w);
    return worker_wait(&w, NULL).violation[0] != '\0';
}

static void take(struct many *m, struct worker *w)
{
    static char story[STORY_MAX_BYTES + 1];
    struct run_result r = worker_wait(w, story);
    m->done++;
    if (m->f->runs_canaries && r.violation[0] != '\0' && fails_anyway(m->f, r.seed)) return;
    add_up(&m->sum, &r);
    take_least(&m->simulated_ms, r.simulated_ms, r.seed, m->done == 1);
    take_least(&m->acked, r.acked, r.seed, m->done == 1);
    if (r.violation[0] == '\0') return;

    count_tag(m, r.violation);
    if (m->failed++ == 0) {
        m->first_failed = r.seed;
        memcpy(m->violation, r.violation, sizeof m->violation);
    }
    if (m->f->runs_canaries || m->f->makes_table) return;
    (void)printf("seed %llu: %s\n", (unsigned long long)r.seed, r.violation);
    if (m->failed == 1) (void)fputs(story, stdout); /* Of the others their own runs tell it. */
    print_replay(m->f, r.seed, stdout);
    (void)fflush(stdout);
}

static uint64_t seed_at(const struct flags *f, uint64_t index)
{
    if (index < f->listed_count) return f->listed[index];
    return f->seed + (index - f->listed_count);
}

static void run_many(struct many *m)
{
    const struct flags *f = m->f;
    uint64_t total = f->listed_count + (f->has_count || f->listed_count == 0 ? f->count : 0);
    struct worker workers[JOBS_MAX] = {{0}};
    uint64_t started = 0;
    uint64_t taken = 0;
    while (taken < total) {
        bool is_over = f->until_failure && m->failed > 0;
        while (!is_over && started < total && started - taken < f->jobs) {
            worker_start(f, seed_at(f, started), &workers[started % f->jobs]);
            started++;
        }
        if (taken == started) return;
        take(m, &workers[taken % f->jobs]);
        taken++;
    }
}

/* What comes of faults in the world, or of chance: writes of killed processes and of power cuts
 * that are torn, names that were not synced, full disks met, errors, bits turned over. */
/* clang-format off */
#define WORLD_FAULTS(X)                                                               \
    X(jobs_torn) X(files_torn) X(names_dropped) X(fulls) X(io_errors) X(bits_flipped) \
    X(net_resets) X(net_losses) X(heal_resets) X(freezes) X(stalls) X(read_agains)    \
    X(wall_jumps)
/* clang-format on */

static int check_faults(const struct many *m)
{
    int status = EXIT_SUCCESS;
    for (uint32_t i = 0; i < FAULT_KIND_COUNT; i++) {
        if (m->sum.faults[i] > 0) continue;
        (void)printf("the fault %s never occurred: %s\n", fault_name((enum fault_kind)i),
                     fault_text((enum fault_kind)i));
        status = STATUS_VIOLATION;
    }
    const struct {
        const char *name;
        uint64_t count;
    } world[] = {
#define X(name) {#name, m->sum.world.name},
        WORLD_FAULTS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++) {
        if (world[i].count > 0) continue;
        (void)printf("what a fault is to do never came of it: %s\n", world[i].name);
        status = STATUS_VIOLATION;
    }
    for (uint32_t i = 0; i < DEED_COUNT; i++) {
        if (m->sum.deeds[i] > 0) continue;
        (void)printf("one of the admin's deeds was never asked for (number %u)\n", i + 1);
        status = STATUS_VIOLATION;
    }
    return status;
}

static int many(const struct flags *f)
{
    struct many m = {.f = f};
    run_many(&m);
    print_result(&m.sum, stdout);
    (void)printf(
        "least: %llu.%03llu s simulated (seed %llu), %llu records acknowledged (seed %llu)\n",
        (unsigned long long)(m.simulated_ms.value / 1000),
        (unsigned long long)(m.simulated_ms.value % 1000), (unsigned long long)m.simulated_ms.seed,
        (unsigned long long)m.acked.value, (unsigned long long)m.acked.seed);
    (void)printf("%llu seeds, %llu failed\n", (unsigned long long)m.done,
                 (unsigned long long)m.failed);
    int status = f->wants_all_faults ? check_faults(&m) : EXIT_SUCCESS;
    return m.failed > 0 && !f->reports ? STATUS_VIOLATION : status;
}

/* One row for each canary, or for the one that is named. */
static int table(const struct flags *f)
{
    for (uint32_t i = 0; i < CANARY_COUNT; i++) {
        if (f->canary < CANARY_COUNT && f->canary != (enum canary)i) continue;
        struct flags one = *f;
        one.canary = (enum canary)i;
        one.has_count = true;
        struct many m = {.f = &one};
        run_many(&m);
        (void)printf("| `%s` | %llu of %llu |", canary_name(one.canary),
                     (unsigned long long)m.failed, (unsigned long long)m.done);
        for (uint32_t k = 0; k < TALLIES_MAX && m.tallies[k].count > 0; k++) {
            (void)printf("%s %s %llu", k == 0 ? "" : ",", m.tallies[k].tag,
                         (unsigned long long)m.tallies[k].count);
        }
        (void)printf(" |\n");
        (void)fflush(stdout);
    }
    return EXIT_SUCCESS;
}

static int canaries(const struct flags *f)
{
    int status = EXIT_SUCCESS;
    for (uint32_t i = 0; i < CANARY_COUNT; i++) {
        struct flags one = *f;
        one.canary = (enum canary)i;
        one.seed = canary_seed(one.canary);
        one.count = 1;
        one.has_count = true;
        one.until_failure = true;
        struct many m = {.f = &one};
        run_many(&m);
        /* The seed of the table is the quick way; any change of the program may make it another. */
        if (m.failed == 0) {
            one.seed = 1;
            one.count = f->has_count ? f->count : CANARY_SEEDS_MAX;
            m = (struct many){.f = &one};
            run_many(&m);
        }
        if (m.failed == 0) status = STATUS_VIOLATION;
        (void)printf("%-24s %s %llu: %s\n", canary_name(one.canary),
                     m.failed > 0 ? "caught by seed" : "NOT CAUGHT up to seed",
                     (unsigned long long)(m.failed > 0 ? m.first_failed : one.seed + one.count - 1),
                     m.failed > 0 ? m.violation : canary_text(one.canary));
        (void)fflush(stdout);
    }
    return status;
}

/* ---- The command line. ---- */

static int read_seeds(struct flags *f)
{
    FILE *file = fopen(f->seeds_file, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "sim: %s cannot be read\n", f->seeds_file);
        return STATUS_USAGE;
    }
    char line[512];
    uint32_t capacity = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        unsigned long long seed = strtoull(line, &end, 10);
        if (end == line) continue;
        if (f->listed_count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            f->listed = realloc(f->listed, capacity * sizeof f->listed[0]);
            CHECK(f->listed != NULL);
        }
        f->listed[f->listed_count++] = seed;
    }
    (void)fclose(file);
    return 0;
}

static bool take_number(const char *text, uint64_t *out)
{
    char *end;
    if (text == NULL) return false;
    *out = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

static bool take_switch(const char *arg, struct flags *f)
{
    const struct {
        const char *name;
        bool *to;
    } switches[] = {
        {"--until-failure", &f->until_failure},
        {"--report", &f->reports},
        {"--all-faults", &f->wants_all_faults},
        {"--canaries", &f->runs_canaries},
        {"--protocols", &f->has_protocols},
        {"--whole", &f->is_whole},
        {"--table", &f->makes_table},
        {"--same-trace", &f->compares},
        {"--verbose", &f->verbose},
        {"--logs", &f->prints_logs},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcmp(arg, switches[i].name) != 0) continue;
        *switches[i].to = true;
        return true;
    }
    return false;
}

static bool take_value(const char *arg, const char *value, struct flags *f)
{
    uint64_t jobs = 0;
    if (strcmp(arg, "--seed") == 0) return take_number(value, &f->seed);
    if (strcmp(arg, "--seconds") == 0) return take_number(value, &f->seconds);
    if (strcmp(arg, "--count") == 0) {
        f->has_count = true;
        return take_number(value, &f->count);
    }
    if (strcmp(arg, "--jobs") == 0) {
        bool ok = take_number(value, &jobs) && jobs >= 1 && jobs <= JOBS_MAX;
        f->jobs = (uint32_t)jobs;
        return ok;
    }
    if (strcmp(arg, "--canary") == 0 && value != NULL) {
        f->canary = canary_find(value);
        return f->canary < CANARY_COUNT;
    }
    if (strcmp(arg, "--seeds") == 0) {
        f->seeds_file = value;
        return value != NULL;
    }
    return false;
}

static int refuse(const char *arg)
{
    (void)fprintf(stderr, "sim: %s is not understood, or its value is not; see sim --help\n", arg);
    return STATUS_USAGE;
}

/* Processes of the world end and begin often, and each of them takes large arenas: what they give
 * back is kept here, for the kernel clears every page that it gives out again. */
static void keep_memory(void)
{
    /* An allocator of another kind, a sanitizer's, knows nothing of it. */
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_MAX_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int main(int argc, char **argv)
{
    struct flags f = {.seed = 1, .count = 1, .jobs = 1, .canary = CANARY_COUNT};
    keep_memory();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--list-canaries") == 0) {
            for (uint32_t k = 0; k < CANARY_COUNT; k++) {
                (void)printf("%-24s %s\n", canary_name((enum canary)k),
                             canary_text((enum canary)k));
            }
            return EXIT_SUCCESS;
        }
        if (take_switch(argv[i], &f)) continue;
        if (!take_value(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &f)) return refuse(argv[i]);
        i++;
    }
    if (f.has_count && f.count == 0 && f.seeds_file == NULL) return refuse("--count 0");
    if (f.seeds_file != NULL && read_seeds(&f) != 0) return STATUS_USAGE;
    if (f.until_failure && !f.has_count) f.count = UINT32_MAX;
    bool is_one = !f.has_count && f.listed_count == 0 && !f.until_failure && !f.compares;
    int status = f.makes_table     ? table(&f)
                 : f.runs_canaries ? canaries(&f)
                 : is_one          ? run_one(&f)
                                   : many(&f);
    free(f.listed);
    return status;
}
