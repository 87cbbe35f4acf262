/* How topics look: leaders, epochs, replicas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/json.h"
#include "cli/topics.h"
#include "cli/view.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/elect_leaders.h"

#define WATCH_POLL_US 10000
#define WATCH_TIMEOUT_MS 1000

/* On a terminal: no leader is red, an ISR that is short yellow. */
static const char *colour_of(const json_t *row, bool fancy)
{
    if (!fancy) return "";
    if (number_in(row, "leader") < 0) return "\033[31m";
    bool is_short = json_array_size(json_object_get(row, "isr")) <
                    json_array_size(json_object_get(row, "replicas"));
    return is_short ? "\033[33m" : "";
}

/* What a partition is on its way to: "+4 -1 >4", or "". */
static const char *move_text(const json_t *row, char out[IDS_SIZE])
{
    static const struct {
        const char *key, *mark;
    } parts[] = {{"adding", "+"}, {"removing", "-"}, {"successor", ">"}};
    char ids[IDS_SIZE];
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < 3 && used < IDS_SIZE; i++) {
        if (json_array_size(json_object_get(row, parts[i].key)) == 0) continue;
        used += (size_t)snprintf(out + used, IDS_SIZE - used, "%s%s%s", used > 0 ? " " : "",
                                 parts[i].mark, ids_text(row, parts[i].key, ids));
    }
    return out;
}

static bool is_on_its_way(const json_t *row)
{
    return is_moving(row) || json_array_size(json_object_get(row, "successor")) > 0;
}

static void print_rows(const struct view *v, bool fancy)
{
    char replicas[IDS_SIZE], isr[IDS_SIZE], elr[IDS_SIZE], moves[IDS_SIZE];
    int width = 5;
    bool any_moves = false;
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        int size = (int)strlen(text_in(row, "topic"));
        if (size > width) width = size;
        any_moves |= is_on_its_way(row);
    }
    printf("%-*s  PARTITION  LEADER  EPOCH  %-12s  %-12s  %s\n", width, "TOPIC", "REPLICAS", "ISR",
           any_moves ? "ELR     MOVES" : "ELR");
    json_array_foreach(v->partitions, i, row)
    {
        const char *colour = colour_of(row, fancy);
        printf("%s%-*s  %-9lld  %-6lld  %-5lld  %-12s  %-12s  %-*s%s%s\n", colour, width,
               text_in(row, "topic"), number_in(row, "partition"), number_in(row, "leader"),
               number_in(row, "leader_epoch"), ids_text(row, "replicas", replicas),
               ids_text(row, "isr", isr), is_on_its_way(row) ? 8 : 0, ids_text(row, "elr", elr),
               move_text(row, moves), *colour ? "\033[0m" : "");
    }
}

static int say_topic_errors(const struct view *v)
{
    int status = EXIT_OK;
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->topics, i, row)
    {
        const char *error = text_in(row, "error");
        if (*error != 0) status = fail("%s: %s", text_in(row, "topic"), error);
    }
    return status;
}

static const json_t *find_row(const struct view *v, const json_t *like)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        if (number_in(row, "partition") == number_in(like, "partition") &&
            strcmp(text_in(row, "topic"), text_in(like, "topic")) == 0) {
            return row;
        }
    }
    return NULL;
}

/* A line for each partition that is not as it was. */
static void print_changes(const struct view *was, const struct view *is, uint64_t elapsed_ms)
{
    char replicas[IDS_SIZE], isr[IDS_SIZE], elr[IDS_SIZE], moves[IDS_SIZE], from[32];
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(is->partitions, i, row)
    {
        const json_t *old = find_row(was, row);
        if (old != NULL && json_equal(old, row)) continue;

        from[0] = 0;
        if (old != NULL && number_in(old, "leader") != number_in(row, "leader")) {
            snprintf(from, sizeof from, "%lld -> ", number_in(old, "leader"));
        }
        printf("+%.3f s  %s-%lld  leader %s%lld  epoch %lld  replicas %s  isr %s  elr %s%s%s\n",
               (double)elapsed_ms / 1e3, text_in(row, "topic"), number_in(row, "partition"), from,
               number_in(row, "leader"), number_in(row, "leader_epoch"),
               ids_text(row, "replicas", replicas), ids_text(row, "isr", isr),
               ids_text(row, "elr", elr), is_on_its_way(row) ? "  moves " : "",
               move_text(row, moves));
    }
    json_array_foreach(was->partitions, i, row)
    {
        if (find_row(is, row) != NULL) continue;
        printf("+%.3f s  %s-%lld  is gone\n", (double)elapsed_ms / 1e3, text_in(row, "topic"),
               number_in(row, "partition"));
    }
    fflush(stdout);
}

