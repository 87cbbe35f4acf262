/* A log that is appended to, truncated, retained and flushed, under kills and power cuts at any
 * moment: what it holds is what was written last at each offset, nothing that was durable is
 * missing, and nothing at or past the watermark was deleted. The test is the owner, and does what
 * the broker does: it remembers a recovery point, and after a truncation appends nothing before
 * that says no more than is left (broker/partition/partition.c). */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/files.h"
#include "journal/journal.h"
#include "journal/scan.h"
#include "tests/sim/sim_world.h"

#define DIR "/data"
#define PARTITION DIR "/t-0"
#define OFFSETS_MAX 400000
#define BATCH_MAX 4
#define SEEDS 200

/* Beside those of the journal: the owner trusts a recovery point that is older than a truncation.
 */
#define CANARY_STALE_POINT (1u << 31)

struct rig {
    struct sim *sim;
    struct sim_node *node;
    struct env *env;
    struct journal *j;
    struct prng prng;
    uint32_t canary;
    uint32_t *ids;   /* Which record was written there last. */
    bool *is_within; /* And that it does not begin a batch. */
    uint32_t id_last;
    int64_t durable, watermark, start, point;
    int32_t epoch;
    bool is_whole;
    bool is_changing; /* A truncation to `cut_to` is under way: nothing is appended. */
    int64_t cut_to;
    uint64_t power_cuts, truncations, retired;
    char broken[512];
};

static bool breaks(struct rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool breaks(struct rig *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (r->broken[0] == 0) (void)vsnprintf(r->broken, sizeof r->broken, format, args);
    va_end(args);
    return false;
}

/* ---- What the owner does ---- */

static void append(struct rig *r)
{
    int64_t base = journal_assigned(r->j);
    int32_t count = (int32_t)prng_range(&r->prng, 1, BATCH_MAX);
    if (base + count > OFFSETS_MAX) return;
    struct record_spec specs[BATCH_MAX] = {0};
    uint8_t values[BATCH_MAX][40];
    for (int32_t i = 0; i < count; i++) {
        uint32_t id = ++r->id_last;
        r->ids[base + i] = id;
        r->is_within[base + i] = i > 0;
        memset(values[i], (int)(id & 0xff), sizeof values[i]);
        memcpy(values[i], &id, sizeof id);
        specs[i].value = slice_of(values[i], sizeof values[i]);
        specs[i].timestamp_ms = env_wall_ms(r->env);
    }
    struct batch_spec spec = batch_spec_of(specs, count);
    spec.base_offset = base;
    spec.partition_leader_epoch = r->epoch;
    struct writer out = writer_with(1 << 16);
    kafka_batch_build(&spec, &out);
    struct record_batch_header header;
    cr_assert_eq(kafka_batch_peek(writer_slice(&out), &header), BATCH_OK);
    struct buf *buf = buf_of(writer_slice(&out));
    journal_append(r->j, buf, 0, buf->size, &header);
    buf_unref(buf);
    writer_close(&out);
}

/* Watermarks and truncations lie between batches. */
static int64_t boundary(const struct rig *r, int64_t offset)
{
    if (offset == journal_assigned(r->j)) return offset;
    while (offset > 0 && r->is_within[offset]) offset--;
    return offset;
}

static void retain(struct rig *r)
{
    struct journal_retention retention = {.wall_ms = env_wall_ms(r->env),
                                          .retention_ms = -1,
                                          .retention_bytes = 3000,
                                          .limit = r->watermark};
    int64_t start = journal_retire(r->j, &retention);
    if (start <= journal_start(r->j)) return;
    if (start > r->watermark) {
        (void)breaks(r, "it is to begin at %" PRId64 ", past the watermark %" PRId64, start,
                     r->watermark);
        return;
    }
    r->retired++;
    journal_set_start(r->j, start);
    r->start = start; /* Remembered at once. */
    journal_forget_below(r->j, start);
}

static void truncate_somewhere(struct rig *r)
{
    int64_t end = journal_assigned(r->j);
    if (end <= r->watermark) return;
    r->truncations++;
    r->is_changing = true;
    r->epoch++;
    int64_t to = r->watermark + (int64_t)prng_range(&r->prng, 0, (uint64_t)(end - r->watermark));
    to = r->cut_to = journal_truncate(r->j, boundary(r, to));
    if (r->durable > to) r->durable = to;
}

/* It says no more than is left before anything is appended. */
static void on_truncated(struct rig *r)
{
    r->is_changing = false;
    if ((r->canary & CANARY_STALE_POINT) != 0) return;
    if (r->point > journal_assigned(r->j)) r->point = journal_assigned(r->j);
}

static void live_on(struct rig *r)
{
    uint64_t dice = prng_range(&r->prng, 0, 99);
    if (dice < 70) append(r);
    if (dice < 6) journal_sync(r->j);
    if (dice == 70) truncate_somewhere(r);
    if (dice >= 71 && dice < 75) retain(r);
    journal_flush(r->j);
    journal_check(r->j);
    int64_t written = journal_written(r->j);
    if (dice >= 80 && written > r->watermark)
        r->watermark = boundary(
            r, r->watermark + (int64_t)prng_range(&r->prng, 0, (uint64_t)(written - r->watermark)));
    r->durable = journal_durable(r->j);
    if (dice >= 90 && r->durable > r->point) r->point = r->durable;
}

static void on_opened(struct rig *r)
{
    int64_t end = journal_assigned(r->j);
    r->is_changing = false;
    if (end < r->durable)
        (void)breaks(r, "it ends at %" PRId64 ", and %" PRId64 " was durable", end, r->durable);
    if (r->watermark > end) r->watermark = end;
    if (r->watermark < journal_start(r->j)) r->watermark = journal_start(r->j);
}

static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct rig *r = actor;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind != ENV_JOB_DONE) continue;
        unsigned news = journal_on_job(r->j, events[i].job);
        if ((news & JOURNAL_NEWS_OPENED) != 0 && journal_state_of(r->j) == JOURNAL_OPEN)
            on_opened(r);
        if ((news & JOURNAL_NEWS_TRUNCATED) != 0) on_truncated(r);
    }
    if (journal_state_of(r->j) == JOURNAL_FAILED) {
        (void)breaks(r, "it has failed: %s", journal_why(r->j));
        return ENV_NEVER;
    }
    if (journal_state_of(r->j) == JOURNAL_OPEN && !r->is_changing) live_on(r);
    return env_now_ms(r->env) + prng_range(&r->prng, 1, 3);
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
        .segment_bytes = 900,
        .segment_ms = INT64_MAX,
        .index_interval_bytes = 100,
        .segment_index_bytes = 1024 * 1024,
        .is_whole = r->is_whole,
        .recovery_point = r->point,
        .start_offset = r->start,
        .canary = r->canary & ~CANARY_STALE_POINT,
        .owner = r,
    };
    r->j = journal_open(r->env, &o);
    *out = (struct sim_process){.process = r, .close = close_process};
    out->turns[0] = turn;
    out->actors[0] = r;
}

