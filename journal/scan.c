#include "journal/scan.h"

#include <stdlib.h>

#include "common/check.h"

#define READ_WHOLE (1024u * 1024)
#define READ_FIRST 4096u
#define READ_HEADER 128u
/* Batches larger than this are hopped over, smaller ones read through. */
#define SMALL_BATCH 8192u

struct scan scan_of(struct scan_source source, int64_t segment_base, uint64_t at, uint64_t end,
                    int64_t offset_min)
{
    CHECK((source.env == NULL) != (source.fs == NULL));
    CHECK(source.file != NULL);
    return (struct scan){.source = source,
                         .segment_base = segment_base,
                         .at = at,
                         .end = end,
                         .offset_min = offset_min,
                         .read_ahead = READ_FIRST};
}

static int read_at(struct scan *s, size_t size)
{
    s->read_count++;
    if (s->source.env != NULL) {
        return env_read_now(s->source.env, s->source.file, s->window, size, s->at);
    }
    size_t got = 0;
    struct fs *fs = s->source.fs;
    int rc = fs->ops->pread(fs, s->source.file, s->window, size, s->at, &got);
    if (rc < 0) return rc;
    /* The file is shorter than we know it to be: somebody has cut it. */
    return got == size ? 0 : -ERR_CORRUPT;
}

/* Makes `need` bytes at s->at available. They lie below s->end. */
static int fill(struct scan *s, size_t need)
{
    CHECK(need <= s->end - s->at);
    if (s->at >= s->window_at && s->at + need <= s->window_at + s->window_size) return 0;

    size_t size = s->is_whole ? READ_WHOLE : s->read_ahead;
    if (!s->is_whole && s->batch_bytes > SMALL_BATCH) size = READ_HEADER;
    if (size < need) size = need;
    if (size > s->end - s->at) size = (size_t)(s->end - s->at);
    if (s->window_capacity < size) {
        free(s->window);
        s->window = malloc(size);
        CHECK(s->window != NULL);
        s->window_capacity = size;
    }
    s->window_size = 0;
    int rc = read_at(s, size);
    if (rc < 0) return rc;

    s->window_at = s->at;
    s->window_size = size;
    if (s->read_ahead < 8 * READ_FIRST) s->read_ahead *= 2;
    return 0;
}

static int corrupt(struct scan *s, enum batch_fault fault, bool is_torn)
{
    s->fault = fault;
    s->is_torn = is_torn;
    return -ERR_CORRUPT;
}

int scan_next(struct scan *s)
{
    CHECK(s->at <= s->end);
    uint64_t left = s->end - s->at;
    if (left == 0) return 0;
    if (left < BATCH_HEADER_SIZE) return corrupt(s, BATCH_TOO_SHORT, true);
    int rc = fill(s, BATCH_HEADER_SIZE);
    if (rc < 0) return rc;

    struct slice bytes = slice_of(s->window + (s->at - s->window_at), BATCH_HEADER_SIZE);
    enum batch_fault fault = kafka_batch_peek(bytes, &s->header);
    /* Zeros, of which power cuts leave many, have an old magic, too. */
    struct slice zeros = slice_of((const uint8_t[BATCH_PREFIX_SIZE]){0}, BATCH_PREFIX_SIZE);
    if (fault == BATCH_OLD_MAGIC && slice_equal(zeros, slice_of(bytes.at, zeros.size))) {
        fault = BATCH_BAD_LENGTH;
    }
    if (fault != BATCH_OK) return corrupt(s, fault, false);
    uint64_t size = batch_size(&s->header);
    if (size > left) return corrupt(s, BATCH_BAD_LENGTH, true);
    if (s->header.base_offset < s->offset_min ||
        batch_last_offset(&s->header) - s->segment_base > INT32_MAX) {
        return corrupt(s, BATCH_BAD_DELTA, false);
    }
    if (s->is_whole) {
        rc = fill(s, size);
        if (rc < 0) return rc;
        s->batch = slice_of(s->window + (s->at - s->window_at), size);
    }
    s->batch_at = s->at;
    s->batch_bytes = size;
    s->at += size;
    s->offset_min = batch_last_offset(&s->header) + 1;
    return 1;
}

void scan_close(struct scan *s)
{
    free(s->window);
    s->window = NULL;
    s->window_size = 0;
    s->window_capacity = 0;
}
