#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/configs.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"
#include "tests/unit/decide_fixture.h"

static int16_t change(struct fixture *f, int8_t type, const char *name, int8_t operation,
                      const char *key, const char *value)
{
    return fixture_alter_config(f, type, name, operation, key, value, NULL);
}

struct config_case {
    int8_t type;
    const char *name;
    int8_t operation;
    const char *key;
    const char *value;
    int16_t error;
};

#define LEADER_RATE "leader.replication.throttled.rate"
#define FOLDERS_RATE "replica.alter.log.dirs.io.max.bytes.per.second"
#define LEADERS "leader.replication.throttled.replicas"
#define FOLLOWERS "follower.replication.throttled.replicas"

/* clang-format off */
static const struct config_case CASES[] = {
    {2, "t",    CONFIG_OP_SET,    "retention.ms",        "5",    KAFKA_NONE},
    {2, "t",    CONFIG_OP_SET,    "retention.ms",        "five", KAFKA_INVALID_CONFIG},
    {2, "t",    CONFIG_OP_SET,    "retention.ms",        NULL,   KAFKA_INVALID_REQUEST},
    {2, "t",    CONFIG_OP_SET,    "log.retention.ms",    "5",    KAFKA_INVALID_CONFIG},
    {2, "t",    CONFIG_OP_APPEND, "retention.ms",        "5",    KAFKA_INVALID_CONFIG},
    {2, "t",    CONFIG_OP_DELETE, "no.such.key",         NULL,   KAFKA_NONE},
    {2, "t",    9,                "retention.ms",        "5",    KAFKA_INVALID_REQUEST},
    {2, "none", CONFIG_OP_SET,    "retention.ms",        "5",    KAFKA_UNKNOWN_TOPIC_OR_PARTITION},
    {4, "",     CONFIG_OP_SET,    "log.retention.ms",    "5",    KAFKA_NONE},
    {4, "",     CONFIG_OP_SET,    "num.partitions",      "0",    KAFKA_INVALID_REQUEST},
    {4, "",     CONFIG_OP_SET,    "node.id",             "5",    KAFKA_INVALID_REQUEST},
    {4, "1",    CONFIG_OP_SET,    "log.retention.ms",    "5",    KAFKA_INVALID_REQUEST},
    {8, "1",    CONFIG_OP_SET,    "x",                   "INFO", KAFKA_INVALID_REQUEST},
    {4, "1",    CONFIG_OP_SET,    LEADER_RATE, "5",  KAFKA_NONE},
    {4, "",     CONFIG_OP_SET,    LEADER_RATE, "5",  KAFKA_NONE},
    {4, "9",    CONFIG_OP_DELETE, LEADER_RATE, NULL, KAFKA_NONE},
    {4, "01",   CONFIG_OP_SET,    LEADER_RATE, "5",  KAFKA_INVALID_REQUEST},
    {4, "one",  CONFIG_OP_SET,    LEADER_RATE, "5",  KAFKA_INVALID_REQUEST},
    {4, "1",    CONFIG_OP_SET,    LEADER_RATE, "-1", KAFKA_INVALID_REQUEST},
    {4, "1",    CONFIG_OP_SET,    FOLDERS_RATE, "5", KAFKA_NONE},
    {2, "t",    CONFIG_OP_SET,    LEADERS, "0:1,1:2", KAFKA_NONE},
    {2, "t",    CONFIG_OP_SET,    FOLLOWERS, "*",  KAFKA_NONE},
    {2, "t",    CONFIG_OP_SET,    FOLLOWERS, "",   KAFKA_NONE},
    {2, "t",    CONFIG_OP_SET,    FOLLOWERS, "0",  KAFKA_INVALID_CONFIG},
    {2, "t",    CONFIG_OP_SET,    FOLLOWERS, "0:1,", KAFKA_INVALID_CONFIG},
    {2, "t",    CONFIG_OP_SET,    FOLLOWERS, "*,0:1", KAFKA_INVALID_CONFIG},
};
/* clang-format on */

