/* What a run is made of, drawn from its seed. Every choice that hides another is absent in many
 * runs. */
#include <string.h>

#include "common/check.h"
#include "tests/sim/cluster.h"

static uint64_t pick(struct prng *prng, const uint64_t *of, uint32_t count)
{
    return of[prng_range(prng, 0, count - 1)];
}
#define PICK(prng, ...)                         \
    pick(prng, (const uint64_t[]){__VA_ARGS__}, \
         (uint32_t)(sizeof(const uint64_t[]){__VA_ARGS__} / sizeof(uint64_t)))

static uint32_t pick32(struct prng *prng, uint64_t min, uint64_t max)
{
    return (uint32_t)prng_range(prng, min, max);
}

static void draw_controller(struct cluster_options *o, struct prng *p)
{
    struct controller_options *c = &o->controller;
    controller_options_default(c);
    c->raft_heartbeat_ms = (uint32_t)PICK(p, 20, 50, 50, 100);
    c->election_timeout_min_ms = c->raft_heartbeat_ms * (uint32_t)PICK(p, 4, 6, 10);
    c->election_timeout_max_ms = c->election_timeout_min_ms * 2;
    c->broker_session_timeout_ms = (uint32_t)PICK(p, 600, 1500, 1500, 4000);
    c->broker_heartbeat_interval_ms = c->broker_session_timeout_ms / 5;
    c->hang_ms = (uint32_t)PICK(p, 600, 1500, 3000);
    c->snapshot_entries = PICK(p, 20, 100, 500, 20000);
    c->snapshot_bytes = PICK(p, 4096, 65536, 8u << 20);
    c->ring_bytes = RING_MIN_BYTES;
}

static void draw_broker(struct cluster_options *o, struct prng *p)
{
    struct broker_options *b = &o->broker;
    broker_options_default(b);
    b->scrub_bytes_per_s = 0; /* It would only change what every seed means. */
    b->session_ms = o->controller.broker_session_timeout_ms;
    b->heartbeat_ms = o->controller.broker_heartbeat_interval_ms;
    b->lease_ms = b->session_ms * 2 / 3;
    b->replica_hang_ms = (uint32_t)PICK(p, 400, 1000, 1000, 3000);
    b->replica_lag_max_ms = (uint32_t)PICK(p, 1000, 5000, 30000);
    b->replica_fetch_wait_ms = b->replica_hang_ms / (uint32_t)PICK(p, 2, 4);
    b->replica_fetch_max_bytes = (uint32_t)PICK(p, 2000, 2000, 20000, 1 << 20);
    b->fetch_sessions_max = (uint32_t)PICK(p, 4, 1000, 1000);
    b->requests_in_flight_max = (uint32_t)PICK(p, 5, 64);
    b->auto_create_topics = false;
    b->stop_max_ms = 5000;
    b->ring_bytes = RING_MIN_BYTES;
}

/* The cluster's defaults at its birth, as every broker's properties file has them. */
static void fill_seeds(struct cluster_options *o)
{
    struct broker_options *b = &o->broker;
    (void)snprintf(b->seeds[b->seed_count++], sizeof b->seeds[0], "min.insync.replicas=%u",
                   o->min_isr);
    (void)snprintf(b->seeds[b->seed_count++], sizeof b->seeds[0], "log.segment.bytes=%u",
                   o->segment_bytes);
}

static void draw_topics(struct cluster_options *o, struct prng *p)
{
    o->topic_count = pick32(p, 1, CLUSTER_TOPICS_MAX);
    for (uint32_t i = 0; i < o->topic_count; i++) {
        o->partition_count[i] = pick32(p, 1, 4);
        uint32_t rf = prng_chance(p, 3, 4) ? 3 : pick32(p, 1, CLUSTER_BROKERS_MAX);
        o->replication_factor[i] = rf < o->broker_count ? rf : o->broker_count;
        o->topic_min_isr[i] = prng_chance(p, 1, 2) ? 0 : pick32(p, 1, o->replication_factor[i]);
        o->topic_flushes[i] = prng_chance(p, 1, 6);
    }
}

static void draw_faults(struct cluster_options *o, struct prng *p)
{
    o->fault_pause_ms = (uint32_t)PICK(p, 300, 1000, 2000, 4000, 8000);
    o->fault_length_ms = (uint32_t)PICK(p, 500, 2000, 5000, 10000);
    for (uint32_t k = 0; k < FAULT_DISK_FIRST; k++) {
        o->weights[k] = prng_chance(p, 1, 2) ? 0 : pick32(p, 1, 10);
    }
    /* One run in sixteen is calm: what happens there has no excuse. */
    if (prng_chance(p, 1, 16)) {
        o->fault_pause_ms = 0;
        o->world = sim_options_default(o->seed);
    }
}

