/* source.h -- one folder of Apache Kafka's log.dirs, looked at from outside: whose it is, what lies
 * in it, what its checkpoints say. Nothing in it is ever changed.
 */
#ifndef CLI_IMPORT_SOURCE_H
#define CLI_IMPORT_SOURCE_H

#include <uthash.h>

#include "cli/text.h"
#include "common/fs.h"
#include "proto/meta.h"

#define SOURCE_WHY_SIZE 1024
#define SOURCE_NONE (-1)

/* What its checkpoint files say of a partition; SOURCE_NONE where one does not. */
struct source_mark {
    int64_t watermark;
    int64_t log_start;
    int64_t cleaned;
    UT_hash_handle hh;
    char key[META_NAME_MAX + 16]; /* "topic partition" */
};

struct source_folder {
    char name[META_NAME_MAX + 16]; /* "orders-0" */
    char topic[META_NAME_MAX + 1];
    int32_t number;
    struct uuid id; /* Of the topic; zero: it does not say. */
};

struct source {
    char path[FS_PATH_MAX / 2];
    char to[FS_PATH_MAX / 2]; /* Where its partitions are copied to. */
    int32_t node_id;
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    struct uuid id; /* directory.id; zero: it says none. */
    bool has_metadata;
    bool was_stopped; /* Kafka left its mark of an orderly stop. */
    bool is_jackdaws; /* It is none of Kafka's. */
    bool is_broker;   /* The metadata know its node as one. */
    struct source_folder *folders;
    uint32_t folder_count;
    struct strings others; /* Folders that are no living replica's, by name. */
    struct source_mark *marks;
};

/* Zeroed before. 0 or an error, and then `why` is a sentence. */
MUST_USE int source_open(struct source *s, struct fs *fs, const char *path,
                         char why[SOURCE_WHY_SIZE]);
void source_close(struct source *s);

/* Never NULL: of what no file speaks, all is SOURCE_NONE. */
const struct source_mark *source_mark_of(const struct source *s, const char *topic, int32_t number);
const struct source_folder *source_folder_of(const struct source *s, const char *topic,
                                             int32_t number);

#endif
