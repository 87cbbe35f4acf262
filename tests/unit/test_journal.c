/* Appending, writing and reading. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>

#include "journal/kept.h"
#include "proto/kafka_rebatch.h"
#include "tests/unit/journal_rig.h"

static struct rig *const r = &suite_rig;

TestSuite(journal, .init = rig_begin, .fini = rig_end);

/* The batches from `offset` on, one after the other, are whole and follow each other. */
static int64_t walk(const uint8_t *bytes, size_t size, int64_t offset)
{
    struct slice rest = slice_of(bytes, size);
    struct slice batch;
    struct record_batch_header header;
    while (kafka_batch_next(&rest, &batch, &header)) {
        cr_assert_eq(kafka_batch_check_crc(batch), BATCH_OK);
        cr_assert_leq(header.base_offset, offset);
        offset = batch_last_offset(&header) + 1;
    }
    cr_assert_eq(rest.size, 0);
    return offset;
}

/* Everything, read in pieces. Returns how many pieces. */
static int read_through(int64_t from, int64_t to, uint32_t max_bytes)
{
    int pieces = 0;
    while (from < to) {
        struct journal_range range;
        uint8_t *bytes = NULL;
        cr_assert_eq(rig_read(r, from, to, max_bytes, true, &range, &bytes), JOURNAL_READ_OK);
        cr_assert_gt(range.size, 0);
        cr_assert_leq(range.first_offset, from);
        int64_t next = walk(bytes, range.size, from);
        cr_assert_eq(next, range.end_offset);
        cr_assert_gt(next, from);
        from = next;
        free(bytes);
        pieces++;
    }
    cr_assert_eq(from, to);
    return pieces;
}

Test(journal, an_empty_one_begins_at_its_first_offset)
{
    r->options.first_offset = 1;
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN);
    cr_assert_eq(journal_start(r->j), 1);
    cr_assert_eq(journal_assigned(r->j), 1);
    cr_assert(rig_exists(r, "00000000000000000001.log"));
    rig_stop(r);
    rig_open(r);
    cr_assert_eq(journal_start(r->j), 1);
}

Test(journal, what_was_appended_is_read_across_segments)
{
    r->options.segment_bytes = 4000;
    r->options.index_interval_bytes = 500;
    rig_open(r);
    rig_fill(r, 100, 1, 50);
    cr_assert_eq(journal_written(r->j), 300);
    cr_assert(rig_exists(r, "00000000000000000000.index"));
    for (int cold = 0; cold < 2; cold++) {
        r->is_cold = cold == 1;
        cr_assert_gt(read_through(0, 300, 1000), 15);
        read_through(0, 300, 1);
        read_through(1, 298 / 3 * 3, 700);
        cr_assert_leq(read_through(0, 300, UINT32_MAX), 12);
    }
}

Test(journal, all_batches_of_a_turn_are_one_write)
{
    rig_open(r);
    r->disk.writes = 0;
    for (int i = 0; i < 2500; i++) {
        rig_append(r, (struct rig_batch){.offset = i, .count = 1, .epoch = 1, .value_bytes = 4});
    }
    cr_assert_eq(r->queued, 0);
    journal_flush(r->j);
    journal_flush(r->j);
    cr_assert_eq(r->queued, 1);
    rig_run_all(r);
    cr_assert_eq(r->disk.writes, 3, "more pieces than one call takes go in chunks");
    cr_assert_eq(journal_written(r->j), 2500);
    read_through(0, 2500, 4000);
}

Test(journal, the_three_ends_move_in_order)
{
    rig_open(r);
    rig_append(r, (struct rig_batch){.offset = 0, .count = 5, .epoch = 1});
    cr_assert_eq(journal_assigned(r->j), 5);
    cr_assert_eq(journal_written(r->j), 0);
    journal_flush(r->j);
    cr_assert_eq(journal_written(r->j), 0);
    rig_run_all(r);
    cr_assert_eq(rig_news(r), JOURNAL_NEWS_WRITTEN);
    cr_assert_eq(journal_written(r->j), 5);
    cr_assert_eq(journal_durable(r->j), 0);
    journal_sync(r->j);
    cr_assert_eq(journal_durable(r->j), 0);
    rig_run_all(r);
    cr_assert_eq(rig_news(r), JOURNAL_NEWS_WRITTEN);
    cr_assert_eq(journal_durable(r->j), 5);
}

