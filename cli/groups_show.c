#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/group_wire.h"
#include "cli/groups_ask.h"
#include "cli/groups_other.h"
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
    for (size_t i = 0; i < error_count; i++) {
        (void)groups_say(c, NULL, rd_kafka_error_code(errors[i]));
    }
    *groups = rd_kafka_ListConsumerGroups_result_valid(result, count);
    if (error_count > 0 && *count == 0) {
        rd_kafka_event_destroy(event);
        return NULL;
    }
    if (*count > 1) qsort(*groups, *count, sizeof **groups, compare_listings);
    return event;
}

/* librdkafka has no word yet for what only groups of the consumer protocol do. */
static const char *state_of(const rd_kafka_ConsumerGroupListing_t *group)
{
    rd_kafka_consumer_group_state_t state = rd_kafka_ConsumerGroupListing_state(group);
    return state == RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN
               ? "Rebalancing"
               : rd_kafka_consumer_group_state_name(state);
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
    int status = event != NULL ? groups_others_list(&c, o, all) : EXIT_FAILED;
    if (o->json) json_print(all);
    json_decref(all);
    if (event != NULL) rd_kafka_event_destroy(event);
    groups_close(&c);
    return status;
}

/* ---- describe ---- */

/* A partition that the group has committed for, or that a member has. */
struct share {
    const char *topic;
    int32_t partition;
    int64_t offset;    /* -1: nothing is committed. */
    int64_t end;       /* -1: not known. */
    double lag_s;      /* Below 0: not known, or there is none. */
    const char *owner; /* A member's id; NULL: nobody. */
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
            find_share(s, parts->elems[n].topic, parts->elems[n].partition)->owner =
                rd_kafka_MemberDescription_consumer_id(m);
        }
    }
}

