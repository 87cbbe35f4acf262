/* Messages between actors on threads of their own: none is lost, doubled or overtaken, whatever
 * does not fit into a lane; what is lent comes home. Run under ThreadSanitizer too. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mailbox.h"
#include "common/world.h"

#define ACTORS 3u
#define MESSAGES (LANE_SLOTS * 20u) /* Each to each: many times what a lane holds. */

struct parcel {
    struct post post;
    uint32_t number;
    uint32_t seen_by;
    struct buf *bytes; /* Its own reference, given up by whoever works on it. */
};

struct actor {
    struct env *env;
    bool has_begun;
    uint32_t out;                /* Sent and not home. */
    uint32_t next_there[ACTORS]; /* The number expected from each. */
    uint32_t next_back[ACTORS];  /* The same of those that come home. */
    uint32_t finished_others;
    struct post done[ACTORS];
    uint32_t done_out;
};

static void send_all(struct actor *a)
{
    for (uint32_t to = 0; to < ACTORS; to++) {
        if (to == a->env->actor) continue;
        struct buf *bytes = buf_of(slice_of_text("bytes of many"));
        for (uint32_t i = 0; i < MESSAGES; i++) {
            struct parcel *p = calloc(1, sizeof *p);
            p->post.link.kind = 1;
            p->number = i;
            p->seen_by = to;
            p->bytes = buf_ref(bytes);
            a->out++;
            env_post(a->env, to, &p->post);
        }
        buf_unref(bytes);
    }
}

static void on_parcel(struct actor *a, struct parcel *p)
{
    if (p->post.is_back) {
        cr_assert_eq(p->number, a->next_back[p->seen_by]++);
        a->out--;
        free(p);
        return;
    }
    cr_assert_eq(p->seen_by, a->env->actor);
    cr_assert_eq(p->number, a->next_there[p->post.home]++);
    cr_assert_eq(memcmp(p->bytes->data, "bytes of many", 13), 0);
    buf_unref(p->bytes);
    env_give_back(a->env, &p->post);
}

/* Stops when everybody has told everybody that all of his are home. */
static uint64_t turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct actor *a = actor;
    if (!a->has_begun) {
        a->has_begun = true;
        send_all(a);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct post *post = events[i].post;
        cr_assert_eq(events[i].kind, ENV_POSTED);
        if (post->link.kind == 1) {
            on_parcel(a, (struct parcel *)(void *)post);
        } else if (post->is_back) {
            a->done_out--;
        } else {
            a->finished_others++;
            env_give_back(a->env, post);
        }
    }
    if (a->out == 0 && a->done_out == 0 && a->done[0].link.kind == 0) {
        for (uint32_t to = 0; to < ACTORS; to++) {
            a->done[to].link.kind = 2;
            if (to == a->env->actor) continue;
            a->done_out++;
            env_post(a->env, to, &a->done[to]);
        }
    } else if (a->out == 0 && a->done_out == 0 && a->finished_others == ACTORS - 1) {
        env_stop(a->env);
    }
    return ENV_NEVER;
}

Test(mailbox, messages_arrive_once_and_in_order_both_ways)
{
    struct world *w = world_open(&(struct world_options){.actor_count = ACTORS});
    struct actor actors[ACTORS] = {0};
    env_turn_fn *turns[ACTORS];
    void *all[ACTORS];
    for (uint32_t i = 0; i < ACTORS; i++) {
        actors[i].env = world_env(w, i);
        turns[i] = turn;
        all[i] = &actors[i];
    }
    cr_assert_eq(world_run(w, turns, all), 0);
    for (uint32_t i = 0; i < ACTORS; i++) {
        for (uint32_t j = 0; j < ACTORS; j++) {
            if (i == j) continue;
            cr_assert_eq(actors[i].next_there[j], MESSAGES);
            cr_assert_eq(actors[i].next_back[j], MESSAGES);
        }
    }
    world_close(w);
}

/* ---- A file that is lent. ---- */

struct lender {
    struct env *env;
    struct file *file;
    struct post loan;
    struct file lent;
    struct post carrier;
    uint32_t homes;
};

struct borrower {
    struct env *env;
    struct lender *from; /* Only its `lent`, which came with the carrier. */
};

static uint64_t lend(void *actor, const struct env_event *events, uint32_t count)
{
    struct lender *l = actor;
    if (l->file == NULL) {
        l->file = calloc(1, sizeof *l->file);
        l->file->refs = 2; /* One of them for the loan. */
        l->file->fd = -1;
        file_lend(l->env, l->file, &l->lent, &l->loan);
        env_post(l->env, 1, &l->carrier);
    }
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(events[i].post->is_back);
        if (events[i].post == &l->loan) env_file_unref(l->env, l->file);
        l->homes++;
    }
    if (l->homes == 2) env_stop(l->env);
    return ENV_NEVER;
}

static uint64_t borrow(void *actor, const struct env_event *events, uint32_t count)
{
    struct borrower *b = actor;
    for (uint32_t i = 0; i < count; i++) {
        struct file *lent = &b->from->lent;
        for (uint32_t n = 0; n < 100; n++) (void)file_ref(lent);
        env_give_back(b->env, events[i].post);
        for (uint32_t n = 0; n < 100; n++) env_file_unref(b->env, lent);
        cr_assert_eq(lent->refs, 1);
        env_file_unref(b->env, lent); /* It is the lender's from here on. */
        env_stop(b->env);
    }
    return ENV_NEVER;
}

Test(mailbox, a_lent_file_comes_home_with_its_last_reference)
{
    struct world *w = world_open(&(struct world_options){.actor_count = 2});
    struct lender lender = {.env = world_env(w, 0)};
    struct borrower borrower = {.env = world_env(w, 1), .from = &lender};
    env_turn_fn *turns[] = {lend, borrow};
    void *all[] = {&lender, &borrower};
    cr_assert_eq(world_run(w, turns, all), 0);
    cr_assert_eq(lender.homes, 2);
    cr_assert_eq(lender.file->refs, 1);
    free(lender.file);
    world_close(w);
}
