#include <criterion/criterion.h>

#include "controller/raft/raft.h"
#include "tests/sim/raft_sim.h"

#define DURATION_MS (10 * 1000)

/* A thousand random clusters, in which no oracle may find anything. */
Test(raft_sim, no_fault_breaks_a_promise)
{
    struct raft_sim_result sum = {0};
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct raft_sim_options options = {.seed = seed, .duration_ms = DURATION_MS};
        struct raft_sim_result result = raft_sim_run(&options);
        cr_assert_null(result.violation,
                       "%s; replay: raft_sim_run({.seed = %llu, "
                       ".duration_ms = 10000})",
                       result.violation, (unsigned long long)seed);
        sum.leaders += result.leaders;
        sum.commits += result.commits;
        sum.crashes += result.crashes;
        sum.wipes += result.wipes;
        sum.snapshots_installed += result.snapshots_installed;
        sum.truncations += result.truncations;
        sum.member_changes += result.member_changes;
        sum.transfers += result.transfers;
    }
    /* A simulator that went idle proves nothing. */
    cr_assert_gt(sum.leaders, 3000);
    cr_assert_gt(sum.commits, 100 * 1000);
    cr_assert_gt(sum.crashes, 5000);
    cr_assert_gt(sum.wipes, 100);
    cr_assert_gt(sum.snapshots_installed, 1000);
    cr_assert_gt(sum.truncations, 300);
    cr_assert_gt(sum.member_changes, 3000);
    cr_assert_gt(sum.transfers, 300);
}

/* The oracles are tested too: break a rule, and some seed must notice. */
static void expect_a_violation(struct raft_sim_options options, uint64_t seeds)
{
    options.duration_ms = DURATION_MS;
    for (options.seed = 1; options.seed <= seeds; options.seed++) {
        if (raft_sim_run(&options).violation != NULL) return;
    }
    cr_assert_fail("no seed up to %llu noticed the canary", (unsigned long long)seeds);
}

Test(raft_sim, notices_votes_without_comparing_logs)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_VOTE_BLINDLY}, 50);
}

Test(raft_sim, notices_commits_of_older_terms_by_counting)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_COMMIT_OLD_TERM}, 3000);
}

Test(raft_sim, notices_forgotten_votes)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_FORGET_VOTE}, 50);
}

Test(raft_sim, notices_a_leader_that_counts_itself_too_early)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_COUNT_UNDURABLE}, 20);
}

Test(raft_sim, notices_conflicts_that_are_kept)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_NEVER_TRUNCATE}, 50);
}

Test(raft_sim, notices_elections_without_pre_vote)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_SKIP_PREVOTE}, 20);
}

Test(raft_sim, notices_entries_taken_whatever_comes_before)
{
    expect_a_violation((struct raft_sim_options){.canaries = RAFT_CANARY_IGNORE_PREV}, 200);
}

Test(raft_sim, notices_messages_that_outrun_writes)
{
    expect_a_violation((struct raft_sim_options){.send_early = true}, 20);
}

Test(raft_sim, same_seed_same_history)
{
    for (uint64_t seed = 42; seed < 62; seed++) {
        struct raft_sim_options options = {.seed = seed, .duration_ms = DURATION_MS};
        struct raft_sim_result first = raft_sim_run(&options);
        struct raft_sim_result second = raft_sim_run(&options);
        cr_assert_eq(first.history_hash, second.history_hash);
        cr_assert_gt(first.commits, 0);
        options.seed += 1000;
        cr_assert_neq(raft_sim_run(&options).history_hash, first.history_hash);
    }
}
