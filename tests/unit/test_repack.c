/* Batches in another codec: compression.type. */
#include <criterion/criterion.h>

#include "broker/partition/repack.h"
#include "proto/kafka_compress.h"

static struct buf *make(void)
{
    struct record_spec records[3] = {
        {.value = slice_of_text("one"), .key = slice_of_text("k"), .timestamp_ms = 1000},
        {.timestamp_ms = 3000}, /* A tombstone without a key. */
        {.value = slice_of_text("three"), .timestamp_ms = 2000},
    };
    struct batch_spec spec = batch_spec_of(records, 3);
    spec.producer_id = 7;
    spec.producer_epoch = 2;
    spec.base_sequence = 40;
    struct writer out = writer_with(10000);
    kafka_batch_build(&spec, &out);
    struct buf *buf = buf_of(writer_slice(&out));
    writer_close(&out);
    return buf;
}

static struct buf *repack(struct buf *from, enum batch_codec codec, int32_t level)
{
    struct record_batch_header h;
    cr_assert_eq(kafka_batch_peek(buf_slice(from), &h), BATCH_OK);
    struct buf *to = batch_repack(buf_slice(from), &h, codec, level);
    cr_assert_not_null(to);
    struct batch_facts facts;
    cr_expect_eq(kafka_batch_check(buf_slice(to), &facts), BATCH_OK, "its checksum too");
    cr_expect_eq(batch_codec(&facts.header), codec);
    cr_expect_eq(facts.header.producer_id, 7);
    cr_expect_eq(facts.header.producer_epoch, 2);
    cr_expect_eq(facts.header.base_sequence, 40);
    cr_expect_eq(facts.header.record_count, 3);
    cr_expect_eq(facts.header.max_timestamp, 3000);
    return to;
}

Test(repack, there_and_back_is_the_same_batch)
{
    struct buf *plain = make();
    for (int codec = BATCH_CODEC_GZIP; codec <= BATCH_CODEC_ZSTD; codec++) {
        struct buf *packed = repack(plain, (enum batch_codec)codec, PACK_LEVEL_OWN);
        struct buf *again = repack(packed, BATCH_CODEC_NONE, PACK_LEVEL_OWN);
        cr_expect(slice_equal(buf_slice(again), buf_slice(plain)));
        buf_unref(packed);
        buf_unref(again);
    }
    buf_unref(plain);
}

Test(repack, with_a_level)
{
    struct buf *plain = make();
    struct buf *packed = repack(plain, BATCH_CODEC_GZIP, 9);
    struct buf *other = repack(packed, BATCH_CODEC_LZ4, 12);
    struct buf *third = repack(other, BATCH_CODEC_ZSTD, -5);
    buf_unref(plain);
    buf_unref(packed);
    buf_unref(other);
    buf_unref(third);
}

/* A header that speaks of fewer, or records at other offsets than theirs. */
Test(repack, records_that_are_not_as_the_header_says_are_none)
{
    struct buf *plain = make();
    struct buf *packed = repack(plain, BATCH_CODEC_GZIP, PACK_LEVEL_OWN);
    struct record_batch_header h;
    cr_assert_eq(kafka_batch_peek(buf_slice(packed), &h), BATCH_OK);
    h.record_count = 2;
    cr_expect_null(batch_repack(buf_slice(packed), &h, BATCH_CODEC_ZSTD, PACK_LEVEL_OWN));
    h.record_count = 4;
    cr_expect_null(batch_repack(buf_slice(packed), &h, BATCH_CODEC_ZSTD, PACK_LEVEL_OWN));

    /* Of the first record, which begins with its length, its attributes and its time. */
    plain->data[BATCH_HEADER_SIZE + 3] = 2;
    cr_assert_eq(kafka_batch_peek(buf_slice(plain), &h), BATCH_OK);
    cr_expect_null(batch_repack(buf_slice(plain), &h, BATCH_CODEC_ZSTD, PACK_LEVEL_OWN));
    buf_unref(plain);
    buf_unref(packed);
}

Test(repack, what_cannot_be_unpacked_is_none)
{
    struct buf *plain = make();
    struct buf *packed = repack(plain, BATCH_CODEC_GZIP, PACK_LEVEL_OWN);
    packed->data[BATCH_HEADER_SIZE + 12] ^= 0xff;
    struct record_batch_header h;
    cr_assert_eq(kafka_batch_peek(buf_slice(packed), &h), BATCH_OK);
    cr_expect_null(batch_repack(buf_slice(packed), &h, BATCH_CODEC_ZSTD, PACK_LEVEL_OWN));
    buf_unref(plain);
    buf_unref(packed);
}
