/* Headers: which form a version has, and what is said about one that is not known. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/kafka_errors.h"
#include "proto/kafka_frame.h"
#include "proto/msg/api_versions.h"
#include "tests/unit/kafka_hex.h"

static uint8_t bytes[256];

static enum frame_fault open_hex(const char *hex, struct kafka_request_header *h,
                                 struct slice *body)
{
    return kafka_request_open(slice_of(bytes, hex_bytes(hex, bytes)), h, body);
}

Test(kafka_frame, a_classic_request)
{
    struct kafka_request_header h;
    struct slice body;
    cr_assert_eq(open_hex("0003 0001 0000002a 0002 6d65 ffffffff", &h, &body), FRAME_OK);
    cr_assert_eq(h.api->key, KAFKA_API_METADATA);
    cr_assert_eq(h.version.number, 1);
    cr_assert_not(h.version.flexible);
    cr_assert_eq(h.correlation_id, 42);
    cr_assert(slice_equal(h.client_id, slice_of_text("me")));
    cr_assert_eq(body.size, 4);
}

Test(kafka_frame, a_flexible_request_with_tags_in_its_header)
{
    struct kafka_request_header h;
    struct slice body;
    /* Two tags that nobody knows; the client's name keeps its classic form. */
    cr_assert_eq(
        open_hex("0003 0009 00000001 ffff 02 00 01 aa 07 02 bbcc 00 01 00 00 00", &h, &body),
        FRAME_OK);
    cr_assert(h.version.flexible);
    cr_assert_null(h.client_id.at);
    cr_assert_eq(body.size, 5);
}

Test(kafka_frame, unknown_things_are_named_and_not_malformed)
{
    struct kafka_request_header h;
    struct slice body;
    cr_assert_eq(open_hex("0012 0063 00000007 0001 78 aabbcc", &h, &body),
                 FRAME_UNSUPPORTED_VERSION);
    cr_assert_eq(h.api->key, KAFKA_API_API_VERSIONS);
    cr_assert_eq(h.version.number, 99);
    cr_assert_eq(h.correlation_id, 7);
    cr_assert(slice_equal(h.client_id, slice_of_text("x")));
    cr_assert_not(h.version.flexible);

    cr_assert_eq(open_hex("7000 0000 00000008", &h, &body), FRAME_UNKNOWN_API);
    cr_assert_eq(h.api_key, 0x7000);
    cr_assert_null(h.api);
    cr_assert_eq(h.correlation_id, 8);

    /* Fetch 3 has no layout here: the first one with batches of magic 2 is 4. */
    cr_assert_eq(open_hex("0001 0003 00000009 ffff", &h, &body), FRAME_UNSUPPORTED_VERSION);
    cr_assert_eq(open_hex("0001 ffff 00000009 ffff", &h, &body), FRAME_UNSUPPORTED_VERSION);
}

Test(kafka_frame, a_header_that_ends_early_is_malformed)
{
    static const char *const cut[] = {"",
                                      "00",
                                      "0003",
                                      "0003 00",
                                      "0003 0009 0000",
                                      "0003 0009 00000001",
                                      "0003 0009 00000001 0005 6d65",
                                      "0003 0009 00000001 fffe",
                                      "0003 0009 00000001 ffff",
                                      "0003 0009 00000001 ffff 01 00 05"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct kafka_request_header h;
        struct slice body;
        cr_assert_eq(open_hex(cut[i], &h, &body), FRAME_MALFORMED, "%s", cut[i]);
    }
}

Test(kafka_frame, an_unknown_version_of_api_versions_can_be_answered)
{
    const struct kafka_api *api = kafka_api_find(KAFKA_API_API_VERSIONS);
    struct api_versions_response m;
    kafka_defaults(&schema_api_versions_response, &m);
    m.error_code = KAFKA_UNSUPPORTED_VERSION;
    struct writer out = writer_with(256);
    size_t start = kafka_response_begin(&out, api, 0, 7);
    cr_assert_eq(kafka_encode(api->response, kafka_api_version(api, 0), &m, &out), 0);
    cr_assert_eq(kafka_frame_end(&out, start, NULL, 0), 0);

    size_t size = hex_bytes("0000000a 00000007 0023 00000000", bytes);
    cr_assert_eq(out.size, size);
    cr_assert_arr_eq(out.base, bytes, size);
    writer_close(&out);
}

