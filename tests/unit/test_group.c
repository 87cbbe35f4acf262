/* The core of groups, claim by claim: Kafka's classic protocol. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/groups/group.h"
#include "broker/groups/offsets.h"
#include "broker/groups/place.h"
#include "broker/groups/subscription.h"
#include "common/text.h"
#include "proto/kafka_errors.h"

#define SESSION_MS 10000
#define REBALANCE_MS 60000
#define NO_ANSWER INT16_MIN

static struct group_options options;
static struct group *g;
static struct group_effects fx;
static uint64_t now_ms;
static uint64_t next_ask;

/* Who asked, in order of their asks: the answers of all steps so far. */
static struct told {
    int16_t error;
    char member_id[128];
    char leader[128];
    bool has_members, skip;
} told[512];

static void begin(void)
{
    options =
        (struct group_options){.initial_delay_ms = 3000, .new_join_ms = 300000, .size_max = 1000};
    g = group_new(&options, slice_of_text("g"));
    now_ms = 1000;
    next_ask = 1;
    for (size_t i = 0; i < 512; i++) told[i].error = NO_ANSWER;
}

static void end(void)
{
    group_free(g);
    group_effects_close(&fx);
}

static void keep(char *to, struct slice s)
{
    snprintf(to, 128, "%.*s", (int)s.size, s.at == NULL ? "" : (const char *)s.at);
}

static void step(struct group_event *e)
{
    e->now_ms = now_ms;
    e->wall_ms = (int64_t)now_ms + 1000000;
    group_step(g, e, &fx);
    for (uint32_t i = 0; i < fx.answer_count; i++) {
        const struct group_answer *a = &fx.answers[i];
        struct told *t = &told[a->ask];
        cr_assert_eq(t->error, NO_ANSWER, "ask %d is answered twice", (int)a->ask);
        t->error = a->error;
        keep(t->member_id, a->member_id);
        keep(t->leader, a->leader);
        t->has_members = a->has_members;
        t->skip = a->skip_assignment;
    }
}

struct joiner {
    const char *id;       /* NULL: new */
    const char *instance; /* NULL: dynamic */
    const char *protocol; /* NULL: "range" */
    const char *metadata;
    const char *type; /* NULL: "consumer" */
    bool needs_id, may_skip;
};

static struct slice text(const char *t)
{
    return t == NULL ? (struct slice){0} : slice_of_text(t);
}

static uint64_t join(struct joiner j)
{
    struct group_protocol protocol = {
        .name = slice_of_text(j.protocol != NULL ? j.protocol : "range"),
        .metadata = slice_of_text(j.metadata != NULL ? j.metadata : "m")};
    struct group_event e = {.kind = GROUP_JOIN, .ask = next_ask++};
    e.join.member_id = slice_of_text(j.id != NULL ? j.id : "");
    e.join.instance_id = text(j.instance);
    e.join.client_id = slice_of_text("c");
    e.join.client_host = slice_of_text("/127.0.0.1");
    e.join.session_timeout_ms = SESSION_MS;
    e.join.rebalance_timeout_ms = REBALANCE_MS;
    e.join.protocol_type = slice_of_text(j.type != NULL ? j.type : "consumer");
    e.join.protocols = &protocol;
    e.join.protocol_count = 1;
    e.join.reason = slice_of_text("test");
    e.join.needs_known_id = j.needs_id;
    e.join.may_skip = j.may_skip;
    memset(e.join.new_uuid.bytes, (int)e.ask, 16);
    step(&e);
    return e.ask;
}

static uint64_t sync_with(const char *id, const char *instance, int32_t generation,
                          const struct group_protocol *assignments, uint32_t count)
{
    struct group_event e = {.kind = GROUP_SYNC, .ask = next_ask++};
    e.sync.member_id = slice_of_text(id);
    e.sync.instance_id = text(instance);
    e.sync.generation = generation;
    e.sync.assignments = assignments;
    e.sync.assignment_count = count;
    step(&e);
    return e.ask;
}

static uint64_t sync_as(const char *id)
{
    return sync_with(id, NULL, g->generation, NULL, 0);
}

