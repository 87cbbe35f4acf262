#include "controller/raft/raft_election.h"

#include <stddef.h>

#include "common/check.h"
#include "controller/raft/raft_replicate.h"

static void become_leader(struct raft *r, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_CANDIDATE);
    CHECK(r->vote.voted_for == r->config.self_id);

    r->role = RAFT_LEADER;
    r->leader_id = r->config.self_id;
    r->fresh = false;
    raft_reset_deadline(r);
    /* Thesis §6.4: "having each leader commit a blank no-op entry into the log at the start of its
     * term", for only by committing an entry of its own does it learn what is committed. */
    raft_start_replication(r, effects);
}

static uint32_t count_grants(const struct raft *r)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (!r->peers[i].granted) continue;
        count += raft_members_has_voter(raft_members(r), r->peers[i].id);
    }
    return count;
}

static uint32_t count_self(const struct raft *r)
{
    return raft_members_has_voter(raft_members(r), r->config.self_id);
}

void raft_maybe_win(struct raft *r, struct raft_effects *effects)
{
    if (r->role != RAFT_CANDIDATE) return;

    /* Our own vote counts like any other: once it is durable. */
    uint32_t own = r->durable_seq >= r->vote_seq ? count_self(r) : 0;
    bool is_canary = raft_has_canary(r, RAFT_CANARY_LEAD_UNVOTED);
    if (is_canary || raft_is_majority(r, count_grants(r) + own)) become_leader(r, effects);
}

/* To every voter but us: the same question. */
static void ask_voters(struct raft *r, enum raft_msg_kind kind, uint64_t term, uint64_t after,
                       bool transfer, struct raft_effects *effects)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        r->peers[i].granted = false;
        if (!raft_members_has_voter(raft_members(r), r->peers[i].id)) continue;

        struct raft_msg *m = raft_emit_send(r, effects, kind, r->peers[i].id, after);
        m->term = term;
        m->last_index = r->trail.last_index;
        m->last_term = raft_trail_last_term(&r->trail);
        m->transfer = transfer;
    }
}

static void become_candidate(struct raft *r, bool transfer, struct raft_effects *effects)
{
    CHECK(r->role != RAFT_LEADER);
    CHECK(raft_is_voter(r));

    raft_set_vote(r, r->vote.term + 1, r->config.self_id, effects);
    r->role = RAFT_CANDIDATE;
    r->leader_id = RAFT_NOBODY;
    raft_reset_deadline(r);
    ask_voters(r, RAFT_MSG_VOTE, r->vote.term, r->vote_seq, transfer, effects);
    raft_maybe_win(r, effects);
}

static void maybe_campaign(struct raft *r, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_PRECANDIDATE);
    if (raft_is_majority(r, count_grants(r) + count_self(r))) become_candidate(r, false, effects);
}

/* Thesis §9.6: "a candidate would only increment its term if it first learned from a majority of
 * the cluster that they would be willing to grant the candidate their votes". */
static void become_precandidate(struct raft *r, struct raft_effects *effects)
{
    CHECK(r->role != RAFT_LEADER);
    CHECK(raft_is_voter(r));

    r->role = RAFT_PRECANDIDATE;
    r->leader_id = RAFT_NOBODY;
    r->fresh = false;
    raft_reset_deadline(r);
    ask_voters(r, RAFT_MSG_PREVOTE, r->vote.term + 1, 0, false, effects);
    maybe_campaign(r, effects);
}

/* May we campaign? The no-op of a new leader needs room in the trail (raft.h). */
static bool can_campaign(const struct raft *r)
{
    return raft_is_voter(r) &&
           raft_trail_has_room(&r->trail, r->trail.last_index + 1, r->vote.term + 1);
}

void raft_on_tick(struct raft *r, struct raft_effects *effects)
{
    if (r->now_ms < r->deadline_ms) return;

    if (r->role == RAFT_LEADER) {
        /* Thesis §6.2: a leader steps down "if an election timeout elapses without a successful
         * round of heartbeats to a majority of its cluster". */
        if (!raft_has_quorum(r)) {
            raft_become_follower(r, RAFT_NOBODY);
            return;
        }
        raft_on_heartbeat_due(r, effects);
        raft_reset_deadline(r);
    } else if (!can_campaign(r)) {
        raft_become_follower(r, RAFT_NOBODY);
    } else if (raft_has_canary(r, RAFT_CANARY_SKIP_PREVOTE)) {
        become_candidate(r, true, effects);
    } else {
        become_precandidate(r, effects);
    }
}

