/* Any bytes, taken for index files: they are refused, or every question about them has an answer
 * within the log. */
#include <stdint.h>

#include "common/check.h"
#include "journal/index.h"

#define LOG_BYTES 1000000
#define OFFSETS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index x = {0};
    if (index_load_offsets(&x, data, size, LOG_BYTES, OFFSETS)) {
        struct offset_entry entry;
        for (int64_t offset = 0; offset < OFFSETS; offset += 997) {
            if (!index_offset_floor(&x, offset, &entry)) continue;
            CHECK(entry.offset <= offset);
            CHECK(entry.at < LOG_BYTES);
        }
    }
    index_close(&x);
    if (index_load_times(&x, data, size, OFFSETS)) {
        struct time_entry entry;
        for (uint32_t i = 0; i < index_time_count(&x); i++) {
            entry = index_time_at(&x, i);
            CHECK(entry.offset < OFFSETS);
            if (i > 0) CHECK(index_time_at(&x, i - 1).timestamp_ms < entry.timestamp_ms);
        }
    }
    index_close(&x);
    return 0;
}
