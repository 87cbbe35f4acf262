/* canaries.h -- rules broken on purpose, one at a time: each must be caught by an oracle.
 *
 *   X(name, options field, bit, seed, what is broken)
 *
 * `seed` is one that caught it when it was last looked for: the test tries it first, and then all
 * from 1 up to 1,000. `build/sim --canary NAME --until-failure` finds it again.
 *
 */
#ifndef TESTS_SIM_CANARIES_H
#define TESTS_SIM_CANARIES_H

#include "tests/sim/cluster.h"

/* clang-format off */
#define CANARIES(X) \
    X(truncate_to_watermark, broker.broker_canary, BROKER_CANARY_TRUNCATE_TO_WATERMARK, \
      5, "a new follower truncates to its high watermark (KIP-101)") \
    X(committed_isr, broker.replica_canary, REPLICA_CANARY_COMMITTED_ISR, \
      95, "the high watermark counts the committed ISR, not the maximal one (KIP-497)") \
    X(ack_unwritten, broker.broker_canary, BROKER_CANARY_ACK_UNWRITTEN, \
      2, "a produce is acknowledged before its write is done") \
    X(send_before_durable, controller.canary, CONTROLLER_CANARY_SEND_BEFORE_DURABLE, \
      32, "Raft messages do not wait for the writes they stand on") \
    X(decide_on_committed, controller.canary, CONTROLLER_CANARY_DECIDE_ON_COMMITTED, \
      1, "decisions are made on the committed image, not on the tentative one") \
    X(isr_any_broker_epoch, controller.canary, CONTROLLER_CANARY_ISR_ANY_BROKER_EPOCH, \
      34, "an old incarnation of a broker may join an ISR (KIP-903)") \
    X(elect_outside_isr, controller.canary, CONTROLLER_CANARY_ELECT_OUTSIDE_ISR, \
      3, "any living replica may be elected") \
    X(no_leader_epoch_bump, controller.canary, CONTROLLER_CANARY_NO_LEADER_EPOCH_BUMP, \
      1, "the leader epoch does not rise with a new leader") \
    X(snapshot_forgets_elr, controller.canary, CONTROLLER_CANARY_SNAPSHOT_FORGETS_ELR, \
      2, "snapshots of the metadata carry no eligible leader replicas (KIP-966)") \
    X(join_early, broker.replica_canary, REPLICA_CANARY_JOIN_EARLY, \
      2, "a follower joins the ISR below the high watermark") \
    X(under_min_isr, broker.replica_canary, REPLICA_CANARY_UNDER_MIN_ISR, \
      12, "the high watermark moves while fewer than min.insync.replicas are in sync") \
    X(no_lease, broker.replica_canary, REPLICA_CANARY_NO_LEASE, \
      3, "a leader that nobody answers acknowledges acks=1") \
    X(ignore_follower, broker.replica_canary, REPLICA_CANARY_IGNORE_FOLLOWER, \
      2, "the high watermark is the leader's own end") \
    X(hand_over_early, broker.replica_canary, REPLICA_CANARY_HAND_OVER_EARLY, \
      3, "a leader hands over to a successor that lacks the last records") \
    X(reopen_early, broker.replica_canary, REPLICA_CANARY_REOPEN_EARLY, \
      170, "a leader whose handover was not answered goes on appending") \
    X(no_epoch_fence, broker.broker_canary, BROKER_CANARY_NO_EPOCH_FENCE, \
      594, "fetches of another leader epoch are served (KIP-320)") \
    X(no_dedupe, broker.broker_canary, BROKER_CANARY_NO_DEDUPE, \
      1, "producers' sequences are not looked at") \
    X(fetch_uncommitted, broker.broker_canary, BROKER_CANARY_FETCH_UNCOMMITTED, \
      2, "consumers read past the high watermark") \
    X(ring_forgets, broker.broker_canary, BROKER_CANARY_RING_FORGETS, \
      2, "what followers ask for is left out of the ring of events") \
    X(join_below_epoch, broker.replica_canary, REPLICA_CANARY_JOIN_BELOW_EPOCH, \
      9, "a follower joins the ISR that lacks what the leader began its epoch with") \
    X(always_whole, broker.broker_canary, BROKER_CANARY_ALWAYS_WHOLE, \
      3, "a broker says that its log is whole, whatever happened to its disk") \
    X(no_divergence, broker.broker_canary, BROKER_CANARY_NO_DIVERGENCE, \
      3, "a follower is not told where its log parts from the leader's (KIP-279)") \
    X(forget_producers, broker.broker_canary, BROKER_CANARY_FORGET_PRODUCERS, \
      5, "followers do not note producers' sequences") \
    X(fold_differently, broker.broker_canary, BROKER_CANARY_FOLD_DIFFERENTLY, \
      1, "a broker's image leaves out a record of a decision") \
    X(isr_fenced, controller.canary, CONTROLLER_CANARY_ISR_FENCED, \
      5, "a fenced broker may join an ISR (KIP-841)") \
    X(register_keeps, controller.canary, CONTROLLER_CANARY_REGISTER_KEEPS, \
      3, "a new incarnation keeps its leaderships and its places in ISRs") \
    X(any_last_hope, controller.canary, CONTROLLER_CANARY_ANY_LAST_HOPE, \
      24, "when nobody is known to have everything, whoever is there first leads") \
    X(shortest, controller.canary, CONTROLLER_CANARY_SHORTEST, \
      22, "when nobody is known to have everything, whoever reaches least far leads") \
    X(push_uncommitted, controller.canary, CONTROLLER_CANARY_PUSH_UNCOMMITTED, \
      2, "brokers are told decisions that are not committed") \
    X(push_skips, controller.canary, CONTROLLER_CANARY_PUSH_SKIPS, \
      3, "the stream to the brokers leaves decisions out") \
    X(bury_early, broker.broker_canary, BROKER_CANARY_BURY_EARLY, \
      18, "a deleted topic's files go while its deletion can still be undone") \
    X(forget_watermark, broker.replica_canary, REPLICA_CANARY_FORGET_WATERMARK, \
      1, "a replica that gets a new role begins with its log's start as watermark") \
    X(lead_on, broker.replica_canary, REPLICA_CANARY_LEAD_ON, \
      1, "a leader leads on in an epoch that has none") \
    X(append_twice, broker.broker_canary, BROKER_CANARY_APPEND_TWICE, \
      1, "some batches of producers that are not idempotent are appended twice") \
    X(ack_unstored, broker.broker_canary, BROKER_CANARY_ACK_UNSTORED, \
      1, "some batches are acknowledged (acks=1) and not appended") \
    X(any_partition, broker.broker_canary, BROKER_CANARY_ANY_PARTITION, \
      3, "batches end in another partition of their topic") \
    X(any_folder, broker.broker_canary, BROKER_CANARY_ANY_FOLDER, \
      193, "a folder of the topic's name is taken for its own, whatever its id") \
    X(no_gap_grace, broker.broker_canary, BROKER_CANARY_NO_GAP_GRACE, \
      5, "a gap that a refusal has made is told as a wrong sequence at once") \
    X(remove_beyond, broker.broker_canary, BROKER_CANARY_REMOVE_BEYOND, \
      4, "the file of a segment more goes than lies below the log's start") \
    X(early_clock, broker.replica_canary, REPLICA_CANARY_EARLY_CLOCK, \
      2, "a new leader's followers have been silent since long before its epoch") \
    X(full_halts, broker.broker_canary, BROKER_CANARY_FULL_HALTS, \
      3, "a full disk ends the broker") \
    X(cut_rot, broker.broker_canary, BROKER_CANARY_CUT_ROT, \
      13, "a start cuts the log at a bad batch, and says that it is whole") \
    X(lead_unvoted, controller.raft_canary, RAFT_CANARY_LEAD_UNVOTED, \
      7, "Raft: a candidate leads without being elected") \
    X(groups_commit_early, broker.groups.canary, GROUP_CANARY_COMMIT_EARLY, \
      3, "what groups write counts when it is appended, not when it is committed") \
    X(groups_no_fence, broker.groups.canary, GROUP_CANARY_NO_FENCE, \
      4, "members of an old generation may commit offsets") \
    X(groups_same_generation, broker.groups.canary, GROUP_CANARY_SAME_GENERATION, \
      8, "a rebalance does not raise the generation") \
    X(groups_no_expiry, broker.groups.canary, GROUP_CANARY_NO_EXPIRY, \
      4, "members that say nothing any more stay in their group") \
    X(groups_no_wait, broker.groups.canary, CONSUMER_CANARY_NO_WAIT, \
      4, "a member is assigned a partition that another one holds still (KIP-848)") \
    X(groups_no_session, broker.groups.canary, CONSUMER_CANARY_NO_EXPIRY, \
      1, "members of the consumer protocol that say nothing any more stay in their group") \
    X(vote_blindly, controller.raft_canary, RAFT_CANARY_VOTE_BLINDLY, \
      3, "Raft: votes are given without comparing logs") \
    X(forget_vote, controller.raft_canary, RAFT_CANARY_FORGET_VOTE, \
      7, "Raft: a voter votes again in the same term") \
    X(never_truncate, controller.raft_canary, RAFT_CANARY_NEVER_TRUNCATE, \
      3, "Raft: a follower keeps entries that conflict") \
    X(ignore_prev, controller.raft_canary, RAFT_CANARY_IGNORE_PREV, \
      594, "Raft: entries are taken whatever comes before them")

