#include "controller/raft/raft_state.h"

#include <string.h>

#include "common/check.h"

static void check_peers(const struct raft *r)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peers[i];
        CHECK(p->id != r->config.self_id);
        if (r->role != RAFT_LEADER) continue;
        CHECK(p->match_index < p->next_index);
        CHECK(p->match_index <= r->trail.last_index);
        CHECK(p->next_index <= r->trail.last_index + 1);
        CHECK(p->inflight_count <= r->config.inflight_max);
        CHECK(IMPLIES(p->state != RAFT_REPLICATE, p->inflight_count == 0));
    }
}

void raft_check(const struct raft *r)
{
    raft_trail_check(&r->trail);
    CHECK(r->trail.start_index <= r->commit_index);
    CHECK(r->commit_index <= r->trail.last_index);
    CHECK(r->durable_index <= r->trail.last_index);
    CHECK(raft_trail_last_term(&r->trail) <= r->vote.term);

    CHECK(r->durable_seq <= r->persist_seq);
    CHECK(r->vote_seq <= r->persist_seq);
    CHECK(r->write_count <= RAFT_WRITES_MAX);
    CHECK(IMPLIES(r->write_count > 0, r->writes[0].seq > r->durable_seq));

    CHECK(r->membership_count >= 1);
    CHECK(r->membership_count <= RAFT_MEMBERSHIPS_KEPT);
    CHECK(r->memberships[r->membership_count - 1].index <= r->trail.last_index);

    CHECK((r->role == RAFT_LEADER) == (r->leader_id == r->config.self_id));
    CHECK(IMPLIES(r->role == RAFT_CANDIDATE, r->vote.voted_for == r->config.self_id));
    CHECK(IMPLIES(r->role == RAFT_LEADER, r->vote.voted_for == r->config.self_id));
    CHECK(IMPLIES(r->role == RAFT_CANDIDATE, r->leader_id == RAFT_NOBODY));
    CHECK(IMPLIES(r->role == RAFT_PRECANDIDATE, r->leader_id == RAFT_NOBODY));
    CHECK(IMPLIES(r->transfer_to != RAFT_NOBODY, r->role == RAFT_LEADER));
    check_peers(r);
}

struct raft_effect *raft_emit(struct raft_effects *effects, enum raft_effect_kind kind)
{
    CHECK(effects->count < RAFT_EFFECTS_MAX);

    struct raft_effect *e = &effects->items[effects->count++];
    *e = (struct raft_effect){.kind = kind};
    return e;
}

struct raft_msg *raft_emit_send(const struct raft *r, struct raft_effects *effects,
                                enum raft_msg_kind kind, uint32_t to, uint64_t after)
{
    CHECK(to != r->config.self_id);
    CHECK(to != RAFT_NOBODY);
    CHECK(after <= r->persist_seq);

    struct raft_effect *e = raft_emit(effects, RAFT_SEND);
    e->after = after;
    e->msg =
        (struct raft_msg){.kind = kind, .from = r->config.self_id, .to = to, .term = r->vote.term};
    return &e->msg;
}

bool raft_has_canary(const struct raft *r, enum raft_canary canary)
{
    return (r->config.canaries & (uint32_t)canary) != 0;
}

struct raft_peer *raft_find_peer(struct raft *r, uint32_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) return &r->peers[i];
    }
    return NULL;
}

const struct raft_peer *raft_peer(const struct raft *r, uint32_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) return &r->peers[i];
    }
    return NULL;
}

const struct raft_members *raft_members(const struct raft *r)
{
    return &r->memberships[r->membership_count - 1].members;
}

uint64_t raft_last_index(const struct raft *r)
{
    return r->trail.last_index;
}

static bool names_our_disk(const struct raft *r, const struct raft_member *self)
{
    return memcmp(self->disk, r->config.disk, RAFT_DISK_ID_SIZE) == 0;
}

