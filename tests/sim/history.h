/* history.h -- what the clients sent and were told, what any replica held to be committed, and what
 * follows from the two. Outside the system: it knows record batches, offsets and promises.
 *
 *   Used by:  the clients (which note what they do), the oracles, the end of a run.
 *
 * A record's value begins with its id, which is its place in `records`; the rest of the value
 * follows from the id. Ids of one batch are consecutive, so a batch is known by its first.
 *
 * The *committed log* of a partition is what the first replica to move its high watermark over an
 * offset had there. Whatever any other replica, or the same one later, has below its high watermark
 * must be the same bytes: leader epochs, truncation and the watermark are all judged by this.
 */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "proto/kafka_batch.h"
#include "tests/sim/cluster.h"

#define HISTORY_NO_ID UINT64_MAX
#define HISTORY_PRODUCERS_MAX 16

enum record_fate {
    FATE_SENDING, /* Sent, or about to be; nothing was heard. */
    FATE_ACKED,
    FATE_GIVEN_UP, /* It may be in the log. */
};

struct record_note {
    uint8_t producer;
    int8_t acks;
    bool is_idempotent;
    bool is_at_place; /* At the end: it is where it was acknowledged. */
    enum record_fate fate;
    uint32_t attempts; /* How often its batch was sent. */
    uint32_t part;     /* Index in `parts`. */
    uint32_t place;    /* In its batch. */
    int32_t broker;    /* Acknowledged by this one. */
    int64_t offset;    /* As acknowledged; -1: it was not said. */
    uint64_t sent_us;  /* The first attempt. */
    uint64_t last_us;  /* The attempt that was answered. */
    uint64_t acked_us;
    uint32_t found;       /* At the end: how often it is in the log, */
    int64_t found_offset; /* and where it was last. */
};

struct committed_batch {
    int64_t base_offset;
    int64_t last_offset;
    uint32_t crc;
    int32_t leader_epoch;
    uint64_t first_id;
    uint32_t count;
    uint64_t since_us; /* Seen as committed for the first time. */
};

/* One leadership, as the committed metadata tell. */
struct reign {
    int32_t leader;
    int32_t leader_epoch;
    uint64_t since_us;
    bool is_handover; /* The one before has said that this one has everything. */
};

struct part_note {
    uint32_t topic;
    int32_t number;
    uint32_t batch_count;
    uint32_t batch_capacity;
    struct committed_batch *batches;
    int64_t committed_end;
    int64_t delete_before;    /* The most that DeleteRecords was asked to delete. */
    uint64_t copied_since_us; /* It was decided that there is a second replica; 0: there is none. */
    uint32_t reign_count;
    uint32_t reign_capacity;
    struct reign *reigns;
    int32_t appended_by_epoch; /* The highest leader epoch whose leader was seen, */
    int32_t appended_by;       /* and who it was. */
};

struct topic_note {
    struct uuid id;
    char name[32];
    bool is_deleted; /* Somebody asked for it. */
    uint32_t part_count;
    uint32_t parts[CLUSTER_PARTITIONS_MAX];
};

/* A topic of the brokers' own: its records are not ours. */
static inline bool topic_is_internal(const struct topic_note *t)
{
    return t->name[0] == '_';
}

struct history {
    struct sim *sim;
    struct cluster *cluster;
    uint64_t record_count;
    uint64_t record_capacity;
    struct record_note *records;
    uint32_t topic_count;
    uint32_t topic_capacity;
    struct topic_note *topics;
    uint32_t part_count;
    uint32_t part_capacity;
    struct part_note *parts;
    /* Totals. */
    uint64_t acked;
    uint64_t acked_by[3]; /* acks 0 (sent), 1, all. */
    uint64_t given_up;
    uint64_t read;
    uint64_t leader_changes;
    uint64_t lost_explained; /* acks=1 records that a fault explains. */
    uint64_t acked_us;       /* When something was acknowledged last. */
};

void history_open(struct history *h, struct cluster *cluster);
void history_close(struct history *h);

/* The note of a partition, made if it is new. The name is that of the topic. */
uint32_t history_part(struct history *h, struct uuid topic_id, const char *name, int32_t number);
struct topic_note *history_topic(struct history *h, struct uuid topic_id); /* NULL: unknown */
/* "t0-1", for violations; one of a few static buffers. */
const char *history_part_name(const struct history *h, uint32_t part);

/* ---- Producers. ---- */

/* `count` records that belong together; returns the first id. */
uint64_t history_new_records(struct history *h, uint32_t producer, uint32_t part, int8_t acks,
                             bool is_idempotent, uint32_t count);
void history_attempt(struct history *h, uint64_t first_id, uint32_t count);
/* base_offset -1: acknowledged, but not where. */
void history_acked(struct history *h, uint64_t first_id, uint32_t count, int64_t base_offset,
                   int32_t broker);
void history_given_up(struct history *h, uint64_t first_id, uint32_t count);

/* The value that a record of this id has. */
uint32_t history_value_size(uint64_t id);
void history_value(uint64_t id, uint8_t *to);

/* ---- The committed log. ---- */

/* A replica (`who`) has this batch below its high watermark, whole. */
void history_committed(struct history *h, uint32_t part, struct slice batch,
                       const struct record_batch_header *header, const char *who);
/* A consumer was given this batch. */
void history_read(struct history *h, uint32_t part, struct slice batch,
                  const struct record_batch_header *header, const char *who);
const struct committed_batch *history_find(const struct history *h, uint32_t part, int64_t offset);

/* The first id of a batch of ours, all of whose records have been looked at; or HISTORY_NO_ID. */
uint64_t history_ids_of(struct slice batch, const char **why);

#endif
