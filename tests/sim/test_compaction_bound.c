/* How large a compacted log becomes while it is being written: at every turn at most twice its live
 * data, and the active segment; and after every pass, and every crash, it says of each key what was
 * written last. The rule is the broker's (broker/cleaner.c): a closed segment is looked at at once,
 * and a pass begins when more than min.cleanable.dirty.ratio of what can be compacted is new.
 *
 * It holds where segments are small beside the live data (an eighth), the ratio is small enough
 * (0.3), and passes keep up: less than an eighth of the live data is written while one is under
 * way. Before a pass there are live / (1 - ratio), and a segment that has just been closed; a group
 * of segments is there twice while it is swapped. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/files.h"
#include "journal/journal.h"
#include "journal/scan.h"
#include "tests/sim/sim_world.h"

#define DIR "/data"
#define PARTITION DIR "/t-0"
#define KEYS 10000
#define BATCH 100 /* Records of each. */
#define VALUE_BYTES 40
#define UPDATES_MAX 1000000
#define SEGMENT_BYTES (64u * 1024)
#define DIRTY_PART 3000 /* min.cleanable.dirty.ratio=0.3 */

/* What has been written: the reference. A record's value is its offset. */
struct reference {
    uint16_t *keys; /* Of each offset. */
    int64_t end;
    int64_t newest[KEYS]; /* -1: none. */
    uint32_t size[KEYS];  /* Of that record. */
    uint16_t *living;     /* Of each batch: records of it that are the newest, no tombstones. */
    uint64_t
        live_bytes; /* Of all that compaction has to leave: those, and their batches' headers. */
};

struct rig {
    struct sim *sim;
    struct sim_node *node;
    struct env *env;
    struct journal *j;
    struct prng prng;
    struct reference ref;
    int64_t updates; /* To be written. */
    uint32_t dirty_part;
    int64_t cleaned, recovery_point, looked;
    bool is_whole, is_stale;            /* A pass is over: what it left is to be looked at. */
    uint64_t passes, crashes, most_ppm; /* The largest log so far, in parts of what is allowed. */
    char broken[256];
};

static bool is_tombstone(int64_t offset)
{
    return offset % 47 == 0;
}

/* ---- The reference ---- */

static void forget_newest(struct reference *f, uint32_t key)
{
    int64_t old = f->newest[key];
    if (old < 0 || is_tombstone(old)) return;
    f->live_bytes -= f->size[key];
    if (--f->living[old / BATCH] == 0) f->live_bytes -= BATCH_HEADER_SIZE;
}

static void note(struct reference *f, int64_t offset, uint32_t key, uint32_t size)
{
    forget_newest(f, key);
    f->keys[offset] = (uint16_t)key;
    f->newest[key] = offset;
    f->size[key] = size;
    f->end = offset + 1;
    if (is_tombstone(offset)) return;
    f->live_bytes += size;
    if (f->living[offset / BATCH]++ == 0) f->live_bytes += BATCH_HEADER_SIZE;
}

/* All is as if nothing had been written from `end` on. */
static void rewind_to(struct reference *f, int64_t end)
{
    uint32_t size = f->size[0];
    for (uint32_t key = 0; key < KEYS; key++) f->newest[key] = -1;
    memset(f->living, 0, UPDATES_MAX / BATCH * sizeof *f->living);
    f->live_bytes = 0;
    for (int64_t o = 0; o < end; o++) note(f, o, f->keys[o], size);
    f->end = end;
}

/* ---- Writing ---- */

