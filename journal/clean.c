#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "journal/state.h"

#define PER_MYRIAD 10000u
#define OUT_MAX ((size_t)INT32_MAX + 1)

enum clean_phase { CLEAN_MAP, CLEAN_COPY, CLEAN_SWAP, CLEAN_DROP };

struct clean_work {
    struct work w;
    enum clean_phase phase;
    struct compaction *x; /* The journal's. */
    bool done;            /* There is no more for another job of this phase. */
};

static void submit(struct journal *j, enum clean_phase phase);

/* ---- The jobs ---- */

static void clean_run(struct fs *fs, struct job *job)
{
    struct clean_work *c = (struct clean_work *)job;
    struct compaction *x = c->x;
    c->done = true;
    int rc = 0;
    switch (c->phase) {
    case CLEAN_MAP: rc = compact_map(x, fs, &c->done); break;
    case CLEAN_COPY: rc = compact_copy(x, fs, &c->done); break;
    case CLEAN_SWAP: rc = compact_swap(x, fs); break;
    case CLEAN_DROP: rc = compact_drop(x, fs); break;
    }
    if (rc < 0) {
        (void)work_fail(
            &c->w, rc, "%s: segment %" PRId64 ", near byte %" PRIu64 ", offset %" PRId64, x->dir,
            x->sources[x->source < x->source_count ? x->source : x->source_count - 1].base, x->at,
            x->offset_min);
    }
    job->rc = rc;
}

/* ---- At home ---- */

static void report(struct journal *j, const char *how)
{
    const struct compaction *x = j->cleaning;
    char text[WORK_WHY_MAX + 256];
    int size = snprintf(text, sizeof text,
                        "%s; up to offset %" PRId64 ", %" PRIu64 " keys, %" PRIu64 " of %" PRIu64
                        " records and %" PRIu64 " of %" PRIu64 " bytes stay",
                        how, x->map_end, x->map.count, x->records_after, x->records_before,
                        x->bytes_after, x->bytes_before);
    CHECK(size > 0);
    free(j->clean_report);
    j->clean_report = strdup(text);
    CHECK(j->clean_report != NULL);
}

static void forget(struct journal *j)
{
    compact_close(j->cleaning);
    free(j->cleaning);
    j->cleaning = NULL;
}

/* The segments are as they were when the job began. */
static bool is_same(const struct journal *j, const struct work *w)
{
    const struct compaction *x = j->cleaning;
    if (j->state != JOURNAL_OPEN || w->generation != j->generation) return false;
    if (j->changing.kind != CHANGE_NONE || j->change_wanted.kind != CHANGE_NONE) return false;
    if (x->group_count == 0) return true;

    const struct compact_source *first = &x->sources[x->group_first];
    uint32_t at = journal_segment_index(j, first->base);
    if (at + x->group_count > j->segment_count) return false;
    for (uint32_t i = 0; i < x->group_count; i++) {
        if (j->segments[at + i]->c.base != first[i].base) return false;
    }
    return true;
}

/* It ends here, whatever the reason; what has been swapped in stays. */
static unsigned give_up(struct journal *j, const char *why)
{
    report(j, why);
    bool leaves_files = j->cleaning->group_count > 0 && j->state == JOURNAL_OPEN;
    if (leaves_files) {
        submit(j, CLEAN_DROP);
        return 0;
    }
    forget(j);
    return JOURNAL_NEWS_CLEANED;
}

static unsigned on_failed(struct journal *j, struct clean_work *c)
{
    int rc = c->w.job.rc;
    char why[WORK_WHY_MAX + 32];
    (void)snprintf(why, sizeof why, "%s (%s)", c->w.why, err_text(rc));
    if (rc == -ERR_CORRUPT || rc == -ERR_LIMIT) j->is_uncleanable = true;
    /* Of what could not be synced nobody knows what is on the disk. */
    bool is_final = c->phase == CLEAN_SWAP || rc == -ERR_IO;
    return is_final ? journal_fail(j, "cannot compact %s", why) : give_up(j, why);
}