/* ---- The check ---- */

static bool look_at_batch(struct rig *r, const struct scan *s, int64_t end)
{
    if (batch_last_offset(&s->header) >= end) return true;
    if (kafka_batch_check_crc(s->batch) != BATCH_OK)
        return breaks(r, "the checksum at %" PRId64 " is wrong", s->header.base_offset);
    struct record_cursor cursor = kafka_batch_records(s->batch);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        uint32_t id = 0;
        if (record.value.size >= sizeof id) memcpy(&id, record.value.at, sizeof id);
        if (id != r->ids[record.offset])
            return breaks(r, "the record at %" PRId64 " is not what was written last",
                          record.offset);
    }
    return true;
}

static void add_log(void *arg, const struct fs_entry *entry)
{
    int64_t base = 0;
    if (files_parse_as(entry->name, ".log", &base)) bases_add(arg, base);
}

/* Every batch up to what is written lies there, none is missing between them. */
static bool check(struct rig *r)
{
    struct fs *fs = sim_node_fs(r->node);
    struct bases logs = {0};
    int64_t end = journal_written(r->j), seen = -1;
    if (r->is_changing && end > r->cut_to) end = r->cut_to;
    bool ok = fs->ops->list(fs, PARTITION, add_log, &logs) == 0;
    bases_sort(&logs);
    for (uint32_t i = 0; ok && i < logs.count && seen < end; i++) {
        struct path path = files_segment(PARTITION, logs.items[i], ".log");
        struct scan_source source = {.fs = fs};
        uint64_t size = 0;
        cr_assert_eq(fs->ops->open(fs, path.text, FS_READ, &source.file), 0);
        cr_assert_eq(fs->ops->size(fs, source.file, &size), 0);
        struct scan s = scan_of(source, logs.items[i], 0, size, logs.items[i]);
        s.is_whole = true;
        if (seen >= 0 && logs.items[i] != seen)
            ok = breaks(r, "%s begins where nothing ends", path.text);
        int rc = 0;
        seen = logs.items[i];
        while (ok && seen < end && (rc = scan_next(&s)) == 1) {
            if (s.header.base_offset != seen) ok = breaks(r, "a hole at %" PRId64, seen);
            ok = ok && look_at_batch(r, &s, end);
            seen = s.offset_min;
        }
        if (rc < 0) ok = breaks(r, "%s is not sound at byte %" PRIu64, path.text, s.at);
        scan_close(&s);
        fs->ops->close(fs, source.file);
    }
    bases_close(&logs);
    if (ok && seen < end && end > journal_start(r->j))
        ok = breaks(r, "it ends at %" PRId64 " and not at %" PRId64, seen, end);
    return ok;
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
    if (!sim_run_while_not(r->sim, is_open, r, sim_now_us(r->sim) + 60000000))
        return breaks(r, "it does not open");
    return r->broken[0] == 0;
}

