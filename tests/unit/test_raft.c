#include <criterion/criterion.h>
#include <string.h>

#include "controller/raft/raft.h"

/* One node under test, id 20 of the voters 10, 20, 30, unless a test says otherwise. */
#define SELF 20
#define PEER 10
#define OTHER 30

static struct raft r;
static struct raft_effects out;
static uint64_t now_ms;

static struct raft_members make_members(const uint32_t *ids, uint32_t count)
{
    struct raft_members m = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct raft_member member = {.id = ids[i], .voter = true, .disk = {(uint8_t)ids[i]}};
        cr_assert(raft_members_put(&m, &member));
    }
    return m;
}

/* A node whose log has one entry for each of `terms`. */
static void boot_with(struct raft_config config, struct raft_members members, const uint64_t *terms,
                      uint64_t count, struct raft_vote vote)
{
    static struct raft_run runs[RAFT_RUNS_MAX];
    struct raft_restart restart = {.vote = vote, .last_index = count, .runs = runs};
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && terms[i] == terms[i - 1]) continue;
        runs[restart.run_count++] = (struct raft_run){.first_index = i + 1, .term = terms[i]};
    }
    restart.membership_count = 1;
    restart.memberships[0].members = members;
    now_ms = 1000;
    out.count = 0;
    raft_init(&r, &config, &restart, now_ms);
}

static struct raft_config self_config(void)
{
    struct raft_config config = raft_config_default(SELF, 1);
    config.disk[0] = SELF;
    return config;
}

static void boot(const uint64_t *terms, uint64_t count, uint64_t term)
{
    boot_with(self_config(), make_members((uint32_t[]){PEER, SELF, OTHER}, 3), terms, count,
              (struct raft_vote){.term = term});
}

static void step(struct raft_event event)
{
    event.now_ms = now_ms;
    out.count = 0;
    raft_step(&r, &event, &out);
}

static void recv(struct raft_msg msg)
{
    if (msg.from == 0) msg.from = PEER;
    msg.to = SELF;
    cr_assert(raft_msg_is_sane(&msg));
    step((struct raft_event){.kind = RAFT_RECV, .msg = msg});
}

static void persist(uint64_t seq)
{
    step((struct raft_event){.kind = RAFT_PERSISTED, .seq = seq});
}

static void tick_at_deadline(void)
{
    now_ms = raft_deadline_ms(&r);
    step((struct raft_event){.kind = RAFT_TICK});
}

static const struct raft_effect *find(enum raft_effect_kind kind)
{
    for (uint32_t i = 0; i < out.count; i++) {
        if (out.items[i].kind == kind) return &out.items[i];
    }
    return NULL;
}

static const struct raft_effect *find_send(enum raft_msg_kind kind, uint32_t to)
{
    for (uint32_t i = 0; i < out.count; i++) {
        const struct raft_effect *e = &out.items[i];
        if (e->kind == RAFT_SEND && e->msg.kind == kind && e->msg.to == to) return e;
    }
    return NULL;
}

static uint32_t count_sends(enum raft_msg_kind kind, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < out.count; i++) {
        const struct raft_effect *e = &out.items[i];
        count += e->kind == RAFT_SEND && e->msg.kind == kind && e->msg.to == to;
    }
    return count;
}

/* By timeout, pre-vote, vote. Leaves in `out` what the new leader does. */
static void lead(void)
{
    tick_at_deadline();
    cr_assert_eq(r.role, RAFT_PRECANDIDATE);
    recv((struct raft_msg){
        .kind = RAFT_MSG_PREVOTE_REPLY, .term = r.vote.term + 1, .granted = true});
    cr_assert_eq(r.role, RAFT_CANDIDATE);
    persist(r.persist_seq);
    recv((struct raft_msg){.kind = RAFT_MSG_VOTE_REPLY, .term = r.vote.term, .granted = true});
    cr_assert_eq(r.role, RAFT_LEADER);
}

static void accept(uint32_t from, uint64_t match_index)
{
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY,
                           .from = from,
                           .term = r.vote.term,
                           .granted = true,
                           .match_index = match_index});
}

static void propose(uint32_t count)
{
    step((struct raft_event){.kind = RAFT_PROPOSE, .count = count});
}

static void append_from(uint32_t from, uint64_t term, uint64_t prev_index, uint64_t prev_term,
                        uint64_t last_index, uint64_t entries_term, uint64_t commit_index)
{
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND,
                           .from = from,
                           .term = term,
                           .prev_index = prev_index,
                           .prev_term = prev_term,
                           .last_index = last_index,
                           .entries_term = entries_term,
                           .commit_index = commit_index});
}

