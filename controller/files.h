/* files.h -- the small files of the folder: who we are, whom we voted for, snapshots.
 *
 *   meta.properties              node.id, directory.id, cluster.id (Kafka's format), may.vote
 *   quorum-state                 term, vote
 *   INDEX-TERM.checkpoint        snapshots, the newest two
 *   __cluster_metadata-0/        the journal of the metadata log
 */
#ifndef CONTROLLER_FILES_H
#define CONTROLLER_FILES_H

#include "controller/inside.h"

#define FILES_LANE 1 /* The journal has a lane of its own. */
#define JOURNAL_LANE 2
#define SNAPSHOT_LANE 3
#define RING_LANE 4
#define JOURNAL_FOLDER "__cluster_metadata-0"

/* What the first job finds. */
struct boot {
    struct job job; /* First. */
    char dir[FS_PATH_MAX / 2];
    uint32_t node_id;
    struct uuid disk; /* In: to be used if the folder is new. Out: the folder's. */
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    bool may_vote; /* This disk remembers all that the node has promised (voters.h). */
    struct raft_vote vote;
    struct meta_image image; /* Of the newest snapshot; zeroed: there is none. */
    char why[512];           /* Why job.rc is not 0. */
    /* Filled by the journal's recovery: */
    struct metalog log;
    bool is_other_log; /* It has another entry where the snapshot ends: an old leader's. */
    bool is_resetting; /* The log is of no use and is being emptied. */
    uint64_t gap_at;   /* An entry that is missing; 0: none is. */
};

struct boot *boot_new(struct controller *c);
void boot_free(struct boot *boot);

/* The journal's observer (`observer` is a struct boot). */
void boot_observe(void *observer, const struct record_batch_header *header, struct slice batch);

/* Each submits a job of that kind (enum job_kind). */
void files_write_vote(struct controller *c, const struct raft_vote *vote);
void files_write_properties(struct controller *c);
/* Takes the reference of `bytes`. */
void files_write_snapshot(struct controller *c, enum job_kind kind, struct buf *bytes,
                          uint64_t index, uint64_t term);

/* Forgets a job that came back. */
void file_job_free(struct file_job *job);

#endif
