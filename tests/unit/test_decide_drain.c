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

static char refusal[512];

/* Sets the broker's configuration, as `jackdaw brokers drain` does. A Kafka code. */
static int16_t drain(struct fixture *f, const char *name, const char *value)
{
    return fixture_alter_config(f, CONFIG_RESOURCE_BROKER, name,
                                value == NULL ? CONFIG_OP_DELETE : CONFIG_OP_SET, BROKER_DRAINED,
                                value, refusal);
}

Test(drain, asks_the_leaders_to_hand_over_and_keeps_the_follower_in_sync)
{
    struct fixture *f = fixture_with(3, "1,2,3");
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
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_topic(f, "alone", "1");
    cr_expect_eq(drain(f, "1", "true"), KAFKA_INVALID_REQUEST);
    cr_expect_not_null(strstr(refusal, "nobody else is in sync: alone-0"), "%s", refusal);
    cr_expect_null(strstr(refusal, "t-0"), "%s", refusal);
    cr_expect_eq(drain(f, "2", "true"), 0);
    fixture_close(f);
}

Test(drain, is_refused_by_name_where_min_insync_replicas_would_break)
{
    struct fixture *f = fixture_with(3, "1,2,3");
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
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_expect_eq(drain(f, "9", "true"), KAFKA_BROKER_ID_NOT_REGISTERED);
    cr_expect_eq(drain(f, "", "true"), KAFKA_INVALID_REQUEST);
    cr_expect_eq(drain(f, "1", "yes"), KAFKA_INVALID_REQUEST);
    fixture_close(f);
}

Test(drain, of_a_successor_asks_another)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_assert_eq(drain(f, "1", "true"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    fixture_config(f, CONFIG_RESOURCE_TOPIC, "t", "min.insync.replicas", "1");
    cr_assert_eq(drain(f, "2", "true"), 0, "%s", refusal);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 3");
    fixture_close(f);
}

Test(drain, outlives_a_restart_and_the_drained_leads_where_nobody_else_can)
{
    struct fixture *f = fixture_with(3, "1,2,3");
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
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_assert_eq(drain(f, "1", "true"), 0);
    int32_t epoch = fixture_partition(f, "t", 0)->partition_epoch;
    fixture_give_up(f, "t");
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    cr_expect_gt(fixture_partition(f, "t", 0)->partition_epoch, epoch);
    fixture_close(f);
}

Test(drain, nobody_brings_leaders_back_before_it_is_over)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_assert_eq(drain(f, "1", "true"), 0);
    cr_assert_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    cr_expect_eq(fixture_elect(f, NULL, "t", ELECTION_PREFERRED),
                 KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    decide_balance(&f->image, 0, &f->d);
    cr_expect_eq(f->d.count, 0);
    fixture_drop(f);
    cr_assert_eq(drain(f, "1", NULL), 0);
    cr_expect_eq(fixture_elect(f, NULL, "t", ELECTION_PREFERRED), 0);
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
    fixture_stop(f, 1);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2 elr - successor 2");
    fixture_close(f);
}
