#include "proto/kafka_frame.h"

#include "common/check.h"

const char *frame_fault_text(enum frame_fault fault)
{
    /* clang-format off */
    static const char *const texts[] = {
#define X(name, text) [FRAME_##name] = text,
        FRAME_FAULTS(X)
#undef X
    };
    /* clang-format on */
    return texts[fault];
}

static void skip_tags(struct reader *in)
{
    uint32_t tag_count = read_uvarint(in);
    for (uint32_t i = 0; i < tag_count && reader_ok(in); i++) {
        (void)read_uvarint(in);
        (void)read_slice(in, read_uvarint(in));
    }
}

static struct slice rest_of(const struct reader *in)
{
    return slice_of(in->at, reader_left(in));
}

enum frame_fault kafka_request_open(struct slice frame, struct kafka_request_header *header,
                                    struct slice *body)
{
    CHECK(frame.at != NULL);

    struct reader in = reader_of(frame);
    *header = (struct kafka_request_header){.api_key = read_i16(&in)};
    header->version.number = read_i16(&in);
    header->correlation_id = read_i32(&in);
    if (!reader_ok(&in)) return FRAME_MALFORMED;

    header->api = kafka_api_find(header->api_key);
    if (header->api == NULL) return FRAME_UNKNOWN_API;

    /* The client's name has the classic form in every version of the header, so that it can be
     * read before the version is understood. In a log line it tells who is out of date. */
    int16_t length = read_i16(&in);
    if (length >= 0) header->client_id = read_slice(&in, (size_t)length);
    bool named = length >= -1 && reader_ok(&in);
    if (!kafka_api_offers(header->api, header->version.number)) {
        if (!named) header->client_id = (struct slice){0};
        return FRAME_UNSUPPORTED_VERSION;
    }
    if (!named) return FRAME_MALFORMED;

    header->version = kafka_api_version(header->api, header->version.number);
    if (kafka_request_header_version(header->api, header->version.number) >= 2) skip_tags(&in);
    if (!reader_ok(&in)) return FRAME_MALFORMED;

    *body = rest_of(&in);
    return FRAME_OK;
}

int kafka_response_open(struct slice frame, const struct kafka_api *api, int16_t version,
                        int32_t *correlation_id, struct slice *body)
{
    CHECK(frame.at != NULL);

    struct reader in = reader_of(frame);
    *correlation_id = read_i32(&in);
    if (kafka_response_header_version(api, version) >= 1) skip_tags(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;

    *body = rest_of(&in);
    return 0;
}

size_t kafka_request_begin(struct writer *out, const struct kafka_api *api, int16_t version,
                           int32_t correlation_id, struct slice client_id)
{
    CHECK(client_id.size <= INT16_MAX);

    size_t start = out->size;
    write_i32(out, 0);
    write_i16(out, api->key);
    write_i16(out, version);
    write_i32(out, correlation_id);
    write_i16(out, client_id.at == NULL ? -1 : (int16_t)client_id.size);
    write_slice(out, client_id);
    if (kafka_request_header_version(api, version) >= 2) write_uvarint(out, 0);
    return start;
}

size_t kafka_response_begin(struct writer *out, const struct kafka_api *api, int16_t version,
                            int32_t correlation_id)
{
    size_t start = out->size;
    write_i32(out, 0);
    write_i32(out, correlation_id);
    if (kafka_response_header_version(api, version) >= 1) write_uvarint(out, 0);
    return start;
}

int kafka_frame_end(struct writer *out, size_t start, const struct splices *splices,
                    uint32_t splice_first)
{
    if (!writer_ok(out)) return -ERR_LIMIT;

    CHECK(start + sizeof(int32_t) <= out->size);
    uint64_t size = out->size - start - sizeof(int32_t);
    if (splices != NULL) size += splices_size_bytes(splices, splice_first);
    if (size > INT32_MAX) return -ERR_LIMIT;

    writer_patch_i32(out, start, (int32_t)size);
    return 0;
}
