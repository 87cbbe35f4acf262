#include "broker/partition/replica_replay.h"

#include <stdlib.h>
#include <uthash.h>

#include "broker/partition/replica_record.h"
#include "common/check.h"

#define WORDS_SIZE 512
#define NAME_SIZE (META_NAME_MAX + 16)

/* One replica, by the slot that it has in the bank. */
struct replayed {
    uint32_t slot;
    char name[NAME_SIZE];
    struct replica replica;
    UT_hash_handle hh;
};

struct replay {
    struct ring_replay *out;
    struct replayed *slots;  /* Of the bank being read. */
    struct replayed *before; /* Of the one before: where the others should go on. */
};

static void forget(struct replayed **list)
{
    struct replayed *s, *next;
    HASH_ITER(hh, *list, s, next)
    {
        HASH_DEL(*list, s);
        free(s);
    }
}

/* A new bank numbers its replicas anew. */
static void on_bank(struct replay *r)
{
    forget(&r->before);
    r->before = r->slots;
    r->slots = NULL;
}

static struct replayed *find_name(struct replayed *list, const char *name)
{
    for (struct replayed *s = list; s != NULL; s = s->hh.next) {
        if (strcmp(s->name, name) == 0) return s;
    }
    return NULL;
}

/* Was this state reached by the events before? */
static void compare_states(struct replay *r, struct replayed *reached, struct slice then,
                           bool is_begun)
{
    if (reached == NULL || is_begun) return;
    struct writer now = writer_with(REPLICA_RECORD_MAX_BYTES);
    struct pack p = pack_to(&now);
    replica_pack_state(&p, &reached->replica);
    if (!slice_equal(writer_slice(&now), then)) {
        ring_replay_differs(r->out,
                            "%s: the state at a checkpoint is not the one that its events "
                            "lead to",
                            reached->name);
    }
    r->out->checkpoints++;
    writer_close(&now);
}

static bool on_state(struct replay *r, struct reader *in)
{
    struct pack p = pack_from(in);
    struct slice topic = {0};
    int32_t number = 0;
    uint32_t slot = 0;
    bool is_begun = false;
    pack_u32(&p, &slot);
    pack_slice(&p, &topic);
    pack_i32(&p, &number);
    pack_bool(&p, &is_begun);
    struct slice bytes = slice_of(in->at, reader_left(in));
    struct replayed *s = NULL;
    HASH_FIND(hh, r->slots, &slot, sizeof slot, s);
    if (!reader_ok(in) || topic.size > META_NAME_MAX || s != NULL) return false;

    s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->slot = slot;
    (void)snprintf(s->name, sizeof s->name, "%.*s-%d", (int)topic.size, (const char *)topic.at,
                   number);
    replica_pack_state(&p, &s->replica);
    if (!reader_ok(in) || reader_left(in) > 0) {
        free(s);
        return false;
    }
    struct replayed *reached = find_name(r->slots, s->name);
    if (reached == NULL) reached = find_name(r->before, s->name);
    compare_states(r, reached, bytes, is_begun);
    /* Two of one name: the older one has gone. */
    if (reached != NULL) reached->name[0] = '\0';
    HASH_ADD(hh, r->slots, slot, sizeof slot, s);
    ring_replay_line(r->out, "= ", "%s: leader %d, leader epoch %d, %lld to %lld, watermark %lld",
                     s->name, s->replica.leader, s->replica.leader_epoch,
                     (long long)s->replica.log_start, (long long)s->replica.written,
                     (long long)s->replica.high_watermark);
    return true;
}

static bool on_step(struct replay *r, struct reader *in)
{
    struct pack p = pack_from(in);
    struct replica_event event = {.kind = REPLICA_TICK};
    struct meta_partition assigned = {0};
    struct replica_outcome then = {0};
    struct replayed *s = NULL;
    uint32_t slot = 0;
    pack_u32(&p, &slot);
    replica_pack_event(&p, &event, &assigned);
    replica_pack_outcome(&p, &then);
    HASH_FIND(hh, r->slots, &slot, sizeof slot, s);
    if (!reader_ok(in) || reader_left(in) > 0 || s == NULL) return false;

    char what[WORDS_SIZE], is[WORDS_SIZE], was[WORDS_SIZE];
    struct replica_effects effects = {0};
    ring_replay_time(r->out, event.now_ms);
    replica_say_event(&event, what, sizeof what);
    ring_replay_at(r->out, s->name, what);
    r->out->steps++;
    replica_step(&s->replica, &event, &effects);
    struct replica_outcome now = replica_outcome_of(&s->replica, &effects);
    replica_say_outcome(&now, is, sizeof is);
    ring_replay_line(r->out, "  ", "%s: %s -> %s", s->name, what, is);
    if (replica_outcome_equal(&now, &then)) return true;

    replica_say_outcome(&then, was, sizeof was);
    ring_replay_differs(r->out, "%s: %s. Then: %s. Now: %s", s->name, what, was, is);
    return true;
}

static bool on_entry(struct replay *r, struct slice entry)
{
    struct reader in = reader_of(entry);
    switch (read_u8(&in)) {
    case RING_CLOCK: return ring_replay_clock(r->out, &in);
    case REPLICA_RECORD_STATE: return on_state(r, &in);
    case REPLICA_RECORD_STEP: return on_step(r, &in);
    default: return false;
    }
}

int replica_replay(struct ring_reader *ring, struct ring_replay *out, const char **why)
{
    struct replay r = {.out = out};
    struct slice entry;
    bool begins;
    bool ok = true;
    while (ok && out->differences == 0 && ring_reader_next(ring, &entry, &begins)) {
        if (begins) on_bank(&r);
        if (begins && ring->is_gap) forget(&r.before);
        ok = on_entry(&r, entry);
    }
    *why = ok ? NULL : "an entry of it makes no sense to this program";
    forget(&r.slots);
    forget(&r.before);
    return ok ? 0 : -ERR_CORRUPT;
}
