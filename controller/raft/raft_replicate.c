#include "controller/raft/raft_replicate.h"

#include <stddef.h>

#include "common/check.h"

#define RETRY_DOUBLINGS_MAX 4

/* ---- The leader ---- */

static void send_heartbeat(struct raft *r, const struct raft_peer *peer,
                           struct raft_effects *effects)
{
    struct raft_msg *m = raft_emit_send(r, effects, RAFT_MSG_HEARTBEAT, peer->id, r->vote_seq);
    /* A heartbeat overtakes appends: it speaks only of what this follower is known to hold. */
    uint64_t index = r->commit_index < peer->match_index ? r->commit_index : peer->match_index;
    if (!raft_trail_has(&r->trail, index)) return;
    m->commit_index = index;
    m->commit_term = raft_trail_term(&r->trail, index);
}

static void offer_snapshot(struct raft *r, struct raft_peer *peer, struct raft_effects *effects)
{
    peer->state = RAFT_SNAPSHOT;
    peer->inflight_count = 0;
    peer->waiting = true;
    peer->progress_ms = r->now_ms;
    struct raft_msg *m = raft_emit_send(r, effects, RAFT_MSG_SNAPSHOT, peer->id, r->vote_seq);
    m->last_index = r->trail.start_index;
    m->last_term = r->trail.start_term;
}

/* One append from next_index on: entries of one term, no more than the configured number. */
static void send_append(struct raft *r, struct raft_peer *peer, struct raft_effects *effects)
{
    const struct raft_trail *t = &r->trail;
    CHECK(raft_trail_has(t, peer->next_index - 1));

    /* Thesis §10.2.1: the leader may send an entry before it has written it itself. It counts
     * itself only later (raft_maybe_commit). */
    struct raft_msg *m = raft_emit_send(r, effects, RAFT_MSG_APPEND, peer->id, r->vote_seq);
    m->prev_index = peer->next_index - 1;
    m->prev_term = raft_trail_term(t, m->prev_index);
    m->last_index = m->prev_index;
    m->commit_index = r->commit_index;
    if (m->prev_index == t->last_index) return;

    m->entries_term = raft_trail_term(t, peer->next_index);
    m->last_index = raft_trail_run_last(t, peer->next_index);
    if (m->last_index - m->prev_index > r->config.append_entries_max) {
        m->last_index = m->prev_index + r->config.append_entries_max;
    }
}

/* Sends what the follower's window admits. */
static void maybe_send_appends(struct raft *r, struct raft_peer *peer, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_LEADER);

    if (peer->state == RAFT_SNAPSHOT) return;
    if (peer->state == RAFT_PROBE && peer->waiting) return;
    if (peer->next_index <= r->trail.start_index) {
        offer_snapshot(r, peer, effects);
        return;
    }
    if (peer->state == RAFT_PROBE) {
        send_append(r, peer, effects);
        peer->waiting = true;
        peer->progress_ms = r->now_ms;
        return;
    }
    while (peer->next_index <= r->trail.last_index &&
           peer->inflight_count < r->config.inflight_max) {
        send_append(r, peer, effects);
        uint64_t last_index = effects->items[effects->count - 1].msg.last_index;
        if (peer->inflight_count == 0) peer->progress_ms = r->now_ms;
        peer->inflight_last[peer->inflight_count++] = last_index;
        peer->next_index = last_index + 1;
    }
}

static void probe(struct raft_peer *peer, uint64_t next_index)
{
    CHECK(next_index > peer->match_index);

    peer->state = RAFT_PROBE;
    peer->waiting = false;
    peer->inflight_count = 0;
    peer->next_index = next_index;
}

void raft_restart_peer(struct raft *r, struct raft_peer *peer, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_LEADER);

    /* It may have come back with less than it had: what it holds is to be learned again. */
    uint64_t next_index = peer->match_index + 1;
    peer->match_index = 0;
    peer->retries = 0;
    probe(peer, next_index);
    send_heartbeat(r, peer, effects);
    maybe_send_appends(r, peer, effects);
}