static int16_t heartbeat(const char *id, const char *instance, int32_t generation)
{
    struct group_event e = {.kind = GROUP_HEARTBEAT, .ask = next_ask++};
    e.heartbeat.member_id = slice_of_text(id);
    e.heartbeat.instance_id = text(instance);
    e.heartbeat.generation = generation;
    step(&e);
    return told[e.ask].error;
}

static int16_t leave(const char *id, const char *instance)
{
    struct group_leaver leaver = {.member_id = slice_of_text(id), .instance_id = text(instance)};
    leaver.reason = slice_of_text("done");
    int16_t error = -1;
    struct group_event e = {.kind = GROUP_LEAVE};
    e.leave.count = 1;
    e.leave.leavers = &leaver;
    e.leave.errors = &error;
    step(&e);
    return error;
}

static void stored(uint64_t number, int16_t error)
{
    cr_assert_neq(number, 0, "nothing was to be stored");
    struct group_event e = {.kind = GROUP_STORED};
    e.stored.number = number;
    e.stored.error = error;
    step(&e);
}

static void pass(uint64_t ms)
{
    uint64_t end_ms = now_ms + ms;
    while (g->deadline_ms <= end_ms) {
        if (g->deadline_ms > now_ms) now_ms = g->deadline_ms;
        step(&(struct group_event){.kind = GROUP_TICK});
    }
    now_ms = end_ms;
}

static bool is_told(uint64_t ask)
{
    return told[ask].error != NO_ANSWER;
}

/* Members that take part at once: all have joined, and the leader's assignment is stored. */
static const char *stable_with_one(void)
{
    uint64_t ask = join((struct joiner){0});
    pass(3000);
    cr_assert_eq(told[ask].error, 0);
    (void)sync_as(told[ask].member_id);
    stored(fx.store, 0);
    cr_assert_eq(g->state, GROUP_STABLE);
    return told[ask].member_id;
}

static void stable_with_two(const char **a, const char **b)
{
    uint64_t first = join((struct joiner){0});
    uint64_t second = join((struct joiner){0});
    pass(6000);
    cr_assert_eq(told[first].error, 0);
    cr_assert_eq(told[second].error, 0);
    *a = told[first].member_id;
    *b = told[second].member_id;
    (void)sync_as(*b);
    (void)sync_as(*a);
    stored(fx.store, 0);
    cr_assert_eq(g->state, GROUP_STABLE);
}

#define Claim(name) Test(group, name, .init = begin, .fini = end)

/* ---- Joining. ---- */

Claim(the_first_rebalance_waits_for_others)
{
    uint64_t first = join((struct joiner){0});
    cr_assert_eq(g->state, GROUP_PREPARING);
    pass(2999);
    uint64_t second = join((struct joiner){0});
    cr_assert_not(is_told(first));
    pass(1); /* Somebody has come: it waits once more. */
    cr_assert_not(is_told(first));
    pass(3000);
    cr_assert_eq(told[first].error, 0);
    cr_assert_eq(told[second].error, 0);
    cr_assert_eq(g->generation, 1);
    cr_assert_eq(g->state, GROUP_COMPLETING);
}

Claim(the_first_rebalance_does_not_wait_longer_than_the_rebalance_timeout)
{
    uint64_t first = join((struct joiner){0});
    uint64_t waited = 0;
    while (!is_told(first)) {
        (void)join((struct joiner){0});
        pass(3000);
        waited += 3000;
        cr_assert_leq(waited, REBALANCE_MS + 3000);
    }
    cr_assert_geq(waited, REBALANCE_MS - 3000);
}

Claim(without_a_delay_the_first_member_is_alone_at_once)
{
    options.initial_delay_ms = 0;
    uint64_t ask = join((struct joiner){0});
    cr_assert_eq(told[ask].error, 0);
    cr_assert_eq(g->generation, 1);
}

Claim(the_first_member_leads_and_only_it_gets_to_know_all)
{
    uint64_t first = join((struct joiner){0});
    uint64_t second = join((struct joiner){0});
    pass(6000);
    cr_assert(told[first].has_members);
    cr_assert_not(told[second].has_members);
    cr_assert_str_eq(told[second].leader, told[first].member_id);
}

