/* A topic that was deleted comes back with everything, or is refused by name. */
#include <criterion/criterion.h>
#include <string.h>

#include "controller/decide/retired.h"
#include "controller/decide/topics.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

#define NOW_MS 1000000
#define DELAY_MS 60000 /* Unless the topic says another one. */

static void set_level(struct fixture *f, int32_t level)
{
    struct meta_record *r = decision_add(&f->d, META_FEATURE);
    r->feature.name = slice_of_text("metadata.version");
    r->feature.level = level;
    fixture_commit(f);
}

static struct fixture *open_cluster(void)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    set_level(f, META_LEVEL_RETIRED);
    return f;
}

static void delete_topic(struct fixture *f, const char *name)
{
    struct slice names[] = {slice_of_text(name)};
    struct delete_topics_request request = {.topic_names = {.items = names, .count = 1}};
    struct delete_topics_response reply;
    cr_assert_eq(decide_delete_topics(&f->image, &request, NOW_MS, &f->d, &reply), 0);
    const struct delete_topics_response_topic *r = reply.responses.items;
    cr_assert_eq(r[0].error_code, KAFKA_NONE);
    fixture_commit(f);
}

/* Kafka's code; committed if there is something to commit. */
static int16_t act(struct fixture *f, enum retired_action action, const char *name)
{
    struct retired_topics_request_topic topic = {.name = slice_of_text(name)};
    struct retired_topics_request request = {.action = (int8_t)action,
                                             .topics = {.items = &topic, .count = 1}};
    struct retired_topics_response reply;
    cr_assert_eq(decide_retired_topics(&f->image, &request, NOW_MS, &f->d, &reply), 0);
    const struct retired_topics_response_topic *r = reply.topics.items;
    int16_t error = r[0].error_code;
    if (f->d.count > 0) fixture_commit(f);
    return error;
}

static void register_again(struct fixture *f, int32_t id)
{
    cr_assert_eq(fixture_register(f, id, 2, NULL, true), KAFKA_NONE);
    fixture_commit(f);
}

