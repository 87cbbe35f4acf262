/* parts.h -- answers that say of each part of a request what became of it: OffsetCommit,
 * OffsetDelete and DeleteGroups. Parts are written one by one; the last one that is done answers.
 */
#ifndef BROKER_GROUPS_PARTS_H
#define BROKER_GROUPS_PARTS_H

#include "broker/groups/types.h"

#define PART_NOT_OURS INT16_MIN /* A group that is asked elsewhere. */

/* Room for an error per part, all KAFKA_NONE. */
void parts_begin(struct group_ask *ask, uint32_t count);

/* Answers with ask->errors, in the order of the request's parts. */
void parts_answer(struct groups *gs, struct group_ask *ask);

/* Answers that all parts have this error. `count` parts. */
void parts_refuse(struct groups *gs, struct group_ask *ask, uint32_t count, int16_t error);

#endif
