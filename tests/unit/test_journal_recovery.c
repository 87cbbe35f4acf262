/* What a journal makes of the folder that it finds. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal_rig.h"

static struct rig *const r = &suite_rig;

TestSuite(journal_recovery, .init = rig_begin, .fini = rig_end);

#define LOG0 "00000000000000000000.log"
#define INDEX0 "00000000000000000000.index"
#define TIMES0 "00000000000000000000.timeindex"

/* A log of so many batches, closed in order. */
static void leave(uint32_t batches)
{
    rig_open(r);
    rig_fill(r, batches, 1, 50);
    rig_stop(r);
}

/* Where the segment ends that begins there. */
static int64_t end_of_segment(int64_t base)
{
    struct journal_range range;
    uint8_t *bytes = NULL;
    cr_assert_eq(rig_read(r, base, 180, 1 << 20, true, &range, &bytes), JOURNAL_READ_OK);
    free(bytes);
    return range.end_offset;
}

static void lose_segment(int64_t base)
{
    char name[32];
    snprintf(name, sizeof name, "%020d.log", (int)base);
    cr_assert_eq(remove(rig_path(r, name)), 0);
}

static void expect_failure(const char *text)
{
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_FAILED);
    cr_assert_not_null(strstr(journal_why(r->j), text), "%s", journal_why(r->j));
    journal_close(r->j, false);
    r->j = NULL;
}

static void expect_end(int64_t offset)
{
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN, "%s", journal_why(r->j));
    cr_assert_eq(journal_written(r->j), offset);
    struct journal_range range;
    uint8_t *bytes = NULL;
    for (int64_t at = journal_start(r->j); at < offset; at = range.end_offset) {
        cr_assert_eq(rig_read(r, at, offset, 1 << 20, true, &range, &bytes), JOURNAL_READ_OK);
        cr_assert_gt(range.size, 0);
        free(bytes);
    }
}

static void flip(const char *name, size_t at)
{
    size_t size = 0;
    uint8_t *bytes = rig_load(r, name, &size);
    cr_assert_lt(at, size);
    bytes[at] ^= 0x40;
    rig_store(r, name, bytes, size);
    free(bytes);
}

Test(journal_recovery, everything_is_there_again_after_a_stop)
{
    r->options.segment_bytes = 3000;
    r->options.index_interval_bytes = 300;
    rig_open(r);
    rig_fill(r, 30, 1, 50);
    rig_fill(r, 30, 4, 50);
    rig_stop(r);
    rig_open(r);
    expect_end(180);
    cr_assert_eq(journal_epochs(r->j)->count, 2);
    cr_assert_eq(epochs_of(journal_epochs(r->j), 89), 1);
    cr_assert_eq(epochs_of(journal_epochs(r->j), 90), 4);
}

Test(journal_recovery, what_was_written_survives_a_kill)
{
    r->options.segment_bytes = 3000;
    rig_open(r);
    rig_fill(r, 50, 2, 50);
    rig_append(r, (struct rig_batch){.offset = 150, .count = 1, .epoch = 3});
    journal_flush(r->j);
    rig_kill(r);
    rig_open(r);
    expect_end(150);
    cr_assert_eq(epochs_last(journal_epochs(r->j)), 2);
}

Test(journal_recovery, a_torn_tail_is_cut_at_every_length_of_the_last_batch)
{
    for (int whole = 0; whole < 2; whole++) {
        rig_close(r);
        rig_init(r);
        r->options.is_whole = whole == 1;
        rig_open(r);
        rig_fill(r, 3, 1, 20);
        size_t before = journal_size_bytes(r->j);
        rig_fill(r, 1, 2, 20);
        size_t after = journal_size_bytes(r->j);
        rig_kill(r);
        size_t size = 0;
        uint8_t *bytes = rig_load(r, LOG0, &size);
        cr_assert_eq(size, after);
        for (size_t cut = before; cut < after; cut++) {
            rig_store(r, LOG0, bytes, size);
            rig_cut(r, LOG0, cut);
            rig_open(r);
            expect_end(9);
            cr_assert_eq(journal_size_bytes(r->j), before);
            cr_assert_eq(epochs_last(journal_epochs(r->j)), 1);
            if (cut > before) cr_assert_not_null(strstr(r->last_log, LOG0));
            rig_fill(r, 1, 2, 20);
            rig_kill(r);
        }
        free(bytes);
    }
}

Test(journal_recovery, rot_past_the_recovery_point_is_found_and_cut)
{
    rig_open(r);
    rig_fill(r, 100, 1, 50);
    size_t size = journal_size_bytes(r->j);
    rig_stop(r);
    r->options.is_whole = false;
    r->options.recovery_point = 90;
    flip(LOG0, size / 2 + 30);
    rig_open(r);
    expect_end(150);
    cr_assert_not_null(strstr(r->last_log, "checksum"));
    cr_assert_eq(journal_durable(r->j), 150);
}

