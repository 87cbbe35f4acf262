#include "tests/sim/nemesis.h"

#include <stdlib.h>

#include "broker/shard.h"
#include "broker/state.h"
#include "common/check.h"
#include "tests/sim/disk_faults.h"

#define RESTART_MIN_MS 20

uint64_t nemesis_now_us(const struct nemesis *n)
{
    return sim_now_us(n->cluster->sim);
}

/* ---- Whom it hits. ---- */

static struct cluster_node *node_at(struct nemesis *n, uint32_t index)
{
    uint32_t controllers = n->cluster->options.controller_count;
    return index < controllers ? &n->cluster->controllers[index]
                               : &n->cluster->brokers[index - controllers];
}

static uint32_t node_count(const struct nemesis *n)
{
    return n->cluster->options.controller_count + n->cluster->options.broker_count;
}

static bool is_fine(const struct cluster_node *node)
{
    return node->busy == 0 && sim_node_state(node->node) == SIM_RUNNING;
}

enum sort { ANY_NODE, A_BROKER, A_CONTROLLER };

/* One that no fault has in its hands; NULL: the draw fell on one that is not fine. */
static struct cluster_node *draw_node(struct nemesis *n, enum sort sort)
{
    uint32_t controllers = n->cluster->options.controller_count;
    uint32_t low = sort == A_BROKER ? controllers : 0;
    uint32_t high = sort == A_CONTROLLER ? controllers - 1 : node_count(n) - 1;
    struct cluster_node *node = node_at(n, (uint32_t)prng_range(&n->prng, low, high));
    return is_fine(node) ? node : NULL;
}

static struct cluster_node *leading_broker(struct nemesis *n)
{
    struct cluster_node *best = NULL;
    uint32_t best_count = 0;
    for (uint32_t i = 0; i < n->cluster->options.broker_count; i++) {
        const struct meta_broker *b = meta_broker_find(&n->oracles->truth, (int32_t)i + 1);
        if (b == NULL || b->leader_count <= best_count) continue;
        best = &n->cluster->brokers[i];
        best_count = b->leader_count;
    }
    return best != NULL && is_fine(best) ? best : NULL;
}

static struct cluster_node *active_controller(struct nemesis *n)
{
    const struct controller *active = cluster_active(n->cluster);
    for (uint32_t i = 0; i < n->cluster->options.controller_count; i++) {
        struct cluster_node *node = &n->cluster->controllers[i];
        if (active != NULL && node->controller == active) return is_fine(node) ? node : NULL;
    }
    return NULL;
}

/* Is what runs there what the committed metadata speak of when they name this broker? A process
 * that has not registered yet may lack what an ISR still credits it with. */
static bool is_known(const struct nemesis *n, const struct cluster_node *node)
{
    const struct meta_broker *b = meta_broker_find(&n->oracles->truth, (int32_t)node->index + 1);
    const struct shard *s = node->broker.shards[0];
    return b != NULL && s != NULL && s->broker_epoch == b->epoch;
}

static bool counts_on(const struct meta_partition *p, int32_t id)
{
    return id_set_has(&p->isr, id) || id_set_has(&p->elr, id) || id_set_has(&p->last_known_elr, id);
}

/* A topic that was deleted, and may come back, has what was there when it went: nobody gets a copy
 * anew, so each that is lost is lost for good. */
static bool is_kept_for_undelete(const struct nemesis *n, int32_t id)
{
    const struct meta_retired *r = n->oracles->truth.retired;
    for (; r != NULL; r = r->hh.next) {
        for (uint32_t i = 0; i < r->topic->partition_count; i++) {
            if (counts_on(&r->topic->partitions[i], id)) return true;
        }
    }
    return false;
}

/* Of each partition that counts on its copy, another one counts as well; and no copy that counts
 * was lost without the metadata knowing. */
