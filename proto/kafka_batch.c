#include "proto/kafka_batch.h"

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/kafka_errors.h"

#define OFFSET_LENGTH 8
#define OFFSET_LEADER_EPOCH 12
#define OFFSET_MAGIC 16
#define OFFSET_CRC 17
#define OFFSET_ATTRIBUTES 21
#define OFFSET_MAX_TIMESTAMP 35
#define MAGIC 2

_Static_assert(BATCH_PREFIX_SIZE == OFFSET_LENGTH + 4, "the length counts what follows it");

const char *batch_fault_text(enum batch_fault fault)
{
    /* clang-format off */
    static const char *const texts[] = {
#define X(name, text) [BATCH_##name] = text,
        BATCH_FAULTS(X)
#undef X
    };
    /* clang-format on */
    return texts[fault];
}

int16_t batch_fault_error(enum batch_fault fault)
{
    switch (fault) {
    case BATCH_OK: return KAFKA_NONE;
    case BATCH_TOO_SHORT:
    case BATCH_BAD_LENGTH:
    case BATCH_BAD_CRC: return KAFKA_CORRUPT_MESSAGE;
    case BATCH_OLD_MAGIC: return KAFKA_INVALID_RECORD;
    case BATCH_BAD_CODEC: return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case BATCH_BAD_MAGIC:
    case BATCH_BAD_COUNT:
    case BATCH_BAD_PRODUCER:
    case BATCH_BAD_RECORD:
    case BATCH_BAD_DELTA:
    case BATCH_TRAILING: return KAFKA_INVALID_RECORD;
    }
    UNREACHABLE();
    return KAFKA_UNKNOWN_SERVER_ERROR;
}

/* ---- The header ---- */

enum batch_fault kafka_batch_peek(struct slice bytes, struct record_batch_header *header)
{
    /* The old formats have their magic at the same place, and may be shorter. */
    *header = (struct record_batch_header){0};
    if (bytes.size <= OFFSET_MAGIC) return BATCH_TOO_SHORT;
    if (bytes.at[OFFSET_MAGIC] < MAGIC) return BATCH_OLD_MAGIC;
    if (bytes.at[OFFSET_MAGIC] != MAGIC) return BATCH_BAD_MAGIC;
    if (bytes.size < BATCH_HEADER_SIZE) return BATCH_TOO_SHORT;

    struct reader in = reader_of(bytes);
    header->base_offset = read_i64(&in);
    header->batch_length = read_i32(&in);
    header->partition_leader_epoch = read_i32(&in);
    header->magic = read_i8(&in);
    header->crc = read_u32(&in);
    header->attributes = read_i16(&in);
    header->last_offset_delta = read_i32(&in);
    header->base_timestamp = read_i64(&in);
    header->max_timestamp = read_i64(&in);
    header->producer_id = read_i64(&in);
    header->producer_epoch = read_i16(&in);
    header->base_sequence = read_i32(&in);
    header->record_count = read_i32(&in);
    CHECK(reader_ok(&in));

    if (header->batch_length < BATCH_HEADER_SIZE - BATCH_PREFIX_SIZE) return BATCH_BAD_LENGTH;
    if (header->last_offset_delta < 0 || header->record_count < 0) return BATCH_BAD_COUNT;
    /* So that nobody who adds the two needs to think of overflow. */
    if (header->base_offset > INT64_MAX - INT32_MAX) return BATCH_BAD_COUNT;
    return BATCH_OK;
}

bool kafka_batch_next(struct slice *rest, struct slice *batch, struct record_batch_header *header)
{
    if (kafka_batch_peek(*rest, header) != BATCH_OK) return false;

    size_t size = batch_size(header);
    if (size > rest->size) return false;

    *batch = slice_of(rest->at, size);
    *rest = slice_of(rest->at + size, rest->size - size);
    return true;
}

/* ---- Records ---- */

