/* How topics look: leaders, epochs, replicas. A description is kept as the JSON that --json prints,
 * so that there is one form to compare, to draw and to print. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/json.h"
#include "cli/topics.h"
#include "cli/wire.h"
#include "common/text.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_topic_partitions.h"
#include "proto/msg/elect_leaders.h"

#define WATCH_POLL_US 10000
#define WATCH_TIMEOUT_MS 1000
#define IDS_SIZE 128
#define PAGES_MAX 100000

static json_t *json_text(struct slice s)
{
    return s.at == NULL ? json_null() : json_stringn((const char *)s.at, s.size);
}

static json_t *json_ids(struct array ids)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < ids.count; i++) {
        json_array_append_new(list, json_integer(((const int32_t *)ids.items)[i]));
    }
    return list;
}

static json_t *json_uuid(struct uuid id)
{
    char text[UUID_TEXT_SIZE];
    uuid_to_text(id, text);
    return json_string(text);
}

static json_t *json_partition(struct slice topic,
                              const struct describe_topic_partitions_response_partition *p)
{
    json_t *row = json_pack("{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "topic",
                            json_text(topic), "partition", (int)p->partition_index, "leader",
                            (int)p->leader_id, "leader_epoch", (int)p->leader_epoch, "replicas",
                            json_ids(p->replica_nodes), "isr", json_ids(p->isr_nodes), "elr",
                            json_ids(p->eligible_leader_replicas), "last_known_elr",
                            json_ids(p->last_known_elr), "offline", json_ids(p->offline_replicas));
    if (p->error_code != 0) {
        json_object_set_new(row, "error", json_string(kafka_error_name(p->error_code)));
    }
    return row;
}

/* What one look at the cluster saw: rows of partitions, and ids and errors of topics. */
struct view {
    json_t *topics;     /* [{topic, topic_id, error?}] */
    json_t *partitions; /* As json_partition() */
};

static void view_close(struct view *v)
{
    json_decref(v->topics);
    json_decref(v->partitions);
    *v = (struct view){0};
}

static void view_add(struct view *v, const struct describe_topic_partitions_response *r)
{
    const struct describe_topic_partitions_response_topic *topics = r->topics.items;
    for (int32_t i = 0; i < r->topics.count; i++) {
        const struct describe_topic_partitions_response_topic *t = &topics[i];
        json_t *row = json_pack("{s:o, s:o}", "topic", json_text(t->name), "topic_id",
                                json_uuid(t->topic_id));
        if (t->error_code != 0) {
            json_object_set_new(row, "error", json_string(kafka_error_name(t->error_code)));
        }
        json_array_append_new(v->topics, row);
        const struct describe_topic_partitions_response_partition *p = t->partitions.items;
        for (int32_t j = 0; j < t->partitions.count; j++) {
            json_array_append_new(v->partitions, json_partition(t->name, &p[j]));
        }
    }
}

/* Asks for the topics, all if there are no names, page by page. */
static int view_open(struct view *v, struct wire *w, char **names, size_t count)
{
    struct describe_topic_partitions_request request;
    struct describe_topic_partitions_response response;
    struct describe_topic_partitions_cursor cursor;
    struct describe_topic_partitions_request_topic *topics = get_memory(count * sizeof *topics);
    char *cursor_name = NULL;
    int rc = 0;
    kafka_defaults(&schema_describe_topic_partitions_request, &request);
    for (size_t i = 0; i < count; i++) topics[i].name = slice_of_text(names[i]);
    request.topics = (struct array){.items = topics, .count = (int32_t)count};
    *v = (struct view){.topics = json_array(), .partitions = json_array()};
    for (int page = 0; page < PAGES_MAX; page++) {
        rc = wire_call(w, KAFKA_API_DESCRIBE_TOPIC_PARTITIONS, 0, &request, &response);
        if (rc != 0) break;
        view_add(v, &response);
        if (response.next_cursor == NULL) break;

        free(cursor_name);
        struct slice name = response.next_cursor->topic_name;
        cursor_name = format_text("%.*s", (int)name.size, (const char *)name.at);
        cursor = *response.next_cursor;
        cursor.topic_name = slice_of_text(cursor_name);
        request.cursor = &cursor;
    }
    free(cursor_name);
    free(topics);
    if (rc != 0) view_close(v);
    return rc;
}

static const char *ids_text(const json_t *row, const char *key, char out[IDS_SIZE])
{
    size_t used = 0, i = 0;
    const json_t *id = NULL;
    snprintf(out, IDS_SIZE, "-");
    json_array_foreach(json_object_get(row, key), i, id)
    {
        if (used >= IDS_SIZE) break;
        used += (size_t)snprintf(out + used, IDS_SIZE - used, "%s%lld", i ? "," : "",
                                 (long long)json_integer_value(id));
    }
    return out;
}

static long long number_in(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

static const char *text_in(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

/* On a terminal: no leader is red, an ISR that is short yellow. */
static const char *colour_of(const json_t *row, bool fancy)
{
    if (!fancy) return "";
    if (number_in(row, "leader") < 0) return "\033[31m";
    bool is_short = json_array_size(json_object_get(row, "isr")) <
                    json_array_size(json_object_get(row, "replicas"));
    return is_short ? "\033[33m" : "";
}

static void print_rows(const struct view *v, bool fancy)
{
    char replicas[IDS_SIZE], isr[IDS_SIZE], elr[IDS_SIZE];
    int width = 5;
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        int size = (int)strlen(text_in(row, "topic"));
        if (size > width) width = size;
    }
    printf("%-*s  PARTITION  LEADER  EPOCH  %-12s  %-12s  ELR\n", width, "TOPIC", "REPLICAS",
           "ISR");
    json_array_foreach(v->partitions, i, row)
    {
        const char *colour = colour_of(row, fancy);
        printf("%s%-*s  %-9lld  %-6lld  %-5lld  %-12s  %-12s  %s%s\n", colour, width,
               text_in(row, "topic"), number_in(row, "partition"), number_in(row, "leader"),
               number_in(row, "leader_epoch"), ids_text(row, "replicas", replicas),
               ids_text(row, "isr", isr), ids_text(row, "elr", elr), *colour ? "\033[0m" : "");
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
    char replicas[IDS_SIZE], isr[IDS_SIZE], elr[IDS_SIZE], from[32];
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
        printf("+%.3f s  %s-%lld  leader %s%lld  epoch %lld  replicas %s  isr %s  elr %s\n",
               (double)elapsed_ms / 1e3, text_in(row, "topic"), number_in(row, "partition"), from,
               number_in(row, "leader"), number_in(row, "leader_epoch"),
               ids_text(row, "replicas", replicas), ids_text(row, "isr", isr),
               ids_text(row, "elr", elr));
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
    view_close(&seen);
    return EXIT_OK;
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
        int32_t *ids = get_memory(json_array_size(v->partitions) * sizeof *ids), count = 0;
        json_array_foreach(v->partitions, j, row)
        {
            bool wanted = o->partition < 0 || o->partition == number_in(row, "partition");
            bool same = strcmp(text_in(row, "topic"), text_in(topic, "topic")) == 0;
            if (wanted && same) ids[count++] = (int32_t)number_in(row, "partition");
        }
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
