/* placement.h -- which brokers hold the replicas of new partitions. */
#ifndef CONTROLLER_DECIDE_PLACEMENT_H
#define CONTROLLER_DECIDE_PLACEMENT_H

#include "controller/decide/decision.h"

struct placement_broker {
    int32_t id;
    const char *rack;     /* "": a rack of its own. */
    bool is_drained;      /* Takes replicas only where there are too few others. */
    uint32_t leads;       /* Preferred leaderships, in the cluster and of this request. */
    uint32_t holds;       /* Replicas; the same. */
    uint32_t topic_leads; /* Of the topic that is being placed. */
    uint32_t topic_holds;
};

/* The usable brokers by id, with their load. It goes on through a request, so that its topics are
 * spread among each other. */
struct placement {
    uint32_t count;
    struct placement_broker *brokers; /* In the decision's arena. */
    uint32_t *rack_used;              /* Scratch, one per broker. */
};

/* False: the arena is full. */
bool placement_begin(struct placement *p, const struct meta_image *image, struct decision *d);

/* A new topic, or (not NULL) one that gets more partitions. */
void placement_topic(struct placement *p, const struct meta_topic *topic);

/* The replicas of the next partition, the first of which is to lead: whoever leads least leads
 * next; followers are on as many racks as there are, and on the brokers that hold least. */
struct id_set placement_next(struct placement *p, uint32_t replica_count, uint32_t number);

/* Counts replicas that somebody else has chosen. */
void placement_count(struct placement *p, const struct id_set *replicas);

#endif
