/* Any bytes, taken for a batch of metadata, for a snapshot under a checksum that fits, and for a
 * row of records put to an image: what meta_check() lets pass must leave every invariant standing.
 */
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/meta.h"

#define ARENA_SIZE (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_batch(struct slice in)
{
    static _Alignas(16) uint8_t room[ARENA_SIZE];
    struct arena arena = {.base = room, .size = ARENA_SIZE};

    struct meta_batch batch;
    if (meta_batch_decode(in, &arena, &batch) == 0) {
        struct writer a = writer_with(1 << 20), b = writer_with(1 << 20);
        meta_batch_encode(&batch, &a);
        arena.used = 0;
        int rc = meta_batch_decode(writer_slice(&a), &arena, &batch);
        CHECK(rc == 0 || rc == -ERR_LIMIT);
        if (rc == 0) {
            meta_batch_encode(&batch, &b);
            CHECK(slice_equal(writer_slice(&a), writer_slice(&b)));
        }
        writer_close(&a);
        writer_close(&b);
    }
}

static void try_snapshot(struct slice in)
{
    struct meta_image image = {0}, again = {0};
    if (meta_snapshot_read(in, &image) == 0) {
        meta_image_check(&image);
        struct writer w = writer_with(1 << 24);
        meta_snapshot_write(&image, &w);
        int rc = meta_snapshot_read(writer_slice(&w), &again);
        CHECK(rc == 0);
        CHECK(meta_image_hash(&image) == meta_image_hash(&again));
        writer_close(&w);
    }
    meta_image_close(&image);
    meta_image_close(&again);
}

/* The snapshot of `image` with one byte changed in its rows, and a checksum that fits. */
static void try_changed_snapshot(const struct meta_image *image, size_t where, uint8_t what)
{
    struct writer w = writer_with(1 << 24);
    meta_snapshot_write(image, &w);
    try_snapshot(writer_slice(&w));
    w.base[where % (w.size - 4)] = what;
    writer_patch_i32(&w, w.size - 4, (int32_t)crc32c(w.base, w.size - 4));
    try_snapshot(writer_slice(&w));
    writer_close(&w);
}

/* ---- Records drawn from bytes: small numbers, so that they meet. ---- */

static struct id_set draw_set(struct reader *r)
{
    struct id_set set = {0};
    uint16_t bits = read_u16(r);
    for (int32_t id = 0; id < 4; id++) {
        if (bits >> id & 1) (void)id_set_add(&set, id);
    }
    if (bits >> 12 == 15) set.count = bits & 31;
    return set;
}

static struct meta_record draw_partition(struct reader *r, const struct meta_image *image)
{
    struct meta_record record = {.kind = META_PARTITION};
    record.partition.topic_id.bytes[0] = read_u8(r) % 4;
    record.partition.partition = read_u8(r) % 3;
    record.partition.leader = read_u8(r) % 5 - 1;
    const struct meta_partition *old =
        meta_partition_find(image, record.partition.topic_id, record.partition.partition);
    uint8_t step = read_u8(r);
    if (old != NULL) {
        record.partition.leader_epoch = old->leader_epoch + step % 2;
        record.partition.partition_epoch = old->partition_epoch + 1 + (step == 255);
    }
    record.partition.replicas = draw_set(r);
    record.partition.isr = draw_set(r);
    record.partition.elr = draw_set(r);
    if (step % 4 == 3) record.partition.adding = draw_set(r);
    return record;
}

static struct meta_record draw_broker(struct reader *r, const struct meta_image *image)
{
    struct meta_record record = {.kind = META_BROKER};
    record.broker.id = read_u8(r) % 4;
    record.broker.epoch = (int64_t)image->index + 1 + (read_u8(r) == 0);
    record.broker.incarnation.bytes[0] = 1 + read_u8(r) % 9;
    record.broker.shard_count = 1;
    record.broker.listener_count = 1;
    record.broker.listeners[0] = (struct meta_listener){
        .name = slice_of_text("L"), .port = read_u8(r) | 1u, .protocol = slice_of_text("SSL")};
    record.broker.replication_listener = slice_of_text("L");
    return record;
}

static struct meta_record draw(struct reader *r, const struct meta_image *image)
{
    static const char *const names[] = {"a", "b", "", ".", "a b"};
    struct meta_record record = {.kind = (enum meta_kind)(read_u8(r) % (META_VOTERS + 2))};
    const struct meta_broker *broker;

    switch ((int)record.kind) {
    case META_BROKER: return draw_broker(r, image);
    case META_PARTITION: return draw_partition(r, image);
    case META_BROKER_STATE:
        record.broker_state.id = read_u8(r) % 4;
        broker = meta_broker_find(image, record.broker_state.id);
        if (broker != NULL) record.broker_state.epoch = broker->epoch;
        record.broker_state.fenced = read_u8(r) % 4 == 0;
        record.broker_state.stopping = read_u8(r) % 4 == 0;
        break;
    case META_BROKER_REMOVED: record.broker_removed.id = read_u8(r) % 4; break;
    case META_TOPIC:
        record.topic.id.bytes[0] = read_u8(r) % 4;
        record.topic.name = slice_of_text(names[read_u8(r) % 5]);
        break;
    case META_TOPIC_DELETED: record.topic_deleted.id.bytes[0] = read_u8(r) % 4; break;
    case META_TOPIC_RETIRED:
        record.topic_retired.id.bytes[0] = read_u8(r) % 4;
        record.topic_retired.due_ms = read_u8(r);
        break;
    case META_TOPIC_RESTORED: record.topic_restored.id.bytes[0] = read_u8(r) % 4; break;
    case META_CONFIG:
        record.config.type = (int8_t)(read_u8(r) % 5);
        record.config.name = slice_of_text(names[read_u8(r) % 5]);
        record.config.key = slice_of_text(names[read_u8(r) % 3]);
        if (read_u8(r) % 2 == 0) record.config.value = slice_of_text("v");
        break;
    case META_PRODUCER_IDS: record.producer_ids.next = read_u8(r); break;
    case META_VOTERS:
        record.voters.count = read_u8(r) % 12;
        for (uint32_t i = 0; i < record.voters.count && i < META_VOTERS_MAX; i++)
            record.voters.voters[i] =
                (struct meta_voter){.id = read_u8(r), .host = slice_of_text("h"), .port = 1};
        break;
    default: break;
    }
    return record;
}

static void try_records(const uint8_t *data, size_t size)
{
    struct meta_image image = {0}, copy = {0};
    struct reader r = reader_of(slice_of(data, size));
    while (reader_left(&r) > 0) {
        struct meta_record record = draw(&r, &image);
        const char *why;
        if (meta_check(&image, &record, &why) < 0) {
            CHECK(why != NULL);
            continue;
        }
        struct meta_batch batch = {.level = META_LEVEL, .count = 1, .records = &record};
        meta_apply(&image, image.index + 1, 1, &batch);
        meta_image_check(&image);
    }
    meta_image_copy(&copy, &image);
    CHECK(meta_image_hash(&image) == meta_image_hash(&copy));
    if (size >= 3) try_changed_snapshot(&image, (size_t)(data[0] << 8 | data[1]), data[2]);
    meta_image_close(&image);
    meta_image_close(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_batch(slice_of(data, size));
    try_snapshot(slice_of(data, size));
    try_records(data, size);
    return 0;
}