void raft_start_replication(struct raft *r, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_LEADER);

    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *peer = &r->peers[i];
        peer->match_index = 0;
        peer->retries = 0;
        peer->heard_ms = r->now_ms;
        probe(peer, r->trail.last_index + 1);
        send_heartbeat(r, peer, effects);
    }
    raft_append_own(r, 1, true, NULL, effects);
}

void raft_append_own(struct raft *r, uint32_t count, bool noop,
                     const struct raft_membership *membership, struct raft_effects *effects)
{
    CHECK(r->role == RAFT_LEADER);
    CHECK(count > 0);

    uint64_t first = r->trail.last_index + 1;
    raft_trail_append(&r->trail, r->trail.last_index + count, r->vote.term);
    struct raft_effect *e = raft_emit(effects, RAFT_APPEND);
    e->seq = raft_add_write(r, r->trail.last_index);
    e->first = first;
    e->last = r->trail.last_index;
    e->term = r->vote.term;
    e->noop = noop;
    if (membership != NULL) {
        /* Thesis §4.1: a server goes by the latest set in its log, committed or not. */
        struct raft_membership set = {.index = first, .members = membership->members};
        raft_add_membership(r, &set);
    }
    for (uint32_t i = 0; i < r->peer_count; i++) maybe_send_appends(r, &r->peers[i], effects);
}

static void maybe_retry(struct raft *r, struct raft_peer *peer, struct raft_effects *effects)
{
    bool silent = peer->waiting || peer->inflight_count > 0;
    uint64_t wait_ms = r->config.retry_ms << peer->retries;
    if (!silent || r->now_ms < peer->progress_ms + wait_ms) return;

    if (peer->retries < RETRY_DOUBLINGS_MAX) peer->retries++;
    if (peer->state == RAFT_SNAPSHOT) {
        offer_snapshot(r, peer, effects);
        return;
    }
    probe(peer, peer->state == RAFT_PROBE ? peer->next_index : peer->match_index + 1);
    maybe_send_appends(r, peer, effects);
}

void raft_on_heartbeat_due(struct raft *r, struct raft_effects *effects)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        send_heartbeat(r, &r->peers[i], effects);
        maybe_retry(r, &r->peers[i], effects);
    }
    if (r->transfer_to != RAFT_NOBODY && r->now_ms >= r->transfer_deadline_ms) {
        r->transfer_to = RAFT_NOBODY; /* Thesis §3.10: it did not work; go on leading. */
    }
}

/* Of the voters of a set, who has answered within an election timeout; we have. */
static uint32_t count_living(const struct raft *r, const struct raft_members *set)
{
    uint32_t count = raft_members_has_voter(set, r->config.self_id);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *peer = &r->peers[i];
        if (!raft_members_has_voter(set, peer->id)) continue;
        count += r->now_ms < peer->heard_ms + r->config.election_timeout_max_ms;
    }
    return count;
}

bool raft_has_quorum(const struct raft *r)
{
    return raft_is_majority(r, count_living(r, raft_members(r)));
}

bool raft_would_have_quorum(const struct raft *r, const struct raft_members *set)
{
    CHECK(r->role == RAFT_LEADER);
    return count_living(r, set) > raft_members_voter_count(set) / 2;
}

static void maybe_send_timeout_now(struct raft *r, const struct raft_peer *peer,
                                   struct raft_effects *effects)
{
    /* Thesis §3.10, step 2: the target's log must match before it is told. */
    if (r->transfer_to != peer->id || peer->match_index != r->trail.last_index) return;
    raft_emit_send(r, effects, RAFT_MSG_TIMEOUT_NOW, peer->id, r->vote_seq);
}

