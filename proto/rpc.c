#include "proto/rpc.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/cluster.pb-c.h"
#include "proto/pb.h"

/* Length, checksum, size of the head: the numbers in front of it. */
#define LENGTH_SIZE 4
#define CRC_SIZE 4
#define FRONT_SIZE (LENGTH_SIZE + CRC_SIZE + 4)

struct change_form {
    Pb__IsrChange row;
    int32_t ids[META_REPLICAS_MAX];
    int64_t epochs[META_REPLICAS_MAX];
};

/* A message as protobuf-c wants it: structs that point to structs. */
struct form {
    Pb__Message message;
    union {
        Pb__Hello hello;
        Pb__Refused refused;
        Pb__NotLeader not_leader;
        Pb__Raft raft;
        Pb__SnapshotChunk snapshot_chunk;
        Pb__Register register_broker;
        Pb__Registered registered;
        Pb__Heartbeat heartbeat;
        Pb__HeartbeatReply heartbeat_reply;
        Pb__AlterIsr alter_isr;
        Pb__AlterIsrReply alter_isr_reply;
        Pb__Admin admin;
        Pb__AdminReply admin_reply;
        Pb__GetProducerIds producer_ids;
        Pb__GetProducerIdsReply producer_ids_reply;
        Pb__Follow follow;
        Pb__Records records;
        Pb__Applied applied;
        Pb__LogEnds log_ends;
        Pb__Disks disks;
    };
    struct pb_listeners listeners;
    ProtobufCBinaryData seeds[RPC_SEEDS_MAX];
    void *rows; /* Owned: what a list of any length points to. */
    void *at;   /* Owned: the list. */
};

static void *take_rows(size_t count, size_t size)
{
    if (count == 0) return NULL;

    void *at = calloc(count, size);
    CHECK(at != NULL); /* As large as the message, which is in memory. */
    return at;
}

/* The room of `count` rows, for what is decoded. */
static void *arena_rows(int *rc, struct arena *arena, size_t count, size_t size)
{
    void *at = *rc == 0 && count <= UINT32_MAX ? arena_take(arena, count, size) : NULL;
    if (at == NULL) pb_fail(rc, -ERR_LIMIT);
    return at;
}

static int16_t take_i16(int *rc, int32_t value)
{
    return (int16_t)pb_take_number(rc, value, INT16_MIN, INT16_MAX);
}

/* ---- One pair of functions per kind: fill the form; take from it. ---- */

static void fill_hello(const struct rpc_msg *m, struct form *form)
{
    pb__hello__init(&form->hello);
    form->hello.role = m->hello.role;
    form->hello.node_id = m->hello.node_id;
    form->hello.disk = pb_id(&m->hello.disk);
    form->hello.cluster_id = pb_bytes(m->hello.cluster_id);
    form->hello.incarnation = pb_id(&m->hello.incarnation);
    form->hello.version = pb_bytes(m->hello.version);
}

static void take_hello(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)arena;
    m->hello.role =
        (enum rpc_role)pb_take_number(rc, from->hello->role, RPC_ROLE_VOTER, RPC_ROLE_STREAM);
    m->hello.node_id = from->hello->node_id;
    m->hello.disk = pb_take_id(rc, from->hello->disk);
    m->hello.cluster_id = pb_take_text(rc, from->hello->cluster_id, META_CLUSTER_ID_SIZE);
    m->hello.incarnation = pb_take_id(rc, from->hello->incarnation);
    m->hello.version = pb_take_text(rc, from->hello->version, META_WORD_MAX);
}

static void fill_refused(const struct rpc_msg *m, struct form *form)
{
    pb__refused__init(&form->refused);
    form->refused.error = m->refused.error;
    form->refused.text = pb_bytes(m->refused.text);
    if (form->refused.text.len > RPC_TEXT_MAX) form->refused.text.len = RPC_TEXT_MAX;
}

static void take_refused(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)arena;
    m->refused.error = take_i16(rc, from->refused->error);
    m->refused.text = pb_take_text(rc, from->refused->text, RPC_TEXT_MAX);
}

static void fill_not_leader(const struct rpc_msg *m, struct form *form)
{
    pb__not_leader__init(&form->not_leader);
    form->not_leader.leader_id = m->not_leader.leader_id;
    form->not_leader.term = m->not_leader.term;
    form->not_leader.host = pb_bytes(m->not_leader.host);
    form->not_leader.port = m->not_leader.port;
}

