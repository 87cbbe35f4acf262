/* Finalized features are raised and lowered, all that is asked for or nothing. */
#include <criterion/criterion.h>

#include "controller/decide/features.h"
#include "proto/kafka_errors.h"
#include "tests/unit/decide_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int16_t ask(struct fixture *f, const struct update_features_request *q, int16_t version,
                   struct update_features_response *reply)
{
    cr_assert_eq(decide_update_features(&f->image, q, version, &f->d, reply), 0);
    cr_expect(reply->error_code == KAFKA_NONE || f->d.count == 0);
    cr_expect_eq(reply->error_code != KAFKA_NONE, reply->error_message.size > 0);
    if (f->d.count > 0) fixture_commit(f);
    return reply->error_code;
}

static int16_t set(struct fixture *f, const char *name, int16_t level, int8_t type)
{
    struct update_features_request_feature one = {
        .feature = slice_of_text(name), .max_version_level = level, .upgrade_type = type};
    struct update_features_request q = {.feature_updates = {&one, 1}};
    struct update_features_response reply;
    return ask(f, &q, 2, &reply);
}

static int32_t level(const struct fixture *f)
{
    return meta_feature_level(&f->image, META_FEATURE_GROUPS);
}

Test(features, a_level_rises_and_falls)
{
    struct fixture *f = fixture_open();
    cr_expect_eq(level(f), 1, "a cluster is born with it");
    uint64_t index = f->image.index;
    cr_expect_eq(set(f, META_FEATURE_GROUPS, 1, FEATURE_UPGRADE), KAFKA_NONE);
    cr_expect_eq(f->image.index, index, "nothing is to be decided");
    cr_expect_eq(set(f, META_FEATURE_GROUPS, 0, FEATURE_SAFE_DOWNGRADE), KAFKA_NONE);
    cr_expect_eq(level(f), 0);
    cr_expect_eq(set(f, META_FEATURE_GROUPS, 1, FEATURE_UPGRADE), KAFKA_NONE);
    cr_expect_eq(level(f), 1);
    fixture_close(f);
}

Test(features, what_is_refused_changes_nothing)
{
    static const struct {
        const char *name;
        int16_t level;
        int8_t type;
    } rows[] = {
        {"no.such.feature", 1, FEATURE_UPGRADE},
        {"metadata.version", 1, FEATURE_UPGRADE},
        {META_FEATURE_GROUPS, 2, FEATURE_UPGRADE},
        {META_FEATURE_GROUPS, -1, FEATURE_UPGRADE},
        {META_FEATURE_GROUPS, 0, FEATURE_UPGRADE},
        {META_FEATURE_GROUPS, 0, 0},
        {META_FEATURE_GROUPS, 0, 4},
        {"", 1, FEATURE_UPGRADE},
    };
    struct fixture *f = fixture_open();
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_eq(set(f, rows[i].name, rows[i].level, rows[i].type),
                     KAFKA_INVALID_UPDATE_VERSION, "row %zu", i);
        cr_expect_eq(level(f), 1, "row %zu", i);
    }
    fixture_close(f);
}

Test(features, one_that_is_wrong_refuses_all)
{
    struct fixture *f = fixture_open();
    struct update_features_request_feature both[2] = {
        {.feature = slice_of_text(META_FEATURE_GROUPS), .max_version_level = 0, .upgrade_type = 2},
        {.feature = slice_of_text("no.such.feature"), .max_version_level = 0, .upgrade_type = 2}};
    struct update_features_request q = {.feature_updates = {both, 2}};
    struct update_features_response reply;
    cr_expect_eq(ask(f, &q, 1, &reply), KAFKA_INVALID_UPDATE_VERSION);
    cr_expect_eq(reply.results.count, 0);
    cr_expect_eq(level(f), 1);
    fixture_close(f);
}

Test(features, to_validate_is_not_to_do)
{
    struct fixture *f = fixture_open();
    struct update_features_request_feature one = {
        .feature = slice_of_text(META_FEATURE_GROUPS), .max_version_level = 0, .upgrade_type = 2};
    struct update_features_request q = {.feature_updates = {&one, 1}, .validate_only = true};
    struct update_features_response reply;
    cr_expect_eq(ask(f, &q, 1, &reply), KAFKA_NONE);
    cr_expect_eq(reply.results.count, 1);
    cr_expect_eq(level(f), 1);
    fixture_close(f);
}

Test(features, the_first_version_has_a_flag_for_falling)
{
    struct fixture *f = fixture_open();
    struct update_features_request_feature one = {.feature = slice_of_text(META_FEATURE_GROUPS),
                                                  .upgrade_type = FEATURE_UPGRADE};
    struct update_features_request q = {.feature_updates = {&one, 1}};
    struct update_features_response reply;
    cr_expect_eq(ask(f, &q, 0, &reply), KAFKA_INVALID_UPDATE_VERSION);
    one.allow_downgrade = true;
    cr_expect_eq(ask(f, &q, 0, &reply), KAFKA_NONE);
    cr_expect_eq(level(f), 0);
    fixture_close(f);
}
