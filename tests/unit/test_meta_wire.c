#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/prng.h"
#include "proto/meta.h"

static struct uuid id_of(uint8_t n)
{
    return (struct uuid){.bytes = {n, 2, 3}};
}

static struct slice text(const char *s)
{
    return slice_of_text(s);
}

static void cluster_kinds(struct meta_record r[16])
{
    r[0].kind = META_NOOP;
    r[1].kind = META_CLUSTER;
    r[1].cluster.cluster_id = text("abcdefghijklmnopqrst-_");
    r[2].kind = META_FEATURE;
    r[2].feature.name = text("metadata.version");
    r[2].feature.level = 3;
    r[3].kind = META_BROKER;
    r[3].broker.id = 5;
    r[3].broker.epoch = 1234567890123;
    r[3].broker.incarnation = id_of(1);
    r[3].broker.secret = id_of(2);
    r[3].broker.rack = text("");
    r[3].broker.shard_count = 4;
    r[3].broker.listener_count = META_LISTENERS_MAX;
    static const char *const names[META_LISTENERS_MAX] = {"A", "B", "C", "D", "E", "F", "G", "H"};
    for (uint32_t i = 0; i < META_LISTENERS_MAX; i++) {
        r[3].broker.listeners[i] = (struct meta_listener){
            .name = text(names[i]), .host = text(""), .port = 65535, .protocol = text("SSL")};
    }
    r[3].broker.replication_listener = text("C");
    r[3].broker.version = text("0.1.0");
    r[4].kind = META_BROKER_STATE;
    r[4].broker_state.id = 5;
    r[4].broker_state.epoch = 9;
    r[4].broker_state.fenced = true;
    r[4].broker_state.stopping = true;
    r[5].kind = META_BROKER_REMOVED;
    r[5].broker_removed.id = 0;
}

static void topic_kinds(struct meta_record r[16])
{
    r[6].kind = META_TOPIC;
    r[6].topic.id = id_of(3);
    r[6].topic.name = text("orders.v1_x-y");
    r[7].kind = META_TOPIC_DELETED;
    r[7].topic_deleted.id = id_of(3);
    r[8].kind = META_PARTITION;
    r[8].partition.topic_id = id_of(3);
    r[8].partition.partition = 2147483647;
    r[8].partition.leader = META_NOBODY;
    r[8].partition.leader_epoch = 7;
    r[8].partition.partition_epoch = 8;
    for (int32_t i = 0; i < META_REPLICAS_MAX; i++) id_set_add(&r[8].partition.replicas, 100 - i);
    id_set_add(&r[8].partition.isr, 100);
    id_set_add(&r[8].partition.elr, 99);
    id_set_add(&r[8].partition.last_known_elr, 55);
    id_set_add(&r[8].partition.adding, 98);
    id_set_add(&r[8].partition.removing, 97);
    r[9].kind = META_CONFIG;
    r[9].config.type = 2;
    r[9].config.name = text("orders");
    r[9].config.key = text("retention.ms");
    r[10] = r[9];
    r[10].config.value = text("");
    r[11] = r[9];
    r[11].config.value = text("86400000");
    r[12].kind = META_PRODUCER_IDS;
    r[12].producer_ids.next = INT64_MAX;
    r[13].kind = META_VOTERS;
    r[13].voters.count = META_VOTERS_MAX;
    for (uint32_t i = 0; i < META_VOTERS_MAX; i++) {
        r[13].voters.voters[i] = (struct meta_voter){
            .id = i + 1, .disk = id_of(7), .host = text("h"), .port = 9093, .is_learner = i > 2};
    }
    r[14].kind = META_TOPIC_RETIRED;
    r[14].topic_retired.id = id_of(4);
    r[14].topic_retired.wall_ms = 1700000000000;
    r[14].topic_retired.due_ms = 1700000060000;
    r[15].kind = META_TOPIC_RESTORED;
    r[15].topic_restored.id = id_of(5);
}

/* One record of each kind, every field with a value of its own. */
static uint32_t each_kind(struct meta_record r[16])
{
    memset(r, 0, 16 * sizeof *r);
    cluster_kinds(r);
    topic_kinds(r);
    return 16;
}

struct decoded {
    struct arena arena;
    struct meta_batch batch;
    int rc;
};

static struct decoded decode(struct slice in, size_t arena_size)
{
    struct decoded d = {.arena = {.base = malloc(arena_size), .size = arena_size}};
    d.rc = meta_batch_decode(in, &d.arena, &d.batch);
    return d;
}

static struct writer encode(const struct meta_batch *batch)
{
    struct writer w = writer_with(1 << 20);
    meta_batch_encode(batch, &w);
    cr_assert(writer_ok(&w));
    return w;
}