/* A length, and that many bytes; -1 is null where that is allowed. */
static struct slice read_sized(struct reader *in, bool nullable)
{
    int32_t length = read_varint(in);
    if (length < -1 || (length == -1 && !nullable)) reader_fail(in);
    if (length < 0) return (struct slice){0};

    return read_slice(in, (size_t)length);
}

static struct record_header read_header(struct reader *in)
{
    struct record_header header = {.key = read_sized(in, false)};
    header.value = read_sized(in, true);
    return header;
}

/* Offsets and timestamps come from outside: their sum may wrap around, and is then out of range. */
static int64_t add_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Fails the reader unless the record fills its length exactly. */
static void read_record(struct reader *in, const struct record_batch_header *h,
                        struct record *record)
{
    int32_t length = read_varint(in);
    if (length < 0) reader_fail(in);
    if (!reader_ok(in)) return;

    struct slice whole = read_slice(in, (size_t)length);
    if (!reader_ok(in)) return;

    struct reader body = reader_of(whole);
    (void)read_i8(&body); /* No attribute of a single record is in use. */
    int64_t timestamp_delta = read_varlong(&body);
    record->offset_delta = read_varint(&body);
    record->offset = add_wrapping(h->base_offset, record->offset_delta);
    record->timestamp_ms = batch_is_log_append_time(h)
                               ? h->max_timestamp
                               : add_wrapping(h->base_timestamp, timestamp_delta);
    record->key = read_sized(&body, true);
    record->value = read_sized(&body, true);
    record->header_count = read_varint(&body);
    if (record->header_count < 0) reader_fail(&body);

    record->headers = slice_of(body.at, reader_left(&body));
    for (int32_t i = 0; i < record->header_count && reader_ok(&body); i++) {
        (void)read_header(&body);
    }
    if (!reader_ok(&body) || reader_left(&body) != 0) reader_fail(in);
}

struct record_cursor kafka_records_of(struct slice records, const struct record_batch_header *h)
{
    return (struct record_cursor){.in = reader_of(records), .header = *h, .left = h->record_count};
}

struct record_cursor kafka_batch_records(struct slice batch)
{
    struct record_batch_header h;
    enum batch_fault fault = kafka_batch_peek(batch, &h);
    CHECK(fault == BATCH_OK);
    CHECK(batch_codec(&h) == BATCH_CODEC_NONE);
    CHECK(batch_size(&h) <= batch.size);

    size_t size = batch_size(&h) - BATCH_HEADER_SIZE;
    return kafka_records_of(slice_of(batch.at + BATCH_HEADER_SIZE, size), &h);
}

bool kafka_record_next(struct record_cursor *cursor, struct record *record)
{
    if (cursor->left <= 0 || !reader_ok(&cursor->in)) return false;

    cursor->left--;
    *record = (struct record){0};
    read_record(&cursor->in, &cursor->header, record);
    return reader_ok(&cursor->in);
}

bool kafka_record_header_next(struct record *record, struct record_header *header)
{
    if (record->header_count <= 0) return false;

    struct reader in = reader_of(record->headers);
    *header = read_header(&in);
    CHECK(reader_ok(&in)); /* The record was walked before it was handed out. */
    record->headers = slice_of(in.at, reader_left(&in));
    record->header_count--;
    return true;
}

/* ---- Checks ---- */

static uint32_t batch_crc(struct slice batch)
{
    return crc32c(batch.at + OFFSET_ATTRIBUTES, batch.size - OFFSET_ATTRIBUTES);
}

static enum batch_fault peek_exact(struct slice batch, struct record_batch_header *h)
{
    enum batch_fault fault = kafka_batch_peek(batch, h);
    if (fault != BATCH_OK) return fault;

    return batch_size(h) == batch.size ? BATCH_OK : BATCH_BAD_LENGTH;
}

enum batch_fault kafka_batch_check_crc(struct slice batch)
{
    struct record_batch_header h;
    enum batch_fault fault = peek_exact(batch, &h);
    if (fault != BATCH_OK) return fault;

