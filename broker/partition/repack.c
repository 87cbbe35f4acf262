#include "broker/partition/repack.h"

#include "proto/kafka_compress.h"
#include "proto/kafka_rebatch.h"

#define UNPACKED_MAX ((size_t)64 * 1024 * 1024)

/* False: they are not what the header says. */
static bool add_all(struct rebatch *to, struct slice records, const struct record_batch_header *h)
{
    if (kafka_records_check(records, h) != BATCH_OK) return false;

    struct record_cursor cursor = kafka_records_of(records, h);
    struct record record;
    while (kafka_record_next(&cursor, &record)) rebatch_add(to, &record);
    return true;
}

struct buf *batch_repack(struct slice batch, const struct record_batch_header *header,
                         enum batch_codec codec, int32_t level)
{
    struct slice packed = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    struct writer plain = writer_with(UNPACKED_MAX), out = writer_with(UNPACKED_MAX);
    struct record_batch_header h = *header;
    h.attributes = (int16_t)((h.attributes & ~BATCH_CODEC_MASK) | (int16_t)codec);
    struct rebatch again = rebatch_begin(&h, -1, UNPACKED_MAX);
    again.level = level;
    struct buf *buf = NULL;
    bool is_read = kafka_unpack(batch_codec(header), packed, &plain) &&
                   add_all(&again, writer_slice(&plain), header);
    if (is_read && rebatch_write(&again, &out)) buf = buf_of(writer_slice(&out));
    rebatch_close(&again);
    writer_close(&plain);
    writer_close(&out);
    return buf;
}