static void decodes_to_itself(const struct meta_batch *batch)
{
    struct writer a = encode(batch);
    struct decoded d = decode(writer_slice(&a), META_DECODE_BYTES(a.size));
    cr_assert_eq(d.rc, 0);
    cr_assert_eq(d.batch.count, batch->count);
    cr_assert_eq(d.batch.level, batch->level);
    cr_assert_eq(d.batch.wall_ms, batch->wall_ms);

    struct writer b = encode(&d.batch);
    cr_assert(slice_equal(writer_slice(&a), writer_slice(&b)));
    writer_close(&a);
    writer_close(&b);
    free(d.arena.base);
}

Test(meta_wire, every_kind_decodes_to_itself)
{
    struct meta_record records[16];
    uint32_t count = each_kind(records);
    struct meta_batch batch = {.level = META_LEVEL,
                               .wall_ms = 1700000000000,
                               .cause = text("broker 2 fenced: connection refused"),
                               .count = count,
                               .records = records};
    decodes_to_itself(&batch);
    for (uint32_t i = 0; i < count; i++) {
        batch.records = &records[i];
        batch.count = 1;
        decodes_to_itself(&batch);
    }
    batch.count = 0;
    decodes_to_itself(&batch);
}

Test(meta_wire, values_survive)
{
    struct meta_record records[16];
    struct meta_batch batch = {
        .level = META_LEVEL, .count = each_kind(records), .records = records};
    struct writer w = encode(&batch);
    struct decoded d = decode(writer_slice(&w), META_DECODE_BYTES(w.size));
    cr_assert_eq(d.rc, 0);
    const struct meta_record *r = d.batch.records;

    cr_assert_eq(r[3].broker.epoch, 1234567890123);
    cr_assert(uuid_equal(r[3].broker.secret, id_of(2)));
    cr_assert_eq(r[3].broker.listeners[7].port, 65535);
    cr_assert(slice_equal(r[3].broker.replication_listener, text("C")));
    cr_assert(r[4].broker_state.fenced);
    cr_assert(r[4].broker_state.stopping);
    cr_assert_eq(r[8].partition.partition, 2147483647);
    cr_assert_eq(r[8].partition.leader, META_NOBODY);
    cr_assert_eq(r[8].partition.replicas.ids[11], 89);
    cr_assert_eq(r[8].partition.removing.ids[0], 97);
    cr_assert_eq(r[12].producer_ids.next, INT64_MAX);
    cr_assert_eq(r[13].voters.voters[8].id, 9);
    cr_assert(r[13].voters.voters[8].is_learner);
    writer_close(&w);
    free(d.arena.base);
}

Test(meta_wire, absent_is_not_empty)
{
    struct meta_record records[16];
    struct meta_batch batch = {
        .level = META_LEVEL, .count = each_kind(records), .records = records};
    struct writer w = encode(&batch);
    struct decoded d = decode(writer_slice(&w), META_DECODE_BYTES(w.size));
    cr_assert_not_null(d.batch.records[3].broker.rack.at);
    cr_assert_null(d.batch.records[9].config.value.at);
    cr_assert_not_null(d.batch.records[10].config.value.at);
    cr_assert_eq(d.batch.records[10].config.value.size, 0);
    writer_close(&w);
    free(d.arena.base);
}

Test(meta_wire, nothing_decoded_points_into_the_input)
{
    struct meta_record records[16];
    struct meta_batch batch = {
        .level = META_LEVEL, .count = each_kind(records), .records = records};
    struct writer w = encode(&batch);
    struct decoded d = decode(writer_slice(&w), META_DECODE_BYTES(w.size));
    memset(w.base, 0xff, w.size);
    cr_assert(slice_equal(d.batch.records[6].topic.name, text("orders.v1_x-y")));
    writer_close(&w);
    free(d.arena.base);
}

Test(meta_wire, long_cause_is_cut_off)
{
    static char cause[META_CAUSE_MAX + 500];
    memset(cause, 'x', sizeof cause);
    struct meta_batch batch = {.level = META_LEVEL, .cause = slice_of(cause, sizeof cause)};
    struct writer w = encode(&batch);
    struct decoded d = decode(writer_slice(&w), META_DECODE_BYTES(w.size));
    cr_assert_eq(d.rc, 0);
    cr_assert_eq(d.batch.cause.size, META_CAUSE_MAX);
    writer_close(&w);
    free(d.arena.base);
}

/* ---- Bytes that were not written here. Each is `level 1` and one record, by hand. ---- */

struct strange {
    const char *what;
    int rc;
    const char *bytes;
    size_t size;
};

#define BYTES(s) s, sizeof(s) - 1

