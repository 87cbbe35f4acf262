#include "proto/rpc.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/prng.h"

static struct uuid id_of(uint8_t n)
{
    return (struct uuid){.bytes = {n, 2, 3}};
}

static struct slice text(const char *s)
{
    return slice_of_text(s);
}

#define KINDS RPC_DISKS

static struct rpc_isr_change changes[2];
static struct rpc_isr_result results[2];

static void voter_kinds(struct rpc_msg m[KINDS + 1])
{
    m[RPC_HELLO].hello.role = RPC_ROLE_STREAM;
    m[RPC_HELLO].hello.node_id = 7;
    m[RPC_HELLO].hello.disk = id_of(1);
    m[RPC_HELLO].hello.cluster_id = text("abcdefghijklmnopqrst-_");
    m[RPC_HELLO].hello.incarnation = id_of(2);
    m[RPC_HELLO].hello.version = text("0.1.0");
    m[RPC_REFUSED].refused.error = -1;
    m[RPC_REFUSED].refused.text = text("node id 7 is in use by 127.0.0.1:9092");
    m[RPC_NOT_LEADER].not_leader.leader_id = 2;
    m[RPC_NOT_LEADER].not_leader.term = UINT64_MAX;
    m[RPC_RAFT].raft.kind = 3;
    m[RPC_RAFT].raft.from = 1;
    m[RPC_RAFT].raft.to = UINT32_MAX;
    m[RPC_RAFT].raft.term = 9;
    for (uint64_t i = 0; i < RPC_RAFT_NUMBERS; i++) m[RPC_RAFT].raft.numbers[i] = i << 60;
    m[RPC_RAFT].raft.flags = 5;
    m[RPC_RAFT].raft.entries = text("entries, back to back");
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.last_index = 1;
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.last_term = 2;
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.term = 3;
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.at = 4;
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.total = 5;
    m[RPC_SNAPSHOT_CHUNK].snapshot_chunk.bytes = text("chunk");
}

static void session_kinds(struct rpc_msg m[KINDS + 1])
{
    m[RPC_REGISTER].register_broker.id = 3;
    m[RPC_REGISTER].register_broker.incarnation = id_of(4);
    m[RPC_REGISTER].register_broker.secret = id_of(5);
    m[RPC_REGISTER].register_broker.shard_count = RPC_SHARDS_MAX;
    m[RPC_REGISTER].register_broker.listener_count = 2;
    for (int i = 0; i < 2; i++) {
        m[RPC_REGISTER].register_broker.listeners[i] =
            (struct meta_listener){.name = text("INTERNAL"),
                                   .host = text("h"),
                                   .port = 9092,
                                   .protocol = text("PLAINTEXT")};
    }
    m[RPC_REGISTER].register_broker.replication_listener = text("INTERNAL");
    m[RPC_REGISTER].register_broker.is_log_whole = true;
    m[RPC_REGISTER].register_broker.applied_index = 77;
    m[RPC_REGISTER].register_broker.seed_count = RPC_SEEDS_MAX;
    for (int i = 0; i < RPC_SEEDS_MAX; i++)
        m[RPC_REGISTER].register_broker.seeds[i] = text("min.insync.replicas=2");
    m[RPC_REGISTERED].registered.epoch = 12;
    m[RPC_REGISTERED].registered.index = 13;
    m[RPC_REGISTERED].registered.cluster_id = text("abcdefghijklmnopqrst-_");
    m[RPC_HEARTBEAT].heartbeat.id = 3;
    m[RPC_HEARTBEAT].heartbeat.epoch = 12;
    m[RPC_HEARTBEAT].heartbeat.applied_index = 14;
    m[RPC_HEARTBEAT].heartbeat.wants_stop = true;
    m[RPC_HEARTBEAT].heartbeat.shard_count = RPC_SHARDS_MAX;
    for (uint64_t i = 0; i < RPC_SHARDS_MAX; i++) m[RPC_HEARTBEAT].heartbeat.shard_quiet_ms[i] = i;
    m[RPC_HEARTBEAT].heartbeat.disk_quiet_ms = 15;
    m[RPC_HEARTBEAT_REPLY].heartbeat_reply.epoch = 12;
    m[RPC_HEARTBEAT_REPLY].heartbeat_reply.fenced = true;
    m[RPC_HEARTBEAT_REPLY].heartbeat_reply.may_stop = true;
    m[RPC_HEARTBEAT_REPLY].heartbeat_reply.term = 2;
    m[RPC_HEARTBEAT_REPLY].heartbeat_reply.commit_index = 16;
}