Test(journal, a_sync_covers_only_what_was_written_when_it_began)
{
    rig_open(r);
    rig_fill(r, 1, 1, 10);
    rig_append(r, (struct rig_batch){.offset = 3, .count = 1, .epoch = 1});
    journal_flush(r->j);
    journal_sync(r->j);
    rig_run_all(r);
    cr_assert_eq(journal_written(r->j), 4);
    cr_assert_eq(journal_durable(r->j), 3);
}

Test(journal, with_sync_writes_durable_moves_with_written)
{
    r->options.sync_writes = true;
    r->options.segment_bytes = 500;
    rig_open(r);
    rig_fill(r, 20, 1, 50);
    cr_assert_eq(journal_written(r->j), 60);
    cr_assert_eq(journal_durable(r->j), 60);
}

Test(journal, turning_sync_writes_on_catches_up_with_what_was_written_before)
{
    rig_open(r);
    rig_fill(r, 2, 1, 50);
    cr_assert_eq(journal_durable(r->j), 0);
    r->options.sync_writes = true;
    journal_set_options(r->j, &r->options);
    rig_fill(r, 1, 1, 50);
    cr_assert_eq(journal_durable(r->j), 9);
}

Test(journal, one_write_is_in_flight_and_the_rest_shares_the_next)
{
    rig_open(r);
    for (int i = 0; i < 4; i++) {
        rig_append(r, (struct rig_batch){.offset = i, .count = 1, .epoch = 1});
        journal_flush(r->j);
        cr_assert_eq(r->queued, 1);
    }
    r->disk.writes = 0;
    cr_assert(rig_run_one(r));
    cr_assert_eq(journal_written(r->j), 1);
    cr_assert_eq(r->queued, 1);
    rig_run_all(r);
    cr_assert_eq(journal_written(r->j), 4);
    cr_assert_eq(r->disk.writes, 2);
}

Test(journal, a_segment_ends_when_its_time_is_over)
{
    r->options.segment_ms = 1000;
    rig_open(r);
    static const int64_t times[] = {5000, 5999, 6000, 6001, 100, 7002};
    for (int i = 0; i < 6; i++) {
        rig_append(
            r, (struct rig_batch){.offset = i, .count = 1, .epoch = 1, .timestamp_ms = times[i]});
    }
    journal_flush(r->j);
    rig_run_all(r);
    cr_assert(rig_exists(r, "00000000000000000003.log"));
    cr_assert(rig_exists(r, "00000000000000000005.log"));
    cr_assert_not(rig_exists(r, "00000000000000000004.log"));
}

Test(journal, a_segment_ends_when_its_index_is_full)
{
    r->options.segment_index_bytes = 10 * 12;
    r->options.index_interval_bytes = 1;
    rig_open(r);
    rig_fill(r, 100, 1, 10);
    size_t size = 0;
    free(rig_load(r, "00000000000000000000.timeindex", &size));
    cr_assert_leq(size, 10 * 12);
    cr_assert_geq(size, 8 * 12);
    read_through(0, 300, 300);
}

Test(journal, a_batch_that_leaps_over_offsets_is_found_from_within_the_gap)
{
    rig_open(r);
    rig_fill(r, 2, 1, 10);
    rig_append(r, (struct rig_batch){.offset = 1000, .count = 2, .epoch = 1});
    rig_append(r, (struct rig_batch){.offset = 1 + (int64_t)INT32_MAX * 2, .count = 2, .epoch = 1});
    journal_flush(r->j);
    rig_run_all(r);
    for (int again = 0; again < 2; again++) {
        struct journal_range range;
        uint8_t *bytes = NULL;
        cr_assert_eq(rig_read(r, 500, 1002, 9999, true, &range, &bytes), JOURNAL_READ_OK);
        cr_assert_eq(range.first_offset, 1000);
        cr_assert_eq(range.end_offset, 1002);
        free(bytes);
        int64_t written = journal_written(r->j);
        cr_assert_eq(written, 3 + (int64_t)INT32_MAX * 2);
        cr_assert_eq(rig_read(r, 1002, written, 9999, true, &range, &bytes), JOURNAL_READ_OK);
        cr_assert_eq(range.first_offset, 1 + (int64_t)INT32_MAX * 2);
        free(bytes);
        rig_stop(r);
        rig_open(r);
    }
}

