/* Any bytes, taken for a frame: as they are; sealed with a checksum that fits, or nothing would
 * ever get past it; and as changes to a frame that was sound. What decodes must survive being
 * written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/rpc.h"

#define ARENA_SIZE (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_frame(struct slice in)
{
    static _Alignas(16) uint8_t room[2][ARENA_SIZE];
    struct arena arena = {.base = room[0], .size = ARENA_SIZE};
    struct arena again = {.base = room[1], .size = ARENA_SIZE};

    struct rpc_msg msg, back;
    if (rpc_decode(in, &arena, &msg) == 0) {
        struct buf *a = rpc_encode(&msg);
        CHECK(a != NULL);
        int rc = rpc_decode(slice_of(a->data + 4, a->size - 4), &again, &back);
        CHECK(rc == 0 || rc == -ERR_LIMIT);
        if (rc == 0) {
            struct buf *b = rpc_encode(&back);
            CHECK(slice_equal(buf_slice(a), buf_slice(b)));
            buf_unref(b);
        }
        buf_unref(a);
    } else {
        CHECK(msg.kind == 0);
    }
}

static void seal(uint8_t *frame, size_t size)
{
    uint32_t crc = htobe32(crc32c(frame + 4, size - 4));
    memcpy(frame, &crc, sizeof crc);
}

/* The bytes as a head without bulk. */
static void try_head(const uint8_t *data, size_t size)
{
    uint8_t *frame = calloc(1, 8 + size);
    CHECK(frame != NULL);
    uint32_t head_size = htobe32((uint32_t)size);
    memcpy(frame + 4, &head_size, sizeof head_size);
    if (size > 0) memcpy(frame + 8, data, size);
    seal(frame, 8 + size);
    try_frame(slice_of(frame, 8 + size));
    free(frame);
}

static struct buf *sound(uint8_t which)
{
    static struct rpc_isr_change change = {.partition = 1, .isr_count = 2, .isr = {{1, 5}, {2, 6}}};
    static struct rpc_isr_result result = {.partition = 1, .error = 3, .index = 9};
    struct rpc_msg msg = {.kind = (enum rpc_kind)(1 + which % RPC_APPLIED)};
    if (msg.kind == RPC_HELLO) msg.hello.role = RPC_ROLE_VOTER;
    if (msg.kind == RPC_ALTER_ISR) msg.alter_isr.count = 1, msg.alter_isr.changes = &change;
    if (msg.kind == RPC_ALTER_ISR_REPLY) {
        msg.alter_isr_reply.count = 1;
        msg.alter_isr_reply.results = &result;
    }
    if (msg.kind == RPC_HEARTBEAT) msg.heartbeat.shard_count = 3;
    if (msg.kind == RPC_REGISTER) {
        msg.register_broker.shard_count = 1;
        msg.register_broker.listener_count = 1;
        msg.register_broker.listeners[0].name = slice_of_text("INTERNAL");
        msg.register_broker.seed_count = 1;
        msg.register_broker.seeds[0] = slice_of_text("a=b");
    }
    return rpc_encode(&msg);
}

/* The bytes as changes (where, what) to a sound frame. */
static void try_changes(const uint8_t *data, size_t size)
{
    struct buf *b = sound(data[0]);
    CHECK(b != NULL);
    uint8_t *frame = b->data + 4;
    size_t frame_size = b->size - 4;
    try_frame(slice_of(frame, frame_size));
    for (size_t i = 1; i + 1 < size && i < 16; i += 2) {
        frame[4 + data[i] % (frame_size - 4)] = data[i + 1];
        seal(frame, frame_size);
        try_frame(slice_of(frame, frame_size));
    }
    buf_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;

    try_frame(slice_of(data, size));
    try_head(data, size);
    try_changes(data, size);
    return 0;
}
