#include "cli/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/alter_partition_reassignments.h"

#define ASKED_MAX 500 /* Of one request. */
#define POLL_US 100000
#define SIZES_EACH_MS 1000
#define SIZES_TIMEOUT_MS 2000

json_t *move_row(const json_t *partition, json_t *to)
{
    json_t *from = json_array();
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_object_get(partition, "replicas"), i, id)
    {
        /* What an earlier move adds is not there yet. */
        if (ids_have(json_object_get(partition, "adding"), json_integer_value(id))) continue;
        json_array_append(from, id);
    }
    return json_pack("{s:O, s:O, s:o, s:o}", "topic", json_object_get(partition, "topic"),
                     "partition", json_object_get(partition, "partition"), "from", from, "to", to);
}

void print_plan(const json_t *plan)
{
    char from[IDS_SIZE], to[IDS_SIZE];
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(plan, i, row)
    {
        printf("%s-%lld  %s -> %s\n", text_in(row, "topic"), number_in(row, "partition"),
               ids_text(row, "from", from), ids_text(row, "to", to));
    }
}

/* ---- Asking. ---- */

struct asking {
    struct alter_reassignments_request request;
    struct alter_reassignments_request_topic topics[ASKED_MAX];
    struct alter_reassignments_request_partition partitions[ASKED_MAX];
};

/* A topic's entry per partition: the order of the answer is that of the plan. */
static void add_row(struct asking *a, const json_t *row)
{
    int32_t n = a->request.topics.count++;
    struct alter_reassignments_request_partition *p = &a->partitions[n];
    const json_t *to = json_object_get(row, "to"), *id = NULL;
    kafka_defaults(&schema_alter_reassignments_request_partition, p);
    p->partition_index = (int32_t)number_in(row, "partition");
    p->replicas.count = json_is_array(to) ? (int32_t)json_array_size(to) : -1;
    int32_t *ids = get_memory((json_array_size(to) + 1) * sizeof *ids);
    size_t i = 0;
    json_array_foreach(to, i, id) ids[i] = (int32_t)json_integer_value(id);
    p->replicas.items = ids;
    a->topics[n] = (struct alter_reassignments_request_topic){
        .name = slice_of_text(text_in(row, "topic")), .partitions = {.items = p, .count = 1}};
}

static int say_answers(const struct alter_reassignments_response *r)
{
    if (r->error_code != 0) return fail("%s", kafka_error_name(r->error_code));

    int status = EXIT_OK;
    const struct alter_reassignments_response_topic *topics = r->responses.items;
    for (int32_t i = 0; i < r->responses.count; i++) {
        const struct alter_reassignments_response_partition *p = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            if (p[j].error_code == 0) continue;
            struct slice why = p[j].error_message;
            if (why.at == NULL) why = slice_of_text(kafka_error_name(p[j].error_code));
            status =
                fail("%.*s-%d: %.*s", (int)topics[i].name.size, (const char *)topics[i].name.at,
                     p[j].partition_index, (int)why.size, (const char *)why.at);
        }
    }
    return status;
}

int moves_ask(struct wire *w, const json_t *plan, uint32_t timeout_ms)
{
    int status = EXIT_OK;
    struct asking *a = get_memory(sizeof *a);
    for (size_t at = 0; at < json_array_size(plan) && status == EXIT_OK; at += ASKED_MAX) {
        struct alter_reassignments_response response;
        kafka_defaults(&schema_alter_reassignments_request, &a->request);
        a->request.timeout_ms = (int32_t)timeout_ms;
        a->request.topics.items = a->topics;
        for (size_t i = at; i < json_array_size(plan) && i < at + ASKED_MAX; i++) {
            add_row(a, json_array_get(plan, i));
        }
        int rc = wire_call(w, KAFKA_API_ALTER_PARTITION_REASSIGNMENTS, 1, &a->request, &response);
        status = rc == 0 ? say_answers(&response) : fail("no broker answers: %s", wire_why(rc));
        for (int32_t i = 0; i < a->request.topics.count; i++) free(a->partitions[i].replicas.items);
    }
    free(a);
    return status;
}

/* ---- Watching. ---- */

int move_percent(const json_t *partition, const json_t *sizes)
{
    json_int_t whole = size_of(sizes, number_in(partition, "leader"), partition), there = 0;
    const json_t *adding = json_object_get(partition, "adding"), *id = NULL;
    size_t i = 0;
    json_array_foreach(adding, i, id)
    {
        json_int_t size = size_of(sizes, json_integer_value(id), partition);
        there += size < whole ? size : whole;
    }
    if (json_array_size(adding) == 0) return 100;
    if (whole <= 0) return -1;
    return (int)(there * 100 / (whole * (json_int_t)json_array_size(adding)));
}

/* Of a plan: how many of its partitions still move, and how far all of it is. */
static size_t count_moving(const struct view *v, const json_t *plan, const json_t *sizes,
                           int *percent)
{
    size_t moving = 0, i = 0;
    int sum = 0;
    const json_t *row = NULL;
    json_array_foreach(plan, i, row)
    {
        const json_t *p = view_partition(v, text_in(row, "topic"), number_in(row, "partition"));
        bool is_on_its_way = p != NULL && is_moving(p);
        moving += is_on_its_way;
        int part = is_on_its_way ? move_percent(p, sizes) : 100;
        sum += part > 0 ? part : 0;
    }
    *percent = i > 0 ? sum / (int)i : 100;
    return moving;
}

static void show_progress(size_t done, size_t all, int percent, bool is_terminal, size_t *shown)
{
    if (is_terminal) {
        printf("\r%zu of %zu partitions moved, %d %%   ", done, all, percent);
        if (done == all) putchar('\n');
    } else if (done != *shown) {
        printf("%zu of %zu partitions moved\n", done, all);
    }
    *shown = done;
    fflush(stdout);
}

int moves_wait(struct wire *w, const json_t *plan, int64_t timeout_s)
{
    uint64_t end_ms = clock_ms() + (uint64_t)timeout_s * 1000, sizes_ms = 0;
    size_t all = json_array_size(plan), moving = all, shown = SIZE_MAX;
    bool is_terminal = isatty(STDOUT_FILENO) == 1;
    json_t *sizes = NULL;
    while (moving > 0) {
        struct view v = {0};
        json_t *brokers = NULL;
        int rc = view_open(&v, w, NULL, 0);
        if (rc == 0) rc = view_brokers(&v, w, &brokers);
        if (rc == 0 && is_terminal && clock_ms() >= sizes_ms) {
            json_decref(sizes);
            sizes = view_sizes(brokers, SIZES_TIMEOUT_MS);
            sizes_ms = clock_ms() + SIZES_EACH_MS;
        }
        if (rc == 0) {
            int percent = 0;
            moving = count_moving(&v, plan, sizes, &percent);
            show_progress(all - moving, all, percent, is_terminal, &shown);
        }
        json_decref(brokers);
        view_close(&v);
        if (moving > 0 && clock_ms() >= end_ms) break;
        if (moving > 0) pause_us(POLL_US);
    }
    json_decref(sizes);
    if (moving == 0) return EXIT_OK;
    return fail("%zu partitions are still on their way; they go on by themselves "
                "(jackdaw partitions moves)",
                moving);
}
