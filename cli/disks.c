/* `jackdaw disks`: the folders of every broker's log.dirs, how they fare, and moving replicas
 * between those of one broker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/reach.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "cli/where.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/alter_log_dirs.h"
#include "proto/msg/describe_log_dirs.h"

#define BROKER_TIMEOUT_MS 5000
#define POLL_US 100000
#define MEBI (1024.0 * 1024)

struct disks_options {
    struct where where;
    int64_t broker; /* -1: all. */
    const char *to;
    bool wait;
    bool json;
    int64_t timeout_s;
};

/* ---- Looking. ---- */

static json_t *row_of(json_int_t broker, const struct describe_log_dirs_response_result *d)
{
    json_int_t replicas = 0, bytes = 0;
    json_t *moving = json_array();
    const struct describe_log_dirs_response_topic *topics = d->topics.items;
    for (int32_t i = 0; i < d->topics.count; i++) {
        const struct describe_log_dirs_response_partition *p = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            bytes += p[j].partition_size;
            replicas += !p[j].is_future_key;
            if (!p[j].is_future_key) continue;
            json_array_append_new(moving,
                                  json_pack("{s:s%, s:i, s:I, s:I}", "topic", topics[i].name.at,
                                            topics[i].name.size, "partition", p[j].partition_index,
                                            "bytes", (json_int_t)p[j].partition_size, "lag",
                                            (json_int_t)p[j].offset_lag));
        }
    }
    const char *state = d->error_code == KAFKA_NONE ? "well" : kafka_error_name(d->error_code);
    return json_pack("{s:I, s:s%, s:s, s:I, s:I, s:I, s:I, s:o}", "broker", broker, "folder",
                     d->log_dir.at, d->log_dir.size, "state", state, "replicas", replicas, "bytes",
                     bytes, "total_bytes", (json_int_t)d->total_bytes, "usable_bytes",
                     (json_int_t)d->usable_bytes, "moving_here", moving);
}

static void name_address(const json_t *broker, char *out, size_t size)
{
    snprintf(out, size, "%.200s:%lld", text_in(broker, "host"), number_in(broker, "port"));
}

static void add_broker(const json_t *broker, json_t *rows)
{
    char address[288];
    struct describe_log_dirs_request request;
    struct describe_log_dirs_response response;
    kafka_defaults(&schema_describe_log_dirs_request, &request);
    request.topics.count = -1;
    name_address(broker, address, sizeof address);
    struct wire w;
    wire_init(&w, address, BROKER_TIMEOUT_MS);
    int rc = wire_call(&w, KAFKA_API_DESCRIBE_LOG_DIRS, 4, &request, &response);
    if (rc != 0) {
        fail("broker %lld at %s does not answer: %s", number_in(broker, "id"), address,
             wire_why(rc));
    } else {
        const struct describe_log_dirs_response_result *dirs = response.results.items;
        for (int32_t i = 0; i < response.results.count; i++)
            json_array_append_new(rows, row_of(number_in(broker, "id"), &dirs[i]));
    }
    wire_close(&w);
}

static void print_rows(const json_t *rows)
{
    bool fancy = isatty(STDOUT_FILENO) == 1;
    puts("BROKER  STATE                REPLICAS  MiB         FREE MiB    OF MiB      FOLDER");
    size_t i = 0, j = 0;
    const json_t *d = NULL, *m = NULL;
    json_array_foreach(rows, i, d)
    {
        bool is_well = strcmp(text_in(d, "state"), "well") == 0;
        printf("%s%-7lld %-20s %-9lld %-11.1f %-11.1f %-11.1f %s%s\n",
               fancy && !is_well ? "\033[31m" : "", number_in(d, "broker"), text_in(d, "state"),
               number_in(d, "replicas"), (double)number_in(d, "bytes") / MEBI,
               (double)number_in(d, "usable_bytes") / MEBI,
               (double)number_in(d, "total_bytes") / MEBI, text_in(d, "folder"),
               fancy && !is_well ? "\033[0m" : "");
        json_array_foreach(json_object_get(d, "moving_here"), j, m)
        {
            printf("        %s-%lld is moving here: %.1f MiB, %lld records behind\n",
                   text_in(m, "topic"), number_in(m, "partition"),
                   (double)number_in(m, "bytes") / MEBI, number_in(m, "lag"));
        }
    }
}

static json_t *look(const struct disks_options *o, const json_t *brokers)
{
    json_t *rows = json_array();
    size_t i = 0;
    const json_t *broker = NULL;
    json_array_foreach(brokers, i, broker)
    {
        if (o->broker >= 0 && number_in(broker, "id") != o->broker) continue;
        if (!flag_in(broker, "fenced")) add_broker(broker, rows);
    }
    return rows;
}

static bool all_well(const json_t *rows)
{
    size_t i = 0;
    const json_t *d = NULL;
    json_array_foreach(rows, i, d)
    {
        if (strcmp(text_in(d, "state"), "well") != 0) return false;
    }
    return true;
}

static int list(const struct disks_options *o, const json_t *brokers)
{
    json_t *rows = look(o, brokers);
    if (o->json) {
        json_print(rows);
    } else {
        print_rows(rows);
    }
    int status = json_array_size(rows) > 0 && all_well(rows) ? EXIT_OK : EXIT_FAILED;
    json_decref(rows);
    return status;
}

/* ---- Moving. ---- */

