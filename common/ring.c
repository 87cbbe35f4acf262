#include "common/ring.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/crc32c.h"

#define MAGIC "jackdaw ring\n\0\0\0"
#define MAGIC_SIZE 16
#define LABEL_AT MAGIC_SIZE
/* Magic, version, size of a bank, owner, id, actor, program; what follows is zero, then the sum. */
#define SUM_AT (RING_HEADER_BYTES - 4)

_Static_assert(sizeof MAGIC - 1 == MAGIC_SIZE, "the magic fills its place");
_Static_assert(LABEL_AT + 20 + RING_PROGRAM_SIZE <= SUM_AT, "the label fits");

static void put_u32(uint8_t *to, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(to, &big, sizeof big);
}

static void put_u64(uint8_t *to, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(to, &big, sizeof big);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t big;
    memcpy(&big, at, sizeof big);
    return be32toh(big);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t big;
    memcpy(&big, at, sizeof big);
    return be64toh(big);
}

/* ---- Writing. ---- */

void ring_open(struct ring *r, const struct ring_label *label, size_t bytes)
{
    *r = (struct ring){0};
    if (bytes == 0) return;

    CHECK(bytes >= RING_MIN_BYTES && bytes <= RING_MAX_BYTES);
    r->first_generation = label->run;
    r->bank_size = (bytes - RING_HEADER_BYTES) / 2;
    r->size = RING_HEADER_BYTES + 2 * r->bank_size;
    r->entry = writer_with(r->bank_size);
    r->base = calloc(1, r->size);
    CHECK(r->base != NULL);
    memcpy(r->base, MAGIC, MAGIC_SIZE);
    put_u32(r->base + LABEL_AT, RING_VERSION);
    put_u32(r->base + LABEL_AT + 4, (uint32_t)r->bank_size);
    put_u32(r->base + LABEL_AT + 8, label->owner);
    put_u32(r->base + LABEL_AT + 12, label->node_id);
    put_u32(r->base + LABEL_AT + 16, label->actor);
    memcpy(r->base + LABEL_AT + 20, label->program, RING_PROGRAM_SIZE);
    put_u32(r->base + SUM_AT, crc32c(r->base, SUM_AT));
}

void ring_close(struct ring *r)
{
    writer_close(&r->entry);
    free(r->base);
    *r = (struct ring){0};
}

size_t ring_bank_at(const struct ring *r, uint64_t generation)
{
    return RING_HEADER_BYTES + (generation & 1) * r->bank_size;
}

size_t ring_entry_max(const struct ring *r)
{
    return r->bank_size / 4;
}

bool ring_has_room(const struct ring *r, size_t size)
{
    return r->generation > 0 && r->used + RING_ENTRY_BYTES + size <= r->bank_size;
}

static uint32_t bank_sum(const uint8_t *bank)
{
    return crc32c(bank, 12);
}

void ring_turn_over(struct ring *r)
{
    CHECK(ring_is_on(r));

    r->used_before = r->used;
    r->generation = r->generation == 0 ? r->first_generation + 1 : r->generation + 1;
    r->used = RING_BANK_BYTES;
    uint8_t *bank = r->base + ring_bank_at(r, r->generation);
    put_u64(bank, r->generation);
    put_u32(bank + 8, (uint32_t)r->used_before);
    put_u32(bank + 12, bank_sum(bank));
}

static uint32_t entry_sum(const uint8_t *bank, const uint8_t *entry, uint32_t size)
{
    uint8_t head[12];
    memcpy(head, bank, 8);
    put_u32(head + 8, size);
    return crc32c(entry, size) ^ crc32c(head, sizeof head);
}

void ring_add(struct ring *r, struct slice entry)
{
    CHECK(entry.size > 0);
    CHECK(ring_has_room(r, entry.size));

    uint8_t *bank = r->base + ring_bank_at(r, r->generation);
    uint8_t *to = bank + r->used;
    memcpy(to + RING_ENTRY_BYTES, entry.at, entry.size);
    put_u32(to, (uint32_t)entry.size);
    put_u32(to + 4, entry_sum(bank, to + RING_ENTRY_BYTES, (uint32_t)entry.size));
    r->used += RING_ENTRY_BYTES + entry.size;
}

struct pack ring_begin(struct ring *r, uint8_t kind)
{
    writer_reset(&r->entry);
    write_u8(&r->entry, kind);
    return pack_to(&r->entry);
}

