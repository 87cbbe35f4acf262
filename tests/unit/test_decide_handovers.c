/* Leadership that moves while both sides live: asked for, done, given up. */
#include <criterion/criterion.h>

#include "controller/decide/brokers.h"
#include "controller/decide/handovers.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

/* Three brokers; 1 is asked to hand t over to 2 because it stops. */
static struct fixture *stopping(void)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_stop(f, 1);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    return f;
}

Test(handover, is_refused_to_anybody_but_the_successor)
{
    struct fixture *f = stopping();
    cr_expect_eq(fixture_hand_over(f, "t", 1, 3, 0), KAFKA_INELIGIBLE_REPLICA);
    cr_expect_eq(fixture_hand_over(f, "t", 2, 2, 0), KAFKA_INVALID_REQUEST);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2,3 elr - successor 2");
    fixture_close(f);
}

Test(handover, of_an_earlier_term_is_refused)
{
    struct fixture *f = stopping();
    cr_expect_eq(fixture_hand_over(f, "t", 1, 2, 1), KAFKA_NOT_CONTROLLER);
    fixture_close(f);
}

Test(handover, nobody_may_hand_over_what_was_not_asked_for)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_expect_eq(fixture_hand_over(f, "t", 1, 2, 0), KAFKA_INELIGIBLE_REPLICA);
    fixture_close(f);
}

Test(handover, a_successor_that_dies_is_replaced_by_another)
{
    struct fixture *f = stopping();
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,3 elr - successor 3");
    fixture_close(f);
}

Test(handover, all_brokers_may_stop_at_once)
{
    struct fixture *f = stopping();
    fixture_stop(f, 2);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,3 elr - successor 3");
    fixture_stop(f, 3);
    EXPECT(f, "t", "leader -1 epoch 1 isr - elr 3,1");
    for (int32_t id = 1; id <= 3; id++) {
        cr_expect_eq(meta_broker_find(&f->image, id)->leader_count, 0);
        cr_expect_eq(meta_broker_find(&f->image, id)->isr_count, 0);
    }
    fixture_close(f);
}

Test(handover, a_leader_that_dies_meanwhile_is_replaced_at_once)
{
    struct fixture *f = stopping();
    fixture_fence(f, 1);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr -");
    fixture_close(f);
}

Test(handover, a_successor_that_leaves_the_isr_is_none)
{
    struct fixture *f = stopping();
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,3"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,3 elr - successor 3");
    fixture_close(f);
}

Test(handover, given_up_replaces_a_leader_that_stops)
{
    struct fixture *f = stopping();
    fixture_give_up(f, "t");
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr -");
    fixture_close(f);
}

Test(handover, given_up_leaves_any_other_leader_in_peace)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_fence(f, 1);
    fixture_unfence(f, 1);
    cr_assert_eq(fixture_alter_isr(f, "t", 2, "2,3,1"), 0);
    decide_balance(&f->image, 10, &f->d);
    fixture_commit(f);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3,1 elr - successor 1");
    fixture_give_up(f, "t");
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3,1 elr -");
    fixture_close(f);
}

/* Its followers have fallen behind, and one is dead: the other may still come. */
static struct fixture *stopping_alone(void)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_fence(f, 3);
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1"), 0);
    decide_stop(&f->image, 1, &f->d);
    cr_expect_eq(f->d.count, 2, "its time has a beginning");
    fixture_commit(f);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1 elr 2");
    return f;
}

Test(handover, who_stops_alone_in_sync_waits_for_a_follower)
{
    struct fixture *f = stopping_alone();
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1,2"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2 elr - successor 2");
    cr_assert_eq(fixture_hand_over(f, "t", 1, 2, 0), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1");
    fixture_close(f);
}

Test(handover, who_stops_alone_in_sync_leaves_when_no_follower_is_left)
{
    struct fixture *f = stopping_alone();
    fixture_fence(f, 2);
    EXPECT(f, "t", "leader -1 epoch 1 isr - elr 2,1");
    fixture_close(f);
}

Test(handover, who_stops_alone_in_sync_leaves_when_its_time_is_up)
{
    struct fixture *f = stopping_alone();
    fixture_give_up(f, "t");
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1");
    fixture_close(f);
}

Test(balance, brings_back_only_what_is_out_of_balance_and_in_sync)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_topic(f, "u", "1,2,3");
    decide_balance(&f->image, 0, &f->d);
    cr_expect_eq(f->d.count, 0);
    fixture_drop(f);

    fixture_fence(f, 1);
    fixture_unfence(f, 1);
    cr_assert_eq(fixture_alter_isr(f, "u", 2, "2,3,1"), 0);
    decide_balance(&f->image, 100, &f->d);
    cr_expect_eq(f->d.count, 0, "all of them elsewhere is not more than 100 percent");
    fixture_drop(f);
    decide_balance(&f->image, 99, &f->d);
    cr_expect_eq(f->d.count, 1, "t's preferred leader is not in sync");
    fixture_commit(f);
    EXPECT(f, "u", "leader 2 epoch 1 isr 2,3,1 elr - successor 1");
    cr_expect_eq(fixture_hand_over(f, "u", 2, 1, 0), 0);
    EXPECT(f, "u", "leader 1 epoch 2 isr 2,3,1 elr -");
    fixture_close(f);
}
