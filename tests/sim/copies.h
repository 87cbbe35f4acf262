/* copies.h -- what the copies of one partition hold of what was acknowledged, read from the disks
 * at any moment of a run, whether their processes live or not. */
#ifndef TESTS_SIM_COPIES_H
#define TESTS_SIM_COPIES_H

#include "broker/partition/replica.h"
#include "tests/sim/history.h"

struct copy {
    bool exists; /* There is a folder. */
    int64_t first;
    int64_t end;   /* The first offset that it has not. */
    int32_t epoch; /* Of its last batch. */
    /* As its process sees it; NULL: it is down, or has none. It may be about to cut some off. */
    const struct replica *live;
    uint64_t lacking; /* Acknowledged records that are not at their offsets in it. */
    uint64_t doubled; /* Records of idempotent producers that it has more than once. */
};

/* By record id. */
struct copy_marks {
    uint16_t at_place; /* Bits of brokers: it has the record where it was acknowledged. */
    uint16_t anywhere; /* It has the record. */
    uint8_t most;      /* The most often that one of them has it, */
    int64_t first_at;  /* and the first and the last offset of all. */
    int64_t last_at;
    int32_t sequence; /* Of the batch, plus the place; -1: not known, or not idempotent. */
};

struct copies {
    const struct history *history;
    uint32_t part;
    struct copy of[CLUSTER_BROKERS_MAX];
    struct copy_marks *marks; /* history->record_count of them. */
};

void copies_read(struct copies *c, const struct history *history, uint32_t part);
void copies_close(struct copies *c);

/* Was the record acknowledged, with an offset that nobody has deleted since? */
bool copies_owe(const struct copies *c, uint64_t id);
/* Has this broker the record where it was acknowledged, on the disk and for its process? */
bool copies_has(const struct copies *c, uint64_t id, uint32_t broker_index);

#endif