/* Thesis §4.2.3: "if a server receives a RequestVote request within the minimum election timeout of
 * hearing from a current leader, it does not update its term or grant its vote." */
static bool hears_a_leader(const struct raft *r)
{
    if (r->role == RAFT_LEADER) return true;
    if (r->leader_id == RAFT_NOBODY) return false;
    return r->now_ms < r->leader_heard_ms + r->config.election_timeout_min_ms;
}

static bool is_from_leader(enum raft_msg_kind kind)
{
    return kind == RAFT_MSG_APPEND || kind == RAFT_MSG_HEARTBEAT || kind == RAFT_MSG_SNAPSHOT;
}

static void on_older_term(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term < r->vote.term);

    /* Whoever asks or leads in an old term must learn of the new one: with pre-vote, a node that
     * fell behind a lost election would otherwise never find back. */
    if (m->kind == RAFT_MSG_PREVOTE) {
        raft_emit_send(r, effects, RAFT_MSG_PREVOTE_REPLY, m->from, r->vote_seq);
    } else if (m->kind == RAFT_MSG_VOTE) {
        raft_emit_send(r, effects, RAFT_MSG_VOTE_REPLY, m->from, r->vote_seq);
    } else if (is_from_leader(m->kind)) {
        raft_emit_send(r, effects, RAFT_MSG_HEARTBEAT_REPLY, m->from, r->vote_seq);
    }
}

bool raft_compare_terms(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    if (m->term < r->vote.term) {
        on_older_term(r, m, effects);
        return true;
    }
    if (m->term == r->vote.term) return false;

    /* A pre-vote speaks of a term that does not exist yet. */
    if (m->kind == RAFT_MSG_PREVOTE) return false;
    if (m->kind == RAFT_MSG_PREVOTE_REPLY && m->granted) return false;
    if (m->kind == RAFT_MSG_VOTE && !m->transfer && hears_a_leader(r)) return true;

    /* Thesis §3.3: "If one server's current term is smaller than the other's, then it updates its
     * current term to the larger value. If a candidate or leader discovers that its term is out of
     * date, it immediately reverts to follower state." */
    raft_set_vote(r, m->term, RAFT_NOBODY, effects);
    raft_become_follower(r, is_from_leader(m->kind) ? m->from : RAFT_NOBODY);
    return false;
}

void raft_on_prevote(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    bool grant = raft_can_vote(r) && m->term > r->vote.term && !hears_a_leader(r) &&
                 raft_is_up_to_date(r, m->last_index, m->last_term);
    struct raft_msg *reply =
        raft_emit_send(r, effects, RAFT_MSG_PREVOTE_REPLY, m->from, grant ? 0 : r->vote_seq);
    reply->granted = grant;
    if (!grant) return;

    reply->term = m->term;
    /* Two that start together would split the vote: who is asked first lets the other try. */
    uint64_t polite_ms = r->now_ms + r->config.early_max_ms;
    if (r->role == RAFT_FOLLOWER && r->deadline_ms < polite_ms) r->deadline_ms = polite_ms;
}

void raft_on_prevote_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    if (r->role != RAFT_PRECANDIDATE || !m->granted || m->term != r->vote.term + 1) return;
    struct raft_peer *peer = raft_find_peer(r, m->from);
    if (peer == NULL) return;

    peer->granted = true;
    maybe_campaign(r, effects);
}

