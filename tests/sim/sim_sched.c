/* Processes and their turns: when each happens, and how a process ends. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "tests/sim/sim_inside.h"

#define IDLE_TURNS_MAX 10000u
#define US_PER_MS 1000u

static struct sim_actor *actor_of(struct env *env)
{
    return (struct sim_actor *)env;
}

/* ---- Inboxes. ---- */

static void inbox_push(struct sim_actor *actor, const struct env_event *event)
{
    if (actor->inbox_count == actor->inbox_capacity) {
        uint32_t capacity = actor->inbox_capacity == 0 ? 16 : actor->inbox_capacity * 2;
        struct env_event *moved = calloc(capacity, sizeof moved[0]);
        CHECK(moved != NULL);
        for (uint32_t i = 0; i < actor->inbox_count; i++) {
            moved[i] = actor->inbox[(actor->inbox_head + i) % actor->inbox_capacity];
        }
        free(actor->inbox);
        actor->inbox = moved;
        actor->inbox_head = 0;
        actor->inbox_capacity = capacity;
    }
    uint32_t at = (actor->inbox_head + actor->inbox_count++) % actor->inbox_capacity;
    actor->inbox[at] = *event;
}

static struct env_event inbox_pop(struct sim_actor *actor)
{
    CHECK(actor->inbox_count > 0);

    struct env_event event = actor->inbox[actor->inbox_head];
    actor->inbox_head = (actor->inbox_head + 1) % actor->inbox_capacity;
    actor->inbox_count--;
    return event;
}

static void inbox_drop(struct sim_actor *actor)
{
    while (actor->inbox_count > 0) {
        struct env_event event = inbox_pop(actor);
        if (event.kind == ENV_FRAME) buf_unref(event.buf);
    }
    free(actor->inbox);
    actor->inbox = NULL;
    actor->inbox_capacity = 0;
    actor->inbox_head = 0;
}

void sim_actor_wake(struct sim_actor *actor, uint64_t at_us)
{
    if (at_us >= actor->turn_at_us) return;

    /* The item of a later turn stays in the heap; its serial is out of date. */
    actor->turn_at_us = at_us;
    sim_put(actor->node->sim, (struct sim_item){.time_us = at_us,
                                                .kind = ITEM_TURN,
                                                .life = actor->node->life,
                                                .who = actor,
                                                .number = ++actor->turn_serial});
}

static uint64_t draw_turn(struct sim *sim)
{
    return sim->now_us + sim_draw(&sim->sched, sim->options.turn_delay);
}

void sim_actor_event(struct sim_actor *actor, const struct env_event *event)
{
    struct sim_node *node = actor->node;
    CHECK(node->state != SIM_DOWN);

    inbox_push(actor, event);
    if (node->state == SIM_PAUSED || actor->inbox_count > 1) return;
    sim_actor_wake(actor, draw_turn(node->sim));
}

/* ---- How a process ends. ---- */

enum end_kind { END_KILLED, END_POWER_CUT, END_HALTED, END_IN_ORDER };

static void node_end(struct sim_node *node, enum end_kind kind, const char *why)
{
    struct sim *sim = node->sim;
    CHECK(node->state != SIM_DOWN);
    CHECK(!node->is_in_turn);

    bool is_power_cut = kind == END_POWER_CUT;
    sim_world_line(node, "ends: %s", why);
    sim_mix(sim, (uint64_t)kind << 32 | node->index);
    node->is_deaf = true;
    node->is_halted = false;
    (void)snprintf(node->why, sizeof node->why, "%s", why);
    sim_lanes_drop(node, kind != END_IN_ORDER);
    sim_net_node_down(node, is_power_cut, kind == END_IN_ORDER);
    node->state = SIM_DOWN;
    for (uint32_t i = 0; i < node->actor_count; i++) inbox_drop(&node->actors[i]);
    struct sim_process process = node->process;
    if (process.close != NULL) process.close(process.process);
    node->process = (struct sim_process){0};
    sim_fs_drop(&node->fs);
    sim_fs_unlock(node);
    node->life++;
    sim_http_drop(node);
    if (sim->options.on_down != NULL) sim->options.on_down(sim->options.arg, node, node->why);
}

