/* chronicle.h -- the committed decisions of a run, in order, as a story needs them: when, in which
 * term, why, and what became of each partition. Written by the fold of the oracles. */
#ifndef TESTS_SIM_CHRONICLE_H
#define TESTS_SIM_CHRONICLE_H

#include <stdint.h>

#include "proto/meta.h"

#define CHRONICLE_CAUSE_SIZE 128

struct chronicle_decision {
    uint64_t index;
    uint64_t term;
    uint64_t at_us;
    uint32_t record_count;
    char cause[CHRONICLE_CAUSE_SIZE]; /* Cut off if it is longer. */
};

/* What a decision made of a partition. */
struct chronicle_change {
    uint64_t decision; /* Its place in `decisions`. */
    uint32_t part;
    int32_t leader;
    int32_t leader_epoch;
    struct id_set replicas;
    struct id_set isr;
    struct id_set elr;
};

struct chronicle {
    uint64_t decision_count;
    uint64_t decision_capacity;
    struct chronicle_decision *decisions;
    uint64_t change_count;
    uint64_t change_capacity;
    struct chronicle_change *changes;
};

void chronicle_close(struct chronicle *c);

void chronicle_decision(struct chronicle *c, uint64_t index, uint64_t term, uint64_t at_us,
                        const struct meta_batch *batch);
/* Of the decision that was noted last. */
void chronicle_change(struct chronicle *c, uint32_t part, const struct meta_record *record);

/* The last change of a partition before `before` of the list; change_count: all of it. Returns the
 * place, or UINT64_MAX. */
uint64_t chronicle_last(const struct chronicle *c, uint32_t part, uint64_t before);

#endif
