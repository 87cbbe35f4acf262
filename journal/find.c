#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "journal/state.h"
#include "proto/kafka_compress.h"

#define UNPACKED_MAX ((size_t)256 * 1024 * 1024)
#define NEWEST (-3) /* KIP-734: the record with the largest timestamp. */

/* A segment that is looked into. */
struct find_item {
    int64_t base;
    int64_t end_offset;
    uint64_t end;      /* Of what is written. */
    struct file *file; /* A reference, or NULL: the job opens it for itself. */
    bool is_indexed;   /* `from` is as good as it gets. */
    uint64_t from;
    int64_t timestamp_ms; /* NEWEST: the largest known so far and the end of its batch; else -1. */
    int64_t last_offset;
    bool is_complete; /* NEWEST: that is the answer for this segment. */
    bool is_split;    /* NEWEST: of the batch that the start cuts, its records are looked at. */
    bool is_opened;   /* By the job, which closes it. */
};

struct find_work {
    struct work w;
    int64_t timestamp_ms;
    int64_t start;
    int64_t limit;
    uint32_t interval;
    struct find_item *items;
    uint32_t item_count;
    struct journal_found found;
};

/* ---- Inside a batch ---- */

/* The first record that counts and is not older than `timestamp_ms`. */
static bool find_record(struct find_work *x, struct record_cursor cursor, int64_t timestamp_ms)
{
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (record.offset < x->start || record.timestamp_ms < timestamp_ms) continue;
        if (record.offset >= x->limit) return false;
        x->found.offset = record.offset;
        x->found.timestamp_ms = record.timestamp_ms;
        return true;
    }
    return false;
}

/* One that cannot be unpacked is answered by its first record: that is early, never late. */
static bool find_packed(struct find_work *x, const struct record_batch_header *h,
                        struct slice batch, int64_t timestamp_ms)
{
    struct slice packed = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    struct writer plain = writer_with(UNPACKED_MAX);
    bool found;
    if (kafka_unpack(batch_codec(h), packed, &plain)) {
        found = find_record(x, kafka_records_of(writer_slice(&plain), h), timestamp_ms);
    } else {
        x->found.offset = h->base_offset > x->start ? h->base_offset : x->start;
        x->found.timestamp_ms = h->max_timestamp;
        found = x->found.offset < x->limit;
    }
    writer_close(&plain);
    return found;
}

static bool find_in_batch(struct find_work *x, const struct record_batch_header *h,
                          struct slice batch, int64_t timestamp_ms)
{
    if (batch_is_log_append_time(h)) {
        x->found.offset = h->base_offset > x->start ? h->base_offset : x->start;
        x->found.timestamp_ms = h->max_timestamp;
        return x->found.offset < x->limit;
    }
    if (batch_codec(h) != BATCH_CODEC_NONE) return find_packed(x, h, batch, timestamp_ms);
    return find_record(x, kafka_batch_records(batch), timestamp_ms);
}

/* ---- Inside a segment ---- */

/* The first batch from `from` on that has a record not older than `timestamp_ms`, and ends at or
 * past `offset_min`. 1: found. */
static int find_batch(struct find_work *x, struct fs *fs, const struct find_item *item,
                      uint64_t from, int64_t timestamp_ms, int64_t offset_min)
{
    struct scan_source source = {.fs = fs, .file = item->file};
    struct scan s = scan_of(source, item->base, from, item->end, item->base);
    int rc;
    while ((rc = scan_next(&s)) == 1) {
        if (s.header.base_offset >= x->limit) {
            rc = 0;
            break;
        }
        bool fits = s.header.max_timestamp >= timestamp_ms && s.header.record_count > 0;
        if (!fits || batch_last_offset(&s.header) < offset_min) {
            s.is_whole = false;
            continue;
        }
        if (!s.is_whole) {
            s.is_whole = true;
            s.at = s.batch_at;
            s.offset_min = s.header.base_offset;
            continue;
        }
        s.is_whole = false;
        if (!find_in_batch(x, &s.header, s.batch, timestamp_ms)) continue;
        x->found.leader_epoch = s.header.partition_leader_epoch;
        break;
    }
    scan_close(&s);
    return rc;
}