void sim_node_kill(struct sim_node *node)
{
    if (node->state == SIM_DOWN) return;

    node->sim->counts.kills++;
    node_end(node, END_KILLED, "killed");
}

void sim_node_power_cut(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_host *host = node->host;
    sim->counts.power_cuts++;
    /* First of all: nobody on this host says a last word. */
    host->is_up = false;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *other = sim->nodes[i];
        if (other->host != host || other->state == SIM_DOWN) continue;
        node_end(other, END_POWER_CUT, "power cut");
    }
    if (host->is_up) return; /* on_down() has started something again. */
    host->boot++;
    struct sim_cut_result result = sim_disk_power_cut(&host->disk, &sim->disk);
    sim->counts.files_torn += result.files_torn;
    sim->counts.names_dropped += result.names_dropped;
    sim_mix(sim, result.files_torn << 32 | result.names_dropped);
}

static void host_up(struct sim_host *host, struct sim *sim)
{
    if (host->is_up) return;

    host->is_up = true;
    sim_net_links_changed(sim);
}

void sim_node_boot(struct sim_node *node)
{
    host_up(node->host, node->sim);
}

/* ---- Turns. ---- */

static uint32_t take_events(struct sim_actor *actor, struct env_event *events)
{
    struct sim *sim = actor->node->sim;
    uint32_t count = 0;
    while (actor->inbox_count > 0 && count < ENV_EVENTS_MAX) {
        struct env_event event = inbox_pop(actor);
        if (event.conn != 0 && !sim_net_admits(actor, &event)) continue;

        uint32_t crc = 0;
        if (event.kind == ENV_FRAME) crc = crc32c(event.buf->data, event.buf->size);
        sim_mix(sim, (uint64_t)event.kind << 48 | (uint64_t)event.reason << 32 | event.tag);
        sim_mix(sim, event.conn);
        sim_mix(sim, (uint64_t)crc << 32 | (event.kind == ENV_FRAME ? event.buf->size : 0));
        events[count++] = event;
    }
    sim->counts.events += count;
    return count;
}

static void after_turn(struct sim_actor *actor, uint64_t deadline_ms, uint32_t event_count)
{
    struct sim_node *node = actor->node;
    struct sim *sim = node->sim;
    if (actor->ahead_us > 0) node->frozen_until_us = sim->now_us + actor->ahead_us;
    actor->ahead_us = 0;

    bool is_over = deadline_ms <= actor->env.now_ms;
    actor->idle_turns = is_over && event_count == 0 ? actor->idle_turns + 1 : 0;
    if (actor->idle_turns > IDLE_TURNS_MAX) {
        sim_violation(sim, "%s: actor %u takes turns without end", node->name, actor->env.actor);
        return;
    }
    actor->deadline_us = ENV_NEVER;
    if (deadline_ms < ENV_NEVER / US_PER_MS - 1) actor->deadline_us = deadline_ms * US_PER_MS;

    uint64_t next = actor->deadline_us;
    if (next <= sim->now_us || actor->inbox_count > 0) next = sim->now_us + 1;
    if (next != ENV_NEVER) {
        sim_actor_wake(actor, next + sim_draw(&sim->sched, sim->options.turn_delay));
    }
}