static void take_not_leader(int *rc, const Pb__Message *from, struct arena *arena,
                            struct rpc_msg *m)
{
    (void)arena;
    m->not_leader.leader_id = from->not_leader->leader_id;
    m->not_leader.term = from->not_leader->term;
    m->not_leader.host = pb_take_text(rc, from->not_leader->host, META_HOST_MAX);
    m->not_leader.port = (uint16_t)pb_take_number(rc, from->not_leader->port, 0, UINT16_MAX);
}

static void fill_raft(const struct rpc_msg *m, struct form *form)
{
    pb__raft__init(&form->raft);
    form->raft.kind = m->raft.kind;
    form->raft.from = m->raft.from;
    form->raft.to = m->raft.to;
    form->raft.term = m->raft.term;
    form->raft.n_numbers = RPC_RAFT_NUMBERS;
    form->raft.numbers = (uint64_t *)(uintptr_t)m->raft.numbers;
    form->raft.flags = m->raft.flags;
}

static void take_raft(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)arena;
    m->raft.kind = from->raft->kind;
    m->raft.from = from->raft->from;
    m->raft.to = from->raft->to;
    m->raft.term = from->raft->term;
    m->raft.flags = from->raft->flags;
    if (from->raft->n_numbers == RPC_RAFT_NUMBERS) {
        memcpy(m->raft.numbers, from->raft->numbers, sizeof m->raft.numbers);
    } else {
        pb_fail(rc, -ERR_MALFORMED);
    }
}

static void fill_snapshot_chunk(const struct rpc_msg *m, struct form *form)
{
    pb__snapshot_chunk__init(&form->snapshot_chunk);
    form->snapshot_chunk.last_index = m->snapshot_chunk.last_index;
    form->snapshot_chunk.last_term = m->snapshot_chunk.last_term;
    form->snapshot_chunk.term = m->snapshot_chunk.term;
    form->snapshot_chunk.at = m->snapshot_chunk.at;
    form->snapshot_chunk.total = m->snapshot_chunk.total;
}

static void take_snapshot_chunk(int *rc, const Pb__Message *from, struct arena *arena,
                                struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->snapshot_chunk.last_index = from->snapshot_chunk->last_index;
    m->snapshot_chunk.last_term = from->snapshot_chunk->last_term;
    m->snapshot_chunk.term = from->snapshot_chunk->term;
    m->snapshot_chunk.at = from->snapshot_chunk->at;
    m->snapshot_chunk.total = from->snapshot_chunk->total;
}

static void fill_register(const struct rpc_msg *m, struct form *form)
{
    Pb__Register *to = &form->register_broker;
    CHECK(m->register_broker.seed_count <= RPC_SEEDS_MAX);

    pb__register__init(to);
    to->id = m->register_broker.id;
    to->incarnation = pb_id(&m->register_broker.incarnation);
    to->secret = pb_id(&m->register_broker.secret);
    if (m->register_broker.rack.at != NULL) {
        to->maybe_rack_case = PB__REGISTER__MAYBE_RACK_RACK;
        to->rack = pb_bytes(m->register_broker.rack);
    }
    to->shard_count = m->register_broker.shard_count;
    to->n_listeners = m->register_broker.listener_count;
    to->listeners = pb_listeners(&form->listeners, m->register_broker.listeners,
                                 m->register_broker.listener_count);
    to->replication_listener = pb_bytes(m->register_broker.replication_listener);
    to->is_log_whole = m->register_broker.is_log_whole;
    to->applied_index = m->register_broker.applied_index;
    to->cluster_id = pb_bytes(m->register_broker.cluster_id);
    to->version = pb_bytes(m->register_broker.version);
    to->n_seeds = m->register_broker.seed_count;
    to->seeds = form->seeds;
    for (uint32_t i = 0; i < m->register_broker.seed_count; i++)
        form->seeds[i] = pb_bytes(m->register_broker.seeds[i]);
}

