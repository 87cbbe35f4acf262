#include "controller/raft/raft.h"

#include <stddef.h>

#include "common/check.h"
#include "controller/raft/raft_election.h"
#include "controller/raft/raft_replicate.h"
#include "controller/raft/raft_state.h"

struct raft_config raft_config_default(uint32_t self_id, uint64_t seed)
{
    return (struct raft_config){
        .self_id = self_id,
        .may_vote = true,
        .heartbeat_ms = 50,
        .election_timeout_min_ms = 300,
        .election_timeout_max_ms = 600,
        .early_min_ms = 10,
        .early_max_ms = 30,
        .retry_ms = 200,
        .append_entries_max = 1024,
        .inflight_max = RAFT_INFLIGHT_MAX,
        .uncommitted_max = 65536,
        .seed = seed,
    };
}

const char *raft_msg_kind_text(enum raft_msg_kind kind)
{
    switch (kind) {
#define X(name, text) \
    case RAFT_MSG_##name: return #name;
        RAFT_MSG_KINDS(X)
#undef X
    case RAFT_MSG_KIND_COUNT: break;
    }
    return "?";
}

const char *raft_role_text(enum raft_role role)
{
    switch (role) {
    case RAFT_FOLLOWER: return "follower";
    case RAFT_PRECANDIDATE: return "pre-candidate";
    case RAFT_CANDIDATE: return "candidate";
    case RAFT_LEADER: return "leader";
    }
    return "?";
}

static bool is_append_sane(const struct raft_msg *m)
{
    if (m->last_index < m->prev_index) return false;
    if ((m->prev_index == 0) != (m->prev_term == 0)) return false;
    if (m->last_index == m->prev_index) return m->prev_term <= m->term;
    return m->prev_term <= m->entries_term && m->entries_term <= m->term && m->entries_term > 0;
}

bool raft_msg_is_sane(const struct raft_msg *m)
{
    if (m->from == RAFT_NOBODY || m->to == RAFT_NOBODY || m->from == m->to) return false;

    switch (m->kind) {
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_VOTE: return m->term > 0 && m->last_term < m->term;
    case RAFT_MSG_PREVOTE_REPLY: return m->term > 0 || !m->granted;
    case RAFT_MSG_VOTE_REPLY: return m->term > 0;
    case RAFT_MSG_APPEND: return m->term > 0 && is_append_sane(m);
    case RAFT_MSG_APPEND_REPLY:
        if (m->granted) return m->term > 0;
        return m->term > 0 && m->prev_index > 0 && m->hint_term <= m->term;
    case RAFT_MSG_HEARTBEAT:
    case RAFT_MSG_HEARTBEAT_REPLY:
    case RAFT_MSG_TIMEOUT_NOW: return m->term > 0;
    case RAFT_MSG_SNAPSHOT:
        return m->term > 0 && m->last_index > 0 && m->last_term > 0 && m->last_term <= m->term;
    case RAFT_MSG_KIND_COUNT: break;
    }
    return false;
}

struct raft_msg raft_append_split(struct raft_msg *m, uint64_t last_index)
{
    CHECK(m->kind == RAFT_MSG_APPEND);
    CHECK(last_index > m->prev_index);
    CHECK(last_index < m->last_index);

    struct raft_msg rest = *m;
    rest.prev_index = last_index;
    rest.prev_term = m->entries_term;
    m->last_index = last_index;
    return rest;
}

bool raft_restart_is_sane(const struct raft_restart *restart)
{
    if ((restart->start_index == 0) != (restart->start_term == 0)) return false;
    if (restart->last_index < restart->start_index) return false;
    if (restart->commit_index > restart->last_index) return false;
    if (restart->run_count > RAFT_RUNS_MAX) return false;
    if ((restart->run_count == 0) != (restart->last_index == restart->start_index)) return false;

    uint64_t term = restart->start_term;
    for (uint32_t i = 0; i < restart->run_count; i++) {
        const struct raft_run *run = &restart->runs[i];
        if (run->term == 0 || run->first_index > restart->last_index) return false;
        if (i == 0 && run->first_index != restart->start_index + 1) return false;
        if (i == 0 && run->term < term) return false;
        if (i > 0 && run->first_index <= run[-1].first_index) return false;
        if (i > 0 && run->term <= term) return false;
        term = run->term;
    }
    if (term > restart->vote.term) return false;

    if (restart->membership_count == 0) return false;
    if (restart->membership_count > RAFT_MEMBERSHIPS_KEPT) return false;
    for (uint32_t i = 0; i < restart->membership_count; i++) {
        const struct raft_membership *set = &restart->memberships[i];
        if (!raft_members_are_sane(&set->members)) return false;
        if (set->index > restart->last_index) return false;
        if (i > 0 && set->index <= set[-1].index) return false;
    }
    return true;
}