Test(journal, a_read_never_passes_the_limit_nor_max_bytes)
{
    r->options.segment_bytes = 3000;
    r->options.index_interval_bytes = 300;
    rig_open(r);
    rig_fill(r, 60, 1, 40);
    uint32_t one = 0;
    for (int cold = 0; cold < 2; cold++) {
        r->is_cold = cold == 1;
        for (int64_t offset = 0; offset < 180; offset += 7) {
            for (int64_t limit = offset; limit <= 180; limit += 11) {
                struct journal_range range;
                uint8_t *bytes = NULL;
                cr_assert_eq(rig_read(r, offset, limit, UINT32_MAX, true, &range, &bytes),
                             JOURNAL_READ_OK);
                cr_assert_leq(range.end_offset, limit);
                int64_t first_end = offset / 3 * 3 + 3;
                cr_assert_eq(range.size > 0, first_end <= limit);
                one = range.size > 0 ? range.size / (uint32_t)((range.end_offset - offset + 2) / 3)
                                     : one;
                free(bytes);
                cr_assert_eq(rig_read(r, offset, limit, one - 1, false, &range, &bytes),
                             JOURNAL_READ_OK);
                cr_assert_eq(range.size, 0);
                cr_assert_eq(rig_read(r, offset, limit, 2 * one, false, &range, &bytes),
                             JOURNAL_READ_OK);
                cr_assert_leq(range.size, 2 * one);
                free(bytes);
                cr_assert_eq(rig_read(r, offset, limit, 1, true, &range, &bytes), JOURNAL_READ_OK);
                cr_assert_eq(range.size, first_end <= limit ? one : 0);
                free(bytes);
            }
        }
    }
}

Test(journal, a_read_at_the_end_is_empty_and_one_outside_is_refused)
{
    rig_open(r);
    rig_fill(r, 2, 1, 10);
    struct journal_range range;
    cr_assert_eq(journal_read(r->j, 6, 6, 100, true, &range), JOURNAL_READ_OK);
    cr_assert_eq(range.size, 0);
    cr_assert_eq(range.end_offset, 6);
    cr_assert_eq(journal_read(r->j, 7, 9, 100, true, &range), JOURNAL_READ_BEYOND);
    journal_set_start(r->j, 3);
    cr_assert_eq(journal_read(r->j, 2, 6, 100, true, &range), JOURNAL_READ_BEYOND);
}

Test(journal, what_is_not_written_yet_is_not_read)
{
    rig_open(r);
    rig_append(r, (struct rig_batch){.offset = 0, .count = 5, .epoch = 1});
    journal_flush(r->j);
    struct journal_range range;
    cr_assert_eq(journal_read(r->j, 0, 5, 100, true, &range), JOURNAL_READ_OK);
    cr_assert_eq(range.size, 0);
    cr_assert_eq(journal_read(r->j, 1, 5, 100, true, &range), JOURNAL_READ_BEYOND);
}

Test(journal, the_tail_is_read_without_a_look_at_the_disk)
{
    r->is_cold = true;
    rig_open(r);
    rig_fill(r, 10, 1, 10);
    struct journal_range range;
    cr_assert_eq(journal_read(r->j, 4, 30, 1 << 20, true, &range), JOURNAL_READ_OK);
    cr_assert_eq(range.first_offset, 3);
    cr_assert_eq(range.end_offset, 30);
    env_file_unref(&r->env, range.file);
    cr_assert_eq(r->queued, 0);
}

Test(journal, reading_on_through_old_data_needs_no_job_while_it_is_in_memory)
{
    r->options.segment_bytes = 1 << 20;
    rig_open(r);
    rig_fill(r, 3000, 1, 100);
    int64_t offset = 0;
    int waits = 0;
    while (offset < journal_written(r->j)) {
        struct journal_range range;
        enum journal_read result =
            journal_read(r->j, offset, journal_written(r->j), 10000, true, &range);
        if (result == JOURNAL_READ_WAIT) {
            waits++;
            rig_run_all(r);
            continue;
        }
        cr_assert_eq(result, JOURNAL_READ_OK);
        cr_assert_gt(range.size, 0);
        env_file_unref(&r->env, range.file);
        offset = range.end_offset;
    }
    cr_assert_leq(waits, 1);
}

