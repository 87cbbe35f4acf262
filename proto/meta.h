/* meta.h -- the cluster's metadata: its records, the image they fold into, and the fold.
 *
 *   Used by:  controllers (two images: committed and tentative), every shard of every broker (one).
 *             An image has one owner; nothing here is shared.
 *   Knows:    what a record means. Not who decided it, how it travelled or where it is stored.
 *
 * The metadata log is a sequence of *decisions*, numbered from 1 (index). One decision is one
 * `struct meta_batch`, the atomic unit: all of its records are applied, or none. It is stored as
 * one Kafka record batch with one record, whose base offset is the index and whose leader epoch is
 * the Raft term.
 *
 * Invariants of an image (meta_image_check):
 *   (1) isr, elr, adding and removing are subsets of replicas; isr and elr are disjoint.
 *   (2) leader is -1 or a member of isr, and then unfenced.
 *   (3) A fenced broker is in no isr.
 *   (4) leader_epoch and partition_epoch never fall; partition_epoch rises with every change.
 *   (5) Two images that have applied the same index are equal (meta_image_hash).
 *   (6) successor has at most one member: of the ISR, not the leader, and only where one leads.
 *   (7) offline is a subset of replicas, and disjoint from isr.
 */
#ifndef PROTO_META_H
#define PROTO_META_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/arena.h"
#include "common/bytes.h"
#include "common/err.h"

#define META_REPLICAS_MAX 12
#define META_LISTENERS_MAX 8
#define META_VOTERS_MAX 9
#define META_CLUSTER_ID_SIZE 22
#define META_NAME_MAX 249 /* Of a topic, as in Kafka. */
#define META_HOST_MAX 255
#define META_KEY_MAX 128
#define META_CONFIG_GROUP 32 /* The type of a group's configurations, as Kafka numbers it. */
#define META_GROUP_MAX META_NAME_MAX /* Of a group id that has configurations. */
#define META_VALUE_MAX 65536 /* Of a configuration: lists of throttled replicas are long. */
#define META_TEXT_MAX 63     /* Of a listener's or a feature's name, and of a rack. */
#define META_WORD_MAX 31    /* Of a version and of a listener's protocol. */
#define META_CAUSE_MAX 1024 /* A longer one is cut off when it is encoded. */
#define META_FEATURE_GROUPS "group.version" /* 1: the consumer protocol (KIP-848). */
#define META_GROUPS_LEVEL 1
#define META_LEVEL 2        /* The highest feature level that this program knows. */
#define META_LEVEL_RETIRED 2 /* From this level on a topic's deletion can be undone. */
#define META_NOBODY (-1)

/* A small ordered set of broker ids. Zeroed is empty. */
struct id_set {
    uint32_t count;
    int32_t ids[META_REPLICAS_MAX];
};

bool id_set_has(const struct id_set *s, int32_t id);
bool id_set_add(struct id_set *s, int32_t id);    /* False: it was there, or the set is full. */
bool id_set_remove(struct id_set *s, int32_t id); /* Keeps the order. False: it was not there. */
bool id_set_equal(const struct id_set *a, const struct id_set *b); /* Same members, any order. */
bool id_set_within(const struct id_set *part, const struct id_set *whole);

/* ---- Records. Strings are slices: of the request, of a decoded batch, or of an image. ---- */

enum meta_kind {
    META_NOOP = 1,    /* A new leader's first entry. */
    META_CLUSTER = 2, /* The cluster is born: its id. */
    META_FEATURE = 3, /* A finalized feature level. */
    META_BROKER = 4,  /* A broker's incarnation registers. It begins fenced. */
    META_BROKER_STATE = 5,
    META_BROKER_REMOVED = 6,
    META_TOPIC = 7,
    META_TOPIC_DELETED = 8,
    META_PARTITION = 9, /* The whole state of a partition, new or changed. */
    META_CONFIG = 10,
    META_PRODUCER_IDS = 11,
    META_VOTERS = 12,         /* The whole voter set. */
    META_TOPIC_RETIRED = 13,  /* Deleted, but kept for a while: it can come back. Level 2. */
    META_TOPIC_RESTORED = 14, /* It is back. Level 2. */
};