static struct rpc_log_end log_ends[2] = {{.partition = 7, .epoch = -1},
                                         {.partition = 2147483647, .epoch = 5, .end = 1ll << 60}};

static struct rpc_replica_disk disks[2] = {{.partition = 7, .disk = RPC_DISK_SLOW},
                                           {.partition = 2147483647, .disk = RPC_DISK_LOST}};

static void request_kinds(struct rpc_msg m[KINDS + 1])
{
    changes[0] = (struct rpc_isr_change){.topic_id = id_of(1), .partition = 2, .leader_epoch = 3};
    changes[1] = changes[0];
    changes[1].partition_epoch = 4;
    for (int32_t i = 0; i < META_REPLICAS_MAX; i++)
        changes[1].isr[changes[1].isr_count++] = (struct rpc_isr_member){i, 1000 + i};
    m[RPC_ALTER_ISR].alter_isr.id = 3;
    m[RPC_ALTER_ISR].alter_isr.epoch = 12;
    m[RPC_ALTER_ISR].alter_isr.correlation = 99;
    m[RPC_ALTER_ISR].alter_isr.count = 2;
    m[RPC_ALTER_ISR].alter_isr.changes = changes;
    results[0] = (struct rpc_isr_result){.topic_id = id_of(1), .partition = 2, .error = -1};
    results[1] = (struct rpc_isr_result){id_of(2), 1, 0, 55, 6};
    m[RPC_ALTER_ISR_REPLY].alter_isr_reply.correlation = 99;
    m[RPC_ALTER_ISR_REPLY].alter_isr_reply.term = 2;
    m[RPC_ALTER_ISR_REPLY].alter_isr_reply.count = 2;
    m[RPC_ALTER_ISR_REPLY].alter_isr_reply.results = results;
    m[RPC_ADMIN].admin.correlation = 1;
    m[RPC_ADMIN].admin.api_key = 19;
    m[RPC_ADMIN].admin.api_version = 7;
    m[RPC_ADMIN].admin.listener = text("EXTERNAL");
    m[RPC_ADMIN].admin.body = text("a CreateTopics request");
    m[RPC_ADMIN_REPLY].admin_reply.correlation = 1;
    m[RPC_ADMIN_REPLY].admin_reply.error = 41;
    m[RPC_ADMIN_REPLY].admin_reply.body = text("its answer");
    m[RPC_PRODUCER_IDS].producer_ids.correlation = 2;
    m[RPC_PRODUCER_IDS].producer_ids.id = 3;
    m[RPC_PRODUCER_IDS].producer_ids.epoch = 12;
    m[RPC_PRODUCER_IDS].producer_ids.wanted = 1000;
    m[RPC_PRODUCER_IDS_REPLY].producer_ids_reply.correlation = 2;
    m[RPC_PRODUCER_IDS_REPLY].producer_ids_reply.error = 41;
    m[RPC_PRODUCER_IDS_REPLY].producer_ids_reply.first = 5000;
    m[RPC_PRODUCER_IDS_REPLY].producer_ids_reply.count = 1000;
    m[RPC_LOG_ENDS].log_ends.id = 3;
    m[RPC_LOG_ENDS].log_ends.epoch = 12;
    m[RPC_LOG_ENDS].log_ends.count = 2;
    m[RPC_LOG_ENDS].log_ends.ends = log_ends;
    m[RPC_DISKS].disks.id = 3;
    m[RPC_DISKS].disks.epoch = 12;
    m[RPC_DISKS].disks.count = 2;
    m[RPC_DISKS].disks.replicas = disks;
    m[RPC_FOLLOW].follow.id = 3;
    m[RPC_FOLLOW].follow.epoch = 12;
    m[RPC_FOLLOW].follow.applied_index = 17;
    m[RPC_FOLLOW].follow.applied_term = 2;
    m[RPC_RECORDS].records.term = 2;
    m[RPC_RECORDS].records.first_index = 18;
    m[RPC_RECORDS].records.commit_index = 20;
    m[RPC_RECORDS].records.batches = text("batches, back to back");
    m[RPC_APPLIED].applied.id = 3;
    m[RPC_APPLIED].applied.epoch = 12;
    m[RPC_APPLIED].applied.index = 20;
}

