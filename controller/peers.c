#include "controller/peers.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/members.h"
#include "proto/kafka_errors.h"

#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 200
#define PAUSE_REFUSED_MS 1000
#define FOREIGN_VALID_MS (10 * PAUSE_REFUSED_MS) /* What it said of its cluster. */
#define APPEND_MAX_BYTES (4u * 1024 * 1024)
#define QUEUE_MAX_BYTES                                                       \
    (32u * 1024 * 1024) /* What is beyond is lost, as a network loses things. \
                         */

#define FLAG_GRANTED 1u
#define FLAG_TRANSFER 2u

/* Members by the set in force; and by the one before, until it is committed: a leader that leaves
 * waits for the answers of the others (thesis §4.2.2). And whoever leads us: a log that is read
 * anew (a wiped disk) goes through sets that lack it, and would never get out of them. */
static struct raft_members who(const struct controller *c, uint64_t *key)
{
    const struct raft *r = &c->raft;
    const struct raft_membership *last = &r->memberships[r->membership_count - 1];
    bool is_committed = last->index <= r->commit_index;
    struct raft_members set = last->members;
    *key = (uint64_t)r->leader_id << 48 ^ (last->index * 2 + is_committed);
    if (r->leader_id != RAFT_NOBODY && raft_members_find(&set, r->leader_id) == NULL)
        (void)raft_members_put(&set, &(struct raft_member){.id = r->leader_id});
    if (is_committed || r->membership_count < 2) return set;

    const struct raft_members *before = &r->memberships[0].members;
    for (uint32_t i = 0; i < before->count; i++) {
        if (raft_members_find(&set, before->items[i].id) != NULL) continue;
        struct raft_member member = before->items[i];
        member.voter = false; /* Only its address counts here. */
        (void)raft_members_put(&set, &member);
    }
    return set;
}

static void sync_with_members(struct controller *c)
{
    uint64_t key;
    struct raft_members set = who(c, &key);
    if (c->peers_key == key) return;
    c->peers_key = key;

    struct peer old[RAFT_MEMBERS_MAX];
    uint32_t old_count = c->peer_count;
    memcpy(old, c->peers, old_count * sizeof old[0]);
    c->peer_count = 0;
    for (uint32_t i = 0; i < set.count; i++) {
        uint32_t id = set.items[i].id;
        const struct node_voter *at = members_address(c, id);
        if (id == c->options.node_id || at == NULL) continue;
        struct peer *p = &c->peers[c->peer_count++];
        *p = (struct peer){.id = id, .dial_ms = env_now_ms(c->env), .pause_ms = PAUSE_MIN_MS};
        for (uint32_t k = 0; k < old_count; k++) {
            if (old[k].id != id) continue;
            *p = old[k];
            old[k].conn = 0;
        }
        p->at = *at;
    }
    for (uint32_t k = 0; k < old_count; k++) {
        struct conn *conn = old[k].conn == 0 ? NULL : conn_find(c, old[k].conn);
        if (conn != NULL) conn_close(c, conn, false);
    }
}

void peers_open(struct controller *c)
{
    c->peers_key = UINT64_MAX;
    sync_with_members(c);
}

struct peer *peers_find(struct controller *c, uint32_t id)
{
    for (uint32_t i = 0; i < c->peer_count; i++) {
        if (c->peers[i].id == id) return &c->peers[i];
    }
    return NULL;
}

void peers_dial(struct controller *c)
{
    sync_with_members(c);
    uint64_t now_ms = env_now_ms(c->env);
    for (uint32_t i = 0; i < c->peer_count; i++) {
        struct peer *p = &c->peers[i];
        if (p->conn != 0 || now_ms < p->dial_ms) continue;

        struct env_endpoint to = {
            .port = p->at.port, .tag = TAG_PEER, .frame_max_bytes = RPC_FRAME_MAX_BYTES};
        (void)snprintf(to.host, sizeof to.host, "%s", p->at.host);
        p->conn = env_dial(c->env, &to);
        struct conn *conn = conn_add(c, p->conn, CONN_VOTER_OUT, p->at.host);
        conn->node_id = p->id;
    }
}

uint64_t peers_deadline_ms(const struct controller *c)
{
    uint64_t deadline = ENV_NEVER;
    for (uint32_t i = 0; i < c->peer_count; i++) {
        const struct peer *p = &c->peers[i];
        if (p->conn == 0 && p->dial_ms < deadline) deadline = p->dial_ms;
    }
    return deadline;
}

static void say_hello(struct controller *c, uint64_t conn)
{
    struct rpc_msg hello = {.kind = RPC_HELLO};
    hello.hello.role = RPC_ROLE_VOTER;
    hello.hello.node_id = c->options.node_id;
    hello.hello.disk = c->disk;
    hello.hello.cluster_id = slice_of_text(c->cluster_id);
    hello.hello.version = slice_of_text(JACKDAW_VERSION);
    send_msg(c, conn, &hello);
}

