/* fetch.h -- a leader serves a fetch: of a consumer up to the high watermark, of a follower up to
 * what is written. */
#ifndef BROKER_PARTITION_FETCH_H
#define BROKER_PARTITION_FETCH_H

#include "broker/partition/types.h"

/* Looks at what there is for this op: an error finishes it; otherwise it is listed, its bytes are
 * counted into the group, and says_something is set if its answer must not wait. A follower's
 * position is taken note of (rule 4: only after its epoch and its log agree with ours). */
void partition_watch(struct partition *p, struct op *op);

/* Reads for a listed op, within max_bytes. Anything but JOURNAL_READ_WAIT finishes and unlists it;
 * then op->fetch.range holds a file reference of the shard's (or none). */
enum journal_read partition_read(struct op *op, uint64_t max_bytes, bool at_least_one);

#endif