/* One message of each kind, every field with a value; by kind. */
static void each_kind(struct rpc_msg m[KINDS + 1])
{
    memset(m, 0, (KINDS + 1) * sizeof *m);
    for (int i = 1; i <= KINDS; i++) m[i].kind = (enum rpc_kind)i;
    voter_kinds(m);
    session_kinds(m);
    request_kinds(m);
}

static struct slice after_length(const struct buf *b)
{
    return slice_of(b->data + 4, b->size - 4);
}

struct decoded {
    struct arena arena;
    struct rpc_msg msg;
    int rc;
};

static struct decoded decode(struct slice in, size_t arena_size)
{
    struct decoded d = {.arena = {.base = malloc(arena_size), .size = arena_size}};
    d.rc = rpc_decode(in, &d.arena, &d.msg);
    return d;
}

static void decodes_to_itself(const struct rpc_msg *m)
{
    struct buf *a = rpc_encode(m);
    cr_assert_not_null(a);
    struct decoded d = decode(after_length(a), RPC_DECODE_BYTES(a->size));
    cr_assert_eq(d.rc, 0, "%s: %d", rpc_kind_name(m->kind), d.rc);
    cr_assert_eq(d.msg.kind, m->kind);

    struct buf *b = rpc_encode(&d.msg);
    cr_assert(slice_equal(buf_slice(a), buf_slice(b)), "%s", rpc_kind_name(m->kind));
    buf_unref(a);
    buf_unref(b);
    free(d.arena.base);
}

Test(rpc, every_kind_decodes_to_itself)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    for (int i = 1; i <= KINDS; i++) {
        if (i == RPC_REGISTER) cr_assert_null(m[i].register_broker.rack.at);
        decodes_to_itself(&m[i]);
    }
}

Test(rpc, values_survive)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    struct buf *b = rpc_encode(&m[RPC_ALTER_ISR]);
    struct decoded d = decode(after_length(b), RPC_DECODE_BYTES(b->size));
    cr_assert_eq(d.msg.alter_isr.count, 2);
    cr_assert_eq(d.msg.alter_isr.changes[0].isr_count, 0);
    cr_assert_eq(d.msg.alter_isr.changes[1].isr[11].broker_epoch, 1011);
    cr_assert_eq(d.msg.alter_isr.changes[1].partition_epoch, 4);
    buf_unref(b);
    free(d.arena.base);

    b = rpc_encode(&m[RPC_RAFT]);
    d = decode(after_length(b), RPC_DECODE_BYTES(b->size));
    cr_assert_eq(d.msg.raft.numbers[7], 7ull << 60);
    cr_assert_eq(d.msg.raft.to, UINT32_MAX);
    cr_assert(slice_equal(d.msg.raft.entries, text("entries, back to back")));
    buf_unref(b);
    free(d.arena.base);
}

