/* A broker of several shards: requests are split by owner and joined, and what one shard has of
 * another comes home, whatever becomes of the connection. */
#include <criterion/criterion.h>

#include "broker/partition/partition.h"
#include "broker/state.h"
#include "proto/msg/fetch.h"
#include "proto/msg/produce.h"
#include "tests/sim/broker_rig.h"

#define SHARDS 3u

static const int32_t everything[RIG_PARTITIONS] = {0, 1, 2, 3, 4, 5, 6, 7};

static const struct produce_response *produce(struct rig *r, uint32_t size)
{
    uint32_t id = rig_produce(r, 1, everything, RIG_PARTITIONS, size);
    return rig_answer(r, id, KAFKA_API_PRODUCE, RIG_PRODUCE_VERSION);
}

static struct rig_fetch of_everything(uint32_t wait_ms, uint32_t max_bytes)
{
    return (struct rig_fetch){.wait_ms = wait_ms,
                              .min_bytes = 1,
                              .max_bytes = max_bytes,
                              .partition_max_bytes = 1000000,
                              .partitions = everything,
                              .count = RIG_PARTITIONS};
}

static const struct fetch_response *fetch(struct rig *r, const struct rig_fetch *f)
{
    return rig_answer(r, rig_fetch(r, f), KAFKA_API_FETCH, RIG_FETCH_VERSION);
}

static void expect_all_home(struct rig *r)
{
    rig_run_ms(r, 50);
    for (uint32_t n = 1; n <= r->options.shard_count; n++) cr_expect_eq(rig_away(r, n), 0);
}

Test(broker_shards, what_is_written_is_durable_after_flush_ms)
{
    struct rig r;
    rig_open(&r, 1, 1);
    struct partition *p = shard_partition(r.shards[0], r.topic_id, 0);
    (void)produce(&r, 100);
    rig_run_ms(&r, 2000);
    cr_assert_lt(journal_durable(p->journal), journal_written(p->journal));
    p->config.flush_ms = 1000;
    rig_run_ms(&r, 1500);
    cr_expect_eq(journal_durable(p->journal), journal_written(p->journal));
    rig_close(&r);
}

Test(broker_shards, what_is_written_is_durable_after_flush_messages)
{
    struct rig r;
    rig_open(&r, 1, 1);
    struct partition *p = shard_partition(r.shards[0], r.topic_id, 0);
    p->config.flush_messages = 4;
    for (int i = 0; i < 3; i++) (void)produce(&r, 100);
    rig_run_ms(&r, 2000);
    cr_assert_eq(journal_written(p->journal), 3);
    cr_assert_eq(journal_durable(p->journal), 0, "three may wait");
    (void)produce(&r, 100);
    rig_run_ms(&r, 1000);
    cr_expect_eq(journal_durable(p->journal), 4);
    (void)produce(&r, 100);
    rig_run_ms(&r, 1000);
    cr_expect_eq(journal_durable(p->journal), 4, "and of those that follow three, too");
    rig_close(&r);
}

Test(broker_shards, one_request_reaches_every_owner_and_is_answered_in_its_order)
{
    struct rig r;
    rig_open(&r, SHARDS, 1);
    for (uint32_t n = 1; n <= SHARDS; n++) cr_assert_geq(rig_partition_of(&r, n), 0);
    for (int64_t round = 0; round < 3; round++) {
        const struct produce_response *a = produce(&r, 100);
        cr_assert_eq(a->responses.count, 1);
        const struct produce_response_topic *topic = a->responses.items;
        cr_assert_eq(topic->partition_responses.count, RIG_PARTITIONS);
        const struct produce_response_partition *parts = topic->partition_responses.items;
        for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
            cr_expect_eq(parts[i].index, i);
            cr_expect_eq(parts[i].error_code, 0);
            cr_expect_eq(parts[i].base_offset, round);
        }
    }
    struct rig_fetch f = of_everything(0, 1000000);
    const struct fetch_response *a = fetch(&r, &f);
    const struct fetch_response_topic *topic = a->responses.items;
    cr_assert_eq(topic->partitions.count, RIG_PARTITIONS);
    const struct fetch_response_partition *parts = topic->partitions.items;
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        cr_expect_eq(parts[i].partition_index, i);
        cr_expect_eq(parts[i].high_watermark, 3);
        cr_expect_gt(parts[i].records.size_bytes, 300);
    }
    expect_all_home(&r);
    rig_close(&r);
}

