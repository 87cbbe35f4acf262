/* What the nodes themselves say: `jackdaw cluster` and `jackdaw health`, over HTTP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/http_get.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/where.h"

#define HTTP_TIMEOUT_MS 1000
#define HEALTH_POLL_US 20000

/* A node and its /status; NULL if it did not answer. */
struct answer {
    const struct http_node *node;
    json_t *status;
    const char *why; /* It did not. */
};

static json_int_t number_in(const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const char *text_in(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "-";
}

static bool is_controller(const json_t *status)
{
    return json_object_get(status, "role") != NULL;
}

static struct answer ask(const struct http_node *n)
{
    char *body = NULL;
    json_error_t error;
    struct answer a = {.node = n};
    int rc = http_get(n->address, "/status", HTTP_TIMEOUT_MS, &body);
    if (rc == 200) a.status = json_loads(body, 0, &error);
    if (a.status == NULL) {
        a.why = rc == -ERR_AGAIN ? "silent" : (rc < 0 ? "unreachable" : "not a Jackdaw node");
    }
    free(body);
    return a;
}

/* The status of the controller that leads in the highest term; else of any controller. */
static const json_t *find_leader(const struct answer *answers, size_t count, bool *leads)
{
    const json_t *best = NULL;
    *leads = false;
    for (size_t i = 0; i < count; i++) {
        const json_t *s = answers[i].status;
        if (s == NULL || !is_controller(s)) continue;
        bool is_leader = strcmp(text_in(s, "role"), "leader") == 0;
        bool better = best == NULL || (is_leader && !*leads) ||
                      (is_leader == *leads && number_in(s, "term") > number_in(best, "term"));
        if (!better) continue;
        best = s;
        *leads = is_leader;
    }
    return best;
}

static const json_t *with_id(const json_t *list, json_int_t id)
{
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (number_in(item, "id") == id) return item;
    }
    return NULL;
}

/* What does not answer, too, has its place in the list, by its name. */
static void print_controllers(const struct answer *answers, size_t count, const json_t *leader,
                              bool leads)
{
    puts("CONTROLLER      ID     ROLE         LEADER  TERM   COMMIT    APPLIED   BEHIND");
    const json_t *voters = json_object_get(leader, "voters");
    for (size_t i = 0; i < count; i++) {
        const json_t *s = answers[i].status;
        if (s == NULL && strncmp(answers[i].node->name, "broker-", 7) != 0) {
            printf("%-15s -      %s\n", answers[i].node->name, answers[i].why);
        }
        if (s == NULL || !is_controller(s)) continue;
        char behind[24] = "-";
        const json_t *voter = with_id(voters, number_in(s, "node_id"));
        if (leads && voter != NULL) {
            snprintf(
                behind, sizeof behind, "%lld",
                (long long)(number_in(leader, "last_index") - number_in(voter, "match_index")));
        }
        printf("%-15s %-6lld %-12s %-7lld %-6lld %-9lld %-9lld %s\n", answers[i].node->name,
               (long long)number_in(s, "node_id"), text_in(s, "role"),
               (long long)number_in(s, "leader_id"), (long long)number_in(s, "term"),
               (long long)number_in(s, "commit_index"), (long long)number_in(s, "applied_index"),
               behind);
    }
}

static const char *state_of(const json_t *b)
{
    if (json_is_true(json_object_get(b, "fenced"))) return "fenced";
    if (json_is_true(json_object_get(b, "stopping"))) return "stopping";
    return json_is_true(json_object_get(b, "drained")) ? "drained" : "serving";
}