static struct raft_msg ask_vote(uint64_t term, uint64_t last_index, uint64_t last_term)
{
    return (struct raft_msg){
        .kind = RAFT_MSG_VOTE, .term = term, .last_index = last_index, .last_term = last_term};
}

/* ---- Elections ---- */

Test(raft, grant_waits_for_the_vote_to_be_durable)
{
    boot(NULL, 0, 0);
    recv(ask_vote(1, 0, 0));

    const struct raft_effect *grant = find_send(RAFT_MSG_VOTE_REPLY, PEER);
    cr_assert(grant->msg.granted);
    cr_assert_eq(r.vote.voted_for, PEER);
    cr_assert_eq(grant->after, r.persist_seq);
    cr_assert_gt(grant->after, r.durable_seq);
}

Test(raft, votes_once_per_term_and_repeats_its_answer)
{
    boot(NULL, 0, 0);
    recv(ask_vote(1, 0, 0));
    recv(ask_vote(1, 0, 0));
    cr_assert(find_send(RAFT_MSG_VOTE_REPLY, PEER)->msg.granted);
    cr_assert_null(find(RAFT_PERSIST_VOTE));

    struct raft_msg rival = ask_vote(1, 5, 0);
    rival.from = OTHER;
    recv(rival);
    cr_assert_not(find_send(RAFT_MSG_VOTE_REPLY, OTHER)->msg.granted);
}

/* Thesis §3.6.1. */
Test(raft, refuses_a_candidate_with_less_in_its_log)
{
    const uint64_t log[] = {1, 1, 2};
    const struct {
        uint64_t last_index;
        uint64_t last_term;
        bool granted;
    } cases[] = {{2, 2, false}, {3, 2, true}, {4, 2, true}, {9, 1, false}, {1, 3, true}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        boot(log, 3, 2);
        recv(ask_vote(5, cases[i].last_index, cases[i].last_term));
        cr_assert_eq(find_send(RAFT_MSG_VOTE_REPLY, PEER)->msg.granted, cases[i].granted, "case %u",
                     i);
        cr_assert_eq(r.vote.term, 5);
    }
}

/* Thesis §4.2.3, §9.6. */
Test(raft, a_voter_that_hears_a_leader_protects_it)
{
    boot(NULL, 0, 0);
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .from = OTHER, .term = 3});
    now_ms += r.config.election_timeout_min_ms - 1;

    struct raft_msg prevote = ask_vote(4, 9, 3);
    prevote.kind = RAFT_MSG_PREVOTE;
    recv(prevote);
    cr_assert_not(find_send(RAFT_MSG_PREVOTE_REPLY, PEER)->msg.granted);
    recv(ask_vote(4, 9, 3));
    cr_assert_eq(out.count, 0);
    cr_assert_eq(r.vote.term, 3);

    struct raft_msg transfer = ask_vote(4, 9, 3);
    transfer.transfer = true;
    recv(transfer);
    cr_assert(find_send(RAFT_MSG_VOTE_REPLY, PEER)->msg.granted, "the leader wants it so");
}

Test(raft, a_prevote_changes_nothing)
{
    boot(NULL, 0, 7);
    struct raft_msg prevote = ask_vote(9, 0, 0);
    prevote.kind = RAFT_MSG_PREVOTE;
    recv(prevote);
    const struct raft_effect *e = find_send(RAFT_MSG_PREVOTE_REPLY, PEER);
    cr_assert(e->msg.granted);
    cr_assert_eq(e->msg.term, 9);
    cr_assert_eq(e->after, 0);
    cr_assert_eq(r.vote.term, 7);
    cr_assert_null(find(RAFT_PERSIST_VOTE));
}

Test(raft, a_lonely_node_never_raises_its_term)
{
    boot(NULL, 0, 3);
    for (uint32_t i = 0; i < 50; i++) tick_at_deadline();
    cr_assert_eq(r.vote.term, 3);
    cr_assert_eq(r.role, RAFT_PRECANDIDATE);
}

Test(raft, a_candidate_counts_itself_once_its_vote_is_durable)
{
    boot_with(self_config(), make_members((uint32_t[]){SELF}, 1), NULL, 0, (struct raft_vote){0});
    cr_assert_eq(raft_deadline_ms(&r), now_ms, "alone, there is nobody to wait for");
    step((struct raft_event){.kind = RAFT_TICK});
    cr_assert_eq(r.role, RAFT_CANDIDATE);
    persist(r.persist_seq);
    cr_assert_eq(r.role, RAFT_LEADER);
    persist(r.persist_seq);
    cr_assert_eq(find(RAFT_COMMIT)->last, 1);
}