Test(broker_shards, max_bytes_is_spent_over_all_owners_in_the_order_of_the_request)
{
    struct rig r;
    rig_open(&r, SHARDS, 2);
    for (int i = 0; i < 3; i++) (void)produce(&r, 40000); /* Too large to be copied: lent. */
    struct rig_fetch f = of_everything(0, 170000);
    const struct fetch_response *a = fetch(&r, &f);
    cr_expect_leq(rig_fetched_bytes(a), 170000);
    cr_expect_gt(rig_fetched_bytes(a), 120000);
    const struct fetch_response_topic *topic = a->responses.items;
    const struct fetch_response_partition *parts = topic->partitions.items;
    cr_expect_gt(parts[0].records.size_bytes, 120000); /* The first comes first, and whole. */
    cr_expect_gt(parts[1].records.size_bytes, 40000);
    for (int32_t i = 2; i < RIG_PARTITIONS; i++) cr_expect_eq(parts[i].records.size_bytes, 0);

    /* The first batch is given whatever its size, and once for the request, not for each owner. */
    f.max_bytes = 10;
    a = fetch(&r, &f);
    cr_expect_gt(rig_fetched_bytes(a), 40000);
    cr_expect_lt(rig_fetched_bytes(a), 45000);
    expect_all_home(&r);
    rig_close(&r);
}

Test(broker_shards, min_bytes_counts_what_all_owners_have)
{
    struct rig r;
    rig_open(&r, SHARDS, 3);
    uint64_t began_us = sim_now_us(r.sim);
    struct rig_fetch f = of_everything(20000, 1000000);
    f.min_bytes = RIG_PARTITIONS * 1000;
    uint32_t id = rig_fetch(&r, &f);
    rig_run_ms(&r, 100);
    cr_assert_eq(r.client.frame_count, 0);
    /* From another connection, so that the parked fetch is not called home by the next request. */
    uint64_t parked = rig_dial(&r);
    (void)rig_produce(&r, 1, everything, RIG_PARTITIONS, 1000);
    r.client.conn = parked;
    const void *a = rig_answer(&r, id, KAFKA_API_FETCH, RIG_FETCH_VERSION);
    cr_expect_gt(rig_fetched_bytes(a), RIG_PARTITIONS * 1000);
    cr_expect_lt(sim_now_us(r.sim) - began_us, 5000000);
    rig_close(&r);
}

Test(broker_shards, a_fetch_waits_for_no_more_than_it_may_have)
{
    struct rig r;
    rig_open(&r, SHARDS, 3);
    (void)produce(&r, 1000);
    rig_run_ms(&r, 100);
    struct rig_fetch f = of_everything(20000, 2000);
    f.min_bytes = 1000000;
    uint64_t began_us = sim_now_us(r.sim);
    cr_expect_gt(rig_fetched_bytes(fetch(&r, &f)), 1000);
    cr_expect_lt(sim_now_us(r.sim) - began_us, 1000000);
    rig_close(&r);
}

Test(broker_shards, a_parked_fetch_is_called_home_by_the_next_request)
{
    struct rig r;
    rig_open(&r, SHARDS, 4);
    struct rig_fetch f = of_everything(60000, 1000000);
    for (int i = 0; i < 20; i++) {
        uint64_t began_us = sim_now_us(r.sim);
        uint32_t id = rig_fetch(&r, &f);
        rig_run_ms(&r, (uint64_t)i % 4);
        (void)rig_fetch(&r, &f);
        (void)rig_answer(&r, id, KAFKA_API_FETCH, RIG_FETCH_VERSION);
        cr_expect_lt(sim_now_us(r.sim) - began_us, 1000000);
    }
    rig_close(&r);
}

