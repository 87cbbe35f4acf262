#include "common/buf.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

struct buf *buf_new(uint32_t capacity)
{
    struct buf *b = malloc(sizeof *b + capacity);
    CHECK(b != NULL); /* Every size is bounded by its caller; out of memory is the end. */

    count_init(&b->refs, 1);
    b->size = 0;
    b->capacity = capacity;
    return b;
}

struct buf *buf_of(struct slice bytes)
{
    CHECK(bytes.size <= UINT32_MAX);

    struct buf *b = buf_new((uint32_t)bytes.size);
    if (bytes.size > 0) memcpy(b->data, bytes.at, bytes.size);
    b->size = (uint32_t)bytes.size;
    return b;
}

struct buf *buf_ref(struct buf *b)
{
    CHECK(count_get(&b->refs) > 0);

    count_up(&b->refs);
    return b;
}

void buf_unref(struct buf *b)
{
    if (b == NULL) return;
    CHECK(count_get(&b->refs) > 0);

    if (count_down(&b->refs)) free(b);
}

struct buf *buf_grow(struct buf *b, uint32_t capacity)
{
    CHECK(count_get(&b->refs) == 1);
    if (capacity <= b->capacity) return b;

    b = realloc(b, sizeof *b + capacity);
    CHECK(b != NULL);
    b->capacity = capacity;
    return b;
}
