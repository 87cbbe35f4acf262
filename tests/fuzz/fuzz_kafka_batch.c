/* Any bytes, taken for record batches: as they are, and once more with a checksum that fits, or
 * nothing would ever get past it. A batch that is found sound must also be one that can be walked
 * to its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/kafka_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct slice batch, const struct batch_facts *facts)
{
    struct record_cursor cursor = kafka_batch_records(batch);
    struct record record;
    int32_t count = 0;
    for (; kafka_record_next(&cursor, &record); count++) {
        struct record_header header;
        while (kafka_record_header_next(&record, &header)) CHECK(header.key.at != NULL);
    }
    CHECK(IMPLIES(facts != NULL, record_cursor_ok(&cursor)));
    CHECK(IMPLIES(facts != NULL, count == facts->header.record_count));
}

static void try_batch(struct slice batch)
{
    struct batch_facts facts;
    enum batch_fault fault = kafka_batch_check(batch, &facts);
    CHECK(batch_fault_text(fault) != NULL);
    if (fault == BATCH_OK && facts.walked) walk(batch, &facts);

    struct record_batch_header h;
    bool whole = kafka_batch_peek(batch, &h) == BATCH_OK && batch_size(&h) <= batch.size;
    if (whole && batch_codec(&h) == BATCH_CODEC_NONE) walk(batch, NULL);
}

/* What stands in the way of the interesting part: a length, a magic and a checksum that fit. */
static void repair(uint8_t *bytes, size_t size)
{
    uint32_t length = htobe32((uint32_t)(size - BATCH_PREFIX_SIZE));
    memcpy(bytes + 8, &length, sizeof length);
    bytes[0] = 0;
    bytes[16] = 2;
    kafka_batch_set_leader_epoch(bytes, 1);
    struct record_batch_header h;
    (void)kafka_batch_peek(slice_of(bytes, size), &h);
    kafka_batch_set_max_timestamp(bytes, size, h.max_timestamp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;

    try_batch(slice_of(data, size));
    struct slice rest = slice_of(data, size);
    struct slice batch;
    struct record_batch_header h;
    while (kafka_batch_next(&rest, &batch, &h)) try_batch(batch);
    if (size < BATCH_HEADER_SIZE) return 0;

    uint8_t *copy = malloc(size);
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    repair(copy, size);
    if (kafka_batch_peek(slice_of(copy, size), &h) == BATCH_OK) {
        CHECK(kafka_batch_check_crc(slice_of(copy, size)) == BATCH_OK);
    }
    try_batch(slice_of(copy, size));
    free(copy);
    return 0;
}
