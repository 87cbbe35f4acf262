#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "proto/meta.h"

/* ---- A small cluster, built by decisions. ---- */

static const struct uuid TOPIC_ID = {.bytes = {1}};

static struct slice text(const char *s)
{
    return slice_of_text(s);
}

static void apply(struct meta_image *image, struct meta_record *records, uint32_t count)
{
    struct meta_batch batch = {.level = META_LEVEL, .count = count, .records = records};
    meta_apply(image, image->index + 1, 1, &batch);
    meta_image_check(image);
}

static void apply_one(struct meta_image *image, struct meta_record record)
{
    apply(image, &record, 1);
}

static struct meta_record broker(const struct meta_image *image, int32_t id)
{
    struct meta_record r = {.kind = META_BROKER};
    r.broker.id = id;
    r.broker.epoch = (int64_t)image->index + 1;
    r.broker.incarnation.bytes[0] = (uint8_t)(id + 1);
    r.broker.shard_count = 1;
    r.broker.listener_count = 1;
    r.broker.listeners[0] = (struct meta_listener){.name = text("INTERNAL"),
                                                   .host = text("host"),
                                                   .port = 9092,
                                                   .protocol = text("PLAINTEXT")};
    r.broker.replication_listener = text("INTERNAL");
    r.broker.version = text("0.1.0");
    return r;
}

static struct meta_record state(const struct meta_image *image, int32_t id, bool fenced)
{
    struct meta_record r = {.kind = META_BROKER_STATE};
    r.broker_state.id = id;
    r.broker_state.epoch = meta_broker_find(image, id)->epoch;
    r.broker_state.fenced = fenced;
    return r;
}

static struct meta_record topic(const char *name)
{
    struct meta_record r = {.kind = META_TOPIC};
    r.topic.id = TOPIC_ID;
    r.topic.name = text(name);
    return r;
}

static struct id_set set(int32_t a, int32_t b, int32_t c)
{
    struct id_set s = {0};
    int32_t ids[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        if (ids[i] >= 0) id_set_add(&s, ids[i]);
    }
    return s;
}

static struct meta_record partition(int32_t number, struct id_set isr, int32_t leader,
                                    int32_t epoch)
{
    struct meta_record r = {.kind = META_PARTITION};
    r.partition.topic_id = TOPIC_ID;
    r.partition.partition = number;
    r.partition.leader = leader;
    r.partition.leader_epoch = epoch;
    r.partition.partition_epoch = epoch;
    r.partition.replicas = set(1, 2, 3);
    r.partition.isr = isr;
    return r;
}

/* Brokers 1 to 3 unfenced, 4 fenced; topic "t" with one partition on 1 to 3, led by 1. */
static struct meta_image cluster(void)
{
    struct meta_image image = {0};
    for (int32_t id = 1; id <= 4; id++) apply_one(&image, broker(&image, id));
    for (int32_t id = 1; id <= 3; id++) apply_one(&image, state(&image, id, false));

    struct meta_record records[] = {topic("t"), partition(0, set(1, 2, 3), 1, 0)};
    apply(&image, records, 2);
    return image;
}

static void refuses(const struct meta_image *image, struct meta_record r, const char *expected)
{
    const char *why = NULL;
    cr_assert_eq(meta_check(image, &r, &why), -ERR_INVALID, "should be refused: %s", expected);
    cr_assert_str_eq(why, expected);
}

static void allows(const struct meta_image *image, struct meta_record r)
{
    const char *why = NULL;
    int rc = meta_check(image, &r, &why);
    cr_assert_eq(rc, 0, "%s", why);
}

/* ---- Sets. ---- */

Test(id_set, keeps_its_order_and_has_nobody_twice)
{
    struct id_set s = set(3, 1, 2);
    cr_assert_not(id_set_add(&s, 1));
    cr_assert(id_set_remove(&s, 1));
    cr_assert_not(id_set_remove(&s, 1));
    cr_assert_eq(s.count, 2);
    cr_assert_eq(s.ids[0], 3);
    cr_assert_eq(s.ids[1], 2);
}

Test(id_set, takes_no_more_than_there_is_room_for)
{
    struct id_set s = {0};
    for (int32_t i = 0; i < META_REPLICAS_MAX; i++) cr_assert(id_set_add(&s, i));
    cr_assert_not(id_set_add(&s, 99));
    cr_assert_eq(s.count, META_REPLICAS_MAX);
}

