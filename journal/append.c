#include "journal/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/state.h"

#define SPARE_PIECES_MAX 64u

/* ---- Works ---- */

void *work_new(struct journal *j, const struct work_kind *kind, size_t size,
               void (*run)(struct fs *, struct job *))
{
    CHECK(size >= sizeof(struct work));
    struct work *w = calloc(1, size);
    CHECK(w != NULL);
    w->job.link.kind = JOURNAL_JOB_KIND;
    w->job.run = run;
    w->job.lane = j->lane;
    w->kind = kind;
    w->journal = j;
    w->dir = j->dir;
    w->generation = j->generation;
    w->layout = j->layout;
    return w;
}

bool work_is_current(const struct journal *j, const struct work *w)
{
    return w->generation == j->generation && w->layout == j->layout && !j->is_swapping;
}

void work_submit(struct journal *j, struct work *w)
{
    w->next = j->works;
    if (w->next != NULL) w->next->previous = w;
    j->works = w;
    j->work_count++;
    env_submit(j->env, &w->job);
}

static void work_free(struct journal *j, struct work *w)
{
    if (w->previous != NULL) {
        w->previous->next = w->next;
    } else {
        CHECK(j->works == w);
        j->works = w->next;
    }
    if (w->next != NULL) w->next->previous = w->previous;
    j->work_count--;
    w->kind->dispose(j, w);
    free(w);
}

int work_fail(struct work *w, int rc, const char *format, ...)
{
    CHECK(rc < 0);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
    return rc;
}

unsigned journal_fail(struct journal *j, const char *format, ...)
{
    if (j->state == JOURNAL_FAILED) return 0;

    char text[WORK_WHY_MAX + 64];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    j->why = strdup(text);
    CHECK(j->why != NULL);
    j->state = JOURNAL_FAILED;
    return JOURNAL_NEWS_FAILED;
}

/* ---- Segments ---- */

struct segment *journal_active(const struct journal *j)
{
    CHECK(j->segment_count > 0);
    return j->segments[j->segment_count - 1];
}

