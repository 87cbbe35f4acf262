/* `jackdaw brokers`: who is there, and taking one out of service for a while or for good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/json.h"
#include "cli/plan.h"
#include "cli/reach.h"
#include "cli/verbs.h"
#include "cli/where.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/unregister_broker.h"

#define POLL_US 50000
#define SIZES_TIMEOUT_MS 2000
#define EXIT_STILL_UP 3
#define RESOURCE_BROKER 4
#define DRAINED "broker.drained"

struct brokers_options {
    struct where where;
    bool json;
    bool plan;
    bool wait;
    int64_t timeout_s;
};

/* What the parts of this verb work with. */
struct call {
    const struct brokers_options *o;
    struct wire w;
    struct view v;
    json_t *brokers;
    json_int_t id; /* Of the broker that it is about; -1: none. */
};

static int look(struct call *c)
{
    view_close(&c->v);
    json_decref(c->brokers);
    c->brokers = NULL;
    int rc = view_open(&c->v, &c->w, NULL, 0);
    if (rc == 0) rc = view_brokers(&c->v, &c->w, &c->brokers);
    return rc;
}

static const char *state_of(const json_t *b)
{
    if (flag_in(b, "fenced")) return "fenced";
    if (flag_in(b, "stopping")) return "stopping";
    return flag_in(b, "drained") ? "drained" : "serving";
}

static int list(struct call *c)
{
    if (c->o->json) {
        json_print(c->brokers);
        return EXIT_OK;
    }
    bool fancy = isatty(STDOUT_FILENO) == 1;
    size_t i = 0;
    const json_t *b = NULL;
    puts(
        "ID     EPOCH   ADDRESS                RACK        STATE     LEADERS  REPLICAS  ISR-SHORT");
    json_array_foreach(c->brokers, i, b)
    {
        char address[288];
        const char *rack = text_in(b, "rack"), *state = state_of(b);
        bool is_here = *text_in(b, "host") != 0; /* Else it has no listener as the one asked. */
        snprintf(address, sizeof address, "%.200s:%lld", text_in(b, "host"), number_in(b, "port"));
        if (!is_here) snprintf(address, sizeof address, "-");
        const char *colour = !fancy                          ? ""
                             : flag_in(b, "fenced")          ? "\033[31m"
                             : strcmp(state, "serving") != 0 ? "\033[33m"
                                                             : "";
        printf("%s%-6lld %-7lld %-22s %-11s %-9s %-8lld %-9lld %lld%s\n", colour,
               number_in(b, "id"), number_in(b, "epoch"), address, *rack != 0 ? rack : "-", state,
               number_in(b, "leaders"), number_in(b, "replicas"), number_in(b, "isr_short"),
               *colour != 0 ? "\033[0m" : "");
    }
    return EXIT_OK;
}

/* ---- Draining. ---- */

/* value NULL: back to the default. `why` (malloc'd) is set where the cluster refuses; 0 or -ERR_X.
 */
static int set_drained(struct call *c, const char *value, char **why)
{
    struct incremental_alter_configs_request request;
    struct incremental_alter_configs_response response;
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text(DRAINED),
        .config_operation = value == NULL ? CONFIG_OP_DELETE : CONFIG_OP_SET,
        .value = value == NULL ? (struct slice){0} : slice_of_text(value)};
    char *name = format_text("%lld", (long long)c->id);
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = RESOURCE_BROKER,
        .resource_name = slice_of_text(name),
        .configs = {.items = &config, .count = 1}};
    kafka_defaults(&schema_incremental_alter_configs_request, &request);
    request.resources = (struct array){.items = &resource, .count = 1};
    int rc = wire_call(&c->w, KAFKA_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response);
    free(name);
    if (rc == 0 && response.responses.count < 1) rc = -ERR_MALFORMED;
    if (rc != 0) {
        *why = format_text("no broker answers: %s", wire_why(rc));
        return rc;
    }
    const struct altered_resource *r = response.responses.items;
    if (r->error_code == 0) return 0;
    *why = format_text("%.*s", (int)r->error_message.size, (const char *)r->error_message.at);
    return -ERR_DENIED;
}

static int must_set_drained(struct call *c, const char *value)
{
    char *why = NULL;
    int status = set_drained(c, value, &why) == 0 ? EXIT_OK : fail("%s", why);
    free(why);
    return status;
}