Test(decide_retired, a_topic_comes_back_with_its_id_its_settings_and_a_new_leader_epoch)
{
    struct fixture *f = open_cluster();
    struct uuid id = fixture_topic(f, "a", "1,2,3");
    fixture_config(f, 2, "a", "retention.ms", "77");
    delete_topic(f, "a");
    cr_expect_null(meta_topic_by_name(&f->image, slice_of_text("a")));
    cr_expect_null(meta_config_find(&f->image, 2, "a", "retention.ms"));
    cr_expect_eq(f->image.topic_count, 0);

    cr_expect_eq(act(f, RETIRED_RESTORE, "a"), KAFKA_NONE);
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text("a"));
    cr_assert_not_null(t);
    cr_expect(uuid_equal(t->id, id));
    cr_expect_str_eq(meta_config_find(&f->image, 2, "a", "retention.ms"), "77");
    cr_expect_str_eq(fixture_text(f, "a"), "leader 1 epoch 1 isr 1,2,3 elr -");
    cr_expect_null(f->image.retired);
    cr_expect_eq(act(f, RETIRED_RESTORE, "a"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    fixture_close(f);
}

Test(decide_retired, whoever_led_leads_again)
{
    struct fixture *f = open_cluster();
    fixture_topic(f, "a", "1,2,3");
    fixture_fence(f, 1);
    fixture_unfence(f, 1);
    cr_assert_eq(fixture_alter_isr(f, "a", 2, "1,2,3"), KAFKA_NONE);
    cr_assert_eq(fixture_partition(f, "a", 0)->leader, 2);
    delete_topic(f, "a");
    cr_expect_eq(act(f, RETIRED_RESTORE, "a"), KAFKA_NONE);
    cr_expect_eq(fixture_partition(f, "a", 0)->leader, 2);
    fixture_close(f);
}

Test(decide_retired, whoever_was_started_again_meanwhile_is_not_in_sync)
{
    struct fixture *f = open_cluster();
    fixture_topic(f, "a", "1,2,3");
    delete_topic(f, "a");
    register_again(f, 1);
    fixture_unfence(f, 1);
    fixture_fence(f, 3);
    cr_expect_eq(act(f, RETIRED_RESTORE, "a"), KAFKA_NONE);
    cr_expect_str_eq(fixture_text(f, "a"), "leader 2 epoch 1 isr 2 elr -");
    fixture_close(f);
}

Test(decide_retired, nobody_leads_until_one_that_has_everything_is_back)
{
    struct fixture *f = open_cluster();
    fixture_topic(f, "a", "1,2,3");
    delete_topic(f, "a");
    register_again(f, 1);
    fixture_unfence(f, 1);
    register_again(f, 2);
    fixture_fence(f, 3);
    cr_expect_eq(act(f, RETIRED_RESTORE, "a"), KAFKA_NONE);
    const struct meta_partition *p = fixture_partition(f, "a", 0);
    cr_expect_eq(p->leader, META_NOBODY);
    cr_expect(id_set_has(&p->elr, 3));
    cr_expect(id_set_has(&p->last_known_elr, 1));
    cr_expect(id_set_has(&p->last_known_elr, 2));
    fixture_unfence(f, 3);
    cr_expect_eq(fixture_partition(f, "a", 0)->leader, 3);
    fixture_close(f);
}

Test(decide_retired, a_name_that_is_taken_is_refused_by_name)
{
    struct fixture *f = open_cluster();
    fixture_topic(f, "a.b", "1,2,3");
    delete_topic(f, "a.b");
    struct uuid second = {{9}};
    struct meta_record *r = decision_add(&f->d, META_TOPIC);
    r->topic.id = second;
    r->topic.name = slice_of_text("a.b");
    fixture_commit(f);
    cr_expect_eq(act(f, RETIRED_RESTORE, "a.b"), KAFKA_TOPIC_ALREADY_EXISTS);
    delete_topic(f, "a.b");
    fixture_topic(f, "a_b", "1,2,3");
    cr_expect_eq(act(f, RETIRED_RESTORE, "a.b"), KAFKA_INVALID_TOPIC_EXCEPTION);
    delete_topic(f, "a_b");
    cr_expect_eq(act(f, RETIRED_RESTORE, "a.b"), KAFKA_NONE);
    /* Of two, the one that went last. */
    cr_expect(uuid_equal(meta_topic_by_name(&f->image, slice_of_text("a.b"))->id, second));
    fixture_close(f);
}

Test(decide_retired, deletion_is_final_when_the_delay_is_over_or_at_once_where_there_is_none)
{
    struct fixture *f = open_cluster();
    fixture_topic(f, "a", "1,2,3");
    fixture_topic(f, "b", "1,2,3");
    fixture_config(f, 2, "b", "file.delete.delay.ms", "0");
    delete_topic(f, "b");
    cr_expect_null(f->image.retired);
    cr_expect_eq(retired_next_ms(&f->image, NOW_MS), -1);

    delete_topic(f, "a");
    cr_expect_eq(retired_next_ms(&f->image, NOW_MS), DELAY_MS);
    decide_drop_due(&f->image, NOW_MS + DELAY_MS - 1, &f->d);
    cr_expect_eq(f->d.count, 0);
    decide_drop_due(&f->image, NOW_MS + DELAY_MS, &f->d);
    cr_expect_eq(f->d.count, 1);
    fixture_commit(f);
    cr_expect_null(f->image.retired);

    fixture_topic(f, "c", "1,2,3");
    delete_topic(f, "c");
    cr_expect_eq(act(f, RETIRED_LIST, "c"), KAFKA_NONE);
    cr_expect_eq(act(f, RETIRED_DROP, "c"), KAFKA_NONE);
    cr_expect_eq(act(f, RETIRED_RESTORE, "c"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    fixture_close(f);
}

Test(decide_retired, a_cluster_of_the_first_level_deletes_for_good)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    set_level(f, 1);
    fixture_topic(f, "a", "1,2,3");
    delete_topic(f, "a");
    cr_expect_null(f->image.retired);
    fixture_close(f);
}
