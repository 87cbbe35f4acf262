/* The cutting of a stream into frames, with the stream cut in every way before. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/frame_in.h"
#include "common/prng.h"

#define FRAME_MAX (8u * 1024 * 1024)

static size_t put_frame(uint8_t *at, uint32_t size, uint8_t first)
{
    uint32_t raw = htobe32(size);
    memcpy(at, &raw, sizeof raw);
    for (uint32_t i = 0; i < size; i++) at[4 + i] = (uint8_t)(first + i);
    return 4 + (size_t)size;
}

static void check_frame(const struct buf *b, uint32_t size, uint8_t first)
{
    cr_assert_eq(b->size, size);
    cr_assert_eq(b->capacity, size, "a frame takes what it needs");
    for (uint32_t i = 0; i < size; i++) cr_assert_eq(b->data[i], (uint8_t)(first + i));
}

Test(frame_in, one_read_may_hold_many_frames_and_a_beginning)
{
    uint8_t stream[200];
    size_t size = 0;
    size += put_frame(stream + size, 10, 1);
    size += put_frame(stream + size, 0, 2);
    size += put_frame(stream + size, 50, 3);
    struct frame_in f = {.frame_max = FRAME_MAX};
    struct slice bytes = slice_of(stream, size - 1);
    struct buf *frame;
    static const uint32_t sizes[] = {10, 0};
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_WHOLE);
        check_frame(frame, sizes[i], (uint8_t)(i + 1));
        buf_unref(frame);
    }
    cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_MORE);
    cr_assert_eq(bytes.size, 0);
    bytes = slice_of(stream + size - 1, 1);
    cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_WHOLE);
    check_frame(frame, 50, 3);
    buf_unref(frame);
    cr_assert_eq(frame_in_held(&f), 0);
}

/* As a socket would: some bytes into the room, some behind it into a scratch. */
static bool deliver(struct frame_in *f, const uint8_t *from, size_t size, struct buf **frame,
                    size_t *consumed)
{
    size_t room = 0;
    bool is_rest = true;
    uint8_t *at = frame_in_room(f, &room, &is_rest);
    size_t direct = size < room ? size : room;
    if (at != NULL) {
        memcpy(at, from, direct);
        frame_in_filled(f, direct);
    }
    struct slice rest = slice_of(from + direct, is_rest ? size - direct : 0);
    size_t before = rest.size;
    enum frame_in_result result = frame_in_next(f, &rest, frame);
    *consumed = direct + before - rest.size;
    return result == FRAME_IN_WHOLE;
}

Test(frame_in, any_cuts_give_the_same_frames)
{
    static uint8_t stream[400000];
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng = prng_from_seed(seed);
        uint32_t sizes[8];
        size_t size = 0;
        for (uint32_t i = 0; i < 8; i++) {
            sizes[i] = (uint32_t)prng_range(&prng, 0, prng_chance(&prng, 1, 2) ? 20 : 40000);
            size += put_frame(stream + size, sizes[i], (uint8_t)i);
        }
        struct frame_in f = {.frame_max = FRAME_MAX};
        uint32_t found = 0;
        size_t cut_max = prng_chance(&prng, 1, 3) ? 7 : 9000;
        for (size_t at = 0; at < size || found < 8;) {
            size_t piece = prng_range(&prng, 0, cut_max);
            if (piece > size - at) piece = size - at;
            struct buf *frame = NULL;
            size_t consumed = 0;
            if (deliver(&f, stream + at, piece, &frame, &consumed)) {
                check_frame(frame, sizes[found], (uint8_t)found);
                buf_unref(frame);
                found++;
            }
            at += consumed;
        }
        cr_assert_eq(found, 8);
        frame_in_close(&f);
    }
}

Test(frame_in, memory_follows_what_has_arrived)
{
    static uint8_t bytes[64 * 1024];
    uint32_t raw = htobe32(FRAME_MAX);
    struct frame_in f = {.frame_max = FRAME_MAX};
    struct slice head = slice_of(&raw, sizeof raw);
    struct buf *frame;
    cr_assert_eq(frame_in_next(&f, &head, &frame), FRAME_IN_MORE);
    cr_assert_leq(frame_in_held(&f), FRAME_IN_FLOOR_BYTES);
    for (size_t arrived = 0; arrived < FRAME_MAX;) {
        size_t room = 0;
        bool is_rest = false;
        uint8_t *at = frame_in_room(&f, &room, &is_rest);
        cr_assert_not_null(at);
        cr_assert_gt(room, 0);
        size_t n = room < sizeof bytes ? room : sizeof bytes;
        memcpy(at, bytes, n);
        frame_in_filled(&f, n);
        arrived += n;
        size_t bound = 2 * arrived < FRAME_IN_FLOOR_BYTES ? FRAME_IN_FLOOR_BYTES : 2 * arrived;
        cr_assert_leq(frame_in_held(&f), bound);
    }
    struct slice none = slice_of(bytes, 0);
    cr_assert_eq(frame_in_next(&f, &none, &frame), FRAME_IN_WHOLE);
    cr_assert_eq(frame->size, FRAME_MAX);
    buf_unref(frame);
}

static enum frame_in_result first_of(const char *text, size_t size)
{
    struct frame_in f = {.frame_max = FRAME_MAX};
    struct buf *frame = NULL;
    enum frame_in_result result = FRAME_IN_MORE;
    for (size_t i = 0; i < size; i++) { /* Byte by byte: the verdict needs the whole length. */
        struct slice one = slice_of(text + i, 1);
        result = frame_in_next(&f, &one, &frame);
        cr_assert_neq(result, FRAME_IN_WHOLE);
    }
    size_t held = frame_in_held(&f);
    cr_assert_eq(held, 0);
    return result;
}

Test(frame_in, strangers_are_told_apart)
{
    cr_expect_eq(first_of("\x7f\xff\xff\xff", 4), FRAME_IN_TOO_LARGE);
    cr_expect_eq(first_of("\xff\xff\xff\xff", 4), FRAME_IN_TOO_LARGE);
    cr_expect_eq(first_of("\x00\x80\x00\x01", 4), FRAME_IN_TOO_LARGE);
    cr_expect_eq(first_of("GET / HTTP/1.1\r\n", 16), FRAME_IN_HTTP);
    cr_expect_eq(first_of("POST /x HTTP/1.1\r\n", 18), FRAME_IN_HTTP);
    cr_expect_eq(first_of("\x16\x03\x01\x02\x00", 5), FRAME_IN_TLS);
}

Test(frame_in, only_the_first_bytes_can_be_a_stranger)
{
    struct frame_in f = {.frame_max = FRAME_MAX};
    struct slice bytes = slice_of("\0\0\0\1xGET ", 9);
    struct buf *frame = NULL;
    cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_WHOLE);
    buf_unref(frame);
    cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_TOO_LARGE);
    cr_assert_eq(frame_in_next(&f, &bytes, &frame), FRAME_IN_TOO_LARGE, "and it stays so");
}