static void take_register(int *rc, const Pb__Message *message, struct arena *arena,
                          struct rpc_msg *m)
{
    (void)arena;
    const Pb__Register *from = message->register_broker;
    m->register_broker.id = pb_take_number(rc, from->id, 0, INT32_MAX);
    m->register_broker.incarnation = pb_take_id(rc, from->incarnation);
    m->register_broker.secret = pb_take_id(rc, from->secret);
    if (from->maybe_rack_case == PB__REGISTER__MAYBE_RACK_RACK)
        m->register_broker.rack = pb_take_text(rc, from->rack, META_TEXT_MAX);
    m->register_broker.shard_count =
        (uint32_t)pb_take_number(rc, from->shard_count, 1, RPC_SHARDS_MAX);
    m->register_broker.listener_count =
        pb_take_listeners(rc, from->n_listeners, from->listeners, m->register_broker.listeners);
    m->register_broker.replication_listener =
        pb_take_text(rc, from->replication_listener, META_TEXT_MAX);
    m->register_broker.is_log_whole = from->is_log_whole;
    m->register_broker.applied_index = from->applied_index;
    m->register_broker.cluster_id = pb_take_text(rc, from->cluster_id, META_CLUSTER_ID_SIZE);
    m->register_broker.version = pb_take_text(rc, from->version, META_WORD_MAX);
    if (from->n_seeds > RPC_SEEDS_MAX) {
        pb_fail(rc, -ERR_LIMIT);
        return;
    }
    m->register_broker.seed_count = (uint32_t)from->n_seeds;
    for (size_t i = 0; i < from->n_seeds; i++)
        m->register_broker.seeds[i] =
            pb_take_text(rc, from->seeds[i], META_KEY_MAX + 1 + META_VALUE_MAX);
}

static void fill_registered(const struct rpc_msg *m, struct form *form)
{
    pb__registered__init(&form->registered);
    form->registered.epoch = m->registered.epoch;
    form->registered.index = m->registered.index;
    form->registered.cluster_id = pb_bytes(m->registered.cluster_id);
}

static void take_registered(int *rc, const Pb__Message *from, struct arena *arena,
                            struct rpc_msg *m)
{
    (void)arena;
    m->registered.epoch = from->registered->epoch;
    m->registered.index = from->registered->index;
    m->registered.cluster_id = pb_take_text(rc, from->registered->cluster_id, META_CLUSTER_ID_SIZE);
}

static void fill_heartbeat(const struct rpc_msg *m, struct form *form)
{
    CHECK(m->heartbeat.shard_count <= RPC_SHARDS_MAX);

    pb__heartbeat__init(&form->heartbeat);
    form->heartbeat.id = m->heartbeat.id;
    form->heartbeat.epoch = m->heartbeat.epoch;
    form->heartbeat.applied_index = m->heartbeat.applied_index;
    form->heartbeat.wants_stop = m->heartbeat.wants_stop;
    form->heartbeat.n_shard_quiet_ms = m->heartbeat.shard_count;
    form->heartbeat.shard_quiet_ms = (uint64_t *)(uintptr_t)m->heartbeat.shard_quiet_ms;
    form->heartbeat.disk_quiet_ms = m->heartbeat.disk_quiet_ms;
}

static void take_heartbeat(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)arena;
    m->heartbeat.id = from->heartbeat->id;
    m->heartbeat.epoch = from->heartbeat->epoch;
    m->heartbeat.applied_index = from->heartbeat->applied_index;
    m->heartbeat.wants_stop = from->heartbeat->wants_stop;
    m->heartbeat.disk_quiet_ms = from->heartbeat->disk_quiet_ms;
    if (from->heartbeat->n_shard_quiet_ms > RPC_SHARDS_MAX) {
        pb_fail(rc, -ERR_LIMIT);
        return;
    }
    m->heartbeat.shard_count = (uint32_t)from->heartbeat->n_shard_quiet_ms;
    for (uint32_t i = 0; i < m->heartbeat.shard_count; i++)
        m->heartbeat.shard_quiet_ms[i] = from->heartbeat->shard_quiet_ms[i];
}

static void fill_heartbeat_reply(const struct rpc_msg *m, struct form *form)
{
    pb__heartbeat_reply__init(&form->heartbeat_reply);
    form->heartbeat_reply.epoch = m->heartbeat_reply.epoch;
    form->heartbeat_reply.fenced = m->heartbeat_reply.fenced;
    form->heartbeat_reply.may_stop = m->heartbeat_reply.may_stop;
    form->heartbeat_reply.term = m->heartbeat_reply.term;
    form->heartbeat_reply.commit_index = m->heartbeat_reply.commit_index;
}

