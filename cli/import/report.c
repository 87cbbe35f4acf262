#include "cli/import/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "common/text.h"

void report_bytes(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    uint64_t tenths = bytes * 10;
    while (tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]) {
        tenths /= 1024;
        unit++;
    }
    if (unit == 0) (void)snprintf(out, 32, "%" PRIu64 " bytes", bytes);
    if (unit > 0)
        (void)snprintf(out, 32, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
                       units[unit]);
}

static uint32_t settings_of(const struct plan *p, const struct topic_plan *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->setting_count; i++) {
        const struct kafka_config *c = p->settings[i].kafka;
        count += c->type == 2 && strcmp(c->name, t->kafka->name) == 0;
    }
    return count;
}

/* What its replicas that are taken agree on as far as they go: the widest of them. */
static const struct replica *widest(const struct partition_plan *x)
{
    const struct replica *best = NULL;
    for (uint32_t i = 0; i < x->replica_count; i++) {
        const struct replica_plan *r = &x->replicas[i];
        if (r->is_taken && (best == NULL || r->look.end > best->end)) best = &r->look;
    }
    return best;
}

/* ---- Text ---- */

static void print_replica(const struct partition_plan *x, const struct replica_plan *r)
{
    char size[32];
    report_bytes(r->look.bytes, size);
    const char *role = id_set_has(&x->hopes, r->broker) ? "may lead"
                       : r->is_taken                    ? "follows"
                                                        : "fetches all anew";
    if (r->is_taken)
        printf("      broker %d: %s in %u segments, offsets %" PRId64 " to %" PRId64
               ", epoch %d; %s\n",
               r->broker, size, r->look.count, r->look.start, r->look.end, r->look.epoch, role);
    else
        printf("      broker %d: nothing; %s\n", r->broker, role);
    if (r->why[0] != 0) printf("        %s%s\n", r->is_taken ? "not taken: " : "", r->why);
}

static void print_topic(const struct plan *p, const struct topic_plan *t)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(t->kafka->id, id);
    printf("  %s  id %s, %u partitions, %u settings\n", t->kafka->name, id, t->partition_count,
           settings_of(p, t));
    for (uint32_t i = 0; i < t->partition_count; i++) {
        const struct partition_plan *x = &t->partitions[i];
        const struct replica *w = widest(x);
        printf("    %s-%u: leader epoch %d", t->kafka->name, i, x->kafka->leader_epoch);
        if (w != NULL)
            printf(", offsets %" PRId64 " to %" PRId64 ", %" PRId64 " records", w->start, w->end,
                   w->records);
        if (x->watermark >= 0) printf(", watermark at least %" PRId64, x->watermark);
        putchar('\n');
        for (uint32_t k = 0; k < x->replica_count; k++) print_replica(x, &x->replicas[k]);
    }
}

static void print_list(const char *title, const struct strings *list)
{
    if (list->count == 0) return;
    printf("%s\n", title);
    for (size_t i = 0; i < list->count; i++) printf("  %s\n", list->at[i]);
}

static void print_nodes(const struct plan *p)
{
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (s->is_broker)
            printf("  broker %d: %s -> %s\n", s->node_id, s->path, s->to);
        else
            printf("  node %d: %s, for its metadata\n", s->node_id, s->path);
    }
    printf("  controllers: %" PRId64 " new ones in %s, each with all of the metadata\n",
           p->options->controllers, p->options->to);
}

void report_text(const struct plan *p)
{
    if (p->metadata_source != NULL) {
        printf("cluster %s of Apache Kafka, metadata.version %d, up to offset %" PRId64
               " of epoch %d (%s)\n",
               p->metadata_source->cluster_id, p->metadata.metadata_version, p->reach.end,
               p->reach.epoch, p->metadata_source->path);
        print_nodes(p);
    }
    if (p->topic_count > 0) puts("topics");
    for (uint32_t i = 0; i < p->topic_count; i++) {
        if (p->topics[i].left_out == NULL) print_topic(p, &p->topics[i]);
    }
    print_list("left out", &p->left_out);
    print_list("to know", &p->notes);
    print_list("in the way", &p->refused);
}

