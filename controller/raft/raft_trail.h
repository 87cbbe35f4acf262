/* raft_trail.h -- which term each index of the log has, without the log.
 *
 * Terms never fall along a log, so "index -> term" is a short list of runs: (first index, term).
 * The trail begins after `start_index`: what lies at or below is in a snapshot, and of it only the
 * term at start_index itself is still known (Raft §7: "last included index and term").
 *
 * Invariants:
 *   1. start_index <= last_index.
 *   2. Runs have rising first indexes, all in (start_index, last_index], and rising terms.
 *   3. The first run begins at start_index + 1, if last_index > start_index; else there is no run.
 *   4. No more than RAFT_RUNS_MAX runs. A snapshot drops old ones; see raft.h for who refuses what
 *      when the trail is full.
 */
#ifndef CONTROLLER_RAFT_RAFT_TRAIL_H
#define CONTROLLER_RAFT_RAFT_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#define RAFT_RUNS_MAX 1024

struct raft_run {
    uint64_t first_index;
    uint64_t term;
};

struct raft_trail {
    uint64_t start_index; /* 0: the log has never been compacted. */
    uint64_t start_term;
    uint64_t last_index;
    uint32_t count;
    struct raft_run runs[RAFT_RUNS_MAX];
};

/* An empty log that follows a snapshot at start_index (0, 0: that follows nothing). */
void raft_trail_init(struct raft_trail *t, uint64_t start_index, uint64_t start_term);

/* Is the term of `index` known, that is: start_index <= index <= last_index? */
bool raft_trail_has(const struct raft_trail *t, uint64_t index);
uint64_t raft_trail_term(const struct raft_trail *t, uint64_t index);
uint64_t raft_trail_last_term(const struct raft_trail *t);

/* The last index that has the same term as `index`, which must be an entry of the log. */
uint64_t raft_trail_run_last(const struct raft_trail *t, uint64_t index);

/* The largest index <= `index` whose term is <= `term`; start_index if there is none above. */
uint64_t raft_trail_floor(const struct raft_trail *t, uint64_t index, uint64_t term);

/* Would the trail hold entries of `term` from index `from` on, all behind it cut off? */
bool raft_trail_has_room(const struct raft_trail *t, uint64_t from, uint64_t term);

void raft_trail_append(struct raft_trail *t, uint64_t last_index, uint64_t term);
void raft_trail_truncate(struct raft_trail *t, uint64_t from_index);
void raft_trail_compact(struct raft_trail *t, uint64_t start_index);

/* Asserts the invariants that cost O(1). */
void raft_trail_check(const struct raft_trail *t);

#endif