void raft_start_transfer(struct raft *r, uint32_t target, struct raft_effects *effects)
{
    const struct raft_peer *peer = raft_find_peer(r, target);
    if (r->role != RAFT_LEADER || peer == NULL) return;
    if (!raft_members_has_voter(raft_members(r), target)) return;

    r->transfer_to = target;
    r->transfer_deadline_ms = r->now_ms + r->config.election_timeout_max_ms;
    maybe_send_timeout_now(r, peer, effects);
}

void raft_maybe_commit(struct raft *r)
{
    CHECK(r->role == RAFT_LEADER);

    /* Insertion sort, highest first: the index at [majority - 1] is on a majority. */
    uint64_t matches[RAFT_VOTERS_MAX];
    uint32_t count = 0;
    const struct raft_members *members = raft_members(r);
    for (uint32_t i = 0; i < members->count; i++) {
        if (!members->items[i].voter) continue;
        const struct raft_peer *peer = raft_find_peer(r, members->items[i].id);
        uint64_t match = peer != NULL ? peer->match_index : r->durable_index;
        if (peer == NULL && raft_has_canary(r, RAFT_CANARY_COUNT_UNDURABLE)) {
            match = r->trail.last_index;
        }
        uint32_t at = count++;
        for (; at > 0 && matches[at - 1] < match; at--) matches[at] = matches[at - 1];
        matches[at] = match;
    }
    CHECK(count > 0);
    uint64_t index = matches[count / 2];
    if (index <= r->commit_index) return;

    /* Thesis §3.6.2: "Raft never commits log entries from previous terms by counting replicas. Only
     * log entries from the leader's current term are committed by counting replicas." */
    if (raft_trail_term(&r->trail, index) != r->vote.term &&
        !raft_has_canary(r, RAFT_CANARY_COMMIT_OLD_TERM)) {
        return;
    }
    r->commit_index = index;
}

static void on_accepted(struct raft *r, struct raft_peer *peer, uint64_t match_index)
{
    CHECK(match_index <= r->trail.last_index);

    if (match_index > peer->match_index) peer->match_index = match_index;
    if (peer->next_index <= peer->match_index) peer->next_index = peer->match_index + 1;
    peer->retries = 0;
    peer->progress_ms = r->now_ms;

    uint32_t kept = 0;
    for (uint32_t i = 0; i < peer->inflight_count; i++) {
        if (peer->inflight_last[i] <= match_index) continue;
        peer->inflight_last[kept++] = peer->inflight_last[i];
    }
    peer->inflight_count = kept;
    if (peer->state == RAFT_SNAPSHOT && peer->match_index < r->trail.start_index) return;
    if (peer->state == RAFT_REPLICATE) return;

    peer->state = RAFT_REPLICATE;
    peer->waiting = false;
    peer->next_index = peer->match_index + 1;
}

static void on_refused(struct raft *r, struct raft_peer *peer, const struct raft_msg *m)
{
    if (peer->state == RAFT_SNAPSHOT) return;
    if (peer->state == RAFT_REPLICATE) {
        if (m->prev_index <= peer->match_index) return; /* Old: it has accepted more since. */
        probe(peer, peer->match_index + 1);
        return;
    }
    if (m->prev_index != peer->next_index - 1) return; /* Not about the present probe. */
    /* It has lost what it acknowledged: its disk was wiped. (Were it only an old answer that comes
     * late, forgetting would do no harm.) */
    if (m->prev_index <= peer->match_index) peer->match_index = 0;

    /* Thesis §3.5: a follower "can include the term of the conflicting entry", and so one probe
     * passes over a whole term. Nothing past the hint matches; nor does, in our log, an entry of a
     * later term than the hint's. */
    uint64_t prev_index = raft_trail_floor(&r->trail, m->hint_index, m->hint_term);
    if (m->hint_index < r->trail.start_index) prev_index = m->hint_index;
    if (prev_index >= m->prev_index) prev_index = m->prev_index - 1;
    if (prev_index < peer->match_index) prev_index = peer->match_index;
    probe(peer, prev_index + 1);
}

