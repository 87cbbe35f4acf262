/* The core of groups of the consumer protocol under members that a seed draws: they join, leave,
 * hang, restart as static members, speak the classic protocol, lose answers; topics come and grow;
 * stores fail; coordinators begin anew from what is stored. No partition ever has two owners, what
 * is stored is what is, and when it is quiet everybody has a part. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "broker/groups/consumer/consumer.h"
#include "common/prng.h"
#include "proto/kafka_errors.h"

#define CLIENTS 6
#define TOPICS 3
#define SESSION_MS 9000
#define REBALANCE_MS 6000

/* The log as compaction leaves it: the last value of each key. */
struct stored {
    struct slice key;
    struct slice value;
    UT_hash_handle hh;
};

struct client {
    char id[16];
    char instance[16];
    bool is_there, is_classic, is_static, has_pattern;
    bool says_all; /* The last answer was lost: what it says next is whole. */
    int32_t epoch;
    struct part_set owned;
    uint64_t heard_ms; /* Of the coordinator, last. */
};

struct run {
    uint64_t seed;
    struct prng prng;
    struct consumer_settings settings;
    struct topic_table topics;
    uint32_t sizes[TOPICS];
    struct group_options classic_options;
    struct group *classic;
    struct consumer_group *group;
    struct consumer_effects fx;
    struct stored *log;
    struct client clients[CLIENTS];
    uint64_t now_ms;
    uint32_t next_id;
    uint32_t handovers; /* Partitions that have got another owner. */
    uint32_t failed_stores;
};

static _Alignas(16) uint8_t memory[1 << 20];
static struct run run;

static uint64_t below(uint64_t bound)
{
    return prng_range(&run.prng, 0, bound - 1);
}

static struct uuid topic_id(uint32_t t)
{
    struct uuid id = {{0}};
    id.bytes[3] = (uint8_t)(t + 1);
    return id;
}

static void refresh_topics(void)
{
    topic_table_begin(&run.topics);
    for (uint32_t t = 0; t < TOPICS; t++) {
        char name[8];
        snprintf(name, sizeof name, "t%u", t);
        if (run.sizes[t] > 0) {
            topic_table_add(&run.topics, slice_of_text(name), topic_id(t), run.sizes[t]);
        }
    }
    topic_table_end(&run.topics, run.topics.version + 1);
}

/* ---- The log. ---- */

static struct slice copy(struct slice from)
{
    uint8_t *at = malloc(from.size + 1);
    memcpy(at, from.at, from.size);
    return slice_of(at, from.size);
}

static void put(const struct group_record *r)
{
    struct writer key = writer_with(1 << 20), value = writer_with(1 << 20);
    cr_assert_eq(group_record_encode_key(r, &key), 0);
    if (!r->is_tombstone) cr_assert_eq(group_record_encode_value(r, &value), 0);
    struct stored *at = NULL;
    HASH_FIND(hh, run.log, key.base, key.size, at);
    if (at != NULL) {
        /* In the order of the last write. */
        HASH_DEL(run.log, at);
        free((void *)(uintptr_t)at->key.at);
        free((void *)(uintptr_t)at->value.at);
        free(at);
    }
    if (!r->is_tombstone) {
        at = calloc(1, sizeof *at);
        at->key = copy(writer_slice(&key));
        at->value = copy(writer_slice(&value));
        HASH_ADD_KEYPTR(hh, run.log, at->key.at, at->key.size, at);
    }
    writer_close(&key);
    writer_close(&value);
}

static void drop_log(void)
{
    struct stored *at, *next;
    HASH_ITER(hh, run.log, at, next)
    {
        HASH_DEL(run.log, at);
        free((void *)(uintptr_t)at->key.at);
        free((void *)(uintptr_t)at->value.at);
        free(at);
    }
}

static struct consumer_event event_of(enum consumer_event_kind kind)
{
    return (struct consumer_event){.kind = kind,
                                   .now_ms = run.now_ms,
                                   .wall_ms = (int64_t)run.now_ms + 1000000,
                                   .settings = &run.settings,
                                   .topics = &run.topics,
                                   .classic = run.classic};
}