Test(meta_wire, strange_bytes_are_refused_by_name)
{
    /* clang-format off */
    static const struct strange strange[] = {
        {"nothing at all has no level",     -ERR_MALFORMED,   BYTES("")},
        {"negative level",                  -ERR_MALFORMED,   BYTES("\x08\x01")},
        {"a level from the future",         -ERR_UNSUPPORTED, BYTES("\x08\x7e")},
        {"a record without a body",         -ERR_UNSUPPORTED, BYTES("\x08\x02\x22\x00")},
        {"kind 15",                         -ERR_UNSUPPORTED, BYTES("\x08\x02\x22\x02\x7a\x00")},
        {"a length past the end",           -ERR_MALFORMED,   BYTES("\x08\x02\x22\x7f\x0a\x00")},
        {"a cut off varint",                -ERR_MALFORMED,   BYTES("\x08\x82")},
        {"a topic id of 2 bytes",           -ERR_MALFORMED,
         BYTES("\x08\x02\x22\x06\x42\x04\x0a\x02zz")},
        {"13 replicas",                     -ERR_LIMIT,
         BYTES("\x08\x02\x22\x23\x4a\x21\x0a\x10zzzzzzzzzzzzzzzz"
               "\x32\x0d\0\2\4\6\x8\xa\xc\xe\x10\x12\x14\x16\x18")},
        {"a replica twice",                 -ERR_MALFORMED,
         BYTES("\x08\x02\x22\x18\x4a\x16\x0a\x10zzzzzzzzzzzzzzzz\x32\x02\x02\x02")},
        {"port 65536",                      -ERR_MALFORMED,
         BYTES("\x08\x02\x22\x1d\x62\x1b\x0a\x19\x12\x10zzzzzzzzzzzzzzzz"
               "\x1a\x01h\x20\x80\x80\x04")},
        {"a NUL in a key",                  -ERR_MALFORMED,
         BYTES("\x08\x02\x22\x08\x52\x06\x08\x08\x1a\x02k\0")},
        {"a cluster id that is too long",   -ERR_LIMIT,
         BYTES("\x08\x02\x22\x1b\x12\x19\x0a\x17" "abcdefghijklmnopqrstuvw")},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        struct decoded d = decode(slice_of(strange[i].bytes, strange[i].size), 1 << 16);
        cr_assert_eq(d.rc, strange[i].rc, "%s: %d", strange[i].what, d.rc);
        cr_assert_null(d.batch.records);
        free(d.arena.base);
    }
}

Test(meta_wire, full_arena_is_a_limit_at_every_size)
{
    struct meta_record records[16];
    struct meta_batch batch = {
        .level = META_LEVEL, .count = each_kind(records), .records = records};
    struct writer w = encode(&batch);
    int refused_count = 0;
    for (size_t size = 1; size < META_DECODE_BYTES(w.size); size += 97) {
        struct decoded d = decode(writer_slice(&w), size);
        cr_assert(d.rc == 0 || d.rc == -ERR_LIMIT, "%d", d.rc);
        if (d.rc < 0) refused_count++;
        free(d.arena.base);
    }
    cr_assert_gt(refused_count, 10);
    writer_close(&w);
}

Test(meta_wire, many_small_records_fit_into_the_promised_arena)
{
    enum { COUNT = 5000 };
    struct meta_record *records = calloc(COUNT, sizeof *records);
    for (int32_t i = 0; i < COUNT; i++) {
        records[i].kind = META_PARTITION;
        records[i].partition.topic_id = id_of(1);
        records[i].partition.partition = i;
        records[i].partition.leader = META_NOBODY;
        id_set_add(&records[i].partition.replicas, 1);
    }
    struct meta_batch batch = {.level = META_LEVEL, .count = COUNT, .records = records};
    decodes_to_itself(&batch);
    free(records);
}

Test(meta_wire, flipped_bits_never_crash)
{
    struct meta_record records[16];
    struct meta_batch batch = {
        .level = META_LEVEL, .count = each_kind(records), .records = records};
    struct writer w = encode(&batch);
    struct prng p = prng_from_seed(1);
    int refused_count = 0;
    for (int i = 0; i < 20000; i++) {
        size_t at = prng_range(&p, 0, w.size - 1);
        uint8_t bit = (uint8_t)(1u << prng_range(&p, 0, 7));
        w.base[at] ^= bit;
        struct decoded d = decode(writer_slice(&w), META_DECODE_BYTES(w.size));
        if (d.rc < 0) refused_count++;
        if (d.rc == 0) decodes_to_itself(&d.batch);
        free(d.arena.base);
        if (prng_chance(&p, 9, 10)) w.base[at] ^= bit;
    }
    cr_assert_gt(refused_count, 100);
    writer_close(&w);
}
