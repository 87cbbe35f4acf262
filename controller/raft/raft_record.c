#include "controller/raft/raft_record.h"

#include <inttypes.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "common/words.h"

/* ---- State. ---- */

static void pack_members(struct pack *p, struct raft_members *m)
{
    pack_u32_max(p, &m->count, RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < m->count; i++) {
        pack_u32(p, &m->items[i].id);
        pack_bool(p, &m->items[i].voter);
        pack_raw(p, m->items[i].disk, RAFT_DISK_ID_SIZE);
    }
}

static void pack_memberships(struct pack *p, uint32_t *count, struct raft_membership *list)
{
    pack_u32_max(p, count, RAFT_MEMBERSHIPS_KEPT);
    for (uint32_t i = 0; i < *count; i++) {
        pack_u64(p, &list[i].index);
        pack_members(p, &list[i].members);
    }
}

static void pack_config(struct pack *p, struct raft_config *c)
{
    pack_u32(p, &c->self_id);
    pack_raw(p, c->disk, sizeof c->disk);
    pack_bool(p, &c->may_vote);
    pack_u64(p, &c->heartbeat_ms);
    pack_u64(p, &c->election_timeout_min_ms);
    pack_u64(p, &c->election_timeout_max_ms);
    pack_u64(p, &c->early_min_ms);
    pack_u64(p, &c->early_max_ms);
    pack_u64(p, &c->retry_ms);
    pack_u32(p, &c->append_entries_max);
    pack_u32_max(p, &c->inflight_max, RAFT_INFLIGHT_MAX);
    pack_u64(p, &c->uncommitted_max);
    pack_u64(p, &c->seed);
    pack_u32(p, &c->canaries);
}

static void pack_trail(struct pack *p, struct raft_trail *t)
{
    pack_u64(p, &t->start_index);
    pack_u64(p, &t->start_term);
    pack_u64(p, &t->last_index);
    pack_u32_max(p, &t->count, RAFT_RUNS_MAX);
    for (uint32_t i = 0; i < t->count; i++) {
        pack_u64(p, &t->runs[i].first_index);
        pack_u64(p, &t->runs[i].term);
    }
}

static void pack_peer(struct pack *p, struct raft_peer *peer)
{
    pack_u32(p, &peer->id);
    pack_bool(p, &peer->connected);
    pack_bool(p, &peer->granted);
    PACK_ENUM(p, peer->state, RAFT_SNAPSHOT);
    pack_bool(p, &peer->waiting);
    pack_u32(p, &peer->retries);
    pack_u32_max(p, &peer->inflight_count, RAFT_INFLIGHT_MAX);
    for (uint32_t i = 0; i < peer->inflight_count; i++) pack_u64(p, &peer->inflight_last[i]);
    pack_u64(p, &peer->match_index);
    pack_u64(p, &peer->next_index);
    pack_u64(p, &peer->heard_ms);
    pack_u64(p, &peer->progress_ms);
}

void raft_pack_state(struct pack *p, struct raft *r)
{
    pack_config(p, &r->config);
    pack_u64(p, &r->prng.state);
    pack_u64(p, &r->now_ms);
    pack_u64(p, &r->deadline_ms);
    pack_u64(p, &r->vote.term);
    pack_u32(p, &r->vote.voted_for);
    PACK_ENUM(p, r->role, RAFT_LEADER);
    pack_u32(p, &r->leader_id);
    pack_u64(p, &r->leader_heard_ms);
    pack_bool(p, &r->fresh);
    pack_trail(p, &r->trail);
    pack_u64(p, &r->commit_index);
    pack_u64(p, &r->durable_index);
    pack_u64(p, &r->persist_seq);
    pack_u64(p, &r->durable_seq);
    pack_u64(p, &r->vote_seq);
    pack_u32_max(p, &r->write_count, RAFT_WRITES_MAX);
    for (uint32_t i = 0; i < r->write_count; i++) {
        pack_u64(p, &r->writes[i].seq);
        pack_u64(p, &r->writes[i].last_index);
    }
    pack_memberships(p, &r->membership_count, r->memberships);
    pack_u32_max(p, &r->peer_count, RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < r->peer_count; i++) pack_peer(p, &r->peers[i]);
    pack_u32(p, &r->transfer_to);
    pack_u64(p, &r->transfer_deadline_ms);
}

/* ---- Events and effects. ---- */

static void pack_msg(struct pack *p, struct raft_msg *m)
{
    PACK_ENUM(p, m->kind, RAFT_MSG_KIND_COUNT - 1);
    pack_u32(p, &m->from);
    pack_u32(p, &m->to);
    pack_u64(p, &m->term);
    pack_u64(p, &m->last_index);
    pack_u64(p, &m->last_term);
    pack_u64(p, &m->prev_index);
    pack_u64(p, &m->prev_term);
    pack_u64(p, &m->entries_term);
    pack_u64(p, &m->commit_index);
    pack_u64(p, &m->commit_term);
    pack_u64(p, &m->match_index);
    pack_u64(p, &m->hint_index);
    pack_u64(p, &m->hint_term);
    pack_bool(p, &m->granted);
    pack_bool(p, &m->transfer);
}

