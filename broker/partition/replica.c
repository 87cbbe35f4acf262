#include "broker/partition/replica.h"

#include "common/check.h"

static bool is_canary(const struct replica *r, enum replica_canary canary)
{
    return (r->options.canary & canary) != 0;
}

void replica_check(const struct replica *r)
{
    CHECK(r->log_start <= r->high_watermark);
    CHECK(r->high_watermark <= r->written);
    CHECK(r->durable <= r->written);
    CHECK(IMPLIES(r->role == REPLICA_LEADER, r->leader == r->options.self));
    CHECK(IMPLIES(r->role == REPLICA_FOLLOWER, r->leader != r->options.self));
    CHECK(IMPLIES(r->role != REPLICA_LEADER, !r->is_proposing));
    CHECK(IMPLIES(r->role == REPLICA_LEADER, id_set_has(&r->isr, r->options.self)));
    CHECK(r->min_isr <= META_REPLICAS_MAX);
    CHECK(IMPLIES(r->handover != HANDOVER_NONE, r->role == REPLICA_LEADER));
    CHECK(IMPLIES(r->handover != HANDOVER_NONE, id_set_has(&r->isr, r->successor)));
    CHECK(IMPLIES(r->handover == HANDOVER_PROPOSED, r->is_proposing));
    CHECK(IMPLIES(r->handover == HANDOVER_CLOSED, !r->is_proposing));
}

bool replica_is_open(const struct replica *r)
{
    return r->role == REPLICA_LEADER && r->handover != HANDOVER_CLOSED &&
           r->handover != HANDOVER_PROPOSED;
}

int64_t replica_local_end(const struct replica *r)
{
    return r->counts_durable ? r->durable : r->written;
}

int64_t replica_fetch_offset(const struct replica *r)
{
    return replica_local_end(r);
}

bool replica_has_min_isr(const struct replica *r)
{
    return r->isr.count >= r->min_isr;
}

static struct replica_peer *find_peer(struct replica *r, int32_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) return &r->peers[i];
    }
    return NULL;
}

const struct replica_peer *replica_peer_find(const struct replica *r, int32_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) return &r->peers[i];
    }
    return NULL;
}

static bool is_in_maximal_isr(const struct replica *r, int32_t id)
{
    if (id_set_has(&r->isr, id)) return true;
    if (is_canary(r, REPLICA_CANARY_COMMITTED_ISR)) return false;

    return r->is_proposing && id_set_has(&r->proposed, id);
}

/* Close enough behind to be about to join: KAFKA's rule that keeps the watermark from running away
 * from a follower that would otherwise chase it for ever. */
static bool is_about_to_join(const struct replica *r, const struct replica_peer *p, uint64_t now_ms)
{
    if (!p->is_eligible || !p->has_fetched) return false;
    if (now_ms - p->fetch_ms > r->options.hang_ms) return false;

    return now_ms - p->caught_up_ms <= r->options.hang_ms;
}

static void move_watermark(struct replica *r, int64_t to, struct replica_effects *effects)
{
    if (to <= r->high_watermark) return;

    r->high_watermark = to;
    effects->watermark_moved = true;
}

/* Leader: what every member of the maximal ISR has is committed (rules 5 and 6). */
static void maybe_advance_watermark(struct replica *r, uint64_t now_ms,
                                    struct replica_effects *effects)
{
    CHECK(r->role == REPLICA_LEADER);
    if (!replica_has_min_isr(r) && !is_canary(r, REPLICA_CANARY_UNDER_MIN_ISR)) return;

    int64_t end = replica_local_end(r);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct replica_peer *p = &r->peers[i];
        if (is_canary(r, REPLICA_CANARY_IGNORE_FOLLOWER)) break;
        if (!is_in_maximal_isr(r, p->id) && !is_about_to_join(r, p, now_ms)) continue;
        /* A member that has not fetched in this epoch has not shown what it has: wait for it. */
        int64_t has = p->has_fetched ? p->end : 0;
        if (has < end) end = has;
    }
    move_watermark(r, end, effects);
}

static void propose(struct replica *r, const struct id_set *isr, uint64_t now_ms,
                    struct replica_effects *effects)
{
    CHECK(r->role == REPLICA_LEADER);
    CHECK(!r->is_proposing);
    CHECK(id_set_has(isr, r->options.self));

