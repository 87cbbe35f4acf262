/* A stream of any bytes, cut into reads by its own first bytes: no frame is longer than its bound,
 * memory never exceeds twice of what has arrived, and the cuts make no difference to the frames. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/frame_in.h"

#define FRAME_MAX 5000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum frame_in_result last;
    uint64_t count;
    uint64_t sum;
};

static void note(struct outcome *o, struct buf *frame)
{
    CHECK(frame->size <= FRAME_MAX);
    CHECK(frame->capacity == frame->size);
    o->count++;
    o->sum = o->sum * 31 + frame->size;
    for (uint32_t i = 0; i < frame->size; i++) o->sum = o->sum * 31 + frame->data[i];
    buf_unref(frame);
}

static struct outcome run(struct slice all, const uint8_t *cuts, size_t cut_count)
{
    struct outcome o = {.last = FRAME_IN_MORE};
    struct frame_in f = {.frame_max = FRAME_MAX};
    size_t at = 0;
    for (size_t i = 0; o.last == FRAME_IN_MORE && (at < all.size || i == 0); i++) {
        size_t piece = cut_count == 0 ? all.size : 1u + cuts[i % cut_count];
        if (piece > all.size - at) piece = all.size - at;
        size_t room = 0;
        bool is_rest = true;
        uint8_t *to = cut_count == 0 ? NULL : frame_in_room(&f, &room, &is_rest);
        size_t direct = to == NULL ? 0 : piece < room ? piece : room;
        if (to != NULL) {
            memcpy(to, all.at + at, direct);
            frame_in_filled(&f, direct);
            if (!is_rest) piece = direct;
        }
        struct slice rest = slice_of(all.at + at + direct, piece - direct);
        struct buf *frame = NULL;
        while ((o.last = frame_in_next(&f, &rest, &frame)) == FRAME_IN_WHOLE) note(&o, frame);
        at += piece;
        CHECK(frame_in_held(&f) <= 2 * at + FRAME_IN_FLOOR_BYTES);
    }
    frame_in_close(&f);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5) return 0;
    struct slice all = slice_of(data + 4, size - 4);
    struct outcome whole = run(all, NULL, 0);
    struct outcome cut = run(all, data, 4);
    CHECK(whole.count == cut.count);
    CHECK(whole.sum == cut.sum);
    CHECK(whole.last == cut.last);
    return 0;
}
