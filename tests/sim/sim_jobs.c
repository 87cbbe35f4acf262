/* Disk work in its lanes, and messages between the actors of a process. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/sim_inside.h"

static struct sim_actor *actor_of(struct env *env)
{
    return (struct sim_actor *)env;
}

/* ---- Lanes. ---- */

static struct sim_lane *lane_of(struct sim_node *node, uint32_t lane)
{
    uint32_t low = 0;
    uint32_t high = node->lane_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (node->lanes[middle]->lane < lane) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < node->lane_count && node->lanes[low]->lane == lane) return node->lanes[low];

    if (node->lane_count == node->lane_capacity) {
        node->lane_capacity = node->lane_capacity == 0 ? 16 : node->lane_capacity * 2;
        node->lanes = realloc(node->lanes, node->lane_capacity * sizeof node->lanes[0]);
        CHECK(node->lanes != NULL);
    }
    memmove(&node->lanes[low + 1], &node->lanes[low],
            (node->lane_count - low) * sizeof node->lanes[0]);
    node->lane_count++;
    struct sim_lane *made = calloc(1, sizeof *made);
    CHECK(made != NULL);
    made->lane = lane;
    node->lanes[low] = made;
    return made;
}

static void lane_schedule(struct sim_node *node, struct sim_lane *lane, uint64_t at_us)
{
    if (lane->first == NULL || lane->is_scheduled) return;

    lane->is_scheduled = true;
    sim_put(node->sim, (struct sim_item){.time_us = at_us,
                                         .kind = ITEM_LANE,
                                         .life = node->life,
                                         .who = node,
                                         .number = lane->lane});
}

void sim_submit_op(struct env *env, struct job *job)
{
    struct sim_actor *actor = actor_of(env);
    struct sim_node *node = actor->node;
    CHECK(job->run != NULL);
    if (node->is_deaf) return;

    struct sim_lane *lane = lane_of(node, job->lane);
    struct sim_work *work = calloc(1, sizeof *work);
    CHECK(work != NULL);
    work->actor = actor;
    work->job = job;
    work->not_before_us = sim_actor_now(actor);
    if (lane->first == NULL) {
        lane->first = work;
    } else {
        lane->last->next = work;
    }
    lane->last = work;
    uint64_t at = work->not_before_us;
    if (at < lane->free_at_us) at = lane->free_at_us;
    lane_schedule(node, lane, at + sim_draw(&node->sim->disk, node->sim->options.job_delay));
}

void sim_on_lane(struct sim_node *node, uint32_t number)
{
    struct sim *sim = node->sim;
    struct sim_lane *lane = lane_of(node, number);
    lane->is_scheduled = false;
    struct sim_work *work = lane->first;
    if (node->state == SIM_PAUSED || work == NULL) return;
    uint64_t at = work->not_before_us;
    if (at < node->host->stalled_until_us) at = node->host->stalled_until_us;
    if (at < node->frozen_until_us) at = node->frozen_until_us;
    if (at > sim->now_us) {
        lane_schedule(node, lane, at + sim_draw(&sim->disk, sim->options.job_delay));
        return;
    }

    lane->first = work->next;
    struct job *job = work->job;
    struct sim_actor *actor = work->actor;
    free(work);
    node->fs.cost_us = 0;
    job->run(&node->fs.fs, job);
    CHECK(job->rc <= 0);
    sim->counts.jobs++;
    sim_mix(sim, (uint64_t)number << 32 | (uint32_t)job->rc);

    lane->free_at_us = sim->now_us + node->fs.cost_us;
    uint64_t done = lane->free_at_us + sim_draw(&sim->disk, sim->options.job_done_delay);
    if (done < lane->done_at_us) done = lane->done_at_us;
    lane->done_at_us = done;
    sim_put(
        sim,
        (struct sim_item){
            .time_us = done, .kind = ITEM_JOB_DONE, .life = node->life, .who = actor, .what = job});
    lane_schedule(node, lane, lane->free_at_us + sim_draw(&sim->disk, sim->options.job_delay));
}

void sim_lanes_kick(struct sim_node *node)
{
    for (uint32_t i = 0; i < node->lane_count; i++) {
        lane_schedule(node, node->lanes[i], node->sim->now_us);
    }
}

/* The process dies: of each lane, the first job may have been with the kernel, and may get anywhere
 * before the process is gone. Nobody will hear of it. */
void sim_lanes_drop(struct sim_node *node, bool may_run)
{
    struct sim *sim = node->sim;
    for (uint32_t i = 0; i < node->lane_count; i++) {
        struct sim_lane *lane = node->lanes[i];
        struct sim_work *work = lane->first;
        if (work != NULL && may_run && prng_chance(&sim->disk, 1, 2)) {
            bool is_whole = prng_chance(&sim->disk, 1, 3);
            node->fs.calls_left = is_whole ? -1 : (int64_t)prng_range(&sim->disk, 1, 6);
            work->job->run(&node->fs.fs, work->job);
            if (!is_whole) sim->counts.jobs_torn++;
        }
        while (lane->first != NULL) {
            work = lane->first;
            lane->first = work->next;
            free(work);
            sim->counts.jobs_dropped++;
        }
        free(lane);
    }
    node->fs.calls_left = -1;
    free(node->lanes);
    node->lanes = NULL;
    node->lane_count = 0;
    node->lane_capacity = 0;
}

/* ---- Posts. ---- */

static void post_to(struct sim_actor *from, uint32_t to, struct post *post)
{
    struct sim_node *node = from->node;
    CHECK(to < node->actor_count);
    if (node->is_deaf) return;

    uint64_t at = sim_actor_now(from) + sim_draw(&node->sim->sched, node->sim->options.post_delay);
    uint64_t *last = &node->post_at_us[from->env.actor][to];
    if (at < *last) at = *last;
    *last = at;
    sim_put(node->sim, (struct sim_item){.time_us = at,
                                         .kind = ITEM_POST,
                                         .life = node->life,
                                         .who = &node->actors[to],
                                         .what = post});
}

void sim_post_op(struct env *env, uint32_t to, struct post *post)
{
    post->home = env->actor;
    post->is_back = false;
    post_to(actor_of(env), to, post);
}

void sim_give_back_op(struct env *env, struct post *post)
{
    CHECK(!post->is_back);

    post->is_back = true;
    post_to(actor_of(env), post->home, post);
}
