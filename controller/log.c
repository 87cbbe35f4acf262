#include "controller/log.h"

#include <stdlib.h>

#include "common/check.h"

#define CAPACITY_MIN 256

static struct metalog_entry *slot(const struct metalog *log, uint32_t at)
{
    return &log->ring[(log->head + at) & (log->capacity - 1)];
}

static void grow(struct metalog *log)
{
    uint32_t capacity = log->capacity == 0 ? CAPACITY_MIN : log->capacity * 2;
    struct metalog_entry *ring = calloc(capacity, sizeof *ring);
    CHECK(ring != NULL);
    for (uint32_t i = 0; i < log->count; i++) ring[i] = *slot(log, i);
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
    log->head = 0;
}

void metalog_push(struct metalog *log, struct buf *buf, uint64_t term)
{
    CHECK(log->first_index > 0);
    CHECK(buf != NULL && buf->size > 0);

    if (log->count == log->capacity) grow(log);
    *slot(log, log->count) = (struct metalog_entry){.buf = buf, .term = term};
    log->count++;
    log->bytes += buf->size;
}

const struct metalog_entry *metalog_at(const struct metalog *log, uint64_t index)
{
    if (index < log->first_index || index >= metalog_next(log)) return NULL;
    return slot(log, (uint32_t)(index - log->first_index));
}

uint64_t metalog_bytes(const struct metalog *log, uint64_t first, uint64_t last)
{
    uint64_t bytes = 0;
    for (uint64_t i = first; i <= last; i++) {
        const struct metalog_entry *e = metalog_at(log, i);
        CHECK(e != NULL);
        bytes += e->buf->size;
    }
    return bytes;
}

uint64_t metalog_cut(const struct metalog *log, uint64_t first, uint64_t last, uint64_t bytes_max)
{
    CHECK(first <= last);
    uint64_t bytes = metalog_bytes(log, first, first);
    uint64_t index = first;
    while (index < last) {
        bytes += metalog_bytes(log, index + 1, index + 1);
        if (bytes > bytes_max) break;
        index++;
    }
    return index;
}

struct buf *metalog_join(const struct metalog *log, uint64_t first, uint64_t last)
{
    uint64_t size = metalog_bytes(log, first, last);
    CHECK(size <= UINT32_MAX);

    struct buf *joined = buf_new((uint32_t)size);
    for (uint64_t i = first; i <= last; i++) {
        const struct buf *b = metalog_at(log, i)->buf;
        memcpy(joined->data + joined->size, b->data, b->size);
        joined->size += b->size;
    }
    return joined;
}

void metalog_truncate(struct metalog *log, uint64_t from_index)
{
    CHECK(from_index >= log->first_index);
    while (metalog_next(log) > from_index) {
        struct metalog_entry *e = slot(log, log->count - 1);
        log->bytes -= e->buf->size;
        buf_unref(e->buf);
        e->buf = NULL;
        log->count--;
    }
}

void metalog_drop(struct metalog *log, uint64_t up_to_index)
{
    while (log->count > 0 && log->first_index <= up_to_index) {
        struct metalog_entry *e = slot(log, 0);
        log->bytes -= e->buf->size;
        buf_unref(e->buf);
        e->buf = NULL;
        log->head = (log->head + 1) & (log->capacity - 1);
        log->count--;
        log->first_index++;
    }
    if (log->count == 0 && log->first_index <= up_to_index) log->first_index = up_to_index + 1;
}

void metalog_reset(struct metalog *log, uint64_t first_index)
{
    CHECK(first_index > 0);
    if (log->count > 0) metalog_truncate(log, log->first_index);
    log->first_index = first_index;
}

void metalog_close(struct metalog *log)
{
    if (log->count > 0) metalog_truncate(log, log->first_index);
    free(log->ring);
    *log = (struct metalog){0};
}
