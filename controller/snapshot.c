#include "controller/snapshot.h"

#include <stdlib.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/files.h"
#include "controller/peers.h"
#include "controller/quorum.h"

#define SNAPSHOT_MAX_BYTES ((size_t)1 << 30)
#define PULL_TIMEOUT_MS 2000
#define SHARED_IDLE_MS 10000

static struct buf *image_bytes(struct controller *c)
{
    struct writer out = writer_with(SNAPSHOT_MAX_BYTES);
    if (c->options.canary & CONTROLLER_CANARY_SNAPSHOT_FORGETS_ELR) {
        struct meta_image image = {0};
        meta_image_copy(&image, &c->committed);
        for (struct meta_topic *t = image.topics_by_name; t != NULL; t = t->by_name.next) {
            for (uint32_t i = 0; i < t->partition_count; i++)
                t->partitions[i].elr = (struct id_set){0};
        }
        meta_snapshot_write(&image, &out);
        meta_image_close(&image);
    } else {
        meta_snapshot_write(&c->committed, &out);
    }
    CHECK(writer_ok(&out));
    struct buf *buf = buf_of(writer_slice(&out));
    writer_close(&out);
    return buf;
}

/* ---- To the disk. ---- */

/* Entries before the snapshot that are kept for those who are a little behind. */
static uint64_t first_to_keep(const struct controller *c)
{
    uint64_t entries_max = c->options.snapshot_entries / 4;
    uint64_t bytes_max = c->options.snapshot_bytes / 4;
    uint64_t first = c->compact_to + 1;
    uint64_t bytes = 0;
    while (first > c->log.first_index && c->compact_to + 1 - first < entries_max) {
        bytes += metalog_bytes(&c->log, first - 1, first - 1);
        if (bytes > bytes_max) break;
        first--;
    }
    return first;
}

static void compact(struct controller *c)
{
    if (c->compact_to < c->log.first_index) {
        c->compact_to = 0;
        return;
    }
    /* The disk's turn comes when it has what is to go, and does not truncate at this moment. */
    const struct write *w = STAILQ_FIRST(&c->writes);
    if (w != NULL && w->kind != WRITE_APPEND) return;
    if (journal_written(c->journal) <= (int64_t)c->compact_to) return;

    uint64_t first = first_to_keep(c);
    c->compact_to = 0;
    if (first <= c->log.first_index) return;
    metalog_drop(&c->log, first - 1);
    journal_set_start(c->journal, (int64_t)first);
    journal_forget_below(c->journal, (int64_t)first);
    struct raft_event event = {.kind = RAFT_SNAPSHOT_TAKEN};
    event.index = first - 1;
    quorum_step(c, &event);
}

void snapshot_take(struct controller *c)
{
    if (c->compact_to > 0) compact(c);
    if (c->shared_snapshot != NULL && count_get(&c->shared_snapshot->refs) == 1 &&
        env_now_ms(c->env) > c->shared_used_ms + SHARED_IDLE_MS) {
        buf_unref(c->shared_snapshot);
        c->shared_snapshot = NULL;
    }
    if (c->is_snapshotting || c->pull.is_stored) return;

    uint64_t entries = c->committed.index - c->snapshot_index;
    bool is_due = c->bytes_since_snapshot >= c->options.snapshot_bytes ||
                  entries >= c->options.snapshot_entries || raft_wants_snapshot(&c->raft);
    if (!is_due || entries == 0) return;
    c->is_snapshotting = true;
    c->bytes_since_snapshot = 0;
    files_write_snapshot(c, JOB_SNAPSHOT, image_bytes(c), c->committed.index, c->committed.term);
}

void snapshot_on_written(struct controller *c, const struct file_job *job)
{
    c->is_snapshotting = false;
    if (job->index <= c->snapshot_index) return; /* One from the leader has overtaken it. */
    c->snapshot_index = job->index;
    c->compact_to = job->index;
    log_info(c->env, "snapshot of the metadata at %llu, %u bytes", (unsigned long long)job->index,
             job->bytes->size);
}

/* ---- To others. ---- */

struct buf *snapshot_share(struct controller *c, uint64_t *index, uint64_t *term)
{
    bool is_usable = c->shared_snapshot != NULL && c->shared_index + 1 >= c->log.first_index;
    if (!is_usable) {
        buf_unref(c->shared_snapshot);
        c->shared_snapshot = image_bytes(c);
        c->shared_index = c->committed.index;
        c->shared_term = c->committed.term;
    }
    c->shared_used_ms = env_now_ms(c->env);
    *index = c->shared_index;
    *term = c->shared_term;
    return buf_ref(c->shared_snapshot);
}

