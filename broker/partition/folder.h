/* folder.h -- a partition's folder: its name, and whose it is (partition.metadata, as Kafka's). */
#ifndef BROKER_PARTITION_FOLDER_H
#define BROKER_PARTITION_FOLDER_H

#include "broker/partition/types.h"

struct prepare_job {
    struct job job; /* rc != 0: the folder cannot be used. */
    struct partition *owner;
    struct uuid topic_id;
    bool created;  /* It is new and empty. */
    bool returned; /* It had been put away when its topic was deleted. */
    bool stray;    /* A folder of another topic stood there; it was moved aside, not deleted. */
    char dir[FS_PATH_MAX];
    char grave[FS_PATH_MAX]; /* Its name while its topic is deleted, and can come back. */
};

/* A job, not yet submitted, that makes the folder or finds out that it is the right one. */
struct prepare_job *folder_prepare(struct partition *p);

/* In a job: makes a folder for the topic, or finds that it is one. -ERR_EXISTS: it is another's. */
MUST_USE int folder_identify(struct fs *fs, const char *dir, struct uuid topic_id);

/* The same for a partition that has stopped, whose topic can come back: the folder gets its name as
 * one that is to be deleted. */
struct prepare_job *folder_put_away(struct partition *p);
/* The same for one that has failed: if what stands there is its topic's. */
struct prepare_job *folder_bury(struct partition *p);

void folder_path(const char *log_dir, const char *topic, int32_t number, char out[FS_PATH_MAX]);
void folder_grave(const char *log_dir, const char *topic, int32_t number, struct uuid topic_id,
                  char out[FS_PATH_MAX]);

/* Whose folder is it? In a job. -ERR_ABSENT: it does not say. */
int folder_identity(struct fs *fs, const char *dir, struct uuid *topic_id);

/* All partitions of one broker spread over its shards and I/O threads by this (dirs.h). By the
 * name: a topic that is created again is another one, and its folder is the same. */
uint32_t folder_hash(const char *topic, int32_t number);

#endif
