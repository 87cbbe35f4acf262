#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/leaders.h"
#include "controller/decide/topics.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

/* ---- Asking. ---- */

static struct create_topics_request_topic ask(const char *name, int32_t partitions,
                                              int16_t replicas)
{
    return (struct create_topics_request_topic){
        .name = slice_of_text(name), .num_partitions = partitions, .replication_factor = replicas};
}

static const struct create_topics_response_topic *create(struct fixture *f,
                                                         struct create_topics_request_topic *topics,
                                                         int32_t count, bool validate_only,
                                                         int32_t *answered)
{
    static struct create_topics_response reply;
    static uint8_t serial;
    struct uuid ids[8] = {0};
    for (int32_t i = 0; i < count; i++) ids[i].bytes[0] = ++serial;
    struct create_topics_request request = {.topics = {.items = topics, .count = count},
                                            .validate_only = validate_only};
    cr_assert_eq(decide_create_topics(&f->image, &request, ids, &f->d, &reply), 0);
    if (answered != NULL) *answered = reply.topics.count;
    return reply.topics.items;
}

static int16_t create_one(struct fixture *f, struct create_topics_request_topic topic)
{
    int16_t error = create(f, &topic, 1, false, NULL)->error_code;
    if (error == 0)
        fixture_commit(f);
    else
        cr_expect_eq(f->d.count, 0);
    fixture_drop(f);
    return error;
}

/* ---- Names. ---- */

struct name_case {
    const char *name;
    int16_t error;
};

/* clang-format off */
static const struct name_case NAMES[] = {
    {"plain-Name_1.x",     KAFKA_NONE},
    {"",                   KAFKA_INVALID_TOPIC_EXCEPTION},
    {".",                  KAFKA_INVALID_TOPIC_EXCEPTION},
    {"..",                 KAFKA_INVALID_TOPIC_EXCEPTION},
    {"a/b",                KAFKA_INVALID_TOPIC_EXCEPTION},
    {"with space",         KAFKA_INVALID_TOPIC_EXCEPTION},
    {"__cluster_metadata", KAFKA_INVALID_REQUEST},
    {"there",              KAFKA_TOPIC_ALREADY_EXISTS},
    {"dots_and.lines",     KAFKA_INVALID_TOPIC_EXCEPTION}, /* Collides with dots.and_lines. */
    {"dots.and_lines",     KAFKA_TOPIC_ALREADY_EXISTS},
    {"dotsxandxlines",     KAFKA_NONE},
};
/* clang-format on */

Test(create_topics, names_follow_the_rules)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    fixture_topic(f, "there", "1");
    fixture_topic(f, "dots.and_lines", "1");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        cr_expect_eq(create_one(f, ask(NAMES[i].name, 1, 1)), NAMES[i].error, "%s", NAMES[i].name);

    char longest[META_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[META_NAME_MAX + 1] = 0;
    cr_expect_eq(create_one(f, ask(longest, 1, 1)), KAFKA_INVALID_TOPIC_EXCEPTION);
    longest[META_NAME_MAX] = 0;
    cr_expect_eq(create_one(f, ask(longest, 1, 1)), KAFKA_NONE);
    fixture_close(f);
}

/* ---- Numbers. ---- */

struct number_case {
    int32_t partitions;
    int16_t replicas;
    int16_t error;
};

static const struct number_case NUMBERS[] = {
    {1, 3, KAFKA_NONE},
    {-1, -1, KAFKA_NONE},
    {0, 1, KAFKA_INVALID_PARTITIONS},
    {-2, 1, KAFKA_INVALID_PARTITIONS},
    {1, 0, KAFKA_INVALID_REPLICATION_FACTOR},
    {1, -2, KAFKA_INVALID_REPLICATION_FACTOR},
    {1, 4, KAFKA_INVALID_REPLICATION_FACTOR},
    {DECIDE_PARTITIONS_MAX + 1, 1, KAFKA_POLICY_VIOLATION},
    {DECIDE_PARTITIONS_MAX, 1, KAFKA_NONE},
};