struct meta_listener {
    struct slice name; /* "INTERNAL" */
    struct slice
        host; /* As advertised. Empty: the address by which the client reached the broker. */
    uint16_t port;
    struct slice protocol; /* "PLAINTEXT" */
};

struct meta_voter {
    uint32_t id;
    struct uuid disk;
    struct slice host;
    uint16_t port;
    bool is_learner;
};

struct meta_record {
    enum meta_kind kind;
    union {
        struct {
            struct slice cluster_id; /* 22 characters of base64url, as Kafka's. */
        } cluster;
        struct {
            struct slice name;
            int32_t level;
        } feature;
        struct {
            int32_t id;
            int64_t epoch; /* The index of the batch that carries it. */
            struct uuid incarnation;
            struct uuid secret; /* Proves on an inter-broker connection that it is this one. */
            struct slice rack;  /* at == NULL: none */
            uint32_t shard_count;
            uint32_t listener_count;
            struct meta_listener listeners[META_LISTENERS_MAX];
            struct slice replication_listener; /* The name of the inter-broker listener. */
            struct slice version;              /* The program's. */
        } broker;
        struct {
            int32_t id;
            int64_t epoch; /* Must be the broker's. */
            bool fenced;
            bool stopping; /* In a controlled shutdown: eligible for nothing new. */
        } broker_state;
        struct {
            int32_t id;
        } broker_removed;
        struct {
            struct uuid id;
            struct slice name;
        } topic;
        struct {
            struct uuid id; /* Of one that is there, or of one that is retired. */
        } topic_deleted;
        struct {
            struct uuid id;
            int64_t wall_ms; /* When it was deleted, by the controller's wall clock ... */
            int64_t due_ms;  /* ... and from when on its deletion may be final. */
        } topic_retired;
        struct {
            struct uuid id;
        } topic_restored;
        struct {
            struct uuid topic_id;
            int32_t partition; /* Either the next one of its topic, or one that exists. */
            int32_t leader;
            int32_t leader_epoch;
            int32_t partition_epoch;
            struct id_set replicas; /* In order of preference. */
            struct id_set isr;
            struct id_set elr;            /* Eligible leader replicas, KIP-966. */
            struct id_set last_known_elr; /* Left isr or elr because its log may lack something. */
            struct id_set adding;
            struct id_set removing;
            struct id_set
                successor; /* The one to whom the leader is asked to hand over, or empty. */
            struct id_set offline; /* Their disks are lost, or stand still. */
        } partition;
        struct {
            int8_t type; /* Kafka's: 2 topic, 4 broker ("" is the cluster's default), 32 group. */
            struct slice name;
            struct slice key;
            struct slice value; /* at == NULL: back to the default. */
        } config;
        struct {
            int64_t next; /* The first id that no block has handed out yet. */
        } producer_ids;
        struct {
            uint32_t count;
            struct meta_voter voters[META_VOTERS_MAX];
        } voters;
    };
};

struct meta_batch {
    int32_t
        level; /* What a reader must know (meta_level_of). It refuses a higher one than its own. */
    int64_t wall_ms; /* When it was decided, by the leader's wall clock. For people only. */
    struct slice cause; /* What made it happen: "broker 2 fenced: connection refused". */
    uint32_t count;
    struct meta_record *records;
};

/* The lowest feature level at which all of these records are known. */
int32_t meta_level_of(const struct meta_record *records, uint32_t count);

/* Encodes into `out` (sticky failure of the writer). The records' sizes must be within bounds,
 * which meta_check() makes sure of: CHECKed, since nobody could decode what is beyond them. */
void meta_batch_encode(const struct meta_batch *batch, struct writer *out);