Test(journal, many_readers_of_cold_data_all_get_on)
{
    r->options.segment_bytes = 20000;
    r->options.index_interval_bytes = 1000;
    rig_open(r);
    rig_fill(r, 2000, 1, 20);
    r->is_cold = true;
    int64_t at[40];
    for (int i = 0; i < 40; i++) at[i] = i * 100;
    int rounds = 0;
    for (bool all = false; !all; rounds++) {
        all = true;
        for (int i = 0; i < 40; i++) {
            if (at[i] >= 4998) continue;
            all = false;
            struct journal_range range;
            enum journal_read result = journal_read(r->j, at[i], 4998, 4000, true, &range);
            if (result == JOURNAL_READ_WAIT) continue;
            cr_assert_eq(result, JOURNAL_READ_OK);
            cr_assert_gt(range.size, 0);
            at[i] = range.end_offset;
            env_file_unref(&r->env, range.file);
        }
        rig_run_all(r);
        cr_assert_lt(rounds, 20000);
    }
}

Test(journal, a_range_stays_readable_when_its_segment_is_removed)
{
    r->options.segment_bytes = 1000;
    rig_open(r);
    rig_fill(r, 30, 1, 100);
    struct journal_range range;
    while (journal_read(r->j, 0, 90, 400, true, &range) == JOURNAL_READ_WAIT) rig_run_all(r);
    cr_assert_gt(range.size, 0);
    journal_set_start(r->j, 80);
    rig_run_all(r);
    cr_assert(rig_exists(r, "00000000000000000000.log"), "nobody remembers the start yet");
    journal_forget_below(r->j, 80);
    rig_run_all(r);
    cr_assert_not(rig_exists(r, "00000000000000000000.log"));
    uint8_t *bytes = malloc(range.size);
    size_t got = 0;
    cr_assert_eq(r->disk.fs.ops->pread(&r->disk.fs, range.file, bytes, range.size, range.at, &got),
                 0);
    cr_assert_eq(got, range.size);
    cr_assert_eq(walk(bytes, got, 0), range.end_offset);
    free(bytes);
    env_file_unref(&r->env, range.file);
}

Test(journal, bytes_between_offsets_grow_with_what_lies_between)
{
    r->options.segment_bytes = 3000;
    rig_open(r);
    rig_fill(r, 60, 1, 40);
    cr_assert_eq(journal_bytes_between(r->j, 180, 180), 0);
    cr_assert_eq(journal_bytes_between(r->j, 180, 500), 0);
    cr_assert_eq(journal_bytes_between(r->j, 0, 180), journal_size_bytes(r->j));
    uint64_t last = 0;
    for (int64_t to = 3; to <= 180; to += 3) {
        uint64_t bytes = journal_bytes_between(r->j, 0, to);
        cr_assert_geq(bytes, last);
        cr_assert_gt(bytes, 0);
        last = bytes;
    }
}

Test(journal, an_idle_one_is_small)
{
    rig_open(r);
    rig_fill(r, 3, 1, 10);
    size_t before = mallinfo2().uordblks;
    struct rig others[50];
    for (int i = 0; i < 50; i++) {
        rig_init(&others[i]);
        rig_open(&others[i]);
        rig_fill(&others[i], 3, 1, 10);
    }
    size_t each = (mallinfo2().uordblks - before) / 50;
    for (int i = 0; i < 50; i++) rig_close(&others[i]);
    cr_assert_lt(each, 4096);
}

