#include "tests/sim/run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/state.h"
#include "common/check.h"
#include "tests/sim/clients.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/rings.h"
#include "tests/sim/story.h"
#include "tests/sim/verdict.h"

#define CLIENTS_MAX 16
#define START_MAX_MS 60000u
#define CONVERGE_MAX_MS 90000u
#define DRAIN_MAX_MS 90000u
#define STEP_MS 50u
#define NEWS_US 5000000u /* How long it may take until a node hears from its disk. */

struct run {
    struct cluster cluster;
    struct history history;
    struct oracles oracles;
    struct nemesis nemesis;
    struct client *admin;
    uint32_t producer_count;
    struct client *producers[CLIENTS_MAX];
    uint32_t consumer_count;
    struct client *consumers[CLIENTS_MAX];
    uint32_t member_count;
    struct client *members[CLIENTS_MAX];
    struct groups_note groups;
    struct rings rings;
    /* Of the liveness phase. */
    bool is_settled;
    int64_t settled_ends[256]; /* By part: what was committed when the cluster had converged. */
    char waits_for[256];
};

static struct run *current; /* For run_tell_crash(). */

/* ---- Hooks. ---- */

static void after_turn(void *arg, struct sim_node *node, uint32_t actor)
{
    struct run *r = arg;
    oracles_after_turn(&r->oracles, node, actor);
    if (r->nemesis.cluster != NULL) nemesis_after_turn(&r->nemesis, node, actor);
}

static void on_down(void *arg, struct sim_node *node, const char *why)
{
    struct run *r = arg;
    bool is_power_cut = strcmp(why, "power cut") == 0;
    oracles_on_down(&r->oracles, node, is_power_cut);
    bool is_meant =
        is_power_cut || strcmp(why, "killed") == 0 || strcmp(why, "stopped in order") == 0;
    /* A disk that fails ends the node, and a controller that cannot write its log. */
    const struct cluster_node *n = cluster_node_of(&r->cluster, node);
    bool had_no_room = n != NULL && !n->is_broker && strstr(why, "no space left") != NULL;
    if (n != NULL && n->is_broken) is_meant = true;
    if (had_no_room && sim_now_us(r->cluster.sim) < n->full_until_us + NEWS_US) is_meant = true;
    if (is_meant || sim_violated(r->cluster.sim) != NULL) return;
    sim_violation(r->cluster.sim, "[halt] %s halts: %s", sim_node_name(node), why);
}

/* ---- Has it converged? ---- */

__attribute__((format(printf, 2, 3))) static bool waits(struct run *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->waits_for, sizeof r->waits_for, format, args);
    va_end(args);
    return false;
}

static bool are_images_equal(struct run *r, const struct controller *active)
{
    uint64_t index = controller_image(active)->index;
    for (uint32_t i = 0; i < r->cluster.options.controller_count; i++) {
        const struct controller *c = r->cluster.controllers[i].controller;
        if (c == NULL || controller_image(c)->index != index)
            return waits(r, "controller-%u has not applied %llu", i + 1, (unsigned long long)index);
    }
    for (uint32_t i = 0; i < r->cluster.options.broker_count; i++) {
        for (uint32_t k = 0; k < r->cluster.options.shard_count; k++) {
            const struct shard *s = r->cluster.brokers[i].broker.shards[k];
            if (s == NULL || s->image.index != index)
                return waits(r, "broker-%u has not applied %llu", i + 1, (unsigned long long)index);
        }
    }
    return true;
}

static bool are_partitions_whole(struct run *r, const struct meta_image *image)
{
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (p->leader == META_NOBODY) return waits(r, "%s-%u has no leader", t->name, i);
            if (p->isr.count < p->replicas.count)
                return waits(r, "of %s-%u %u of %u replicas are in sync", t->name, i, p->isr.count,
                             p->replicas.count);
        }
    }
    return true;
}

