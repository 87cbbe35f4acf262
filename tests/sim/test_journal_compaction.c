/* Compaction under kills and power cuts at any moment: whatever happens, what the log says of each
 * key is what everything that was ever written to it says. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/files.h"
#include "journal/journal.h"
#include "journal/scan.h"
#include "proto/kafka_compress.h"
#include "proto/kafka_rebatch.h"
#include "tests/sim/sim_world.h"

#define DIR "/data"
#define PARTITION DIR "/t-0"
#define RECORDS_MAX 200000
#define KEYS 60
#define PRODUCERS 3
#define RETENTION_MS 150
#define CODECS 5

/* One record that was written: the reference. */
struct fact {
    uint8_t key;
    bool is_tombstone;
    uint32_t value;
    int64_t wall_ms;
};

struct rig {
    struct sim *sim;
    struct sim_node *node;
    struct env *env;
    struct journal *j;
    struct prng prng;
    uint32_t canary;
    struct fact *facts;
    int64_t durable; /* Before the power went. */
    int64_t cleaned; /* As a checkpoint file would say it. */
    int64_t recovery_point;
    bool is_whole;
    int64_t producer_ends[PRODUCERS]; /* Last offset of its last batch; -1: none. */
    uint64_t passes, swaps_seen, power_cuts, opens;
    char broken[512]; /* Of a check: why. */
};

/* ---- Writing ---- */

static struct buf *build(struct rig *r, int64_t base, int32_t count, int producer,
                         struct record_batch_header *header)
{
    struct record_spec specs[8] = {0};
    uint8_t keys[8][2];
    uint8_t values[8][24];
    for (int32_t i = 0; i < count; i++) {
        struct fact *f = &r->facts[base + i];
        *f = (struct fact){.key = (uint8_t)prng_range(&r->prng, 0, KEYS - 1),
                           .is_tombstone = prng_range(&r->prng, 0, 4) == 0,
                           .value = (uint32_t)prng_range(&r->prng, 0, UINT32_MAX),
                           .wall_ms = env_wall_ms(r->env)};
        keys[i][0] = 'k';
        keys[i][1] = f->key;
        memset(values[i], 'v', sizeof values[i]);
        memcpy(values[i], &f->value, sizeof f->value);
        specs[i].key = slice_of(keys[i], sizeof keys[i]);
        if (!f->is_tombstone) specs[i].value = slice_of(values[i], sizeof values[i]);
        specs[i].timestamp_ms = f->wall_ms;
    }
    struct batch_spec spec = batch_spec_of(specs, count);
    spec.base_offset = base;
    spec.partition_leader_epoch = 1;
    if (producer >= 0) {
        spec.producer_id = 100 + producer;
        spec.producer_epoch = 0;
        spec.base_sequence = (int32_t)(base & INT32_MAX);
    }
    struct writer plain = writer_with(1 << 20);
    struct writer out = writer_with(1 << 20);
    kafka_batch_build(&spec, &plain);
    cr_assert(writer_ok(&plain));
    cr_assert_eq(kafka_batch_peek(writer_slice(&plain), header), BATCH_OK);
    struct record_batch_header packed = *header;
    packed.attributes |= (int16_t)prng_range(&r->prng, 0, CODECS - 1);
    struct rebatch again = rebatch_begin(&packed, -1, 1 << 20);
    struct record_cursor cursor = kafka_batch_records(writer_slice(&plain));
    struct record record;
    while (kafka_record_next(&cursor, &record)) rebatch_add(&again, &record);
    cr_assert(rebatch_write(&again, &out));
    cr_assert_eq(kafka_batch_peek(writer_slice(&out), header), BATCH_OK);
    struct buf *buf = buf_of(writer_slice(&out));
    rebatch_close(&again);
    writer_close(&plain);
    writer_close(&out);
    return buf;
}

static void append(struct rig *r)
{
    int64_t base = journal_assigned(r->j);
    int32_t count = (int32_t)prng_range(&r->prng, 1, 6);
    int producer = (int)prng_range(&r->prng, 0, 2 * PRODUCERS) - PRODUCERS;
    if (base + count > RECORDS_MAX) return;
    struct record_batch_header header;
    struct buf *buf = build(r, base, count, producer, &header);
    journal_append(r->j, buf, 0, buf->size, &header);
    if (producer >= 0 && producer < PRODUCERS) r->producer_ends[producer] = base + count - 1;
    buf_unref(buf);
}