Test(broker_shards, what_is_lent_comes_home_from_a_connection_that_closes_half_way)
{
    for (uint64_t seed = 10; seed < 40; seed++) {
        struct rig r;
        rig_open(&r, SHARDS, seed);
        for (int i = 0; i < 4; i++) (void)produce(&r, 100000);
        struct rig_fetch f = of_everything(1000, 50000000);
        for (int i = 0; i < 3; i++) (void)rig_fetch(&r, &f);
        f.offset = 4; /* And one that is parked. */
        (void)rig_fetch(&r, &f);
        cr_assert(sim_run_until(r.sim, sim_now_us(r.sim) + seed * 50));
        env_close(r.client.env, r.client.conn, false);
        expect_all_home(&r);
        rig_close(&r);
    }
}

/* So long that much is on its way between shards. */
static void work_for_us(struct rig *r, uint64_t us)
{
    (void)produce(r, 100000);
    struct rig_fetch f = of_everything(1000, 50000000);
    (void)rig_fetch(r, &f);
    (void)rig_produce(r, -1, everything, RIG_PARTITIONS, 1000);
    (void)rig_fetch(r, &f);
    cr_assert(sim_run_until(r->sim, sim_now_us(r->sim) + us));
}

Test(broker_shards, an_orderly_stop_waits_for_what_others_have)
{
    for (uint64_t seed = 50; seed < 90; seed++) {
        struct rig r;
        rig_open(&r, SHARDS, seed);
        work_for_us(&r, (seed - 50) * 40);
        rig_close(&r);
    }
}

/* The folder of the copy that goes is still being emptied when the next one is to be there. */
Test(broker_shards, a_partition_that_was_moved_away_and_back_is_served_again)
{
    struct rig r;
    rig_open(&r, SHARDS, 7);
    (void)produce(&r, 100);
    (void)produce(&r, 100);
    rig_move_away_and_back(&r, 3);
    rig_run_ms(&r, 1000);
    const struct produce_response *a = produce(&r, 100);
    const struct produce_response_topic *topic = a->responses.items;
    const struct produce_response_partition *parts = topic->partition_responses.items;
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) {
        cr_expect_eq(parts[i].error_code, 0);
        cr_expect_eq(parts[i].base_offset, i == 3 ? 0 : 2);
    }
    expect_all_home(&r);
    rig_close(&r);
}

Test(broker_shards, a_killed_broker_leaves_nothing_behind)
{
    for (uint64_t seed = 100; seed < 140; seed++) {
        struct rig r;
        rig_open(&r, SHARDS, seed);
        work_for_us(&r, (seed - 100) * 40);
        sim_node_kill(r.broker);
        rig_run_ms(&r, 100);
        rig_close(&r);
    }
}

/* Which partitions an answer has records of: a set. */
static uint32_t fetched_set(const struct fetch_response *a)
{
    uint32_t set = 0;
    const struct fetch_response_topic *topics = a->responses.items;
    for (int32_t i = 0; i < a->responses.count; i++) {
        const struct fetch_response_partition *parts = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            if (parts[j].records.size_bytes > 0) set |= 1u << parts[j].partition_index;
        }
    }
    return set;
}

/* KIP-227: the client of a session cannot choose an order, so the broker must be fair. */
Test(broker_shards, in_a_session_no_partition_keeps_the_others_from_being_read)
{
    struct rig r;
    rig_open(&r, SHARDS, 5);
    (void)produce(&r, 40000);
    struct rig_fetch f = of_everything(0, 10); /* One batch in each answer. */
    f.has_session = true;
    const struct fetch_response *a = fetch(&r, &f);
    uint32_t set = fetched_set(a);
    f.count = 0;
    f.session_id = a->session_id;
    cr_assert_neq(f.session_id, 0);
    for (f.session_epoch = 1; f.session_epoch < RIG_PARTITIONS; f.session_epoch++) {
        set |= fetched_set(fetch(&r, &f));
    }
    cr_expect_eq(set, (1u << RIG_PARTITIONS) - 1);
    rig_close(&r);
}

/* A topic whose deletion was undone: its logs are opened after the metadata have said all. */
Test(broker_shards, a_log_that_nobody_leads_is_told_of_when_it_is_open)
{
    struct rig r;
    rig_open(&r, SHARDS, 6);
    r.comes_back_unled = true;
    rig_move_away_and_back(&r, 3);
    rig_run_ms(&r, 5000);
    cr_expect_geq(r.log_ends_heard, 3, "again each second: it was %u times", r.log_ends_heard);
    rig_close(&r);
}
