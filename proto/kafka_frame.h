/* kafka_frame.h -- what stands around a message: the length, and the header of request or answer.
 *
 * A frame on the wire is a length of four bytes and that many bytes more. The functions that open
 * one are given what follows the length; those that begin one write the length, too, and
 * kafka_frame_end() fills it in.
 *
 *     size_t start = kafka_response_begin(&w, api, version, correlation_id);
 *     rc = kafka_encode_spliced(api->response, kafka_api_version(api, version), &m, &w, &splices);
 *     rc = rc != 0 ? rc : kafka_frame_end(&w, start, &splices, splices_before);
 */
#ifndef PROTO_KAFKA_FRAME_H
#define PROTO_KAFKA_FRAME_H

#include "proto/kafka_apis.h"

/* clang-format off */
#define FRAME_FAULTS(X)                                                        \
    X(OK,                  "the header parses and the version is offered")     \
    X(MALFORMED,           "the header does not parse")                        \
    X(UNKNOWN_API,         "the API key is not one this broker knows")         \
    X(UNSUPPORTED_VERSION, "the version of the API is not one it offers")

enum frame_fault {
#define X(name, text) FRAME_##name,
    FRAME_FAULTS(X)
#undef X
};
/* clang-format on */

const char *frame_fault_text(enum frame_fault fault);

struct kafka_request_header {
    int16_t api_key;
    int32_t correlation_id;
    struct slice client_id;      /* Absent if null. */
    const struct kafka_api *api; /* NULL if the key is unknown. */
    struct kafka_version
        version; /* What the codec needs; flexible only if the version is offered. */
};

/* Split a request into header and body.
 *
 * Except when malformed, api_key, version.number and correlation_id are filled in. An ApiVersions
 * request of a version that is not offered is answered in the layout of version 0 with
 * UNSUPPORTED_VERSION; any other such request has no layout to be answered in: its connection is
 * closed, and this says why. `body` is set for FRAME_OK only. */
enum frame_fault kafka_request_open(struct slice frame, struct kafka_request_header *header,
                                    struct slice *body);

/* Returns -ERR_MALFORMED if the frame is too short for the header. */
MUST_USE int kafka_response_open(struct slice frame, const struct kafka_api *api, int16_t version,
                                 int32_t *correlation_id, struct slice *body);

/* Write the room for the length and the header. Return where the frame starts in the writer. */
size_t kafka_request_begin(struct writer *out, const struct kafka_api *api, int16_t version,
                           int32_t correlation_id, struct slice client_id);
size_t kafka_response_begin(struct writer *out, const struct kafka_api *api, int16_t version,
                            int32_t correlation_id);

/* Fill in the length of the frame that begins at `start`, counting what splices from `splice_first`
 * on leave out (`splices` may be NULL). Returns -ERR_LIMIT if the frame is too large or the
 * writer's bound was reached. */
MUST_USE int kafka_frame_end(struct writer *out, size_t start, const struct splices *splices,
                             uint32_t splice_first);

#endif