uint32_t journal_segment_index(const struct journal *j, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = j->segment_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (j->segments[middle]->c.base <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t journal_active_base(const struct journal *j)
{
    return journal_active(j)->c.base;
}

struct segment *journal_segment_of_base(const struct journal *j, int64_t base)
{
    if (j->segment_count == 0) return NULL;
    struct segment *s = j->segments[journal_segment_index(j, base)];
    return s->c.base == base ? s : NULL;
}

struct segment *journal_push_segment(struct journal *j, struct contents contents)
{
    if (j->segment_count > 0) CHECK(contents.base > journal_active(j)->c.base);
    if (j->segment_count == j->segment_capacity) {
        j->segment_capacity = j->segment_capacity == 0 ? 2 : j->segment_capacity * 2;
        j->segments = realloc(j->segments, j->segment_capacity * sizeof(struct segment *));
        CHECK(j->segments != NULL);
    }
    struct segment *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->c = contents;
    s->is_indexed = true;
    j->segments[j->segment_count++] = s;
    return s;
}

void journal_drop_segments(struct journal *j, uint32_t from, uint32_t count)
{
    CHECK(from + count <= j->segment_count);
    if (count == 0) return;
    for (uint32_t i = from; i < from + count; i++) {
        struct segment *s = j->segments[i];
        segment_close_file(j, s);
        contents_close(&s->c);
        snapshots_free(&s->snapshot);
        free(s);
    }
    uint32_t behind = j->segment_count - from - count;
    memmove(j->segments + from, j->segments + from + count, behind * sizeof(struct segment *));
    j->segment_count -= count;
}

uint64_t journal_segment_written(const struct journal *j, const struct segment *s)
{
    const struct contents *mark = &j->mark.contents.then;
    if (s->c.base < mark->base) return s->c.size;
    return s->c.base == mark->base ? mark->size : 0;
}

void journal_take_file(struct journal *j, int64_t base, struct file *file)
{
    struct segment *s = journal_segment_of_base(j, base);
    if (s == NULL || s->file != NULL) {
        env_file_unref(j->env, file);
        return;
    }
    segment_take_file(j, s, file);
    segment_used(j, s);
    journal_trim_files(j);
}

void journal_trim_files(struct journal *j)
{
    struct segment *oldest = NULL;
    uint32_t open_count = 0;
    for (uint32_t i = 0; i + 1 < j->segment_count; i++) {
        struct segment *closed = j->segments[i];
        /* Those at and past the mark are being written. */
        if (closed->file == NULL || closed->c.base >= j->mark.contents.then.base) continue;
        /* Who still sends from it must be found when its bytes are cut (env_revoke). */
        if (closed->file->refs > 1) continue;
        open_count++;
        if (oldest == NULL || closed->used < oldest->used) oldest = closed;
    }
    if (open_count <= CLOSED_FILES_MAX) return;
    segment_close_file(j, oldest);
    MAYBE(open_count > CLOSED_FILES_MAX + 1); /* The next call takes another. */
}

void journal_settle(struct journal *j)
{
    CHECK(j->pending.count == 0);
    CHECK(!j->is_writing);
    j->written = j->assigned;
    j->mark.contents = contents_mark(&journal_active(j)->c);
    j->mark.end_offset = j->assigned;
}

/* ---- Opening and closing ---- */

/* Partitions that began together are not to roll together. */
static void draw_jitter(struct journal *j)
{
    j->limits.segment_ms = j->segment_ms;
    int64_t most = j->segment_jitter_ms < j->segment_ms ? j->segment_jitter_ms : j->segment_ms;
    if (most <= 0) return;
    uint64_t random = 0;
    env_random(j->env, &random, sizeof random);
    j->limits.segment_ms -= (int64_t)(random % (uint64_t)most);
}

static void take_limits(struct journal *j, const struct journal_options *o)
{
    CHECK(o->segment_bytes > 0);
    CHECK(o->segment_index_bytes >= 4 * INDEX_TIME_SIZE);
    j->limits.segment_bytes = o->segment_bytes;
    if (j->limits.segment_bytes > SEGMENT_BYTES_MAX) j->limits.segment_bytes = SEGMENT_BYTES_MAX;
    j->limits.index_interval_bytes = o->index_interval_bytes;
    j->limits.segment_index_bytes = o->segment_index_bytes;
    j->delete_delay_ms = o->delete_delay_ms;
    if (j->segment_ms == o->segment_ms && j->segment_jitter_ms == o->segment_jitter_ms) return;
    j->segment_ms = o->segment_ms;
    j->segment_jitter_ms = o->segment_jitter_ms;
    draw_jitter(j);
}

struct journal *journal_open(struct env *env, const struct journal_options *options)
{
    size_t dir_size = strlen(options->dir);
    CHECK(dir_size > 0);
    CHECK(dir_size + SEGMENT_NAME_MAX <= FS_PATH_MAX);
    CHECK(options->first_offset >= 0);

    struct journal *j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    j->env = env;
    j->dir = strdup(options->dir);
    CHECK(j->dir != NULL);
    j->lane = options->lane;
    j->background_lane = ENV_LANE_BACKGROUND - options->background;
    take_limits(j, options);
    j->sync_writes = options->sync_writes;
    j->owner = options->owner;
    j->descriptors = options->descriptors;
    j->canary = options->canary;
    CHECK((options->restore == NULL) == (options->save == NULL));
    j->observer = (struct observer){.observe = options->observe,
                                    .restore = options->restore,
                                    .save = options->save,
                                    .needs = options->needs,
                                    .self = options->observer};
    j->state = JOURNAL_RECOVERING;
    open_begin(j, options);
    return j;
}

void journal_close(struct journal *j, bool world_is_gone)
{
    if (j == NULL) return;
    if (!world_is_gone) {
        CHECK(j->state == JOURNAL_STOPPED || j->state == JOURNAL_FAILED);
        CHECK(j->work_count == 0);
    }
    while (j->works != NULL) work_free(j, j->works);
    journal_drop_segments(j, 0, j->segment_count);
    for (uint32_t i = 0; i < j->pending.count; i++) buf_unref(j->pending.items[i].buf);
    while (j->found_first != NULL) {
        struct found_node *node = j->found_first;
        j->found_first = node->next;
        free(node);
    }
    free(j->pending.items);
    free(j->spare.items);
    free(j->segments);
    free(j->lookups);
    free(j->retired);
    if (j->cleaning != NULL) compact_close(j->cleaning);
    free(j->cleaning);
    free(j->clean_report);
    free(j->rot);
    epochs_close(&j->epochs);
    tail_close(&j->tail);
    free(j->why);
    free(j->dir);
    free(j);
}

/* ---- What follows what ---- */

bool journal_has_unwritten(const struct journal *j)
{
    return j->pending.count > 0 || journal_active(j)->c.base != j->mark.contents.then.base;
}

static bool is_quiet(const struct journal *j)
{
    return !j->is_writing && !journal_has_unwritten(j) && j->changing.kind == CHANGE_NONE;
}

/* Begins whatever may begin now. Called after everything that may have made room for it. */
static void advance(struct journal *j)
{
    if (j->state == JOURNAL_FAILED) {
        /* A partition that is broken can still be deleted. */
        if (j->delete_wanted && !j->is_ending && j->work_count == 0) delete_begin(j);
        return;
    }
    if (j->state != JOURNAL_OPEN && j->state != JOURNAL_STOPPING) return;
    if (j->is_ending) return;

    bool must_drain = j->change_wanted.kind != CHANGE_NONE || j->stop_wanted || j->delete_wanted;
    if (must_drain && journal_has_unwritten(j)) j->flush_wanted = true;
    if (j->flush_wanted && !j->is_writing && j->changing.kind == CHANGE_NONE) {
        j->flush_wanted = false;
        if (journal_has_unwritten(j)) write_begin(j);
    }
    bool may_change = is_quiet(j) && !j->is_swapping && !j->delete_wanted;
    if (may_change && j->change_wanted.kind != CHANGE_NONE) change_begin(j);
    if (j->delete_wanted) {
        if (is_quiet(j) && j->work_count == 0) delete_begin(j);
        return;
    }
    if (j->sync_wanted && !j->is_syncing && j->changing.kind == CHANGE_NONE) sync_begin(j);
    /* It may overtake a sync that is under way, and would claim what that one has yet to do. */
    bool may_sync_sealed = !j->is_syncing_sealed && !j->is_syncing;
    if (j->sealed_sync_wanted && may_sync_sealed && j->changing.kind == CHANGE_NONE) {
        sync_sealed_begin(j);
    }
    bool may_remove = !j->is_removing && !j->is_swapping && j->changing.kind == CHANGE_NONE;
    if (j->remove_wanted && may_remove) remove_begin(j);
    /* The stop is the last thing: nothing may come home after it. */
    if (is_quiet(j) && j->stop_wanted && j->work_count == 0) stop_begin(j);
}

struct journal *journal_of_job(const struct job *job)
{
    CHECK(job->link.kind == JOURNAL_JOB_KIND);
    return ((const struct work *)job)->journal;
}

void *journal_owner(const struct journal *j)
{
    return j->owner;
}

unsigned journal_on_job(struct journal *j, struct job *job)
{
    struct work *w = (struct work *)job;
    CHECK(journal_of_job(job) == j);
    CHECK(j->work_count > 0);

    bool had_failed = j->state == JOURNAL_FAILED;
    unsigned news = 0;
    if (!had_failed || w->kind->outlives_failure) news = w->kind->finish(j, w);
    work_free(j, w);
    if (!had_failed && j->state == JOURNAL_FAILED) news |= JOURNAL_NEWS_FAILED;
    advance(j);
    return news;
}

/* ---- Looking ---- */

enum journal_state journal_state_of(const struct journal *j)
{
    return j->state;
}

int journal_fail_rc(const struct journal *j)
{
    return j->fail_rc;
}

const char *journal_why(const struct journal *j)
{
    return j->why == NULL ? "" : j->why;
}

/* A change is true for readers from the moment it is asked for. */
static int64_t bounded(const struct journal *j, int64_t offset)
{
    if (j->change_wanted.kind == CHANGE_RESET) return j->change_wanted.offset;
    if (j->changing.kind == CHANGE_RESET) {
        offset = j->changing.offset;
    } else if (j->changing.kind == CHANGE_TRUNCATE && offset > j->changing.offset) {
        offset = j->changing.offset;
    }
    if (j->change_wanted.kind == CHANGE_TRUNCATE && offset > j->change_wanted.offset) {
        offset = j->change_wanted.offset;
    }
    return offset;
}

int64_t journal_start(const struct journal *j)
{
    if (j->change_wanted.kind == CHANGE_RESET) return j->change_wanted.offset;
    if (j->changing.kind == CHANGE_RESET) return j->changing.offset;
    return j->start;
}

int64_t journal_assigned(const struct journal *j)
{
    return bounded(j, j->assigned);
}

int64_t journal_written(const struct journal *j)
{
    return bounded(j, j->written);
}

int64_t journal_durable(const struct journal *j)
{
    return bounded(j, j->durable);
}

uint64_t journal_size_bytes(const struct journal *j)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < j->segment_count; i++) size += j->segments[i]->c.size;
    return size;
}