/* The group's segments become one. */
static void install(struct journal *j)
{
    struct compaction *x = j->cleaning;
    uint32_t at = journal_segment_index(j, x->c.base);
    struct segment *s = j->segments[at];
    CHECK(s->c.base == x->c.base);
    int64_t *bases = calloc(x->group_count, sizeof *bases);
    CHECK(bases != NULL);
    for (uint32_t i = 0; i < x->group_count; i++) {
        bases[i] = x->sources[x->group_first + i].base;
        journal_scrub_again(j, bases[i]);
    }

    segment_close_file(j, s);
    contents_close(&s->c);
    index_close(&x->c.offsets);
    index_close(&x->c.times);
    s->c = x->c;
    x->c = (struct contents){0};
    s->is_indexed = false;
    s->log_dirty = false;
    s->index_dirty = false;
    s->looked_ms = 0;
    journal_drop_segments(j, at + 1, x->group_count - 1);
    tail_cut_head(&j->tail, s->c.end_offset);
    lookups_clear(j);
    j->layout++;
    sweep_now(j, bases, x->group_count);
}

/* The next group, or the end. */
static unsigned go_on(struct journal *j)
{
    struct compaction *x = j->cleaning;
    if (compact_next_group(x)) {
        submit(j, CLEAN_COPY);
        return 0;
    }
    if (x->map_end > j->cleaned) j->cleaned = x->map_end;
    report(j, "compacted");
    forget(j);
    return JOURNAL_NEWS_CLEANED;
}

static unsigned clean_finish(struct journal *j, struct work *w)
{
    struct clean_work *c = (struct clean_work *)w;
    struct compaction *x = j->cleaning;
    CHECK(x == c->x);
    if (c->phase == CLEAN_SWAP) j->is_swapping = false;
    if (c->phase == CLEAN_DROP) {
        forget(j);
        return JOURNAL_NEWS_CLEANED;
    }
    if (w->job.rc < 0 && c->phase == CLEAN_SWAP) return on_failed(j, c);
    if (c->phase == CLEAN_SWAP) {
        install(j);
        if (j->state != JOURNAL_OPEN || j->change_wanted.kind != CHANGE_NONE) {
            x->group_count = 0;
            return give_up(j, "interrupted") | JOURNAL_NEWS_READ;
        }
        return go_on(j) | JOURNAL_NEWS_READ;
    }
    if (!is_same(j, w)) return give_up(j, "interrupted");
    if (w->job.rc < 0) return on_failed(j, c);
    if (!c->done) {
        submit(j, c->phase);
        return 0;
    }
    if (c->phase == CLEAN_MAP || !x->has_changed) return go_on(j);
    j->is_swapping = true;
    submit(j, CLEAN_SWAP);
    return 0;
}

static void clean_dispose(struct journal *j, struct work *w)
{
    (void)j;
    (void)w;
}

static void submit(struct journal *j, enum clean_phase phase)
{
    static const struct work_kind kind = {
        .name = "clean", .finish = clean_finish, .dispose = clean_dispose};
    struct clean_work *c = work_new(j, &kind, sizeof *c, clean_run);
    c->phase = phase;
    c->x = j->cleaning;
    /* Files change their names in the lane of all that opens them by name. */
    if (phase != CLEAN_SWAP) c->w.job.lane = j->background_lane;
    work_submit(j, &c->w);
}

/* ---- What there is to do ---- */

/* How many segments at the beginning may be cleaned. */
static uint32_t count_cleanable(const struct journal *j, const struct journal_cleaning *how)
{
    /* An old value that is durable does not go for a new one that is not. */
    int64_t limit = how->limit < j->durable ? how->limit : j->durable;
    uint32_t count = 0;
    for (; count + 1 < j->segment_count; count++) {
        const struct segment *s = j->segments[count];
        if (s->c.base >= j->mark.contents.then.base) break; /* Being written. */
        if (j->segments[count + 1]->c.base > limit) break;
        if (how->min_lag_ms > 0 && s->c.max_timestamp > how->wall_ms - how->min_lag_ms) break;
    }
    return count;
}

