#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brokers.h"
#include "controller/decide/isr.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

Test(alter_isr, shrinks_and_grows)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    cr_expect_eq(fixture_alter_isr(f, "t", 1, "1,2"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,2 elr -");
    cr_expect_eq(fixture_alter_isr(f, "t", 1, "1"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1 elr 2");
    cr_expect_eq(fixture_alter_isr(f, "t", 1, "1,3"), 0);
    EXPECT(f, "t", "leader 1 epoch 0 isr 1,3 elr -");
    cr_expect_eq(fixture_partition(f, "t", 0)->partition_epoch, 3);
    fixture_close(f);
}

Test(alter_isr, of_what_is_already_so_still_gives_a_new_partition_epoch)
{
    struct fixture *f = fixture_with(2, "1,2");
    cr_expect_eq(fixture_alter_isr(f, "t", 1, "1,2"), 0);
    cr_expect_eq(fixture_partition(f, "t", 0)->partition_epoch, 1);
    fixture_close(f);
}

/* One change of a sound proposal at a time, and what is answered. */
struct refusal_case {
    const char *name;
    int32_t leader_epoch;
    int32_t partition_epoch;
    int32_t partition;
    bool other_topic;
    int64_t broker_epoch_less;
    int32_t sender;
    const char *isr;
    int64_t member_epoch_less;
    int16_t error;
};

/* clang-format off */
static const struct refusal_case CASES[] = {
    {"sound",                0,  0, 0, false, 0, 1, "1,2",   0, KAFKA_NONE},
    {"old leader epoch",    -1,  0, 0, false, 0, 1, "1,2",   0, KAFKA_FENCED_LEADER_EPOCH},
    {"newer leader epoch",   1,  0, 0, false, 0, 1, "1,2",   0, KAFKA_NOT_CONTROLLER},
    {"old partition epoch",  0, -1, 0, false, 0, 1, "1,2",   0, KAFKA_INVALID_UPDATE_VERSION},
    {"newer partition epoch",0,  1, 0, false, 0, 1, "1,2",   0, KAFKA_NOT_CONTROLLER},
    {"not the leader",       0,  0, 0, false, 0, 2, "1,2",   0, KAFKA_INVALID_REQUEST},
    {"old broker epoch",     0,  0, 0, false, 1, 1, "1,2",   0, KAFKA_STALE_BROKER_EPOCH},
    {"no such partition",    0,  0, 1, false, 0, 1, "1,2",   0, KAFKA_UNKNOWN_TOPIC_OR_PARTITION},
    {"no such topic",        0,  0, 0, true,  0, 1, "1,2",   0, KAFKA_UNKNOWN_TOPIC_ID},
    {"without the leader",   0,  0, 0, false, 0, 1, "2",     0, KAFKA_INVALID_REQUEST},
    {"empty",                0,  0, 0, false, 0, 1, "",      0, KAFKA_INVALID_REQUEST},
    {"not a replica",        0,  0, 0, false, 0, 1, "1,4",   0, KAFKA_INVALID_REQUEST},
    {"fenced member",        0,  0, 0, false, 0, 1, "1,3",   0, KAFKA_INELIGIBLE_REPLICA},
    {"old incarnation",      0,  0, 0, false, 0, 1, "1,2",   1, KAFKA_INELIGIBLE_REPLICA},
};
/* clang-format on */

static int16_t propose(struct fixture *f, const struct refusal_case *k, struct uuid topic)
{
    const struct meta_partition *p = fixture_partition(f, "t", 0);
    struct id_set set = fixture_ids(k->isr);
    if (k->other_topic) topic.bytes[0] ^= 1;
    struct rpc_isr_change change = {.topic_id = topic,
                                    .partition = k->partition,
                                    .leader_epoch = p->leader_epoch + k->leader_epoch,
                                    .partition_epoch = p->partition_epoch + k->partition_epoch,
                                    .isr_count = set.count};
    for (uint32_t i = 0; i < set.count; i++) {
        int64_t epoch = meta_broker_find(&f->image, set.ids[i])->epoch;
        change.isr[i] = (struct rpc_isr_member){set.ids[i], epoch - (i > 0) * k->member_epoch_less};
    }
    struct rpc_msg m = {.kind = RPC_ALTER_ISR};
    m.alter_isr.id = k->sender;
    m.alter_isr.epoch = meta_broker_find(&f->image, k->sender)->epoch - k->broker_epoch_less;
    m.alter_isr.count = 1;
    m.alter_isr.changes = &change;
    struct rpc_isr_result result;
    decide_alter_isr(&f->image, &m, &f->d, &result);
    cr_expect_eq(f->d.count, result.error == 0 ? 1 : 0, "%s", k->name);
    fixture_drop(f);
    return result.error;
}

Test(alter_isr, is_refused_by_name)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 4);
    struct uuid topic = fixture_topic(f, "t", "2,1,3");
    fixture_fence(f, 3);
    fixture_fence(f, 2);
    fixture_unfence(f, 2);
    cr_assert_str_eq(fixture_text(f, "t"), "leader 1 epoch 1 isr 1 elr 2");
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        cr_expect_eq(propose(f, &CASES[i], topic), CASES[i].error, "%s", CASES[i].name);
    fixture_close(f);
}

Test(alter_isr, a_stopping_broker_does_not_join)
{
    struct fixture *f = fixture_with(3, "1,2,3");
    fixture_stop(f, 3);
    cr_expect_eq(fixture_alter_isr(f, "t", 1, "1,2,3"), KAFKA_INELIGIBLE_REPLICA);
    fixture_close(f);
}

Test(alter_isr, same_partition_twice_in_a_request_counts_once)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 2);
    struct uuid topic = fixture_topic(f, "t", "1,2");
    int64_t epoch = meta_broker_find(&f->image, 1)->epoch;
    struct rpc_isr_change changes[2] = {
        {.topic_id = topic, .isr_count = 1, .isr = {{1, epoch}}},
        {.topic_id = topic, .isr_count = 1, .isr = {{1, epoch}}},
    };
    struct rpc_msg m = {.kind = RPC_ALTER_ISR};
    m.alter_isr.id = 1;
    m.alter_isr.epoch = epoch;
    m.alter_isr.count = 2;
    m.alter_isr.changes = changes;
    struct rpc_isr_result results[2];
    decide_alter_isr(&f->image, &m, &f->d, results);
    cr_expect_eq(results[0].error, 0);
    cr_expect_eq(results[1].error, KAFKA_INVALID_UPDATE_VERSION);
    cr_expect_str_eq(f->d.cause, "t-0: in sync are 1 (broker 1 proposes it)");
    fixture_close(f);
}

Test(alter_isr, canary_lets_an_old_incarnation_in)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 2);
    struct uuid topic = fixture_topic(f, "t", "1,2");
    cr_assert_eq(fixture_alter_isr(f, "t", 1, "1"), 0);
    struct refusal_case k = {.name = "canary", .sender = 1, .isr = "1,2", .member_epoch_less = 1};
    f->d.canary = DECIDE_CANARY_ISR_ANY_BROKER_EPOCH;
    cr_expect_eq(propose(f, &k, topic), 0);
    fixture_close(f);
}