static bool may_lose_disk(const struct nemesis *n, const struct cluster_node *node)
{
    for (uint32_t i = 0; i < n->cluster->options.broker_count; i++) {
        struct cluster_node *other = &n->cluster->brokers[i];
        if (other->has_lost && is_known(n, other)) other->has_lost = false;
        if (other->has_lost) return false;
    }
    if (cluster_is_rotten(n->cluster, NULL, NULL, 0))
        return false; /* Perhaps the copy that stays. */
    int32_t id = (int32_t)node->index + 1;
    if (is_kept_for_undelete(n, id)) return false;
    const struct meta_image *image = &n->oracles->truth;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            const struct meta_partition *p = &t->partitions[i];
            if (!counts_on(p, id)) continue;
            if (p->isr.count - id_set_has(&p->isr, id) < 1) return false;
        }
    }
    return is_fine(node);
}

static struct cluster_node *draw_loser(struct nemesis *n)
{
    struct cluster_node *node = draw_node(n, A_BROKER);
    return node != NULL && may_lose_disk(n, node) ? node : NULL;
}

/* Every controller votes, with the disk that it has: the others are a majority without it. */
static bool may_wipe_controller(const struct nemesis *n)
{
    const struct meta_image *image = &n->oracles->truth;
    uint32_t count = n->cluster->options.controller_count;
    if (image->voter_count != count || n->cluster->is_quorum_changing) return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct cluster_node *node = &n->cluster->controllers[i];
        const struct meta_image_voter *v = NULL;
        for (uint32_t k = 0; k < image->voter_count; k++) {
            if (image->voters[k].id == CLUSTER_CONTROLLER_ID(i)) v = &image->voters[k];
        }
        if (v == NULL || v->is_learner || uuid_is_zero(v->disk) || !is_fine(node)) return false;
        if (uuid_equal(v->disk, node->wiped)) return false;
    }
    return true;
}

/* ---- Links. Overlapping faults share them: what is left is set anew after each end. ---- */

static void cut_off(struct nemesis *n, struct cluster_node *a)
{
    for (uint32_t i = 0; i < node_count(n); i++) {
        struct cluster_node *other = node_at(n, i);
        if (other != a) sim_cut_both(a->node, other->node, true);
    }
}

static void cut_from_controllers(struct nemesis *n, struct cluster_node *a)
{
    for (uint32_t i = 0; i < n->cluster->options.controller_count; i++) {
        sim_cut_both(a->node, n->cluster->controllers[i].node, true);
    }
}

static void cut_again(struct nemesis *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct fault *f = n->faults[i];
        if (f->is_over) continue;
        if (f->kind == FAULT_cut_one_way) sim_cut(f->a->node, f->b->node, true);
        if (f->kind == FAULT_cut_both_ways) sim_cut_both(f->a->node, f->b->node, true);
        if (f->kind == FAULT_isolate) sim_isolate(f->a->node, true);
        if (f->kind == FAULT_isolate_leader) cut_off(n, f->a);
        if (f->kind == FAULT_cut_in_handover && f->has_cut) cut_from_controllers(n, f->a);
    }
}

/* Only what no fault that goes on has cut is whole again: a connection must not see it heal. */
static bool is_cut_by_another(const struct nemesis *n, const struct cluster_node *from,
                              const struct cluster_node *to)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct fault *f = n->faults[i];
        if (f->is_over) continue;
        bool has_from = f->a == from || f->a == to;
        if (f->kind == FAULT_isolate && has_from) return true;
        if (f->kind == FAULT_isolate_leader && has_from) return true;
        if (f->kind == FAULT_cut_in_handover && has_from && f->has_cut &&
            !(from->is_broker && to->is_broker))
            return true;
        if (f->kind == FAULT_cut_both_ways && has_from && (f->b == from || f->b == to)) return true;
        if (f->kind == FAULT_cut_one_way && f->a == from && f->b == to) return true;
    }
    return false;
}

