#include <criterion/criterion.h>

#include "broker/partition/replica.h"

#define SELF 1

static const struct replica_options OPTIONS = {.self = SELF,
                                               .hang_ms = 1000,
                                               .lag_max_ms = 30000,
                                               .lease_ms = 1000,
                                               .retry_ms = 50,
                                               .closed_max_ms = 500};

static struct id_set set_of(int32_t a, int32_t b, int32_t c)
{
    struct id_set s = {0};
    if (a) id_set_add(&s, a);
    if (b) id_set_add(&s, b);
    if (c) id_set_add(&s, c);
    return s;
}

static struct replica_effects step(struct replica *r, struct replica_event e)
{
    struct replica_effects effects = {0};
    replica_step(r, &e, &effects);
    return effects;
}

static struct replica_effects assign(struct replica *r, int32_t leader, int32_t leader_epoch,
                                     int32_t partition_epoch, struct id_set isr, uint64_t now_ms)
{
    struct meta_partition state = {.leader = leader,
                                   .leader_epoch = leader_epoch,
                                   .partition_epoch = partition_epoch,
                                   .replicas = set_of(1, 2, 3),
                                   .isr = isr};
    struct replica_event e = {.kind = REPLICA_ASSIGN, .now_ms = now_ms};
    e.assign.state = &state;
    e.assign.min_isr = 2;
    e.assigned = r->written;
    return step(r, e);
}

static struct replica_effects ends(struct replica *r, int64_t written)
{
    struct replica_event e = {.kind = REPLICA_ENDS};
    e.ends.log_start = r->log_start;
    e.ends.written = written;
    e.ends.durable = r->durable < written ? r->durable : written;
    return step(r, e);
}

static struct replica_effects fetched(struct replica *r, int32_t id, int64_t offset,
                                      uint64_t now_ms)
{
    struct replica_event e = {.kind = REPLICA_FETCHED, .now_ms = now_ms};
    e.fetched.id = id;
    e.fetched.broker_epoch = 7;
    e.fetched.is_eligible = true;
    e.fetched.offset = offset;
    e.fetched.alive_ms = now_ms;
    return step(r, e);
}

static struct replica_effects tick(struct replica *r, uint64_t now_ms)
{
    return step(r, (struct replica_event){.kind = REPLICA_TICK, .now_ms = now_ms});
}

static struct replica leader_with(struct id_set isr, int64_t log_end)
{
    struct replica r;
    replica_init(&r, &OPTIONS, 0, log_end, 0);
    (void)assign(&r, SELF, 5, 1, isr, 0);
    return r;
}

Test(replica, watermark_waits_for_every_member_of_the_isr)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    (void)fetched(&r, 2, 10, 1);
    cr_assert_eq(r.high_watermark, 0);
    struct replica_effects e = fetched(&r, 3, 8, 2);
    cr_assert(e.watermark_moved);
    cr_assert_eq(r.high_watermark, 8);
}

Test(replica, a_member_that_has_not_fetched_in_this_epoch_holds_the_watermark)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    cr_assert_eq(r.high_watermark, 0);
    (void)fetched(&r, 2, 10, 1);
    cr_assert_eq(r.high_watermark, 10);
}

/* Rule 6. */
Test(replica, watermark_does_not_move_below_min_insync_replicas)
{
    struct replica r = leader_with(set_of(1, 0, 0), 10);
    (void)ends(&r, 20);
    cr_assert_eq(r.high_watermark, 0);
    cr_assert_not(replica_has_min_isr(&r));
}

/* Rule 5, KIP-497. */
Test(replica, watermark_counts_who_is_proposed_but_not_confirmed)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1);
    struct replica_effects e = fetched(&r, 3, 10, 2);
    cr_assert(e.propose_isr);
    cr_assert(id_set_has(&r.proposed, 3));
    (void)ends(&r, 20);
    (void)fetched(&r, 2, 20, 3);
    cr_assert_eq(r.high_watermark, 10, "3 may be in the ISR already and has 10");
    (void)fetched(&r, 3, 20, 4);
    cr_assert_eq(r.high_watermark, 20);
}