Test(journal_recovery, rot_that_a_torn_write_cannot_explain_changes_nothing)
{
    rig_open(r);
    rig_fill(r, 100, 1, 50);
    size_t size = journal_size_bytes(r->j);
    rig_stop(r);
    /* The same boot, and not at the end. */
    flip(LOG0, size - size / 100 - 10);
    expect_failure("checksum");
    flip(LOG0, size - size / 100 - 10);
    /* Another boot, below the recovery point. */
    r->options.is_whole = false;
    r->options.recovery_point = 300;
    cr_assert_eq(remove(rig_path(r, INDEX0)), 0);
    flip(LOG0, size / 100 * 50 + 16);
    expect_failure("offset 150");
    cr_assert_not(rig_exists(r, INDEX0));
    size_t still = 0;
    free(rig_load(r, LOG0, &still));
    cr_assert_eq(still, size);
}

/* A torn write lies past what was synced: what is below was there, and somebody took it away. */
Test(journal_recovery, what_is_torn_below_the_recovery_point_is_named_and_nothing_is_changed)
{
    rig_open(r);
    rig_fill(r, 10, 1, 50);
    size_t size = journal_size_bytes(r->j);
    rig_kill(r);
    rig_cut(r, "00000000000000000000.log", size - 20);
    r->options.recovery_point = 30;
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_FAILED);
    cr_expect_not_null(strstr(journal_why(r->j), "00000000000000000000.log"));
    cr_expect_not_null(strstr(journal_why(r->j), "offset 27"), "%s", journal_why(r->j));
    size_t after = 0;
    free(rig_load(r, "00000000000000000000.log", &after));
    cr_expect_eq(after, size - 20);
    rig_kill(r);
    r->options.recovery_point = 27;
    rig_open(r);
    expect_end(27);
}

Test(journal_recovery, zeros_that_a_power_cut_left_are_cut_off)
{
    rig_open(r);
    rig_fill(r, 10, 1, 50);
    size_t size = 0;
    rig_stop(r);
    uint8_t *bytes = rig_load(r, LOG0, &size);
    bytes = realloc(bytes, size + 5000);
    memset(bytes + size, 0, 5000);
    r->options.is_whole = false;
    rig_store(r, LOG0, bytes, size + 5000);
    rig_open(r);
    expect_end(30);
    rig_kill(r);
    rig_store(r, LOG0, bytes + size, 5000);
    rig_open(r);
    expect_end(0);
    free(bytes);
}

Test(journal_recovery, what_lies_past_a_cut_segment_is_removed)
{
    r->options.segment_bytes = 3000;
    leave(60);
    r->options.is_whole = false;
    flip(LOG0, 1000);
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN);
    cr_assert_lt(journal_written(r->j), 20);
    expect_end(journal_written(r->j));
    cr_assert_eq(journal_size_bytes(r->j), journal_size_bytes(r->j));
    rig_fill(r, 60, 1, 50);
    int64_t written = journal_written(r->j);
    rig_stop(r);
    rig_open(r);
    expect_end(written);
}

Test(journal_recovery, a_rebuilt_index_equals_the_first)
{
    r->options.segment_bytes = 20000;
    r->options.index_interval_bytes = 700;
    rig_open(r);
    for (int i = 0; i < 300; i++) {
        rig_append(r, (struct rig_batch){.offset = i * 2,
                                         .count = 2,
                                         .epoch = 1,
                                         .timestamp_ms = 1000 + i * 37 % 101 + i,
                                         .value_bytes = (uint32_t)(i * 31 % 90)});
    }
    journal_flush(r->j);
    rig_run_all(r);
    rig_stop(r);
    static const char *const names[] = {INDEX0, TIMES0};
    for (int i = 0; i < 2; i++) {
        size_t size = 0;
        uint8_t *first = rig_load(r, names[i], &size);
        cr_assert_gt(size, 0);
        for (int how = 0; how < 4; how++) {
            if (how == 0) (void)remove(rig_path(r, names[i]));
            if (how == 1) rig_cut(r, names[i], size - 3);
            if (how == 2) rig_store(r, names[i], first, 0);
            if (how == 3) r->options.is_whole = false;
            if (how == 2 && i == 0) (void)remove(rig_path(r, TIMES0));
            if (how == 2 && i == 1) (void)remove(rig_path(r, INDEX0));
            rig_open(r);
            expect_end(600);
            rig_stop(r);
            r->options.is_whole = true;
            size_t again_size = 0;
            uint8_t *again = rig_load(r, names[i], &again_size);
            cr_assert_eq(again_size, size);
            cr_assert_eq(memcmp(again, first, size), 0);
            free(again);
        }
        free(first);
    }
}

