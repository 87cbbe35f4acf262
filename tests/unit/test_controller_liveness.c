#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/liveness.h"

#define TIMEOUT_MS 1500
#define HANG_MS 1500

struct fixture {
    struct meta_image image;
    struct liveness l;
    uint64_t now_ms;
};

static void apply(struct fixture *f, struct meta_record *r)
{
    const char *why;
    struct meta_batch batch = {.level = META_LEVEL, .count = 1, .records = r};
    cr_assert_eq(meta_try(&f->image, f->image.index + 1, 1, &batch, &why), 0, "%s", why);
}

static void set_fenced(struct fixture *f, int32_t id, bool fenced)
{
    struct meta_record r = {.kind = META_BROKER_STATE};
    r.broker_state.id = id;
    r.broker_state.epoch = meta_broker_find(&f->image, id)->epoch;
    r.broker_state.fenced = fenced;
    apply(f, &r);
}

/* Brokers 1 to `count`, unfenced, with sessions, at 1000 ms. */
static struct fixture *fixture_open(int32_t count)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->now_ms = 1000;
    for (int32_t id = 1; id <= count; id++) {
        struct meta_record r = {.kind = META_BROKER};
        r.broker.id = id;
        r.broker.epoch = (int64_t)f->image.index + 1;
        r.broker.incarnation.bytes[0] = 1;
        r.broker.shard_count = 1;
        r.broker.listener_count = 1;
        r.broker.listeners[0] = (struct meta_listener){.name = slice_of_text("X"),
                                                       .host = slice_of_text("h"),
                                                       .port = 1,
                                                       .protocol = slice_of_text("P")};
        r.broker.replication_listener = slice_of_text("X");
        apply(f, &r);
        set_fenced(f, id, false);
    }
    liveness_begin(&f->l, TIMEOUT_MS, HANG_MS, &f->image, f->now_ms);
    for (int32_t id = 1; id <= count; id++) liveness_on_session(&f->l, id, f->now_ms);
    return f;
}

static void fixture_close(struct fixture *f)
{
    liveness_close(&f->l);
    meta_image_close(&f->image);
    free(f);
}

static void beat(struct fixture *f, int32_t id, uint64_t quiet_ms)
{
    liveness_on_heartbeat(&f->l, id, f->image.index, quiet_ms, false, f->now_ms);
}

/* "D1 F2 U3": what is to be done now. Fencing is carried out. */
static const char *look(struct fixture *f)
{
    static char text[256];
    struct liveness_verdict v;
    uint32_t from = 0;
    size_t used = 0;
    text[0] = 0;
    while (liveness_look(&f->l, &f->image, f->now_ms, &from, &v)) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%d", used == 0 ? "" : " ",
                                 "DFU"[v.action], v.id);
        if (v.action == LIVENESS_FENCE) {
            set_fenced(f, v.id, true);
            liveness_on_fenced(&f->l, v.id, f->image.index);
        }
        if (v.action == LIVENESS_UNFENCE) set_fenced(f, v.id, false);
    }
    return text;
}

/* Time passes in looks of 100 ms; those named beat. */
static void pass(struct fixture *f, uint64_t ms, int32_t beating)
{
    for (uint64_t end = f->now_ms + ms; f->now_ms < end;) {
        f->now_ms += 100;
        for (int32_t id = 1; id <= beating; id++) beat(f, id, 0);
        cr_expect_str_eq(look(f), "", "at %llu", (unsigned long long)f->now_ms);
    }
}