static void add_committed(struct shares *s, const rd_kafka_topic_partition_list_t *committed)
{
    for (int i = 0; i < committed->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &committed->elems[i];
        find_share(s, p->topic, p->partition)->offset = p->offset;
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
           s->owner != NULL ? s->owner : "-");
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
    json_t *owner = s->owner != NULL ? json_string(s->owner) : json_null();
    (void)json_object_set_new(one, "member", owner);
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

static void print_shares(const struct shares *s)
{
    if (s->count == 0) return;
    printf("%-30s %9s %12s %12s %10s %9s  %s\n", "TOPIC", "PARTITION", "OFFSET", "END", "LAG",
           "LAG_S", "MEMBER");
    for (size_t i = 0; i < s->count; i++) print_share(&s->at[i]);
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
    print_shares(s);
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

/* ---- describe, of the consumer protocol ---- */

static void print_consumers(const struct consumer_group_describe_group *g, const char *id,
                            const char *coordinator, const struct shares *s)
{
    printf("%s: %.*s, %.*s, epoch %d, consumer protocol, coordinated at %s, %d members\n", id,
           SLICE_TEXT(g->group_state), SLICE_TEXT(g->assignor_name), g->group_epoch, coordinator,
           g->members.count);
    const struct consumer_group_describe_member *m = g->members.items;
    for (int32_t i = 0; i < g->members.count; i++) {
        const struct consumer_group_describe_partitions *topics =
            m[i].assignment.topic_partitions.items;
        int32_t parts = 0;
        for (int32_t t = 0; t < m[i].assignment.topic_partitions.count; t++) {
            parts += topics[t].partitions.count;
        }
        printf("  %.*s  client %.*s at %.*s%s%.*s, epoch %d%s, %d partitions\n",
               SLICE_TEXT(m[i].member_id), SLICE_TEXT(m[i].client_id), SLICE_TEXT(m[i].client_host),
               m[i].instance_id.at != NULL ? ", instance " : "", SLICE_TEXT(m[i].instance_id),
               m[i].member_epoch, m[i].member_type == 0 ? ", classic protocol" : "", parts);
    }
    print_shares(s);
}

static void set_text(json_t *to, const char *key, struct slice text)
{
    if (text.at == NULL) {
        (void)json_object_set_new(to, key, json_null());
    } else {
        json_set_bytes(to, key, (const char *)text.at, text.size);
    }
}

static json_t *json_of_consumers(const struct consumer_group_describe_group *g, const char *id,
                                 const char *coordinator, const struct shares *s)
{
    json_t *members = json_array(), *partitions = json_array();
    const struct consumer_group_describe_member *m = g->members.items;
    for (int32_t i = 0; i < g->members.count; i++) {
        json_t *one = json_pack("{s:i, s:s}", "epoch", m[i].member_epoch, "protocol",
                                m[i].member_type == 0 ? "classic" : "consumer");
        set_text(one, "id", m[i].member_id);
        set_text(one, "client", m[i].client_id);
        set_text(one, "host", m[i].client_host);
        set_text(one, "instance", m[i].instance_id);
        (void)json_array_append_new(members, one);
    }
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(partitions, json_of_share(&s->at[i]));
    }
    json_t *all = json_pack("{s:s, s:s, s:i, s:s, s:o, s:o}", "group", id, "protocol", "consumer",
                            "epoch", g->group_epoch, "coordinator", coordinator, "members", members,
                            "partitions", partitions);
    set_text(all, "state", g->group_state);
    set_text(all, "assignor", g->assignor_name);
    return all;
}

/* Texts that end in a zero, which live as long as `kept`. */
static const char *keep_text(struct strings *kept, struct slice text)
{
    strings_add_sized(kept, (const char *)text.at, text.size);
    return kept->at[kept->count - 1];
}

static void add_consumers(struct shares *s, struct strings *kept,
                          const struct consumer_group_describe_group *g)
{
    const struct consumer_group_describe_member *m = g->members.items;
    for (int32_t i = 0; i < g->members.count; i++) {
        const char *id = keep_text(kept, m[i].member_id);
        const struct consumer_group_describe_partitions *topics =
            m[i].assignment.topic_partitions.items;
        for (int32_t t = 0; t < m[i].assignment.topic_partitions.count; t++) {
            const char *topic = keep_text(kept, topics[t].topic_name);
            const int32_t *numbers = topics[t].partitions.items;
            for (int32_t n = 0; n < topics[t].partitions.count; n++) {
                find_share(s, topic, numbers[n])->owner = id;
            }
        }
    }
}

static void tell_consumers(struct groups_client *c, const struct groups_options *o, const char *id,
                           const char *coordinator, const struct consumer_group_describe_group *g,
                           struct shares *shares, json_t *all)
{
    measure(c, shares);
    if (shares->count > 1) qsort(shares->at, shares->count, sizeof *shares->at, compare_shares);
    if (o->json) {
        (void)json_array_append_new(all, json_of_consumers(g, id, coordinator, shares));
    } else {
        print_consumers(g, id, coordinator, shares);
    }
}

static int describe_consumers(struct groups_client *c, const struct groups_options *o,
                              const char *id, json_t *all)
{
    struct consumer_group_describe_group g;
    struct wire wire = {0};
    struct shares shares = {0};
    struct strings kept = {0};
    rd_kafka_topic_partition_list_t *committed = NULL;
    char *coordinator = group_coordinator(c->bootstrap, (uint32_t)c->timeout_ms, id);
    int status = EXIT_FAILED;
    if (coordinator == NULL) return status;
    if (!group_consumer_ask(&wire, coordinator, (uint32_t)c->timeout_ms, id, &g)) goto out;
    committed = groups_committed(c, id);
    if (committed == NULL) goto out;
    add_committed(&shares, committed);
    add_consumers(&shares, &kept, &g);
    tell_consumers(c, o, id, coordinator, &g, &shares, all);
    status = EXIT_OK;
out:
    if (committed != NULL) rd_kafka_topic_partition_list_destroy(committed);
    free(shares.at);
    strings_close(&kept);
    wire_close(&wire);
    free(coordinator);
    return status;
}

/* ---- describe, of the classic protocol ---- */

static int describe_one(struct groups_client *c, const struct groups_options *o,
                        const rd_kafka_ConsumerGroupDescription_t *group, json_t *all)
{
    const char *id = rd_kafka_ConsumerGroupDescription_group_id(group);
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(group);
    if (error != NULL) return groups_others_describe(c, o, id, rd_kafka_error_string(error), all);
    if (rd_kafka_ConsumerGroupDescription_state(group) == RD_KAFKA_CONSUMER_GROUP_STATE_DEAD) {
        return describe_consumers(c, o, id, all);
    }
    rd_kafka_topic_partition_list_t *committed = groups_committed(c, id);
    if (committed == NULL) return EXIT_FAILED;
    struct shares shares = {0};
    add_committed(&shares, committed);
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

static const rd_kafka_ConsumerGroupDescription_t **described(rd_kafka_event_t *event, size_t *count)
{
    return rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event), count);
}

