/* What has rotted in closed segments is found, named, and forgotten when it is cut away. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/descriptors.h"
#include "tests/unit/journal_rig.h"

static struct rig *const r = &suite_rig;

TestSuite(journal_scrub, .init = rig_begin, .fini = rig_end);

/* Segments of ten batches of three records; all durable. */
static void fill(void)
{
    r->options.segment_bytes = 1200;
    rig_open(r);
    rig_fill(r, 100, 1, 10);
    journal_sync(r->j);
    rig_run_all(r);
    rig_news(r);
}

/* Flips bits of the segment that begins at `base`, so many bytes from its beginning. */
static void flip_mask(int64_t base, size_t at, uint8_t mask)
{
    char name[64];
    size_t size = 0;
    (void)snprintf(name, sizeof name, "%020lld.log", (long long)base);
    uint8_t *bytes = rig_load(r, name, &size);
    cr_assert_gt(size, at);
    bytes[at] ^= mask;
    rig_store(r, name, bytes, size);
    free(bytes);
}

static void flip(int64_t base, size_t at)
{
    flip_mask(base, at, 1);
}

static int64_t second_segment(void)
{
    char name[64];
    for (int64_t base = 1; base < 300; base++) {
        (void)snprintf(name, sizeof name, "%020lld.log", (long long)base);
        if (rig_exists(r, name)) return base;
    }
    cr_assert_fail("there is no second segment");
    return -1;
}

/* A whole pass in small pieces. How many there were. */
static uint32_t pass(uint64_t piece)
{
    uint32_t count = 0;
    journal_scrub_anew(r->j);
    while (journal_scrub(r->j, piece)) {
        rig_run_all(r);
        cr_assert(rig_news(r) & JOURNAL_NEWS_SCRUBBED);
        cr_assert_lt(++count, 1000);
    }
    return count;
}

Test(journal_scrub, a_pass_reads_every_closed_segment_once)
{
    fill();
    uint64_t before = journal_scrubbed_bytes(r->j);
    cr_expect_gt(pass(300), 20);
    uint64_t read = journal_scrubbed_bytes(r->j) - before;
    cr_expect_leq(read, journal_size_bytes(r->j));
    cr_expect_gt(read, journal_size_bytes(r->j) / 2);
    cr_expect_null(journal_rot(r->j));
    /* And the next one the same. */
    (void)pass(100000);
    cr_expect_eq(journal_scrubbed_bytes(r->j) - before, 2 * read);
}

Test(journal_scrub, a_flipped_bit_is_found_and_named_and_all_else_is_still_read)
{
    fill();
    int64_t base = second_segment();
    flip(base, 100); /* In the records of its first batch. */
    (void)pass(300);
    const struct journal_rot *rot = journal_rot(r->j);
    cr_assert_not_null(rot);
    cr_expect_eq(rot->offset, base);
    char name[64];
    (void)snprintf(name, sizeof name, "%020lld.log, byte 0, offset %lld", (long long)base,
                   (long long)base);
    cr_expect_not_null(strstr(rot->why, name), "%s", rot->why);
    cr_expect_eq(journal_state_of(r->j), JOURNAL_OPEN);

    struct journal_range range;
    uint8_t *bytes = NULL;
    cr_expect_eq(rig_read(r, base + 6, 300, 1000, true, &range, &bytes), JOURNAL_READ_OK);
    free(bytes);
    cr_expect_not(journal_scrub(r->j, 300));
}

Test(journal_scrub, where_a_length_is_bad_a_reader_finds_it_and_is_refused)
{
    fill();
    int64_t base = second_segment();
    flip(base, 8); /* The length of its first batch. */
    r->is_cold = true;
    struct journal_range range;
    uint8_t *bytes = NULL;
    cr_expect_eq(rig_read(r, base, 300, 1000, true, &range, &bytes), JOURNAL_READ_FAILED);
    free(bytes);
    cr_assert_not_null(journal_rot(r->j));
    cr_expect_eq(journal_rot(r->j)->offset, base);
    cr_expect_eq(journal_state_of(r->j), JOURNAL_OPEN);
    bytes = NULL;
    cr_expect_eq(rig_read(r, 0, 300, 1000, true, &range, &bytes), JOURNAL_READ_OK);
    free(bytes);
}