static void run_turn(struct sim_actor *actor)
{
    struct sim_node *node = actor->node;
    struct sim *sim = node->sim;
    actor->turn_at_us = ENV_NEVER;
    if (node->state == SIM_PAUSED) return;
    if (node->frozen_until_us > sim->now_us) {
        sim_actor_wake(actor,
                       node->frozen_until_us + sim_draw(&sim->sched, sim->options.turn_delay));
        return;
    }

    sim_mix(sim, sim->now_us);
    sim_mix(sim, (uint64_t)node->index << 32 | actor->env.actor);
    uint32_t count = take_events(actor, sim->events);
    actor->env.now_ms = sim->now_us / US_PER_MS;
    sim->counts.turns++;
    node->is_in_turn = true;
    uint64_t deadline_ms = actor->turn(actor->shell, sim->events, count);
    node->is_in_turn = false;

    uint32_t life = node->life;
    if (sim->options.after_turn != NULL) {
        sim->options.after_turn(sim->options.arg, node, actor->env.actor);
    }
    if (node->life != life || node->state == SIM_DOWN) return;
    if (node->is_halted) {
        sim->counts.halts++;
        char why[sizeof node->why];
        memcpy(why, node->why, sizeof why);
        node_end(node, END_HALTED, why);
        return;
    }
    bool is_stopped = true;
    for (uint32_t i = 0; i < node->actor_count; i++) is_stopped &= node->actors[i].is_stopped;
    if (is_stopped) {
        sim->counts.stops++;
        node_end(node, END_IN_ORDER, "stopped in order");
        return;
    }
    after_turn(actor, deadline_ms, count);
}

/* ---- Calls of env.h that concern the process. ---- */

static uint64_t clock_op(struct env *env)
{
    struct sim_actor *actor = actor_of(env);
    struct sim_node *node = actor->node;
    struct sim *sim = node->sim;
    /* A look at the clock is where a stop in the middle of a turn can make a difference. */
    if (node->is_in_turn && !node->is_deaf && sim_chance(&sim->sched, sim->options.freeze_ppm)) {
        actor->ahead_us += sim_draw(&sim->sched, sim->options.freeze);
        sim->counts.freezes++;
    }
    return sim_actor_now(actor) / US_PER_MS;
}

static int64_t wall_op(struct env *env)
{
    const struct sim_actor *actor = actor_of(env);
    return 1700000000000 + (int64_t)(sim_actor_now(actor) / US_PER_MS) +
           actor->node->host->wall_skew_ms;
}

static void draw_op(struct env *env, void *to, size_t size)
{
    struct prng *prng = &actor_of(env)->node->prng;
    uint8_t *out = to;
    while (size > 0) {
        uint64_t word = prng_next(prng);
        size_t part = size < sizeof word ? size : sizeof word;
        for (size_t i = 0; i < part; i++) *out++ = (uint8_t)(word >> 8 * i);
        size -= part;
    }
}

static void halt_op(struct env *env, const char *why)
{
    struct sim_node *node = actor_of(env)->node;
    if (node->is_deaf) return;

    node->is_halted = true;
    node->is_deaf = true;
    (void)snprintf(node->why, sizeof node->why, "%s", why);
    /* Asked for while the harness opens it: there is no turn at whose end it could end. */
    if (!node->is_in_turn) sim_actor_wake(actor_of(env), node->sim->now_us);
}

static void stop_op(struct env *env)
{
    actor_of(env)->is_stopped = true;
}

static const struct env_ops ops = {
    .clock_ms = clock_op,
    .wall_ms = wall_op,
    .random = draw_op,
    .listen = sim_listen_op,
    .dial = sim_dial_op,
    .send = sim_send_op,
    .queued_bytes = sim_queued_op,
    .pause = sim_pause_op,
    .frame_max = sim_frame_max_op,
    .local_address = sim_local_address_op,
    .close = sim_close_op,
    .http_answer = sim_http_answer_op,
    .submit = sim_submit_op,
    .read_now = sim_read_now_op,
    .file_unref = sim_file_unref_op,
    .post = sim_post_op,
    .give_back = sim_give_back_op,
    .log = sim_log_op,
    .halt = halt_op,
    .stop = stop_op,
};

/* ---- The harness. ---- */

static void actor_init(struct sim_actor *actor, struct sim_node *node, uint32_t index,
                       uint32_t count)
{
    uint64_t serial = actor->turn_serial;
    *actor = (struct sim_actor){
        .node = node, .turn_at_us = ENV_NEVER, .deadline_us = ENV_NEVER, .turn_serial = serial};
    actor->env = (struct env){.ops = &ops,
                              .actor = index,
                              .actor_count = count,
                              .now_ms = node->sim->now_us / US_PER_MS,
                              .log_min = node->sim->options.log_min};
}

