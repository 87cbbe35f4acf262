/* The heap, the trace, the logs, links, and what the harness asks of the world as a whole. */
#include "tests/sim/sim_world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/sim_inside.h"

/* ---- The heap. ---- */

static bool is_before(const struct sim_item *a, const struct sim_item *b)
{
    if (a->time_us != b->time_us) return a->time_us < b->time_us;
    return a->serial < b->serial;
}

void sim_put(struct sim *sim, struct sim_item item)
{
    CHECK(item.time_us >= sim->now_us);

    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity == 0 ? 256 : sim->heap_capacity * 2;
        sim->heap = realloc(sim->heap, sim->heap_capacity * sizeof sim->heap[0]);
        CHECK(sim->heap != NULL);
    }
    item.serial = ++sim->serial;
    uint32_t at = sim->heap_count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!is_before(&item, &sim->heap[parent])) break;
        sim->heap[at] = sim->heap[parent];
        at = parent;
    }
    sim->heap[at] = item;
}

struct sim_item sim_take(struct sim *sim)
{
    CHECK(sim->heap_count > 0);

    struct sim_item first = sim->heap[0];
    struct sim_item last = sim->heap[--sim->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= sim->heap_count) break;
        if (child + 1 < sim->heap_count && is_before(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!is_before(&sim->heap[child], &last)) break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    if (sim->heap_count > 0) sim->heap[at] = last;
    return first;
}

/* ---- The trace. ---- */

void sim_mix(struct sim *sim, uint64_t fact)
{
    uint64_t z = (sim->hash ^ fact) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    sim->hash = z ^ (z >> 27);
}

void sim_trace(struct sim *sim, uint64_t fact)
{
    sim_mix(sim, fact);
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->hash;
}

/* ---- Logs. ---- */

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    CHECK(level <= LOG_ERROR);
    return names[level];
}

static void print_line(FILE *to, const struct sim_node *node, uint64_t time_us,
                       enum log_level level, const char *text)
{
    (void)fprintf(to, "%6llu.%06llu %-12s %-5s %s\n", (unsigned long long)(time_us / 1000000),
                  (unsigned long long)(time_us % 1000000), node->name, level_name(level), text);
}

static void node_line(struct sim_node *node, enum log_level level, const char *text)
{
    struct sim *sim = node->sim;
    struct sim_line *line = &node->lines[node->line_count++ % SIM_LOG_LINES];
    free(line->text);
    *line = (struct sim_line){
        .time_us = sim->now_us, .serial = ++sim->line_serial, .level = level, .text = strdup(text)};
    for (const char *at = text; *at != '\0'; at++) sim_mix(sim, (uint8_t)*at);
    if (sim->options.verbose) print_line(stderr, node, sim->now_us, level, text);
}

void sim_log_op(struct env *env, enum log_level level, const char *text)
{
    node_line(((struct sim_actor *)env)->node, level, text);
}

/* What the world did to the node. */
void sim_world_line(struct sim_node *node, const char *format, ...)
{
    char text[512] = "-- ";
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + 3, sizeof text - 3, format, args);
    va_end(args);
    node_line(node, LOG_INFO, text);
}

/* The line that comes first of those that have not been taken; NULL: none is left. */
static const struct sim_line *next_line(const struct sim *sim, uint64_t *next,
                                        const struct sim_node **of)
{
    const struct sim_line *first = NULL;
    uint32_t which = 0;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = sim->nodes[i];
        if (next[i] == node->line_count) continue;
        const struct sim_line *line = &node->lines[next[i] % SIM_LOG_LINES];
        if (first != NULL && first->serial < line->serial) continue;
        first = line;
        which = i;
    }
    if (first == NULL) return NULL;

    next[which]++;
    *of = sim->nodes[which];
    return first;
}

static void first_lines(const struct sim *sim, uint64_t *next)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        uint64_t count = sim->nodes[i]->line_count;
        next[i] = count > SIM_LOG_LINES ? count - SIM_LOG_LINES : 0;
    }
}

void sim_print_lines(const struct sim *sim, uint64_t most, sim_wants_line *wants, void *arg,
                     FILE *to)
{
    uint64_t next[SIM_NODES_MAX];
    uint64_t wanted = 0;
    const struct sim_line *line;
    const struct sim_node *node;
    first_lines(sim, next);
    while ((line = next_line(sim, next, &node)) != NULL) wanted += wants(arg, node, line->text);

    first_lines(sim, next);
    while ((line = next_line(sim, next, &node)) != NULL) {
        if (!wants(arg, node, line->text)) continue;
        if (wanted-- > most) continue;
        print_line(to, node, line->time_us, line->level, line->text);
    }
}

static bool wants_all(void *arg, const struct sim_node *node, const char *text)
{
    (void)arg;
    (void)node;
    (void)text;
    return true;
}

void sim_print_logs(const struct sim *sim, FILE *to)
{
    sim_print_lines(sim, UINT64_MAX, wants_all, NULL, to);
}