static void heal_links(struct nemesis *n, const struct cluster_node *a)
{
    for (uint32_t i = 0; i < node_count(n); i++) {
        struct cluster_node *other = node_at(n, i);
        if (other == a) continue;
        if (!is_cut_by_another(n, a, other)) sim_cut(a->node, other->node, false);
        if (!is_cut_by_another(n, other, a)) sim_cut(other->node, a->node, false);
    }
}

static void delay_links(struct nemesis *n, const struct cluster_node *a, uint64_t us)
{
    for (uint32_t i = 0; i < node_count(n); i++) {
        struct cluster_node *other = node_at(n, i);
        if (other != a) sim_link_delay(a->node, other->node, us);
    }
}

static void delay_to_controllers(struct nemesis *n, const struct cluster_node *a, uint64_t us)
{
    for (uint32_t i = 0; i < n->cluster->options.controller_count; i++) {
        sim_link_delay(a->node, n->cluster->controllers[i].node, us);
    }
}

/* ---- One fault: how it begins and how it ends. ---- */

static void end_node(struct cluster_node *node)
{
    CHECK(node->busy > 0);
    node->busy--;
}

/* An isolated node also loses its clients; those links are the world's to cut. */
static void end_isolation(struct fault *f)
{
    sim_isolate(f->a->node, false);
    cut_again(f->nemesis);
}

static void fault_end(struct fault *f)
{
    if (f->is_over) return;

    f->is_over = true;
    f->to_us = nemesis_now_us(f->nemesis);
    if (disk_fault_holds(f->kind)) end_node(f->a);
    if (f->b != NULL) end_node(f->b);
    switch (f->kind) {
    case FAULT_kill_broker:
    case FAULT_kill_controller:
    case FAULT_kill_leader:
    case FAULT_kill_active:
    case FAULT_kill_several:
    case FAULT_kill_all:
    case FAULT_power_cut:
    case FAULT_power_cut_any:
    case FAULT_power_cut_controller:
    case FAULT_power_cut_quorum:
    case FAULT_wipe_broker:
    case FAULT_kill_in_handover:
    case FAULT_wipe_controller: cluster_start(f->a); return;
    case FAULT_wipe_joining:
        cluster_start(f->b);
        delay_to_controllers(f->nemesis, f->a, 0);
        return;
    case FAULT_stop_controller:
    case FAULT_stop_broker:
        f->is_harmless = sim_node_state(f->a->node) == SIM_DOWN;
        sim_node_kill(f->a->node);
        cluster_start(f->a);
        return;
    case FAULT_pause_broker:
    case FAULT_pause_controller: sim_node_resume(f->a->node); return;
    case FAULT_cut_in_handover:
    case FAULT_cut_one_way:
    case FAULT_cut_both_ways: heal_links(f->nemesis, f->a); return;
    case FAULT_isolate: end_isolation(f); return;
    case FAULT_isolate_leader:
        f->a->cut_off_us = 0;
        heal_links(f->nemesis, f->a);
        return;
    case FAULT_slow_link: delay_links(f->nemesis, f->a, 0); return;
    case FAULT_wall_jump: sim_node_wall_jump(f->a->node, -f->jump_ms); return;
    case FAULT_fill_broker:
    case FAULT_fill_controller:
    case FAULT_dead_dir:
    case FAULT_dead_controller:
    case FAULT_rot: disk_fault_end(f); return;
    case FAULT_reset:
    case FAULT_stall_disk:
    case FAULT_KIND_COUNT: return;
    }
}

static void end_call(void *fault)
{
    fault_end(fault);
}

static uint64_t draw_length_us(struct nemesis *n)
{
    uint64_t most = n->cluster->options.fault_length_ms;
    return prng_range(&n->prng, RESTART_MIN_MS, most > RESTART_MIN_MS ? most : RESTART_MIN_MS) *
           1000;
}

