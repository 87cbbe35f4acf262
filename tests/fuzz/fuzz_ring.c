/* Any bytes, taken for a file of a ring; and, sealed as an entry each, for what is in one: states,
 * events and outcomes of the cores, decisions. What is read is within its bounds and survives being
 * written and read again. (A state that makes no sense is refused by the core's own CHECKs when it
 * is replayed, which is no matter of decoding.) */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/replica_record.h"
#include "broker/partition/replica_replay.h"
#include "common/check.h"
#include "common/ring.h"
#include "controller/raft/raft_record.h"
#include "controller/record_format.h"
#include "controller/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One of everything that is packed. */
struct things {
    struct raft raft;
    struct raft_event raft_event;
    struct raft_outcome raft_outcome;
    struct replica replica;
    struct replica_event replica_event;
    struct replica_outcome replica_outcome;
    struct meta_partition assigned;
    struct record_decision decision;
};

#define KINDS 7

static void pack_thing(struct pack *p, struct things *t, uint32_t kind)
{
    switch (kind) {
    case 0: raft_pack_state(p, &t->raft); return;
    case 1: raft_pack_event(p, &t->raft_event); return;
    case 2: raft_pack_outcome(p, &t->raft_outcome); return;
    case 3: replica_pack_state(p, &t->replica); return;
    case 4: replica_pack_event(p, &t->replica_event, &t->assigned); return;
    case 5: replica_pack_outcome(p, &t->replica_outcome); return;
    default: record_pack_decision(p, &t->decision); return;
    }
}

static void try_thing(struct slice in, uint32_t kind)
{
    static struct things first, second;
    struct reader a = reader_of(in);
    struct pack p = pack_from(&a);
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    pack_thing(&p, &first, kind);
    if (!reader_ok(&a)) return;

    struct writer once = writer_with(1 << 20), twice = writer_with(1 << 20);
    p = pack_to(&once);
    pack_thing(&p, &first, kind);
    struct reader b = reader_of(writer_slice(&once));
    p = pack_from(&b);
    pack_thing(&p, &second, kind);
    CHECK(reader_ok(&b));
    CHECK(reader_left(&b) == 0);
    p = pack_to(&twice);
    pack_thing(&p, &second, kind);
    CHECK(slice_equal(writer_slice(&once), writer_slice(&twice)));
    writer_close(&once);
    writer_close(&twice);
}

/* Whatever the file is, reading it ends. */
static void try_file(struct slice file)
{
    struct ring_reader reader;
    const char *why = NULL;
    struct slice entry;
    bool begins;
    size_t bytes = 0;
    if (ring_reader_open(&reader, file, &why) != 0) {
        CHECK(why != NULL);
        return;
    }
    while (ring_reader_next(&reader, &entry, &begins)) bytes += entry.size;
    CHECK(bytes <= file.size);
}

/* The bytes as the only entry of a sound ring, of kinds that do not step a core. */
static void try_entry(const uint8_t *data, size_t size, enum ring_owner owner)
{
    struct ring ring;
    struct ring_label label = {.owner = owner, .node_id = 1};
    struct ring_replay out = {0};
    struct ring_reader reader;
    const char *why = NULL;
    ring_open(&ring, &label, RING_MIN_BYTES);
    ring_turn_over(&ring);
    if (ring_has_room(&ring, size)) ring_add(&ring, slice_of(data, size));
    CHECK(ring_reader_open(&reader, ring_bytes(&ring), &why) == 0);
    int rc = owner == RING_CONTROLLER ? controller_replay(&reader, &out, &why)
                                      : replica_replay(&reader, &out, &why);
    CHECK(rc == 0 || why != NULL);
    CHECK(out.steps == 0); /* There is no state to begin with. */
    try_file(ring_bytes(&ring));
    ring_close(&ring);
}

/* Some bytes of a sound file changed. */
static void try_changes(const uint8_t *data, size_t size)
{
    struct ring ring;
    struct ring_label label = {.owner = RING_SHARD, .node_id = 1};
    ring_open(&ring, &label, RING_MIN_BYTES);
    ring_turn_over(&ring);
    for (size_t i = 0; i < 4; i++) ring_add(&ring, slice_of(data, size));
    for (size_t i = 0; i + 2 < size && i < 30; i += 3) {
        size_t at = ((size_t)data[i] << 8 | data[i + 1]) % (RING_HEADER_BYTES + 4 * size);
        ring.base[at] ^= data[i + 2];
        try_file(ring_bytes(&ring));
    }
    ring_close(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 16384) return 0;

    try_file(slice_of(data, size));
    for (uint32_t kind = 0; kind < KINDS; kind++) try_thing(slice_of(data, size), kind);
    /* Allocations of a whole ring are slow: one in a while. */
    if (data[0] % 16 == 4) try_entry(data, size, RING_CONTROLLER);
    if (data[0] % 16 == 5) try_entry(data, size, RING_SHARD);
    if (data[0] % 64 == 3) try_changes(data, size);
    return 0;
}
