/* The codec against bytes worked out by hand from the protocol's description. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "proto/kafka_apis.h"
#include "proto/msg/api_versions.h"
#include "proto/msg/describe_log_dirs.h"
#include "proto/msg/describe_topic_partitions.h"
#include "proto/msg/fetch.h"
#include "proto/msg/find_coordinator.h"
#include "proto/msg/metadata.h"
#include "proto/msg/produce.h"
#include "tests/unit/kafka_fill.h"
#include "tests/unit/kafka_hex.h"

#define CLASSIC(n) ((struct kafka_version){.number = n})
#define FLEXIBLE(n) ((struct kafka_version){.number = n, .flexible = true})

static uint8_t memory[1 << 16] __attribute__((aligned(16)));

static struct arena arena_new(void)
{
    return (struct arena){.base = memory, .size = sizeof memory};
}

static int decode(const struct schema *schema, struct kafka_version version, const char *hex,
                  void *out)
{
    static uint8_t bytes[4096];
    static struct arena arena;
    arena = arena_new();
    size_t size = hex_bytes(hex, bytes);
    return kafka_decode(schema, version, slice_of(bytes, size), &arena, out);
}

static void expect_encoded(const struct schema *schema, struct kafka_version version,
                           const void *message, const char *hex)
{
    uint8_t expected[4096];
    size_t size = hex_bytes(hex, expected);
    struct writer out = writer_with(4096);
    int rc = kafka_encode(schema, version, message, &out);
    cr_assert_eq(rc, 0, "%s", err_text(rc));
    cr_assert_arr_eq(out.base, expected, size < out.size ? size : out.size);
    cr_assert_eq(out.size, size);
    writer_close(&out);
}

static bool is_text(struct slice s, const char *text)
{
    return slice_equal(s, slice_of_text(text));
}

/* ---- Messages ---- */

Test(kafka_codec, a_classic_metadata_request)
{
    struct metadata_request m;
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(4), "00000001 0002 6162 00", &m), 0);
    struct metadata_request_topic *topics = m.topics.items;
    cr_assert_eq(m.topics.count, 1);
    cr_assert(is_text(topics[0].name, "ab"));
    cr_assert(uuid_is_zero(topics[0].topic_id));
    cr_assert_not(m.allow_auto_topic_creation);
    expect_encoded(&schema_metadata_request, CLASSIC(4), &m, "00000001 0002 6162 00");
}

Test(kafka_codec, a_value_that_the_version_does_not_carry_is_the_declared_one)
{
    struct metadata_request m;
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(1), "00000000", &m), 0);
    cr_assert(m.allow_auto_topic_creation);

    struct fetch_request f;
    cr_assert_eq(decode(&schema_fetch_request, FLEXIBLE(15),
                        "000001f4 00000001 7fffffff 00 00000000 ffffffff 01 01 01 00", &f),
                 0);
    cr_assert_eq(f.replica_id, -1);
    cr_assert_eq(f.replica_state.replica_id, -1);
    cr_assert_eq(f.replica_state.replica_epoch, -1);
    cr_assert_null(f.cluster_id.at);
}

Test(kafka_codec, null_is_not_empty)
{
    struct metadata_request m;
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(1), "ffffffff", &m), 0);
    cr_assert_eq(m.topics.count, -1);
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(1), "00000000", &m), 0);
    cr_assert_eq(m.topics.count, 0);
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(0), "ffffffff", &m), -ERR_MALFORMED);

    cr_assert_eq(decode(&schema_metadata_request, FLEXIBLE(9), "00 00 00 00 00", &m), 0);
    cr_assert_eq(m.topics.count, -1);
    cr_assert_eq(decode(&schema_metadata_request, FLEXIBLE(9), "01 00 00 00 00", &m), 0);
    cr_assert_eq(m.topics.count, 0);
}

Test(kafka_codec, a_flexible_metadata_request)
{
    const char *hex = "02 03 6162 00 01 00 00 00";
    struct metadata_request m;
    cr_assert_eq(decode(&schema_metadata_request, FLEXIBLE(9), hex, &m), 0);
    struct metadata_request_topic *topics = m.topics.items;
    cr_assert_eq(m.topics.count, 1);
    cr_assert(is_text(topics[0].name, "ab"));
    cr_assert(m.allow_auto_topic_creation);
    expect_encoded(&schema_metadata_request, FLEXIBLE(9), &m, hex);
}