Test(id_set, is_equal_in_any_order)
{
    struct id_set a = set(1, 2, 3), b = set(3, 1, 2), c = set(1, 2, -1);
    cr_assert(id_set_equal(&a, &b));
    cr_assert_not(id_set_equal(&a, &c));
    cr_assert(id_set_within(&c, &a));
    cr_assert_not(id_set_within(&a, &c));
}

/* ---- The image. ---- */

Test(meta, of_nothing_is_valid_and_closes)
{
    struct meta_image image = {0};
    meta_image_check(&image);
    cr_assert_null(meta_broker_find(&image, 1));
    cr_assert_null(meta_topic_by_name(&image, text("t")));
    meta_image_close(&image);
    meta_image_close(&image);
}

Test(meta, finds_what_was_decided)
{
    struct meta_image image = cluster();
    const struct meta_topic *t = meta_topic_by_name(&image, text("t"));
    cr_assert_not_null(t);
    cr_assert_eq(meta_topic_by_id(&image, TOPIC_ID), t);
    cr_assert_eq(t->created_index, image.index);
    cr_assert_eq(meta_partition_find(&image, TOPIC_ID, 0)->leader, 1);
    cr_assert_null(meta_partition_find(&image, TOPIC_ID, 1));
    cr_assert_null(meta_partition_find(&image, TOPIC_ID, -1));
    cr_assert_null(meta_partition_find(&image, (struct uuid){.bytes = {9}}, 0));
    cr_assert_eq(meta_listener_find(meta_broker_find(&image, 1), "INTERNAL")->port, 9092);
    cr_assert_null(meta_listener_find(meta_broker_find(&image, 1), "EXTERNAL"));
    cr_assert_eq(image.topic_count, 1);
    cr_assert_eq(image.partition_count, 1);
    meta_image_close(&image);
}

Test(meta, brokers_come_in_the_order_of_their_first_registration)
{
    struct meta_image image = {0};
    int32_t ids[] = {7, 2, 5};
    for (int i = 0; i < 3; i++) apply_one(&image, broker(&image, ids[i]));
    apply_one(&image, broker(&image, 7));
    int i = 0;
    for (const struct meta_broker *b = image.brokers; b != NULL; b = b->hh.next)
        cr_assert_eq(b->id, ids[i++]);
    cr_assert_eq(i, 3);
    meta_image_close(&image);
}

Test(meta, broker_begins_fenced_in_every_incarnation)
{
    struct meta_image image = {0};
    apply_one(&image, broker(&image, 1));
    cr_assert(meta_broker_find(&image, 1)->fenced);
    apply_one(&image, state(&image, 1, false));
    cr_assert_not(meta_broker_find(&image, 1)->fenced);
    apply_one(&image, broker(&image, 1));
    cr_assert(meta_broker_find(&image, 1)->fenced);
    cr_assert_eq(meta_broker_find(&image, 1)->epoch, 3);
    meta_image_close(&image);
}

Test(meta, counts_the_places_of_each_broker)
{
    struct meta_image image = cluster();
    cr_assert_eq(meta_broker_find(&image, 1)->leader_count, 1);
    cr_assert_eq(meta_broker_find(&image, 2)->isr_count, 1);

    apply_one(&image, partition(0, set(-1, 2, 3), 2, 1));
    cr_assert_eq(meta_broker_find(&image, 1)->leader_count, 0);
    cr_assert_eq(meta_broker_find(&image, 1)->isr_count, 0);
    cr_assert_eq(meta_broker_find(&image, 2)->leader_count, 1);

    apply_one(&image,
              (struct meta_record){.kind = META_TOPIC_DELETED, .topic_deleted.id = TOPIC_ID});
    cr_assert_eq(meta_broker_find(&image, 2)->isr_count, 0);
    cr_assert_eq(image.partition_count, 0);
    meta_image_close(&image);
}

static struct meta_record config(int8_t type, const char *name, const char *key, const char *value)
{
    struct meta_record r = {.kind = META_CONFIG};
    r.config.type = type;
    r.config.name = text(name);
    r.config.key = text(key);
    if (value != NULL) r.config.value = text(value);
    return r;
}

