#include "broker/partition/replica_record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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

struct text {
    char *to;
    size_t size;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
    if (t->used + 1 >= t->size) return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->to + t->used, t->size - t->used, format, args);
    va_end(args);
    if (n > 0) t->used += (size_t)n;
    if (t->used >= t->size) t->used = t->size - 1;
}

static void say_ids(struct text *t, const struct id_set *s)
{
    if (s->count == 0) say(t, "nobody");
    for (uint32_t i = 0; i < s->count; i++) say(t, "%s%d", i == 0 ? "" : ",", s->ids[i]);
}

static void say_assign(struct text *t, const struct replica_event *e)
{
    const struct meta_partition *s = e->assign.state;
    say(t, "the metadata: leader %d, leader epoch %d, partition epoch %d, in sync ", s->leader,
        s->leader_epoch, s->partition_epoch);
    say_ids(t, &s->isr);
    say(t, ", of ");
    say_ids(t, &s->replicas);
    if (s->successor.count > 0) say(t, ", to hand over to %d", s->successor.ids[0]);
}

void replica_say_event(const struct replica_event *e, char *to, size_t size)
{
    struct text t = {.to = to, .size = size};
    switch (e->kind) {
    case REPLICA_ASSIGN: say_assign(&t, e); return;
    case REPLICA_ENDS:
        say(&t, "the log: %" PRId64 " to %" PRId64 ", durable %" PRId64, e->ends.log_start,
            e->ends.written, e->ends.durable);
        return;
    case REPLICA_FETCHED:
        say(&t, "broker %d has all before %" PRId64 "%s", e->fetched.id, e->fetched.offset,
            e->fetched.is_eligible ? "" : " (not eligible)");
        return;
    case REPLICA_FOLLOWED:
        say(&t, "the leader tells its watermark, %" PRId64, e->followed.high_watermark);
        return;
    case REPLICA_TICK: say(&t, "time passed"); return;
    case REPLICA_ANSWERED:
        say(&t, "its proposal was %s%s",
            e->answered.is_lost    ? "lost"
            : e->answered.accepted ? "accepted"
                                   : "refused",
            e->answered.is_final ? " for good" : "");
        return;
    case REPLICA_TERM: say(&t, "the controllers are in term %" PRIu64, e->term); return;
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
    struct text t = {.to = to, .size = size};
    if (o->effects.role_changed) say(&t, "its role changes; ");
    if (o->effects.isr_changed) say(&t, "the ISR changes; ");
    if (o->effects.watermark_moved) say(&t, "the watermark moves; ");
    if (o->effects.propose_isr) say(&t, "proposes; ");
    if (o->effects.opened) say(&t, "appends again; ");
    say(&t, "%s, watermark %" PRId64 "%s", roles[o->role], o->high_watermark,
        handovers[o->handover]);
    if (!o->is_proposing) return;
    say(&t, ", in sync it proposes ");
    say_ids(&t, &o->proposal);
}
