#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/groups_ask.h"
#include "cli/json.h"

/* ---- list ---- */

static int compare_listings(const void *a, const void *b)
{
    const rd_kafka_ConsumerGroupListing_t *const *x = a, *const *y = b;
    return strcmp(rd_kafka_ConsumerGroupListing_group_id(*x),
                  rd_kafka_ConsumerGroupListing_group_id(*y));
}

/* Asks for all groups; NULL: said why. */
static rd_kafka_event_t *ask_list(struct groups_client *c,
                                  const rd_kafka_ConsumerGroupListing_t ***groups, size_t *count)
{
    rd_kafka_AdminOptions_t *options = groups_admin(c, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_ListConsumerGroups(c->rk, options, c->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = groups_wait(c);
    if (event == NULL) return NULL;

    const rd_kafka_ListConsumerGroups_result_t *result =
        rd_kafka_event_ListConsumerGroups_result(event);
    size_t error_count = 0;
    const rd_kafka_error_t **errors =
        rd_kafka_ListConsumerGroups_result_errors(result, &error_count);
    for (size_t i = 0; i < error_count; i++) fail("%s", rd_kafka_error_string(errors[i]));
    *groups = rd_kafka_ListConsumerGroups_result_valid(result, count);
    if (*count > 1) qsort(*groups, *count, sizeof **groups, compare_listings);
    return event;
}

static const char *state_of(const rd_kafka_ConsumerGroupListing_t *group)
{
    return rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupListing_state(group));
}

int groups_list(const struct groups_options *o, const char *bootstrap, char **names, size_t count)
{
    if (count > 0) return misuse("groups list: it lists all (%s?); see describe", names[0]);
    struct groups_client c;
    const rd_kafka_ConsumerGroupListing_t **groups = NULL;
    size_t group_count = 0;
    if (!groups_open(&c, o, bootstrap)) return EXIT_FAILED;
    rd_kafka_event_t *event = ask_list(&c, &groups, &group_count);
    json_t *all = json_array();
    for (size_t i = 0; i < group_count; i++) {
        const char *id = rd_kafka_ConsumerGroupListing_group_id(groups[i]);
        if (o->json) {
            json_t *one = json_object();
            json_set_bytes(one, "group", id, strlen(id));
            (void)json_object_set_new(one, "state", json_string(state_of(groups[i])));
            (void)json_array_append_new(all, one);
        } else {
            printf("%-40s %s\n", id, state_of(groups[i]));
        }
    }
    if (o->json) json_print(all);
    json_decref(all);
    int status = event != NULL ? EXIT_OK : EXIT_FAILED;
    if (event != NULL) rd_kafka_event_destroy(event);
    groups_close(&c);
    return status;
}

/* ---- describe ---- */

/* A partition that the group has committed for, or that a member has. */
struct share {
    const char *topic;
    int32_t partition;
    int64_t offset; /* -1: nothing is committed. */
    int64_t end;    /* -1: not known. */
    double lag_s;   /* Below 0: not known, or there is none. */
    const rd_kafka_MemberDescription_t *owner;
};

struct shares {
    struct share *at;
    size_t count;
};

static struct share *find_share(struct shares *s, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->at[i].partition == partition && strcmp(s->at[i].topic, topic) == 0) return &s->at[i];
    }
    s->at = grow_memory(s->at, (s->count + 1) * sizeof *s->at);
    s->at[s->count] = (struct share){
        .topic = topic, .partition = partition, .offset = -1, .end = -1, .lag_s = -1};
    return &s->at[s->count++];
}

static int compare_shares(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void add_members(struct shares *s, const rd_kafka_ConsumerGroupDescription_t *group)
{
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberDescription_t *m = rd_kafka_ConsumerGroupDescription_member(group, i);
        const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(m);
        const rd_kafka_topic_partition_list_t *parts =
            assignment != NULL ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
        for (int n = 0; parts != NULL && n < parts->cnt; n++) {
            find_share(s, parts->elems[n].topic, parts->elems[n].partition)->owner = m;
        }
    }
}