const char *sim_in_turn(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->is_in_turn) return sim->nodes[i]->name;
    }
    return NULL;
}

void sim_violation(struct sim *sim, const char *format, ...)
{
    if (sim->violation[0] != '\0') return;

    va_list args;
    va_start(args, format);
    (void)vsnprintf(sim->violation, sizeof sim->violation, format, args);
    va_end(args);
    if (sim->violation[0] == '\0') (void)snprintf(sim->violation, sizeof sim->violation, "?");
}

const char *sim_violated(const struct sim *sim)
{
    return sim->violation[0] == '\0' ? NULL : sim->violation;
}

/* ---- HTTP. ---- */

void sim_http_get(struct sim_node *node, const char *path,
                  void (*done)(void *arg, int status, struct slice body), void *arg)
{
    struct sim *sim = node->sim;
    const struct sim_listener *listener = NULL;
    for (uint32_t i = 0; i < node->host->listener_count && listener == NULL; i++) {
        const struct sim_listener *l = &node->host->listeners[i];
        if (l->node == node && l->is_http && !l->is_dying) listener = l;
    }
    uint32_t room = sizeof node->https / sizeof node->https[0];
    if (node->state == SIM_DOWN || listener == NULL || node->http_count == room) {
        done(arg, 0, (struct slice){0});
        return;
    }
    node->https[node->http_count++] =
        (struct sim_http){.id = ++sim->http_id, .done = done, .arg = arg};
    struct env_event event = {.kind = ENV_HTTP, .http_id = sim->http_id, .tag = listener->tag};
    (void)snprintf(event.address, sizeof event.address, "%s", path);
    sim_actor_event(&node->actors[listener->actor], &event);
}

void sim_http_answer_op(struct env *env, uint64_t http_id, int status, const char *content_type,
                        struct slice body)
{
    struct sim_node *node = ((struct sim_actor *)env)->node;
    CHECK(content_type != NULL);
    if (node->is_deaf) return;

    for (uint32_t i = 0; i < node->http_count; i++) {
        if (node->https[i].id != http_id) continue;
        struct sim_http http = node->https[i];
        node->https[i] = node->https[--node->http_count];
        http.done(http.arg, status, body);
        return;
    }
}

void sim_http_drop(struct sim_node *node)
{
    while (node->http_count > 0) {
        struct sim_http http = node->https[--node->http_count];
        http.done(http.arg, 0, (struct slice){0});
    }
}

/* ---- Links. ---- */

static void link_set(struct sim *sim, struct sim_host *from, struct sim_host *to, bool is_cut)
{
    struct sim_link *link = &sim->links[from->index][to->index];
    if (from == to || link->is_cut == is_cut) return;

    link->is_cut = is_cut;
    sim_mix(sim, (uint64_t)from->index << 32 | to->index << 1 | is_cut);
    if (is_cut) {
        sim->counts.cuts++;
    } else {
        sim->counts.heals++;
    }
}

void sim_cut(struct sim_node *from, struct sim_node *to, bool is_cut)
{
    link_set(from->sim, from->host, to->host, is_cut);
    if (!is_cut) sim_net_links_changed(from->sim);
}

void sim_cut_both(struct sim_node *a, struct sim_node *b, bool is_cut)
{
    sim_cut(a, b, is_cut);
    sim_cut(b, a, is_cut);
}

bool sim_is_cut(const struct sim_node *from, const struct sim_node *to)
{
    return from->sim->links[from->host->index][to->host->index].is_cut;
}

void sim_isolate(struct sim_node *node, bool is_cut)
{
    struct sim *sim = node->sim;
    for (uint32_t i = 0; i < sim->host_count; i++) {
        link_set(sim, node->host, sim->hosts[i], is_cut);
        link_set(sim, sim->hosts[i], node->host, is_cut);
    }
    if (!is_cut) sim_net_links_changed(sim);
}

void sim_heal_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->host_count; i++) {
        for (uint32_t k = 0; k < sim->host_count; k++) {
            link_set(sim, sim->hosts[i], sim->hosts[k], false);
            sim->links[i][k].extra_us = 0;
        }
    }
    sim_net_links_changed(sim);
}

void sim_link_delay(struct sim_node *from, struct sim_node *to, uint64_t extra_us)
{
    from->sim->links[from->host->index][to->host->index].extra_us = extra_us;
}

void sim_set_net_faults(struct sim *sim, uint32_t loss_ppm, uint32_t reset_ppm, uint32_t tail_ppm)
{
    sim->options.loss_ppm = loss_ppm;
    sim->options.reset_ppm = reset_ppm;
    sim->options.tail_ppm = tail_ppm;
}

void sim_set_freeze(struct sim *sim, uint32_t freeze_ppm)
{
    sim->options.freeze_ppm = freeze_ppm;
}

/* ---- Nodes. ---- */

