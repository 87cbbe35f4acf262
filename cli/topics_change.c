#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/json.h"
#include "cli/topics.h"
#include "common/check.h"

#define ASSIGNED_MAX 64
#define ANSWER_EXTRA_MS 5000

/* A client, the options of one admin request, and where its answer arrives. */
struct admin {
    rd_kafka_t *rk;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
};

static bool admin_open(struct admin *a, const struct topics_options *o, const char *bootstrap,
                       rd_kafka_admin_op_t op)
{
    static const char *const settings[] = {NULL};
    char why[256];
    rd_kafka_conf_t *conf = client_conf(bootstrap, settings, &o->extra);
    *a = (struct admin){.rk = conf ? client_new(RD_KAFKA_PRODUCER, conf) : NULL};
    if (a->rk == NULL) return false;

    int timeout_ms = (int)o->timeout_s * 1000;
    a->queue = rd_kafka_queue_new(a->rk);
    a->options = rd_kafka_AdminOptions_new(a->rk, op);
    /* The second is how long the cluster may take, the first how long we wait for its word. */
    bool good =
        rd_kafka_AdminOptions_set_request_timeout(a->options, timeout_ms + ANSWER_EXTRA_MS, why,
                                                  sizeof why) == 0 &&
        rd_kafka_AdminOptions_set_operation_timeout(a->options, timeout_ms, why, sizeof why) == 0;
    if (good && o->validate_only && op != RD_KAFKA_ADMIN_OP_DELETETOPICS) {
        good = rd_kafka_AdminOptions_set_validate_only(a->options, 1, why, sizeof why) == 0;
    }
    if (!good) fail("%s", why);
    return good;
}

static void admin_close(struct admin *a)
{
    if (a->event != NULL) rd_kafka_event_destroy(a->event);
    if (a->options != NULL) rd_kafka_AdminOptions_destroy(a->options);
    if (a->queue != NULL) rd_kafka_queue_destroy(a->queue);
    if (a->rk != NULL) rd_kafka_destroy(a->rk);
    *a = (struct admin){0};
}

static int say_results(const struct topics_options *o, const rd_kafka_topic_result_t **results,
                       size_t count, const char *done)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_topic_result_name(results[i]);
        const char *text = rd_kafka_topic_result_error_string(results[i]);
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            printf("%s %s\n", name, o->validate_only ? "could be done" : done);
        } else if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS && o->if_not_exists) {
            printf("%s is there already\n", name);
        } else {
            status = fail("%s: %s: %s", name, rd_kafka_err2name(err),
                          text != NULL ? text : rd_kafka_err2str(err));
        }
    }
    return status;
}

static const rd_kafka_topic_result_t **results_of(rd_kafka_event_t *event, size_t *count)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        return rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                   count);
    case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
        return rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event),
                                                   count);
    case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
        return rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), count);
    default: UNREACHABLE();
    }
}

/* Waits for the answer to what was asked, and says what came of each topic. */
static int admin_finish(struct admin *a, const struct topics_options *o, const char *done)
{
    a->event = rd_kafka_queue_poll(a->queue, (int)o->timeout_s * 1000 + 2 * ANSWER_EXTRA_MS);
    if (a->event == NULL) return fail("no answer");
    if (rd_kafka_event_error(a->event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail("%s", rd_kafka_event_error_string(a->event));

    size_t count = 0;
    const rd_kafka_topic_result_t **results = results_of(a->event, &count);
    return say_results(o, results, count, done);
}

/* "1:2:3,2:3:1": the brokers of partition 0, of partition 1, and so on. */
static bool set_assignment(rd_kafka_NewTopic_t *topic, const char *text)
{
    char why[256];
    struct strings partitions = {0};
    strings_split(&partitions, text, ',');
    bool good = partitions.count > 0;
    for (size_t i = 0; good && i < partitions.count; i++) {
        struct strings ids = {0};
        int32_t brokers[ASSIGNED_MAX];
        strings_split(&ids, partitions.at[i], ':');
        good = ids.count > 0 && ids.count <= ASSIGNED_MAX;
        for (size_t j = 0; good && j < ids.count; j++) {
            int64_t id = 0;
            good = number_of(ids.at[j], 0, INT32_MAX, &id);
            brokers[j] = (int32_t)id;
        }
        if (good && rd_kafka_NewTopic_set_replica_assignment(topic, (int32_t)i, brokers, ids.count,
                                                             why, sizeof why) != 0) {
            fail("--assignment: %s", why);
            good = false;
        }
        strings_close(&ids);
    }
    strings_close(&partitions);
    return good;
}

static bool set_configs(rd_kafka_NewTopic_t *topic, const struct strings *configs)
{
    bool good = true;
    for (size_t i = 0; good && i < configs->count; i++) {
        char *text = copy_text(configs->at[i]), *key = NULL, *value = NULL;
        good = split_pair(text, '=', &key, &value) &&
               rd_kafka_NewTopic_set_config(topic, key, value) == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!good) misuse("topics create: --config wants key=value, not %s", configs->at[i]);
        free(text);
    }
    return good;
}

/* NULL: an option does not fit, which has been said. */
static rd_kafka_NewTopic_t *new_topic(const struct topics_options *o, const char *name)
{
    char why[256];
    size_t assigned = 0;
    for (const char *at = o->assignment; at != NULL && *at != 0; at++) assigned += *at == ',';
    if (o->assignment != NULL && (o->partitions >= 0 || o->replication_factor >= 0)) {
        misuse("topics create: --assignment says how many partitions and replicas there are; leave "
               "--partitions and --replication-factor out");
        return NULL;
    }
    int partitions = o->assignment != NULL ? (int)assigned + 1 : (int)o->partitions;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, (int)o->replication_factor, why, sizeof why);
    if (topic == NULL) {
        fail("%s: %s", name, why);
        return NULL;
    }
    bool good = o->assignment == NULL || set_assignment(topic, o->assignment);
    if (!good) misuse("topics create: --assignment wants broker ids as in 1:2:3,2:3:1");
    if (good && set_configs(topic, &o->configs)) return topic;
    rd_kafka_NewTopic_destroy(topic);
    return NULL;
}

