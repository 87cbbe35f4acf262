/* A broker's disk is lost, or stands still: its replicas there leave, and the broker goes on. */
#include <criterion/criterion.h>

#include "controller/decide/brokers.h"
#include "controller/decide/disks.h"
#include "controller/decide/ends.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

static struct fixture *three(const char *replicas)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    fixture_topic(f, "t", replicas);
    fixture_topic(f, "u", replicas);
    return f;
}

/* How many partitions changed. */
static uint32_t tell(struct fixture *f, const char *topic, int32_t broker, enum rpc_disk disk)
{
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text(topic));
    struct rpc_replica_disk told[2] = {{.topic_id = t->id, .disk = disk}};
    told[1] = told[0];
    struct rpc_msg m = {.kind = RPC_DISKS};
    m.disks.id = broker;
    m.disks.epoch = meta_broker_find(&f->image, broker)->epoch;
    m.disks.count = 2;
    m.disks.replicas = told;
    decide_disks(&f->image, &m, &f->d);
    uint32_t changed = f->d.count;
    if (changed > 0) (void)fixture_commit(f);
    fixture_drop(f);
    return changed;
}

Test(disks, a_lost_one_takes_its_leader_away_and_no_other)
{
    struct fixture *f = three("1,2,3");
    cr_expect_eq(tell(f, "t", 1, RPC_DISK_LOST), 1);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr - offline 1");
    EXPECT(f, "u", "leader 1 epoch 0 isr 1,2,3 elr -");
    cr_expect_not(meta_broker_find(&f->image, 1)->fenced);
    cr_expect_eq(tell(f, "t", 1, RPC_DISK_LOST), 0, "it is known");
    fixture_close(f);
}

Test(disks, who_has_lost_its_disk_joins_no_isr)
{
    struct fixture *f = three("1,2,3");
    tell(f, "t", 1, RPC_DISK_LOST);
    cr_expect_eq(fixture_alter_isr(f, "t", 2, "2,3,1"), KAFKA_INELIGIBLE_REPLICA);
    tell(f, "t", 1, RPC_DISK_WELL);
    cr_expect_eq(fixture_alter_isr(f, "t", 2, "2,3,1"), KAFKA_NONE);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3,1 elr -");
    fixture_close(f);
}

Test(disks, the_last_in_sync_that_is_lost_is_remembered_and_leads_nothing)
{
    struct fixture *f = three("1");
    tell(f, "t", 1, RPC_DISK_LOST);
    EXPECT(f, "t", "leader -1 epoch 1 isr - elr - last 1 offline 1");
    fixture_close(f);
}

Test(disks, the_last_in_sync_that_stands_still_goes_on)
{
    struct fixture *f = three("1,2");
    cr_expect_eq(tell(f, "t", 1, RPC_DISK_SLOW), 1);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1 offline 1");
    cr_expect_eq(tell(f, "t", 2, RPC_DISK_SLOW), 0);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1 offline 1");
    fixture_close(f);
}

Test(disks, whoever_is_eligible_leads_when_its_disk_is_well_again)
{
    struct fixture *f = three("1,2");
    fixture_config(f, 2, "t", "min.insync.replicas", "2");
    tell(f, "t", 1, RPC_DISK_SLOW);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2 elr 1 offline 1");
    tell(f, "t", 2, RPC_DISK_LOST);
    EXPECT(f, "t", "leader -1 epoch 2 isr - elr 1 last 2 offline 1,2");
    tell(f, "t", 1, RPC_DISK_WELL);
    EXPECT(f, "t", "leader 1 epoch 3 isr 1 elr - offline 2");
    fixture_close(f);
}

Test(disks, a_new_incarnation_tells_anew)
{
    struct fixture *f = three("1,2,3");
    tell(f, "t", 1, RPC_DISK_LOST);
    fixture_fence(f, 1);
    fixture_unfence(f, 1);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr - offline 1");
    cr_expect_eq(fixture_register(f, 1, 2, NULL, true), 0);
    (void)fixture_commit(f);
    EXPECT(f, "t", "leader 2 epoch 1 isr 2,3 elr -");
    fixture_close(f);
}

Test(disks, nobody_waits_for_the_end_of_a_log_on_a_lost_one_to_be_chosen)
{
    struct fixture *f = three("1,2");
    tell(f, "t", 1, RPC_DISK_LOST);
    tell(f, "t", 2, RPC_DISK_LOST);
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text("t"));
    struct log_ends ends = {0};
    struct rpc_log_end end = {.topic_id = t->id, .end = 7};
    ends_note(&ends, 1, meta_broker_find(&f->image, 1)->epoch, &end);
    cr_expect_eq(ends_best(&ends, &f->image, t, 0, NULL, 0), META_NOBODY);
    tell(f, "t", 1, RPC_DISK_WELL);
    t = meta_topic_by_name(&f->image, slice_of_text("t"));
    cr_expect_eq(ends_best(&ends, &f->image, t, 0, NULL, 0), 1);
    ends_close(&ends);
    fixture_close(f);
}

Test(disks, who_stops_does_not_wait_for_a_follower_without_a_disk)
{
    struct fixture *f = three("1,2");
    tell(f, "t", 2, RPC_DISK_LOST);
    fixture_stop(f, 1);
    EXPECT(f, "t", "leader -1 epoch 1 isr - elr 1 last 2 offline 2");
    fixture_close(f);
}
