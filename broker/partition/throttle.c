#include "broker/partition/throttle.h"

#include "common/check.h"

#define RATE_MAX ((uint64_t)1 << 50) /* Nothing is as fast: no limit at all. */
#define SECOND_MS 1000

_Static_assert(RATE_MAX *SECOND_MS * 4 < INT64_MAX, "a balance fits");

static void earn(struct throttle *t, uint64_t now_ms)
{
    CHECK(t->rate <= RATE_MAX);
    CHECK(now_ms >= t->at_ms);

    if (now_ms == t->at_ms) return;

    int64_t most = (int64_t)(t->rate * SECOND_MS);
    int64_t missing = most - t->balance;
    uint64_t passed_ms = now_ms - t->at_ms;
    bool is_full = t->rate == 0 || passed_ms > (uint64_t)missing / t->rate;
    t->balance = is_full ? most : t->balance + (int64_t)(t->rate * passed_ms);
    t->at_ms = now_ms;
    t->was_open = t->balance > 0;
}

void throttle_set(struct throttle *t, uint64_t rate, uint64_t now_ms)
{
    if (rate > RATE_MAX) rate = THROTTLE_NONE;
    if (rate == t->rate) return;

    if (t->rate == THROTTLE_NONE || rate == THROTTLE_NONE) {
        *t = (struct throttle){.rate = rate, .at_ms = now_ms};
        return;
    }
    earn(t, now_ms);
    t->rate = rate;
    int64_t most = (int64_t)(rate * SECOND_MS);
    if (t->balance > most) t->balance = most;
}

bool throttle_is_open(struct throttle *t, uint64_t now_ms)
{
    if (t->rate == THROTTLE_NONE) return true;

    earn(t, now_ms);
    return t->was_open;
}

void throttle_spend(struct throttle *t, uint64_t bytes, uint64_t now_ms)
{
    if (t->rate == THROTTLE_NONE) return;
    CHECK(bytes <= RATE_MAX);

    earn(t, now_ms);
    int64_t spent = (int64_t)(bytes * SECOND_MS);
    bool fits = t->balance > INT64_MIN / 4 + spent;
    t->balance = fits ? t->balance - spent : INT64_MIN / 4;
}

uint64_t throttle_opens_ms(struct throttle *t, uint64_t now_ms)
{
    if (t->rate == THROTTLE_NONE) return now_ms;
    earn(t, now_ms);
    if (t->balance > 0) return now_ms;
    if (t->rate == 0) return UINT64_MAX;

    uint64_t missing = (uint64_t)(1 - t->balance);
    return t->at_ms + (missing + t->rate - 1) / t->rate;
}
