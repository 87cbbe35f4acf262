/* The simulated world itself: what a process may rely on, and what it may not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim_world.h"

#define PORT 9000
#define TAG_LISTEN 1
#define TAG_DIAL 2
#define FRAMES_MAX 512

/* A process that does what the test tells it to, and writes down what it sees. */
struct dummy {
    struct env *env;
    struct env_endpoint to; /* Dialled at the first turn if it has a port. */
    bool listens;
    bool first_alone; /* It listens for no more than a number, until there was one. */
    bool spins;
    uint64_t conn;
    uint32_t accepted, connected, closed, jobs_done, posts, posts_back;
    enum env_reason reason;
    uint32_t frame_count;
    uint32_t frames[FRAMES_MAX]; /* The first four bytes of each. */
    uint64_t last_turn_ms;
    bool has_begun;
};

static void on_event(struct dummy *d, const struct env_event *e)
{
    switch (e->kind) {
    case ENV_ACCEPTED:
        d->accepted++;
        d->conn = e->conn;
        return;
    case ENV_CONNECTED: d->connected++; return;
    case ENV_FRAME:
        cr_assert_lt(d->frame_count, FRAMES_MAX);
        memcpy(&d->frames[d->frame_count++], e->buf->data, sizeof d->frames[0]);
        buf_unref(e->buf);
        if (!d->first_alone || d->frame_count > 1) return;
        env_frame_max(d->env, e->conn, 1 << 20);
        env_pause(d->env, e->conn, false);
        return;
    case ENV_CLOSED:
        d->closed++;
        d->reason = e->reason;
        return;
    case ENV_JOB_DONE: d->jobs_done++; return;
    case ENV_POSTED:
        d->posts++;
        if (e->post->is_back) {
            d->posts_back++;
        } else {
            env_give_back(d->env, e->post);
        }
        return;
    case ENV_STOP: env_stop(d->env); return;
    case ENV_DRAINED:
    case ENV_HTTP: return;
    }
}

static uint64_t dummy_turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct dummy *d = actor;
    d->last_turn_ms = env_now_ms(d->env);
    if (!d->has_begun) {
        d->has_begun = true;
        struct env_endpoint at = {.port = PORT,
                                  .tag = TAG_LISTEN,
                                  .frame_max_bytes = d->first_alone ? 4 : 1 << 20,
                                  .first_alone = d->first_alone};
        if (d->listens) cr_assert_eq(env_listen(d->env, &at), 0);
        if (d->to.port != 0) d->conn = env_dial(d->env, &d->to);
    }
    for (uint32_t i = 0; i < count; i++) on_event(d, &events[i]);
    return d->spins ? 0 : ENV_NEVER;
}

static void dummy_open(void *arg, struct sim_node *node, struct env *const *envs,
                       uint32_t actor_count, struct sim_process *out)
{
    struct dummy *d = arg;
    cr_assert_neq(node, NULL);
    for (uint32_t i = 0; i < actor_count; i++) {
        d[i].env = envs[i];
        d[i].has_begun = false;
        out->turns[i] = dummy_turn;
        out->actors[i] = &d[i];
    }
}

static void send_number(struct dummy *d, uint32_t number)
{
    struct buf *b = buf_new(8);
    const uint8_t head[4] = {0, 0, 0, 4};
    memcpy(b->data, head, 4);
    memcpy(b->data + 4, &number, 4);
    b->size = 8;
    env_send(d->env, d->conn, &(struct env_piece){.buf = b, .size = 8}, 1);
}

struct pair {
    struct sim *sim;
    struct sim_node *server, *client;
    struct dummy s, c;
};