/* Of Raft alone, where terms change a thousand times faster (raft_sim.h): its seeds are its own.
 *   X(name, bit of enum raft_canary, seed, what is broken) */
#define RAFT_CANARIES(X) \
    X(commit_old_term, RAFT_CANARY_COMMIT_OLD_TERM, \
      570, "Raft: entries of older terms are committed by counting") \
    X(count_undurable, RAFT_CANARY_COUNT_UNDURABLE, \
      1, "Raft: a leader counts its own entries before they are durable") \
    X(skip_prevote, RAFT_CANARY_SKIP_PREVOTE, \
      1, "Raft: whoever hears nothing campaigns at once")
/* clang-format on */

enum canary {
#define X(name, field, bit, seed, text) CANARY_##name,
    CANARIES(X)
#undef X
#define X(name, bit, seed, text) CANARY_##name,
        RAFT_CANARIES(X)
#undef X
            CANARY_COUNT
};

const char *canary_name(enum canary canary);
const char *canary_text(enum canary canary);
uint64_t canary_seed(enum canary canary);
enum canary canary_find(const char *name); /* CANARY_COUNT: there is none. */
uint32_t canary_raft(enum canary canary);   /* A set of enum raft_canary; 0: not of Raft alone. */
/* What the canary's run is like, and whether the rule is broken in it: the same run with it whole
 * shows whose fault a violation is. */
void canary_set(enum canary canary, bool is_broken, struct cluster_options *options);

#endif
