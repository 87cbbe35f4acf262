/* Record batches: what Kafka writes is read, what it would refuse is refused by its name. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/prng.h"
#include "proto/kafka_batch.h"
#include "proto/kafka_errors.h"
#include "tests/unit/kafka_hex.h"

/* Three records as the Java client of Kafka 3.9 writes them: base offset 5, leader epoch 3,
 * producer 4321, epoch 7, sequence 12; a header with a value and one without; empty and null keys.
 */
#define THREE_RECORDS                                                               \
    "0000000000000005 00000056 00000003 02 a1eab018 0000 00000002 0000018bcfe56800" \
    "0000018bcfe5687b 00000000000010e1 0007 0000000c 00000003"                      \
    "1a 00 00 00 04 6b31 0a 68656c6c6f 00"                                          \
    "1c 00 f601 02 01 01 04 02 68 02 76 02 6e 01"                                   \
    "0e 00 cf0f 04 00 00 00"

/* One record, gzip. */
#define GZIP_RECORD                                                                 \
    "0000000000000000 00000053 ffffffff 02 24144099 0001 00000000 0000018bcfe56800" \
    "0000018bcfe56800 ffffffffffffffff ffff ffffffff 00000001"                      \
    "1f8b08000000000000ff9362606060c936e4ca48cdc9c96700000354d9380e000000"

#define OLD_MESSAGE_SET \
    "0000000000000000 0000001d 9e349596 01 00 0000018bcfe56800 00000002 6b31 00000005 68656c6c6f"

static uint8_t bytes[4096];

static struct slice batch_of(const char *hex)
{
    return slice_of(bytes, hex_bytes(hex, bytes));
}

static bool is_text(struct slice s, const char *text)
{
    return slice_equal(s, slice_of_text(text));
}

/* Put right what a test has bent, so that only the bent thing is wrong. */
static void renew_crc(size_t size)
{
    uint32_t crc = htobe32(crc32c(bytes + 21, size - 21));
    memcpy(bytes + 17, &crc, sizeof crc);
}

Test(kafka_batch, a_batch_of_kafka_is_sound)
{
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(batch_of(THREE_RECORDS), &facts), BATCH_OK);
    const struct record_batch_header *h = &facts.header;
    cr_assert_eq(h->base_offset, 5);
    cr_assert_eq(batch_size(h), 98);
    cr_assert_eq(batch_last_offset(h), 7);
    cr_assert_eq(h->partition_leader_epoch, 3);
    cr_assert_eq(h->magic, 2);
    cr_assert_eq(h->crc, 0xa1eab018);
    cr_assert_eq(h->attributes, 0);
    cr_assert_eq(h->base_timestamp, 1700000000000);
    cr_assert_eq(h->max_timestamp, 1700000000123);
    cr_assert_eq(h->producer_id, 4321);
    cr_assert_eq(h->producer_epoch, 7);
    cr_assert_eq(h->base_sequence, 12);
    cr_assert_eq(h->record_count, 3);
    cr_assert(facts.walked);
    cr_assert_eq(facts.timestamp_max, 1700000000123);
    cr_assert_eq(facts.timestamp_min, 1699999999000);
    cr_assert_eq(facts.timestamp_max_delta, 1);
}

Test(kafka_batch, its_records_and_headers_are_read)
{
    struct record_cursor cursor = kafka_batch_records(batch_of(THREE_RECORDS));
    struct record r;
    cr_assert(kafka_record_next(&cursor, &r));
    cr_assert_eq(r.offset, 5);
    cr_assert(is_text(r.key, "k1"));
    cr_assert(is_text(r.value, "hello"));
    cr_assert_eq(r.header_count, 0);

    cr_assert(kafka_record_next(&cursor, &r));
    cr_assert_eq(r.offset, 6);
    cr_assert_eq(r.timestamp_ms, 1700000000123);
    cr_assert_null(r.key.at);
    cr_assert_null(r.value.at);
    struct record_header header;
    cr_assert(kafka_record_header_next(&r, &header));
    cr_assert(is_text(header.key, "h"));
    cr_assert(is_text(header.value, "v"));
    cr_assert(kafka_record_header_next(&r, &header));
    cr_assert(is_text(header.key, "n"));
    cr_assert_null(header.value.at);
    cr_assert_not(kafka_record_header_next(&r, &header));

    cr_assert(kafka_record_next(&cursor, &r));
    cr_assert_eq(r.timestamp_ms, 1699999999000);
    cr_assert_not_null(r.key.at);
    cr_assert_eq(r.key.size, 0);
    cr_assert_not(kafka_record_next(&cursor, &r));
    cr_assert(record_cursor_ok(&cursor));
}