Test(kafka_codec, a_produce_request_points_at_its_records)
{
    const char *hex = "ffff ffff 000005dc 00000001 0001 74 00000001 00000003 00000002 aabb";
    struct produce_request m;
    cr_assert_eq(decode(&schema_produce_request, CLASSIC(7), hex, &m), 0);
    cr_assert_null(m.transactional_id.at);
    cr_assert_eq(m.acks, -1);
    cr_assert_eq(m.timeout_ms, 1500);
    struct produce_request_topic *topic = m.topic_data.items;
    struct produce_request_partition *partition = topic->partition_data.items;
    cr_assert(is_text(topic->name, "t"));
    cr_assert_eq(partition->index, 3);
    cr_assert_eq(partition->records.size_bytes, 2);
    cr_assert_eq(partition->records.at[1], 0xbb);
    expect_encoded(&schema_produce_request, CLASSIC(7), &m, hex);
}

/* ---- Tags ---- */

#define FETCH_12 "ffffffff 000001f4 00000001 7fffffff 00 00000000 ffffffff 01 01 01 "

Test(kafka_codec, a_tagged_field_is_read_and_written)
{
    struct fetch_request m;
    cr_assert_eq(decode(&schema_fetch_request, FLEXIBLE(12), FETCH_12 "01 00 03 03 6364", &m), 0);
    cr_assert(is_text(m.cluster_id, "cd"));
    expect_encoded(&schema_fetch_request, FLEXIBLE(12), &m, FETCH_12 "01 00 03 03 6364");

    m.cluster_id = (struct slice){0};
    expect_encoded(&schema_fetch_request, FLEXIBLE(12), &m, FETCH_12 "00");
}

Test(kafka_codec, unknown_tags_are_skipped)
{
    struct fetch_request m;
    cr_assert_eq(
        decode(&schema_fetch_request, FLEXIBLE(12), FETCH_12 "02 00 02 02 63 63 03 aabbcc", &m), 0);
    cr_assert(is_text(m.cluster_id, "c"));
    /* Tag 1 is replica_state, but not before version 15. */
    cr_assert_eq(decode(&schema_fetch_request, FLEXIBLE(12), FETCH_12 "01 01 01 aa", &m), 0);
    cr_assert_eq(m.replica_state.replica_id, -1);
}

Test(kafka_codec, a_tagged_value_ends_where_its_size_says)
{
    struct fetch_request m;
    const char *too_long = FETCH_12 "01 00 04 03 6364 00";
    cr_assert_eq(decode(&schema_fetch_request, FLEXIBLE(12), too_long, &m), -ERR_MALFORMED);
    const char *too_short = FETCH_12 "01 00 02 03 6364";
    cr_assert_eq(decode(&schema_fetch_request, FLEXIBLE(12), too_short, &m), -ERR_MALFORMED);
}

Test(kafka_codec, a_long_tagged_value_has_a_long_size)
{
    char name[300];
    memset(name, 'x', sizeof name);
    struct fetch_request m;
    kafka_defaults(&schema_fetch_request, &m);
    m.cluster_id = slice_of(name, sizeof name);

    struct writer out = writer_with(4096);
    cr_assert_eq(kafka_encode(&schema_fetch_request, FLEXIBLE(12), &m, &out), 0);
    /* 300 characters and two bytes for their count make 302: ae 02. */
    cr_assert_arr_eq(out.base + 28, "\x01\x00\xae\x02\xad\x02", 6);

    struct fetch_request copy;
    struct arena arena = arena_new();
    cr_assert_eq(
        kafka_decode(&schema_fetch_request, FLEXIBLE(12), writer_slice(&out), &arena, &copy), 0);
    cr_assert_null(kafka_difference(&schema_fetch_request, &m, &copy));
    writer_close(&out);
}

Test(kafka_codec, arrays_may_be_tagged)
{
    struct api_versions_response_supported_feature feature = {
        .name = slice_of_text("f"), .min_version = 1, .max_version = 2};
    struct api_versions_response m;
    kafka_defaults(&schema_api_versions_response, &m);
    m.supported_features = (struct array){.items = &feature, .count = 1};
    m.finalized_features_epoch = 0;
    expect_encoded(&schema_api_versions_response, FLEXIBLE(3), &m,
                   "0000 01 00000000"
                   "02  00 08 02 02 66 0001 0002 00"
                   "01 08 0000000000000000");
}