/* The lag in seconds is the age of the oldest record that waits. */
static void measure(struct groups_client *c, struct shares *s)
{
    rd_kafka_topic_partition_list_t *waiting =
        rd_kafka_topic_partition_list_new(s->count > 0 ? (int)s->count : 1);
    for (size_t i = 0; i < s->count; i++) {
        struct share *share = &s->at[i];
        int64_t start = 0, end = -1;
        if (!groups_ends(c, share->topic, share->partition, &start, &end)) continue;
        share->end = end;
        if (share->offset < 0 || share->offset >= end) continue;
        rd_kafka_topic_partition_list_add(waiting, share->topic, share->partition)->offset =
            share->offset > start ? share->offset : start;
    }
    groups_times(c, waiting);
    for (int i = 0; i < waiting->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &waiting->elems[i];
        if (p->opaque == NULL) continue;
        int64_t age_ms = clock_wall_ms() - (int64_t)(intptr_t)p->opaque;
        find_share(s, p->topic, p->partition)->lag_s = age_ms > 0 ? (double)age_ms / 1000 : 0;
    }
    rd_kafka_topic_partition_list_destroy(waiting);
}

static void print_share(const struct share *s)
{
    char offset[24] = "-", end[24] = "-", lag[24] = "-", seconds[24] = "-";
    if (s->offset >= 0) (void)snprintf(offset, sizeof offset, "%" PRId64, s->offset);
    if (s->end >= 0) (void)snprintf(end, sizeof end, "%" PRId64, s->end);
    if (s->offset >= 0 && s->end >= 0) {
        (void)snprintf(lag, sizeof lag, "%" PRId64, s->end > s->offset ? s->end - s->offset : 0);
        (void)snprintf(seconds, sizeof seconds, "%s", s->offset >= s->end ? "0" : "?");
    }
    if (s->lag_s >= 0) (void)snprintf(seconds, sizeof seconds, "%.1f", s->lag_s);
    printf("%-30s %9d %12s %12s %10s %9s  %s\n", s->topic, s->partition, offset, end, lag, seconds,
           s->owner != NULL ? rd_kafka_MemberDescription_consumer_id(s->owner) : "-");
}

static json_t *json_of_share(const struct share *s)
{
    json_t *one = json_pack("{s:s, s:i}", "topic", s->topic, "partition", s->partition);
    json_t *offset = s->offset >= 0 ? json_integer(s->offset) : json_null();
    json_t *end = s->end >= 0 ? json_integer(s->end) : json_null();
    bool is_known = s->offset >= 0 && s->end >= 0;
    int64_t lag = s->end > s->offset ? s->end - s->offset : 0;
    (void)json_object_set_new(one, "offset", offset);
    (void)json_object_set_new(one, "end", end);
    (void)json_object_set_new(one, "lag", is_known ? json_integer(lag) : json_null());
    json_t *seconds = s->lag_s >= 0          ? json_real(s->lag_s)
                      : is_known && lag == 0 ? json_integer(0)
                                             : json_null();
    (void)json_object_set_new(one, "lag_seconds", seconds);
    const char *owner = s->owner != NULL ? rd_kafka_MemberDescription_consumer_id(s->owner) : NULL;
    (void)json_object_set_new(one, "member", owner != NULL ? json_string(owner) : json_null());
    return one;
}

static void print_members(const rd_kafka_ConsumerGroupDescription_t *group)
{
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberDescription_t *m = rd_kafka_ConsumerGroupDescription_member(group, i);
        const char *instance = rd_kafka_MemberDescription_group_instance_id(m);
        const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(m);
        const rd_kafka_topic_partition_list_t *parts =
            assignment != NULL ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
        printf("  %s  client %s at %s%s%s, %d partitions\n",
               rd_kafka_MemberDescription_consumer_id(m), rd_kafka_MemberDescription_client_id(m),
               rd_kafka_MemberDescription_host(m), instance != NULL ? ", instance " : "",
               instance != NULL ? instance : "", parts != NULL ? parts->cnt : 0);
    }
}

static void print_group(const rd_kafka_ConsumerGroupDescription_t *group, const struct shares *s)
{
    const rd_kafka_Node_t *node = rd_kafka_ConsumerGroupDescription_coordinator(group);
    const char *assignor = rd_kafka_ConsumerGroupDescription_partition_assignor(group);
    printf("%s: %s", rd_kafka_ConsumerGroupDescription_group_id(group),
           rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(group)));
    if (assignor != NULL && assignor[0] != '\0') printf(", %s", assignor);
    if (node != NULL) printf(", coordinated by broker %d", rd_kafka_Node_id(node));
    printf(", %zu members\n", rd_kafka_ConsumerGroupDescription_member_count(group));
    print_members(group);
    if (s->count == 0) return;
    printf("%-30s %9s %12s %12s %10s %9s  %s\n", "TOPIC", "PARTITION", "OFFSET", "END", "LAG",
           "LAG_S", "MEMBER");
    for (size_t i = 0; i < s->count; i++) print_share(&s->at[i]);
}

