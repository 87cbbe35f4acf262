/* run.h -- one run: a cluster, its clients, a safety phase in which anything breaks, a liveness
 * phase in which nothing does and everything must converge, and the judgement over what was
 * promised. */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include <stdio.h>

#include "tests/sim/cluster.h"

#define RUN_VIOLATION_SIZE 1024

struct run_result {
    char violation[RUN_VIOLATION_SIZE]; /* "": none. */
    uint64_t seed;
    uint64_t trace_hash;
    uint64_t simulated_ms;
    uint64_t sent0;  /* Records sent with acks=0, */
    uint64_t acked1; /* acknowledged with acks=1, */
    uint64_t acked;  /* with acks=1 or all. */
    uint64_t given_up;
    uint64_t read;
    uint64_t lost_explained;
    uint64_t leader_changes;
    uint64_t terms;
    uint64_t decisions;
    uint64_t faults[FAULT_KIND_COUNT];
    struct sim_counts world;
};

/* Prints options, what went wrong and the totals to `out` (NULL: nothing). */
struct run_result run_seed(const struct cluster_options *options, FILE *out);

/* After a crash of the program under test: what the nodes said last. */
void run_print_last(FILE *to);

#endif
