#include "controller/stream.h"

#include "common/check.h"
#include "controller/conns.h"
#include "controller/snapshot.h"

static void begin_snapshot(struct controller *c, struct conn *conn)
{
    struct cursor *at = &conn->cursor;
    CHECK(at->snapshot == NULL);
    at->snapshot = snapshot_share(c, &at->snapshot_index, &at->snapshot_term);
    at->snapshot_at = 0;
    log_info(c->env, "broker %u gets a snapshot of the metadata at %llu", conn->node_id,
             (unsigned long long)at->snapshot_index);
}

static void push_chunk(struct controller *c, struct conn *conn)
{
    struct cursor *at = &conn->cursor;
    uint64_t size = at->snapshot->size - at->snapshot_at;
    if (size > RPC_CHUNK_MAX_BYTES) size = RPC_CHUNK_MAX_BYTES;

    struct rpc_msg msg = {.kind = RPC_SNAPSHOT_CHUNK};
    msg.snapshot_chunk.last_index = at->snapshot_index;
    msg.snapshot_chunk.last_term = at->snapshot_term;
    msg.snapshot_chunk.term = c->raft.vote.term;
    msg.snapshot_chunk.at = at->snapshot_at;
    msg.snapshot_chunk.total = at->snapshot->size;
    msg.snapshot_chunk.bytes = slice_of(at->snapshot->data + at->snapshot_at, size);
    send_msg(c, conn->id, &msg);

    at->snapshot_at += size;
    if (at->snapshot_at < at->snapshot->size) return;
    at->next_index = at->snapshot_index + 1;
    buf_unref(at->snapshot);
    at->snapshot = NULL;
}

/* Only what is committed: anything else may yet be replaced. */
static uint64_t push_end(const struct controller *c)
{
    if (c->options.canary & CONTROLLER_CANARY_PUSH_UNCOMMITTED) return metalog_next(&c->log) - 1;
    return c->committed.index;
}

static void push_records(struct controller *c, struct conn *conn)
{
    struct cursor *at = &conn->cursor;
    uint64_t last = metalog_cut(&c->log, at->next_index, push_end(c), RPC_CHUNK_MAX_BYTES);
    struct buf *batches = metalog_join(&c->log, at->next_index, last);

    struct rpc_msg msg = {.kind = RPC_RECORDS};
    msg.records.term = c->raft.vote.term;
    msg.records.first_index = at->next_index;
    msg.records.commit_index = c->committed.index;
    msg.records.batches = buf_slice(batches);
    send_msg(c, conn->id, &msg);
    buf_unref(batches);
    at->next_index = last + 1;
    if (c->options.canary & CONTROLLER_CANARY_PUSH_SKIPS) at->next_index++;
}

void stream_push(struct controller *c, struct conn *conn)
{
    struct cursor *at = &conn->cursor;
    if (at->next_index == 0) return; /* It has not said from where on. */
    while (env_queued_bytes(c->env, conn->id) < STREAM_QUEUE_MAX_BYTES) {
        if (at->snapshot == NULL && at->next_index < c->log.first_index) begin_snapshot(c, conn);
        if (at->snapshot != NULL)
            push_chunk(c, conn);
        else if (at->next_index <= push_end(c))
            push_records(c, conn);
        else
            return;
    }
}

void stream_push_all(struct controller *c)
{
    for (struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        if (conn->kind == CONN_STREAM) stream_push(c, conn);
    }
}

void stream_on_follow(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    uint64_t index = msg->follow.applied_index;
    uint64_t term = msg->follow.applied_term;
    const struct raft_trail *trail = &c->raft.trail;
    struct cursor *at = &conn->cursor;

    conn->epoch = msg->follow.epoch;
    buf_unref(at->snapshot);
    at->snapshot = NULL;
    at->next_index = index + 1;
    /* What it has applied was committed once; another term there means another cluster's history,
     * or that the history is no longer here: it starts anew either way. */
    bool is_ours =
        index == 0 || (raft_trail_has(trail, index) && raft_trail_term(trail, index) == term);
    if (!is_ours) begin_snapshot(c, conn);
    stream_push(c, conn);
}

void stream_on_applied(struct controller *c, const struct conn *conn, const struct rpc_msg *msg)
{
    const struct meta_broker *b = meta_broker_find(&c->tentative, msg->applied.id);
    bool is_present = b != NULL && (uint32_t)b->id == conn->node_id &&
                      b->epoch == msg->applied.epoch &&
                      uuid_equal(b->incarnation, conn->incarnation);
    if (is_present) liveness_on_applied(&c->liveness, b->id, msg->applied.index);
}
