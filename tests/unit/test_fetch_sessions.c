/* Incremental fetch sessions (KIP-227): what a session remembers of topics that come, go, and come
 * again under their names. */
#include "broker/api/fetch_sessions.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "broker/options.h"

static struct shard *shard;
static struct broker_options options;
static struct fetch_session *session;

static void set_up(void)
{
    shard = calloc(1, sizeof *shard);
    options = (struct broker_options){.fetch_sessions_max = 10, .fetch_session_parts_max = 100};
    shard->options = &options;
    shard->number = 1;
    shard->prng = prng_from_seed(1);
    session = fetch_session_new(shard, false, 0);
}

static void tear_down(void)
{
    fetch_sessions_close_all(shard);
    cr_assert_eq(shard->session_part_count, 0);
    meta_image_close(&shard->image);
    free(shard);
}

TestSuite(fetch_sessions, .init = set_up, .fini = tear_down);

static const struct uuid unknown;

static struct uuid id_of(uint8_t number)
{
    return (struct uuid){.bytes = {number}};
}

static void apply(struct meta_record record)
{
    struct meta_batch batch = {.level = META_LEVEL, .count = 1, .records = &record};
    meta_apply(&shard->image, shard->image.index + 1, 1, &batch);
    fetch_session_follow_image(shard, session);
}

static void create(const char *name, uint8_t id)
{
    apply((struct meta_record){.kind = META_TOPIC,
                               .topic = {.name = slice_of_text(name), .id = id_of(id)}});
}

static void delete (uint8_t id)
{
    apply((struct meta_record){.kind = META_TOPIC_DELETED, .topic_deleted = {.id = id_of(id)}});
}

static struct fetch_part *ask(const char *name, struct uuid id, int32_t partition)
{
    return fetch_session_part(shard, session, id, slice_of_text(name), partition);
}

static void drop(const char *name, struct uuid id, int32_t partition)
{
    fetch_session_drop_part(shard, session, id, slice_of_text(name), partition);
}

Test(fetch_sessions, unknown_topics_are_told_apart_by_their_names)
{
    struct fetch_part *a = ask("a", unknown, 0), *b = ask("b", unknown, 0);
    cr_assert_neq(a, b);
    cr_assert_eq(ask("a", unknown, 0), a);

    drop("b", unknown, 0);
    cr_assert_eq(shard->session_part_count, 1);
    cr_assert_eq(ask("a", unknown, 0), a, "the other one was forgotten");
}

Test(fetch_sessions, a_topic_that_is_created_later_stays_one_part)
{
    struct fetch_part *a = ask("a", unknown, 0);
    a->leader_epoch = 9;
    (void)ask("b", unknown, 0);
    create("a", 1);
    cr_assert(uuid_equal(a->key.topic_id, id_of(1)));
    cr_assert_eq(ask("a", id_of(1), 0), a);
    cr_assert_eq(shard->session_part_count, 2);

    drop("a", id_of(1), 0);
    cr_assert_eq(shard->session_part_count, 1);
}

Test(fetch_sessions, a_topic_created_again_under_its_name_stays_one_part)
{
    create("a", 1);
    struct fetch_part *a = ask("a", id_of(1), 0);
    a->told_watermark = 7;
    delete (1);
    cr_assert(uuid_is_zero(a->key.topic_id));
    cr_assert_eq(ask("a", unknown, 0), a);
    create("a", 2);
    cr_assert_eq(ask("a", id_of(2), 0), a);
    cr_assert_eq(a->told_watermark, -1, "of another topic");
    cr_assert_eq(shard->session_part_count, 1);
}

Test(fetch_sessions, who_names_ids_keeps_them)
{
    create("a", 1);
    struct fetch_part *a = fetch_session_part(shard, session, id_of(1), (struct slice){0}, 0);
    struct fetch_part *b = fetch_session_part(shard, session, id_of(2), (struct slice){0}, 0);
    delete (1);
    create("a", 2);
    cr_assert(uuid_equal(a->key.topic_id, id_of(1)));
    cr_assert_eq(fetch_session_part(shard, session, id_of(2), (struct slice){0}, 0), b);
    cr_assert_eq(shard->session_part_count, 2);
}

#define UNUSED_MS 120000

static int32_t open_one(bool is_replica, uint64_t now_ms)
{
    const struct fetch_session *one = fetch_session_new(shard, is_replica, now_ms);
    cr_expect(is_replica || one == NULL || shard->session_count <= options.fetch_sessions_max);
    return one != NULL ? one->id : 0;
}

Test(fetch_sessions, clients_beyond_the_bound_take_none_from_those_that_use_theirs)
{
    int32_t second = open_one(false, 10);
    for (int i = 2; i < 10; i++) cr_assert_gt(open_one(false, 20), 0);
    cr_expect_eq(open_one(false, UNUSED_MS - 1), 0);
    cr_expect_not_null(fetch_session_find(shard, session->id, UNUSED_MS - 1));

    /* The other one has not been used for two minutes, now. */
    cr_expect_eq(open_one(false, UNUSED_MS + 9), 0);
    cr_expect_gt(open_one(false, UNUSED_MS + 10), 0);
    cr_expect_null(fetch_session_find(shard, second, UNUSED_MS + 10));
    cr_expect_not_null(fetch_session_find(shard, session->id, UNUSED_MS + 10));
}

Test(fetch_sessions, a_follower_has_one_whoever_else_does)
{
    int32_t client = session->id;
    for (int i = 1; i < 10; i++) cr_assert_gt(open_one(i % 2 == 0, 0), 0);
    cr_expect_gt(open_one(true, 0), 0);
    cr_expect_null(fetch_session_find(shard, client, 0));
    int32_t follower = open_one(true, 0);
    for (int i = 0; i < 20; i++) cr_expect_gt(open_one(true, 0), 0);
    cr_expect_not_null(fetch_session_find(shard, follower, 0), "they take none from each other");
    cr_expect_eq(open_one(false, 0), 0, "all are followers' by now");
}

Test(fetch_sessions, there_may_be_none_at_all)
{
    fetch_session_close(shard, session);
    options.fetch_sessions_max = 0;
    cr_expect_eq(open_one(false, 0), 0);
    cr_expect_gt(open_one(true, 0), 0);
}
