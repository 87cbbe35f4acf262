#include "cli/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/text.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_log_dirs.h"
#include "proto/msg/elect_leaders.h"

#define ENDS_TIMEOUT_MS 2000
#define PLAN_SIZE 16

/* ---- Which partitions. ---- */

static bool is_named(const json_t *row, const char *name)
{
    char both[320];
    snprintf(both, sizeof both, "%s:%lld", text_in(row, "topic"), number_in(row, "partition"));
    return strcmp(name, text_in(row, "topic")) == 0 || strcmp(name, both) == 0;
}

/* Those among the named that nobody leads, copied; the caller's. NULL: why has been said. */
static json_t *find_leaderless(const struct view *v, char **names, size_t count)
{
    json_t *found = json_array();
    for (size_t n = 0; n < count; n++) {
        size_t i = 0, known = 0;
        json_t *row = NULL;
        json_array_foreach(v->partitions, i, row)
        {
            if (!is_named(row, names[n])) continue;
            known++;
            if (number_in(row, "leader") < 0)
                json_array_append_new(found, json_deep_copy(row));
            else if (strchr(names[n], ':') != NULL)
                printf("%s is led by broker %lld: there is nothing to recover\n", names[n],
                       number_in(row, "leader"));
        }
        if (known > 0) continue;
        fail("there is no topic or partition %s (write TOPIC or TOPIC:NUMBER)", names[n]);
        json_decref(found);
        return NULL;
    }
    return found;
}

/* ---- What the living have. ---- */

static void note_ends(json_t *found, json_int_t broker,
                      const struct describe_log_dirs_response_topic *t)
{
    const struct describe_log_dirs_response_partition *p = t->partitions.items;
    for (int32_t k = 0; k < t->partitions.count; k++) {
        size_t i = 0;
        json_t *row = NULL;
        json_array_foreach(found, i, row)
        {
            if (number_in(row, "partition") != p[k].partition_index) continue;
            if (!slice_equal(t->name, slice_of_text(text_in(row, "topic")))) continue;
            json_t *living = json_object_get(row, "living");
            json_array_append_new(living, json_pack("{s:I, s:i, s:I, s:I, s:I}", "broker", broker,
                                                    "epoch", (int)p[k].last_epoch, "start",
                                                    (json_int_t)p[k].log_start, "end",
                                                    (json_int_t)p[k].log_end, "high_watermark",
                                                    (json_int_t)p[k].high_watermark));
        }
    }
}

static void ask_broker(json_t *found, const json_t *broker)
{
    char address[300];
    snprintf(address, sizeof address, "%.255s:%lld", text_in(broker, "host"),
             number_in(broker, "port"));
    struct wire w;
    struct describe_log_dirs_request request;
    struct describe_log_dirs_response response;
    kafka_defaults(&schema_describe_log_dirs_request, &request);
    request.topics.count = -1;
    wire_init(&w, address, ENDS_TIMEOUT_MS);
    if (wire_call(&w, KAFKA_API_DESCRIBE_LOG_DIRS, 4, &request, &response) == 0) {
        const struct describe_log_dirs_response_result *dirs = response.results.items;
        for (int32_t i = 0; i < response.results.count; i++) {
            const struct describe_log_dirs_response_topic *topics = dirs[i].topics.items;
            for (int32_t j = 0; j < dirs[i].topics.count; j++)
                note_ends(found, number_in(broker, "id"), &topics[j]);
        }
    }
    wire_close(&w);
}

/* Of two logs whose last epoch is the same, one is the beginning of the other; else the younger
 * epoch knows better. It is what the controllers go by. */
static const json_t *best_of(const json_t *row)
{
    const json_t *best = NULL, *one = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(row, "living"), i, one)
    {
        long long epoch = number_in(one, "epoch"), end = number_in(one, "end");
        bool is_better = best == NULL || epoch > number_in(best, "epoch") ||
                         (epoch == number_in(best, "epoch") && end > number_in(best, "end"));
        if (is_better) best = one;
    }
    return best;
}

/* From where on the replica may have what the best one lacks; its end: nothing. */
static json_int_t risk_from(const json_t *one, const json_t *best)
{
    json_int_t end = number_in(one, "end"), from = number_in(one, "high_watermark");
    if (number_in(one, "epoch") == number_in(best, "epoch")) return end;
    if (from > number_in(best, "end")) from = number_in(best, "end");
    return from < end ? from : end;
}

static void look_at_replicas(json_t *found, const json_t *brokers)
{
    size_t i = 0;
    json_t *row = NULL;
    const json_t *broker = NULL;
    json_array_foreach(found, i, row) json_object_set_new(row, "living", json_array());
    json_array_foreach(brokers, i, broker)
    {
        if (!flag_in(broker, "fenced")) ask_broker(found, broker);
    }
    json_array_foreach(found, i, row)
    {
        const json_t *best = best_of(row);
        size_t j = 0;
        json_t *one = NULL;
        json_object_set_new(row, "would_lead",
                            best == NULL ? json_null() : json_integer(number_in(best, "broker")));
        json_array_foreach(json_object_get(row, "living"), j, one)
        {
            json_object_set_new(one, "at_risk_from", json_integer(risk_from(one, best)));
        }
    }
}

/* ---- The plan. ---- */

/* A name for all that a plan stands on: another one when anything of it has changed. */
static void name_plan(const json_t *found, char out[PLAN_SIZE])
{
    char *text = json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(out, PLAN_SIZE, "%08x", text == NULL ? 0 : crc32c(text, strlen(text)));
    free(text);
}

