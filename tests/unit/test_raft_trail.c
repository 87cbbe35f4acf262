#include <criterion/criterion.h>
#include <string.h>

#include "common/prng.h"
#include "controller/raft/raft_members.h"
#include "controller/raft/raft_trail.h"

#define REFERENCE_MAX 400

/* The dumb way: a term per index. */
struct reference {
    uint64_t start;
    uint64_t last;
    uint64_t terms[REFERENCE_MAX];
};

static uint64_t reference_floor(const struct reference *f, uint64_t index, uint64_t term)
{
    if (index > f->last) index = f->last;
    while (index > f->start && f->terms[index] > term) index--;
    return index;
}

static void compare(const struct raft_trail *t, const struct reference *f)
{
    raft_trail_check(t);
    cr_assert_eq(t->start_index, f->start);
    cr_assert_eq(t->last_index, f->last);
    for (uint64_t i = f->start; i <= f->last; i++) {
        cr_assert_eq(raft_trail_term(t, i), f->terms[i]);
        cr_assert_eq(raft_trail_floor(t, i, f->terms[f->start] + i % 5),
                     reference_floor(f, i, f->terms[f->start] + i % 5));
        if (i == f->start) continue;
        uint64_t last = i;
        while (last < f->last && f->terms[last + 1] == f->terms[i]) last++;
        cr_assert_eq(raft_trail_run_last(t, i), last);
    }
    cr_assert_eq(raft_trail_last_term(t), f->terms[f->last]);
}

/* Whatever is appended, cut off at the end and dropped at the start, runs say what a table says. */
Test(raft_trail, equals_a_table_of_terms)
{
    static struct raft_trail trail;
    struct prng p = prng_from_seed(7);
    for (uint32_t round = 0; round < 200; round++) {
        struct reference f = {0};
        raft_trail_init(&trail, 0, 0);
        for (uint64_t term = 1; f.last < REFERENCE_MAX - 10;) {
            uint64_t count = prng_range(&p, 1, 5);
            switch (prng_range(&p, 0, 5)) {
            case 0:
                if (f.last == f.start) break;
                f.last = prng_range(&p, f.start, f.last - 1);
                raft_trail_truncate(&trail, f.last + 1);
                break;
            case 1:
                if (prng_chance(&p, 3, 4)) break;
                f.start = prng_range(&p, f.start, f.last);
                raft_trail_compact(&trail, f.start);
                break;
            default:
                term += prng_range(&p, 0, 2);
                for (uint64_t i = 1; i <= count; i++) f.terms[f.last + i] = term;
                f.last += count;
                raft_trail_append(&trail, f.last, term);
            }
            compare(&trail, &f);
        }
    }
}

Test(raft_trail, has_room_for_a_run_that_replaces_others)
{
    static struct raft_trail t;
    raft_trail_init(&t, 0, 0);
    for (uint64_t i = 1; i <= RAFT_RUNS_MAX; i++) raft_trail_append(&t, i, i);

    cr_assert(raft_trail_has_room(&t, RAFT_RUNS_MAX + 1, RAFT_RUNS_MAX));
    cr_assert_not(raft_trail_has_room(&t, RAFT_RUNS_MAX + 1, RAFT_RUNS_MAX + 1));
    cr_assert(raft_trail_has_room(&t, RAFT_RUNS_MAX, RAFT_RUNS_MAX + 1));
    raft_trail_compact(&t, 1);
    cr_assert(raft_trail_has_room(&t, RAFT_RUNS_MAX + 1, RAFT_RUNS_MAX + 1));
}

static struct raft_members voters(uint32_t count)
{
    struct raft_members m = {0};
    for (uint32_t id = 1; id <= count; id++) {
        struct raft_member member = {.id = id * 10, .voter = true, .disk = {(uint8_t)id}};
        cr_assert(raft_members_put(&m, &member));
    }
    return m;
}

Test(raft_members, stay_sorted_and_within_their_bounds)
{
    struct raft_members m = voters(RAFT_VOTERS_MAX);
    struct raft_member late = {.id = 5};
    cr_assert(raft_members_put(&m, &late));
    cr_assert_eq(m.items[0].id, 5);
    late.voter = true;
    cr_assert_not(raft_members_put(&m, &late), "an eighth voter");
    cr_assert_eq(raft_members_voter_count(&m), RAFT_VOTERS_MAX);
    for (uint32_t id = 91; m.count < RAFT_MEMBERS_MAX; id++) {
        struct raft_member learner = {.id = id};
        cr_assert(raft_members_put(&m, &learner));
    }
    late = (struct raft_member){.id = 99};
    cr_assert_not(raft_members_put(&m, &late), "one member too many");
    raft_members_remove(&m, 30);
    cr_assert_null(raft_members_find(&m, 30));
    cr_assert(raft_members_are_sane(&m));
    m.items[0].id = m.items[1].id;
    cr_assert_not(raft_members_are_sane(&m));
}

/* Thesis §4.1: majorities of two sets overlap if they differ by one voter. */
Test(raft_members, change_by_one_voter_at_a_time)
{
    struct raft_members three = voters(3);
    struct raft_members next = three;
    cr_assert(raft_members_one_step(&three, &next));
    next = voters(4);
    cr_assert(raft_members_one_step(&three, &next));
    cr_assert(raft_members_one_step(&next, &three));
    next = voters(5);
    cr_assert_not(raft_members_one_step(&three, &next));

    next = three;
    for (uint32_t id = 71; id <= 73; id++) {
        struct raft_member learner = {.id = id};
        cr_assert(raft_members_put(&next, &learner));
    }
    cr_assert(raft_members_one_step(&three, &next), "learners have no majorities");

    next = three;
    next.items[1].disk[0] = 99;
    cr_assert_not(raft_members_one_step(&three, &next), "another disk is another voter");
    struct raft_members seeded = three;
    memset(seeded.items[1].disk, 0, RAFT_DISK_ID_SIZE);
    cr_assert(raft_members_one_step(&seeded, &three), "a disk becomes known");

    struct raft_members one = voters(1);
    struct raft_members none = {0};
    cr_assert_not(raft_members_one_step(&one, &none), "nobody is left to undo it");
}
