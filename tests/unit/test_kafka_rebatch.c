/* Batches of which records were taken out, and the four ways to pack them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "proto/kafka_compress.h"
#include "proto/kafka_rebatch.h"

static const char *const values[] = {"one", "two", NULL, "four"};

static void build(struct writer *out, struct record_batch_header *h)
{
    struct record_spec specs[4] = {0};
    struct record_header header = {.key = slice_of_text("h"), .value = slice_of_text("x")};
    for (int i = 0; i < 4; i++) {
        specs[i].key = slice_of_text("key");
        if (values[i] != NULL) specs[i].value = slice_of_text(values[i]);
        specs[i].timestamp_ms = 1000 + 10 * i;
        specs[i].headers = &header;
        specs[i].header_count = i == 3;
    }
    struct batch_spec spec = batch_spec_of(specs, 4);
    spec.base_offset = 50;
    spec.partition_leader_epoch = 7;
    spec.producer_id = 9;
    spec.producer_epoch = 2;
    spec.base_sequence = 30;
    kafka_batch_build(&spec, out);
    cr_assert(writer_ok(out));
    cr_assert_eq(kafka_batch_peek(writer_slice(out), h), BATCH_OK);
}

/* Keeps the records whose bit is set. */
static struct record_batch_header keep(unsigned bits, enum batch_codec codec, int64_t horizon_ms,
                                       struct writer *out)
{
    struct writer whole = writer_with(4096);
    struct record_batch_header h;
    build(&whole, &h);
    h.attributes |= (int16_t)codec;
    struct rebatch r = rebatch_begin(&h, horizon_ms, 4096);
    struct record_cursor cursor = kafka_batch_records(writer_slice(&whole));
    struct record record;
    for (int i = 0; kafka_record_next(&cursor, &record); i++) {
        if ((bits >> i & 1) != 0) rebatch_add(&r, &record);
    }
    cr_assert(rebatch_write(&r, out));
    cr_assert_eq(kafka_batch_check_crc(writer_slice(out)), BATCH_OK);
    cr_assert_eq(kafka_batch_peek(writer_slice(out), &h), BATCH_OK);
    rebatch_close(&r);
    writer_close(&whole);
    return h;
}

Test(kafka_rebatch, what_stays_keeps_offsets_times_producer_and_codec)
{
    for (int codec = BATCH_CODEC_NONE; codec <= BATCH_CODEC_ZSTD; codec++) {
        struct writer out = writer_with(65536 * 4);
        struct writer plain = writer_with(4096);
        struct record_batch_header h = keep(8 | 2, (enum batch_codec)codec, -1, &out);
        cr_assert_eq(h.base_offset, 50);
        cr_assert_eq(batch_last_offset(&h), 53);
        cr_assert_eq(h.record_count, 2);
        cr_assert_eq(h.partition_leader_epoch, 7);
        cr_assert_eq(h.producer_id, 9);
        cr_assert_eq(h.base_sequence, 30);
        cr_assert_eq(h.max_timestamp, 1030);
        cr_assert_eq(batch_codec(&h), (enum batch_codec)codec);
        struct slice packed = slice_of(out.base + BATCH_HEADER_SIZE, out.size - BATCH_HEADER_SIZE);
        cr_assert(kafka_unpack(batch_codec(&h), packed, &plain));
        struct record_cursor cursor = kafka_records_of(writer_slice(&plain), &h);
        struct record record;
        cr_assert(kafka_record_next(&cursor, &record));
        cr_assert_eq(record.offset, 51);
        cr_assert_eq(record.timestamp_ms, 1010);
        cr_assert(slice_equal(record.value, slice_of_text("two")));
        cr_assert(kafka_record_next(&cursor, &record));
        cr_assert_eq(record.offset, 53);
        cr_assert_eq(record.header_count, 1);
        cr_assert(!kafka_record_next(&cursor, &record));
        writer_close(&out);
        writer_close(&plain);
    }
}

Test(kafka_rebatch, a_delete_horizon_stands_where_the_base_timestamp_was)
{
    struct writer out = writer_with(4096);
    struct record_batch_header h = keep(4, BATCH_CODEC_NONE, 999999, &out);
    cr_assert_eq(batch_delete_horizon(&h), 999999);
    struct record_cursor cursor = kafka_batch_records(writer_slice(&out));
    struct record record;
    cr_assert(kafka_record_next(&cursor, &record));
    cr_assert_eq(record.timestamp_ms, 1020);
    cr_assert_null(record.value.at);
    writer_close(&out);
}

Test(kafka_rebatch, nothing_left_is_a_bare_header)
{
    struct writer out = writer_with(4096);
    struct record_batch_header h = keep(0, BATCH_CODEC_ZSTD, -1, &out);
    cr_assert_eq(out.size, BATCH_HEADER_SIZE);
    cr_assert_eq(h.record_count, 0);
    cr_assert_eq(batch_last_offset(&h), 53);
    cr_assert_eq(h.producer_id, 9);
    cr_assert_eq(batch_codec(&h), BATCH_CODEC_NONE);
    writer_close(&out);
}

Test(kafka_rebatch, what_a_stranger_packed_is_refused_not_believed)
{
    uint8_t bytes[300];
    for (int codec = BATCH_CODEC_GZIP; codec <= BATCH_CODEC_ZSTD + 1; codec++) {
        struct writer packed = writer_with(65536 * 4);
        struct writer plain = writer_with(100000);
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + (size_t)codec);
        struct slice garbage = slice_of(bytes, sizeof bytes);
        cr_assert(!kafka_unpack((enum batch_codec)codec, garbage, &plain));
        if (codec > BATCH_CODEC_ZSTD) break;

        uint8_t *zeros = calloc(1, 200000);
        cr_assert(
            kafka_pack((enum batch_codec)codec, PACK_LEVEL_OWN, slice_of(zeros, 200000), &packed));
        plain.size = 0;
        plain.bad = false;
        cr_assert(!kafka_unpack((enum batch_codec)codec, writer_slice(&packed), &plain),
                  "it is larger than the bound");
        for (size_t cut = 0; cut + 1 < packed.size; cut += 7) {
            struct writer big = writer_with(1 << 20);
            /* Snappy's frames have no end of their own. */
            if (kafka_unpack((enum batch_codec)codec, slice_of(packed.base, cut), &big)) {
                cr_assert_eq(codec, BATCH_CODEC_SNAPPY);
            }
            writer_close(&big);
        }
        free(zeros);
        writer_close(&packed);
        writer_close(&plain);
    }
}
