/* The core of groups of the consumer protocol (KIP-848), claim by claim. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/groups/consumer/consumer.h"
#include "common/pattern.h"
#include "proto/kafka_errors.h"

#define SESSION_MS 45000
#define REBALANCE_MS 60000

static struct consumer_settings settings;
static struct topic_table topics;
static struct consumer_group *c;
static struct group *classic;
static struct group_options classic_options;
static struct consumer_effects fx;
static uint64_t now_ms;
static _Alignas(16) uint8_t memory[1 << 20];

static struct slice text(const char *t)
{
    return t == NULL ? (struct slice){0} : slice_of_text(t);
}

static struct uuid topic_id(int number)
{
    struct uuid id = {{0}};
    id.bytes[0] = (uint8_t)number;
    return id;
}

static struct part part(int topic, int number)
{
    return (struct part){topic_id(topic), number};
}

/* Topics "t1", "t2" ... with so many partitions each; 0: there is none of that name. */
static void have_topics(int count, const int *sizes)
{
    uint64_t version = topics.version + 1;
    topic_table_begin(&topics);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i + 1);
        if (sizes[i] > 0) topic_table_add(&topics, text(name), topic_id(i + 1), (uint32_t)sizes[i]);
    }
    topic_table_end(&topics, version);
}

static void begin(int partitions)
{
    settings = (struct consumer_settings){
        .session_ms = SESSION_MS,
        .heartbeat_ms = 5000,
        .size_max = 1000,
        .classic_size_max = 1000,
        .policy = CONSUMER_POLICY_BIDIRECTIONAL,
        .assignor_count = 2,
        .assignors = {ASSIGNOR_UNIFORM, ASSIGNOR_RANGE},
    };
    classic_options =
        (struct group_options){.initial_delay_ms = 0, .new_join_ms = 300000, .size_max = 1000};
    now_ms = 1000;
    topics = (struct topic_table){0};
    have_topics(1, &partitions);
    classic = group_new(&classic_options, text("g"));
    c = consumer_new(text("g"));
    struct consumer_event e = {.classic = classic, .settings = &settings, .topics = &topics};
    consumer_upgrade(c, &e);
}

static void end(void)
{
    consumer_free(c);
    group_free(classic);
    topic_table_close(&topics);
}

static void step(struct consumer_event *e)
{
    e->now_ms = now_ms;
    e->wall_ms = (int64_t)now_ms + 1000000;
    e->settings = &settings;
    e->topics = &topics;
    e->classic = classic;
    consumer_step(c, e, &fx);
    consumer_check_all(c, true);
}

/* A member as it sees itself. */
struct client {
    const char *id, *instance, *topic, *pattern, *assignor;
    int32_t epoch;
    struct part_set owned;
    bool says_nothing_of_owned;
};

static struct consumer_event heartbeat_of(struct client *k, struct slice *topic)
{
    struct consumer_event e = {.kind = CONSUMER_HEARTBEAT};
    bool joins = k->epoch == 0;
    e.heartbeat.member_id = text(k->id);
    e.heartbeat.member_epoch = k->epoch;
    e.heartbeat.instance_id = text(k->instance);
    e.heartbeat.client_id = text("c");
    e.heartbeat.client_host = text("/127.0.0.1");
    e.heartbeat.rebalance_timeout_ms = joins ? REBALANCE_MS : -1;
    e.heartbeat.assignor = text(k->assignor);
    *topic = text(k->topic != NULL ? k->topic : "t1");
    e.heartbeat.has_topics = joins && k->pattern == NULL;
    e.heartbeat.topic_count = e.heartbeat.has_topics ? 1 : 0;
    e.heartbeat.topics = topic;
    if (joins) e.heartbeat.pattern = text(k->pattern);
    e.heartbeat.has_owned = !k->says_nothing_of_owned;
    e.heartbeat.owned = k->owned;
    e.heartbeat.needs_member_id = true;
    return e;
}