Test(meta, config_is_set_changed_and_reset)
{
    struct meta_image image = cluster();
    cr_assert_null(meta_config_find(&image, 2, "t", "k"));
    apply_one(&image, config(2, "t", "k", "1"));
    apply_one(&image, config(4, "", "k", "3"));
    apply_one(&image, config(2, "t", "k", ""));
    cr_assert_str_eq(meta_config_find(&image, 2, "t", "k"), "");
    cr_assert_str_eq(meta_config_find(&image, 4, "", "k"), "3");
    apply_one(&image, config(2, "t", "k", NULL));
    apply_one(&image, config(2, "t", "other", NULL));
    cr_assert_null(meta_config_find(&image, 2, "t", "k"));
    meta_image_close(&image);
}

Test(meta, deleted_topic_takes_its_configuration_along)
{
    struct meta_image image = cluster();
    apply_one(&image, config(2, "t", "k", "1"));
    apply_one(&image, config(4, "1", "k", "2"));
    apply_one(&image,
              (struct meta_record){.kind = META_TOPIC_DELETED, .topic_deleted.id = TOPIC_ID});
    cr_assert_null(meta_topic_by_name(&image, text("t")));
    cr_assert_null(meta_config_find(&image, 2, "t", "k"));
    cr_assert_str_eq(meta_config_find(&image, 4, "1", "k"), "2");
    meta_image_close(&image);
}

Test(meta, one_batch_fences_a_broker_that_was_in_an_isr)
{
    struct meta_image image = cluster();
    struct meta_record records[] = {partition(0, set(-1, 2, 3), 2, 1), state(&image, 1, true)};
    apply(&image, records, 2);
    cr_assert(meta_broker_find(&image, 1)->fenced);
    cr_assert_eq(meta_partition_find(&image, TOPIC_ID, 0)->changed_index, image.index);
    meta_image_close(&image);
}

Test(meta, one_batch_takes_in_a_new_incarnation)
{
    struct meta_image image = cluster();
    struct meta_record records[] = {partition(0, set(-1, 2, 3), 2, 1), broker(&image, 1)};
    apply(&image, records, 2);
    cr_assert(meta_broker_find(&image, 1)->fenced);
    cr_assert_eq((uint64_t)meta_broker_find(&image, 1)->epoch, image.index);
    meta_image_close(&image);
}

Test(meta, try_answers_instead_of_crashing_and_keeps_the_index)
{
    struct meta_image image = cluster();
    uint64_t before = image.index;
    struct meta_record records[] = {config(2, "t", "k", "1"), state(&image, 1, true)};
    struct meta_batch batch = {.level = META_LEVEL, .count = 2, .records = records};
    const char *why;
    cr_assert_eq(meta_try(&image, before + 1, 1, &batch, &why), -ERR_INVALID);
    cr_assert_str_eq(why, "broker 1 is in the isr of 1 partitions and leads 1 of them");
    cr_assert_eq(image.index, before);
    meta_image_close(&image);
}

/* ---- What is refused, and in which words. ---- */

Test(meta, refuses_a_fence_and_an_incarnation_of_a_broker_in_an_isr)
{
    struct meta_image image = cluster();
    refuses(&image, state(&image, 2, true),
            "broker 2 is in the isr of 1 partitions and leads 0 of them");
    refuses(&image, broker(&image, 2),
            "broker 2 is in the isr of 1 partitions and leads 0 of them");
    meta_image_close(&image);
}

Test(meta, refuses_a_broker_epoch_that_is_not_the_brokers)
{
    struct meta_image image = cluster();
    struct meta_record r = state(&image, 4, false);
    r.broker_state.epoch = 77;
    refuses(&image, r, "broker 4 has epoch 4 and not 77");

    r = broker(&image, 5);
    r.broker.epoch = 3;
    refuses(&image, r, "broker 5 has epoch 3, but the decision has index 9");

    r = (struct meta_record){.kind = META_BROKER_STATE, .broker_state = {.id = 8}};
    refuses(&image, r, "broker 8 is not registered");
    meta_image_close(&image);
}

Test(meta, refuses_to_remove_a_broker_that_is_alive)
{
    struct meta_image image = cluster();
    struct meta_record r = {.kind = META_BROKER_REMOVED, .broker_removed.id = 3};
    refuses(&image, r, "broker 3 is not fenced");
    r.broker_removed.id = 9;
    refuses(&image, r, "broker 9 is not registered");
    r.broker_removed.id = 4;
    apply_one(&image, r);
    cr_assert_null(meta_broker_find(&image, 4));
    meta_image_close(&image);
}