/* NULL: there is no answer, which has been said. Groups whose coordinator is not there yet are
 * waited for. */
static rd_kafka_event_t *ask_descriptions(struct groups_client *c, const char **names, size_t count)
{
    for (;;) {
        rd_kafka_AdminOptions_t *options =
            groups_admin(c, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
        rd_kafka_DescribeConsumerGroups(c->rk, names, count, options, c->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_resp_err_t err;
        rd_kafka_event_t *event = groups_try(c, &err);
        size_t told = 0;
        const rd_kafka_ConsumerGroupDescription_t **groups =
            event != NULL ? described(event, &told) : NULL;
        bool is_again = event == NULL && groups_again(c, err);
        for (size_t i = 0; i < told && !is_again; i++) {
            const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(groups[i]);
            is_again = groups_again(c, rd_kafka_error_code(error));
        }
        if (!is_again) {
            if (event == NULL) (void)groups_say(c, NULL, err);
            return event;
        }
        if (event != NULL) rd_kafka_event_destroy(event);
    }
}

static int describe(struct groups_client *c, const struct groups_options *o, const char **names,
                    size_t count)
{
    rd_kafka_event_t *event = ask_descriptions(c, names, count);
    if (event == NULL) return EXIT_FAILED;
    const rd_kafka_ConsumerGroupDescription_t **groups = described(event, &count);
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

/* The names of all groups, of whatever type; they live as long as the two lists. */
static const char **all_names(const rd_kafka_ConsumerGroupListing_t **groups, size_t group_count,
                              const struct rd_kafka_group_list *others, size_t *count)
{
    size_t other_count = (size_t)others->group_cnt;
    const char **names = get_memory((group_count + other_count + 1) * sizeof *names);
    *count = 0;
    for (size_t i = 0; i < group_count; i++) {
        names[(*count)++] = rd_kafka_ConsumerGroupListing_group_id(groups[i]);
    }
    for (size_t i = 0; i < other_count; i++) {
        if (groups_is_other(&others->groups[i])) names[(*count)++] = others->groups[i].group;
    }
    return names;
}

static int describe_all(struct groups_client *c, const struct groups_options *o)
{
    const rd_kafka_ConsumerGroupListing_t **groups = NULL;
    size_t count = 0;
    rd_kafka_event_t *listed = ask_list(c, &groups, &count);
    const struct rd_kafka_group_list *others = listed != NULL ? groups_others_ask(c, NULL) : NULL;
    int status = EXIT_FAILED;
    if (others != NULL) {
        const char **names = all_names(groups, count, others, &count);
        status = count > 0 ? describe(c, o, names, count) : EXIT_OK;
        free(names);
        rd_kafka_group_list_destroy(others);
    }
    if (listed != NULL) rd_kafka_event_destroy(listed);
    return status;
}

int groups_describe(const struct groups_options *o, const char *bootstrap, char **names,
                    size_t count)
{
    struct groups_client c;
    if (!groups_open(&c, o, bootstrap)) return EXIT_FAILED;
    const char **wanted = get_memory((count + 1) * sizeof *wanted);
    for (size_t i = 0; i < count; i++) wanted[i] = names[i];
    int status = count > 0 ? describe(&c, o, wanted, count) : describe_all(&c, o);
    free(wanted);
    groups_close(&c);
    return status;
}