static bool is_moving_there(const struct disks_options *o, const json_t *brokers)
{
    json_t *rows = look(o, brokers);
    bool any = false;
    size_t i = 0;
    const json_t *d = NULL;
    json_array_foreach(rows, i, d) any =
        any || json_array_size(json_object_get(d, "moving_here")) > 0;
    json_decref(rows);
    return any;
}

static int ask(struct wire *w, const struct disks_options *o, char *topic, int32_t number)
{
    struct alter_log_dirs_request request;
    struct alter_log_dirs_response response;
    struct alter_log_dirs_request_topic t = {.name = slice_of_text(topic),
                                             .partitions = {.items = &number, .count = 1}};
    struct alter_log_dirs_request_dir dir = {.path = slice_of_text(o->to),
                                             .topics = {.items = &t, .count = 1}};
    kafka_defaults(&schema_alter_log_dirs_request, &request);
    request.dirs = (struct array){.items = &dir, .count = 1};
    int rc = wire_call(w, KAFKA_API_ALTER_REPLICA_LOG_DIRS, 2, &request, &response);
    if (rc != 0) return fail("broker %lld does not answer: %s", (long long)o->broker, wire_why(rc));
    const struct alter_log_dirs_response_topic *topics = response.results.items;
    const struct alter_log_dirs_response_partition *p =
        response.results.count == 1 ? topics[0].partitions.items : NULL;
    if (p == NULL || topics[0].partitions.count != 1) return fail("the answer makes no sense");
    if (p->error_code == KAFKA_NONE) return EXIT_OK;
    return fail("%s:%d: %s", topic, number, kafka_error_name(p->error_code));
}

static int move(const struct disks_options *o, const json_t *brokers, const struct strings *what)
{
    const json_t *broker = broker_row(brokers, o->broker);
    if (broker == NULL) return fail("no broker %lld is registered", (long long)o->broker);
    char address[288];
    name_address(broker, address, sizeof address);
    struct wire w;
    wire_init(&w, address, BROKER_TIMEOUT_MS);
    int status = EXIT_OK;
    for (size_t i = 1; i < what->count && status == EXIT_OK; i++) {
        char *name = copy_text(what->at[i]), *colon = strrchr(name, ':');
        int64_t number = -1;
        if (colon == NULL || !number_of(colon + 1, 0, INT32_MAX, &number)) {
            status = misuse("disks move: TOPIC:NUMBER is expected, and not %s", what->at[i]);
        } else {
            *colon = '\0';
            status = ask(&w, o, name, (int32_t)number);
        }
        free(name);
    }
    wire_close(&w);
    uint64_t until_ms = clock_ms() + (uint64_t)o->timeout_s * 1000;
    while (status == EXIT_OK && o->wait && is_moving_there(o, brokers)) {
        if (clock_ms() > until_ms) return fail("it is not done in %lld s", (long long)o->timeout_s);
        pause_us(POLL_US);
    }
    return status;
}

/* ---- The verb. ---- */

static int run(const struct disks_options *o, const struct strings *operands)
{
    static const char *const deeds[] = {"list", "move"};
    const char *what = operands->count > 0 ? operands->at[0] : "list";
    if (DEED_OF("disks", what, deeds) == NULL) return EXIT_USAGE;
    bool moves = strcmp(what, "move") == 0;
    if (moves && (operands->count < 2 || o->to == NULL || o->broker < 0))
        return misuse("disks move: say TOPIC:NUMBER..., --broker ID and --to FOLDER");
    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STANDING);
    if (bootstrap == NULL) return EXIT_FAILED;

    struct wire w;
    struct view v = {0};
    json_t *brokers = NULL;
    wire_init(&w, bootstrap, BROKER_TIMEOUT_MS);
    int rc = view_open(&v, &w, NULL, 0);
    if (rc == 0) rc = view_brokers(&v, &w, &brokers);
    int status = EXIT_FAILED;
    if (rc != 0) {
        status = fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    } else {
        status = moves ? move(o, brokers, operands) : list(o, brokers);
    }
    view_close(&v);
    json_decref(brokers);
    wire_close(&w);
    free(bootstrap);
    return status;
}

int verb_disks(int argc, char **argv)
{
    struct disks_options o = {.broker = -1, .timeout_s = 600};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_NUMBER("broker", 0, &o.broker, "ID", 0, INT32_MAX, "only this one; move: whose disks"),
        OPT_TEXT("to", 0, &o.to, "FOLDER", "move: one of its log.dirs"),
        OPT_FLAG("wait", 0, &o.wait, "move: return when nothing moves there any more"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 1000000, "for --wait (default: 600)"),
        OPT_FLAG("json", 0, &o.json, "list: print JSON"),
    };
    const struct usage usage = {
        .verb = "disks",
        .operands = "[list | move TOPIC:NUMBER...]",
        .operand_max = 1000,
        .summary =
            "Shows the folders of every broker's log.dirs, and moves replicas between them.\n\n"
            "  list                  how they fare, what they hold, how much room is left, what "
            "is\n"
            "                        moving there (what a bare `jackdaw disks` does)\n"
            "  move TOPIC:NUMBER...  --broker ID --to FOLDER: to another disk of the same broker,\n"
            "                        which goes on serving; back to where it lies calls it off",
        ROWS(rows),
        .example = "jackdaw disks move orders:3 --broker 1 --to /disk2/jackdaw --wait",
        .statuses = "0 done, and all disks are well; 1 refused, not done in time, or a disk is not "
                    "well; 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? run(&o, &operands) : args_status(result);
    strings_close(&operands);
    return status;
}