static void pair_open_to(struct pair *p, const struct sim_options *options, bool first_alone)
{
    *p = (struct pair){.sim = sim_open(options)};
    p->s.first_alone = first_alone;
    p->server = sim_node_add(p->sim, "server", "a");
    p->client = sim_node_add(p->sim, "client", "b");
    p->s.listens = true;
    p->c.to = (struct env_endpoint){
        .host = "a", .port = PORT, .tag = TAG_DIAL, .frame_max_bytes = 1 << 20};
    sim_node_start(p->server, 1, dummy_open, &p->s);
    cr_assert(sim_run_for_ms(p->sim, 5));
    sim_node_start(p->client, 1, dummy_open, &p->c);
    cr_assert(sim_run_for_ms(p->sim, 3000));
}

static void pair_open(struct pair *p, const struct sim_options *options)
{
    pair_open_to(p, options, false);
}

/* ---- The network. ---- */

Test(sim_world, frames_arrive_whole_and_in_order_however_the_network_behaves)
{
    uint64_t losses = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct sim_options o = sim_options_draw(seed);
        o.loss_ppm = 20000;
        o.reset_ppm = 0;
        struct pair p;
        pair_open(&p, &o);
        cr_assert_eq(p.c.connected, 1);
        cr_assert_eq(p.s.accepted, 1);
        for (uint32_t i = 0; i < 300; i++) {
            send_number(&p.c, i);
            if (i % 7 == 0) cr_assert(sim_run_for_ms(p.sim, 1));
        }
        cr_assert(sim_run_for_ms(p.sim, 600 * 1000));
        cr_assert_eq(p.s.frame_count, 300);
        for (uint32_t i = 0; i < 300; i++) cr_assert_eq(p.s.frames[i], i);
        losses += sim_counts(p.sim)->net_losses;
        sim_close(p.sim);
    }
    cr_assert_gt(losses, 0);
}

Test(sim_world, a_hello_is_heard_before_what_stands_behind_it_is_judged)
{
    struct sim_options o = sim_options_draw(1);
    o.loss_ppm = o.reset_ppm = 0;
    struct pair p;
    pair_open_to(&p, &o, true);
    send_number(&p.c, 7);
    struct buf *large = buf_new(50004);
    memset(large->data, 0, 50004);
    large->data[2] = 50000 >> 8;
    large->data[3] = 50000 & 0xff;
    large->size = 50004;
    env_send(p.c.env, p.c.conn, &(struct env_piece){.buf = large, .size = 50004}, 1);
    cr_assert(sim_run_for_ms(p.sim, 60 * 1000));
    cr_assert_eq(p.s.closed, 0, "closed for %d", p.s.reason);
    cr_assert_eq(p.s.frame_count, 2);
    sim_close(p.sim);
}

Test(sim_world, what_a_reset_lets_through_is_a_prefix)
{
    uint64_t resets = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct sim_options o = sim_options_draw(seed);
        o.reset_ppm = 20000;
        struct pair p;
        pair_open(&p, &o);
        for (uint32_t i = 0; i < 200 && p.c.closed == 0; i++) {
            send_number(&p.c, i);
            cr_assert(sim_run_for_ms(p.sim, 1));
        }
        cr_assert(sim_run_for_ms(p.sim, 600 * 1000));
        for (uint32_t i = 0; i < p.s.frame_count; i++) cr_assert_eq(p.s.frames[i], i);
        if (p.c.closed > 0) cr_assert_eq(p.s.closed, 1);
        resets += sim_counts(p.sim)->net_resets;
        sim_close(p.sim);
    }
    cr_assert_gt(resets, 0);
}

Test(sim_world, a_cut_holds_bytes_back_in_one_direction_and_healing_delivers_them)
{
    struct sim_options o = sim_options_default(1);
    struct pair p;
    pair_open(&p, &o);
    sim_cut(p.client, p.server, true);
    cr_assert(sim_is_cut(p.client, p.server));
    cr_assert_not(sim_is_cut(p.server, p.client));
    send_number(&p.c, 1);
    send_number(&p.s, 2);
    cr_assert(sim_run_for_ms(p.sim, 5000));
    cr_assert_eq(p.s.frame_count, 0);
    cr_assert_eq(p.c.frame_count, 1);
    sim_heal_all(p.sim);
    cr_assert(sim_run_for_ms(p.sim, 5000));
    cr_assert_eq(p.s.frame_count, 1);
    cr_assert_eq(p.s.closed, 0);
    sim_close(p.sim);
}