const struct epochs *journal_epochs(const struct journal *j)
{
    return &j->epochs;
}

bool journal_is_idle(const struct journal *j)
{
    return j->work_count == 0;
}

/* ---- Appending ---- */

static void add_pending(struct journal *j, struct piece piece)
{
    struct pieces *p = &j->pending;
    if (p->count == p->capacity && p->capacity == 0 && j->spare.capacity > 0) {
        *p = j->spare;
        j->spare = (struct pieces){0};
    }
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 4 : p->capacity * 2;
        p->items = realloc(p->items, p->capacity * sizeof *p->items);
        CHECK(p->items != NULL);
    }
    p->items[p->count++] = piece;
}

/* Ends the active segment and begins the next one. Its file is made by the next write. */
static void roll(struct journal *j, int64_t base)
{
    contents_seal(&journal_active(j)->c);
    struct segment *s = journal_push_segment(j, contents_of(base));
    s->snapshot = snapshots_save(&j->observer);
    draw_jitter(j);
}

void journal_roll(struct journal *j)
{
    CHECK(j->state == JOURNAL_OPEN);
    CHECK(j->changing.kind == CHANGE_NONE);
    CHECK(j->change_wanted.kind == CHANGE_NONE);
    if (journal_active(j)->c.size == 0) return;

    roll(j, j->assigned);
    j->flush_wanted = true;
    advance(j);
}