static struct consumer_group *load(void)
{
    struct consumer_group *g = consumer_new(slice_of_text("g"));
    const struct stored *at;
    for (at = run.log; at != NULL; at = at->hh.next) {
        struct arena arena = {.base = memory, .size = sizeof memory};
        struct group_record r;
        cr_assert_eq(group_record_decode(at->key, at->value, &arena, &r), 0);
        consumer_replay(g, &r);
    }
    consumer_end_replay(g);
    if (g->is_alive) {
        struct consumer_event e = event_of(CONSUMER_LOADED);
        struct consumer_effects fx;
        consumer_step(g, &e, &fx);
        consumer_check_all(g, true);
    }
    return g;
}

static int by_id(const void *a, const void *b)
{
    return slice_compare((*(struct consumer_member *const *)a)->id,
                         (*(struct consumer_member *const *)b)->id);
}

static void dump_set(struct writer *w, const struct part_set *s)
{
    write_i32(w, (int32_t)s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        write_uuid(w, s->items[i].topic);
        write_i32(w, s->items[i].number);
    }
}

/* All that is stored of a group, in an order of its own. */
static void dump(struct writer *w, const struct consumer_group *g)
{
    struct consumer_member *members[64], *m;
    uint32_t count = 0;
    for (m = g->members; m != NULL; m = m->hh.next) members[count++] = m;
    qsort(members, count, sizeof members[0], by_id);
    write_i32(w, g->epoch);
    write_i32(w, g->target_epoch);
    write_i64(w, (int64_t)g->metadata_hash);
    for (uint32_t i = 0; i < count; i++) {
        m = members[i];
        write_slice(w, m->id);
        write_slice(w, m->instance_id);
        write_slice(w, m->pattern);
        for (uint32_t t = 0; t < m->topic_count; t++) write_slice(w, m->topics[t]);
        write_i8(w, m->is_classic);
        write_i32(w, m->epoch);
        write_i32(w, m->previous_epoch);
        write_i8(w, (int8_t)m->state);
        write_i32(w, (int32_t)m->protocol_count);
        dump_set(w, &m->assigned);
        dump_set(w, &m->revoking);
        dump_set(w, &m->target);
    }
}

/* What one would load now is what there is. */
static void expect_stored(void)
{
    struct consumer_group *other = load();
    cr_assert_eq(other->is_alive, run.group->is_alive, "seed %d", (int)run.seed);
    struct writer a = writer_with(1 << 20), b = writer_with(1 << 20);
    if (other->is_alive) {
        dump(&a, run.group);
        dump(&b, other);
        cr_assert(slice_equal(writer_slice(&a), writer_slice(&b)), "seed %d", (int)run.seed);
    }
    writer_close(&a);
    writer_close(&b);
    consumer_free(other);
}

/* True: what the step wanted stored is. */
static bool store(void)
{
    if (run.fx.store == 0) return true;
    struct consumer_cursor at = {0};
    struct group_record r;
    bool fails = below(12) == 0;
    for (;;) {
        struct arena arena = {.base = memory, .size = sizeof memory};
        if (!consumer_next_record(run.group, run.fx.store, &at, &arena, &r)) break;
        if (!fails) put(&r);
    }
    if (fails) {
        run.failed_stores++;
        consumer_store_failed(run.group);
        return false;
    }
    consumer_store_done(run.group, run.fx.store);
    expect_stored();
    return true;
}

/* ---- Clients. ---- */

static void nobody_shares(void)
{
    for (uint32_t a = 0; a < CLIENTS; a++) {
        for (uint32_t b = a + 1; b < CLIENTS; b++) {
            cr_assert_not(part_set_meets(&run.clients[a].owned, &run.clients[b].owned),
                          "seed %d: two own the same", (int)run.seed);
        }
    }
}

static void forget(struct client *k)
{
    part_set_clear(&k->owned);
    k->epoch = 0;
}

static void begin_anew(struct client *k)
{
    forget(k);
    k->is_there = true;
    k->is_classic = below(4) == 0;
    k->has_pattern = below(3) == 0;
    k->heard_ms = run.now_ms;
    snprintf(k->id, sizeof k->id, "m%u", run.next_id++);
    k->is_static = below(3) == 0;
    snprintf(k->instance, sizeof k->instance, "i%u", (uint32_t)(k - run.clients));
}