static void check_config(const struct raft_config *c)
{
    CHECK(c->self_id != RAFT_NOBODY);
    CHECK(c->heartbeat_ms > 0);
    CHECK(c->heartbeat_ms < c->election_timeout_min_ms);
    CHECK(c->election_timeout_min_ms <= c->election_timeout_max_ms);
    CHECK(c->early_min_ms <= c->early_max_ms);
    CHECK(c->early_max_ms < c->election_timeout_min_ms);
    CHECK(c->retry_ms > 0);
    CHECK(c->append_entries_max > 0);
    CHECK(c->inflight_max > 0);
    CHECK(c->inflight_max <= RAFT_INFLIGHT_MAX);
    CHECK(c->uncommitted_max > 0);
}

void raft_init(struct raft *r, const struct raft_config *config, const struct raft_restart *restart,
               uint64_t now_ms)
{
    check_config(config);
    CHECK(raft_restart_is_sane(restart));

    *r = (struct raft){
        .config = *config,
        .prng = prng_from_seed(config->seed),
        .now_ms = now_ms,
        .vote = restart->vote,
        .fresh = true,
    };
    raft_trail_init(&r->trail, restart->start_index, restart->start_term);
    for (uint32_t i = 0; i < restart->run_count; i++) {
        uint64_t last_index =
            i + 1 < restart->run_count ? restart->runs[i + 1].first_index - 1 : restart->last_index;
        raft_trail_append(&r->trail, last_index, restart->runs[i].term);
    }
    r->durable_index = restart->last_index;
    r->commit_index =
        restart->commit_index > restart->start_index ? restart->commit_index : restart->start_index;
    for (uint32_t i = 0; i < restart->membership_count; i++) {
        raft_add_membership(r, &restart->memberships[i]);
    }
    raft_reset_deadline(r);
    /* A voter that is alone reaches a majority at once. */
    bool alone = raft_members_has_voter(raft_members(r), config->self_id) && raft_is_majority(r, 1);
    if (alone && raft_is_voter(r)) r->deadline_ms = now_ms;
    raft_check(r);
}

static void on_recv(struct raft *r, const struct raft_event *event, struct raft_effects *effects)
{
    const struct raft_msg *m = &event->msg;
    CHECK(raft_msg_is_sane(m));
    CHECK(m->to == r->config.self_id);
    if (raft_compare_terms(r, m, effects)) return;

    switch (m->kind) {
    case RAFT_MSG_PREVOTE: raft_on_prevote(r, m, effects); return;
    case RAFT_MSG_PREVOTE_REPLY: raft_on_prevote_reply(r, m, effects); return;
    case RAFT_MSG_VOTE: raft_on_vote(r, m, effects); return;
    case RAFT_MSG_VOTE_REPLY: raft_on_vote_reply(r, m, effects); return;
    case RAFT_MSG_APPEND: raft_on_append(r, event, effects); return;
    case RAFT_MSG_APPEND_REPLY: raft_on_append_reply(r, m, effects); return;
    case RAFT_MSG_HEARTBEAT: raft_on_heartbeat(r, m, effects); return;
    case RAFT_MSG_HEARTBEAT_REPLY: raft_on_heartbeat_reply(r, m); return;
    case RAFT_MSG_SNAPSHOT: raft_on_snapshot_offer(r, m, effects); return;
    case RAFT_MSG_TIMEOUT_NOW: raft_on_timeout_now(r, m, effects); return;
    case RAFT_MSG_KIND_COUNT: break;
    }
    UNREACHABLE();
}

