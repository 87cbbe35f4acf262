/* Open files have a bound: what is closed is opened again by whoever needs it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/journal_rig.h"

static struct rig *const r = &suite_rig;
static struct descriptors files;

static void begin(void)
{
    rig_begin();
    descriptors_init(&files, 1);
    r->options.descriptors = &files;
    r->options.segment_bytes = 1200;
}

TestSuite(journal_descriptors, .init = begin, .fini = rig_end);

/* Ten segments, all synced, and all but one closed. */
static void fill_and_sync(void)
{
    rig_open(r);
    rig_fill(r, 100, 1, 10);
    journal_sync(r->j);
    rig_run_all(r);
    descriptors_turn(&files);
    cr_assert_leq(files.count, 1);
}

/* Closes everything that may be closed. */
static void close_all(void)
{
    journal_sync(r->j);
    rig_run_all(r);
    files.max = 0;
    descriptors_turn(&files);
    files.max = 1;
    cr_assert_eq(files.count, 0);
    cr_assert_eq(r->open_files, 0);
}

static void read_all(int64_t end)
{
    for (int64_t at = 0; at < end;) {
        struct journal_range range;
        uint8_t *bytes = NULL;
        cr_assert_eq(rig_read(r, at, end, 4096, true, &range, &bytes), JOURNAL_READ_OK);
        cr_assert_gt(range.size, 0);
        free(bytes);
        at = range.first_offset + 3;
        descriptors_turn(&files);
        cr_assert_leq(files.count, 1, "the bound holds after each turn");
    }
}

Test(journal_descriptors, many_segments_are_read_with_one_file_open)
{
    fill_and_sync();
    read_all(300);
    cr_assert_leq(r->open_files, 1);
    cr_assert_gt(files.closed_count, 5);
}

Test(journal_descriptors, a_closed_active_segment_is_opened_by_the_next_write)
{
    fill_and_sync();
    close_all();
    rig_fill(r, 3, 1, 10);
    cr_assert_eq(journal_written(r->j), 309);
    close_all();
    cr_assert_eq(files.count, 0);
    read_all(309);
    rig_fill(r, 1, 1, 10);
    cr_assert_eq(journal_written(r->j), 312, "what a reader has opened can be written");
}

Test(journal_descriptors, what_is_not_synced_is_synced_before_it_is_closed)
{
    fill_and_sync();
    rig_fill(r, 1, 1, 10);
    uint32_t syncs = r->disk.syncs;
    files.max = 0;
    descriptors_turn(&files);
    cr_assert_eq(files.count, 1, "it is asked to sync first");
    rig_run_all(r);
    cr_assert_gt(r->disk.syncs, syncs);
    cr_assert_eq(journal_durable(r->j), journal_written(r->j));
    descriptors_turn(&files);
    cr_assert_eq(files.count, 0);
    files.max = 1;
}

Test(journal_descriptors, a_file_that_is_being_sent_stays_open)
{
    fill_and_sync();
    struct journal_range range;
    uint8_t *bytes = NULL;
    cr_assert_eq(rig_read(r, 0, 300, 4096, true, &range, &bytes), JOURNAL_READ_OK);
    free(bytes);
    while (journal_read(r->j, 0, 300, 4096, true, &range) == JOURNAL_READ_WAIT) rig_run_all(r);
    files.max = 0;
    descriptors_turn(&files);
    cr_assert_eq(files.count, 1);
    env_file_unref(&r->env, range.file);
    descriptors_turn(&files);
    cr_assert_eq(files.count, 0);
    files.max = 1;
}

Test(journal_descriptors, a_closed_log_is_truncated_reset_and_stopped)
{
    fill_and_sync();
    close_all();
    (void)journal_truncate(r->j, 150);
    rig_run_all(r);
    cr_assert_eq(journal_assigned(r->j), 150);
    journal_sync(r->j);
    rig_run_all(r);
    close_all();
    journal_reset(r->j, 500);
    rig_run_all(r);
    rig_fill(r, 1, 1, 10);
    cr_assert_eq(journal_written(r->j), 503);
    journal_sync(r->j);
    rig_run_all(r);
    close_all();
    rig_stop(r);
    rig_open(r);
    cr_assert_eq(journal_written(r->j), 503);
}