/* Records of one batch, packed. */
static void append_packed(enum batch_codec codec, const int64_t *times, int count)
{
    struct record_spec records[5];
    cr_assert_leq(count, 5);
    for (int i = 0; i < count; i++)
        records[i] = (struct record_spec){.value = slice_of_text("v"), .timestamp_ms = times[i]};
    struct batch_spec spec = batch_spec_of(records, count);
    spec.base_offset = journal_assigned(r->j);
    struct writer plain = writer_with(10000), packed = writer_with(10000);
    kafka_batch_build(&spec, &plain);
    struct record_batch_header header;
    cr_assert_eq(kafka_batch_peek(writer_slice(&plain), &header), BATCH_OK);
    header.attributes = (int16_t)codec;
    struct rebatch rebatch = rebatch_begin(&header, -1, 10000);
    struct record_cursor cursor = kafka_batch_records(writer_slice(&plain));
    struct record record;
    while (kafka_record_next(&cursor, &record)) rebatch_add(&rebatch, &record);
    cr_assert(rebatch_write(&rebatch, &packed));
    rebatch_close(&rebatch);
    cr_assert_eq(kafka_batch_peek(writer_slice(&packed), &header), BATCH_OK);
    struct buf *buf = buf_of(writer_slice(&packed));
    journal_append(r->j, buf, 0, buf->size, &header);
    buf_unref(buf);
    writer_close(&plain);
    writer_close(&packed);
    journal_flush(r->j);
    rig_run_all(r);
}

static struct journal_found find_time(int64_t timestamp_ms)
{
    journal_find_time(r->j, timestamp_ms, INT64_MAX, 1);
    rig_run_all(r);
    struct journal_found found;
    cr_assert(journal_found_time(r->j, &found));
    return found;
}

Test(journal, a_record_is_found_by_its_time_within_a_packed_batch)
{
    rig_open(r);
    append_packed(BATCH_CODEC_ZSTD, (int64_t[]){0, 5000, 3000, 9000, 7000}, 5);
    static const int64_t expected[][3] = {
        {0, 0, 0},       {1, 1, 5000},   {5000, 1, 5000}, {5001, 3, 9000},
        {9000, 3, 9000}, {9001, -1, -1}, {-3, 3, 9000}, /* The newest. */
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct journal_found found = find_time(expected[i][0]);
        cr_expect_eq(found.offset, expected[i][1], "%lld", (long long)expected[i][0]);
        cr_expect_eq(found.timestamp_ms, expected[i][2], "%lld", (long long)expected[i][0]);
    }
}

/* What a batch's header knows of deleted records is not believed. */
Test(journal, the_newest_is_found_though_the_newest_of_its_batch_is_deleted)
{
    static const struct {
        int64_t start, offset, timestamp_ms;
    } expected[] = {{0, 0, 9000}, {1, 2, 7000}, {3, 4, 6000}, {4, 4, 6000},
                    {5, 6, 2000}, {7, 7, 1000}, {8, 8, -1},   {10, -1, -1}};
    rig_open(r);
    append_packed(BATCH_CODEC_LZ4, (int64_t[]){9000, 3000, 7000, 5000}, 4);
    append_packed(BATCH_CODEC_NONE, (int64_t[]){6000, 0, 2000, 1000}, 4);
    append_packed(BATCH_CODEC_NONE, (int64_t[]){-1, -1}, 2);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        journal_set_start(r->j, expected[i].start);
        struct journal_found found = find_time(-3);
        cr_expect_eq(found.rc, 0);
        cr_expect_eq(found.offset, expected[i].offset, "from %lld: %lld",
                     (long long)expected[i].start, (long long)found.offset);
        cr_expect_eq(found.timestamp_ms, expected[i].timestamp_ms);
    }
}

Test(journal, a_kill_with_everything_in_flight_leaks_nothing)
{
    r->options.segment_bytes = 1000;
    rig_open(r);
    rig_fill(r, 40, 1, 50);
    r->is_cold = true;
    struct journal_range range;
    cr_assert_eq(journal_read(r->j, 0, 50, 100, true, &range), JOURNAL_READ_WAIT);
    journal_find_time(r->j, 1100, 100, 1);
    journal_sync(r->j);
    for (int i = 0; i < 30; i++) {
        rig_append(
            r, (struct rig_batch){.offset = 120 + i, .count = 1, .epoch = 4, .value_bytes = 90});
        if (i == 10) journal_flush(r->j);
    }
    /* One has run and is not home yet, with a file in its hands. */
    r->queue[0]->run(&r->disk.fs, r->queue[0]);
    (void)journal_truncate(r->j, 20);
    cr_assert_geq(r->queued, 4);
}

