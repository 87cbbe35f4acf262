#include <stdlib.h>

#include "broker/api/handlers.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/init_producer_id.h"

#define BLOCK 1000

static void answer(struct shard *s, struct request *r, int16_t error, int64_t id)
{
    struct init_producer_id_response a;
    kafka_defaults(&schema_init_producer_id_response, &a);
    a.error_code = error;
    a.producer_id = id;
    a.producer_epoch = error == KAFKA_NONE ? 0 : -1;
    request_answer(s, r, &a);
}

static void ask_for_block(struct shard *s)
{
    if (s->producer_ids_asked) return;

    struct post_producer_ids *post = calloc(1, sizeof *post);
    CHECK(post != NULL);
    post->post.link.kind = POST_PRODUCER_IDS;
    post->wanted = BLOCK;
    s->producer_ids_asked = true;
    shard_post(s, BROKER_LINK_ACTOR, &post->post);
}

bool handle_init_producer_id(struct shard *s, struct request *r, struct slice body)
{
    struct init_producer_id_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    if (q.transactional_id.at != NULL && q.transactional_id.size == 0) {
        answer(s, r, KAFKA_INVALID_REQUEST, -1);
    } else if ((q.producer_id == -1) != (q.producer_epoch == -1)) {
        answer(s, r, KAFKA_INVALID_REQUEST, -1); /* Both or none (KIP-360). */
    } else if (q.transactional_id.at != NULL) {
        answer(s, r, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1);
    } else if (s->producer_id_next < s->producer_id_end) {
        /* A producer that gives its old id gets a new one: its sequences begin anew with it. */
        answer(s, r, KAFKA_NONE, s->producer_id_next++);
    } else {
        r->wants_ids = true;
        TAILQ_INSERT_TAIL(&s->wanting_producer_ids, r, ids_link);
        ask_for_block(s);
    }
    return true;
}

void producer_ids_on_back(struct shard *s, struct post_producer_ids *post)
{
    s->producer_ids_asked = false;
    if (post->error == KAFKA_NONE) {
        s->producer_id_next = post->first;
        s->producer_id_end = post->first + post->count;
    }
    struct request *r;
    while ((r = TAILQ_FIRST(&s->wanting_producer_ids)) != NULL) {
        bool has_one = s->producer_id_next < s->producer_id_end;
        if (!has_one && post->error == KAFKA_NONE) break;
        TAILQ_REMOVE(&s->wanting_producer_ids, r, ids_link);
        r->wants_ids = false;
        /* The client tries again: there is no session with the controllers at the moment. */
        answer(s, r, has_one ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS,
               has_one ? s->producer_id_next++ : -1);
    }
    free(post);
    if (!TAILQ_EMPTY(&s->wanting_producer_ids)) ask_for_block(s);
}