/* Everything is of the classic protocol: that is another core's business. It begins anew. */
static void begin_group(void)
{
    struct consumer_event e = event_of(CONSUMER_TICK);
    if (run.classic->member_count > 0) {
        static const struct group_metadata_value nothing = {.current_state_timestamp_ms = -1};
        group_restore(run.classic, &nothing);
        for (uint32_t i = 0; i < CLIENTS; i++) run.clients[i].is_there = false;
        for (uint32_t i = 0; i < CLIENTS; i++) forget(&run.clients[i]);
    }
    consumer_upgrade(run.group, &e);
}

static void step(const struct consumer_event *e)
{
    if (!run.group->is_alive) begin_group();
    consumer_step(run.group, e, &run.fx);
    consumer_check_all(run.group, true);
}

static void take_assignment(struct client *k, const struct part_set *assigned)
{
    for (uint32_t i = 0; i < assigned->count; i++) {
        run.handovers += !part_set_has(&k->owned, assigned->items[i]);
    }
    part_set_copy(&k->owned, assigned);
    nobody_shares();
}

static struct slice some_topics(const struct client *k, struct slice *names, uint32_t *count)
{
    static const char *all[TOPICS] = {"t0", "t1", "t2"};
    uint32_t which = (uint32_t)(k - run.clients);
    *count = 0;
    names[(*count)++] = slice_of_text(all[which % TOPICS]);
    if (which % 2 == 0) names[(*count)++] = slice_of_text(all[(which + 1) % TOPICS]);
    return slice_of_text(which % 2 == 0 ? "t[0-9]" : "t[01]");
}

static void beat_consumer(struct client *k)
{
    struct slice names[TOPICS];
    struct consumer_event e = event_of(CONSUMER_HEARTBEAT);
    bool joins = k->epoch == 0 || k->says_all;
    e.heartbeat.member_id = slice_of_text(k->id);
    e.heartbeat.member_epoch = k->epoch;
    if (k->is_static) e.heartbeat.instance_id = slice_of_text(k->instance);
    e.heartbeat.client_id = slice_of_text("c");
    e.heartbeat.client_host = slice_of_text("/h");
    e.heartbeat.rebalance_timeout_ms = joins ? REBALANCE_MS : -1;
    e.heartbeat.has_owned = true;
    e.heartbeat.owned = k->owned;
    struct slice pattern = some_topics(k, names, &e.heartbeat.topic_count);
    e.heartbeat.has_topics = joins && !k->has_pattern;
    e.heartbeat.topics = names;
    if (joins && k->has_pattern) e.heartbeat.pattern = pattern;
    step(&e);
    int16_t error = run.fx.answer.error;
    bool is_lost = below(10) == 0;
    if (error != KAFKA_NONE) {
        bool is_known = error == KAFKA_FENCED_MEMBER_EPOCH || error == KAFKA_UNKNOWN_MEMBER_ID ||
                        error == KAFKA_FENCED_INSTANCE_ID || error == KAFKA_UNRELEASED_INSTANCE_ID;
        cr_assert(is_known, "seed %d: %d %s", (int)run.seed, error, run.fx.answer.message);
        (void)store();
        forget(k);
        if (error == KAFKA_FENCED_INSTANCE_ID) k->is_there = false;
        return;
    }
    /* The answer is what it was before anything is stored. */
    struct part_set assigned = {0};
    part_set_copy(&assigned, &run.fx.answer.member->assigned);
    int32_t epoch = run.fx.answer.member->epoch;
    bool has_assignment = run.fx.answer.has_assignment;
    k->says_all = !store() || is_lost;
    if (!k->says_all) {
        k->epoch = epoch;
        k->heard_ms = run.now_ms;
        if (has_assignment) take_assignment(k, &assigned);
    }
    part_set_close(&assigned);
}