Claim(a_new_member_must_come_back_with_the_id_it_is_given)
{
    uint64_t ask = join((struct joiner){.needs_id = true});
    cr_assert_eq(told[ask].error, KAFKA_MEMBER_ID_REQUIRED);
    cr_assert_eq(strncmp(told[ask].member_id, "c-", 2), 0);
    cr_assert_eq(strlen(told[ask].member_id), 38);
    cr_assert_eq(g->member_count, 0);
    uint64_t again = join((struct joiner){.id = told[ask].member_id, .needs_id = true});
    pass(3000);
    cr_assert_eq(told[again].error, 0);
    cr_assert_str_eq(told[again].member_id, told[ask].member_id);
    cr_assert_eq(g->pending_count, 0);
}

Claim(an_id_that_nobody_joins_with_is_forgotten)
{
    uint64_t ask = join((struct joiner){.needs_id = true});
    pass(SESSION_MS);
    cr_assert_eq(g->pending_count, 0);
    uint64_t late = join((struct joiner){.id = told[ask].member_id});
    cr_assert_eq(told[late].error, KAFKA_UNKNOWN_MEMBER_ID);
}

Claim(a_rebalance_waits_for_ids_that_were_given_out)
{
    const char *a = stable_with_one();
    uint64_t ask = join((struct joiner){.needs_id = true});
    uint64_t again = join((struct joiner){.id = a, .metadata = "other"});
    cr_assert_not(is_told(again));
    (void)join((struct joiner){.id = told[ask].member_id});
    cr_assert_eq(told[again].error, 0);
}

Claim(an_unknown_member_id_is_refused)
{
    uint64_t ask = join((struct joiner){.id = "nobody"});
    cr_assert_eq(told[ask].error, KAFKA_UNKNOWN_MEMBER_ID);
}

Claim(protocols_must_fit_those_of_the_group)
{
    (void)stable_with_one();
    cr_assert_eq(told[join((struct joiner){.type = "connect"})].error,
                 KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    cr_assert_eq(told[join((struct joiner){.protocol = "sticky"})].error,
                 KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    cr_assert_eq(told[join((struct joiner){.type = ""})].error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
}

Claim(a_group_may_be_of_another_type_than_consumer)
{
    uint64_t ask = join((struct joiner){.type = "connect", .protocol = "sessioned"});
    pass(3000);
    cr_assert_eq(told[ask].error, 0);
    cr_assert(slice_equal(g->protocol_type, slice_of_text("connect")));
    cr_assert(slice_equal(g->protocol, slice_of_text("sessioned")));
    cr_assert_not(group_is_consumer(g));
}

Claim(more_members_than_group_max_size_are_refused)
{
    options.size_max = 1;
    (void)stable_with_one();
    cr_assert_eq(told[join((struct joiner){0})].error, KAFKA_GROUP_MAX_SIZE_REACHED);
}

Claim(metadata_that_no_record_could_hold_are_refused)
{
    char *large = malloc(GROUP_METADATA_MAX_BYTES + 2);
    memset(large, 'x', GROUP_METADATA_MAX_BYTES + 1);
    large[GROUP_METADATA_MAX_BYTES + 1] = '\0';
    cr_assert_eq(told[join((struct joiner){.metadata = large})].error, KAFKA_INVALID_REQUEST);
    free(large);
}

Claim(a_repeated_join_of_the_same_member_ends_the_one_before)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t first = join((struct joiner){.id = b, .metadata = "x"});
    uint64_t second = join((struct joiner){.id = b, .metadata = "x"});
    cr_assert_eq(told[first].error, KAFKA_REBALANCE_IN_PROGRESS);
    cr_assert_not(is_told(second));
}

Claim(who_did_not_hear_the_answer_hears_it_again)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    (void)join((struct joiner){.id = a, .metadata = "x"});
    (void)join((struct joiner){.id = b, .metadata = "x"});
    cr_assert_eq(g->state, GROUP_COMPLETING);
    uint64_t again = join((struct joiner){.id = a, .metadata = "x"});
    cr_assert_eq(told[again].error, 0);
    cr_assert(told[again].has_members);
    cr_assert_eq(g->state, GROUP_COMPLETING);
}

Claim(a_follower_that_joins_with_nothing_new_starts_no_rebalance)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = b});
    cr_assert_eq(told[ask].error, 0);
    cr_assert_eq(g->state, GROUP_STABLE);
}

