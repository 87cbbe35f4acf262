/* frame_in.h -- cuts a stream of bytes into frames: a big-endian length of 4 bytes, and that many.
 *
 * Pure: it knows nothing of sockets. The memory that a frame under assembly takes is bounded by
 * twice of what has arrived of it (and a small floor), never by what its length announces, so a
 * stranger pays for what we hold. A frame that is whole has exactly its size.
 *
 *   frame_in_room() -> read into it -> frame_in_filled()    the bytes of a large frame, uncopied
 *   frame_in_next() until FRAME_IN_MORE                     everything else, cut out of a scratch
 */
#ifndef COMMON_FRAME_IN_H
#define COMMON_FRAME_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define FRAME_IN_FLOOR_BYTES 1024u /* A frame under assembly may hold this much in any case. */

enum frame_in_result {
    FRAME_IN_MORE,      /* All bytes are consumed; more are needed. */
    FRAME_IN_WHOLE,     /* A frame is there. */
    FRAME_IN_TOO_LARGE, /* The length is negative or above the bound. This and what follows are */
    FRAME_IN_HTTP,      /* for good: the stream cannot be cut any more. */
    FRAME_IN_TLS,
};

struct frame_in {
    struct buf *partial; /* The frame under assembly; NULL between frames and inside a length. */
    uint32_t frame_size; /* Its length; valid while `partial` is there. */
    uint32_t frame_max;  /* Longer ones are refused. Applies to lengths that are not read yet. */
    uint8_t head[4];     /* The bytes of a length that has not arrived whole. */
    uint8_t head_size;   /* How many of them are there. */
    bool is_started;     /* A length has been believed: these are no HTTP and no TLS. */
    uint8_t bad;         /* A result >= FRAME_IN_TOO_LARGE, once there was one. */
};

/* The next frame out of what has been read. Consumes from the front of `bytes`. */
enum frame_in_result frame_in_next(struct frame_in *f, struct slice *bytes, struct buf **frame);

/* Where the next bytes of a frame under assembly can be read to; NULL if there is no such frame.
 * *is_rest: the room reaches to the end of the frame, so what follows may be read behind it. */
uint8_t *frame_in_room(struct frame_in *f, size_t *size, bool *is_rest);

/* `size` bytes have been read to frame_in_room(). */
void frame_in_filled(struct frame_in *f, size_t size);

/* Bytes of memory that the frame under assembly takes. */
size_t frame_in_held(const struct frame_in *f);

void frame_in_close(struct frame_in *f);

#endif
