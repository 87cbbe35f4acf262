/* An observer whose state is saved with the segments, so that not all of a log is read again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal_rig.h"

/* What the batches up to `end` come to; `seen` counts those of this life only. */
struct tally {
    int64_t end;
    uint64_t sum;
    uint32_t seen;
};

static struct rig *const r = &suite_rig;
static struct tally tally;
static uint64_t expected[1024]; /* The sum when the log ended at batch i. */

static void note(struct tally *t, const struct record_batch_header *h)
{
    cr_assert_geq(h->base_offset, t->end);
    t->end = batch_last_offset(h) + 1;
    t->sum = t->sum * 1099511628211u + (uint64_t)h->base_offset * 31 + h->crc;
    t->seen++;
}

static void observe(void *self, const struct record_batch_header *header, struct slice batch)
{
    (void)batch;
    note(self, header);
}

static void save(void *self, struct writer *out)
{
    const struct tally *t = self;
    write_i64(out, t->end);
    write_i64(out, (int64_t)t->sum);
    write_i64(out, ~(int64_t)t->sum);
}

static bool restore(void *self, struct slice snapshot)
{
    struct tally *t = self;
    uint32_t seen = t->seen;
    *t = (struct tally){.seen = seen};
    if (snapshot.at == NULL) return true;
    struct reader in = reader_of(snapshot);
    int64_t end = read_i64(&in);
    uint64_t sum = (uint64_t)read_i64(&in);
    if (read_i64(&in) != ~(int64_t)sum || !reader_ok(&in)) return false;
    t->end = end;
    t->sum = sum;
    return true;
}

static void begin(void)
{
    rig_begin();
    tally = (struct tally){0};
    r->options.segment_bytes = 3000;
    r->options.index_interval_bytes = 300;
    r->options.observe = observe;
    r->options.observer = &tally;
    r->options.restore = restore;
    r->options.save = save;
    rig_open(r);
}

TestSuite(journal_snapshots, .init = begin, .fini = rig_end);

/* Batches of three records each. */
static void fill(uint32_t batches, int32_t epoch)
{
    for (uint32_t i = 0; i < batches; i++) {
        struct record_batch_header header;
        struct rig_batch spec = {
            .offset = journal_assigned(r->j), .count = 3, .epoch = epoch, .value_bytes = 50};
        struct buf *buf = rig_build(spec, &header);
        journal_append(r->j, buf, 0, buf->size, &header);
        note(&tally, &header);
        buf_unref(buf);
        expected[tally.end / 3] = tally.sum;
        if (i % 7 == 6) journal_flush(r->j);
    }
    journal_flush(r->j);
    rig_run_all(r);
}

/* Opens again; how many batches were looked at. */
static uint32_t seen_by_opening(void)
{
    tally.seen = 0;
    tally.sum = 1;
    rig_open(r);
    cr_assert_eq(journal_state_of(r->j), JOURNAL_OPEN, "%s", journal_why(r->j));
    int64_t end = journal_written(r->j);
    cr_assert_eq(tally.end, end);
    cr_assert_eq(tally.sum, end == 0 ? 0 : expected[end / 3]);
    return tally.seen;
}

static uint32_t count_snapshots(int64_t *newest)
{
    uint32_t count = 0;
    for (int64_t offset = 0; offset < 1000; offset++) {
        char name[64];
        snprintf(name, sizeof name, "%020ld.snapshot", (long)offset);
        if (!rig_exists(r, name)) continue;
        count++;
        *newest = offset;
    }
    return count;
}

Test(journal_snapshots, after_a_stop_nothing_is_observed_again)
{
    fill(100, 1);
    rig_stop(r);
    cr_assert_eq(seen_by_opening(), 0);
    fill(3, 1);
    rig_stop(r);
    cr_assert_eq(seen_by_opening(), 0);
}

Test(journal_snapshots, after_a_kill_only_the_last_segment_is)
{
    fill(100, 1);
    rig_kill(r);
    int64_t newest = 0;
    cr_assert_gt(count_snapshots(&newest), 5);
    cr_assert_eq(seen_by_opening(), (300 - newest) / 3);
    cr_assert_lt(newest, 300);
}