Test(alter_configs, is_checked)
{
    struct fixture *f = fixture_with(1, "1");
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct config_case *k = &CASES[i];
        cr_expect_eq(change(f, k->type, k->name, k->operation, k->key, k->value), k->error, "%zu",
                     i);
    }
    fixture_close(f);
}

Test(alter_configs, lags_that_contradict_each_other_are_refused)
{
    struct fixture *f = fixture_with(1, "1");
    const char *min_lag = "min.compaction.lag.ms", *max_lag = "max.compaction.lag.ms";
    const char *min_default = "log.cleaner.min.compaction.lag.ms";
    const char *max_default = "log.cleaner.max.compaction.lag.ms";
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_SET, max_lag, "5"), 0);
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_SET, min_lag, "6"), KAFKA_INVALID_CONFIG);
    cr_expect_null(meta_config_find(&f->image, 2, "t", min_lag));
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_SET, min_lag, "5"), 0);
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_SET, max_lag, "4"), KAFKA_INVALID_CONFIG);

    /* The defaults of the cluster, and a topic that falls back to them. */
    cr_expect_eq(change(f, 4, "", CONFIG_OP_SET, max_default, "3"), 0);
    cr_expect_eq(change(f, 4, "", CONFIG_OP_SET, min_default, "4"), KAFKA_INVALID_REQUEST);
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_DELETE, max_lag, NULL), KAFKA_INVALID_CONFIG);
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_DELETE, min_lag, NULL), 0);
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_DELETE, max_lag, NULL), 0);
    cr_expect_eq(change(f, 4, "", CONFIG_OP_DELETE, max_default, NULL), 0);
    cr_expect_eq(change(f, 4, "", CONFIG_OP_SET, min_default, "4"), 0);
    fixture_close(f);
}

Test(alter_configs, sets_deletes_appends_and_subtracts)
{
    struct fixture *f = fixture_with(1, "1");
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_APPEND, "cleanup.policy", "compact"), 0);
    cr_expect_str_eq(meta_config_find(&f->image, 2, "t", "cleanup.policy"), "delete,compact");
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_APPEND, "cleanup.policy", "compact"), 0);
    cr_expect_str_eq(meta_config_find(&f->image, 2, "t", "cleanup.policy"), "delete,compact");
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_SUBTRACT, "cleanup.policy", "delete"), 0);
    cr_expect_str_eq(meta_config_find(&f->image, 2, "t", "cleanup.policy"), "compact");
    cr_expect_eq(change(f, 2, "t", CONFIG_OP_DELETE, "cleanup.policy", NULL), 0);
    cr_expect_null(meta_config_find(&f->image, 2, "t", "cleanup.policy"));
    fixture_close(f);
}

Test(alter_configs, the_old_request_replaces_everything)
{
    struct fixture *f = fixture_with(1, "1");
    fixture_config(f, 2, "t", "retention.ms", "1");
    fixture_config(f, 2, "t", "segment.bytes", "1000");
    struct alter_configs_request_config config = {slice_of_text("retention.ms"),
                                                  slice_of_text("2")};
    struct alter_configs_request_resource resource = {.resource_type = 2,
                                                      .resource_name = slice_of_text("t"),
                                                      .configs = {.items = &config, .count = 1}};
    struct alter_configs_request request = {.resources = {.items = &resource, .count = 1}};
    struct alter_configs_response reply;
    cr_assert_eq(decide_alter_configs(&f->image, &group_limits_default, &request, &f->d, &reply),
                 0);
    const struct meta_config *gone = f->image.configs->hh.next;
    cr_assert_str_eq(gone->key, "segment.bytes");
    cr_expect_neq(f->d.records[1].config.key.at, (const uint8_t *)gone->key,
                  "what the decision frees is not what it is made of");
    fixture_commit(f);
    cr_expect_str_eq(meta_config_find(&f->image, 2, "t", "retention.ms"), "2");
    cr_expect_null(meta_config_find(&f->image, 2, "t", "segment.bytes"));
    fixture_close(f);
}

