/* What an idempotent producer is told when a batch of its pipeline was refused, and the next ones
 * were not: librdkafka takes OUT_OF_ORDER_SEQUENCE_NUMBER for a reason to send what it has in
 * flight under a new epoch, and what is in the log already is doubled. */
#include <criterion/criterion.h>

#include "broker/state.h"
#include "proto/kafka_errors.h"
#include "proto/msg/produce.h"
#include "tests/sim/broker_rig.h"

#define LONG_MS 20000 /* Longer than any grace. */

static int16_t send(struct rig *r, int32_t sequence)
{
    static const int32_t first = 0;
    r->producer_id = 7;
    r->sequence = sequence;
    uint32_t id = rig_produce(r, 1, &first, 1, 100);
    const struct produce_response *a = rig_answer(r, id, KAFKA_API_PRODUCE, RIG_PRODUCE_VERSION);
    const struct produce_response_topic *topic = a->responses.items;
    return ((const struct produce_response_partition *)topic->partition_responses.items)
        ->error_code;
}

/* Sent while the disk is short of space. */
static int16_t send_in_vain(struct rig *r, int32_t sequence)
{
    r->shards[0]->host.dirs[0].is_short = true;
    int16_t error = send(r, sequence);
    r->shards[0]->host.dirs[0].is_short = false;
    return error;
}

Test(broker_sequences, a_gap_that_a_refusal_has_made_is_sent_again)
{
    struct rig r;
    rig_open(&r, 1, 1);
    cr_assert_eq(send(&r, 0), KAFKA_NONE);
    rig_run_ms(&r, LONG_MS);
    cr_assert_eq(send_in_vain(&r, 1), KAFKA_KAFKA_STORAGE_ERROR);
    rig_run_ms(&r, 1000);
    cr_expect_eq(send(&r, 2), KAFKA_NOT_LEADER_OR_FOLLOWER, "1 is to come first");
    cr_expect_eq(send(&r, 1), KAFKA_NONE);
    cr_expect_eq(send(&r, 2), KAFKA_NONE);
    rig_close(&r);
}

Test(broker_sequences, a_gap_that_nobody_closes_is_told)
{
    struct rig r;
    rig_open(&r, 1, 2);
    cr_assert_eq(send(&r, 0), KAFKA_NONE);
    cr_assert_eq(send_in_vain(&r, 1), KAFKA_KAFKA_STORAGE_ERROR);
    rig_run_ms(&r, LONG_MS);
    cr_expect_eq(send(&r, 2), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
    cr_expect_eq(send(&r, 2), KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, "its refusal excuses no other");
    rig_close(&r);
}
