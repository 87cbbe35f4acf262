#include "cli/groups_other.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct rd_kafka_group_list *groups_others_ask(struct groups_client *c, const char *name)
{
    const struct rd_kafka_group_list *list = NULL;
    rd_kafka_resp_err_t err = rd_kafka_list_groups(c->rk, name, &list, c->timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return list;
    if (err == RD_KAFKA_RESP_ERR__PARTIAL) {
        fail("not all brokers have answered");
        return list;
    }
    (void)groups_say(c, NULL, err);
    return NULL;
}

bool groups_is_other(const struct rd_kafka_group_info *group)
{
    const char *type = group->protocol_type;
    bool is_dead = strcmp(group->state, "Dead") == 0;
    return !is_dead && type != NULL && type[0] != '\0' && strcmp(type, "consumer") != 0;
}

int groups_others_list(struct groups_client *c, const struct groups_options *o, json_t *all)
{
    const struct rd_kafka_group_list *list = groups_others_ask(c, NULL);
    if (list == NULL) return EXIT_FAILED;
    for (int i = 0; i < list->group_cnt; i++) {
        const struct rd_kafka_group_info *g = &list->groups[i];
        if (!groups_is_other(g)) continue;
        if (o->json) {
            json_t *one = json_object();
            json_set_bytes(one, "group", g->group, strlen(g->group));
            (void)json_object_set_new(one, "state", json_string(g->state));
            (void)json_object_set_new(one, "type", json_string(g->protocol_type));
            (void)json_array_append_new(all, one);
        } else {
            printf("%-40s %s (%s)\n", g->group, g->state, g->protocol_type);
        }
    }
    rd_kafka_group_list_destroy(list);
    return EXIT_OK;
}

/* ---- describe ---- */

static void print_one(const struct rd_kafka_group_info *g,
                      const rd_kafka_topic_partition_list_t *committed)
{
    printf("%s: %s, of type %s", g->group, g->state, g->protocol_type);
    if (g->protocol[0] != '\0') printf(", %s", g->protocol);
    printf(", coordinated by broker %d, %d members\n", g->broker.id, g->member_cnt);
    for (int i = 0; i < g->member_cnt; i++) {
        const struct rd_kafka_group_member_info *m = &g->members[i];
        printf("  %s  client %s at %s, metadata of %d bytes, assignment of %d bytes\n",
               m->member_id, m->client_id, m->client_host, m->member_metadata_size,
               m->member_assignment_size);
    }
    if (committed->cnt > 0) printf("%-30s %9s %12s\n", "TOPIC", "PARTITION", "OFFSET");
    for (int i = 0; i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &committed->elems[i];
        printf("%-30s %9d %12" PRId64 "\n", p->topic, p->partition, p->offset);
    }
}

static json_t *json_of_one(const struct rd_kafka_group_info *g,
                           const rd_kafka_topic_partition_list_t *committed)
{
    json_t *members = json_array(), *partitions = json_array();
    for (int i = 0; i < g->member_cnt; i++) {
        const struct rd_kafka_group_member_info *m = &g->members[i];
        (void)json_array_append_new(members,
                                    json_pack("{s:s, s:s, s:s, s:i, s:i}", "id", m->member_id,
                                              "client", m->client_id, "host", m->client_host,
                                              "metadata_bytes", m->member_metadata_size,
                                              "assignment_bytes", m->member_assignment_size));
    }
    for (int i = 0; i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &committed->elems[i];
        (void)json_array_append_new(partitions,
                                    json_pack("{s:s, s:i, s:I}", "topic", p->topic, "partition",
                                              p->partition, "offset", (json_int_t)p->offset));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "group", g->group, "state", g->state,
                     "type", g->protocol_type, "protocol", g->protocol, "coordinator", g->broker.id,
                     "members", members, "partitions", partitions);
}

int groups_others_describe(struct groups_client *c, const struct groups_options *o,
                           const char *name, const char *otherwise, json_t *all)
{
    const struct rd_kafka_group_list *list = groups_others_ask(c, name);
    if (list == NULL) return EXIT_FAILED;
    bool is_there = list->group_cnt == 1 && strcmp(list->groups[0].state, "Dead") != 0;
    rd_kafka_topic_partition_list_t *committed = is_there ? groups_committed(c, name) : NULL;
    int status = EXIT_FAILED;
    if (!is_there) fail("%s: %s", name, otherwise);
    if (committed != NULL && o->json) {
        (void)json_array_append_new(all, json_of_one(&list->groups[0], committed));
    } else if (committed != NULL) {
        print_one(&list->groups[0], committed);
    }
    if (committed != NULL) status = EXIT_OK;
    if (committed != NULL) rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_group_list_destroy(list);
    return status;
}