/* Where to begin so that nothing that counts lies before: as the index files say. */
static uint64_t floor_on_disk(struct find_work *x, struct fs *fs, const struct find_item *item,
                              int64_t timestamp_ms, int64_t offset)
{
    struct contents c = contents_of(item->base);
    uint64_t from = 0;
    struct time_entry time;
    struct offset_entry entry;
    if (contents_load(fs, x->w.dir, &c, item->end, item->end_offset) == 0) {
        if (timestamp_ms >= 0) {
            offset = index_time_floor(&c.times, timestamp_ms, &time) ? item->base + time.offset
                                                                     : item->base;
        }
        if (index_offset_floor(&c.offsets, offset - item->base, &entry)) from = entry.at;
    }
    contents_close(&c);
    return from;
}

static int find_in_item(struct find_work *x, struct fs *fs, const struct find_item *item,
                        int64_t timestamp_ms, int64_t offset_min)
{
    uint64_t from = item->from;
    if (!item->is_indexed) {
        int64_t by_time = x->timestamp_ms == NEWEST ? -1 : timestamp_ms;
        from = floor_on_disk(x, fs, item, by_time, offset_min);
    }
    int rc = find_batch(x, fs, item, from, timestamp_ms, offset_min);
    /* An index file that is wrong leads into the middle of a batch; the log itself is right. */
    if (rc == -ERR_CORRUPT && from > 0) rc = find_batch(x, fs, item, 0, timestamp_ms, offset_min);
    return rc;
}

static int64_t newest_of(const struct find_work *x, struct record_cursor cursor)
{
    int64_t newest = -1;
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (record.offset >= x->start && record.timestamp_ms > newest) newest = record.timestamp_ms;
    }
    return newest;
}

/* The newest of the records that count in a batch that the start cuts: its header knows of all. */
static int64_t newest_of_rest(const struct find_work *x, const struct record_batch_header *h,
                              struct slice batch)
{
    if (batch_is_log_append_time(h)) return h->max_timestamp;
    if (batch_codec(h) == BATCH_CODEC_NONE) return newest_of(x, kafka_batch_records(batch));

