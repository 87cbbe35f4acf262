/* record_format.h -- what the entries of a controller's ring say. For record.c, which writes them,
 * and replay.c, which reads them.
 */
#ifndef CONTROLLER_RECORD_FORMAT_H
#define CONTROLLER_RECORD_FORMAT_H

#include "common/ring.h"

enum record_entry {
    RECORD_RAFT_STATE = RING_CLOCK + 1, /* raft_pack_state() */
    RECORD_RAFT_STEP,                   /* raft_pack_event(), raft_pack_outcome() */
    RECORD_IMAGE,    /* The tentative image as a snapshot; empty: it is too large to be kept. */
    RECORD_NO_IMAGE, /* There is none: this controller does not lead. */
    RECORD_DECISION, /* record_pack_decision() */
};

/* What a decision was made from. */
enum record_request {
    RECORD_OTHER, /* Told, and not decided anew. */
    RECORD_FENCE,
    RECORD_UNFENCE,
    RECORD_STOP,
    RECORD_REGISTER,
    RECORD_ALTER_ISR,
    RECORD_GIVE_UP,
    RECORD_BALANCE,
    RECORD_REQUEST_MAX = RECORD_BALANCE,
};

struct record_decision {
    enum record_request request;
    uint32_t canary;
    int32_t broker;       /* FENCE, UNFENCE, STOP */
    struct slice why;     /* FENCE, UNFENCE */
    struct slice frame;   /* REGISTER, ALTER_ISR: the message. */
    struct uuid topic_id; /* GIVE_UP */
    int32_t partition;
    int64_t percentage; /* BALANCE */
    /* What came of it. */
    uint64_t now_ms;
    uint64_t index;
    uint64_t term;
    struct slice batch; /* Encoded (proto/meta.h). */
};

void record_pack_decision(struct pack *p, struct record_decision *d);

#endif