static int wait_until_it_leads_nothing(struct call *c)
{
    uint64_t end_ms = clock_ms() + (uint64_t)c->o->timeout_s * 1000;
    long long leaders = -1;
    while (true) {
        if (look(c) == 0) leaders = number_in(broker_row(c->brokers, c->id), "leaders");
        if (leaders == 0) break;
        if (clock_ms() >= end_ms) {
            return fail("broker %lld is drained, and still leads %lld partitions: nobody else can",
                        (long long)c->id, leaders);
        }
        pause_us(POLL_US);
    }
    return EXIT_OK;
}

static int drain(struct call *c)
{
    int status = must_set_drained(c, "true");
    if (status == EXIT_OK) status = wait_until_it_leads_nothing(c);
    if (status != EXIT_OK) return status;
    printf("broker %lld leads nothing any more, until `jackdaw brokers undrain %lld`\n",
           (long long)c->id, (long long)c->id);
    return EXIT_OK;
}

static int undrain(struct call *c)
{
    if (must_set_drained(c, NULL) != EXIT_OK) return EXIT_FAILED;
    printf("broker %lld may lead again; `jackdaw topics elect` brings its leaders back now\n",
           (long long)c->id);
    return EXIT_OK;
}

/* ---- Removing. ---- */

static int refuse_removal(const struct call *c, const json_t *left_over)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(left_over, i, row)
    {
        fail("%s-%lld has %zu replicas, and no other broker that serves could take that of "
             "broker %lld",
             text_in(row, "topic"), number_in(row, "partition"),
             json_array_size(json_object_get(row, "replicas")), (long long)c->id);
    }
    return fail("broker %lld cannot be removed: add a broker first, or give these topics fewer "
                "replicas",
                (long long)c->id);
}

static json_t *make_plan(struct call *c)
{
    json_t *left_over = json_array(), *sizes = view_sizes(c->brokers, SIZES_TIMEOUT_MS);
    json_t *plan = plan_removal(&c->v, c->brokers, sizes, c->id, left_over);
    if (plan == NULL) refuse_removal(c, left_over);
    json_decref(left_over);
    json_decref(sizes);
    return plan;
}

/* Until it holds nothing: topics may be made meanwhile. */
static int move_everything(struct call *c)
{
    while (true) {
        json_t *plan = make_plan(c);
        if (plan == NULL) return EXIT_FAILED;
        bool is_done = json_array_size(plan) == 0;
        const json_t *row = broker_row(c->brokers, c->id);
        if (is_done && number_in(row, "replicas") == 0) {
            json_decref(plan);
            return EXIT_OK;
        }
        print_plan(plan);
        int status = moves_ask(&c->w, plan, (uint32_t)c->o->timeout_s * 1000);
        if (status == EXIT_OK) status = moves_wait(&c->w, plan, c->o->timeout_s);
        json_decref(plan);
        if (is_done) pause_us(POLL_US); /* What others have begun is on its way. */
        if (status == EXIT_OK && look(c) != 0) status = fail("no broker answers any more");
        if (status != EXIT_OK) return status;
    }
}

static bool is_down(struct call *c)
{
    const json_t *row = broker_row(c->brokers, c->id);
    return row == NULL || flag_in(row, "fenced");
}

static int wait_until_it_is_down(struct call *c)
{
    uint64_t end_ms = clock_ms() + (uint64_t)c->o->timeout_s * 1000;
    if (is_down(c)) return EXIT_OK;
    printf("broker %lld holds nothing any more: stop it now%s\n", (long long)c->id,
           c->o->wait ? "" : ", and say this again");
    fflush(stdout);
    while (c->o->wait && clock_ms() < end_ms) {
        pause_us(POLL_US);
        if (look(c) == 0 && is_down(c)) return EXIT_OK;
    }
    return EXIT_STILL_UP;
}

static int unregister(struct call *c)
{
    struct unregister_broker_request request = {.broker_id = (int32_t)c->id};
    struct unregister_broker_response response;
    int rc = wire_call(&c->w, KAFKA_API_UNREGISTER_BROKER, 0, &request, &response);
    if (rc != 0) return fail("no broker answers: %s", wire_why(rc));
    if (response.error_code != 0) {
        return fail("%.*s", (int)response.error_message.size,
                    (const char *)response.error_message.at);
    }
    printf("broker %lld is removed\n", (long long)c->id);
    return EXIT_OK;
}