Test(journal_recovery, an_index_that_lies_does_not_cost_a_record)
{
    r->options.index_interval_bytes = 300;
    leave(60);
    size_t size = 0;
    uint8_t *bytes = rig_load(r, INDEX0, &size);
    for (size_t at = 0; at < size; at++) {
        rig_store(r, INDEX0, bytes, size);
        flip(INDEX0, at);
        rig_open(r);
        cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN);
        cr_assert_eq(journal_written(r->j), 180);
        rig_kill(r);
    }
    free(bytes);
}

Test(journal_recovery, an_index_that_lies_in_a_closed_segment_does_not_mislead_readers)
{
    r->options.segment_bytes = 6000;
    r->options.index_interval_bytes = 300;
    leave(90);
    size_t size = 0;
    uint8_t *bytes = rig_load(r, INDEX0, &size);
    cr_assert_gt(size, 40);
    for (size_t at = 0; at < size; at++) {
        rig_store(r, INDEX0, bytes, size);
        flip(INDEX0, at);
        rig_open(r);
        for (int64_t offset = 0; offset < 90; offset += 10) {
            struct journal_range range;
            uint8_t *batch = NULL;
            cr_assert_eq(rig_read(r, offset, 90, 10, true, &range, &batch), JOURNAL_READ_OK);
            cr_assert_eq(range.first_offset, offset / 3 * 3);
            free(batch);
        }
        rig_kill(r);
    }
    free(bytes);
}

Test(journal_recovery, an_index_of_a_longer_log_is_not_believed_when_the_log_has_grown_again)
{
    r->options.index_interval_bytes = 300;
    leave(60);
    rig_open(r);
    (void)journal_truncate(r->j, 30);
    rig_run_all(r);
    cr_assert_not(rig_exists(r, INDEX0));
    rig_fill(r, 60, 2, 77);
    rig_kill(r);
    rig_open(r);
    expect_end(210);
}

Test(journal_recovery, a_missing_segment_is_named_and_nothing_is_changed)
{
    r->options.segment_bytes = 3000;
    leave(60);
    rig_open(r);
    int64_t second = end_of_segment(0);
    rig_kill(r);
    lose_segment(second);
    expect_failure("the next segment begins at");
    cr_assert(rig_exists(r, LOG0));
}

Test(journal_recovery, removed_segments_that_a_power_cut_brought_back_are_no_hole)
{
    r->options.segment_bytes = 3000;
    leave(60);
    rig_open(r);
    int64_t second = end_of_segment(0), third = end_of_segment(second);
    cr_assert_gt(third, second);
    rig_kill(r);
    lose_segment(second);

    r->options.is_whole = false;
    r->options.recovery_point = 180;
    r->options.start_offset = third;
    rig_open(r);
    cr_assert_eq(journal_start(r->j), third);
    cr_assert_eq(journal_written(r->j), 180);
    cr_assert_not(rig_exists(r, LOG0));
}

Test(journal_recovery, a_foreign_file_is_named_and_nothing_is_changed)
{
    leave(10);
    static const char *const names[] = {"records.log", "00000000000000000005x.log",
                                        "99999999999999999999.log",
                                        "00000000000000000000.log.swap"};
    for (int i = 0; i < 4; i++) {
        rig_store(r, names[i], "x", 1);
        expect_failure(names[i]);
        cr_assert_eq(remove(rig_path(r, names[i])), 0);
    }
    rig_store(r, "partition.metadata", "version: 0", 10);
    rig_open(r);
    expect_end(30);
    cr_assert(rig_exists(r, "partition.metadata"));
}

Test(journal_recovery, a_log_of_an_older_format_is_refused_and_not_cut)
{
    leave(1);
    size_t size = 0;
    uint8_t *bytes = rig_load(r, LOG0, &size);
    bytes[16] = 1;
    rig_store(r, LOG0, bytes, size);
    free(bytes);
    r->options.is_whole = false;
    expect_failure("magic");
    size_t still = 0;
    free(rig_load(r, LOG0, &still));
    cr_assert_eq(still, size);
}

Test(journal_recovery, what_a_crash_left_half_removed_goes)
{
    leave(10);
    static const char *const names[] = {
        "00000000000000000000.log.deleted", "00000000000000000009.log.cleaned",
        "leader-epoch-checkpoint.tmp", "00000000000000000900.index"};
    for (int i = 0; i < 4; i++) rig_store(r, names[i], "x", 1);
    rig_open(r);
    expect_end(30);
    for (int i = 0; i < 4; i++) cr_assert_not(rig_exists(r, names[i]));
}

Test(journal_recovery, create_only_refuses_a_folder_that_is_not_empty)
{
    rig_open(r);
    rig_stop(r);
    r->options.create_only = true;
    expect_failure("not empty");
}

