#include "broker/partition/replica_record.h"

#include <inttypes.h>

#include "common/words.h"

static void pack_ids(struct pack *p, struct id_set *s)
{
    pack_u32_max(p, &s->count, META_REPLICAS_MAX);
    for (uint32_t i = 0; i < s->count; i++) pack_i32(p, &s->ids[i]);
}

static void pack_options(struct pack *p, struct replica_options *o)
{
    pack_i32(p, &o->self);
    pack_u32(p, &o->hang_ms);
    pack_u32(p, &o->lag_max_ms);
    pack_u32(p, &o->lease_ms);
    pack_u32(p, &o->retry_ms);
    pack_u32(p, &o->closed_max_ms);
    pack_u32(p, &o->canary);
}

static void pack_peer(struct pack *p, struct replica_peer *peer)
{
    pack_i32(p, &peer->id);
    pack_bool(p, &peer->has_fetched);
    pack_bool(p, &peer->is_eligible);
    pack_i64(p, &peer->broker_epoch);
    pack_i64(p, &peer->end);
    pack_i64(p, &peer->start);
    pack_u64(p, &peer->fetch_ms);
    pack_u64(p, &peer->alive_ms);
    pack_u64(p, &peer->caught_up_ms);
    pack_i64(p, &peer->leader_end_at_fetch);
}

static void pack_leading(struct pack *p, struct replica *r)
{
    pack_i64(p, &r->epoch_start);
    pack_bool(p, &r->is_proposing);
    pack_u64(p, &r->proposal);
    pack_ids(p, &r->proposed);
    pack_u64(p, &r->proposed_ms);
    pack_u64(p, &r->retry_at_ms);
    pack_u32_max(p, &r->peer_count, META_REPLICAS_MAX);
    for (uint32_t i = 0; i < r->peer_count; i++) pack_peer(p, &r->peers[i]);
    PACK_ENUM(p, r->handover, HANDOVER_PROPOSED);
    pack_i32(p, &r->successor);
    pack_u64(p, &r->term);
    pack_u64(p, &r->proposed_term);
    pack_bool(p, &r->was_lost);
    pack_bool(p, &r->retreats);
    pack_u64(p, &r->closed_ms);
    pack_u64(p, &r->close_after_ms);
}

void replica_pack_state(struct pack *p, struct replica *r)
{
    pack_options(p, &r->options);
    PACK_ENUM(p, r->role, REPLICA_FOLLOWER);
    pack_i32(p, &r->leader);
    pack_i32(p, &r->leader_epoch);
    pack_i32(p, &r->partition_epoch);
    pack_ids(p, &r->replicas);
    pack_ids(p, &r->isr);
    pack_ids(p, &r->elr);
    pack_u32(p, &r->min_isr);
    pack_bool(p, &r->counts_durable);
    pack_i64(p, &r->log_start);
    pack_i64(p, &r->written);
    pack_i64(p, &r->durable);
    pack_i64(p, &r->high_watermark);
    pack_i64(p, &r->leader_watermark);
    pack_leading(p, r);
}

/* ---- Events. ---- */

static void pack_assigned(struct pack *p, struct meta_partition *s)
{
    pack_i32(p, &s->leader);
    pack_i32(p, &s->leader_epoch);
    pack_i32(p, &s->partition_epoch);
    pack_ids(p, &s->replicas);
    pack_ids(p, &s->isr);
    pack_ids(p, &s->elr);
    pack_ids(p, &s->successor);
}

void replica_pack_event(struct pack *p, struct replica_event *e, struct meta_partition *assigned)
{
    PACK_ENUM(p, e->kind, REPLICA_TERM);
    pack_u64(p, &e->now_ms);
    pack_i64(p, &e->assigned);
    switch (e->kind) {
    case REPLICA_ASSIGN:
        if (p->to != NULL) *assigned = *e->assign.state;
        pack_assigned(p, assigned);
        e->assign.state = assigned;
        pack_u32(p, &e->assign.min_isr);
        pack_bool(p, &e->assign.counts_durable);
        pack_u64(p, &e->assign.term);
        return;
    case REPLICA_ENDS:
        pack_i64(p, &e->ends.log_start);
        pack_i64(p, &e->ends.written);
        pack_i64(p, &e->ends.durable);
        return;
    case REPLICA_FETCHED:
        pack_i32(p, &e->fetched.id);
        pack_i64(p, &e->fetched.broker_epoch);
        pack_bool(p, &e->fetched.is_eligible);
        pack_i64(p, &e->fetched.offset);
        pack_i64(p, &e->fetched.log_start);
        pack_u64(p, &e->fetched.alive_ms);
        return;
    case REPLICA_FOLLOWED: pack_i64(p, &e->followed.high_watermark); return;
    case REPLICA_ANSWERED:
        pack_u64(p, &e->answered.proposal);
        pack_bool(p, &e->answered.accepted);
        pack_bool(p, &e->answered.is_lost);
        pack_bool(p, &e->answered.is_final);
        return;
    case REPLICA_TERM: pack_u64(p, &e->term); return;
    case REPLICA_TICK: return;
    }
}