    r->is_proposing = true;
    r->proposal++;
    r->proposed = *isr;
    r->was_lost = false;
    r->retreats = false;
    r->proposed_ms = now_ms;
    effects->propose_isr = true;
}

static bool may_join(const struct replica *r, const struct replica_peer *p)
{
    if (id_set_has(&r->isr, p->id)) return false;
    if (!p->is_eligible || !p->has_fetched) return false;
    if (is_canary(r, REPLICA_CANARY_JOIN_EARLY)) return true;

    if (p->end < r->high_watermark) return false;
    return p->end >= r->epoch_start || is_canary(r, REPLICA_CANARY_JOIN_BELOW_EPOCH);
}

/* A member must leave: silent for too long, or never at the end for too long. */
static bool must_leave(const struct replica *r, const struct replica_peer *p, uint64_t now_ms)
{
    if (!id_set_has(&r->isr, p->id)) return false;
    if (now_ms - p->fetch_ms > r->options.hang_ms) return true;

    return p->end < replica_local_end(r) && now_ms - p->caught_up_ms > r->options.lag_max_ms;
}

/* One proposal at a time. A shrink and an expansion that are due together travel together. */
static void maybe_propose(struct replica *r, uint64_t now_ms, struct replica_effects *effects)
{
    if (r->role != REPLICA_LEADER || r->is_proposing || now_ms < r->retry_at_ms) return;
    if (r->handover == HANDOVER_CLOSED) return; /* It is a matter of milliseconds. */

    struct id_set isr = r->isr;
    bool changed = false;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct replica_peer *p = &r->peers[i];
        if (must_leave(r, p, now_ms)) {
            changed |= id_set_remove(&isr, p->id);
        } else if (may_join(r, p)) {
            changed |= id_set_add(&isr, p->id);
        }
    }
    if (changed) propose(r, &isr, now_ms, effects);
}

/* ---- Handing over. ---- */

static void chase(struct replica *r, uint64_t after_ms, struct replica_effects *effects)
{
    effects->opened |= !replica_is_open(r);
    r->handover = HANDOVER_CHASING;
    r->is_proposing = false;
    r->was_lost = false;
    r->close_after_ms = after_ms;
}

static void propose_handover(struct replica *r, uint64_t now_ms, struct replica_effects *effects)
{
    CHECK(!r->is_proposing);

    r->handover = HANDOVER_PROPOSED;
    r->is_proposing = true;
    r->proposal++;
    r->proposed = r->isr;
    r->proposed_ms = now_ms;
    r->retry_at_ms = 0;
    r->proposed_term = r->term;
    r->was_lost = false;
    effects->propose_isr = true;
}

/* It has fetched everything not long ago: closing now keeps producers waiting for one fetch. */
static bool is_close(const struct replica *r, const struct replica_peer *p, uint64_t now_ms)
{
    return p->has_fetched && p->is_eligible && now_ms - p->caught_up_ms <= r->options.hang_ms / 2;
}

static void maybe_hand_over(struct replica *r, const struct replica_event *e,
                            struct replica_effects *effects)
{
    if (r->role != REPLICA_LEADER || r->handover == HANDOVER_NONE) return;
    const struct replica_peer *p = replica_peer_find(r, r->successor);
    CHECK(p != NULL);

    if (r->handover == HANDOVER_CHASING) {
        if (r->is_proposing || e->now_ms < r->close_after_ms || !is_close(r, p, e->now_ms)) return;
        r->handover = HANDOVER_CLOSED;
        r->closed_ms = e->now_ms;
    }
    if (r->handover != HANDOVER_CLOSED) return;

    bool has_all = p->end == e->assigned && replica_local_end(r) == e->assigned;
    if (has_all || is_canary(r, REPLICA_CANARY_HAND_OVER_EARLY)) {
        propose_handover(r, e->now_ms, effects);
    } else if (e->now_ms - r->closed_ms > r->options.closed_max_ms) {
        chase(r, e->now_ms + r->options.closed_max_ms, effects);
    }
}

/* The committed metadata ask for it, or no longer. Whatever was proposed is settled by them. */
static void note_successor(struct replica *r, const struct id_set *successor,
                           struct replica_effects *effects)
{
    bool is_asked = r->role == REPLICA_LEADER && successor->count > 0;
    if (!is_asked) {
        effects->opened |= r->role == REPLICA_LEADER && !replica_is_open(r);
        r->handover = HANDOVER_NONE;
        r->successor = META_NOBODY;
        return;
    }
    r->successor = successor->ids[0];
    chase(r, 0, effects);
}