/* DESIGN 7. */
Test(raft, a_fresh_voter_that_reaches_a_majority_campaigns_within_30_ms)
{
    boot(NULL, 0, 3);
    cr_assert_geq(raft_deadline_ms(&r), now_ms + r.config.election_timeout_min_ms);
    now_ms += 5;
    step((struct raft_event){.kind = RAFT_PEER_CONNECTED, .peer = OTHER});
    cr_assert_geq(raft_deadline_ms(&r), now_ms + 10);
    cr_assert_leq(raft_deadline_ms(&r), now_ms + 30);

    boot(NULL, 0, 3);
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .term = 3});
    step((struct raft_event){.kind = RAFT_PEER_CONNECTED, .peer = OTHER});
    cr_assert_geq(raft_deadline_ms(&r), now_ms + r.config.election_timeout_min_ms,
                  "it has heard of a leader");
}

Test(raft, a_leader_whose_connection_breaks_is_succeeded_soon)
{
    boot(NULL, 0, 3);
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .term = 3});
    step((struct raft_event){.kind = RAFT_PEER_DISCONNECTED, .peer = PEER});
    cr_assert_leq(raft_deadline_ms(&r), now_ms + 30);
    cr_assert_eq(find(RAFT_ROLE_CHANGED)->peer, RAFT_NOBODY);
}

/* Thesis §6.2. */
Test(raft, a_leader_without_a_majority_steps_down)
{
    boot(NULL, 0, 0);
    lead();
    for (uint64_t end_ms = now_ms + 550; now_ms < end_ms;) {
        tick_at_deadline();
        cr_assert_eq(r.role, RAFT_LEADER);
    }
    for (uint32_t i = 0; i < 3; i++) tick_at_deadline();
    cr_assert_neq(r.role, RAFT_LEADER);
    cr_assert_not(raft_can_propose(&r));
}

Test(raft, answers_keep_a_leader_in_office)
{
    boot(NULL, 0, 0);
    lead();
    for (uint32_t i = 0; i < 100; i++) {
        tick_at_deadline();
        cr_assert_eq(count_sends(RAFT_MSG_HEARTBEAT, OTHER), 1);
        recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT_REPLY, .term = r.vote.term});
    }
    cr_assert_eq(r.role, RAFT_LEADER);
}

Test(raft, a_leader_of_an_older_term_is_told_and_steps_down)
{
    boot(NULL, 0, 5);
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .term = 4});
    cr_assert_eq(find_send(RAFT_MSG_HEARTBEAT_REPLY, PEER)->msg.term, 5);

    lead();
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT_REPLY, .term = 9});
    cr_assert_eq(r.role, RAFT_FOLLOWER);
    cr_assert_eq(r.vote.term, 9);
    cr_assert_not_null(find(RAFT_ROLE_CHANGED));
}

/* Thesis §3.10. */
Test(raft, leadership_is_handed_to_a_follower_that_has_everything)
{
    boot(NULL, 0, 0);
    lead();
    step((struct raft_event){.kind = RAFT_TRANSFER, .peer = OTHER});
    cr_assert_not(raft_can_propose(&r));
    cr_assert_null(find_send(RAFT_MSG_TIMEOUT_NOW, OTHER), "it lacks the no-op");
    accept(OTHER, 1);
    cr_assert_not_null(find_send(RAFT_MSG_TIMEOUT_NOW, OTHER));

    for (uint32_t i = 0; i < 14; i++) {
        tick_at_deadline();
        recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT_REPLY, .term = r.vote.term});
    }
    cr_assert(raft_can_propose(&r), "it did not work: the leader goes on");
}

Test(raft, who_is_told_to_campaigns_at_once)
{
    boot(NULL, 0, 3);
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .term = 3});
    recv((struct raft_msg){.kind = RAFT_MSG_TIMEOUT_NOW, .term = 3});
    cr_assert_eq(r.vote.term, 4);
    cr_assert(find_send(RAFT_MSG_VOTE, OTHER)->msg.transfer);
    cr_assert_eq(find_send(RAFT_MSG_VOTE, OTHER)->after, r.persist_seq);
}

/* ---- The leader's log ---- */

/* Thesis §6.4. */
Test(raft, a_leader_begins_with_a_no_op)
{
    boot((const uint64_t[]){1, 1}, 2, 1);
    lead();
    const struct raft_effect *e = find(RAFT_APPEND);
    cr_assert(e->noop);
    cr_assert_eq(e->first, 3);
    cr_assert_eq(e->last, 3);
    cr_assert_eq(e->term, 2);
    const struct raft_effect *send = find_send(RAFT_MSG_APPEND, OTHER);
    cr_assert_eq(send->msg.prev_index, 2);
    cr_assert_eq(send->msg.prev_term, 1);
    cr_assert_leq(send->after, r.durable_seq, "it need not wait for the leader's own disk");
}