static void print_broker(const json_t *b, bool fancy)
{
    char address[288];
    bool fenced = json_is_true(json_object_get(b, "fenced"));
    bool is_short = number_in(b, "isr_short") > 0;
    const char *colour = !fancy ? "" : (fenced ? "\033[31m" : (is_short ? "\033[33m" : ""));
    /* Nothing is advertised: all of the cluster is on one machine. */
    const char *host = text_in(b, "host");
    snprintf(address, sizeof address, "%.200s:%lld", *host != 0 ? host : "localhost",
             (long long)number_in(b, "port"));
    printf("%s%-6lld %-22s %-7lld %-8s %-8lld %-10lld %lld%s\n", colour,
           (long long)number_in(b, "id"), address, (long long)number_in(b, "epoch"), state_of(b),
           (long long)number_in(b, "leaders"), (long long)number_in(b, "isr_short"),
           (long long)number_in(b, "applied_index"), *colour ? "\033[0m" : "");
}

/* In order of their ids; the list is the caller's. */
static json_t *sorted_by_id(json_t *list)
{
    json_t *sorted = json_array();
    while (json_array_size(list) > 0) {
        size_t least = 0;
        for (size_t i = 1; i < json_array_size(list); i++) {
            bool is_less = number_in(json_array_get(list, i), "id") <
                           number_in(json_array_get(list, least), "id");
            if (is_less) least = i;
        }
        json_array_append(sorted, json_array_get(list, least));
        json_array_remove(list, least);
    }
    json_decref(list);
    return sorted;
}

/* As the controllers see the brokers; without controllers, as the brokers see themselves. */
static json_t *broker_list(const struct answer *answers, size_t count, const json_t *leader)
{
    const json_t *known = json_object_get(leader, "brokers");
    if (json_is_array(known)) return sorted_by_id(json_deep_copy(known));

    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const json_t *s = answers[i].status;
        if (s == NULL || is_controller(s)) continue;
        char host[288];
        snprintf(host, sizeof host, "%s", answers[i].node->name);
        json_t *row = json_deep_copy(s);
        json_object_set_new(row, "id", json_integer(number_in(s, "node_id")));
        json_object_set_new(row, "host", json_string(host));
        json_object_set_new(row, "isr_short", json_integer(number_in(s, "under_replicated")));
        json_array_append_new(list, row);
    }
    return sorted_by_id(list);
}

static void print_brokers(json_t *brokers, const json_t *leader)
{
    bool fancy = isatty(STDOUT_FILENO) == 1;
    size_t i = 0;
    const json_t *b = NULL;
    puts("\nBROKER ADDRESS                EPOCH   STATE    LEADERS  ISR-SHORT  APPLIED");
    json_array_foreach(brokers, i, b) print_broker(b, fancy);
    if (leader != NULL) {
        printf("\n%lld topics, %lld partitions\n", (long long)number_in(leader, "topics"),
               (long long)number_in(leader, "partitions"));
    }
}

static void print_all_json(const struct answer *answers, size_t count, const json_t *leader,
                           bool leads, json_t *brokers)
{
    json_t *controllers = json_array(), *silent = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *s = answers[i].status;
        if (s == NULL) {
            json_array_append_new(
                silent, json_pack("{s:s, s:s, s:s}", "name", answers[i].node->name, "http",
                                  answers[i].node->address, "why", answers[i].why));
        } else if (is_controller(s)) {
            json_array_append(controllers, s);
        }
    }
    json_t *all =
        json_pack("{s:o, s:I, s:I, s:I, s:o, s:O, s:o}", "leader",
                  leads ? json_integer(number_in(leader, "node_id")) : json_null(), "term",
                  number_in(leader, "term"), "topics", number_in(leader, "topics"), "partitions",
                  number_in(leader, "partitions"), "controllers", controllers, "brokers", brokers,
                  "silent", silent);
    json_print(all);
    json_decref(all);
}

static int show(const struct http_node *nodes, size_t count, bool json)
{
    struct answer *answers = get_memory(count * sizeof *answers);
    bool leads = false;
    for (size_t i = 0; i < count; i++) answers[i] = ask(&nodes[i]);

    const json_t *leader = find_leader(answers, count, &leads);
    json_t *brokers = broker_list(answers, count, leader);
    if (json) {
        print_all_json(answers, count, leader, leads, brokers);
    } else {
        print_controllers(answers, count, leader, leads);
        print_brokers(brokers, leader);
    }
    json_decref(brokers);
    for (size_t i = 0; i < count; i++) json_decref(answers[i].status);
    free(answers);
    if (leads) return EXIT_OK;
    return fail("no controller that answers leads; metadata cannot change now");
}
#define ROW_HTTP(to)                         \
    OPT_TEXT("http", 0, to, "HOST:PORT,...", \
             "the nodes' http.listeners (default: those of the local cluster)")
