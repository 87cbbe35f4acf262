/* moves.h -- partitions on their way to other brokers: asked for, called off, watched.
 *
 * A plan is an array of rows {topic, partition, from, to}: the replicas that a partition has and
 * shall have, in order of preference; `to` null calls a move off.
 */
#ifndef CLI_MOVES_H
#define CLI_MOVES_H

#include "cli/view.h"

json_t *move_row(const json_t *partition, json_t *to);

/* Asks the cluster for all of it. Exit status; what is refused has been said, partition by
 * partition. */
int moves_ask(struct wire *w, const json_t *plan, uint32_t timeout_ms);

/* Waits until none of the plan's partitions moves any more, with progress on a terminal, and a line
 * for each that is done elsewhere. Exit status: EXIT_FAILED if the time is up. */
int moves_wait(struct wire *w, const json_t *plan, int64_t timeout_s);

/* How far it is, in percent: bytes of the new replicas against those of the leader. -1: not known.
 */
int move_percent(const json_t *partition, const json_t *sizes);

void print_plan(const json_t *plan);

#endif