Claim(a_leader_that_joins_again_starts_a_rebalance)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = a});
    cr_assert_not(is_told(ask));
    cr_assert_eq(g->state, GROUP_PREPARING);
    cr_assert_eq(heartbeat(b, NULL, 1), KAFKA_REBALANCE_IN_PROGRESS);
    (void)join((struct joiner){.id = b});
    cr_assert_eq(told[ask].error, 0);
    cr_assert_eq(g->generation, 2);
}

Claim(the_protocol_that_most_members_prefer_is_selected)
{
    struct group_protocol ab[2] = {{slice_of_text("a"), slice_of_text("")},
                                   {slice_of_text("b"), slice_of_text("")}};
    struct group_protocol ba[2] = {ab[1], ab[0]};
    const struct group_protocol *lists[] = {ab, ba, ba};
    for (int i = 0; i < 3; i++) {
        struct group_event e = {.kind = GROUP_JOIN, .ask = next_ask++};
        e.join.client_id = slice_of_text("c");
        e.join.session_timeout_ms = SESSION_MS;
        e.join.rebalance_timeout_ms = REBALANCE_MS;
        e.join.protocol_type = slice_of_text("consumer");
        e.join.protocols = lists[i];
        e.join.protocol_count = 2;
        memset(e.join.new_uuid.bytes, i, 16);
        step(&e);
    }
    pass(6000);
    cr_assert(slice_equal(g->protocol, slice_of_text("b")));
}

/* ---- Syncing. ---- */

Claim(nobody_gets_an_assignment_before_it_is_stored)
{
    uint64_t first = join((struct joiner){0});
    uint64_t second = join((struct joiner){0});
    pass(6000);
    const char *a = told[first].member_id, *b = told[second].member_id;
    uint64_t follower = sync_as(b);
    cr_assert_not(is_told(follower));
    struct group_protocol parts[] = {{slice_of_text(a), slice_of_text("one")},
                                     {slice_of_text(b), slice_of_text("two")}};
    uint64_t leader = sync_with(a, NULL, 1, parts, 2);
    cr_assert_not(is_told(leader));
    cr_assert(fx.store_is_next);
    stored(fx.store, 0);
    cr_assert_eq(told[leader].error, 0);
    cr_assert_eq(told[follower].error, 0);
    struct group_member *m = group_member_find(g, slice_of_text(b));
    cr_assert(slice_equal(m->assignment, slice_of_text("two")));
}

