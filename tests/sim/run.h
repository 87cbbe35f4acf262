/* run.h -- one run: a cluster, its clients, a safety phase in which anything breaks, a liveness
 * phase in which nothing does and everything must converge, and the judgement over what was
 * promised. */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include <stdio.h>

#include "tests/sim/clients.h"

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
    uint64_t deeds[DEED_COUNT]; /* Of the admin. */
    struct sim_counts world;
};

/* What is said beside the result; NULL: nothing of that. */
struct run_print {
    FILE *out;   /* Options, and what each client made of it. */
    FILE *logs;  /* The last lines of every node, if it fails. */
    FILE *story; /* What happened, if it fails (story.h). */
};

struct run_result run_seed(const struct cluster_options *options, const struct run_print *print);

/* The program under test has crashed in the run: says so in `violation`, and tells the story. */
void run_tell_crash(char *violation, size_t size, FILE *logs, FILE *story);

#endif
