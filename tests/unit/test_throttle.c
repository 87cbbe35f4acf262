#include <criterion/criterion.h>

#include "broker/partition/throttle.h"

static struct throttle of_rate(uint64_t rate)
{
    struct throttle t = {.rate = THROTTLE_NONE};
    throttle_set(&t, rate, 1000);
    return t;
}

Test(throttle, without_a_rate_it_is_always_open)
{
    struct throttle t = of_rate(THROTTLE_NONE);
    throttle_spend(&t, 1u << 30, 1000);
    cr_expect(throttle_is_open(&t, 1000));
    cr_expect_eq(throttle_opens_ms(&t, 1000), 1000);
    t = of_rate(INT64_MAX);
    cr_expect_eq(t.rate, THROTTLE_NONE, "Kafka's default means the same");
}

Test(throttle, what_was_spent_is_earned_again_at_the_rate)
{
    struct throttle t = of_rate(500);
    cr_expect_not(throttle_is_open(&t, 1000), "it begins with nothing saved");
    cr_expect(throttle_is_open(&t, 1002));
    throttle_spend(&t, 1001, 1002);
    cr_expect_eq(throttle_opens_ms(&t, 1002), 1002 + 2001, "a thousand bytes and a bit");
    cr_expect_not(throttle_is_open(&t, 3002));
    cr_expect(throttle_is_open(&t, 3003));
}

Test(throttle, over_time_no_more_goes_than_the_rate_allows)
{
    struct throttle t = of_rate(1000);
    uint64_t spent = 0;
    for (uint64_t now_ms = 1000; now_ms < 101000; now_ms += 7) {
        if (!throttle_is_open(&t, now_ms)) continue;
        throttle_spend(&t, 333, now_ms);
        spent += 333;
    }
    cr_expect_leq(spent, 100 * 1000 + 333);
    cr_expect_geq(spent, 99 * 1000);
}

Test(throttle, a_second_is_saved_up_and_not_more)
{
    struct throttle t = of_rate(1000);
    cr_expect(throttle_is_open(&t, 3600 * 1000));
    throttle_spend(&t, 1001, 3600 * 1000);
    cr_expect_not(throttle_is_open(&t, 3600 * 1000 + 1));
    cr_expect(throttle_is_open(&t, 3600 * 1000 + 2));
}

Test(throttle, a_slow_rate_loses_nothing_to_rounding)
{
    struct throttle t = of_rate(1);
    throttle_spend(&t, 1, 1000);
    for (uint64_t now_ms = 1000; now_ms <= 2000; now_ms++) {
        cr_expect_not(throttle_is_open(&t, now_ms), "%llu", (unsigned long long)now_ms);
    }
    cr_expect(throttle_is_open(&t, 2001));
}

Test(throttle, at_zero_nothing_ever_goes)
{
    struct throttle t = of_rate(0);
    cr_expect_eq(throttle_opens_ms(&t, 5000), UINT64_MAX);
    cr_expect_not(throttle_is_open(&t, UINT64_MAX / 2));
}

Test(throttle, long_debts_are_paid_whatever_their_size)
{
    struct throttle t = of_rate(3);
    throttle_spend(&t, (uint64_t)1 << 40, 1000);
    uint64_t opens_ms = throttle_opens_ms(&t, 1000);
    cr_expect_not(throttle_is_open(&t, opens_ms - 1));
    cr_expect(throttle_is_open(&t, opens_ms));
}

Test(throttle, what_is_owed_is_paid_at_the_new_rate)
{
    struct throttle t = of_rate(10);
    throttle_spend(&t, 1000, 1000);
    throttle_set(&t, 1000, 1000);
    cr_expect_not(throttle_is_open(&t, 2000));
    cr_expect(throttle_is_open(&t, 2001));
    throttle_spend(&t, 1000000, 2001);
    throttle_set(&t, THROTTLE_NONE, 2001);
    cr_expect(throttle_is_open(&t, 2001));
}

Test(throttle, who_asks_at_the_same_time_gets_the_same_answer)
{
    struct throttle t = of_rate(1000);
    cr_expect(throttle_is_open(&t, 1001));
    throttle_spend(&t, 5000, 1001);
    cr_expect(throttle_is_open(&t, 1001), "the next partition of the same fetch");
    cr_expect_not(throttle_is_open(&t, 1002));
}