void raft_pack_event(struct pack *p, struct raft_event *e)
{
    PACK_ENUM(p, e->kind, RAFT_VOUCHED);
    pack_u64(p, &e->now_ms);
    switch (e->kind) {
    case RAFT_RECV: pack_msg(p, &e->msg); break;
    case RAFT_PERSISTED: pack_u64(p, &e->seq); break;
    case RAFT_PROPOSE: pack_u32(p, &e->count); break;
    case RAFT_PEER_CONNECTED:
    case RAFT_PEER_DISCONNECTED:
    case RAFT_TRANSFER: pack_u32(p, &e->peer); break;
    case RAFT_SNAPSHOT_TAKEN:
    case RAFT_SNAPSHOT_RECEIVED:
        pack_u64(p, &e->index);
        pack_u64(p, &e->term);
        break;
    case RAFT_TICK:
    case RAFT_VOUCHED: break;
    }
    pack_memberships(p, &e->membership_count, e->memberships);
}

static void pack_effect(struct pack *p, struct raft_effect *e)
{
    PACK_ENUM(p, e->kind, RAFT_ROLE_CHANGED);
    pack_u64(p, &e->seq);
    pack_u64(p, &e->after);
    pack_u64(p, &e->first);
    pack_u64(p, &e->last);
    pack_u64(p, &e->term);
    pack_u32(p, &e->peer);
    pack_bool(p, &e->noop);
    pack_bool(p, &e->keep_tail);
    PACK_ENUM(p, e->role, RAFT_LEADER);
    pack_u64(p, &e->vote.term);
    pack_u32(p, &e->vote.voted_for);
    if (e->kind == RAFT_SEND) pack_msg(p, &e->msg);
}

struct raft_outcome raft_outcome_of(const struct raft *r, const struct raft_effects *effects)
{
    uint8_t bytes[512];
    uint32_t sum = 0;
    for (uint32_t i = 0; i < effects->count; i++) {
        struct raft_effect e = effects->items[i];
        struct writer w = {.base = bytes, .capacity = sizeof bytes, .size_max = sizeof bytes};
        struct pack p = pack_to(&w);
        pack_effect(&p, &e);
        CHECK(writer_ok(&w));
        sum = crc32c_more(sum, w.base, w.size);
    }
    return (struct raft_outcome){.effect_count = effects->count,
                                 .effects_sum = sum,
                                 .role = r->role,
                                 .leader_id = r->leader_id,
                                 .voted_for = r->vote.voted_for,
                                 .term = r->vote.term,
                                 .commit_index = r->commit_index,
                                 .last_index = r->trail.last_index,
                                 .deadline_ms = r->deadline_ms};
}

void raft_pack_outcome(struct pack *p, struct raft_outcome *o)
{
    pack_u32(p, &o->effect_count);
    pack_u32(p, &o->effects_sum);
    PACK_ENUM(p, o->role, RAFT_LEADER);
    pack_u32(p, &o->leader_id);
    pack_u32(p, &o->voted_for);
    pack_u64(p, &o->term);
    pack_u64(p, &o->commit_index);
    pack_u64(p, &o->last_index);
    pack_u64(p, &o->deadline_ms);
}

bool raft_outcome_equal(const struct raft_outcome *a, const struct raft_outcome *b)
{
    return a->effect_count == b->effect_count && a->effects_sum == b->effects_sum &&
           a->role == b->role && a->leader_id == b->leader_id && a->voted_for == b->voted_for &&
           a->term == b->term && a->commit_index == b->commit_index &&
           a->last_index == b->last_index && a->deadline_ms == b->deadline_ms;
}

/* ---- In words. ---- */

static const char *msg_name(enum raft_msg_kind kind)
{
    static const char *const names[] = {
#define X(name, text) #name,
        RAFT_MSG_KINDS(X)
#undef X
    };
    return kind < RAFT_MSG_KIND_COUNT ? names[kind] : "?";
}

