#include "broker/partition/producers.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define NO_PRODUCER (-1)

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

enum producers_verdict producers_check(const struct producers *p,
                                       const struct record_batch_header *batch,
                                       struct producer_batch *found)
{
    if (batch->producer_id == NO_PRODUCER) return PRODUCERS_NEXT;

    const struct producer *known = find(p, batch->producer_id);
    if (known == NULL) return PRODUCERS_NEXT; /* As Kafka: any sequence may be the first we see. */
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
    /* Behind the oldest that is remembered, by less than half of the circle: long acknowledged. */
    int32_t behind = add_sequence(known->batches[0].first_sequence, -batch->base_sequence);
    if (behind > 0 && behind < INT32_MAX / 2) return PRODUCERS_OLD_DUPLICATE;
    return PRODUCERS_OUT_OF_ORDER;
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

void producers_cut_tail(struct producers *p, int64_t end_offset)
{
    struct producer *known, *next;
    HASH_ITER(hh, p->by_id, known, next)
    {
        while (known->count > 0 && known->batches[known->count - 1].last_offset >= end_offset) {
            known->count--;
        }
        if (known->count > 0) continue;
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

void producers_close(struct producers *p)
{
    struct producer *known, *next;
    HASH_ITER(hh, p->by_id, known, next)
    {
        HASH_DEL(p->by_id, known);
        free(known);
    }
}