static void take_heartbeat_reply(int *rc, const Pb__Message *from, struct arena *arena,
                                 struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->heartbeat_reply.epoch = from->heartbeat_reply->epoch;
    m->heartbeat_reply.fenced = from->heartbeat_reply->fenced;
    m->heartbeat_reply.may_stop = from->heartbeat_reply->may_stop;
    m->heartbeat_reply.term = from->heartbeat_reply->term;
    m->heartbeat_reply.commit_index = from->heartbeat_reply->commit_index;
}

static void fill_change(const struct rpc_isr_change *change, struct change_form *form)
{
    CHECK(change->isr_count <= META_REPLICAS_MAX);

    pb__isr_change__init(&form->row);
    form->row.topic_id = pb_id(&change->topic_id);
    form->row.partition = change->partition;
    form->row.leader_epoch = change->leader_epoch;
    form->row.partition_epoch = change->partition_epoch;
    form->row.n_isr_ids = change->isr_count;
    form->row.isr_ids = form->ids;
    form->row.n_isr_epochs = change->isr_count;
    form->row.isr_epochs = form->epochs;
    for (uint32_t i = 0; i < change->isr_count; i++) {
        form->ids[i] = change->isr[i].id;
        form->epochs[i] = change->isr[i].broker_epoch;
    }
    form->row.n_successor = change->successor.count;
    form->row.successor = pb_list(&change->successor);
    form->row.term = change->term;
}

static void fill_alter_isr(const struct rpc_msg *m, struct form *form)
{
    uint32_t count = m->alter_isr.count;
    struct change_form *rows = take_rows(count, sizeof *rows);
    Pb__IsrChange **at = take_rows(count, sizeof(Pb__IsrChange *));
    for (uint32_t i = 0; i < count; i++) {
        fill_change(&m->alter_isr.changes[i], &rows[i]);
        at[i] = &rows[i].row;
    }
    form->rows = rows;
    form->at = at;

    pb__alter_isr__init(&form->alter_isr);
    form->alter_isr.id = m->alter_isr.id;
    form->alter_isr.epoch = m->alter_isr.epoch;
    form->alter_isr.correlation = m->alter_isr.correlation;
    form->alter_isr.n_changes = count;
    form->alter_isr.changes = at;
}

static void take_change(int *rc, const Pb__IsrChange *from, struct rpc_isr_change *change)
{
    change->topic_id = pb_take_id(rc, from->topic_id);
    change->partition = pb_take_number(rc, from->partition, 0, INT32_MAX);
    change->leader_epoch = from->leader_epoch;
    change->partition_epoch = from->partition_epoch;

    struct id_set ids = pb_take_set(rc, from->n_isr_ids, from->isr_ids);
    if (from->n_isr_epochs != ids.count) {
        pb_fail(rc, -ERR_MALFORMED);
        return;
    }
    change->isr_count = ids.count;
    for (uint32_t i = 0; i < ids.count; i++) {
        change->isr[i] = (struct rpc_isr_member){
            .id = ids.ids[i],
            .broker_epoch = from->isr_epochs[i],
        };
    }
    change->successor = pb_take_set(rc, from->n_successor, from->successor);
    change->term = from->term;
}

static void take_alter_isr(int *rc, const Pb__Message *message, struct arena *arena,
                           struct rpc_msg *m)
{
    const Pb__AlterIsr *from = message->alter_isr;
    m->alter_isr.id = from->id;
    m->alter_isr.epoch = from->epoch;
    m->alter_isr.correlation = from->correlation;
    m->alter_isr.changes = arena_rows(rc, arena, from->n_changes, sizeof *m->alter_isr.changes);
    if (m->alter_isr.changes == NULL) return;

    m->alter_isr.count = (uint32_t)from->n_changes;
    for (size_t i = 0; i < from->n_changes; i++)
        take_change(rc, from->changes[i], &m->alter_isr.changes[i]);
}