/* Who may lose its power, or its disk, and what the topics are like then. */
static void draw_power(struct cluster_options *o, struct prng *p)
{
    o->power = (enum power)PICK(p, POWER_STAYS, POWER_STAYS, POWER_ONE, POWER_ONE, POWER_ANY);
    if (o->fault_pause_ms == 0) o->power = POWER_STAYS;
    if (o->power == POWER_ONE && o->broker_count < 2) o->power = POWER_STAYS;
    if (o->power != POWER_ONE) o->weights[FAULT_power_cut] = o->weights[FAULT_wipe_broker] = 0;
    if (o->power != POWER_ONE) o->weights[FAULT_wipe_joining] = 0;
    if (o->power != POWER_ANY) o->weights[FAULT_power_cut_any] = 0;
    if (o->controller_count < 3) o->weights[FAULT_wipe_controller] = 0;
    if (o->power == POWER_ONE && o->min_isr < 2) o->min_isr = 2;
    for (uint32_t i = 0; i < o->topic_count; i++) {
        if (o->power == POWER_ANY) o->topic_flushes[i] = true;
        if (o->power != POWER_ONE) continue;
        if (o->replication_factor[i] < 2) o->replication_factor[i] = 2;
        if (o->topic_min_isr[i] == 1) o->topic_min_isr[i] = 2;
    }
}

/* A third of the runs have disks that fill up, fail and rot; from a generator of their own, so that
 * the other runs are what they were. */
static void draw_disks(struct cluster_options *o)
{
    struct prng prng = prng_from_seed(o->seed ^ 0x6469736b73u);
    struct prng *p = &prng;
    o->log_dir_count = 1;
    bool has_any = prng_chance(p, 1, 3);
    if (!has_any || o->fault_pause_ms == 0) return;

    o->disk_pause_ms = (uint32_t)PICK(p, 1000, 3000, 8000);
    o->log_dir_count = (uint32_t)PICK(p, 1, 1, 2);
    for (uint32_t k = FAULT_DISK_FIRST; k < FAULT_KIND_COUNT; k++) {
        o->weights[k] = prng_chance(p, 1, 2) ? 0 : pick32(p, 1, 10);
    }
    o->broker.replica_cache_bytes = 0;
    o->broker.scrub_bytes_per_s = 1u << 20;
    o->broker.scrub_interval_ms = PICK(p, 1000, 5000);
}

/* Half of the runs have groups; not where all disks may lose what is not flushed, which the topic
 * of the offsets is not. */
static void draw_groups(struct cluster_options *o, struct prng *p)
{
    if (prng_chance(p, 1, 2) || o->power == POWER_ANY) return;

    struct groups_options *g = &o->broker.groups;
    o->group_count = pick32(p, 1, 2);
    o->member_count = o->group_count * pick32(p, 1, 3);
    g->topic_partitions = pick32(p, 1, 3);
    g->topic_replication = o->broker_count < 3 ? o->broker_count : 3;
    g->topic_segment_bytes = (uint32_t)PICK(p, 2000, 20000, 1 << 20);
    g->initial_delay_ms = (uint32_t)PICK(p, 0, 50, 500);
    g->session_min_ms = 100;
    g->commit_timeout_ms = (uint32_t)PICK(p, 500, 2000, 5000);
    g->consumer.session_ms = 1500;
    g->consumer.session_min_ms = 100;
    g->consumer.heartbeat_ms = 300;
    g->consumer.heartbeat_min_ms = 100;
    struct prng protocols = prng_from_seed(o->seed ^ 0x6b69702d383438u);
    o->consumer_groups = (uint32_t)prng_range(&protocols, 0, 3);
    g->consumer.assignors[0] = (uint32_t)prng_range(&protocols, 0, 1);
    o->mixed_groups = (uint32_t)prng_range(&protocols, 0, 3);
    g->consumer.assignors[1] = 1 - g->consumer.assignors[0];
}