/* Thesis §10.2.1. */
Test(raft, a_leader_counts_itself_only_when_durable)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    cr_assert_null(find(RAFT_COMMIT));
    persist(r.persist_seq);
    cr_assert_eq(find(RAFT_COMMIT)->last, 1);
}

Test(raft, followers_are_a_majority_without_the_leader)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    accept(OTHER, 1);
    cr_assert_eq(find(RAFT_COMMIT)->last, 1);
    cr_assert_eq(r.durable_index, 0);
}

/* Thesis §3.6.2, figure 3.7. */
Test(raft, entries_of_older_terms_commit_only_with_one_of_this_term)
{
    boot((const uint64_t[]){1, 1}, 2, 1);
    lead();
    accept(PEER, 2);
    accept(OTHER, 2);
    cr_assert_eq(r.commit_index, 0);
    accept(OTHER, 3);
    persist(r.persist_seq);
    cr_assert_eq(r.commit_index, 3);
}

Test(raft, appends_hold_one_term_and_a_bounded_number)
{
    struct raft_config config = self_config();
    config.append_entries_max = 2;
    config.inflight_max = 3;
    boot_with(config, make_members((uint32_t[]){PEER, SELF, OTHER}, 3),
              (const uint64_t[]){1, 1, 1, 2}, 4, (struct raft_vote){.term = 2});
    lead();
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY, .term = 3, .prev_index = 4});
    const struct raft_msg *m = &find_send(RAFT_MSG_APPEND, PEER)->msg;
    cr_assert_eq(m->prev_index, 0);
    cr_assert_eq(m->last_index, 2);
    accept(PEER, 2);
    cr_assert_eq(count_sends(RAFT_MSG_APPEND, PEER), 3, "3, then 4, then 5: a term each");
    for (uint32_t i = 0; i < out.count; i++) {
        cr_assert_eq(out.items[i].msg.prev_index + 1, out.items[i].msg.last_index);
    }
    propose(9);
    cr_assert_eq(count_sends(RAFT_MSG_APPEND, PEER), 0, "the window is full");
    accept(PEER, 4);
    cr_assert_eq(count_sends(RAFT_MSG_APPEND, PEER), 2);
}

/* Thesis §3.5. */
Test(raft, one_refusal_passes_over_a_whole_term)
{
    boot((const uint64_t[]){1, 1, 4, 4, 4, 5}, 6, 5);
    lead();
    /* Its log: 1 1 2 2 2 2 2; nothing of ours past 2 can match. */
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY,
                           .term = 6,
                           .prev_index = 6,
                           .hint_index = 6,
                           .hint_term = 2});
    cr_assert_eq(find_send(RAFT_MSG_APPEND, PEER)->msg.prev_index, 2);
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY, .term = 6, .prev_index = 6});
    cr_assert_null(find_send(RAFT_MSG_APPEND, PEER), "an old answer");
}

Test(raft, silence_is_answered_by_fewer_and_fewer_repeats)
{
    boot(NULL, 0, 0);
    lead();
    uint32_t repeats = 0;
    for (uint32_t i = 0; i < 200; i++) {
        tick_at_deadline();
        repeats += count_sends(RAFT_MSG_APPEND, OTHER);
        cr_assert_leq(count_sends(RAFT_MSG_APPEND, OTHER), 1);
        recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT_REPLY, .term = r.vote.term});
    }
    cr_assert_geq(repeats, 4);
    cr_assert_leq(repeats, 8);
    step((struct raft_event){.kind = RAFT_PEER_CONNECTED, .peer = OTHER});
    cr_assert_eq(count_sends(RAFT_MSG_APPEND, OTHER), 1);
}

Test(raft, a_lost_append_is_found_by_the_next_or_by_time)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    propose(1);
    propose(1);
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY,
                           .term = 1,
                           .prev_index = 2,
                           .hint_index = 1,
                           .hint_term = 1});
    cr_assert_eq(find_send(RAFT_MSG_APPEND, PEER)->msg.prev_index, 1);
    cr_assert_eq(find_send(RAFT_MSG_APPEND, PEER)->msg.last_index, 3);
}

Test(raft, a_wiped_follower_is_filled_again)
{
    boot(NULL, 0, 0);
    lead();
    propose(4);
    accept(PEER, 5);
    step((struct raft_event){.kind = RAFT_PEER_CONNECTED, .peer = PEER});
    cr_assert_eq(raft_peer(&r, PEER)->match_index, 0);
    recv((struct raft_msg){.kind = RAFT_MSG_APPEND_REPLY, .term = 1, .prev_index = 5});
    cr_assert_eq(find_send(RAFT_MSG_APPEND, PEER)->msg.prev_index, 0);
    cr_assert_eq(find_send(RAFT_MSG_APPEND, PEER)->msg.last_index, 5);
}