static struct sim_host *host_of(struct sim *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->host_count; i++) {
        if (strcmp(sim->hosts[i]->name, name) == 0) return sim->hosts[i];
    }
    CHECK(sim->host_count < SIM_NODES_MAX);
    struct sim_host *host = calloc(1, sizeof *host);
    CHECK(host != NULL);
    CHECK(strlen(name) < sizeof host->name);
    host->index = sim->host_count;
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    host->is_up = true;
    host->boot = 1;
    host->device = 1;
    host->io_error_ppm = sim->options.io_error_ppm;
    int64_t skew = sim->options.wall_skew_max_ms;
    CHECK(skew >= 0);
    host->wall_skew_ms = (int64_t)prng_range(&sim->sched, 0, (uint64_t)skew * 2) - skew;
    sim_disk_init(&host->disk, sim->options.disk_bytes);
    sim->hosts[sim->host_count++] = host;
    return host;
}

struct sim_node *sim_node_add(struct sim *sim, const char *name, const char *host)
{
    CHECK(sim->node_count < SIM_NODES_MAX);

    struct sim_node *node = calloc(1, sizeof *node);
    CHECK(node != NULL);
    CHECK(strlen(name) < sizeof node->name);
    node->sim = sim;
    node->index = sim->node_count;
    (void)snprintf(node->name, sizeof node->name, "%s", name);
    (void)snprintf(node->why, sizeof node->why, "never started");
    node->host = host_of(sim, host);
    node->prng = sim_prng(sim, 1000 + node->index);
    sim_fs_init(&node->fs, node, false);
    sim_fs_init(&node->outside, node, true);
    sim->nodes[sim->node_count++] = node;
    return node;
}

enum sim_state sim_node_state(const struct sim_node *node)
{
    return node->state;
}

const char *sim_node_name(const struct sim_node *node)
{
    return node->name;
}

const char *sim_node_host(const struct sim_node *node)
{
    return node->host->name;
}

struct sim *sim_node_sim(const struct sim_node *node)
{
    return node->sim;
}

const char *sim_node_why_down(const struct sim_node *node)
{
    return node->state == SIM_DOWN ? node->why : "";
}

struct env *sim_node_env(struct sim_node *node, uint32_t actor)
{
    CHECK(node->state != SIM_DOWN);
    CHECK(actor < node->actor_count);

    return &node->actors[actor].env;
}

void *sim_node_process(const struct sim_node *node)
{
    return node->process.process;
}

void sim_node_wall_jump(struct sim_node *node, int64_t ms)
{
    node->host->wall_skew_ms += ms;
    node->sim->counts.wall_jumps++;
}

/* ---- The world. ---- */

struct prng sim_prng(const struct sim *sim, uint64_t salt)
{
    struct prng prng = prng_from_seed(sim->options.seed);
    prng = prng_from_seed(prng_next(&prng) ^ salt);
    return prng_from_seed(prng_next(&prng));
}

struct sim *sim_open(const struct sim_options *options)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim != NULL);
    sim->options = *options;
    sim->sched = sim_prng(sim, 1);
    sim->net = sim_prng(sim, 2);
    sim->disk = sim_prng(sim, 3);
    return sim;
}

void sim_close(struct sim *sim)
{
    if (sim == NULL) return;

    sim->options.on_down = NULL;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->state != SIM_DOWN) sim_node_kill(sim->nodes[i]);
    }
    sim_net_close(sim);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = sim->nodes[i];
        sim_fs_drop(&node->outside);
        for (uint32_t k = 0; k < SIM_LOG_LINES; k++) free(node->lines[k].text);
        free(node);
    }
    for (uint32_t i = 0; i < sim->host_count; i++) {
        sim_disk_close(&sim->hosts[i]->disk);
        free(sim->hosts[i]->broken);
        free(sim->hosts[i]);
    }
    free(sim->heap);
    free(sim);
}

uint64_t sim_now_us(const struct sim *sim)
{
    return sim->now_us;
}

const struct sim_counts *sim_counts(const struct sim *sim)
{
    return &sim->counts;
}

bool sim_run_until(struct sim *sim, uint64_t time_us)
{
    CHECK(time_us >= sim->now_us);

    while (sim->heap_count > 0 && sim->heap[0].time_us <= time_us) {
        if (!sim_step(sim)) return false;
    }
    if (sim->violation[0] != '\0') return false;
    sim->now_us = time_us;
    return true;
}

bool sim_run_for_ms(struct sim *sim, uint64_t ms)
{
    return sim_run_until(sim, sim->now_us + ms * 1000);
}

bool sim_run_while_not(struct sim *sim, bool (*done)(void *arg), void *arg, uint64_t limit_us)
{
    while (!done(arg)) {
        if (sim->heap_count == 0 || sim->heap[0].time_us > limit_us) {
            if (sim->now_us < limit_us) sim->now_us = limit_us;
            return false;
        }
        if (!sim_step(sim)) return done(arg) && sim->violation[0] == '\0';
    }
    return true;
}

void sim_at(struct sim *sim, uint64_t time_us, void (*call)(void *arg), void *arg)
{
    sim_put(sim,
            (struct sim_item){.time_us = time_us, .kind = ITEM_CALL, .call = call, .what = arg});
}
