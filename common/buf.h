/* buf.h -- counted buffers: bytes that more than one thing in the same shard looks at.
 *
 *   Owns:     its bytes. The last buf_unref() frees them.
 *   Used by:  one shard at a time. A buffer that travels (a write in an I/O thread, a part of a
 *             request on another shard) stays referenced by the message that carries it, and that
 *             message comes home before the reference is given up. So the count is a plain number.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdint.h>

#include "common/bytes.h"

struct buf {
    uint32_t refs;
    uint32_t size;     /* Bytes that are there. */
    uint32_t capacity; /* Bytes that there is room for. */
    uint32_t unused;
    uint8_t data[];
};

/* A buffer with one reference, size 0 and room for `capacity` bytes, which are not cleared. */
struct buf *buf_new(uint32_t capacity);

/* A buffer with one reference that holds a copy of `bytes`. */
struct buf *buf_of(struct slice bytes);

struct buf *buf_ref(struct buf *b);

/* Gives one reference up. NULL is allowed. */
void buf_unref(struct buf *b);

/* Room for at least `capacity` bytes; the buffer must have one reference. May move it. */
struct buf *buf_grow(struct buf *b, uint32_t capacity);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){.at = b->data, .size = b->size};
}

#endif