void journal_append(struct journal *j, struct buf *buf, uint32_t at, uint32_t size,
                    const struct record_batch_header *header)
{
    CHECK(j->state == JOURNAL_OPEN);
    CHECK(j->changing.kind == CHANGE_NONE);
    CHECK(j->change_wanted.kind == CHANGE_NONE);
    CHECK(header->base_offset >= j->assigned);
    CHECK(header->last_offset_delta >= 0);
    CHECK(size >= BATCH_HEADER_SIZE);
    CHECK(size == batch_size(header));
    CHECK((uint64_t)at + size <= buf->size);

    if (contents_must_roll(&journal_active(j)->c, &j->limits, header, size)) {
        /* A follower of a compacted log may have to leap. */
        bool leaps = batch_last_offset(header) - j->assigned > INT32_MAX;
        roll(j, leaps ? header->base_offset : j->assigned);
    }
    struct segment *active = journal_active(j);
    add_pending(j,
                (struct piece){
                    .buf = buf_ref(buf), .at = at, .size = size, .segment_base = active->c.base});
    tail_push(&j->tail, (struct tail_batch){.base_offset = header->base_offset,
                                            .segment_base = active->c.base,
                                            .at = (uint32_t)active->c.size,
                                            .size = size,
                                            .last_offset_delta = header->last_offset_delta});
    contents_add(&active->c, header, size, j->limits.index_interval_bytes);
    if (header->partition_leader_epoch > epochs_last(&j->epochs)) {
        epochs_note(&j->epochs, header->partition_leader_epoch, header->base_offset);
        j->epochs_dirty = true;
    }
    j->assigned = batch_last_offset(header) + 1;
}

void journal_flush(struct journal *j)
{
    if (j->pending.count == 0) return;
    j->flush_wanted = true;
    advance(j);
}

void journal_sync(struct journal *j)
{
    j->sync_wanted = true;
    advance(j);
}

