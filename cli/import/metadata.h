/* metadata.h -- the folder __cluster_metadata-0 of a KRaft node, read: its newest snapshot, and the
 * log from there on.
 *
 *   Used by:  the import.
 *   Trusts:   what a checksum vouches for. A torn end of the log is where it ends.
 */
#ifndef CLI_IMPORT_METADATA_H
#define CLI_IMPORT_METADATA_H

#include "cli/import/fold.h"
#include "common/fs.h"

#define METADATA_FOLDER "__cluster_metadata-0"

/* How far it reaches. */
struct metadata_reach {
    int64_t snapshot; /* The offset up to which the snapshot says it all; 0: there was none. */
    int32_t epoch;    /* Of the last batch. */
    int64_t end;      /* After it. */
    bool is_torn;     /* What follows it is no batch. */
};

/* Does a reach further than b? By the last epoch and then the offset, as voters compare. */
bool metadata_reaches_further(const struct metadata_reach *a, const struct metadata_reach *b);

/* Reads all of it into *m, which is zeroed. 0 or an error, and then m->why is a sentence. */
MUST_USE int metadata_read(struct fs *fs, const char *folder, struct kafka_metadata *m,
                           struct metadata_reach *reach);

#endif
