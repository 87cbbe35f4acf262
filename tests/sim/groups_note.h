/* groups_note.h -- what members of groups were told, outside the system: who owned which share in
 * which generation, and what was committed for it.
 *
 *   [owner]    in one generation a share has one owner, whoever asks and whoever coordinates.
 *   [fence]    who is of an older generation than one that is whole commits nothing any more; in a
 *              group of the consumer protocol, whose epochs are each member's own: nothing for a
 *              share that somebody has taken in a newer one.
 *   [back]     a committed offset that was acknowledged is never fetched smaller.
 *   [invented] nor greater than anything that anybody ever tried to commit.
 *
 * A share is a partition of the topic t0. A static member is known by its instance id: what takes
 * its place is it.
 */
#ifndef TESTS_SIM_GROUPS_NOTE_H
#define TESTS_SIM_GROUPS_NOTE_H

#include <stdio.h>

#include "common/bytes.h"
#include "tests/sim/cluster.h"

#define GROUPS_MAX 2
#define GROUPS_SHARES_MAX CLUSTER_PARTITIONS_MAX
#define GROUPS_WHO_SIZE 96

struct share_note {
    uint32_t group;
    int32_t generation;
    uint32_t share;
    char who[GROUPS_WHO_SIZE];
};

/* Zeroed is empty. */
struct groups_note {
    struct sim *sim;
    uint32_t count;
    uint32_t capacity;
    struct share_note *owners;
    int32_t newest[GROUPS_MAX]; /* The newest generation of which somebody has its shares. */
    int64_t acked[GROUPS_MAX][GROUPS_SHARES_MAX];
    int64_t tried[GROUPS_MAX][GROUPS_SHARES_MAX];
    /* Of the consumer protocol: the newest epoch in which somebody has taken the share. */
    int32_t taken[GROUPS_MAX][GROUPS_SHARES_MAX];
    /* Totals. */
    uint64_t commits;
    uint64_t fetches;
};

void groups_note_owner(struct groups_note *n, uint32_t group, int32_t generation, uint32_t share,
                       const char *who);
void groups_note_taken(struct groups_note *n, uint32_t group, int32_t epoch, uint32_t share);
void groups_note_tried(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset);
void groups_note_acked(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset);
/* `acked` is what was acknowledged when the fetch was sent. */
void groups_note_fetched(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset,
                         int64_t acked, const char *who);
void groups_note_print(const struct groups_note *n, FILE *to);
void groups_note_close(struct groups_note *n);

#endif
