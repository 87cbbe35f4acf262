/* Compaction of what a stranger wrote: nothing inside a compressed batch need be what its header
 * says. */
#include <criterion/criterion.h>

#include "proto/kafka_rebatch.h"
#include "tests/unit/journal_rig.h"

#define COUNT 3

static struct rig *const r = &suite_rig;

TestSuite(journal_compact, .init = rig_begin, .fini = rig_end);

/* Records of one key, each with the delta that it is told to have. */
static uint32_t append_packed(const int32_t deltas[COUNT])
{
    struct record_batch_header h;
    int64_t base = journal_assigned(r->j);
    buf_unref(rig_build((struct rig_batch){.offset = base, .count = COUNT, .epoch = 1}, &h));
    h.attributes |= BATCH_CODEC_GZIP;
    struct rebatch packed = rebatch_begin(&h, -1, 1 << 20);
    for (int i = 0; i < COUNT; i++) {
        struct record record = {.offset_delta = deltas[i],
                                .timestamp_ms = 1000,
                                .key = slice_of_text("key"),
                                .value = slice_of_text("value")};
        rebatch_add(&packed, &record);
    }
    struct writer out = writer_with(1 << 20);
    cr_assert(rebatch_write(&packed, &out));
    cr_assert_eq(kafka_batch_peek(writer_slice(&out), &h), BATCH_OK);
    struct buf *buf = buf_of(writer_slice(&out));
    uint32_t size = buf->size;
    journal_append(r->j, buf, 0, size, &h);
    buf_unref(buf);
    rebatch_close(&packed);
    writer_close(&out);
    return size;
}

/* Compacts all but the last segment. Returns what is left of the first batch, in bytes. */
static uint64_t left_of(const int32_t deltas[COUNT])
{
    r->options.segment_bytes = 500;
    rig_open(r);
    uint64_t size = append_packed(deltas);
    for (int i = 0; i < 10; i++) (void)append_packed((const int32_t[]){0, 1, 2});
    journal_flush(r->j);
    rig_run_all(r);
    journal_sync_sealed(r->j);
    rig_run_all(r);

    struct journal_cleaning how = {.wall_ms = 5000,
                                   .max_lag_ms = INT64_MAX,
                                   .limit = journal_written(r->j),
                                   .map_bytes = 1 << 20};
    uint64_t before = journal_size_bytes(r->j);
    cr_assert(journal_clean(r->j, &how));
    rig_run_all(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN);
    cr_assert_gt(journal_cleaned(r->j), COUNT);
    cr_assert_lt(journal_size_bytes(r->j), before, "something went");

    struct journal_range range;
    uint8_t *bytes;
    struct record_batch_header h;
    cr_assert_eq(rig_read(r, 0, COUNT, 1 << 20, true, &range, &bytes), JOURNAL_READ_OK);
    uint64_t left = 0;
    if (range.size > 0) {
        cr_assert_eq(kafka_batch_peek(slice_of(bytes, range.size), &h), BATCH_OK);
        left = batch_size(&h);
    }
    free(bytes);
    rig_stop(r);
    cr_assert(left == 0 || left == size);
    return left;
}

Test(journal_compact, a_key_of_which_there_is_a_newer_value_goes)
{
    cr_expect_eq(left_of((const int32_t[]){0, 1, 2}), 0);
}

Test(journal_compact, a_batch_whose_offsets_do_not_rise_stays_as_it_is)
{
    static const int32_t lies[][COUNT] = {
        {2, 1, 0}, {0, 0, 0}, {0, 1, 1}, {1, 2, 2}, {-1, 0, 1}, {0, 1, 3}, {0, INT32_MIN, 1},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        cr_expect_gt(left_of(lies[i]), 0, "%zu", i);
        rig_end();
        rig_begin();
    }
}