/* Rule 7. */
Test(replica, a_refusal_of_one_copy_says_nothing_of_another)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1000);
    (void)fetched(&r, 3, 10, 1000);
    cr_assert(r.is_proposing);
    struct replica_event lost = {.kind = REPLICA_ANSWERED, .now_ms = 1010};
    lost.answered.proposal = r.proposal;
    lost.answered.is_lost = true;
    (void)step(&r, lost);
    struct replica_event refused = {.kind = REPLICA_ANSWERED, .now_ms = 1020};
    refused.answered.proposal = r.proposal;
    refused.answered.is_final = true;
    (void)step(&r, refused);
    /* The first copy may be accepted yet: who was proposed still counts, and what is proposed now
     * brings a new partition epoch in any case. */
    cr_assert(r.is_proposing);
    cr_assert(id_set_has(&r.proposed, 3));
    cr_assert(id_set_equal(replica_proposal(&r), &r.isr));
    (void)ends(&r, 20);
    (void)fetched(&r, 2, 20, 1030);
    cr_assert_eq(r.high_watermark, 10);
}

Test(replica, a_follower_below_the_watermark_is_not_proposed)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1);
    cr_assert_eq(r.high_watermark, 10);
    cr_assert_not(fetched(&r, 3, 9, 2).propose_isr);
    cr_assert(fetched(&r, 3, 10, 3).propose_isr);
}

Test(replica, a_follower_below_the_start_of_the_epoch_is_not_proposed)
{
    struct replica r;
    replica_init(&r, &OPTIONS, 0, 10, 4);
    (void)assign(&r, SELF, 5, 1, set_of(1, 2, 0), 0);
    cr_assert_not(fetched(&r, 3, 5, 1).propose_isr, "above the watermark, below the epoch's start");
    cr_assert(fetched(&r, 3, 10, 2).propose_isr);
}

Test(replica, a_silent_member_is_proposed_out_after_the_hang_time)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    (void)fetched(&r, 2, 10, 500);
    (void)fetched(&r, 3, 10, 900);
    cr_assert_not(tick(&r, 1500).propose_isr);
    cr_assert(tick(&r, 1501).propose_isr);
    cr_assert_not(id_set_has(&r.proposed, 2));
    cr_assert(id_set_has(&r.proposed, 3));
    cr_assert(id_set_has(&r.isr, 2), "the ISR changes only through the metadata");
}

/* Its fetch is parked at the end, and nothing was there to be fetched. */
Test(replica, a_follower_that_waits_at_the_end_lags_from_the_next_record_on)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    r.options.lag_max_ms = 400;
    (void)fetched(&r, 2, 10, 100);
    (void)fetched(&r, 3, 10, 100);
    struct replica_event e = {.kind = REPLICA_ENDS, .now_ms = 700};
    e.ends.written = 11;
    (void)step(&r, e);
    cr_assert_not(tick(&r, 701).propose_isr);
    (void)fetched(&r, 3, 11, 900);
    cr_assert_not(tick(&r, 1100).propose_isr);
    cr_assert(tick(&r, 1101).propose_isr);
    cr_assert_not(id_set_has(&r.proposed, 2));
    cr_assert(id_set_has(&r.proposed, 3));
}

/* Rule 9. */
Test(replica, a_new_leader_gives_followers_time_before_it_proposes_them_out)
{
    struct replica r;
    replica_init(&r, &OPTIONS, 0, 10, 10);
    (void)assign(&r, SELF, 5, 1, set_of(1, 2, 3), 100000);
    cr_assert_not(tick(&r, 100900).propose_isr);
    cr_assert(tick(&r, 101001).propose_isr);
}

Test(replica, a_lost_proposal_is_made_again_unchanged)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1);
    (void)fetched(&r, 3, 10, 2);
    struct id_set proposed = r.proposed;
    struct replica_event lost = {.kind = REPLICA_ANSWERED, .now_ms = 10};
    lost.answered.proposal = r.proposal;
    (void)step(&r, lost);
    cr_assert(r.is_proposing, "it may have been accepted");
    cr_assert(tick(&r, 61).propose_isr);
    cr_assert(id_set_equal(&proposed, &r.proposed));
}