static void append(struct rig *r)
{
    struct record_spec specs[BATCH] = {0};
    char keys[BATCH][12], values[BATCH][VALUE_BYTES + 1];
    int64_t base = journal_assigned(r->j);
    cr_assert_eq(base % BATCH, 0);
    for (int32_t i = 0; i < BATCH; i++) {
        uint32_t key = (uint32_t)prng_range(&r->prng, 0, KEYS - 1);
        (void)snprintf(keys[i], sizeof keys[i], "key-%05" PRIu32, key);
        (void)snprintf(values[i], sizeof values[i], "%0*" PRId64, VALUE_BYTES, base + i);
        specs[i].key = slice_of(keys[i], strlen(keys[i]));
        if (!is_tombstone(base + i)) specs[i].value = slice_of(values[i], VALUE_BYTES);
        specs[i].timestamp_ms = env_wall_ms(r->env);
        /* Length, attributes, deltas, lengths of key and value, no headers; at the most. */
        note(&r->ref, base + i, key, (uint32_t)(specs[i].key.size + VALUE_BYTES + 7));
    }
    struct batch_spec spec = batch_spec_of(specs, BATCH);
    spec.base_offset = base;
    spec.partition_leader_epoch = 1;
    struct writer out = writer_with(1 << 20);
    kafka_batch_build(&spec, &out);
    struct record_batch_header header;
    cr_assert_eq(kafka_batch_peek(writer_slice(&out), &header), BATCH_OK);
    struct buf *buf = buf_of(writer_slice(&out));
    journal_append(r->j, buf, 0, buf->size, &header);
    buf_unref(buf);
    writer_close(&out);
}

/* As broker/partition/steps.c and broker/cleaner.c do. */
static void maybe_clean(struct rig *r)
{
    int64_t base = journal_active_base(r->j);
    if (journal_is_cleaning(r->j) || base == r->looked) return;
    if (journal_durable(r->j) < base) {
        journal_sync_sealed(r->j);
        return;
    }
    struct journal_cleaning how = {.wall_ms = env_wall_ms(r->env),
                                   .max_lag_ms = INT64_MAX,
                                   .limit = journal_written(r->j),
                                   .map_bytes = 1 << 20};
    struct journal_dirt dirt = journal_dirt(r->j, &how);
    r->looked = base;
    if (journal_dirt_need(&dirt, r->dirty_part) > 0) (void)journal_clean(r->j, &how);
}

static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct rig *r = actor;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind != ENV_JOB_DONE) continue;
        unsigned news = journal_on_job(r->j, events[i].job);
        if ((news & JOURNAL_NEWS_OPENED) != 0) rewind_to(&r->ref, journal_assigned(r->j));
        if ((news & JOURNAL_NEWS_CLEANED) == 0) continue;
        r->passes++;
        r->is_stale = true;
        r->looked = -1;
    }
    if (journal_state_of(r->j) != JOURNAL_OPEN) return ENV_NEVER;
    if (count == 0 && r->ref.end < r->updates) append(r);
    journal_flush(r->j);
    maybe_clean(r);
    r->cleaned = journal_cleaned(r->j);
    r->recovery_point = journal_durable(r->j);
    return env_now_ms(r->env) + prng_range(&r->prng, 4, 8);
}

/* ---- The process ---- */

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
        .segment_bytes = SEGMENT_BYTES,
        .segment_ms = INT64_MAX,
        .index_interval_bytes = 4096,
        .segment_index_bytes = 1024 * 1024,
        .is_whole = r->is_whole,
        .recovery_point = r->recovery_point,
        .cleaned = r->cleaned,
        .owner = r,
    };
    r->looked = -1;
    r->j = journal_open(r->env, &o);
    *out = (struct sim_process){.process = r, .close = close_process};
    out->turns[0] = turn;
    out->actors[0] = r;
}

/* ---- The checks ---- */

struct sizes {
    struct fs *fs;
    uint64_t all; /* Of all that holds records, whatever it is called now. */
    int64_t active_base;
    uint64_t active;
    struct bases logs;
};

static void add_size(void *arg, const struct fs_entry *entry)
{
    struct sizes *z = arg;
    if (strstr(entry->name, ".log") == NULL) return;
    int64_t base = 0;
    char path[256];
    struct file *file = NULL;
    uint64_t size = 0;
    (void)snprintf(path, sizeof path, PARTITION "/%s", entry->name);
    cr_assert_eq(z->fs->ops->open(z->fs, path, FS_READ, &file), 0);
    cr_assert_eq(z->fs->ops->size(z->fs, file, &size), 0);
    z->fs->ops->close(z->fs, file);
    z->all += size;
    if (!files_parse_as(entry->name, ".log", &base)) return;
    bases_add(&z->logs, base);
    if (base < z->active_base) return;
    z->active_base = base;
    z->active = size;
}