void journal_sync_sealed(struct journal *j)
{
    j->sealed_sync_wanted = true;
    advance(j);
}

/* ---- Changing ---- */

/* The end of the last batch that ends at or below `offset`, as far as memory knows; else `offset`.
 */
static int64_t batch_boundary(const struct journal *j, int64_t offset)
{
    uint32_t i = 0;
    if (!tail_find(&j->tail, offset, &i)) return offset;
    int64_t base = tail_at(&j->tail, i)->base_offset;
    if (base >= offset && i > 0) return tail_batch_end(tail_at(&j->tail, i - 1));
    return base < offset ? base : offset;
}

static int64_t truncate_at(struct journal *j, int64_t offset, bool keeps_not)
{
    CHECK(j->state == JOURNAL_OPEN);
    CHECK(offset >= 0);
    if (offset >= journal_assigned(j) && j->change_wanted.kind == CHANGE_NONE &&
        j->changing.kind == CHANGE_NONE) {
        offset = j->assigned;
    }
    if (offset < journal_start(j)) offset = journal_start(j);
    if (offset > journal_assigned(j)) offset = journal_assigned(j);
    if (j->change_wanted.kind == CHANGE_RESET) return j->change_wanted.offset;

    offset = batch_boundary(j, offset);
    if (offset < j->start) offset = j->start;
    bool is_further = j->change_wanted.kind == CHANGE_TRUNCATE;
    int32_t epoch = is_further ? j->change_wanted.last_epoch : epochs_last(&j->epochs);
    keeps_not = keeps_not && (!is_further || j->change_wanted.keeps_not);
    j->change_wanted = (struct change){
        .kind = CHANGE_TRUNCATE, .offset = offset, .last_epoch = epoch, .keeps_not = keeps_not};
    epochs_cut_tail(&j->epochs, offset);
    j->epochs_dirty = true;
    advance(j);
    return offset;
}

int64_t journal_truncate(struct journal *j, int64_t offset)
{
    return truncate_at(j, offset, false);
}

int64_t journal_cut(struct journal *j, int64_t offset)
{
    return truncate_at(j, offset, true);
}

void journal_reset(struct journal *j, int64_t offset)
{
    CHECK(j->state == JOURNAL_OPEN);
    CHECK(offset >= 0);
    j->change_wanted = (struct change){.kind = CHANGE_RESET, .offset = offset};
    j->epochs.count = 0;
    j->epochs_dirty = true;
    advance(j);
}

void journal_set_start(struct journal *j, int64_t offset)
{
    if (j->state != JOURNAL_OPEN || offset <= journal_start(j)) return;
    CHECK(offset <= journal_written(j));
    /* A reset that is on its way has nothing below its offset. */
    CHECK(j->changing.kind != CHANGE_RESET);
    CHECK(j->change_wanted.kind != CHANGE_RESET);

    j->start = offset;
    epochs_cut_head(&j->epochs, offset);
    j->epochs_dirty = true;
    journal_rot_leaves(j);
    advance(j);
}

void journal_forget_below(struct journal *j, int64_t offset)
{
    if (j->state != JOURNAL_OPEN) return;
    if (offset > journal_start(j)) offset = journal_start(j);
    if (offset <= j->forgotten) return;

    j->forgotten = offset;
    j->remove_wanted = true;
    advance(j);
}

void journal_set_options(struct journal *j, const struct journal_options *options)
{
    take_limits(j, options);
    bool begins = options->sync_writes && !j->sync_writes;
    j->sync_writes = options->sync_writes;
    /* What was written without is caught up with. */
    if (begins) journal_sync(j);
}

/* ---- Retention ---- */

static bool is_too_old(struct segment *s, const struct journal_retention *r)
{
    if (r->retention_ms < 0) return false;
    if (s->looked_ms == 0) s->looked_ms = r->wall_ms;
    int64_t newest_ms = s->c.max_timestamp;
    if (newest_ms < 0 || newest_ms > s->looked_ms) newest_ms = s->looked_ms;
    return r->wall_ms > newest_ms && r->wall_ms - newest_ms > r->retention_ms;
}