static void fill_alter_isr_reply(const struct rpc_msg *m, struct form *form)
{
    uint32_t count = m->alter_isr_reply.count;
    Pb__IsrResult *rows = take_rows(count, sizeof *rows);
    Pb__IsrResult **at = take_rows(count, sizeof(Pb__IsrResult *));
    for (uint32_t i = 0; i < count; i++) {
        const struct rpc_isr_result *result = &m->alter_isr_reply.results[i];
        pb__isr_result__init(&rows[i]);
        rows[i].topic_id = pb_id(&result->topic_id);
        rows[i].partition = result->partition;
        rows[i].error = result->error;
        rows[i].index = result->index;
        rows[i].partition_epoch = result->partition_epoch;
        at[i] = &rows[i];
    }
    form->rows = rows;
    form->at = at;

    pb__alter_isr_reply__init(&form->alter_isr_reply);
    form->alter_isr_reply.correlation = m->alter_isr_reply.correlation;
    form->alter_isr_reply.term = m->alter_isr_reply.term;
    form->alter_isr_reply.n_results = count;
    form->alter_isr_reply.results = at;
}

static void take_alter_isr_reply(int *rc, const Pb__Message *message, struct arena *arena,
                                 struct rpc_msg *m)
{
    const Pb__AlterIsrReply *from = message->alter_isr_reply;
    m->alter_isr_reply.correlation = from->correlation;
    m->alter_isr_reply.term = from->term;
    m->alter_isr_reply.results =
        arena_rows(rc, arena, from->n_results, sizeof *m->alter_isr_reply.results);
    if (m->alter_isr_reply.results == NULL) return;

    m->alter_isr_reply.count = (uint32_t)from->n_results;
    for (size_t i = 0; i < from->n_results; i++) {
        const Pb__IsrResult *row = from->results[i];
        m->alter_isr_reply.results[i] = (struct rpc_isr_result){
            .topic_id = pb_take_id(rc, row->topic_id),
            .partition = pb_take_number(rc, row->partition, 0, INT32_MAX),
            .error = take_i16(rc, row->error),
            .index = row->index,
            .partition_epoch = row->partition_epoch,
        };
    }
}

static void fill_admin(const struct rpc_msg *m, struct form *form)
{
    pb__admin__init(&form->admin);
    form->admin.correlation = m->admin.correlation;
    form->admin.api_key = m->admin.api_key;
    form->admin.api_version = m->admin.api_version;
    form->admin.listener = pb_bytes(m->admin.listener);
}

static void take_admin(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)arena;
    m->admin.correlation = from->admin->correlation;
    m->admin.api_key = take_i16(rc, from->admin->api_key);
    m->admin.api_version = take_i16(rc, from->admin->api_version);
    m->admin.listener = pb_take_text(rc, from->admin->listener, META_TEXT_MAX);
}

static void fill_admin_reply(const struct rpc_msg *m, struct form *form)
{
    pb__admin_reply__init(&form->admin_reply);
    form->admin_reply.correlation = m->admin_reply.correlation;
    form->admin_reply.error = m->admin_reply.error;
}

static void take_admin_reply(int *rc, const Pb__Message *from, struct arena *arena,
                             struct rpc_msg *m)
{
    (void)arena;
    m->admin_reply.correlation = from->admin_reply->correlation;
    m->admin_reply.error = take_i16(rc, from->admin_reply->error);
}

static void fill_producer_ids(const struct rpc_msg *m, struct form *form)
{
    pb__get_producer_ids__init(&form->producer_ids);
    form->producer_ids.correlation = m->producer_ids.correlation;
    form->producer_ids.id = m->producer_ids.id;
    form->producer_ids.epoch = m->producer_ids.epoch;
    form->producer_ids.wanted = m->producer_ids.wanted;
}

static void take_producer_ids(int *rc, const Pb__Message *from, struct arena *arena,
                              struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->producer_ids.correlation = from->producer_ids->correlation;
    m->producer_ids.id = from->producer_ids->id;
    m->producer_ids.epoch = from->producer_ids->epoch;
    m->producer_ids.wanted = from->producer_ids->wanted;
}

static void fill_producer_ids_reply(const struct rpc_msg *m, struct form *form)
{
    pb__get_producer_ids_reply__init(&form->producer_ids_reply);
    form->producer_ids_reply.correlation = m->producer_ids_reply.correlation;
    form->producer_ids_reply.error = m->producer_ids_reply.error;
    form->producer_ids_reply.first = m->producer_ids_reply.first;
    form->producer_ids_reply.count = m->producer_ids_reply.count;
}

