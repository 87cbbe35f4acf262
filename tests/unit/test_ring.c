/* The ring of a node's last events: its banks, its file, and the replay of what they hold. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/replica_record.h"
#include "broker/partition/replica_replay.h"
#include "common/crc32c.h"
#include "common/prng.h"
#include "controller/raft/raft_record.h"
#include "controller/record_format.h"
#include "controller/replay.h"

#define WALL_MS 1700000000000 /* At some moment. */

static const struct ring_label controllers = {
    .owner = RING_CONTROLLER, .node_id = 101, .program = "1.2.3"};
static const struct ring_label shards = {.owner = RING_SHARD, .node_id = 2, .actor = 1};

static struct slice entry_of(uint32_t number, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(number + i);
    return slice_of(bytes, size);
}

/* Adds entries `from` to `to` of 1,000 bytes each, turning over when it must. */
static void add_entries(struct ring *r, uint32_t from, uint32_t to)
{
    uint8_t bytes[1000];
    for (uint32_t i = from; i <= to; i++) {
        if (!ring_has_room(r, sizeof bytes)) ring_turn_over(r);
        struct slice e = entry_of(i, bytes, sizeof bytes);
        memcpy(bytes, &i, sizeof i);
        ring_add(r, e);
    }
}

/* Reads all; each must follow the one before. Returns the first; *count: how many. */
static uint32_t read_entries(struct slice file, uint32_t *count)
{
    struct ring_reader reader;
    const char *why;
    struct slice e;
    bool begins;
    uint32_t first = 0, number = 0;
    *count = 0;
    cr_assert_eq(ring_reader_open(&reader, file, &why), 0);
    while (ring_reader_next(&reader, &e, &begins)) {
        cr_assert_eq(e.size, 1000);
        memcpy(&number, e.at, sizeof number);
        if (*count == 0) first = number;
        if (*count > 0 && begins && reader.is_gap) *count = number - first;
        cr_assert_eq(number, first + *count);
        (*count)++;
    }
    return first;
}

Test(ring, keeps_what_it_was_given_until_it_turns_over)
{
    struct ring r;
    uint32_t count;
    ring_open(&r, &controllers, RING_MIN_BYTES);
    add_entries(&r, 1, 20);
    cr_assert_eq(read_entries(ring_bytes(&r), &count), 1);
    cr_assert_eq(count, 20);
    ring_close(&r);
}

Test(ring, has_a_whole_bank_and_a_begun_one_however_long_it_runs)
{
    struct ring r;
    ring_open(&r, &controllers, RING_MIN_BYTES);
    uint32_t per_bank = (uint32_t)((r.bank_size - RING_BANK_BYTES) / (1000 + RING_ENTRY_BYTES));
    for (uint32_t to = 1; to <= 5 * per_bank; to++) {
        uint32_t count;
        add_entries(&r, to, to);
        uint32_t first = read_entries(ring_bytes(&r), &count);
        cr_assert_eq(first + count - 1, to);
        cr_assert(count >= per_bank || first == 1);
        cr_assert(count <= 2 * per_bank);
    }
    ring_close(&r);
}

Test(ring, is_off_without_memory)
{
    struct ring r;
    ring_open(&r, &controllers, 0);
    cr_assert(!ring_is_on(&r));
    cr_assert(!ring_has_room(&r, 1));
    cr_assert_eq(ring_bytes(&r).size, 0);
    ring_close(&r);
}

Test(ring, of_a_file_that_is_cut_the_beginning_is_read)
{
    struct ring r;
    ring_open(&r, &controllers, RING_MIN_BYTES);
    add_entries(&r, 1, 200);
    struct slice whole = ring_bytes(&r);
    for (size_t size = 0; size <= whole.size; size += 97) {
        struct ring_reader reader;
        const char *why;
        uint8_t *part = malloc(size + 1); /* So that a sanitizer sees a read past it. */
        memcpy(part, whole.at, size);
        uint32_t count = 0;
        if (ring_reader_open(&reader, slice_of(part, size), &why) == 0)
            (void)read_entries(slice_of(part, size), &count);
        else
            cr_assert_lt(size, RING_HEADER_BYTES);
        cr_assert(count <= 200);
        free(part);
    }
    ring_close(&r);
}