static void needs(void *observer, void (*add)(void *arg, int64_t last_offset), void *arg)
{
    const struct rig *r = observer;
    for (int i = 0; i < PRODUCERS; i++) {
        if (r->producer_ends[i] >= 0) add(arg, r->producer_ends[i]);
    }
}

static void clean(struct rig *r)
{
    struct journal_cleaning how = {
        .wall_ms = env_wall_ms(r->env),
        .delete_retention_ms = RETENTION_MS,
        .max_lag_ms = INT64_MAX,
        .limit = journal_written(r->j),
        .map_bytes = prng_range(&r->prng, 0, 1) == 0 ? 0 : 1 << 20,
    };
    if (journal_dirt(r->j, &how).dirty_bytes > 0) (void)journal_clean(r->j, &how);
}

/* ---- The process ---- */

static bool breaks(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void on_opened(struct rig *r)
{
    if (journal_state_of(r->j) != JOURNAL_OPEN) return;
    int64_t end = journal_assigned(r->j);
    if (end < r->durable) {
        (void)breaks(r, "it ends at %" PRId64 ", and %" PRId64 " were durable", end, r->durable);
    }
    /* What is lost was never said to be there. */
    for (int i = 0; i < PRODUCERS; i++) {
        if (r->producer_ends[i] >= end) r->producer_ends[i] = -1;
    }
}

static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct rig *r = actor;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind != ENV_JOB_DONE) continue;
        unsigned news = journal_on_job(r->j, events[i].job);
        if ((news & JOURNAL_NEWS_CLEANED) != 0) r->passes++;
        if ((news & JOURNAL_NEWS_OPENED) != 0) on_opened(r);
        if (journal_state_of(r->j) == JOURNAL_FAILED) {
            if (r->broken[0] == 0) {
                (void)snprintf(r->broken, sizeof r->broken, "%s", journal_why(r->j));
            }
            return ENV_NEVER;
        }
    }
    if (journal_state_of(r->j) == JOURNAL_OPEN) {
        uint64_t dice = prng_range(&r->prng, 0, 99);
        if (dice < 60) append(r);
        if (dice < 4) journal_sync(r->j);
        if (dice >= 90) clean(r);
        journal_flush(r->j);
        journal_check(r->j);
        r->durable = journal_durable(r->j);
        r->cleaned = journal_cleaned(r->j);
        if (dice == 50) r->recovery_point = r->durable;
    }
    return env_now_ms(r->env) + prng_range(&r->prng, 1, 3);
}

static void close_process(void *process)
{
    struct rig *r = process;
    journal_close(r->j, true);
    r->j = NULL;
}

static void open_process(void *arg, struct sim_node *node, struct env *const *envs,
                         uint32_t actor_count, struct sim_process *out)
{
    struct rig *r = arg;
    (void)node;
    cr_assert_eq(actor_count, 1);
    r->env = envs[0];
    struct journal_options o = {
        .dir = PARTITION,
        .lane = 1,
        .segment_bytes = 900,
        .segment_ms = INT64_MAX,
        .index_interval_bytes = 100,
        .segment_index_bytes = 1024 * 1024,
        .is_whole = r->is_whole,
        .recovery_point = r->recovery_point,
        .needs = needs,
        .observer = r,
        .cleaned = r->cleaned,
        .canary = r->canary,
        .owner = r,
    };
    r->j = journal_open(r->env, &o);
    r->opens++;
    *out = (struct sim_process){.process = r, .close = close_process};
    out->turns[0] = turn;
    out->actors[0] = r;
}

/* ---- The check ---- */

static bool breaks(struct rig *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (r->broken[0] == 0) (void)vsnprintf(r->broken, sizeof r->broken, format, args);
    va_end(args);
    return false;
}

struct seen {
    int64_t at[KEYS]; /* Offset of the newest record of the key that is there; -1: none. */
    bool producer_end[PRODUCERS];
    int64_t end;
};

