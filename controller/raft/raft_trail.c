#include "controller/raft/raft_trail.h"

#include <string.h>

#include "common/check.h"

void raft_trail_check(const struct raft_trail *t)
{
    CHECK(t->start_index <= t->last_index);
    CHECK(t->count <= RAFT_RUNS_MAX);
    CHECK((t->count == 0) == (t->start_index == t->last_index));
    if (t->count == 0) return;

    const struct raft_run *last = &t->runs[t->count - 1];
    CHECK(t->runs[0].first_index == t->start_index + 1);
    CHECK(t->runs[0].term >= t->start_term);
    CHECK(last->first_index <= t->last_index);
    if (t->count == 1) return;
    CHECK(last[-1].first_index < last->first_index);
    CHECK(last[-1].term < last->term);
}

void raft_trail_init(struct raft_trail *t, uint64_t start_index, uint64_t start_term)
{
    CHECK((start_index == 0) == (start_term == 0));

    *t = (struct raft_trail){
        .start_index = start_index, .start_term = start_term, .last_index = start_index};
}

bool raft_trail_has(const struct raft_trail *t, uint64_t index)
{
    return t->start_index <= index && index <= t->last_index;
}

/* How many runs begin at or below `index`. */
static uint32_t count_runs(const struct raft_trail *t, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->runs[middle].first_index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t raft_trail_term(const struct raft_trail *t, uint64_t index)
{
    CHECK(raft_trail_has(t, index));
    if (index == t->start_index) return t->start_term;

    uint32_t count = count_runs(t, index);
    CHECK(count > 0);
    return t->runs[count - 1].term;
}

uint64_t raft_trail_last_term(const struct raft_trail *t)
{
    return t->count == 0 ? t->start_term : t->runs[t->count - 1].term;
}

uint64_t raft_trail_run_last(const struct raft_trail *t, uint64_t index)
{
    CHECK(index > t->start_index);
    CHECK(index <= t->last_index);

    uint32_t count = count_runs(t, index);
    return count == t->count ? t->last_index : t->runs[count].first_index - 1;
}

uint64_t raft_trail_floor(const struct raft_trail *t, uint64_t index, uint64_t term)
{
    if (index > t->last_index) index = t->last_index;
    for (uint32_t count = count_runs(t, index); count > 0; count--) {
        if (t->runs[count - 1].term <= term) return index;
        index = t->runs[count - 1].first_index - 1;
    }
    return t->start_index;
}

bool raft_trail_has_room(const struct raft_trail *t, uint64_t from, uint64_t term)
{
    CHECK(from > t->start_index);

    uint32_t kept = count_runs(t, from - 1);
    if (kept > 0 && t->runs[kept - 1].term == term) return true;
    return kept < RAFT_RUNS_MAX;
}

void raft_trail_append(struct raft_trail *t, uint64_t last_index, uint64_t term)
{
    CHECK(last_index > t->last_index);
    CHECK(term >= raft_trail_last_term(t));
    CHECK(term > 0);

    if (t->count == 0 || t->runs[t->count - 1].term != term) {
        CHECK(t->count < RAFT_RUNS_MAX);
        t->runs[t->count++] = (struct raft_run){.first_index = t->last_index + 1, .term = term};
    }
    t->last_index = last_index;
}

void raft_trail_truncate(struct raft_trail *t, uint64_t from_index)
{
    CHECK(from_index > t->start_index);
    CHECK(from_index <= t->last_index);

    t->count = count_runs(t, from_index - 1);
    t->last_index = from_index - 1;
}

void raft_trail_compact(struct raft_trail *t, uint64_t start_index)
{
    CHECK(raft_trail_has(t, start_index));
    if (start_index == t->start_index) return;

    t->start_term = raft_trail_term(t, start_index);
    t->start_index = start_index;
    /* The run that holds the first entry left begins with it now. */
    uint32_t gone = start_index == t->last_index ? t->count : count_runs(t, start_index + 1) - 1;
    t->count -= gone;
    memmove(t->runs, t->runs + gone, t->count * sizeof t->runs[0]);
    if (t->count > 0) t->runs[0].first_index = start_index + 1;
}
