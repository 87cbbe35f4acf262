/* fold.h -- what Apache Kafka's metadata records come to: brokers, topics, partitions, settings.
 *
 *   Owns:     everything in it. Pure but for memory, and bounded by the bytes that were folded.
 *   Used by:  the import; metadata.h feeds it.
 *   Trusts:   nothing. What a record cannot mean is refused, with a sentence.
 *
 * Invariants: (1) a partition's topic is there; (2) its sets have no id twice, and at most
 * META_REPLICAS_MAX of them; (3) within a metadata transaction nothing changes before its end.
 */
#ifndef CLI_IMPORT_FOLD_H
#define CLI_IMPORT_FOLD_H

#include <uthash.h>

#include "proto/kraft_records.h"
#include "proto/meta.h"

#define KAFKA_DIRS_MAX 64
#define KAFKA_METADATA_VERSION_MIN 7  /* 3.3-IV3: the first of KRaft's in production. */
#define KAFKA_METADATA_VERSION_MAX 30 /* 4.3-IV0. */

struct kafka_partition {
    int32_t number;
    int32_t leader;
    int32_t leader_epoch;
    int32_t partition_epoch;
    struct id_set replicas;
    struct id_set isr;
    struct id_set elr;
    struct id_set last_known_elr;
    struct id_set adding;
    struct id_set removing;
    UT_hash_handle hh;
};

struct kafka_topic {
    struct uuid id;
    char name[META_NAME_MAX + 1];
    struct kafka_partition *partitions; /* uthash, by number. */
    UT_hash_handle by_id;
    UT_hash_handle by_name;
};

struct kafka_config {
    int8_t type;
    char *name;
    char *key;
    char *value;
    UT_hash_handle hh;
    size_t id_size;
    char id[]; /* type, name and key, each with a zero behind it. */
};

struct kafka_broker {
    int32_t id;
    uint32_t dir_count;
    struct uuid dirs[KAFKA_DIRS_MAX]; /* What it said of its log.dirs when it registered. */
    UT_hash_handle hh;
};

/* Zeroed is empty. */
struct kafka_metadata {
    struct kafka_broker *brokers; /* uthash, by id. */
    struct kafka_topic *by_id;
    struct kafka_topic *by_name;
    struct kafka_config *configs;
    int64_t next_producer_id;
    int32_t metadata_version;      /* 0: not said. */
    int64_t left_out[KRAFT_KINDS]; /* Of each kind that is not looked into: how many stand. */
    bool is_in_transaction;
    struct writer pending; /* Its records so far: a size of four bytes each, and the value. */
    uint64_t records;
    char why[512]; /* After an error. */
};

/* One record's value. 0, -ERR_MALFORMED, -ERR_UNSUPPORTED or -ERR_INVALID; then *m is of no use any
 * more but for `why` and closing. */
MUST_USE int kafka_fold(struct kafka_metadata *m, struct slice value);

struct kafka_topic *kafka_topic_by_id(const struct kafka_metadata *m, struct uuid id);
struct kafka_topic *kafka_topic_by_name(const struct kafka_metadata *m, const char *name);
struct kafka_partition *kafka_partition_find(const struct kafka_topic *t, int32_t number);
struct kafka_broker *kafka_broker_find(const struct kafka_metadata *m, int32_t id);
/* NULL: not set. */
const char *kafka_config_find(const struct kafka_metadata *m, int8_t type, const char *name,
                              const char *key);

void kafka_metadata_close(struct kafka_metadata *m);

#endif
