/* What nobody reads here leaves the page cache: all of it, once it is on the disk, and not the end.
 */
#include <criterion/criterion.h>

#include "tests/unit/journal_rig.h"

#define PAGE 4096u

static struct rig *const r = &suite_rig;

TestSuite(journal_drop_behind, .init = rig_begin, .fini = rig_end);

/* As a follower does: after every write. */
static void follow(uint32_t writes, uint64_t keep_bytes)
{
    for (uint32_t i = 0; i < writes; i++) {
        rig_fill(r, 1, 1, 1000);
        journal_drop_behind(r->j, keep_bytes);
        rig_run_all(r);
    }
}

Test(journal_drop_behind, all_but_the_end_is_written_out_and_then_dropped)
{
    rig_open(r);
    follow(100, 0);
    uint64_t size = journal_size_bytes(r->j);
    cr_expect_gt(r->disk.out_bytes, size - 3 * PAGE);
    cr_expect_leq(r->disk.out_bytes, size);
    cr_expect_gt(r->disk.dropped_bytes, size - 6 * PAGE);
    cr_expect_lt(r->disk.dropped_bytes, r->disk.out_bytes, "what has just begun is not waited for");
    cr_expect_eq(rig_news(r) & JOURNAL_NEWS_FAILED, 0);
}

Test(journal_drop_behind, what_is_to_be_kept_is)
{
    rig_open(r);
    follow(10, 64 * 1024);
    cr_expect_eq(r->disk.out_bytes, 0);
    follow(90, 64 * 1024);
    uint64_t size = journal_size_bytes(r->j);
    cr_expect_leq(r->disk.out_bytes, size - 64 * 1024);
    cr_expect_gt(r->disk.out_bytes, size - 2 * 64 * 1024);
}

Test(journal_drop_behind, it_goes_on_from_segment_to_segment)
{
    r->options.segment_bytes = 16 * 1024;
    rig_open(r);
    follow(200, 0);
    uint64_t size = journal_size_bytes(r->j);
    cr_assert_gt(size, 10 * r->options.segment_bytes);
    cr_expect_gt(r->disk.dropped_bytes, size - 2 * r->options.segment_bytes);
    cr_expect_leq(r->disk.dropped_bytes, size);
}

Test(journal_drop_behind, what_was_written_while_others_read_it_stays)
{
    rig_open(r);
    rig_fill(r, 100, 1, 1000);
    journal_keep_cached(r->j);
    uint64_t led = journal_size_bytes(r->j);
    follow(50, 0);
    uint64_t followed = journal_size_bytes(r->j) - led;
    cr_expect_gt(r->disk.out_bytes, followed - 3 * PAGE);
    cr_expect_leq(r->disk.out_bytes, followed + PAGE);
}

Test(journal_drop_behind, a_start_leaves_old_segments_alone)
{
    r->options.segment_bytes = 16 * 1024;
    rig_open(r);
    rig_fill(r, 100, 1, 1000);
    rig_stop(r);
    rig_open(r);
    follow(1, 0);
    cr_expect_lt(r->disk.out_bytes, 2 * r->options.segment_bytes);
}

Test(journal_drop_behind, a_truncation_puts_it_back)
{
    rig_open(r);
    follow(100, 0);
    (void)journal_truncate(r->j, 30);
    rig_run_all(r);
    uint64_t before = r->disk.out_bytes, size = journal_size_bytes(r->j);
    follow(50, 0);
    uint64_t more = journal_size_bytes(r->j) - size;
    cr_expect_gt(r->disk.out_bytes - before, more - 4 * PAGE);
    cr_expect_leq(r->disk.out_bytes - before, more + PAGE);
}

/* The kernel has dropped the pages that it could not write: as after a failed sync, nobody can say
 * what there is. */
Test(journal_drop_behind, a_failed_write_out_fails_the_journal)
{
    rig_open(r);
    follow(10, 0);
    r->disk.write_out_rc = -ERR_IO;
    for (int i = 0; i < 3 && journal_state_of(r->j) == JOURNAL_OPEN; i++) follow(1, 0);
    cr_expect_neq(rig_news(r) & JOURNAL_NEWS_FAILED, 0);
    cr_expect_eq(journal_state_of(r->j), JOURNAL_FAILED);
    cr_expect_neq(journal_why(r->j)[0], 0);
}
