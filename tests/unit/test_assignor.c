/* Kafka's server-side assignors: what they promise, for groups from a seed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/groups/consumer/assignor.h"
#include "common/prng.h"

#define TOPICS_MAX 6
#define MEMBERS_MAX 9

static struct assign_topic topics[TOPICS_MAX];
static struct assign_member members[MEMBERS_MAX];
static uint32_t subscriptions[MEMBERS_MAX][TOPICS_MAX];
static struct part_set before[MEMBERS_MAX];
static char ids[MEMBERS_MAX][16];
static char instances[MEMBERS_MAX][16];
static struct assign_spec spec;

static void set_topics(uint32_t count, const uint32_t *sizes)
{
    for (uint32_t t = 0; t < count; t++) {
        memset(&topics[t].id, (int)t + 1, sizeof topics[t].id);
        topics[t].partition_count = sizes[t];
    }
    spec.topic_count = count;
    spec.topics = topics;
}

static void add_member(const char *id, uint32_t mask)
{
    uint32_t m = spec.member_count++;
    snprintf(ids[m], sizeof ids[m], "%s", id);
    members[m] = (struct assign_member){
        .id = slice_of_text(ids[m]), .topics = subscriptions[m], .before = &before[m]};
    for (uint32_t t = 0; t < spec.topic_count; t++) {
        if (mask & (1u << t)) subscriptions[m][members[m].topic_count++] = t;
    }
    spec.members = members;
}

static void reset(void)
{
    for (uint32_t m = 0; m < MEMBERS_MAX; m++) {
        part_set_close(&before[m]);
        part_set_close(&members[m].after);
    }
    spec = (struct assign_spec){0};
}

/* What was assigned is what is. */
static void settle(void)
{
    for (uint32_t m = 0; m < spec.member_count; m++) {
        part_set_copy(&before[m], &members[m].after);
        part_set_close(&members[m].after);
    }
}

static bool subscribes(uint32_t m, uint32_t t)
{
    for (uint32_t i = 0; i < members[m].topic_count; i++) {
        if (members[m].topics[i] == t) return true;
    }
    return false;
}

static void every_partition_has_one_owner_who_subscribes(uint64_t seed)
{
    uint32_t expected = 0, given = 0;
    for (uint32_t t = 0; t < spec.topic_count; t++) {
        uint32_t subscribers = 0;
        for (uint32_t m = 0; m < spec.member_count; m++) subscribers += subscribes(m, t);
        if (subscribers > 0) expected += topics[t].partition_count;
        for (uint32_t p = 0; p < topics[t].partition_count; p++) {
            struct part part = {topics[t].id, (int32_t)p};
            uint32_t owners = 0;
            for (uint32_t m = 0; m < spec.member_count; m++) {
                if (!part_set_has(&members[m].after, part)) continue;
                owners++;
                cr_assert(subscribes(m, t), "seed %d", (int)seed);
            }
            cr_assert_eq(owners, subscribers > 0 ? 1 : 0, "seed %d", (int)seed);
        }
    }
    for (uint32_t m = 0; m < spec.member_count; m++) given += members[m].after.count;
    cr_assert_eq(given, expected);
}

static void draw(struct prng *prng, bool is_homogeneous)
{
    uint32_t sizes[TOPICS_MAX];
    uint32_t count = 1 + (uint32_t)prng_range(prng, 0, (TOPICS_MAX)-1);
    for (uint32_t t = 0; t < count; t++) sizes[t] = (uint32_t)prng_range(prng, 0, (9) - 1);
    set_topics(count, sizes);
    uint32_t n = 1 + (uint32_t)prng_range(prng, 0, (MEMBERS_MAX)-1);
    for (uint32_t m = 0; m < n; m++) {
        char id[16];
        snprintf(id, sizeof id, "m%u", m);
        add_member(id,
                   is_homogeneous ? ~0u : (uint32_t)prng_range(prng, 0, (1u << TOPICS_MAX) - 1));
        /* What it had may be anything, and others may say the same. */
        for (uint64_t i = prng_range(prng, 0, 11); i > 0; i--) {
            struct part part = {topics[prng_range(prng, 0, (count)-1)].id,
                                (int32_t)prng_range(prng, 0, (12) - 1)};
            part_set_add(&before[m], part);
        }
        if (prng_range(prng, 0, (3) - 1) > 0) continue;
        snprintf(instances[m], sizeof instances[m], "i%u",
                 (uint32_t)prng_range(prng, 0, (99) - 1) * 10 + m);
        members[m].instance_id = slice_of_text(instances[m]);
    }
}

