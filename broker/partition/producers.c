#include "broker/partition/producers.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"

#define NO_PRODUCER (-1)
#define GONE_MS (10 * 60 * 1000) /* Longer than producers try to have one batch acknowledged. */

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_CRC_AT 2
#define SNAPSHOT_COUNT_AT 6
#define SNAPSHOT_ENTRY_SIZE 46

/* Sequences count from 0 to INT32_MAX and begin again. */
static int32_t add_sequence(int32_t sequence, int32_t count)
{
    return (int32_t)(((int64_t)sequence + count) & INT32_MAX);
}

static struct producer *find(const struct producers *p, int64_t id)
{
    struct producer *found = NULL;
    HASH_FIND(hh, p->by_id, &id, sizeof id, found);
    return found;
}

static int32_t last_sequence(const struct record_batch_header *h)
{
    return add_sequence(h->base_sequence, h->last_offset_delta);
}

/* Its place in `refusals`, or PRODUCERS_REFUSALS. */
static uint32_t find_refusal(const struct producers *p, const struct record_batch_header *batch)
{
    for (uint32_t i = 0; i < p->refusal_count && i < PRODUCERS_REFUSALS; i++) {
        const struct producer_refusal *r = &p->refusals[i];
        if (r->id == batch->producer_id && r->epoch == batch->producer_epoch) return i;
    }
    return PRODUCERS_REFUSALS;
}

void producers_refused(struct producers *p, const struct record_batch_header *batch)
{
    if (batch->producer_id == NO_PRODUCER) return;

    uint32_t i = find_refusal(p, batch);
    if (i == PRODUCERS_REFUSALS) {
        p->refusals[p->refusal_count++ % PRODUCERS_REFUSALS] = (struct producer_refusal){
            batch->producer_id, batch->producer_epoch, batch->base_sequence};
    } else if (batch->base_sequence < p->refusals[i].sequence) {
        p->refusals[i].sequence = batch->base_sequence;
    }
}

enum producers_verdict producers_check(const struct producers *p,
                                       const struct record_batch_header *batch,
                                       struct producer_batch *found)
{
    if (batch->producer_id == NO_PRODUCER) return PRODUCERS_NEXT;

    const struct producer *known = find(p, batch->producer_id);
    if (known == NULL) {
        uint32_t i = find_refusal(p, batch);
        bool is_first = i == PRODUCERS_REFUSALS || batch->base_sequence <= p->refusals[i].sequence;
        return is_first ? PRODUCERS_NEXT : PRODUCERS_OUT_OF_ORDER;
    }
    if (batch->producer_epoch < known->epoch) return PRODUCERS_FENCED;
    if (batch->producer_epoch > known->epoch) {
        return batch->base_sequence == 0 ? PRODUCERS_NEXT : PRODUCERS_OUT_OF_ORDER;
    }
    if (known->count == 0) return PRODUCERS_NEXT;

    for (uint32_t i = 0; i < known->count; i++) {
        const struct producer_batch *b = &known->batches[i];
        if (b->first_sequence != batch->base_sequence) continue;
        if (b->last_sequence != last_sequence(batch)) continue;
        *found = *b;
        return PRODUCERS_DUPLICATE;
    }
    int32_t last = known->batches[known->count - 1].last_sequence;
    if (batch->base_sequence == add_sequence(last, 1)) return PRODUCERS_NEXT;
    /* Between the first that is in the log and the oldest that is remembered: long acknowledged. */
    int32_t first = known->first_sequence;
    if (first < 0) first = known->batches[0].first_sequence;
    int32_t span = add_sequence(known->batches[0].first_sequence, -first);
    int32_t at = add_sequence(batch->base_sequence, -first);
    return at < span ? PRODUCERS_OLD_DUPLICATE : PRODUCERS_OUT_OF_ORDER;
}

void producers_note(struct producers *p, const struct record_batch_header *batch)
{
    if (batch->producer_id == NO_PRODUCER || batch->base_sequence < 0) return;

    struct producer *known = find(p, batch->producer_id);
    if (known == NULL) {
        known = calloc(1, sizeof *known);
        CHECK(known != NULL);
        known->id = batch->producer_id;
        known->epoch = batch->producer_epoch;
        HASH_ADD(hh, p->by_id, id, sizeof known->id, known);
    }
    if (batch->producer_epoch != known->epoch) {
        known->epoch = batch->producer_epoch;
        known->count = 0;
    }
    known->gone_ms = 0;
    if (known->count == 0) known->first_sequence = batch->base_sequence;
    if (known->count == PRODUCERS_BATCHES) {
        memmove(&known->batches[0], &known->batches[1],
                (PRODUCERS_BATCHES - 1) * sizeof known->batches[0]);
        known->count--;
    }
    known->batches[known->count++] = (struct producer_batch){
        .first_sequence = batch->base_sequence,
        .last_sequence = last_sequence(batch),
        .first_offset = batch->base_offset,
        .last_offset = batch_last_offset(batch),
        .timestamp_ms = batch->max_timestamp,
    };
}

static bool is_over(struct producer *known, const struct producers_age *age)
{
    const struct producer_batch *last = &known->batches[known->count - 1];
    if (last->last_offset >= age->log_start) return false;

    if (known->gone_ms == 0) known->gone_ms = age->now_ms;
    uint64_t gone_ms = age->now_ms - known->gone_ms;
    if (gone_ms >= age->expiry_ms) return true;
    bool is_past = last->timestamp_ms < age->wall_ms;
    uint64_t old_ms = is_past ? (uint64_t)age->wall_ms - (uint64_t)last->timestamp_ms : 0;
    return gone_ms >= GONE_MS && old_ms >= age->expiry_ms;
}

