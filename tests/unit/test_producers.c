#include <criterion/criterion.h>
#include <stdlib.h>

#include "broker/partition/producers.h"
#include "common/crc32c.h"

static struct record_batch_header batch(int64_t id, int16_t epoch, int32_t sequence, int32_t count,
                                        int64_t offset)
{
    return (struct record_batch_header){.producer_id = id,
                                        .producer_epoch = epoch,
                                        .base_sequence = sequence,
                                        .last_offset_delta = count - 1,
                                        .record_count = count,
                                        .base_offset = offset};
}

static enum producers_verdict check(const struct producers *p, struct record_batch_header b,
                                    struct producer_batch *found)
{
    return producers_check(p, &b, found);
}

static void note(struct producers *p, struct record_batch_header b)
{
    producers_note(p, &b);
}

Test(producers, a_repeated_batch_is_found_with_its_offsets)
{
    struct producers p = {0};
    struct producer_batch found;
    note(&p, batch(9, 0, 0, 3, 100));
    cr_assert_eq(check(&p, batch(9, 0, 0, 3, 0), &found), PRODUCERS_DUPLICATE);
    cr_assert_eq(found.first_offset, 100);
    cr_assert_eq(found.last_offset, 102);
    producers_close(&p);
}

Test(producers, sequences_must_follow_each_other)
{
    struct producers p = {0};
    struct producer_batch found;
    note(&p, batch(9, 0, 0, 3, 100));
    cr_assert_eq(check(&p, batch(9, 0, 3, 1, 0), &found), PRODUCERS_NEXT);
    cr_assert_eq(check(&p, batch(9, 0, 4, 1, 0), &found), PRODUCERS_OUT_OF_ORDER);
    producers_close(&p);
}

Test(producers, sequences_wrap_after_the_largest_number)
{
    struct producers p = {0};
    struct producer_batch found;
    note(&p, batch(9, 0, INT32_MAX - 1, 2, 100));
    cr_assert_eq(check(&p, batch(9, 0, 0, 1, 0), &found), PRODUCERS_NEXT);
    producers_close(&p);
}

Test(producers, an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero)
{
    struct producers p = {0};
    struct producer_batch found;
    note(&p, batch(9, 1, 0, 1, 100));
    cr_assert_eq(check(&p, batch(9, 0, 1, 1, 0), &found), PRODUCERS_FENCED);
    cr_assert_eq(check(&p, batch(9, 2, 0, 1, 0), &found), PRODUCERS_NEXT);
    cr_assert_eq(check(&p, batch(9, 2, 5, 1, 0), &found), PRODUCERS_OUT_OF_ORDER);
    producers_close(&p);
}

Test(producers, only_the_last_five_batches_are_told_apart)
{
    struct producers p = {0};
    struct producer_batch found;
    for (int i = 0; i < 7; i++) note(&p, batch(9, 0, i, 1, 100 + i));
    cr_assert_eq(check(&p, batch(9, 0, 2, 1, 0), &found), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(&p, batch(9, 0, 1, 1, 0), &found), PRODUCERS_OLD_DUPLICATE);
    producers_close(&p);
}

Test(producers, any_sequence_may_be_the_first_unless_an_earlier_one_was_refused)
{
    struct producers p = {0};
    struct producer_batch found;
    struct record_batch_header refused = batch(9, 0, 4, 2, 0), before = batch(9, 0, 2, 2, 0);
    cr_assert_eq(check(&p, batch(9, 0, 6, 2, 0), &found), PRODUCERS_NEXT);
    producers_refused(&p, &refused);
    cr_assert_eq(check(&p, batch(9, 0, 6, 2, 0), &found), PRODUCERS_OUT_OF_ORDER);
    cr_assert_eq(check(&p, batch(9, 0, 4, 2, 0), &found), PRODUCERS_NEXT);
    producers_refused(&p, &before);
    cr_assert_eq(check(&p, batch(9, 0, 4, 2, 0), &found), PRODUCERS_OUT_OF_ORDER);
    cr_assert_eq(check(&p, batch(9, 1, 4, 2, 0), &found), PRODUCERS_NEXT, "another epoch");
    cr_assert_eq(check(&p, batch(8, 0, 4, 2, 0), &found), PRODUCERS_NEXT, "another producer");
    for (int64_t id = 100; id < 100 + PRODUCERS_REFUSALS; id++) {
        struct record_batch_header other = batch(id, 0, 1, 1, 0);
        producers_refused(&p, &other);
    }
    cr_assert_eq(check(&p, batch(9, 0, 4, 2, 0), &found), PRODUCERS_NEXT, "long ago");
}