Test(create_topics, numbers_are_checked)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%zu", i);
        cr_expect_eq(create_one(f, ask(name, NUMBERS[i].partitions, NUMBERS[i].replicas)),
                     NUMBERS[i].error, "case %zu", i);
    }
    fixture_close(f);
}

Test(create_topics, defaults_are_the_clusters)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 2);
    cr_expect_eq(create_one(f, ask("a", -1, -1)), KAFKA_INVALID_REPLICATION_FACTOR);
    fixture_config(f, 4, "", "default.replication.factor", "2");
    fixture_config(f, 4, "", "num.partitions", "5");
    cr_expect_eq(create_one(f, ask("b", -1, -1)), 0);
    cr_expect_eq(meta_topic_by_name(&f->image, slice_of_text("b"))->partition_count, 5);
    cr_expect_eq(fixture_partition(f, "b", 0)->replicas.count, 2);
    fixture_close(f);
}

Test(create_topics, fenced_and_stopping_brokers_get_nothing)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    fixture_fence(f, 2);
    cr_expect_eq(create_one(f, ask("a", 1, 3)), KAFKA_INVALID_REPLICATION_FACTOR);
    cr_expect_eq(create_one(f, ask("b", 4, 2)), 0);
    cr_expect_eq(meta_broker_find(&f->image, 2)->isr_count, 0);
    fixture_close(f);
}

/* ---- Several in one request. ---- */

Test(create_topics, one_refusal_does_not_touch_the_others)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    struct create_topics_request_topic topics[] = {ask("good", 2, 1),  ask("bad", 0, 1),
                                                   ask("twice", 1, 1), ask("twice", 1, 1),
                                                   ask("x.y", 1, 1),   ask("x_y", 1, 1)};
    int32_t count;
    const struct create_topics_response_topic *r = create(f, topics, 6, false, &count);
    cr_assert_eq(count, 5);
    cr_expect_eq(r[0].error_code, 0);
    cr_expect_eq(r[0].num_partitions, 2);
    cr_expect_gt(r[0].configs.count, 20);
    cr_expect_eq(r[1].error_code, KAFKA_INVALID_PARTITIONS);
    cr_expect_eq(r[1].num_partitions, -1);
    cr_expect_eq(r[2].error_code, KAFKA_INVALID_REQUEST);
    cr_expect_eq(r[3].error_code, 0);
    cr_expect_eq(r[4].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    fixture_commit(f);
    cr_expect_eq(f->image.topic_count, 2);
    fixture_close(f);
}

Test(create_topics, validate_only_answers_and_changes_nothing)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    struct create_topics_request_topic topic = ask("t", 3, 1);
    const struct create_topics_response_topic *r = create(f, &topic, 1, true, NULL);
    cr_expect_eq(r->error_code, 0);
    cr_expect_eq(r->num_partitions, 3);
    cr_expect(uuid_is_zero(r->topic_id));
    cr_expect_eq(f->d.count, 0);
    fixture_close(f);
}

/* ---- Configurations. ---- */

static int16_t create_with(struct fixture *f, const char *name, const char *key, const char *value)
{
    struct create_topics_request_config config = {
        slice_of_text(key), value == NULL ? (struct slice){0} : slice_of_text(value)};
    struct create_topics_request_topic topic = ask(name, 1, 1);
    topic.configs = (struct array){.items = &config, .count = 1};
    return create_one(f, topic);
}

Test(create_topics, configurations_are_checked_and_kept)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    cr_expect_eq(create_with(f, "a", "retention.ms", "1000"), 0);
    cr_expect_str_eq(meta_config_find(&f->image, 2, "a", "retention.ms"), "1000");
    cr_expect_eq(create_with(f, "b", "retention.mss", "1000"), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "b", "retention.ms", "soon"), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "b", "retention.ms", NULL), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "b", "cleanup.policy", "compact,delete"), 0);
    cr_expect_eq(create_with(f, "c", "cleanup.policy", "compact,burn"), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "c", "min.cleanable.dirty.ratio", "1.5"), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "c", "min.cleanable.dirty.ratio", "0.25"), 0);
    fixture_close(f);
}

