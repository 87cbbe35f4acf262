#include "cli/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/reach.h"
#include "cli/verbs.h"

struct subverb {
    const char *name;
    int (*run)(const struct topics_options *o, const char *bootstrap, char **names, size_t count);
    size_t name_count_min;
};

static const struct subverb subverbs[] = {
    {"list", topics_list, 0},       {"describe", topics_describe, 0}, {"create", topics_create, 1},
    {"delete", topics_delete, 1},   {"undelete", topics_undelete, 1}, {"purge", topics_purge, 1},
    {"partitions", topics_grow, 1}, {"elect", topics_elect, 0},
};

static int dispatch(struct topics_options *o, const struct strings *operands)
{
    const char *name = operands->count > 0 ? operands->at[0] : (o->watch ? "describe" : "list");
    const struct subverb *verb = DEED_OF("topics", name, subverbs);
    if (verb == NULL) return EXIT_USAGE;
    size_t count = operands->count > 0 ? operands->count - 1 : 0;
    if (count < verb->name_count_min) return misuse("topics %s: which topic?", name);

    if (o->watch && verb->run != topics_describe)
        return misuse("topics %s: --watch goes with describe", verb->name);
    if (o->watch && o->json) return misuse("topics describe: --watch is drawn, and no JSON");
    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STARTING);
    if (bootstrap == NULL) return EXIT_FAILED;
    char **topics = count > 0 ? operands->at + 1 : NULL;
    int status = verb->run(o, bootstrap, topics, count);
    free(bootstrap);
    return status;
}

static const char summary[] =
    "Creates, shows and removes topics.\n\n"
    "  list [--deleted]     their names (what a bare `jackdaw topics` does)\n"
    "  describe [TOPIC...]  leader, leader epoch, replicas, in-sync and eligible replicas\n"
    "  create TOPIC...      returns when every broker knows them\n"
    "  delete TOPIC...      for ever, when file.delete.delay.ms has passed (a minute, "
    "unless set)\n"
    "  undelete TOPIC...    until then: they are back, with their ids, settings and "
    "records\n"
    "  purge TOPIC...       deleted ones are gone at once, and their space is free\n"
    "  partitions TOPIC...  gives them more partitions: --partitions N\n"
    "  elect [TOPIC...]     the preferred leaders lead again, where they are in sync";

int verb_topics(int argc, char **argv)
{
    struct topics_options o = {
        .partitions = -1, .replication_factor = -1, .partition = -1, .timeout_s = 30};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_NUMBER("partitions", 'p', &o.partitions, "N", 1, 100000,
                   "create: how many (default: the cluster's); partitions: how many from now on"),
        OPT_NUMBER("replication-factor", 'r', &o.replication_factor, "N", 1, 1000,
                   "create: replicas of each partition (default: the cluster's)"),
        OPT_LIST("config", 'c', &o.configs, "KEY=VALUE",
                 "create: a setting of the topic; may be repeated"),
        OPT_TEXT("assignment", 0, &o.assignment, "1:2:3,2:3:1",
                 "create: which brokers hold each partition, the preferred leader first"),
        OPT_FLAG("if-not-exists", 0, &o.if_not_exists, "create: a topic that is there is fine"),
        OPT_FLAG("validate-only", 0, &o.validate_only,
                 "create, partitions: only say whether it could be done"),
        OPT_NUMBER("partition", 0, &o.partition, "N", 0, INT32_MAX,
                   "elect: only this one (default: all)"),
        OPT_FLAG("unclean", 0, &o.unclean,
                 "elect: any replica, where no other can; records may be lost"),
        OPT_FLAG("deleted", 0, &o.deleted,
                 "list: those that were deleted and can come back, and for how long"),
        OPT_FLAG("id", 0, &o.by_id, "undelete, purge: topics are named by their ids"),
        OPT_FLAG("watch", 'w', &o.watch,
                 "describe: redraw as leadership moves; piped, a line per change"),
        OPT_NUMBER("for", 0, &o.for_s, "SECONDS", 1, 1000000,
                   "with --watch: how long (default: until interrupted)"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 3600,
                   "for the cluster's answer (default: 30)"),
        OPT_FLAG("json", 0, &o.json, "list, describe: print JSON"),
        OPT_LIST("property", 'X', &o.extra, "KEY=VALUE",
                 "a property of librdkafka; may be repeated"),
    };
    const struct usage usage = {
        .verb = "topics",
        .operands = "[list|describe|create|delete|undelete|purge|partitions|elect] [TOPIC...]",
        .operand_max = SIZE_MAX,
        .summary = summary,
        ROWS(rows),
        .example = "jackdaw topics create orders --partitions 6 --config min.insync.replicas=2\n"
                   "  jackdaw topics describe orders --watch",
        .statuses = "0 done, 1 refused, no such topic, or no broker answers, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? dispatch(&o, &operands) : args_status(result);
    strings_close(&operands);
    strings_close(&o.configs);
    strings_close(&o.extra);
    return status;
}
