/* What goes at the beginning, when segments end, and how long files stay. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/journal_rig.h"

static struct rig *const r = &suite_rig;

TestSuite(journal_retention, .init = rig_begin, .fini = rig_end);

static struct journal_retention keep(int64_t wall_ms, int64_t ms, uint64_t bytes)
{
    return (struct journal_retention){
        .wall_ms = wall_ms, .retention_ms = ms, .retention_bytes = bytes, .limit = INT64_MAX};
}

static uint32_t count_files(const char *pattern)
{
    char command[FS_PATH_MAX + 64];
    char text[32] = "";
    snprintf(command, sizeof command, "ls '%s'/%s 2>/dev/null | wc -l", r->options.dir, pattern);
    FILE *f = popen(command, "r");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(text, sizeof text, f));
    pclose(f);
    return (uint32_t)atoi(text);
}

/* Ten segments of ten batches; the record at offset n is of 1000 + 10 n ms. */
static void fill_ten(void)
{
    r->options.segment_bytes = 1200;
    rig_open(r);
    rig_fill(r, 100, 1, 10);
    cr_assert_gt(count_files("*.log"), 8);
}

Test(journal_retention, segments_whose_newest_record_is_too_old_go)
{
    fill_ten();
    struct journal_retention rule = keep(100000, 100000 - 2500, UINT64_MAX);
    int64_t start = journal_retire(r->j, &rule);
    /* The record at 150 is of 2500 ms. */
    cr_assert_gt(start, 100);
    cr_assert_leq(start, 150);
    uint32_t before = count_files("*.log");
    journal_set_start(r->j, start);
    journal_forget_below(r->j, start);
    rig_run_all(r);
    cr_assert_lt(count_files("*.log"), before);
    cr_assert_eq(journal_retire(r->j, &rule), start, "no more of them");
    rule.retention_ms = -1;
    cr_assert_eq(journal_retire(r->j, &rule), start);
}

Test(journal_retention, what_is_more_than_retention_bytes_goes_by_whole_segments)
{
    fill_ten();
    uint64_t size = journal_size_bytes(r->j);
    struct journal_retention rule = keep(0, -1, size);
    cr_assert_eq(journal_retire(r->j, &rule), 0);
    rule.retention_bytes = size / 2;
    int64_t retired = journal_retire(r->j, &rule);
    journal_set_start(r->j, retired);
    journal_forget_below(r->j, retired);
    rig_run_all(r);
    cr_assert_geq(journal_size_bytes(r->j), size / 2);
    cr_assert_lt(journal_size_bytes(r->j), size / 2 + 1300);
    rule.retention_bytes = 0;
    cr_assert_eq(journal_retire(r->j, &rule), 300, "all of it");
}

Test(journal_retention, retention_takes_nothing_past_the_limit)
{
    fill_ten();
    struct journal_retention rule = keep(INT64_MAX, 1, 0);
    for (int64_t limit = 0; limit <= 300; limit += 25) {
        rule.limit = limit;
        int64_t start = journal_retire(r->j, &rule);
        cr_assert_leq(start, limit);
        cr_assert_gt(start, limit - 45);
    }
}

Test(journal_retention, when_all_may_go_a_new_segment_begins_and_the_end_stays)
{
    fill_ten();
    struct journal_retention rule = keep(INT64_MAX, 1, UINT64_MAX);
    int64_t start = journal_retire(r->j, &rule);
    cr_assert_eq(start, 300);
    journal_set_start(r->j, start);
    journal_forget_below(r->j, start);
    rig_run_all(r);
    cr_assert_eq(count_files("*.log"), 1);
    cr_assert(rig_exists(r, "00000000000000000300.log"));
    cr_assert_eq(journal_start(r->j), 300);
    cr_assert_eq(journal_assigned(r->j), 300);
    cr_assert_eq(journal_retire(r->j, &rule), 300, "an empty one stays");
    rig_fill(r, 2, 1, 10);
    rig_stop(r);
    rig_open(r);
    cr_assert_eq(journal_start(r->j), 300);
    cr_assert_eq(journal_written(r->j), 306);
}

Test(journal_retention, a_record_from_the_future_is_of_the_moment_it_was_first_looked_at)
{
    rig_open(r);
    rig_append(r, (struct rig_batch){.offset = 0, .count = 1, .timestamp_ms = 999999999});
    journal_flush(r->j);
    rig_run_all(r);
    struct journal_retention rule = keep(5000, 100, UINT64_MAX);
    cr_assert_eq(journal_retire(r->j, &rule), 0);
    rule.wall_ms = 5100;
    cr_assert_eq(journal_retire(r->j, &rule), 0);
    rule.wall_ms = 5101;
    cr_assert_eq(journal_retire(r->j, &rule), 1);
}

Test(journal_retention, removed_files_stay_renamed_until_the_delay_is_over)
{
    r->options.delete_delay_ms = 1000;
    fill_ten();
    r->env.now_ms = 5000;
    journal_set_start(r->j, 150);
    journal_forget_below(r->j, 150);
    rig_run_all(r);
    uint32_t renamed = count_files("*.log.deleted");
    cr_assert_gt(renamed, 2);
    cr_assert_eq(count_files("*.index.deleted"), renamed);
    r->env.now_ms = 5999;
    journal_sweep(r->j);
    rig_run_all(r);
    cr_assert_eq(count_files("*.log.deleted"), renamed);
    r->env.now_ms = 6000;
    journal_sweep(r->j);
    rig_run_all(r);
    cr_assert_eq(count_files("*.deleted"), 0);
}

Test(journal_retention, a_segment_rolls_on_demand_and_only_if_it_holds_something)
{
    rig_open(r);
    journal_roll(r->j);
    rig_run_all(r);
    cr_assert_eq(count_files("*.log"), 1);
    rig_fill(r, 2, 1, 10);
    journal_roll(r->j);
    journal_roll(r->j);
    rig_run_all(r);
    cr_assert_eq(count_files("*.log"), 2);
    rig_fill(r, 2, 1, 10);
    rig_kill(r);
    rig_open(r);
    cr_assert_eq(journal_written(r->j), 12);
}

Test(journal_retention, jitter_rolls_earlier_but_never_later)
{
    r->options.segment_ms = 1000;
    r->options.segment_jitter_ms = 400;
    rig_open(r);
    for (int64_t i = 0; i < 40; i++) {
        rig_append(r, (struct rig_batch){.offset = i, .count = 1, .timestamp_ms = i * 100});
    }
    journal_flush(r->j);
    rig_run_all(r);
    cr_assert_geq(count_files("*.log"), 4);
    cr_assert_leq(count_files("*.log"), 7);
}