Test(kafka_codec, a_struct_may_be_null)
{
    struct describe_topic_partitions_cursor cursor = {.topic_name = slice_of_text("t"),
                                                      .partition_index = 7};
    struct describe_topic_partitions_request m;
    kafka_defaults(&schema_describe_topic_partitions_request, &m);
    cr_assert_eq(m.response_partition_limit, 2000);
    expect_encoded(&schema_describe_topic_partitions_request, FLEXIBLE(0), &m, "01 000007d0 ff 00");
    m.cursor = &cursor;
    const char *hex = "01 000007d0 01 02 74 00000007 00 00";
    expect_encoded(&schema_describe_topic_partitions_request, FLEXIBLE(0), &m, hex);
    cr_assert_eq(decode(&schema_describe_topic_partitions_request, FLEXIBLE(0), hex, &m), 0);
    cr_assert_eq(m.cursor->partition_index, 7);
}

/* ---- Refusals ---- */

static int encode(const struct schema *schema, struct kafka_version version, const void *message)
{
    struct writer out = writer_with(1 << 20);
    int rc = kafka_encode(schema, version, message, &out);
    writer_close(&out);
    return rc;
}

Test(kafka_codec, what_a_version_cannot_carry_is_refused_unless_ignorable)
{
    struct find_coordinator_request m;
    kafka_defaults(&schema_find_coordinator_request, &m);
    m.key_type = COORDINATOR_TRANSACTION;
    cr_assert_eq(encode(&schema_find_coordinator_request, CLASSIC(0), &m), -ERR_UNSUPPORTED);
    cr_assert_eq(encode(&schema_find_coordinator_request, CLASSIC(1), &m), 0);

    struct fetch_request f;
    kafka_defaults(&schema_fetch_request, &f);
    f.session_id = 5;
    cr_assert_eq(encode(&schema_fetch_request, CLASSIC(4), &f), 0);
    f.replica_state.replica_id = 2;
    cr_assert_eq(encode(&schema_fetch_request, FLEXIBLE(12), &f), -ERR_UNSUPPORTED);
    cr_assert_eq(encode(&schema_fetch_request, FLEXIBLE(15), &f), 0);
}

Test(kafka_codec, a_null_that_a_version_does_not_know_is_refused)
{
    struct metadata_request m;
    kafka_defaults(&schema_metadata_request, &m);
    m.topics.count = -1;
    cr_assert_eq(encode(&schema_metadata_request, CLASSIC(0), &m), -ERR_UNSUPPORTED);
    cr_assert_eq(encode(&schema_metadata_request, CLASSIC(1), &m), 0);

    struct metadata_request_topic by_id = {.topic_id = {{1}}};
    m.topics = (struct array){.items = &by_id, .count = 1};
    cr_assert_eq(encode(&schema_metadata_request, FLEXIBLE(9), &m), -ERR_UNSUPPORTED);
    cr_assert_eq(encode(&schema_metadata_request, FLEXIBLE(10), &m), 0);
}

Test(kafka_codec, strings_are_at_most_32767_bytes)
{
    static char text[40000];
    memset(text, 'x', sizeof text);
    struct find_coordinator_request m;
    kafka_defaults(&schema_find_coordinator_request, &m);
    m.key = slice_of(text, 32767);
    cr_assert_eq(encode(&schema_find_coordinator_request, CLASSIC(0), &m), 0);
    cr_assert_eq(encode(&schema_find_coordinator_request, FLEXIBLE(3), &m), 0);
    m.key = slice_of(text, 32768);
    cr_assert_eq(encode(&schema_find_coordinator_request, CLASSIC(0), &m), -ERR_LIMIT);
    cr_assert_eq(encode(&schema_find_coordinator_request, FLEXIBLE(3), &m), -ERR_LIMIT);
}

Test(kafka_codec, the_writers_bound_is_an_error)
{
    struct metadata_request m;
    kafka_defaults(&schema_metadata_request, &m);
    struct writer out = writer_with(3);
    cr_assert_eq(kafka_encode(&schema_metadata_request, CLASSIC(0), &m, &out), -ERR_LIMIT);
    writer_close(&out);
}

Test(kafka_codec, a_count_is_checked_before_it_allocates)
{
    struct metadata_request m;
    /* Two billion topics in no bytes at all: malformed, not a lack of memory. */
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(1), "7fffffff", &m), -ERR_MALFORMED);
    cr_assert_eq(decode(&schema_metadata_request, FLEXIBLE(9), "ffffffff0f", &m), -ERR_MALFORMED);
    cr_assert_eq(decode(&schema_metadata_request, CLASSIC(1), "80000000", &m), -ERR_MALFORMED);
}