static void become_leader(struct replica *r, int64_t log_end, uint64_t now_ms)
{
    r->role = REPLICA_LEADER;
    r->epoch_start = log_end;
    r->retry_at_ms = 0;
    r->peer_count = 0;
    if (is_canary(r, REPLICA_CANARY_EARLY_CLOCK)) now_ms = 0;
    for (uint32_t i = 0; i < r->replicas.count; i++) {
        if (r->replicas.ids[i] == r->options.self) continue;
        /* Rule 9: its clock starts now, or at its first fetch; what it has is not known yet. */
        r->peers[r->peer_count++] = (struct replica_peer){
            .id = r->replicas.ids[i],
            .broker_epoch = -1,
            .fetch_ms = now_ms,
            .caught_up_ms = now_ms,
        };
    }
}

static void become_other(struct replica *r, enum replica_role role)
{
    r->role = role;
    r->peer_count = 0;
    r->epoch_start = 0;
    r->is_proposing = false;
    r->handover = HANDOVER_NONE;
    r->successor = META_NOBODY;
}

void replica_resign(struct replica *r)
{
    become_other(r, REPLICA_NONE);
}

/* Replicas were added or removed under the same leader epoch: keep what is known of the rest. */
static void keep_peers(struct replica *r, uint64_t now_ms)
{
    struct replica_peer kept[META_REPLICAS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->replicas.count; i++) {
        int32_t id = r->replicas.ids[i];
        if (id == r->options.self) continue;
        const struct replica_peer *known = replica_peer_find(r, id);
        kept[count] =
            known != NULL
                ? *known
                : (struct replica_peer){
                      .id = id, .broker_epoch = -1, .fetch_ms = now_ms, .caught_up_ms = now_ms};
        count++;
    }
    for (uint32_t i = 0; i < count; i++) r->peers[i] = kept[i];
    r->peer_count = count;
}

/* Whoever is not in `now`, but was in `before`, may be dead: its next fetch will tell. Until then
 * nothing waits for it, and it is not proposed. */
static void doubt_peers(struct replica *r, const struct id_set *before, const struct id_set *now)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        int32_t id = r->peers[i].id;
        if (id_set_has(before, id) && !id_set_has(now, id)) r->peers[i].is_eligible = false;
    }
}

static void on_assign(struct replica *r, const struct replica_event *e,
                      struct replica_effects *effects)
{
    const struct meta_partition *s = e->assign.state;
    CHECK(s->leader_epoch >= r->leader_epoch);
    CHECK(s->partition_epoch >= r->partition_epoch);

    bool is_new_epoch = s->leader_epoch != r->leader_epoch || r->role == REPLICA_NONE;
    effects->isr_changed = !id_set_equal(&r->isr, &s->isr);
    effects->role_changed = is_new_epoch || s->leader != r->leader;
    bool is_news = effects->role_changed || s->partition_epoch != r->partition_epoch;
    if (is_news) {
        /* What was handed over is settled: it looks at the metadata anew at the end. */
        effects->opened |= r->role == REPLICA_LEADER && !replica_is_open(r);
        r->is_proposing = false;
        r->handover = HANDOVER_NONE;
    }
    if (effects->role_changed) r->leader_watermark = 0;
    if (effects->role_changed && is_canary(r, REPLICA_CANARY_FORGET_WATERMARK))
        r->high_watermark = r->log_start;
    bool leads_on = r->role == REPLICA_LEADER && s->leader == META_NOBODY &&
                    is_canary(r, REPLICA_CANARY_LEAD_ON);
    r->term = e->assign.term;
    r->leader = leads_on ? r->options.self : s->leader;
    r->leader_epoch = s->leader_epoch;
    r->partition_epoch = s->partition_epoch;
    r->replicas = s->replicas;
    doubt_peers(r, &r->isr, &s->isr);
    r->isr = s->isr;
    if (leads_on) (void)id_set_add(&r->isr, r->options.self);
    r->elr = s->elr;
    r->min_isr = e->assign.min_isr < s->replicas.count ? e->assign.min_isr : s->replicas.count;
    r->counts_durable = e->assign.counts_durable;