Test(kafka_batch, the_builder_writes_what_kafka_writes)
{
    struct record_header headers[] = {{slice_of_text("h"), slice_of_text("v")},
                                      {slice_of_text("n"), {0}}};
    struct record_spec records[] = {
        {.key = slice_of_text("k1"),
         .value = slice_of_text("hello"),
         .timestamp_ms = 1700000000000},
        {.timestamp_ms = 1700000000123, .headers = headers, .header_count = 2},
        {.key = slice_of_text(""), .value = slice_of_text(""), .timestamp_ms = 1699999999000}};
    struct batch_spec spec = batch_spec_of(records, 3);
    spec.base_offset = 5;
    spec.partition_leader_epoch = 3;
    spec.producer_id = 4321;
    spec.producer_epoch = 7;
    spec.base_sequence = 12;
    struct writer out = writer_with(4096);
    kafka_batch_build(&spec, &out);
    cr_assert(writer_ok(&out));
    cr_assert(slice_equal(writer_slice(&out), batch_of(THREE_RECORDS)));
    writer_close(&out);
}

Test(kafka_batch, a_compressed_batch_is_checked_from_outside)
{
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(batch_of(GZIP_RECORD), &facts), BATCH_OK);
    cr_assert_eq(batch_codec(&facts.header), BATCH_CODEC_GZIP);
    cr_assert_not(facts.walked);
    cr_assert_eq(facts.timestamp_max, 1700000000000);
}

Test(kafka_batch, old_message_sets_are_named)
{
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(batch_of(OLD_MESSAGE_SET), &facts), BATCH_OLD_MAGIC);
    cr_assert_eq(batch_fault_error(BATCH_OLD_MAGIC), KAFKA_INVALID_RECORD);
    struct slice batch = batch_of(THREE_RECORDS);
    bytes[16] = 3;
    cr_assert_eq(kafka_batch_check(batch, &facts), BATCH_BAD_MAGIC);
}

Test(kafka_batch, any_flipped_bit_under_the_checksum_is_found)
{
    for (size_t bit = 21 * 8; bit < 98 * 8; bit++) {
        struct slice batch = batch_of(THREE_RECORDS);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        struct batch_facts facts;
        enum batch_fault fault = kafka_batch_check(batch, &facts);
        /* The signs of the counts are looked at before the checksum is. */
        cr_assert(fault == BATCH_BAD_CRC || fault == BATCH_BAD_COUNT, "bit %zu", bit);
        cr_assert_neq(kafka_batch_check_crc(batch), BATCH_OK);
    }
    cr_assert_eq(batch_fault_error(BATCH_BAD_CRC), KAFKA_CORRUPT_MESSAGE);
}

Test(kafka_batch, a_batch_that_is_cut_is_refused)
{
    uint8_t whole[98];
    memcpy(whole, batch_of(THREE_RECORDS).at, sizeof whole);
    for (size_t size = 0; size < sizeof whole; size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact + 1, whole, size);
        struct batch_facts facts;
        enum batch_fault fault = kafka_batch_check(slice_of(exact + 1, size), &facts);
        cr_assert_eq(fault, size < BATCH_HEADER_SIZE ? BATCH_TOO_SHORT : BATCH_BAD_LENGTH);
        free(exact);
    }
}

struct bend {
    const char *what;
    size_t at;
    const char *hex;
    enum batch_fault expected;
};