int64_t journal_retire(struct journal *j, const struct journal_retention *r)
{
    if (j->state != JOURNAL_OPEN || j->changing.kind != CHANGE_NONE) return journal_start(j);
    if (j->change_wanted.kind != CHANGE_NONE) return journal_start(j);

    int64_t limit = r->limit < j->written ? r->limit : j->written;
    if ((j->canary & JOURNAL_CANARY_RETIRE_PAST) != 0) limit = j->written;
    uint64_t left = journal_size_bytes(j);
    uint32_t count = 0;
    for (; count < j->segment_count; count++) {
        struct segment *s = j->segments[count];
        int64_t end = count + 1 < j->segment_count ? j->segments[count + 1]->c.base : j->assigned;
        if (end > limit || s->c.size == 0) break;
        bool is_too_much = left - s->c.size >= r->retention_bytes;
        bool goes = end <= j->start || is_too_old(s, r) || is_too_much;
        if (!goes) break;
        left -= s->c.size;
    }
    if (count == 0) return j->start;
    if (count == j->segment_count) journal_roll(j);
    int64_t start = j->segments[count]->c.base;
    return start > j->start ? start : j->start;
}

void journal_sweep(struct journal *j)
{
    if (j->retired_count == 0 || j->is_sweeping || j->state != JOURNAL_OPEN) return;
    if (j->retired[0].due_ms <= env_now_ms(j->env)) sweep_begin(j);
}

void journal_stop(struct journal *j)
{
    if (j->state == JOURNAL_STOPPED || j->state == JOURNAL_FAILED) return;
    j->stop_wanted = true;
    if (j->state == JOURNAL_OPEN) j->state = JOURNAL_STOPPING;
    advance(j);
}

void journal_set_observer(struct journal *j, void *observer)
{
    CHECK(j->state != JOURNAL_RECOVERING);
    j->observer.self = observer;
}

void journal_rehome(struct journal *j, const char *dir, void *observer)
{
    CHECK(j->work_count == 0);
    journal_set_observer(j, observer);
    free(j->dir);
    j->dir = strdup(dir);
    CHECK(j->dir != NULL);
}

void journal_abandon(struct journal *j, const char *why)
{
    if (j->state == JOURNAL_STOPPED) return;
    (void)journal_fail(j, "%s", why);
    j->delete_wanted = j->stop_wanted = false;
}

void journal_delete(struct journal *j)
{
    CHECK(j->state != JOURNAL_STOPPED);
    j->delete_wanted = true;
    if (j->state == JOURNAL_OPEN) j->state = JOURNAL_STOPPING;
    for (uint32_t i = 0; i < j->pending.count; i++) buf_unref(j->pending.items[i].buf);
    j->pending.count = 0;
    advance(j);
}

/* ---- Invariants ---- */

static void check_segments(const struct journal *j)
{
    CHECK(j->segment_count > 0);
    for (uint32_t i = 0; i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];
        CHECK(s->c.end_offset >= s->c.base);
        if (i > 0) CHECK(j->segments[i - 1]->c.end_offset <= s->c.base);
        CHECK(journal_segment_written(j, s) <= s->c.size);
    }
    CHECK(journal_active(j)->is_indexed);
    CHECK(journal_active(j)->c.end_offset == j->assigned || journal_active(j)->c.size == 0);
    CHECK(j->segments[0]->c.base <= j->start);
    CHECK(j->forgotten <= j->start);
}

void journal_check(const struct journal *j)
{
    if (j->state != JOURNAL_OPEN && j->state != JOURNAL_STOPPING) return;
    CHECK(journal_written(j) <= journal_assigned(j));
    CHECK(journal_start(j) <= journal_written(j));
    CHECK(journal_durable(j) <= journal_written(j));
    CHECK(IMPLIES(j->pending.count == 0 && !j->is_writing, j->written == j->assigned));
    CHECK(j->written <= j->assigned);
    if (j->changing.kind == CHANGE_NONE) check_segments(j);
    for (uint32_t i = 0; i < j->epochs.count; i++) {
        CHECK(j->epochs.items[i].start_offset <= journal_assigned(j));
        if (i == 0) continue;
        CHECK(j->epochs.items[i - 1].epoch < j->epochs.items[i].epoch);
        CHECK(j->epochs.items[i - 1].start_offset < j->epochs.items[i].start_offset);
    }
}