void producers_forget(struct producers *p, const struct producers_age *age)
{
    struct producer *known, *next;
    HASH_ITER(hh, p->by_id, known, next)
    {
        CHECK(known->count > 0);
        if (!is_over(known, age)) continue;
        HASH_DEL(p->by_id, known);
        free(known);
    }
}

void producers_observe(void *producers, const struct record_batch_header *header,
                       struct slice batch)
{
    (void)batch;
    producers_note(producers, header);
}

struct producer_state *producers_list(const struct producers *p, uint32_t *count)
{
    *count = HASH_COUNT(p->by_id);
    if (*count == 0) return NULL;

    struct producer_state *all = calloc(*count, sizeof *all);
    CHECK(all != NULL);
    struct producer_state *to = all;
    for (const struct producer *known = p->by_id; known != NULL; known = known->hh.next) {
        CHECK(known->count > 0);
        const struct producer_batch *last = &known->batches[known->count - 1];
        *to++ = (struct producer_state){known->id, known->epoch, last->last_sequence,
                                        last->timestamp_ms};
    }
    return all;
}

void producers_close(struct producers *p)
{
    struct producer *known, *next;
    HASH_ITER(hh, p->by_id, known, next)
    {
        HASH_DEL(p->by_id, known);
        free(known);
    }
}

/* ---- Snapshots ---- */

void producers_save(void *producers, struct writer *out)
{
    const struct producers *p = producers;
    size_t begin = out->size;
    write_i16(out, SNAPSHOT_VERSION);
    write_i32(out, 0);
    write_i32(out, (int32_t)HASH_COUNT(p->by_id));
    for (const struct producer *known = p->by_id; known != NULL; known = known->hh.next) {
        CHECK(known->count > 0);
        const struct producer_batch *last = &known->batches[known->count - 1];
        write_i64(out, known->id);
        write_i16(out, known->epoch);
        write_i32(out, last->last_sequence);
        write_i64(out, last->last_offset);
        write_i32(out, (int32_t)(last->last_offset - last->first_offset));
        write_i64(out, last->timestamp_ms);
        write_i32(out, -1);
        write_i64(out, -1);
    }
    for (const struct producer *known = p->by_id; known != NULL; known = known->hh.next) {
        write_i32(out, known->first_sequence);
    }
    if (!writer_ok(out)) return;
    const uint8_t *covered = out->base + begin + SNAPSHOT_COUNT_AT;
    uint32_t crc = crc32c(covered, out->size - begin - SNAPSHOT_COUNT_AT);
    writer_patch_i32(out, begin + SNAPSHOT_CRC_AT, (int32_t)crc);
}

void producers_needs(void *producers, void (*add)(void *arg, int64_t last_offset), void *arg)
{
    const struct producers *p = producers;
    for (const struct producer *known = p->by_id; known != NULL; known = known->hh.next) {
        if (known->count > 0) add(arg, known->batches[known->count - 1].last_offset);
    }
}

static bool restore_one(struct producers *p, struct reader *in)
{
    int64_t id = read_i64(in);
    int16_t epoch = read_i16(in);
    struct producer_batch last = {0};
    last.last_sequence = read_i32(in);
    last.last_offset = read_i64(in);
    int32_t delta = read_i32(in);
    last.timestamp_ms = read_i64(in);
    (void)read_i32(in);
    (void)read_i64(in);
    if (!reader_ok(in) || id < 0 || epoch < 0 || find(p, id) != NULL) return false;
    if (last.last_sequence < 0 || delta < 0 || last.last_offset < delta) return false;

    last.first_offset = last.last_offset - delta;
    last.first_sequence = add_sequence(last.last_sequence, -delta);
    struct producer *known = calloc(1, sizeof *known);
    CHECK(known != NULL);
    known->id = id;
    known->epoch = epoch;
    known->count = 1;
    known->batches[0] = last;
    known->first_sequence = -1;
    HASH_ADD(hh, p->by_id, id, sizeof known->id, known);
    return true;
}

bool producers_restore(void *producers, struct slice snapshot)
{
    struct producers *p = producers;
    producers_close(p);
    if (snapshot.at == NULL) return true;

    struct reader in = reader_of(snapshot);
    int16_t version = read_i16(&in);
    uint32_t crc = read_u32(&in);
    if (!reader_ok(&in) || version != SNAPSHOT_VERSION) return false;
    if (crc != crc32c(in.at, reader_left(&in))) return false;
    int32_t count = read_i32(&in);
    if (!reader_ok(&in) || count < 0) return false;
    size_t size = reader_left(&in), entries = (size_t)count * SNAPSHOT_ENTRY_SIZE;
    bool has_firsts = size == entries + (size_t)count * sizeof(int32_t);
    bool ok = has_firsts || size == entries;
    for (int32_t i = 0; ok && i < count; i++) ok = restore_one(p, &in);
    struct producer *known = p->by_id; /* In the order in which they were added. */
    for (; ok && has_firsts && known != NULL; known = known->hh.next) {
        known->first_sequence = read_i32(&in);
    }
    if (!ok) producers_close(p);
    return ok;
}
