#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brokers.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

/* ---- Fencing. ---- */

Test(fence, next_in_order_of_preference_leads)
{
    struct fixture *f = fixture_with(3, "2,3,1");
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader 3 epoch 1 isr 3,1 elr -");
    fixture_close(f);
}

Test(fence, who_leaves_too_small_an_isr_stays_eligible)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_fence(f, 1);
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader 3 epoch 2 isr 3 elr 2");
    fixture_fence(f, 3);
    EXPECT(f, "t", "leader -1 epoch 3 isr - elr 2,3");
    fixture_close(f);
}

Test(fence, last_broker_of_a_lone_replica_stays_eligible_and_comes_back)
{
    struct fixture *f = fixture_with(1, "1");
    fixture_fence(f, 1);
    EXPECT(f, "t", "leader -1 epoch 1 isr - elr 1");
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader 1 epoch 2 isr 1 elr -");
    fixture_close(f);
}

Test(fence, nobody_is_elected_from_outside_of_isr_and_elr)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_fence(f, 1);
    fixture_fence(f, 2);
    fixture_fence(f, 3);
    /* 1 left when enough others were in sync: it may lack what they committed afterwards. */
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader -1 epoch 3 isr - elr 2,3");
    fixture_unfence(f, 3);
    EXPECT(f, "t", "leader 3 epoch 4 isr 3 elr 2");
    fixture_close(f);
}

Test(fence, is_one_batch_for_all_partitions)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    fixture_topic(f, "a", "1,2,3");
    fixture_topic(f, "b", "2,1");
    fixture_topic(f, "c", "2,3");
    decide_fence(&f->image, 1, "a test", &f->d);
    cr_assert_eq(f->d.count, 3);
    cr_expect_eq(f->d.records[0].kind, META_PARTITION);
    cr_expect_eq(f->d.records[1].kind, META_PARTITION);
    cr_expect_eq(f->d.records[2].kind, META_BROKER_STATE);
    cr_expect_str_eq(f->d.cause, "broker 1 fenced: a test");
    fixture_commit(f);
    EXPECT(f, "b", "leader 2 epoch 0 isr 2 elr 1");
    EXPECT(f, "c", "leader 2 epoch 0 isr 2,3 elr -");
    fixture_close(f);
}

/* ---- Registration. ---- */

Test(registration, takes_the_broker_out_of_everything_in_the_batch_that_gives_its_epoch)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    int64_t before = meta_broker_find(&f->image, 1)->epoch;
    cr_assert_eq(fixture_register(f, 1, 2, NULL, true), 0);
    cr_assert_eq(f->d.count, 2);
    uint64_t index = fixture_commit(f);

    const struct meta_broker *b = meta_broker_find(&f->image, 1);
    cr_expect_gt(b->epoch, before);
    cr_expect_eq(b->epoch, (int64_t)index);
    cr_expect(b->fenced);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr -");
    fixture_close(f);
}

Test(registration, leader_epoch_rises_even_if_the_same_broker_leads_again)
{
    struct fixture *f = fixture_with(1, "1");
    cr_assert_eq(fixture_register(f, 1, 2, NULL, true), 0);
    fixture_commit(f);
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader 1 epoch 2 isr 1 elr -");
    fixture_close(f);
}

Test(registration, with_a_whole_log_stays_eligible)
{
    struct fixture *f = fixture_with(2, "1,2");
    cr_assert_eq(fixture_register(f, 1, 2, NULL, true), 0);
    fixture_commit(f);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1");
    fixture_close(f);
}

Test(registration, after_a_power_cut_leaves_isr_and_elr)
{
    struct fixture *f = fixture_with(2, "1,2");
    cr_assert_eq(fixture_register(f, 1, 2, NULL, false), 0);
    fixture_commit(f);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr - last 1");
    cr_assert_eq(fixture_register(f, 1, 3, NULL, true), 0);
    fixture_commit(f);
    fixture_unfence(f, 1);
    cr_assert_eq(fixture_alter_isr(f, "t", 2, "2,1"), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,1 elr -");
    fixture_close(f);
}

Test(registration, of_the_last_ones_after_a_power_cut_is_remembered)
{
    struct fixture *f = fixture_with(2, "1,2");
    fixture_fence(f, 1);
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader -1 epoch 2 isr - elr 1,2");
    cr_assert_eq(fixture_register(f, 2, 2, NULL, false), 0);
    fixture_commit(f);
    EXPECT(f, "t", "leader -1 epoch 2 isr - elr 1 last 2");
    cr_assert_eq(fixture_register(f, 1, 2, NULL, false), 0);
    fixture_commit(f);
    EXPECT(f, "t", "leader -1 epoch 2 isr - elr - last 2,1");

    /* Nobody leads until both have told what they have (test_decide_ends.c). */
    fixture_unfence(f, 2);
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader -1 epoch 2 isr - elr - last 2,1");
    fixture_close(f);
}

Test(registration, kill_9_of_everything_needs_no_operator)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    for (int32_t id = 1; id <= 3; id++) fixture_fence(f, id);
    for (int32_t id = 1; id <= 3; id++) {
        cr_assert_eq(fixture_register(f, id, 2, NULL, true), 0);
        fixture_commit(f);
    }
    for (int32_t id = 1; id <= 3; id++) fixture_unfence(f, id);
    EXPECT(f, "t", "leader 2 epoch 4 isr 2 elr 3");
    fixture_close(f);
}