Test(replica, a_proposal_refused_for_good_no_longer_counts)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1);
    (void)fetched(&r, 3, 10, 2);
    struct replica_event refused = {.kind = REPLICA_ANSWERED, .now_ms = 10};
    refused.answered.proposal = r.proposal;
    refused.answered.is_final = true;
    (void)step(&r, refused);
    cr_assert_not(r.is_proposing);
    cr_assert_eq(r.isr.count, 2);
    cr_assert_not(tick(&r, 1000).propose_isr, "it has not fetched since");
    cr_assert(fetched(&r, 3, 10, 1001).propose_isr);
}

/* A broker that was killed is fenced at once: what it had fetched a moment before is no reason to
 * wait for it, nor to want it back. */
Test(replica, nothing_waits_for_a_follower_that_the_controller_put_out)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    (void)fetched(&r, 2, 10, 1);
    (void)fetched(&r, 3, 10, 1);
    (void)ends(&r, 12);
    (void)fetched(&r, 2, 12, 2);
    cr_assert_eq(r.high_watermark, 10);
    (void)assign(&r, SELF, 5, 2, set_of(1, 2, 0), 3);
    cr_assert_eq(r.high_watermark, 12);
    cr_assert_not(r.is_proposing);
    cr_assert_not(tick(&r, 4).propose_isr);
}

Test(replica, an_older_incarnation_of_a_follower_is_not_heard)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 4, 1);
    struct replica_event late = {.kind = REPLICA_FETCHED, .now_ms = 2};
    late.fetched.id = 2;
    late.fetched.broker_epoch = 6;
    late.fetched.offset = 10;
    (void)step(&r, late);
    cr_assert_eq(replica_peer_find(&r, 2)->end, 4);
}

/* DESIGN 6.13. */
Test(replica, a_leader_without_session_acknowledges_early_only_while_its_isr_fetches)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    (void)fetched(&r, 2, 10, 100);
    (void)fetched(&r, 3, 10, 100);
    cr_assert(replica_may_ack_early(&r, 50, 1050), "the session is young enough");
    cr_assert(replica_may_ack_early(&r, 50, 1100), "both followers fetched within the lease");
    cr_assert_not(replica_may_ack_early(&r, 50, 1101));
}

/* A leader that was stopped finds fetches in its sockets that are as old as the stop. */
Test(replica, a_fetch_prolongs_the_lease_from_when_it_was_sent_and_not_from_when_it_came)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 100);
    struct replica_event old = {.kind = REPLICA_FETCHED, .now_ms = 5000};
    old.fetched.id = 2;
    old.fetched.broker_epoch = 7;
    old.fetched.is_eligible = true;
    old.fetched.offset = 10;
    old.fetched.alive_ms = 110;
    (void)step(&r, old);
    cr_assert_not(replica_may_ack_early(&r, 100, 5000));
    (void)fetched(&r, 2, 10, 5010);
    cr_assert(replica_may_ack_early(&r, 100, 5010), "the one after it is fresh");
}

Test(replica, a_leader_alone_in_its_isr_needs_the_session)
{
    struct replica r = leader_with(set_of(1, 0, 0), 10);
    cr_assert_not(replica_may_ack_early(&r, 0, 1001));
}

Test(replica, a_follower_takes_the_watermark_only_as_far_as_its_own_end)
{
    struct replica r;
    replica_init(&r, &OPTIONS, 0, 10, 0);
    (void)assign(&r, 2, 5, 1, set_of(1, 2, 3), 0);
    struct replica_event e = {.kind = REPLICA_FOLLOWED};
    e.followed.high_watermark = 15;
    (void)step(&r, e);
    cr_assert_eq(r.high_watermark, 10);
    cr_assert_eq(r.leader_watermark, 15, "what it lacks is known");
    (void)assign(&r, 3, 6, 2, set_of(1, 2, 3), 0);
    cr_assert_eq(r.leader_watermark, 0, "another leader says it anew");
}