Test(liveness, refused_dial_after_the_session_means_dead_at_once)
{
    struct fixture *f = fixture_open(3);
    cr_expect_str_eq(look(f), "");
    liveness_on_session_end(&f->l, 2, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    cr_expect_str_eq(look(f), "");
    liveness_on_dial(&f->l, 2, DIAL_REFUSED, f->now_ms);
    cr_expect_str_eq(look(f), "F2");
    cr_expect_str_eq(look(f), "");
    fixture_close(f);
}

Test(liveness, accepted_dial_is_held_and_dialled_again_when_it_breaks)
{
    struct fixture *f = fixture_open(3);
    liveness_on_session_end(&f->l, 2, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    liveness_on_dial(&f->l, 2, DIAL_CONNECTED, f->now_ms);
    cr_expect_str_eq(look(f), "");
    liveness_on_dial(&f->l, 2, DIAL_BROKE, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    liveness_on_dial(&f->l, 2, DIAL_BROKE, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    /* From the third on it takes a breath: a proxy may accept and break for ever. */
    liveness_on_dial(&f->l, 2, DIAL_BROKE, f->now_ms);
    cr_expect_str_eq(look(f), "");
    f->now_ms += 5;
    cr_expect_str_eq(look(f), "D2");
    liveness_on_dial(&f->l, 2, DIAL_REFUSED, f->now_ms);
    cr_expect_str_eq(look(f), "F2");
    fixture_close(f);
}

Test(liveness, session_that_comes_back_ends_the_question)
{
    struct fixture *f = fixture_open(3);
    liveness_on_session_end(&f->l, 2, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    liveness_on_session(&f->l, 2, f->now_ms);
    liveness_on_dial(&f->l, 2, DIAL_REFUSED, f->now_ms);
    cr_expect_str_eq(look(f), "");
    fixture_close(f);
}

static void expect_silence_fences_3(struct fixture *f)
{
    pass(f, TIMEOUT_MS - 100, 2);
    f->now_ms += 100;
    beat(f, 1, 0);
    beat(f, 2, 0);
    cr_expect_str_eq(look(f), "F3");
}

Test(liveness, silence_for_the_session_timeout_fences)
{
    struct fixture *f = fixture_open(3);
    for (int32_t id = 1; id <= 3; id++) beat(f, id, 0);
    expect_silence_fences_3(f);
    fixture_close(f);
}

Test(liveness, a_new_leader_dials_all_that_have_no_session)
{
    struct fixture *f = fixture_open(3);
    set_fenced(f, 3, true);
    liveness_close(&f->l);
    liveness_begin(&f->l, TIMEOUT_MS, HANG_MS, &f->image, f->now_ms);
    liveness_on_session(&f->l, 1, f->now_ms);
    cr_expect_str_eq(look(f), "D2");
    fixture_close(f);
}

Test(liveness, who_was_away_itself_blames_nobody)
{
    struct fixture *f = fixture_open(3);
    for (int32_t id = 1; id <= 3; id++) beat(f, id, 0);
    cr_expect_str_eq(look(f), "");
    f->now_ms += 10000;
    cr_expect_str_eq(look(f), "");
    expect_silence_fences_3(f);
    fixture_close(f);
}

Test(liveness, what_hangs_is_fenced_until_it_moves_again)
{
    struct fixture *f = fixture_open(3);
    for (int32_t id = 1; id <= 3; id++) beat(f, id, 0);
    beat(f, 2, HANG_MS);
    cr_expect_str_eq(look(f), "F2");
    beat(f, 2, HANG_MS + 300);
    cr_expect_str_eq(look(f), "");
    beat(f, 2, 0);
    cr_expect_str_eq(look(f), "U2");
    fixture_close(f);
}

Test(liveness, nobody_is_fenced_for_hanging_when_more_than_a_third_hang)
{
    struct fixture *f = fixture_open(6);
    for (int32_t id = 1; id <= 6; id++) beat(f, id, id <= 3 ? HANG_MS : 0);
    cr_expect_str_eq(look(f), "");
    beat(f, 3, 0);
    cr_expect_str_eq(look(f), "F1 F2");
    fixture_close(f);
}

Test(liveness, the_only_broker_is_never_fenced_for_hanging)
{
    struct fixture *f = fixture_open(1);
    beat(f, 1, HANG_MS);
    cr_expect_str_eq(look(f), "");
    fixture_close(f);
}

Test(liveness, unfencing_waits_for_a_heartbeat_and_the_metadata)
{
    struct fixture *f = fixture_open(2);
    set_fenced(f, 2, true);
    liveness_on_registered(&f->l, 2, f->image.index, f->now_ms);
    cr_expect_str_eq(look(f), "");
    liveness_on_applied(&f->l, 2, f->image.index);
    cr_expect_str_eq(look(f), "");
    liveness_on_heartbeat(&f->l, 2, 0, 0, false, f->now_ms);
    cr_expect_str_eq(look(f), "U2");
    fixture_close(f);
}

Test(liveness, who_wants_to_stop_is_not_unfenced)
{
    struct fixture *f = fixture_open(2);
    set_fenced(f, 2, true);
    liveness_on_heartbeat(&f->l, 2, f->image.index, 0, true, f->now_ms);
    cr_expect_str_eq(look(f), "");
    fixture_close(f);
}