bool ring_put(struct ring *r)
{
    if (!writer_ok(&r->entry) || r->entry.size == 0) return false;
    if (!ring_has_room(r, r->entry.size)) return false;

    ring_add(r, writer_slice(&r->entry));
    return true;
}

void ring_put_clock(struct ring *r, uint64_t now_ms, int64_t wall_ms)
{
    struct pack p = ring_begin(r, RING_CLOCK);
    pack_u64(&p, &now_ms);
    pack_i64(&p, &wall_ms);
    CHECK(ring_put(r));
}

struct slice ring_bytes(const struct ring *r)
{
    return slice_of(r->base, r->size);
}

/* ---- Reading. ---- */

static bool read_bank(struct ring_reader *r, const uint8_t *bank, size_t size, uint32_t place,
                      uint64_t *generation)
{
    *generation = get_u64(bank);
    bool is_one =
        *generation > 0 && (*generation & 1) == place && get_u32(bank + 12) == bank_sum(bank);
    if (!is_one) *generation = 0;
    r->banks[place] = is_one ? slice_of(bank, size) : (struct slice){0};
    r->generations[place] = *generation;
    return is_one;
}

int ring_reader_open(struct ring_reader *r, struct slice file, const char **why)
{
    *r = (struct ring_reader){0};
    *why = "it is no ring of a node's events";
    if (file.size < MAGIC_SIZE + 4 || memcmp(file.at, MAGIC, MAGIC_SIZE) != 0)
        return -ERR_MALFORMED;
    *why = "it was written by a newer program; use that one's jackdaw";
    if (get_u32(file.at + LABEL_AT) > RING_VERSION) return -ERR_UNSUPPORTED;
    *why = "it is cut off within its head";
    if (file.size < RING_HEADER_BYTES) return -ERR_CORRUPT;
    *why = "its head does not fit its checksum";
    if (get_u32(file.at + SUM_AT) != crc32c(file.at, SUM_AT)) return -ERR_CORRUPT;

    uint32_t bank_size = get_u32(file.at + LABEL_AT + 4);
    uint32_t owner = get_u32(file.at + LABEL_AT + 8);
    *why = "its head makes no sense";
    if (bank_size <= RING_BANK_BYTES || bank_size > RING_MAX_BYTES / 2) return -ERR_CORRUPT;
    if (owner != RING_CONTROLLER && owner != RING_SHARD) return -ERR_CORRUPT;
    r->label = (struct ring_label){.owner = (enum ring_owner)owner,
                                   .node_id = get_u32(file.at + LABEL_AT + 12),
                                   .actor = get_u32(file.at + LABEL_AT + 16)};
    memcpy(r->label.program, file.at + LABEL_AT + 20, RING_PROGRAM_SIZE);
    r->label.program[RING_PROGRAM_SIZE - 1] = '\0';

    /* A file that is shorter was written while the ring was young. */
    uint64_t generations[2] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        size_t at = RING_HEADER_BYTES + (size_t)i * bank_size;
        if (file.size < at + RING_BANK_BYTES) break;
        size_t left = file.size - at;
        (void)read_bank(r, file.at + at, left < bank_size ? left : bank_size, i, &generations[i]);
    }
    bool is_second_older = generations[1] != 0 && generations[1] < generations[0];
    if (is_second_older || generations[0] == 0) {
        struct slice first = r->banks[0];
        r->banks[0] = r->banks[1];
        r->banks[1] = first;
        r->generations[0] = generations[1];
        r->generations[1] = generations[0];
    }
    *why = NULL;
    return 0;
}

bool ring_reader_next(struct ring_reader *r, struct slice *entry, bool *begins)
{
    while (r->bank < 2) {
        struct slice bank = r->banks[r->bank];
        if (r->at == 0) r->at = RING_BANK_BYTES;
        *begins = r->at == RING_BANK_BYTES;
        if (bank.at != NULL && bank.size - r->at >= RING_ENTRY_BYTES) {
            const uint8_t *at = bank.at + r->at;
            uint32_t size = get_u32(at);
            bool fits = size > 0 && size <= bank.size - r->at - RING_ENTRY_BYTES;
            if (fits && get_u32(at + 4) == entry_sum(bank.at, at + RING_ENTRY_BYTES, size)) {
                if (*begins) r->is_gap = r->ended != get_u32(bank.at + 8);
                *entry = slice_of(at + RING_ENTRY_BYTES, size);
                r->at += RING_ENTRY_BYTES + size;
                return true;
            }
        }
        /* Does the next one go on where this one ends? */
        r->ended = r->at;
        r->bank++;
        r->at = 0;
    }
    return false;
}
