#include "controller/replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/decide/brokers.h"
#include "controller/decide/handovers.h"
#include "controller/decide/isr.h"
#include "controller/raft/raft_record.h"
#include "controller/record_format.h"
#include "proto/rpc.h"

#define WORDS_SIZE 1024

struct replay {
    struct ring_replay *out;
    bool has_raft;
    struct raft raft;
    struct raft_effects effects;
    bool has_image;
    struct meta_image image;
    struct arena decoded; /* The batch of the decision. */
    struct arena frame;   /* The request of what is decided anew, */
    struct arena work;    /* and what is decided. */
};

static struct arena *room(struct arena *arena, size_t size)
{
    if (arena->size < size) {
        free(arena->base);
        *arena = (struct arena){.base = malloc(size), .size = size};
        CHECK(arena->base != NULL);
    }
    arena->used = 0;
    return arena;
}

/* ---- Checkpoints. ---- */

/* A state that was reached must be the one that was remembered, to the last field. */
static void compare_states(struct replay *r, struct slice then)
{
    struct writer now = writer_with(1024 * 1024);
    struct pack p = pack_to(&now);
    raft_pack_state(&p, &r->raft);
    if (!slice_equal(writer_slice(&now), then)) {
        ring_replay_differs(r->out,
                            "the state of the Raft core at a checkpoint is not the one that "
                            "its events lead to");
    }
    writer_close(&now);
}

static bool on_raft_state(struct replay *r, struct reader *in)
{
    struct slice bytes = slice_of(in->at, reader_left(in));
    if (r->has_raft) compare_states(r, bytes);
    r->out->checkpoints += r->has_raft;
    struct pack p = pack_from(in);
    memset(&r->raft, 0, sizeof r->raft);
    raft_pack_state(&p, &r->raft);
    r->has_raft = reader_ok(in) && reader_left(in) == 0;
    if (!r->has_raft) return false;

    char words[WORDS_SIZE];
    struct raft_effects none = {0};
    struct raft_outcome o = raft_outcome_of(&r->raft, &none);
    raft_say_outcome(&o, words, sizeof words);
    ring_replay_line(r->out, "= ", "controller %u: %s", r->raft.config.self_id, words);
    return true;
}

static void forget_image(struct replay *r)
{
    meta_image_close(&r->image);
    r->has_image = false;
}

static bool on_image(struct replay *r, struct reader *in)
{
    struct meta_image next = {0};
    struct slice bytes = slice_of(in->at, reader_left(in));
    if (bytes.size == 0) {
        forget_image(r);
        ring_replay_line(r->out, "= ",
                         "the image is too large for this ring (ring.bytes): what is "
                         "decided is shown, and not decided anew");
        return true;
    }
    if (meta_snapshot_read(bytes, &next) != 0) return false;

    /* The same index: what was applied since the last checkpoint leads to the same image. */
    bool is_reached = r->has_image && r->image.index == next.index && r->image.term == next.term;
    if (is_reached && meta_image_hash(&r->image) != meta_image_hash(&next)) {
        ring_replay_differs(r->out, "the image at %" PRIu64 " is not the fold of its decisions",
                            next.index);
    }
    r->out->checkpoints += is_reached;
    forget_image(r);
    r->image = next;
    r->has_image = true;
    ring_replay_line(r->out, "= ", "image at %" PRIu64 ": %u topics, %u partitions", next.index,
                     next.topic_count, next.partition_count);
    return true;
}

/* ---- Raft. ---- */

static bool on_raft_step(struct replay *r, struct reader *in)
{
    struct pack p = pack_from(in);
    struct raft_event event = {.kind = RAFT_TICK};
    struct raft_outcome then = {0};
    raft_pack_event(&p, &event);
    raft_pack_outcome(&p, &then);
    if (!reader_ok(in) || reader_left(in) > 0) return false;
    if (event.kind == RAFT_RECV && !raft_msg_is_sane(&event.msg)) return false;
    if (!r->has_raft) return false;

    char what[WORDS_SIZE], does[WORDS_SIZE], is[WORDS_SIZE], was[WORDS_SIZE];
    ring_replay_time(r->out, event.now_ms);
    raft_say_event(&event, what, sizeof what);
    ring_replay_at(r->out, "raft", what);
    r->out->steps++;
    r->effects.count = 0;
    raft_step(&r->raft, &event, &r->effects);
    struct raft_outcome now = raft_outcome_of(&r->raft, &r->effects);
    raft_say_effects(&r->effects, does, sizeof does);
    ring_replay_line(r->out, "  ", "raft: %s -> %s", what, does);
    if (raft_outcome_equal(&now, &then)) return true;

    raft_say_outcome(&now, is, sizeof is);
    raft_say_outcome(&then, was, sizeof was);
    ring_replay_differs(r->out, "raft: %s -> %s. Then: %s. Now: %s", what, does, was, is);
    r->has_raft = false; /* What follows from another state says nothing more. */
    return true;
}

/* ---- Decisions. ---- */

static bool decide_message(struct replay *r, const struct record_decision *was, struct decision *d)
{
    struct rpc_msg msg;
    struct slice why;
    struct arena *frame = room(&r->frame, RPC_DECODE_BYTES(was->frame.size));
    bool ok = rpc_decode(was->frame, frame, &msg) == 0;
    if (ok && was->request == RECORD_REGISTER && msg.kind == RPC_REGISTER) {
        (void)decide_register(&r->image, &msg, was->index, d, &why);
    } else if (ok && was->request == RECORD_ALTER_ISR && msg.kind == RPC_ALTER_ISR) {
        struct rpc_isr_result *results =
            decision_take(d, msg.alter_isr.count, sizeof(struct rpc_isr_result));
        ok = results != NULL;
        if (ok) decide_alter_isr(&r->image, &msg, d, results);
    } else {
        ok = false;
    }
    return ok;
}

