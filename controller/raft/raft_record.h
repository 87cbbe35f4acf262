/* raft_record.h -- the core's state, events and effects as bytes, for the ring of a node's last
 * events (common/ring.h), and back. Pure. */
#ifndef CONTROLLER_RAFT_RAFT_RECORD_H
#define CONTROLLER_RAFT_RAFT_RECORD_H

#include "common/pack.h"
#include "controller/raft/raft.h"

/* No event and no outcome is larger. */
#define RAFT_RECORD_MAX_BYTES 2048

/* All of it: a core that is read goes on exactly as the one that was written. What is read is
 * within its bounds; whether it makes sense the core's own CHECKs say. */
void raft_pack_state(struct pack *p, struct raft *r);
void raft_pack_event(struct pack *p, struct raft_event *e);

/* What a step made of it: what is remembered of one, to be compared. */
struct raft_outcome {
    uint32_t effect_count;
    uint32_t effects_sum; /* A checksum of all effects. */
    enum raft_role role;
    uint32_t leader_id;
    uint32_t voted_for;
    uint64_t term;
    uint64_t commit_index;
    uint64_t last_index;
    uint64_t deadline_ms;
};

struct raft_outcome raft_outcome_of(const struct raft *r, const struct raft_effects *effects);
void raft_pack_outcome(struct pack *p, struct raft_outcome *o);
bool raft_outcome_equal(const struct raft_outcome *a, const struct raft_outcome *b);

/* In words: "102 sends APPEND, term 4: 18 to 19 behind 17, commit 17". */
void raft_say_event(const struct raft_event *e, char *to, size_t size);
/* "append 18 to 19; send APPEND_REPLY to 102". */
void raft_say_effects(const struct raft_effects *effects, char *to, size_t size);
/* "follower of 102, term 4, committed 17 of 19". */
void raft_say_outcome(const struct raft_outcome *o, char *to, size_t size);

#endif
