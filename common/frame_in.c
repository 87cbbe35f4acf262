#include "common/frame_in.h"

#include <string.h>

#include "common/check.h"

static uint32_t min_u32(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* Room for what has arrived and as much again, but never for more than the frame. */
static uint32_t capacity_for(const struct frame_in *f, uint64_t arrived)
{
    uint64_t wanted = arrived * 2;
    if (wanted < FRAME_IN_FLOOR_BYTES) wanted = FRAME_IN_FLOOR_BYTES;
    return min_u32(wanted, f->frame_size);
}

/* What a stream that is not ours is. Told apart only by its very first bytes. */
static enum frame_in_result foreign(const struct frame_in *f)
{
    static const char methods[][5] = {"GET ", "POST", "HEAD", "PUT ", "DELE",
                                      "OPTI", "PATC", "CONN", "TRAC", "PRI "};
    if (f->is_started) return FRAME_IN_TOO_LARGE;
    if (f->head[0] == 0x16 && f->head[1] == 0x03) return FRAME_IN_TLS;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (memcmp(f->head, methods[i], 4) == 0) return FRAME_IN_HTTP;
    }
    return FRAME_IN_TOO_LARGE;
}

/* True if a length is there and believed; the frame's memory is then under way. */
static bool begin_frame(struct frame_in *f, struct slice *bytes)
{
    CHECK(f->partial == NULL);
    CHECK(f->head_size < sizeof f->head);

    size_t take = sizeof f->head - f->head_size;
    if (take > bytes->size) take = bytes->size;
    if (take > 0) memcpy(f->head + f->head_size, bytes->at, take);
    f->head_size = (uint8_t)(f->head_size + take);
    bytes->at += take;
    bytes->size -= take;
    if (f->head_size < sizeof f->head) return false;

    uint32_t raw;
    memcpy(&raw, f->head, sizeof raw);
    uint32_t size = be32toh(raw);
    if (size > INT32_MAX || size > f->frame_max) {
        f->bad = (uint8_t)foreign(f);
        return false;
    }
    f->head_size = 0;
    f->is_started = true;
    f->frame_size = size;
    f->partial = buf_new(capacity_for(f, bytes->size));
    return true;
}

enum frame_in_result frame_in_next(struct frame_in *f, struct slice *bytes, struct buf **frame)
{
    if (f->bad != 0) return (enum frame_in_result)f->bad;
    if (f->partial == NULL && !begin_frame(f, bytes)) {
        return f->bad != 0 ? (enum frame_in_result)f->bad : FRAME_IN_MORE;
    }

    uint32_t have = f->partial->size;
    CHECK(have <= f->frame_size);
    uint32_t take = min_u32(bytes->size, f->frame_size - have);
    if (take > f->partial->capacity - have) {
        f->partial = buf_grow(f->partial, capacity_for(f, (uint64_t)have + take));
    }
    if (take > 0) memcpy(f->partial->data + have, bytes->at, take);
    f->partial->size += take;
    bytes->at += take;
    bytes->size -= take;
    if (f->partial->size < f->frame_size) return FRAME_IN_MORE;

    CHECK(f->partial->capacity == f->frame_size);
    *frame = f->partial;
    f->partial = NULL;
    return FRAME_IN_WHOLE;
}

uint8_t *frame_in_room(struct frame_in *f, size_t *size, bool *is_rest)
{
    if (f->partial == NULL) return NULL;
    CHECK(f->partial->size < f->frame_size); /* A whole one would have been taken. */

    /* When half of the room is used, it grows: each read should be as large as it may be. */
    uint32_t capacity = capacity_for(f, f->partial->size);
    f->partial = buf_grow(f->partial, capacity);
    *size = f->partial->capacity - f->partial->size;
    *is_rest = f->partial->capacity == f->frame_size;
    return f->partial->data + f->partial->size;
}

void frame_in_filled(struct frame_in *f, size_t size)
{
    CHECK(f->partial != NULL);
    CHECK(size <= f->partial->capacity - f->partial->size);

    f->partial->size += (uint32_t)size;
}

size_t frame_in_held(const struct frame_in *f)
{
    return f->partial == NULL ? 0 : f->partial->capacity;
}

void frame_in_close(struct frame_in *f)
{
    buf_unref(f->partial);
    f->partial = NULL;
}