/* It gives up what it is not assigned, and takes the rest: what a client does, all at once. */
static int16_t beat(struct client *k)
{
    struct slice topic;
    struct consumer_event e = heartbeat_of(k, &topic);
    step(&e);
    if (fx.answer.error != KAFKA_NONE) return fx.answer.error;
    const struct consumer_member *m = fx.answer.member;
    cr_assert_not_null(m);
    k->epoch = m->epoch;
    if (fx.answer.has_assignment) part_set_copy(&k->owned, &m->assigned);
    return KAFKA_NONE;
}

static int16_t leave(struct client *k, int32_t how)
{
    struct slice topic;
    k->epoch = how;
    struct consumer_event e = heartbeat_of(k, &topic);
    step(&e);
    part_set_close(&k->owned);
    return fx.answer.error;
}

static struct consumer_member *member(const char *id)
{
    return consumer_member_find(c, text(id));
}

static const char *state(void)
{
    return consumer_state_text(consumer_state_of(c));
}

static void tick(uint64_t later_ms)
{
    now_ms += later_ms;
    struct consumer_event e = {.kind = CONSUMER_TICK};
    step(&e);
}

/* ---- One member, two members. ---- */

Test(consumer, the_first_member_gets_all_at_once)
{
    begin(4);
    struct client a = {.id = "a"};
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(a.epoch, 1);
    cr_assert_eq(a.owned.count, 4);
    cr_assert(fx.store != 0);
    cr_assert(fx.has_rebalanced);
    cr_assert_str_eq(state(), "Stable");

    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(a.epoch, 1);
    cr_assert(fx.answer.member == member("a"));
    part_set_close(&a.owned);
    end();
}

Test(consumer, a_heartbeat_that_says_nothing_new_stores_nothing)
{
    begin(4);
    struct client a = {.id = "a"};
    beat(&a);
    struct consumer_cursor at = {0};
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct group_record r;
    while (consumer_next_record(c, fx.store, &at, &arena, &r)) continue;
    a.says_nothing_of_owned = true;
    beat(&a);
    cr_assert_eq(fx.store, 0);
    cr_assert_not(fx.answer.has_assignment);
    part_set_close(&a.owned);
    end();
}

/* The client needs not know that it was to say everything again. */
Test(consumer, an_assignment_whose_answer_was_lost_or_refused_is_told_again)
{
    begin(2);
    struct client a = {.id = "a"}, b = {.id = "b"};
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(beat(&b), KAFKA_NONE);
    cr_assert_eq(beat(&a), KAFKA_NONE); /* Gives one up, ... */
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(beat(&b), KAFKA_NONE); /* ... which is b's now. */
    cr_assert(fx.answer.has_assignment);
    cr_assert_eq(b.owned.count, 1);
    part_set_clear(&b.owned);
    consumer_store_failed(c);
    cr_assert_eq(beat(&b), KAFKA_NONE);
    cr_expect(fx.answer.has_assignment);
    cr_expect_eq(b.owned.count, 1);
    cr_assert_eq(beat(&b), KAFKA_NONE);
    cr_expect_not(fx.answer.has_assignment, "once is enough");

    /* An epoch that it was told of in an answer that never came. */
    struct client n = {.id = "n"};
    cr_assert_eq(beat(&n), KAFKA_NONE);
    int32_t old = b.epoch;
    cr_assert_eq(beat(&b), KAFKA_NONE);
    cr_assert_gt(b.epoch, old);
    part_set_clear(&b.owned);
    b.epoch = old;
    cr_assert_eq(beat(&b), KAFKA_NONE);
    cr_expect(fx.answer.has_assignment);
    cr_expect_eq(b.owned.count, 1);
    part_set_close(&a.owned);
    part_set_close(&b.owned);
    part_set_close(&n.owned);
    end();
}

