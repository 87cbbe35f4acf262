#include "broker/partition/record.h"

#include "broker/partition/replica_record.h"
#include "common/check.h"

static void begin_bank(struct partition_host *host)
{
    ring_turn_over(&host->ring);
    host->ring_slots = 0;
    ring_put_clock(&host->ring, env_now_ms(host->env), env_wall_ms(host->env));
}

static void put_state(struct partition *p, struct replica *replica)
{
    struct pack to = ring_begin(&p->host->ring, REPLICA_RECORD_STATE);
    struct slice topic = slice_of_text(p->topic);
    p->ring_generation = p->host->ring.generation;
    p->ring_slot = p->host->ring_slots++;
    pack_u32(&to, &p->ring_slot);
    pack_slice(&to, &topic);
    pack_i32(&to, &p->key.partition);
    pack_bool(&to, &p->ring_begun);
    replica_pack_state(&to, replica);
    p->ring_begun = false;
    CHECK(ring_put(&p->host->ring));
}

/* Room for the next step of a replica, and its state in the same bank. */
static void prepare(struct partition *p, struct replica *replica)
{
    if (!ring_has_room(&p->host->ring, REPLICA_RECORD_MAX_BYTES)) begin_bank(p->host);
    if (p->ring_generation != p->host->ring.generation) put_state(p, replica);
}

void partition_record_before(struct partition *p, const struct replica_event *event)
{
    if (!ring_is_on(&p->host->ring)) return;
    /* Whether a tick changes something is known only afterwards. */
    if (event->kind == REPLICA_TICK)
        p->host->ring_before = p->replica;
    else
        prepare(p, &p->replica);
}

static bool is_idle(const struct partition *p, const struct replica_effects *e)
{
    bool any =
        e->role_changed || e->isr_changed || e->watermark_moved || e->propose_isr || e->opened;
    return !any && p->replica.handover == p->host->ring_before.handover;
}

void partition_record_step(struct partition *p, const struct replica_event *event,
                           const struct replica_effects *effects)
{
    struct ring *ring = &p->host->ring;
    if (!ring_is_on(ring)) return;
    if (event->kind == REPLICA_TICK && is_idle(p, effects)) return;
    bool is_canary = (p->host->options->broker_canary & BROKER_CANARY_RING_FORGETS) != 0;
    if (is_canary && event->kind == REPLICA_FETCHED) return;
    if (event->kind == REPLICA_TICK) prepare(p, &p->host->ring_before);
    if (effects->role_changed || effects->propose_isr) ring->is_urgent = true;

    struct pack to = ring_begin(ring, REPLICA_RECORD_STEP);
    struct replica_event copy = *event;
    struct meta_partition assigned;
    struct replica_outcome outcome = replica_outcome_of(&p->replica, effects);
    pack_u32(&to, &p->ring_slot);
    replica_pack_event(&to, &copy, &assigned);
    replica_pack_outcome(&to, &outcome);
    CHECK(ring_put(ring));
}

void partition_record_begun(struct partition *p)
{
    p->ring_generation = 0;
    p->ring_begun = true;
}
