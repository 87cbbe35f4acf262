/* pb.h -- the door to protobuf-c: nobody but pb.c, meta_wire.c and rpc.c may include it.
 *
 * Encoding: fill generated structs with pb_bytes(), pb_id() and pb_list(), which only point, and
 * pb_pack() them. Decoding: pb_unpack() into an arena, then take each value through a function that
 * bounds it. These have a sticky failure: the first sets *rc, and whoever decodes asks once, at the
 * end. What they return after a failure is safe and means nothing.
 */
#ifndef PROTO_PB_H
#define PROTO_PB_H

#include <protobuf-c/protobuf-c.h>

#include "common/arena.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/meta.h"
#include "proto/meta.pb-c.h"

/* Appends the encoding of `message`. Never more than once for one message: fields would merge. */
void pb_pack(const ProtobufCMessage *message, struct writer *out);

/* The message lives in `arena`. 0, -ERR_MALFORMED, -ERR_LIMIT (the arena is full). */
MUST_USE int pb_unpack(const ProtobufCMessageDescriptor *type, struct slice in, struct arena *arena,
                       ProtobufCMessage **out);

/* ---- To protobuf. ---- */

/* The generated structs do not know const; they are only read when packed. */
static inline ProtobufCBinaryData pb_bytes(struct slice s)
{
    return (ProtobufCBinaryData){.len = s.size, .data = (uint8_t *)(uintptr_t)s.at};
}

static inline ProtobufCBinaryData pb_id(const struct uuid *id)
{
    return pb_bytes(slice_of(id->bytes, sizeof id->bytes));
}

static inline int32_t *pb_list(const struct id_set *s)
{
    return (int32_t *)(uintptr_t)s->ids;
}

/* What a packed list of listeners points to. It must outlive the packing. */
struct pb_listeners {
    Pb__Listener rows[META_LISTENERS_MAX];
    Pb__Listener *at[META_LISTENERS_MAX];
};

Pb__Listener **pb_listeners(struct pb_listeners *room, const struct meta_listener *listeners,
                            uint32_t count);

/* ---- From protobuf. ---- */

static inline void pb_fail(int *rc, int error)
{
    if (*rc == 0) *rc = error;
}

/* Text: at most `size_max` bytes and no NUL. Never absent. */
struct slice pb_take_text(int *rc, ProtobufCBinaryData bytes, size_t size_max);

struct uuid pb_take_id(int *rc, ProtobufCBinaryData bytes);

/* A value in [min, max]. */
int32_t pb_take_number(int *rc, int64_t value, int32_t min, int32_t max);

/* Different ids that are not negative, at most META_REPLICAS_MAX. */
struct id_set pb_take_set(int *rc, size_t count, const int32_t *ids);

/* Into an array of META_LISTENERS_MAX. */
uint32_t pb_take_listeners(int *rc, size_t count, Pb__Listener *const *from,
                           struct meta_listener *to);

#endif