Test(consumer, a_partition_goes_to_another_when_its_holder_has_given_it_up)
{
    begin(4);
    struct client a = {.id = "a"}, b = {.id = "b"};
    beat(&a);
    beat(&b);
    cr_assert_eq(b.epoch, 2);
    cr_assert_eq(b.owned.count, 0);
    cr_assert_eq(member("b")->state, CONSUMER_MEMBER_UNRELEASED);
    cr_assert_str_eq(state(), "Reconciling");

    /* a hears that it is to give up two; it stays at its epoch. */
    struct part_set before = {0};
    part_set_copy(&before, &a.owned);
    beat(&a);
    cr_assert_eq(a.epoch, 1);
    cr_assert_eq(a.owned.count, 2);
    cr_assert_eq(member("a")->state, CONSUMER_MEMBER_UNREVOKED);
    cr_assert_eq(member("a")->revoking.count, 2);

    /* While it says that it has them still, nobody gets them. */
    struct part_set after = a.owned;
    a.owned = before;
    struct slice topic;
    struct consumer_event e = heartbeat_of(&a, &topic);
    step(&e);
    cr_assert_eq(member("a")->state, CONSUMER_MEMBER_UNREVOKED);
    beat(&b);
    cr_assert_eq(b.owned.count, 0);

    part_set_close(&a.owned);
    a.owned = after;
    beat(&a);
    cr_assert_eq(a.epoch, 2);
    beat(&b);
    cr_assert_eq(b.owned.count, 2);
    cr_assert_not(part_set_meets(&a.owned, &b.owned));
    cr_assert_str_eq(state(), "Stable");
    part_set_close(&a.owned);
    part_set_close(&b.owned);
    end();
}

Test(consumer, who_leaves_is_missed_at_once)
{
    begin(4);
    struct client a = {.id = "a"}, b = {.id = "b"};
    beat(&a);
    beat(&b);
    beat(&a);
    beat(&a);
    beat(&b);
    cr_assert_eq(leave(&b, -1), KAFKA_NONE);
    cr_assert_null(member("b"));
    cr_assert_str_eq(state(), "Assigning");
    beat(&a);
    cr_assert_eq(a.owned.count, 4);
    cr_assert_eq(a.epoch, 3);
    part_set_close(&a.owned);
    end();
}

/* ---- Epochs. ---- */

Test(consumer, an_epoch_that_is_not_its_own_is_fenced)
{
    begin(4);
    struct client a = {.id = "a"}, b = {.id = "b"};
    beat(&a);
    beat(&b);
    beat(&a);
    a.says_nothing_of_owned = false;
    beat(&a); /* 2 */
    beat(&b);
    struct client old = {.id = "a", .epoch = 1, .says_nothing_of_owned = true};
    cr_assert_eq(beat(&old), KAFKA_FENCED_MEMBER_EPOCH);
    /* The last answer may have been lost; but not if it has more than it was assigned. */
    old.says_nothing_of_owned = false;
    part_set_copy(&old.owned, &a.owned);
    cr_assert_eq(beat(&old), KAFKA_NONE);
    cr_assert_eq(old.epoch, 2);
    for (int i = 0; i < 4; i++) part_set_add(&old.owned, part(1, i));
    old.epoch = 1;
    cr_assert_eq(beat(&old), KAFKA_FENCED_MEMBER_EPOCH);
    old.epoch = 7;
    cr_assert_eq(beat(&old), KAFKA_FENCED_MEMBER_EPOCH);
    cr_assert_not_null(strstr(fx.answer.message, "greater member epoch (7)"));

    struct client nobody = {.id = "nobody", .epoch = 1};
    cr_assert_eq(beat(&nobody), KAFKA_UNKNOWN_MEMBER_ID);
    part_set_close(&old.owned);
    part_set_close(&a.owned);
    part_set_close(&b.owned);
    end();
}