Claim(an_assignment_that_cannot_be_stored_starts_another_rebalance)
{
    uint64_t ask = join((struct joiner){0});
    pass(3000);
    uint64_t sync = sync_as(told[ask].member_id);
    stored(fx.store, KAFKA_COORDINATOR_NOT_AVAILABLE);
    cr_assert_eq(told[sync].error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    cr_assert_eq(g->state, GROUP_PREPARING);
}

Claim(what_is_stored_of_a_generation_that_is_over_changes_nothing)
{
    uint64_t ask = join((struct joiner){0});
    pass(3000);
    (void)sync_as(told[ask].member_id);
    uint64_t number = fx.store;
    (void)join((struct joiner){0});
    cr_assert_eq(g->state, GROUP_PREPARING);
    stored(number, 0);
    cr_assert_eq(g->state, GROUP_PREPARING);
}

Claim(syncs_are_refused_by_their_names)
{
    const char *a = stable_with_one();
    cr_assert_eq(told[sync_with("x", NULL, 1, NULL, 0)].error, KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert_eq(told[sync_with(a, NULL, 7, NULL, 0)].error, KAFKA_ILLEGAL_GENERATION);
    cr_assert_eq(told[sync_with(a, "i", 1, NULL, 0)].error, KAFKA_UNKNOWN_MEMBER_ID);
    struct group_event e = {.kind = GROUP_SYNC, .ask = next_ask++};
    e.sync.member_id = slice_of_text(a);
    e.sync.generation = 1;
    e.sync.protocol = slice_of_text("sticky");
    step(&e);
    cr_assert_eq(told[e.ask].error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    uint64_t join_ask = join((struct joiner){0});
    cr_assert_eq(told[sync_with(a, NULL, 1, NULL, 0)].error, KAFKA_REBALANCE_IN_PROGRESS);
    cr_assert_not(is_told(join_ask));
}

Claim(in_a_stable_group_a_sync_is_answered_at_once)
{
    const char *a = stable_with_one();
    cr_assert_eq(told[sync_as(a)].error, 0);
}

Claim(a_member_that_never_syncs_is_out_after_the_rebalance_timeout)
{
    uint64_t first = join((struct joiner){0});
    uint64_t second = join((struct joiner){0});
    pass(6000);
    const char *a = told[first].member_id, *b = told[second].member_id;
    (void)sync_as(a);
    stored(fx.store, 0);
    for (int i = 0; i < 12; i++) {
        pass(5000);
        (void)heartbeat(a, NULL, 1);
        (void)heartbeat(b, NULL, 1);
    }
    cr_assert_null(group_member_find(g, slice_of_text(b)));
    cr_assert_eq(g->state, GROUP_PREPARING);
    cr_assert(strstr(g->why, b) != NULL);
}

/* ---- Heartbeats, expiry, leaving. ---- */

Claim(heartbeats_are_refused_by_their_names)
{
    const char *a = stable_with_one();
    cr_assert_eq(heartbeat(a, NULL, 1), 0);
    cr_assert_eq(heartbeat("x", NULL, 1), KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert_eq(heartbeat(a, NULL, 0), KAFKA_ILLEGAL_GENERATION);
}

Claim(a_silent_member_is_out_after_its_session)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    pass(SESSION_MS - 1);
    cr_assert_eq(heartbeat(a, NULL, 1), 0);
    pass(1);
    cr_assert_null(group_member_find(g, slice_of_text(b)));
    cr_assert_eq(g->state, GROUP_PREPARING);
    cr_assert(strstr(g->why, "no heartbeat") != NULL);
    cr_assert_eq(heartbeat(a, NULL, 1), KAFKA_REBALANCE_IN_PROGRESS);
    uint64_t again = join((struct joiner){.id = a});
    cr_assert_eq(told[again].error, 0);
    cr_assert_eq(g->generation, 2);
}

Claim(who_waits_for_the_others_does_not_expire)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = a});
    for (int i = 0; i < 10; i++) {
        pass(5000);
        (void)heartbeat(b, NULL, 1);
    }
    cr_assert_not(is_told(ask));
    cr_assert_not_null(group_member_find(g, slice_of_text(a)));
    pass(REBALANCE_MS - 50000);
    cr_assert_eq(told[ask].error, 0); /* b is out: it did not join in time. */
    cr_assert_eq(g->member_count, 1);
}

Claim(a_new_member_does_not_wait_for_ever)
{
    options.new_join_ms = 5000;
    const char *a = stable_with_one();
    uint64_t ask = join((struct joiner){0});
    pass(4000);
    (void)heartbeat(a, NULL, 1);
    pass(1000);
    cr_assert_eq(told[ask].error, KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert_eq(g->member_count, 1);
}

Claim(a_leader_that_does_not_join_again_is_followed_by_another)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = b, .metadata = "x"});
    for (int i = 0; i < 12; i++) {
        (void)heartbeat(a, NULL, 1);
        pass(5000);
    }
    cr_assert_eq(told[ask].error, 0);
    cr_assert_str_eq(told[ask].leader, b);
    cr_assert(told[ask].has_members);
}