    return batch_crc(batch) == h.crc ? BATCH_OK : BATCH_BAD_CRC;
}

static enum batch_fault walk(struct slice records, struct batch_facts *facts)
{
    const struct record_batch_header *h = &facts->header;
    struct reader in = reader_of(records);

    facts->timestamp_max = INT64_MIN;
    facts->timestamp_min = INT64_MAX;
    for (int32_t i = 0; i < h->record_count; i++) {
        if (reader_left(&in) == 0) return BATCH_BAD_COUNT;

        struct record record;
        read_record(&in, h, &record);
        if (!reader_ok(&in)) return BATCH_BAD_RECORD;
        if (record.offset_delta != i) return BATCH_BAD_DELTA;

        if (record.timestamp_ms > facts->timestamp_max) {
            facts->timestamp_max = record.timestamp_ms;
            facts->timestamp_max_delta = i;
        }
        if (record.timestamp_ms < facts->timestamp_min) facts->timestamp_min = record.timestamp_ms;
    }
    facts->walked = true;
    return reader_left(&in) == 0 ? BATCH_OK : BATCH_TRAILING;
}

enum batch_fault kafka_records_check(struct slice records, const struct record_batch_header *h)
{
    struct batch_facts facts = {.header = *h};
    return walk(records, &facts);
}

/* Without a producer id there is nothing to put in order; with one, everything is needed. A control
 * batch is written by a coordinator and has no sequence. */
static bool has_sound_producer(const struct record_batch_header *h)
{
    if (h->producer_id < 0) return h->producer_id == -1 && !batch_is_transactional(h);
    if (h->producer_epoch < 0) return false;

    return h->base_sequence >= 0 || batch_is_control(h);
}

enum batch_fault kafka_batch_check(struct slice batch, struct batch_facts *facts)
{
    *facts = (struct batch_facts){0};
    const struct record_batch_header *h = &facts->header;
    enum batch_fault fault = peek_exact(batch, &facts->header);
    if (fault != BATCH_OK) return fault;
    if (batch_crc(batch) != h->crc) return BATCH_BAD_CRC;
    if (h->record_count == 0 || h->record_count - 1 != h->last_offset_delta) return BATCH_BAD_COUNT;
    if (batch_codec(h) > BATCH_CODEC_ZSTD) return BATCH_BAD_CODEC;
    if (!has_sound_producer(h)) return BATCH_BAD_PRODUCER;

    facts->timestamp_max = h->max_timestamp;
    facts->timestamp_min = h->base_timestamp;
    if (batch_codec(h) != BATCH_CODEC_NONE) return BATCH_OK;
    return walk(slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE), facts);
}

/* ---- Patches ---- */

static void put_i64(uint8_t *at, int64_t value)
{
    uint64_t raw = htobe64((uint64_t)value);
    memcpy(at, &raw, sizeof raw);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    uint32_t raw = htobe32(value);
    memcpy(at, &raw, sizeof raw);
}

void kafka_batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
    CHECK(base_offset >= 0);

    put_i64(batch, base_offset);
}

void kafka_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch)
{
    put_u32(batch + OFFSET_LEADER_EPOCH, (uint32_t)leader_epoch);
}

static void renew_crc(uint8_t *batch, size_t size)
{
    put_u32(batch + OFFSET_CRC, batch_crc(slice_of(batch, size)));
}

void kafka_batch_set_log_append_time(uint8_t *batch, size_t size, int64_t timestamp_ms)
{
    CHECK(size >= BATCH_HEADER_SIZE);

    /* The bit lies in the lower byte of the attributes. */
    batch[OFFSET_ATTRIBUTES + 1] |= BATCH_LOG_APPEND_TIME;
    kafka_batch_set_max_timestamp(batch, size, timestamp_ms);
}

void kafka_batch_set_create_time(uint8_t *batch, size_t size, int64_t timestamp_ms)
{
    CHECK(size >= BATCH_HEADER_SIZE);

    batch[OFFSET_ATTRIBUTES + 1] &= (uint8_t)~BATCH_LOG_APPEND_TIME;
    kafka_batch_set_max_timestamp(batch, size, timestamp_ms);
}