static json_t *json_of_group(const rd_kafka_ConsumerGroupDescription_t *group,
                             const struct shares *s)
{
    json_t *members = json_array(), *partitions = json_array();
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberDescription_t *m = rd_kafka_ConsumerGroupDescription_member(group, i);
        const char *instance = rd_kafka_MemberDescription_group_instance_id(m);
        json_t *one = json_pack("{s:s, s:s, s:s}", "id", rd_kafka_MemberDescription_consumer_id(m),
                                "client", rd_kafka_MemberDescription_client_id(m), "host",
                                rd_kafka_MemberDescription_host(m));
        (void)json_object_set_new(one, "instance",
                                  instance != NULL ? json_string(instance) : json_null());
        (void)json_array_append_new(members, one);
    }
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(partitions, json_of_share(&s->at[i]));
    }
    const rd_kafka_Node_t *node = rd_kafka_ConsumerGroupDescription_coordinator(group);
    return json_pack(
        "{s:s, s:s, s:i, s:o, s:o}", "group", rd_kafka_ConsumerGroupDescription_group_id(group),
        "state", rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(group)),
        "coordinator", node != NULL ? rd_kafka_Node_id(node) : -1, "members", members, "partitions",
        partitions);
}

static int describe_one(struct groups_client *c, const struct groups_options *o,
                        const rd_kafka_ConsumerGroupDescription_t *group, json_t *all)
{
    const char *id = rd_kafka_ConsumerGroupDescription_group_id(group);
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    if (error != NULL) return fail("%s: %s", id, rd_kafka_error_string(error));
    if (rd_kafka_ConsumerGroupDescription_state(group) == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD) {
        return fail("%s: no such group", id);
    }
    rd_kafka_topic_partition_list_t *committed = groups_committed(c, id);
    if (committed == NULL) return EXIT_FAILED;
    struct shares shares = {0};
    for (int i = 0; i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &committed->elems[i];
        find_share(&shares, p->topic, p->partition)->offset = p->offset;
    }
    add_members(&shares, group);
    measure(c, &shares);
    if (shares.count > 1) qsort(shares.at, shares.count, sizeof *shares.at, compare_shares);
    if (o->json) {
        (void)json_array_append_new(all, json_of_group(group, &shares));
    } else {
        print_group(group, &shares);
    }
    free(shares.at);
    rd_kafka_topic_partition_list_destroy(committed);
    return EXIT_OK;
}

static int describe(struct groups_client *c, const struct groups_options *o, const char **names,
                    size_t count)
{
    rd_kafka_AdminOptions_t *options = groups_admin(c, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(c->rk, names, count, options, c->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = groups_wait(c);
    if (event == NULL) return EXIT_FAILED;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    int status = EXIT_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && !o->json) puts("");
        if (describe_one(c, o, groups[i], all) != EXIT_OK) status = EXIT_FAILED;
    }
    if (o->json) json_print(all);
    json_decref(all);
    rd_kafka_event_destroy(event);
    return status;
}

int groups_describe(const struct groups_options *o, const char *bootstrap, char **names,
                    size_t count)
{
    struct groups_client c;
    if (!groups_open(&c, o, bootstrap)) return EXIT_FAILED;
    rd_kafka_event_t *listed = NULL;
    const rd_kafka_ConsumerGroupListing_t **groups = NULL;
    size_t group_count = count;
    if (count == 0) listed = ask_list(&c, &groups, &group_count);
    int status = count == 0 && listed == NULL ? EXIT_FAILED : EXIT_OK;
    const char **wanted = get_memory((group_count + 1) * sizeof *wanted);
    for (size_t i = 0; status == EXIT_OK && i < group_count; i++) {
        wanted[i] = count > 0 ? names[i] : rd_kafka_ConsumerGroupListing_group_id(groups[i]);
    }
    if (status == EXIT_OK && group_count > 0) status = describe(&c, o, wanted, group_count);
    free(wanted);
    if (listed != NULL) rd_kafka_event_destroy(listed);
    groups_close(&c);
    return status;
}