Test(alter_configs, another_min_isr_empties_the_elr_where_there_is_an_isr)
{
    struct fixture *f = fixture_with(2, "1,2");
    fixture_topic(f, "own", "1,2");
    fixture_config(f, 2, "own", "min.insync.replicas", "2");
    fixture_fence(f, 2);
    cr_assert_str_eq(fixture_text(f, "t"), "leader 1 epoch 0 isr 1 elr 2");
    cr_expect_eq(change(f, 4, "", CONFIG_OP_SET, "min.insync.replicas", "1"), 0);
    cr_expect_str_eq(fixture_text(f, "t"), "leader 1 epoch 0 isr 1 elr -");
    cr_expect_str_eq(fixture_text(f, "own"), "leader 1 epoch 0 isr 1 elr 2");
    cr_expect_eq(change(f, 2, "own", CONFIG_OP_SET, "min.insync.replicas", "1"), 0);
    cr_expect_str_eq(fixture_text(f, "own"), "leader 1 epoch 0 isr 1 elr -");
    fixture_close(f);
}

/* ---- Where values come from. ---- */

static const char *value_of(const struct fixture *f, const char *topic, const char *name,
                            enum config_source *source)
{
    static char text[64];
    struct config_value v;
    topic_config_value(&f->image, topic, topic_config_find(slice_of_text(name)), &v);
    snprintf(text, sizeof text, "%s", v.text);
    *source = v.source;
    return text;
}

Test(topic_configs, topic_before_cluster_before_default_and_fine_before_coarse)
{
    struct fixture *f = fixture_with(1, "1");
    enum config_source source;
    cr_expect_str_eq(value_of(f, "t", "retention.ms", &source), "604800000");
    cr_expect_eq(source, CONFIG_FROM_DEFAULT);
    fixture_config(f, 4, "", "log.retention.hours", "2");
    cr_expect_str_eq(value_of(f, "t", "retention.ms", &source), "7200000");
    cr_expect_eq(source, CONFIG_FROM_CLUSTER);
    fixture_config(f, 4, "", "log.retention.minutes", "3");
    cr_expect_str_eq(value_of(f, "t", "retention.ms", &source), "180000");
    fixture_config(f, 4, "", "log.retention.ms", "-1");
    cr_expect_str_eq(value_of(f, "t", "retention.ms", &source), "-1");
    fixture_config(f, 2, "t", "retention.ms", "9");
    cr_expect_str_eq(value_of(f, "t", "retention.ms", &source), "9");
    cr_expect_eq(source, CONFIG_FROM_TOPIC);
    fixture_close(f);
}

Test(topic_configs, every_default_is_a_legal_value_and_names_are_in_order)
{
    char why[CONFIG_WHY_SIZE];
    for (uint32_t i = 0; i < topic_config_count(); i++) {
        const struct config_key *k = topic_config_at(i);
        cr_expect_eq(config_check(k, slice_of_text(k->otherwise), why), 0, "%s", k->name);
        cr_expect_eq(topic_config_find(slice_of_text(k->name)), k);
        if (k->synonym != NULL)
            cr_expect_eq(cluster_config_find(slice_of_text(k->synonym)), k, "%s", k->synonym);
        if (i > 0) cr_expect_lt(strcmp(topic_config_at(i - 1)->name, k->name), 0, "%s", k->name);
    }
    for (uint32_t i = 0; i < cluster_config_count(); i++) {
        const struct config_key *k = cluster_config_at(i);
        cr_expect_eq(config_check(k, slice_of_text(k->otherwise), why), 0, "%s", k->name);
        cr_expect_eq(cluster_config_find(slice_of_text(k->name)), k);
    }
}

Test(topic_configs, min_isr_is_never_above_the_replicas)
{
    struct fixture *f = fixture_open();
    cr_expect_eq(topic_min_isr(&f->image, NULL, 3), 2);
    cr_expect_eq(topic_min_isr(&f->image, NULL, 1), 1);
    fixture_close(f);
}

Test(topic_configs, a_broker_has_its_own_before_that_of_all)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 2);
    const char *rate = LEADER_RATE;
    cr_expect_eq(broker_config_number(&f->image, 1, rate), INT64_MAX);
    fixture_config(f, 4, "", rate, "7");
    fixture_config(f, 4, "1", rate, "8");
    cr_expect_eq(broker_config_number(&f->image, 1, rate), 8);
    cr_expect_eq(broker_config_number(&f->image, 2, rate), 7);
    fixture_close(f);
}