static bool decide_anew(struct replay *r, const struct record_decision *was, struct decision *d)
{
    char why[512];
    const struct meta_topic *topic = meta_topic_by_id(&r->image, was->topic_id);
    bool knows_broker = meta_broker_find(&r->image, was->broker) != NULL;
    (void)snprintf(why, sizeof why, "%.*s", SLICE_TEXT(was->why));
    switch (was->request) {
    case RECORD_FENCE:
        if (knows_broker) decide_fence(&r->image, was->broker, why, d);
        return knows_broker;
    case RECORD_UNFENCE:
        if (knows_broker) decide_unfence(&r->image, was->broker, why, d);
        return knows_broker;
    case RECORD_STOP:
        if (knows_broker) decide_stop(&r->image, was->broker, d);
        return knows_broker;
    case RECORD_GIVE_UP: {
        bool has = topic != NULL && was->partition >= 0 &&
                   (uint32_t)was->partition < topic->partition_count &&
                   topic->partitions[was->partition].successor.count > 0;
        if (has) decide_give_up(&r->image, topic, was->partition, d);
        return has;
    }
    case RECORD_BALANCE: decide_balance(&r->image, was->percentage, d); return true;
    case RECORD_REGISTER:
    case RECORD_ALTER_ISR: return decide_message(r, was, d);
    case RECORD_OTHER: return false;
    }
    return false;
}

/* Is it decided as it was? The image does not change. */
static void compare_decisions(struct replay *r, const struct record_decision *was,
                              const struct meta_batch *batch)
{
    struct arena *work = room(&r->work, RPC_DECODE_BYTES(was->frame.size) + 4u * 1024 * 1024);
    struct decision d = {.arena = work, .canary = was->canary};
    struct writer bytes = writer_with(RPC_FRAME_MAX_BYTES);
    bool can = decide_anew(r, was, &d);
    struct meta_batch now = {.level = batch->level,
                             .wall_ms = batch->wall_ms,
                             .cause = slice_of_text(d.cause),
                             .count = d.count,
                             .records = d.records};
    if (can && d.count > 0) meta_batch_encode(&now, &bytes);
    if (!can || !slice_equal(writer_slice(&bytes), was->batch)) {
        ring_replay_differs(r->out,
                            "decision %" PRIu64 ". Then: %.*s (%u records). Now: %s (%u records)",
                            was->index, SLICE_TEXT(batch->cause), batch->count,
                            can ? d.cause : "the request does not fit the image", d.count);
    }
    r->out->decisions++;
    writer_close(&bytes);
    decision_close(&d);
}

static bool on_decision(struct replay *r, struct reader *in)
{
    struct pack p = pack_from(in);
    struct record_decision d = {.request = RECORD_OTHER};
    struct meta_batch batch;
    const char *why = NULL;
    record_pack_decision(&p, &d);
    if (!reader_ok(in) || reader_left(in) > 0) return false;
    struct arena *decoded = room(&r->decoded, META_DECODE_BYTES(d.batch.size));
    if (meta_batch_decode(d.batch, decoded, &batch) != 0) return false;

    ring_replay_time(r->out, d.now_ms);
    ring_replay_line(r->out, "  ", "decision %" PRIu64 ": %.*s (%u record%s)", d.index,
                     SLICE_TEXT(batch.cause), batch.count, batch.count == 1 ? "" : "s");
    bool can = r->has_image && r->image.index + 1 == d.index && d.request != RECORD_OTHER;
    if (can)
        compare_decisions(r, &d, &batch);
    else
        r->out->shown++;
    /* An image that a new bank begins with may have it already. */
    if (!r->has_image || r->image.index >= d.index) return true;
    if (r->image.index + 1 == d.index && meta_try(&r->image, d.index, d.term, &batch, &why) == 0)
        return true;
    ring_replay_differs(r->out, "decision %" PRIu64 " does not fit the image at %" PRIu64 ": %s",
                        d.index, r->image.index, why == NULL ? "one is missing" : why);
    forget_image(r);
    return true;
}

static bool on_entry(struct replay *r, struct slice entry)
{
    struct reader in = reader_of(entry);
    switch (read_u8(&in)) {
    case RING_CLOCK: return ring_replay_clock(r->out, &in);
    case RECORD_RAFT_STATE: return on_raft_state(r, &in);
    case RECORD_RAFT_STEP: return on_raft_step(r, &in);
    case RECORD_IMAGE: return on_image(r, &in);
    case RECORD_NO_IMAGE: forget_image(r); return true;
    case RECORD_DECISION: return on_decision(r, &in);
    default: return false;
    }
}

int controller_replay(struct ring_reader *ring, struct ring_replay *out, const char **why)
{
    struct replay *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->out = out;
    struct slice entry;
    bool begins;
    bool ok = true;
    while (ok && out->differences == 0 && ring_reader_next(ring, &entry, &begins)) {
        if (begins && ring->is_gap) {
            r->has_raft = false;
            forget_image(r);
        }
        ok = on_entry(r, entry);
    }
    *why = ok ? NULL : "an entry of it makes no sense to this program";
    forget_image(r);
    free(r->decoded.base);
    free(r->frame.base);
    free(r->work.base);
    free(r);
    return ok ? 0 : -ERR_CORRUPT;
}