Test(kafka_frame, every_request_header_survives_a_round_trip)
{
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = kafka_api_at(i);
        for (int16_t v = api->version_min; v <= api->version_max; v++) {
            struct writer out = writer_with(256);
            size_t start = kafka_request_begin(&out, api, v, 77, slice_of_text("client"));
            write_i8(&out, 5);
            cr_assert_eq(kafka_frame_end(&out, start, NULL, 0), 0);

            struct reader r = reader_of(writer_slice(&out));
            cr_assert_eq((size_t)read_i32(&r), reader_left(&r));
            struct kafka_request_header h;
            struct slice body;
            cr_assert_eq(kafka_request_open(slice_of(r.at, reader_left(&r)), &h, &body), FRAME_OK);
            cr_assert_eq(h.api, api);
            cr_assert_eq(h.version.number, v);
            cr_assert_eq(h.correlation_id, 77);
            cr_assert(slice_equal(h.client_id, slice_of_text("client")));
            cr_assert_eq(body.size, 1);
            cr_assert_eq(body.at[0], 5);
            writer_close(&out);
        }
    }
}

Test(kafka_frame, only_api_versions_answers_with_a_classic_header_always)
{
    const struct kafka_api *versions = kafka_api_find(KAFKA_API_API_VERSIONS);
    const struct kafka_api *fetch = kafka_api_find(KAFKA_API_FETCH);
    cr_assert_eq(kafka_response_header_version(versions, 3), 0);
    cr_assert_eq(kafka_request_header_version(versions, 3), 2);
    cr_assert_eq(kafka_response_header_version(fetch, 11), 0);
    cr_assert_eq(kafka_response_header_version(fetch, 12), 1);

    struct writer out = writer_with(256);
    size_t start = kafka_response_begin(&out, fetch, 12, -5);
    write_i8(&out, 1);
    cr_assert_eq(kafka_frame_end(&out, start, NULL, 0), 0);
    int32_t correlation_id;
    struct slice body;
    cr_assert_eq(kafka_response_open(slice_of(out.base + 4, out.size - 4), fetch, 12,
                                     &correlation_id, &body),
                 0);
    cr_assert_eq(correlation_id, -5);
    cr_assert_eq(body.size, 1);
    cr_assert_eq(kafka_response_open(slice_of(out.base + 4, 3), fetch, 12, &correlation_id, &body),
                 -ERR_MALFORMED);
    writer_close(&out);
}

Test(kafka_frame, the_length_counts_what_splices_leave_out)
{
    const struct kafka_api *fetch = kafka_api_find(KAFKA_API_FETCH);
    struct splice items[2] = {{.size_bytes = 1000}, {.size_bytes = 500}};
    struct splices splices = {.items = items, .count = 2, .count_max = 2};
    struct writer out = writer_with(256);
    size_t start = kafka_response_begin(&out, fetch, 4, 1);
    cr_assert_eq(kafka_frame_end(&out, start, &splices, 1), 0);
    struct reader r = reader_of(writer_slice(&out));
    cr_assert_eq(read_i32(&r), 4 + 500);

    items[0].size_bytes = items[1].size_bytes = INT32_MAX;
    cr_assert_eq(kafka_frame_end(&out, start, &splices, 0), -ERR_LIMIT);
    writer_close(&out);
}

Test(kafka_frame, errors_have_names_and_texts)
{
    cr_assert_str_eq(kafka_error_name(KAFKA_NONE), "NONE");
    cr_assert_str_eq(kafka_error_name(6), "NOT_LEADER_OR_FOLLOWER");
    cr_assert_str_eq(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR");
    cr_assert_str_eq(kafka_error_name(133), "SHARE_SESSION_LIMIT_REACHED");
    cr_assert_str_eq(kafka_error_name(134), "UNKNOWN_CODE");
    cr_assert(kafka_error_is_retriable(KAFKA_NOT_ENOUGH_REPLICAS));
    cr_assert_not(kafka_error_is_retriable(KAFKA_INVALID_RECORD));
    for (int16_t code = -1; code <= 133; code++) {
        cr_assert_str_neq(kafka_error_name(code), "UNKNOWN_CODE", "%d", code);
        cr_assert_gt(strlen(kafka_error_text(code)), 5, "%d", code);
    }
}