Test(producers, what_came_before_the_first_batch_that_was_seen_is_no_repetition)
{
    struct producers p = {0};
    struct producer_batch found;
    for (int i = 4; i < 12; i++) note(&p, batch(9, 0, i, 1, 100 + i));
    cr_assert_eq(check(&p, batch(9, 0, 5, 1, 0), &found), PRODUCERS_OLD_DUPLICATE);
    cr_assert_eq(check(&p, batch(9, 0, 3, 1, 0), &found), PRODUCERS_OUT_OF_ORDER);
    producers_close(&p);
}

Test(producers, batches_of_no_producer_are_not_remembered)
{
    struct producers p = {0};
    note(&p, batch(-1, -1, -1, 2, 100));
    cr_assert_null(p.by_id);
}

static bool knows(const struct producers *p, int64_t id)
{
    struct producer *found = NULL;
    HASH_FIND(hh, p->by_id, &id, sizeof id, found);
    return found != NULL;
}

#define MINUTE_MS 60000
#define HOUR_MS (60 * MINUTE_MS)

static void forget(struct producers *p, int64_t log_start, uint64_t now_ms)
{
    producers_forget(p, &(struct producers_age){.log_start = log_start,
                                                .now_ms = 1 + now_ms,
                                                .wall_ms = 100 * HOUR_MS + (int64_t)now_ms,
                                                .expiry_ms = 24 * HOUR_MS});
}

static void note_at(struct producers *p, int64_t id, int64_t offset, int64_t timestamp_ms)
{
    struct record_batch_header b = batch(id, 0, 0, 1, offset);
    b.max_timestamp = timestamp_ms;
    producers_note(p, &b);
}

Test(producers, who_has_nothing_in_the_log_is_forgotten_in_time)
{
    struct producers p = {0};
    note_at(&p, 1, 10, 100 * HOUR_MS);
    note_at(&p, 2, 11, 100 * HOUR_MS);
    forget(&p, 11, 0);
    forget(&p, 11, 24 * HOUR_MS - 1);
    cr_expect(knows(&p, 1));
    forget(&p, 11, 24 * HOUR_MS);
    cr_expect_not(knows(&p, 1));
    forget(&p, 11, 500 * HOUR_MS);
    cr_expect(knows(&p, 2), "its batch is in the log (rule 14)");
    producers_close(&p);
}

Test(producers, what_is_old_by_its_own_time_is_remembered_for_a_while_yet)
{
    struct producers p = {0};
    note_at(&p, 1, 10, 70 * HOUR_MS);
    note_at(&p, 2, 11, -1);
    note_at(&p, 3, 12, INT64_MAX);
    note_at(&p, 4, 13, INT64_MIN);
    forget(&p, 20, 0);
    forget(&p, 20, 5 * MINUTE_MS);
    cr_expect_eq(HASH_COUNT(p.by_id), 4, "its answer may have been lost");
    forget(&p, 20, 10 * MINUTE_MS);
    cr_expect_eq(HASH_COUNT(p.by_id), 1);
    cr_expect(knows(&p, 3));
    forget(&p, 20, 24 * HOUR_MS);
    cr_expect_null(p.by_id);
}

Test(producers, who_comes_back_is_not_forgotten)
{
    struct producers p = {0};
    note_at(&p, 1, 10, 70 * HOUR_MS);
    forget(&p, 20, 0);
    struct record_batch_header again = batch(1, 0, 1, 1, 30);
    producers_note(&p, &again);
    forget(&p, 30, 24 * HOUR_MS);
    cr_expect(knows(&p, 1));
    forget(&p, 31, 24 * HOUR_MS);
    forget(&p, 31, 24 * HOUR_MS + 9 * MINUTE_MS);
    cr_expect(knows(&p, 1), "it has been gone since then, not before");
    producers_close(&p);
}

