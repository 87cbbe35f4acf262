#include "tests/sim/disk_faults.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/shard.h"
#include "broker/state.h"
#include "common/check.h"
#include "tests/sim/disk_log.h"

#define LOOK_MS 250
#define FULL_SLACK_BYTES 20000
#define UNLIMITED_BYTES (1ull << 40)

bool disk_fault_holds(enum fault_kind kind)
{
    return kind != FAULT_fill_broker && kind != FAULT_fill_controller && kind != FAULT_rot;
}

/* ---- What a replica has ---- */

/* One batch of it, any. */
struct place {
    struct prng *prng;
    const struct disk_log *log;
    int64_t closed_below; /* The segment that begins there is written to. */
    uint64_t seen;
    int64_t segment;
    uint64_t at;
    size_t size;
    bool is_sound;
};

static bool see_batch(void *arg, struct slice batch, const struct record_batch_header *header)
{
    struct place *x = arg;
    (void)header;
    if (kafka_batch_check_crc(batch) != BATCH_OK) x->is_sound = false;
    if (x->prng == NULL || x->log->segment >= x->closed_below) return x->is_sound;
    if (prng_range(x->prng, 0, x->seen++) > 0) return x->is_sound;
    x->segment = x->log->segment;
    x->at = x->log->at - batch.size;
    x->size = batch.size;
    return x->is_sound;
}

static void see_segment(void *arg, const struct fs_entry *entry)
{
    int64_t *last = arg;
    size_t size = strlen(entry->name);
    if (size != 24 || strcmp(entry->name + 20, ".log") != 0) return;
    int64_t base = strtoll(entry->name, NULL, 10);
    if (base > *last) *last = base;
}

/* Has it everything up to `end`, in batches that are what they say? */
static bool is_sound(struct cluster_node *n, const char *topic, int32_t number, int64_t end)
{
    char dir[120];
    cluster_folder(n, topic, number, dir, sizeof dir);
    struct place x = {.is_sound = true};
    struct disk_log log = {0};
    bool is_there = disk_log_read(&log, sim_node_fs(n->node), dir, INT64_MAX, see_batch, &x);
    return is_there && x.is_sound && log.next >= end;
}

/* A place in it, below the watermark and in a segment that nobody writes to. */
static bool draw_place(struct prng *prng, struct cluster_node *n, const struct partition *p,
                       struct cluster_rot *out)
{
    char dir[120];
    cluster_folder(n, p->topic, p->key.partition, dir, sizeof dir);
    struct fs *fs = sim_node_fs(n->node);
    struct disk_log log = {0};
    struct place x = {.prng = prng, .log = &log, .is_sound = true};
    if (fs->ops->list(fs, dir, see_segment, &x.closed_below) != 0) return false;
    (void)disk_log_read(&log, fs, dir, p->replica.high_watermark, see_batch, &x);
    if (x.seen == 0 || !x.is_sound) return false;

    *out = (struct cluster_rot){.broker = n->index, .number = p->key.partition};
    (void)snprintf(out->topic, sizeof out->topic, "%.31s", p->topic);
    (void)snprintf(out->path, sizeof out->path, "%s/%020" PRId64 ".log", dir, x.segment);
    /* Offset and leader epoch are outside of the checksum: nobody can tell those. */
    const uint64_t own_bytes = 12;
    do out->at = x.at + prng_range(prng, 8, x.size - 1);
    while (out->at - x.at >= own_bytes && out->at - x.at < own_bytes + 4);
    return true;
}

/* ---- Rot ---- */

static bool read_byte(struct cluster_node *n, const struct cluster_rot *rot, uint8_t *out)
{
    struct fs *fs = sim_node_fs(n->node);
    struct file *file = NULL;
    size_t got = 0;
    if (fs->ops->open(fs, rot->path, FS_READ, &file) != 0) return false;
    int rc = fs->ops->pread(fs, file, out, 1, rot->at, &got);
    fs->ops->close(fs, file);
    return rc == 0 && got == 1;
}