Test(ring, a_flipped_bit_costs_the_rest_of_its_bank_and_nothing_else)
{
    struct ring r;
    struct prng prng = prng_from_seed(7);
    ring_open(&r, &controllers, RING_MIN_BYTES);
    add_entries(&r, 1, 40);
    for (int i = 0; i < 200; i++) {
        uint32_t count;
        size_t used = 40 * (1000 + RING_ENTRY_BYTES);
        size_t at = ring_bank_at(&r, 1) + RING_BANK_BYTES + prng_range(&prng, 0, used - 1);
        r.base[at] ^= 0x10;
        (void)read_entries(ring_bytes(&r), &count);
        size_t hit = (at - ring_bank_at(&r, 1) - RING_BANK_BYTES) / (1000 + RING_ENTRY_BYTES);
        cr_assert_eq(count, hit);
        r.base[at] ^= 0x10;
    }
    ring_close(&r);
}

Test(ring, says_what_is_wrong_with_a_file)
{
    struct ring r;
    struct ring_reader reader;
    const char *why;
    cr_assert_eq(ring_reader_open(&reader, slice_of_text("hello"), &why), -ERR_MALFORMED);
    cr_assert_str_eq(why, "it is no ring of a node's events");

    ring_open(&r, &controllers, RING_MIN_BYTES);
    cr_assert_eq(ring_reader_open(&reader, slice_of(r.base, 60), &why), -ERR_CORRUPT);
    r.base[40]++;
    cr_assert_eq(ring_reader_open(&reader, ring_bytes(&r), &why), -ERR_CORRUPT);
    r.base[40]--;
    r.base[19]++; /* The version. */
    cr_assert_eq(ring_reader_open(&reader, ring_bytes(&r), &why), -ERR_UNSUPPORTED);
    cr_assert(strstr(why, "newer") != NULL);
    r.base[19]--;
    cr_assert_eq(ring_reader_open(&reader, ring_bytes(&r), &why), 0);
    cr_assert_str_eq(reader.label.program, "1.2.3");
    cr_assert_eq(reader.label.node_id, 101);
    ring_close(&r);
}

/* ---- A controller's. ---- */

static struct raft *new_raft(void)
{
    struct raft *r = calloc(1, sizeof *r);
    struct raft_config config = raft_config_default(101, 42);
    struct raft_restart restart = {.membership_count = 1};
    for (uint32_t id = 101; id <= 103; id++) {
        struct raft_member m = {.id = id, .voter = true};
        cr_assert(raft_members_put(&restart.memberships[0].members, &m));
    }
    raft_init(r, &config, &restart, 1000);
    return r;
}

static void put_raft(struct ring *ring, struct raft *r)
{
    struct pack p = ring_begin(ring, RECORD_RAFT_STATE);
    raft_pack_state(&p, r);
    cr_assert(ring_put(ring));
}

/* Steps it, and records that: truthfully, or with another term than it came to. */
static void step_raft(struct ring *ring, struct raft *r, struct raft_event e, bool lies)
{
    struct raft_effects *effects = calloc(1, sizeof *effects);
    raft_step(r, &e, effects);
    struct raft_outcome o = raft_outcome_of(r, effects);
    if (lies) o.term++;
    struct pack p = ring_begin(ring, RECORD_RAFT_STEP);
    raft_pack_event(&p, &e);
    raft_pack_outcome(&p, &o);
    cr_assert(ring_put(ring));
    free(effects);
}

