#include "proto/kafka_rebatch.h"

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/kafka_compress.h"

#define OFFSET_LENGTH 8
#define OFFSET_CRC 17
#define OFFSET_ATTRIBUTES 21
#define NO_TIMESTAMP (-1)

struct rebatch rebatch_begin(const struct record_batch_header *header, int64_t delete_horizon_ms,
                             size_t size_max)
{
    struct rebatch r = {.header = *header,
                        .records = writer_with(size_max),
                        .max_timestamp = NO_TIMESTAMP,
                        .level = PACK_LEVEL_OWN};
    if (delete_horizon_ms >= 0) {
        r.header.base_timestamp = delete_horizon_ms;
        r.header.attributes |= BATCH_DELETE_HORIZON;
    }
    return r;
}

static size_t varint_size(int32_t value)
{
    uint32_t raw = ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
    size_t size = 1;
    for (; raw >= 0x80; raw >>= 7) size++;
    return size;
}

static size_t varlong_size(int64_t value)
{
    uint64_t raw = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    size_t size = 1;
    for (; raw >= 0x80; raw >>= 7) size++;
    return size;
}

static int32_t size_or_null(struct slice s)
{
    CHECK(s.size <= INT32_MAX);
    return s.at == NULL ? -1 : (int32_t)s.size;
}

void rebatch_add(struct rebatch *r, const struct record *record)
{
    /* What a stranger wrote may wrap around; it reads back as it was. */
    int64_t delta = (int64_t)((uint64_t)record->timestamp_ms - (uint64_t)r->header.base_timestamp);
    int32_t key = size_or_null(record->key);
    int32_t value = size_or_null(record->value);
    size_t size = 1 + varlong_size(delta) + varint_size(record->offset_delta) + varint_size(key) +
                  record->key.size + varint_size(value) + record->value.size +
                  varint_size(record->header_count) + record->headers.size;
    if (size > INT32_MAX) {
        r->records.bad = true;
        return;
    }
    write_varint(&r->records, (int32_t)size);
    size_t before = r->records.size;
    write_i8(&r->records, 0);
    write_varlong(&r->records, delta);
    write_varint(&r->records, record->offset_delta);
    write_varint(&r->records, key);
    write_slice(&r->records, record->key);
    write_varint(&r->records, value);
    write_slice(&r->records, record->value);
    write_varint(&r->records, record->header_count);
    write_slice(&r->records, record->headers);
    if (writer_ok(&r->records)) CHECK(r->records.size - before == size);
    r->count++;
    if (record->timestamp_ms > r->max_timestamp) r->max_timestamp = record->timestamp_ms;
}

static void write_header(const struct record_batch_header *h, struct writer *out)
{
    write_i64(out, h->base_offset);
    write_i32(out, 0); /* The length, patched below. */
    write_i32(out, h->partition_leader_epoch);
    write_i8(out, h->magic);
    write_i32(out, 0); /* The checksum, patched below. */
    write_i16(out, h->attributes);
    write_i32(out, h->last_offset_delta);
    write_i64(out, h->base_timestamp);
    write_i64(out, h->max_timestamp);
    write_i64(out, h->producer_id);
    write_i16(out, h->producer_epoch);
    write_i32(out, h->base_sequence);
    write_i32(out, h->record_count);
}

bool rebatch_write(struct rebatch *r, struct writer *out)
{
    struct record_batch_header h = r->header;
    h.record_count = r->count;
    if (r->count == 0) {
        h.attributes &= (int16_t) ~(BATCH_CODEC_MASK | BATCH_DELETE_HORIZON);
        h.base_timestamp = NO_TIMESTAMP;
    } else if (!batch_is_log_append_time(&h)) {
        h.max_timestamp = r->max_timestamp;
    }
    if (!writer_ok(&r->records)) return false;
    size_t start = out->size;
    write_header(&h, out);
    bool fits =
        r->count == 0 || kafka_pack(batch_codec(&h), r->level, writer_slice(&r->records), out);
    size_t size = out->size - start;
    if (!fits || !writer_ok(out) || size > INT32_MAX) return false;

    writer_patch_i32(out, start + OFFSET_LENGTH, (int32_t)(size - BATCH_PREFIX_SIZE));
    uint32_t crc = crc32c(out->base + start + OFFSET_ATTRIBUTES, size - OFFSET_ATTRIBUTES);
    writer_patch_i32(out, start + OFFSET_CRC, (int32_t)crc);
    return true;
}

void rebatch_close(struct rebatch *r)
{
    writer_close(&r->records);
}