/* An arena of so many bytes holds the decoded form of any batch of `size` bytes that
 * meta_batch_encode() has written. Of a batch that is made to be large, it need not. */
#define META_DECODE_BYTES(size) ((size_t)(size)*64 + 64 * 1024)

/* Decodes; everything lives in `arena`, nothing points into `in`. 0, -ERR_MALFORMED, -ERR_LIMIT
 * (the arena is full, or something is longer than its bound), or -ERR_UNSUPPORTED (a level or a
 * kind that this program does not know). */
MUST_USE int meta_batch_decode(struct slice in, struct arena *arena, struct meta_batch *out);

/* ---- The image. ---- */

struct meta_partition {
    int32_t leader;
    int32_t leader_epoch;
    int32_t partition_epoch;
    struct id_set replicas;
    struct id_set isr;
    struct id_set elr;
    struct id_set last_known_elr;
    struct id_set adding;
    struct id_set removing;
    struct id_set successor;
    struct id_set offline;
    uint64_t changed_index; /* The decision that last changed it. */
};

struct meta_topic {
    struct uuid id;
    char name[META_NAME_MAX + 1];
    uint64_t created_index;
    uint32_t partition_count;
    uint32_t partition_capacity;
    struct meta_partition *partitions; /* By partition number. */
    UT_hash_handle by_id;
    UT_hash_handle by_name;
};

struct meta_image_listener {
    char name[META_TEXT_MAX + 1];
    char host[META_HOST_MAX + 1];
    uint16_t port;
    char protocol[META_WORD_MAX + 1];
};

struct meta_broker {
    int32_t id;
    int64_t epoch;
    struct uuid incarnation;
    struct uuid secret;
    bool fenced;
    bool stopping;
    uint32_t isr_count;    /* Partitions that have it in their ISR; meta_apply() keeps count. */
    uint32_t leader_count; /* Partitions that it leads; the same. */
    uint32_t shard_count;
    uint32_t listener_count;
    char rack[META_TEXT_MAX + 1]; /* "" is none. */
    char replication_listener[META_TEXT_MAX + 1];
    char version[META_WORD_MAX + 1];
    struct meta_image_listener listeners[META_LISTENERS_MAX];
    UT_hash_handle hh;
};

struct meta_config {
    char *id; /* "type/name/key", owned. */
    int8_t type;
    char *name;
    char *key;
    char *value;
    UT_hash_handle hh;
};

/* A topic that was deleted a short while ago. Nobody finds it by name or among the topics; what it
 * was when it went is all here, so that it can be again. Its partitions are as they were then: who
 * was in sync may be fenced or gone by now. */
struct meta_retired {
    struct uuid id;
    struct meta_topic *topic;    /* Owned; in none of the image's tables. */
    struct meta_config *configs; /* Its own, uthash; owned. */
    uint64_t index;              /* The decision that retired it. */
    int64_t wall_ms;
    int64_t due_ms;
    UT_hash_handle hh;
};

struct meta_feature {
    char name[META_TEXT_MAX + 1];
    int32_t level;
    UT_hash_handle hh;
};

struct meta_image_voter {
    uint32_t id;
    struct uuid disk;
    char host[META_HOST_MAX + 1];
    uint16_t port;
    bool is_learner;
};

/* Zeroed is the valid image of index 0: nothing exists. */
struct meta_image {
    uint64_t index;                            /* The last decision applied. */
    uint64_t term;                             /* Its term. */
    char cluster_id[META_CLUSTER_ID_SIZE + 1]; /* "" until the cluster is born. */
    struct meta_broker *brokers;               /* uthash, by id; iterates in insertion order. */
    struct meta_topic *topics_by_name;         /* uthash over by_name. */
    struct meta_topic *topics_by_id;           /* uthash over by_id. */
    struct meta_config *configs;
    struct meta_retired *retired; /* uthash, by the topic's id. */
    struct meta_feature *features;
    int64_t next_producer_id;
    uint32_t voter_count;
    struct meta_image_voter voters[META_VOTERS_MAX];
    uint32_t topic_count;
    uint32_t partition_count;
};

