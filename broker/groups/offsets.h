/* offsets.h -- the offsets that one group has committed. Pure but for memory.
 *
 *   Owns:     topics by name, partitions by number, and the metadata that came with each offset.
 *   Used by:  the coordinator, beside the group.
 *
 * A commit counts when it is committed in the log. Until then it is *under way*: it is not fetched
 * yet, and what is under way is not forgotten either.
 */
#ifndef BROKER_GROUPS_OFFSETS_H
#define BROKER_GROUPS_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/bytes.h"

struct offset_value {
    int64_t offset;
    int32_t leader_epoch;  /* -1: not said. */
    struct slice metadata; /* Never absent in the table. */
    int64_t commit_wall_ms;
    int64_t expire_wall_ms; /* -1: offsets.retention.minutes decides. */
    struct uuid topic_id;   /* Zero: not known; an old record. */
};

struct offset_entry {
    int32_t partition;
    bool is_there;      /* value is committed. */
    uint32_t under_way; /* Writes in the log that are not committed. */
    struct offset_value value;
    UT_hash_handle hh;
};

struct offset_topic {
    struct slice name;
    struct offset_entry *partitions; /* uthash, by number. */
    UT_hash_handle hh;
};

/* Zeroed is empty. */
struct offsets {
    struct offset_topic *topics; /* uthash, by name. */
    uint32_t count;              /* Entries that are there. */
    uint32_t under_way;          /* Over all entries. */
};

/* NULL: nothing is committed, and nothing under way. */
struct offset_entry *offsets_find(const struct offsets *o, struct slice topic, int32_t partition);
struct offset_topic *offsets_find_topic(const struct offsets *o, struct slice topic);

/* A write was appended: a commit, or a deletion. */
void offsets_begin(struct offsets *o, struct slice topic, int32_t partition);

/* That write is committed: a commit's value (copied), or NULL for a deletion. Also for records that
 * are loaded, which nobody began: is_begun says so. */
void offsets_apply(struct offsets *o, struct slice topic, int32_t partition,
                   const struct offset_value *value, bool is_begun);

/* That write will never be committed. */
void offsets_give_up(struct offsets *o, struct slice topic, int32_t partition);

void offsets_close(struct offsets *o);

#endif