void disk_faults_look(struct nemesis *n)
{
    struct cluster *c = n->cluster;
    for (uint32_t i = 0; i < c->rot_count;) {
        uint8_t byte;
        struct cluster_node *node = &c->brokers[c->rots[i].broker];
        if (read_byte(node, &c->rots[i], &byte) && byte == c->rots[i].byte) {
            i++;
        } else {
            c->rots[i] = c->rots[--c->rot_count];
        }
    }
    for (uint32_t i = 0; i < n->count; i++) {
        struct fault *f = n->faults[i];
        if (f->kind != FAULT_rot || f->is_over) continue;
        bool is_there = false;
        for (uint32_t k = 0; k < c->rot_count; k++) {
            is_there = is_there || c->rots[k].broker == f->a->index;
        }
        if (is_there) continue;
        f->is_over = true;
        f->to_us = nemesis_now_us(n);
    }
}

/* Another member of the ISR is up, is what the metadata speak of, and has everything. */
static bool has_sound_copy(struct nemesis *n, const struct meta_topic *t,
                           const struct meta_partition *p, int32_t number, int32_t id)
{
    bool has_one = false;
    for (uint32_t i = 0; i < p->isr.count; i++) {
        struct cluster_node *other = &n->cluster->brokers[p->isr.ids[i] - 1];
        if (p->isr.ids[i] == id) continue;
        if (cluster_is_rotten(n->cluster, other, t->name, number)) return false;
        const struct meta_broker *b = meta_broker_find(&n->oracles->truth, p->isr.ids[i]);
        const struct shard *s = other->broker.shards[0];
        if (b == NULL || s == NULL || s->broker_epoch != b->epoch) continue;
        uint32_t part = history_part(n->oracles->history, t->id, t->name, number);
        int64_t end = n->oracles->history->parts[part].committed_end;
        has_one = has_one || is_sound(other, t->name, number, end);
    }
    return has_one;
}

static const struct partition *find_replica(const struct cluster_node *n, struct uuid topic_id,
                                            int32_t number)
{
    for (uint32_t i = 0; i < n->cluster->options.shard_count; i++) {
        const struct shard *s = n->broker.shards[i];
        const struct partition *p = s == NULL ? NULL : shard_partition(s, topic_id, number);
        if (p != NULL && p->state == PARTITION_READY) return p;
    }
    return NULL;
}

/* Nobody has lost anything that the metadata do not know of. */
static bool is_anything_lost(const struct nemesis *n)
{
    for (uint32_t i = 0; i < n->cluster->options.broker_count; i++) {
        if (n->cluster->brokers[i].has_lost) return true;
    }
    return false;
}

static bool strike_rot(struct nemesis *n, struct cluster_node *node)
{
    struct cluster *c = n->cluster;
    if (is_anything_lost(n) || c->rot_count == CLUSTER_ROTS_MAX) return false;

    const struct meta_topic *chosen = NULL;
    int32_t number = -1;
    uint64_t seen = 0;
    int32_t id = (int32_t)node->index + 1;
    for (const struct meta_topic *t = n->oracles->truth.topics_by_name; t != NULL;
         t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count && t->name[0] != '_'; i++) {
            if (!id_set_has(&t->partitions[i].isr, id) || t->partitions[i].isr.count < 2) continue;
            if (prng_range(&n->disk_prng, 0, seen++) > 0) continue;
            chosen = t;
            number = (int32_t)i;
        }
    }
    if (chosen == NULL || cluster_is_rotten(c, node, chosen->name, number)) return false;
    const struct partition *p = find_replica(node, chosen->id, number);
    if (p == NULL || !has_sound_copy(n, chosen, &chosen->partitions[number], number, id))
        return false;
    struct cluster_rot *rot = &c->rots[c->rot_count];
    if (!draw_place(&n->disk_prng, node, p, rot)) return false;
    uint32_t bit = (uint32_t)prng_range(&n->disk_prng, 0, 7);
    CHECK(sim_disk_flip(node->node, rot->path, rot->at, bit) == 0);
    CHECK(read_byte(node, rot, &rot->byte));
    c->rot_count++;
    c->has_rotten = true;
    nemesis_strike(n, FAULT_rot, node, NULL, 0);
    return true;
}

/* ---- The others ---- */

static bool is_filling(enum fault_kind kind)
{
    return kind == FAULT_fill_broker || kind == FAULT_fill_controller;
}

