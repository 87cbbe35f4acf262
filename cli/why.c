/* `jackdaw why group NAME`: what the group's coordinator noted when it last rebalanced. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/clock.h"
#include "cli/group_wire.h"
#include "cli/reach.h"
#include "cli/verbs.h"
#include "cli/where.h"
#include "cli/wire.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_groups.h"

#define DESCRIBE_VERSION 5
#define ASK_AGAIN (-1)
#define SAME_STATE(s, text) slice_equal((s), slice_of_text(text))

struct why_options {
    struct where where;
    int64_t timeout_s;
};

static void tell_why(struct slice why, int64_t age_ms, int64_t took_ms, bool is_rebalancing)
{
    if (age_ms < 0) {
        puts("It has not rebalanced since this coordinator took over.");
        return;
    }
    printf("It last rebalanced %.1f s ago: %.*s\n", (double)age_ms / 1000, (int)why.size,
           (const char *)why.at);
    if (is_rebalancing) {
        puts("That is still under way.");
    } else if (took_ms >= 0) {
        printf("That took %.1f s.\n", (double)took_ms / 1000);
    }
}

static void tell(const char *group, const char *coordinator,
                 const struct describe_groups_response_group *g)
{
    bool is_rebalancing = SAME_STATE(g->group_state, "PreparingRebalance") ||
                          SAME_STATE(g->group_state, "CompletingRebalance");
    printf("%s: %.*s, generation %d, %d members, coordinated at %s\n", group,
           (int)g->group_state.size, (const char *)g->group_state.at, g->generation,
           g->members.count, coordinator);
    tell_why(g->why, g->why_age_ms, g->members.count > 0 ? g->rebalance_took_ms : -1,
             is_rebalancing);
}

/* A group of the consumer protocol. Members that have not done their part yet stand out. */
static void tell_consumers(const char *group, const char *coordinator,
                           const struct consumer_group_describe_group *g)
{
    bool is_rebalancing =
        SAME_STATE(g->group_state, "Assigning") || SAME_STATE(g->group_state, "Reconciling");
    printf("%s: %.*s, epoch %d, %d members, consumer protocol, coordinated at %s\n", group,
           (int)g->group_state.size, (const char *)g->group_state.at, g->group_epoch,
           g->members.count, coordinator);
    tell_why(g->why, g->why_age_ms, g->members.count > 0 ? g->rebalance_took_ms : -1,
             is_rebalancing);
    const struct consumer_group_describe_member *m = g->members.items;
    for (int32_t i = 0; is_rebalancing && i < g->members.count; i++) {
        if (m[i].member_epoch == g->group_epoch) continue;
        printf("  waits for %.*s (client %.*s at %.*s), which is at epoch %d\n",
               (int)m[i].member_id.size, (const char *)m[i].member_id.at, (int)m[i].client_id.size,
               (const char *)m[i].client_id.at, (int)m[i].client_host.size,
               (const char *)m[i].client_host.at, m[i].member_epoch);
    }
}

static int ask_consumers(const struct why_options *o, const char *coordinator, const char *group)
{
    struct wire wire;
    struct consumer_group_describe_group g;
    bool ok = group_consumer_ask(&wire, coordinator, (uint32_t)o->timeout_s * 1000, group, &g);
    if (ok) tell_consumers(group, coordinator, &g);
    wire_close(&wire);
    return ok ? EXIT_OK : EXIT_FAILED;
}

static int ask(const struct why_options *o, const char *coordinator, const char *group,
               uint64_t end_ms)
{
    struct describe_groups_request q;
    struct describe_groups_response a;
    struct slice name = slice_of_text(group);
    kafka_defaults(&schema_describe_groups_request, &q);
    q.groups = (struct array){.items = &name, .count = 1};
    q.include_why = true;
    struct wire wire;
    wire_init(&wire, coordinator, (uint32_t)o->timeout_s * 1000);
    int rc = wire_call(&wire, KAFKA_API_DESCRIBE_GROUPS, DESCRIBE_VERSION, &q, &a);
    int status = EXIT_OK;
    const struct describe_groups_response_group *g = a.groups.items;
    if (rc == 0 && a.groups.count != 1) rc = -ERR_MALFORMED;
    if (rc != 0) {
        status = fail("%s does not answer: %s", coordinator, wire_why(rc));
    } else if (group_may_ask_again(g->error_code, end_ms)) {
        status = ASK_AGAIN;
    } else if (g->error_code != KAFKA_NONE) {
        status = fail("%s: %s", group, kafka_error_text(g->error_code));
    } else if (SAME_STATE(g->group_state, "Dead")) {
        status = ask_consumers(o, coordinator, group);
    } else {
        tell(group, coordinator, g);
    }
    wire_close(&wire);
    return status;
}

static int run(const struct why_options *o, const struct strings *operands)
{
    if (operands->count != 2 || strcmp(operands->at[0], "group") != 0) {
        return misuse("why: `jackdaw why group NAME` is what there is");
    }
    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STANDING);
    if (bootstrap == NULL) return EXIT_FAILED;
    uint32_t timeout_ms = (uint32_t)o->timeout_s * 1000;
    uint64_t end_ms = clock_ms() + timeout_ms;
    const char *group = operands->at[1];
    int status;
    do {
        char *coordinator = group_coordinator(bootstrap, timeout_ms, group);
        status = coordinator != NULL ? ask(o, coordinator, group, end_ms) : EXIT_FAILED;
        free(coordinator);
    } while (status == ASK_AGAIN);
    free(bootstrap);
    return status;
}

int verb_why(int argc, char **argv)
{
    struct why_options o = {.timeout_s = 10};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 3600,
                   "for the cluster's answers (default: 10)"),
    };
    const struct usage usage = {
        .verb = "why",
        .operands = "group NAME",
        .operand_max = 2,
        .summary =
            "Says why a consumer group last rebalanced: which member, what it did or failed\n"
            "to do, and how long it took. The group's coordinator remembers it for as long\n"
            "as it coordinates the group.",
        ROWS(rows),
        .example = "jackdaw why group billing",
        .statuses = "0 said, 1 no such group, or no broker answers, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? run(&o, &operands) : args_status(result);
    strings_close(&operands);
    return status;
}