Test(consumer, commits_are_fenced_by_the_epoch)
{
    begin(4);
    struct consumer_commit q = {.member_id = text(""), .epoch = -1, .version = 9};
    cr_assert_eq(consumer_check_commit(c, &q), KAFKA_NONE); /* Nobody is there. */
    struct client a = {.id = "a"};
    beat(&a);
    cr_assert_eq(consumer_check_commit(c, &q), KAFKA_UNKNOWN_MEMBER_ID);
    q = (struct consumer_commit){.member_id = text("a"), .epoch = 1, .version = 9};
    cr_assert_eq(consumer_check_commit(c, &q), KAFKA_NONE);
    q.version = 8;
    cr_assert_eq(consumer_check_commit(c, &q), KAFKA_UNSUPPORTED_VERSION);
    q.version = 9;
    q.epoch = 0;
    cr_assert_eq(consumer_check_commit(c, &q), KAFKA_STALE_MEMBER_EPOCH);
    cr_assert_eq(consumer_check_fetch(c, (struct slice){0}, -1), KAFKA_NONE);
    cr_assert_eq(consumer_check_fetch(c, text("a"), 1), KAFKA_NONE);
    cr_assert_eq(consumer_check_fetch(c, text("a"), 2), KAFKA_STALE_MEMBER_EPOCH);
    cr_assert_eq(consumer_check_fetch(c, text("b"), 2), KAFKA_UNKNOWN_MEMBER_ID);
    part_set_close(&a.owned);
    end();
}

/* ---- Time. ---- */

Test(consumer, who_is_silent_for_the_session_timeout_is_out)
{
    begin(4);
    struct client a = {.id = "a"}, b = {.id = "b"};
    beat(&a);
    now_ms += SESSION_MS / 2;
    beat(&b);
    cr_assert_leq(c->deadline_ms, now_ms + SESSION_MS / 2);
    tick(SESSION_MS / 2);
    cr_assert_null(member("a"));
    cr_assert_not_null(member("b"));
    cr_assert_not_null(strstr(c->why, "sent no heartbeat"));
    beat(&b);
    cr_assert_eq(b.owned.count, 4);
    part_set_close(&a.owned);
    part_set_close(&b.owned);
    end();
}

Test(consumer, who_does_not_give_up_in_time_is_out)
{
    begin(4);
    struct client a = {.id = "a"}, b = {.id = "b"};
    beat(&a);
    beat(&b);
    beat(&a);
    a.says_nothing_of_owned = true; /* It lives, and gives nothing up. */
    for (int i = 0; i < 4; i++) {
        now_ms += REBALANCE_MS / 4;
        beat(&b);
        if (i < 3) cr_assert_eq(beat(&a), KAFKA_NONE);
    }
    tick(0);
    cr_assert_null(member("a"));
    beat(&b);
    cr_assert_eq(b.owned.count, 4);
    part_set_close(&a.owned);
    part_set_close(&b.owned);
    end();
}

/* ---- Static members. ---- */

Test(consumer, a_static_member_that_comes_back_finds_what_it_had)
{
    begin(4);
    struct client a = {.id = "a", .instance = "one"}, b = {.id = "b"};
    beat(&a);
    beat(&b);
    beat(&a);
    beat(&a);
    beat(&b);
    struct part_set had = {0};
    part_set_copy(&had, &a.owned);
    int32_t epoch = c->epoch;

    struct client too_early = {.id = "x", .instance = "one"};
    cr_assert_eq(beat(&too_early), KAFKA_UNRELEASED_INSTANCE_ID);
    cr_assert_eq(leave(&a, -2), KAFKA_NONE);
    cr_assert_eq(member("a")->epoch, -2);
    beat(&b);
    cr_assert_eq(b.owned.count, 2);

    struct client back = {.id = "a2", .instance = "one"};
    cr_assert_eq(beat(&back), KAFKA_NONE);
    cr_assert_eq(c->epoch, epoch, "nothing has changed but a name");
    cr_assert(part_set_equal(&back.owned, &had));
    cr_assert_null(member("a"));

    struct client zombie = {.id = "a", .instance = "one", .epoch = epoch};
    cr_assert_eq(beat(&zombie), KAFKA_FENCED_INSTANCE_ID);
    struct client stranger = {.id = "s", .instance = "two", .epoch = epoch};
    cr_assert_eq(beat(&stranger), KAFKA_UNKNOWN_MEMBER_ID);
    part_set_close(&had);
    part_set_close(&back.owned);
    part_set_close(&b.owned);
    end();
}

/* ---- What is refused. ---- */