static const json_t *living_of(const json_t *row, json_int_t broker)
{
    const json_t *one = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(row, "living"), i, one)
    {
        if (number_in(one, "broker") == broker) return one;
    }
    return NULL;
}

static void print_replica(const json_t *row, json_int_t id, const json_t *best)
{
    const json_t *one = living_of(row, id);
    if (one == NULL) {
        printf("  %-7lld no answer  -      -          -          what it alone has%s\n",
               (long long)id, best == NULL ? "" : ", from the end of the others on at the latest");
        return;
    }
    char risk[96] = "nothing";
    long long from = number_in(one, "at_risk_from"), end = number_in(one, "end");
    if (one == best) snprintf(risk, sizeof risk, "nothing: it would lead");
    if (from < end) snprintf(risk, sizeof risk, "%lld to %lld at the most", from, end - 1);
    printf("  %-7lld living     %-6lld %-10lld %-10lld %s\n", (long long)id,
           number_in(one, "epoch"), number_in(one, "start"), end, risk);
}

static void print_plan_of(const json_t *row)
{
    char elr[IDS_SIZE], known[IDS_SIZE];
    const json_t *best = best_of(row), *id = NULL;
    size_t i = 0;
    printf("%s-%lld: nobody leads since leader epoch %lld; eligible: %s, last known: %s\n",
           text_in(row, "topic"), number_in(row, "partition"), number_in(row, "leader_epoch"),
           ids_text(row, "elr", elr), ids_text(row, "last_known_elr", known));
    puts("  BROKER  STATE      EPOCH  LOG START  LOG END    OFFSETS AT RISK");
    json_array_foreach(json_object_get(row, "replicas"), i, id)
        print_replica(row, json_integer_value(id), best);
    if (best == NULL) puts("  no replica answers: start one of its brokers");
}

/* ---- Doing it. ---- */

static int say_results(const struct elect_leaders_response *r)
{
    int status = EXIT_OK;
    const struct elect_leaders_response_topic *topics = r->replica_election_results.items;
    for (int32_t i = 0; i < r->replica_election_results.count; i++) {
        const struct elect_leaders_response_partition *p = topics[i].partition_result.items;
        for (int32_t j = 0; j < topics[i].partition_result.count; j++) {
            struct slice why = p[j].error_message;
            const char *name = (const char *)topics[i].topic.at;
            int size = (int)topics[i].topic.size;
            if (p[j].error_code == 0) {
                printf("%.*s-%d is led again; what others have beyond it is kept beside their "
                       "logs when they follow\n",
                       size, name, p[j].partition_id);
                continue;
            }
            if (why.at == NULL) why = slice_of_text(kafka_error_name(p[j].error_code));
            status = fail("%.*s-%d: %.*s", size, name, p[j].partition_id, (int)why.size,
                          (const char *)why.at);
        }
    }
    return status;
}

static int elect(const struct recover_options *o, struct wire *w, const json_t *found)
{
    size_t count = json_array_size(found), i = 0;
    struct elect_leaders_request_topic *topics = get_memory(count * sizeof *topics);
    int32_t *numbers = get_memory(count * sizeof *numbers);
    const json_t *row = NULL;
    json_array_foreach(found, i, row)
    {
        numbers[i] = (int32_t)number_in(row, "partition");
        topics[i].topic = slice_of_text(text_in(row, "topic"));
        topics[i].partitions = (struct array){.items = &numbers[i], .count = 1};
    }
    struct elect_leaders_request request;
    struct elect_leaders_response response;
    kafka_defaults(&schema_elect_leaders_request, &request);
    request.election_type = ELECTION_UNCLEAN;
    request.timeout_ms = (int32_t)o->timeout_ms;
    request.topic_partitions = (struct array){.items = topics, .count = (int32_t)count};
    int rc = wire_call(w, KAFKA_API_ELECT_LEADERS, 2, &request, &response);
    int status = EXIT_OK;
    if (rc != 0)
        status = fail("no broker answers: %s", wire_why(rc));
    else if (response.error_code != 0)
        status = fail("%s", kafka_error_name(response.error_code));
    else
        status = say_results(&response);
    free(numbers);
    free(topics);
    return status;
}

static int carry_out(const struct recover_options *o, struct wire *w, const json_t *found)
{
    char plan[PLAN_SIZE];
    name_plan(found, plan);
    if (o->plan != NULL && strcmp(o->plan, plan) != 0) {
        return fail("plan %s is out of date: this is plan %s; look at it, and say that", o->plan,
                    plan);
    }
    if (o->yes) return elect(o, w, found);
    if (!o->json) {
        printf("plan %s: say it again with --yes --plan %s, and the replica that reaches furthest "
               "leads\n",
               plan, plan);
    }
    return EXIT_OK;
}

int recover(const struct recover_options *o, struct wire *w, const struct view *v, char **names,
            size_t count)
{
    json_t *found = find_leaderless(v, names, count), *brokers = NULL;
    if (found == NULL) return EXIT_FAILED;

    int status = EXIT_OK;
    int rc = view_brokers(v, w, &brokers);
    if (rc != 0) {
        status = fail("no broker answers: %s", wire_why(rc));
    } else if (json_array_size(found) == 0) {
        if (!o->json) puts("every partition is led: there is nothing to recover");
        status = o->plan == NULL ? EXIT_OK : fail("plan %s is out of date", o->plan);
    } else {
        look_at_replicas(found, brokers);
        size_t i = 0;
        const json_t *row = NULL;
        json_array_foreach(found, i, row)
        {
            if (!o->json) print_plan_of(row);
        }
        if (o->json) json_print(found);
        status = carry_out(o, w, found);
    }
    json_decref(brokers);
    json_decref(found);
    return status;
}
