#include <stdlib.h>

#include "broker/link_state.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define WAIT_FOR_SESSION_MS 2000 /* For one to come; then whoever asked is better off elsewhere. \
                                  */
#define TIMEOUT_MAX_MS (3600u * 1000)

static void finish(struct link *l, struct asked *a)
{
    TAILQ_REMOVE(&l->asked, a, link);
    env_give_back(l->env, a->post);
    free(a);
}

static void give_up(struct link *l, struct asked *a, int16_t error)
{
    switch (a->post->link.kind) {
    case POST_ADMIN: ((struct post_admin *)(void *)a->post)->error = error; break;
    case POST_ISR: ((struct post_isr *)(void *)a->post)->is_lost = true; break;
    case POST_PRODUCER_IDS: ((struct post_producer_ids *)(void *)a->post)->error = error; break;
    default: UNREACHABLE();
    }
    finish(l, a);
}

static void send_question(struct link *l, struct asked *a)
{
    struct rpc_msg msg = {0};
    a->correlation = ++l->next_correlation;
    if (a->post->link.kind == POST_ADMIN) {
        struct post_admin *post = (struct post_admin *)(void *)a->post;
        msg.kind = RPC_ADMIN;
        msg.admin.correlation = a->correlation;
        msg.admin.api_key = post->api_key;
        msg.admin.api_version = post->api_version;
        msg.admin.listener = slice_of_text(post->listener);
        msg.admin.body = buf_slice(post->body);
    } else if (a->post->link.kind == POST_ISR) {
        struct post_isr *post = (struct post_isr *)(void *)a->post;
        msg.kind = RPC_ALTER_ISR;
        msg.alter_isr.id = l->options->id;
        msg.alter_isr.epoch = l->epoch;
        msg.alter_isr.correlation = a->correlation;
        msg.alter_isr.count = post->count;
        msg.alter_isr.changes = post->changes;
    } else {
        msg.kind = RPC_PRODUCER_IDS;
        msg.producer_ids.correlation = a->correlation;
        msg.producer_ids.id = l->options->id;
        msg.producer_ids.epoch = l->epoch;
        msg.producer_ids.wanted = ((struct post_producer_ids *)(void *)a->post)->wanted;
    }
    /* Only a client's own request can be too large: what fits a client's frame need not fit ours.
     */
    if (!link_send(l, l->session, &msg)) give_up(l, a, KAFKA_INVALID_REQUEST);
}

void link_on_question(struct link *l, struct post *post)
{
    struct asked *a = calloc(1, sizeof *a);
    CHECK(a != NULL);
    a->post = post;
    uint64_t wait_ms = WAIT_FOR_SESSION_MS;
    if (post->link.kind == POST_ADMIN) wait_ms = ((struct post_admin *)(void *)post)->timeout_ms;
    if (wait_ms > TIMEOUT_MAX_MS) wait_ms = TIMEOUT_MAX_MS;
    a->deadline_ms = env_now_ms(l->env) + wait_ms;
    a->unsent_until_ms =
        env_now_ms(l->env) + (wait_ms < WAIT_FOR_SESSION_MS ? wait_ms : WAIT_FOR_SESSION_MS);
    TAILQ_INSERT_TAIL(&l->asked, a, link);
    if (l->phase == LINK_SERVING && !l->stop_was_sent) {
        send_question(l, a);
    } else if (post->link.kind == POST_ISR || l->stop_was_sent) {
        give_up(l, a, KAFKA_NOT_CONTROLLER); /* A leader proposes anew when there is a session. */
    }
}

void link_send_waiting(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->correlation == 0) send_question(l, a);
    }
}

/* What was sent and has no answer is lost with the session; what was not sent waits for the next.
 */
void link_lose_questions(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->correlation != 0) give_up(l, a, KAFKA_NOT_CONTROLLER);
    }
}

void link_refuse_questions(struct link *l)
{
    struct asked *a;
    while ((a = TAILQ_FIRST(&l->asked)) != NULL) give_up(l, a, KAFKA_NOT_CONTROLLER);
}

static uint64_t deadline_of(const struct asked *a)
{
    return a->correlation == 0 ? a->unsent_until_ms : a->deadline_ms;
}

void link_check_questions(struct link *l)
{
    struct asked *a, *next;
    for (a = TAILQ_FIRST(&l->asked); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (deadline_of(a) > env_now_ms(l->env)) continue;
        give_up(l, a, a->correlation == 0 ? KAFKA_NOT_CONTROLLER : KAFKA_REQUEST_TIMED_OUT);
    }
}

uint64_t link_questions_deadline(const struct link *l)
{
    uint64_t first_ms = ENV_NEVER;
    const struct asked *a;
    TAILQ_FOREACH(a, &l->asked, link)
    {
        if (deadline_of(a) < first_ms) first_ms = deadline_of(a);
    }
    return first_ms;
}

/* The shards' posts are the shards' to free. */
void link_questions_close(struct link *l)
{
    struct asked *a;
    while ((a = TAILQ_FIRST(&l->asked)) != NULL) {
        TAILQ_REMOVE(&l->asked, a, link);
        free(a);
    }
}

/* ---- Answers. ---- */

/* NULL: nobody waits for it any more. */
static struct asked *find(struct link *l, uint64_t correlation, uint32_t kind)
{
    struct asked *a;
    TAILQ_FOREACH(a, &l->asked, link)
    {
        if (a->correlation != correlation || correlation == 0) continue;
        return a->post->link.kind == kind ? a : NULL;
    }
    return NULL;
}

void link_on_admin_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find(l, msg->admin_reply.correlation, POST_ADMIN);
    if (a == NULL) return;
    struct post_admin *post = (struct post_admin *)(void *)a->post;
    post->error = msg->admin_reply.error;
    if (post->error == 0) post->answer = buf_of(msg->admin_reply.body);
    finish(l, a);
}

void link_on_isr_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find(l, msg->alter_isr_reply.correlation, POST_ISR);
    if (a == NULL) return;
    struct post_isr *post = (struct post_isr *)(void *)a->post;
    post->is_lost = msg->alter_isr_reply.count != post->count;
    for (uint32_t i = 0; i < post->count && !post->is_lost; i++) {
        post->results[i] = msg->alter_isr_reply.results[i];
    }
    finish(l, a);
}

void link_on_producer_ids_reply(struct link *l, const struct rpc_msg *msg)
{
    struct asked *a = find(l, msg->producer_ids_reply.correlation, POST_PRODUCER_IDS);
    if (a == NULL) return;
    struct post_producer_ids *post = (struct post_producer_ids *)(void *)a->post;
    post->error = msg->producer_ids_reply.error;
    post->first = msg->producer_ids_reply.first;
    post->count = msg->producer_ids_reply.count;
    finish(l, a);
}