Test(consumer, what_is_not_sound_is_refused_with_kafkas_words)
{
    static const struct {
        const char *id, *instance, *rack, *assignor, *pattern;
        int32_t epoch, timeout;
        bool has_topics, has_owned;
        int16_t error;
    } rows[] = {
        {"", 0, 0, 0, 0, 0, 1, true, true, KAFKA_INVALID_REQUEST},
        {"m", "", 0, 0, 0, 0, 1, true, true, KAFKA_INVALID_REQUEST},
        {"m", 0, " ", 0, 0, 0, 1, true, true, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, 0, 0, 0, -1, true, true, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, 0, 0, 0, 1, false, true, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, 0, 0, 0, 1, true, false, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, 0, 0, -2, 1, true, true, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, 0, 0, -3, 1, true, true, KAFKA_INVALID_REQUEST},
        {"m", 0, 0, "best", 0, 0, 1, true, true, KAFKA_UNSUPPORTED_ASSIGNOR},
        {"m", 0, 0, 0, "a(", 0, 1, false, true, KAFKA_INVALID_REGULAR_EXPRESSION},
        {"m", 0, 0, 0, "(((a{1000}){1000}){1000})", 0, 1, false, true,
         KAFKA_INVALID_REGULAR_EXPRESSION},
        {"m", 0, 0, "range", "a.*", 0, 1, false, true, KAFKA_NONE},
        {"m", "i", "r", 0, 0, 0, 1, true, true, KAFKA_NONE},
    };
    begin(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct consumer_event e = {.kind = CONSUMER_HEARTBEAT, .settings = &settings};
        e.heartbeat.member_id = text(rows[i].id);
        e.heartbeat.instance_id = text(rows[i].instance);
        e.heartbeat.rack_id = text(rows[i].rack);
        e.heartbeat.assignor = text(rows[i].assignor);
        e.heartbeat.pattern = text(rows[i].pattern);
        e.heartbeat.member_epoch = rows[i].epoch;
        e.heartbeat.rebalance_timeout_ms = rows[i].timeout;
        e.heartbeat.has_topics = rows[i].has_topics;
        e.heartbeat.has_owned = rows[i].has_owned;
        e.heartbeat.needs_member_id = true;
        cr_assert_eq(consumer_is_sound(text("g"), &e, &fx), rows[i].error == KAFKA_NONE, "%zu", i);
        cr_assert_eq(fx.answer.error, rows[i].error, "row %zu: %d", i, fx.answer.error);
        cr_assert_eq(fx.answer.message[0] == '\0', rows[i].error == KAFKA_NONE);
        if (rows[i].error != KAFKA_UNSUPPORTED_ASSIGNOR) continue;
        cr_assert_str_eq(
            fx.answer.message,
            "ServerAssignor best is not supported. Supported assignors: uniform, range.");
    }
    end();
}

Test(consumer, a_full_group_takes_nobody_else)
{
    begin(4);
    settings.size_max = 1;
    struct client a = {.id = "a"}, b = {.id = "b"};
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(beat(&b), KAFKA_GROUP_MAX_SIZE_REACHED);
    cr_assert_eq(beat(&a), KAFKA_NONE);
    part_set_close(&a.owned);
    end();
}

/* ---- Topics. ---- */

Test(consumer, a_topic_that_grows_is_shared_out_anew)
{
    begin(2);
    struct client a = {.id = "a"};
    beat(&a);
    cr_assert_eq(a.owned.count, 2);
    int size = 5;
    have_topics(1, &size);
    beat(&a);
    cr_assert_eq(a.owned.count, 5);
    cr_assert_eq(a.epoch, 2);
    have_topics(1, &size); /* Another version, the same topics. */
    beat(&a);
    cr_assert_eq(a.epoch, 2);
    size = 0;
    have_topics(1, &size);
    beat(&a);
    cr_assert_eq(a.owned.count, 0);
    part_set_close(&a.owned);
    end();
}