Claim(leaving_starts_a_rebalance_and_the_last_one_leaves_an_empty_group)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    cr_assert_eq(leave(b, NULL), 0);
    cr_assert_eq(g->state, GROUP_PREPARING);
    uint64_t again = join((struct joiner){.id = a});
    cr_assert_eq(told[again].error, 0);
    cr_assert_eq(leave(a, NULL), 0);
    cr_assert_eq(g->state, GROUP_EMPTY);
    cr_assert_eq(g->generation, 3);
    cr_assert_neq(fx.store, 0);
    cr_assert_null(g->protocol.at);
    cr_assert(slice_equal(g->protocol_type, slice_of_text("consumer")));
    cr_assert_eq(leave(a, NULL), KAFKA_UNKNOWN_MEMBER_ID);
}

Claim(who_leaves_while_it_waits_gets_its_answer)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = b, .metadata = "x"});
    cr_assert_eq(leave(b, NULL), 0);
    cr_assert_eq(told[ask].error, KAFKA_UNKNOWN_MEMBER_ID);
}

/* ---- Static members. ---- */

static const char *stable_static(void)
{
    uint64_t ask = join((struct joiner){.instance = "i", .needs_id = true});
    pass(3000);
    cr_assert_eq(told[ask].error, 0);
    cr_assert_eq(strncmp(told[ask].member_id, "i-", 2), 0);
    struct group_protocol part = {slice_of_text(told[ask].member_id), slice_of_text("mine")};
    (void)sync_with(told[ask].member_id, "i", 1, &part, 1);
    stored(fx.store, 0);
    return told[ask].member_id;
}

Claim(a_static_member_comes_back_without_a_rebalance)
{
    const char *a = stable_static();
    uint64_t ask = join((struct joiner){.instance = "i", .may_skip = true});
    cr_assert_not(is_told(ask));
    cr_assert_eq(g->state, GROUP_STABLE);
    stored(fx.store, 0);
    cr_assert_eq(told[ask].error, 0);
    cr_assert_str_neq(told[ask].member_id, a);
    cr_assert(told[ask].skip);
    cr_assert(told[ask].has_members);
    cr_assert_eq(g->generation, 1);
    struct group_member *m = group_member_find(g, slice_of_text(told[ask].member_id));
    cr_assert(slice_equal(m->assignment, slice_of_text("mine")));
}

Claim(an_old_client_that_comes_back_takes_itself_for_a_follower)
{
    const char *a = stable_static();
    uint64_t ask = join((struct joiner){.instance = "i"});
    stored(fx.store, 0);
    cr_assert_str_eq(told[ask].leader, a);
    cr_assert_not(told[ask].has_members);
    cr_assert_not(told[ask].skip);
}

Claim(the_one_that_was_replaced_is_fenced)
{
    const char *a = stable_static();
    (void)join((struct joiner){.instance = "i"});
    stored(fx.store, 0);
    cr_assert_eq(heartbeat(a, "i", 1), KAFKA_FENCED_INSTANCE_ID);
    cr_assert_eq(told[sync_with(a, "i", 1, NULL, 0)].error, KAFKA_FENCED_INSTANCE_ID);
    cr_assert_eq(leave(a, "i"), KAFKA_FENCED_INSTANCE_ID);
    cr_assert_eq(told[join((struct joiner){.id = a, .instance = "i"})].error,
                 KAFKA_FENCED_INSTANCE_ID);
    cr_assert_eq(heartbeat(a, NULL, 1), KAFKA_UNKNOWN_MEMBER_ID);
}