static void wipe(struct nemesis *n, struct cluster_node *node)
{
    const struct meta_image *image = &n->oracles->truth;
    for (uint32_t k = 0; k < image->voter_count && !node->is_broker; k++) {
        const struct meta_image_voter *v = &image->voters[k];
        if (v->id == CLUSTER_CONTROLLER_ID(node->index)) node->wiped = v->disk;
    }
    node->has_lost = node->is_broker;
    sim_node_kill(node->node);
    sim_disk_wipe(node->node);
    oracles_on_wiped(n->oracles, node->node);
}

static void cut_call(void *fault)
{
    const struct fault *f = fault;
    if (!f->is_over) sim_node_power_cut(f->a->node);
}

static void kill_call(void *fault)
{
    const struct fault *f = fault;
    if (!f->is_over) sim_node_kill(f->a->node);
}

static void start_call(void *fault)
{
    const struct fault *f = fault;
    if (!f->is_over) cluster_start(f->b);
}

/* What is acknowledged while the disk stands still is acknowledged too early. */
static void stall_and_cut(struct fault *f, uint64_t length_us)
{
    struct nemesis *n = f->nemesis;
    uint64_t cut_us = prng_range(&n->prng, 1, length_us / 2);
    sim_disk_stall(f->a->node, length_us);
    sim_at(n->cluster->sim, nemesis_now_us(n) + cut_us, cut_call, f);
}

/* The follower is back, empty and registered, before the proposal arrives that speaks of its old
 * log: the leader's words to the controllers take as long as the fault does. */
static void wipe_while_proposed(struct fault *f, uint64_t length_us)
{
    struct nemesis *n = f->nemesis;
    uint64_t back_us = prng_range(&n->prng, 1, length_us / 4);
    delay_to_controllers(n, f->a, length_us);
    wipe(n, f->b);
    sim_at(n->cluster->sim, nemesis_now_us(n) + back_us, start_call, f);
}

static void lose_controllers_call(void *fault)
{
    struct fault *f = fault;
    if (f->is_over) return;

    const struct cluster *c = f->nemesis->cluster;
    f->has_cut = true;
    for (uint32_t i = 0; i < c->options.controller_count; i++) {
        sim_reset_connections(f->a->node, c->controllers[i].node);
    }
    cut_from_controllers(f->nemesis, f->a);
}

/* While the decision is on its way to the other controllers, or the answer to the broker. */
static void call_soon(struct fault *f, void (*call)(void *fault))
{
    struct nemesis *n = f->nemesis;
    const struct sim_options *w = &n->cluster->options.world;
    uint64_t round_us = 2 * w->latency.max_us + w->sync_cost.max_us + w->turn_delay.max_us;
    sim_at(n->cluster->sim, nemesis_now_us(n) + prng_range(&n->prng, 0, round_us), call, f);
}

static void carry_out(struct fault *f, uint64_t length_us)
{
    struct nemesis *n = f->nemesis;
    struct sim_node *node = f->a->node;
    switch (f->kind) {
    case FAULT_kill_broker:
    case FAULT_kill_controller:
    case FAULT_kill_leader:
    case FAULT_kill_active:
    case FAULT_kill_several:
    case FAULT_kill_all: sim_node_kill(node); return;
    case FAULT_power_cut:
        f->a->has_lost = true;
        sim_node_power_cut(node);
        return;
    case FAULT_power_cut_controller: sim_node_power_cut(node); return;
    case FAULT_power_cut_any:
    case FAULT_power_cut_quorum: stall_and_cut(f, length_us); return;
    case FAULT_wipe_broker:
    case FAULT_wipe_controller: wipe(n, f->a); return;
    case FAULT_wipe_joining: wipe_while_proposed(f, length_us); return;
    case FAULT_kill_in_handover: call_soon(f, kill_call); return;
    case FAULT_cut_in_handover: call_soon(f, lose_controllers_call); return;
    case FAULT_stop_controller:
    case FAULT_stop_broker: sim_node_stop(node); return;
    case FAULT_pause_broker:
    case FAULT_pause_controller: sim_node_pause(node); return;
    case FAULT_cut_one_way: sim_cut(node, f->b->node, true); return;
    case FAULT_cut_both_ways: sim_cut_both(node, f->b->node, true); return;
    case FAULT_isolate: sim_isolate(node, true); return;
    case FAULT_isolate_leader:
        cut_off(n, f->a);
        f->a->cut_off_us = nemesis_now_us(n);
        return;
    case FAULT_slow_link: delay_links(n, f->a, prng_range(&n->prng, 1000, 400 * 1000)); return;
    case FAULT_reset: sim_reset_connections(node, f->b->node); return;
    case FAULT_stall_disk: sim_disk_stall(node, length_us); return;
    case FAULT_wall_jump:
        f->jump_ms = (int64_t)prng_range(&n->prng, 0, 7200 * 1000) - 3600 * 1000;
        sim_node_wall_jump(node, f->jump_ms);
        return;
    case FAULT_fill_broker:
    case FAULT_fill_controller:
    case FAULT_dead_dir:
    case FAULT_dead_controller:
    case FAULT_rot: disk_fault_begin(f); return;
    case FAULT_KIND_COUNT: return;
    }
}