struct journal_dirt journal_dirt(struct journal *j, const struct journal_cleaning *how)
{
    struct journal_dirt dirt = {0};
    if (j->state != JOURNAL_OPEN || j->is_uncleanable) return dirt;

    uint32_t count = count_cleanable(j, how);
    if (count + 1 < j->segment_count && j->segments[count + 1]->c.base > j->durable) {
        journal_sync_sealed(j);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct contents *c = &j->segments[i]->c;
        if (c->end_offset <= j->cleaned) {
            dirt.clean_bytes += c->size;
            continue;
        }
        bool is_first = dirt.dirty_bytes == 0;
        int64_t age_ms = how->wall_ms - c->first_timestamp;
        if (is_first && c->first_timestamp >= 0) dirt.is_overdue = age_ms > how->max_lag_ms;
        dirt.dirty_bytes += c->size;
    }
    return dirt;
}

uint32_t journal_dirt_need(const struct journal_dirt *dirt, uint32_t part_min)
{
    if (dirt->dirty_bytes == 0) return 0;
    if (dirt->is_overdue) return PER_MYRIAD + 1;
    uint64_t total = dirt->clean_bytes + dirt->dirty_bytes;
    uint32_t part = (uint32_t)(dirt->dirty_bytes / (total / PER_MYRIAD + 1));
    return part > part_min ? part : 0;
}

static void add_end(void *arg, int64_t last_offset)
{
    bases_add(arg, last_offset);
}

bool journal_clean(struct journal *j, const struct journal_cleaning *how)
{
    if (j->state != JOURNAL_OPEN || j->cleaning != NULL || j->is_uncleanable) return false;
    if (j->changing.kind != CHANGE_NONE || j->change_wanted.kind != CHANGE_NONE) return false;
    uint32_t count = count_cleanable(j, how);
    if (count == 0 || j->segments[count - 1]->c.end_offset <= j->cleaned) return false;

    struct compaction *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->dir = j->dir;
    x->wall_ms = how->wall_ms;
    x->delete_retention_ms = how->delete_retention_ms;
    x->from = j->cleaned > j->segments[0]->c.base ? j->cleaned : j->segments[0]->c.base;
    x->map_end = x->from;
    x->interval = j->limits.index_interval_bytes;
    x->group_bytes_max = j->limits.segment_bytes;
    x->syncs_not = (j->canary & JOURNAL_CANARY_SWAP_UNSYNCED) != 0;
    x->drops_early = (j->canary & JOURNAL_CANARY_DROP_EARLY) != 0;
    x->out = writer_with(OUT_MAX);
    x->sources = calloc(count, sizeof *x->sources);
    CHECK(x->sources != NULL);
    x->source_count = count;
    uint64_t keys = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct contents *c = &j->segments[i]->c;
        x->sources[i] =
            (struct compact_source){.base = c->base, .end_offset = c->end_offset, .size = c->size};
        int64_t from = c->base > x->from ? c->base : x->from;
        if (c->end_offset > from) keys += (uint64_t)(c->end_offset - from);
    }
    if (j->observer.needs != NULL) j->observer.needs(j->observer.self, add_end, &x->ends);
    bases_sort(&x->ends);
    uint8_t secret[KEYMAP_SECRET_SIZE];
    env_random(j->env, secret, sizeof secret);
    keymap_open(&x->map, how->map_bytes, keys, secret);
    j->cleaning = x;
    submit(j, CLEAN_MAP);
    return true;
}

bool journal_is_cleaning(const struct journal *j)
{
    return j->cleaning != NULL;
}

int64_t journal_cleaned(const struct journal *j)
{
    return j->cleaned;
}

const char *journal_clean_report(const struct journal *j)
{
    return j->clean_report == NULL ? "" : j->clean_report;
}
