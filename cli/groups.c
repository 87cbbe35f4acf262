#include "cli/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/reach.h"
#include "cli/verbs.h"

struct subverb {
    const char *name;
    int (*run)(const struct groups_options *o, const char *bootstrap, char **names, size_t count);
    size_t name_count_min;
};

static const struct subverb subverbs[] = {
    {"list", groups_list, 0},
    {"describe", groups_describe, 0},
    {"reset", groups_reset, 1},
    {"delete", groups_delete, 1},
};

static int dispatch(const struct groups_options *o, const struct strings *operands)
{
    const char *name = operands->count > 0 ? operands->at[0] : "list";
    const struct subverb *verb = DEED_OF("groups", name, subverbs);
    if (verb == NULL) return EXIT_USAGE;
    size_t count = operands->count > 0 ? operands->count - 1 : 0;
    if (count < verb->name_count_min) return misuse("groups %s: which group?", name);

    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STARTING);
    if (bootstrap == NULL) return EXIT_FAILED;
    int status = verb->run(o, bootstrap, count > 0 ? operands->at + 1 : NULL, count);
    free(bootstrap);
    return status;
}

int verb_groups(int argc, char **argv)
{
    struct groups_options o = {.timeout_s = 30};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_FLAG("to-earliest", 0, &o.to_earliest, "reset: to the first record there is"),
        OPT_FLAG("to-latest", 0, &o.to_latest, "reset: to the end; what is there is skipped"),
        OPT_GIVEN("to-offset", &o.offset, "N", 0, INT64_MAX, &o.has_offset,
                  "reset: to this offset, in each partition"),
        OPT_GIVEN("shift-by", &o.shift, "N", INT64_MIN, INT64_MAX, &o.has_shift,
                  "reset: by so many records from where it is; --shift-by=-10 goes back"),
        OPT_TEXT("to-time", 0, &o.to_time, "TIME",
                 "reset: to the first record at or after 2026-11-25T21:00:00Z, or milliseconds"),
        OPT_TEXT("from-file", 0, &o.from_file, "FILE",
                 "reset: to the offsets in a file: TOPIC,PARTITION,OFFSET a line"),
        OPT_FLAG("execute", 0, &o.execute,
                 "reset: do it; without this, only show what would be done"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 3600,
                   "for the cluster's answers (default: 30)"),
        OPT_FLAG("json", 0, &o.json, "list, describe: print JSON"),
        OPT_LIST("property", 'X', &o.extra, "KEY=VALUE",
                 "a property of librdkafka; may be repeated"),
    };
    const struct usage usage = {
        .verb = "groups",
        .operands = "[list|describe|reset|delete] [GROUP...]",
        .operand_max = SIZE_MAX,
        .summary =
            "Shows consumer groups, and moves them.\n\n"
            "  list                       their names and states (a bare `jackdaw groups` does)\n"
            "  describe [GROUP...]        members, what each has, and the lag: in records, and in\n"
            "                             seconds since the oldest record that waits was made\n"
            "  reset GROUP [TOPIC[:P]...] moves its offsets; nobody may be in it. Shows the plan;\n"
            "                             with --execute, carries it out\n"
            "  delete GROUP...            with its offsets; nobody may be in it",
        ROWS(rows),
        .example = "jackdaw groups describe billing\n"
                   "  jackdaw groups reset billing orders --to-time 2026-11-25T21:00:00Z --execute",
        .statuses = "0 done, 1 refused, no such group, or no broker answers, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? dispatch(&o, &operands) : args_status(result);
    strings_close(&operands);
    strings_close(&o.extra);
    return status;
}
