/* Back-pressure: whatever clients send and do not read, a shard's memory has bounds; and when they
 * go on, nothing is missing. */
#include <criterion/criterion.h>

#include "broker/net/request.h"
#include "broker/state.h"
#include "proto/msg/fetch.h"
#include "proto/msg/metadata.h"
#include "proto/msg/produce.h"
#include "tests/sim/broker_rig.h"

static const int32_t everything[RIG_PARTITIONS] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Bytes that one shard holds of answers that clients have not taken. */
static uint64_t queued(const struct rig *r, uint32_t shard)
{
    const struct shard *s = r->shards[shard - 1];
    uint64_t bytes = 0;
    for (const struct conn *c = s->conns; c != NULL; c = c->hh.next) {
        bytes += env_queued_bytes(s->env, c->id);
    }
    return bytes;
}

static uint64_t frame_bytes(const struct rig *r)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < r->options.shard_count; i++) {
        bytes += r->shards[i]->frame_bytes + r->shards[i]->kept_bytes;
    }
    return bytes;
}

static void ask_metadata(struct rig *r)
{
    struct metadata_request q;
    kafka_defaults(&schema_metadata_request, &q);
    q.topics = (struct array){.count = -1};
    (void)rig_send(r, KAFKA_API_METADATA, 9, &q);
}

Test(broker_pressure, a_client_that_does_not_read_is_not_answered_without_end)
{
    struct rig r;
    rig_open(&r, 1, 1);
    env_pause(r.client.env, r.client.conn, true);
    uint64_t most = 0;
    for (uint32_t i = 0; i < RIG_FRAMES_MAX; i++) {
        ask_metadata(&r);
        if (i % 256 > 0) continue;
        rig_run_ms(&r, 1);
        if (queued(&r, 1) > most) most = queued(&r, 1);
    }
    rig_run_ms(&r, 1000);
    if (queued(&r, 1) > most) most = queued(&r, 1);
    cr_expect_gt(most, ENV_LOW_WATER_BYTES);
    cr_expect_lt(most, 2 * CONN_QUEUED_MAX_BYTES);
    cr_expect_eq(r.client.frame_count, 0);

    env_pause(r.client.env, r.client.conn, false);
    rig_run_ms(&r, 20000);
    cr_expect_eq(r.client.frame_count, RIG_FRAMES_MAX);
    for (uint32_t i = 0; i < r.client.frame_count; i++) {
        uint32_t raw;
        memcpy(&raw, r.client.frames[i]->data, sizeof raw);
        cr_assert_eq(be32toh(raw), i); /* And in order. */
    }
    rig_close(&r);
}

/* With acks=0 nobody waits, and so nobody is slowed down by a disk but by us. */
static void flood(int16_t acks)
{
    struct rig r;
    rig_open(&r, 2, 2);
    r.options.queued_request_max_bytes = 4 * 1024 * 1024;
    sim_disk_stall(r.broker, 20 * 1000 * 1000);
    uint64_t most = 0;
    for (int i = 0; i < 60; i++) {
        (void)rig_produce(&r, acks, everything, RIG_PARTITIONS, 50000);
        rig_run_ms(&r, 10);
        if (frame_bytes(&r) > most) most = frame_bytes(&r);
    }
    /* One turn's reading is on top of it: the world's window, and one request. */
    cr_expect_gt(most, r.options.queued_request_max_bytes / 2);
    cr_expect_lt(most, r.options.queued_request_max_bytes * 2);
    rig_run_ms(&r, 40000);
    cr_expect_eq(frame_bytes(&r), 0);
    struct rig_fetch f = {.min_bytes = 1,
                          .max_bytes = 1000000,
                          .partition_max_bytes = 100,
                          .partitions = everything,
                          .count = RIG_PARTITIONS};
    const struct fetch_response *a =
        rig_answer(&r, rig_fetch(&r, &f), KAFKA_API_FETCH, RIG_FETCH_VERSION);
    const struct fetch_response_topic *topic = a->responses.items;
    const struct fetch_response_partition *parts = topic->partitions.items;
    for (int32_t i = 0; i < RIG_PARTITIONS; i++) cr_expect_eq(parts[i].high_watermark, 60);
    rig_close(&r);
}

Test(broker_pressure, what_waits_for_a_slow_disk_has_a_bound)
{
    flood(1);
}

Test(broker_pressure, with_acks_0_too)
{
    flood(0);
}

/* What waits for the followers must not keep the followers' fetches from being read. */
Test(broker_pressure, more_connections_are_served_while_one_floods)
{
    struct rig r;
    rig_open(&r, 1, 3);
    r.options.queued_request_max_bytes = 1024 * 1024;
    sim_disk_stall(r.broker, 5 * 1000 * 1000);
    for (int i = 0; i < 20; i++) (void)rig_produce(&r, 1, everything, RIG_PARTITIONS, 50000);
    rig_run_ms(&r, 100);
    uint64_t flooder = rig_dial(&r);
    uint32_t sent = r.client.sent;
    ask_metadata(&r);
    uint64_t began_us = sim_now_us(r.sim);
    (void)rig_answer(&r, sent, KAFKA_API_METADATA, 9);
    cr_expect_lt(sim_now_us(r.sim) - began_us, 1000000);
    env_close(r.client.env, flooder, false); /* And what was kept back goes with its connection. */
    rig_run_ms(&r, 20000);
    cr_expect_eq(frame_bytes(&r), 0);
    rig_close(&r);
}

/* What sessions remember is a stranger's to choose, so it has a bound over all of them. */
Test(broker_pressure, sessions_remember_so_much_and_no_more)
{
    struct rig r;
    rig_open(&r, 1, 4);
    r.options.fetch_session_parts_max = 3 * RIG_PARTITIONS;
    struct rig_fetch f = {.max_bytes = 1000,
                          .partition_max_bytes = 1000,
                          .partitions = everything,
                          .count = RIG_PARTITIONS,
                          .has_session = true};
    int32_t last = 0;
    for (int i = 0; i < 20; i++) {
        const struct fetch_response *a =
            rig_answer(&r, rig_fetch(&r, &f), KAFKA_API_FETCH, RIG_FETCH_VERSION);
        cr_assert_eq(a->error_code, 0);
        last = a->session_id;
        cr_expect_leq(r.shards[0]->session_part_count, 3 * RIG_PARTITIONS);
        cr_expect_leq(r.shards[0]->session_count, 3);
    }
    f.count = 0;
    f.session_id = last; /* The youngest is there. */
    f.session_epoch = 1;
    const struct fetch_response *a =
        rig_answer(&r, rig_fetch(&r, &f), KAFKA_API_FETCH, RIG_FETCH_VERSION);
    cr_expect_eq(a->error_code, 0);

    r.options.fetch_session_parts_max = RIG_PARTITIONS - 1; /* More than all there may be. */
    f.count = RIG_PARTITIONS;
    f.session_id = f.session_epoch = 0;
    (void)rig_fetch(&r, &f);
    rig_run_ms(&r, 1000);
    cr_expect(r.client.is_closed);
    cr_expect_leq(r.shards[0]->session_part_count, RIG_PARTITIONS - 1);
    rig_close(&r);
}