Test(consumer, an_expression_stands_for_the_topics_that_it_matches_as_a_whole)
{
    begin(2);
    int sizes[] = {2, 3, 4};
    have_topics(2, sizes);
    struct client a = {.id = "a", .pattern = "t[23]"};
    beat(&a);
    cr_assert_eq(a.owned.count, 3);
    cr_assert(consumer_subscribes(c, text("t2")));
    cr_assert_not(consumer_subscribes(c, text("t1")));
    have_topics(3, sizes); /* Another one that matches. */
    beat(&a);
    cr_assert_eq(a.owned.count, 7);
    struct client b = {.id = "b", .pattern = "t"};
    beat(&b);
    cr_assert_eq(b.owned.count, 0);
    part_set_close(&a.owned);
    end();
}

/* ---- Members of the classic protocol. ---- */

/* A ConsumerProtocolSubscription of version 1, owning so many partitions of t1 from `first` on. */
static struct slice subscription(uint8_t *to, int first, int count)
{
    struct writer w = writer_with(1024);
    write_i16(&w, 1);
    write_i32(&w, 1);
    write_i16(&w, 2);
    write_bytes(&w, "t1", 2);
    write_i32(&w, -1);
    write_i32(&w, count > 0 ? 1 : 0);
    if (count > 0) {
        write_i16(&w, 2);
        write_bytes(&w, "t1", 2);
        write_i32(&w, count);
        for (int i = 0; i < count; i++) write_i32(&w, first + i);
    }
    memcpy(to, w.base, w.size);
    struct slice s = slice_of(to, w.size);
    writer_close(&w);
    return s;
}

static struct consumer_answer join_classic(const char *id, const char *instance, int first,
                                           int count)
{
    static uint8_t bytes[1024];
    struct group_protocol protocol = {text("range"), subscription(bytes, first, count)};
    struct consumer_event e = {.kind = CONSUMER_JOIN};
    e.join.member_id = text(id);
    e.join.instance_id = text(instance);
    e.join.client_id = text("c");
    e.join.client_host = text("/h");
    e.join.session_timeout_ms = 10000;
    e.join.rebalance_timeout_ms = REBALANCE_MS;
    e.join.protocol_type = text("consumer");
    e.join.protocol_count = 1;
    e.join.protocols = &protocol;
    e.join.needs_known_id = instance == NULL;
    step(&e);
    return fx.answer;
}

static int16_t beat_classic(const char *id, int32_t generation, enum consumer_event_kind kind)
{
    struct consumer_event e = {.kind = kind};
    e.sync.member_id = text(id);
    e.sync.generation = generation;
    step(&e);
    return fx.answer.error;
}

Test(consumer, a_member_of_the_classic_protocol_joins_and_is_told_to_join_again)
{
    begin(4);
    struct client a = {.id = "a"};
    beat(&a);
    cr_assert_eq(join_classic("", NULL, 0, 0).error, KAFKA_MEMBER_ID_REQUIRED);
    cr_assert_eq(strlen(fx.answer.member_id), 22);
    cr_assert_eq(join_classic("k", NULL, 0, 0).error, KAFKA_NONE);
    cr_assert_eq(member("k")->epoch, 2);
    cr_assert_eq(beat_classic("k", 2, CONSUMER_SYNC), KAFKA_NONE);
    cr_assert_eq(member("k")->assigned.count, 0);
    cr_assert_eq(beat_classic("k", 2, CONSUMER_CLASSIC_HEARTBEAT), KAFKA_NONE);
    beat(&a);
    beat(&a);
    cr_assert_eq(a.owned.count, 2);
    /* What it waited for is free now. */
    cr_assert_eq(beat_classic("k", 2, CONSUMER_CLASSIC_HEARTBEAT), KAFKA_REBALANCE_IN_PROGRESS);
    join_classic("k", NULL, 0, 0);
    cr_assert_eq(beat_classic("k", 2, CONSUMER_SYNC), KAFKA_NONE);
    cr_assert_eq(member("k")->assigned.count, 2);
    cr_assert_str_eq(state(), "Stable");
    cr_assert_eq(beat_classic("k", 1, CONSUMER_CLASSIC_HEARTBEAT), KAFKA_ILLEGAL_GENERATION);
    cr_assert_eq(beat_classic("a", 2, CONSUMER_CLASSIC_HEARTBEAT), KAFKA_UNKNOWN_MEMBER_ID);

    tick(10000);
    cr_assert_null(member("k"), "its own session timeout counts");
    part_set_close(&a.owned);
    end();
}