static struct writer saved(struct producers *p)
{
    struct writer out = writer_with(1 << 20);
    producers_save(p, &out);
    cr_assert(writer_ok(&out));
    return out;
}

Test(producers, a_snapshot_brings_back_the_last_batch_of_each)
{
    struct producers p = {0};
    struct producer_batch found;
    for (int i = 0; i < 4; i++) note(&p, batch(9, 2, i * 3, 3, 100 + i * 3));
    note(&p, batch(5, 0, INT32_MAX, 2, 200));
    struct writer out = saved(&p);
    cr_assert_eq(out.size, 10 + 2 * (46 + 4));
    cr_assert(producers_restore(&p, writer_slice(&out)));
    cr_assert_eq(HASH_COUNT(p.by_id), 2);
    cr_assert_eq(check(&p, batch(9, 2, 9, 3, 0), &found), PRODUCERS_DUPLICATE);
    cr_assert_eq(found.first_offset, 109);
    cr_assert_eq(check(&p, batch(9, 2, 6, 3, 0), &found), PRODUCERS_OLD_DUPLICATE);
    cr_assert_eq(check(&p, batch(9, 2, 12, 1, 0), &found), PRODUCERS_NEXT);
    cr_assert_eq(check(&p, batch(9, 2, 13, 1, 0), &found), PRODUCERS_OUT_OF_ORDER);
    cr_assert_eq(check(&p, batch(9, 1, 12, 1, 0), &found), PRODUCERS_FENCED);
    cr_assert_eq(check(&p, batch(5, 0, INT32_MAX, 2, 0), &found), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(&p, batch(5, 0, 1, 1, 0), &found), PRODUCERS_NEXT);
    producers_close(&p);
    writer_close(&out);
}

Test(producers, a_snapshot_of_kafka_says_nothing_of_what_came_before)
{
    struct producers p = {0};
    struct producer_batch found;
    note(&p, batch(9, 0, 7, 3, 100));
    struct writer out = saved(&p);
    size_t size = out.size - 4;
    writer_patch_i32(&out, 2, (int32_t)crc32c(out.base + 6, size - 6));
    cr_assert(producers_restore(&p, slice_of(out.base, size)));
    cr_assert_eq(check(&p, batch(9, 0, 7, 3, 0), &found), PRODUCERS_DUPLICATE);
    cr_assert_eq(check(&p, batch(9, 0, 4, 3, 0), &found), PRODUCERS_OUT_OF_ORDER, "was it ever?");
    producers_close(&p);
    writer_close(&out);
}

Test(producers, a_snapshot_with_any_byte_wrong_is_refused)
{
    struct producers p = {0};
    note(&p, batch(9, 2, 0, 3, 100));
    struct writer out = saved(&p);
    for (size_t i = 0; i < out.size; i++) {
        out.base[i] ^= 0x10;
        cr_assert_not(producers_restore(&p, writer_slice(&out)), "byte %zu", i);
        cr_assert_null(p.by_id);
        out.base[i] ^= 0x10;
        cr_assert_not(producers_restore(&p, slice_of(out.base, i)), "%zu bytes", i);
    }
    cr_assert(producers_restore(&p, writer_slice(&out)));
    cr_assert_not_null(p.by_id);
    cr_assert(producers_restore(&p, (struct slice){0}));
    cr_assert_null(p.by_id);
    writer_close(&out);
}

Test(producers, what_is_told_of_each_is_its_last_batch)
{
    struct producers p = {0};
    uint32_t count = 1;
    cr_expect_null(producers_list(&p, &count));
    cr_expect_eq(count, 0);
    note(&p, batch(9, 3, 0, 3, 100));
    note(&p, batch(7, 0, 5, 1, 103));
    struct record_batch_header last = batch(9, 3, 3, 2, 104);
    last.max_timestamp = 12345;
    note(&p, last);
    struct producer_state *all = producers_list(&p, &count);
    cr_assert_eq(count, 2);
    cr_expect_eq(all[0].id, 9);
    cr_expect_eq(all[0].epoch, 3);
    cr_expect_eq(all[0].last_sequence, 4);
    cr_expect_eq(all[0].last_timestamp_ms, 12345);
    cr_expect_eq(all[1].id, 7);
    cr_expect_eq(all[1].last_sequence, 5);
    free(all);
    producers_close(&p);
}
