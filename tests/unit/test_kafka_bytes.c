/* Reader, writer and checksum: what everything on the wire is made of. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/crc32c.h"

Test(kafka_bytes, crc32c_of_the_known_vectors)
{
    cr_assert_eq(crc32c("123456789", 9), 0xe3069283);
    cr_assert_eq(crc32c("", 0), 0);
    uint8_t zeros[32] = {0};
    cr_assert_eq(crc32c(zeros, sizeof zeros), 0x8a9136aa); /* RFC 3720, B.4 */
    cr_assert_eq(crc32c_more(crc32c("1234", 4), "56789", 5), 0xe3069283);
}

static void expect_varlong(int64_t value, const void *bytes, size_t size)
{
    struct writer w = writer_with(16);
    write_varlong(&w, value);
    cr_assert_eq(w.size, size);
    cr_assert_arr_eq(w.base, bytes, size);
    struct reader r = reader_of(writer_slice(&w));
    cr_assert_eq(read_varlong(&r), value);
    cr_assert(reader_ok(&r));
    cr_assert_eq(reader_left(&r), 0);
    writer_close(&w);
}

Test(kafka_bytes, varints_are_zigzag_coded)
{
    expect_varlong(0, "\x00", 1);
    expect_varlong(-1, "\x01", 1);
    expect_varlong(1, "\x02", 1);
    expect_varlong(-64, "\x7f", 1);
    expect_varlong(64, "\x80\x01", 2);
    expect_varlong(INT32_MAX, "\xfe\xff\xff\xff\x0f", 5);
    expect_varlong(INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    expect_varlong(INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
}

Test(kafka_bytes, varints_of_32_bits_survive)
{
    static const int32_t values[] = {0, 1, -1, 63, -64, 64, 8191, -8193, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct writer w = writer_with(16);
        write_varint(&w, values[i]);
        struct reader r = reader_of(writer_slice(&w));
        cr_assert_eq(read_varint(&r), values[i]);
        cr_assert(reader_ok(&r));
        writer_close(&w);
    }
}

Test(kafka_bytes, a_varint_that_is_too_long_fails)
{
    struct reader r = reader_of(slice_of("\xff\xff\xff\xff\x1f", 5));
    (void)read_uvarint(&r);
    cr_assert_not(reader_ok(&r));
    r = reader_of(slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    (void)read_uvarlong(&r);
    cr_assert_not(reader_ok(&r));
    r = reader_of(slice_of("\x80\x80", 2));
    (void)read_uvarint(&r);
    cr_assert_not(reader_ok(&r));
}

Test(kafka_bytes, a_readers_failure_sticks)
{
    struct reader r = reader_of(slice_of("\x01\x02\x03", 3));
    cr_assert_eq(read_i16(&r), 0x0102);
    cr_assert_eq(read_i64(&r), 0);
    cr_assert_not(reader_ok(&r));
    cr_assert_eq(read_u8(&r), 0);
    cr_assert_eq(reader_left(&r), 0);
}

Test(kafka_bytes, numbers_are_big_endian)
{
    struct writer w = writer_with(64);
    write_i8(&w, -2);
    write_i16(&w, -2);
    write_i32(&w, 0x01020304);
    write_i64(&w, 0x0102030405060708);
    cr_assert_arr_eq(w.base, "\xfe\xff\xfe\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08", 15);
    struct reader r = reader_of(writer_slice(&w));
    cr_assert_eq(read_i8(&r), -2);
    cr_assert_eq(read_i16(&r), -2);
    cr_assert_eq(read_i32(&r), 0x01020304);
    cr_assert_eq(read_i64(&r), 0x0102030405060708);
    cr_assert(reader_ok(&r));
    writer_close(&w);
}

Test(kafka_bytes, a_writer_stops_at_its_bound_and_stays_bad)
{
    struct writer w = writer_with(1000);
    for (int i = 0; i < 250; i++) write_i32(&w, i);
    cr_assert(writer_ok(&w));
    cr_assert_eq(w.size, 1000);
    write_i8(&w, 1);
    cr_assert_not(writer_ok(&w));
    cr_assert_eq(w.size, 1000);
    writer_patch_i32(&w, 996, 7);
    cr_assert_eq(w.base[999], 249);
    writer_reset(&w);
    write_i32(&w, 5);
    cr_assert(writer_ok(&w));
    writer_close(&w);
    writer_close(&w);
}

Test(kafka_bytes, what_was_written_can_be_patched_moved_and_taken)
{
    struct writer w = writer_with(64);
    write_i32(&w, 0);
    write_slice(&w, slice_of_text("tail"));
    writer_patch_i32(&w, 0, 0x41424344);
    writer_insert(&w, 4, "--", 2);
    size_t size;
    uint8_t *bytes = writer_take(&w, &size);
    cr_assert_eq(size, 10);
    cr_assert_arr_eq(bytes, "ABCD--tail", 10);
    cr_assert_eq(w.size, 0);
    free(bytes);
    writer_close(&w);
}

Test(kafka_bytes, absent_is_not_empty)
{
    cr_assert(slice_equal((struct slice){0}, (struct slice){0}));
    cr_assert_not(slice_equal((struct slice){0}, slice_of_text("")));
    cr_assert(slice_equal(slice_of_text("a"), slice_of("ab", 1)));
    cr_assert_not(slice_equal(slice_of_text("a"), slice_of_text("b")));
}