    struct slice packed = slice_of(batch.at + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    struct writer plain = writer_with(UNPACKED_MAX);
    int64_t newest = h->max_timestamp; /* As a search finds what cannot be unpacked. */
    if (kafka_unpack(batch_codec(h), packed, &plain))
        newest = newest_of(x, kafka_records_of(writer_slice(&plain), h));
    writer_close(&plain);
    return newest;
}

/* NEWEST: completes what is known of the segment by its batches that count. */
static int measure(struct find_work *x, struct fs *fs, struct find_item *item)
{
    if (item->is_complete) return 0;
    struct scan_source source = {.fs = fs, .file = item->file};
    struct scan s = scan_of(source, item->base, item->from, item->end, item->base);
    int rc;
    while ((rc = scan_next(&s)) == 1) {
        int64_t last = batch_last_offset(&s.header);
        bool was_whole = s.is_whole;
        s.is_whole = false;
        if (last >= x->limit) break;
        if (last < x->start || s.header.max_timestamp <= item->timestamp_ms) continue;
        if (s.header.record_count == 0) continue;
        int64_t newest = s.header.max_timestamp;
        if (item->is_split && s.header.base_offset < x->start) {
            if (!was_whole) {
                s.is_whole = true;
                s.at = s.batch_at;
                s.offset_min = s.header.base_offset;
                continue;
            }
            newest = newest_of_rest(x, &s.header, s.batch);
        }
        if (newest <= item->timestamp_ms) continue;
        item->timestamp_ms = newest;
        item->last_offset = last;
    }
    scan_close(&s);
    return rc < 0 ? rc : 0;
}

static struct find_item *newest_item(struct find_work *x, struct fs *fs, int *rc)
{
    struct find_item *best = NULL;
    for (uint32_t i = 0; i < x->item_count; i++) {
        *rc = measure(x, fs, &x->items[i]);
        if (*rc < 0) return NULL;
        if (best == NULL || x->items[i].timestamp_ms > best->timestamp_ms) best = &x->items[i];
    }
    return best;
}

/* Where no record has a time, the first one is as new as any. */
static int find_newest(struct find_work *x, struct fs *fs)
{
    int rc = 0;
    struct find_item *best;
    while ((best = newest_item(x, fs, &rc)) != NULL) {
        /* A position that served to measure may lie past the batch. */
        if (!best->is_complete) {
            best->is_indexed = false;
            best->from = 0;
        }
        int64_t offset_min = best->timestamp_ms < 0 ? x->start : best->last_offset;
        rc = find_in_item(x, fs, best, best->timestamp_ms, offset_min);
        if (rc != 0 || best->is_split || best->base >= x->start) return rc;

        /* What made its batch the newest was deleted, and the rest of that batch was not. */
        best->is_split = true;
        best->is_complete = false;
        best->timestamp_ms = -1;
        best->from = 0;
    }
    return rc;
}

static void find_run(struct fs *fs, struct job *job)
{
    struct find_work *x = (struct find_work *)job;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < x->item_count; i++) {
        struct find_item *item = &x->items[i];
        if (item->file == NULL) {
            struct path path = files_segment(x->w.dir, item->base, ".log");
            rc = fs->ops->open(fs, path.text, FS_READ, &item->file);
            item->is_opened = rc == 0;
        }
        if (rc == 0 && x->timestamp_ms != NEWEST) {
            rc = find_in_item(x, fs, item, x->timestamp_ms, x->start);
        }
    }
    if (rc == 0 && x->timestamp_ms == NEWEST) rc = find_newest(x, fs);
    for (uint32_t i = 0; i < x->item_count; i++) {
        if (!x->items[i].is_opened) continue;
        fs->ops->close(fs, x->items[i].file);
        x->items[i].file = NULL;
    }
    x->found.rc = rc < 0 ? rc : 0;
    if (rc < 1) x->found.offset = -1;
    job->rc = x->found.rc;
}

/* ---- At home ---- */

static void add_found(struct journal *j, struct journal_found found)
{
    struct found_node *node = calloc(1, sizeof *node);
    CHECK(node != NULL);
    node->found = found;
    if (j->found_first == NULL) {
        j->found_first = node;
    } else {
        j->found_last->next = node;
    }
    j->found_last = node;
}

static unsigned find_finish(struct journal *j, struct work *w)
{
    struct find_work *x = (struct find_work *)w;
    /* What was truncated or removed meanwhile is looked for again by whoever asked. */
    if (!work_is_current(j, w) || x->found.rc == -ERR_ABSENT) x->found.rc = -ERR_AGAIN;
    if (x->found.rc < 0) x->found.offset = -1;
    if (x->found.offset < 0) {
        x->found.timestamp_ms = -1;
        x->found.leader_epoch = -1;
    }
    add_found(j, x->found);
    return JOURNAL_NEWS_FOUND;
}

static void find_dispose(struct journal *j, struct work *w)
{
    struct find_work *x = (struct find_work *)w;
    for (uint32_t i = 0; i < x->item_count; i++) env_file_unref(j->env, x->items[i].file);
    free(x->items);
}

/* What memory knows of the segment for a search by time. False: nothing in it can be the answer. */
static bool describe(const struct find_work *x, const struct segment *s, struct find_item *item)
{
    if (s->c.max_timestamp < x->timestamp_ms) return false;
    struct time_entry time;
    struct offset_entry entry;
    item->is_indexed = s->is_indexed;
    if (s->is_indexed && index_time_floor(&s->c.times, x->timestamp_ms, &time) &&
        index_offset_floor(&s->c.offsets, time.offset, &entry)) {
        item->from = entry.at;
    }
    return true;
}