struct meta_broker *meta_broker_find(const struct meta_image *image, int32_t id);
struct meta_topic *meta_topic_by_name(const struct meta_image *image, struct slice name);
struct meta_topic *meta_topic_by_id(const struct meta_image *image, struct uuid id);
/* Stays where it is until the topic gets another partition. */
struct meta_partition *meta_partition_find(const struct meta_image *image, struct uuid topic_id,
                                           int32_t partition);
struct meta_retired *meta_retired_find(const struct meta_image *image, struct uuid topic_id);
/* The finalized level; 0: none is. */
int32_t meta_feature_level(const struct meta_image *image, const char *name);
/* The value set for exactly this resource, or NULL. */
const char *meta_config_find(const struct meta_image *image, int8_t type, const char *name,
                             const char *key);
const struct meta_image_listener *meta_listener_find(const struct meta_broker *broker,
                                                     const char *name);

/* Would this record be a legal next one? 0 or -ERR_INVALID, and then *why is a sentence, good until
 * this thread asks again. For a batch the records are checked and applied one by one on a tentative
 * image: see meta_try(). So their order within a batch matters:
 *   - PARTITION records that take a broker out of ISRs and leadership come before the BROKER_STATE
 *     that fences it and before the BROKER of its next incarnation;
 *   - TOPIC comes before its PARTITIONs (in order of their numbers) and its CONFIGs;
 *   - BROKER_STATE that unfences comes before the PARTITION whose ISR the broker joins.
 * An ISR may be empty (then nobody leads). TOPIC_DELETED takes the topic's configuration along.
 * TOPIC_RETIRED puts it aside with its configuration. TOPIC_RESTORED brings both back, led by
 * nobody and with nobody in sync, all who had everything among those last known to: PARTITIONs may
 * follow. */
MUST_USE int meta_check(const struct meta_image *image, const struct meta_record *record,
                        const char **why);

/* For the image on which decisions are tried: applies the batch as meta_apply() does, but a record
 * that meta_check() refuses is an answer and not a crash. After -ERR_INVALID the records before it
 * are applied and the index is not: close the image and make a new one. */
MUST_USE int meta_try(struct meta_image *image, uint64_t index, uint64_t term,
                      const struct meta_batch *batch, const char **why);

/* The only function that changes an image. The batch must be the next one: index == image->index
 * + 1. Its records must pass meta_check() in turn (CHECKed: what is committed was checked before).
 */
void meta_apply(struct meta_image *image, uint64_t index, uint64_t term,
                const struct meta_batch *batch);

/* For an image that decisions have not made, but an import: one record of it, in the order of a
 * snapshot (brokers, topics each with its partitions, settings), changed last at `index`. It need
 * not be a legal next one: replicas may be of brokers that have yet to register. 0 or -ERR_INVALID,
 * and then *why is a sentence. meta_snapshot_read() finds out whether the whole is sound. */
MUST_USE int meta_adopt(struct meta_image *image, uint64_t index, const struct meta_record *record,
                        const char **why);

/* All invariants, CHECKed. Slow: for tests and after a snapshot was read. */
void meta_image_check(const struct meta_image *image);

/* Equal images have equal hashes, whatever the order in which they came to be. */
uint64_t meta_image_hash(const struct meta_image *image);

/* Frees what the image owns and leaves it zeroed. */
void meta_image_close(struct meta_image *image);

/* A deep copy into a zeroed `to`. */
void meta_image_copy(struct meta_image *to, const struct meta_image *from);

/* A snapshot: the image as bytes, with a checksum; and back into a zeroed image.
 * Read: 0, -ERR_CORRUPT, -ERR_UNSUPPORTED, and then the image is still zeroed. The image's index
 * and term are part of it. */
void meta_snapshot_write(const struct meta_image *image, struct writer *out);
MUST_USE int meta_snapshot_read(struct slice in, struct meta_image *image);

#endif