void kafka_batch_set_max_timestamp(uint8_t *batch, size_t size, int64_t timestamp_ms)
{
    CHECK(size >= BATCH_HEADER_SIZE);

    put_i64(batch + OFFSET_MAX_TIMESTAMP, timestamp_ms);
    renew_crc(batch, size);
}

/* ---- Building ---- */

struct batch_spec batch_spec_of(const struct record_spec *records, int32_t record_count)
{
    return (struct batch_spec){.partition_leader_epoch = -1,
                               .producer_id = -1,
                               .producer_epoch = -1,
                               .base_sequence = -1,
                               .records = records,
                               .record_count = record_count};
}

static void write_sized(struct writer *out, struct slice s)
{
    CHECK(s.size <= INT32_MAX);

    write_varint(out, s.at == NULL ? -1 : (int32_t)s.size);
    write_slice(out, s);
}

static size_t varint_size(size_t value)
{
    size_t size = 1;
    for (value <<= 1; value >= 0x80; value >>= 7) size++;
    return size;
}

static void build_record(const struct record_spec *spec, int64_t base_timestamp, int32_t delta,
                         struct writer *out)
{
    CHECK(IMPLIES(spec->header_count > 0, spec->headers != NULL));

    size_t start = out->size;
    write_i8(out, 0);
    write_varlong(out, spec->timestamp_ms - base_timestamp);
    write_varint(out, delta);
    write_sized(out, spec->key);
    write_sized(out, spec->value);
    write_varint(out, spec->header_count);
    for (int32_t i = 0; i < spec->header_count; i++) {
        CHECK(spec->headers[i].key.at != NULL);
        write_sized(out, spec->headers[i].key);
        write_sized(out, spec->headers[i].value);
    }
    if (!writer_ok(out)) return;

    /* The length stands in front. Move the record up by the length's own size. */
    size_t size = out->size - start;
    size_t prefix_size = varint_size(size);
    static const uint8_t room[10];
    writer_insert(out, start, room, prefix_size);
    if (!writer_ok(out)) return;

    size_t end = out->size;
    out->size = start;
    write_varint(out, (int32_t)size);
    CHECK(out->size == start + prefix_size);
    out->size = end;
}

void kafka_batch_build(const struct batch_spec *spec, struct writer *out)
{
    CHECK(spec->record_count > 0);
    CHECK((spec->attributes & BATCH_CODEC_MASK) == 0);

    int64_t base_timestamp = spec->records[0].timestamp_ms;
    int64_t max_timestamp = base_timestamp;
    for (int32_t i = 1; i < spec->record_count; i++) {
        int64_t timestamp_ms = spec->records[i].timestamp_ms;
        if (timestamp_ms > max_timestamp) max_timestamp = timestamp_ms;
    }

    size_t start = out->size;
    write_i64(out, spec->base_offset);
    write_i32(out, 0); /* The length, patched below. */
    write_i32(out, spec->partition_leader_epoch);
    write_i8(out, MAGIC);
    write_i32(out, 0); /* The checksum, patched below. */
    write_i16(out, spec->attributes);
    write_i32(out, spec->record_count - 1);
    write_i64(out, base_timestamp);
    write_i64(out, max_timestamp);
    write_i64(out, spec->producer_id);
    write_i16(out, spec->producer_epoch);
    write_i32(out, spec->base_sequence);
    write_i32(out, spec->record_count);
    for (int32_t i = 0; i < spec->record_count; i++) {
        build_record(&spec->records[i], base_timestamp, i, out);
    }
    if (!writer_ok(out)) return;

    size_t size = out->size - start;
    CHECK(size <= INT32_MAX);
    writer_patch_i32(out, start + OFFSET_LENGTH, (int32_t)(size - BATCH_PREFIX_SIZE));
    renew_crc(out->base + start, size);
}
