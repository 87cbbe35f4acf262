/* kafka_batch.h -- record batches of magic 2: read, check, walk, build, patch.
 *
 *      0  base_offset             8   \ outside the checksum, so that a broker can set them
 *      8  batch_length            4   | (the length counts what follows it)
 *     12  partition_leader_epoch  4   |
 *     16  magic                   1   |
 *     17  crc                     4   /  CRC32C of everything from here on
 *     21  attributes              2
 *     23  last_offset_delta       4
 *     27  base_timestamp          8
 *     35  max_timestamp           8
 *     43  producer_id             8
 *     51  producer_epoch          2
 *     53  base_sequence           4
 *     57  record_count            4
 *     61  records, perhaps compressed as one piece
 *
 * Nothing here decompresses. What a check cannot see in a compressed batch is what lies inside:
 * the lengths, deltas and timestamps of its records.
 */
#ifndef PROTO_KAFKA_BATCH_H
#define PROTO_KAFKA_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

#define BATCH_HEADER_SIZE 61
/* What stands before the part that batch_length counts. */
#define BATCH_PREFIX_SIZE 12
/* The checksum covers what follows from here on. */
#define BATCH_CHECKED_FROM 21

#define BATCH_CODEC_MASK 0x07
#define BATCH_LOG_APPEND_TIME 0x08
#define BATCH_TRANSACTIONAL 0x10
#define BATCH_CONTROL 0x20
#define BATCH_DELETE_HORIZON 0x40

enum batch_codec {
    BATCH_CODEC_NONE = 0,
    BATCH_CODEC_GZIP = 1,
    BATCH_CODEC_SNAPPY = 2,
    BATCH_CODEC_LZ4 = 3,
    BATCH_CODEC_ZSTD = 4,
};

/* Why a batch is refused; batch_fault_error() says what a producer is told. */
/* clang-format off */
#define BATCH_FAULTS(X)                                                                     \
    X(OK,            "the batch is sound")                                                  \
    X(TOO_SHORT,     "fewer bytes than a batch has at least")                               \
    X(BAD_LENGTH,    "the batch length does not agree with the bytes there are")            \
    X(OLD_MAGIC,     "a message set of magic 0 or 1; only batches of magic 2 are accepted") \
    X(BAD_MAGIC,     "the magic byte is not 2")                                             \
    X(BAD_CRC,       "the checksum does not match")                                         \
    X(BAD_COUNT,     "the record count does not agree with the last offset delta")          \
    X(BAD_CODEC,     "the compression codec is not one there is")                           \
    X(BAD_PRODUCER,  "producer id, epoch and sequence do not fit together")                 \
    X(BAD_RECORD,    "a record does not parse within its length")                           \
    X(BAD_DELTA,     "the offset deltas of the records are not 0, 1, 2, ...")               \
    X(TRAILING,      "bytes follow the last record that the count allows")

enum batch_fault {
#define X(name, text) BATCH_##name,
    BATCH_FAULTS(X)
#undef X
};
/* clang-format on */

const char *batch_fault_text(enum batch_fault fault);

/* The Kafka error code that a producer is answered with. */
int16_t batch_fault_error(enum batch_fault fault);