static void say_msg(struct words *w, const struct raft_msg *m)
{
    words_add(w, "%s, term %" PRIu64, msg_name(m->kind), m->term);
    switch (m->kind) {
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_VOTE:
        words_add(w, ": its log ends at %" PRIu64 " of term %" PRIu64, m->last_index, m->last_term);
        break;
    case RAFT_MSG_PREVOTE_REPLY:
    case RAFT_MSG_VOTE_REPLY: words_add(w, ": %s", m->granted ? "granted" : "refused"); break;
    case RAFT_MSG_APPEND:
        if (m->last_index > m->prev_index)
            words_add(w, ": %" PRIu64 " to %" PRIu64, m->prev_index + 1, m->last_index);
        words_add(w, " behind %" PRIu64 " of term %" PRIu64 ", committed %" PRIu64, m->prev_index,
                  m->prev_term, m->commit_index);
        break;
    case RAFT_MSG_APPEND_REPLY:
        if (m->granted) words_add(w, ": has all up to %" PRIu64, m->match_index);
        if (!m->granted) words_add(w, ": refused behind %" PRIu64, m->prev_index);
        break;
    case RAFT_MSG_HEARTBEAT: words_add(w, ": committed %" PRIu64, m->commit_index); break;
    case RAFT_MSG_SNAPSHOT:
        words_add(w, ": get one at %" PRIu64 " or past it", m->last_index);
        break;
    case RAFT_MSG_HEARTBEAT_REPLY:
    case RAFT_MSG_TIMEOUT_NOW:
    case RAFT_MSG_KIND_COUNT: break;
    }
}

void raft_say_event(const struct raft_event *e, char *to, size_t size)
{
    struct words w = {.to = to, .size = size};
    switch (e->kind) {
    case RAFT_TICK: words_add(&w, "time passed"); break;
    case RAFT_RECV:
        words_add(&w, "%u sends ", e->msg.from);
        say_msg(&w, &e->msg);
        break;
    case RAFT_PERSISTED: words_add(&w, "writes up to %" PRIu64 " are durable", e->seq); break;
    case RAFT_PROPOSE: words_add(&w, "%u entries are proposed", e->count); break;
    case RAFT_PEER_CONNECTED: words_add(&w, "%u is connected", e->peer); break;
    case RAFT_PEER_DISCONNECTED: words_add(&w, "the connection to %u broke", e->peer); break;
    case RAFT_TRANSFER: words_add(&w, "leadership is to go to %u", e->peer); break;
    case RAFT_SNAPSHOT_TAKEN:
        words_add(&w, "entries up to %" PRIu64 " are dropped", e->index);
        break;
    case RAFT_SNAPSHOT_RECEIVED:
        words_add(&w, "a snapshot at %" PRIu64 " is here", e->index);
        break;
    case RAFT_VOUCHED: words_add(&w, "the disk has noted that it may vote"); break;
    }
    if (e->membership_count > 0)
        words_add(&w, ", with members as of %" PRIu64,
                  e->memberships[e->membership_count - 1].index);
}

static void say_effect(struct words *w, const struct raft_effect *e)
{
    switch (e->kind) {
    case RAFT_PERSIST_VOTE:
        words_add(w, "store term %" PRIu64, e->vote.term);
        if (e->vote.voted_for != RAFT_NOBODY)
            words_add(w, " and the vote for %u", e->vote.voted_for);
        return;
    case RAFT_TRUNCATE: words_add(w, "drop entries from %" PRIu64 " on", e->first); return;
    case RAFT_APPEND: words_add(w, "append %" PRIu64 " to %" PRIu64, e->first, e->last); return;
    case RAFT_INSTALL: words_add(w, "take over the snapshot at %" PRIu64, e->last); return;
    case RAFT_SEND:
        words_add(w, "send %u ", e->msg.to);
        say_msg(w, &e->msg);
        if (e->after != 0) words_add(w, " (when write %" PRIu64 " is durable)", e->after);
        return;
    case RAFT_WANT_SNAPSHOT: words_add(w, "fetch a snapshot from %u", e->peer); return;
    case RAFT_COMMIT: words_add(w, "commit up to %" PRIu64, e->last); return;
    case RAFT_ROLE_CHANGED: words_add(w, "become %s", raft_role_text(e->role)); return;
    }
}

void raft_say_effects(const struct raft_effects *effects, char *to, size_t size)
{
    struct words w = {.to = to, .size = size};
    words_add(&w, "%s", effects->count == 0 ? "nothing" : "");
    for (uint32_t i = 0; i < effects->count; i++) {
        if (i > 0) words_add(&w, "; ");
        say_effect(&w, &effects->items[i]);
    }
}

void raft_say_outcome(const struct raft_outcome *o, char *to, size_t size)
{
    struct words w = {.to = to, .size = size};
    words_add(&w, "%s", raft_role_text(o->role));
    if (o->leader_id != RAFT_NOBODY && o->role != RAFT_LEADER)
        words_add(&w, " of %u", o->leader_id);
    words_add(&w, ", term %" PRIu64 ", committed %" PRIu64 " of %" PRIu64, o->term, o->commit_index,
              o->last_index);
    if (o->voted_for != RAFT_NOBODY) words_add(&w, ", voted for %u", o->voted_for);
    words_add(&w, ", %u effects (%08x), next at %" PRIu64 " ms", o->effect_count, o->effects_sum,
              o->deadline_ms);
}
