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
