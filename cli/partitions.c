/* `jackdaw partitions`: where replicas lie, and moving them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/moves.h"
#include "cli/reach.h"
#include "cli/recover.h"
#include "cli/verbs.h"
#include "cli/where.h"

#define SIZES_TIMEOUT_MS 2000

struct partitions_options {
    struct where where;
    const char *to;
    bool wait;
    bool all;
    bool json;
    bool yes;
    const char *plan;
    int64_t timeout_s;
};

/* "orders:3" -> the partition's row. NULL: why has been said. */
static const json_t *find_partition(const struct view *v, const char *text)
{
    char *name = copy_text(text), *topic = NULL, *number = NULL;
    const json_t *row = NULL;
    int64_t partition = 0;
    if (!split_pair(name, ':', &topic, &number) || !number_of(number, 0, INT32_MAX, &partition)) {
        fail("%s is not a partition: write TOPIC:NUMBER", text);
    } else {
        row = view_partition(v, topic, partition);
        if (row == NULL) fail("there is no partition %s-%lld", topic, (long long)partition);
    }
    free(name);
    return row;
}

static json_t *parse_ids(const char *text)
{
    struct strings parts = {0};
    json_t *ids = json_array();
    strings_split(&parts, text, ',');
    for (size_t i = 0; i < parts.count && ids != NULL; i++) {
        int64_t id = 0;
        if (number_of(parts.at[i], 0, INT32_MAX, &id)) {
            json_array_append_new(ids, json_integer(id));
            continue;
        }
        json_decref(ids);
        ids = NULL;
    }
    strings_close(&parts);
    return ids;
}

/* Sends a plan, waits if it is asked for, and says what happens. Takes the plan over. */
static int carry_out(const struct partitions_options *o, struct wire *w, json_t *plan)
{
    int status = moves_ask(w, plan, (uint32_t)o->timeout_s * 1000);
    if (status == EXIT_OK) print_plan(plan);
    if (status == EXIT_OK && o->wait) status = moves_wait(w, plan, o->timeout_s);
    json_decref(plan);
    return status;
}

static int move(const struct partitions_options *o, struct wire *w, const struct view *v,
                char **names, size_t count)
{
    json_t *to = o->to == NULL ? NULL : parse_ids(o->to), *plan = json_array();
    int status = EXIT_OK;
    if (count == 0) status = misuse("partitions move: which partition? TOPIC:NUMBER");
    if (status == EXIT_OK && to == NULL) {
        status =
            misuse("partitions move: to which brokers? --to 1,2,3, the preferred leader first");
    }
    for (size_t i = 0; i < count && status == EXIT_OK; i++) {
        const json_t *row = find_partition(v, names[i]);
        if (row == NULL) status = EXIT_FAILED;
        if (row != NULL) json_array_append_new(plan, move_row(row, json_deep_copy(to)));
    }
    json_decref(to);
    if (status == EXIT_OK) return carry_out(o, w, plan);
    json_decref(plan);
    return status;
}

static int cancel(const struct partitions_options *o, struct wire *w, const struct view *v,
                  char **names, size_t count)
{
    json_t *plan = json_array();
    const json_t *row = NULL;
    size_t i = 0;
    int status = EXIT_OK;
    if (count == 0 && !o->all) {
        status = misuse("partitions cancel: which partition? TOPIC:NUMBER, or --all");
    }
    json_array_foreach(v->partitions, i, row)
    {
        if (o->all && is_moving(row)) json_array_append_new(plan, move_row(row, json_null()));
    }
    for (i = 0; i < count && status == EXIT_OK; i++) {
        row = find_partition(v, names[i]);
        if (row == NULL) status = EXIT_FAILED;
        if (row != NULL) json_array_append_new(plan, move_row(row, json_null()));
    }
    if (status == EXIT_OK) status = moves_ask(w, plan, (uint32_t)o->timeout_s * 1000);
    json_array_foreach(plan, i, row)
    {
        if (status != EXIT_OK) break;
        printf("%s-%lld stays where it is\n", text_in(row, "topic"), number_in(row, "partition"));
    }
    if (status == EXIT_OK && i == 0) puts("no partition moves");
    json_decref(plan);
    return status;
}

static void print_move(const json_t *row, int percent)
{
    char replicas[IDS_SIZE], isr[IDS_SIZE], adding[IDS_SIZE], removing[IDS_SIZE], next[IDS_SIZE];
    char progress[16] = "-";
    if (percent >= 0) snprintf(progress, sizeof progress, "%d %%", percent);
    printf("%-24s %-9lld %-6lld %-14s %-12s %-8s %-8s %-9s %s\n", text_in(row, "topic"),
           number_in(row, "partition"), number_in(row, "leader"),
           ids_text(row, "replicas", replicas), ids_text(row, "isr", isr),
           ids_text(row, "adding", adding), ids_text(row, "removing", removing),
           ids_text(row, "successor", next), progress);
}

