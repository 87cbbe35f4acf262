/* plan.h -- what an import will do, decided before anything is written: which replica of which
 * broker is taken, which settings, what is left out and why, and what stands in the way.
 *
 *   Rule:  what Kafka promised to keep is in its in-sync replicas (and the eligible ones, KIP-966).
 *          One that is sound and reaches its own watermark may lead; of those Jackdaw's controller
 *          takes the one that reaches furthest when all of them have told, as after a power cut of
 *          everybody (controller/decide/ends.h), and the others are cut to it by leader epochs. So
 *          nothing is cut here by a watermark, which may be seconds old.
 */
#ifndef CLI_IMPORT_PLAN_H
#define CLI_IMPORT_PLAN_H

#include "cli/import/fold.h"
#include "cli/import/metadata.h"
#include "cli/import/replica.h"
#include "cli/import/source.h"
#include "cli/text.h"

struct import_options {
    struct strings dirs;
    struct strings without; /* Topics. */
    struct strings lost;    /* Ids of brokers. */
    const char *to;
    int64_t controllers;
};

struct replica_plan {
    int32_t broker;
    struct source *source; /* NULL: no folder of it is there. */
    const struct source_folder *folder;
    const struct source_mark *mark;
    struct replica look;
    bool is_in_sync; /* Kafka counts on it. */
    bool is_taken;
    char why[REPLICA_WHY_SIZE]; /* Why not, or what of it is not. */
};

struct partition_plan {
    const struct kafka_partition *kafka;
    struct replica_plan replicas[META_REPLICAS_MAX];
    uint32_t replica_count;
    struct id_set hopes; /* Any of them may lead: they must all tell how far they reach. */
    int64_t watermark;   /* The highest that was noted; SOURCE_NONE: none was. */
};

struct topic_plan {
    struct kafka_topic *kafka;
    const char *left_out; /* NULL: it is taken. */
    bool is_compacted;
    bool is_refused;
    struct partition_plan *partitions;
    uint32_t partition_count;
};

/* A setting that is taken. */
struct setting_plan {
    const struct kafka_config *kafka;
    char *value; /* As it is kept here. */
};

/* Zeroed is empty. */
struct plan {
    struct fs *fs;
    const struct import_options *options;
    struct source *sources;
    uint32_t source_count;
    struct kafka_metadata metadata;
    struct metadata_reach reach;
    const struct source *metadata_source;
    struct topic_plan *topics;
    uint32_t topic_count;
    struct setting_plan *settings;
    uint32_t setting_count;
    struct strings refused;  /* What stands in the way: nothing is done. */
    struct strings left_out; /* What will not be there. */
    struct strings notes;    /* What an operator should know. */
    uint64_t bytes;          /* To be copied. */
    void (*progress)(void *arg, const char *what, uint64_t bytes);
    void *progress_arg;
};

/* Looks at everything. What stands in the way is in p->refused. */
void plan_make(struct plan *p, const struct import_options *options);
void plan_close(struct plan *p);

/* Ids of the brokers that the metadata know, rising. Caller frees. */
int32_t *plan_brokers(const struct plan *p, uint32_t *count);

/* Of the parts of the planner: "format" as an entry of a list. */
void plan_say(struct strings *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* plan_topics.c and plan_settings.c */
void plan_topics(struct plan *p);
void plan_settings(struct plan *p);

#endif