void nemesis_strike(struct nemesis *n, enum fault_kind kind, struct cluster_node *a,
                    struct cluster_node *b, uint64_t length_us)
{
    if (n->count == n->capacity) {
        n->capacity = n->capacity == 0 ? 64 : n->capacity * 2;
        n->faults = realloc(n->faults, n->capacity * sizeof n->faults[0]);
        CHECK(n->faults != NULL);
    }
    struct fault *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    *f = (struct fault){.nemesis = n,
                        .kind = kind,
                        .a = a,
                        .b = b,
                        .from_us = nemesis_now_us(n),
                        .to_us = UINT64_MAX};
    n->faults[n->count++] = f;
    a->busy += disk_fault_holds(kind);
    if (b != NULL) b->busy++;
    sim_trace(n->cluster->sim, (uint64_t)kind << 32 | length_us);
    carry_out(f, length_us);
    sim_at(n->cluster->sim, nemesis_now_us(n) + length_us, end_call, f);
}

/* ---- The schedule. ---- */

static enum fault_kind draw_kind(struct nemesis *n)
{
    const uint32_t *weights = n->cluster->options.weights;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < FAULT_DISK_FIRST; i++) sum += weights[i];
    if (sum == 0) return FAULT_kill_broker;

    uint64_t at = prng_range(&n->prng, 0, sum - 1);
    for (uint32_t i = 0; i < FAULT_DISK_FIRST; i++) {
        if (at < weights[i]) return (enum fault_kind)i;
        at -= weights[i];
    }
    return FAULT_kill_broker;
}

static bool hit_many(struct nemesis *n, enum fault_kind kind)
{
    bool any = false;
    for (uint32_t i = 0; i < node_count(n); i++) {
        struct cluster_node *node = node_at(n, i);
        bool is_all = kind == FAULT_kill_all || kind == FAULT_power_cut_quorum;
        bool is_spared = !is_all && prng_chance(&n->prng, 1, 2);
        if (!is_fine(node) || is_spared) continue;
        if (kind == FAULT_power_cut_quorum && node->is_broker) continue;
        nemesis_strike(n, kind, node, NULL, draw_length_us(n));
        any = true;
    }
    return any;
}