static bool look_at_record(struct rig *r, struct seen *seen, const struct record *record)
{
    const struct fact *f = &r->facts[record->offset];
    uint32_t value = 0;
    if (record->value.size >= sizeof value) memcpy(&value, record->value.at, sizeof value);
    bool same = record->key.size == 2 && record->key.at[1] == f->key &&
                (record->value.at == NULL) == f->is_tombstone &&
                (f->is_tombstone || value == f->value) && record->timestamp_ms == f->wall_ms;
    if (!same) return breaks(r, "the record at %" PRId64 " is not what it was", record->offset);
    seen->at[f->key] = record->offset;
    return true;
}

static bool look_at_batch(struct rig *r, struct seen *seen, const struct scan *s, int64_t end)
{
    const struct record_batch_header *h = &s->header;
    if (kafka_batch_check_crc(s->batch) != BATCH_OK) return breaks(r, "a checksum is wrong");
    if (batch_last_offset(h) >= end) return true;
    struct writer plain = writer_with(1 << 20);
    struct slice packed =
        slice_of(s->batch.at + BATCH_HEADER_SIZE, s->batch.size - BATCH_HEADER_SIZE);
    bool ok = h->record_count == 0 || kafka_unpack(batch_codec(h), packed, &plain);
    if (!ok) ok = breaks(r, "a batch does not unpack");
    struct record_cursor cursor = kafka_records_of(writer_slice(&plain), h);
    struct record record;
    while (ok && kafka_record_next(&cursor, &record)) ok = look_at_record(r, seen, &record);
    writer_close(&plain);
    for (int i = 0; i < PRODUCERS; i++) {
        bool is_it = batch_last_offset(h) == r->producer_ends[i] && h->producer_id == 100 + i;
        if (is_it) seen->producer_end[i] = true;
    }
    return ok;
}

static void add_log(void *arg, const struct fs_entry *entry)
{
    int64_t base = 0;
    if (files_parse_as(entry->name, ".log", &base)) bases_add(arg, base);
}

static bool look(struct rig *r, struct seen *seen, int64_t end)
{
    struct fs *fs = sim_node_fs(r->node);
    struct bases logs = {0};
    bool ok = fs->ops->list(fs, PARTITION, add_log, &logs) == 0;
    bases_sort(&logs);
    for (int i = 0; i < KEYS; i++) seen->at[i] = -1;
    for (uint32_t i = 0; ok && i < logs.count; i++) {
        struct path path = files_segment(PARTITION, logs.items[i], ".log");
        struct scan_source source = {.fs = fs};
        uint64_t size = 0;
        cr_assert_eq(fs->ops->open(fs, path.text, FS_READ, &source.file), 0);
        cr_assert_eq(fs->ops->size(fs, source.file, &size), 0);
        struct scan s = scan_of(source, logs.items[i], 0, size, logs.items[i]);
        s.is_whole = true;
        int rc = 0;
        while (ok && (rc = scan_next(&s)) == 1) ok = look_at_batch(r, seen, &s, end);
        if (rc < 0) ok = breaks(r, "%s is not sound at byte %" PRIu64, path.text, s.at);
        seen->end = s.offset_min;
        if (ok && i + 1 < logs.count && s.offset_min != logs.items[i + 1]) {
            ok = breaks(r, "%s ends at %" PRId64, path.text, s.offset_min);
        }
        scan_close(&s);
        fs->ops->close(fs, source.file);
    }
    bases_close(&logs);
    return ok;
}