static struct sizes sizes_now(struct rig *r)
{
    struct sizes z = {.fs = sim_node_fs(r->node), .active_base = -1};
    cr_assert_eq(z.fs->ops->list(z.fs, PARTITION, add_size, &z), 0);
    bases_sort(&z.logs);
    return z;
}

static void check_size(struct rig *r)
{
    struct sizes z = sizes_now(r);
    bases_close(&z.logs);
    /* A log of a few segments cannot be a fraction of them. */
    uint64_t live = r->ref.live_bytes > 8 * SEGMENT_BYTES ? r->ref.live_bytes : 8 * SEGMENT_BYTES;
    uint64_t allowed = 2 * live + z.active;
    uint64_t ppm = z.all * 1000000 / allowed;
    if (ppm > r->most_ppm) r->most_ppm = ppm;
    if (z.all <= allowed || r->broken[0] != 0) return;
    (void)snprintf(r->broken, sizeof r->broken,
                   "at offset %" PRId64 " it has %" PRIu64 " bytes, %" PRIu64
                   " of them active, with %" PRIu64 " live",
                   r->ref.end, z.all, z.active, r->ref.live_bytes);
}

static bool says_the_same(struct rig *r, const struct record *record)
{
    char value[VALUE_BYTES + 1], key[12];
    (void)snprintf(key, sizeof key, "key-%05u", r->ref.keys[record->offset]);
    (void)snprintf(value, sizeof value, "%0*" PRId64, VALUE_BYTES, record->offset);
    if (!slice_equal(record->key, slice_of(key, strlen(key)))) return false;
    if (is_tombstone(record->offset)) return record->value.at == NULL;
    return slice_equal(record->value, slice_of(value, VALUE_BYTES));
}

static void fold_file(struct rig *r, int64_t base, int64_t *newest)
{
    struct fs *fs = sim_node_fs(r->node);
    struct path path = files_segment(PARTITION, base, ".log");
    struct scan_source source = {.fs = fs};
    uint64_t size = 0;
    cr_assert_eq(fs->ops->open(fs, path.text, FS_READ, &source.file), 0);
    cr_assert_eq(fs->ops->size(fs, source.file, &size), 0);
    struct scan s = scan_of(source, base, 0, size, base);
    s.is_whole = true;
    while (scan_next(&s) == 1 && batch_last_offset(&s.header) < r->ref.end) {
        cr_assert_eq(kafka_batch_check_crc(s.batch), BATCH_OK);
        struct record_cursor cursor = kafka_batch_records(s.batch);
        struct record record;
        while (kafka_record_next(&cursor, &record)) {
            if (!says_the_same(r, &record))
                (void)snprintf(r->broken, sizeof r->broken, "%" PRId64 " is not what it was",
                               record.offset);
            newest[r->ref.keys[record.offset]] = record.offset;
        }
    }
    scan_close(&s);
    fs->ops->close(fs, source.file);
}

static void check_fold(struct rig *r)
{
    static int64_t newest[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) newest[i] = -1;
    struct sizes z = sizes_now(r);
    for (uint32_t i = 0; i < z.logs.count; i++) fold_file(r, z.logs.items[i], newest);
    bases_close(&z.logs);
    for (uint32_t i = 0; i < KEYS; i++) {
        int64_t expected = r->ref.newest[i];
        bool is_gone = newest[i] < 0 && expected >= 0 && is_tombstone(expected);
        if (newest[i] == expected || is_gone || r->broken[0] != 0) continue;
        /* The last batches may not be written yet. */
        if (expected >= journal_written(r->j)) continue;
        (void)snprintf(r->broken, sizeof r->broken,
                       "key %" PRIu32 ": its newest record is at %" PRId64 " and not at %" PRId64,
                       i, newest[i], expected);
    }
}