    if (s->leader == r->options.self || leads_on) {
        if (effects->role_changed) {
            become_leader(r, e->assigned, e->now_ms);
        } else {
            keep_peers(r, e->now_ms);
        }
        if (is_news) note_successor(r, &s->successor, effects);
        maybe_advance_watermark(r, e->now_ms, effects);
        maybe_propose(r, e->now_ms, effects);
    } else {
        become_other(r, s->leader == META_NOBODY ? REPLICA_NONE : REPLICA_FOLLOWER);
    }
}

/* Whoever had everything until now was caught up until now, also if its fetch has been parked since
 * long ago. */
static void note_growth(struct replica *r, int64_t before, uint64_t now_ms)
{
    if (r->role != REPLICA_LEADER || replica_local_end(r) <= before) return;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct replica_peer *p = &r->peers[i];
        if (p->has_fetched && p->end >= before) p->caught_up_ms = now_ms;
    }
}

static void on_ends(struct replica *r, const struct replica_event *e,
                    struct replica_effects *effects)
{
    CHECK(e->ends.log_start >= r->log_start || r->role != REPLICA_LEADER);

    int64_t before = replica_local_end(r);
    r->log_start = e->ends.log_start;
    r->written = e->ends.written;
    r->durable = e->ends.durable;
    note_growth(r, before, e->now_ms);
    if (r->high_watermark < r->log_start) {
        r->high_watermark = r->log_start;
        effects->watermark_moved = true;
    }
    /* A follower truncated what had never been committed by the leader it follows now; the
     * watermark it had heard of cannot lie beyond (rule 2: truncate first, then the watermark). */
    if (r->high_watermark > r->written) r->high_watermark = r->written;
    if (r->role == REPLICA_LEADER) maybe_advance_watermark(r, e->now_ms, effects);
}

static void on_fetched(struct replica *r, const struct replica_event *e,
                       struct replica_effects *effects)
{
    CHECK(r->role == REPLICA_LEADER);

    struct replica_peer *p = find_peer(r, e->fetched.id);
    if (p == NULL) return;                                 /* Not a replica of ours any more. */
    if (e->fetched.broker_epoch < p->broker_epoch) return; /* An older incarnation, late. */

    int64_t end = replica_local_end(r);
    if (e->fetched.offset >= end) {
        p->caught_up_ms = e->now_ms;
    } else if (p->has_fetched && e->fetched.offset >= p->leader_end_at_fetch) {
        p->caught_up_ms = p->fetch_ms;
    }
    bool is_joining = r->is_proposing && r->handover != HANDOVER_PROPOSED &&
                      id_set_has(&r->proposed, p->id) && !id_set_has(&r->isr, p->id);
    /* It was proposed for what an earlier incarnation of it had. */
    if (is_joining && p->has_fetched && e->fetched.broker_epoch > p->broker_epoch) {
        r->retreats = true;
    }
    p->has_fetched = true;
    p->is_eligible = e->fetched.is_eligible;
    p->broker_epoch = e->fetched.broker_epoch;
    p->end = e->fetched.offset;
    p->start = e->fetched.log_start;
    p->fetch_ms = e->now_ms;
    if (e->fetched.alive_ms > p->alive_ms) p->alive_ms = e->fetched.alive_ms;
    p->leader_end_at_fetch = end;
    maybe_propose(r, e->now_ms, effects);
    maybe_advance_watermark(r, e->now_ms, effects);
}

static void on_followed(struct replica *r, const struct replica_event *e,
                        struct replica_effects *effects)
{
    CHECK(r->role == REPLICA_FOLLOWER);

    int64_t committed = e->followed.high_watermark;
    r->leader_watermark = committed;
    move_watermark(r, committed < r->written ? committed : r->written, effects);
}

static void on_answered(struct replica *r, const struct replica_event *e,
                        struct replica_effects *effects)
{
    if (!r->is_proposing) return; /* The stream was faster, or the epoch is over. */
    /* Of an earlier one, which no longer matters: it says nothing of the one that is out now, and
     * that may be accepted yet. */
    if (e->answered.proposal != r->proposal) return;
    if (e->answered.accepted) return; /* The committed state comes through the stream. */