/* What is under way. */
static int moves(const struct partitions_options *o, struct wire *w, const struct view *v)
{
    json_t *brokers = NULL, *list = json_array();
    int rc = view_brokers(v, w, &brokers);
    json_t *sizes = view_sizes(brokers, SIZES_TIMEOUT_MS);
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        if (!is_moving(row)) continue;
        if (!o->json && json_array_size(list) == 0) {
            puts("TOPIC                    PARTITION LEADER REPLICAS       ISR          ADDING   "
                 "REMOVING SUCCESSOR PROGRESS");
        }
        int percent = move_percent(row, sizes);
        json_object_set_new(row, "percent", percent < 0 ? json_null() : json_integer(percent));
        json_array_append(list, row);
        if (!o->json) print_move(row, percent);
    }
    if (o->json) json_print(list);
    if (!o->json && json_array_size(list) == 0) puts("no partition moves");
    json_decref(sizes);
    json_decref(brokers);
    json_decref(list);
    return rc == 0 ? EXIT_OK : fail("no broker answers: %s", wire_why(rc));
}

static int show_or_recover(const struct partitions_options *o, struct wire *w, const struct view *v,
                           char **names, size_t count)
{
    if (count == 0) return misuse("partitions recover: which one? TOPIC or TOPIC:NUMBER");
    struct recover_options recover_options = {.yes = o->yes,
                                              .plan = o->plan,
                                              .json = o->json,
                                              .timeout_ms = (uint32_t)o->timeout_s * 1000};
    return recover(&recover_options, w, v, names, count);
}

static int run(const struct partitions_options *o, const char *verb, char **names, size_t count)
{
    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STANDING);
    if (bootstrap == NULL) return EXIT_FAILED;

    struct wire w;
    struct view v = {0};
    int status = EXIT_FAILED;
    wire_init(&w, bootstrap, (uint32_t)o->timeout_s * 1000);
    int rc = view_open(&v, &w, NULL, 0);
    if (rc != 0) {
        status = fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    } else if (strcmp(verb, "move") == 0) {
        status = move(o, &w, &v, names, count);
    } else if (strcmp(verb, "cancel") == 0) {
        status = cancel(o, &w, &v, names, count);
    } else if (strcmp(verb, "recover") == 0) {
        status = show_or_recover(o, &w, &v, names, count);
    } else {
        status = moves(o, &w, &v);
    }
    view_close(&v);
    wire_close(&w);
    free(bootstrap);
    return status;
}

int verb_partitions(int argc, char **argv)
{
    struct partitions_options o = {.timeout_s = 600};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_TEXT("to", 0, &o.to, "1,2,3",
                 "move: the replicas it shall have, the preferred leader first"),
        OPT_FLAG("wait", 0, &o.wait, "move: return when it is done, and show how far it is"),
        OPT_FLAG("all", 0, &o.all, "cancel: every move that is under way"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 1000000,
                   "for answers and for --wait (default: 600)"),
        OPT_FLAG("yes", 0, &o.yes, "recover: do it"),
        OPT_TEXT("plan", 0, &o.plan, "PLAN",
                 "recover: only if nothing has changed since it was shown"),
        OPT_FLAG("json", 0, &o.json, "moves, recover: print JSON"),
    };
    const struct usage usage = {
        .verb = "partitions",
        .operands = "[move|moves|cancel|recover] [TOPIC:NUMBER...]",
        .operand_max = SIZE_MAX,
        .summary =
            "Moves partitions to other brokers. The new replicas copy what there is; when "
            "all of them are in\n"
            "sync the old ones go, and a leader among those hands over without losing a "
            "record.\n\n"
            "  moves                     what is under way, and how far (what a bare "
            "`jackdaw partitions` does)\n"
            "  move TOPIC:NUMBER... --to 1,2,3\n"
            "  cancel TOPIC:NUMBER...    back to the replicas that it had\n"
            "  recover TOPIC[:NUMBER]... what the living replicas have of partitions that\n"
            "                            nobody leads, and what is at risk; with --yes the one\n"
            "                            that reaches furthest leads (an unclean election)",
        ROWS(rows),
        .example = "jackdaw partitions move orders:3 --to 4,2,3 --wait",
        .statuses = "0 done (moves: nothing went wrong), 1 refused, or not done in time, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? EXIT_OK : args_status(result);
    if (result == ARGS_RUN) {
        const char *verb = operands.count > 0 ? operands.at[0] : "moves";
        static const char *const deeds[] = {"move", "moves", "cancel", "recover"};
        size_t count = operands.count > 0 ? operands.count - 1 : 0;
        status = DEED_OF("partitions", verb, deeds) != NULL
                     ? run(&o, verb, count > 0 ? operands.at + 1 : NULL, count)
                     : EXIT_USAGE;
    }
    strings_close(&operands);
    return status;
}