Test(journal_scrub, it_is_forgotten_when_it_is_cut_away)
{
    fill();
    int64_t base = second_segment();
    flip(base, 100);
    (void)pass(300);
    cr_assert_not_null(journal_rot(r->j));
    (void)journal_truncate(r->j, base);
    rig_run_all(r);
    cr_expect_null(journal_rot(r->j));
    cr_expect_eq(journal_assigned(r->j), base);
    rig_fill(r, 100, 1, 10);
    journal_sync(r->j);
    rig_run_all(r);
    (void)pass(300);
    cr_expect_null(journal_rot(r->j));
}

/* The batches of the second segment are of one size: where the fourth begins, and its offset. */
static size_t fourth_batch(int64_t base, int64_t *offset)
{
    char name[64];
    size_t size = 0;
    (void)snprintf(name, sizeof name, "%020lld.log", (long long)base);
    uint8_t *bytes = rig_load(r, name, &size);
    struct record_batch_header header;
    cr_assert_eq(kafka_batch_peek(slice_of(bytes, size), &header), BATCH_OK);
    free(bytes);
    *offset = base + 9;
    return 3 * batch_size(&header);
}

Test(journal_scrub, where_a_length_is_bad_within_a_segment_the_log_is_cut_there_all_the_same)
{
    fill();
    int64_t base = second_segment(), offset = 0;
    flip(base, fourth_batch(base, &offset) + 9); /* Its length is one of many megabytes. */
    (void)pass(300);
    cr_assert_not_null(journal_rot(r->j));
    cr_expect_eq(journal_rot(r->j)->offset, offset);
    cr_expect_eq(journal_rot(r->j)->blocked_from, offset);
    (void)journal_cut(r->j, offset);
    rig_run_all(r);
    cr_expect_eq(journal_state_of(r->j), JOURNAL_OPEN);
    cr_expect_null(journal_rot(r->j));
    cr_expect_eq(journal_assigned(r->j), offset);
}

Test(journal_scrub, where_an_offset_is_bad_it_is_that_batch_that_is_named)
{
    fill();
    int64_t base = second_segment(), offset = 0;
    size_t at = fourth_batch(base, &offset);
    flip_mask(base, at + 7, (uint8_t)(~offset & (offset + 1))); /* A little more. */
    (void)pass(100000);
    cr_assert_not_null(journal_rot(r->j));
    cr_expect_eq(journal_rot(r->j)->offset, offset);
}

Test(journal_scrub, the_last_offset_of_a_segment_is_compared_with_where_the_next_begins)
{
    fill();
    int64_t base = second_segment();
    char name[64];
    (void)snprintf(name, sizeof name, "%020lld.log", (long long)base);
    size_t size = 0;
    uint8_t *bytes = rig_load(r, name, &size);
    free(bytes);
    int64_t offset = 0;
    size_t one = fourth_batch(base, &offset) / 3;
    flip(base, size - one + 6);
    (void)pass(100000);
    cr_assert_not_null(journal_rot(r->j));
    cr_expect_eq(journal_rot(r->j)->offset, base + (int64_t)(3 * (size / one - 1)));
}

Test(journal_scrub, a_segment_whose_file_is_gone_is_named)
{
    static struct descriptors few;
    descriptors_init(&few, 1);
    r->options.descriptors = &few;
    fill();
    int64_t base = second_segment();
    char name[64];
    (void)snprintf(name, sizeof name, "%020lld.log", (long long)base);
    cr_assert_eq(remove(rig_path(r, name)), 0);
    (void)pass(100000);
    cr_assert_not_null(journal_rot(r->j));
    cr_expect_eq(journal_rot(r->j)->offset, base);
    cr_expect_not_null(strstr(journal_rot(r->j)->why, "gone"));
}

Test(journal_scrub, it_is_forgotten_when_the_log_begins_further_on)
{
    fill();
    int64_t base = second_segment();
    flip(base, 100);
    (void)pass(300);
    cr_assert_not_null(journal_rot(r->j));
    journal_set_start(r->j, base + 3);
    rig_run_all(r);
    cr_expect_not_null(journal_rot(r->j), "its segment is still read");
    journal_set_start(r->j, 200);
    rig_run_all(r);
    cr_expect_null(journal_rot(r->j));
    (void)pass(300);
    cr_expect_null(journal_rot(r->j));
}