Test(journal_snapshots, one_that_is_not_sound_gives_way_to_an_older_one)
{
    fill(100, 1);
    rig_kill(r);
    int64_t newest = 0;
    uint32_t count = count_snapshots(&newest);
    char name[64];
    snprintf(name, sizeof name, "%020ld.snapshot", (long)newest);
    rig_cut(r, name, 11);
    cr_assert_gt(seen_by_opening(), (300 - newest) / 3);
    cr_assert_not(rig_exists(r, name));
    rig_kill(r);
    while (count_snapshots(&newest) > 0) {
        snprintf(name, sizeof name, "%020ld.snapshot", (long)newest);
        cr_assert_eq(remove(rig_path(r, name)), 0);
    }
    cr_assert_eq(seen_by_opening(), 100, "all of %u segments", count);
}

Test(journal_snapshots, a_truncation_restores_the_state_as_of_its_offset)
{
    for (int64_t cut = 297; cut >= 0; cut -= 3) {
        fill((uint32_t)(300 - journal_assigned(r->j)) / 3, 1);
        if (cut % 2 == 0) {
            /* An orderly stop leaves a snapshot in the middle of a segment. */
            rig_stop(r);
            seen_by_opening();
        }
        cr_assert_eq(journal_truncate(r->j, cut), cut);
        rig_run_all(r);
        cr_assert_eq(journal_assigned(r->j), cut);
        cr_assert_eq(tally.end, cut);
        cr_assert_eq(tally.sum, cut == 0 ? 0 : expected[cut / 3], "cut at %ld", (long)cut);
        int64_t newest = 0;
        (void)count_snapshots(&newest);
        cr_assert_leq(newest, cut);
        rig_kill(r);
        (void)seen_by_opening();
    }
}

Test(journal_snapshots, what_is_written_after_a_truncation_is_never_taken_for_what_was)
{
    fill(60, 1);
    rig_stop(r);
    (void)seen_by_opening();
    (void)journal_truncate(r->j, 120);
    rig_run_all(r);
    fill(20, 2); /* As long as it was; other batches. */
    rig_kill(r);
    (void)seen_by_opening();
}

Test(journal_snapshots, they_go_with_their_segments)
{
    fill(100, 1);
    int64_t newest = 0;
    uint32_t before = count_snapshots(&newest);
    journal_set_start(r->j, 200);
    journal_forget_below(r->j, 200);
    rig_run_all(r);
    uint32_t after = count_snapshots(&newest);
    cr_assert_lt(after, before);
    cr_assert_gt(after, 0);
    cr_assert_eq(tally.sum, expected[100], "nothing was forgotten");
    rig_stop(r);
    cr_assert_eq(seen_by_opening(), 0);

    journal_reset(r->j, 900);
    rig_run_all(r);
    cr_assert_eq(count_snapshots(&newest), 0);
    cr_assert_eq(tally.end, 0);
}

Test(journal_snapshots, those_of_a_stop_do_not_pile_up)
{
    r->options.segment_bytes = 1 << 20;
    rig_stop(r);
    for (int i = 0; i < 20; i++) {
        (void)seen_by_opening();
        fill(2, 1);
        rig_stop(r);
    }
    int64_t newest = 0;
    cr_assert_leq(count_snapshots(&newest), 2);
    cr_assert_eq(newest, 120);
}

Test(journal_snapshots, a_full_disk_leaves_none_of_a_segment_that_never_was)
{
    fill(30, 1);
    int64_t newest = 0;
    uint32_t before = count_snapshots(&newest);
    struct tally was = tally;
    r->disk.write_rc = -ERR_FULL;
    fill(60, 1);
    r->disk.write_rc = 0;
    cr_assert_neq(rig_news(r) & JOURNAL_NEWS_FULL, 0);
    cr_assert_eq(count_snapshots(&newest), before);
    /* The owner asks for the observer to be put right. */
    cr_assert_eq(journal_truncate(r->j, journal_assigned(r->j)), 90);
    rig_run_all(r);
    cr_assert_eq(tally.end, 90);
    cr_assert_eq(tally.sum, was.sum);
    fill(10, 1);
    rig_kill(r);
    (void)seen_by_opening();
}

Test(journal_snapshots, after_a_power_cut_those_past_the_end_are_not_believed)
{
    fill(100, 1);
    rig_stop(r);
    r->options.is_whole = false;
    /* Bit rot in the first segment: nothing after it counts. */
    size_t size = 0;
    uint8_t *bytes = rig_load(r, "00000000000000000000.log", &size);
    bytes[size / 2] ^= 1;
    rig_store(r, "00000000000000000000.log", bytes, size);
    free(bytes);
    (void)seen_by_opening();
    int64_t newest = 0;
    (void)count_snapshots(&newest);
    cr_assert_leq(newest, journal_written(r->j));
    cr_assert_lt(journal_written(r->j), 60);
    fill(30, 2);
    rig_kill(r);
    (void)seen_by_opening();
}