Test(raft, proposals_stop_at_a_bound)
{
    struct raft_config config = self_config();
    config.uncommitted_max = 10;
    boot_with(config, make_members((uint32_t[]){PEER, SELF, OTHER}, 3), NULL, 0,
              (struct raft_vote){0});
    lead();
    cr_assert(raft_can_propose(&r));
    propose(9);
    cr_assert_not(raft_can_propose(&r));
    accept(PEER, 5);
    persist(r.persist_seq);
    cr_assert(raft_can_propose(&r));
}

Test(raft, an_append_is_cut_without_a_gap)
{
    struct raft_msg m = {.kind = RAFT_MSG_APPEND,
                         .from = 1,
                         .to = 2,
                         .term = 5,
                         .prev_index = 3,
                         .prev_term = 2,
                         .last_index = 9,
                         .entries_term = 4};
    struct raft_msg rest = raft_append_split(&m, 6);
    cr_assert(raft_msg_is_sane(&m));
    cr_assert(raft_msg_is_sane(&rest));
    cr_assert_eq(m.last_index, 6);
    cr_assert_eq(rest.prev_index, 6);
    cr_assert_eq(rest.prev_term, 4);
    cr_assert_eq(rest.last_index, 9);
}

/* ---- The follower's log ---- */

Test(raft, acknowledges_what_is_durable)
{
    boot(NULL, 0, 1);
    append_from(PEER, 1, 0, 0, 3, 1, 0);
    const struct raft_effect *append = find(RAFT_APPEND);
    const struct raft_effect *reply = find_send(RAFT_MSG_APPEND_REPLY, PEER);
    cr_assert_eq(append->first, 1);
    cr_assert_eq(append->last, 3);
    cr_assert_eq(reply->msg.match_index, 3);
    cr_assert_eq(reply->after, append->seq);
    uint64_t seq = append->seq;

    append_from(PEER, 1, 3, 1, 5, 1, 0);
    append_from(PEER, 1, 0, 0, 3, 1, 0);
    reply = find_send(RAFT_MSG_APPEND_REPLY, PEER);
    cr_assert_eq(reply->after, seq, "said again, it waits for its own write and no other");
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT, .term = 1});
    cr_assert_eq(find_send(RAFT_MSG_HEARTBEAT_REPLY, PEER)->after, 0,
                 "heartbeats do not wait for the log");
}

/* Thesis §3.5. */
Test(raft, refuses_entries_that_do_not_continue_its_log)
{
    boot((const uint64_t[]){1, 1, 2, 2, 2}, 5, 2);
    append_from(PEER, 6, 8, 5, 9, 5, 0);
    const struct raft_msg *m = &find_send(RAFT_MSG_APPEND_REPLY, PEER)->msg;
    cr_assert_not(m->granted);
    cr_assert_eq(m->hint_index, 5);
    cr_assert_eq(m->hint_term, 2);
    append_from(PEER, 6, 4, 1, 5, 5, 0);
    m = &find_send(RAFT_MSG_APPEND_REPLY, PEER)->msg;
    cr_assert_not(m->granted);
    cr_assert_eq(m->hint_index, 2, "our term 2 cannot match anything of term 1");
    cr_assert_null(find(RAFT_TRUNCATE));
}

Test(raft, cuts_off_a_conflict_and_what_follows)
{
    boot((const uint64_t[]){1, 1, 2, 2, 2}, 5, 2);
    append_from(PEER, 6, 1, 1, 2, 1, 0);
    cr_assert_null(find(RAFT_TRUNCATE), "it is there already, and may be an old message");
    cr_assert_eq(find_send(RAFT_MSG_APPEND_REPLY, PEER)->msg.match_index, 2);
    cr_assert_eq(raft_last_index(&r), 5);

    append_from(PEER, 6, 2, 1, 3, 5, 9);
    cr_assert_eq(find(RAFT_TRUNCATE)->first, 3);
    cr_assert_lt(find(RAFT_TRUNCATE)->seq, find(RAFT_APPEND)->seq);
    cr_assert_eq(raft_last_index(&r), 3);
    cr_assert_eq(find(RAFT_COMMIT)->last, 3, "not past what the message verified");
    cr_assert_eq(r.durable_index, 2);
}