uint32_t peers_on_connected(struct controller *c, struct conn *conn)
{
    struct peer *p = peers_find(c, conn->node_id);
    CHECK(p != NULL);
    CHECK(p->conn == conn->id);

    p->is_connected = true;
    p->pause_ms = PAUSE_MIN_MS;
    say_hello(c, conn->id);
    return p->id;
}

uint32_t peers_on_closed(struct controller *c, struct conn *conn, enum env_reason reason)
{
    struct peer *p = peers_find(c, conn->node_id);
    CHECK(p != NULL);
    CHECK(p->conn == conn->id);

    bool was_connected = p->is_connected;
    if (reason == ENV_REASON_NAME && p->pause_ms == PAUSE_MIN_MS)
        log_warn(c->env, "voter %u: the host name %s is not known", p->id, p->at.host);
    p->conn = 0;
    p->is_connected = false;
    uint64_t dial_ms = env_now_ms(c->env) + p->pause_ms;
    if (dial_ms > p->dial_ms) p->dial_ms = dial_ms;
    p->pause_ms = p->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : p->pause_ms * 2;
    conn_forget(c, conn);
    return was_connected ? p->id : 0;
}

bool peers_on_hello(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    uint32_t id = msg->hello.node_id;
    struct slice cluster = msg->hello.cluster_id;
    if (cluster.size > 0 && c->cluster_id[0] != 0 &&
        !slice_equal(cluster, slice_of_text(c->cluster_id))) {
        send_refused(c, conn, KAFKA_INCONSISTENT_CLUSTER_ID,
                     "controller %u at %s is of cluster %.*s, and controller %u of cluster %s", id,
                     conn->address, (int)cluster.size, (const char *)cluster.at, c->options.node_id,
                     c->cluster_id);
        return false;
    }
    if (id == c->options.node_id) {
        send_refused(c, conn, KAFKA_INVALID_REGISTRATION,
                     "node id %u is in use: by the controller at %s:%u and by the one at %s", id,
                     c->options.listen_host, c->options.listen_port, conn->address);
        return false;
    }
    /* Whoever does not belong to the quorum yet waits for any of its members to find it. */
    bool is_member = raft_members_find(raft_members(&c->raft), c->options.node_id) != NULL;
    if (is_member && peers_find(c, id) == NULL) {
        send_refused(
            c, conn, KAFKA_INCONSISTENT_VOTER_SET,
            "controller %u at %s is not in the quorum that controller %u knows; to add it: "
            "jackdaw quorum add, or kafka-metadata-quorum add-controller",
            id, conn->address, c->options.node_id);
        return false;
    }
    struct conn *old = conn_of(c, CONN_VOTER_IN, id);
    uint64_t now_ms = env_now_ms(c->env);
    /* Whoever has lost its power closes nothing: what is silent for so long is not there any more.
     */
    if (old != NULL && !uuid_equal(old->incarnation, msg->hello.disk) &&
        now_ms >= old->heard_ms + c->options.election_timeout_max_ms) {
        conn_close(c, old, false);
        old = NULL;
    }
    if (old != NULL && !uuid_equal(old->incarnation, msg->hello.disk)) {
        send_refused(c, conn, KAFKA_INVALID_REGISTRATION,
                     "node id %u is in use: by the controller at %s and by the one at %s", id,
                     old->address, conn->address);
        return false;
    }
    members_on_hello(c, id, cluster.size > 0);
    c->voters_due_ms = 0;
    conn->kind = CONN_VOTER_IN;
    conn->heard_ms = now_ms;
    conn->node_id = id;
    conn->incarnation = msg->hello.disk;
    return true;
}

/* More than half of the voters have just said that they are of another cluster: not they, but what
 * lies in this folder is out of place. One of them may be out of place itself. */
static bool is_outvoted(struct controller *c)
{
    const struct raft_members *set = raft_members(&c->raft);
    uint64_t now_ms = env_now_ms(c->env);
    uint32_t voters = 0;
    uint32_t foreign = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!set->items[i].voter) continue;
        voters++;
        const struct peer *p = peers_find(c, set->items[i].id);
        bool is_foreign =
            p != NULL && p->foreign_ms != 0 && now_ms - p->foreign_ms <= FOREIGN_VALID_MS;
        foreign += is_foreign;
    }
    return foreign * 2 > voters;
}