/* ---- What came of them. ---- */

struct replica_outcome replica_outcome_of(const struct replica *r,
                                          const struct replica_effects *effects)
{
    struct replica_outcome o = {.effects = *effects,
                                .role = r->role,
                                .handover = r->handover,
                                .is_proposing = r->is_proposing,
                                .high_watermark = r->high_watermark};
    if (r->is_proposing) o.proposal = *replica_proposal(r);
    return o;
}

void replica_pack_outcome(struct pack *p, struct replica_outcome *o)
{
    pack_bool(p, &o->effects.role_changed);
    pack_bool(p, &o->effects.isr_changed);
    pack_bool(p, &o->effects.watermark_moved);
    pack_bool(p, &o->effects.propose_isr);
    pack_bool(p, &o->effects.opened);
    PACK_ENUM(p, o->role, REPLICA_FOLLOWER);
    PACK_ENUM(p, o->handover, HANDOVER_PROPOSED);
    pack_bool(p, &o->is_proposing);
    pack_ids(p, &o->proposal);
    pack_i64(p, &o->high_watermark);
}

bool replica_outcome_equal(const struct replica_outcome *a, const struct replica_outcome *b)
{
    const struct replica_effects *x = &a->effects, *y = &b->effects;
    bool is_same_do = x->role_changed == y->role_changed && x->isr_changed == y->isr_changed &&
                      x->watermark_moved == y->watermark_moved &&
                      x->propose_isr == y->propose_isr && x->opened == y->opened;
    return is_same_do && a->role == b->role && a->handover == b->handover &&
           a->is_proposing == b->is_proposing && id_set_equal(&a->proposal, &b->proposal) &&
           a->high_watermark == b->high_watermark;
}

/* ---- In words. ---- */

static void say_ids(struct words *w, const struct id_set *s)
{
    if (s->count == 0) words_add(w, "nobody");
    for (uint32_t i = 0; i < s->count; i++) words_add(w, "%s%d", i == 0 ? "" : ",", s->ids[i]);
}

static void say_assign(struct words *w, const struct replica_event *e)
{
    const struct meta_partition *s = e->assign.state;
    words_add(w, "the metadata: leader %d, leader epoch %d, partition epoch %d, in sync ",
              s->leader, s->leader_epoch, s->partition_epoch);
    say_ids(w, &s->isr);
    words_add(w, ", of ");
    say_ids(w, &s->replicas);
    if (s->successor.count > 0) words_add(w, ", to hand over to %d", s->successor.ids[0]);
}

void replica_say_event(const struct replica_event *e, char *to, size_t size)
{
    struct words w = {.to = to, .size = size};
    switch (e->kind) {
    case REPLICA_ASSIGN: say_assign(&w, e); return;
    case REPLICA_ENDS:
        words_add(&w, "the log: %" PRId64 " to %" PRId64 ", durable %" PRId64, e->ends.log_start,
                  e->ends.written, e->ends.durable);
        return;
    case REPLICA_FETCHED:
        words_add(&w, "broker %d has all before %" PRId64 "%s", e->fetched.id, e->fetched.offset,
                  e->fetched.is_eligible ? "" : " (not eligible)");
        return;
    case REPLICA_FOLLOWED:
        words_add(&w, "the leader tells its watermark, %" PRId64, e->followed.high_watermark);
        return;
    case REPLICA_TICK: words_add(&w, "time passed"); return;
    case REPLICA_ANSWERED:
        words_add(&w, "its proposal was %s%s",
                  e->answered.is_lost    ? "lost"
                  : e->answered.accepted ? "accepted"
                                         : "refused",
                  e->answered.is_final ? " for good" : "");
        return;
    case REPLICA_TERM: words_add(&w, "the controllers are in term %" PRIu64, e->term); return;
    }
}

void replica_say_outcome(const struct replica_outcome *o, char *to, size_t size)
{
    static const char *const roles[] = {[REPLICA_NONE] = "does nothing",
                                        [REPLICA_LEADER] = "leads",
                                        [REPLICA_FOLLOWER] = "follows"};
    static const char *const handovers[] = {[HANDOVER_NONE] = "",
                                            [HANDOVER_CHASING] = ", is to hand over",
                                            [HANDOVER_CLOSED] = ", closed to hand over",
                                            [HANDOVER_PROPOSED] = ", has handed over"};
    struct words w = {.to = to, .size = size};
    if (o->effects.role_changed) words_add(&w, "its role changes; ");
    if (o->effects.isr_changed) words_add(&w, "the ISR changes; ");
    if (o->effects.watermark_moved) words_add(&w, "the watermark moves; ");
    if (o->effects.propose_isr) words_add(&w, "proposes; ");
    if (o->effects.opened) words_add(&w, "appends again; ");
    words_add(&w, "%s, watermark %" PRId64 "%s", roles[o->role], o->high_watermark,
              handovers[o->handover]);
    if (!o->is_proposing) return;
    words_add(&w, ", in sync it proposes ");
    say_ids(&w, &o->proposal);
}