static struct slice subscription(const struct client *k, struct writer *w)
{
    struct slice names[TOPICS];
    uint32_t count;
    some_topics(k, names, &count);
    write_i16(w, 1);
    write_i32(w, (int32_t)count);
    for (uint32_t i = 0; i < count; i++) {
        write_i16(w, (int16_t)names[i].size);
        write_slice(w, names[i]);
    }
    write_i32(w, -1);
    write_i32(w, (int32_t)part_set_topics(&k->owned));
    for (uint32_t at = 0; at < k->owned.count; at += part_set_run(&k->owned, at)) {
        uint32_t n = part_set_run(&k->owned, at);
        write_i16(w, 2);
        write_i8(w, 't');
        write_i8(w, (int8_t)('0' + k->owned.items[at].topic.bytes[3] - 1));
        write_i32(w, (int32_t)n);
        for (uint32_t i = 0; i < n; i++) write_i32(w, k->owned.items[at + i].number);
    }
    return writer_slice(w);
}

/* Joins with what it has, or beats and joins again when it is told to. A cooperative client. */
static void beat_classic(struct client *k)
{
    if (k->epoch != 0) {
        struct consumer_event e = event_of(CONSUMER_CLASSIC_HEARTBEAT);
        e.sync.member_id = slice_of_text(k->id);
        e.sync.generation = k->epoch;
        step(&e);
        int16_t error = run.fx.answer.error;
        (void)store();
        k->heard_ms = run.now_ms;
        if (error == KAFKA_NONE) return;
        if (error != KAFKA_REBALANCE_IN_PROGRESS) forget(k);
    }
    struct writer w = writer_with(1 << 16);
    struct group_protocol protocol = {slice_of_text("cooperative"), subscription(k, &w)};
    struct consumer_event e = event_of(CONSUMER_JOIN);
    e.join.member_id = slice_of_text(k->id);
    e.join.client_id = slice_of_text("c");
    e.join.client_host = slice_of_text("/h");
    e.join.session_timeout_ms = SESSION_MS;
    e.join.rebalance_timeout_ms = REBALANCE_MS;
    e.join.protocol_type = slice_of_text("consumer");
    e.join.protocol_count = 1;
    e.join.protocols = &protocol;
    step(&e);
    writer_close(&w);
    bool ok = run.fx.answer.error == KAFKA_NONE;
    int32_t epoch = ok ? run.fx.answer.member->epoch : 0;
    if (!store() || !ok) return;
    e = event_of(CONSUMER_SYNC);
    e.sync.member_id = slice_of_text(k->id);
    e.sync.generation = epoch;
    step(&e);
    ok = run.fx.answer.error == KAFKA_NONE;
    struct part_set assigned = {0};
    if (ok) part_set_copy(&assigned, &run.fx.answer.member->assigned);
    if (store() && ok) {
        k->epoch = epoch;
        k->heard_ms = run.now_ms;
        take_assignment(k, &assigned);
    }
    part_set_close(&assigned);
}

static void beat(struct client *k)
{
    if (k->is_classic) {
        beat_classic(k);
    } else {
        beat_consumer(k);
    }
}

static void leave(struct client *k, int32_t how)
{
    if (k->is_classic) {
        struct group_leaver leaver = {.member_id = slice_of_text(k->id),
                                      .reason = slice_of_text("test")};
        int16_t error;
        struct consumer_event e = event_of(CONSUMER_LEAVE);
        e.leave.count = 1;
        e.leave.leavers = &leaver;
        e.leave.errors = &error;
        forget(k);
        step(&e);
    } else {
        struct consumer_event e = event_of(CONSUMER_HEARTBEAT);
        e.heartbeat.member_id = slice_of_text(k->id);
        if (k->is_static) e.heartbeat.instance_id = slice_of_text(k->instance);
        e.heartbeat.member_epoch = k->is_static ? how : CONSUMER_LEAVE_EPOCH;
        forget(k);
        step(&e);
    }
    k->is_there = false;
    (void)store();
}

/* A client that has not heard for so long takes itself for one that is out. */
static void pass_time(uint64_t ms)
{
    run.now_ms += ms;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *k = &run.clients[i];
        if (run.now_ms - k->heard_ms >= SESSION_MS) forget(k);
        bool is_slow =
            run.group->is_alive && k->owned.count > 0 && run.now_ms - k->heard_ms >= REBALANCE_MS;
        if (is_slow) forget(k);
    }
    while (run.group->is_alive && run.group->deadline_ms <= run.now_ms) {
        struct consumer_event e = event_of(CONSUMER_TICK);
        step(&e);
        (void)store();
    }
}

