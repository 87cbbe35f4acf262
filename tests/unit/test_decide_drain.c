/* Drained brokers: in sync, and leading only where nobody else can. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brokers.h"
#include "controller/decide/configs.h"
#include "controller/decide/handovers.h"
#include "controller/decide/leaders.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"
#include "tests/unit/decide_fixture.h"

#define EXPECT(f, topic, text) cr_expect_str_eq(fixture_text((f), (topic)), (text))

static char refusal[512];

/* Sets the broker's configuration, as `jackdaw brokers drain` does. A Kafka code. */
static int16_t drain(struct fixture *f, const char *name, const char *value)
{
    struct incremental_alter_configs_request_config config = {
        .name = slice_of_text(BROKER_DRAINED),
        .config_operation = value == NULL ? CONFIG_OP_DELETE : CONFIG_OP_SET,
        .value = value == NULL ? (struct slice){0} : slice_of_text(value)};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = CONFIG_RESOURCE_BROKER,
        .resource_name = slice_of_text(name),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    struct incremental_alter_configs_response reply;
    cr_assert_eq(decide_incremental_alter_configs(&f->image, &request, &f->d, &reply), 0);
    const struct incremental_alter_configs_response_resource *r = reply.responses.items;
    int16_t error = r->error_code;
    refusal[0] = '\0';
    if (error == 0)
        fixture_commit(f);
    else
        (void)snprintf(refusal, sizeof refusal, "%.*s", (int)r->error_message.size,
                       (const char *)r->error_message.at);
    cr_expect_eq(f->d.count, 0, "what is refused changes nothing");
    fixture_drop(f);
    return error;
}

static struct fixture *three_brokers(void)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    fixture_topic(f, "t", "1,2,3");
    return f;
}

Test(drain, asks_the_leaders_to_hand_over_and_keeps_the_follower_in_sync)
{
    struct fixture *f = three_brokers();
    fixture_topic(f, "u", "2,1,3");
    cr_assert_eq(drain(f, "1", "true"), 0, "%s", refusal);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    EXPECT(f, "u", "leader 2 epoch 0 isr 2,1,3 elr -");
    cr_assert_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 1,2,3 elr -");
    cr_expect_eq(drain(f, "1", "true"), 0, "twice is fine");
    fixture_close(f);
}

Test(drain, is_refused_by_name_where_nobody_else_is_in_sync)
{
    struct fixture *f = three_brokers();
    fixture_topic(f, "alone", "1");
    cr_expect_eq(drain(f, "1", "true"), KAFKA_INVALID_REQUEST);
    cr_expect_not_null(strstr(refusal, "nobody else is in sync: alone-0"), "%s", refusal);
    cr_expect_null(strstr(refusal, "t-0"), "%s", refusal);
    cr_expect_eq(drain(f, "2", "true"), 0);
    fixture_close(f);
}

Test(drain, is_refused_by_name_where_min_insync_replicas_would_break)
{
    struct fixture *f = three_brokers();
    fixture_topic(f, "two", "3,1");
    cr_expect_eq(drain(f, "1", "true"), KAFKA_INVALID_REQUEST, "as a follower, too");
    cr_expect_not_null(strstr(refusal, "min.insync.replicas would be in sync: two-0"), "%s",
                       refusal);
    fixture_fence(f, 3);
    cr_expect_eq(drain(f, "2", "true"), KAFKA_INVALID_REQUEST);
    cr_expect_not_null(strstr(refusal, ": t-0"), "%s", refusal);
    fixture_close(f);
}

Test(drain, is_of_one_broker_that_exists)
{
    struct fixture *f = three_brokers();
    cr_expect_eq(drain(f, "9", "true"), KAFKA_BROKER_ID_NOT_REGISTERED);
    cr_expect_eq(drain(f, "", "true"), KAFKA_INVALID_REQUEST);
    cr_expect_eq(drain(f, "1", "yes"), KAFKA_INVALID_REQUEST);
    fixture_close(f);
}

Test(drain, of_a_successor_asks_another)
{
    struct fixture *f = three_brokers();
    cr_assert_eq(drain(f, "1", "true"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    fixture_config(f, CONFIG_RESOURCE_TOPIC, "t", "min.insync.replicas", "1");
    cr_assert_eq(drain(f, "2", "true"), 0, "%s", refusal);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 3");
    fixture_close(f);
}

Test(drain, outlives_a_restart_and_the_drained_leads_where_nobody_else_can)
{
    struct fixture *f = three_brokers();
    cr_assert_eq(drain(f, "1", "true"), 0);
    cr_assert_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader 3 epoch 2 isr 1,3 elr -");
    fixture_fence(f, 3);
    EXPECT(f, "t", "leader 1 epoch 3 isr 1 elr 3");
    fixture_unfence(f, 3);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,3"), 0);
    EXPECT(f, "t", "leader 1 epoch 3 isr 1,3 elr - successor 3");
    fixture_close(f);
}

Test(drain, a_handover_that_is_late_is_asked_for_again)
{
    struct fixture *f = three_brokers();
    cr_assert_eq(drain(f, "1", "true"), 0);
    int32_t epoch = fixture_partition(f, "t", 0)->partition_epoch;
    decide_give_up(&f->image, meta_topic_by_name(&f->image, slice_of_text("t")), 0, &f->d);
    fixture_commit(f);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    cr_expect_gt(fixture_partition(f, "t", 0)->partition_epoch, epoch);
    fixture_close(f);
}

static int16_t elect_preferred(struct fixture *f)
{
    int32_t number = 0;
    struct elect_leaders_request_topic topic = {.topic = slice_of_text("t"),
                                                .partitions = {.items = &number, .count = 1}};
    struct elect_leaders_request request = {.topic_partitions = {.items = &topic, .count = 1}};
    struct elect_leaders_response reply;
    cr_assert_eq(decide_elect_leaders(&f->image, NULL, &request, &f->d, &reply), 0);
    const struct elect_leaders_response_topic *t = reply.replica_election_results.items;
    int16_t error =
        ((struct elect_leaders_response_partition *)t->partition_result.items)->error_code;
    if (f->d.count > 0) fixture_commit(f);
    fixture_drop(f);
    return error;
}

Test(drain, nobody_brings_leaders_back_before_it_is_over)
{
    struct fixture *f = three_brokers();
    cr_assert_eq(drain(f, "1", "true"), 0);
    cr_assert_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    cr_expect_eq(elect_preferred(f), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    decide_balance(&f->image, 0, &f->d);
    cr_expect_eq(f->d.count, 0);
    fixture_drop(f);
    cr_assert_eq(drain(f, "1", NULL), 0);
    cr_expect_eq(elect_preferred(f), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 1,2,3 elr - successor 1");
    fixture_close(f);
}

Test(drain, who_stops_hands_over_even_to_a_drained_one)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 2);
    fixture_config(f, CONFIG_RESOURCE_BROKER, "", "min.insync.replicas", "1");
    fixture_topic(f, "t", "1,2");
    cr_assert_eq(drain(f, "2", "true"), 0, "%s", refusal);
    decide_stop(&f->image, 1, &f->d);
    fixture_commit(f);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2 elr - successor 2");
    fixture_close(f);
}