Test(kafka_codec, a_full_arena_is_a_limit_and_not_malformed)
{
    uint8_t bytes[64];
    size_t size = hex_bytes("00000003 0001 61 0001 62 0001 63", bytes);
    struct metadata_request m;
    for (size_t room = 0; room < 3 * sizeof(struct metadata_request_topic); room += 8) {
        struct arena arena = {.base = memory, .size = room};
        int rc =
            kafka_decode(&schema_metadata_request, CLASSIC(1), slice_of(bytes, size), &arena, &m);
        cr_assert_eq(rc, -ERR_LIMIT);
    }
    struct arena arena = {.base = memory, .size = 3 * sizeof(struct metadata_request_topic)};
    cr_assert_eq(
        kafka_decode(&schema_metadata_request, CLASSIC(1), slice_of(bytes, size), &arena, &m), 0);
}

/* As librdkafka 2.12 asks for all topics: four bytes for the null array, where one would do. Kafka
 * reads what it needs. */
Test(kafka_codec, bytes_after_the_message_are_ignored)
{
    uint8_t bytes[64];
    size_t size = hex_bytes("00 00 00 00 01 00 00", bytes);
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct metadata_request m;
    cr_assert_eq(
        kafka_decode(&schema_metadata_request, FLEXIBLE(13), slice_of(bytes, size), &arena, &m), 0);
    cr_assert_eq(m.topics.count, -1);
    cr_assert_not(m.allow_auto_topic_creation);
}

/* ---- Splices ---- */

static void answer_two_partitions(struct fetch_response *m, struct fetch_response_topic *topic,
                                  struct fetch_response_partition partitions[2])
{
    for (int i = 0; i < 2; i++) kafka_defaults(&schema_fetch_response_partition, &partitions[i]);
    kafka_defaults(&schema_fetch_response_topic, topic);
    kafka_defaults(&schema_fetch_response, m);
    topic->topic = slice_of_text("t");
    topic->partitions = (struct array){.items = partitions, .count = 2};
    m->responses = (struct array){.items = topic, .count = 1};
}

Test(kafka_codec, records_may_be_left_out_and_sent_from_elsewhere)
{
    struct fetch_response m;
    struct fetch_response_topic topic;
    struct fetch_response_partition partitions[2];
    answer_two_partitions(&m, &topic, partitions);
    static const uint8_t first[5] = "one..";
    static const uint8_t second[3] = "two";
    partitions[0].records = (struct records){.size_bytes = sizeof first, .cookie = first};
    partitions[1].records = (struct records){.size_bytes = sizeof second, .cookie = second};

    for (int16_t v = 4; v <= 18; v++) {
        struct kafka_version version = kafka_api_version(kafka_api_find(KAFKA_API_FETCH), v);
        struct splice items[2];
        struct splices splices = {.items = items, .count_max = 2};
        struct writer gaps = writer_with(4096);
        cr_assert_eq(kafka_encode_spliced(&schema_fetch_response, version, &m, &gaps, &splices), 0);
        cr_assert_eq(splices.count, 2);
        cr_assert_eq(splices_size_bytes(&splices, 0), 8);

        /* Fill the gaps: it must be what the encoder writes when the bytes are there. */
        struct writer whole = writer_with(4096);
        size_t at = 0;
        for (uint32_t i = 0; i < splices.count; i++) {
            write_bytes(&whole, gaps.base + at, items[i].out_offset - at);
            write_bytes(&whole, items[i].cookie, items[i].size_bytes);
            at = items[i].out_offset;
        }
        write_bytes(&whole, gaps.base + at, gaps.size - at);

        struct fetch_response_partition inlined[2] = {partitions[0], partitions[1]};
        inlined[0].records = (struct records){.at = first, .size_bytes = sizeof first};
        inlined[1].records = (struct records){.at = second, .size_bytes = sizeof second};
        topic.partitions.items = inlined;
        struct writer expected = writer_with(4096);
        cr_assert_eq(kafka_encode(&schema_fetch_response, version, &m, &expected), 0);
        cr_assert(slice_equal(writer_slice(&whole), writer_slice(&expected)));
        topic.partitions.items = partitions;
        writer_close(&gaps);
        writer_close(&whole);
        writer_close(&expected);
    }
}

