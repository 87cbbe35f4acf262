/* Any bytes, taken for packed records in each of the four ways, and the bytes themselves packed and
 * unpacked again: never more than the bound, and what was packed comes back. */
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "proto/kafka_compress.h"

#define BOUND ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int codec = BATCH_CODEC_NONE; codec <= BATCH_CODEC_ZSTD; codec++) {
        struct writer plain = writer_with(BOUND);
        struct writer packed = writer_with(2 * BOUND);
        bool is_sound = kafka_unpack((enum batch_codec)codec, slice_of(data, size), &plain);
        CHECK(plain.size <= BOUND);
        CHECK(IMPLIES(codec == BATCH_CODEC_NONE && size > 0, is_sound));
        writer_close(&plain);
        plain = writer_with(BOUND);
        if (size > 0 && size < BOUND / 4) {
            CHECK(
                kafka_pack((enum batch_codec)codec, PACK_LEVEL_OWN, slice_of(data, size), &packed));
            CHECK(kafka_unpack((enum batch_codec)codec, writer_slice(&packed), &plain));
            CHECK(plain.size == size);
            CHECK(memcmp(plain.base, data, size) == 0);
        }
        writer_close(&plain);
        writer_close(&packed);
    }
    return 0;
}