bool raft_is_vouched(const struct raft *r)
{
    for (uint32_t i = 0; i < r->membership_count; i++) {
        const struct raft_membership *set = &r->memberships[i];
        if (set->index > r->commit_index) continue;
        const struct raft_member *self = raft_members_find(&set->members, r->config.self_id);
        /* Our log holds this set, and so all that was committed before it. */
        if (self != NULL && raft_disk_is_known(self->disk) && names_our_disk(r, self)) return true;
    }
    return false;
}

bool raft_can_vote(const struct raft *r)
{
    /* A vote given, and entries acknowledged, are on the disk that the set names. On another disk
     * they are forgotten, and voting again could undo a majority. */
    const struct raft_member *self = raft_members_find(raft_members(r), r->config.self_id);
    if (self != NULL && raft_disk_is_known(self->disk) && !names_our_disk(r, self)) return false;
    return r->config.may_vote || raft_is_vouched(r);
}

bool raft_is_voter(const struct raft *r)
{
    if (!raft_can_vote(r)) return false;
    const struct raft_membership *set = &r->memberships[r->membership_count - 1];
    if (raft_members_has_voter(&set->members, r->config.self_id)) return true;

    /* Thesis §4.2.2: a server that is not part of its own latest set still starts elections, for it
     * may be needed until that set is committed. Its own vote does not count then. */
    return r->membership_count == 2 && set->index > r->commit_index &&
           raft_members_has_voter(&set[-1].members, r->config.self_id);
}

bool raft_is_up_to_date(const struct raft *r, uint64_t last_index, uint64_t last_term)
{
    /* Thesis §3.6.1: "If the logs have last entries with different terms, then the log with the
     * later term is more up-to-date. If the logs end with the same term, then whichever log is
     * longer is more up-to-date." */
    if (raft_has_canary(r, RAFT_CANARY_VOTE_BLINDLY)) return true;
    uint64_t own_term = raft_trail_last_term(&r->trail);
    if (last_term != own_term) return last_term > own_term;
    return last_index >= r->trail.last_index;
}

void raft_set_vote(struct raft *r, uint64_t term, uint32_t voted_for, struct raft_effects *effects)
{
    CHECK(term >= r->vote.term);
    CHECK(IMPLIES(term == r->vote.term, r->vote.voted_for == RAFT_NOBODY));

    r->vote = (struct raft_vote){.term = term, .voted_for = voted_for};
    struct raft_effect *e = raft_emit(effects, RAFT_PERSIST_VOTE);
    e->seq = ++r->persist_seq;
    e->vote = r->vote;
    r->vote_seq = e->seq;
}

void raft_reset_deadline(struct raft *r)
{
    const struct raft_config *c = &r->config;
    uint64_t wait_ms = r->role == RAFT_LEADER ? c->heartbeat_ms
                                              : prng_range(&r->prng, c->election_timeout_min_ms,
                                                           c->election_timeout_max_ms);
    r->deadline_ms = r->now_ms + wait_ms;
}

void raft_become_follower(struct raft *r, uint32_t leader_id)
{
    CHECK(leader_id != r->config.self_id);

    r->role = RAFT_FOLLOWER;
    r->leader_id = leader_id;
    r->transfer_to = RAFT_NOBODY;
    if (leader_id != RAFT_NOBODY) {
        r->leader_heard_ms = r->now_ms;
        r->fresh = false;
    }
    raft_reset_deadline(r);
}

bool raft_is_majority(const struct raft *r, uint32_t count)
{
    return count > raft_members_voter_count(raft_members(r)) / 2;
}

/* Peers are the members in force but ourselves. Who stays keeps what is known of it. */
static void sync_peers(struct raft *r)
{
    const struct raft_members *members = raft_members(r);
    struct raft_peer peers[RAFT_MEMBERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        uint32_t id = members->items[i].id;
        if (id == r->config.self_id) continue;

        const struct raft_peer *known = raft_find_peer(r, id);
        peers[count++] = known != NULL ? *known
                                       : (struct raft_peer){
                                             .id = id,
                                             .next_index = r->trail.last_index + 1,
                                             .heard_ms = r->now_ms,
                                         };
    }
    memcpy(r->peers, peers, count * sizeof peers[0]);
    r->peer_count = count;
}