void raft_on_append_reply(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);
    struct raft_peer *peer = raft_find_peer(r, m->from);
    if (r->role != RAFT_LEADER || peer == NULL) return;

    peer->heard_ms = r->now_ms;
    if (m->granted) {
        on_accepted(r, peer, m->match_index);
        raft_maybe_commit(r);
        maybe_send_timeout_now(r, peer, effects);
    } else {
        on_refused(r, peer, m);
    }
    maybe_send_appends(r, peer, effects);
}

void raft_on_heartbeat_reply(struct raft *r, const struct raft_msg *m)
{
    CHECK(m->term == r->vote.term);
    struct raft_peer *peer = raft_find_peer(r, m->from);
    if (r->role != RAFT_LEADER || peer == NULL) return;

    peer->heard_ms = r->now_ms;
}

/* ---- The follower ---- */

static void learn_commit(struct raft *r, uint64_t commit_index)
{
    if (commit_index > r->commit_index) r->commit_index = commit_index;
}

/* Says what is here and equal to the leader's, once it is on disk. */
static void send_accept(struct raft *r, uint32_t to, uint64_t match_index,
                        struct raft_effects *effects)
{
    uint64_t after = raft_after_log(r, match_index);
    struct raft_msg *m = raft_emit_send(r, effects, RAFT_MSG_APPEND_REPLY, to, after);
    m->granted = true;
    m->match_index = match_index;
}

static void send_refusal(struct raft *r, const struct raft_msg *ask, struct raft_effects *effects)
{
    /* Whatever is committed is in the leader's log too (thesis §3.6, Leader Completeness). */
    uint64_t hint = raft_trail_floor(&r->trail, ask->prev_index, ask->prev_term);
    if (hint < r->commit_index) hint = r->commit_index;

    struct raft_msg *m = raft_emit_send(r, effects, RAFT_MSG_APPEND_REPLY, ask->from, r->vote_seq);
    m->prev_index = ask->prev_index;
    m->hint_index = hint;
    m->hint_term = raft_trail_term(&r->trail, hint);
}

/* Takes the entries of `m` from `from` on; what is there from `from` on has been cut off. */
static void append_entries(struct raft *r, const struct raft_event *event, uint64_t from,
                           struct raft_effects *effects)
{
    const struct raft_msg *m = &event->msg;
    CHECK(from == r->trail.last_index + 1);
    CHECK(from <= m->last_index);

    raft_trail_append(&r->trail, m->last_index, m->entries_term);
    struct raft_effect *e = raft_emit(effects, RAFT_APPEND);
    e->seq = raft_add_write(r, m->last_index);
    e->first = from;
    e->last = m->last_index;
    e->term = m->entries_term;
    for (uint32_t i = 0; i < event->membership_count; i++) {
        const struct raft_membership *set = &event->memberships[i];
        CHECK(set->index <= m->last_index);
        if (set->index >= from) raft_add_membership(r, set);
    }
}

/* The first index of (after, last] where our log has no entry of `term`. */
static uint64_t find_difference(const struct raft *r, uint64_t after, uint64_t last, uint64_t term)
{
    uint64_t index = after + 1;
    if (index > last || index > r->trail.last_index) return index;
    if (raft_trail_term(&r->trail, index) != term) return index;

    /* Entries of one term are neighbours. */
    uint64_t run_last = raft_trail_run_last(&r->trail, index);
    return (run_last < last ? run_last : last) + 1;
}

/* The canary; no further than the trail can bear. */
static bool ignores_prev(const struct raft *r, const struct raft_msg *m)
{
    return raft_has_canary(r, RAFT_CANARY_IGNORE_PREV) &&
           raft_trail_term(&r->trail, m->prev_index) <= m->entries_term;
}