static void act(void)
{
    struct client *k = &run.clients[below(CLIENTS)];
    switch (below(16)) {
    case 0:
        if (!k->is_there) begin_anew(k);
        return;
    case 1:
        if (k->is_there && below(2) == 0) {
            leave(k, below(2) == 0 ? CONSUMER_STATIC_LEAVE_EPOCH : CONSUMER_LEAVE_EPOCH);
        }
        return;
    case 2:
        if (below(6) == 0) k->is_there = false; /* It hangs: its session ends. */
        return;
    case 3:
        if (below(4) == 0) {
            run.sizes[below(TOPICS)] += 1 + (uint32_t)below(2);
            refresh_topics();
        }
        return;
    case 4:
        /* Another coordinator. What is not stored nobody has heard of. */
        if (below(4) == 0 && run.group->is_alive) {
            consumer_free(run.group);
            run.group = load();
            if (!run.group->is_alive) begin_group();
        }
        return;
    case 5: pass_time(below(8) == 0 ? 4000 : 500); return;
    default:
        if (k->is_there) beat(k);
        return;
    }
}

static void begin(uint64_t seed)
{
    run = (struct run){.seed = seed, .prng = prng_from_seed(seed), .now_ms = 1000};
    run.settings = (struct consumer_settings){
        .session_ms = SESSION_MS,
        .heartbeat_ms = 1000,
        .size_max = 1000,
        .classic_size_max = 1000,
        .policy = CONSUMER_POLICY_BIDIRECTIONAL,
        .assignor_count = 2,
        .assignors = {seed % 4 == 0 ? ASSIGNOR_RANGE : ASSIGNOR_UNIFORM,
                      seed % 4 == 0 ? ASSIGNOR_UNIFORM : ASSIGNOR_RANGE},
    };
    run.classic_options =
        (struct group_options){.initial_delay_ms = 0, .new_join_ms = 300000, .size_max = 1000};
    run.classic = group_new(&run.classic_options, slice_of_text("g"));
    run.group = consumer_new(slice_of_text("g"));
    run.sizes[0] = 4;
    run.sizes[1] = 3;
    refresh_topics();
    begin_group();
}

/* Everybody who is there beats on, and nothing else happens. */
static void become_quiet(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (!run.clients[i].is_there) forget(&run.clients[i]);
    }
    run.clients[0].is_there = true;
    if (run.clients[0].id[0] == '\0') begin_anew(&run.clients[0]);
    run.clients[0].is_classic = false;
    for (uint32_t n = 0; n < 60; n++) {
        for (uint32_t i = 0; i < CLIENTS; i++) {
            if (run.clients[i].is_there) beat(&run.clients[i]);
        }
        pass_time(500);
    }
    cr_assert_str_eq(consumer_state_text(consumer_state_of(run.group)), "Stable", "seed %d",
                     (int)run.seed);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct client *k = &run.clients[i];
        const struct consumer_member *m =
            k->is_there ? consumer_member_find(run.group, slice_of_text(k->id)) : NULL;
        if (m == NULL) continue;
        cr_assert(part_set_equal(&m->assigned, &m->target), "seed %d", (int)run.seed);
        cr_assert(part_set_within(&k->owned, &m->assigned), "seed %d", (int)run.seed);
    }
}

static void end(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) part_set_close(&run.clients[i].owned);
    drop_log();
    consumer_free(run.group);
    group_free(run.classic);
    topic_table_close(&run.topics);
}

Test(consumer_runs, no_partition_has_two_owners_and_what_is_stored_is_what_is)
{
    uint32_t handovers = 0, failed = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        begin(seed);
        for (uint32_t n = 0; n < 400; n++) act();
        become_quiet();
        handovers += run.handovers;
        failed += run.failed_stores;
        end();
    }
    cr_assert_gt(handovers, 10000);
    cr_assert_gt(failed, 1000);
}