Test(meta, refuses_a_broker_that_nobody_can_reach)
{
    struct meta_image image = {0};
    struct meta_record r = broker(&image, 1);
    r.broker.listener_count = 0;
    refuses(&image, r, "broker 1 has 0 listeners");

    r = broker(&image, 1);
    r.broker.listeners[1] = r.broker.listeners[0];
    r.broker.listener_count = 2;
    refuses(&image, r, "broker 1 has two listeners INTERNAL");

    r = broker(&image, 1);
    r.broker.replication_listener = text("X");
    refuses(&image, r, "broker 1 has no listener X, by which it is to be replicated");

    r = broker(&image, 1);
    r.broker.listeners[0].port = 0;
    refuses(&image, r, "listener INTERNAL of broker 1 has port 0");
}

Test(meta, refuses_a_topic_that_exists_and_names_that_are_not_legal)
{
    struct meta_image image = cluster();
    refuses(&image, topic("t"), "topic t exists already");
    refuses(&image, topic("u"), "topic t has the id 01000000000000000000000000000000 already");
    refuses(&image, topic(""), "topic name is empty");
    refuses(&image, topic(".."), "topic name .. means a directory");
    refuses(&image, topic("a/b"),
            "topic name a/b has characters other than letters, digits, '.', '_' and '-'");

    char name[META_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[META_NAME_MAX + 1] = 0;
    refuses(&image, topic(name), "topic name has 250 bytes, and 249 is the most");

    struct meta_record r = topic("u");
    r.topic.id = (struct uuid){.bytes = {2}};
    allows(&image, r);
    r = (struct meta_record){.kind = META_TOPIC_DELETED, .topic_deleted.id.bytes = {7}};
    refuses(&image, r, "no topic has the id 07000000000000000000000000000000");
    meta_image_close(&image);
}

struct bad_partition {
    struct meta_record record;
    const char *why;
};

Test(meta, refuses_partitions_that_break_an_invariant)
{
    struct meta_image image = cluster();
    struct bad_partition bad[16];
    for (int i = 0; i < 16; i++) bad[i].record = partition(0, set(1, 2, 3), 1, 1);

    bad[0].record.partition.partition = 2;
    bad[0].why = "partition t-2 does not come next: there are 1";
    bad[1].record.partition.partition_epoch = 2;
    bad[1].why = "partition t-0: partition epoch 2 does not follow 0";
    bad[2].record.partition.leader = 2;
    bad[2].record.partition.leader_epoch = 0;
    bad[2].why = "partition t-0: leader changes from 1 to 2, but leader epoch 0 stays";
    bad[3].record.partition.isr = set(-1, 2, 3);
    bad[3].why = "leader 1 is not in the isr";
    bad[4].record.partition.isr = set(1, 4, -1);
    bad[4].why = "isr is not within the replicas";
    bad[5].record.partition.elr = set(3, -1, -1);
    bad[5].why = "broker 3 is in isr and elr";
    bad[6].record.partition.replicas = set(-1, -1, -1);
    bad[6].record.partition.isr = set(-1, -1, -1);
    bad[6].record.partition.leader = META_NOBODY;
    bad[6].why = "it has no replicas";
    bad[7].record.partition.replicas = (struct id_set){4, {1, 2, 3, 4}};
    bad[7].record.partition.isr = set(1, 2, 4);
    bad[7].why = "partition t-0: broker 4 in the isr is fenced";
    bad[8].record.partition.replicas = (struct id_set){4, {1, 2, 3, 9}};
    bad[8].why = "partition t-0: broker 9 in the replicas is not registered";
    bad[9].record.partition.adding = set(4, -1, -1);
    bad[9].why = "adding is not within the replicas";
    bad[10].record.partition.removing = set(2, -1, -1);
    bad[10].record.partition.adding = set(2, -1, -1);
    bad[10].why = "broker 2 is in adding and removing";
    bad[11].record.partition.replicas = (struct id_set){4, {1, 2, 3, 2}};
    bad[11].why = "replicas has 2 twice";
    bad[12].record.partition.replicas.count = META_REPLICAS_MAX + 1;
    bad[12].why = "replicas has 13 members, and 12 is the most";
    bad[13].record.partition.topic_id = (struct uuid){.bytes = {5}};
    bad[13].why = "no topic has the id 05000000000000000000000000000000";
    bad[14].record.partition.partition = -1;
    bad[14].why = "partition number -1 is negative";
    bad[15].record.partition.partition = 1;
    bad[15].why = "partition t-1: partition epoch 1 does not follow -1";

    for (int i = 0; i < 16; i++) refuses(&image, bad[i].record, bad[i].why);
    allows(&image, partition(0, set(1, 2, 3), 1, 1));
    allows(&image, partition(1, set(1, 2, 3), 1, 0));
    meta_image_close(&image);
}

Test(meta, refuses_a_leader_epoch_that_falls)
{
    struct meta_image image = cluster();
    struct meta_record r = partition(0, set(1, 2, -1), 1, 1);
    r.partition.leader_epoch = 5;
    apply_one(&image, r);
    r.partition.partition_epoch = 2;
    r.partition.leader_epoch = 4;
    refuses(&image, r, "partition t-0: leader epoch falls from 5 to 4");
    meta_image_close(&image);
}

Test(meta, refuses_that_a_stopping_broker_joins_an_isr_but_lets_it_stay)
{
    struct meta_image image = cluster();
    apply_one(&image, partition(0, set(1, 2, -1), 1, 1));
    struct meta_record stop = state(&image, 3, false);
    stop.broker_state.stopping = true;
    apply_one(&image, stop);
    stop = state(&image, 2, false);
    stop.broker_state.stopping = true;
    apply_one(&image, stop);

    refuses(&image, partition(0, set(1, 2, 3), 1, 2), "partition t-0: broker 3 is stopping");
    allows(&image, partition(0, set(1, 2, -1), 1, 2));
    meta_image_close(&image);
}

Test(meta, isr_may_be_empty_and_then_nobody_leads)
{
    struct meta_image image = cluster();
    struct meta_record r = partition(0, set(-1, -1, -1), META_NOBODY, 1);
    r.partition.elr = set(1, 2, 3);
    apply_one(&image, r);
    cr_assert_eq(meta_partition_find(&image, TOPIC_ID, 0)->leader, META_NOBODY);
    meta_image_close(&image);
}

Test(meta, refuses_a_second_birth_and_an_id_that_is_none)
{
    struct meta_image image = {0};
    struct meta_record r = {.kind = META_CLUSTER};
    r.cluster.cluster_id = text("short");
    refuses(&image, r, "cluster id has 5 characters instead of 22");
    r.cluster.cluster_id = text("abcdefghijklmnopqrst+/");
    refuses(&image, r, "cluster id abcdefghijklmnopqrst+/ is not base64url");
    r.cluster.cluster_id = text("abcdefghijklmnopqrst-_");
    apply_one(&image, r);
    refuses(&image, r, "the cluster has the id abcdefghijklmnopqrst-_ already");
    meta_image_close(&image);
}

Test(meta, refuses_to_hand_out_producer_ids_twice)
{
    struct meta_image image = {0};
    struct meta_record r = {.kind = META_PRODUCER_IDS, .producer_ids.next = 1000};
    apply_one(&image, r);
    refuses(&image, r, "producer ids below 1000 were handed out already");
    meta_image_close(&image);
}

Test(meta, refuses_configuration_of_nothing)
{
    struct meta_image image = cluster();
    refuses(&image, config(2, "none", "k", "v"), "topic none does not exist");
    refuses(&image, config(2, "", "k", "v"), "configuration of a topic without a name");
    refuses(&image, config(4, "x", "k", "v"), "broker x is not a number");
    refuses(&image, config(3, "x", "k", "v"), "configuration of the unknown resource type 3");
    refuses(&image, config(2, "t", "", "v"), "configuration key is empty");
    meta_image_close(&image);
}

Test(meta, refuses_a_voter_set_without_a_voter)
{
    struct meta_image image = {0};
    struct meta_record r = {.kind = META_VOTERS};
    refuses(&image, r, "nobody in the voter set may vote");
    r.voters.count = 2;
    for (int i = 0; i < 2; i++)
        r.voters.voters[i] = (struct meta_voter){.id = 1, .host = text("h"), .port = 1};
    refuses(&image, r, "voter 1 is there twice");
    r.voters.voters[1].id = 2;
    r.voters.voters[1].is_learner = true;
    allows(&image, r);
}