Test(journal, what_a_truncation_cuts_off_is_kept_beside_the_log)
{
    r->options.segment_bytes = 1000;
    rig_open(r);
    rig_fill(r, 20, 3, 50);
    rig_fill(r, 20, 7, 50);
    (void)journal_truncate(r->j, 31); /* Inside a batch: all of it goes. */
    rig_run_all(r);
    cr_assert_eq(journal_assigned(r->j), 30);
    size_t size = 0;
    uint8_t *bytes = rig_load(r, "00000000000000000030-7.kept", &size);
    cr_assert_eq(walk(bytes, size, 30), 120, "over all the segments that went");
    free(bytes);

    (void)journal_truncate(r->j, 30);
    rig_run_all(r);
    cr_assert_not(rig_exists(r, "00000000000000000030-3.kept"), "nothing was cut off");
    rig_fill(r, 2, 9, 50);
    (void)journal_truncate(r->j, 0);
    rig_run_all(r);
    bytes = rig_load(r, "00000000000000000000-9.kept", &size);
    cr_assert_eq(walk(bytes, size, 0), 36);
    free(bytes);
}

Test(journal, no_more_tails_are_kept_than_there_is_room_for)
{
    rig_open(r);
    for (int32_t epoch = 0; epoch < KEPT_FILES_MAX + 2; epoch++) {
        rig_fill(r, 2, epoch, 50);
        (void)journal_truncate(r->j, journal_assigned(r->j) - 3);
        rig_run_all(r);
    }
    cr_assert_not(rig_exists(r, "00000000000000000003-0.kept"));
    cr_assert_not(rig_exists(r, "00000000000000000006-1.kept"));
    cr_assert(rig_exists(r, "00000000000000000009-2.kept"));
}

/* What a log is told that begins anew on such a disk. */
static int fail_rc_of_a_reset(int create_rc, int sync_rc)
{
    rig_open(r);
    rig_fill(r, 10, 1, 50);
    r->disk.create_rc = create_rc;
    r->disk.sync_rc = sync_rc;
    journal_reset(r->j, 900);
    rig_run_all(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_FAILED);
    return journal_fail_rc(r->j);
}

Test(journal, for_want_of_room_a_log_may_begin_anew_later)
{
    cr_assert_eq(fail_rc_of_a_reset(-ERR_FULL, 0), -ERR_FULL);
}

Test(journal, a_failed_sync_is_no_want_of_room)
{
    cr_assert_eq(fail_rc_of_a_reset(0, -ERR_FULL), 0);
}

Test(journal, full_segments_become_durable_in_the_background)
{
    r->options.segment_bytes = 1000;
    rig_open(r);
    rig_fill(r, 40, 1, 50);
    cr_assert_gt(journal_durable(r->j), 60);
    cr_assert_lt(journal_durable(r->j), 120);
}

Test(journal, a_sync_that_overtakes_the_one_in_the_background_claims_no_more_than_is_true)
{
    r->options.segment_bytes = 1000;
    rig_open(r);
    rig_append(r, (struct rig_batch){.offset = 0, .count = 1, .value_bytes = 900});
    rig_append(r, (struct rig_batch){.offset = 1, .count = 1, .value_bytes = 900});
    journal_flush(r->j);
    cr_assert(rig_run_one(r));
    cr_assert_eq(r->queued, 1);
    struct job *background = r->queue[0];
    cr_assert_eq(background->lane, ENV_LANE_BACKGROUND);
    r->queued = 0;
    journal_sync(r->j);
    rig_run_all(r);
    cr_assert_eq(journal_durable(r->j), 0);
    r->queue[r->queued++] = background;
    rig_run_all(r);
    cr_assert_eq(journal_durable(r->j), 2);
}

Test(journal, written_early_is_a_canary_that_lies)
{
    r->options.canary = JOURNAL_CANARY_WRITTEN_EARLY;
    rig_open(r);
    rig_append(r, (struct rig_batch){.offset = 0, .count = 5, .epoch = 1});
    journal_flush(r->j);
    cr_assert_eq(journal_written(r->j), 5);
    rig_kill(r);
    rig_open(r);
    cr_assert_eq(journal_written(r->j), 0);
}