static bool is_structure_whole(struct run *r)
{
    const struct controller *active = cluster_active(&r->cluster);
    if (active == NULL) return waits(r, "no controller leads");
    const struct meta_image *image = controller_image(active);
    for (uint32_t i = 0; i < r->cluster.options.broker_count; i++) {
        const struct meta_broker *b = meta_broker_find(image, (int32_t)i + 1);
        if (b == NULL || b->fenced || b->stopping) return waits(r, "broker %u is fenced", i + 1);
    }
    for (uint32_t i = 0; i < image->voter_count; i++) {
        const struct meta_image_voter *v = &image->voters[i];
        if (v->is_learner) return waits(r, "controller %u learns", v->id);
    }
    if (image->voter_count > 0 && image->voter_count < r->cluster.options.controller_count)
        return waits(r, "%u controllers are in the quorum", image->voter_count);
    return are_partitions_whole(r, image) && are_images_equal(r, active);
}

/* Topics that come and go, and the brokers' own, are not waited for. */
static bool is_waited_for(const struct history *h, const struct part_note *p)
{
    const struct topic_note *t = &h->topics[p->topic];
    return t->name[0] != 'v' && !topic_is_internal(t);
}

/* A group of the consumer protocol has all partitions that its topic has by now; members of the
 * classic one share out those that it was made with. */
static uint32_t shares_of(struct run *r, uint32_t group)
{
    const struct controller *active = cluster_active(&r->cluster);
    const struct meta_topic *t =
        active == NULL ? NULL : meta_topic_by_name(controller_image(active), slice_of_text("t0"));
    bool may_grow = (r->cluster.options.consumer_groups >> group & 1) != 0 && t != NULL;
    return may_grow ? t->partition_count : r->cluster.options.partition_count[0];
}

/* Every member of a group is in the same generation, and all shares are given out and committed. */
static bool are_groups_stable(struct run *r)
{
    for (uint32_t g = 0; g < r->cluster.options.group_count; g++) {
        uint32_t shares = 0;
        int32_t first = -1;
        for (uint32_t i = 0; i < r->member_count; i++) {
            int32_t generation = -1;
            uint32_t count = 0;
            if (member_group(r->members[i]) != g || member_is_retired(r->members[i])) continue;
            if (!member_is_stable(r->members[i], &generation, &count))
                return waits(r, "%s of g%u is not stable", r->members[i]->name, g);
            if (first >= 0 && generation != first)
                return waits(r, "members of g%u are in generations %d and %d", g, first,
                             generation);
            first = generation;
            shares += count;
        }
        if (shares != shares_of(r, g))
            return waits(r, "members of g%u have %u of %u shares", g, shares, shares_of(r, g));
    }
    return true;
}

/* Partitions of topics that stay take records again. */
static bool is_progress_made(struct run *r)
{
    for (uint32_t i = 0; i < r->history.part_count && i < 256; i++) {
        const struct part_note *p = &r->history.parts[i];
        if (!is_waited_for(&r->history, p)) continue;
        if (p->committed_end <= r->settled_ends[i])
            return waits(r, "%s takes no record", history_part_name(&r->history, i));
    }
    if (r->history.acked < r->cluster.options.acked_min)
        return waits(r, "only %llu records are acknowledged", (unsigned long long)r->history.acked);
    return true;
}

static bool has_converged(struct run *r)
{
    if (!r->is_settled) {
        if (!is_structure_whole(r)) return false;
        r->is_settled = true;
        for (uint32_t i = 0; i < r->history.part_count && i < 256; i++) {
            r->settled_ends[i] = r->history.parts[i].committed_end;
        }
    }
    if (cluster_is_rotten(&r->cluster, NULL, NULL, 0))
        return waits(r, "a bit in %s of %s is wrong still", r->cluster.rots[0].path,
                     sim_node_name(r->cluster.brokers[r->cluster.rots[0].broker].node));
    return is_progress_made(r) && are_groups_stable(r);
}