static void on_persisted(struct raft *r, uint64_t seq, struct raft_effects *effects)
{
    CHECK(seq >= r->durable_seq);
    CHECK(seq <= r->persist_seq);

    r->durable_seq = seq;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->write_count; i++) {
        const struct raft_write *w = &r->writes[i];
        if (w->seq > seq) {
            r->writes[kept++] = *w;
        } else if (w->last_index > r->durable_index) {
            r->durable_index = w->last_index;
        }
    }
    r->write_count = kept;
    if (r->role == RAFT_LEADER) raft_maybe_commit(r);
    raft_maybe_win(r, effects);
}

static void on_propose(struct raft *r, const struct raft_event *event, struct raft_effects *effects)
{
    CHECK(raft_can_propose(r));
    CHECK(event->membership_count <= 1);
    if (event->membership_count == 0) {
        raft_append_own(r, event->count, false, NULL, effects);
        return;
    }
    CHECK(event->count == 1);
    CHECK(raft_can_change_members(r));
    CHECK(raft_members_are_sane(&event->memberships[0].members));
    CHECK(raft_members_one_step(raft_members(r), &event->memberships[0].members));
    raft_append_own(r, 1, false, &event->memberships[0], effects);
}

static void on_snapshot_taken(struct raft *r, uint64_t index)
{
    CHECK(index <= r->commit_index);
    if (index <= r->trail.start_index) return;

    raft_trail_compact(&r->trail, index);
    /* The snapshot holds them, durably. */
    if (r->durable_index < index) r->durable_index = index;
}

static void dispatch(struct raft *r, const struct raft_event *event, struct raft_effects *effects)
{
    switch (event->kind) {
    case RAFT_TICK: raft_on_tick(r, effects); return;
    case RAFT_RECV: on_recv(r, event, effects); return;
    case RAFT_PERSISTED: on_persisted(r, event->seq, effects); return;
    case RAFT_PROPOSE: on_propose(r, event, effects); return;
    case RAFT_VOUCHED: raft_on_vouched(r); return;
    case RAFT_PEER_CONNECTED: raft_on_peer_connected(r, event->peer, effects); return;
    case RAFT_PEER_DISCONNECTED: raft_on_peer_disconnected(r, event->peer); return;
    case RAFT_TRANSFER: raft_start_transfer(r, event->peer, effects); return;
    case RAFT_SNAPSHOT_TAKEN: on_snapshot_taken(r, event->index); return;
    case RAFT_SNAPSHOT_RECEIVED: raft_on_snapshot_received(r, event, effects); return;
    }
    UNREACHABLE();
}

void raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *effects)
{
    raft_check(r);
    CHECK(effects->count == 0);
    CHECK(event->membership_count <= RAFT_MEMBERSHIPS_KEPT);

    if (event->now_ms > r->now_ms) r->now_ms = event->now_ms;
    enum raft_role role = r->role;
    uint32_t leader_id = r->leader_id;
    uint64_t term = r->vote.term;
    uint64_t commit_index = r->commit_index;

    dispatch(r, event, effects);
    raft_maybe_step_down(r, effects);

    CHECK(r->commit_index >= commit_index);
    CHECK(r->vote.term >= term);
    if (r->commit_index > commit_index) {
        raft_emit(effects, RAFT_COMMIT)->last = r->commit_index;
    }
    if (r->role != role || r->leader_id != leader_id || r->vote.term != term) {
        struct raft_effect *e = raft_emit(effects, RAFT_ROLE_CHANGED);
        e->role = r->role;
        e->term = r->vote.term;
        e->peer = r->leader_id;
    }
    raft_check(r);
}

uint64_t raft_deadline_ms(const struct raft *r)
{
    return r->deadline_ms;
}

bool raft_can_propose(const struct raft *r)
{
    return r->role == RAFT_LEADER && r->transfer_to == RAFT_NOBODY &&
           r->trail.last_index - r->commit_index < r->config.uncommitted_max;
}

bool raft_can_change_members(const struct raft *r)
{
    return raft_can_propose(r) &&
           r->memberships[r->membership_count - 1].index <= r->commit_index &&
           raft_trail_term(&r->trail, r->commit_index) == r->vote.term;
}

bool raft_wants_snapshot(const struct raft *r)
{
    return r->trail.count >= RAFT_RUNS_MAX / 4 * 3;
}