void peers_on_refused(struct controller *c, struct conn *conn, const struct rpc_msg *msg)
{
    struct peer *p = peers_find(c, conn->node_id);
    CHECK(p != NULL);

    char text[RPC_TEXT_MAX + 1];
    uint64_t now_ms = env_now_ms(c->env);
    (void)snprintf(text, sizeof text, "%.*s", (int)msg->refused.text.size,
                   (const char *)msg->refused.text.at);
    p->dial_ms = now_ms + PAUSE_REFUSED_MS;
    p->foreign_ms = msg->refused.error == KAFKA_INCONSISTENT_CLUSTER_ID ? now_ms : 0;
    if (p->foreign_ms != 0 && is_outvoted(c)) {
        controller_halt(c,
                        "log.dirs %.150s is of cluster %s, but most controllers of the quorum are "
                        "of another (%.150s): give this one the folder of their cluster, or an "
                        "empty one and then `jackdaw quorum add`",
                        c->options.log_dir, c->cluster_id, text);
        return;
    }
    if (msg->refused.error != p->refused_error || now_ms - p->refused_said_ms >= COMPLAIN_MS) {
        log_error(c->env, "controller %u refuses this one: %s", p->id, text);
        p->refused_said_ms = now_ms;
    }
    p->refused_error = msg->refused.error;
}

/* ---- Raft's messages. ---- */

/* A frame carries eight numbers, and a message has ten; no kind needs both of a pair. */
static void pack(const struct raft_msg *m, uint64_t numbers[RPC_RAFT_NUMBERS])
{
    bool is_reply = m->kind == RAFT_MSG_APPEND_REPLY;
    bool is_heartbeat = m->kind == RAFT_MSG_HEARTBEAT;
    numbers[0] = is_reply ? m->match_index : m->last_index;
    numbers[1] = is_heartbeat ? m->commit_term : m->last_term;
    numbers[2] = m->prev_index;
    numbers[3] = m->prev_term;
    numbers[4] = m->entries_term;
    numbers[5] = m->commit_index;
    numbers[6] = m->hint_index;
    numbers[7] = m->hint_term;
}

static void unpack(const uint64_t numbers[RPC_RAFT_NUMBERS], struct raft_msg *m)
{
    *(m->kind == RAFT_MSG_APPEND_REPLY ? &m->match_index : &m->last_index) = numbers[0];
    *(m->kind == RAFT_MSG_HEARTBEAT ? &m->commit_term : &m->last_term) = numbers[1];
    m->prev_index = numbers[2];
    m->prev_term = numbers[3];
    m->entries_term = numbers[4];
    m->commit_index = numbers[5];
    m->hint_index = numbers[6];
    m->hint_term = numbers[7];
}

static void send_one(struct controller *c, uint64_t conn, const struct raft_msg *m)
{
    struct rpc_msg msg = {.kind = RPC_RAFT};
    struct buf *entries = NULL;
    msg.raft.kind = (uint32_t)m->kind;
    msg.raft.from = m->from;
    msg.raft.to = m->to;
    msg.raft.term = m->term;
    msg.raft.flags = (m->granted ? FLAG_GRANTED : 0) | (m->transfer ? FLAG_TRANSFER : 0);
    pack(m, msg.raft.numbers);
    if (m->kind == RAFT_MSG_APPEND && m->last_index > m->prev_index) {
        entries = metalog_join(&c->log, m->prev_index + 1, m->last_index);
        msg.raft.entries = buf_slice(entries);
    }
    send_msg(c, conn, &msg);
    buf_unref(entries);
}

/* A message that had to wait for a write may name entries that are gone since. */
static bool has_entries(const struct controller *c, const struct raft_msg *m)
{
    for (uint64_t i = m->prev_index + 1; i <= m->last_index; i++) {
        const struct metalog_entry *e = metalog_at(&c->log, i);
        if (e == NULL || e->term != m->entries_term) return false;
    }
    return true;
}

void peers_send(struct controller *c, const struct raft_msg *m)
{
    struct peer *p = peers_find(c, m->to);
    if (p == NULL || !p->is_connected) return;
    if (env_queued_bytes(c->env, p->conn) > QUEUE_MAX_BYTES) return;

    struct raft_msg rest = *m;
    while (rest.kind == RAFT_MSG_APPEND && rest.last_index > rest.prev_index) {
        if (!has_entries(c, &rest)) return;
        uint64_t cut = metalog_cut(&c->log, rest.prev_index + 1, rest.last_index, APPEND_MAX_BYTES);
        if (cut == rest.last_index) break;
        struct raft_msg first = rest;
        rest = raft_append_split(&first, cut);
        send_one(c, p->conn, &first);
    }
    send_one(c, p->conn, &rest);
}

bool peers_take(const struct controller *c, const struct rpc_msg *from, struct raft_msg *out)
{
    CHECK(from->kind == RPC_RAFT);
    if (from->raft.kind >= RAFT_MSG_KIND_COUNT) return false;

    *out = (struct raft_msg){.kind = (enum raft_msg_kind)from->raft.kind,
                             .from = from->raft.from,
                             .to = from->raft.to,
                             .term = from->raft.term,
                             .granted = (from->raft.flags & FLAG_GRANTED) != 0,
                             .transfer = (from->raft.flags & FLAG_TRANSFER) != 0};
    unpack(from->raft.numbers, out);
    return out->to == c->options.node_id && raft_msg_is_sane(out);
}