Test(rpc, absent_rack_is_not_an_empty_one)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    for (int i = 0; i < 2; i++) {
        m[RPC_REGISTER].register_broker.rack = i == 0 ? (struct slice){0} : text("");
        struct buf *b = rpc_encode(&m[RPC_REGISTER]);
        struct decoded d = decode(after_length(b), RPC_DECODE_BYTES(b->size));
        cr_assert_eq(d.msg.register_broker.rack.at == NULL, i == 0);
        buf_unref(b);
        free(d.arena.base);
    }
}

Test(rpc, bulk_is_not_copied_and_needs_no_arena)
{
    static uint8_t batches[8 * 1024 * 1024];
    struct rpc_msg m = {.kind = RPC_RECORDS};
    m.records.batches = slice_of(batches, sizeof batches);
    struct buf *b = rpc_encode(&m);
    struct decoded d = decode(after_length(b), 1024);
    cr_assert_eq(d.rc, 0);
    cr_assert_eq(d.msg.records.batches.size, sizeof batches);
    cr_assert_eq(d.msg.records.batches.at, b->data + b->size - sizeof batches);
    buf_unref(b);
    free(d.arena.base);
}

Test(rpc, frame_begins_with_its_length)
{
    struct rpc_msg m = {.kind = RPC_APPLIED};
    struct buf *b = rpc_encode(&m);
    struct reader r = reader_of(buf_slice(b));
    cr_assert_eq(read_u32(&r), b->size - 4);
    buf_unref(b);
}

Test(rpc, too_large_a_message_is_not_encoded)
{
    static uint8_t bytes[RPC_FRAME_MAX_BYTES];
    struct rpc_msg m = {.kind = RPC_RAFT};
    m.raft.entries = slice_of(bytes, sizeof bytes);
    cr_assert_null(rpc_encode(&m));

    m = (struct rpc_msg){.kind = RPC_SNAPSHOT_CHUNK};
    m.snapshot_chunk.bytes = slice_of(bytes, RPC_CHUNK_MAX_BYTES + 1);
    cr_assert_null(rpc_encode(&m));
    m.snapshot_chunk.bytes.size--;
    decodes_to_itself(&m);
}

Test(rpc, any_flipped_bit_is_corrupt)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    for (int kind = 1; kind <= KINDS; kind++) {
        struct buf *b = rpc_encode(&m[kind]);
        for (uint32_t i = 4; i < b->size; i++) {
            b->data[i] ^= 0x40;
            struct decoded d = decode(after_length(b), 4096);
            cr_assert_eq(d.rc, -ERR_CORRUPT);
            b->data[i] ^= 0x40;
            free(d.arena.base);
        }
        buf_unref(b);
    }
}

static void seal(uint8_t *frame, size_t size)
{
    uint32_t crc = htobe32(crc32c(frame + 4, size - 4));
    memcpy(frame, &crc, 4);
}

/* checksum | size of the head | the bytes given */
static int decode_head(const char *bytes, uint32_t size, uint32_t head_size)
{
    uint8_t frame[64] = {0};
    uint32_t raw = htobe32(head_size);
    memcpy(frame + 4, &raw, 4);
    memcpy(frame + 8, bytes, size);
    seal(frame, 8 + size);
    struct decoded d = decode(slice_of(frame, 8 + size), 65536);
    free(d.arena.base);
    return d.rc;
}