static int watch(const struct topics_options *o, struct wire *w, char **names, size_t count)
{
    struct view seen = {.topics = json_array(), .partitions = json_array()};
    bool fancy = isatty(STDOUT_FILENO), was_silent = false;
    uint64_t began = clock_ms();
    while (o->for_s == 0 || clock_ms() - began < (uint64_t)o->for_s * 1000) {
        struct view now = {0};
        int rc = view_open(&now, w, names, count);
        if (rc != 0 && !was_silent) fail("no broker answers: %s; trying on", wire_why(rc));
        was_silent = rc != 0;
        if (rc == 0) {
            bool changed = !json_equal(now.partitions, seen.partitions);
            if (changed && fancy) {
                printf("\033[H\033[J%s, %.1f s  (ctrl-c ends)\n\n",
                       count > 0 ? names[0] : "all topics", (double)(clock_ms() - began) / 1e3);
                print_rows(&now, true);
                fflush(stdout);
            } else if (changed) {
                print_changes(&seen, &now, clock_ms() - began);
            }
            view_close(&seen);
            seen = now;
        }
        if (ferror(stdout)) break;
        pause_us(WATCH_POLL_US);
    }
    int status =
        count > 0 && json_array_size(seen.partitions) == 0 ? say_topic_errors(&seen) : EXIT_OK;
    view_close(&seen);
    return status;
}

int topics_describe(const struct topics_options *o, const char *bootstrap, char **names,
                    size_t count)
{
    struct wire w;
    struct view v = {0};
    wire_init(&w, bootstrap, o->watch ? WATCH_TIMEOUT_MS : (uint32_t)o->timeout_s * 1000);
    int status = EXIT_OK;
    if (o->watch) {
        status = watch(o, &w, names, count);
    } else {
        int rc = view_open(&v, &w, names, count);
        if (rc != 0) {
            status = fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
        } else {
            status = say_topic_errors(&v);
            if (o->json) json_print(v.partitions);
            if (!o->json && json_array_size(v.partitions) > 0) {
                print_rows(&v, isatty(STDOUT_FILENO));
            }
        }
    }
    view_close(&v);
    wire_close(&w);
    return status;
}

static int say_elections(const struct elect_leaders_response *r)
{
    int status = EXIT_OK;
    const struct elect_leaders_response_topic *topics = r->replica_election_results.items;
    for (int32_t i = 0; i < r->replica_election_results.count; i++) {
        const struct elect_leaders_response_partition *p = topics[i].partition_result.items;
        for (int32_t j = 0; j < topics[i].partition_result.count; j++) {
            const char *name = (const char *)topics[i].topic.at;
            int size = (int)topics[i].topic.size;
            if (p[j].error_code == 0) {
                printf("%.*s-%d elected\n", size, name, p[j].partition_id);
            } else if (p[j].error_code == KAFKA_ELECTION_NOT_NEEDED) {
                printf("%.*s-%d has the leader it should have\n", size, name, p[j].partition_id);
            } else {
                status = fail("%.*s-%d: %s", size, name, p[j].partition_id,
                              kafka_error_name(p[j].error_code));
            }
        }
    }
    return status;
}

/* Adds the partitions of the view to the request, topic by topic. */
static void fill_elections(struct elect_leaders_request *request, const struct view *v,
                           const struct topics_options *o)
{
    size_t topic_count = json_array_size(v->topics), i = 0, j = 0;
    struct elect_leaders_request_topic *topics = get_memory(topic_count * sizeof *topics);
    const json_t *topic = NULL, *row = NULL;
    json_array_foreach(v->topics, i, topic)
    {
        int32_t *ids = get_memory((json_array_size(v->partitions) + 1) * sizeof *ids);
        int32_t count = 0;
        json_array_foreach(v->partitions, j, row)
        {
            bool wanted = o->partition < 0 || o->partition == number_in(row, "partition");
            bool same = strcmp(text_in(row, "topic"), text_in(topic, "topic")) == 0;
            if (wanted && same) ids[count++] = (int32_t)number_in(row, "partition");
        }
        /* One that is not there is asked for all the same: the answer says so. */
        if (count == 0 && o->partition >= 0) ids[count++] = (int32_t)o->partition;
        topics[i].topic = slice_of_text(text_in(topic, "topic"));
        topics[i].partitions = (struct array){.items = ids, .count = count};
    }
    request->topic_partitions = (struct array){.items = topics, .count = (int32_t)topic_count};
}

static void free_elections(struct elect_leaders_request *request)
{
    struct elect_leaders_request_topic *topics = request->topic_partitions.items;
    for (int32_t i = 0; i < request->topic_partitions.count; i++) free(topics[i].partitions.items);
    free(topics);
}

int topics_elect(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    if (o->partition >= 0 && count == 0)
        return misuse("topics elect: --partition needs a topic that it is of");
    struct wire w;
    struct view v = {0};
    wire_init(&w, bootstrap, (uint32_t)o->timeout_s * 1000);
    int rc = view_open(&v, &w, names, count);
    int status = rc == 0 ? say_topic_errors(&v) : EXIT_FAILED;
    if (status == EXIT_OK) {
        struct elect_leaders_request request;
        struct elect_leaders_response response;
        kafka_defaults(&schema_elect_leaders_request, &request);
        request.election_type = o->unclean ? ELECTION_UNCLEAN : ELECTION_PREFERRED;
        request.timeout_ms = (int32_t)o->timeout_s * 1000;
        fill_elections(&request, &v, o);
        rc = wire_call(&w, KAFKA_API_ELECT_LEADERS, 2, &request, &response);
        free_elections(&request);
        if (rc == 0 && response.error_code != 0) {
            status = fail("%s", kafka_error_name(response.error_code));
        } else if (rc == 0) {
            status = say_elections(&response);
        }
    }
    if (rc != 0) status = fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    view_close(&v);
    wire_close(&w);
    return status;
}
