/* Where the replicas of a broker go that leaves for good. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/plan.h"

/* Partitions as "replicas", brokers as "id rack state", sizes as bytes by broker. */
struct scene {
    struct view v;
    json_t *brokers;
    json_t *sizes;
    json_t *left_over;
};

static struct scene scene_of(const char *partitions, const char *brokers, const char *sizes)
{
    struct scene s = {.v = {.topics = json_array(), .partitions = json_loads(partitions, 0, NULL)},
                      .brokers = json_loads(brokers, 0, NULL),
                      .sizes = json_loads(sizes, 0, NULL),
                      .left_over = json_array()};
    cr_assert_not_null(s.v.partitions);
    cr_assert_not_null(s.brokers);
    cr_assert_not_null(s.sizes);
    return s;
}

static void scene_close(struct scene *s)
{
    view_close(&s->v);
    json_decref(s->brokers);
    json_decref(s->sizes);
    json_decref(s->left_over);
}

/* "t-0 [4,2,3]; t-1 [...]": where it all goes, or what is left over. */
static void expect_plan(struct scene *s, json_int_t broker, const char *wanted)
{
    json_t *plan = plan_removal(&s->v, s->brokers, s->sizes, broker, s->left_over), *row = NULL;
    char text[512] = "";
    size_t i = 0, used = 0;
    json_array_foreach(plan != NULL ? plan : s->left_over, i, row)
    {
        char ids[IDS_SIZE];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s-%lld %s", i ? "; " : "",
                                 text_in(row, "topic"), number_in(row, "partition"),
                                 plan != NULL ? ids_text(row, "to", ids) : "is left over");
    }
    cr_expect_str_eq(text, wanted);
    json_decref(plan);
    scene_close(s);
}

#define SERVES "\"fenced\": false, \"stopping\": false"
#define BROKER(id, rack, leads, holds)                                                      \
    "{\"id\": " id ", \"rack\": \"" rack "\", \"leaders\": " leads ", \"replicas\": " holds \
    ", \"drained\": false, " SERVES "}"
#define PARTITION(n, leader, replicas, removing)                                                \
    "{\"topic\": \"t\", \"partition\": " n ", \"leader\": " leader ", \"replicas\": [" replicas \
    "], \"adding\": [], \"removing\": [" removing "]}"

Test(plan, each_replica_goes_where_least_lies_and_keeps_its_place)
{
    struct scene s =
        scene_of("[" PARTITION("0", "1", "1,2", "") "," PARTITION("1", "2", "2,1", "") "]",
                 "[" BROKER("1", "", "1", "2") "," BROKER("2", "", "1", "2") "," BROKER(
                     "3", "", "0", "0") "," BROKER("4", "", "0", "0") "]",
                 "{\"1\": {\"t-0\": 10}, \"2\": {\"t-0\": 10, \"t-1\": 5}}");
    expect_plan(&s, 1, "t-0 3,2; t-1 2,4");
}

Test(plan, another_rack_is_better_than_an_empty_broker)
{
    struct scene s =
        scene_of("[" PARTITION("0", "2", "2,1", "") "]",
                 "[" BROKER("1", "a", "0", "1") "," BROKER("2", "b", "1", "1") "," BROKER(
                     "3", "b", "0", "0") "," BROKER("4", "a", "9", "90") "]",
                 "{}");
    expect_plan(&s, 1, "t-0 2,4");
}

Test(plan, leaders_go_to_who_leads_least)
{
    struct scene s =
        scene_of("[" PARTITION("0", "1", "1,2", "") "]",
                 "[" BROKER("1", "", "1", "1") "," BROKER("2", "", "0", "1") "," BROKER(
                     "3", "", "5", "5") "," BROKER("4", "", "1", "50") "]",
                 "{}");
    expect_plan(&s, 1, "t-0 4,2");
}

Test(plan, who_does_not_serve_takes_nothing_and_too_few_are_told)
{
    struct scene s = scene_of(
        "[" PARTITION("0", "1", "1,2", "") "," PARTITION("1", "1", "1", "") "]",
        "[" BROKER("1", "", "2", "2") "," BROKER(
            "2", "", "0", "1") ","
                               "{\"id\": 3, \"rack\": \"\", \"fenced\": true},"
                               "{\"id\": 4, \"rack\": \"\", \"fenced\": false, \"drained\": true}]",
        "{}");
    expect_plan(&s, 1, "t-0 is left over");
}

Test(plan, what_is_on_its_way_off_already_is_let_go)
{
    struct scene s = scene_of("[" PARTITION("0", "2", "3,2,1", "1") "]",
                              "[" BROKER("1", "", "0", "1") "," BROKER(
                                  "2", "", "1", "1") "," BROKER("3", "", "0", "1") "]",
                              "{}");
    expect_plan(&s, 1, "");
}