static uint32_t least(void)
{
    uint32_t n = UINT32_MAX;
    for (uint32_t m = 0; m < spec.member_count; m++) {
        if (members[m].after.count < n) n = members[m].after.count;
    }
    return n;
}

static uint32_t most(void)
{
    uint32_t n = 0;
    for (uint32_t m = 0; m < spec.member_count; m++) {
        if (members[m].after.count > n) n = members[m].after.count;
    }
    return n;
}

Test(assignor, every_partition_gets_one_owner)
{
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct prng prng = prng_from_seed(seed);
        bool is_homogeneous = seed % 2 == 0;
        draw(&prng, is_homogeneous);
        enum assignor_kind kind = seed % 3 == 0 ? ASSIGNOR_RANGE : ASSIGNOR_UNIFORM;
        assign(kind, &spec);
        every_partition_has_one_owner_who_subscribes(seed);
        if (kind == ASSIGNOR_UNIFORM && is_homogeneous) {
            cr_assert_leq(most(), least() + 1, "seed %d", (int)seed);
        }
        reset();
    }
}

Test(assignor, uniform_moves_nothing_without_need)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct prng prng = prng_from_seed(seed);
        draw(&prng, seed % 2 == 0);
        assign(ASSIGNOR_UNIFORM, &spec);
        settle();
        assign(ASSIGNOR_UNIFORM, &spec);
        for (uint32_t m = 0; m < spec.member_count; m++) {
            cr_assert(part_set_equal(&before[m], &members[m].after), "seed %d", (int)seed);
        }
        reset();
    }
}

Test(assignor, uniform_takes_from_the_others_only_what_a_new_member_needs)
{
    set_topics(1, (uint32_t[]){12});
    add_member("a", 1);
    add_member("b", 1);
    assign(ASSIGNOR_UNIFORM, &spec);
    settle();
    add_member("c", 1);
    assign(ASSIGNOR_UNIFORM, &spec);
    for (uint32_t m = 0; m < 3; m++) cr_assert_eq(members[m].after.count, 4);
    cr_assert(part_set_within(&members[0].after, &before[0]));
    cr_assert(part_set_within(&members[1].after, &before[1]));
    reset();
}

Test(assignor, range_gives_the_same_numbers_of_every_topic)
{
    set_topics(2, (uint32_t[]){7, 7});
    add_member("b", 3);
    add_member("c", 3);
    add_member("a", 3);
    members[1].instance_id = slice_of_text("first");
    assign(ASSIGNOR_RANGE, &spec);
    /* The static one comes first, then by id: c, a, b. */
    static const uint32_t from[] = {5, 0, 3}, to[] = {7, 3, 5};
    for (uint32_t m = 0; m < 3; m++) {
        cr_assert_eq(members[m].after.count, 2 * (to[m] - from[m]));
        for (uint32_t t = 0; t < 2; t++) {
            for (uint32_t p = from[m]; p < to[m]; p++) {
                cr_assert(part_set_has(&members[m].after, (struct part){topics[t].id, (int32_t)p}));
            }
        }
    }
    reset();
}

Test(assignor, more_members_than_partitions_leave_some_idle)
{
    set_topics(1, (uint32_t[]){2});
    for (uint32_t m = 0; m < 4; m++) add_member((const char *[]){"a", "b", "c", "d"}[m], 1);
    assign(ASSIGNOR_RANGE, &spec);
    cr_assert_eq(most(), 1);
    every_partition_has_one_owner_who_subscribes(0);
    reset();
}

Test(assignor, names_are_kafkas)
{
    enum assignor_kind kind;
    cr_assert(assignor_find(slice_of_text("uniform"), &kind));
    cr_assert_eq(kind, ASSIGNOR_UNIFORM);
    cr_assert(assignor_find(slice_of_text("range"), &kind));
    cr_assert_eq(kind, ASSIGNOR_RANGE);
    cr_assert_not(assignor_find(slice_of_text("Range"), &kind));
}