void raft_on_vote(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);

    /* Thesis §3.4: "Each server will vote for at most one candidate in a given term, on a
     * first-come-first-served basis"; §3.6.1: "the voter denies its vote if its own log is more
     * up-to-date than that of the candidate." */
    bool free = r->vote.voted_for == RAFT_NOBODY && r->leader_id == RAFT_NOBODY;
    bool grant =
        (free || r->vote.voted_for == m->from || raft_has_canary(r, RAFT_CANARY_FORGET_VOTE)) &&
        raft_can_vote(r) && raft_is_up_to_date(r, m->last_index, m->last_term);
    if (grant && free) {
        CHECK(r->role == RAFT_FOLLOWER || r->role == RAFT_PRECANDIDATE);
        raft_set_vote(r, r->vote.term, m->from, effects);
        raft_become_follower(r, RAFT_NOBODY);
    }
    /* Also answers a repeated question, whose first answer the network may have lost. */
    struct raft_msg *reply = raft_emit_send(r, effects, RAFT_MSG_VOTE_REPLY, m->from, r->vote_seq);
    reply->granted = grant;
}

void raft_on_vote_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);
    if (r->role != RAFT_CANDIDATE || !m->granted) return; /* Late, or not for us. */
    struct raft_peer *peer = raft_find_peer(r, m->from);
    if (peer == NULL) return;

    peer->granted = true;
    raft_maybe_win(r, effects);
}

void raft_on_timeout_now(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);
    if (r->role == RAFT_LEADER || r->role == RAFT_CANDIDATE || !can_campaign(r)) return;

    /* Thesis §3.10: as if its election timer had fired; §4.2.3: a flag in the request says that the
     * leader wants it, so that voters do not protect the leader. */
    become_candidate(r, true, effects);
}

/* A voter with nobody to follow need not wait out a timeout: pre-vote guards the others. */
static void hurry(struct raft *r)
{
    uint64_t wait_ms = prng_range(&r->prng, r->config.early_min_ms, r->config.early_max_ms);
    if (r->deadline_ms > r->now_ms + wait_ms) r->deadline_ms = r->now_ms + wait_ms;
}

static void maybe_hurry_at_start(struct raft *r)
{
    if (!r->fresh || r->role != RAFT_FOLLOWER || !raft_is_voter(r)) return;
    uint32_t count = count_self(r);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (!r->peers[i].connected) continue;
        count += raft_members_has_voter(raft_members(r), r->peers[i].id);
    }
    if (!raft_is_majority(r, count)) return;
    r->fresh = false;
    hurry(r);
}

void raft_on_vouched(struct raft *r)
{
    r->config.may_vote = true;
    maybe_hurry_at_start(r);
}

void raft_on_peer_connected(struct raft *r, uint32_t id, struct raft_effects *effects)
{
    struct raft_peer *peer = raft_find_peer(r, id);
    if (peer == NULL) return;

    peer->connected = true;
    if (r->role == RAFT_LEADER) {
        raft_restart_peer(r, peer, effects);
        return;
    }
    maybe_hurry_at_start(r);
}

void raft_on_peer_disconnected(struct raft *r, uint32_t id)
{
    struct raft_peer *peer = raft_find_peer(r, id);
    if (peer != NULL) peer->connected = false;

    /* A process that dies closes its connections: that is sooner than any timeout. If the leader
     * lives, the others still hear it and refuse. */
    if (r->role != RAFT_FOLLOWER || r->leader_id != id) return;
    r->leader_id = RAFT_NOBODY;
    if (raft_is_voter(r)) hurry(r);
}

static const struct raft_peer *most_up_to_date(const struct raft *r)
{
    const struct raft_peer *best = NULL;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *peer = &r->peers[i];
        if (!raft_members_has_voter(raft_members(r), peer->id)) continue;
        if (best == NULL || peer->match_index > best->match_index) best = peer;
    }
    return best;
}

void raft_maybe_step_down(struct raft *r, struct raft_effects *effects)
{
    /* Thesis §4.2.2: a leader that is removed goes on leading until its removal is committed. */
    const struct raft_membership *current = &r->memberships[r->membership_count - 1];
    if (r->role != RAFT_LEADER || current->index > r->commit_index) return;
    if (raft_members_has_voter(&current->members, r->config.self_id)) return;

    /* §3.10: nobody has to wait for an election timeout. */
    const struct raft_peer *next = most_up_to_date(r);
    if (next != NULL) raft_emit_send(r, effects, RAFT_MSG_TIMEOUT_NOW, next->id, r->vote_seq);
    raft_become_follower(r, RAFT_NOBODY);
}