Test(replica, role_and_isr_come_from_the_metadata_only)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    cr_assert(assign(&r, 2, 6, 2, set_of(2, 3, 0), 5).role_changed);
    cr_assert_eq(r.role, REPLICA_FOLLOWER);
    cr_assert(assign(&r, META_NOBODY, 7, 3, set_of(0, 0, 0), 6).role_changed);
    cr_assert_eq(r.role, REPLICA_NONE);
}

Test(replica, with_flush_messages_the_watermark_counts_what_is_synced)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    r.counts_durable = true;
    r.durable = 6;
    (void)fetched(&r, 2, 10, 1);
    cr_assert_eq(r.high_watermark, 6);
}

/* ---- Handing over (DESIGN 6.12). ---- */

static struct replica_effects asked_to_hand_over(struct replica *r, int32_t successor,
                                                 int32_t partition_epoch, uint64_t now_ms)
{
    struct meta_partition state = {.leader = SELF,
                                   .leader_epoch = r->leader_epoch,
                                   .partition_epoch = partition_epoch,
                                   .replicas = set_of(1, 2, 3),
                                   .isr = set_of(1, 2, 3),
                                   .successor = set_of(successor, 0, 0)};
    struct replica_event e = {.kind = REPLICA_ASSIGN, .now_ms = now_ms, .assigned = r->written};
    e.assign.state = &state;
    e.assign.min_isr = 2;
    e.assign.term = 4;
    return step(r, e);
}

static struct replica_effects fetched_of(struct replica *r, int32_t id, int64_t offset,
                                         int64_t assigned, uint64_t now_ms)
{
    struct replica_event e = {.kind = REPLICA_FETCHED, .now_ms = now_ms, .assigned = assigned};
    e.fetched.id = id;
    e.fetched.broker_epoch = 7;
    e.fetched.is_eligible = true;
    e.fetched.offset = offset;
    return step(r, e);
}

static struct replica_effects answered(struct replica *r, bool is_lost, bool is_final)
{
    struct replica_event e = {.kind = REPLICA_ANSWERED, .now_ms = 200, .assigned = r->written};
    e.answered.proposal = r->proposal;
    e.answered.is_lost = is_lost;
    e.answered.is_final = is_final;
    return step(r, e);
}

/* A leader of 10 records whose two followers have them all, about to hand over to 2. */
static struct replica handing_over(void)
{
    struct replica r = leader_with(set_of(1, 2, 3), 10);
    fetched_of(&r, 2, 10, 10, 100);
    fetched_of(&r, 3, 10, 10, 100);
    return r;
}

Test(replica, hands_over_when_the_successor_has_everything)
{
    struct replica r = handing_over();
    struct replica_effects effects = asked_to_hand_over(&r, 2, 2, 110);
    cr_assert(effects.propose_isr);
    cr_assert_eq(r.handover, HANDOVER_PROPOSED);
    cr_assert_eq(r.successor, 2);
    cr_assert_eq(r.proposed_term, 4);
    cr_assert_not(replica_is_open(&r));
}

Test(replica, is_closed_until_what_is_in_flight_is_written_and_fetched)
{
    struct replica r = handing_over();
    r.handover = HANDOVER_NONE;
    /* Two more were given to the journal and are not written yet. */
    struct replica_event e = {.kind = REPLICA_TICK, .now_ms = 105, .assigned = 12};
    step(&r, e);
    asked_to_hand_over(&r, 2, 2, 110);
    r.handover = HANDOVER_CHASING; /* As if asked between the append and its write. */
    r.is_proposing = false;
    e.now_ms = 111;
    cr_assert_not(step(&r, e).propose_isr);
    cr_assert_eq(r.handover, HANDOVER_CLOSED);
    cr_assert_not(replica_is_open(&r));

    struct replica_event written = {.kind = REPLICA_ENDS, .now_ms = 112, .assigned = 12};
    written.ends.written = 12;
    written.ends.durable = r.durable;
    cr_assert_not(step(&r, written).propose_isr);
    cr_assert_not(fetched_of(&r, 2, 11, 12, 113).propose_isr);
    cr_assert(fetched_of(&r, 2, 12, 12, 114).propose_isr);
    cr_assert_eq(r.handover, HANDOVER_PROPOSED);
}

