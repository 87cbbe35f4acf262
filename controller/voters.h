/* voters.h -- may this node vote; and, on the leader, the quorum's own set: disks get their names,
 * members come and go, one voter at a time (Raft thesis §4.1), learners first.
 *
 * A node whose folder is new has promised nothing that it remembers: it may be one of a cluster
 * that is being born, or one whose disk was wiped, and the second must not vote before the log
 * names its new disk (raft.h, may_vote). It is a birth if a majority of the seeds, this node among
 * them, know of no cluster, and none knows of one. That this node may vote is noted in its folder
 * before it does.
 *
 * What a voter on an unknown disk goes through, with no operator's help: the leader sees its new
 * disk in its hello; the old disk goes from the set and the new one is a learner; when it has the
 * log, it votes again.
 */
#ifndef CONTROLLER_VOTERS_H
#define CONTROLLER_VOTERS_H

#include "controller/inside.h"

/* After each turn's events: notes that this node may vote, if it has become so. */
void voters_settle(struct controller *c);

/* The note is on the disk. */
void voters_on_noted(struct controller *c);

/* The leader: names disks, replaces wiped ones, makes voters of learners that have the log. */
void voters_look(struct controller *c);
uint64_t voters_deadline_ms(const struct controller *c);

/* A decision that adds a learner, which becomes a voter by itself; or removes a member. Kafka's
 * code, and a sentence in the decision's arena. */
struct decision;
int16_t voters_add(struct controller *c, const struct node_voter *at, struct uuid disk,
                   struct decision *d, struct slice *why);
int16_t voters_remove(struct controller *c, uint32_t id, struct uuid disk, struct decision *d,
                      struct slice *why);

/* A decision that this node is the only voter there is (recover.h). */
void voters_write_alone(struct controller *c, struct decision *d);

/* Is it a learner still, by the committed metadata? */
bool voters_is_learning(const struct controller *c, uint32_t id);

#endif
