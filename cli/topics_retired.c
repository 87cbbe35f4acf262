/* Topics that were deleted a short while ago: shown, brought back, or made to go at once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/json.h"
#include "cli/topics.h"
#include "cli/wire.h"
#include "common/text.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/retired_topics.h"

/* Asks; what `out` points to lives until the wire is closed. False: said why not. */
static bool ask(struct wire *wire, const struct topics_options *o, const char *bootstrap,
                enum retired_action action, char **names, size_t count,
                struct retired_topics_response *out)
{
    struct retired_topics_request q;
    struct retired_topics_request_topic *topics = get_memory((count + 1) * sizeof *topics);
    kafka_defaults(&schema_retired_topics_request, &q);
    for (size_t i = 0; i < count; i++) {
        kafka_defaults(&schema_retired_topics_request_topic, &topics[i]);
        topics[i].name = slice_of_text(names[i]);
        if (o->by_id && !uuid_from_text(names[i], &topics[i].topic_id)) {
            fail("%s is not the id of a topic", names[i]);
            free(topics);
            return false;
        }
    }
    q.action = (int8_t)action;
    q.topics = (struct array){topics, (int32_t)count};
    q.timeout_ms = (int32_t)o->timeout_s * 1000;
    wire_init(wire, bootstrap, (uint32_t)o->timeout_s * 1000);
    int rc = wire_call(wire, KAFKA_API_RETIRED_TOPICS, 0, &q, out);
    free(topics);
    if (rc != 0) {
        fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    } else if (out->error_code != KAFKA_NONE) {
        fail("%s", kafka_error_text(out->error_code));
    }
    return rc == 0 && out->error_code == KAFKA_NONE;
}

static int act(const struct topics_options *o, const char *bootstrap, enum retired_action action,
               char **names, size_t count, const char *done)
{
    struct wire wire = {0};
    struct retired_topics_response a;
    int status = EXIT_FAILED;
    if (ask(&wire, o, bootstrap, action, names, count, &a)) {
        const struct retired_topics_response_topic *topics = a.topics.items;
        status = EXIT_OK;
        for (int32_t i = 0; i < a.topics.count; i++) {
            if (topics[i].error_code == KAFKA_NONE) {
                printf("%.*s %s\n", (int)topics[i].name.size, (const char *)topics[i].name.at,
                       done);
            } else {
                status = fail(
                    "%.*s: %s: %.*s", (int)topics[i].name.size, (const char *)topics[i].name.at,
                    kafka_error_name(topics[i].error_code), (int)topics[i].error_message.size,
                    (const char *)topics[i].error_message.at);
            }
        }
    }
    wire_close(&wire);
    return status;
}

int topics_undelete(const struct topics_options *o, const char *bootstrap, char **names,
                    size_t count)
{
    return act(o, bootstrap, RETIRED_RESTORE, names, count, "is back");
}

int topics_purge(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    return act(o, bootstrap, RETIRED_DROP, names, count, "is gone for good");
}

static void print_json(const struct retired_topics_response *a)
{
    const struct retired_topics_response_topic *topics = a->topics.items;
    json_t *list = json_array();
    for (int32_t i = 0; i < a->topics.count; i++) {
        char id[UUID_TEXT_SIZE];
        uuid_to_text(topics[i].topic_id, id);
        json_array_append_new(list, json_pack("{s:s%, s:s, s:i, s:I, s:I}", "topic",
                                              (const char *)topics[i].name.at,
                                              (size_t)topics[i].name.size, "id", id, "partitions",
                                              (int)topics[i].partition_count, "deleted_ms",
                                              (json_int_t)topics[i].deleted_ms, "left_ms",
                                              (json_int_t)topics[i].left_ms));
    }
    json_print(list);
    json_decref(list);
}

static void print_rows(const struct retired_topics_response *a)
{
    const struct retired_topics_response_topic *topics = a->topics.items;
    int width = 5;
    for (int32_t i = 0; i < a->topics.count; i++) {
        if ((int)topics[i].name.size > width) width = (int)topics[i].name.size;
    }
    if (a->topics.count > 0)
        printf("%-*s  %-22s  PARTITIONS  GONE FOR GOOD IN\n", width, "TOPIC", "ID");
    for (int32_t i = 0; i < a->topics.count; i++) {
        char id[UUID_TEXT_SIZE];
        uuid_to_text(topics[i].topic_id, id);
        printf("%-*.*s  %-22s  %-10d  %" PRId64 " s\n", width, (int)topics[i].name.size,
               (const char *)topics[i].name.at, id, topics[i].partition_count,
               (topics[i].left_ms + 999) / 1000);
    }
}

int topics_list_retired(const struct topics_options *o, const char *bootstrap)
{
    struct wire wire = {0};
    struct retired_topics_response a;
    bool good = ask(&wire, o, bootstrap, RETIRED_LIST, NULL, 0, &a);
    if (good && o->json) print_json(&a);
    if (good && !o->json) print_rows(&a);
    wire_close(&wire);
    return good ? EXIT_OK : EXIT_FAILED;
}