Test(sim_world, a_cut_that_lasts_ends_the_connection_at_the_sender_only)
{
    struct sim_options o = sim_options_default(1);
    struct pair p;
    pair_open(&p, &o);
    sim_cut_both(p.client, p.server, true);
    send_number(&p.c, 1);
    cr_assert(sim_run_for_ms(p.sim, 40 * 1000));
    cr_assert_eq(p.c.closed, 1);
    cr_assert_eq(p.s.closed, 0);
    sim_close(p.sim);
}

Test(sim_world, nobody_there_refuses_and_no_answer_is_silence)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *server = sim_node_add(sim, "server", "a");
    struct sim_node *client = sim_node_add(sim, "client", "b");
    struct dummy c = {.to = {.host = "a", .port = PORT}};
    sim_node_start(client, 1, dummy_open, &c);
    cr_assert(sim_run_for_ms(sim, 100));
    cr_assert_eq(c.closed, 1);
    cr_assert_eq(c.reason, ENV_REASON_REFUSED);

    sim_node_kill(client);
    sim_cut(client, server, true);
    c = (struct dummy){.to = {.host = "a", .port = PORT}};
    sim_node_start(client, 1, dummy_open, &c);
    cr_assert(sim_run_for_ms(sim, 900));
    cr_assert_eq(c.closed, 0);
    cr_assert(sim_run_for_ms(sim, 200));
    cr_assert_eq(c.closed, 1);
    cr_assert_eq(c.reason, ENV_REASON_SILENT);
    sim_close(sim);
}

/* ---- Processes. ---- */

Test(sim_world, a_killed_process_is_heard_of_and_a_power_cut_is_not)
{
    struct sim_options o = sim_options_default(1);
    struct pair p;
    pair_open(&p, &o);
    sim_node_kill(p.server);
    cr_assert_str_eq(sim_node_why_down(p.server), "killed");
    cr_assert(sim_run_for_ms(p.sim, 100));
    cr_assert_eq(p.c.closed, 1);
    sim_close(p.sim);

    pair_open(&p, &o);
    sim_node_power_cut(p.server);
    cr_assert(sim_run_for_ms(p.sim, 100));
    cr_assert_eq(p.c.closed, 0);
    send_number(&p.c, 1);
    cr_assert(sim_run_for_ms(p.sim, 100));
    cr_assert_eq(p.c.closed, 0);
    /* The host is up again: its kernel knows no such connection. */
    sim_node_boot(p.server);
    cr_assert(sim_run_for_ms(p.sim, 1000));
    cr_assert_eq(p.c.closed, 1);
    cr_assert_eq(p.c.reason, ENV_REASON_RESET);
    sim_close(p.sim);
}

Test(sim_world, a_paused_process_takes_no_turns_and_finds_everything_later)
{
    struct sim_options o = sim_options_default(1);
    struct pair p;
    pair_open(&p, &o);
    sim_node_pause(p.server);
    uint64_t before = p.s.last_turn_ms;
    send_number(&p.c, 7);
    cr_assert(sim_run_for_ms(p.sim, 10 * 1000));
    cr_assert_eq(p.s.last_turn_ms, before);
    cr_assert_eq(p.c.closed, 0);
    sim_node_resume(p.server);
    cr_assert(sim_run_for_ms(p.sim, 10));
    cr_assert_eq(p.s.frame_count, 1);
    cr_assert_eq(p.s.frames[0], 7);
    sim_close(p.sim);
}