Test(topic_configs, throttled_replicas_are_named_one_by_one_or_all)
{
    cr_expect(throttled_replicas_have("*", 5, 6));
    cr_expect(throttled_replicas_have("0:1,10:2,3:14", 10, 2));
    cr_expect(throttled_replicas_have("0:1,10:2,3:14", 3, 14));
    cr_expect_not(throttled_replicas_have("0:1,10:2,3:14", 1, 0));
    cr_expect_not(throttled_replicas_have("0:1,10:2,3:14", 3, 1));
    cr_expect_not(throttled_replicas_have("", 0, 1));
}

/* ---- What is kept. ---- */

Test(configs, values_are_kept_as_they_are_read)
{
    struct fixture *f = fixture_with(1, "1");
    static const char *const kept[][3] = {
        {"retention.ms", " 5 ", "5"},
        {"preallocate", "\tFALSE ", "false"},
        {"cleanup.policy", " compact , delete\n", "compact,delete"},
    };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        cr_assert_eq(change(f, 2, "t", CONFIG_OP_SET, kept[i][0], kept[i][1]), 0, "%s", kept[i][0]);
        cr_expect_str_eq(meta_config_find(&f->image, 2, "t", kept[i][0]), kept[i][2]);
    }
    fixture_close(f);
}

Test(configs, a_group_is_given_what_the_brokers_allow)
{
    struct fixture *f = fixture_with(1, "1");
    static const struct {
        const char *key, *value, *refused;
    } rows[] = {
        {"consumer.session.timeout.ms", "45000", NULL},
        {"consumer.session.timeout.ms", "60000", NULL},
        {"consumer.heartbeat.interval.ms", "5000", NULL},
        {"consumer.heartbeat.interval.ms", "15000", NULL},
        {"consumer.session.timeout.ms", "44999",
         "greater than or equal to group.consumer.min.session.timeout.ms (45000)"},
        {"consumer.session.timeout.ms", "60001",
         "less than or equal to group.consumer.max.session.timeout.ms (60000)"},
        {"consumer.heartbeat.interval.ms", "4999",
         "greater than or equal to group.consumer.min.heartbeat.interval.ms (5000)"},
        {"consumer.heartbeat.interval.ms", "15001",
         "less than or equal to group.consumer.max.heartbeat.interval.ms (15000)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[512] = "";
        int16_t error = fixture_alter_config(f, CONFIG_RESOURCE_GROUP, "g", CONFIG_OP_SET,
                                             rows[i].key, rows[i].value, why);
        cr_expect_eq(error, rows[i].refused == NULL ? 0 : KAFKA_INVALID_CONFIG, "%s=%s",
                     rows[i].key, rows[i].value);
        if (rows[i].refused != NULL) cr_expect(strstr(why, rows[i].refused) != NULL, "%s", why);
    }
    fixture_close(f);
}

Test(configs, a_resource_that_is_named_twice_stays_as_it_is)
{
    struct fixture *f = fixture_with(1, "1");
    struct incremental_alter_configs_request_config config = {.name = slice_of_text("retention.ms"),
                                                              .value = slice_of_text("5")};
    struct incremental_alter_configs_request_resource twice[2];
    for (int i = 0; i < 2; i++) {
        twice[i] = (struct incremental_alter_configs_request_resource){
            .resource_type = 2,
            .resource_name = slice_of_text("t"),
            .configs = {.items = &config, .count = 1}};
    }
    struct incremental_alter_configs_request request = {.resources = {.items = twice, .count = 2}};
    struct incremental_alter_configs_response reply;
    cr_assert_eq(
        decide_incremental_alter_configs(&f->image, &group_limits_default, &request, &f->d, &reply),
        0);
    const struct altered_resource *r = reply.responses.items;
    for (int i = 0; i < 2; i++) cr_expect_eq(r[i].error_code, KAFKA_INVALID_REQUEST);
    cr_expect_eq(f->d.count, 0);
    fixture_close(f);
}
