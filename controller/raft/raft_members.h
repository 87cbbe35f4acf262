/* raft_members.h -- a set of members by value: who votes, who only learns, on which disk.
 *
 * Sets are small and sorted by id, so that equal sets are equal item by item and nothing depends on
 * the order in which members came.
 */
#ifndef CONTROLLER_RAFT_RAFT_MEMBERS_H
#define CONTROLLER_RAFT_RAFT_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define RAFT_VOTERS_MAX 7
#define RAFT_MEMBERS_MAX 10 /* Voters and learners. */
#define RAFT_NOBODY 0       /* No node has this id. */
#define RAFT_DISK_ID_SIZE 16

struct raft_member {
    uint32_t id;                     /* A node id; never RAFT_NOBODY. */
    bool voter;                      /* Else a learner: it gets the log, and has no say. */
    uint8_t disk[RAFT_DISK_ID_SIZE]; /* All zero: not known yet (a set from configuration). */
};

struct raft_members {
    uint32_t count;
    struct raft_member items[RAFT_MEMBERS_MAX]; /* By rising id. */
};

/* NULL if `id` is not a member. */
const struct raft_member *raft_members_find(const struct raft_members *m, uint32_t id);
bool raft_members_has_voter(const struct raft_members *m, uint32_t id);
uint32_t raft_members_voter_count(const struct raft_members *m);

/* Adds the member or replaces the one with its id. False, and no change: no room for it. */
bool raft_members_put(struct raft_members *m, const struct raft_member *member);

/* Does nothing if there is no such member. */
void raft_members_remove(struct raft_members *m, uint32_t id);

/* Sorted, ids unique and not RAFT_NOBODY, at most RAFT_VOTERS_MAX voters. For sets from outside. */
bool raft_members_are_sane(const struct raft_members *m);

/* Is `to` reachable from `from` in one step? At most one voter is added or removed (Raft thesis
 * §4.1), at least one remains, and no voter changes its disk: another disk is another voter. */
bool raft_members_one_step(const struct raft_members *from, const struct raft_members *to);

/* Has the disk id been filled in? */
bool raft_disk_is_known(const uint8_t disk[RAFT_DISK_ID_SIZE]);

#endif