/* An election that it wins, and some heartbeats. */
static void lead(struct ring *ring, struct raft *r, bool lies)
{
    for (uint32_t id = 102; id <= 103; id++) {
        step_raft(ring, r,
                  (struct raft_event){.kind = RAFT_PEER_CONNECTED, .now_ms = 1001, .peer = id},
                  false);
    }
    for (int i = 0; i < 100 && r->role != RAFT_LEADER; i++) {
        uint64_t now_ms = r->now_ms + 20;
        step_raft(ring, r, (struct raft_event){.kind = RAFT_TICK, .now_ms = now_ms}, false);
        step_raft(ring, r,
                  (struct raft_event){
                      .kind = RAFT_PERSISTED, .now_ms = now_ms, .seq = r->persist_seq},
                  false);
        bool asks_first = r->role == RAFT_PRECANDIDATE;
        if (!asks_first && r->role != RAFT_CANDIDATE) continue;
        struct raft_msg m = {.kind = asks_first ? RAFT_MSG_PREVOTE_REPLY : RAFT_MSG_VOTE_REPLY,
                             .from = 102,
                             .to = 101,
                             .term = r->vote.term + asks_first,
                             .granted = true};
        step_raft(ring, r, (struct raft_event){.kind = RAFT_RECV, .now_ms = now_ms, .msg = m},
                  lies);
    }
    cr_assert_eq(r->role, RAFT_LEADER);
}

/* A controller's ring, which begins with a core, and that core. */
struct recording {
    struct ring ring;
    struct raft *raft;
    struct ring_replay out;
};

static void begin(struct recording *x)
{
    *x = (struct recording){.raft = new_raft()};
    ring_open(&x->ring, &controllers, RING_MIN_BYTES);
    ring_turn_over(&x->ring);
    ring_put_clock(&x->ring, 1000, WALL_MS);
    put_raft(&x->ring, x->raft);
}

static void replay(struct recording *x)
{
    struct ring_reader reader;
    const char *why;
    cr_assert_eq(ring_reader_open(&reader, ring_bytes(&x->ring), &why), 0);
    cr_assert_eq(controller_replay(&reader, &x->out, &why), 0);
}

static void end(struct recording *x)
{
    free(x->raft);
    ring_close(&x->ring);
}

Test(ring, a_core_that_was_written_and_read_is_the_same)
{
    struct recording x;
    begin(&x);
    lead(&x.ring, x.raft, false);

    struct raft *back = calloc(1, sizeof *back);
    struct writer a = writer_with(65536), b = writer_with(65536);
    struct pack to = pack_to(&a);
    raft_pack_state(&to, x.raft);
    struct reader in = reader_of(writer_slice(&a));
    struct pack from = pack_from(&in);
    raft_pack_state(&from, back);
    cr_assert(reader_ok(&in));
    cr_assert_eq(reader_left(&in), 0);
    to = pack_to(&b);
    raft_pack_state(&to, back);
    cr_assert(slice_equal(writer_slice(&a), writer_slice(&b)));
    writer_close(&a);
    writer_close(&b);
    free(back);
    end(&x);
}

Test(ring, what_was_recorded_truthfully_is_decided_again_as_it_was)
{
    struct recording x;
    begin(&x);
    lead(&x.ring, x.raft, false);
    put_raft(&x.ring, x.raft); /* A checkpoint on the way. */
    replay(&x);
    cr_assert_eq(x.out.differences, 0);
    cr_assert_gt(x.out.steps, 5);
    cr_assert_eq(x.out.checkpoints, 1);
    end(&x);
}

Test(ring, a_step_that_was_decided_otherwise_is_told)
{
    struct recording x;
    begin(&x);
    lead(&x.ring, x.raft, true);
    replay(&x);
    cr_assert_eq(x.out.differences, 1);
    cr_assert(strstr(x.out.first_difference, "102 sends PREVOTE_REPLY") != NULL, "%s",
              x.out.first_difference);
    cr_assert(strstr(x.out.first_difference, "Then: ") != NULL);
    end(&x);
}