static void take_producer_ids_reply(int *rc, const Pb__Message *from, struct arena *arena,
                                    struct rpc_msg *m)
{
    (void)arena;
    m->producer_ids_reply.correlation = from->producer_ids_reply->correlation;
    m->producer_ids_reply.error = take_i16(rc, from->producer_ids_reply->error);
    m->producer_ids_reply.first = from->producer_ids_reply->first;
    m->producer_ids_reply.count = from->producer_ids_reply->count;
}

static void fill_follow(const struct rpc_msg *m, struct form *form)
{
    pb__follow__init(&form->follow);
    form->follow.id = m->follow.id;
    form->follow.epoch = m->follow.epoch;
    form->follow.applied_index = m->follow.applied_index;
    form->follow.applied_term = m->follow.applied_term;
}

static void take_follow(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->follow.id = from->follow->id;
    m->follow.epoch = from->follow->epoch;
    m->follow.applied_index = from->follow->applied_index;
    m->follow.applied_term = from->follow->applied_term;
}

static void fill_records(const struct rpc_msg *m, struct form *form)
{
    pb__records__init(&form->records);
    form->records.term = m->records.term;
    form->records.first_index = m->records.first_index;
    form->records.commit_index = m->records.commit_index;
}

static void take_records(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->records.term = from->records->term;
    m->records.first_index = from->records->first_index;
    m->records.commit_index = from->records->commit_index;
}

static void fill_applied(const struct rpc_msg *m, struct form *form)
{
    pb__applied__init(&form->applied);
    form->applied.id = m->applied.id;
    form->applied.epoch = m->applied.epoch;
    form->applied.index = m->applied.index;
}

static void take_applied(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m)
{
    (void)rc, (void)arena;
    m->applied.id = from->applied->id;
    m->applied.epoch = from->applied->epoch;
    m->applied.index = from->applied->index;
}

static void fill_log_ends(const struct rpc_msg *m, struct form *form)
{
    uint32_t count = m->log_ends.count;
    Pb__LogEnd *rows = take_rows(count, sizeof *rows);
    Pb__LogEnd **at = take_rows(count, sizeof(Pb__LogEnd *));
    for (uint32_t i = 0; i < count; i++) {
        const struct rpc_log_end *end = &m->log_ends.ends[i];
        pb__log_end__init(&rows[i]);
        rows[i].topic_id = pb_id(&end->topic_id);
        rows[i].partition = end->partition;
        rows[i].epoch = end->epoch;
        rows[i].end = end->end;
        at[i] = &rows[i];
    }
    form->rows = rows;
    form->at = at;

    pb__log_ends__init(&form->log_ends);
    form->log_ends.id = m->log_ends.id;
    form->log_ends.epoch = m->log_ends.epoch;
    form->log_ends.n_ends = count;
    form->log_ends.ends = at;
}

static void take_log_ends(int *rc, const Pb__Message *message, struct arena *arena,
                          struct rpc_msg *m)
{
    const Pb__LogEnds *from = message->log_ends;
    m->log_ends.id = from->id;
    m->log_ends.epoch = from->epoch;
    m->log_ends.ends = arena_rows(rc, arena, from->n_ends, sizeof *m->log_ends.ends);
    if (m->log_ends.ends == NULL) return;

    m->log_ends.count = (uint32_t)from->n_ends;
    for (size_t i = 0; i < from->n_ends; i++) {
        m->log_ends.ends[i] = (struct rpc_log_end){
            .topic_id = pb_take_id(rc, from->ends[i]->topic_id),
            .partition = pb_take_number(rc, from->ends[i]->partition, 0, INT32_MAX),
            .epoch = from->ends[i]->epoch,
            .end = from->ends[i]->end,
        };
    }
}

static void fill_disks(const struct rpc_msg *m, struct form *form)
{
    uint32_t count = m->disks.count;
    Pb__ReplicaDisk *rows = take_rows(count, sizeof *rows);
    Pb__ReplicaDisk **at = take_rows(count, sizeof(Pb__ReplicaDisk *));
    for (uint32_t i = 0; i < count; i++) {
        const struct rpc_replica_disk *replica = &m->disks.replicas[i];
        pb__replica_disk__init(&rows[i]);
        rows[i].topic_id = pb_id(&replica->topic_id);
        rows[i].partition = replica->partition;
        rows[i].disk = (uint32_t)replica->disk;
        at[i] = &rows[i];
    }
    form->rows = rows;
    form->at = at;

    pb__disks__init(&form->disks);
    form->disks.id = m->disks.id;
    form->disks.epoch = m->disks.epoch;
    form->disks.n_replicas = count;
    form->disks.replicas = at;
}