void raft_add_membership(struct raft *r, const struct raft_membership *membership)
{
    CHECK(raft_members_are_sane(&membership->members));
    CHECK(membership->index <= r->trail.last_index);
    CHECK(IMPLIES(r->membership_count > 0,
                  r->memberships[r->membership_count - 1].index < membership->index));

    if (r->membership_count == RAFT_MEMBERSHIPS_KEPT) {
        memmove(r->memberships, r->memberships + 1,
                (RAFT_MEMBERSHIPS_KEPT - 1) * sizeof r->memberships[0]);
        r->membership_count--;
    }
    r->memberships[r->membership_count++] = *membership;
    sync_peers(r);
}

uint64_t raft_add_write(struct raft *r, uint64_t last_index)
{
    uint64_t seq = ++r->persist_seq;
    /* Full: the last two become one, durable when the later one is. Late, never early. */
    if (r->write_count == RAFT_WRITES_MAX) {
        const struct raft_write *merged = &r->writes[--r->write_count];
        if (merged->last_index > last_index) last_index = merged->last_index;
    }
    r->writes[r->write_count++] = (struct raft_write){.seq = seq, .last_index = last_index};
    return seq;
}

void raft_truncate(struct raft *r, uint64_t from_index, struct raft_effects *effects)
{
    CHECK(from_index > r->commit_index);

    raft_trail_truncate(&r->trail, from_index);
    if (r->durable_index >= from_index) r->durable_index = from_index - 1;
    for (uint32_t i = 0; i < r->write_count; i++) {
        if (r->writes[i].last_index >= from_index) r->writes[i].last_index = from_index - 1;
    }
    /* All sets but the last are committed (raft_can_change_members), so one step back is enough. */
    if (r->memberships[r->membership_count - 1].index >= from_index) {
        CHECK(r->membership_count == 2);
        CHECK(r->memberships[0].index < from_index);
        r->membership_count--;
        sync_peers(r);
    }
    struct raft_effect *e = raft_emit(effects, RAFT_TRUNCATE);
    e->seq = ++r->persist_seq;
    e->first = from_index;
}

uint64_t raft_after_log(const struct raft *r, uint64_t index)
{
    CHECK(index <= r->trail.last_index);
    if (index <= r->durable_index) return r->vote_seq;

    for (uint32_t i = 0; i < r->write_count; i++) {
        const struct raft_write *w = &r->writes[i];
        if (w->last_index >= index) return w->seq > r->vote_seq ? w->seq : r->vote_seq;
    }
    UNREACHABLE(); /* What is in the log is durable or being written. */
}

void raft_install(struct raft *r, uint64_t index, uint64_t term,
                  const struct raft_membership *membership, struct raft_effects *effects)
{
    CHECK(index > r->commit_index);
    CHECK(membership->index <= index);

    /* Raft §7: "If instead the follower receives a snapshot that describes a prefix of its log ...
     * entries following the snapshot are still valid and must be retained." */
    bool keep_tail = raft_trail_has(&r->trail, index) && raft_trail_term(&r->trail, index) == term;
    struct raft_membership newest = r->memberships[r->membership_count - 1];
    if (keep_tail) {
        raft_trail_compact(&r->trail, index);
    } else {
        raft_trail_init(&r->trail, index, term);
        r->durable_index = 0;
        r->write_count = 0;
    }
    r->commit_index = index;

    r->membership_count = 0;
    raft_add_membership(r, membership);
    if (keep_tail && newest.index > index) raft_add_membership(r, &newest);

    struct raft_effect *e = raft_emit(effects, RAFT_INSTALL);
    e->seq = raft_add_write(r, index);
    e->last = index;
    e->term = term;
    e->keep_tail = keep_tail;
}