static struct cluster_node *draw_target(struct nemesis *n, enum fault_kind kind)
{
    switch (kind) {
    case FAULT_kill_controller:
    case FAULT_power_cut_controller:
    case FAULT_stop_controller:
    case FAULT_pause_controller: return draw_node(n, A_CONTROLLER);
    case FAULT_kill_active: return active_controller(n);
    case FAULT_kill_leader:
    case FAULT_isolate_leader: return leading_broker(n);
    case FAULT_kill_broker:
    case FAULT_pause_broker:
    case FAULT_stop_broker: return draw_node(n, A_BROKER);
    case FAULT_power_cut:
    case FAULT_wipe_broker: return draw_loser(n);
    case FAULT_wipe_controller: return may_wipe_controller(n) ? draw_node(n, A_CONTROLLER) : NULL;
    case FAULT_cut_one_way:
    case FAULT_cut_both_ways:
    case FAULT_isolate:
    case FAULT_slow_link:
    case FAULT_reset:
    case FAULT_stall_disk:
    case FAULT_wall_jump: return draw_node(n, ANY_NODE);
    case FAULT_kill_several:
    case FAULT_kill_all:
    case FAULT_power_cut_any:
    case FAULT_power_cut_quorum:
    case FAULT_wipe_joining:
    case FAULT_kill_in_handover:
    case FAULT_cut_in_handover:
    case FAULT_fill_broker:
    case FAULT_fill_controller:
    case FAULT_dead_dir:
    case FAULT_dead_controller:
    case FAULT_rot:
    case FAULT_KIND_COUNT: return NULL;
    }
    return NULL;
}

/* ---- What waits for its moment. ---- */

#define IN_HANDOVER (1u << FAULT_kill_in_handover | 1u << FAULT_cut_in_handover)
#define MOMENTS (1u << FAULT_wipe_joining | IN_HANDOVER)

/* A broker that the leader has proposed to take in; NULL: none. */
static struct cluster_node *joining(struct nemesis *n, const struct replica *r)
{
    if (r->role != REPLICA_LEADER || !r->is_proposing || r->retreats) return NULL;
    for (uint32_t i = 0; i < r->proposed.count && r->handover != HANDOVER_PROPOSED; i++) {
        int32_t id = r->proposed.ids[i];
        if (!id_set_has(&r->isr, id)) return &n->cluster->brokers[id - 1];
    }
    return NULL;
}

static void maybe_wipe_joining(struct nemesis *n, struct cluster_node *leader,
                               const struct partition *p)
{
    struct cluster_node *follower = joining(n, &p->replica);
    if (follower == NULL || !may_lose_disk(n, follower)) return;

    n->armed &= ~(1u << FAULT_wipe_joining);
    n->done[FAULT_wipe_joining]++;
    uint64_t session_us = n->cluster->options.controller.broker_session_timeout_ms * 1000ull;
    nemesis_strike(n, FAULT_wipe_joining, leader, follower,
                   prng_range(&n->prng, session_us / 3, session_us * 3 / 4));
}

static bool is_handing_over(const struct cluster_node *node)
{
    for (uint32_t i = 0; i < node->cluster->options.shard_count; i++) {
        const struct shard *s = node->broker.shards[i];
        const struct partition *p = s == NULL ? NULL : s->partitions;
        for (; p != NULL; p = p->hh.next) {
            if (p->replica.handover == HANDOVER_PROPOSED) return true;
        }
    }
    return false;
}

/* It has decided something, and that is not committed yet. */
static void maybe_strike_handover(struct nemesis *n, struct cluster_node *active)
{
    const struct meta_image *tentative = controller_tentative(active->controller);
    bool is_deciding =
        tentative != NULL && tentative->index > controller_commit_index(active->controller);
    struct cluster_node *from = NULL;
    for (uint32_t i = 0; i < n->cluster->options.broker_count && is_deciding; i++) {
        struct cluster_node *node = &n->cluster->brokers[i];
        if (is_fine(node) && is_handing_over(node)) from = node;
    }
    if (from == NULL) return;

    bool kills = (n->armed & 1u << FAULT_kill_in_handover) != 0;
    enum fault_kind kind = kills ? FAULT_kill_in_handover : FAULT_cut_in_handover;
    n->armed &= ~(1u << kind);
    n->done[kind]++;
    nemesis_strike(n, kind, kills ? active : from, NULL, draw_length_us(n));
}

