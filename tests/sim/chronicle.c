#include "tests/sim/chronicle.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

void chronicle_close(struct chronicle *c)
{
    free(c->decisions);
    free(c->changes);
    *c = (struct chronicle){0};
}

static void *grown(void *at, uint64_t count, uint64_t *capacity, size_t size)
{
    if (count < *capacity) return at;

    *capacity = *capacity == 0 ? 256 : *capacity * 2;
    void *moved = realloc(at, *capacity * size);
    CHECK(moved != NULL);
    return moved;
}

void chronicle_decision(struct chronicle *c, uint64_t index, uint64_t term, uint64_t at_us,
                        const struct meta_batch *batch)
{
    c->decisions =
        grown(c->decisions, c->decision_count, &c->decision_capacity, sizeof c->decisions[0]);
    struct chronicle_decision *d = &c->decisions[c->decision_count++];
    *d = (struct chronicle_decision){
        .index = index, .term = term, .at_us = at_us, .record_count = batch->count};
    (void)snprintf(d->cause, sizeof d->cause, "%.*s", (int)batch->cause.size,
                   batch->cause.at == NULL ? "" : (const char *)batch->cause.at);
}

void chronicle_change(struct chronicle *c, uint32_t part, const struct meta_record *record)
{
    CHECK(record->kind == META_PARTITION);
    CHECK(c->decision_count > 0);

    c->changes = grown(c->changes, c->change_count, &c->change_capacity, sizeof c->changes[0]);
    c->changes[c->change_count++] =
        (struct chronicle_change){.decision = c->decision_count - 1,
                                  .part = part,
                                  .leader = record->partition.leader,
                                  .leader_epoch = record->partition.leader_epoch,
                                  .replicas = record->partition.replicas,
                                  .isr = record->partition.isr,
                                  .elr = record->partition.elr};
}

uint64_t chronicle_last(const struct chronicle *c, uint32_t part, uint64_t before)
{
    CHECK(before <= c->change_count);

    while (before > 0) {
        if (c->changes[--before].part == part) return before;
    }
    return UINT64_MAX;
}
