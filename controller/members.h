/* members.h -- who belongs to the quorum. The log owns the set, as (id, disk, address); the
 * configuration only seeds it (DESIGN 5).
 */
#ifndef CONTROLLER_MEMBERS_H
#define CONTROLLER_MEMBERS_H

#include "controller/inside.h"

/* What an entry of the metadata log says, in the scratch memory. 0 or meta_batch_decode()'s. */
MUST_USE int members_decode(struct controller *c, const struct metalog_entry *e,
                            struct meta_batch *out);

/* The set that the configuration names, without disks. */
struct raft_membership members_seed(const struct controller *c);

/* The set in force at the image's index: the image's, or the seed. */
struct raft_membership members_of_image(struct controller *c, const struct meta_image *image);

/* The last sets, two at most, within entries: of an array, of which the first has `first_index`.
 * Returns how many. */
uint32_t members_of_entries(struct controller *c, const struct metalog_entry *entries,
                            uint32_t count, uint64_t first_index,
                            struct raft_membership out[RAFT_MEMBERSHIPS_KEPT]);

/* The set that a record names. */
struct raft_members members_of_record(const struct meta_record *record);

/* Where a member listens; NULL: not known. */
const struct node_voter *members_address(const struct controller *c, uint32_t id);

/* A voter has said hello, and whether it knows of a cluster. */
void members_on_hello(struct controller *c, uint32_t id, bool knows_a_cluster);

#endif