/* And for the newest. */
static bool describe_newest(const struct find_work *x, const struct segment *s,
                            struct find_item *item)
{
    struct time_entry time;
    struct offset_entry entry;
    if (s->c.max_timestamp < 0) {
        item->is_complete = true;
        return true;
    }
    if (s->c.max_timestamp_offset >= x->start && s->c.max_timestamp_offset < x->limit) {
        item->timestamp_ms = s->c.max_timestamp;
        item->last_offset = s->c.max_timestamp_offset;
        item->is_complete = true;
        item->is_indexed = s->is_indexed;
        bool found = s->is_indexed &&
                     index_offset_floor(&s->c.offsets, item->last_offset - s->c.base, &entry);
        if (found) item->from = entry.at;
        return true;
    }
    if (s->is_indexed && x->start <= s->c.base &&
        index_offset_floor(&s->c.offsets, x->limit - 1 - s->c.base, &entry)) {
        item->from = entry.at;
        if (index_time_floor_offset(&s->c.times, x->limit - s->c.base, &time)) {
            item->timestamp_ms = time.timestamp_ms;
            item->last_offset = s->c.base + time.offset;
        }
    }
    return true;
}

/* Of segments whose newest record is known, only the newest matters. Of the one that the start
 * cuts it is not known for sure. */
static void add_item(struct journal *j, struct find_work *x, struct find_item item)
{
    bool is_sure = item.is_complete && item.base >= x->start;
    for (uint32_t i = 0; is_sure && i < x->item_count; i++) {
        struct find_item *other = &x->items[i];
        if (!other->is_complete || other->base < x->start) continue;
        if (other->timestamp_ms >= item.timestamp_ms) {
            env_file_unref(j->env, item.file);
        } else {
            env_file_unref(j->env, other->file);
            *other = item;
        }
        return;
    }
    x->items[x->item_count++] = item;
}

void journal_find_time(struct journal *j, int64_t timestamp_ms, int64_t limit, uint64_t cookie)
{
    static const struct work_kind kind = {
        .name = "find", .finish = find_finish, .dispose = find_dispose, .outlives_failure = true};
    CHECK(cookie != 0);
    CHECK(timestamp_ms >= 0 || timestamp_ms == NEWEST);

    struct find_work *x = work_new(j, &kind, sizeof *x, find_run);
    x->timestamp_ms = timestamp_ms;
    x->start = journal_start(j);
    x->limit = limit < journal_written(j) ? limit : journal_written(j);
    x->found = (struct journal_found){.cookie = cookie, .offset = -1};
    x->items = calloc(j->segment_count + 1, sizeof *x->items);
    CHECK(x->items != NULL);
    bool can_look = j->state == JOURNAL_OPEN && j->changing.kind == CHANGE_NONE;
    for (uint32_t i = 0; can_look && i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];
        if (s->c.end_offset <= x->start || s->c.base >= x->limit) continue;
        struct find_item item = {.base = s->c.base,
                                 .end_offset = s->c.end_offset,
                                 .end = journal_segment_written(j, s),
                                 .timestamp_ms = -1,
                                 .last_offset = -1};
        bool may = timestamp_ms == NEWEST ? describe_newest(x, s, &item) : describe(x, s, &item);
        if (!may) continue;
        if (s->file != NULL) item.file = file_ref(s->file);
        add_item(j, x, item);
    }
    /* What is being truncated has no answer now. */
    if (!can_look) x->w.generation = j->generation - 1;
    work_submit(j, &x->w);
}

bool journal_found_time(struct journal *j, struct journal_found *out)
{
    struct found_node *node = j->found_first;
    if (node == NULL) return false;

    *out = node->found;
    j->found_first = node->next;
    free(node);
    return true;
}
