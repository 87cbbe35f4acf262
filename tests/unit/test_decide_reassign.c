/* Partitions move to other brokers (KIP-455), and brokers leave for good. */
#include <criterion/criterion.h>

#include "controller/decide/brokers.h"
#include "controller/decide/handovers.h"
#include "controller/decide/reassign.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

/* `replicas` NULL cancels. A Kafka code; what is granted is committed. */
static int16_t move(struct fixture *f, const char *topic, const char *replicas, bool may_change)
{
    struct id_set set = replicas == NULL ? (struct id_set){0} : fixture_ids(replicas);
    struct alter_reassignments_request_partition part = {
        .replicas = {.items = set.ids, .count = replicas == NULL ? -1 : (int32_t)set.count}};
    struct alter_reassignments_request_topic t = {.name = slice_of_text(topic),
                                                  .partitions = {.items = &part, .count = 1}};
    struct alter_reassignments_request request = {.allow_replication_factor_change = may_change,
                                                  .topics = {.items = &t, .count = 1}};
    struct alter_reassignments_response reply;
    cr_assert_eq(decide_alter_reassignments(&f->image, &request, &f->d, &reply), 0);
    const struct alter_reassignments_response_topic *rt = reply.responses.items;
    int16_t error =
        ((struct alter_reassignments_response_partition *)rt->partitions.items)->error_code;
    if (error == 0 && f->d.count > 0) fixture_commit(f);
    fixture_drop(f);
    return error;
}

static void has_replicas(const struct fixture *f, const char *replicas)
{
    struct id_set want = fixture_ids(replicas);
    const struct id_set *have = &fixture_partition(f, "t", 0)->replicas;
    cr_expect_eq(have->count, want.count, "%s", replicas);
    for (uint32_t i = 0; i < want.count; i++) cr_expect_eq(have->ids[i], want.ids[i]);
}

Test(reassign, a_follower_is_replaced_when_the_new_one_is_in_sync)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "1,2,4", true), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - adding 4 removing 3");
    has_replicas(f, "1,2,4,3");
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,2,3,4"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,4 elr -");
    has_replicas(f, "1,2,4");
    fixture_close(f);
}

Test(reassign, a_leader_that_is_to_go_hands_over_first)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "4,2,3", true), 0);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,2,3,4"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3,4 elr - adding 4 removing 1 successor 4");
    cr_expect_eq(fixture_hand_over(f, "t", 1, 4, 0), 0);
    EXPECT(f, "t", "leader 4 epoch 1 isr 2,3,4 elr -");
    has_replicas(f, "4,2,3");
    fixture_close(f);
}

Test(reassign, a_leader_that_does_not_hand_over_is_asked_again)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "4,2,3", true), 0);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,2,3,4"), 0);
    int32_t epoch = fixture_partition(f, "t", 0)->partition_epoch;
    fixture_give_up(f, "t");
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3,4 elr - adding 4 removing 1 successor 4");
    cr_expect_eq(fixture_partition(f, "t", 0)->partition_epoch, epoch + 1);
    fixture_close(f);
}

Test(reassign, waits_for_min_insync_replicas_among_those_that_stay)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,3"), 0);
    cr_expect_eq(move(f, "t", "1,2,4", true), 0);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,3,4"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,4 elr -");
    fixture_close(f);
}

Test(reassign, another_order_is_done_at_once)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "3,2,1", true), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr -");
    has_replicas(f, "3,2,1");
    cr_expect_eq(move(f, "t", "3,2,1", true), 0, "and what is so already is fine");
    fixture_close(f);
}

Test(reassign, fewer_replicas_are_done_at_once)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "1,2", false), KAFKA_INVALID_REPLICATION_FACTOR);
    cr_expect_eq(move(f, "t", "1,2", true), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2 elr -");
    has_replicas(f, "1,2");
    fixture_close(f);
}

Test(reassign, cancelled_goes_back_to_what_it_was)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", NULL, true), KAFKA_NO_REASSIGNMENT_IN_PROGRESS);
    cr_expect_eq(move(f, "t", "1,2,4", true), 0);
    cr_expect_eq(move(f, "t", NULL, true), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr -");
    has_replicas(f, "1,2,3");
    fixture_close(f);
}

Test(reassign, another_target_replaces_the_first)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    fixture_broker(f, 5, NULL);
    cr_expect_eq(move(f, "t", "1,2,4", true), 0);
    cr_expect_eq(move(f, "t", "1,2,5", true), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - adding 5 removing 3");
    has_replicas(f, "1,2,5,3");
    fixture_close(f);
}

Test(reassign, is_refused_by_name)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "nope", "1", true), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(move(f, "t", "1,9", true), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    cr_expect_eq(move(f, "t", "", true), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    fixture_close(f);
}

Test(reassign, a_new_replica_that_dies_only_delays_it)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(move(f, "t", "1,2,4", true), 0);
    fixture_fence(f, 4);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - adding 4 removing 3");
    fixture_unfence(f, 4);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,2,3,4"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,4 elr -");
    fixture_close(f);
}

static int16_t unregister(struct fixture *f, int32_t id)
{
    struct unregister_broker_request request = {.broker_id = id};
    struct unregister_broker_response reply;
    decide_unregister(&f->image, &request, &f->d, &reply);
    cr_expect_eq(reply.error_code == 0, f->d.count == 1);
    if (f->d.count > 0) fixture_commit(f);
    return reply.error_code;
}

Test(unregister, only_who_is_down_and_holds_nothing)
{
    struct fixture *f = fixture_with(4, "1,2,3");
    cr_expect_eq(unregister(f, 9), KAFKA_BROKER_ID_NOT_REGISTERED);
    cr_expect_eq(unregister(f, 1), KAFKA_INVALID_REQUEST);
    cr_expect_eq(unregister(f, 4), KAFKA_INVALID_REQUEST);
    fixture_fence(f, 4);
    cr_expect_eq(unregister(f, 4), 0);
    cr_expect_null(meta_broker_find(&f->image, 4));
    fixture_close(f);
}