Test(kafka_batch, each_lie_has_its_name)
{
    static const struct bend bends[] = {
        {"count and delta say one more", 23, "00000003", BATCH_BAD_COUNT},
        {"count says one more than delta", 57, "00000004", BATCH_BAD_COUNT},
        {"count says none", 57, "00000000", BATCH_BAD_COUNT},
        {"a codec that does not exist", 21, "0005", BATCH_BAD_CODEC},
        {"a producer without an epoch", 51, "ffff", BATCH_BAD_PRODUCER},
        {"a producer without a sequence", 53, "ffffffff", BATCH_BAD_PRODUCER},
        {"a producer id of -2", 43, "fffffffffffffffe", BATCH_BAD_PRODUCER},
        {"a record longer than the batch", 61, "7e", BATCH_BAD_RECORD},
        {"a record shorter than its fields", 61, "18", BATCH_BAD_RECORD},
        {"a record of negative length", 61, "19", BATCH_BAD_RECORD},
        {"a key of length -2", 65, "03", BATCH_BAD_RECORD},
        {"a header too many", 74, "02", BATCH_BAD_RECORD},
        {"a delta that starts at one", 64, "02", BATCH_BAD_DELTA},
        {"a batch length too small", 8, "00000030", BATCH_BAD_LENGTH},
        {"a batch length that is negative", 8, "ffffffff", BATCH_BAD_LENGTH},
        {"an offset beyond all bounds", 0, "7fffffffffffffff", BATCH_BAD_COUNT},
    };
    for (size_t i = 0; i < sizeof bends / sizeof bends[0]; i++) {
        struct slice batch = batch_of(THREE_RECORDS);
        hex_bytes(bends[i].hex, bytes + bends[i].at);
        renew_crc(batch.size);
        struct batch_facts facts;
        enum batch_fault fault = kafka_batch_check(batch, &facts);
        cr_assert_eq(fault, bends[i].expected, "%s: %s", bends[i].what, batch_fault_text(fault));
    }
}

/* Both counts agree with each other, and not with the records. */
static enum batch_fault check_with_count(uint8_t count)
{
    struct slice batch = batch_of(THREE_RECORDS);
    bytes[26] = (uint8_t)(count - 1);
    bytes[60] = count;
    renew_crc(batch.size);
    struct batch_facts facts;
    return kafka_batch_check(batch, &facts);
}

Test(kafka_batch, a_record_count_that_lies_is_found_by_walking)
{
    cr_assert_eq(check_with_count(3), BATCH_OK);
    cr_assert_eq(check_with_count(4), BATCH_BAD_COUNT);
    cr_assert_eq(check_with_count(2), BATCH_TRAILING);
    cr_assert_eq(batch_fault_error(BATCH_BAD_COUNT), KAFKA_INVALID_RECORD);
    cr_assert_eq(batch_fault_error(BATCH_TRAILING), KAFKA_INVALID_RECORD);
}

Test(kafka_batch, offset_and_epoch_are_patched_outside_the_checksum)
{
    struct slice batch = batch_of(THREE_RECORDS);
    kafka_batch_set_base_offset(bytes, 123456789012);
    kafka_batch_set_leader_epoch(bytes, 99);
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(batch, &facts), BATCH_OK);
    cr_assert_eq(facts.header.base_offset, 123456789012);
    cr_assert_eq(facts.header.partition_leader_epoch, 99);
}

Test(kafka_batch, the_time_of_arrival_counts_for_every_record)
{
    struct slice batch = batch_of(THREE_RECORDS);
    kafka_batch_set_log_append_time(bytes, batch.size, 1800000000000);
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(batch, &facts), BATCH_OK);
    cr_assert(batch_is_log_append_time(&facts.header));
    cr_assert_eq(facts.timestamp_min, 1800000000000);
    cr_assert_eq(facts.timestamp_max, 1800000000000);
    struct record_cursor cursor = kafka_batch_records(batch);
    struct record r;
    while (kafka_record_next(&cursor, &r)) cr_assert_eq(r.timestamp_ms, 1800000000000);
}