Test(create_topics, lags_that_contradict_each_other_are_refused)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    struct create_topics_request_config configs[] = {
        {slice_of_text("min.compaction.lag.ms"), slice_of_text(" 6")},
        {slice_of_text("max.compaction.lag.ms"), slice_of_text("5")}};
    struct create_topics_request_topic topic = ask("a", 1, 1);
    topic.configs = (struct array){.items = configs, .count = 2};
    cr_expect_eq(create_one(f, topic), KAFKA_INVALID_CONFIG);
    configs[1].value = slice_of_text("6");
    cr_expect_eq(create_one(f, topic), 0);

    fixture_config(f, 4, "", "log.cleaner.max.compaction.lag.ms", "5");
    cr_expect_eq(create_with(f, "b", "min.compaction.lag.ms", "6"), KAFKA_INVALID_CONFIG);
    cr_expect_eq(create_with(f, "b", "min.compaction.lag.ms", "5"), 0);
    fixture_close(f);
}

/* ---- Placement. ---- */

Test(placement, leaders_and_replicas_are_even)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 5);
    cr_assert_eq(create_one(f, ask("a", 7, 3)), 0);
    cr_assert_eq(create_one(f, ask("b", 8, 3)), 0);
    for (const struct meta_broker *b = f->image.brokers; b != NULL; b = b->hh.next) {
        cr_expect_eq(b->leader_count, 3, "broker %d leads %u", b->id, b->leader_count);
        cr_expect_eq(b->isr_count, 9, "broker %d holds %u", b->id, b->isr_count);
    }
    fixture_close(f);
}

Test(placement, followers_of_a_leader_are_not_always_the_same)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 6);
    cr_assert_eq(create_one(f, ask("a", 12, 2)), 0);
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text("a"));
    cr_assert_eq(t->partitions[0].leader, t->partitions[6].leader);
    cr_expect_neq(t->partitions[0].replicas.ids[1], t->partitions[6].replicas.ids[1]);
    fixture_close(f);
}

Test(placement, replicas_are_spread_over_racks)
{
    struct fixture *f = fixture_open();
    static const char *const racks[] = {"a", "a", "a", "b", "b", "c"};
    for (int32_t id = 1; id <= 6; id++) fixture_broker(f, id, racks[id - 1]);
    cr_assert_eq(create_one(f, ask("t", 12, 3)), 0);
    const struct meta_topic *t = meta_topic_by_name(&f->image, slice_of_text("t"));
    for (uint32_t i = 0; i < t->partition_count; i++) {
        char seen[3] = {0};
        for (uint32_t j = 0; j < 3; j++)
            seen[racks[t->partitions[i].replicas.ids[j] - 1][0] - 'a']++;
        cr_expect(seen[0] == 1 && seen[1] == 1 && seen[2] == 1, "partition %u", i);
    }
    fixture_close(f);
}

/* ---- By hand. ---- */

static int16_t create_by_hand(struct fixture *f, const char *name, const char *first,
                              const char *second, int32_t second_index)
{
    struct id_set a = fixture_ids(first), b = fixture_ids(second);
    struct create_topics_request_assignment given[2] = {
        {.partition_index = 0, .broker_ids = {.items = a.ids, .count = (int32_t)a.count}},
        {.partition_index = second_index,
         .broker_ids = {.items = b.ids, .count = (int32_t)b.count}},
    };
    struct create_topics_request_topic topic = ask(name, -1, -1);
    topic.assignments = (struct array){.items = given, .count = 2};
    return create_one(f, topic);
}