Test(raft, writes_cut_off_do_not_make_their_successors_durable)
{
    boot(NULL, 0, 1);
    append_from(PEER, 1, 0, 0, 4, 1, 0);
    uint64_t old_seq = find(RAFT_APPEND)->seq;
    append_from(OTHER, 2, 1, 1, 4, 2, 0);
    persist(old_seq);
    cr_assert_eq(r.durable_index, 1);
    persist(r.persist_seq);
    cr_assert_eq(r.durable_index, 4);
}

Test(raft, entries_below_the_commit_index_are_taken_for_granted)
{
    boot((const uint64_t[]){1, 1, 1}, 3, 1);
    append_from(PEER, 1, 3, 1, 3, 0, 3);
    cr_assert_eq(r.commit_index, 3);
    step((struct raft_event){.kind = RAFT_SNAPSHOT_TAKEN, .index = 3});
    append_from(PEER, 1, 0, 0, 2, 1, 3);
    cr_assert_eq(find_send(RAFT_MSG_APPEND_REPLY, PEER)->msg.match_index, 3);
    append_from(PEER, 1, 1, 1, 5, 1, 3);
    cr_assert_eq(find(RAFT_APPEND)->first, 4);
}

Test(raft, a_heartbeat_commits_only_the_very_entry)
{
    boot((const uint64_t[]){1, 1, 1}, 3, 2);
    struct raft_msg m = {
        .kind = RAFT_MSG_HEARTBEAT, .term = 2, .commit_index = 3, .commit_term = 2};
    recv(m);
    cr_assert_eq(r.commit_index, 0);
    m.commit_term = 1;
    recv(m);
    cr_assert_eq(r.commit_index, 3);
}

/* ---- Snapshots ---- */

Test(raft, a_follower_below_the_start_is_offered_a_snapshot)
{
    boot((const uint64_t[]){1, 1, 1, 1}, 4, 1);
    lead();
    accept(PEER, 5);
    persist(r.persist_seq);
    step((struct raft_event){.kind = RAFT_SNAPSHOT_TAKEN, .index = 4});
    recv((struct raft_msg){
        .kind = RAFT_MSG_APPEND_REPLY, .from = OTHER, .term = 2, .prev_index = 4});
    const struct raft_effect *offer = find_send(RAFT_MSG_SNAPSHOT, OTHER);
    cr_assert_eq(offer->msg.last_index, 4);
    cr_assert_eq(offer->msg.last_term, 1);
    propose(1);
    cr_assert_null(find_send(RAFT_MSG_APPEND, OTHER));
    accept(OTHER, 4);
    cr_assert_eq(find_send(RAFT_MSG_APPEND, OTHER)->msg.prev_index, 4);
}

static void receive_snapshot(uint64_t index, uint64_t term)
{
    struct raft_event event = {.kind = RAFT_SNAPSHOT_RECEIVED, .membership_count = 1};
    event.index = index;
    event.term = term;
    event.memberships[0].members = make_members((uint32_t[]){PEER, SELF, OTHER, 40}, 4);
    event.memberships[0].index = 1;
    step(event);
}

Test(raft, a_snapshot_replaces_a_log_that_lacks_its_end)
{
    boot((const uint64_t[]){1, 1}, 2, 3);
    recv((struct raft_msg){.kind = RAFT_MSG_SNAPSHOT, .term = 3, .last_index = 10, .last_term = 2});
    cr_assert_eq(find(RAFT_WANT_SNAPSHOT)->last, 10);
    cr_assert_eq(find(RAFT_WANT_SNAPSHOT)->peer, PEER);
    receive_snapshot(12, 3);
    cr_assert_not(find(RAFT_INSTALL)->keep_tail);
    cr_assert_eq(find_send(RAFT_MSG_APPEND_REPLY, PEER)->msg.match_index, 12);
    cr_assert_eq(find_send(RAFT_MSG_APPEND_REPLY, PEER)->after, find(RAFT_INSTALL)->seq);
    cr_assert_eq(raft_members(&r)->count, 4);
    cr_assert_eq(r.commit_index, 12);
    receive_snapshot(11, 3);
    cr_assert_null(find(RAFT_INSTALL), "an older one is thrown away");
}

/* Raft §7. */
Test(raft, a_snapshot_of_a_prefix_keeps_the_tail)
{
    boot((const uint64_t[]){1, 1, 2, 2}, 4, 3);
    receive_snapshot(3, 2);
    cr_assert(find(RAFT_INSTALL)->keep_tail);
    cr_assert_eq(raft_last_index(&r), 4);
    cr_assert_eq(r.commit_index, 3);
}

/* ---- Members ---- */

static void propose_members(struct raft_members members)
{
    struct raft_event event = {.kind = RAFT_PROPOSE, .count = 1, .membership_count = 1};
    event.memberships[0].members = members;
    step(event);
}

