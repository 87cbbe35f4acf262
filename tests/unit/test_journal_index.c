/* Sparse indexes, what a segment holds, and where the newest batches lie. */
#include <criterion/criterion.h>
#include <string.h>

#include "journal/contents.h"
#include "journal/tail.h"

Test(journal_index, entries_are_kafkas_bytes)
{
    struct index offsets = {0};
    struct index times = {0};
    index_offset_add(&offsets, (struct offset_entry){.offset = 0x01020304, .at = 0x05060708});
    index_time_add(&times, (struct time_entry){.timestamp_ms = 0x0102030405060708, .offset = 9});
    cr_assert_eq(memcmp(offsets.bytes, "\1\2\3\4\5\6\7\10", 8), 0);
    cr_assert_eq(memcmp(times.bytes, "\1\2\3\4\5\6\7\10\0\0\0\11", 12), 0);
    index_close(&offsets);
    index_close(&times);
}

Test(journal_index, a_floor_is_the_last_entry_that_is_not_above)
{
    struct index x = {0};
    struct offset_entry found = {0};
    cr_assert_not(index_offset_floor(&x, 100, &found));
    for (int32_t i = 1; i <= 50; i++) {
        index_offset_add(&x, (struct offset_entry){.offset = i * 10, .at = (uint32_t)i * 1000});
    }
    cr_assert_not(index_offset_floor(&x, 9, &found));
    for (int64_t offset = 10; offset < 600; offset++) {
        cr_assert(index_offset_floor(&x, offset, &found));
        cr_assert_eq(found.offset, offset > 500 ? 500 : offset / 10 * 10);
        cr_assert(index_offset_floor_at(&x, (uint64_t)offset * 100, &found));
        cr_assert_eq(found.at, offset > 500 ? 50000 : offset / 10 * 1000);
    }
    index_offset_cut(&x, 250);
    cr_assert_eq(index_offset_count(&x), 24);
    index_offset_cut(&x, INT64_MAX);
    cr_assert_eq(index_offset_count(&x), 24);
    index_offset_cut(&x, 0);
    cr_assert_eq(index_offset_count(&x), 0);
    index_close(&x);
}

Test(journal_index, what_is_not_older_lies_past_the_floor_of_its_time)
{
    struct index x = {0};
    struct time_entry found = {0};
    for (int32_t i = 0; i < 20; i++) {
        index_time_add(&x, (struct time_entry){.timestamp_ms = 100 + i * 5, .offset = i * 3});
    }
    cr_assert_not(index_time_floor(&x, 100, &found));
    cr_assert(index_time_floor(&x, 101, &found));
    cr_assert_eq(found.offset, 0);
    cr_assert(index_time_floor(&x, 105, &found));
    cr_assert_eq(found.offset, 0);
    cr_assert(index_time_floor(&x, INT64_MAX, &found));
    cr_assert_eq(found.offset, 57);
    cr_assert(index_time_floor_offset(&x, 57, &found));
    cr_assert_eq(found.offset, 54);
    cr_assert_not(index_time_floor_offset(&x, 0, &found));
    index_time_cut(&x, 30);
    cr_assert_eq(index_time_count(&x), 10);
    index_close(&x);
}

Test(journal_index, bytes_that_cannot_be_an_index_are_refused)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
    } table[] = {
        {"", 0, true},
        {"\0\0\0\5\0\0\0\0", 8, true},
        {"\0\0\0\5\0\0\0\0\0\0\0\6\0\0\0\1", 16, true},
        {"\0\0\0\5\0\0\0\0\0\0\0\5\0\0\0\1", 16, false}, /* The same offset. */
        {"\0\0\0\5\0\0\0\7\0\0\0\6\0\0\0\7", 16, false}, /* The same position. */
        {"\0\0\0\5\0\0\0", 7, false},
        {"\377\0\0\5\0\0\0\0", 8, false}, /* Below the base. */
        {"\0\0\0\144\0\0\0\0", 8, false}, /* Past the segment's end. */
        {"\0\0\0\5\0\0\3\350", 8, false}, /* Past the file's end. */
        {"\0\0\0\5\377\0\0\0", 8, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct index x = {0};
        bool good =
            index_load_offsets(&x, (const uint8_t *)table[i].bytes, table[i].size, 1000, 100);
        cr_assert_eq(good, table[i].good, "%zu", i);
        cr_assert_eq(x.size, good ? table[i].size : 0);
        index_close(&x);
    }
}

