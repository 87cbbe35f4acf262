/* buf.h -- counted buffers: bytes that more than one thing looks at.
 *
 *   Owns:     its bytes. The last buf_unref() frees them.
 *   Used by:  more than one shard: a frame is its connection's, and the journals of other shards
 *             write parts of it. Each part of the bytes belongs to one of them at a time; only the
 *             count is shared.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdint.h>

#include "common/bytes.h"
#include "common/count.h"

struct buf {
    struct count refs;
    uint32_t size;     /* Bytes that are there. */
    uint32_t capacity; /* Bytes that there is room for. */
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