void raft_on_append(struct raft *r, const struct raft_event *event, struct raft_effects *effects)
{
    const struct raft_msg *m = &event->msg;
    CHECK(m->term == r->vote.term);
    CHECK(r->role != RAFT_LEADER); /* Two leaders in one term. */
    raft_become_follower(r, m->from);

    /* What is committed here equals the leader's log, whatever the message begins with. */
    uint64_t prev_index = m->prev_index;
    if (prev_index < r->commit_index) prev_index = r->commit_index;
    if (m->last_index <= prev_index && m->prev_index < prev_index) {
        send_accept(r, m->from, prev_index, effects);
        return;
    }
    /* Thesis §3.5: "If the follower does not find an entry in its log with the same index and term,
     * then it refuses the new entries." */
    if (prev_index > r->trail.last_index ||
        (prev_index == m->prev_index && raft_trail_term(&r->trail, prev_index) != m->prev_term &&
         !ignores_prev(r, m))) {
        send_refusal(r, m, effects);
        return;
    }

    /* Thesis §3.5, figure 3.1: "If an existing entry conflicts with a new one (same index but
     * different terms), delete the existing entry and all that follow it." An old message whose
     * entries are all here deletes nothing. */
    uint64_t from = find_difference(r, prev_index, m->last_index, m->entries_term);
    uint64_t match_index = m->last_index;
    if (from <= m->last_index) {
        if (!raft_trail_has_room(&r->trail, from, m->entries_term)) return; /* See raft.h. */
        if (from <= r->trail.last_index && raft_has_canary(r, RAFT_CANARY_NEVER_TRUNCATE)) {
            if (match_index > r->trail.last_index) match_index = r->trail.last_index;
        } else {
            if (from <= r->trail.last_index) raft_truncate(r, from, effects);
            append_entries(r, event, from, effects);
        }
    }
    learn_commit(r, m->commit_index < match_index ? m->commit_index : match_index);
    send_accept(r, m->from, match_index, effects);
}

void raft_on_heartbeat(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);
    CHECK(r->role != RAFT_LEADER); /* Two leaders in one term. */

    raft_become_follower(r, m->from);
    /* Index and term name an entry and all before it (thesis §3.5, Log Matching): this holds even
     * if our disk was wiped since we acknowledged it. */
    if (raft_trail_has(&r->trail, m->commit_index) &&
        raft_trail_term(&r->trail, m->commit_index) == m->commit_term) {
        learn_commit(r, m->commit_index);
    }
    raft_emit_send(r, effects, RAFT_MSG_HEARTBEAT_REPLY, m->from, r->vote_seq);
}

void raft_on_snapshot_offer(struct raft *r, const struct raft_msg *m, struct raft_effects *effects)
{
    CHECK(m->term == r->vote.term);
    CHECK(r->role != RAFT_LEADER); /* Two leaders in one term. */

    raft_become_follower(r, m->from);
    if (m->last_index <= r->commit_index) {
        send_accept(r, m->from, r->commit_index, effects);
        return;
    }
    struct raft_effect *e = raft_emit(effects, RAFT_WANT_SNAPSHOT);
    e->peer = m->from;
    e->last = m->last_index;
    e->term = m->last_term;
    /* The leader's patience is for those who are alive. */
    raft_emit_send(r, effects, RAFT_MSG_HEARTBEAT_REPLY, m->from, r->vote_seq);
}

void raft_on_snapshot_received(struct raft *r, const struct raft_event *event,
                               struct raft_effects *effects)
{
    CHECK(event->membership_count == 1);
    /* A candidate's log is being compared; a leader has everything. The offer will come again. */
    if (r->role != RAFT_FOLLOWER) return;

    /* A snapshot holds committed entries only, so it is true whoever leads. */
    if (event->index > r->commit_index) {
        if (event->term > r->vote.term) return; /* Of a term that nobody has told us of. */
        raft_install(r, event->index, event->term, &event->memberships[0], effects);
    }
    if (r->leader_id != RAFT_NOBODY) send_accept(r, r->leader_id, r->commit_index, effects);
}