int topics_create(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    rd_kafka_NewTopic_t **topics = get_memory(count * sizeof *topics);
    struct admin a = {0};
    int status = EXIT_OK;
    size_t made = 0;
    for (; made < count; made++) {
        topics[made] = new_topic(o, names[made]);
        if (topics[made] == NULL) {
            status = EXIT_USAGE;
            break;
        }
    }
    if (status == EXIT_OK) {
        status = EXIT_FAILED;
        if (admin_open(&a, o, bootstrap, RD_KAFKA_ADMIN_OP_CREATETOPICS)) {
            rd_kafka_CreateTopics(a.rk, topics, count, a.options, a.queue);
            status = admin_finish(&a, o, "created");
        }
        admin_close(&a);
    }
    for (size_t i = 0; i < made; i++) rd_kafka_NewTopic_destroy(topics[i]);
    free(topics);
    return status;
}

int topics_delete(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    rd_kafka_DeleteTopic_t **topics = get_memory(count * sizeof *topics);
    struct admin a = {0};
    int status = EXIT_FAILED;
    for (size_t i = 0; i < count; i++) topics[i] = rd_kafka_DeleteTopic_new(names[i]);
    if (admin_open(&a, o, bootstrap, RD_KAFKA_ADMIN_OP_DELETETOPICS)) {
        rd_kafka_DeleteTopics(a.rk, topics, count, a.options, a.queue);
        status = admin_finish(&a, o, "deleted");
    }
    admin_close(&a);
    rd_kafka_DeleteTopic_destroy_array(topics, count);
    free(topics);
    return status;
}

int topics_grow(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    if (o->partitions < 1) return misuse("topics partitions: how many? --partitions N");

    char why[256];
    rd_kafka_NewPartitions_t **topics = get_memory(count * sizeof *topics);
    struct admin a = {0};
    int status = EXIT_FAILED;
    for (size_t i = 0; i < count; i++) {
        topics[i] = rd_kafka_NewPartitions_new(names[i], (size_t)o->partitions, why, sizeof why);
        CHECK(topics[i] != NULL);
    }
    if (admin_open(&a, o, bootstrap, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS)) {
        rd_kafka_CreatePartitions(a.rk, topics, count, a.options, a.queue);
        status = admin_finish(&a, o, "has more partitions");
    }
    admin_close(&a);
    rd_kafka_NewPartitions_destroy_array(topics, count);
    free(topics);
    return status;
}

int topics_list(const struct topics_options *o, const char *bootstrap, char **names, size_t count)
{
    (void)names;
    if (count > 0) return misuse("topics list takes no names; `topics describe` does");

    if (o->deleted) return topics_list_retired(o, bootstrap);
    static const char *const settings[] = {NULL};
    rd_kafka_conf_t *conf = client_conf(bootstrap, settings, &o->extra);
    rd_kafka_t *rk = conf ? client_new(RD_KAFKA_PRODUCER, conf) : NULL;
    if (rk == NULL) return EXIT_FAILED;

    const struct rd_kafka_metadata *md = client_metadata(rk, NULL, (uint32_t)o->timeout_s * 1000);
    json_t *list = json_array();
    for (int i = 0; md != NULL && i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];
        if (!o->json) puts(t->topic);
        json_array_append_new(
            list, json_pack("{s:s, s:i}", "topic", t->topic, "partitions", t->partition_cnt));
    }
    if (md != NULL && o->json) json_print(list);
    int status = md != NULL ? EXIT_OK : EXIT_FAILED;
    json_decref(list);
    if (md != NULL) rd_kafka_metadata_destroy(md);
    rd_kafka_destroy(rk);
    return status;
}