struct record_batch_header {
    int64_t base_offset;
    int32_t batch_length;
    int32_t partition_leader_epoch;
    int8_t magic;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t producer_id; /* -1 for none; then epoch and sequence are -1, too. */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

static inline size_t batch_size(const struct record_batch_header *h)
{
    return (size_t)h->batch_length + BATCH_PREFIX_SIZE;
}

static inline int64_t batch_last_offset(const struct record_batch_header *h)
{
    return h->base_offset + h->last_offset_delta;
}

static inline enum batch_codec batch_codec(const struct record_batch_header *h)
{
    return (enum batch_codec)(h->attributes & BATCH_CODEC_MASK);
}

static inline bool batch_is_transactional(const struct record_batch_header *h)
{
    return (h->attributes & BATCH_TRANSACTIONAL) != 0;
}

static inline bool batch_is_control(const struct record_batch_header *h)
{
    return (h->attributes & BATCH_CONTROL) != 0;
}

static inline bool batch_is_log_append_time(const struct record_batch_header *h)
{
    return (h->attributes & BATCH_LOG_APPEND_TIME) != 0;
}

/* Read the header of the batch at the start of `bytes`, which may hold more than one batch, or only
 * a part of one. Checks magic and that the length and the offsets are possible, nothing else: for
 * walking over bytes that were checked when they were written. */
enum batch_fault kafka_batch_peek(struct slice bytes, struct record_batch_header *header);

/* Cut the first whole batch off `rest`. False, and `rest` as it was, if there is none. */
bool kafka_batch_next(struct slice *rest, struct slice *batch, struct record_batch_header *header);

/* What a whole check learns beside the header. */
struct batch_facts {
    struct record_batch_header header;
    bool walked;                 /* Uncompressed, so every record was looked at. */
    int64_t timestamp_max;       /* Of the records if walked; else what the header says. */
    int64_t timestamp_min;       /* Of the records if walked; else the base of the header. */
    int32_t timestamp_max_delta; /* Whose that is, the first if several; 0 if not walked. */
};

/* Check a batch that somebody sent. `batch` must be exactly one. `facts` is filled in as far as the
 * check came; it is whole if the answer is BATCH_OK. */
enum batch_fault kafka_batch_check(struct slice batch, struct batch_facts *facts);

/* The same for what lies in a compressed batch, which that leaves alone: as many records as the
 * header says, each at its offset, and nothing behind them. */
enum batch_fault kafka_records_check(struct slice records, const struct record_batch_header *h);

/* Compute the checksum and compare: for recovery and for what a follower has fetched. */
enum batch_fault kafka_batch_check_crc(struct slice batch);

/* ---- Patches, in place. The first two lie outside the checksum. ---- */

void kafka_batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void kafka_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch);

/* Stamp the batch with the time of its arrival (message.timestamp.type=LogAppendTime): consumers
 * then take max_timestamp for every record. Computes the checksum anew. */
void kafka_batch_set_log_append_time(uint8_t *batch, size_t size, int64_t timestamp_ms);

/* The times are the producer's (CreateTime), whatever the batch says of itself, and this is the
 * latest of them. Computes the checksum anew. */
void kafka_batch_set_create_time(uint8_t *batch, size_t size, int64_t timestamp_ms);

/* Correct a max_timestamp that the records contradict. Computes the checksum anew. */
void kafka_batch_set_max_timestamp(uint8_t *batch, size_t size, int64_t timestamp_ms);

/* ---- Records of an uncompressed batch ---- */

struct record {
    int64_t offset;
    int32_t offset_delta;
    int64_t timestamp_ms;
    struct slice key;   /* Absent if null. */
    struct slice value; /* Absent if null: a tombstone. */
    int32_t header_count;
    struct slice headers; /* Read with kafka_record_header_next(). */
};

struct record_cursor {
    struct reader in;
    struct record_batch_header header;
    int32_t left; /* Records that have not been returned. */
};

/* The batch must be whole and uncompressed; its records need not have been checked. */
struct record_cursor kafka_batch_records(struct slice batch);

/* The same for records that the caller has decompressed. */
struct record_cursor kafka_records_of(struct slice records, const struct record_batch_header *h);

/* False at the end, and also when a record does not parse: then record_cursor_ok() is false. */
bool kafka_record_next(struct record_cursor *cursor, struct record *record);

static inline bool record_cursor_ok(const struct record_cursor *cursor)
{
    return reader_ok(&cursor->in);
}

struct record_header {
    struct slice key;
    struct slice value; /* Absent if null. */
};

/* Take the next header off record->headers. False when there are none left. */
bool kafka_record_header_next(struct record *record, struct record_header *header);

/* ---- Building ---- */

struct record_spec {
    struct slice key;
    struct slice value;
    int64_t timestamp_ms;
    const struct record_header *headers;
    int32_t header_count;
};

struct batch_spec {
    int64_t base_offset;
    int32_t partition_leader_epoch;
    int16_t attributes; /* Uncompressed: the codec bits are zero. */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    const struct record_spec *records;
    int32_t record_count; /* At least one. */
};

/* A batch of no producer, epoch -1, at offset 0: the fields whose absence is not zero. */
struct batch_spec batch_spec_of(const struct record_spec *records, int32_t record_count);

/* Append one batch. The writer's failure is the only one. */
void kafka_batch_build(const struct batch_spec *spec, struct writer *out);

#endif