static void after_turn(void *arg, struct sim_node *node, uint32_t actor)
{
    struct rig *r = arg;
    (void)node;
    (void)actor;
    if (r->j == NULL || journal_state_of(r->j) != JOURNAL_OPEN) return;
    check_size(r);
    if (r->is_stale) check_fold(r);
    r->is_stale = false;
}

/* ---- Running ---- */

static bool is_over(void *arg)
{
    const struct rig *r = arg;
    if (r->broken[0] != 0) return true;
    return r->j != NULL && r->ref.end >= r->updates && !journal_is_cleaning(r->j);
}

static void crash(struct rig *r)
{
    bool is_power_cut = prng_range(&r->prng, 0, 1) == 0;
    r->crashes++;
    if (is_power_cut) {
        sim_node_power_cut(r->node);
        sim_node_boot(r->node);
    } else {
        sim_node_kill(r->node);
    }
    r->is_whole = !is_power_cut;
    r->is_stale = true; /* Looked at as soon as it is open. */
}

/* crash_ms: a crash so often; 0: none. */
static void live(struct rig *r, uint64_t seed, int64_t updates, uint64_t crash_ms)
{
    struct sim_options options = sim_options_default(seed);
    options.job_delay = (struct sim_range){50, 400};
    options.disk_bytes = 1 << 28;
    options.log_min = LOG_ERROR;
    options.arg = r;
    options.after_turn = after_turn;
    *r = (struct rig){
        .sim = sim_open(&options), .updates = updates, .dirty_part = DIRTY_PART, .is_whole = true};
    r->ref.keys = calloc(UPDATES_MAX, sizeof *r->ref.keys);
    r->ref.living = calloc(UPDATES_MAX / BATCH, sizeof *r->ref.living);
    r->node = sim_node_add(r->sim, "node", "host");
    r->prng = sim_prng(r->sim, 7);
    struct fs *fs = sim_node_fs(r->node);
    cr_assert_eq(fs->ops->mkdir(fs, DIR), 0);
    cr_assert_eq(fs->ops->sync_dir(fs, "/"), 0);
    sim_node_start(r->node, 1, open_process, r);
    while (!is_over(r)) {
        uint64_t limit_us = crash_ms == 0
                                ? UINT64_MAX
                                : sim_now_us(r->sim) + prng_range(&r->prng, 0, 2 * crash_ms * 1000);
        if (sim_run_while_not(r->sim, is_over, r, limit_us)) break;
        cr_assert_null(sim_violated(r->sim), "%s", sim_violated(r->sim));
        crash(r);
        sim_node_start(r->node, 1, open_process, r);
    }
    if (r->broken[0] == 0) check_fold(r);
    printf("seed %" PRIu64 ": %" PRIu64 " passes, %" PRIu64 " crashes, at most %" PRIu64
           ".%02" PRIu64 " %% of what is allowed, %" PRIu64 " live; %s\n",
           seed, r->passes, r->crashes, r->most_ppm / 10000, r->most_ppm / 100 % 100,
           r->ref.live_bytes, r->broken);
    sim_close(r->sim);
    free(r->ref.keys);
    free(r->ref.living);
}

Test(compaction_bound, a_million_updates_stay_within_twice_the_live_data_and_the_active_segment)
{
    static struct rig r;
    live(&r, 1, UPDATES_MAX, 0);
    cr_assert_eq(r.broken[0], 0, "%s", r.broken);
    cr_assert_gt(r.passes, 100);
    cr_assert_gt(r.most_ppm, 500000, "it was not near it");
}

Test(compaction_bound, so_they_do_where_it_crashes_at_any_moment)
{
    static struct rig r;
    uint64_t crashes = 0;
    for (uint64_t seed = 2; seed <= 5; seed++) {
        live(&r, seed, 100000, 700);
        cr_assert_eq(r.broken[0], 0, "seed %" PRIu64 ": %s", seed, r.broken);
        crashes += r.crashes;
    }
    cr_assert_gt(crashes, 20);
}
