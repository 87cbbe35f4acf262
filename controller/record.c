#include "controller/record.h"

#include "common/check.h"
#include "controller/raft/raft_record.h"

/* A clock and a state of the core fit beside an event; images are asked for their size. */
#define STEP_BYTES (2u * RAFT_RECORD_MAX_BYTES)
#define LENGTH_BYTES 4u /* In front of an encoded frame. */

/* ---- Checkpoints. ---- */

static void put_image(struct controller *c)
{
    struct pack p = ring_begin(&c->ring, c->is_leading ? RECORD_IMAGE : RECORD_NO_IMAGE);
    if (c->is_leading) meta_snapshot_write(&c->tentative, p.to);
    bool fits = writer_ok(p.to) && p.to->size <= ring_entry_max(&c->ring);
    if (!fits) (void)ring_begin(&c->ring, RECORD_IMAGE);
    CHECK(ring_put(&c->ring));
}

static void checkpoint(struct controller *c)
{
    ring_turn_over(&c->ring);
    ring_put_clock(&c->ring, env_now_ms(c->env), env_wall_ms(c->env));

    struct pack p = ring_begin(&c->ring, RECORD_RAFT_STATE);
    raft_pack_state(&p, &c->raft);
    CHECK(ring_put(&c->ring));
    put_image(c);
}

void record_begin(struct controller *c)
{
    if (ring_is_on(&c->ring)) checkpoint(c);
}

/* ---- Raft. ---- */

void record_before_step(struct controller *c)
{
    if (!ring_is_on(&c->ring) || ring_has_room(&c->ring, STEP_BYTES)) return;
    checkpoint(c);
}

void record_step(struct controller *c, const struct raft_event *event)
{
    if (!ring_is_on(&c->ring)) return;
    struct pack p = ring_begin(&c->ring, RECORD_RAFT_STEP);
    struct raft_event copy = *event;
    struct raft_outcome outcome = raft_outcome_of(&c->raft, &c->effects);
    raft_pack_event(&p, &copy);
    raft_pack_outcome(&p, &outcome);
    CHECK(ring_put(&c->ring));
    for (uint32_t i = 0; i < c->effects.count; i++) {
        if (c->effects.items[i].kind == RAFT_ROLE_CHANGED) c->ring.is_urgent = true;
    }
}

/* ---- Decisions. ---- */

void record_image(struct controller *c)
{
    if (!ring_is_on(&c->ring)) return;
    /* What does not fit behind the rest begins a bank, and that with the image. */
    if (ring_has_room(&c->ring, ring_entry_max(&c->ring)))
        put_image(c);
    else
        checkpoint(c);
}

void record_request(struct controller *c, const struct record_decision *d)
{
    if (!ring_is_on(&c->ring)) return;
    c->deciding = *d;
}

void record_message(struct controller *c, enum record_request request, const struct rpc_msg *msg)
{
    if (!ring_is_on(&c->ring)) return;
    buf_unref(c->deciding_frame);
    c->deciding_frame = rpc_encode(msg);
    c->deciding = (struct record_decision){.request = RECORD_OTHER};
    if (c->deciding_frame == NULL || c->deciding_frame->size < LENGTH_BYTES) return;
    c->deciding.request = request;
    c->deciding.frame = buf_slice(c->deciding_frame);
    c->deciding.frame.at += LENGTH_BYTES;
    c->deciding.frame.size -= LENGTH_BYTES;
}

void record_proposed(struct controller *c, const struct decision *of, uint64_t index, uint64_t term,
                     const struct buf *entry)
{
    if (!ring_is_on(&c->ring)) return;
    struct record_decision d = c->deciding;
    struct record_cursor cursor = kafka_batch_records(buf_slice(entry));
    struct record record;
    c->deciding = (struct record_decision){0};
    c->ring.is_urgent = true;
    CHECK(kafka_record_next(&cursor, &record));
    d.canary = of->canary;
    d.now_ms = env_now_ms(c->env);
    d.index = index;
    d.term = term;
    d.batch = record.value;

    struct pack p = ring_begin(&c->ring, RECORD_DECISION);
    record_pack_decision(&p, &d);
    bool fits = writer_ok(p.to) && p.to->size <= ring_entry_max(&c->ring);
    if (fits && ring_put(&c->ring)) return;
    /* The image that a new bank begins with has it already; without one it is not to be had. */
    checkpoint(c);
}