/* Everything below `end` that was ever written, folded, against what the files say. */
static bool check(struct rig *r)
{
    struct seen seen = {0};
    int64_t end = journal_written(r->j);
    int64_t newest[KEYS];
    if (!look(r, &seen, end)) return false;
    for (int i = 0; i < KEYS; i++) newest[i] = -1;
    for (int64_t o = 0; o < end; o++) newest[r->facts[o].key] = o;
    for (int i = 0; i < KEYS; i++) {
        if (newest[i] == seen.at[i]) continue;
        if (newest[i] < 0) return breaks(r, "key %d was never written", i);
        const struct fact *f = &r->facts[newest[i]];
        if (!f->is_tombstone || seen.at[i] >= 0) {
            return breaks(r,
                          "key %d: the newest of its records is at %" PRId64 " and not at %" PRId64,
                          i, seen.at[i], newest[i]);
        }
        if (env_wall_ms(r->env) < f->wall_ms + RETENTION_MS) {
            return breaks(r, "key %d: its tombstone at %" PRId64 " went too early", i, newest[i]);
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        bool is_there = r->producer_ends[i] < 0 || r->producer_ends[i] >= end;
        if (!is_there && !seen.producer_end[i]) {
            return breaks(r, "the last batch of producer %d, which ends at %" PRId64 ", is gone", i,
                          r->producer_ends[i]);
        }
    }
    return true;
}

/* ---- Running ---- */

static bool is_open(void *arg)
{
    const struct rig *r = arg;
    if (r->broken[0] != 0) return true;
    return r->j != NULL && journal_state_of(r->j) == JOURNAL_OPEN;
}

static bool start(struct rig *r)
{
    sim_node_start(r->node, 1, open_process, r);
    bool opened = sim_run_while_not(r->sim, is_open, r, sim_now_us(r->sim) + 60000000);
    if (!opened) return breaks(r, "it does not open");
    if (r->broken[0] != 0) return false;
    return true;
}

static void crash(struct rig *r)
{
    bool is_power_cut = prng_range(&r->prng, 0, 1) == 0;
    if (is_power_cut) {
        r->power_cuts++;
        sim_node_power_cut(r->node);
        sim_node_boot(r->node);
    } else {
        /* What was written is there, synced or not. */
        r->durable = 0;
        sim_node_kill(r->node);
    }
    r->is_whole = !is_power_cut;
}

/* True if every promise was kept. */
static bool live(uint64_t seed, uint32_t canary, int episodes, struct rig *r)
{
    struct sim_options options = sim_options_default(seed);
    options.job_delay = (struct sim_range){50, 4000};
    options.disk_bytes = 1 << 28;
    options.log_min = LOG_ERROR;
    *r = (struct rig){.sim = sim_open(&options), .canary = canary, .is_whole = true};
    r->facts = calloc(RECORDS_MAX, sizeof *r->facts);
    r->node = sim_node_add(r->sim, "node", "host");
    r->prng = sim_prng(r->sim, 7);
    r->recovery_point = 0;
    for (int i = 0; i < PRODUCERS; i++) r->producer_ends[i] = -1;
    struct fs *fs = sim_node_fs(r->node);
    cr_assert_eq(fs->ops->mkdir(fs, DIR), 0);
    cr_assert_eq(fs->ops->sync_dir(fs, "/"), 0);
    bool ok = true;
    for (int i = 0; ok && i < episodes; i++) {
        ok = start(r) && check(r);
        uint64_t pieces = prng_range(&r->prng, 1, 6);
        for (uint64_t k = 0; ok && k < pieces; k++) {
            ok = sim_run_for_ms(r->sim, prng_range(&r->prng, 5, 120));
            if (ok && r->broken[0] != 0) ok = false;
            ok = ok && check(r);
        }
        if (ok) crash(r);
    }
    if (!ok) printf("seed %" PRIu64 ": %s\n", seed, r->broken);
    sim_close(r->sim);
    free(r->facts);
    return ok;
}

Test(journal_compaction, says_of_each_key_what_was_written_last_whatever_crashes)
{
    struct rig r;
    uint64_t passes = 0, power_cuts = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        cr_assert(live(seed, 0, 12, &r), "seed %" PRIu64 ": %s", seed, r.broken);
        passes += r.passes;
        power_cuts += r.power_cuts;
    }
    cr_assert_gt(passes, 200);
    cr_assert_gt(power_cuts, 100);
}

static bool some_seed_breaks(uint32_t canary, struct rig *r)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        if (!live(seed, canary, 20, r)) return true;
    }
    return false;
}

Test(journal_compaction, a_segment_swapped_in_without_its_fsync_is_noticed)
{
    struct rig r;
    cr_assert(some_seed_breaks(JOURNAL_CANARY_SWAP_UNSYNCED, &r));
}

Test(journal_compaction, a_tombstone_that_is_dropped_too_early_is_noticed)
{
    struct rig r;
    cr_assert(some_seed_breaks(JOURNAL_CANARY_DROP_EARLY, &r));
    cr_assert_not_null(strstr(r.broken, "too early"), "%s", r.broken);
}