struct cluster_options cluster_options_draw(uint64_t seed)
{
    struct cluster_options o = {.seed = seed};
    struct prng prng = prng_from_seed(seed ^ 0x636c7573746572u);
    struct prng *p = &prng;
    o.world = sim_options_draw(seed);
    o.controller_count = (uint32_t)PICK(p, 3, 3, 3, 3, 1, 5);
    o.broker_count = (uint32_t)PICK(p, 3, 3, 3, 3, 3, 1, 2, 4, 5);
    o.shard_count = (uint32_t)PICK(p, 1, 1, 2);
    draw_controller(&o, p);
    draw_broker(&o, p);
    o.min_isr = prng_chance(p, 2, 3) ? 2 : pick32(p, 1, o.broker_count);
    o.segment_bytes = (uint32_t)PICK(p, 2000, 10000, 100000, 1 << 30);
    draw_topics(&o, p);
    o.producer_count = pick32(p, 2, 5);
    o.consumer_count = pick32(p, 1, 2);
    o.admin_pause_ms = (uint32_t)PICK(p, 0, 500, 2000, 5000);
    draw_faults(&o, p);
    draw_power(&o, p);
    fill_seeds(&o);
    draw_groups(&o, p);
    draw_disks(&o);
    o.duration_ms = 60 * 1000;
    o.duration_max_ms = 240 * 1000;
    o.acked_min = 1000;
    return o;
}

void cluster_options_print(const struct cluster_options *o, FILE *to)
{
    (void)fprintf(to, "seed %llu: %u controllers, %u brokers, %u shards each\n",
                  (unsigned long long)o->seed, o->controller_count, o->broker_count,
                  o->shard_count);
    sim_options_print(&o->world, to);
    const struct controller_options *c = &o->controller;
    (void)fprintf(to,
                  "controllers: heartbeat %u ms, election %u-%u ms, broker session %u ms, hang %u "
                  "ms, snapshot after %llu entries or %llu bytes\n",
                  c->raft_heartbeat_ms, c->election_timeout_min_ms, c->election_timeout_max_ms,
                  c->broker_session_timeout_ms, c->hang_ms, (unsigned long long)c->snapshot_entries,
                  (unsigned long long)c->snapshot_bytes);
    const struct broker_options *b = &o->broker;
    (void)fprintf(
        to,
        "brokers: heartbeat %u ms, lease %u ms, replica hang %u ms, lag %u ms, fetch wait "
        "%u ms, fetch %u bytes, %u fetch sessions, %u requests in flight\n",
        b->heartbeat_ms, b->lease_ms, b->replica_hang_ms, b->replica_lag_max_ms,
        b->replica_fetch_wait_ms, b->replica_fetch_max_bytes, b->fetch_sessions_max,
        b->requests_in_flight_max);
    (void)fprintf(to, "topics: min.insync.replicas %u, segments of %u bytes", o->min_isr,
                  o->segment_bytes);
    for (uint32_t i = 0; i < o->topic_count; i++) {
        (void)fprintf(to, "; t%u: %u partitions x %u", i, o->partition_count[i],
                      o->replication_factor[i]);
        if (o->topic_min_isr[i] != 0) (void)fprintf(to, ", min %u", o->topic_min_isr[i]);
        if (o->topic_flushes[i]) (void)fprintf(to, ", flushed");
    }
    (void)fprintf(to, "\nclients: %u producers, %u consumers, an admin each %u ms\n",
                  o->producer_count, o->consumer_count, o->admin_pause_ms);
    if (o->group_count > 0) {
        (void)fprintf(to,
                      "groups: %u (consumer protocol: %x, of both: %x) of %u members together, "
                      "initial delay %u ms, %u partitions, "
                      "segments of %u bytes, commits time out after %u ms\n",
                      o->group_count, o->consumer_groups, o->consumer_groups & o->mixed_groups,
                      o->member_count, b->groups.initial_delay_ms, b->groups.topic_partitions,
                      b->groups.topic_segment_bytes, b->groups.commit_timeout_ms);
    }
    if (o->disk_pause_ms > 0) {
        (void)fprintf(to, "disks: a fault each %u ms, %u log.dirs\n", o->disk_pause_ms,
                      o->log_dir_count);
    }
    (void)fprintf(to, "faults: each %u ms, <= %u ms;", o->fault_pause_ms, o->fault_length_ms);
    for (uint32_t k = 0; k < FAULT_KIND_COUNT && o->fault_pause_ms > 0; k++) {
        if (o->weights[k] > 0)
            (void)fprintf(to, " %s %u", fault_name((enum fault_kind)k), o->weights[k]);
    }
    (void)fprintf(to, "\n");
}