Test(kafka_batch, a_control_batch_and_a_transactional_one_are_told_apart)
{
    struct record_spec record = {.value = slice_of_text("v")};
    struct batch_spec spec = batch_spec_of(&record, 1);
    spec.attributes = BATCH_TRANSACTIONAL;
    struct writer out = writer_with(4096);
    struct batch_facts facts;
    kafka_batch_build(&spec, &out);
    cr_assert_eq(kafka_batch_check(writer_slice(&out), &facts), BATCH_BAD_PRODUCER);

    writer_reset(&out);
    spec.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    spec.producer_id = 1;
    spec.producer_epoch = 0;
    kafka_batch_build(&spec, &out);
    cr_assert_eq(kafka_batch_check(writer_slice(&out), &facts), BATCH_OK);
    cr_assert(batch_is_control(&facts.header));
    cr_assert(batch_is_transactional(&facts.header));
    writer_close(&out);
}

Test(kafka_batch, batches_are_cut_off_one_by_one)
{
    struct writer out = writer_with(4096);
    struct record_spec records[2] = {{.value = slice_of_text("a")}, {.value = slice_of_text("b")}};
    struct batch_spec spec = batch_spec_of(records, 2);
    for (int64_t i = 0; i < 3; i++) {
        spec.base_offset = i * 2;
        kafka_batch_build(&spec, &out);
    }
    /* The last one is there only in part, as at the end of a fetch. */
    struct slice rest = slice_of(out.base, out.size - 1);
    struct slice batch;
    struct record_batch_header h;
    for (int64_t i = 0; i < 2; i++) {
        cr_assert(kafka_batch_next(&rest, &batch, &h));
        cr_assert_eq(h.base_offset, i * 2);
        cr_assert_eq(kafka_batch_check_crc(batch), BATCH_OK);
    }
    cr_assert_not(kafka_batch_next(&rest, &batch, &h));
    cr_assert_eq(rest.size, out.size / 3 - 1);
    writer_close(&out);
}

Test(kafka_batch, large_records_have_long_lengths)
{
    static char big[100000];
    memset(big, 'x', sizeof big);
    struct record_spec records[] = {{.value = slice_of(big, 63 - 6)},
                                    {.value = slice_of(big, 64)},
                                    {.value = slice_of(big, 8191)},
                                    {.value = slice_of(big, sizeof big)}};
    struct batch_spec spec = batch_spec_of(records, 4);
    struct writer out = writer_with(1 << 20);
    kafka_batch_build(&spec, &out);
    struct batch_facts facts;
    cr_assert_eq(kafka_batch_check(writer_slice(&out), &facts), BATCH_OK);
    struct record_cursor cursor = kafka_batch_records(writer_slice(&out));
    struct record r;
    for (int i = 0; i < 4; i++) {
        cr_assert(kafka_record_next(&cursor, &r));
        cr_assert_eq(r.value.size, records[i].value.size);
    }
    writer_close(&out);
}

Test(kafka_batch, scrambled_records_are_refused_or_sound)
{
    struct prng prng = prng_from_seed(98);
    size_t refused = 0;
    for (int i = 0; i < 20000; i++) {
        struct slice batch = batch_of(THREE_RECORDS);
        for (uint64_t n = prng_range(&prng, 1, 3); n > 0; n--) {
            bytes[prng_range(&prng, 0, batch.size - 1)] = (uint8_t)prng_next(&prng);
        }
        renew_crc(batch.size);
        struct batch_facts facts;
        if (kafka_batch_check(batch, &facts) != BATCH_OK) {
            refused++;
            continue;
        }
        if (!facts.walked) continue;
        struct record_cursor cursor = kafka_batch_records(batch);
        struct record r;
        struct record_header header;
        int32_t count = 0;
        for (; kafka_record_next(&cursor, &r); count++) {
            while (kafka_record_header_next(&r, &header)) cr_assert_not_null(header.key.at);
        }
        cr_assert_eq(count, facts.header.record_count);
    }
    cr_assert_gt(refused, 1000);
}
