/* ring.h -- the last events of a node in a piece of memory of fixed size, written so that they can
 * be replayed from a known state, and read back from a file that may hold anything.
 *
 *   Used by:  a controller and each shard of a broker, which write one each; whoever replays one.
 *   Knows:    entries of bytes, whose first one says of which kind it is. One kind is the same in
 *             all rings, the clock; what the others say is known by who writes them.
 *
 * Two banks. One is being written; the other holds what came before. When there is no room left the
 * older one is overwritten, and its owner begins it with *checkpoints*: the state from which the
 * entries behind them lead on. So at any moment a whole bank and a begun one are there.
 *
 *   [ header: magic, version, sizes, whose ring ]  RING_HEADER_BYTES
 *   [ bank 0 ]  [ bank 1 ]                          each:
 *     generation, end, checksum                      RING_BANK_BYTES
 *     size, checksum, bytes; size, checksum, bytes; ...
 *
 * A bank's generation rises by one with each turn-over, and from run to run; bank `generation & 1`
 * has it. Checksums of entries begin with the generation, so that what is left of an older one is
 * never taken for an entry, whenever the bytes were copied. Numbers are big endian.
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include "common/bytes.h"
#include "common/err.h"
#include "common/pack.h"

#define RING_VERSION 1
#define RING_HEADER_BYTES 128
#define RING_BANK_BYTES 16
#define RING_ENTRY_BYTES 8 /* Before the bytes of an entry. */
#define RING_MIN_BYTES (256u * 1024)
#define RING_MAX_BYTES (1024u * 1024 * 1024)
#define RING_PROGRAM_SIZE 32

#define RING_CLOCK 1 /* Kind of entry: now_ms, wall_ms. The owner's kinds come behind it. */

enum ring_owner { RING_CONTROLLER = 1, RING_SHARD = 2 };

struct ring_label {
    enum ring_owner owner;
    uint32_t node_id;
    uint32_t actor;
    char program[RING_PROGRAM_SIZE]; /* Its version. */
    uint64_t run;                    /* Above those of the runs before; not read back. */
};

/* Zeroed: nothing is kept, and every call is harmless. */
struct ring {
    uint8_t *base; /* NULL: nothing is kept. */
    size_t size;
    size_t bank_size;
    uint64_t first_generation; /* Generations begin behind it. */
    uint64_t generation;       /* Of the bank being written; 0: none has been begun. */
    size_t used;               /* Bytes of it, its head included. */
    size_t used_before;        /* Of the other bank. */
    bool is_urgent;            /* Something in it should be in the file as soon as can be. */
    struct writer entry;       /* For who writes: reset, filled, added. */
};

static inline bool ring_is_on(const struct ring *r)
{
    return r->base != NULL;
}

/* `bytes` of memory, or 0: nothing is kept. */
void ring_open(struct ring *r, const struct ring_label *label, size_t bytes);
void ring_close(struct ring *r);

/* Is there a bank with room for an entry of `size` bytes? If not, turn over, write the checkpoints,
 * and there is, unless it is larger than ring_entry_max(). */
bool ring_has_room(const struct ring *r, size_t size);
size_t ring_entry_max(const struct ring *r);
void ring_turn_over(struct ring *r);

/* There must be room. */
void ring_add(struct ring *r, struct slice entry);

/* The next entry, of that kind and empty so far; ring_put() adds it, if there is room for it. */
struct pack ring_begin(struct ring *r, uint8_t kind);
bool ring_put(struct ring *r);

/* The first checkpoint of every bank: when it was begun. There must be room. */
void ring_put_clock(struct ring *r, uint64_t now_ms, int64_t wall_ms);

/* Everything, as a file holds it. */
struct slice ring_bytes(const struct ring *r);

/* Where the bank of a generation begins. */
size_t ring_bank_at(const struct ring *r, uint64_t generation);

/* ---- Reading. ---- */

struct ring_reader {
    struct ring_label label;
    struct slice banks[2]; /* The older one first; absent: it has nothing. */
    uint64_t generations[2];
    uint32_t bank; /* Being read. */
    size_t at;
    size_t ended; /* Where the bank before has ended. */
    bool is_gap;  /* With a bank's first entry: some before it are lost. */
};

/* 0; -ERR_MALFORMED: no ring; -ERR_UNSUPPORTED: of a newer program; -ERR_CORRUPT: its head does not
 * fit the checksum or the file is too short. *why is a sentence. */
MUST_USE int ring_reader_open(struct ring_reader *r, struct slice file, const char **why);

/* The next entry; false: there is none. *begins: it is the first one of its bank. What follows
 * something that is not an entry, in a bank, was never written, or is lost. */
bool ring_reader_next(struct ring_reader *r, struct slice *entry, bool *begins);

#endif