Test(kafka_codec, too_many_splices_are_a_limit)
{
    struct fetch_response m;
    struct fetch_response_topic topic;
    struct fetch_response_partition partitions[2];
    answer_two_partitions(&m, &topic, partitions);
    partitions[0].records = (struct records){.size_bytes = 1, .cookie = memory};
    partitions[1].records = (struct records){.size_bytes = 1, .cookie = memory};

    struct splice items[1];
    struct splices splices = {.items = items, .count_max = 1};
    struct writer out = writer_with(4096);
    cr_assert_eq(kafka_encode_spliced(&schema_fetch_response, CLASSIC(4), &m, &out, &splices),
                 -ERR_LIMIT);
    cr_assert_eq(encode(&schema_fetch_response, CLASSIC(4), &m), -ERR_LIMIT);
    writer_close(&out);
}

/* ---- Every kind there is ---- */

/* clang-format off */
#define EVERY_KIND(T, F, A, P, S, N)          \
    F(T, BOOL,   a_bool,   0, ANY, 1)         \
    F(T, I8,     an_i8,    0, ANY, -8)        \
    F(T, U16,    a_u16,    0, ANY, 16)        \
    F(T, U32,    a_u32,    0, ANY, 32)        \
    F(T, I64,    an_i64,   0, ANY, INT64_MIN) \
    F(T, F64,    an_f64,   0, ANY, 1)         \
    F(T, UUID,   a_uuid,   0, ANY, 0)         \
    F(T, BYTES,  bytes,    0, ANY, 0)         \
    F(T, NBYTES, nbytes,   0, ANY, NIL)       \
    P(T, I64,    longs,    0, ANY)            \
    P(T, UUID,   uuids,    0, ANY)            \
    P(T, BOOL,   bools,    0, ANY, NULLABLE(0), NULL_DEFAULT)
/* clang-format on */

DECLARE(EVERY_KIND, every_kind);
DEFINE(EVERY_KIND, every_kind);

Test(kafka_codec, every_kind_has_its_declared_value_and_its_bytes)
{
    struct every_kind m;
    kafka_defaults(&schema_every_kind, &m);
    cr_assert(m.a_bool);
    cr_assert_eq(m.a_u32, 32);
    cr_assert_eq(m.bools.count, -1);
    expect_encoded(&schema_every_kind, CLASSIC(0), &m,
                   "01 f8 0010 00000020 8000000000000000 3ff0000000000000"
                   "00000000000000000000000000000000 00000000 ffffffff"
                   "00000000 00000000 ffffffff");
    expect_encoded(&schema_every_kind, FLEXIBLE(0), &m,
                   "01 f8 0010 00000020 8000000000000000 3ff0000000000000"
                   "00000000000000000000000000000000 01 00 01 01 00 00");

    bool bools[2] = {true, false};
    int64_t longs[1] = {-2};
    struct uuid uuids[1] = {{{0xaa}}};
    m.bools = (struct array){.items = bools, .count = 2};
    m.longs = (struct array){.items = longs, .count = 1};
    m.uuids = (struct array){.items = uuids, .count = 1};
    m.a_u16 = 0xfffe;
    const char *hex = "01 f8 fffe 00000020 8000000000000000 3ff0000000000000"
                      "00000000000000000000000000000000 01 00 02 fffffffffffffffe"
                      "02 aa000000000000000000000000000000 03 01 00 00";
    expect_encoded(&schema_every_kind, FLEXIBLE(0), &m, hex);
    struct every_kind copy;
    cr_assert_eq(decode(&schema_every_kind, FLEXIBLE(0), hex, &copy), 0);
    cr_assert_null(kafka_difference(&schema_every_kind, &m, &copy));
}

Test(kafka_codec, log_dirs_tell_their_disk_to_those_who_can_read_it)
{
    struct describe_log_dirs_response_partition part = {
        .partition_index = 3, .partition_size = 258, .offset_lag = 5};
    struct describe_log_dirs_response_topic topic = {.name = slice_of_text("t"),
                                                     .partitions = {.items = &part, .count = 1}};
    struct describe_log_dirs_response_result dir = {.log_dir = slice_of_text("/d"),
                                                    .topics = {.items = &topic, .count = 1},
                                                    .total_bytes = 9,
                                                    .usable_bytes = 8};
    struct describe_log_dirs_response m = {.results = {.items = &dir, .count = 1}};
    expect_encoded(&schema_describe_log_dirs_response, CLASSIC(1), &m,
                   "00000000 00000001 0000 0002 2f64 00000001 0001 74 00000001"
                   "00000003 0000000000000102 0000000000000005 00");
    expect_encoded(&schema_describe_log_dirs_response, FLEXIBLE(5), &m,
                   "00000000 0000 02 0000 03 2f64 02 02 74 02"
                   "00000003 0000000000000102 0000000000000005 00 00 00"
                   "0000000000000009 0000000000000008 00 00 00");
}