Test(rpc, strange_frames_are_refused_by_name)
{
    struct arena none = {0};
    struct rpc_msg m;
    cr_assert_eq(rpc_decode((struct slice){0}, &none, &m), -ERR_MALFORMED);
    cr_assert_eq(rpc_decode(text("\0\0\0"), &none, &m), -ERR_MALFORMED);
    cr_assert_eq(rpc_decode(slice_of(&m, RPC_FRAME_MAX_BYTES), &none, &m), -ERR_LIMIT);

    cr_assert_eq(decode_head("", 0, 1), -ERR_MALFORMED, "the head ends behind the frame");
    cr_assert_eq(decode_head("", 0, UINT32_MAX), -ERR_MALFORMED);
    cr_assert_eq(decode_head("", 0, 0), -ERR_UNSUPPORTED, "no kind");
    cr_assert_eq(decode_head("\xba\x01\x00", 3, 3), -ERR_UNSUPPORTED, "kind 23");
    cr_assert_eq(decode_head("\x92\x01\x00", 3, 3), 0, "an applied of zeroes");
    cr_assert_eq(decode_head("\x92\x01\x00!", 4, 3), -ERR_MALFORMED, "a bulk that it has not");
    cr_assert_eq(decode_head("\x92\x01\x7f", 3, 3), -ERR_MALFORMED, "a length past the end");
    cr_assert_eq(decode_head("\x22\x02\x2a\x00", 4, 4), -ERR_MALFORMED, "raft without numbers");
    cr_assert_eq(decode_head("\x0a\x02\x08\x09", 4, 4), -ERR_MALFORMED, "role 9");
    cr_assert_eq(decode_head("\x12\x05\x08\x80\x80\x04\x12", 7, 7), -ERR_MALFORMED);
    cr_assert_eq(decode_head("\x12\x04\x08\x80\x80\x04", 6, 6), -ERR_MALFORMED, "error 32768");
}

Test(rpc, full_arena_is_a_limit_at_every_size)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    int refused_count = 0;
    for (int kind = 1; kind <= KINDS; kind++) {
        struct buf *b = rpc_encode(&m[kind]);
        for (size_t size = 1; size < 4096; size += 7) {
            struct decoded d = decode(after_length(b), size);
            cr_assert(d.rc == 0 || d.rc == -ERR_LIMIT, "%d", d.rc);
            if (d.rc < 0) refused_count++;
            free(d.arena.base);
        }
        buf_unref(b);
    }
    cr_assert_gt(refused_count, 100);
}

Test(rpc, many_changes_fit_into_the_promised_arena)
{
    enum { COUNT = 20000 };
    struct rpc_msg m = {.kind = RPC_ALTER_ISR};
    m.alter_isr.count = COUNT;
    m.alter_isr.changes = calloc(COUNT, sizeof *m.alter_isr.changes);
    decodes_to_itself(&m);
    free(m.alter_isr.changes);

    m = (struct rpc_msg){.kind = RPC_ALTER_ISR_REPLY};
    m.alter_isr_reply.count = COUNT;
    m.alter_isr_reply.results = calloc(COUNT, sizeof *m.alter_isr_reply.results);
    decodes_to_itself(&m);
    free(m.alter_isr_reply.results);
}

Test(rpc, lies_under_a_good_checksum_never_crash)
{
    struct rpc_msg m[KINDS + 1];
    each_kind(m);
    struct prng p = prng_from_seed(2);
    int refused_count = 0;
    for (int kind = 1; kind <= KINDS; kind++) {
        struct buf *b = rpc_encode(&m[kind]);
        for (int i = 0; i < 2000; i++) {
            size_t at = prng_range(&p, 8, b->size - 1);
            uint8_t was = b->data[at];
            b->data[at] = (uint8_t)prng_next(&p);
            seal(b->data + 4, b->size - 4);
            struct decoded d = decode(after_length(b), 65536);
            if (d.rc < 0) refused_count++;
            if (d.rc == 0) decodes_to_itself(&d.msg);
            free(d.arena.base);
            if (prng_chance(&p, 9, 10)) b->data[at] = was;
        }
        buf_unref(b);
    }
    cr_assert_gt(refused_count, 1000);
}

Test(rpc, every_kind_has_a_name)
{
    for (int i = 1; i <= KINDS; i++) cr_assert_str_neq(rpc_kind_name((enum rpc_kind)i), "UNKNOWN");
    cr_assert_str_eq(rpc_kind_name(RPC_HEARTBEAT_REPLY), "HEARTBEAT_REPLY");
    cr_assert_str_eq(rpc_kind_name((enum rpc_kind)99), "UNKNOWN");
}
