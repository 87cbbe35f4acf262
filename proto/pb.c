#include "proto/pb.h"

#include <string.h>

#include "common/check.h"

struct sink {
    ProtobufCBuffer base; /* Must be first: protobuf-c hands it back. */
    struct writer *out;
};

static void sink_append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    struct sink *sink = (struct sink *)base;
    write_bytes(sink->out, bytes, size);
}

void pb_pack(const ProtobufCMessage *message, struct writer *out)
{
    struct sink sink = {.base.append = sink_append, .out = out};
    (void)protobuf_c_message_pack_to_buffer(message, &sink.base);
}

struct room {
    struct arena *arena;
    bool full;
};

static void *room_take(void *data, size_t size)
{
    struct room *room = data;
    void *at = arena_take(room->arena, size, 1);
    if (at == NULL) room->full = true;
    return at;
}

/* What is in an arena dies with it. */
static void room_free(void *data, void *at)
{
    (void)data;
    (void)at;
}

int pb_unpack(const ProtobufCMessageDescriptor *type, struct slice in, struct arena *arena,
              ProtobufCMessage **out)
{
    struct room room = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = room_take, .free = room_free, .allocator_data = &room};

    *out = protobuf_c_message_unpack(type, &allocator, in.size, in.at);
    if (room.full) return -ERR_LIMIT;
    return *out == NULL ? -ERR_MALFORMED : 0;
}

Pb__Listener **pb_listeners(struct pb_listeners *room, const struct meta_listener *listeners,
                            uint32_t count)
{
    CHECK(count <= META_LISTENERS_MAX);

    for (uint32_t i = 0; i < count; i++) {
        Pb__Listener *row = &room->rows[i];
        pb__listener__init(row);
        row->name = pb_bytes(listeners[i].name);
        row->host = pb_bytes(listeners[i].host);
        row->port = listeners[i].port;
        row->protocol = pb_bytes(listeners[i].protocol);
        room->at[i] = row;
    }
    return room->at;
}

struct slice pb_take_text(int *rc, ProtobufCBinaryData bytes, size_t size_max)
{
    /* Protobuf does not tell empty from absent, we do: this text is there. */
    if (bytes.len == 0) return slice_of_text("");

    if (bytes.len > size_max) {
        pb_fail(rc, -ERR_LIMIT);
        return slice_of_text("");
    }
    if (memchr(bytes.data, 0, bytes.len) != NULL) pb_fail(rc, -ERR_MALFORMED);
    return slice_of(bytes.data, bytes.len);
}

struct uuid pb_take_id(int *rc, ProtobufCBinaryData bytes)
{
    struct uuid id = {0};
    if (bytes.len != sizeof id.bytes) {
        pb_fail(rc, -ERR_MALFORMED);
        return id;
    }
    memcpy(id.bytes, bytes.data, sizeof id.bytes);
    return id;
}

int32_t pb_take_number(int *rc, int64_t value, int32_t min, int32_t max)
{
    if (value < min || value > max) {
        pb_fail(rc, -ERR_MALFORMED);
        return min;
    }
    return (int32_t)value;
}

struct id_set pb_take_set(int *rc, size_t count, const int32_t *ids)
{
    struct id_set set = {0};
    if (count > META_REPLICAS_MAX) {
        pb_fail(rc, -ERR_LIMIT);
        return set;
    }
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || !id_set_add(&set, ids[i])) pb_fail(rc, -ERR_MALFORMED);
    }
    return set;
}

uint32_t pb_take_listeners(int *rc, size_t count, Pb__Listener *const *from,
                           struct meta_listener *to)
{
    if (count > META_LISTENERS_MAX) {
        pb_fail(rc, -ERR_LIMIT);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        to[i].name = pb_take_text(rc, from[i]->name, META_TEXT_MAX);
        to[i].host = pb_take_text(rc, from[i]->host, META_HOST_MAX);
        to[i].port = (uint16_t)pb_take_number(rc, from[i]->port, 0, UINT16_MAX);
        to[i].protocol = pb_take_text(rc, from[i]->protocol, META_WORD_MAX);
    }
    return (uint32_t)count;
}
