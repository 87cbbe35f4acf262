/* ring_file.h -- a ring (ring.h) as a file that is never far behind, written by jobs.
 *
 *   Used by:  the actor that writes the ring, in its turns.
 *
 * What is new since the last write goes out every flush_ms, in one job, and at once if it is
 * urgent; a turn in which nothing is new costs nothing. So a process that is killed leaves all but
 * its last moments, and one that crashes or halts leaves everything: the env writes what is missing
 * (env_rescue). The file of the run before stays beside it under another name. Nothing is synced,
 * and a disk that fails or is full costs the file and nothing else.
 */
#ifndef COMMON_RING_FILE_H
#define COMMON_RING_FILE_H

#include "common/env.h"
#include "common/ring.h"

/* With the actor's number. */
#define RING_FILE_NAME_FORMAT "events-%u.ring"
#define RING_FILE_BEFORE_FORMAT "events-%u.before.ring"
#define RING_FILE_RANGES 3

struct ring_range {
    uint64_t at;
    size_t size;
};

struct ring_file {
    struct job job; /* First. */
    char path[FS_PATH_MAX];
    char before[FS_PATH_MAX]; /* Where the file of the run before goes. */
    bool is_renamed;          /* It has gone there. */
    bool is_begun;            /* The file has its place, and nothing of another run. */
    uint64_t size;            /* Of the file. */
    uint64_t banks[2];        /* Where they begin. */
    uint32_t flush_ms;        /* 0: never. */
    bool is_out;              /* The job is. */
    bool is_known;            /* To env_rescue(). */
    bool is_failing;
    uint64_t due_ms;
    uint64_t generation; /* Of the ring, when it was written last, */
    size_t used;         /* and how much of its bank. */
    uint32_t range_count;
    struct ring_range ranges[RING_FILE_RANGES];
    uint8_t *bytes; /* Of all ranges, one behind the other. */
    size_t capacity;
};

/* `kind` is the job's, for the actor that gets it back. */
void ring_file_open(struct ring_file *f, const char *folder, uint32_t actor, uint32_t flush_ms,
                    uint32_t kind, uint32_t lane);
/* No job may be out, unless the world is gone. */
void ring_file_close(struct ring_file *f, struct env *env);

/* Once a turn. */
void ring_file_turn(struct ring_file *f, struct env *env, struct ring *ring);
void ring_file_on_job(struct ring_file *f, struct env *env, const struct ring *ring);

/* Before an orderly end: true when all is in the file, or cannot be. Ask again after its job. */
bool ring_file_finish(struct ring_file *f, struct env *env, struct ring *ring);

#endif
