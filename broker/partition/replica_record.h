/* replica_record.h -- the replica core's state, events and effects as bytes, for the ring of a
 * shard's last events (common/ring.h), and back. Pure.
 */
#ifndef BROKER_PARTITION_REPLICA_RECORD_H
#define BROKER_PARTITION_REPLICA_RECORD_H

#include "broker/partition/replica.h"
#include "common/ring.h"

/* A state, an event and its outcome, together. */
#define REPLICA_RECORD_MAX_BYTES 4096

enum replica_record_entry {
    REPLICA_RECORD_STATE = RING_CLOCK + 1, /* slot, topic, partition, replica_pack_state() */
    REPLICA_RECORD_STEP,                   /* slot, replica_pack_event(), _pack_outcome() */
};

/* All of it: a core that is read goes on exactly as the one that was written. */
void replica_pack_state(struct pack *p, struct replica *r);

/* What REPLICA_ASSIGN points to is in `assigned`. */
void replica_pack_event(struct pack *p, struct replica_event *e, struct meta_partition *assigned);

/* What a step made of it. */
struct replica_outcome {
    struct replica_effects effects;
    enum replica_role role;
    enum replica_handover handover;
    bool is_proposing;
    struct id_set proposal; /* Empty: it proposes nothing. */
    int64_t high_watermark;
};

struct replica_outcome replica_outcome_of(const struct replica *r,
                                          const struct replica_effects *effects);
void replica_pack_outcome(struct pack *p, struct replica_outcome *o);
bool replica_outcome_equal(const struct replica_outcome *a, const struct replica_outcome *b);

/* In words. */
void replica_say_event(const struct replica_event *e, char *to, size_t size);
void replica_say_outcome(const struct replica_outcome *o, char *to, size_t size);

#endif
