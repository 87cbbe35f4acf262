/* raft_sim.h -- Raft clusters in one thread, driven by one seed.
 *
 * The real core over a small shell: disks whose writes take time, a network that loses, doubles,
 * delays and reorders messages and cuts links in one direction. Nodes crash and keep what was
 * durable and some of what was on its way; disks are wiped; members come and go; logs are
 * compacted. The seed draws every rate and size. After the faults follow two quiet phases: one in
 * which the cluster must commit again, one in which a node that was cut off must not disturb the
 * others.
 *
 * Oracles stand outside the core and see all nodes:
 *   one leader per term                   no two logs disagree where index and term are equal
 *   a leader has all that was committed   what is committed is on the disks of a majority
 *   a committed entry never changes       equal state at equal index, also after a snapshot
 *
 * The same seed gives the same history. To replay a failure, run raft_sim_run() with its options.
 */
#ifndef TESTS_SIM_RAFT_SIM_H
#define TESTS_SIM_RAFT_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct raft_sim_options {
    uint64_t seed;
    uint64_t duration_ms; /* Of the phase with faults. */
    uint32_t node_count;  /* 0: the seed draws it. */
    uint32_t canaries;    /* enum raft_canary: rules that the core breaks. */
    bool send_early;      /* The shell's own canary: messages do not wait for writes. */
    bool stable_members;  /* No membership changes, no wiped disks. */
};

struct raft_sim_result {
    const char *violation; /* NULL if every oracle was content. */
    uint64_t history_hash; /* Two runs of one seed must agree on it. */
    uint64_t steps;
    /* That something happened. */
    uint64_t leaders;
    uint64_t commits;
    uint64_t crashes;
    uint64_t wipes;
    uint64_t snapshots_installed;
    uint64_t truncations;
    uint64_t member_changes;
    uint64_t transfers;
};

struct raft_sim_result raft_sim_run(const struct raft_sim_options *options);

#endif