Test(sim_world, a_stop_in_order_flushes_and_ends_when_every_actor_has_stopped)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct dummy d[3] = {0};
    sim_node_start(node, 3, dummy_open, d);
    cr_assert(sim_run_for_ms(sim, 10));
    cr_assert_eq(sim_node_state(node), SIM_RUNNING);
    sim_node_stop(node);
    cr_assert(sim_run_for_ms(sim, 10));
    cr_assert_eq(sim_node_state(node), SIM_DOWN);
    cr_assert_str_eq(sim_node_why_down(node), "stopped in order");
    sim_close(sim);
}

Test(sim_world, a_node_that_never_rests_is_a_violation)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct dummy d = {.spins = true};
    sim_node_start(node, 1, dummy_open, &d);
    cr_assert_not(sim_run_for_ms(sim, 60 * 1000));
    cr_assert_not_null(strstr(sim_violated(sim), "without end"));
    sim_close(sim);
}

Test(sim_world, posts_go_there_and_come_home)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct dummy d[2] = {0};
    sim_node_start(node, 2, dummy_open, d);
    struct post post = {0};
    env_post(d[0].env, 1, &post);
    cr_assert(sim_run_for_ms(sim, 10));
    cr_assert_eq(d[1].posts, 1);
    cr_assert_eq(d[0].posts_back, 1);
    sim_close(sim);
}

/* ---- Disks. ---- */

#define RECORD_SIZE 700 /* Not a multiple of a sector. */

static void write_at(struct fs *fs, struct file *file, uint8_t byte, uint64_t at)
{
    uint8_t bytes[RECORD_SIZE];
    memset(bytes, byte, sizeof bytes);
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    cr_assert_eq(fs->ops->pwritev(fs, file, &iov, 1, at), 0);
}

/* Ten records, of which the first `synced` are synced. */
static void write_records(struct sim_node *node, const char *path, uint32_t synced)
{
    struct fs *fs = sim_node_fs(node);
    struct file *file;
    cr_assert_eq(fs->ops->mkdir(fs, "/d"), 0);
    cr_assert_eq(fs->ops->sync_dir(fs, "/"), 0);
    cr_assert_eq(fs->ops->open(fs, path, FS_WRITE | FS_CREATE, &file), 0);
    cr_assert_eq(fs->ops->sync_dir(fs, "/d"), 0);
    for (uint32_t i = 0; i < 10; i++) {
        write_at(fs, file, (uint8_t)(i + 1), (uint64_t)i * RECORD_SIZE);
        if (i + 1 == synced) cr_assert_eq(fs->ops->sync(fs, file), 0);
    }
    fs->ops->close(fs, file);
}

/* How many of the records at the start of the file are whole. */
static uint32_t whole_records(struct sim_node *node, const char *path)
{
    struct fs *fs = sim_node_fs(node);
    uint8_t *bytes;
    size_t size;
    cr_assert_eq(fs_read_file(fs, path, 1 << 20, &bytes, &size), 0);
    uint32_t whole = 0;
    for (size_t i = 0; i < size && bytes[i] == i / RECORD_SIZE + 1; i++) {
        whole = (uint32_t)((i + 1) / RECORD_SIZE);
    }
    free(bytes);
    return whole;
}

Test(sim_world, a_kill_keeps_what_was_written_and_a_power_cut_what_was_synced)
{
    uint32_t kept[11] = {0};
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_options o = sim_options_default(seed);
        struct sim *sim = sim_open(&o);
        struct sim_node *node = sim_node_add(sim, "node", "a");
        struct dummy d = {0};
        sim_node_start(node, 1, dummy_open, &d);
        write_records(node, "/d/f", 4);
        sim_node_kill(node);
        cr_assert_eq(whole_records(node, "/d/f"), 10);
        sim_node_power_cut(node);
        uint32_t whole = whole_records(node, "/d/f");
        cr_assert_geq(whole, 4);
        kept[whole]++;
        sim_close(sim);
    }
    /* All of it, nothing more than was synced, and torn ones in between. */
    cr_assert_gt(kept[10], 0);
    cr_assert_gt(kept[4], 0);
    uint32_t torn = 0;
    for (uint32_t i = 5; i < 10; i++) torn += kept[i];
    cr_assert_gt(torn, 0);
}

