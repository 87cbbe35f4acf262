/* Any bytes, taken for any message of any version: decoded or refused, never anything else; and
 * what was decoded must survive being written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_frame.h"

#define ARENA_SIZE ((size_t)1 << 18)
#define MESSAGE_SIZE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t memory[2][ARENA_SIZE];
static _Alignas(16) uint8_t messages[2][MESSAGE_SIZE_MAX];

static void try_message(const struct schema *schema, struct kafka_version version, struct slice in)
{
    CHECK(schema->size <= MESSAGE_SIZE_MAX);

    struct arena arena = {.base = memory[0], .size = ARENA_SIZE};
    if (kafka_decode(schema, version, in, &arena, messages[0]) != 0) return;

    /* Bytes need not come back as they were: tags may have been unknown, and lengths overlong. But
     * from then on nothing may change any more. */
    struct writer once = writer_with(ARENA_SIZE);
    int rc = kafka_encode(schema, version, messages[0], &once);
    CHECK(rc == 0);
    struct slice first = once.size == 0 ? slice_of_text("") : writer_slice(&once);
    struct arena again = {.base = memory[1], .size = ARENA_SIZE};
    rc = kafka_decode(schema, version, first, &again, messages[1]);
    CHECK(rc == 0);
    struct writer twice = writer_with(ARENA_SIZE);
    rc = kafka_encode(schema, version, messages[1], &twice);
    CHECK(rc == 0);
    CHECK(once.size == twice.size);
    CHECK(once.size == 0 || memcmp(once.base, twice.base, once.size) == 0);
    writer_close(&once);
    writer_close(&twice);
}

/* The first byte picks the API, the second the version, the third the direction. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;

    const struct kafka_api *api = kafka_api_at(data[0] % kafka_api_count);
    int span = api->version_max - api->version_min + 1;
    struct kafka_version version =
        kafka_api_version(api, (int16_t)(api->version_min + data[1] % span));
    struct slice rest = slice_of(data + 3, size - 3);
    try_message(data[2] % 2 == 0 ? api->request : api->response, version, rest);

    struct kafka_request_header header;
    struct slice body;
    if (kafka_request_open(rest, &header, &body) == FRAME_OK) {
        try_message(header.api->request, header.version, body);
    }
    return 0;
}