Claim(a_replacement_that_cannot_be_stored_is_undone)
{
    const char *a = stable_static();
    uint64_t ask = join((struct joiner){.instance = "i"});
    stored(fx.store, KAFKA_COORDINATOR_NOT_AVAILABLE);
    cr_assert_eq(told[ask].error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    cr_assert_eq(heartbeat(a, "i", 1), 0);
}

Claim(an_instance_whose_request_waits_is_fenced_by_the_next_one)
{
    (void)stable_static();
    uint64_t first = join((struct joiner){.instance = "i"});
    uint64_t second = join((struct joiner){.instance = "i"});
    cr_assert_eq(told[first].error, KAFKA_FENCED_INSTANCE_ID);
    stored(fx.store, 0);
    cr_assert_eq(told[second].error, 0);
}

Claim(a_static_member_that_comes_back_amid_a_sync_starts_a_rebalance)
{
    uint64_t first = join((struct joiner){.instance = "i"});
    (void)join((struct joiner){.instance = "k"});
    pass(6000);
    cr_assert_eq(told[first].error, 0);
    (void)join((struct joiner){.instance = "i"});
    cr_assert_eq(g->state, GROUP_PREPARING);
}

Claim(a_static_member_may_be_away_until_its_session_ends)
{
    (void)stable_static();
    uint64_t ask = join((struct joiner){.instance = "k"});
    pass(SESSION_MS - 1);
    cr_assert_eq(g->member_count, 2);
    pass(1);
    cr_assert_eq(told[ask].error, 0);
    cr_assert_eq(g->member_count, 1);
}

Claim(an_administrator_removes_a_static_member_by_its_name)
{
    (void)stable_static();
    cr_assert_eq(leave("", "x"), KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert_eq(leave("", "i"), 0);
    cr_assert_eq(g->state, GROUP_EMPTY);
}

/* ---- Commits. ---- */

static int16_t commit(const char *id, int32_t generation)
{
    struct group_commit c = {
        .member_id = slice_of_text(id), .generation = generation, .now_ms = now_ms};
    return group_commit(g, &c);
}

Claim(commits_are_for_members_of_this_generation)
{
    cr_assert_eq(commit("", -1), 0); /* Nobody is there: whoever assigns itself. */
    const char *a = stable_with_one();
    cr_assert_eq(commit(a, 1), 0);
    cr_assert_eq(commit(a, 0), KAFKA_ILLEGAL_GENERATION);
    cr_assert_eq(commit("x", 1), KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert_eq(commit("", -1), KAFKA_UNKNOWN_MEMBER_ID);
    (void)join((struct joiner){.id = a});
    cr_assert_eq(g->state, GROUP_COMPLETING);
    cr_assert_eq(commit(a, 2), KAFKA_REBALANCE_IN_PROGRESS);
}

Claim(while_a_rebalance_is_prepared_members_may_still_commit)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    (void)join((struct joiner){.id = a});
    cr_assert_eq(g->state, GROUP_PREPARING);
    cr_assert_eq(commit(b, 1), 0);
}

Claim(a_commit_counts_as_a_heartbeat)
{
    const char *a = stable_with_one();
    pass(SESSION_MS - 1);
    cr_assert_eq(commit(a, 1), 0);
    pass(SESSION_MS - 1);
    cr_assert_eq(g->member_count, 1);
}

/* ---- Storing, loading, ending. ---- */

Claim(a_group_comes_back_as_it_was_stored)
{
    const char *a = stable_static();
    static _Alignas(16) uint8_t memory[4096];
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct group_metadata_value value;
    cr_assert(group_value(g, false, &arena, &value));
    struct group *copy = group_new(&options, slice_of_text("g"));
    group_restore(copy, &value);
    group_check(copy);
    cr_assert_eq(copy->state, GROUP_STABLE);
    cr_assert_eq(copy->generation, 1);
    struct group_member *m = group_member_find(copy, slice_of_text(a));
    cr_assert_eq(copy->leader, m);
    cr_assert(slice_equal(m->instance_id, slice_of_text("i")));
    cr_assert(slice_equal(m->assignment, slice_of_text("mine")));
    cr_assert_eq(m->session_timeout_ms, SESSION_MS);

    struct group *old = g;
    g = copy;
    step(&(struct group_event){.kind = GROUP_LOADED});
    cr_assert_eq(heartbeat(a, "i", 1), 0); /* It need not join again. */
    pass(SESSION_MS);
    cr_assert_eq(g->state, GROUP_EMPTY);
    group_free(old);
}

Claim(all_who_wait_are_told_when_the_group_is_not_ours_any_more)
{
    const char *a, *b;
    stable_with_two(&a, &b);
    uint64_t ask = join((struct joiner){.id = a});
    struct group_event e = {.kind = GROUP_KILL};
    e.kill.error = KAFKA_NOT_COORDINATOR;
    step(&e);
    cr_assert_eq(told[ask].error, KAFKA_NOT_COORDINATOR);
    cr_assert_eq(heartbeat(b, NULL, 1), KAFKA_COORDINATOR_NOT_AVAILABLE);
    cr_assert_eq(g->deadline_ms, GROUP_NEVER);
}

Test(subscription, topics_are_found_in_any_version_and_junk_is_told)
{
    const uint8_t bytes[] = {0, 3, 0, 0, 0, 2, 0, 1, 'a', 0, 2, 'b', 'c', 0xff, 0xff};
    struct slice metadata = slice_of(bytes, sizeof bytes);
    bool is_sound;
    cr_assert(subscription_has(metadata, slice_of_text("bc"), &is_sound));
    cr_assert(is_sound);
    cr_assert_not(subscription_has(metadata, slice_of_text("b"), &is_sound));
    cr_assert(is_sound);
    cr_assert_not(subscription_has(slice_of(bytes, 8), slice_of_text("a"), &is_sound));
    cr_assert_not(is_sound);
}

/* What Java's String.hashCode() says of the same ids. */
Test(place, a_group_lives_where_kafka_puts_it)
{
    cr_assert_eq(group_partition(slice_of_text("g1"), 50), 42);
    cr_assert_eq(group_partition(slice_of_text("orders-consumer"), 50), 40);
    cr_assert_eq(group_partition(slice_of_text(""), 50), 0);
    cr_assert_eq(group_partition(slice_of_text("gr\xc3\xbc\xc3\x9f"), 50), 12);
    cr_assert_eq(group_partition(slice_of_text("\xf0\x9f\x90\xa6"), 50), 25);
    cr_assert_eq(group_partition(slice_of_text("polygenelubricants"), 50), 0); /* INT32_MIN */
    cr_assert_eq(group_partition(slice_of_text("DESIGNING WORKHOUSES"), 50), 0);
}

/* offset.metadata.max.bytes counts what String.length() does. */
Test(place, a_text_is_as_long_as_java_says)
{
    cr_assert_eq(text_utf16_units((struct slice){0}), 0);
    cr_assert_eq(text_utf16_units(slice_of_text("")), 0);
    cr_assert_eq(text_utf16_units(slice_of_text("gr\xc3\xbc\xc3\x9f")), 4);
    cr_assert_eq(text_utf16_units(slice_of_text("\xe2\x82\xac")), 1);
    cr_assert_eq(text_utf16_units(slice_of_text("\xf0\x9f\x90\xa6")), 2);
    cr_assert_eq(text_utf16_units(slice_of_text("\x80\x80\xff")), 3); /* Each is U+FFFD. */
    cr_assert_eq(text_utf16_units(slice_of_text("a\xc3")), 2);
}

/* ---- Offsets. ---- */

Test(offsets, a_commit_is_not_seen_before_it_is_committed)
{
    struct offsets o = {0};
    struct slice t = slice_of_text("t");
    offsets_begin(&o, t, 3);
    cr_assert_not(offsets_find(&o, t, 3)->is_there);
    struct offset_value v = {.offset = 7, .metadata = slice_of_text("x")};
    offsets_apply(&o, t, 3, &v, true);
    cr_assert(offsets_find(&o, t, 3)->is_there);
    cr_assert_eq(offsets_find(&o, t, 3)->value.offset, 7);
    cr_assert_eq(o.count, 1);
    offsets_close(&o);
}

Test(offsets, a_deletion_under_way_leaves_what_comes_after_it)
{
    struct offsets o = {0};
    struct slice t = slice_of_text("t");
    struct offset_value v = {.offset = 7};
    offsets_apply(&o, t, 0, &v, false);
    offsets_begin(&o, t, 0);
    offsets_begin(&o, t, 0);
    offsets_apply(&o, t, 0, NULL, true);
    cr_assert_not(offsets_find(&o, t, 0)->is_there);
    v.offset = 9;
    offsets_apply(&o, t, 0, &v, true);
    cr_assert_eq(offsets_find(&o, t, 0)->value.offset, 9);
    offsets_apply(&o, t, 0, NULL, false);
    cr_assert_null(offsets_find(&o, t, 0));
    cr_assert_null(o.topics);
    cr_assert_eq(o.count, 0);
    offsets_close(&o);
}
