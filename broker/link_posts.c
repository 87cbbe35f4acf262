#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#include "broker/link_state.h"
#include "common/check.h"

#define OUTSTANDING_MAX 64
#define PROBE_MS_MAX 300

/* A post of ours with the list on which it stays until it is home: when the world ends while it is
 * away, nobody else frees it. */
struct sent {
    TAILQ_ENTRY(sent) link;
    alignas(max_align_t) uint8_t post[]; /* The whole of it. */
};

static struct sent *sent_of(struct post *post)
{
    return (struct sent *)(void *)((char *)post - offsetof(struct sent, post));
}

static void *make_post(struct link *l, enum post_kind kind, size_t size)
{
    struct sent *sent = calloc(1, offsetof(struct sent, post) + size);
    CHECK(sent != NULL);
    TAILQ_INSERT_TAIL(&l->sent, sent, link);
    struct post *post = (struct post *)(void *)sent->post;
    post->link.kind = kind;
    return post;
}

static void free_post(struct link *l, struct post *post)
{
    if (post->link.kind == POST_RECORDS) {
        buf_unref(((struct post_records *)(void *)post)->batches);
    } else if (post->link.kind == POST_SNAPSHOT) {
        buf_unref(((struct post_snapshot *)(void *)post)->image);
    }
    struct sent *sent = sent_of(post);
    TAILQ_REMOVE(&l->sent, sent, link);
    free(sent);
}

void link_posts_close(struct link *l)
{
    struct sent *sent;
    while ((sent = TAILQ_FIRST(&l->sent)) != NULL) {
        free_post(l, (struct post *)(void *)sent->post);
    }
}

/* ---- To the shards. ---- */

void link_tell_session(struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_session *post = make_post(l, POST_SESSION, sizeof *post);
        post->broker_epoch = l->epoch;
        post->answered_ms = l->answered_ms;
        post->term = l->leader_term;
        post->registered_index = l->registered_index;
        post->fenced = l->is_fenced;
        post->dirs = l->dirs;
        env_post(l->env, n, &post->post);
    }
}

/* The bytes are copied once per shard: a buffer has one owner, and these are small. */
void link_post_records(struct link *l, uint64_t first_index, struct slice batches)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_records *post = make_post(l, POST_RECORDS, sizeof *post);
        post->first_index = first_index;
        post->batches = buf_of(batches);
        post->last_index = l->received_index;
        post->shard = n;
        l->shards[n].outstanding++;
        env_post(l->env, n, &post->post);
    }
}

void link_post_snapshot(struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_snapshot *post = make_post(l, POST_SNAPSHOT, sizeof *post);
        post->index = l->chunks_index;
        post->image = buf_of(buf_slice(l->chunks));
        post->shard = n;
        l->shards[n].outstanding++;
        env_post(l->env, n, &post->post);
    }
}

bool link_has_room(const struct link *l)
{
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (l->shards[n].outstanding >= OUTSTANDING_MAX) return false;
    }
    return true;
}

void link_send_probes(struct link *l)
{
    /* However rare the heartbeats: what they tell must not look old to who reads it. */
    uint64_t pause_ms = l->options->heartbeat_ms;
    l->probe_due_ms = env_now_ms(l->env) + (pause_ms < PROBE_MS_MAX ? pause_ms : PROBE_MS_MAX);
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        if (l->shards[n].probe_is_out || l->stop_was_sent) continue;
        struct post_probe *post = make_post(l, POST_PROBE, sizeof *post);
        post->sent_ms = env_now_ms(l->env);
        post->shard = n;
        l->shards[n].probe_is_out = true;
        env_post(l->env, n, &post->post);
    }
}

void link_send_stop(struct link *l)
{
    CHECK(!l->stop_was_sent);
    l->stop_was_sent = true;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_stop *post = make_post(l, POST_STOP, sizeof *post);
        post->shard = n;
        env_post(l->env, n, &post->post);
    }
}

void link_send_end(struct link *l)
{
    CHECK(!l->end_was_sent);
    l->end_was_sent = true;
    for (uint32_t n = 1; n <= l->options->shard_count; n++) {
        struct post_end *post = make_post(l, POST_END, sizeof *post);
        l->ends_out++;
        env_post(l->env, n, &post->post);
    }
}

void link_tell_dead_dir(struct link *l, uint32_t dir)
{
    for (uint32_t n = 1; n <= l->options->shard_count && !l->end_was_sent; n++) {
        struct post_dead_dir *post = make_post(l, POST_DEAD_DIR, sizeof *post);
        post->dir = dir;
        l->dead_dirs_out++;
        env_post(l->env, n, &post->post);
    }
}

/* ---- And home again. ---- */

static void on_applied_by(struct link *l, uint32_t number, uint64_t index)
{
    struct link_shard *s = &l->shards[number];
    CHECK(s->outstanding > 0);
    s->outstanding--;
    s->heard_ms = env_now_ms(l->env);
    if (index > s->applied_index) s->applied_index = index;
}

bool link_on_post_back(struct link *l, struct post *post)
{
    bool is_applied = false;
    if (post->link.kind == POST_RECORDS) {
        struct post_records *p = (struct post_records *)(void *)post;
        on_applied_by(l, p->shard, p->last_index);
        if (p->voters.count > 0) link_know_voters(l, &p->voters);
        is_applied = true;
    } else if (post->link.kind == POST_SNAPSHOT) {
        struct post_snapshot *p = (struct post_snapshot *)(void *)post;
        on_applied_by(l, p->shard, p->index);
        if (p->voters.count > 0) link_know_voters(l, &p->voters);
        is_applied = true;
    } else if (post->link.kind == POST_PROBE) {
        struct post_probe *p = (struct post_probe *)(void *)post;
        struct link_shard *s = &l->shards[p->shard];
        s->probe_is_out = false;
        s->heard_ms = env_now_ms(l->env);
        s->numbers = p->numbers;
    } else if (post->link.kind == POST_STOP) {
        l->shards[((struct post_stop *)(void *)post)->shard].is_stopped = true;
    } else if (post->link.kind == POST_END) {
        l->ends_out--;
    } else if (post->link.kind == POST_DEAD_DIR) {
        l->dead_dirs_out--;
    }
    free_post(l, post);
    return is_applied;
}