static struct record_batch_header header(int64_t base, int32_t count, int64_t time)
{
    return (struct record_batch_header){
        .base_offset = base, .last_offset_delta = count - 1, .max_timestamp = time};
}

static struct contents filled(int64_t end)
{
    struct contents c = contents_of(1000);
    for (int64_t i = 0; i * 3 < end; i++) {
        struct record_batch_header h = header(1000 + i * 3, 3, 50 + i * 13 % 7 * 10 + i);
        contents_add(&c, &h, 100 + (uint64_t)i % 9, 350);
    }
    return c;
}

static void expect_same(const struct contents *a, const struct contents *b)
{
    cr_assert_eq(a->end_offset, b->end_offset);
    cr_assert_eq(a->size, b->size);
    cr_assert_eq(a->first_timestamp, b->first_timestamp);
    cr_assert_eq(a->max_timestamp, b->max_timestamp);
    cr_assert_eq(a->max_timestamp_offset, b->max_timestamp_offset);
    cr_assert_eq(a->offsets.size, b->offsets.size);
    cr_assert_eq(a->times.size, b->times.size);
    cr_assert(a->offsets.size == 0 ||
              memcmp(a->offsets.bytes, b->offsets.bytes, a->offsets.size) == 0);
    cr_assert(a->times.size == 0 || memcmp(a->times.bytes, b->times.bytes, a->times.size) == 0);
}

Test(journal_index, rewinding_and_adding_again_is_as_if_it_had_ended_there)
{
    for (int64_t end = 0; end <= 300; end += 3) {
        struct contents c = filled(300);
        contents_seal(&c);
        struct contents expected = filled(end);
        uint64_t from = contents_rewind(&c, 1000 + end);
        cr_assert_eq(from, c.size);
        cr_assert_leq(from, expected.size);
        uint64_t at = 0;
        for (int64_t i = 0; i * 3 < end; i++) {
            struct record_batch_header h = header(1000 + i * 3, 3, 50 + i * 13 % 7 * 10 + i);
            if (at >= from) contents_add(&c, &h, 100 + (uint64_t)i % 9, 350);
            at += 100 + (uint64_t)i % 9;
        }
        expect_same(&c, &expected);
        contents_close(&c);
        contents_close(&expected);
    }
}

Test(journal_index, going_back_to_a_mark_undoes_what_was_added_since)
{
    struct contents c = filled(90);
    struct contents expected = filled(90);
    struct contents_mark mark = contents_mark(&c);
    for (int64_t i = 0; i < 50; i++) {
        struct record_batch_header h = header(1090 + i, 1, 10000 + i);
        contents_add(&c, &h, 200, 350);
    }
    contents_seal(&c);
    contents_go_back(&c, &mark);
    expect_same(&c, &expected);
    contents_close(&c);
    contents_close(&expected);
}

Test(journal_index, the_tail_holds_more_when_it_was_missed)
{
    struct tail t = {0};
    for (int64_t i = 0; i < 100; i++) {
        tail_push(&t, (struct tail_batch){.base_offset = i * 2, .at = (uint32_t)i, .size = 1,
                                          .last_offset_delta = 1});
    }
    cr_assert_eq(t.count, TAIL_FIRST);
    uint32_t i = 0;
    cr_assert_not(tail_find(&t, 167, &i));
    cr_assert(tail_find(&t, 168, &i));
    cr_assert_eq(tail_at(&t, i)->at, 84);
    cr_assert(tail_find(&t, 199, &i));
    cr_assert_eq(tail_at(&t, i)->at, 99);
    cr_assert_not(tail_find(&t, 200, &i));
    tail_grow(&t);
    tail_grow(&t);
    cr_assert_eq(t.capacity, 2 * TAIL_FIRST);
    for (int64_t k = 100; k < 200; k++) {
        tail_push(&t, (struct tail_batch){.base_offset = k * 2, .at = (uint32_t)k, .size = 1,
                                          .last_offset_delta = 1});
    }
    cr_assert_eq(t.count, 2 * TAIL_FIRST);
    tail_cut(&t, 381);
    cr_assert_eq(tail_batch_end(tail_at(&t, t.count - 1)), 380);
    tail_cut(&t, 0);
    cr_assert_eq(t.count, 0);
    tail_close(&t);
}