static int remove_broker(struct call *c)
{
    json_t *plan = make_plan(c);
    if (plan == NULL) return EXIT_FAILED;
    if (c->o->plan) print_plan(plan);
    bool is_alive = !is_down(c);
    json_decref(plan);
    if (c->o->plan) return EXIT_OK;

    /* So that it gets nothing new meanwhile. Where that is refused, it is because nobody else has
     * what it has: it is copied all the same. */
    char *why = NULL;
    bool is_drained = is_alive && set_drained(c, "true", &why) == 0;
    free(why);
    int status = move_everything(c);
    if (status != EXIT_OK) {
        if (is_drained)
            fail("broker %lld stays drained (jackdaw brokers undrain)", (long long)c->id);
        return status;
    }
    status = wait_until_it_is_down(c);
    return status == EXIT_OK ? unregister(c) : status;
}

/* ---- The verb. ---- */

struct part {
    const char *name;
    int (*run)(struct call *c);
    bool is_about_one;
};

static const struct part PARTS[] = {
    {"list", list, false},
    {"drain", drain, true},
    {"undrain", undrain, true},
    {"remove", remove_broker, true},
};

static int run(struct call *c, const struct part *part)
{
    char *bootstrap = reach_bootstrap(&c->o->where, c->o->timeout_s, REACH_STANDING);
    if (bootstrap == NULL) return EXIT_FAILED;

    wire_init(&c->w, bootstrap, (uint32_t)c->o->timeout_s * 1000);
    int status = EXIT_FAILED;
    int rc = look(c);
    if (rc != 0) {
        status = fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    } else if (part->is_about_one && broker_row(c->brokers, c->id) == NULL) {
        status = fail("no broker %lld is registered (jackdaw brokers list)", (long long)c->id);
    } else {
        status = part->run(c);
    }
    view_close(&c->v);
    json_decref(c->brokers);
    wire_close(&c->w);
    free(bootstrap);
    return status;
}

static int dispatch(const struct brokers_options *o, const struct strings *operands)
{
    const char *name = operands->count > 0 ? operands->at[0] : "list";
    const struct part *part = DEED_OF("brokers", name, PARTS);
    if (part == NULL) return EXIT_USAGE;
    struct call c = {.o = o, .id = -1};
    int64_t id = -1;
    if (part->is_about_one &&
        (operands->count < 2 || !number_of(operands->at[1], 0, INT32_MAX, &id))) {
        return misuse("brokers %s: which broker? Its id", name);
    }
    if (operands->count > (part->is_about_one ? 2u : 1u)) {
        return misuse("brokers %s: one at a time", name);
    }
    c.id = id;
    return run(&c, part);
}

int verb_brokers(int argc, char **argv)
{
    struct brokers_options o = {.timeout_s = 600};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_FLAG("plan", 0, &o.plan, "remove: only say where its replicas would go"),
        OPT_FLAG("wait", 0, &o.wait, "remove: wait until the broker has been stopped"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 1000000,
                   "for each step that waits (default: 600)"),
        OPT_FLAG("json", 0, &o.json, "list: print JSON"),
    };
    const struct usage usage = {
        .verb = "brokers",
        .operands = "[list | drain ID | undrain ID | remove ID]",
        .operand_max = 2,
        .summary =
            "Shows brokers, and takes one out of service without losing a record.\n\n"
            "  list         id, epoch, address, rack, state, and what they hold (what a bare\n"
            "               `jackdaw brokers` does)\n"
            "  drain ID     others lead in its place, until `undrain ID`; it stays in sync. "
            "Refused\n"
            "               where nobody else is in sync, or min.insync.replicas would break\n"
            "  remove ID    its replicas go to other brokers, spread by rack and load; when it is\n"
            "               stopped then, it leaves the cluster for good",
        ROWS(rows),
        .example = "jackdaw brokers remove 4 --plan && jackdaw brokers remove 4",
        .statuses = "0 done, 1 refused, or not done in time, 2 misused, 3 remove: it holds nothing "
                    "any more; stop it and say it again",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? dispatch(&o, &operands) : args_status(result);
    strings_close(&operands);
    return status;
}