#define ROW_DIR(to) \
    OPT_TEXT("dir", 0, to, "DIR", "a local cluster's folder (default: jackdaw-data)")

int verb_cluster(int argc, char **argv)
{
    const char *http = NULL, *dir = NULL;
    bool json = false;
    const struct option_row rows[] = {
        ROW_HTTP(&http),
        ROW_DIR(&dir),
        OPT_FLAG("json", 0, &json, "print JSON"),
    };
    const struct usage usage = {
        .verb = "cluster",
        .summary = "Shows controllers (role, leader, term, commit index, entries behind) and "
                   "brokers (epoch,\n"
                   "fenced or serving, partitions led, partitions whose ISR is short of replicas).",
        ROWS(rows),
        .example = "jackdaw cluster --http host-1:9641,host-2:9641,host-3:9641",
        .statuses = "0 a controller leads, 1 none that answers does, 2 misused",
    };
    enum args_result result = args_parse_alone(&usage, argc, argv);
    if (result != ARGS_RUN) return args_status(result);

    size_t count = 0;
    struct http_node *nodes = where_http(http, dir, &count);
    int status = nodes != NULL ? show(nodes, count, json) : EXIT_FAILED;
    free(nodes);
    return status;
}

/* One line per node; false if it does not serve. */
static bool ask_health(const struct http_node *n, bool quiet)
{
    char *body = NULL;
    int rc = http_get(n->address, "/health", HTTP_TIMEOUT_MS, &body);
    if (body != NULL) body[strcspn(body, "\r\n")] = 0;
    if (!quiet) {
        const char *why = rc == -ERR_AGAIN ? "silent" : (rc < 0 ? "unreachable" : body);
        printf("%-15s %s%s%s\n", n->name, rc == 200 ? "serves" : "does not serve",
               rc == 200 ? "" : ": ", rc == 200 ? "" : why);
    }
    free(body);
    return rc == 200;
}

static int health(const struct http_node *nodes, size_t count, uint64_t wait_ms)
{
    uint64_t end = clock_ms() + wait_ms;
    for (size_t i = 0; i < count; i++) {
        while (clock_ms() < end && !ask_health(&nodes[i], true)) pause_us(HEALTH_POLL_US);
    }
    bool good = count > 0;
    for (size_t i = 0; i < count; i++) good &= ask_health(&nodes[i], false);
    return good ? EXIT_OK : EXIT_FAILED;
}

int verb_health(int argc, char **argv)
{
    const char *http = NULL, *dir = NULL;
    int64_t wait_s = 0;
    const struct option_row rows[] = {
        ROW_HTTP(&http),
        ROW_DIR(&dir),
        OPT_NUMBER("wait", 0, &wait_s, "SECONDS", 0, 86400,
                   "until all serve, for so long (default: 0)"),
    };
    const struct usage usage = {
        .verb = "health",
        .summary = "Asks nodes whether they serve: a broker that is registered and not fenced, a "
                   "controller\n"
                   "that knows a leader. For health checks of containers and for scripts.",
        ROWS(rows),
        .example = "jackdaw health --http 127.0.0.1:9641 --wait 10",
        .statuses = "0 all serve, 1 one does not, 2 misused",
    };
    enum args_result result = args_parse_alone(&usage, argc, argv);
    if (result != ARGS_RUN) return args_status(result);

    size_t count = 0;
    struct http_node *nodes = where_http(http, dir, &count);
    int status = nodes != NULL ? health(nodes, count, (uint64_t)wait_s * 1000) : EXIT_FAILED;
    free(nodes);
    return status;
}
