/* nemesis_state.h -- what the nemesis remembers: for the files that strike. */
#ifndef TESTS_SIM_NEMESIS_STATE_H
#define TESTS_SIM_NEMESIS_STATE_H

#include "tests/sim/oracles.h"

struct nemesis;

struct fault {
    struct nemesis *nemesis;
    enum fault_kind kind;
    struct cluster_node *a; /* NULL: every node. */
    struct cluster_node *b; /* Or NULL. */
    uint64_t from_us;
    uint64_t to_us;   /* When it is over; UINT64_MAX: not yet. */
    int64_t jump_ms;  /* Of the wall clock. */
    bool is_harmless; /* An orderly stop that was let end by itself loses nothing. */
    bool has_cut;     /* What waits for its moment: it has come. */
    bool is_over;
};

struct nemesis {
    struct cluster *cluster;
    struct oracles *oracles;
    struct prng prng;
    struct prng disk_prng;
    bool is_over;
    uint32_t armed; /* A set of kinds that wait for their moment. */
    uint32_t count;
    uint32_t capacity;
    struct fault **faults;
    uint64_t done[FAULT_KIND_COUNT];
};

/* One more, that begins now. For disk_faults.c, which draws its own. */
void nemesis_strike(struct nemesis *n, enum fault_kind kind, struct cluster_node *a,
                    struct cluster_node *b, uint64_t length_us);
uint64_t nemesis_now_us(const struct nemesis *n);

#endif
