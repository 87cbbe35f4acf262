#include "broker/partition/keys.h"

#include "proto/kafka_compress.h"

#define UNPACKED_MAX ((size_t)64 * 1024 * 1024)

static int32_t count(struct slice records, const struct record_batch_header *h, int32_t *places,
                     int32_t max)
{
    if (kafka_records_check(records, h) != BATCH_OK) return KEYS_UNREADABLE;

    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    int32_t keyless = 0;
    for (int32_t place = 0; kafka_record_next(&cursor, &record); place++) {
        if (record.key.at != NULL) continue;
        if (keyless < max) places[keyless] = place;
        keyless++;
    }
    return keyless;
}

int32_t batch_keyless(struct slice batch, int32_t *places, int32_t max)
{
    struct record_batch_header header;
    if (kafka_batch_peek(batch, &header) != BATCH_OK) return KEYS_UNREADABLE;

    struct slice packed = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    if (batch_codec(&header) == BATCH_CODEC_NONE) return count(packed, &header, places, max);

    struct writer plain = writer_with(UNPACKED_MAX);
    bool can_read = kafka_unpack(batch_codec(&header), packed, &plain);
    int32_t keyless =
        can_read ? count(writer_slice(&plain), &header, places, max) : KEYS_UNREADABLE;
    writer_close(&plain);
    return keyless;
}