Test(consumer, when_only_members_of_the_classic_protocol_are_left_the_group_is_one)
{
    begin(4);
    struct client a = {.id = "a"};
    beat(&a);
    join_classic("k", "static", 0, 0);
    beat_classic("k", 2, CONSUMER_SYNC);
    cr_assert_eq(leave(&a, -1), KAFKA_NONE);
    cr_assert(fx.has_downgraded);
    cr_assert_not(c->is_alive);
    cr_assert_eq(classic->member_count, 1);
    cr_assert_eq(classic->state, GROUP_STABLE);
    cr_assert_eq(classic->generation, 3);

    /* And back, when somebody comes who speaks the consumer protocol. */
    struct consumer_event e = {.classic = classic, .settings = &settings, .topics = &topics};
    settings.policy = CONSUMER_POLICY_DOWNGRADE;
    cr_assert_eq(consumer_may_upgrade(&e, &fx), KAFKA_GROUP_ID_NOT_FOUND);
    settings.policy = CONSUMER_POLICY_UPGRADE;
    cr_assert_eq(consumer_may_upgrade(&e, &fx), KAFKA_NONE);
    consumer_upgrade(c, &e);
    cr_assert_eq(classic->member_count, 0);
    cr_assert_eq(c->member_count, 1);
    cr_assert_eq(c->epoch, 3);
    cr_assert(member("k")->is_classic);
    a.epoch = 0;
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_eq(a.epoch, 4);
    cr_assert_eq(a.owned.count, 2, "the other one had nothing yet, and is to have two");

    settings.policy = CONSUMER_POLICY_UPGRADE;
    leave(&a, -1);
    cr_assert(c->is_alive, "it may not become a classic group");
    end();
}

Test(consumer, an_empty_group_that_changes_its_protocol_goes_on_counting)
{
    begin(4);
    struct client a = {.id = "a"};
    beat(&a);
    cr_assert_eq(leave(&a, -1), KAFKA_NONE);
    int32_t epoch = c->epoch;
    cr_assert_gt(epoch, 0);
    consumer_make_way(c, classic);
    cr_assert_not(c->is_alive);
    cr_assert_eq(classic->generation, epoch, "no generation is an epoch that was");

    struct consumer_event e = {.classic = classic, .settings = &settings, .topics = &topics};
    consumer_upgrade(c, &e);
    cr_assert_eq(c->epoch, epoch);
    a.epoch = 0;
    cr_assert_eq(beat(&a), KAFKA_NONE);
    cr_assert_gt(a.epoch, epoch);
    end();
}

Test(consumer, an_administrator_removes_members_of_either_protocol)
{
    begin(4);
    struct client a = {.id = "a", .instance = "one"};
    beat(&a);
    join_classic("k", "static", 0, 0);
    struct group_leaver leavers[] = {{.instance_id = text("one"), .reason = text("by hand")},
                                     {.instance_id = text("two"), .reason = text("by hand")}};
    int16_t errors[2];
    struct consumer_event e = {.kind = CONSUMER_LEAVE};
    e.leave.count = 2;
    e.leave.leavers = leavers;
    e.leave.errors = errors;
    step(&e);
    cr_assert_eq(errors[0], KAFKA_NONE);
    cr_assert_eq(errors[1], KAFKA_UNKNOWN_MEMBER_ID);
    cr_assert(fx.has_downgraded, "only a member of the classic protocol is left");
    part_set_close(&a.owned);
    end();
}

Test(consumer, a_static_member_changes_its_protocol_by_a_restart)
{
    begin(4);
    struct client a = {.id = "a", .instance = "one"};
    beat(&a);
    cr_assert_eq(join_classic("", "one", 0, 0).error, KAFKA_REBALANCE_IN_PROGRESS);
    cr_assert(fx.has_downgraded);
    cr_assert_eq(classic->member_count, 1);
    cr_assert(slice_equal(classic->members->instance_id, text("one")));
    part_set_close(&a.owned);
    end();
}