void sim_node_start(struct sim_node *node, uint32_t actor_count, sim_open_fn *open, void *arg)
{
    struct sim *sim = node->sim;
    CHECK(node->state == SIM_DOWN);
    CHECK(actor_count > 0);
    CHECK(actor_count <= SIM_ACTORS_MAX);

    host_up(node->host, sim);
    sim_net_listeners_drop(node);
    sim->counts.starts++;
    sim_mix(sim, (uint64_t)actor_count << 32 | node->index);
    node->state = SIM_RUNNING;
    node->is_deaf = false;
    node->is_halted = false;
    node->frozen_until_us = 0;
    node->actor_count = actor_count;
    memset(node->post_at_us, 0, sizeof node->post_at_us);
    struct env *envs[SIM_ACTORS_MAX];
    for (uint32_t i = 0; i < actor_count; i++) {
        actor_init(&node->actors[i], node, i, actor_count);
        envs[i] = &node->actors[i].env;
    }
    sim_world_line(node, "starts");
    node->process = (struct sim_process){0};
    open(arg, node, envs, actor_count, &node->process);
    for (uint32_t i = 0; i < actor_count; i++) {
        struct sim_actor *actor = &node->actors[i];
        CHECK(node->process.turns[i] != NULL);
        actor->turn = node->process.turns[i];
        actor->shell = node->process.actors[i];
        actor->ahead_us = 0;
        sim_actor_wake(actor, draw_turn(sim));
    }
}

void sim_node_pause(struct sim_node *node)
{
    if (node->state != SIM_RUNNING) return;

    node->sim->counts.pauses++;
    node->state = SIM_PAUSED;
    sim_world_line(node, "is paused");
}

void sim_node_resume(struct sim_node *node)
{
    if (node->state != SIM_PAUSED) return;

    node->state = SIM_RUNNING;
    sim_world_line(node, "goes on");
    /* The threads wake one by one; what the kernel has kept for them is there at once. */
    for (uint32_t i = 0; i < node->actor_count; i++) {
        sim_actor_wake(&node->actors[i], draw_turn(node->sim));
    }
    sim_net_node_resumed(node);
    sim_lanes_kick(node);
}

void sim_node_stop(struct sim_node *node)
{
    if (node->state == SIM_DOWN) return;

    for (uint32_t i = 0; i < node->actor_count; i++) {
        sim_actor_event(&node->actors[i], &(struct env_event){.kind = ENV_STOP});
    }
}

static void on_job_done(struct sim_actor *actor, struct job *job)
{
    sim_actor_event(actor, &(struct env_event){.kind = ENV_JOB_DONE, .job = job});
}

static void on_post(struct sim_actor *actor, struct post *post)
{
    sim_actor_event(actor, &(struct env_event){.kind = ENV_POSTED, .post = post});
}

bool sim_step(struct sim *sim)
{
    if (sim->violation[0] != '\0' || sim->heap_count == 0) return false;

    struct sim_item item = sim_take(sim);
    CHECK(item.time_us >= sim->now_us);
    sim->now_us = item.time_us;
    struct sim_actor *actor = item.who;
    switch (item.kind) {
    case ITEM_TURN:
        if (actor->node->life != item.life || actor->turn_serial != item.number) break;
        run_turn(actor);
        break;
    case ITEM_JOB_DONE:
        if (actor->node->life == item.life) on_job_done(actor, item.what);
        break;
    case ITEM_POST:
        if (actor->node->life == item.life) on_post(actor, item.what);
        break;
    case ITEM_LANE: {
        struct sim_node *node = item.who;
        if (node->life == item.life) sim_on_lane(node, (uint32_t)item.number);
        break;
    }
    case ITEM_CALL: item.call(item.what); break;
    case ITEM_PIPE:
    case ITEM_SYN:
    case ITEM_SYN_ACK:
    case ITEM_DIAL_FAILED:
    case ITEM_DIAL_TIMEOUT:
    case ITEM_TCP_TIMEOUT: sim_on_net_item(sim, &item); break;
    }
    return sim->violation[0] == '\0';
}