Test(raft, members_change_one_at_a_time_and_after_a_commit_of_the_term)
{
    boot(NULL, 0, 0);
    lead();
    cr_assert_not(raft_can_change_members(&r));
    accept(PEER, 1);
    persist(r.persist_seq);
    cr_assert(raft_can_change_members(&r));

    struct raft_members next = *raft_members(&r);
    struct raft_member learner = {.id = 40, .disk = {40}};
    cr_assert(raft_members_put(&next, &learner));
    propose_members(next);
    cr_assert_eq(find_send(RAFT_MSG_APPEND, 40)->msg.prev_index, 2);
    cr_assert_not(raft_can_change_members(&r));
    persist(r.persist_seq);
    accept(40, 2);
    cr_assert_eq(r.commit_index, 1, "a learner does not count");
    accept(PEER, 2);
    cr_assert_eq(r.commit_index, 2);
    cr_assert(raft_can_change_members(&r));
}

Test(raft, a_set_without_a_living_majority_is_known_before_it_is_in_force)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    persist(r.persist_seq);
    struct raft_members without_peer = make_members((uint32_t[]){SELF, OTHER}, 2);
    struct raft_members without_other = make_members((uint32_t[]){PEER, SELF}, 2);
    struct raft_members without_self = make_members((uint32_t[]){PEER, OTHER}, 2);
    cr_expect(raft_would_have_quorum(&r, &without_peer), "all have just been heard of");

    /* The other one is silent from here on. */
    uint64_t end = now_ms + 2 * r.config.election_timeout_max_ms;
    while (now_ms < end) {
        tick_at_deadline();
        accept(PEER, 1);
    }
    cr_assert_eq(r.role, RAFT_LEADER);
    cr_expect_not(raft_would_have_quorum(&r, &without_peer));
    cr_expect_not(raft_would_have_quorum(&r, &without_self));
    cr_expect(raft_would_have_quorum(&r, &without_other), "the dead one may go");
}

Test(raft, a_set_is_in_force_at_once_and_goes_with_its_entry)
{
    boot((const uint64_t[]){1}, 1, 1);
    struct raft_event event = {.kind = RAFT_RECV, .membership_count = 1};
    event.msg = (struct raft_msg){.kind = RAFT_MSG_APPEND,
                                  .from = PEER,
                                  .to = SELF,
                                  .term = 2,
                                  .prev_index = 1,
                                  .prev_term = 1,
                                  .last_index = 3,
                                  .entries_term = 2};
    event.memberships[0].index = 3;
    event.memberships[0].members = make_members((uint32_t[]){PEER, SELF, OTHER, 40}, 4);
    step(event);
    cr_assert_eq(raft_members(&r)->count, 4);
    append_from(OTHER, 3, 2, 2, 3, 3, 0);
    cr_assert_eq(raft_members(&r)->count, 3);
}

/* Thesis §4.2.2. */
Test(raft, a_removed_leader_goes_when_its_removal_is_committed)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    persist(r.persist_seq);
    propose_members(make_members((uint32_t[]){PEER, OTHER}, 2));
    cr_assert_eq(r.role, RAFT_LEADER);
    persist(r.persist_seq);
    accept(PEER, 2);
    cr_assert_eq(r.commit_index, 1, "it does not count itself");
    accept(OTHER, 2);
    cr_assert_eq(r.commit_index, 2);
    cr_assert_eq(r.role, RAFT_FOLLOWER);
    cr_assert_not(raft_is_voter(&r));
    cr_assert_not_null(find_send(RAFT_MSG_TIMEOUT_NOW, PEER), "somebody takes over at once");
}

Test(raft, who_is_removed_by_an_uncommitted_entry_may_still_be_needed)
{
    boot(NULL, 0, 0);
    lead();
    accept(PEER, 1);
    persist(r.persist_seq);
    propose_members(make_members((uint32_t[]){PEER, OTHER}, 2));
    recv((struct raft_msg){.kind = RAFT_MSG_HEARTBEAT_REPLY, .term = 5});
    cr_assert_eq(r.role, RAFT_FOLLOWER);
    tick_at_deadline();
    struct raft_msg reply = {.kind = RAFT_MSG_PREVOTE_REPLY, .term = 6, .granted = true};
    recv(reply);
    cr_assert_eq(r.role, RAFT_PRECANDIDATE, "its own vote does not count");
    reply.from = OTHER;
    recv(reply);
    cr_assert_eq(r.role, RAFT_CANDIDATE);
}