Test(ring, a_state_that_its_events_do_not_lead_to_is_told)
{
    struct recording x;
    begin(&x);
    lead(&x.ring, x.raft, false);
    x.raft->peers[0].retries++; /* Something that no event has done. */
    put_raft(&x.ring, x.raft);
    replay(&x);
    cr_assert_eq(x.out.differences, 1);
    cr_assert(strstr(x.out.first_difference, "state of the Raft core") != NULL);
    end(&x);
}

/* ---- A shard's. ---- */

static void put_replica(struct ring *ring, uint32_t slot, struct replica *r)
{
    struct slice topic = slice_of_text("orders");
    int32_t partition = 3;
    bool is_begun = false;
    struct pack p = ring_begin(ring, REPLICA_RECORD_STATE);
    pack_u32(&p, &slot);
    pack_slice(&p, &topic);
    pack_i32(&p, &partition);
    pack_bool(&p, &is_begun);
    replica_pack_state(&p, r);
    cr_assert(ring_put(ring));
}

static void step_replica(struct ring *ring, struct replica *r, struct replica_event e, bool lies)
{
    struct replica_effects effects = {0};
    struct meta_partition assigned;
    replica_step(r, &e, &effects);
    struct replica_outcome o = replica_outcome_of(r, &effects);
    if (lies) o.high_watermark--;
    uint32_t slot = 0;
    struct pack p = ring_begin(ring, REPLICA_RECORD_STEP);
    pack_u32(&p, &slot);
    replica_pack_event(&p, &e, &assigned);
    replica_pack_outcome(&p, &o);
    cr_assert(ring_put(ring));
}

static void replay_leader(bool lies, struct ring_replay *out)
{
    struct ring ring;
    struct replica r;
    struct replica_options options = {.self = 1, .hang_ms = 1000, .lag_max_ms = 1000};
    struct meta_partition state = {.leader = 1, .replicas = {2, {1, 2}}, .isr = {2, {1, 2}}};
    ring_open(&ring, &shards, RING_MIN_BYTES);
    ring_turn_over(&ring);
    ring_put_clock(&ring, 1000, WALL_MS);
    replica_init(&r, &options, 0, 0, 0);
    put_replica(&ring, 0, &r);
    struct replica_event e = {.kind = REPLICA_ASSIGN, .now_ms = 1001};
    e.assign.state = &state;
    e.assign.min_isr = 2;
    step_replica(&ring, &r, e, false);
    e = (struct replica_event){.kind = REPLICA_ENDS, .now_ms = 1002, .assigned = 10};
    e.ends.written = 10;
    step_replica(&ring, &r, e, false);
    e = (struct replica_event){.kind = REPLICA_FETCHED, .now_ms = 1003, .assigned = 10};
    e.fetched.id = 2;
    e.fetched.is_eligible = true;
    e.fetched.offset = 10;
    step_replica(&ring, &r, e, lies);
    cr_assert_eq(r.high_watermark, 10);

    struct ring_reader reader;
    const char *why;
    cr_assert_eq(ring_reader_open(&reader, ring_bytes(&ring), &why), 0);
    cr_assert_eq(replica_replay(&reader, out, &why), 0);
    ring_close(&ring);
}

Test(ring, a_replica_decides_again_as_it_did)
{
    struct ring_replay out = {0};
    replay_leader(false, &out);
    cr_assert_eq(out.differences, 0);
    cr_assert_eq(out.steps, 3);
}

Test(ring, a_replica_that_decided_otherwise_is_told_with_its_partition)
{
    struct ring_replay out = {0};
    replay_leader(true, &out);
    cr_assert_eq(out.differences, 1);
    cr_assert(strstr(out.first_difference, "orders-3: broker 2 has all before 10") != NULL, "%s",
              out.first_difference);
    cr_assert(strstr(out.first_difference, "watermark 9") != NULL);
}