void disk_fault_begin(struct fault *f)
{
    struct nemesis *n = f->nemesis;
    struct cluster_node *node = f->a;
    if (f->kind == FAULT_rot) return; /* It has happened. */
    if (is_filling(f->kind)) {
        bool is_quite_full = prng_chance(&n->disk_prng, 1, 2);
        uint64_t slack = is_quite_full ? 0 : prng_range(&n->disk_prng, 0, FULL_SLACK_BYTES);
        node->is_full = true;
        node->full_until_us = UINT64_MAX / 2;
        sim_disk_limit(node->node, sim_disk_used(node->node) + slack);
        return;
    }
    node->is_broken = true;
    bool has_two = node->is_broker && n->cluster->options.log_dir_count > 1;
    bool is_second = has_two && prng_chance(&n->disk_prng, 1, 2);
    sim_disk_break(node->node, is_second ? CLUSTER_LOG_DIR_2 : CLUSTER_LOG_DIR);
}

void disk_fault_end(struct fault *f)
{
    struct cluster_node *node = f->a;
    if (f->kind == FAULT_rot) {
        f->is_over = false; /* Until the bytes are others. */
        f->to_us = UINT64_MAX;
        return;
    }
    if (is_filling(f->kind)) {
        node->is_full = false;
        node->full_until_us = nemesis_now_us(f->nemesis);
        sim_disk_limit(node->node, UNLIMITED_BYTES);
        /* A broker refuses what it cannot write; a controller ends. */
        f->is_harmless = node->is_broker;
        if (!node->is_broker && node->busy == 0) cluster_start(node);
        return;
    }
    node->is_broken = false;
    sim_disk_break(node->node, NULL);
    sim_node_kill(node->node);
    cluster_start(node);
}

/* ---- The schedule ---- */

static enum fault_kind draw_kind(struct nemesis *n)
{
    const uint32_t *weights = n->cluster->options.weights;
    uint64_t sum = 0;
    for (uint32_t i = FAULT_DISK_FIRST; i < FAULT_KIND_COUNT; i++) sum += weights[i];
    uint64_t at = sum == 0 ? 0 : prng_range(&n->disk_prng, 0, sum - 1);
    for (uint32_t i = FAULT_DISK_FIRST; i < FAULT_KIND_COUNT; i++) {
        if (at < weights[i]) return (enum fault_kind)i;
        at -= weights[i];
    }
    return FAULT_fill_broker;
}

static void strike(struct nemesis *n)
{
    struct cluster *c = n->cluster;
    enum fault_kind kind = draw_kind(n);
    bool is_broker = kind != FAULT_fill_controller && kind != FAULT_dead_controller;
    uint32_t count = is_broker ? c->options.broker_count : c->options.controller_count;
    uint32_t index = (uint32_t)prng_range(&n->disk_prng, 0, count - 1);
    struct cluster_node *node = is_broker ? &c->brokers[index] : &c->controllers[index];
    uint64_t length_us = prng_range(&n->disk_prng, 20, c->options.fault_length_ms + 20) * 1000;
    if (node->busy > 0 || node->is_full || node->is_broken) return;
    if (sim_node_state(node->node) != SIM_RUNNING) return;
    if (kind == FAULT_rot) {
        n->done[kind] += strike_rot(n, node);
        return;
    }
    n->done[kind]++;
    nemesis_strike(n, kind, node, NULL, length_us);
}

static void next_strike(void *nemesis)
{
    struct nemesis *n = nemesis;
    if (n->is_over) return;

    strike(n);
    uint64_t pause_ms = n->cluster->options.disk_pause_ms;
    uint64_t wait_us = prng_range(&n->disk_prng, 1, 2 * pause_ms) * 1000;
    sim_at(n->cluster->sim, nemesis_now_us(n) + wait_us, next_strike, n);
}

/* What has ended for want of room is begun again, as an operator would. */
static void start_ended(struct nemesis *n)
{
    for (uint32_t i = 0; i < n->cluster->options.controller_count; i++) {
        struct cluster_node *node = &n->cluster->controllers[i];
        if (node->busy == 0 && !node->is_full && !node->is_broken) cluster_start(node);
    }
}

static void look_again(void *nemesis)
{
    struct nemesis *n = nemesis;
    disk_faults_look(n);
    start_ended(n);
    sim_at(n->cluster->sim, nemesis_now_us(n) + LOOK_MS * 1000, look_again, n);
}

void disk_faults_open(struct nemesis *n)
{
    n->disk_prng = sim_prng(n->cluster->sim, 9100);
    if (n->cluster->options.disk_pause_ms == 0) return;
    sim_at(n->cluster->sim, nemesis_now_us(n) + 2000 * 1000, next_strike, n);
    sim_at(n->cluster->sim, nemesis_now_us(n) + 1000 * 1000, look_again, n);
}