    if (r->handover == HANDOVER_PROPOSED) {
        r->was_lost |= e->answered.is_lost && !is_canary(r, REPLICA_CANARY_REOPEN_EARLY);
        bool is_over = e->answered.is_final || is_canary(r, REPLICA_CANARY_REOPEN_EARLY);
        if (is_over && !r->was_lost) {
            chase(r, e->now_ms + r->options.retry_ms, effects);
            return;
        }
        r->retry_at_ms = e->now_ms + r->options.retry_ms;
        return;
    }

    /* Refused or lost. A copy of it that was lost may still be accepted, whatever is said of
     * another one: then what was proposed counts until the stream shows a newer partition epoch. So
     * that there is one, the committed ISR is proposed instead: whichever copy comes first is the
     * last of this partition epoch. */
    r->was_lost |= e->answered.is_lost;
    if (e->answered.is_final && !r->was_lost) r->is_proposing = false;
    if (e->answered.is_final && r->was_lost) r->retreats = true;
    if (e->answered.is_final) doubt_peers(r, &r->proposed, &r->isr);
    r->retry_at_ms = e->now_ms + r->options.retry_ms;
}

static void on_tick(struct replica *r, const struct replica_event *e,
                    struct replica_effects *effects)
{
    if (r->role != REPLICA_LEADER) return;

    if (r->is_proposing) {
        bool is_due = r->retry_at_ms != 0 && e->now_ms >= r->retry_at_ms;
        bool is_lost = e->now_ms - r->proposed_ms > 10u * r->options.retry_ms;
        if (is_due || is_lost) {
            /* The same proposal again: a different one could be accepted beside the first. */
            r->was_lost |= is_lost;
            r->retry_at_ms = 0;
            r->proposed_ms = e->now_ms;
            effects->propose_isr = true;
        }
        return;
    }
    maybe_propose(r, e->now_ms, effects);
    maybe_advance_watermark(r, e->now_ms, effects);
}

/* All that the earlier term has decided is in the stream before this: a handover proposed in it has
 * not been accepted, and will not be. */
static void on_term(struct replica *r, const struct replica_event *e,
                    struct replica_effects *effects)
{
    CHECK(e->term >= r->term);

    r->term = e->term;
    if (r->handover == HANDOVER_PROPOSED && r->term > r->proposed_term) chase(r, 0, effects);
}

const struct id_set *replica_proposal(const struct replica *r)
{
    return r->retreats ? &r->isr : &r->proposed;
}

bool replica_may_ack_early(const struct replica *r, uint64_t session_ms, uint64_t now_ms)
{
    if (is_canary(r, REPLICA_CANARY_NO_LEASE)) return true;
    if (r->replicas.count == 1) return true; /* Nobody else could lead. */
    if (now_ms - session_ms <= r->options.lease_ms) return true;
    if (r->isr.count < 2) return false;

    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct replica_peer *p = &r->peers[i];
        if (!id_set_has(&r->isr, p->id)) continue;
        /* Not when its fetch came: that may have lain in a socket while we stood still. */
        if (!p->has_fetched || now_ms - p->alive_ms > r->options.lease_ms) return false;
    }
    return true;
}

void replica_init(struct replica *r, const struct replica_options *options, int64_t log_start,
                  int64_t log_end, int64_t high_watermark)
{
    CHECK(log_start <= log_end);

    int64_t hw = high_watermark < log_start ? log_start : high_watermark;
    *r = (struct replica){
        .options = *options,
        .leader = META_NOBODY,
        .successor = META_NOBODY,
        .leader_epoch = -1,
        .partition_epoch = -1,
        .log_start = log_start,
        .written = log_end,
        .durable = log_end,
        .high_watermark = hw > log_end ? log_end : hw,
    };
    replica_check(r);
}

void replica_step(struct replica *r, const struct replica_event *event,
                  struct replica_effects *effects)
{
    replica_check(r);

    switch (event->kind) {
    case REPLICA_ASSIGN: on_assign(r, event, effects); break;
    case REPLICA_ENDS: on_ends(r, event, effects); break;
    case REPLICA_FETCHED: on_fetched(r, event, effects); break;
    case REPLICA_FOLLOWED: on_followed(r, event, effects); break;
    case REPLICA_TICK: on_tick(r, event, effects); break;
    case REPLICA_ANSWERED: on_answered(r, event, effects); break;
    case REPLICA_TERM: on_term(r, event, effects); break;
    default: UNREACHABLE();
    }
    maybe_hand_over(r, event, effects);

    replica_check(r);
}