/* ---- JSON ---- */

static json_t *list_of(const struct strings *list)
{
    json_t *out = json_array();
    for (size_t i = 0; i < list->count; i++) json_array_append_new(out, json_string(list->at[i]));
    return out;
}

static json_t *replica_json(const struct partition_plan *x, const struct replica_plan *r)
{
    json_t *out = json_object();
    json_object_set_new(out, "broker", json_integer(r->broker));
    json_object_set_new(out, "taken", json_boolean(r->is_taken));
    json_object_set_new(out, "may_lead", json_boolean(id_set_has(&x->hopes, r->broker)));
    if (r->folder != NULL) {
        json_object_set_new(out, "bytes", json_integer((json_int_t)r->look.bytes));
        json_object_set_new(out, "segments", json_integer(r->look.count));
        json_object_set_new(out, "start", json_integer(r->look.start));
        json_object_set_new(out, "end", json_integer(r->look.end));
        json_object_set_new(out, "records", json_integer(r->look.records));
        json_object_set_new(out, "epoch", json_integer(r->look.epoch));
    }
    if (r->why[0] != 0) json_object_set_new(out, "why", json_string(r->why));
    return out;
}

static json_t *topic_json(const struct topic_plan *t)
{
    char id[UUID_TEXT_SIZE];
    uuid_to_text(t->kafka->id, id);
    json_t *out = json_object(), *partitions = json_array();
    json_object_set_new(out, "topic", json_string(t->kafka->name));
    json_object_set_new(out, "topic_id", json_string(id));
    if (t->left_out != NULL) json_object_set_new(out, "left_out", json_string(t->left_out));
    for (uint32_t i = 0; i < t->partition_count; i++) {
        const struct partition_plan *x = &t->partitions[i];
        json_t *one = json_object(), *replicas = json_array();
        json_object_set_new(one, "partition", json_integer(i));
        json_object_set_new(one, "leader_epoch", json_integer(x->kafka->leader_epoch));
        if (x->watermark >= 0) json_object_set_new(one, "watermark", json_integer(x->watermark));
        for (uint32_t k = 0; k < x->replica_count; k++)
            json_array_append_new(replicas, replica_json(x, &x->replicas[k]));
        json_object_set_new(one, "replicas", replicas);
        json_array_append_new(partitions, one);
    }
    json_object_set_new(out, "partitions", partitions);
    return out;
}

void report_json(const struct plan *p, bool is_done)
{
    json_t *out = json_object(), *topics = json_array(), *brokers = json_array();
    json_object_set_new(out, "done", json_boolean(is_done));
    if (p->metadata_source != NULL) {
        json_object_set_new(out, "cluster", json_string(p->metadata_source->cluster_id));
        json_object_set_new(out, "metadata_version", json_integer(p->metadata.metadata_version));
        json_object_set_new(out, "metadata_end", json_integer(p->reach.end));
    }
    for (uint32_t i = 0; i < p->source_count; i++) {
        const struct source *s = &p->sources[i];
        if (!s->is_broker) continue;
        json_t *one = json_object();
        json_object_set_new(one, "broker", json_integer(s->node_id));
        json_object_set_new(one, "from", json_string(s->path));
        json_object_set_new(one, "to", json_string(s->to));
        json_array_append_new(brokers, one);
    }
    for (uint32_t i = 0; i < p->topic_count; i++)
        json_array_append_new(topics, topic_json(&p->topics[i]));
    json_object_set_new(out, "bytes", json_integer((json_int_t)p->bytes));
    json_object_set_new(out, "brokers", brokers);
    json_object_set_new(out, "topics", topics);
    json_object_set_new(out, "settings", json_integer(p->setting_count));
    json_object_set_new(out, "left_out", list_of(&p->left_out));
    json_object_set_new(out, "notes", list_of(&p->notes));
    json_object_set_new(out, "in_the_way", list_of(&p->refused));
    json_print(out);
    json_decref(out);
}