Test(replica, goes_on_when_the_successor_stays_behind)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    r.handover = HANDOVER_CLOSED;
    r.is_proposing = false;
    r.closed_ms = 110;
    struct replica_event e = {
        .kind = REPLICA_TICK, .now_ms = 110 + OPTIONS.closed_max_ms, .assigned = 12};
    cr_assert_not(step(&r, e).opened);
    e.now_ms++;
    cr_assert(step(&r, e).opened);
    cr_assert_eq(r.handover, HANDOVER_CHASING);
    cr_assert(replica_is_open(&r));
}

Test(replica, a_refused_handover_reopens_it)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    cr_assert(answered(&r, false, true).opened);
    cr_assert(replica_is_open(&r));
}

Test(replica, a_lost_handover_keeps_it_closed_whatever_is_answered_later)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    cr_assert_not(answered(&r, true, false).opened);
    struct replica_event tick = {.kind = REPLICA_TICK, .now_ms = 260, .assigned = 10};
    cr_assert(step(&r, tick).propose_isr, "the same proposal goes out again");
    cr_assert_not(answered(&r, false, true).opened, "the first copy may have been accepted");
    cr_assert_not(replica_is_open(&r));
}

/* Two copies are out when the term changes: the first is refused for its term, the second may be
 * accepted. What is appended between the two would be lost. */
Test(replica, a_refusal_of_an_earlier_handover_does_not_reopen_a_later_one)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    struct replica_event first = {.kind = REPLICA_ANSWERED, .now_ms = 200, .assigned = 10};
    first.answered.proposal = r.proposal;
    first.answered.is_final = true;
    struct replica_event term = {.kind = REPLICA_TERM, .now_ms = 150, .assigned = 10, .term = 5};
    cr_assert(step(&r, term).propose_isr, "it is proposed anew, in the new term");
    cr_assert_eq(r.proposed_term, 5);
    cr_assert_not(step(&r, first).opened);
    cr_assert_eq(r.handover, HANDOVER_PROPOSED);
    cr_assert(answered(&r, false, true).opened, "its own answer does");
}

/* The same with a proposal of in-sync replicas: it counts until its own answer has come. */
Test(replica, a_refusal_of_an_earlier_proposal_says_nothing_of_a_later_one)
{
    struct replica r = leader_with(set_of(1, 2, 0), 10);
    (void)fetched(&r, 2, 10, 1);
    (void)fetched(&r, 3, 10, 2);
    struct replica_event first = {.kind = REPLICA_ANSWERED, .now_ms = 30};
    first.answered.proposal = r.proposal;
    first.answered.is_final = true;
    (void)assign(&r, SELF, 5, 2, set_of(1, 2, 0), 10);
    (void)fetched(&r, 3, 10, 20);
    cr_assert(r.is_proposing);
    (void)step(&r, first);
    cr_assert(r.is_proposing);
    cr_assert(id_set_has(&r.proposed, 3));
}

Test(replica, a_later_term_reopens_it)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    answered(&r, true, false);
    struct replica_event e = {.kind = REPLICA_TERM, .now_ms = 300, .assigned = 10, .term = 5};
    struct replica_effects effects = step(&r, e);
    /* The successor still has everything: it is proposed anew at once, in the new term. */
    cr_assert(effects.propose_isr);
    cr_assert_eq(r.handover, HANDOVER_PROPOSED);
    cr_assert_eq(r.proposed_term, 5);
}

Test(replica, a_new_partition_epoch_without_a_successor_ends_it)
{
    struct replica r = handing_over();
    asked_to_hand_over(&r, 2, 2, 110);
    cr_assert(asked_to_hand_over(&r, 0, 3, 120).opened);
    cr_assert_eq(r.handover, HANDOVER_NONE);
    cr_assert(replica_is_open(&r));
}