static void take_disks(int *rc, const Pb__Message *message, struct arena *arena, struct rpc_msg *m)
{
    const Pb__Disks *from = message->disks;
    m->disks.id = from->id;
    m->disks.epoch = from->epoch;
    m->disks.replicas = arena_rows(rc, arena, from->n_replicas, sizeof *m->disks.replicas);
    if (m->disks.replicas == NULL) return;

    m->disks.count = (uint32_t)from->n_replicas;
    for (size_t i = 0; i < from->n_replicas; i++) {
        m->disks.replicas[i] = (struct rpc_replica_disk){
            .topic_id = pb_take_id(rc, from->replicas[i]->topic_id),
            .partition = pb_take_number(rc, from->replicas[i]->partition, 0, INT32_MAX),
            .disk = (enum rpc_disk)pb_take_number(rc, (int64_t)from->replicas[i]->disk,
                                                  RPC_DISK_WELL, RPC_DISK_LOST),
        };
    }
}

/* ---- The table of kinds. ---- */

struct kind {
    const char *name;
    void (*fill)(const struct rpc_msg *m, struct form *form);
    void (*take)(int *rc, const Pb__Message *from, struct arena *arena, struct rpc_msg *m);
    size_t bulk; /* Where in the message the bulk is; 0: it has none. */
    size_t bulk_max_bytes;
};

