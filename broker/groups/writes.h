/* writes.h -- what a coordinator puts into its partition: built, queued, appended, and handed back
 * when it is done.
 *
 * Writes are queued in the order of the steps that want them, appended as one batch per turn, and
 * done in the order of the log when the high watermark has passed them. Whoever waits is told after
 * offsets.commit.timeout.ms that it takes too long; what was appended counts all the same.
 */
#ifndef BROKER_GROUPS_WRITES_H
#define BROKER_GROUPS_WRITES_H

#include "broker/groups/types.h"

struct group_write *write_new(struct group_entry *e, struct group_ask *ask);
void write_free(struct group_write *w); /* Neither queued nor appended. */

/* The group itself, as its core says (number: of the effect). */
void write_add_group(struct group_write *w, uint64_t number, bool with_next);
void write_add_commit(struct group_write *w, struct slice topic, int32_t partition,
                      const struct offset_value *value);
void write_add_deletion(struct group_write *w, struct slice topic, int32_t partition);

/* All that is marked in the entry's `consumer`. */
void write_add_consumer(struct group_write *w, uint64_t number);

/* From here on it is under way. It has records. */
void write_queue(struct group_write *w);

/* Deletes all of an empty group: its offsets, and at last itself. The entry goes when that is done;
 * ask->errors[index] says what became of it. */
void write_queue_group_deletion(struct group_entry *e, struct group_ask *ask, uint32_t index);

/* Appends what is queued, if the partition takes records now. What it refuses goes to `refused`,
 * with `*error` the last reason; whatever is left goes on waiting. */
void writes_append(struct coordinator *c, struct group_write_list *refused, int16_t *error);

/* Takes the next one that is committed out of the list; NULL. */
struct group_write *writes_next_done(struct coordinator *c);

/* The next one whose waiter must be told that it is late; NULL. */
struct group_write *writes_next_late(struct coordinator *c);
uint64_t writes_deadline(const struct coordinator *c); /* When that will be; ENV_NEVER. */

/* What befell an append, as a group's member, or who commits, is told. */
int16_t write_error(int16_t append_error, bool is_commit);

#endif