Test(assignment, is_taken_as_given_or_refused)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    cr_expect_eq(create_by_hand(f, "a", "3,1", "1,2", 1), 0);
    cr_expect_str_eq(fixture_text(f, "a"), "leader 3 epoch 0 isr 3,1 elr -");
    cr_expect_eq(create_by_hand(f, "b", "3,1", "1,2", 2), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    cr_expect_eq(create_by_hand(f, "b", "3,1", "1,2", 0), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    cr_expect_eq(create_by_hand(f, "b", "3,1", "1", 1), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    cr_expect_eq(create_by_hand(f, "b", "3,1", "", 1), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    cr_expect_eq(create_by_hand(f, "b", "3,1", "1,9", 1), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    fixture_fence(f, 2);
    cr_expect_eq(create_by_hand(f, "b", "2,1", "1,2", 1), 0);
    cr_expect_str_eq(fixture_text(f, "b"), "leader 1 epoch 0 isr 1 elr -");
    fixture_fence(f, 1);
    cr_expect_eq(create_by_hand(f, "c", "2,1", "1,2", 1), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    fixture_close(f);
}

Test(assignment, with_numbers_beside_it_is_refused)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    int32_t one = 1;
    struct create_topics_request_assignment given = {.broker_ids = {.items = &one, .count = 1}};
    struct create_topics_request_topic topic = ask("t", 1, -1);
    topic.assignments = (struct array){.items = &given, .count = 1};
    cr_expect_eq(create_one(f, topic), KAFKA_INVALID_REQUEST);
    topic.num_partitions = -1;
    topic.replication_factor = 1;
    cr_expect_eq(create_one(f, topic), KAFKA_INVALID_REQUEST);
    topic.replication_factor = -1;
    cr_expect_eq(create_one(f, topic), 0);
    fixture_close(f);
}

/* ---- Deletion. ---- */

/* Decided, not committed. */
static struct array delete_topics(struct fixture *f, struct delete_topics_request_topic *topics,
                                  int32_t count)
{
    struct delete_topics_request request = {.topics = {.items = topics, .count = count}};
    struct delete_topics_response reply;
    cr_assert_eq(decide_delete_topics(&f->image, &request, 1000, &f->d, &reply), 0);
    return reply.responses;
}

Test(delete_topics, by_name_and_by_id)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    struct uuid a = fixture_topic(f, "a", "1");
    fixture_topic(f, "b", "1");
    struct delete_topics_request_topic topics[] = {
        {.topic_id = a},
        {.name = slice_of_text("b")},
        {.name = slice_of_text("none")},
        {.topic_id = {{9}}},
        {.name = {0}},
        {.name = slice_of_text("b"), .topic_id = a},
    };
    static const int16_t errors[] = {KAFKA_NONE,
                                     KAFKA_NONE,
                                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                                     KAFKA_UNKNOWN_TOPIC_ID,
                                     KAFKA_INVALID_REQUEST,
                                     KAFKA_INVALID_REQUEST};
    struct array answers = delete_topics(f, topics, 6);
    const struct delete_topics_response_topic *r = answers.items;
    cr_assert_eq(answers.count, 6);
    for (int i = 0; i < 6; i++) cr_expect_eq(r[i].error_code, errors[i], "%d", i);
    cr_expect(slice_equal(r[0].name, slice_of_text("a")));
    fixture_commit(f);
    cr_expect_eq(f->image.topic_count, 0);
    fixture_close(f);
}

Test(delete_topics, one_that_is_named_twice_stays)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 1);
    struct uuid a = fixture_topic(f, "a", "1");
    fixture_topic(f, "b", "1");
    struct delete_topics_request_topic topics[] = {
        {.topic_id = a},
        {.name = slice_of_text("none")},
        {.name = slice_of_text("a")},
        {.name = slice_of_text("none")},
        {.name = slice_of_text("b")},
    };
    struct array answers = delete_topics(f, topics, 5);
    const struct delete_topics_response_topic *r = answers.items;
    cr_assert_eq(answers.count, 3, "each is answered once");
    cr_expect_eq(r[0].error_code, KAFKA_INVALID_REQUEST);
    cr_expect_eq(r[1].error_code, KAFKA_INVALID_REQUEST);
    cr_expect_eq(r[2].error_code, KAFKA_NONE);
    fixture_commit(f);
    cr_expect_eq(f->image.topic_count, 1);
    fixture_close(f);
}

/* ---- More partitions. ---- */

/* With a list of so many assignments, which are empty; -1: with none. */
static int16_t grow_by(struct fixture *f, const char *name, int32_t count, int32_t assigned)
{
    struct create_partitions_request_topic topic = {
        .name = slice_of_text(name), .count = count, .assignments = {.count = assigned}};
    struct create_partitions_request request = {.topics = {.items = &topic, .count = 1}};
    struct create_partitions_response reply;
    cr_assert_eq(decide_create_partitions(&f->image, &request, &f->d, &reply), 0);
    int16_t error = ((struct create_partitions_response_topic *)reply.results.items)->error_code;
    if (error == 0) fixture_commit(f);
    fixture_drop(f);
    return error;
}

static int16_t grow(struct fixture *f, const char *name, int32_t count)
{
    return grow_by(f, name, count, -1);
}

Test(create_partitions, go_on_after_the_old_ones)
{
    struct fixture *f = fixture_open();
    fixture_brokers(f, 3);
    cr_assert_eq(create_one(f, ask("t", 1, 2)), 0);
    cr_expect_eq(grow(f, "t", 3), 0);
    cr_expect_eq(meta_topic_by_name(&f->image, slice_of_text("t"))->partition_count, 3);
    cr_expect_eq(fixture_partition(f, "t", 2)->replicas.count, 2);
    for (const struct meta_broker *b = f->image.brokers; b != NULL; b = b->hh.next)
        cr_expect_eq(b->leader_count, 1);
    cr_expect_eq(grow(f, "t", 3), KAFKA_INVALID_PARTITIONS);
    cr_expect_eq(grow(f, "t", 2), KAFKA_INVALID_PARTITIONS);
    cr_expect_eq(grow(f, "none", 2), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    cr_expect_eq(grow_by(f, "t", 4, 0), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    fixture_fence(f, 1);
    fixture_fence(f, 2);
    cr_expect_eq(grow(f, "t", 4), KAFKA_INVALID_REPLICATION_FACTOR);
    fixture_close(f);
}

/* ---- Preferred leaders. ---- */

static struct log_ends ends; /* Nobody has told anything. */

static const struct elect_leaders_response_partition *elect(struct fixture *f, int8_t type,
                                                            int32_t *numbers, int32_t count)
{
    static struct elect_leaders_response reply;
    struct elect_leaders_request_topic topic = {.topic = slice_of_text("t"),
                                                .partitions = {.items = numbers, .count = count}};
    struct elect_leaders_request request = {.election_type = type,
                                            .topic_partitions = {.items = &topic, .count = 1}};
    cr_assert_eq(decide_elect_leaders(&f->image, &ends, &request, &f->d, &reply), 0);
    const struct elect_leaders_response_topic *t = reply.replica_election_results.items;
    return t->partition_result.items;
}

Test(elect_leaders, preferred_ones_lead_again_when_in_sync)
{
    struct fixture *f = fixture_with(2, "1,2");
    int32_t numbers[] = {0, 7};
    cr_expect_eq(elect(f, ELECTION_PREFERRED, numbers, 2)[0].error_code, KAFKA_ELECTION_NOT_NEEDED);
    fixture_drop(f);
    fixture_fence(f, 1);
    fixture_unfence(f, 1);
    cr_expect_eq(elect(f, ELECTION_PREFERRED, numbers, 2)[0].error_code,
                 KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    fixture_drop(f);
    cr_assert_eq(fixture_alter_isr(f, "t", 2, "2,1"), 0);

    const struct elect_leaders_response_partition *r = elect(f, ELECTION_PREFERRED, numbers, 2);
    cr_expect_eq(r[0].error_code, 0);
    cr_expect_eq(r[1].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    fixture_commit(f);
    cr_expect_str_eq(fixture_text(f, "t"), "leader 2 epoch 1 isr 2,1 elr - successor 1");
    cr_expect_eq(fixture_hand_over(f, "t", 2, 1, 0), 0);
    cr_expect_str_eq(fixture_text(f, "t"), "leader 1 epoch 2 isr 2,1 elr -");
    fixture_close(f);
}

Test(elect_leaders, unclean_elections_are_refused_by_name)
{
    struct fixture *f = fixture_with(1, "1");
    int32_t number = 0;
    cr_expect_eq(elect(f, ELECTION_UNCLEAN, &number, 1)->error_code, KAFKA_ELECTION_NOT_NEEDED);
    fixture_drop(f);
    fixture_fence(f, 1);
    cr_expect_eq(elect(f, ELECTION_UNCLEAN, &number, 1)->error_code,
                 KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE);
    fixture_close(f);
}