Test(journal_recovery, the_checkpoint_is_kafkas)
{
    rig_open(r);
    rig_fill(r, 2, 3, 50);
    rig_fill(r, 2, 7, 50);
    rig_stop(r);
    size_t size = 0;
    uint8_t *text = rig_load(r, "leader-epoch-checkpoint", &size);
    cr_assert_str_eq((char *)text, "0\n2\n3 0\n7 6\n");
    free(text);
}

Test(journal_recovery, batches_win_over_the_checkpoint)
{
    static const char *const texts[] = {"0\n1\n9 0\n",
                                        "0\n2\n3 0\n7 4\n",
                                        "0\n0\n",
                                        "0\n3\n3 0\n7 6\n8 900\n",
                                        "garbage",
                                        "",
                                        "0\n2\n3 0\n",
                                        "1\n0\n",
                                        "0\n99999999999999999999\n"};
    r->options.index_interval_bytes = 100;
    rig_open(r);
    rig_fill(r, 2, 3, 50);
    rig_fill(r, 20, 7, 50);
    rig_stop(r);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rig_store(r, "leader-epoch-checkpoint", texts[i], strlen(texts[i]));
        rig_open(r);
        const struct epochs *e = journal_epochs(r->j);
        /* Its interior is believed where both ends agree. */
        if (i == 1) {
            cr_assert_eq(e->count, 2);
        } else {
            cr_assert_eq(e->count, 2, "%s", texts[i]);
            cr_assert_eq(e->items[0].epoch, 3);
            cr_assert_eq(e->items[0].start_offset, 0);
            cr_assert_eq(e->items[1].epoch, 7);
            cr_assert_eq(e->items[1].start_offset, 6);
        }
        rig_kill(r);
    }
}

struct seen {
    int64_t next;
    uint32_t count;
};

static void observe(void *observer, const struct record_batch_header *header, struct slice batch)
{
    struct seen *seen = observer;
    cr_assert_eq(header->base_offset, seen->next);
    cr_assert_eq(kafka_batch_check_crc(batch), BATCH_OK);
    seen->next = batch_last_offset(header) + 1;
    seen->count++;
}

Test(journal_recovery, every_batch_from_an_offset_on_is_observed_in_order)
{
    struct seen seen = {0};
    r->options.segment_bytes = 5000;
    r->options.index_interval_bytes = 300;
    r->options.observe = observe;
    r->options.observer = &seen;
    leave(100);
    for (int64_t from = 0; from <= 300; from += 30) {
        seen = (struct seen){.next = from};
        r->options.observe_from = from;
        rig_open(r);
        cr_assert_eq(seen.next, 300);
        cr_assert_eq(seen.count, (uint32_t)(300 - from) / 3);
        rig_stop(r);
    }
}

Test(journal_recovery, durable_is_the_recovery_point_on_the_same_boot_and_the_end_on_another)
{
    leave(10);
    r->options.recovery_point = 12;
    rig_open(r);
    cr_assert_eq(journal_durable(r->j), 12);
    rig_stop(r);
    r->options.is_whole = false;
    r->disk.syncs = 0;
    rig_open(r);
    cr_assert_eq(journal_durable(r->j), 30);
    cr_assert_gt(r->disk.syncs, 0);
    rig_stop(r);
    r->options.is_whole = true;
    r->options.sync_writes = true;
    rig_open(r);
    cr_assert_eq(journal_durable(r->j), 30);
}

Test(journal_recovery, a_clean_start_reads_little_of_a_large_log)
{
    rig_open(r);
    r->options.segment_bytes = 64 << 20;
    rig_stop(r);
    rig_open(r);
    rig_fill(r, 800, 1, 10000);
    rig_stop(r);
    /* Rot in the middle is not seen, which shows that nobody looked. */
    flip(LOG0, 1 << 20);
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN);
    cr_assert_eq(journal_written(r->j), 2400);
}

Test(journal_recovery, a_stop_or_a_deletion_that_comes_while_it_recovers_follows_it)
{
    leave(10);
    r->j = journal_open(&r->env, &r->options);
    rig_stop(r);
    r->j = journal_open(&r->env, &r->options);
    journal_delete(r->j);
    rig_run_all(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_STOPPED);
    cr_assert_not(rig_exists(r, LOG0));
}

Test(journal_recovery, a_deleted_folder_has_its_new_name_for_good_before_it_is_emptied)
{
    rig_open(r);
    rig_fill(r, 10, 1, 50);
    journal_delete(r->j);
    rig_run_all(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_STOPPED);
    cr_assert_eq(r->disk.early_unlinks, 0);
    cr_assert_gt(r->disk.unlinks, 0);
}

Test(journal_recovery, an_unreadable_folder_is_named)
{
    snprintf(r->options.dir, sizeof r->options.dir, "%s/absent/topic-0", r->root);
    expect_failure("absent/topic-0");
}
