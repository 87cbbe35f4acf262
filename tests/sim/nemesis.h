/* nemesis.h -- what breaks, when, and for how long: drawn from the seed, and remembered, since the
 * promise of acks=1 depends on it. */
#ifndef TESTS_SIM_NEMESIS_H
#define TESTS_SIM_NEMESIS_H

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
    bool is_over;
    uint32_t armed; /* A set of kinds that wait for their moment. */
    uint32_t count;
    uint32_t capacity;
    struct fault **faults;
    uint64_t done[FAULT_KIND_COUNT];
};

/* Begins at once. */
void nemesis_open(struct nemesis *n, struct cluster *cluster, struct oracles *oracles);
/* Everything works again, and every process runs. */
void nemesis_end(struct nemesis *n);
void nemesis_close(struct nemesis *n);

/* After each turn: has the moment come that a kind of fault waits for? */
void nemesis_after_turn(struct nemesis *n, struct sim_node *node, uint32_t actor);

/* Was this broker, or any controller, in trouble at any time between the two? */
bool nemesis_excuses(const struct nemesis *n, int32_t broker, uint64_t from_us, uint64_t to_us);

#endif