Test(sim_world, a_name_that_was_not_synced_may_be_gone_and_a_rename_is_one_thing)
{
    uint32_t old_ones = 0, new_ones = 0, absent = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_options o = sim_options_default(seed);
        struct sim *sim = sim_open(&o);
        struct sim_node *node = sim_node_add(sim, "node", "a");
        struct fs *fs = sim_node_fs(node);
        write_records(node, "/d/f", 10);
        struct file *file;
        cr_assert_eq(fs->ops->open(fs, "/d/f.tmp", FS_WRITE | FS_CREATE, &file), 0);
        write_at(fs, file, 99, 0);
        cr_assert_eq(fs->ops->sync(fs, file), 0);
        fs->ops->close(fs, file);
        cr_assert_eq(fs->ops->rename(fs, "/d/f.tmp", "/d/f"), 0);
        cr_assert_eq(fs->ops->open(fs, "/d/g", FS_WRITE | FS_CREATE, &file), 0);
        fs->ops->close(fs, file);
        sim_node_power_cut(node);

        uint8_t *bytes;
        size_t size;
        cr_assert_eq(fs_read_file(fs, "/d/f", 1 << 20, &bytes, &size), 0);
        old_ones += size == 10 * RECORD_SIZE && bytes[0] == 1;
        new_ones += size == RECORD_SIZE && bytes[0] == 99;
        free(bytes);
        if (fs->ops->open(fs, "/d/g", FS_READ, &file) == 0) {
            fs->ops->close(fs, file);
        } else {
            absent++;
        }
        sim_close(sim);
    }
    cr_assert_eq(old_ones + new_ones, 100);
    cr_assert_gt(old_ones, 0);
    cr_assert_gt(new_ones, 0);
    cr_assert_gt(absent, 0);
    cr_assert_lt(absent, 100);
}

struct write_job {
    struct job job;
    uint32_t records;
};

static void run_write(struct fs *fs, struct job *job)
{
    struct write_job *w = (struct write_job *)job;
    struct file *file;
    job->rc = fs->ops->open(fs, "/f", FS_WRITE | FS_CREATE, &file);
    if (job->rc != 0) return;
    for (uint32_t i = 0; i < 10 && job->rc == 0; i++) {
        uint8_t bytes[RECORD_SIZE];
        memset(bytes, (int)i + 1, sizeof bytes);
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
        job->rc = fs->ops->pwritev(fs, file, &iov, 1, (uint64_t)i * RECORD_SIZE);
        w->records += job->rc == 0;
    }
    fs->ops->close(fs, file);
}

Test(sim_world, a_kill_may_catch_a_job_in_the_middle)
{
    uint32_t whole = 0, part = 0, nothing = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_options o = sim_options_default(seed);
        struct sim *sim = sim_open(&o);
        struct sim_node *node = sim_node_add(sim, "node", "a");
        struct dummy d = {0};
        sim_node_start(node, 1, dummy_open, &d);
        struct write_job w = {.job = {.run = run_write}};
        env_submit(d.env, &w.job);
        sim_node_kill(node);
        cr_assert(sim_run_for_ms(sim, 10));
        cr_assert_eq(d.jobs_done, 0);
        whole += w.records == 10;
        part += w.records > 0 && w.records < 10;
        nothing += w.records == 0;
        sim_close(sim);
    }
    cr_assert_gt(whole, 0);
    cr_assert_gt(part, 0);
    cr_assert_gt(nothing, 0);
}