static bool have_readers_arrived(struct run *r)
{
    for (uint32_t i = 0; i < r->history.part_count; i++) {
        const struct part_note *p = &r->history.parts[i];
        if (!is_waited_for(&r->history, p)) continue;
        for (uint32_t k = 0; k < r->consumer_count; k++) {
            if (consumer_position(r->consumers[k], i) >= p->committed_end) continue;
            return waits(r, "consumer-%u has read %s up to %lld of %lld", k + 1,
                         history_part_name(&r->history, i),
                         (long long)consumer_position(r->consumers[k], i),
                         (long long)p->committed_end);
        }
    }
    return true;
}

static bool is_drained(struct run *r)
{
    for (uint32_t i = 0; i < r->producer_count; i++) {
        if (!producer_is_idle(r->producers[i])) return waits(r, "producer-%u is not done", i + 1);
    }
    return is_structure_whole(r) && have_readers_arrived(r);
}

/* Runs until it is so. False: a violation, or it took too long, which is one. */
static bool run_until(struct run *r, bool (*is_so)(struct run *), uint64_t max_ms, const char *what)
{
    uint64_t end = sim_now_us(r->cluster.sim) + max_ms * 1000;
    while (sim_now_us(r->cluster.sim) < end) {
        if (!sim_run_for_ms(r->cluster.sim, STEP_MS)) return false;
        if (is_so(r)) return true;
    }
    sim_violation(r->cluster.sim, "[liveness] %s took more than %llu ms: %s", what,
                  (unsigned long long)max_ms, r->waits_for);
    return false;
}

/* ---- The phases. ---- */

static void open_clients(struct run *r)
{
    const struct cluster_options *o = &r->cluster.options;
    r->admin = admin_open(&r->cluster, &r->history);
    for (uint32_t i = 0; i < o->producer_count; i++) {
        r->producers[r->producer_count++] = producer_open(&r->cluster, &r->history, i);
    }
    for (uint32_t i = 0; i < o->consumer_count; i++) {
        r->consumers[r->consumer_count++] = consumer_open(&r->cluster, &r->history, i);
    }
}

static void open_members(struct run *r)
{
    CHECK(r->cluster.options.member_count <= CLIENTS_MAX);
    r->groups.sim = r->cluster.sim;
    for (uint32_t i = 0; i < r->cluster.options.member_count; i++) {
        r->members[r->member_count++] = member_open(&r->cluster, &r->history, &r->groups, i);
    }
}

static bool has_started(struct run *r)
{
    if (!admin_is_ready(r->admin)) return waits(r, "the topics are not made");
    return r->history.acked > 0 || waits(r, "nothing was acknowledged");
}

static bool safety(struct run *r)
{
    const struct cluster_options *o = &r->cluster.options;
    uint64_t begin = sim_now_us(r->cluster.sim);
    nemesis_open(&r->nemesis, &r->cluster, &r->oracles);
    for (;;) {
        uint64_t passed_ms = (sim_now_us(r->cluster.sim) - begin) / 1000;
        bool is_enough = passed_ms >= o->duration_ms && r->history.acked >= o->acked_min;
        if (is_enough || passed_ms >= o->duration_max_ms) return true;
        if (!sim_run_for_ms(r->cluster.sim, 1000)) return false;
    }
}

static bool liveness(struct run *r)
{
    nemesis_end(&r->nemesis);
    r->admin->is_quiet = true;
    /* Unless the run still owes records. */
    bool is_slow = r->history.acked >= r->cluster.options.acked_min;
    for (uint32_t i = 0; i < r->producer_count; i++) r->producers[i]->is_slow = is_slow;
    for (uint32_t i = 0; i < r->consumer_count; i++) r->consumers[i]->is_slow = true;
    for (uint32_t i = 0; i < r->member_count; i++) r->members[i]->is_slow = true;
    if (!run_until(r, has_converged, CONVERGE_MAX_MS, "to converge")) return false;
    for (uint32_t i = 0; i < r->producer_count; i++) r->producers[i]->is_quiet = true;
    return run_until(r, is_drained, DRAIN_MAX_MS, "to drain");
}