Test(raft, a_wiped_disk_does_not_vote_until_a_committed_set_names_it)
{
    struct raft_config config = self_config();
    config.disk[0] = 99;
    config.may_vote = false;
    boot_with(config, make_members((uint32_t[]){PEER, SELF, OTHER}, 3), NULL, 0,
              (struct raft_vote){0});
    recv(ask_vote(1, 0, 0));
    cr_assert_not(find_send(RAFT_MSG_VOTE_REPLY, PEER)->msg.granted);
    for (uint32_t i = 0; i < 5; i++) tick_at_deadline();
    cr_assert_eq(r.role, RAFT_FOLLOWER);

    struct raft_members named = make_members((uint32_t[]){PEER, SELF, OTHER}, 3);
    named.items[1].disk[0] = 99;
    named.items[1].voter = false;
    struct raft_event event = {.kind = RAFT_RECV, .membership_count = 1};
    event.msg = (struct raft_msg){.kind = RAFT_MSG_APPEND,
                                  .from = PEER,
                                  .to = SELF,
                                  .term = 2,
                                  .last_index = 1,
                                  .entries_term = 2};
    event.memberships[0].index = 1;
    event.memberships[0].members = named;
    step(event);
    cr_assert_not(raft_can_vote(&r));
    append_from(PEER, 2, 1, 2, 1, 0, 1);
    cr_assert(raft_is_vouched(&r));
    cr_assert(raft_can_vote(&r), "somebody may know that we are a voter before we do");
    cr_assert_not(raft_is_voter(&r));
}

/* ---- Bounds ---- */

Test(raft, a_full_trail_neither_campaigns_nor_takes_another_term)
{
    static uint64_t terms[RAFT_RUNS_MAX];
    for (uint64_t i = 0; i < RAFT_RUNS_MAX; i++) terms[i] = i + 1;
    boot(terms, RAFT_RUNS_MAX, RAFT_RUNS_MAX);
    cr_assert(raft_wants_snapshot(&r));
    tick_at_deadline();
    cr_assert_eq(r.role, RAFT_FOLLOWER);

    uint64_t last = RAFT_RUNS_MAX;
    append_from(PEER, last + 1, last, last, last + 1, last + 1, last);
    cr_assert_null(find(RAFT_APPEND));
    struct raft_msg m = {.kind = RAFT_MSG_HEARTBEAT, .term = last + 1};
    m.commit_index = last;
    m.commit_term = last;
    recv(m);
    cr_assert_eq(r.commit_index, last);
    step((struct raft_event){.kind = RAFT_SNAPSHOT_TAKEN, .index = last});
    append_from(PEER, last + 1, last, last, last + 1, last + 1, last);
    cr_assert_not_null(find(RAFT_APPEND));
}

Test(raft, more_writes_than_are_told_apart_become_durable_late_not_early)
{
    boot(NULL, 0, 1);
    for (uint64_t i = 0; i < 3 * RAFT_WRITES_MAX; i++) {
        append_from(PEER, 1, i, i > 0 ? 1 : 0, i + 1, 1, 0);
    }
    uint64_t seq = find_send(RAFT_MSG_APPEND_REPLY, PEER)->after;
    cr_assert_eq(seq, r.persist_seq);
    persist(seq - 1);
    cr_assert_eq(r.durable_index, RAFT_WRITES_MAX - 1);
    persist(seq);
    cr_assert_eq(r.durable_index, 3 * RAFT_WRITES_MAX);
}

/* Bytes of a stranger or of a disk are refused, not CHECKed. */
Test(raft, refuses_messages_and_restarts_that_make_no_sense)
{
    const struct raft_msg good = {.kind = RAFT_MSG_APPEND,
                                  .from = 1,
                                  .to = 2,
                                  .term = 3,
                                  .prev_index = 4,
                                  .prev_term = 2,
                                  .last_index = 6,
                                  .entries_term = 3};
    cr_assert(raft_msg_is_sane(&good));
    struct raft_msg bad[6] = {good, good, good, good, good, good};
    bad[0].from = bad[0].to;
    bad[1].last_index = 3;
    bad[2].entries_term = 4;
    bad[3].prev_term = 0;
    bad[4].entries_term = 1;
    bad[5].kind = RAFT_MSG_KIND_COUNT;
    for (uint32_t i = 0; i < 6; i++) cr_assert_not(raft_msg_is_sane(&bad[i]), "case %u", i);

    const struct raft_run runs[] = {{1, 1}, {4, 3}};
    struct raft_restart restart = {
        .vote = {.term = 3}, .last_index = 5, .run_count = 2, .runs = runs, .membership_count = 1};
    cr_assert(raft_restart_is_sane(&restart));
    restart.vote.term = 2;
    cr_assert_not(raft_restart_is_sane(&restart), "entries of a term that was never reached");
    restart.vote.term = 3;
    restart.last_index = 3;
    cr_assert_not(raft_restart_is_sane(&restart), "a run past the end");
}