Test(registration, of_another_cluster_is_refused_with_both_named)
{
    struct fixture *f = fixture_open();
    struct rpc_msg m = {.kind = RPC_REGISTER};
    struct slice why;
    m.register_broker.id = 1;
    m.register_broker.cluster_id = slice_of_text("BBBBBBBBBBBBBBBBBBBBBB");
    cr_expect_eq(decide_register(&f->image, &m, f->image.index + 1, &f->d, &why),
                 KAFKA_INCONSISTENT_CLUSTER_ID);
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)why.size, (const char *)why.at);
    cr_expect_not_null(strstr(text, "BBBBBBBBBBBBBBBBBBBBBB"));
    cr_expect_not_null(strstr(text, "AAAAAAAAAAAAAAAAAAAAAA"));
    fixture_close(f);
}

Test(registration, that_is_illegal_in_itself_is_refused_and_leaves_nothing)
{
    struct fixture *f = fixture_open();
    struct rpc_msg m = {.kind = RPC_REGISTER};
    struct slice why;
    m.register_broker.id = 1;
    cr_expect_eq(decide_register(&f->image, &m, f->image.index + 1, &f->d, &why),
                 KAFKA_INVALID_REGISTRATION);
    cr_expect_eq(f->d.count, 0);
    fixture_close(f);
}

Test(registration, of_the_first_broker_brings_its_seeds)
{
    struct fixture *f = fixture_open();
    struct rpc_msg m = {.kind = RPC_REGISTER};
    struct slice why;
    m.register_broker.id = 1;
    m.register_broker.incarnation.bytes[0] = 1;
    m.register_broker.shard_count = 1;
    m.register_broker.listener_count = 1;
    m.register_broker.listeners[0] = (struct meta_listener){.name = slice_of_text("X"),
                                                            .host = slice_of_text("h"),
                                                            .port = 1,
                                                            .protocol = slice_of_text("PLAINTEXT")};
    m.register_broker.replication_listener = slice_of_text("X");
    m.register_broker.version = slice_of_text("1");
    m.register_broker.seed_count = 3;
    m.register_broker.seeds[0] = slice_of_text("default.replication.factor=1");
    m.register_broker.seeds[1] = slice_of_text("num.partitions=none");
    m.register_broker.seeds[2] = slice_of_text("log.segment.bytes=1048576");
    cr_assert_eq(decide_register(&f->image, &m, f->image.index + 1, &f->d, &why), 0);
    fixture_commit(f);
    cr_expect_str_eq(meta_config_find(&f->image, 4, "", "default.replication.factor"), "1");
    cr_expect_str_eq(meta_config_find(&f->image, 4, "", "log.segment.bytes"), "1048576");
    cr_expect_null(meta_config_find(&f->image, 4, "", "num.partitions"));
    fixture_close(f);
}

/* ---- Controlled shutdown. ---- */

Test(stop, hands_over_what_it_leads_and_leaves_the_rest)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_topic(f, "alone", "1");
    fixture_topic(f, "followed", "2,1,3");
    fixture_stop(f, 1);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    EXPECT(f, "followed", "leader 2 epoch 0 isr 2,3 elr -");
    cr_expect_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr -");
    EXPECT(f, "alone", "leader -1 epoch 1 isr - elr 1");
    cr_expect_eq(meta_broker_find(&f->image, 1)->isr_count, 0);
    cr_expect_not(meta_broker_find(&f->image, 1)->fenced);

    fixture_fence(f, 1);
    cr_assert_eq(fixture_register(f, 1, 2, NULL, true), 0);
    fixture_commit(f);
    fixture_unfence(f, 1);
    EXPECT(f, "alone", "leader 1 epoch 2 isr 1 elr -");
    fixture_close(f);
}

/* ---- Canaries. ---- */

Test(canary, electing_outside_of_the_isr_is_possible_only_when_asked_for)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,3"), 0);
    f->d.canary = DECIDE_CANARY_ELECT_OUTSIDE_ISR;
    fixture_fence(f, 1);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr -");
    fixture_close(f);
}
