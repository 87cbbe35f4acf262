/* descriptors.h -- a bound on the open segment files of many journals (an LRU).
 *
 *   Used by:  one shard, for all journals that were opened with it.
 *   Rule:     a file that somebody sends, reads or writes stays open, and so does one with bytes
 *             that are not synced: an error of their way to the disk must reach a sync of that very
 *             descriptor. The journal is asked to sync them, and they are closed later. So the
 *             bound may be passed by what one turn uses. Whoever needs a file that was closed opens
 *             it in its job.
 */
#ifndef JOURNAL_DESCRIPTORS_H
#define JOURNAL_DESCRIPTORS_H

#include <stdint.h>
#include <sys/queue.h>

struct segment;
TAILQ_HEAD(segment_list, segment);

struct descriptors {
    uint32_t max;
    uint32_t count;
    uint64_t closed_count;    /* So far. */
    struct segment_list used; /* The longest unused first. */
};

#endif