/* clang-format off */
#define ROW(NAME, name) \
    [RPC_##NAME] = {#NAME, fill_##name, take_##name, 0, 0}
#define ROW_BULK(NAME, name, bulk, max) \
    [RPC_##NAME] = {#NAME, fill_##name, take_##name, offsetof(struct rpc_msg, name.bulk), max}

static const struct kind kinds[] = {
    ROW(HELLO, hello),
    ROW(REFUSED, refused),
    ROW(NOT_LEADER, not_leader),
    ROW_BULK(RAFT, raft, entries, RPC_FRAME_MAX_BYTES),
    ROW_BULK(SNAPSHOT_CHUNK, snapshot_chunk, bytes, RPC_CHUNK_MAX_BYTES),
    ROW(REGISTER, register),
    ROW(REGISTERED, registered),
    ROW(HEARTBEAT, heartbeat),
    ROW(HEARTBEAT_REPLY, heartbeat_reply),
    ROW(ALTER_ISR, alter_isr),
    ROW(ALTER_ISR_REPLY, alter_isr_reply),
    ROW_BULK(ADMIN, admin, body, RPC_FRAME_MAX_BYTES),
    ROW_BULK(ADMIN_REPLY, admin_reply, body, RPC_FRAME_MAX_BYTES),
    ROW(PRODUCER_IDS, producer_ids),
    ROW(PRODUCER_IDS_REPLY, producer_ids_reply),
    ROW(FOLLOW, follow),
    ROW_BULK(RECORDS, records, batches, RPC_FRAME_MAX_BYTES),
    ROW(APPLIED, applied),
    ROW(LOG_ENDS, log_ends),
    ROW(DISKS, disks),
};

#define KIND_IS(NAME, PB_NAME) \
    _Static_assert((int)RPC_##NAME == (int)PB__MESSAGE__BODY_##PB_NAME, "the numbers are the kinds")
KIND_IS(HELLO, HELLO);
KIND_IS(REFUSED, REFUSED);
KIND_IS(NOT_LEADER, NOT_LEADER);
KIND_IS(RAFT, RAFT);
KIND_IS(SNAPSHOT_CHUNK, SNAPSHOT_CHUNK);
KIND_IS(REGISTER, REGISTER_BROKER);
KIND_IS(REGISTERED, REGISTERED);
KIND_IS(HEARTBEAT, HEARTBEAT);
KIND_IS(HEARTBEAT_REPLY, HEARTBEAT_REPLY);
KIND_IS(ALTER_ISR, ALTER_ISR);
KIND_IS(ALTER_ISR_REPLY, ALTER_ISR_REPLY);
KIND_IS(ADMIN, ADMIN);
KIND_IS(ADMIN_REPLY, ADMIN_REPLY);
KIND_IS(PRODUCER_IDS, PRODUCER_IDS);
KIND_IS(PRODUCER_IDS_REPLY, PRODUCER_IDS_REPLY);
KIND_IS(FOLLOW, FOLLOW);
KIND_IS(RECORDS, RECORDS);
KIND_IS(APPLIED, APPLIED);
KIND_IS(LOG_ENDS, LOG_ENDS);
KIND_IS(DISKS, DISKS);
/* clang-format on */

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const char *rpc_kind_name(enum rpc_kind kind)
{
    return kind > 0 && kind < KIND_COUNT ? kinds[kind].name : "UNKNOWN";
}

static void put_u32(uint8_t *to, size_t value)
{
    uint32_t raw = htobe32((uint32_t)value);
    memcpy(to, &raw, sizeof raw);
}

struct buf *rpc_encode(const struct rpc_msg *msg)
{
    CHECK(msg->kind > 0);
    CHECK(msg->kind < KIND_COUNT);
    const struct kind *kind = &kinds[msg->kind];

    struct form form;
    form.rows = NULL;
    form.at = NULL;
    pb__message__init(&form.message);
    form.message.body_case = (Pb__Message__BodyCase)msg->kind;
    form.message.hello = &form.hello; /* All arms of the union are at the same place. */
    kind->fill(msg, &form);

    struct slice bulk = {0};
    if (kind->bulk != 0) memcpy(&bulk, (const char *)msg + kind->bulk, sizeof bulk);

    struct buf *b = NULL;
    size_t head_size = protobuf_c_message_get_packed_size(&form.message.base);
    size_t room = RPC_FRAME_MAX_BYTES - FRONT_SIZE;
    if (head_size <= room && bulk.size <= room - head_size && bulk.size <= kind->bulk_max_bytes) {
        size_t size = FRONT_SIZE + head_size + bulk.size;
        b = buf_new((uint32_t)size);
        put_u32(b->data, size - LENGTH_SIZE);
        put_u32(b->data + LENGTH_SIZE + CRC_SIZE, head_size);
        size_t packed = protobuf_c_message_pack(&form.message.base, b->data + FRONT_SIZE);
        CHECK(packed == head_size);
        if (bulk.size > 0) memcpy(b->data + FRONT_SIZE + head_size, bulk.at, bulk.size);

        size_t covered = LENGTH_SIZE + CRC_SIZE;
        put_u32(b->data + LENGTH_SIZE, crc32c(b->data + covered, size - covered));
        b->size = (uint32_t)size;
    }
    free(form.rows);
    free(form.at);
    return b;
}

int rpc_decode(struct slice in, struct arena *arena, struct rpc_msg *out)
{
    *out = (struct rpc_msg){0};
    if (in.size > RPC_FRAME_MAX_BYTES - LENGTH_SIZE) return -ERR_LIMIT;

    struct reader r = reader_of(in);
    uint32_t crc = read_u32(&r);
    if (!reader_ok(&r)) return -ERR_MALFORMED;
    if (crc != crc32c(r.at, reader_left(&r))) return -ERR_CORRUPT;
    struct slice head = read_slice(&r, read_u32(&r));
    if (!reader_ok(&r)) return -ERR_MALFORMED;
    struct slice bulk = slice_of(r.at, reader_left(&r));

    ProtobufCMessage *message;
    int rc = pb_unpack(&pb__message__descriptor, head, arena, &message);
    if (rc < 0) return rc;

    const Pb__Message *from = (const Pb__Message *)message;
    uint32_t number = (uint32_t)from->body_case;
    if (number == 0 || number >= KIND_COUNT) return -ERR_UNSUPPORTED;
    const struct kind *kind = &kinds[number];
    if (kind->bulk == 0 && bulk.size > 0) return -ERR_MALFORMED;
    if (bulk.size > kind->bulk_max_bytes) return -ERR_LIMIT;

    struct rpc_msg msg = {.kind = (enum rpc_kind)number};
    kind->take(&rc, from, arena, &msg);
    if (kind->bulk != 0) memcpy((char *)&msg + kind->bulk, &bulk, sizeof bulk);

    if (rc == 0) *out = msg;
    return rc;
}
