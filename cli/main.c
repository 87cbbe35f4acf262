#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "cli/verbs.h"

struct verb {
    const char *name;
    const char *group;
    const char *summary;
    int (*run)(int argc, char **argv);
};

#define X(name, group, summary) {#name, group, summary, verb_##name},
static const struct verb verbs[] = {VERBS(X)};
#undef X
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void print_help(void)
{
    puts("jackdaw: a replicated event-streaming cluster that any Kafka client can use\n\n"
         "usage: jackdaw VERB [options]");
    const char *group = "";
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(group, verbs[i].group) != 0) printf("\n%s:\n", verbs[i].group);
        group = verbs[i].group;
        printf("  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    puts("\nexample:\n"
         "  jackdaw up && jackdaw topics create greetings && echo hello | jackdaw produce "
         "greetings\n"
         "  jackdaw consume greetings --exit-at-end\n\n"
         "`jackdaw VERB --help` says more. Exit status: 0 done, 1 failed, 2 misused.");
}

static int unknown(const char *name)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++) names[i] = verbs[i].name;
    const char *near = nearest_name(name, names, VERB_COUNT);
    if (near == NULL) return misuse("no such verb: %s (jackdaw --help lists all)", name);
    return misuse("no such verb: %s; did you mean `jackdaw %s`?", name, near);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    bool wants_help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    if (wants_help || strcmp(name, "help") == 0) {
        print_help();
        return argc > 1 ? EXIT_OK : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("jackdaw " JACKDAW_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(name, verbs[i].name) != 0) continue;
        int status = verbs[i].run(argc - 1, argv + 1);
        /* What could not be written was not done: a full disk behind a pipe, say. */
        if (fflush(stdout) != 0 && status == EXIT_OK) {
            return fail("standard output could not be written");
        }
        return status;
    }
    return unknown(name);
}
