#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_cluster.h"
#include "proto/msg/describe_log_dirs.h"
#include "proto/msg/describe_topic_partitions.h"

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
    json_t *row = json_pack(
        "{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "topic", json_text(topic),
        "partition", (int)p->partition_index, "leader", (int)p->leader_id, "leader_epoch",
        (int)p->leader_epoch, "replicas", json_ids(p->replica_nodes), "isr", json_ids(p->isr_nodes),
        "elr", json_ids(p->eligible_leader_replicas), "last_known_elr", json_ids(p->last_known_elr),
        "offline", json_ids(p->offline_replicas), "adding", json_ids(p->adding_replicas),
        "removing", json_ids(p->removing_replicas), "successor", json_ids(p->successor));
    if (p->error_code != 0) {
        json_object_set_new(row, "error", json_string(kafka_error_name(p->error_code)));
    }
    return row;
}

void view_close(struct view *v)
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

int view_open(struct view *v, struct wire *w, char **names, size_t count)
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

const char *ids_text(const json_t *row, const char *key, char out[IDS_SIZE])
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

long long number_in(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

const char *text_in(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

bool flag_in(const json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

bool ids_have(const json_t *ids, json_int_t id)
{
    size_t i = 0;
    const json_t *each = NULL;
    json_array_foreach(ids, i, each)
    {
        if (json_integer_value(each) == id) return true;
    }
    return false;
}

bool is_moving(const json_t *partition)
{
    return json_array_size(json_object_get(partition, "adding")) > 0 ||
           json_array_size(json_object_get(partition, "removing")) > 0;
}

const json_t *view_partition(const struct view *v, const char *topic, json_int_t partition)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        bool is_it = number_in(row, "partition") == partition;
        if (is_it && strcmp(text_in(row, "topic"), topic) == 0) return row;
    }
    return NULL;
}

const json_t *broker_row(const json_t *brokers, json_int_t id)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(brokers, i, row)
    {
        if (number_in(row, "id") == id) return row;
    }
    return NULL;
}

/* ---- Brokers. ---- */

static int compare_brokers(const void *a, const void *b)
{
    const struct describe_cluster_response_broker *x = a, *y = b;
    return (x->broker_id > y->broker_id) - (x->broker_id < y->broker_id);
}

static void count_partitions(const struct view *v, json_t *broker)
{
    json_int_t id = number_in(broker, "id"), leaders = 0, replicas = 0, isr_short = 0;
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row)
    {
        bool leads = number_in(row, "leader") == id;
        const json_t *all = json_object_get(row, "replicas");
        leaders += leads;
        replicas += ids_have(all, id);
        isr_short += leads && json_array_size(json_object_get(row, "isr")) < json_array_size(all);
    }
    json_object_set_new(broker, "leaders", json_integer(leaders));
    json_object_set_new(broker, "replicas", json_integer(replicas));
    json_object_set_new(broker, "isr_short", json_integer(isr_short));
}

int view_brokers(const struct view *v, struct wire *w, json_t **out)
{
    struct describe_cluster_request request;
    struct describe_cluster_response response;
    kafka_defaults(&schema_describe_cluster_request, &request);
    request.include_fenced_brokers = true;
    request.include_brokers_elsewhere = true;
    int rc = wire_call(w, KAFKA_API_DESCRIBE_CLUSTER, 2, &request, &response);
    if (rc != 0) return rc;

    struct describe_cluster_response_broker *brokers = response.brokers.items;
    if (response.brokers.count > 0) {
        qsort(brokers, (size_t)response.brokers.count, sizeof *brokers, compare_brokers);
    }
    *out = json_array();
    for (int32_t i = 0; i < response.brokers.count; i++) {
        const struct describe_cluster_response_broker *b = &brokers[i];
        json_t *row = json_pack("{s:i, s:I, s:o, s:i, s:o, s:b, s:b, s:b}", "id", (int)b->broker_id,
                                "epoch", (json_int_t)b->epoch, "host", json_text(b->host), "port",
                                (int)b->port, "rack", json_text(b->rack), "fenced", b->is_fenced,
                                "stopping", b->stopping, "drained", b->drained);
        count_partitions(v, row);
        json_array_append_new(*out, row);
    }
    return 0;
}

/* ---- Sizes. ---- */

static char *partition_name(struct slice topic, long long partition)
{
    return format_text("%.*s-%lld", (int)topic.size, (const char *)topic.at, partition);
}

static json_t *sizes_of_broker(struct wire *w)
{
    struct describe_log_dirs_request request;
    struct describe_log_dirs_response response;
    kafka_defaults(&schema_describe_log_dirs_request, &request);
    request.topics.count = -1;
    if (wire_call(w, KAFKA_API_DESCRIBE_LOG_DIRS, 4, &request, &response) != 0) return NULL;

    json_t *sizes = json_object();
    const struct describe_log_dirs_response_result *dirs = response.results.items;
    for (int32_t i = 0; i < response.results.count; i++) {
        const struct describe_log_dirs_response_topic *topics = dirs[i].topics.items;
        for (int32_t j = 0; j < dirs[i].topics.count; j++) {
            const struct describe_log_dirs_response_partition *p = topics[j].partitions.items;
            for (int32_t k = 0; k < topics[j].partitions.count; k++) {
                if (p[k].is_future_key) continue; /* A copy on its way to another disk. */
                char *name = partition_name(topics[j].name, p[k].partition_index);
                json_object_set_new(sizes, name, json_integer(p[k].partition_size));
                free(name);
            }
        }
    }
    return sizes;
}

json_t *view_sizes(const json_t *brokers, uint32_t timeout_ms)
{
    json_t *all = json_object();
    size_t i = 0;
    const json_t *broker = NULL;
    json_array_foreach(brokers, i, broker)
    {
        if (flag_in(broker, "fenced")) continue;
        char *id = format_text("%lld", number_in(broker, "id"));
        char *address = format_text("%s:%lld", text_in(broker, "host"), number_in(broker, "port"));
        struct wire w;
        wire_init(&w, address, timeout_ms);
        json_t *sizes = sizes_of_broker(&w);
        if (sizes != NULL) json_object_set_new(all, id, sizes);
        wire_close(&w);
        free(address);
        free(id);
    }
    return all;
}

json_int_t size_of(const json_t *sizes, json_int_t broker, const json_t *partition)
{
    char *id = format_text("%lld", (long long)broker);
    char *name = partition_name(slice_of_text(text_in(partition, "topic")),
                                number_in(partition, "partition"));
    json_int_t size = json_integer_value(json_object_get(json_object_get(sizes, id), name));
    free(name);
    free(id);
    return size;
}
