/* The options of the world: calm ones, and ones that a seed draws. */
#include "tests/sim/sim_world.h"

struct sim_options sim_options_default(uint64_t seed)
{
    return (struct sim_options){
        .seed = seed,
        .latency = {50, 300},
        .latency_local = {5, 40},
        .tail = {1000, 20000},
        .retransmit = {200000, 400000},
        .window_bytes = 256 * 1024,
        .tcp_timeout = {15000000, 30000000},
        .turn_delay = {1, 60},
        .freeze = {100000, 3000000},
        .post_delay = {1, 200},
        .die_delay = {0, 3000},
        .job_delay = {5, 100},
        .job_done_delay = {1, 60},
        .sync_cost = {100, 3000},
        .disk_bytes = 1ull << 40,
        .log_min = LOG_INFO,
    };
}

static uint64_t pick(struct prng *prng, const uint64_t *of, uint32_t count)
{
    return of[prng_range(prng, 0, count - 1)];
}
#define PICK(prng, ...)                         \
    pick(prng, (const uint64_t[]){__VA_ARGS__}, \
         (uint32_t)(sizeof(const uint64_t[]){__VA_ARGS__} / sizeof(uint64_t)))

struct sim_options sim_options_draw(uint64_t seed)
{
    struct sim_options o = sim_options_default(seed);
    struct prng prng = prng_from_seed(seed ^ 0x6f7074696f6e73u);
    struct prng *p = &prng;
    o.latency.min_us = PICK(p, 10, 50, 200, 1000);
    o.latency.max_us = o.latency.min_us + PICK(p, 20, 200, 2000, 20000);
    /* Every rate is zero in many runs: what one fault hides, its absence shows. */
    o.tail_ppm = (uint32_t)PICK(p, 0, 100, 2000, 20000);
    o.tail.max_us = PICK(p, 5000, 50000, 300000);
    o.loss_ppm = (uint32_t)PICK(p, 0, 0, 100, 2000, 10000);
    o.reset_ppm = (uint32_t)PICK(p, 0, 0, 20, 200, 1000);
    o.bytes_per_ms = (uint32_t)PICK(p, 0, 0, 10000, 100000);
    o.window_bytes = (uint32_t)PICK(p, 16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024);
    o.heal_reset_ppm = (uint32_t)PICK(p, 0, 250000, 1000000);
    o.turn_delay.max_us = PICK(p, 2, 60, 500, 3000);
    o.freeze_ppm = (uint32_t)PICK(p, 0, 0, 10, 100);
    o.freeze.max_us = PICK(p, 200000, 1500000, 6000000);
    o.post_delay.max_us = PICK(p, 2, 200, 1000);
    o.die_delay.max_us = PICK(p, 1, 3000, 20000);
    o.job_delay.max_us = PICK(p, 10, 100, 1000, 5000);
    o.job_done_delay.max_us = PICK(p, 2, 60, 1000);
    o.sync_cost.min_us = PICK(p, 10, 100, 1000);
    o.sync_cost.max_us = o.sync_cost.min_us + PICK(p, 100, 3000, 15000);
    o.read_again_ppm = (uint32_t)PICK(p, 0, 1000, 100000, 1000000);
    o.wall_skew_max_ms = (int64_t)PICK(p, 0, 10, 1000, 600000);
    return o;
}

void sim_options_print(const struct sim_options *o, FILE *to)
{
#define N(field) (unsigned long long)o->field
    (void)fprintf(to, "world: latency %llu-%llu us, tail %llu ppm <= %llu us, loss %llu ppm, ",
                  N(latency.min_us), N(latency.max_us), N(tail_ppm), N(tail.max_us), N(loss_ppm));
    (void)fprintf(to, "reset %llu ppm, heal reset %llu ppm, %llu bytes/ms, window %llu\n",
                  N(reset_ppm), N(heal_reset_ppm), N(bytes_per_ms), N(window_bytes));
    (void)fprintf(to, "world: turn <= %llu us, freeze %llu ppm <= %llu us, post <= %llu us, ",
                  N(turn_delay.max_us), N(freeze_ppm), N(freeze.max_us), N(post_delay.max_us));
    (void)fprintf(to, "dying <= %llu us, job <= %llu + %llu us, sync %llu-%llu us, ",
                  N(die_delay.max_us), N(job_delay.max_us), N(job_done_delay.max_us),
                  N(sync_cost.min_us), N(sync_cost.max_us));
    (void)fprintf(to, "cold reads %llu ppm, io errors %llu ppm, wall skew <= %llu ms\n",
                  N(read_again_ppm), N(io_error_ppm), N(wall_skew_max_ms));
#undef N
}
