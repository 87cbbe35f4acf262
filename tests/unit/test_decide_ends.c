/* No replica is known to have everything: whoever reaches furthest leads (DESIGN 6.10, 6.16). */
#include <criterion/criterion.h>

#include "controller/decide/brokers.h"
#include "controller/decide/ends.h"
#include "controller/decide/leaders.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

static void tell(struct log_ends *ends, const struct fixture *f, int32_t broker, int32_t epoch,
                 int64_t end)
{
    struct rpc_log_end told = {.topic_id = meta_topic_by_name(&f->image, slice_of_text("t"))->id,
                               .epoch = epoch,
                               .end = end};
    ends_note(ends, broker, meta_broker_find(&f->image, broker)->epoch, &told);
}

/* True: somebody was found. */
static bool recover(struct fixture *f, const struct log_ends *ends)
{
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text("t"));
    decide_recover(&f->image, ends, t, 0, &f->d);
    bool found = f->d.count > 0;
    if (found) fixture_commit(f);
    fixture_drop(f);
    return found;
}

static void power_returns(struct fixture *f, int32_t id)
{
    cr_assert_eq(fixture_register(f, id, (uint8_t)(10 + id), NULL, false), 0);
    fixture_commit(f);
    fixture_unfence(f, id);
}

/* Three replicas, all of which lost their power in the order 1, 2, 3. */
static struct fixture *dark(void)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    for (int32_t id = 1; id <= 3; id++) fixture_fence(f, id);
    EXPECT(f, "t", "leader -1 epoch 3 isr - elr 2,3");
    return f;
}

Test(recover, waits_for_all_that_are_remembered_and_takes_the_furthest)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    power_returns(f, 2);
    tell(&ends, f, 2, 0, 100);
    cr_expect_not(recover(f, &ends), "3 may come back with everything");
    power_returns(f, 3);
    EXPECT(f, "t", "leader -1 epoch 3 isr - elr - last 2,3");
    cr_expect_not(recover(f, &ends));
    tell(&ends, f, 3, 0, 120);
    cr_expect(recover(f, &ends));
    EXPECT(f, "t", "leader 3 epoch 4 isr 3 elr -");
    ends_close(&ends);
    fixture_close(f);
}

Test(recover, a_higher_epoch_beats_a_longer_log)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    power_returns(f, 2);
    power_returns(f, 3);
    tell(&ends, f, 2, 1, 50);
    tell(&ends, f, 3, 0, 500);
    cr_expect(recover(f, &ends));
    EXPECT(f, "t", "leader 2 epoch 4 isr 2 elr -");
    ends_close(&ends);
    fixture_close(f);
}

Test(recover, another_replica_that_lives_may_have_more_on_its_disk)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    for (int32_t id = 1; id <= 3; id++) power_returns(f, id);
    tell(&ends, f, 2, 0, 50);
    tell(&ends, f, 3, 0, 60);
    cr_expect_not(recover(f, &ends), "1 lives and has not told");
    tell(&ends, f, 1, 0, 70);
    cr_expect(recover(f, &ends));
    EXPECT(f, "t", "leader 1 epoch 4 isr 1 elr -");
    ends_close(&ends);
    fixture_close(f);
}

Test(recover, what_an_earlier_incarnation_told_does_not_count)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    power_returns(f, 2);
    power_returns(f, 3);
    tell(&ends, f, 2, 0, 50);
    power_returns(f, 2);
    tell(&ends, f, 3, 0, 40);
    cr_expect_not(recover(f, &ends));
    ends_close(&ends);
    fixture_close(f);
}

Test(recover, is_not_needed_while_somebody_is_eligible)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    power_returns(f, 2);
    tell(&ends, f, 2, 0, 50);
    cr_assert_eq(fixture_register(f, 3, 9, NULL, true), 0);
    fixture_commit(f);
    cr_expect_not(recover(f, &ends));
    fixture_unfence(f, 3);
    EXPECT(f, "t", "leader 3 epoch 4 isr 3 elr -");
    ends_close(&ends);
    fixture_close(f);
}

Test(unclean, only_when_asked_for_and_only_of_those_that_live)
{
    struct fixture *f = dark();
    struct log_ends ends = {0};
    cr_expect_eq(fixture_elect(f, &ends, "t", ELECTION_UNCLEAN),
                 KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE);
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader -1 epoch 3 isr - elr 2,3");
    cr_expect_eq(fixture_elect(f, &ends, "t", ELECTION_UNCLEAN),
                 KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE);
    tell(&ends, f, 1, 0, 10);
    cr_expect_eq(fixture_elect(f, &ends, "t", ELECTION_UNCLEAN), 0);
    EXPECT(f, "t", "leader 1 epoch 4 isr 1 elr -");
    cr_expect_eq(fixture_elect(f, &ends, "t", ELECTION_UNCLEAN), KAFKA_ELECTION_NOT_NEEDED);
    ends_close(&ends);
    fixture_close(f);
}