static void run_phases(struct run *r)
{
    cluster_start_all(&r->cluster);
    open_clients(r);
    if (!run_until(r, has_started, START_MAX_MS, "to start")) return;
    open_members(r);
    if (!safety(r)) return;
    rings_check(&r->rings, &r->cluster);
    if (!liveness(r)) return;
    verdict(&r->cluster, &r->history, &r->oracles, &r->nemesis);
    rings_check(&r->rings, &r->cluster);
}

static struct run_result result_of(struct run *r)
{
    struct run_result out = {
        .seed = r->cluster.options.seed,
        .trace_hash = sim_trace_hash(r->cluster.sim),
        .simulated_ms = sim_now_us(r->cluster.sim) / 1000,
        .sent0 = r->history.acked_by[0],
        .acked1 = r->history.acked_by[1],
        .acked = r->history.acked,
        .given_up = r->history.given_up,
        .read = r->history.read,
        .lost_explained = r->history.lost_explained,
        .leader_changes = r->history.leader_changes,
        .terms = r->oracles.term_count,
        .decisions = r->oracles.decision_count,
        .world = *sim_counts(r->cluster.sim),
    };
    memcpy(out.faults, r->nemesis.done, sizeof out.faults);
    memcpy(out.deeds, admin_deeds(r->admin), sizeof out.deeds);
    const char *violation = sim_violated(r->cluster.sim);
    if (violation != NULL) (void)snprintf(out.violation, sizeof out.violation, "%s", violation);
    return out;
}

static void close_run(struct run *r)
{
    cluster_close(&r->cluster);
    client_close(r->admin);
    for (uint32_t i = 0; i < r->producer_count; i++) client_close(r->producers[i]);
    for (uint32_t i = 0; i < r->consumer_count; i++) client_close(r->consumers[i]);
    for (uint32_t i = 0; i < r->member_count; i++) client_close(r->members[i]);
    groups_note_close(&r->groups);
    nemesis_close(&r->nemesis);
    oracles_close(&r->oracles);
    history_close(&r->history);
    free(r);
    current = NULL;
}

static void print_clients(const struct run *r, FILE *out)
{
    for (uint32_t i = 0; i < r->producer_count; i++) producer_print(r->producers[i], out);
    for (uint32_t i = 0; i < r->consumer_count; i++) consumer_print(r->consumers[i], out);
    for (uint32_t i = 0; i < r->member_count; i++) member_print(r->members[i], out);
    if (r->member_count > 0) groups_note_print(&r->groups, out);
    admin_print(r->admin, out);
}

static void tell(struct run *r, const char *violation, FILE *logs, FILE *story)
{
    struct story of = {.oracles = &r->oracles, .nemesis = &r->nemesis};
    if (logs != NULL) sim_print_logs(r->cluster.sim, logs);
    if (story != NULL) story_tell(&of, violation, story);
}

struct run_result run_seed(const struct cluster_options *options, const struct run_print *print)
{
    FILE *out = print->out;
    struct run *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    current = r;
    struct cluster_options o = *options;
    o.world.arg = r;
    o.world.after_turn = after_turn;
    o.world.on_down = on_down;
    if (out != NULL) cluster_options_print(&o, out);
    cluster_open(&r->cluster, &o);
    history_open(&r->history, &r->cluster);
    oracles_open(&r->oracles, &r->cluster, &r->history);
    run_phases(r);
    struct run_result result = result_of(r);
    if (out != NULL) print_clients(r, out);
    if (result.violation[0] != '\0') tell(r, result.violation, print->logs, print->story);
    close_run(r);
    return result;
}

void run_tell_crash(char *violation, size_t size, FILE *logs, FILE *story)
{
    const char *who = current == NULL ? NULL : sim_in_turn(current->cluster.sim);
    (void)snprintf(violation, size, "[crash] the program under test has crashed%s%s; see above",
                   who == NULL ? "" : " in a turn of ", who == NULL ? "" : who);
    if (current != NULL) tell(current, violation, logs, story);
}