Test(sim_world, a_stalled_disk_runs_no_job_and_a_full_one_says_so)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct dummy d = {0};
    sim_node_start(node, 1, dummy_open, &d);
    sim_disk_stall(node, 500 * 1000);
    struct write_job w = {.job = {.run = run_write}};
    env_submit(d.env, &w.job);
    cr_assert(sim_run_for_ms(sim, 400));
    cr_assert_eq(d.jobs_done, 0);
    cr_assert(sim_run_for_ms(sim, 200));
    cr_assert_eq(d.jobs_done, 1);
    cr_assert_eq(w.job.rc, 0);

    struct write_job next = {.job = {.run = run_write}};
    sim_disk_limit(node, sim_disk_used(node) + RECORD_SIZE);
    cr_assert_eq(sim_node_fs(node)->ops->unlink(sim_node_fs(node), "/f"), 0);
    sim_disk_limit(node, 3 * RECORD_SIZE);
    env_submit(d.env, &next.job);
    cr_assert(sim_run_for_ms(sim, 200));
    cr_assert_eq(next.job.rc, -ERR_FULL);
    cr_assert_eq(next.records, 3);
    sim_close(sim);
}

Test(sim_world, what_lies_below_a_broken_path_fails_until_it_is_whole_again)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct dummy d = {0};
    sim_node_start(node, 1, dummy_open, &d);
    const struct {
        const char *broken;
        int rc;
    } steps[] = {{"/g", 0}, {"/f", -ERR_IO}, {"/", -ERR_IO}, {NULL, 0}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct write_job w = {.job = {.run = run_write}};
        (void)sim_node_fs(node)->ops->unlink(sim_node_fs(node), "/f"); /* The harness's own. */
        sim_disk_break(node, steps[i].broken);
        env_submit(d.env, &w.job);
        cr_assert(sim_run_for_ms(sim, 200));
        cr_expect_eq(w.job.rc, steps[i].rc, "broken: %s", steps[i].broken);
    }
    cr_expect_eq(sim_counts(sim)->io_errors, 2);
    sim_close(sim);
}

Test(sim_world, a_boot_changes_after_a_power_cut_and_the_device_after_a_wipe)
{
    struct sim_options o = sim_options_default(1);
    struct sim *sim = sim_open(&o);
    struct sim_node *node = sim_node_add(sim, "node", "a");
    struct fs *fs = sim_node_fs(node);
    char marks[4][64];
    cr_assert_eq(fs->ops->boot_mark(fs, "/", marks[0], sizeof marks[0]), 0);
    struct dummy d = {0};
    sim_node_start(node, 1, dummy_open, &d);
    sim_node_kill(node);
    cr_assert_eq(fs->ops->boot_mark(fs, "/", marks[1], sizeof marks[1]), 0);
    sim_node_power_cut(node);
    cr_assert_eq(fs->ops->boot_mark(fs, "/", marks[2], sizeof marks[2]), 0);
    sim_disk_wipe(node);
    cr_assert_eq(fs->ops->boot_mark(fs, "/", marks[3], sizeof marks[3]), 0);
    cr_assert_str_eq(marks[0], marks[1]);
    cr_assert_str_neq(marks[1], marks[2]);
    cr_assert_str_neq(marks[2], marks[3]);
    sim_close(sim);
}

/* ---- The seed. ---- */

static uint64_t trace_of(uint64_t seed)
{
    struct sim_options o = sim_options_draw(seed);
    o.reset_ppm = 1000;
    o.loss_ppm = 10000;
    struct pair p;
    pair_open(&p, &o);
    for (uint32_t i = 0; i < 100; i++) {
        send_number(&p.c, i);
        cr_assert(sim_run_for_ms(p.sim, 1));
    }
    sim_node_kill(p.server);
    cr_assert(sim_run_for_ms(p.sim, 1000));
    uint64_t hash = sim_trace_hash(p.sim);
    sim_close(p.sim);
    return hash;
}

Test(sim_world, same_seed_same_trace)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t hash = trace_of(seed);
        cr_assert_eq(trace_of(seed), hash);
        cr_assert_neq(trace_of(seed + 1000), hash);
    }
}