static void crash(struct rig *r)
{
    bool is_power_cut = prng_range(&r->prng, 0, 1) == 0;
    if (is_power_cut) {
        r->power_cuts++;
        sim_node_power_cut(r->node);
        sim_node_boot(r->node);
    } else {
        sim_node_kill(r->node);
    }
    r->is_whole = !is_power_cut;
}

/* True if every promise was kept. */
static bool live(uint64_t seed, uint32_t canary, struct rig *r)
{
    struct sim_options options = sim_options_default(seed);
    options.job_delay = (struct sim_range){50, 4000};
    options.disk_bytes = 1 << 28;
    options.log_min = LOG_ERROR;
    *r = (struct rig){.sim = sim_open(&options), .canary = canary, .is_whole = true, .epoch = 1};
    r->ids = calloc(OFFSETS_MAX, sizeof *r->ids);
    r->is_within = calloc(OFFSETS_MAX, sizeof *r->is_within);
    r->node = sim_node_add(r->sim, "node", "host");
    r->prng = sim_prng(r->sim, 7);
    struct fs *fs = sim_node_fs(r->node);
    cr_assert_eq(fs->ops->mkdir(fs, DIR), 0);
    cr_assert_eq(fs->ops->sync_dir(fs, "/"), 0);
    bool ok = true;
    for (int i = 0; ok && i < 12; i++) {
        ok = start(r) && check(r);
        uint64_t pieces = prng_range(&r->prng, 1, 6);
        for (uint64_t k = 0; ok && k < pieces; k++) {
            ok = sim_run_for_ms(r->sim, prng_range(&r->prng, 5, 120));
            ok = ok && r->broken[0] == 0 && check(r);
        }
        if (ok) crash(r);
    }
    sim_close(r->sim);
    free(r->ids);
    free(r->is_within);
    return ok;
}

Test(journal_life, holds_what_was_written_last_whatever_crashes)
{
    struct rig r;
    uint64_t power_cuts = 0, truncations = 0, retired = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        cr_assert(live(seed, 0, &r), "seed %" PRIu64 ": %s", seed, r.broken);
        power_cuts += r.power_cuts;
        truncations += r.truncations;
        retired += r.retired;
    }
    cr_assert_gt(power_cuts, 100);
    cr_assert_gt(truncations, 100);
    cr_assert_gt(retired, 100);
}

/* Each is caught by the seed that caught it when it was last looked for, or by another one. */
static bool is_caught(uint32_t canary, uint64_t seed, struct rig *r)
{
    if (!live(seed, canary, r)) return true;
    for (uint64_t other = 1; other <= 1000; other++) {
        if (live(other, canary, r)) continue;
        printf("seed %" PRIu64 " catches it, and no longer %" PRIu64 "\n", other, seed);
        return true;
    }
    return false;
}

Test(journal_life, retention_past_the_watermark_is_noticed)
{
    struct rig r;
    cr_assert(is_caught(JOURNAL_CANARY_RETIRE_PAST, 1, &r));
    cr_assert_not_null(strstr(r.broken, "past the watermark"), "%s", r.broken);
}

Test(journal_life, an_index_that_is_believed_beyond_its_log_is_noticed)
{
    struct rig r;
    cr_assert(is_caught(JOURNAL_CANARY_INDEX_BEYOND, 14, &r));
    printf("%s\n", r.broken);
}

Test(journal_life, a_recovery_point_older_than_a_truncation_is_noticed)
{
    struct rig r;
    cr_assert(is_caught(CANARY_STALE_POINT, 23, &r));
    printf("%s\n", r.broken);
}