void snapshot_on_request(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    uint64_t index, term;
    struct buf *bytes = snapshot_share(c, &index, &term);
    bool is_same = msg->snapshot_chunk.last_index == index && msg->snapshot_chunk.last_term == term;
    uint64_t at = is_same && msg->snapshot_chunk.at <= bytes->size ? msg->snapshot_chunk.at : 0;
    uint64_t size = bytes->size - at;
    if (size > RPC_CHUNK_MAX_BYTES) size = RPC_CHUNK_MAX_BYTES;

    struct rpc_msg reply = {.kind = RPC_SNAPSHOT_CHUNK};
    reply.snapshot_chunk.last_index = index;
    reply.snapshot_chunk.last_term = term;
    reply.snapshot_chunk.term = c->raft.vote.term;
    reply.snapshot_chunk.at = at;
    reply.snapshot_chunk.total = bytes->size;
    reply.snapshot_chunk.bytes = slice_of(bytes->data + at, size);
    send_msg(c, conn->id, &reply);
    buf_unref(bytes);
}

/* ---- From a leader. ---- */

static void drop_pull(struct controller *c)
{
    buf_unref(c->pull.bytes);
    meta_image_close(&c->pull.image);
    c->pull = (struct pull){0};
}

static void ask(struct controller *c)
{
    const struct peer *p = peers_find(c, c->pull.peer);
    if (p == NULL || !p->is_connected) return;

    struct rpc_msg msg = {.kind = RPC_SNAPSHOT_CHUNK};
    msg.snapshot_chunk.last_index = c->pull.index;
    msg.snapshot_chunk.last_term = c->pull.term;
    msg.snapshot_chunk.term = c->raft.vote.term;
    msg.snapshot_chunk.at = c->pull.bytes == NULL ? 0 : c->pull.bytes->size;
    send_msg(c, p->conn, &msg);
    c->pull.deadline_ms = env_now_ms(c->env) + PULL_TIMEOUT_MS;
}

/* Not before the vote of its term is on the disk: after a power cut the two would not fit. */
static void store_pulled(struct controller *c)
{
    c->pull.is_whole = true;
    if (quorum_is_vote_pending(c)) return;
    struct buf *bytes = c->pull.bytes;
    c->pull.bytes = NULL;
    int rc = meta_snapshot_read(buf_slice(bytes), &c->pull.image);
    if (rc != 0 || c->pull.image.index != c->pull.index || c->pull.image.term != c->pull.term) {
        log_error(c->env, "the snapshot of controller %u cannot be read: %s", c->pull.peer,
                  err_text(rc));
        buf_unref(bytes);
        drop_pull(c);
        return;
    }
    c->pull.is_stored = true;
    files_write_snapshot(c, JOB_SNAPSHOT_PULLED, bytes, c->pull.index, c->pull.term);
}

void snapshot_pull(struct controller *c)
{
    uint32_t from = c->wanted_from;
    c->wanted_from = 0;
    if (c->pull.is_stored) return;
    if (c->pull.is_whole) {
        store_pulled(c);
        return;
    }
    if (c->pull.peer != 0 && env_now_ms(c->env) >= c->pull.deadline_ms) drop_pull(c);
    if (from == 0 || c->pull.peer != 0) return;

    log_info(c->env, "fetching a snapshot of the metadata from controller %u", from);
    c->pull.peer = from;
    ask(c);
}

void snapshot_on_chunk(struct controller *c, const struct conn *conn, const struct rpc_msg *msg)
{
    struct pull *p = &c->pull;
    if (p->peer != conn->node_id || p->is_whole) return;
    uint64_t total = msg->snapshot_chunk.total;
    struct slice bytes = msg->snapshot_chunk.bytes;
    if (total == 0 || total > SNAPSHOT_MAX_BYTES || bytes.size > total) return;

    bool is_same =
        p->index == msg->snapshot_chunk.last_index && p->term == msg->snapshot_chunk.last_term;
    if (p->bytes == NULL || !is_same) {
        if (msg->snapshot_chunk.at != 0) return;
        buf_unref(p->bytes);
        p->bytes = buf_new((uint32_t)total);
        p->index = msg->snapshot_chunk.last_index;
        p->term = msg->snapshot_chunk.last_term;
    }
    if (msg->snapshot_chunk.at != p->bytes->size) return;
    if (bytes.size > p->bytes->capacity - p->bytes->size) return;
    if (bytes.size > 0) memcpy(p->bytes->data + p->bytes->size, bytes.at, bytes.size);
    p->bytes->size += (uint32_t)bytes.size;

    if (p->bytes->size == total)
        store_pulled(c);
    else
        ask(c);
}

void snapshot_on_pulled(struct controller *c)
{
    uint64_t before = c->snapshot_index;
    quorum_offer_snapshot(c);
    if (c->snapshot_index > before)
        log_info(c->env, "took over the snapshot of the metadata at %llu",
                 (unsigned long long)c->snapshot_index);
}

void snapshot_close(struct controller *c)
{
    drop_pull(c);
    buf_unref(c->shared_snapshot);
    c->shared_snapshot = NULL;
}