void nemesis_after_turn(struct nemesis *n, struct sim_node *node, uint32_t actor)
{
    if (n->armed == 0 || n->is_over) return;
    struct cluster_node *it = cluster_node_of(n->cluster, node);
    if (it == NULL || !is_fine(it)) return;

    bool wants_joining = (n->armed & 1u << FAULT_wipe_joining) != 0;
    if (it->is_broker && actor > 0 && wants_joining) {
        const struct shard *s = it->broker.shards[actor - 1];
        const struct partition *p = s == NULL ? NULL : s->partitions;
        for (; p != NULL && is_fine(it); p = p->hh.next) maybe_wipe_joining(n, it, p);
    }
    bool wants_handover = (n->armed & IN_HANDOVER) != 0;
    if (wants_handover && !it->is_broker && it->controller != NULL) maybe_strike_handover(n, it);
}

static void strike(struct nemesis *n)
{
    enum fault_kind kind = draw_kind(n);
    if ((MOMENTS & 1u << kind) != 0) {
        n->armed |= 1u << kind;
        return;
    }
    bool hits_many = kind == FAULT_kill_several || kind == FAULT_kill_all ||
                     kind == FAULT_power_cut_any || kind == FAULT_power_cut_quorum;
    if (hits_many) {
        n->done[kind] += hit_many(n, kind);
        return;
    }
    struct cluster_node *a = draw_target(n, kind);
    struct cluster_node *b = NULL;
    if (a == NULL) return;
    if (kind == FAULT_cut_one_way || kind == FAULT_cut_both_ways || kind == FAULT_reset) {
        b = draw_node(n, ANY_NODE);
        if (b == NULL || b == a) return;
    }
    n->done[kind]++;
    nemesis_strike(n, kind, a, b, draw_length_us(n));
}

static void next_strike(void *nemesis)
{
    struct nemesis *n = nemesis;
    if (n->is_over) return;

    strike(n);
    uint64_t pause_ms = n->cluster->options.fault_pause_ms;
    sim_at(n->cluster->sim, nemesis_now_us(n) + prng_range(&n->prng, 1, 2 * pause_ms) * 1000,
           next_strike, n);
}

void nemesis_open(struct nemesis *n, struct cluster *cluster, struct oracles *oracles)
{
    *n = (struct nemesis){.cluster = cluster, .oracles = oracles};
    n->prng = sim_prng(cluster->sim, 9000);
    disk_faults_open(n);
    if (cluster->options.fault_pause_ms == 0) return;
    sim_at(cluster->sim, nemesis_now_us(n) + 1000, next_strike, n);
}

void nemesis_end(struct nemesis *n)
{
    n->is_over = true;
    for (uint32_t i = 0; i < n->count; i++) fault_end(n->faults[i]);
    sim_heal_all(n->cluster->sim);
    sim_set_net_faults(n->cluster->sim, 0, 0, 0);
    sim_set_freeze(n->cluster->sim, 0);
    cluster_start_all(n->cluster);
    disk_faults_look(n);
}

void nemesis_close(struct nemesis *n)
{
    for (uint32_t i = 0; i < n->count; i++) free(n->faults[i]);
    free(n->faults);
    *n = (struct nemesis){0};
}

/* A fault's traces outlive it: sessions run out, connections are dialled again. */
#define AFTERMATH_US 8000000u

bool nemesis_excuses(const struct nemesis *n, int32_t broker, uint64_t from_us, uint64_t to_us)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct fault *f = n->faults[i];
        if (f->kind == FAULT_wall_jump || f->is_harmless) continue;
        if (f->from_us > to_us || (f->is_over && f->to_us + AFTERMATH_US < from_us)) continue;
        const struct cluster_node *it = &n->cluster->brokers[broker - 1];
        bool is_its_own = f->a == it || f->b == it;
        bool is_a_controllers = !f->a->is_broker || (f->b != NULL && !f->b->is_broker);
        if (is_its_own || is_a_controllers) return true;
    }
    return false;
}
